-- Attaching a catalog: by URL, by key=value, by server name, by adoption; and undoing it.
\getenv dir PG_ABS_SRCDIR
\set connection :dir '/fixtures/connection.sql'
\i :connection
\c regress_dcx_main

-- Nothing is attached: every call says so, and how to.
SELECT * FROM test.failure($$SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40)$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD')$$) \gx
SELECT * FROM test.failure($$SELECT dcx_detach('aas')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas()$$) \gx

-- By the URL as it stands in .env.
SELECT * FROM dcx_attach_aas(:'aas_url') \gx
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SELECT catalog, part, relation, columns, made FROM dcx.binding ORDER BY 1, 2;
SELECT code, title, price FROM aas.products WHERE code LIKE 'CPU%' ORDER BY code;
-- A type that does not exist here is text, and can still be compared.
SELECT "osType", count(*) FROM aas.terraform_vm_config WHERE "osType" = 'WINDOWS' GROUP BY 1;
-- Nothing can be written through it.
UPDATE aas.products SET price = 0;
TRUNCATE aas.products;
-- A dead remote costs seconds; the server's options contain no password.
SELECT unnest(srvoptions) AS option FROM pg_foreign_server WHERE srvname = 'dcx_aas'
EXCEPT SELECT 'host=' || :'host' EXCEPT SELECT 'port=' || :'port' ORDER BY 1;
SELECT option_name FROM information_schema.user_mapping_options
 WHERE foreign_server_name = 'dcx_aas' ORDER BY 1;

-- Again: nothing is made twice. What was tuned by hand stays, what the URL says is set in place.
ALTER SERVER dcx_aas OPTIONS (SET fetch_size '50');
SELECT relation, rows, note FROM dcx_attach_aas(:'aas_url' || '&connect_timeout=9&sslaccept=strict');
SELECT unnest(srvoptions) AS option FROM pg_foreign_server WHERE srvname = 'dcx_aas'
EXCEPT SELECT 'host=' || :'host' EXCEPT SELECT 'port=' || :'port' ORDER BY 1;
-- A column that the remote has got meanwhile is added.
ALTER FOREIGN TABLE aas.products DROP COLUMN profit;
SELECT note FROM dcx_attach_aas(:'aas_url') WHERE relation = 'aas.products';

-- One that it has lost.
\c regress_dcx_aas
ALTER TABLE terraform_vm_config RENAME disk TO disk_gb;
\c regress_dcx_main
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_aas(%L)$$, :'aas_url')) \gx
\c regress_dcx_aas
ALTER TABLE terraform_vm_config RENAME disk_gb TO disk;
\c regress_dcx_main

-- The same in key=value form. Behind pgbouncer no options are sent.
SELECT relation, rows FROM dcx_attach_aas(format(
    'host=%s port=%s dbname=regress_dcx_aas user=regress_dcx_aas password=''read@aas/39%%''',
    :'host', :'port'));
SELECT relation, rows FROM dcx_attach_aas(:'aas_url' || '&pgbouncer=true', 'aas_pooled');
SELECT srvname, array_to_string(srvoptions, ' ') LIKE '%options=%' AS options
  FROM pg_foreign_server ORDER BY 1;
SELECT replace(object, current_user, 'CURRENT_USER') AS object FROM dcx_detach('aas');

-- By the name of a server. It is left alone, and so is its mapping.
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas('no_such_server')$$) \gx
SELECT count(*) FROM dcx_attach_aas(:'aas_url');
DELETE FROM dcx.binding;
SELECT relation, rows, note FROM dcx_attach_aas('dcx_aas') ORDER BY 1;
SELECT replace(object, current_user, 'CURRENT_USER') AS object FROM dcx_detach('aas');
\det aas.*
\set VERBOSITY terse
DROP SERVER dcx_aas CASCADE;
\set VERBOSITY default
DROP SCHEMA aas;
CREATE SERVER hand_made FOREIGN DATA WRAPPER postgres_fdw
    OPTIONS (host :'host', port :'port', dbname 'regress_dcx_aas');
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas('hand_made')$$) \gx
CREATE USER MAPPING FOR CURRENT_USER SERVER hand_made
    OPTIONS (user 'regress_dcx_aas', password 'read@aas/39%');
SELECT relation, rows, note FROM dcx_attach_aas('hand_made', 'by_name');
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SELECT made FROM dcx.binding ORDER BY part;
SELECT replace(object, current_user, 'CURRENT_USER') AS object FROM dcx_detach('aas');
SELECT srvname FROM pg_foreign_server;

-- By adoption of foreign tables made by hand: nothing is made, nothing is dropped.
CREATE SCHEMA aas;
IMPORT FOREIGN SCHEMA public LIMIT TO (products, categories) FROM SERVER hand_made INTO aas;
SELECT hint FROM test.failure($$SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40)$$);
SELECT * FROM dcx_attach_aas();
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SELECT * FROM test.failure($$SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD')$$) \gx
-- Tables that are not on the server are left alone.
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_aas(%L)$$, :'aas_url')) \gx
SELECT replace(object, current_user, 'CURRENT_USER') AS object FROM dcx_detach('aas');
\det aas.*
\set VERBOSITY terse
DROP SERVER hand_made CASCADE;
\set VERBOSITY default

-- Of local tables and of views.
CREATE TABLE aas.products (code text, price integer);
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas(NULL, 'public')$$) \gx
INSERT INTO aas.products VALUES ('CPU_1GHZ', 1), ('RAM_GB', 10), ('STORAGE_STANDARD', 100);
SELECT * FROM dcx_attach_aas();
SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 1);
SELECT title FROM dcx_vm_quote('1GHZ', 1, 1, 'STANDARD', 1);
DROP TABLE aas.products;
SELECT * FROM test.failure($$SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 1)$$) \gx
SELECT object ~ '^binding of relation \d+ \(dropped\)$' AS gone FROM dcx_detach('aas');
CREATE TABLE aas.products (code text, price text, cost numeric);
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas()$$) \gx
ALTER TABLE aas.products DROP COLUMN price;
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas()$$) \gx
DROP TABLE aas.products;
CREATE VIEW aas.products AS SELECT 'RAM_GB' AS code, 7.5 AS price;
CREATE TABLE aas.terraform_vm_config (id text, name text, vcpus integer, memory integer);
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas()$$) \gx
DROP TABLE aas.terraform_vm_config;
SELECT * FROM dcx_attach_aas();
SELECT dcx_product_cost('RAM_GB', 2);
-- A column lost after attaching.
DROP VIEW aas.products;
CREATE TABLE aas.products (code text, price numeric);
SELECT count(*) FROM dcx_attach_aas();
ALTER TABLE aas.products RENAME price TO amount;
SELECT * FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$) \gx
-- A relation renamed or moved stays attached.
ALTER TABLE aas.products RENAME amount TO price;
INSERT INTO aas.products VALUES ('RAM_GB', 12);
ALTER TABLE aas.products SET SCHEMA public;
ALTER TABLE public.products RENAME TO catalog_products;
SELECT dcx_product_cost('RAM_GB', 2);
SELECT replace(object, current_user, 'CURRENT_USER') AS object FROM dcx_detach('aas');
DROP TABLE public.catalog_products;
DROP SCHEMA aas;

-- What goes wrong with a source. Nothing is left behind of it, and no password is shown.
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_aas(%L)$$,
    replace(:'aas_url', '/regress_dcx_aas?', '/regress_dcx_nowhere?'))) \gx
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_aas(%L)$$,
    replace(replace(:'aas_url', 'regress_dcx_aas', 'regress_dcx_enetworks'),
            'read%40aas%2F39%25', 'enetworks_secret'))) \gx
SELECT * FROM test.failure(format($$SELECT * FROM dcx_attach_aas(%L)$$,
    replace(:'aas_url', 'schema=public', 'schema=nothing'))) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas('postgresql://u:se@cret@127.0.0.1/d')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas('postgresql://u:se/cret@127.0.0.1/d')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas('postgresql://u:se%cret@127.0.0.1/d')$$) \gx
SELECT detail FROM test.failure($$SELECT * FROM dcx_attach_aas('postgresql://u:se@cr?et@127.0.0.1/d')$$);
SELECT detail FROM test.failure($$SELECT * FROM dcx_attach_aas('postgresql://u:secret/d')$$);
SELECT detail FROM test.failure($$SELECT * FROM dcx_attach_aas('u:secret@127.0.0.1/d')$$);
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas('mysql://u:secret@127.0.0.1/d')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas('host=127.0.0.1 pass word=secret')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas('x=1')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas('host=x', NULL)$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas('host=x', repeat('s', 60))$$) \gx
SELECT nspname FROM pg_namespace WHERE nspname IN ('aas', 'nothing');
SELECT srvname FROM pg_foreign_server;

-- The remote cannot change under a transaction that has read it.
SELECT count(*) FROM dcx_attach_aas(:'aas_url');
BEGIN;
SELECT dcx_product_cost('RAM_GB');
SELECT count(*) FROM dcx_attach_aas(:'aas_url');
SELECT count(*) FROM dcx_attach_aas(replace(:'aas_url', '/regress_dcx_aas?', '/regress_dcx_enetworks?'));
ROLLBACK;
SELECT dcx_product_cost('RAM_GB');

-- Detaching undoes all that attach made for the catalog, wherever it is.
\set detach 'SELECT regexp_replace(replace(object, current_user, ''CURRENT_USER''), ''[0-9]+ .dropped.'', ''N (dropped)'') AS object FROM dcx_detach'
\set left 'SELECT (SELECT array_agg(srvname ORDER BY 1) FROM pg_foreign_server) AS servers, (SELECT count(*) FROM pg_user_mappings) AS mappings, (SELECT array_agg(ftrelid::regclass::text ORDER BY 1) FROM pg_foreign_table) AS tables, (SELECT array_agg(nspname ORDER BY 1) FROM pg_namespace WHERE nspname ~ ''^(aas|other|third|renamed)$'') AS schemas'
BEGIN;
SELECT count(*) FROM dcx_attach_aas(:'aas_url', 'other');
SELECT count(*) FROM dcx_attach_aas(:'aas_url', 'third');
SELECT count(*) FROM dcx_attach_aas(NULL, 'other');
-- Under the names of now.
ALTER SCHEMA aas RENAME TO renamed;
ALTER SERVER dcx_third RENAME TO dcx_renamed;
:detach('aas');
:left;
ROLLBACK;
-- Also what stands there without its tables; not what the user has made since, nor what something uses.
BEGIN;
SELECT count(*) FROM dcx_attach_aas(:'aas_url', 'other');
SELECT count(*) FROM dcx_attach_aas(:'aas_url', 'third');
DROP FOREIGN TABLE aas.products, third.products, other.categories;
CREATE VIEW uses_templates AS SELECT id FROM other.terraform_vm_config;
CREATE FOREIGN TABLE aas.mine (id text) SERVER dcx_other;
:detach('aas');
:left;
ROLLBACK;
BEGIN;
\set VERBOSITY terse
DROP SCHEMA aas CASCADE;
\set VERBOSITY default
CREATE SCHEMA aas;
:detach('aas');
:left;
ROLLBACK;
-- The next attach makes of the server what the first has left; it still goes.
BEGIN;
DROP FOREIGN TABLE aas.products, aas.categories;
SELECT count(*) FROM dcx_attach_aas(:'aas_url');
:detach('aas');
:left;
ROLLBACK;
-- Two catalogs in one schema: the second to go takes along what both used.
\c regress_dcx_aas
CREATE TABLE providers AS SELECT 'p' AS id, 'P' AS name, true AS active;
CREATE TABLE network_services AS SELECT 's' AS id, 'S' AS code, 'p' AS "providerId";
CREATE TABLE bandwidth_prices AS SELECT 's' AS "serviceId", 0 AS "minMbps", 1 AS "maxMbps", 1 AS "fixedPrice", 1 AS "pricePerMbps";
GRANT SELECT ON providers, network_services, bandwidth_prices TO regress_dcx_aas;
\c regress_dcx_main
BEGIN;
SELECT count(*) FROM dcx_attach_enetworks(:'aas_url', 'aas');
:detach('aas');
:left;
:detach('enetworks');
:left;
ROLLBACK;
BEGIN;
SELECT count(*) FROM dcx_attach_enetworks(:'aas_url', 'aas');
:detach('enetworks');
:detach('aas');
:left;
ROLLBACK;
-- A mapping that attach made for a server of the user's.
BEGIN;
SELECT count(*) FROM dcx_detach('aas');
CREATE SERVER dcx_aas FOREIGN DATA WRAPPER postgres_fdw;
SELECT count(*) FROM dcx_attach_aas(:'aas_url');
:detach('aas');
:left;
ROLLBACK;
\c regress_dcx_aas
DROP TABLE providers, network_services, bandwidth_prices;
\c regress_dcx_main
-- dcx_detach leaves what others use.
CREATE VIEW uses_products AS SELECT code FROM aas.products;
SELECT * FROM test.failure($$SELECT * FROM dcx_detach('aas')$$) \gx
DROP VIEW uses_products;
CREATE TABLE aas.kept ();
SELECT replace(object, current_user, 'CURRENT_USER') AS object FROM dcx_detach('aas');
DROP SCHEMA aas CASCADE;
SELECT * FROM dcx.binding;
