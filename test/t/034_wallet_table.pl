# The wallet table changes after it was attached: its column types, its schema, its partitions, and another table in its
# place.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main');
my $super = session($main);

# A session that has moved money before each change, and goes on after it.
$super->value('CREATE ROLE app LOGIN; CREATE ROLE operator LOGIN');
may_move_money($main, 'app');
my $app = session($main, user => 'app');

sub attach
{
	my ($arguments) = @_;

	$super->value('SELECT * FROM dcx_attach_wallet(' . ($arguments // '') . ')') =~ /^dcx\.wallet_entry\|\d+\|(.*)/m;
	return $1;
}

# The entries written since the last call.
my $last = 0;
sub new_entries
{
	my $entries = $super->value(<<"SQL");
SELECT kind, organisation, amount, balance FROM dcx.wallet_entry WHERE entry_id > $last ORDER BY entry_id
SQL
	$last = $super->value('SELECT coalesce(max(entry_id), 0) FROM dcx.wallet_entry');
	return $entries;
}

sub triggers
{
	my ($of) = @_;

	return $super->value(<<"SQL");
SELECT string_agg(format('%s %s', tgname, tgenabled), ', ' ORDER BY tgname)
  FROM pg_trigger WHERE tgrelid = '$of'::regclass AND tgname ~ 'dcx'
SQL
}

my $key = 0;
sub debit
{
	my ($organisation, $amount) = @_;
	my $error;

	$key++;
	$error = $app->error("SELECT amount, balance, available FROM dcx_wallet_debit('$organisation', $amount, 'key $key')");
	return $error->{state} eq 'none' ? $error->{text} : $error->{state};
}

sub adds_up
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
}

my $both = '000_dcx_wallet A, 000_dcx_wallet_truncate A';

subtest 'the type of the balance changes' => sub {
	my $reader = session($main);
	my $balance = 999.90;

	attach();
	new_entries();
	is(debit('org-acme', '0.10'), '-0.10|999.90|999.90', 'as double precision');
	is($reader->value(q{SELECT dcx_wallet_available('org-acme')}), '999.90', 'read');
	like($app->value(q{SELECT hold_id FROM dcx_wallet_hold('org-acme', 300, 'hold')}), qr/^1$/, 'held');
	for my $type ('numeric', 'numeric(14,2)', 'numeric(65,30)', 'double precision', 'numeric')
	{
		$super->value(qq{ALTER TABLE "OrganisationWallet" ALTER COLUMN balance TYPE $type});
		is(debit('org-acme', '0.10'), sprintf('-0.10|%.2f|%.2f', $balance -= 0.1, $balance - 300),
			"$type: money moves in a session from before");
		$super->value(q{UPDATE "OrganisationWallet" SET balance = balance + 0.05 WHERE "organisationId" = 'org-acme'});
		$balance += 0.05;
		like(new_entries(), qr/\nexternal\|org-acme\|0\.05\|\Q@{[ sprintf '%.2f', $balance ]}\E\z/, 'and the ledger goes on');
		is($reader->value(q{SELECT dcx_wallet_available('org-acme')}), sprintf('%.2f', $balance - 300), 'read');
		adds_up();
	}
	is($super->value('SELECT count(*) FROM dcx.wallet_entry'), '22', 'nothing is written for the change itself');
	is(triggers('"OrganisationWallet"'), $both, 'the triggers stay');
	is(attach(), 'the ledger has every balance', 'attaching finds nothing to do');

	$super->value(q{ALTER TABLE "OrganisationWallet" ALTER COLUMN balance TYPE numeric(14,2) USING balance * 2});
	is(debit('org-acme', 1), '55000', 'one that changes the values is no change that a trigger sees: refused');
	is(attach(), '10 external entries written', 'until it is attached again');
	is(debit('org-acme', 1), '-1.00|1998.30|1698.30', 'then money moves');
	$super->value(q{ALTER TABLE "OrganisationWallet" ALTER COLUMN balance TYPE numeric(14,2) USING balance / 2});
	attach();
	new_entries();

	$super->value(<<'SQL');
ALTER TABLE "OrganisationWallet" DROP CONSTRAINT "OrganisationWallet_organisationId_fkey";
ALTER TABLE "OrganisationWallet" ALTER COLUMN "organisationId" TYPE varchar(40)
SQL
	is(debit('org-acme', 1), '-1.00|998.15|698.15', 'the type of the organisation');
	$super->value('ALTER TABLE "OrganisationWallet" RENAME balance TO amount');
	is(debit('org-acme', 1), '42703', 'a column renamed: refused');
	fails_with($super, q{UPDATE "OrganisationWallet" SET amount = 1 WHERE "organisationId" = 'org-acme'},
		'also to the platform, whose change could not be recorded', state => '42703',
		hint => qr/^Attach it again: SELECT \* FROM dcx_attach_wallet\(/);
	is(attach(q{'"OrganisationWallet"', 'organisationId', 'amount'}), 'the ledger has every balance', 'attached');
	is(debit('org-acme', 1), '-1.00|997.15|697.15', 'money moves');
	$super->value('ALTER TABLE "OrganisationWallet" RENAME amount TO balance');
	attach();
	new_entries();
	adds_up();
	$reader->close;
};

subtest 'the table moves, and another takes its place' => sub {
	$super->value('CREATE SCHEMA shop; ALTER TABLE "OrganisationWallet" SET SCHEMA shop');
	is(debit('org-acme', 1), '-1.00|996.15|696.15', 'in another schema it is the same');
	$super->value('ALTER TABLE shop."OrganisationWallet" RENAME TO wallets');
	is(debit('org-acme', 1), '-1.00|995.15|695.15', 'so it is with another name');
	is(triggers('shop.wallets'), $both, 'the triggers moved along');
	new_entries();

	# A copy, as a migration makes it, that differs in three wallets.
	$super->value(<<'SQL');
CREATE TABLE public."OrganisationWallet" (LIKE shop.wallets INCLUDING ALL);
INSERT INTO public."OrganisationWallet" SELECT * FROM shop.wallets;
UPDATE public."OrganisationWallet" SET balance = balance + 5 WHERE "organisationId" = 'org-acme';
DELETE FROM public."OrganisationWallet" WHERE "organisationId" = 'org-tyrell';
INSERT INTO public."OrganisationWallet" VALUES ('new', 'org-nowallet', 7, 'ZAR', now(), now())
SQL
	is(new_entries(), '', 'a table that is not attached is nobody\'s business');
	fails_with($super, 'SELECT * FROM dcx_attach_wallet()', 'in the place of one that is attached: refused',
		state => '55000', message => 'other wallets are attached', detail => qr/^They are those of shop\.wallets, organisation: "organisationId", balance: balance\.$/,
		hint => qr/^SELECT \* FROM dcx_detach\('wallet'\) /);
	is(new_entries(), '', 'and nothing is written');
	is(debit('org-acme', 1), '-1.00|994.15|694.15', 'money moves where it did');
	new_entries();
	$super->value(q{SELECT * FROM dcx_detach('wallet')});
	is(attach(), '3 external entries written', 'detached, and attached in its place');
	is( new_entries(),
		"external|org-acme|6.00|1000.15\nexternal|org-nowallet|7.00|7.00\nexternal|org-tyrell|-3000.00|0.00",
		'one entry for each wallet that is another');
	is(triggers('shop.wallets'), '', 'the old table\'s triggers are dropped');
	is(triggers('public."OrganisationWallet"'), $both, 'the new one has them');
	$super->value('UPDATE shop.wallets SET balance = 0');
	is(new_entries(), '', 'the old table is nobody\'s business any more');
	is(debit('org-acme', 1), '-1.00|999.15|699.15', 'money moves in the new one');
	is($super->value('SELECT balance FROM shop.wallets WHERE "organisationId" = $$org-acme$$'), '0.00', 'only');
	adds_up();

	$super->value('DROP TABLE shop.wallets CASCADE');
	$super->value('DROP TABLE public."OrganisationWallet"');
	is(debit('org-acme', 1), 'ZD007', 'dropped: nothing is attached');
	$super->value(<<'SQL');
CREATE TABLE public."OrganisationWallet" ("organisationId" text PRIMARY KEY, balance numeric(12,2));
INSERT INTO public."OrganisationWallet" VALUES ('org-acme', 999.15), ('org-hooli', 1)
SQL
	is(attach(), '9 external entries written', 'made again, and attached: the ledger goes on');
	like($super->value('SELECT count(*), max(kind) FROM dcx.wallet_entry WHERE organisation = $$org-acme$$'),
		qr/^\d\d\|opening$/, 'from where it was');
	is(debit('org-acme', 1), '-1.00|998.15|698.15', 'also the hold');
	adds_up();
};

subtest 'a view in its place' => sub {
	$super->value(q{CREATE VIEW shop.purses AS SELECT "organisationId" AS org, balance FROM "OrganisationWallet"});
	fails_with($super, q{SELECT * FROM dcx_attach_wallet('shop.purses', 'org')}, 'in the place of the table: refused', state => '55000');
	$super->value(q{SELECT * FROM dcx_detach('wallet')});
	is( $super->value(q{SELECT relation, note FROM dcx_attach_wallet('shop.purses', 'org')}),
		'shop.purses|organisation: org text, balance: balance numeric; to be read only: money moves in a table',
		'is to be read only');
	is(triggers('public."OrganisationWallet"'), '', 'and the table let go of');
	fails_with($super, 'SELECT * FROM dcx_attach_wallet()', 'the table in the place of the view: refused', state => '55000');
	is(debit('org-acme', 1), '42809', 'no money moves');
	is($super->value(q{SELECT dcx_wallet_available('org-acme')}), '698.15', 'what is available is known');
	$super->value(q{SELECT * FROM dcx_detach('wallet')});
	is(attach(), 'the ledger has every balance', 'the table again');
	is(debit('org-acme', 1), '-1.00|997.15|697.15', 'money moves');
};

subtest 'partitions that come and go' => sub {
	$super->value(<<'SQL');
CREATE TABLE shop.parted (org text NOT NULL, region text NOT NULL, balance numeric NOT NULL, PRIMARY KEY (org, region))
	PARTITION BY LIST (region);
CREATE TABLE shop.jhb PARTITION OF shop.parted FOR VALUES IN ('jhb');
INSERT INTO shop.parted VALUES ('org-acme', 'jhb', 100), ('org-globex', 'jhb', 100);
SQL
	$super->value(q{SELECT * FROM dcx_detach('wallet')});
	attach(q{'shop.parted', 'org'});
	is(triggers('shop.parted'), $both, 'the parent has both triggers');
	fails_with($super, q{SELECT * FROM dcx_attach_wallet('shop.jhb', 'org')}, 'a partition alone has other wallets', state => '55000');
	is(triggers('shop.jhb'), $both, 'the partition, too');
	new_entries();
	$super->value(q{SELECT * FROM dcx_wallet_release(1)});
	is(debit('org-acme', 10), '-10.00|90.00|90.00', 'money moves');
	$super->value(q{UPDATE shop.jhb SET balance = 80 WHERE org = 'org-acme'});
	is( new_entries(), "debit|org-acme|-10.00|90.00\nexternal|org-acme|-10.00|80.00",
		'and what the platform does is recorded');

	# One made later, and one that is attached and has its columns in another order.
	$super->value(<<'SQL');
CREATE TABLE shop.cpt PARTITION OF shop.parted FOR VALUES IN ('cpt');
INSERT INTO shop.parted VALUES ('org-hooli', 'cpt', 50)
SQL
	is(triggers('shop.cpt'), '000_dcx_wallet A', 'a new partition has the trigger for rows, which nothing switches off');
	is(new_entries(), 'external|org-hooli|50.00|50.00', 'which records them');
	is(debit('org-hooli', 10), '-10.00|40.00|40.00', 'money moves in it');
	$super->value(<<'SQL');
CREATE TABLE shop.dbn (balance numeric NOT NULL, filler text, region text NOT NULL, org text NOT NULL);
ALTER TABLE shop.dbn DROP COLUMN filler;
INSERT INTO shop.dbn VALUES (30, 'dbn', 'org-wonka');
ALTER TABLE shop.parted ATTACH PARTITION shop.dbn FOR VALUES IN ('dbn')
SQL
	is(debit('org-wonka', 10), '55000', 'rows that come with a table that is attached are not known');
	new_entries();
	is(attach(q{'shop.parted', 'org'}), '1 external entry written', 'attaching the wallets again makes them known');
	is(new_entries(), 'external|org-wonka|30.00|30.00', 'as one entry');
	is(triggers("shop.$_"), $both, "$_ has both triggers") for 'cpt', 'dbn';
	is(debit('org-wonka', 10), '-10.00|20.00|20.00', 'money moves in it');
	$super->value(q{UPDATE shop.parted SET region = 'cpt', balance = 25 WHERE org = 'org-wonka'});
	is(new_entries(), "debit|org-wonka|-10.00|20.00\nexternal|org-wonka|-20.00|0.00\nexternal|org-wonka|25.00|25.00",
		'a row that moves to another partition leaves the one and comes into the other');
	$super->value('ALTER TABLE shop.cpt DISABLE TRIGGER ALL; ALTER TABLE shop.cpt ENABLE TRIGGER ALL');
	is(triggers('shop.cpt'), '000_dcx_wallet O, 000_dcx_wallet_truncate O', 'triggers of a partition switched off and on');
	attach(q{'shop.parted', 'org'});
	is(triggers('shop.cpt'), $both, 'are again what nothing switches off');
	$super->value('TRUNCATE shop.cpt');
	is(new_entries(), "external|org-hooli|-40.00|0.00\nexternal|org-wonka|-25.00|0.00", 'TRUNCATE of one partition');
	adds_up();
	$super->value('ALTER TABLE shop.parted DETACH PARTITION shop.jhb');
	is(debit('org-acme', 1), 'ZD006', 'a partition that is detached takes its wallets along');
	$super->value('UPDATE shop.jhb SET balance = 1; TRUNCATE shop.jhb');
	is(new_entries(), '', 'and what becomes of it is not recorded');
	is(attach(q{'shop.parted', 'org'}), '2 external entries written', 'attached again, the ledger has that');
	is(new_entries(), "external|org-acme|-80.00|0.00\nexternal|org-globex|-100.00|0.00", 'as one entry a wallet');
	$super->value('INSERT INTO shop.parted VALUES ($$org-acme$$, $$cpt$$, 1), ($$org-acme$$, $$dbn$$, 2)');
	is(new_entries(), "external|org-acme|1.00|1.00\nexternal|org-acme|2.00|3.00", 'two wallets of one add up');
	is(debit('org-acme', 1), 'ZD006', 'but no money moves in either');
	$super->value('TRUNCATE shop.parted');
	is(new_entries(), "external|org-acme|-1.00|2.00\nexternal|org-acme|-2.00|0.00", 'TRUNCATE of all');
	adds_up();
};

subtest 'partitioned by the balance' => sub {
	my %refused = (state => '0A000', message => qr/^shop\.\w+ is partitioned by the balance$/,
		detail => qr/^Column "balance" is in its partition key: /, hint => qr/^Partition it by the organisation, or not at all/);

	$super->value(q{SELECT * FROM dcx_detach('wallet')});
	for my $by ('RANGE (balance)', 'RANGE (org, balance)', 'RANGE ((round(balance, -3)))', 'HASH ((balance::text || org))', 'LIST (sign(balance))')
	{
		my $bounds = $by =~ /^HASH/ ? 'FOR VALUES WITH (MODULUS 1, REMAINDER 0)' : 'DEFAULT';

		$super->value("CREATE TABLE shop.tiers (org text NOT NULL, balance numeric NOT NULL) PARTITION BY $by;
			CREATE TABLE shop.tier PARTITION OF shop.tiers $bounds; INSERT INTO shop.tiers VALUES ('org-acme', 5)");
		fails_with($super, q{SELECT * FROM dcx_attach_wallet('shop.tiers', 'org')}, "attaching it is refused: $by", %refused);
		is($super->value(q{SELECT count(*) FROM dcx.binding WHERE catalog = 'wallet'}), '0', 'and nothing is attached');
		$super->value(q{CREATE VIEW shop.read_only AS TABLE shop.tiers; SELECT * FROM dcx_attach_wallet('shop.read_only', 'org')});
		is($super->value(q{SELECT dcx_wallet_balance('org-acme')}), '5.00', 'read through a view');
		$super->value(q{SELECT * FROM dcx_detach('wallet'); DROP VIEW shop.read_only; DROP TABLE shop.tiers});
	}

	# Only below, and only after it was attached.
	$super->value(<<'SQL');
CREATE TABLE shop.tiers (org text NOT NULL, balance numeric NOT NULL, region text NOT NULL) PARTITION BY LIST (region);
CREATE TABLE shop.plain PARTITION OF shop.tiers FOR VALUES IN ('plain');
INSERT INTO shop.tiers VALUES ('org-hooli', 100, 'plain')
SQL
	attach(q{'shop.tiers', 'org'});
	is($super->value(q{SELECT * FROM dcx_check('wallet') WHERE problem ~ 'partitioned by the balance'}), '', 'one that is not is no problem');
	$super->value(<<'SQL');
CREATE TABLE shop.tier PARTITION OF shop.tiers FOR VALUES IN ('tier') PARTITION BY RANGE ((balance / 1));
CREATE TABLE shop.low PARTITION OF shop.tier FOR VALUES FROM (-100) TO (100);
CREATE TABLE shop.high PARTITION OF shop.tier FOR VALUES FROM (100) TO (1000);
INSERT INTO shop.tiers VALUES ('org-acme', 100, 'tier');
CREATE TABLE shop.untouched PARTITION OF shop.tiers FOR VALUES IN ('untouched') PARTITION BY HASH (org, balance);
SQL
	new_entries();
	is(debit('org-hooli', 1), '-1.00|99.00|99.00', 'other partitions: money moves');
	is(debit('org-acme', 1), '0A000', 'a balance whose row would move: refused');
	fails_with($app, q{SELECT dcx_wallet_debit('org-acme', 1, 'moves')}, 'and it says why', %refused);
	is(new_entries(), 'debit|org-hooli|-1.00|99.00', 'nothing is written of it');
	is( $super->value(q{SELECT severity, object, problem FROM dcx_check('wallet') WHERE problem ~ 'partitioned by the balance' ORDER BY 2}),
		join("\n", map { "error|shop.$_|the table is partitioned by the balance" } 'tier', 'untouched'), 'the check finds it');
	$super->value(q{UPDATE shop.tiers SET balance = 99 WHERE org = 'org-acme'});
	is(new_entries(), "external|org-acme|-100.00|0.00\nexternal|org-acme|99.00|99.00", 'the platform\'s own is what it is');
	fails_with($super, q{SELECT * FROM dcx_attach_wallet('shop.tiers', 'org')}, 'attaching it again is refused', %refused);
	adds_up();

	# A trigger that moves the row: the error names it among what may be.
	$super->value(<<'SQL');
DELETE FROM shop.tier;
DROP TABLE shop.tier, shop.untouched;
CREATE TABLE shop.poor PARTITION OF shop.tiers FOR VALUES IN ('poor');
CREATE FUNCTION shop.by_wealth() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.region := CASE WHEN NEW.balance < 50 THEN 'poor' ELSE 'plain' END; RETURN NEW; END$$;
CREATE TRIGGER by_wealth BEFORE UPDATE ON shop.plain FOR EACH ROW EXECUTE FUNCTION shop.by_wealth()
SQL
	is(debit('org-hooli', 1), '-1.00|98.00|98.00', 'a trigger that may move the row, and does not');
	fails_with($app, q{SELECT dcx_wallet_debit('org-hooli', 50, 'wealth')}, 'and does', state => '55000',
		detail => qr/ or moved it to another partition\.$/);
	adds_up();
};

$_->close for $app, $super;
$main->stop;
done_testing();
