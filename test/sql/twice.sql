-- One request twice in one statement, under one snapshot, or in one transaction: the second is a repetition. Nothing is
-- moved twice, and no key is written twice.
\c regress_dcx_main
SELECT relation FROM dcx_attach_wallet();
SELECT balance FROM dcx_wallet_credit('org-zero', 100, 'deposit');

CREATE TEMP TABLE n AS SELECT generate_series(1, 3) AS n;
-- The key is made of a column, so that the function is called for each row.
SELECT n, amount, balance, replayed FROM n, LATERAL dcx_wallet_debit('org-zero', 1, 'rows' || left(n::text, 0)) ORDER BY n;
SELECT n, (dcx_wallet_debit('org-zero', 1, 'columns' || left(n::text, 0))).replayed FROM n WHERE n = 1;
SELECT (SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'subselects')) AS a, (SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'subselects')) AS b;
SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'union') UNION ALL SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'union');
WITH a AS MATERIALIZED (SELECT * FROM dcx_wallet_debit('org-zero', 1, 'with')), b AS MATERIALIZED (SELECT * FROM dcx_wallet_debit('org-zero', 1, 'with'))
SELECT a.replayed AS a, b.replayed AS b, a.entry_id = b.entry_id AS same FROM a, b;
SELECT c.replayed AS credit, d.replayed AS again FROM dcx_wallet_credit('org-zero', 1, 'credit') c, dcx_wallet_credit('org-zero', 1, 'credit') d;
SELECT a.replayed AS hold, b.replayed AS again, a.hold_id = b.hold_id AS same FROM dcx_wallet_hold('org-zero', 1, 'hold') a, dcx_wallet_hold('org-zero', 1, 'hold') b;
SELECT state, detail FROM test.failure($$SELECT FROM dcx_wallet_debit('org-zero', 1, 'two'), dcx_wallet_hold('org-zero', 1, 'two')$$);
SELECT state, detail FROM test.failure($$SELECT FROM dcx_wallet_debit('org-zero', 1, 'two'), dcx_wallet_debit('org-zero', 2, 'two')$$);

-- Holds: made, extended and resolved in one statement.
SELECT hold_id AS h FROM dcx_wallet_hold_of('org-zero', 'hold') \gset
SELECT a.amount, a.replayed AS capture, b.replayed AS again, a.entry_id = b.entry_id AS same FROM dcx_wallet_capture(:h) a, dcx_wallet_capture(:h) b;
SELECT c.amount, c.replayed FROM dcx_wallet_hold('org-zero', 2, 'at once') h, LATERAL dcx_wallet_capture(h.hold_id) c;
SELECT r.amount, r.replayed, s.replayed AS again FROM dcx_wallet_hold('org-zero', 2, 'freed') h, LATERAL dcx_wallet_release(h.hold_id) r, LATERAL dcx_wallet_release(h.hold_id) s;
SELECT e.replayed AS longer, f.replayed AS shorter, c.amount FROM dcx_wallet_hold('org-zero', 2, 'longer') h, LATERAL dcx_wallet_extend(h.hold_id, '1 hour') e,
    LATERAL dcx_wallet_extend(h.hold_id, '1 minute') f, LATERAL dcx_wallet_capture(h.hold_id) c;
SELECT hold_id AS h FROM dcx_wallet_hold('org-zero', 1, 'both') \gset
SELECT state, message LIKE 'hold % is not open' AS not_open FROM test.failure(format('SELECT FROM dcx_wallet_release(%s), dcx_wallet_capture(%1$s)', :h));
SELECT state, message LIKE 'hold % is not open' AS not_open FROM test.failure(format('SELECT FROM dcx_wallet_capture(%s), dcx_wallet_extend(%1$s, ''1 hour'')', :h));
SELECT amount, available, replayed FROM dcx_wallet_release(:h);

-- Functions: each statement in a volatile one has a snapshot of its own, a stable one has its caller's.
CREATE FUNCTION test.debit(key text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT replayed FROM dcx_wallet_debit('org-zero', 1, key)); END$$;
CREATE FUNCTION test.debit_sql(key text) RETURNS boolean LANGUAGE sql AS $$SELECT replayed FROM dcx_wallet_debit('org-zero', 1, key)$$;
CREATE FUNCTION test.undone(key text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM dcx_wallet_debit('org-zero', 1, key);
    RAISE SQLSTATE 'DCX99';
EXCEPTION WHEN SQLSTATE 'DCX99' THEN
    RETURN 'undone';
END $$;
SELECT n, test.debit('volatile') FROM n;
SELECT n, test.debit_sql('sql') FROM n;
SELECT test.debit('mixed'), test.debit_sql('mixed'), (SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'mixed'));
-- What a subtransaction has done and undone is no first request.
SELECT test.undone('undone'), (SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'undone')) AS first, (SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'undone')) AS second, test.undone('undone');
DO $$
BEGIN
    ASSERT NOT (SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'do'));
    ASSERT (SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'do'));
    FOR i IN 1 .. 2 LOOP
        PERFORM test.undone('do ' || i);
        ASSERT NOT (SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'do ' || i));
        ASSERT test.debit('do ' || i)::boolean;
        COMMIT;
    END LOOP;
END $$;

-- A cursor keeps the snapshot with which it was opened.
BEGIN;
DECLARE before CURSOR FOR SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'before');
DECLARE rows CURSOR FOR SELECT n, replayed FROM n, LATERAL dcx_wallet_debit('org-zero', 1, 'cursor' || left(n::text, 0));
FETCH 1 FROM rows;
SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'cursor');
FETCH 2 FROM rows;
SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'before');
FETCH ALL FROM before;
SAVEPOINT s;
SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'savepoint');
ROLLBACK TO s;
SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'savepoint');
SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'savepoint');
COMMIT;

-- The other isolation levels, where all statements have one snapshot.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'repeatable');
SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'repeatable');
SELECT n, replayed FROM n, LATERAL dcx_wallet_debit('org-zero', 1, 'repeatable rows' || left(n::text, 0)) ORDER BY n;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'serializable');
SELECT replayed FROM dcx_wallet_debit('org-zero', 1, 'serializable');
SELECT n, replayed FROM n, LATERAL dcx_wallet_debit('org-zero', 1, 'serializable rows' || left(n::text, 0)) ORDER BY n;
COMMIT;

-- A trigger of the platform that asks for the same in each row of a statement.
CREATE TABLE test.orders (id integer PRIMARY KEY, org text, request text);
CREATE FUNCTION test.pay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.request := (SELECT concat_ws(' ', NEW.request, replayed) FROM dcx_wallet_debit(NEW.org, 1, NEW.request));
    RETURN NEW;
END $$;
CREATE TRIGGER pay BEFORE INSERT ON test.orders FOR EACH ROW EXECUTE FUNCTION test.pay();
INSERT INTO test.orders VALUES (1, 'org-zero', 'o1'), (2, 'org-zero', 'o1'), (3, 'org-zero', 'o3') RETURNING *;
WITH o AS (INSERT INTO test.orders VALUES (4, 'org-zero', 'o3'), (5, 'org-zero', 'o5') RETURNING *)
SELECT o.id, o.request, d.replayed FROM o, LATERAL dcx_wallet_debit(o.org, 1, left(o.request, 2)) d ORDER BY id;
-- And one on the wallet table itself, which debits another wallet, and repeats that.
CREATE FUNCTION test.fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW."organisationId" = 'org-zero' THEN
        PERFORM dcx_wallet_debit('org-acme', 1, 'fee'), dcx_wallet_debit('org-acme', 1, 'fee');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fee AFTER UPDATE ON "OrganisationWallet" FOR EACH ROW EXECUTE FUNCTION test.fee();
SELECT n, replayed FROM n, LATERAL dcx_wallet_debit('org-zero', 1, 'with a fee' || left(n::text, 0)) ORDER BY n;
SELECT d.replayed, a.replayed AS again FROM dcx_wallet_debit('org-zero', 1, 'fee') d, LATERAL dcx_wallet_debit('org-acme', 1, 'fee') a;

SELECT organisation, kind, count(*), sum(amount), count(DISTINCT idempotency_key) FROM dcx.wallet_entry WHERE organisation IN ('org-zero', 'org-acme') GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM dcx_wallet_audit();

DROP FUNCTION test.debit, test.debit_sql, test.undone;
DROP TABLE test.orders;
DROP FUNCTION test.pay;
DROP FUNCTION test.fee CASCADE;
SELECT count(*) > 0 AS undone FROM dcx_detach('wallet');
SET client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
UPDATE "OrganisationWallet" SET balance = v.balance FROM (VALUES ('org-acme', 1000), ('org-zero', 0)) v (org, balance) WHERE "organisationId" = v.org;

-- Another spelling of the same organisation, where the column's collation ignores case: the wallet's row says how it is spelled.
CREATE COLLATION test.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE test.spelled (org text COLLATE test.any_case PRIMARY KEY, balance numeric NOT NULL);
INSERT INTO test.spelled VALUES ('acme', 100);
SELECT relation FROM dcx_attach_wallet('test.spelled', 'org');
SELECT n, organisation, balance, replayed FROM n, LATERAL dcx_wallet_debit(CASE n WHEN 1 THEN 'acme' WHEN 2 THEN 'ACME' ELSE 'Acme' END, 1, 'spelled') ORDER BY n;
SELECT n, organisation, available, replayed FROM n, LATERAL dcx_wallet_hold(CASE n WHEN 1 THEN 'ACME' WHEN 2 THEN 'acme' ELSE 'aCME' END, 1, 'held') ORDER BY n;
SELECT organisation, replayed FROM dcx_wallet_debit('AcmE', 1, 'spelled');
SELECT organisation, kind, amount, balance FROM dcx.wallet_entry ORDER BY entry_id;
SELECT * FROM dcx_wallet_audit();
SELECT count(*) > 0 AS undone FROM dcx_detach('wallet');
DROP SCHEMA dcx CASCADE;
DROP TABLE test.spelled;
DROP COLLATION test.any_case;
