# The owner of a schema can rename it at any moment, and give its name to another schema. No code in that other schema
# then runs as the owner of the relation that we meant.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main', bare => 1);
my $limit = 60;    # seconds, within which a name has to have meant another relation once

# The database, and so schema public, belongs to a role; the objects in it belong to a superuser, as after a restore.
$main->safe_psql('postgres', 'CREATE ROLE landlord LOGIN; ALTER DATABASE main OWNER TO landlord');
$main->safe_psql('main', <<'SQL');
CREATE SCHEMA api;
CREATE EXTENSION dcx_pricing SCHEMA api;
CREATE TABLE public.products (id text, title text, price numeric, cost numeric, "categoryId" text, code text, unit integer, profit integer);
INSERT INTO public.products (code, price) VALUES ('ONE', 155);
SELECT * FROM api.dcx_attach_aas(NULL, 'public');
SELECT * FROM api.dcx_attach_wallet();
GRANT USAGE ON SCHEMA api TO landlord;
SQL
$main->safe_psql('main', <<'SQL', extra_params => [ '-U', 'landlord' ]);
CREATE SCHEMA twin;
GRANT USAGE ON SCHEMA twin TO PUBLIC;
CREATE FUNCTION twin.trap() RETURNS text LANGUAGE plpgsql AS
$$BEGIN IF current_user <> 'landlord' THEN RAISE LOG 'captured as %', current_user; END IF; RETURN 'ONE'; END$$;
CREATE FUNCTION twin.trigger_trap() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF current_user <> 'landlord' THEN RAISE LOG 'captured as %', current_user; END IF; RETURN NEW; END$$;
CREATE VIEW twin.products AS SELECT NULL::text AS id, NULL::text AS title, 1::numeric AS price, NULL::numeric AS cost,
	NULL::text AS "categoryId", twin.trap() AS code, 1 AS unit, 1 AS profit;
CREATE TABLE twin."OrganisationWallet" ("organisationId" text PRIMARY KEY, balance double precision);
INSERT INTO twin."OrganisationWallet" VALUES ('org-acme', 1000000);
CREATE TRIGGER trap BEFORE UPDATE ON twin."OrganisationWallet" FOR EACH ROW EXECUTE FUNCTION twin.trigger_trap();
GRANT ALL ON ALL TABLES IN SCHEMA twin TO PUBLIC;
SQL

# One session swaps the schemas without end, another calls, until a name meant the other relation.
sub swap_while
{
	my ($name, $calls) = @_;
	my $swapping = session($main, user => 'landlord');
	my $session = session($main);
	my $offset = -s $main->logfile;
	my $end = time + $limit;
	my $swap = 'ALTER SCHEMA public RENAME TO aside; ALTER SCHEMA twin RENAME TO public; ALTER SCHEMA aside RENAME TO twin;';
	my $log = '';

	$swapping->start("DO \$\$ BEGIN LOOP $swap COMMIT; $swap COMMIT; END LOOP; END \$\$");
	while (time < $end && $log !~ /captured as|not the relation that was meant/)
	{
		$session->value(<<"SQL");
DO \$\$ DECLARE state text; message text; BEGIN FOR i IN 1 .. 500 LOOP
	BEGIN
		$calls
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
		IF state = 'XX000' OR message ~ 'not the relation that was meant' THEN RAISE LOG '%: %', state, message; END IF;
	END;
	COMMIT;
END LOOP; END \$\$
SQL
		$log = slurp_file($main->logfile, $offset);
	}
	$session->value("SELECT pg_terminate_backend($swapping->{pid})");
	$swapping->finish;
	unlike($log, qr/LOG:  (00000: )?captured as/, "$name: nothing of the other relation's owner ran");
	like($log, qr/55000: .* is not the relation that was meant/, "$name: it was refused");
	unlike($log, qr/LOG:  XX000/, "$name: no internal error");
	# As they were.
	$session->value("DO \$\$ BEGIN IF (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'public.products'::regclass) = 'landlord' THEN $swap END IF; END \$\$");
	$session->close;
}

swap_while('a price', q{PERFORM api.dcx_product_cost('ONE');});
# A CHECK: so the wallet is written by a statement, which names it.
$main->safe_psql('main', 'ALTER TABLE public."OrganisationWallet" ADD CONSTRAINT by_statement CHECK (true)');
swap_while('a movement', q{PERFORM api.dcx_wallet_credit('org-acme', 1, i || clock_timestamp()::text);});

# What a role waits for while the schema of the extension, which is his, is renamed: a lock on the table.
sub rename_while_waiting
{
	my ($name, $call, $table, $function) = @_;
	my $landlord = session($main, user => 'landlord');
	my $other = session($main);
	my $session = session($main);

	$other->value("BEGIN; LOCK TABLE $table IN ROW EXCLUSIVE MODE");
	$session->start($call);
	$main->poll_query_until('main', "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $session->{pid} AND NOT granted)") or die;
	$landlord->value(<<"SQL");
ALTER SCHEMA api RENAME TO moved;
CREATE SCHEMA api;
GRANT USAGE ON SCHEMA api TO PUBLIC;
CREATE FUNCTION api.$function() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN RAISE LOG 'captured as %', current_user; RETURN NEW; END\$\$
SQL
	$other->value('ROLLBACK');
	$session->finish_error;
	is($main->safe_psql('main', "SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proowner = 'landlord'::regrole AND t.tgrelid = '$table'::regclass"),
		0, "$name: the trigger is none of his");
	$landlord->value('DROP SCHEMA api CASCADE; ALTER SCHEMA moved RENAME TO api');
	$_->close for $landlord, $other, $session;
}

$main->safe_psql('main', 'ALTER SCHEMA api OWNER TO landlord; SELECT dcx_detach FROM api.dcx_detach(\'wallet\')');
rename_while_waiting('a wallet table', 'SELECT * FROM api.dcx_attach_wallet()', 'public."OrganisationWallet"', 'dcx_wallet_record');
rename_while_waiting('updatedAt', q{SELECT * FROM api.dcx_attach_updated_at('public."Organisation"')}, 'public."Organisation"', 'dcx_set_updated_at');

# What is in a table's partition key the server forgets whenever its owner pleases.
sub forget_while
{
	my ($name, $calls) = @_;
	my $forgetting = session($main, user => 'landlord');
	my $session = session($main);
	my $offset = -s $main->logfile;
	my $end = time + 20;
	my $log = '';

	$forgetting->start(q{DO $$ BEGIN LOOP GRANT SELECT ON public.keyed, public.keyed_part TO PUBLIC; COMMIT;
		REVOKE SELECT ON public.keyed, public.keyed_part FROM PUBLIC; COMMIT; END LOOP; END $$});
	for my $turn (1 .. 50)
	{
		last if time > $end;
		# A GRANT and a trigger can get in each other's way: a tuple is concurrently updated, or both wait for each other.
		$session->value("DO \$\$ BEGIN FOR i IN 1 .. 10 LOOP BEGIN $calls EXCEPTION WHEN internal_error OR deadlock_detected THEN NULL; END; COMMIT; END LOOP; END \$\$");
	}
	$session->value("SELECT pg_terminate_backend($forgetting->{pid})");
	$forgetting->finish;
	$log = slurp_file($main->logfile, $offset);
	unlike($log, qr/LOG:  (00000: )?captured as/, "$name: nothing in the key ran as the superuser");
	$session->close;
}

$main->safe_psql('main', <<'SQL');
SELECT * FROM api.dcx_detach('wallet');
SET ROLE landlord;
CREATE FUNCTION public.key(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
$$BEGIN IF current_user <> 'landlord' THEN RAISE LOG 'captured as %', current_user; END IF; RETURN $1; END$$;
CREATE TABLE public.keyed (org text, amount numeric, "updatedAt" timestamptz) PARTITION BY RANGE ((length(org) + public.key(1)));
CREATE TABLE public.keyed_part PARTITION OF public.keyed DEFAULT PARTITION BY RANGE ((length(org) + public.key(2)));
CREATE TABLE public.keyed_leaf PARTITION OF public.keyed_part DEFAULT;
SQL
forget_while('a wallet table', q{PERFORM api.dcx_attach_wallet('public.keyed', 'org', 'amount'); PERFORM api.dcx_detach('wallet');});
forget_while('updatedAt', q{EXECUTE (SELECT pg_catalog.format('DROP TRIGGER %I ON public.keyed', trigger) FROM api.dcx_attach_updated_at('public.keyed'));});

$main->stop;
done_testing();
