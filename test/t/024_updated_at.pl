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
my $major = int($main->safe_psql('postgres', 'SHOW server_version_num') / 10000);

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

subtest 'rows of the future' => sub {
	my $session = session($main);
	my $other = session($main);
	my $found = q{SELECT object, detail, fix FROM dcx_check('updated_at') WHERE problem LIKE '%future%'};

	$aas->safe_psql($enetworks_db, <<"SQL");
CREATE ROLE enetworks_reader LOGIN PASSWORD '$Dcx::enetworks_password';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO enetworks_reader;
SQL
	$session->value("SELECT * FROM dcx_attach_$_->[0]('$_->[1]')")
	  for [ aas => aas_url($aas) ], [ enetworks => enetworks_url($aas) ];
	is($session->value($found), '', 'there are none');
	$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET "updatedAt" = '2999-01-01 00:00:00+00' WHERE code = 'RAM_GB'});
	$aas->safe_psql($enetworks_db, q{UPDATE providers SET "updatedAt" = '2998-01-01 01:02:03.5'});
	for my $timezone ('UTC', 'Africa/Johannesburg')
	{
		$session->value("SET timezone = '$timezone'");
		my %detail = map { /^([^|]*)\|(.*)\|$/ } split /\n/, $session->value($found);
		is_deeply(
			\%detail,
			{   'public.products' => '1 row, at 2999-01-01 00:00:00 UTC. A change before that time does not move it.'
				  . ' In AAS: UPDATE public.products SET "updatedAt" = CURRENT_TIMESTAMP WHERE "updatedAt" > CURRENT_TIMESTAMP.',
				'public.providers' => '4 rows, the latest at 2998-01-01 01:02:03.5 UTC. A change before that time does not move it.'
				  . ' In E-Networks: UPDATE public.providers SET "updatedAt" = CURRENT_TIMESTAMP AT TIME ZONE \'UTC\''
				  . ' WHERE "updatedAt" > CURRENT_TIMESTAMP AT TIME ZONE \'UTC\'.' },
			'those of the catalogs, with what to do there');
		$timezone eq 'UTC'
		  or do { $aas->safe_psql($_->[0], $detail{ $_->[1] } =~ s/.*: (UPDATE .*)\./$1/r) }
		  for [ $Dcx::aas_db, 'public.products' ], [ $enetworks_db, 'public.providers' ];
	}
	is($session->value($found), '', 'which mends them');

	# A table that somebody has locked is passed over: nobody waits for it.
	$session->value(q{UPDATE "Organisation" SET "updatedAt" = '2999-01-01'});
	like($session->value($found), qr/^public."Organisation"\|/, 'those of MAIN');
	$other->value('BEGIN');
	$other->value('LOCK TABLE "Organisation"');
	is($session->value($found), '', 'a locked table is passed over');
	$other->value('ROLLBACK');
	is($main->safe_psql($Dcx::main_db, q{SELECT result FROM dcx_maintain() WHERE task = 'check'}), 'no errors',
		'for dcx_maintain() it is no error');

	# A large table is read by an index only.
	$session->value(<<'SQL');
CREATE TABLE large (filler text, "updatedAt" timestamp) WITH (autovacuum_enabled = off);
ALTER TABLE large ALTER filler SET STORAGE PLAIN;
INSERT INTO large SELECT repeat('x', 7000), '2999-01-01' FROM generate_series(1, 12900)
SQL
	unlike($session->value($found), qr/large/, 'a large table without an index is passed over');
	$session->value('CREATE INDEX ON large ("updatedAt")');
	like($session->value($found), qr/^public.large\|12900 rows, the latest at 2999-01-01 00:00:00 UTC/m, 'one with an index is not');
	$session->value('DROP TABLE large');
	$session->value($session->value("SELECT fix FROM ($found) f"));
	is($session->value($found), '', 'mended');
	$session->value("SELECT * FROM dcx_detach('$_')") for 'aas', 'enetworks';
	$_->close for $session, $other;
};

subtest 'virtual generated columns' => sub {
	plan skip_all => 'needs PostgreSQL 18' if $major < 18;
	my $session = session($main);
	my $kept = q{SELECT "updatedAt" = '2020-01-01' FROM virtual};

	$session->value(<<'SQL');
CREATE TABLE virtual (dropped integer, id integer GENERATED BY DEFAULT AS IDENTITY, n integer, big text STORAGE EXTERNAL,
	"updatedAt" timestamp, twice integer GENERATED ALWAYS AS (n * 2) VIRTUAL, at timestamp GENERATED ALWAYS AS ("updatedAt") VIRTUAL);
ALTER TABLE virtual DROP COLUMN dropped;
ALTER TABLE virtual ADD COLUMN later integer DEFAULT 7;
INSERT INTO virtual (n, big, "updatedAt") VALUES (1, repeat('x', 10000), '2020-01-01')
SQL
	is($session->value(q{SELECT note FROM dcx_attach_updated_at('virtual')}), 'created', 'the table has the trigger');
	$session->value('UPDATE virtual SET n = n, big = big || $$$$');
	is($session->value($kept), 't', 'a row that does not change keeps its time');
	$session->value('UPDATE virtual SET twice = DEFAULT');
	is($session->value($kept), 't', 'what is computed is no change');
	$session->value('UPDATE virtual SET n = 2');
	is($session->value(q{SELECT twice, at = "updatedAt", at > '2020-01-02', later FROM virtual}), '4|t|t|7', 'a change sets the time');
	$session->value(q{UPDATE virtual SET "updatedAt" = '2020-01-01', n = 2});
	is($session->value($kept), 't', 'an update of nothing but the column is honored');

	$session->value('CREATE TABLE computed (id integer, made timestamp, "updatedAt" timestamp GENERATED ALWAYS AS (made) VIRTUAL)');
	is($session->value(q{SELECT note FROM dcx_attach_updated_at('computed')}), 'skipped: "updatedAt" is generated', 'a virtual column');
	is( $session->value(q{SELECT problem FROM dcx_check('updated_at') WHERE object = 'public.computed'}),
		'column "updatedAt" is generated', 'the check says so');
	$session->value('INSERT INTO computed VALUES (1)');
	$session->value('CREATE TRIGGER own BEFORE UPDATE ON computed FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at()');
	fails_with($session, 'UPDATE computed SET id = 2', 'and the trigger refuses it', state => '428C9');
	$session->value('DROP TABLE virtual, computed');
	$session->close;
};

subtest 'partitioned tables in a dump' => sub {
	my $copy = 'partitions_copy';
	my $names = q{SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'p.%' ORDER BY 1, 2};

	$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE SCHEMA p;
CREATE TABLE p.root (id integer, "updatedAt" timestamptz) PARTITION BY RANGE (id);
CREATE TABLE p.one PARTITION OF p.root FOR VALUES FROM (0) TO (10);
CREATE TABLE p.two PARTITION OF p.root FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
CREATE TABLE p.three PARTITION OF p.two DEFAULT;
SELECT * FROM dcx_attach_updated_at('p');
ALTER TABLE p.root DETACH PARTITION p.one;
SELECT * FROM dcx_attach_updated_at('p');
ALTER TABLE p.root ATTACH PARTITION p.one FOR VALUES FROM (0) TO (10);
ALTER TABLE p.three DISABLE TRIGGER USER;
SQL
	my $before = $main->safe_psql($Dcx::main_db, $names);
	$main->safe_psql('postgres', "CREATE DATABASE $copy");
	$main->safe_psql($copy, 'CREATE EXTENSION dcx_pricing');
	my $file = $main->basedir . '/partitions.sql';
	$main->command_ok([ 'pg_dump', '-d', $main->connstr($Dcx::main_db), '-n', 'p', '-f', $file ], 'dumped');
	$main->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $main->connstr($copy), '-f', $file ], 'restored');
	is($main->safe_psql($copy, $names), $before, 'the triggers are the same');
	is($main->safe_psql($copy, q{SELECT relation, note FROM dcx_attach_updated_at('p')}), 'p.root|already there', 'and known');
	is($main->safe_psql($copy, <<'SQL'), "p.fresh|created\np.root|already there", 'other tables can become partitions');
ALTER TABLE p.root DETACH PARTITION p.one;
ALTER TABLE p.one RENAME TO fresh;
SELECT relation, CASE relation WHEN 'p.fresh' THEN 'created' ELSE note END FROM dcx_attach_updated_at('p');
ALTER TABLE p.root ATTACH PARTITION p.fresh FOR VALUES FROM (0) TO (10);
SQL
	$main->safe_psql($Dcx::main_db, 'DROP SCHEMA p CASCADE');
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

	# A time in the future that came from the publisher is mended there: a fix here would be overwritten, or lost.
	my $future = q{SELECT object, detail, fix FROM dcx_check('updated_at') WHERE problem LIKE '%future%'};
	$publisher->value(q{UPDATE products SET "updatedAt" = '2999-01-01 00:00+00' WHERE code = 'RAM_GB'});
	$aas->wait_for_catchup('catalog');
	is( $subscriber->value($future),
		'public.products|1 row, at 2999-01-01 00:00:00 UTC. A change before that time does not move it.'
		  . ' It comes from a publisher: correct it there.|',
		'a table that is subscribed to has no fix here');
	$publisher->value($publisher->value("SELECT fix FROM ($future) f"));
	$aas->wait_for_catchup('catalog');
	is($subscriber->value($future), '', 'it has one at the publisher');

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
