-- Which book answers: the catalog's own, or the newest saved one, by its age.
\c regress_dcx_main
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price numeric);
INSERT INTO aas.products VALUES ('CPU_1GHZ', 'vCPU - 1GHz', 78), ('RAM_GB', 'RAM', 37), ('STORAGE_STANDARD', 'Standard Storage', 1.8);
SELECT note FROM dcx_attach_aas();
-- The settings. Unknown names under dcx_pricing are refused.
SHOW dcx_pricing.max_price_age;
SHOW dcx_pricing.on_outage;
SET dcx_pricing.max_price_agee = 1;
SELECT state FROM test.failure('SET dcx_pricing.max_price_age = -1');
SET dcx_pricing.on_outage = 'never';
SET ROLE regress_dcx_app;
SET dcx_pricing.max_price_age = '1h';
SET dcx_pricing.on_outage = saved;
RESET ROLE;

-- With max_price_age = 0 the catalog answers, whatever is saved.
UPDATE aas.products SET price = 40 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB');
SELECT source, read_at > now() - interval '1 minute' AS young FROM dcx_price_book_stats();
-- With max_price_age above 0 the saved book answers, in every function that reads prices.
SET dcx_pricing.max_price_age = '1h';
SELECT dcx_product_cost('RAM_GB'), dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40), dcx_price_book() #>> '{RAM_GB,price}' AS book;
SELECT s.source, s.products, s.read_at = b.last_seen_at AS seen
  FROM dcx_price_book_stats() s, (SELECT last_seen_at FROM dcx.price_book ORDER BY book_id DESC LIMIT 1) b;
SELECT unit_price FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40);
-- A save is seen by the next statement.
SELECT changed FROM dcx_price_book_save();
SELECT dcx_product_cost('RAM_GB');
-- It is not loaded again while its row stays the same.
SELECT loads FROM dcx_price_book_stats() \gset
CREATE TABLE elsewhere AS SELECT 1;
SELECT dcx_product_cost('RAM_GB');
DROP TABLE elsewhere;
SELECT dcx_product_cost('RAM_GB');
SELECT loads = :loads AS kept FROM dcx_price_book_stats();
-- If it is too old the catalog answers. Its age counts at the start of the transaction.
UPDATE aas.products SET price = 41 WHERE code = 'RAM_GB';
UPDATE dcx.price_book SET last_seen_at = now() - interval '2 hours';
SELECT dcx_product_cost('RAM_GB');
SELECT source FROM dcx_price_book_stats();
SET dcx_pricing.max_price_age = '3h';
SELECT dcx_product_cost('RAM_GB');
BEGIN;
UPDATE dcx.price_book SET last_seen_at = now() - interval '3 hours';
SELECT dcx_product_cost('RAM_GB');
UPDATE dcx.price_book SET last_seen_at = now() - interval '3 hours' - interval '1 microsecond';
SELECT dcx_product_cost('RAM_GB');
ROLLBACK;
-- A transaction that was answered from the catalog stays with it; one that was not need not.
BEGIN;
SET LOCAL dcx_pricing.max_price_age = '1h';
SELECT dcx_product_cost('RAM_GB');
SELECT changed FROM dcx_price_book_save();
UPDATE aas.products SET price = 42 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB');
COMMIT;
BEGIN;
SELECT changed FROM dcx_price_book_save();
UPDATE aas.products SET price = 43 WHERE code = 'RAM_GB';
SELECT dcx_product_cost('RAM_GB');
ROLLBACK;
-- Our own saves are seen, and gone after a rollback.
SELECT dcx_product_cost('RAM_GB');
BEGIN;
SELECT dcx_product_cost('RAM_GB');
UPDATE aas.products SET price = 44 WHERE code = 'RAM_GB';
SAVEPOINT s;
SELECT changed FROM dcx_price_book_save();
SELECT dcx_product_cost('RAM_GB');
ROLLBACK TO s;
SELECT dcx_product_cost('RAM_GB');
DELETE FROM dcx.price_book;
SELECT dcx_product_cost('RAM_GB');
ROLLBACK;
SELECT dcx_product_cost('RAM_GB');
-- A row that was changed by hand counts as another book.
UPDATE dcx.price_book SET book = jsonb_set(book, '{RAM_GB,price}', '99');
SELECT dcx_product_cost('RAM_GB');
-- A bad price in it is an error of that product, as in the catalog.
UPDATE dcx.price_book SET book = jsonb_set(book, '{RAM_GB,price}', '"NaN"');
SELECT * FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$) \gx
UPDATE dcx.price_book SET book = '[]' WHERE book_id = (SELECT max(book_id) FROM dcx.price_book);
SELECT state, message FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$);
-- No saved book, and no table.
DELETE FROM dcx.price_book;
SELECT dcx_product_cost('RAM_GB');
DROP TABLE dcx.price_book;
SELECT dcx_product_cost('RAM_GB');
SELECT * FROM test.failure($$SELECT * FROM dcx_price_book_save()$$) \gx
-- The table is not trusted when its owner may not attach.
CREATE TABLE dcx.price_book AS SELECT 'aas'::text AS catalog, 1::bigint AS book_id, now() AS last_seen_at, '{"RAM_GB": {"price": 1}}'::jsonb AS book;
ALTER TABLE dcx.price_book ADD PRIMARY KEY (catalog, book_id);
ALTER TABLE dcx.price_book OWNER TO regress_dcx_app;
SELECT * FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$) \gx
SELECT state FROM test.failure($$SELECT dcx_price_book_at(now())$$);
SELECT state FROM test.failure($$SELECT * FROM dcx_price_book_save()$$);
SELECT state, message FROM test.failure($$SELECT * FROM dcx_attach_aas()$$);
DROP TABLE dcx.price_book;
-- A view instead of the table is refused.
CREATE VIEW dcx.price_book AS SELECT 'aas'::text AS catalog, 1::bigint AS book_id, now() AS last_seen_at, '{"RAM_GB": {"price": 1}}'::jsonb AS book;
SELECT state, message FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$);
DROP VIEW dcx.price_book;
SELECT note FROM dcx_attach_aas();

-- The table's rows are replaced, as by loading a dump.
BEGIN;
TRUNCATE dcx.price_book;
COPY dcx.price_book (catalog, book_id, first_seen_at, last_seen_at, products, book) FROM stdin FREEZE;
aas	77	2026-01-01	2036-01-01	1	{"RAM_GB": {"price": 7}}
\.
SET LOCAL dcx_pricing.max_price_age = '1h';
SELECT dcx_product_cost('RAM_GB');
TRUNCATE dcx.price_book;
COPY dcx.price_book (catalog, book_id, first_seen_at, last_seen_at, products, book) FROM stdin FREEZE;
aas	77	2026-01-01	2036-01-01	1	{"RAM_GB": {"price": 8}}
\.
SELECT dcx_product_cost('RAM_GB');
ROLLBACK;

-- A setting of a function counts inside it.
UPDATE aas.products SET price = 50 WHERE code = 'RAM_GB';
CREATE FUNCTION test.live() RETURNS numeric LANGUAGE sql SET dcx_pricing.max_price_age = 0 AS $$SELECT dcx_product_cost('RAM_GB')$$;
SELECT dcx_product_cost('RAM_GB') AS saved, test.live(), dcx_product_cost('RAM_GB', 2) / 2 AS again;
DROP FUNCTION test.live;

RESET dcx_pricing.max_price_age;
SELECT count(*) FROM dcx_detach('aas');
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA aas CASCADE;
