# dcx_check() and its relatives on large databases: thousands of tables on both sides, a catalog of 100,000
# products, some of them bad, and a network catalog of 40,000 bands.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use POSIX ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $aas = new_aas('aas');
my $main = new_main('main', conf => "dcx_pricing.max_price_age = '1h'\n");
my $super = session($main);
my $areas = "ARRAY['connection', 'schema', 'catalog', 'updated_at', 'wallet', 'settings']";
my $limit = 30;

# Processor seconds that all processes of both nodes have used, including those that have ended: other load on the machine
# does not count. Without /proc, the time of day.
sub processor_time
{
	my %ours = map { slurp_file($_->data_dir . '/postmaster.pid') =~ /^(\d+)/ => 1 } $main, $aas;
	my $ticks = 0;

	return time unless -e '/proc/self/stat';
	for my $file (glob '/proc/[0-9]*/stat')
	{
		# One may end meanwhile.
		open my $in, '<', $file or next;
		my ($pid, $rest) = (readline($in) // '') =~ /^(\d+) \(.*\) (.*)/ or next;
		my @fields = split / /, $rest;

		# Its own, and for a postmaster that of the children it had.
		$ticks += $fields[11] + $fields[12] if $ours{$pid} || $ours{ $fields[1] };
		$ticks += $fields[13] + $fields[14] if $ours{$pid};
	}
	return $ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# Does something, and checks that it does not take too long.
sub timed
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($statement, $name) = @_;
	my $began = processor_time();
	my $value = $super->value($statement);
	my $took = processor_time() - $began;

	note sprintf '%s: %.1f s', $name, $took;
	cmp_ok($took, '<', $limit, "$name: in seconds");
	return $value;
}

my $tables = <<'SQL';
DO $$
BEGIN
	FOR i IN 1 .. 2000 LOOP
		EXECUTE format('CREATE TABLE t%s (id text PRIMARY KEY, a text, b integer, c numeric(12,2), d boolean, e jsonb,'
			' f timestamptz, g text[], "createdAt" timestamptz NOT NULL, "updatedAt" timestamptz NOT NULL)', i);
		IF i % 200 = 0 THEN
			COMMIT;
		END IF;
	END LOOP;
END $$
SQL

$aas->safe_psql($Dcx::aas_db, 'CREATE EXTENSION dcx_pricing');
$aas->safe_psql($Dcx::aas_db, $tables);
$main->safe_psql($Dcx::main_db, $tables);
$aas->safe_psql($Dcx::aas_db, <<'SQL');
INSERT INTO products (id, title, price, cost, "categoryId", code, "updatedAt")
SELECT 'n' || i, 'Product ' || i, 100 + i % 1000, 50, 'cm5cat000001', 'N_' || i, now() FROM generate_series(1, 99961) i;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO aas_reader;
ANALYZE
SQL
$super->value("SELECT * FROM dcx_attach_aas('" . aas_url($aas) . "')");
$super->value('SELECT * FROM dcx_attach_wallet()');

subtest 'no trigger anywhere' => sub {
	is( timed(q{SELECT area, count(*) FROM dcx_check() WHERE severity <> 'info' GROUP BY 1}, 'a look'),
		'updated_at|4008', 'a row for each table');
	timed("SELECT count(*) FROM dcx_check('$_')", $_) for qw(connection schema catalog updated_at wallet settings);
};

subtest 'in order' => sub {
	$aas->safe_psql($Dcx::aas_db, 'SELECT * FROM dcx_attach_updated_at()');
	$super->value('SELECT * FROM dcx_attach_updated_at()');
	is(timed(q{SELECT area, severity, object, problem FROM dcx_check() WHERE severity <> 'info'}, 'a look'), '', 'no row');
	is(timed(q{SELECT value FROM dcx_health() WHERE name = 'products'}, 'health'), '100000', 'all products');
	is(timed('SELECT count(*) FROM jsonb_object_keys(dcx_schema())', 'the schema'), '2006', 'all tables');
	is(timed('SELECT count(*) FROM dcx_schema_diff(dcx_schema(), dcx_schema())', 'its difference to itself'), '0', 'none');
	is(timed(q{SELECT count(*) FROM dcx_schema_diff(dcx_schema(), '{}')}, 'and to nothing'), '2006', 'all tables');
};

subtest 'every product is bad' => sub {
	$aas->safe_psql($Dcx::aas_db, <<'SQL');
ALTER TABLE products DISABLE TRIGGER USER;
UPDATE products SET price = price + 1, cost = 100000, unit = 2 WHERE id LIKE 'n%'
SQL
	is( timed(q{SELECT area, severity, problem, count(*) FROM dcx_check('catalog') WHERE severity <> 'info'
		GROUP BY 1, 2, 3 ORDER BY 3}, 'a look'),
		"catalog|warning|the price is below the cost|99961\ncatalog|warning|the unit is not 1|99961", 'and said to be');
	is( $super->value(q{SELECT problem FROM dcx_check('catalog') WHERE object = 'products'}),
		'prices have changed since the last saved book', 'all have changed');
	$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET "code" = 'SAME', price = 'NaN' WHERE id LIKE 'n%'});
	is( timed(q{SELECT severity, problem, count(*) FROM dcx_check('catalog') WHERE object = 'SAME' GROUP BY 1, 2
		ORDER BY 2}, 'another'),
		"error|several products have this code|1\nerror|the price cannot be used|99961\nwarning|the unit is not 1|99961",
		'one code for all');
};

# In MAIN itself: what is slow here is the look at the rows.
subtest 'many bands of few services, and many categories' => sub {
	$aas->safe_psql($Dcx::aas_db, <<'SQL');
INSERT INTO categories (id, name, "updatedAt") SELECT 'n' || i, 'Category ' || i, now() FROM generate_series(1, 20000) i;
UPDATE products SET code = id, price = 1, cost = 1, unit = 1, "categoryId" = 'n' || 1 + substr(id, 2)::int % 20000 WHERE id LIKE 'n%'
SQL
	is(timed(q{SELECT count(*) FROM dcx_check('catalog') WHERE severity <> 'info'}, 'categories'), '0', 'none is missing');

	$super->value($_) for 'CREATE SCHEMA enetworks',
		'CREATE TABLE enetworks.providers AS SELECT 1 AS id, $$P$$ AS name, true AS active',
		'CREATE TABLE enetworks.network_services AS SELECT i AS id, $$N$$ || i AS code, 1 AS "providerId" FROM generate_series(1, 10) i',
		'CREATE TABLE enetworks.bandwidth_prices AS SELECT s AS "serviceId", 10 * i AS "minMbps", nullif(10 * i + 10, 40010) AS "maxMbps",'
		. ' 1 AS "fixedPrice", i AS "pricePerMbps" FROM generate_series(1, 10) s, generate_series(1, 4000) i',
		'SELECT count(*) FROM dcx_attach_enetworks()';
	is(timed(q{SELECT count(*) FROM dcx_check('catalog') WHERE object <> 'products'}, 'bands as saved'), '0', 'nothing to say');
	$super->value('UPDATE enetworks.bandwidth_prices SET "pricePerMbps" = "pricePerMbps" + 1');
	is( timed(q{SELECT object, detail LIKE '40000 of them: N1, 10 to 20 Mbps: 1 and 2 per Mbps, were 1 and 1; N1, %; ...'
			FROM dcx_check('catalog') WHERE object <> 'products'}, 'every price has changed'), 'network services|t', 'the first are named');
	$super->value('UPDATE enetworks.bandwidth_prices SET "minMbps" = "minMbps" / 2');
	is( timed(q{SELECT problem, count(*) FROM dcx_check('catalog') WHERE object <> 'products' AND severity = 'error' GROUP BY 1},
			'bands that overlap'), 'the band overlaps another one|39990', 'each but the first of each service');
};

$super->close;
$_->stop for $main, $aas;
done_testing();
