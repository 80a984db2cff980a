# Columns whose type is a domain, in the other server's tables and in our own: each counts as the type that it is over.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main');
my $super = session($main);
my $attached = q{FROM dcx_attach_aas('} . aas_url($aas, database => 'domains') . q{')};

# Domains in a schema that the reader may not even use; over each other; over arrays; arrays of them; over other types.
Dcx::load($aas, 'domains', 'aas.sql');
Dcx::load($aas, 'domains_network', 'enetworks.sql');
$aas->safe_psql('domains', <<'SQL');
CREATE EXTENSION citext;
CREATE SCHEMA money;
CREATE DOMAIN money.amount AS numeric(14,2);
CREATE DOMAIN money.zar AS money.amount CHECK (VALUE >= 0);
CREATE DOMAIN "Price tag" AS money.zar NOT NULL;
CREATE DOMAIN fraction AS double precision;
CREATE DOMAIN label AS varchar(80);
CREATE DOMAIN padded AS character(24);
CREATE DOMAIN bare AS bpchar;
CREATE DOMAIN pieces AS smallint;
CREATE DOMAIN free AS citext;
CREATE DOMAIN family AS "OsFamily";
CREATE DOMAIN moment AS timestamptz(3);
CREATE DOMAIN span AS interval day to second(3);
CREATE DOMAIN amounts AS money.amount[];
CREATE DOMAIN plain_amounts AS numeric(9,1)[];
CREATE DOMAIN more_amounts AS amounts;
CREATE DOMAIN families AS "OsFamily"[];
CREATE DOMAIN integers AS integer[];
CREATE TYPE pair AS (a money.zar, b text);
CREATE DOMAIN pair_of AS pair;
CREATE DOMAIN ages AS int4range;
CREATE DOMAIN flag AS boolean;
ALTER TABLE products ALTER price TYPE "Price tag", ALTER cost TYPE fraction, ALTER code TYPE padded, ALTER title TYPE label,
	ALTER unit DROP DEFAULT, ALTER unit TYPE pieces, ALTER "updatedAt" TYPE moment,
	ADD a money.zar[], ADD b amounts, ADD c more_amounts, ADD d plain_amounts, ADD e families, ADD f pair_of, ADD g ages, ADD h span,
	ADD i integers[], ADD j free, ADD k free[], ADD l bare, ADD m span[], ADD n family[], ADD o more_amounts[], ADD p "Price tag" DEFAULT 1;
ALTER TABLE terraform_vm_config ALTER "osType" TYPE family, ALTER vcpus TYPE pieces, ALTER memory TYPE money.amount;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO aas_reader
SQL
$aas->safe_psql('domains_network', <<'SQL');
CREATE SCHEMA t;
CREATE DOMAIN t.mbps AS integer;
CREATE DOMAIN t.zar AS numeric(12,2);
CREATE DOMAIN t.net AS t.zar;
CREATE DOMAIN t.code AS text;
CREATE DOMAIN t.flag AS boolean;
ALTER TABLE bandwidth_prices ALTER "minMbps" TYPE t.mbps, ALTER "maxMbps" TYPE t.mbps, ALTER "fixedPrice" TYPE t.net, ALTER "pricePerMbps" TYPE t.zar;
ALTER TABLE network_services ALTER code TYPE t.code;
ALTER TABLE providers ALTER active DROP DEFAULT, ALTER active TYPE t.flag;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO aas_reader
SQL

subtest 'at the other server' => sub {
	is($super->value("SELECT relation, rows $attached"), "aas.products|39\naas.categories|10\naas.terraform_vm_config|24", 'attached');
	is( $super->value(q{SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute
			WHERE attrelid = 'aas.products'::regclass AND attnum > 0 AND attname NOT IN ('id', 'categoryId', 'profit', 'createdAt')}),
		join(', ', 'title character varying(80)', 'price numeric(14,2)', 'cost double precision', 'code character(24)', 'unit smallint',
			'updatedAt timestamp(3) with time zone', 'a numeric(14,2)[]', 'b numeric(14,2)[]', 'c numeric(14,2)[]', 'd numeric(9,1)[]', 'e text',
			'f text', 'g int4range', 'h interval day to second(3)', 'i text', 'j text', 'k text', 'l character', 'm interval day to second(3)[]', 'n text',
			'o text', 'p numeric(14,2)') =~ s/l character/l bpchar/r,
		'each is the type that it is over, at any depth, or text');
	my $notes = $super->value("SELECT note $attached LIMIT 1");
	like($notes, qr/; column e is text here \(type families there\)/, 'and the note names what is text');
	unlike($notes, qr/column (?:price|a|b|c|d|g|h|m) is text/, 'and nothing else');
	is($super->value("SELECT $Dcx::cost"), '376.00', 'it prices');
	is($super->value(q{SELECT count(p) FROM aas.products p}), '39', 'and every column can be read');
	is($super->value(q{SELECT count(*) FROM dcx_template_costs('1GHZ', 'STANDARD') WHERE cost > 0}), '24', 'the templates, too');
	is($super->value(q{SELECT problem, detail FROM dcx_check('schema') WHERE problem ~ 'type|number|timestamp'}), '', 'that is no drift');
	is( $super->value(q{SELECT dcx_schema('aas') #>> '{products,columns,price,type}', dcx_schema('aas') #>> '{products,columns,a,type}'}),
		'public."Price tag"|money.zar[]', 'the schema is as the server has it');
};

subtest 'types that have moved apart' => sub {
	$aas->safe_psql('domains', 'ALTER TABLE products ALTER p TYPE integer, ALTER unit TYPE money.zar');
	is( $super->value(q{SELECT problem, detail, fix FROM dcx_check('schema') WHERE problem ~ 'type' ORDER BY 1}),
		"column p has another type here|Here: numeric(14,2). There: integer.|ALTER FOREIGN TABLE aas.products ALTER COLUMN p TYPE integer\n"
		  . 'column unit has another type here|Here: smallint. There: money.zar.|ALTER FOREIGN TABLE aas.products ALTER COLUMN unit TYPE numeric(14,2)',
		'are a drift');
	$super->value($_) for split /\n/, $super->value(q{SELECT fix FROM dcx_check('schema') WHERE problem ~ 'type'});
	is($super->value(q{SELECT problem FROM dcx_check('schema') WHERE problem ~ 'type'}), '', 'that the fix mends');
	$aas->safe_psql('domains', 'ALTER TABLE products ALTER price TYPE text');
	like($super->value(q{SELECT detail FROM dcx_check('schema') WHERE problem = 'column price is not a number'}), qr/^It is of type text\./, 'a domain no more');
	$aas->safe_psql('domains', 'CREATE DOMAIN words AS text; CREATE DOMAIN more_words AS words; ALTER TABLE products ALTER price TYPE more_words');
	like($super->value(q{SELECT detail FROM dcx_check('schema') WHERE problem = 'column price is not a number'}), qr/^It is of type public\.more_words\./,
		'a domain over a text is no number');
	$aas->safe_psql('domains', 'ALTER TABLE products ALTER price TYPE "Price tag" USING price::numeric');

	# A foreign table of the user's own can have domains of this database.
	$super->value('CREATE DOMAIN rand AS numeric(14,2); CREATE DOMAIN price AS rand; ALTER FOREIGN TABLE aas.products ALTER price TYPE price, ALTER cost TYPE rand');
	is( $super->value(q{SELECT problem, detail, fix FROM dcx_check('schema') WHERE problem ~ 'type'}),
		'column cost has another type here|Here: public.rand. There: public.fraction.|ALTER FOREIGN TABLE aas.products ALTER COLUMN cost TYPE double precision',
		'a domain of this database is what it is over, too');
	is($super->value("SELECT $Dcx::cost"), '376.00', 'and prices');
	$super->value('ALTER FOREIGN TABLE aas.products ALTER price TYPE numeric(14,2), ALTER cost TYPE double precision');
};

subtest 'network services' => sub {
	my $url = enetworks_url($aas) =~ s/enetworks_reader:[^@]*/aas_reader:$Dcx::aas_password_encoded/r =~ s/$Dcx::enetworks_db/domains_network/r;

	is($super->value("SELECT count(*) FROM dcx_attach_enetworks('$url')"), '3', 'attached');
	is($super->value(q{SELECT count(*) > 0, bool_and(cost > 0) FROM dcx_network_offers(100)}), 't|t', 'and priced');
	is($super->value(q{SELECT bool_and((s.value ->> 'active') IS NOT NULL AND s.value -> 'bands' -> 0 ->> 'fixed_price' IS NOT NULL)
		FROM jsonb_each(dcx_price_book('enetworks')) s}), 't', 'in the book');
};

subtest 'in our own tables' => sub {
	$super->value(q{SELECT * FROM dcx_detach('aas')});
	$super->value(<<'SQL');
CREATE DOMAIN zar AS numeric(12,2) CHECK (VALUE >= 0);
CREATE DOMAIN list_price AS zar;
CREATE DOMAIN fraction AS double precision;
CREATE DOMAIN code AS varchar(20);
CREATE SCHEMA here;
CREATE TABLE here.products (code code, title code, price list_price, cost fraction, unit zar, "categoryId" text);
INSERT INTO here.products VALUES ('CPU_1GHZ', 'CPU', 78, 50, 1, NULL), ('RAM_GB', 'RAM', 37, 20, 1, NULL), ('STORAGE_STANDARD', 'Disk', 1.8, 1, 1, NULL)
SQL
	is($super->value(q{SELECT relation, rows FROM dcx_attach_aas(NULL, 'here')}), 'here.products|3', 'a catalog is adopted');
	is($super->value("SELECT $Dcx::cost"), '376.00', 'and prices');
	is($super->value(q{SELECT problem FROM dcx_check('schema') WHERE problem ~ 'type|number'}), '', 'that is no drift');

	$super->value(<<'SQL');
CREATE DOMAIN org AS text;
CREATE DOMAIN org_id AS org CHECK (VALUE <> '');
CREATE DOMAIN credit AS zar;
CREATE TABLE purse (org org_id PRIMARY KEY, balance credit NOT NULL);
INSERT INTO purse VALUES ('acme', 1000), ('zeta', 5)
SQL
	like($super->value(q{SELECT note FROM dcx_attach_wallet('purse', 'org', 'balance') LIMIT 1}), qr/^organisation: org text, balance: balance numeric$/, 'wallets are attached');
	is($super->value(q{SELECT dcx_wallet_balance('acme'), dcx_wallet_available('acme')}), '1000.00|1000.00', 'and read');
	is($super->value(q{SELECT balance FROM dcx_wallet_credit('acme', 50.00, 'k1')}), '1050.00', 'credited');
	is($super->value(q{SELECT balance FROM dcx_wallet_debit('acme', 100.00, 'k2')}), '950.00', 'debited');
	my $hold = $super->value(q{SELECT hold_id FROM dcx_wallet_hold('acme', 200.00, 'k3')});
	is($super->value(q{SELECT dcx_wallet_available('acme')}), '750.00', 'held');
	is($super->value("SELECT count(*) FROM dcx_wallet_capture($hold)"), '1', 'captured');
	$super->value(q{UPDATE purse SET balance = balance + 1 WHERE org = 'zeta'});
	is($super->value(q{SELECT kind, amount FROM dcx_wallet_statement('zeta') ORDER BY entry_id DESC LIMIT 1}), 'external|1.00', 'a change of the platform is recorded');
	is($super->value(q{SELECT count(*) FROM dcx_wallet_audit()}), '0', 'and it all adds up');
};

$super->close;
$_->stop for $main, $aas;
done_testing();
