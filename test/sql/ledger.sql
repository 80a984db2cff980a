-- Every change of a balance is an entry, whoever makes it; and the audit finds what is not as it should be.
\c regress_dcx_main
SELECT relation, rows, note FROM dcx_attach_wallet();
CREATE FUNCTION test.last_entries(n integer, organisation text DEFAULT NULL)
RETURNS TABLE(organisation text, kind text, amount numeric, balance numeric, details jsonb, session_role text)
LANGUAGE sql AS $$
    SELECT organisation, kind, amount, balance, details, replace(session_role, current_user, 'CURRENT_USER')
      FROM (SELECT * FROM dcx.wallet_entry e WHERE last_entries.organisation IS NULL OR e.organisation = last_entries.organisation
             ORDER BY entry_id DESC LIMIT n) e ORDER BY entry_id
$$;
SELECT * FROM test.last_entries(20);
SELECT tgname, tgenabled, tgtype, tgattr FROM pg_trigger WHERE tgrelid = '"OrganisationWallet"'::regclass AND NOT tgisinternal ORDER BY 1;

-- Attaching again finds everything.
SELECT relation, rows, note FROM dcx_attach_wallet();

-- The platform's own statements, one row or many.
UPDATE "OrganisationWallet" SET balance = balance + 0.1 WHERE "organisationId" = 'org-acme';
UPDATE "OrganisationWallet" SET currency = 'ZAR';
UPDATE "OrganisationWallet" SET balance = balance * 2 WHERE balance > 50000;
SELECT * FROM test.last_entries(3);
INSERT INTO "Organisation" (id, name, "updatedAt") VALUES ('org-new', 'New', now());
INSERT INTO "OrganisationWallet" VALUES ('new', 'org-new', 12.345, 'ZAR', now(), now());
UPDATE "Organisation" SET id = 'org-renamed' WHERE id = 'org-new';
DELETE FROM "OrganisationWallet" WHERE id = 'new';
SELECT * FROM test.last_entries(4);
MERGE INTO "OrganisationWallet" w USING (VALUES ('org-acme', 5), ('org-renamed', 7)) v (org, amount) ON w."organisationId" = v.org
  WHEN MATCHED THEN UPDATE SET balance = w.balance + v.amount
  WHEN NOT MATCHED THEN INSERT VALUES ('merged', v.org, v.amount, 'ZAR', now(), now());
INSERT INTO "OrganisationWallet" VALUES ('merged', 'org-renamed', 7, 'ZAR', now(), now())
  ON CONFLICT (id) DO UPDATE SET balance = "OrganisationWallet".balance + 1;
SELECT * FROM test.last_entries(3);
-- Also if triggers are disabled by session_replication_role; and not if it is rolled back.
SET session_replication_role = replica;
UPDATE "OrganisationWallet" SET balance = balance - 5 WHERE "organisationId" = 'org-acme';
RESET session_replication_role;
BEGIN;
UPDATE "OrganisationWallet" SET balance = 0 WHERE "organisationId" = 'org-acme';
SAVEPOINT s;
UPDATE "OrganisationWallet" SET balance = 1;
ROLLBACK TO s;
ROLLBACK;
SELECT * FROM test.last_entries(1);
BEGIN;
TRUNCATE "OrganisationWallet" CASCADE;
SELECT * FROM test.last_entries(12);
SELECT * FROM dcx_wallet_audit();
ROLLBACK;
SELECT * FROM dcx_wallet_audit();
-- A balance that cannot be added up is refused; a wallet without an organisation does not count.
SELECT f.* FROM unnest('{NaN,Infinity,-Infinity}'::text[]) v,
    LATERAL test.failure(format($$UPDATE "OrganisationWallet" SET balance = %L WHERE "organisationId" = 'org-acme'$$, v)) f;
BEGIN;
ALTER TABLE "OrganisationWallet" ALTER balance DROP NOT NULL, ALTER "organisationId" DROP NOT NULL;
SELECT state, message FROM test.failure($$UPDATE "OrganisationWallet" SET balance = NULL WHERE "organisationId" = 'org-acme'$$);
INSERT INTO "OrganisationWallet" VALUES ('nobody', NULL, 100, 'ZAR', now(), now());
SELECT count(*) FROM test.last_entries(1) WHERE amount = 100;
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- The statement: half open in time, in the order of the entries.
SELECT kind, amount, balance FROM dcx_wallet_statement('org-acme');
SELECT recorded_at AS second FROM dcx_wallet_statement('org-acme') ORDER BY entry_id OFFSET 1 LIMIT 1 \gset
SELECT kind, amount FROM dcx_wallet_statement('org-acme', until => :'second');
SELECT count(*), min(recorded_at) = :'second' AS since_is_included FROM dcx_wallet_statement('org-acme', :'second');
SELECT count(*) FROM dcx_wallet_statement('org-acme', 'infinity');
SELECT count(*) FROM dcx_wallet_statement(NULL);
SELECT state, message FROM test.failure($$SELECT * FROM dcx_wallet_statement('nobody')$$);

-- Nothing that is written changes.
SELECT f.* FROM unnest(ARRAY[
    'UPDATE dcx.wallet_entry SET amount = 0', 'DELETE FROM dcx.wallet_entry WHERE false', 'TRUNCATE dcx.wallet_entry',
    'UPDATE dcx.wallet_key SET hold_id = 1', 'DELETE FROM dcx.wallet_key', 'TRUNCATE dcx.wallet_key',
    'DELETE FROM dcx.wallet_hold', 'TRUNCATE dcx.wallet_hold']) s, LATERAL test.failure(s) f;
SET session_replication_role = replica;
SELECT state, message FROM test.failure('DELETE FROM dcx.wallet_entry');
RESET session_replication_role;

-- Without triggers money does not move, until attaching again has written what happened, once.
BEGIN;
ALTER TABLE "OrganisationWallet" DISABLE TRIGGER ALL;
UPDATE "OrganisationWallet" SET balance = balance + 7 WHERE "organisationId" IN ('org-acme', 'org-hooli');
INSERT INTO "OrganisationWallet" VALUES ('late', 'org-nowallet', 5, 'ZAR', now(), now());
DELETE FROM "OrganisationWallet" WHERE "organisationId" = 'org-wonka';
SELECT * FROM dcx_wallet_audit();
SELECT * FROM test.failure($$SELECT dcx_wallet_debit('org-acme', 1, 'k')$$) \gx
SELECT * FROM test.failure($$SELECT dcx_wallet_hold('org-nowallet', 1, 'k')$$) \gx
-- Calls that do not change a balance still work.
SELECT amount, available FROM dcx_wallet_hold('org-tyrell', 1, 'k');
SELECT * FROM test.failure($$SELECT dcx_wallet_debit('org-tyrell', 1, 'k2')$$) \gx
SELECT relation, note FROM dcx_attach_wallet();
SELECT * FROM test.last_entries(4);
SELECT * FROM dcx_wallet_audit();
SELECT relation, note FROM dcx_attach_wallet();
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = '"OrganisationWallet"'::regclass AND NOT tgisinternal ORDER BY 1;
SELECT amount FROM dcx_wallet_debit('org-acme', 1, 'k');
ROLLBACK;

-- A wallet that a statement deletes, and inserts again before the deletion is recorded, is not taken for one that a restore brings:
-- whether the wallet came before by another name, with its table, or by a restore itself.
BEGIN;
CREATE FUNCTION test.again(org text, amount float8) RETURNS text LANGUAGE sql AS
    $$INSERT INTO "OrganisationWallet" VALUES ('again', org, amount, 'ZAR', now(), now()) RETURNING id$$;
ALTER TABLE "OrganisationWallet" DROP CONSTRAINT "OrganisationWallet_organisationId_fkey";
SELECT $$DELETE FROM "OrganisationWallet" WHERE "organisationId" = 'org-moved' RETURNING test.again("organisationId", balance)$$ AS delete \gset
SAVEPOINT s;
UPDATE "OrganisationWallet" SET "organisationId" = 'org-moved' WHERE "organisationId" = 'org-acme';
SELECT state, message, detail FROM test.failure(:'delete');
ROLLBACK TO s;
ALTER TABLE "OrganisationWallet" DISABLE TRIGGER ALL;
UPDATE "OrganisationWallet" SET "organisationId" = 'org-moved' WHERE "organisationId" = 'org-acme';
SELECT relation, note FROM dcx_attach_wallet();
SELECT state, message, detail FROM test.failure(:'delete');
SELECT * FROM dcx_wallet_audit();
ROLLBACK;
BEGIN;
INSERT INTO dcx.wallet_account (organisation, balance) VALUES ('org-moved', 8);
INSERT INTO dcx.wallet_entry (organisation, kind, amount, balance, role, session_role) VALUES ('org-moved', 'external', 8, 8, '', '');
CREATE FUNCTION test.again(org text, amount float8) RETURNS text LANGUAGE sql AS
    $$INSERT INTO "OrganisationWallet" VALUES ('again', org, amount, 'ZAR', now(), now()) RETURNING id$$;
ALTER TABLE "OrganisationWallet" DROP CONSTRAINT "OrganisationWallet_organisationId_fkey";
-- One that is rolled back does not count.
SAVEPOINT s;
INSERT INTO "OrganisationWallet" VALUES ('loaded', 'org-moved', 8, 'ZAR', now(), now());
ROLLBACK TO s;
INSERT INTO "OrganisationWallet" VALUES ('loaded', 'org-moved', 8, 'ZAR', now(), now());
SELECT * FROM dcx_wallet_audit();
SELECT state, message, detail FROM test.failure(:'delete');
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Guards that a restore has left switched off or not brought at all, and numbers that start over.
BEGIN;
ALTER TABLE dcx.wallet_entry ENABLE TRIGGER append_only;
ALTER TABLE dcx.wallet_key DISABLE TRIGGER append_only;
DROP TRIGGER resolved_once ON dcx.wallet_hold;
SELECT setval('dcx.wallet_entry_entry_id_seq', 1, false);
SELECT relation, note FROM dcx_attach_wallet();
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgrelid::regclass::text ~ '^dcx' ORDER BY 1, 2;
SELECT amount FROM dcx_wallet_debit('org-acme', 1, 'k');
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Without the extension the guards stand, and nothing is lost.
BEGIN;
SELECT amount FROM dcx_wallet_hold('org-acme', 100, 'kept');
SELECT md5(string_agg(e::text, '' ORDER BY entry_id)) AS entries FROM dcx.wallet_entry e \gset
SELECT * FROM test.failure('DROP EXTENSION dcx_pricing');
SET client_min_messages = warning;
DROP EXTENSION dcx_pricing CASCADE;
RESET client_min_messages;
SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = '"OrganisationWallet"'::regclass AND NOT tgisinternal;
SELECT state, message FROM test.failure('DELETE FROM dcx.wallet_entry');
UPDATE "OrganisationWallet" SET balance = balance - 900 WHERE "organisationId" = 'org-acme';
CREATE EXTENSION dcx_pricing;
SELECT md5(string_agg(e::text, '' ORDER BY entry_id)) = :'entries' AS kept FROM dcx.wallet_entry e;
SELECT relation, note FROM dcx_attach_wallet();
SELECT * FROM test.last_entries(1);
SELECT amount, idempotency_key FROM dcx_wallet_holds('org-acme');
SELECT amount, replayed FROM dcx_wallet_hold('org-acme', 100, 'kept');
SELECT amount, balance, available FROM dcx_wallet_capture((SELECT hold_id FROM dcx_wallet_holds('org-acme')));
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- After detaching the ledger stays, and the platform's changes are not recorded.
BEGIN;
SELECT * FROM dcx_detach('wallet');
UPDATE "OrganisationWallet" SET balance = balance + 1 WHERE "organisationId" = 'org-acme';
SELECT state, message FROM test.failure($$SELECT * FROM dcx_wallet_debit('org-acme', 1, 'k')$$);
SELECT state, message FROM test.failure($$SELECT * FROM dcx_wallet_audit()$$);
SELECT count(*) > 0 AS kept FROM dcx.wallet_entry;
SELECT relation, note FROM dcx_attach_wallet();
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Other wallets in the place of those that are attached are refused: another table, a view of this one, another column.
BEGIN;
CREATE TABLE test.w (org text PRIMARY KEY, amount numeric(12, 2), other numeric(12, 2));
INSERT INTO test.w VALUES ('org-acme', 1, 5), ('org-other', 2, 6);
CREATE VIEW test.v AS SELECT "organisationId", balance::numeric FROM "OrganisationWallet";
ALTER TABLE "OrganisationWallet" ADD cents bigint NOT NULL DEFAULT 7, ADD tenant text NOT NULL DEFAULT 't';
SELECT count(*) AS entries FROM dcx.wallet_entry \gset
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_wallet('test.w', 'org', 'amount')$$) \gx
SELECT a AS arguments, f.state, f.message FROM unnest(ARRAY[$$'test.v'$$, $$'"OrganisationWallet"', 'organisationId', 'cents'$$, $$'"OrganisationWallet"', 'tenant'$$]) a,
    LATERAL test.failure(format('SELECT * FROM dcx_attach_wallet(%s)', a)) f;
SELECT count(*) - :entries AS more FROM dcx.wallet_entry;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname ~ 'dcx' ORDER BY 1, 2;
-- A renamed table or column is the same wallet table.
SAVEPOINT s;
ALTER TABLE "OrganisationWallet" RENAME balance TO amount;
ALTER TABLE "OrganisationWallet" RENAME TO "Purse";
SELECT relation, note FROM dcx_attach_wallet('"Purse"', 'organisationId', 'amount');
ROLLBACK TO s;
-- Detached, the old one has no triggers, and attaching the other the ledger says what became of the money.
SELECT count(*) FROM dcx_detach('wallet');
SELECT relation, note FROM dcx_attach_wallet('test.w', 'org', 'amount');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname ~ 'dcx' ORDER BY 1, 2;
SELECT * FROM test.last_entries(2, 'org-other');
SELECT * FROM dcx_wallet_audit();
SELECT count(*) FROM dcx_detach('wallet');
SELECT relation, note FROM dcx_attach_wallet('test.w', 'org', 'other');
SELECT * FROM test.last_entries(2, 'org-other');
SELECT * FROM dcx_wallet_audit();
-- A dropped table does not prevent attaching another.
SET LOCAL client_min_messages = warning;
DROP TABLE test.w;
RESET client_min_messages;
SELECT relation, note FROM dcx_attach_wallet('"OrganisationWallet"', 'organisationId', 'cents');
ROLLBACK;

-- What attaching refuses.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM test.failure('SELECT * FROM dcx_attach_wallet()') \gx
ROLLBACK;
BEGIN;
ALTER TABLE "OrganisationWallet" DISABLE TRIGGER ALL;
UPDATE "OrganisationWallet" SET balance = 'NaN' WHERE "organisationId" = 'org-acme';
SELECT * FROM test.failure('SELECT * FROM dcx_attach_wallet()') \gx
-- After the cause is corrected, attaching works.
ALTER TABLE "OrganisationWallet" ENABLE TRIGGER ALL;
UPDATE "OrganisationWallet" SET balance = 1000.1 WHERE "organisationId" = 'org-acme';
SELECT relation, note FROM dcx_attach_wallet();
SELECT * FROM dcx_wallet_audit();
ROLLBACK;
-- Two wallets of an organisation are one account, out of which nothing moves.
BEGIN;
DROP INDEX "OrganisationWallet_organisationId_key";
INSERT INTO "OrganisationWallet" VALUES ('second', 'org-acme', 1, 'ZAR', now(), now());
SELECT relation, note FROM dcx_attach_wallet();
SELECT * FROM test.last_entries(1);
SELECT state, message FROM test.failure($$SELECT * FROM dcx_wallet_debit('org-acme', 1, 'k')$$);
SELECT * FROM dcx_wallet_audit();
ROLLBACK;
-- A view is for reading.
BEGIN;
CREATE VIEW test.v AS SELECT "organisationId", balance::numeric FROM "OrganisationWallet";
SELECT count(*) FROM dcx_detach('wallet');
SELECT * FROM dcx_attach_wallet('test.v');
SELECT dcx_wallet_available('org-acme'), dcx_wallet_can_afford('org-acme', 1000.1);
SELECT * FROM test.failure($$SELECT * FROM dcx_wallet_debit('org-acme', 1, 'k')$$) \gx
ROLLBACK;
-- The trigger on a table that is not attached does nothing, and is a trigger only.
BEGIN;
CREATE TABLE test.w (org text PRIMARY KEY, amount numeric(12, 2));
CREATE TRIGGER t AFTER INSERT ON test.w FOR EACH ROW EXECUTE FUNCTION dcx_wallet_record();
INSERT INTO test.w VALUES ('org-acme', 1000000);
SELECT dcx_wallet_balance('org-acme');
SELECT * FROM dcx_wallet_audit();
CREATE TRIGGER b BEFORE INSERT ON test.w FOR EACH ROW EXECUTE FUNCTION dcx_wallet_record();
SELECT * FROM test.failure('INSERT INTO test.w VALUES (2, 2)');
SELECT * FROM test.failure('SELECT dcx_wallet_record()');
ROLLBACK;

-- What the audit finds. What is done to the tables here only their owner can do.
CREATE FUNCTION test.audit_of(damage text) RETURNS TABLE(organisation text, problem text, expected numeric, actual numeric)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE damage;
    RETURN QUERY SELECT a.organisation, regexp_replace(a.problem, '\d+', 'N'), a.expected, a.actual FROM dcx_wallet_audit() a;
END $$;
BEGIN;
ALTER TABLE dcx.wallet_entry DISABLE TRIGGER USER;
ALTER TABLE dcx.wallet_hold DISABLE TRIGGER USER;
ALTER TABLE dcx.wallet_key DISABLE TRIGGER USER;
SELECT amount FROM dcx_wallet_credit('org-zero', 100, 'c');
SELECT amount FROM dcx_wallet_hold('org-zero', 40, 'h1');
SELECT amount FROM dcx_wallet_capture((SELECT hold_id FROM dcx_wallet_holds('org-zero')), 30);
SELECT amount FROM dcx_wallet_hold('org-zero', 50, 'h2');
SELECT * FROM dcx_wallet_audit();
SAVEPOINT s;
SELECT * FROM test.audit_of($$UPDATE dcx.wallet_entry SET amount = amount + 1 WHERE organisation = 'org-zero' AND kind = 'credit'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$UPDATE dcx.wallet_entry SET balance = balance + 1 WHERE organisation = 'org-zero' AND kind = 'credit'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$DELETE FROM dcx.wallet_entry WHERE organisation = 'org-zero' AND kind = 'capture'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$DELETE FROM dcx.wallet_entry WHERE organisation = 'org-acme'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$UPDATE dcx.wallet_account SET balance = 1 WHERE organisation = 'org-zero'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$UPDATE dcx.wallet_account SET held = 1 WHERE organisation = 'org-zero'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$UPDATE dcx.wallet_account SET next_expiry = 'infinity' WHERE organisation = 'org-zero'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$DELETE FROM dcx.wallet_account WHERE organisation = 'org-zero'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$UPDATE dcx.wallet_hold SET amount = 51 WHERE idempotency_key = 'h2'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$UPDATE dcx.wallet_hold SET captured = 31 WHERE idempotency_key = 'h1'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$UPDATE dcx.wallet_hold SET captured = 41 WHERE idempotency_key = 'h1'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$UPDATE dcx.wallet_hold SET amount = 'NaN' WHERE idempotency_key = 'h1'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$UPDATE dcx.wallet_hold SET state = 'lost' WHERE idempotency_key = 'h1'$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$UPDATE "OrganisationWallet" SET balance = 20 WHERE "organisationId" = 'org-zero'$$); ROLLBACK TO s;
SELECT * FROM test.failure($$UPDATE "Organisation" SET id = 'org-other' WHERE id = 'org-zero'$$) \gx
SELECT * FROM test.audit_of($$ALTER TABLE "OrganisationWallet" DISABLE TRIGGER "000_dcx_wallet";
    UPDATE "Organisation" SET id = 'org-other' WHERE id = 'org-zero'$$); ROLLBACK TO s;
DROP TABLE dcx.wallet_key;
SELECT state, message, detail FROM test.failure($$SELECT dcx_wallet_available('org-zero')$$); ROLLBACK TO s;
SELECT * FROM test.audit_of($$DELETE FROM dcx.wallet_key WHERE idempotency_key IN ('c', 'h2')$$); ROLLBACK TO s;
ROLLBACK;
SELECT * FROM dcx_wallet_audit();

-- A statement page by page: each entry once, in the order of the ids, also while entries are added and with since and until.
BEGIN;
SELECT count(*) FROM generate_series(1, 5) i, dcx_wallet_credit('org-tyrell', i, 'page ' || i);
CREATE FUNCTION test.pages(since timestamptz, rows integer, adding boolean) RETURNS TABLE (page integer, amounts text) LANGUAGE plpgsql AS $$
DECLARE
    last bigint := 0;
BEGIN
    page := 0;
    LOOP
        SELECT string_agg(amount::text, ' ' ORDER BY n), max(s.entry_id) INTO amounts, last
          FROM dcx_wallet_statement('org-tyrell', pages.since, after_id => last, max_rows => rows) WITH ORDINALITY s (entry_id, r, k, amount, b, h, d, i, de, sr, n);
        EXIT WHEN last IS NULL;
        page := page + 1;
        RETURN NEXT;
        IF adding AND page < 3 THEN
            PERFORM dcx_wallet_credit('org-tyrell', 10 * page, 'added ' || page);
            PERFORM dcx_wallet_credit('org-acme', 10 * page, 'added ' || page);
        END IF;
    END LOOP;
END $$;
SELECT page, regexp_replace(amounts, '^\S+', 'opening') AS amounts FROM test.pages('-infinity', 3, false) WHERE page = 1;
SELECT * FROM test.pages((SELECT recorded_at FROM dcx_wallet_statement('org-tyrell') WHERE idempotency_key = 'page 2'), 2, true);
SELECT amount FROM dcx_wallet_statement('org-tyrell', until => (SELECT recorded_at FROM dcx_wallet_statement('org-tyrell') WHERE idempotency_key = 'page 4'), max_rows => 2,
    after_id => (SELECT entry_id FROM dcx_wallet_statement('org-tyrell') WHERE idempotency_key = 'page 2'));
SELECT (SELECT array_agg(s::text) FROM dcx_wallet_statement('org-tyrell') s) = (SELECT array_agg(s::text) FROM dcx_wallet_statement('org-tyrell', '-infinity', 'infinity', 0, 2147483647) s) AS default_is_all;
SELECT a, m, (SELECT count(*) FROM dcx_wallet_statement('org-tyrell', '-infinity', 'infinity', a, m)) FROM (VALUES (0::bigint, 0), (-1, 2), (9223372036854775807, 2), (NULL, 2), (0, NULL), (0, 2)) v (a, m);
SELECT * FROM test.failure($$SELECT * FROM dcx_wallet_statement('org-tyrell', max_rows => -1)$$) \gx
DROP FUNCTION test.pages;
ROLLBACK;
-- A page reads its own rows, however many there are; and of the holds of a state only those of the organisation. Of a
-- state that few of them are in, all of these: no index has the state, so that a capture need not change one.
BEGIN;
SELECT count(*) FROM generate_series(1, 20) i, unnest('{org-acme,org-tyrell,org-hooli}'::text[]) org, generate_series(1, 50) j, dcx_wallet_credit(org, 1, i || ' ' || j) e;
SELECT count(*) FROM generate_series(1, 1000) i, dcx_wallet_hold('org-acme', 0.01, 'hold ' || i);
SELECT count(*) FROM generate_series(1, 1000) i, dcx_wallet_hold('org-tyrell', 0.01, 'hold ' || i);
SELECT count(*) FROM generate_series(1, 20) i, dcx_wallet_hold('org-hooli', 0.01, 'hold ' || i);
ANALYZE dcx.wallet_entry, dcx.wallet_hold;
SELECT entry_id AS middle FROM dcx_wallet_statement('org-tyrell') OFFSET 500 LIMIT 1 \gset
CREATE FUNCTION test.read_by(call text) RETURNS TABLE (rows bigint, few boolean) LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
BEGIN
    SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) INTO before FROM pg_stat_xact_user_tables WHERE relname IN ('wallet_entry', 'wallet_hold');
    EXECUTE 'SELECT count(*) FROM ' || call INTO rows;
    SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) - before < rows + 30 INTO few FROM pg_stat_xact_user_tables WHERE relname IN ('wallet_entry', 'wallet_hold');
    RETURN NEXT;
END $$;
SELECT replace(call, :'middle', 'N') AS call, r.* FROM unnest(ARRAY[format($$dcx_wallet_statement('org-tyrell', after_id => %s, max_rows => 10)$$, :middle), $$dcx_wallet_statement('org-tyrell', max_rows => 10)$$,
    $$dcx_wallet_holds('org-hooli', max_rows => 10)$$, $$dcx_wallet_hold_of('org-hooli', 'hold 3')$$, $$dcx_wallet_holds('org-tyrell', NULL, max_rows => 10)$$, $$dcx_wallet_holds('org-tyrell', max_rows => 10)$$,
    $$dcx_wallet_holds('org-acme', NULL, (SELECT hold_id FROM dcx_wallet_hold_of('org-acme', 'hold 700')), 10)$$, $$dcx_wallet_holds('org-tyrell', 'captured', max_rows => 10)$$]) call, LATERAL test.read_by(call) r;
DROP FUNCTION test.read_by;
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
DELETE FROM "OrganisationWallet" WHERE id = 'merged';
DELETE FROM "Organisation" WHERE id = 'org-renamed';
UPDATE "OrganisationWallet" SET balance = balance / 2 WHERE balance > 100000;
UPDATE "OrganisationWallet" SET balance = 1000 WHERE "organisationId" = 'org-acme';
