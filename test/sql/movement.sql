-- Credit and debit.
\c regress_dcx_main
SELECT * FROM test.failure($$SELECT * FROM dcx_wallet_credit('org-zero', 10, 'k')$$) \gx
SELECT relation, rows, note FROM dcx_attach_wallet();

SELECT amount, balance, available, replayed FROM dcx_wallet_credit('org-zero', 100, 'k1', 'Deposit', '{"bank": "x", "ref": null}');
SELECT amount, balance, available, replayed FROM dcx_wallet_debit('org-zero', 0.01, 'k2');
SELECT organisation, kind, amount, balance, available, idempotency_key, description, details, role = current_user AND session_role = session_user AS who
  FROM dcx.wallet_entry WHERE organisation = 'org-zero' ORDER BY entry_id;
SELECT dcx_wallet_balance('org-zero'), dcx_wallet_available('org-zero'), "updatedAt" FROM "OrganisationWallet" WHERE "organisationId" = 'org-zero';

-- The same request again gets the first answer, whatever happened since, with the same entry.
SELECT entry_id AS first FROM dcx_wallet_credit('org-zero', 100, 'k1', 'Deposit', '{"ref": null, "bank": "x"}') \gset
SELECT entry_id = :first AS same, amount, balance, available, replayed
  FROM dcx_wallet_credit('org-zero', 100.00, 'k1', 'Deposit', '{"bank": "x", "ref": null}');
SELECT count(*) FROM dcx.wallet_entry WHERE organisation = 'org-zero';
-- A key is an organisation's own.
SELECT organisation, balance, replayed FROM dcx_wallet_credit('org-acme', 100, 'k1', 'Deposit');
-- Another request with the same key says what is different.
SELECT f.state, f.message, f.detail FROM unnest(ARRAY[
    $$dcx_wallet_credit('org-zero', 100.01, 'k1', 'Deposit', '{"bank": "x", "ref": null}')$$,
    $$dcx_wallet_credit('org-zero', 100, 'k1')$$,
    $$dcx_wallet_credit('org-zero', 100, 'k1', 'deposit', '{"bank": "y"}')$$,
    $$dcx_wallet_debit('org-zero', 100, 'k1', 'Deposit', '{"bank": "x", "ref": null}')$$,
    $$dcx_wallet_hold('org-zero', 0.01, 'k2')$$]) call, LATERAL test.failure('SELECT ' || call) f;
SELECT hint FROM test.failure($$SELECT dcx_wallet_credit('org-zero', 1, 'k1')$$);

-- Insufficient funds say all there is to say.
SELECT * FROM test.failure($$SELECT * FROM dcx_wallet_debit('org-zero', 100, 'k3')$$) \gx
SELECT amount FROM dcx_wallet_hold('org-zero', 60, 'h');
SELECT * FROM test.failure($$SELECT * FROM dcx_wallet_debit('org-zero', 40, 'k3')$$) \gx
SELECT amount, balance, available FROM dcx_wallet_debit('org-zero', 39.99, 'k3');
SELECT state, detail FROM test.failure($$SELECT * FROM dcx_wallet_debit('org-negative', 0.01, 'k')$$);
SELECT amount, balance, available FROM dcx_wallet_credit('org-negative', 0.25, 'k');

-- Amounts: finite, above zero, whole cents. Nothing is skipped for a NULL. Keys have a size.
SELECT f.* FROM unnest('{NaN,Infinity,-Infinity,0,0.00,-1,0.001,1.005,99999999999999999999.999}'::numeric[]) amount,
    LATERAL test.failure(format($$SELECT dcx_wallet_credit('org-zero', %L, 'x')$$, amount)) f;
SELECT amount FROM dcx_wallet_credit('org-zero', 1.100, 'scale');
SELECT f.* FROM unnest(ARRAY['NULL, 1, $$k$$', '$$org-zero$$, NULL, $$k$$', '$$org-zero$$, 1, NULL', '$$org-zero$$, 1, $$$$',
    '$$org-zero$$, 1, repeat($$k$$, 256)', '$$nobody$$, 1, $$k$$']) arguments, LATERAL test.failure('SELECT dcx_wallet_debit(' || arguments || ')') f;
SELECT replayed FROM dcx_wallet_credit('org-zero', 1, repeat('k', 255)), LATERAL (SELECT replayed FROM dcx_wallet_credit('org-zero', 1, repeat('k', 255))) again(a);
PREPARE untyped AS SELECT amount FROM dcx_wallet_credit($1, $2, $3, $4, $5);
EXECUTE untyped ('org-zero', 1, 'untyped', NULL, NULL);
SELECT state FROM test.failure($$SELECT dcx_wallet_credit('org-zero', 1::float8, 'k')$$);

-- All in the caller's transaction: a savepoint takes back the entry and its key.
BEGIN;
SAVEPOINT s;
SELECT balance, replayed FROM dcx_wallet_credit('org-hooli', 1, 'k');
ROLLBACK TO s;
SELECT balance, replayed FROM dcx_wallet_credit('org-hooli', 2, 'k');
SELECT balance, replayed FROM dcx_wallet_credit('org-hooli', 2, 'k');
ROLLBACK;
SELECT count(*) FROM dcx.wallet_key WHERE organisation = 'org-hooli';
-- Many in one statement, each seeing the one before.
SELECT i, m.amount, m.balance, m.replayed FROM generate_series(1, 3) i, LATERAL dcx_wallet_debit('org-hooli', i, 'many' || i % 2 + i / 3) m;
SELECT count(*) FROM (SELECT dcx_wallet_debit('org-hooli', 1, 'same') FROM generate_series(1, 5)) s;
SELECT count(*) FROM dcx.wallet_entry WHERE idempotency_key = 'same';
BEGIN READ ONLY;
SELECT balance, replayed FROM dcx_wallet_debit('org-hooli', 1, 'same');
SELECT state, message FROM test.failure($$SELECT dcx_wallet_debit('org-hooli', 1, 'readonly')$$);
ROLLBACK;

-- The platform's triggers on the wallet: one that changes the balance, one that suppresses the update, one that moves money in turn.
CREATE FUNCTION test.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_ARGV[0]
        WHEN 'round' THEN NEW.balance := round(NEW.balance); RETURN NEW;
        WHEN 'skip' THEN RETURN NULL;
        WHEN 'null' THEN NEW."organisationId" := 'org-nowallet'; RETURN NEW;
        WHEN 'before' THEN PERFORM dcx_wallet_hold(NEW."organisationId", 1, 'nested'); RETURN NEW;
        WHEN 'try' THEN
            IF pg_trigger_depth() = 1 THEN
                BEGIN
                    UPDATE "OrganisationWallet" SET balance = NEW.balance WHERE id = NEW.id;
                    RAISE 'just trying';
                EXCEPTION WHEN raise_exception THEN NULL;
                END;
            END IF;
            RETURN NEW;
        WHEN 'fee' THEN
            IF pg_trigger_depth() = 1 THEN
                PERFORM dcx_wallet_debit(NEW."organisationId", 0.5, 'fee');
                UPDATE "OrganisationWallet" SET balance = balance - 0.25 WHERE id = NEW.id;
                BEGIN
                    PERFORM dcx_wallet_debit(NEW."organisationId", 1e9, 'too much');
                EXCEPTION WHEN SQLSTATE 'ZD001' THEN
                    RAISE NOTICE '%', SQLERRM;
                END;
            END IF;
            RETURN NULL;
    END CASE;
END $$;
BEGIN;
SAVEPOINT s;
CREATE TRIGGER meddle BEFORE UPDATE ON "OrganisationWallet" FOR EACH ROW EXECUTE FUNCTION test.meddle('round');
SELECT * FROM test.failure($$SELECT dcx_wallet_debit('org-hooli', 0.5, 'm')$$) \gx
ROLLBACK TO s;
CREATE TRIGGER meddle BEFORE UPDATE ON "OrganisationWallet" FOR EACH ROW EXECUTE FUNCTION test.meddle('skip');
SELECT * FROM test.failure($$SELECT dcx_wallet_debit('org-hooli', 0.5, 'm')$$) \gx
ROLLBACK TO s;
CREATE TRIGGER meddle BEFORE UPDATE ON "OrganisationWallet" FOR EACH ROW EXECUTE FUNCTION test.meddle('null');
SELECT state, message FROM test.failure($$SELECT dcx_wallet_debit('org-hooli', 0.5, 'm')$$) \gx
ROLLBACK TO s;
CREATE TRIGGER meddle BEFORE UPDATE ON "OrganisationWallet" FOR EACH ROW EXECUTE FUNCTION test.meddle('before');
SELECT * FROM test.failure($$SELECT dcx_wallet_debit('org-hooli', 0.5, 'm')$$) \gx
ROLLBACK TO s;
-- One that makes the same update itself and rolls it back: that one is not ours, and ours has its entry and key.
CREATE TRIGGER meddle BEFORE UPDATE ON "OrganisationWallet" FOR EACH ROW EXECUTE FUNCTION test.meddle('try');
SELECT amount, balance, replayed FROM dcx_wallet_debit('org-hooli', 0.5, 'm');
SELECT amount, balance, replayed FROM dcx_wallet_debit('org-hooli', 0.5, 'm');
SELECT kind, amount, idempotency_key FROM dcx.wallet_entry WHERE organisation = 'org-hooli' ORDER BY entry_id DESC LIMIT 1;
ROLLBACK TO s;
CREATE TRIGGER fee AFTER UPDATE ON "OrganisationWallet" FOR EACH ROW EXECUTE FUNCTION test.meddle('fee');
SELECT amount, balance, available FROM dcx_wallet_debit('org-hooli', 10, 'm');
SELECT kind, amount, balance, idempotency_key FROM dcx.wallet_entry WHERE organisation = 'org-hooli' ORDER BY entry_id DESC LIMIT 3;
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Our own error comes first, not that of the platform's CHECK (balance >= 0).
BEGIN;
DELETE FROM "WalletTransaction" WHERE "walletId" = 'cm5wal000005';
DELETE FROM "OrganisationWallet" WHERE balance < 0;
ALTER TABLE "OrganisationWallet" ADD CHECK (balance >= 0);
SELECT state FROM test.failure($$SELECT dcx_wallet_debit('org-acme', 1e6, 'm')$$);
ROLLBACK;

-- Balances of every type; a column that cannot hold the result says so, and the ledger is as before.
CREATE FUNCTION test.balance_as(type text, start text) RETURNS TABLE(type_ text, balances text, problems bigint, refused text, why text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE test.w (org text PRIMARY KEY, balance %s NOT NULL)', type);
    EXECUTE format('INSERT INTO test.w VALUES (%L, %L)', 'o', start);
    PERFORM dcx_attach_wallet('test.w', 'org');
    type_ := type;
    FOR i IN 1..3 LOOP
        BEGIN
            balances := concat_ws(' ', balances, (SELECT balance FROM dcx_wallet_credit('o', (ARRAY[0.1, 0.2, 99])[i], 'c' || i)));
        EXCEPTION WHEN OTHERS THEN
            balances := concat_ws(' ', balances, SQLSTATE);
        END;
    END LOOP;
    UPDATE test.w SET balance = balance - 5;
    SELECT state, message INTO refused, why FROM test.failure($q$SELECT dcx_wallet_credit('o', 12345678901234567.89, 'large')$q$);
    problems := (SELECT count(*) FROM dcx_wallet_audit());
    RETURN NEXT;
    DROP TABLE test.w;
    PERFORM dcx_detach('wallet');
    SET LOCAL client_min_messages = warning;
    DROP SCHEMA dcx CASCADE;
END $$;
BEGIN;
SET LOCAL client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
RESET client_min_messages;
SELECT b.* FROM (VALUES ('double precision', '0'), ('real', '10'), ('numeric', '0'), ('numeric(6,2)', '9900.5'), ('numeric(20,4)', '0.1234'),
    ('smallint', '5'), ('integer', '5'), ('bigint', '5')) v (t, s), LATERAL test.balance_as(t, s) b;
ROLLBACK;

-- From 10^13 on 15 digits are no exact cents, from 10^4 on the six of a real: what is, or would be, so large is refused.
CREATE FUNCTION test.large_as(type text, below numeric) RETURNS TABLE(call text, state text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE test.w (org text PRIMARY KEY, balance %s NOT NULL, note text)', type);
    EXECUTE 'INSERT INTO test.w VALUES ($1, $2), ($3, $4), ($5, 100)' USING 'rich', below, 'poor', -below, 'held';
    PERFORM dcx_attach_wallet('test.w', 'org');
    PERFORM dcx_wallet_hold('held', 10, 'h');
    FOREACH call IN ARRAY ARRAY[
        -- up to the last exact cent and not above, positive or negative, whoever writes
        $q$SELECT dcx_wallet_credit('rich', 0.01, 'k')$q$, $q$UPDATE test.w SET balance = balance + 0.01 WHERE org = 'rich'$q$,
        $q$UPDATE test.w SET balance = balance - 0.01 WHERE org = 'poor'$q$, format($q$INSERT INTO test.w VALUES ('new', %s)$q$, below + 0.01),
        format($q$SELECT dcx_wallet_credit('held', %s, 'k')$q$, below - 100 + 0.01), $q$SELECT dcx_wallet_debit('rich', 0.01, 'd')$q$,
        $q$SELECT dcx_wallet_credit('rich', 0.01, 'k')$q$, $q$SELECT dcx_wallet_credit('poor', 0.01, 'k')$q$] LOOP
        RETURN QUERY SELECT call, f.state, f.message, f.detail, f.hint FROM test.failure(call) f;
    END LOOP;
    RETURN QUERY SELECT 'audit', a.problem, a.expected::text, a.actual::text, NULL FROM dcx_wallet_audit() a;
    -- A balance that is too large already, made so without our triggers.
    ALTER TABLE test.w DISABLE TRIGGER ALL;
    EXECUTE 'UPDATE test.w SET balance = sign(balance) * $1' USING below * 10;
    ALTER TABLE test.w ENABLE TRIGGER ALL;
    FOREACH call IN ARRAY ARRAY[
        $q$SELECT dcx_wallet_balance('rich')$q$, $q$SELECT dcx_wallet_available('poor')$q$, $q$SELECT dcx_wallet_can_afford('rich', 1)$q$,
        $q$SELECT dcx_wallet_credit('rich', 1, 'c')$q$, $q$SELECT dcx_wallet_debit('rich', 1, 'c')$q$, $q$SELECT dcx_wallet_hold('rich', 1, 'c')$q$,
        $q$SELECT dcx_wallet_capture(1)$q$, $q$SELECT dcx_wallet_release(1)$q$, $q$SELECT dcx_wallet_extend(1, '1 day')$q$,
        $q$SELECT dcx_attach_wallet('test.w', 'org')$q$] LOOP
        RETURN QUERY SELECT call, f.state, f.message, NULL, NULL FROM test.failure(call) f;
    END LOOP;
    RETURN QUERY SELECT 'check', severity, problem, c.detail, fix FROM dcx_check('wallet') c WHERE problem ~ 'float|balances are';
    -- It may stay so, and be brought down.
    FOREACH call IN ARRAY ARRAY[
        $q$SELECT count(*) FROM dcx_wallet_statement('rich')$q$, $q$UPDATE test.w SET note = 'x'$q$, $q$DELETE FROM test.w WHERE org = 'poor'$q$,
        $q$UPDATE test.w SET balance = 5$q$, $q$SELECT dcx_attach_wallet('test.w', 'org')$q$, $q$SELECT dcx_wallet_credit('rich', 1, 'c')$q$] LOOP
        RETURN QUERY SELECT call, f.state, f.message, NULL, NULL FROM test.failure(call) f;
    END LOOP;
    RETURN QUERY SELECT 'audit', a.problem, a.expected::text, a.actual::text, NULL FROM dcx_wallet_audit() a;
    RETURN QUERY SELECT 'after check', severity, problem, c.detail, fix FROM dcx_check('wallet') c WHERE problem ~ 'balances are';
    DROP TABLE test.w;
    PERFORM dcx_detach('wallet');
    SET LOCAL client_min_messages = warning;
    DROP SCHEMA dcx CASCADE;
END $$;
BEGIN;
SET LOCAL client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
RESET client_min_messages;
CREATE DOMAIN test.rand AS double precision;
SELECT * FROM test.large_as('double precision', 9999999999999.99);
SELECT * FROM test.large_as('real', 9999.99);
SELECT state, count(*) FROM test.large_as('test.rand', 9999999999999.99) GROUP BY 1 ORDER BY 1;
-- Other types have no such limit.
SELECT * FROM test.large_as('numeric(20,2)', 9999999999999.99) WHERE state <> 'none';
-- The hint is right: cents are exact from then on.
CREATE TABLE test.w (org text PRIMARY KEY, balance double precision NOT NULL);
INSERT INTO test.w VALUES ('o', 123456789012345.67);
SELECT hint FROM test.failure($$SELECT dcx_attach_wallet('test.w', 'org')$$) \gset
SELECT substring(:'hint', '(ALTER TABLE .*)\.$') AS statement \gset
:statement;
SELECT relation, note FROM dcx_attach_wallet('test.w', 'org');
SELECT balance FROM dcx_wallet_credit('o', 0.01, 'c');
-- A view that casts it is read as the view shows it.
SELECT count(*) FROM dcx_detach('wallet');
CREATE VIEW test.v AS SELECT org, balance::float8 FROM test.w;
SELECT count(*) FROM dcx_attach_wallet('test.v', 'org');
SELECT * FROM test.failure($$SELECT dcx_wallet_balance('o')$$) \gx
ROLLBACK;

-- Floating-point errors in the last digits of the platform's balances are not money, and do not prevent storing a sum.
BEGIN;
UPDATE "OrganisationWallet" SET balance = 20.01 WHERE "organisationId" = 'org-vandelay';
UPDATE "OrganisationWallet" SET balance = balance - 19.72 WHERE "organisationId" = 'org-vandelay';
SELECT balance::numeric, dcx_wallet_balance('org-vandelay') FROM "OrganisationWallet" WHERE "organisationId" = 'org-vandelay';
SELECT amount, balance FROM dcx_wallet_credit('org-vandelay', 1.8, 'dust');
SELECT amount, balance FROM dcx_wallet_debit('org-vandelay', 0.09, 'dust-free');
UPDATE "OrganisationWallet" SET balance = balance * 1.1 WHERE "organisationId" = 'org-vandelay';
SELECT kind, amount, balance FROM dcx.wallet_entry WHERE organisation = 'org-vandelay' ORDER BY entry_id DESC LIMIT 3;
SELECT dcx_wallet_can_afford('org-vandelay', 2.2), dcx_wallet_can_afford('org-vandelay', 2.21);
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- The column's type can change after attach: no trigger names it.
BEGIN;
ALTER TABLE "OrganisationWallet" ALTER balance TYPE numeric;
SELECT amount, balance FROM dcx_wallet_debit('org-acme', 0.1, 'as numeric');
UPDATE "OrganisationWallet" SET balance = balance + 0.000000001 WHERE "organisationId" = 'org-acme';
ALTER TABLE "OrganisationWallet" RENAME TO "Purse";
SELECT amount, balance FROM dcx_wallet_debit('org-acme', 0.1, 'renamed');
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Organisations of other types, partitions whose columns are in another order, and FORCE ROW LEVEL SECURITY.
BEGIN;
SET LOCAL client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
RESET client_min_messages;
CREATE TABLE test.w (org uuid NOT NULL, region text NOT NULL, balance numeric NOT NULL, PRIMARY KEY (org, region)) PARTITION BY LIST (region);
CREATE TABLE test.w_east (balance numeric NOT NULL, region text NOT NULL, gone int, org uuid NOT NULL);
ALTER TABLE test.w_east DROP gone;
ALTER TABLE test.w ATTACH PARTITION test.w_east FOR VALUES IN ('east');
CREATE TABLE test.w_west PARTITION OF test.w FOR VALUES IN ('west');
INSERT INTO test.w SELECT format('ABCDEF00-0000-0000-0000-%s', lpad(i::text, 12, '0'))::uuid, CASE WHEN i % 2 = 0 THEN 'east' ELSE 'west' END, 100 FROM generate_series(1, 4) i;
SELECT relation, rows, note FROM dcx_attach_wallet('test.w', 'org');
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgname ~ 'dcx' ORDER BY 1, 2;
SELECT organisation, amount, balance FROM dcx_wallet_debit('ABCDEF00-0000-0000-0000-000000000002', 30, 'k');
SELECT organisation, replayed FROM dcx_wallet_debit('abcdef00-0000-0000-0000-000000000002', 30, 'k');
UPDATE test.w SET region = 'west', balance = balance + 1 WHERE region = 'east';
TRUNCATE test.w_west;
SELECT organisation, kind, amount, balance, details FROM dcx.wallet_entry ORDER BY entry_id;
SELECT count(*) FROM dcx_wallet_audit();
ROLLBACK;
BEGIN;
ALTER TABLE "OrganisationWallet" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "OrganisationWallet" FORCE ROW LEVEL SECURITY;
SELECT balance FROM dcx_wallet_debit('org-acme', 1, 'forced');
UPDATE "OrganisationWallet" SET balance = balance + 1 WHERE "organisationId" = 'org-acme';
SELECT * FROM dcx_wallet_audit();
ROLLBACK;
SELECT * FROM dcx_wallet_audit();
SET client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
UPDATE "OrganisationWallet" SET balance = v.balance FROM (VALUES ('org-acme', 1000), ('org-zero', 0), ('org-negative', -50.25), ('org-hooli', 250000)) v (org, balance)
 WHERE "organisationId" = v.org;
