# What the TAP tests share: clusters for MAIN, AAS and E-Networks, and psql sessions that stay open.
#
# The catalogs' nodes listen on 127.0.0.1 and ask for a password there, so that a role that is not a superuser can
# attach them. On their sockets all nodes let everybody in.
package Dcx;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use Dcx::Session;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_main new_aas aas_url new_enetworks enetworks_url add_operator may_move_money session fails_with remote_reads);

# The superuser has the same name, whoever runs the tests.
$ENV{PGUSER} = 'postgres';

my $fixtures = dirname(__FILE__) . '/../../fixtures';

# The password that the fixtures give the reader of AAS, and how a URL spells it.
our $aas_password = 'read@aas/39%';
our $aas_password_encoded = 'read%40aas%2F39%25';
our $main_db = 'main';
our $aas_db = 'aas_product_data';
our $enetworks_db = 'enetworks_product_local';
our $enetworks_password = 'enetworks_secret';
our $cost = q{dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40)};    # 376.00 at the fixture's prices

# A started node. conf: lines for postgresql.conf; init: arguments of PostgreSQL::Test::Cluster's init.
sub new_node
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--username', 'postgres', '--encoding', 'UTF8' ], %{ $params{init} // {} });
	$node->append_conf('postgresql.conf', "log_statement = none\n" . ($params{conf} // ''));
	unlink $node->data_dir . '/pg_hba.conf';
	$node->append_conf('pg_hba.conf', "local all,replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
	$node->start;
	return $node;
}

sub load
{
	my ($node, $database, $file) = @_;

	$node->safe_psql('postgres', qq{CREATE DATABASE "$database" TEMPLATE template0});
	$node->safe_psql($database, slurp_file("$fixtures/$file"));
}

# A node with the platform's MAIN database and the extension in it.
sub new_main
{
	my ($name, %params) = @_;
	my $node = new_node($name, %params);

	load($node, $main_db, 'main.sql');
	$node->safe_psql($main_db, 'CREATE EXTENSION dcx_pricing') unless $params{bare};
	return $node;
}

# A node with a catalog's database, readable by a role. All its statements go to its log, where remote_reads() counts
# them.
sub new_catalog
{
	my ($name, $database, $file, $role, $password, %params) = @_;
	my $node = new_node($name, %params, conf => <<CONF . ($params{conf} // ''));
listen_addresses = '127.0.0.1'
password_encryption = 'scram-sha-256'
log_statement = all
CONF

	$node->safe_psql('postgres', "CREATE ROLE $role LOGIN PASSWORD '$password'");
	load($node, $database, $file);
	$node->safe_psql($database, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO $role");
	return $node;
}

sub new_aas
{
	my ($name, %params) = @_;

	return new_catalog($name, $aas_db, 'aas.sql', 'aas_reader', $aas_password, %params);
}

sub new_enetworks
{
	my ($name, %params) = @_;

	return new_catalog($name, $enetworks_db, 'enetworks.sql', 'enetworks_reader', $enetworks_password, %params);
}

# The URL of an AAS node as it would stand in .env.
sub aas_url
{
	my ($node, %params) = @_;

	return sprintf 'postgresql://aas_reader:%s@%s:%d/%s?%s',
	  $params{password} // $aas_password_encoded, $params{host} // '127.0.0.1', $params{port} // $node->port,
	  $params{database} // $aas_db, $params{parameters} // 'schema=public&connection_limit=5&pool_timeout=10';
}

sub enetworks_url
{
	my ($node, %params) = @_;

	return sprintf 'postgresql://enetworks_reader:%s@127.0.0.1:%d/%s?schema=public',
	  $enetworks_password, $params{port} // $node->port, $enetworks_db;
}

# An ordinary role with all it takes to attach a catalog. The extension is in the given schema.
sub add_operator
{
	my ($node, $role, $schema) = @_;

	$schema //= 'public';
	$node->safe_psql($main_db, <<SQL);
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE ROLE $role LOGIN;
GRANT CREATE ON DATABASE $main_db TO $role;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO $role;
GRANT USAGE ON SCHEMA $schema TO $role;
GRANT EXECUTE ON FUNCTION $schema.dcx_attach_aas(text, text), $schema.dcx_attach_enetworks(text, text, text),
	$schema.dcx_detach(text), $schema.dcx_attach_wallet(text, text, text), $schema.dcx_attach_updated_at(text) TO $role;
SQL
}

# Lets a role call what moves money, and gives it no right on any table. The extension is in the given schema.
sub may_move_money
{
	my ($node, $role, %params) = @_;
	my $schema = $params{schema} // 'public';

	$node->safe_psql($params{database} // $main_db, <<SQL);
DO \$\$
DECLARE
	function regprocedure;
BEGIN
	FOR function IN SELECT oid FROM pg_proc WHERE pronamespace = '$schema'::regnamespace
		AND proname ~ '^dcx_(wallet_(credit|debit|hold|capture|release|extend)|(vm|order)_reserve)\$'
	LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO $role', function);
	END LOOP;
END \$\$
SQL
}

# An open psql. user: the role, a superuser where none is named; database: MAIN's where none is named.
sub session
{
	my ($node, %params) = @_;
	my $connection = $node->connstr($params{database} // $main_db);

	$connection .= " user=$params{user}" if $params{user};
	return Dcx::Session->new($connection);
}

# The statement fails with a state, and its message, detail, hint or context are as given (string or regexp).
sub fails_with
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($session, $statement, $name, %expected) = @_;
	my $error = $session->error($statement);

	subtest $name => sub {
		for my $part (sort keys %expected)
		{
			if (ref $expected{$part})
			{
				like($error->{$part}, $expected{$part}, $part);
			}
			else
			{
				is($error->{$part}, $expected{$part}, $part);
			}
		}
	} or diag("$statement\n$error->{text}");
	return $error;
}

# How often pricing has read a table in a catalog, alone or with others, since the log had that length.
sub remote_reads
{
	my ($node, $offset, $table) = @_;

	$table //= 'products';
	my @reads = slurp_file($node->logfile, $offset) =~ /DECLARE c\d+ CURSOR FOR\s+SELECT [^\n]*? FROM [^\n]*?\bpublic\.$table\b/g;
	return scalar @reads;
}

1;
