# What docs/operations.md says: what a dump contains, a restore onto a server without the library, replicas, pgbouncer,
# different versions, the morning after an outage.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Bouncer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main', init => { allows_streaming => 1 });
my $url = aas_url($aas);
my $directory = PostgreSQL::Test::Utils::tempdir();
my $in_aas = session($aas, database => $Dcx::aas_db);
my $super = session($main);

$in_aas->value($_) for 'CREATE EXTENSION dcx_pricing', 'SELECT * FROM dcx_attach_updated_at()';
$super->value("SELECT * FROM dcx_attach_aas('$url')");
$super->value($_) for 'SELECT * FROM dcx_attach_wallet()', 'SELECT * FROM dcx_attach_updated_at()',
  'CREATE ROLE app LOGIN; GRANT SELECT ON "OrganisationWallet" TO app',
  'ALTER TABLE "OrganisationWallet" ALTER COLUMN balance TYPE numeric',
  q{ALTER DATABASE main SET dcx_pricing.max_price_age = '1h'}, q{ALTER DATABASE main SET dcx_pricing.on_outage = 'saved'};
may_move_money($main, 'app');
$_->close for $super;
$super = session($main);
$super->value(q{SELECT * FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order')});
is($super->value(q{SELECT * FROM dcx_check() WHERE area <> 'updated_at'}), '', 'all is well');

subtest 'a dump' => sub {
	$main->command_ok([ 'pg_dump', '-f', "$directory/plain", $Dcx::main_db ], 'of MAIN');
	$main->command_ok([ 'pg_dump', '-C', '-f', "$directory/create", $Dcx::main_db ], 'of MAIN, with -C');
	$aas->command_ok([ 'pg_dump', '-f', "$directory/aas", $Dcx::aas_db ], 'of AAS');
	$main->command_like([ 'pg_dumpall', '--globals-only' ], qr/CREATE ROLE app;/, 'the roles');
	my ($plain, $create, $of_aas) = map { slurp_file("$directory/$_") } 'plain', 'create', 'aas';

	like($plain, qr/CREATE USER MAPPING FOR \S+ SERVER dcx_aas OPTIONS \([^;]*password '\Q$Dcx::aas_password\E'/,
		'the password in clear');
	like($plain, qr/^COPY dcx\.$_ .*FROM stdin;\n[^\\]/m, "dcx.$_ with rows") for qw(binding price_book wallet_account
	  wallet_entry wallet_hold wallet_key);
	like($plain, qr/CREATE TRIGGER "000_dcx_wallet"/, 'the triggers of the wallet');
	like($plain, qr/ENABLE ALWAYS TRIGGER "000_dcx_wallet";/, 'as they are');
	like($plain, qr/CREATE TRIGGER zzz_dcx_updated_at/, 'those of updatedAt');
	like($plain, qr/GRANT ALL ON FUNCTION public\.dcx_vm_reserve\(/, 'rights on the functions');
	unlike($plain, qr/CREATE FUNCTION public\.dcx_/, 'not the functions');
	unlike($plain, qr/max_price_age/, 'and not the settings of the database');
	like($create, qr/ALTER DATABASE main SET "?dcx_pricing\.max_price_age"? TO '1h'/, 'which -C has');
	unlike($create, qr/CREATE ROLE/, 'nor the roles');
	like($of_aas, qr/CREATE EXTENSION IF NOT EXISTS dcx_pricing.*CREATE TRIGGER zzz_dcx_updated_at/s,
		'AAS: the extension and its triggers');
};

subtest 'restored onto a server without the library' => sub {
	my ($path) = grep { $super->value("SELECT count(*) FROM pg_settings WHERE name = '$_'") } 'extension_destdir',
	  'extension_control_path';
	my $with = $path ? $super->value("SHOW $path") : '';
	my $node = PostgreSQL::Test::Cluster->new('bare');

	$node->init(extra => [ '--username', 'postgres' ]);
	$node->append_conf('postgresql.conf', ($path // '') eq 'extension_destdir' ? "$path = ''" : "$path = '\$system'") if $path;
	$node->append_conf('postgresql.conf', q{dynamic_library_path = '$libdir'});
	$node->start;
	plan skip_all => 'the library is installed on this machine'
	  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'dcx_pricing'}) ne '0';

	$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
	$node->safe_psql('postgres', qq{CREATE DATABASE "$Dcx::main_db" TEMPLATE template0});
	my ($out, $err) = run_command([ 'psql', '-X', '-q', '-h', $node->host, '-p', $node->port, '-d', $Dcx::main_db,
		'-f', "$directory/plain" ]);
	my @errors = $err =~ /ERROR:\s+(.*)/g;
	my @other = grep { !/dcx_pricing|function public\.dcx_|"000_dcx_wallet|zzz_dcx_updated_at/ } @errors;
	cmp_ok(scalar @errors, '>', 0, 'it says what it cannot restore');
	is("@other", '', 'which is the extension, its functions and its triggers');
	my $all = q{SELECT 'x', count(*), sum(amount) FROM dcx.wallet_entry};
	is($node->safe_psql($Dcx::main_db, $all), $super->value($all), 'the ledger is there');
	is($node->safe_psql($Dcx::main_db, 'SELECT count(*) FROM dcx.price_book'), '1', 'so is the book');
	is($node->safe_psql($Dcx::main_db, 'SELECT count(*) FROM aas.products'), '39',
		'and the catalog, by its foreign tables');
	like(($node->psql($Dcx::main_db, 'DELETE FROM dcx.wallet_entry'))[2], qr/is refused/, 'the ledger is guarded');
	$node->safe_psql($Dcx::main_db, q{UPDATE "OrganisationWallet" SET balance = 900 WHERE "organisationId" = 'org-acme'});

	# The library is installed.
	if ($path)
	{
		$node->append_conf('postgresql.conf', "$path = '$with'");
		$node->append_conf('postgresql.conf', "dynamic_library_path = '" . $super->value('SHOW dynamic_library_path') . "'");
	}
	$node->reload;
	my $there = session($node);
	$there->value('CREATE EXTENSION dcx_pricing');
	is($there->value(q{SELECT area, severity, object, problem FROM dcx_check() WHERE severity = 'error'}),
		"wallet|error|org-acme|the balance is not what the entries add up to\n"
		  . 'wallet|error|public."OrganisationWallet"|a trigger that writes the ledger is missing',
			'then dcx_check knows');
	like($there->value(q{SELECT problem FROM dcx_check('connection')}), qr/^this database is not the one that attached the catalog$/m,
		'also that this is a copy');
	is($there->value(<<'SQL'), '1|-100.00', 'its fix reconciles');
SELECT * FROM dcx_attach_wallet() \g /dev/null
SELECT count(*), sum(amount) FROM dcx.wallet_entry WHERE organisation = 'org-acme' AND kind = 'external'
SQL
	$there->value("SELECT * FROM dcx_attach_aas()");
	$there->value("SELECT * FROM dcx_attach_updated_at()");
	is($there->value(q{SELECT area, severity, object, problem FROM dcx_check() WHERE severity <> 'info' AND area <> 'settings'}),
		'', 'attached once more, all is well');
	is($there->value("SELECT $Dcx::cost"), '376.00', 'and prices');
	like($there->value(q{SELECT dcx_wallet_available('org-acme')}), qr/^524\.00$/, 'the hold holds');
	fails_with(session($node, user => 'app'), q{SELECT * FROM dcx_wallet_debit('org-acme', 1, 'a')},
		'rights on the functions are to be granted again', state => '42501');
	$there->close;
	$node->stop;
};

subtest 'versions that differ' => sub {
	$super->value(q{UPDATE pg_extension SET extversion = '0.9' WHERE extname = 'dcx_pricing'});
	is( $super->value(q{SELECT severity, problem, detail FROM dcx_check('settings')}),
		'error|the library is of another version|The library is 1.0, the extension 0.9.', 'are an error');
	is($super->value("SELECT $Dcx::cost"), '376.00', 'prices are answered all the same');
	$super->value(q{UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'dcx_pricing'});
	$super->value('ALTER EXTENSION dcx_pricing UPDATE');
	like($super->notices, qr/already installed/, 'UPDATE has nothing to do where they are the same');
};

subtest 'a streaming replica' => sub {
	my $standby = PostgreSQL::Test::Cluster->new('standby');

	$main->backup('base');
	$standby->init_from_backup($main, 'base', has_streaming => 1);
	$standby->start;
	$main->wait_for_catchup($standby, 'replay', $main->lsn('insert'));
	my $reading = session($standby);
	is($reading->value("SELECT $Dcx::cost"), '376.00', 'prices');
	is($reading->value('SELECT source FROM dcx_price_book_stats()'), 'saved', 'by the saved book');
	$reading->value(q{SET dcx_pricing.max_price_age = 0});
	is($reading->value("SELECT $Dcx::cost"), '376.00', 'and live: the foreign tables are read from here');
	is($reading->value('SELECT source FROM dcx_price_book_stats()'), 'live', 'indeed');
	is($reading->value('SELECT dcx_wallet_available($$org-acme$$)'), '624.00', 'what is available');
	is($reading->value(q{SELECT area, severity, problem FROM dcx_check() WHERE area NOT IN ('updated_at', 'settings')}), '',
		'it can be checked');
	is($reading->value(q{SELECT value FROM dcx_health() WHERE name = 'wallets'}), '11', 'it has its health');
	fails_with($reading, $_, $_, state => '25006') for 'SELECT * FROM dcx_maintain()', 'SELECT * FROM dcx_price_book_save()',
	  q{SELECT * FROM dcx_wallet_debit('org-acme', 1, 'no')};
	$standby->promote;
	is($reading->value(q{SELECT area, severity, problem FROM dcx_check() WHERE area NOT IN ('updated_at', 'settings')}), '',
		'promoted: nothing to mend');
	like($reading->value('SELECT * FROM dcx_maintain()'), qr/^price book\|book 1 was seen again/,
		'and maintenance goes on');
	$reading->close;
	$standby->stop;
};

subtest 'pgbouncer before MAIN, in transaction mode' => sub {
	plan skip_all => 'pgbouncer is not installed: test/cluster install pgbouncer' unless Dcx::Bouncer::program();
	my $bouncer = Dcx::Bouncer->new($main, database => $Dcx::main_db, user => 'app', sessions => 1);
	my @clients = map { Dcx::Session->new('host=' . $bouncer->host . ' port=' . $bouncer->port . " dbname=$Dcx::main_db user=app") } 1, 2;

	for my $client (@clients, @clients)
	{
		is($client->value("SELECT $Dcx::cost"), '376.00', 'prices');
		is($client->value('SELECT source FROM dcx_price_book_stats()'), 'saved', 'as the database has it set');
	}
	# The reason not to use SET.
	$clients[0]->value(q{SET work_mem = '77MB'});
	is($clients[1]->value('SHOW work_mem'), '77MB', 'which one client does for the next');
	$_->close for @clients;
	$bouncer->stop;
};

subtest 'pgbouncer before AAS' => sub {
	plan skip_all => 'pgbouncer is not installed: test/cluster install pgbouncer' unless Dcx::Bouncer::program();
	$aas->safe_psql('postgres', q{ALTER ROLE aas_reader SET statement_timeout = '5s'});
	my $bouncer = Dcx::Bouncer->new($aas, database => $Dcx::aas_db, user => 'aas_reader', sessions => 2);
	my $through = sub { aas_url($aas, host => $bouncer->host =~ s|/|%2F|gr, port => $bouncer->port, parameters => $_[0]) };

	$super->value('BEGIN');
	like($super->error("SELECT * FROM dcx_attach_aas('" . $through->('schema=public') . "')")->{text},
		qr/unsupported startup parameter/, 'it refuses options');
	$super->value('ROLLBACK');
	$super->value("SELECT * FROM dcx_attach_aas('" . $through->('schema=public&pgbouncer=true') . "')");
	my $session = Dcx::Session->new('host=' . $bouncer->host . ' port=' . $bouncer->port . " dbname=$Dcx::aas_db user=aas_reader");
	is($session->value('SHOW statement_timeout'), '5s', 'the role brings its own');
	$session->close;
	$session = session($main);
	$session->value('SET dcx_pricing.max_price_age = 0');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'with pgbouncer=true prices are read') for 1, 2;
	is($session->value(q{SELECT severity, problem FROM dcx_check('connection') WHERE problem NOT LIKE '%_timeout'}), '',
		'and checked');
	is($session->value(q{SELECT value FROM dcx_health() WHERE name = 'reachable'}), 'true', 'and its health');
	$session->close;
	$super->value("SELECT * FROM dcx_attach_aas('$url')");
	$bouncer->stop;
};

subtest 'the morning after' => sub {
	$super->value(q{ALTER DATABASE main SET dcx_pricing.max_price_age = '1s'});
	$super->value(q{UPDATE dcx.price_book SET first_seen_at = now() - interval '9 hours', last_seen_at = now() - interval '8 hours'});
	$aas->stop('immediate');
	my $night = session($main);
	like($night->value(q{SELECT cost FROM dcx_vm_reserve('org-globex', '1GHZ', 1, 1, 'STANDARD', 10, 'at night')}), qr/^133\.00$/,
		'orders go on');
	like($night->notices, qr/^WARNING:\s+ZD008: /m, 'with a warning');
	is($night->value(q{SELECT source FROM dcx_price_book_stats()}), 'saved', 'by the saved book');
	is( $night->value(q{SELECT name, value FROM dcx_health() WHERE name IN ('reachable', 'latency_ms', 'book_age', 'source', 'products')}) =~ s/book_age\|288../book_age|288../r,
		"reachable|false\nlatency_ms|\nproducts|\nbook_age|288..\nsource|saved", 'health');
	like($night->value(q{SELECT object, problem, detail FROM dcx_check('connection')}), qr/^server dcx_aas\|the server cannot be reached\|.*refused/,
		'check');
	is($night->value(q{SELECT problem, fix FROM dcx_check('settings')}), 'no book of AAS was saved within it|', 'which cannot be helped now');
	unlike($night->value('SELECT * FROM dcx_check()') . $night->value('SELECT * FROM dcx_health()'), qr/read\@aas|read%40/,
		'without a password');
	is( $night->value(q{SELECT organisation, idempotency_key FROM dcx.wallet_hold WHERE held_at - (quote ->> 'read_at')::timestamptz > '1 hour'}),
		'org-globex|at night', 'what was priced from an old book');
	$night->close;
	like(slurp_file($main->logfile), qr/WARNING: +the catalog cannot be reached: prices are those last seen at/, 'the log has it');
	$aas->start;
	$super->value(session($main)->value(q{SELECT fix FROM dcx_check('settings')}));
	is($super->value(q{SELECT problem FROM dcx_check('connection')}), '', 'AAS is back');
};

subtest 'what grows' => sub {
	my $size = sub { $super->value("SELECT pg_total_relation_size('dcx.$_[0]')") };
	my ($entries, $keys, $books) = map { $size->($_) } qw(wallet_entry wallet_key price_book);

	$super->value(q{SELECT count(*) FROM generate_series(1, 5000) i, dcx_wallet_credit('org-acme', 1, 'grow' || i)});
	my $bytes = ($size->('wallet_entry') - $entries + $size->('wallet_key') - $keys) / 5000;
	cmp_ok($bytes, '<', 500, 'a movement is some hundred bytes');
	note "$bytes bytes a movement";
	$super->value('SELECT * FROM dcx_price_book_save()') for 1 .. 100;
	is($super->value('SELECT count(*) FROM dcx.price_book'), '1', 'a book that is seen again is no new row');
	cmp_ok($size->('price_book'), '<', 5 * $books, 'nor much room');
	# What a scheduler's calls have found.
	$super->value($_) for 'CREATE TABLE maintenance AS SELECT now() AS at, * FROM dcx_maintain() WITH NO DATA',
	  'INSERT INTO maintenance SELECT now(), * FROM dcx_maintain()';
	is($super->value(q{SELECT result FROM maintenance WHERE task = 'check'}), 'no errors',
		'dcx_maintain keeps what it says in a table');
};

$_->close for $super, $in_aas;
$_->stop for $aas, $main;
done_testing();
