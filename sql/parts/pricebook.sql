-- pricebook: the catalog's prices as a value, and which of them answer

CREATE FUNCTION @extschema@.dcx_price_book(catalog text DEFAULT 'aas')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'dcx_price_book' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED COST 1000;
COMMENT ON FUNCTION @extschema@.dcx_price_book(text) IS
'The price book that answers now: an object of products by their codes, each with title, price (rand per catalog period), category and unit, without costs; of ''enetworks'', of network services, each with title, provider, active and bands. A number that JSON has not (NaN, Infinity) is a text, the price of a code that several have is null; both are errors where they are used. NULL in, NULL out. Errors as dcx_vm_cost';

CREATE FUNCTION @extschema@.dcx_price_book_stats()
RETURNS TABLE(
    catalog text, products integer, loads bigint, remote_reads bigint, hits bigint, source text, read_at timestamptz)
AS 'MODULE_PATHNAME', 'dcx_price_book_stats' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.dcx_price_book_stats() IS
'What the price book of this session did so far, and where the last one that answered is from. products: rows in it, NULL before the first load; loads: how often one was read, remote_reads: of which from a foreign table; hits: calls answered without a read; source: live (a foreign table or a view), local (a table) or saved; read_at: when its prices were read from the catalog';

