-- network: what bandwidth costs, and who can serve it

CREATE FUNCTION @extschema@.dcx_network_cost(service text, mbps numeric)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_network_cost_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_network_cost(text, numeric) IS
'What a network service costs at a bandwidth: the fixed price of its band, plus the price per Mbps x mbps.
A band holds its minimum and everything below its maximum. The result is exact: it is not rounded.
Arguments:
  service: the code of the network service, such as PV_FIBRE_BUSINESS.
  mbps: the bandwidth in Mbps, above 0. Decimals are allowed.
Returns: rand per month.
NULL: if any argument is NULL, the result is NULL.
Errors:
  ZD002: the catalog has no such network service.
  ZD003: no band of the service holds that bandwidth, or several do; its provider is inactive; a price cannot be used;
    or the code is ambiguous. The detail says which.
  ZD007: no network catalog is attached.
  ZD008: the network catalog cannot be reached.
  22023: mbps is not above 0, or not finite.
  40001: under REPEATABLE READ or SERIALIZABLE the catalog was rewritten meanwhile. Run the transaction again.
Rights: as dcx_vm_cost.';

CREATE FUNCTION @extschema@.dcx_network_cost(service text, mbps numeric, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_network_cost_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_network_cost(text, numeric, jsonb) IS
'With a book: what the service costs at the prices of that book. No catalog is read.
Arguments:
  book: a price book of network services, such as dcx_price_book(''enetworks'') with a price changed by jsonb_set.
Errors:
  ZD002: the book has no such network service.
  ZD003: the band of the book that is needed is wrong. Other bands and services of the book can be used.
  22023: the book is not a JSON object.';

CREATE FUNCTION @extschema@.dcx_network_cost(service text, mbps double precision)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_network_cost_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_network_cost(text, double precision) IS
'As the form for numeric. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_network_cost(service text, mbps double precision, book jsonb)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_network_cost_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10;
COMMENT ON FUNCTION @extschema@.dcx_network_cost(text, double precision, jsonb) IS
'As the form for numeric with a book. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_network_quote(service text, mbps numeric)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_network_quote_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 2;
COMMENT ON FUNCTION @extschema@.dcx_network_quote(text, numeric) IS
'The two lines behind dcx_network_cost: the fixed price, and the price per Mbps. Their amounts add up to the cost
exactly.
Arguments: as dcx_network_cost.
Returns: two rows.
  line: the number of the line, from 1.
  code: the code of the network service.
  title: the title of the service, its band, and which of the two prices it is.
  quantity: 1 for the fixed price, mbps for the price per Mbps.
  unit_price: rand per month for one of it.
  amount: quantity x unit_price, in rand per month, not rounded.
NULL: if any argument is NULL, there are no rows.
Errors: as dcx_network_cost.
Rights: as dcx_vm_cost.';

CREATE FUNCTION @extschema@.dcx_network_quote(service text, mbps numeric, book jsonb)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_network_quote_numeric_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2;
COMMENT ON FUNCTION @extschema@.dcx_network_quote(text, numeric, jsonb) IS
'With a book: the lines at the prices of that book.
Arguments:
  book: as of dcx_network_cost.
Errors: as dcx_network_cost with a book.';

CREATE FUNCTION @extschema@.dcx_network_quote(service text, mbps double precision)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_network_quote_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 2;
COMMENT ON FUNCTION @extschema@.dcx_network_quote(text, double precision) IS
'As the form for numeric. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_network_quote(service text, mbps double precision, book jsonb)
RETURNS TABLE(line integer, code text, title text, quantity numeric, unit_price numeric, amount numeric)
AS 'MODULE_PATHNAME', 'dcx_network_quote_float8_book' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2;
COMMENT ON FUNCTION @extschema@.dcx_network_quote(text, double precision, jsonb) IS
'As the form for numeric with a book. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_network_offers(mbps numeric, provider text DEFAULT NULL)
RETURNS TABLE(provider text, service text, title text, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_network_offers_numeric' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.dcx_network_offers(numeric, text) IS
'Which network services can serve a bandwidth, and at what cost. The cheapest comes first.
Services that cannot serve it come last, with a note that says why.
Arguments:
  mbps: the bandwidth in Mbps, above 0. Decimals are allowed.
  provider: the name of one provider, exactly, or in any case if only one matches. NULL: all providers.
Returns: one row per network service.
  provider: the name of its provider. NULL if the service has none.
  service: the code of the service.
  title: the title of the service.
  cost: rand per month, as dcx_network_cost computes it. NULL if the service cannot serve the bandwidth.
  note: why it cannot. NULL if it can.
NULL: if mbps is NULL, there are no rows.
Errors:
  ZD002: no network service is of that provider.
  ZD003: several providers match the name.
  ZD007: no network catalog is attached.
  ZD008: the network catalog cannot be reached.
  22023: mbps is not above 0, or not finite.
  40001: under REPEATABLE READ or SERIALIZABLE the catalog was rewritten meanwhile. Run the transaction again.
Rights: as dcx_vm_cost.';

CREATE FUNCTION @extschema@.dcx_network_offers(mbps numeric, provider text, book jsonb)
RETURNS TABLE(provider text, service text, title text, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_network_offers_numeric_book' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.dcx_network_offers(numeric, text, jsonb) IS
'With a book: the offers at the prices of that book. If the book is NULL, there are no rows.
Arguments:
  book: as of dcx_network_cost.
Errors:
  22023: the book is not a JSON object.';

CREATE FUNCTION @extschema@.dcx_network_offers(mbps double precision, provider text DEFAULT NULL)
RETURNS TABLE(provider text, service text, title text, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_network_offers_float8' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.dcx_network_offers(double precision, text) IS
'As the form for numeric. A double precision counts as the decimal of at most 15 digits that it stands for.';

CREATE FUNCTION @extschema@.dcx_network_offers(mbps double precision, provider text, book jsonb)
RETURNS TABLE(provider text, service text, title text, cost numeric, note text)
AS 'MODULE_PATHNAME', 'dcx_network_offers_float8_book' LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20;
COMMENT ON FUNCTION @extschema@.dcx_network_offers(double precision, text, jsonb) IS
'As the form for numeric with a book. A double precision counts as the decimal of at most 15 digits that it stands for.';

