-- Holds: made, captured, released, extended, expired.
\c regress_dcx_main
SELECT relation, note FROM dcx_attach_wallet();
SELECT amount FROM dcx_wallet_credit('org-zero', 100, 'deposit');

-- A hold stays in the balance and cannot be spent.
SELECT hold_id AS h1, amount, expires_at - now() BETWEEN interval '15 minutes' AND '16 minutes' AS soon, available, replayed FROM dcx_wallet_hold('org-zero', 80, 'h1') \gset
SELECT :'amount' AS amount, :'soon' AS soon, :'available' AS available, :'replayed' AS replayed;
SELECT dcx_wallet_balance('org-zero'), dcx_wallet_available('org-zero'), dcx_wallet_can_afford('org-zero', 20), dcx_wallet_can_afford('org-zero', 20.005);
SELECT * FROM test.failure($$SELECT dcx_wallet_hold('org-zero', 20.01, 'h2')$$) \gx
SELECT hold_id = :h1 AS same, amount, available, replayed FROM dcx_wallet_hold('org-zero', 80.0, 'h1');
SELECT f.state, f.detail FROM unnest(ARRAY[$$80, 'h1', '15 min 1 s'$$, $$81, 'h1'$$, $$80, 'h1', description => 'x'$$, $$80, 'deposit'$$]) a,
    LATERAL test.failure(format('SELECT dcx_wallet_hold(%L, %s)', 'org-zero', a)) f;
SELECT f.state, f.message FROM unnest('{0,-1 second,infinity,1000000 years}'::text[]) i,
    LATERAL test.failure(format($$SELECT dcx_wallet_hold('org-zero', 1, 'i', %L)$$, i)) f WHERE i <> 'infinity';
SELECT state, message FROM test.failure($$SELECT dcx_wallet_hold('org-zero', 1, 'i', NULL)$$);

-- Captured in part, the rest is free; the same again is the same answer; anything else is refused.
SELECT state, message, detail FROM test.failure(format('SELECT dcx_wallet_capture(%s, 80.01)', :h1));
SELECT amount, balance, available, replayed FROM dcx_wallet_capture(:h1, 30);
SELECT amount, balance, available, replayed FROM dcx_wallet_capture(:h1, 30.00);
SELECT f.state, f.message, regexp_replace(f.detail, 'since .*', 'since ...') AS detail FROM unnest(ARRAY[
    'capture(%s)', 'capture(%s, 31)', 'release(%s)', $$extend(%s, '1 hour')$$]) call, LATERAL test.failure(format('SELECT dcx_wallet_' || call, :h1)) f;
SELECT kind, amount, balance, hold_id = :h1 AS of_the_hold, idempotency_key FROM dcx_wallet_statement('org-zero') OFFSET 2;
-- In full.
SELECT hold_id AS h2 FROM dcx_wallet_hold('org-zero', 10, 'h2', description => 'whole', details => '{"vm": 1}') \gset
SELECT amount, balance, available, replayed FROM dcx_wallet_capture(:h2);
SELECT amount, replayed FROM dcx_wallet_capture(:h2, 10);
SELECT amount, replayed FROM dcx_wallet_capture(:h2);
SELECT description, details FROM dcx_wallet_statement('org-zero') WHERE hold_id = :h2;
-- Released; the first answer again although more is available by then.
SELECT hold_id AS h3 FROM dcx_wallet_hold('org-zero', 60, 'h3') \gset
SELECT hold_id = :h3 AS same, amount, available, replayed FROM dcx_wallet_release(:h3);
SELECT amount FROM dcx_wallet_credit('org-zero', 1, 'more');
SELECT hold_id = :h3 AS same, amount, available, replayed FROM dcx_wallet_release(:h3);
SELECT f.state, regexp_replace(f.detail, 'since .*', 'since ...') AS detail FROM unnest(ARRAY['capture(%s)', $$extend(%s, '1 hour')$$]) call,
    LATERAL test.failure(format('SELECT dcx_wallet_' || call, :h3)) f;
-- Its key is used up.
SELECT hold_id = :h3 AS same, available, replayed FROM dcx_wallet_hold('org-zero', 60, 'h3');
-- Extended from now, never shortened.
SELECT hold_id AS h4, expires_at AS e4 FROM dcx_wallet_hold('org-zero', 5, 'h4') \gset
SELECT expires_at > :'e4' AS later, expires_at - now() BETWEEN interval '60 minutes' AND '61 minutes' AS hour, amount, available, replayed FROM dcx_wallet_extend(:h4, '1 hour');
SELECT expires_at - now() BETWEEN interval '59 minutes' AND '61 minutes' AS hour, replayed FROM dcx_wallet_extend(:h4, '1 minute');
SELECT expires_at = :'e4' AS as_answered_first, replayed FROM dcx_wallet_hold('org-zero', 5, 'h4');
SELECT f.state, f.message FROM unnest(ARRAY['capture(0)', 'release(-1)', $$extend(4711, '1 hour')$$, 'capture(NULL)', 'release(NULL)', $$extend(NULL, '1 hour')$$,
    'capture(1, 0)', 'capture(1, 0.001)', $$capture(1, 'NaN')$$, $$extend(1, '0')$$, 'extend(1, NULL)']) call, LATERAL test.failure('SELECT dcx_wallet_' || call) f;

-- Expired between two statements of one transaction, by the clock, with nobody to free it.
CREATE PROCEDURE test.wait_until(at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    WHILE clock_timestamp() <= at LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT dcx_wallet_available('org-zero') AS before;
BEGIN;
SELECT hold_id AS h5, expires_at AS e5, available FROM dcx_wallet_hold('org-zero', 50, 'h5', '300 milliseconds') \gset
SELECT hold_id AS h6, available AS a6 FROM dcx_wallet_hold('org-zero', 1, 'h6', '1 hour') \gset
SELECT :'available' AS available, :'a6' AS and_then;
CALL test.wait_until(:'e5');
SELECT dcx_wallet_available('org-zero'), dcx_wallet_can_afford('org-zero', 50), dcx_wallet_can_afford('org-zero', 55.01);
SELECT f.state, regexp_replace(f.detail, 'since .*', 'since ...') AS detail FROM unnest(ARRAY['capture(%s)', 'release(%s)', $$extend(%s, '1 hour')$$]) call,
    LATERAL test.failure(format('SELECT dcx_wallet_' || call, :h5)) f;
SELECT amount, available FROM dcx_wallet_hold('org-zero', 50, 'h7');
SELECT state FROM test.failure(format('SELECT dcx_wallet_capture(%s)', :h5));
SELECT amount, available, replayed FROM dcx_wallet_hold('org-zero', 50, 'h5', '300 milliseconds');
SELECT held, next_expiry > now() AS later, expired_until >= :'e5' AS moved_on FROM dcx.wallet_account WHERE organisation = 'org-zero';
SELECT * FROM dcx_wallet_audit();
-- Where the clock goes back, what has expired stays expired.
UPDATE dcx.wallet_account SET expired_until = now() + interval '1 day' WHERE organisation = 'org-zero';
SELECT state, regexp_replace(detail, 'since .*', 'since ...') AS detail FROM test.failure(format('SELECT dcx_wallet_capture(%s)', :h6));
ROLLBACK;

-- Where nothing is held, nothing expires; and then the first hold that is made decides.
BEGIN;
CREATE TEMP VIEW expiry AS SELECT held, next_expiry = 'infinity' AS never, next_expiry = min(expires_at) AS first
    FROM dcx.wallet_account a LEFT JOIN dcx.wallet_hold h ON h.organisation = a.organisation AND state = 'open' AND amount > 0 AND expires_at > clock_timestamp() WHERE a.organisation = 'org-acme' GROUP BY held, next_expiry;
SELECT hold_id AS x1 FROM dcx_wallet_hold('org-acme', 10, 'x1') \gset
TABLE expiry;
SELECT amount FROM dcx_wallet_capture(:x1, 4);
TABLE expiry;
SELECT hold_id AS x2 FROM dcx_wallet_hold('org-acme', 10, 'x2', '1 hour') \gset
SELECT hold_id AS x3 FROM dcx_wallet_hold('org-acme', 5, 'x3') \gset
TABLE expiry;
SELECT amount FROM dcx_wallet_release(:x2);
TABLE expiry;
SELECT replayed FROM dcx_wallet_extend(:x3, '2 hours');
TABLE expiry;
SELECT amount FROM dcx_wallet_release(:x3);
TABLE expiry;
SELECT expires_at AS e4 FROM dcx_wallet_hold('org-acme', 1, 'x4', '100 milliseconds') \gset
CALL test.wait_until(:'e4');
SELECT amount FROM dcx_wallet_debit('org-acme', 1, 'x5');
SELECT held, next_expiry = 'infinity' AS never, expired_until >= :'e4' AS moved_on FROM dcx.wallet_account WHERE organisation = 'org-acme';
-- Earlier versions left the time of the last hold there.
UPDATE dcx.wallet_account SET next_expiry = now() + interval '1 minute' WHERE organisation = 'org-acme';
SELECT * FROM dcx_wallet_audit();
SELECT hold_id AS x6 FROM dcx_wallet_hold('org-acme', 1, 'x6', '1 hour') \gset
SELECT held, next_expiry > now() + interval '59 minutes' AS of_the_hold FROM dcx.wallet_account WHERE organisation = 'org-acme';
-- And they held 0.00, with a time or without.
UPDATE dcx.wallet_hold SET amount = 0 WHERE hold_id = :x6;
UPDATE dcx.wallet_account SET held = 0, next_expiry = now() - interval '1 minute' WHERE organisation = 'org-acme';
SELECT * FROM dcx_wallet_audit();
SELECT replayed FROM dcx_wallet_extend(:x6, '2 hours');
TABLE expiry;
SELECT * FROM dcx_wallet_audit();
SELECT hold_id AS x7 FROM dcx_wallet_hold('org-acme', 1, 'x7', '3 hours') \gset
TABLE expiry;
SELECT amount FROM dcx_wallet_release(:x6);
TABLE expiry;
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Lists.
SELECT h.idempotency_key, h.amount, h.state, h.captured, h.entry_id IS NOT NULL AS entry, h.resolved_at IS NOT NULL AS resolved, h.description
  FROM dcx_wallet_holds('org-zero', NULL) h;
SELECT idempotency_key FROM dcx_wallet_holds('org-zero');
SELECT state, string_agg(h.idempotency_key, ' ' ORDER BY h.hold_id) FROM unnest('{open,captured,released,expired}'::text[]) s (state), LATERAL dcx_wallet_holds('org-zero', s.state) h (hold_id, o, a, st, ha, ea, ra, c, e, d, idempotency_key) GROUP BY 1 ORDER BY 1;
SELECT * FROM test.failure($$SELECT * FROM dcx_wallet_holds('org-zero', 'lost')$$) \gx
SELECT count(*) FROM dcx_wallet_holds(NULL);
SELECT * FROM test.failure($$UPDATE dcx.wallet_hold SET state = 'open' WHERE state = 'released'$$);

-- A hold by its key: a row as dcx_wallet_holds() has it, whatever its state. An entry's key is no hold's.
SELECT h.idempotency_key, h.amount, h.state, h = f AS same FROM dcx_wallet_holds('org-zero', NULL) h, dcx_wallet_hold_of('org-zero', h.idempotency_key) f ORDER BY h.hold_id;
SELECT key, (SELECT count(*) FROM dcx_wallet_hold_of('org-zero', key)) FROM unnest('{deposit,more,H1,"h1 ","",NULL}'::text[]) key;
SELECT (SELECT count(*) FROM dcx_wallet_hold_of('org-acme', 'h1')) AS another, (SELECT count(*) FROM dcx_wallet_hold_of(NULL, 'h1')) AS nobody, (SELECT count(*) FROM dcx_wallet_hold_of('org-zero', repeat('h', 300))) AS long;
SELECT state, message FROM test.failure($$SELECT * FROM dcx_wallet_hold_of('nobody', 'h1')$$);
BEGIN;
SELECT hold_id AS h8, expires_at AS e8 FROM dcx_wallet_hold('org-zero', 1, 'h8', '100 milliseconds') \gset
CALL test.wait_until(:'e8');
SELECT hold_id = :h8 AS found, state, resolved_at = expires_at AS then FROM dcx_wallet_hold_of('org-zero', 'h8');
ROLLBACK;

-- With the organisation, the same calls. It has to be the hold's own.
BEGIN;
SELECT hold_id AS o1 FROM dcx_wallet_hold('org-zero', 10, 'o1') \gset
SELECT hold_id AS o2 FROM dcx_wallet_hold('org-zero', 10, 'o2') \gset
SELECT hold_id AS o3 FROM dcx_wallet_hold('org-zero', 10, 'o3') \gset
SELECT hold_id AS o5, expires_at AS e5 FROM dcx_wallet_hold('org-zero', 1, 'o5', '100 milliseconds') \gset
SELECT hold_id = :o1 AS same, amount, expires_at > now() + interval '59 minutes' AS longer, replayed FROM dcx_wallet_extend('org-zero', :o1, '1 hour');
SELECT amount, balance, available, replayed FROM dcx_wallet_capture('org-zero', :o1, 4);
SELECT amount, replayed FROM dcx_wallet_capture('org-zero', :o2, NULL);
SELECT hold_id = :o3 AS same, amount, available, replayed FROM dcx_wallet_release('org-zero', :o3);
-- It is the same call as without the organisation: each repeats the other.
SELECT amount, replayed FROM dcx_wallet_capture(:o1, 4);
SELECT amount, replayed FROM dcx_wallet_capture(:o2) UNION ALL SELECT amount, replayed FROM dcx_wallet_capture(:o2, 10) UNION ALL SELECT amount, replayed FROM dcx_wallet_capture('org-zero', :o2, 10);
SELECT amount, replayed FROM dcx_wallet_release(:o3) UNION ALL SELECT amount, replayed FROM dcx_wallet_release('org-zero', :o3);
SELECT hold_id AS o4 FROM dcx_wallet_hold('org-zero', 10, 'o4') \gset
SELECT c.replayed, d.replayed FROM dcx_wallet_capture(:o4) c, LATERAL dcx_wallet_capture('org-zero', :o4, NULL) d;
SELECT replayed FROM dcx_wallet_capture(hold_id => :o4, amount => NULL, org => 'org-zero');
CALL test.wait_until(:'e5');
SELECT f.state, regexp_replace(f.message, '\d+', 'N') AS message, regexp_replace(f.detail, 'since .*', 'since ...') AS detail FROM unnest(ARRAY[
    format($$capture('org-zero', %s, 5)$$, :o1), format($$release('org-zero', %s)$$, :o1), format($$extend('org-zero', %s, '1 hour')$$, :o3),
    format($$capture('org-zero', %s, NULL)$$, :o5)]) WITH ORDINALITY c (call, n), LATERAL test.failure('SELECT dcx_wallet_' || call) f ORDER BY n;
-- Another's hold is as one that is not there, in whatever state it is and whatever is asked for.
SELECT org, name, count(*) AS calls, string_agg(DISTINCT concat_ws(' ', f.state, replace(f.message, id::text, 'N'), f.detail), '; ') AS error
  FROM unnest('{org-acme,org-nobody,ORG-ZERO,"org-zero ",""}'::text[]) org,
       (VALUES ('open', :h4), ('captured', :o1), ('released', :o3), ('expired', :o5), ('missing', 4711)) h (name, id),
       unnest(ARRAY['capture(%L, %s, NULL)', 'capture(%L, %s, 4)', 'capture(%L, %s, 1000)', 'release(%L, %s)', $$extend(%L, %s, '1 hour')$$, $$extend(%L, %s, '1 second')$$]) call,
       LATERAL test.failure(format('SELECT dcx_wallet_' || call, org, id)) f
 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT hint FROM test.failure($$SELECT dcx_wallet_release('org-acme', 4711)$$);
SELECT f.state, f.message FROM unnest(ARRAY['capture(NULL, 1, 1)', $$capture('org-zero', NULL, 1)$$, 'release(NULL, 1)', $$release('org-zero', NULL)$$, $$extend(NULL, 1, '1 hour')$$,
    $$extend('org-zero', NULL, '1 hour')$$, $$extend('org-zero', 1, NULL)$$, $$capture('org-zero', 1, 0)$$, $$capture('org-zero', 1, 0.001)$$, $$extend('org-zero', 1, '0')$$]) WITH ORDINALITY c (call, n),
    LATERAL test.failure('SELECT dcx_wallet_' || call) f ORDER BY n;
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Page by page: each hold once, in the order of the ids, also while holds are added.
BEGIN;
SELECT count(*) FROM generate_series(1, 7) i, dcx_wallet_hold('org-zero', 0.01, 'p' || i);
CREATE FUNCTION test.pages(state text, rows integer, adding boolean) RETURNS TABLE (page integer, keys text) LANGUAGE plpgsql AS $$
DECLARE
    last bigint := 0;
BEGIN
    page := 0;
    LOOP
        SELECT string_agg(idempotency_key, ' ' ORDER BY n), max(h.hold_id) INTO keys, last
          FROM dcx_wallet_holds('org-zero', pages.state, last, rows) WITH ORDINALITY h (hold_id, o, a, s, ha, ea, ra, c, e, d, idempotency_key, de, q, sr, n);
        EXIT WHEN last IS NULL;
        page := page + 1;
        RETURN NEXT;
        IF adding AND page < 3 THEN
            PERFORM dcx_wallet_hold('org-zero', 0.01, 'new ' || page);
            PERFORM dcx_wallet_hold('org-acme', 0.01, 'new ' || page);
        END IF;
    END LOOP;
END $$;
SELECT * FROM test.pages(NULL, 4, false);
SELECT * FROM test.pages('open', 3, true);
SELECT * FROM test.pages('captured', 1, false);
SELECT count(*) FROM test.pages('expired', 5, false);
SELECT (SELECT string_agg(h::text, ';' ORDER BY n) FROM dcx_wallet_holds('org-zero', NULL) WITH ORDINALITY AS h (a,b,c,d,e,f,g,h,i,j,k,l,m,o,n)) =
       (SELECT string_agg(h::text, ';' ORDER BY n) FROM dcx_wallet_holds('org-zero', NULL, 0, 2147483647) WITH ORDINALITY AS h (a,b,c,d,e,f,g,h,i,j,k,l,m,o,n)) AS default_is_all;
SELECT a, m, (SELECT count(*) FROM dcx_wallet_holds('org-zero', NULL, a, m)) FROM (VALUES (0::bigint, 0), (-1, 2), (9223372036854775807, 2), (NULL, 2), (0, NULL), (0, 2)) v (a, m);
SELECT idempotency_key FROM dcx_wallet_holds('org-zero', max_rows => 1);
SELECT * FROM test.failure($$SELECT * FROM dcx_wallet_holds('org-zero', max_rows => -1)$$) \gx
DROP FUNCTION test.pages;
ROLLBACK;

-- The platform takes what was held: a capture is for money that is there.
BEGIN;
UPDATE "OrganisationWallet" SET balance = 3 WHERE "organisationId" = 'org-zero';
SELECT dcx_wallet_available('org-zero');
SELECT state, detail FROM test.failure(format('SELECT dcx_wallet_capture(%s)', :h4));
SELECT amount, balance, available FROM dcx_wallet_capture(:h4, 3);
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Held and captured, released or extended in one statement: its snapshot does not show the hold.
BEGIN;
SELECT c.amount, c.balance, c.available FROM dcx_wallet_hold('org-zero', 2, 'at once') h, LATERAL dcx_wallet_capture(h.hold_id) c;
SELECT r.amount, r.available FROM dcx_wallet_hold('org-zero', 2, 'not at all') h, LATERAL dcx_wallet_release(h.hold_id) r;
SELECT e.amount, e.available FROM dcx_wallet_hold('org-zero', 2, 'longer') h, LATERAL dcx_wallet_extend(h.hold_id, '1 day') e;
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Rolled back to a savepoint, neither hold nor key is left, and the money is free.
BEGIN;
SAVEPOINT s;
SELECT available FROM dcx_wallet_hold('org-zero', 20, 'later');
ROLLBACK TO s;
SELECT dcx_wallet_available('org-zero');
DO $$
BEGIN
    PERFORM dcx_wallet_hold('org-zero', 20, 'later');
    RAISE 'the order failed';
EXCEPTION WHEN raise_exception THEN
    NULL;
END $$;
SELECT dcx_wallet_available('org-zero');
SELECT available, replayed FROM dcx_wallet_hold('org-zero', 21, 'later');
ROLLBACK;
SELECT * FROM dcx_wallet_audit();
SET client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
UPDATE "OrganisationWallet" SET balance = 0 WHERE "organisationId" = 'org-zero';

-- The organisation is read as its column reads it.
CREATE COLLATION test.ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FUNCTION test.spelled(type text, org text, same text[], other text[]) RETURNS TABLE (what text, spelled text, answer text) LANGUAGE plpgsql AS $$
DECLARE
    spelling text;
    id bigint;
BEGIN
    EXECUTE format('CREATE TABLE test.wallets (org %s PRIMARY KEY, balance numeric NOT NULL)', type);
    EXECUTE format('INSERT INTO test.wallets VALUES (%L, 100), (%L, 100)', org, other[1]);
    PERFORM dcx_attach_wallet('test.wallets', 'org');
    what := type;
    FOREACH spelling IN ARRAY same LOOP
        spelled := spelling;
        SELECT hold_id INTO id FROM dcx_wallet_hold(org, 5, 'c ' || spelling);
        PERFORM dcx_wallet_extend(spelling, id, '1 hour');
        SELECT 'captured ' || c.organisation INTO answer FROM dcx_wallet_capture(spelling, id, 2) c;
        SELECT concat_ws(', ', answer, c.replayed) INTO answer FROM dcx_wallet_capture(spelling, id, 2) c;
        SELECT hold_id INTO id FROM dcx_wallet_hold(org, 5, 'r ' || spelling);
        SELECT concat_ws(', ', answer, r.organisation) INTO answer FROM dcx_wallet_release(spelling, id) r;
        SELECT concat_ws(', ', answer, h.state) INTO answer FROM dcx_wallet_hold_of(spelling, 'r ' || spelling) h;
        RETURN NEXT;
    END LOOP;
    SELECT hold_id INTO id FROM dcx_wallet_hold(org, 5, 'other');
    FOREACH spelling IN ARRAY other LOOP
        spelled := spelling;
        SELECT concat_ws(' ', f.state, replace(f.message, 'hold ' || id, 'hold N')) INTO answer FROM test.failure(format('SELECT dcx_wallet_capture(%L, %s, NULL)', spelling, id)) f;
        RETURN NEXT;
    END LOOP;
    PERFORM dcx_detach('wallet');
    DROP TABLE test.wallets;
    DROP SCHEMA dcx CASCADE;
END $$;
SELECT s.* FROM (VALUES
    ('integer', '7', '{7,007," 7",+7}'::text[], '{8,70,x}'::text[]), ('bigint', '7', '{07}', '{8,1e1}'), ('smallint', '7', '{007}', '{8,70000}'),
    ('text', 'Acme', '{Acme}', '{acme,"Acme "}'), ('varchar(10)', 'Acme', '{Acme}', '{acme}'), ('char(10)', 'Acme', '{Acme,"Acme "}', '{acme}'),
    ('uuid', '0e37df36-f698-11e6-8dd4-cb9ced3df976', '{0E37DF36-F698-11E6-8DD4-CB9CED3DF976,0e37df36f69811e68dd4cb9ced3df976}', '{0e37df36-f698-11e6-8dd4-cb9ced3df977}'),
    ('text COLLATE test.ignore_case', 'Acme', '{acme,ACME,Acme}', '{Acmé,"Acme "}'), ('varchar(10) COLLATE test.ignore_case', 'Acme', '{aCME}', '{Akme}')) v (type, org, same, other),
    LATERAL test.spelled(type, org, same, other) s;
DROP FUNCTION test.spelled;

-- Another spelling is another account, though the column's collation ignores case: a hold stays with the spelling that it was made for.
CREATE TABLE test.wallets (id integer PRIMARY KEY, org text COLLATE test.ignore_case, balance numeric NOT NULL);
INSERT INTO test.wallets VALUES (1, 'Acme', 100), (2, 'hooli', 5), (3, 'Hooli', 7);
SELECT relation, note FROM dcx_attach_wallet('test.wallets', 'org');
SELECT * FROM dcx_wallet_audit();
SELECT hold_id FROM dcx_wallet_hold('acme', 60, 'spelled') \gset
SELECT f.* FROM test.failure($$UPDATE test.wallets SET org = 'ACME' WHERE id = 1$$) f;
SELECT available FROM dcx_wallet_release('ACME', :hold_id);
UPDATE test.wallets SET org = 'ACME' WHERE id = 1;
SELECT organisation, available FROM dcx_wallet_hold('acme', 60, 'spelled again');
WITH gone AS (DELETE FROM test.wallets WHERE id = 1 RETURNING *) INSERT INTO test.wallets SELECT id, 'aCME', balance FROM gone;
SELECT organisation, available FROM dcx_wallet_hold('acme', 70, 'spelled otherwise');
SELECT organisation, balance, held FROM dcx.wallet_account ORDER BY organisation COLLATE "C";
SELECT * FROM dcx_wallet_audit();
TRUNCATE test.wallets;
SELECT organisation, balance, held FROM dcx.wallet_account ORDER BY organisation COLLATE "C";
SELECT * FROM dcx_wallet_audit();
SELECT count(*) > 0 AS undone FROM dcx_detach('wallet');
DROP TABLE test.wallets;
DROP SCHEMA dcx CASCADE;
DROP COLLATION test.ignore_case;

-- A wallet that gets another organisation and with it another partition is renamed, too; under its name it may move.
CREATE TABLE test.wallets (org text, place integer, balance numeric NOT NULL) PARTITION BY LIST (place);
CREATE TABLE test.wallets_1 PARTITION OF test.wallets FOR VALUES IN (1);
CREATE TABLE test.wallets_2 PARTITION OF test.wallets FOR VALUES IN (2);
CREATE TABLE test.wallets_3 PARTITION OF test.wallets FOR VALUES IN (3);
INSERT INTO test.wallets VALUES ('acme', 1, 100), ('hooli', 2, 100);
SELECT relation, note FROM dcx_attach_wallet('test.wallets', 'org');
SELECT hold_id FROM dcx_wallet_hold('acme', 60, 'moved') \gset
SELECT f.* FROM test.failure($$UPDATE test.wallets SET org = 'wonka', place = 2 WHERE org = 'acme'$$) f;
UPDATE test.wallets SET balance = 101, place = 2 WHERE org = 'acme';
SELECT dcx_wallet_available('acme');
DELETE FROM test.wallets WHERE org = 'acme';
SELECT state FROM dcx_wallet_holds('hooli', NULL);
SELECT organisation, balance, held FROM dcx.wallet_account ORDER BY organisation;
-- A trigger that truncates another partition meanwhile, and an error in an earlier TRUNCATE, change nothing.
INSERT INTO test.wallets VALUES ('tyrell', 1, 10), ('tyrell', 2, 20), ('umbrella', 1, 10), ('umbrella', 3, 10);
DELETE FROM test.wallets WHERE org = 'tyrell' AND place = 2;
SELECT hold_id FROM dcx_wallet_hold('tyrell', 5, 'truncated') \gset
INSERT INTO test.wallets VALUES ('tyrell', 2, 20);
CREATE FUNCTION test.truncate_another() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN TRUNCATE test.wallets_3; RETURN NULL; END';
CREATE TRIGGER truncate_another BEFORE TRUNCATE ON test.wallets_1 EXECUTE FUNCTION test.truncate_another();
BEGIN;
TRUNCATE test.wallets_1, test.wallets_2;
SELECT organisation, balance, held FROM dcx.wallet_account ORDER BY organisation;
SELECT * FROM dcx_wallet_audit();
ROLLBACK;
BEGIN;
ALTER TABLE test.wallets_1 DISABLE TRIGGER ALL;
UPDATE test.wallets_1 SET balance = 'NaN';
ALTER TABLE test.wallets_1 ENABLE ALWAYS TRIGGER "000_dcx_wallet_truncate";
SELECT state, message FROM test.failure('TRUNCATE test.wallets_1');
TRUNCATE test.wallets_2;
SELECT organisation, held FROM dcx.wallet_account WHERE organisation = 'tyrell';
ROLLBACK;
SELECT * FROM dcx_wallet_audit();
SELECT count(*) > 0 AS undone FROM dcx_detach('wallet');
DROP TABLE test.wallets;
DROP FUNCTION test.truncate_another;
DROP SCHEMA dcx CASCADE;
