# Prices that replication brings to MAIN: the catalog as local tables that AAS feeds, and a standby that may only read.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas', init => { allows_streaming => 'logical' });
my $main = new_main('main', init => { allows_streaming => 1 });
my $in_aas = session($aas, database => $Dcx::aas_db);
my $super = session($main);

# A subscription finds its table by the publisher's schema and name; AAS has its tables in "public", as Prisma does.
my $connection = $aas->connstr . " dbname=$Dcx::aas_db";
$in_aas->value(<<'SQL');
CREATE PUBLICATION catalog FOR TABLE products (id, title, price, cost, "categoryId", code, unit),
	categories (id, name, "updatedAt"), terraform_vm_config (id, name, "group", "osType", vcpus, memory, disk)
SQL
$super->value(<<"SQL");
CREATE ROLE app LOGIN;
CREATE TABLE products (id text PRIMARY KEY, title text, price float8, cost float8, "categoryId" text, code text,
	unit integer);
CREATE TABLE categories (id text PRIMARY KEY, name text, "updatedAt" timestamptz(3));
CREATE TABLE terraform_vm_config (id text PRIMARY KEY, name text, "group" text, "osType" text, vcpus integer,
	memory integer, disk integer)
SQL
$super->value("CREATE SUBSCRIPTION catalog CONNECTION '$connection' PUBLICATION catalog");
$main->wait_for_subscription_sync($aas, 'catalog', $Dcx::main_db);
is($super->value(q{SELECT * FROM dcx_attach_aas(NULL, 'public')}),
	"public.products|39|adopted table\npublic.categories|10|adopted table\n"
	  . 'public.terraform_vm_config|24|adopted table', 'what the subscription has filled is adopted');

my $app = session($main, user => 'app');
my $stats = 'SELECT source, remote_reads FROM dcx_price_book_stats()';

# What RAM costs in a table, as text that a quote can be compared with.
my $ram = q{SELECT price::numeric FROM products WHERE code = 'RAM_GB'};

# Waits until a node has applied a price of RAM.
sub applied
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($node, $price) = @_;

	return ok($node->poll_query_until($Dcx::main_db, "SELECT ($ram) = $price"), "$price is applied");
}

# The sessions' prices are from tables, and nobody asked AAS for any.
sub nothing_remote
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my (@sessions) = @_;

	is($_->value($stats), 'local|0', 'no remote read') for @sessions;
	is(remote_reads($aas, 0), 0, 'by nobody');
}

# The publisher sets "updatedAt"; and the products have no foreign key here.
is( $super->value(q{SELECT area, severity, object, problem FROM dcx_check() WHERE severity <> 'info'
		AND object ~ '^(public\.(products|categories|terraform_vm_config)|server|aas)'}),
	'schema|warning|public.products|there is no foreign key "categoryId" -> categories.id', 'and in order');

subtest 'what is committed in AAS is what MAIN quotes' => sub {
	is($app->value("SELECT $Dcx::cost"), '376.00', 'prices came with the first copy');
	is( $app->value(q{SELECT id, cost FROM dcx_template_costs('1GHZ', 'STANDARD') ORDER BY id}),
		$in_aas->value(<<'SQL'), 'of every template');
SELECT id, round(vcpus * 78 + memory * 37 + disk * 1.8, 2) FROM terraform_vm_config ORDER BY id
SQL
	is( $app->value('SELECT code, b->>$$price$$, b->>$$category$$ FROM jsonb_each(dcx_price_book()) e(code, b)
			ORDER BY code COLLATE "C"'),
		$in_aas->value(<<'SQL'), 'and in the price book');
SELECT code, price, name FROM products p JOIN categories c ON c.id = "categoryId" ORDER BY code COLLATE "C"
SQL

	for my $price (40, 41.5, 41.51, 0, 123456.789)
	{
		$in_aas->value("UPDATE products SET price = $price WHERE code = 'RAM_GB'");
		applied($main, $price);
		is($app->value(q{SELECT trim_scale(dcx_product_cost('RAM_GB'))}), $price, 'and quoted');
		is($app->value(q{SELECT dcx_price_book() #>> '{RAM_GB,price}'}), $price, 'and in the book');
	}

	$in_aas->value(<<'SQL');
BEGIN;
INSERT INTO products SELECT 'new', 'vCPU - 3GHz', 200, 150, "categoryId", 'CPU_3GHZ', 1, NULL, now(), now()
  FROM products WHERE code = 'CPU_2GHZ';
UPDATE products SET price = 37, title = 'Memory' WHERE code = 'RAM_GB';
DELETE FROM products WHERE code = 'CPU_2GHZ';
UPDATE categories SET name = 'Compute' WHERE id = 'cm5cat000001';
COMMIT
SQL
	applied($main, 37);
	is( $app->value(q{SELECT code, title, amount FROM dcx_vm_quote('3GHZ', 1, 1, 'STANDARD', 0)}),
		"CPU_3GHZ|vCPU - 3GHz|200.00\nRAM_GB|Memory|37.00\nSTORAGE_STANDARD|Standard Storage|0.00",
		'a new product and a new title');
	is($app->value(q{SELECT dcx_price_book() #>> '{RAM_GB,category}'}), 'Compute', "and a category's");
	fails_with($app, q{SELECT dcx_vm_cost('2GHZ', 1, 1, 'STANDARD', 0)}, 'what is gone there is gone here',
		state => 'ZD002');
	$in_aas->value(<<'SQL');
INSERT INTO products SELECT 'cm5prd000002', 'vCPU - 2GHz', 155, 104, "categoryId", 'CPU_2GHZ', 1, 33, now(), now()
  FROM products WHERE code = 'CPU_3GHZ';
UPDATE products SET title = 'RAM' WHERE code = 'RAM_GB';
DELETE FROM products WHERE code = 'CPU_3GHZ'
SQL
	ok($main->poll_query_until($Dcx::main_db, q{SELECT count(*) = 0 FROM products WHERE code = 'CPU_3GHZ'}), 'and back');
	is($app->value(q{SELECT dcx_vm_cost('2GHZ', 2, 4, 'STANDARD', 40)}), '530.00', 'it is back');
	nothing_remote($app);
};

subtest 'a transaction of AAS counts as a whole, while it comes in' => sub {
	my $old = session($main, user => 'app');
	my ($priced, $wrong, %seen) = (0, 0);

	$super->value('GRANT SELECT ON products TO app');
	$old->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($old->value("SELECT $Dcx::cost"), '376.00', 'a snapshot');

	# Each transaction takes from one price what it adds to the other.
	$in_aas->start(<<'SQL');
DO $$
BEGIN
	FOR i IN 1..2000 LOOP
		UPDATE products SET price = 37 + i WHERE code = 'RAM_GB';
		UPDATE products SET price = 3078 - i WHERE code = 'CPU_1GHZ';
		COMMIT;
	END LOOP;
END $$
SQL
	until (exists $seen{2037})
	{
		my ($same, $cost, $price) = split /\|/, $app->value(<<"SQL");
SELECT dcx_product_cost('RAM_GB') = ($ram), dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 0), ($ram)
SQL
		$priced++;
		$seen{$price} = 1;
		$wrong++ if $same ne 't' || $cost ne ($price == 37 ? '115.00' : '3115.00');
	}
	$in_aas->finish_value;
	is($wrong, 0, 'every quote was of one state, and of the one that the statement saw');
	note "$priced statements, " . keys(%seen) . ' prices';
	cmp_ok(scalar keys %seen, '>', 2, 'while it changed');
	is($old->value("SELECT $Dcx::cost"), '376.00', 'an older snapshot keeps its prices');
	is($old->value('SELECT dcx_price_book() #>> $${RAM_GB,price}$$'), '37', 'in the book, too');
	$old->value('COMMIT');
	is($old->value("SELECT trim_scale($Dcx::cost)"), 2 * 1078 + 4 * 2037 + 40 * 1.8, 'until it ends');
	$in_aas->value(q{UPDATE products SET price = 78 WHERE code = 'CPU_1GHZ'});
	$in_aas->value(q{UPDATE products SET price = 37 WHERE code = 'RAM_GB'});
	applied($main, 37);
	is($_->value("SELECT $Dcx::cost"), '376.00', 'and so on') for $old, $app;
	nothing_remote($app, $old);
	$old->close;
};

subtest 'saved from what was replicated' => sub {
	$super->value(q{SET dcx_pricing.max_price_age = '1h'});
	is($super->value('SELECT changed, products FROM dcx_price_book_save()'), 't|39', 'a save');
	$in_aas->value(q{UPDATE products SET price = 38 WHERE code = 'RAM_GB'});
	applied($main, 38);
	is($super->value(q{SELECT dcx_product_cost('RAM_GB')}), '37.00', 'serves where it is young enough');
	is($super->value($stats), 'saved|0', 'as the stats say');
	is($app->value(q{SELECT dcx_product_cost('RAM_GB')}), '38.00', 'and only there');
	is($super->value('SELECT changed FROM dcx_price_book_save()'), 't', 'the next save');
	is($super->value(q{SELECT dcx_product_cost('RAM_GB')}), '38.00', 'has the new price');
	$super->value('RESET dcx_pricing.max_price_age');
};

# Everything that prices, with the book forms; and the same with a book of its own.
my @calls = (
	"SELECT $Dcx::cost, dcx_product_cost('RAM_GB', 2.5)",
	q{SELECT * FROM dcx_vm_quote('2GHZ', 2, 4.5, 'PREMIUM', 0.125)},
	q{SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD') ORDER BY id},
	q{SELECT * FROM dcx_inventory_costs('1GHZ') ORDER BY uuid},
	'SELECT dcx_price_book()',
	'SELECT dcx_price_book_at(now())',
	q{SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, dcx_price_book()),
		dcx_product_cost('RAM_GB', 2.5, jsonb_set(dcx_price_book(), '{RAM_GB,price}', '40'))},
	q{SELECT * FROM dcx_vm_quote('2GHZ', 2, 4.5, 'PREMIUM', 0.125, dcx_price_book())},
	q{SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD', dcx_price_book_at(now())) ORDER BY id},
	q{SELECT * FROM dcx_inventory_costs('1GHZ', NULL, dcx_price_book()) ORDER BY uuid});
my @owners_calls = (
	q{SELECT * FROM dcx_vm_margin('2GHZ', 2, 4.5, 'PREMIUM', 0.125)},
	q{SELECT d.* FROM dcx.price_book b,
		dcx_price_book_diff(dcx_price_book_at(b.first_seen_at), dcx_price_book()) d ORDER BY b.book_id, 2, 4},
	'SELECT b.book_id, dcx_price_book_at(b.first_seen_at) FROM dcx.price_book b ORDER BY 1');

my $standby;

# Each call answers on the standby what it answers in MAIN.
sub answer_alike
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($there, $here, @statements) = @_;

	for my $statement (@statements)
	{
		my $expected = $here->value($statement);

		isnt($expected, '', $statement =~ s/\s+/ /gr);
		is($there->value($statement), $expected, 'the same');
	}
}

subtest 'a hot standby of MAIN' => sub {
	my ($reading, $auditing);

	$super->value('GRANT SELECT ON vcenter_vm_data_vms TO app');
	$main->backup('base');
	$standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($main, 'base', has_streaming => 1);
	$standby->start;
	$main->wait_for_catchup($standby, 'replay', $main->lsn('insert'));
	$reading = session($standby, user => 'app');
	$auditing = session($standby);
	is($reading->value('SELECT pg_is_in_recovery()'), 't', 'it may only read');

	subtest 'from local tables' => sub {
		answer_alike($reading, $app, @calls);
		answer_alike($auditing, $super, @calls, @owners_calls);
		for my $price (50, 50.01, 37)
		{
			$in_aas->value("UPDATE products SET price = $price WHERE code = 'RAM_GB'");
			applied($standby, $price);
			is($reading->value(q{SELECT trim_scale(dcx_product_cost('RAM_GB'))}), $price, 'and quoted');
		}
		nothing_remote($reading, $auditing);
	};

	subtest 'from saved books' => sub {
		my $set = q{SET dcx_pricing.max_price_age = '1h'};
		my $seen = 'SELECT source, read_at = (SELECT last_seen_at FROM dcx.price_book ORDER BY book_id DESC LIMIT 1)
			FROM dcx_price_book_stats()';

		$super->value('SELECT * FROM dcx_price_book_save()');
		$in_aas->value(q{UPDATE products SET price = 60 WHERE code = 'RAM_GB'});
		applied($standby, 60);
		$_->value($set) for $super, $auditing;
		is($auditing->value(q{SELECT dcx_product_cost('RAM_GB')}), '37.00', 'the newest one serves');
		is($auditing->value($seen), 'saved|t', 'as the stats say');
		answer_alike($auditing, $super, @calls, @owners_calls);
		is($reading->value(q{SELECT dcx_product_cost('RAM_GB')}), '60.00', 'where that is set');

		$auditing->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
		is($auditing->value(q{SELECT dcx_product_cost('RAM_GB')}), '37.00', 'an old snapshot');
		is($super->value('SELECT changed FROM dcx_price_book_save()'), 't', 'saved in MAIN');
		$main->wait_for_catchup($standby, 'replay', $main->lsn('insert'));
		is($auditing->value(q{SELECT dcx_product_cost('RAM_GB')}), '37.00', 'keeps its book');
		$auditing->value('COMMIT');
		is($auditing->value(q{SELECT dcx_product_cost('RAM_GB')}), '60.00', 'and the next one has the new one');
		is($super->value('SELECT changed FROM dcx_price_book_save()'), 'f', 'seen again');
		$main->wait_for_catchup($standby, 'replay', $main->lsn('insert'));
		answer_alike($auditing, $super, @calls, @owners_calls);
		is($auditing->value($seen), 'saved|t', 'as young as in MAIN');

		$super->value(q{UPDATE dcx.price_book SET last_seen_at = last_seen_at - interval '2 hours',
			first_seen_at = first_seen_at - interval '2 hours'});
		$in_aas->value(q{UPDATE products SET price = 61 WHERE code = 'RAM_GB'});
		applied($standby, 61);
		$main->wait_for_catchup($standby, 'replay', $main->lsn('insert'));
		is($auditing->value(q{SELECT dcx_product_cost('RAM_GB')}), '61.00', 'too old, and the table answers');
		is($auditing->value($stats), 'local|0', 'as the stats say');
		$_->value('RESET dcx_pricing.max_price_age') for $super, $auditing;
	};

	fails_with($auditing, 'SELECT * FROM dcx_price_book_save()', 'nothing is saved here',
		state => '25006', message => 'cannot execute dcx_price_book_save() in a read-only transaction');
	is($auditing->value(q{SELECT dcx_product_cost('RAM_GB')}), '61.00', 'and all works as before');
	$auditing->close;

	# A session that lives through the promotion; prices now come to the new MAIN.
	$_->close for $super, $app;
	$main->stop;
	$standby->promote;
	is($reading->value('SELECT pg_is_in_recovery(), dcx_product_cost($$RAM_GB$$)'), 'f|61.00', 'promoted');
	$in_aas->value(q{UPDATE products SET price = 62 WHERE code = 'RAM_GB'});
	applied($standby, 62);
	is($reading->value(q{SELECT dcx_product_cost('RAM_GB')}), '62.00', 'what AAS commits is quoted there');
	nothing_remote($reading);
	$super = session($standby);
	is($super->value('SELECT changed, products FROM dcx_price_book_save()'), 't|39', 'and is saved there');
	$reading->close;
};

subtest 'AAS is down' => sub {
	my $reading = session($standby, user => 'app');

	$in_aas->close;
	$aas->stop;
	is($reading->value(q{SELECT dcx_product_cost('RAM_GB')}), '62.00', 'the last prices that came are there');
	is($reading->notices, '', 'without a word');
	is($reading->value($stats), 'local|0', 'and without asking');
	is($super->value('SELECT changed FROM dcx_price_book_save()'), 'f', 'they can be saved');
	$_->close for $reading, $super;
	$standby->stop;
};

done_testing();
