-- order: what a customer places at once, and what it costs

CREATE FUNCTION @extschema@.dcx_order_quote(items jsonb)
RETURNS TABLE(
    line integer, item integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_order_quote' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_order_quote(jsonb) IS
'What an order costs, line by line, in rand per catalog period: exact, not rounded. items: an array of 1 to 1000 objects, each with one of "vm" ({"cpu_type", "cpus", "ram_gb", "storage_type", "gb"}), "template" (its id or name, with "cpu_type" and "storage_type"), "network" ({"service", "mbps"}) and "product" (its code, with "quantity", 1 where it is not given); all but the last with "count", 1 where it is not given. item: which of them a line is of, from 1. Units and errors as dcx_vm_cost and dcx_product_cost; ZD002, ZD003: a template that is unknown, ambiguous; 22023: anything else wrong in an item, named by its number and key. NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_order_quote(items jsonb, book jsonb)
RETURNS TABLE(
    line integer, item integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_order_quote_book' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_order_quote(jsonb, jsonb) IS
'What an order costs by the prices of a book, which may hold both catalogs: dcx_price_book() || dcx_price_book(''enetworks''). Templates are those of the catalog. Otherwise as dcx_order_quote without one, and dcx_vm_cost with one';

