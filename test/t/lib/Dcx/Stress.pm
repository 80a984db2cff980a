# Many sessions of pgbench side by side. Their scripts are random transactions, none of which may fail.
#
# DCX_STRESS=0.1 does a tenth of the load, DCX_STRESS=10 ten times as much.
package Dcx::Stress;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(basename);
use PostgreSQL::Test::Cluster;

our @EXPORT = qw(stress_node stress $begin $back $end);

# A transaction of an isolation level, what becomes of its savepoint s, and what of itself: as the script's variables
# level, back and end say, which are random numbers from 1 to 3, 3 and 4.
our $begin = <<'SCRIPT';
BEGIN;
\if :level = 2
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
\elif :level = 3
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
\endif
SCRIPT
our $back = <<'SCRIPT';
\if :back = 1
ROLLBACK TO SAVEPOINT s;
\elif :back = 2
RELEASE SAVEPOINT s;
\endif
SCRIPT
our $end = <<'SCRIPT';
\if :end = 1
ROLLBACK;
\else
COMMIT;
\endif
SCRIPT

# A started node for that.
sub stress_node
{
	my ($name, %init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%init);
	$node->append_conf('postgresql.conf', <<'CONF');
max_prepared_transactions = 20
deadlock_timeout = 10ms
autovacuum_naptime = 1s
# One that fails may leave a prepared transaction: then the others are not to wait for it.
lock_timeout = 30s
CONF
	$node->start;
	return $node;
}

# Runs scripts side by side, each client so many of them; none may fail but for being tried again. scripts: by names with
# weights, as in 'reader@3'; options: more of pgbench's.
my $run = 0;
sub stress
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($on, $database, $clients, $transactions, $scripts, @options) = @_;
	my $n = int($transactions * ($ENV{DCX_STRESS} // 1)) || 1;
	my $prefix = basename($0, '.pl') . '_' . ++$run . '_';

	$on->pgbench(
		"--no-vacuum --client=$clients --jobs=2 --transactions=$n --max-tries=10000 --random-seed=" . int(rand(1e9)),
		0,
		[ qr{processed: \Q@{[ $n * $clients ]}/@{[ $n * $clients ]}\E}, qr{number of failed transactions: 0 } ],
		[qr{^(?!.*(?:ERROR|FATAL|PANIC|aborted))}s],
		'on ' . $on->name . ", database $database: " . $n * $clients . ' transactions',
		{ map { $prefix . $_ => $scripts->{$_} } keys %$scripts },
		@options, $database);
	return;
}

1;
