# A pgbouncer in transaction mode in front of a node: many clients share few sessions of the server, each for one
# transaction.
package Dcx::Bouncer;

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

my @started;

# Debian has it where an ordinary user's PATH does not lead.
sub program
{
	my ($found) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH} // ''), '/usr/sbin', '/usr/local/sbin';

	return $found;
}

# One that runs. sessions: so many of the server's.
sub new
{
	my ($class, $node, %params) = @_;
	my $self = bless { host => PostgreSQL::Test::Utils::tempdir_short() }, $class;

	$self->{port} = PostgreSQL::Test::Cluster::get_free_port();
	append_to_file("$self->{host}/users", qq{"$params{user}" ""\n});
	append_to_file("$self->{host}/ini", <<"INI");
[databases]
$params{database} = host=@{[ $node->host ]} port=@{[ $node->port ]}
[pgbouncer]
pool_mode = transaction
default_pool_size = $params{sessions}
max_client_conn = 100
unix_socket_dir = $self->{host}
listen_port = $self->{port}
auth_type = trust
auth_file = $self->{host}/users
logfile = $PostgreSQL::Test::Utils::log_path/pgbouncer.log
INI
	$self->{run} = IPC::Run::start [ program(), '-q', "$self->{host}/ini" ], '<', '/dev/null', '>', \$self->{out},
	  '2>', \$self->{err};
	push @started, $self;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return $self if -S "$self->{host}/.s.PGSQL.$self->{port}";
		die "pgbouncer does not start: $self->{err}" unless $self->{run}->pumpable;
		$self->{run}->pump_nb;
		select(undef, undef, undef, 0.1);
	}
	die 'pgbouncer does not start';
}

sub host { return $_[0]{host} }
sub port { return $_[0]{port} }

sub stop
{
	my ($self) = @_;
	my $run = delete $self->{run} or return;

	$run->kill_kill;
}

# Also if a test dies.
END
{
	local $?;
	$_->stop for @started;
}

1;
