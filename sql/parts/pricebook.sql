-- pricebook: the catalog's prices in backend memory

CREATE FUNCTION dcx_price_book_stats()
RETURNS TABLE(catalog text, products integer, loads bigint, remote_reads bigint, hits bigint)
AS 'MODULE_PATHNAME', 'dcx_price_book_stats' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION dcx_price_book_stats() IS
'What the price book of this session did so far. products: rows in the book, NULL before the first load; loads: how often it was read, remote_reads: of which from a foreign table; hits: calls it answered without a read';

