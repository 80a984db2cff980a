# What the docs point at exists: the file and heading of every link on every page, docs/reference.md included, and every
# test and module that architecture.md names. And no example, comment, hint or fix selects a bare row, which Prisma cannot
# read. Reads files only.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

# The anchors of a page, as GitHub makes them of its headings.
sub anchors
{
	my ($page) = @_;
	my $text = slurp_file($page);
	my %anchors;

	$text =~ s/^```.*?^```$//gms;
	for my $heading ($text =~ /^#+ (.*)$/mg)
	{
		$heading =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
		$anchors{ lc($heading) =~ s/[^\w\s-]//gr =~ tr/ /-/r } = 1;
	}
	return \%anchors;
}

for my $page (grep { -e } glob '*.md docs/*.md')
{
	my ($folder) = $page =~ m{^(.*/)?};
	my $text = slurp_file($page);
	my @dead;

	$folder //= '';
	$text =~ s/^```.*?^```$//gms;
	for my $link ($text =~ /\]\(((?![a-z]+:)[^)\s]+)\)/g)
	{
		my ($file, $anchor) = $link =~ /^([^#]*)#?(.*)$/;
		my $target = $file eq '' ? $page : "$folder$file" =~ s{[^/]+/\.\./}{}r;

		push @dead, $link unless -e $target && ($anchor eq '' || anchors($target)->{$anchor});
	}
	is("@dead", '', "$page: every link has a target");
}

my $architecture = slurp_file('docs/architecture.md');
my @missing;
for my $name ($architecture =~ /`(\d{3}_\w+|\w+_race|\w+\/\w+)`/g)
{
	my $file =
		$name =~ /^\d/ ? "test/t/$name.pl"
	  : $name =~ /_race$/ ? "test/specs/$name.spec"
	  : $name =~ m{^test/} ? $name
	  : "src/$name.h";

	$file =~ s/\.h$/.c/ unless -e $file;
	push @missing, $name unless -e $file;
}
for my $tests ($architecture =~ /Tests?: ((?:`\w+`[^.`]*)+)/g)
{
	push @missing, grep { !/^\d|_race$/ && !-e "test/sql/$_.sql" } $tests =~ /`(\w+)`/g;
}
is("@missing", '', 'docs/architecture.md: the tests and modules that it names exist');

# The functions that return rows are called in FROM everywhere: SELECT f() is one value of type record.
my %returns_rows;
for my $part (glob 'sql/parts/*.sql')
{
	$returns_rows{$_} = 1 for slurp_file($part) =~ /CREATE FUNCTION \@extschema\@\.(\w+)\([^;]*?\)\s*RETURNS TABLE/g;
}
cmp_ok(scalar keys %returns_rows, '>', 20, 'there are functions that return rows');
my $row_function = join '|', sort keys %returns_rows;

# The calls in a text that stand between SELECT and FROM. SELECT may stand up to 400 characters before.
sub bare_rows
{
	my ($text) = @_;
	my @found;

	while ($text =~ /(?<!\w)($row_function)\(/g)
	{
		my ($name, $begin) = ($1, $-[0]);
		my $before = substr $text, $begin > 400 ? $begin - 400 : 0, $begin > 400 ? 400 : $begin;
		my ($select) = $before =~ /.*\bSELECT\b(.*)\z/s;

		# 'f()'::regprocedure and GRANT ... ON FUNCTION f() are no calls.
		next if substr($text, $begin) =~ /\A\w+\([^)]*\)'::reg/ || $before =~ /\bON FUNCTION [^;]*\z/;
		push @found, $name if defined $select && $select !~ /\bFROM\b|[;`]|\n\n/;
	}
	return "@found";
}

isnt(bare_rows($_), '', "found: $_")
  for 'SELECT dcx_wallet_capture(1)', "SELECT 1,\n  dcx_api.dcx_vm_quote(", 'SELECT @extschema@.dcx_check()', 'SELECT (dcx_vm_quote(1)).*';
is(bare_rows($_), '', "not found: $_")
  for 'SELECT a FROM dcx_wallet_capture(1)', "SELECT a, dcx_vm_cost(1)\n  FROM b, dcx_vm_quote(1)", 'SELECT `x`. Then dcx_check()',
  q{SELECT has_function_privilege('dcx_check()'::regprocedure, 'EXECUTE')}, q{SELECT 'GRANT EXECUTE ON FUNCTION dcx_check() TO a'};
for my $file (glob 'README.md CHANGELOG.md docs/*.md sql/parts/*.sql src/*/*.c src/*/*.h dcx_pricing.c test/demo.sql')
{
	# docs/wallet.md says what not to write.
	is(bare_rows(slurp_file($file) =~ s/`SELECT dcx_wallet_capture\(\.\.\.\)`//r), '', "$file: no bare row");
}

done_testing();
