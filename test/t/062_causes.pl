# Why another server cannot be reached: each cause has a hint of its own, in an attach, in a price and in a check. The
# SQLSTATE decides, whatever language the server speaks.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Bouncer;
use Dcx::Fake;
use Dcx::Proxy;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas', conf => "max_connections = 12\nsuperuser_reserved_connections = 3\n");
my $main = new_main('main');
my $fake = Dcx::Fake->new;
my $proxy = Dcx::Proxy->new($aas);
my ($port, $database, $password) = ($aas->port, $Dcx::aas_db, $Dcx::aas_password);
my $hba = slurp_file($aas->data_dir . '/pg_hba.conf');

$main->safe_psql($Dcx::main_db, "SELECT * FROM dcx_attach_aas('" . aas_url($aas) . "')");
my $server = $main->safe_psql($Dcx::main_db, q{SELECT string_agg(format('SET %I %L', option_name, option_value), ', ')
	FROM pg_foreign_server, pg_options_to_table(srvoptions) WHERE srvname = 'dcx_aas' AND option_name IN ('host', 'port', 'dbname', 'connect_timeout')});

# What libpq adds to a message where it is asked for the SQLSTATE.
my $internal = qr/: +(?=\w*\d)[0-9A-Z]{5}: |auth\.c/;

# In another state of the server or of its options: what an attach by the server's name, a price and a check say.
sub cause
{
	my ($name, $hint, %params) = @_;
	my $session;

	$main->safe_psql($Dcx::main_db, join ";\n",
		(map { "ALTER SERVER dcx_aas OPTIONS ($_)" } $params{server} // ()), (map { "ALTER USER MAPPING FOR postgres SERVER dcx_aas OPTIONS ($_)" } $params{mapping} // ()));
	$session = session($main);
	subtest $name => sub {
		my %of = (
			attach => $session->error(q{SELECT * FROM dcx_attach_aas('dcx_aas', 'again')}), price => $session->error("SELECT $Dcx::cost"));

		for my $call (sort keys %of)
		{
			is($of{$call}{state}, 'ZD008', "$call: state") or diag($of{$call}{text});
			like($of{$call}{hint}, $hint, "$call: hint") or diag($of{$call}{text});
			unlike($of{$call}{detail}, $internal, "$call: neither state nor place in the code within the detail");
			like($of{$call}{detail}, $params{detail}, "$call: detail") if $params{detail};
			unlike($of{$call}{text}, qr/\Q$password\E/, "$call: no password");
		}
		my $check = $session->value(q{SELECT detail FROM dcx_check('connection') WHERE problem = 'the server cannot be reached'});
		like($check, $hint, 'check');
		unlike($check, $internal, 'without state and place in the code');
		is($session->value(q{SELECT value FROM dcx_health() WHERE (area, name) = ('aas', 'reachable')}), 'false', 'health');
	};
	$session->close;
	$main->safe_psql($Dcx::main_db, join ";\n",
		(map { my $undo = $_; "ALTER SERVER dcx_aas OPTIONS ($undo)" } $params{undo} // (), $server),
		"ALTER USER MAPPING FOR postgres SERVER dcx_aas OPTIONS (SET user 'aas_reader', " . ($params{dropped} ? 'ADD' : 'SET') . " password '$password')");
}

sub in_aas
{
	$aas->safe_psql('postgres', $_[0]);
}

sub hba
{
	my ($lines) = @_;

	unlink $aas->data_dir . '/pg_hba.conf';
	$aas->append_conf('pg_hba.conf', $lines);
	$aas->reload;
}

subtest 'who' => sub {
	cause('a wrong password', qr/^(?:.*\. )?The password is wrong, or the role does not exist there\. .*percent-encoded/, mapping => q{SET password 'Kq7zz'});
	cause('a role that does not exist, which the server does not say', qr/The password is wrong, or the role does not exist/, mapping => q{SET user 'nobody'});
	cause('no password', qr/asks for a password and has got none/, mapping => 'DROP password', dropped => 1);
	hba("host all all 127.0.0.1/32 trust\n$hba");
	cause('a role that does not exist', qr/See the user in the URL, or have the role made there/, mapping => q{SET user 'nobody'}, detail => qr/role "nobody" does not exist/);
	in_aas('CREATE ROLE no_login');
	cause('a role that may not log in', qr/ALTER ROLE \.\.\. LOGIN/, mapping => q{SET user 'no_login'});
	hba($hba =~ s/^host.*//mr);
	cause('no line in pg_hba.conf', qr/pg_hba\.conf has to let this database server in.*not encrypted: perhaps sslmode=require/);
	hba("host all all 127.0.0.1/32 reject\n$hba");
	cause('a line that rejects', qr/pg_hba\.conf has to let this database server in/);
	hba("host all all 127.0.0.1/32 ident\n$hba");
	cause('ident', qr/user of its operating system/);
	hba($hba);
};

subtest 'where to' => sub {
	cause('a database that does not exist', qr/See the name of the database in the URL/, server => q{SET dbname 'nowhere'});
	in_aas('CREATE DATABASE closed ALLOW_CONNECTIONS false; CREATE DATABASE private; REVOKE CONNECT ON DATABASE private FROM PUBLIC');
	cause('one that takes no connections', qr/ALLOW_CONNECTIONS true/, server => q{SET dbname 'closed'});
	cause('one without CONNECT', qr/GRANT CONNECT ON DATABASE/, server => q{SET dbname 'private'});
	cause('a port that nobody listens at', qr/Nothing listens there.*ost and port are meant as seen from this database server/, server => q{SET port '} . PostgreSQL::Test::Cluster::get_free_port() . q{'});
	cause('a name that nobody knows', qr/name of the host is not known here.*ost and port/, server => q{SET host 'nowhere.invalid'});
	cause('a socket that is not there', qr/no server with that socket/, server => q{SET host '/nowhere'});
	cause('another kind of host list', qr/Several hosts take one port/, server => q{SET host '127.0.0.1,127.0.0.1,127.0.0.1', SET port '1,2'});
	cause('not the kind of server', qr/target_session_attrs asks for/, server => q{ADD target_session_attrs 'standby'}, undo => 'DROP target_session_attrs');
	$proxy->mute;
	cause('a host that says nothing', qr/The host says nothing.*firewall.*ost and port/, server => q{SET connect_timeout '2', SET port '} . $proxy->port . q{'});
	$proxy->pass;
	$fake->says_raw("HTTP/1.1 400 Bad Request\r\n\r\n");
	cause('a web server', qr/is not PostgreSQL/, server => q{SET port '} . $fake->port . q{'});
	$fake->says_raw("SSH-2.0-OpenSSH\r\n");
	cause('SSH', qr/is not PostgreSQL/, server => q{SET port '} . $fake->port . q{'});
	$fake->says_raw('');
	cause('one that hangs up', qr/is not PostgreSQL/, server => q{SET port '} . $fake->port . q{'});
};

subtest 'no room' => sub {
	in_aas('ALTER ROLE aas_reader CONNECTION LIMIT 0');
	cause('the role\'s limit', qr/role's CONNECTION LIMIT is reached/);
	in_aas("ALTER ROLE aas_reader CONNECTION LIMIT -1; ALTER DATABASE $database CONNECTION LIMIT 0");
	cause('the database\'s limit', qr/database's CONNECTION LIMIT is reached/);
	in_aas("ALTER DATABASE $database CONNECTION LIMIT -1");
	my @sessions = map { session($aas, database => $database) } 1 .. 9;
	cause('the server\'s', qr/takes no more connections: see max_connections/);
	$_->close for @sessions;
};

subtest 'options and TLS' => sub {
	cause('an sslmode that does not exist', qr/sslmode is one of disable, allow/, server => q{ADD sslmode 'maybe'}, undo => 'DROP sslmode');
	cause('a server without TLS', qr/The server has no TLS/, server => q{ADD sslmode 'require'}, undo => 'DROP sslmode');
	cause('another value that does not exist', qr/does not know this value/, server => q{ADD channel_binding 'maybe'}, undo => 'DROP channel_binding');
	cause('channel binding', qr/what channel_binding asks for/, server => q{ADD channel_binding 'require', ADD sslmode 'disable'}, undo => 'DROP channel_binding, DROP sslmode');
	cause('a parameter in options that the server does not know', qr/older than PostgreSQL 14/, server => q{SET options '-c nobodys=1'}, undo => q{SET options '-c statement_timeout=5s -c idle_session_timeout=10min'});
	cause('options that are none', qr/See options in the URL/, server => q{SET options '--x'}, undo => q{SET options '-c statement_timeout=5s -c idle_session_timeout=10min'});
};

SKIP:
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $built = $aas->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'ssl_library' AND setting <> ''});

	skip 'no openssl, or a server without TLS', 1 unless $built && system('openssl version >/dev/null 2>&1') == 0;
	for my $name ('localhost', 'other')
	{
		system(qq{openssl req -new -x509 -nodes -days 30 -subj /CN=$name -keyout '$dir/$name.key' -out '$dir/$name.crt' >/dev/null 2>&1}) == 0
		  or die 'openssl makes no certificate';
		chmod 0600, "$dir/$name.key";
	}
	$aas->append_conf('postgresql.conf', "ssl = on\nssl_cert_file = '$dir/localhost.crt'\nssl_key_file = '$dir/localhost.key'\nssl_ca_file = '$dir/other.crt'\n");
	$aas->restart;
	subtest 'certificates' => sub {
		my $undo = 'DROP sslmode, DROP sslrootcert';

		cause('no file', qr/sslrootcert names the file/, server => q{ADD sslmode 'verify-full', ADD sslrootcert '/nowhere/root.crt'}, undo => $undo);
		cause('another authority', qr/not signed by what sslrootcert names/, server => "ADD sslmode 'verify-ca', ADD sslrootcert '$dir/other.crt'", undo => $undo);
		cause('another host', qr/The certificate is another host's/, server => "ADD sslmode 'verify-full', ADD sslrootcert '$dir/localhost.crt'", undo => $undo);
		cause('a client\'s that is not there', qr/What Prisma calls sslcert/, server => "ADD sslmode 'require', ADD sslcert '$dir/other.crt', ADD sslkey '/nowhere/x.key'", undo => 'DROP sslmode, DROP sslcert, DROP sslkey');
		hba("hostssl all all 127.0.0.1/32 cert\n$hba");
		cause('a client\'s that is asked for', qr/asks for a client's certificate: sslcert/, server => q{ADD sslmode 'require'}, undo => 'DROP sslmode');
		hba("hostnossl all nobody 127.0.0.1/32 trust\n" . $hba =~ s/^host.*//mr);
		cause('pg_hba.conf, with and without TLS', qr/has to let this database server in, as that role and to that database\.(?!.*not encrypted)/);
		hba($hba);
	};
}

subtest 'up and down' => sub {
	my $held = session($aas, database => $database);

	$held->value('SELECT 1');
	system 'pg_ctl', '-D', $aas->data_dir, '-m', 'smart', '-W', 'stop';
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last if ($aas->psql($database, 'SELECT 1', stderr => \my $err) // 0) != 0;
		select(undef, undef, undef, 0.1);
	}
	cause('one that is being stopped', qr/It is being stopped/);
	$held->close;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		last unless -e $aas->data_dir . '/postmaster.pid';
		select(undef, undef, undef, 0.1);
	}
	cause('one that is stopped', qr/Nothing listens there/);
	$aas->{_pid} = undef;
	$aas->start;
};

# What cannot be made here: as poolers say it, and other servers.
my @texts = (
	[ '08P01', 'unsupported startup parameter: options', qr/pgbouncer=true/ ],
	[ '08P01', 'unsupported startup parameter in options: statement_timeout', qr/pgbouncer=true/ ],
	[ '0A000', q{Feature not supported: RDS Proxy currently doesn't support command-line options.}, qr/pgbouncer=true/ ],
	[ '08P01', 'no such user: aas_reader', qr/See the user in the URL/ ],
	[ 'XX000', 'Tenant or user not found', qr/Behind a pooler the name can/ ],
	[ '08P01', 'no such database: aas_product_data', qr/See the name of the database/ ],
	[ '08P01', 'SASL authentication failed', qr/The password is wrong/ ],
	[ '08P01', 'no more connections allowed (max_client_conn)', qr/pooler in between has no connection left/ ],
	[ '08P01', 'query_wait_timeout', qr/pooler in between has no connection left/ ],
	[ 'XX000', 'MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size', qr/pooler in between has no connection left/ ],
	[ '08P01', 'server login has been failing, cached error: connect failed (server_login_retry)', qr/pooler in between cannot reach its server/ ],
	[ '53300', 'sorry, too many clients already', qr/takes no more connections/ ],
	[ '53300', 'remaining connection slots are reserved for roles with the SUPERUSER attribute', qr/takes no more connections/ ],
	[ '57P03', 'the database system is starting up', qr/It is starting or recovering/ ],
	[ '57P03', 'the database system is in recovery mode', qr/It is starting or recovering/ ],
	[ '57P03', 'the database system is not yet accepting connections', qr/It is starting or recovering/ ],
	[ '57P03', "the database system is not accepting connections\0DHot standby mode is disabled.", qr/hot_standby = on/ ],
	[ '28000', 'no pg_hba.conf entry for host "10.0.0.1", user "x", database "y", SSL off', qr/pg_hba\.conf has to let.*sslmode=require/ ],
	[ '42704', 'unrecognized configuration parameter "idle_session_timeout"', qr/older than PostgreSQL 14/ ]);

# The same in other languages: the state decides.
my @foreign = (
	[ '28P01', "Passwort-Authentifizierung f\xC3\xBCr Benutzer \xC2\xBBx\xC2\xAB fehlgeschlagen", qr/The password is wrong/ ],
	[ '28000', "Rolle \xC2\xBBx\xC2\xAB existiert nicht", qr/whether it exists and may LOGIN there, and pg_hba\.conf/ ],
	[ '3D000', "Datenbank \xC2\xBBx\xC2\xAB existiert nicht", qr/See the name of the database/ ],
	[ '42501', 'keine Berechtigung', qr/GRANT CONNECT ON DATABASE/ ],
	[ '53300', "zu viele Verbindungen", qr/takes no more connections.*CONNECTION LIMIT/ ],
	[ '55000', "Datenbank nimmt keine Verbindungen an", qr/ALLOW_CONNECTIONS/ ],
	[ '57P03', "Datenbanksystem startet", qr/starting, stopping or recovering/ ],
	[ '28P01', "\xD0\xBF\xD0\xBE\xD0\xBB\xD1\x8C\xD0\xB7\xD0\xBE\xD0\xB2\xD0\xB0\xD1\x82\xD0\xB5\xD0\xBB\xD1\x8C", qr/The password is wrong/, "\xD0\x92\xD0\x90\xD0\x96\xD0\x9D\xD0\x9E" ],
	[ 'XX000', 'nobody knows this', qr/^(?:.*nobody knows this|Its host and port are meant as seen)/ ]);

subtest 'as others say it' => sub {
	for my $case (@texts)
	{
		$fake->says(@$case[ 0, 1 ]);
		cause($case->[1] =~ s/\0./ /r, $case->[2], server => q{SET port '} . $fake->port . q{'});
	}
	for my $case (@foreign)
	{
		$fake->says(@$case[ 0, 1 ], $case->[3] // 'SCHWERWIEGEND');
		cause("$case->[0] in another language", $case->[2], server => q{SET port '} . $fake->port . q{'});
	}
};

SKIP:
{
	skip 'pgbouncer is not installed: test/cluster install pgbouncer', 1 unless Dcx::Bouncer::program();

	my $bouncer = Dcx::Bouncer->new($aas, database => $database, user => 'aas_reader', sessions => 3);
	cause('pgbouncer', qr/pgbouncer=true/, server => q{SET host '} . $bouncer->host . q{', SET port '} . $bouncer->port . q{'}, detail => qr/unsupported startup parameter/);
	$bouncer->stop;
}

is($main->safe_psql($Dcx::main_db, "SELECT $Dcx::cost"), '376.00', 'and back: it prices');
$proxy->stop;
$fake->stop;
$_->stop for $main, $aas;
done_testing();
