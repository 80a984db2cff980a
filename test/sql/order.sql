-- Orders: several items, priced together, rounded once, held together.
\c regress_dcx_main
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price double precision);
INSERT INTO aas.products VALUES
    ('CPU_1GHZ', 'vCPU - 1GHz', 78), ('CPU_2GHZ', 'vCPU - 2GHz', 155), ('RAM_GB', 'RAM', 37),
    ('STORAGE_STANDARD', 'Standard Storage', 1.8), ('STORAGE_PREMIUM', 'Premium Storage', 2.75),
    ('BACKUP_GB', 'Backup "per" GB', 1.45), ('ARCHIVE_GB', 'Archive Storage per GB', 0.4575),
    ('HALF', 'half a cent', 0.005), ('BROKEN', 'no price', NULL);
CREATE TABLE aas.terraform_vm_config (id text, name text, vcpus numeric, memory numeric, disk numeric);
INSERT INTO aas.terraform_vm_config VALUES
    ('t1', 'Ubuntu Server 20.04', 2, 4, 40), ('t2', 'CentOS 8', 1, 2, 20), ('t3', 'twice', 1, 1, 10), ('t4', 'twice', 2, 2, 20),
    ('CentOS 8x', 't2', 8, 8, 80), ('t6', 'no disk', 2, 4, NULL), ('t7', 'half a CPU', 0.5, 4, 40), (NULL, NULL, 1, 1, 1);
SELECT relation FROM dcx_attach_aas();
SELECT relation FROM dcx_attach_wallet();

-- All kinds, in the order of the items.
\set items '[{"vm": {"cpu_type": "2GHZ", "cpus": 4, "ram_gb": 8, "storage_type": "PREMIUM", "gb": 100}, "count": 3}, {"template": "Ubuntu Server 20.04", "cpu_type": "1GHZ", "storage_type": "STANDARD"}, {"product": "BACKUP_GB", "quantity": 500}]'
SELECT * FROM dcx_order_quote(:'items');
SELECT sum(amount), min(total) = sum(amount) AND max(total) = sum(amount) AS total, 3 * dcx_vm_cost('2GHZ', 4, 8, 'PREMIUM', 100) + dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) + dcx_product_cost('BACKUP_GB', 500) AS singly
  FROM dcx_order_quote(:'items');
-- A literal or parameter without a type finds its function. A quantity of 0 costs nothing.
SELECT sum(amount) FROM dcx_order_quote('[{"product":"BACKUP_GB"},{"product":"backup_gb","quantity":0},{"product":"RAM_GB","quantity":0.5}]');
PREPARE untyped AS SELECT sum(amount) FROM dcx_order_quote($1);
EXECUTE untyped (:'items');
SELECT * FROM dcx_order_quote(NULL);
-- Exact with any numbers: fractions of cents, counts of fractions, more than 64 bits.
SELECT item, code, quantity, unit_price, amount FROM dcx_order_quote(
    '[{"vm": {"cpu_type": "1GHZ", "cpus": 2.0, "ram_gb": 4.50, "storage_type": "STANDARD", "gb": 0.125}, "count": 8.0},
      {"product": "ARCHIVE_GB", "quantity": 0.333}, {"product": "HALF", "quantity": 2}, {"product": "HALF", "quantity": 1e-3},
      {"product": "RAM_GB", "quantity": 12345678901234567890.5},
      {"vm": {"cpu_type": "1GHZ", "cpus": 9007199254740993, "ram_gb": 1, "storage_type": "STANDARD", "gb": 0}, "count": 9007199254740993}]');
SELECT count(*), sum(amount) = sum(quantity * unit_price) AS exact, sum(amount)
  FROM dcx_order_quote((SELECT jsonb_agg(jsonb_build_object('product', 'ARCHIVE_GB', 'quantity', i / 7.0) ORDER BY i) FROM generate_series(1, 1000) i));
SELECT state, message FROM test.failure($$SELECT * FROM dcx_order_quote(format('[{"product": "RAM_GB", "quantity": 9%s}]', repeat('0', 131071))::jsonb)$$);
-- As many decimals as there can be: the amount is still quantity x unit price.
SELECT min_scale(quantity), amount = quantity * unit_price AS exact FROM dcx_order_quote(
    '[{"vm": {"cpu_type": "1GHZ", "cpus": 1, "ram_gb": 1, "storage_type": "STANDARD", "gb": 1e-16383}, "count": 10}]') WHERE line = 3;
-- A template by its id, or else by its name; both exactly.
SELECT DISTINCT ON (item) item, quantity AS cpus FROM dcx_order_quote(
    '[{"template": "t2", "cpu_type": "1GHZ", "storage_type": "STANDARD"}, {"template": "CentOS 8", "cpu_type": "1GHZ", "storage_type": "STANDARD", "count": 5},
      {"template": "CentOS 8x", "cpu_type": "1GHZ", "storage_type": "STANDARD"}, {"template": "t4", "cpu_type": "1GHZ", "storage_type": "STANDARD", "count": 2}]')
 ORDER BY item, line;

-- Refused: what is not an order.
CREATE FUNCTION test.order_failure(items text) RETURNS TABLE (state text, message text, detail text, hint text) LANGUAGE sql AS
    $$SELECT * FROM test.failure(format('SELECT * FROM dcx_order_quote(%L)', items))$$;
SELECT f.* FROM unnest(ARRAY['null', '"a text"', '4', '{}', '{"vm": {}}', '[]', '[[]]', '[1]', '[null]', '["vm"]',
    '[{}]', '[{"vmm": {}, "count": 2}]', (SELECT jsonb_build_array(jsonb_object_agg('key ' || i, i))::text FROM generate_series(1, 12) i),
    (SELECT jsonb_build_array(jsonb_build_object(repeat('vm', 100), 1))::text)]) WITH ORDINALITY v (items, n), LATERAL test.order_failure(items) f ORDER BY n \gx
-- Refused: the second item of an order. The error names what is wrong in it.
\set vm '{"cpu_type": "1GHZ", "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}'
SELECT item, f.state, f.message, f.detail, CASE WHEN n = 1 OR f.hint !~ '^As in' THEN f.hint ELSE left(f.hint, 16) END AS hint FROM unnest(ARRAY[
    -- of two kinds, or with a key that is not of its kind
    '{"vm": {}, "product": "RAM_GB"}', '{"vm": {}, "cuont": 3}', '{"product": "RAM_GB", "count": 3}', '{"template": "t1", "cpus": 2}',
    '{"network": {"service": "S", "mbps": 1}, "quantity": 2}', '{"network": {"service": "S", "mpbs": 1}}',
    '{"vm": {"cpu_typ": "1GHZ", "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}}', '{"vm": {"CPUS": 2}}', '{"vm": {"": 2}}',
    -- without one
    '{"vm": {}}', '{"vm": {"cpu_type": "1GHZ", "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD"}}', '{"template": "t1", "cpu_type": "1GHZ"}',
    '{"network": {"mbps": 1}}', '{"network": {"service": "S"}}',
    -- of the wrong type
    '{"vm": "1GHZ"}', '{"vm": null}', '{"vm": [1]}', '{"network": 100}', '{"product": 7}', '{"template": {"id": 1}}', '{"template": null}',
    '{"product": "RAM_GB", "quantity": "2"}', '{"product": "RAM_GB", "quantity": null}', '{"product": "RAM_GB", "quantity": [2]}',
    '{"vm": {"cpu_type": "1GHZ", "cpus": "two", "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}}',
    '{"vm": {"cpu_type": true, "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}}',
    '{"vm": {"cpu_type": "1GHZ", "cpus": 2, "ram_gb": "a text that is too long to be shown in full, or who would read it", "storage_type": "STANDARD", "gb": 40}}',
    -- with a number that cannot be
    '{"vm": {"cpu_type": "1GHZ", "cpus": 2.5, "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}}',
    '{"vm": {"cpu_type": "1GHZ", "cpus": 2, "ram_gb": 0, "storage_type": "STANDARD", "gb": 40}}',
    '{"vm": {"cpu_type": "1GHZ", "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD", "gb": -0.5}}',
    '{"vm": ' || :'vm' || ', "count": 0}', '{"vm": ' || :'vm' || ', "count": 1.5}', '{"vm": ' || :'vm' || ', "count": -1}',
    '{"template": "t1", "cpu_type": "1GHZ", "storage_type": "STANDARD", "count": 0.5}', '{"network": {"service": "S", "mbps": 1}, "count": 0}',
    '{"network": {"service": "S", "mbps": 0}}', '{"network": {"service": "S", "mbps": -0.5}}',
    '{"product": "RAM_GB", "quantity": -1}',
    -- a template that cannot be had
    '{"template": "Solaris", "cpu_type": "1GHZ", "storage_type": "STANDARD"}', '{"template": "ubuntu server 20.04", "cpu_type": "1GHZ", "storage_type": "STANDARD"}',
    '{"template": "twice", "cpu_type": "1GHZ", "storage_type": "STANDARD"}', '{"template": "", "cpu_type": "1GHZ", "storage_type": "STANDARD"}',
    '{"template": "no disk", "cpu_type": "1GHZ", "storage_type": "STANDARD"}', '{"template": "t7", "cpu_type": "1GHZ", "storage_type": "STANDARD"}',
    -- or a price
    '{"vm": {"cpu_type": "3GHZ", "cpus": 2, "ram_gb": 4, "storage_type": "STANDARD", "gb": 40}}', '{"template": "t1", "cpu_type": "1GHZ", "storage_type": "TAPE"}',
    '{"product": "NO_SUCH"}', '{"product": ""}', '{"product": "BROKEN"}']) WITH ORDINALITY v (item, n),
    LATERAL test.order_failure('[{"product": "RAM_GB"}, ' || item || ']') f ORDER BY n \gx
-- Errors that come from pricing name the item in their context.
SELECT * FROM dcx_order_quote('[{"product": "RAM_GB"}, {"product": "RAM_GB"}, {"product": "BROKEN"}]');
SELECT * FROM dcx_order_quote('[{"product": "RAM_GB"}, {"template": "no disk", "cpu_type": "1GHZ", "storage_type": "STANDARD"}]');
SELECT * FROM dcx_vm_reserve('org-acme', '3GHZ', 2, 4, 'STANDARD', 40, 'none');
-- A template whose id stands there twice.
BEGIN;
UPDATE aas.terraform_vm_config SET id = 't1' WHERE id = 't2';
SELECT state, message, detail, hint FROM test.order_failure('[{"template": "t1", "cpu_type": "1GHZ", "storage_type": "STANDARD"}]') \gx
ROLLBACK;
-- As many items as are allowed, and one more.
SELECT count(*), max(item), sum(amount) FROM dcx_order_quote((SELECT jsonb_agg('{"template": "t1", "cpu_type": "1GHZ", "storage_type": "STANDARD"}'::jsonb) FROM generate_series(1, 1000)));
SELECT state, message, detail, hint FROM test.order_failure((SELECT jsonb_agg('{"product": "RAM_GB"}'::jsonb)::text FROM generate_series(1, 1001)));

-- Held: one sum, rounded once, with all of its lines.
SELECT hold_id AS held, cost, available, replayed, expires_at - now() BETWEEN interval '15 minutes' AND '16 minutes' AS soon
  FROM dcx_order_reserve('org-hooli', :'items', 'order-1', max_cost => 4700) \gset
SELECT :'cost' AS cost, :'available' AS available, :'replayed' AS replayed, :'soon' AS soon;
SELECT description, jsonb_pretty(quote #- '{read_at}' #- '{catalogs,aas,read_at}' #- '{lines}') AS quote,
       quote->>'read_at' = quote #>> '{catalogs,aas,read_at}' AND (quote->>'read_at')::timestamptz BETWEEN now() - interval '1 minute' AND clock_timestamp() AS read_just_now,
       (SELECT jsonb_agg(l.value - 'title' ORDER BY n) FROM jsonb_array_elements(quote->'lines') WITH ORDINALITY l (value, n) WHERE n IN (1, 7)) AS two_lines
  FROM dcx_wallet_holds('org-hooli') \gx
SELECT * FROM dcx_hold_verify(:held);

-- The same request, however it is written, is answered as the first time: with other prices, and without any.
UPDATE aas.products SET price = price + 1 WHERE code <> 'HALF';
SELECT cost, replayed FROM dcx_order_reserve('org-hooli', '[{"count":3.0,"vm":{"gb":1e2,"cpus":4.00,"ram_gb":8,"storage_type":"PREMIUM","cpu_type":"2GHZ"}},
    {"count": 1, "template": "Ubuntu Server 20.04", "storage_type": "STANDARD", "cpu_type": "1GHZ"}, {"product": "BACKUP_GB", "quantity": 500.0}]', 'order-1', '15 min', 4700.00);
BEGIN;
DROP TABLE aas.terraform_vm_config;
SELECT hold_id = :held AS same, replayed FROM dcx_order_reserve('org-hooli', :'items', 'order-1', max_cost => 4700);
SET client_min_messages = warning;
SELECT count(*) FROM dcx_detach('aas');
RESET client_min_messages;
SELECT hold_id = :held AS same, replayed FROM dcx_order_reserve('org-hooli', :'items', 'order-1', max_cost => 4700);
SELECT state, message FROM test.failure(format('SELECT * FROM dcx_order_reserve(%L, %L, %L)', 'org-hooli', :'items', 'another'));
ROLLBACK;
SELECT bool_and(ok) FROM dcx_hold_verify(:held);
-- Another request with the same key is refused.
SELECT f.state, f.detail FROM unnest(ARRAY[
    replace(:'items', '"count": 3', '"count": 2'), replace(:'items', '500', '501'), replace(:'items', ', {"product": "BACKUP_GB", "quantity": 500}', ''),
    replace(:'items', 'Ubuntu Server 20.04', 't1'), jsonb_build_array(:'items'::jsonb->0, :'items'::jsonb->2, :'items'::jsonb->1)::text]) WITH ORDINALITY a (items, n),
    LATERAL test.failure(format('SELECT dcx_order_reserve(%L, %L, %L, max_cost => 4700)', 'org-hooli', items, 'order-1')) f ORDER BY n;
SELECT f.state, f.detail FROM unnest(ARRAY['''1 hour'', 4700', '''15 minutes'', 4601', '''15 minutes''']) WITH ORDINALITY a (rest, n),
    LATERAL test.failure(format('SELECT dcx_order_reserve(%L, %L, %L, ', 'org-hooli', :'items', 'order-1') || rest || ')') f ORDER BY n;
-- So is the request of another function, even for the same VM.
SELECT cost, replayed FROM dcx_vm_reserve('org-hooli', '1GHZ', 2, 4, 'STANDARD', 40, 'vm-1');
SELECT cost, replayed FROM dcx_order_reserve('org-hooli', jsonb_build_array(jsonb_build_object('vm', :'vm'::jsonb)), 'vm-2');
SELECT f.state, f.detail FROM unnest(ARRAY[
    format('dcx_order_reserve(%L, %L, %L)', 'org-hooli', '[{"vm": ' || :'vm' || '}]', 'vm-1'), $$dcx_vm_reserve('org-hooli', '1GHZ', 2, 4, 'STANDARD', 40, 'vm-2')$$,
    $$dcx_wallet_hold('org-hooli', 1, 'vm-2')$$]) WITH ORDINALITY a (call, n), LATERAL test.failure('SELECT ' || call) f ORDER BY n;

-- Too dear, too much, or not to be priced: nothing is held, and the key is free.
CREATE VIEW test.held AS SELECT count(*) AS holds, (SELECT count(*) FROM dcx.wallet_key WHERE hold_id IS NOT NULL) AS keys FROM dcx.wallet_hold;
SELECT * FROM test.held;
SELECT f.state, f.message, f.detail FROM unnest(ARRAY[
    format('dcx_order_reserve(%L, %L, %L, max_cost => 5232.79)', 'org-hooli', :'items', 'order-2'), format('dcx_order_reserve(%L, %L, %L)', 'org-acme', :'items', 'order-2'),
    format('dcx_order_reserve(%L, %L, %L)', 'org-hooli', '[{"product": "RAM_GB"}, {"product": "BROKEN"}]', 'order-2'),
    format('dcx_order_reserve(%L, %L, %L)', 'org-hooli', '[{"product": "BROKEN"}, {"cout": 1}]', 'order-2')]) WITH ORDINALITY a (call, n),
    LATERAL test.failure('SELECT ' || call) f ORDER BY n;
SELECT * FROM test.held;
SELECT cost, replayed FROM dcx_order_reserve('org-hooli', '[{"product": "RAM_GB"}]', 'order-2');
-- With refusals, too dear and too much are rows. What cannot be priced is an error, as before.
BEGIN;
SELECT * FROM dcx_order_reserve('org-hooli', :'items', 'order-3', max_cost => 5232.79, refusals => true);
SELECT * FROM dcx_order_reserve('org-acme', :'items', 'order-3', refusals => true);
SELECT * FROM dcx_order_reserve('org-acme', :'items', 'order-3', '15 minutes', 5232.79, true);
SELECT * FROM test.held;
SELECT f.state, f.message FROM unnest(ARRAY['[{"product": "RAM_GB"}, {"product": "BROKEN"}]', '[]', '[{"cout": 1}]', '[{"product": "NONE"}]', '[{"product": "HALF", "quantity": 0}]']) WITH ORDINALITY a (items, n),
    LATERAL test.failure(format('SELECT dcx_order_reserve(%L, %L, %L, refusals => true)', 'org-hooli', items, 'order-3')) f ORDER BY n;
SELECT state, message FROM test.failure($$SELECT dcx_order_reserve('org-hooli', '[{"product": "RAM_GB"}]', 'order-3', refusals => NULL)$$);
SELECT cost, replayed, refused FROM dcx_order_reserve('org-hooli', '[{"product": "RAM_GB"}]', 'order-3', refusals => true);
SELECT cost, replayed, refused FROM dcx_order_reserve('org-hooli', '[{"product": "RAM_GB"}]', 'order-3');
PREPARE refusing AS SELECT refused FROM dcx_order_reserve($1, $2, $3, $4, $5, $6);
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'refusing';
DEALLOCATE refusing;
ROLLBACK;
-- The total of a quote is not rounded; what is held is.
SELECT DISTINCT total, (SELECT refused IS NULL AND cost = round(total, 2) FROM dcx_order_reserve('org-hooli', '[{"product": "HALF"}, {"product": "RAM_GB"}, {"product": "ARCHIVE_GB"}]', 'the total')) AS held
  FROM dcx_order_quote('[{"product": "HALF"}, {"product": "RAM_GB"}, {"product": "ARCHIVE_GB"}]');
-- The sum of the quote is what it may cost, half a cent or not.
SELECT cost, replayed FROM dcx_order_reserve('org-hooli', '[{"product": "HALF", "quantity": 3}]', 'half a cent',
    max_cost => (SELECT sum(amount) FROM dcx_order_quote('[{"product": "HALF", "quantity": 3}]')));
SELECT state, detail FROM test.failure($$SELECT dcx_order_reserve('org-hooli', '[{"product": "HALF", "quantity": 3}]', 'half a cent less', max_cost => 0.0149)$$);
-- Arguments.
SELECT f.state, f.message FROM unnest(ARRAY['NULL, ''[]'', ''k''', '''org-acme'', NULL, ''k''', '''org-acme'', ''[{"product": "RAM_GB"}]'', NULL',
    '''org-acme'', ''[{"product": "RAM_GB"}]'', ''''', '''org-acme'', ''[{"product": "RAM_GB"}]'', ''k'', NULL', '''org-acme'', ''[{"product": "RAM_GB"}]'', ''k'', ''0 s''',
    '''org-acme'', ''[{"product": "RAM_GB"}]'', ''k'', max_cost => ''NaN''', '''org-acme'', ''[]'', ''k''', '''nobody'', ''[{"product": "RAM_GB"}]'', ''k''']) WITH ORDINALITY a (arguments, n),
    LATERAL test.failure('SELECT dcx_order_reserve(' || arguments || ')') f ORDER BY n;
-- The description of a long order is short.
SELECT cost FROM dcx_order_reserve('org-hooli', (SELECT jsonb_agg(jsonb_build_object('product', 'HALF', 'quantity', i) ORDER BY i) FROM generate_series(1, 1000) i), 'many');
SELECT description FROM dcx_wallet_holds('org-hooli') WHERE idempotency_key = 'many';
SELECT left(detail, 100) AS start, right(detail, 60) AS end FROM test.failure($$SELECT dcx_order_reserve('org-hooli', (SELECT jsonb_agg(jsonb_build_object('product', 'HALF', 'quantity', i + 1) ORDER BY i) FROM generate_series(1, 1000) i), 'many')$$);
SELECT count(*), bool_and(ok), max(recomputed) FROM dcx_wallet_holds('org-hooli') h, dcx_hold_verify(h.hold_id) WHERE idempotency_key = 'many';

-- The sum is rounded once, half a cent away from zero. dcx_wallet_can_afford() and the hold agree.
SELECT cost FROM dcx_order_reserve('org-hooli', '[{"product": "HALF"}, {"product": "HALF"}, {"product": "HALF"}]', 'thrice');
SELECT code, v.amount, recomputed, ok FROM dcx_wallet_holds('org-hooli') h, dcx_hold_verify(h.hold_id) v WHERE idempotency_key = 'thrice';
BEGIN;
UPDATE "OrganisationWallet" SET balance = v.balance
  FROM (VALUES ('org-zero', 0.00), ('org-vandelay', 0.01), ('org-wonka', 0.02), ('org-tyrell', 0.03)) v (org, balance) WHERE "organisationId" = v.org;
CREATE FUNCTION test.tried(org text, items jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id bigint;
    verified boolean;
BEGIN
    SELECT hold_id INTO id FROM dcx_order_reserve(org, items, 'tried');
    SELECT bool_and(ok) INTO verified FROM dcx_hold_verify(id);
    RAISE 'undone' USING ERRCODE = CASE WHEN verified THEN '0TRUE' ELSE '0FALS' END;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT n, org, sum, can, tried, can = (tried = '0TRUE') AS same
  FROM unnest('{0,0.99,1,2.99,3,4.99,5}'::numeric[]) n, unnest('{org-negative,org-zero,org-vandelay,org-wonka,org-tyrell}'::text[]) WITH ORDINALITY o (org, o),
       LATERAL jsonb_build_array('{"product": "HALF", "quantity": 0}'::jsonb, jsonb_build_object('product', 'HALF', 'quantity', n)) items,
       LATERAL (SELECT sum(amount), dcx_wallet_can_afford(org, sum(amount)) AS can FROM dcx_order_quote(items)) q,
       LATERAL test.tried(org, items) tried WHERE sum >= 0.005 ORDER BY n, o;
ROLLBACK;

-- Captured, released, audited as any hold.
SELECT amount, balance FROM dcx_wallet_capture(:held);
SELECT kind, amount, description FROM dcx_wallet_statement('org-hooli') WHERE hold_id = :held;
SELECT * FROM dcx_wallet_audit();
BEGIN;
UPDATE dcx.wallet_hold SET quote = jsonb_set(quote, '{lines,2,quantity}', '3') WHERE idempotency_key = 'thrice';
SELECT line, code, v.amount, recomputed, ok FROM dcx.wallet_hold h, dcx_hold_verify(h.hold_id) v WHERE idempotency_key = 'thrice';
SELECT regexp_replace(problem, '\d+', 'N') AS problem, expected, actual FROM dcx_wallet_audit();
ROLLBACK;

-- Everybody may ask for the price; only who was granted EXECUTE may hold.
SELECT p.oid::regprocedure, has_function_privilege('public', p.oid, 'EXECUTE') AS public, provolatile, proisstrict, proparallel
  FROM pg_proc p WHERE proname IN ('dcx_order_quote', 'dcx_order_reserve') ORDER BY proname;

-- Network services: only an order that has one needs E-Networks.
\set line '[{"product": "BACKUP_GB"}, {"network": {"service": "PV_FIBRE", "mbps": 100}}]'
SELECT sum(amount) FROM dcx_order_quote('[{"product": "BACKUP_GB"}]');
SELECT state, message FROM test.order_failure(:'line');
SELECT state, message FROM test.failure(format('SELECT dcx_order_reserve(%L, %L, %L)', 'org-hooli', :'line', 'line-1'));
CREATE SCHEMA enetworks;
CREATE TABLE enetworks.providers (id text, name text, active boolean);
CREATE TABLE enetworks.network_services (id text, code text, title text, "providerId" text);
CREATE TABLE enetworks.bandwidth_prices ("serviceId" text, "minMbps" integer, "maxMbps" integer, "fixedPrice" float8, "pricePerMbps" float8, cost float8);
INSERT INTO enetworks.providers VALUES ('p1', 'Proteavale', true), ('p2', 'Marulapoort', false);
INSERT INTO enetworks.network_services VALUES ('s1', 'PV_FIBRE', 'Fibre', 'p1'), ('s2', 'PV_SMALL', 'Small', 'p1'), ('s3', 'MP_RURAL', 'Rural', 'p2');
INSERT INTO enetworks.bandwidth_prices VALUES ('s1', 1, 100, 895, 32.5, 1), ('s1', 100, 500, 1595, 20, 1), ('s2', 1, 10, 0, 0.005, 1), ('s3', 1, 100, 1, 1, 1);
SET client_min_messages = warning;
SELECT relation FROM dcx_attach_enetworks();
RESET client_min_messages;
SELECT * FROM dcx_order_quote(:'line');
SELECT sum(amount) = dcx_product_cost('BACKUP_GB') + 2 * dcx_network_cost('PV_FIBRE', 99.5, dcx_price_book('enetworks')) + dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS same, count(*), max(item)
  FROM dcx_order_quote(jsonb_build_array('{"network": {"mbps": 99.50, "service": "pv_fibre"}, "count": 2}'::jsonb, '{"product": "BACKUP_GB"}'::jsonb, jsonb_build_object('vm', :'vm'::jsonb)));
-- Five hundred orders of all kinds, against the same items each on its own.
SELECT count(*), bool_and(together = singly) AS same, sum(together)
  FROM generate_series(1, 500) n, dcx_price_book('enetworks') book,
       LATERAL (SELECT 1 + n % 7 AS cpus, (1 + n % 9) / 2.0 AS ram, n / 8.0 AS gb, 1 + n * 37 % 4980 / 10.0 AS mbps, n / 16.0 AS quantity, 1 + n % 5 AS times) v,
       LATERAL (SELECT sum(amount) AS together FROM dcx_order_quote(jsonb_build_array(
           jsonb_build_object('product', 'ARCHIVE_GB', 'quantity', quantity),
           jsonb_build_object('vm', jsonb_build_object('cpu_type', '2GHZ', 'cpus', cpus, 'ram_gb', ram, 'storage_type', 'PREMIUM', 'gb', gb), 'count', times),
           jsonb_build_object('network', jsonb_build_object('service', 'PV_FIBRE', 'mbps', mbps), 'count', times),
           jsonb_build_object('template', 'CentOS 8', 'cpu_type', '1GHZ', 'storage_type', 'STANDARD')))) q,
       LATERAL (SELECT dcx_product_cost('ARCHIVE_GB', quantity) + times * dcx_vm_cost('2GHZ', cpus, ram, 'PREMIUM', gb) + times * dcx_network_cost('PV_FIBRE', mbps, book)
                       + dcx_vm_cost('1GHZ', 1, 2, 'STANDARD', 20) AS singly) s;
SELECT item, code, quantity, amount FROM dcx_order_quote('[{"network": {"service": "PV_SMALL", "mbps": 1.5}, "count": 3}, {"product": "HALF", "quantity": 0.5}]');
SELECT f.state, f.message, f.detail FROM unnest('{"{\"service\": \"PV_COPPER\", \"mbps\": 10}","{\"service\": \"PV_FIBRE\", \"mbps\": 500}","{\"service\": \"MP_RURAL\", \"mbps\": 10}","{\"service\": \"\", \"mbps\": 10}"}'::text[]) WITH ORDINALITY a (item, n),
    LATERAL test.order_failure('[{"product": "BACKUP_GB"}, {"network": ' || item || '}]') f ORDER BY n;
SELECT * FROM dcx_order_quote('[{"product": "BACKUP_GB"}, {"network": {"service": "PV_FIBRE", "mbps": 500}}]');
-- A product is not a service, and a service is not a product.
SELECT f.state, f.message FROM unnest(ARRAY['{"product": "PV_FIBRE"}', '{"network": {"service": "BACKUP_GB", "mbps": 1}}']) WITH ORDINALITY a (item, n), LATERAL test.order_failure('[' || item || ']') f ORDER BY n;

-- All items are held, or none. The hold says where each catalog was read, and the older of the two times.
SELECT hold_id AS line_hold, cost, replayed FROM dcx_order_reserve('org-hooli', :'line', 'line-1') \gset
SELECT :'cost' AS cost, :'replayed' AS replayed;
SELECT description, quote #>> '{catalogs,aas,relation}' AS aas, quote #>> '{catalogs,enetworks,relation}' AS enetworks,
       (quote->>'read_at')::timestamptz = least((quote #>> '{catalogs,aas,read_at}')::timestamptz, (quote #>> '{catalogs,enetworks,read_at}')::timestamptz) AS older, quote->'specification' AS specification
  FROM dcx_wallet_holds('org-hooli') WHERE hold_id = :line_hold \gx
SELECT * FROM dcx_hold_verify(:line_hold);
SELECT f.state, f.message FROM test.failure($$SELECT dcx_order_reserve('org-hooli', '[{"product": "BACKUP_GB"}, {"network": {"service": "PV_FIBRE", "mbps": 500}}]', 'line-2')$$) f;
SELECT count(*) FROM dcx.wallet_key WHERE idempotency_key = 'line-2';
-- Half a cent from each catalog.
SELECT cost FROM dcx_order_reserve('org-hooli', '[{"network": {"service": "PV_SMALL", "mbps": 1}}, {"product": "HALF"}, {"product": "HALF"}]', 'half');
SELECT cost FROM dcx_order_reserve('org-hooli', '[{"network": {"service": "PV_SMALL", "mbps": 1}}, {"product": "HALF", "quantity": 1.999}]', 'less');
-- By the prices of a book, which may hold both catalogs.
SELECT dcx_price_book() || dcx_price_book('enetworks') AS book,
       '[{"product": "BACKUP_GB", "quantity": 2}, {"network": {"service": "PV_FIBRE", "mbps": 10}, "count": 2}]' AS both_kinds \gset
SELECT count(*), bool_and(live IS NOT DISTINCT FROM by_book) AS same
  FROM dcx_order_quote(:'both_kinds') live FULL JOIN dcx_order_quote(:'both_kinds', :'book') by_book USING (line);
SELECT line, item, code, unit_price, amount
  FROM dcx_order_quote(:'both_kinds', jsonb_set(jsonb_set(:'book', '{BACKUP_GB,price}', '100'), '{PV_FIBRE,bands,0,fixed_price}', '7.005'));
SELECT code, amount FROM dcx_order_quote('[{"template": "t1", "cpu_type": "1GHZ", "storage_type": "STANDARD"}]', jsonb_set(:'book', '{RAM_GB,price}', '0'));
SELECT * FROM dcx_order_quote(:'both_kinds', dcx_price_book());
SELECT * FROM dcx_order_quote(:'both_kinds', '[]');
SELECT count(*) FROM dcx_order_quote(:'both_kinds', NULL);
-- Code that runs while one catalog is read can change the other: what has been priced before stays as it is.
BEGIN;
CREATE FUNCTION enetworks.meddle() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE aas.products SET price = price + 100, title = 'changed' WHERE code = 'BACKUP_GB';
    PERFORM public.dcx_product_cost('BACKUP_GB');
    RETURN 'PV_FIBRE';
END $$;
CREATE VIEW enetworks.prices AS SELECT enetworks.meddle() AS code, 'View'::text AS title, 'Proteavale'::text AS provider, true AS active,
    1 AS min_mbps, 1000 AS max_mbps, 10 AS fixed_price, 1 AS price_per_mbps, 0 AS cost;
SET client_min_messages = warning;
SELECT count(*) FROM dcx_detach('enetworks');
SELECT count(*) FROM dcx_attach_enetworks(prices => 'prices');
RESET client_min_messages;
SELECT dcx_product_cost('BACKUP_GB') AS before \gset
SELECT title, amount, amount = :before AS before FROM dcx_order_quote(:'line');
SELECT dcx_product_cost('BACKUP_GB') - :before AS dearer;
ROLLBACK;
-- Without AAS, services can be ordered; without both, a retry is answered.
SET client_min_messages = warning;
SELECT count(*) FROM dcx_detach('aas');
SELECT cost, replayed FROM dcx_order_reserve('org-hooli', '[{"network": {"service": "PV_FIBRE", "mbps": 10}}]', 'line-3');
SELECT jsonb_object_keys(quote->'catalogs') FROM dcx_wallet_holds('org-hooli') WHERE idempotency_key = 'line-3';
SELECT count(*) FROM dcx_detach('enetworks');
SELECT cost, replayed FROM dcx_order_reserve('org-hooli', :'line', 'line-1');
SELECT state, message FROM test.order_failure(:'line');
SELECT bool_and(ok) FROM dcx_hold_verify(:line_hold);
SELECT * FROM dcx_wallet_audit();

-- A catalog without templates prices items that are not templates.
DROP TABLE aas.terraform_vm_config;
SELECT relation FROM dcx_attach_aas();
SELECT sum(amount) FROM dcx_order_quote('[{"product": "RAM_GB"}]');
SELECT state, message FROM test.order_failure('[{"template": "t1", "cpu_type": "1GHZ", "storage_type": "STANDARD"}]');
SELECT count(*) FROM dcx_detach('wallet');
UPDATE "OrganisationWallet" SET balance = 250000 WHERE "organisationId" = 'org-hooli';
DROP FUNCTION test.order_failure;
DROP SCHEMA dcx, aas, enetworks CASCADE;
