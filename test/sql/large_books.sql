-- Books of ten thousand products, codes of every kind, and one call site that is given many books.
\c regress_dcx_main
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price numeric, cost numeric, unit integer, "categoryId" text);
CREATE TABLE aas.categories (id text, name text);
INSERT INTO aas.categories SELECT 'c' || i, 'Category "' || i || '" \' FROM generate_series(0, 99) i;
CREATE TABLE test.codes (id serial, code text);
INSERT INTO test.codes (code) VALUES
    ('with "quotes"'), ('it''s'), ('"'), ('\'), ('\\'), ('back\slash'), ('\u0041'), ('\"'), ('A'), ('$1'), ('%s%n'), ('{"price": 1}'),
    ('null'), ('1'), ('NaN'), (' '), (' A'), ('A '), (E'tab\tand\nline'), (E'\x01\x1f\x7f'), ('/'), ('a.b'), ('{RAM_GB,price}'),
    ('CPU_'), ('CPU_1GHZ'), ('RAM_GB'), ('STORAGE_'), ('STORAGE_STANDARD'), ('STORAGE_it''s "quoted" \ '),
    -- Composed and decomposed characters, an umlaut in both cases, beyond the BMP, right to left, invisible.
    (U&'Caf\00e9'), (U&'Cafe\0301'), (U&'\00dcber'), (U&'\00fcber'), (U&'\+01f4be'), (U&'\05d0\05d1'), (U&'A\200b'), (U&'\00a0'),
    ('Case'), ('CASE'), ('case'), ('Only_Once'), (repeat('x', 127)), (repeat('x', 128)), (repeat('x', 129)),
    (repeat('x', 499) || 'a'), (repeat('x', 499) || 'b'), (repeat('X', 499) || 'c'), (repeat(U&'\00e9', 500)), (repeat('"', 500)), (repeat('\', 500));
INSERT INTO aas.products SELECT code, 'title of ' || code, id + 0.01, id, 1, 'c' || id % 100 FROM test.codes;
INSERT INTO aas.products SELECT 'P' || i, 'Product ' || i, i + i % 1000 / 1000.0, i / 3.0, 1 + i % 2, 'c' || i % 100
  FROM generate_series(1, 10000) i;
INSERT INTO aas.products VALUES ('', 'no code', 1, 1, 1, 'c1'), (NULL, 'none', 1, 1, 1, 'c1');
SELECT rows, note FROM dcx_attach_aas();

-- The book has every product that has a code, and every price.
SELECT dcx_price_book() AS book \gset
SELECT count(*) AS products, count(*) FILTER (WHERE :'book'::jsonb -> p.code
         = jsonb_build_object('title', title, 'price', price, 'category', c.name, 'unit', unit)) AS same
  FROM aas.products p JOIN aas.categories c ON c.id = "categoryId" WHERE p.code <> '';
SELECT count(*) FROM jsonb_object_keys(:'book');
-- Its text read again is the same book, and gives the same prices as the catalog.
SELECT count(*), count(DISTINCT code), bool_and(live = price * 2.5 AND live::text = dcx_product_cost(code, 2.5, :'book')::text
         AND live::text = dcx_product_cost(code, 2.5::float8, :'book')::text) AS same
  FROM aas.products, LATERAL dcx_product_cost(code, 2.5) live WHERE code <> '';
WITH b AS MATERIALIZED (SELECT dcx_price_book()::text::jsonb AS book)
SELECT count(*), bool_and(dcx_product_cost(code, 1, book)::text = dcx_product_cost(code)::text) AS same FROM aas.products, b WHERE code <> '';
SELECT unit_price, title FROM dcx_vm_quote('', 1, 1, 'It''s "Quoted" \ ', 1, :'book'::jsonb || '{"CPU_": {"price": 7, "title": "no \"type\" at all"}}');
-- Codes match exactly, else without ASCII case. No other codes are taken for equal.
SELECT left(code, 20) AS code, f.state, live.state = f.state AND live.hint = replace(f.hint, 'the book', 'the catalog') AS same
  FROM unnest(ARRAY['cAse', '', 'only_once', 'a ', U&'caf\00c9', U&'\00dcBER', 'P10001', 'p9', 'back\\slash', '\u0041 ', repeat('x', 130)]) code,
       LATERAL test.failure(format('SELECT dcx_product_cost(%L, 1, dcx_price_book())', code)) f,
       LATERAL test.failure(format('SELECT dcx_product_cost(%L)', code)) live;
SELECT dcx_product_cost('ONLY_ONCE', 1, :'book'), dcx_product_cost('RAM_gb', 1, :'book'), dcx_product_cost('a', 1, :'book'),
       dcx_product_cost(repeat('x', 499) || 'C', 1, :'book'), dcx_product_cost(U&'CAF\00e9', 1, :'book') <> dcx_product_cost(U&'CAFE\0301', 1, :'book') AS differ;

-- Saved, found by time, and used when the saved book answers.
SELECT changed, products FROM dcx_price_book_save();
SELECT pg_column_size(book) > 100000 AS large FROM dcx.price_book ORDER BY book_id DESC LIMIT 1;
SELECT dcx_price_book_at(now()) = :'book' AS same;
SELECT count(*) FROM (SELECT book FROM dcx.price_book ORDER BY book_id DESC LIMIT 1) s, jsonb_each(book) e
  JOIN aas.products p ON code = key AND cost = (value ->> 'cost')::numeric;
SELECT count(*) FROM dcx_price_book_diff(:'book', dcx_price_book_at(now()));
SET dcx_pricing.max_price_age = '1h';
SELECT count(*), bool_and(dcx_product_cost(code, 2.5) = price * 2.5) AS same FROM aas.products WHERE code <> '';
SELECT source, products FROM dcx_price_book_stats();
SELECT dcx_price_book() = :'book' AS same;
SELECT code, f.state FROM unnest(ARRAY['cAse', '', U&'caf\00c9', 'P10001']) code, LATERAL test.failure(format('SELECT dcx_product_cost(%L)', code)) f;
RESET dcx_pricing.max_price_age;
-- The difference of two books: one digit in ten thousand products, and all products.
SELECT last_seen_at AS before_at, dcx_price_book() AS before_book FROM dcx.price_book ORDER BY book_id DESC LIMIT 1 \gset
UPDATE aas.products SET price = price + 0.001 WHERE code IN ('P5000', 'it''s', 'Case', U&'Cafe\0301', repeat('\', 500));
UPDATE aas.products SET title = 'Caf' || title WHERE code = U&'Caf\00e9';
UPDATE aas.products SET code = 'cASE' WHERE code = 'case';
SELECT changed, products FROM dcx_price_book_save();
SELECT left(code, 20) AS code, left(title, 20) AS title, change, before, after, percent FROM dcx_price_book_diff(:'before_book', dcx_price_book());
SELECT count(*) FROM dcx_price_book_diff(dcx_price_book_at(:'before_at'), dcx_price_book_at(clock_timestamp()));
UPDATE aas.products SET price = price * 2;
SELECT change, count(*), sum(after - before) = sum(before) AS doubled, min(percent), max(percent) FROM dcx_price_book_diff(:'before_book', dcx_price_book())
 WHERE code ~ '^P' AND code <> 'P5000' GROUP BY 1;
SELECT count(*) FROM dcx_detach('aas');

-- One call site, many books: five that differ in one digit, stored in every way in which a value can be stored.
CREATE TABLE test.books (kind text, id integer, price numeric, book jsonb);
CREATE FUNCTION test.book(price numeric, products integer, filler text DEFAULT '') RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_object_agg('P' || i, jsonb_build_object('price', CASE i WHEN 7 THEN price ELSE i END, 'title', filler))
      FROM generate_series(7, 6 + products) i
$$;
INSERT INTO test.books SELECT 'short', i, i, test.book(i, 1) FROM generate_series(1, 5) i;
INSERT INTO test.books SELECT 'plain', i, i, test.book(i, 10) FROM generate_series(1, 5) i;
INSERT INTO test.books SELECT 'compressed', i, i, test.book(i, 1, repeat('x', 9000)) FROM generate_series(1, 5) i;
INSERT INTO test.books SELECT 'toasted, compressed', i, i, test.book(i, 1500) FROM generate_series(1, 5) i;
ALTER TABLE test.books ALTER book SET STORAGE EXTERNAL;
INSERT INTO test.books SELECT 'toasted', i, i, test.book(i, 100) FROM generate_series(1, 5) i;
SELECT kind, min(pg_column_size(book)) < 127 AS short, bool_and(pg_column_compression(book) IS NOT NULL) AS compressed,
       min(pg_column_size(book)) > 2000 AS toasted FROM test.books GROUP BY kind ORDER BY kind;

-- Another book in every row, from the table and computed in turns; by both overloads, and with named arguments.
SELECT kind, count(*), bool_and(dcx_product_cost('P7', 1, book) = price) AS numerics, bool_and(dcx_product_cost('P7', 1::float8, book) = price) AS floats,
       bool_and(dcx_product_cost(quantity => 1, book => book, code => 'P7') = price) AS named, bool_and(dcx_product_cost('p7', 3, book || '{}') = 3 * price) AS computed
  FROM (SELECT b.* FROM test.books b, generate_series(1, 4) n ORDER BY kind, n, id) v GROUP BY kind ORDER BY kind;
SELECT count(*), bool_and(dcx_product_cost('P7', 1, book) = price) AS exact FROM (SELECT b.* FROM test.books b, generate_series(1, 4) n ORDER BY n, id, kind) v;
SELECT count(*), bool_and(cost = price AND again = price) AS exact FROM test.books b, generate_series(1, 3),
       LATERAL dcx_product_cost('P7', 1, book) cost, LATERAL (SELECT dcx_product_cost('P7', 1, (SELECT c.book FROM test.books c WHERE c.kind = b.kind AND c.id = b.id))) s (again);
SELECT count(*), bool_and(q.unit_price = price) AS exact FROM (SELECT * FROM test.books ORDER BY id, kind) b,
       LATERAL dcx_vm_quote('x', 1, 1, 'x', 0, book || jsonb_build_object('CPU_X', book -> 'P7', 'RAM_GB', book -> 'P7', 'STORAGE_X', book -> 'P7')) q;
SELECT count(*), bool_and(cost = 2 * price) AS exact FROM (SELECT * FROM test.books ORDER BY id, kind) b,
       LATERAL (SELECT dcx_vm_cost('x', 1, 1, 'x', 0, book || jsonb_build_object('CPU_X', book -> 'P7', 'RAM_GB', book -> 'P7', 'STORAGE_X', book -> 'P7'))) c (cost);
SELECT count(*), bool_and(dcx_product_cost('P7', 1, books[i]) = prices[i]) AS exact
  FROM (SELECT array_agg(book ORDER BY kind, id) AS books, array_agg(price ORDER BY kind, id) AS prices FROM test.books) a, generate_series(1, 25) i;
WITH RECURSIVE r (i, book) AS (SELECT 1, test.book(1, 3) UNION ALL SELECT i + 1, jsonb_set(book, '{P7,price}', to_jsonb(i + 1)) FROM r WHERE i < 9)
SELECT string_agg(trim_scale(dcx_product_cost('P7', 1, book))::text, ' ' ORDER BY i) FROM r;
-- Numbers that are equal but written differently, and equal values that are stored differently.
SELECT DISTINCT dcx_product_cost('P7', 3, book::jsonb) FROM unnest('{"{\"P7\": {\"price\": 1}}","{\"P7\": {\"price\": 1.000}}","{\"P7\":{\"price\":1e0}}"}'::text[]) book;

-- A variable in PL/pgSQL of each kind; read from the table, changed in the table meanwhile, and rolled back.
DO $$
DECLARE
    b record;
    v jsonb;
    calls integer := 0;
BEGIN
    FOR n IN 1..3 LOOP
        FOR b IN SELECT * FROM test.books ORDER BY id, kind LOOP
            v := b.book;
            IF dcx_product_cost('P7', 1, v) <> b.price OR dcx_product_cost('P7', 1, b.book) <> b.price THEN
                RAISE 'by the book of %, price %: %, %', b.kind, b.price, dcx_product_cost('P7', 1, v), dcx_product_cost('P7', 1, b.book);
            END IF;
            v := jsonb_set(v, '{P7,price}', to_jsonb(b.price + 1));
            IF dcx_product_cost('P7', 1, v) <> b.price + 1 THEN RAISE 'changed: %', dcx_product_cost('P7', 1, v); END IF;
            calls := calls + 1;
        END LOOP;
    END LOOP;
    RAISE NOTICE '% books, one in memory: %', calls, (SELECT count(*) <= 5 FROM pg_backend_memory_contexts WHERE name = 'dcx price book argument');
END $$;
CREATE FUNCTION test.of(which text) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT dcx_product_cost('P7', 1, book) FROM test.books WHERE kind = which AND id = 1);
END $$;
DO $$
DECLARE
    k text;
BEGIN
    FOR k IN SELECT DISTINCT kind FROM test.books LOOP
        FOR i IN 2..9 LOOP
            UPDATE test.books SET book = jsonb_set(book, '{P7,price}', to_jsonb(i)) WHERE kind = k AND id = 1;
            IF test.of(k) <> i THEN RAISE '%: %, not %', k, test.of(k), i; END IF;
            BEGIN
                UPDATE test.books SET book = jsonb_set(book, '{P7,price}', '0') WHERE kind = k AND id = 1;
                IF test.of(k) <> 0 THEN RAISE '%: %, not 0', k, test.of(k); END IF;
                RAISE SQLSTATE 'XX999';
            EXCEPTION WHEN SQLSTATE 'XX999' THEN NULL;
            END;
            IF test.of(k) <> i THEN RAISE '%: %, not % again', k, test.of(k), i; END IF;
        END LOOP;
        UPDATE test.books SET book = jsonb_set(book, '{P7,price}', '1') WHERE kind = k AND id = 1;
    END LOOP;
END $$;
SELECT DISTINCT test.of(kind) FROM test.books;
-- A cursor, while the table changes.
BEGIN;
DECLARE c CURSOR FOR SELECT kind, dcx_product_cost('P7', 1, book) FROM test.books WHERE id < 3 ORDER BY kind DESC, id;
FETCH 2 FROM c;
UPDATE test.books SET book = jsonb_set(book, '{P7,price}', '9');
FETCH 4 FROM c;
SELECT DISTINCT dcx_product_cost('P7', 1, book) FROM test.books;
FETCH ALL FROM c;
ROLLBACK;

-- A parameter that changes between executions, under each kind of plan.
PREPARE by (jsonb) AS SELECT dcx_product_cost('P7', 1, $1), count(dcx_product_cost('P7', n, $1)) FROM generate_series(1, 3) n GROUP BY 1;
CREATE FUNCTION test.executed() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    b record;
    cost numeric;
    wrong bigint := 0;
BEGIN
    FOR b IN SELECT * FROM test.books ORDER BY id, kind LOOP
        EXECUTE format('EXECUTE by (%L)', b.book) INTO cost;
        wrong := wrong + (cost <> b.price)::integer;
        EXECUTE 'SELECT dcx_product_cost($2, 1, $1)' INTO cost USING b.book, 'P7';
        wrong := wrong + (cost <> b.price)::integer;
    END LOOP;
    RETURN wrong;
END $$;
SET plan_cache_mode = force_custom_plan;
SELECT test.executed() AS wrong;
SET plan_cache_mode = force_generic_plan;
SELECT test.executed() AS wrong;
RESET plan_cache_mode;
SELECT test.executed() AS wrong;

-- SQL functions, inlined and not; a default; a generated column, a check, an index.
CREATE FUNCTION test.inlined(b jsonb DEFAULT '{"P7": {"price": 0}}') RETURNS numeric LANGUAGE sql IMMUTABLE AS $$SELECT dcx_product_cost('P7', 1, $1)$$;
CREATE FUNCTION test.called(b jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE SET search_path = public AS $$SELECT dcx_product_cost('P7', 1, $1)$$;
SELECT count(*), bool_and(test.inlined(book) = price) AS inlined, bool_and(test.called(book) = price) AS called, max(test.inlined()) AS default
  FROM (SELECT b.* FROM test.books b, generate_series(1, 2) n ORDER BY n, id, kind) v;
CREATE TABLE test.derived (price numeric, book jsonb CHECK (dcx_product_cost('P7', 1, book) > 0), cost numeric GENERATED ALWAYS AS (dcx_product_cost('P7', 1, book)) STORED);
CREATE INDEX ON test.derived (dcx_product_cost('P7', 2, book));
INSERT INTO test.derived SELECT price, book FROM test.books ORDER BY id, kind;
UPDATE test.derived SET price = price + 5, book = jsonb_set(book, '{P7,price}', to_jsonb(price + 5));
SELECT count(*), bool_and(cost = price) AS generated FROM test.derived;
SET enable_seqscan = off;
SELECT price, count(*) FROM test.derived, generate_series(6, 10) i WHERE dcx_product_cost('P7', 2, book) = 2 * i GROUP BY 1 HAVING bool_and(price = i) ORDER BY 1;
RESET enable_seqscan;
SELECT state FROM test.failure($$INSERT INTO test.derived SELECT price, jsonb_set(book, '{P7,price}', to_jsonb(3 - id)) FROM test.books WHERE kind = 'toasted' ORDER BY id$$);

\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA aas CASCADE;
DROP TABLE test.derived, test.books, test.codes;
DROP FUNCTION test.book, test.of, test.executed, test.inlined, test.called;
