-- The price book: read once, kept while it is exact, and what a bad row does to it. On local
-- relations, where everything can be changed.
\c regress_dcx_main
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price float8);
INSERT INTO aas.products VALUES ('CPU_1GHZ', 'vCPU - 1GHz', 78), ('CPU_2GHZ', 'vCPU - 2GHz', 155),
    ('RAM_GB', 'RAM', 37), ('STORAGE_STANDARD', 'Standard Storage', 1.8);
SELECT * FROM dcx_price_book_stats();
SELECT * FROM dcx_attach_aas();

-- What the book did since the last call of this function.
CREATE TABLE test.seen AS SELECT * FROM dcx_price_book_stats();
CREATE FUNCTION test.since() RETURNS TABLE(loads bigint, remote_reads bigint, hits bigint)
LANGUAGE sql AS $$
    WITH now AS (SELECT * FROM dcx_price_book_stats()),
         old AS (UPDATE test.seen s SET loads = n.loads, remote_reads = n.remote_reads, hits = n.hits
                   FROM now n, test.seen o RETURNING o.loads, o.remote_reads, o.hits)
    SELECT n.loads - o.loads, n.remote_reads - o.remote_reads, n.hits - o.hits FROM now n, old o
$$;

-- A thousand calls, one read.
SELECT count(dcx_vm_cost('1GHZ', i, 4, 'STANDARD', 40)) FROM generate_series(1, 1000) i;
SELECT * FROM test.since();
-- While nobody commits, the next transactions do not read either. (Autovacuum may commit.)
SELECT dcx_product_cost('RAM_GB');
SELECT dcx_product_cost('RAM_GB');
SELECT dcx_product_cost('RAM_GB');
SELECT dcx_product_cost('RAM_GB');
SELECT dcx_product_cost('RAM_GB');
SELECT loads < 5 AS kept, loads + hits AS calls FROM test.since();

-- Every kind of change is seen at once.
UPDATE aas.products SET price = 40 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB');
BEGIN;
UPDATE aas.products SET price = 41 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB');
SAVEPOINT s;
UPDATE aas.products SET price = 42 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB');
ROLLBACK TO s;
SELECT dcx_product_cost('RAM_GB');
ROLLBACK;
SELECT dcx_product_cost('RAM_GB');
BEGIN;
ALTER TABLE aas.products DISABLE TRIGGER ALL;
SET LOCAL session_replication_role = replica;
UPDATE aas.products SET price = 43 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB');
COMMIT;
SELECT dcx_product_cost('RAM_GB');
BEGIN;
TRUNCATE aas.products;
SELECT state, message, hint FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$);
ROLLBACK;
SELECT dcx_product_cost('RAM_GB');
ALTER TABLE aas.products ALTER price TYPE numeric(12,4) USING price * 2;
SELECT dcx_product_cost('RAM_GB');

-- A transaction that writes other tables keeps the book. The update of test.seen is such a write.
BEGIN;
SELECT count(*) FROM test.since();
SELECT dcx_product_cost('RAM_GB');
CREATE TABLE elsewhere AS SELECT i, dcx_product_cost('RAM_GB', i) FROM generate_series(1, 1000) i;
SELECT loads <= 2 AS few, hits > 990 AS most FROM test.since();
ROLLBACK;

-- A function that an UPDATE calls sees what the same UPDATE has changed so far, as plain SQL does.
CREATE TABLE test.witness (id serial, code text, priced numeric, plain numeric);
CREATE FUNCTION test.witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO test.witness (code, priced, plain) VALUES (NEW.code,
        (SELECT sum(dcx_product_cost(code)) FROM (VALUES ('CPU_1GHZ'), ('CPU_2GHZ'), ('RAM_GB')) v (code)),
        (SELECT sum(price) FROM aas.products WHERE code IN ('CPU_1GHZ', 'CPU_2GHZ', 'RAM_GB')));
    RETURN NEW;
END $$;
CREATE TRIGGER witness BEFORE UPDATE ON aas.products FOR EACH ROW EXECUTE FUNCTION test.witness();
UPDATE aas.products SET price = price + 1;
SELECT count(*), count(DISTINCT plain) AS states, bool_and(priced = plain) AS exact FROM test.witness;
-- The same without a write between the calls, where the command counter stands still.
CREATE OR REPLACE FUNCTION test.witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'priced %, plain %', dcx_product_cost('CPU_1GHZ') + dcx_product_cost('CPU_2GHZ'),
        (SELECT trim_scale(sum(price)) FROM aas.products WHERE code LIKE 'CPU%');
    RETURN NEW;
END $$;
UPDATE aas.products SET price = price - 1 WHERE code LIKE 'CPU%';
DROP TRIGGER witness ON aas.products;

-- A cursor keeps seeing what it saw when it was opened.
BEGIN;
DECLARE c CURSOR FOR SELECT dcx_product_cost('RAM_GB') FROM generate_series(1, 4);
FETCH 1 FROM c;
UPDATE aas.products SET price = 50 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB');
FETCH 1 FROM c;
SELECT dcx_product_cost('RAM_GB');
COMMIT;

-- A bad row spoils only itself.
ALTER TABLE aas.products ALTER price TYPE float8;
INSERT INTO aas.products VALUES ('NOT_A_NUMBER', 'x', 'NaN'), ('ENDLESS', 'x', 'Infinity'),
    ('BOTTOMLESS', 'x', '-Infinity'), ('NEGATIVE', 'x', -1), ('PRICELESS', 'x', NULL), ('FREE', NULL, 0),
    ('TWICE', 'first', 1), ('TWICE', 'second', 1), ('', 'no code', 1), (NULL, 'no code either', 1),
    ('Case', 'x', 1), ('case', 'x', 2), ('Only_Case', 'x', 3), (U&'Caf\00e9', 'x', 4), ('with "quotes" and ''', 'x', 5),
    (repeat('long', 125), 'x', 6);
SELECT code, f.state, message, detail FROM unnest('{NOT_A_NUMBER,ENDLESS,BOTTOMLESS,NEGATIVE,PRICELESS,TWICE,twice,CASE,""}'::text[]) code,
    LATERAL test.failure(format('SELECT dcx_product_cost(%L)', code)) f;
SELECT hint FROM test.failure($$SELECT dcx_product_cost('NEGATIVE')$$);
SELECT dcx_product_cost('FREE'), dcx_product_cost('Case'), dcx_product_cost('case'), dcx_product_cost('only_case'),
       dcx_product_cost(U&'Caf\00e9'), dcx_product_cost('with "quotes" and '''), dcx_product_cost(repeat('long', 125)),
       dcx_product_cost(repeat('LONG', 125), 2);
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
-- A float8 price counts as the decimal that was meant.
UPDATE aas.products SET price = 85.80000000000001 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB');
SELECT dcx_product_cost('RAM_GB', 1000000);
UPDATE aas.products SET price = 0.1 + 0.2 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB', 10);
UPDATE aas.products SET price = 1e15 + 0.3 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB') = (1e15 + 0.3)::float8::numeric AS same;
UPDATE aas.products SET price = 0.123456789 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB'), dcx_product_cost('RAM_GB', 1000000000), dcx_product_cost('RAM_GB', 0.5);
-- A read that fails leaves the book as it was.
ALTER TABLE aas.products ADD bad int;
BEGIN;
ALTER TABLE aas.products RENAME price TO amount;
SELECT state, message FROM test.failure($$SELECT dcx_product_cost('FREE')$$);
ROLLBACK;
SELECT dcx_product_cost('FREE');

-- Partitions, inheritance, materialized views, views, unlogged and temporary tables.
DROP TABLE aas.products;
CREATE TABLE aas.products (code text, title text, price numeric) PARTITION BY LIST (code);
CREATE TABLE aas.products_ram PARTITION OF aas.products FOR VALUES IN ('RAM_GB');
CREATE TABLE aas.products_rest PARTITION OF aas.products DEFAULT;
INSERT INTO aas.products VALUES ('RAM_GB', 'RAM', 10), ('OTHER', 'x', 1);
SELECT * FROM dcx_attach_aas();
SELECT dcx_product_cost('RAM_GB');
BEGIN;
UPDATE aas.products_ram SET price = 11;
SELECT dcx_product_cost('RAM_GB');
SAVEPOINT s;
TRUNCATE aas.products_ram;
SELECT state FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$);
ROLLBACK TO s;
SELECT dcx_product_cost('RAM_GB');
ALTER TABLE aas.products DETACH PARTITION aas.products_ram;
SELECT state FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$);
ROLLBACK;
SELECT dcx_product_cost('RAM_GB');

CREATE SCHEMA other;
CREATE TABLE other.base (code text, price numeric);
INSERT INTO other.base VALUES ('RAM_GB', 20);
CREATE MATERIALIZED VIEW other.products AS SELECT * FROM other.base;
SELECT * FROM dcx_attach_aas(NULL, 'other');
SELECT dcx_product_cost('RAM_GB');
UPDATE other.base SET price = 21;
SELECT dcx_product_cost('RAM_GB');
BEGIN;
REFRESH MATERIALIZED VIEW other.products;
SELECT dcx_product_cost('RAM_GB');
ROLLBACK;
SELECT dcx_product_cost('RAM_GB');
DROP MATERIALIZED VIEW other.products;
CREATE VIEW other.products AS SELECT code, price * coalesce(current_setting('test.factor', true)::numeric, 1) AS price FROM other.base;
SELECT * FROM dcx_attach_aas(NULL, 'other');
SELECT count(*) FROM test.since();
SELECT count(dcx_product_cost('RAM_GB')) FROM generate_series(1, 1000);
SELECT loads FROM test.since();
BEGIN;
SELECT dcx_product_cost('RAM_GB');
SET LOCAL test.factor = 3;
SELECT dcx_product_cost('RAM_GB');
UPDATE other.base SET price = 22;
SELECT dcx_product_cost('RAM_GB');
COMMIT;
DROP VIEW other.products;
CREATE UNLOGGED TABLE other.products AS SELECT * FROM other.base;
SELECT * FROM dcx_attach_aas(NULL, 'other');
BEGIN;
SELECT dcx_product_cost('RAM_GB');
UPDATE other.products SET price = 31;
SELECT dcx_product_cost('RAM_GB');
SAVEPOINT s;
UPDATE other.products SET price = 32;
SELECT dcx_product_cost('RAM_GB');
ROLLBACK TO s;
SELECT dcx_product_cost('RAM_GB');
COMMIT;

-- Attaching something else is seen at once, and rolled back with the transaction.
BEGIN;
SELECT note FROM dcx_attach_aas(NULL, 'aas');
SELECT dcx_product_cost('RAM_GB');
ROLLBACK;
SELECT dcx_product_cost('RAM_GB');
BEGIN;
SELECT count(*) FROM dcx_detach('aas');
SELECT state FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$);
ROLLBACK;
SELECT dcx_product_cost('RAM_GB');

-- A foreign table is read once per transaction.
\getenv dir PG_ABS_SRCDIR
\set connection :dir '/fixtures/connection.sql'
\i :connection
SELECT relation FROM dcx_attach_aas(:'aas_url', 'far');
SELECT count(*) FROM test.since();
BEGIN;
SELECT count(dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40)) FROM generate_series(1, 1000);
SELECT dcx_product_cost('RAM_GB');
UPDATE aas.products SET price = 12 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB');
SAVEPOINT s;
SELECT dcx_product_cost('RAM_GB');
ROLLBACK TO s;
SELECT dcx_product_cost('RAM_GB');
COMMIT;
SELECT * FROM test.since();
SELECT dcx_product_cost('RAM_GB');
SELECT remote_reads FROM test.since();

-- dcx_price_book() reads once per statement, even when each row calls it; unless the statement writes.
SELECT count(dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, dcx_price_book())) FROM generate_series(1, 100);
SELECT remote_reads BETWEEN 1 AND 2 AS once FROM test.since();
SELECT count(*) FROM dcx_detach('aas');
SELECT relation FROM dcx_attach_aas();
CREATE FUNCTION test.prices() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..4 LOOP
        RETURN NEXT dcx_price_book() #>> '{RAM_GB,price}';
        IF i > 1 THEN
            UPDATE aas.products SET price = price + 1 WHERE code = 'RAM_GB';
        END IF;
    END LOOP;
END $$;
SELECT * FROM test.prices();
SELECT count(*) FROM dcx_detach('aas');
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA aas, other CASCADE;
