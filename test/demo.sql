-- The guided tour of `make demo`: psql runs it in MAIN, on the fixtures.
-- It works in a copy of MAIN and undoes what it changes in AAS, so that a newcomer finds all three databases as the docs
-- expect them.
\set QUIET on
\pset border 1
\pset footer off
\pset linestyle ascii
\set ON_ERROR_STOP on

\c postgres
CREATE DATABASE tour TEMPLATE datacentrix_cloud_local;
\c aas_product_data
SELECT "updatedAt" AS catalog_updated_at FROM products WHERE code = 'RAM_GB' \gset
\c tour

\echo
\echo ==[ 1 ]== Two databases: MAIN has the wallets, AAS has the prices. One call connects them.
\echo
\echo '  CREATE EXTENSION dcx_pricing;'
\echo '  SELECT * FROM dcx_attach_aas(''postgresql://aas_reader:...@127.0.0.1/aas_product_data'');'
\echo '  SELECT * FROM dcx_attach_wallet();'
\echo
CREATE EXTENSION dcx_pricing;
SELECT relation, rows, note
  FROM dcx_attach_aas('postgresql://aas_reader:read%40aas%2F39%25@127.0.0.1/aas_product_data?schema=public');
SELECT relation, rows, note FROM dcx_attach_wallet();

\echo ==[ 2 ]== MAIN now reads the catalog like tables of its own.
\echo
SELECT c.name AS category, count(*) AS products, min(p.price) AS from_rand, max(p.price) AS to_rand
  FROM aas.products p JOIN aas.categories c ON c.id = p."categoryId"
 GROUP BY c.name ORDER BY c.name;

\echo ==[ 3 ]== What a VM costs: 2 vCPU at 1 GHz, 4 GB of RAM, 40 GB of standard storage.
\echo
\echo '  SELECT dcx_vm_cost(''1GHZ'', 2, 4, ''STANDARD'', 40);'
\echo
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS rand_per_month;
\echo '  The lines of this price add up exactly:'
\echo
SELECT * FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40);

\echo ==[ 4 ]== All 24 templates, priced in one call.
\echo
SELECT name, os_type, cpus, ram_gb, storage_gb, cost FROM dcx_template_costs('2GHZ', 'PREMIUM') ORDER BY cost, name;

\echo ==[ 5 ]== Who can afford it? An organisation without a wallet is an error, never "no".
\echo
SELECT o.id AS organisation, dcx_wallet_balance(o.id) AS balance, q.cost,
       dcx_wallet_can_afford(o.id, q.cost) AS can_afford
  FROM "Organisation" o, (SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS cost) q
 WHERE o.id IN ('org-acme', 'org-globex', 'org-initech', 'org-zero') ORDER BY balance DESC;
\set ON_ERROR_STOP off
SELECT dcx_wallet_can_afford('org-nowallet', 376);
\echo
SELECT dcx_vm_cost('3GHZ', 2, 4, 'STANDARD', 40);
\set ON_ERROR_STOP on

\echo
\echo ==[ 6 ]== An order: one statement prices it and holds the money. The customer saw 376.00.
\echo
\echo '  SELECT * FROM dcx_vm_reserve(''org-acme'', ''1GHZ'', 2, 4, ''STANDARD'', 40, ''order-1041'', max_cost => 376);'
\echo
SELECT hold_id, cost, available, to_char(expires_at - now(), 'MI "minutes"') AS expires_in, replayed
  FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-1041', max_cost => 376);
\echo '  The client lost the answer and asks again. The same key is the same order:'
\echo
SELECT hold_id, cost, available, replayed
  FROM dcx_vm_reserve('org-acme', '1GHZ', 2, 4, 'STANDARD', 40, 'order-1041', max_cost => 376);
\echo '  The balance has not changed. Held money cannot be spent twice:'
\echo
SELECT dcx_wallet_balance('org-acme') AS balance, dcx_wallet_available('org-acme') AS available,
       dcx_wallet_can_afford('org-acme', 800) AS can_afford_800;
\echo '  SELECT * FROM dcx_wallet_debit(''org-acme'', 800, ''fee-7'');'
\echo
\set ON_ERROR_STOP off
SELECT * FROM dcx_wallet_debit('org-acme', 800, 'fee-7');
\set ON_ERROR_STOP on
\echo
\echo '  The VM is built and costs 370.00. The rest of the hold is free again:'
\echo
\echo '  SELECT * FROM dcx_wallet_capture(''org-acme'', 1, 370);'
\echo
SELECT entry_id, amount, balance, available, replayed FROM dcx_wallet_capture('org-acme', 1, 370);

\echo ==[ 7 ]== The ledger records every change, also what the platform changes with its own SQL.
\echo
\echo '  UPDATE "OrganisationWallet" SET balance = balance + 100 WHERE "organisationId" = ''org-acme'';'
\echo '  SELECT * FROM dcx_wallet_statement(''org-acme'');'
\echo
UPDATE "OrganisationWallet" SET balance = balance + 100 WHERE "organisationId" = 'org-acme';
SELECT kind, amount, balance, hold_id, idempotency_key, details, session_role FROM dcx_wallet_statement('org-acme');
\echo '  Nobody can rewrite the ledger:'
\echo
\set ON_ERROR_STOP off
DELETE FROM dcx.wallet_entry;
\set ON_ERROR_STOP on
\echo
\echo '  And it adds up. No rows are good news:'
\echo
\echo '  SELECT * FROM dcx_wallet_audit();'
\echo
SELECT * FROM dcx_wallet_audit();
\echo '  The hold keeps its quote. This computes the quote again:'
\echo
SELECT * FROM dcx_hold_verify(1);

\echo ==[ 8 ]== A whole order: three VMs, a VM from a template, a network service and 500 GB of backup.
\echo '          The prices of network services are in E-Networks, the third database.'
\echo
\echo '  SELECT * FROM dcx_attach_enetworks(''postgresql://enetworks_reader:...@127.0.0.1/enetworks_product_local'');'
\echo
SELECT relation, rows
  FROM dcx_attach_enetworks('postgresql://enetworks_reader:enetworks_secret@127.0.0.1/enetworks_product_local?schema=public');
SELECT '[{"vm": {"cpu_type": "2GHZ", "cpus": 4, "ram_gb": 8, "storage_type": "PREMIUM", "gb": 100}, "count": 3},
         {"template": "Ubuntu Server 20.04", "cpu_type": "1GHZ", "storage_type": "STANDARD"},
         {"network": {"service": "PV_FIBRE_BUSINESS", "mbps": 100}},
         {"product": "BACKUP_GB", "quantity": 500}]'::jsonb AS items \gset
SELECT jsonb_array_elements(:'items') AS items;
\echo '  SELECT * FROM dcx_order_quote(items);'
\echo
SELECT * FROM dcx_order_quote(:'items');
\echo '  Can the organisation pay? Then hold the whole order: one sum, one hold, all or nothing.'
\echo
SELECT dcx_wallet_can_afford('org-hooli', (SELECT sum(amount) FROM dcx_order_quote(:'items')));
SELECT cost, available, replayed FROM dcx_order_reserve('org-hooli', :'items', 'order-2001', max_cost => 8269);
\echo '  A typing error in an order is an error that names it:'
\echo
\set ON_ERROR_STOP off
SELECT * FROM dcx_order_quote('[{"product": "BACKUP_GB"}, {"network": {"service": "PV_FIBRE_BUSINESS", "mpbs": 100}}]');
\set ON_ERROR_STOP on

\echo
\echo ==[ 9 ]== Somebody raises the price of RAM in AAS. "updatedAt" follows, and the next statement in MAIN uses it.
\echo
\c aas_product_data
CREATE EXTENSION dcx_pricing;
SELECT relation, trigger, note FROM dcx_attach_updated_at();
UPDATE products SET price = 42 WHERE code = 'RAM_GB';
SELECT code, price, "updatedAt" > now() - interval '1 minute' AS touched_just_now
  FROM products WHERE code IN ('RAM_GB', 'CPU_1GHZ') ORDER BY code DESC;
\c tour
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS rand_per_month;

\c aas_product_data
UPDATE products SET price = 37 WHERE code = 'RAM_GB';
\c tour
\echo '  And back again:'
\echo
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS rand_per_month;

\echo ==[ 10 ]== What if RAM cost 42 for good? A price book is a value: change it, compare it, price with it.
\echo
\echo '  SELECT jsonb_set(dcx_price_book(), ''{RAM_GB,price}'', ''42'') AS dearer'
\echo
SELECT dcx_price_book() AS book, jsonb_set(dcx_price_book(), '{RAM_GB,price}', '42') AS dearer \gset
SELECT * FROM dcx_price_book_diff(:'book', :'dearer');
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, :'book') AS now, dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40, :'dearer') AS then;
\echo '  How much more all VMs of the inventory would bring in:'
\echo
SELECT count(*) AS vms, sum(n.cost) AS now, sum(t.cost) AS then, sum(t.cost - n.cost) AS more
  FROM dcx_inventory_costs('2GHZ', book => :'book') n JOIN dcx_inventory_costs('2GHZ', book => :'dearer') t USING (uuid);

\echo ==[ 11 ]== AAS is down: a price is an error, unless you allow the newest saved price book.
\echo
\echo '  SELECT * FROM dcx_price_book_save();        -- while AAS was up'
\echo
SELECT changed, products FROM dcx_price_book_save();
ALTER SERVER dcx_aas OPTIONS (SET host 'localhost', ADD port '1');
\set ON_ERROR_STOP off
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
\set ON_ERROR_STOP on
\echo
\echo '  SET dcx_pricing.on_outage = saved;'
\echo
SET dcx_pricing.on_outage = saved;
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS rand_per_month;
SELECT source, read_at FROM dcx_price_book_stats();
RESET dcx_pricing.on_outage;
ALTER SERVER dcx_aas OPTIONS (SET host '127.0.0.1', DROP port);

\echo '==[ 12 ]== The platform''s two data-validation queries, unchanged. They read AAS through MAIN.'
\echo
\echo '  SET search_path = aas, public;'
\echo
SET search_path = aas, public;
-- The last digits of an average depend on the order of the rows.
SET extra_float_digits = 0;
-- Verify product catalog integrity
SELECT
  c.name as category,
  COUNT(p.id) as product_count,
  AVG(p.price) as avg_price
FROM categories c
LEFT JOIN products p ON p."categoryId" = c.id
GROUP BY c.id, c.name
ORDER BY product_count DESC;

-- Verify VM configurations
SELECT
  "group",
  "osType",
  COUNT(*) as template_count,
  AVG(vcpus) as avg_cpu,
  AVG(memory) as avg_memory_gb
FROM terraform_vm_config
GROUP BY "group", "osType"
ORDER BY template_count DESC;
RESET extra_float_digits;
RESET search_path;

\echo ==[ 13 ]== How often did this session ask AAS for prices? Count the remote_reads.
\echo
SELECT * FROM dcx_price_book_stats();

\echo ==[ 14 ]== What is wrong? We have just broken a time-out in MAIN and a price in AAS. The rest was never set up.
\echo
ALTER SERVER dcx_aas OPTIONS (DROP connect_timeout);
\c aas_product_data
UPDATE products SET price = 'NaN' WHERE code = 'DNS_ZONE';
\c tour
\echo '  SELECT * FROM dcx_check();'
\echo
SELECT area, severity, object, problem FROM dcx_check();
\echo '  Some rows have the SQL that fixes them. psql can run it. The price must be corrected in AAS:'
\echo
\echo '  SELECT fix FROM dcx_check() WHERE fix IS NOT NULL \\gexec'
\echo
SELECT fix FROM dcx_check() WHERE fix IS NOT NULL \gexec
\c aas_product_data
UPDATE products SET price = 25 WHERE code = 'DNS_ZONE';
\c tour
SELECT area, severity, object, problem FROM dcx_check();
\echo '  And for a dashboard:'
\echo
SELECT * FROM dcx_health();

\echo ==[ 15 ]== That was all. The tour ran in a database of its own, "tour", a copy of MAIN made before it.
\echo
\echo '  MAIN (datacentrix_cloud_local) has nothing attached yet: `make psql` opens it, and the examples of README.md'
\echo '  start there. To look at what the tour did, type this in psql:'
\echo
\echo '  \\c tour'
\echo '  SELECT * FROM dcx_wallet_statement(''org-acme'');'

-- Undo what newcomers should not find. In the tour database prices stay live: then a change in AAS can be seen at once.
ALTER DATABASE tour RESET dcx_pricing.max_price_age;
\c aas_product_data
SET client_min_messages = warning;
DROP EXTENSION dcx_pricing CASCADE;
UPDATE products SET "updatedAt" = :'catalog_updated_at' WHERE code IN ('RAM_GB', 'DNS_ZONE');
