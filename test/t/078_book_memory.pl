# What a session holds after it has read a large catalog again: one book, not the old one as well. Neither PostgreSQL's
# memory contexts nor the process have more.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main', conf => "jit = off\n");
my $session = session($main);
my $pid = $session->value('SELECT pg_backend_pid()');

# Bytes in contexts of books, and how many there are.
sub contexts { return $session->value(q{SELECT count(*), sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'dcx price book'}) }

# Kilobytes of the process that are its own.
sub resident { return slurp_file("/proc/$pid/status") =~ /^RssAnon:\s*(\d+) kB/m ? $1 : undef }

sub price { return $session->value(q{SELECT dcx_product_cost('N_7', 1)}) }

$session->value($_) for 'CREATE SCHEMA aas',
	'CREATE TABLE aas.products AS SELECT $$N_$$ || i AS code, $$Product $$ || i AS title, i AS price FROM generate_series(1, 100000) i',
	'SELECT count(*) FROM dcx_attach_aas()';
# Attach has saved a book, which takes memory as well. This session begins anew.
$session->close;
$session = session($main);
$pid = $session->value('SELECT pg_backend_pid()');

sub read_again
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($change, $prices) = @_;

	is(price(), '7.00', 'the first read');
	my ($contexts, $resident) = (contexts(), -e "/proc/$pid/status" ? resident() : undef);
	like($contexts, qr/^1\|/, 'one book');
	for my $price (@$prices)
	{
		$session->value($_) for $change->($price);
		is(price(), $price, "read again: $price");
		is(contexts(), $contexts, 'one book, as large as the first');
	}
  SKIP:
	{
		skip 'no /proc that tells', 1 unless $resident;
		skip 'another C library', 1 unless `getconf GNU_LIBC_VERSION 2>&1` =~ /^glibc/;
		cmp_ok(resident(), '<', $resident + 8000, "the process has not grown from $resident kB by more than a few MB");
	}
}

subtest 'the catalog' => sub {
	read_again(sub { return "UPDATE aas.products SET price = $_[0] WHERE code = 'N_7'" }, [ '8.00', '9.00', '10.00', '11.00' ]);
};

$session->close;
$main->stop;
done_testing();
