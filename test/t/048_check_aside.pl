# dcx_check() changes nothing: not in a read-only transaction, on a standby, in a transaction that fails, or if the
# catalog is lost while it is read.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Proxy;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main', conf => "dcx_pricing.max_price_age = '1h'\n", init => { allows_streaming => 1 });
my $proxy = Dcx::Proxy->new($aas);
my $super = session($main);
my $problems = "SELECT area, severity, object, problem FROM dcx_check() WHERE severity <> 'info'";
my $unreached = 'connection|error|server dcx_aas|the server cannot be reached';

$aas->safe_psql($Dcx::aas_db, 'CREATE EXTENSION dcx_pricing; SELECT * FROM dcx_attach_updated_at()');
$super->value('SELECT * FROM dcx_attach_updated_at()');
$super->value("SELECT * FROM dcx_attach_aas('" . aas_url($aas, port => $proxy->port) . "')");
$super->value('SELECT * FROM dcx_attach_wallet(); CREATE TABLE orders (what text)');

# All that is in MAIN.
sub everything
{
	$main->run_log([ 'pg_dump', '-f', $main->basedir . '/everything', $main->connstr($Dcx::main_db) ]);
	return slurp_file($main->basedir . '/everything') =~ s/^\\(?:un)?restrict .*$//gmr;
}

subtest 'nothing is changed' => sub {
	my $before = everything();
	my $log = -s $aas->logfile;
	my $writes = qr/statement: (?:INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|GRANT|SELECT .* FOR UPDATE)/;

	is($super->value($problems), '', 'a look');
	ok(everything() eq $before, 'MAIN is as before');
	like(slurp_file($aas->logfile, $log), qr/jsonb_build_object/, 'AAS was asked');
	unlike(slurp_file($aas->logfile, $log), $writes, 'for nothing but what is there');

	$super->value('BEGIN');
	$super->value($problems);
	is($super->value('SELECT pg_current_xact_id_if_assigned() IS NULL'), 't', 'no transaction id is taken');
	is($super->value(q{SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype <> 'virtualxid' AND mode <> 'AccessShareLock'}),
		'0', 'no lock but those of reading');
	$super->value('COMMIT');
	is($aas->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"),
		'0', 'AAS is not kept waiting');
};

subtest 'in a transaction of any kind' => sub {
	for my $kind ('READ ONLY', 'ISOLATION LEVEL REPEATABLE READ', 'ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE')
	{
		$super->value("BEGIN $kind");
		is($super->value($problems), '', $kind);
		is($super->value('SELECT 1'), '1', 'which goes on');
		$super->value('COMMIT');
	}
	$super->value('BEGIN; INSERT INTO orders VALUES (1)');
	is($super->value($problems), '', 'one that has written');
	$super->error('SELECT 1 / 0');
	$super->value('ROLLBACK');
	is($super->value('SELECT count(*) FROM orders'), '0', 'and is taken back');
	$super->value('BEGIN; SAVEPOINT a');
	is($super->value($problems), '', 'after a savepoint');
	$super->error('SELECT 1 / 0');
	$super->value('ROLLBACK TO a');
	is($super->value($problems), '', 'that is gone back to');
	$super->value('COMMIT');
	is($super->value('DECLARE c CURSOR WITH HOLD FOR SELECT * FROM dcx_check()'), '', 'as a cursor');
	$super->value('CLOSE c');
};

subtest 'the catalog is not there: the transaction goes on' => sub {
	$aas->stop;
	$super->value('BEGIN; INSERT INTO orders VALUES (1)');
	is($super->value($problems), $unreached, 'a row');
	$super->value('COMMIT');
	is($super->value('SELECT count(*) FROM orders'), '1', 'and it commits');
	$aas->start;
};

for my $how ('cut', 'stall')
{
	for my $part ('products', 'categories', 'terraform_vm_config')
	{
		subtest "$how while the rows of $part are read" => sub {
			$super->value('TRUNCATE orders');
			$super->value('BEGIN; INSERT INTO orders VALUES (1)');
			$proxy->at("FROM public.$part", 1, 60, $how);
			is($super->value($problems), "catalog|error|$part|this could not be looked at", 'a row');
			is($proxy->struck, 1, 'it was struck');
			$super->value('COMMIT');
			is($super->value('SELECT count(*) FROM orders'), '1', 'and it commits');
			$proxy->pass;
			is($super->value($problems), '', 'the next look');
			$proxy->at("FROM public.$part", 1, 60, $how);
			$super->value('BEGIN; INSERT INTO orders VALUES (2)');
			is($super->value(q{SELECT value FROM dcx_health() WHERE name IN ('reachable', 'wallets')}), "true\n11", 'health');
			$super->value('COMMIT');
			is($super->value('SELECT count(*) FROM orders'), '2', 'commits, too');
			$proxy->pass;
		};
	}
}

# Saving reads through postgres_fdw, which fails the transaction if its connection was lost: then nothing is saved.
subtest 'the catalog is lost while a book of it is saved' => sub {
	my $maintain = 'INSERT INTO orders SELECT task FROM dcx_maintain()';

	$super->value('TRUNCATE orders');
	$proxy->at('FROM public.products', 1, 60, 'cut');
	fails_with($super, $maintain, 'the call fails at its end', state => 'ZD008');
	is($proxy->struck, 1, 'it was struck');
	is($super->value('SELECT count(*) FROM orders'), '0', 'and has done nothing');
	$proxy->pass;
	$super->value($maintain);
	is($super->value(q{SELECT string_agg(DISTINCT what, ' ' ORDER BY what) FROM orders}), 'analyze check holds price book', 'the next one does all');
};

# A view, or a table with a foreign partition, is read by postgres_fdw, but not where its server does not answer.
subtest 'what is read by way of foreign tables' => sub {
	$super->value($_) for 'CREATE SCHEMA seen',
	  'CREATE VIEW seen.inner_products AS SELECT * FROM aas.products',
	  'CREATE VIEW seen.products WITH (security_invoker) AS SELECT * FROM seen.inner_products',
	  'CREATE TABLE seen.categories (LIKE aas.categories)',
	  q{CREATE FOREIGN TABLE seen.more_categories () INHERITS (seen.categories) SERVER dcx_aas
		OPTIONS (schema_name 'public', table_name 'categories')},
	  'CREATE TABLE seen.terraform_vm_config (LIKE aas.terraform_vm_config) PARTITION BY LIST (id)',
	  q{CREATE FOREIGN TABLE seen.all_templates PARTITION OF seen.terraform_vm_config DEFAULT SERVER dcx_aas
		OPTIONS (schema_name 'public', table_name 'terraform_vm_config')},
	  q{SELECT * FROM dcx_attach_aas(NULL, 'seen') \g /dev/null};
	$super->value($_) for q{SELECT fix FROM dcx_check() WHERE object ~ '^seen' AND fix IS NOT NULL \gexec /dev/null};
	is($super->value($problems), "schema|warning|seen.categories|there is no primary key\n"
		. 'schema|warning|seen.terraform_vm_config|there is no primary key', 'which is in order');
	is($super->value(q{SELECT value FROM dcx_health() WHERE name IN ('reachable', 'products')}), "true\n39", 'health');

	for my $how ('stopped', 'mute')
	{
		$super->value('TRUNCATE orders');
		$how eq 'mute' ? $proxy->mute : $aas->stop;
		$super->value('BEGIN; INSERT INTO orders VALUES (1)');
		is($super->value($problems), $unreached, "$how: a row");
		is($super->value(q{SELECT value FROM dcx_health() WHERE name = 'reachable'}), 'false', 'health');
		$super->value('COMMIT');
		is($super->value('SELECT count(*) FROM orders'), '1', 'and it commits');
		$how eq 'mute' ? $proxy->pass : $aas->start;
	}

	# A cancel on another server is not a cancel of this session.
	$aas->safe_psql($Dcx::aas_db, <<'SQL');
CREATE FUNCTION cancelled() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now' USING ERRCODE = 'query_canceled'; END $$;
ALTER TABLE categories RENAME TO all_categories;
CREATE VIEW categories AS SELECT * FROM all_categories WHERE cancelled() IS NOT NULL;
GRANT SELECT ON categories TO aas_reader
SQL
	is($super->value("$problems AND area <> 'schema'"), 'catalog|error|categories|this could not be looked at', 'a cancel there is a row');
	$aas->safe_psql($Dcx::aas_db, 'DROP VIEW categories; ALTER TABLE all_categories RENAME TO categories');

	# On another server than the products.
	$super->value($_) for 'CREATE SERVER dead FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host $$127.0.0.1$$, port $$1$$)',
	  'CREATE USER MAPPING FOR postgres SERVER dead', 'DROP FOREIGN TABLE seen.more_categories',
	  'CREATE FOREIGN TABLE seen.dead_categories () INHERITS (seen.categories) SERVER dead';
	is($super->value("$problems AND area <> 'schema'"), 'catalog|error|categories|this could not be looked at', 'a row');
	like($super->value(q{SELECT detail FROM dcx_check('catalog') WHERE object = 'categories'}),
		qr/^seen\.categories cannot be read: Server "dead": .*Connection refused Is the server running .*\?$/, 'and why');

	# Wallets can be read through another server, too.
	$aas->safe_psql($Dcx::aas_db, <<'SQL');
CREATE TABLE wallets (org text PRIMARY KEY, balance numeric NOT NULL);
INSERT INTO wallets VALUES ('a', 100);
GRANT SELECT ON wallets TO aas_reader
SQL
	$super->value($_) for q{CREATE FOREIGN TABLE seen.wallets (org text, balance numeric) SERVER dcx_aas OPTIONS (schema_name 'public')},
	  q{SELECT * FROM dcx_attach_aas(NULL, 'aas') \g /dev/null}, q{SELECT * FROM dcx_detach('wallet') \g /dev/null}, q{SELECT * FROM dcx_attach_wallet('seen.wallets', 'org') \g /dev/null};
	is($super->value(q{SELECT value FROM dcx_health() WHERE name = 'wallets'}), '1', 'wallets there are counted');
	$proxy->mute;
	is($super->value($problems), "$unreached\nwallet|error|dcx_check|this could not be looked at", 'out of reach: a row');
	$proxy->pass;
	$super->value($_) for q{SELECT * FROM dcx_detach('wallet') \g /dev/null}, q{SELECT * FROM dcx_attach_wallet() \g /dev/null}, 'DROP SCHEMA seen CASCADE', 'DROP SERVER dead CASCADE';
	$aas->safe_psql($Dcx::aas_db, 'DROP TABLE wallets');
	is($super->value($problems), '', 'as before');
};

# A slow answer is an answer: only silence is an outage. (A row is longer than what the server sends at once.)
subtest 'an answer that takes its time' => sub {
	$aas->safe_psql($Dcx::aas_db, <<'SQL');
ALTER TABLE categories RENAME TO all_categories;
CREATE VIEW categories AS SELECT *, pg_sleep(0.7)::text || repeat('x', 10000) AS slow FROM all_categories;
GRANT SELECT ON categories TO aas_reader
SQL
	is($super->value(q{SELECT object, problem, detail FROM dcx_check('catalog') WHERE severity = 'error'}), '', 'is waited for');
	$aas->safe_psql($Dcx::aas_db, 'DROP VIEW categories; ALTER TABLE all_categories RENAME TO categories');
	is($super->value($problems), '', 'as before');
};

# The check waits for locks, but not for ever; the other areas are still checked.
subtest 'a table that is locked' => sub {
	my $other = session($main);

	for my $table ([ '"OrganisationWallet"', 'wallet' ], [ 'dcx.price_book', 'catalog' ], [ 'dcx.binding', 'connection' ])
	{
		$other->value("BEGIN; LOCK TABLE $table->[0] IN ACCESS EXCLUSIVE MODE");
		like($super->value($problems), qr/^$table->[1]\|error\|dcx_check\|this could not be looked at$/m, "$table->[0]: a row");
		like($super->value('SELECT detail FROM dcx_check()'), qr/canceling statement due to lock timeout/, 'and why');
		is($super->value('SHOW lock_timeout'), '0', 'as it was set');
		isnt($super->value('SELECT count(*) FROM dcx_health()'), '0', 'health');
		$other->value('ROLLBACK');
	}
	$other->close;
	is($super->value($problems), '', 'the next look');
};

subtest 'the user cancels' => sub {
	$proxy->mute;
	$super->value(q{SET statement_timeout = '500ms'});
	is($super->error('SELECT * FROM dcx_check()')->{state}, '57014', 'which is no row');
	$super->value('RESET statement_timeout');
	$proxy->pass;
	is($super->value($problems), '', 'the next look');
};

subtest 'on a hot standby' => sub {
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	my $reading;

	$main->backup('base');
	$standby->init_from_backup($main, 'base', has_streaming => 1);
	$standby->start;
	$main->wait_for_catchup($standby, 'replay', $main->lsn('insert'));
	$reading = session($standby);
	is($reading->value('SELECT pg_is_in_recovery()'), 't', 'it may only read');
	is($reading->value($problems), '', 'all is well');
	$aas->stop;
	is($reading->value($problems), $unreached, 'or not');
	$aas->start;
	is($reading->value("SELECT value FROM dcx_health() WHERE name = 'products'"), '39', 'health');
	is($reading->value(q{SELECT dcx_schema() ? 'products'}), 't', 'the schema');
	is($reading->error('SELECT * FROM dcx_maintain()')->{state}, '25006', 'maintaining is not for it');
	$reading->close;
	$standby->stop;
};

$super->close;
$proxy->stop;
$_->stop for $main, $aas;
done_testing();
