# A URL is attached again: which options of the server and the user mapping change. Options that the URL names are set,
# others stay, the address is replaced as a whole, and no option that protects the connection gets weaker.
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
my $major = $main->safe_psql('postgres', q{SELECT current_setting('server_version_num')::int / 10000});

# AAS uses TLS if openssl is installed and the server is built with it.
my $dir = PostgreSQL::Test::Utils::tempdir();
my $have_tls = make_certificate();

sub make_certificate
{
	my $built = $aas->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'ssl_library' AND setting <> ''});

	return 0 unless $built && system('openssl version >/dev/null 2>&1') == 0;
	system(qq{openssl req -new -x509 -nodes -days 30 -subj /CN=localhost -addext 'subjectAltName=IP:127.0.0.1' }
		  . qq{-keyout '$dir/server.key' -out '$dir/server.crt' >/dev/null 2>&1}) == 0
	  or die 'openssl makes no certificate';
	chmod 0600, "$dir/server.key";
	$aas->append_conf('postgresql.conf', <<"CONF");
ssl = on
ssl_cert_file = '$dir/server.crt'
ssl_key_file = '$dir/server.key'
CONF
	$aas->restart;
	return 1;
}

# The options of the server, or of the mapping, as a hash; a password is there, and not shown.
sub options
{
	my ($what, $server) = @_;
	my %sources = (
		server => q{SELECT o.* FROM pg_foreign_server, pg_options_to_table(srvoptions) o WHERE srvname = '%s'},
		mapping => q{SELECT o.option_name, CASE o.option_name WHEN 'password' THEN md5(o.option_value) ELSE o.option_value END
			FROM pg_user_mappings, pg_options_to_table(umoptions) o WHERE srvname = '%s'});

	return {
		map { split /\|/, $_, 2 } split /\n/,
		$main->safe_psql($Dcx::main_db, sprintf($sources{$what}, $server // 'dcx_aas'))
	};
}

# Attaches with parameters added to the URL, and returns the note of the first relation.
sub attach
{
	my ($parameters, %params) = @_;
	my $url = $params{url} // aas_url($aas, %params);

	$parameters = "&$parameters" if $parameters ne '';
	return $main->safe_psql($Dcx::main_db,
		"SELECT note FROM dcx_attach_aas('$url$parameters') WHERE relation = 'aas.products'");
}

# The names of the options that a note tells as changed, dropped or kept, in alphabetical order.
sub told
{
	my ($note, $what) = @_;
	my ($names) = $note =~ /; options $what: ([^;]*)/;

	return join ' ', sort split /, /, $names // '';
}

sub alter
{
	my ($options, $what) = @_;

	$main->safe_psql($Dcx::main_db, 'ALTER ' . ($what // 'SERVER') . " dcx_aas OPTIONS ($options)");
}

sub detach
{
	$main->safe_psql($Dcx::main_db, q{SELECT * FROM dcx_detach('aas')});
}

subtest 'what the URL does not name stays' => sub {
	unlike(attach(''), qr/options|weakening/, 'the first time there is nothing to tell');
	my ($server, $mapping) = (options('server'), options('mapping'));
	my %more = (
		sslmode => 'prefer', use_remote_estimate => 'true', keep_connections => 'on', async_capable => 'true',
		fetch_size => '77', extensions => 'dcx_pricing', fdw_startup_cost => '7', target_session_attrs => 'any',
		sslrootcert => '/nowhere/root.crt', ssl_min_protocol_version => 'TLSv1.2', gssencmode => 'disable',
		channel_binding => 'prefer', krbsrvname => 'aas', connect_timeout => '9', application_name => 'ours',
		passfile => '/nowhere/pgpass');

	$more{require_auth} = 'scram-sha-256' if $major >= 16;
	for my $name (sort keys %more)
	{
		alter((exists $server->{$name} ? 'SET' : 'ADD') . " $name '$more{$name}'");
		$server->{$name} = $more{$name};
	}
	my %mine = (sslcert => '/nowhere/my.crt', sslkey => '/nowhere/my.key', password_required => 'true');
	alter(join(', ', map { "ADD $_ '$mine{$_}'" } sort keys %mine), 'USER MAPPING FOR CURRENT_USER SERVER');
	$mapping = { %$mapping, %mine };

	for my $source ('the same URL', 'key=value')
	{
		my $note =
		  $source eq 'key=value'
		  ? attach('', url => sprintf(q{host=127.0.0.1 port=%s dbname=%s user=aas_reader password=''%s''},
			$aas->port, $Dcx::aas_db, $Dcx::aas_password))
		  : attach('');

		unlike($note, qr/options|weakening/, "$source: nothing to tell");
		is_deeply(options('server'), $server, 'of the server');
		is_deeply(options('mapping'), $mapping, 'of the mapping');
	}

	is( told(attach('connect_timeout=4&target_session_attrs=read-write&sslcert=/nowhere/other.crt'), 'changed'),
		'connect_timeout sslcert target_session_attrs', 'what the URL names is named in the note');
	$server->{connect_timeout} = 4;
	$server->{target_session_attrs} = 'read-write';
	$mapping->{sslcert} = '/nowhere/other.crt';
	is_deeply(options('server'), $server, 'and is set, nothing else');
	is_deeply(options('mapping'), $mapping, 'sslcert where it was, since the mapping\'s would win');
	detach();
};

subtest 'the address follows the URL as a whole' => sub {
	my $port = $aas->port;
	my $note;

	attach('');
	my ($server, $mapping) = (options('server'), options('mapping'));

	# A server that would lead elsewhere if any part of its old address were kept.
	alter(q{SET host 'aas.invalid', ADD hostaddr '127.0.0.2', SET port '1', SET dbname 'other', ADD service 'other'});
	alter(q{SET user 'other', SET password 'other'}, 'USER MAPPING FOR CURRENT_USER SERVER');
	$note = attach('');
	is(told($note, 'changed'), 'dbname host password port user', 'the note names what is set');
	is(told($note, 'dropped'), 'hostaddr service', 'and what is dropped');
	unlike($note, qr/read\@|invalid/, 'without values');
	is_deeply(options('server'), $server, 'the server is as it was');
	is_deeply(options('mapping'), $mapping, 'the mapping, too');
	is($main->safe_psql($Dcx::main_db, "SELECT $Dcx::cost"), '376.00', 'it prices');

	# A URL without a password: the old password is not sent to the new server.
	$note = attach('', url => "postgresql://aas_reader\@/$Dcx::aas_db?host="
		  . ($aas->host =~ s{/}{%2F}gr) . "&port=$port");
	is(told($note, 'changed'), 'host', 'by a socket');
	is(told($note, 'dropped'), 'password', 'the password is dropped');
	is_deeply([ keys %{ options('mapping') } ], ['user'], 'indeed');
	is($main->safe_psql($Dcx::main_db, "SELECT $Dcx::cost"), '376.00', 'it prices');

	$note = attach('pgbouncer=true');
	like($note, qr/; options dropped: options(;|$)/, 'behind pgbouncer no options are sent, although some were set');
	is(options('server')->{options}, undef, 'indeed');
	like(attach(''), qr/; options changed: options(;|$)/, 'they come back without it');
	detach();
};

# Each option that protects a connection: the values that libpq knows, weakest first, and what no value means.
my %orders = (
	sslmode => [ qw(disable allow prefer) ],
	gssencmode => [ qw(disable prefer) ],
	channel_binding => [ qw(disable prefer) ],
	ssl_min_protocol_version => [ qw(TLSv1 TLSv1.1 TLSv1.2 TLSv1.3) ],
	ssl_max_protocol_version => [ qw(TLSv1.2 TLSv1.3) ]);

subtest 'nothing that protects the connection gets weaker' => sub {
	my %default = map { split /\|/, $_ } 'sslmode|prefer', 'channel_binding|prefer', 'gssencmode|prefer',
	  'ssl_min_protocol_version|TLSv1.2', 'ssl_max_protocol_version|TLSv1.3';

	attach('');
	for my $name (sort keys %orders)
	{
		my @values = @{ $orders{$name} };

		for my $set (-1 .. $#values)
		{
			for my $asked (0 .. $#values)
			{
				# Not a minimum of TLS 1.3 with a maximum of 1.2.
				my $other = $name =~ /^ssl_m/ ? $name =~ /min/ ? 'ssl_max_protocol_version' : 'ssl_min_protocol_version' : undef;
				my $before = $set < 0 ? 'unset' : $values[$set];
				my ($in_force) = $set < 0 ? grep { $values[$_] eq $default{$name} } 0 .. $#values : $set;
				my $note;

				# Built without GSSAPI, gssencmode is disable where it is not set.
				next if $name eq 'gssencmode' && $set < 0;
				alter("DROP $name") if exists options('server')->{$name};
				alter("ADD $name '$values[$set]'") if $set >= 0;
				$note = attach("$name=$values[$asked]");
				if ($asked < $in_force)
				{
					is(options('server')->{$name} // 'unset', $before, "$name: $before stays, asked $values[$asked]");
					like($note, qr/; $name stays \Q$values[$in_force]\E \(weakening takes ALTER SERVER\)/, 'and the note says so');
					unlike($note, qr/options changed/, 'and tells no change');
				}
				else
				{
					is(options('server')->{$name}, $values[$asked], "$name: $before becomes $values[$asked]");
					unlike($note, qr/stays/, 'nothing stays');
					is($note =~ /; options changed: $name(;|$)/ ? 1 : 0, $before eq $values[$asked] ? 0 : 1, 'the note says what changes');
				}
			}
		}
		alter("DROP $name");
	}

	alter(q{ADD sslmode 'allow'});
	is($main->psql($Dcx::main_db, "SELECT * FROM dcx_attach_aas('" . aas_url($aas) . "&sslmode=nonsense')"),
		3, 'a value that libpq does not have is libpq\'s to refuse');
	is(options('server')->{sslmode}, 'allow', 'and nothing has changed');
	like(attach('ssl=true'), qr/; options changed: sslmode/, 'JDBC\'s ssl=true is sslmode') if $have_tls;
	detach();

	SKIP:
	{
		skip 'require_auth comes with 16', 3 if $major < 16;
		attach('');
		like(attach('require_auth=scram-sha-256'), qr/; options changed: require_auth(;|$)/, 'require_auth is added');
		like(attach('require_auth=md5,scram-sha-256'), qr/; require_auth stays scram-sha-256 /, 'but not replaced');
		is(options('server')->{require_auth}, 'scram-sha-256', 'indeed');
		detach();
	}
};

subtest 'a server that was made by hand' => sub {
	my $port = $aas->port;
	my $note;

	$main->safe_psql($Dcx::main_db, <<"SQL");
CREATE EXTENSION IF NOT EXISTS postgres_fdw;
CREATE SERVER dcx_aas FOREIGN DATA WRAPPER postgres_fdw
	OPTIONS (hostaddr '127.0.0.2', port '1', sslmode 'prefer', use_remote_estimate 'true', connect_timeout '8');
CREATE USER MAPPING FOR CURRENT_USER SERVER dcx_aas OPTIONS (user 'aas_reader', password '$Dcx::aas_password')
SQL
	$note = attach('sslmode=disable');
	like($note, qr/; sslmode stays prefer/, 'a URL does not weaken it the first time either');
	like(told($note, 'changed'), qr/dbname .*host .*port/, 'it gets the URL\'s address');
	is(told($note, 'dropped'), 'hostaddr', 'and all of it');
	is(options('server')->{use_remote_estimate}, 'true', 'what is not named stays');
	is(options('server')->{connect_timeout}, '8', 'also of what attach would have given it');
	detach();

	$main->safe_psql($Dcx::main_db, q{ALTER SERVER dcx_aas OPTIONS (SET sslmode 'allow')});
	my ($server, $mapping) = (options('server'), options('mapping'));
	$main->safe_psql($Dcx::main_db, q{SELECT * FROM dcx_attach_aas('dcx_aas')});
	is_deeply(options('server'), $server, 'by its name nothing of it changes');
	is_deeply(options('mapping'), $mapping, 'nor of the mapping');
	detach();
	is_deeply(options('server'), $server, 'nor when it is detached');
	$main->safe_psql($Dcx::main_db, 'DROP SERVER dcx_aas CASCADE');
};

subtest 'a server that is somebody else\'s' => sub {
	my $session = session($main);
	my $port = $aas->port;
	my $attach = sprintf q{SELECT relation FROM dcx_attach_aas('%s', 'elsewhere') LIMIT 1}, aas_url($aas);

	$session->value(<<"SQL");
CREATE ROLE stranger;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO stranger;
SET ROLE stranger;
CREATE SERVER dcx_elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '$port', dbname '$Dcx::aas_db');
RESET ROLE
SQL
	fails_with($session, $attach, 'a superuser\'s password is not for it',
		state => '42501', message => 'server "dcx_elsewhere" belongs to role "stranger"', hint => qr/ALTER SERVER dcx_elsewhere OWNER/);
	is($session->value(q{SELECT count(*) FROM pg_user_mappings WHERE srvname = 'dcx_elsewhere'}), '0', 'and it has none');
	$session->value('ALTER SERVER dcx_elsewhere OWNER TO CURRENT_USER');
	is($session->value($attach), 'elsewhere.products', 'taken over, it is attached');
	$session->value(q{SELECT * FROM dcx_detach('aas')});
	$session->value('DROP SERVER dcx_elsewhere CASCADE; DROP OWNED BY stranger; DROP ROLE stranger');
	$session->close;
};

subtest 'E-Networks the same' => sub {
	my $url = enetworks_url($enetworks);
	my $attach = sub {
		$main->safe_psql($Dcx::main_db,
			"SELECT note FROM dcx_attach_enetworks('$url$_[0]') WHERE relation = 'enetworks.bandwidth_prices'");
	};

	$attach->('&sslmode=prefer');
	$main->safe_psql($Dcx::main_db, q{ALTER SERVER dcx_enetworks OPTIONS (ADD use_remote_estimate 'true')});
	my $options = options('server', 'dcx_enetworks');
	unlike($attach->(''), qr/options|weakening/, 'the same URL without sslmode: nothing to tell');
	like($attach->('&sslmode=disable'), qr/; sslmode stays prefer/, 'with a weaker one, it stays');
	is_deeply(options('server', 'dcx_enetworks'), $options, 'and everything else');
	$main->safe_psql($Dcx::main_db, q{SELECT * FROM dcx_detach('enetworks')});
};

SKIP:
{
	skip 'no openssl, or a server without TLS', 1 unless $have_tls;

	# How the connection that a session reads the catalog through is, as AAS has it: 't' when encrypted.
	my $encrypted = sub {
		my $session = session($main);
		my $answer;

		$session->value("SELECT $Dcx::cost");
		$answer = $aas->safe_psql($Dcx::aas_db, <<'SQL');
SELECT string_agg(DISTINCT ssl::text, ',') FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
 WHERE application_name = 'dcx_pricing'
SQL
		$session->close;
		$aas->poll_query_until($Dcx::aas_db, q{SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'dcx_pricing'});
		return $answer;
	};

	subtest 'encrypted once, encrypted for good' => sub {
		my $note;

		attach('sslmode=disable');
		is($encrypted->(), 'false', 'without TLS: what is looked at can tell');
		unlike(attach(''), qr/sslmode/, 'the same URL without sslmode');
		is(options('server')->{sslmode}, 'disable', 'leaves it');
		alter(q{SET sslmode 'require'});
		is($encrypted->(), 'true', 'an administrator requires TLS');

		unlike(attach(''), qr/sslmode/, 'the same URL');
		is($encrypted->(), 'true', 'is still read through TLS');
		is(told(attach('', host => 'localhost'), 'changed'), 'host', 'another URL');
		is(options('server')->{sslmode}, 'require', 'is, too');
		is($encrypted->(), 'true', 'indeed');
		for my $weaker (qw(disable allow prefer))
		{
			like(attach("sslmode=$weaker"), qr/; sslmode stays require \(weakening takes ALTER SERVER\)/, "$weaker is refused");
			is($encrypted->(), 'true', 'it is still read through TLS');
		}
		is(told(attach("sslmode=verify-ca&sslrootcert=$dir/server.crt"), 'changed'),
			'sslmode sslrootcert', 'a stronger one is taken');
		is($encrypted->(), 'true', 'and is read through TLS');
		like(attach('sslmode=require'), qr/; sslmode stays verify-ca/, 'and stays');
		is(options('server')->{sslrootcert}, "$dir/server.crt", 'with its certificate');
		alter(q{SET sslmode 'disable'});
		is($encrypted->(), 'false', 'ALTER SERVER weakens it');
		detach();
	};
}

$_->stop for $main, $aas, $enetworks;
done_testing();
