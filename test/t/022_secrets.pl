# A password that is given to dcx_attach_aas() shows up nowhere but in the user mapping.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Every piece of the password is a word that occurs nowhere else, since a URL that is taken apart in the wrong places
# shows pieces of it.
my $password = 'Kq7zz@Vw9yy/Xt5uu?Rb3ss#Lm1nn%41';
my $encoded = 'Kq7zz%40Vw9yy%2FXt5uu%3FRb3ss%23Lm1nn%2541';
my $secret = qr/Kq7zz|Vw9yy|Xt5uu|Rb3ss|Lm1nn/i;

my $aas = new_aas('aas');
my $main = new_main('main', conf => <<'CONF');
log_error_verbosity = verbose
log_min_error_statement = error
log_statement = none
CONF
my $closed_port = PostgreSQL::Test::Cluster::get_free_port();
my $reader = "aas_reader";
my $host = '127.0.0.1:' . $aas->port;
my $good = "postgresql://$reader:$encoded\@$host/$Dcx::aas_db";

$aas->safe_psql('postgres', "ALTER ROLE aas_reader PASSWORD '$password'");
$aas->safe_psql('postgres', 'CREATE DATABASE no_catalog');
add_operator($main, 'operator');
add_operator($main, 'trusted');
$main->safe_psql($Dcx::main_db, <<'SQL');
GRANT SET ON PARAMETER log_min_error_statement TO trusted;
CREATE SCHEMA AUTHORIZATION operator;
CREATE SCHEMA AUTHORIZATION trusted
SQL

my $aas_log_begins = -s $aas->logfile;

# The lines that a node has logged since its log had that length.
sub log_is_clean
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($node, $offset, $name) = @_;

	is(join("\n", grep { /$secret/ } split /\n/, slurp_file($node->logfile, $offset)), '', $name);
}

# Sources that fail: what is wrong, the source, the state of the error.
my @failing = (
	[ 'a wrong password', "postgresql://$reader:not$encoded\@$host/$Dcx::aas_db", 'ZD008' ],
	[ 'a wrong user', "postgresql://nobody:$encoded\@$host/$Dcx::aas_db", 'ZD008' ],
	[ 'a wrong port', "postgresql://$reader:$encoded\@127.0.0.1:$closed_port/$Dcx::aas_db", 'ZD008' ],
	[ 'a database that is not there', "postgresql://$reader:$encoded\@$host/nowhere", 'ZD008' ],
	[ 'a database that is no catalog', "postgresql://$reader:$encoded\@$host/no_catalog", '42P01' ],
	[ 'a schema that is not there', "$good?schema=nowhere", '42P01' ],
	[ 'an option that postgres_fdw does not take', "$good?client_encoding=UTF8", qr/^HV00D|22023/ ],
	[ 'an option with a senseless value', "$good?sslmode=nonsense", 'ZD008' ],
	[ 'key=value, wrong password',
		"host=127.0.0.1 port=" . $aas->port . " user=$reader password='not$password'", 'ZD008' ],
	[ 'key=value, wrong database',
		"user=$reader password='$password' host=127.0.0.1 port=" . $aas->port . ' dbname=nowhere', 'ZD008' ],
	[ 'the password twice', "$good?password=$encoded&schema=nowhere", qr/./ ]);

# Sources that cannot be taken apart as they were meant. Whether that is noticed before a connection is tried is not
# the point here; what is shown is.
my @garbled = (
	[ 'an @ that is not encoded', "postgresql://$reader:Kq7zz\@Vw9yy\@$host/$Dcx::aas_db" ],
	[ 'a / that is not encoded', "postgresql://$reader:Kq7zz/Vw9yy\@$host/$Dcx::aas_db" ],
	[ 'a / after digits', "postgresql://$reader:12/Kq7zz/Vw9yy\@$host/$Dcx::aas_db" ],
	[ 'a : and an @', "postgresql://$reader:Kq7zz:Vw9yy\@Xt5uu\@$host/$Dcx::aas_db" ],
	[ 'a % that is not encoded', "postgresql://$reader:Kq7zz%Vw9yy\@$host/$Dcx::aas_db" ],
	[ 'a ? that is not encoded', "postgresql://$reader:Kq7zz?Vw9yy\@127.0.0.1:$closed_port/$Dcx::aas_db" ],
	[ 'a # that is not encoded', "postgresql://$reader:Kq7zz#Vw9yy\@127.0.0.1:$closed_port/$Dcx::aas_db" ],
	[ 'an @ and a ?', "postgresql://$reader:Kq7zz\@Vw9yy?Xt5uu\@$host/$Dcx::aas_db" ],
	[ 'an @, a ? and an =', "postgresql://$reader:Kq7zz\@Vw9yy?schema=Xt5uu\@$host/$Dcx::aas_db" ],
	[ 'an @, a / and a ?', "postgresql://$reader:Kq7zz\@127.0.0.1:$closed_port/Vw9yy?Xt5uu\@$host/$Dcx::aas_db" ],
	[ 'a / after digits, and a ?', "postgresql://localhost:$closed_port/Kq7zz?Vw9yy\@$host/$Dcx::aas_db" ],
	[ 'a password that looks like a host', "postgresql://$reader:x\@127.0.0.1:$closed_port?Kq7zz\@$host/$Dcx::aas_db" ],
	[ 'all of them', "postgresql://$reader:$password\@$host/$Dcx::aas_db" ],
	[ 'a comma', "postgresql://$reader:Kq7zz\@Vw9yy,Xt5uu\@$host/$Dcx::aas_db" ],
	[ 'a bracket', "postgresql://$reader:Kq7zz\@[Vw9yy\@$host/$Dcx::aas_db" ],
	[ 'no scheme', "$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'one slash', "postgresql:/$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'capital letters', "POSTGRESQL://$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'a blank in front', " postgresql://$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'a line break in front', "\npostgresql://$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'the quotes of .env', qq{"postgresql://$reader:$encoded\@$host/$Dcx::aas_db"} ],
	[ 'the quotes of .env, and parameters', qq{"$good?schema=public"} ],
	[ 'the whole line of .env', "AAS_DATABASE_URL=$good" ],
	[ 'JDBC\'s scheme', "jdbc:postgresql://$host/$Dcx::aas_db?user=$reader&password=$encoded" ],
	[ 'JDBC\'s scheme, and a password in front', "jdbc:postgresql://$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'another database\'s scheme', "mysql://$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'a scheme with digits', "postgres2://$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'a parameter misspelt', "postgresql://$host/$Dcx::aas_db?user=$reader&pasword=$encoded&schema=nowhere" ],
	[ 'key=value, a blank in the password', "host=127.0.0.1 user=$reader password=Kq7zz Vw9yy" ],
	[ 'key=value, a key in the password', "host=127.0.0.1 user=$reader password=Kq7zz Vw9yy=Xt5uu" ],
	[ 'key=value, a key that is none', "host=127.0.0.1 user=$reader pasword=$encoded" ],
	[ 'key=value, a quote not closed', "host=127.0.0.1 user=$reader password='Kq7zz" ]);

# Ways to call it: the statement for a source, with what has to be there before.
my %ways = (
	'called directly' => sub { "SELECT * FROM dcx_attach_aas($_[0], 'target')" },
	'called in a select list' => sub { "SELECT dcx_attach_aas($_[0], 'target')" },
	'in a DO block' => sub { "DO \$do\$ BEGIN PERFORM dcx_attach_aas($_[0], 'target'); END \$do\$" },
	'in a DO block, dynamic' =>
	  sub { "DO \$do\$ BEGIN EXECUTE format('SELECT dcx_attach_aas(%L, %L)', $_[0], 'target'); END \$do\$" },
	'in a PL/pgSQL function' => sub { "SELECT plpgsql_attach($_[0])" },
	'in an SQL function' => sub { "SELECT sql_attach($_[0])" },
	'in nested functions' => sub { "SELECT plpgsql_nested($_[0])" },
	'prepared' => sub { "PREPARE p(text) AS SELECT * FROM dcx_attach_aas(\$1, 'target'); EXECUTE p($_[0])" },
	'with a cursor' => sub { "BEGIN; DECLARE c CURSOR FOR SELECT * FROM dcx_attach_aas($_[0], 'target'); FETCH c" },
	'with CREATE TABLE AS' => sub { "CREATE TABLE t AS SELECT * FROM dcx_attach_aas($_[0], 'target')" });

sub literal
{
	my ($source) = @_;

	return "'" . ($source =~ s/'/''/gr) . "'";
}

# What a session prints for a source in every way.
sub shown
{
	my ($session, $source) = @_;
	my %shown;

	for my $way (sort keys %ways)
	{
		$shown{$way} = $session->error($ways{$way}->(literal($source)));
		$session->error('ROLLBACK');
		$session->error('DEALLOCATE ALL');
	}
	return \%shown;
}

$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE FUNCTION plpgsql_attach(source text) RETURNS SETOF text LANGUAGE plpgsql AS
	$$ BEGIN RETURN QUERY SELECT relation FROM dcx_attach_aas(source, 'target'); END $$;
CREATE FUNCTION sql_attach(source text) RETURNS SETOF text LANGUAGE sql AS
	$$ SELECT relation FROM dcx_attach_aas(source, 'target') $$;
CREATE FUNCTION plpgsql_nested(source text) RETURNS SETOF text LANGUAGE plpgsql AS
	$$ BEGIN RETURN QUERY EXECUTE format('SELECT * FROM plpgsql_attach(%L)', source); END $$;
SQL

# Whose statements the extension can keep out of the log.
my @callers = (
	[ 'a superuser', undef, 1 ],
	[ 'a role that may set log_min_error_statement', 'trusted', 1 ],
	[ 'a role that may not', 'operator', 0 ]);

subtest 'the search for the secret finds it where it is' => sub {
	my $session = session($main);
	my $log = -s $main->logfile;

	like($session->error("SELECT 'Kq7zz'::integer")->{text}, $secret, 'in an error');
	like(slurp_file($main->logfile, $log), qr/STATEMENT:.*Kq7zz/, 'and in the log');
	$session->close;
};

for my $caller (@callers)
{
	my ($who, $user, $hides) = @$caller;

	for my $kind ([ 'fails', \@failing ], [ 'is garbled', \@garbled ])
	{
		my ($what, $sources) = @$kind;

		subtest "what $who sees when a source $what" => sub {
			my $session = session($main, user => $user);

			for my $case (@$sources)
			{
				my ($name, $source, $state) = @$case;

				subtest $name => sub {
					my $log = -s $main->logfile;
					my $shown = shown($session, $source);
					my @ways = sort keys %$shown;

					is_deeply([ grep { $shown->{$_}{state} eq 'none' } @ways ], [], 'it fails in every way');
					is_deeply([ grep { $shown->{$_}{state} !~ $state } @ways ], [], 'with its state') if $state;
					is_deeply([ grep { $shown->{$_}{text} =~ $secret } @ways ], [], 'its error is clean')
					  or diag($shown->{'called directly'}{text});
					log_is_clean($main, $log, 'the log is clean') if $hides;
				};
			}
			is($session->value('SHOW log_min_error_statement'), 'error', 'the setting is as it was');
			$session->close;
		};
	}
}

subtest 'with log_statement = ddl, and everything sent to the client' => sub {
	my $session = session($main);

	$session->value(q{SET log_statement = 'ddl'});
	$session->value(q{SET log_min_messages = 'debug1'});
	$session->value(q{SET client_min_messages = 'debug5'});
	for my $source ($failing[0][1], $failing[4][1], $good)
	{
		my $log = -s $main->logfile;

		for my $way ('called directly', 'in a DO block', 'in a PL/pgSQL function')
		{
			my $error = $session->error($ways{$way}->(literal($source)));

			unlike($error->{text}, $secret, "the client's side is clean $way") or diag($error->{text});
		}
		log_is_clean($main, $log, 'the log is clean');
	}
	$session->error(q{SELECT * FROM dcx_detach('aas')});
	$session->close;
};

subtest 'as a parameter, with log_parameter_max_length_on_error' => sub {
	my $log = -s $main->logfile;
	my $script = PostgreSQL::Test::Utils::tempdir() . '/attach.sql';

	append_to_file($script, "SELECT * FROM dcx_attach_aas(:source, 'target');\n");
	for my $mode ('extended', 'prepared')
	{
		my ($out, $err);

		local $ENV{PGOPTIONS} = '-c log_parameter_max_length_on_error=-1';
		IPC::Run::run [ 'pgbench', '-n', '-t', '1', '-M', $mode, '-D', "source=$failing[0][1]", '-f', $script,
			'-h', $main->host, '-p', $main->port, $Dcx::main_db ], '>', \$out, '2>', \$err;
		like($err, qr/the catalog cannot be reached/, "it fails, $mode");
		unlike("$out$err", $secret, 'the client\'s side is clean');
	}
	like(slurp_file($main->logfile, $log), qr/the catalog cannot be reached/, 'its error is in the log');
	log_is_clean($main, $log, 'the log is clean');
};

subtest 'an error that is caught, kept and raised again' => sub {
	my $session = session($main);
	my $log = -s $main->logfile;
	my $source = $failing[0][1];
	my $error;

	$session->value(<<"SQL");
DO \$do\$
DECLARE m text; d text; h text; c text;
BEGIN
	PERFORM plpgsql_attach('$source');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
	RAISE NOTICE '% % % %', m, d, h, c;
END \$do\$
SQL
	like($session->notices, qr/the catalog cannot be reached/, 'it is caught');
	unlike($session->notices, $secret, 'and clean');

	$session->value(<<'SQL');
CREATE FUNCTION raise_again(source text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM plpgsql_attach(source);
EXCEPTION WHEN OTHERS THEN
	RAISE;
END $$;
CREATE TABLE sources AS SELECT NULL::text AS source;
SQL
	$session->value("UPDATE sources SET source = '$source'");
	$error = $session->error('SELECT raise_again(source) FROM sources');
	is($error->{state}, 'ZD008', 'it is raised again');
	unlike($error->{text}, $secret, 'and clean');
	log_is_clean($main, $log, 'the log is clean');
	$session->close;
};

subtest 'a statement that fails after attaching' => sub {
	my $session = session($main);
	my $log = -s $main->logfile;
	my $error;

	$error = $session->error("SELECT 1 / (rows - rows) FROM dcx_attach_aas('$good', 'target')");
	is($error->{state}, '22012', 'in the same statement');
	unlike($error->{text}, $secret, 'the error is clean');
	log_is_clean($main, $log, 'the log is clean');

	# As where AAS goes away just before postgres_fdw commits there.
	$log = -s $main->logfile;
	$session->value("SELECT * FROM dcx_attach_aas('$good', 'target')");
	$session->value(<<'SQL');
CREATE FUNCTION not_now() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
CREATE CONSTRAINT TRIGGER not_now AFTER INSERT OR UPDATE ON dcx.binding DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION not_now()
SQL
	$error = $session->error("SELECT * FROM dcx_attach_aas('$good', 'target')");
	is($error->{message}, 'not now', 'at its commit');
	unlike($error->{text}, $secret, 'the error is clean');
	log_is_clean($main, $log, 'the log is clean');
	$session->value('DROP TRIGGER not_now ON dcx.binding');
	$session->value(q{SELECT * FROM dcx_detach('aas')});
	$session->close;
};

subtest 'attached: the password is in the user mapping, and nowhere else' => sub {
	my $session = session($main);
	my $log = -s $main->logfile;
	my $result = $session->value("SELECT * FROM dcx_attach_aas('$good?schema=public&connection_limit=5', 'target')");

	like($result, qr/^target\.products\|39\|/, 'attached');
	unlike($result . $session->notices, $secret, 'result and notices');
	$result = $session->value("SELECT * FROM dcx_attach_aas('$good', 'target')");
	unlike($result . $session->notices, $secret, 'when run again');
	is($session->value(q{SELECT count(*) FROM pg_user_mappings WHERE umoptions::text LIKE '%Kq7zz%'}),
		'1', 'the user mapping has it');
	for my $table (
		'dcx.binding', 'pg_description', 'pg_shdescription', 'pg_foreign_server', 'pg_foreign_table', 'pg_class',
		'pg_namespace', 'pg_attribute', 'pg_db_role_setting', 'pg_settings', 'pg_prepared_statements', 'pg_cursors')
	{
		unlike($session->value("SELECT * FROM $table"), $secret, $table);
	}
	is($session->value("SELECT $Dcx::cost"), '376.00', 'it prices');
	unlike($session->value(q{SELECT * FROM dcx_detach('aas')}) . $session->notices, $secret, 'what detach says');
	log_is_clean($main, $log, 'the log is clean');
	$session->close;
};

SKIP:
{
	skip 'no pg_stat_statements here', 1
	  if $main->safe_psql($Dcx::main_db, <<'SQL') eq '0';
SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'
SQL

	subtest 'pg_stat_statements, nested and utility statements included' => sub {
		my $session;

		$main->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = all
pg_stat_statements.track_utility = on
CONF
		$main->restart;
		$main->safe_psql($Dcx::main_db, 'CREATE EXTENSION pg_stat_statements');
		$session = session($main);
		$session->value('SELECT pg_stat_statements_reset()');
		for my $source ($failing[0][1], $failing[4][1], $failing[5][1], $good, "$good?schema=public")
		{
			# Not the ways that have the source in the text of a utility statement of the user's own.
			for my $way ('called directly', 'called in a select list', 'in a PL/pgSQL function', 'in an SQL function',
				'in nested functions')
			{
				$session->error($ways{$way}->(literal($source)));
			}
			$session->value(q{SELECT set_config('test.source', } . literal($source) . ', false)');
			$session->error(q{DO $$ BEGIN PERFORM dcx_attach_aas(current_setting('test.source'), 'target'); END $$});
			$session->error(q{SELECT * FROM dcx_detach('aas')});
		}
		cmp_ok($session->value(q{SELECT count(*) FROM pg_stat_statements WHERE query ILIKE '%dcx_attach_aas%'}),
			'>', 2, 'it has the calls');
		cmp_ok($session->value(q{SELECT count(*) FROM pg_stat_statements WHERE query ILIKE '%dcx\_remote%'}),
			'>', 0, 'and what happens inside');
		is( $session->value(q{SELECT query FROM pg_stat_statements WHERE query ~* 'Kq7zz|Vw9yy|Xt5uu|Rb3ss|Lm1nn'}),
			'', 'and no password');
		$session->close;
	};
}

# AAS hears a password only as SCRAM has it.
log_is_clean($aas, $aas_log_begins, 'the log of AAS is clean');

$aas->stop;
$main->stop;
done_testing();
