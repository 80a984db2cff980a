# A change of a balance is written once, whatever triggers others put on the wallet table: of other names and kinds, and
# on partitions.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main');
my $super = session($main);

# The intruder has TRIGGER on the tables, and owns none of them.
$super->value('CREATE ROLE app LOGIN; CREATE ROLE intruder LOGIN; CREATE SCHEMA shop; GRANT USAGE ON SCHEMA shop TO intruder');
may_move_money($main, 'app');
my $app = session($main, user => 'app');
my $intruder = session($main, user => 'intruder');

my ($table, $last, $key) = ('', 0, 0);

sub attach
{
	$super->value("SELECT * FROM dcx_attach_wallet('$table', 'org')") =~ /^dcx\.wallet_entry\|\d+\|(.*)/m;
	return $1;
}

sub start
{
	my ($definition) = @_;

	($table) = $definition =~ /CREATE TABLE (\S+)/;
	$super->value("SET client_min_messages = warning; DROP SCHEMA IF EXISTS dcx CASCADE; $definition");
	$super->value("GRANT TRIGGER ON ALL TABLES IN SCHEMA shop TO intruder");
	attach();
	$last = $super->value('SELECT coalesce(max(entry_id), 0) FROM dcx.wallet_entry');
}

sub finish
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
	$super->value("SELECT * FROM dcx_detach('wallet'); SET client_min_messages = warning; DROP TABLE $table CASCADE");
}

sub new_entries
{
	my $entries = $super->value("SELECT kind, organisation, amount FROM dcx.wallet_entry WHERE entry_id > $last ORDER BY entry_id");

	$last = $super->value('SELECT coalesce(max(entry_id), 0) FROM dcx.wallet_entry');
	return $entries;
}

# Every way in which a balance changes, each of which is one entry, or two where a row moves or two rows change.
sub written_once
{
	my ($message, $of) = @_;
	my $relation = $of // $table;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$key++;
	$app->value("SELECT amount FROM dcx_wallet_debit('acme', 1, 'debit $key')");
	$app->value("SELECT amount FROM dcx_wallet_credit('acme', 1, 'credit $key')");
	$app->value("SELECT dcx_wallet_capture(hold_id) FROM dcx_wallet_hold('acme', 2, 'hold $key')");
	$super->value("UPDATE $relation SET balance = balance - 3 WHERE org = 'acme'");
	$super->value("SET session_replication_role = replica; UPDATE $relation SET balance = balance + 3 WHERE org = 'acme'; RESET session_replication_role");
	$super->value("INSERT INTO $relation (org, balance) VALUES ('new', 4); DELETE FROM $relation WHERE org = 'new'");
	$super->value("BEGIN; TRUNCATE $relation");
	my $truncated = new_entries();
	$super->value('ROLLBACK');
	$last = $super->value('SELECT max(entry_id) FROM dcx.wallet_entry');
	is( $truncated =~ s/\.00$//gmr, join("\n",
			'debit|acme|-1', 'credit|acme|1', 'capture|acme|-2', 'external|acme|-3', 'external|acme|3',
			'external|new|4', 'external|new|-4',
			map { "external|$_->[0]|-$_->[1]" } [ 'acme', $super->value("SELECT trim_scale(balance) FROM $relation WHERE org = 'acme'") ], [ 'globex', 100 ]),
		$message);
}

sub triggers
{
	my ($of) = @_;

	return $super->value(<<"SQL");
SELECT string_agg(format('%s %s', tgname, tgenabled), ', ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = '$of'::regclass AND NOT tgisinternal
SQL
}

my $both = '000_dcx_wallet A, 000_dcx_wallet_truncate A';
my $plain = q{CREATE TABLE shop.wallets (org text PRIMARY KEY, balance numeric NOT NULL, note text);
	INSERT INTO shop.wallets VALUES ('acme', 1000), ('globex', 100)};

subtest 'the triggers are renamed, and there twice' => sub {
	start($plain);
	written_once('as attached');
	$super->value('ALTER TRIGGER "000_dcx_wallet" ON shop.wallets RENAME TO own; ALTER TRIGGER "000_dcx_wallet_truncate" ON shop.wallets RENAME TO own_truncate');
	written_once('renamed');
	is($super->value(q{SELECT * FROM dcx_check('wallet')}), '', 'which is no problem');
	is(attach(), 'the ledger has every balance', 'attached again');
	is(triggers('shop.wallets'), $both, 'there is one of each kind');
	written_once('it records once');

	$super->value(<<'SQL');
ALTER TRIGGER "000_dcx_wallet" ON shop.wallets RENAME TO own;
CREATE TRIGGER "000_dcx_wallet" AFTER INSERT OR UPDATE OR DELETE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_wallet_record();
ALTER TABLE shop.wallets ENABLE ALWAYS TRIGGER "000_dcx_wallet";
CREATE TRIGGER "zz truncate" BEFORE TRUNCATE ON shop.wallets FOR EACH STATEMENT EXECUTE FUNCTION dcx_wallet_record();
ALTER TABLE shop.wallets ENABLE ALWAYS TRIGGER "zz truncate"
SQL
	written_once('two of each kind, all of them as ours are');
	is($super->value(q{SELECT severity, object, problem, fix FROM dcx_check('wallet') ORDER BY problem}), <<'ROWS' =~ s/\n\z//r, 'the check names the surplus');
warning|shop.wallets|trigger "zz truncate" calls dcx_wallet_record() for nothing|DROP TRIGGER IF EXISTS "zz truncate" ON shop.wallets
warning|shop.wallets|trigger own calls dcx_wallet_record() for nothing|DROP TRIGGER IF EXISTS own ON shop.wallets
ROWS
	is(attach(), 'the ledger has every balance', 'attached again');
	is(triggers('shop.wallets'), $both, 'one of each is left');
	is($super->value(q{SELECT * FROM dcx_check('wallet')}), '', 'nothing is wrong any more');

	# A database that an earlier version has attached twice.
	$super->value(<<'SQL');
CREATE TRIGGER own AFTER INSERT OR UPDATE OR DELETE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_wallet_record();
ALTER TABLE shop.wallets ENABLE ALWAYS TRIGGER own
SQL
	$super->value($super->value(q{SELECT fix FROM dcx_check('wallet')}));
	is(triggers('shop.wallets'), $both, 'the fix does as much');
	written_once('and it records once');
	finish();
};

# The triggers that a role with TRIGGER on the table can create.
my $function = 'EXECUTE FUNCTION dcx_wallet_record';
my %intrusions = (
	'one more, first by name' => "CREATE TRIGGER \"!\" AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW $function()",
	'one more, last by name' => "CREATE TRIGGER \"~\" AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW $function()",
	'with arguments' => "CREATE TRIGGER \"!\" AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW $function('a', 'b')",
	'for one event' => "CREATE TRIGGER \"!\" AFTER UPDATE ON %s FOR EACH ROW $function()",
	'for each event' => join('; ', map { "CREATE TRIGGER \"!$_\" AFTER $_ ON %s FOR EACH ROW $function()" } qw(INSERT UPDATE DELETE)),
	'for one column' => "CREATE TRIGGER \"!\" AFTER INSERT OR DELETE OR UPDATE OF note ON %s FOR EACH ROW $function()",
	'under a condition that holds' => "CREATE TRIGGER \"!\" AFTER INSERT ON %s FOR EACH ROW WHEN (NEW.balance > 0) $function();"
	  . " CREATE TRIGGER \"!!\" AFTER UPDATE ON %s FOR EACH ROW WHEN (NEW.balance <> OLD.balance) $function()",
	'under one that never does' => "CREATE TRIGGER \"!\" AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW WHEN (false) $function()",
	'at the end of the statement' => "CREATE CONSTRAINT TRIGGER \"!\" AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW $function()",
	'at the end of the statement, or later' =>
	  "CREATE CONSTRAINT TRIGGER \"!\" AFTER INSERT OR UPDATE OR DELETE ON %s DEFERRABLE FOR EACH ROW $function()",
	'before TRUNCATE' => "CREATE TRIGGER \"!\" BEFORE TRUNCATE ON %s $function()",
);
# A trigger on a partitioned table has neither a condition on events nor a transition table.
my %of_a_plain_one = (
	'with the rows as a table' =>
	  "CREATE TRIGGER \"!\" AFTER UPDATE ON %s REFERENCING OLD TABLE AS gone NEW TABLE AS come FOR EACH ROW $function()",
);

sub intrude
{
	my ($how, $of) = @_;

	$intruder->value($how =~ s/%s/$of/gr);
}

subtest 'somebody with TRIGGER on the table' => sub {
	start($plain);
	my %all = (%intrusions, %of_a_plain_one);
	for my $name (sort keys %all)
	{
		intrude($all{$name}, 'shop.wallets');
		isnt(triggers('shop.wallets'), $both, "$name: there");
		written_once($name);
		my $named = $super->value(q{SELECT count(*) FROM dcx_check('wallet') WHERE severity = 'warning' AND problem ~ 'for nothing'});
		cmp_ok($named, '>', 0, 'the check names it');
		is($super->value(q{SELECT count(*) FROM dcx_check('settings') WHERE fix ~ 'ENABLE ALWAYS'}), '0', 'and would not have it fire always');
		attach();
		is(triggers('shop.wallets'), $both, 'attaching again drops it');
	}
	$intruder->value("CREATE CONSTRAINT TRIGGER \"!\" AFTER INSERT OR UPDATE OR DELETE ON shop.wallets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW $function()");
	$super->value(q{UPDATE shop.wallets SET balance = balance - 3 WHERE org = 'acme'});
	is(new_entries(), 'external|acme|-3.00', 'at the end of the transaction: recorded once');
	fails_with($app, q{SELECT dcx_wallet_debit('acme', 1, 'deferred')}, 'no money moves, as with any deferred trigger', state => '42501');
	attach();
	is(triggers('shop.wallets'), $both, 'attaching again drops it');

	# The one that always fires, not one that happens not to have been fired: the session's role changes in the statement.
	intrude($intrusions{'one more, first by name'}, 'shop.wallets');
	$super->value(<<'SQL');
SET session_replication_role = replica;
UPDATE shop.wallets SET balance = balance + 3 WHERE org = 'acme' RETURNING set_config('session_replication_role', 'origin', false)
SQL
	is(new_entries(), 'external|acme|3.00', 'the session\'s role changes in the statement: recorded once');
	attach();

	# If ours is not ENABLE ALWAYS, others of the same kind count as well, but none of another kind.
	for my $name (sort keys %all)
	{
		intrude($all{$name}, 'shop.wallets');
		$super->value('ALTER TABLE shop.wallets ENABLE TRIGGER "000_dcx_wallet"');
		$super->value(q{UPDATE shop.wallets SET balance = balance + 1 WHERE org = 'acme'});
		is(new_entries(), 'external|acme|1.00', "$name, and ours not ALWAYS: recorded once");
		attach();
	}
	$super->value("CREATE FUNCTION shop.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'");
	$intruder->value('CREATE TRIGGER "!" AFTER INSERT OR UPDATE OR DELETE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop.nothing()');
	$super->value('ALTER TABLE shop.wallets ENABLE ALWAYS TRIGGER "!"');
	written_once('a trigger of the same kind that calls something else');
	is($super->value(q{SELECT * FROM dcx_check('wallet')}), '', 'is no surplus');
	attach();
	is(triggers('shop.wallets'), "! A, $both", 'and stays');
	$super->value('DROP TRIGGER "!" ON shop.wallets');

	$intruder->value("CREATE CONSTRAINT TRIGGER \"!\" AFTER INSERT OR UPDATE OR DELETE ON shop.wallets DEFERRABLE INITIALLY DEFERRED FOR EACH ROW $function()");
	$super->value('ALTER TABLE shop.wallets ENABLE TRIGGER "000_dcx_wallet"');
	$super->value(q{BEGIN; UPDATE shop.wallets SET balance = balance + 1 WHERE org = 'acme'});
	is(new_entries(), 'external|acme|1.00', 'one at the end of the transaction, and ours not ALWAYS: recorded at once');
	$super->value('COMMIT');
	is(new_entries(), '', 'and once');
	attach();
	fails_with($intruder, 'ALTER TABLE shop.wallets ENABLE ALWAYS TRIGGER "000_dcx_wallet"', 'only the owner says which fires always', state => '42501');
	finish();
};

subtest 'ours is switched off, or not what it was' => sub {
	start($plain);
	intrude($intrusions{'one more, last by name'}, 'shop.wallets');
	$super->value('ALTER TABLE shop.wallets ENABLE TRIGGER "000_dcx_wallet"');
	$super->value(q{UPDATE shop.wallets SET balance = balance + 1 WHERE org = 'acme'});
	is(new_entries(), 'external|acme|1.00', 'not ALWAYS: it records still, once');
	is( $super->value(q{SELECT problem, fix FROM dcx_check('settings') WHERE fix ~ 'ENABLE'}),
		'trigger "000_dcx_wallet" does not fire always|ALTER TABLE shop.wallets ENABLE ALWAYS TRIGGER "000_dcx_wallet"',
		'the check says which should');
	$super->value('ALTER TABLE shop.wallets DISABLE TRIGGER "000_dcx_wallet"');
	$super->value(q{UPDATE shop.wallets SET balance = balance + 1 WHERE org = 'acme'});
	is(new_entries(), 'external|acme|1.00', 'disabled: the next of its kind does');
	$super->value('ALTER TABLE shop.wallets ENABLE REPLICA TRIGGER "000_dcx_wallet"');
	$super->value(q{UPDATE shop.wallets SET balance = balance + 1 WHERE org = 'acme'});
	is(new_entries(), 'external|acme|1.00', 'for replicas only: so it does');
	$super->value(q{SET session_replication_role = replica; UPDATE shop.wallets SET balance = balance + 1 WHERE org = 'acme'; RESET session_replication_role});
	is(new_entries(), 'external|acme|1.00', 'and as a replica ours does');
	is($app->value(q{SELECT amount FROM dcx_wallet_debit('acme', 1, 'other')}), '-1.00', 'money moves');
	is(new_entries(), 'debit|acme|-1.00', 'and is written once');
	$super->value('ALTER TABLE shop.wallets DISABLE TRIGGER ALL');
	fails_with($app, q{SELECT dcx_wallet_debit('acme', 1, 'none')}, 'none of them: no money moves', state => '55000');
	is(attach(), 'the ledger has every balance', 'attached again');
	is(triggers('shop.wallets'), $both, 'all is as it was');

	# PostgreSQL lets whoever has TRIGGER replace a trigger of the owner's: that cannot be kept from happening, but it is seen.
	$intruder->value('CREATE OR REPLACE TRIGGER "000_dcx_wallet" AFTER INSERT OR UPDATE OR DELETE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop.nothing()');
	fails_with($app, q{SELECT dcx_wallet_debit('acme', 1, 'replaced')}, 'replaced by something else: no money moves', state => '55000');
	is($super->value(q{SELECT severity, problem FROM dcx_check('wallet')}), 'error|a trigger that writes the ledger is missing', 'the check says so');
	is(attach(), 'the ledger has every balance', 'attached again');
	is(triggers('shop.wallets'), $both, 'ours is back');
	$intruder->value("CREATE OR REPLACE TRIGGER \"000_dcx_wallet\" AFTER UPDATE OR DELETE OR INSERT ON shop.wallets FOR EACH ROW WHEN (false) $function()");
	fails_with($app, q{SELECT dcx_wallet_debit('acme', 1, 'replaced')}, 'replaced by one under a condition: no money moves', state => '55000');
	is($super->value(q{SELECT string_agg(severity || ' ' || problem, ', ' ORDER BY 1) FROM dcx_check('wallet')}),
		'error a trigger that writes the ledger is missing, warning trigger "000_dcx_wallet" calls dcx_wallet_record() for nothing', 'the check says so');
	attach();
	is(triggers('shop.wallets'), $both, 'ours is back');

	# A trigger that fires for some of the changes does not count: nobody should believe that the others are recorded.
	$super->value('DROP TRIGGER "000_dcx_wallet" ON shop.wallets');
	intrude($intrusions{'for one event'}, 'shop.wallets');
	fails_with($app, q{SELECT dcx_wallet_debit('acme', 1, 'some')}, 'one for some of the changes does not write', state => '55000');
	is($super->value(q{SELECT string_agg(severity || ' ' || problem, ', ' ORDER BY 1) FROM dcx_check('wallet')}),
		'error a trigger that writes the ledger is missing, warning trigger "!" calls dcx_wallet_record() for nothing', 'the check says so');
	attach();
	is(triggers('shop.wallets'), $both, 'attached again');
	written_once('and it records once');
	finish();
};

subtest 'partitions' => sub {
	start(q{CREATE TABLE shop.parted (org text NOT NULL, balance numeric NOT NULL, region text NOT NULL DEFAULT 'a', note text, PRIMARY KEY (org, region)) PARTITION BY LIST (region);
	CREATE TABLE shop.part_a PARTITION OF shop.parted FOR VALUES IN ('a') PARTITION BY LIST (region);
	CREATE TABLE shop.leaf PARTITION OF shop.part_a FOR VALUES IN ('a');
	CREATE TABLE shop.part_b PARTITION OF shop.parted FOR VALUES IN ('b');
	INSERT INTO shop.parted VALUES ('acme', 1000), ('globex', 100)});
	my $moved = sub {
		$super->value(q{UPDATE shop.parted SET region = 'b' WHERE org = 'acme'; UPDATE shop.parted SET region = 'a' WHERE org = 'acme'});
		my $balance = $super->value(q{SELECT round(balance, 2) FROM shop.parted WHERE org = 'acme'});
		is(new_entries(), join("\n", map { "external|acme|$_" } "-$balance", $balance, "-$balance", $balance),
			"$_[0]: a row that moves leaves the one partition and comes into the other");
	};
	for my $of ('shop.parted', 'shop.part_a', 'shop.leaf')
	{
		for my $name (sort keys %intrusions)
		{
			intrude($intrusions{$name}, $of);
			written_once("$name, on $of");
			$moved->("$name, on $of") if $name =~ /one more/;
			cmp_ok($super->value(q{SELECT count(*) FROM dcx_check('wallet') WHERE problem ~ 'for nothing'}), '>', 0, 'the check names it');
			attach();
		}
		is(triggers('shop.leaf'), $both, "$of: nothing is left of it");
	}
	written_once('written in a partition', 'shop.leaf');

	# Of the root's trigger, renamed, the partitions have the renamed one.
	$super->value('ALTER TRIGGER "000_dcx_wallet" ON shop.parted RENAME TO own');
	written_once('renamed');
	attach();
	is(triggers("shop.$_"), $both, "attached again: $_ has one of each") for qw(parted part_a leaf part_b);
	written_once('it records once');

	# The partition's own, named as ours is, is in the way of the one that it gets from the root.
	$super->value('DROP TRIGGER "000_dcx_wallet" ON shop.parted');
	$intruder->value("CREATE TRIGGER \"000_dcx_wallet\" AFTER INSERT OR UPDATE OR DELETE ON shop.leaf FOR EACH ROW $function()");
	attach();
	is(triggers('shop.leaf'), $both, 'a trigger of that name on a partition makes room');
	is(triggers('shop.parted'), $both, 'for the root\'s');
	written_once('it records once');
	finish();
};

subtest 'an inheritance child' => sub {
	start($plain);
	$super->value(q{CREATE TABLE shop.child (PRIMARY KEY (org)) INHERITS (shop.wallets); GRANT TRIGGER ON shop.child TO intruder});
	intrude($intrusions{'one more, first by name'}, 'shop.child');
	written_once('a trigger on the child records nothing of the parent');
	$super->value(q{INSERT INTO shop.child VALUES ('initech', 5)});
	is(new_entries(), '', 'nor of the child, which is not attached');
	$super->value('DROP TABLE shop.child');
	finish();
};

subtest 'the ledger\'s guards' => sub {
	start($plain);
	my $guards = sub {
		return $super->value(q{SELECT string_agg(format('%s %s %s', tgrelid::regclass, tgname, tgenabled), ', ' ORDER BY tgrelid::regclass::text, tgname)
			FROM pg_trigger WHERE tgfoid = 'dcx.wallet_guard()'::regprocedure});
	};
	my $right = 'dcx.wallet_entry append_only A, dcx.wallet_hold no_deletes A, dcx.wallet_hold resolved_once A, dcx.wallet_key append_only A';

	is($guards->(), $right, 'as attached');
	$super->value(<<'SQL');
ALTER TRIGGER append_only ON dcx.wallet_entry RENAME TO never;
ALTER TRIGGER resolved_once ON dcx.wallet_hold RENAME TO "once only";
SQL
	is($super->value(q{SELECT * FROM dcx_check('wallet')}), '', 'renamed they guard as before');
	attach();
	is($guards->(), $right, 'attached again: each is there once');
	$super->value(<<'SQL');
DROP TRIGGER append_only ON dcx.wallet_key;
CREATE TRIGGER append_only BEFORE INSERT ON dcx.wallet_key EXECUTE FUNCTION shop.nothing()
SQL
	is($super->value(q{SELECT object, problem FROM dcx_check('wallet')}), 'dcx.wallet_key|trigger append_only is missing', 'one that is called so is none');
	attach();
	is($guards->(), $right, 'attached again: it is there');
	fails_with($super, 'DELETE FROM dcx.wallet_key', 'and guards', state => '42501');
	finish();
};

$_->close for $app, $intruder, $super;
$main->stop;
done_testing();
