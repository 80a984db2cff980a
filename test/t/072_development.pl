# The statements of docs/operations.md that begin a development database anew, run as they stand: after `prisma migrate
# reset`, with the extension in schema public and in one of its own, and with no reset at all.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main', bare => 1);
my $url = aas_url($aas, parameters => 'schema=public');
my ($anew) = slurp_file('docs/operations.md') =~ /^```\n(-- begin anew.*?)^```$/ms or die 'docs/operations.md has no such block';
my ($move) = slurp_file('docs/operations.md') =~ /`(ALTER EXTENSION postgres_fdw SET SCHEMA \w+)`/ or die;
my $tables = slurp_file("$FindBin::RealBin/../fixtures/main.sql");

$anew =~ s{'postgresql://aas_reader[^']*'}{'$url'} or die 'no URL';
$anew =~ s{^SELECT \* FROM dcx_attach_enetworks.*\n}{}m;

# What Prisma does: the schema goes with all that is in it, and the migrations and the seed run again.
sub reset_public
{
	my ($session) = @_;

	$session->value("SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public; RESET client_min_messages");
	$session->value($tables);
}

# Money that moved, a key that was used, and a hold that is open.
sub use_it
{
	my ($session) = @_;

	$session->value(q{SELECT * FROM dcx_wallet_credit('org-acme', 100, 'payment-1')});
	$session->value(q{SELECT * FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-1')});
	is($session->value(q{SELECT dcx_wallet_available('org-acme')}), '724.00', 'used');
}

sub is_new
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($session, $balance) = @_;

	is($session->value('SELECT kind, count(*) FROM dcx.wallet_entry GROUP BY 1'), 'opening|11', 'the ledger has opening entries only');
	is($session->value('SELECT (SELECT count(*) FROM dcx.wallet_hold), (SELECT count(*) FROM dcx.wallet_key)'), '0|0', 'no hold and no key');
	is($session->value(q{SELECT dcx_wallet_available('org-acme')}), $balance, 'all of it is available');
	is($session->value(q{SELECT replayed FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-1')}), 'f', 'the key is new');
	is($session->value('SELECT * FROM dcx_wallet_audit()'), '', 'it adds up');
	is($session->value(q{SELECT area, object, problem FROM dcx_check() WHERE severity = 'error'}), '', 'no error in the check');
	$session->value(q{UPDATE "OrganisationWallet" SET balance = balance + 1 WHERE "organisationId" = 'org-acme'});
	is($session->value(q{SELECT amount FROM dcx.wallet_entry WHERE kind = 'external'}), '1.00', 'and records the platform');
}

sub begin_anew
{
	my ($session) = @_;

	$session->value('SET client_min_messages = error');
	$session->value($anew);
	$session->value('RESET client_min_messages');
}

my $session = session($main);
$session->value("CREATE EXTENSION dcx_pricing; SELECT * FROM dcx_attach_aas('$url'); SELECT * FROM dcx_attach_wallet()");
use_it($session);

subtest 'prisma migrate reset keeps the ledger and the keys' => sub {
	reset_public($session);
	is($session->value('SELECT count(*) FROM dcx.wallet_key'), '2', 'the keys');
	$session->value("CREATE EXTENSION dcx_pricing; SELECT * FROM dcx_attach_wallet()");
	is($session->value(q{SELECT replayed FROM dcx_wallet_credit('org-acme', 100, 'payment-1')}), 't', 'a payment is answered and not made');
	reset_public($session);
	begin_anew($session);
	is_new($session, '1000.00');
};

subtest 'begun anew without a reset' => sub {
	my $balance = $session->value(q{SELECT dcx_wallet_balance('org-acme')});

	begin_anew($session);
	is_new($session, $balance);
	begin_anew($session);
	pass('twice');
};

subtest 'the extension in a schema of its own' => sub {
	$session->value('SET client_min_messages = error; DROP EXTENSION dcx_pricing CASCADE; CREATE SCHEMA dcx_api; CREATE EXTENSION dcx_pricing SCHEMA dcx_api;
		ALTER DATABASE main SET search_path = public, dcx_api');
	$session->close;
	$session = session($main);
	$session->value($move);
	reset_public($session);
	is($session->value("SELECT $Dcx::cost"), '376.00', 'prices survive the reset');
	begin_anew($session);
	is_new($session, '1000.00');
};

subtest 'postgres_fdw in schema public' => sub {
	my $schema = q{SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'postgres_fdw'};

	note $session->value($schema);
	$session->value('ALTER EXTENSION postgres_fdw SET SCHEMA public');
	$session->value('BEGIN');
	reset_public($session);
	is($session->value(q{SELECT count(*) FROM pg_foreign_server}), '0', 'the reset takes the catalog');
	$session->value('ROLLBACK');
	$session->value($move);
	reset_public($session);
	is($session->value("SELECT $Dcx::cost"), '376.00', 'moved, it survives');
	# Taken all the same, it comes back.
	$session->value('SET client_min_messages = error; DROP EXTENSION postgres_fdw CASCADE; RESET client_min_messages');
	begin_anew($session);
	is_new($session, '1000.00');
};

$session->close;
$_->stop for $main, $aas;
done_testing();
