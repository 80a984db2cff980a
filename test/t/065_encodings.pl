# Texts of a catalog that do not exist in the encoding of MAIN's database, or are not valid in the other's: what pricing needs is
# priced all the same, and a text that cannot be had is NULL.
use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main', bare => 1);
my $dash = q{U&'\2013'};
my %main_of;

sub new_database
{
	my ($node, $name, $encoding) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
}

# A catalog in another encoding. changes: statements, in ASCII.
sub catalog
{
	my ($name, $encoding, $changes, $file) = @_;

	new_database($aas, $name, $encoding);
	$aas->safe_psql($name, "SET client_encoding = 'UTF8'; " . slurp_file("$FindBin::RealBin/../fixtures/" . ($file // 'aas.sql')) =~ s/[^\x00-\x7f]/-/gr);
	$aas->safe_psql($name, "$changes; GRANT SELECT ON ALL TABLES IN SCHEMA public TO aas_reader");
}

sub url
{
	my ($database) = @_;

	return aas_url($aas, database => $database);
}

# MAIN in an encoding, with a catalog.
sub attached
{
	my ($encoding, $database) = @_;
	my $name = lc "main_${encoding}_$database";
	my $session;

	new_database($main, $name, $encoding);
	$session = session($main, database => $name);
	$session->value('CREATE EXTENSION dcx_pricing');
	is($session->value(q{SELECT relation, rows FROM dcx_attach_aas('} . url($database) . q{')}), "aas.products|39\naas.categories|10\naas.terraform_vm_config|24", "$encoding attaches $database");
	return $session;
}

# The codes without a title, of the book that answers.
my $untitled = q{SELECT string_agg(key, ',' ORDER BY key COLLATE "C") FROM jsonb_each(dcx_price_book()) WHERE value -> 'title' = 'null'};
my $named = q{SELECT severity, object, problem FROM dcx_check('catalog') WHERE problem ~ 'cannot be had' ORDER BY object COLLATE "C", problem};

# Characters of Unicode, of which other encodings have some: é and en dash and a Chinese one.
catalog('uni', 'UTF8', <<'SQL');
UPDATE products SET title = U&'VM \2013 small' WHERE code = 'RAM_GB';
UPDATE products SET title = U&'caf\00E9 \\ "x"' WHERE code = 'CPU_1GHZ';
UPDATE products SET title = U&'\4E2D' WHERE code = 'CPU_2GHZ';
UPDATE categories SET name = U&'Compute \2013' WHERE id = (SELECT "categoryId" FROM products WHERE code = 'CPU_1GHZ');
UPDATE terraform_vm_config SET "group" = U&'\4E2D' WHERE name = (SELECT min(name) FROM terraform_vm_config);
ALTER TYPE "OsFamily" RENAME VALUE 'BSD' TO 'BSD – free'
SQL

subtest 'LATIN1 and UTF8' => sub {
	my $offset = -s $aas->logfile;
	my $session = attached('LATIN1', 'uni');

	is($session->value("SELECT $Dcx::cost"), '376.00', 'it prices');
	is($session->value($untitled), 'CPU_2GHZ,RAM_GB', 'without the titles that cannot be had');
	is($session->value(q{SELECT convert_to(value ->> 'title', 'LATIN1') FROM jsonb_each(dcx_price_book()) WHERE key = 'CPU_1GHZ'}), '\x636166e9205c20227822', 'and with the others');
	is($session->value(q{SELECT count(*), count(title) FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40)}), '3|3', 'a quote shows the code instead');
	is($session->value(q{SELECT title FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40) WHERE code = 'RAM_GB'}), 'RAM_GB', 'of that product');
	is($session->value(q{SELECT count(*) FROM dcx_template_costs('1GHZ', 'STANDARD') WHERE cost > 0}), '24', 'templates');
	is($session->value(q{SELECT count(*) FILTER (WHERE "group" IS NULL) || ' ' || count(*) FILTER (WHERE "osType" IS NULL) FROM dcx_template_costs('1GHZ', 'STANDARD') AS t (id, name, "group", "osType")}), '1 1', 'of which one has no group, and one no operating system');
	is($session->value(q{SELECT count(*) FROM dcx_price_book_save()}), '1', 'a book is saved');
	is($session->value(q{SELECT count(*) FROM jsonb_each(dcx_price_book()) WHERE value -> 'category' = 'null'}) > 0, 1, 'a category that cannot be had is NULL');
	like($session->value($named), qr/^warning\|CPU_2GHZ\|column title of products cannot be had$/m, 'the check names a product');
	like($session->value($named), qr/^warning\|RAM_GB\|column title of products cannot be had$/m, 'and another');
	like($session->value($named), qr/\|column name of categories cannot be had$/m, 'and a category');
	like($session->value($named), qr/\|column "group" of terraform_vm_config cannot be had$/m, 'and a template');
	like($session->value($named), qr/\|column "osType" of terraform_vm_config cannot be had$/m, 'and an operating system');
	is( $session->value(q{SELECT detail FROM dcx_check('catalog') WHERE object = 'RAM_GB'}),
		'Encoding LATIN1 of this database lacks a character of it, or its bytes are not valid: VM ? small. It counts as NULL. Correct it in AAS.', 'with what to do');
	is($session->value(q{SELECT problem FROM dcx_check() WHERE severity = 'error'}), '', 'nothing is an error');
	is($session->value(q{SELECT value FROM dcx_health() WHERE area = 'aas' AND name = 'products'}), '39', 'health');
	is($session->value(q{SELECT count(*) FROM jsonb_object_keys(dcx_schema('aas'))}), '6', 'the schema');

	# All of a transaction is of one moment of the other server, whatever is read twice.
	my $writer = session($aas, database => 'uni');
	$session->value('BEGIN');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'in a transaction');
	$writer->value(q{UPDATE products SET price = 84 WHERE code = 'CPU_1GHZ'});
	is($session->value(q{SELECT value -> 'price' FROM jsonb_each(dcx_price_book()) WHERE key = 'CPU_1GHZ'}), '78', 'a full read sees the same prices');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'and the next call');
	$session->value('COMMIT');
	is($session->value("SELECT $Dcx::cost"), '388.00', 'the next transaction sees the new one');
	$writer->value(q{UPDATE products SET price = 78 WHERE code = 'CPU_1GHZ'});
	my $reads = remote_reads($aas, $offset = -s $aas->logfile);
	$session->value(q{BEGIN; SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40)});
	$session->value(q{SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40), dcx_product_cost('RAM_GB', 1); COMMIT});
	is(remote_reads($aas, $offset), 2, 'a transaction reads twice, once as text and once as bytes');

	# Whatever else a transaction does around it.
	$session->value('CREATE TABLE noise (n integer)');
	$session->value('BEGIN; INSERT INTO noise VALUES (1); SAVEPOINT s');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'in a savepoint');
	$session->value('ROLLBACK TO s');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'and after it');
	$session->value('COMMIT');
	is($session->value('SELECT count(*) FROM noise'), '1', 'which commits');
	for my $setting ("on_outage = 'saved'", "max_price_age = '1h'")
	{
		$session->value("SET dcx_pricing.$setting");
		is($session->value("SELECT $Dcx::cost"), '376.00', "with $setting");
		is($session->notices, '', 'and no warning');
		$session->value('RESET ALL');
	}
	is($session->value(qq{SET standard_conforming_strings = off; SET enable_hashjoin = off; SELECT $Dcx::cost; RESET ALL}), '376.00', 'with other settings');

	# The titles are had again.
	$writer->value(q{UPDATE products SET title = 'plain' WHERE code IN ('RAM_GB', 'CPU_2GHZ')});
	is($session->value($untitled), '', 'corrected there');
	unlike($session->value($named), qr/products/, 'and the check is silent');
	$offset = -s $aas->logfile;
	$session->value("SELECT $Dcx::cost");
	is(remote_reads($aas, $offset), 1, 'and one read is enough');
	like(slurp_file($aas->logfile, $offset), qr/SAVEPOINT/, 'in a savepoint, since the encodings differ');
	$writer->value(q{UPDATE products SET title = U&'\2013' WHERE code = 'RAM_GB'});
	$_->close for $session, $writer;
};

subtest 'codes' => sub {
	my $writer = session($aas, database => 'uni');
	my $session;

	$writer->value(q{UPDATE products SET code = U&'CPU_\2013' WHERE code = 'CPU_2GHZ'; UPDATE products SET code = U&'CPU_\2014' WHERE code = 'GPU_SHARED_GB'});
	$writer->value(q{UPDATE products SET id = U&'\2013' || id WHERE code = 'RAM_GB'});
	$session = attached('LATIN2', 'uni');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'the others are priced');
	fails_with($session, q{SELECT dcx_vm_cost('2GHZ', 1, 1, 'STANDARD', 1)}, 'the one whose code is lost is not', state => 'ZD002', message => qr/unknown CPU type/);
	like($session->value($named), qr/^error\|CPU_\?\|column code of products cannot be had$/m, 'and the check says that there is one');
	is($session->value(q{SELECT problem FROM dcx_check('catalog') WHERE severity = 'error' AND problem !~ 'cannot be had'}), '', 'and nothing else of it');
	$session->close;
	$writer->value(q{UPDATE products SET code = 'CPU_2GHZ', title = U&'\4E2D' WHERE code = U&'CPU_\2013'; UPDATE products SET code = 'GPU_SHARED_GB' WHERE code = U&'CPU_\2014'});
	$writer->close;
};

# Bytes that are no text at all, where nobody looks.
catalog('ascii', 'SQL_ASCII', q{UPDATE products SET title = E'caf\xe9' WHERE code = 'RAM_GB'; UPDATE products SET title = E'caf\xc3\xa9' WHERE code = 'CPU_1GHZ';
	UPDATE products SET title = E'\\\\ \xff' WHERE code = 'CPU_2GHZ'});
catalog('west', 'LATIN1', q{UPDATE products SET title = E'caf\xe9' WHERE code = 'RAM_GB'});
catalog('windows', 'WIN1252', q{UPDATE products SET title = E'a\x96b' WHERE code = 'RAM_GB'; UPDATE products SET title = E'a\x81b' WHERE code = 'CPU_1GHZ'});
# Made without an encoding, and then declared to have one, in the system catalog.
catalog('declared', 'SQL_ASCII', q{UPDATE products SET title = E'caf\xe9' WHERE code = 'RAM_GB'; UPDATE products SET title = E'caf\xc3\xa9' WHERE code = 'CPU_1GHZ';
	UPDATE products SET code = E'CPU_\xe9' WHERE code = 'CPU_2GHZ'; UPDATE pg_database SET encoding = 6 WHERE datname = 'declared'});
catalog('japan', 'EUC_JP', q{UPDATE products SET title = E'\xa4\xa2' WHERE code = 'RAM_GB'});

subtest 'other encodings' => sub {
	my @pairs = (
		[ 'UTF8', 'ascii', 'CPU_2GHZ,RAM_GB' ], [ 'UTF8', 'west', '' ], [ 'UTF8', 'windows', 'CPU_1GHZ' ], [ 'UTF8', 'japan', '' ], [ 'UTF8', 'uni', '' ],
		[ 'LATIN1', 'ascii', '' ], [ 'LATIN1', 'west', '' ], [ 'WIN1252', 'uni', 'CPU_2GHZ' ],
		[ 'LATIN9', 'uni', 'CPU_2GHZ,RAM_GB' ], [ 'EUC_JP', 'uni', undef ], [ 'EUC_JP', 'ascii', undef ], [ 'SQL_ASCII', 'uni', '' ], [ 'SQL_ASCII', 'ascii', '' ],
		[ 'KOI8R', 'uni', undef ]);

	for my $pair (@pairs)
	{
		my ($encoding, $database, $expected) = @$pair;
		my $session = attached($encoding, $database);
		my $found = $session->value($untitled);

		is($session->value("SELECT $Dcx::cost"), '376.00', 'it prices');
		is($found, $expected, 'without the titles that cannot be had') if defined $expected;
		is( $session->value(q{SELECT string_agg(object, ',' ORDER BY object COLLATE "C") FROM dcx_check('catalog') WHERE problem = 'column title of products cannot be had'}),
			$found, 'which the check names');
		is($session->value(q{SELECT area, object, problem, detail FROM dcx_check() WHERE severity = 'error'}), '', 'and no error');
		is($session->value(q{SELECT count(*) FROM dcx_price_book_save()}), '1', 'saved');
		$session->close;
	}
};

subtest 'an encoding that a database does not keep to' => sub {
	my $session = attached('UTF8', 'declared');

	is($session->value("SELECT $Dcx::cost"), '376.00', 'it prices');
	is($session->value($untitled), 'RAM_GB', 'without the title that is not valid');
	fails_with($session, q{SELECT dcx_vm_cost('2GHZ', 1, 1, 'STANDARD', 1)}, 'a code that is not valid is lost', state => 'ZD002');
	is($session->value($named), "error|CPU_?|column code of products cannot be had\nwarning|RAM_GB|column title of products cannot be had", 'and the check names them');
	is($session->value(q{SELECT count(*) FROM dcx_price_book_save()}), '1', 'saved');
	$session->close;
};

subtest 'the usual case' => sub {
	my $offset = -s $aas->logfile;
	my $session = session($main, database => 'main_utf8_uni');
	my $log;

	is($session->value("SELECT $Dcx::cost"), '376.00', 'one encoding');
	$log = slurp_file($aas->logfile, $offset);
	unlike($log, qr/SAVEPOINT/, 'takes no savepoint');
	is(remote_reads($aas, $offset), 1, 'and one read');

	# What an earlier version has attached.
	$session->value(q{UPDATE dcx.binding SET seen = seen #- '{catalog,encoding}'});
	$offset = -s $aas->logfile;
	is($session->value("SELECT $Dcx::cost"), '376.00', 'an encoding that is not known');
	like(slurp_file($aas->logfile, $offset), qr/SAVEPOINT/, 'takes one');
	is(remote_reads($aas, $offset), 1, 'and one read');
	for my $seen ('null', '1', '[]', '{}', '{"catalog": 1}', '{"catalog": []}', '{"catalog": {"encoding": 6}}', '{"catalog": {"encoding": "no such"}}', '{"catalog": {"encoding": ""}}')
	{
		$session->value("UPDATE dcx.binding SET seen = '$seen'");
		is($session->value("SELECT $Dcx::cost"), '376.00', "seen: $seen");
	}
	$session->value('UPDATE dcx.binding SET seen = NULL');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'nothing seen');
	$session->value(q{SELECT * FROM dcx_attach_aas('} . url('uni') . q{')});

	# The database behind it has become another.
	$session->value(q{ALTER SERVER dcx_aas OPTIONS (SET dbname 'ascii')});
	$session->close;
	$session = session($main, database => 'main_utf8_uni');
	fails_with($session, "SELECT $Dcx::cost", 'another encoding than attach has seen', state => '22021', hint => qr/attach again/);
	is($session->value(q{SELECT severity, detail FROM dcx_check('connection') WHERE problem ~ 'encoding'}), 'warning|Attached: UTF8. Found: SQL_ASCII.', 'is in the check');
	$session->value(q{SELECT * FROM dcx_attach_aas('} . url('ascii') . q{')});
	is($session->value("SELECT $Dcx::cost"), '376.00', 'attached again');
	$session->close;
};

subtest 'other relations' => sub {
	my $session = session($main, database => 'main_latin1_uni');

	# A view of foreign tables, attached by hand; a foreign table with types of its own; one of many partitions.
	$session->value(<<'SQL');
CREATE SCHEMA v;
CREATE VIEW v.products AS SELECT upper(code) AS code, title, price * 2 AS price, cost, unit, "categoryId" FROM aas.products WHERE price > 0;
CREATE SCHEMA f;
CREATE FOREIGN TABLE f.products (name varchar(99) OPTIONS (column_name 'id'), code varchar(99), price numeric, title character(60)) SERVER dcx_aas OPTIONS (schema_name 'public');
CREATE SCHEMA p;
CREATE TABLE p.products (code text, title text, price double precision) PARTITION BY LIST (code);
CREATE FOREIGN TABLE p.some PARTITION OF p.products DEFAULT SERVER dcx_aas OPTIONS (schema_name 'public', table_name 'products');
UPDATE dcx.binding SET made = '{}';
SELECT * FROM dcx_detach('aas')
SQL
	is($session->value(q{SELECT rows FROM dcx_attach_aas(NULL, 'v')}), '39', 'a view');
	is($session->value("SELECT $Dcx::cost"), '752.00', 'is priced');
	is( $session->value($named),
		"warning|CPU_2GHZ|column title of products cannot be had\nwarning|RAM_GB|column title of products cannot be had", 'and the check names the titles');
	is($session->value(q{SELECT value FROM dcx_health() WHERE area = 'aas' AND name = 'products'}), '39', 'as health counts');
	is($session->value($untitled), 'CPU_2GHZ,RAM_GB', 'without the titles that cannot be had');
	$session->value(q{SELECT * FROM dcx_detach('aas')});
	is($session->value(q{SELECT rows FROM dcx_attach_aas(NULL, 'f')}), '39', 'a foreign table');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'is priced');
	is($session->value($untitled), 'CPU_2GHZ,RAM_GB', 'without the titles that cannot be had');
	is($session->value(q{SELECT value ->> 'title' FROM jsonb_each(dcx_price_book()) WHERE key = 'STORAGE_STANDARD'}), 'Standard Storage', 'a padded title is as it is read otherwise');
	$session->value(q{SELECT * FROM dcx_detach('aas')});

	# For partitions there is no way to read bytes: the error is the other server's.
	fails_with($session, q{SELECT rows FROM dcx_attach_aas(NULL, 'p')}, 'a partition', state => '22P05', hint => qr/^A text there has a character that encoding LATIN1/);
	$session->close;
};

# One statement joins three tables at the other server, or as bytes three are read and joined here.
catalog('net', 'UTF8', <<'SQL', 'enetworks.sql');
UPDATE network_services SET title = U&'a \2013 b' WHERE id = (SELECT min(id) FROM network_services);
UPDATE network_services SET code = U&'\2013' WHERE id = (SELECT max(id) FROM network_services);
UPDATE providers SET name = U&'\4E2D' WHERE id = (SELECT max(id) FROM providers);
ALTER TABLE network_services DROP CONSTRAINT IF EXISTS "network_services_providerId_fkey";
ALTER TABLE bandwidth_prices DROP CONSTRAINT IF EXISTS "bandwidth_prices_serviceId_fkey";
UPDATE network_services SET id = U&'\2013' || id;
UPDATE bandwidth_prices SET "serviceId" = U&'\2013' || "serviceId";
CREATE VIEW prices AS SELECT s.code, s.title, p.name AS provider, p.active, b."minMbps" AS min_mbps, b."maxMbps" AS max_mbps, b."fixedPrice" AS fixed_price,
	b."pricePerMbps" AS price_per_mbps, b.cost FROM network_services s JOIN providers p ON p.id = s."providerId" JOIN bandwidth_prices b ON b."serviceId" = s.id
SQL

subtest 'network services' => sub {
	my $book = q{SELECT key, value - 'title' - 'provider' FROM jsonb_each(dcx_price_book('enetworks')) ORDER BY key COLLATE "C"};
	my $exact = session($main, database => 'main_utf8_uni');
	my $session = session($main, database => 'main_latin1_uni');
	my $attach = sub { return q{SELECT count(*) FROM dcx_attach_enetworks('} . url('net') . "'$_[0])" };
	my $expected;

	is($exact->value($attach->('')), '3', 'attached in UTF8');
	$expected = $exact->value($book) =~ s/\n?^[^\x00-\x7f]+\|.*//mr;
	is($session->value($attach->('')), '3', 'attached in LATIN1');
	is($session->value($book), $expected, 'the prices are the same');
	is($session->value(q{SELECT count(*) FILTER (WHERE value -> 'title' = 'null') FROM jsonb_each(dcx_price_book('enetworks'))}), '1', 'one title is NULL');
	cmp_ok($session->value(q{SELECT count(*) FILTER (WHERE value -> 'provider' = 'null') FROM jsonb_each(dcx_price_book('enetworks'))}), '>', 0, 'and one provider');
	is($session->value(q{SELECT count(*) FROM dcx_network_offers(100)}) > 0, 1, 'there are offers');
	like($session->value(q{SELECT problem FROM dcx_check('catalog')}), qr/^column $_ cannot be had$/m, "the check names $_")
	  for 'title of network_services', 'code of network_services', 'name of providers';
	is($session->value(q{SELECT count(*) FROM dcx_price_book_save('enetworks')}), '1', 'saved');

	$_->value(q{SELECT * FROM dcx_detach('enetworks')}) for $session, $exact;
	is($exact->value($attach->(q{, 'of_view', 'prices'})), '1', 'a view of prices, in UTF8');
	$expected = $exact->value($book) =~ s/\n?^[^\x00-\x7f]+\|.*//mr;
	is($session->value($attach->(q{, 'of_view', 'prices'})), '1', 'in LATIN1');
	is($session->value($book), $expected, 'the prices are the same');
	like($session->value(q{SELECT problem FROM dcx_check('catalog')}), qr/^column $_ of prices cannot be had$/m, "the check names $_") for 'title', 'code', 'provider';
	$_->close for $session, $exact;
};

subtest 'names in the other database' => sub {
	my $session;

	$aas->safe_psql('uni', q{CREATE TABLE "other – table" (n integer); ALTER TABLE products ADD "a – column" text DEFAULT 'x'; ALTER TABLE products ADD more text DEFAULT '–'; GRANT SELECT ON "other – table" TO aas_reader});
	$session = attached('LATIN5', 'uni');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'that this one cannot have are left out');
	is($session->value(q{SELECT problem FROM dcx_check('schema') WHERE severity = 'error'}), '', 'and are no error');
	$session->close;
};

$_->stop for $main, $aas;
done_testing();
