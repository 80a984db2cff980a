# Orders of VMs, products and network services under load: several sessions at once, at every isolation level, often
# with the same key, while both catalogs change their prices and E-Networks goes down. Each order is priced by one state
# of each catalog, and held once or not at all. What failed is held when it is tried again with its key.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas', conf => "log_statement = none\n");
my $enetworks = new_enetworks('enetworks', conf => "log_statement = none\n");
my $main = new_main('main');
my ($aas_url, $enetworks_url) = (aas_url($aas), enetworks_url($enetworks));
my @organisations = ('org-acme', 'org-hooli', 'org-globex');

$main->safe_psql($Dcx::main_db, <<"SQL");
SELECT * FROM dcx_attach_aas('$aas_url');
SELECT * FROM dcx_attach_enetworks('$enetworks_url');
UPDATE "OrganisationWallet" SET balance = 10000000;
SELECT * FROM dcx_attach_wallet();
CREATE ROLE app LOGIN;
SQL
may_move_money($main, 'app');

# Whoever changes a price changes another one, so that every state has the same sum: 1000 of the two products, and 14245
# of the two lines at 100 Mbps. Until somebody takes the lock.
$aas->safe_psql($Dcx::aas_db, <<'SQL');
CREATE PROCEDURE change(d integer) LANGUAGE sql AS $$
	UPDATE products SET price = 100 + d WHERE code = 'BACKUP_GB';
	UPDATE products SET price = 900 - d WHERE code = 'RAM_GB';
$$;
CREATE PROCEDURE keep_changing() LANGUAGE plpgsql AS $$
BEGIN
	WHILE pg_try_advisory_xact_lock_shared(1) LOOP
		CALL change((random() * 800)::integer);
		COMMIT;
	END LOOP;
END $$;
CALL change(0)
SQL
$enetworks->safe_psql($Dcx::enetworks_db, <<'SQL');
CREATE PROCEDURE change(d integer) LANGUAGE sql AS $$
	UPDATE bandwidth_prices SET "fixedPrice" = 1000 + d WHERE id = 'cm5bwp000003';
	UPDATE network_services SET "providerId" = 'cm5pro00000' || 1 + d % 3 WHERE code = 'KR_FIBRE_BUSINESS';
	UPDATE bandwidth_prices SET "fixedPrice" = 9000 - d WHERE id = 'cm5bwp000016';
$$;
CREATE PROCEDURE keep_changing() LANGUAGE plpgsql AS $$
BEGIN
	WHILE pg_try_advisory_xact_lock_shared(1) LOOP
		CALL change((random() * 5000)::integer);
		COMMIT;
	END LOOP;
END $$;
CALL change(0)
SQL

my $items = '[{"product": "RAM_GB"}, {"network": {"service": "PV_FIBRE_BUSINESS", "mbps": 100}}, {"product": "BACKUP_GB"},
	{"network": {"service": "KR_FIBRE_BUSINESS", "mbps": 100}}]';
my $cost = '15245.00';

sub reserve
{
	my ($n) = @_;

	return "SELECT cost, replayed FROM dcx_order_reserve('$organisations[$n % @organisations]', '$items', 'order $n')";
}

sub keep_changing
{
	my ($node, $database) = @_;
	my $session = session($node, database => $database);

	$session->start('CALL keep_changing()');
	return $session;
}

my $in_aas = keep_changing($aas, $Dcx::aas_db);
my $in_enetworks = keep_changing($enetworks, $Dcx::enetworks_db);
my @sessions = map { session($main, user => 'app') } 1 .. 6;
my @levels = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE');
my $rounds = 30;
my $keys = 3;    # of a round
my %down_in = (8 => 'immediate', 18 => 'fast');    # when, and how E-Networks is stopped
my (%states, %acknowledged, %unexpected, @wrong);

for my $round (1 .. $rounds)
{
	my $down = $down_in{$round};
	my @numbers;

	for my $i (0 .. $#sessions)
	{
		$numbers[$i] = $round * $keys + int(rand($keys));
		$sessions[$i]->start("BEGIN ISOLATION LEVEL $levels[rand @levels]; " . reserve($numbers[$i]) . '; COMMIT');
	}
	if ($down)
	{
		$enetworks->stop($down);
		$in_enetworks->finish_error;
		$in_enetworks->close;
	}
	for my $i (0 .. $#sessions)
	{
		my $result = $sessions[$i]->finish_error;
		my $state = $result->{state};

		$states{$state}++;
		if ($state eq 'none')
		{
			$acknowledged{ $numbers[$i] } = 1;
			push @wrong, $result->{text} if $result->{text} !~ /^\Q$cost\E\|[tf]$/m;
		}
		elsif ($state ne '40001' && !($down && $state =~ /^(?:ZD008|08\w\w\w)$/))
		{
			$unexpected{$state} = $result->{text};
		}
		$sessions[$i]->value('ROLLBACK');
	}
	next unless $down;

	# Now only requests that were held before get an answer.
	for my $i (0 .. $#sessions)
	{
		my $result = $sessions[$i]->error(reserve($numbers[$i]));

		push @wrong, "down: $result->{text}"
		  if $result->{state} ne 'ZD008' && !($result->{state} eq 'none' && $result->{text} =~ /^\Q$cost\E\|t$/m);
		$acknowledged{ $numbers[$i] } = 1 if $result->{state} eq 'none';
	}
	$enetworks->start;
	$in_enetworks = keep_changing($enetworks, $Dcx::enetworks_db);
}
note join ', ', map { "$_: $states{$_}" } sort keys %states;
cmp_ok($states{none}, '>', $rounds, 'orders were held');
cmp_ok($states{'40001'} // 0, '>', 0, 'some came too late for their snapshot');
is_deeply(\%unexpected, {}, 'nothing else went wrong');
is_deeply(\@wrong, [], 'each was priced by one state of each catalog');

my $super = session($main);
my %held = map { $_ => 1 } $super->value(q{SELECT substr(idempotency_key, 7) FROM dcx.wallet_hold}) =~ /^(\d+)$/mg;
is_deeply([ grep { !$held{$_} } keys %acknowledged ], [], 'what was acknowledged is held');

# The same keys again, whether the first attempt succeeded or not.
my @again;
for my $n ($keys .. $rounds * $keys + $keys - 1)
{
	my $answer = $sessions[0]->value(reserve($n));

	push @again, "$n: $answer" if $answer ne "$cost|" . ($held{$n} ? 't' : 'f');
}
is_deeply(\@again, [], 'each is held now, once');
is($super->value('SELECT count(*), count(DISTINCT (organisation, idempotency_key)), min(amount), max(amount) FROM dcx.wallet_hold'),
	join('|', ($rounds * $keys) x 2, ($cost) x 2), 'none twice, and at that price');
is($super->value('SELECT count(DISTINCT quote #>> $${lines,0,unit_price}$$) > 3, count(DISTINCT quote #>> $${lines,1,unit_price}$$) > 3
	FROM dcx.wallet_hold'), 't|t', 'whose parts have changed all the while');
is($super->value('SELECT count(*) FROM dcx.wallet_hold h, dcx_hold_verify(h.hold_id) v WHERE NOT v.ok'), '0', 'every quote recomputes');
is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');

my @stop = map { session($_->[0], database => $_->[1]) } [ $aas, $Dcx::aas_db ], [ $enetworks, $Dcx::enetworks_db ];
$_->start('SELECT pg_advisory_lock(1)') for @stop;
is($_->finish_value, '', 'prices were changed until now') for $in_aas, $in_enetworks;
$_->close for $super, @sessions, @stop, $in_aas, $in_enetworks;
$_->stop for $main, $aas, $enetworks;
done_testing();
