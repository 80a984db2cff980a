# Every ```sql example of the README and of docs/ prints the ```text that follows it.
#
# A reader may stop anywhere, so the examples run in the order of @pages below, all in one database, and twice:
#   - in a fresh database, each example in a psql of its own
#   - after the tour of `make demo`, all pasted into one psql
#
# To try a page while writing it:
#     DCX_DOCS=docs/wallet.md PROVE_TESTS=test/t/050_docs.pl test/cluster test
# runs the README, which attaches, and then that page. Several pages are separated by blanks.
#
# psql runs with -q, so the docs leave out command tags (CREATE EXTENSION, UPDATE 1). An example without ```text prints
# nothing. Where a query leaves the order of its rows open, `<!-- rows in any order -->` stands above its ```text.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{PGUSER} = 'postgres';

my $main_db = 'datacentrix_cloud_local';
my @pages = grep { -e } map { "docs/$_.md" } qw(setup pricing wallet finance operations);
@pages = grep { $_ ne 'README.md' } split ' ', $ENV{DCX_DOCS} if $ENV{DCX_DOCS};
my @examples = map { examples($_) } 'README.md', @pages;

# The examples of a page: where it begins (file:line), sql, text and any_order.
sub examples
{
	my ($page) = @_;
	my ($line, $fence, $after_sql, @found) = (0, '', 0);

	for (split /^/, slurp_file($page))
	{
		$line++;
		if (/^\s*```(\S*)/)
		{
			my $opens = $fence eq '' ? $1 || 'plain' : '';

			push @found, { place => "$page:$line", sql => '', text => '', any_order => 0 } if $opens eq 'sql';
			die "$page:$line: a text block that follows no example" if $opens eq 'text' && !$after_sql;
			$after_sql = $fence eq 'sql' if !$opens;
			$fence = $opens;
		}
		elsif ($fence eq 'sql')
		{
			$found[-1]{sql} .= $_;
		}
		elsif ($fence eq 'text')
		{
			$found[-1]{text} .= $_;
		}
		elsif ($after_sql && /^<!-- rows in any order -->$/)
		{
			$found[-1]{any_order} = 1;
		}
		elsif (/\S/)
		{
			$after_sql = 0;
		}
	}
	die "$page: a block does not end" if $fence;
	return @found;
}

# The docs' URLs name no port: the server's own PGPORT stands for it, which the test cluster sets.
sub new_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--username=postgres', '--auth-host=trust' ]);
	$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
	$node->start;
	$node->command_ok([ 'psql', '-X', '-q', '-d', 'postgres', '-f', 'test/fixtures/load.sql' ], 'fixtures are loaded');
	return $node;
}

# psql, reading what is in $$in and printing results and errors alike into $$out.
sub start_psql
{
	my ($node, $in, $out) = @_;

	return IPC::Run::start([ 'psql', '-X', '-q', '-h', $node->host, '-p', $node->port, '-d', $main_db ],
		'<', $in, '>', $out, '2>&1', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
}

# Whether an example printed what its page says.
sub prints
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($example, $printed, $where) = @_;
	my $expected = $example->{text};
	my ($first) = $example->{sql} =~ /^(?!--)(\S.{0,50})/m;

	s/\s+\z/\n/ for $printed, $expected;
	($printed, $expected) = map { join '', sort split /^/ } $printed, $expected if $example->{any_order};
	is($printed, $expected, "$example->{place}, $where: $first");
}

cmp_ok(scalar @examples, '>', 10, 'there are examples');

{
	my $node = new_node('docs');

	for my $example (@examples)
	{
		my ($in, $out) = ($example->{sql}, '');

		start_psql($node, \$in, \$out)->finish;
		prints($example, $out, 'in a fresh database');
	}
	$node->stop;
}

{
	my $node = new_node('docs_after_tour');
	my ($in, $out) = ('', '');

	$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $main_db, '-f', 'test/demo.sql' ], 'the tour ends');
	my $psql = start_psql($node, \$in, \$out);

	for my $example (@examples)
	{
		my $end = "end of $example->{place}";

		$in .= "$example->{sql}\\echo '$end'\n";
		# An open string or parenthesis swallows all that follows, and the end never comes.
		eval { $psql->pump until $out =~ /^\Q$end\E\n/m; 1 } or die "$example->{place} does not end: $@$out";
		$out =~ s/^\Q$end\E\n//m;
		prints($example, $out, 'pasted after the tour');
		$out = '';
	}
	$psql->finish;
	$node->stop;
}

done_testing();
