# Functions that move money take numeric only: which arguments are taken as they are, which need a cast, and that the cast
# of docs/wallet.md is right.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main');
my $session = session($main);

$session->value(<<'SQL');
SELECT * FROM dcx_attach_wallet();
CREATE TABLE payment (id text, double_precision double precision, "real" real, "text" text, "money" money, "numeric" numeric,
	"integer" integer, "bigint" bigint, "smallint" smallint);
INSERT INTO payment VALUES ('a', 12, 12, 12, 12, 12, 12, 12, 12)
SQL

# Each function with an amount: %1$s is it, %2$s a key.
my %call = (
	dcx_wallet_credit => q{dcx_wallet_credit('org-hooli', %1$s, %2$s) c},
	dcx_wallet_debit => q{dcx_wallet_debit('org-hooli', %1$s, %2$s) c},
	dcx_wallet_hold => q{dcx_wallet_hold('org-hooli', %1$s, %2$s) c},
	dcx_wallet_capture => q{LATERAL (SELECT hold_id FROM dcx_wallet_hold('org-hooli', 500, %2$s)) h,
		dcx_wallet_capture(h.hold_id, %1$s) c},
);

for my $name (sort keys %call)
{
	my $sql = sub {
		my ($column, $cast) = @_;

		return 'SELECT abs(c.amount) FROM payment p, ' . sprintf $call{$name}, qq{p."$column"$cast}, "'$column $cast $name'";
	};

	for my $column (qw(numeric integer bigint smallint))
	{
		is($session->value($sql->($column, '')), '12.00', "$name: $column as it is");
	}
	for my $column (qw(double_precision real text money))
	{
		my $type = $column =~ tr/_/ /r;

		fails_with($session, $sql->($column, ''), "$name: $type is refused", state => '42883',
			message => qr/^function $name\([^)]*\b$type\b[^)]*\) does not exist$/);
		is($session->value($sql->($column, '::numeric')), '12.00', "$name: $type with the cast");
	}
}

# Parameters without a type become numeric, with all their digits.
$session->value(q{PREPARE credit AS SELECT amount FROM dcx_wallet_credit('org-hooli', $1, $2)});
is($session->value(q{SELECT parameter_types FROM pg_prepared_statements WHERE name = 'credit'}), '{numeric,text}',
	'a parameter without a type is numeric');
$session->value(q{ALTER TABLE "OrganisationWallet" ALTER balance TYPE numeric});
is($session->value(q{EXECUTE credit ('100000000000000.01', 'digits')}), '100000000000000.01', 'and keeps its digits');

# What the docs say of floating point.
is($session->value('SELECT (0.1::float8 + 0.2::float8)::numeric, 12345.67::real::numeric'), '0.3|12345.7', 'casts');
fails_with($session, q{SELECT * FROM dcx_wallet_credit('org-hooli', 0.30000000000000004, 'computed')},
	'fractions of a cent', state => '22023');
is( $session->value(q{SELECT amount FROM payment, dcx_wallet_credit('org-hooli',
		round((double_precision * 1.111)::numeric, 2), 'rounded')}), '13.33', 'rounded');
fails_with($session, q{SELECT * FROM dcx_vm_reserve('org-hooli', '1GHZ', 2, 4.5::float8, 'STANDARD', 40, 'a VM')},
	'a quantity of dcx_vm_reserve', state => '42883', message => qr/^function dcx_vm_reserve\(.*double precision.*does not exist$/);

# No function that takes a key has a form for double precision.
is($session->value(<<'SQL'), '', 'no form for double precision');
SELECT oid::regprocedure FROM pg_proc
 WHERE proname ~ '^dcx_(wallet_(credit|debit|hold|capture)|(vm|order)_reserve)$' AND 'float8'::regtype = ANY (proargtypes)
SQL

$session->close;
$main->stop;
done_testing();
