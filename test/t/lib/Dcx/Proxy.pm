# A small proxy in front of a node's TCP port. It counts the connections, and makes the network fail where a test wants
# it: the host accepts connections and says nothing, or an answer stops in the middle.
package Dcx::Proxy;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use POSIX ();
use PostgreSQL::Test::Cluster;
use Socket;

use constant CANCEL_REQUEST => 80877102;

my @started;

# One that runs, and passes everything on.
sub new
{
	my ($class, $node) = @_;
	my $self = bless { port => PostgreSQL::Test::Cluster::get_free_port() }, $class;
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1', LocalPort => $self->{port}, Listen => 20, ReuseAddr => 1) or die "listen: $!";

	socketpair($self->{control}, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!";
	$_->autoflush for $self->{control}, $theirs;
	$self->{pid} = fork // die "fork: $!";
	if ($self->{pid} == 0)
	{
		# Not exit: that would run what the nodes' module does at its end.
		eval { close $self->{control}; serve($listener, $theirs, $node->port); 1 } or print STDERR "proxy: $@";
		POSIX::_exit(0);
	}
	close $theirs;
	push @started, $self;
	return $self;
}

sub port { return $_[0]{port} }

# Sends a command; its answer.
sub ask
{
	my ($self, @command) = @_;

	print { $self->{control} } join("\t", @command) . "\n";
	my $answer = readline $self->{control} // die 'the proxy is gone';
	chomp $answer;
	return $answer;
}

# Connections are passed on from now on, and those that hang or are cut no more.
sub pass { return $_[0]->ask('pass') }

# New connections are accepted, and nothing is sent on them.
sub mute { return $_[0]->ask('mute') }

# From the time-th client message on that has the text: so many bytes of the server's come through, and then, how:
# 'cut' ends the connection, 'stall' keeps it open, 'silence' does so with all there are and all to come, as a host that
# has stopped. Without a number of bytes the message itself does not arrive.
sub at
{
	my ($self, $text, $time, $bytes, $how) = @_;

	return $self->ask('at', $text, $time, $bytes // '', $how);
}

# How many connections have been asked for so far, those for a cancel not counted.
sub connections { return $_[0]->ask('connections') }

# How often a connection was cut or stalled since at() was called.
sub struck { return $_[0]->ask('struck') }

sub stop
{
	my ($self) = @_;
	my $control = delete $self->{control} or return;

	close $control;
	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;
}

# Also if a test dies.
END
{
	local $?;
	$_->stop for grep { $_->{pid} } @started;
}

# --------------------------------------------------------------------------------------------------
# The other process
# --------------------------------------------------------------------------------------------------

my $select;
my %links;    # by socket: the link it is an end of
my $mute = 0;
my $at;
my ($connections, $struck) = (0, 0);

sub serve
{
	my ($listener, $control, $port) = @_;

	local $SIG{PIPE} = 'IGNORE';
	$select = IO::Select->new($listener, $control);
	while (1)
	{
		for my $ready ($select->can_read)
		{
			if ($ready == $control)
			{
				my $command = readline $control // return;
				chomp $command;
				print {$control} obey(split /\t/, $command) . "\n";
			}
			elsif ($ready == $listener)
			{
				accept_one($listener, $port);
			}
			elsif (my $link = $links{$ready})
			{
				transfer($link, $ready);
			}
		}
	}
}

sub obey
{
	my ($command, @arguments) = @_;

	return $connections if $command eq 'connections';
	return $struck if $command eq 'struck';
	$mute = $command eq 'mute';
	$at = undef;
	if ($command eq 'at')
	{
		my ($text, $time, $bytes, $how) = @arguments;

		$at = { text => $text, time => $time, bytes => $bytes, how => $how };
		$struck = 0;
	}
	elsif ($command eq 'pass')
	{
		my @stalled = grep { $_->{stalled} } values %links;

		end_link($_) for @stalled;
	}
	return 'done';
}

sub accept_one
{
	my ($listener, $port) = @_;
	my $client = $listener->accept or return;
	my $link = { client => $client, stalled => $mute };

	$links{$client} = $link;
	$select->add($client);
	return if $mute;
	$link->{server} = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
	if ($link->{server})
	{
		$links{ $link->{server} } = $link;
		$select->add($link->{server});
	}
}

sub end_link
{
	my ($link) = @_;

	for my $end (grep { defined } delete @$link{qw(client server)})
	{
		delete $links{$end};
		$select->remove($end);
		$end->close;
	}
}

sub strike
{
	my ($link) = @_;

	$struck++;
	return end_link($link) if $link->{how} eq 'cut';
	$link->{stalled} = 1;
	return if $link->{how} ne 'silence';
	$mute = 1;
	$_->{stalled} = 1 for values %links;
}

# Passes on what has arrived at one end.
sub transfer
{
	my ($link, $from) = @_;
	my $is_client = $from == $link->{client};
	my $read = sysread $from, my $data, 65536;

	$connections++
	  if $is_client && !$link->{begun}++ && !($read && $read >= 8 && unpack('x4 N', $data) == CANCEL_REQUEST);
	return end_link($link) if !$read || !$link->{server} && !$link->{stalled};
	# What is sent on a stalled connection is lost.
	return if $link->{stalled};
	if ($is_client && $at && index($data, $at->{text}) >= 0 && --$at->{time} == 0)
	{
		@$link{qw(left how)} = @$at{qw(bytes how)};
		return strike($link) if $link->{left} eq '';
	}
	elsif (!$is_client && defined $link->{left})
	{
		$data = substr $data, 0, $link->{left};
		$link->{left} -= length $data;
	}
	my $to = $is_client ? $link->{server} : $link->{client};
	for (my $sent = 0; $sent < length $data;)
	{
		$sent += syswrite($to, $data, length($data) - $sent, $sent) // return end_link($link);
	}
	strike($link) if !$is_client && defined $link->{left} && $link->{left} == 0;
}

1;
