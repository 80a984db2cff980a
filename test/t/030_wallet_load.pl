# Wallets under load, directly and through pgbouncer in transaction mode. Concurrent calls get the same results as if
# they had run one after the other, also while holds expire. The test computes the available money from the ledger,
# during the load and afterwards for every moment at which something changed. It equals what the calls returned, and is
# never negative. The audit never finds anything, and nothing deadlocks.
#
# DCX_STRESS=0.1 does a tenth of the mixed load, DCX_STRESS=10 ten times as much.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Bouncer;
use Dcx::Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $amount = $ENV{DCX_STRESS} // 1;
my $pool = 8;    # sessions of the server behind pgbouncer

my $node = new_main('main', conf => <<'CONF');
max_connections = 100
# A deadlock must be reported, not hidden by a long deadlock_timeout.
deadlock_timeout = 10ms
CONF
my $admin = session($node);

# The wallets are of one role and the ledger of another, as where a superuser attaches.
$admin->value(<<'SQL');
CREATE ROLE platform;
CREATE ROLE app LOGIN;
ALTER TABLE "OrganisationWallet" OWNER TO platform;
GRANT SELECT ON "Organisation" TO platform;
SELECT FROM dcx_attach_wallet();

-- The platform's application: moves money by our functions, and by its own UPDATEs.
GRANT SELECT, UPDATE ON "OrganisationWallet" TO app;
GRANT EXECUTE ON FUNCTION dcx_wallet_audit TO app;

CREATE FUNCTION fail(text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'wrong: %', $1;
END $$;

-- What was answered; goes when its transaction does.
CREATE TABLE outcome (what text, state text, answer jsonb);
GRANT INSERT ON outcome TO app;

-- Makes a call that may be refused.
CREATE FUNCTION attempt(what text, call text) RETURNS void STRICT LANGUAGE plpgsql AS $$
DECLARE
	answer record;
BEGIN
	EXECUTE 'SELECT * FROM ' || call INTO STRICT answer;
	INSERT INTO outcome VALUES (what, 'done', to_jsonb(answer));
EXCEPTION WHEN SQLSTATE 'ZD001' OR SQLSTATE 'ZD005' THEN
	INSERT INTO outcome VALUES (what, SQLSTATE);
END $$;

-- One of the last holds, whatever has become of it.
CREATE FUNCTION some_hold(org text) RETURNS TABLE (hold_id bigint, amount numeric) SECURITY DEFINER LANGUAGE sql AS $$
	SELECT hold_id, amount FROM (
		SELECT h.* FROM dcx.wallet_hold h WHERE organisation = org ORDER BY h.hold_id DESC LIMIT 8) AS last
	ORDER BY random() LIMIT 1
$$;

-- What is available at a time, by nothing but the ledger's entries and the holds.
CREATE FUNCTION plain_available(org text, at timestamptz) RETURNS numeric STABLE LANGUAGE sql AS $$
	SELECT (SELECT sum(amount) FROM dcx.wallet_entry WHERE organisation = org) - coalesce(sum(amount), 0)
	FROM dcx.wallet_hold WHERE organisation = org AND state = 'open' AND expires_at > at
$$;

-- STABLE: all under the snapshot of the statement that calls it. Between two looks at the clock holds may expire.
CREATE FUNCTION check_available(org text) RETURNS void STABLE SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
	before timestamptz := clock_timestamp();
	available numeric := dcx_wallet_available(org);
	least numeric := plain_available(org, before);
	most numeric := plain_available(org, clock_timestamp());
BEGIN
	IF available < 0 OR available NOT BETWEEN least AND most THEN
		PERFORM fail(format('%s has %s available, which should be %s to %s', org, available, least, most));
	END IF;
END $$;
SQL
may_move_money($node, 'app');

# A wallet of its own, opened by the platform.
sub new_wallet
{
	my ($organisation, $balance) = @_;

	$admin->value(<<"SQL");
INSERT INTO "Organisation" (id, name, "updatedAt") VALUES ('$organisation', '', now());
INSERT INTO "OrganisationWallet" (id, "organisationId", balance, "updatedAt")
VALUES ('of $organisation', '$organisation', $balance, now())
SQL
}

# Starts a statement in so many sessions, and lets none of them lock the wallet before as many as the server runs at
# once have come that far: by then each has looked its key up in vain. Returns what became of each, as Dcx::Session's
# error().
sub at_once
{
	my ($through, $sessions, $organisation, $statement) = @_;
	my $host = $through->host;
	my $port = $through->port;
	my @sessions =
	  map { Dcx::Session->new("host=$host port=$port dbname=$Dcx::main_db user=app") } 1 .. $sessions;
	my $servers = $through == $node ? $sessions : $pool;
	my @results;

	$admin->value(<<"SQL");
BEGIN; SELECT FROM "OrganisationWallet" WHERE "organisationId" = '$organisation' FOR NO KEY UPDATE
SQL
	$sessions[$_]->start(ref $statement ? $statement->($_) : $statement) for 0 .. $#sessions;
	ok($node->poll_query_until('postgres', <<'SQL', $servers), "$servers sessions wait at once");
SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND wait_event_type = 'Lock'
SQL
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'}),
		$servers, "$servers of the server's for $sessions");
	$admin->value('COMMIT');
	push @results, $_->finish_error for @sessions;
	$_->close for @sessions;
	return @results;
}

# How many of the results have a state, and the texts of those.
sub with_state
{
	my ($state, @results) = @_;

	return map { $_->{text} =~ s/\n\z//r } grep { $_->{state} eq $state } @results;
}

# One of them was answered first, the others as that one.
sub same_answer
{
	my ($name, @results) = @_;
	my @answers = with_state('none', @results);
	my %answers = map { s/\|[tf]\z//r => 1 } @answers;

	is(scalar @answers, scalar @results, "$name: all are answered")
	  or diag(join "\n", map { $_->{text} } @results);
	is(scalar(grep { /\|f\z/ } @answers), 1, "$name: one of them the first time");
	is(scalar keys %answers, 1, "$name: all the same") or diag(join "\n", @answers);
	return (keys %answers)[0];
}

sub audit_is_empty
{
	my ($name) = @_;

	is($admin->value('SELECT * FROM dcx_wallet_audit()'), '', "the audit is empty: $name");
}

sub contention
{
	my ($through, $path) = @_;
	my $org = "$path-rush";

	new_wallet($org, 100);
	my @results = at_once($through, 50, $org, sub { "SELECT * FROM dcx_wallet_debit('$org', 10, 'order $_[0]')" });
	my @left = sort { $a <=> $b } map { (split /\|/)[3] } with_state('none', @results);
	is("@left", join(' ', map { "${_}.00" } map { $_ * 10 } 0 .. 9), 'ten debits of 10 from 100');
	my @refused = grep { $_->{state} eq 'ZD001' } @results;
	is(scalar @refused, 40, 'the others are refused');
	my %details = map { $_->{detail} => 1 } @refused;
	is_deeply([ keys %details ], ['Balance 0.00, held 0.00, available 0.00, asked 10.00.'], 'and told why');

	$org = "$path-key";
	new_wallet($org, 100);
	same_answer('debit', at_once($through, 20, $org, "SELECT * FROM dcx_wallet_debit('$org', 10, 'debit')"));
	my $hold = same_answer('hold',
		at_once($through, 20, $org, "SELECT * FROM dcx_wallet_hold('$org', 30, 'hold', '1 day')"));
	my ($hold_id) = $hold =~ /^(\d+)/;
	same_answer('capture', at_once($through, 20, $org, "SELECT * FROM dcx_wallet_capture($hold_id, 25)"));
	is($admin->value(<<"SQL"), "external|100.00|100.00|\ndebit|-10.00|90.00|\ncapture|-25.00|65.00|$hold_id", 'each once');
SELECT kind, amount, balance, hold_id FROM dcx.wallet_entry WHERE organisation = '$org' ORDER BY entry_id
SQL
	audit_is_empty($path);
}

# Shared by the scripts: one of three wallets.
my $common = <<'SCRIPT';
\set n random(1, 3)
\set cents random(1, 2500)
\set ms random(1, 120)
\set k random(1, 40)
\set what random(1, 4)
\set back random(1, 3)
\set level random(1, 6)
SCRIPT
my $begin = <<'SCRIPT';
\if :level = 1
BEGIN ISOLATION LEVEL REPEATABLE READ;
\elif :level = 2
BEGIN ISOLATION LEVEL SERIALIZABLE;
\else
BEGIN;
\endif
SCRIPT
my $end = <<'SCRIPT';
\if :back = 1
ROLLBACK;
\else
COMMIT;
\endif
SCRIPT

# The scripts; $org is the SQL of an organisation.
sub scripts
{
	my ($path) = @_;
	my $org = "('$path-' || :n)";
	my $debit = "SELECT attempt('debit', format('dcx_wallet_debit(%L, %s, %L)',"
	  . " $org, :cents / 100.0, gen_random_uuid()));\n";
	my $hold = "SELECT attempt('hold', format('dcx_wallet_hold(%L, %s, %L, %L)',"
	  . " $org, :cents / 100.0, gen_random_uuid(), :ms * interval '1 ms'));\n";
	my $put = 'UPDATE "OrganisationWallet" SET balance = round(balance::numeric + :cents / 100.0, 2)'
	  . " WHERE \"organisationId\" = $org;\n";
	my $audit = "SELECT fail(audit::text) FROM dcx_wallet_audit() AS audit;\n";
	my $look = "SELECT check_available($org);\n";

	return {
		'debit@5' => "$common$debit",
		'hold@6' => "$common$hold",
		'resolve@10' => <<"SCRIPT",
$common
\\if :what = 1
SELECT attempt('capture', 'dcx_wallet_capture(' || hold_id || ')') FROM some_hold($org);
\\elif :what = 2
SELECT attempt('capture', 'dcx_wallet_capture(' || hold_id || ', ' || round(amount / 2, 2) || ')')
FROM some_hold($org);
\\elif :what = 3
SELECT attempt('release', 'dcx_wallet_release(' || hold_id || ')') FROM some_hold($org);
\\else
SELECT attempt('extend', 'dcx_wallet_extend(' || hold_id || ', ' || quote_literal(:ms * interval '1 ms') || ')')
FROM some_hold($org);
\\endif
SCRIPT
		# One key again and again, without a subtransaction around it.
		'key@2' => <<"SCRIPT",
$common
INSERT INTO outcome SELECT 'key', 'done', to_jsonb(c) FROM dcx_wallet_credit($org, :k / 10.0, 'key ' || :k) AS c;
SCRIPT
		# Many calls at once, some of them rolled back; the audit sees the work so far. The wallet is locked first, since
		# a row that is locked in a savepoint only is not locked any more after ROLLBACK TO: locking it again deadlocks,
		# in any table, with somebody who has waited for the first lock.
		'order@2' => <<"SCRIPT",
$common$begin$put${hold}SAVEPOINT s;
${debit}SELECT attempt('release', 'dcx_wallet_release(' || hold_id || ')') FROM some_hold($org);
${look}ROLLBACK TO SAVEPOINT s;
SELECT attempt('capture', 'dcx_wallet_capture(' || hold_id || ')') FROM some_hold($org);
$audit$end
SCRIPT
		# Two wallets; everybody who wants two takes them in this order.
		'two@1' => "$common${begin}\\set n 1\n$hold\\set n 2\n$debit$look$end",
		# The platform itself: puts in, and takes what it has seen to be available of a wallet that it had locked.
		'put@2' => "$common$put",
		'take@2' => <<"SCRIPT",
$common
BEGIN;
SELECT balance FROM "OrganisationWallet" WHERE "organisationId" = $org FOR UPDATE;
UPDATE "OrganisationWallet" SET balance = round(balance::numeric - :cents / 100.0, 2)
WHERE "organisationId" = $org AND dcx_wallet_available($org) >= :cents / 100.0;
$end
SCRIPT
		'look@4' => "$common$begin$look$look$end",
		'audit@2' => "$audit",
	};
}

sub mixed_load
{
	my ($through, $path, $clients, $transactions, @options) = @_;
	my $n = int($transactions * $amount) || 1;
	my $scripts = scripts($path);

	new_wallet("$path-$_", 50) for 1 .. 3;
	$admin->value('TRUNCATE outcome');
	$node->pgbench(
		"--no-vacuum --client=$clients --jobs=2 --transactions=$n --max-tries=10000 --failures-detailed --username=app"
		  . ' --random-seed=' . int(rand(1e9)) . " --host=@{[ $through->host ]} --port=@{[ $through->port ]}",
		0,
		[
			qr{processed: \Q@{[ $n * $clients ]}/@{[ $n * $clients ]}\E},
			qr{number of failed transactions: 0 },
			qr{number of deadlock failures: 0 }
		],
		[qr{^(?!.*(?:ERROR|FATAL|PANIC|aborted))}s],
		$n * $clients . ' transactions',
		{ map {; "030_${path}_$_" => $scripts->{$_} } keys %$scripts },
		@options, $Dcx::main_db);
	audit_is_empty($path);

	# Every moment at which something changed, and what was available then.
	my $moments = <<"SQL";
WITH change AS (
	SELECT organisation, recorded_at AS at, amount FROM dcx.wallet_entry
	UNION ALL SELECT organisation, held_at, - amount FROM dcx.wallet_hold
	UNION ALL SELECT organisation, least(resolved_at, expires_at), amount FROM dcx.wallet_hold),
moment AS (
	SELECT DISTINCT organisation, at, sum(amount) OVER (PARTITION BY organisation ORDER BY at) AS available
	FROM change WHERE organisation ~ '^$path-[1-3]\$'),
answer AS (
	SELECT organisation, recorded_at AS at, kind AS what, available FROM dcx.wallet_entry WHERE available IS NOT NULL
	UNION ALL SELECT organisation, held_at, 'hold', available FROM dcx.wallet_hold
	UNION ALL SELECT organisation, resolved_at, 'release', available_then FROM dcx.wallet_hold WHERE state = 'released')
SQL
	is($admin->value("$moments SELECT * FROM moment WHERE available < 0"), '', 'available was never negative');
	is($admin->value(<<"SQL"), '', 'and always what was answered');
$moments SELECT what, at, m.available AS was, a.available AS answered
FROM moment m JOIN answer a USING (organisation, at) WHERE m.available <> a.available
SQL
	is($admin->value(<<"SQL"), '', 'what was answered is what is there');
SELECT what, answered, there
FROM (SELECT what, count(*) AS answered FROM outcome
	WHERE state = 'done' AND what <> 'extend' AND NOT (answer->>'replayed')::boolean GROUP BY 1) o
FULL JOIN (
	SELECT CASE kind WHEN 'credit' THEN 'key' ELSE kind END AS what, count(*) AS there FROM dcx.wallet_entry
	WHERE organisation ~ '^$path-[1-3]\$' AND kind <> 'external' GROUP BY 1
	UNION ALL SELECT 'hold', count(*) FROM dcx.wallet_hold WHERE organisation ~ '^$path-[1-3]\$'
	UNION ALL SELECT 'release', count(*) FROM dcx.wallet_hold
	WHERE organisation ~ '^$path-[1-3]\$' AND state = 'released') t USING (what)
WHERE answered IS DISTINCT FROM there
SQL
	is($admin->value(<<'SQL'), '', 'and the same every time');
SELECT what, coalesce(answer->'entry_id', answer->'hold_id') FROM outcome
WHERE state = 'done' AND what IN ('key', 'capture', 'release')
GROUP BY 1, 2 HAVING count(DISTINCT answer - 'replayed') > 1
SQL
	# If one of these never happened, the load has proved nothing.
	is($admin->value(<<"SQL"), <<'TEXT' =~ s/\n\z//r, 'everything happened') if $amount >= 1;
SELECT what || ': ' || string_agg(state, ', ' ORDER BY state COLLATE "C") FROM (
	SELECT DISTINCT what, CASE WHEN (answer->>'replayed')::boolean THEN 'replayed' ELSE state END AS state FROM outcome
	UNION SELECT 'hold', 'expired' FROM dcx.wallet_hold
	WHERE organisation ~ '^$path-[1-3]\$' AND state = 'open' AND expires_at < clock_timestamp()
	UNION SELECT 'platform', CASE WHEN amount > 0 THEN 'put' ELSE 'took' END FROM dcx.wallet_entry
	WHERE organisation ~ '^$path-[1-3]\$' AND kind = 'external') AS met
GROUP BY what ORDER BY what
SQL
capture: ZD005, done, replayed
debit: ZD001, done
extend: ZD005, done, replayed
hold: ZD001, done, expired
key: done, replayed
platform: put, took
release: ZD005, done, replayed
TEXT
}

subtest 'directly' => sub {
	contention($node, 'direct');
	mixed_load($node, 'direct', 10, 250);
};

subtest 'through pgbouncer in transaction mode' => sub {
	plan skip_all => 'pgbouncer is not installed: test/cluster install pgbouncer' unless Dcx::Bouncer::program();
	my $bouncer = Dcx::Bouncer->new($node, database => $Dcx::main_db, user => 'app', sessions => $pool);

	contention($bouncer, 'pooled');
	mixed_load($bouncer, 'pooled', 16, 120, '--protocol=extended');
	$bouncer->stop;
};

is($admin->value('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'), '0', 'no deadlocks');
$admin->close;
$node->stop;
done_testing();
