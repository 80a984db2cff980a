# Loads in which dcx.binding and the ledger arrive before the wallets: the ledger is then as in the source, or the load
# fails and says what to do. A wallet that is new is recorded all the same.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main', init => { allows_streaming => 'logical' });
my $directory = PostgreSQL::Test::Utils::tempdir();

# The databases that are dumped: the wallet table, and statements before and after it is attached.
my %sources = (
	one => { table => 'public.wallet' },
	many => { table => 'public.wallet', more => q{('globex', 75.5), ('initech', 0), ('negative', -3.25), ('gone', 0), ('went', 9)} },
	float => { table => 'public."Wallet"', type => 'double precision', more => q{('globex', 0.1), ('initech', 5000000000.07)} },
	before => { table => 'aaa.wallet', more => q{('globex', 75.5), ('initech', 0)} },
	parted => { table => 'public.wallet', more => q{('globex', 75.5), ('initech', 0)}, by => 'LIST (org)',
		partitions => [ q{FOR VALUES IN ('acme')}, 'DEFAULT' ] },
	two => { table => 'public.wallet', more => q{('globex', 75.5), ('globex', 20), ('initech', 7), ('initech', -7)} },
	apart => { table => 'public.wallet', more => q{('globex', 75.5), ('globex', 120)}, by => 'RANGE (balance)',
		partitions => [ 'FOR VALUES FROM (MINVALUE) TO (100)', 'DEFAULT' ], region => 1 });

sub sql
{
	my ($database, $sql, %params) = @_;

	return $main->safe_psql($database, $sql, %params);
}

sub create
{
	my ($database) = @_;

	sql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	return $database;
}

# Partitioned by the balance no money could be moved: where two wallets of one organisation are apart, it is by a region.
sub make_source
{
	my ($name) = @_;
	my $source = $sources{$name};
	my $type = $source->{type} // 'numeric(14,2)';
	my $by = $source->{by} ? "PARTITION BY $source->{by}" : '';
	my $region = '';

	if ($source->{region})
	{
		$by = 'PARTITION BY LIST (region)';
		$region = q{, region text DEFAULT 'a'};
	}
	create($name);
	sql($name, "CREATE EXTENSION dcx_pricing; CREATE SCHEMA IF NOT EXISTS aaa;
		CREATE TABLE $source->{table} (org text, balance $type, note text$region) $by; CREATE INDEX ON $source->{table} (org)");
	my @partitions = $source->{region} ? (q{FOR VALUES IN ('a')}, q{FOR VALUES IN ('b')}) : @{ $source->{partitions} // [] };
	for my $i (0 .. $#partitions)
	{
		sql($name, "CREATE TABLE $source->{table}_$i PARTITION OF $source->{table} $partitions[$i]");
	}
	sql($name, "INSERT INTO $source->{table} (org, balance) VALUES ('acme', 1000)");
	sql($name, "INSERT INTO $source->{table} (org, balance) VALUES $source->{more}") if $source->{more};
	sql($name, "UPDATE $source->{table} SET region = 'b' WHERE org = 'globex' AND balance > 100") if $source->{region};
	sql($name, "SELECT FROM dcx_attach_wallet('$source->{table}', 'org')");
	sql($name, <<"SQL");
SELECT FROM dcx_wallet_credit('acme', 500, 'credit', 'deposit', '{"bank": "FNB"}');
SELECT FROM dcx_wallet_debit('acme', 20.50, 'debit');
SELECT FROM dcx_wallet_hold('acme', 100, 'open', '1 day', 'VM');
SELECT FROM dcx_wallet_hold('acme', 300, 'captured');
SELECT FROM dcx_wallet_capture(2, 200);
SELECT FROM dcx_wallet_release((SELECT hold_id FROM dcx_wallet_hold('acme', 5, 'released')));
SELECT FROM dcx_wallet_hold('acme', 7, 'expired', '1 microsecond');
UPDATE $source->{table} SET balance = balance - 1 WHERE org = 'acme';
DELETE FROM $source->{table} WHERE org IN ('gone', 'went')
SQL
}

sub ledger
{
	my ($database) = @_;

	return sql($database, <<'SQL');
SELECT to_jsonb(e) FROM dcx.wallet_entry e UNION ALL SELECT to_jsonb(h) FROM dcx.wallet_hold h
 UNION ALL SELECT to_jsonb(k) FROM dcx.wallet_key k UNION ALL SELECT to_jsonb(a) FROM dcx.wallet_account a
 UNION ALL SELECT to_jsonb(b) FROM (SELECT catalog, relation::text, columns, attached_by FROM dcx.binding) b
 ORDER BY 1
SQL
}

sub wallets
{
	my ($database, $of) = @_;

	return sql($database, "SELECT w FROM $sources{$of}{table} w ORDER BY 1");
}

# The load is the source; money moves in it, and no number is used twice.
sub check_loaded
{
	my ($database, $of) = @_;

	is(wallets($database, $of), wallets($of, $of), 'the wallets are those of the source');
	is(ledger($database), ledger($of), 'so is the ledger');
	is(sql($database, 'SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
	like(sql($database, q{SELECT * FROM dcx_wallet_credit('acme', 500, 'credit', 'deposit', '{"bank": "FNB"}')}), qr/\|t$/,
		'a request that is sent again is answered');
	my ($entry, $hold) = split /\|/, sql($of, 'SELECT (SELECT max(entry_id) FROM dcx.wallet_entry), max(hold_id) FROM dcx.wallet_hold');
	is(sql($database, q{SELECT entry_id, balance FROM dcx_wallet_debit('acme', 1, 'after')}), $entry + 1 . '|1277.50', 'money moves');
	is(sql($database, q{SELECT hold_id FROM dcx_wallet_hold('acme', 1, 'held after')}), $hold + 1, 'and is held');
	is(sql($database, q{SELECT amount, balance FROM dcx_wallet_capture(1)}), '-100.00|1177.50', 'what was held is captured');
	sql($database, "UPDATE $sources{$of}{table} SET balance = balance - 1 WHERE org = 'acme'");
	is(sql($database, 'SELECT count(*) - count(DISTINCT entry_id) FROM dcx.wallet_entry'), '0', 'no number is used twice');
	is(sql($database, 'SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
}

# The schema alone, and the data alone, in each of these ways.
my @restore = ('pg_restore', '--exit-on-error');
my @psql = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1');
my %ways = (
	custom => [ [ 'pg_dump', '-Fc' ], [ @restore, '--data-only' ] ],
	custom_1 => [ [ 'pg_dump', '-Fc' ], [ @restore, '--data-only', '-1' ] ],
	directory => [ [ 'pg_dump', '-Fd' ], [ @restore, '--data-only' ] ],
	plain => [ [ 'pg_dump', '--data-only' ], [ @psql, '-f' ] ],
	plain_1 => [ [ 'pg_dump', '--data-only' ], [ @psql, '-1', '-f' ] ],
	inserts => [ [ 'pg_dump', '--data-only', '--inserts' ], [ @psql, '-f' ] ],
	inserts_1 => [ [ 'pg_dump', '--data-only', '--column-inserts' ], [ @psql, '-1', '-f' ] ],
	root => [ [ 'pg_dump', '--data-only', '--load-via-partition-root' ], [ @psql, '-1', '-f' ] ],
	several => [ [ 'pg_dump', '--data-only', '--rows-per-insert=3' ], [ @psql, '-1', '-f' ] ]);

# Those whose two wallets of one organisation come in two statements.
my %refused = (
	two => { map { $_ => 1 } 'inserts', 'inserts_1', 'several' },
	apart => { map { $_ => 1 } keys %ways });

# A database with the schema of a source.
sub new_schema
{
	my ($database, $of) = @_;

	sql('postgres', "CREATE DATABASE $database TEMPLATE ${of}_schema");
	return $database;
}

sub is_empty
{
	my ($database, $of) = @_;

	return sql($database, <<"SQL") eq '0';
SELECT (SELECT count(*) FROM $sources{$of}{table}) + (SELECT count(*) FROM dcx.wallet_account)
     + (SELECT count(*) FROM dcx.wallet_entry) + (SELECT count(*) FROM dcx.wallet_hold) + (SELECT count(*) FROM dcx.wallet_key)
SQL
}

for my $of (sort keys %sources)
{
	make_source($of);
	create("${of}_schema");
	$main->command_ok([ 'pg_dump', '--schema-only', '-f', "$directory/$of.schema", $of ], 'dumped the schema');
	$main->command_ok([ @psql, '-d', "${of}_schema", '-o', '/dev/null', '-f', "$directory/$of.schema" ], 'restored it');
}

for my $of (sort keys %sources)
{
	for my $way (sort keys %ways)
	{
		# All ways, and all sources, but not all pairs of them.
		next if $way eq 'root' ? !$sources{$of}{by} : $of !~ /^(?:many|two)$/ && $way !~ /^(?:custom_1|plain|inserts)$/;

		subtest "$of: $way" => sub {
			my ($dump, $restore) = @{ $ways{$way} };
			my $loaded = new_schema("${of}_$way", $of);
			my $file = "$directory/$of.$way";
			my ($out, $err);

			$main->command_ok([ @$dump, '-f', $file, $of ], 'dumped the data');
			my @command = $restore->[0] eq 'psql' ? (@$restore, $file, '-d', $loaded) : (@$restore, '-d', $loaded, $file);
			if (!$refused{$of}{$way})
			{
				$main->command_ok(\@command, 'restored');
				check_loaded($loaded, $of);
				return;
			}
			local %ENV = (%ENV, PGHOST => $main->host, PGPORT => $main->port);
			ok(!run_command_quietly(\@command, \$err), 'refused');
			like($err, qr/the ledger of organisation "\w+" is not that of the wallet that is inserted/, 'with an error');
			like($err, qr/use --disable-triggers/, 'that says how');
			ok(is_empty($loaded, $of), 'and leaves nothing behind') if $way =~ /1/;

			# What it says.
			$loaded = new_schema("${of}_${way}_disabled", $of);
			$main->command_ok([ 'pg_dump', '-Fc', '-f', $file, $of ], 'dumped');
			$main->command_ok([ @restore, '--data-only', '--disable-triggers', '-1', '-d', $loaded, $file ], 'restored so');
			like(sql($loaded, "SELECT note FROM dcx_attach_wallet('$sources{$of}{table}', 'org')"), qr/the ledger has every balance/,
				'attaching again finds nothing to write');
			check_loaded($loaded, $of);
		};
	}
}

sub run_command_quietly
{
	my ($command, $err) = @_;

	return IPC::Run::run($command, '<', \undef, '>', \my $out, '2>', $err);
}

for my $of ('many', 'before', 'parted')
{
	subtest "copies of the tables alone, in alphabetical order: $of" => sub {
		my $loaded = new_schema("${of}_copied", $of);
		my $tables = sql($of, <<'SQL');
SELECT oid::regclass FROM pg_class WHERE relnamespace::regnamespace::text IN ('aaa', 'dcx', 'public') AND relkind = 'r'
 ORDER BY oid::regclass::text COLLATE "C"
SQL

		for my $table (split /\n/, $tables)
		{
			sql($of, "\\copy $table TO $directory/table");
			sql($loaded, "\\copy $table FROM $directory/table");
		}
		check_loaded($loaded, $of);
	};
}

subtest 'the wallets after the binding, and before the accounts' => sub {
	for my $of ('one', 'many')
	{
		my $loaded = new_schema("${of}_early", $of);
		my @tables = (qw(dcx.binding wallet dcx.wallet_account dcx.wallet_entry dcx.wallet_hold dcx.wallet_key));
		my $err;

		sql($of, "\\copy $_ TO $directory/$_") for @tables;
		local %ENV = (%ENV, PGHOST => $main->host, PGPORT => $main->port);
		ok( !run_command_quietly([ @psql, '-1', '-d', $loaded, map { ('-c', "\\copy $_ FROM $directory/$_") } @tables ], \$err),
			"$of: refused");
		like($err, qr/duplicate key value violates unique constraint "wallet_account_pkey"/, 'as a duplicate key');
		ok(is_empty($loaded, $of), 'and nothing is left behind');
	}
};

subtest 'the first copy of logical replication' => sub {
	my $subscriber = new_main('subscriber', bare => 1);
	my $connection = $main->connstr . ' dbname=many';

	sql('many', 'CREATE PUBLICATION ledger FOR TABLES IN SCHEMA dcx; CREATE PUBLICATION wallets FOR TABLE wallet');
	$subscriber->safe_psql('postgres', 'CREATE DATABASE many TEMPLATE template0');
	$subscriber->command_ok([ @psql, '-d', 'many', '-f', "$directory/many.schema" ], 'restored the schema');
	$subscriber->safe_psql('many', "CREATE SUBSCRIPTION ledger CONNECTION '$connection' PUBLICATION ledger");
	$subscriber->wait_for_subscription_sync($main, 'ledger', 'many');
	$subscriber->safe_psql('many', "CREATE SUBSCRIPTION wallets CONNECTION '$connection' PUBLICATION wallets");
	$subscriber->wait_for_subscription_sync($main, 'wallets', 'many');
	$subscriber->safe_psql('many', 'DROP SUBSCRIPTION wallets; DROP SUBSCRIPTION ledger');
	sql('many', 'DROP PUBLICATION wallets; DROP PUBLICATION ledger');
	{
		no warnings 'redefine';
		local *sql = sub { my ($database, $sql) = @_; return ($database eq 'copy' ? $subscriber : $main)->safe_psql('many', $sql) };
		check_loaded('copy', 'many');
	}
	$subscriber->stop;
};

# A wallet table with its ledger, where each of these is tried and rolled back.
my $super = session($main, database => create('tried'));
$super->value(<<'SQL');
CREATE EXTENSION dcx_pricing;
CREATE TABLE wallet (org text, balance numeric(14,2), id integer GENERATED ALWAYS AS IDENTITY);
INSERT INTO wallet VALUES ('acme', 100), ('globex', 50), ('zero', 0);
SELECT FROM dcx_attach_wallet('wallet', 'org');
SELECT FROM dcx_wallet_hold('acme', 60, 'held', '1 day');
CREATE FUNCTION bring(org text, balance numeric) RETURNS void LANGUAGE plpgsql AS $$
BEGIN INSERT INTO wallet VALUES (org, balance); END $$
SQL

sub entries
{
	my (@statements) = @_;
	my $entries;

	$super->value('BEGIN');
	my ($last) = $super->value('SELECT max(entry_id) FROM dcx.wallet_entry');
	$super->value($_) for @statements;
	$entries = join ' ', split /\n/,
	  $super->value("SELECT organisation || ' ' || amount FROM dcx.wallet_entry WHERE entry_id > $last ORDER BY entry_id");
	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
	$super->value('ROLLBACK');
	return $entries;
}

my $off = 'ALTER TABLE wallet DISABLE TRIGGER "000_dcx_wallet"';
my $on = 'ALTER TABLE wallet ENABLE ALWAYS TRIGGER "000_dcx_wallet"';
my %refusal = (state => '55000', message => 'the ledger of organisation "acme" is not that of the wallet that is inserted',
	hint => qr/--disable-triggers.*dcx_attach_wallet\(\)/);

subtest 'a wallet that is new' => sub {
	is(entries(q{INSERT INTO wallet VALUES ('new', 5)}), 'new 5.00', 'of a new organisation');
	is(entries(q{INSERT INTO wallet VALUES ('new', 0)}), 'new 0.00', 'with nothing in it');
	is(entries(q{INSERT INTO wallet VALUES ('acme', 100)}), 'acme 100.00', 'a second one of an organisation, with as much in it');
	is(entries(q{INSERT INTO wallet VALUES ('zero', 0)}), 'zero 0.00', 'or with nothing in it');
	is(entries(q{DELETE FROM wallet WHERE org = 'acme'}, q{INSERT INTO wallet VALUES ('acme', 100)}), 'acme -100.00 acme 100.00', 'deleted, and made again');
	is(entries(q{DELETE FROM wallet WHERE org = 'zero'}, q{INSERT INTO wallet VALUES ('zero', 0)}), 'zero 0.00 zero 0.00', 'one with nothing in it');
	is(entries(q{DELETE FROM wallet WHERE org = 'zero'}, q{INSERT INTO wallet VALUES ('zero', 7)}), 'zero 0.00 zero 7.00', 'with money in it now');
	is(entries(q{DELETE FROM wallet WHERE org = 'zero'}, q{INSERT INTO wallet VALUES ('zero', 7), ('zero', 5)}), 'zero 0.00 zero 7.00 zero 5.00', 'two');
	is(entries('TRUNCATE wallet', q{INSERT INTO wallet VALUES ('acme', 100), ('globex', 60)}), 'acme -100.00 globex -50.00 zero 0.00 acme 100.00 globex 60.00', 'after TRUNCATE');
	is(entries(q{WITH d AS (DELETE FROM wallet WHERE org = 'acme' RETURNING *) INSERT INTO wallet SELECT org, balance FROM d}),
		'acme -100.00 acme 100.00', 'deleted and inserted in one statement');
	is(entries(q{WITH i AS (INSERT INTO wallet VALUES ('acme', 100) RETURNING 1) DELETE FROM wallet WHERE org = 'acme' AND EXISTS (SELECT FROM i)}),
		'acme 100.00 acme -100.00', 'in the other order');
	is(entries(q{WITH d AS (DELETE FROM wallet WHERE org = 'acme' RETURNING *) SELECT bring(org, balance) FROM d}),
		'acme 100.00 acme -100.00', 'by a function');
	is(entries(q{WITH d AS (DELETE FROM wallet WHERE org = 'acme' RETURNING *) SELECT bring(org, balance - 10) FROM d}),
		'acme 90.00 acme -100.00', 'with less in it');
	is(entries(q{INSERT INTO wallet VALUES ('new', 100)}, q{WITH d AS (UPDATE wallet SET balance = 90 WHERE org = 'new' RETURNING *) SELECT bring(org, 10) FROM d}),
		'new 100.00 new 10.00 new -10.00', 'part of it');
	$super->value('BEGIN');
	$super->value(q{INSERT INTO wallet VALUES ('new', 100)});
	fails_with($super, q{WITH d AS (DELETE FROM wallet WHERE org = 'new' RETURNING *) SELECT bring(org, balance) FROM d},
		'what cannot be told from a load is refused', state => '55000');
	$super->value('ROLLBACK');
};

subtest 'a wallet that comes back' => sub {
	my $all = q{INSERT INTO wallet VALUES ('acme', 100), ('globex', 50), ('zero', 0)};

	$super->value('CREATE TABLE old AS TABLE wallet');
	$super->value("$off; DELETE FROM wallet; $on");
	is(entries($all), '', 'is no change');
	is(entries(q{INSERT INTO wallet VALUES ('globex', 50)}, q{INSERT INTO wallet VALUES ('acme', 100)}, q{INSERT INTO wallet VALUES ('zero', 0)}),
		'', 'nor is each');
	is(entries(q{INSERT INTO wallet VALUES ('acme', 30), ('acme', 70), ('globex', 50)}), '', 'as two wallets');
	is(entries('INSERT INTO wallet (org, balance) SELECT org, balance FROM old'), '', 'from another table');
	is(entries(q{MERGE INTO wallet USING old ON wallet.org = old.org WHEN NOT MATCHED THEN INSERT (org, balance) VALUES (old.org, old.balance)}), '', 'by MERGE');
	is(entries(q{SELECT bring(org, balance) FROM old}), '', 'by a function');
	is(entries("SET LOCAL session_replication_role = replica", $all), '', 'as a replica');
	is(entries($all, q{INSERT INTO wallet VALUES ('acme', 100)}, q{UPDATE wallet SET balance = 10 WHERE org = 'globex'}),
		'acme 100.00 globex -40.00', 'what follows is recorded');
	is(entries(q{INSERT INTO wallet VALUES ('acme', 100), ('globex', 50), ('zero', 5), ('new', 7)}), 'zero 5.00 new 7.00',
		'what is new beside it, too');
	is(entries($all, q{DELETE FROM wallet WHERE org = 'globex'}), 'globex -50.00', 'one that goes at once');
	$super->value('BEGIN');
	is($super->value("$all; SELECT dcx_wallet_available('acme')"), '40.00', 'the hold is kept');
	$super->value('ROLLBACK');

	for my $wallets (q{('acme', 99)}, q{('acme', 60), ('acme', 50)}, q{('acme', 0)}, q{('new', 7), ('acme', 100)}, q{('globex', 50), ('acme', 50)})
	{
		$super->value('BEGIN');
		fails_with($super, "INSERT INTO wallet VALUES $wallets", "another: $wallets", %refusal);
		$super->value('ROLLBACK');
	}
	$super->value('BEGIN');
	$super->value('SAVEPOINT s');
	fails_with($super, q{INSERT INTO wallet VALUES ('acme', 99)}, 'refused', %refusal,
		detail => 'Before, it had no wallet; its wallets now add up to 99.00, its entries to 100.00.');
	$super->value('ROLLBACK TO s');
	$super->value(q{SELECT * FROM dcx_attach_wallet('wallet', 'org')});
	$super->value(q{INSERT INTO wallet VALUES ('acme', 99)});
	is($super->value(q{SELECT dcx_wallet_available('acme')}), '99.00', 'attaching again is the other thing that it says');
	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
	$super->value('ROLLBACK');
};

$super->close;
$main->stop;
done_testing();
