# A URL as other clients write it, and as it stands in a file: what is understood, what is ignored, what is refused. An
# option that protects the connection never ends weaker than the URL asks for.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main');
my $session = session($main);
my ($port, $database) = ($aas->port, $Dcx::aas_db);
my $user = "aas_reader:$Dcx::aas_password_encoded";
my $base = "postgresql://$user\@127.0.0.1:$port/$database";
# In key=value pairs, where nothing is encoded.
my $password = $Dcx::aas_password;

sub literal
{
	my ($text) = @_;

	$text =~ s/\\/\\\\/g;
	$text =~ s/'/''/g;
	$text =~ s/\n/\\n/g;
	return "E'$text'";
}

# Attaches by a source. The note of the first relation; what the server has of options, and what schema it reads.
sub attach
{
	my ($source) = @_;
	my $error = $session->error('BEGIN; SELECT note FROM dcx_attach_aas(' . literal($source) . q{) WHERE relation = 'aas.products'});
	my %attached = (error => $error, note => $error->{text});

	if ($error->{state} eq 'none')
	{
		$attached{options} = { map { split /\|/, $_, 2 } split /\n/, $session->value(<<'SQL') };
SELECT o.option_name, o.option_value FROM pg_foreign_server s, pg_options_to_table(s.srvoptions) o WHERE srvname = 'dcx_aas'
SQL
		$attached{schema} = $session->value(<<'SQL');
SELECT o.option_value FROM pg_foreign_table, pg_options_to_table(ftoptions) o
 WHERE ftrelid = 'aas.products'::regclass AND o.option_name = 'schema_name'
SQL
		$attached{cost} = $session->value("SELECT $Dcx::cost");
	}
	$session->error('ROLLBACK');
	return \%attached;
}

$aas->safe_psql($database, <<'SQL');
CREATE SCHEMA other;
CREATE TABLE other.products AS SELECT * FROM public.products;
GRANT USAGE ON SCHEMA other TO aas_reader;
GRANT SELECT ON other.products TO aas_reader
SQL

# What stands in a URL after its database, options it gives (undef: none of that name), and what the note says.
my @parameters = (
	# node-postgres, Sequelize, Knex, Heroku
	[ 'ssl=false', { sslmode => 'prefer stays' }, qr/; ssl=false is sslmode=disable/ ],
	[ 'ssl=0', {}, qr/; ssl=0 is sslmode=disable/ ],
	[ 'ssl=disable', {}, qr/; ssl=disable is sslmode=disable/ ],
	[ 'ssl=off', {}, qr/; ssl=off is sslmode=disable/ ],
	[ 'ssl=prefer', { sslmode => 'prefer' }, qr/; ssl=prefer is sslmode=prefer/ ],
	[ 'ssl=allow', {}, qr/; ssl=allow is sslmode=allow/ ],
	[ 'sslmode=Prefer', { sslmode => 'prefer' }, qr/; sslmode=Prefer is sslmode=prefer/ ],
	[ 'sslMode=PREFER', { sslmode => 'prefer' }, qr/; sslMode=PREFER is sslmode=prefer/ ],
	[ 'application_name=api%201&statement_timeout=5000&query_timeout=6000&connectionTimeoutMillis=7', { application_name => 'api 1' },
		qr/; ignored in the URL: statement_timeout, query_timeout, connectionTimeoutMillis$/ ],
	[ 'uselibpqcompat=true&sslmode=prefer', { sslmode => 'prefer' }, qr/; ignored in the URL: uselibpqcompat$/ ],
	[ 'client_encoding=utf8', { client_encoding => undef }, qr/; ignored in the URL: client_encoding$/ ],
	[ 'fallback_application_name=x', { application_name => 'dcx_pricing' }, qr/; ignored in the URL: fallback_application_name$/ ],
	[ 'replication=false', { replication => undef }, qr/; ignored in the URL: replication$/ ],
	# Prisma
	[ 'schema=other&connection_limit=5&pool_timeout=10&socket_timeout=3&statement_cache_size=0', { schema => 'other' },
		qr/; ignored in the URL: connection_limit, pool_timeout, socket_timeout, statement_cache_size$/ ],
	[ 'pgbouncer=true', { options => undef }, qr/^(?!.*ignored)/ ],
	[ 'pgbouncer=TRUE', { options => undef }, qr/^(?!.*ignored)/ ],
	[ 'pgbouncer=false', {}, qr/^(?!.*ignored)/ ],
	[ 'sslaccept=accept_invalid_certs&sslidentity=x.p12', {}, qr/; ignored in the URL: sslaccept, sslidentity$/ ],
	[ 'sslaccept=strict', {}, qr/; sslaccept=strict verifies no certificate here: sslmode=verify-full does; ignored in the URL: sslaccept$/ ],
	[ 'requiressl=0', { sslmode => 'prefer' }, qr/; requiressl is sslmode=prefer/ ],
	[ 'connect_timeout=7', { connect_timeout => 7 }, qr/^/ ],
	[ 'connect_timeout=0', { connect_timeout => 10 }, qr/connect_timeout 0 of the URL is 10 here/ ],
	# JDBC, R2DBC
	[ 'currentSchema=other,public', { schema => 'other' }, qr/; currentSchema is schema=other/ ],
	[ 'currentSchema="$user",other', { schema => 'other' }, qr/; currentSchema is schema=other/ ],
	[ 'loginTimeout=5&socketTimeout=6&connectTimeout=7&tcpKeepAlive=true&prepareThreshold=0&stringtype=unspecified', {},
		qr/; ignored in the URL: loginTimeout, socketTimeout, connectTimeout, tcpKeepAlive, prepareThreshold, stringtype$/ ],
	[ 'ApplicationName=billing', { application_name => 'billing' }, qr/; ApplicationName is application_name/ ],
	[ 'sslfactory=org.postgresql.ssl.NonValidatingFactory', {}, qr/; ignored in the URL: sslfactory$/ ],
	[ 'targetServerType=primary', { target_session_attrs => 'primary' }, qr/targetServerType is target_session_attrs/ ],
	[ 'targetServerType=master', { target_session_attrs => 'primary' }, qr/target_session_attrs/ ],
	[ 'targetServerType=preferSecondary', { target_session_attrs => 'prefer-standby' }, qr/target_session_attrs/ ],
	# psycopg, SQLAlchemy, asyncpg, Django
	[ 'options=-csearch_path%3Dother%20-cwork_mem%3D8MB', { options => '-csearch_path=other -cwork_mem=8MB' }, qr/^/ ],
	[ 'options=-c work_mem=8MB', { options => '-c work_mem=8MB' }, qr/^/ ],
	[ 'prepared_statement_cache_size=500&command_timeout=60', {}, qr/; ignored in the URL: prepared_statement_cache_size, command_timeout$/ ],
	[ 'conn_max_age=600&conn_health_checks=true', {}, qr/; ignored in the URL: conn_max_age, conn_health_checks$/ ],
	# pgx, lib/pq
	[ 'pool_max_conns=10&pool_min_conns=1&default_query_exec_mode=simple_protocol&statement_cache_capacity=0', {},
		qr/; ignored in the URL: pool_max_conns, pool_min_conns, default_query_exec_mode, statement_cache_capacity$/ ],
	[ 'search_path=other', { schema => 'other' }, qr/; search_path is schema=other/ ],
	[ 'binary_parameters=yes', {}, qr/; ignored in the URL: binary_parameters$/ ],
	# Rails
	[ 'pool=5&prepared_statements=false&checkout_timeout=5&encoding=unicode', {},
		qr/; ignored in the URL: pool, prepared_statements, checkout_timeout, encoding$/ ],
	[ 'schema_search_path=other,public', { schema => 'other' }, qr/; schema_search_path is schema=other/ ],
	[ 'variables[statement_timeout]=5000', {}, qr/; ignored in the URL: variables\[statement_timeout\]$/ ],
	# Npgsql, Doctrine, Supabase, nobody
	[ 'Pooling=true&Minimum%20Pool%20Size=1&Search%20Path=other', { schema => 'other' }, qr/ignored in the URL: Pooling, Minimum Pool Size$/ ],
	[ 'serverVersion=16&charset=utf8', {}, qr/; ignored in the URL: serverVersion, charset$/ ],
	[ 'supa=base-pooler.x&workaround=supabase-pooler.vercel', {}, qr/; ignored in the URL: supa, workaround$/ ],
	[ 'nobodys=1&flag', {}, qr/; ignored in the URL: nobodys, flag$/ ],
	# An @ in a value
	[ 'application_name=api@web-1', { application_name => 'api@web-1' }, qr/^/ ],
	[ 'schema=public&application_name=me@example.com', { application_name => 'me@example.com' }, qr/^/ ],
	[ 'user=aas_reader&password=' . $password =~ s/%/%25/r, {}, qr/^/ ],
	# Several that mean the same: the strongest counts.
	[ 'sslmode=prefer&ssl=false', { sslmode => 'prefer' }, qr/^/ ],
	[ 'ssl=false&sslmode=prefer', { sslmode => 'prefer' }, qr/^/ ]);

subtest 'parameters of other clients' => sub {
	for my $case (@parameters)
	{
		my ($parameters, $options, $note) = @$case;
		my $attached = attach("$base?$parameters");
		my %expected = %$options;

		subtest $parameters => sub {
			is($attached->{cost}, '376.00', 'it prices') or diag($attached->{error}{text});
			like($attached->{note}, $note, 'the note');
			is($attached->{schema}, delete $expected{schema} // 'public', 'the schema');
			delete $expected{sslmode} if ($expected{sslmode} // '') =~ /stays/;
			is($attached->{options}{$_}, $expected{$_}, $_) for sort keys %expected;
		};
	}
};

# What asks for verification ends in it, whatever else the URL says. There is no certificate here: so attaching fails.
subtest 'nothing that asks for verification ends weaker' => sub {
	for my $parameters (
		'sslmode=verify-full', 'sslmode=verify-full&ssl=true', 'ssl=true&sslmode=verify-full', 'ssl=verify-full', 'sslMode=VerifyFull', 'ssl_mode=VERIFY_FULL',
		'SSL%20Mode=VerifyFull', 'sslmode=verify-full&sslmode=disable', 'sslmode=verify-full&sslmode=', 'sslmode=verify-ca&ssl=false', 'ssl=no-verify&sslmode=verify-ca', 'sslmode=verify-ca&sslmode=no-verify')
	{
		my $error = attach("$base?$parameters&sslrootcert=/nowhere/root.crt")->{error};

		is($error->{state}, 'ZD008', $parameters);
		like($error->{detail}, qr/root certificate file|does not support SSL/, 'it is asked for');
	}
	for my $parameters ('ssl=true', 'ssl=1', 'ssl', 'ssl=require', 'ssl=no-verify', 'sslmode=no-verify', 'sslmode=REQUIRED', 'sslmode=require&ssl=false',
		'requiressl=1', 'sslmode=prefer&requiressl=1')
	{
		like(attach("$base?$parameters")->{error}{detail}, qr/does not support SSL, but SSL was required/, "$parameters is require");
	}
	fails_with($session, "SELECT * FROM dcx_attach_aas('$base?ssl=maybe')", 'a value of ssl that nobody knows', state => '22023',
		detail => 'Parameter "ssl" has a value that is not understood.', hint => qr/verify-full/);
	fails_with($session, "SELECT * FROM dcx_attach_aas('$base?sslmode=maybe')", 'one of sslmode is libpq\'s to refuse', state => 'ZD008');
};

subtest 'schemes' => sub {
	my $rest = "$user\@127.0.0.1:$port/$database?schema=public";

	for my $scheme (
		'postgres', 'postgresql', 'POSTGRESQL', 'Postgres', 'postgresql+psycopg2', 'postgresql+psycopg', 'postgresql+asyncpg', 'postgres+pg8000',
		'postgis', 'pgsql', 'psql', 'pdo-pgsql', 'jdbc:postgresql', 'r2dbc:postgresql', 'r2dbc:pool:postgresql', 'vertx-reactive:postgresql')
	{
		is(attach("$scheme://$rest")->{cost}, '376.00', $scheme);
	}
	for my $scheme ('mysql', 'http', 'prisma', 'prisma+postgres', 'postgresq', 'postgres2', 'redis', 'jdbc:mysql')
	{
		is(attach("$scheme://$rest")->{error}{state}, '22023', "$scheme is refused");
	}
	my $jdbc = "jdbc:postgresql://127.0.0.1:$port/$database?user=aas_reader&password=$Dcx::aas_password_encoded";
	is(attach($jdbc)->{cost}, '376.00', 'JDBC');
	is(attach("$jdbc&ssl=false&ApplicationName=a+b&currentSchema=public")->{options}{application_name}, 'a b', 'where + is a blank');
};

subtest 'pairs' => sub {
	my $pairs = "host=127.0.0.1 port=$port dbname=$database user=aas_reader password='$password'";
	my %pairs = (
		'libpq\'s' => $pairs,
		'with parameters of others' => "$pairs sslmode=prefer client_encoding=utf8 schema=public pool_max_conns=3 connect_timeout = 4",
		'ssl' => "$pairs ssl=false",
		'Npgsql\'s' => "Host=127.0.0.1;Port=$port;Database=$database;Username=aas_reader;Password=$password",
		'Npgsql\'s, with more' => "Server=127.0.0.1; Port=$port; Database=$database; User Id=aas_reader; Password=\"$password\"; SSL Mode=Prefer; "
		  . 'Trust Server Certificate=true; Pooling=true; Maximum Pool Size=5; Search Path=public; Application Name=api; Timeout=15;',
		'PHP\'s' => "pgsql:host=127.0.0.1;port=$port;dbname=$database;user=aas_reader;password=$password",
		'ODBC\'s' => "Driver={PostgreSQL Unicode};Server=127.0.0.1;Port=$port;Database=$database;Uid=aas_reader;Pwd={$password};",
		'quoted as a whole' => qq{"$pairs"},
		'of a variable' => qq{export AAS_DATABASE_URL="$pairs"\n});

	is(attach($pairs{$_})->{cost}, '376.00', $_) for sort keys %pairs;
	my $verified = attach("$pairs{'Npgsql\'s'};SSL Mode=VerifyFull;Root Certificate=/nowhere/root.crt");
	like($verified->{error}{detail}, qr/root certificate file|does not support SSL/, 'Npgsql\'s VerifyFull is asked for');
	like(attach("Host=127.0.0.1;Username=aas_reader;Pasword=Kq7zz")->{error}{detail}, qr/name that nobody knows/, 'a key that is misspelt');
	like(attach("host=127.0.0.1 dbname=$database;")->{error}{detail}, qr/^It ends in ;/, 'a semicolon at the end');
	like(attach("host=127.0.0.1 password='x' dbname=$database\\x{200B}" =~ s/\\x\{200B\}/\xE2\x80\x8B/r)->{error}{detail}, qr/U\+200B/, 'a character that does not show');
};

# What stands around a URL, before and after; what the note says of it.
my ($nbsp, $bom, $wide) = ("\xC2\xA0", "\xEF\xBB\xBF", "\xE3\x80\x80");
my ($open, $close) = ("\xE2\x80\x9C", "\xE2\x80\x9D");
my @around = (
	[ 'a carriage return', '', "\r", qr/; left out around the source: \\r;? ?/ ],
	[ 'a line break of Windows', '', "\r\n", qr/: \\n, \\r/ ],
	[ 'a line break', '', "\n", qr/: \\n/ ],
	[ 'tabs and blanks', " \t ", "\t  ", qr/: blanks, \\t/ ],
	[ 'a byte order mark', $bom, '', qr/: U\+FEFF/ ],
	[ 'a no-break space', $nbsp, $nbsp, qr/: U\+00A0/ ],
	[ 'a wide blank', $wide, $wide, qr/: U\+3000/ ],
	[ 'a zero-width space', '', "\xE2\x80\x8B", qr/: U\+200B/ ],
	[ 'quotes', '"', '"', qr/: "/ ],
	[ 'single quotes', q{'}, q{'}, qr/: '/ ],
	[ 'backquotes', '`', '`', qr/: `/ ],
	[ 'typographic quotes', $open, $close, qr/: U\+201C/ ],
	[ 'half a quote in front', '"', '', qr/: "/ ],
	[ 'half a quote behind', '', '"', qr/: "/ ],
	[ 'half a single quote behind', '', q{'}, qr/: '/ ],
	[ 'half a typographic quote', '', $close, qr/: U\+201D/ ],
	[ 'a comment', '', ' # the read replica', qr/: a comment/ ],
	[ 'a comment after a tab', '', "\t# the read replica", qr/: a comment/ ],
	[ 'a comment with an address', '', ' # ask ops@example.com', qr/: a comment/ ],
	[ 'a comment after quotes', '"', q{" # the "read" replica}, qr/: ", a comment/ ],
	[ 'a variable', 'AAS_DATABASE_URL=', '', qr/: what stands before it/ ],
	[ 'a variable, quoted', 'AAS_DATABASE_URL="', '"', qr/: ", what stands before it/ ],
	[ 'export', "export AAS_DATABASE_URL='", q{'}, qr/what stands before it/ ],
	[ 'export, and a semicolon', "export AAS_DATABASE_URL='", q{';}, qr/what stands before it/ ],
	[ 'YAML', 'AAS_DATABASE_URL: ', '', qr/what stands before it/ ],
	[ 'YAML, a list', '  - AAS_DATABASE_URL=', "\n", qr/what stands before it/ ],
	[ 'JSON', '"AAS_DATABASE_URL": "', '",', qr/what stands before it/ ],
	[ 'JavaScript', 'const url = "', '"; // the read replica', qr/what stands before it/ ],
	[ 'Windows', 'set AAS_DATABASE_URL=', "\r\n", qr/what stands before it/ ],
	[ 'PowerShell', '$env:AAS_DATABASE_URL = "', '"', qr/what stands before it/ ],
	[ 'Docker', 'ENV AAS_DATABASE_URL=', " \\\n", qr/what stands before it/ ],
	[ 'systemd', 'Environment="AAS_DATABASE_URL=', '"', qr/what stands before it/ ],
	[ 'psql', 'psql "', '"', qr/what stands before it/ ],
	[ 'properties', 'spring.datasource.url=', '', qr/what stands before it/ ],
	[ 'a semicolon', '', ';', qr/: ;/ ],
	[ 'a comma', '', ',', qr/: ,/ ],
	[ 'a backslash', '', ' \\', qr/: \\, blanks/ ],
	[ 'an escaped line break', '', '\n', qr/: \\n/ ],
	[ 'angle brackets', '<', '>', qr/: >/ ]);

subtest 'what stands around a URL' => sub {
	for my $case (@around)
	{
		my ($name, $before, $behind, $note) = @$case;

		for my $url ("$base?schema=public", $base, "$base?schema=public&connection_limit=5")
		{
			my $attached = attach("$before$url$behind");

			is($attached->{cost}, '376.00', $name) or diag($attached->{error}{text});
			is($attached->{schema}, 'public', 'of schema public');
			like($attached->{note}, $note, 'and the note says so');
		}
	}
	is(attach("$base?schema=public%0D%0A")->{schema}, 'public', 'a line break that is encoded');
};

subtest 'what stands inside' => sub {
	my %inside = (
		"postgresql://$user\@127.0.0.1:$port/$database\r?schema=public" => qr/stands \\r\./,
		"postgresql://$user\@127.0.0.1:$port/\n  $database?schema=public" => qr/stands \\n\./,
		"postgresql://$user\@127.0.0.1:$port/$database?schema=\tpublic" => qr/stands \\t\./,
		"postgresql://$user\@127.0.0.1${nbsp}:$port/$database" => qr/stands U\+00A0\./,
		"postgresql://$user\@127.0.0.1 :$port/$database" => qr/stands a blank\./,
		"postgresql://$user\@127.0.0.1:$port/$database sslmode=require" => qr/stands a blank\./,
		"postgresql://$user\@127.0.0.1:$port/$database?schema= public" => qr/stands a blank\./,
		"postgresql://$user\@127.0.0.1:$port/$database\nA=1" => qr/stands \\n\./,
		"postgresql://$user\@127.0.0.1:$port/$database%0D?schema=public" => qr/^The value of dbname has the character \\r\./,
		"postgresql://aas_reader%0A:x\@127.0.0.1:$port/$database" => qr/^The value of user has the character \\n\./,
		"# postgresql://$user\@127.0.0.1:$port/$database" => qr/character that is not understood: #/);

	for my $url (sort keys %inside)
	{
		my $error = attach($url)->{error};

		is($error->{state}, '22023', 'refused');
		like($error->{detail}, $inside{$url}, 'and the character is shown');
	}
};

subtest 'raw passwords' => sub {
	for my $secret ('a b', 'a?b', 'a?b=c&d', q{a'b}, 'a"b', 'a#b', 'a #b', 'a;b,', "\xC3\xA9", 'a%zz', 'a=b', '$(x)', 'a:b')
	{
		my $raw = $secret eq 'a%zz' ? 'a%25zz' : $secret;

		$aas->safe_psql('postgres', "SET password_encryption = 'scram-sha-256'; ALTER ROLE aas_reader PASSWORD '" . ($secret =~ s/'/''/gr) . "'");
		is(attach("postgresql://aas_reader:$raw\@127.0.0.1:$port/$database?schema=public")->{cost}, '376.00', "password $secret");
		is(attach("X='postgresql://aas_reader:$raw\@127.0.0.1:$port/$database?schema=public' # it\n")->{cost}, '376.00', 'in quotes, too');
	}
	$aas->safe_psql('postgres', "ALTER ROLE aas_reader PASSWORD '$password'");
};

subtest 'names' => sub {
	$session->value("SELECT * FROM dcx_attach_aas('$base')");
	for my $source ("dcx_aas\r\n", ' dcx_aas ', '"dcx_aas"', "'dcx_aas';", "${bom}dcx_aas", "dcx_aas$nbsp", "`dcx_aas")
	{
		is(attach($source)->{cost}, '376.00', 'the name of a server');
	}
	$session->value('CREATE SERVER " odd" FOREIGN DATA WRAPPER postgres_fdw');
	fails_with($session, q{SELECT * FROM dcx_attach_aas(' odd')}, 'a server of the very name is meant', state => '42704', message => qr/has no user mapping for server " odd"/);
	fails_with($session, q{SELECT * FROM dcx_attach_aas(E'dcx\raas')}, 'one with a character inside', state => '22023',
		message => 'the name of the server has a character that does not show', detail => 'It is \r.');
	is($session->value(q{SELECT relation FROM dcx_attach_aas('dcx_aas', E'other\r\n') LIMIT 1}), 'other.products', 'the name of a schema');
	fails_with($session, q{SELECT * FROM dcx_attach_aas('dcx_aas', E'oth\u00A0er')}, 'one with a character inside', state => '22023', detail => 'It is U+00A0.');
	$session->value('CREATE SCHEMA " odd"');
	is($session->value(q{SELECT relation FROM dcx_attach_aas('dcx_aas', ' odd') LIMIT 1}), '" odd".products', 'a schema of the very name is meant');
	fails_with($session, q{SELECT * FROM dcx_attach_aas(E'dcx_nothing\r')}, 'one that is not there', state => '42704', message => 'there is no server "dcx_nothing"');
	$session->value(q{SELECT * FROM dcx_detach('aas')});
};

$session->close;
$_->stop for $main, $aas;
done_testing();
