-- network: what bandwidth costs, and who can serve it

CREATE FUNCTION dcx_network_cost(service text, mbps numeric, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_network_cost_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION dcx_network_cost(text, numeric, jsonb) IS
'What a network service costs at a bandwidth by the prices of a book, such as dcx_price_book(''enetworks'') changed by jsonb_set: as dcx_network_cost without one. A band in it that is wrong is ZD003 where it is needed; a book that is no JSON object 22023. NULL in, NULL out';

CREATE FUNCTION dcx_network_cost(service text, mbps double precision, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_network_cost_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION dcx_network_cost(text, double precision, jsonb) IS
'What a network service costs at a bandwidth by the prices of a book, such as dcx_price_book(''enetworks'') changed by jsonb_set: as dcx_network_cost without one. A band in it that is wrong is ZD003 where it is needed; a book that is no JSON object 22023. NULL in, NULL out';

CREATE FUNCTION dcx_network_quote(service text, mbps numeric, book jsonb)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_network_quote_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2;
COMMENT ON FUNCTION dcx_network_quote(text, numeric, jsonb) IS
'The lines behind dcx_network_cost with a book. Arguments and errors as there; NULL in, no rows out';

CREATE FUNCTION dcx_network_quote(service text, mbps double precision, book jsonb)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_network_quote_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2;
COMMENT ON FUNCTION dcx_network_quote(text, double precision, jsonb) IS
'The lines behind dcx_network_cost with a book. Arguments and errors as there; NULL in, no rows out';

CREATE FUNCTION dcx_network_offers(mbps numeric, provider text, book jsonb)
RETURNS TABLE(provider text, service text, title text, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_network_offers_numeric_book' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION dcx_network_offers(numeric, text, jsonb) IS
'Who can serve a bandwidth at what cost by the prices of a book: as dcx_network_offers without one. provider NULL: all of them; any other NULL in, no rows out';

CREATE FUNCTION dcx_network_offers(mbps double precision, provider text, book jsonb)
RETURNS TABLE(provider text, service text, title text, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_network_offers_float8_book' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION dcx_network_offers(double precision, text, jsonb) IS
'Who can serve a bandwidth at what cost by the prices of a book: as dcx_network_offers without one. provider NULL: all of them; any other NULL in, no rows out';

