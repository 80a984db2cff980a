-- margin: what a VM earns

CREATE FUNCTION @extschema@.dcx_vm_margin(
    cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric)
RETURNS TABLE(
    line integer, code text, title text, quantity numeric, unit_price numeric, unit_cost_price numeric,
    amount numeric, cost_price numeric, profit numeric, margin_percent numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_margin_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_margin(text, numeric, numeric, text, numeric) IS
'What a VM earns: the lines of dcx_vm_quote, and what their products cost us.
Prices and costs are those of the book that is used, as for dcx_vm_cost. If a product is sold below its cost, a warning
says so.
Arguments: as dcx_vm_cost.
Returns: three rows.
  line: the number of the line, from 1.
  code: the code of the product.
  title: the title of the product, or its code if it has no title.
  quantity: how much of the product.
  unit_price: what the customer pays for one of it, in rand per month.
  unit_cost_price: what one of it costs us, in rand per month.
  amount: quantity x unit_price.
  cost_price: quantity x unit_cost_price.
  profit: amount - cost_price.
  margin_percent: the profit in percent of the amount, rounded to two decimals. NULL if the amount is 0.
NULL: if any argument is NULL, there are no rows. If the catalog has no usable cost of a product, its unit_cost_price,
    cost_price, profit and margin_percent are NULL.
Errors: as dcx_vm_cost.
Rights: as dcx_vm_cost.';
REVOKE ALL ON FUNCTION @extschema@.dcx_vm_margin(text, numeric, numeric, text, numeric) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_vm_margin(
    cpu_type text, cpus double precision, ram_gb double precision, storage_type text, gb double precision)
RETURNS TABLE(
    line integer, code text, title text, quantity numeric, unit_price numeric, unit_cost_price numeric,
    amount numeric, cost_price numeric, profit numeric, margin_percent numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_margin_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_margin(text, double precision, double precision, text, double precision) IS
'As the form for numeric. A double precision counts as the decimal of at most 15 digits that it stands for.';
REVOKE ALL ON FUNCTION @extschema@.dcx_vm_margin(text, double precision, double precision, text, double precision) FROM PUBLIC;

