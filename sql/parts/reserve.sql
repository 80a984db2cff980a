-- reserve: an order priced and its money held

CREATE FUNCTION @extschema@.dcx_vm_reserve(
    org text, cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric,
    idempotency_key text, expires_in interval DEFAULT '15 minutes', max_cost numeric DEFAULT NULL,
    refusals boolean DEFAULT false)
RETURNS TABLE(
    hold_id bigint, cost numeric, expires_at timestamptz, available numeric, replayed boolean, refused text)
AS 'MODULE_PATHNAME', 'dcx_vm_reserve' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_vm_reserve(
    text, text, numeric, numeric, text, numeric, text, interval, numeric, boolean) IS
'Prices a VM as dcx_vm_cost does, and holds the money for it as dcx_wallet_hold does, in one statement.
The sum is rounded to cents, half a cent away from zero. The hold keeps the quote.
The same request again gets the first answer and the first price, also when prices have changed or the catalog is down.
Arguments:
  org: the id of the organisation.
  cpu_type: as of dcx_vm_cost.
  cpus: as of dcx_vm_cost.
  ram_gb: as of dcx_vm_cost.
  storage_type: as of dcx_vm_cost.
  gb: as of dcx_vm_cost.
  idempotency_key: as of dcx_wallet_hold.
  expires_in: as of dcx_wallet_hold.
  max_cost: the price that the customer has seen, in rand, compared in cents. NULL: any price.
  refusals: true: ZD001 and ZD009 are no errors, but come as a row. Then nothing is held, the key is not used, and the
    wallet stays locked until your transaction ends. Whatever else goes wrong is still an error. A retry may pass
    another value than the first call.
Returns: one row.
  hold_id: the id of the hold, for dcx_wallet_capture, dcx_wallet_release and dcx_wallet_extend. NULL if it is refused.
  cost: what is held, in rand. If it is refused: what it costs.
  expires_at: when the hold expires. NULL if it is refused.
  available: what could be spent after it, in rand. If it is refused: what can be spent.
  replayed: true if this request was made before, and nothing was done now.
  refused: ZD001 if less is available than it costs, ZD009 if it costs more than max_cost; if both, ZD009. NULL if it is
    held.
NULL: max_cost may be NULL. Any other NULL is an error.
Errors: as dcx_vm_cost and dcx_wallet_hold, and
  ZD001: less is available than it costs. Nothing is held. With refusals it is a row.
  ZD009: it costs more than max_cost. Nothing is held. With refusals it is a row.
  22023: also if it costs 0.00 when rounded. Nothing is held.
Rights: the right to call it is enough, for the wallets of all organisations. No right on a table is needed.';
REVOKE ALL ON FUNCTION @extschema@.dcx_vm_reserve(
    text, text, numeric, numeric, text, numeric, text, interval, numeric, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_order_reserve(
    org text, items jsonb, idempotency_key text, expires_in interval DEFAULT '15 minutes',
    max_cost numeric DEFAULT NULL, refusals boolean DEFAULT false)
RETURNS TABLE(
    hold_id bigint, cost numeric, expires_at timestamptz, available numeric, replayed boolean, refused text)
AS 'MODULE_PATHNAME', 'dcx_order_reserve' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_order_reserve(text, jsonb, text, interval, numeric, boolean) IS
'Prices an order as dcx_order_quote does, and holds the money for all of it as one hold, in one statement.
The sum is rounded to cents once, half a cent away from zero. The hold keeps the quote with all its lines.
The same request again gets the first answer. It is the same if the items are the same and in the same order, however
the JSON is written.
An order that dcx_vm_reserve has placed is another request: repeat an order by the function that placed it.
Arguments:
  org: the id of the organisation.
  items: as of dcx_order_quote.
  idempotency_key: as of dcx_wallet_hold.
  expires_in: as of dcx_wallet_hold.
  max_cost: as of dcx_vm_reserve.
  refusals: as of dcx_vm_reserve.
Returns: as dcx_vm_reserve.
NULL: max_cost may be NULL. Any other NULL is an error.
Errors: as dcx_order_quote and dcx_wallet_hold, and
  ZD001: less is available than it costs. Nothing is held. With refusals it is a row.
  ZD009: it costs more than max_cost. Nothing is held. With refusals it is a row.
  22023: also if it costs 0.00 when rounded. Nothing is held.
Rights: as dcx_vm_reserve.';
REVOKE ALL ON FUNCTION @extschema@.dcx_order_reserve(text, jsonb, text, interval, numeric, boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_hold_verify(hold_id bigint)
RETURNS TABLE(
    line integer, code text, quantity numeric, unit_price numeric, amount numeric, recomputed numeric, ok boolean)
AS 'MODULE_PATHNAME', 'dcx_hold_verify' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 4;
COMMENT ON FUNCTION @extschema@.dcx_hold_verify(bigint) IS
'Computes the quote that a hold keeps once more. A hold of dcx_wallet_hold has no quote, and no rows.
Arguments:
  hold_id: the id of the hold.
Returns: one row per line of the quote, and one for the total.
  line: the number of the line. NULL for the total.
  code: the code of the product or network service, or total.
  quantity: how much of it. NULL for the total.
  unit_price: rand per month for one of it. NULL for the total.
  amount: the amount that the quote has. For the total: what is held.
  recomputed: quantity x unit_price. For the total: the sum of the lines, rounded to cents.
  ok: true if the two are equal.
NULL: if hold_id is NULL, there are no rows.
Errors:
  ZD007: no wallet table is attached.
  ZD011: there is no such hold, or you may not see its wallet.
  40001: under REPEATABLE READ or SERIALIZABLE a table was rewritten meanwhile, or another wallet table was attached.
    Run the transaction again.
  42501: you may not read the wallet table.
  55000: the ledger is missing, or was changed by hand.
Rights: as dcx_wallet_balance.';

