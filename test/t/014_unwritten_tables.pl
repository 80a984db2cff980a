# A catalog in plain tables is not read again after a commit that did not write them. Each way in which a table can
# change, or only seem to, has a subtest: the price is always what plain SQL finds in the same statement, and the number
# of loads shows whether the table was read for it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('unwritten');
$node->init(extra => [ '--username', 'postgres' ]);
$node->append_conf('postgresql.conf', <<'CONF');
autovacuum = off
max_prepared_transactions = 5
# A checkpoint, after which a hint can be logged, is only made when a test asks for it.
checkpoint_timeout = 1h
CONF
$node->start;

my $objects = <<'SQL';
CREATE EXTENSION dcx_pricing;
CREATE TABLE elsewhere (n integer);
CREATE FUNCTION plain_vm_cost() RETURNS numeric STABLE LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT sum(quantity * price::numeric) FROM aas.products
	        JOIN (VALUES ('CPU_1GHZ', 2), ('RAM_GB', 4), ('STORAGE_STANDARD', 40)) AS l (code, quantity)
	        ON products.code::text = l.code);
END $$;
CREATE VIEW vm AS
	SELECT price, price = plain_vm_cost() AS exact
	FROM (SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS price OFFSET 0) AS answered;
SQL
my $products = <<'SQL';
INSERT INTO aas.products VALUES
	('CPU_1GHZ', 'vCPU - 1GHz', 78), ('CPU_2GHZ', 'vCPU - 2GHz', 155), ('RAM_GB', 'RAM', 37),
	('STORAGE_STANDARD', 'Standard Storage', 1.8), ('STORAGE_PREMIUM', 'Premium Storage', 2.75);
SQL
my $columns = 'code text PRIMARY KEY, title text, price double precision';
my $price = 'SELECT price, exact FROM vm';
my $loads = q{SELECT loads FROM dcx_price_book_stats() WHERE catalog = 'aas'};

$node->safe_psql('postgres', $objects);
my ($reader, $writer, $other) = map { session($node, database => 'postgres') } 1 .. 3;
my %loads;

# A new table with the five products, of these columns or made by this SQL, in which no hint is left to be set.
sub fresh
{
	my ($made) = @_;

	$writer->value('DROP SCHEMA IF EXISTS aas CASCADE; CREATE SCHEMA aas');
	$writer->value($made // "CREATE TABLE aas.products ($columns)");
	$writer->value($products);
	$writer->value(q{SELECT FROM dcx_attach_aas(); SELECT FROM aas.products});
	is_read($reader, '376.00', undef, 'the new table');
}

# The price, whether it is what plain SQL finds, and how often the catalog was read for it (undef: however often).
sub is_read
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($session, $expected, $times, $name) = @_;

	is($session->value($price), "$expected|t", $name);
	my $now = $session->value($loads);
	is($now - ($loads{$session} // 0), $times, "$name: loads") if defined $times;
	$loads{$session} = $now;
}

# Somebody commits something. VACUUM alone is no commit to a snapshot.
sub elsewhere { $node->safe_psql('postgres', 'INSERT INTO elsewhere VALUES (1)') }
sub vacuum { $writer->value("VACUUM @_ aas.products"); elsewhere() }
sub set { my ($to, $code) = @_; return "UPDATE aas.products SET price = $to WHERE code = '" . ($code // 'CPU_1GHZ') . q{'} }

subtest 'commits elsewhere' => sub {
	fresh();
	for (1 .. 3)
	{
		elsewhere();
		is_read($reader, '376.00', 0, 'not vacuumed');
	}
	vacuum();
	is_read($reader, '376.00', undef, 'vacuumed');
	for my $level ('READ COMMITTED', 'REPEATABLE READ')
	{
		elsewhere();
		$reader->value("BEGIN ISOLATION LEVEL $level; INSERT INTO elsewhere VALUES (2)");
		is_read($reader, '376.00', 0, "in a transaction that writes elsewhere, $level");
		elsewhere();
		is_read($reader, '376.00', 0, 'after another commit');
		$reader->value('COMMIT');
		is_read($reader, '376.00', 0, 'after its own');
	}
	elsewhere();
	$reader->value('BEGIN ISOLATION LEVEL SERIALIZABLE');
	is_read($reader, '376.00', 1, 'SERIALIZABLE reads for itself');
	$reader->value('COMMIT');
};

subtest 'dcx.binding is not read again, either' => sub {
	# Counted until the session is idle outside of a transaction for a while.
	my $scans = q{SELECT pg_stat_get_xact_numscans(indexrelid) FROM pg_index WHERE indrelid = 'dcx.binding'::regclass};

	fresh();
	$reader->value('BEGIN');
	my $before = $reader->value($scans);
	elsewhere();
	is_read($reader, '376.00', 0, 'after a commit elsewhere');
	is($reader->value($scans), $before, 'not looked up');
	$writer->value(q{UPDATE dcx.binding SET attached_at = now()});
	is_read($reader, '376.00', 0, 'written');
	is($reader->value($scans), $before + 1, 'looked up');
	$reader->value('COMMIT');
	$writer->value(<<"SQL");
CREATE SCHEMA other; CREATE TABLE other.products (LIKE aas.products); INSERT INTO other.products SELECT * FROM aas.products;
UPDATE other.products SET price = 80 WHERE code = 'CPU_1GHZ'; SELECT FROM dcx_attach_aas(schema => 'other');
SQL
	like($reader->value($price), qr/^380\.00\|f/, 'what was attached instead');
	$writer->value('DROP SCHEMA other CASCADE');
};

subtest 'a row is written' => sub {
	fresh();
	$writer->value(set(80));
	is_read($reader, '380.00', 1, 'not vacuumed');
	vacuum();
	is_read($reader, '380.00', 1, 'the bit was set');
	$writer->value(set(81));
	is_read($reader, '382.00', 1, 'the bit was cleared');
	vacuum();
	is_read($reader, '382.00', 1, 'and set');
	$writer->value(set(78));
	vacuum();
	is_read($reader, '376.00', 1, 'cleared and set again in between');
	$writer->value(q{DELETE FROM aas.products WHERE code = 'STORAGE_PREMIUM'});
	is_read($reader, '376.00', 1, 'deleted');
	$writer->value(q{INSERT INTO aas.products VALUES ('STORAGE_PREMIUM', 'Premium Storage', 3)});
	is_read($reader, '376.00', 1, 'inserted');
	$writer->value('BEGIN; SAVEPOINT s; ' . set(80) . '; ROLLBACK TO SAVEPOINT s; COMMIT');
	is_read($reader, '376.00', undef, 'written and rolled back');
	elsewhere();
	is_read($reader, '376.00', 0, 'after that');
};

# The page is not touched again when the transaction ends: only its xid tells.
subtest 'a transaction that is under way when the table is read' => sub {
	my %writes = (
		updates => [ set(80), '380.00' ],
		'updates in a subtransaction' => [ 'SAVEPOINT s; ' . set(80) . '; RELEASE SAVEPOINT s', '380.00' ],
		'deletes and inserts' => [ "DELETE FROM aas.products WHERE code = 'CPU_1GHZ'; INSERT INTO aas.products VALUES ('CPU_1GHZ', '', 80)", '380.00' ],
	);

	for my $kind (sort keys %writes)
	{
		for my $end ('COMMIT', 'ROLLBACK', q{PREPARE TRANSACTION 'p'})
		{
			my ($write, $changed) = @{ $writes{$kind} };

			fresh();
			elsewhere();
			$writer->value("BEGIN; $write");
			is_read($reader, '376.00', 1, "it $kind");
			elsewhere();
			is_read($reader, '376.00', 0, 'a commit elsewhere');
			$writer->value($end);
			if ($end =~ /PREPARE/)
			{
				is_read($reader, '376.00', 0, 'it is prepared');
				$writer->value(q{COMMIT PREPARED 'p'});
			}
			is_read($reader, $end eq 'ROLLBACK' ? '376.00' : $changed, undef, "it is over: $end");
			elsewhere();
			is_read($reader, $end eq 'ROLLBACK' ? '376.00' : $changed, 0, 'a commit elsewhere after that');
		}
	}
};

# As above, but only one thing on the page names the transaction: the new row, the old row, or a multixact in it.
subtest 'a row that is only made, or only deleted' => sub {
	my $cost = q{SELECT dcx_product_cost('STORAGE_PREMIUM')};
	my %deletes = (
		'' => '',
		'in a multixact' => q{SELECT FROM aas.products WHERE code = 'STORAGE_PREMIUM' FOR KEY SHARE; SAVEPOINT s; },
	);

	fresh();
	for my $how (sort keys %deletes)
	{
		is($reader->value($cost), '2.75', 'is there');
		$writer->value("BEGIN; $deletes{$how} DELETE FROM aas.products WHERE code = 'STORAGE_PREMIUM'");
		elsewhere();
		is_read($reader, '376.00', undef, "being deleted $how");
		is($reader->value($cost), '2.75', 'still there');
		$writer->value('COMMIT');
		is($reader->error($cost)->{state}, 'ZD002', 'deleted');
		$writer->value(q{BEGIN; INSERT INTO aas.products VALUES ('STORAGE_PREMIUM', '', 2.75)});
		elsewhere();
		is($reader->error($cost)->{state}, 'ZD002', 'being made again');
		$writer->value('COMMIT');
	}
	is($reader->value($cost), '2.75', 'there again');
};

# All other pages stay as they are.
subtest 'a row on a new page' => sub {
	fresh("CREATE TABLE aas.products ($columns); ALTER TABLE aas.products ALTER title SET STORAGE PLAIN");
	for my $n (1 .. 2)
	{
		vacuum() if $n == 2;
		is_read($reader, '376.00', undef, 'before');
		$writer->value("INSERT INTO aas.products VALUES ('NEW_$n', repeat('x', 7900), $n)");
		is($reader->value("SELECT dcx_product_cost('NEW_$n')"), "$n.00", 'found');
	}
};

subtest 'a lock and an update of one row, in a multixact' => sub {
	fresh();
	$other->value(q{BEGIN; SELECT FROM aas.products WHERE code = 'CPU_1GHZ' FOR KEY SHARE});
	$writer->value('BEGIN; ' . set(80));
	elsewhere();
	is_read($reader, '376.00', 1, 'under way');
	$writer->value('COMMIT');
	is_read($reader, '380.00', 1, 'the update is committed, the lock is held');
	elsewhere();
	is_read($reader, '380.00', 0, 'a commit elsewhere');
	$other->value('COMMIT');
	is_read($reader, '380.00', 0, 'the lock is gone');
};

subtest 'row locks' => sub {
	fresh();
	vacuum('(FREEZE)');
	is_read($reader, '376.00', undef, 'before');
	$other->value('BEGIN; SELECT FROM aas.products FOR UPDATE');
	elsewhere();
	# 18 reads once more here.
	is_read($reader, '376.00', undef, 'held');
	elsewhere();
	is_read($reader, '376.00', 0, 'still held');
	$other->value('COMMIT');
	elsewhere();
	is_read($reader, '376.00', 0, 'gone');
	$other->value('BEGIN; ' . set(80));
	$other->value('COMMIT');
	is_read($reader, '380.00', 1, 'updated under a lock that had been');
};

subtest 'an old transaction stays open' => sub {
	fresh();
	$other->value('BEGIN; INSERT INTO elsewhere VALUES (3)');
	for my $cpu (80, 81)
	{
		$writer->value(set($cpu));
		is_read($reader, 220 + 2 * $cpu . '.00', 1, 'changed');
		for (1 .. 2)
		{
			elsewhere();
			is_read($reader, 220 + 2 * $cpu . '.00', 0, 'a commit elsewhere');
		}
	}
	$other->value('COMMIT');
	is_read($reader, '382.00', 0, 'the old one ends');

	$other->value('BEGIN; INSERT INTO elsewhere VALUES (3)');
	$writer->value(set($_)) for 1 .. 70;
	for (1 .. 2)
	{
		is_read($reader, '360.00', 1, 'more transactions than are compared');
		elsewhere();
	}
	$other->value('COMMIT');
	is_read($reader, '360.00', 1, 'they are settled');
	elsewhere();
	is_read($reader, '360.00', 0, 'and so it is as before');
};

subtest 'an older snapshot comes back' => sub {
	my $cursor = "DECLARE c CURSOR FOR $price, generate_series(1, 9)";

	fresh();
	$reader->value("BEGIN; $cursor");
	is($reader->value('FETCH 1 FROM c'), '376.00|t', 'a cursor');
	$writer->value(set(80));
	for (1 .. 2)
	{
		is($reader->value($price), '380.00|t', 'a statement');
		is($reader->value('FETCH 1 FROM c'), '376.00|t', 'the cursor, still as of its opening');
	}
	$reader->value('COMMIT');
	is_read($reader, '380.00', undef, 'after both');

	# Here nothing was changed, so that neither has to read.
	$reader->value("BEGIN; $cursor");
	elsewhere();
	is_read($reader, '380.00', 0, 'nothing was changed');
	is($reader->value('FETCH 1 FROM c'), '380.00|t', 'the cursor');
	is_read($reader, '380.00', 0, 'neither reads');
	$reader->value('COMMIT');

	# No row shows that the table is newer than the snapshot.
	$other->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $snapshot = $other->value('SELECT pg_export_snapshot()');
	$writer->value(q{BEGIN; TRUNCATE aas.products; COPY aas.products FROM PROGRAM 'printf "CPU_1GHZ\t-\t90\nRAM_GB\t-\t37\nSTORAGE_STANDARD\t-\t1.8\n"' WITH (FREEZE); COMMIT});
	is_read($reader, '400.00', 1, 'loaded anew, and frozen');
	elsewhere();
	is_read($reader, '400.00', 0, 'not read again');
	$reader->value("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot'");
	is($reader->error($price)->{state}, '40001', 'a snapshot from before');
	$reader->value('ROLLBACK');
	$other->value('COMMIT');
};

subtest 'our own changes' => sub {
	fresh();
	elsewhere();
	$reader->value('BEGIN; ' . set(80));
	is_read($reader, '380.00', 1, 'updated');
	elsewhere();
	is_read($reader, '380.00', 1, 'by today\'s rule after a commit elsewhere');
	$reader->value('SAVEPOINT s; ' . set(81));
	is_read($reader, '382.00', 1, 'updated again');
	$reader->value('ROLLBACK TO SAVEPOINT s');
	is_read($reader, '380.00', 1, 'rolled back');
	$reader->value('COMMIT');
	is_read($reader, '380.00', undef, 'committed');
	$reader->value('BEGIN; SAVEPOINT s; ' . set(82) . '; ROLLBACK TO SAVEPOINT s');
	is_read($reader, '380.00', undef, 'rolled back, and nothing else');
	elsewhere();
	is_read($reader, '380.00', undef, 'a commit elsewhere');
	$reader->value('COMMIT');
	is_read($reader, '380.00', undef, 'committed');
	elsewhere();
	is_read($reader, '380.00', 0, 'and so it is as before');
};

# None of these writes a row of the table, and not all of them change its row in pg_class.
subtest 'definitions' => sub {
	fresh("CREATE TABLE aas.products ($columns, other double precision DEFAULT 10)");
	vacuum();
	is_read($reader, '376.00', undef, 'before');
	$writer->value('ALTER TABLE aas.products RENAME price TO aside; ALTER TABLE aas.products RENAME other TO price');
	is_read($reader, '460.00', 1, 'columns renamed');
	$writer->value('ALTER TABLE aas.products DROP price, ADD price double precision DEFAULT 20');
	is_read($reader, '920.00', 1, 'a column with another default');
	$writer->value('ALTER TABLE aas.products ALTER title TYPE varchar');
	is_read($reader, '920.00', 1, 'another type, without rewriting');
	$writer->value('CREATE INDEX ON aas.products (title)');
	is_read($reader, '920.00', undef, 'an index');
	elsewhere();
	is_read($reader, '920.00', 0, 'a commit elsewhere');

	$writer->value('CREATE ROLE keeper; GRANT USAGE ON SCHEMA aas TO keeper; ALTER TABLE aas.products OWNER TO keeper');
	is_read($reader, '920.00', 1, 'another owner');
	$writer->value('REVOKE SELECT ON aas.products FROM keeper');
	is($reader->error($price)->{state}, '42501', 'who may not read it');
	$writer->value('GRANT SELECT ON aas.products TO keeper');
	is_read($reader, '920.00', undef, 'and may again');
	$writer->value('REVOKE USAGE ON SCHEMA aas FROM keeper');
	is($reader->error($price)->{state}, '42501', 'who may not use the schema');
	$writer->value('ALTER TABLE aas.products OWNER TO postgres; DROP ROLE keeper');
	is_read($reader, '920.00', undef, 'the first owner');
	$writer->value('DROP TABLE aas.products');
	is($reader->error($price)->{state}, 'ZD007', 'dropped');
};

subtest 'the text of a label is not in the table' => sub {
	$writer->value('DROP TYPE IF EXISTS label');
	$writer->value(q{CREATE TYPE label AS ENUM ('CPU_1GHZ', 'CPU_2GHZ', 'RAM_GB', 'STORAGE_STANDARD', 'STORAGE_PREMIUM', 'SPARE')});
	$writer->value('CREATE DOMAIN label_domain AS label');
	for my $type ('label', 'label_domain')
	{
		fresh("CREATE TABLE aas.products (code $type, title text, price double precision)");
		$writer->value(q{INSERT INTO aas.products VALUES ('SPARE', '', 80)});
		is_read($reader, '376.00', 1, $type);
		$writer->value($_) for q{ALTER TYPE label RENAME VALUE 'CPU_1GHZ' TO 'OLD'},
		  q{ALTER TYPE label RENAME VALUE 'SPARE' TO 'CPU_1GHZ'};
		is_read($reader, '380.00', 1, 'labels renamed');
		$writer->value($_) for q{ALTER TYPE label RENAME VALUE 'CPU_1GHZ' TO 'SPARE'},
		  q{ALTER TYPE label RENAME VALUE 'OLD' TO 'CPU_1GHZ'};
	}
	$writer->value('DROP SCHEMA aas CASCADE; DROP DOMAIN label_domain; DROP TYPE label');
};

subtest 'storage' => sub {
	fresh();
	for my $statement ('VACUUM FULL aas.products', 'CLUSTER aas.products USING products_pkey',
		'ALTER TABLE aas.products ALTER price TYPE numeric', 'VACUUM (FREEZE) aas.products', 'REINDEX TABLE aas.products',
		'ANALYZE aas.products')
	{
		$writer->value($statement);
		elsewhere();
		is_read($reader, '376.00', undef, $statement);
		elsewhere();
		is_read($reader, '376.00', 0, 'a commit elsewhere');
	}
	$writer->value("BEGIN; TRUNCATE aas.products; $products; " . set(80) . '; COMMIT');
	is_read($reader, '380.00', 1, 'TRUNCATE');

	# Pages that are truncated away and come back.
	$writer->value(q{INSERT INTO aas.products SELECT 'FILLER_' || n, repeat('x', 500), 1 FROM generate_series(1, 100) AS n});
	vacuum();
	my $pages = $writer->value(q{SELECT pg_relation_size('aas.products')});
	is_read($reader, '380.00', 1, 'many pages');
	$writer->value(q{DELETE FROM aas.products WHERE title LIKE 'xxx%'});
	vacuum();
	cmp_ok($writer->value(q{SELECT pg_relation_size('aas.products')}), '<', $pages, 'truncated');
	$writer->value(q{UPDATE aas.products SET title = repeat('x', 1000), price = 90 WHERE code = 'CPU_1GHZ'});
	$writer->value(q{INSERT INTO aas.products SELECT 'FILLER_' || n, repeat('x', 500), 1 FROM generate_series(1, 98) AS n});
	vacuum();
	is($writer->value(q{SELECT pg_relation_size('aas.products')}), $pages, 'as many pages as before');
	is_read($reader, '400.00', 1, 'other ones');
	elsewhere();
	is_read($reader, '400.00', 0, 'a commit elsewhere');
};

subtest 'the visibility map is truncated' => sub {
	plan skip_all => 'no pg_visibility here'
	  unless $node->safe_psql('postgres', q{SELECT FROM pg_available_extensions WHERE name = 'pg_visibility'}) eq ''
	  && $writer->error('CREATE EXTENSION pg_visibility')->{state} eq 'none';
	fresh();
	vacuum();
	is_read($reader, '376.00', 1, 'vacuumed');
	$writer->value(q{SELECT pg_truncate_visibility_map('aas.products')});
	elsewhere();
	is_read($reader, '376.00', 1, 'truncated');
	elsewhere();
	is_read($reader, '376.00', 0, 'a commit elsewhere');
	$writer->value(set(80));
	vacuum();
	is_read($reader, '380.00', 1, 'written, and the bit is set again');
	$writer->value('DROP EXTENSION pg_visibility');
};

subtest 'more pages than are looked at' => sub {
	fresh("CREATE TABLE aas.products ($columns); ALTER TABLE aas.products ALTER title SET STORAGE PLAIN");
	$writer->value(q{INSERT INTO aas.products SELECT 'FILLER_' || n, repeat('x', 2500), 1 FROM generate_series(1, 1600) AS n});
	for (1 .. 2)
	{
		elsewhere();
		is_read($reader, '376.00', 1, 'not vacuumed');
	}
	vacuum();
	is_read($reader, '376.00', 1, 'vacuumed');
	elsewhere();
	is_read($reader, '376.00', 0, 'a commit elsewhere');
	$writer->value(q{UPDATE aas.products SET price = 2 WHERE code = 'FILLER_900'});
	is_read($reader, '376.00', 1, 'one row of 1,605');
	elsewhere();
	is_read($reader, '376.00', undef, 'perhaps that reading has pruned the full page');
	elsewhere();
	is_read($reader, '376.00', 0, 'a commit elsewhere');
	$writer->value(set(80));
	is_read($reader, '380.00', 1, 'a row on the first page');
};

subtest 'partitions and children' => sub {
	fresh(<<"SQL");
CREATE TABLE aas.products ($columns) PARTITION BY LIST (code);
CREATE TABLE aas.cpu PARTITION OF aas.products FOR VALUES IN ('CPU_1GHZ', 'CPU_2GHZ');
CREATE TABLE aas.rest PARTITION OF aas.products DEFAULT
SQL
	elsewhere();
	is_read($reader, '376.00', 0, 'a commit elsewhere');
	$writer->value('UPDATE aas.cpu SET price = price + 2');
	is_read($reader, '380.00', 1, 'one was written');
	$writer->value('CREATE TABLE aas.new_cpu (LIKE aas.cpu); INSERT INTO aas.new_cpu SELECT code, title, price + 1 FROM aas.cpu');
	$writer->value('VACUUM aas.new_cpu');
	is_read($reader, '380.00', 0, 'another table');
	$other->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
	my $snapshot = $other->value('SELECT pg_export_snapshot()');
	$writer->value(q{ALTER TABLE aas.products DETACH PARTITION aas.cpu;
		ALTER TABLE aas.products ATTACH PARTITION aas.new_cpu FOR VALUES IN ('CPU_1GHZ', 'CPU_2GHZ')});
	is_read($reader, '382.00', 1, 'exchanged');
	elsewhere();
	is_read($reader, '382.00', 0, 'a commit elsewhere');
	$writer->value('ALTER TABLE aas.products DETACH PARTITION aas.new_cpu');
	is($reader->error($price)->{state}, 'ZD002', 'detached');
	$reader->value("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$snapshot'");
	is($reader->error($price)->{state}, '40001', 'a snapshot from before');
	$reader->value('ROLLBACK');
	$writer->value(q{ALTER TABLE aas.products ATTACH PARTITION aas.cpu FOR VALUES IN ('CPU_1GHZ', 'CPU_2GHZ')});
	is_read($reader, '380.00', undef, 'the first one again');
	$other->value('COMMIT');

	fresh("CREATE TABLE aas.products ($columns)");
	$writer->value('CREATE TABLE aas.more (LIKE aas.products)');
	$writer->value(q{INSERT INTO aas.more VALUES ('RAM_2', 'RAM', 1)});
	is_read($reader, '376.00', 0, 'a table that may become a child');
	$writer->value('ALTER TABLE aas.more INHERIT aas.products');
	is_read($reader, '376.00', 1, 'it has');
	is($reader->value(q{SELECT dcx_product_cost('RAM_2')}), '1.00', 'with a product of its own');
	elsewhere();
	is_read($reader, '376.00', 0, 'a commit elsewhere');
	$writer->value(q{UPDATE aas.more SET price = 2});
	is($reader->value(q{SELECT dcx_product_cost('RAM_2')}), '2.00', 'written');
	is_read($reader, '376.00', 1, 'once');
	$writer->value('ALTER TABLE aas.more NO INHERIT aas.products');
	is($reader->error(q{SELECT dcx_product_cost('RAM_2')})->{state}, 'ZD002', 'no child any more');
};

subtest 'other kinds' => sub {
	fresh("CREATE UNLOGGED TABLE aas.products ($columns)");
	elsewhere();
	is_read($reader, '376.00', 1, 'unlogged: read again');
	$writer->value(set(80));
	is_read($reader, '380.00', 1, 'written');

	fresh("CREATE TABLE aas.origin ($columns); CREATE VIEW aas.products AS SELECT * FROM aas.origin");
	elsewhere();
	is_read($reader, '376.00', 1, 'a view: read again');

	fresh("CREATE TABLE aas.origin ($columns); CREATE VIEW aas.products AS SELECT * FROM aas.origin");
	$writer->value('DROP VIEW aas.products; CREATE MATERIALIZED VIEW aas.products AS SELECT * FROM aas.origin; CREATE UNIQUE INDEX ON aas.products (code)');
	$writer->value('SELECT FROM dcx_attach_aas()');
	is_read($reader, '376.00', 1, 'a materialized view');
	elsewhere();
	is_read($reader, '376.00', 0, 'a commit elsewhere');
	for my $refresh ('', 'CONCURRENTLY')
	{
		$writer->value('UPDATE aas.origin SET price = price + 1');
		is_read($reader, $refresh ? '422.00' : '376.00', 0, 'what it is made of was written');
		$writer->value("REFRESH MATERIALIZED VIEW $refresh aas.products");
		is_read($reader, $refresh ? '468.00' : '422.00', 1, "refreshed $refresh");
	}
};

subtest 'E-Networks' => sub {
	my $cost = q{SELECT dcx_network_cost('FIBRE', 50)};
	my $reads = q{SELECT loads FROM dcx_price_book_stats() WHERE catalog = 'enetworks'};

	$writer->value(<<'SQL');
CREATE SCHEMA enetworks;
CREATE TABLE enetworks.providers (id text, name text, active boolean);
CREATE TABLE enetworks.network_services (id text, code text, title text, "providerId" text);
CREATE TABLE enetworks.bandwidth_prices ("serviceId" text, "minMbps" integer, "maxMbps" integer,
	"fixedPrice" double precision, "pricePerMbps" double precision);
INSERT INTO enetworks.providers VALUES ('p', 'Provider', true);
INSERT INTO enetworks.network_services VALUES ('s', 'FIBRE', 'Fibre', 'p');
INSERT INTO enetworks.bandwidth_prices VALUES ('s', 0, NULL, 100, 10);
SELECT FROM dcx_attach_enetworks();
SQL
	is($reader->value($cost), '600.00', 'three tables');
	my $before = $reader->value($reads);
	elsewhere();
	is($reader->value($cost), '600.00', 'a commit elsewhere');
	is($reader->value($reads), $before, 'not read again');
	$writer->value('UPDATE enetworks.bandwidth_prices SET "fixedPrice" = 200');
	is($reader->value($cost), '700.00', 'the first was written');
	$writer->value(q{UPDATE enetworks.network_services SET code = 'FIBER'});
	is($reader->error($cost)->{state}, 'ZD002', 'the second');
	$writer->value(q{UPDATE enetworks.network_services SET code = 'FIBRE'});
	is($reader->value($cost), '700.00', 'and back');
	$writer->value('UPDATE enetworks.providers SET active = false');
	isnt($reader->error($cost)->{state}, 'none', 'the third');
	is($reader->value($reads), $before + 4, 'read for each');
	elsewhere();
	isnt($reader->error($cost)->{state}, 'none', 'a commit elsewhere');
	is($reader->value($reads), $before + 4, 'not read again');
};

$_->close for $reader, $writer, $other;
$node->stop;

# Rows of a table that was made in the same transaction may be in no WAL.
subtest 'wal_level = minimal' => sub {
	$node->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\n");
	$node->start;
	($reader, $writer, $other) = map { session($node, database => 'postgres') } 1 .. 3;
	fresh();
	$writer->value("BEGIN; DROP TABLE aas.products; CREATE TABLE aas.products ($columns)");
	$writer->value($products);
	$writer->value('SELECT FROM dcx_attach_aas()');
	for (0 .. 2)
	{
		is_read($writer, 376 + 2 * $_ . '.00', undef, 'in the transaction that made it');
		$writer->value('SAVEPOINT s; ' . set(90));
		is_read($writer, '400.00', undef, 'in a savepoint');
		elsewhere();
		$writer->value('ROLLBACK TO SAVEPOINT s');
		is_read($writer, 376 + 2 * $_ . '.00', undef, 'rolled back');
		$writer->value(set(79 + $_));
		elsewhere();
	}
	$writer->value('COMMIT');
	is_read($_, '382.00', undef, 'committed') for $writer, $reader;
	$other->value(set(82));
	is_read($_, '384.00', 1, 'written') for $writer, $reader;
	elsewhere();
	is_read($_, '384.00', 0, 'a commit elsewhere') for $writer, $reader;

	# The map's page has no LSN yet.
	$writer->value(q{BEGIN; TRUNCATE aas.products; COPY aas.products FROM PROGRAM 'printf "CPU_1GHZ\t-\t90\nRAM_GB\t-\t37\nSTORAGE_STANDARD\t-\t1.8\n"' WITH (FREEZE); COMMIT});
	is_read($reader, '400.00', 1, 'loaded and frozen');
	elsewhere();
	is_read($reader, '400.00', 0, 'a commit elsewhere');
	$writer->value(set(91));
	is_read($reader, '402.00', 1, 'written');
	$_->close for $reader, $writer, $other;
	$node->stop;
};

done_testing();
