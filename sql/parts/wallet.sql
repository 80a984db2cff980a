-- wallet: which table holds the wallets, and what an organisation's holds and can afford

CREATE FUNCTION @extschema@.dcx_attach_wallet(
    wallets text DEFAULT '"OrganisationWallet"',
    organisation_column text DEFAULT 'organisationId',
    balance_column text DEFAULT 'balance')
RETURNS TABLE(relation text, rows bigint, note text)
AS 'MODULE_PATHNAME', 'dcx_attach_wallet' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_attach_wallet(text, text, text) IS
'Says which table holds the wallets: its name, with or without quotes, and the columns of organisation (text, uuid or integer) and balance (numeric, double precision or integer). Makes the ledger in schema dcx, as the caller''s own tables, and the triggers that record every change of a balance; one opening entry a wallet. Again: finds all that, and writes one external entry for each balance that was changed meanwhile without the ledger. Only the table''s owner can, under READ COMMITTED. 55000: other wallets are attached, dcx_detach(''wallet'') first; 0A000: partitioned by the balance. A view is attached for reading only. NULL in, no rows out';
REVOKE ALL ON FUNCTION @extschema@.dcx_attach_wallet(text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_balance(org text)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_wallet_balance' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION @extschema@.dcx_wallet_balance(text) IS
'The balance of an organisation''s wallet in rand, read with the caller''s rights. NULL in, NULL out. ZD006: no wallet, or two; ZD007: nothing attached';

CREATE FUNCTION @extschema@.dcx_wallet_available(org text)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_wallet_available' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION @extschema@.dcx_wallet_available(text) IS
'What an organisation can spend, in rand: the balance less the holds that are open and have not expired. Who can read the wallet can ask. NULL in, NULL out. Errors as dcx_wallet_balance';

CREATE FUNCTION @extschema@.dcx_wallet_can_afford(org text, cost numeric)
RETURNS boolean
AS 'MODULE_PATHNAME', 'dcx_wallet_can_afford_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION @extschema@.dcx_wallet_can_afford(text, numeric) IS
'Whether what is available (dcx_wallet_available) covers a cost, which is rounded to cents first: the question that a hold asks. cost: finite, not negative. NULL in, NULL out. An organisation without a wallet is an error (ZD006), never false; other errors as dcx_wallet_balance';

CREATE FUNCTION @extschema@.dcx_wallet_can_afford(org text, cost double precision)
RETURNS boolean
AS 'MODULE_PATHNAME', 'dcx_wallet_can_afford_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION @extschema@.dcx_wallet_can_afford(text, double precision) IS
'Whether what is available (dcx_wallet_available) covers a cost, which is rounded to cents first: the question that a hold asks. cost: finite, not negative. NULL in, NULL out. An organisation without a wallet is an error (ZD006), never false; other errors as dcx_wallet_balance';

