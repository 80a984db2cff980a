-- updated_at: the trigger that keeps "updatedAt"

CREATE FUNCTION @extschema@.dcx_set_updated_at()
RETURNS trigger
AS 'MODULE_PATHNAME', 'dcx_set_updated_at' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.dcx_set_updated_at() IS
'The trigger that sets "updatedAt". dcx_attach_updated_at creates it. For another column, create it yourself, as in
  CREATE TRIGGER zzz_modified BEFORE UPDATE ON "User" FOR EACH ROW EXECUTE FUNCTION dcx_set_updated_at(''modified'')
A row that changes gets the time of the transaction, in UTC if the column is a timestamp, and never an earlier time
than it had.
A row that does not change keeps its value. An UPDATE that sets only this column sets it as it says.
Generated columns count neither as changed nor as set.
Errors:
  39P01: it was not called as such a trigger.
  42703: the table has no such column.
  428C9: the column is generated.
  42804: the column is neither timestamp nor timestamp with time zone.';

CREATE FUNCTION @extschema@.dcx_attach_updated_at(target text DEFAULT 'public')
RETURNS TABLE(relation text, trigger text, note text)
AS 'MODULE_PATHNAME', 'dcx_attach_updated_at' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_attach_updated_at(text) IS
'Gives tables a trigger that sets "updatedAt", whoever writes the row. It can be called again at any time.
Arguments:
  target: a schema: all its tables that have a column "updatedAt". Or one table, written as in SQL.
Returns: one row per table.
  relation: the table.
  trigger: the name of the trigger on it. It fires last of the BEFORE UPDATE triggers. NULL if the table got none. That
    of a partitioned table ends with the table''s OID, and no other trigger has its name: so a table with the trigger can
    become its partition.
  note: created, already there, which trigger was renamed, or why the table was skipped.
NULL: if target is NULL, nothing is done and there are no rows.
Errors:
  25006: the transaction is read-only, or the server is a replica.
  42501: you may not create a trigger on one of the tables.
  42703: the table has no column "updatedAt".
  42P01: there is no such schema or table.
Rights: you need TRIGGER on the tables.';
REVOKE ALL ON FUNCTION @extschema@.dcx_attach_updated_at(text) FROM PUBLIC;
