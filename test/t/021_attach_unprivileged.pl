# Roles that are not superusers: who may attach, who may price, and whose wallet a role sees.
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

$main->safe_psql($Dcx::main_db, 'CREATE ROLE app LOGIN; CREATE ROLE bank LOGIN');

subtest 'attaching needs the rights that CREATE SERVER and the like need' => sub {
	my $app = session($main, user => 'app');
	my $attach = "SELECT relation FROM dcx_attach_aas('$url')";
	my @steps = (
		[ 'the right to call it', 'GRANT EXECUTE ON FUNCTION dcx_attach_aas(text, text) TO app',
			qr/permission denied for function dcx_attach_aas/ ],
		[ 'postgres_fdw, which only a superuser can install', 'CREATE EXTENSION postgres_fdw',
			qr/permission denied to create extension "postgres_fdw"/ ],
		[ 'USAGE of it', 'GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO app',
			qr/permission denied for foreign-data wrapper postgres_fdw/ ],
		[ 'CREATE on the database', "GRANT CREATE ON DATABASE $Dcx::main_db TO app",
			qr/permission denied for database/ ]);

	fails_with($app, q{SELECT * FROM dcx_detach('aas')}, 'no right to detach', state => '42501');
	fails_with($app, q{SELECT * FROM dcx_attach_wallet()}, 'nor to attach a wallet', state => '42501');
	fails_with($app, q{SELECT * FROM dcx_attach_updated_at()}, 'nor triggers', state => '42501');
	for my $step (@steps)
	{
		my ($lacking, $cure, $message) = @$step;

		fails_with($app, $attach, "without $lacking", state => '42501', message => $message);
		$main->safe_psql($Dcx::main_db, $cure);
	}
	is($app->value($attach), "aas.products\naas.categories\naas.terraform_vm_config", 'with all of them it can');

	$main->safe_psql($Dcx::main_db, <<"SQL");
DROP SCHEMA dcx, aas CASCADE;
DROP SERVER dcx_aas CASCADE;
REVOKE EXECUTE ON FUNCTION dcx_attach_aas(text, text) FROM app;
REVOKE USAGE ON FOREIGN DATA WRAPPER postgres_fdw FROM app;
REVOKE CREATE ON DATABASE $Dcx::main_db FROM app
SQL
	$app->close;
};

add_operator($main, 'operator');
my $operator = session($main, user => 'operator');

subtest 'a role without any right prices with what another has attached' => sub {
	my $app = session($main, user => 'app');

	is( $operator->value("SELECT relation, rows FROM dcx_attach_aas('$url')"),
		"aas.products|39\naas.categories|10\naas.terraform_vm_config|24",
		'attached by URL');

	is($app->value($price), '376.00', 'cost');
	is( $app->value(q{SELECT code, unit_price, amount FROM dcx_vm_quote('2GHZ', 2, 4, 'PREMIUM', 40)}),
		"CPU_2GHZ|155.00|310.00\nRAM_GB|37.00|148.00\nSTORAGE_PREMIUM|2.75|110.00",
		'quote');
	is($app->value(q{SELECT dcx_product_cost('RAM_GB', 3)}), '111.00', 'product');
	is($app->value(q{SELECT count(*), count(cost) FROM dcx_template_costs('1GHZ', 'STANDARD')}), '24|24', 'templates');
	is($app->value(q{SELECT products FROM dcx_price_book_stats()}), '39', 'and reads the statistics');

	fails_with($app, 'SELECT * FROM aas.products', 'no way to the schema', state => '42501');
	$main->safe_psql($Dcx::main_db, 'GRANT USAGE ON SCHEMA aas, dcx TO app');
	fails_with($app, "SELECT $_ FROM aas.products", "no $_ from the foreign table",
		state => '42501', message => 'permission denied for foreign table products') for 'price', 'cost';
	fails_with($app, 'SELECT * FROM dcx.binding', 'nor from the bindings', state => '42501');
	fails_with($app, q{UPDATE dcx.binding SET relation = 'pg_class'}, 'nor any change of them', state => '42501');
	fails_with($app, "SELECT * FROM dcx_attach_aas($_)", "no attaching of $_", state => '42501')
	  for 'NULL', q{'dcx_aas'}, "'$url'";
	fails_with($app, q{SELECT * FROM dcx_detach('aas')}, 'no detaching', state => '42501');
	is( $app->value(q{SELECT count(*), count(umoptions) FROM pg_user_mappings}),
		'1|0', 'and the mapping\'s options are hidden from it');
	is($app->value($price), '376.00', 'it prices as before');

	# dcx_network_offers is like dcx_network_cost: its cost is the customer's.
	is( $app->value(<<'SQL'), '', 'no function that everybody may call returns a product\'s cost');
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
  JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
 WHERE e.extname = 'dcx_pricing' AND has_function_privilege(p.oid, 'EXECUTE')
   AND p.proname NOT IN ('dcx_template_costs', 'dcx_inventory_costs', 'dcx_network_offers')
   AND pg_get_function_result(p.oid) ~ '\mcost\M'
SQL
	$main->safe_psql($Dcx::main_db, 'REVOKE USAGE ON SCHEMA aas, dcx FROM app');
	$app->close;
};

subtest 'attached by the name of a server' => sub {
	my $app = session($main, user => 'app');
	my $port = $aas->port;

	$main->safe_psql($Dcx::main_db, <<SQL);
CREATE SERVER by_hand FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '127.0.0.1', port '$port', dbname '$Dcx::aas_db');
CREATE FOREIGN DATA WRAPPER nobodys;
CREATE SERVER of_another_kind FOREIGN DATA WRAPPER nobodys;
SQL
	fails_with($operator, q{SELECT * FROM dcx_attach_aas('no_such_server')}, 'one that does not exist',
		state => '42704', message => 'there is no server "no_such_server"', hint => qr/postgresql:\/\/user:password\@/);
	fails_with($operator, q{SELECT * FROM dcx_attach_aas('of_another_kind')}, 'one of another wrapper',
		state => '42809', message => 'server "of_another_kind" is not a server of postgres_fdw');
	fails_with($operator, q{SELECT * FROM dcx_attach_aas('by_hand', 'named')}, 'one without a user mapping',
		state => '42704',
		message => 'role "operator" has no user mapping for server "by_hand"',
		hint => qr/^CREATE USER MAPPING FOR operator SERVER by_hand OPTIONS/);

	# A role that may create the mapping may use the server.
	$main->safe_psql($Dcx::main_db, 'GRANT USAGE ON FOREIGN SERVER by_hand TO operator');
	$operator->value(<<SQL);
CREATE USER MAPPING FOR operator SERVER by_hand OPTIONS (user 'aas_reader', password '$Dcx::aas_password')
SQL
	is( $operator->value(q{SELECT relation, note FROM dcx_attach_aas('by_hand', 'named') LIMIT 1}),
		'named.products|foreign table on server by_hand; database aas_product_data has 3 other tables',
		'one with a mapping');
	$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET price = 79 WHERE code = 'CPU_1GHZ'});
	is($app->value($price), '378.00', 'the other role prices with it');
	is( $main->safe_psql($Dcx::main_db, q{SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'by_hand'}),
		"{host=127.0.0.1,port=$port,dbname=$Dcx::aas_db}",
		'the server is left as it was');
	is( $operator->value(q{SELECT object FROM dcx_detach('aas') ORDER BY object}),
		"foreign table aas.categories\nforeign table aas.products\nforeign table aas.terraform_vm_config\n"
		  . "foreign table named.categories\nforeign table named.products\nforeign table named.terraform_vm_config\n"
		  . "schema aas\nschema named\nserver dcx_aas\nuser mapping for operator on server dcx_aas",
		'detaching drops what was made, there and before, not the server made by hand');
	fails_with($app, $price, 'and with it pricing', state => 'ZD007');
	$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET price = 78 WHERE code = 'CPU_1GHZ'});
	$app->close;
};

subtest 'adopted: foreign tables made by hand' => sub {
	my $app = session($main, user => 'app');

	$operator->value(<<'SQL');
CREATE SCHEMA by_import;
IMPORT FOREIGN SCHEMA public LIMIT TO (products, categories) FROM SERVER by_hand INTO by_import
SQL
	fails_with($operator, 'SELECT * FROM dcx_attach_aas(NULL, $$nothing_here$$)', 'a schema that is not there',
		state => '42P01', message => 'there is nothing to adopt: schema "nothing_here" has no relation "products"');
	is( $operator->value(q{SELECT * FROM dcx_attach_aas(NULL, 'by_import')}),
		"by_import.products|39|adopted foreign table\nby_import.categories|10|adopted foreign table",
		'what is there is adopted');
	is($app->value($price), '376.00', 'the other role prices with it');
	fails_with($app, q{SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD')}, 'but not templates, which are not there',
		state => 'ZD007', message => 'the attached catalog has no "terraform_vm_config"');
	is( $operator->value(q{SELECT object FROM dcx_detach('aas')}),
		"binding of by_import.categories\nbinding of by_import.products",
		'detaching lets go of them');
	is($operator->value('SELECT count(*) FROM by_import.products'), '39', 'and leaves them there');

	# Foreign tables in schema aas, which are not attached.
	$operator->value('CREATE SCHEMA aas; IMPORT FOREIGN SCHEMA public LIMIT TO (products) FROM SERVER by_hand INTO aas');
	is( fails_with($app, $price, 'nothing attached, but aas.products is there', state => 'ZD007')->{hint},
		'aas.products exists: SELECT * FROM dcx_attach_aas() attaches it.',
		'the hint is the call that attaches it');
	$operator->value('SELECT * FROM dcx_attach_aas()');
	is($app->value($price), '376.00', 'which does');

	fails_with($app, 'SELECT * FROM dcx_attach_aas()', 'only with the right to', state => '42501');
	$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE SCHEMA of_bank AUTHORIZATION bank;
CREATE TABLE of_bank.products (code text, title text, price numeric);
GRANT ALL ON SCHEMA of_bank TO operator;
GRANT ALL ON of_bank.products TO operator;
SQL
	$main->safe_psql($Dcx::main_db, 'ALTER TABLE of_bank.products OWNER TO bank');
	fails_with($operator, q{SELECT * FROM dcx_attach_aas(NULL, 'of_bank')}, 'and only what is one\'s own',
		state => '42501',
		message => 'must be owner of of_bank.products',
		detail => 'It belongs to role "bank".',
		hint => qr/read as its owner on behalf of everybody/);
	is($app->value($price), '376.00', 'a refused attach changes nothing');
	$app->close;
};

subtest 'the schema dcx belongs to whoever attached first' => sub {
	my $bank = session($main, user => 'bank');

	$main->safe_psql($Dcx::main_db, 'GRANT EXECUTE ON FUNCTION dcx_attach_wallet(text, text, text) TO bank');
	$bank->value('CREATE TABLE of_bank.purses ("organisationId" text, balance numeric)');
	fails_with($bank, q{SELECT * FROM dcx_attach_wallet('of_bank.purses')}, 'another role is refused',
		state => '42501', message => 'schema "dcx" belongs to role "operator"', hint => qr/./, detail => qr/./);
	$bank->close;
};

subtest 'wallets under row-level security' => sub {
	my $acme = session($main, user => 'operator');
	my $sql = q{SELECT dcx_wallet_balance('org-%s')};
	my %balance = (acme => '1000.00', globex => '375.99');
	my $super;

	$main->safe_psql($Dcx::main_db, <<'SQL');
ALTER TABLE "OrganisationWallet" OWNER TO operator;
ALTER TABLE "OrganisationWallet" ENABLE ROW LEVEL SECURITY;
CREATE ROLE acme LOGIN;
CREATE ROLE globex LOGIN;
CREATE ROLE pool LOGIN IN ROLE acme, globex;
CREATE POLICY own ON "OrganisationWallet" TO acme, globex USING ("organisationId" = 'org-' || current_user);
GRANT SELECT ("organisationId", balance) ON "OrganisationWallet" TO acme, globex;
SQL
	fails_with($acme, sprintf($sql, 'acme'), 'before attaching', state => 'ZD007', hint => qr/dcx_attach_wallet\(\)/);
	is( $operator->value('SELECT * FROM dcx_attach_wallet()'),
		'public."OrganisationWallet"|11|organisation: "organisationId" text, balance: balance double precision'
		  . "\ndcx.wallet_entry|11|11 opening entries written",
		'the owner attaches them');
	is($acme->value(sprintf $sql, 'acme'), '1000.00', 'and sees them all');
	is($acme->value(sprintf $sql, 'globex'), '375.99', 'every one');
	$acme->close;

	for my $role ('acme', 'globex')
	{
		my $session = session($main, user => $role);
		my ($other) = grep { $_ ne $role } keys %balance;

		is($session->value(sprintf $sql, $role), $balance{$role}, "$role sees its own wallet");
		fails_with($session, sprintf($sql, $other), "and not that of $other",
			state => 'ZD006',
			message => qq{organisation "org-$other" has no wallet},
			hint => qr/row-level security hides from role "$role"/);
		fails_with($session, "SELECT dcx_wallet_can_afford('org-$other', 1)", 'nor whether it can afford anything',
			state => 'ZD006');
		is( $session->value("SELECT dcx_wallet_can_afford('org-$role', 376)"),
			$role eq 'acme' ? 't' : 'f', 'it can ask for its own');
		fails_with($session, 'SET row_security = off; ' . sprintf($sql, $other), 'nor with row_security off',
			state => '42501');
		$session->close;
	}

	my $pool = session($main, user => 'pool');
	for my $round (1 .. 8)
	{
		for my $role ('acme', 'globex')
		{
			my ($other) = grep { $_ ne $role } keys %balance;

			$pool->value("SET ROLE $role");
			is($pool->value(sprintf $sql, $role), $balance{$role}, "round $round of one connection: as $role");
			is($pool->error(sprintf $sql, $other)->{state}, 'ZD006', "and not what $other sees");
		}
	}
	$pool->value('BEGIN');
	$pool->value('SET LOCAL ROLE acme');
	is($pool->value(sprintf $sql, 'acme'), '1000.00', 'in one transaction: as acme');
	$pool->value('SET LOCAL ROLE globex');
	is($pool->value(sprintf $sql, 'globex'), '375.99', 'as globex');
	is($pool->error(sprintf $sql, 'acme')->{state}, 'ZD006', 'who does not see acme\'s');
	$pool->value('ROLLBACK');
	$pool->value('RESET ROLE');
	is($pool->error(sprintf $sql, 'acme')->{state}, 'ZD006', 'a member of both, who is neither');

	$super = session($main);
	is($super->value(sprintf $sql, 'acme'), '1000.00', 'a superuser sees all');
	$super->value('SET ROLE globex');
	is($super->error(sprintf $sql, 'acme')->{state}, 'ZD006', 'until it is somebody else');
	$super->value('RESET ROLE');
	is($super->value(sprintf $sql, 'acme'), '1000.00', 'and again after that');

	# A policy that depends on a setting, as in applications with one role: the same role gets another answer.
	$super->value(<<'SQL');
CREATE ROLE tenant LOGIN;
CREATE POLICY tenant ON "OrganisationWallet" TO tenant
	USING ("organisationId" = current_setting('app.organisation', true));
GRANT SELECT ON "OrganisationWallet" TO tenant
SQL
	my $tenant = session($main, user => 'tenant');
	for my $round (1 .. 8)
	{
		for my $organisation (sort keys %balance)
		{
			my ($other) = grep { $_ ne $organisation } keys %balance;

			$tenant->value("SELECT set_config('app.organisation', 'org-$organisation', false)");
			is($tenant->value(sprintf $sql, $organisation), $balance{$organisation},
				"round $round of one role: with app.organisation = $organisation");
			is($tenant->error(sprintf $sql, $other)->{state}, 'ZD006', "and not with that of $other");
		}
	}

	$super->value('ALTER TABLE "OrganisationWallet" FORCE ROW LEVEL SECURITY');
	is($operator->error(sprintf $sql, 'acme')->{state}, 'ZD006', 'forced on its owner, it holds for the owner, too');
	$super->value('ALTER TABLE "OrganisationWallet" NO FORCE ROW LEVEL SECURITY');
	$super->value('ALTER TABLE "OrganisationWallet" DISABLE ROW LEVEL SECURITY');
	$_->close for $pool, $tenant, $super;
};

subtest 'wallets and table rights' => sub {
	my $app = session($main, user => 'app');
	my $sql = q{SELECT dcx_wallet_balance('org-acme')};
	my %denied = (state => '42501', message => 'permission denied for table OrganisationWallet');

	fails_with($app, $sql, 'no right', %denied);
	fails_with($app, q{SELECT dcx_wallet_can_afford('org-acme', 1)}, 'to either function', %denied);
	fails_with($app, q{SELECT dcx_wallet_can_afford('org-nobody', 1)}, 'whether there is a wallet or not', %denied);
	$main->safe_psql($Dcx::main_db, 'GRANT SELECT ("organisationId") ON "OrganisationWallet" TO app');
	fails_with($app, $sql, 'the column of the balance is missing', %denied);
	$main->safe_psql($Dcx::main_db, 'GRANT SELECT (balance) ON "OrganisationWallet" TO app');
	is($app->value($sql), '1000.00', 'both columns are enough');
	$main->safe_psql($Dcx::main_db, 'REVOKE SELECT (balance) ON "OrganisationWallet" FROM app');
	fails_with($app, $sql, 'a right that is taken away counts at once', %denied);
	fails_with($app, q{SELECT dcx_wallet_can_afford('org-acme', dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40))},
		'also with a price that was read as somebody else', %denied);
	$app->close;
};

# Types an organisation and a balance can have: how row n has it, one that is there, one that is not; a value of it,
# and whether that covers 376.
my %organisations = (
	'text' => [ q{'org-' || n}, 'org-777', 'org-0' ],
	'varchar(40)' => [ q{'org-' || n}, 'org-777', 'org-0' ],
	'varchar' => [ q{'org-' || n}, 'org-777', 'org-0' ],
	'char(12)' => [ q{'org-' || n}, 'org-777', 'org-0' ],
	'uuid' => [ q{('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid}, '00000000-0000-4000-8000-000000000777',
		'00000000-0000-4000-8000-000000000000' ],
	'smallint' => [ 'n', '777', '0' ],
	'integer' => [ 'n', '777', '0' ],
	'bigint' => [ 'n', '777', '0' ],
	'org_name' => [ q{'org-' || n}, 'org-777', 'org-0' ]);
my %balances = (
	'float8' => [ '375.99', 'f' ],
	'numeric(12,2)' => [ '375.99', 'f' ],
	'numeric(65,30)' => [ '375.99', 'f' ],
	'integer' => [ '376', 't' ],
	'money_amount' => [ '375.99', 'f' ]);

# One combination, in a session that has looked up wallets of the other types before.
sub check_types
{
	my ($session, $organisation, $balance) = @_;
	my ($expression, $there, $missing) = @{ $organisations{$organisation} };
	my ($value, $affords) = @{ $balances{$balance} };
	my $scans = q{SELECT pg_stat_get_xact_numscans('purses'::regclass),
		pg_stat_get_xact_numscans('purses_org'::regclass)};

	$session->value(<<"SQL");
DROP TABLE IF EXISTS purses;
CREATE TABLE purses (org $organisation NOT NULL, amount $balance NOT NULL, filler text DEFAULT repeat('x', 200));
INSERT INTO purses (org, amount) SELECT $expression, $value FROM generate_series(1, 3000) n;
CREATE UNIQUE INDEX purses_org ON purses (org);
ANALYZE purses
SQL
	like($session->value(q{SELECT note FROM dcx_attach_wallet('purses', 'org', 'amount')}),
		qr/^organisation: org /, 'attached');
	$session->value('BEGIN');
	my @before = split /\|/, $session->value($scans);
	is($session->value("SELECT dcx_wallet_balance('$there')"), $value =~ /\./ ? $value : "$value.00", 'balance');
	my @after = split /\|/, $session->value($scans);
	$session->value('COMMIT');
	is_deeply([ map { $after[$_] - $before[$_] } 0, 1 ], [ 0, 1 ], 'looked up in the index, without a scan of the table');
	is($session->value("SELECT dcx_wallet_can_afford('$there', 376)"), $affords, 'can afford 376');
	is( $session->value(
			"SELECT dcx_wallet_can_afford('$there', 375.99), dcx_wallet_can_afford('$there', 375.994::float8)"),
		't|t', 'can afford 375.99');
	fails_with($session, "SELECT dcx_wallet_balance('$missing')", 'one that is not there', state => 'ZD006');
}

subtest 'types of organisation and balance' => sub {
	my $session = session($main, user => 'operator');

	$session->value(<<'SQL');
CREATE SCHEMA types;
CREATE DOMAIN types.org_name AS text;
CREATE DOMAIN types.money_amount AS numeric(12,2);
SET search_path = types, public
SQL
	$session->value(q{SELECT * FROM dcx_detach('wallet')});
	for my $organisation (sort keys %organisations)
	{
		for my $balance (sort keys %balances)
		{
			subtest "$organisation, $balance" => sub {
				eval { check_types($session, $organisation, $balance); 1 } or fail($@);
				$session->error('ROLLBACK');
			};
		}
	}
	$session->close;
};

subtest 'the wallet table changes under an open session' => sub {
	my $session = session($main, user => 'operator');

	$session->value(<<'SQL');
SET search_path = types, public;
DROP TABLE purses;
CREATE TABLE purses (org integer, amount numeric);
INSERT INTO purses VALUES (1, 100), (2, 2), (2, 3)
SQL
	fails_with($session, q{SELECT dcx_wallet_balance('1')}, 'dropped and made again: it has to be attached again',
		state => 'ZD007', message => 'the attached wallet table has been dropped');
	$session->value(q{SELECT * FROM dcx_attach_wallet('purses', 'org', 'amount')});
	is($session->value(q{SELECT dcx_wallet_balance('1')}), '100.00', 'attached again');
	fails_with($session, q{SELECT dcx_wallet_balance('2')}, 'two wallets are an error, not a pick',
		state => 'ZD006', message => 'organisation "2" has more than one wallet');
	fails_with($session, q{SELECT dcx_wallet_balance('org-acme')}, 'what is no number is looked up in no integer column',
		state => '22P02');

	$operator->value('ALTER TABLE types.purses ALTER org TYPE bigint');
	$operator->value('INSERT INTO types.purses VALUES (4294967298, 77)');
	is($session->error(q{SELECT dcx_wallet_balance('4294967297')})->{text} =~ /no wallet/ ? 'none' : 'some', 'none',
		'a wider type: an organisation without a wallet does not get that of another');
	is($session->error(q{SELECT dcx_wallet_balance('4294967298')})->{text}, '77.00', 'and one with a wallet gets its own');
	$operator->value('ALTER TABLE types.purses ALTER org TYPE text');
	is($session->error(q{SELECT dcx_wallet_balance('1')})->{text}, '100.00', 'another type altogether');
	$operator->value('ALTER TABLE types.purses ALTER amount TYPE float8');
	is($session->error(q{SELECT dcx_wallet_balance('1')})->{text}, '100.00', 'of the balance, too');
	$operator->value('ALTER TABLE types.purses RENAME amount TO balance');
	fails_with($session, q{SELECT dcx_wallet_balance('1')}, 'a column renamed',
		state => '42703', message => 'types.purses has no column "amount"', detail => 'Columns found: org, balance.');
	$operator->value('ALTER TABLE types.purses RENAME TO wallets');
	$operator->value('ALTER TABLE types.wallets RENAME balance TO amount');
	is($session->error(q{SELECT dcx_wallet_balance('1')})->{text}, '100.00', 'the table renamed');
	$session->close;
};

subtest 'bindings that somebody wrote by hand give him nobody else\'s rights' => sub {
	my ($super, $mallory);
	my $is_superuser = q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'};

	$main->safe_psql('postgres', 'CREATE DATABASE prey TEMPLATE template0; CREATE ROLE mallory LOGIN');
	$super = session($main, database => 'prey');
	$super->value(<<'SQL');
CREATE EXTENSION dcx_pricing;
GRANT CREATE ON DATABASE prey TO mallory;
CREATE SCHEMA bank AUTHORIZATION bank;
CREATE TABLE bank.salaries (code text, title text, price numeric);
INSERT INTO bank.salaries VALUES ('CEO', 'secret', 4711);
ALTER TABLE bank.salaries OWNER TO bank
SQL
	$mallory = session($main, database => 'prey', user => 'mallory');
	fails_with($mallory, 'SELECT * FROM bank.salaries', 'no right on a table', state => '42501');

	# Nothing is attached yet, so any role that may create a schema may create schema dcx.
	$mallory->value(<<'SQL');
CREATE SCHEMA dcx;
CREATE TABLE dcx.binding (catalog text NOT NULL, part text NOT NULL, relation regclass NOT NULL, columns text[],
	made text[] NOT NULL, attached_by text, attached_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (catalog, part));
GRANT ALL ON SCHEMA dcx TO PUBLIC;
GRANT ALL ON dcx.binding TO PUBLIC;
INSERT INTO dcx.binding
	SELECT 'aas', 'products', c.oid, NULL, '{}', 'mallory' FROM pg_class c WHERE c.relname = 'salaries';
CREATE SCHEMA trap;
CREATE FUNCTION trap.spring() RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'ALTER ROLE mallory SUPERUSER';
	RETURN 1;
EXCEPTION WHEN OTHERS THEN
	RETURN 0;
END $$;
CREATE FUNCTION trap.spring_trigger() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN PERFORM trap.spring(); RETURN coalesce(NEW, OLD); END $$;
CREATE VIEW trap.purses AS SELECT 'org'::text AS org, trap.spring() AS amount;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
GRANT SELECT ON trap.purses TO PUBLIC;
INSERT INTO dcx.binding VALUES ('wallet', 'wallets', 'trap.purses', '{org,amount}', '{}', 'mallory')
SQL
	$super->error(q{SELECT dcx_wallet_balance('org')});
	is($super->value($is_superuser), 'f', 'a wallet of his does not run code as a superuser who asks for it');
	$super->value('ALTER ROLE mallory NOSUPERUSER');
	$mallory->value(<<'SQL');
CREATE TRIGGER spring BEFORE INSERT OR UPDATE OR DELETE ON dcx.binding
	FOR EACH ROW EXECUTE FUNCTION trap.spring_trigger()
SQL
	for my $trust ('nobody', 'an administrator, who has let him attach')
	{
		$super->value(<<'SQL') if $trust ne 'nobody';
GRANT EXECUTE ON FUNCTION dcx_attach_aas(text, text), dcx_detach(text), dcx_attach_wallet(text, text, text) TO mallory
SQL
		for my $code ('CEO', 'none')
		{
			my $error = $mallory->error("SELECT dcx_product_cost('$code')");

			unlike($error->{text}, qr/4711|On offer: CEO/, "trusted by $trust: what bank owns is not read for him")
			  or diag($error->{text});
		}
		for my $call (
			q{dcx_detach('wallet')}, q{dcx_detach('aas')}, q{dcx_attach_aas(NULL, 'bank')},
			q{dcx_attach_wallet('trap.purses', 'org', 'amount')})
		{
			$super->value('BEGIN');
			$super->error("SELECT * FROM $call");
			is($super->error($is_superuser)->{text} =~ /^t/ ? 't' : 'f',
				'f', "trusted by $trust: no code of his runs as the superuser who calls $call");
			$super->value('ROLLBACK');
		}
	}
	$_->close for $super, $mallory;
};

$operator->close;
$aas->stop;
$main->stop;
done_testing();
