# What docs/operations.md says under "Several servers": inventory on other servers, prepared transactions, hold ids that do
# not collide, and a hub that reads the wallets of several MAINs.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my %init = (init => { allows_streaming => 'logical' });
my $north = new_main('north', %init, conf => "max_prepared_transactions = 5\n");
my $south = new_main('south', %init);
my $hub = new_main('hub', bare => 1);
my $page = slurp_file('docs/operations.md');
my $in_north = session($north);
my $in_south = session($south);

# Each MAIN has organisations of its own.
$in_south->value(q{SET session_replication_role = replica;
	UPDATE "OrganisationWallet" SET id = 's-' || id, "organisationId" = 's-' || "organisationId"; RESET session_replication_role});
$_->value("SELECT * FROM dcx_attach_aas('" . aas_url($aas) . "'); SELECT * FROM dcx_attach_wallet()") for $in_north, $in_south;

# Statements of the docs, as they stand.
sub documented
{
	my ($pattern) = @_;
	my ($found) = $page =~ $pattern;

	return $found // die "docs/operations.md has nothing like $pattern";
}

# Citus cannot be had here. What it needs is tested: a worker that has the extension and no catalog answers the query with a
# constant book, as Citus sends it, exactly as MAIN does; and what is IMMUTABLE is sent, what is STABLE is not.
subtest 'inventory on another server' => sub {
	my $query = documented(qr/^```\n(SELECT vcenter_name, sum.*?)^```$/ms);
	my $live = $query =~ s/,\s*\(SELECT dcx_price_book\(\)\)//r;
	my $here = $in_north->value($query);
	my $worker = session($hub);

	$worker->value('CREATE EXTENSION dcx_pricing');
	like($here, qr/^VC-CPT\|\d+\.\d+\nVC-DBN\|\d+\.\d+\nVC-JHB\|\d+\.\d+$/, 'the costs in MAIN');
	is($in_north->value($live), $here, 'the live form, in MAIN');
	for my $price (37, '41.125', '0.0000001', 'null')
	{
		my $book = $in_north->value("SELECT quote_literal(jsonb_set(dcx_price_book(), '{RAM_GB,price}', '$price'))");
		my $constant = $query =~ s/\(SELECT dcx_price_book\(\)\)/$book/r;

		is($worker->error($constant)->{text} =~ s/LOCATION.*//sr, $in_north->error($constant)->{text} =~ s/LOCATION.*//sr,
			"a worker answers the same, RAM at $price");
	}
	fails_with($worker, $live, 'the live form fails in a worker', state => 'ZD007');
	is( $in_north->value(q{SELECT proargtypes[pronargs - 1] = 'jsonb'::regtype, string_agg(DISTINCT provolatile::text, ',')
		FROM pg_proc WHERE proname ~ '^dcx_(vm|product|network)_cost$' GROUP BY 1 ORDER BY 1}), "f|s\nt|i",
		'STABLE without a book, IMMUTABLE with one');
	$worker->value('DROP EXTENSION dcx_pricing');
	$worker->close;
};

subtest 'PREPARE TRANSACTION' => sub {
	my $error = documented(qr/`(cannot PREPARE a transaction that has [^`]*)`/);
	my $reserve = q{SELECT available FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, '%s')};

	$in_north->value('BEGIN');
	is($in_north->value(sprintf $reserve, 'live'), '624.00', 'a live price');
	fails_with($in_north, q{PREPARE TRANSACTION 'live'}, 'cannot be prepared', state => '0A000', message => $error);
	$in_north->error('ROLLBACK');
	is($in_north->value(q{SELECT dcx_wallet_available('org-acme')}), '1000.00', 'nothing is held');

	$in_north->value(q{SET dcx_pricing.max_price_age = '1h'});
	$in_north->value('BEGIN');
	is($in_north->value(sprintf $reserve, 'saved'), '624.00', 'a saved price');
	$in_north->value(q{PREPARE TRANSACTION 'saved'});
	$in_north->value('SET lock_timeout = 100');
	is($in_north->error(q{SELECT * FROM dcx_wallet_hold('org-acme', 1, 'meanwhile')})->{state}, '55P03', 'the wallet is locked');
	$in_north->value('RESET lock_timeout');
	$in_north->value(q{COMMIT PREPARED 'saved'});
	is($in_north->value(q{SELECT dcx_wallet_available('org-acme')}), '624.00', 'held');
	is($in_north->value(q{SELECT dcx_wallet_available('org-acme') FROM dcx_wallet_release((SELECT hold_id FROM dcx_wallet_holds('org-acme')))}),
		'624.00', 'released');
	$in_north->value('RESET dcx_pricing.max_price_age; SELECT 1');

	# A local table is as good.
	$in_north->value(q{BEGIN; CREATE SCHEMA copy; CREATE TABLE copy.products AS SELECT * FROM aas.products; COMMIT;
		SELECT * FROM dcx_attach_aas(schema => 'copy')});
	$in_north->value('BEGIN');
	$in_north->value(sprintf $reserve, 'local');
	$in_north->value(q{PREPARE TRANSACTION 'local'});
	$in_north->value(q{ROLLBACK PREPARED 'local'});
	is($in_north->value(q{SELECT dcx_wallet_available('org-acme')}), '1000.00', 'rolled back');
};

subtest 'hold ids' => sub {
	my $first = documented(qr/^(ALTER TABLE dcx\.wallet_hold ALTER hold_id SET INCREMENT BY 16 .*;)$/m);
	my ($north_start) = $first =~ /RESTART WITH (\d+)/;

	$in_north->value($first);
	$in_south->value($first =~ s/RESTART WITH \d+/'RESTART WITH ' . ($north_start + 1)/er);
	for my $session ($in_north, $in_south)
	{
		my ($n, $org) = $session == $in_north ? (0, 'org-hooli') : (1, 's-org-hooli');

		for my $i (0 .. 2)
		{
			is($session->value("SELECT hold_id FROM dcx_wallet_hold('$org', 1, 'key $i')"), $north_start + $n + 16 * $i, "hold $i");
		}
		is($session->value('SELECT relation, note FROM dcx_attach_wallet()'),
			"public.\"OrganisationWallet\"|organisation: \"organisationId\" text, balance: balance double precision\n"
			  . 'dcx.wallet_entry|the ledger has every balance', 'attach accepts it');
		is($session->value(q{SELECT * FROM dcx_check('wallet') WHERE severity <> 'info'}), '', 'so does the check');
		is($session->value("SELECT hold_id FROM dcx_wallet_hold('$org', 1, 'key 3')"), $north_start + $n + 48, 'and keeps it');
	}
};

subtest 'a hub' => sub {
	my ($publish, $prepare, $subscribe) = documented(qr/^```\n(-- in each MAIN.*?)^```$/ms) =~
	  /^(-- in each MAIN.*?)(^-- in the hub.*?)(^CREATE SUBSCRIPTION.*)\z/ms;
	my $in_hub = session($hub);
	my @mains = ([ north => $north, $in_north ], [ south => $south, $in_south ]);

	$in_south->value(q{SELECT c.* FROM dcx_wallet_holds('s-org-hooli') h, LATERAL dcx_wallet_capture(h.hold_id, 0.5) c
		WHERE h.idempotency_key = 'key 0'});
	$in_south->value(q{SELECT r.* FROM dcx_wallet_holds('s-org-hooli') h, LATERAL dcx_wallet_release(h.hold_id) r
		WHERE h.idempotency_key = 'key 1'});
	for (@mains)
	{
		my ($name, $node, $session) = @$_;

		$session->value($publish =~ s/^--.*\n//mgr);
	}
	$hub->safe_psql($Dcx::main_db, $prepare);
	for (@mains)
	{
		my ($name, $node, $session) = @$_;
		my $connection = $node->connstr . " dbname=$Dcx::main_db";

		$hub->safe_psql($Dcx::main_db, $subscribe =~ s/SUBSCRIPTION \w+/SUBSCRIPTION $name/r =~ s/CONNECTION '[^']*'/CONNECTION '$connection'/r);
		$hub->wait_for_subscription_sync($node, $name, $Dcx::main_db);
	}
	$in_hub->close;
	$in_hub = session($hub);
	my $same = sub {
		for (@mains)
		{
			my ($name, $node, $session) = @$_;

			$node->wait_for_catchup($name);
			for my $org (split /\n/, $session->value('SELECT "organisationId" FROM "OrganisationWallet"'))
			{
				for my $query ("SELECT dcx_wallet_balance('$org'), dcx_wallet_available('$org')",
					"SELECT hold_id, amount, state, idempotency_key FROM dcx_wallet_holds('$org', NULL)",
					"SELECT entry_id, recorded_at, kind, amount, balance, hold_id, idempotency_key FROM dcx_wallet_statement('$org')")
				{
					my ($there, $here) = map { $_->value($query) } $session, $in_hub;
					is($here, $there, "$name, $org: $query");
				}
			}
			is($session->value('SELECT * FROM dcx_wallet_audit()'), '', "$name adds up");
		}
		is($in_hub->value('SELECT * FROM dcx_wallet_audit()'), '', 'the hub adds up');
	};

	$same->();
	$in_north->value(q{SELECT * FROM dcx_wallet_credit('org-acme', 10, 'later')});
	$in_north->value(q{SELECT * FROM dcx_wallet_hold('org-acme', 20, 'later hold')});
	$in_north->value(q{UPDATE "OrganisationWallet" SET balance = balance - 5 WHERE "organisationId" = 'org-globex'});
	$in_south->value(q{SELECT * FROM dcx_wallet_debit('s-org-hooli', 10, 'later')});
	$in_south->value(q{SELECT c.* FROM dcx_wallet_hold('s-org-hooli', 20, 'later hold') h, LATERAL dcx_wallet_capture(h.hold_id, 15) c});
	$same->();
	# The hub only reads.
	fails_with($in_hub, q{SELECT * FROM dcx_wallet_credit('org-acme', 1, 'in the hub')}, 'money does not move in the hub', state => '55000');
	$same->();
	$in_hub->close;
};

$_->close for $in_north, $in_south;
$_->stop for $hub, $south, $north, $aas;
done_testing();
