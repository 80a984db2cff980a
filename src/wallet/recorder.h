/*
 * recorder.h
 *		Which of the triggers on a wallet table writes the ledger.
 *
 * Everybody may call dcx_wallet_record() in a trigger: without that right, whoever attaches or
 * restores and is no superuser could not. So the function itself decides which of its triggers
 * counts. Of the triggers that a change of a row fires, and that call it, one records; whatever
 * the others are called and however many there are, they record nothing.
 */
#ifndef DCX_RECORDER_H
#define DCX_RECORDER_H

#include "commands/trigger.h"

/* What attach calls its triggers. Those of one kind fire in the order of their names: ours first. */
#define DCX_RECORDER_ROW	  "000_dcx_wallet"
#define DCX_RECORDER_TRUNCATE "000_dcx_wallet_truncate"

/*
 * In SQL: whether a row t of pg_trigger is of the kind that records, with the type that follows.
 * tgtype has a bit for each word of AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW (29) and of BEFORE
 * TRUNCATE FOR EACH STATEMENT (34).
 */
#define DCX_RECORDER_SHAPE                                            \
	"t.tgqual IS NULL AND t.tgattr::text = '' AND t.tgconstraint = 0" \
	" AND t.tgoldtable IS NULL AND t.tgnewtable IS NULL AND t.tgtype ="
#define DCX_RECORDER_ROW_TYPE	   "29"
#define DCX_RECORDER_TRUNCATE_TYPE "34"

/*
 * Whether the trigger that was fired is the one that records: it is fired by every change of its
 * kind (every row's insert, update and delete, or TRUNCATE), unconditionally and at once. Of several
 * such triggers of the function the first by name is it: of those that are ENABLE ALWAYS, which only
 * the table's owner can make one; where there are none, of those that fire as the session is.
 */
extern bool dcx_recorder_is(const TriggerData *trigger, Oid function);

#endif /* DCX_RECORDER_H */
