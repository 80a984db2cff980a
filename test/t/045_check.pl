# dcx_check() over two clusters: how the catalog's server is reached, and whether it is the one that was attached. The
# test causes each problem, sees exactly its row, and fixes it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Proxy;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main', conf => "dcx_pricing.max_price_age = '1h'\n");
my $proxy = Dcx::Proxy->new($aas);
my $url = aas_url($aas, port => $proxy->port);
my $super = session($main);
my $areas = "ARRAY['connection', 'schema', 'catalog', 'updated_at', 'wallet', 'settings']";

# Everything that a check has shown, also outside its rows.
my $shown = '';

# What is wrong, in the order in which it is found.
sub rows
{
	my ($session) = @_;
	$session //= $super;
	my $rows = $session->value(q{SELECT area, severity, object, problem, detail, fix FROM dcx_check()});

	$shown .= "$rows\n" . $session->notices;
	return join "\n", map { join '|', (split /\|/)[ 0 .. 3 ] } split /\n/, $rows;
}

# The details of a problem, and its fixes.
sub details
{
	my ($problem) = @_;
	my $details = $super->value("SELECT detail FROM dcx_check() WHERE problem = '$problem'");

	$shown .= "$details\n";
	return $details;
}

sub fix
{
	my ($problem) = @_;
	my $fix = $super->value("SELECT fix FROM dcx_check() WHERE problem = '$problem'");

	$shown .= "$fix\n" . $super->value($fix) . $super->notices;
}

# The rows of the other areas.
sub others
{
	$shown .= $super->error($_)->{text} . "\n" for 'SELECT * FROM dcx_health()', 'SELECT dcx_schema()', 'SELECT * FROM dcx_maintain()';
}

# What a healthy catalog has anyway: rows of severity info only.
my $healthy;

# The rows that a healthy catalog does not have.
sub news
{
	my %known = map { $_ => 1 } split /\n/, $healthy;

	return join "\n", grep { !$known{$_} } split /\n/, rows(@_);
}

# While the problem exists there is exactly this row; after the fix there is none.
sub planted
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($name, $plant, $expected, $mend, $detail) = @_;

	subtest $name => sub {
		$plant->();
		is(news(), join("\n", @$expected), 'its row');
		others();
		like(details($1), $detail, 'its detail') if $detail && $expected->[0] =~ /([^|]+)$/;
		$mend->();
		is(rows(), $healthy, 'and gone');
	};
}

sub aas_sql { my ($sql) = @_; return sub { $aas->safe_psql($Dcx::aas_db, $sql) } }
sub main_sql { my ($sql) = @_; return sub { $super->value($sql) } }
sub server { my ($options) = @_; return main_sql("ALTER SERVER dcx_aas OPTIONS ($options)") }

$aas->safe_psql($Dcx::aas_db, 'CREATE EXTENSION dcx_pricing; SELECT * FROM dcx_attach_updated_at()');
# The most verbose settings that a client can ask for.
$super->value('SET client_min_messages = debug5');
$super->value('SELECT * FROM dcx_attach_updated_at()');
$super->value('ALTER TABLE "OrganisationWallet" ALTER balance TYPE numeric(14,2)');

subtest 'nothing is attached' => sub {
	is(rows(), 'connection|info|aas|no catalog is attached', 'which is no error');
};

subtest 'a clean fixture' => sub {
	$super->value("SELECT * FROM dcx_attach_aas('$url')");
	$super->value('SELECT * FROM dcx_attach_wallet()');
	$healthy = rows();
	is(join("\n", grep { !/\|info\|/ } split /\n/, $healthy), '', 'no error and no warning');
	like($super->value("SELECT seen FROM dcx.binding WHERE part = 'products'"),
		qr/"main": \{"system": "\d+", "database": "main"\}/, 'who attached is known');
	like($super->value("SELECT seen FROM dcx.binding WHERE part = 'products'"),
		qr/"database": "aas_product_data"/, 'and what');
};

planted('the server is stopped',
	sub { $aas->stop },
	['connection|error|server dcx_aas|the server cannot be reached'],
	sub { $aas->start },
	qr/./);

# Whoever wrote the binding: attach, or somebody who restores one, by hand.
for my $seen ('NULL', q{'null'}, q{'{}'}, q{'"main"'}, q{'[]'})
{
	subtest "a binding that does not know who was attached, seen = $seen" => sub {
		my $known = $super->value(q{SELECT seen FROM dcx.binding WHERE part = 'products'});

		$super->value("UPDATE dcx.binding SET seen = $seen");
		is(rows(), $healthy, 'nothing is wrong with it');
		planted('the server is stopped',
			sub { $aas->stop },
			['connection|error|server dcx_aas|the server cannot be reached'],
			sub { $aas->start },
			qr/./);
		$aas->stop;
		is($super->value(q{SELECT value FROM dcx_health() WHERE (area, name) = ('aas', 'reachable')}), 'false', 'dcx_health() says so');
		$aas->start;
		planted('the remote role may write',
			sub { $aas->safe_psql($Dcx::aas_db, 'GRANT INSERT ON products TO aas_reader') },
			['connection|warning|server dcx_aas|the remote role may write'],
			sub { $aas->safe_psql($Dcx::aas_db, 'REVOKE INSERT ON products FROM aas_reader') },
			qr/REVOKE/);
		$super->value("UPDATE dcx.binding SET seen = '$known' WHERE part = 'products'");
	};
}

subtest 'a server that hangs' => sub {
	$super->value('ALTER TABLE "OrganisationWallet" ALTER "organisationId" DROP NOT NULL');
	for my $how ('takes connections and says nothing', 'stops in the middle of its answer')
	{
		my $began = time;

		$how =~ /nothing/ ? $proxy->mute : $proxy->at('current_database()', 1, 100, 'stall');
		is(rows(), join("\n", 'connection|error|server dcx_aas|the server cannot be reached',
			'wallet|warning|public."OrganisationWallet"|column "organisationId" can be NULL'),
			"$how: a row, and the other areas answer");
		cmp_ok(time - $began, '<', 15, 'in seconds');
		$proxy->pass;
	}
	$proxy->mute;
	like(details('the server cannot be reached'), qr/^no answer within 5 s\. The host says nothing: /, 'that is what is said');
	$proxy->pass;
	fix('column "organisationId" can be NULL');
	is(rows(), $healthy, 'and gone');
};

planted('the wrong password',
	main_sql(q{ALTER USER MAPPING FOR postgres SERVER dcx_aas OPTIONS (SET password 'Kq7zz@wrong')}),
	['connection|error|server dcx_aas|the server cannot be reached'],
	main_sql("ALTER USER MAPPING FOR postgres SERVER dcx_aas OPTIONS (SET password '$Dcx::aas_password')"),
	qr/password authentication failed for user "aas_reader"\. The password is wrong, /);

planted('a database that is not there',
	server(q{SET dbname 'aas_product_dta'}),
	['connection|error|server dcx_aas|the server cannot be reached'],
	server("SET dbname '$Dcx::aas_db'"),
	qr/database "aas_product_dta" does not exist\. See the name of the database /);

# What happened in July 2025.
subtest 'another database of the same server, with the same tables' => sub {
	Dcx::load($aas, 'aas_product_test', 'aas.sql');
	$aas->safe_psql('aas_product_test', <<'SQL');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO aas_reader;
CREATE EXTENSION dcx_pricing;
SELECT * FROM dcx_attach_updated_at();
SQL
	planted('is seen',
		server(q{SET dbname 'aas_product_test'}),
		['connection|error|server dcx_aas|it is another database than was attached'],
		server("SET dbname '$Dcx::aas_db'"),
		qr/^Attached: aas_product_data\. Found: aas_product_test\.$/);
	planted('is the one that is meant, where it is attached',
		sub {
			server(q{SET dbname 'aas_product_test'})->();
			$super->value("SELECT * FROM dcx_attach_aas('dcx_aas')");
		},
		[],
		sub {
			server("SET dbname '$Dcx::aas_db'")->();
			$super->value("SELECT * FROM dcx_attach_aas('dcx_aas')");
		});
};

subtest 'another cluster under the same URL' => sub {
	my $other = new_aas('other');

	$other->safe_psql($Dcx::aas_db, 'CREATE EXTENSION dcx_pricing; SELECT * FROM dcx_attach_updated_at()');
	planted('is seen',
		server("SET port '" . $other->port . "'"),
		['connection|error|server dcx_aas|it is another server than was attached, or a restored one'],
		server("SET port '" . $proxy->port . "'"),
		qr/^Attached: \d+\. Found: \d+\.$/);
	$other->stop;
};

planted('the remote role is a superuser',
	aas_sql('ALTER ROLE aas_reader SUPERUSER'),
	['connection|warning|server dcx_aas|the remote role is a superuser'],
	aas_sql('ALTER ROLE aas_reader NOSUPERUSER'),
	qr/GRANT SELECT ON categories, products, terraform_vm_config TO/);

for my $grant ('UPDATE ON products', 'TRUNCATE ON categories', 'UPDATE (price) ON products')
{
	planted("the remote role may write: $grant",
		aas_sql("GRANT $grant TO aas_reader"),
		['connection|warning|server dcx_aas|the remote role may write'],
		aas_sql("REVOKE $grant FROM aas_reader"),
		qr/^In AAS: REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON public\.(?:products|categories) FROM aas_reader\.$/);
}

planted('another remote role',
	sub {
		$aas->safe_psql($Dcx::aas_db, <<"SQL");
CREATE ROLE another LOGIN PASSWORD '$Dcx::aas_password';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO another;
SQL
		$super->value(q{ALTER USER MAPPING FOR postgres SERVER dcx_aas OPTIONS (SET user 'another')});
	},
	['connection|warning|server dcx_aas|it is reached as another role than when it was attached'],
	main_sql(q{ALTER USER MAPPING FOR postgres SERVER dcx_aas OPTIONS (SET user 'aas_reader')}),
	qr/^Attached: aas_reader\. Found: another\.$/);

subtest 'digits that floating point is not good for' => sub {
	$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET price = 37.00000000000001 WHERE code = 'RAM_GB'});
	is(rows(), $healthy, 'are no price');
	$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET price = 37 WHERE code = 'RAM_GB'});
};

# A server that has moved, or has been upgraded: what is remembered of it is what changes here.
for (
	[ 'address', 'warning', '192.0.2.1', 'the server has another address than when it was attached' ],
	[ 'version', 'info', '14.1', 'the server has another version than when it was attached' ])
{
	my ($name, $severity, $value, $problem) = @$_;
	my $now = $super->value("SELECT seen -> 'catalog' ->> '$name' FROM dcx.binding WHERE part = 'products'");
	my $remember = sub {
		main_sql(qq{UPDATE dcx.binding SET seen = jsonb_set(seen, '{catalog,$name}', '"$_[0]"') WHERE part = 'products'});
	};

	planted("another $name", $remember->($value), ["connection|$severity|server dcx_aas|$problem"], $remember->($now),
		qr/^Attached: \Q$value\E\. Found: \Q$now\E\.$/);
}

planted('orders that another server prices',
	main_sql('SET dcx_pricing.max_price_age = 0'),
	['settings|warning|dcx_pricing.max_price_age|orders are priced by another server'],
	main_sql('RESET dcx_pricing.max_price_age'),
	qr/keeps wallets locked/);

for my $option ('connect_timeout', 'tcp_user_timeout')
{
	planted("the server has no $option",
		server("DROP $option"),
		["connection|warning|server dcx_aas|the server has no $option"],
		sub { fix("the server has no $option") });
}

planted('the owner has no user mapping',
	main_sql('DROP USER MAPPING FOR postgres SERVER dcx_aas'),
	['connection|error|server dcx_aas|role postgres has no user mapping'],
	main_sql(<<"SQL"),
CREATE USER MAPPING FOR postgres SERVER dcx_aas OPTIONS (user 'aas_reader', password '$Dcx::aas_password')
SQL
	qr/^aas\.categories, aas\.products, aas\.terraform_vm_config is read as its owner\.$/);

subtest 'MAIN was restored elsewhere' => sub {
	my $dump = PostgreSQL::Test::Utils::tempdir() . '/main.dump';
	my $copy;

	$main->command_ok([ 'pg_dump', '-f', $dump, $main->connstr($Dcx::main_db) ], 'dumped');
	$main->safe_psql('postgres', 'CREATE DATABASE restored TEMPLATE template0');
	$main->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-o', $dump . '.log', '-f', $dump,
		$main->connstr('restored') ], 'and restored');
	$copy = session($main, database => 'restored');
	is(news($copy),
		'connection|warning|aas.products|this database is not the one that attached the catalog', 'its row');
	like($copy->value(q{SELECT detail FROM dcx_check('connection')}),
		qr/^Attached by database main of system (\d+); this is restored of \1\./, 'its detail');
	is(rows(), $healthy, 'MAIN itself is');
	$copy->value('SELECT * FROM dcx_attach_aas()');
	is(rows($copy), $healthy, 'attached, and gone');
	$copy->close;
};

for my $table ('categories', 'products')
{
	planted("$table: the attached relation is gone",
		main_sql("DROP FOREIGN TABLE aas.$table"),
		["connection|error|$table of catalog aas|the attached relation has been dropped"],
		main_sql("SELECT * FROM dcx_attach_aas('$url')"));
}

subtest 'one area at a time' => sub {
	$aas->stop;
	for my $area ('schema', 'catalog', 'updated_at')
	{
		is($super->value("SELECT area, severity, object, problem FROM dcx_check('$area')"),
			"$area|error|catalog aas|this could not be looked at", "$area: silence would be taken for health");
	}
	is($super->value(q{SELECT area FROM dcx_check('connection')}), 'connection', 'connection');
	is($super->value("SELECT * FROM dcx_check('$_')"), '', $_) for 'wallet', 'settings';
	$aas->start;
	is($super->value("SELECT * FROM unnest($areas) a, dcx_check(a) WHERE severity <> 'info'"), '', 'up again: all of them');
	fails_with($super, q{SELECT * FROM dcx_check('prices')}, 'there is no such area', state => '22023');
};

subtest 'no password is shown' => sub {
	like($shown, $_, 'all was kept') for qr/password authentication failed/, qr/^ALTER SERVER dcx_aas OPTIONS \(ADD/m,
	  qr/^DETAIL:  .*password authentication failed/m, qr/^price book\|failed: /m, qr/^aas\|reachable\|false$/m, qr/^DEBUG:  /m;
	for my $where ([ 'rows', $shown ], [ 'log', slurp_file($main->logfile) ])
	{
		unlike($where->[1], qr{Kq7zz|read(?:\@|%40)aas}i, "in the $where->[0]");
	}
};

$super->close;
$proxy->stop;
$_->stop for $main, $aas;
done_testing();
