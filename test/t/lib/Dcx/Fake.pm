# A server on 127.0.0.1 that lets nobody in: it answers each connection with an error of PostgreSQL's, or with bytes of
# another protocol. For causes that cannot be made here: poolers, other languages, other kinds of server.
package Dcx::Fake;

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

use constant { SSL_REQUEST => 80877103, GSS_REQUEST => 80877104 };

my @started;

sub new
{
	my ($class) = @_;
	my $self = bless { port => PostgreSQL::Test::Cluster::get_free_port(), file => PostgreSQL::Test::Utils::tempdir() . '/says' }, $class;
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', LocalPort => $self->{port}, Listen => 20, ReuseAddr => 1) or die "listen: $!";

	$self->says('', '');
	$self->{pid} = fork // die "fork: $!";
	if ($self->{pid} == 0)
	{
		local $SIG{PIPE} = 'IGNORE';
		while (1)
		{
			my $client = $listener->accept or next;
			answer($client, slurp_file($self->{file}));
			close $client;
		}
	}
	push @started, $self;
	return $self;
}

sub port { return $_[0]{port} }

sub write_file
{
	my ($self, $bytes) = @_;

	open my $out, '>:raw', $self->{file} or die "$self->{file}: $!";
	print {$out} $bytes;
	close $out;
}

# The error that each client gets from now on. severity: its word in the server's language.
sub says
{
	my ($self, $state, $message, $severity) = @_;
	my $fields = 'S' . ($severity // 'FATAL') . "\0VFATAL\0C$state\0M$message\0Fauth.c\0L326\0Rauth_failed\0\0";

	$self->write_file('E' . pack('N', 4 + length $fields) . $fields);
}

# What else it answers, such as another protocol's first line.
sub says_raw { return $_[0]->write_file("raw$_[1]") }

sub answer
{
	my ($client, $says) = @_;

	return syswrite $client, $says if $says =~ s/^raw//;
	while (sysread($client, my $head, 8) // 0 == 8)
	{
		my ($length, $code) = unpack 'N N', $head;

		if ($code == SSL_REQUEST || $code == GSS_REQUEST)
		{
			syswrite $client, 'N';
			next;
		}
		sysread $client, my $rest, $length - 8;
		return syswrite $client, $says;
	}
}

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;

	kill 'KILL', $pid;
	waitpid $pid, 0;
}

# Also if a test dies.
END
{
	local $?;
	$_->stop for @started;
}

1;
