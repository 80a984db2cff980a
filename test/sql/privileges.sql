-- Who may do what, and as whom it runs.
\getenv dir PG_ABS_SRCDIR
\set connection :dir '/fixtures/connection.sql'
\i :connection
\c regress_dcx_main
CREATE ROLE regress_dcx_user;
CREATE ROLE regress_dcx_dba;
SELECT count(*) FROM dcx_attach_aas(:'aas_url');
SELECT count(*) FROM dcx_attach_wallet();

-- What default privileges grant on tables is not granted on these.
BEGIN;
DROP SCHEMA dcx CASCADE;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_dcx_user, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO regress_dcx_user;
SELECT count(*) FROM dcx_attach_aas(schema => 'aas');
SELECT count(*) FROM dcx_attach_wallet();
SELECT c.relname, has_table_privilege('regress_dcx_user', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') AS allowed
  FROM pg_class c WHERE relnamespace = 'dcx'::regnamespace AND relkind = 'r' ORDER BY 1;
ROLLBACK;

-- What PUBLIC may call, and why.
CREATE TEMP TABLE reason (functions name[], why text);
INSERT INTO reason VALUES
    ('{dcx_vm_cost,dcx_vm_quote,dcx_product_cost,dcx_template_costs,dcx_network_cost,dcx_network_quote,dcx_network_offers,dcx_order_quote}',
     'prices are for everybody, read as the owner of the catalog, without costs'),
    ('{dcx_price_book,dcx_price_book_at,dcx_price_history}', 'the same prices at once, without costs'),
    ('{dcx_price_book_diff,dcx_schema_diff}', 'looks at its arguments only'),
    ('{dcx_price_book_stats}', 'counts what this session did itself'),
    ('{dcx_inventory_costs}', 'takes SELECT on the relation of the VMs'),
    ('{dcx_wallet_balance,dcx_wallet_available,dcx_wallet_can_afford,dcx_wallet_statement,dcx_wallet_holds,dcx_wallet_hold_of,dcx_hold_verify}',
     'takes SELECT on the wallet, and row-level security applies'),
    ('{dcx_set_updated_at,dcx_wallet_record}', 'a trigger, which a dump makes anew as the owner of its table');
SELECT p.oid::regprocedure AS function, has_function_privilege('regress_dcx_user', p.oid, 'EXECUTE') AS public, r.why
  FROM pg_extension e JOIN pg_depend d ON d.refobjid = e.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
  JOIN pg_proc p ON p.oid = d.objid LEFT JOIN reason r ON p.proname = ANY (r.functions)
 WHERE e.extname = 'dcx_pricing'
 ORDER BY p.proname, p.oid::regprocedure::text COLLATE "C";
-- All that PUBLIC may call has a reason, and nothing else has.
SELECT p.oid::regprocedure AS function
  FROM pg_extension e JOIN pg_depend d ON d.refobjid = e.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
  JOIN pg_proc p ON p.oid = d.objid
 WHERE e.extname = 'dcx_pricing'
   AND has_function_privilege('regress_dcx_user', p.oid, 'EXECUTE') <> EXISTS (SELECT FROM reason WHERE p.proname = ANY (functions));
DROP TABLE reason;

-- Somebody without any right prices, and sees neither costs nor foreign tables nor bindings.
SET ROLE regress_dcx_user;
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SELECT * FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40);
SELECT count(*) FROM dcx_template_costs('1GHZ', 'STANDARD');
SELECT dcx_product_cost('BACKUP_GB', 10);
SELECT sum(amount) FROM dcx_order_quote('[{"template": "Ubuntu Server 20.04", "cpu_type": "1GHZ", "storage_type": "STANDARD"}, {"product": "BACKUP_GB"}]');
SELECT cost FROM aas.products;
TABLE dcx.binding;
SELECT state, message FROM test.failure($$SELECT * FROM dcx_attach_aas()$$);
SELECT state, message FROM test.failure($$SELECT * FROM dcx_attach_wallet()$$);
SELECT state, message FROM test.failure($$SELECT * FROM dcx_attach_updated_at()$$);
SELECT state, message FROM test.failure($$SELECT * FROM dcx_detach('aas')$$);
-- A wallet is read as the caller.
SELECT state, message FROM test.failure($$SELECT dcx_wallet_balance('org-acme')$$);
RESET ROLE;
GRANT SELECT ON "OrganisationWallet" TO regress_dcx_user;
SET ROLE regress_dcx_user;
SELECT dcx_wallet_balance('org-acme');
RESET ROLE;

-- Row-level security, also when one connection changes roles between calls.
CREATE POLICY own ON "OrganisationWallet" FOR SELECT TO regress_dcx_user USING ("organisationId" = current_setting('test.org', true));
CREATE POLICY all_of_them ON "OrganisationWallet" FOR SELECT TO regress_dcx_dba USING (true);
GRANT SELECT ON "OrganisationWallet" TO regress_dcx_dba;
ALTER TABLE "OrganisationWallet" ENABLE ROW LEVEL SECURITY;
SELECT dcx_wallet_balance('org-globex');
SET ROLE regress_dcx_user;
SET test.org = 'org-acme';
SELECT dcx_wallet_balance('org-acme');
SELECT state, message FROM test.failure($$SELECT dcx_wallet_balance('org-globex')$$);
SET ROLE regress_dcx_dba;
SELECT dcx_wallet_balance('org-globex');
SET ROLE regress_dcx_user;
SELECT state, message FROM test.failure($$SELECT dcx_wallet_balance('org-globex')$$);
SET test.org = 'org-globex';
SELECT dcx_wallet_balance('org-globex');
RESET ROLE;
ALTER TABLE "OrganisationWallet" DISABLE ROW LEVEL SECURITY;

-- Shadows on the search_path do not catch us: schemas before pg_catalog, and pg_temp.
CREATE SCHEMA shadow;
CREATE FUNCTION shadow.caught() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'caught'; END$$;
CREATE FUNCTION shadow.text_eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT shadow.caught()';
CREATE OPERATOR shadow.= (LEFTARG = text, RIGHTARG = text, FUNCTION = shadow.text_eq);
CREATE FUNCTION shadow.count() RETURNS bigint LANGUAGE sql AS 'SELECT shadow.caught()::int::bigint';
CREATE FUNCTION shadow.format(text, name, name) RETURNS text LANGUAGE sql AS 'SELECT shadow.caught()::text';
CREATE FUNCTION shadow.array_to_string(text[], text) RETURNS text LANGUAGE sql AS 'SELECT shadow.caught()::text';
CREATE TABLE shadow.pg_class (oid oid, relname name);
CREATE TABLE shadow.pg_trigger (tgrelid oid);
CREATE DOMAIN shadow.numeric AS text CHECK (shadow.caught());
CREATE TEMP TABLE pg_attribute (attrelid oid);
CREATE TEMP TABLE binding (relation regclass);
CREATE TEMP TABLE products (code text, price float8);
SET search_path = shadow, pg_temp, pg_catalog, public;
SELECT public.dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SELECT pg_catalog.count(*) FROM public.dcx_template_costs('1GHZ', 'STANDARD');
SELECT public.dcx_wallet_balance('org-acme'), public.dcx_wallet_can_afford('org-acme', 10);
SELECT pg_catalog.count(*) FROM public.dcx_attach_aas(:'aas_url');
SELECT relation FROM public.dcx_attach_wallet();
SELECT relation, note FROM public.dcx_attach_updated_at('public."Role"');
SELECT state FROM test.failure($$SELECT * FROM public.dcx_attach_wallet('no_such_table')$$);
SELECT pg_catalog.count(*) FROM public.dcx_detach('wallet');
SELECT pg_catalog.count(*) FROM public.dcx_detach('aas');
RESET search_path;
DROP TRIGGER zzz_dcx_updated_at ON "Role";
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA shadow CASCADE;
DISCARD TEMP;
RESET client_min_messages;
\set VERBOSITY default

-- A catalog is read as its owner, with the owner's power and no more, whoever calls.
CREATE SCHEMA aas AUTHORIZATION regress_dcx_dba;
SET ROLE regress_dcx_dba;
CREATE FUNCTION aas.who() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'current %, path %', current_user, current_setting('search_path');
    RETURN 'RAM_GB';
END $$;
CREATE VIEW aas.products AS SELECT aas.who() AS code, 1.5 AS price;
RESET ROLE;
SELECT relation FROM dcx_attach_aas();
SELECT dcx_product_cost('RAM_GB');
SELECT current_user = session_user AS restored, current_setting('search_path');
CREATE FUNCTION aas.leave() RETURNS text LANGUAGE plpgsql AS $$BEGIN SET ROLE regress_dcx_user; RETURN 'RAM_GB'; END$$;
SET ROLE regress_dcx_dba;
CREATE OR REPLACE VIEW aas.products AS SELECT aas.leave() AS code, 1.5 AS price;
RESET ROLE;
SELECT dcx_product_cost('RAM_GB');
SELECT current_user = session_user AS restored;
SET ROLE regress_dcx_dba;
CREATE OR REPLACE VIEW aas.products AS SELECT dcx_product_cost('RAM_GB')::text AS code, 1.5 AS price;
RESET ROLE;
SET max_stack_depth = '200kB';
SELECT state FROM test.failure($$SELECT dcx_product_cost('RAM_GB')$$);
RESET max_stack_depth;
SELECT count(*) FROM dcx_detach('aas');

-- A role with nothing but EXECUTE on some functions can do just those: no right on any table is needed to move money.
SELECT relation FROM dcx_attach_wallet();
REVOKE ALL ON "OrganisationWallet" FROM regress_dcx_user, regress_dcx_dba;
GRANT EXECUTE ON FUNCTION dcx_wallet_debit(text, numeric, text, text, jsonb), dcx_wallet_hold(text, numeric, text, interval, text, jsonb),
    dcx_wallet_capture(bigint, numeric) TO regress_dcx_user;
GRANT EXECUTE ON FUNCTION dcx_wallet_capture(text, bigint, numeric) TO regress_dcx_user;
SET ROLE regress_dcx_user;
SELECT amount, balance, available, replayed FROM dcx_wallet_debit('org-acme', 100, 'u1');
SELECT amount, balance, available, replayed FROM dcx_wallet_debit('org-acme', 100, 'u1');
SELECT hold_id AS hold, available FROM dcx_wallet_hold('org-acme', 50, 'u2') \gset
SELECT amount, balance FROM dcx_wallet_capture(:hold, 40);
SELECT amount, replayed FROM dcx_wallet_capture('org-acme', :hold, 40);
SELECT hold_id AS globex FROM dcx_wallet_hold('org-globex', 50, 'u2') \gset
SELECT f.state, f.message FROM unnest(ARRAY[
    $$dcx_wallet_credit('org-acme', 1, 'c')$$, 'dcx_wallet_release(1)', $$dcx_wallet_extend(1, '1 hour')$$, $$dcx_wallet_release('org-acme', 1)$$, $$dcx_wallet_extend('org-acme', 1, '1 hour')$$, $$dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'r')$$,
    $$dcx_order_reserve('org-acme', '[{"product": "RAM_GB"}]', 'r')$$,
    'dcx_wallet_audit()', $$dcx_wallet_available('org-acme')$$, $$dcx_wallet_can_afford('org-acme', 1)$$, $$dcx_wallet_statement('org-acme')$$, $$dcx_wallet_holds('org-acme')$$, $$dcx_wallet_hold_of('org-acme', 'u2')$$,
    format('dcx_hold_verify(%s)', :hold)]) call, LATERAL test.failure('SELECT ' || call) f;
SELECT f.state, f.message FROM unnest('{wallet_entry,wallet_hold,wallet_key,wallet_account,binding}'::text[]) t, LATERAL test.failure('SELECT FROM dcx.' || t) f;
SELECT f.state, f.message FROM unnest('{wallet_entry,wallet_hold,wallet_key,wallet_account}'::text[]) t, LATERAL test.failure('DELETE FROM dcx.' || t) f;
RESET ROLE;
SELECT kind, amount, role, session_role = session_user AS session FROM dcx.wallet_entry WHERE role = 'regress_dcx_user' ORDER BY entry_id;

-- Reading goes by the rights on the wallet: what a role may see, and what row-level security shows it.
GRANT SELECT ON "OrganisationWallet" TO regress_dcx_user;
ALTER TABLE "OrganisationWallet" ENABLE ROW LEVEL SECURITY;
SET ROLE regress_dcx_user;
SET test.org = 'org-acme';
SELECT dcx_wallet_available('org-acme'), dcx_wallet_can_afford('org-acme', 860), dcx_wallet_can_afford('org-acme', 860.01);
SELECT kind, amount FROM dcx_wallet_statement('org-acme') WHERE kind <> 'opening';
SELECT amount, state, captured FROM dcx_wallet_holds('org-acme', NULL);
SELECT amount, state FROM dcx_wallet_hold_of('org-acme', 'u2');
SELECT count(*) FROM dcx_hold_verify(:hold);
SELECT f.state, replace(f.message, :'globex', 'N') AS message FROM unnest(ARRAY[$$dcx_wallet_available('org-globex')$$, $$dcx_wallet_can_afford('org-globex', 1)$$,
    $$dcx_wallet_statement('org-globex')$$, $$dcx_wallet_holds('org-globex')$$, $$dcx_wallet_hold_of('org-globex', 'u2')$$, format('dcx_hold_verify(%s)', :globex)]) call, LATERAL test.failure('SELECT ' || call) f;
-- Moving money does not.
SELECT amount, balance FROM dcx_wallet_debit('org-globex', 1, 'u3');
RESET ROLE;
ALTER TABLE "OrganisationWallet" DISABLE ROW LEVEL SECURITY;
-- A right on the columns is a right on the wallet.
REVOKE ALL ON "OrganisationWallet" FROM regress_dcx_user;
GRANT SELECT ("organisationId", balance) ON "OrganisationWallet" TO regress_dcx_user;
SET ROLE regress_dcx_user;
SELECT dcx_wallet_available('org-acme');
RESET ROLE;
SELECT * FROM dcx_wallet_audit();

-- The wallet's triggers run as its owner, whoever calls and whoever attached; he cannot touch the ledger.
CREATE SCHEMA shop AUTHORIZATION regress_dcx_dba;
SET ROLE regress_dcx_dba;
CREATE TABLE shop.wallets (org text PRIMARY KEY, balance numeric);
INSERT INTO shop.wallets VALUES ('o', 100);
CREATE TABLE shop.seen (who text, path text);
CREATE FUNCTION shop.look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen VALUES (current_user, current_setting('search_path'));
    BEGIN
        SET ROLE regress_dcx_user;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE NOTICE '%', SQLERRM;
    END;
    BEGIN
        DELETE FROM dcx.wallet_entry;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE NOTICE '%', SQLERRM;
    END;
    PERFORM set_config('search_path', 'shop', false);
    RETURN NULL;
END $$;
CREATE TRIGGER look AFTER UPDATE ON shop.wallets FOR EACH ROW EXECUTE FUNCTION shop.look();
RESET ROLE;
SELECT count(*) FROM dcx_detach('wallet');
SELECT relation FROM dcx_attach_wallet('shop.wallets', 'org');
SET ROLE regress_dcx_user;
SELECT amount, balance FROM dcx_wallet_debit('o', 1, 'u');
SELECT current_user, current_setting('search_path');
RESET ROLE;
TABLE shop.seen;
SELECT kind, amount, balance, role FROM dcx.wallet_entry WHERE organisation = 'o' AND role = 'regress_dcx_user';
SET ROLE regress_dcx_dba;
SET search_path = shop;
UPDATE wallets SET balance = 50;
RESET search_path;
RESET ROLE;
SELECT kind, amount, balance, role FROM dcx.wallet_entry WHERE organisation = 'o' AND kind = 'external' AND role = 'regress_dcx_dba';
SELECT count(*) FROM dcx_detach('wallet');
SET client_min_messages = warning;
DROP SCHEMA shop CASCADE;
RESET client_min_messages;

-- A superuser reads as the table's owner, whom FORCE ROW LEVEL SECURITY does not stop then. The owner himself it does stop,
-- also in the same session.
CREATE SCHEMA forced AUTHORIZATION regress_dcx_dba;
CREATE TABLE forced.wallets (org text, balance numeric);
INSERT INTO forced.wallets VALUES ('seen', 1), ('hidden', 2);
ALTER TABLE forced.wallets OWNER TO regress_dcx_dba;
ALTER TABLE forced.wallets ENABLE ROW LEVEL SECURITY;
ALTER TABLE forced.wallets FORCE ROW LEVEL SECURITY;
CREATE POLICY forced ON forced.wallets USING (org = 'seen');
BEGIN;
SELECT rows FROM dcx_attach_wallet('forced.wallets', 'org') LIMIT 1;
SELECT dcx_wallet_balance('hidden');
SET ROLE regress_dcx_dba;
SELECT dcx_wallet_balance('seen');
SELECT state, message FROM test.failure($$SELECT dcx_wallet_balance('hidden')$$);
RESET ROLE;
SELECT dcx_wallet_balance('hidden');
ROLLBACK;
DROP SCHEMA forced CASCADE;

-- Only its owner attaches a relation: everybody reads it through him.
GRANT EXECUTE ON FUNCTION dcx_attach_aas(text, text), dcx_attach_wallet(text, text, text), dcx_detach(text) TO regress_dcx_dba;
CREATE SCHEMA foreign_owner;
CREATE TABLE foreign_owner.products (code text, price numeric);
GRANT USAGE ON SCHEMA foreign_owner TO regress_dcx_dba;
GRANT SELECT ON foreign_owner.products TO regress_dcx_dba;
SET ROLE regress_dcx_dba;
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas(NULL, 'foreign_owner')$$) \gx
SELECT state, message FROM test.failure($$SELECT * FROM dcx_attach_wallet()$$);
-- Nor does he write bindings that are a superuser's, or trust a schema dcx that is somebody else's.
SELECT state, message FROM test.failure($$SELECT * FROM dcx_attach_aas(NULL, 'aas')$$);
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
RESET client_min_messages;
CREATE SCHEMA dcx AUTHORIZATION regress_dcx_user;
SET ROLE regress_dcx_dba;
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_aas(NULL, 'aas')$$) \gx
RESET ROLE;
SELECT state, message FROM test.failure($$SELECT * FROM dcx_attach_aas(NULL, 'aas')$$);
DROP SCHEMA dcx;

SET client_min_messages = warning;
DROP SCHEMA aas, foreign_owner CASCADE;
DROP OWNED BY regress_dcx_dba, regress_dcx_user;
DROP ROLE regress_dcx_dba, regress_dcx_user;
