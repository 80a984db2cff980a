-- vm: what a VM costs

CREATE FUNCTION @extschema@.dcx_vm_cost(
    cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_vm_cost_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_vm_cost(text, numeric, numeric, text, numeric) IS
'What a VM costs, in rand per catalog period: exact, not rounded. cpu_type: the code is CPU_<cpu_type>; cpus: whole, 1 at least; ram_gb: GB of RAM, above 0; storage_type: the code is STORAGE_<storage_type>; gb: GB of storage, not negative. NULL in, NULL out. ZD002: unknown type, ZD003: price cannot be used, ZD007: nothing attached, ZD008: catalog unreachable';

CREATE FUNCTION @extschema@.dcx_vm_cost(
    cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_vm_cost_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_vm_cost(text, numeric, numeric, text, numeric, jsonb) IS
'What a VM costs by the prices of a book, such as dcx_price_book() changed by jsonb_set, or dcx_price_book_at(): as dcx_vm_cost without one. A price in it that is no number, or negative, is ZD003 where it is used; a book that is no JSON object 22023. NULL in, NULL out';

CREATE FUNCTION @extschema@.dcx_vm_cost(
    cpu_type text, cpus double precision, ram_gb double precision, storage_type text, gb double precision)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_vm_cost_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_vm_cost(text, double precision, double precision, text, double precision) IS
'What a VM costs, in rand per catalog period: exact, not rounded. cpu_type: the code is CPU_<cpu_type>; cpus: whole, 1 at least; ram_gb: GB of RAM, above 0; storage_type: the code is STORAGE_<storage_type>; gb: GB of storage, not negative. NULL in, NULL out. ZD002: unknown type, ZD003: price cannot be used, ZD007: nothing attached, ZD008: catalog unreachable';

CREATE FUNCTION @extschema@.dcx_vm_cost(
    cpu_type text, cpus double precision, ram_gb double precision, storage_type text, gb double precision, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_vm_cost_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_vm_cost(text, double precision, double precision, text, double precision, jsonb) IS
'What a VM costs by the prices of a book, such as dcx_price_book() changed by jsonb_set, or dcx_price_book_at(): as dcx_vm_cost without one. A price in it that is no number, or negative, is ZD003 where it is used; a book that is no JSON object 22023. NULL in, NULL out';

CREATE FUNCTION @extschema@.dcx_vm_quote(
    cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_quote_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_quote(text, numeric, numeric, text, numeric) IS
'The lines behind dcx_vm_cost: CPU, RAM, storage. The amounts add up to the cost exactly. Arguments and errors as dcx_vm_cost; NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_vm_quote(
    cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric, book jsonb)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_quote_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_quote(text, numeric, numeric, text, numeric, jsonb) IS
'The lines behind dcx_vm_cost with a book. Arguments and errors as there; NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_vm_quote(
    cpu_type text, cpus double precision, ram_gb double precision, storage_type text, gb double precision)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_quote_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_quote(text, double precision, double precision, text, double precision) IS
'The lines behind dcx_vm_cost: CPU, RAM, storage. The amounts add up to the cost exactly. Arguments and errors as dcx_vm_cost; NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_vm_quote(
    cpu_type text, cpus double precision, ram_gb double precision, storage_type text, gb double precision, book jsonb)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_quote_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_quote(text, double precision, double precision, text, double precision, jsonb) IS
'The lines behind dcx_vm_cost with a book. Arguments and errors as there; NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_product_cost(code text, quantity numeric DEFAULT 1)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_product_cost_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_product_cost(text, numeric) IS
'What a quantity of any product of the catalog costs, in rand per catalog period: exact, not rounded. quantity: not negative. NULL in, NULL out. Errors as dcx_vm_cost';

CREATE FUNCTION @extschema@.dcx_product_cost(code text, quantity numeric, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_product_cost_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_product_cost(text, numeric, jsonb) IS
'What a quantity of any product of a book costs, in rand per catalog period: exact, not rounded. quantity: not negative. NULL in, NULL out. Errors as dcx_vm_cost with a book';

CREATE FUNCTION @extschema@.dcx_product_cost(code text, quantity double precision)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_product_cost_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_product_cost(text, double precision) IS
'What a quantity of any product of the catalog costs, in rand per catalog period: exact, not rounded. quantity: not negative. NULL in, NULL out. Errors as dcx_vm_cost';

CREATE FUNCTION @extschema@.dcx_product_cost(code text, quantity double precision, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_product_cost_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_product_cost(text, double precision, jsonb) IS
'What a quantity of any product of a book costs, in rand per catalog period: exact, not rounded. quantity: not negative. NULL in, NULL out. Errors as dcx_vm_cost with a book';

CREATE FUNCTION @extschema@.dcx_template_costs(cpu_type text, storage_type text)
RETURNS TABLE(
    id text, name text, template_group text, os_type text,
    cpus integer, ram_gb numeric, storage_gb numeric, cost numeric)
AS 'MODULE_PATHNAME', 'dcx_template_costs' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 50;
COMMENT ON FUNCTION @extschema@.dcx_template_costs(text, text) IS
'All VM templates of the catalog, priced with the given types. A template without a sane size has a NULL cost and raises a warning. Errors as dcx_vm_cost; NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_template_costs(cpu_type text, storage_type text, book jsonb)
RETURNS TABLE(
    id text, name text, template_group text, os_type text,
    cpus integer, ram_gb numeric, storage_gb numeric, cost numeric)
AS 'MODULE_PATHNAME', 'dcx_template_costs_book' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 50;
COMMENT ON FUNCTION @extschema@.dcx_template_costs(text, text, jsonb) IS
'All VM templates of the catalog, with the given types and the prices of a book. Otherwise as dcx_template_costs without one. NULL in, no rows out';

