-- What a wallet holds, and what it can afford.
\c regress_dcx_main
SELECT * FROM test.failure($$SELECT dcx_wallet_balance('org-acme')$$) \gx
-- The name with or without quotes; otherwise the candidates.
SELECT * FROM dcx_attach_wallet();
SELECT relation FROM dcx_attach_wallet('OrganisationWallet');
SELECT relation FROM dcx_attach_wallet('public."OrganisationWallet"');
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_wallet('wallets')$$) \gx
SELECT message FROM unnest('{"\"OrganisationWallets\"",public.wallets,"\"public\".\"wallets\""}'::text[]) name, LATERAL test.failure(format('SELECT * FROM dcx_attach_wallet(%L)', name));
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_wallet('"Organisation"')$$) \gx
SELECT message, hint FROM test.failure($$SELECT * FROM dcx_attach_wallet('"OrganisationWallet"', '"organisationId"')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_wallet('"OrganisationWallet"', 'organisationId', 'currency')$$) \gx
SELECT * FROM test.failure($$SELECT * FROM dcx_attach_wallet('"OrganisationWallet"', 'createdAt')$$) \gx
SELECT catalog, part, relation, columns FROM dcx.binding;

SELECT id, dcx_wallet_balance(id) FROM "Organisation" WHERE id <> 'org-nowallet' ORDER BY id;
SELECT dcx_wallet_can_afford('org-initech', 376), dcx_wallet_can_afford('org-globex', 376),
       dcx_wallet_can_afford('org-zero', 0), dcx_wallet_can_afford('org-zero', 0.01),
       dcx_wallet_can_afford('org-negative', 0);
-- The cost is rounded to cents first, half away from zero, as it will be when it is paid.
SELECT c, dcx_wallet_can_afford('org-initech', c), dcx_wallet_can_afford('org-initech', c::float8)
  FROM unnest('{375.999, 376, 376.004, 376.00499999, 376.005, 376.01}'::numeric[]) c;
SELECT dcx_wallet_can_afford('org-initech', '376'), dcx_wallet_can_afford('org-initech', 376::bigint);
PREPARE untyped AS SELECT dcx_wallet_can_afford($1, $2);
EXECUTE untyped ('org-initech', 376);
SELECT dcx_wallet_balance(NULL), dcx_wallet_can_afford(NULL, 1), dcx_wallet_can_afford('org-acme', NULL::numeric);

-- Never false instead of an error.
SELECT f.* FROM (VALUES
    ($$dcx_wallet_balance('org-nowallet')$$),
    ($$dcx_wallet_can_afford('nobody', 0)$$),
    ($$dcx_wallet_can_afford('', 0)$$),
    ($$dcx_wallet_can_afford('org-acme', 'NaN'::numeric)$$),
    ($$dcx_wallet_can_afford('org-acme', 'NaN'::float8)$$),
    ($$dcx_wallet_can_afford('org-acme', '-infinity'::float8)$$),
    ($$dcx_wallet_can_afford('org-acme', 'infinity'::numeric)$$),
    ($$dcx_wallet_can_afford('org-acme', -0.01)$$)) v (call),
    LATERAL test.failure('SELECT ' || call) f;
SELECT * FROM test.failure($$SELECT dcx_wallet_balance('org-nowallet')$$) \gx
-- What cannot be reckoned with gets into a wallet only behind the ledger's back.
SELECT * FROM test.failure($$UPDATE "OrganisationWallet" SET balance = 'NaN' WHERE "organisationId" = 'org-acme'$$) \gx
BEGIN;
ALTER TABLE "OrganisationWallet" DISABLE TRIGGER ALL;
UPDATE "OrganisationWallet" SET balance = 'NaN' WHERE "organisationId" = 'org-acme';
UPDATE "OrganisationWallet" SET balance = 'infinity' WHERE "organisationId" = 'org-globex';
DROP INDEX "OrganisationWallet_organisationId_key";
ALTER TABLE "OrganisationWallet" ALTER balance DROP NOT NULL;
UPDATE "OrganisationWallet" SET balance = NULL WHERE "organisationId" = 'org-hooli';
INSERT INTO "OrganisationWallet" SELECT 'second', "organisationId", 1, currency, "createdAt", "updatedAt"
  FROM "OrganisationWallet" WHERE "organisationId" = 'org-initech';
SELECT f.* FROM unnest('{org-acme,org-globex,org-hooli,org-initech}'::text[]) org,
    LATERAL test.failure(format('SELECT dcx_wallet_can_afford(%L, 0)', org)) f \gx
ROLLBACK;

-- Under the statement's own snapshot, as any other read.
BEGIN;
UPDATE "OrganisationWallet" SET balance = 5 WHERE "organisationId" = 'org-acme';
SELECT dcx_wallet_balance('org-acme');
ROLLBACK;
SELECT dcx_wallet_balance('org-acme');

-- Every type of organisation and balance, by the index.
CREATE FUNCTION test.wallet_as(organisation text, balance text)
RETURNS TABLE(organisation_type text, balance_type text, held numeric, enough boolean, missing text, by_index boolean)
LANGUAGE plpgsql AS $$
DECLARE
    cast_of text := CASE organisation WHEN 'uuid' THEN $c$('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid$c$
                    ELSE 'i::text::' || organisation END;
    one text;
BEGIN
    EXECUTE format('CREATE TABLE test.w (org %s, balance %s)', organisation, balance);
    EXECUTE format('INSERT INTO test.w SELECT %s, i FROM generate_series(1, 5000) i', cast_of);
    CREATE UNIQUE INDEX w_org ON test.w (org);
    ANALYZE test.w;
    EXECUTE format('SELECT %s::text FROM (VALUES (4321)) v (i)', cast_of) INTO one;
    PERFORM * FROM dcx_attach_wallet('test.w', 'org');
    organisation_type := organisation;
    balance_type := balance;
    held := dcx_wallet_balance(one);
    enough := dcx_wallet_can_afford(one, 4321);
    BEGIN
        missing := dcx_wallet_balance(translate(one, '4321', '9999'));
    EXCEPTION WHEN OTHERS THEN
        missing := SQLSTATE;
    END;
    SELECT idx_scan > 0 INTO by_index FROM pg_stat_xact_user_tables WHERE relid = 'test.w'::regclass;
    RETURN NEXT;
    DROP TABLE test.w;
END $$;
SELECT count(*) FROM dcx_detach('wallet');
SELECT w.* FROM (VALUES ('text', 'double precision'), ('varchar(30)', 'numeric(12,2)'), ('char(10)', 'integer'), ('uuid', 'numeric'),
    ('smallint', 'smallint'), ('integer', 'real'), ('bigint', 'bigint')) v (o, b), LATERAL test.wallet_as(o, b) w;
SELECT object ~ '^binding of relation \d+ \(dropped\)$' AS gone FROM dcx_detach('wallet');
CREATE TABLE test.w (org uuid, balance money);
SELECT state, message, detail FROM test.failure($$SELECT * FROM dcx_attach_wallet('test.w', 'org')$$);
ALTER TABLE test.w ALTER balance TYPE numeric;
SELECT relation, rows, note FROM dcx_attach_wallet('test.w', 'org') WHERE relation <> 'dcx.wallet_entry';
SELECT state, message FROM test.failure($$SELECT dcx_wallet_balance('not a uuid')$$);
ALTER TABLE test.w RENAME balance TO amount;
SELECT state, message, detail FROM test.failure($$SELECT dcx_wallet_balance('00000000-0000-0000-0000-000000000001')$$);
DROP TABLE test.w;
SELECT * FROM test.failure($$SELECT dcx_wallet_balance('00000000-0000-0000-0000-000000000001')$$) \gx
SELECT count(*) FROM dcx_detach('wallet');
-- The next file starts with a ledger of its own.
SET client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
