-- vm: what a VM costs

CREATE FUNCTION @extschema@.dcx_vm_cost(
    cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_vm_cost_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_vm_cost(text, numeric, numeric, text, numeric) IS
'What a VM costs at the prices of the product catalog. The result is exact: it is not rounded.
Arguments:
  cpu_type: the type of vCPU, such as 1GHZ. Its product has the code CPU_ and this type.
  cpus: the number of vCPUs, a whole number, 1 or more.
  ram_gb: GB of RAM, above 0. Its product has the code RAM_GB.
  storage_type: the type of storage, such as STANDARD. Its product has the code STORAGE_ and this type.
  gb: GB of storage, 0 or more.
Returns: rand per month.
NULL: if any argument is NULL, the result is NULL.
Errors:
  ZD002: the catalog has no product for the CPU type or the storage type, or none with the code RAM_GB.
  ZD003: the price of one of the three products cannot be used, or the type is ambiguous.
  ZD007: no product catalog is attached.
  ZD008: the catalog cannot be reached.
  22023: a quantity is out of bounds or not finite, or cpus is not whole.
  40001: under REPEATABLE READ or SERIALIZABLE the catalog was rewritten meanwhile. Run the transaction again.
Rights: no right on a table is needed. Prices are read as the owner of the attached tables.';

CREATE FUNCTION @extschema@.dcx_vm_cost(
    cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_vm_cost_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_vm_cost(text, numeric, numeric, text, numeric, jsonb) IS
'With a book: what the VM costs at the prices of that book. No catalog is read.
Arguments:
  book: a price book, such as dcx_price_book() with a price changed by jsonb_set, or dcx_price_book_at(''2026-01-31'').
Errors:
  ZD002: the book has no such product.
  ZD003: the price in the book is missing, negative or not a JSON number. Other products of the book can be used.
  22023: the book is not a JSON object.';

CREATE FUNCTION @extschema@.dcx_vm_cost(
    cpu_type text, cpus double precision, ram_gb double precision, storage_type text, gb double precision)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_vm_cost_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_vm_cost(text, double precision, double precision, text, double precision) IS
'As the form for numeric. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_vm_cost(
    cpu_type text, cpus double precision, ram_gb double precision, storage_type text, gb double precision, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_vm_cost_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_vm_cost(text, double precision, double precision, text, double precision, jsonb) IS
'As the form for numeric with a book. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_vm_quote(
    cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_quote_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_quote(text, numeric, numeric, text, numeric) IS
'The lines behind dcx_vm_cost: vCPUs, RAM and storage. Their amounts add up to the cost exactly.
Arguments: as dcx_vm_cost.
Returns: three rows.
  line: the number of the line, from 1.
  code: the code of the product.
  title: the title of the product, or its code if it has no title.
  quantity: how much of the product.
  unit_price: rand per month for one of it.
  amount: quantity x unit_price, in rand per month, not rounded.
NULL: if any argument is NULL, there are no rows.
Errors: as dcx_vm_cost.
Rights: as dcx_vm_cost.';

CREATE FUNCTION @extschema@.dcx_vm_quote(
    cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric, book jsonb)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_quote_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_quote(text, numeric, numeric, text, numeric, jsonb) IS
'With a book: the lines at the prices of that book.
Arguments: as dcx_vm_cost.
Errors: as dcx_vm_cost with a book.';

CREATE FUNCTION @extschema@.dcx_vm_quote(
    cpu_type text, cpus double precision, ram_gb double precision, storage_type text, gb double precision)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_quote_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_quote(text, double precision, double precision, text, double precision) IS
'As the form for numeric. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_vm_quote(
    cpu_type text, cpus double precision, ram_gb double precision, storage_type text, gb double precision, book jsonb)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_vm_quote_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 3;
COMMENT ON FUNCTION @extschema@.dcx_vm_quote(text, double precision, double precision, text, double precision, jsonb) IS
'As the form for numeric with a book. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_product_cost(code text, quantity numeric DEFAULT 1)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_product_cost_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_product_cost(text, numeric) IS
'What a quantity of any product of the catalog costs. The result is exact: it is not rounded.
Arguments:
  code: the code of the product, such as BACKUP_GB.
  quantity: how much of it, in the unit that the product is sold in, 0 or more.
Returns: rand per month.
NULL: if any argument is NULL, the result is NULL.
Errors:
  ZD002: the catalog has no product with that code.
  ZD003: its price cannot be used, or the code is ambiguous.
  ZD007: no product catalog is attached.
  ZD008: the catalog cannot be reached.
  22023: the quantity is negative or not finite.
  40001: under REPEATABLE READ or SERIALIZABLE the catalog was rewritten meanwhile. Run the transaction again.
Rights: as dcx_vm_cost.';

CREATE FUNCTION @extschema@.dcx_product_cost(code text, quantity numeric, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_product_cost_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_product_cost(text, numeric, jsonb) IS
'With a book: what the quantity costs at the prices of that book.
Arguments:
  book: as of dcx_vm_cost.
Errors: as dcx_vm_cost with a book, and
  ZD003: also if the code is that of a network service in the book.';

CREATE FUNCTION @extschema@.dcx_product_cost(code text, quantity double precision)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_product_cost_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_product_cost(text, double precision) IS
'As the form for numeric. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_product_cost(code text, quantity double precision, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_product_cost_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_product_cost(text, double precision, jsonb) IS
'As the form for numeric with a book. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_template_costs(cpu_type text, storage_type text)
RETURNS TABLE(
    id text, name text, template_group text, os_type text,
    cpus integer, ram_gb numeric, storage_gb numeric, cost numeric)
AS 'MODULE_PATHNAME', 'dcx_template_costs' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 50;
COMMENT ON FUNCTION @extschema@.dcx_template_costs(text, text) IS
'Every VM template of the catalog, priced with one CPU type and one storage type.
A template whose size is missing or out of bounds has the cost NULL, and a warning says why.
Templates are always read from the catalog. A saved book has none.
Arguments:
  cpu_type: as of dcx_vm_cost.
  storage_type: as of dcx_vm_cost.
Returns: one row per template, in no particular order.
  id: the template''s id.
  name: the template''s name.
  template_group: its group. NULL if the catalog has no such column.
  os_type: its operating system. NULL if the catalog has no such column.
  cpus: the number of vCPUs. NULL if it is not a whole number.
  ram_gb: GB of RAM.
  storage_gb: GB of storage.
  cost: rand per month, as dcx_vm_cost computes it. NULL if the template cannot be priced.
NULL: if any argument is NULL, there are no rows.
Errors: as dcx_vm_cost, and
  ZD007: no product catalog is attached, or the attached one has no terraform_vm_config.
Rights: as dcx_vm_cost.';

CREATE FUNCTION @extschema@.dcx_template_costs(cpu_type text, storage_type text, book jsonb)
RETURNS TABLE(
    id text, name text, template_group text, os_type text,
    cpus integer, ram_gb numeric, storage_gb numeric, cost numeric)
AS 'MODULE_PATHNAME', 'dcx_template_costs_book' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 50;
COMMENT ON FUNCTION @extschema@.dcx_template_costs(text, text, jsonb) IS
'With a book: the templates of the catalog at the prices of that book.
Arguments:
  book: as of dcx_vm_cost.
Errors: as dcx_vm_cost with a book.';

