# Orders whose prices are in two other clusters: what is read from each, what is locked while one hangs, and what can be
# ordered while one is down.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $enetworks = new_enetworks('enetworks');
my $main = new_main('main');
my ($aas_url, $enetworks_url) = (aas_url($aas), enetworks_url($enetworks));

# app has the right to call this and no right on any table.
$main->safe_psql($Dcx::main_db, <<"SQL");
SELECT * FROM dcx_attach_aas('$aas_url');
SELECT * FROM dcx_attach_enetworks('$enetworks_url');
SELECT * FROM dcx_attach_wallet();
ALTER SERVER dcx_enetworks OPTIONS (SET options '-c statement_timeout=5min');
CREATE ROLE app LOGIN;
SQL
may_move_money($main, 'app');

my $super = session($main);

my $vm = '{"vm": {"cpu_type": "1GHZ", "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}, "count": 2}';    # 752.00
my $template = '{"template": "Ubuntu Server 20.04", "cpu_type": "1GHZ", "storage_type": "STANDARD"}';    # 376.00
my $network = '{"network": {"service": "PV_FIBRE_BUSINESS", "mbps": 100}}';    # 3595.00
my $product = '{"product": "BACKUP_GB", "quantity": 500}';    # 725.00

sub items
{
	return '[' . join(', ', @_) . ']';
}

sub reserve
{
	my ($key, @items) = @_;

	return "SELECT cost, replayed FROM dcx_order_reserve('org-hooli', '" . items(@items) . "', '$key')";
}

sub quoted
{
	return "SELECT sum(amount) FROM dcx_order_quote('" . items(@_) . "')";
}

# A session that has no connection to another server yet.
sub fresh
{
	return session($main, user => 'app');
}

sub log_sizes
{
	return (-s $aas->logfile, -s $enetworks->logfile);
}

# How often products, templates and prices of bandwidth have been read since.
sub reads_since
{
	my ($in_aas, $in_enetworks) = @_;

	return join ' ', remote_reads($aas, $in_aas), remote_reads($aas, $in_aas, 'terraform_vm_config'),
	  remote_reads($enetworks, $in_enetworks, 'bandwidth_prices');
}

sub keys_used
{
	return $super->value('SELECT count(*) FROM dcx.wallet_key');
}

# Where the prices of an order are from, as its hold has it.
sub sources
{
	my ($key) = @_;

	return $super->value(<<"SQL");
SELECT string_agg(key || ' ' || (value->>'relation'), ', ' ORDER BY key)
  FROM dcx.wallet_hold, jsonb_each(quote->'catalogs') WHERE idempotency_key = '$key'
SQL
}

subtest 'what is read' => sub {
	my $app = fresh();
	my @logs = log_sizes();

	is($app->value(reserve('all', $product, $vm, $network, $template, $network)), '9043.00|f', 'an order of all kinds');
	is(reads_since(@logs), '1 1 1', 'each table once, however many items need it');
	is( $super->value(q{SELECT string_agg(code, ' ' ORDER BY line) FROM dcx.wallet_hold,
			jsonb_to_recordset(quote->'lines') AS l (line integer, code text)}),
		'BACKUP_GB CPU_1GHZ RAM_GB STORAGE_STANDARD PV_FIBRE_BUSINESS PV_FIBRE_BUSINESS CPU_1GHZ RAM_GB STORAGE_STANDARD'
		  . ' PV_FIBRE_BUSINESS PV_FIBRE_BUSINESS', 'its lines are in the order of the items');
	@logs = log_sizes();
	is($app->value(quoted($product, $vm)), '1477.00', 'one of VMs and products');
	is(reads_since(@logs), '1 0 0', 'reads the products');
	@logs = log_sizes();
	is($app->value(quoted($network)), '3595.00', 'one of bandwidth');
	is(reads_since(@logs), '0 0 1', 'reads the prices of bandwidth');
	@logs = log_sizes();
	is($app->value(reserve('all', $product, $vm, $network, $template, $network)), '9043.00|t', 'a replay');
	is(reads_since(@logs), '0 0 0', 'reads nothing');
	$app->close;
};

subtest 'prices within one transaction' => sub {
	my $app = fresh();

	$app->value('BEGIN');
	is($app->value(quoted($network, $product)), '4320.00', 'are quoted');
	$enetworks->safe_psql($Dcx::enetworks_db, 'UPDATE bandwidth_prices SET "fixedPrice" = "fixedPrice" + 1000');
	$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET price = price * 2 WHERE code = 'BACKUP_GB'});
	is($app->value(reserve('seen', $network, $product)), '4320.00|f', 'and held as they were quoted');
	is($app->value('COMMIT'), '', 'committed');
	is($app->value(quoted($network, $product)), '6045.00', 'the next one has the new ones');
	$enetworks->safe_psql($Dcx::enetworks_db, 'UPDATE bandwidth_prices SET "fixedPrice" = "fixedPrice" - 1000');
	$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET price = price / 2 WHERE code = 'BACKUP_GB'});
	$app->close;
};

subtest 'E-Networks hangs' => sub {
	my $app = fresh();
	my $other = fresh();
	my $locker = session($enetworks, database => $Dcx::enetworks_db);

	$locker->value('BEGIN');
	$locker->value('LOCK TABLE bandwidth_prices IN ACCESS EXCLUSIVE MODE');
	$app->start(reserve('hangs', $vm, $network));
	ok( $enetworks->poll_query_until($Dcx::enetworks_db, <<'SQL'), 'the order waits for it');
SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'dcx_pricing' AND wait_event_type = 'Lock'
SQL
	is($super->value("SELECT backend_xid IS NULL FROM pg_stat_activity WHERE pid = $app->{pid}"),
		't', 'and has written and locked nothing');
	$other->value(q{SET lock_timeout = '1s'});
	is($other->value(reserve('meanwhile', $vm)), '752.00|f', 'another order on the same wallet goes through');
	is($other->value(reserve('all', $product, $vm, $network, $template, $network)), '9043.00|t', 'and a replay');
	$locker->value('ROLLBACK');
	is($app->finish_value, '4347.00|f', 'then it is held');
	$_->close for $app, $other, $locker;
};

subtest 'E-Networks is down' => sub {
	my $app;
	my $before = keys_used();

	$enetworks->stop;
	$app = fresh();
	fails_with($app, reserve('down', $vm, $network), 'an order with bandwidth has no price', state => 'ZD008');
	is(keys_used(), $before, 'and leaves nothing behind');
	is($app->value(reserve('down', $vm, $template, $product)), '1853.00|f', 'any other has, by the same key');
	is($app->value(reserve('seen', $network, $product)), '4320.00|t', 'a replay is answered');
	$app->close;
	$enetworks->start;
};

subtest 'AAS is down' => sub {
	my $app;

	$aas->stop;
	$app = fresh();
	fails_with($app, quoted($network, $product), 'an order of products has no price', state => 'ZD008');
	is($app->value(reserve('line', $network)), '3595.00|f', 'one of bandwidth has');
	is($app->value(reserve('all', $product, $vm, $network, $template, $network)), '9043.00|t', 'a replay is answered');
	$app->close;
	$aas->start;
};

subtest 'one is down, and its saved book answers' => sub {
	$super->value(q{SELECT dcx_price_book_save(), dcx_price_book_save('enetworks')});
	$super->value("ALTER DATABASE $Dcx::main_db SET dcx_pricing.on_outage = 'saved'");
	for my $down ([ $enetworks, 'services', 'aas aas.products, enetworks dcx.price_book' ],
		[ $aas, 'products', 'aas dcx.price_book, enetworks enetworks.bandwidth_prices' ])
	{
		my ($node, $name, $from) = @$down;
		my $app;

		$node->stop;
		$app = fresh();
		is($app->value(reserve("outage of $name", $network, $vm)), '4347.00|f', "no $name: an order of both is held");
		like($app->notices, qr/^WARNING:  ZD008/m, 'with a warning');
		is(sources("outage of $name"), $from, 'and says where its prices are from');
		is($app->value(reserve("outage of $name", $network, $vm)), '4347.00|t', 'once');
		$app->close;
		$node->start;
	}
	$super->value("ALTER DATABASE $Dcx::main_db RESET dcx_pricing.on_outage");
};

subtest 'both are down, and saved books answer' => sub {
	my $app;

	$super->value(q{SELECT dcx_price_book_save(), dcx_price_book_save('enetworks')});
	$super->value("ALTER DATABASE $Dcx::main_db SET dcx_pricing.max_price_age = '1h'");
	$_->stop for $aas, $enetworks;
	$app = fresh();
	is($app->value(reserve('saved', $vm, $network, $product)), '5072.00|f', 'an order is held');
	is(sources('saved'), 'aas dcx.price_book, enetworks dcx.price_book', 'and says where its prices are from');
	fails_with($app, reserve('template', $template), 'sizes of templates are in no book', state => 'ZD008');
	$app->close;
};

is($super->value('SELECT count(*) FROM dcx.wallet_hold h, dcx_hold_verify(h.hold_id) v WHERE NOT v.ok'), '0', 'every quote recomputes');
is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
$super->close;
$main->stop;
done_testing();
