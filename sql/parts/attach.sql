-- attach: a URL becomes foreign tables that pricing reads

CREATE FUNCTION @extschema@.dcx_attach_aas(source text DEFAULT NULL, schema text DEFAULT 'aas')
RETURNS TABLE(relation text, rows bigint, note text)
AS 'MODULE_PATHNAME', 'dcx_attach_aas' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_attach_aas(text, text) IS
'Attaches the product catalog (AAS): afterwards the functions of this extension price by it.
A URL makes a server of postgres_fdw (called dcx_aas for the schema aas), a user mapping for you, the schema, and the
foreign tables. If they exist, they are altered.
The call does everything or nothing. No error, notice or result shows a password. The first price book is saved.
Arguments:
  source: the URL as it stands in .env, a key=value connection string, or the name of a postgres_fdw server. URLs of
    other clients (JDBC, node-postgres, SQLAlchemy, Npgsql and others) are understood. Quotes, blanks, a comment and a
    variable''s name around it are left out. NULL: adopts the tables, views or foreign tables that are in the schema
    already.
  schema: the schema in this database. It must not be NULL.
Returns: one row per attached table.
  relation: the table: products, categories and terraform_vm_config. Only products is needed.
  rows: how many rows it has.
  note: what was done, which options were set, kept, understood or ignored, and what was left out around the source.
NULL: source may be NULL. If schema is NULL, that is an error.
Errors:
  ZD008: the server cannot be reached. The hint says what can be done about this cause.
  22004: schema is NULL.
  22023: the connection string cannot be parsed, or a name has a character that does not show.
  25006: the transaction is read-only, or the server is a replica.
  2F003: you are not a superuser, and your user mapping has no password, or the server let you in without asking for
    it. With use_scram_passthrough, from PostgreSQL 18 on: your session was not opened with SCRAM.
  42501: a table, the schema dcx, or a server of that name belongs to another role.
  42622: the name of the schema is too long.
  42703: a table lacks a column that pricing needs.
  42704: there is no server of that name, or you have no user mapping for it.
  42804: a column that pricing needs is not a number.
  42809: the server is not one of postgres_fdw.
  42P01: the database or the schema has no table products.
  42P07: a table of that name is there, and is not a foreign table of that server.
  55006: this transaction has read through that server already, or the server leads to another catalog.
Rights: you must own the tables that you attach, or be a superuser. A URL needs CREATE on the database and USAGE on
    postgres_fdw.';
REVOKE ALL ON FUNCTION @extschema@.dcx_attach_aas(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_attach_enetworks(source text DEFAULT NULL, schema text DEFAULT 'enetworks', prices text DEFAULT NULL)
RETURNS TABLE(relation text, rows bigint, note text)
AS 'MODULE_PATHNAME', 'dcx_attach_enetworks' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_attach_enetworks(text, text, text) IS
'Attaches the network catalog (E-Networks), as dcx_attach_aas does the product catalog. It is optional: VMs are priced
without it.
Arguments:
  source: as of dcx_attach_aas.
  schema: as of dcx_attach_aas.
  prices: the name of one view in place of the three tables, in the remote schema or in the local one. Its columns
    are code, title, provider, active, min_mbps, max_mbps, fixed_price, price_per_mbps and, if there, cost. NULL: the
    tables themselves.
Returns: one row per attached table.
  relation: the table: bandwidth_prices, network_services and providers; or the view.
  rows: how many rows it has.
  note: what was done, and which options were set, kept or ignored.
NULL: source and prices may be NULL. If schema is NULL, that is an error.
Errors: as dcx_attach_aas, and
  42501: also if the three tables belong to different roles.
  55000: the other form is attached: the tables, or the view. Detach first.
Rights: as dcx_attach_aas. The three tables must belong to one role.';
REVOKE ALL ON FUNCTION @extschema@.dcx_attach_enetworks(text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_detach(what text)
RETURNS TABLE(object text)
AS 'MODULE_PATHNAME', 'dcx_detach' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_detach(text) IS
'Undoes an attach. It drops what attach created, also in other schemas where the catalog was attached before. What
attach adopted stays, and is no longer attached. The ledger, the holds and saved price books stay.
Arguments:
  what: ''aas'', ''enetworks'' or ''wallet''.
Returns: one row per object.
  object: what was dropped, is no longer attached, or is kept because other objects use it.
NULL: if what is NULL, nothing is done and there are no rows.
Errors:
  ZD007: nothing of that name is attached.
  25006: the transaction is read-only, or the server is a replica.
  42501: an object belongs to another role.
Rights: you must own what attach made, or be a superuser.';
REVOKE ALL ON FUNCTION @extschema@.dcx_detach(text) FROM PUBLIC;

