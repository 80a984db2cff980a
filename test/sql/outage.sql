-- The catalog cannot be reached: which book answers, and whether the transaction can still commit.
\getenv dir PG_ABS_SRCDIR
\set connection :dir '/fixtures/connection.sql'
\i :connection
\c regress_dcx_main
SELECT count(*) FROM dcx_attach_aas(:'aas_url');
CREATE PROCEDURE test.cut() LANGUAGE sql AS $$SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = 'regress_dcx_aas'$$;
-- The test looks at the state of the transaction and at the source of the price.
CREATE FUNCTION test.source() RETURNS text LANGUAGE sql AS 'SELECT source FROM dcx_price_book_stats()';
-- The warning names a time.
\set quietly 'SET client_min_messages = error; SET dcx_pricing.on_outage = saved;'
:quietly

-- A connection that was lost is made again; if that fails, a saved book answers.
SELECT dcx_product_cost('RAM_GB');
CALL test.cut();
SELECT dcx_product_cost('RAM_GB');
SELECT test.source();
ALTER DATABASE regress_dcx_aas ALLOW_CONNECTIONS false;
CALL test.cut();
BEGIN;
SELECT dcx_product_cost('RAM_GB');
SELECT test.source();
COMMIT;
ALTER DATABASE regress_dcx_aas ALLOW_CONNECTIONS true;

-- Where the transaction had used the connection, by pricing or not, postgres_fdw would fail the COMMIT: so ours fails here.
\c
:quietly
BEGIN;
SELECT count(*) FROM aas.categories;
CALL test.cut();
SELECT state, message, regexp_replace(hint, '.*Run the', 'Run the') ~ '^Run the transaction again: the book last seen at .* answers then.$' AS again
  FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$);
ROLLBACK;
BEGIN;
SELECT dcx_product_cost('RAM_GB');
SELECT test.source();
COMMIT;

-- The same after everything has been read, when postgres_fdw tells the other server that our subtransaction has ended.
CREATE SCHEMA cut;
CREATE FUNCTION cut.products() RETURNS SETOF aas.products LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM aas.products;
    IF current_setting('test.cut', true) = 'on' THEN
        CALL test.cut();
    END IF;
END $$;
CREATE VIEW cut.products AS SELECT * FROM cut.products();
SELECT relation FROM dcx_attach_aas(schema => 'cut');
\c
:quietly
SET test.cut = on;
\set VERBOSITY sqlstate
SELECT dcx_product_cost('RAM_GB');
\set VERBOSITY default
BEGIN;
SELECT dcx_product_cost('RAM_GB');
SELECT test.source();
COMMIT;

-- A catalog that the test can put out of reach.
CREATE SCHEMA up;
CREATE TABLE up.prices (code text, title text, price numeric);
INSERT INTO up.prices VALUES ('RAM_GB', 'RAM', 37);
CREATE FUNCTION up.other() RETURNS void LANGUAGE plpgsql SET dcx_pricing.max_price_age = '1h' AS $$
BEGIN
    INSERT INTO dcx.price_book (catalog, first_seen_at, last_seen_at, products, book)
        VALUES ('aas', clock_timestamp(), clock_timestamp(), 1, '{"RAM_GB": {"price": 999}}');
    PERFORM public.dcx_product_cost('RAM_GB');
END $$;
-- Its function is not volatile, so it is called while the statement is planned, before anything is read.
CREATE FUNCTION up.is_up() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_setting('test.up', true) = 'off, and seen otherwise' THEN
        PERFORM up.other();
    END IF;
    IF current_setting('test.up', true) LIKE 'off%' THEN
        RAISE EXCEPTION 'it is down' USING ERRCODE = '08001';
    END IF;
    RETURN true;
END $$;
CREATE VIEW up.products AS SELECT * FROM up.prices WHERE up.is_up();
SELECT relation FROM dcx_attach_aas(schema => 'up');
UPDATE up.prices SET price = 40;
-- A saved book that was seen inside the subtransaction, and rolled back with it, does not answer.
\c
:quietly
SET test.up = 'off, and seen otherwise';
SELECT dcx_product_cost('RAM_GB');
-- The current setting counts, even when a saved book has answered under another setting before.
\c
:quietly
SET test.up = 'off';
BEGIN;
SELECT dcx_product_cost('RAM_GB');
SET LOCAL dcx_pricing.on_outage = error;
SELECT state FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$);
ROLLBACK;
-- Once the catalog has answered, the outage is over: a transaction does not get both.
SET test.up = 'on';
BEGIN;
SET LOCAL dcx_pricing.on_outage = error;
SELECT dcx_product_cost('RAM_GB');
SET LOCAL dcx_pricing.on_outage = saved;
SELECT dcx_product_cost('RAM_GB');
COMMIT;
SELECT dcx_product_cost('RAM_GB');

\c
SELECT * FROM dcx_detach('aas');
\set VERBOSITY terse
SET client_min_messages = warning;
DROP PROCEDURE test.cut;
DROP FUNCTION test.source;
-- What a view uses was kept.
DROP SCHEMA cut, up, aas CASCADE;
DROP SERVER dcx_aas CASCADE;
