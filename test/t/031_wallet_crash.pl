# The server is killed with SIGKILL while clients move money, and the role has synchronous_commit = off. After the
# restart everything that a client was told is there, once.
#
# A client records each answer as psql prints it after the commit. After the restart it repeats all these requests, the
# one that got no answer, and some that it had not sent yet. Each answered request gets the same answer as a replay. The
# one without an answer either had been carried out or had not. The requests not yet sent had not.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use IPC::Run;
use List::Util qw(sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clients = 4;
my $steps = 4000;    # more than a client gets to before the server is killed
my $committed = 300;    # so many commits a server lives for

my $xmax = 'txid_snapshot_xmax(txid_current_snapshot())';

# What a commit does not wait for stays in memory, and is lost: nothing but commits that wait writes WAL, once the WAL
# writer is stopped.
my $node = new_main('main', conf => <<'CONF');
wal_buffers = 64MB
max_wal_size = 4GB
checkpoint_timeout = 1h
bgwriter_lru_maxpages = 0
autovacuum = off
# As in other tests: log as little as possible.
wal_level = minimal
max_wal_senders = 0
CONF

$node->safe_psql($Dcx::main_db, <<'SQL');
CREATE ROLE app LOGIN;
ALTER ROLE app SET synchronous_commit = off;
SELECT FROM dcx_attach_wallet();
GRANT SELECT, UPDATE ON "OrganisationWallet" TO app;
SQL
may_move_money($node, 'app');
my $app = $node->connstr($Dcx::main_db) . ' user=app';
is($node->safe_psql($Dcx::main_db, 'SHOW synchronous_commit', connstr => $app), 'off', 'a commit does not wait');

# Rows are written without the executor, which would see to their index entries.
$node->safe_psql($Dcx::main_db, 'CREATE EXTENSION amcheck');
my $check = <<'SQL';
CREATE TEMP TABLE r AS
SELECT unnest(ARRAY['"OrganisationWallet"', 'dcx.wallet_account', 'dcx.wallet_entry', 'dcx.wallet_hold', 'dcx.wallet_key']::regclass[]) AS r;
SELECT msg FROM r, verify_heapam(r);
SELECT count(bt_index_check(indexrelid, true)) > 0 FROM pg_index JOIN r ON indrelid = r;
SQL

# A wallet of each client, and one of all.
sub new_wallets
{
	my ($round) = @_;

	$node->safe_psql($Dcx::main_db, <<"SQL");
INSERT INTO "Organisation" (id, name, "updatedAt")
SELECT '$round-' || n, '', now() FROM generate_series(0, $clients) AS n;
INSERT INTO "OrganisationWallet" (id, "organisationId", balance, "updatedAt")
SELECT 'of $round-' || n, '$round-' || n, 1000000, now() FROM generate_series(0, $clients) AS n;
SQL
}

# Requests. Each has sql, which answers with one row, its last column whether it is a replay; books, what is in the
# ledger then: kind, organisation, cents; again, how it is asked for after the restart, where that differs.
sub movement
{
	my ($kind, $organisation, $key, $cents) = @_;

	return {
		sql => sprintf(q{SELECT '%s', m.* FROM dcx_wallet_%s('%s', %.2f, '%s') AS m;},
			$key, $kind, $organisation, $cents / 100, $key),
		books => [ [ $kind, $organisation, $kind eq 'credit' ? $cents : -$cents ] ],
	};
}

sub hold_call
{
	my ($organisation, $key, $cents) = @_;

	return sprintf q{dcx_wallet_hold('%s', %.2f, '%s', '1 hour')}, $organisation, $cents / 100, $key;
}

sub hold
{
	my ($organisation, $key, $cents) = @_;

	return {
		sql => "SELECT '$key', h.* FROM @{[ hold_call(@_) ]} AS h;",
		books => [ [ 'hold', $organisation, $cents ] ],
	};
}

# Resolves a hold that was made before; it is found by its key.
sub capture
{
	my ($organisation, $key, $cents, $captured) = @_;
	my $amount = sprintf '%.2f', $captured / 100;

	return {
		sql => "SELECT 'capture $key', c.* FROM @{[ hold_call(@_) ]} AS h, dcx_wallet_capture(h.hold_id, $amount) AS c;",
		books => [ [ 'capture', $organisation, -$captured ] ],
	};
}

sub release
{
	my ($organisation, $key, $cents) = @_;

	return {
		sql => "SELECT 'release $key', r.* FROM @{[ hold_call(@_) ]} AS h, dcx_wallet_release(h.hold_id) AS r;",
		books => [ [ 'release', $organisation, $cents ] ],
	};
}

# Extended to more than is asked for afterwards, and so as before.
sub extend
{
	my ($organisation, $key, $cents) = @_;
	my $extend = sub {
		"SELECT 'extend $key', e.hold_id, e.expires_at, e.replayed FROM @{[ hold_call($organisation, $key, $cents) ]} AS h,"
		  . " dcx_wallet_extend(h.hold_id, '$_[0]') AS e;";
	};

	return { sql => $extend->('2 days'), again => $extend->('1 day'), books => [] };
}

# One transaction that moves money of two wallets.
sub order
{
	my ($debited, $held, $key) = @_;

	return {
		sql => <<"SQL",
SELECT 'order $key', d.entry_id, d.available, h.hold_id, h.available,
	CASE WHEN d.replayed = h.replayed THEN d.replayed::text ELSE 'torn' END
FROM dcx_wallet_debit('$debited', 0.07, 'fee $key') AS d, @{[ hold_call($held, $key, 300) ]} AS h;
SQL
		books => [ [ 'debit', $debited, -7 ], [ 'hold', $held, 300 ] ],
	};
}

# The platform's own UPDATE, which nobody has promised anything about, before a step.
sub after_update
{
	my ($organisation, $step) = @_;
	my $update = qq{UPDATE "OrganisationWallet" SET balance = balance + 0.25 WHERE "organisationId" = '$organisation';};

	return { again => $step->{sql}, %$step, sql => "$update\n$step->{sql}" };
}

# What each client does in a round. Each of them relies on one place in the code that makes commits wait.
my %rounds = (
	movements => sub {
		my ($client, $n) = @_;

		return movement($n % 2 ? 'debit' : 'credit', $n % 3 ? 'movements-0' : "movements-$client", "$client/$n", 1 + $n);
	},
	holds => sub {
		my ($client, $n) = @_;

		return hold($n % 3 ? 'holds-0' : "holds-$client", "$client/$n", 1 + $n % 100);
	},
	# These holds are there before.
	releases => sub {
		my ($client, $n) = @_;
		my @hold = ("releases-$client", "hold $n", 1);

		return $n % 2 ? release(@hold) : extend(@hold);
	},
	mixed => sub {
		my ($client, $n) = @_;
		my ($all, $own) = ('mixed-0', "mixed-$client");
		my ($i, $step) = (int($n / 6), $n % 6);

		return
			$step == 0 ? after_update($all, movement('debit', $all, "$client/$i debit", 100 + $i))
		  : $step == 1 ? hold($all, "$client/$i hold", 500)
		  : $step == 2 ? order($own, $all, "$client/$i")
		  : $step == 3 ? capture($all, "$client/$i hold", 500, 1 + $i % 500)
		  : $step == 4 ? release($all, "$client/$i", 300)
		  :              movement('credit', $own, "$client/$i credit", 1000);
	});

# Starts clients; each has a list of statements, and stops at the first error.
sub start_clients
{
	my ($name, @statements) = @_;
	my @runs;

	for my $client (1 .. $clients)
	{
		my $file = "$PostgreSQL::Test::Utils::tmp_check/$name-$client";

		append_to_file("$file.sql", join("\n", @{ $statements[ $client - 1 ] }) . "\n");
		push @runs,
		  {
			run => IPC::Run::start([ 'psql', '-XAtq', '-w', '-v', 'ON_ERROR_STOP=1', '-d', $app, '-f', "$file.sql" ],
				'<', '/dev/null', '>', "$file.out", '2>', "$file.err"),
			file => $file
		  };
	}
	return @runs;
}

# Waits for the end of a client: what it was answered, and its errors.
sub finish_client
{
	my ($client) = @_;

	$client->{run}->finish;
	return ([ split /\n/, slurp_file("$client->{file}.out") ], slurp_file("$client->{file}.err"));
}

# Waits until there have been so many commits; kills the postmaster and everything that belongs to it, and waits until
# all are gone.
sub crash_after
{
	my ($start) = @_;
	my $watch = session($node);

	$watch->value(<<"SQL");
DO \$\$
BEGIN
	WHILE $xmax < $start + $committed LOOP
		PERFORM pg_sleep(0.001);
	END LOOP;
END \$\$
SQL
	my @pids = split /\n/, $watch->value('SELECT pid FROM pg_stat_activity');

	push @pids, $node->{_pid};
	$node->kill9;
	kill 'KILL', @pids;
	for (1 .. 100 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return unless kill 0, @pids;
		select(undef, undef, undef, 0.01);
	}
	die 'the server does not go';
}

# What is wrong with a client's answers after the restart, given those of before.
sub compare
{
	my ($before, $after, $requests) = @_;
	my @wrong;

	push @wrong, "$requests requests, but " . @$after . ' answers' if @$after != $requests;
	for my $n (0 .. $#$after)
	{
		my ($is, $replayed) = $after->[$n] =~ /(.*)\|(\w+)/;

		if ($n < @$before)
		{
			my ($was, $first) = $before->[$n] =~ /(.*)\|(\w+)/;

			push @wrong, "the first time already a replay: $before->[$n]" unless $first =~ /^f(alse)?$/;
			push @wrong, "answered and lost: $before->[$n]" unless $replayed =~ /^t(rue)?$/;
			push @wrong, "answered $before->[$n], now $after->[$n]" if $is ne $was;
		}
		elsif ($n == @$before)
		{
			push @wrong, "half carried out: $after->[$n]" unless $replayed =~ /^(?:t(rue)?|f(alse)?)$/;
		}
		else
		{
			push @wrong, "not asked for before: $after->[$n]" unless $replayed =~ /^f(alse)?$/;
		}
	}
	return @wrong;
}

# What the ledger has of a round: number and sum, by kind and organisation, as a hash.
sub booked
{
	my ($round) = @_;

	return { map { split /=/, $_, 2 } split /\n/, $node->safe_psql($Dcx::main_db, <<"SQL") };
SELECT kind || ' ' || organisation || '=' || count(*) || ', ' || round(100 * sum(amount)) FROM (
	SELECT kind, organisation, amount FROM dcx.wallet_entry WHERE kind <> 'external'
	UNION ALL SELECT 'hold', organisation, amount FROM dcx.wallet_hold WHERE NOT starts_with(idempotency_key, 'hold ')
	UNION ALL SELECT 'release', organisation, amount FROM dcx.wallet_hold WHERE state = 'released') AS b
WHERE starts_with(organisation, '$round-') GROUP BY kind, organisation
SQL
}

sub to_be_booked
{
	my %sums;

	for my $books (map { $_->{books} } @_)
	{
		for my $book (@$books)
		{
			my ($kind, $organisation, $cents) = @$book;

			$sums{"$kind $organisation"}[0]++;
			$sums{"$kind $organisation"}[1] += $cents;
		}
	}
	return { map { $_ => join ', ', @{ $sums{$_} } } keys %sums };
}

# A crash soon after attaching: the ledger has just been made.
subtest 'soon after attaching' => sub {
	new_wallets('early');
	$node->stop('immediate');
	$node->start;
	new_wallets('late');
	$node->safe_psql($Dcx::main_db, q{SELECT * FROM dcx_wallet_credit('early-1', 1, 'key')});
	is($node->safe_psql($Dcx::main_db, 'SELECT count(*) - count(DISTINCT entry_id) FROM dcx.wallet_entry'),
		'0', 'no entry has the number of another');
	is($node->safe_psql($Dcx::main_db, 'SELECT * FROM dcx_wallet_audit()'), '', 'the audit is empty');
};

for my $round (qw(movements holds releases mixed))
{
	subtest $round => sub {
		new_wallets($round);
		$node->safe_psql($Dcx::main_db, <<"SQL") if $round eq 'releases';
SELECT count(*) FROM generate_series(1, $clients) AS c, generate_series(0, 499) AS n,
	LATERAL dcx_wallet_hold('releases-' || c, 0.01, 'hold ' || n, '1 hour')
SQL
		my @requests = map { my $client = $_; [ map { $rounds{$round}->($client, $_) } 0 .. $steps - 1 ] } 1 .. $clients;
		kill 'STOP', $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'});
		my $start = $node->safe_psql('postgres', "SELECT $xmax");
		my @clients = start_clients($round, map { [ map { $_->{sql} } @$_ ] } @requests);
		crash_after($start);

		my @before;
		for my $client (@clients)
		{
			my ($answers, $errors) = finish_client($client);

			push @before, $answers;
			like($errors, qr/connection to server was lost/, 'one was cut off');
		}
		my $answered = sum(map { scalar @$_ } @before);
		cmp_ok($answered, '>', $committed / 2, "$answered requests were answered");

		$node->start;
		is($node->safe_psql($Dcx::main_db, 'SELECT * FROM dcx_wallet_audit()'), '', 'the audit is empty after the restart');
		is($node->safe_psql($Dcx::main_db, $check), 't', 'rows and index entries are whole');

		my @again = map { [ @{ $requests[$_] }[ 0 .. @{ $before[$_] } + 3 ] ] } 0 .. $clients - 1;
		@clients = start_clients("$round-again", map { [ map { $_->{again} // $_->{sql} } @$_ ] } @again);
		for my $client (0 .. $clients - 1)
		{
			my ($answers, $errors) = finish_client($clients[$client]);

			is($errors, '', 'all is answered');
			is(join("\n", compare($before[$client], $answers, scalar @{ $again[$client] })), '', 'as it was');
		}
		is_deeply(booked($round), to_be_booked(map { @$_ } @again), 'everything once');
		is($node->safe_psql($Dcx::main_db, 'SELECT * FROM dcx_wallet_audit()'), '', 'the audit is empty');
	};
}

$node->stop;
done_testing();
