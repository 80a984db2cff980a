-- What a VM earns.
\c regress_dcx_main
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price float8, cost float8);
INSERT INTO aas.products VALUES ('CPU_1GHZ', 'vCPU - 1GHz', 78, 52), ('CPU_FREE', 'Gift', 0, 0), ('CPU_LOSS', 'Loss leader', 10, 12.005),
    ('CPU_DARK', 'Cost unknown', 10, NULL), ('CPU_ODD', 'Cost is no number', 10, 'NaN'), ('CPU_EVEN', 'At cost', 10, 10),
    ('RAM_GB', 'RAM', 37, 24.5), ('STORAGE_STANDARD', 'Standard Storage', 1.8, 1.1);
SELECT note FROM dcx_attach_aas();
SELECT * FROM dcx_vm_margin('1GHZ', 2, 4, 'STANDARD', 40);
SELECT line, quantity, cost_price, profit, margin_percent FROM dcx_vm_margin('1GHZ', 2::float8, 0.5, 'STANDARD', 0);
SELECT code, unit_price, unit_cost_price, amount, cost_price, profit, margin_percent
  FROM unnest('{FREE,LOSS,DARK,ODD,EVEN}'::text[]) AS cpu, dcx_vm_margin(cpu, 1, 1, 'STANDARD', 1) WHERE line = 1;
-- The amounts are the quote's.
SELECT bool_and(m.amount = q.amount AND m.title = q.title AND m.profit = m.amount - m.cost_price) AS same
  FROM dcx_vm_margin('1GHZ', 3, 4.25, 'STANDARD', 40.5) m JOIN dcx_vm_quote('1GHZ', 3, 4.25, 'STANDARD', 40.5) q USING (line);
SELECT m.quantity = q.quantity AND m.amount = q.amount AS same, m.quantity
  FROM dcx_vm_margin('1GHZ', 1::float8, 9007199254740991, 'STANDARD', 1) m
  JOIN dcx_vm_quote('1GHZ', 1::float8, 9007199254740991, 'STANDARD', 1) q USING (line) WHERE line = 2;
SELECT f.* FROM unnest(ARRAY[$$dcx_vm_margin('9GHZ', 2, 4, 'STANDARD', 40)$$, $$dcx_vm_margin('1GHZ', 'NaN'::float8, 4, 'STANDARD', 40)$$,
    $$dcx_vm_margin('1GHZ', 0, 4, 'STANDARD', 40)$$]) call, test.failure('SELECT * FROM ' || call) f;
SELECT * FROM dcx_vm_margin(NULL, 2, 4, 'STANDARD', 40);
-- Costs are those of the saved book when that answers.
SELECT changed FROM dcx_price_book_save();
UPDATE aas.products SET cost = 60;
SET dcx_pricing.max_price_age = '1h';
SELECT unit_cost_price FROM dcx_vm_margin('1GHZ', 2, 4, 'STANDARD', 40);
RESET dcx_pricing.max_price_age;
-- A catalog need not have costs.
ALTER TABLE aas.products DROP cost;
SELECT code, unit_cost_price, profit, margin_percent FROM dcx_vm_margin('1GHZ', 2, 4, 'STANDARD', 40);
-- EXECUTE is not granted to PUBLIC.
SET ROLE regress_dcx_app;
SELECT * FROM dcx_vm_margin('1GHZ', 2, 4, 'STANDARD', 40);
RESET ROLE;
SELECT count(*) FROM dcx_detach('aas');
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA aas CASCADE;
