# The extension, its triggers and the wallet table are dropped and come back: the ledger stays, and attaching again
# repairs what is missing.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main');
my $super = session($main);
my $wallets = 'public."OrganisationWallet"';
my $every = 'dcx.wallet_entry|%d|the ledger has every balance';

$super->value('CREATE ROLE app LOGIN; CREATE ROLE mallory LOGIN');
may_move_money($main, 'app');

# A call of app's, in a session of its own unless one is given.
sub call
{
	my ($function, $session) = @_;
	my $app = $session // session($main, user => 'app');
	my $error = $app->error("SELECT * FROM dcx_$function");

	$app->close unless $session;
	return $error->{state} eq 'none' ? $error->{text} : $error->{state};
}

sub debit_fails
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($organisation, $name, %expected) = @_;
	my $app = session($main, user => 'app');

	fails_with($app, "SELECT * FROM dcx_wallet_debit('$organisation', 1, 'never')", $name,
		state => '55000', hint => qr/^SELECT \* FROM dcx_attach_wallet\(\.\.\.\) puts/, %expected);
	$app->close;
}

# What attaching says about the ledger.
sub attach
{
	my ($arguments) = @_;

	$super->value('SELECT * FROM dcx_attach_wallet(' . ($arguments // '') . ')') =~ /^(dcx\.wallet_entry.*)/m;
	return $1;
}

# The entries written since the last call, those of one statement in the order of the organisations.
my $last = 0;
sub new_entries
{
	my $entries = $super->value(<<"SQL");
SELECT kind, organisation, amount, balance, details->>'operation' FROM dcx.wallet_entry WHERE entry_id > $last
 ORDER BY entry_id
SQL
	$last = $super->value('SELECT coalesce(max(entry_id), 0) FROM dcx.wallet_entry');
	return $entries;
}

# Every row of the ledger, and nothing that changes while it is not written.
sub ledger
{
	return $super->value(<<'SQL');
SELECT to_jsonb(e) FROM dcx.wallet_entry e UNION ALL SELECT to_jsonb(h) FROM dcx.wallet_hold h
 UNION ALL SELECT to_jsonb(k) FROM dcx.wallet_key k UNION ALL SELECT to_jsonb(a) FROM dcx.wallet_account a
SQL
}

sub triggers
{
	return $super->value(<<"SQL");
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = '$wallets'::regclass AND tgname ~ 'dcx' ORDER BY 1
SQL
}

sub adds_up
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
}

sub set_balance
{
	my ($organisation, $expression) = @_;

	$super->value(qq{UPDATE $wallets SET balance = $expression WHERE "organisationId" = '$organisation'});
}

my $both = "000_dcx_wallet|A\n000_dcx_wallet_truncate|A";

subtest 'a schema dcx of somebody else\'s, and a table in it' => sub {
	my %expected = (state => '42501', detail => qr/^It has to belong to you or to a superuser/);

	$super->value('CREATE SCHEMA dcx AUTHORIZATION mallory');
	fails_with($super, 'SELECT * FROM dcx_attach_wallet()', 'the schema is refused',
		%expected, message => 'schema "dcx" belongs to role "mallory"');
	for my $table ('account', 'entry', 'hold', 'key')
	{
		$super->value("DROP SCHEMA dcx CASCADE; CREATE SCHEMA dcx; CREATE TABLE dcx.wallet_$table (organisation text);"
			  . "ALTER TABLE dcx.wallet_$table OWNER TO mallory");
		fails_with($super, 'SELECT * FROM dcx_attach_wallet()', "dcx.wallet_$table is refused",
			%expected, message => qq{table dcx.wallet_$table belongs to role "mallory"});
	}
	$super->value(<<'SQL');
DROP SCHEMA dcx CASCADE;
CREATE SCHEMA dcx;
GRANT ALL ON SCHEMA dcx TO mallory;
SET ROLE mallory;
CREATE FUNCTION dcx.wallet_guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
RESET ROLE
SQL
	fails_with($super, 'SELECT * FROM dcx_attach_wallet()', 'and so is its guard',
		%expected, message => 'function dcx.wallet_guard() belongs to role "mallory"');
	$super->value('DROP SCHEMA dcx CASCADE');
};

subtest 'the first time, and again' => sub {
	is(attach(), 'dcx.wallet_entry|11|11 opening entries written', 'one opening entry a wallet');
	is(triggers(), $both, 'two triggers, which nothing switches off');
	like(new_entries(), qr/\Aopening\|org-acme\|1000\.00\|1000\.00\|attach\n(?:opening.*\n){9}opening.*\z/,
		'of all that is in it');
	is(attach(), sprintf($every, 11), 'again: nothing to write');
	is(attach(q{'"OrganisationWallet"', 'organisationId', 'balance'}), sprintf($every, 11), 'nor if everything is named');
	is(triggers(), $both, 'the triggers are there once');
	fails_with($super, "BEGIN ISOLATION LEVEL $_; SELECT * FROM dcx_attach_wallet()", "$_ is refused",
		state => '0A000', hint => 'BEGIN ISOLATION LEVEL READ COMMITTED.')
	  && $super->value('ROLLBACK') for 'REPEATABLE READ', 'SERIALIZABLE';
	$super->value('BEGIN');
	$super->value('DROP SCHEMA dcx CASCADE');
	is(attach(), 'dcx.wallet_entry|11|11 opening entries written', 'a new ledger starts in the same transaction');
	$super->value('ROLLBACK');
	is(new_entries(), '', 'and ends with it');
	adds_up();
};

# What DROP and CREATE EXTENSION must not change: holds in every state, and all keys.
my %first;
sub fill
{
	like($first{credit} = call(q{wallet_credit('org-acme', 500, 'credit', 'deposit', '{"bank": "FNB"}')}),
		qr/\|500\.00\|1500\.00\|1500\.00\|f$/, 'credit');
	like($first{debit} = call(q{wallet_debit('org-acme', 20.50, 'debit')}), qr/\|1479\.50\|f$/, 'debit');
	like($first{hold} = call(q{wallet_hold('org-acme', 100, 'hold', '1 day', 'VM')}), qr/^1\|.*\|1379\.50\|f$/, 'hold 1');
	like(call(q{wallet_hold('org-globex', 75, 'hold', '1 day')}), qr/^2\|/, 'hold 2');
	like(call(q{wallet_hold('org-acme', 300, 'captured')}), qr/^3\|/, 'hold 3');
	like($first{capture} = call('wallet_capture(3, 200)'), qr/\|-200\.00\|1279\.50\|1179\.50\|f$/, 'captured');
	like(call(q{wallet_hold('org-acme', 5, 'released')}), qr/^4\|/, 'hold 4');
	like($first{release} = call('wallet_release(4)'), qr/^4\|.*\|1179\.50\|f$/, 'released');
	like(call(q{wallet_hold('org-acme', 7, 'expired', '1 microsecond')}), qr/^5\|/, 'hold 5 expires');
	new_entries();
}

my %again = (
	credit => q{wallet_credit('org-acme', 500, 'credit', 'deposit', '{"bank": "FNB"}')},
	debit => q{wallet_debit('org-acme', 20.50, 'debit')},
	hold => q{wallet_hold('org-acme', 100, 'hold', '1 day', 'VM')},
	capture => 'wallet_capture(3, 200)',
	release => 'wallet_release(4)');

sub replays
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($when) = @_;

	is(call($again{$_}), $first{$_} =~ s/f$/t/r, "$when, a $_ is answered as the first time") for sort keys %again;
}

sub guards
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($when) = @_;
	my $before = ledger();

	for my $role ('origin', 'replica')
	{
		$super->value("SET session_replication_role = $role");
		for my $statement (
			'UPDATE dcx.wallet_entry SET amount = 0', 'DELETE FROM dcx.wallet_entry WHERE false',
			'TRUNCATE dcx.wallet_entry', 'UPDATE dcx.wallet_key SET entry_id = 1', 'DELETE FROM dcx.wallet_key',
			'TRUNCATE dcx.wallet_key', 'DELETE FROM dcx.wallet_hold', 'TRUNCATE dcx.wallet_hold',
			'TRUNCATE dcx.wallet_account, dcx.wallet_hold CASCADE',
			q{UPDATE dcx.wallet_hold SET state = 'open' WHERE state = 'captured'})
		{
			my ($verb, $table) = $statement =~ /^(\w+).*?\bdcx\.(wallet_\w+)/;

			$table = 'wallet_hold' if $statement =~ /CASCADE/;
			fails_with($super, $statement, "$when, $role: $statement",
				state => '42501', message => "$verb of dcx.$table is refused");
		}
	}
	$super->value('RESET session_replication_role');
	is(ledger(), $before, 'nothing is changed');
}

subtest 'the extension is dropped, and made again' => sub {
	my ($rows, $app);

	fill();
	guards('with the extension');
	fails_with($super, 'DROP EXTENSION dcx_pricing', 'it is not dropped from under the wallets',
		state => '2BP01',
		detail => join "\n", map qq{trigger $_ on table "OrganisationWallet" depends on function dcx_wallet_record()},
		  '000_dcx_wallet', '000_dcx_wallet_truncate');
	$rows = ledger();
	$super->value('DROP EXTENSION dcx_pricing CASCADE');
	is(triggers(), '', 'with CASCADE the triggers go');
	is(ledger(), $rows, 'and nothing of the ledger');
	guards('without the extension');

	# What the platform does meanwhile: it changes five wallets, and one changes and is as it was again.
	set_balance('org-acme', $_) for 'balance - 80', 'balance + 0.01';
	set_balance('org-initech', $_) for 'balance - 1', 'balance + 1';
	$super->value(<<"SQL");
INSERT INTO $wallets VALUES ('new', 'org-nowallet', 12.34, 'ZAR', now(), now());
DELETE FROM "WalletTransaction";
DELETE FROM $wallets WHERE "organisationId" IN ('org-zero', 'org-vandelay');
UPDATE $wallets SET balance = 0 WHERE "organisationId" = 'org-negative'
SQL

	$super->value('CREATE EXTENSION dcx_pricing');
	is(call(q{wallet_debit('org-globex', 1, 'refused')}), '42501', 'the rights on the functions went with them');
	may_move_money($main, 'app');
	debit_fails('org-globex', 'until it is attached, no balance can be moved',
		detail => qr/^The ledger's trigger on public\."OrganisationWallet" is missing or disabled/);
	debit_fails('org-acme', 'least of all one that was changed', message => qr/is not as the ledger has it$/,
		detail => qr/^Its balance is 1199\.51, its entries add up to 1279\.50: it was changed while/);
	debit_fails('org-nowallet', 'or that is new', message => qr/is not as the ledger has it$/,
		detail => qr/^It was made while/);
	is(call(q{wallet_debit('org-globex', 5, 'once refused')}), '55000', 'whatever the key');
	is(call(q{wallet_hold('org-acme', 1, 'refused')}), '55000', 'nor can anything of it be held');
	is(call('wallet_capture(1)'), '55000', 'or captured');
	replays('not yet attached');
	is($super->value(q{SELECT dcx_wallet_available('org-acme')}), '1099.51', 'what is available goes by the wallet');
	is($super->value(q{SELECT count(*) FROM dcx_wallet_statement('org-acme')}), '4', 'the statement is there');
	is(ledger(), $rows, 'and the ledger as it was');
	is( $super->value('SELECT organisation, expected, actual FROM dcx_wallet_audit() WHERE problem ~ $$^the balance$$'),
		"org-acme|1279.50|1199.51\norg-negative|-50.25|0.00\norg-nowallet|0.00|12.34\norg-vandelay|99.95|0.00",
		'the audit knows each difference');

	is(attach(), 'dcx.wallet_entry|18|4 external entries written', 'attached again');
	is( new_entries(),
		"external|org-acme|-79.99|1199.51|attach\nexternal|org-negative|50.25|0.00|attach\n"
		  . "external|org-nowallet|12.34|12.34|attach\nexternal|org-vandelay|-99.95|0.00|attach",
		'one entry for each difference, none for what is as it was');
	is(triggers(), $both, 'the triggers are back');
	is(attach(), sprintf($every, 18), 'and again: nothing to write');
	my %now = map { $_ => 1 } split /\n/, ledger();
	is_deeply([ grep { !$now{$_} && !/"next_expiry"/ } split /\n/, $rows ],
		[], 'not a row of entries, holds and keys is lost or changed');
	adds_up();
	replays('attached again');
	like(call('wallet_capture(1)'), qr/\|-100\.00\|1099\.51\|1099\.51\|f$/, 'a hold from before is captured');
	like(call('wallet_release(2)'), qr/^2\|org-globex\|75\.00\|.*\|375\.99\|f$/, 'and one released');
	like(call(q{wallet_debit('org-globex', 5, 'once refused')}), qr/\|370\.99\|370\.99\|f$/, 'a refused key is free');
	like(call(q{wallet_debit('org-nowallet', 12.34, 'debit')}), qr/\|0\.00\|0\.00\|f$/, 'the new wallet has money');
	is( call(q{wallet_debit('org-vandelay', 1, 'debit')}), 'ZD006', 'the old one is gone');
	new_entries();
	set_balance('org-acme', 1000);
	is(new_entries(), 'external|org-acme|-99.51|1000.00|UPDATE', 'and what the platform does is recorded');
	guards('attached again');
	adds_up();
};

subtest 'detached, and attached again' => sub {
	my $app = session($main, user => 'app');
	my $rows;

	like(call(q{wallet_credit('org-acme', 1, 'before')}, $app), qr/\|f$/, 'a session that has moved money');
	set_balance('org-acme', 1000);
	new_entries();
	$rows = ledger();
	is( $super->value(q{SELECT * FROM dcx_detach('wallet')}),
		qq{binding of $wallets\ntrigger "000_dcx_wallet" on $wallets\ntrigger "000_dcx_wallet_truncate" on $wallets},
		'detaching drops the triggers');
	is(triggers(), '', 'both of them');
	is(ledger(), $rows, 'and nothing of the ledger');
	guards('detached');
	is(call("wallet_$_", $app), 'ZD007', "$_ is refused") for q{debit('org-acme', 1, 'k')}, q{hold('org-acme', 1, 'k')},
	  'capture(2)', 'release(2)', q{credit('org-acme', 500, 'credit', 'deposit', '{"bank": "FNB"}')};
	set_balance('org-acme', 'balance + 11');
	is(ledger(), $rows, 'what the platform does is not recorded');
	is(attach(), 'dcx.wallet_entry|25|1 external entry written', 'attached again');
	is(new_entries(), 'external|org-acme|11.00|1011.00|attach', 'its sum is');
	replays('attached again');
	like(call(q{wallet_debit('org-acme', 1, 'after')}, $app), qr/\|1010\.00\|1010\.00\|f$/, 'and money moves');
	new_entries();
	adds_up();
};

subtest 'a time without triggers' => sub {
	my $app = session($main, user => 'app');

	for my $way ('DISABLE TRIGGER USER', 'DISABLE TRIGGER ALL', 'ENABLE REPLICA TRIGGER "000_dcx_wallet"',
		'DISABLE TRIGGER "000_dcx_wallet"')
	{
		$super->value("ALTER TABLE $wallets $way");
		set_balance('org-acme', 'balance + 1');
		debit_fails($_, "$way: $_ is refused") for 'org-acme', 'org-globex';
		$super->value("ALTER TABLE $wallets ENABLE TRIGGER ALL");
		debit_fails('org-acme', "$way: enabled again, a wallet that was changed is refused",
			message => 'the wallet of organisation "org-acme" is not as the ledger has it');
		is(call(q{wallet_hold('org-acme', 1, 'refused too')}, $app), '55000', 'for a hold, too');
		like(call("wallet_debit('org-globex', 1, '$way')", $app), qr/\|f$/, 'others work');
		set_balance('org-acme', 'balance + 1');
		is(attach() =~ s/.*\|//r, '1 external entry written', 'attaching mends it');
		is(triggers(), $both, 'and nothing switches the triggers off any more');
		like(call("wallet_debit('org-acme', 1, '$way')", $app), qr/\|f$/, 'then all works');
		adds_up();
	}
	new_entries();
	$super->value("DROP TRIGGER \"000_dcx_wallet_truncate\" ON $wallets");
	is(attach() =~ s/.*\|//r, 'the ledger has every balance', 'one trigger dropped');
	is(triggers(), $both, 'is put back');
	is(new_entries(), '', 'without an entry');
	$app->close;
};

$super->close;
$main->stop;
done_testing();
