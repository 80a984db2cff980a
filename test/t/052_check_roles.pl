# dcx_check() called by roles that are not superusers: the one that attached, and one that only watches.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main', conf => "dcx_pricing.max_price_age = '1h'\n");
my $super = session($main);
my $problems = "SELECT area, severity, object, problem FROM dcx_check() WHERE severity <> 'info'";
my $unreached = 'connection|error|server dcx_aas|the server cannot be reached';
my $why = q{SELECT detail FROM dcx_check('connection') WHERE problem = 'the server cannot be reached'};

add_operator($main, 'operator');
$aas->safe_psql($Dcx::aas_db, 'CREATE EXTENSION dcx_pricing; SELECT * FROM dcx_attach_updated_at()');
$super->value(<<'SQL');
SELECT * FROM dcx_attach_updated_at();
ALTER TABLE "OrganisationWallet" OWNER TO operator;
CREATE ROLE watcher LOGIN
SQL

my $operator = session($main, user => 'operator');
my $watcher = session($main, user => 'watcher');

$operator->value("SELECT * FROM dcx_attach_aas('" . aas_url($aas) . "')");
$operator->value('SELECT * FROM dcx_attach_wallet()');

subtest 'who may' => sub {
	for my $function (qw(dcx_check() dcx_health() dcx_schema() dcx_maintain()))
	{
		is($_->error("SELECT * FROM $function")->{state}, '42501', "$function: not without being told")
		  for $operator, $watcher;
	}
	$super->value(<<'SQL');
GRANT EXECUTE ON FUNCTION dcx_check(text), dcx_health(), dcx_schema(text), dcx_wallet_audit() TO operator, watcher
SQL
};

# The internal functions of dcx_check() and dcx_health() need no GRANT, and have none.
subtest 'the parts of the checks' => sub {
	my $parts = $super->value(<<'SQL');
SELECT oid::regprocedure FROM pg_proc WHERE proname ~ '^dcx_check_|^dcx_health_' ORDER BY 1
SQL

	is(scalar split(/\n/, $parts), 9, 'there are nine');
	for my $part (split /\n/, $parts)
	{
		my $call = $part =~ s/jsonb/NULL/gr;

		is($_->error("SELECT * FROM $call")->{state}, '42501', "$part: nobody's") for $operator, $watcher;
	}
};

subtest 'what they see' => sub {
	for my $session ($operator, $watcher)
	{
		is($session->value($problems), '', 'all is well');
		is($session->value(q{SELECT value FROM dcx_health() WHERE name IN ('products', 'wallets')}), "39\n11", 'health');
		is($session->value(q{SELECT dcx_schema() ? 'products'}), 't', 'the schema');
	}
	is($watcher->error('SELECT * FROM aas.products')->{state}, '42501', 'the watcher reads no product itself');
	$aas->stop;
	is($_->value($problems), $unreached, 'the catalog is not there') for $operator, $watcher;
	$aas->start;
	is($operator->value(q{SELECT current_user}), 'operator', 'and is who he was');
};

subtest 'without the right to audit' => sub {
	$super->value('REVOKE EXECUTE ON FUNCTION dcx_wallet_audit() FROM watcher');
	is($watcher->value($problems), 'wallet|warning|dcx_wallet_audit|the ledger is not audited', 'a row');
	like($watcher->value(q{SELECT detail FROM dcx_check('wallet') WHERE object = 'dcx_wallet_audit'}),
		qr/GRANT EXECUTE ON FUNCTION public\.dcx_wallet_audit\(\) TO watcher\./, 'which says what is missing');
	$super->value('GRANT EXECUTE ON FUNCTION dcx_maintain TO watcher');
	is($watcher->value(q{SELECT result FROM dcx_maintain() WHERE task = 'check'}), 'wallet: dcx_wallet_audit: the ledger is not audited',
		'nor is that no errors');
	$super->value('REVOKE EXECUTE ON FUNCTION dcx_maintain FROM watcher; ALTER TABLE "OrganisationWallet" DISABLE TRIGGER "000_dcx_wallet";'
		  . 'UPDATE "OrganisationWallet" SET balance = balance + 1; ALTER TABLE "OrganisationWallet" ALTER "organisationId" DROP NOT NULL');
	is($watcher->value($problems),
		'wallet|warning|dcx_wallet_audit|the ledger is not audited'
		  . "\n" . 'wallet|warning|public."OrganisationWallet"|column "organisationId" can be NULL'
		  . "\n" . 'settings|error|public."OrganisationWallet"|trigger "000_dcx_wallet" does not fire always', 'all else is looked at');
	$super->value('UPDATE "OrganisationWallet" SET balance = balance - 1; ALTER TABLE "OrganisationWallet" ALTER "organisationId" SET NOT NULL;'
		  . 'ALTER TABLE "OrganisationWallet" ENABLE ALWAYS TRIGGER "000_dcx_wallet"');
	$super->value('GRANT EXECUTE ON FUNCTION dcx_wallet_audit() TO watcher');
	is($watcher->value($problems), '', 'and gone');
};

# Who may attach owns dcx.binding, and can write there what attach would not. No fix for a superuser comes of it.
subtest 'rows that nobody attached' => sub {
	$super->value('CREATE SCHEMA others; CREATE TABLE others.theirs (n int)');
	$operator->value(<<'SQL');
INSERT INTO dcx.binding (catalog, part, relation, made, seen) VALUES
	('aas(); ALTER ROLE operator SUPERUSER; --', 'User', '"OrganisationWallet"'::regclass, '{}', '{"here": {"schema": "public", "name": "Organisation"}}'),
	('aas', 'x', (SELECT oid FROM pg_class WHERE relname = 'theirs'), '{}', '{"here": {"schema": "others", "name": "mine"}}')
SQL
	is($super->value(q{SELECT * FROM dcx_check() WHERE fix ~ 'SUPERUSER|others'}), '', 'make no fix');
	is($super->value($problems), '', 'nor a problem');
	$operator->value(q{DELETE FROM dcx.binding WHERE part IN ('x', 'User')});
	$super->value('DROP SCHEMA others CASCADE');
};

# ALTER TYPE checks the constraints of the table's owner, with his functions.
subtest "what runs the owner's code" => sub {
	my $fix = q{FROM dcx_check('wallet') WHERE problem = 'balances are double precision'};

	is($super->value("SELECT fix $fix"), '', 'is not for a superuser');
	like($super->value("SELECT detail $fix"), qr/To be run by role "operator": ALTER TABLE public\."OrganisationWallet" ALTER COLUMN/, 'but for the owner');
	like($operator->value("SELECT fix $fix"), qr/^ALTER TABLE public\."OrganisationWallet" ALTER COLUMN/, 'who has it');
};

# A role that is not a superuser must not connect without a password, as whomever the server takes it for.
subtest 'a server that asks for no password' => sub {
	$super->value("ALTER SERVER dcx_aas OPTIONS (SET host '" . $aas->host . "')");
	is($operator->value($problems), $unreached, 'is not one to be reached');
	like($operator->value($why), qr/the server let role "operator" in without asking for its password/, 'and why');
	is($super->value($problems), $unreached, 'by nobody, since it is read as its owner');
	$super->value(q{ALTER USER MAPPING FOR operator SERVER dcx_aas OPTIONS (ADD password_required 'false')});
	is($operator->value(q{SELECT problem FROM dcx_check() WHERE severity = 'error'}), '', 'unless a superuser allows it');
	$super->value('ALTER USER MAPPING FOR operator SERVER dcx_aas OPTIONS (DROP password_required)');
	$super->value("ALTER SERVER dcx_aas OPTIONS (SET host '127.0.0.1')");
	$operator->value('ALTER USER MAPPING FOR operator SERVER dcx_aas OPTIONS (DROP password)');
	is($operator->value($problems), $unreached, 'nor is one without a password');
	like($operator->value($why), qr/the user mapping of role "operator" has no password/, 'and why');
	$operator->value("ALTER USER MAPPING FOR operator SERVER dcx_aas OPTIONS (ADD password '$Dcx::aas_password')");
	is($operator->value($problems), '', 'and gone');
};

subtest 'who may not ask a server who it is' => sub {
	$aas->safe_psql($Dcx::aas_db, 'REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC');
	is($operator->value($problems), '', 'AAS');
	$super->value('REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC');
	is($operator->value($problems), '', 'MAIN as well');
	$operator->value("SELECT * FROM dcx_attach_aas('" . aas_url($aas) . "')");
	is($operator->value(q{SELECT seen -> 'catalog' ->> 'system' IS NULL, seen -> 'main' ->> 'system' IS NULL
		FROM dcx.binding WHERE part = 'products'}), 't|t', 'attached without it');
	$aas->safe_psql($Dcx::aas_db, 'GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC');
	$super->value('GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC');
	is($operator->value($problems), '', 'what was not known is no difference');
};

# Whom prices may not be taken from may have attached the wallets all the same.
subtest 'trust is asked for what is attached' => sub {
	Dcx::load($main, 'wallets', 'main.sql');
	my $there = session($main, database => 'wallets');

	$there->value(<<'SQL');
CREATE EXTENSION dcx_pricing;
CREATE EXTENSION postgres_fdw;
SELECT * FROM dcx_attach_updated_at();
CREATE ROLE keeper LOGIN;
GRANT CREATE ON DATABASE wallets TO keeper;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO keeper;
ALTER TABLE "OrganisationWallet" OWNER TO keeper;
GRANT EXECUTE ON FUNCTION dcx_attach_aas, dcx_attach_enetworks, dcx_attach_wallet, dcx_detach, dcx_check, dcx_wallet_audit, dcx_health, dcx_maintain TO keeper
SQL
	my $keeper = session($main, database => 'wallets', user => 'keeper');
	my $all_well = sub {
		is($_->value($problems), $_[1] // 'connection|warning|aas|no catalog is attached', "$_[0]: no other problem") for $keeper, $there;
		is($keeper->value(q{SELECT count(*) FROM dcx_maintain() WHERE result LIKE 'failed%'}), '0', "$_[0]: nor does maintenance fail");
	};

	$keeper->value('SELECT * FROM dcx_attach_wallet()');
	$there->value('REVOKE EXECUTE ON FUNCTION dcx_attach_aas, dcx_attach_enetworks FROM keeper');
	$all_well->('only wallets');
	$there->value('GRANT EXECUTE ON FUNCTION dcx_attach_aas TO keeper');
	$keeper->value("SELECT * FROM dcx_attach_aas('" . aas_url($aas) . "'); SELECT * FROM dcx_detach('aas')");
	is($keeper->value('SELECT count(*) FROM dcx.price_book'), '1', 'a saved book is left');
	$there->value('REVOKE EXECUTE ON FUNCTION dcx_attach_aas FROM keeper');
	$all_well->('a catalog that is detached');
	$there->value('GRANT EXECUTE ON FUNCTION dcx_attach_aas TO keeper');
	$keeper->value("SELECT * FROM dcx_attach_aas('" . aas_url($aas) . "')");
	$all_well->('a catalog again', '');
	$there->value('REVOKE EXECUTE ON FUNCTION dcx_attach_aas FROM keeper');
	isnt($_->value($problems), '', 'not trusted with what is attached') for $keeper, $there;
	$_->close for $keeper, $there;
};

$_->close for $super, $operator, $watcher;
$_->stop for $main, $aas;
done_testing();
