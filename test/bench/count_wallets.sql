-- Wallets whose holds' time has passed when instructions are counted: what was held in organisations 20,001 to 20,400
-- was captured, in 30,001 to 30,400 it has expired. Others are measured without them, so they are no part of the 10,000.

\set ON_ERROR_STOP on

INSERT INTO "Organisation" (id, name, "updatedAt")
SELECT n, 'Organisation ' || n, now()
FROM generate_series(1, 400) i, LATERAL (VALUES (20000 + i), (30000 + i)) AS numbers (n);
INSERT INTO "OrganisationWallet" (id, "organisationId", balance, "updatedAt")
SELECT 'wallet-' || id, id, 250000, now() FROM "Organisation" WHERE name ~ '^Organisation [23]....$';

DO $$
BEGIN
    FOR i IN 1..400 LOOP
        PERFORM dcx_wallet_capture(hold_id) FROM dcx_wallet_hold((20000 + i)::text, 1, 'quiet', '5 seconds');
        PERFORM dcx_wallet_hold((30000 + i)::text, 1, 'expired', '5 seconds');
    END LOOP;
END $$;

-- Tables and indexes as they are after some use: right after they were filled their pages are full, and an index splits
-- one at nearly every entry.
DO $$
BEGIN
    FOR i IN 1..20000 LOOP
        PERFORM dcx_wallet_debit((2001 + i % 8000)::text, 1, 'use ' || i);
        WITH wallet AS (
            UPDATE by_hand."OrganisationWallet" SET balance = balance - 1 WHERE "organisationId" = (2001 + i % 8000)::text
            RETURNING "organisationId" AS organisation, balance)
        INSERT INTO by_hand.ledger (organisation, kind, amount, balance, idempotency_key, role)
        SELECT organisation, 'debit', -1, balance, 'use ' || i, session_user FROM wallet;
    END LOOP;
END $$;
VACUUM ANALYZE;
