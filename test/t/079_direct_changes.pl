# A session has moved money without statements. Then another session changes what a statement would have to do for the
# same movement: the next one is made as the table is now, and without statements again when the change is taken back.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main');
my $super = session($main);

$super->value(<<'SQL');
CREATE ROLE app LOGIN; CREATE ROLE shopkeeper; CREATE ROLE keepers; CREATE SCHEMA shop AUTHORIZATION keepers; GRANT keepers TO shopkeeper;
CREATE TABLE shop.log (what text); GRANT ALL ON shop.log TO shopkeeper;
CREATE FUNCTION shop.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO shop.log VALUES (TG_TABLE_NAME); RETURN NEW; END $$;
CREATE TABLE shop.wallets (org text PRIMARY KEY, balance numeric NOT NULL, note text, modified timestamptz);
INSERT INTO shop.wallets VALUES ('acme', 1000);
ALTER TABLE shop.wallets OWNER TO shopkeeper;
SET client_min_messages = warning;
SELECT * FROM dcx_attach_wallet('shop.wallets', 'org', 'balance')
SQL
may_move_money($main, 'app');

my $app = session($main, user => 'app');
my $watched = session($main);
$watched->value(q{LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on; SET auto_explain.log_level = notice});

my $key = 0;

# Debits and captures in a session: the tables that it writes by statements, or the SQLSTATE.
sub moved
{
	my ($session) = @_;
	my $error = $session->error(sprintf q{SELECT dcx_wallet_debit('acme', 0.01, 'debit %1$d'), (SELECT dcx_wallet_capture(hold_id) FROM dcx_wallet_hold('acme', 0.01, 'hold %1$d'))}, ++$key);

	return $error->{state} if $error->{state} ne 'none';
	my %seen = map { $_ => 1 } $session->notices =~ /Query Text: (?:UPDATE|INSERT INTO) (dcx\.\w+|shop\.(?!log)\w+)/g;
	return join ' ', sort keys %seen;
}

# what a change does, its opposite, and what then is written by statements, or the error.
my @changes = (
	[ 'a trigger', 'CREATE TRIGGER t BEFORE UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop.note()', 'DROP TRIGGER t ON shop.wallets', 'shop.wallets', 2 ],
	[ 'a trigger of entries', 'CREATE TRIGGER t AFTER INSERT ON dcx.wallet_entry FOR EACH ROW EXECUTE FUNCTION shop.note()', 'DROP TRIGGER t ON dcx.wallet_entry', 'dcx.wallet_entry', 2 ],
	[ 'a trigger of accounts', 'CREATE TRIGGER t AFTER UPDATE ON dcx.wallet_account FOR EACH ROW EXECUTE FUNCTION shop.note()', 'DROP TRIGGER t ON dcx.wallet_account', 'dcx.wallet_account', 3 ],
	[ 'a trigger of holds', 'CREATE TRIGGER t AFTER INSERT OR UPDATE ON dcx.wallet_hold FOR EACH ROW EXECUTE FUNCTION shop.note()', 'DROP TRIGGER t ON dcx.wallet_hold', 'dcx.wallet_hold', 2 ],
	[ 'a trigger of keys', 'CREATE TRIGGER t AFTER INSERT ON dcx.wallet_key FOR EACH ROW EXECUTE FUNCTION shop.note()', 'DROP TRIGGER t ON dcx.wallet_key', 'dcx.wallet_key', 2 ],
	[ 'a check', 'ALTER TABLE shop.wallets ADD CONSTRAINT c CHECK (balance > 0)', 'ALTER TABLE shop.wallets DROP CONSTRAINT c', 'shop.wallets' ],
	[ 'a check that fails', 'ALTER TABLE shop.wallets ADD CONSTRAINT c CHECK (balance > 1000) NOT VALID', 'ALTER TABLE shop.wallets DROP CONSTRAINT c', '23514' ],
	[ 'a check of entries', 'ALTER TABLE dcx.wallet_entry ADD CONSTRAINT c CHECK (amount > 0) NOT VALID', 'ALTER TABLE dcx.wallet_entry DROP CONSTRAINT c', '23514' ],
	[ 'a description NOT NULL', 'ALTER TABLE dcx.wallet_hold ADD CONSTRAINT c CHECK (description IS NOT NULL) NOT VALID', 'ALTER TABLE dcx.wallet_hold DROP CONSTRAINT c', '23514' ],
	[ 'a rule', 'CREATE RULE r AS ON UPDATE TO shop.wallets DO ALSO INSERT INTO shop.log VALUES (1)', 'DROP RULE r ON shop.wallets', 'shop.wallets', 2 ],
	[ 'an index on an expression', 'CREATE INDEX i ON shop.wallets (round(balance))', 'DROP INDEX shop.i', 'shop.wallets' ],
	[ 'a partial index', 'CREATE INDEX i ON shop.wallets (note) WHERE balance > 1', 'DROP INDEX shop.i', 'shop.wallets' ],
	[ 'a partial index of entries', q{CREATE INDEX i ON dcx.wallet_entry (amount) WHERE kind = 'debit'}, 'DROP INDEX dcx.i', 'dcx.wallet_entry' ],
	[ 'a computed column', 'ALTER TABLE shop.wallets ADD twice numeric GENERATED ALWAYS AS (balance * 2) STORED', 'ALTER TABLE shop.wallets DROP twice', 'shop.wallets' ],
	[ 'a computed column of holds', 'ALTER TABLE dcx.wallet_hold ADD twice numeric GENERATED ALWAYS AS (amount * 2) STORED', 'ALTER TABLE dcx.wallet_hold DROP twice', 'dcx.wallet_hold' ],
	[ 'a column with a default', q{ALTER TABLE dcx.wallet_key ADD mine text DEFAULT 'mine'}, 'ALTER TABLE dcx.wallet_key DROP mine', 'dcx.wallet_key' ],
	[ 'a child', 'CREATE TABLE shop.child () INHERITS (shop.wallets)', 'DROP TABLE shop.child; ANALYZE shop.wallets', 'shop.wallets' ],
	[ 'row-level security', 'ALTER TABLE shop.wallets FORCE ROW LEVEL SECURITY; ALTER TABLE shop.wallets ENABLE ROW LEVEL SECURITY',
		'ALTER TABLE shop.wallets NO FORCE ROW LEVEL SECURITY; ALTER TABLE shop.wallets DISABLE ROW LEVEL SECURITY', undef ],
	[ 'the owner may not update', 'REVOKE UPDATE ON shop.wallets FROM shopkeeper', 'GRANT UPDATE ON shop.wallets TO shopkeeper', '42501' ],
	[ 'the owner may not see the schema', 'REVOKE ALL ON SCHEMA shop FROM keepers', 'GRANT ALL ON SCHEMA shop TO keepers', '42501' ],
	[ 'the owner is no member any more', 'REVOKE keepers FROM shopkeeper', 'GRANT keepers TO shopkeeper', '42501' ],
	[ 'the owner does not inherit any more', 'ALTER ROLE shopkeeper NOINHERIT; REVOKE keepers FROM shopkeeper; GRANT keepers TO shopkeeper',
		'ALTER ROLE shopkeeper INHERIT; REVOKE keepers FROM shopkeeper; GRANT keepers TO shopkeeper', '42501' ],
	[ 'another owner', 'CREATE ROLE nobody; ALTER TABLE shop.wallets OWNER TO nobody', 'ALTER TABLE shop.wallets OWNER TO shopkeeper', undef ],
	[ 'our trigger is disabled', 'ALTER TABLE shop.wallets DISABLE TRIGGER "000_dcx_wallet"', 'ALTER TABLE shop.wallets ENABLE ALWAYS TRIGGER "000_dcx_wallet"', '55000' ],
	[ 'no replica identity', 'ALTER TABLE shop.wallets REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE shop.wallets', 'DROP PUBLICATION p; ALTER TABLE shop.wallets REPLICA IDENTITY DEFAULT', '55000' ],
	[ 'everything is published, without identities', 'ALTER TABLE dcx.wallet_account REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR ALL TABLES',
		'DROP PUBLICATION p; ALTER TABLE dcx.wallet_account REPLICA IDENTITY DEFAULT', '55000' ],
	[ 'a domain', 'CREATE DOMAIN shop.money AS numeric CHECK (value > 0); ALTER TABLE shop.wallets ALTER balance TYPE shop.money', 'ALTER TABLE shop.wallets ALTER balance TYPE numeric; DROP DOMAIN shop.money', 'shop.wallets' ],
	[ 'a type modifier', 'ALTER TABLE shop.wallets ALTER balance TYPE numeric(9,2)', 'ALTER TABLE shop.wallets ALTER balance TYPE numeric', '' ],
	[ 'another type', 'ALTER TABLE shop.wallets ALTER balance TYPE double precision', 'ALTER TABLE shop.wallets ALTER balance TYPE numeric', '' ],
	[ 'a foreign key of the balance', 'CREATE TABLE shop.known (balance numeric PRIMARY KEY); INSERT INTO shop.known SELECT balance FROM shop.wallets; ALTER TABLE shop.wallets ADD CONSTRAINT f FOREIGN KEY (balance) REFERENCES shop.known',
		'ALTER TABLE shop.wallets DROP CONSTRAINT f; DROP TABLE shop.known', '23503' ],
	[ 'a foreign key to the balance', 'ALTER TABLE shop.wallets ADD CONSTRAINT u UNIQUE (balance); CREATE TABLE shop.paid AS SELECT balance FROM shop.wallets; ALTER TABLE shop.paid ADD FOREIGN KEY (balance) REFERENCES shop.wallets (balance)',
		'DROP TABLE shop.paid; ALTER TABLE shop.wallets DROP CONSTRAINT u', '23503' ],
	[ 'numbers of a default', 'ALTER TABLE dcx.wallet_hold ALTER hold_id DROP IDENTITY; CREATE SEQUENCE shop.s START 1000000; ALTER TABLE dcx.wallet_hold ALTER hold_id SET DEFAULT nextval(\'shop.s\')',
		'ALTER TABLE dcx.wallet_hold ALTER hold_id DROP DEFAULT; DROP SEQUENCE shop.s; ALTER TABLE dcx.wallet_hold ALTER hold_id ADD GENERATED ALWAYS AS IDENTITY (START 2000000)', undef ],
	[ 'rewritten', 'CLUSTER shop.wallets USING wallets_pkey; VACUUM FULL dcx.wallet_account; VACUUM FULL dcx.wallet_key', 'SELECT', '' ],
);

is(moved($watched), '', 'no table is written by a statement');
is(moved($app), '', 'nor for another role') for 1 .. 2;
for (@changes)
{
	my ($name, $change, $back, $expected, $logged) = @$_;

	subtest $name => sub {
		$super->value("TRUNCATE shop.log; SET client_min_messages = warning; $change");
		my $by = moved($app);
		like($by, qr/^(?:\Q$expected\E)?$/, 'in a session that knows the table as it was') if defined $expected;
		is($super->value('SELECT count(*) FROM shop.log'), $logged, 'what is to be done is done') if $logged;
		is(moved($watched), $expected, 'as that') if defined $expected;
		$super->value($_) for split /; /, $back;
		is(moved($app), '', 'afterwards it is as it was');
		is(moved($watched), '', 'without statements');
	};
}

# The session itself changes it, in the middle of a transaction, and takes it back.
subtest 'in the transaction itself' => sub {
	$watched->value('TRUNCATE shop.log');
	$watched->value('BEGIN');
	is(moved($watched), '', 'before');
	$watched->value('SAVEPOINT a');
	$watched->value('CREATE TRIGGER t AFTER UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop.note()');
	is(moved($watched), 'shop.wallets', 'with a trigger');
	is($watched->value('SELECT count(*) FROM shop.log') =~ s/.*\n//gr, '2', 'it is fired');
	$watched->value('ROLLBACK TO a');
	is(moved($watched), '', 'the trigger is rolled back');
	$watched->value('COMMIT');
	$watched->value('SET session_replication_role = replica');
	is(moved($watched), 'dcx.wallet_account dcx.wallet_entry dcx.wallet_hold dcx.wallet_key shop.wallets', 'as a replica: by statements');
	$watched->value('RESET session_replication_role');
};

is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
$super->value('CREATE EXTENSION amcheck');
$super->value(q{SELECT count(bt_index_check(indexrelid, true)) FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
	WHERE relnamespace IN ('shop'::regnamespace, 'dcx'::regnamespace)});
$main->stop;
done_testing();
