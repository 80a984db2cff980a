-- ledger: every change of a balance, and the proof that it adds up

CREATE FUNCTION @extschema@.dcx_wallet_record()
RETURNS trigger
AS 'MODULE_PATHNAME', 'dcx_wallet_record' LANGUAGE C;
COMMENT ON FUNCTION @extschema@.dcx_wallet_record() IS
'The trigger that dcx_attach_wallet puts on the wallet table. It writes every change of a balance into the ledger, as
the owner of the ledger.
Do not create it yourself: call dcx_attach_wallet. If several triggers call this function, the first by name that is
ENABLE ALWAYS writes, and the others do nothing.
A wallet that comes back with the balance that its ledger has, as in a restore, is no change. When the last wallet of an
organisation goes, its open holds are released, and the entry names them.
Errors:
  0A000: the organisation or the balance has become a virtual generated column.
  22003: a balance would become NULL, NaN, infinite, or too large for exact cents in its type.
  39P01: it was not called as such a trigger.
  40001: the wallets were attached by another transaction just now. Run the transaction again.
  42703: the table has no such column any more. Attach it again.
  55000: the ledger is missing, or was changed by hand. Or a wallet comes back with another balance than its ledger has.
    Or a wallet with open holds would become that of another organisation.';

CREATE FUNCTION @extschema@.dcx_wallet_statement(
    org text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity',
    after_id bigint DEFAULT 0, max_rows integer DEFAULT 2147483647)
RETURNS TABLE(
    entry_id bigint, recorded_at timestamptz, kind text, amount numeric, balance numeric, hold_id bigint,
    description text, idempotency_key text, details jsonb, session_role text)
AS 'MODULE_PATHNAME', 'dcx_wallet_statement' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION @extschema@.dcx_wallet_statement(text, timestamptz, timestamptz, bigint, integer) IS
'Every change of an organisation''s balance, in the order in which it was made.
To read it page by page, pass the entry_id of the last row as the next after_id. New entries come at the end.
Arguments:
  org: the id of the organisation.
  since: from this time on.
  until: until just before this time.
  after_id: only entries with a greater entry_id.
  max_rows: how many rows at most, 0 or more.
Returns: one row per entry, in the order of their ids.
  entry_id: the id of the entry.
  recorded_at: when the entry was written.
  kind: opening, credit, debit, capture, or external: a change that the platform itself has made.
  amount: what the balance changed by, in rand. It is negative for money that went out.
  balance: the balance after it, in rand.
  hold_id: the hold that was captured. NULL for other kinds.
  description: a text of the caller. For an order: its lines, in short.
  idempotency_key: the key of the request. NULL for opening and external.
  details: what else the caller gave. For opening and external: which operation it was, and released_holds, the ids of
    the holds that were released because the wallet is gone.
  session_role: the role that had logged in.
NULL: if any argument is NULL, there are no rows.
Errors: as dcx_wallet_available, and
  22023: max_rows is negative.
Rights: as dcx_wallet_balance.';

CREATE FUNCTION @extschema@.dcx_wallet_audit()
RETURNS TABLE(organisation text, problem text, expected numeric, actual numeric)
AS 'MODULE_PATHNAME', 'dcx_wallet_audit' LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION @extschema@.dcx_wallet_audit() IS
'Checks that the money of all wallets adds up. No rows: it does. Every balance is the sum of its entries, every entry
follows from the one before, no open holds exceed their balance, every capture agrees with its hold, every quote
computes to the amount held, and every idempotency key is there.
It reads the whole ledger.
Returns: one row per problem.
  organisation: the id of the organisation.
  problem: what is wrong, in words.
  expected: the amount that it should be, in rand. NULL if there is none.
  actual: the amount that it is, in rand.
Errors:
  ZD007: no wallet table is attached.
  22003: a balance is NULL, NaN or infinite.
  40001: under REPEATABLE READ or SERIALIZABLE a table was rewritten meanwhile, or another wallet table was attached.
    Run the transaction again.
  55000: the ledger is missing, or was changed by hand.
Rights: the right to call it is enough, for the wallets of all organisations. No right on a table is needed.';
REVOKE ALL ON FUNCTION @extschema@.dcx_wallet_audit() FROM PUBLIC;

