-- maintain: what a scheduler calls

CREATE FUNCTION @extschema@.dcx_maintain()
RETURNS TABLE(task text, result text)
AS 'MODULE_PATHNAME', 'dcx_maintain' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_maintain() IS
'What a scheduler calls every few minutes. It saves the price books, runs ANALYZE on the foreign tables, reports what
dcx_check finds of severity error, and marks holds that have expired.
If a task fails, its row says so, and the other tasks are done.
Returns: one row per result.
  task: price book, network price book, analyze, check or holds.
  result: what was done or found, or why the task failed.
Errors:
  ZD008: the connection to a catalog broke while it was read. Nothing is kept: the next call does it all.
  25006: the transaction is read-only, or the server is a replica.
Rights: you need EXECUTE on dcx_wallet_audit, too. No right on a table is needed.';
REVOKE ALL ON FUNCTION @extschema@.dcx_maintain() FROM PUBLIC;

