-- hold: money held for an order, until it is captured or released, or expires

CREATE FUNCTION @extschema@.dcx_wallet_hold(
    org text, amount numeric, idempotency_key text, expires_in interval DEFAULT '15 minutes',
    description text DEFAULT NULL, details jsonb DEFAULT NULL)
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, expires_at timestamptz, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_hold' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_hold(text, numeric, text, interval, text, jsonb) IS
'Holds money for an order. It stays in the balance, but no other hold or debit can use it.
The hold ends when it is captured, released, or expires. No job is needed for that.
The same request again, with the same key and the same arguments, holds nothing more: it gets the first answer.
Arguments:
  org: the id of the organisation.
  amount: rand, above 0, in whole cents.
  idempotency_key: your own name for this request, of 1 to 255 bytes, such as the id of the order. An organisation
    uses a key once, for ever.
  expires_in: how long to hold it, above 0, counted from the moment the wallet is locked.
  description: a text for the statement.
  details: anything else to keep with the hold.
Returns: one row.
  hold_id: the id of the hold, for dcx_wallet_capture, dcx_wallet_release and dcx_wallet_extend.
  organisation: the id of the organisation.
  amount: what is held, in rand.
  expires_at: when the hold expires.
  available: what could be spent after it, in rand.
  replayed: true if this request was made before, and nothing was done now.
NULL: description and details may be NULL. Any other NULL is an error.
Errors: as dcx_wallet_credit, and
  ZD001: less is available than is asked for. Nothing is held.
  22023: also if expires_in is not above 0, or not finite.
Rights: as dcx_wallet_credit.';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_hold(text, numeric, text, interval, text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_capture(hold_id bigint, amount numeric DEFAULT NULL)
RETURNS TABLE(
    entry_id bigint, organisation text, amount numeric, balance numeric, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_capture' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_capture(bigint, numeric) IS
'Charges a hold: takes the held money, or less, from the wallet, and frees the rest. That is the end of the hold.
The same capture again gets the first answer.
Arguments:
  hold_id: the id of the hold.
  amount: rand, above 0, in whole cents, at most what is held. NULL: all of it.
Returns: one row.
  entry_id: the entry in the ledger.
  organisation: the id of the organisation.
  amount: what the balance changed by, in rand: negative.
  balance: the balance after it, in rand.
  available: what could be spent after it, in rand.
  replayed: true if this capture was made before, and nothing moved now.
NULL: amount may be NULL. If hold_id is NULL, that is an error.
Errors: as dcx_wallet_credit, and
  ZD001: the balance is smaller than the amount: the platform itself has taken money that was held.
  ZD005: it was captured with another amount, released, or has expired. The detail says which, and when.
  ZD011: there is no such hold, or it is not one of org.
  22023: the amount is more than is held, not above 0, or not in whole cents.
Rights: as dcx_wallet_credit.';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_capture(bigint, numeric) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_capture(org text, hold_id bigint, amount numeric)
RETURNS TABLE(
    entry_id bigint, organisation text, amount numeric, balance numeric, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_capture' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_capture(text, bigint, numeric) IS
'With an organisation: charges a hold only if it is of that organisation; for any other there is no such hold (ZD011).
Prefer this form: a hold_id is a number, and in another database the same number is another organisation''s hold.
All three arguments have to be given. It is the same capture as without the organisation: either repeats the other.
Arguments:
  org: the id of the organisation. NULL is an error.';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_capture(text, bigint, numeric) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_release(hold_id bigint)
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, expires_at timestamptz, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_release' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_release(bigint) IS
'Frees the money that a hold holds. That is the end of the hold. The same release again gets the first answer.
Arguments:
  hold_id: the id of the hold.
Returns: as dcx_wallet_hold.
NULL: if hold_id is NULL, that is an error.
Errors: as dcx_wallet_credit, and
  ZD005: it was captured or has expired. The detail says which, and when.
  ZD011: there is no such hold, or it is not one of org.
Rights: as dcx_wallet_credit.';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_release(bigint) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_release(org text, hold_id bigint)
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, expires_at timestamptz, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_release' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_release(text, bigint) IS
'With an organisation: frees a hold only if it is of that organisation; for any other there is no such hold (ZD011).
Prefer this form: dcx_wallet_capture says why.
Arguments:
  org: the id of the organisation. NULL is an error.';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_release(text, bigint) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_extend(hold_id bigint, expires_in interval)
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, expires_at timestamptz, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_extend' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_extend(bigint, interval) IS
'Keeps a hold open for a time from now. A hold that lasts longer already stays as it is, and replayed is true.
Arguments:
  hold_id: the id of the hold.
  expires_in: how long from now, above 0.
Returns: as dcx_wallet_hold.
NULL: any NULL is an error.
Errors: as dcx_wallet_credit, and
  ZD005: it was captured, released, or has expired. The detail says which, and when.
  ZD011: there is no such hold, or it is not one of org.
  22023: expires_in is not above 0, or not finite.
Rights: as dcx_wallet_credit.';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_extend(bigint, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_extend(org text, hold_id bigint, expires_in interval)
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, expires_at timestamptz, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_extend' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_extend(text, bigint, interval) IS
'With an organisation: keeps a hold open only if it is of that organisation; for any other there is no such hold
(ZD011). Prefer this form: dcx_wallet_capture says why.
Arguments:
  org: the id of the organisation. NULL is an error.';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_extend(text, bigint, interval) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_holds(
    org text, state text DEFAULT 'open', after_id bigint DEFAULT 0, max_rows integer DEFAULT 2147483647)
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, state text, held_at timestamptz, expires_at timestamptz,
    resolved_at timestamptz, captured numeric, entry_id bigint, description text, idempotency_key text,
    details jsonb, quote jsonb, session_role text)
AS 'MODULE_PATHNAME', 'dcx_wallet_holds' LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_wallet_holds(text, text, bigint, integer) IS
'The holds of an organisation.
To read them page by page, pass the hold_id of the last row as the next after_id. New holds come at the end.
Arguments:
  org: the id of the organisation.
  state: open, captured, released or expired. NULL: all of them.
  after_id: only holds with a greater hold_id.
  max_rows: how many rows at most, 0 or more.
Returns: one row per hold, in the order of their ids.
  hold_id: the id of the hold.
  organisation: the id of the organisation.
  amount: what is or was held, in rand.
  state: open, captured, released or expired.
  held_at: when it was made.
  expires_at: when it expires.
  resolved_at: when it was captured or released, or expired. NULL while it is open.
  captured: what was taken of it, in rand. NULL unless it is captured.
  entry_id: the entry of the capture in the ledger. NULL unless it is captured.
  description: a text of the caller. For an order: its lines, in short.
  idempotency_key: the key that it was made with.
  details: what else the caller gave.
  quote: the lines that were priced, and where and when the prices were read. NULL for dcx_wallet_hold.
  session_role: the role that had logged in.
NULL: state may be NULL. If any other argument is NULL, there are no rows.
Errors: as dcx_wallet_available, and
  22023: there is no such state, or max_rows is negative.
Rights: as dcx_wallet_balance.';

CREATE FUNCTION @extschema@.dcx_wallet_hold_of(org text, idempotency_key text)
RETURNS TABLE(
    hold_id bigint, organisation text, amount numeric, state text, held_at timestamptz, expires_at timestamptz,
    resolved_at timestamptz, captured numeric, entry_id bigint, description text, idempotency_key text,
    details jsonb, quote jsonb, session_role text)
AS 'MODULE_PATHNAME', 'dcx_wallet_hold_of' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_hold_of(text, text) IS
'Finds the hold of an organisation by its idempotency key.
Arguments:
  org: the id of the organisation.
  idempotency_key: the key that it was made with.
Returns: as dcx_wallet_holds, but one row. No row: the organisation has not used the key, or has used it for a credit
    or a debit.
NULL: if any argument is NULL, there are no rows.
Errors: as dcx_wallet_available.
Rights: as dcx_wallet_balance.';
