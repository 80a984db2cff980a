/*
 * record.c
 *		The ledger's trigger: records every change of the wallet table, whoever makes it.
 *
 * Locking and snapshot rules: see ledger.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/base/compat.h"
#include "src/base/money.h"
#include "src/base/relation.h"
#include "src/wallet/balance.h"
#include "src/wallet/ledger.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/recorder.h"
#include "src/wallet/row.h"
#include "src/wallet/totals.h"
#include "src/wallet/wallet.h"

/* The wallets that a transaction has inserted without a record, because the ledger had them: see is_loaded(). */
static struct
{
	LocalTransactionId transaction;
	HTAB			  *wallets; /* of struct Loaded, in the transaction's memory */
} loaded;

struct Loaded
{
	uint64		  organisation; /* a hash of it */
	TransactionId by;			/* which of its subtransactions has inserted the last */
	int64		  rows;			/* how many it has inserted */
};

/* A table that a TRUNCATE empties, whose trigger has been fired. */
typedef struct Truncated
{
	SubTransactionId
			  nested;  /* an error may have ended another one's before it counted as a command */
	CommandId command; /* of the snapshot of the TRUNCATE */
	Oid		  table;
} Truncated;

/* Those of a transaction, in its memory. A trigger of the platform can truncate others meanwhile. */
static struct
{
	LocalTransactionId transaction;
	List			  *tables;
} truncations;

static Datum
array_of_one(Datum value, Oid type)
{
	return PointerGetDatum(construct_array(&value, 1, type, -1, false, TYPALIGN_INT));
}

/* Writes the entry of one change that is not ours. gone: the organisation has no wallet any more. */
static void
record_one(Oid owner, const char *operation, const char *organisation, Numeric amount, bool gone)
{
	Datum			 name = array_of_one(CStringGetTextDatum(organisation), TEXTOID);
	DcxForeignChange change = {.kind = "external",
							   .operation = operation,
							   .organisations = name,
							   .amounts = array_of_one(NumericGetDatum(amount), NUMERICOID),
							   .sign = 1,
							   .gone = gone ? name : (Datum) 0};

	dcx_ledger_need_numbers(owner, organisation, true);
	dcx_ledger_record(owner, &change);
}

/*
 * Whether the organisation had a wallet before this statement, or before this transaction. (A statement
 * that deletes the wallet may call a function that inserts it again, before the deletion is recorded.)
 */
static bool
had_wallet(const char *organisation)
{
	bool had;

	if (dcx_wallet_rows(organisation, false, NULL) > 0)
		return true;
	PushCopiedSnapshot(GetActiveSnapshot());
	GetActiveSnapshot()->curcid = FirstCommandId;
	had = dcx_wallet_rows(organisation, false, NULL) > 0;
	PopActiveSnapshot();
	return had;
}

/* Refuses (55000) to insert a wallet with another balance than the ledger has it. */
pg_noreturn static void
refuse_loading(const char *organisation, Numeric wallets, Numeric entries)
{
	ereport(
		ERROR,
		errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
		errmsg("the ledger of organisation \"%s\" is not that of the wallet that is inserted",
			   organisation),
		errdetail("Before, it had no wallet; its wallets now add up to %s, its entries to %s.",
				  dcx_money_text(wallets),
				  dcx_money_text(entries)),
		errhint(
			"If you restore a backup, use --disable-triggers, and call dcx_attach_wallet() "
			"afterwards. If a wallet was lost, call it first: it writes that into the ledger."));
}

/*
 * Notes that a row of an organisation is inserted that the ledger has. Returns whether it now has as many rows as
 * this transaction has so inserted: else one has been deleted since. rows: how many it has.
 */
static bool
note_loaded(const char *organisation, int64 rows)
{
	uint64 key = DatumGetUInt64(
		hash_any_extended((const unsigned char *) organisation, strlen(organisation), 0));
	HASHCTL		   form = {.keysize = sizeof(uint64), .entrysize = sizeof(struct Loaded)};
	struct Loaded *entry;
	bool		   found;

	if (loaded.transaction != DCX_MY_LXID)
	{
		form.hcxt = TopTransactionContext;
		loaded.wallets =
			hash_create("wallets loaded", 64, &form, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		loaded.transaction = DCX_MY_LXID;
	}
	entry = hash_search(loaded.wallets, &key, HASH_ENTER, &found);
	/* What a subtransaction has inserted is gone when it is rolled back. */
	if (!found || !TransactionIdIsCurrentTransactionId(entry->by))
		entry->rows = 0;
	entry->by = GetCurrentTransactionId();
	return rows >= ++entry->rows;
}

/*
 * Whether an insert only brings back what the ledger has: a restore has loaded the ledger before the
 * wallets. Then the organisation has an account, had no wallet before, and its wallets now add up to the
 * account.
 *
 * An account of 0.00 may also be that of a wallet that was deleted. Then money in the new one is new, and
 * no money in it is no change. An account with money in it and no wallet is otherwise seen only while a
 * statement deletes wallets and inserts them, see had_wallet(). If wallets have come in this transaction
 * otherwise, or this one has been loaded before, that cannot be excluded, and we refuse to guess.
 */
static bool
is_loaded(Oid owner, const DcxWallet *wallet)
{
	DcxAccount account;
	Numeric	   entries;
	Numeric	   wallets;
	int64	   rows;
	bool	   empty;

	if (!dcx_ledger_account(wallet->organisation, false, &account) ||
		had_wallet(wallet->organisation))
		return false;
	empty = dcx_money_sign(account.balance) == 0;

	/* Another session can load the same wallet, or a second one: it waits here. */
	if (!dcx_ledger_lock(owner, wallet->organisation, &entries))
		return false;
	rows = dcx_wallet_rows(wallet->organisation, true, &wallets);
	if (dcx_money_compare(wallets, account.balance) == 0 &&
		dcx_money_compare(wallets, entries) == 0 &&
		(empty || (!dcx_ledger_has_come() && note_loaded(wallet->organisation, rows))))
	{
		dcx_ledger_need_numbers(owner, wallet->organisation, false);
		return true;
	}
	if (!empty)
		refuse_loading(wallet->organisation, wallets, entries);
	return false;
}

/* Refuses (55000) to give another organisation a wallet of which money is held. after: which, or NULL: not known. */
pg_noreturn static void
refuse_renaming(const char *before, const char *after)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("the wallet of organisation \"%s\" has open holds", before),
			errdetail("It would become that of %s, which has other holds and idempotency keys: a "
					  "request that is sent again would hold or pay twice.",
					  after ? psprintf("organisation \"%s\"", after) : "another organisation"),
			errhint("Capture or release them first: SELECT * FROM dcx_wallet_holds(%s).",
					quote_literal_cstr(before)));
}

/*
 * Records that a row is no longer a wallet of its organisation; after: whose it is now, or NULL. moved: an UPDATE has
 * moved it to another partition. If it is no longer there under its name, it was renamed.
 */
static void
record_leaving(Oid owner, const DcxWallet *before, const char *after, bool moved)
{
	Numeric balance;
	bool	gone;

	/* Another session can delete another wallet of the organisation: one of us is the last. */
	(void) dcx_ledger_lock(owner, before->organisation, &balance);
	gone = dcx_wallet_rows(before->organisation, true, NULL) == 0;
	if (gone && (after || moved) && dcx_ledger_has_open_hold(owner, before->organisation))
		refuse_renaming(before->organisation, after);
	record_one(owner,
			   after ? "UPDATE" : "DELETE",
			   before->organisation,
			   dcx_money_subtract(int64_to_numeric(0), before->balance),
			   gone);
}

/* Records that a row is now a wallet of an organisation. */
static void
record_coming(Oid owner, Oid relation, const DcxWallet *after, const char *operation)
{
	dcx_wallet_check_exact(relation, after);
	if (strcmp(operation, "INSERT") == 0 && is_loaded(owner, after))
		return;
	record_one(owner, operation, after->organisation, after->balance, false);
	dcx_ledger_note_coming();
}

/*
 * Records the change of a wallet's row. A row without an organisation is nobody's wallet and is not
 * recorded. A new balance that is too large for its column is refused; one that was there before may
 * stay.
 */
static void
record_row(Oid owner, Oid relation, DcxWallet before, DcxWallet after, bool moved)
{
	if (before.organisation && after.organisation &&
		strcmp(before.organisation, after.organisation) == 0)
	{
		if (!dcx_ledger_record_expected(owner, after.organisation, before.balance, after.balance) &&
			dcx_money_compare(before.balance, after.balance) != 0)
		{
			dcx_wallet_check_exact(relation, &after);
			record_one(owner,
					   "UPDATE",
					   after.organisation,
					   dcx_money_subtract(after.balance, before.balance),
					   false);
		}
		return;
	}
	if (before.organisation)
		record_leaving(owner, &before, after.organisation, moved);
	if (after.organisation)
		record_coming(owner, relation, &after, before.organisation ? "UPDATE" : "INSERT");
}

/* Notes that a TRUNCATE empties a table. Returns the tables that it empties, as far as they are noted: an oid[]. */
static Datum
note_truncated(Oid table)
{
	MemoryContext context = MemoryContextSwitchTo(TopTransactionContext);
	Truncated	 *noted = palloc(sizeof(Truncated));
	Datum		 *values;
	int			  n = 0;
	ListCell	 *lc;

	*noted = (Truncated){GetCurrentSubTransactionId(), GetActiveSnapshot()->curcid, table};
	if (truncations.transaction != DCX_MY_LXID)
		truncations.tables = NIL;
	truncations.transaction = DCX_MY_LXID;
	truncations.tables = lappend(truncations.tables, noted);
	MemoryContextSwitchTo(context);

	values = palloc(sizeof(Datum) * list_length(truncations.tables));
	foreach(lc, truncations.tables)
	{
		Truncated *other = lfirst(lc);

		if (other->nested == noted->nested && other->command == noted->command)
			values[n++] = ObjectIdGetDatum(other->table);
	}
	return PointerGetDatum(construct_array(values, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

/*
 * Records that a table is emptied, before it is. A TRUNCATE of several partitions fires a trigger of each
 * before it empties the first: an organisation has no wallet any more if its rows are only in those whose
 * triggers have been fired.
 */
static void
record_truncate(Oid owner, Oid relation)
{
	DcxForeignChange change = {.kind = "external", .operation = "TRUNCATE", .sign = -1};
	Datum			 tables = note_truncated(relation);

	/* TRUNCATE also removes rows that an older snapshot of the transaction does not show. */
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	dcx_wallet_totals(relation, true, false, &change.organisations, &change.amounts);
	change.gone = dcx_wallet_only_in(change.organisations, tables);
	PopActiveSnapshot();
	dcx_ledger_record(owner, &change);
}

/* Whether a row that is deleted has been moved to another partition by an UPDATE. */
static bool
is_moved(TupleTableSlot *row)
{
	return TTS_IS_BUFFERTUPLE(row) && HeapTupleHeaderIndicatesMovedPartitions(
										  ExecFetchSlotHeapTuple(row, false, NULL)->t_data);
}

/*
 * Fails (40001) when the table was attached after the active snapshot was taken. The snapshot does not
 * show the binding, so the change would not be recorded. This happens under READ COMMITTED, too: a long
 * DELETE of organisations deletes their wallets at its end, by a foreign key.
 */
static void
check_not_attached_meanwhile(Relation relation)
{
	bool bound;

	PushActiveSnapshot(GetLatestSnapshot());
	bound = dcx_wallet_is_bound(relation);
	PopActiveSnapshot();
	if (bound)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access due to concurrent attachment of the wallets"),
				errdetail("%s was attached after the snapshot of this statement was taken.",
						  dcx_relation_name(RelationGetRelid(relation))),
				errhint("The transaction might succeed if retried."));
}

/* dcx_wallet_record(): AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW, and BEFORE TRUNCATE */
PG_FUNCTION_INFO_V1(dcx_wallet_record);
Datum
dcx_wallet_record(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TriggerEvent event;
	Relation	 relation;
	DcxWallet	 before = {0};
	DcxWallet	 after = {0};
	bool		 moved = false;
	Oid			 owner;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("dcx_wallet_record: must be called as a trigger"),
				errhint("dcx_attach_wallet() creates the triggers."));
	event = trigger->tg_event;
	relation = trigger->tg_relation;
	if (TRIGGER_FIRED_BY_TRUNCATE(event) ?
			!TRIGGER_FIRED_BEFORE(event) :
			!TRIGGER_FIRED_AFTER(event) || !TRIGGER_FIRED_FOR_ROW(event))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("dcx_wallet_record: must be fired after a row's change or before TRUNCATE"),
				errhint("dcx_attach_wallet() creates the triggers."));
	if (!dcx_recorder_is(trigger, fcinfo->flinfo->fn_oid))
		return PointerGetDatum(NULL);
	if (!dcx_wallet_is_bound(relation))
	{
		check_not_attached_meanwhile(relation);
		return PointerGetDatum(NULL);
	}
	owner = dcx_ledger_owner(dcx_wallet_bound(), false);

	if (TRIGGER_FIRED_BY_TRUNCATE(event))
	{
		record_truncate(owner, RelationGetRelid(relation));
		return PointerGetDatum(NULL);
	}

	if (TRIGGER_FIRED_BY_INSERT(event))
		after = dcx_wallet_of_row(relation, trigger->tg_trigslot, true);
	else
	{
		before = dcx_wallet_of_row(relation, trigger->tg_trigslot, false);
		moved = is_moved(trigger->tg_trigslot);
	}
	if (TRIGGER_FIRED_BY_UPDATE(event))
		after = dcx_wallet_of_row(relation, trigger->tg_newslot, true);
	record_row(owner, RelationGetRelid(relation), before, after, moved);
	return PointerGetDatum(NULL);
}
