-- movement: money that comes and goes at once

CREATE FUNCTION @extschema@.dcx_wallet_credit(
    org text, amount numeric, idempotency_key text, description text DEFAULT NULL, details jsonb DEFAULT NULL)
RETURNS TABLE(
    entry_id bigint, organisation text, amount numeric, balance numeric, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_credit' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_credit(text, numeric, text, text, jsonb) IS
'Adds money to a wallet, as part of your transaction.
The same request again, with the same key and the same arguments, moves no money: it gets the first answer.
Arguments:
  org: the id of the organisation.
  amount: rand, above 0, in whole cents.
  idempotency_key: your own name for this request, of 1 to 255 bytes, such as the id of the payment. An organisation
    uses a key once, for ever.
  description: a text for the statement.
  details: anything else to keep with the entry.
Returns: one row.
  entry_id: the entry in the ledger.
  organisation: the id of the organisation.
  amount: what the balance changed by, in rand. It is negative for money that went out.
  balance: the balance after it, in rand.
  available: what could be spent after it, in rand.
  replayed: true if this request was made before, and nothing moved now.
NULL: description and details may be NULL. Any other NULL is an error.
Errors:
  ZD004: the key was used for another request. The detail says what differs.
  ZD006: the organisation has no wallet, or several.
  ZD007: no wallet table is attached.
  22003: the balance is NULL, NaN, infinite, or too large for exact cents in its type.
  22004: org, amount or idempotency_key is NULL.
  22023: the amount is not above 0 or not in whole cents, or the key has not 1 to 255 bytes.
  25006: the transaction is read-only, or the server is a replica. A request that was made before gets its answer
    there, too.
  27000: a trigger on the wallet table changed the new balance, or the column cannot hold it.
  40001: under REPEATABLE READ or SERIALIZABLE another transaction came first; or another wallet table was attached
    meanwhile. Run the transaction again.
  42809: a view is attached, in which no money moves.
  55000: the wallet is not as the ledger has it, or a trigger of the ledger is missing. Call dcx_attach_wallet again.
Rights: the right to call it is enough, for the wallets of all organisations. No right on a table is needed.';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_credit(text, numeric, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_debit(
    org text, amount numeric, idempotency_key text, description text DEFAULT NULL, details jsonb DEFAULT NULL)
RETURNS TABLE(
    entry_id bigint, organisation text, amount numeric, balance numeric, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_debit' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_debit(text, numeric, text, text, jsonb) IS
'Takes money from a wallet, as part of your transaction: at most what is available.
The same request again, with the same key and the same arguments, moves no money: it gets the first answer.
Arguments: as dcx_wallet_credit.
Returns: as dcx_wallet_credit.
NULL: description and details may be NULL. Any other NULL is an error.
Errors: as dcx_wallet_credit, and
  ZD001: less is available than is asked for. Nothing moves.
Rights: as dcx_wallet_credit.';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_debit(text, numeric, text, text, jsonb) FROM PUBLIC;

