-- What dcx_check() says of E-Networks: each problem planted, its row seen, and gone again.
\getenv dir PG_ABS_SRCDIR
\set connection :dir '/fixtures/connection.sql'
\i :connection
SELECT replace(replace(:'aas_url', 'regress_dcx_aas', 'regress_dcx_enetworks'), 'read%40aas%2F39%25', 'enetworks_secret')
       AS enetworks_url \gset
\c regress_dcx_main

-- Other tests may have been here.
\c regress_dcx_enetworks
SET client_min_messages = warning;
DROP TRIGGER IF EXISTS zzz_dcx_updated_at ON bandwidth_prices;
DROP TRIGGER IF EXISTS zzz_dcx_updated_at ON network_services;
DROP TRIGGER IF EXISTS zzz_dcx_updated_at ON providers;
\c regress_dcx_main

-- As it comes there is nothing wrong, but with a provider that is not active.
SELECT count(*) FROM dcx_attach_enetworks(:'enetworks_url');
SELECT area, severity, object, problem, detail, fix FROM dcx_check() WHERE area IN ('connection', 'schema', 'catalog') AND object <> 'aas';
-- No trigger sets "updatedAt" there.
SELECT severity, object, problem, detail, fix FROM dcx_check('updated_at') WHERE detail LIKE '%E-Networks%';
\c regress_dcx_enetworks
\o /dev/null
SELECT dcx_attach_updated_at(t) FROM unnest('{bandwidth_prices,network_services,providers}'::text[]) t;
\o
\c regress_dcx_main
SELECT count(*) FROM dcx_check('updated_at') WHERE detail LIKE '%E-Networks%';

-- The tables there, and here.
\c regress_dcx_enetworks
ALTER TABLE bandwidth_prices DROP CONSTRAINT "bandwidth_prices_serviceId_fkey", ADD COLUMN note text, ALTER "minMbps" TYPE bigint;
ALTER TABLE network_services DROP CONSTRAINT "network_services_providerId_fkey";
ALTER TABLE providers DROP CONSTRAINT providers_pkey;
GRANT UPDATE ON providers TO regress_dcx_enetworks;
\c regress_dcx_main
SELECT area, severity, object, problem, detail, fix FROM dcx_check() WHERE area IN ('connection', 'schema') AND object <> 'aas';
\o /dev/null
SELECT fix FROM dcx_check('schema') WHERE fix IS NOT NULL \gexec
\o
SELECT severity, object, problem FROM dcx_check('schema');
\c regress_dcx_enetworks
REVOKE UPDATE ON providers FROM regress_dcx_enetworks;
ALTER TABLE providers ADD PRIMARY KEY (id);
ALTER TABLE network_services ADD FOREIGN KEY ("providerId") REFERENCES providers ON UPDATE CASCADE;
ALTER TABLE bandwidth_prices ADD FOREIGN KEY ("serviceId") REFERENCES network_services ON UPDATE CASCADE, DROP COLUMN note, ALTER "minMbps" TYPE integer;
\c regress_dcx_main
\o /dev/null
SELECT fix FROM dcx_check('schema') WHERE fix IS NOT NULL \gexec
\o
SELECT * FROM dcx_check('schema');

-- Settings: of each catalog that is attached.
BEGIN;
SET LOCAL dcx_pricing.max_price_age = '1h';
SET LOCAL dcx_pricing.on_outage = saved;
SELECT * FROM dcx_check('settings') WHERE problem LIKE '%E-Networks%';
DELETE FROM dcx.price_book WHERE catalog = 'enetworks';
SELECT * FROM dcx_check('settings') WHERE problem LIKE '%E-Networks%';
\o /dev/null
SELECT fix FROM dcx_check('settings') WHERE problem LIKE '%E-Networks%' LIMIT 1 \gexec
\o
SELECT * FROM dcx_check('settings') WHERE problem LIKE '%E-Networks%';
ROLLBACK;

-- For the dashboard and the scheduler; the schema to carry along.
SELECT name, value FROM dcx_health() WHERE area = 'enetworks' AND name IN ('reachable', 'services', 'newest_updated_at', 'source');
SELECT task, regexp_replace(result, '\d+', 'N') FROM dcx_maintain() WHERE task LIKE '%network%' OR result LIKE '%enetworks%';
SELECT key, value -> 'columns' -> 'minMbps' AS min_mbps, value -> 'primary_key' AS primary_key FROM jsonb_each(dcx_schema('enetworks')) ORDER BY 1;

-- Out of reach: a row, and the other catalog answers.
ALTER SERVER dcx_enetworks OPTIONS (SET dbname 'regress_dcx_nowhere');
SELECT area, severity, object, problem FROM dcx_check() WHERE object <> 'aas' AND area <> 'updated_at';
SELECT severity, object, problem, detail FROM dcx_check('catalog');
SELECT name, value FROM dcx_health() WHERE area = 'enetworks' AND value IS NOT NULL AND name <> 'book_age';
SELECT state, message FROM test.failure($$SELECT dcx_schema('enetworks')$$);
ALTER SERVER dcx_enetworks OPTIONS (SET dbname 'regress_dcx_enetworks');
\o /dev/null
SELECT FROM dcx_detach('enetworks');
\o

-- The rows themselves, on tables that are here.
CREATE SCHEMA enetworks;
SET search_path = enetworks, public;
CREATE TABLE providers (id integer PRIMARY KEY, name text, active boolean);
CREATE TABLE network_services (id integer PRIMARY KEY, code text, title text, "providerId" integer REFERENCES providers);
CREATE TABLE bandwidth_prices (id integer PRIMARY KEY, "serviceId" integer REFERENCES network_services, "minMbps" numeric, "maxMbps" numeric,
    "fixedPrice" float8, "pricePerMbps" float8, cost float8);
INSERT INTO providers VALUES (1, 'Carrier', true);
INSERT INTO network_services VALUES (1, 'LINE', 'A line', 1);
INSERT INTO bandwidth_prices VALUES (1, 1, 1, 10, 100, 1.5, 1), (2, 1, 10, 100, 90, 1.4, 1), (3, 1, 100, NULL, 80, 1.3, 1);
SELECT count(*) FROM dcx_attach_enetworks();
SELECT * FROM dcx_check('catalog');
PREPARE look AS SELECT severity, object, problem, detail, fix FROM dcx_check('catalog');

BEGIN;
INSERT INTO network_services VALUES (2, 'LINE', 'Another line', 1), (3, '', 'A line without a name', 1), (4, NULL, NULL, 1);
INSERT INTO bandwidth_prices SELECT 2 + id, id, 1, 10, 1, 1, 1 FROM generate_series(2, 4) id;
EXECUTE look;
ROLLBACK;

BEGIN;
INSERT INTO network_services VALUES (2, 'EMPTY', 'No band', 1), (3, 'LONELY', 'No provider', NULL);
INSERT INTO bandwidth_prices VALUES (4, 3, 1, 10, 1, 1, 1), (5, NULL, 1, 10, 1, 1, 1);
INSERT INTO providers VALUES (2, 'Idle', true), (3, 'Gone', NULL);
UPDATE network_services SET "providerId" = 3 WHERE code = 'LINE';
EXECUTE look;
ROLLBACK;

BEGIN;
UPDATE bandwidth_prices SET "maxMbps" = 8 WHERE id = 1;
EXECUTE look;
UPDATE bandwidth_prices SET "maxMbps" = 12.5 WHERE id = 1;
EXECUTE look;
UPDATE bandwidth_prices SET "maxMbps" = NULL WHERE id = 1;
EXECUTE look;
ROLLBACK;

BEGIN;
UPDATE bandwidth_prices SET "minMbps" = 10 WHERE id = 1;
UPDATE bandwidth_prices SET "minMbps" = NULL WHERE id = 2;
UPDATE bandwidth_prices SET "minMbps" = 'NaN' WHERE id = 3;
INSERT INTO bandwidth_prices VALUES (4, 1, 1, 'NaN', 1, 1, 1), (5, 1, -1, 1, 1, 1, 1), (6, 1, -2, -1, 1, 1, 1);
EXECUTE look;
SELECT dcx_network_cost('LINE', 0.5);
ROLLBACK;

-- A value that is neither true nor false counts as not active, as in pricing.
BEGIN;
ALTER TABLE providers ALTER active TYPE text;
UPDATE providers SET active = 'perhaps';
EXECUTE look;
UPDATE providers SET active = 'Yes';
EXECUTE look;
ROLLBACK;

BEGIN;
UPDATE bandwidth_prices SET "fixedPrice" = 'NaN', "pricePerMbps" = 'Infinity' WHERE id = 1;
UPDATE bandwidth_prices SET "fixedPrice" = NULL, "pricePerMbps" = -1 WHERE id = 2;
UPDATE bandwidth_prices SET "fixedPrice" = 0, "pricePerMbps" = 0, cost = NULL WHERE id = 3;
EXECUTE look;
ROLLBACK;

BEGIN;
UPDATE bandwidth_prices SET "fixedPrice" = 1.00001, cost = 2 WHERE id = 1;
EXECUTE look;
ROLLBACK;
UPDATE bandwidth_prices SET "fixedPrice" = 99 WHERE id = 1;
EXECUTE look;
\o /dev/null
SELECT fix FROM dcx_check('catalog') WHERE fix IS NOT NULL \gexec
\o
EXECUTE look;

BEGIN;
INSERT INTO network_services SELECT 10 + id, 'LINE_' || id, 'More', 1 FROM generate_series(1, 10) id;
INSERT INTO bandwidth_prices SELECT 10 + id, 10 + id, 1, 10, 1, 1, 1 FROM generate_series(1, 10) id;
SELECT severity, object, problem, regexp_replace(detail, ' at .*', ' at ...') AS detail FROM dcx_check('catalog');
ROLLBACK;

-- The same of a view that stands for them.
\o /dev/null
SELECT FROM dcx_detach('enetworks');
\o
CREATE VIEW lines AS SELECT code, title, p.name AS provider, active, "minMbps" AS min_mbps, "maxMbps" AS max_mbps, "fixedPrice" AS fixed_price,
    "pricePerMbps" AS price_per_mbps, cost
  FROM bandwidth_prices b LEFT JOIN network_services s ON s.id = b."serviceId" LEFT JOIN providers p ON p.id = s."providerId";
SELECT count(*) FROM dcx_attach_enetworks(prices => 'lines');
EXECUTE look;
BEGIN;
INSERT INTO network_services VALUES (2, 'LINE', 'Another line', 1), (3, NULL, 'A line without a code', 1);
INSERT INTO bandwidth_prices VALUES (4, 2, 1, 10, 'NaN', 1, 1), (5, 3, 1, 10, 1, 1, 1), (6, 1, 50, 60, 1, 1, 1);
EXECUTE look;
SELECT name, value FROM dcx_health() WHERE area = 'enetworks' AND name IN ('services', 'source');
ROLLBACK;

\o /dev/null
SELECT FROM dcx_detach('enetworks');
\o
RESET search_path;
\set VERBOSITY terse
DROP SCHEMA enetworks CASCADE;
DELETE FROM dcx.price_book WHERE catalog = 'enetworks';
