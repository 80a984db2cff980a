-- order: what a customer places at once, and what it costs

CREATE FUNCTION @extschema@.dcx_order_quote(items jsonb)
RETURNS TABLE(
    line integer, item integer, code text, title text, quantity numeric, unit_price numeric, amount numeric,
    total numeric)
AS 'MODULE_PATHNAME', 'dcx_order_quote' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_order_quote(jsonb) IS
'What an order costs, line by line. The amounts are exact: they are not rounded.
Each item of the order has one of these keys:
- {"vm": {"cpu_type", "cpus", "ram_gb", "storage_type", "gb"}, "count"}: VMs of a given size.
- {"template", "cpu_type", "storage_type", "count"}: VMs of the size of a template, which is named by its id or its
    name.
- {"network": {"service", "mbps"}, "count"}: bandwidth of a network service, by its code.
- {"product", "quantity"}: a quantity of any product, by its code.
"count" is a whole number of 1 or more, and 1 if it is left out. "quantity" is 0 or more, and 1 if it is left out.
Units are those of dcx_vm_cost, dcx_network_cost and dcx_product_cost. An order is priced as a whole or not at all.
Arguments:
  items: a JSON array of 1 to 1000 such objects.
Returns: the lines of all items, in the order of the items.
  line: the number of the line, from 1.
  item: the number of the item that the line belongs to, from 1.
  code: the code of the product or network service.
  title: its title.
  quantity: how much of it, for all VMs of the item together.
  unit_price: rand per month for one of it.
  amount: quantity x unit_price, in rand per month, not rounded.
  total: the sum of all amounts, the same in every row, not rounded. A hold takes it rounded to cents.
NULL: if items is NULL, there are no rows.
Errors:
  ZD002: a type, template, network service or product is unknown. The context has the number of the item.
  ZD003: a price cannot be used, a network service has none at that bandwidth, or a code or template is ambiguous. The
    context has the number of the item.
  ZD007: the order needs a catalog that is not attached. Only an order with network items needs the network catalog.
  ZD008: a catalog that the order needs cannot be reached.
  22023: items is not such an array, or a template has no usable size. The message names the item and the key.
  40001: under REPEATABLE READ or SERIALIZABLE the catalog was rewritten meanwhile. Run the transaction again.
Rights: as dcx_vm_cost.';

CREATE FUNCTION @extschema@.dcx_order_quote(items jsonb, book jsonb)
RETURNS TABLE(
    line integer, item integer, code text, title text, quantity numeric, unit_price numeric, amount numeric,
    total numeric)
AS 'MODULE_PATHNAME', 'dcx_order_quote_book' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_order_quote(jsonb, jsonb) IS
'With a book: what the order costs at the prices of that book. Templates are still read from the catalog.
Arguments:
  book: a price book, which may hold both catalogs: dcx_price_book() || dcx_price_book(''enetworks'').
Errors: as dcx_vm_cost with a book, and dcx_network_cost with a book.';

