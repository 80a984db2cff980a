-- The table that ends a bench, from lines of KEY VALUE on standard input: one for each turn of each peer.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE TEMP TABLE sample (key text, value double precision);
\copy sample FROM pstdin WITH (DELIMITER ' ')

-- PL/pgSQL priced one row in 50.
UPDATE sample SET value = 50 * value WHERE key LIKE 'few%';

-- A hold and its capture are two transactions, and are compared with two.
INSERT INTO sample SELECT key || '_twice', value / 2 FROM sample WHERE key IN ('two_by_hand', 'crowd_by_hand');

-- The rows of the table.
CREATE TEMP TABLE line (
    n integer GENERATED ALWAYS AS IDENTITY, measured text, peer text, key text PRIMARY KEY, unit text);
INSERT INTO line (measured, peer, key, unit) VALUES
    ('1,000,000 rows', 'floor: C, touches its arguments', 'rows_floor', 'ms'),
    ('', 'dcx_vm_cost', 'rows_dcx', 'ms'),
    ('', 'dcx_vm_cost, numeric columns', 'rows_numeric', 'ms'),
    ('', '... book of 39 products, a constant', 'rows_book', 'ms'),
    ('', '... of 10,000', 'rows_book_10000', 'ms'),
    ('', '... of 39, (SELECT dcx_price_book())', 'rows_subquery', 'ms'),
    ('', '... of 10,000 (20,000 rows, x 50)', 'few_subquery_10000', 'ms'),
    ('', 'PL/pgSQL, 3 lookups (20,000 rows, x 50)', 'few_plpgsql', 'ms'),
    ('', '... in floating point, unchecked (x 50)', 'few_plpgsql_careless', 'ms'),
    ('', 'join of 3', 'rows_join', 'ms'),
    ('', '... in floating point', 'rows_join_careless', 'ms'),
    ('20,000 orders of 10 VMs', 'dcx_vm_quote, each on its own', 'orders_singly', 'ms'),
    ('', 'dcx_order_quote', 'orders_dcx', 'ms'),
    ('A call a transaction, local', 'floor', 'local_floor', 'tps'),
    ('', 'dcx_vm_cost', 'local_dcx', 'tps'),
    ('', '... saved book of 39 products', 'local_saved', 'tps'),
    ('', '... of 10,000', 'local_saved_10000', 'tps'),
    ('... beside unrelated commits', 'floor', 'beside_floor', 'tps'),
    ('', 'dcx_vm_cost', 'beside_dcx', 'tps'),
    ('', '... catalog of 10,000 products', 'beside_10000', 'tps'),
    ('', '... saved book of 39', 'beside_saved', 'tps'),
    ('', '... of 10,000', 'beside_saved_10000', 'tps'),
    ('', 'the commits, beside floor', 'beside_floor_commits', 'tps'),
    ('', 'the commits, beside dcx_vm_cost', 'beside_dcx_commits', 'tps'),
    ('', '... catalog of 10,000 products', 'beside_10000_commits', 'tps'),
    ('', '... saved book of 39', 'beside_saved_commits', 'tps'),
    ('', '... of 10,000', 'beside_saved_10000_commits', 'tps'),
    ('A call a transaction, foreign', 'PL/pgSQL, 3 lookups', 'foreign_plpgsql', 'tps'),
    ('', 'dcx_vm_cost', 'foreign_dcx', 'tps'),
    ('', 'remote reads each, PL/pgSQL', 'foreign_plpgsql_reads', 'reads'),
    ('', 'remote reads each, dcx_vm_cost', 'foreign_dcx_reads', 'reads'),
    ('1,000,000 rows updated', 'no trigger', 'update_none', 'ms'),
    ('', 'moddatetime', 'update_moddatetime', 'ms'),
    ('', 'dcx_set_updated_at', 'update_dcx', 'ms'),
    ('', 'PL/pgSQL', 'update_plpgsql', 'ms'),
    ('1,000,000 rows, other catalogs', 'dcx_vm_cost, 100 products', 'vm_100', 'ms'),
    ('', 'dcx_vm_cost, 100,000 products', 'vm_100000', 'ms'),
    ('', 'dcx_product_cost, any of 100', 'product_100', 'ms'),
    ('', 'dcx_product_cost, any of 100,000', 'product_100000', 'ms'),
    ('Price book', 'load of 100 products', 'load_100', 'ms'),
    ('', 'load of 100,000', 'load_100000', 'ms'),
    ('', 'memory of 100', 'bytes_100', 'bytes'),
    ('', 'memory of 100,000', 'bytes_100000', 'bytes'),
    ('Debit, 10,000 wallets, 2 clients', 'by hand', 'two_by_hand', 'tps'),
    ('', '... with account row and table of keys', 'two_by_hand_account', 'tps'),
    ('', 'dcx_wallet_debit', 'two_dcx', 'tps'),
    ('', 'by hand, two debits', 'two_by_hand_twice', 'tps'),
    ('', 'dcx_wallet_hold, dcx_wallet_capture', 'two_capture', 'tps'),
    ('... 16 clients', 'by hand', 'crowd_by_hand', 'tps'),
    ('', '... with account row and table of keys', 'crowd_by_hand_account', 'tps'),
    ('', 'dcx_wallet_debit', 'crowd_dcx', 'tps'),
    ('', 'by hand, two debits', 'crowd_by_hand_twice', 'tps'),
    ('', 'dcx_wallet_hold, dcx_wallet_capture', 'crowd_capture', 'tps'),
    ('... one hot wallet, 8 clients', 'by hand', 'hot_by_hand', 'tps'),
    ('', '... with account row and table of keys', 'hot_by_hand_account', 'tps'),
    ('', 'dcx_wallet_debit', 'hot_dcx', 'tps'),
    ('Can it pay? 10,000 wallets', 'SELECT balance >= cost', 'afford_select', 'tps'),
    ('', 'dcx_wallet_can_afford', 'afford_dcx', 'tps'),
    ('dcx_wallet_debit, not its commit', 'few entries and holds', 'debit_few', 'ms'),
    ('', '1,000,000 of both', 'debit_many', 'ms'),
    ('', 'the first after the holds expired', 'debit_expired', 'ms'),
    ('', 'the next', 'debit_next', 'ms'),
    ('Audit', '1,000,000 entries, 1,000,000 holds', 'audit', 'ms');

-- What they are compared with, and what the ratio to that should be; without a target it is only reported.
CREATE TEMP TABLE comparison (key text, other text, words text, sense text, target numeric, UNIQUE (key, other));
INSERT INTO comparison VALUES
    ('rows_dcx', 'rows_floor', 'floor', '<=', 1.25),
    ('rows_numeric', 'rows_floor', 'floor', '<=', 3),
    ('rows_book', 'rows_dcx', 'dcx_vm_cost', '<=', 1.5),
    ('rows_book_10000', 'rows_dcx', 'dcx_vm_cost', NULL, NULL),
    ('rows_subquery', 'rows_dcx', 'dcx_vm_cost', NULL, NULL),
    ('few_subquery_10000', 'rows_dcx', 'dcx_vm_cost', NULL, NULL),
    ('few_plpgsql', 'rows_dcx', 'dcx_vm_cost', '>=', 100),
    ('few_plpgsql_careless', 'rows_dcx', 'dcx_vm_cost', NULL, NULL),
    ('rows_join', 'rows_dcx', 'dcx_vm_cost', '>=', 8),
    ('rows_join_careless', 'rows_dcx', 'dcx_vm_cost', NULL, NULL),
    ('orders_dcx', 'orders_singly', 'singly', '<=', 1.2),
    ('local_dcx', 'local_floor', 'floor', '>=', 0.9),
    ('local_saved', 'local_floor', 'floor', '>=', 0.8),
    ('local_saved_10000', 'local_floor', 'floor', '>=', 0.8),
    ('beside_dcx', 'beside_floor', 'floor', '>=', 0.6),
    ('beside_10000', 'beside_floor', 'floor', '>=', 0.6),
    ('beside_saved', 'beside_floor', 'floor', '>=', 0.8),
    ('beside_saved_10000', 'beside_floor', 'floor', '>=', 0.8),
    ('foreign_dcx', 'foreign_plpgsql', 'PL/pgSQL', '>=', 1.5),
    ('foreign_dcx_reads', NULL, NULL, '=', 1),
    ('update_dcx', 'update_moddatetime', 'moddatetime', '<=', 1),
    ('update_plpgsql', 'update_moddatetime', 'moddatetime', NULL, NULL),
    ('vm_100000', 'vm_100', '100 products', '<=', 1.2),
    ('product_100000', 'product_100', '100 products', NULL, NULL),
    ('two_by_hand_account', 'two_by_hand', 'by hand', NULL, NULL),
    ('two_dcx', 'two_by_hand', 'by hand', '>=', 0.9),
    ('two_dcx', 'two_by_hand_account', 'with account', NULL, NULL),
    ('two_capture', 'two_by_hand_twice', 'by hand, two debits', '>=', 0.9),
    ('two_capture', 'two_by_hand_account', 'with account', NULL, NULL),
    ('crowd_by_hand_account', 'crowd_by_hand', 'by hand', NULL, NULL),
    ('crowd_dcx', 'crowd_by_hand', 'by hand', '>=', 0.9),
    ('crowd_dcx', 'crowd_by_hand_account', 'with account', NULL, NULL),
    ('crowd_capture', 'crowd_by_hand_twice', 'by hand, two debits', '>=', 0.9),
    ('crowd_capture', 'crowd_by_hand_account', 'with account', NULL, NULL),
    ('hot_by_hand_account', 'hot_by_hand', 'by hand', NULL, NULL),
    ('hot_dcx', 'hot_by_hand', 'by hand', '>=', 0.9),
    ('hot_dcx', 'hot_by_hand_account', 'with account', NULL, NULL),
    ('afford_dcx', 'afford_select', 'SELECT', '>=', 0.8),
    ('debit_many', 'debit_few', 'few', '<=', 1.3);

-- A row without samples, samples without a row: something was not measured, or would not be shown.
DO $$
DECLARE
    astray text := (SELECT string_agg(DISTINCT key, ', ') FROM line FULL JOIN sample USING (key)
                    WHERE n IS NULL OR value IS NULL);
BEGIN
    ASSERT astray IS NULL, astray;
END $$;

-- The best of a peer's turns; of remote reads, and of memory, the worst.
CREATE TEMP TABLE result AS
SELECT key, best, 100 * abs(middle / best - 1) AS spread
FROM (SELECT key,
             CASE unit WHEN 'ms' THEN min(value) ELSE max(value) END AS best,
             percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS middle
      FROM line JOIN sample USING (key)
      GROUP BY key) turns;

-- The verdict is on the ratio as it is shown. A second comparison stands below the first.
\pset footer off
\pset null ''
SELECT CASE WHEN NOT again THEN measured END AS measured,
       CASE WHEN NOT again THEN peer END AS peer,
       CASE WHEN NOT again THEN
           to_char(best, CASE WHEN best < 10 THEN 'FM990.00' ELSE 'FM999,999,990' END) || ' ' || unit
           || CASE WHEN key LIKE 'load%' THEN to_char(1000 * best / products, '", "FM990.00" us each"')
                   WHEN key LIKE 'bytes%' THEN to_char(best / products, '", "FM990" each"')
                   WHEN unit = 'tps' AND key ~ '^(local|beside|foreign)_' AND key !~ '_commits$' THEN
                       to_char(1e6 / best, '", "FM999,990" us each"')
                   ELSE '' END
       END AS best,
       CASE WHEN NOT again THEN to_char(spread, 'FM990" %"') END AS spread,
       ratio || ' x ' || words AS ratio,
       sense || ' ' || target AS target,
       CASE WHEN CASE sense WHEN '<=' THEN ratio <= target
                            WHEN '>=' THEN ratio >= target
                            WHEN '=' THEN ratio = target END THEN 'met'
            WHEN sense IS NOT NULL THEN 'NOT MET' END AS met
FROM line
JOIN result USING (key)
LEFT JOIN comparison USING (key)
LEFT JOIN (SELECT key AS other, best AS other_best FROM result) others USING (other),
LATERAL (SELECT round((best / coalesce(other_best, 1))::numeric, 2) AS ratio,
                substring(key FROM '\d+$')::integer AS products,
               sense IS NULL AND EXISTS (SELECT FROM comparison c WHERE c.key = line.key AND c.sense IS NOT NULL)
                   AS again) figures
ORDER BY n, again;

\echo best: of the turns the peer had. spread: how far from it their median is. The target is for the ratio.
