-- updated_at: the trigger that keeps "updatedAt"

CREATE FUNCTION @extschema@.dcx_set_updated_at()
RETURNS trigger
AS 'MODULE_PATHNAME', 'dcx_set_updated_at' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.dcx_set_updated_at() IS
'BEFORE UPDATE FOR EACH ROW: a row that changes gets the transaction''s time in "updatedAt" (or the column that the trigger''s argument names), UTC where the column is timestamp, never an earlier time than it had. A row that does not change keeps its value; an update of that column alone is honored';

CREATE FUNCTION @extschema@.dcx_attach_updated_at(target text DEFAULT 'public')
RETURNS TABLE(relation text, trigger text, note text)
AS 'MODULE_PATHNAME', 'dcx_attach_updated_at' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_attach_updated_at(text) IS
'Gives every table of a schema that has a column "updatedAt", or one table, the trigger dcx_set_updated_at, named so that it fires last before an update. Runs again safely. NULL in, no rows out';
REVOKE ALL ON FUNCTION @extschema@.dcx_attach_updated_at(text) FROM PUBLIC;
