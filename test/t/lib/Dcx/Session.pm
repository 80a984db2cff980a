# A psql that stays open, for tests of what a session remembers from one statement to the next.
package Dcx::Session;

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

sub new
{
	my ($class, $connection) = @_;
	my $self = bless { in => '', out => '', err => '', count => 0 }, $class;

	$self->{timer} = IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default);
	$self->{run} = IPC::Run::start [ 'psql', '-XAtq', '-w', '-v', 'VERBOSITY=verbose', '-d', $connection ],
	  '<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, $self->{timer};
	$self->{pid} = $self->value('SELECT pg_backend_pid()');
	return $self;
}

# Sends a statement without waiting for its answer.
sub start
{
	my ($self, $statement) = @_;
	my $mark = 'end of statement ' . ++$self->{count};

	note $statement;
	$self->{timer}->start;
	# The semicolon stands on its own in case the statement ends in a comment; where it has one already, the second
	# does nothing.
	$self->{in} .= "$statement\n;\n\\echo '$mark'\n\\warn '$mark'\n";
	$self->{run}->pump_nb;
}

# Waits for the answer; true unless the session broke. out and err have what it printed.
sub finish
{
	my ($self) = @_;
	my $mark = qr/^end of statement $self->{count}\n/m;

	while ($self->{out} !~ $mark || $self->{err} !~ $mark)
	{
		# A psql that lost its server ends.
		last unless $self->{run}->pumpable && eval { $self->{run}->pump; 1 };
		die "psql timed out" if $self->{timer}->is_expired;
	}
	$self->{last_out} = $self->{out} =~ s/$mark//r;
	$self->{last_err} = $self->{err} =~ s/$mark//r;
	chomp $self->{last_out};
	$self->{out} = $self->{err} = '';
}

# The rows of a statement that must not fail, columns separated by |. Notices go to notices().
sub value
{
	my ($self, $statement) = @_;

	$self->start($statement);
	return $self->finish_value;
}

# The same of a statement that was sent before.
sub finish_value
{
	my ($self) = @_;

	$self->finish;
	die "statement failed: $self->{last_err}" if $self->{last_err} =~ /^(?:ERROR|FATAL|PANIC): |^psql: /m;
	return $self->{last_out};
}

# What the last statement printed besides its rows.
sub notices
{
	my ($self) = @_;

	return $self->{last_err};
}

# The error of a statement: state ('none' when there is none), message, detail, hint, context, and text, which is all
# that was printed.
sub error
{
	my ($self, $statement) = @_;

	$self->start($statement);
	return $self->finish_error;
}

sub finish_error
{
	my ($self) = @_;
	my %error = (state => 'none', message => '', detail => '', hint => '', context => '');

	$self->finish;
	$error{text} = $self->{last_out} . $self->{last_err};
	for my $part (split /^(?=(?:ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|LOCATION|NOTICE|WARNING|LINE \d+):)/m,
		$self->{last_err})
	{
		chomp $part;
		if ($part =~ /\A(?:ERROR|FATAL|PANIC):\s+(\w{5}): (.*)/s)
		{
			@error{qw(state message detail hint context)} = ($1, $2, '', '', '');
		}
		elsif ($part =~ /\A(DETAIL|HINT|CONTEXT):\s+(.*)/s)
		{
			$error{ lc $1 } = $2;
		}
	}
	return \%error;
}

sub close
{
	my ($self) = @_;

	$self->{in} .= "\\q\n";
	$self->{run}->finish;
}

1;
