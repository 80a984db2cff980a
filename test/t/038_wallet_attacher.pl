# An ordinary role attaches its wallets: which rights it needs, what it can do with the ledger that it then owns, and
# that it cannot harm others with it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main');
my $super = session($main);

$super->value(<<'SQL');
CREATE ROLE app LOGIN;
CREATE ROLE operator LOGIN;
CREATE ROLE other LOGIN;
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
CREATE TABLE shop.wallets (org text PRIMARY KEY, balance numeric(14,2));
INSERT INTO shop.wallets VALUES ('org-acme', 1000), ('org-globex', 375.99)
SQL
may_move_money($main, $_) for 'app', 'operator';

my $operator = session($main, user => 'operator');
my $app = session($main, user => 'app');
my $attach = q{SELECT relation, rows FROM dcx_attach_wallet('shop.wallets', 'org')};

sub call
{
	my ($session, $function) = @_;
	my $error = $session->error("SELECT * FROM dcx_$function");

	return $error->{state} eq 'none' ? $error->{text} : $error->{state};
}

subtest 'what it needs' => sub {
	my @steps = (
		[ 'the right to call it', 'GRANT EXECUTE ON FUNCTION dcx_attach_wallet(text, text, text) TO operator',
			message => 'permission denied for function dcx_attach_wallet' ],
		[ 'the table', 'ALTER TABLE shop.wallets OWNER TO operator',
			message => 'must be owner of shop.wallets', detail => 'It belongs to role "postgres".' ],
		[ 'CREATE on the database, for the schema dcx', 'GRANT CREATE ON DATABASE main TO operator',
			message => 'permission denied for database main' ]);

	for my $step (@steps)
	{
		my ($lacking, $cure, %expected) = @$step;

		fails_with($operator, $attach, "without $lacking", state => '42501', %expected);
		$super->value($cure);
	}
	is($operator->value($attach), "shop.wallets|2\ndcx.wallet_entry|2", 'with all of them it can');
	is( $super->value(<<'SQL'), 'operator', 'and owns what it made');
SELECT DISTINCT owner::regrole FROM (SELECT relowner FROM pg_class WHERE relnamespace = 'dcx'::regnamespace
 UNION SELECT nspowner FROM pg_namespace WHERE nspname = 'dcx'
 UNION SELECT proowner FROM pg_proc WHERE pronamespace = 'dcx'::regnamespace) o(owner)
SQL
	$super->value('REVOKE CREATE ON DATABASE main FROM operator');
	is($operator->value($attach), "shop.wallets|2\ndcx.wallet_entry|2", 'attaching again does not need the last');
	fails_with($super, $attach, 'a superuser does not attach in its schema', state => '42501',
		message => 'schema "dcx" belongs to role "operator"', hint => qr/^Attach as that role/);
};

subtest 'who moves money, and who sees the ledger' => sub {
	like(call($app, q{wallet_debit('org-acme', 10, 'debit')}), qr/\|990\.00\|990\.00\|f$/, 'app moves money');
	like(call($super, q{wallet_credit('org-acme', 10, 'credit')}), qr/\|1000\.00\|1000\.00\|f$/, 'a superuser, too');
	like(call($operator, q{wallet_hold('org-acme', 10, 'hold', '1 day')}), qr/\|990\.00\|f$/, 'and itself');
	is($app->error('SELECT * FROM dcx.wallet_entry')->{state}, '42501', 'app does not see the ledger');
	is($app->error(q{SELECT * FROM dcx_wallet_statement('org-acme')})->{state}, '42501', 'nor a statement');
	is( $operator->value(q{SELECT kind, role, session_role FROM dcx.wallet_entry ORDER BY entry_id OFFSET 2}),
		"debit|app|app\ncredit|postgres|postgres", 'operator does, and who did what');
	for my $statement ('UPDATE dcx.wallet_entry SET amount = 0', 'DELETE FROM dcx.wallet_entry',
		'TRUNCATE dcx.wallet_entry', 'DELETE FROM dcx.wallet_key', 'DELETE FROM dcx.wallet_hold')
	{
		fails_with($operator, $statement, $statement, state => '42501', message => qr/is refused$/);
	}
};

subtest 'the right to attach is what its ledger is trusted for' => sub {
	my %untrusted = (state => '42501', message => 'table dcx.binding cannot be trusted');

	$super->value('REVOKE EXECUTE ON FUNCTION dcx_attach_wallet(text, text, text) FROM operator');
	fails_with($app, q{SELECT * FROM dcx_wallet_debit('org-acme', 1, 'untrusted')}, 'no money moves without', %untrusted);
	fails_with($operator, q{SELECT dcx_wallet_available('org-acme')}, 'nothing is told', %untrusted);
	fails_with($operator, q{UPDATE shop.wallets SET balance = 1}, 'and no balance changes unrecorded', %untrusted);
	$super->value('GRANT EXECUTE ON FUNCTION dcx_attach_wallet(text, text, text) TO operator');
	like(call($app, q{wallet_debit('org-acme', 1, 'trusted')}), qr/\|f$/, 'with it, money moves');

	$super->value('ALTER TABLE shop.wallets OWNER TO other');
	fails_with($app, q{SELECT * FROM dcx_wallet_debit('org-acme', 1, 'untrusted')}, 'the table is somebody else\'s',
		state => '42501', message => 'shop.wallets was attached by a role that may not act as its owner');
	$super->value('GRANT other TO operator');
	like(call($app, q{wallet_debit('org-acme', 1, 'a member')}), qr/\|f$/, 'whose member operator is: money moves');
	is($operator->value($attach), "shop.wallets|2\ndcx.wallet_entry|6", 'and it may attach');
	$super->value('ALTER TABLE shop.wallets OWNER TO operator; REVOKE other FROM operator');
	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
};

subtest 'its ledger runs nothing as anybody else' => sub {
	my $hold = q{wallet_hold('org-globex', 1, '%s', '1 day')};

	$operator->value(<<'SQL');
SET search_path = shop, public;
SQL
	$super->value('GRANT CREATE ON SCHEMA shop TO operator');
	$operator->value(<<'SQL');
CREATE TABLE shop.log (who text, super boolean, outcome text);
CREATE FUNCTION shop.spring() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	attack text;
BEGIN
	FOREACH attack IN ARRAY ARRAY['ALTER ROLE operator SUPERUSER', 'SET ROLE postgres', 'RESET SESSION AUTHORIZATION']
	LOOP
		BEGIN
			EXECUTE attack;
			INSERT INTO shop.log SELECT current_user, rolsuper, attack FROM pg_roles WHERE rolname = current_user;
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO shop.log SELECT current_user, rolsuper, SQLSTATE FROM pg_roles WHERE rolname = current_user;
		END;
	END LOOP;
	RETURN true;
END $$;
CREATE FUNCTION shop.spring_trigger() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN PERFORM shop.spring(); RETURN NEW; END $$;
CREATE TRIGGER spring BEFORE INSERT OR UPDATE ON dcx.wallet_account FOR EACH ROW EXECUTE FUNCTION shop.spring_trigger();
CREATE TRIGGER spring AFTER INSERT ON dcx.wallet_entry FOR EACH ROW EXECUTE FUNCTION shop.spring_trigger();
CREATE TRIGGER spring AFTER INSERT ON dcx.wallet_hold FOR EACH ROW EXECUTE FUNCTION shop.spring_trigger();
CREATE TRIGGER spring AFTER INSERT ON dcx.wallet_key FOR EACH ROW EXECUTE FUNCTION shop.spring_trigger();
CREATE POLICY spring ON dcx.wallet_entry USING (shop.spring());
ALTER TABLE dcx.wallet_entry ENABLE ROW LEVEL SECURITY
SQL
	for my $session ($app, $super)
	{
		like(call($session, "wallet_debit('org-globex', 1, 'debit $session->{pid}')"), qr/\|f$/, 'a debit');
		like(call($session, sprintf $hold, "hold $session->{pid}"), qr/\|f$/, 'a hold');
	}
	$super->value(q{UPDATE shop.wallets SET balance = balance + 1 WHERE org = 'org-globex'});
	like($super->value(q{SELECT count(*) FROM dcx_wallet_statement('org-globex')}), qr/^\d$/, 'a statement');
	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'the audit');
	$operator->value(<<'SQL');
ALTER TABLE dcx.wallet_hold RENAME TO wallet_hold_kept;
CREATE VIEW dcx.wallet_hold AS SELECT * FROM dcx.wallet_hold_kept WHERE shop.spring()
SQL
	is($super->error(q{SELECT count(*) FROM dcx_wallet_holds('org-globex')})->{state}, '55000', 'no holds through a view');
	$operator->value('DROP VIEW dcx.wallet_hold; ALTER TABLE dcx.wallet_hold_kept RENAME TO wallet_hold');
	is($operator->value('SELECT DISTINCT * FROM shop.log'), 'operator|f|42501', 'run it as operator, without success');
	cmp_ok($operator->value('SELECT count(*) FROM shop.log'), '>', 30, 'many times');
	$operator->value(<<'SQL');
DROP TRIGGER spring ON dcx.wallet_account; DROP TRIGGER spring ON dcx.wallet_entry;
DROP TRIGGER spring ON dcx.wallet_hold; DROP TRIGGER spring ON dcx.wallet_key;
DROP POLICY spring ON dcx.wallet_entry; ALTER TABLE dcx.wallet_entry DISABLE ROW LEVEL SECURITY
SQL
};

# Every call. A value of a column whose type was changed must not be read as the old type: that would read any address.
my @calls = (
	q{wallet_debit('org-acme', 2, 'shape')}, q{wallet_debit('org-acme', 10, 'debit')},
	q{wallet_hold('org-acme', 10, 'hold', '1 day')}, q{wallet_hold('org-acme', 2, 'shape')}, 'wallet_capture(1)',
	'wallet_release(1)', q{wallet_extend(1, '2 days')}, 'wallet_capture(2)',
	'wallet_release(3)', q{wallet_statement('org-acme')}, q{wallet_holds('org-acme', NULL)},
	q{wallet_available('org-acme')}, 'hold_verify(1)', 'wallet_audit()');

# How many of them fail, in a transaction of operator's.
sub failures
{
	my $failed = 0;

	for my $call (@calls)
	{
		$operator->value('SAVEPOINT a');
		$failed++ if $operator->error("SELECT * FROM dcx_$call")->{state} ne 'none';
		$operator->value('ROLLBACK TO a');
	}
	return $failed;
}

subtest 'a ledger of another shape' => sub {
	my %shapes = (
		wallet_account => [ 'balance', 'held', 'next_expiry', 'expired_until' ],
		wallet_entry => [ 'entry_id', 'amount', 'balance', 'available', 'recorded_at' ],
		wallet_hold => [ 'amount', 'expires_at', 'first_expires_at', 'available', 'resolved_at', 'captured', 'entry_id',
			'available_then', 'state' ],
		wallet_key => [ 'entry_id', 'hold_id' ],
		binding => [ 'relation', 'columns' ]);

	# The owner of a table can drop every constraint and trigger on it.
	my $loosen = <<'SQL';
DO $$
DECLARE
	"check" record;
BEGIN
	FOR "check" IN SELECT conrelid::regclass AS of, conname FROM pg_constraint
		WHERE contype = 'c' AND connamespace = 'dcx'::regnamespace
	LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', "check".of, "check".conname);
	END LOOP;
END $$;
DROP TRIGGER IF EXISTS resolved_once ON dcx.wallet_hold;
ALTER TABLE dcx.wallet_entry DISABLE TRIGGER USER;
ALTER TABLE dcx.wallet_hold DISABLE TRIGGER USER;
ALTER TABLE dcx.wallet_key DISABLE TRIGGER USER
SQL

	# One hold captured and one released, so that these columns have values.
	like(call($operator, 'wallet_capture(2)'), qr/\|f$/, 'captured');
	like(call($operator, 'wallet_release(3)'), qr/\|f$/, 'released');
	$super->value('GRANT EXECUTE ON FUNCTION dcx_wallet_audit() TO operator');
	$operator->value('BEGIN');
	$operator->value($loosen);
	is(failures(), 0, 'as it is made, every call works');
	$operator->value('ROLLBACK');
	for my $table (sort keys %shapes)
	{
		for my $column (@{ $shapes{$table} })
		{
			my $failed = 0;

			for my $type ('integer', 'text', 'boolean', 'jsonb', 'NULL')
			{
				my $primary = "$table.$column" eq 'wallet_entry.entry_id';
				my $value = $primary ? "$column\::text" : $type eq 'boolean' ? q{'true'} : q{'77'};

				next if $primary && $type =~ /NULL|boolean/;
				$operator->value('BEGIN');
				$operator->value($loosen);
				$operator->value($type eq 'NULL'
					? "ALTER TABLE dcx.$table ALTER $column DROP NOT NULL; UPDATE dcx.$table SET $column = NULL"
					: "ALTER TABLE dcx.$table ALTER $column DROP IDENTITY IF EXISTS; ALTER TABLE dcx.$table"
					  . " ALTER $column DROP DEFAULT, ALTER $column TYPE $type USING $value\::$type");
				$failed += failures();
				$operator->error('UPDATE shop.wallets SET balance = balance + 1');
				$operator->value('ROLLBACK');
			}
			cmp_ok($failed, '>', 0, "dcx.$table.$column: errors, and the server goes on");
		}
	}
	is($operator->value('SELECT 1'), '1', 'the session is the same');
	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
};

subtest 'bindings of another shape, of somebody whom nobody trusts' => sub {
	my $mallory;

	$super->value('CREATE ROLE mallory LOGIN; GRANT CREATE ON DATABASE main TO mallory');
	$super->value('BEGIN; DROP SCHEMA dcx CASCADE');
	$super->value('SET SESSION AUTHORIZATION mallory');
	$super->value(<<'SQL');
CREATE SCHEMA dcx;
CREATE TABLE dcx.binding (catalog text, part text, relation regclass, columns integer, made text[],
	PRIMARY KEY (catalog, part));
INSERT INTO dcx.binding VALUES ('wallet', 'wallets', 'shop.wallets', 77, '{}'),
	('aas', 'products', 'pg_class', 77, '{}')
SQL
	for my $call (q{dcx_wallet_available('org-acme')}, $Dcx::cost)
	{
		$super->value('SAVEPOINT a');
		isnt($super->error("SELECT $call")->{state}, 'none', "$call is an error");
		$super->value('ROLLBACK TO a');
	}
	is($super->value('SELECT 1'), '1', 'and no more');
	$super->value('ROLLBACK; RESET SESSION AUTHORIZATION');
};

subtest 'a superuser takes it over' => sub {
	my $rows = $super->value('SELECT count(*) FROM dcx.wallet_entry');

	$super->value('REASSIGN OWNED BY operator TO postgres; ALTER TABLE shop.wallets OWNER TO operator');
	like(call($app, q{wallet_debit('org-acme', 1, 'taken over')}), qr/\|f$/, 'money moves');
	is($super->value($attach), "shop.wallets|2\ndcx.wallet_entry|@{[ $rows + 1 ]}", 'and he may attach');
	is($operator->error('SELECT * FROM dcx.wallet_entry')->{state}, '42501', 'operator sees the ledger no more');
	is($operator->error($attach)->{state}, '42501', 'nor attaches');
	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
};

$_->close for $app, $operator, $super;
$main->stop;
done_testing();
