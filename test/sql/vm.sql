-- What a VM costs: the formula, its call shapes, its errors. On the real catalog.
\getenv dir PG_ABS_SRCDIR
\set connection :dir '/fixtures/connection.sql'
\i :connection
\c regress_dcx_main
SELECT relation, rows FROM dcx_attach_aas(:'aas_url');

-- 2 x 78 + 4 x 37 + 40 x 1.80
SELECT dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', 40);
SELECT * FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', 40);
SELECT * FROM dcx_vm_quote('2GHZ', 2, 4.5, 'PREMIUM', 0.125::numeric);
-- The amounts add up to the cost exactly.
SELECT t, c, r, s, g, cost, sum FROM
    (VALUES ('1GHZ', 1, 0.001, 'STANDARD', 0.333), ('2GHZ', 64, 1536.75, 'PREMIUM', 1e6 / 7)) v (t, c, r, s, g),
    dcx_vm_cost(t, c, r, s, g) cost,
    LATERAL (SELECT sum(amount) FROM dcx_vm_quote(t, c, r, s, g)) q
 WHERE sum = cost;
-- Shown with two decimals, with more only where the value has more.
SELECT dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 0), dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 0.5),
       dcx_vm_cost('1GHZ', 1, 1, 'STANDARD', 0.001), dcx_vm_cost('1GHZ', 1, 1.50, 'STANDARD', 1.000);

-- Every shape of call resolves and answers the same.
PREPARE untyped AS SELECT dcx_vm_cost($1, $2, $3, $4, $5);
EXECUTE untyped ('1GHZ', 2, 4, 'STANDARD', 40);
PREPARE bigints (text, bigint, bigint, text, bigint) AS SELECT dcx_vm_cost($1, $2, $3, $4, $5);
EXECUTE bigints ('1GHZ', 2, 4, 'STANDARD', 40);
PREPARE numerics (text, numeric, numeric, text, numeric) AS SELECT dcx_vm_cost($1, $2, $3, $4, $5);
EXECUTE numerics ('1GHZ', 2, 4, 'STANDARD', 40);
PREPARE mixed (text, bigint, numeric, text, numeric) AS SELECT dcx_vm_cost($1, $2, $3, $4, $5);
EXECUTE mixed ('1GHZ', 2, 4, 'STANDARD', 40);
SELECT dcx_vm_cost('1GHZ', '2', '4', 'STANDARD', '40');
SELECT dcx_vm_cost('1GHZ', 2::smallint, 4::bigint, 'STANDARD', 40::real);
SELECT dcx_vm_cost('1GHZ', 2, 4::numeric, 'STANDARD', 40.0::float8);
SELECT dcx_vm_cost('1GHZ'::varchar, 2::numeric, 4::float8, 'STANDARD'::char(8), 40::bigint);
SELECT dcx_vm_cost(cpu_type => '1GHZ', cpus => 2, ram_gb => 4, storage_type => 'STANDARD', gb => 40);
SELECT sum(dcx_vm_cost('1GHZ', c, r, 'STANDARD', g)) FROM (VALUES (2::int2, 4::int8, 40::float4)) v (c, r, g);

-- NULL in, NULL out.
SELECT dcx_vm_cost(NULL, 2, 4, 'STANDARD', 40), dcx_vm_cost('1GHZ', NULL, 4, 'STANDARD', 40),
       dcx_vm_cost('1GHZ', 2, NULL::numeric, 'STANDARD', 40), dcx_vm_cost('1GHZ', 2, 4, NULL, 40),
       dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', NULL), dcx_product_cost(NULL), dcx_product_cost('RAM_GB', NULL::numeric);
SELECT * FROM dcx_vm_quote('1GHZ', 2, 4, 'STANDARD', NULL);
SELECT * FROM dcx_template_costs('1GHZ', NULL);

-- Codes match without case when only one does.
SELECT dcx_vm_cost('1ghz', 2, 4, 'Standard', 40);

-- Refused.
SELECT f.* FROM (VALUES
    ($$dcx_vm_cost('3GHZ', 2, 4, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 2, 4, 'TAPE', 40)$$),
    ($$dcx_vm_cost('', 2, 4, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 1.5, 4, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 1.5::float8, 4, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 0, 4, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', -1::numeric, 4, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 2, 0, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 2, -0.5, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', -1)$$),
    ($$dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', -0.001::float8)$$),
    ($$dcx_vm_cost('1GHZ', 'NaN', 4, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 2, 'infinity', 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', '-infinity')$$),
    ($$dcx_vm_cost('1GHZ', 'NaN'::numeric, 4, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 2, 'infinity'::numeric, 'STANDARD', 40)$$),
    ($$dcx_vm_cost('1GHZ', 2, 4, 'STANDARD', '-infinity'::numeric)$$),
    ($$dcx_product_cost('RAM_GB', -1)$$),
    ($$dcx_product_cost('RAM_GB', 'NaN'::float8)$$)) v (call),
    LATERAL test.failure('SELECT ' || call) f \gx

SELECT * FROM test.failure($$SELECT dcx_product_cost('NO_SUCH')$$) \gx
SELECT state, message, detail FROM test.failure($$SELECT dcx_product_cost('')$$);

-- Nothing overflows silently: beyond 64 bits it is numeric, beyond numeric an error.
SELECT dcx_vm_cost('2GHZ', 2147483647, 2147483647, 'PREMIUM', 2147483647) =
       2147483647::numeric * (155 + 37 + 2.75) AS exact;
SELECT dcx_vm_cost('2GHZ', 9007199254740992, 9007199254740992, 'PREMIUM', 9007199254740992) =
       9007199254740992::numeric * (155 + 37 + 2.75) AS exact;
SELECT dcx_vm_cost('2GHZ', 1, 1e20::float8, 'PREMIUM', 1e300::float8) =
       155 + 37 * 1e20::numeric + 2.75 * 1e300::float8::numeric AS exact;
SELECT dcx_vm_cost('2GHZ', 92233720368547758::numeric, 1, 'STANDARD', 0.01::numeric) =
       155 * 92233720368547758::numeric + 37 + 0.018 AS exact;
SELECT dcx_vm_cost('2GHZ', 1e17::float8, 1, 'STANDARD', 0) = 155 * 1e17::numeric + 37 AS exact;
SELECT state, message FROM test.failure(
    $$SELECT dcx_product_cost('RAM_GB', ('9' || repeat('0', 131071))::numeric)$$);
-- Integers and numerics give the same digits.
SELECT count(*), bool_and(a = b AND a::text = b::text) AS same
  FROM generate_series(1, 2000) i,
       LATERAL (SELECT dcx_vm_cost('2GHZ', i, i * 3, 'PREMIUM', i * 7919) a,
                       dcx_vm_cost('2GHZ', i::numeric, (i * 3)::numeric, 'PREMIUM', (i * 7919)::numeric) b) v;

-- Any product.
SELECT dcx_product_cost('BACKUP_GB'), dcx_product_cost('BACKUP_GB', 500), dcx_product_cost('backup_gb', 0),
       dcx_product_cost('ARCHIVE_GB', 3), dcx_product_cost('VPN_USER', 2.5::float8);

-- The double precision forms call the numeric ones. A constant argument is the same for every row, and a book too.
SELECT code, dcx_product_cost(code, 2.5::float8) AS cost,
       dcx_product_cost(code, 2.5::float8, '{"RAM_GB": {"price": 1}, "BACKUP_GB": {"price": 2}}') AS by_book
  FROM (VALUES ('RAM_GB'), ('BACKUP_GB'), ('RAM_GB')) v (code);
SELECT cpus, q.line, q.quantity, q.amount
  FROM (VALUES (1::float8), (2)) v (cpus), dcx_vm_quote('1GHZ', cpus, 0.30000000000000004::float8, 'STANDARD', 1e6::float8) q;
-- A whole number is taken exactly up to 2^53, anything else by its 15-digit decimal.
SELECT dcx_product_cost('X', 9007199254740992::float8, book), dcx_product_cost('X', 9007199254740994::float8, book)
  FROM (VALUES ('{"X": {"price": 1}}'::jsonb)) v (book);

-- The templates.
SELECT id, name, template_group, os_type, cpus, ram_gb, storage_gb, cost
  FROM dcx_template_costs('1GHZ', 'STANDARD')
 WHERE name IN ('Ubuntu Server 20.04', 'Windows Server 2019', 'CentOS 8') ORDER BY name;
SELECT count(*), count(cost), sum(cost) FROM dcx_template_costs('2GHZ', 'PREMIUM');
SELECT bool_and(cost = dcx_vm_cost('2GHZ', cpus, ram_gb, 'PREMIUM', storage_gb)) AS same
  FROM dcx_template_costs('2GHZ', 'PREMIUM');
SELECT state, message, hint FROM test.failure($$SELECT * FROM dcx_template_costs('9GHZ', 'STANDARD')$$);
-- A template whose size makes no sense spoils only itself.
BEGIN;
CREATE SCHEMA local;
CREATE TABLE local.products AS SELECT * FROM aas.products;
CREATE TABLE local.terraform_vm_config (id text, name text, vcpus numeric, memory float8, disk integer);
INSERT INTO local.terraform_vm_config VALUES ('1', 'good', 2, 4, 40), ('2', 'no disk', 2, 4, NULL),
    ('3', 'half a CPU', 0.5, 4, 40), ('6', 'CPUs of the future', 1e10, 4, 40), ('4', 'NaN of RAM', 1, 'NaN', 40), ('5', NULL, 1, 4, -1);
SELECT relation, rows, note FROM dcx_attach_aas(NULL, 'local');
SELECT * FROM dcx_template_costs('1GHZ', 'STANDARD');
ROLLBACK;

SELECT count(*) FROM dcx_detach('aas');
