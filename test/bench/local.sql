-- The database whose catalog is local: the catalog, what is to be priced and updated, the peers.
--     psql -v floor=/path/to/floor -v rows=1000000 -f local.sql

\set ON_ERROR_STOP on
SET client_min_messages = warning;

CREATE SCHEMA aas;
SET search_path = aas;
\ir ../fixtures/aas.sql
RESET search_path;

CREATE EXTENSION dcx_pricing;
SELECT FROM dcx_attach_aas();

-- --------------------------------------------------------------------------------------------------
-- Rows to price. What is large is UNLOGGED: WAL would be the same for every peer, and only adds noise.
-- --------------------------------------------------------------------------------------------------

SELECT setseed(0.25);
CREATE UNLOGGED TABLE vms AS
SELECT (ARRAY['1GHZ', '2GHZ'])[1 + floor(random() * 2)::integer] AS cpu_type,
       1 + floor(random() * 16)::integer AS cpus,
       1 + floor(random() * 64)::integer AS ram_gb,
       (ARRAY['STANDARD', 'PREMIUM'])[1 + floor(random() * 2)::integer] AS storage_type,
       10 + floor(random() * 990)::integer AS gb
FROM generate_series(1, :rows);

CREATE UNLOGGED TABLE vms_numeric AS
SELECT cpu_type, cpus::numeric, ram_gb::numeric, storage_type, gb::numeric FROM vms;

-- One in 50, which report.sql knows: PL/pgSQL takes too long for all of them.
CREATE VIEW few_vms AS SELECT * FROM vms LIMIT 20000;

\ir peers.sql

CREATE FUNCTION floor_cost(cpu_type text, cpus integer, ram_gb integer, storage_type text, gb integer)
RETURNS numeric AS :'floor', 'bench_floor' LANGUAGE C STABLE STRICT COST 10;

CREATE VIEW joined AS
SELECT cpu.price::numeric * cpus + ram.price::numeric * ram_gb + storage.price::numeric * gb AS cost,
       cpu.price * cpus + ram.price * ram_gb + storage.price * gb AS careless_cost
FROM vms
JOIN aas.products cpu ON cpu.code = 'CPU_' || cpu_type
JOIN aas.products ram ON ram.code = 'RAM_GB'
JOIN aas.products storage ON storage.code = 'STORAGE_' || storage_type;

-- Orders of ten VMs, and the same VMs each on its own.
CREATE UNLOGGED TABLE single_vms AS SELECT * FROM vms LIMIT 200000;
CREATE UNLOGGED TABLE orders AS
SELECT jsonb_agg(jsonb_build_object('vm', jsonb_build_object('cpu_type', cpu_type, 'cpus', cpus, 'ram_gb', ram_gb,
                                                             'storage_type', storage_type, 'gb', gb))) AS items
FROM (SELECT *, row_number() OVER () AS n FROM single_vms) numbered
GROUP BY n % 20000;

-- What commits beside the transactions that are measured.
CREATE TABLE unrelated AS SELECT 0 AS n;

-- --------------------------------------------------------------------------------------------------
-- Catalogs of two sizes: the fixture's products, fillers, and a million of all their codes in disorder
-- --------------------------------------------------------------------------------------------------

CREATE PROCEDURE make_catalog(schema text, size integer) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE SCHEMA %I', schema);
    PERFORM set_config('search_path', schema, true);
    CREATE TABLE products (LIKE aas.products INCLUDING ALL);
    INSERT INTO products SELECT * FROM aas.products;
    INSERT INTO products (id, title, price, cost, "categoryId", code, "updatedAt")
    SELECT 'filler' || i, 'Filler ' || i, i / 100.0, 0, 'cm5cat000001', 'FILLER_' || i, now()
    FROM generate_series(1, size - (SELECT count(*) FROM aas.products)) i;
    CREATE UNLOGGED TABLE codes AS
    SELECT code FROM products, generate_series(1, 1000000 / size) ORDER BY random();
END $$;
CALL make_catalog('catalog_100', 100);
CALL make_catalog('catalog_10000', 10000);
CALL make_catalog('catalog_100000', 100000);

-- What the first of two calls takes longer than the second: the load of the book, in milliseconds.
CREATE FUNCTION load_ms() RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz[];
BEGIN
    FOR i IN 1..3 LOOP
        at[i] := clock_timestamp();
        PERFORM dcx_vm_cost('2GHZ', 2, 4, 'STANDARD', 40);
    END LOOP;
    RETURN 1000 * extract(epoch FROM (at[2] - at[1]) - (at[3] - at[2]));
END $$;

-- --------------------------------------------------------------------------------------------------
-- Rows to update: products, without indexes, so that the trigger's part of the time is as large as can be
-- --------------------------------------------------------------------------------------------------

CREATE EXTENSION moddatetime;

CREATE FUNCTION plpgsql_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW."updatedAt" := now();
    RETURN NEW;
END $$;

CREATE UNLOGGED TABLE stock (LIKE aas.products);
INSERT INTO stock SELECT p.* FROM generate_series(1, 25642), aas.products p LIMIT 1000000;

-- --------------------------------------------------------------------------------------------------

VACUUM ANALYZE;

-- Peers that disagree would be none.
DO $$
DECLARE
    joined_sum numeric := (SELECT sum(cost) FROM joined);
BEGIN
    ASSERT joined_sum = (SELECT sum(dcx_vm_cost(cpu_type, cpus, ram_gb, storage_type, gb)) FROM vms);
    ASSERT joined_sum = (SELECT sum(dcx_vm_cost(cpu_type, cpus, ram_gb, storage_type, gb)) FROM vms_numeric);
    ASSERT (SELECT sum(amount) FROM orders, dcx_order_quote(items))
        = (SELECT sum(dcx_vm_cost(cpu_type, cpus, ram_gb, storage_type, gb)) FROM single_vms);
    ASSERT 20000 = (SELECT count(*) FROM few_vms
                    WHERE plpgsql_cost(cpu_type, cpus, ram_gb, storage_type, gb)
                        = dcx_vm_cost(cpu_type, cpus, ram_gb, storage_type, gb));
END $$;
