-- A price book as a value: what is in it, pricing by it, errors in it. On the real catalog.
\getenv dir PG_ABS_SRCDIR
\set connection :dir '/fixtures/connection.sql'
\i :connection
\c regress_dcx_main
SELECT relation, rows FROM dcx_attach_aas(:'aas_url');

SELECT jsonb_pretty(dcx_price_book() -> 'RAM_GB');
SELECT count(*), count(DISTINCT value ->> 'category') AS categories FROM jsonb_each(dcx_price_book());
-- It has all of the catalog's prices, to the last digit, and no costs.
SELECT count(*) FROM aas.products p JOIN aas.categories c ON c.id = p."categoryId"
 WHERE dcx_price_book() -> code = jsonb_build_object('title', title, 'price', price::numeric, 'category', c.name, 'unit', unit);
SELECT dcx_price_book() = dcx_price_book('aas') AS same, dcx_price_book(NULL) IS NULL AS nothing;
SELECT * FROM test.failure($$SELECT dcx_price_book('tape')$$) \gx

-- Pricing by the current book gives the same as pricing without a book, for every template.
SELECT dcx_price_book() AS book \gset
SELECT count(*) AS templates, count(*) FILTER (WHERE w.cost::text = wo.cost::text AND w.cost::text = one.cost::text) AS same
  FROM dcx_template_costs('2GHZ', 'PREMIUM', :'book') w JOIN dcx_template_costs('2GHZ', 'PREMIUM') wo USING (id),
       LATERAL dcx_vm_cost('2GHZ', w.cpus, w.ram_gb, 'PREMIUM', w.storage_gb, :'book') AS one (cost);
SELECT count(*) FROM jsonb_object_keys(:'book') code
 WHERE dcx_product_cost(code, 7.5, :'book')::text = dcx_product_cost(code, 7.5)::text
   AND dcx_product_cost(code, 7::float8, :'book')::text = dcx_product_cost(code, 7)::text;
SELECT (SELECT jsonb_agg(q) FROM dcx_vm_quote('2GHZ', 2, 4.5, 'PREMIUM', 0.125, :'book') q)
     = (SELECT jsonb_agg(q) FROM dcx_vm_quote('2GHZ', 2, 4.5, 'PREMIUM', 0.125) q) AS same;

-- What would a VM cost if a price changed?
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, jsonb_set(:'book', '{RAM_GB,price}', '40')),
       dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, :'book'::jsonb || '{"RAM_GB": {"price": 0.001}}'),
       dcx_vm_cost('3GHZ', 2, 4, 'STANDARD', 40, :'book'::jsonb || '{"CPU_3GHZ": {"title": "vCPU - 3GHz", "price": 300}}');
SELECT * FROM dcx_vm_quote('1ghz', 2, 4, 'nothing', 40,
    '{"CPU_1GHZ": {"price": 1}, "RAM_GB": {"price": 2.125, "title": "Memory"}, "STORAGE_NOTHING": {"price": 0, "title": 5}}');
SELECT code, unit_price FROM dcx_vm_quote('1GHZ', 2::float8, 4, 'STANDARD', 40, :'book');

-- Every shape of call resolves.
PREPARE untyped AS SELECT dcx_vm_cost($1, $2, $3, $4, $5, $6), dcx_product_cost($7, $8, $6);
EXECUTE untyped ('1GHZ', 2, 4, 'STANDARD', 40, :'book', 'RAM_GB', 3);
PREPARE bigints (text, bigint, bigint, text, bigint, jsonb) AS SELECT dcx_vm_cost($1, $2, $3, $4, $5, $6);
EXECUTE bigints ('1GHZ', 2, 4, 'STANDARD', 40, :'book');
PREPARE mixed (text, bigint, numeric, text, float8, jsonb) AS SELECT dcx_vm_cost($1, $2, $3, $4, $5, $6);
EXECUTE mixed ('1GHZ', 2, 4, 'STANDARD', 40, :'book');
SELECT dcx_vm_cost('1GHZ', '2', '4', 'STANDARD', '40', :'book'), dcx_product_cost('RAM_GB', '3', :'book'),
       dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, NULL) IS NULL AS nothing,
       dcx_vm_cost(cpu_type => '1GHZ', cpus => 2, ram_gb => 4, storage_type => 'STANDARD', gb => 40, book => :'book');
SELECT * FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40, NULL);
SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD', NULL);

-- The book forms are immutable and parallel safe, unless they read templates.
SELECT oid::regprocedure AS function, provolatile, proparallel FROM pg_proc
 WHERE proname LIKE 'dcx%' AND 'jsonb'::regtype = ANY (proargtypes) AND proname !~ 'wallet|check|health|schema' ORDER BY 1::text;
-- So the planner computes a call with constant arguments only once.
EXPLAIN (COSTS OFF, VERBOSE) SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, '{"CPU_1GHZ": {"price": 1}, "RAM_GB": {"price": 2}, "STORAGE_STANDARD": {"price": 3}}');

-- A bad price is an error only where it is used.
CREATE FUNCTION test.priced(product jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(f.state || ': ' || f.message || '. ' || f.detail, 'none')
      FROM test.failure(format('SELECT dcx_product_cost(''A'', 1, %L)', jsonb_build_object('A', product, 'B', '{"price": 1}'::jsonb))) f
$$;
SELECT product, test.priced(product) FROM unnest(ARRAY['{"price": 1}', '{"price": -1}', '{"price": null}', '{}', '{"price": "1"}',
    '{"price": "NaN"}', '{"price": "-Infinity"}', '{"price": true}', '{"price": [1]}', '{"price": {"a": 1}}', '5', 'null', '[]', '"price"',
    '{"price": 1, "rows": 2}', '{"price": 1, "rows": "2"}', '{"price": 1, "rows": 1e30}', '{"price": 1, "title": [], "category": 7, "unit": "x"}',
    '{"price": "ninety-nine rand and ninety-nine cents, VAT included"}']::jsonb[]) product;
SELECT dcx_product_cost('B', 1, '{"A": 5, "B": {"price": 1}, "": {"price": 1}}');
SELECT f.* FROM unnest(ARRAY[
    $$dcx_product_cost('A', 1, '{"A": {"price": "1"}}')$$,
    $$dcx_product_cost('C', 1, '{"A": {"price": 1}, "": {"price": 1}, "D": {"price": null}}')$$,
    $$dcx_product_cost('', 1, '{"A": {"price": 1}, "": {"price": 1}}')$$,
    $$dcx_product_cost('aa', 1, '{"aA": {"price": 1}, "Aa": {"price": 1}}')$$,
    $$dcx_product_cost('A', -1, '{"A": {"price": 1}}')$$,
    $$dcx_vm_cost('1GHZ', 1.5, 4, 'STANDARD', 40, '{}')$$,
    $$dcx_vm_cost('1GHZ', 1, 4, 'STANDARD', 40, '{}')$$,
    $$dcx_vm_cost('1GHZ', 1, 4, 'STANDARD', 40, '[]')$$,
    $$dcx_vm_cost('1GHZ', 1, 4, 'STANDARD', 40, '"a book"')$$]) call, test.failure('SELECT ' || call) f \gx

-- What is wrong in the catalog is the same error when its book is used.
BEGIN;
CREATE SCHEMA local;
CREATE TABLE local.products (code text, title text, price float8, cost numeric);
INSERT INTO local.products VALUES ('NOT_A_NUMBER', 'x', 'NaN', 1), ('ENDLESS', 'x', 'Infinity', 1), ('NEGATIVE', 'x', -1, 1),
    ('PRICELESS', NULL, NULL, 1), ('TWICE', 'first', 1, 1), ('TWICE', 'second', 2, 1), ('', 'no code', 1, 1), (NULL, 'none', 1, 1),
    ('LONG', 'x', 85.80000000000001, 1), ('Case', 'x', 1, 1), ('CASE', 'x', 2, 1);
SELECT rows, note FROM dcx_attach_aas(NULL, 'local');
SELECT code, product FROM jsonb_each(dcx_price_book()) AS b (code, product) ORDER BY code COLLATE "C";
SELECT code, live.state, live.message, live.detail, booked.message = live.message AS same
  FROM unnest('{NOT_A_NUMBER,ENDLESS,NEGATIVE,PRICELESS,TWICE,LONG,Case,case,NONE}'::text[]) code,
       test.failure(format('SELECT dcx_product_cost(%L)', code)) live,
       test.failure(format('SELECT dcx_product_cost(%L, 1, dcx_price_book())', code)) booked;
SELECT hint FROM test.failure($$SELECT dcx_product_cost('NONE')$$);
ROLLBACK;

-- A call site that gets another book in every call uses the right one.
SELECT string_agg(dcx_product_cost('RAM_GB', 1, jsonb_build_object('RAM_GB', jsonb_build_object('price', i)))::text, ' ')
  FROM generate_series(1, 5) i;
DO $$
DECLARE
    book jsonb := dcx_price_book();
BEGIN
    FOR i IN 1..300 LOOP
        book := jsonb_set(book, '{RAM_GB,price}', to_jsonb(i % 7));
        IF dcx_product_cost('RAM_GB', 1, book) <> i % 7 THEN
            RAISE 'priced %, and it is %', dcx_product_cost('RAM_GB', 1, book), i % 7;
        END IF;
    END LOOP;
END $$;
PREPARE by (jsonb) AS SELECT dcx_product_cost('RAM_GB', 1, $1) FROM generate_series(1, 2);
SET plan_cache_mode = force_generic_plan;
EXECUTE by ('{"RAM_GB": {"price": 1}}');
EXECUTE by ('{"RAM_GB": {"price": 2}}');
RESET plan_cache_mode;
-- The same with toasted books.
CREATE TABLE test.books (id integer, book jsonb);
INSERT INTO test.books SELECT i, jsonb_object_agg('P' || n, jsonb_build_object('price', n + i, 'title', md5(n::text)))
  FROM generate_series(1, 3) i, generate_series(1, 500) n GROUP BY i;
SELECT id, count(*), min(dcx_product_cost('P7', 1, book)), max(dcx_product_cost('P7', 1, book))
  FROM test.books, generate_series(1, 10) GROUP BY id ORDER BY id;
DROP TABLE test.books;

SELECT count(*) FROM dcx_detach('aas');
