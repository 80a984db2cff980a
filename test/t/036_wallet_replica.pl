# Replication: wallets that another server changes, and a server that may only read.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main', init => { allows_streaming => 1 });
my $super = session($main);

$super->value('CREATE ROLE app LOGIN; GRANT SELECT ON "OrganisationWallet" TO app');
may_move_money($main, 'app');
$super->value('SELECT * FROM dcx_attach_wallet()');

my $app = session($main, user => 'app');

# The entries written since the last call, those of one transaction of the other server in any order.
my $last = $super->value('SELECT max(entry_id) FROM dcx.wallet_entry');
sub new_entries
{
	my $entries = $super->value(<<"SQL");
SELECT kind, organisation, amount, balance, details->>'operation', session_role FROM dcx.wallet_entry
 WHERE entry_id > $last ORDER BY organisation, entry_id
SQL
	$last = $super->value('SELECT max(entry_id) FROM dcx.wallet_entry');
	return $entries;
}

sub adds_up
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
}

subtest 'session_replication_role = replica' => sub {
	$super->value('SET session_replication_role = replica');
	$super->value(q{UPDATE "OrganisationWallet" SET balance = 900 WHERE "organisationId" = 'org-acme'});
	$super->value(q{DELETE FROM "OrganisationWallet" WHERE "organisationId" = 'org-vandelay'});
	$super->value(<<'SQL');
INSERT INTO "OrganisationWallet" VALUES ('new', 'org-vandelay', 1, 'ZAR', now(), now())
SQL
	is( new_entries(),
		"external|org-acme|-100.00|900.00|UPDATE|postgres\nexternal|org-vandelay|-99.95|0.00|DELETE|postgres\n"
		  . 'external|org-vandelay|1.00|1.00|INSERT|postgres', 'changes are recorded all the same');
	is( $super->value(q{SELECT amount, balance, replayed FROM dcx_wallet_debit('org-acme', 1, 'as a replica')}),
		'-1.00|899.00|f', 'so are our own');
	is(new_entries(), 'debit|org-acme|-1.00|899.00||postgres', 'once');
	$super->value('BEGIN');
	$super->value('TRUNCATE "OrganisationWallet" CASCADE');
	is($super->value('SELECT count(*), sum(amount) FROM dcx.wallet_entry WHERE details->>$$operation$$ = $$TRUNCATE$$'),
		'11|-354404.99', 'TRUNCATE, too');
	$super->value('ROLLBACK');
	$super->value('RESET session_replication_role');
	adds_up();
};

subtest 'logical replication into the wallet table' => sub {
	my $publisher = new_main('publisher', bare => 1, init => { allows_streaming => 'logical' });
	my $connection = $publisher->connstr . " dbname=$Dcx::main_db";
	my $elsewhere = sub {
		$publisher->safe_psql($Dcx::main_db, $_[0]);
		$publisher->wait_for_catchup('wallets');
	};

	# As when MAIN takes over: its wallets are emptied and replicated again.
	$super->value('TRUNCATE "OrganisationWallet" CASCADE');
	is(scalar(split /\n/, new_entries()), 11, 'emptied');
	$publisher->safe_psql($Dcx::main_db, 'CREATE PUBLICATION wallets FOR TABLE "OrganisationWallet"');
	$super->value("CREATE SUBSCRIPTION wallets CONNECTION '$connection' PUBLICATION wallets");
	$main->wait_for_subscription_sync($publisher, 'wallets', $Dcx::main_db);
	like(new_entries(),
		qr/\Aexternal\|org-acme\|1000\.00\|1000\.00\|INSERT\|postgres\n(?:external.*INSERT.*\n){8}external.*\z/,
		'what is copied at first is recorded, but for a wallet of 0.00, which is no change');
	adds_up();

	like($app->value(q{SELECT available FROM dcx_wallet_hold('org-acme', 300, 'hold')}), qr/^700\.00$/, 'money is held');
	$elsewhere->(q{UPDATE "OrganisationWallet" SET balance = 1500 WHERE "organisationId" = 'org-acme'});
	is(new_entries(), 'external|org-acme|500.00|1500.00|UPDATE|postgres', 'an update');
	is($app->value(q{SELECT dcx_wallet_available('org-acme')}), '1200.00', 'which is available, less what is held');
	$elsewhere->(q{UPDATE "OrganisationWallet" SET currency = 'USD' WHERE "organisationId" = 'org-acme'});
	is(new_entries(), '', 'one of something else is none');
	$elsewhere->(<<'SQL');
BEGIN;
INSERT INTO "OrganisationWallet" VALUES ('new', 'org-nowallet', 5, 'ZAR', now(), now());
UPDATE "OrganisationWallet" SET balance = 7 WHERE "organisationId" = 'org-nowallet';
DELETE FROM "WalletTransaction" WHERE "walletId" = 'cm5wal000008';
DELETE FROM "OrganisationWallet" WHERE "organisationId" = 'org-vandelay';
COMMIT
SQL
	is( new_entries(),
		"external|org-nowallet|5.00|5.00|INSERT|postgres\nexternal|org-nowallet|2.00|7.00|UPDATE|postgres\n"
		  . 'external|org-vandelay|-99.95|0.00|DELETE|postgres', 'a transaction of an insert, an update and a delete');
	like($app->value(q{SELECT * FROM dcx_wallet_debit('org-nowallet', 7, 'debit')}), qr/\|0\.00\|0\.00\|f$/,
		'what came is money to spend');
	new_entries();

	# The worker waits for a wallet that is locked, as any other writer does, and applies to what there is then.
	$app->value('BEGIN');
	$app->value(q{SELECT * FROM dcx_wallet_debit('org-globex', 0.99, 'debit')});
	$publisher->safe_psql($Dcx::main_db, <<'SQL');
UPDATE "OrganisationWallet" SET balance = 400 WHERE "organisationId" = 'org-globex'
SQL
	ok($main->poll_query_until($Dcx::main_db, <<'SQL'), 'the worker waits');
SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type LIKE 'logical replication%' AND wait_event_type = 'Lock'
SQL
	$app->value('COMMIT');
	$publisher->wait_for_catchup('wallets');
	is(new_entries(), "debit|org-globex|-0.99|375.00||app\nexternal|org-globex|25.00|400.00|UPDATE|postgres",
		'a debit and a change from there, one after the other');
	adds_up();
	# A worker truncates nothing that has foreign keys on it.
	$super->value('ALTER TABLE "WalletTransaction" DROP CONSTRAINT "WalletTransaction_walletId_fkey"');
	$elsewhere->('TRUNCATE "OrganisationWallet" CASCADE');
	is(scalar(grep { /TRUNCATE/ } split /\n/, new_entries()), 11, 'TRUNCATE');
	is($super->value('SELECT state FROM dcx.wallet_hold WHERE idempotency_key = $$hold$$'), 'released',
		'what was held of a wallet that is gone is released');
	adds_up();
	$super->value('DROP SUBSCRIPTION wallets');
	$publisher->stop;
};

subtest 'a hot standby of MAIN' => sub {
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	my ($reading, %first);
	my $hold = q{dcx_wallet_hold('org-acme', 100, 'standby hold', '1 day')};
	my $order = q{dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'standby order', '1 day')};
	my %read_only = (state => '25006', message => qr/in a read-only transaction$/);

	# A catalog in MAIN itself: what a price needs is here, too.
	$super->value(<<'SQL');
INSERT INTO "OrganisationWallet" VALUES ('standby', 'org-acme', 1000, 'ZAR', now(), now());
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price numeric);
INSERT INTO aas.products VALUES ('CPU_1GHZ', 'vCPU - 1GHz', 78), ('RAM_GB', 'RAM', 37),
	('STORAGE_STANDARD', 'Standard Storage', 1.8);
SELECT * FROM dcx_attach_aas();
SQL
	$super->value('SELECT * FROM dcx_wallet_release(1)');
	$main->backup('base');
	$standby->init_from_backup($main, 'base', has_streaming => 1);
	$standby->start;
	my ($captured) = $app->value(q{SELECT hold_id FROM dcx_wallet_hold('org-acme', 50, 'captured')});
	my ($released) = $app->value(q{SELECT hold_id FROM dcx_wallet_hold('org-acme', 60, 'released')});
	$first{$_} = $app->value("SELECT * FROM $_") for q{dcx_wallet_credit('org-acme', 10, 'standby credit')},
	  q{dcx_wallet_debit('org-acme', 20, 'standby debit')}, $hold, $order, "dcx_wallet_capture($captured, 40)",
	  "dcx_wallet_release($released)";
	$app->value(q{SELECT * FROM dcx_wallet_hold('org-acme', 4, 'expired', '1 microsecond')});
	$main->wait_for_catchup($standby, 'replay', $main->lsn('insert'));

	$reading = session($standby, user => 'app');
	is($reading->value('SELECT pg_is_in_recovery()'), 't', 'it may only read');
	is($reading->value(q{SELECT dcx_wallet_balance('org-acme'), dcx_wallet_available('org-acme')}), '950.00|474.00',
		'it knows balance and available, also less what expires');
	is($reading->value(q{SELECT dcx_wallet_can_afford('org-acme', 474), dcx_wallet_can_afford('org-acme', 474.01)}),
		't|f', 'and what can be afforded');
	is($reading->value("SELECT $Dcx::cost"), '376.00', 'and prices');
	for my $function (q{dcx_wallet_statement('org-acme')}, q{dcx_wallet_holds('org-acme')},
		q{dcx_wallet_holds('org-acme', NULL)}, q{dcx_wallet_hold_of('org-acme', 'released')},
		q{dcx_wallet_holds('org-acme', NULL, 1, 2)}, q{dcx_wallet_statement('org-acme', max_rows => 2)}, "dcx_hold_verify(" . ($first{$order} =~ s/\|.*//r) . ')')
	{
		my $rows = $app->value("SELECT * FROM $function");

		isnt($rows, '', "$function has rows");
		is($reading->value("SELECT * FROM $function"), $rows, 'the same as in MAIN');
	}
	is($reading->value("SELECT * FROM $_"), $first{$_} =~ s/f(\|?)$/t$1/r, "$_ is answered as the first time")
	  for sort keys %first;
	is($reading->value("SELECT * FROM dcx_wallet_capture('org-acme', $captured, 40)"),
		$first{"dcx_wallet_capture($captured, 40)"} =~ s/f$/t/r, 'and with the organisation');
	fails_with($reading, "SELECT * FROM dcx_wallet_capture('org-globex', $captured, 40)", 'which has to be its own',
		state => 'ZD011');
	fails_with($reading, q{SELECT * FROM dcx_wallet_debit('org-acme', 21, 'standby debit')}, 'not another with its key',
		state => 'ZD004', detail => 'amount was 20, is 21.');
	my ($open) = $first{$hold} =~ /^(\d+)/;
	fails_with($reading, "SELECT * FROM $_", "new: $_", %read_only) for q{dcx_wallet_debit('org-acme', 1, 'new')},
	  q{dcx_wallet_credit('org-acme', 1, 'new')}, q{dcx_wallet_hold('org-acme', 1, 'new')}, "dcx_wallet_capture($open)",
	  "dcx_wallet_release($open)", "dcx_wallet_extend($open, '2 days')", $order =~ s/standby order/new/r,
	  q{dcx_vm_reserve('org-acme', '1GHZ', 200, 4, 'STANDARD', 40, 'new', refusals => true)};

	my $auditing = session($standby);
	is($auditing->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
	fails_with($auditing, 'SELECT * FROM dcx_attach_wallet()', 'nothing is attached here',
		state => '25006');
	$_->close for $reading, $auditing;

	# After promotion the ledger goes on.
	$main->stop;
	$standby->promote;
	$reading = session($standby, user => 'app');
	is($reading->value("SELECT * FROM $_"), $first{$_} =~ s/f(\|?)$/t$1/r, "promoted: $_") for sort keys %first;
	is($reading->value(q{SELECT amount, balance, available FROM dcx_wallet_debit('org-acme', 1, 'new')}),
		'-1.00|949.00|473.00', 'money moves');
	is($reading->value("SELECT amount, balance FROM dcx_wallet_capture($open)"), '-100.00|849.00', 'a hold is captured');
	is($standby->safe_psql($Dcx::main_db, 'SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
	$reading->close;
	$standby->stop;
};

done_testing();
