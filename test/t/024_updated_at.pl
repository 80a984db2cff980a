# "updatedAt" in the platform's three databases, between transactions that overlap, and under logical replication.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas', init => { allows_streaming => 'logical' });
my $main = new_main('main');
my $enetworks_db = 'enetworks_product_local';

Dcx::load($aas, $enetworks_db, 'enetworks.sql');
$aas->safe_psql($_, 'CREATE EXTENSION dcx_pricing') for $Dcx::aas_db, $enetworks_db;

# In each database: the tables that get the trigger, one of them to try it on, and how to change a row of it.
my @databases = (
	[ 'MAIN', $main, $Dcx::main_db,
		[ qw("Organisation" "OrganisationWallet" "Role" "User") ],
		'"OrganisationWallet"', 'balance = balance + 1' ],
	[ 'AAS', $aas, $Dcx::aas_db,
		[ qw("CatalogSetting" categories products terraform_vm_config) ],
		'products', 'price = price + 1' ],
	[ 'E-Networks', $aas, $enetworks_db,
		[ qw(bandwidth_prices network_services providers) ],
		'bandwidth_prices', '"pricePerMbps" = "pricePerMbps" + 1' ]);

for my $database (@databases)
{
	my ($name, $node, $dbname, $tables, $table, $change) = @$database;

	subtest "$name" => sub {
		my $session = session($node, database => $dbname);
		my $rows = $session->value("SELECT count(*) FROM $table");
		my $old = q{'2001-01-01 12:00:00+00'};
		my $fresh = qq{"updatedAt"::timestamptz(3) = now()::timestamptz(3)};

		is( $session->value('SELECT relation, trigger, note FROM dcx_attach_updated_at()'),
			join("\n", map { "public.$_|zzz_dcx_updated_at|created" } @$tables),
			'every table with the column has the trigger');
		is( $session->value('SELECT DISTINCT note FROM dcx_attach_updated_at()'), 'already there', 'and not twice');

		# timestamp holds UTC: with this the comparisons below mean the same for both types.
		$session->value('SET timezone = UTC');
		$session->value('BEGIN');
		$session->value("UPDATE $table SET $change");
		is($session->value("SELECT count(*) FROM $table WHERE $fresh"), $rows, 'a change sets the time of the transaction');
		$session->value('ROLLBACK');

		$session->value('BEGIN');
		$session->value("UPDATE $table SET id = id");
		is($session->value("SELECT count(*) FROM $table WHERE $fresh"), '0', 'what does not change keeps its time');
		$session->value('ROLLBACK');

		$session->value('BEGIN');
		$session->value(qq{UPDATE $table SET "updatedAt" = $old});
		is( $session->value(qq{SELECT count(*) FROM $table WHERE "updatedAt" = $old}),
			$rows, 'an update of nothing but the column is honored');
		$session->value(qq{UPDATE $table SET $change, "updatedAt" = $old});
		is($session->value("SELECT count(*) FROM $table WHERE $fresh"), $rows, 'one of more than it is not');
		$session->value('ROLLBACK');

		$session->value(q{SET timezone = 'Africa/Johannesburg'});
		$session->value('BEGIN');
		$session->value("UPDATE $table SET $change");
		is( $session->value(<<"SQL"), $rows, 'whatever the session\'s time zone');
SELECT count(*) FROM $table
 WHERE CASE pg_typeof("updatedAt")::text WHEN 'timestamp without time zone'
       THEN "updatedAt"::text::timestamp = (now() AT TIME ZONE 'UTC')::timestamp(3)
       ELSE "updatedAt"::text::timestamptz = now()::timestamptz(3) END
SQL
		$session->value('ROLLBACK');
		$session->close;
	};
}

subtest 'a role that owns the tables, and one that does not' => sub {
	my ($owner, $other);

	$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE ROLE owner LOGIN;
CREATE ROLE other LOGIN;
GRANT EXECUTE ON FUNCTION dcx_attach_updated_at(text) TO owner, other;
CREATE SCHEMA shop AUTHORIZATION owner;
SQL
	$owner = session($main, user => 'owner');
	$other = session($main, user => 'other');
	$owner->value('CREATE TABLE shop.things (id integer, "updatedAt" timestamp(3)); GRANT USAGE ON SCHEMA shop TO other');
	fails_with($other, q{SELECT * FROM dcx_attach_updated_at('shop')}, 'another role is refused', state => '42501');
	is( $owner->value(q{SELECT * FROM dcx_attach_updated_at('shop')}),
		'shop.things|zzz_dcx_updated_at|created', 'the owner attaches');
	$owner->value('INSERT INTO shop.things VALUES (1); GRANT SELECT, UPDATE ON shop.things TO other');
	$other->value('UPDATE shop.things SET id = 2');
	is($owner->value('SELECT "updatedAt" IS NOT NULL FROM shop.things'), 't', 'it fires for whoever may update');
	$_->close for $owner, $other;
};

subtest 'never backwards' => sub {
	my $early = session($main);
	my $late = session($main);

	$early->value(<<'SQL');
CREATE TABLE clock (id integer PRIMARY KEY, n integer DEFAULT 0, "updatedAt" timestamp(3));
CREATE TABLE clock_tz (id integer PRIMARY KEY, n integer DEFAULT 0, "updatedAt" timestamptz);
CREATE TABLE clock_second (id integer PRIMARY KEY, n integer DEFAULT 0, "updatedAt" timestamptz(0));
SQL
	for my $table ('clock', 'clock_tz', 'clock_second')
	{
		subtest $table => sub {
			my ($their_time, $of_row) = (undef, qq{SELECT "updatedAt", n FROM $table WHERE id = 1});

			$early->value("SELECT * FROM dcx_attach_updated_at('$table')");
			$early->value("INSERT INTO $table VALUES (1), (2)");
			$early->value('SET timezone = UTC');
			$late->value('SET timezone = UTC');

			# The early one begins, and the late one's time is later by more than the column can tell.
			$early->value('BEGIN');
			my $began = $early->value('SELECT now()::timestamp');
			$main->poll_query_until($Dcx::main_db,
				"SELECT clock_timestamp() > timestamptz '$began UTC' + interval '1.6 s'");
			$late->value("UPDATE $table SET n = n + 1");
			($their_time) = split /\|/, $late->value($of_row);
			is($late->value("SELECT timestamptz '$their_time' > '$began'"), 't', 'the late one has written a later time');

			$early->value("UPDATE $table SET n = n + 1");
			is($early->value($of_row), "$their_time|2", 'the early one writes after it, and the time stays');
			$early->value(qq{INSERT INTO $table VALUES (1) ON CONFLICT (id) DO UPDATE SET n = $table.n + 1});
			is($early->value($of_row), "$their_time|3", 'also with ON CONFLICT');
			$early->value(qq{UPDATE $table SET n = n + 1, "updatedAt" = now()});
			is($early->value($of_row), "$their_time|4", 'also where it says otherwise');
			$early->value('COMMIT');

			# Waiting for the row: the early one sees it in its new version only when it has the lock.
			$early->value('BEGIN');
			$early->value('SELECT 1');
			$late->value('BEGIN');
			$late->value("UPDATE $table SET n = n + 1");
			($their_time) = split /\|/, $late->value($of_row);
			$early->start("UPDATE $table SET n = n + 1 WHERE id = 1");
			ok( $main->poll_query_until($Dcx::main_db,
					"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $early->{pid}"),
				'the early one waits');
			$late->value('COMMIT');
			$early->finish_value;
			is($early->value($of_row), "$their_time|6", 'and does not set the clock back');
			$early->value('COMMIT');

			$late->value("UPDATE $table SET n = n + 1");
			is($late->value(qq{SELECT "updatedAt" >= '$their_time' FROM $table WHERE id = 1}), 't', 'nor does the next one');
		};
	}
	$_->close for $early, $late;
};

subtest 'a subscriber keeps what the publisher wrote' => sub {
	my $publisher = session($aas, database => $Dcx::aas_db);
	my $subscriber = session($main);
	my $price = "SELECT $Dcx::cost";
	my $rows = <<'SQL';
SELECT string_agg(concat_ws(' ', code, price, extract(epoch FROM "updatedAt")), ',' ORDER BY code) FROM products
SQL
	my $caught_up = sub {
		my ($what) = @_;
		my $there = $publisher->value($rows);

		ok($main->poll_query_until($Dcx::main_db, "SELECT ($rows) = '$there'"), $what);
	};

	$subscriber->value(<<'SQL');
CREATE TABLE products (id text PRIMARY KEY, title text, price float8, cost float8, "categoryId" text, code text,
	unit integer, profit integer, "createdAt" timestamptz(3), "updatedAt" timestamptz(3))
SQL
	is( $subscriber->value(q{SELECT * FROM dcx_attach_updated_at('products')}),
		'public.products|zzz_dcx_updated_at|created', 'the subscriber\'s table has the trigger');
	$publisher->value('CREATE PUBLICATION catalog FOR TABLE products');
	$main->safe_psql($Dcx::main_db, 'CREATE SUBSCRIPTION catalog CONNECTION '
		  . q{'} . $aas->connstr($Dcx::aas_db) =~ s/'/''/gr . q{' PUBLICATION catalog});
	$main->wait_for_subscription_sync($aas, 'catalog', $Dcx::main_db);
	is($subscriber->value('SELECT count(*) FROM products'), '39', 'the table was copied');
	$caught_up->('as it was');
	$subscriber->value(q{SELECT * FROM dcx_attach_aas(NULL, 'public')});
	is($subscriber->value($price), '376.00', 'it is a catalog to price from');

	# What the publisher has not set, the subscriber must not set either.
	$publisher->value('ALTER TABLE products DISABLE TRIGGER zzz_dcx_updated_at');
	$publisher->value(q{UPDATE products SET price = 79 WHERE code = 'CPU_1GHZ'});
	$aas->wait_for_catchup('catalog');
	$caught_up->('a change without a new time');
	is( $subscriber->value(q{SELECT "updatedAt" = '2025-07-01 06:00+00' FROM products WHERE code = 'CPU_1GHZ'}),
		't', 'keeps the old one');
	is($subscriber->value($price), '378.00', 'a session that had priced before sees the new price');

	$publisher->value('ALTER TABLE products ENABLE TRIGGER zzz_dcx_updated_at');
	$publisher->value(q{UPDATE products SET price = price + 1 WHERE code IN ('CPU_1GHZ', 'RAM_GB')});
	$aas->wait_for_catchup('catalog');
	$caught_up->('a change with a new time');
	is($subscriber->value($price), '384.00', 'and the new prices');

	# The trigger is there, and would fire where it is told to.
	$subscriber->value('ALTER TABLE products ENABLE ALWAYS TRIGGER zzz_dcx_updated_at');
	$publisher->value('ALTER TABLE products DISABLE TRIGGER zzz_dcx_updated_at');
	$publisher->value(q{UPDATE products SET price = 80 WHERE code = 'STORAGE_PREMIUM'});
	$aas->wait_for_catchup('catalog');
	is( $subscriber->value(q{SELECT "updatedAt" > '2025-07-02' FROM products WHERE code = 'STORAGE_PREMIUM'}),
		't', 'ENABLE ALWAYS is another wish');
	$subscriber->value('ALTER TABLE products ENABLE TRIGGER zzz_dcx_updated_at');
	$subscriber->value(q{UPDATE products SET price = 1 WHERE code = 'STORAGE_STANDARD'});
	is( $subscriber->value(q{SELECT "updatedAt" > '2025-07-02' FROM products WHERE code = 'STORAGE_STANDARD'}),
		't', 'an update of the subscriber\'s own sets the time');
	$subscriber->value('DROP SUBSCRIPTION catalog');
	$_->close for $publisher, $subscriber;
};

$aas->stop;
$main->stop;
done_testing();
