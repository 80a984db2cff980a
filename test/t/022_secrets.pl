# A password that is given to dcx_attach_aas() is found nowhere but in the user mapping.
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
	[ 'a way to encrypt that nobody knows', "$good?ssl=maybe", '22023' ],
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
	[ 'an @, a /, a ? and an =', "postgresql://$reader:Kq7zz\@127.0.0.1:$closed_port/Vw9yy?schema=Xt5uu\@$host/$Dcx::aas_db" ],
	[ 'a /, a ? and an =', "postgresql://localhost:$closed_port/Kq7zz?options=Vw9yy\@$host/$Dcx::aas_db" ],
	[ 'parameters with a user and an @, without a path', "postgresql://localhost:$closed_port?user=$reader&password=Kq7zz\@Vw9yy" ],
	[ 'a blank, a # and an @', "postgresql://$reader:Kq7zz #Vw9yy\@Xt5uu\@$host/$Dcx::aas_db" ],
	[ 'an @, a blank and a #', "postgresql://$reader:Kq7zz\@Vw9yy #Xt5uu\@$host/$Dcx::aas_db" ],
	[ 'an @, a /, a blank and a #', "postgresql://$reader:Kq7zz\@Vw9yy/Xt5uu # Rb3ss\@$host/$Dcx::aas_db" ],
	[ 'a line break inside', "postgresql://$reader:Kq7zz\nVw9yy\@$host/$Dcx::aas_db" ],
	[ 'something in front', "Kq7zz/Vw9yy postgresql://$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'a line break in the name of the database', "$good%0A" =~ s/%0A$/%0Ax/r ],
	[ 'semicolons, a key that is none', "Host=127.0.0.1;Username=$reader;Pasword=Kq7zz" ],
	[ 'semicolons, one in the password', "Host=127.0.0.1;Username=$reader;Password=Kq7zz;Vw9yy" ],
	[ 'semicolons, one and a key in the password', "Host=127.0.0.1;Username=$reader;Password=Kq7zz;Vw9yy=Xt5uu" ],
	[ 'another database\'s scheme', "mysql://$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'a scheme with digits', "postgres2://$reader:$encoded\@$host/$Dcx::aas_db" ],
	[ 'a parameter misspelt', "postgresql://$host/$Dcx::aas_db?user=$reader&pasword=$encoded&schema=nowhere" ],
	[ 'key=value, a blank in the password', "host=127.0.0.1 user=$reader password=Kq7zz Vw9yy" ],
	[ 'key=value, a key in the password', "host=127.0.0.1 user=$reader password=Kq7zz Vw9yy=Xt5uu" ],
	[ 'key=value, a key that is none', "host=127.0.0.1 user=$reader pasword=$encoded" ],
	[ 'key=value, a quote not closed', "host=127.0.0.1 user=$reader password='Kq7zz" ]);

# Sources that are understood, whoever wrote them so; the first part is followed by a host, a port and a database.
my @understood = (
	[ 'capital letters', "POSTGRESQL://$reader:$encoded\@", '' ],
	[ 'a blank in front', " postgresql://$reader:$encoded\@", '' ],
	[ 'a line break in front', "\npostgresql://$reader:$encoded\@", '' ],
	[ 'the quotes of .env', qq{"postgresql://$reader:$encoded\@}, '"' ],
	[ 'the quotes of .env, and parameters', qq{"postgresql://$reader:$encoded\@}, '?schema=public"' ],
	[ 'the whole line of .env', "AAS_DATABASE_URL=postgresql://$reader:$encoded\@", " # it\r\n" ],
	[ 'JDBC\'s scheme', 'jdbc:postgresql://', "?user=$reader&password=$encoded" ],
	[ 'JDBC\'s scheme, and a password in front', "jdbc:postgresql://$reader:$encoded\@", '' ],
	[ 'an @ in the password, as a parameter', 'postgresql://', "?user=$reader&password=" . ($password =~ s/%/%25/gr =~ s/#/%23/r) ],
	[ 'parameters of other clients', "postgresql://$reader:$encoded\@", '?ssl=false&client_encoding=UTF8&pool_max_conns=3' ]);

# Where nobody answers, they fail like any other.
push @failing, map { [ "understood: $_->[0]", "$_->[1]127.0.0.1:$closed_port/$Dcx::aas_db$_->[2]", 'ZD008' ] } @understood;

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

# The roles whose statements the extension can keep out of the log.
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

subtest 'what is shown of a source that is understood' => sub {
	my $session = session($main);

	for my $case (@understood)
	{
		my ($name, $before, $behind) = @$case;
		my $log = -s $main->logfile;
		my $source = "$before$host/$Dcx::aas_db$behind";
		my $attached = $session->value('BEGIN; SELECT * FROM dcx_attach_aas(' . literal($source) . q{, 'target')});

		like($attached, qr/^target\.products\|39\|/, $name);
		unlike($attached . $session->notices, $secret, 'clean');
		$session->value('ROLLBACK');
		log_is_clean($main, $log, 'the log, too');
	}
	$session->close;
};

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

	# As if AAS went away just before postgres_fdw commits there.
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

# Keeps a source where a statement finds it that does not show it itself.
sub keep_source
{
	$main->safe_psql($Dcx::main_db, "TRUNCATE kept_source; INSERT INTO kept_source VALUES ($_[0])");
	return 'SELECT 1';
}

# Lets another role be the first one that attaches.
sub start_anew
{
	$main->safe_psql($Dcx::main_db,
		'DROP SERVER IF EXISTS dcx_target CASCADE; DROP SCHEMA IF EXISTS target CASCADE; DROP SCHEMA IF EXISTS dcx CASCADE');
}

# Everything that may log a statement, but what logs it before it runs. Each setting needs the right to set it; to try
# it as a role that is no superuser, it is set for the database.
my @logging = (
	[ 'log_min_duration_statement', 'log_min_duration_statement = 0' ],
	[ 'log_min_duration_statement and log_duration', 'log_min_duration_statement = 0', 'log_duration = on' ],
	[ 'log_min_duration_sample', 'log_min_duration_sample = 0', 'log_statement_sample_rate = 1' ],
	[ 'log_transaction_sample_rate', 'log_transaction_sample_rate = 1' ],
	[ 'auto_explain', 'auto_explain.log_min_duration = 0', 'auto_explain.log_nested_statements = on' ],
	[ 'auto_explain, as WARNING, in JSON', 'auto_explain.log_min_duration = 0',
		'auto_explain.log_nested_statements = on', 'auto_explain.log_format = json', 'auto_explain.log_level = warning' ],
	[ 'log_statement_stats', 'log_statement_stats = on' ],
	[ 'all of them', 'log_min_duration_statement = 0', 'log_min_duration_sample = 0', 'log_transaction_sample_rate = 1',
		'auto_explain.log_min_duration = 0', 'auto_explain.log_nested_statements = on', 'log_executor_stats = on' ]);

# Ways to attach, each a list of what is sent to the server at a time. Where a cursor is declared, or a URL stands in
# the text of a statement that does not attach yet, that one's text is logged before we are called.
my %silent = (
	(map { $_ => [ $ways{$_} ] } grep { !/cursor/ } keys %ways),
	'in a BEGIN block' => [ sub { 'BEGIN' }, $ways{'called directly'}, sub { 'COMMIT' } ],
	'in a BEGIN block, rolled back' => [ sub { 'BEGIN' }, $ways{'called directly'}, sub { 'ROLLBACK' } ],
	'in a procedure that commits' => [ sub { "CALL attach_and_commit($_[0])" } ],
	'in a function with a setting' => [ sub { "SELECT attach_with_setting($_[0])" } ],
	'in a block that is rolled back' => [ sub { "SELECT attach_and_catch($_[0])" } ],
	'in a function, fetched by a cursor' =>
	  [ \&keep_source, sub { 'BEGIN' }, sub { 'SELECT plpgsql_open(source) FROM kept_source' }, sub { 'FETCH ALL FROM attached' }, sub { 'CLOSE attached' },
		sub { 'COMMIT' } ],
	'and fails then' => [ sub { "SELECT 1 / (rows - rows) FROM dcx_attach_aas($_[0], 'target')" } ],
	'and fails then, in a DO block' => [ sub {
		"DO \$do\$ BEGIN EXECUTE format('SELECT 1 / (rows - rows) FROM dcx_attach_aas(%L, %L)', $_[0], 'target'); END \$do\$"
	} ]);

$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE TABLE kept_source (source text);
GRANT SELECT ON kept_source TO PUBLIC;
CREATE PROCEDURE attach_and_commit(source text) LANGUAGE plpgsql AS
	$$ BEGIN PERFORM dcx_attach_aas(source, 'target'); COMMIT; END $$;
CREATE FUNCTION attach_with_setting(source text) RETURNS void LANGUAGE plpgsql SET work_mem = '8MB' AS
	$$ BEGIN PERFORM dcx_attach_aas(source, 'target'); END $$;
CREATE FUNCTION attach_and_catch(source text) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN PERFORM dcx_attach_aas(source, 'target'); RAISE 'back'; EXCEPTION WHEN OTHERS THEN NULL; END $$;
CREATE FUNCTION plpgsql_open(source text) RETURNS refcursor LANGUAGE plpgsql AS $$
DECLARE c refcursor := 'attached';
BEGIN
	OPEN c FOR EXECUTE format('SELECT * FROM dcx_attach_aas(%L, %L)', source, 'target');
	RETURN c;
END $$;
GRANT SET ON PARAMETER log_min_duration_statement, log_min_duration_sample, log_transaction_sample_rate,
	log_error_verbosity, track_activities TO trusted;
SQL

# A setting of auto_explain can be granted, and set for a database, only where its library is loaded.
my $load = q{LOAD 'auto_explain'; };
my $have_auto_explain =
  $main->psql($Dcx::main_db, "$load GRANT SET ON PARAMETER auto_explain.log_min_duration TO trusted") == 0;

# Makes settings the database's, and gives a new session of a role.
sub session_with
{
	my ($user, @settings) = @_;
	my $session;

	push @settings, 'session_preload_libraries = auto_explain' if $have_auto_explain;
	$main->safe_psql($Dcx::main_db,
		($have_auto_explain ? $load : '') . join '; ', map { "ALTER DATABASE $Dcx::main_db SET $_" } @settings);
	$session = session($main, user => $user);
	$main->safe_psql($Dcx::main_db, "ALTER DATABASE $Dcx::main_db RESET ALL");
	return $session;
}

for my $caller ([ 'a superuser', undef ], [ 'a role that may set them', 'trusted' ])
{
	my ($who, $user) = @$caller;

	start_anew();
	for my $case (@logging)
	{
		my ($name, @settings) = @$case;

		SKIP:
		{
			skip 'no auto_explain here', 1 if "@settings" =~ /auto_explain/ && !$have_auto_explain;

			subtest "the log of a statement of $who with $name" => sub {
				my $session = session_with($user, @settings);
				my $log = -s $main->logfile;

				$session->error(q{DO $$ BEGIN PERFORM 'Kq7zz' FROM pg_class LIMIT 1; END $$; SELECT 'Kq7zz'});
				if ($name eq 'log_statement_stats')
				{
					# Only the STATEMENT of what it logs has the text.
					$main->wait_for_log(qr/QUERY STATISTICS/, $log);
				}
				like(slurp_file($main->logfile, $log), $secret, 'the setting logs what is not ours');
				$session->value('SELECT 1');

				for my $way (sort keys %silent)
				{
					for my $source ($good, $failing[0][1])
					{
						my $what = $source eq $good ? 'succeeds' : 'fails';
						my $state;

						$log = -s $main->logfile;
						for my $step (@{ $silent{$way} })
						{
							my $error = $session->error($step->(literal($source)));

							$state = $error->{state} if $error->{state} ne 'none';
						}
						$session->error('ROLLBACK');
						is($state, undef, "$way: $what") if $source eq $good && $way !~ /fails then/;
						log_is_clean($main, $log, "$way, $what: the log is clean");
						$session->error('DROP TABLE IF EXISTS t');
						$session->error('DEALLOCATE ALL');
					}
				}
				$log = -s $main->logfile;
				$session->error(q{SELECT 'Kq7zz' FROM pg_class LIMIT 1});
				like(slurp_file($main->logfile, $log), $secret, 'afterwards it logs as before')
				  unless $name eq 'log_statement_stats';
				$session->close;
			};
		}
	}
}

subtest 'as a parameter, in a statement that takes long' => sub {
	my $script = PostgreSQL::Test::Utils::tempdir() . '/attach_slowly.sql';

	start_anew();

	# The bind step takes no second, and its text is logged only when it does.
	append_to_file($script, "SELECT * FROM dcx_attach_aas(:source, 'target');\n");
	for my $setting ('log_min_duration_statement=1s', 'log_min_duration_sample=1s')
	{
		for my $mode ('simple', 'extended', 'prepared')
		{
			my $locker = session($aas, database => $Dcx::aas_db);
			my $log = -s $main->logfile;
			my ($out, $err, $run) = ('', '');

			local $ENV{PGOPTIONS} = "-c $setting -c log_statement_sample_rate=1 -c log_parameter_max_length=-1";
			$locker->value('BEGIN; LOCK TABLE products IN ACCESS EXCLUSIVE MODE');
			$run = IPC::Run::start [ 'pgbench', '-n', '-t', '1', '-M', $mode,
				'-D', 'source=' . ($mode eq 'simple' ? literal($good) : $good), '-f', $script,
				'-h', $main->host, '-p', $main->port, $Dcx::main_db ], '>', \$out, '2>', \$err;
			ok( $aas->poll_query_until($Dcx::aas_db, <<'SQL'), "$setting, $mode: it waits for more than a second");
SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'dcx_pricing' AND wait_event_type = 'Lock'
   AND query_start < clock_timestamp() - interval '1.2 s'
SQL
			is($main->safe_psql('postgres', <<'SQL'), '', 'pg_stat_activity does not show it meanwhile');
SELECT query FROM pg_stat_activity WHERE query ~ 'Kq7zz' AND pid <> pg_backend_pid()
SQL
			is($main->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE query ~ '^<dcx_attach'}),
				'1', 'but that there is one');
			$locker->value('ROLLBACK');
			$run->finish;
			like($out, qr/actually processed: 1\/1/, 'it attaches') or diag($err);
			log_is_clean($main, $log, 'the log is clean');
			$locker->close;
		}
	}
};

subtest 'whoever may not set a setting is logged as the administrator has it' => sub {
	my $session = session_with('operator', 'log_min_duration_statement = 0');

	start_anew();
	my $log = -s $main->logfile;

	$session->value($ways{'called directly'}->(literal($good)));
	like(slurp_file($main->logfile, $log), qr/duration: .*statement: SELECT \* FROM dcx_attach_aas/, 'with its text');
	is($main->safe_psql('postgres', "SELECT query ~ 'dcx_attach_aas' FROM pg_stat_activity WHERE pid = $session->{pid}"),
		't', 'also in pg_stat_activity');
	$session->close;
	start_anew();
};

subtest 'what a trigger of somebody\'s finds as current_query()' => sub {
	my $session = session($main);

	$session->value(<<'SQL');
CREATE TABLE queries (query text);
CREATE FUNCTION keep_query() RETURNS event_trigger LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO public.queries VALUES (current_query()); END $$;
CREATE EVENT TRIGGER keep_query ON ddl_command_end EXECUTE FUNCTION keep_query();
SQL
	$session->value("SELECT * FROM dcx_attach_aas('$good', 'target')");
	$session->value('DROP EVENT TRIGGER keep_query');
	cmp_ok($session->value('SELECT count(*) FROM queries'), '>', 0, 'the event trigger has fired');
	unlike($session->value('SELECT * FROM queries'), $secret, 'without the password');
	$session->value(q{SELECT * FROM dcx_detach('aas')});
	$session->close;
};

subtest 'no password in any statement: it is in a file that the server reads' => sub {
	my $passwords = PostgreSQL::Test::Utils::tempdir() . '/pgpass';
	my $session = session($main);
	my $log = -s $main->logfile;

	append_to_file($passwords, '127.0.0.1:*:*:aas_reader:' . ($password =~ s/([:\\])/\\$1/gr) . "\n");
	chmod 0600, $passwords;
	$session->value(q{SET log_statement = 'all'});
	$session->value("SELECT * FROM dcx_attach_aas('postgresql://$reader\@$host/$Dcx::aas_db?passfile=$passwords', 'target')");
	is($session->value("SELECT $Dcx::cost"), '376.00', 'it prices');
	like(slurp_file($main->logfile, $log), qr/statement: SELECT \* FROM dcx_attach_aas/, 'every statement is logged');
	log_is_clean($main, $log, 'and the log is clean');
	is($session->value(q{SELECT count(*) FROM pg_user_mappings WHERE umoptions::text LIKE '%password%'}), '0',
		'no user mapping has one');
	$session->value(q{SELECT * FROM dcx_detach('aas')});

	start_anew();
	$session->value(<<"SQL");
CREATE SERVER dcx_target FOREIGN DATA WRAPPER postgres_fdw OPTIONS (passfile '$passwords');
ALTER SERVER dcx_target OWNER TO operator;
CREATE USER MAPPING FOR operator SERVER dcx_target OPTIONS (user '$reader', password_required 'false')
SQL
	my $operator = session($main, user => 'operator');

	$operator->value("SELECT * FROM dcx_attach_aas('postgresql://$reader\@$host/$Dcx::aas_db', 'target')");
	is($operator->value("SELECT $Dcx::cost"), '376.00', 'a role that is no superuser prices, too, where one allows it');
	$operator->close;
	start_anew();
	$session->close;
};

subtest 'made by hand after SET, attached by name' => sub {
	my $session = session_with(undef, q{log_statement = 'all'}, 'log_min_duration_statement = 0',
		'log_min_duration_sample = 0', 'log_transaction_sample_rate = 1');
	my $log = -s $main->logfile;
	my $port = $aas->port;

	$session->value(q{SET log_statement = 'none'});
	$session->value("SET $_") for 'log_min_duration_statement = -1', 'log_min_duration_sample = -1',
	  'log_transaction_sample_rate = 0';
	$session->value(<<"SQL");
CREATE SERVER by_hand FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (host '127.0.0.1', port '$port', dbname '$Dcx::aas_db');
\\set password `echo '$password'`
CREATE USER MAPPING FOR CURRENT_USER SERVER by_hand OPTIONS (user '$reader', password :'password')
SQL
	$session->value("RESET $_")
	  for 'log_statement', 'log_min_duration_statement', 'log_min_duration_sample', 'log_transaction_sample_rate';
	$session->value(q{SELECT * FROM dcx_attach_aas('by_hand', 'target')});
	like(slurp_file($main->logfile, $log), qr/dcx_attach_aas\('by_hand'/, 'what has no secret is logged');
	is($session->value("SELECT $Dcx::cost"), '376.00', 'it prices');
	log_is_clean($main, $log, 'the log is clean');
	$session->value(q{SELECT * FROM dcx_detach('aas'); DROP SERVER by_hand CASCADE});
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
		cmp_ok($session->value(q{SELECT count(*) FROM pg_stat_statements WHERE query ILIKE '%count(*) FROM target.products%'}),
			'>', 0, 'and what happens inside');
		is( $session->value(q{SELECT query FROM pg_stat_statements WHERE query ~* 'Kq7zz|Vw9yy|Xt5uu|Rb3ss|Lm1nn'}),
			'', 'and no password');
		$session->value(q{SET pg_stat_statements.track = 'none'});
		$session->error($ways{$_}->(literal($good))) for 'in a DO block', 'prepared', 'with CREATE TABLE AS';
		is( $session->value(q{SELECT query FROM pg_stat_statements WHERE query ~* 'Kq7zz|Vw9yy|Xt5uu|Rb3ss|Lm1nn'}),
			'', 'nor of a utility statement where nothing is tracked');
		$session->close;
	};
}

# AAS receives the password only in SCRAM's form.
log_is_clean($aas, $aas_log_begins, 'the log of AAS is clean');

$aas->stop;
$main->stop;
done_testing();
