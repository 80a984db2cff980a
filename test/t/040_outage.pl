# AAS is down. By dcx_pricing.on_outage that is an error that names the saved book, or the saved prices are used: with
# one warning per transaction, and with only one attempt to connect in a while.
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

# operator attaches, which saves the first book; app has the right to call functions and no right on any table.
add_operator($main, 'operator');
$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE ROLE app LOGIN;
CREATE TABLE orders (what text);
GRANT INSERT, SELECT ON orders TO app, operator;
GRANT EXECUTE ON FUNCTION dcx_price_book_save(text) TO operator;
UPDATE "OrganisationWallet" SET balance = 100000 WHERE "organisationId" = 'org-acme';
ALTER TABLE "OrganisationWallet" OWNER TO operator
SQL
may_move_money($main, 'app');

my $operator = session($main, user => 'operator');

$operator->value("SELECT * FROM dcx_attach_aas('$url')");
$operator->value('SELECT * FROM dcx_attach_wallet()');

# 376.00 in the saved book, 576.00 in AAS from now on.
$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET price = 178 WHERE code = 'CPU_1GHZ'});

my $cost = $Dcx::cost;
my $price = "SELECT $cost";
my $super = session($main);
my $seen = $super->value('SELECT last_seen_at FROM dcx.price_book');
my $attach_hint = qr/Its host and port are meant as seen from this database server\. dcx_attach_aas\(\) [^.]*\./;
my %unreachable = (state => 'ZD008', message => 'the catalog cannot be reached');

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

sub while_down
{
	my ($block) = @_;

	$aas->stop;
	$block->();
	$aas->start;
}

# What a statement answers, and how many warnings of an outage come with it.
sub answer
{
	my ($session, $statement) = @_;
	my $value = $session->value($statement);
	my $warnings = () = $session->notices =~ /^WARNING:  ZD008: the catalog cannot be reached/mg;

	return "$value, $warnings warnings";
}

sub books
{
	return $super->value('SELECT count(*), max(last_seen_at) FROM dcx.price_book');
}

# The block makes so many attempts to connect.
sub attempts_are
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($expected, $name, $block) = @_;
	my $before = $proxy->connections;

	$block->();
	is($proxy->connections - $before, $expected, $name);
}

subtest 'error' => sub {
	my $app = fresh();

	is($app->value($price), '576.00', 'the live price');
	while_down(sub {
		for my $session ($app, fresh())
		{
			fails_with($session, $price, 'the hint names the saved book and the setting',
				%unreachable, detail => qr/^could not connect to server "dcx_aas"/,
				hint => qr/$attach_hint With dcx_pricing\.on_outage = saved the book last seen at \Q$seen\E would answer\.$/);
		}
		attempts_are(3, 'each transaction tries', sub { $app->error($price) for 1 .. 3 });
		$super->value('BEGIN; DELETE FROM dcx.price_book');
		fails_with($super, $price, 'nothing is saved',
			%unreachable, hint => qr/$attach_hint There is no saved book that could answer\.$/);
		$super->value('ROLLBACK');
	});
	is($app->value($price), '576.00', 'the first statement after the start');

	my $muted = fresh();
	my $began = time;
	$proxy->mute;
	fails_with($muted, $price, 'a host that takes the connection and says nothing', %unreachable, hint => qr/\Q$seen\E/);
	cmp_ok(time - $began, '<', 60, 'is given up in seconds');
	$proxy->pass;
	is($muted->value($price), '576.00', 'and it goes on');
};

on_outage('saved');

subtest 'saved' => sub {
	my $app = fresh();

	is(answer($app, 'SHOW dcx_pricing.on_outage'), 'saved, 0 warnings', 'ALTER DATABASE works for new sessions');
	is(answer($app, $price), '576.00, 0 warnings', 'the live price');
	while_down(sub {
		attempts_are(1, 'tried once', sub {
			is(answer($app, $price), '376.00, 1 warnings', 'the saved one');
		});
		like($app->notices, qr/: prices are those last seen at \Q$seen\E\nDETAIL:  could not connect to server "dcx_aas"/,
			'the warning says how old it is, and why');
		is($app->value('SELECT source, read_at, products, remote_reads FROM dcx_price_book_stats()'),
			"saved|$seen|39|1", 'so do the statistics');
		attempts_are(0, 'then left alone for a while', sub {
			is(answer($app, $price), '376.00, 1 warnings', 'a warning in the next transaction');
			like($app->notices, qr/^DETAIL:  It is tried again after /m, 'which says when it is tried again');
			is(answer($app, "SELECT sum($cost) FROM generate_series(1, 1000)"), '376000.00, 1 warnings', 'a thousand calls');
			$app->value('BEGIN');
			is(answer($app, $price), '376.00, 1 warnings', 'in a transaction: one');
			is(answer($app, $price), '376.00, 0 warnings', 'and no more');
			is(answer($app, q{SELECT dcx_product_cost('CPU_1GHZ', 1)}), '78.00, 0 warnings', 'of another function');
			is(answer($app, q{SELECT dcx_price_book() #> '{CPU_1GHZ,price}'}), '78, 0 warnings', 'of the book as a value');
			$app->value('SAVEPOINT a');
			is(answer($app, q{SELECT sum(amount) FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40)}),
				'376.00, 0 warnings', 'after a savepoint');
			$app->value('ROLLBACK TO a');
			is(answer($app, $price), '376.00, 0 warnings', 'after a rollback to it');
			$app->value('COMMIT');
			is(answer($app, <<"SQL"), ', 3 warnings', 'a procedure\'s transactions: one each');
DO \$\$ BEGIN FOR i IN 1 .. 3 LOOP PERFORM $cost, $cost; PERFORM $cost; COMMIT; END LOOP; END \$\$
SQL
			is(answer($app, "BEGIN ISOLATION LEVEL SERIALIZABLE; $price; $price; COMMIT"),
				"376.00\n376.00, 1 warnings", 'a serializable one');
		});
	});

	# It is tried again after a while, without anybody doing anything.
	my $answer;
	attempts_are(1, 'one connection is enough', sub {
		for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
		{
			$answer = answer($app, $price);
			last if $answer !~ /^376/;
			select(undef, undef, undef, 0.1);
		}
	});
	is($answer, '576.00, 0 warnings', 'AAS is back: the live price, by itself');
	is($app->value('SELECT source FROM dcx_price_book_stats()'), 'live', 'as the statistics say');
};

subtest 'a host that takes connections and says nothing' => sub {
	my $app = fresh();
	my $began = time;

	$proxy->mute;
	attempts_are(1, 'the time-out is paid once', sub {
		is(answer($app, $price), '376.00, 1 warnings', 'the saved price') for 1 .. 5;
	});
	cmp_ok(time - $began, '<', 60, 'in seconds');
	$proxy->pass;
};

sub reserve
{
	my ($key) = @_;

	return "SELECT cost, replayed FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, '$key')";
}

subtest 'an order during an outage' => sub {
	my $app = fresh();

	while_down(sub {
		is(answer($app, reserve('down')), '376.00|f, 1 warnings', 'holds the saved price');
		is( $super->value(<<"SQL"), "376.00|t|dcx.price_book|78.00", 'and the hold says when that was seen, and where');
SELECT amount, (quote->>'read_at')::timestamptz = '$seen', quote #>> '{catalogs,aas,relation}',
	quote #> '{lines,0,unit_price}'
  FROM dcx.wallet_hold WHERE idempotency_key = 'down'
SQL
		is(answer($app, reserve('down')), '376.00|t, 0 warnings', 'a replay needs no price');
		$app->value('BEGIN; SAVEPOINT a');
		is(answer($app, reserve('undone')), '376.00|f, 1 warnings', 'in a transaction');
		$app->value('ROLLBACK TO a');
		is(answer($app, reserve('kept')), '376.00|f, 0 warnings', 'after a rollback to a savepoint');
		is($app->value(q{SELECT amount FROM dcx_wallet_debit('org-acme', 1, 'debit')}), '-1.00', 'with a debit');
		$app->value('COMMIT');
		is( $super->value(q{SELECT string_agg(idempotency_key || ' ' || amount, ',' ORDER BY hold_id) FROM dcx.wallet_hold}),
			'down 376.00,kept 376.00', 'what was committed is there');
	});
	is(answer(fresh(), reserve('down')), '376.00|t, 0 warnings', 'AAS is back: the replay has what was held');
	is(answer(fresh(), reserve('up')), '576.00|f, 0 warnings', 'and a new order the live price');
	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
};

subtest 'no saved book' => sub {
	my $session = fresh('postgres');

	while_down(sub {
		$session->value('BEGIN; DELETE FROM dcx.price_book; SAVEPOINT a');
		attempts_are(2, 'each call tries', sub {
			for (1 .. 2)
			{
				fails_with($session, $price, 'is an error',
					%unreachable,
					hint => qr/$attach_hint There is no saved book that could answer: SELECT \* FROM dcx_price_book_save\(\) makes/);
				$session->value('ROLLBACK TO a');
			}
		});
		$session->value('ROLLBACK');
		attempts_are(0, 'with a book it is left alone', sub {
			is(answer($session, $price), '376.00, 1 warnings', 'and the book answers');
			$session->value("BEGIN; $price");
			$session->value('DELETE FROM dcx.price_book');
		});
		fails_with($session, $price, 'the book deleted under a transaction that was answered by it', %unreachable);
		$session->value('ROLLBACK');
	});
};

subtest 'saving' => sub {
	my $before = books();

	while_down(sub {
		for my $how ('error', 'saved')
		{
			my $session = fresh('operator');

			$super->value("ALTER ROLE operator SET dcx_pricing.on_outage = $how");
			fails_with($session, 'SELECT * FROM dcx_price_book_save()', "$how: is an error", %unreachable);
			$session->error($price);
			fails_with($session, 'SELECT * FROM dcx_price_book_save()', "$how: and again", %unreachable);
			is(books(), $before, 'and saves nothing');
		}
	});
	$super->value('ALTER ROLE operator RESET dcx_pricing.on_outage');
};

subtest 'a catalog without a product' => sub {
	my $app = fresh();
	my $before = books();

	$aas->safe_psql($Dcx::aas_db, 'CREATE TABLE kept AS TABLE products; DELETE FROM products');
	is(answer($app, "BEGIN; INSERT INTO orders VALUES ('empty'); $price; $price; COMMIT"),
		"376.00\n376.00, 1 warnings", 'is an outage');
	is($app->value(q{SELECT count(*) FROM orders WHERE what = 'empty'}), '1', 'which the transaction survives');
	is(answer($app, $price), '376.00, 1 warnings', 'also in the next one');
	fails_with(fresh('operator'), 'SELECT * FROM dcx_price_book_save()', 'and nothing to save',
		state => 'ZD008', message => 'the catalog has no products at all');
	is(books(), $before, 'what was saved stays');
	$aas->safe_psql($Dcx::aas_db, 'INSERT INTO products SELECT * FROM kept; DROP TABLE kept');
	is(answer(fresh(), $price), '576.00, 0 warnings', 'and over as soon as there is one');
};

subtest 'what fails otherwise is no outage' => sub {
	my $app = fresh();
	my %ways = (
		'a column that AAS has no more' => [ '42703', 'ALTER TABLE products RENAME price TO prize',
			'ALTER TABLE products RENAME prize TO price' ],
		'a right withdrawn' => [ '42501', 'REVOKE SELECT ON products FROM aas_reader',
			'GRANT SELECT ON products TO aas_reader' ],
		'a table that is gone' => [ '42P01', 'ALTER TABLE products RENAME TO produce',
			'ALTER TABLE produce RENAME TO products' ],
		'a price that is none' => [ '22P02', q{ALTER TABLE products ALTER price TYPE text USING 'x'},
			q{ALTER TABLE products ALTER price TYPE float8 USING 1} ]);

	$aas->safe_psql($Dcx::aas_db, 'CREATE TABLE kept AS TABLE products');
	for my $way (sort keys %ways)
	{
		my ($state, $break, $mend) = @{ $ways{$way} };

		$aas->safe_psql($Dcx::aas_db, $break);
		is($app->error($price)->{state}, $state, $way);
		unlike($app->notices, qr/WARNING/, 'without a warning');
		$aas->safe_psql($Dcx::aas_db, $mend);
		$aas->safe_psql($Dcx::aas_db, 'UPDATE products p SET price = k.price FROM kept k WHERE k.id = p.id');
		is(answer($app, $price), '576.00, 0 warnings', 'and when it is mended it is not left alone');
	}
	$aas->safe_psql($Dcx::aas_db, 'DROP TABLE kept');
};

# Makes reads of products hang in AAS until the block ends.
sub while_hanging
{
	my ($block) = @_;
	my $locker = session($aas, database => $Dcx::aas_db);

	$locker->value('BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE');
	$block->();
	$locker->value('ROLLBACK');
	$locker->close;
}

subtest 'a cancel of the user\'s own' => sub {
	my $app = fresh();
	my ($error, $cancelled);

	$super->value(q{ALTER SERVER dcx_aas OPTIONS (SET options '-c statement_timeout=5min')});
	while_hanging(sub {
		$app->start($price);
		ok( $aas->poll_query_until($Dcx::aas_db, <<'SQL'), 'the read hangs in AAS');
SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'dcx_pricing' AND wait_event_type = 'Lock'
SQL
		$super->value("SELECT pg_cancel_backend($app->{pid})");
		$error = $app->finish_error;
		is($error->{state}, '57014', 'pg_cancel_backend');
		unlike($error->{text}, qr/WARNING/, 'without a warning');

		$app->value(q{SET statement_timeout = '300ms'});
		for my $block ('', 'BEGIN; SAVEPOINT a;')
		{
			$app->value($block) if $block;
			$error = $app->error($price);
			is($error->{message}, 'canceling statement due to statement timeout', "statement_timeout $block");
			is($error->{state}, '57014', 'is what it is');
			unlike($error->{text}, qr/WARNING/, 'without a warning');
		}
		fails_with($app, $price, 'it has failed the transaction', state => '25P02');
		$app->value('ROLLBACK TO a');
		$app->value(q{INSERT INTO orders VALUES ('cancelled'); COMMIT});
		is($app->value(q{SELECT count(*) FROM orders WHERE what = 'cancelled'}), '1', 'which goes on from a savepoint');
		$app->value('RESET statement_timeout');
	});
	is(answer($app, $price), '576.00, 0 warnings', 'AAS is not left alone for that');

	# The remote server's own time-out is an outage, and leaves the connection as it was.
	$super->value(q{ALTER SERVER dcx_aas OPTIONS (SET options '-c statement_timeout=300ms')});
	$app = fresh();
	while_hanging(sub {
		is(answer($app, "BEGIN; INSERT INTO orders VALUES ('timed out'); $price; $price; COMMIT"),
			"376.00\n376.00, 1 warnings", 'a time-out of AAS');
	});
	is($app->value(q{SELECT count(*) FROM orders WHERE what = 'timed out'}), '1', 'is survived');
	$super->value(q{ALTER SERVER dcx_aas OPTIONS (DROP options)});
};

subtest 'settings' => sub {
	my $app = fresh();
	my %denied = (state => '42501');
	my %values = (max_price_age => [ '0', '1h' ], on_outage => [ 'saved', 'error' ]);

	$app->value($price);
	for my $name (sort keys %values)
	{
		my ($before, $value) = @{ $values{$name} };
		my $setting = "dcx_pricing.$name";
		my $unloaded = fresh();

		fails_with($app, "SET $setting = '$value'", "$name: not for everyone",
			%denied, message => qq{permission denied to set parameter "$setting"});
		fails_with($app, "SELECT set_config('$setting', '$value', true)", 'nor by a function', %denied);
		fails_with($app, "ALTER ROLE app SET $setting = '$value'", 'nor for later sessions', %denied);
		fails_with($app, "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql SET $setting = '$value' AS 'SELECT 1'",
			'nor within a function', %denied);

		# Before the library is loaded, a session can set the parameter to anything. That has no effect.
		$unloaded->value("SET $setting = '$value'");
		$unloaded->value($price);
		is($unloaded->value("SHOW $setting"), $before, 'nor before the library is loaded');

		$super->value("GRANT SET ON PARAMETER $setting TO app");
		$unloaded = fresh();
		$unloaded->value("SET $setting = '$value'");
		$unloaded->value($price);
		$app->value("SET $setting = '$value'");
		is($app->value("SHOW $setting"), $value, 'for those granted SET');
		is($unloaded->value("SHOW $setting"), $value, 'also before the library is loaded');
		$app->value("RESET $setting");
		$super->value("REVOKE SET ON PARAMETER $setting FROM app");
		fails_with($app, "SET $setting = '$value'", 'until it is revoked', %denied);
	}
	$super->value("ALTER DATABASE $Dcx::main_db SET dcx_pricing.max_price_age = '1h'");
	is($app->value($price), '576.00', 'a setting of the database is not for sessions that are there');
	is(fresh()->value($price), '376.00', 'but for new ones');
	$super->value("ALTER DATABASE $Dcx::main_db RESET dcx_pricing.max_price_age");
	fails_with($super, q{SET dcx_pricing.on_outage = 'sometimes'}, 'a value that there is not',
		state => '22023', hint => 'Available values: error, saved.');
};

$aas->stop;
$main->stop;
done_testing();
