# dcx_maintain() as pg_cron runs it: it saves and uses what changed in AAS, and marks holds that have expired.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

chomp(my $sharedir = `pg_config --sharedir`);
my $control = "$sharedir/extension/pg_cron.control";
plan skip_all => 'needs pg_cron' unless -e $control;

my $aas = new_aas('aas');
my $main = new_main('main', conf => <<"CONF");
shared_preload_libraries = 'pg_cron'
cron.database_name = '$Dcx::main_db'
cron.use_background_workers = on
listen_addresses = '127.0.0.1'
CONF
my $super = session($main);
my $url = aas_url($aas);

$super->value("SELECT * FROM dcx_attach_aas('$url')");
$super->value('SELECT * FROM dcx_attach_wallet()');
$super->value('CREATE EXTENSION pg_cron');

# A role that has no right on any table of the platform. Saved books are for everybody.
$super->value(<<'SQL');
CREATE ROLE janitor LOGIN;
GRANT USAGE ON SCHEMA cron TO janitor;
GRANT EXECUTE ON FUNCTION dcx_maintain, dcx_wallet_audit TO janitor;
CREATE ROLE app LOGIN;
CREATE TABLE dcx_log AS SELECT now() AS at, * FROM dcx_maintain() WITH NO DATA;
GRANT INSERT, SELECT ON dcx_log TO janitor;
ALTER DATABASE main SET dcx_pricing.max_price_age = '1h'
SQL
my $janitor = session($main, user => 'janitor');
my $app = session($main, user => 'app');

is($app->value("SELECT $Dcx::cost"), '376.00', 'the price that was saved when AAS was attached');
$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET price = 42 WHERE code = 'RAM_GB'});
is($app->value("SELECT $Dcx::cost"), '376.00', 'which answers also when there is another');

is($super->value(q{SELECT reltuples FROM pg_class WHERE oid = 'aas.products'::regclass}), '-1',
	'nothing has been analyzed');

# Two holds that have expired: one of a wallet that was used since, and one of a wallet that was not.
$super->value("SELECT * FROM dcx_wallet_hold('$_', 10, 'over', '1 microsecond')") for 'org-acme', 'org-globex';
$super->value(q{SELECT * FROM dcx_wallet_hold('org-acme', 20, 'open', '1 day')});

# From version 1.5 on pg_cron can count in seconds; before, a run starts with a minute.
my ($version) = $super->value(q{SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'}) =~ /^1\.(\d+)/;
my $interval = $version >= 5 ? '1 second' : '* * * * *';

# From here on as Debian's pg_hba.conf has it, but for the superuser as whom the test itself connects.
unlink $main->data_dir . '/pg_hba.conf';
$main->append_conf('pg_hba.conf', <<'HBA');
local all postgres trust
local all all peer
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
HBA
$main->reload;
ok($main->poll_query_until($Dcx::main_db, q{SELECT count(*) = 4 FROM pg_hba_file_rules WHERE error IS NULL}), 'Debian\'s pg_hba.conf');
$main->connect_fails($main->connstr($Dcx::main_db) . ' user=janitor', 'the role cannot connect by the socket',
	expected_stderr => qr/Peer authentication failed/);
$super->value('SET ROLE janitor');
$super->value("SELECT cron.schedule('dcx', '$interval', 'INSERT INTO dcx_log SELECT now(), * FROM dcx_maintain()')");
$super->value('RESET ROLE');

ok($main->poll_query_until($Dcx::main_db, q{SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'succeeded'}),
	'it has run')
  or diag $super->value('SELECT * FROM cron.job_run_details');
is($super->value('SELECT DISTINCT username FROM cron.job_run_details'), 'janitor', 'as who scheduled it');

like($super->value('SELECT task, result FROM dcx_log ORDER BY at LIMIT 6'), qr/^price book\|book 2 is new: 39 products$/m,
	'what it said is kept');
is($app->value("SELECT $Dcx::cost"), '396.00', 'the new price is quoted');
is($app->value('SELECT source FROM dcx_price_book_stats()'), 'saved', 'from the book that was saved');
is( $super->value(q{SELECT organisation, idempotency_key, state FROM dcx.wallet_hold ORDER BY hold_id}),
	"org-acme|over|expired\norg-globex|over|open\norg-acme|open|open",
	'what is over is marked where its wallet has moved on');
is($super->value(q{SELECT reltuples FROM pg_class WHERE oid = 'aas.products'::regclass}), '39',
	'the foreign tables are analyzed');
is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
is(session($main)->value(q{SELECT * FROM dcx_check('settings')}), '', 'and the settings are in order');

# A failure does not end the job: it goes on, and reports it.
is( $janitor->value(q{SELECT task FROM dcx_maintain() WHERE result LIKE 'failed%' OR task = 'check' AND result <> 'no errors'}),
	'', 'no task failed');
$aas->stop;
is( $janitor->value(q{SELECT task FROM dcx_maintain() WHERE result LIKE 'failed%' OR task = 'check' AND result <> 'no errors'
	GROUP BY task ORDER BY task}), "check\nprice book", 'without AAS those that need it do');
is($app->value("SELECT $Dcx::cost"), '396.00', 'and the book goes on answering');

# As pg_cron is by default, the job would have to connect, and cannot.
$_->close for $janitor, $app, $super;
$main->append_conf('postgresql.conf', 'cron.use_background_workers = off');
$main->restart;
ok( $main->poll_query_until($Dcx::main_db,
		q{SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'failed' AND return_message LIKE '%connection%'}),
	'without background workers it fails, and job_run_details says so')
  or diag $main->safe_psql($Dcx::main_db, 'SELECT * FROM cron.job_run_details');
$main->safe_psql($Dcx::main_db, q{SELECT cron.unschedule(jobid) FROM cron.job});
$main->stop;
done_testing();
