-- margin: what a VM earns

CREATE FUNCTION @extschema@.dcx_vm_margin(
    cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric)
RETURNS TABLE(
    line integer, code text, title text, quantity numeric, unit_price numeric, unit_cost_price numeric,
    amount numeric, cost_price numeric, profit numeric, margin_percent numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_margin_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_margin(text, numeric, numeric, text, numeric) IS
'The lines of dcx_vm_quote beside what the products cost us, in rand. margin_percent: profit of the amount, to two decimals, NULL where the amount is 0. Costs are NULL where the catalog has none, or none that is a price. A product that is sold below cost raises a warning. Arguments and errors as dcx_vm_cost; NULL in, no rows out';
REVOKE ALL ON FUNCTION @extschema@.dcx_vm_margin(text, numeric, numeric, text, numeric) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_vm_margin(
    cpu_type text, cpus double precision, ram_gb double precision, storage_type text, gb double precision)
RETURNS TABLE(
    line integer, code text, title text, quantity numeric, unit_price numeric, unit_cost_price numeric,
    amount numeric, cost_price numeric, profit numeric, margin_percent numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_margin_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_margin(text, double precision, double precision, text, double precision) IS
'The lines of dcx_vm_quote beside what the products cost us, in rand. margin_percent: profit of the amount, to two decimals, NULL where the amount is 0. Costs are NULL where the catalog has none, or none that is a price. A product that is sold below cost raises a warning. Arguments and errors as dcx_vm_cost; NULL in, no rows out';
REVOKE ALL ON FUNCTION @extschema@.dcx_vm_margin(text, double precision, double precision, text, double precision) FROM PUBLIC;

