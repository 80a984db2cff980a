-- Everything that can be wrong, as rows, and the SQL that fixes it: of a catalog in this database.
\c regress_dcx_main
SET timezone = 'UTC';
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS dcx CASCADE;
RESET client_min_messages;
CREATE SCHEMA aas;
CREATE TABLE aas.categories (id text PRIMARY KEY, name text);
CREATE TABLE aas.products (id text PRIMARY KEY, code text, title text, price numeric, cost numeric, unit numeric DEFAULT 1,
    "categoryId" text CONSTRAINT category REFERENCES aas.categories, "createdAt" timestamptz(3) DEFAULT '2026-01-01', "updatedAt" timestamptz(3) DEFAULT '2026-01-02 03:04:05.6');
CREATE TABLE aas.terraform_vm_config (id text PRIMARY KEY, name text, "group" text, "osType" text, vcpus integer, memory float8, disk integer);
INSERT INTO aas.categories VALUES ('c1', 'Compute'), ('c2', 'Storage');
INSERT INTO aas.products VALUES ('p1', 'CPU_1GHZ', 'vCPU', 78, 52, 1, 'c1'), ('p2', 'RAM_GB', 'RAM', 37, 24.5, 1, 'c1'), ('p3', 'STORAGE_STANDARD', 'Standard', 1.8, 1.1, 1, 'c2');
INSERT INTO aas.terraform_vm_config VALUES ('t1', 'small', 'Linux', 'linux', 2, 4, 40);
CREATE TABLE aas.wallets (org text PRIMARY KEY, balance numeric NOT NULL);
INSERT INTO aas.wallets VALUES ('a', 100), ('b', 50);

-- Nothing is attached: no error, whatever is asked.
SELECT * FROM dcx_check('connection');
SELECT area, severity, problem FROM dcx_check() WHERE area NOT IN ('connection', 'updated_at');
-- Nor for a role without USAGE on the schema.
CREATE ROLE regress_dcx_watcher;
GRANT EXECUTE ON FUNCTION dcx_check(text) TO regress_dcx_watcher;
SET ROLE regress_dcx_watcher;
SELECT * FROM dcx_check('connection');
RESET ROLE;
DROP OWNED BY regress_dcx_watcher;
DROP ROLE regress_dcx_watcher;
SELECT * FROM dcx_health() WHERE value IS NOT NULL;
SELECT * FROM dcx_maintain();
SELECT state, message FROM test.failure('SELECT dcx_schema()');
SELECT * FROM test.failure($$SELECT * FROM dcx_check('weather')$$) \gx
SELECT state, hint FROM test.failure($$SELECT * FROM dcx_check('')$$);
\o /dev/null
SELECT fix FROM dcx_check('connection') \gexec
SELECT * FROM dcx_attach_wallet('aas.wallets', 'org');
\o
SELECT * FROM dcx_check('connection');

-- updated_at: the platform's tables and the catalog's, before anything keeps it.
SELECT area, severity, count(*) = (SELECT count(*) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                                    WHERE attname = 'updatedAt' AND relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'aas'::regnamespace)) AS every_one
  FROM dcx_check() GROUP BY 1, 2;
SELECT * FROM dcx_check('updated_at') WHERE object IN ('aas.products', 'public."OrganisationWallet"');
\o /dev/null
SELECT fix FROM dcx_check('updated_at') \gexec
\o
-- Healthy.
SELECT * FROM dcx_check();

CREATE FUNCTION aas.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
\set problems 'SELECT * FROM dcx_check()'
BEGIN;
ALTER TABLE aas.products DISABLE TRIGGER USER;
:problems;
SELECT fix FROM dcx_check() \gexec
:problems;
-- Not the last that fires.
CREATE TRIGGER zzzz BEFORE UPDATE ON aas.products FOR EACH ROW EXECUTE FUNCTION aas.touch();
CREATE TRIGGER "~ Late" BEFORE UPDATE ON aas.products FOR EACH ROW EXECUTE FUNCTION aas.touch();
:problems;
SELECT fix FROM dcx_check() \gexec
:problems;
-- A fix does not use a name that a disabled trigger has.
ALTER TRIGGER zzzz ON aas.products RENAME TO "~~~";
CREATE TRIGGER "~~~_updated_at" BEFORE UPDATE ON aas.products FOR EACH ROW EXECUTE FUNCTION aas.touch();
ALTER TABLE aas.products DISABLE TRIGGER "~~~_updated_at";
:problems;
DROP TRIGGER "~~~_updated_at" ON aas.products;
SELECT fix FROM dcx_check();
ALTER TRIGGER "~~~" ON aas.products RENAME TO zzzz;
-- After the longest name there is no other.
ALTER TRIGGER zzzz ON aas.products RENAME TO "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~";
SELECT fix FROM dcx_check();
ALTER TABLE aas.products DISABLE TRIGGER "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~";
:problems;
-- A trigger that keeps another column, or only sometimes fires, keeps nothing.
DROP TRIGGER "~ Late_updated_at" ON aas.products;
CREATE TRIGGER other BEFORE UPDATE ON aas.products FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('createdAt');
CREATE TRIGGER of_price BEFORE UPDATE OF price ON aas.products FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at();
:problems;
-- One whose argument is the column does.
CREATE TRIGGER "~~~" BEFORE UPDATE ON aas.products FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at('updatedAt');
:problems;
ROLLBACK;
BEGIN;
CREATE TABLE aas."Odd Name" ("updatedAt" date);
CREATE TABLE aas.parted (id int, "updatedAt" timestamp) PARTITION BY RANGE (id);
CREATE TABLE aas.parted_1 PARTITION OF aas.parted FOR VALUES FROM (0) TO (10);
CREATE VIEW aas.seen AS SELECT * FROM aas.parted;
:problems;
\o /dev/null
SELECT fix FROM dcx_check() WHERE fix IS NOT NULL \gexec
\o
:problems;
ROLLBACK;

-- catalog
BEGIN;
INSERT INTO aas.products (id, code, price) VALUES ('d1', 'TWICE', 1), ('d2', 'TWICE', 2), ('e1', '', 1), ('e2', NULL, 1), ('n1', 'NAN', 'NaN'), ('n2', 'INFINITE', 'Infinity'),
    ('n3', 'NEGATIVE', -0.01), ('n4', 'NONE', NULL), ('z', 'FREE', 0), ('f', 'FINE', 1.23456), ('f4', 'FOUR', 1.23450);
UPDATE aas.products SET "categoryId" = 'c1' WHERE "categoryId" IS NULL;
SELECT severity, object, problem, regexp_replace(detail, ' at .*', ' at ...') AS detail, fix FROM dcx_check('catalog');
ROLLBACK;
BEGIN;
UPDATE aas.products SET title = NULL, code = NULL WHERE id = 'p1';
UPDATE aas.products SET cost = 37.01, unit = 1024 WHERE id = 'p2';
UPDATE aas.products SET cost = 'NaN', "categoryId" = NULL WHERE id = 'p3';
SELECT * FROM dcx_check('catalog');
ROLLBACK;
BEGIN;
ALTER TABLE aas.products DROP CONSTRAINT category;
UPDATE aas.products SET "categoryId" = 'c9' WHERE id = 'p3';
SELECT * FROM dcx_check('catalog');
ROLLBACK;
-- Digits of a floating-point price beyond the exact ones do not count.
BEGIN;
ALTER TABLE aas.products ALTER price TYPE float8;
UPDATE aas.products SET price = 37.00000000000001 WHERE id = 'p2';
SELECT * FROM dcx_check();
SET LOCAL extra_float_digits = -14;
SELECT * FROM dcx_check();
SHOW extra_float_digits;
ROLLBACK;
-- A family that is missing, by any reason.
BEGIN;
UPDATE aas.products SET code = 'CPU1' WHERE id = 'p1';
UPDATE aas.products SET code = 'RAM_GBIT' WHERE id = 'p2';
UPDATE aas.products SET price = NULL WHERE id = 'p3';
SELECT * FROM dcx_check('catalog');
ROLLBACK;
-- A code in other letter case is not missing.
BEGIN;
UPDATE aas.products SET code = lower(code);
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SELECT severity, problem FROM dcx_check('catalog');
ROLLBACK;
-- A family whose codes all exist twice is missing, too.
BEGIN;
INSERT INTO aas.products SELECT id || '+', code, title, price, cost, unit, "categoryId" FROM aas.products;
SELECT object, problem FROM dcx_check('catalog') WHERE severity = 'error';
ROLLBACK;
BEGIN;
DELETE FROM aas.products;
SELECT severity, object, problem FROM dcx_check('catalog');
ROLLBACK;
-- What is refused as a template's size is what dcx_template_costs() does not price.
BEGIN;
INSERT INTO aas.terraform_vm_config (id, name, vcpus, memory, disk) VALUES ('t2', 'no CPU', 0, 4, 40), ('t3', 'no memory', 2, 0, 40), ('t4', 'NaN', 2, 'NaN', 40), ('t5', 'endless', 2, 'Infinity', 40),
    ('t6', 'negative', 2, 4, -1), ('t7', NULL, NULL, NULL, NULL), ('t8', 'diskless', 2, 0.5, 0);
SELECT object, problem, detail FROM dcx_check('catalog') WHERE problem LIKE '%template%';
SET LOCAL client_min_messages = error;
SELECT id, coalesce(name, id) IN (SELECT object FROM dcx_check('catalog')) AS problem, cost IS NULL AS not_priced FROM dcx_template_costs('1GHZ', 'STANDARD') ORDER BY 1;
ROLLBACK;
-- Against the last saved book.
BEGIN;
UPDATE aas.products SET price = price + 1 WHERE id <> 'p1';
SELECT * FROM dcx_check('catalog');
\o /dev/null
SELECT fix FROM dcx_check('catalog') \gexec
\o
SELECT * FROM dcx_check('catalog');
ROLLBACK;
BEGIN;
INSERT INTO aas.products SELECT 'm' || n, 'MORE_' || n, NULL, n, NULL, 1, 'c1' FROM generate_series(1, 12) n;
SELECT object, problem, regexp_replace(detail, ' at .*', ' at ...') AS detail, fix FROM dcx_check('catalog');
\o /dev/null
SELECT * FROM dcx_price_book_save();
\o
SELECT * FROM dcx_check('catalog');
UPDATE aas.products SET price = price * 2;
SELECT problem, detail FROM dcx_check('catalog');
DELETE FROM aas.products WHERE id LIKE 'm_%' AND price > 10;
SELECT problem, regexp_replace(detail, ' at .*', ' at ...') AS detail FROM dcx_check('catalog');
ROLLBACK;

-- schema
BEGIN;
ALTER TABLE aas.products DROP COLUMN unit;
ALTER TABLE aas.products RENAME code TO "Code";
ALTER TABLE aas.categories DROP COLUMN name;
SELECT * FROM dcx_check('schema');
SELECT * FROM dcx_check('catalog');
ROLLBACK;
BEGIN;
ALTER TABLE aas.products ALTER cost TYPE text, ALTER price TYPE numeric[] USING ARRAY[price];
CREATE DOMAIN aas.units AS numeric;
ALTER TABLE aas.products ALTER unit TYPE aas.units;
SELECT * FROM dcx_check('schema');
ROLLBACK;
-- A row without anything to call it by.
BEGIN;
ALTER TABLE aas.categories DROP CONSTRAINT categories_pkey CASCADE;
ALTER TABLE aas.categories ALTER id DROP NOT NULL;
INSERT INTO aas.categories VALUES (NULL, NULL);
SELECT * FROM dcx_check('catalog');
SELECT count(*) > 0 AS lives FROM dcx_maintain();
ROLLBACK;
BEGIN;
ALTER TABLE aas.categories DROP CONSTRAINT categories_pkey CASCADE;
ALTER TABLE aas.terraform_vm_config DROP CONSTRAINT terraform_vm_config_pkey;
ALTER TABLE aas.products ALTER "createdAt" TYPE timestamp, ALTER "updatedAt" TYPE timestamp;
SELECT * FROM dcx_check();
-- The SQL in the details fixes it.
SELECT substring(detail FROM 'ALTER TABLE.*[^.]') AS sql FROM dcx_check('schema') WHERE detail ~ 'PRIMARY KEY' \gexec
SELECT substring(detail FROM 'ALTER TABLE.*[^.]') AS sql FROM dcx_check('schema') \gexec
SELECT * FROM dcx_check();
ROLLBACK;
-- A column of any name.
BEGIN;
ALTER TABLE aas.products ADD r integer DEFAULT 1, ADD t integer DEFAULT 2;
SELECT * FROM dcx_check();
ROLLBACK;
-- The fix proposes only keys that can exist, and never alters a view.
BEGIN;
ALTER TABLE aas.products RENAME TO all_products;
CREATE VIEW aas.products AS SELECT code, price, cost::text FROM aas.all_products;
CREATE TABLE aas.codes (code text, price numeric);
UPDATE dcx.binding SET relation = 'aas.products' WHERE part = 'products';
SELECT problem, detail FROM dcx_check('schema');
UPDATE dcx.binding SET relation = 'aas.codes' WHERE part = 'products';
SELECT problem, detail FROM dcx_check('schema') WHERE severity <> 'info';
ROLLBACK;
-- A foreign table of another wrapper is not asked for what is there.
BEGIN;
SET LOCAL client_min_messages = error;
CREATE EXTENSION file_fdw SCHEMA pg_catalog;
CREATE SERVER regress_dcx_files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE aas.in_a_file (id text, name text) SERVER regress_dcx_files OPTIONS (program 'echo c1,Compute; echo c2,Storage', format 'csv');
UPDATE dcx.binding SET relation = 'aas.in_a_file' WHERE part = 'categories';
SELECT * FROM dcx_check();
SELECT value FROM dcx_health() WHERE name IN ('reachable', 'products', 'source');
SELECT task, regexp_replace(result, 'book \d+', 'book N') AS result FROM dcx_maintain();
SELECT count(*) FROM jsonb_each(dcx_schema());
ALTER FOREIGN TABLE aas.in_a_file OPTIONS (SET program 'false');
SELECT area, severity, object, problem FROM dcx_check();
UPDATE dcx.binding SET relation = 'aas.categories' WHERE part = 'categories';
CREATE FOREIGN TABLE aas.prices_in_a_file (code text, price numeric) SERVER regress_dcx_files OPTIONS (program 'echo RAM_GB,37', format 'csv');
UPDATE dcx.binding SET relation = 'aas.prices_in_a_file' WHERE part = 'products';
SELECT area, severity, object, problem, detail FROM dcx_check() WHERE area <> 'catalog';
SELECT value FROM dcx_health() WHERE name IN ('reachable', 'products', 'source');
ALTER FOREIGN TABLE aas.prices_in_a_file OPTIONS (SET program 'false');
SELECT area, severity, object, problem FROM dcx_check() WHERE area <> 'schema';
ROLLBACK;
-- A view has no keys.
BEGIN;
ALTER TABLE aas.products RENAME TO all_products;
CREATE VIEW aas.products AS SELECT * FROM aas.all_products;
\o /dev/null
SELECT * FROM dcx_attach_aas();
\o
SELECT * FROM dcx_check();
ROLLBACK;

-- The schema as a value.
SELECT jsonb_pretty(dcx_schema() -> 'categories');
SELECT key, value -> 'kind' AS kind, value -> 'primary_key' AS primary_key, value -> 'foreign_keys' AS foreign_keys FROM jsonb_each(dcx_schema('aas')) ORDER BY 1;
SELECT dcx_schema(NULL) IS NULL AS nothing;
SELECT * FROM test.failure($$SELECT dcx_schema('wallet')$$) \gx
SELECT dcx_schema() AS before \gset
SELECT * FROM dcx_schema_diff(:'before', dcx_schema());
SELECT * FROM dcx_schema_diff(:'before', NULL);
BEGIN;
ALTER TABLE aas.products DROP COLUMN unit, ADD COLUMN "Remark" text NOT NULL DEFAULT '', ALTER price TYPE float8, ALTER code SET NOT NULL, DROP CONSTRAINT category;
ALTER TABLE aas.categories DROP CONSTRAINT categories_pkey, ADD PRIMARY KEY (name);
CREATE TABLE aas.extra ();
ALTER TABLE aas.wallets RENAME TO purses;
ALTER TABLE aas.terraform_vm_config RENAME TO config;
CREATE VIEW aas.terraform_vm_config AS SELECT id, name FROM aas.config;
SELECT * FROM dcx_schema_diff(:'before', dcx_schema());
SELECT count(*) = (SELECT count(*) FROM dcx_schema_diff(:'before', dcx_schema())) AS the_same_backwards FROM dcx_schema_diff(dcx_schema(), :'before');
ROLLBACK;

-- wallet
\set problems 'SELECT * FROM dcx_check(''wallet'')'
BEGIN;
ALTER TABLE aas.wallets DISABLE TRIGGER ALL;
UPDATE aas.wallets SET balance = 90 WHERE org = 'a';
INSERT INTO aas.wallets VALUES ('c', 0);
SELECT * FROM dcx_check();
\o /dev/null
SELECT fix FROM dcx_check() \gexec
\o
SELECT * FROM dcx_check();
ROLLBACK;
-- Only the one that fires always is safe.
BEGIN;
ALTER TABLE aas.wallets ENABLE TRIGGER "000_dcx_wallet";
ALTER TABLE dcx.wallet_entry DISABLE TRIGGER USER;
SELECT * FROM dcx_check();
SELECT fix FROM dcx_check() \gexec
SELECT * FROM dcx_check();
DROP TRIGGER "000_dcx_wallet" ON aas.wallets;
:problems;
\o /dev/null
SELECT fix FROM dcx_check() \gexec
\o
SELECT * FROM dcx_check();
ROLLBACK;
-- The same of a partition: for itself, or for what its parent is.
BEGIN;
CREATE TABLE aas.parted (org text PRIMARY KEY, balance numeric NOT NULL) PARTITION BY RANGE (org);
CREATE TABLE aas.parted_a PARTITION OF aas.parted FOR VALUES FROM ('a') TO ('b');
\o /dev/null
SELECT * FROM dcx_detach('wallet');
SET LOCAL client_min_messages = error;
DROP TABLE dcx.wallet_entry, dcx.wallet_hold, dcx.wallet_key, dcx.wallet_account CASCADE;
SELECT * FROM dcx_attach_wallet('aas.parted', 'org');
\o
SELECT * FROM dcx_check();
ALTER TABLE aas.parted_a DISABLE TRIGGER "000_dcx_wallet";
SELECT * FROM dcx_check();
ALTER TABLE aas.parted DISABLE TRIGGER "000_dcx_wallet";
SELECT object, problem, fix FROM dcx_check();
SELECT fix FROM dcx_check() \gexec
SELECT * FROM dcx_check();
ROLLBACK;
-- More money is held than the balance has.
BEGIN;
SELECT amount FROM dcx_wallet_hold('a', 80, 'k');
UPDATE aas.wallets SET balance = 79.99 WHERE org = 'a';
:problems;
ROLLBACK;
-- Damage that only a person can judge.
BEGIN;
SELECT amount FROM dcx_wallet_hold('a', 80, 'k');
UPDATE dcx.wallet_account SET held = 1, balance = 2 WHERE organisation = 'a';
ALTER TABLE dcx.wallet_key DISABLE TRIGGER USER;
DELETE FROM dcx.wallet_key WHERE idempotency_key = 'k';
SELECT object, regexp_replace(problem, '\d+', 'N') AS problem, detail, fix FROM dcx_check('wallet');
SELECT count(*) = (SELECT count(*) FROM dcx_check('wallet')) AS all_of_it FROM dcx_wallet_audit();
ROLLBACK;
-- No ledger.
BEGIN;
SET LOCAL client_min_messages = error;
DROP TABLE dcx.wallet_entry, dcx.wallet_hold, dcx.wallet_key, dcx.wallet_account CASCADE;
:problems;
\o /dev/null
SELECT fix FROM dcx_check() \gexec
\o
SELECT * FROM dcx_check();
ROLLBACK;
-- The table itself.
BEGIN;
ALTER TABLE aas.wallets DROP CONSTRAINT wallets_pkey, ALTER balance DROP NOT NULL, ALTER org DROP NOT NULL, ALTER balance TYPE float8;
UPDATE aas.wallets SET balance = balance + 0.1;
:problems;
SELECT fix FROM dcx_check() \gexec
SELECT * FROM dcx_check();
SELECT * FROM dcx_wallet_audit();
ROLLBACK;
-- What keeps the type of a balance as it is. Of what the platform's arithmetic has left there, the ledger has six decimals.
BEGIN;
CREATE TABLE aas.floats (org text PRIMARY KEY, balance float8 NOT NULL CHECK (balance >= 0), least float8 DEFAULT 0, CHECK (balance >= least));
INSERT INTO aas.floats (org, balance) VALUES ('a', 1234567.891234567), ('b', 0.1::float8 + 0.2::float8), ('c', 100);
SET LOCAL client_min_messages = error;
DROP TABLE dcx.wallet_entry, dcx.wallet_hold, dcx.wallet_key, dcx.wallet_account CASCADE;
\o /dev/null
SELECT * FROM dcx_detach('wallet');
SELECT * FROM dcx_attach_wallet('aas.floats', 'org');
\o
CREATE VIEW aas.rich AS SELECT org FROM aas.floats WHERE balance > 1000;
CREATE VIEW aas.poor AS SELECT org FROM aas.floats WHERE balance < 10;
:problems;
DROP VIEW aas.rich, aas.poor;
:problems;
SELECT fix FROM dcx_check('wallet') \gexec
:problems;
SELECT org, balance FROM aas.floats;
CREATE DOMAIN aas.float AS float8;
ALTER TABLE aas.floats ALTER balance TYPE aas.float;
:problems;
ALTER TABLE aas.floats ALTER balance TYPE real;
SELECT problem, detail, fix FROM dcx_check('wallet') WHERE problem ~ '^balances';
ROLLBACK;
-- The ledger's own guards.
BEGIN;
SET LOCAL client_min_messages = error;
DROP FUNCTION dcx.wallet_guard() CASCADE;
SELECT * FROM dcx_check();
\o /dev/null
SELECT fix FROM dcx_check() \gexec
\o
SELECT * FROM dcx_check();
ROLLBACK;
-- A unique index of a partitioned table has the columns that it is partitioned by.
BEGIN;
CREATE TABLE aas.parted (region integer, org text NOT NULL, balance numeric NOT NULL) PARTITION BY LIST (region);
SET LOCAL client_min_messages = error;
DROP TABLE dcx.wallet_entry, dcx.wallet_hold, dcx.wallet_key, dcx.wallet_account CASCADE;
\o /dev/null
SELECT * FROM dcx_detach('wallet');
SELECT * FROM dcx_attach_wallet('aas.parted', 'org');
\o
:problems;
DROP TABLE aas.parted;
CREATE TABLE aas.parted (region integer, org text NOT NULL, balance numeric NOT NULL) PARTITION BY LIST (org);
CREATE TABLE aas.parted_a PARTITION OF aas.parted FOR VALUES IN ('a');
\o /dev/null
SELECT * FROM dcx_attach_wallet('aas.parted', 'org');
\o
:problems;
SELECT fix FROM dcx_check('wallet') \gexec
:problems;
ROLLBACK;
-- No fix is proposed if the data prevent it. Wallets without an organisation are not two wallets of one.
BEGIN;
ALTER TABLE aas.wallets DROP CONSTRAINT wallets_pkey, ALTER org DROP NOT NULL;
INSERT INTO aas.wallets VALUES ('b', 1), ('b', 2), (NULL, 3), (NULL, 4);
:problems;
ROLLBACK;
-- A balance that is no number stops the audit; everything else is still checked.
BEGIN;
ALTER TABLE aas.wallets DISABLE TRIGGER ALL, DROP CONSTRAINT wallets_pkey, ALTER balance DROP NOT NULL;
UPDATE aas.wallets SET balance = NULL WHERE org = 'a';
SELECT * FROM dcx_check();
-- Nothing stays behind of what fails.
SELECT count(*) AS plans FROM pg_backend_memory_contexts WHERE name ~ '^CachedPlan' \gset
\o /dev/null
SELECT * FROM generate_series(1, 5), LATERAL dcx_check('wallet');
\o
SELECT count(*) - :plans AS more FROM pg_backend_memory_contexts WHERE name ~ '^CachedPlan';
ROLLBACK;

-- settings
BEGIN;
SET LOCAL dcx_pricing.max_price_age = '1h';
SELECT * FROM dcx_check();
UPDATE dcx.price_book SET first_seen_at = '2026-01-01', last_seen_at = '2026-01-02 03:04:05+00';
SELECT * FROM dcx_check('settings');
SELECT problem, detail FROM dcx_check('catalog');
\o /dev/null
SELECT fix FROM dcx_check() \gexec
\o
SELECT * FROM dcx_check();
DELETE FROM dcx.price_book;
SET LOCAL dcx_pricing.on_outage = saved;
SELECT * FROM dcx_check();
\o /dev/null
SELECT fix FROM dcx_check() LIMIT 1 \gexec
\o
SELECT * FROM dcx_check();
ROLLBACK;
-- The saved book's time, not its number, decides; other units and other forms of it are the same.
BEGIN;
SET LOCAL dcx_pricing.max_price_age = '90min';
SET LOCAL intervalstyle = iso_8601;
UPDATE dcx.price_book SET last_seen_at = now() - interval '89 minutes', first_seen_at = '2026-01-01';
SELECT * FROM dcx_check();
UPDATE dcx.price_book SET last_seen_at = now() - interval '91 minutes';
SELECT problem FROM dcx_check();
ROLLBACK;
-- A library of another version; without a script from there to here there is nothing to run.
BEGIN;
UPDATE pg_extension SET extversion = '0.0' WHERE extname = 'dcx_pricing';
SELECT severity, object, problem, regexp_replace(detail, 'is [0-9.]+,', 'is N,') AS detail, fix FROM dcx_check();
ROLLBACK;

-- connection, as far as it is of this database
BEGIN;
UPDATE dcx.binding SET seen = jsonb_set(jsonb_set(seen, '{main,database}', '"elsewhere"'), '{main,system}', '"1"');
SELECT severity, object, problem, regexp_replace(detail, 'of [0-9]{2,}\.', 'of N.') AS detail, fix FROM dcx_check();
ROLLBACK;
BEGIN;
DROP TABLE aas.terraform_vm_config, aas.wallets;
SELECT * FROM dcx_check() WHERE area = 'connection';
SELECT * FROM dcx_check() WHERE area <> 'connection';
DROP TABLE aas.products;
SELECT area, severity, problem FROM dcx_check();
SELECT name FROM dcx_health() WHERE value IS NOT NULL;
SELECT * FROM test.failure('SELECT dcx_schema()') \gx
ROLLBACK;
-- What reads something that has been dropped is ZD007, however it went.
CREATE FUNCTION test.readers() RETURNS TABLE(call text, state text, message text) LANGUAGE sql AS $$
SELECT c, f.state, f.message FROM unnest(ARRAY['dcx_schema()', 'dcx_price_book()', 'dcx_price_book_save()', $c$dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40)$c$,
        $c$dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40)$c$, $c$dcx_vm_margin('1GHZ', 2, 4, 'STANDARD', 40)$c$, $c$dcx_product_cost('RAM_GB')$c$,
        $c$dcx_template_costs('1GHZ', 'STANDARD')$c$, $c$dcx_order_quote('[{"product": "RAM_GB"}]')$c$, $c$dcx_order_reserve('a', '[{"product": "RAM_GB"}]', 'k')$c$,
        $c$dcx_vm_reserve('a', '1GHZ', 2, 4, 'STANDARD', 40, 'k')$c$, $c$dcx_wallet_balance('a')$c$, $c$dcx_wallet_available('a')$c$, $c$dcx_wallet_can_afford('a', 1)$c$,
        $c$dcx_wallet_statement('a')$c$, $c$dcx_wallet_holds('a')$c$, 'dcx_wallet_audit()', $c$dcx_wallet_hold('a', 1, 'k')$c$, $c$dcx_wallet_debit('a', 1, 'k')$c$,
        $c$dcx_wallet_credit('a', 1, 'k')$c$, 'dcx_check()', 'dcx_health()', 'dcx_maintain()']) WITH ORDINALITY u (c, n),
    LATERAL test.failure('SELECT * FROM ' || c) f ORDER BY n $$;
SET client_min_messages = error;
BEGIN;
DROP TABLE aas.products, aas.wallets;
SELECT * FROM test.readers();
ROLLBACK;
BEGIN;
DROP SCHEMA aas CASCADE;
SELECT call, state FROM test.readers() WHERE state IS DISTINCT FROM 'ZD007';
ROLLBACK;
BEGIN;
ALTER TABLE aas.products DROP code CASCADE;
ALTER TABLE aas.wallets DROP balance CASCADE;
SELECT * FROM test.readers();
ROLLBACK;
RESET client_min_messages;
DROP FUNCTION test.readers();

-- If one area fails, the others are still checked.
BEGIN;
UPDATE aas.products SET cost = 100 WHERE id = 'p2';
ALTER TABLE dcx.wallet_hold RENAME COLUMN state TO condition;
SELECT * FROM dcx_check();
SELECT * FROM dcx_check('catalog');
SELECT name FROM dcx_health() WHERE value IS NULL;
SELECT * FROM dcx_maintain() WHERE task <> 'price book';
ROLLBACK;
BEGIN;
SET LOCAL client_min_messages = error;
UPDATE aas.products SET cost = 100 WHERE id = 'p2';
DROP TABLE dcx.wallet_key CASCADE;
SELECT * FROM dcx_check();
ROLLBACK;
BEGIN;
UPDATE aas.products SET cost = 100 WHERE id = 'p2';
ALTER TABLE dcx.price_book RENAME COLUMN book TO books;
SELECT * FROM dcx_check();
ROLLBACK;
BEGIN;
ALTER TABLE aas.products ADD CONSTRAINT has_price CHECK (price IS NOT NULL), ALTER price TYPE text;
UPDATE aas.products SET price = 'dear' WHERE id = 'p1';
ALTER TABLE aas.wallets ALTER balance DROP NOT NULL;
SELECT * FROM dcx_check();
ROLLBACK;
BEGIN;
ALTER TABLE dcx.binding RENAME COLUMN seen TO saw;
ALTER TABLE aas.wallets ALTER balance DROP NOT NULL;
SELECT area, severity, object, problem, detail FROM dcx_check();
-- If one area is asked for alone and fails, that is not taken for healthy.
SELECT area, severity, problem, detail FROM unnest('{schema,catalog,updated_at,wallet,settings}'::text[]) a, LATERAL dcx_check(a);
ROLLBACK;
BEGIN;
ALTER TABLE dcx.binding RENAME COLUMN relation TO related;
SELECT area, severity, object, problem, detail FROM dcx_check();
SELECT area, severity, problem, detail FROM unnest('{connection,schema,catalog,updated_at,wallet,settings}'::text[]) a, LATERAL dcx_check(a);
SELECT name FROM dcx_health() WHERE value IS NOT NULL;
SELECT * FROM dcx_maintain();
ROLLBACK;

-- For a dashboard.
SELECT amount FROM unnest('{a,b}'::text[]) org, LATERAL dcx_wallet_hold(org, 10.5, 'h');
SELECT area, name, CASE WHEN name IN ('book_age', 'latency_ms', 'server_version') THEN regexp_replace(value, '^[\d.]+$', 'N') ELSE value END AS value FROM dcx_health();
SET dcx_pricing.max_price_age = '1h';
SELECT value FROM dcx_health() WHERE name = 'source';
RESET dcx_pricing.max_price_age;
-- The newest change, in one form, whatever the column's type and the session's time zone.
\set newest 'SELECT name, value FROM dcx_health() WHERE name IN (''newest_updated_at'', ''products'')'
BEGIN;
ALTER TABLE aas.products DISABLE TRIGGER ALL;
UPDATE aas.products SET "updatedAt" = '2026-03-01 00:30:00.25+02' WHERE id = 'p2';
:newest;
SET LOCAL timezone = 'Africa/Johannesburg';
:newest;
ALTER TABLE aas.products ALTER "updatedAt" DROP DEFAULT, ALTER "updatedAt" TYPE timestamp USING "updatedAt" AT TIME ZONE 'UTC';
:newest;
UPDATE aas.products SET "updatedAt" = 'infinity' WHERE id = 'p1';
:newest;
UPDATE aas.products SET "updatedAt" = NULL;
:newest;
ALTER TABLE aas.products ALTER "updatedAt" TYPE text;
UPDATE aas.products SET "updatedAt" = CASE id WHEN 'p1' THEN '2026-02-31T00:00:00' WHEN 'p2' THEN 'yesterday' ELSE '2026-02-01T23:00:00-02:00' END;
:newest;
ALTER TABLE aas.products DROP "updatedAt";
:newest;
ROLLBACK;

-- For a scheduler: saves what has changed, and marks what has expired.
SELECT task, regexp_replace(result, 'book \d+', 'book N') AS result FROM dcx_maintain();
UPDATE aas.products SET price = -1 WHERE id = 'p3';
SELECT task, regexp_replace(result, 'book \d+', 'book N') AS result FROM dcx_maintain();
UPDATE aas.products SET price = 1.8 WHERE id = 'p3';
SELECT task, regexp_replace(result, 'book \d+', 'book N') AS result FROM dcx_maintain();
BEGIN READ ONLY;
SELECT state, message FROM test.failure('SELECT * FROM dcx_maintain()');
SELECT * FROM dcx_check();
SELECT count(*) FROM dcx_health();
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM dcx_maintain();
SELECT * FROM dcx_check();
ROLLBACK;

CREATE PROCEDURE aas.wait_until(at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    WHILE clock_timestamp() <= at LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT hold_id AS short, expires_at AS expiry FROM dcx_wallet_hold('a', 20, 'short', '200 milliseconds') \gset
CALL aas.wait_until(:'expiry');
-- It has expired, but nobody has used the account since, so there is nothing to mark.
SELECT * FROM dcx_check('wallet');
SELECT result FROM dcx_maintain() WHERE task = 'holds';
SELECT amount, available FROM dcx_wallet_debit('a', 1, 'd');
SELECT * FROM dcx_check('wallet');
SELECT value FROM dcx_health() WHERE name IN ('open_holds', 'held_total');
-- Marking it changes no answer.
CREATE TABLE aas.before AS SELECT * FROM dcx_wallet_holds('a', NULL);
SELECT state, replace(message, :'short', 'N') AS message, substring(detail FROM 'since (.*)\.')::timestamptz = :'expiry' AS then FROM test.failure(format('SELECT dcx_wallet_capture(%s)', :short));
SELECT fix FROM dcx_check('wallet') \gset
\o /dev/null
:fix;
\o
SELECT * FROM dcx_check('wallet');
SELECT state, resolved_at = expires_at AS then FROM dcx.wallet_hold WHERE hold_id = :short;
SELECT result FROM dcx_maintain() WHERE task = 'holds';
SELECT count(*), count(*) FILTER (WHERE h IS NOT DISTINCT FROM b) AS the_same FROM dcx_wallet_holds('a', NULL) h FULL JOIN aas.before b USING (hold_id);
SELECT state FROM dcx_wallet_holds('a', 'expired');
SELECT state, replace(message, :'short', 'N') AS message, substring(detail FROM 'since (.*)\.')::timestamptz = :'expiry' AS then FROM test.failure(format('SELECT dcx_wallet_capture(%s)', :short));
SELECT state, replace(message, :'short', 'N') AS message FROM test.failure(format('SELECT dcx_wallet_release(%s)', :short));
SELECT amount, expires_at = :'expiry' AS then, available, replayed FROM dcx_wallet_hold('a', 20, 'short', '200 milliseconds');
SELECT * FROM dcx_wallet_audit();
SELECT dcx_wallet_available('a');

-- EXECUTE is revoked from PUBLIC; a role that has it sees what it may.
CREATE ROLE regress_dcx_watcher;
SET ROLE regress_dcx_watcher;
SELECT f.state, f.message FROM unnest('{dcx_check(),dcx_health(),dcx_maintain(),dcx_schema()}'::text[]) call, LATERAL test.failure('SELECT ' || call) f;
RESET ROLE;
ALTER TABLE aas.wallets ALTER balance DROP NOT NULL;
UPDATE aas.products SET cost = 100 WHERE id = 'p2';
GRANT EXECUTE ON FUNCTION dcx_check(text), dcx_health(), dcx_schema(text), dcx_maintain() TO regress_dcx_watcher;
SET ROLE regress_dcx_watcher;
SELECT * FROM dcx_check();
SELECT count(*), count(value) FROM dcx_health();
SELECT count(*) FROM jsonb_each(dcx_schema());
SELECT task, regexp_replace(result, 'book \d+', 'book N') AS result FROM dcx_maintain();
RESET ROLE;
GRANT EXECUTE ON FUNCTION dcx_wallet_audit() TO regress_dcx_watcher;
SET ROLE regress_dcx_watcher;
SELECT * FROM dcx_check();
RESET ROLE;

-- In a schema of its own, which is not searched, the fixes run as they stand.
SET client_min_messages = warning;
DROP OWNED BY regress_dcx_watcher;
DROP ROLE regress_dcx_watcher;
UPDATE aas.products SET cost = 24.5 WHERE id = 'p2';
DROP SCHEMA dcx CASCADE;
DROP EXTENSION dcx_pricing CASCADE;
CREATE SCHEMA "Own %s";
CREATE EXTENSION dcx_pricing SCHEMA "Own %s";
SET search_path = aas;
SELECT area, severity, object, fix FROM "Own %s".dcx_check() WHERE object !~ '^public';
\o /dev/null
SELECT fix FROM "Own %s".dcx_check() WHERE fix IS NOT NULL \gexec
SELECT * FROM "Own %s".dcx_attach_wallet('wallets', 'org');
\o
SELECT area, object, problem FROM "Own %s".dcx_check();
DELETE FROM dcx.price_book;
ALTER TABLE wallets ALTER balance TYPE float8, DROP CONSTRAINT wallets_pkey;
ALTER TABLE wallets DISABLE TRIGGER ALL, ALTER org DROP NOT NULL;
ALTER TABLE products DISABLE TRIGGER ALL;
UPDATE wallets SET balance = 7 WHERE org = 'a';
SET dcx_pricing.max_price_age = '1h';
SELECT area, severity, object, fix FROM "Own %s".dcx_check();
\o /dev/null
SELECT fix FROM "Own %s".dcx_check() WHERE fix IS NOT NULL \gexec
\o
SELECT * FROM "Own %s".dcx_check();
RESET dcx_pricing.max_price_age;
RESET search_path;

\set VERBOSITY terse
DROP EXTENSION dcx_pricing CASCADE;
DROP SCHEMA dcx, aas, "Own %s" CASCADE;
CREATE EXTENSION dcx_pricing;

-- Wallets that are read through a view: as its owner, also where another statement is under way.
CREATE TABLE seen_wallets (org text PRIMARY KEY, balance numeric NOT NULL);
INSERT INTO seen_wallets VALUES ('a', 1), ('b', 2);
CREATE ROLE regress_dcx_viewer;
GRANT SELECT ON seen_wallets TO regress_dcx_viewer;
CREATE FUNCTION seen_by(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN
    IF current_user <> 'regress_dcx_viewer' THEN RAISE EXCEPTION 'seen by %', current_user; END IF;
    RETURN $1;
END$$;
CREATE VIEW wallets_seen AS SELECT org, balance FROM seen_wallets WHERE org <> seen_by('c');
ALTER VIEW wallets_seen OWNER TO regress_dcx_viewer;
SELECT relation FROM dcx_attach_wallet('wallets_seen', 'org');
SELECT * FROM dcx_check('wallet');
SET client_min_messages = notice;
DO $$BEGIN RAISE NOTICE '% rows', (SELECT count(*) FROM dcx_check('wallet')); END$$;
RESET client_min_messages;
SELECT count(*) FROM dcx_detach('wallet');
DROP VIEW wallets_seen;
DROP FUNCTION seen_by(text);
DROP TABLE seen_wallets;
DROP ROLE regress_dcx_viewer;
\set VERBOSITY terse
DROP SCHEMA dcx CASCADE;
\set VERBOSITY default
