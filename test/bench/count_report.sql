-- The table that ends bench-count, from lines of KEY VALUE on standard input, one for each peer that was measured.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE TEMP TABLE sample (key text PRIMARY KEY, value numeric);
\copy sample FROM pstdin WITH (DELIMITER ' ')

-- What is compared with two statements by hand. Rows are counted by the statement.
INSERT INTO sample SELECT key || '_twice', 2 * value FROM sample WHERE key LIKE '%by\_hand';
UPDATE sample SET value = value / 100000 WHERE key LIKE 'rows%';

-- The rows of the table, what they are compared with, and what the ratio to that should be at least. Without a target it
-- is only reported.
CREATE TEMP TABLE line (
    n integer GENERATED ALWAYS AS IDENTITY, measured text, peer text, key text, unit text, other text, target numeric);
INSERT INTO line (measured, peer, key, unit, other, target) VALUES
    ('Debit', 'by hand', 'debit_by_hand', 'k', NULL, NULL),
    ('', 'dcx_wallet_debit', 'debit_dcx', 'k', 'debit_by_hand', 1.0),
    ('', '... all captured, time passed', 'quiet_dcx', 'k', 'debit_by_hand', NULL),
    ('', '... after a hold has expired', 'expired_dcx', 'k', 'debit_by_hand', NULL),
    ('Hold, capture', 'by hand, two debits', 'debit_by_hand_twice', 'k', NULL, NULL),
    ('', 'dcx_wallet_hold', 'hold_dcx', 'k', 'debit_by_hand', NULL),
    ('', 'dcx_wallet_hold, dcx_wallet_capture', 'capture_dcx', 'k', 'debit_by_hand_twice', 1.05),
    ('... "updatedAt" by triggers', 'by hand, moddatetime', 'stamped_by_hand', 'k', NULL, NULL),
    ('', 'dcx_wallet_debit', 'stamped_debit', 'k', 'stamped_by_hand', NULL),
    ('', 'by hand, two debits', 'stamped_by_hand_twice', 'k', NULL, NULL),
    ('', 'dcx_wallet_hold, dcx_wallet_capture', 'stamped_capture', 'k', 'stamped_by_hand_twice', 0.95),
    ('Can it pay?', 'SELECT balance >= cost', 'afford_select', 'k', NULL, NULL),
    ('', 'dcx_wallet_can_afford', 'afford_dcx', 'k', 'afford_select', 0.75),
    ('A price, local catalog', 'floor', 'price_floor', 'k', NULL, NULL),
    ('', 'dcx_vm_cost', 'price_dcx', 'k', 'price_floor', NULL),
    ('... after another''s commit', 'floor', 'beside_floor', 'k', NULL, NULL),
    ('', 'dcx_vm_cost, 39 products', 'beside_dcx', 'k', 'beside_floor', 0.6),
    ('', '... 10,000 products', 'beside_10000', 'k', 'beside_floor', 0.6),
    ('100,000 rows', 'floor', 'rows_floor', 'a row', NULL, NULL),
    ('', 'dcx_vm_cost', 'rows_dcx', 'a row', 'rows_floor', 0.8),
    ('Fresh backend', 'loading the library', 'first_dcx', 'k', NULL, NULL),
    ('WAL', 'by hand', 'wal_by_hand', 'bytes', NULL, NULL),
    ('', 'dcx_wallet_debit', 'wal_debit', 'bytes', 'wal_by_hand', 0.64),
    ('', 'by hand, two debits', 'wal_by_hand_twice', 'bytes', NULL, NULL),
    ('', 'dcx_wallet_hold, dcx_wallet_capture', 'wal_capture', 'bytes', 'wal_by_hand_twice', NULL),
    ('Processor time, with the kernel''s', 'by hand', 'time_by_hand', 'us', NULL, NULL),
    ('', 'dcx_wallet_debit', 'time_debit', 'us', 'time_by_hand', 0.9),
    ('', 'by hand, two debits', 'time_by_hand_twice', 'us', NULL, NULL),
    ('', 'dcx_wallet_hold, dcx_wallet_capture', 'time_capture', 'us', 'time_by_hand_twice', 0.9);

-- What nobody would see was measured in vain.
DO $$
DECLARE
    astray text := (SELECT string_agg(key, ', ') FROM sample WHERE key NOT IN (SELECT key FROM line));
BEGIN
    ASSERT astray IS NULL, astray;
END $$;

-- The verdict is on the ratio as it is shown.
\pset footer off
\pset null ''
SELECT measured, peer,
       CASE unit WHEN 'k' THEN to_char(line_sample.value / 1000, 'FM999,990.0') || ' k'
                 WHEN 'us' THEN to_char(line_sample.value, 'FM999,990.0') || ' us'
                 ELSE to_char(line_sample.value, 'FM999,990') || ' ' || unit END AS each,
       ratio,
       '>= ' || target AS target,
       CASE WHEN ratio >= target THEN 'met' WHEN target IS NOT NULL THEN 'NOT MET' END AS met
FROM line
JOIN sample AS line_sample ON line_sample.key = line.key
LEFT JOIN sample AS other_sample ON other_sample.key = other,
LATERAL (SELECT round(other_sample.value / line_sample.value, 2)) AS figures (ratio)
ORDER BY n;

\echo k: thousands of instructions a call. ratio: to what stands above it, higher is better.
