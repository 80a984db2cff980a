/*
 * record.c
 *		The ledger's trigger: records every change of the wallet table, whoever makes it.
 *
 * Locking and snapshot rules: see ledger.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/base/money.h"
#include "src/base/relation.h"
#include "src/wallet/ledger.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/recorder.h"
#include "src/wallet/wallet.h"

/* Writes the entry of one change that is not ours. */
static void
record_one(Oid owner, const char *operation, const char *organisation, Numeric amount)
{
	Datum name = CStringGetTextDatum(organisation);
	Datum value = NumericGetDatum(amount);

	dcx_ledger_record(owner,
					  "external",
					  operation,
					  PointerGetDatum(construct_array(&name, 1, TEXTOID, -1, false, TYPALIGN_INT)),
					  PointerGetDatum(
						  construct_array(&value, 1, NUMERICOID, -1, false, TYPALIGN_INT)),
					  1);
}

/*
 * Records the change of a wallet's row. A row without an organisation is nobody's wallet and is not
 * recorded. A new balance that is too large for its column is refused; one that was there before may
 * stay.
 */
static void
record_row(Oid owner, Oid relation, DcxWallet before, DcxWallet after)
{
	Numeric nothing = int64_to_numeric(0);

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
					   dcx_money_subtract(after.balance, before.balance));
		}
		return;
	}
	if (before.organisation)
		record_one(owner,
				   after.organisation ? "UPDATE" : "DELETE",
				   before.organisation,
				   dcx_money_subtract(nothing, before.balance));
	if (after.organisation)
	{
		dcx_wallet_check_exact(relation, &after);
		record_one(owner,
				   before.organisation ? "UPDATE" : "INSERT",
				   after.organisation,
				   after.balance);
	}
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
		Datum organisations;
		Datum balances;

		/* TRUNCATE also removes rows that an older snapshot of the transaction does not show. */
		CommandCounterIncrement();
		PushActiveSnapshot(GetLatestSnapshot());
		dcx_wallet_totals(RelationGetRelid(relation), true, false, &organisations, &balances);
		PopActiveSnapshot();
		dcx_ledger_record(owner, "external", "TRUNCATE", organisations, balances, -1);
		return PointerGetDatum(NULL);
	}

	if (TRIGGER_FIRED_BY_INSERT(event))
		after = dcx_wallet_of_row(relation, trigger->tg_trigslot, true);
	else
		before = dcx_wallet_of_row(relation, trigger->tg_trigslot, false);
	if (TRIGGER_FIRED_BY_UPDATE(event))
		after = dcx_wallet_of_row(relation, trigger->tg_newslot, true);
	record_row(owner, RelationGetRelid(relation), before, after);
	return PointerGetDatum(NULL);
}
