-- attach: a URL becomes foreign tables that pricing reads

CREATE FUNCTION @extschema@.dcx_attach_aas(source text DEFAULT NULL, schema text DEFAULT 'aas')
RETURNS TABLE(relation text, rows bigint, note text)
AS 'MODULE_PATHNAME', 'dcx_attach_aas' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_attach_aas(text, text) IS
'Attaches the product catalog. source: the URL as it stands in .env, a key=value connection string, or the name of a postgres_fdw server; makes server, user mapping, schema and foreign tables, or alters them in place. NULL: adopts the relations (tables, views, foreign tables) that are in the schema already. One row per relation attached. All or nothing; shows no password. ZD008: cannot be reached';
REVOKE ALL ON FUNCTION @extschema@.dcx_attach_aas(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_attach_enetworks(source text DEFAULT NULL, schema text DEFAULT 'enetworks', prices text DEFAULT NULL)
RETURNS TABLE(relation text, rows bigint, note text)
AS 'MODULE_PATHNAME', 'dcx_attach_enetworks' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_attach_enetworks(text, text, text) IS
'Attaches the network catalog, as dcx_attach_aas does the product catalog: its tables bandwidth_prices, network_services and providers. prices: the name of a view, there or in the schema, that stands for them, with the columns code, title, provider, active, min_mbps, max_mbps, fixed_price, price_per_mbps and cost';
REVOKE ALL ON FUNCTION @extschema@.dcx_attach_enetworks(text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_detach(what text)
RETURNS TABLE(object text)
AS 'MODULE_PATHNAME', 'dcx_detach' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_detach(text) IS
'Undoes dcx_attach_aas (''aas''), dcx_attach_enetworks (''enetworks'') or dcx_attach_wallet (''wallet''): drops what attach made, lets go of what it adopted, and says what went. NULL: no rows. ZD007: nothing was attached';
REVOKE ALL ON FUNCTION @extschema@.dcx_detach(text) FROM PUBLIC;

