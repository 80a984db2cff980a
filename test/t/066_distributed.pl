# Tables of Citus, whose rows are not in their own heap. A stand-in for its list of tables, pg_catalog.pg_dist_partition, says
# which those are. A change on another node is a change of the rows that makes no transaction here: pg_surgery can do that.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main', conf => "autovacuum = off\n");

if ($main->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_surgery'}) eq '0')
{
	$main->stop;
	plan skip_all => 'it takes pg_surgery';
}

my $super = session($main);
my $other = session($main);

$super->value(<<'SQL');
CREATE EXTENSION pg_surgery;
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price double precision, cost double precision, unit integer, "categoryId" text);
INSERT INTO aas.products VALUES ('CPU_1GHZ', 'CPU', 78, 50, 1), ('RAM_GB', 'RAM', 37, 20, 1), ('STORAGE_STANDARD', 'Disk', 1.8, 1, 1);
CREATE TABLE aas.terraform_vm_config (id text, name text, "group" text, "osType" text, vcpus integer, memory integer, disk integer)
SQL
is($super->value('SELECT relation, rows FROM dcx_attach_aas()'), "aas.products|3\naas.terraform_vm_config|0", 'a catalog is adopted');

# Prepares a price of CPU_1GHZ that becomes visible only later: that of an update that was rolled back.
sub prepare
{
	my ($price, $table) = @_;

	$table //= 'aas.products';
	$other->value('BEGIN');
	$other->value("UPDATE $table SET price = $price WHERE code = 'CPU_1GHZ'");
	my $new = $other->value("SELECT ctid FROM $table WHERE code = 'CPU_1GHZ'");
	$other->value('ROLLBACK');
	return [ $table, $other->value("SELECT ctid FROM $table WHERE code = 'CPU_1GHZ'"), $new ];
}

# Makes it visible, in no transaction.
sub change_elsewhere
{
	my ($table, $old, $new) = @{ $_[0] };

	$other->value("SELECT heap_force_freeze('$table', ARRAY['$new'::tid])");
	$other->value("SELECT heap_force_kill('$table', ARRAY['$old'::tid])");
}

# The list of tables, as Citus has it or otherwise.
sub list
{
	my ($sql) = @_;

	$other->value("SET allow_system_table_mods = on; $sql; RESET allow_system_table_mods");
}

my $citus = <<'SQL';
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass NOT NULL, partmethod "char" NOT NULL, partkey text,
	colocationid integer NOT NULL DEFAULT 0, repmodel "char" NOT NULL DEFAULT 'c', autoconverted boolean NOT NULL DEFAULT false);
CREATE UNIQUE INDEX pg_dist_partition_logical_relid_index ON pg_catalog.pg_dist_partition (logicalrelid);
CREATE INDEX pg_dist_partition_colocationid_index ON pg_catalog.pg_dist_partition (colocationid)
SQL
my $drop = 'DROP TABLE pg_catalog.pg_dist_partition';
my $source = q{SELECT source FROM dcx_price_book_stats() WHERE catalog = 'aas'};

# A price that is changed elsewhere: is it seen? Of a plain table it is not, since nothing can change it so.
sub seen
{
	my ($price, $table) = @_;
	my $change = prepare($price, $table);
	my $before = $super->value("SELECT $Dcx::cost");

	change_elsewhere($change);
	my $after = $super->value("SELECT $Dcx::cost");
	$other->value('CREATE TEMP TABLE noise (); DROP TABLE noise');
	my $last = $super->value("SELECT $Dcx::cost");
	return "$before, $after, $last";
}

subtest 'without Citus' => sub {
	is(seen(84), '376.00, 376.00, 388.00', 'nothing looks for such a change');
	is($super->value($source), 'local', 'it is a table');
	is(seen(78), '388.00, 388.00, 376.00', 'and back');
};

subtest 'a table of Citus' => sub {
	list($citus);
	is(seen(84), '376.00, 376.00, 388.00', 'another table may be one');
	$other->value(q{INSERT INTO pg_catalog.pg_dist_partition VALUES ('aas.terraform_vm_config', 'h')});
	is(seen(78), '388.00, 388.00, 376.00', 'also where some are listed');
	for my $kind ([ 'h', 'distributed' ], [ 'n', 'a reference table' ])
	{
		$other->value("INSERT INTO pg_catalog.pg_dist_partition VALUES ('aas.products', '$kind->[0]')");
		is(seen(84), '376.00, 388.00, 388.00', "$kind->[1]: a price that is changed on another node is seen");
		is(seen(78), '388.00, 376.00, 376.00', 'and again');
		$other->value(q{DELETE FROM pg_catalog.pg_dist_partition WHERE logicalrelid = 'aas.products'::regclass});
		is(seen(84), '376.00, 376.00, 388.00', 'a plain table again');
		is(seen(78), '388.00, 388.00, 376.00', 'and again');
	}
	$other->value(q{INSERT INTO pg_catalog.pg_dist_partition VALUES ('aas.products', 'h')});
	is($super->value("SELECT count(*) FROM (SELECT $Dcx::cost FROM generate_series(1, 100)) s"), '100', 'a statement');
	my $loads = $super->value(q{SELECT loads FROM dcx_price_book_stats() WHERE catalog = 'aas'});
	is($super->value("SELECT count(DISTINCT c) FROM (SELECT $Dcx::cost AS c FROM generate_series(1, 100)) s"), '1', 'has one price');
	is($super->value(q{SELECT loads FROM dcx_price_book_stats() WHERE catalog = 'aas'}), $loads + 1, 'and reads once');
	is($super->value($source), 'live', 'as of a view');

	# What begins in the middle of a transaction is seen in the next statement, too.
	my $change = prepare(84);
	$super->value('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($super->value("SELECT $Dcx::cost"), '376.00', 'in a transaction');
	change_elsewhere($change);
	is($super->value("SELECT $Dcx::cost"), '388.00', 'in its next statement');
	$super->value('COMMIT');
	is(seen(78), '388.00, 376.00, 376.00', 'and afterwards');
	is($super->value(q{SELECT count(*) FROM dcx_price_book_save()}), '1', 'it can be saved');
	is($super->value(q{SELECT rows FROM dcx_attach_aas() LIMIT 1}), '3', 'and attached again');
	is($super->value(q{SELECT problem FROM dcx_check('connection') WHERE severity = 'error'}), '', 'and checked');
	$other->value('TRUNCATE pg_catalog.pg_dist_partition');
};

subtest 'partitions' => sub {
	$super->value(<<'SQL');
CREATE SCHEMA parts;
CREATE TABLE parts.products (code text, title text, price double precision) PARTITION BY LIST (code);
CREATE TABLE parts.cpus PARTITION OF parts.products FOR VALUES IN ('CPU_1GHZ');
CREATE TABLE parts.others PARTITION OF parts.products DEFAULT;
INSERT INTO parts.products VALUES ('CPU_1GHZ', 'CPU', 78), ('RAM_GB', 'RAM', 37), ('STORAGE_STANDARD', 'Disk', 1.8);
SELECT * FROM dcx_detach('aas');
SELECT * FROM dcx_attach_aas(NULL, 'parts')
SQL
	is(seen(84, 'parts.cpus'), '376.00, 376.00, 388.00', 'none of them is Citus\'');
	is(seen(78, 'parts.cpus'), '388.00, 388.00, 376.00', 'and back');
	for my $of ('parts.cpus', 'parts.others', 'parts.products')
	{
		$other->value("INSERT INTO pg_catalog.pg_dist_partition VALUES ('$of', 'h')");
		is(seen(84, 'parts.cpus'), '376.00, 388.00, 388.00', "$of is");
		is(seen(78, 'parts.cpus'), '388.00, 376.00, 376.00', 'and back');
		$other->value('TRUNCATE pg_catalog.pg_dist_partition');
	}
	is(seen(84, 'parts.cpus'), '376.00, 376.00, 388.00', 'none any more');
	is(seen(78, 'parts.cpus'), '388.00, 388.00, 376.00', 'and back');

	# Inheritance, and a materialized view.
	$super->value(<<'SQL');
CREATE SCHEMA heirs;
CREATE TABLE heirs.products (LIKE parts.products);
CREATE TABLE heirs.heir () INHERITS (heirs.products);
INSERT INTO heirs.heir SELECT * FROM parts.products;
SELECT * FROM dcx_detach('aas');
SELECT * FROM dcx_attach_aas(NULL, 'heirs')
SQL
	is(seen(84, 'heirs.heir'), '376.00, 376.00, 388.00', 'an heir');
	is(seen(78, 'heirs.heir'), '388.00, 388.00, 376.00', 'and back');
	$other->value(q{INSERT INTO pg_catalog.pg_dist_partition VALUES ('heirs.heir', 'n')});
	is(seen(84, 'heirs.heir'), '376.00, 388.00, 388.00', 'that is of Citus');
	is(seen(78, 'heirs.heir'), '388.00, 376.00, 376.00', 'and back');
	$super->value(q{SELECT * FROM dcx_detach('aas'); SELECT * FROM dcx_attach_aas(); });
};

subtest 'a list that is something else' => sub {
	my @lists = (
		[ 'a view', q{CREATE VIEW pg_catalog.pg_dist_partition AS SELECT 'aas.products'::regclass AS logicalrelid}, 'VIEW' ],
		[ 'of other columns', q{CREATE TABLE pg_catalog.pg_dist_partition (relation regclass)} ],
		[ 'of no column', q{CREATE TABLE pg_catalog.pg_dist_partition ()} ],
		[ 'of another type', q{CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid text)} ],
		[ 'of a wider type', q{CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid bigint); INSERT INTO pg_catalog.pg_dist_partition VALUES ('aas.products'::regclass::oid)} ],
		[ 'partitioned', q{CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass) PARTITION BY LIST (logicalrelid)} ],
		[ 'a sequence', q{CREATE SEQUENCE pg_catalog.pg_dist_partition}, 'SEQUENCE' ],
		[ 'a type', q{CREATE TYPE pg_catalog.pg_dist_partition AS (logicalrelid regclass)}, 'TYPE' ],
		[ 'a table in another schema', q{CREATE TABLE public.pg_dist_partition (logicalrelid regclass); INSERT INTO public.pg_dist_partition VALUES ('aas.products')}, 'TABLE public.pg_dist_partition --' ]);
	my @tables = (
		[ 'without an index', '' ],
		[ 'with NULLs', 'INSERT INTO pg_catalog.pg_dist_partition VALUES (NULL), (NULL)' ],
		[ 'with a hash index', 'CREATE INDEX dist_hash ON pg_catalog.pg_dist_partition USING hash (logicalrelid)' ],
		[ 'with a partial index', 'CREATE INDEX dist_partial ON pg_catalog.pg_dist_partition (logicalrelid) WHERE logicalrelid IS NULL' ],
		[ 'with an index on an expression', 'CREATE INDEX dist_expression ON pg_catalog.pg_dist_partition ((logicalrelid::oid::bigint), logicalrelid)' ],
		[ 'with an index of two columns', 'ALTER TABLE pg_catalog.pg_dist_partition ADD n integer; CREATE INDEX dist_two ON pg_catalog.pg_dist_partition (logicalrelid DESC, n)' ],
		[ 'with another column first', 'CREATE INDEX dist_second ON pg_catalog.pg_dist_partition (n, logicalrelid)' ]);

	list($drop);
	is(seen(84), '376.00, 376.00, 388.00', 'no list any more');
	is(seen(78), '388.00, 388.00, 376.00', 'and back');
	for my $list (@lists)
	{
		list($list->[1]);
		is(seen(84), '376.00, 376.00, 388.00', "$list->[0] is not Citus'");
		is(seen(78), '388.00, 388.00, 376.00', 'and back');
		list($list->[2] ? "DROP $list->[2] pg_catalog.pg_dist_partition" : $drop);
	}
	list('CREATE TABLE pg_catalog.pg_dist_partition (gone integer, logicalrelid oid); ALTER TABLE pg_catalog.pg_dist_partition DROP gone');
	$other->value(q{INSERT INTO pg_catalog.pg_dist_partition (logicalrelid) VALUES (1), ('aas.products'::regclass), (2)});
	for my $table (@tables)
	{
		list($table->[1]) if $table->[1];
		is(seen(84), '376.00, 388.00, 388.00', "a list $table->[0] counts");
		is(seen(78), '388.00, 376.00, 376.00', 'and back');
	}
	list($drop);
};

subtest 'wallets' => sub {
	my $attach = q{SELECT relation, rows FROM dcx_attach_wallet('purse', 'org', 'balance')};

	$super->value(q{CREATE TABLE purse (org text PRIMARY KEY, balance numeric(12,2) NOT NULL); INSERT INTO purse VALUES ('acme', 1000)});
	list($citus);
	$other->value(q{INSERT INTO pg_catalog.pg_dist_partition VALUES ('purse', 'h')});
	fails_with($super, $attach, 'a table of Citus is refused',
		state => '42809', message => 'public.purse is a table of Citus', hint => qr/^Attach the shard .* in the database of the worker/);
	is($super->value(q{SELECT count(*) FROM pg_trigger WHERE tgrelid = 'purse'::regclass AND NOT tgisinternal}), '0', 'and left as it was');
	$super->value(q{CREATE VIEW purses AS SELECT * FROM purse});
	is($super->value($attach =~ s/purse/purses/r), 'public.purses|1', 'a view of it can be read');
	is($super->value(q{SELECT dcx_wallet_balance('acme')}), '1000.00', 'and is');
	$super->value(q{SELECT * FROM dcx_detach('wallet'); DROP VIEW purses});

	$super->value(<<'SQL');
CREATE TABLE split (org text, balance numeric(12,2) NOT NULL) PARTITION BY LIST (org);
CREATE TABLE split_a PARTITION OF split FOR VALUES IN ('a');
CREATE TABLE split_b PARTITION OF split DEFAULT;
INSERT INTO pg_catalog.pg_dist_partition VALUES ('split_b', 'h')
SQL
	fails_with($super, $attach =~ s/purse/split/r, 'with one partition of Citus, too', state => '42809', message => 'public.split_b is a table of Citus');
	fails_with($super, $attach =~ s/purse/split_b/r, 'that partition', state => '42809');
	is($super->value($attach =~ s/purse/split_a/r), "public.split_a|0\ndcx.wallet_entry|0", 'another is a table like any');
	$super->value(q{SELECT * FROM dcx_detach('wallet')});

	$other->value('TRUNCATE pg_catalog.pg_dist_partition');
	is($super->value($attach), "public.purse|1\ndcx.wallet_entry|1", 'a plain table');
	is($super->value(q{SELECT severity, object, problem FROM dcx_check('wallet') WHERE problem ~ 'Citus'}), '', 'of which nothing is said');
	$other->value(q{INSERT INTO pg_catalog.pg_dist_partition VALUES ('purse', 'n')});
	is( $super->value(q{SELECT severity, object, problem FROM dcx_check('wallet')}), 'error|public.purse|the wallets are in a table of Citus',
		'that becomes one is in the check, and nothing that needs a table');
	fails_with($super, $attach, 'attached again', state => '42809');

	# Nor is the ledger what it was.
	$other->value(q{DELETE FROM pg_catalog.pg_dist_partition; INSERT INTO pg_catalog.pg_dist_partition VALUES ('dcx.wallet_account', 'h')});
	fails_with(session($main), q{SELECT * FROM dcx_wallet_credit('acme', 1, 'key')}, 'a ledger in a table of Citus', state => '55000',
		message => 'dcx.wallet_account is not as dcx_pricing made it', detail => 'It is a table of Citus: its rows are elsewhere.');
	list($drop);
	is(session($main)->value(q{SELECT balance FROM dcx_wallet_credit('acme', 1, 'key')}), '1001.00', 'without Citus');
};

$_->close for $super, $other;
$main->stop;
done_testing();
