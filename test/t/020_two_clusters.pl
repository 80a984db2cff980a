# MAIN and AAS in two clusters: what is read, when, and what happens while AAS is down, back, changed or hanging.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main');
my $url = aas_url($aas);

add_operator($main, 'operator');
$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE ROLE app LOGIN;
CREATE TABLE orders (what text);
GRANT INSERT, SELECT ON orders TO app;
SQL

my $cost = $Dcx::cost;
my $price = "SELECT $cost";
my $operator = session($main, user => 'operator');

# Sets a price in AAS, committed. 2 of this, 4 of RAM and 40 of storage: 376.00 at 78.
sub set_cpu_price
{
	my ($value) = @_;

	$aas->safe_psql($Dcx::aas_db, "UPDATE products SET price = $value WHERE code = 'CPU_1GHZ'");
}

sub stats
{
	my ($session) = @_;
	my %stats;

	@stats{qw(catalog products loads reads hits)} =
	  split /\|/, $session->value('SELECT * FROM dcx_price_book_stats()');
	return \%stats;
}

# The error of every outage.
my %unreachable = (
	state => 'ZD008',
	message => 'the catalog cannot be reached',
	hint => qr/Its host and port are meant as seen from this database server\./);

my %timed_out = (hint => qr/^The server's own statement_timeout ended the query/);

subtest 'an ordinary role attaches by URL, with a password that the URL percent-encodes' => sub {
	is( $operator->value("SELECT relation, rows FROM dcx_attach_aas('$url')"),
		"aas.products|39\naas.categories|10\naas.terraform_vm_config|24",
		'three relations');
	is( $operator->value(<<'SQL'), 'dcx_aas|operator', 'server and mapping are its own');
SELECT s.srvname, m.usename FROM pg_foreign_server s JOIN pg_user_mappings m ON m.srvid = s.oid
 WHERE s.srvowner = 'operator'::regrole
SQL
	is($operator->value($price), '376.00', 'and it can price');
};

subtest 'one transaction, a thousand calls, one remote read' => sub {
	my $app = session($main, user => 'app');
	my $log = -s $aas->logfile;

	is($app->value("SELECT sum($cost), count(*) FROM generate_series(1, 1000)"), '376000.00|1000', 'one statement');
	my $stats = stats($app);
	is("$stats->{loads} $stats->{reads} $stats->{hits}", '1 1 999', 'as MAIN counts');
	is(remote_reads($aas, $log), 1, 'as AAS counts');

	$log = -s $aas->logfile;
	$app->value('BEGIN');
	$app->value($price) for 1 .. 50;
	$app->value("SELECT * FROM dcx_vm_quote('2GHZ', 1, 1, 'PREMIUM', 1)");
	$app->value(q{SELECT dcx_product_cost('RAM_GB', 3)});
	is($app->value(q{SELECT count(*) FROM dcx_template_costs('1GHZ', 'STANDARD')}), '24', 'templates priced');
	$app->value('SAVEPOINT a');
	$app->value($price);
	$app->value('ROLLBACK TO a');
	$app->value($price);
	$app->value('COMMIT');
	is(stats($app)->{reads}, 2, 'a transaction of many statements: one more read, as MAIN counts');
	is(remote_reads($aas, $log), 1, 'as AAS counts');
	is(remote_reads($aas, $log, 'terraform_vm_config'), 1, 'and one of the templates');

	$log = -s $aas->logfile;
	$app->value($price) for 1 .. 3;
	is(remote_reads($aas, $log), 3, 'three transactions, three reads');
	unlike(slurp_file($aas->logfile, $log), qr/\bcost\b/, 'cost is not even asked for');
	$app->close;
};

subtest 'a price committed in AAS' => sub {
	my $app = session($main, user => 'app');

	is($app->value($price), '376.00', 'before');
	set_cpu_price(100);
	is($app->value($price), '420.00', 'the next transaction sees it');

	$app->value('BEGIN');
	is($app->value($price), '420.00', 'read in a transaction');
	set_cpu_price(200);
	is($app->value($price), '420.00', 'a transaction that has read does not see it');
	is($app->value(q{SELECT price FROM dcx_vm_quote('1GHZ', 1, 1, 'STANDARD', 1) q(line, c, t, n, price, a) LIMIT 1}),
		'100.00', 'nor does another function');
	$app->value('COMMIT');
	is($app->value($price), '620.00', 'the transaction after it does');

	$app->value('BEGIN');
	$app->value('SELECT 1');
	set_cpu_price(78);
	is($app->value($price), '376.00', 'a transaction that has not read yet sees it');
	$app->value('COMMIT');
	$app->close;
};

subtest 'AAS is stopped and started again' => sub {
	my $app = session($main, user => 'app');
	my $fresh;

	is($app->value($price), '376.00', 'before');
	$aas->stop;
	for my $attempt ('at first', 'and again')
	{
		fails_with($app, $price, "with a connection from before, $attempt",
			%unreachable, detail => qr/could not connect to server "dcx_aas".*Connection refused/s);
	}
	$fresh = session($main, user => 'app');
	fails_with($fresh, $price, 'in a new session', %unreachable);
	fails_with($fresh, q{SELECT * FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40)}, 'a quote', %unreachable);
	fails_with($fresh, q{SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD')}, 'the templates', %unreachable);
	fails_with($fresh, q{SELECT dcx_product_cost('RAM_GB')}, 'a product', %unreachable);
	is($fresh->value('SELECT 1'), '1', 'the session goes on');
	fails_with($operator, "SELECT * FROM dcx_attach_aas('$url')", 'attaching', %unreachable);

	$aas->start;
	is($app->value($price), '376.00', 'the first statement after the start');
	is($fresh->value($price), '376.00', 'in the other session, too');

	$aas->stop;
	fails_with($app, $price, 'down', state => 'ZD008');
	$aas->start;
	set_cpu_price(79);
	is($app->value($price), '378.00', 'a price changed while nobody looked is there at once');
	set_cpu_price(78);
	$_->close for $app, $fresh;
};

for my $mode ('fast', 'immediate')
{
	subtest "an idle connection to AAS, and a restart ($mode)" => sub {
		my $app = session($main, user => 'app');

		is($app->value($price), '376.00', 'before');
		$aas->stop($mode);
		$aas->start;
		set_cpu_price(80);
		is($app->value($price), '380.00', 'the first statement succeeds, at the new price');
		$aas->stop($mode);
		$aas->start;
		set_cpu_price(78);
		$app->value('BEGIN');
		is($app->value($price), '376.00', 'so it does in a transaction block');
		$app->value('COMMIT');
		$app->close;
	};
}

subtest 'AAS is stopped in the middle of a transaction' => sub {
	my $app = session($main, user => 'app');

	$app->value('BEGIN');
	$app->value(q{INSERT INTO orders VALUES ('not read yet')});
	$aas->stop;
	fails_with($app, $price, 'before it was read', %unreachable);
	fails_with($app, 'SELECT 1', 'which fails the transaction', state => '25P02');
	$app->value('ROLLBACK');

	$app->value('BEGIN');
	$app->value('SAVEPOINT a');
	fails_with($app, $price, 'under a savepoint', %unreachable);
	$app->value('ROLLBACK TO a');
	$app->value(q{INSERT INTO orders VALUES ('went on')});
	$app->value('COMMIT');
	is($app->value('SELECT string_agg(what, $$,$$) FROM orders'), 'went on', 'a transaction can go on without it');
	$aas->start;

	# What was read stays true, and is served; but postgres_fdw has a transaction open there, which it cannot commit.
	for my $mode ('fast', 'immediate')
	{
		$app->value('BEGIN');
		$app->value(qq{INSERT INTO orders VALUES ('$mode')});
		is($app->value($price), '376.00', 'read');
		$aas->stop($mode);
		is($app->value($price), '376.00', "$mode stop: the transaction goes on with what it has read");
		fails_with($app, 'COMMIT', 'its commit fails, as postgres_fdw has it',
			state => 'ZD008', context => qr/^remote SQL command: COMMIT TRANSACTION/);
		is($app->value(qq{SELECT count(*) FROM orders WHERE what = '$mode'}), '0', 'and nothing of it is left');
		fails_with($app, $price, 'the next transaction finds AAS down', %unreachable);
		$aas->start;
		is($app->value($price), '376.00', 'and the one after the start finds it up');

		$app->value('BEGIN');
		is($app->value($price), '376.00', 'read');
		$aas->stop($mode);
		$app->value('ROLLBACK');
		$aas->start;
		is($app->value($price), '376.00', "$mode stop, then a rollback: nothing is left of it");

		$app->value('BEGIN');
		is($app->value($price), '376.00', 'read');
		$aas->stop($mode);
		$aas->start;
		set_cpu_price(90);
		is($app->value($price), '376.00', "$mode restart within a transaction: still what it has read");
		fails_with($app, 'COMMIT', 'and its commit fails', state => 'ZD008');
		is($app->value($price), '400.00', 'the next transaction reads anew');
		set_cpu_price(78);
	}
	$app->close;
};

subtest 'AAS ends sessions that are idle' => sub {
	my $app = session($main, user => 'app');

	$main->safe_psql($Dcx::main_db, q{ALTER SERVER dcx_aas OPTIONS (SET options '-c idle_session_timeout=500ms')});
	$app->value($price);
	for my $how ('in a statement', 'in a transaction block')
	{
		ok( $aas->poll_query_until($Dcx::aas_db,
				q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'dcx_pricing'}),
			'the connection has ended');
		$app->value('BEGIN') if $how =~ /block/;
		is($app->value($price), '376.00', "the next read works $how");
		$app->value('COMMIT') if $how =~ /block/;
	}
	$app->close;
};

subtest 'a catalog without a product' => sub {
	my $app = session($main, user => 'app');
	my %empty = (
		state => 'ZD008',
		message => 'the catalog has no products at all',
		detail => qr/aas\.products answered with no row, which is taken for an outage/,
		hint => qr/See whether it is the right database/);

	$main->safe_psql($Dcx::main_db, q{ALTER SERVER dcx_aas OPTIONS (DROP options)});
	is($app->value($price), '376.00', 'before');
	$aas->safe_psql($Dcx::aas_db,
		'CREATE TABLE kept AS TABLE products; DELETE FROM products');
	fails_with($app, $price, 'is an outage, not an empty book', %empty);
	fails_with($app, q{SELECT dcx_product_cost('NO_SUCH_CODE')}, 'for any code', %empty);
	$app->value('BEGIN');
	fails_with($app, $price, 'also in a transaction', %empty);
	$app->value('ROLLBACK');
	$aas->safe_psql($Dcx::aas_db, 'INSERT INTO products SELECT * FROM kept; DROP TABLE kept');
	is($app->value($price), '376.00', 'and over as soon as there is one');
	$app->close;
};

# Makes reads of products hang in AAS until the block ends.
sub while_hanging
{
	my ($block) = @_;
	my $locker = session($aas, database => $Dcx::aas_db);

	$locker->value('BEGIN');
	$locker->value('LOCK TABLE products IN ACCESS EXCLUSIVE MODE');
	$block->();
	$locker->value('ROLLBACK');
	$locker->close;
}

sub wait_until_hanging
{
	ok( $aas->poll_query_until($Dcx::aas_db, <<'SQL'), 'the read hangs in AAS');
SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'dcx_pricing' AND wait_event_type = 'Lock'
SQL
}

subtest 'AAS hangs' => sub {
	my $app = session($main, user => 'app');

	# The options that the first attach gave the server.
	$operator->value(q{SELECT * FROM dcx_detach('aas')});
	$operator->value("SELECT * FROM dcx_attach_aas('$url')");
	like($operator->value(q{SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'dcx_aas'}),
		qr/statement_timeout=5s/, 'the server object has a time-out');

	while_hanging(sub {
		my $began = time;

		fails_with($app, $price, 'its own time-out ends the statement',
			%unreachable, %timed_out, detail => qr/canceling statement due to statement timeout/);
		cmp_ok(time - $began, '<', 60, 'in seconds, not in minutes');

		$main->safe_psql($Dcx::main_db,
			q{ALTER SERVER dcx_aas OPTIONS (SET options '-c statement_timeout=200ms')});
		$app->value('BEGIN');
		$app->value('SAVEPOINT a');
		fails_with($app, $price, 'another time-out of the server object', %unreachable, %timed_out);
		$app->value('ROLLBACK TO a');
		is($app->value('SELECT 1'), '1', 'the transaction goes on after a rollback to a savepoint');
		fails_with($app, $price, 'and fails again', %unreachable, %timed_out);
		$app->value('ROLLBACK');
	});
	is($app->value($price), '376.00', 'it answers again: the next statement works');

	$operator->value("SELECT * FROM dcx_attach_aas('$url')");
	like($operator->value(q{SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'dcx_aas'}),
		qr/statement_timeout=200ms/, 'a time-out tuned by hand survives attaching again');
	$app->close;
};

subtest 'AAS breaks off in the middle of a read' => sub {
	my $app = session($main, user => 'app');
	my $reading = q{FROM pg_stat_activity WHERE application_name = 'dcx_pricing' AND wait_event_type = 'Lock'};
	my %ways = (
		'its session is terminated' => sub { $aas->safe_psql($Dcx::aas_db, "SELECT pg_terminate_backend(pid) $reading") },
		'its statement is cancelled' => sub { $aas->safe_psql($Dcx::aas_db, "SELECT pg_cancel_backend(pid) $reading") });

	$main->safe_psql($Dcx::main_db, q{ALTER SERVER dcx_aas OPTIONS (SET options '-c statement_timeout=5min')});
	for my $way (sort keys %ways)
	{
		while_hanging(sub {
			$app->start($price);
			wait_until_hanging();
			$ways{$way}->();
			my $error = $app->finish_error;
			is($error->{state}, 'ZD008', "$way: state") or diag($error->{text});
			is($error->{message}, 'the catalog cannot be reached', 'message');
			like($error->{hint}, $way =~ /session/ ? qr/^The session was ended there/ : qr/^The query was ended there/, 'hint');
		});
		is($app->value($price), '376.00', 'the next statement works');
	}

	# Not a fast stop: that also ends the locker's session, and if it ends first, the read gets its answer.
	my $locker = session($aas, database => $Dcx::aas_db);
	$locker->value('BEGIN');
	$locker->value('LOCK TABLE products IN ACCESS EXCLUSIVE MODE');
	$app->start($price);
	wait_until_hanging();
	$aas->stop('immediate');
	my $error = $app->finish_error;
	is($error->{state}, 'ZD008', 'an immediate shutdown: state') or diag($error->{text});
	is($error->{message}, 'the catalog cannot be reached', 'message');
	$aas->start;
	is($app->value($price), '376.00', 'the first statement after the start works');
	$locker->close;
	$app->close;
};

subtest 'a cancel of the user\'s own is no outage' => sub {
	my $app = session($main, user => 'app');

	$main->safe_psql($Dcx::main_db, q{ALTER SERVER dcx_aas OPTIONS (SET options '-c statement_timeout=5min')});
	while_hanging(sub {
		my %cancelled = (state => '57014', message => 'canceling statement due to user request', hint => '');

		$app->start($price);
		wait_until_hanging();
		$main->safe_psql($Dcx::main_db, "SELECT pg_cancel_backend($app->{pid})");
		my $error = $app->finish_error;
		is($error->{$_}, $cancelled{$_}, "pg_cancel_backend: $_") for sort keys %cancelled;

		$app->value(q{SET statement_timeout = '300ms'});
		fails_with($app, $price, 'statement_timeout',
			%cancelled, message => 'canceling statement due to statement timeout');
		$app->value('BEGIN');
		fails_with($app, $price, 'in a transaction block',
			%cancelled, message => 'canceling statement due to statement timeout');
		$app->value('ROLLBACK');
		fails_with($app, <<"SQL", 'in PL/pgSQL', state => 'P0001', message => 'caught 57014');
DO \$\$ BEGIN PERFORM $cost; EXCEPTION WHEN query_canceled THEN RAISE 'caught %', sqlstate; END \$\$
SQL
		$app->value('RESET statement_timeout');

		$operator->start("SELECT * FROM dcx_attach_aas('$url')");
		wait_until_hanging();
		$main->safe_psql($Dcx::main_db, "SELECT pg_cancel_backend($operator->{pid})");
		$error = $operator->finish_error;
		is($error->{$_}, $cancelled{$_}, "attach: $_") for sort keys %cancelled;
	});
	is($app->value($price), '376.00', 'it answers again: the next statement works');
	$app->close;
};

subtest 'a host that accepts connections and then says nothing' => sub {
	my $app = session($main, user => 'app');
	my ($postmaster) = slurp_file($aas->data_dir . '/postmaster.pid') =~ /\A(\d+)/;
	my $error;

	# So that the test ends even if nothing else ends the wait.
	$app->value(q{SET statement_timeout = '45s'});
	kill 'STOP', $postmaster;
	eval { $error = $app->error($price) };
	kill 'CONT', $postmaster;
	is($error->{state}, 'ZD008', 'is an outage, found by the server\'s own time-out');
	is($error->{message}, 'the catalog cannot be reached', 'and says so');
	is($app->value($price), '376.00', 'it goes on: the next statement works');
	$app->close;
};

subtest 'attaching again' => sub {
	my $app = session($main, user => 'app');
	my $oids = q{SELECT string_agg(c.oid::text, ',' ORDER BY c.oid) || ' ' || s.oid
		FROM pg_foreign_table t JOIN pg_class c ON c.oid = ftrelid JOIN pg_foreign_server s ON s.oid = ftserver
		GROUP BY s.oid};
	my $before = $operator->value($oids);
	my $other_url = aas_url($aas, database => 'aas_moved');

	is($app->value($price), '376.00', 'before');
	$aas->safe_psql('postgres', qq{CREATE DATABASE aas_moved TEMPLATE "$Dcx::aas_db"})
	  if $aas->poll_query_until('postgres', <<"SQL");
SELECT count(pg_terminate_backend(pid)) = 0 FROM pg_stat_activity WHERE datname = '$Dcx::aas_db'
SQL
	$aas->safe_psql('aas_moved', q{UPDATE products SET price = 178 WHERE code = 'CPU_1GHZ'});

	$app->value('BEGIN');
	is($app->value($price), '376.00', 'a transaction has read');
	$operator->value("SELECT * FROM dcx_attach_aas('$other_url')");
	is($app->value($price), '376.00', 'and stays where it has read');
	$app->value('COMMIT');
	is($app->value($price), '576.00', 'another URL: the next transaction reads there');
	is($operator->value($oids), $before, 'nothing was dropped or made');

	$operator->value('BEGIN');
	is($operator->value($price), '576.00', 'a transaction of the operator\'s own has read');
	$operator->value("SELECT * FROM dcx_attach_aas('$other_url')");
	is($operator->value($price), '576.00', 'it can attach the same again');
	fails_with($operator, "SELECT * FROM dcx_attach_aas('$url')", 'but nothing else',
		state => '55006',
		message => 'server "dcx_aas" has been read from in this transaction',
		hint => 'COMMIT or ROLLBACK, then attach.');
	$operator->value('ROLLBACK');
	is($operator->value($price), '576.00', 'which changed nothing');

	$aas->safe_psql('postgres', q{ALTER ROLE aas_reader PASSWORD 'changed'});
	is($app->value($price), '576.00', 'a password changed in AAS does not end a connection');
	my $fresh = session($main, user => 'app');
	fails_with($fresh, $price, 'but keeps new ones from being made',
		state => 'ZD008', detail => qr/password authentication failed for user "aas_reader"/);
	$operator->value(q{SELECT * FROM dcx_attach_aas('} . aas_url($aas, password => 'changed') . q{')});
	is($fresh->value($price), '376.00', 'until it is attached with the new one');
	$aas->safe_psql('postgres', "ALTER ROLE aas_reader PASSWORD '$Dcx::aas_password'");
	$operator->value("SELECT * FROM dcx_attach_aas('$url')");
	is($fresh->value($price), '376.00', 'and back');
	$_->close for $app, $fresh;
};

subtest 'a database that is no catalog' => sub {
	my $app = session($main, user => 'app');

	$aas->safe_psql('postgres', 'CREATE DATABASE bare_db');
	$aas->safe_psql('bare_db', 'CREATE TABLE invoices (id integer); CREATE TABLE customers (id integer)');
	fails_with($operator, q{SELECT * FROM dcx_attach_aas('} . aas_url($aas, database => 'bare_db') . q{')}, 'is refused',
		state => '42P01',
		message => 'database "bare_db" is not a product catalog',
		detail => 'Expected in its schema "public": products, categories, terraform_vm_config. '
		  . 'Found: customers, invoices.',
		hint => qr/^Check the database in the URL/);
	fails_with($operator, q{SELECT * FROM dcx_attach_aas('} . aas_url($aas, database => 'nowhere') . q{')},
		'one that does not exist is unreachable', %unreachable, detail => qr/database "nowhere" does not exist/,
		hint => qr/^See the name of the database in the URL/);
	is($app->value($price), '376.00', 'and the catalog attached before is as it was');
	$app->close;
};

subtest 'AAS behind a view, and behind a partition' => sub {
	my $app = session($main, user => 'app');

	$operator->value(<<'SQL');
CREATE SCHEMA viewed;
CREATE VIEW viewed.products AS SELECT code, title, price FROM aas.products;
CREATE SCHEMA parted;
CREATE TABLE parted.products (code text, title text, price float8) PARTITION BY LIST (code);
CREATE FOREIGN TABLE parted.elsewhere PARTITION OF parted.products DEFAULT
	SERVER dcx_aas OPTIONS (schema_name 'public', table_name 'products')
SQL
	for my $schema ('viewed', 'parted')
	{
		$operator->value("SELECT * FROM dcx_attach_aas(NULL, '$schema')");
		is($app->value($price), '376.00', "$schema: priced");
		$aas->stop;
		fails_with($app, $price, "$schema: AAS is down", %unreachable, detail => qr/Connection refused/);
		$aas->start;
		set_cpu_price(79);
		is($app->value($price), '378.00', "$schema: the first statement after the start, at the new price");
		set_cpu_price(78);
	}
	$operator->value("SELECT * FROM dcx_attach_aas('$url')");
	is($app->value($price), '376.00', 'and the foreign table itself again');
	$app->close;
};

# How much memory a session uses after so many outages of each kind.
sub held
{
	my ($session, $times) = @_;

	for (1 .. $times)
	{
		my $error = $session->error($price);

		return "no outage but $error->{text}" if $error->{state} ne 'ZD008';
		$session->value(<<"SQL");
DO \$\$ BEGIN PERFORM $cost; EXCEPTION WHEN SQLSTATE 'ZD008' THEN NULL; END \$\$
SQL
	}
	return $session->value(<<'SQL');
SELECT sum(total_bytes) FROM pg_backend_memory_contexts
SQL
}

subtest 'outages leave no memory behind' => sub {
	my $app = session($main);
	my %kinds = (
		'a host that refuses' => [ sub { $aas->stop }, sub { $aas->start } ],
		'a catalog without a product' => [
			sub { $aas->safe_psql($Dcx::aas_db, 'ALTER TABLE products RENAME TO kept; CREATE TABLE products (LIKE kept)') },
			sub { $aas->safe_psql($Dcx::aas_db, 'DROP TABLE products; ALTER TABLE kept RENAME TO products') }
		]);

	for my $kind (sort keys %kinds)
	{
		is($app->value($price), '376.00', 'before');
		$kinds{$kind}[0]->();
		$aas->safe_psql($Dcx::aas_db, 'GRANT SELECT ON products TO aas_reader') if $kind =~ /product/;
		my $few = held($app, 20);
		my $many = held($app, 180);
		like($few, qr/^\d+$/, "$kind, 20 times");
		like($many, qr/^\d+$/, "$kind, 200 times");
		cmp_ok($many, '<', $few * 1.25 + 200_000, "$few bytes became $many");
		$kinds{$kind}[1]->();
	}
	is($app->value($price), '376.00', 'and the session works as before');
	$app->close;
};

$operator->close;
$aas->stop;
$main->stop;
done_testing();
