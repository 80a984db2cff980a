# docs/reference.md is what `make reference` makes, the README lists exactly the public functions, and errcodes.h describes
# every SQLSTATE that we raise. 060_docs_names.pl checks the links.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('reference');
$node->init(extra => [ '--username=postgres' ]);
$node->start;
@ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ($node->host, $node->port, 'postgres', 'postgres');

sub reads_like
{
	my ($got, $expected, $name) = @_;
	my @got = split /\n/, $got;
	my @expected = split /\n/, $expected;
	my ($first) = grep { ($got[$_] // '') ne ($expected[$_] // '') } 0 .. ($#got > $#expected ? $#got : $#expected);

	ok($got eq $expected, $name)
	  or diag(sprintf "line %d is:  %s\nand made of the comments:  %s\n`make reference` makes it again.",
		$first + 1, $got[$first] // '(the end)', $expected[$first] // '(the end)');
}

# PGHOST and so on, set above, lead it to our node. It creates the extension if there is none.
my ($made, $errors) = run_command([ 'test/reference' ]);
is($errors, '', 'everything public is described');
reads_like(slurp_file('docs/reference.md'), "$made\n", 'docs/reference.md is up to date');

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE owner SUPERUSER LOGIN;
SET ROLE owner;
CREATE SCHEMA api;
CREATE EXTENSION dcx_pricing SCHEMA api;
SQL
my ($again) = run_command([ 'test/reference' ]);
ok($again eq $made, 'it is the same with another owner and in another schema');

# A function is public if its comment does not begin with "Internal".
my @public = split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT DISTINCT p.proname FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
 WHERE e.extname = 'dcx_pricing' AND obj_description(p.oid, 'pg_proc') !~ '^Internal\M' ORDER BY 1
SQL
cmp_ok(scalar @public, '>', 10, 'there are functions');
is( $node->safe_psql('postgres', <<'SQL'), '', 'EXECUTE on internal functions is revoked from PUBLIC');
SELECT p.oid::regprocedure FROM pg_proc p
 WHERE p.pronamespace = 'api'::regnamespace AND obj_description(p.oid, 'pg_proc') ~ '^Internal\M'
   AND has_function_privilege('public', p.oid, 'EXECUTE')
SQL

# The index is what tables and lists name.
my ($section) = slurp_file('README.md') =~ /^## Functions\n(.*?)(?=^## |\z)/ms;
my %listed = map { $_ => 1 } map { /`(dcx_\w+)\(/g } grep { /^[|*-]/ } split /\n/, $section // '';
is_deeply([ sort keys %listed ], \@public, 'the README, under "Functions", lists exactly the public functions');
cmp_ok(scalar(my @lines = split /\n/, slurp_file('README.md')), '<=', 200, 'the README has at most 200 lines');

# Each state that we raise is described, except two: one becomes ZD008, the other can come from any call at all.
my $known = slurp_file('src/base/errcodes.h');
my %raised = map { $_ => 1 } map { slurp_file($_) =~ /\berrcode\((\w*ERRCODE_\w+)\)/g } glob 'src/*/*.c';
delete @raised{qw(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION ERRCODE_OUT_OF_MEMORY)};
cmp_ok(scalar keys %raised, '>', 10, 'states are raised');
is_deeply([ grep { $known !~ /\b$_\b/ } sort keys %raised ], [], 'each state that is raised stands in errcodes.h');

$node->stop;
done_testing();
