# Saved books survive a dump and DROP EXTENSION, and only the right roles can read the costs in them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $enetworks = new_enetworks('enetworks');
my $main = new_main('main');
my ($url, $enetworks_url) = (aas_url($aas), enetworks_url($enetworks));
my $in_aas = session($aas, database => $Dcx::aas_db);
my $directory = PostgreSQL::Test::Utils::tempdir();

# An ordinary role attaches and owns the books; app has no right but PUBLIC's.
add_operator($main, 'operator');
$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE ROLE app LOGIN;
GRANT EXECUTE ON FUNCTION dcx_price_book_save(text) TO operator
SQL
my $operator = session($main, user => 'operator');
my $super = session($main);
my $app = session($main, user => 'app');

$operator->value("SELECT * FROM dcx_attach_aas('$url')");
my @times = ($operator->value('SELECT clock_timestamp()'));
for my $price (40, 41.5, 37)
{
	$in_aas->value("UPDATE products SET price = $price, cost = $price - 12.3456 WHERE code = 'RAM_GB'");
	is($operator->value('SELECT changed, products FROM dcx_price_book_save()'), 't|39', "$price is saved");
	push @times, $operator->value('SELECT clock_timestamp()');
}

# E-Networks has books of its own, too.
my $line = q{SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100)};
my @network_times;
$operator->value("SELECT * FROM dcx_attach_enetworks('$enetworks_url')");
for my $price (1695, 1795)
{
	push @network_times, $operator->value('SELECT clock_timestamp()');
	$enetworks->safe_psql($Dcx::enetworks_db, qq{UPDATE bandwidth_prices SET "fixedPrice" = $price WHERE id = 'cm5bwp000003'});
	is($operator->value(q{SELECT changed, products FROM dcx_price_book_save('enetworks')}), 't|12', "$price is saved");
}

my $books = 'SELECT * FROM dcx.price_book ORDER BY book_id';
my $of_aas = q{SELECT count(*), count(DISTINCT book) FROM dcx.price_book WHERE catalog = 'aas'};

# What was in force at each of the times, and before.
sub history
{
	my ($session) = @_;

	return join "\n", (map { $session->value("SELECT dcx_price_book_at('$_')") } @times),
	  map { $session->value("SELECT dcx_price_book_at('$_', 'enetworks')") } @network_times;
}

subtest 'no cost is for everybody' => sub {
	my $everywhere = q{SELECT jsonb_path_exists(%1$s, '$.**.cost'), position('cost' IN (%1$s)::text), %1$s->'RAM_GB' ? 'price'};
	my @no_right = (state => '42501', message => 'permission denied for table price_book');

	like($super->value($books), qr/"cost": 24\.6544/, 'the saved books have them');
	for my $book ('dcx_price_book()', map { "dcx_price_book_at('$_')" } @times)
	{
		is($app->value(sprintf $everywhere, $book), 'f|0|t', "$book has none");
	}
	for my $book ("dcx_price_book('enetworks')", map { "dcx_price_book_at('$_', 'enetworks')" } @network_times)
	{
		is($app->value(sprintf $everywhere =~ s/'RAM_GB' \? 'price'/'PV_FIBRE_BUSINESS' ? 'bands'/r, $book), 'f|0|t', "$book has none");
	}
	$super->value(q{ALTER ROLE app SET dcx_pricing.max_price_age = '1d'});
	my $saved = session($main, user => 'app');
	is($saved->value(sprintf $everywhere, 'dcx_price_book()'), 'f|0|t', 'nor where the saved one answers');
	is($saved->value('SELECT source FROM dcx_price_book_stats()'), 'saved', 'as it does here');
	is($saved->value(q{SELECT dcx_product_cost('RAM_GB')}), '37.00', 'and prices');
	$saved->close;
	$super->value('ALTER ROLE app RESET dcx_pricing.max_price_age');
	is($app->value(<<"SQL"), '', 'nothing in a difference or a quote');
SELECT r FROM dcx_price_book_diff(dcx_price_book_at('$times[0]'), dcx_price_book_at('$times[1]')) r
 WHERE r::text ~ '24|27' UNION ALL
SELECT r FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40, dcx_price_book()) r WHERE r::text ~ '24|52'
SQL

	fails_with($app, 'SELECT book FROM dcx.price_book', 'the schema is closed', state => '42501',
		message => 'permission denied for schema dcx');
	$super->value('GRANT USAGE ON SCHEMA dcx TO app');
	fails_with($app, $_, $_, @no_right) for 'SELECT book FROM dcx.price_book', 'SELECT count(*) FROM dcx.price_book';
	fails_with($app, "SELECT * FROM $_->[0]", "$_->[0] is for whom it is granted", state => '42501',
		message => "permission denied for function $_->[1]")
	  for [ 'dcx_price_book_save()', 'dcx_price_book_save' ],
	  [ q{dcx_vm_margin('1GHZ', 2, 4, 'STANDARD', 40)}, 'dcx_vm_margin' ],
	  [ q{dcx_vm_margin('1GHZ', 2::float8, 4, 'STANDARD', 40)}, 'dcx_vm_margin' ];
	fails_with($app, "SET $_", "$_ is not for everybody", state => '42501')
	  for q{dcx_pricing.max_price_age = '1h'}, 'dcx_pricing.on_outage = saved';
	# An error about a product does not show its cost.
	my $error = fails_with($app, q{SELECT dcx_product_cost('RAM_GB', 1, dcx_price_book() || '{"RAM_GB": {"cost": 1}}')},
		'an error', state => 'ZD003');
	unlike($error->{text} =~ s/^LOCATION.*//mr, qr/24\.65/, 'without costs');
};

subtest 'as granted, without a right on any table' => sub {
	$super->value(<<'SQL');
GRANT EXECUTE ON FUNCTION dcx_price_book_save(text), dcx_vm_margin(text, numeric, numeric, text, numeric),
	dcx_vm_margin(text, float8, float8, text, float8) TO app
SQL
	is($app->value('SELECT changed, products FROM dcx_price_book_save()'), 'f|39', 'app saves');
	my $lines = "1|CPU_1GHZ|vCPU - 1GHz|2|78.00|52.00|156.00|104.00|52.00|33.33\n"
	  . "2|RAM_GB|RAM|4|37.00|24.6544|148.00|98.6176|49.3824|33.37\n"
	  . '3|STORAGE_STANDARD|Standard Storage|40|1.80|1.10|72.00|44.00|28.00|38.89';
	is($app->value(q{SELECT * FROM dcx_vm_margin('1GHZ', 2, 4, 'STANDARD', 40)}), $lines, 'and sees the margin');
	is($app->value(q{SELECT * FROM dcx_vm_margin('1GHZ', 2::float8, 4, 'STANDARD', 40)}), $lines, 'of either form');
	$in_aas->value(q{UPDATE products SET cost = 38 WHERE code = 'RAM_GB'});
	like($app->value(q{SELECT * FROM dcx_vm_margin('1GHZ', 2, 4, 'STANDARD', 40)}), qr/^2\|.*\|-4\.00\|-2\.70$/m, 'a loss');
	like($app->notices, qr/^WARNING:.*RAM_GB/m, 'is warned of');
	is($app->value('SELECT changed, products FROM dcx_price_book_save()'), 't|39', 'a cost alone makes another book');
	is($super->value($of_aas), '5|5', 'which the owner has');
	fails_with($app, 'SELECT book FROM dcx.price_book', 'and app does not', state => '42501');
	is($super->value(q{SELECT relowner::regrole FROM pg_class WHERE oid = 'dcx.price_book'::regclass}), 'operator',
		'it is still the one who attached');
	$super->value(<<'SQL');
REVOKE EXECUTE ON FUNCTION dcx_price_book_save(text), dcx_vm_margin(text, numeric, numeric, text, numeric),
	dcx_vm_margin(text, float8, float8, text, float8) FROM app
SQL
	fails_with($app, 'SELECT * FROM dcx_price_book_save()', 'taken back', state => '42501');
};

my $kept = $super->value($books);
my $before = history($app);
my %ways = (
	plain => [ [ 'pg_dump' ], [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1' ] ],
	inserts => [ [ 'pg_dump', '--inserts' ], [ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1' ] ],
	custom => [ [ 'pg_dump', '-Fc' ], [ 'pg_restore', '--exit-on-error', '-j', '2' ] ]);

for my $way (sort keys %ways)
{
	subtest "dumped and restored: $way" => sub {
		my ($dump, $restore) = @{ $ways{$way} };
		my $restored = "restored_$way";

		$main->command_ok([ @$dump, '-f', "$directory/$way", $Dcx::main_db ], 'dumped');
		$main->safe_psql('postgres', "CREATE DATABASE $restored TEMPLATE template0");
		$main->command_ok([ @$restore, '-d', $restored, $restore->[0] eq 'psql' ? '-f' : (), "$directory/$way" ], 'restored');

		my $there = session($main, database => $restored);
		my $user = session($main, database => $restored, user => 'app');
		my $owner = session($main, database => $restored, user => 'operator');

		is($there->value($books), $kept, 'every book is there as it was');
		is(history($user), $before, 'and in force at the same times');
		fails_with($user, 'SELECT book FROM dcx.price_book', 'its table is as closed', state => '42501');
		fails_with($user, 'SELECT * FROM dcx_price_book_save()', 'so is saving', state => '42501');
		is($user->value('SELECT dcx_price_book()'), $app->value('SELECT dcx_price_book()'), 'the same book answers');
		$there->value(q{SET dcx_pricing.max_price_age = '1d'});
		is($there->value(q{SELECT dcx_product_cost('RAM_GB')}), '37.00', 'a saved one can');
		is($there->value('SELECT source, remote_reads FROM dcx_price_book_stats()'), 'saved|0', 'and it is the saved one');
		is($user->value($line), '3795.00', 'E-Networks is still attached');
		is($there->value($line), '3795.00', 'and its saved book can answer, too');
		is($there->value(q{SELECT source, remote_reads FROM dcx_price_book_stats() WHERE catalog = 'enetworks'}), 'saved|0', 'as it does');
		$in_aas->value(q{UPDATE products SET price = 36 WHERE code = 'RAM_GB'});
		is($owner->value('SELECT book_id, changed FROM dcx_price_book_save()'), '9|t', 'what is saved goes on; so do the ids');
		is($there->value(q{SELECT dcx_product_cost('RAM_GB')}), '36.00', 'and answers');
		$in_aas->value(q{UPDATE products SET price = 37 WHERE code = 'RAM_GB'});
		$_->close for $there, $user, $owner;
	};
}

subtest 'the extension goes and comes' => sub {
	my $attached = $super->value('SELECT catalog, part, relation, attached_by FROM dcx.binding ORDER BY catalog, part');

	$super->value('DROP EXTENSION dcx_pricing CASCADE');
	is($super->value($books), $kept, 'every book stays');
	fails_with($app, 'SELECT dcx_price_book_at(now())', 'but nobody knows what they are', state => '42883');
	$super->value('CREATE EXTENSION dcx_pricing');
	fails_with($app, 'SELECT dcx_price_book_at(now())', 'they are not trusted before their owner may attach',
		state => '42501', detail => qr/role "operator"/);
	$super->value(<<'SQL');
GRANT EXECUTE ON FUNCTION dcx_attach_aas(text, text) TO operator
SQL
	is($app->value(q{SELECT dcx_product_cost('RAM_GB')}), '37.00', 'then the catalog is found again');
	fails_with($app, $line, 'those of E-Networks are not, with that right alone', state => '42501', detail => qr/dcx_attach_enetworks/);
	$super->value(<<'SQL');
GRANT EXECUTE ON FUNCTION dcx_attach_enetworks(text, text, text), dcx_detach(text), dcx_price_book_save(text) TO operator
SQL
	is(history($app), $before, 'then they are found again');
	is($app->value($line), '3795.00', 'and its tables');
	like($operator->value("SELECT * FROM dcx_attach_aas('$url')"), qr/^aas\.products\|39\|already a foreign table/,
		'attaching finds all as it was');
	like($operator->value("SELECT * FROM dcx_attach_enetworks('$enetworks_url')"), qr/^enetworks\.bandwidth_prices\|40\|already a foreign table/,
		'of both');
	is($super->value('SELECT catalog, part, relation, attached_by FROM dcx.binding ORDER BY catalog, part'), $attached, 'the bindings');
	is($super->value($of_aas), '5|5', 'and the books, of which the newest was seen once more');
	$in_aas->value(q{UPDATE products SET price = 39 WHERE code = 'RAM_GB'});
	is($operator->value('SELECT book_id, changed FROM dcx_price_book_save()'), '9|t', 'the next one is the next');
	is(history($app), $before, 'and what was is what was');

	# Also without the catalog: old books do not need it.
	$operator->value("SELECT * FROM dcx_detach('$_')") for 'aas', 'enetworks';
	is(history($app), $before, 'detached, the history is there');
	fails_with($app, $_, 'and no current one', state => 'ZD007') for 'SELECT dcx_price_book()', $line;
	$super->value('DROP EXTENSION dcx_pricing CASCADE; CREATE EXTENSION dcx_pricing');
	is($super->value('SELECT count(*) FROM dcx.price_book'), '9', 'and that stays, too');
};

$_->close for $super, $operator, $app, $in_aas;
$_->stop for $main, $aas, $enetworks;
done_testing();
