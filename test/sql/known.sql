-- What is kept of the system catalogs is forgotten when they change: also in the same transaction, and again when that
-- is rolled back. Each change is made between two calls of one session, and undone before a third.
SET client_min_messages = warning;
DROP DATABASE IF EXISTS regress_dcx_known;
DROP ROLE IF EXISTS regress_dcx_keeper, regress_dcx_buyer, regress_dcx_group, regress_dcx_heir;
RESET client_min_messages;
CREATE DATABASE regress_dcx_known TEMPLATE template0;
CREATE ROLE regress_dcx_keeper;
CREATE ROLE regress_dcx_buyer;
CREATE ROLE regress_dcx_group;
CREATE ROLE regress_dcx_heir;
GRANT regress_dcx_group TO regress_dcx_buyer;
GRANT CREATE ON DATABASE regress_dcx_known TO regress_dcx_keeper;
\c regress_dcx_known
CREATE EXTENSION dcx_pricing;
GRANT EXECUTE ON FUNCTION dcx_attach_wallet TO regress_dcx_keeper;
GRANT EXECUTE ON FUNCTION dcx_wallet_debit, dcx_wallet_hold TO regress_dcx_buyer;
CREATE SCHEMA shop AUTHORIZATION regress_dcx_keeper;
SET ROLE regress_dcx_keeper;
CREATE TABLE shop.wallets (org text, balance numeric NOT NULL, spare numeric DEFAULT 7, id text DEFAULT 'b', CONSTRAINT by_org UNIQUE (org));
INSERT INTO shop.wallets VALUES ('a', 100), ('b', 50);
GRANT USAGE ON SCHEMA shop TO regress_dcx_group;
GRANT SELECT ON shop.wallets TO regress_dcx_group;
SELECT * FROM dcx_attach_wallet('shop.wallets', 'org', 'balance');
RESET ROLE;

CREATE SCHEMA test;
CREATE FUNCTION test.answer(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    SET LOCAL ROLE regress_dcx_buyer;
    BEGIN
        EXECUTE 'SELECT ' || call INTO answer;
    EXCEPTION WHEN OTHERS THEN
        answer := SQLSTATE || ' ' || SQLERRM;
    END;
    RESET ROLE;
    RETURN answer;
END $$;
-- How two calls answer after a change, and whether they answer as before when it has been rolled back.
CREATE FUNCTION test.changed(change text, OUT change_ text, OUT available text, OUT debit text, OUT back boolean) LANGUAGE plpgsql AS $$
DECLARE
    calls text[] := ARRAY[$c$dcx_wallet_available('a')$c$, $c$available FROM dcx_wallet_debit('a', 1, 'k')$c$];
    before text[];
BEGIN
    change_ := change;
    BEGIN
        before := ARRAY[test.answer(calls[1]), test.answer(calls[2])];
        RAISE SQLSTATE 'DCX99';
    EXCEPTION WHEN SQLSTATE 'DCX99' THEN
    END;
    BEGIN
        PERFORM test.answer(calls[1]);
        EXECUTE change;
        available := test.answer(calls[1]);
        debit := test.answer(calls[2]);
        RAISE SQLSTATE 'DCX99';
    EXCEPTION WHEN SQLSTATE 'DCX99' THEN
    END;
    BEGIN
        back := before = ARRAY[test.answer(calls[1]), test.answer(calls[2])];
        RAISE SQLSTATE 'DCX99';
    EXCEPTION WHEN SQLSTATE 'DCX99' THEN
    END;
END $$;

\x on
-- Rights.
SELECT c.* FROM unnest(ARRAY[
    'REVOKE SELECT ON shop.wallets FROM regress_dcx_group',
    'REVOKE SELECT ON shop.wallets FROM regress_dcx_group; GRANT SELECT ON shop.wallets TO PUBLIC',
    'REVOKE SELECT ON shop.wallets FROM regress_dcx_group; GRANT SELECT (org, balance) ON shop.wallets TO regress_dcx_buyer',
    'REVOKE USAGE ON SCHEMA shop FROM regress_dcx_group',
    'REVOKE regress_dcx_group FROM regress_dcx_buyer',
    'ALTER ROLE regress_dcx_buyer NOINHERIT; REVOKE regress_dcx_group FROM regress_dcx_buyer; GRANT regress_dcx_group TO regress_dcx_buyer',
    'REVOKE regress_dcx_group FROM regress_dcx_buyer; ALTER ROLE regress_dcx_buyer SUPERUSER',
    'ALTER TABLE shop.wallets ENABLE ROW LEVEL SECURITY',
    $$ALTER TABLE shop.wallets ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON shop.wallets USING (org = 'b')$$,
    $$ALTER TABLE shop.wallets ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON shop.wallets USING (org = 'a')$$,
    'ALTER TABLE shop.wallets ENABLE ROW LEVEL SECURITY; ALTER ROLE regress_dcx_buyer BYPASSRLS',
    'ALTER TABLE shop.wallets ENABLE ROW LEVEL SECURITY, OWNER TO regress_dcx_buyer; GRANT regress_dcx_buyer TO regress_dcx_keeper; ALTER TABLE shop.wallets FORCE ROW LEVEL SECURITY']) change,
    test.changed(change) c;
-- Owners, and who may attach.
SELECT c.* FROM unnest(ARRAY[
    'ALTER TABLE shop.wallets OWNER TO regress_dcx_heir',
    'ALTER TABLE shop.wallets OWNER TO regress_dcx_heir; GRANT regress_dcx_heir TO regress_dcx_keeper',
    'ALTER TABLE dcx.wallet_hold OWNER TO regress_dcx_heir',
    'REASSIGN OWNED BY regress_dcx_keeper TO regress_dcx_heir',
    'REASSIGN OWNED BY regress_dcx_keeper TO regress_dcx_heir; GRANT EXECUTE ON FUNCTION dcx_attach_wallet TO regress_dcx_heir',
    'REVOKE EXECUTE ON FUNCTION dcx_attach_wallet FROM regress_dcx_keeper',
    'REVOKE EXECUTE ON FUNCTION dcx_attach_wallet FROM regress_dcx_keeper; ALTER ROLE regress_dcx_keeper SUPERUSER',
    'ALTER FUNCTION dcx_attach_wallet RENAME TO attach']) change,
    test.changed(change) c;
-- Our tables.
SELECT c.* FROM unnest(ARRAY[
    'ALTER SCHEMA dcx RENAME TO aside',
    'ALTER SCHEMA dcx RENAME TO aside; CREATE SCHEMA dcx',
    'SET LOCAL client_min_messages = warning; DROP SCHEMA dcx CASCADE',
    'ALTER TABLE dcx.wallet_key RENAME TO wallet_keys',
    'ALTER TABLE dcx.wallet_account RENAME TO aside; CREATE TABLE dcx.wallet_account (LIKE dcx.aside INCLUDING ALL); ALTER TABLE dcx.wallet_account OWNER TO regress_dcx_keeper',
    'ALTER TABLE dcx.wallet_account RENAME TO aside; CREATE TABLE dcx.wallet_account (LIKE dcx.aside INCLUDING ALL); ALTER TABLE dcx.wallet_account OWNER TO regress_dcx_keeper;
        INSERT INTO dcx.wallet_account SELECT organisation, balance, 40 FROM dcx.aside',
    'ALTER TABLE dcx.wallet_account SET SCHEMA shop',
    'DROP TABLE dcx.wallet_hold',
    'ALTER TABLE dcx.wallet_account ALTER held TYPE double precision',
    'ALTER TABLE dcx.wallet_account DROP CONSTRAINT wallet_account_pkey']) change,
    test.changed(change) c;
-- The wallets.
SELECT c.* FROM unnest(ARRAY[
    'ALTER TABLE shop.wallets RENAME TO purses; ALTER SCHEMA shop RENAME TO market',
    'ALTER TABLE shop.wallets RENAME balance TO money',
    'ALTER TABLE shop.wallets RENAME balance TO money; ALTER TABLE shop.wallets RENAME spare TO balance',
    'ALTER TABLE shop.wallets RENAME org TO name; ALTER TABLE shop.wallets RENAME id TO org',
    'ALTER TABLE shop.wallets DROP balance; ALTER TABLE shop.wallets ADD balance integer DEFAULT 100',
    'ALTER TABLE shop.wallets ALTER balance TYPE double precision',
    'ALTER TABLE shop.wallets ALTER balance TYPE smallint',
    'ALTER TABLE shop.wallets ALTER balance TYPE text',
    'CREATE DOMAIN shop.money AS numeric(10, 2); ALTER TABLE shop.wallets ALTER balance TYPE shop.money',
    'ALTER TABLE shop.wallets ALTER org TYPE char(5)',
    'ALTER TABLE shop.wallets ALTER org TYPE integer USING ascii(org)',
    'ALTER TABLE shop.wallets DROP CONSTRAINT by_org',
    'ALTER TABLE shop.wallets DROP CONSTRAINT by_org; CREATE INDEX ON shop.wallets (org)',
    'ALTER TABLE shop.wallets DROP CONSTRAINT by_org; CREATE UNIQUE INDEX ON shop.wallets (lower(org))',
    $$CREATE TABLE shop.more () INHERITS (shop.wallets); INSERT INTO shop.more VALUES ('a', 1)$$,
    'DROP TABLE shop.wallets',
    'TRUNCATE shop.wallets']) change,
    test.changed(change) c;
\x off

\c regress_dcx_main
DROP DATABASE regress_dcx_known;
DROP ROLE regress_dcx_keeper, regress_dcx_buyer, regress_dcx_group, regress_dcx_heir;
