-- The same where a row per wallet has what is held, and a table has the keys of entries and holds alike.
WITH account AS (
    UPDATE by_hand_account.account SET balance = balance - :amount
    WHERE organisation = :org AND balance - held >= :amount AND next_expiry > clock_timestamp()
        AND NOT EXISTS (SELECT FROM by_hand_account.key WHERE organisation = :org AND idempotency_key = :key)
    RETURNING organisation, balance, balance - held AS available),
wallet AS (
    UPDATE by_hand_account."OrganisationWallet" w SET balance = account.balance
    FROM account WHERE "organisationId" = account.organisation),
entry AS (
    INSERT INTO by_hand_account.ledger
        (organisation, kind, amount, balance, available, idempotency_key, description, details, role)
    SELECT organisation, 'debit', -(:amount)::numeric, balance, available, :key, 'VM web-1', '{"vm": "web-1"}',
        session_user
    FROM account
    RETURNING entry_id, organisation, amount, balance, available),
key AS (
    INSERT INTO by_hand_account.key (organisation, idempotency_key, entry_id)
    SELECT organisation, :key, entry_id FROM entry)
SELECT entry_id, organisation, amount, balance, available FROM entry;
