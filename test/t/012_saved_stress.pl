# Exactness of saved books under load. Sessions at every isolation level save books, change prices, undo that, and
# change rows of dcx.price_book by hand. They compare dcx_vm_cost() with the price in the newest row that plain SQL
# finds in the same statement. The two never differ. A transaction never changes between the catalog and a saved book,
# although rows grow old in its course, and a save never puts older prices after newer ones.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/lib";
use Dcx::Session;
use Dcx::Stress;
use PostgreSQL::Test::Cluster;
use Test::More;

my $node = stress_node('primary', allows_streaming => 1);

# In the view vm, in check_price() and check_price_now(), a price that differs from the newest row is an error, or one
# that is from elsewhere.
sub make_database
{
	my ($database, $age) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql('postgres', "ALTER DATABASE $database SET dcx_pricing.max_price_age = '$age'");
	$node->safe_psql($database, <<'SQL');
CREATE EXTENSION dcx_pricing;
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text PRIMARY KEY, title text, price double precision);
INSERT INTO aas.products VALUES
	('CPU_1GHZ', 'vCPU - 1GHz', 78), ('CPU_2GHZ', 'vCPU - 2GHz', 155), ('RAM_GB', 'RAM', 37),
	('STORAGE_STANDARD', 'Standard Storage', 1.8), ('STORAGE_PREMIUM', 'Premium Storage', 2.75);
SELECT FROM dcx_attach_aas();
CREATE TABLE elsewhere (n integer);

CREATE FUNCTION saved_vm_cost() RETURNS numeric STABLE LANGUAGE sql AS $$
	SELECT (SELECT sum(quantity * (book -> code ->> 'price')::numeric)
		FROM (VALUES ('CPU_1GHZ', 2), ('RAM_GB', 4), ('STORAGE_STANDARD', 40)) AS l (code, quantity))
	FROM dcx.price_book WHERE catalog = 'aas' ORDER BY book_id DESC LIMIT 1
$$;
CREATE FUNCTION catalog_vm_cost() RETURNS numeric STABLE LANGUAGE sql AS $$
	SELECT sum(quantity * price::numeric) FROM aas.products
	JOIN (VALUES ('CPU_1GHZ', 2), ('RAM_GB', 4), ('STORAGE_STANDARD', 40)) AS l (code, quantity) USING (code)
$$;
CREATE FUNCTION differ(answered numeric, source text, plain numeric, expected text) RETURNS numeric
LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'not exact: answered % (%), plain SQL has % (%)', answered, source, plain, expected;
END $$;
-- Which book answered is known once it has.
CREATE VIEW answer AS
	SELECT answered, (SELECT source FROM dcx_price_book_stats()) AS source
	FROM dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS answered OFFSET 0;
CREATE VIEW vm AS
	SELECT CASE WHEN answered = plain AND source = 'saved' THEN answered
		ELSE differ(answered, source, plain, 'saved') END AS price
	FROM (SELECT *, saved_vm_cost() AS plain FROM answer OFFSET 0) AS both_ways;
-- STABLE: with the snapshot of the statement that calls it.
CREATE FUNCTION check_price(n integer DEFAULT 0) RETURNS numeric STABLE LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT price FROM vm);
END $$;
-- VOLATILE: with one of its own, and sees what the statement that calls it has done so far.
CREATE FUNCTION check_price_now(n integer DEFAULT 0) RETURNS numeric VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT price FROM vm);
END $$;
-- In the middle of an update, by hand or by a save, which has a search_path of its own.
CREATE FUNCTION look() RETURNS trigger VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	PERFORM price FROM public.vm;
	RETURN NEW;
END $$;

-- Saves and takes it back.
CREATE FUNCTION taken_back() RETURNS void VOLATILE LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		UPDATE aas.products SET price = price + 1 WHERE code IN ('CPU_1GHZ', 'RAM_GB');
		PERFORM dcx_price_book_save();
		PERFORM check_price_now();
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		PERFORM check_price_now();
	END;
	PERFORM check_price_now();
END $$;

-- Rows grow old. Whether a saved book is to answer: not where one did not before in this transaction.
CREATE FUNCTION expected(saved boolean) RETURNS text STABLE LANGUAGE sql AS $$
	SELECT CASE WHEN saved AND now() <= last_seen_at + current_setting('dcx_pricing.max_price_age')::interval
		THEN 'saved' ELSE 'local' END
	FROM (VALUES (1)) AS v LEFT JOIN (SELECT last_seen_at FROM dcx.price_book WHERE catalog = 'aas'
		ORDER BY book_id DESC LIMIT 1) AS newest ON true
$$;
CREATE FUNCTION is_saved(before boolean DEFAULT true) RETURNS boolean STABLE LANGUAGE sql AS $$
	SELECT CASE WHEN answered = plain AND source = expected(before) THEN source = 'saved'
		ELSE differ(answered, source, plain, expected(before)) IS NULL END
	FROM (SELECT *, CASE source WHEN 'saved' THEN saved_vm_cost() ELSE catalog_vm_cost() END AS plain
		FROM answer OFFSET 0) AS both_ways
$$;
SQL
}

# Shared by the scripts. dcx_price_book_save() needs READ COMMITTED: at other levels the scripts insert books by hand.
my $random = <<'SCRIPT';
\set level random(1, 3)
\set p random(1, 9999)
\set q random(1, 9999)
\set i random(1, 3)
\set j random(1, 3)
\set back random(1, 3)
\set end random(1, 4)
SCRIPT
my $check = "SELECT price FROM vm;\n";
my $codes = "(ARRAY['CPU_1GHZ', 'RAM_GB', 'STORAGE_STANDARD'])";
my $one = "UPDATE aas.products SET price = :p / 100.0 WHERE code = ${codes}[:i];\n";
my $another = "UPDATE aas.products SET price = :q / 100.0 WHERE code = ${codes}[:j];\n";
my $newest = "(SELECT max(book_id) FROM dcx.price_book)";
my $hand = "UPDATE dcx.price_book SET book = jsonb_set(book, ARRAY[${codes}[:i], 'price'], to_jsonb(:p / 100.0))"
  . " WHERE book_id = $newest;\n";
my $hand_new = <<"SCRIPT";
INSERT INTO dcx.price_book (catalog, first_seen_at, last_seen_at, products, book)
SELECT catalog, now(), now(), products, jsonb_set(book, ARRAY[${codes}[:j], 'price'], to_jsonb(:q / 100.0))
FROM dcx.price_book WHERE book_id = $newest;
SCRIPT
# The first book remains.
my $hand_delete = "DELETE FROM dcx.price_book WHERE book_id > 1 AND book_id = $newest;\n";
my $save = "SELECT FROM dcx_price_book_save();\n";
my $save_or_hand = "\\if :level = 1\n$one$save\\else\n$hand\\endif\n";
my $save_or_new = "\\if :level = 1\n$another$save\\else\n$hand_new\\endif\n";
my $elsewhere = "INSERT INTO elsewhere VALUES (:p);\n";
# Two snapshots in turn, at READ COMMITTED.
my $mixed = "SELECT check_price(n), check_price_now(n), check_price(n) FROM generate_series(1, 8) AS n;\n";

my %scripts = (
	# Writers.
	'price@2' => "$random$one$another",
	'save@3' => "$random$one$save",
	'see@1' => $save,
	'savepoint@2' => "$random${begin}${save_or_hand}SAVEPOINT s;\n$save_or_new$back$end",
	'hand@1' => "$random$begin$hand$end",
	'hand_new@1' => "$random$begin$hand_new$hand_new$end",
	'hand_delete@2' => "$random$begin$hand_delete$end",
	'two_phase@1' => <<"SCRIPT",
$random$begin$save_or_hand${check}PREPARE TRANSACTION 'stress :client_id';
$check
\\if :end = 1
ROLLBACK PREPARED 'stress :client_id';
\\else
COMMIT PREPARED 'stress :client_id';
\\endif
$check
SCRIPT
	# A transaction that is in everybody's snapshots for a while, and saves nothing.
	'bystander@1' => "$random$begin$elsewhere" . $check x 8 . $end,
	# Readers.
	'single@3' => $check x 4,
	'transaction@4' => "$random$begin" . $check x 5 . "$end$check",
	'mixed@2' => "$random$begin$mixed$end$check",
	# Readers that also save.
	'own@3' => "$random$begin${check}SAVEPOINT s;\n$check$save_or_hand$check$back$check$save_or_new$check$end$check",
	'own_nested@2' => <<"SCRIPT",
$random$begin$elsewhere${check}SAVEPOINT t;
$save_or_hand${check}SAVEPOINT s;
$save_or_new$check$hand_delete$check$back${check}ROLLBACK TO SAVEPOINT t;
$check$end$check
SCRIPT
	'own_late@2' => "$random$begin$elsewhere$check$save_or_hand$end$check$check",
	'own_renew@1' => "$random$begin$check$hand_new$check$hand_delete$hand_new$check$hand$check$end$check",
	'own_block@1' => "${random}BEGIN ISOLATION LEVEL READ COMMITTED;\n${check}SELECT taken_back();\n$check$end$check",
	'cursor@2' => <<"SCRIPT",
$random${begin}DECLARE c CURSOR FOR SELECT check_price(n), check_price_now(n) FROM generate_series(1, 9) AS n;
FETCH 1 FROM c;
${check}SAVEPOINT s;
${save_or_hand}FETCH 1 FROM c;
$check${back}FETCH 1 FROM c;
${check}FETCH 2 FROM c;
$end$check
SCRIPT
);

make_database('young', '1d');
stress($node, 'young', 6, 400, \%scripts);

# The same, looked at from the middle of each change of a row; and the rows are moved about, for which a prepared
# transaction would keep everybody waiting, itself included.
$node->safe_psql('young', 'CREATE TRIGGER look BEFORE UPDATE ON dcx.price_book FOR EACH ROW EXECUTE FUNCTION look()');
my %moving = (%scripts, 'move@1' => "VACUUM FULL dcx.price_book;\n");
delete $moving{'two_phase@1'};
stress($node, 'young', 6, 200, \%moving);
$node->safe_psql('young', 'DROP TRIGGER look ON dcx.price_book');

# Rows grow old, are seen again, and are gone.
make_database('aging', '1h');
my $age = "UPDATE dcx.price_book SET last_seen_at = last_seen_at - interval '1 day' WHERE book_id = $newest;\n";
my $first = "SELECT is_saved()::text AS saved \\gset\n";
my $next = "SELECT is_saved(:saved)::text AS saved \\gset\n";
stress($node, 'aging', 6, 400, {
	'price@2' => "$random$one$another",
	'save@3' => "$random$one$save",
	'age@3' => "$random$begin$age$end",
	'renew@1' => "${random}UPDATE dcx.price_book SET last_seen_at = now() WHERE book_id = $newest;\n",
	'delete@1' => "${random}${begin}DELETE FROM dcx.price_book;\n$end",
	'single@3' => $first x 4,
	'transaction@5' => "$random$begin$first" . $next x 5 . "$end$first",
	'own@3' => "$random$begin$first$save_or_hand${next}SAVEPOINT s;\n$next$age$next$back$next$save_or_new$next$end$first",
	'own_first@2' => "$random${begin}SAVEPOINT s;\n$save_or_new$first$back$next$age$next$end$first",
});

# Only saves, some of which are taken back: each row is later than the one before, and another book.
make_database('history', '1d');
stress($node, 'history', 6, 200, {
	'price@2' => "$random$one$another",
	'save@3' => "$random$one$save",
	'see@2' => $save,
	'own@2' => <<"SCRIPT",
${random}BEGIN ISOLATION LEVEL READ COMMITTED;
${check}${save}SAVEPOINT s;
$one$save$check$back$check$save$check$end$check
SCRIPT
	'transaction@2' => "$random$begin" . $check x 5 . $end,
});
is($node->safe_psql('history', <<'SQL'), 't|t|t', 'the books are in order');
SELECT count(*) > 10, bool_and(first_seen_at <= last_seen_at AND last_seen_at <= now()),
	bool_and(before IS NULL OR before <> book AND before_seen_at <= first_seen_at)
FROM (SELECT *, lag(book) OVER w AS before, lag(last_seen_at) OVER w AS before_seen_at
	FROM dcx.price_book WINDOW w AS (ORDER BY book_id)) AS b
SQL

# A standby, while books are saved on the primary: a standby makes its snapshots in another way.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$node->backup('of_primary');
$standby->init_from_backup($node, 'of_primary', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nmax_standby_streaming_delay = -1\n");
$standby->start;
$node->safe_psql('history', <<'SQL');
-- Saves until somebody takes the lock.
CREATE PROCEDURE save_on() LANGUAGE plpgsql AS $$
BEGIN
	WHILE pg_try_advisory_xact_lock_shared(1) LOOP
		UPDATE aas.products SET price = price + random() WHERE code = 'RAM_GB';
		PERFORM dcx_price_book_save();
		IF random() < 0.2 THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
	END LOOP;
END $$;
SQL
my ($bystander, $writer, $stop) = map { Dcx::Session->new($node->connstr('history')) } 1 .. 3;
# The oldest transaction in every snapshot: so xmin is the same, and snapshots differ in other things.
$bystander->value('BEGIN; INSERT INTO elsewhere VALUES (1)');
$writer->start('CALL save_on()');
my $on_standby = $random =~ s/random\(1, 3\)/random(1, 2)/r;
stress($standby, 'history', 4, 60, {
	'single@2' => $check x 8,
	'transaction@2' => "$on_standby$begin" . $check x 8 . "$end$check",
	'mixed@1' => "$on_standby$begin$mixed$end$check",
});
$stop->start('SELECT pg_advisory_lock(1)');
is($writer->finish_value, '', 'books were saved on the primary all the while');
$_->close for $writer, $bystander, $stop;

done_testing();
