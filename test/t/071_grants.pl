# The grants of docs/setup.md, run as they stand there: a MAIN that belongs to a role that is no superuser, and what each
# role can call after that.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $database = 'datacentrix_cloud_local';
my $setup = slurp_file('docs/setup.md');
my $aas = new_aas('aas');
my $main = Dcx::new_node('main');

# The block of the docs that begins with some text.
sub block
{
	my ($begin) = @_;
	my ($found) = $setup =~ /^```(?:sql)?\n(\Q$begin\E.*?)^```$/ms;

	return $found // die "docs/setup.md has no block that begins with $begin";
}

my $as_superuser = block('-- as a superuser');
my $as_owner = block('-- as main_owner');
my $by_role = block('CREATE ROLE finance');
my ($pricing) = $setup =~ /^```\n(\('pricing', .*?)^```$/ms;

# The docs' URL names the usual port.
my $url = aas_url($aas, parameters => 'schema=public');
$as_owner =~ s{'postgresql://aas_reader[^']*'}{'$url'} or die 'no URL';

Dcx::load($main, $database, 'main.sql');
$main->safe_psql($database, <<SQL);
CREATE ROLE main_owner LOGIN CREATEROLE;
CREATE ROLE main_app LOGIN;
CREATE ROLE pricing LOGIN;
CREATE ROLE nobody LOGIN;
ALTER DATABASE $database OWNER TO main_owner;
REVOKE CONNECT ON DATABASE $database FROM PUBLIC;
GRANT CONNECT ON DATABASE $database TO main_app, pricing, nobody;
DO \$\$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
		EXECUTE format('ALTER TABLE %s OWNER TO main_owner', t);
	END LOOP;
END \$\$;
SQL
my $owner = session($main, database => $database, user => 'main_owner');

subtest 'without the block nothing works' => sub {
	is($owner->error('CREATE EXTENSION dcx_pricing')->{message}, 'permission denied to create extension "dcx_pricing"', 'extension');
	$main->safe_psql($database, 'BEGIN; CREATE EXTENSION dcx_pricing; COMMIT');
	like($owner->error("SELECT * FROM dcx_attach_aas('$url')")->{message}, qr/^permission denied for function dcx_attach_aas/, 'attach');
	like($owner->error("ALTER DATABASE $database SET dcx_pricing.max_price_age = '1h'")->{message},
		qr/^permission denied to set parameter "dcx_pricing.max_price_age"/, 'setting');
	$main->safe_psql($database, 'DROP EXTENSION dcx_pricing');
};

subtest 'with it, the owner does the rest' => sub {
	$main->safe_psql($database, $as_superuser);
	$owner->close;
	$owner = session($main, database => $database, user => 'main_owner');
	ok($owner->value($as_owner), 'attached');
	$owner->close;
	$owner = session($main, database => $database, user => 'main_owner');
	is($owner->value("SELECT $Dcx::cost"), '376.00', 'a price');
	is($owner->value(q{SELECT source FROM dcx_price_book_stats() WHERE catalog = 'aas'}), 'saved', 'by a saved book');
	is($owner->value(q{SELECT amount FROM dcx_wallet_credit('org-acme', 1, 'by the owner')}), '1.00', 'money moves');
	is($owner->value(q{SELECT count(*) FROM dcx_wallet_audit()}), '0', 'and adds up');
	is($owner->value(q{SELECT area, severity, object, problem FROM dcx_check() WHERE severity = 'error'}), '', 'no error in the check');
	is($owner->value('SELECT task, result FROM dcx_maintain()') =~ /failed/, '', 'no task fails');
	is($main->safe_psql($database, q{SELECT rolsuper FROM pg_roles WHERE rolname = 'main_owner'}), 'f', 'and is no superuser');
};

# As the owner, also a second time, as after an upgrade.
subtest 'the owner grants on' => sub {
	(my $again = $by_role) =~ s/^CREATE ROLE.*$//mg;

	$owner->value($_ =~ s/\\gexec/\\gexec\n/r) for $by_role, $again;
	like($owner->value(q{SELECT count(*) FROM pg_proc, aclexplode(proacl)
		WHERE grantor = 'main_owner'::regrole AND grantee = 'finance'::regrole}), qr/^[1-9]/, 'granted by the owner');
};

# What each role may call, by the docs: all forms of these, and no other function that is not PUBLIC's.
my %may = (
	main_app => [ qw(dcx_vm_reserve dcx_order_reserve dcx_wallet_hold dcx_wallet_extend dcx_wallet_capture dcx_wallet_release) ],
	finance => [ qw(dcx_wallet_credit dcx_wallet_debit dcx_wallet_audit dcx_vm_margin) ],
	monitoring => [ qw(dcx_check dcx_health dcx_maintain dcx_schema dcx_wallet_audit dcx_price_book_save) ],
	pricing => [],
	nobody => [],
);
my $callable = <<'SQL';
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'dcx_pricing'
 WHERE has_function_privilege('%s', p.oid, 'EXECUTE') AND NOT EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
		WHERE a.grantee = 0) ORDER BY 1
SQL
my $forms = <<'SQL';
SELECT oid::regprocedure FROM pg_proc WHERE proname = ANY (string_to_array('%s', ',')) ORDER BY 1
SQL

subtest 'each role may call its functions, in every form, and no others' => sub {
	for my $role (sort keys %may)
	{
		is($main->safe_psql($database, sprintf $callable, $role), $main->safe_psql($database, sprintf $forms, join ',', @{ $may{$role} }),
			$role);
	}
	unlike($main->safe_psql($database, sprintf $callable, 'main_owner'), qr/dcx_(check|health)_/, 'main_owner: no internal function');
};

# One call of each kind, and the roles that can make it.
my @calls = (
	[ "SELECT $Dcx::cost", 'pricing nobody main_app finance monitoring' ],
	[ q{SELECT * FROM dcx_price_history('RAM_GB')}, 'pricing nobody main_app finance monitoring' ],
	[ q{SELECT * FROM dcx_vm_margin('1GHZ', 2, 4, 'STANDARD', 40)}, 'finance' ],
	[ q{SELECT * FROM dcx_vm_margin('1GHZ'::text, 2::float8, 4, 'STANDARD', 40)}, 'finance' ],
	[ q{SELECT * FROM dcx_inventory_costs('2GHZ')}, 'finance' ],
	[ q{SELECT * FROM dcx_vm_reserve('org-hooli', '1GHZ', 2, 4, 'STANDARD', 40, 'a VM')}, 'main_app' ],
	[ q{SELECT * FROM dcx_wallet_hold('org-hooli', 1, 'a hold')}, 'main_app' ],
	[ q{SELECT * FROM dcx_wallet_credit('org-hooli', 1, 'a credit')}, 'finance' ],
	[ q{SELECT * FROM dcx_wallet_debit('org-hooli', 1, 'a debit')}, 'finance' ],
	[ q{SELECT * FROM dcx_wallet_audit()}, 'finance monitoring' ],
	[ q{SELECT * FROM dcx_wallet_statement('org-hooli')}, 'finance' ],
	[ q{SELECT * FROM dcx_check('connection')}, 'monitoring' ],
	[ q{SELECT * FROM dcx_health()}, 'monitoring' ],
	[ q{SELECT * FROM dcx_schema()}, 'monitoring' ],
	[ q{SELECT * FROM dcx_maintain()}, 'monitoring' ],
	[ q{SELECT * FROM dcx_price_book_save()}, 'monitoring' ],
	[ q{SELECT * FROM dcx_detach('aas')}, '' ],
	[ q{SELECT * FROM dcx_attach_wallet()}, '' ],
	[ q{SELECT * FROM dcx.wallet_entry}, '' ],
	[ q{SELECT * FROM aas.products}, '' ]);

subtest 'and the calls work' => sub {
	my %session = map { $_ => session($main, database => $database, user => $_) } keys %may;

	for my $call (@calls)
	{
		my ($sql, $roles) = @$call;

		for my $role (sort keys %session)
		{
			is($session{$role}->error($sql)->{state}, $roles =~ /\b$role\b/ ? 'none' : '42501', "$role: $sql");
		}
	}
	$_->close for values %session;
};

subtest 'pricing that is not for everybody' => sub {
	my ($functions) = $pricing =~ /'\{(.*?)\}'/s;
	my $names = $functions =~ s/\s+//gr;
	my $price = session($main, database => $database, user => 'pricing');
	my $none = session($main, database => $database, user => 'nobody');

	$main->safe_psql($database, "DO \$\$ DECLARE f regprocedure; BEGIN
		FOR f IN SELECT oid FROM pg_proc WHERE proname = ANY ('{$names}'::name[]) LOOP
			EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f); END LOOP; END \$\$");
	(my $grant = $by_role) =~ s/^CREATE ROLE.*$//mg;
	$grant =~ s/\(VALUES\n/(VALUES\n$pricing,\n/ or die 'no list';
	$owner->value($grant);
	is($_->[0]->error("SELECT $Dcx::cost")->{state}, $_->[1], 'a price') for [ $price, 'none' ], [ $none, '42501' ];
	is($price->error(q{SELECT * FROM dcx_price_history('RAM_GB')})->{state}, 'none', 'the history');
	$_->close for $price, $none;
};

$owner->close;
$_->stop for $main, $aas;
done_testing();
