-- The VMs that there are, priced for CPU and RAM.
\c regress_dcx_main
CREATE SCHEMA aas;
CREATE TABLE aas.products (code text, title text, price float8);
INSERT INTO aas.products VALUES ('CPU_1GHZ', 'vCPU - 1GHz', 78), ('CPU_2GHZ', 'vCPU - 2GHz', 155), ('RAM_GB', 'RAM', 37);
SELECT note FROM dcx_attach_aas();

SELECT * FROM dcx_inventory_costs('2GHZ') ORDER BY uuid LIMIT 4;
-- RAM that is not a whole number of GB is priced exactly.
SELECT name, cpus, ram_gb, cost FROM dcx_inventory_costs('1GHZ') WHERE ram_gb <> trunc(ram_gb) ORDER BY uuid;
-- Exactly the rows that are current. NULL is not current.
SELECT count(*), sum(cost) = (SELECT sum(155 * cpu_count + 37 * memory_size_mib / 1024.0) FROM vcenter_vm_data_vms WHERE is_current) AS exact,
       count(*) = (SELECT count(*) FROM vcenter_vm_data_vms WHERE is_current) AS all_of_them, count(note) AS notes
  FROM dcx_inventory_costs('2GHZ');
SELECT power_state, count(*), sum(cost) FROM dcx_inventory_costs('2GHZ') GROUP BY 1 ORDER BY 1;

-- With two books: what a price change would bring.
SELECT sum(new.cost - old.cost) AS more FROM dcx_inventory_costs('2GHZ') old
  JOIN dcx_inventory_costs('2GHZ', book => jsonb_set(dcx_price_book(), '{RAM_GB,price}', '40')) new USING (uuid);
SELECT count(*), count(cost) FROM dcx_inventory_costs('2GHZ', NULL, dcx_price_book());

-- Another inventory, and VMs that cannot be priced.
CREATE TABLE test.vms (LIKE vcenter_vm_data_vms);
ALTER TABLE test.vms ALTER cpu_count TYPE numeric, ALTER memory_size_mib TYPE float8, ALTER identity_instance_uuid TYPE uuid USING NULL,
    ALTER identity_name DROP NOT NULL;
INSERT INTO test.vms (identity_instance_uuid, identity_name, cpu_count, memory_size_mib, is_current)
SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, name, cpus, mib, current
  FROM (VALUES (1, 'good', 2::numeric, 4096::float8, true), (2, 'no cpus', NULL, 4096, true), (3, 'no ram', 2, NULL, true), (4, 'half a cpu', 0.5, 4096, true),
               (5, 'zero ram', 2, 0, true), (6, 'NaN', 2, 'NaN', true), (7, NULL, 1e12, 1, true), (8, 'gone', 2, 4096, false), (9, 'who knows', 2, 4096, NULL))
       AS v (n, name, cpus, mib, current);
SELECT * FROM dcx_inventory_costs('2GHZ', 'test.vms') ORDER BY uuid;
-- It is read as the caller.
SET ROLE regress_dcx_app;
SELECT state, message FROM test.failure($$SELECT count(*) FROM dcx_inventory_costs('2GHZ', 'test.vms')$$);
RESET ROLE;
GRANT SELECT ON test.vms TO regress_dcx_app;
ALTER TABLE test.vms ENABLE ROW LEVEL SECURITY;
CREATE POLICY named ON test.vms USING (identity_name LIKE 'g%');
SET ROLE regress_dcx_app;
SELECT count(*), sum(cost) FROM dcx_inventory_costs('2GHZ', 'test.vms');
RESET ROLE;

-- Refused.
CREATE VIEW test.poor AS SELECT identity_instance_uuid, identity_name FROM test.vms;
CREATE VIEW test.wordy AS SELECT identity_instance_uuid, identity_name, vcenter_name, resource_pool_name, power_state, cpu_count::text, memory_size_mib, is_current FROM test.vms;
SELECT f.* FROM unnest(ARRAY[$$dcx_inventory_costs('9GHZ')$$, $$dcx_inventory_costs('9GHZ', 'test.vms')$$, $$dcx_inventory_costs('2GHZ', 'test.poor')$$,
    $$dcx_inventory_costs('2GHZ', 'test.wordy')$$, $$dcx_inventory_costs('2GHZ', book => '{"CPU_2GHZ": {"price": 1}}')$$, $$dcx_inventory_costs('2GHZ', book => '5')$$,
    $$dcx_inventory_costs('2GHZ', '1'::regclass)$$]) call,
    test.failure('SELECT * FROM ' || call) f \gx
SELECT * FROM dcx_inventory_costs(NULL);
SET search_path = pg_catalog;
SELECT * FROM test.failure($$SELECT * FROM public.dcx_inventory_costs('2GHZ')$$) \gx
RESET search_path;
SELECT count(*) FROM dcx_detach('aas');
\set VERBOSITY terse
SET client_min_messages = warning;
DROP VIEW test.poor, test.wordy;
DROP TABLE test.vms;
DROP SCHEMA aas CASCADE;
