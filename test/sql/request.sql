-- Which requests are the same: the same answer again; and what an error says of those that are not.
\c regress_dcx_main
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price double precision);
INSERT INTO aas.products VALUES ('CPU_1GHZ', 'vCPU', 78), ('RAM_GB', 'RAM', 37), ('STORAGE_STANDARD', 'Storage', 1.8), ('BACKUP_GB', 'Backup', 0.5);
SELECT relation FROM dcx_attach_aas();
SELECT relation, note FROM dcx_attach_wallet();
-- What becomes of a call: carried out, replayed, or refused.
CREATE FUNCTION test.becomes(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    again boolean;
    why text;
BEGIN
    EXECUTE 'SELECT replayed FROM ' || call INTO again;
    RETURN CASE WHEN again THEN 'the same' ELSE 'carried out' END;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS why = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ': ' || regexp_replace(why, '(hold|Hold|Entry) \d+', '\1 N');
END $$;
-- A request and another one with its key.
CREATE FUNCTION test.again(first text, second text, key text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    key := quote_literal(coalesce(key, nextval('test.key')::text));
    EXECUTE 'SELECT ' || replace(first, 'KEY', key);
    RETURN test.becomes(replace(second, 'KEY', key));
END $$;
CREATE SEQUENCE test.key;

-- Details are compared as jsonb.
CREATE FUNCTION test.details_again(was text, now text) RETURNS text LANGUAGE sql AS $$
    SELECT test.again(format('dcx_wallet_credit(%L, 1, KEY, details => %L)', 'org-acme', was), format('dcx_wallet_credit(%L, 1, KEY, details => %L)', 'org-acme', now))
$$;
SELECT was, now, test.details_again(was, now) FROM (VALUES
    ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'), ('{"a": 1.0}', '{"a": 1.00}'), ('{"a": [1, {"b": [2.50]}]}', '{"a": [1.0, {"b": [2.5]}]}'),
    ('{"a": 1e2}', '{"a": 100}'), ('{"a": -0}', '{"a": 0.0}'), ('{"a": 1, "a": 2}', '{"a": 2}'), ('{"a": "\u0041"}', '{"a": "A"}'),
    ('1.0', '1'), ('[]', '[]'), (NULL, 'null'), ('null', NULL), (NULL, NULL)) v (was, now);
SELECT was, now, test.details_again(was, now) FROM (VALUES
    (NULL, '{}'), ('{}', NULL), ('{}', '[]'), ('[]', '[null]'), ('{"a": null}', '{}'), ('[1, 2]', '[2, 1]'), ('[1]', '[[1]]'), ('1', '[1]'), ('"5"', '5'), ('true', '"true"'),
    ('null', '"null"'), (NULL, '""'), ('{"a": 0.1}', '{"a": 0.10000000000000001}'), ('{"a": "1.0"}', '{"a": "1.00"}'), ('{"a": "x"}', '{"a": "X"}'),
    ('{"a": "\u00e9"}', '{"a": "e\u0301"}'), ('{"a": 1}', '{"A": 1}')) v (was, now);
-- However large they are.
SELECT jsonb_agg(jsonb_build_object('n', n, 'text', repeat('x', 100)))::text AS large FROM generate_series(1, 10000) n \gset
SELECT length(:'large') > 1000000 AS large, test.details_again(:'large', replace(:'large', '"n": 10000', '"n": 1e4'));
SELECT left(answer, 50) AS answer, length(answer) < 1000 AS short FROM test.details_again(:'large', replace(:'large', '"n": 10000', '"n": 10001')) answer;
SELECT test.details_again(repeat('[', 1000) || '1.0' || repeat(']', 1000), repeat('[', 1000) || '1' || repeat(']', 1000));

-- The other arguments of a credit, a debit and a hold.
SELECT first, second, test.again(first, second) FROM (VALUES
    ($$dcx_wallet_credit('org-acme', 1, KEY, '')$$, $$dcx_wallet_credit('org-acme', 1.00, KEY, '')$$),
    ($$dcx_wallet_credit('org-acme', 1, KEY, '')$$, $$dcx_wallet_credit('org-acme', 1, KEY)$$),
    ($$dcx_wallet_credit('org-acme', 1, KEY)$$, $$dcx_wallet_credit('org-acme', 1, KEY, '')$$),
    ($$dcx_wallet_credit('org-acme', 1, KEY, 'a "b" \')$$, $$dcx_wallet_credit('org-acme', 1, KEY, 'a "b" \')$$),
    ($$dcx_wallet_credit('org-acme', 1, KEY, 'Deposit')$$, $$dcx_wallet_credit('org-acme', 1, KEY, 'Deposit ')$$),
    ($$dcx_wallet_credit('org-acme', 1e1, KEY)$$, $$dcx_wallet_credit('org-acme', 10.00, KEY)$$),
    ($$dcx_wallet_credit('org-acme', 1, KEY)$$, $$dcx_wallet_debit('org-acme', 1, KEY)$$),
    ($$dcx_wallet_debit('org-acme', 1, KEY)$$, $$dcx_wallet_debit('org-acme', 1.01, KEY, 'x', '[]')$$),
    ($$dcx_wallet_debit('org-acme', 1, KEY, 'x')$$, $$dcx_wallet_hold('org-acme', 1, KEY, description => 'x')$$),
    ($$dcx_wallet_hold('org-acme', 1, KEY)$$, $$dcx_wallet_credit('org-acme', 1, KEY)$$),
    ($$dcx_wallet_hold('org-acme', 1, KEY, details => '{"a": [1.0]}')$$, $$dcx_wallet_hold('org-acme', 1.0, KEY, '00:15:00', details => '{"a": [1]}')$$),
    ($$dcx_wallet_hold('org-acme', 1, KEY, details => 'null')$$, $$dcx_wallet_hold('org-acme', 1, KEY, '900 seconds')$$),
    ($$dcx_wallet_hold('org-acme', 1, KEY, '1 year')$$, $$dcx_wallet_hold('org-acme', 1, KEY, '12 months')$$),
    ($$dcx_wallet_hold('org-acme', 1, KEY, '1 day')$$, $$dcx_wallet_hold('org-acme', 1, KEY, '24 hours')$$),
    ($$dcx_wallet_hold('org-acme', 1, KEY, '1 month')$$, $$dcx_wallet_hold('org-acme', 1, KEY, '30 days')$$)) v (first, second);
-- A hold that was extended was asked for with the time that it had first. How an interval is shown makes no difference.
SELECT hold_id AS extended FROM dcx_wallet_hold('org-acme', 1, 'extended', '15 minutes') \gset
SELECT replayed FROM dcx_wallet_extend(:extended, '2 hours');
SET IntervalStyle = iso_8601;
SELECT test.becomes($$dcx_wallet_hold('org-acme', 1, 'extended', '00:15:00')$$), test.becomes($$dcx_wallet_hold('org-acme', 1, 'extended', '2 hours')$$);
SET IntervalStyle = sql_standard;
SELECT test.becomes($$dcx_wallet_hold('org-acme', 1, 'extended')$$), test.becomes($$dcx_wallet_hold('org-acme', 1, 'extended', '-1 day 24:15:00')$$);
RESET IntervalStyle;

-- What is priced: the order of keys, the scale of numbers and what is there by default make no difference.
\set vm '{"cpu_type": "1GHZ", "cpus": 1, "ram_gb": 1.5, "storage_type": "STANDARD", "gb": 10}'
SELECT first, second, test.again(first, second) FROM (VALUES
    ($$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.5, 'STANDARD', 10, KEY)$$, $$dcx_vm_reserve('org-hooli', '1GHZ', 1.0, 1.50, 'STANDARD', 1e1, KEY, '900 s')$$),
    ($$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.5, 'STANDARD', 10, KEY)$$, $$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.51, 'STANDARD', 10, KEY)$$),
    ($$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.5, 'STANDARD', 10, KEY, max_cost => 151.5)$$, $$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.5, 'STANDARD', 10, KEY, max_cost => 151.5000)$$),
    ($$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.5, 'STANDARD', 10, KEY, max_cost => 151.50)$$, $$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.5, 'STANDARD', 10, KEY, max_cost => 152)$$),
    ($$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.5, 'STANDARD', 10, KEY, max_cost => 152)$$, $$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.5, 'STANDARD', 10, KEY)$$),
    ($$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.5, 'STANDARD', 10, KEY)$$, $$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1.5, 'STANDARD', 10, KEY, max_cost => 152)$$),
    ($$dcx_order_reserve('org-hooli', '[{"product": "BACKUP_GB", "quantity": 2}]', KEY)$$, $$dcx_order_reserve('org-hooli', '[{"quantity": 2.0, "product": "BACKUP_GB"}]', KEY)$$),
    ($$dcx_order_reserve('org-hooli', '[{"product": "BACKUP_GB"}]', KEY)$$, $$dcx_order_reserve('org-hooli', '[{"product": "BACKUP_GB", "quantity": 1.00}]', KEY)$$),
    ($$dcx_order_reserve('org-hooli', '[{"product": "BACKUP_GB"}]', KEY)$$, $$dcx_order_reserve('org-hooli', '[{"product": "RAM_GB"}, {"product": "BACKUP_GB"}]', KEY)$$),
    ($$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1, 'STANDARD', 10, KEY)$$, $$dcx_wallet_debit('org-hooli', 1, KEY)$$),
    ($$dcx_wallet_credit('org-hooli', 1, KEY)$$, $$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1, 'STANDARD', 10, KEY)$$)) v (first, second);
SELECT test.again(format('dcx_order_reserve(%L, %L, KEY)', 'org-hooli', '[{"vm": ' || :'vm' || ', "count": 2}]'),
    format('dcx_order_reserve(%L, %L, KEY)', 'org-hooli', '[{"count": 2.0, "vm": ' || replace(:'vm', '1.5', '1.50') || '}]'));

-- In one transaction, in one statement, after a savepoint, and from another session.
BEGIN;
SELECT test.again($$dcx_wallet_credit('org-acme', 1, KEY, details => '{"a": 1, "b": 1.0}')$$, $$dcx_wallet_credit('org-acme', 1, KEY, details => '{"b": 1, "a": 1}')$$, 'txn');
SAVEPOINT s;
SELECT test.becomes($$dcx_wallet_credit('org-acme', 1, 'txn', details => '{"b": 2, "a": 1}')$$);
SELECT test.again($$dcx_wallet_credit('org-acme', 1, KEY, 'first')$$, $$dcx_wallet_credit('org-acme', 1, KEY, 'first')$$, 'saved');
ROLLBACK TO s;
SELECT test.again($$dcx_wallet_credit('org-acme', 1, KEY, 'second')$$, $$dcx_wallet_credit('org-acme', 1, KEY, 'second')$$, 'saved');
SELECT n, c.replayed FROM generate_series(1, 3) n, LATERAL dcx_wallet_credit('org-acme', 1, 'statement', details => ('{"a": 1.' || repeat('0', n) || '}')::jsonb) c;
COMMIT;
\c
SELECT test.becomes($$dcx_wallet_credit('org-acme', 1.0, 'txn', details => '{"b": 1.00, "a": 1e0}')$$), test.becomes($$dcx_wallet_credit('org-acme', 1, 'saved', 'first')$$);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT test.again($$dcx_wallet_credit('org-acme', 1, KEY, details => '[1.0]')$$, $$dcx_wallet_credit('org-acme', 1, KEY, details => '[1]')$$),
       test.again($$dcx_wallet_hold('org-acme', 1, KEY, details => '[1.0]')$$, $$dcx_wallet_hold('org-acme', 1, KEY, details => '[2]')$$);
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT amount, replayed FROM dcx_wallet_credit('org-acme', 1, 'txn', details => '{"b": 1, "a": 1}');
SELECT amount, replayed FROM dcx_wallet_hold('org-acme', 1, 'extended');
COMMIT;



-- Rows of an earlier version, or that somebody has changed: a replay, a refusal that names the difference, or 55000; never a crash.
CREATE FUNCTION test.with_quote(change text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('UPDATE dcx.wallet_hold SET %s WHERE idempotency_key = %L', change, 'quoted');
    answer := test.becomes(call);
    RAISE SQLSTATE 'DCX00' USING MESSAGE = answer;
EXCEPTION WHEN SQLSTATE 'DCX00' THEN
    RETURN SQLERRM;
END $$;
SELECT cost FROM dcx_vm_reserve('org-hooli', '1GHZ', 1, 1, 'STANDARD', 10, 'quoted', max_cost => 133);
SELECT change, test.with_quote(change, $$dcx_vm_reserve('org-hooli', '1GHZ', 1, 1, 'STANDARD', 10, 'quoted', max_cost => 133)$$) FROM unnest(ARRAY[
    $$quote = jsonb_set(quote, '{specification,gb}', '10.000')$$, $$quote = jsonb_set(quote, '{max_cost}', '133.00')$$, $$description = 'as an earlier version described it'$$,
    $$quote = quote - 'lines' - 'cost' - 'catalogs' - 'read_at'$$, $$details = 'null'$$, $$details = '{}'$$,
    $$quote = quote - 'specification'$$, $$quote = jsonb_set(quote, '{specification}', 'null')$$, $$quote = jsonb_set(quote, '{specification}', '"VM"')$$, $$quote = jsonb_set(quote, '{specification}', '5')$$,
    $$quote = jsonb_set(quote, '{specification}', '[]')$$, $$quote = jsonb_set(quote, '{specification}', '[null, 1, "x", [2]]')$$, $$quote = jsonb_set(quote, '{specification,more}', 'true')$$,
    $$quote = quote - 'max_cost'$$, $$quote = jsonb_set(quote, '{max_cost}', 'null')$$, $$quote = jsonb_set(quote, '{max_cost}', '"133"')$$, $$quote = jsonb_set(quote, '{max_cost}', '[133]')$$,
    $$quote = quote - 'function'$$, $$quote = jsonb_set(quote, '{function}', '5')$$, $$quote = jsonb_set(quote, '{function}', '"dcx_order_reserve"')$$,
    $$quote = 'null'$$, $$quote = '[]'$$, $$quote = '5'$$, $$quote = '"x"'$$, $$quote = '{}'$$, $$quote = NULL$$,
    $$amount = 'NaN'$$, $$amount = 'Infinity'$$, $$expires_in = '0'$$, $$expires_in = '-178000000 years'$$]) change;
CREATE FUNCTION test.with_entry(change text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    ALTER TABLE dcx.wallet_entry DISABLE TRIGGER append_only;
    EXECUTE replace(change, 'WHERE', $q$WHERE idempotency_key = 'entered'$q$);
    answer := test.becomes(call);
    RAISE SQLSTATE 'DCX00' USING MESSAGE = answer;
EXCEPTION WHEN SQLSTATE 'DCX00' THEN
    RETURN SQLERRM;
END $$;
SELECT amount FROM dcx_wallet_debit('org-acme', 2, 'entered', 'x', '{"a": 1}');
SELECT change, test.with_entry(change, $$dcx_wallet_debit('org-acme', 2, 'entered', 'x', '{"a": 1}')$$) FROM unnest(ARRAY[
    'UPDATE dcx.wallet_entry SET amount = -2.0000 WHERE', 'UPDATE dcx.wallet_entry SET amount = 2 WHERE', $$UPDATE dcx.wallet_entry SET amount = 'NaN' WHERE$$, 'UPDATE dcx.wallet_entry SET available = NULL WHERE',
    $$UPDATE dcx.wallet_entry SET kind = 'opening' WHERE$$, 'UPDATE dcx.wallet_entry SET details = NULL WHERE', 'UPDATE dcx.wallet_entry SET description = NULL WHERE', 'DELETE FROM dcx.wallet_entry WHERE']) change;
SELECT * FROM dcx_wallet_audit();

SET client_min_messages = warning;
SELECT count(*) FROM dcx_detach('wallet');
DROP FUNCTION test.becomes, test.again, test.details_again, test.with_quote, test.with_entry;
DROP SEQUENCE test.key;
UPDATE "OrganisationWallet" SET balance = v.balance FROM (VALUES ('org-acme', 1000), ('org-hooli', 250000)) v (org, balance) WHERE "organisationId" = v.org;
DROP SCHEMA dcx, aas CASCADE;
