# The wallet table belongs to an ordinary role: which code of that role runs, whose call runs it, and that it cannot
# reach the ledger.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx;
use PostgreSQL::Test::Utils;
use Test::More;

my $main = new_main('main');
my $super = session($main);

# shop owns the wallets, a superuser attaches them, app moves money. shop.try says what becomes of a statement, and
# shop.spy leaves behind as whom it was called; both write to shop's own tables, which shop alone may do.
$super->value(<<'SQL');
CREATE ROLE app LOGIN;
CREATE ROLE shop LOGIN;
CREATE SCHEMA shop AUTHORIZATION shop;
GRANT CREATE ON DATABASE main TO shop;
GRANT ALL ON SCHEMA public TO shop;
SET SESSION AUTHORIZATION shop;
CREATE TABLE shop.log (at text, attempt text, outcome text, who text, session_is text, super boolean);
CREATE TABLE shop.attacks (n integer GENERATED ALWAYS AS IDENTITY, attack text);
CREATE FUNCTION shop.spy(at text, attempt text DEFAULT NULL, outcome text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO shop.log VALUES (at, attempt, outcome, current_user, session_user,
		(SELECT rolsuper FROM pg_roles WHERE rolname = current_user));
	RETURN true;
END $$;
CREATE FUNCTION shop.try(at text, attack text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE attack;
	PERFORM shop.spy(at, attack, 'done');
EXCEPTION WHEN OTHERS THEN
	PERFORM shop.spy(at, attack, SQLSTATE);
END $$;
CREATE FUNCTION shop.attack() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	attack pg_catalog.text;
BEGIN
	PERFORM shop.spy(TG_NAME);
	FOR attack IN SELECT a.attack FROM shop.attacks a ORDER BY n
	LOOP
		PERFORM shop.try(TG_NAME, attack);
	END LOOP;
	RETURN NEW;
END $$;
CREATE FUNCTION shop.spying(amount numeric) RETURNS boolean LANGUAGE sql AS $$ SELECT shop.spy('check') $$;
CREATE FUNCTION shop.indexed(amount numeric) RETURNS numeric IMMUTABLE LANGUAGE plpgsql AS
	$$ BEGIN PERFORM shop.spy('index'); RETURN amount; END $$;
CREATE FUNCTION shop.domain(amount numeric) RETURNS boolean LANGUAGE sql AS $$ SELECT shop.spy('domain') $$;
CREATE DOMAIN shop.amount AS numeric CHECK (shop.domain(VALUE));
CREATE TABLE shop.wallets (org text PRIMARY KEY, balance shop.amount CHECK (shop.spying(balance)));
INSERT INTO shop.wallets VALUES ('org-acme', 1000), ('org-globex', 375.99);
CREATE INDEX ON shop.wallets (shop.indexed(balance));
CREATE TRIGGER before_row BEFORE UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop.attack();
CREATE TRIGGER after_row AFTER UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop.attack();
CREATE TRIGGER "000_aaa" AFTER UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop.attack();
CREATE TRIGGER before_statement BEFORE UPDATE ON shop.wallets EXECUTE FUNCTION shop.attack();
CREATE TRIGGER after_statement AFTER UPDATE ON shop.wallets EXECUTE FUNCTION shop.attack();
RESET SESSION AUTHORIZATION
SQL
may_move_money($main, 'app');

my $app = session($main, user => 'app');
my $shop = session($main, user => 'shop');

sub ledger
{
	return $super->value(<<'SQL');
SELECT to_jsonb(e) FROM dcx.wallet_entry e UNION ALL SELECT to_jsonb(h) FROM dcx.wallet_hold h
 UNION ALL SELECT to_jsonb(k) FROM dcx.wallet_key k UNION ALL SELECT to_jsonb(a) FROM dcx.wallet_account a
 UNION ALL SELECT to_jsonb(b) FROM dcx.binding b
SQL
}

# What the ledger consists of, and whose it is.
sub shape
{
	return $super->value(<<'SQL');
SELECT format('%s %s %s %s', relname, relkind, relowner::regrole, relacl)
  FROM pg_class WHERE relnamespace = 'dcx'::regnamespace
 UNION ALL SELECT format('%s %s %s', tgname, tgenabled, tgfoid::regprocedure)
   FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'dcx'::regnamespace)
 UNION ALL SELECT rulename FROM pg_rules WHERE schemaname = 'dcx'
 UNION ALL SELECT format('%s %s %s', proname, proowner::regrole, md5(prosrc))
   FROM pg_proc WHERE pronamespace = 'dcx'::regnamespace
 UNION ALL SELECT format('%s %s', rolname, rolsuper) FROM pg_roles WHERE rolname IN ('shop', 'app', 'mine')
 ORDER BY 1
SQL
}

my @on_ledger = (
	q{INSERT INTO dcx.wallet_entry (organisation, kind, amount, balance, role, session_role)
		VALUES ('org-acme', 'credit', 1, 1001, 'x', 'x')},
	'UPDATE dcx.wallet_entry SET amount = 0', 'DELETE FROM dcx.wallet_entry', 'TRUNCATE dcx.wallet_entry',
	'DELETE FROM dcx.wallet_hold', q{UPDATE dcx.wallet_hold SET state = 'released', resolved_at = now()},
	'DELETE FROM dcx.wallet_key', 'UPDATE dcx.wallet_account SET balance = 0, held = 0',
	'SELECT * FROM dcx.wallet_entry', 'SELECT * FROM dcx.wallet_account FOR UPDATE', 'LOCK TABLE dcx.wallet_entry',
	'UPDATE dcx.binding SET relation = $$shop.log$$', 'DELETE FROM dcx.binding',
	'ALTER TABLE dcx.wallet_entry DISABLE TRIGGER ALL', 'DROP TABLE dcx.wallet_entry', 'DROP SCHEMA dcx CASCADE',
	'ALTER SCHEMA dcx RENAME TO gone', 'ALTER TABLE dcx.wallet_entry OWNER TO shop', 'GRANT ALL ON SCHEMA dcx TO shop',
	'CREATE TRIGGER t AFTER INSERT ON dcx.wallet_entry EXECUTE FUNCTION shop.attack()',
	'CREATE RULE r AS ON INSERT TO dcx.wallet_entry DO ALSO DELETE FROM dcx.wallet_entry',
	'CREATE TABLE shop.heir () INHERITS (dcx.wallet_entry)', 'CREATE TABLE dcx.mine ()',
	'CREATE TABLE shop.referring (o text, k text, FOREIGN KEY (o, k) REFERENCES dcx.wallet_key ON DELETE CASCADE)',
	'CREATE OR REPLACE FUNCTION dcx.wallet_guard() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN NULL; END $f$',
	'DROP FUNCTION dcx.wallet_guard() CASCADE', 'DROP EXTENSION dcx_pricing CASCADE',
	q{ALTER SEQUENCE dcx.wallet_entry_entry_id_seq RESTART}, q{SELECT setval('dcx.wallet_entry_entry_id_seq', 1)},
	q{SELECT public.dcx_wallet_debit('org-acme', 1, 'mine')}, 'SELECT public.dcx_wallet_release(1)',
	'SELECT public.dcx_wallet_audit()',
	q{SELECT public.dcx_attach_wallet('shop.wallets', 'org')}, q{SELECT public.dcx_detach('wallet')});

# Ways to become another role.
my @on_role = (
	'SET ROLE app', 'SET ROLE postgres', 'SET SESSION AUTHORIZATION DEFAULT', 'SET SESSION AUTHORIZATION postgres',
	q{SELECT set_config('role', 'postgres', false)}, q{SELECT set_config('session_authorization', 'postgres', true)},
	'RESET ROLE', 'RESET SESSION AUTHORIZATION', 'ALTER ROLE shop SUPERUSER', 'ALTER ROLE app SUPERUSER',
	'CREATE ROLE mine SUPERUSER', 'GRANT app TO shop', q{SET session_replication_role = replica},
	q{COPY shop.log TO PROGRAM 'true'}, 'CREATE TEMPORARY TABLE wallet_entry (organisation text)',
	'CREATE TEMPORARY VIEW wallet_account AS SELECT 1', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'LISTEN somebody');

# What the owner may set: none of it lasts longer than the call, and none of it counts when the ledger is written.
my @allowed = (
	q{SELECT set_config('search_path', 'shop, pg_temp, pg_catalog', false)},
	q{SELECT set_config('row_security', 'off', false)}, q{SELECT set_config('timezone', 'UTC-3', false)},
	q{SELECT set_config('default_transaction_read_only', 'on', false)},
	q{SELECT set_config('datestyle', 'SQL, DMY', false)}, q{SELECT set_config('transform_null_equals', 'on', false)});
my $settings = 'SELECT ' . join ', ', map { "current_setting('$_')" } 'search_path', 'row_security',
  'default_transaction_read_only', 'timezone', 'datestyle', 'transform_null_equals';

# Objects that an unqualified name could find with that search_path.
$shop->value(<<'SQL');
CREATE TABLE shop.wallet_entry (organisation text, entry_id bigint);
CREATE TABLE shop.wallet_account (organisation text, balance numeric);
CREATE DOMAIN shop.text AS pg_catalog.text CHECK (shop.spy('trap'));
CREATE DOMAIN shop.numeric AS pg_catalog.numeric CHECK (shop.spy('trap'));
CREATE FUNCTION shop.trap(pg_catalog.numeric, pg_catalog.numeric) RETURNS pg_catalog.bool LANGUAGE sql AS
	$$ SELECT shop.spy('trap') $$;
CREATE FUNCTION shop.trap(pg_catalog.text, pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE sql AS
	$$ SELECT shop.spy('trap') $$;
CREATE OPERATOR shop.= (LEFTARG = pg_catalog.numeric, RIGHTARG = pg_catalog.numeric, FUNCTION = shop.trap);
CREATE OPERATOR shop.= (LEFTARG = pg_catalog.text, RIGHTARG = pg_catalog.text, FUNCTION = shop.trap);
CREATE FUNCTION shop.round(pg_catalog.numeric, pg_catalog.int4) RETURNS pg_catalog.numeric LANGUAGE sql AS
	$$ SELECT shop.spy('trap'); SELECT 0::pg_catalog.numeric $$
SQL

subtest 'as himself' => sub {
	my $before;

	is( $super->value(q{SELECT relation, rows FROM dcx_attach_wallet('shop.wallets', 'org')}),
		"shop.wallets|2\ndcx.wallet_entry|2", 'a superuser attaches his table');
	$app->value(q{SELECT * FROM dcx_wallet_hold('org-acme', 100, 'hold', '1 day')});
	$before = ledger() . shape();
	for my $statement (@on_ledger)
	{
		$shop->value('BEGIN');
		my $error = $shop->error($statement);
		$shop->value('ROLLBACK');
		is($error->{state}, '42501', $statement) or diag($error->{text});
	}
	is(ledger() . shape(), $before, 'nothing has changed');
	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
};

for my $caller ('app', 'a superuser')
{
	subtest "in triggers, when $caller calls" => sub {
		my $session = $caller eq 'app' ? $app : session($main);
		my $key = $caller =~ tr/ /_/r;
		my $amount = $caller eq 'app' ? 10 : 20;
		my $before_settings = $session->value($settings);
		my $before;

		$shop->value('TRUNCATE shop.log, shop.attacks');
		$shop->value("INSERT INTO shop.attacks (attack) VALUES (\$attack\$$_\$attack\$)") for @on_ledger, @on_role, @allowed;
		$before = ledger();
		my $shape = shape();
		is( $session->value("SELECT amount, replayed FROM dcx_wallet_debit('org-acme', $amount, '$key')"),
			"-$amount.00|f", 'a debit');
		like($session->value("SELECT amount FROM dcx_wallet_credit('org-acme', $amount, '$key credit')"), qr/^$amount\.00$/,
			'a credit');
		my ($hold) = $session->value("SELECT hold_id FROM dcx_wallet_hold('org-globex', 5, '$key hold')");
		like($session->value("SELECT amount FROM dcx_wallet_capture($hold)"), qr/^-5\.00$/, 'a capture');
		is($session->value('SELECT current_user = session_user'), 't', 'leave the role as it was');
		is($session->value($settings), $before_settings, 'and the settings');

		is( $shop->value('SELECT string_agg(DISTINCT at, $$,$$ ORDER BY at) FROM shop.log'),
			'000_aaa,after_row,after_statement,before_row,before_statement,check,domain,index',
			'all there is of his has run');
		is($shop->value('SELECT DISTINCT who, super FROM shop.log'), 'shop|f', 'as him');
		is($shop->value('SELECT DISTINCT session_is FROM shop.log'), $caller eq 'app' ? 'app' : 'postgres',
			'in the session of the caller');
		is( $shop->value(q{SELECT DISTINCT attempt FROM shop.log WHERE outcome = 'done' ORDER BY 1}),
			join("\n", sort @allowed), 'what he may do he has done');
		is($shop->value('SELECT DISTINCT outcome FROM shop.log WHERE outcome <> $$done$$'), '42501',
			'and what he may not do was refused, each and every time');
		my %now = map { $_ => 1 } split /\n/, ledger();
		is_deeply([ grep { !$now{$_} && !/"next_expiry"/ } split /\n/, $before ], [], 'not a row of the ledger is gone');
		is( $super->value(<<"SQL"), <<"ROWS" =~ s/\n\z//r, 'three are new');
SELECT kind, organisation, amount, idempotency_key FROM dcx.wallet_entry ORDER BY entry_id DESC LIMIT 3
SQL
capture|org-globex|-5.00|$key hold
credit|org-acme|$amount.00|$key credit
debit|org-acme|-$amount.00|$key
ROWS
		is(shape(), $shape, 'and all that guards it is there');
		is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
		$session->close unless $caller eq 'app';
	};
}

# Drops the owner's triggers, except one with that body, at that time.
sub trigger
{
	my ($name, $when, $body) = @_;

	$shop->value(<<"SQL");
DROP TRIGGER IF EXISTS "$name" ON shop.wallets;
CREATE OR REPLACE FUNCTION shop."$name"() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $body END \$\$;
CREATE TRIGGER "$name" $when ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop."$name"()
SQL
}

sub debit
{
	my ($key) = @_;
	my $error = $app->error("SELECT amount FROM dcx_wallet_debit('org-acme', 1, '$key')");

	return $error->{state} eq 'none' ? $error->{text} : $error->{state};
}

subtest 'triggers and rules that interfere' => sub {
	my $before;
	my %interfering = (
		'27000' => [
			[ 'bad', 'BEFORE UPDATE', 'RETURN NULL;' ],
			[ 'bad', 'BEFORE UPDATE', 'NEW.balance := NEW.balance + 1; RETURN NEW;' ],
			[ '000_aaa', 'AFTER UPDATE', 'IF pg_trigger_depth() = 1 THEN UPDATE shop.wallets SET balance = balance + 1'
				. ' WHERE org = NEW.org; END IF; RETURN NULL;' ] ],
		'55000' => [ [ 'bad', 'BEFORE UPDATE', q{NEW.org := 'org-other'; RETURN NEW;} ] ],
		'22003' => [ [ 'bad', 'BEFORE UPDATE', 'NEW.balance := NULL; RETURN NEW;' ] ],
		'P0001' => [ [ 'bad', 'BEFORE UPDATE', q{RAISE 'no';} ], [ 'zzz', 'AFTER UPDATE', q{RAISE 'no';} ] ],
		'42501' => [ [ 'zzz', 'AFTER UPDATE', 'DELETE FROM dcx.wallet_entry; RETURN NULL;' ] ]);

	$shop->value('TRUNCATE shop.attacks');
	$shop->value("DROP TRIGGER \"$_\" ON shop.wallets") for '000_aaa', 'after_row', 'before_row', 'after_statement',
	  'before_statement';
	$before = ledger();
	for my $state (sort keys %interfering)
	{
		for my $trigger (@{ $interfering{$state} })
		{
			trigger(@$trigger);
			is(debit('interfered with'), $state, "$trigger->[1]: $trigger->[2]");
			$shop->value("DROP TRIGGER \"$trigger->[0]\" ON shop.wallets");
		}
	}
	for my $rule ('ALSO DELETE FROM dcx.wallet_entry', 'INSTEAD UPDATE dcx.wallet_account SET held = 0 RETURNING balance')
	{
		is($shop->error("CREATE RULE bad AS ON UPDATE TO shop.wallets DO $rule")->{state}, '42501', "DO $rule");
	}
	for my $rule ('INSTEAD NOTHING', 'INSTEAD DELETE FROM shop.log', 'INSTEAD SELECT 1',
		'INSTEAD UPDATE shop.wallet_account SET balance = NEW.balance RETURNING organisation, balance::shop.amount')
	{
		$shop->value("CREATE RULE bad AS ON UPDATE TO shop.wallets DO $rule");
		isnt(debit('interfered with'), '-1.00', "DO $rule");
		$shop->value('DROP RULE bad ON shop.wallets');
	}
	is(ledger(), $before, 'nothing is written by any of that');
	is(debit('interfered with'), '-1.00', 'and the key is free');

	trigger('zzz', 'AFTER UPDATE', 'IF pg_trigger_depth() = 1 THEN UPDATE shop.wallets SET balance = balance + 1'
		  . ' WHERE org = NEW.org; END IF; RETURN NULL;');
	is(debit('taken back'), '-1.00', 'what he does after us');
	is( $super->value('SELECT kind, amount FROM dcx.wallet_entry ORDER BY entry_id DESC LIMIT 2'),
		"external|1.00\ndebit|-1.00", 'is an entry of its own');
	$shop->value('DROP TRIGGER zzz ON shop.wallets');
	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
};

subtest 'triggers of his in the place of ours' => sub {
	my @ours = (
		[ 'another function', 'AFTER UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop.nothing()' ],
		[ 'never', 'AFTER UPDATE ON shop.wallets FOR EACH ROW WHEN (false) EXECUTE FUNCTION dcx_wallet_record()' ],
		[ 'for another column', 'AFTER UPDATE OF org ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_wallet_record()' ],
		[ 'for another event', 'AFTER INSERT ON shop.wallets FOR EACH ROW EXECUTE FUNCTION dcx_wallet_record()' ]);

	$shop->value('CREATE FUNCTION shop.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$');
	for my $ours (@ours)
	{
		my ($how, $trigger) = @$ours;

		$shop->value("CREATE OR REPLACE TRIGGER \"000_dcx_wallet\" $trigger");
		is(debit("replaced: $how"), '55000', "$how: no money moves");
		$shop->value(q{UPDATE shop.wallets SET balance = balance + 2 WHERE org = 'org-acme'});
		is($super->value(q{SELECT note FROM dcx_attach_wallet('shop.wallets', 'org') OFFSET 1}),
			'1 external entry written', 'attached again');
		is(debit("replaced: $how"), '-1.00', 'it does');
		is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
	}
};

subtest 'columns of other types' => sub {
	my %types = (
		money => q{'77'}, text => q{'77'}, bytea => q{'77'}, boolean => 'true', jsonb => q{'77'}, date => 'now()');

	$shop->value('ALTER TABLE shop.wallets DROP CONSTRAINT wallets_balance_check');
	$shop->value('DROP INDEX shop.wallets_indexed_idx');
	for my $type (sort keys %types)
	{
		$shop->value("ALTER TABLE shop.wallets ALTER balance TYPE $type USING NULL");
		fails_with($shop, 'UPDATE shop.wallets SET balance = ' . $types{$type}, "$type: a balance of that type is refused",
			state => '42804', message => qr/^column "balance" of shop\.wallets has type/);
		is(debit("of type $type"), '42804', 'no money moves');
	}
	$shop->value('ALTER TABLE shop.wallets ALTER balance TYPE numeric USING 1000');
	is($super->value(q{SELECT note FROM dcx_attach_wallet('shop.wallets', 'org') OFFSET 1}),
		'2 external entries written', 'of a type that is one, and attached again');
	is(debit('of type numeric'), '-1.00', 'money moves');
	is($super->value('SELECT * FROM dcx_wallet_audit()'), '', 'all adds up');
};

$_->close for $app, $shop, $super;
$main->stop;
done_testing();
