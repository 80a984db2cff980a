-- hold: money held for an order, until it is captured or released, or expires

CREATE FUNCTION @extschema@.dcx_wallet_hold(
    org text, amount numeric, idempotency_key text, expires_in interval DEFAULT '15 minutes',
    description text DEFAULT NULL, details jsonb DEFAULT NULL)
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, expires_at timestamptz, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_hold' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_hold(text, numeric, text, interval, text, jsonb) IS
'Holds an amount of what is available: it stays in the balance and cannot be spent until it is captured or released, or the hold expires. expires_in: above 0, from when the wallet is locked. Other arguments as dcx_wallet_credit. ZD001: insufficient funds; other errors as dcx_wallet_credit';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_hold(text, numeric, text, interval, text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_capture(hold_id bigint, amount numeric DEFAULT NULL)
RETURNS TABLE(
    entry_id bigint, organisation text, amount numeric, balance numeric, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_capture' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_capture(bigint, numeric) IS
'Takes what a hold holds, or less of it, from the wallet, frees the rest, and answers with the entry. amount: rand, whole cents, at most what is held (else 22023); NULL: all of it. The same capture again is answered as the first time. ZD005: the hold is not open: it says in which state it is and since when; ZD001: the platform took the balance meanwhile';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_capture(bigint, numeric) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_release(hold_id bigint)
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, expires_at timestamptz, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_release' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_release(bigint) IS
'Frees what a hold holds. The same again is answered as the first time. ZD005: the hold is captured or has expired: it says which, and since when';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_release(bigint) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_extend(hold_id bigint, expires_in interval)
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, expires_at timestamptz, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_extend' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_extend(bigint, interval) IS
'Keeps a hold open for expires_in from now. One that lasts longer already is left as it is (replayed true). ZD005: the hold is not open: it says in which state it is and since when';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_extend(bigint, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_holds(org text, state text DEFAULT 'open')
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, state text, held_at timestamptz, expires_at timestamptz,
    resolved_at timestamptz, captured numeric, entry_id bigint, description text, idempotency_key text,
    details jsonb, quote jsonb, session_role text)
AS 'MODULE_PATHNAME', 'dcx_wallet_holds' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_wallet_holds(text, text) IS
'The holds of an organisation that are open, captured, released or expired; NULL: all of them. Who can read the wallet can ask. NULL for org: no rows. Errors as dcx_wallet_balance';

