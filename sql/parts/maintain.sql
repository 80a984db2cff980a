-- maintain: what a scheduler calls

CREATE FUNCTION @extschema@.dcx_maintain()
RETURNS TABLE(task text, result text)
AS 'MODULE_PATHNAME', 'dcx_maintain' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_maintain() IS
'For a scheduler, every few minutes: saves the price book where it has changed, marks holds that have expired, analyzes the foreign tables, and reports what dcx_check finds of severity error. A task that fails says so, and the others are done';
REVOKE ALL ON FUNCTION @extschema@.dcx_maintain() FROM PUBLIC;

