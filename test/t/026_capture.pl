# Whoever can create in the schema that we are installed in gets nothing of his into our SQL.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Test::More;

my $main = new_main('main', bare => 1);

$main->safe_psql('postgres', 'CREATE ROLE owner LOGIN');

# A database whose owner is no superuser, with a schema of his.
sub new_database
{
	my ($name, $schema) = @_;

	$main->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE template0 OWNER owner");
	$main->safe_psql($name, "SET ROLE owner; CREATE SCHEMA IF NOT EXISTS $schema");
}

# What the extension's objects depend on, other than pg_catalog, the extension, and its schema.
my $bound = <<'SQL';
SELECT pg_describe_object(d.classid, d.objid, 0), pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
  FROM pg_extension e JOIN pg_depend m ON m.refobjid = e.oid AND m.refclassid = 'pg_extension'::regclass AND m.deptype = 'e'
  JOIN pg_depend d ON d.classid = m.classid AND d.objid = m.objid AND d.deptype <> 'e'
 WHERE e.extname = 'dcx_pricing' AND NOT (d.refclassid = 'pg_namespace'::regclass AND d.refobjid = e.extnamespace)
   AND (pg_identify_object(d.refclassid, d.refobjid, 0)).schema IS DISTINCT FROM 'pg_catalog'
   AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = d.refclassid AND o.objid = d.refobjid AND o.deptype = 'e' AND o.refobjid = e.oid)
SQL

# Where they are.
my $schemas = <<'SQL';
SELECT DISTINCT a.schema FROM pg_extension e JOIN pg_depend m ON m.refobjid = e.oid AND m.deptype = 'e',
       pg_identify_object(m.classid, m.objid, 0) a WHERE e.extname = 'dcx_pricing'
SQL

# Better matches than pg_catalog has for what our SQL says.
my $twins = <<'SQL';
CREATE FUNCTION twin(text, numeric) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'captured as %', current_user; RETURN $1; END$$;
CREATE FUNCTION twin(numeric, integer) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'captured as %', current_user; RETURN true; END$$;
CREATE FUNCTION twin(name, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'captured as %', current_user; RETURN true; END$$;
CREATE FUNCTION format(text, text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE LOG 'captured as %', current_user; RETURN $1; END$$;
CREATE OPERATOR || (LEFTARG = text, RIGHTARG = numeric, FUNCTION = twin);
CREATE OPERATOR > (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = twin);
CREATE OPERATOR >= (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = twin);
CREATE OPERATOR = (LEFTARG = name, RIGHTARG = text, FUNCTION = twin);
SQL

subtest 'the twins are better matches' => sub {
	new_database('unsafe', 'public');
	$main->safe_psql('unsafe', "SET ROLE owner; $twins");
	is($main->safe_psql('unsafe', "SET log_min_messages = panic; SELECT 'a'::text || 1::numeric = 'a'"), 't', 'one is taken');
};

for my $schema ('public', 'api', '"Dcx Api"', '"select"', '"naïve %s.x"')
{
	subtest "in schema $schema of another role" => sub {
		my $name = 'd' . ++$main->{databases};

		new_database($name, $schema);
		$main->safe_psql($name, "SET ROLE owner; SET search_path = $schema; $twins");
		$main->safe_psql($name, "CREATE EXTENSION dcx_pricing SCHEMA $schema");
		is($main->safe_psql($name, $bound), '', 'nothing of ours depends on anything else');
		is($main->safe_psql($name, $schemas), $schema, 'all of it is there');
		is($main->safe_psql($name, "SELECT area FROM $schema.dcx_check() WHERE area = 'nothing'"), '', 'the check runs');
		is($main->safe_psql($name, "SELECT object FROM $schema.dcx_schema_diff('{}', '{\"t\": {\"columns\": {}}}')"), 't', 'and the diff');
	};
}

subtest 'it stays where it is' => sub {
	my $session = session($main, database => 'd1');

	fails_with($session, 'ALTER EXTENSION dcx_pricing SET SCHEMA pg_catalog', 'in pg_catalog', state => '0A000');
	$session->value('CREATE SCHEMA elsewhere');
	fails_with($session, 'ALTER EXTENSION dcx_pricing SET SCHEMA elsewhere', 'elsewhere', state => '0A000');
	$session->close;
};

unlike(PostgreSQL::Test::Utils::slurp_file($main->logfile), qr/captured/, 'none of theirs ran');

$main->stop;
done_testing();
