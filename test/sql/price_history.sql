-- Which price a product had, and when, by the saved books. The books are written by hand, so that the test knows their times.
\c regress_dcx_main
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price numeric, cost numeric);
INSERT INTO aas.products VALUES ('RAM_GB', 'RAM', 37, 24.5);
SET client_min_messages = warning;
DROP TABLE IF EXISTS dcx.price_book;
RESET client_min_messages;
SET timezone = 'UTC';
-- Nothing is saved yet.
SELECT * FROM dcx_price_history('RAM_GB');
SELECT note FROM dcx_attach_aas();
SELECT code, title, price, first_seen_at = last_seen_at AS once, replaced_at FROM dcx_price_history();
DELETE FROM dcx.price_book;
CREATE FUNCTION test.book(day integer, last_day integer, book jsonb, catalog text DEFAULT 'aas') RETURNS void LANGUAGE sql AS $$
    INSERT INTO dcx.price_book (catalog, first_seen_at, last_seen_at, products, book)
    VALUES ($4, '2026-01-01'::timestamptz + ($1 - 1) * interval '1 day', '2026-01-01'::timestamptz + ($2 - 1) * interval '1 day', 1, $3)
$$;
CREATE VIEW test.history AS
    SELECT h.code, title, price, min_mbps AS low, max_mbps AS high, price_per_mbps AS per, to_char(first_seen_at, 'MM-DD') AS first,
           to_char(last_seen_at, 'MM-DD') AS last, to_char(replaced_at, 'MM-DD') AS replaced
      FROM dcx_price_history(catalog => 'aas') h;

-- A price that rises and falls back; one that stays while the other changes; a title that changes; a product that goes and comes back.
SELECT test.book(1, 3, '{"RAM_GB": {"title": "RAM", "price": 37, "cost": 20}, "DISK": {"title": "Disk", "price": 1.8}, "GONE": {"price": 5}}');
SELECT test.book(4, 6, '{"RAM_GB": {"title": "RAM", "price": 40, "cost": 20}, "DISK": {"title": "Disk", "price": 1.80}, "GONE": {"price": 5}}');
SELECT test.book(8, 9, '{"RAM_GB": {"title": "RAM", "price": 37, "cost": 21}, "DISK": {"title": "SSD", "price": 1.800}}');
SELECT test.book(10, 12, '{"RAM_GB": {"title": "RAM", "price": 37, "cost": 22}, "DISK": {"title": "SSD", "price": 1.8125}, "GONE": {"price": 5}}');
SELECT * FROM test.history;
SELECT price, first_seen_at, last_seen_at, replaced_at FROM dcx_price_history('RAM_GB');
-- Each price is that of dcx_price_book_at at any time of its period, also between two saves.
SET client_min_messages = error;
SELECT count(*) AS compared, count(*) FILTER (WHERE h.price IS DISTINCT FROM (book -> c.code ->> 'price')::numeric) AS differ
  FROM generate_series('2026-01-01', '2026-01-20', interval '6 hours') t (at) CROSS JOIN unnest('{RAM_GB,DISK,GONE,NEVER}'::text[]) c (code)
 CROSS JOIN dcx_price_book_at(at) book
  LEFT JOIN dcx_price_history() h ON h.code = c.code AND first_seen_at <= at AND coalesce(replaced_at, 'infinity') > at;
RESET client_min_messages;
-- Periods that overlap a time: until is the first moment that does not count. NULL is no limit.
SELECT first_seen_at FROM dcx_price_history('RAM_GB', '2026-01-05');
SELECT first_seen_at FROM dcx_price_history('RAM_GB', until => '2026-01-08');
SELECT first_seen_at FROM dcx_price_history('RAM_GB', '2026-01-08', '2026-01-08');
SELECT first_seen_at FROM dcx_price_history('RAM_GB', '2026-01-07 12:00', '2026-01-07 12:01');
SELECT count(*) FROM dcx_price_history('RAM_GB', '2020-01-01', '2026-01-01');
SELECT count(*) FROM dcx_price_history('RAM_GB', '2030-01-01', 'infinity');
SELECT count(*) FROM dcx_price_history('RAM_GB', 'infinity');
SELECT count(*) FROM dcx_price_history('RAM_GB', '-infinity', NULL);
SELECT count(*) FROM dcx_price_history(NULL, NULL, NULL);
SELECT count(*) FROM dcx_price_history('RAM_GB', catalog => NULL);
-- Codes as pricing finds them: exactly, else without case where one code matches. A code that no book has is no error.
SELECT test.book(13, 13, '{"RAM_GB": {"title": "RAM", "price": 37}, "Ssd": {"price": 1}, "sSD": {"price": 2}}');
SELECT DISTINCT code FROM dcx_price_history('ram_gb');
SELECT code, price FROM dcx_price_history('Ssd');
SELECT code, price FROM dcx_price_history('SSD');
SELECT count(*) FROM dcx_price_history('NEVER');
SELECT count(*) FROM dcx_price_history('');
SELECT state, message FROM test.failure($$SELECT * FROM dcx_price_history('RAM_GB', catalog => 'tape')$$);

-- Prices that cannot be used, and books that somebody has written by hand.
TRUNCATE dcx.price_book;
SELECT test.book(1, 1, '{"A": {"price": "NaN"}, "B": {"price": null}, "C": {"title": "twice", "rows": 2}, "D": {"price": -1}, "E": 5, "F": "bands", "G": {"price": "7"}, "H": {"price": 1e40}, "I": {"price": "Infinity"}}');
SELECT test.book(2, 2, '[1, "A"]');
SELECT test.book(3, 3, '{"A": {"price": "NaN"}, "C": {"title": "once", "price": 3}}');
SELECT test.book(4, 4, 'null');
SELECT * FROM test.history;
SELECT count(*) FROM dcx_price_history('A');
SELECT count(*) FROM dcx_price_history('a');

-- A clock that was wrong: a book of the future is never in force once another is saved, and one that lasts on ends where the next begins.
TRUNCATE dcx.price_book;
SELECT test.book(1, 20, '{"A": {"price": 1}}');
SELECT test.book(300, 301, '{"A": {"price": 2}}');
SELECT test.book(5, 6, '{"A": {"price": 3}}');
SELECT test.book(5, 7, '{"A": {"price": 4}}');
SELECT * FROM test.history;

-- Network services: a row for each band, by its ends.
TRUNCATE dcx.price_book;
SELECT test.book(1, 2, '{"FIBRE": {"title": "Fibre", "provider": "P", "active": true, "bands": [{"min_mbps": 1, "max_mbps": 20.0, "fixed_price": 100, "price_per_mbps": 2.5, "cost": 1}, {"min_mbps": 20, "max_mbps": null, "fixed_price": 200, "price_per_mbps": 2}]},
    "NONE": {"bands": []}, "ODD": {"bands": [5, null, {"min_mbps": "x"}, {"fixed_price": "NaN"}]}, "OVER": {"bands": [{"min_mbps": 1, "max_mbps": 2, "fixed_price": 1, "price_per_mbps": 0}, {"min_mbps": 1, "max_mbps": 2, "fixed_price": 3, "price_per_mbps": 0}]}}', 'enetworks');
SELECT test.book(3, 4, '{"FIBRE": {"title": "Fibre!", "provider": "P", "active": false, "bands": [{"min_mbps": 20, "fixed_price": 200.00, "price_per_mbps": 2}, {"min_mbps": 1, "max_mbps": 20, "fixed_price": 100, "price_per_mbps": 3}]},
    "OVER": {"bands": [{"min_mbps": 1, "max_mbps": 2, "fixed_price": 3, "price_per_mbps": 0}, {"min_mbps": 1, "max_mbps": 2, "fixed_price": 1, "price_per_mbps": 0}]}}', 'enetworks');
SELECT test.book(5, 5, '{"FIBRE": {"title": "Fibre!", "provider": "P", "active": false, "bands": [{"min_mbps": 1, "max_mbps": 50, "fixed_price": 100, "price_per_mbps": 3}]}}', 'enetworks');
SELECT code, title, price, min_mbps AS low, max_mbps AS high, price_per_mbps AS per, to_char(first_seen_at, 'MM-DD') AS first,
       to_char(last_seen_at, 'MM-DD') AS last, to_char(replaced_at, 'MM-DD') AS replaced FROM dcx_price_history(catalog => 'enetworks');
SELECT count(*) FROM dcx_price_history('fibre', catalog => 'enetworks');
SELECT count(*) FROM dcx_price_history('FIBRE');

-- Whoever may ask for a price may ask for its history. It is read as the books' owner, and has no cost.
CREATE ROLE regress_dcx_anybody;
SET ROLE regress_dcx_anybody;
SELECT count(*) FROM dcx_price_history(catalog => 'enetworks');
SELECT state FROM test.failure('TABLE dcx.price_book');
RESET ROLE;
DROP ROLE regress_dcx_anybody;
-- A table that its owner has damaged is refused.
ALTER TABLE dcx.price_book ALTER book TYPE json;
SELECT state, message FROM test.failure('SELECT * FROM dcx_price_history()');
ALTER TABLE dcx.price_book ALTER book TYPE jsonb;

-- Many books: each is read once or twice, and all prices are sorted once.
TRUNCATE dcx.price_book;
INSERT INTO dcx.price_book (catalog, first_seen_at, last_seen_at, products, book)
SELECT 'aas', '2026-01-01'::timestamptz + n * interval '1 hour', '2026-01-01'::timestamptz + n * interval '1 hour', 40,
       (SELECT jsonb_object_agg('P' || p, jsonb_build_object('price', 100 + (n + p) / 100)) FROM generate_series(1, 40) p)
  FROM generate_series(1, 2000) n;
SELECT count(*), count(DISTINCT code), count(DISTINCT price), sum(price) FROM dcx_price_history();
SELECT count(*), min(price), max(price) FROM dcx_price_history('P7');

SELECT count(*) FROM dcx_detach('aas');
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA aas CASCADE;
DROP VIEW test.history;
DROP FUNCTION test.book;
TRUNCATE dcx.price_book;
