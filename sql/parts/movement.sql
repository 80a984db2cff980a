-- movement: money that comes and goes at once

CREATE FUNCTION @extschema@.dcx_wallet_credit(
    org text, amount numeric, idempotency_key text, description text DEFAULT NULL, details jsonb DEFAULT NULL)
RETURNS TABLE(
    entry_id bigint, organisation text, amount numeric, balance numeric, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_credit' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_credit(text, numeric, text, text, jsonb) IS
'Adds an amount to a wallet, in the caller''s transaction, and answers with the entry. amount: rand, above 0, in whole cents; idempotency_key: the client''s own name for this request, unique per organisation: the same request again is answered as the first time, with replayed true. NULL for org, amount or key is an error. ZD004: the key was used for another request; ZD006: no wallet; ZD007: nothing attached; 55000: attach again';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_credit(text, numeric, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_debit(
    org text, amount numeric, idempotency_key text, description text DEFAULT NULL, details jsonb DEFAULT NULL)
RETURNS TABLE(
    entry_id bigint, organisation text, amount numeric, balance numeric, available numeric, replayed boolean)
AS 'MODULE_PATHNAME', 'dcx_wallet_debit' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION @extschema@.dcx_wallet_debit(text, numeric, text, text, jsonb) IS
'Takes an amount from what is available in a wallet, and answers with the entry, whose amount is negative. ZD001: insufficient funds. Arguments and other errors as dcx_wallet_credit';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_debit(text, numeric, text, text, jsonb) FROM PUBLIC;

