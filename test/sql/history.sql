-- Saved price books: saved when something has changed, found by time, and compared.
\c regress_dcx_main
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price numeric, cost numeric, unit integer, "categoryId" integer);
CREATE TABLE aas.categories (id integer, name text);
INSERT INTO aas.products VALUES ('CPU_1GHZ', 'vCPU - 1GHz', 78, 52, 1, 1), ('RAM_GB', 'RAM', 37, 24.5, 1, 1),
    ('STORAGE_STANDARD', 'Standard Storage', 1.8, 1.1, 1, 2), ('LOOSE', NULL, 5, NULL, NULL, 9);
INSERT INTO aas.categories VALUES (1, 'Compute'), (2, 'Storage');

-- Nothing can be saved before attaching, which makes the table and saves the first book.
SET client_min_messages = warning;
DROP TABLE IF EXISTS dcx.price_book;
RESET client_min_messages;
SELECT state, message FROM test.failure($$SELECT * FROM dcx_price_book_save()$$);
SET timezone = 'UTC';
SELECT * FROM test.failure($$SELECT dcx_price_book_at('2026-01-01')$$) \gx
SELECT note FROM dcx_attach_aas();
SELECT book_id, catalog, products, last_seen_at = first_seen_at AS once, book -> 'RAM_GB' AS ram, book -> 'LOOSE' AS loose FROM dcx.price_book;

-- Nothing has changed: only last_seen_at of the newest row moves.
CREATE TABLE test.before AS SELECT * FROM dcx.price_book;
SELECT book_id, changed, products FROM dcx_price_book_save();
SELECT book_id, p.last_seen_at > b.last_seen_at AS moved, p.first_seen_at = b.first_seen_at AND p.book = b.book AS kept
  FROM dcx.price_book p JOIN test.before b USING (book_id);
-- A change of anything in the book makes a new row: a price, a cost, a title, a category's name, a product. Other changes do not.
UPDATE aas.products SET price = 40 WHERE code = 'RAM_GB';
SELECT book_id, changed, products FROM dcx_price_book_save();
UPDATE aas.products SET cost = 25 WHERE code = 'RAM_GB';
SELECT book_id, changed FROM dcx_price_book_save();
UPDATE aas.categories SET name = 'Computing' WHERE id = 1;
SELECT book_id, changed FROM dcx_price_book_save();
DELETE FROM aas.products WHERE code = 'LOOSE';
SELECT book_id, changed, products FROM dcx_price_book_save();
UPDATE aas.products SET price = price * 1.000, title = title;
ALTER TABLE aas.products ADD COLUMN "updatedAt" timestamptz DEFAULT now();
SELECT book_id, changed FROM dcx_price_book_save();
-- An earlier book that comes back is a new row all the same.
UPDATE aas.products SET title = 'RAM!' WHERE code = 'RAM_GB';
SELECT book_id, changed FROM dcx_price_book_save();
UPDATE aas.products SET title = 'RAM' WHERE code = 'RAM_GB';
SELECT book_id, changed FROM dcx_price_book_save();
SELECT count(*), count(DISTINCT book), bool_and(first_seen_at <= last_seen_at) FROM dcx.price_book;

-- Within a transaction, and rolled back with it.
BEGIN;
UPDATE aas.products SET price = 41 WHERE code = 'RAM_GB';
SELECT changed FROM dcx_price_book_save();
SAVEPOINT s;
UPDATE aas.products SET price = 42 WHERE code = 'RAM_GB';
SELECT changed FROM dcx_price_book_save();
ROLLBACK TO s;
SELECT changed FROM dcx_price_book_save();
ROLLBACK;
SELECT changed FROM dcx_price_book_save();

-- An empty catalog saves nothing; neither does an old snapshot.
BEGIN;
DELETE FROM aas.products;
SELECT * FROM test.failure($$SELECT * FROM dcx_price_book_save()$$) \gx
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM test.failure($$SELECT * FROM dcx_price_book_save()$$) \gx
ROLLBACK;
BEGIN READ ONLY;
SELECT state, message FROM test.failure($$SELECT * FROM dcx_price_book_save()$$);
ROLLBACK;
SELECT state, message, hint FROM test.failure($$SELECT * FROM dcx_price_book_save('tape')$$);
SELECT * FROM dcx_price_book_save(NULL);

-- As of a time. The times are set by hand, so that the test can name them.
UPDATE dcx.price_book SET first_seen_at = '2026-01-01 00:00+00'::timestamptz + (book_id - 1) * interval '10 days',
                          last_seen_at = '2026-01-05 00:00+00'::timestamptz + (book_id - 1) * interval '10 days';
SELECT at, dcx_price_book_at(at) #>> '{RAM_GB,price}' AS price FROM unnest('{2026-01-01, 2026-01-03, 2026-01-05, 2026-01-11}'::timestamptz[]) at;
-- Between last_seen_at of one book and first_seen_at of the next.
SELECT dcx_price_book_at('2026-01-08') #>> '{RAM_GB,price}' AS price;
-- After last_seen_at of the newest book: no change is known, so it answers without a warning.
SELECT dcx_price_book_at('2027-01-01') #>> '{RAM_GB,price}' AS price, dcx_price_book_at('infinity') = dcx_price_book() AS current;
SELECT * FROM test.failure($$SELECT dcx_price_book_at('2025-12-31 23:59:59')$$) \gx
SELECT state FROM test.failure($$SELECT dcx_price_book_at('-infinity')$$);
SELECT dcx_price_book_at(NULL) IS NULL AS nothing;
-- A last_seen_at in the future came from a wrong clock, and is corrected.
UPDATE dcx.price_book SET last_seen_at = now() + interval '1 year' WHERE book_id = (SELECT max(book_id) FROM dcx.price_book);
SELECT changed, read_at <= clock_timestamp() AS now FROM dcx_price_book_save();
-- The order of several products with one code does not matter.
INSERT INTO aas.products VALUES ('TWICE', 'one', 1, 1, 1, 1), ('TWICE', 'two', 2, 2, 2, 2);
SELECT changed FROM dcx_price_book_save();
DELETE FROM aas.products WHERE title = 'one';
INSERT INTO aas.products VALUES ('TWICE', 'one', 1, 1, 1, 1);
SELECT changed FROM dcx_price_book_save();
SELECT book -> 'TWICE' AS twice FROM dcx.price_book ORDER BY book_id DESC LIMIT 1;
-- Without costs, whoever asks.
SELECT count(*) FROM dcx.price_book, jsonb_each(dcx_price_book_at(first_seen_at)) e WHERE e.value ? 'cost';
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, dcx_price_book_at('2026-01-02')),
       dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, dcx_price_book_at('2026-01-12'));

-- What differs.
SELECT * FROM dcx_price_book_diff(dcx_price_book_at('2026-01-01'), dcx_price_book());
SELECT * FROM dcx_price_book_diff(
    '{"a": {"price": 1}, "b": {"price": 2, "title": "B"}, "c": {"price": 3, "title": "C"}, "d": {"price": 0}, "e": {"price": "NaN"}, "f": {"price": 1.5}, "g": {}, "h": {"price": 6}, "i": 5}',
    '{"a": {"price": 1.0}, "b": {"price": 2, "title": "Bee"}, "c": {"price": 4, "title": "Sea"}, "d": {"price": 1}, "e": {"price": 1}, "f": {"price": 1}, "g": {"price": 1}, "H": {"price": 6}, "i": "x"}');
SELECT * FROM dcx_price_book_diff(dcx_price_book(), dcx_price_book());
SELECT * FROM dcx_price_book_diff(dcx_price_book(), NULL);
-- Differences of network services: bands by their ends, the provider, and whether it is active.
SELECT * FROM dcx_price_book_diff('{
    "FIBRE": {"title": "Fibre", "provider": "P", "active": true, "bands": [{"min_mbps": 1, "max_mbps": 20, "fixed_price": 100, "price_per_mbps": 2.5}, {"min_mbps": 20, "max_mbps": 100, "fixed_price": 200, "price_per_mbps": 2},
        {"min_mbps": 100, "max_mbps": null, "fixed_price": 300, "price_per_mbps": 1}]},
    "SAME": {"title": "Same", "provider": "P", "active": true, "bands": [{"min_mbps": 1, "max_mbps": 20, "fixed_price": 1, "price_per_mbps": 2}, {"min_mbps": 5, "fixed_price": 1, "price_per_mbps": 2}]},
    "TITLE": {"title": "Before", "provider": "P", "active": true, "bands": [{"min_mbps": 1, "max_mbps": 20, "fixed_price": 1, "price_per_mbps": 2}]},
    "MOVED": {"title": "Moved", "provider": "P", "active": true, "bands": []}, "NOBODY": {"provider": "P", "bands": []},
    "OVER": {"title": "Over", "provider": "P", "bands": [{"min_mbps": 1, "max_mbps": 20, "fixed_price": 1, "price_per_mbps": 2}]},
    "GONE": {"title": "Gone", "provider": "P", "bands": [{"min_mbps": 0.5, "fixed_price": 7, "price_per_mbps": 0}]},
    "WAS_PRODUCT": {"title": "Once a product", "price": 5}, "RAM_GB": {"title": "RAM", "price": 37}}', '{
    "FIBRE": {"title": "Fibre", "provider": "P", "active": true, "bands": [{"min_mbps": 100, "fixed_price": 300.0, "price_per_mbps": 1.25}, {"min_mbps": 1, "max_mbps": 20, "fixed_price": 110, "price_per_mbps": 2.5},
        {"min_mbps": 20, "max_mbps": 50, "fixed_price": 200, "price_per_mbps": 2}, {"min_mbps": 50, "max_mbps": 100, "fixed_price": 250, "price_per_mbps": "NaN"}]},
    "SAME": {"title": "Same", "provider": "P", "bands": [{"min_mbps": 5.0, "max_mbps": null, "fixed_price": 1, "price_per_mbps": 2.00}, {"min_mbps": 1, "max_mbps": 20, "fixed_price": 1, "price_per_mbps": 2}]},
    "TITLE": {"title": "After", "provider": "P", "active": true, "bands": [{"min_mbps": 1, "max_mbps": 20, "fixed_price": 1, "price_per_mbps": 2}]},
    "MOVED": {"title": "Moved", "provider": "Q", "active": false, "bands": []}, "NOBODY": {"active": true, "bands": []},
    "OVER": {"title": "Over", "provider": "P", "bands": [{"min_mbps": 1, "max_mbps": 20, "fixed_price": 3, "price_per_mbps": 2}, {"min_mbps": 1, "max_mbps": 20, "fixed_price": 1, "price_per_mbps": 2}]},
    "NEW": {"provider": "P", "active": true, "bands": [{"min_mbps": 1, "max_mbps": 2, "fixed_price": 7, "price_per_mbps": 0}]},
    "WAS_PRODUCT": {"title": "Once a product", "provider": "P", "bands": 5}, "RAM_GB": {"title": "RAM", "price": 40}}');
SELECT count(*) FROM dcx_price_book_diff('{"A": {"bands": [5, null, [], {"min_mbps": "x", "fixed_price": "y"}, {"max_mbps": {}}]}, "B": {"bands": {}}, "C": {"bands": null, "active": 5, "provider": 7}}',
                                         '{"A": {"bands": [[], null, 5, {"fixed_price": "z"}, {"max_mbps": []}]}, "B": {"bands": []}, "C": {"bands": 1, "active": true, "provider": "7"}}');
-- They are shown as products are: without costs, sorted, and with what is wrong in them.
BEGIN;
INSERT INTO dcx.price_book (catalog, first_seen_at, last_seen_at, products, book) VALUES ('aas', '2000-01-01', '2000-01-01', 4, '{
    "FIBRE": {"title": "Fibre", "provider": "P", "active": true, "bands": [{"min_mbps": 100, "max_mbps": null, "fixed_price": 300.50, "price_per_mbps": 1, "cost": 0.5}, {"min_mbps": 20, "max_mbps": 100, "fixed_price": 200, "price_per_mbps": "NaN", "cost": "Infinity"},
        {"min_mbps": null, "max_mbps": 20, "fixed_price": 0.1, "price_per_mbps": -2}, {"min_mbps": 20, "max_mbps": 100, "fixed_price": 100, "price_per_mbps": 7}, {"min_mbps": 20, "max_mbps": 50, "fixed_price": 300, "price_per_mbps": 7}]},
    "IDLE": {"title": null, "provider": null, "active": false, "bands": []}, "TWICE": {"title": null, "provider": "P", "active": true, "bands": [], "rows": 2}, "RAM_GB": {"title": "RAM", "price": 37}}');
SELECT code, service FROM jsonb_each(dcx_price_book_at('2000-01-01')) s (code, service) ORDER BY code COLLATE "C";
ROLLBACK;

-- The table is the user's: it stays when the rest goes.
SELECT * FROM dcx_detach('aas');
SELECT state, message FROM test.failure($$SELECT * FROM dcx_price_book_save()$$);
SELECT dcx_price_book_at('2026-01-02') #>> '{RAM_GB,price}' AS price;
SELECT note FROM dcx_attach_aas();
SELECT count(*) FROM dcx.price_book;
-- Attaching a catalog with other prices saves a new book; with the same prices it does not.
CREATE SCHEMA other;
-- What the new catalog lacks is not taken from the old one.
CREATE TABLE other.products AS SELECT code, title, price + 1 AS price, "categoryId" FROM aas.products;
SELECT note FROM dcx_attach_aas(schema => 'other');
SELECT count(*) FROM dcx.price_book;
SELECT dcx_price_book_at(now() + interval '1 hour') #> '{RAM_GB}' AS ram;
-- A table that its owner has damaged is an error that says so.
ALTER TABLE dcx.price_book ALTER book TYPE json;
SELECT * FROM test.failure($$SELECT dcx_price_book_at(now())$$) \gx
ALTER TABLE dcx.price_book ALTER book TYPE jsonb;
CREATE FUNCTION test.keep_away() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep_away BEFORE INSERT ON dcx.price_book FOR EACH ROW EXECUTE FUNCTION test.keep_away();
UPDATE other.products SET price = 1;
SELECT * FROM test.failure($$SELECT * FROM dcx_price_book_save()$$) \gx
DROP FUNCTION test.keep_away CASCADE;

SELECT count(*) FROM dcx_detach('aas');
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA aas, other CASCADE;
DROP TABLE test.before;
