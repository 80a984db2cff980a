# The Makefile refuses SQL files that would not be installed, or not safely, and no others.
use strict;
use warnings;

use File::Copy qw(copy);
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $sources = "$FindBin::RealBin/../..";
my $path = 'SET LOCAL search_path = pg_catalog, pg_temp;';
my $upgrade = "-- An upgrade.\n\\echo Use ALTER EXTENSION. \\quit\n\n$path\nDROP VIEW \@extschema\@.old;\n";

# What `make arrows` says if sql/ has these files besides its own. A name may begin with parts/.
sub make_says
{
	my (%files) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();

	mkdir "$dir/$_" or die "mkdir: $!" for 'sql', 'sql/parts';
	copy("$sources/$_", "$dir/$_") or die "copy: $!"
	  for 'Makefile', 'dcx_pricing.control', map { s{^\Q$sources/}{}r } glob "$sources/sql/parts/*.sql";
	append_to_file("$dir/sql/$_", $files{$_}) for keys %files;
	# Not what the make above this one has set.
	local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
	delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
	IPC::Run::run([ 'make', '-C', $dir, '-n', 'arrows' ], '>', \my $out, '2>', \my $err);
	return $err =~ s/^Makefile:\d+: //r =~ s/\.  Stop\.\n.*//sr;
}

is(make_says(), '', 'as it is');
is(make_says('dcx_pricing--1.0.sql' => $upgrade), '', 'one script');
is(make_says(map { ("dcx_pricing--$_.sql" => $upgrade) } '1.0', '1.0--1.1'), '', 'two scripts');
is(make_says(map { ("dcx_pricing--$_.sql" => $upgrade) } '1.0', '1.0--1.1', '1.1--1.2'), '', 'three scripts');
for my $others ([], ['1.0--1.1'], [ '1.0--1.1', '1.1--1.2' ])
{
	my @good = map { ("dcx_pricing--$_.sql" => $upgrade) } @$others;
	my $with = 'with ' . @$others . ' scripts';

	is(make_says(@good, 'wallet.sql' => $upgrade), '*** sql/wallet.sql: directly in sql/ belong only files with -- in their names', "astray, $with");
	is(make_says(@good, 'parts/stray.sql' => ''), '*** sql/parts/stray.sql: not among PARTS', "unlisted, $with");
	is(make_says(@good, 'dcx_pricing--0--1.0.sql' => "SELECT 1;\n$path\n"), "*** sql/dcx_pricing--0--1.0.sql: has to begin with $path", "no path, $with");
	is( make_says(@good, 'dcx_pricing--0--1.0.sql' => "$path\nDROP VIEW old;\n"),
		'*** sql/dcx_pricing--0--1.0.sql:2: names an object without @extschema@', "unqualified, $with");
}
done_testing();
