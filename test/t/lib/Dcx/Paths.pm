# The same movements of money in two databases that differ in one thing: in the second, every table that is written has
# a trigger that does nothing, so that only statements can write it. Whatever can be observed has to be the same.
package Dcx::Paths;

use strict;
use warnings;

use Dcx;
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(start_paths compare_paths finish_paths %plain);

my ($node, @paths);

# What stands for the values of the column "org" in a shape's definition and in the script.
our %plain = (A => q{'acme'}, B => q{'globex'}, N => q{'novus'});

my $setup = <<'SQL';
SET client_min_messages = warning;
CREATE EXTENSION amcheck;
CREATE SCHEMA tools;
GRANT USAGE ON SCHEMA tools TO PUBLIC;
CREATE TABLE tools.log (n int GENERATED ALWAYS AS IDENTITY, what text);
GRANT ALL ON tools.log TO PUBLIC;
CREATE FUNCTION tools.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION tools.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO tools.log (what) VALUES (concat_ws(' ', TG_NAME, TG_WHEN, TG_OP, TG_LEVEL, TG_TABLE_NAME, current_user,
		session_user, current_setting('search_path'), to_jsonb(OLD) - 'updatedAt', to_jsonb(NEW) - 'updatedAt'));
	RETURN coalesce(NEW, OLD);
END $$;
-- What is in the tables of two schemas, without times.
CREATE FUNCTION tools.contents() RETURNS SETOF text LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	t regclass;
BEGIN
	FOR t IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relname NOT IN ('binding', 'price_book')
		AND relnamespace::regnamespace::text IN ('shop', 'dcx', 'tools') ORDER BY oid::regclass::text
	LOOP
		RETURN NEXT t;
		RETURN QUERY EXECUTE format($f$
SELECT (SELECT jsonb_object_agg(key, CASE WHEN jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^(?:\d{4}-\d\d-\d\d[T ]|-?infinity)'
			THEN to_jsonb(substring(value #>> '{}', '^-?infinity') IS NOT NULL) ELSE value END)
		FROM jsonb_each(to_jsonb(t)))::text FROM %s AS t ORDER BY 1$f$, t);
	END LOOP;
END $$;
-- What is wrong with the heaps and the btrees of two schemas, and which index gives other rows than its table.
CREATE FUNCTION tools.broken() RETURNS SETOF text LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
	i record;
BEGIN
	FOR i IN SELECT c.oid::regclass, relkind, relam, indisvalid, indisready FROM pg_class c LEFT JOIN pg_index ON indexrelid = c.oid
		WHERE relnamespace::regnamespace::text IN ('shop', 'dcx') AND relkind IN ('r', 'i')
	LOOP
		IF i.relkind = 'r' THEN
			RETURN QUERY SELECT concat_ws(' ', i.oid, blkno, offnum, attnum, msg) FROM verify_heapam(i.oid, check_toast => true);
		ELSIF i.relam = (SELECT oid FROM pg_am WHERE amname = 'btree') AND i.indisvalid THEN
			PERFORM bt_index_check(i.oid, true);
		END IF;
	END LOOP;
END $$;
-- How often rows have been written.
CREATE VIEW tools.counts AS
	SELECT format('%s ins %s upd %s hot %s del %s', relid::regclass, n_tup_ins, n_tup_upd, n_tup_hot_upd, n_tup_del)
	  FROM pg_stat_all_tables WHERE schemaname IN ('shop', 'dcx') AND relname NOT IN ('binding', 'price_book') ORDER BY relid::regclass::text;
SQL

# Starts a server with two databases. conf: more lines for postgresql.conf.
sub start_paths
{
	my (%params) = @_;

	$node = new_main('main', conf => "wal_level = logical\nautovacuum = off\nmax_connections = 20\nallow_in_place_tablespaces = on\n" . ($params{conf} // ''));
	my $super = session($node, database => 'postgres');
	$super->value(<<'SQL');
CREATE ROLE app LOGIN; CREATE ROLE shopkeeper LOGIN;
SET allow_in_place_tablespaces = on; CREATE TABLESPACE elsewhere LOCATION '';
CREATE DATABASE direct TEMPLATE template0; CREATE DATABASE statements TEMPLATE template0
SQL
	for my $database ('direct', 'statements')
	{
		my $owner = session($node, database => $database);

		$owner->value("CREATE EXTENSION dcx_pricing; $setup");
		may_move_money($node, 'app', database => $database);
		$owner->value(q{SELECT FROM pg_create_logical_replication_slot(current_database() || '_changes', 'test_decoding')});
		push @paths,
		  {
			database => $database,
			super => $owner,
			app => session($node, database => $database, user => 'app'),
			other => session($node, database => $database)
		  };
	}
	return $node;
}

# Runs scripts in both databases at the same time. Returns for each all that was printed.
sub both
{
	my ($who, @scripts) = @_;
	my @printed;

	for my $i (0 .. 1)
	{
		my $n = 0;

		# A label between the statements, in both of psql's streams.
		$paths[$i]{$who}->start(join "\n;\n", map { $n++; ("\\echo [$n]\n\\warn [$n]\n$_") } @{ $scripts[$i] // $scripts[0] });
	}
	for my $path (@paths)
	{
		$path->{$who}->finish;
		my %of;

		for my $stream ($path->{$who}{last_out}, $path->{$who}{last_err})
		{
			my ($first, @rest) = split /^\[(\d+)\]\n/m, "$stream\n", -1;

			while (my ($n, $text) = splice @rest, 0, 2)
			{
				$of{$n} .= join '', map { "$_\n" } split /\n/, $text;
			}
		}
		push @printed, \%of;
	}
	return map {
		my $of = $_;
		my $text = join '', map { "[$_] " . ($of->{$_} // '') } sort { $a <=> $b } keys %$of;

		# Where in which file it was raised, and in which statement of ours, is nobody's business.
		$text =~ s/\bshop\.moment\b/moment/g;
		$text =~ s/^(?:LOCATION|CONTEXT|QUERY|PL\/pgSQL function|SQL (?:statement|function)|COMMIT|BEGIN)\b.*\n//mgr
		  =~ s/^psql:<stdin>:\d+: //mgr =~ s/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*(?:\+\d\d(?::\d\d)?| [A-Z]+)?/TIME/gr;
	} @printed;
}

# What the platform's backend does with money.
my @script = (
	q{SELECT kind, round(amount, 2) FROM dcx_wallet_statement(%A::text)},
	q{SELECT amount, balance, available, replayed FROM dcx_wallet_credit(%A, 125.50, 'c1', 'a credit', '{"a": [1, "x"]}')},
	q{SELECT amount, balance, available, replayed FROM dcx_wallet_debit(%A, 10.25, 'd1')},
	q{SELECT amount, balance, available, replayed FROM dcx_wallet_debit(%A, 10.25, 'd1')},
	q{SELECT dcx_wallet_debit(%A, 10.26, 'd1')},
	q{SELECT dcx_wallet_debit(%A, 100000000, 'd2')},
	q{SELECT balance FROM dcx_wallet_debit(%A, 2, 'd3')},
	q{SELECT amount, available FROM dcx_wallet_hold(%A, 30, 'h1', '1 hour', 'held', '{"of": null}')},
	q{SELECT amount, available, replayed FROM dcx_wallet_hold(%A, 30, 'h1', '1 hour', 'held', '{"of": null}')},
	q{SELECT hold_id AS h2, available FROM dcx_wallet_hold(%A, 20, 'h2') \gset},
	q{SELECT hold_id AS h3, available FROM dcx_wallet_hold(%A, 5, 'h3') \gset},
	q{SELECT hold_id AS h4 FROM dcx_wallet_hold(%A, 4, 'h4', '1 day') \gset},
	q{SELECT hold_id AS h1 FROM dcx_wallet_hold(%A, 30, 'h1', '1 hour', 'held', '{"of": null}') \gset},
	q{SELECT hold_id, amount, available, expires_at > now() + interval '100 minutes' FROM dcx_wallet_extend(%A, :h1, '2 hours')},
	q{SELECT amount, balance, available FROM dcx_wallet_capture(%A, :h1, 12.34)},
	q{SELECT amount, balance, available FROM dcx_wallet_capture(%A, :h1, 12)},
	q{SELECT amount, balance, available, replayed FROM dcx_wallet_capture(%A, :h1, 12)},
	q{SELECT amount, available, replayed FROM dcx_wallet_release(%A, :h2)},
	q{SELECT amount, available, replayed FROM dcx_wallet_release(%A, :h2)},
	q{SELECT dcx_wallet_capture(:h2)},
	q{SELECT amount, balance, available FROM dcx_wallet_capture(:h3)},
	q{SELECT dcx_wallet_capture(:h3, 6)},
	q{SELECT dcx_wallet_extend(:h3, '1 hour')},
	# Several in one statement.
	q{SELECT a.entry_id = b.entry_id, b.balance, b.replayed FROM dcx_wallet_debit(%A, 1, 't1') a, dcx_wallet_debit(%A, 1, 't1') b},
	q{SELECT (dcx_wallet_debit(%A, 1, 't2')).balance, (dcx_wallet_credit(%A, 2, 't3')).balance},
	q{SELECT balance FROM generate_series(1, 3) g, dcx_wallet_debit(%A, g, 'g' || g)},
	q{SELECT h.amount, c.amount, c.available FROM dcx_wallet_hold(%A, 3, 't4') h, dcx_wallet_capture(h.hold_id, NULL) c},
	q{DO $$
	BEGIN
		PERFORM dcx_wallet_debit(%A, 1, 's1');
		BEGIN
			PERFORM dcx_wallet_debit(%A, 2, 's2');
			PERFORM dcx_wallet_hold(%A, 2, 's2 hold');
			UPDATE shop.wallets SET balance = balance + 1 WHERE org = %A;
			RAISE division_by_zero;
		EXCEPTION WHEN division_by_zero THEN
			NULL;
		END;
		PERFORM dcx_wallet_debit(%A, 3, 's2');
	END $$},
	# A wallet that our own transaction has inserted.
	q{BEGIN},
	q{INSERT INTO shop.wallets (org, balance) VALUES (%N, 50)},
	q{SELECT balance FROM dcx_wallet_credit(%N, 5, 'n1')},
	q{SELECT hold_id AS n, available FROM dcx_wallet_hold(%N, 7, 'n2') \gset},
	q{SELECT amount, balance, available FROM dcx_wallet_capture(:n, 6)},
	q{SELECT balance FROM dcx_wallet_debit(%N, 1, 'n3')},
	q{COMMIT},
	q{SELECT balance FROM dcx_wallet_debit(%N, 1, 'n4')},
	q{SELECT balance FROM dcx_wallet_credit(%N, 99999999999999, 'too much')},
	q{BEGIN},
	q{DELETE FROM shop.wallets WHERE org = %N},
	q{SELECT dcx_wallet_debit(%N, 1, 'n5')},
	q{ROLLBACK},
	# A wallet that our own transaction has updated, before and after.
	q{BEGIN},
	q{UPDATE shop.wallets SET balance = balance + 5 WHERE org = %A},
	q{SELECT balance FROM dcx_wallet_debit(%A, 3, 'o1')},
	q{UPDATE shop.wallets SET note = 'changed' WHERE org = %A},
	q{SELECT available FROM dcx_wallet_hold(%A, 2, 'o2')},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'o3')},
	q{UPDATE shop.wallets SET balance = balance - 1 WHERE org = %A},
	q{COMMIT},
	q{BEGIN},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'r1')},
	q{SAVEPOINT a},
	q{UPDATE shop.wallets SET balance = balance + 1, note = 'no' WHERE org = %A},
	q{SELECT balance FROM dcx_wallet_credit(%A, 4, 'r2')},
	q{ROLLBACK TO a},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'r2')},
	q{RELEASE a},
	q{SELECT available FROM dcx_wallet_hold(%A, 1, 'r3')},
	q{COMMIT},
	q{BEGIN},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'gone')},
	q{ROLLBACK},
	q{SELECT balance FROM dcx_wallet_debit(%A, 2, 'gone')},
	# In the middle of a statement that changes the wallet itself.
	q{WITH u AS (UPDATE shop.wallets SET note = 'with' WHERE org = %A RETURNING org)
		SELECT balance FROM u, dcx_wallet_debit(u.org::text, 1, 'w1')},
	q{UPDATE shop.wallets SET note = (SELECT balance::text FROM dcx_wallet_debit(%A, 1, 'w2')) WHERE org = %A},
	q{UPDATE shop.wallets SET note = 'before' WHERE org = %A RETURNING (SELECT balance FROM dcx_wallet_debit(%A, 1, 'w3'))},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'w4')},
	# A cursor whose snapshot was taken before its own rows.
	q{BEGIN},
	q{DECLARE c CURSOR FOR SELECT balance FROM generate_series(1, 3) g, LATERAL dcx_wallet_debit(%A, g, 'cursor ' || g)},
	q{FETCH 1 FROM c},
	q{SELECT balance FROM dcx_wallet_credit(%A, 9, 'beside')},
	q{FETCH 2 FROM c},
	q{COMMIT},
	(map { (qq{BEGIN ISOLATION LEVEL $_},
		qq{SELECT balance FROM dcx_wallet_debit(%A, 1, '$_ 1')},
		qq{SELECT balance FROM dcx_wallet_debit(%A, 1, '$_ 2')},
		qq{SELECT available FROM dcx_wallet_hold(%B, 1, '$_ 3', '3 hours')},
		qq{SELECT r.amount, r.available FROM dcx_wallet_holds(%B::text) h, dcx_wallet_release(h.hold_id) r},
		qq{COMMIT}) } 'REPEATABLE READ', 'SERIALIZABLE'),
	q{BEGIN READ ONLY},
	q{SELECT dcx_wallet_debit(%A, 1, 'read only')},
	q{COMMIT},
	q{SELECT dcx_wallet_debit('7', 1, 'nobody')},
	q{SELECT amount, balance FROM dcx_wallet_debit(%B, 0.01, 'b1')},
	q{SELECT amount, balance FROM dcx_wallet_credit(%B, 1000, 'b2')},
	q{SELECT dcx_wallet_available(%A)});

my @as_superuser = (
	q{SET session_replication_role = replica},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'replica')},
	q{SELECT available FROM dcx_wallet_hold(%A, 1, 'replica hold')},
	q{RESET session_replication_role},
	q{SET ROLE app},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'set role')},
	q{RESET ROLE},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'superuser')},
	q{DELETE FROM shop.wallets WHERE org = %N});

# While another session holds the wallet's key, as one does that inserts a row with a foreign key to it.
my @beside = (
	q{SET lock_timeout = 100},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'beside 1')},
	q{SELECT hold_id AS h FROM dcx_wallet_hold(%A, 2, 'beside 2') \gset},
	q{SELECT balance FROM dcx_wallet_capture(:h, 1)},
	q{BEGIN},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'beside 3')},
	q{SAVEPOINT a},
	q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'beside 4')},
	q{ROLLBACK TO a},
	q{COMMIT});
my @after = (q{RESET lock_timeout}, q{SELECT balance FROM dcx_wallet_debit(%A, 1, 'after 1')}, q{SELECT available FROM dcx_wallet_hold(%A, 2, 'after 2')},
	q{SELECT pg_stat_force_next_flush()});

sub filled
{
	my ($shape, @statements) = @_;
	my %values = (%plain, %{ $shape->{values} // {} });

	return map { s/%([ABN])\b/$values{$1}/gr } @statements;
}

# Which tables a debit and a hold that is captured write by statements; '' when they write none so.
sub by_statements
{
	my ($shape) = @_;
	my $session = session($node, database => 'direct');

	$session->start(join ";\n", 'LOAD \'auto_explain\'', 'SET auto_explain.log_min_duration = 0', 'SET auto_explain.log_nested_statements = on',
		'SET auto_explain.log_level = notice', filled($shape, q{SELECT dcx_wallet_debit(%A, 2, 'seen 1')},
			q{SELECT dcx_wallet_capture(hold_id) FROM dcx_wallet_hold(%A, 1, 'seen 2')}));
	$session->finish;
	my %seen = map { $_ => 1 } $session->{last_err} =~ /Query Text: (?:UPDATE|INSERT INTO) (\S+)/g;
	$session->close;
	return join ' ', sort keys %seen;
}

# The lines in which two texts differ, as diff shows them.
sub differences
{
	my @files = map { "$PostgreSQL::Test::Utils::tmp_check/$_.$$" } qw(direct statements);

	for my $i (0 .. 1)
	{
		unlink $files[$i];
		append_to_file($files[$i], $_[$i]);
	}
	IPC::Run::run([ 'diff', @files ], '>', \my $differences);
	# The first of them say enough.
	my @first = $differences =~ /^(.{0,400})/mg;
	return join "\n", splice @first, 0, 20;
}

# Compares a shape of the tables: name, sql (makes shop.wallets), then (after it was attached), values (of org), wallets
# (what is attached), view (it is one), reference (a statement of another session that locks the wallet's key),
# by_statements (the tables that a debit and a capture write by statements; '' for none).
sub compare_paths
{
	my ($shape) = @_;
	my @outcome;
	my $add = sub { my ($what, @of) = @_; push @{ $outcome[$_] }, "-- $what\n$of[$_]" for 0 .. 1 };
	my @ledger = map { "CREATE TRIGGER nothing BEFORE INSERT OR UPDATE ON dcx.$_ EXECUTE FUNCTION tools.nothing()" }
	  qw(wallet_account wallet_entry wallet_hold wallet_key);
	my @attach = (q{SET client_min_messages = warning},
		q{DROP SCHEMA IF EXISTS dcx CASCADE}, q{DROP SCHEMA IF EXISTS shop CASCADE},
		q{TRUNCATE tools.log RESTART IDENTITY}, q{CREATE SCHEMA shop}, q{GRANT USAGE, CREATE ON SCHEMA shop TO app, shopkeeper},
		filled($shape, split /;\s*\n/, $shape->{sql}),
		q{GRANT ALL ON ALL TABLES IN SCHEMA shop TO app},
		"SELECT relation, rows FROM dcx_attach_wallet('" . ($shape->{wallets} // 'shop.wallets') . q{', 'org', 'balance')},
		filled($shape, split /;\s*\n/, $shape->{then} // ''));

	$add->('made', both('super', [@attach]));
	my @said = both('super', ['SELECT'], [ @ledger, $shape->{view} ? () : q{CREATE TRIGGER nothing BEFORE UPDATE ON shop.wallets EXECUTE FUNCTION tools.nothing()} ]);
	both('super', [q{SELECT FROM pg_replication_slot_advance(current_database() || '_changes', pg_current_wal_lsn())}]);

	$add->('script', both('app', [ filled($shape, @script) ]));
	$add->('as superuser', both('super', [ filled($shape, @as_superuser) ]));
	both('other', [ 'BEGIN', filled($shape, $shape->{reference} // q{SELECT FROM shop.wallets WHERE org = %A FOR KEY SHARE}) ]);
	$add->('beside', both('app', [ filled($shape, @beside) ]));
	both('other', [ 'COMMIT', 'SELECT pg_stat_force_next_flush()' ]);
	$add->('after', both('app', [ filled($shape, @after) ]));

	$add->('counts', both('super', [ q{SELECT pg_stat_force_next_flush()}, q{SELECT * FROM tools.counts} ]));
	$add->('contents', both('super', [q{SELECT * FROM tools.contents()}]));
	$add->('audit and check', both('super', [ q{SELECT * FROM dcx_wallet_audit()}, q{SELECT * FROM dcx_check('wallet')} ]));
	$add->('changes', map { s/^.*\btools\.\w+: .*\n//mgr } both('super', [ q{SELECT data FROM pg_logical_slot_get_changes(current_database() || '_changes', NULL, NULL,
		'include-xids', '0', 'skip-empty-xacts', '1')} ]));
	my @broken = both('super', [ q{SELECT * FROM tools.broken()}, $shape->{view} ? 'SELECT' : q{VACUUM shop.wallets, dcx.wallet_account, dcx.wallet_entry, dcx.wallet_hold, dcx.wallet_key}, q{SELECT * FROM tools.broken()} ]);

	my @texts = map { join '', @$_ } @outcome;
	# For whoever compares two versions of the library.
	append_to_file("$ENV{DCX_OUTCOMES}/$shape->{name}", $texts[0]) if $ENV{DCX_OUTCOMES};
	subtest $shape->{name} => sub {
		is(differences(@texts), '', 'the same');
		is(by_statements($shape), $shape->{by_statements}, 'and the path is the one that it should be') if defined $shape->{by_statements};
		is(join('', @broken) =~ s/\s//gr, '[1][2][3]' x 2, 'nothing is broken');
	};
}

sub finish_paths
{
	$_->{super}->value('SELECT pg_drop_replication_slot(current_database() || \'_changes\')') for @paths;
	$node->stop;
	done_testing();
}

1;
