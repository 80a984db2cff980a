-- The guided tour of `make demo`: run by psql in MAIN, on the fixtures, with AAS in another database.
\set QUIET on
\pset border 1
\pset footer off
\pset linestyle ascii
\set ON_ERROR_STOP on

\echo
\echo ==[ 1 ]== Two databases: the wallets are in MAIN, the prices are in AAS. One call joins them.
\echo
\echo '  CREATE EXTENSION dcx_pricing;'
\echo '  SELECT * FROM dcx_attach_aas(''postgresql://aas_reader:...@127.0.0.1/aas_product_data'');'
\echo '  SELECT * FROM dcx_attach_wallet();'
\echo
CREATE EXTENSION dcx_pricing;
SELECT relation, rows, note
  FROM dcx_attach_aas('postgresql://aas_reader:read%40aas%2F39%25@127.0.0.1/aas_product_data?schema=public');
SELECT relation, rows, note FROM dcx_attach_wallet();

\echo ==[ 2 ]== The catalog is there as ordinary tables of MAIN.
\echo
SELECT c.name AS category, count(*) AS products, min(p.price) AS from_rand, max(p.price) AS to_rand
  FROM aas.products p JOIN aas.categories c ON c.id = p."categoryId"
 GROUP BY c.name ORDER BY c.name;

\echo ==[ 3 ]== What a VM costs: 2 vCPU at 1 GHz, 4 GB of RAM, 40 GB of standard storage.
\echo
\echo '  SELECT dcx_vm_cost(''1GHZ'', 2, 4, ''STANDARD'', 40);'
\echo
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS rand_per_month;
\echo '  The lines behind it add up exactly:'
\echo
SELECT * FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40);

\echo ==[ 4 ]== All 24 templates, priced in one call.
\echo
SELECT name, os_type, cpus, ram_gb, storage_gb, cost FROM dcx_template_costs('2GHZ', 'PREMIUM') ORDER BY cost, name;

\echo ==[ 5 ]== Who can afford it? An organisation without a wallet is an error, never a no.
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
\echo ==[ 6 ]== RAM becomes dearer in AAS. MAIN knows with the next statement, and updatedAt with it.
\echo
\c aas_product_data
CREATE EXTENSION dcx_pricing;
SELECT relation, trigger, note FROM dcx_attach_updated_at();
UPDATE products SET price = 42 WHERE code = 'RAM_GB';
SELECT code, price, "updatedAt" > now() - interval '1 minute' AS touched_just_now
  FROM products WHERE code IN ('RAM_GB', 'CPU_1GHZ') ORDER BY code DESC;
\c datacentrix_cloud_local
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS rand_per_month;

\c aas_product_data
UPDATE products SET price = 37 WHERE code = 'RAM_GB';
\c datacentrix_cloud_local
\echo '  And back again:'
\echo
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40) AS rand_per_month;

\echo '==[ 7 ]== The platform''s two data-validation queries, unchanged, through the foreign tables.'
\echo
SET search_path = aas, public;
\echo '  Products without a category, and codes that are there twice (none is good news):'
\echo
SELECT p.code, p.title, p."categoryId"
  FROM products p LEFT JOIN categories c ON p."categoryId" = c.id
 WHERE c.id IS NULL OR p.code IN (SELECT code FROM products GROUP BY code HAVING count(*) > 1);
\echo '  Prices that pricing cannot do without:'
\echo
SELECT code, title, price, cost, round(((price - cost) / price * 100)::numeric, 1) AS margin_percent
  FROM products
 WHERE code LIKE 'CPU_%' OR code LIKE 'RAM_%' OR code LIKE 'STORAGE_%'
 ORDER BY code;
RESET search_path;

\echo ==[ 8 ]== And what it took: how often this session asked AAS.
\echo
SELECT * FROM dcx_price_book_stats();
