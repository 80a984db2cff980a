-- E-Networks attached: by URL, by adoption, by a view of prices; and its price book.
\getenv dir PG_ABS_SRCDIR
\set connection :dir '/fixtures/connection.sql'
\i :connection
SELECT replace(replace(:'aas_url', 'regress_dcx_aas', 'regress_dcx_enetworks'), 'read%40aas%2F39%25', 'enetworks_secret')
       AS enetworks_url \gset
\c regress_dcx_main

-- It is optional: pricing a VM does not need it.
SELECT count(*) FROM dcx_attach_aas(:'aas_url');
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SELECT * FROM test.failure($$SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100)$$) \gx
SELECT * FROM test.failure($$SELECT dcx_price_book('enetworks')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_enetworks()$$) \gx
-- It cannot be attached in the schema of the other catalog, whose server leads elsewhere.
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_enetworks(%L, 'aas')$$, :'enetworks_url')) \gx
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_enetworks(%L, 'aas')$$, replace(:'aas_url', '//regress_dcx_aas:', '//regress_dcx_enetworks:'))) \gx
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_enetworks(prices => 'lines')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_detach('enetworks')$$) \gx

-- By the URL that stands in the platform's .env.
SELECT * FROM dcx_attach_enetworks(:'enetworks_url');
SELECT catalog, part, relation, made, seen ? 'main' AS seen FROM dcx.binding WHERE catalog = 'enetworks' ORDER BY 2;
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100);
SELECT dcx_price_book('enetworks') -> 'PV_FIBRE_BUSINESS';
SELECT catalog, products FROM dcx.price_book WHERE catalog = 'enetworks';
-- Nothing can be written through it.
UPDATE enetworks.bandwidth_prices SET cost = 0;

-- One read per transaction, whatever is asked. A commit over there is seen by the next transaction.
\c
BEGIN;
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100), dcx_network_cost('KR_FIBRE_BUSINESS', 100);
SELECT count(*) FROM dcx_network_offers(100);
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SELECT catalog, products, loads, remote_reads, source FROM dcx_price_book_stats();
COMMIT;
\c regress_dcx_enetworks
UPDATE bandwidth_prices SET "pricePerMbps" = 20.5 WHERE id = 'cm5bwp000003';
\c regress_dcx_main
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100);

-- Its book is saved, compared, and found by time.
SELECT changed, products FROM dcx_price_book_save('enetworks');
SELECT changed, products FROM dcx_price_book_save('enetworks');
SELECT * FROM dcx_price_book_diff(
    (SELECT book FROM dcx.price_book WHERE catalog = 'enetworks' ORDER BY book_id LIMIT 1), dcx_price_book('enetworks'));
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100, dcx_price_book_at(
    (SELECT min(first_seen_at) FROM dcx.price_book WHERE catalog = 'enetworks'), 'enetworks'));
SELECT dcx_price_book_at(now(), 'enetworks') = dcx_price_book('enetworks') AS same,
       dcx_price_book_at(now()) = dcx_price_book() AS same_of_aas;
-- Saved books contain costs; what callers see does not.
SELECT bool_and(band ? 'cost') FROM dcx.price_book, jsonb_each(book) p, jsonb_array_elements(p.value -> 'bands') band
 WHERE catalog = 'enetworks';
SELECT bool_or(band ? 'cost') FROM jsonb_each(dcx_price_book('enetworks')) p, jsonb_array_elements(p.value -> 'bands') band;

-- max_price_age counts for it as well.
SET dcx_pricing.max_price_age = '1d';
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100), dcx_product_cost('RAM_GB');
SELECT catalog, source FROM dcx_price_book_stats();
RESET dcx_pricing.max_price_age;

-- A bad row spoils its own service; two services of one code spoil each other.
\c regress_dcx_enetworks
BEGIN;
UPDATE bandwidth_prices SET "fixedPrice" = 'NaN' WHERE id = 'cm5bwp000003';
UPDATE network_services SET code = 'KR_FIBRE_BUSINESS' WHERE code = 'KR_LAYER2_JHB_CPT';
UPDATE network_services SET code = '' WHERE code = 'FB_LTE_FAILOVER';
COMMIT;
\c regress_dcx_main
SELECT * FROM test.failure($$SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100)$$) \gx
SELECT * FROM test.failure($$SELECT dcx_network_cost('KR_FIBRE_BUSINESS', 100)$$) \gx
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 50);
SELECT changed, products FROM dcx_price_book_save('enetworks');
SELECT book -> 'KR_FIBRE_BUSINESS' AS two FROM dcx.price_book WHERE catalog = 'enetworks' ORDER BY book_id DESC LIMIT 1;
\c regress_dcx_enetworks
BEGIN;
UPDATE bandwidth_prices SET "fixedPrice" = 1595 WHERE id = 'cm5bwp000003';
UPDATE network_services SET code = 'KR_LAYER2_JHB_CPT' WHERE id = 'cm5svc000006';
UPDATE network_services SET code = 'FB_LTE_FAILOVER' WHERE code = '';
COMMIT;
\c regress_dcx_main

-- A catalog without any service counts as an outage.
\c regress_dcx_enetworks
ALTER TABLE network_services RENAME TO network_services_full;
CREATE TABLE network_services (LIKE network_services_full);
GRANT SELECT ON network_services TO PUBLIC;
\c regress_dcx_main
SELECT state, message, detail FROM test.failure($$SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100)$$) \gx
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SET dcx_pricing.on_outage = saved;
SET client_min_messages = error;
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 50);
SELECT catalog, source FROM dcx_price_book_stats();
RESET client_min_messages;
RESET dcx_pricing.on_outage;
\c regress_dcx_enetworks
DROP TABLE network_services;
ALTER TABLE network_services_full RENAME TO network_services;

-- Refused: another kind of database, a missing table, a missing column.
\c regress_dcx_main
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_enetworks(%L)$$, :'aas_url')) \gx
\c regress_dcx_enetworks
ALTER TABLE bandwidth_prices RENAME "pricePerMbps" TO "perMbps";
\c regress_dcx_main
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_enetworks(%L)$$, :'enetworks_url')) \gx
\c regress_dcx_enetworks
ALTER TABLE bandwidth_prices RENAME "perMbps" TO "pricePerMbps";
-- Another shape: a view of theirs, with bands that have no upper end, and what is active as a number.
CREATE VIEW lines AS
SELECT s.code, s.title, p.name AS provider, p.active::integer AS active, b."minMbps" AS min_mbps,
       nullif(b."maxMbps", 1000) AS max_mbps, b."fixedPrice"::numeric AS fixed_price, b."pricePerMbps" AS price_per_mbps
  FROM network_services s JOIN providers p ON p.id = s."providerId" JOIN bandwidth_prices b ON b."serviceId" = s.id;
GRANT SELECT ON lines TO PUBLIC;
\c regress_dcx_main
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_enetworks(%L, prices => 'lines')$$, :'enetworks_url')) \gx
SELECT replace(object, current_user, 'CURRENT_USER') AS object FROM dcx_detach('enetworks');
SELECT * FROM dcx_attach_enetworks(:'enetworks_url', prices => 'lines');
SELECT catalog, part, relation, made FROM dcx.binding WHERE catalog = 'enetworks' ORDER BY 2;
SELECT dcx_network_cost('PV_FIBRE_BUSINESS', 100), dcx_network_cost('PV_FIBRE_BUSINESS', 100000);
SELECT dcx_price_book('enetworks') -> 'PV_FIBRE_BUSINESS' -> 'bands' -> -1 AS band;
SELECT note FROM dcx_network_offers(50) WHERE note LIKE '%Marula%';
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_enetworks(%L)$$, :'enetworks_url')) \gx
SELECT replace(object, current_user, 'CURRENT_USER') AS object FROM dcx_detach('enetworks');
\c regress_dcx_enetworks
DROP VIEW lines;

-- Local tables: our own writes are seen at once, and are gone after ROLLBACK TO.
\c regress_dcx_main
CREATE SCHEMA enetworks;
CREATE TABLE enetworks.providers (id integer PRIMARY KEY, name text, active boolean);
CREATE TABLE enetworks.network_services (id integer PRIMARY KEY, code text, title text, "providerId" integer);
CREATE TABLE enetworks.bandwidth_prices ("serviceId" integer, "minMbps" numeric, "maxMbps" numeric, "fixedPrice" numeric,
    "pricePerMbps" numeric, cost numeric);
INSERT INTO enetworks.providers VALUES (1, 'Carrier', true);
INSERT INTO enetworks.network_services VALUES (1, 'LINE', 'A line', 1), (2, 'NO_PROVIDER', 'A line of nobody', NULL), (3, 'NO_BANDS', NULL, 1);
INSERT INTO enetworks.bandwidth_prices VALUES (1, 1, 100, 10, 1, NULL), (2, 1, 100, 10, 1, NULL), (4, 1, 100, 10, 1, NULL);
SELECT * FROM dcx_attach_enetworks();
SELECT dcx_price_book('enetworks');
SELECT dcx_network_cost('LINE', 5);
SELECT detail FROM test.failure($$SELECT dcx_network_cost('NO_PROVIDER', 5)$$);
SELECT detail FROM test.failure($$SELECT dcx_network_cost('NO_BANDS', 5)$$);
BEGIN;
SELECT dcx_network_cost('LINE', 5);
UPDATE enetworks.bandwidth_prices SET "fixedPrice" = 20;
SELECT dcx_network_cost('LINE', 5);
SAVEPOINT s;
UPDATE enetworks.providers SET active = false;
SELECT state FROM test.failure($$SELECT dcx_network_cost('LINE', 5)$$);
ROLLBACK TO s;
SELECT dcx_network_cost('LINE', 5);
UPDATE enetworks.network_services SET code = 'FIBRE' WHERE id = 1;
SELECT dcx_network_cost('FIBRE', 5);
ROLLBACK;
SELECT dcx_network_cost('LINE', 5);
SELECT source FROM dcx_price_book_stats() WHERE catalog = 'enetworks';
-- Errors list bands in the same order, whatever the book was made from.
BEGIN;
INSERT INTO enetworks.bandwidth_prices VALUES (1, 3, 9, 1, 1, 1), (1, 0, 8, 1, 1, 1), (1, 1, 7, 1, 1, 1), (1, 3, NULL, 1, 1, 1), (1, NULL, 3, 1, 1, 1);
SELECT live.note, live.note = by_book.note AS same
  FROM dcx_network_offers(5.0::numeric) live JOIN dcx_network_offers(5.0::numeric, NULL, dcx_price_book('enetworks')) by_book USING (service)
 WHERE service = 'LINE';
ROLLBACK;

-- A local view. Rows that differ only in the band are one service.
CREATE VIEW enetworks.lines AS
SELECT 'LINE' AS code, 'A line' AS title, 'Carrier' AS provider, true AS active, n AS min_mbps, n + 10 AS max_mbps,
       1 AS fixed_price, n AS price_per_mbps
  FROM generate_series(0, 20, 10) n;
SELECT replace(object, current_user, 'CURRENT_USER') AS object FROM dcx_detach('enetworks');
SELECT * FROM dcx_attach_enetworks(prices => 'lines');
SELECT dcx_network_cost('LINE', 5), dcx_network_cost('LINE', 10), dcx_network_cost('LINE', 29.5);
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_enetworks()$$) \gx
CREATE OR REPLACE VIEW enetworks.lines AS
SELECT 'LINE' AS code, 'A line' AS title, 'Carrier' || n AS provider, true AS active, n AS min_mbps, n + 10 AS max_mbps,
       1 AS fixed_price, n AS price_per_mbps
  FROM generate_series(0, 20, 10) n;
SELECT message, detail FROM test.failure($$SELECT dcx_network_cost('LINE', 5)$$);
-- A view whose function attaches the tables instead: this read still reads the view.
CREATE FUNCTION test.attach_tables() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM dcx.binding WHERE part = 'prices') THEN
        PERFORM public.dcx_detach('enetworks');
        PERFORM public.dcx_attach_enetworks();
        PERFORM public.dcx_network_cost('LINE', 5);
    END IF;
    RETURN 'LINE';
END $$;
CREATE OR REPLACE VIEW enetworks.lines AS
SELECT test.attach_tables() AS code, 'A line' AS title, 'Carrier' AS provider, true AS active, 0 AS min_mbps, 10 AS max_mbps,
       1 AS fixed_price, 7 AS price_per_mbps;
BEGIN;
SELECT dcx_network_cost('LINE', 5);
SELECT dcx_network_cost('LINE', 5);
ROLLBACK;
SELECT replace(object, current_user, 'CURRENT_USER') AS object FROM dcx_detach('enetworks');
CREATE OR REPLACE VIEW enetworks.lines AS
SELECT 'LINE' AS code, 'A line' AS title, 'Carrier' AS provider, true AS active, 0 AS min_mbps, 10 AS max_mbps,
       1 AS fixed_price, 7 AS price_per_mbps;
DROP FUNCTION test.attach_tables;

-- Relations that are read together must belong to one role.
CREATE ROLE regress_dcx_dba;
ALTER TABLE enetworks.providers OWNER TO regress_dcx_dba;
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_enetworks()$$) \gx
ALTER TABLE enetworks.providers OWNER TO CURRENT_USER;
SELECT count(*) FROM dcx_attach_enetworks();
ALTER TABLE enetworks.providers OWNER TO regress_dcx_dba;
-- Otherwise one owner's functions would run with the rights of the other relations' owner.
SELECT * FROM test.failure($$SELECT dcx_network_cost('LINE', 5)$$) \gx
SELECT severity, object, problem, replace(detail, current_user::text, 'CURRENT_USER') AS detail FROM dcx_check('connection');
ALTER TABLE enetworks.bandwidth_prices OWNER TO regress_dcx_dba;
SELECT state, message FROM test.failure($$SELECT dcx_network_cost('LINE', 5)$$);
ALTER TABLE enetworks.providers OWNER TO CURRENT_USER;
ALTER TABLE enetworks.bandwidth_prices OWNER TO CURRENT_USER;

-- One of its tables has been dropped.
DROP TABLE enetworks.providers;
SELECT * FROM test.failure($$SELECT dcx_network_cost('LINE', 5)$$) \gx

\set VERBOSITY terse
SELECT count(*) FROM dcx_detach('enetworks');
DROP SCHEMA enetworks CASCADE;
DROP ROLE regress_dcx_dba;
\c regress_dcx_enetworks
UPDATE bandwidth_prices SET "pricePerMbps" = 20 WHERE id = 'cm5bwp000003';
\c regress_dcx_main
DELETE FROM dcx.price_book WHERE catalog = 'enetworks';
SELECT count(*) FROM dcx_detach('aas');
