-- Tables that are not as we made them: refused before anything is read, and never a crash.
SET client_min_messages = warning;
DROP DATABASE IF EXISTS regress_dcx_shapes;
DROP ROLE IF EXISTS regress_dcx_maker;
RESET client_min_messages;
CREATE DATABASE regress_dcx_shapes TEMPLATE template0;
CREATE ROLE regress_dcx_maker;
GRANT CREATE ON DATABASE regress_dcx_shapes TO regress_dcx_maker;
\c regress_dcx_shapes
CREATE EXTENSION dcx_pricing;

-- Runs a call on altered tables, and puts them back.
CREATE SCHEMA test;
GRANT USAGE ON SCHEMA test TO PUBLIC;
CREATE FUNCTION test.failure(statement text)
RETURNS TABLE(state text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    state := 'none';
    RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;
CREATE FUNCTION test.altered(alteration text, call text)
RETURNS TABLE(state text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE alteration;
        SELECT f.* INTO state, message, detail, hint FROM test.failure(call) f;
        RAISE SQLSTATE 'DCX99';
    EXCEPTION WHEN SQLSTATE 'DCX99' THEN
    END;
    RETURN NEXT;
END $$;

-- a. Whoever may create a schema. Nothing is attached, and nothing of his is read.
SET ROLE regress_dcx_maker;
CREATE SCHEMA dcx;
CREATE TABLE dcx.binding (catalog text NOT NULL, part text NOT NULL, relation regclass NOT NULL, columns text[], made text[] NOT NULL, seen jsonb,
    attached_by text NOT NULL DEFAULT current_user, attached_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (catalog, part)) PARTITION BY LIST (catalog);
SELECT * FROM test.failure($$SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40)$$) \gx
RESET ROLE;
SELECT f.state, f.message FROM unnest(ARRAY['dcx_vm_cost(''1GHZ'', 2, 4, ''STANDARD'', 40)', 'dcx_network_cost(''DIA'', 10)', 'dcx_wallet_balance(''a'')', 'dcx_price_book()',
    'dcx_wallet_capture(1)', 'dcx_health()']) call, LATERAL test.failure('SELECT ' || call) f;
SELECT area, severity, problem, detail FROM dcx_check();
-- As any other kind.
DROP TABLE dcx.binding;
SET ROLE regress_dcx_maker;
CREATE VIEW dcx.binding AS SELECT 'aas'::text AS catalog, 'products'::text AS part, 1260::regclass AS relation, NULL::text[] AS columns;
SELECT state, message FROM test.failure('SELECT dcx_price_book()');
DROP VIEW dcx.binding;
CREATE TABLE dcx.binding AS SELECT 'aas'::text AS catalog, 'products'::text AS part, 1260 AS relation, 1::bigint AS columns;
SELECT state, message FROM test.failure('SELECT dcx_price_book()');
RESET ROLE;
-- A superuser's is trusted, and looked at.
ALTER TABLE dcx.binding OWNER TO CURRENT_USER;
SELECT * FROM test.failure('SELECT dcx_price_book()') \gx
SET client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
-- Who may attach one thing is trusted with that, and is no obstacle to the others.
GRANT EXECUTE ON FUNCTION dcx_attach_aas(text, text) TO regress_dcx_maker;
SET ROLE regress_dcx_maker;
CREATE SCHEMA own;
CREATE TABLE own.products (code text, title text, price float8, cost float8, unit integer, "categoryId" text);
INSERT INTO own.products VALUES ('RAM_GB', 'RAM', 37, 20, 1);
SELECT relation FROM dcx_attach_aas(schema => 'own');
SELECT dcx_product_cost('RAM_GB');
SELECT f.state, f.message FROM unnest(ARRAY['dcx_wallet_balance(''a'')', 'dcx_network_cost(''DIA'', 10)']) call, LATERAL test.failure('SELECT ' || call) f;
INSERT INTO dcx.binding (catalog, part, relation, columns, made) VALUES ('wallet', 'wallets', 'own.products', '{code,price}', '{}');
RESET ROLE;
SELECT f.state, f.message, f.detail FROM test.failure($$SELECT dcx_wallet_balance('a')$$) f;
SELECT f.state, f.message, f.detail FROM test.altered('ALTER TABLE dcx.binding DROP CONSTRAINT binding_pkey', $$SELECT dcx_product_cost('RAM_GB')$$) f;
DROP SCHEMA dcx, own CASCADE;
REVOKE EXECUTE ON FUNCTION dcx_attach_aas(text, text) FROM regress_dcx_maker;
RESET client_min_messages;

-- Attached by a superuser: a catalog, saved books, wallets and what moved.
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price float8, cost float8, unit integer, "categoryId" text);
INSERT INTO aas.products VALUES ('CPU_1GHZ', 'CPU', 78, 40, 1), ('RAM_GB', 'RAM', 37, 20, 1), ('STORAGE_STANDARD', 'Storage', 1.8, 1, 1);
SELECT count(*) > 0 AS attached FROM dcx_attach_aas();
CREATE TABLE wallets (org text PRIMARY KEY, balance numeric NOT NULL);
INSERT INTO wallets VALUES ('a', 100), ('b', 50);
SELECT note FROM dcx_attach_wallet('wallets', 'org', 'balance');
SELECT hold_id FROM dcx_wallet_hold('a', 10, 'h');
SELECT hold_id FROM dcx_wallet_hold('a', 5, 'g');
SELECT amount FROM dcx_wallet_capture(2);
SELECT amount FROM dcx_wallet_debit('a', 1, 'd');

-- b. and more: each table in every shape that it can get.
CREATE TABLE test.shape (nr integer GENERATED ALWAYS AS IDENTITY, name text, alteration text);
INSERT INTO test.shape (name, alteration) VALUES
('partitioned', $$ALTER TABLE %1$s RENAME TO old; CREATE TABLE %1$s (LIKE dcx.old INCLUDING ALL) PARTITION BY HASH (%2$s)$$),
('view', $$ALTER TABLE %1$s RENAME TO old; CREATE VIEW %1$s AS TABLE dcx.old$$),
('materialized view', $$ALTER TABLE %1$s RENAME TO old; CREATE MATERIALIZED VIEW %1$s AS TABLE dcx.old; CREATE UNIQUE INDEX ON %1$s (%2$s)$$),
('composite type', $$ALTER TABLE %1$s RENAME TO old; CREATE TYPE %1$s AS (%3$s bigint)$$),
('sequence', $$ALTER TABLE %1$s RENAME TO old; CREATE SEQUENCE %1$s$$),
('unlogged', $$ALTER TABLE %1$s SET UNLOGGED$$),
('parent', $$CREATE TABLE dcx.child () INHERITS (%1$s)$$),
('child', $$CREATE TABLE dcx.parent (LIKE %1$s); ALTER TABLE %1$s INHERIT dcx.parent$$),
('partition', $$CREATE TABLE dcx.root (LIKE %1$s) PARTITION BY LIST (%3$s); ALTER TABLE %1$s ALTER %5$s DROP IDENTITY IF EXISTS; ALTER TABLE %1$s DROP CONSTRAINT %4$s_pkey CASCADE; ALTER TABLE dcx.root ATTACH PARTITION %1$s DEFAULT; ALTER TABLE %1$s ADD PRIMARY KEY (%2$s)$$),
('another access method', $$CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; ALTER TABLE %1$s RENAME TO old; CREATE TABLE %1$s (LIKE dcx.old INCLUDING ALL) USING heap2$$),
('no primary key', $$ALTER TABLE %1$s DROP CONSTRAINT %4$s_pkey$$),
('deferrable key', $$ALTER TABLE %1$s DROP CONSTRAINT %4$s_pkey, ADD PRIMARY KEY (%2$s) DEFERRABLE$$),
('key on more', $$ALTER TABLE %1$s DROP CONSTRAINT %4$s_pkey, ADD more integer DEFAULT 0, ADD PRIMARY KEY (%2$s, more)$$),
('invalid key', $$UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'dcx.%4$s_pkey'::regclass$$),
('key not ready', $$UPDATE pg_index SET indisready = false WHERE indexrelid = 'dcx.%4$s_pkey'::regclass$$),
('descending key', $$UPDATE pg_index SET indoption = '3 3' WHERE indexrelid = 'dcx.%4$s_pkey'::regclass$$),
('key renamed', $$ALTER TABLE %1$s RENAME COLUMN %3$s TO other$$),
('key of domains', $$CREATE DOMAIN dcx.d AS text; ALTER TABLE %1$s ALTER %3$s DROP IDENTITY IF EXISTS; ALTER TABLE %1$s ALTER %3$s TYPE dcx.d$$),
('another collation', $$ALTER TABLE %1$s ALTER %3$s DROP IDENTITY IF EXISTS; ALTER TABLE %1$s ALTER %3$s TYPE text COLLATE "POSIX"$$),
('included columns', $$ALTER TABLE %1$s DROP CONSTRAINT %4$s_pkey, ADD more integer DEFAULT 0, ADD PRIMARY KEY (%2$s) INCLUDE (more)$$),
('a column dropped and added', $$ALTER TABLE %1$s ADD more integer DEFAULT 0; ALTER TABLE %1$s DROP more, ADD most text$$);
CREATE TABLE test.target (nr integer, name text, key text, first text, numbered text, call text);
INSERT INTO test.target VALUES
(1, 'binding', 'catalog, part', 'catalog', 'catalog', 'SELECT dcx_price_book()'),
(2, 'price_book', 'catalog, book_id', 'catalog', 'book_id', $$SELECT dcx_price_book_at('infinity')$$),
(3, 'wallet_account', 'organisation', 'organisation', 'organisation', $$SELECT dcx_wallet_available('a')$$),
(4, 'wallet_entry', 'organisation, entry_id', 'organisation', 'entry_id', $$SELECT dcx_wallet_debit('a', 1, 'd')$$),
(5, 'wallet_hold', 'hold_id', 'hold_id', 'hold_id', 'SELECT dcx_wallet_capture(1)'),
(6, 'wallet_key', 'organisation, idempotency_key', 'organisation', 'organisation', $$SELECT dcx_wallet_credit('a', 1, 'c')$$);
SET client_min_messages = warning;
SELECT s.name AS shape, t.name AS "table", f.state, f.message, f.detail
  FROM test.shape s, test.target t, LATERAL test.altered(format(s.alteration, 'dcx.' || t.name, t.key, t.first, t.name, t.numbered), t.call) f
 ORDER BY s.nr, t.nr;
RESET client_min_messages;
SELECT * FROM test.altered('ALTER TABLE dcx.wallet_key SET UNLOGGED', $$SELECT dcx_wallet_hold('a', 1, 'k')$$) \gx

-- The platform's own change of a wallet is recorded in no other table either.
SELECT state, message, detail FROM test.altered('ALTER TABLE dcx.wallet_entry SET UNLOGGED', $$UPDATE wallets SET balance = 7 WHERE org = 'a'$$);
-- The guards stand on the table itself: what would let a DELETE pass them is refused, and said.
SELECT f.state, f.message FROM unnest(ARRAY['SELECT dcx_wallet_audit()', $$SELECT dcx_wallet_statement('a')$$, $$SELECT dcx_wallet_credit('a', 1, 'c')$$, $$SELECT dcx_attach_wallet('wallets', 'org', 'balance')$$]) call,
    LATERAL test.altered('CREATE TABLE dcx.parent (LIKE dcx.wallet_entry); ALTER TABLE dcx.wallet_entry INHERIT dcx.parent; DELETE FROM dcx.parent', call) f;
BEGIN;
CREATE TABLE dcx.parent (LIKE dcx.wallet_entry);
ALTER TABLE dcx.wallet_entry INHERIT dcx.parent;
SELECT area, severity, problem, detail FROM dcx_check();
SELECT task, result FROM dcx_maintain() WHERE task = 'holds';
ROLLBACK;
-- Attach does not write into one.
SELECT state, message, detail FROM test.altered('ALTER TABLE dcx.wallet_hold ALTER available DROP NOT NULL, ALTER available TYPE text', $$SELECT dcx_attach_wallet('wallets', 'org', 'balance')$$);
SELECT state, message, detail FROM test.altered('ALTER TABLE dcx.binding ALTER seen TYPE text', 'SELECT dcx_attach_aas()');
SELECT state, message, detail FROM test.altered('ALTER TABLE dcx.price_book ALTER book TYPE json', 'SELECT dcx_price_book_save()');

-- c. A column of another type is not read as what it was.
SELECT state, message, detail FROM test.altered('ALTER TABLE dcx.wallet_hold ALTER hold_id DROP IDENTITY; ALTER TABLE dcx.wallet_hold ALTER hold_id TYPE text', 'SELECT dcx_wallet_capture(1)');
SET client_min_messages = warning;
SELECT c.name AS "column", f.state, f.message, f.detail
  FROM (VALUES ('wallet_account', 'balance', 'float8'), ('wallet_account', 'held', 'numeric(10,1)'), ('wallet_account', 'next_expiry', 'timestamptz(0)'), ('wallet_hold', 'amount', 'text'),
        ('wallet_hold', 'state', 'varchar'), ('wallet_hold', 'expires_at', 'timestamp'), ('wallet_hold', 'quote', 'json'), ('wallet_hold', 'state', 'text COLLATE "C"'), ('wallet_entry', 'amount', 'float8'), ('wallet_entry', 'details', 'text'),
        ('wallet_key', 'entry_id', 'integer')) c ("table", name, type),
       LATERAL test.altered(format('DROP TRIGGER IF EXISTS resolved_once ON dcx.%1$I; ALTER TABLE dcx.%1$I ALTER %2$I DROP DEFAULT, ALTER %2$I TYPE %3$s USING %2$I::%3$s', c."table", c.name, c.type), $$SELECT dcx_wallet_debit('a', 1, 'new')$$) f;
RESET client_min_messages;
SELECT state, message, detail FROM test.altered('ALTER TABLE dcx.wallet_account DROP held, ADD held numeric GENERATED ALWAYS AS (balance) STORED', $$SELECT dcx_wallet_available('a')$$);

-- d. What a binding may say of columns and relations.
SELECT b.columns, f.state, f.message FROM unnest(ARRAY['{ctid,balance}', '{org,ctid}', '{tableoid,tableoid}', '{xmin,cmax}', '{org}', '{}', '{NULL,balance}', '{{org,balance},{org,balance}}', '{"",""}', NULL]) b (columns),
    LATERAL test.altered(format($$UPDATE dcx.binding SET columns = %L WHERE part = 'wallets'$$, b.columns), $$SELECT dcx_wallet_available('a')$$) f;
SELECT state, message, detail FROM test.altered($$UPDATE dcx.binding SET columns = ARRAY['org', repeat('x', 64)] WHERE part = 'wallets'$$, $$SELECT dcx_wallet_available('a')$$);
-- As the platform's UPDATE finds it.
SELECT state, message FROM test.altered($$UPDATE dcx.binding SET columns = '{ctid,xmin}' WHERE part = 'wallets'$$, $$UPDATE wallets SET balance = 7 WHERE org = 'a'$$);
SELECT state, message FROM test.failure($$SELECT dcx_attach_wallet('wallets', 'ctid', 'xmin')$$);
CREATE INDEX wallets_balance ON wallets (balance, org);
CREATE SEQUENCE a_sequence;
CREATE TYPE a_type AS (org text, balance numeric);
CREATE TABLE toasted (org text, balance numeric, t text);
SELECT r.name AS relation, f.state AS wallet, CASE f.state WHEN '42809' THEN 'not a table' ELSE regexp_replace(f.message, '\d+', 'N') END AS message,
       g.state AS catalog, CASE g.state WHEN '42809' THEN 'not a table' ELSE regexp_replace(g.message, '\d+', 'N') END AS message
  FROM (VALUES ('nothing', '0'), ('dropped', '4294967295'), ('an index', 'wallets_balance'::regclass::oid::text), ('a sequence', 'a_sequence'::regclass::oid::text), ('a type', 'a_type'::regclass::oid::text),
        ('a toast table', (SELECT reltoastrelid::text FROM pg_class WHERE oid = 'toasted'::regclass))) r (name, relation),
       LATERAL test.altered(format($$UPDATE dcx.binding SET relation = %s::oid::regclass WHERE part = 'wallets'$$, r.relation), $$SELECT dcx_wallet_available('a')$$) f,
       LATERAL test.altered(format($$UPDATE dcx.binding SET relation = %s::oid::regclass WHERE part = 'products'$$, r.relation), $$SELECT dcx_product_cost('RAM_GB')$$) g;
SELECT state, message FROM test.altered($$ALTER TABLE dcx.binding ALTER made DROP NOT NULL; UPDATE dcx.binding SET made = NULL$$, $$SELECT * FROM dcx_detach('wallet')$$);
SELECT state, message FROM test.altered($$INSERT INTO dcx.binding VALUES ('other', 'parts', 'wallets', NULL, '{x,"",NULL}')$$, $$SELECT * FROM dcx_check()$$);

-- e. What cannot be money.
SELECT v.value, c.name AS "column", f.state, f.message, regexp_replace(f.detail, 'since .*', 'since ...') AS detail
  FROM unnest('{NaN,Infinity,-Infinity,-1,NULL}'::text[]) v (value),
       (VALUES (1, 'wallet_account', 'balance', $$SELECT dcx_wallet_credit('a', 1, 'x')$$), (2, 'wallet_account', 'held', $$SELECT dcx_wallet_available('a')$$), (3, 'wallet_hold', 'amount', 'SELECT dcx_wallet_release(1)'),
               (4, 'wallet_hold', 'available', $$SELECT dcx_wallet_hold('a', 10, 'h')$$), (5, 'wallet_hold', 'captured', 'SELECT dcx_wallet_capture(2)'), (6, 'wallet_entry', 'balance', $$SELECT dcx_wallet_debit('a', 1, 'd')$$),
               (7, 'wallet_entry', 'amount', 'SELECT dcx_wallet_capture(2)'), (8, 'wallet_entry', 'available', $$SELECT dcx_wallet_debit('a', 1, 'd')$$)) c (nr, "table", name, call),
       LATERAL test.altered(format('ALTER TABLE dcx.%1$I DISABLE TRIGGER USER, ALTER %2$I DROP NOT NULL; UPDATE dcx.%1$I SET %2$I = %3$L', c."table", c.name, v.value), c.call) f
 ORDER BY c.nr, v.value;
-- The platform's own changes, and attach, do not go on from such a balance.
SELECT c.call, f.state, f.message, f.detail FROM unnest(ARRAY[$$UPDATE wallets SET balance = 7 WHERE org = 'a'$$, 'TRUNCATE wallets', $$SELECT dcx_attach_wallet('wallets', 'org', 'balance')$$]) c (call),
    LATERAL test.altered($$UPDATE dcx.wallet_account SET balance = 'NaN'$$, c.call) f;
-- An expired hold of such an amount.
SELECT state, message, detail FROM test.altered($$UPDATE dcx.wallet_hold SET amount = 'Infinity', expires_at = now() WHERE hold_id = 1; UPDATE dcx.wallet_account SET next_expiry = now()$$, $$SELECT dcx_wallet_available('a')$$);
-- A key, or a hold, of what is not there.
SELECT * FROM test.altered($$INSERT INTO dcx.wallet_key VALUES ('a', 'gone', NULL, 99)$$, $$SELECT dcx_wallet_hold('a', 1, 'gone')$$) \gx
SELECT state, detail FROM test.altered($$INSERT INTO dcx.wallet_key VALUES ('a', 'gone', 99)$$, $$SELECT dcx_wallet_credit('a', 1, 'gone')$$);
SELECT state, detail FROM test.altered($$ALTER TABLE dcx.wallet_entry DISABLE TRIGGER USER; DELETE FROM dcx.wallet_entry WHERE hold_id = 2$$, 'SELECT dcx_wallet_capture(2)');
SELECT state, detail FROM test.altered($$ALTER TABLE dcx.wallet_hold DISABLE TRIGGER USER; UPDATE dcx.wallet_hold SET entry_id = NULL$$, 'SELECT dcx_wallet_capture(2)');
SELECT state, detail FROM test.altered($$UPDATE dcx.wallet_hold SET state = 'strange', resolved_at = now() WHERE state = 'open'$$, 'SELECT dcx_wallet_release(1)');
SELECT state, detail FROM test.altered($$UPDATE dcx.wallet_hold SET state = 'released' WHERE state = 'open'$$, 'SELECT dcx_wallet_release(1)');

-- The platform's table is read by its index only where that finds what a statement would.
-- (Statements use no index here, so that the scans of one tell.)
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SET enable_indexonlyscan = off;
CREATE FUNCTION test.scans() RETURNS bigint LANGUAGE sql AS $$ SELECT coalesce(sum(pg_stat_get_xact_numscans(indexrelid)), 0) FROM pg_index WHERE indrelid = 'wallets'::regclass $$;
CREATE FUNCTION test.read(org text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    before bigint := test.scans();
    balance numeric := dcx_wallet_balance(org);
BEGIN
    RAISE SQLSTATE 'DCX00' USING MESSAGE = balance, DETAIL = CASE WHEN test.scans() > before THEN 'by the index' ELSE 'by a statement' END;
END $$;
SELECT s.name, f.message, f.detail FROM (VALUES
('as it is', 'SELECT 1'),
('children', $$CREATE TABLE child () INHERITS (wallets); INSERT INTO child VALUES ('in the child', 3)$$),
('unlogged', 'ALTER TABLE wallets SET UNLOGGED'),
('no index', 'ALTER TABLE wallets DROP CONSTRAINT wallets_pkey'),
('deferrable', 'ALTER TABLE wallets DROP CONSTRAINT wallets_pkey, ADD PRIMARY KEY (org) DEFERRABLE'),
('partial', $$ALTER TABLE wallets DROP CONSTRAINT wallets_pkey; CREATE UNIQUE INDEX ON wallets (org) WHERE org <> 'a'$$),
('an expression', $$ALTER TABLE wallets DROP CONSTRAINT wallets_pkey; CREATE UNIQUE INDEX ON wallets (lower(org))$$),
('another operator class', $$ALTER TABLE wallets DROP CONSTRAINT wallets_pkey; CREATE UNIQUE INDEX ON wallets (org text_pattern_ops)$$),
('another collation', $$ALTER TABLE wallets DROP CONSTRAINT wallets_pkey; CREATE UNIQUE INDEX ON wallets (org COLLATE "C")$$),
('invalid', $$UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'wallets_pkey'::regclass$$),
('descending', $$ALTER TABLE wallets DROP CONSTRAINT wallets_pkey; CREATE UNIQUE INDEX ON wallets (org DESC)$$),
('hash', $$ALTER TABLE wallets DROP CONSTRAINT wallets_pkey; CREATE INDEX ON wallets USING hash (org)$$),
('generated', 'ALTER TABLE wallets DISABLE TRIGGER USER, DROP balance; ALTER TABLE wallets ADD balance numeric GENERATED ALWAYS AS (length(org) + 93) STORED'),
('a domain', $$CREATE DOMAIN d AS text; ALTER TABLE wallets ALTER org TYPE d$$),
('dropped and added', 'ALTER TABLE wallets DISABLE TRIGGER USER, ADD more text, ADD kept numeric; UPDATE wallets SET kept = balance; ALTER TABLE wallets DROP balance, DROP more; ALTER TABLE wallets RENAME kept TO balance')
) s (name, alteration), LATERAL test.altered(s.alteration, $$SELECT test.read('a')$$) f;
SELECT message, detail FROM test.altered($$CREATE TABLE child () INHERITS (wallets); INSERT INTO child VALUES ('in the child', 3)$$, $$SELECT test.read('in the child')$$);
RESET enable_indexscan;
RESET enable_bitmapscan;
RESET enable_indexonlyscan;

-- A verdict is kept, and goes with what it is about.
SELECT dcx_wallet_available('a');
BEGIN;
ALTER TABLE dcx.wallet_account SET UNLOGGED;
SAVEPOINT s;
SELECT state FROM test.failure($$SELECT dcx_wallet_available('a')$$);
ROLLBACK TO s;
ALTER TABLE dcx.wallet_account SET LOGGED;
SELECT dcx_wallet_available('a');
SAVEPOINT s;
ALTER TABLE dcx.wallet_account ALTER held TYPE float8;
SELECT state FROM test.failure($$SELECT dcx_wallet_available('a')$$);
ROLLBACK TO s;
SELECT dcx_wallet_available('a');
COMMIT;
SELECT dcx_wallet_available('a');
ALTER TABLE wallets DROP CONSTRAINT wallets_pkey;
SELECT dcx_wallet_balance('a');
ALTER TABLE wallets ADD PRIMARY KEY (org);
SELECT dcx_wallet_balance('a');
SELECT * FROM dcx_wallet_audit();
SELECT area, severity, problem FROM dcx_check('wallet');

\c regress_dcx_main
DROP DATABASE regress_dcx_shapes;
DROP ROLE regress_dcx_maker;
