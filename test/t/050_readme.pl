# Every SQL example of the README, pasted as it stands, prints what the README says it prints.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The README's URL names no port: the server's own PGPORT stands for it, which the test cluster sets.
my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init(extra => [ '--username=postgres', '--auth-host=trust' ]);
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
$node->start;
$ENV{PGUSER} = 'postgres';
$node->command_ok([ 'psql', '-X', '-q', '-d', 'postgres', '-f', 'test/fixtures/load.sql' ], 'fixtures are loaded');

my $readme = slurp_file('README.md');
my @examples = $readme =~ /^```sql\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/msg;
cmp_ok(scalar @examples, '>', 10, 'the README has examples');

while (my ($sql, $expected) = splice @examples, 0, 2)
{
	my ($first) = $sql =~ /^(?!--)(\S.{0,50})/m;
	my ($out, $err) = ('', '');
	IPC::Run::run(
		[ 'psql', '-X', '-q', '-h', $node->host, '-p', $node->port, '-d', 'datacentrix_cloud_local' ],
		'<', \$sql, '>', \$out, '2>&1');
	$expected //= '';
	s/\s+\z/\n/ for $out, $expected;
	is($out, $expected, "what `$first` prints");
}

$node->stop;
done_testing();
