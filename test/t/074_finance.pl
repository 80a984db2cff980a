# Finance with the grants of docs/setup.md and docs/finance.md and no others: every example of docs/finance.md that is not
# the application's runs, and the views for a BI tool show each reader what he may see.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $aas = new_aas('aas');
my $main = new_main('main');
my $setup = slurp_file('docs/setup.md');
my $finance = slurp_file('docs/finance.md');
my $super = session($main);

$super->value("SELECT * FROM dcx_attach_aas('" . aas_url($aas) . "'); SELECT * FROM dcx_attach_wallet(); CREATE ROLE main_app LOGIN");
my ($by_role) = $setup =~ /^```sql\n(CREATE ROLE finance.*?)^```$/ms or die 'docs/setup.md has no grants';
$by_role =~ s/ON DATABASE \K\w+/$Dcx::main_db/;
$super->value($by_role);
my ($grants) = $finance =~ /^```sql\n(GRANT USAGE ON SCHEMA dcx .*?)^```$/ms or die 'docs/finance.md has no grants';
my ($views) = $finance =~ /^```sql\n(CREATE SCHEMA reports.*?)^```$/ms or die 'docs/finance.md has no views';
$super->value($_) for $grants, $views;

# What the page goes on from.
$super->value(q{SELECT * FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-1041') h, LATERAL dcx_wallet_capture(h.hold_id, 370)});
my $reader = session($main, user => 'finance');

subtest 'every example of the page' => sub {
	# The application's, the platform's and the DBA's statements are not finance's.
	my $not_finance = qr/^(?:UPDATE|DELETE|GRANT|CREATE)\b|dcx_(?:order_reserve|wallet_(?:hold|capture|release))\(/m;

	for my $example ($finance =~ /^```sql\n(.*?)^```$/gms)
	{
		for my $statement ($example =~ /(\S.*?(?:;\n|\\gset\n))/gs)
		{
			next if $statement eq $by_role || $statement =~ /^(?:GRANT|CREATE)/;
			my $session = $statement =~ $not_finance ? $super : $reader;
			my $error = $session->error($statement =~ s/;\n\z//r);
			my ($first) = $statement =~ /^(.*)/;

			is($error->{state}, $statement =~ /^DELETE/ ? '42501' : 'none', ($session == $reader ? 'finance' : 'superuser') . ": $first")
			  or diag $error->{text};
		}
	}
};

subtest 'what finance asks' => sub {
	my %asked = (
		'a statement' => q{SELECT count(*) > 0 FROM dcx_wallet_statement('org-acme')},
		'a statement as CSV' => q{SELECT count(*) > 0 FROM dcx_wallet_holds('org-acme', NULL)},
		'what if' => q{SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, jsonb_set(dcx_price_book(), '{RAM_GB,price}', '40')) = 388},
		'a proof' => q{SELECT bool_and(ok) FROM dcx_wallet_holds('org-acme', 'captured') h, dcx_hold_verify(h.hold_id)},
		'margins' => q{SELECT count(*) = 3 FROM dcx_vm_margin('1GHZ', 2, 4, 'STANDARD', 40)},
		'inventory revenue' => q{SELECT sum(cost) > 0 FROM dcx_inventory_costs('2GHZ')},
		'the history of a price' => q{SELECT price = 37 FROM dcx_price_history('RAM_GB')},
		'cost prices of the past' => q{SELECT count(book #> '{RAM_GB,cost}') > 0 FROM dcx.price_book WHERE catalog = 'aas'},
		'the audit' => q{SELECT count(*) = 0 FROM dcx_wallet_audit()});

	is($reader->value($asked{$_}), 't', $_) for sort keys %asked;
	ok($reader->value(q{COPY (SELECT * FROM dcx_wallet_statement('org-acme')) TO STDOUT CSV HEADER}) =~ /^entry_id,recorded_at,kind,/, 'CSV');
	is($reader->error($_)->{state}, '42501', "not: $_")
	  for 'SELECT * FROM aas.products', q{UPDATE dcx.wallet_entry SET amount = 0}, q{SELECT * FROM dcx_wallet_hold('org-acme', 1, 'x')},
	  q{UPDATE "OrganisationWallet" SET balance = 1}, 'SELECT * FROM dcx.wallet_key', 'SELECT * FROM dcx_check()';
};

subtest 'the views' => sub {
	is($reader->value(q{SELECT string_agg(relname || ' ' || (reloptions @> '{security_invoker=true}')::text, ', ' ORDER BY relname)
		FROM pg_class WHERE relnamespace = 'reports'::regnamespace}), 'ledger true, price_history true, revenue true', 'security_invoker');
	is($super->value(q{SELECT count(*) FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c ON c.oid = d.refobjid
		WHERE r.ev_class::regclass::text LIKE 'reports.%' AND c.relnamespace = 'dcx'::regnamespace}), '0', 'never over dcx.*');
	is($reader->value(q{SELECT count(*), sum(amount) FROM reports.ledger}), $super->value(q{SELECT count(*), sum(amount) FROM dcx.wallet_entry}),
		'the whole ledger');
	is($reader->value(q{SELECT code, amount, revenue FROM reports.revenue WHERE organisation = 'org-acme' ORDER BY hold_id, line}),
		"CPU_1GHZ|156.00|153.51\nRAM_GB|148.00|145.64\nSTORAGE_STANDARD|72.00|70.85", 'what was captured, by line');
	is($reader->value(q{SELECT code, price FROM reports.price_history WHERE code = 'RAM_GB'}), 'RAM_GB|37.00', 'prices');
	is($reader->value(q{SELECT count(*) FROM reports.ledger WHERE organisation = 'org-hooli'}), '1', 'of one organisation');

	# Holds without a quote, captured in part or for nothing; lines whose shares are no whole cents.
	$super->value(q{SELECT c.* FROM dcx_wallet_hold('org-hooli', 90, 'no quote') h, LATERAL dcx_wallet_capture(h.hold_id, 33.33) c});
	for my $captured ('0.01', '1', '100', '333.33', '376')
	{
		$super->value(qq{SELECT c.* FROM dcx_vm_reserve('org-hooli', '1GHZ', 2, 4, 'STANDARD', 40, 'part $captured') h,
			LATERAL dcx_wallet_capture(h.hold_id, $captured) c});
	}
	$super->value(q{SELECT c.* FROM dcx_order_reserve('org-hooli', '[{"product": "RAM_GB", "quantity": 0.333}, {"product": "BACKUP_GB", "quantity": 0.1}]', 'thirds') h,
		LATERAL dcx_wallet_capture(h.hold_id) c});
	is($reader->value(<<'SQL'), '', 'revenue adds up to what was captured, for every hold');
SELECT h.hold_id, h.captured, sum(r.revenue) FROM dcx.wallet_hold h LEFT JOIN reports.revenue r USING (hold_id)
 WHERE h.state = 'captured' GROUP BY 1, 2 HAVING sum(r.revenue) IS DISTINCT FROM h.captured OR bool_or(r.revenue < 0 OR r.revenue <> round(r.revenue, 2))
SQL
	is($reader->value(q{SELECT code, amount, revenue FROM reports.revenue WHERE idempotency_key = 'no quote'}), '|90.00|33.33', 'a hold without a quote');
};

# A reader sees what he may see of the wallets.
subtest 'under row-level security' => sub {
	$super->value(<<'SQL');
ALTER TABLE "OrganisationWallet" ENABLE ROW LEVEL SECURITY;
CREATE ROLE acme LOGIN;
CREATE ROLE nobody LOGIN;
CREATE POLICY own ON "OrganisationWallet" TO acme USING ("organisationId" = 'org-acme');
CREATE POLICY all_of_them ON "OrganisationWallet" TO finance USING (true);
GRANT SELECT ON "OrganisationWallet" TO acme;
GRANT USAGE ON SCHEMA reports TO acme, nobody;
GRANT SELECT ON ALL TABLES IN SCHEMA reports TO acme, nobody
SQL
	my ($acme, $nobody) = map { session($main, user => $_) } qw(acme nobody);

	is($acme->value('SELECT DISTINCT organisation FROM reports.ledger'), 'org-acme', 'the ledger: his own organisation only');
	is($acme->value('SELECT DISTINCT organisation FROM reports.revenue'), 'org-acme', 'the revenue, too');
	is($acme->value(q{SELECT count(*) FROM reports.ledger WHERE organisation = 'org-hooli'}), '0', 'no other by name');
	is($acme->value(q{SELECT price FROM reports.price_history WHERE code = 'RAM_GB'}), '37.00', 'prices are for everybody');
	is($nobody->error("SELECT * FROM reports.$_")->{state}, '42501', "without a right on the wallets: no $_") for qw(ledger revenue);
	is($reader->value('SELECT count(DISTINCT organisation) FROM reports.ledger'), '11', 'finance sees all');
	is($super->value('SELECT count(DISTINCT organisation) FROM reports.ledger'), '11', 'so does a superuser');
	$_->close for $acme, $nobody;
};

$_->close for $super, $reader;
$_->stop for $main, $aas;
done_testing();
