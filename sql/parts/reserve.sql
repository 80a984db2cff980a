-- reserve: an order priced and its money held

CREATE FUNCTION @extschema@.dcx_vm_reserve(
    org text, cpu_type text, cpus numeric, ram_gb numeric, storage_type text, gb numeric,
    idempotency_key text, expires_in interval DEFAULT '15 minutes', max_cost numeric DEFAULT NULL)
RETURNS TABLE(hold_id bigint, cost numeric, expires_at timestamptz, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_vm_reserve' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_vm_reserve(text, text, numeric, numeric, text, numeric, text, interval, numeric) IS
'Prices a VM as dcx_vm_cost does, rounds the sum to cents, half a cent away from zero, and holds it as dcx_wallet_hold does, together with the quote. max_cost: the price that the customer saw, in rand; NULL: any. The same request again is answered with the first price, whatever the catalog says by then. ZD009: dearer than max_cost; ZD001: insufficient funds; 22023: it costs 0.00; other errors as dcx_vm_cost and dcx_wallet_hold';
REVOKE ALL ON FUNCTION @extschema@.dcx_vm_reserve(text, text, numeric, numeric, text, numeric, text, interval, numeric) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_order_reserve(
    org text, items jsonb, idempotency_key text, expires_in interval DEFAULT '15 minutes',
    max_cost numeric DEFAULT NULL)
RETURNS TABLE(hold_id bigint, cost numeric, expires_at timestamptz, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_order_reserve' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_order_reserve(text, jsonb, text, interval, numeric) IS
'Prices an order as dcx_order_quote does, all of it or nothing, rounds the sum to cents once, and holds it as dcx_vm_reserve does. The same items in the same order are the same request, however their JSON is written; dcx_vm_reserve with the same key is another one. Errors as dcx_order_quote and dcx_vm_reserve';
REVOKE ALL ON FUNCTION @extschema@.dcx_order_reserve(text, jsonb, text, interval, numeric) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_hold_verify(hold_id bigint)
RETURNS TABLE(
    line integer, code text, quantity numeric, unit_price numeric, amount numeric, recomputed numeric, ok boolean)
AS 'MODULE_PATHNAME', 'dcx_hold_verify' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 4;
COMMENT ON FUNCTION @extschema@.dcx_hold_verify(bigint) IS
'Computes the quote that a hold was made of once more: its lines, and a last row with the code total, whose amount is what is held and recomputed the rounded sum of the lines. A hold without a quote has no rows. Who can read the wallet can ask. NULL in, no rows out. ZD005: there is no such hold';

