# MAIN, AAS and E-Networks as three clusters: what is read from E-Networks, and which calls an outage of E-Networks or
# of AAS affects. An ordinary role attaches, and a role without any right on a table calls.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Proxy;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $enetworks = new_enetworks('enetworks');
my $main = new_main('main');
my $proxy = Dcx::Proxy->new($enetworks);
my ($aas_url, $enetworks_url) = (aas_url($aas), enetworks_url($enetworks, port => $proxy->port));

add_operator($main, 'operator');
$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE ROLE app LOGIN;
GRANT EXECUTE ON FUNCTION dcx_price_book_save(text) TO operator;
UPDATE "OrganisationWallet" SET balance = 100000 WHERE "organisationId" = 'org-acme';
ALTER TABLE "OrganisationWallet" OWNER TO operator
SQL
may_move_money($main, 'app');

my $operator = session($main, user => 'operator');
my $super = session($main);

my $network = q{dcx_network_cost('PV_FIBRE_BUSINESS', 100)};
my $price = "SELECT $network";
my $vm_price = "SELECT $Dcx::cost";
my %unreachable = (
	state => 'ZD008',
	message => 'the network catalog cannot be reached',
	detail => qr/^could not connect to server "dcx_enetworks"/);
my $attach_hint = qr/Its host and port are meant as seen from this database server\. dcx_attach_enetworks\(\) with another URL/;

# A new session, which has not met an outage yet.
sub fresh
{
	my ($user) = @_;

	return session($main, user => $user // 'app');
}

sub on_outage
{
	my ($value) = @_;

	$main->safe_psql('postgres', "ALTER DATABASE $Dcx::main_db SET dcx_pricing.on_outage = $value");
}

sub while_down
{
	my ($node, $block) = @_;

	$node->stop;
	$block->();
	$node->start;
}

# What a statement answers, and how many warnings of E-Networks' outage come with it; no other may.
sub answer
{
	my ($session, $statement) = @_;
	my $value = $session->value($statement);
	my $warnings = () = $session->notices =~ /^WARNING:  ZD008: the network catalog cannot be reached: prices are those last seen/mg;
	my $others = (() = $session->notices =~ /^WARNING/mg) - $warnings;

	return "$value, $warnings warnings" . ($others ? " and $others others" : '');
}

# So many attempts to connect to E-Networks are made in the block.
sub attempts_are
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($expected, $name, $block) = @_;
	my $before = $proxy->connections;

	$block->();
	is($proxy->connections - $before, $expected, $name);
}

# All reads of a catalog since the log had that length, by the first table of each.
sub reads_since
{
	my ($node, $offset) = @_;

	return scalar(() = slurp_file($node->logfile, $offset) =~ /DECLARE c\d+ CURSOR FOR/g);
}

# Waits until a condition is true.
sub wait_until
{
	my ($condition) = @_;

	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return 1 if $condition->();
		select(undef, undef, undef, 0.1);
	}
	return 0;
}

my $vm = '{"vm": {"cpu_type": "1GHZ", "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}}';    # 376.00
my $line = '{"network": {"service": "PV_FIBRE_BUSINESS", "mbps": 100}}';    # 3595.00

sub reserve
{
	my ($key, @items) = @_;

	return "SELECT cost, replayed FROM dcx_order_reserve('org-acme', '[" . join(', ', @items) . "]', '$key')";
}

sub quoted
{
	return "SELECT sum(amount) FROM dcx_order_quote('[" . join(', ', @_) . "]')";
}

sub vm_reserve
{
	my ($key) = @_;

	return "SELECT cost, replayed FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, '$key')";
}

# What is held, and with which keys.
sub ledger
{
	return $super->value(<<'SQL');
SELECT (SELECT count(*) FROM dcx.wallet_key), (SELECT count(*) FROM dcx.wallet_hold), (SELECT sum(held) FROM dcx.wallet_account)
SQL
}

subtest 'an ordinary role attaches all three' => sub {
	$operator->value("SELECT * FROM dcx_attach_aas('$aas_url')");
	is($operator->value("SELECT relation, rows FROM dcx_attach_enetworks('$enetworks_url')"),
		"enetworks.bandwidth_prices|40\nenetworks.network_services|12\nenetworks.providers|4", 'E-Networks, too');
	$operator->value('SELECT * FROM dcx_attach_wallet()');
	is($super->value('SELECT catalog, count(*), min(attached_by) FROM dcx.binding GROUP BY catalog ORDER BY catalog'),
		"aas|3|operator\nenetworks|3|operator\nwallet|1|operator", 'and that is remembered');
	unlike(slurp_file($main->logfile), qr/$Dcx::enetworks_password/, 'its password is not in the log');
};

subtest 'one without rights on tables prices' => sub {
	my $app = fresh();

	fails_with($app, "SELECT * FROM $_", $_, state => '42501')
	  for qw(enetworks.providers enetworks.network_services enetworks.bandwidth_prices);
	is($app->value($price), '3595.00', 'a service');
	is($app->value(q{SELECT amount FROM dcx_network_quote('PV_FIBRE_BUSINESS', 100)}), "1595.00\n2000.00", 'line by line');
	is($app->value(q{SELECT service, cost FROM dcx_network_offers(100) LIMIT 2}),
		"KR_FIBRE_BUSINESS|3444.00\nPV_FIBRE_BUSINESS|3595.00", 'the cheapest offers');
	is($app->value(q{SELECT jsonb_path_exists(b, '$.**.cost'), b #> '{PV_FIBRE_BUSINESS,bands,0,fixed_price}'
			FROM dcx_price_book('enetworks') b}), 'f|895', 'and sees no cost in the book');
	is($app->value(reserve('first', $vm, $line)), '3971.00|f', 'and orders');
	fails_with($app, $_, $_, state => '42501')
	  for q{SELECT * FROM dcx_price_book_save('enetworks')}, "SELECT * FROM dcx_attach_enetworks('$enetworks_url')",
	  q{SELECT * FROM dcx_detach('enetworks')};
};

subtest 'one read a transaction' => sub {
	my $app = fresh();
	my ($in_aas, $in_enetworks) = map { -s $_->logfile } $aas, $enetworks;

	$app->value('BEGIN');
	is($app->value("SELECT sum($network) FROM generate_series(1, 1000)"), '3595000.00', 'a thousand calls');
	$app->value($_) for 'SELECT * FROM dcx_network_offers(50.5)', 'SAVEPOINT a', $price, 'ROLLBACK TO a',
	  quoted($line, $line), q{SELECT * FROM dcx_network_quote('KR_LAYER2_JHB_CPT', 5000.25)};
	$app->value('COMMIT');
	is(remote_reads($enetworks, $in_enetworks, $_), 1, "$_ was read once")
	  for qw(network_services providers bandwidth_prices);
	is(reads_since($enetworks, $in_enetworks), 1, 'all three in one statement');
	is(reads_since($aas, $in_aas), 0, 'and nothing of AAS');
	is($app->value(q{SELECT remote_reads, source FROM dcx_price_book_stats() WHERE catalog = 'enetworks'}), '1|live', 'it says so');

	($in_aas, $in_enetworks) = map { -s $_->logfile } $aas, $enetworks;
	$app->value("$vm_price; " . quoted($vm));
	$app->value(vm_reserve('a VM'));
	is(reads_since($enetworks, $in_enetworks), 0, 'VMs are priced without E-Networks');
	is(reads_since($aas, $in_aas), 3, 'by AAS');
	my $other = fresh();
	attempts_are(0, 'which is not even connected to', sub { $other->value($vm_price) });

	# Statistics of the tables may change the plan.
	$operator->value('ANALYZE enetworks.bandwidth_prices, enetworks.network_services, enetworks.providers');
	$other = fresh();
	$in_enetworks = -s $enetworks->logfile;
	is($other->value($price), '3595.00', 'with statistics of the foreign tables');
	is(reads_since($enetworks, $in_enetworks), 1, 'it is one, too');
};

subtest 'what is committed there counts in the next transaction' => sub {
	my ($app, $later) = (fresh(), fresh());

	$app->value("BEGIN; $price");
	$enetworks->safe_psql($Dcx::enetworks_db, q{UPDATE bandwidth_prices SET "fixedPrice" = 1695 WHERE id = 'cm5bwp000003'});
	is($later->value($price), '3695.00', 'a band, in any that begins now');
	is($app->value($price), '3595.00', 'not in one that has read');
	$app->value('COMMIT');
	is($app->value($price), '3695.00', 'but in its next');
	$enetworks->safe_psql($Dcx::enetworks_db, q{UPDATE providers SET active = false WHERE name = 'Proteavale Fibre'});
	fails_with($app, $price, 'a provider', state => 'ZD003', detail => 'Its provider "Proteavale Fibre" is inactive.');
	$enetworks->safe_psql($Dcx::enetworks_db, q{UPDATE providers SET active = true WHERE name = 'Proteavale Fibre';
		UPDATE network_services SET code = 'PV_FIBRE' WHERE code = 'PV_FIBRE_BUSINESS'});
	fails_with($app, $price, 'a service', state => 'ZD002');
	$enetworks->safe_psql($Dcx::enetworks_db, q{UPDATE network_services SET code = 'PV_FIBRE_BUSINESS' WHERE code = 'PV_FIBRE'});
	is($app->value($price), '3695.00', 'and back');
};

# From here on 3595.00 is in the saved book, and 3695.00 in E-Networks.
my $seen = $super->value(q{SELECT last_seen_at FROM dcx.price_book WHERE catalog = 'enetworks'});

subtest 'E-Networks is down: error' => sub {
	my $app = fresh();

	is($app->value($price), '3695.00', 'the live price');
	while_down($enetworks, sub {
		for my $session ($app, fresh())
		{
			for my $call ($price, 'SELECT * FROM dcx_network_offers(100)', q{SELECT dcx_price_book('enetworks')}, quoted($line))
			{
				fails_with($session, $call, 'network calls', %unreachable,
					hint => qr/$attach_hint.* With dcx_pricing\.on_outage = saved the book last seen at \Q$seen\E would answer\.$/);
			}
			is(answer($session, $vm_price), '376.00, 0 warnings', 'VM pricing is untouched');
			is(answer($session, quoted($vm)), '376.00, 0 warnings', 'so is an order of VMs');
		}
		is(answer($app, vm_reserve('down')), '376.00|f, 0 warnings', 'and the reserve of a VM');
		is(answer($app, reserve('down, too', $vm)), '376.00|f, 0 warnings', 'and an order of one');

		$app->value("BEGIN; $vm_price; SAVEPOINT a");
		fails_with($app, $price, 'in a transaction that has priced a VM', %unreachable);
		$app->value('ROLLBACK TO a');
		is($app->value("$vm_price; COMMIT"), '376.00', 'which goes on from its savepoint');
	});
	is($app->value($price), '3695.00', 'and it is back');
};

subtest 'behind a network that fails: error' => sub {
	my $app = fresh();
	my $began = time;

	$proxy->mute;
	fails_with($app, $price, 'a host that takes the connection and says nothing',
		state => 'ZD008', message => $unreachable{message}, hint => $attach_hint);
	is(answer($app, $vm_price), '376.00, 0 warnings', 'VM pricing is untouched');
	$proxy->pass;
	is($app->value($price), '3695.00', 'and it goes on');
	for my $place ([ 'DECLARE', 1 ], [ 'FETCH', 1 ], [ 'FETCH', 1, 500 ], [ 'CLOSE', 1 ])
	{
		$proxy->at(@$place[ 0, 1, 2 ], 'cut');
		fails_with($app, $price, "cut at $place->[0]", state => 'ZD008', message => $unreachable{message}, hint => $attach_hint);
		is($proxy->struck, 1, 'cut it was');
		is(answer($app, $vm_price), '376.00, 0 warnings', 'VM pricing is untouched');
		is(answer($app, vm_reserve("cut at @$place")), '376.00|f, 0 warnings', 'and a reserve');
		is($app->value($price), '3695.00', 'the next transaction has the live price');
		is($app->value(q{SELECT products FROM dcx_price_book_stats() WHERE catalog = 'enetworks'}), '12', 'of a whole book');
	}
	cmp_ok(time - $began, '<', 90, 'in seconds');
};

subtest 'an order that waits for E-Networks' => sub {
	my ($app, $other) = (fresh(), fresh());
	my $before = ledger();

	$proxy->at('FETCH', 1, undef, 'stall');
	$app->start(reserve('waits', $vm, $line));
	ok(wait_until(sub { $proxy->struck }), 'it waits');
	$other->value(q{SET lock_timeout = '1s'});
	is($other->value(q{SELECT amount FROM dcx_wallet_debit('org-acme', 1, 'meanwhile')}), '-1.00', 'money of that wallet moves');
	is($other->value(vm_reserve('meanwhile, too')), '376.00|f', 'and is held');
	is($super->value("SELECT state, backend_xid IS NULL FROM pg_stat_activity WHERE pid = $app->{pid}"), 'active|t',
		'all the while, nothing written');
	$proxy->pass;
	my $error = $app->finish_error;
	is($error->{state}, 'ZD008', 'until it is lost');
	is($error->{message}, $unreachable{message}, 'as an outage');
	isnt(ledger(), $before, 'what the other did is there');
	is($super->value(q{SELECT count(*) FROM dcx.wallet_key WHERE idempotency_key = 'waits'}), '0', 'the key is not burnt');

	$before = ledger();
	while_down($enetworks, sub {
		fails_with($app, reserve('waits', $vm, $line), 'down altogether', %unreachable);
		is(ledger(), $before, 'nothing is held, and no key used');
	});
	is($app->value(reserve('waits', $vm, $line)), '4071.00|f', 'the same key, when it is back');
	is($app->value(reserve('waits', $vm, $line)), '4071.00|t', 'and once only');
};

subtest 'a replay needs no catalog' => sub {
	my @nodes = ($aas, $enetworks);

	$_->stop for @nodes;
	my $app = fresh();
	is(answer($app, reserve('waits', $vm, $line)), '4071.00|t, 0 warnings', 'an order of both');
	is(answer($app, vm_reserve('down')), '376.00|t, 0 warnings', 'one of a VM');
	fails_with($app, reserve('waits', $line, $vm), 'another request with the key', state => 'ZD004');
	fails_with($app, reserve('new', $vm, $line), 'another key', state => 'ZD008');
	$_->start for @nodes;
};

subtest 'AAS is down' => sub {
	my $app = fresh();
	my $before;

	while_down($aas, sub {
		is(answer($app, $price), '3695.00, 0 warnings', 'network pricing is untouched');
		is(answer($app, quoted($line)), '3695.00, 0 warnings', 'and an order of a line');
		is(answer($app, reserve('a line', $line)), '3695.00|f, 0 warnings', 'and its reserve');
		$before = ledger();
		fails_with($app, reserve('both', $line, $vm), 'an order of both has no price',
			state => 'ZD008', message => 'the catalog cannot be reached', hint => qr/dcx_attach_aas\(\)/);
		is(ledger(), $before, 'and leaves nothing');
	});
	is($app->value(reserve('both', $line, $vm)), '4071.00|f', 'until it is back');
};

on_outage('saved');

subtest 'E-Networks is down: saved' => sub {
	my $app = fresh();

	is(answer($app, $price), '3695.00, 0 warnings', 'the live price');
	while_down($enetworks, sub {
		attempts_are(1, 'tried once', sub { is(answer($app, $price), '3595.00, 1 warnings', 'the saved one') });
		like($app->notices, qr/: prices are those last seen at \Q$seen\E\nDETAIL:  could not connect to server "dcx_enetworks"/,
			'the warning says how old it is, and why');
		is($app->value(q{SELECT source, read_at FROM dcx_price_book_stats() WHERE catalog = 'enetworks'}), "saved|$seen", 'so do the statistics');
		attempts_are(0, 'then left alone for a while', sub {
			is(answer($app, $price), '3595.00, 1 warnings', 'a warning in the next transaction');
			like($app->notices, qr/^DETAIL:  It is tried again after /m, 'which says when it is tried again');
			$app->value('BEGIN');
			is(answer($app, "SELECT sum($network) FROM generate_series(1, 1000)"), '3595000.00, 1 warnings', 'in a transaction: one');
			is(answer($app, q{SELECT count(*) FROM dcx_network_offers(100)}), '12, 0 warnings', 'and no more');
			is(answer($app, $vm_price), '376.00, 0 warnings', 'VMs have their live prices');
			is(answer($app, quoted($line, $vm)), '3971.00, 0 warnings', 'also in an order of both');
			$app->value('COMMIT');
			is($app->value('SELECT catalog, source FROM dcx_price_book_stats()'), "aas|live\nenetworks|saved", 'each from where it is');
			is(answer($app, $vm_price), '376.00, 0 warnings', 'VMs alone warn of nothing');
		});
	});
	# Without anybody doing anything.
	my $answer;
	attempts_are(1, 'one connection is enough', sub { wait_until(sub { ($answer = answer($app, $price)) !~ /^3595/ }) });
	is($answer, '3695.00, 0 warnings', 'and back, by itself');
};

subtest 'an outage that is met in a transaction that AAS has answered' => sub {
	while_down($enetworks, sub {
		my $app = fresh();

		$app->value('BEGIN');
		is(answer($app, $vm_price), '376.00, 0 warnings', 'a VM');
		is(answer($app, $price), '3595.00, 1 warnings', 'then a line: the saved price');
		is(answer($app, $vm_price), '376.00, 0 warnings', 'a VM again');
		$app->value('COMMIT');
		is(answer(fresh(), quoted($vm, $line)), '3971.00, 1 warnings', 'a quote of both');
		is(answer(fresh(), reserve('saved', $vm, $line)), '3971.00|f, 1 warnings', 'an order of both');
		is( $super->value(q{SELECT string_agg(key || ' ' || (value->>'relation'), ', ' ORDER BY key)
				FROM dcx.wallet_hold, jsonb_each(quote->'catalogs') WHERE idempotency_key = 'saved'}),
			'aas aas.products, enetworks dcx.price_book', 'and says where its prices are from');
	});
	while_down($aas, sub {
		my $app = fresh();

		$app->value("BEGIN; $price");
		is($app->value($vm_price), '376.00', 'the other way round');
		like($app->notices, qr/^WARNING:  ZD008: the catalog cannot be reached: prices are those/m, 'with a warning of its own');
		is(answer($app, $price), '3695.00, 0 warnings', 'the line is live');
		$app->value('COMMIT');
	});
};

subtest 'a success elsewhere ends it' => sub {
	my $session = fresh('operator');

	while_down($enetworks, sub { is(answer($session, $price), '3595.00, 1 warnings', 'the saved price') });
	is($session->value(q{SELECT changed, products FROM dcx_price_book_save('enetworks')}), 't|12', 'saved by the same session');
	is(answer($session, $price), '3695.00, 0 warnings', 'which need not wait any more');
	$super->value(q{DELETE FROM dcx.price_book WHERE catalog = 'enetworks' AND book_id > (SELECT min(book_id) FROM dcx.price_book
		WHERE catalog = 'enetworks')});
};

subtest 'behind a network that fails: saved' => sub {
	my $app = fresh();
	my $before;
	my $began = time;

	$proxy->mute;
	attempts_are(1, 'the time-out is paid once', sub {
		is(answer($app, $price), '3595.00, 1 warnings', 'the saved price') for 1 .. 3;
		is(answer($app, $vm_price), '376.00, 0 warnings', 'VMs have theirs');
	});
	$proxy->pass;
	for my $place ([ 'DECLARE', 1 ], [ 'FETCH', 1, 500 ])
	{
		$app = fresh();
		$proxy->at(@$place[ 0, 1, 2 ], 'cut');
		fails_with($app, $price, "cut at $place->[0]", state => 'ZD008', message => $unreachable{message},
			hint => qr/$attach_hint.* Run the transaction again: the book last seen at \Q$seen\E answers then\.$/);
		is($proxy->struck, 1, 'cut it was');
		is(answer($app, $vm_price), '376.00, 0 warnings', 'VMs have their prices');
		is(answer($app, $price), '3595.00, 1 warnings', 'the next transaction has the saved price');

		$app = fresh();
		$before = ledger();
		$proxy->at(@$place[ 0, 1, 2 ], 'cut');
		fails_with($app, reserve("cut, saved, at $place->[0]", $vm, $line), "an order cut at $place->[0]", state => 'ZD008');
		is(ledger(), $before, 'leaves nothing');
		is(answer($app, reserve("cut, saved, at $place->[0]", $vm, $line)), '3971.00|f, 1 warnings', 'the same key is held, by the saved price');
	}
	cmp_ok(time - $began, '<', 60, 'in seconds');
};

subtest 'a network catalog without a service' => sub {
	my $app = fresh();

	$enetworks->safe_psql($Dcx::enetworks_db, 'ALTER TABLE network_services RENAME TO kept; CREATE TABLE network_services (LIKE kept);
		GRANT SELECT ON network_services TO enetworks_reader');
	is(answer($app, $price), '3595.00, 1 warnings', 'is an outage');
	is(answer($app, quoted($vm, $line)), '3971.00, 1 warnings', 'for an order, too');
	fails_with(fresh('operator'), q{SELECT * FROM dcx_price_book_save('enetworks')}, 'and nothing to save',
		state => 'ZD008', message => 'the network catalog has no services at all');
	$enetworks->safe_psql($Dcx::enetworks_db, 'DROP TABLE network_services; ALTER TABLE kept RENAME TO network_services');
	is(answer(fresh(), $price), '3695.00, 0 warnings', 'and over as soon as there is one');
};

subtest 'what fails otherwise is no outage' => sub {
	my $app = fresh();
	my %ways = (
		'a right withdrawn' => [ '42501', 'REVOKE SELECT ON providers FROM enetworks_reader', 'GRANT SELECT ON providers TO enetworks_reader' ],
		'a column that is gone' => [ '42703', 'ALTER TABLE bandwidth_prices RENAME "minMbps" TO least',
			'ALTER TABLE bandwidth_prices RENAME least TO "minMbps"' ]);

	for my $way (sort keys %ways)
	{
		my ($state, $break, $mend) = @{ $ways{$way} };

		$enetworks->safe_psql($Dcx::enetworks_db, $break);
		is($app->error($price)->{state}, $state, $way);
		unlike($app->notices, qr/WARNING/, 'without a warning');
		is(answer($app, $vm_price), '376.00, 0 warnings', 'VMs have their prices');
		$enetworks->safe_psql($Dcx::enetworks_db, $mend);
		is(answer($app, $price), '3695.00, 0 warnings', 'mended: it is not left alone');
	}
};

# Here over the foreign tables, or there.
for my $where ('here', 'there')
{
	subtest "prices in a view: $where" => sub {
		my $lines = q{SELECT code, title, name AS provider, active, "minMbps" AS min_mbps, "maxMbps" AS max_mbps,
			"fixedPrice" + 100 AS fixed_price, "pricePerMbps" AS price_per_mbps FROM %1$s.network_services s
			JOIN %1$s.providers p ON p.id = "providerId" JOIN %1$s.bandwidth_prices b ON "serviceId" = s.id};
		my ($app, $before);

		$operator->value(q{SELECT * FROM dcx_detach('enetworks')});
		if ($where eq 'here')
		{
			my $port = $proxy->port;

			$operator->value(<<"SQL");
CREATE SERVER by_hand FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '127.0.0.1', port '$port', dbname '$Dcx::enetworks_db', connect_timeout '3');
CREATE USER MAPPING FOR operator SERVER by_hand OPTIONS (user 'enetworks_reader', password '$Dcx::enetworks_password');
CREATE SCHEMA viewed;
IMPORT FOREIGN SCHEMA public LIMIT TO (providers, network_services, bandwidth_prices) FROM SERVER by_hand INTO viewed;
SQL
			$operator->value('CREATE VIEW viewed.lines AS ' . sprintf($lines, 'viewed'));
			$operator->value(q{SELECT * FROM dcx_attach_enetworks(NULL, 'viewed', 'lines')});
		}
		else
		{
			$enetworks->safe_psql($Dcx::enetworks_db,
				'CREATE VIEW lines AS ' . sprintf($lines, 'public') . '; GRANT SELECT ON lines TO enetworks_reader');
			$operator->value("SELECT * FROM dcx_attach_enetworks('$enetworks_url', 'enetworks', 'lines')");
		}
		$enetworks->safe_psql($Dcx::enetworks_db, q{UPDATE bandwidth_prices SET "fixedPrice" = 1705 WHERE id = 'cm5bwp000003'});
		$app = fresh();
		is(answer($app, $price), '3805.00, 0 warnings', 'the live price');
		$before = -s $enetworks->logfile;
		is(answer($app, "SELECT sum($network) FROM generate_series(1, 100)"), '380500.00, 0 warnings', 'of many calls');
		is(remote_reads($enetworks, $before, $where eq 'here' ? 'network_services' : 'lines'), 1, 'in one read');
		while_down($enetworks, sub {
			is(answer($app, $price), '3795.00, 1 warnings', 'down: the saved one');
			is(answer($app, $vm_price), '376.00, 0 warnings', 'VMs have theirs');
			is(answer(fresh(), quoted($vm, $line)), '4171.00, 1 warnings', 'and both in an order');
		});
		$enetworks->safe_psql($Dcx::enetworks_db, q{UPDATE bandwidth_prices SET "fixedPrice" = 1695 WHERE id = 'cm5bwp000003'});
		$operator->value(q{SELECT * FROM dcx_detach('enetworks')});
		$operator->value('DROP SCHEMA viewed CASCADE; DROP SERVER by_hand CASCADE') if $where eq 'here';
		$operator->value("SELECT * FROM dcx_attach_enetworks('$enetworks_url')");
	};
}

subtest 'saved books of both' => sub {
	my ($app, $in_aas, $in_enetworks);

	$super->value("ALTER DATABASE $Dcx::main_db SET dcx_pricing.max_price_age = '1h'");
	$operator->value(q{SELECT dcx_price_book_save(), dcx_price_book_save('enetworks')});
	($in_aas, $in_enetworks) = map { -s $_->logfile } $aas, $enetworks;
	$app = fresh();
	is(answer($app, reserve('books', $line, $vm, $line)), '7766.00|f, 0 warnings', 'an order of both');
	is(answer($app, "SELECT $network + $Dcx::cost"), '4071.00, 0 warnings', 'and single prices');
	is(reads_since($aas, $in_aas) + reads_since($enetworks, $in_enetworks), 0, 'without a remote read');
	is($app->value('SELECT catalog, source, remote_reads FROM dcx_price_book_stats()'), "aas|saved|0\nenetworks|saved|0", 'as it says');
	$_->stop for $aas, $enetworks;
	is(answer(fresh(), reserve('books, down', $line, $vm)), '4071.00|f, 0 warnings', 'nor does it notice an outage');
	$_->start for $aas, $enetworks;
	$super->value("ALTER DATABASE $Dcx::main_db RESET dcx_pricing.max_price_age");
};

# The checks, with one of the two down: what they say of it, and that they answer for the other.
for my $case (
	[ 'E-Networks', $enetworks, 'enetworks', 'aas', 'network price book', 'price book', 'bandwidth_prices|network_services|providers' ],
	[ 'AAS', $aas, 'aas', 'enetworks', 'price book', 'network price book', 'products|categories|terraform_vm_config' ])
{
	my ($title, $node, $down, $up, $task, $other_task, $tables) = @$case;

	subtest "checks while $title is down" => sub {
		my $check = q{SELECT area, severity, object, problem FROM dcx_check() WHERE severity = 'error'};
		my $health = sub { $super->value("SELECT value FROM dcx_health() WHERE area = '$_[0]' AND name = '$_[1]'") };
		my $session = fresh('postgres');
		my $began = time;

		is($session->value($check), '', 'up: no error');
		while_down($node, sub {
			is($session->value($check), "connection|error|server dcx_$down|the server cannot be reached", 'dcx_check: its row');
			is($session->value("SELECT object FROM dcx_check('schema')"), "catalog $down", 'an area alone says what it could not look at');
			is($health->($down, 'reachable'), 'false', 'dcx_health: not reached');
			is($health->($up, 'reachable'), 'true', 'the other is');
			is($health->($down, 'source') . '|' . $health->($up, 'source'), '|live', 'and prices, as the one does not');
			is($health->($up, 'newest_updated_at'), '2025-07-01T06:00:00+00:00', 'whose newest change has an offset');
			like($health->($up, $up eq 'aas' ? 'products' : 'services'), qr/^\d+$/, 'and counted');
			my %tasks;
			for my $row (split /\n/, $session->value('SELECT task, result FROM dcx_maintain()'))
			{
				my ($name, $result) = split /\|/, $row;
				push @{ $tasks{$name} }, $result;
			}
			like("@{ $tasks{$task} }", qr/^failed: .*cannot be reached/, "dcx_maintain: $task fails");
			like("@{ $tasks{$other_task} }", qr/^book \d+ (?:is new|was seen again)/, "$other_task does not");
			unlike("@{ $tasks{analyze} }", qr/$tables/, 'its tables are not analyzed');
			is(scalar @{ $tasks{analyze} }, 3, 'the others are');
			is("@{ $tasks{check} }", "connection: server dcx_$down: the server cannot be reached", 'and it reports what is wrong');
			like("@{ $tasks{holds} }", qr/^\d+ marked as expired$/, 'and goes on with the holds');
		});
		is($session->value($check), '', 'up again: no error');
		cmp_ok(time - $began, '<', 90, 'in seconds');
	};
}

subtest 'checks of an E-Networks that says nothing' => sub {
	my $began = time;

	$proxy->mute;
	is($super->value(q{SELECT area, severity, object, problem FROM dcx_check() WHERE severity = 'error'}),
		'connection|error|server dcx_enetworks|the server cannot be reached', 'dcx_check');
	is($super->value(q{SELECT area, value FROM dcx_health() WHERE name = 'reachable'}), "aas|true\nenetworks|false", 'dcx_health');
	like($super->value('SELECT task, result FROM dcx_maintain()'), qr/^price book\|book.*^network price book\|failed: /ms, 'dcx_maintain');
	cmp_ok(time - $began, '<', 60, 'in seconds');
	$proxy->pass;
};

# postgres_fdw would refuse the COMMIT of a transaction that has lost a connection it was using, at whatever it says next.
subtest 'both catalogs on one server' => sub {
	Dcx::load($enetworks, 'both', 'enetworks.sql');
	$enetworks->safe_psql('both', slurp_file("$FindBin::RealBin/../fixtures/aas.sql")
		. '; GRANT SELECT ON ALL TABLES IN SCHEMA public TO enetworks_reader');
	$operator->value(q{SELECT * FROM dcx_detach('aas')});
	$operator->value("SELECT * FROM dcx_attach_enetworks('" . ($enetworks_url =~ s/$Dcx::enetworks_db/both/r) . "')");
	$operator->value(q{SELECT * FROM dcx_attach_aas('dcx_enetworks')});
	for my $how ('cut', 'stall')
	{
		my $app = fresh();

		$app->value('BEGIN');
		is($app->value($vm_price), '376.00', 'a VM');
		$proxy->at('E', 1, undef, $how);
		fails_with($app, $price, "then the connection is lost: $how", state => 'ZD008', message => $unreachable{message},
			hint => qr/ Run the transaction again: the book last seen at .* answers then\.$/);
		is($proxy->struck, 1, 'lost it was');
		$app->value('ROLLBACK');
		like(answer($app, $price), qr/^3595.00, [01] warnings$/, 'the next transaction is answered');
		$proxy->pass;
	}
};

is($super->value('SELECT count(*) FROM dcx.wallet_hold h, dcx_hold_verify(h.hold_id) v WHERE NOT v.ok'), '0', 'every quote recomputes');
is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
$_->close for $super, $operator;
$proxy->stop;
$_->stop for $main, $aas, $enetworks;
done_testing();
