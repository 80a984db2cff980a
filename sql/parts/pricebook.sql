-- pricebook: the catalog's prices as a value, and which of them answer

CREATE FUNCTION @extschema@.dcx_price_book(catalog text DEFAULT 'aas')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'dcx_price_book' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION @extschema@.dcx_price_book(text) IS
'The prices that are used now, as one value. You can store it, change a price in it, and pass it to every function that
takes a book.
A product is {"title", "price", "category", "unit"}, under its code; price is in rand per month. Cost prices are left
out.
A network service is {"title", "provider", "active", "bands"}. A band is {"min_mbps", "max_mbps", "fixed_price",
"price_per_mbps"}.
A title that the encoding of this database does not have is null, and the code stands for it.
NaN and Infinity are strings. The price of a code that several products have is null. Both are errors where they are
used.
Arguments:
  catalog: ''aas'' for the products, ''enetworks'' for the network services.
Returns: a JSON object.
NULL: if catalog is NULL, the result is NULL.
Errors:
  ZD007: that catalog is not attached.
  ZD008: it cannot be reached.
  22023: there is no catalog of that name.
  40001: under REPEATABLE READ or SERIALIZABLE the catalog was rewritten meanwhile. Run the transaction again.
Rights: as dcx_vm_cost.';

CREATE FUNCTION @extschema@.dcx_price_book_stats()
RETURNS TABLE(
    catalog text, products integer, loads bigint, remote_reads bigint, hits bigint, source text, read_at timestamptz)
AS 'MODULE_PATHNAME', 'dcx_price_book_stats' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.dcx_price_book_stats() IS
'What this session has read of the catalogs so far, and where the prices that it used last came from. It reads nothing
itself.
Returns: one row for ''aas'', and one for ''enetworks'' if the session has used it.
  catalog: ''aas'' or ''enetworks''.
  products: the number of products or network services in the book. NULL if the session has read none yet.
  loads: how often a book was read to answer a call.
  remote_reads: how often prices were read from another server, also to save them.
  hits: how many calls were answered from memory.
  source: live (a foreign table, a view, or a table of Citus), local (a table of this database) or saved (a book of
    dcx.price_book). NULL if no book was read yet.
  read_at: when the prices were read from the catalog. NULL if no book was read yet.';

