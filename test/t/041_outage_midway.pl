# AAS breaks off or stops answering in the middle of a transaction: the wait is bounded, no half book is used, nothing
# is left behind, and no transaction goes on at other prices than it began with.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Proxy;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main');
my $proxy = Dcx::Proxy->new($aas);
my $url = aas_url($aas, port => $proxy->port);

# operator attaches, which saves the first book, and owns the foreign tables; app may only call the functions that anybody
# may call.
add_operator($main, 'operator');
$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE ROLE app LOGIN;
CREATE TABLE orders (what text);
GRANT INSERT, SELECT ON orders TO app
SQL

my $operator = session($main, user => 'operator');

$operator->value("SELECT * FROM dcx_attach_aas('$url')");
$operator->value(<<'SQL');
CREATE SCHEMA viewed;
CREATE VIEW viewed.products AS SELECT code, title, price FROM aas.products
SQL

# 376.00 in the saved book, 576.00 in AAS from now on.
$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET price = 178 WHERE code = 'CPU_1GHZ'});

my $cost = $Dcx::cost;
my $price = "SELECT $cost";
my $super = session($main);
my $seen = $super->value('SELECT last_seen_at FROM dcx.price_book');
my %lost = (
	state => 'ZD008',
	message => 'the catalog cannot be reached',
	hint => qr/ Run the transaction again: the book last seen at \Q$seen\E answers then\.$/);

# Attaching has saved the book of now: the first one is the newest again.
sub forget_now
{
	$super->value('DELETE FROM dcx.price_book WHERE book_id > (SELECT min(book_id) FROM dcx.price_book)');
}

sub on_outage
{
	my ($value) = @_;

	$main->safe_psql('postgres', "ALTER DATABASE $Dcx::main_db SET dcx_pricing.on_outage = $value");
}

# A new session, which has not met an outage yet.
sub fresh
{
	my ($user) = @_;

	return session($main, user => $user // 'app');
}

# What a statement answers, and how many warnings of an outage come with it.
sub answer
{
	my ($session, $statement) = @_;
	my $value = $session->value($statement);
	my $warnings = () = $session->notices =~ /^WARNING:  ZD008: the catalog cannot be reached/mg;

	return "$value, $warnings warnings";
}

# The next transaction is answered from the saved book, and asks nobody.
sub left_alone
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($session) = @_;
	my $before = $proxy->connections;

	is(answer($session, $price), '376.00, 1 warnings', 'the next transaction has the saved price');
	is($session->value('SELECT count(*) FROM jsonb_object_keys(dcx_price_book())'), '39', 'of a whole book');
	is($proxy->connections, $before, 'and asks nobody');
}

# Where the connection breaks, as the proxy sees it: at which message, and after how many bytes of its answer. A small
# fetch_size makes the read of several.
my %places = (
	'before the cursor' => [ 'DECLARE', 1 ],
	'before the first row' => [ 'FETCH', 1 ],
	'in the first rows' => [ 'FETCH', 1, 300 ],
	'before the third rows' => [ 'FETCH', 3 ],
	'in the third rows' => [ 'FETCH', 3, 300 ],
	'after the last row' => [ 'CLOSE', 1 ]);

for my $how ('error', 'saved')
{
	subtest "cut in the middle of a read: $how" => sub {
		on_outage($how);
		$super->value(q{ALTER SERVER dcx_aas OPTIONS (SET fetch_size '10')});
		for my $place (sort keys %places)
		{
			for my $before (0, 1)
			{
				my $app = fresh();

				is($app->value($price), '576.00', 'with a book from before') if $before;
				$proxy->at(@{ $places{$place} }[ 0, 1, 2 ], 'cut');
				fails_with($app, $price, $place, %lost,
					hint => $how eq 'saved' ? $lost{hint} : qr/ the book last seen at \Q$seen\E would answer\.$/);
				is($proxy->struck, 1, 'cut it was');
				is( $app->value('SELECT products, source FROM dcx_price_book_stats()'),
					$before ? '39|live' : '|', 'no half book has taken the place of what was there');
				if ($how eq 'saved')
				{
					left_alone($app);
				}
				else
				{
					is($app->value($price), '576.00', 'the next transaction has the live price');
					is($app->value('SELECT products FROM dcx_price_book_stats()'), '39', 'of a whole book');
				}
				$app->close;
			}
		}
		$super->value(q{ALTER SERVER dcx_aas OPTIONS (SET fetch_size '10000')});
	};
}

subtest 'cut at the end of the subtransaction' => sub {
	my $app = fresh();

	$proxy->at('RELEASE SAVEPOINT', 1, undef, 'cut');
	fails_with($app, $price, 'is cut in the middle, too', %lost);
	is($proxy->struck, 1, 'cut it was');
	left_alone($app);
};

# postgres_fdw refuses the COMMIT of a transaction that has lost a connection it was using. Going on with it would
# only give answers that are rolled back.
subtest 'a transaction that has read, and then loses AAS' => sub {
	my $app = fresh();

	$app->value(q{BEGIN; INSERT INTO orders VALUES ('read')});
	is($app->value($price), '576.00', 'read');
	$aas->stop;
	is(answer($app, $price), '576.00, 0 warnings', 'goes on with what it has');
	fails_with($app, 'COMMIT', 'its commit fails, as postgres_fdw has it',
		state => 'ZD008', message => 'another server cannot be reached any more at the end of the transaction');
	$aas->start;

	my $owner = fresh('operator');
	$owner->value('BEGIN');
	is($owner->value('SELECT count(*) FROM aas.categories'), '10', 'a statement of its own has read');
	$proxy->at('SAVEPOINT', 1, undef, 'cut');
	fails_with($owner, $price, 'pricing does not go on at other prices', %lost);
	is($proxy->struck, 1, 'cut it was');
	$owner->value('ROLLBACK');
	left_alone($owner);
	$proxy->pass;

	$app = fresh();
	$app->value('BEGIN');
	is($app->value($price), '576.00', 'it has priced');
	$proxy->at('terraform_vm_config', 1, undef, 'cut');
	is($app->error(q{SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD')})->{state}, 'ZD008', 'and loses AAS in another table');
	is($proxy->struck, 1, 'cut it was');
	$app->value('ROLLBACK');
	$proxy->pass;

	# A book that was read from a view is exact for one statement only.
	$operator->value(q{SELECT * FROM dcx_attach_aas(NULL, 'viewed')});
	forget_now();
	for my $text ('SAVEPOINT', 'DECLARE', 'FETCH')
	{
		$app = fresh();
		$app->value('BEGIN');
		is($app->value($price), '576.00', 'a view has been read');
		$app->value('SAVEPOINT a');
		$proxy->at($text, 1, undef, 'cut');
		fails_with($app, $price, "and is lost in the second read, at $text", %lost);
		is($proxy->struck, 1, 'cut it was');
		$app->value('ROLLBACK');
		$proxy->pass;
	}
	$operator->value("SELECT * FROM dcx_attach_aas(NULL, 'aas')");
	forget_now();
};

# The rows that a transaction leaves, by an outage of a kind.
sub leaves
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($session, $statements, $expected, $name) = @_;

	$super->value('TRUNCATE orders');
	$session->value($statements);
	is($super->value('SELECT string_agg(what, $$ $$ ORDER BY what) FROM orders'), $expected, $name);
}

my $nested = <<"SQL";
BEGIN;
INSERT INTO orders VALUES ('a');
DO \$\$ BEGIN
	INSERT INTO orders VALUES ('b');
	BEGIN
		INSERT INTO orders VALUES ('c');
		PERFORM $cost;
		INSERT INTO orders VALUES ('d');
	EXCEPTION WHEN SQLSTATE 'ZD008' THEN
		INSERT INTO orders VALUES ('caught');
	END;
	INSERT INTO orders VALUES ('e');
END \$\$;
SAVEPOINT a;
INSERT INTO orders VALUES ('f');
ROLLBACK TO a;
INSERT INTO orders VALUES ('g');
SQL
my $undone = <<"SQL";
BEGIN;
DECLARE c CURSOR FOR SELECT n, $cost FROM generate_series(1, 3) n;
FETCH 1 FROM c;
DO \$\$ BEGIN
	FOR i IN 1 .. 3 LOOP
		BEGIN
			INSERT INTO orders SELECT 'undone ' || $cost;
			BEGIN
				PERFORM $cost;
				RAISE 'no host has room';
			EXCEPTION WHEN SQLSTATE 'ZD008' THEN
				NULL;
			END;
		EXCEPTION WHEN raise_exception THEN
			INSERT INTO orders SELECT i || ' ' || $cost;
		END;
	END LOOP;
END \$\$;
SAVEPOINT a;
FETCH 1 FROM c;
RELEASE a;
FETCH ALL FROM c;
COMMIT
SQL

subtest 'subtransactions of the user\'s own' => sub {
	my %sessions;

	for my $how ('error', 'saved')
	{
		on_outage($how);
		$sessions{$how} = fresh();
	}
	$aas->stop;
	leaves($sessions{error}, "$nested COMMIT", 'a b caught e g', 'error: caught');
	fails_with($sessions{error}, "BEGIN; SAVEPOINT a; $price", 'error', state => 'ZD008');
	leaves($sessions{error}, q{ROLLBACK TO a; INSERT INTO orders VALUES ('on'); COMMIT}, 'on', 'after a savepoint');
	leaves($sessions{error}, <<"SQL", '100', 'caught a hundred times');
DO \$\$ DECLARE n int = 0; BEGIN
	FOR i IN 1 .. 100 LOOP
		BEGIN PERFORM $cost; EXCEPTION WHEN SQLSTATE 'ZD008' THEN n = n + 1; END;
	END LOOP;
	INSERT INTO orders VALUES (n);
END \$\$
SQL
	leaves($sessions{saved}, "$nested COMMIT", 'a b c d e g', 'saved');
	leaves($sessions{saved}, $undone, '1 376.00 2 376.00 3 376.00', 'saved, and undone for another reason');
	$sessions{again} = fresh();
	is(answer($sessions{again}, $undone), "1|376.00\n2|376.00\n3|376.00, 1 warnings",
		'one warning, also where a cursor met the outage first');
	$aas->start;

	my $app = fresh();
	$super->value('TRUNCATE orders');
	$proxy->at('FETCH', 1, 300, 'cut');
	$app->value($nested);
	is($proxy->struck, 1, 'cut in the middle of a read');
	is($app->error('COMMIT')->{state}, 'ZD008', 'caught, but the commit fails, as postgres_fdw has it');
	is($super->value('SELECT count(*) FROM orders'), '0', 'and nothing is left');
	left_alone($app);
};

# A session whose statement hangs, at a message or in its answer.
sub stalled
{
	my ($session, $statement, @place) = @_;

	$proxy->at(@place[ 0, 1, 2 ], 'stall');
	$session->start($statement);
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last if $proxy->struck;
		select(undef, undef, undef, 0.1);
	}
	is($proxy->struck, 1, "it hangs at $place[0]");
	return $session;
}

subtest 'AAS says nothing any more' => sub {
	my $began = time;

	on_outage('error');
	my $error = fresh();
	on_outage('saved');
	my ($connected, $cancelled) = (fresh(), fresh());
	$_->value($price) for $connected, $cancelled;
	$cancelled->value(q{SET statement_timeout = '300ms'});

	# All at once, since each takes its time: 20 s.
	stalled($error, $price, 'FETCH', 1);
	my $midway = stalled(fresh(), $price, 'FETCH', 1, 300);
	my $release = stalled(fresh(), $price, 'RELEASE SAVEPOINT', 1);
	stalled($connected, "BEGIN; INSERT INTO orders VALUES ('silence'); $price; $price; COMMIT", 'START TRANSACTION', 1);
	stalled($cancelled, $price, 'START TRANSACTION', 1);

	my $cancel = $cancelled->finish_error;
	is($cancel->{state}, '57014', 'the user\'s own time-out is what it is');
	unlike($cancel->{text}, qr/WARNING/, 'without a warning');
	$cancelled->value('RESET statement_timeout');
	is(answer($cancelled, $price), '576.00, 0 warnings', 'and AAS is not left alone for it');

	for ([ 'in the middle of a read', $midway ], [ 'at the end of the subtransaction', $release ], [ 'error', $error ])
	{
		my ($name, $session) = @$_;
		my $result = $session->finish_error;

		is($result->{state}, 'ZD008', $name);
		is($result->{detail}, 'No answer within 20 s.', 'says why');
		like($result->{hint}, $name eq 'error' ? qr/on_outage = saved the book last seen at/ : $lost{hint}, 'and what to do');
		left_alone($session) if $name =~ /middle/;
	}
	is($connected->finish_value, "376.00\n376.00", 'before the read began, the saved book answers');
	is(() = $connected->notices =~ /^WARNING/mg, 1, 'with one warning');
	is($super->value(q{SELECT count(*) FROM orders WHERE what = 'silence'}), '1', 'and the transaction commits');
	cmp_ok(time - $began, '<', 150, 'a bounded time');
	$proxy->pass;
};

# What a session holds: books, bytes in the contexts that nothing ever empties, and in all.
sub held
{
	my ($session) = @_;

	return split /\|/, $session->value(<<'SQL');
SELECT count(*) FILTER (WHERE name = 'dcx price book'),
       sum(total_bytes - free_bytes) FILTER (WHERE name IN ('TopMemoryContext', 'CacheMemoryContext')),
       sum(total_bytes - free_bytes)
  FROM pg_backend_memory_contexts
SQL
}

# Another catalog each time, since a session does not ask one that has just failed.
subtest 'nothing is left behind' => sub {
	my $app = fresh();
	my %kinds = (
		'cut in the middle of a read' => [ qr/ERROR:  ZD008/, 'FETCH', 1, 300 ],
		'no connection' => [ qr/WARNING:  ZD008/, 'aas_reader', 1 ]);

	$super->value('GRANT pg_read_all_stats TO app');
	is($app->value($price), '576.00', 'a book');
	$operator->value(<<'SQL');
CREATE SCHEMA other;
CREATE FOREIGN TABLE other.products (code text, title text, price float8) SERVER dcx_aas
	OPTIONS (schema_name 'public', table_name 'products')
SQL
	for my $kind (sort keys %kinds)
	{
		my ($expected, @place) = @{ $kinds{$kind} };
		my ($failures, @before) = (0);

		for my $i (1 .. 70)
		{
			$operator->value(q{SELECT * FROM dcx_attach_aas(NULL, '} . ($i % 2 ? 'other' : 'aas') . q{')});
			$proxy->at(@place[ 0, 1, 2 ], 'cut');
			$failures++ if $app->error($price)->{text} =~ $expected;
			@before = held($app) if $i == 20;
		}
		my @after = held($app);
		is($failures, 70, "$kind: so many outages");
		is($after[0], 1, 'one book');
		cmp_ok($after[$_] - $before[$_], '<', 5000, "fifty of them: $before[$_] bytes became $after[$_]") for 1, 2;
	}
};

$aas->stop;
$main->stop;
done_testing();
