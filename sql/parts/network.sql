-- network: what bandwidth costs, and who can serve it

CREATE FUNCTION @extschema@.dcx_network_cost(service text, mbps numeric)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_network_cost_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_network_cost(text, numeric) IS
'What a network service costs at a bandwidth, in rand per catalog period: the fixed price of the band that holds it (minimum included, maximum not) + price per Mbps x mbps, exact, not rounded. mbps: above 0, decimals are fine. NULL in, NULL out. ZD002: unknown service; ZD003: no band holds it, or more than one, the provider is inactive, or the price cannot be used; ZD007: no E-Networks attached, ZD008: unreachable';

CREATE FUNCTION @extschema@.dcx_network_cost(service text, mbps numeric, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_network_cost_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_network_cost(text, numeric, jsonb) IS
'What a network service costs at a bandwidth by the prices of a book, such as dcx_price_book(''enetworks'') changed by jsonb_set: as dcx_network_cost without one. A band in it that is wrong is ZD003 where it is needed; a book that is no JSON object 22023. NULL in, NULL out';

CREATE FUNCTION @extschema@.dcx_network_cost(service text, mbps double precision)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_network_cost_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_network_cost(text, double precision) IS
'What a network service costs at a bandwidth, in rand per catalog period: the fixed price of the band that holds it (minimum included, maximum not) + price per Mbps x mbps, exact, not rounded. mbps: above 0, decimals are fine. NULL in, NULL out. ZD002: unknown service; ZD003: no band holds it, or more than one, the provider is inactive, or the price cannot be used; ZD007: no E-Networks attached, ZD008: unreachable';

CREATE FUNCTION @extschema@.dcx_network_cost(service text, mbps double precision, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_network_cost_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_network_cost(text, double precision, jsonb) IS
'What a network service costs at a bandwidth by the prices of a book, such as dcx_price_book(''enetworks'') changed by jsonb_set: as dcx_network_cost without one. A band in it that is wrong is ZD003 where it is needed; a book that is no JSON object 22023. NULL in, NULL out';

CREATE FUNCTION @extschema@.dcx_network_quote(service text, mbps numeric)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_network_quote_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 2;
COMMENT ON FUNCTION @extschema@.dcx_network_quote(text, numeric) IS
'The lines behind dcx_network_cost: the fixed price, and so much per Mbps. The amounts add up to the cost exactly. Arguments and errors as there; NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_network_quote(service text, mbps numeric, book jsonb)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_network_quote_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2;
COMMENT ON FUNCTION @extschema@.dcx_network_quote(text, numeric, jsonb) IS
'The lines behind dcx_network_cost with a book. Arguments and errors as there; NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_network_quote(service text, mbps double precision)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_network_quote_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 2;
COMMENT ON FUNCTION @extschema@.dcx_network_quote(text, double precision) IS
'The lines behind dcx_network_cost: the fixed price, and so much per Mbps. The amounts add up to the cost exactly. Arguments and errors as there; NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_network_quote(service text, mbps double precision, book jsonb)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_network_quote_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2;
COMMENT ON FUNCTION @extschema@.dcx_network_quote(text, double precision, jsonb) IS
'The lines behind dcx_network_cost with a book. Arguments and errors as there; NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_network_offers(mbps numeric, provider text DEFAULT NULL)
RETURNS TABLE(provider text, service text, title text, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_network_offers_numeric' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.dcx_network_offers(numeric, text) IS
'Every network service, or those of one provider, at a bandwidth: the cheapest first, then provider and code; at the end those that cannot serve it, without a cost and with a note why. provider: its exact name, failing that without case, unknown is ZD002; NULL: all of them. mbps NULL: no rows. Otherwise as dcx_network_cost';

CREATE FUNCTION @extschema@.dcx_network_offers(mbps numeric, provider text, book jsonb)
RETURNS TABLE(provider text, service text, title text, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_network_offers_numeric_book' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.dcx_network_offers(numeric, text, jsonb) IS
'Who can serve a bandwidth at what cost by the prices of a book: as dcx_network_offers without one. provider NULL: all of them; any other NULL in, no rows out';

CREATE FUNCTION @extschema@.dcx_network_offers(mbps double precision, provider text DEFAULT NULL)
RETURNS TABLE(provider text, service text, title text, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_network_offers_float8' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.dcx_network_offers(double precision, text) IS
'Every network service, or those of one provider, at a bandwidth: the cheapest first, then provider and code; at the end those that cannot serve it, without a cost and with a note why. provider: its exact name, failing that without case, unknown is ZD002; NULL: all of them. mbps NULL: no rows. Otherwise as dcx_network_cost';

CREATE FUNCTION @extschema@.dcx_network_offers(mbps double precision, provider text, book jsonb)
RETURNS TABLE(provider text, service text, title text, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_network_offers_float8_book' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.dcx_network_offers(double precision, text, jsonb) IS
'Who can serve a bandwidth at what cost by the prices of a book: as dcx_network_offers without one. provider NULL: all of them; any other NULL in, no rows out';

