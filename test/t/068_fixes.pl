# Every fix of dcx_check() runs as it stands, after everything that it could name has another name: the extension's, the
# catalogs' and the wallets' schema, the wallet table and its columns, the server, the role, the database.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main', conf => "dcx_pricing.max_price_age = '1h'\n");
my $there = session($aas, database => $Dcx::aas_db);
my $url = aas_url($aas);

$there->value('CREATE EXTENSION dcx_pricing; SELECT * FROM dcx_attach_updated_at()');
my $before = session($main);
$before->value(<<'SQL');
CREATE ROLE boss SUPERUSER LOGIN;
DROP EXTENSION dcx_pricing;
SET ROLE boss;
CREATE SCHEMA api;
CREATE EXTENSION dcx_pricing SCHEMA api;
ALTER TABLE "OrganisationWallet" OWNER TO boss;
ALTER TABLE "OrganisationWallet" ALTER balance TYPE numeric(14,2);
CREATE SCHEMA net;
CREATE TABLE net.providers AS SELECT 'p' AS id, 'P' AS name, true AS active;
CREATE TABLE net.network_services AS SELECT 's' AS id, 'S' AS code, 'p' AS "providerId";
CREATE TABLE net.bandwidth_prices AS SELECT 'b' AS id, 's' AS "serviceId", 0 AS "minMbps", 10 AS "maxMbps", 1.5 AS "fixedPrice", 1 AS "pricePerMbps";
ALTER TABLE net.providers ADD PRIMARY KEY (id);
ALTER TABLE net.network_services ADD PRIMARY KEY (id), ADD FOREIGN KEY ("providerId") REFERENCES net.providers (id);
ALTER TABLE net.bandwidth_prices ADD PRIMARY KEY (id), ADD FOREIGN KEY ("serviceId") REFERENCES net.network_services (id);
SELECT * FROM api.dcx_attach_updated_at('public');
SELECT * FROM api.dcx_attach_enetworks(NULL, 'net');
SELECT * FROM api.dcx_attach_wallet('public."OrganisationWallet"');
SQL
$before->value("SELECT * FROM api.dcx_attach_aas('$url')");
is($before->value(q{SELECT * FROM api.dcx_check() WHERE severity <> 'info'}), '', 'all is well');
$before->value(<<'SQL');
RESET ROLE;
ALTER SCHEMA api RENAME TO "Api %s 2";
ALTER SCHEMA aas RENAME TO "Cat's";
ALTER SCHEMA net RENAME TO "Net ""2""";
ALTER SCHEMA public RENAME TO shop;
ALTER TABLE shop."OrganisationWallet" RENAME TO "Purses";
ALTER SERVER dcx_aas RENAME TO "far away";
ALTER ROLE boss RENAME TO "Big Boss"
SQL
$before->close;
$main->safe_psql('postgres', qq{ALTER DATABASE $Dcx::main_db RENAME TO "Main 2"});

my %connect = (database => 'Main 2', user => "'Big Boss'");
my $boss = session($main, %connect);
my $api = '"Api %s 2"';

sub found { return $boss->value(qq{SELECT severity, problem FROM $api.dcx_check() WHERE problem <> 'this database is not the one that attached the catalog' AND severity <> 'info'}) }

# The problem has rows with fixes. These run, and then it is gone.
sub mended
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($problem, $plant, %params) = @_;
	my $rows = qq{FROM $api.dcx_check() WHERE problem ~ \$p\$$problem\$p\$};

	subtest $problem => sub {
		$plant->();
		my @fixes = split /\n/, $boss->value("SELECT fix $rows AND fix IS NOT NULL");
		ok(@fixes > 0, 'has a fix') or diag($boss->value("SELECT * FROM $api.dcx_check()"));
		for my $fix (@fixes)
		{
			my $error = $boss->error($fix);
			is($error->{state}, 'none', $fix) or diag($error->{text});
		}
		if ($params{again})
		{
			$boss->close;
			$boss = session($main, %connect);
		}
		is($boss->value("SELECT problem, detail $rows"), '', 'which mends it');
		$params{after}->() if $params{after};
		is(found(), '', 'and nothing else is wrong');
	};
}

sub here { my ($sql) = @_; return sub { $boss->value("SET client_min_messages = warning; $sql; RESET client_min_messages") } }
sub far { my ($sql) = @_; return sub { $there->value($sql) } }
sub server { my ($options) = @_; return here(qq{ALTER SERVER "far away" OPTIONS ($options)}) }

is(found(), '', 'other names are no problem');
mended('^the columns "organisationId" and balance are org and "Bal ance" now$',
	here('ALTER TABLE shop."Purses" RENAME "organisationId" TO org; ALTER TABLE shop."Purses" RENAME balance TO "Bal ance"'));
is($boss->value(qq{SELECT $api.dcx_wallet_balance('org-acme')}), '1000.00', 'the wallets are there');

# connection
# As long as nobody knows what is attached, nothing is attached in its place, and no server is dropped.
mended(
	'^it is called "other one" now$',
	sub {
		here('ALTER SCHEMA dcx RENAME TO "other one"; CREATE SCHEMA aas; CREATE TABLE aas.products (code text, price numeric)')->();
		is($boss->value(qq{SELECT problem, fix FROM $api.dcx_check('connection')}),
			q{it is called "other one" now|ALTER SCHEMA "other one" RENAME TO dcx}, 'that is all that is said');
	},
	after => here('DROP SCHEMA aas CASCADE'));
mended('^the server has no connect_timeout$', server('DROP connect_timeout'));
mended('^the server has no tcp_user_timeout$', server('DROP tcp_user_timeout'));
mended("^the server's keepalives_count is 99\$", server(q{SET keepalives_count '99'}));
mended('^statement_timeout there is 0$', server(q{SET options '-c statement_timeout=0'}));
# Without options it may be a pooler's: then a fix would end all connections.
subtest 'a server without options' => sub {
	server('DROP options')->();
	is($boss->value(qq{SELECT fix IS NULL, detail FROM $api.dcx_check() WHERE problem = 'statement_timeout there is 0'}) =~ s/\. Behind.* Else/... Else/r,
		q{t|What is asked there goes on after nobody waits for it any more; 0 is without end... Else: ALTER SERVER "far away" OPTIONS (ADD options '-c statement_timeout=5s').},
		'a person decides');
	server(q{ADD options '-c statement_timeout=5s'})->();
	is(found(), '', 'and gone');
};
mended('^the attached relation has been dropped$', here(q{DROP FOREIGN TABLE "Cat's".categories, "Cat's".terraform_vm_config}));
mended('^the attached relation has been dropped$', here(q{DROP FOREIGN TABLE "Cat's".products}));
mended('^the attached relation has been dropped$', here(q{DROP SCHEMA "Cat's" CASCADE}), after => here('CREATE SCHEMA filler'));
mended('^the attached relation has been dropped$',
	here('ALTER TABLE "Net ""2""".providers RENAME TO old; CREATE TABLE "Net ""2""".providers (LIKE "Net ""2""".old INCLUDING ALL);
		INSERT INTO "Net ""2""".providers SELECT * FROM "Net ""2""".old; DROP TABLE "Net ""2""".old CASCADE;
		ALTER TABLE "Net ""2""".network_services ADD FOREIGN KEY ("providerId") REFERENCES "Net ""2""".providers (id)'));
mended('^attach made it, and nothing is attached through it$',
	here(qq{SELECT * FROM $api.dcx_attach_aas('$url', 'else "where'); SELECT * FROM $api.dcx_attach_aas('far away', 'Cat''s')}),
	after => here('DROP SCHEMA "else ""where"'));

# schema
my $products = q{ALTER FOREIGN TABLE "Cat's".products};
mended('^column unit of the remote table is not here$', here("$products DROP COLUMN unit"));
mended('^column discount is not in the remote table$', here("$products ADD COLUMN discount numeric"));
mended('^column title has another type here$', here("$products ALTER title TYPE varchar(3)"));
mended('^column title can be NULL here$', here("$products ALTER title DROP NOT NULL"));
mended('^column profit cannot be NULL here$', here("$products ALTER profit SET NOT NULL"));

# catalog
mended('^prices have changed since', far(q{UPDATE products SET price = price + 1 WHERE code = 'RAM_GB'}));
mended('^prices have changed since', here('UPDATE "Net ""2""".bandwidth_prices SET "fixedPrice" = 2'));

# updated_at
mended('^nothing keeps "updatedAt"$', here('CREATE TABLE shop."New" ("updatedAt" timestamptz)'));
mended('^nothing keeps "updatedAt"$', here('ALTER TABLE shop."New" DISABLE TRIGGER ALL'));
mended('^the trigger that keeps "updatedAt" does not fire last$',
	here('CREATE FUNCTION shop.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
		CREATE TRIGGER "~~" BEFORE UPDATE ON shop."New" FOR EACH ROW EXECUTE FUNCTION shop.nothing()'),
	after => here('DROP TABLE shop."New"'));

# wallet
my $wallets = 'ALTER TABLE shop."Purses"';
mended('^the balance is not what the entries add up to$',
	here(qq{$wallets DISABLE TRIGGER ALL; UPDATE shop."Purses" SET "Bal ance" = 7 WHERE org = 'org-acme';
		$wallets ENABLE ALWAYS TRIGGER "000_dcx_wallet", ENABLE ALWAYS TRIGGER "000_dcx_wallet_truncate", ENABLE TRIGGER zzz_dcx_updated_at}));
mended('^a trigger that writes the ledger is missing$', here('DROP TRIGGER "000_dcx_wallet" ON shop."Purses"'));
mended('calls dcx_wallet_record\(\) for nothing$',
	here(qq{CREATE TRIGGER "One more" AFTER INSERT ON shop."Purses" FOR EACH ROW EXECUTE FUNCTION $api.dcx_wallet_record()}));
mended('^trigger append_only is missing$', here('DROP TRIGGER append_only ON dcx.wallet_entry'));
mended('^there is no ledger$', here('DROP TABLE dcx.wallet_entry, dcx.wallet_hold, dcx.wallet_key, dcx.wallet_account'));
mended('is not unique$', here(q{DO $$ BEGIN EXECUTE (SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index
	WHERE indrelid = 'shop."Purses"'::regclass AND indisunique AND NOT indisprimary); END $$}));
mended('can be NULL$', here(qq{$wallets ALTER org DROP NOT NULL}));
mended('^balances are double precision$', here(qq{$wallets ALTER "Bal ance" TYPE double precision}),
	after => here(qq{$wallets ALTER "Bal ance" TYPE numeric(14,2)}));
mended('^expired holds are not marked$', sub {
	$boss->value(qq{SELECT * FROM $api.dcx_wallet_hold('org-globex', 1, 'k', '1 millisecond')});
	$boss->value(q{SELECT pg_sleep(0.001) FROM generate_series(1, 1000) WHERE (SELECT expires_at FROM dcx.wallet_hold WHERE idempotency_key = 'k') >= clock_timestamp()});
	$boss->value(qq{SELECT * FROM $api.dcx_wallet_debit('org-globex', 1, 'd')});
});
mended('^the attached wallet table has been dropped$',
	here('CREATE TABLE shop.again AS SELECT * FROM shop."Purses"; DROP TABLE shop."Purses" CASCADE; ALTER TABLE shop.again RENAME TO "Purses";'
		. 'ALTER TABLE shop."Purses" ALTER org SET NOT NULL, ALTER "Bal ance" SET NOT NULL, ADD PRIMARY KEY (id), ADD UNIQUE (org);'
		. "SELECT * FROM $api.dcx_attach_updated_at('shop.\"Purses\"')"));

# settings
mended('does not fire always$', here(qq{$wallets ENABLE TRIGGER "000_dcx_wallet"}));
mended('^no book of AAS was saved within it$', here(q{UPDATE dcx.price_book SET first_seen_at = '2026-01-01', last_seen_at = '2026-01-02' WHERE catalog = 'aas'}));
mended('^there is no saved book of ', here(q{DELETE FROM dcx.price_book; SET dcx_pricing.on_outage = 'saved'}), after => here('RESET dcx_pricing.on_outage'));
mended('are of an earlier version$', here('UPDATE dcx.binding SET version = NULL'));
mended('^there is no column seen$', here('ALTER TABLE dcx.binding DROP COLUMN seen'));
$boss->value('ALTER DATABASE "Main 2" SET dcx_pricing.max_price_age = 0');
$boss->close;
$boss = session($main, %connect);
mended('^orders are priced by another server$', sub { }, again => 1);

# --------------------------------------------------------------------------------------------------
# Who can run them
# --------------------------------------------------------------------------------------------------

# A fix that another role has to run is told in the detail.
subtest 'by a role that may not' => sub {
	my @problems = ([ server('DROP connect_timeout'), 'the server has no connect_timeout', 'role "Big Boss"' ],
		[ here("$products DROP COLUMN unit"), 'column unit of the remote table is not here', 'role "Big Boss"' ],
		[ here(qq{$wallets ENABLE TRIGGER "000_dcx_wallet"}), 'trigger "000_dcx_wallet" does not fire always', 'role "Big Boss"' ],
		[ here('CREATE TABLE shop."New" ("updatedAt" timestamptz)'), 'nothing keeps "updatedAt"', 'role "Big Boss"' ],
		[ far(q{UPDATE products SET price = price + 1 WHERE code = 'RAM_GB'}), 'prices have changed since the last saved book', 'a role that may execute dcx_price_book_save' ]);

	$_->[0]->() for @problems;
	$boss->value(qq{ALTER DATABASE "Main 2" RESET dcx_pricing.max_price_age; ALTER DATABASE "Main 2" SET dcx_pricing.max_price_age = 0;
		CREATE ROLE lord LOGIN; GRANT USAGE ON SCHEMA $api TO lord; ALTER DATABASE "Main 2" OWNER TO lord;
		GRANT EXECUTE ON FUNCTION $api.dcx_check, $api.dcx_wallet_audit, $api.dcx_attach_updated_at TO lord});
	my $lord = session($main, database => 'Main 2', user => 'lord');
	is($lord->value(qq{SELECT problem, fix FROM $api.dcx_check() WHERE fix IS NOT NULL}), '', 'has no fix');
	for ([ undef, 'orders are priced by another server', 'a superuser' ], @problems)
	{
		my ($plant, $problem, $who) = @$_;
		like($lord->value(qq{SELECT detail FROM $api.dcx_check() WHERE problem = '$problem'}), qr/To be run by $who: (?:ALTER|SELECT|DROP) .*\.$/, $problem);
	}
	$boss->value('GRANT SET ON PARAMETER dcx_pricing.max_price_age TO lord');
	like($lord->value(qq{SELECT fix FROM $api.dcx_check() WHERE problem = 'orders are priced by another server'}), qr/^ALTER DATABASE "Main 2" SET/, 'who may has it');
	is($lord->error($_)->{state}, 'none', $_) for $lord->value(qq{SELECT fix FROM $api.dcx_check() WHERE fix IS NOT NULL});
	$lord->close;
	$boss->close;
	$boss = session($main, %connect);
	is($boss->error($_)->{state}, 'none', $_) for split /\n/, $boss->value(qq{SELECT fix FROM $api.dcx_check() WHERE fix IS NOT NULL});
	is(found(), '', 'another role can run all');
};

# In a restored dump objects have other OIDs: what was attached before is found by its name.
subtest 'detached in a copy' => sub {
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/main.dump';

	$boss->value(qq{SELECT * FROM $api.dcx_attach_aas('$url', 'Th"ird'); SELECT * FROM $api.dcx_attach_aas('far away', 'Cat''s');
		SELECT * FROM $api.dcx_attach_aas('$url', 'fourth'); DROP SCHEMA fourth CASCADE});
	$main->command_ok([ 'pg_dump', '-f', $dump, $main->connstr('Main 2') ], 'dumped');
	$main->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE template0');
	$main->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', "$dump.log", '-f', $dump, $main->connstr('copy') ], 'and restored');
	my $copy = session($main, database => 'copy', user => "'Big Boss'");
	is($copy->value('SELECT count(*) FROM pg_foreign_server'), '3', 'three servers');
	$copy->value(qq{SELECT * FROM $api.dcx_detach('aas')});
	# What was known of this one went with column seen, above. The check names it.
	is($copy->value('SELECT srvname FROM pg_foreign_server'), 'far away', 'one is left');
	$copy->value($copy->value(qq{SELECT fix FROM $api.dcx_check() WHERE problem = 'attach made it, and nothing is attached through it'}));
	is($copy->value(q{SELECT (SELECT count(*) FROM pg_foreign_server), (SELECT count(*) FROM pg_user_mappings), (SELECT count(*) FROM pg_foreign_table)}),
		'0|0|0', 'nothing is left of them');
	$copy->close;
};

$_->close for $boss, $there;
$_->stop for $main, $aas;
done_testing();
