-- wallet: which table holds the wallets, and what an organisation's holds and can afford

CREATE FUNCTION @extschema@.dcx_attach_wallet(
    wallets text DEFAULT '"OrganisationWallet"',
    organisation_column text DEFAULT 'organisationId',
    balance_column text DEFAULT 'balance')
RETURNS TABLE(relation text, rows bigint, note text)
AS 'MODULE_PATHNAME', 'dcx_attach_wallet' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION @extschema@.dcx_attach_wallet(text, text, text) IS
'Names the table that holds the wallets, and makes the ledger of their balances.
It makes the tables of the ledger in schema dcx, which belong to you, two triggers on the wallet table, and one
opening entry per wallet.
Call it again after a restore, a repair, or a change of the table: it puts missing triggers back, drops surplus ones,
and writes one external entry for each balance that was changed while the triggers were missing. If a wallet is gone,
its open holds are released.
A view or a foreign table can be attached for reading. No money moves in it.
Arguments:
  wallets: the table, written as in SQL, with quotes where SQL needs them.
  organisation_column: the column of the organisation: text, varchar, char, uuid or an integer type.
  balance_column: the column of the balance in rand: numeric, double precision, real or an integer type.
Returns: one row for the table, and one for its ledger. For a view only the first.
  relation: the wallet table, or dcx.wallet_entry.
  rows: how many wallets there are, or how many entries.
  note: which columns are used, and what was done.
NULL: if any argument is NULL, nothing is attached and there are no rows.
Errors:
  0A000: the transaction is REPEATABLE READ or SERIALIZABLE, the table is partitioned by the balance, or one of the
    columns is a virtual generated column.
  22003: a balance is NULL, NaN, infinite, or too large for exact cents in its type.
  25006: the transaction is read-only, or the server is a replica.
  42501: the table, or a table in schema dcx, belongs to another role.
  42703: the table lacks one of the columns.
  42804: one of the columns is of another type.
  42809: the table, or a partition of it, is a table of Citus. Attach the shard on its worker.
  42P01: there is no such table. The detail lists candidates.
  55000: other wallets are attached: call dcx_detach(''wallet'') first. Or a table in schema dcx was changed by hand.
Rights: you must own the wallet table, or be a superuser. If there is no schema dcx yet, you need CREATE on the
    database.';
REVOKE ALL ON FUNCTION @extschema@.dcx_attach_wallet(text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.dcx_wallet_balance(org text)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_wallet_balance' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION @extschema@.dcx_wallet_balance(text) IS
'The balance of an organisation''s wallet. What holds have reserved is part of it.
Arguments:
  org: the id of the organisation.
Returns: rand.
NULL: if org is NULL, the result is NULL.
Errors:
  ZD006: the organisation has no wallet that you can read, or several.
  ZD007: no wallet table is attached.
  22003: the balance is NULL, NaN, infinite, or too large for exact cents in its type.
  40001: under REPEATABLE READ or SERIALIZABLE a table was rewritten meanwhile, or another wallet table was attached.
    Run the transaction again.
  42501: you may not read the wallet table.
Rights: you need SELECT on the wallet table. Row-level security applies. A superuser reads it as its owner.';

CREATE FUNCTION @extschema@.dcx_wallet_available(org text)
RETURNS numeric
AS 'MODULE_PATHNAME', 'dcx_wallet_available' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION @extschema@.dcx_wallet_available(text) IS
'What an organisation can spend: the balance, less the holds that are open and have not expired.
Arguments:
  org: the id of the organisation.
Returns: rand. It is negative if the platform itself has taken money that is held.
NULL: if org is NULL, the result is NULL.
Errors: as dcx_wallet_balance, and
  55000: the ledger is missing, or was changed by hand.
Rights: as dcx_wallet_balance.';

CREATE FUNCTION @extschema@.dcx_wallet_can_afford(org text, cost numeric)
RETURNS boolean
AS 'MODULE_PATHNAME', 'dcx_wallet_can_afford_numeric' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION @extschema@.dcx_wallet_can_afford(text, numeric) IS
'Whether an organisation can pay a cost. The cost is rounded to cents, half a cent away from zero, and compared with
dcx_wallet_available.
The answer is about this moment: only a hold reserves the money.
Arguments:
  org: the id of the organisation.
  cost: rand, 0 or more.
Returns: true or false. An organisation without a wallet is an error, never false.
NULL: if any argument is NULL, the result is NULL.
Errors: as dcx_wallet_available, and
  22023: the cost is negative or not finite.
Rights: as dcx_wallet_balance.';

CREATE FUNCTION @extschema@.dcx_wallet_can_afford(org text, cost double precision)
RETURNS boolean
AS 'MODULE_PATHNAME', 'dcx_wallet_can_afford_float8' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 100;
COMMENT ON FUNCTION @extschema@.dcx_wallet_can_afford(text, double precision) IS
'As the form for numeric. A double precision counts as the decimal of at most 15 digits that it stands for.';

