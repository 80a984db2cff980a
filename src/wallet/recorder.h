/*
 * recorder.h
 *		Which of the triggers on a wallet table writes the ledger.
 *
 * PUBLIC may execute dcx_wallet_record(): otherwise only a superuser could attach, or restore a dump.
 * So anybody can put triggers on a wallet table of his that call it. The function itself decides which
 * of them counts: of all triggers that a change fires and that call it, exactly one records.
 */
#ifndef DCX_RECORDER_H
#define DCX_RECORDER_H

#include "commands/trigger.h"

#include "src/base/direct.h"

/* The names of attach's triggers. Triggers fire in the order of their names, so these fire first. */
#define DCX_RECORDER_ROW	  "000_dcx_wallet"
#define DCX_RECORDER_TRUNCATE "000_dcx_wallet_truncate"

/*
 * In SQL: whether a row t of pg_trigger is a trigger that can record; one of the two types below has to
 * follow. tgtype is a set of bits: AFTER INSERT OR UPDATE OR DELETE FOR EACH ROW is 29, BEFORE TRUNCATE
 * FOR EACH STATEMENT is 34.
 */
#define DCX_RECORDER_SHAPE                                            \
	"t.tgqual IS NULL AND t.tgattr::text = '' AND t.tgconstraint = 0" \
	" AND t.tgoldtable IS NULL AND t.tgnewtable IS NULL AND t.tgtype ="
#define DCX_RECORDER_ROW_TYPE	   "29"
#define DCX_RECORDER_TRUNCATE_TYPE "34"

/*
 * Whether the trigger that was fired is the one that records. Only a trigger counts that fires for every
 * change (of rows, or TRUNCATE), without a condition and not deferred. Of several, the first by name
 * that is ENABLE ALWAYS records; only the table's owner can make it so. When none is, the first by name
 * records that fires under the session's session_replication_role.
 */
extern bool dcx_recorder_is(const TriggerData *trigger, Oid function);

/*
 * For writing a wallet without a statement (direct.h): a trigger that can record is replaced, since the caller writes
 * the ledger itself. Where there is none, nothing would record, and that is an error of the statement. The trigger that
 * keeps "updatedAt" is called. Any other stops.
 */
extern DcxTriggerUse dcx_recorder_judge(const Trigger *trigger);

#endif /* DCX_RECORDER_H */
