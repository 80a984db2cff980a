# Orders whose prices are in another cluster: what is locked while that cluster hangs, and what is held if it fails.
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

# app has the right to call these and no right on any table; finance reads.
$main->safe_psql($Dcx::main_db, <<"SQL");
SELECT * FROM dcx_attach_aas('$url');
SELECT * FROM dcx_attach_wallet();
ALTER SERVER dcx_aas OPTIONS (SET options '-c statement_timeout=5min');
CREATE ROLE app LOGIN;
CREATE ROLE finance LOGIN;
GRANT SELECT ON "OrganisationWallet" TO finance;
GRANT EXECUTE ON FUNCTION dcx_wallet_audit() TO finance;
UPDATE "OrganisationWallet" SET balance = 100000 WHERE "organisationId" = 'org-acme'
SQL
may_move_money($main, 'app');

my $super = session($main);
my $finance = session($main, user => 'finance');

# The reservation of a VM, 376.00 at the fixture's prices. what: the columns to answer with; gb, limit and so on: as in
# the function's arguments.
sub reserve
{
	my ($key, %with) = @_;
	my $what = $with{what} // 'cost, replayed';
	my $organisation = $with{organisation} // 'org-acme';
	my $gb = $with{gb} // 40;
	my $max_cost = $with{max_cost} // 'NULL';

	return "SELECT $what FROM dcx_vm_reserve('$organisation', '1GHZ', 2, 4, 'STANDARD', $gb, '$key',"
	  . " max_cost => $max_cost)";
}

sub set_cpu_price
{
	my ($value) = @_;

	$aas->safe_psql($Dcx::aas_db, "UPDATE products SET price = $value WHERE code = 'CPU_1GHZ'");
}

sub reads_of
{
	my ($session) = @_;

	return $session->value('SELECT remote_reads FROM dcx_price_book_stats()');
}

# What is in the ledger. A call that fails must not change it, whoever calls.
sub ledger
{
	return $super->value(<<'SQL');
SELECT (SELECT count(*) FROM dcx.wallet_entry), (SELECT count(*) FROM dcx.wallet_hold),
       (SELECT count(*) FROM dcx.wallet_key), (SELECT sum(held) FROM dcx.wallet_account)
SQL
}

# Makes reads of products hang in AAS until the block ends.
sub while_hanging
{
	my ($block) = @_;
	my $locker = session($aas, database => $Dcx::aas_db);

	$locker->value('BEGIN');
	$locker->value('LOCK TABLE products IN ACCESS EXCLUSIVE MODE');
	$block->($locker);
	$locker->value('ROLLBACK');
	$locker->close;
}

sub wait_until_hanging
{
	my ($sessions) = @_;

	ok( $aas->poll_query_until($Dcx::aas_db, <<"SQL"), 'the read hangs in AAS');
SELECT count(*) = $sessions FROM pg_stat_activity
 WHERE application_name = 'dcx_pricing' AND wait_event_type = 'Lock'
SQL
}

# The session, which is pricing, locks no row: that takes a transaction id, as any write does. And others get at the
# wallet and its account, both for reading and for writing.
sub locks_nothing
{
	my ($session, $key) = @_;
	my $other = session($main, user => 'app');

	is($super->value("SELECT backend_xid IS NULL FROM pg_stat_activity WHERE pid = $session->{pid}"),
		't', 'a call that waits for a price has written and locked no row');
	is( $super->value(<<"SQL"), 'AccessShareLock', 'and has locked no table against others');
SELECT string_agg(DISTINCT mode, ',') FROM pg_locks JOIN pg_class c ON c.oid = relation
 WHERE pid = $session->{pid} AND (relname = 'OrganisationWallet' OR relnamespace = 'dcx'::regnamespace)
SQL
	is( $super->value(<<'SQL'), '1', 'the rows of wallet and account can be locked at once');
SELECT count(*) FROM (
	SELECT FROM "OrganisationWallet" w JOIN dcx.wallet_account a ON a.organisation = w."organisationId"
	 WHERE a.organisation = 'org-acme' FOR UPDATE NOWAIT) l
SQL
	$other->value(q{SET lock_timeout = '1s'});
	is($other->value("SELECT amount, replayed FROM dcx_wallet_debit('org-acme', 1, '$key')"),
		'-1.00|f', 'a debit of the same wallet goes through');
	$other->close;
}

subtest 'no wallet is locked while AAS is waited for' => sub {
	my $app = session($main, user => 'app');
	my $twin = session($main, user => 'app');
	my $balance = $finance->value(q{SELECT dcx_wallet_balance('org-acme')});

	while_hanging(sub {
		$app->start(reserve('hangs', what => 'hold_id, cost, available, replayed'));
		$twin->start(reserve('hangs', what => 'hold_id, cost, available, replayed'));
		wait_until_hanging(2);
		locks_nothing($app, 'meanwhile 1');
		$super->value(q{UPDATE "OrganisationWallet" SET balance = balance - 2 WHERE "organisationId" = 'org-acme'});
	});
	my @answers = sort { $b =~ /f$/ <=> $a =~ /f$/ } map { $_->finish_value } $app, $twin;
	my ($id) = $answers[0] =~ /^(\d+)/;
	my $available = $balance - 3 - 376;

	is_deeply(\@answers, [ "$id|376.00|$available.00|f", "$id|376.00|$available.00|t" ],
		'two calls with one key: one hold, of what was available after the wait');

	while_hanging(sub {
		$app->start(reserve('too late', organisation => 'org-initech'));
		$twin->start(reserve('taken'));
		wait_until_hanging(2);
		my $other = session($main, user => 'app');
		$other->value(q{SELECT * FROM dcx_wallet_debit('org-initech', 0.01, 'first')});
		$other->value(q{SELECT * FROM dcx_wallet_hold('org-acme', 5, 'taken')});
		$other->close;
	});
	my $error = $app->finish_error;
	is($error->{state}, 'ZD001', 'money that was spent during the wait is not held');
	is($error->{detail}, 'Balance 375.99, held 0.00, available 375.99, asked 376.00.', 'and the detail says so');
	is($twin->finish_error->{state}, 'ZD004', 'nor with a key that was used during the wait');
	$_->close for $app, $twin;
};

subtest 'a backend of AAS that is stopped' => sub {
	my $app = session($main, user => 'app');
	my $replaying = session($main, user => 'app');
	my ($remote, $went_well);

	is($app->value(reserve('before')), '376.00|f', 'a connection to AAS');
	$remote = $aas->safe_psql($Dcx::aas_db, <<'SQL');
SELECT pid FROM pg_stat_activity WHERE application_name = 'dcx_pricing' ORDER BY backend_start DESC LIMIT 1
SQL
	kill 'STOP', $remote or die "kill: $!";
	$went_well = eval {
		$app->start(reserve('stopped'));
		ok($main->poll_query_until($Dcx::main_db, <<"SQL"), 'the call waits for its answer');
SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $app->{pid}
SQL
		locks_nothing($app, 'meanwhile 2');
		is($replaying->value(reserve('before')), '376.00|t', 'and a replay does not wait');
		is(reads_of($replaying), '0', 'because it asks nobody');
		1;
	};
	my $error = $@;
	kill 'CONT', $remote;
	die $error unless $went_well;
	is($app->finish_value, '376.00|f', 'it goes on: the call is answered');
	$_->close for $app, $replaying;
};

subtest 'a replay needs no AAS' => sub {
	my $app = session($main, user => 'app');
	my $columns = 'hold_id, cost, expires_at, available';
	my $first = $app->value(reserve('kept', what => $columns));
	my ($id) = $first =~ /^(\d+)/;
	my ($ledger, $log);

	set_cpu_price(178);
	is($app->value('SELECT ' . $Dcx::cost), '576.00', 'the price moves');
	$ledger = ledger();
	$log = -s $aas->logfile;
	is($app->value(reserve('kept', what => "$columns, replayed")), "$first|t", 'the replay has the first one');
	is(remote_reads($aas, $log), 0, 'without a read, as AAS counts');

	while_hanging(sub {
		$app->value(q{SET statement_timeout = '20s'});
		is($app->value(reserve('kept', what => "$columns, replayed")), "$first|t", 'AAS hangs: the same');
	});

	$aas->stop;
	my $fresh = session($main, user => 'app');
	is($fresh->value(reserve('kept', what => "$columns, replayed")), "$first|t", 'AAS is down: the same');
	is(reads_of($fresh), '0', 'without a read, as MAIN counts');
	fails_with($fresh, reserve('kept', gb => 41), 'another request with that key is refused as ever',
		state => 'ZD004', detail => 'specification was {"gb": 40, "cpus": 2, "ram_gb": 4, "cpu_type": "1GHZ", '
		  . '"storage_type": "STANDARD"}, is {"gb": 41, "cpus": 2, "ram_gb": 4, "cpu_type": "1GHZ", '
		  . '"storage_type": "STANDARD"}.');
	is(ledger(), $ledger, 'and nothing was written');
	$app->value("SELECT * FROM dcx_wallet_capture($id, 300)");
	is($fresh->value(reserve('kept', what => "$columns, replayed")), "$first|t", 'captured meanwhile: the same');

	$ledger = ledger();
	for my $session ($app, $fresh)
	{
		fails_with($session, reserve('anew'), 'a new request has no price',
			state => 'ZD008', message => 'the catalog cannot be reached');
	}
	is(ledger(), $ledger, 'and leaves nothing behind');
	$aas->start;
	is($fresh->value(reserve('anew', gb => 50)), '594.00|f', 'its key is free, for any request');
	set_cpu_price(78);
	$_->close for $app, $fresh;
};

subtest 'a transaction whose commit fails in AAS' => sub {
	my $app = session($main, user => 'app');
	my $ledger = ledger();

	$app->value('BEGIN');
	is($app->value(reserve('lost')), '376.00|f', 'held');
	$aas->stop;
	fails_with($app, 'COMMIT', 'AAS goes before the commit, which fails', state => 'ZD008', hint => qr/^Nothing of the transaction is kept/);
	is(ledger(), $ledger, 'nothing is held');
	$aas->start;
	is($app->value(reserve('lost', gb => 50)), '394.00|f', 'and the key is free');

	$ledger = ledger();
	$app->value('BEGIN');
	$app->value('SAVEPOINT order_of_a_vm');
	is($app->value(reserve('undone')), '376.00|f', 'held');
	$app->value('ROLLBACK TO order_of_a_vm');
	is($app->value(reserve('undone', gb => 50)), '394.00|f', 'a savepoint rolled back: the key is free');
	$app->value('ROLLBACK');
	fails_with($app, <<'SQL', 'an order that fails after the hold', state => 'P0001');
DO $$ BEGIN
	PERFORM * FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'undone');
	RAISE 'no host has room';
END $$
SQL
	is(ledger(), $ledger, 'leaves neither hold nor key');
	is($app->value(reserve('undone')), '376.00|f', 'which is free');
	$app->close;
};

subtest 'the price that the customer saw' => sub {
	my $app = session($main, user => 'app');
	my $ledger = ledger();
	my %dearer = (state => 'ZD009', message => 'the price is above max_cost', hint => qr/^Nothing is held\./);

	fails_with($app, reserve('limit', max_cost => '375.99'), 'a cent less than it costs',
		%dearer, detail => 'It costs 376.00, max_cost is 375.99.');
	fails_with($app, reserve('limit', max_cost => 376, gb => 40.0028), 'what is compared is what would be held, in cents',
		%dearer, detail => 'It costs 376.01, max_cost is 376.00.');
	is(ledger(), $ledger, 'nothing is held');
	is($app->value(reserve('limit', max_cost => 376, gb => 40.0027)), '376.00|f', 'just what it costs; the key is free');
	is($app->value(reserve('limit2', max_cost => 1000)), '376.00|f', 'more than it costs: held is what it costs');

	set_cpu_price(79);
	fails_with($app, reserve('limit3', max_cost => 376), 'the price has moved',
		%dearer, detail => 'It costs 378.00, max_cost is 376.00.');
	is($app->value(reserve('limit', max_cost => '376.00', gb => 40.0027)), '376.00|t', 'which is nothing to a replay');
	fails_with($app, reserve('limit', max_cost => 377, gb => 40.0027), 'that has the same limit',
		state => 'ZD004', detail => 'max_cost was 376, is 377.');
	fails_with($app, reserve('limit2'), 'or none, if it had none',
		state => 'ZD004', detail => 'max_cost was 1000, is not given.');
	set_cpu_price(78);
	$app->close;
};

subtest 'the quote that a hold keeps' => sub {
	my $app = session($main, user => 'app');
	my $before = $super->value('SELECT clock_timestamp()');
	my ($id) = $app->value(reserve('quoted', what => 'hold_id', gb => 40.5, max_cost => 377));
	my $after = $super->value('SELECT clock_timestamp()');
	my $quote = "(SELECT quote FROM dcx_wallet_holds('org-acme', NULL) WHERE hold_id = $id)";
	my $verify = "SELECT * FROM dcx_hold_verify($id)";
	my $verified = "1|CPU_1GHZ|2|78.00|156.00|156.00|t\n2|RAM_GB|4|37.00|148.00|148.00|t\n"
	  . "3|STORAGE_STANDARD|40.5|1.80|72.90|72.900|t\n|total|||376.90|376.90|t";

	set_cpu_price(178);
	is( $finance->value("SELECT line.* FROM jsonb_to_recordset($quote->'lines') AS line"
			  . '(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)'),
		"1|CPU_1GHZ|vCPU - 1GHz|2|78.00|156.00\n2|RAM_GB|RAM|4|37.00|148.00\n"
		  . '3|STORAGE_STANDARD|Standard Storage|40.5|1.80|72.90', 'has its lines, at the prices they had');
	is( $finance->value("SELECT q->'specification', q->'cost', q->'max_cost', q->>'function' FROM $quote q(q)"),
		'{"gb": 40.5, "cpus": 2, "ram_gb": 4, "cpu_type": "1GHZ", "storage_type": "STANDARD"}|376.90|377|dcx_vm_reserve',
		'what was asked for');
	is($finance->value("SELECT q #>> '{catalogs,aas,relation}' FROM $quote q(q)"), 'aas.products', 'where the prices were read');
	is( $finance->value(
			"SELECT (q->>'read_at')::timestamptz BETWEEN '$before' AND '$after' FROM $quote q(q)"), 't', 'and when');
	is($finance->value($verify), $verified, 'and is verified by what it has, whatever the catalog says by now');
	$aas->stop;
	is($finance->value($verify), $verified, 'also without AAS');
	$aas->start;
	$app->value("SELECT * FROM dcx_wallet_release($id)");
	is($finance->value($verify), $verified, 'also when the hold is resolved');

	# In the order of one transaction, the prices are as old as its first read.
	set_cpu_price(78);
	$app->value('BEGIN');
	$app->value("SELECT $Dcx::cost");
	$before = $super->value('SELECT clock_timestamp()');
	set_cpu_price(178);
	($id) = $app->value(reserve('quoted2', what => 'hold_id'));
	$app->value('COMMIT');
	is( $super->value(<<"SQL"), '376.00|t',
SELECT amount, (quote->>'read_at')::timestamptz < '$before' FROM dcx.wallet_hold WHERE hold_id = $id
SQL
		 'read_at is when the prices were read, not when the money was held');
	set_cpu_price(78);

	# The owner of the ledger can write anything into an open hold. dcx_hold_verify() shows it.
	$super->value('BEGIN');
	$super->value("UPDATE dcx.wallet_hold SET quote = jsonb_set(quote, '{lines,0,unit_price}', '77') WHERE hold_id = $id");
	is( $super->value("SELECT code, amount, recomputed, ok FROM dcx_hold_verify($id) WHERE NOT ok"),
		"CPU_1GHZ|156.00|154|f\ntotal|376.00|374.00|f", 'a price that is not the one it was');
	is( $super->value('SELECT * FROM dcx_wallet_audit()'),
		"org-acme|the quote of hold $id does not recompute|374.00|376.00", 'the audit finds it');
	$super->value('ROLLBACK');

	$super->value('CREATE SCHEMA copy; CREATE TABLE copy.products AS SELECT * FROM aas.products');
	$super->value(q{SELECT * FROM dcx_attach_aas(NULL, 'copy')});
	$app->value(reserve('quoted3'));
	is( $super->value(q{SELECT quote #>> '{catalogs,aas,relation}' FROM dcx.wallet_hold WHERE idempotency_key = 'quoted3'}),
		'copy.products', 'a local catalog is named likewise');
	$app->close;
};

is($finance->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');

$_->close for $super, $finance;
$aas->stop;
$main->stop;
done_testing();
