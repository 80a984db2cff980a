# The extension is dropped and created again, dumped and restored, and created in another schema: what was attached
# stays attached.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main');
my $url = aas_url($aas);
my $price = "SELECT $Dcx::cost";

$main->safe_psql($Dcx::main_db, 'CREATE ROLE app LOGIN');
add_operator($main, 'operator');

subtest 'the extension is dropped and made again, many times in one session' => sub {
	my $session = session($main);
	my $other = session($main, user => 'app');
	my $memory = 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts';
	my (%wrong, $few);

	$session->value("SELECT * FROM dcx_attach_aas('$url')");
	$session->value('SELECT * FROM dcx_attach_wallet()');
	$session->value('GRANT SELECT ON "OrganisationWallet" TO app');
	is($other->value($price), '376.00', 'another session prices');
	for my $round (1 .. 50)
	{
		# The wallet table's triggers hold it: they go with it, which the wallets can be read without.
		$session->value('DROP EXTENSION dcx_pricing CASCADE');
		fails_with($other, $price, 'without the extension there is no function', state => '42883') if $round == 1;
		$session->value('CREATE EXTENSION dcx_pricing');
		for my $who ($session, $other)
		{
			my $shown = $who->error($price)->{text} . ' ' . $who->error(q{SELECT dcx_wallet_balance('org-acme')})->{text};

			$wrong{$shown}++ if $shown ne '376.00 1000.00';
		}
		$few = $session->value($memory) if $round == 10;
	}
	is_deeply(\%wrong, {}, 'prices and wallets are back each time, without attaching');
	cmp_ok($session->value($memory), '<', $few * 1.25 + 500_000, 'and memory does not grow');

	$session->value('BEGIN');
	$session->value('DROP EXTENSION dcx_pricing CASCADE');
	$session->value('CREATE EXTENSION dcx_pricing');
	is($session->value($price), '376.00', 'in one transaction');
	$session->value('ROLLBACK');
	is($session->value($price), '376.00', 'and after its rollback');

	is( $session->value(<<'SQL'), '', 'nothing that attach made belongs to the extension');
SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
 WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'dcx_pricing')
   AND classid <> 'pg_proc'::regclass
SQL
	is($session->value('SELECT count(*) FROM dcx.binding'), '4', 'the bindings are where they were');
	$_->close for $session, $other;
};

subtest 'the bindings are dropped while others have a book' => sub {
	my $session = session($main);
	my $other = session($main, user => 'app');

	is($other->value($price), '376.00', 'before');
	is($other->value(q{SELECT dcx_wallet_balance('org-acme')}), '1000.00', 'a wallet, too');
	$session->value('DROP SCHEMA dcx CASCADE');
	fails_with($other, $price, 'the next statement of another session',
		state => 'ZD007', message => 'no catalog is attached', hint => qr/dcx_attach_aas\(\)/);
	fails_with($other, q{SELECT dcx_wallet_balance('org-acme')}, 'for a wallet, too',
		state => 'ZD007', message => 'no wallet table is attached', hint => qr/dcx_attach_wallet\(\)/);
	fails_with($session, $price, 'and of this one', state => 'ZD007');
	fails_with($session, q{SELECT * FROM dcx_detach('aas')}, 'nothing to detach', state => 'ZD007');
	$session->value('SELECT * FROM dcx_attach_aas()');
	is($other->value($price), '376.00', 'attached again, it prices again');

	$session->value('BEGIN');
	$session->value('DROP SCHEMA dcx CASCADE');
	is($session->error($price)->{state}, 'ZD007', 'dropped in a transaction of its own');
	$session->value('ROLLBACK');
	is($session->value($price), '376.00', 'which is rolled back');

	$session->value('DROP FOREIGN TABLE aas.products');
	fails_with($other, $price, 'the foreign table is dropped',
		state => 'ZD007', message => 'the attached relation "products" has been dropped', hint => qr/^Attach again/);
	$session->value("SELECT * FROM dcx_attach_aas('$url')");
	is($other->value($price), '376.00', 'and attached again');

	$session->value('DROP SERVER dcx_aas CASCADE');
	is($other->error($price)->{state}, 'ZD007', 'the server is dropped, with all that hangs on it');
	$session->value("SELECT * FROM dcx_attach_aas('$url')");
	$session->value('SELECT * FROM dcx_attach_wallet()');
	is($other->value($price), '376.00', 'and attached again');
	$_->close for $session, $other;
};

subtest 'a local catalog in the place of the foreign one' => sub {
	my $session = session($main);
	my $other = session($main, user => 'app');

	is($other->value($price), '376.00', 'before');
	$session->value('CREATE SCHEMA copy; CREATE TABLE copy.products AS SELECT * FROM aas.products');
	$session->value(q{UPDATE copy.products SET price = 79 WHERE code = 'CPU_1GHZ'});
	$session->value(q{SELECT * FROM dcx_attach_aas(NULL, 'copy')});
	is($other->value($price), '378.00', 'the next statement of another session prices from it');
	for my $round (1 .. 5)
	{
		$session->value('DROP EXTENSION dcx_pricing CASCADE; CREATE EXTENSION dcx_pricing');
		$session->value("UPDATE copy.products SET price = 79 + $round WHERE code = 'CPU_1GHZ'");
		is($other->value($price), 378 + 2 * $round . '.00', 'and sees it change while the extension comes and goes');
	}
	$session->value(q{SELECT * FROM dcx_attach_aas('dcx_aas')});
	is($other->value($price), '376.00', 'and back');
	$_->close for $session, $other;
};

subtest 'triggers hold the extension' => sub {
	my $session = session($main);

	$session->value(q{SELECT * FROM dcx_attach_updated_at('"OrganisationWallet"')});
	fails_with($session, 'DROP EXTENSION dcx_pricing', 'it is not dropped from under them',
		state => '2BP01', detail => qr/trigger zzz_dcx_updated_at on table "OrganisationWallet" depends on/);
	is($session->value($price), '376.00', 'and works as before');
	$session->value('DROP EXTENSION dcx_pricing CASCADE');
	is( $session->value(q{SELECT count(*) FROM pg_trigger WHERE tgname = 'zzz_dcx_updated_at'}),
		'0', 'with CASCADE they go');
	is($session->value('SELECT count(*) FROM "OrganisationWallet"'), '11', 'and nothing else');
	$session->value(q{UPDATE "OrganisationWallet" SET balance = balance + 1 WHERE id = 'cm5wal000001'});
	is($session->value('SELECT count(*) FROM dcx.binding'), '4', 'not the bindings');
	$session->value('CREATE EXTENSION dcx_pricing');
	is($session->value(q{SELECT dcx_wallet_balance('org-acme')}), '1001.00', 'wallets are back');
	is($session->value($price), '376.00', 'and prices');
	$session->value(q{UPDATE "OrganisationWallet" SET balance = balance - 1 WHERE id = 'cm5wal000001'});
	$session->close;
};

subtest 'a dump of MAIN, restored as another database' => sub {
	my $session = session($main);
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/main.sql';
	my $restored;

	# As if an ordinary role had attached it.
	$session->value('DROP SCHEMA dcx, aas, copy CASCADE; DROP SERVER dcx_aas CASCADE');
	$session->value('ALTER TABLE "OrganisationWallet" OWNER TO operator');
	$session->value(<<'SQL');
GRANT EXECUTE ON FUNCTION dcx_attach_aas(text, text), dcx_attach_wallet(text, text, text),
	dcx_attach_updated_at(text) TO operator;
GRANT SELECT ON "OrganisationWallet" TO app;
SET SESSION AUTHORIZATION operator
SQL
	$session->value("SELECT * FROM dcx_attach_aas('$url')");
	$session->value('SELECT * FROM dcx_attach_wallet()');
	$session->value(q{SELECT * FROM dcx_attach_updated_at('"OrganisationWallet"')});
	is($session->value('SELECT count(*) FROM dcx.binding'), '4', 'attached');
	my $bindings = $session->value('SELECT * FROM dcx.binding ORDER BY 1, 2');

	$main->command_ok([ 'pg_dump', '-f', $dump, $Dcx::main_db ], 'dumped');
	$main->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
	$main->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, 'restored' ], 'restored');

	$restored = session($main, database => 'restored', user => 'operator');
	is($restored->value('SELECT * FROM dcx.binding ORDER BY 1, 2'), $bindings, 'the bindings came along');
	$restored->close;
	$restored = session($main, database => 'restored', user => 'app');
	is($restored->value($price), '376.00', 'it prices');
	is($restored->value(q{SELECT dcx_wallet_balance('org-acme')}), '1000.00', 'it reads wallets');
	is($restored->value(q{SELECT count(*) FROM dcx_template_costs('1GHZ', 'STANDARD')}), '24', 'and templates');
	is($restored->value('SELECT remote_reads FROM dcx_price_book_stats()'), '2', 'through the foreign table');
	fails_with($restored, 'SELECT * FROM aas.products', 'which stays closed', state => '42501');
	fails_with($restored, 'SELECT * FROM dcx_attach_aas()', 'as attaching does', state => '42501');
	$restored->close;

	$restored = session($main, database => 'restored');
	$restored->value(q{UPDATE "OrganisationWallet" SET balance = 1 WHERE id = 'cm5wal000001'});
	is( $restored->value(q{SELECT "updatedAt" > '2025-07-02' FROM "OrganisationWallet" WHERE id = 'cm5wal000001'}),
		't', 'the trigger works');
	$restored->value('SET SESSION AUTHORIZATION operator');
	like($restored->value("SELECT note FROM dcx_attach_aas('$url') LIMIT 1"),
		qr/^already a foreign table on server dcx_aas/, 'attaching again finds it all there');
	$restored->close;
	$session->close;
};

subtest 'what an ordinary role has attached, when the extension is made again' => sub {
	my $super = session($main, database => 'restored');
	my $app = session($main, database => 'restored', user => 'app');

	is($app->value($price), '376.00', 'before');
	$super->value('DROP EXTENSION dcx_pricing CASCADE; CREATE EXTENSION dcx_pricing');
	fails_with($app, $price, 'who may attach went with the functions, so its bindings do not count yet',
		state => '42501', detail => qr/role "operator"/, hint => qr/GRANT that role EXECUTE/);
	$super->value(<<'SQL');
GRANT EXECUTE ON FUNCTION dcx_attach_aas(text, text), dcx_attach_wallet(text, text, text) TO operator
SQL
	is($app->value($price), '376.00', 'granted again, prices are back without attaching');
	is($app->value(q{SELECT dcx_wallet_balance('org-acme')}), '1.00', 'and wallets');
	$_->close for $super, $app;
};

# Everything that an unqualified name in SQL of ours could hit, in a schema that comes before all others.
my $hostile = <<'SQL';
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.hijack() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked'; END $$;
DO $do$
DECLARE
	sig text;
	op text;
BEGIN
	FOREACH sig IN ARRAY ARRAY[
		'quote_ident(text)', 'format(text, VARIADIC "any")', 'array_to_string(anyarray, text)', 'unnest(anyarray)',
		'clock_timestamp()', 'round(numeric, integer)', 'trim_scale(numeric)', 'min_scale(numeric)', 'abs(numeric)',
		'numeric_sub(numeric, numeric)', 'jsonb_each_text(jsonb)', 'min(timestamptz)', 'getdatabaseencoding()',
		'convert_to(text, name)', 'current_database()', 'lower(text)',
		'numeric(double precision)', 'float8(numeric)', 'text(name)', 'int8(numeric)']
	LOOP
		EXECUTE CASE WHEN sig LIKE '%any%' THEN
			format('CREATE FUNCTION evil.%s RETURNS %s LANGUAGE plpgsql AS $$ BEGIN RAISE ''hijacked''; END $$',
				replace(sig, 'VARIADIC "any"', 'VARIADIC anyarray'),
				CASE WHEN sig LIKE 'unnest%' THEN 'SETOF anyelement' ELSE 'text' END)
		ELSE
			format('CREATE FUNCTION evil.%s RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE ''hijacked''; END $$', sig)
		END;
	END LOOP;
	FOREACH sig IN ARRAY ARRAY['text', 'name', 'oid', 'numeric', 'int4', 'int8', '"char"', 'regclass', 'float8', 'bool']
	LOOP
		EXECUTE format('CREATE FUNCTION evil.op(%1$s, %1$s) RETURNS boolean LANGUAGE plpgsql AS
			$$ BEGIN RAISE ''hijacked''; END $$', sig);
		FOREACH op IN ARRAY ARRAY['=', '<>', '>', '<', '~~', '~~*']
		LOOP
			EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.op)', op, sig, sig);
		END LOOP;
	END LOOP;
	FOREACH sig IN ARRAY ARRAY['pg_class', 'pg_namespace', 'pg_attribute', 'pg_depend', 'pg_foreign_table', 'pg_trigger',
		'pg_inherits', 'pg_extension', 'pg_user_mappings', 'binding', 'products', 'wallet_account', 'wallet_entry',
		'wallet_hold', 'wallet_key', 'wallets']
	LOOP
		EXECUTE format('CREATE VIEW evil.%I AS SELECT 1 / (random() * 0)::integer AS hijacked', sig);
		EXECUTE format('GRANT SELECT ON evil.%I TO PUBLIC', sig);
	END LOOP;
END
$do$;
CREATE FUNCTION evil.next(integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked'; END $$;
CREATE AGGREGATE evil.count(*) (SFUNC = evil.next, STYPE = integer, INITCOND = '0');
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (false);
CREATE DOMAIN evil.numeric AS pg_catalog.numeric CHECK (false);
CREATE DOMAIN evil.oid AS pg_catalog.oid CHECK (false);
CREATE DOMAIN evil.name AS pg_catalog.name CHECK (false);
CREATE DOMAIN evil.regclass AS pg_catalog.regclass CHECK (false);
CREATE DOMAIN evil.timestamptz AS pg_catalog.timestamptz CHECK (false);
SQL

subtest 'in a schema of its own, under a hostile search_path' => sub {
	my $session;
	my $paths = 'SET search_path = evil, pg_temp, pg_catalog';
	my $temporary = <<'SQL';
CREATE TEMPORARY TABLE pg_class (hijacked integer);
CREATE TEMPORARY TABLE pg_namespace (hijacked integer);
CREATE TEMPORARY TABLE products (code pg_catalog.text, title pg_catalog.text, price pg_catalog.numeric);
CREATE TEMPORARY TABLE binding (catalog pg_catalog.text, part pg_catalog.text, relation pg_catalog.oid);
SQL

	$main->safe_psql('postgres', 'CREATE DATABASE apart TEMPLATE template0');
	$session = session($main, database => 'apart');
	$session->value('CREATE SCHEMA dcx_api; GRANT USAGE ON SCHEMA dcx_api TO PUBLIC');
	$session->value($hostile);
	$session->value("$paths; CREATE EXTENSION dcx_pricing SCHEMA dcx_api");
	is( $session->value(<<'SQL'), 'dcx_api', 'all functions are there');
SELECT DISTINCT pronamespace::pg_catalog.regnamespace FROM pg_catalog.pg_proc WHERE proname ~ '^dcx_'
SQL
	$session->value(<<'SQL');
RESET search_path;
CREATE EXTENSION postgres_fdw SCHEMA dcx_api;
GRANT CREATE ON DATABASE apart TO operator;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO operator;
GRANT EXECUTE ON FUNCTION dcx_api.dcx_attach_aas(text, text), dcx_api.dcx_detach(text),
	dcx_api.dcx_attach_wallet(text, text, text), dcx_api.dcx_attach_updated_at(text) TO operator;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA dcx_api TO app;
CREATE SCHEMA shop AUTHORIZATION operator;
SET SESSION AUTHORIZATION operator;
CREATE TABLE shop.wallets (
	org pg_catalog.text PRIMARY KEY, amount pg_catalog.numeric, "updatedAt" pg_catalog.timestamptz);
INSERT INTO shop.wallets VALUES ('org-acme', 1000), ('org-globex', 375.99)
SQL
	$session->value($temporary);
	$session->value($paths);
	fails_with($session, 'SELECT pg_catalog.upper(a.x) FROM (VALUES (1)) v(n), (SELECT $$a$$::pg_catalog.text AS x) a
		WHERE a.x = $$a$$::pg_catalog.text', 'the traps are set', message => 'hijacked');

	is( $session->value("SELECT * FROM dcx_api.dcx_attach_aas('$url')") =~ s/\|.*//gmr,
		"aas.products\naas.categories\naas.terraform_vm_config", 'attach by URL');
	is( $session->value("SELECT * FROM dcx_api.dcx_attach_aas('$url')") =~ s/\|.*//gmr,
		"aas.products\naas.categories\naas.terraform_vm_config", 'again');
	is( $session->value("SELECT * FROM dcx_api.dcx_attach_wallet('shop.wallets', 'org', 'amount')") =~ s/\|.*//gmr,
		"shop.wallets\ndcx.wallet_entry", 'attach wallets');
	is( $session->value("SELECT * FROM dcx_api.dcx_attach_wallet('shop.wallets', 'org', 'amount')") =~ s/\|.*//gmr,
		"shop.wallets\ndcx.wallet_entry", 'again');
	is( $session->value("SELECT * FROM dcx_api.dcx_attach_updated_at('shop.wallets')"),
		'shop.wallets|zzz_dcx_updated_at|created', 'attach triggers');
	fails_with($session, "SELECT * FROM dcx_api.dcx_attach_wallet('shop.nowhere', 'org', 'amount')", 'look for wallets',
		state => '42P01', detail => qr/Candidates: .*shop\.wallets/);

	for my $who ('operator', 'app')
	{
		my $pricing = session($main, database => 'apart', user => $who);

		$pricing->value($temporary);
		$pricing->value($paths);
		is($pricing->value(q{SELECT dcx_api.dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40)}), '376.00', "$who: cost");
		is($pricing->value(q{SELECT dcx_api.dcx_vm_cost('1GHZ', 2.0, 4.5, 'STANDARD', 40.5)}), '395.40', 'of fractions');
		is( $pricing->value(q{SELECT * FROM dcx_api.dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40)}),
			"1|CPU_1GHZ|vCPU - 1GHz|2|78.00|156.00\n2|RAM_GB|RAM|4|37.00|148.00\n"
			  . '3|STORAGE_STANDARD|Standard Storage|40|1.80|72.00', 'quote');
		is($pricing->value(q{SELECT dcx_api.dcx_product_cost('RAM_GB')}), '37.00', 'product');
		is(scalar(split /\n/, $pricing->value(q{SELECT * FROM dcx_api.dcx_template_costs('1GHZ', 'STANDARD')})),
			24, 'templates');
		is($pricing->value(q{SELECT * FROM dcx_api.dcx_price_book_stats()}) =~ s/\|.*//r, 'aas', 'statistics');
		if ($who eq 'operator')
		{
			is($pricing->value(q{SELECT dcx_api.dcx_wallet_balance('org-acme')}), '1000.00', 'balance');
			is($pricing->value(q{SELECT dcx_api.dcx_wallet_can_afford('org-globex', 376)}), 'f', 'can afford');
			$pricing->value(q{UPDATE shop.wallets SET amount = 1001 WHERE org OPERATOR(pg_catalog.=) 'org-acme'});
			is($pricing->value(q{SELECT "updatedAt" IS NOT NULL FROM shop.wallets WHERE org OPERATOR(pg_catalog.=) 'org-acme'}),
				't', 'trigger');
		}
		else
		{
			is($pricing->error(q{SELECT dcx_api.dcx_wallet_balance('org-acme')})->{state}, '42501', 'no wallets');
			is( $pricing->value(q{SELECT amount, balance FROM dcx_api.dcx_wallet_credit('org-acme', 9, 'credit')}),
				'9.00|1010.00', 'it can credit one');
			is( $pricing->value(q{SELECT amount, balance FROM dcx_api.dcx_wallet_debit('org-acme', 10, 'debit')}),
				'-10.00|1000.00', 'debit it');
			is( $pricing->value(q{SELECT balance, replayed FROM dcx_api.dcx_wallet_debit('org-acme', 10, 'debit')}),
				'1000.00|t', 'again');
			is($pricing->error(q{SELECT balance FROM dcx_api.dcx_wallet_debit('org-acme', 11, 'debit')})->{state},
				'ZD004', 'but with another amount');
			is( $pricing->value(q{SELECT hold_id, available FROM dcx_api.dcx_wallet_hold('org-acme', 100, 'hold')}),
				'1|900.00', 'hold');
			is( $pricing->value(q{SELECT hold_id, available FROM dcx_api.dcx_wallet_extend(1, '1 hour')}),
				'1|900.00', 'extend');
			is( $pricing->value(q{SELECT amount, available FROM dcx_api.dcx_wallet_capture(1, 60)}),
				'-60.00|940.00', 'capture');
			is( $pricing->value(<<'SQL'), '2|376.00|564.00', 'order');
SELECT hold_id, cost, available FROM dcx_api.dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order')
SQL
			is($pricing->value(q{SELECT available FROM dcx_api.dcx_wallet_release(2)}), '940.00', 'and release');
			is($pricing->value('SELECT * FROM dcx_api.dcx_wallet_audit()'), '', 'and see that all adds up');
			is($pricing->error('SELECT * FROM dcx_api.dcx_hold_verify(2)')->{state}, '42501', 'without a wallet to read');
		}
		$pricing->close;
	}
	is( $session->value(q{SELECT kind, balance FROM dcx_api.dcx_wallet_statement('org-acme')}),
		"opening|1000.00\nexternal|1001.00\ncredit|1010.00\ndebit|1000.00\ncapture|940.00", 'the statement has all of it');
	is( $session->value(q{SELECT state, captured FROM dcx_api.dcx_wallet_holds('org-acme', NULL)}),
		"captured|60.00\nreleased|", 'and the list of holds');
	is($session->value('SELECT line, ok FROM dcx_api.dcx_hold_verify(2)'), "1|t\n2|t\n3|t\n|t", 'whose quotes verify');
	is( $session->value(q{SELECT * FROM dcx_api.dcx_detach('wallet')}),
		qq{binding of shop.wallets\ntrigger "000_dcx_wallet" on shop.wallets\n}
		  . 'trigger "000_dcx_wallet_truncate" on shop.wallets', 'detach wallets');
	like($session->value(q{SELECT * FROM dcx_api.dcx_detach('aas')}), qr/^server dcx_aas$/m, 'detach the catalog');
	is( $session->value(<<'SQL'), '', 'nothing is left');
SELECT srvname FROM pg_catalog.pg_foreign_server UNION ALL SELECT nspname FROM pg_catalog.pg_namespace
 WHERE nspname OPERATOR(pg_catalog.=) 'aas'
SQL
	$session->close;
};

subtest 'what the install script finds in its way' => sub {
	my $session;

	$main->safe_psql('postgres', 'CREATE DATABASE occupied TEMPLATE template0');
	$session = session($main, database => 'occupied');
	$session->value(q{CREATE FUNCTION dcx_wallet_balance(org text) RETURNS numeric LANGUAGE sql AS 'SELECT 1e9'});
	fails_with($session, 'CREATE EXTENSION dcx_pricing', 'is refused, not taken over', state => '42723');
	is($session->value('SELECT count(*) FROM pg_extension WHERE extname = $$dcx_pricing$$'), '0', 'and nothing is made');
	$session->value('DROP FUNCTION dcx_wallet_balance(text)');
	$session->value('CREATE EXTENSION dcx_pricing');
	fails_with($session, 'ALTER EXTENSION dcx_pricing SET SCHEMA pg_catalog', 'it does not move', state => qr/^0A000|42/);
	$session->close;
};

$aas->stop;
$main->stop;
done_testing();
