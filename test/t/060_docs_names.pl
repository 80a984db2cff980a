# What the docs point at exists: the file and heading of every link on every page, docs/reference.md included, and every
# test and module that architecture.md names. Reads files only.
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

done_testing();
