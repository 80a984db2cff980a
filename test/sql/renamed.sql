-- What is attached is renamed, swapped by name, or dropped: the check says so, and each fix and each hint attaches what
-- was attached, never what stands in the schema that attach looks into by default.
\getenv dir PG_ABS_SRCDIR
\set connection :dir '/fixtures/connection.sql'
\i :connection
\c regress_dcx_main
SET client_min_messages = warning;

CREATE FUNCTION test.catalogs(schema text, price numeric) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %1$I;
        CREATE TABLE %1$I.products (code text, title text, price numeric, "categoryId" text);
        CREATE TABLE %1$I.categories (id text, name text);
        CREATE TABLE %1$I.terraform_vm_config (id text, name text, vcpus integer, memory integer, disk integer);
        CREATE TABLE %1$I.providers (id text, name text, active boolean);
        CREATE TABLE %1$I.network_services (id text, code text, title text, "providerId" text);
        CREATE TABLE %1$I.bandwidth_prices ("serviceId" text, "minMbps" integer, "maxMbps" integer, "fixedPrice" numeric, "pricePerMbps" numeric);
        INSERT INTO %1$I.products SELECT code, code, %2$s, ''c'' FROM unnest(''{CPU_1GHZ,RAM_GB,STORAGE_STANDARD}''::text[]) code;
        INSERT INTO %1$I.categories VALUES (''c'', ''Cloud'');
        INSERT INTO %1$I.terraform_vm_config VALUES (''t'', ''small'', 1, 1, 1);
        INSERT INTO %1$I.providers VALUES (''p'', ''Provider'', true);
        INSERT INTO %1$I.network_services VALUES (''s'', ''FIBRE'', ''Fibre'', ''p'');
        INSERT INTO %1$I.bandwidth_prices VALUES (''s'', 0, NULL, %2$s, 0);
        CREATE VIEW %1$I.tariff AS SELECT ''FIBRE''::text AS code, ''Fibre''::text AS title, ''Provider''::text AS provider, true AS active,
            0 AS min_mbps, NULL::integer AS max_mbps, %2$s AS fixed_price, 0 AS price_per_mbps', schema, price);
END $$;
-- Puts another relation in the place of one: the old one is kept as ..._old.
CREATE FUNCTION test.swap(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE "Shop".%1$I RENAME TO %2$I; CREATE TABLE "Shop".%1$I AS SELECT * FROM "Shop".%2$I', name, name || '_old');
END $$;
CREATE VIEW test.renamed AS
    SELECT severity, object, problem, detail, fix FROM dcx_check('connection') WHERE problem LIKE 'what is attached is no longer called%';
-- Runs the fixes; returns what is found then.
CREATE FUNCTION test.mend() RETURNS SETOF test.renamed LANGUAGE plpgsql AS $$
DECLARE
    mend text;
BEGIN
    FOR mend IN SELECT fix FROM test.renamed LOOP EXECUTE mend; END LOOP;
    RETURN QUERY SELECT * FROM test.renamed;
END $$;
-- Does what the hint of an error says, by its first call.
CREATE FUNCTION test.follow(call text) RETURNS TABLE (state text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    SELECT f.state, f.hint INTO state, hint FROM test.failure(call) f;
    EXECUTE substring(hint FROM 'SELECT \* FROM dcx_attach_\w+\([^)]*\)');
    RETURN NEXT;
END $$;
CREATE VIEW test.prices AS SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 1) AS vm, (SELECT cost FROM dcx_template_costs('1GHZ', 'STANDARD')) AS template,
    dcx_price_book() -> 'RAM_GB' ->> 'category' AS category, dcx_network_cost('FIBRE', 1) AS network;

SELECT test.catalogs('Shop', 10), test.catalogs('aas', 99), test.catalogs('enetworks', 99);
CREATE TABLE "Shop"."Purses" ("Org" text PRIMARY KEY, "Money" numeric NOT NULL);
INSERT INTO "Shop"."Purses" VALUES ('a', 5);
SELECT count(*) FROM dcx_attach_aas(NULL, 'Shop');
SELECT count(*) FROM dcx_attach_enetworks(NULL, 'Shop');
SELECT count(*) FROM dcx_attach_wallet('"Shop"."Purses"', 'Org', 'Money');
SELECT * FROM test.prices;
SELECT * FROM test.renamed;

-- Each part of each catalog, swapped by name. What is attached answers until the fix has been run.
BEGIN;
SELECT test.swap(part) FROM dcx.binding WHERE catalog <> 'wallet';
UPDATE "Shop".products SET price = 20;
UPDATE "Shop".categories SET name = 'New';
UPDATE "Shop".terraform_vm_config SET vcpus = 2;
UPDATE "Shop".bandwidth_prices SET "fixedPrice" = 20;
SELECT * FROM test.prices;
SELECT * FROM test.renamed ORDER BY object;
SELECT * FROM test.mend();
SELECT * FROM test.prices;
ROLLBACK;
BEGIN;
SELECT test.swap('providers');
SELECT object, fix FROM test.renamed;
SELECT * FROM test.mend();
ROLLBACK;
-- By the name of the schema.
BEGIN;
SELECT test.catalogs('New', 20);
ALTER SCHEMA "Shop" RENAME TO "Old";
SELECT * FROM test.renamed;
ALTER SCHEMA "New" RENAME TO "Shop";
SELECT object, detail, fix FROM test.renamed;
SELECT * FROM test.mend();
SELECT * FROM test.prices;
ROLLBACK;
-- Something that pricing reads is not in the place of what was attached.
BEGIN;
SELECT test.swap('products');
ALTER TABLE "Shop".categories SET SCHEMA test;
SELECT object, detail, fix FROM test.renamed;
ROLLBACK;
-- Renamed, and nothing has the name.
BEGIN;
ALTER TABLE "Shop".products RENAME TO "Old products";
SELECT * FROM test.renamed;
SELECT * FROM test.mend();
ROLLBACK;
-- A binding of an earlier version does not say what was attached: a part has its name.
BEGIN;
UPDATE dcx.binding SET seen = seen - 'here';
SELECT * FROM test.renamed;
SELECT test.swap('products');
SELECT object, detail, fix FROM test.renamed;
ROLLBACK;
-- In a restored dump everything has another OID.
BEGIN;
UPDATE dcx.binding SET seen = jsonb_set(jsonb_set(seen, '{here,oid}', '1'), '{here,schema_oid}', '2');
SELECT * FROM test.renamed;
SELECT test.swap('products');
SELECT object, detail, fix FROM test.renamed;
DROP TABLE "Shop".products_old;
SELECT * FROM test.follow($$SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 1)$$);
ROLLBACK;
-- Changed by hand.
BEGIN;
UPDATE dcx.binding SET relation = '"Shop".tariff' WHERE part = 'bandwidth_prices';
SELECT * FROM test.renamed;
ROLLBACK;
-- A view has a name of its own.
BEGIN;
SELECT count(*) FROM dcx_detach('enetworks');
SELECT count(*) FROM dcx_attach_enetworks(NULL, 'Shop', 'tariff');
SELECT * FROM test.renamed;
SELECT test.swap('tariff');
UPDATE "Shop".tariff SET fixed_price = 20;
SELECT object, problem, detail, fix FROM test.renamed;
SELECT * FROM test.mend();
SELECT network FROM test.prices;
DROP TABLE "Shop".tariff;
CREATE TABLE "Shop".tariff AS SELECT * FROM "Shop".tariff_old;
SELECT * FROM test.follow($$SELECT dcx_network_cost('FIBRE', 1)$$);
SELECT network FROM test.prices;
ROLLBACK;
-- A foreign table.
BEGIN;
SELECT count(*) FROM dcx_attach_aas(:'aas_url', 'far');
SELECT * FROM test.renamed;
ALTER FOREIGN TABLE far.products RENAME TO products_old;
SELECT object, detail, fix FROM test.renamed;
SELECT * FROM test.mend();
ROLLBACK;
-- The wallet table: renamed it is attached by its new name; swapped, the other is attached.
BEGIN;
ALTER TABLE "Shop"."Purses" RENAME TO purses;
SELECT * FROM test.renamed;
SELECT * FROM test.mend();
SELECT dcx_wallet_balance('a');
ROLLBACK;
BEGIN;
SELECT test.swap('Purses');
UPDATE "Shop"."Purses" SET "Money" = 7;
SELECT dcx_wallet_balance('a');
SELECT * FROM test.renamed;
SELECT * FROM test.mend();
SELECT dcx_wallet_balance('a');
SELECT kind, amount FROM dcx_wallet_statement('a');
ALTER TABLE "Shop"."Purses" RENAME TO again;
ALTER TABLE "Shop"."Purses_old" RENAME TO "Purses";
ALTER TABLE "Shop"."Purses" RENAME "Org" TO organisation;
SELECT object, detail, fix FROM test.renamed;
ROLLBACK;

-- Dropped and made again: the hint attaches what is in the schema that was attached.
BEGIN;
DROP TABLE "Shop".products;
CREATE TABLE "Shop".products AS SELECT code, title, 20 AS price, 'c' AS "categoryId" FROM aas.products;
SELECT * FROM test.follow($$SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 1)$$);
SELECT vm FROM test.prices;
DROP TABLE "Shop".terraform_vm_config;
CREATE TABLE "Shop".terraform_vm_config AS SELECT id, name, 3 AS vcpus, memory, disk FROM aas.terraform_vm_config;
SELECT * FROM test.follow($$SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD')$$);
SELECT template FROM test.prices;
DROP TABLE "Shop".providers, "Shop".network_services, "Shop".bandwidth_prices;
CREATE TABLE "Shop".providers AS SELECT * FROM enetworks.providers;
CREATE TABLE "Shop".network_services AS SELECT * FROM enetworks.network_services;
CREATE TABLE "Shop".bandwidth_prices AS SELECT * FROM enetworks.bandwidth_prices;
UPDATE "Shop".bandwidth_prices SET "fixedPrice" = 20;
SELECT * FROM test.follow($$SELECT dcx_network_cost('FIBRE', 1)$$);
SELECT network FROM test.prices;
DROP TABLE "Shop"."Purses" CASCADE;
CREATE TABLE "Shop"."Purses" AS SELECT 'a'::text AS "Org", 6 AS "Money";
SELECT * FROM test.follow($$SELECT dcx_wallet_balance('a')$$);
SELECT dcx_wallet_balance('a');
-- Our own table.
DROP TABLE dcx.price_book;
SELECT * FROM test.follow($$SELECT * FROM dcx_price_book_save()$$);
SELECT vm FROM test.prices;
ROLLBACK;
-- The schema has been renamed since, or is gone.
BEGIN;
ALTER SCHEMA "Shop" RENAME TO "New shop";
DROP TABLE "New shop".products, "New shop"."Purses" CASCADE;
SELECT hint FROM test.failure($$SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 1)$$);
SELECT hint FROM test.failure($$SELECT dcx_wallet_balance('a')$$);
DROP SCHEMA "New shop" CASCADE;
SELECT hint FROM test.failure($$SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 1)$$);
ROLLBACK;
-- It is not known what was attached.
BEGIN;
UPDATE dcx.binding SET seen = seen - 'here';
DROP TABLE "Shop".products, "Shop".providers, "Shop"."Purses" CASCADE;
SELECT hint FROM test.failure($$SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 1)$$);
SELECT hint FROM test.failure($$SELECT dcx_network_cost('FIBRE', 1)$$);
SELECT hint FROM test.failure($$SELECT dcx_wallet_balance('a')$$);
UPDATE dcx.binding SET seen = '{"here": {"schema": 1e99, "name": [], "oid": "x", "schema_oid": -1}}';
SELECT hint FROM test.failure($$SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 1)$$);
UPDATE dcx.binding SET seen = '[1]';
SELECT hint FROM test.failure($$SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 1)$$);
SELECT count(*) FROM test.renamed;
ROLLBACK;
-- A part that was not there when the catalog was attached.
BEGIN;
DROP TABLE "Shop".terraform_vm_config;
SELECT count(*) FROM dcx_attach_aas(NULL, 'Shop');
SELECT hint FROM test.failure($$SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD')$$);
CREATE TABLE "Shop".terraform_vm_config AS SELECT * FROM aas.terraform_vm_config;
SELECT * FROM test.follow($$SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD')$$);
SELECT * FROM test.prices;
ROLLBACK;

SELECT count(*) FROM dcx_detach('wallet');
DROP VIEW test.prices, test.renamed CASCADE;
DROP SCHEMA "Shop", aas, enetworks, dcx CASCADE;
DROP FUNCTION test.catalogs, test.swap, test.follow;
