-- Holds: made, captured, released, extended, expired.
\c regress_dcx_main
SELECT relation, note FROM dcx_attach_wallet();
SELECT amount FROM dcx_wallet_credit('org-zero', 100, 'deposit');

-- A hold stays in the balance and cannot be spent.
SELECT hold_id AS h1, amount, expires_at - now() BETWEEN interval '15 minutes' AND '16 minutes' AS soon, available, replayed FROM dcx_wallet_hold('org-zero', 80, 'h1') \gset
SELECT :'amount' AS amount, :'soon' AS soon, :'available' AS available, :'replayed' AS replayed;
SELECT dcx_wallet_balance('org-zero'), dcx_wallet_available('org-zero'), dcx_wallet_can_afford('org-zero', 20), dcx_wallet_can_afford('org-zero', 20.005);
SELECT * FROM test.failure($$SELECT dcx_wallet_hold('org-zero', 20.01, 'h2')$$) \gx
SELECT hold_id = :h1 AS same, amount, available, replayed FROM dcx_wallet_hold('org-zero', 80.0, 'h1');
SELECT f.state, f.detail FROM unnest(ARRAY[$$80, 'h1', '15 min 1 s'$$, $$81, 'h1'$$, $$80, 'h1', description => 'x'$$, $$80, 'deposit'$$]) a,
    LATERAL test.failure(format('SELECT dcx_wallet_hold(%L, %s)', 'org-zero', a)) f;
SELECT f.state, f.message FROM unnest('{0,-1 second,infinity,1000000 years}'::text[]) i,
    LATERAL test.failure(format($$SELECT dcx_wallet_hold('org-zero', 1, 'i', %L)$$, i)) f WHERE i <> 'infinity';
SELECT state, message FROM test.failure($$SELECT dcx_wallet_hold('org-zero', 1, 'i', NULL)$$);

-- Captured in part, the rest is free; the same again is the same answer; anything else is refused.
SELECT state, message, detail FROM test.failure(format('SELECT dcx_wallet_capture(%s, 80.01)', :h1));
SELECT amount, balance, available, replayed FROM dcx_wallet_capture(:h1, 30);
SELECT amount, balance, available, replayed FROM dcx_wallet_capture(:h1, 30.00);
SELECT f.state, f.message, regexp_replace(f.detail, 'since .*', 'since ...') AS detail FROM unnest(ARRAY[
    'capture(%s)', 'capture(%s, 31)', 'release(%s)', $$extend(%s, '1 hour')$$]) call, LATERAL test.failure(format('SELECT dcx_wallet_' || call, :h1)) f;
SELECT kind, amount, balance, hold_id = :h1 AS of_the_hold, idempotency_key FROM dcx_wallet_statement('org-zero') OFFSET 2;
-- In full.
SELECT hold_id AS h2 FROM dcx_wallet_hold('org-zero', 10, 'h2', description => 'whole', details => '{"vm": 1}') \gset
SELECT amount, balance, available, replayed FROM dcx_wallet_capture(:h2);
SELECT amount, replayed FROM dcx_wallet_capture(:h2, 10);
SELECT amount, replayed FROM dcx_wallet_capture(:h2);
SELECT description, details FROM dcx_wallet_statement('org-zero') WHERE hold_id = :h2;
-- Released; the first answer again although more is available by then.
SELECT hold_id AS h3 FROM dcx_wallet_hold('org-zero', 60, 'h3') \gset
SELECT hold_id = :h3 AS same, amount, available, replayed FROM dcx_wallet_release(:h3);
SELECT amount FROM dcx_wallet_credit('org-zero', 1, 'more');
SELECT hold_id = :h3 AS same, amount, available, replayed FROM dcx_wallet_release(:h3);
SELECT f.state, regexp_replace(f.detail, 'since .*', 'since ...') AS detail FROM unnest(ARRAY['capture(%s)', $$extend(%s, '1 hour')$$]) call,
    LATERAL test.failure(format('SELECT dcx_wallet_' || call, :h3)) f;
-- Its key is used up.
SELECT hold_id = :h3 AS same, available, replayed FROM dcx_wallet_hold('org-zero', 60, 'h3');
-- Extended from now, never shortened.
SELECT hold_id AS h4, expires_at AS e4 FROM dcx_wallet_hold('org-zero', 5, 'h4') \gset
SELECT expires_at > :'e4' AS later, expires_at - now() BETWEEN interval '60 minutes' AND '61 minutes' AS hour, amount, available, replayed FROM dcx_wallet_extend(:h4, '1 hour');
SELECT expires_at - now() BETWEEN interval '59 minutes' AND '61 minutes' AS hour, replayed FROM dcx_wallet_extend(:h4, '1 minute');
SELECT expires_at = :'e4' AS as_answered_first, replayed FROM dcx_wallet_hold('org-zero', 5, 'h4');
SELECT f.state, f.message FROM unnest(ARRAY['capture(0)', 'release(-1)', $$extend(4711, '1 hour')$$, 'capture(NULL)', 'release(NULL)', $$extend(NULL, '1 hour')$$,
    'capture(1, 0)', 'capture(1, 0.001)', $$capture(1, 'NaN')$$, $$extend(1, '0')$$, 'extend(1, NULL)']) call, LATERAL test.failure('SELECT dcx_wallet_' || call) f;

-- Expired between two statements of one transaction, by the clock, with nobody to free it.
CREATE PROCEDURE test.wait_until(at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    WHILE clock_timestamp() <= at LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT dcx_wallet_available('org-zero') AS before;
BEGIN;
SELECT hold_id AS h5, expires_at AS e5, available FROM dcx_wallet_hold('org-zero', 50, 'h5', '300 milliseconds') \gset
SELECT hold_id AS h6, available AS a6 FROM dcx_wallet_hold('org-zero', 1, 'h6', '1 hour') \gset
SELECT :'available' AS available, :'a6' AS and_then;
CALL test.wait_until(:'e5');
SELECT dcx_wallet_available('org-zero'), dcx_wallet_can_afford('org-zero', 50), dcx_wallet_can_afford('org-zero', 55.01);
SELECT f.state, regexp_replace(f.detail, 'since .*', 'since ...') AS detail FROM unnest(ARRAY['capture(%s)', 'release(%s)', $$extend(%s, '1 hour')$$]) call,
    LATERAL test.failure(format('SELECT dcx_wallet_' || call, :h5)) f;
SELECT amount, available FROM dcx_wallet_hold('org-zero', 50, 'h7');
SELECT state FROM test.failure(format('SELECT dcx_wallet_capture(%s)', :h5));
SELECT amount, available, replayed FROM dcx_wallet_hold('org-zero', 50, 'h5', '300 milliseconds');
SELECT held, next_expiry > now() AS later, expired_until >= :'e5' AS moved_on FROM dcx.wallet_account WHERE organisation = 'org-zero';
SELECT * FROM dcx_wallet_audit();
-- Where the clock goes back, what has expired stays expired.
UPDATE dcx.wallet_account SET expired_until = now() + interval '1 day' WHERE organisation = 'org-zero';
SELECT state, regexp_replace(detail, 'since .*', 'since ...') AS detail FROM test.failure(format('SELECT dcx_wallet_capture(%s)', :h6));
ROLLBACK;

-- Lists.
SELECT h.idempotency_key, h.amount, h.state, h.captured, h.entry_id IS NOT NULL AS entry, h.resolved_at IS NOT NULL AS resolved, h.description
  FROM dcx_wallet_holds('org-zero', NULL) h;
SELECT idempotency_key FROM dcx_wallet_holds('org-zero');
SELECT state, string_agg(h.idempotency_key, ' ' ORDER BY h.hold_id) FROM unnest('{open,captured,released,expired}'::text[]) s (state), LATERAL dcx_wallet_holds('org-zero', s.state) h (hold_id, o, a, st, ha, ea, ra, c, e, d, idempotency_key) GROUP BY 1 ORDER BY 1;
SELECT * FROM test.failure($$SELECT * FROM dcx_wallet_holds('org-zero', 'lost')$$) \gx
SELECT count(*) FROM dcx_wallet_holds(NULL);
SELECT * FROM test.failure($$UPDATE dcx.wallet_hold SET state = 'open' WHERE state = 'released'$$);

-- The platform takes what was held: a capture is for money that is there.
BEGIN;
UPDATE "OrganisationWallet" SET balance = 3 WHERE "organisationId" = 'org-zero';
SELECT dcx_wallet_available('org-zero');
SELECT state, detail FROM test.failure(format('SELECT dcx_wallet_capture(%s)', :h4));
SELECT amount, balance, available FROM dcx_wallet_capture(:h4, 3);
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Held and captured, released or extended in one statement: its snapshot does not show the hold.
BEGIN;
SELECT c.amount, c.balance, c.available FROM dcx_wallet_hold('org-zero', 2, 'at once') h, LATERAL dcx_wallet_capture(h.hold_id) c;
SELECT r.amount, r.available FROM dcx_wallet_hold('org-zero', 2, 'not at all') h, LATERAL dcx_wallet_release(h.hold_id) r;
SELECT e.amount, e.available FROM dcx_wallet_hold('org-zero', 2, 'longer') h, LATERAL dcx_wallet_extend(h.hold_id, '1 day') e;
SELECT * FROM dcx_wallet_audit();
ROLLBACK;

-- Rolled back to a savepoint, neither hold nor key is left, and the money is free.
BEGIN;
SAVEPOINT s;
SELECT available FROM dcx_wallet_hold('org-zero', 20, 'later');
ROLLBACK TO s;
SELECT dcx_wallet_available('org-zero');
DO $$
BEGIN
    PERFORM dcx_wallet_hold('org-zero', 20, 'later');
    RAISE 'the order failed';
EXCEPTION WHEN raise_exception THEN
    NULL;
END $$;
SELECT dcx_wallet_available('org-zero');
SELECT available, replayed FROM dcx_wallet_hold('org-zero', 21, 'later');
ROLLBACK;
SELECT * FROM dcx_wallet_audit();
SET client_min_messages = warning;
DROP SCHEMA dcx CASCADE;
UPDATE "OrganisationWallet" SET balance = 0 WHERE "organisationId" = 'org-zero';
