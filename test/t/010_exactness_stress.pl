# Exactness under load. Writers use savepoints and rollbacks. Readers at every isolation level, some of which also
# write, compare dcx_vm_cost() with plain SQL over the table in the same statement. The two never differ. This also
# holds for sessions that import another session's snapshot, for two-phase commits, and on a standby.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx::Session;
use Dcx::Stress;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = stress_node('primary', allows_streaming => 1);

# Each database has a catalog of another kind. In the view vm, in check_price() and check_price_now() a price that
# differs from the table is an error.
sub make_database
{
	my ($database, $products) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION dcx_pricing; CREATE SCHEMA aas; $products; " . <<'SQL');
INSERT INTO aas.products VALUES
	('CPU_1GHZ', 'vCPU - 1GHz', 78), ('CPU_2GHZ', 'vCPU - 2GHz', 155), ('RAM_GB', 'RAM', 37),
	('STORAGE_STANDARD', 'Standard Storage', 1.8), ('STORAGE_PREMIUM', 'Premium Storage', 2.75);
SELECT FROM dcx_attach_aas();
CREATE TABLE elsewhere (n integer);

CREATE FUNCTION plain_vm_cost() RETURNS numeric STABLE LANGUAGE sql AS $$
	SELECT sum(quantity * price::numeric) FROM aas.products
	JOIN (VALUES ('CPU_1GHZ', 2), ('RAM_GB', 4), ('STORAGE_STANDARD', 40)) AS l (code, quantity) USING (code)
$$;
CREATE FUNCTION differ(answered numeric, plain numeric) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'not exact: answered %, the table has %', answered, plain;
END $$;
CREATE VIEW vm AS
	SELECT CASE WHEN answered = plain THEN answered ELSE differ(answered, plain) END AS price
	FROM (SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS answered, plain_vm_cost() AS plain OFFSET 0) AS both_ways;
-- STABLE: with the snapshot of the statement that calls it.
CREATE FUNCTION check_price(n integer DEFAULT 0) RETURNS numeric STABLE LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT price FROM vm);
END $$;
-- VOLATILE: with one of its own, and sees what the statement that calls it has done so far.
CREATE FUNCTION check_price_now(n integer DEFAULT 0) RETURNS numeric VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT price FROM vm);
END $$;

-- At one row in three an update is looked at from its middle.
CREATE FUNCTION look() RETURNS trigger VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM price FROM vm;
	RETURN NEW;
END $$;
CREATE TRIGGER look BEFORE UPDATE ON aas.products FOR EACH ROW WHEN (random() < 0.33) EXECUTE FUNCTION look();

-- Changes prices and takes it back.
CREATE FUNCTION taken_back() RETURNS void VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		UPDATE aas.products SET price = price + 1 WHERE code IN ('CPU_1GHZ', 'RAM_GB');
		PERFORM check_price_now();
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		PERFORM check_price_now();
	END;
	PERFORM check_price_now();
END $$;
-- More than a snapshot has room for.
CREATE FUNCTION many_subtransactions() RETURNS void VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..70 LOOP
		BEGIN
			INSERT INTO elsewhere VALUES (i);
			IF i = 35 THEN
				UPDATE aas.products SET price = price + 0.01 WHERE code = 'RAM_GB';
			END IF;
		EXCEPTION WHEN division_by_zero THEN
		END;
	END LOOP;
END $$;
SQL
}

my $columns = 'code text PRIMARY KEY, title text, price double precision';

make_database('plain', "CREATE TABLE aas.products ($columns)");
make_database('unlogged', "CREATE UNLOGGED TABLE aas.products ($columns)");
make_database('partitioned', <<"SQL");
CREATE TABLE aas.products ($columns) PARTITION BY LIST (code);
CREATE TABLE aas.cpu PARTITION OF aas.products FOR VALUES IN ('CPU_1GHZ', 'CPU_2GHZ');
CREATE TABLE aas.rest PARTITION OF aas.products DEFAULT PARTITION BY LIST (code);
CREATE TABLE aas.ram PARTITION OF aas.rest FOR VALUES IN ('RAM_GB');
CREATE TABLE aas.storage PARTITION OF aas.rest DEFAULT
SQL

# Shared by the scripts.
my $random = <<'SCRIPT';
\set level random(1, 3)
\set p random(1, 9999)
\set q random(1, 9999)
\set i random(1, 3)
\set j random(1, 3)
\set back random(1, 3)
\set end random(1, 4)
SCRIPT
my $check = "SELECT price FROM vm;\n";
my $codes = "(ARRAY['CPU_1GHZ', 'RAM_GB', 'STORAGE_STANDARD'])";
my $one = "UPDATE aas.products SET price = :p / 100.0 WHERE code = ${codes}[:i];\n";
my $another = "UPDATE aas.products SET price = :q / 100.0 WHERE code = ${codes}[:j];\n";
my $all = "UPDATE aas.products SET price = (:p + length(code)) / 100.0;\n";
my $elsewhere = "INSERT INTO elsewhere VALUES (:p);\n";
# Two snapshots in turn, at READ COMMITTED.
my $mixed = "SELECT check_price(n), check_price_now(n), check_price(n) FROM generate_series(1, 8) AS n;\n";

my %scripts = (
	# Writers.
	'one@4' => "$random$one",
	'all@1' => "$random$all",
	'savepoint@2' => "$random$begin${one}SAVEPOINT s;\n$another$back$another$end",
	'nested@1' => <<"SCRIPT",
$random$begin${elsewhere}SAVEPOINT t;
${one}SAVEPOINT s;
$all${back}ROLLBACK TO SAVEPOINT t;
$another$end
SCRIPT
	'replace@1' => <<"SCRIPT",
${random}BEGIN ISOLATION LEVEL REPEATABLE READ;
DELETE FROM aas.products WHERE code IN ('RAM_GB', 'STORAGE_STANDARD');
INSERT INTO aas.products VALUES ('STORAGE_STANDARD', 'Standard Storage', :p / 100.0), ('RAM_GB', 'RAM', :q / 100.0);
$end
SCRIPT
	'two_phase@1' => <<"SCRIPT",
$random$begin$one${check}PREPARE TRANSACTION 'stress :client_id';
$check
\\if :end = 1
ROLLBACK PREPARED 'stress :client_id';
\\else
COMMIT PREPARED 'stress :client_id';
\\endif
$check
SCRIPT
	# A transaction that is in everybody's snapshots for a while, and changes no price.
	'bystander@1' => "$random$begin$elsewhere" . $check x 8 . $end,
	'overflow@1' => "$random${begin}SELECT many_subtransactions();\n" . $check x 4 . $end,
	# Readers.
	'single@3' => $check x 4,
	'transaction@4' => "$random$begin" . $check x 5 . "$end$check",
	'mixed@2' => "$random$begin$mixed$end$check",
	# Readers that also write.
	'own@3' => "$random$begin${check}SAVEPOINT s;\n$check$one$check$back$check$another$check$end$check",
	'own_nested@2' => <<"SCRIPT",
$random$begin$elsewhere${check}SAVEPOINT t;
$one${check}SAVEPOINT s;
$another$check$back${check}ROLLBACK TO SAVEPOINT t;
$check$end$check
SCRIPT
	'own_late@2' => "$random$begin$elsewhere$check$one$end$check$check",
	'own_all@1' => "$random$begin$check$all${check}SELECT check_price(), check_price_now();\n$end$check",
	'own_block@1' => "$random$begin${check}SELECT taken_back();\n$check$end$check",
	'cursor@2' => <<"SCRIPT",
$random${begin}DECLARE c CURSOR FOR SELECT check_price(n), check_price_now(n) FROM generate_series(1, 9) AS n;
FETCH 1 FROM c;
${check}SAVEPOINT s;
${one}FETCH 1 FROM c;
$check${back}FETCH 1 FROM c;
${check}FETCH 2 FROM c;
$end$check
SCRIPT
);

# Writes directly into leaves.
my $leaf = 'UPDATE aas.ram SET price = :p / 100.0;' . "\n";
my %leaf_scripts = (
	'leaf@1' => "$random$leaf",
	'own_leaf@2' => "$random$begin$elsewhere$check$leaf${check}SAVEPOINT s;\n$leaf$check$back$check$end$check",
);

stress($node, 'plain', 6, 400, \%scripts);
stress($node, 'partitioned', 6, 250, { %scripts, %leaf_scripts });
stress($node, 'unlogged', 6, 250, \%scripts);

# Whatever else can be done to a table or its pages. A plain SELECT whose snapshot is older than a rewritten table finds
# nothing, so readers lock the table first. Prices stand still for a while now and then, while others commit, so that
# books are used again although snapshots are new; the table kept shows that.
make_database('pages', "CREATE TABLE aas.products ($columns, other double precision NOT NULL DEFAULT 7)");
$node->safe_psql('pages', <<'SQL');
DROP TRIGGER look ON aas.products;
CREATE TABLE kept (yes boolean);
INSERT INTO aas.products SELECT 'FILLER_' || n, repeat('x', 200), n FROM generate_series(1, 300) AS n;
SQL
my $lock = "LOCK TABLE aas.products IN ACCESS SHARE MODE;\n";
my $locked = $begin . $lock;
stress($node, 'pages', 6, 500, {
	'one@2' => "$random$one",
	'savepoint@2' => "$random$locked${one}SAVEPOINT s;\n$another$check$back$another$check$end",
	'fillers@1' => "${random}UPDATE aas.products SET price = :p WHERE code LIKE 'FILLER\\_%' AND random() < 0.2;\n",
	'come_and_go@1' => <<"SCRIPT",
$random
DELETE FROM aas.products WHERE code LIKE 'FILLER\\_%' AND price > :p / 30;
INSERT INTO aas.products SELECT 'FILLER_' || n, repeat('x', 200), n FROM generate_series(1, 300) AS n
ON CONFLICT (code) DO UPDATE SET price = excluded.price WHERE products.price < 5;
SCRIPT
	'vacuum@2' => "VACUUM aas.products;\n",
	'freeze@1' => "VACUUM (FREEZE) aas.products;\n",
	'full@1' => "VACUUM FULL aas.products;\n",
	'cluster@1' => "CLUSTER aas.products USING products_pkey;\n",
	'truncate@1' => <<"SCRIPT",
${random}BEGIN;
CREATE TEMP TABLE aside ON COMMIT DROP AS SELECT * FROM aas.products;
TRUNCATE aas.products;
INSERT INTO aas.products SELECT code, title, price + 1, other FROM aside;
$end
SCRIPT
	'definition@1' => <<"SCRIPT",
${random}BEGIN;
ALTER TABLE aas.products RENAME price TO aside;
ALTER TABLE aas.products RENAME other TO price;
ALTER TABLE aas.products RENAME aside TO other;
$end
SCRIPT
	'default@1' => <<"SCRIPT",
${random}BEGIN;
ALTER TABLE aas.products DROP other, ADD other double precision NOT NULL DEFAULT :q;
ALTER TABLE aas.products ALTER title TYPE varchar;
ALTER TABLE aas.products ALTER title TYPE text;
$end
SCRIPT
	'index@1' => "REINDEX TABLE aas.products;\n",
	'two_phase@1' => <<"SCRIPT",
${random}BEGIN;
$lock$one${check}PREPARE TRANSACTION 'stress :client_id';
$elsewhere
COMMIT PREPARED 'stress :client_id';
BEGIN;
$lock${check}COMMIT;
SCRIPT
	# Locks of rows, which others share or update beside them.
	'rows@2' => "$random${locked}SELECT FROM aas.products WHERE code = ${codes}[:i] FOR UPDATE;\n$check${another}$end",
	'key_share@3' => "$random${locked}SELECT FROM aas.products WHERE code = ${codes}[:i] FOR KEY SHARE;\n$elsewhere$check$check$end",
	'bystander@2' => "$random$locked$elsewhere" . $check x 8 . $end,
	'elsewhere@6' => "$random$elsewhere" x 2,
	'transaction@6' => "$random$locked" . $check x 5 . $end,
	'own@2' => "$random$locked${check}SAVEPOINT s;\n$check$one$check$back$check$another$check$end",
	'cursor@2' => <<"SCRIPT",
$random${locked}DECLARE c CURSOR FOR SELECT check_price(n), check_price_now(n) FROM generate_series(1, 9) AS n;
FETCH 1 FROM c;
${check}FETCH 1 FROM c;
${elsewhere}FETCH 1 FROM c;
${check}FETCH 2 FROM c;
$end
SCRIPT
	'kept@8' => <<"SCRIPT",
$random
SELECT loads AS before FROM dcx_price_book_stats() \\gset
$elsewhere
BEGIN;
${lock}SELECT price FROM vm;
COMMIT;
SELECT loads AS after FROM dcx_price_book_stats() \\gset
INSERT INTO kept VALUES (:before = :after);
SCRIPT
});
cmp_ok($node->safe_psql('pages', 'SELECT count(*) FROM kept WHERE yes'), '>', 0, 'books were used under other snapshots');

# SERIALIZABLE: whoever raises a price asks first whether the VM is still within a budget. Two raises of different
# products, which fit alone and not together, cannot both commit. Nothing else here reads the whole table.
make_database('budget', "CREATE TABLE aas.products ($columns)");
$node->safe_psql('budget', <<'SQL');
DROP TRIGGER look ON aas.products;
CREATE FUNCTION check_budget() RETURNS void VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	IF plain_vm_cost() > 400 THEN
		RAISE EXCEPTION 'beyond the budget: %', plain_vm_cost();
	END IF;
END $$;
ALTER DATABASE budget SET enable_seqscan = off;
ALTER DATABASE budget SET enable_bitmapscan = off;
ALTER DATABASE budget SET jit = off;
SQL
stress($node, 'budget', 6, 300, {
	# It has just asked for the price, so that a book is in memory.
	'raise@3' => <<"SCRIPT",
$random$check
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS cost \\gset
\\if :cost <= 380
UPDATE aas.products SET price = (ARRAY[88, 42, 2.3])[:i] WHERE code = ${codes}[:i];
\\endif
COMMIT;
SELECT check_budget();
SCRIPT
	'lower@2' => <<"SCRIPT",
$random
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE aas.products SET price = (ARRAY[78, 37, 1.8])[:i] WHERE code = ${codes}[:i];
COMMIT;
SCRIPT
});

# A standby, while others write on the primary: a standby makes its snapshots in another way.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$node->backup('of_primary');
$standby->init_from_backup($node, 'of_primary', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nmax_standby_streaming_delay = -1\n");
$standby->start;
$node->safe_psql('plain', <<'SQL');
-- Writes until somebody takes the lock.
CREATE PROCEDURE write_on(which text) LANGUAGE plpgsql AS $$
BEGIN
	WHILE pg_try_advisory_xact_lock_shared(1) LOOP
		UPDATE aas.products SET price = price + random() WHERE code = which;
		BEGIN
			UPDATE aas.products SET price = greatest(price - random(), 0) WHERE code = which;
			IF random() < 0.5 THEN
				RAISE division_by_zero;
			END IF;
		EXCEPTION WHEN division_by_zero THEN
		END;
		IF random() < 0.02 THEN
			PERFORM many_subtransactions();
		END IF;
		IF random() < 0.2 THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
	END LOOP;
END $$;
SQL
my ($bystander, @writers) = map { Dcx::Session->new($node->connstr('plain')) } 1 .. 4;
# The oldest transaction in every snapshot: so xmin is the same, and snapshots differ in other things.
$bystander->value('BEGIN; INSERT INTO elsewhere VALUES (1)');
$writers[$_]->start("CALL write_on('" . (qw(CPU_1GHZ RAM_GB STORAGE_STANDARD))[$_] . "')") for 0 .. 2;
my $on_standby = $random =~ s/random\(1, 3\)/random(1, 2)/r;
stress($standby, 'plain', 4, 60, {
	'single@2' => $check x 8,
	'transaction@2' => "$on_standby$begin" . $check x 8 . "$end$check",
	'mixed@1' => "$on_standby$begin$mixed$end$check",
});
my $stop = Dcx::Session->new($node->connstr('plain'));
$stop->start('SELECT pg_advisory_lock(1)');
is($_->finish_value, '', 'the primary was written to all the while') for @writers;
$_->close for @writers, $bystander, $stop;

subtest 'a standby that is promoted' => sub {
	my $session = Dcx::Session->new($standby->connstr('plain'));
	my $price = 'SELECT price FROM vm';

	$node->safe_psql('plain', <<'SQL');
UPDATE aas.products SET price = CASE code WHEN 'CPU_1GHZ' THEN 78 WHEN 'RAM_GB' THEN 37 ELSE 1.8 END;
SQL
	$node->wait_for_catchup($standby);
	$session->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($session->value($price), '376.00', 'as on the primary');
	$standby->promote;
	is($session->value($price), '376.00', 'in the transaction that began before');
	$session->value('COMMIT');
	is($session->value($price), '376.00', 'in the next one');
	$standby->safe_psql('plain', "UPDATE aas.products SET price = 80 WHERE code = 'CPU_1GHZ'");
	is($session->value($price), '380.00', 'changed since');
	$session->close;
};

make_database('quiet', "CREATE TABLE aas.products ($columns)");

subtest 'a snapshot taken over from another session' => sub {
	my ($exporter, $later, $importer, $bystander) = map { Dcx::Session->new($node->connstr('quiet')) } 1 .. 4;
	my $change = sub { $node->safe_psql('quiet', "UPDATE aas.products SET price = $_[0] WHERE code = 'CPU_1GHZ'") };
	my $price = 'SELECT price FROM vm';

	# The oldest transaction in every snapshot: so xmin is the same, and snapshots differ in other things.
	$bystander->value('BEGIN; INSERT INTO elsewhere VALUES (1)');
	$importer->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($importer->value($price), '376.00', 'a book is in memory');
	$importer->value('COMMIT');
	$exporter->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $before = $exporter->value('SELECT pg_export_snapshot()');
	$change->(80);
	$later->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $after = $later->value('SELECT pg_export_snapshot()');

	for my $taken ([ $before, '376.00' ], [ $after, '380.00' ], [ $before, '376.00' ], [ $before, '376.00' ])
	{
		my ($snapshot, $expected) = @$taken;

		$importer->value("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot'");
		is($importer->value($price), $expected, 'as of that snapshot');
		$importer->value("UPDATE aas.products SET price = 40 WHERE code = 'RAM_GB'");
		is($importer->value($price), $expected + 12 . '.00', 'and what was changed under it');
		$importer->value('ROLLBACK');
		is($importer->value($price), '380.00', 'the next one as of now');
	}
	$change->(78);
	is($importer->value($price), '376.00', 'changed back');
	is($exporter->value($price), '376.00', 'the exporter, all the time');
	$_->close for $exporter, $later, $importer, $bystander;
};

subtest 'two-phase commit' => sub {
	my ($reader, $writer, $bystander) = map { Dcx::Session->new($node->connstr('quiet')) } 1 .. 3;
	my $price = 'SELECT price FROM vm';
	my $change = sub { "UPDATE aas.products SET price = $_[0] WHERE code = 'CPU_1GHZ'" };

	$bystander->value('BEGIN; INSERT INTO elsewhere VALUES (1)');
	is($_->value($price), '376.00', 'before') for $reader, $writer;
	$writer->value('BEGIN; INSERT INTO elsewhere VALUES (1)');
	$node->safe_psql('quiet', 'INSERT INTO elsewhere VALUES (1)');
	is($_->value($price), '376.00', 'nothing changed') for $writer, $reader;
	$writer->value($change->(80));
	is($writer->value($price), '380.00', 'changed by our own');
	$writer->value("PREPARE TRANSACTION 'a price'");
	is($_->value($price), '376.00', 'prepared, our own is as any other') for $writer, $reader;
	$reader->value("COMMIT PREPARED 'a price'");
	is($_->value($price), '380.00', 'committed, by whomever') for $reader, $writer;
	$writer->value('BEGIN; ' . $change->(78) . "; PREPARE TRANSACTION 'a price'");
	is($_->value($price), '380.00', 'prepared again') for $reader, $writer;
	$writer->value("ROLLBACK PREPARED 'a price'");
	is($_->value($price), '380.00', 'rolled back') for $reader, $writer;
	$writer->value($change->(78));
	is($_->value($price), '376.00', 'changed back') for $reader, $writer;
	$_->close for $reader, $writer, $bystander;
};

done_testing();
