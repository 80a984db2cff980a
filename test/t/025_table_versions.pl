# The tables in schema dcx can be older or newer than the library. Tables of an earlier version work, and attaching
# again completes them. A missing column is reported. Tables of a later version are refused.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main');
my $earlier = slurp_file("$FindBin::RealBin/../fixtures/tables_1.sql");

sub load_earlier
{
	$main->safe_psql($Dcx::main_db, $earlier);
}

sub clear
{
	my ($session) = @_;

	$session->value(q{SET client_min_messages = warning; SELECT * FROM dcx_detach('wallet'); DROP SCHEMA IF EXISTS aas CASCADE; DROP SCHEMA dcx CASCADE});
}

# Everything that is in the tables, but for what a version added, and who attached or looked when.
sub contents
{
	my ($session) = @_;

	return join "\n", map { $session->value("SELECT to_jsonb(t) - '{version,attached_by,attached_at,seen,last_seen_at}'::text[] FROM dcx.$_ t ORDER BY 1") }
	  qw(binding price_book wallet_account wallet_entry wallet_hold wallet_key);
}

# The definitions of the tables.
my $structure = <<'SQL';
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation, a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.relnamespace = 'dcx'::regnamespace AND c.relkind IN ('r', 'i') ORDER BY c.relname, a.attnum
SQL

# What the checks say about the tables, and the fixes.
sub findings
{
	my ($session) = @_;

	return $session->value("SELECT severity, object, problem FROM dcx_check('settings') WHERE object ~ '^(tables|dcx)' ORDER BY 2, 3");
}

sub fixes
{
	my ($session) = @_;

	return grep { length } split /\n/, $session->value("SELECT fix FROM dcx_check('settings') WHERE object ~ '^(tables|dcx)' ORDER BY object, problem");
}

subtest 'an earlier version works, and is brought along' => sub {
	load_earlier();
	my $session = session($main);

	is($session->value("SELECT dcx_vm_cost('1GHZ', 1, 2, 'STANDARD', 10)"), '172.00', 'prices');
	is($session->value("SELECT dcx_wallet_available('org-acme')"), '1055.25', 'available: what was held for minutes is free, what for ever is not');
	is($session->value("SELECT entry_id, replayed FROM dcx_wallet_credit('org-acme', 100.50, 'credit-1', 'EFT 4711', '{\"bank\": \"FNB\"}')"),
		'12|t', 'a key is known');
	is($session->value(<<'REPLAYS'), "debit-1|t\nhold-captured|t\nhold-open|t\norder-1|t", 'each request is known, as the earlier version wrote it');
SELECT 'debit-1', replayed FROM dcx_wallet_debit('org-acme', 20.25, 'debit-1', details => 'null')
UNION ALL SELECT 'hold-captured', replayed FROM dcx_wallet_hold('org-acme', 20, 'hold-captured', '900 seconds')
UNION ALL SELECT 'hold-open', replayed FROM dcx_wallet_hold('org-acme', 10, 'hold-open', '12000 months')
UNION ALL SELECT 'order-1', replayed FROM dcx_vm_reserve('org-acme', '1GHZ', 1.0, 2, 'STANDARD', 10.00, 'order-1')
REPLAYS
	fails_with($session, q{SELECT * FROM dcx_vm_reserve('org-acme', '1GHZ', 1, 2, 'STANDARD', 10, 'order-1', max_cost => 170)}, 'and another is refused',
		state => 'ZD004', detail => 'max_cost was not given, is 170.');
	fails_with($session, q{SELECT * FROM dcx_wallet_credit('org-acme', 100.50, 'credit-1', 'EFT 4711', '{"bank": "fnb"}')}, 'of a credit, too',
		state => 'ZD004', detail => 'details was {"bank": "FNB"}, is {"bank": "fnb"}.');
	is($session->value("SELECT amount, balance FROM dcx_wallet_debit('org-acme', 1, 'debit-2')"), '-1.00|1064.25', 'money moves');
	is($session->value(q{UPDATE "OrganisationWallet" SET balance = balance + 1 WHERE "organisationId" = 'org-zero';
		SELECT amount FROM dcx.wallet_entry ORDER BY entry_id DESC LIMIT 1}), '1.00', 'the platform changes a balance');
	is($session->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
	is($session->value(q{SELECT changed FROM dcx_price_book_save()}), 'f', 'the saved book is known');

	is(findings($session), "warning|tables of aas|the tables in schema dcx are of an earlier version\n"
		. 'warning|tables of wallet|the tables in schema dcx are of an earlier version', 'the check names them');
	my $before = contents($session);
	my @fixes = fixes($session);
	is(scalar @fixes, 2, 'with a fix each');
	$session->value($fixes[0]);
	like($session->notices, qr/NOTICE:  00000: column "version" has been added to table dcx\.binding\n/, 'which says what it adds');
	$session->value($fixes[1]);
	is(findings($session), '', 'and mends it');
		is(contents($session), $before, 'nothing else has changed');
	is($session->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up still');
	is($session->value("SELECT state FROM dcx_wallet_holds('org-acme', NULL) ORDER BY hold_id"), "open\ncaptured\nexpired", 'the holds are as they were');
	my $brought = $session->value($structure);
	$session->value("SET client_min_messages = warning; SELECT * FROM dcx_detach('wallet'); DROP SCHEMA dcx CASCADE");
	$session->value('SELECT * FROM dcx_attach_aas(NULL); SELECT * FROM dcx_attach_wallet()');
	is($brought, $session->value($structure), 'they are as new ones are');
	clear($session);
	$session->close;
};

subtest 'by a role that owns none of them, as their owner' => sub {
	load_earlier();
	add_operator($main, 'keeper');
	$main->safe_psql($Dcx::main_db, <<'SQL');
ALTER TABLE "OrganisationWallet" OWNER TO keeper;
CREATE TABLE seen_by (who text);
CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.seen_by VALUES (current_user); END$$;
CREATE EVENT TRIGGER see ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION see();
SQL
	my $keeper = session($main, user => 'keeper');
	my $error = $keeper->error('SELECT * FROM dcx_attach_wallet()');

	# Attach also writes as its caller: if the caller may not, that is an ordinary permission error.
	is($error->{state}, '42501', 'who may not write dcx.binding does not attach');
	my $session = session($main);
	$session->value('GRANT SELECT, INSERT, UPDATE ON dcx.binding TO keeper; GRANT USAGE ON SCHEMA dcx TO keeper');
	$error = $keeper->error('SELECT * FROM dcx_attach_wallet()');
	is($error->{state}, 'none', 'who may does') or diag($error->{text});
	is($session->value('SELECT DISTINCT who FROM seen_by'), 'postgres', 'the column was added by its owner');
	is(findings($session), 'warning|tables of aas|the tables in schema dcx are of an earlier version', 'the wallets are brought along');
	$session->value('DROP EVENT TRIGGER see');
	clear($session);
	$_->close for $keeper, $session;
};

# Calls that need the tables: each works, or fails with 55000.
my @calls = (
	q{SELECT dcx_vm_cost('1GHZ', 1, 2, 'STANDARD', 10)},
	q{SELECT * FROM dcx_price_book_save()},
	q{SELECT dcx_price_book_at(now())},
	q{SELECT dcx_wallet_balance('org-acme')},
	q{SELECT dcx_wallet_available('org-acme')},
	q{SELECT * FROM dcx_wallet_credit('org-acme', 1, 'another')},
	q{SELECT * FROM dcx_wallet_credit('org-acme', 100.50, 'credit-1', 'EFT 4711', '{"bank": "FNB"}')},
	q{SELECT * FROM dcx_wallet_debit('org-acme', 1, 'another')},
	q{SELECT * FROM dcx_wallet_hold('org-acme', 1, 'another')},
	q{SELECT * FROM dcx_wallet_hold('org-acme', 10, 'hold-open', interval '1000 years')},
	q{SELECT * FROM dcx_wallet_capture(1)},
	q{SELECT * FROM dcx_wallet_capture(2, 15)},
	q{SELECT * FROM dcx_wallet_release(1)},
	q{SELECT * FROM dcx_wallet_release(4)},
	q{SELECT * FROM dcx_wallet_extend(1, '1 hour')},
	q{SELECT * FROM dcx_vm_reserve('org-acme', '1GHZ', 1, 2, 'STANDARD', 10, 'another')},
	q{SELECT * FROM dcx_hold_verify(3)},
	q{SELECT * FROM dcx_wallet_holds('org-acme', NULL)},
	q{SELECT * FROM dcx_wallet_statement('org-acme')},
	q{SELECT * FROM dcx_wallet_audit()},
	q{UPDATE "OrganisationWallet" SET balance = balance + 1},
);

subtest 'a column that is lost is missed' => sub {
	load_earlier();
	my $session = session($main);
	my @columns = map { [ split /\|/ ] } split /\n/, $session->value(<<'SQL');
SELECT c.relname, a.attname, a.attnotnull, EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey))
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'dcx'::regnamespace AND c.relkind = 'r' ORDER BY c.relname, a.attnum
SQL
	cmp_ok(scalar @columns, '>', 50, 'all tables are looked at');
	$session->value($_) for fixes($session);
	$session->value('SET client_min_messages = error');
	for my $lost (@columns)
	{
		my ($table, $column, $not_null) = @$lost;
		my (@wrong, $missed);

		$session->value("BEGIN; ALTER TABLE dcx.$table DROP COLUMN $column CASCADE");
		for my $call (@calls)
		{
			$session->value('SAVEPOINT call');
			my $error = $session->error($call);
			push @wrong, "$call: $error->{text}" if $error->{state} !~ /^(?:none|55000|ZD005)$/;
			if ($error->{state} eq '55000')
			{
				$missed = 1;
				push @wrong, "$call: $error->{text}" if !$error->{hint};
				push @wrong, "$call: $error->{text}" if $not_null eq 'f' && $error->{hint} !~ /^SELECT \* FROM dcx_attach_\w+\(\.\.\.\) adds it\.$/;
			}
			$session->value('ROLLBACK TO call');
		}
		push @wrong, 'nothing missed it' if !$missed;
		my ($fix) = fixes($session);
		push @wrong, 'the check does not name it: ' . findings($session) if findings($session) !~ /^error\|dcx\.$table\|there is no column $column$/m;
		push @wrong, 'there is a fix where there can be none, or none where there can' if $table ne 'binding' && ($not_null eq 't') == !!$fix;
		$session->value('SAVEPOINT fix');
		my $error = $session->error($fix // ($table eq 'price_book' ? 'SELECT * FROM dcx_attach_aas(NULL)' : 'SELECT * FROM dcx_attach_wallet()'));
		push @wrong, "attach: $error->{text}"
		  if $error->{state} ne ($not_null eq 't' ? '55000' : 'none');
		$session->value('ROLLBACK TO fix') if $error->{state} ne 'none';
		push @wrong, 'it is not mended: ' . findings($session) if $not_null eq 'f' && $table ne 'binding' && findings($session);
		is(join("\n", @wrong), '', "dcx.$table.$column");
		$session->value('ROLLBACK');
	}
	$session->close;
};

subtest 'a later version is left alone' => sub {
	my $session = session($main);
	my $later = qr/^the tables in schema dcx are of a later version than the library$/;

	$session->value("UPDATE dcx.binding SET version = version + 1 WHERE catalog = 'wallet'");
	my $before = contents($session);
	fails_with($session, $_, "refused: $_", state => '55000', message => $later, detail => qr/^What was attached as "wallet" is of version 4, /, hint => qr/^Connect again\./)
	  for (grep { /wallet/i } @calls), 'SELECT * FROM dcx_attach_wallet()';
	is(contents($session), $before, 'nothing has changed');
	is($session->value("SELECT dcx_vm_cost('1GHZ', 1, 2, 'STANDARD', 10)"), '172.00', 'prices do not need the wallets');
	is(findings($session), 'error|tables of wallet|the tables in schema dcx are of a later version', 'the check names them');
	$session->value("UPDATE dcx.binding SET version = CASE catalog WHEN 'aas' THEN 4 ELSE 3 END");
	fails_with($session, $_, "refused: $_", state => '55000', message => $later)
	  for q{SELECT dcx_vm_cost('1GHZ', 1, 2, 'STANDARD', 10)}, 'SELECT * FROM dcx_attach_aas(NULL)', 'SELECT * FROM dcx_price_book_save()';
	is($session->value("SELECT dcx_wallet_balance('org-acme')"), '1065.25', 'the wallets do not need the prices');
	$session->value('UPDATE dcx.binding SET version = 3; ALTER TABLE dcx.wallet_entry ADD COLUMN note text');
	is($session->value("SELECT amount FROM dcx_wallet_credit('org-acme', 1, 'another')"), '1.00', "a user's own column is his");
	$session->close;
};

subtest 'while others work' => sub {
	my ($attaching, $working) = (session($main), session($main));

	$attaching->value('ALTER TABLE dcx.binding DROP COLUMN version');
	$working->value("BEGIN; SELECT * FROM dcx_wallet_debit('org-acme', 1, 'in flight')");
	$attaching->start('SELECT * FROM dcx_attach_wallet()');
	$main->poll_query_until($Dcx::main_db, q{SELECT count(*) > 0 FROM pg_locks WHERE NOT granted}) or die 'attach does not wait';
	$working->value("SELECT * FROM dcx_wallet_debit('org-acme', 1, 'in flight too'); COMMIT");
	like($attaching->finish_value, qr/the ledger has every balance/, 'attach waits for who moves money, who does not wait for it');
	$_->close for $attaching, $working;
};

$main->stop;
done_testing();
