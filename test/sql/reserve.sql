-- An order: priced, rounded once, held, and proved afterwards.
\c regress_dcx_main
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price double precision);
INSERT INTO aas.products VALUES
    ('CPU_1GHZ', 'vCPU - "1GHz"', 78), ('CPU_FREE', 'free', 0), ('RAM_GB', 'RAM', 37), ('RAM_FREE', 'free', 0),
    ('STORAGE_STANDARD', 'Standard Storage', 1.8), ('STORAGE_HALF', 'half a cent', 0.005), ('STORAGE_FREE', 'free', 0);
SELECT relation FROM dcx_attach_aas();
SELECT relation, note FROM dcx_attach_wallet();

SELECT hold_id AS vm, cost, available, replayed, expires_at - now() BETWEEN interval '15 minutes' AND '16 minutes' AS soon
  FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-1', max_cost => 376) \gset
SELECT :'cost' AS cost, :'available' AS available, :'replayed' AS replayed, :'soon' AS soon;
SELECT description, jsonb_pretty(quote #- '{read_at}' #- '{catalogs,aas,read_at}') AS quote, (quote->>'read_at')::timestamptz BETWEEN now() - interval '1 minute' AND clock_timestamp() AS read_just_now
  FROM dcx_wallet_holds('org-acme') \gx
SELECT * FROM dcx_hold_verify(:vm);

-- The first price again, although the catalog has moved; and no other request with that key.
UPDATE aas.products SET price = 40 WHERE code = 'RAM_GB';
SELECT hold_id = :vm AS same, cost, available, replayed FROM dcx_vm_reserve('org-acme', '1GHZ', 2.0, 4, 'STANDARD', 40, 'order-1', '15 min', 376.00);
SELECT f.state, f.detail FROM unnest(ARRAY[
    $$'1GHZ', 2, 4, 'STANDARD', 41, 'order-1', max_cost => 376$$, $$'1GHZ', 2, 4, 'STANDARD', 40, 'order-1'$$,
    $$'1GHZ', 2, 4, 'STANDARD', 40, 'order-1', '1 hour', 376$$]) a, LATERAL test.failure(format($$SELECT dcx_vm_reserve('org-acme', %s)$$, a)) f;
SELECT state, detail FROM test.failure($$SELECT dcx_wallet_hold('org-acme', 376, 'order-1')$$);
-- The quote in the hold is what was captured, whatever prices are now.
SELECT bool_and(ok) FROM dcx_hold_verify(:vm);
SELECT amount, balance FROM dcx_wallet_capture(:vm);
SELECT bool_and(ok) FROM dcx_hold_verify(:vm);
SELECT kind, amount, description FROM dcx_wallet_statement('org-acme') WHERE hold_id = :vm;

-- Dearer than the customer saw: nothing is held, and the key is free.
SELECT * FROM test.failure($$SELECT dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-2', max_cost => 387.99)$$) \gx
SELECT count(*) FROM dcx_wallet_holds('org-acme');
SELECT cost, available, replayed FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-2', max_cost => 388);
SELECT * FROM test.failure($$SELECT dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-3')$$) \gx

-- With refusals, these two answers are rows: nothing is held, and the key is free, also for another request.
SELECT * FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-4', max_cost => 387.99, refusals => true);
SELECT * FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-4', refusals => true);
SELECT * FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-4', '15 minutes', 388, true);
-- Too dear and too much at once is too dear, as the error is.
SELECT state FROM test.failure($$SELECT dcx_vm_reserve('org-acme', '1GHZ', 20, 4, 'STANDARD', 40, 'order-4', max_cost => 1)$$);
SELECT cost, available, refused FROM dcx_vm_reserve('org-acme', '1GHZ', 20, 4, 'STANDARD', 40, 'order-4', max_cost => 1, refusals => true);
SELECT count(*) AS holds, (SELECT count(*) FROM dcx.wallet_key WHERE idempotency_key = 'order-4') AS keys FROM dcx_wallet_holds('org-acme', NULL) WHERE idempotency_key = 'order-4';
SELECT available - dcx_wallet_available('org-acme') AS difference FROM dcx_vm_reserve('org-acme', '1GHZ', 20, 4, 'STANDARD', 40, 'order-4', refusals => true);
-- Held, refused is NULL. The same request again, with refusals or without, gets the first answer.
BEGIN;
SELECT cost, available, replayed, refused FROM dcx_vm_reserve('org-acme', '1GHZ', 1, 1, 'STANDARD', 10, 'order-4', max_cost => 1000, refusals => true);
SELECT cost, available, replayed, refused FROM dcx_vm_reserve('org-acme', '1GHZ', 1, 1, 'STANDARD', 10, 'order-4', max_cost => 1000);
UPDATE aas.products SET price = 4000 WHERE code = 'RAM_GB';
SELECT cost, available, replayed, refused FROM dcx_vm_reserve('org-acme', '1GHZ', 1, 1, 'STANDARD', 10, 'order-4', max_cost => 1000, refusals => true);
SELECT state, detail FROM test.failure($$SELECT dcx_vm_reserve('org-acme', '1GHZ', 1, 1, 'STANDARD', 10, 'order-4', max_cost => 999, refusals => true)$$);
SELECT * FROM dcx_wallet_audit();
ROLLBACK;
-- A refusal writes nothing, and what goes on in the transaction is kept. What has expired is available.
BEGIN;
SELECT amount, available FROM dcx_wallet_hold('org-acme', 236, 'gone', '100 milliseconds');
DO $$BEGIN WHILE clock_timestamp() <= (SELECT expires_at FROM dcx_wallet_holds('org-acme', NULL) WHERE idempotency_key = 'gone') LOOP PERFORM pg_sleep(0.01); END LOOP; END$$;
SELECT available, refused FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'late', refusals => true);
SELECT amount, available FROM dcx_wallet_hold('org-acme', 236, 'late');
SELECT * FROM dcx_wallet_audit();
ROLLBACK;
-- Everything else is an error as before, and so is a NULL.
SELECT f.state, f.message FROM unnest(ARRAY[
    $$'org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-1', refusals => true$$, $$'nobody', '1GHZ', 2, 4, 'STANDARD', 40, 'k', refusals => true$$,
    $$'org-acme', '3GHZ', 2, 4, 'STANDARD', 40, 'k', refusals => true$$, $$'org-acme', 'FREE', 1, 0, 'FREE', 1, 'k', refusals => true$$,
    $$'org-acme', 'FREE', 1, 1, 'HALF', 1, 'k', max_cost => 'NaN', refusals => true$$, $$'org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'k', refusals => NULL$$,
    $$'org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'k', NULL, NULL, true$$, $$'org-acme', '1GHZ', 20, 4, 'STANDARD', 40, 'k', refusals => false$$]) WITH ORDINALITY a (arguments, n),
    LATERAL test.failure(format('SELECT dcx_vm_reserve(%s)', arguments)) f ORDER BY n;
-- A refusal is about a balance that can be read: one that is not a number, or not the ledger's, is still an error.
BEGIN;
ALTER TABLE "OrganisationWallet" DISABLE TRIGGER ALL;
UPDATE "OrganisationWallet" SET balance = 1 WHERE "organisationId" = 'org-acme';
SELECT state FROM test.failure($$SELECT dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'k', refusals => true)$$);
UPDATE "OrganisationWallet" SET balance = 'NaN' WHERE "organisationId" = 'org-acme';
SELECT state FROM test.failure($$SELECT dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'k', refusals => true)$$);
ROLLBACK;
BEGIN READ ONLY;
SELECT state FROM test.failure($$SELECT dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'k', refusals => true)$$);
ROLLBACK;

-- Rounded once, the sum, half a cent away from zero; and can_afford asks the same question.
SELECT cost FROM dcx_vm_reserve('org-hooli', '1GHZ', 1, 1, 'HALF', 1, 'half');
SELECT * FROM dcx_hold_verify((SELECT max(hold_id) FROM dcx_wallet_holds('org-hooli')));
SELECT cost, dcx_vm_cost('1GHZ', 1, 1, 'HALF', 0.999) FROM dcx_vm_reserve('org-hooli', '1GHZ', 1, 1, 'HALF', 0.999, 'less');
BEGIN;
UPDATE "OrganisationWallet" SET balance = v.balance FROM (VALUES ('org-vandelay', 118.00), ('org-wonka', 118.01)) v (org, balance) WHERE "organisationId" = v.org;
SELECT org, dcx_wallet_can_afford(org, dcx_vm_cost('1GHZ', 1, 1, 'HALF', 1)) AS can,
       (SELECT state FROM test.failure(format($$SELECT dcx_vm_reserve(%L, '1GHZ', 1, 1, 'HALF', 1, 'x')$$, org))) AS reserved
  FROM unnest('{org-vandelay,org-wonka,org-negative}'::text[]) org;
UPDATE aas.products SET price = 0 WHERE code = 'RAM_GB';
SELECT org, dcx_wallet_can_afford(org, dcx_vm_cost('FREE', 1, 1, 'FREE', 1)) AS can,
       (SELECT state FROM test.failure(format($$SELECT dcx_vm_reserve(%L, 'FREE', 1, 1, 'FREE', 1, 'free')$$, org))) AS reserved
  FROM unnest('{org-zero,org-negative}'::text[]) org;
-- Nothing is held for nothing: prices of 0 add up to 0.00, or what there is rounds to it. The key is free, the quote can be had.
SELECT * FROM test.failure($$SELECT dcx_vm_reserve('org-acme', 'FREE', 1, 1, 'FREE', 1, 'nothing')$$) \gx
SELECT * FROM test.failure($$SELECT dcx_vm_reserve('org-acme', 'FREE', 1, 1, 'HALF', 0.99, 'nothing', max_cost => 0)$$) \gx
SELECT * FROM test.failure($$SELECT dcx_order_reserve('org-acme', '[{"product": "RAM_GB", "quantity": 0}, {"product": "STORAGE_HALF", "quantity": 0.1}]', 'nothing')$$) \gx
SELECT dcx_vm_cost('FREE', 1, 1, 'HALF', 0.99), (SELECT sum(amount) FROM dcx_order_quote('[{"product": "RAM_GB", "quantity": 0}]'));
SELECT cost, replayed FROM dcx_vm_reserve('org-acme', 'FREE', 1, 1, 'HALF', 1, 'nothing');
-- A hold of 0.00 that an earlier version made is answered again, and released, but nothing is captured of it.
UPDATE dcx.wallet_hold SET amount = 0, quote = jsonb_set(quote, '{specification,gb}', '0') WHERE idempotency_key = 'nothing' RETURNING hold_id AS free \gset
UPDATE dcx.wallet_account SET held = held - 0.01 WHERE organisation = 'org-acme';
SELECT cost, replayed FROM dcx_vm_reserve('org-acme', 'FREE', 1, 1, 'HALF', 0, 'nothing');
SELECT state, regexp_replace(message, '\d+', 'N') AS message, detail, regexp_replace(hint, '\d+', 'N') AS hint FROM test.failure(format('SELECT dcx_wallet_capture(%s)', :free)) \gx
SELECT amount FROM dcx_wallet_release(:free);
SELECT amount FROM dcx.wallet_entry WHERE amount = 0 AND kind <> 'opening';
ROLLBACK;

-- Arguments.
SELECT f.state, f.message FROM unnest(ARRAY[
    $$NULL, '1GHZ', 2, 4, 'STANDARD', 40, 'k'$$, $$'org-acme', NULL, 2, 4, 'STANDARD', 40, 'k'$$, $$'org-acme', '1GHZ', NULL, 4, 'STANDARD', 40, 'k'$$,
    $$'org-acme', '1GHZ', 2, 4, 'STANDARD', NULL, 'k'$$, $$'org-acme', '1GHZ', 2, 4, 'STANDARD', 40, NULL$$, $$'org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'k', NULL$$,
    $$'org-acme', '1GHZ', 2.5, 4, 'STANDARD', 40, 'k'$$, $$'org-acme', '1GHZ', 2, 'NaN', 'STANDARD', 40, 'k'$$, $$'org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'k', max_cost => 'NaN'$$,
    $$'org-acme', '3GHZ', 2, 4, 'STANDARD', 40, 'k'$$, $$'nobody', '1GHZ', 2, 4, 'STANDARD', 40, 'k'$$]) a, LATERAL test.failure(format('SELECT dcx_vm_reserve(%s)', a)) f;

-- A quote that was changed afterwards does not recompute.
BEGIN;
UPDATE dcx.wallet_hold SET quote = jsonb_set(quote, '{lines,0,unit_price}', '77') WHERE idempotency_key = 'half';
SELECT * FROM dcx_hold_verify((SELECT hold_id FROM dcx.wallet_hold WHERE idempotency_key = 'half'));
SELECT organisation, regexp_replace(problem, '\d+', 'N') AS problem, expected, actual FROM dcx_wallet_audit();
UPDATE dcx.wallet_hold SET quote = quote - 'lines' WHERE idempotency_key = 'half';
SELECT organisation, regexp_replace(problem, '\d+', 'N') AS problem, expected, actual FROM dcx_wallet_audit();
ROLLBACK;
-- Nor does one that is damaged; then the audit has a row about it, and goes on, and the proof says what it can.
CREATE FUNCTION test.damaged(change text) RETURNS TABLE (problems text, proof text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('UPDATE dcx.wallet_hold SET quote = %s WHERE idempotency_key = %L', change, 'half');
    problems := (SELECT string_agg(concat_ws(', ', organisation, regexp_replace(problem, '\d+', 'N'), coalesce(expected::text, 'NULL'), actual), '; ') FROM dcx_wallet_audit());
    proof := (SELECT string_agg(concat_ws(' ', line, code, coalesce(recomputed::text, 'NULL'), ok), ', ' ORDER BY line)
                FROM dcx_hold_verify((SELECT hold_id FROM dcx.wallet_hold WHERE idempotency_key = 'half')));
    RAISE SQLSTATE 'DCX00' USING MESSAGE = problems, DETAIL = proof;
EXCEPTION WHEN SQLSTATE 'DCX00' THEN
    RETURN NEXT;
END $$;
SELECT change, damaged.* FROM unnest(ARRAY[
    $$quote - 'lines'$$, $$jsonb_set(quote, '{lines}', 'null')$$, $$jsonb_set(quote, '{lines}', '{}')$$, $$jsonb_set(quote, '{lines}', '5')$$, $$jsonb_set(quote, '{lines}', '[]')$$,
    $$jsonb_set(quote, '{lines}', '[1, null, "x", [], {}]')$$, $$jsonb_set(quote, '{lines,0}', '5')$$, $$quote #- '{lines,0,amount}'$$, $$jsonb_set(quote, '{lines,0,amount}', '"78"')$$,
    $$jsonb_set(quote, '{lines,0,quantity}', 'null')$$, $$jsonb_set(quote, '{lines,0,quantity}', '"NaN"')$$, $$jsonb_set(jsonb_set(quote, '{lines,0,quantity}', '1e100000'), '{lines,0,unit_price}', '1e100000')$$,
    $$'null'$$, $$'[]'$$, $$'5'$$, $$'"x"'$$]) change, LATERAL test.damaged(change) ORDER BY change;
DROP FUNCTION test.damaged;
SELECT hold_id AS plain FROM dcx_wallet_hold('org-hooli', 1, 'plain') \gset
SELECT * FROM dcx_hold_verify(:plain);
SELECT * FROM dcx_hold_verify(NULL);
SELECT state, message FROM test.failure('SELECT * FROM dcx_hold_verify(4711)');
SELECT * FROM dcx_wallet_audit();
SET client_min_messages = warning;
SELECT count(*) FROM dcx_detach('wallet');
UPDATE "OrganisationWallet" SET balance = 1000 WHERE "organisationId" = 'org-acme';
DROP SCHEMA dcx, aas CASCADE;
