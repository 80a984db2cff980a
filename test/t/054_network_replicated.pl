# Network prices that replication brings to MAIN: the three tables of E-Networks as local tables that it feeds, and a
# standby, which may only read but prices network services and quotes orders.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $enetworks = new_enetworks('enetworks', init => { allows_streaming => 'logical' });
my $main = new_main('main', init => { allows_streaming => 1 });
my $there = session($enetworks, database => $Dcx::enetworks_db);
my $super = session($main);

# A subscription finds its tables by the publisher's schema and names. The products are copied once.
my $connection = $enetworks->connstr . " dbname=$Dcx::enetworks_db";
$there->value(<<'SQL');
CREATE PUBLICATION network FOR TABLE providers (id, name, active), network_services (id, code, title, "providerId"),
	bandwidth_prices (id, "serviceId", "minMbps", "maxMbps", "fixedPrice", "pricePerMbps", cost)
SQL
$super->value(<<'SQL');
CREATE ROLE app LOGIN;
CREATE TABLE providers (id text PRIMARY KEY, name text, active boolean);
CREATE TABLE network_services (id text PRIMARY KEY, code text, title text, "providerId" text);
CREATE TABLE bandwidth_prices (id text PRIMARY KEY, "serviceId" text, "minMbps" integer, "maxMbps" integer,
	"fixedPrice" float8, "pricePerMbps" float8, cost float8);
CREATE TABLE products (code text, title text, price numeric);
INSERT INTO products VALUES ('CPU_1GHZ', 'vCPU - 1GHz', 78), ('RAM_GB', 'RAM', 37), ('STORAGE_STANDARD', 'Standard Storage', 1.8)
SQL
$super->value("CREATE SUBSCRIPTION network CONNECTION '$connection' PUBLICATION network");
$main->wait_for_subscription_sync($enetworks, 'network', $Dcx::main_db);
is($super->value(q{SELECT * FROM dcx_attach_enetworks(NULL, 'public')}),
	"public.bandwidth_prices|40|adopted table\npublic.network_services|12|adopted table\npublic.providers|4|adopted table",
	'what the subscription has filled is adopted');
$super->value(q{SELECT * FROM dcx_attach_aas(NULL, 'public')});
$super->value('SELECT * FROM dcx_attach_wallet()');
may_move_money($main, 'app');

my $app = session($main, user => 'app');
my $stats = q{SELECT source, remote_reads FROM dcx_price_book_stats() WHERE catalog = 'enetworks'};
my $line = q{{"network": {"service": "PV_FIBRE_BUSINESS", "mbps": 100}}};
my $vm = '{"vm": {"cpu_type": "1GHZ", "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}}';
my $fixed = q{(SELECT "fixedPrice"::numeric FROM bandwidth_prices WHERE id = 'cm5bwp000003')};

# What every service costs, by plain SQL over the tables; and the same as the offers have it.
my $plain = <<'SQL';
SELECT p.name, s.code, trim_scale(b."fixedPrice"::numeric + b."pricePerMbps"::numeric * 100)
  FROM network_services s JOIN providers p ON p.id = s."providerId" AND p.active
  JOIN bandwidth_prices b ON b."serviceId" = s.id AND 100 >= "minMbps" AND 100 < "maxMbps" ORDER BY s.code COLLATE "C"
SQL
my $offered = 'SELECT provider, service, trim_scale(cost) FROM dcx_network_offers(100) WHERE cost IS NOT NULL
	ORDER BY service COLLATE "C"';

# Waits until a node has applied a fixed price of the band.
sub applied
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($node, $price) = @_;

	return ok($node->poll_query_until($Dcx::main_db, "SELECT $fixed = $price"), "$price is applied");
}

sub set_fixed
{
	my ($price) = @_;

	$there->value(qq{UPDATE bandwidth_prices SET "fixedPrice" = $price WHERE id = 'cm5bwp000003'});
}

# The sessions' prices are from tables, and nobody asked E-Networks for any.
sub nothing_remote
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (@sessions) = @_;

	is($_->value($stats), 'local|0', 'no remote read') for @sessions;
	is(remote_reads($enetworks, 0, 'network_services'), 0, 'by nobody');
}

subtest 'what is committed in E-Networks is what MAIN quotes' => sub {
	is($app->value(q{SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100)}), '3595.00', 'prices came with the first copy');
	is($app->value($offered), $there->value($plain), 'of every service');
	for my $price (1695, 1695.5, 1695.55, 0, 123456.789)
	{
		set_fixed($price);
		applied($main, $price);
		is($app->value(q{SELECT trim_scale(dcx_network_cost('PV_FIBRE_BUSINESS', 100))}), $price + 2000, 'and quoted');
		is($app->value(q{SELECT dcx_price_book('enetworks') #>> '{PV_FIBRE_BUSINESS,bands,2,fixed_price}'}), $price, 'and in the book');
	}
	$there->value(<<'SQL');
BEGIN;
INSERT INTO providers VALUES ('new', 'Baobab Fibre', true, NULL, now(), now());
INSERT INTO network_services VALUES ('new', 'BB_FIBRE', 'Baobab Line', 'new', 'FIBRE', 12, now(), now());
INSERT INTO bandwidth_prices VALUES ('new', 'new', 50, 200, 10, 1.25, 1, now(), now());
UPDATE providers SET active = NOT active WHERE name IN ('Kudu Ridge Carrier', 'Marulapoort Wireless');
DELETE FROM bandwidth_prices WHERE "serviceId" = (SELECT id FROM network_services WHERE code = 'PV_METRO_JHB') AND "minMbps" = 100;
UPDATE bandwidth_prices SET "fixedPrice" = 1595 WHERE id = 'cm5bwp000003';
COMMIT
SQL
	applied($main, 1595);
	is($app->value($offered), $there->value($plain), 'a new provider, two that change sides, and a band less');
	is($app->value(q{SELECT title, amount FROM dcx_network_quote('BB_FIBRE', 100)}),
		"Baobab Line, 50 to 200 Mbps: fixed|10.00\nBaobab Line, 50 to 200 Mbps: per Mbps|125.00", 'line by line');
	fails_with($app, q{SELECT dcx_network_cost('PV_METRO_JHB', 100)}, 'what is gone there is gone here', state => 'ZD003');
	fails_with($app, q{SELECT dcx_network_cost('KR_FIBRE_BUSINESS', 100)}, 'and who is inactive', state => 'ZD003');
	$there->value(q{UPDATE providers SET active = true WHERE name = 'Kudu Ridge Carrier'});
	ok($main->poll_query_until($Dcx::main_db, q{SELECT active FROM providers WHERE name = 'Kudu Ridge Carrier'}), 'and back');
	is($app->value(q{SELECT dcx_network_cost('KR_FIBRE_BUSINESS', 100)}), '3444.00', 'it is back');
	nothing_remote($app);
};

subtest 'a transaction of E-Networks counts as a whole, while it comes in' => sub {
	my $old = session($main, user => 'app');
	my ($priced, $wrong, %seen) = (0, 0);

	$super->value('GRANT SELECT ON bandwidth_prices, network_services, providers TO app');
	$old->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($old->value(q{SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100)}), '3595.00', 'a snapshot');

	# Each transaction takes from one band what it adds to the other, and moves a service from one provider to another.
	$there->start(<<'SQL');
DO $$
BEGIN
	FOR i IN 1..1500 LOOP
		UPDATE bandwidth_prices SET "fixedPrice" = 1595 + i WHERE id = 'cm5bwp000003';
		UPDATE network_services SET "providerId" = 'cm5pro00000' || 1 + i % 2 WHERE code = 'PV_FIBRE_BUSINESS';
		UPDATE bandwidth_prices SET "fixedPrice" = 11199 - i WHERE id = 'cm5bwp000016';
		COMMIT;
	END LOOP;
END $$
SQL
	until (exists $seen{3095})
	{
		my ($same, $sum, $price, $mine, $provider) = split /\|/, $app->value(<<"SQL");
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100) = $fixed + 2000,
       dcx_network_cost('PV_FIBRE_BUSINESS', 100) + dcx_network_cost('KR_FIBRE_BUSINESS', 100), $fixed,
       (SELECT provider FROM dcx_network_offers(100) WHERE service = 'PV_FIBRE_BUSINESS'),
       (SELECT name FROM providers p JOIN network_services s ON s."providerId" = p.id WHERE code = 'PV_FIBRE_BUSINESS')
SQL
		$priced++;
		$seen{$price} = 1;
		$wrong++ if $same ne 't' || $mine ne $provider || $sum ne ($price == 1595 ? '7039.00' : '17039.00');
	}
	$there->finish_value;
	is($wrong, 0, 'every quote was of one state, and of the one that the statement saw');
	note "$priced statements, " . keys(%seen) . ' prices';
	cmp_ok(scalar keys %seen, '>', 2, 'while it changed');
	is($old->value(q{SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100)}), '3595.00', 'an older snapshot keeps its prices');
	$old->value('COMMIT');
	is($old->value(q{SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100)}), '5095.00', 'until it ends');
	set_fixed(1595);
	applied($main, 1595);
	nothing_remote($app, $old);
	$old->close;
};

# Everything that prices lines, with the book forms.
my @calls = (
	q{SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100), dcx_network_cost('kr_layer2_jhb_dbn', 99.5)},
	q{SELECT * FROM dcx_network_quote('PV_FIBRE_BUSINESS', 33.25)},
	'SELECT * FROM dcx_network_offers(100)',
	q{SELECT * FROM dcx_network_offers(100, 'proteavale fibre')},
	q{SELECT dcx_price_book('enetworks')},
	q{SELECT dcx_price_book_at(now(), 'enetworks')},
	q{SELECT * FROM dcx_network_offers(100, NULL, dcx_price_book('enetworks'))},
	qq{SELECT * FROM dcx_order_quote('[$vm, $line, {"product": "RAM_GB", "quantity": 2.5}]')});

subtest 'a hot standby of MAIN' => sub {
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	my ($reading, $owner);

	is($app->value("SELECT cost, replayed FROM dcx_order_reserve('org-hooli', '[$line, $vm]', 'in MAIN')"), '3971.00|f', 'an order in MAIN');
	$super->value(q{SELECT dcx_price_book_save(), dcx_price_book_save('enetworks')});
	$main->backup('base');
	$standby->init_from_backup($main, 'base', has_streaming => 1);
	$standby->start;
	$main->wait_for_catchup($standby, 'replay', $main->lsn('insert'));
	($reading, $owner) = (session($standby, user => 'app'), session($standby));
	is($reading->value('SELECT pg_is_in_recovery()'), 't', 'it may only read');
	for my $call (@calls)
	{
		my $expected = $app->value($call);

		isnt($expected, '', $call);
		is($reading->value($call), $expected, 'the same');
	}
	for my $price (1600, 1600.01, 1595)
	{
		set_fixed($price);
		applied($standby, $price);
		is($reading->value("SELECT trim_scale(sum(amount)) FROM dcx_order_quote('[$vm, $line]')"), $price + 2376, 'and in an order');
	}
	nothing_remote($reading);

	is($reading->value("SELECT cost, replayed FROM dcx_order_reserve('org-hooli', '[$line, $vm]', 'in MAIN')"), '3971.00|t',
		'a replay of what is there is answered');
	fails_with($reading, "SELECT * FROM dcx_order_reserve('org-hooli', '[$line, $vm]', 'here')", 'nothing is held here', state => '25006');
	fails_with($owner, q{SELECT * FROM dcx_price_book_save('enetworks')}, 'nor saved', state => '25006');

	$super->value(q{SELECT * FROM dcx_price_book_save('enetworks')});
	set_fixed(1700);
	applied($standby, 1700);
	$owner->value(q{SET dcx_pricing.max_price_age = '1h'});
	is($owner->value(q{SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100)}), '3595.00', 'the newest saved book, where that is set');
	is($owner->value($stats), 'saved|0', 'as the stats say');
	is($super->value(q{SELECT changed FROM dcx_price_book_save('enetworks')}), 't', 'saved in MAIN');
	$main->wait_for_catchup($standby, 'replay', $main->lsn('insert'));
	is($owner->value(q{SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100)}), '3700.00', 'is seen here');
	$there->close;
	$enetworks->stop;
	is($reading->value("SELECT sum(amount) FROM dcx_order_quote('[$vm, $line]')"), '4076.00', 'E-Networks down: the last prices that came');
	$_->close for $reading, $owner;
	$standby->stop;
};

is($app->value("SELECT cost, replayed FROM dcx_order_reserve('org-hooli', '[$line]', 'down')"), '3700.00|f', 'and orders go on');
is($app->notices, '', 'without a word');
$_->close for $app, $super;
$main->stop;
done_testing();
