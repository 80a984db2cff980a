-- A debit as an application would send it: one conditional UPDATE and one entry. A key that was used is seen by
-- the condition; two debits of one key at the same moment meet in the unique index, where the second fails.
WITH wallet AS (
    UPDATE by_hand."OrganisationWallet" SET balance = balance - :amount
    WHERE "organisationId" = :org AND balance >= :amount
        AND NOT EXISTS (SELECT FROM by_hand.ledger WHERE organisation = :org AND idempotency_key = :key)
    RETURNING balance)
INSERT INTO by_hand.ledger (organisation, kind, amount, balance, idempotency_key, description, details, role)
SELECT :org, 'debit', -(:amount)::numeric, balance, :key, 'VM web-1', '{"vm": "web-1"}', session_user FROM wallet
RETURNING entry_id, organisation, amount, balance;
