# Dump and restore: ledger, holds, keys, guards and triggers come back, and nothing is counted twice.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main');
my $directory = PostgreSQL::Test::Utils::tempdir();

# What is dumped. First as ordinary roles have it: operator attached, and is a member of shop, which owns the table and
# has a trigger of its own on it. Then a partitioned table, attached by a superuser, the functions in another schema.
add_operator($main, 'operator');
$main->safe_psql($Dcx::main_db, <<'SQL');
CREATE ROLE app LOGIN;
CREATE ROLE shop;
GRANT shop TO operator;
ALTER TABLE "OrganisationWallet" OWNER TO shop;
GRANT SELECT ON "OrganisationWallet" TO app;
CREATE TABLE log (organisation text, seen_by text);
ALTER TABLE log OWNER TO shop;
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
	INSERT INTO log VALUES (NEW."organisationId", current_user);
	RETURN NEW;
END $$;
CREATE TRIGGER log AFTER INSERT OR UPDATE ON "OrganisationWallet" FOR EACH ROW EXECUTE FUNCTION log()
SQL
$main->safe_psql('postgres', 'CREATE DATABASE parted TEMPLATE template0');
$main->safe_psql('parted', <<'SQL');
CREATE SCHEMA dcx_api;
CREATE EXTENSION dcx_pricing SCHEMA dcx_api;
GRANT USAGE ON SCHEMA dcx_api TO app;
CREATE TABLE "OrganisationWallet" ("organisationId" text, balance numeric(14,2)) PARTITION BY LIST ("organisationId");
CREATE TABLE acme PARTITION OF "OrganisationWallet" FOR VALUES IN ('org-acme');
CREATE TABLE others PARTITION OF "OrganisationWallet" DEFAULT;
GRANT SELECT ON "OrganisationWallet" TO app;
INSERT INTO "OrganisationWallet" VALUES ('org-acme', 1000), ('org-globex', 375.99)
SQL

my %databases = (
	$Dcx::main_db => { schema => 'public', attacher => 'operator', wallets => 11 },
	parted => { schema => 'dcx_api', attacher => undef, wallets => 2 });

# A call by a role that may move money, or by another.
sub call
{
	my ($database, $of, $function, $user) = @_;
	my $session = session($main, database => $database, user => $user // 'app');
	my $error = $session->error("SELECT * FROM $databases{$of}{schema}.dcx_$function");

	$session->close;
	return $error->{state} eq 'none' ? $error->{text} : $error->{state};
}

sub superusers
{
	my ($database, $sql) = @_;

	return $main->safe_psql($database, $sql);
}

# Entries, holds, keys and accounts, and every trigger on them and on the wallets.
sub ledger
{
	my ($database) = @_;

	return superusers($database, <<'SQL');
SELECT to_jsonb(e) FROM dcx.wallet_entry e UNION ALL SELECT to_jsonb(h) FROM dcx.wallet_hold h
 UNION ALL SELECT to_jsonb(k) FROM dcx.wallet_key k UNION ALL SELECT to_jsonb(a) FROM dcx.wallet_account a
 UNION ALL SELECT to_jsonb(b) FROM (SELECT catalog, relation::text, columns, attached_by FROM dcx.binding) b
 ORDER BY 1
SQL
}

sub triggers
{
	my ($database) = @_;

	return superusers($database, <<'SQL');
SELECT pg_get_triggerdef(t.oid), tgenabled, relowner::regrole FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
 WHERE NOT tgisinternal OR tgparentid <> 0 ORDER BY tgrelid::regclass::text, tgname
SQL
}

sub refuses
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($database) = @_;
	my $session = session($main, database => $database);

	for my $statement ('UPDATE dcx.wallet_entry SET amount = 0', 'DELETE FROM dcx.wallet_key', 'TRUNCATE dcx.wallet_hold',
		q{UPDATE dcx.wallet_hold SET state = 'open' WHERE state <> 'open'})
	{
		fails_with($session, $statement, $statement, state => '42501', message => qr/is refused$/);
	}
	$session->close;
}

my %first;
for my $database (sort keys %databases)
{
	my $attacher = session($main, database => $database, user => $databases{$database}{attacher});
	my $schema = $databases{$database}{schema};

	like($attacher->value("SELECT * FROM $schema.dcx_attach_wallet()"),
		qr/^dcx\.wallet_entry\|(\d+)\|\1 opening entries written/m, "$database: attached");
	$attacher->close;
	may_move_money($main, 'app', database => $database, schema => $schema);
	like($first{$database}{$_} = call($database, $database, $_), qr/\|f$/, $_) for
	  q{wallet_credit('org-acme', 500, 'credit', 'deposit', '{"bank": "FNB"}')},
	  q{wallet_debit('org-acme', 20.50, 'debit')},
	  q{wallet_hold('org-acme', 100, 'hold', '1 day', 'VM')}, q{wallet_hold('org-globex', 75, 'hold', '1 day')},
	  q{wallet_hold('org-acme', 300, 'captured')}, 'wallet_capture(3, 200)', q{wallet_hold('org-acme', 5, 'released')},
	  'wallet_release(4)', q{wallet_hold('org-acme', 7, 'expired', '1 microsecond')};
	superusers($database, q{UPDATE "OrganisationWallet" SET balance = balance - 1 WHERE "organisationId" = 'org-globex'});
	is(superusers($database, "SELECT * FROM $schema.dcx_wallet_audit()"), '', 'all adds up');
}

# How it is dumped and restored.
my @psql = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1');
my %ways = (
	plain => [ [ 'pg_dump' ], [ @psql ] ],
	inserts => [ [ 'pg_dump', '--inserts' ], [ @psql ] ],
	custom => [ [ 'pg_dump', '-Fc' ], [ 'pg_restore', '--exit-on-error' ] ],
	jobs => [ [ 'pg_dump', '-Fc' ], [ 'pg_restore', '--exit-on-error', '-j', '2' ] ]);

sub check_restored
{
	my ($restored, $of) = @_;
	my $schema = $databases{$of}{schema};
	my $ledger = ledger($restored);
	my $attacher;

	is($ledger, ledger($of), 'entries, holds, keys, accounts and the binding are there, and nothing else');
	is(triggers($restored), triggers($of), 'and the triggers, with what nothing switches off');
	is(superusers($restored, "SELECT * FROM $schema.dcx_wallet_audit()"), '', 'all adds up');
	is(call($restored, $of, $_), $first{$of}{$_} =~ s/f$/t/r, "again: $_") for sort keys %{ $first{$of} };
	$attacher = session($main, database => $restored, user => $databases{$of}{attacher});
	like($attacher->value("SELECT * FROM $schema.dcx_attach_wallet()"),
		qr/^dcx\.wallet_entry\|\d+\|the ledger has every balance$/m, 'attaching again finds nothing to write');
	$attacher->close;
	is(triggers($restored), triggers($of), 'nor triggers to make');
	is(ledger($restored), $ledger, 'nothing was written');
	refuses($restored);

	my $entries = $databases{$of}{wallets} + 4;
	like(call($restored, $of, q{wallet_debit('org-acme', 1, 'new')}), qr/^@{[ $entries + 1 ]}\|/, 'money moves');
	like(call($restored, $of, q{wallet_hold('org-acme', 1, 'new hold')}), qr/^6\|/, 'and is held; the ids go on');
	like(call($restored, $of, 'wallet_capture(1)'), qr/\|-100\.00\|1178\.50\|1177\.50\|f$/, 'a hold is captured');
	like(call($restored, $of, 'wallet_release(2)'), qr/^2\|org-globex\|75\.00\|.*\|374\.99\|f$/, 'one released');
	superusers($restored, q{UPDATE "OrganisationWallet" SET balance = balance - 2 WHERE "organisationId" = 'org-acme'});
	is( superusers($restored, q{SELECT kind, amount FROM dcx.wallet_entry ORDER BY entry_id DESC LIMIT 1}),
		'external|-2.00', 'what the platform does is recorded');
	is(superusers($restored, "SELECT * FROM $schema.dcx_wallet_audit()"), '', 'all adds up');
}

for my $way (sort keys %ways)
{
	for my $of (sort keys %databases)
	{
		# With several jobs pg_restore makes the trigger of a partitioned table while it still loads the partitions.
		next if $way eq 'jobs' && $of eq 'parted';

		subtest "$way: $of" => sub {
			my ($dump, $restore) = @{ $ways{$way} };
			my $file = "$directory/$of.$way";
			my $restored = "${of}_$way";

			$main->command_ok([ @$dump, '-f', $file, $of ], 'dumped');
			superusers('postgres', "CREATE DATABASE $restored TEMPLATE template0");
			$main->command_ok([ @$restore, '-d', $restored, $restore->[0] eq 'psql' ? '-f' : (), $file ], 'restored');
			check_restored($restored, $of);
			is( superusers($restored, 'SELECT count(*), count(DISTINCT seen_by), min(seen_by) FROM log'),
				'7|2|postgres', 'a trigger of the platform has seen what happened, and not the restoring')
			  if $of eq $Dcx::main_db;
		};
	}
}

$main->stop;
done_testing();
