# A wallet that goes: what it held is released, and a new wallet of its organisation owes nothing. A wallet that only
# moves keeps its holds, and one with open holds keeps its organisation.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main');
my $super = session($main);
my $table;

# Each database has wallets of two organisations, with open holds of each, one hold that has expired, and resolved ones.
sub start
{
	my ($definition) = @_;

	($table) = $definition =~ /CREATE TABLE (\S+)/;
	$super->value("SET client_min_messages = warning; DROP SCHEMA IF EXISTS dcx CASCADE; DROP TABLE IF EXISTS $table CASCADE; $definition");
	$super->value("SELECT FROM dcx_attach_wallet('$table', 'org')");
	$super->value(<<'SQL');
SELECT FROM dcx_wallet_hold('acme', 30, 'open', '1 day');
SELECT FROM dcx_wallet_hold('acme', 20, 'expired', '1 microsecond');
SELECT FROM dcx_wallet_release((SELECT hold_id FROM dcx_wallet_hold('acme', 5, 'released')));
SELECT FROM dcx_wallet_capture((SELECT hold_id FROM dcx_wallet_hold('acme', 10, 'captured')), 10);
SELECT FROM dcx_wallet_hold('acme', 7, 'another', '1 day');
SELECT FROM dcx_wallet_hold('globex', 40, 'theirs', '1 day')
SQL
}

my $plain = q{CREATE TABLE wallet (org text UNIQUE, balance numeric(14,2));
	INSERT INTO wallet VALUES ('acme', 110), ('globex', 100)};
my $parted = q{CREATE TABLE wallet (org text, balance numeric(14,2), region text DEFAULT 'a', PRIMARY KEY (org, region)) PARTITION BY LIST (region);
	CREATE TABLE wallet_a PARTITION OF wallet FOR VALUES IN ('a'); CREATE TABLE wallet_b PARTITION OF wallet FOR VALUES IN ('b');
	CREATE TABLE wallet_c PARTITION OF wallet FOR VALUES IN ('c') PARTITION BY LIST (org);
	CREATE TABLE wallet_c_1 PARTITION OF wallet_c DEFAULT;
	INSERT INTO wallet VALUES ('acme', 110, 'a'), ('globex', 100, 'b')};

# The states of the holds, first those of acme, in the order in which they were made.
sub holds
{
	return $super->value(q{SELECT string_agg(state, ' ' ORDER BY organisation, hold_id) FROM dcx.wallet_hold});
}

sub last_entries
{
	my ($n) = @_;

	return $super->value(<<"SQL");
SELECT organisation, amount, balance, details FROM (SELECT * FROM dcx.wallet_entry ORDER BY entry_id DESC LIMIT $n) e ORDER BY entry_id
SQL
}

my $before = 'open open released captured open open';
my $after = 'released expired released captured released open';
my $all = 'released expired released captured released released';

sub adds_up
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
}

sub tried
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($statements, $expected, $name) = @_;

	$super->value('BEGIN');
	$super->value($_) for ref $statements ? @$statements : $statements;
	is(holds(), $expected, $name);
	adds_up();
	$super->value('ROLLBACK');
}

subtest 'one that is deleted, and made again' => sub {
	start($plain);
	is(holds(), $before, 'holds');
	$super->value(q{DELETE FROM wallet WHERE org = 'acme'});
	is(holds(), $after, 'those that are open are released, those that have expired are marked, the others stay');
	is(last_entries(1), 'acme|-100.00|0.00|{"operation": "DELETE", "released_holds": [1, 5]}', 'the entry names those that were released');
	is($super->value(q{SELECT held, next_expiry FROM dcx.wallet_account WHERE organisation = 'acme'}), '0|infinity', 'nothing is held');
	is($super->value(<<'SQL'), "1|t|0.00\n2|f|\n5|t|0.00", 'when, and what was available then');
SELECT hold_id, resolved_at < expires_at, available_then FROM dcx.wallet_hold WHERE hold_id IN (1, 2, 5) ORDER BY 1
SQL
	is($super->value(q{SELECT bool_and(resolved_at = expires_at) FROM dcx.wallet_hold WHERE state = 'expired'}), 't', 'an expired one at its time');
	adds_up();
	is($super->value('SELECT * FROM dcx_check($$wallet$$) WHERE severity = $$error$$'), '', 'nothing is wrong');

	$super->value(q{INSERT INTO wallet VALUES ('acme', 50)});
	is($super->value(q{SELECT dcx_wallet_balance('acme'), dcx_wallet_available('acme')}), '50.00|50.00', 'a new wallet owes nothing');
	is($super->value(q{SELECT count(*) FROM dcx_wallet_holds('acme')}), '0', 'no hold is open');
	fails_with($super, "SELECT * FROM dcx_wallet_capture($_)", "capture of $_", state => 'ZD005', detail => qr/^It is released since /) for 1, 5;
	fails_with($super, 'SELECT * FROM dcx_wallet_capture(2)', 'of the expired one', state => 'ZD005', detail => qr/^It is expired since /);
	fails_with($super, q{SELECT * FROM dcx_wallet_extend(1, '1 day')}, 'nor is it extended', state => 'ZD005');
	is($super->value('SELECT amount, available, replayed FROM dcx_wallet_release(1)'), '30.00|0.00|t', 'released it is already');
	is($super->value(q{SELECT hold_id, amount, replayed FROM dcx_wallet_hold('acme', 30, 'open', '1 day')}), '1|30.00|t', 'its key is used');
	fails_with($super, q{SELECT * FROM dcx_wallet_hold('acme', 31, 'open', '1 day')}, 'for that request', state => 'ZD004');
	is($super->value(q{SELECT amount, balance FROM dcx_wallet_capture((SELECT hold_id FROM dcx_wallet_hold('acme', 50, 'new')))}), '-50.00|0.00', 'all of it can be spent');
	adds_up();
};

subtest 'the ways in which one goes' => sub {
	start($plain);
	$super->value('ALTER TABLE wallet ALTER org DROP NOT NULL');
	tried(q{DELETE FROM wallet WHERE org = 'globex'}, $before =~ s/open$/released/r, 'the other one');
	tried('DELETE FROM wallet', $all, 'all');
	tried('TRUNCATE wallet', $all, 'TRUNCATE');
	tried(q{UPDATE wallet SET org = NULL WHERE org = 'acme'}, $after, 'its organisation becomes NULL');
	tried(q{MERGE INTO wallet USING (VALUES ('acme')) v (org) ON wallet.org = v.org WHEN MATCHED THEN DELETE}, $after, 'MERGE');
	tried([ 'SET LOCAL session_replication_role = replica', q{DELETE FROM wallet WHERE org = 'acme'} ], $after, 'as a replica');
	tried([ q{UPDATE wallet SET balance = 0 WHERE org = 'acme'}, q{DELETE FROM wallet WHERE org = 'acme'} ], $after, 'with nothing in it');
	tried([ 'SAVEPOINT s', 'DELETE FROM wallet', 'ROLLBACK TO s' ], $before, 'but not if that is rolled back');
	tried([ 'DELETE FROM wallet', q{INSERT INTO wallet VALUES ('acme', 1), ('globex', 2)} ], $all, 'and made again in the same transaction');
	tried([ 'CREATE TABLE owner (org text PRIMARY KEY)', 'INSERT INTO owner SELECT org FROM wallet',
			'ALTER TABLE wallet ADD FOREIGN KEY (org) REFERENCES owner ON DELETE CASCADE', q{DELETE FROM owner WHERE org = 'acme'} ], $after, 'by a foreign key');
	tried([ 'CREATE TABLE owner (org text PRIMARY KEY)', 'INSERT INTO owner SELECT org FROM wallet',
			'ALTER TABLE wallet ADD FOREIGN KEY (org) REFERENCES owner ON DELETE SET NULL', q{DELETE FROM owner WHERE org = 'acme'} ], $after, 'to NULL');
	tried([ 'CREATE TABLE owner (org text PRIMARY KEY)', 'INSERT INTO owner SELECT org FROM wallet',
			'ALTER TABLE wallet ADD FOREIGN KEY (org) REFERENCES owner', 'TRUNCATE owner CASCADE' ], $all, 'by TRUNCATE ... CASCADE');
	tried([ 'SET LOCAL client_min_messages = warning', 'ALTER TABLE wallet DISABLE TRIGGER ALL', q{DELETE FROM wallet WHERE org = 'acme'},
			q{SELECT FROM dcx_attach_wallet('wallet', 'org')} ], $after, 'without our trigger: when it is attached again');
	# A database in which an earlier version has left holds of a wallet that is gone.
	tried([ q{DELETE FROM wallet WHERE org = 'acme'}, q{ALTER TABLE dcx.wallet_hold DISABLE TRIGGER USER; UPDATE dcx.wallet_hold SET state = 'open', resolved_at = NULL, available_then = NULL WHERE hold_id = 1;
			UPDATE dcx.wallet_account SET held = 30, next_expiry = '-infinity', expired_until = '-infinity' WHERE organisation = 'acme'; ALTER TABLE dcx.wallet_hold ENABLE TRIGGER USER},
			q{SELECT FROM dcx_attach_wallet('wallet', 'org')} ], $after, 'by an earlier version');
};

subtest 'one that stays' => sub {
	start($plain);
	tried(q{WITH d AS (DELETE FROM wallet WHERE org = 'globex' RETURNING *) UPDATE wallet SET balance = 101 WHERE org = 'acme'}, $before =~ s/open$/released/r, 'beside one that goes');
	$super->value('ALTER TABLE wallet DROP CONSTRAINT wallet_org_key');
	tried(q{WITH d AS (DELETE FROM wallet WHERE org = 'acme' RETURNING *) INSERT INTO wallet SELECT * FROM d}, $before, 'deleted and inserted in one statement');
	tried(q{WITH i AS (INSERT INTO wallet VALUES ('acme', 60) RETURNING 1) DELETE FROM wallet WHERE org = 'acme' AND EXISTS (SELECT FROM i)}, $before, 'with another balance');
	tried([ q{INSERT INTO wallet VALUES ('acme', 60)}, q{DELETE FROM wallet WHERE ctid = (SELECT min(ctid) FROM wallet WHERE org = 'acme')} ], $before, 'one of two wallets');
	tried([ q{INSERT INTO wallet VALUES ('acme', 60)}, q{DELETE FROM wallet WHERE org = 'acme'} ], $after, 'both');
	tried([ q{INSERT INTO wallet VALUES ('acme', 60)}, q{UPDATE wallet SET org = 'other' WHERE balance = 100 AND org = 'acme'} ], $before, 'one becomes another organisation\'s');
	tried(q{UPDATE wallet SET org = CASE org WHEN 'acme' THEN 'globex' ELSE 'acme' END}, $before, 'they are exchanged');
};

subtest 'partitions' => sub {
	start($parted);
	tried(q{UPDATE wallet SET region = 'b' WHERE org = 'acme'}, $before, 'a row that moves to another partition keeps its holds');
	tried(q{UPDATE wallet SET region = 'c', balance = 90 WHERE org = 'acme'}, $before, 'also with another balance');
	tried('TRUNCATE wallet_a', $after, 'TRUNCATE of a partition');
	tried('TRUNCATE wallet_b', $before =~ s/open$/released/r, 'of the other');
	tried('TRUNCATE wallet_a, wallet_b', $all, 'of both');
	tried('TRUNCATE wallet', $all, 'of all');
	tried('DELETE FROM wallet_a', $after, 'DELETE from a partition');
	my $two = q{INSERT INTO wallet VALUES ('acme', 100, 'b'), ('acme', 200, 'c')};
	tried([ $two, 'TRUNCATE wallet_a' ], $before, 'its other wallets are in other partitions');
	tried([ $two, 'TRUNCATE wallet_a, wallet_b' ], $before =~ s/open$/released/r, 'in one of them');
	tried([ $two, 'TRUNCATE wallet_a', 'TRUNCATE wallet_b, wallet_c' ], $all, 'in none');
	tried([ $two, 'TRUNCATE wallet_a, wallet_b, wallet_c' ], $all, 'at once');
	tried([ $two, 'TRUNCATE wallet_a', q{INSERT INTO wallet VALUES ('acme', 300)}, 'TRUNCATE wallet_b, wallet_c' ], $before =~ s/open$/released/r, 'one is made again before');
	tried([ $two, 'SAVEPOINT s', 'TRUNCATE wallet_b', 'ROLLBACK TO s', 'TRUNCATE wallet_a, wallet_c' ], $before, 'or its TRUNCATE rolled back');
	tried([ $two, 'TRUNCATE wallet' ], $all, 'with the table');
	tried([ $two, q{DELETE FROM wallet WHERE org = 'acme'} ], $after, 'DELETE of all');
	tried([ 'DROP TABLE wallet_a', q{SELECT FROM dcx_attach_wallet('wallet', 'org')} ], $after, 'a partition is dropped: when the wallets are attached again');
	tried([ 'ALTER TABLE wallet DETACH PARTITION wallet_a', q{SELECT FROM dcx_attach_wallet('wallet', 'org')} ], $after, 'or detached');
	tried([ 'ALTER TABLE wallet DETACH PARTITION wallet_a', 'INSERT INTO wallet SELECT org, balance, $$b$$ FROM wallet_a' ], $before, 'and its wallets copied into another: that is no change');
};

subtest 'another organisation' => sub {
	my %refusal = (state => '55000', message => 'the wallet of organisation "acme" has open holds', detail => qr/^It would become that of organisation "other"/,
		hint => q{Capture or release them first: SELECT * FROM dcx_wallet_holds('acme').});

	start($plain);
	fails_with($super, q{UPDATE wallet SET org = 'other' WHERE org = 'acme'}, 'while holds are open: refused', %refusal);
	fails_with($super, q{UPDATE wallet SET org = 'other', balance = 0 WHERE org = 'acme'}, 'also with another balance', %refusal);
	$super->value(<<'SQL');
CREATE TABLE owner (org text PRIMARY KEY);
INSERT INTO owner SELECT org FROM wallet;
ALTER TABLE wallet ADD FOREIGN KEY (org) REFERENCES owner ON UPDATE CASCADE
SQL
	fails_with($super, q{UPDATE owner SET org = 'other' WHERE org = 'acme'}, 'by a foreign key', %refusal);
	is(holds(), $before, 'nothing has changed');
	$super->value('SELECT FROM dcx_wallet_release(1); SELECT FROM dcx_wallet_capture(5)');
	$super->value(q{UPDATE owner SET org = 'other' WHERE org = 'acme'});
	is($super->value(q{SELECT dcx_wallet_available('other')}), '93.00', 'when they are resolved it is given to another');
	is(holds(), 'released expired released captured captured open', 'a hold that has expired is no open one, and is marked');
	adds_up();
	is($super->value(q{SELECT replayed FROM dcx_wallet_hold('other', 30, 'open', '1 day')}), 'f', 'which has its own keys');
	$super->value('ALTER TABLE wallet DROP CONSTRAINT wallet_org_fkey; DROP TABLE owner');
};

# On PostgreSQL 18.
subtest 'virtual generated columns' => sub {
	plan skip_all => 'before PostgreSQL 18 every generated column is stored' if $super->value('SHOW server_version_num') < 180000;

	$super->value(<<'SQL');
SELECT FROM dcx_detach('wallet');
CREATE TABLE computed (org text, code text GENERATED ALWAYS AS (upper(org)), cents bigint, balance numeric GENERATED ALWAYS AS (cents / 100.0), stored text GENERATED ALWAYS AS (lower(org)) STORED);
INSERT INTO computed VALUES ('acme', DEFAULT, 10000);
SQL
	fails_with($super, "SELECT * FROM dcx_attach_wallet('computed', $_->[0])", "attached: $_->[1]", state => '0A000',
		message => "column \"$_->[1]\" of public.computed is a virtual generated column", hint => qr/^Attach a column that is stored/)
	  for [ q{'org', 'balance'}, 'balance' ], [ q{'code', 'cents'}, 'code' ], [ q{'code', 'balance'}, 'code' ];
	$super->value('CREATE VIEW computed_view AS TABLE computed');
	is($super->value(q{SELECT rows FROM dcx_attach_wallet('computed_view', 'code')}), '1', 'through a view');
	is($super->value(q{SELECT dcx_wallet_balance('ACME')}), '100.00', 'it is read');
	$super->value(q{SELECT FROM dcx_detach('wallet'); SELECT FROM dcx_attach_wallet('computed', 'stored', 'cents')});
	$super->value(q{UPDATE computed SET cents = 20000});
	is(last_entries(1), 'acme|10000.00|20000.00|{"operation": "UPDATE"}', 'one that is stored is an ordinary column');
	is($super->value(q{SELECT balance FROM dcx_wallet_debit('acme', 1, 'key')}), '19999.00', 'money moves');
	adds_up();

	# It becomes one after it was attached: nothing changes unseen.
	for my $column ('stored', 'cents')
	{
		my $expression = $column eq 'stored' ? 'text GENERATED ALWAYS AS (lower(org))' : 'bigint GENERATED ALWAYS AS (length(org))';
		my %refusal = (state => '0A000', message => qr/^column "$column" of public.computed is a virtual generated column$/);

		$super->value('BEGIN');
		$super->value("DROP VIEW computed_view; ALTER TABLE computed DROP COLUMN balance, DROP COLUMN $column; ALTER TABLE computed ADD COLUMN $column $expression");
		for my $statement (q{UPDATE computed SET org = 'other'}, 'DELETE FROM computed', q{INSERT INTO computed (org) VALUES ('new')}, q{SELECT dcx_wallet_debit('acme', 1, 'key 2')})
		{
			next if $column eq 'cents' && $statement =~ /debit/;
			$super->value('SAVEPOINT s');
			fails_with($super, $statement, "$column: $statement", %refusal);
			$super->value('ROLLBACK TO s');
		}
		fails_with($super, q{SELECT * FROM dcx_attach_wallet('computed', 'stored', 'cents')}, "$column: attached again", %refusal);
		$super->value('ROLLBACK TO s');
		is($super->value('SELECT severity, object, problem FROM dcx_check($$wallet$$) WHERE problem ~ $$virtual$$'),
			"error|public.computed|column $column is a virtual generated column", 'the check names it');
		$super->value('ROLLBACK');
	}
};

$super->close;
$main->stop;
done_testing();
