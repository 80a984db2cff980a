# Parallel workers price a million VMs by a book: the sum is the same to the last digit.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main', conf => <<'CONF');
max_worker_processes = 8
max_parallel_workers = 4
jit = off
CONF
my $url = aas_url($aas);
my $super = session($main);

$super->value(<<"SQL");
SELECT * FROM dcx_attach_aas('$url');
CREATE UNLOGGED TABLE vms AS
SELECT i AS id, CASE i % 2 WHEN 0 THEN '1GHZ' ELSE '2ghz' END AS cpu, 1 + i % 64 AS cpus,
	round(0.125 * (1 + i % 4099), 3) AS ram, CASE i % 3 WHEN 0 THEN 'STANDARD' ELSE 'PREMIUM' END AS storage,
	i % 5003 AS gb FROM generate_series(1, 1000000) i;
ANALYZE vms
SQL

my $parallel = <<'SQL';
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0
SQL
my $serial = 'SET max_parallel_workers_per_gather = 0';

# The sum, and a checksum that any digit of any row's cost would change.
sub priced
{
	my ($book) = @_;

	return 'SELECT count(*), sum(cost), sum(hashtext(id || $$:$$ || cost)::bigint) FROM (SELECT id, '
	  . "dcx_vm_cost(cpu, cpus, ram, storage, gb$book) AS cost FROM vms OFFSET 0) v";
}

sub runs_parallel
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($session, $statement, $name) = @_;
	my $plan = $session->value("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) $statement");

	like($plan, qr/Gather.*Workers Launched: [12]\b.*Parallel Seq Scan on vms/s, $name) or diag($plan);
	like($plan, qr/Partial Aggregate/, 'and the workers do the pricing');
}

sub runs_serially
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($session, $statement, $name) = @_;

	unlike($session->value("EXPLAIN (COSTS OFF) $statement"), qr/Gather|Parallel/, $name);
}

# OFFSET keeps a subquery apart, and from being parallel; so it goes where that is not wanted.
sub flat
{
	my ($book) = @_;

	return priced($book) =~ s/ OFFSET 0//r;
}

$super->value($serial);
$super->value('CREATE TABLE books AS SELECT 1 AS id, dcx_price_book() AS book');
my $book = $super->value('SELECT book FROM books') =~ s/'/''/gr;
my $expected = $super->value(priced(''));
like($expected, qr/^1000000\|\d+\.\d+\|-?\d+$/, 'priced live, by one process');
is($super->value(priced(", '$book'")), $expected, 'the same by a constant book');

my %books = (
	'a constant book' => ", '$book'",
	'a book of a subquery' => ', (SELECT dcx_price_book())',
	'a saved book' => ', (SELECT dcx_price_book_at(now()))',
	'a book of a table' => ', (SELECT book FROM books WHERE id = 1)');

subtest 'book forms' => sub {
	$super->value($parallel);
	for my $name (sort keys %books)
	{
		runs_parallel($super, flat($books{$name}) =~ s/FROM vms/FROM vms WHERE id <= 10000/r, "$name: a parallel plan");
		is($super->value(flat($books{$name})), $expected, 'the same cost of every VM');
	}
	$super->value('SET plan_cache_mode = force_generic_plan');
	$super->value('PREPARE by (jsonb) AS ' . flat(', $1'));
	runs_parallel($super, "EXECUTE by ('$book')", 'a parameter: a parallel plan');
	is($super->value("EXECUTE by ('$book')"), $expected, 'the same cost of every VM');
	my $other = $super->value("SELECT jsonb_set('$book', '{RAM_GB,price}', '37.01')") =~ s/'/''/gr;
	my $dearer = $super->value("EXECUTE by ('$other')");
	isnt($dearer, $expected, 'by another book, other costs');
	is($super->value("$serial; " . flat(", '$other'")), $dearer, 'which one process has, too');
	$super->value("$parallel; RESET plan_cache_mode");

	my $lines = q{SELECT count(*), sum(amount), sum(hashtext(q::text)::bigint)
		FROM (SELECT * FROM vms WHERE id % 50 = 0) v,
		dcx_vm_quote(cpu, cpus, ram, storage, gb, (SELECT book FROM books)) q};
	runs_parallel($super, $lines, 'quotes: a parallel plan');
	my $quoted = $super->value($lines);
	is($super->value($lines =~ s/, \(SELECT book FROM books\)//r), $quoted, 'the same lines live');
	is( $super->value(q{SELECT sum(amount) FROM vms,
			dcx_vm_quote(cpu, cpus, ram, storage, gb, (SELECT book FROM books)) q WHERE id % 50 = 0}),
		(split /\|/, $quoted)[1], 'by whoever');
	is( $super->value(q{SELECT sum(dcx_product_cost('ram_gb', ram, (SELECT book FROM books))) FROM vms}),
		$super->value('SELECT sum(ram) * 37 FROM vms') =~ s/0+$//r, 'and of a product');
};

# Bandwidths of every size, some of which no band contains.
subtest 'network services' => sub {
	my $enetworks = new_enetworks('enetworks');
	my $enetworks_url = enetworks_url($enetworks);
	my $lines = q{SELECT count(cost), sum(cost), sum(hashtext(id || ':' || cost)::bigint) FROM (SELECT id,
		dcx_network_cost(CASE id % 2 WHEN 0 THEN 'PV_FIBRE_BUSINESS' ELSE 'kr_fibre_business' END, 1 + gb % 998 + ram / 1000%s) AS cost
		FROM vms WHERE id <= 100000) v};
	my $offers = q{SELECT count(o.cost), sum(o.cost), sum(hashtext(o::text)::bigint) FROM vms,
		dcx_network_offers(1 + gb, NULL, %s) o WHERE id % 100 = 0};
	my ($network, $costs, $offered);

	$super->value("SELECT * FROM dcx_attach_enetworks('$enetworks_url')");
	$network = $super->value(q{SELECT dcx_price_book('enetworks')}) =~ s/'/''/gr;
	$super->value($serial);
	$costs = $super->value(sprintf $lines, '');
	like($costs, qr/^100000\|/, 'priced live, by one process');
	$offered = $super->value(sprintf $offers, "'$network'");
	$super->value($parallel);
	runs_serially($super, sprintf($lines, ''), 'which they stay without a book');
	for my $book ("'$network'", q{(SELECT dcx_price_book('enetworks'))}, q{(SELECT dcx_price_book() || dcx_price_book('enetworks'))})
	{
		my $name = substr $book, 0, 60;

		runs_parallel($super, sprintf($lines, ", $book"), "$name: a parallel plan");
		is($super->value(sprintf $lines, ", $book"), $costs, 'the same costs');
		runs_parallel($super, sprintf($offers, $book), 'offers: a parallel plan');
		is($super->value(sprintf $offers, $book), $offered, 'the same offers');
	}
	$super->value('SET parallel_leader_participation = off');
	fails_with($super, sprintf($lines, ", (SELECT dcx_price_book('enetworks') - 'KR_FIBRE_BUSINESS')"), 'an error in a worker',
		state => 'ZD002', message => 'unknown network service "kr_fibre_business"', context => qr/parallel worker/);
	$super->value('RESET parallel_leader_participation');
	$enetworks->stop;
	is($super->value(sprintf $lines, ", '$network'"), $costs, 'a book needs nobody');
};

subtest 'an error in a worker is the same error' => sub {
	# Otherwise the leader may be the first to reach it.
	$super->value('SET parallel_leader_participation = off');
	my $bad = $super->value("SELECT jsonb_set('$book', '{STORAGE_PREMIUM,price}', '-1')") =~ s/'/''/gr;

	fails_with($super, flat(", '$bad'"), 'a bad price', state => 'ZD003', detail => 'Its price is -1.',
		message => 'product "STORAGE_PREMIUM" cannot be priced', hint => qr/^Correct it in the book/,
		context => qr/parallel worker/);
	fails_with($super, flat(', (SELECT dcx_price_book() - $$CPU_2GHZ$$)'), 'a product that the book lacks',
		state => 'ZD002', message => 'unknown CPU type "2ghz"', context => qr/parallel worker/);
	$super->value('RESET parallel_leader_participation');
};

subtest 'live forms are the business of one process' => sub {
	runs_serially($super, flat(''), 'dcx_vm_cost');
	runs_serially($super, q{SELECT sum(dcx_product_cost('RAM_GB', ram)) FROM vms}, 'dcx_product_cost');
	runs_serially($super, 'SELECT sum(amount) FROM vms, dcx_vm_quote(cpu, cpus, ram, storage, gb)', 'dcx_vm_quote');
};

# The book is read by the leader, in the middle of a parallel plan; from wherever it comes.
subtest 'where the book of a subquery comes from' => sub {
	my $some = flat(', (SELECT dcx_price_book())') =~ s/FROM vms/FROM vms WHERE id <= 1000/r;
	my $cost = $super->value(priced('') =~ s/FROM vms/FROM vms WHERE id <= 1000/r);
	my $source = q{SELECT source FROM dcx_price_book_stats() WHERE catalog = 'aas'};
	my $answers = sub {
		local $Test::Builder::Level = $Test::Builder::Level + 1;
		my ($session, $from) = @_;

		runs_parallel($session, $some, "$from: a parallel plan");
		is($session->value($some), $cost, 'the same costs');
		is($session->value($source), $from, $from);
	};

	for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
	{
		my $fresh = session($main);

		$fresh->value($parallel);
		$fresh->value("BEGIN ISOLATION LEVEL $level");
		$answers->($fresh, 'live');
		$fresh->value('CREATE TABLE written (i integer)');
		is($fresh->value($some), $cost, 'in a transaction that has written');
		$fresh->value('COMMIT; DROP TABLE written');
		$fresh->value(q{SET dcx_pricing.max_price_age = '1h'});
		$answers->($fresh, 'saved');
		$fresh->close;
	}

	my $fresh = session($main);
	$fresh->value("$parallel; SET dcx_pricing.on_outage = saved");
	$answers->($fresh, 'live');
	$aas->stop;
	$fresh->value('SELECT postgres_fdw_disconnect_all()');
	fails_with($fresh, $some, 'an outage in the middle of a parallel plan', state => 'ZD008',
		hint => qr/Run the transaction again: the book last seen at .* answers then\.$/);
	$answers->($fresh, 'saved');
	$fresh->value($some);
	like($fresh->notices, qr/WARNING:  ZD008: the catalog cannot be reached: prices are those last seen/, 'with a warning');
	$fresh->close;
	$fresh = session($main);
	$fresh->value("$serial; SET dcx_pricing.on_outage = saved");
	is($fresh->value($some), $cost, 'a serial plan has the saved book at once');
	$fresh->close;

	$super->value('SELECT * FROM dcx_detach($$aas$$)');
	$super->value('CREATE SCHEMA local');
	$super->value('CREATE TABLE local.products AS SELECT key AS code, value->>$$title$$ AS title,
		(value->>$$price$$)::numeric AS price FROM books, jsonb_each(book)');
	$super->value(q{SELECT * FROM dcx_attach_aas(NULL, 'local')});
	$answers->($super, 'local');
};

$super->close;
$main->stop;
done_testing();
