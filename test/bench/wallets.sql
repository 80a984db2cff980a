-- The database in which money moves. The platform's tables are in it three times: in public the wallets are
-- attached; in by_hand and by_hand_account money moves by SQL that an application would send, which is in
-- debit_by_hand.sql and debit_by_hand_account.sql.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE SCHEMA by_hand;
CREATE SCHEMA by_hand_account;
\ir ../fixtures/main.sql
SET search_path = by_hand;
\ir ../fixtures/main.sql
SET search_path = by_hand_account;
\ir ../fixtures/main.sql
RESET search_path;

-- By hand, a good engineer has the balance in decimals.
ALTER TABLE by_hand."OrganisationWallet" ALTER balance TYPE numeric;
ALTER TABLE by_hand_account."OrganisationWallet" ALTER balance TYPE numeric;

-- Organisations 1 to 10,000 are for the many wallets, the next three for one at a time. Numbers, which pgbench can
-- draw. Each has money for all its debits, and an amount as it occurs: of more than 999,999,999 rand in double
-- precision, converting the balance takes another way.
CREATE PROCEDURE add_wallets(schema text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('search_path', schema, true);
    CREATE TEMP TABLE added ON COMMIT DROP AS
    SELECT n::text AS id FROM generate_series(1, 10003) n;
    INSERT INTO "Organisation" (id, name, "updatedAt") SELECT id, 'Organisation ' || id, now() FROM added;
    INSERT INTO "OrganisationWallet" (id, "organisationId", balance, "updatedAt")
    SELECT 'wallet-' || id, id, CASE WHEN id::integer <= 10000 THEN 250000 ELSE 100000000 END, now() FROM added;
END $$;
CALL add_wallets('public');
CALL add_wallets('by_hand');
CALL add_wallets('by_hand_account');

-- --------------------------------------------------------------------------------------------------
-- By hand
-- --------------------------------------------------------------------------------------------------

CREATE TABLE by_hand.ledger (
    entry_id bigint GENERATED ALWAYS AS IDENTITY,
    organisation text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL,
    amount numeric NOT NULL,
    balance numeric NOT NULL,
    idempotency_key text NOT NULL,
    description text,
    details jsonb,
    role text NOT NULL,
    PRIMARY KEY (organisation, entry_id),
    UNIQUE (organisation, idempotency_key));

CREATE TABLE by_hand_account.ledger (
    entry_id bigint GENERATED ALWAYS AS IDENTITY,
    organisation text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind text NOT NULL,
    amount numeric NOT NULL,
    balance numeric NOT NULL,
    available numeric NOT NULL,
    idempotency_key text NOT NULL,
    description text,
    details jsonb,
    role text NOT NULL,
    PRIMARY KEY (organisation, entry_id));

CREATE TABLE by_hand_account.account (
    organisation text PRIMARY KEY,
    balance numeric NOT NULL,
    held numeric NOT NULL DEFAULT 0,
    next_expiry timestamptz NOT NULL DEFAULT 'infinity')
WITH (fillfactor = 50);

CREATE TABLE by_hand_account.key (
    organisation text NOT NULL,
    idempotency_key text NOT NULL,
    entry_id bigint,
    hold_id bigint,
    PRIMARY KEY (organisation, idempotency_key));

-- An opening entry each, as attached wallets have; and so that no plan is made for an empty table.
INSERT INTO by_hand.ledger (organisation, kind, amount, balance, idempotency_key, role)
SELECT "organisationId", 'opening', balance, balance, 'opening', session_user FROM by_hand."OrganisationWallet";
INSERT INTO by_hand_account.ledger (organisation, kind, amount, balance, available, idempotency_key, role)
SELECT "organisationId", 'opening', balance, balance, balance, 'opening', session_user
FROM by_hand_account."OrganisationWallet";
INSERT INTO by_hand_account.key SELECT organisation, idempotency_key, entry_id FROM by_hand_account.ledger;
INSERT INTO by_hand_account.account (organisation, balance) SELECT organisation, balance FROM by_hand_account.ledger;

-- A peer that moved too much would be none: the first of these debits moves money, its repetition does not, nor does
-- one that is beyond the balance.
\set org '\'org-acme\''
\set amount 300
\set key '\'first\''
\ir debit_by_hand.sql
\ir debit_by_hand.sql
\ir debit_by_hand_account.sql
\ir debit_by_hand_account.sql
\set amount 700.01
\set key '\'second\''
\ir debit_by_hand.sql
\ir debit_by_hand_account.sql
DO $$
DECLARE
    moved text := '-300 700 first';
BEGIN
    ASSERT moved = (SELECT string_agg(concat_ws(' ', amount, balance, idempotency_key), ', ')
                    FROM by_hand.ledger WHERE kind = 'debit');
    ASSERT 700 = (SELECT balance FROM by_hand."OrganisationWallet" WHERE "organisationId" = 'org-acme');
    ASSERT moved = (SELECT string_agg(concat_ws(' ', amount, balance, idempotency_key), ', ')
                    FROM by_hand_account.ledger WHERE kind = 'debit');
    ASSERT 700 = (SELECT balance FROM by_hand_account."OrganisationWallet" WHERE "organisationId" = 'org-acme');
    ASSERT 700 = (SELECT balance FROM by_hand_account.account WHERE organisation = 'org-acme');
    ASSERT 'first' = (SELECT string_agg(idempotency_key, ', ')
                      FROM by_hand_account.key WHERE idempotency_key <> 'opening');
END $$;

-- --------------------------------------------------------------------------------------------------
-- Attached
-- --------------------------------------------------------------------------------------------------

CREATE EXTENSION dcx_pricing;
SELECT FROM dcx_attach_wallet();

-- A hold each, likewise.
SELECT FROM "OrganisationWallet", dcx_wallet_hold("organisationId", 1, 'first') WHERE balance >= 1;
SELECT FROM dcx.wallet_hold, dcx_wallet_release(hold_id);

-- The role of the application: its rights on tables for the one, on functions for the other.
CREATE ROLE bench_app LOGIN;
GRANT SELECT ON "OrganisationWallet" TO bench_app;
GRANT EXECUTE ON FUNCTION dcx_wallet_debit, dcx_wallet_hold, dcx_wallet_capture(bigint, numeric) TO bench_app;
GRANT USAGE ON SCHEMA by_hand, by_hand_account TO bench_app;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA by_hand, by_hand_account TO bench_app;

CREATE VIEW sums AS
SELECT w.balance AS wallet, w.balance AS account,
    (SELECT sum(amount) FROM by_hand.ledger WHERE organisation = "organisationId") AS ledger
FROM by_hand."OrganisationWallet" w
UNION ALL
SELECT w.balance, (SELECT balance FROM by_hand_account.account WHERE organisation = "organisationId"),
    (SELECT sum(amount) FROM by_hand_account.ledger WHERE organisation = "organisationId")
FROM by_hand_account."OrganisationWallet" w
UNION ALL
SELECT w.balance::numeric, (SELECT balance FROM dcx.wallet_account WHERE organisation = "organisationId"),
    (SELECT sum(amount) FROM dcx.wallet_entry WHERE organisation = "organisationId")
FROM "OrganisationWallet" w;

-- As many as pgbench says it has had: a turn in which nothing moves would be a quick one. By hand there is one
-- debit from above. And every balance is what has moved.
CREATE PROCEDURE check_moved(by_hand bigint, by_hand_account bigint, debits bigint, captures bigint)
LANGUAGE plpgsql AS $$
BEGIN
    ASSERT by_hand = (SELECT count(*) - 1 FROM by_hand.ledger WHERE kind = 'debit'), 'by hand';
    ASSERT by_hand_account = (SELECT count(*) - 1 FROM by_hand_account.ledger WHERE kind = 'debit'), 'with an account';
    ASSERT debits = (SELECT count(*) FROM dcx.wallet_entry WHERE kind = 'debit'), 'debits';
    ASSERT captures = (SELECT count(*) FROM dcx.wallet_entry WHERE kind = 'capture'), 'captures';
    ASSERT NOT EXISTS (SELECT FROM sums WHERE wallet <> ledger OR wallet <> account), 'balances';
END $$;

-- --------------------------------------------------------------------------------------------------
-- A wallet with a long history: as many entries and open holds, for cents that come and go
-- --------------------------------------------------------------------------------------------------

CREATE PROCEDURE make_history(owner text, size integer) LANGUAGE plpgsql AS $$
DECLARE
    start numeric := (SELECT balance FROM dcx.wallet_account WHERE organisation = owner);
BEGIN
    INSERT INTO dcx.wallet_entry
        (organisation, kind, amount, balance, available, idempotency_key, role, session_role)
    SELECT owner, CASE odd WHEN 1 THEN 'credit' ELSE 'debit' END, 0.01 * (2 * odd - 1), start + 0.01 * odd,
        start + 0.01 * odd, 'entry-' || n, current_user, session_user
    FROM generate_series(1, size) n, LATERAL (SELECT n % 2) AS parity (odd);

    INSERT INTO dcx.wallet_hold
        (organisation, amount, held_at, expires_in, first_expires_at, expires_at, available, idempotency_key,
        role, session_role)
    SELECT owner, 0.01, at, '1 day', at + interval '1 day', at + interval '1 day', start - 0.01 * n, 'hold-' || n,
        current_user, session_user
    FROM generate_series(1, size) n, LATERAL (SELECT now() + (n - size) * interval '1 ms') AS time (at);

    INSERT INTO dcx.wallet_key (organisation, idempotency_key, entry_id)
    SELECT organisation, idempotency_key, entry_id
    FROM dcx.wallet_entry WHERE organisation = owner AND idempotency_key LIKE 'entry-%';
    INSERT INTO dcx.wallet_key (organisation, idempotency_key, hold_id)
    SELECT organisation, idempotency_key, hold_id
    FROM dcx.wallet_hold WHERE organisation = owner AND idempotency_key LIKE 'hold-%';

    UPDATE dcx.wallet_account a
    SET held = 0.01 * size,
        next_expiry = (SELECT min(expires_at) FROM dcx.wallet_hold WHERE organisation = owner AND state = 'open')
    WHERE a.organisation = owner;
END $$;

-- All its holds have expired by now, and nobody has noticed yet.
CREATE PROCEDURE expire_history(owner text) LANGUAGE sql AS $$
    UPDATE dcx.wallet_hold SET expires_at = held_at WHERE organisation = owner AND state = 'open';
    UPDATE dcx.wallet_account a
    SET next_expiry = (SELECT min(expires_at) FROM dcx.wallet_hold WHERE organisation = owner AND state = 'open')
    WHERE a.organisation = owner;
$$;

-- --------------------------------------------------------------------------------------------------

VACUUM ANALYZE;
