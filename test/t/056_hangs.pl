# AAS stops answering at each step of the conversation with it: every call ends in a bounded time, holds nothing, and
# gets an answer when it is repeated. The host still accepts connections and says nothing, which is the worst case.
#
# DCX_HANGS=all tries every step with every call; without it each step is tried with some of them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use Dcx::Proxy;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $all = ($ENV{DCX_HANGS} // '') eq 'all';
my $aas = new_aas('aas', conf => "max_connections = 300\n");
my $main = new_main('main', conf => "max_connections = 300\nautovacuum = off\nmax_prepared_transactions = 5\n");
my $major = $main->safe_psql('postgres', 'SHOW server_version_num') / 10000;

# E-Networks is on the same host, which stops with both. Each case has a database of MAIN's and a proxy of its own, so that
# all can wait at the same time.
$aas->safe_psql('postgres', "CREATE ROLE enetworks_reader LOGIN PASSWORD '$Dcx::enetworks_password'");
Dcx::load($aas, $Dcx::enetworks_db, 'enetworks.sql');
$aas->safe_psql($Dcx::enetworks_db, 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO enetworks_reader');
$main->safe_psql($Dcx::main_db, <<"SQL");
UPDATE "OrganisationWallet" SET balance = 100000 WHERE "organisationId" = 'org-acme';
SELECT * FROM dcx_attach_wallet();
SELECT * FROM dcx_attach_aas('@{[ aas_url($aas) ]}');
SELECT * FROM dcx_attach_enetworks('@{[ enetworks_url($aas) ]}');
CREATE SCHEMA viewed;
CREATE VIEW viewed.products AS SELECT code, title, price FROM aas.products;
SQL

# 376.00 in the saved book, 576.00 in AAS from now on.
$aas->safe_psql($Dcx::aas_db, q{UPDATE products SET price = 178 WHERE code = 'CPU_1GHZ'});

my $items = '[{"vm": {"cpu_type": "1GHZ", "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}}]';
my $price = "SELECT $Dcx::cost";
my $order = "SELECT cost, replayed FROM dcx_order_reserve('org-acme', '$items', 'order')";
my $dear = q{SELECT * FROM dcx_order_reserve('org-acme', '[{"product": "CPU_1GHZ", "quantity": 99999}]', 'dear')};

# The steps: the message, its transaction (%s: the call), and how many seconds it may take. The limits are those
# of the documentation, and some more for a busy machine. postgres_fdw's clean-up cannot be interrupted: its 30 s.
my $plain = '%s';
my $savepoint = "BEGIN;\nSAVEPOINT a;\n%s;\nRELEASE a;\nCOMMIT";
my @steps = (
	[ 'connect', '', $plain, 15 ],
	[ 'start-up', 'aas_reader', $plain, 15 ],
	[ 'authentication', 'SCRAM-SHA-256', $plain, 15 ],
	[ 'session set-up', 'SET search_path', $plain, 15 ],
	[ 'START TRANSACTION', 'START TRANSACTION', $plain, 15 ],
	[ 'SAVEPOINT', 'SAVEPOINT', $savepoint, 25 ],
	[ 'DECLARE', 'DECLARE', $plain, 25 ],
	[ 'FETCH', 'FETCH', $plain, 25 ],
	[ 'CLOSE', 'CLOSE', $plain, 25 ],
	[ 'COMMIT', 'COMMIT TRANSACTION', $plain, 11 ],
	[ 'RELEASE', 'RELEASE SAVEPOINT', $savepoint, 25 ],
	[ 'ROLLBACK TO', 'ROLLBACK TO', "BEGIN;\nSAVEPOINT a;\n%s;\nROLLBACK TO a;\nROLLBACK", 35 ],
	[ 'clean-up', 'ABORT TRANSACTION', "BEGIN;\n%s;\nROLLBACK", 35 ]);
my @check_steps = (@steps[ 0 .. 2 ], [ 'its BEGIN', 'BEGIN TRANSACTION READ ONLY', $plain ], [ 'its question', 'jsonb_build_object', $plain ]);

my $databases = 0;

# A database that is attached to AAS by a proxy.
sub place
{
	my ($how, $options) = @_;
	my %place = (database => 'main' . ++$databases, proxy => Dcx::Proxy->new($aas), how => $how);

	$main->safe_psql('postgres', "CREATE DATABASE $place{database} TEMPLATE $Dcx::main_db");
	$main->safe_psql($place{database}, <<SQL);
ALTER DATABASE $place{database} SET dcx_pricing.on_outage = $how;
ALTER SERVER dcx_aas OPTIONS (SET port '@{[ $place{proxy}->port ]}');
ALTER SERVER dcx_enetworks OPTIONS (SET port '@{[ $place{proxy}->port ]}');
@{[ $options // '' ]}
SQL
	return \%place;
}

# Sends the statements of a case, whose seconds psql measures.
sub start
{
	my ($place, $statements) = @_;

	$place->{session} = session($main, database => $place->{database});
	$place->{session}->start("\\timing on\n$statements;\n\\timing off\n");
}

# The seconds of the statement that took longest.
sub seconds
{
	my ($place) = @_;

	$place->{error} = $place->{session}->finish_error;
	my ($longest) = sort { $b <=> $a } $place->{error}{text} =~ /^Time: ([\d.]+) ms/mg;
	$place->{state} = $place->{error}{text} =~ /ERROR:  (\w{5}): / ? $1 : 'ok';
	return $longest / 1000;
}

my @cases;
for my $how ('error', 'saved')
{
	for my $step (@steps)
	{
		for my $what ('price', 'order')
		{
			next if !$all && $what eq ($how eq 'error' ? 'price' : 'order') && $step->[0] !~ /^(?:connect|FETCH|COMMIT)$/;
			push @cases, { %{ place($how) }, step => $step, what => $what };
		}
	}
}
push @cases, { %{ place('error') }, step => [ @$_[ 0 .. 2 ], 15 ], what => 'check' } for @check_steps;

# What else waits, where the server is as somebody has altered it, and two catalogs at once.
sub option
{
	return "ALTER SERVER dcx_aas OPTIONS ($_[0]);";
}

my $both = q{SELECT cost, replayed FROM dcx_order_reserve('org-acme', '} . ($items =~ s/\]$//r) .
  q{, {"network": {"service": "PV_FIBRE_BUSINESS", "mbps": 100}}]', 'order')};
# This saves the current book.
my $viewed = q{SELECT count(*) FROM dcx_attach_aas(NULL, 'viewed');};
my @others = (
	[ 'connect_timeout 0', option(q{SET connect_timeout '0'}), '', $price, 15, qr/^376\.00$/m, 'saved' ],
	[ 'connect_timeout 300', option(q{SET connect_timeout '300'}), '', $price, 15, qr/^376\.00$/m, 'saved' ],
	[ 'no connect_timeout', option('DROP connect_timeout'), '', $price, 15, qr/^376\.00$/m, 'saved' ],
	[ 'connect_timeout 300, midway', option(q{SET connect_timeout '300'}), 'SCRAM-SHA-256', $price, 15, qr/^376\.00$/m, 'saved' ],
	[ 'several hosts', '', '', $price, 15, qr/^(?:376|576)\.00$/m, 'saved' ],
	[ 'several hosts: attach', '', '', "SELECT count(*) FROM dcx_attach_aas('dcx_aas')", 15, $major < 16 ? qr/^3$/m : qr/ZD008.*No answer within 10 s\./s ],
	[ 'several hosts: check', '', '', q{SELECT count(*) || ' silent' FROM dcx_check('connection') WHERE problem = 'the server cannot be reached'}, 20, $major < 16 ? qr/^1 silent/m : qr/^2 silent/m ],
	[ 'several hosts: health', '', '', q{SELECT value || ' reachable' FROM dcx_health() WHERE (area, name) = ('aas', 'reachable')}, 20, $major < 16 ? qr/^true reachable/m : qr/^false reachable/m ],
	[ 'several hosts: connect_timeout 300', option(q{SET connect_timeout '300'}), '', "SELECT count(*) FROM dcx_attach_aas('dcx_aas')", 15, qr/ZD008/ ],
	[ 'several hosts: connect_timeout 300, price', option(q{SET connect_timeout '300'}), '', $price, 15, qr/^376\.00$/m, 'saved' ],
	[ 'statement_timeout', '', 'FETCH', "SET statement_timeout = '1s';\n$price", 12, qr/57014: canceling statement due to statement timeout/ ],
	[ 'the connection alone: FETCH', '', [ 'FETCH', 1, 'stall' ], $price, 25, qr/ZD008/ ],
	[ 'the connection alone: COMMIT', '', [ 'COMMIT', 1, 'stall' ], $price, 11, qr/ZD008/ ],
	[ 'the connection alone: cancelled', '', [ 'FETCH', 1, 'stall' ], "SET statement_timeout = '1s';\n$price", 36, qr/57014: canceling statement due to statement timeout/ ],
	[ 'a view', $viewed, 'FETCH', $price, 25, qr/ZD008/ ],
	[ 'a view, connect_timeout 0', option(q{SET connect_timeout '0'}) . $viewed, '', $price, 15, qr/^576\.00$/m, 'saved' ],
	[ 'two catalogs: FETCH', '', [ 'FETCH', 2 ], $both, 30, qr/ZD008: the network catalog/ ],
	[ 'two catalogs: COMMIT', '', 'COMMIT', $both, 11, qr/ZD008.*No answer to COMMIT/s ],
	[ 'attach: connect', '', '', "SELECT count(*) FROM dcx_attach_aas('%s')", 15, qr/ZD008/ ],
	[ 'attach: FETCH', '', 'FETCH', "SELECT count(*) FROM dcx_attach_aas('%s')", 25, qr/ZD008/ ],
	[ 'attach: COMMIT', '', 'COMMIT', "SELECT count(*) FROM dcx_attach_aas('%s')", 11, qr/ZD008/ ],
	[ 'save: FETCH', '', 'FETCH', 'SELECT count(*) FROM dcx_price_book_save()', 25, qr/ZD008/ ],
	[ 'save: COMMIT', '', 'COMMIT', 'SELECT count(*) FROM dcx_price_book_save()', 11, qr/ZD008/ ],
	[ 'maintain: FETCH', '', 'FETCH', 'SELECT count(*) FROM dcx_maintain()', 75, qr/ZD008/ ],
	[ 'maintain: ANALYZE', '', [ 'FETCH', 2 ], 'SELECT count(*) FROM dcx_maintain()', 75, qr/ZD008/ ],
	[ 'a procedure', '', 'COMMIT', "DO \$\$ BEGIN PERFORM $Dcx::cost; COMMIT; END \$\$", 11, qr/ZD008/ ],
	[ 'a block', '', 'RELEASE', "DO \$\$ BEGIN BEGIN PERFORM $Dcx::cost; EXCEPTION WHEN division_by_zero THEN NULL; END; END \$\$", 11, qr/ZD008/ ],
	[ 'PREPARE TRANSACTION', '', 'ABORT', "BEGIN;\n$price;\nPREPARE TRANSACTION 'a'", 35, qr/0A000/ ]);
for my $other (@others)
{
	my ($name, $prepare, $text, $statements, $limit, $expected, $how) = @$other;

	push @cases, { %{ place($how // 'error', $prepare) }, what => 'other', step => [ $name, $text, $statements, $limit ], expected => $expected };
}
for my $case (grep { $_->{step}[0] =~ /^several hosts/ } @cases)
{
	my ($port, $good) = ($case->{proxy}->port, $aas->port);

	$main->safe_psql($case->{database}, option("SET host '127.0.0.1,127.0.0.1,127.0.0.1', SET port '$port,$port,$good'"));
}

# --------------------------------------------------------------------------------------------------
# The table
# --------------------------------------------------------------------------------------------------

for my $case (@cases)
{
	my ($name, $text, $transaction, $limit) = @{ $case->{step} };

	my ($message, $time, $mode) = ref $text ? @$text : ($text, 1);

	$text ? $case->{proxy}->at($message, $time, undef, $mode // 'silence') : $case->{proxy}->mute;
	start($case, sprintf $transaction, { other => aas_url($aas, port => $case->{proxy}->port), price => $price, order => $name eq 'clean-up' ? $dear : $order, check => 'SELECT count(*) FROM dcx_check()' }->{ $case->{what} });
}

my %table;
for my $case (@cases)
{
	my ($name, $text, $transaction, $limit) = @{ $case->{step} };
	my $column = $case->{what} eq 'check' ? 'check' : "$case->{how} $case->{what}";
	my $seconds = seconds($case);

	$table{$name}{$column} = sprintf '%.1f %s', $seconds, $case->{state};
	cmp_ok($seconds, '<', $limit, "$column: $name") or diag($case->{error}{text});
	is($case->{proxy}->struck, 1, 'where it was meant to') if $text;
	if ($case->{what} eq 'other')
	{
		$table{$name} = $table{$name}{$column};
		like($case->{error}{text}, $case->{expected}, 'and it says so');
		next;
	}
	like($case->{state}, qr/^(?:ok|ZD008|ZD001)$/, 'one of the states') or diag($case->{error}{text});
}

# The same call again. The host is still silent: the wallet is not locked, and the saved book is used.
for my $case (grep { $_->{what} =~ /price|order/ } @cases)
{
	my $other = session($main, database => $case->{database});
	my $name = "$case->{how} $case->{what}: $case->{step}[0]";

	$case->{done} = $case->{state} eq 'ok' && $case->{step}[0] !~ /ROLLBACK|clean-up/;
	$other->value(q{SET lock_timeout = '2s'});
	is($other->value(q{SELECT amount FROM dcx_wallet_debit('org-acme', 1, 'debit')}), '-1.00', "$name: the wallet is free");
	is($other->value('SELECT count(*) FROM dcx.wallet_hold'), $case->{done} && $case->{what} eq 'order' ? 1 : 0, 'and nothing held that should not be');
	$other->close;
	$case->{session}->value('ROLLBACK');
	if ($case->{how} eq 'saved')
	{
		start($case, $case->{what} eq 'price' ? $price : $order);
	}
	else
	{
		$case->{proxy}->pass;
		is($case->{session}->value($case->{what} eq 'price' ? $price : $order), $case->{what} eq 'price' ? '576.00' : '576.00|f', 'and it goes on when the host does');
	}
}
for my $case (grep { $_->{what} =~ /price|order/ && $_->{how} eq 'saved' } @cases)
{
	my $seconds = seconds($case);
	my $name = "$case->{how} $case->{what}: $case->{step}[0]";
	my $replayed = $case->{done} ? 't' : 'f';

	like($case->{error}{text}, $case->{what} eq 'price' ? qr/^[35]76\.00$/m : qr/^[35]76\.00\|$replayed$/m, "$name: answered");
	cmp_ok($seconds, '<', 25, 'in a bounded time');
	$case->{again} = $seconds;
	$case->{proxy}->pass;
}

note sprintf '%-18s %-12s %-12s %-12s %-12s %-12s', 'the host stops at', 'error price', 'error order', 'saved price', 'saved order', 'check';
for my $step (@steps, @check_steps[ 3, 4 ])
{
	note sprintf '%-18s %-12s %-12s %-12s %-12s %-12s', $step->[0],
	  map { $table{ $step->[0] }{$_} // '' } 'error price', 'error order', 'saved price', 'saved order', 'check';
}
note sprintf '%-30s %s', $_->[0], $table{ $_->[0] } for @others;

# --------------------------------------------------------------------------------------------------
# Somebody who cannot wait
# --------------------------------------------------------------------------------------------------

# The state that a session ends its statement with, after it was told to stop while something hangs.
sub told_to_stop
{
	my ($name, $how, $statements, @at) = @_;
	my $place = place('error');
	my $app = session($main, database => $place->{database});
	my $other = session($main, database => $place->{database});
	my $began;

	$place->{proxy}->at(@at);
	$app->value('SELECT 1');
	$app->start($statements);
	sleep 0.05 until $place->{proxy}->struck;
	$began = time;
	$other->value("SELECT pg_${how}_backend($app->{pid})");
	is($app->finish_error->{state}, $how eq 'cancel' ? '57014' : '57P01', "$name: pg_${how}_backend");
	ok($main->poll_query_until($place->{database}, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $app->{pid} AND state = 'active'"), 'is obeyed');
	$other->value(q{SELECT amount FROM dcx_wallet_debit('org-acme', 1, 'debit')});
	cmp_ok(time - $began, '<', 10, 'and the wallet is free');
	is($other->value('SELECT count(*) FROM dcx.wallet_hold'), 0, 'nothing is held');
	$place->{proxy}->stop;
}

subtest 'told to stop' => sub {
	my $log = -s $main->logfile;

	told_to_stop('COMMIT', $_, $order, 'COMMIT', 1, undef, 'silence') for 'cancel', 'terminate';
	for my $mode ('silence', 'stall')
	{
		told_to_stop("$_, $mode", 'terminate', $order, $_, 1, undef, $mode) for 'DECLARE', 'FETCH', 'CLOSE';
		told_to_stop("two catalogs, $mode", 'terminate', $both, 'FETCH', 2, undef, $mode);
	}
	told_to_stop('connect', 'terminate', $order, 'SET search_path', 1, undef, 'silence');
	unlike(slurp_file($main->logfile, $log), qr/PANIC|TRAP|crash|another command/, 'nothing else in the log');
	is($main->safe_psql('postgres', 'SELECT 1'), '1', 'the server is there');

	# A server that is stopped waits for its sessions.
	my $place = place('error');
	my $app = session($main, database => $place->{database});
	$place->{proxy}->at('FETCH', 1, undef, 'silence');
	$app->value('SELECT 1');
	$app->start($price);
	sleep 0.05 until $place->{proxy}->struck;
	my $began = time;
	$main->stop('fast');
	cmp_ok(time - $began, '<', 15, 'a fast shutdown does not wait for a remote');
	$main->start;
	$place->{proxy}->stop;
};

# Every way in which the connection can break at COMMIT. The last message of the other server, if any, has its own SQLSTATE.
subtest 'broken at COMMIT' => sub {
	my $place = place('saved');
	my $super = session($aas, database => $Dcx::aas_db);
	my $of = q{FROM pg_stat_activity WHERE application_name = 'dcx_pricing' AND state = 'idle in transaction'};
	my %ways = (
		'the network' => sub { $place->{proxy}->at('COMMIT', 1, undef, 'cut') },
		'after the COMMIT' => sub { $place->{proxy}->at('COMMIT', 1, 3, 'cut') },
		'an administrator' => sub { $super->value("SELECT pg_terminate_backend(pid) $of") },
		'idle for too long' => sub {
			$super->value("ALTER ROLE aas_reader SET idle_in_transaction_session_timeout = '200ms'");
		});

	for my $way (sort keys %ways)
	{
		my $app = session($main, database => $place->{database});
		my $key = $way =~ tr/ /-/r;
		my $mine = $order =~ s/'order'/'$key'/r;

		$ways{$way}->() if $way =~ /idle/;
		$app->value("BEGIN; $mine");
		$ways{$way}->() if $way !~ /idle/;
		sleep 0.05 while $way =~ /idle|administrator/ && $super->value("SELECT count(*) $of");
		fails_with($app, 'COMMIT', $way, state => 'ZD008',
			message => 'another server cannot be reached any more at the end of the transaction', hint => qr/^Nothing of the transaction is kept/);
		$super->value('ALTER ROLE aas_reader RESET ALL');
		is($app->value($mine), '376.00|f', 'again: the saved book answers, at once');
		$place->{proxy}->pass;
		$app->close;
	}
	$place->{proxy}->stop;
};

subtest 'attach caps what the URL says' => sub {
	my $place = place('error');
	my $super = session($main, database => $place->{database});
	my $connect_timeout = q{SELECT option_value FROM pg_foreign_server, pg_options_to_table(srvoptions)
		WHERE srvname = 'dcx_aas' AND option_name = 'connect_timeout'};

	for my $seconds ('0', '-1', '11', '300', '10', '3')
	{
		my $url = aas_url($aas, parameters => "connect_timeout=$seconds");
		my $note = $super->value("SELECT note FROM dcx_attach_aas('$url') LIMIT 1");
		my $capped = $seconds =~ /^(?:10|3)$/ ? $seconds : 10;

		is($super->value($connect_timeout), $capped, "$seconds is $capped");
		is($note =~ /; connect_timeout (.*) of the URL is 10 here$/ ? $1 : $capped, $seconds, 'which the note says');
	}
	$super->value(option(q{SET connect_timeout '300'}));
	$super->value("SELECT note FROM dcx_attach_aas('@{[ aas_url($aas) ]}')");
	is($super->value($connect_timeout), '300', 'what ALTER SERVER has set stays');
	$place->{proxy}->stop;
};

subtest 'what dcx_check says of it' => sub {
	my $place = place('error');
	my $super = session($main, database => $place->{database});
	my $found = q{SELECT problem FROM dcx_check('connection') WHERE problem ~ 'timeout|keepalives' ORDER BY 1};

	is($super->value($found), '', 'nothing of what attach has made');
	$super->value("SELECT FROM dcx_attach_aas('@{[ aas_url($aas, parameters => 'options=-c%20work_mem%3D4MB') ]}')");
	is($super->value($found), 'statement_timeout there is 0', 'options in the URL are in the place of ours');
	is($super->value(q{SELECT fix FROM dcx_check('connection') WHERE problem ~ 'statement_timeout'}),
		q{ALTER SERVER dcx_aas OPTIONS (SET options '-c work_mem=4MB -c statement_timeout=5s')}, 'the fix keeps them');
	$super->value(option(q{SET connect_timeout '0', SET tcp_user_timeout '600000', SET keepalives '0', SET keepalives_idle '7200', SET options '-c statement_timeout=1h'}));
	is($super->value($found), join("\n", 'statement_timeout there is 3600000 ms', "the server's connect_timeout is 0", "the server's keepalives is 0",
			"the server's keepalives_idle is 7200", "the server's tcp_user_timeout is 600000"), 'values that are 0 or large');
	$super->value($_) for split /\n/, $super->value(q{SELECT fix FROM dcx_check('connection') WHERE problem ~ 'timeout|keepalives'});
	is($super->value($found), '', 'the fixes mend them');
	$super->value(option('DROP options'));
	$aas->safe_psql('postgres', q{ALTER ROLE aas_reader SET statement_timeout = '5s'});
	is($super->value($found), '', 'the role may have it there, as behind pgbouncer');
	$aas->safe_psql('postgres', 'ALTER ROLE aas_reader RESET ALL');
	$place->{proxy}->stop;
};

$_->{session}->close, $_->{proxy}->stop for @cases;

$aas->stop;
$main->stop;
done_testing();
