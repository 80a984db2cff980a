-- ledger: every change of a balance, and the proof that it adds up

CREATE FUNCTION @extschema@.dcx_wallet_record()
RETURNS trigger
AS 'MODULE_PATHNAME', 'dcx_wallet_record' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.dcx_wallet_record() IS
'The trigger that dcx_attach_wallet puts on the wallet table: writes every change of a balance into the ledger, as the ledger''s owner. Of several that fire for every change, the first by name that is ENABLE ALWAYS writes; any other call writes nothing. A balance that becomes NULL, NaN, infinite or too large for exact cents in floating point is refused (22003)';

CREATE FUNCTION @extschema@.dcx_wallet_statement(
    org text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
RETURNS TABLE(
    entry_id bigint, recorded_at timestamptz, kind text, amount numeric, balance numeric, hold_id bigint,
    description text, idempotency_key text, details jsonb, session_role text)
AS 'MODULE_PATHNAME', 'dcx_wallet_statement' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.dcx_wallet_statement(text, timestamptz, timestamptz) IS
'The entries of an organisation in their order, from since (inclusive) until (exclusive). kind: opening, credit, debit, capture or external (a change that the platform made itself); amount: what the balance changed by, in rand, negative for what went out; balance: what it was then. Who can read the wallet can ask. NULL in, no rows out. Errors as dcx_wallet_balance';

CREATE FUNCTION @extschema@.dcx_wallet_audit()
RETURNS TABLE(organisation text, problem text, expected numeric, actual numeric)
AS 'MODULE_PATHNAME', 'dcx_wallet_audit' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_wallet_audit() IS
'No rows when every balance equals what its entries add up to, every entry''s balance follows from the one before, no open holds exceed their balance, every capture is as its hold has it, every hold''s quote recomputes, and every idempotency key is kept. Reads the whole ledger';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_audit() FROM PUBLIC;

