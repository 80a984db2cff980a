# Exactness where prices are in three tables. Writers change providers, services and bands, with savepoints and
# rollbacks. Readers at every isolation level, some of which also write, compare dcx_network_offers() and
# dcx_network_cost() with plain SQL over the tables in the same statement. The two never differ.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx::Session;
use Dcx::Stress;
use Test::More;

my $node = stress_node('main');

my $providers = 'CREATE TABLE enetworks.providers (id integer PRIMARY KEY, name text, active boolean)';
my $services = 'enetworks.network_services (id integer, code text, title text, "providerId" integer)';
my $bands = 'enetworks.bandwidth_prices (id integer, "serviceId" integer, "minMbps" integer, "maxMbps" integer,
	"fixedPrice" float8, "pricePerMbps" float8)';

# Each database has tables of another kind. In the view network, in check_prices() and check_prices_now() an answer that
# differs from the tables is an error.
sub make_database
{
	my ($database, @tables) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, join('; ', 'CREATE EXTENSION dcx_pricing; CREATE SCHEMA enetworks', @tables, <<'SQL'));
INSERT INTO enetworks.providers SELECT i, 'Carrier ' || i, true FROM generate_series(1, 3) i;
INSERT INTO enetworks.network_services SELECT i, 'LINE_' || i, 'Line ' || i, 1 + i % 3 FROM generate_series(1, 4) i;
INSERT INTO enetworks.bandwidth_prices
SELECT 10 * s + b, s, (ARRAY[1, 50, 100])[b], (ARRAY[50, 100, NULL])[b], 100 * b, 2.5 * s
  FROM generate_series(1, 4) s, generate_series(1, 3) b;
SELECT FROM dcx_attach_enetworks();
CREATE TABLE elsewhere (n integer);

-- What every service costs at 60 Mbps: NULL where the provider is inactive, or not exactly one band holds it.
CREATE FUNCTION plain_costs() RETURNS TABLE (service text, cost numeric) STABLE LANGUAGE sql AS $$
	SELECT s.code, CASE WHEN p.active AND count(b.id) = 1 THEN
			sum(b."fixedPrice"::numeric + b."pricePerMbps"::numeric * 60) END
	  FROM enetworks.network_services s LEFT JOIN enetworks.providers p ON p.id = s."providerId"
	  LEFT JOIN enetworks.bandwidth_prices b ON b."serviceId" = s.id AND b."minMbps" <= 60 AND coalesce(60 < b."maxMbps", true)
	 GROUP BY s.code, p.active
$$;
CREATE FUNCTION differ(answered text, plain text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'not exact: answered %, the tables have %', answered, plain;
END $$;
CREATE VIEW network AS
	SELECT CASE WHEN answered IS NOT DISTINCT FROM plain AND one IS NOT DISTINCT FROM plain_one THEN plain
		ELSE differ(concat_ws(', alone ', answered, one), concat_ws(', alone ', plain, plain_one)) END AS prices
	  FROM (SELECT (SELECT string_agg(service || ' ' || coalesce(trim_scale(cost)::text, '-'), ', ' ORDER BY service)
	                  FROM dcx_network_offers(60)) AS answered,
	               (SELECT string_agg(service || ' ' || coalesce(trim_scale(cost)::text, '-'), ', ' ORDER BY service)
	                  FROM plain_costs()) AS plain,
	               (SELECT CASE WHEN cost IS NOT NULL THEN dcx_network_cost(service, 60) END
	                  FROM plain_costs() WHERE service = 'LINE_1' OFFSET 0) AS one,
	               (SELECT cost FROM plain_costs() WHERE service = 'LINE_1') AS plain_one OFFSET 0) AS both_ways;
-- STABLE: with the snapshot of the statement that calls it.
CREATE FUNCTION check_prices(n integer DEFAULT 0) RETURNS text STABLE LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT prices FROM network);
END $$;
-- VOLATILE: with one of its own, and sees what the statement that calls it has done so far.
CREATE FUNCTION check_prices_now(n integer DEFAULT 0) RETURNS text VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT prices FROM network);
END $$;

-- At one row in five an update is looked at from its middle.
CREATE FUNCTION look() RETURNS trigger VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM prices FROM network;
	RETURN NEW;
END $$;
CREATE TRIGGER look BEFORE UPDATE ON enetworks.providers FOR EACH ROW WHEN (random() < 0.2) EXECUTE FUNCTION look();
CREATE TRIGGER look BEFORE UPDATE ON enetworks.network_services FOR EACH ROW WHEN (random() < 0.2) EXECUTE FUNCTION look();
CREATE TRIGGER look BEFORE UPDATE ON enetworks.bandwidth_prices FOR EACH ROW WHEN (random() < 0.2) EXECUTE FUNCTION look();

-- Changes one of the three tables and takes it back.
CREATE FUNCTION taken_back(which integer) RETURNS void VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		UPDATE enetworks.providers SET active = NOT active WHERE which = 1 AND id = 2;
		UPDATE enetworks.network_services SET "providerId" = 1 WHERE which = 2 AND id = 1;
		UPDATE enetworks.bandwidth_prices SET "fixedPrice" = "fixedPrice" + 1 WHERE which = 3 AND "serviceId" = 1;
		PERFORM check_prices_now();
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		PERFORM check_prices_now();
	END;
	PERFORM check_prices_now();
END $$;
-- More than a snapshot has room for.
CREATE FUNCTION many_subtransactions() RETURNS void VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..70 LOOP
		BEGIN
			INSERT INTO elsewhere VALUES (i);
			IF i = 35 THEN
				UPDATE enetworks.providers SET active = NOT active WHERE id = 3;
			END IF;
		EXCEPTION WHEN division_by_zero THEN
		END;
	END LOOP;
END $$;
SQL
}

make_database('plain', $providers, "CREATE TABLE $services", "CREATE TABLE $bands");
make_database('partitioned', $providers, "CREATE TABLE $services PARTITION BY LIST (\"providerId\")",
	"CREATE TABLE $bands PARTITION BY LIST (\"serviceId\")", <<'SQL');
CREATE TABLE enetworks.services_of_1 PARTITION OF enetworks.network_services FOR VALUES IN (1);
CREATE TABLE enetworks.services_of_others PARTITION OF enetworks.network_services DEFAULT PARTITION BY LIST ("providerId");
CREATE TABLE enetworks.services_of_2 PARTITION OF enetworks.services_of_others FOR VALUES IN (2);
CREATE TABLE enetworks.services_of_3 PARTITION OF enetworks.services_of_others DEFAULT;
CREATE TABLE enetworks.bands_of_1 PARTITION OF enetworks.bandwidth_prices FOR VALUES IN (1);
CREATE TABLE enetworks.bands_of_others PARTITION OF enetworks.bandwidth_prices DEFAULT
SQL

# Shared by the scripts.
my $random = <<'SCRIPT';
\set level random(1, 3)
\set p random(1, 99999)
\set i random(1, 3)
\set j random(1, 4)
\set k random(1, 4)
\set back random(1, 3)
\set end random(1, 4)
SCRIPT
my $check = "SELECT prices FROM network;\n";
my $elsewhere = "INSERT INTO elsewhere VALUES (:p);\n";
my $band = "UPDATE enetworks.bandwidth_prices SET \"fixedPrice\" = :p / 100.0 WHERE id = 10 * :j + 2;\n";
my $gap = "UPDATE enetworks.bandwidth_prices SET \"maxMbps\" = (ARRAY[55, 61, 100])[:i] WHERE id = 10 * :k + 2;\n";
my $provider = "UPDATE enetworks.providers SET active = :back <> 1 WHERE id = :i;\n";
my $service = "UPDATE enetworks.network_services SET \"providerId\" = :i WHERE id = :j;\n";
# Any of the three, by chance.
my $any = <<"SCRIPT";
\\set which random(1, 4)
\\if :which = 1
$provider\\elif :which = 2
$service\\elif :which = 3
$band\\else
$gap\\endif
SCRIPT
# Two snapshots in turn, at READ COMMITTED.
my $mixed = "SELECT check_prices(n), check_prices_now(n), check_prices(n) FROM generate_series(1, 4) AS n;\n";

my %scripts = (
	# Writers.
	'band@2' => "$random$band",
	'provider@2' => "$random$provider",
	'service@2' => "$random$service",
	'gap@1' => "$random$gap",
	'savepoint@2' => "$random$begin${any}SAVEPOINT s;\n$any$back$any$end",
	'nested@1' => "$random$begin${elsewhere}SAVEPOINT t;\n${any}SAVEPOINT s;\n$any${back}ROLLBACK TO SAVEPOINT t;\n$any$end",
	'replace@1' => <<"SCRIPT",
${random}BEGIN ISOLATION LEVEL REPEATABLE READ;
DELETE FROM enetworks.network_services WHERE id = :j;
INSERT INTO enetworks.network_services VALUES (:j, 'LINE_' || :j, 'Line', :i);
DELETE FROM enetworks.bandwidth_prices WHERE id = 10 * :k + 2;
INSERT INTO enetworks.bandwidth_prices VALUES (10 * :k + 2, :k, 50, 100, :p / 100.0, 1.5);
$end
SCRIPT
	'two_phase@1' => <<"SCRIPT",
$random$begin$any${check}PREPARE TRANSACTION 'stress :client_id';
$check
\\if :end = 1
ROLLBACK PREPARED 'stress :client_id';
\\else
COMMIT PREPARED 'stress :client_id';
\\endif
$check
SCRIPT
	# A transaction that is in everybody's snapshots for a while, and changes no price.
	'bystander@1' => "$random$begin$elsewhere" . $check x 6 . $end,
	'overflow@1' => "$random${begin}SELECT many_subtransactions();\n" . $check x 3 . $end,
	# Readers.
	'single@3' => $check x 4,
	'transaction@3' => "$random$begin" . $check x 5 . "$end$check",
	'mixed@2' => "$random$begin$mixed$end$check",
	# Readers that also write.
	'own@4' => "$random$begin${check}SAVEPOINT s;\n$check$any$check$back$check$any$check$end$check",
	'own_provider@2' => "$random$begin$elsewhere${check}SAVEPOINT s;\n$provider$check$back$check$end$check",
	'own_service@2' => "$random$begin$elsewhere${check}SAVEPOINT s;\n$service$check$back$check$end$check",
	'own_late@2' => "$random$begin$elsewhere$check$any$end$check$check",
	'own_block@1' => "$random$begin${check}SELECT taken_back(:i);\n$check$end$check",
	'cursor@2' => <<"SCRIPT",
$random${begin}DECLARE c CURSOR FOR SELECT check_prices(n), check_prices_now(n) FROM generate_series(1, 9) AS n;
FETCH 1 FROM c;
${check}SAVEPOINT s;
${any}FETCH 1 FROM c;
$check${back}FETCH 1 FROM c;
${check}FETCH 2 FROM c;
$end$check
SCRIPT
);
# Writes directly into leaves.
my $leaf = "UPDATE enetworks.services_of_2 SET title = 'Line :p', code = code || '';\n"
  . "UPDATE enetworks.bands_of_1 SET \"pricePerMbps\" = :p / 100.0;\n";
my %leaf_scripts = (
	'leaf@1' => "$random$leaf",
	'own_leaf@2' => "$random$begin$elsewhere$check$leaf${check}SAVEPOINT s;\n$leaf$check$back$check$end$check",
);

stress($node, 'plain', 6, 300, \%scripts);
stress($node, 'partitioned', 6, 200, { %scripts, %leaf_scripts });

make_database('quiet', $providers, "CREATE TABLE $services PARTITION BY LIST (\"providerId\")", "CREATE TABLE $bands", <<'SQL');
CREATE TABLE enetworks.services_of_1 PARTITION OF enetworks.network_services FOR VALUES IN (1);
CREATE TABLE enetworks.services_of_2 PARTITION OF enetworks.network_services FOR VALUES IN (2);
CREATE TABLE enetworks.services_of_3 PARTITION OF enetworks.network_services FOR VALUES IN (3)
SQL

# Each of the three, in a transaction that has an xid already, so that only the tables' own locks tell.
subtest 'what we write ourselves' => sub {
	my $session = Dcx::Session->new($node->connstr('quiet'));
	my $line = q{SELECT split_part(prices, ', ', 1) FROM network};
	my %writes = (
		'a provider' => [ 'UPDATE enetworks.providers SET active = false WHERE id = 2', 'LINE_1 -' ],
		'a service' => [ q{UPDATE enetworks.network_services SET code = 'LINE_0' WHERE id = 1}, 'LINE_0 350' ],
		'its provider' => [ 'DELETE FROM enetworks.network_services WHERE id = 1', 'LINE_2 500' ],
		'a partition of services' => [ q{UPDATE enetworks.services_of_2 SET code = 'LINE_0' WHERE id = 1}, 'LINE_0 350' ],
		'a band' => [ 'UPDATE enetworks.bandwidth_prices SET "pricePerMbps" = 1 WHERE "serviceId" = 1', 'LINE_1 260' ]);

	for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
	{
		for my $name (sort keys %writes)
		{
			my ($write, $expected) = @{ $writes{$name} };

			$session->value("BEGIN ISOLATION LEVEL $level; INSERT INTO elsewhere VALUES (1)");
			is($session->value($line), 'LINE_1 350', "$level: before");
			$session->value("SAVEPOINT s; $write");
			is($session->value($line), $expected, $name);
			$session->value('ROLLBACK TO SAVEPOINT s');
			is($session->value($line), 'LINE_1 350', 'taken back');
			$session->value($write);
			is($session->value($line), $expected, 'again');
			$session->value('ROLLBACK');
		}
	}
	$session->close;
};

# One that another session attaches is in the table for an old snapshot of ours, too, and so are its rows: where we have
# written since, they count.
subtest 'partitions of the second table that come and go' => sub {
	my $session = Dcx::Session->new($node->connstr('quiet'));
	my $line = q{SELECT split_part(prices, ', ', 1) FROM network};
	my $attach = 'ALTER TABLE enetworks.network_services ATTACH PARTITION enetworks.services_of_2 FOR VALUES IN (2)';
	my $detach = 'ALTER TABLE enetworks.network_services DETACH PARTITION enetworks.services_of_2';

	$session->value($detach);
	for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
	{
		for my $first ('SELECT 1', 'INSERT INTO elsewhere VALUES (1)')
		{
			$session->value("BEGIN ISOLATION LEVEL $level; $first; SAVEPOINT s");
			is($session->value($line), 'LINE_2 500', "$level, $first: without the partition");
			$session->value('ROLLBACK TO SAVEPOINT s');
			$node->safe_psql('quiet', $attach);
			$session->value('INSERT INTO elsewhere VALUES (1)');
			is($session->value($line), 'LINE_1 350', 'with it');
			$session->value("UPDATE enetworks.services_of_2 SET code = 'LINE_0' WHERE id = 1");
			is($session->value($line), 'LINE_0 350', 'and what we write into it');
			$session->value('ROLLBACK');
			is($session->value($line), 'LINE_1 350', 'and take back');
			$session->value($detach);
		}
	}
	$session->close;
};

done_testing();
