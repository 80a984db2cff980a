# node-postgres, Prisma and postgres.js against a real server: test/clients. Skipped if there is no Node.js that can run
# them.
use strict;
use warnings;
use Cwd qw(abs_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($major) = (`node --version 2>&1` // '') =~ /^v(\d+)/;
plan skip_all => 'needs Node.js 20 and npm' unless $major && $major >= 20 && `npm --version 2>&1` =~ /^\d/;

my %page = map { $_ => abs_path($_) } 'README.md', 'docs/setup.md', 'docs/pricing.md', 'docs/wallet.md';
my $dir = PostgreSQL::Test::Utils::tempdir;
system_or_bail('cp', glob('test/clients/*'), $dir);
plan skip_all => 'the packages cannot be installed'
  if system("cd '$dir' && npm install --ignore-scripts --no-audit --no-fund --no-package-lock >npm.log 2>&1");
$ENV{PRISMA_SCHEMA_ENGINE_BINARY} = '/bin/false';
$ENV{CHECKPOINT_DISABLE} = 1;
system_or_bail('sh', '-c', "cd '$dir' && npx prisma generate --schema schema.prisma >prisma.log 2>&1");

my $node = PostgreSQL::Test::Cluster->new('clients');
$node->init(extra => [ '--username=postgres', '--auth-host=scram-sha-256' ]);
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
$node->start;
$ENV{PGUSER} = 'postgres';
$node->command_ok([ 'psql', '-X', '-q', '-d', 'postgres', '-f', 'test/fixtures/load.sql' ], 'fixtures are loaded');

my ($host, $main, $aas) = ('127.0.0.1:' . $node->port, 'datacentrix_cloud_local', 'aas_product_data');
my $aas_url = "postgresql://aas_reader:read%40aas%2F39%25\@$host/$aas";
my $enetworks_url = "postgresql://enetworks_reader:enetworks_secret\@$host/enetworks_product_local";
$node->safe_psql($main, "CREATE EXTENSION dcx_pricing; SELECT * FROM dcx_attach_aas('$aas_url?schema=public');
	SELECT * FROM dcx_attach_enetworks('$enetworks_url?schema=public');
	SELECT * FROM dcx_attach_wallet(); SELECT * FROM dcx_attach_updated_at()");

# Rights as the docs grant them, and the table that their example writes an order into.
my ($grants) = slurp_file($page{'docs/setup.md'}) =~ /^```sql\n([^`]*^CREATE ROLE finance [^`]*)^```$/m;
$node->safe_psql($main, $grants . <<'SQL');
ALTER ROLE finance PASSWORD 'finance_secret';
GRANT CONNECT ON DATABASE datacentrix_cloud_local TO finance;
CREATE TABLE "VmOrder" (id text PRIMARY KEY, "organisationId" text NOT NULL, "holdId" bigint NOT NULL,
	cost numeric(12,2) NOT NULL);
GRANT SELECT, INSERT ON "VmOrder" TO main_app;
CREATE TABLE "CommitTest" (state text);
CREATE FUNCTION commit_test() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.state = 'end' THEN
		PERFORM pg_terminate_backend(pg_backend_pid());
	ELSE
		RAISE EXCEPTION USING ERRCODE = NEW.state, MESSAGE = 'raised at COMMIT';
	END IF;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER commit_test AFTER INSERT ON "CommitTest" DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION commit_test();
GRANT INSERT ON "CommitTest" TO main_app;
SQL

$ENV{MAIN_URL} = "postgresql://main_app:main_secret\@$host/$main";
$ENV{FINANCE_URL} = "postgresql://finance:finance_secret\@$host/$main";
$ENV{AAS_URL} = $aas_url;
$ENV{README} = $page{'README.md'};
$ENV{PRICING} = $page{'docs/pricing.md'};
$ENV{WALLET} = $page{'docs/wallet.md'};
my $output = `cd '$dir' && node --test --test-reporter=tap clients.test.mjs 2>&1`;
my @results = $output =~ /^((?:not )?ok) \d+ - (.*)$/mg;
cmp_ok(scalar @results, '>', 0, 'the clients ran');
while (my ($ok, $name) = splice @results, 0, 2)
{
	ok($ok eq 'ok', $name);
}
is($?, 0, 'all of them') or diag $output;

$node->stop;
done_testing();
