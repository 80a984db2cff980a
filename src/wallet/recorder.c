/*
 * recorder.c
 *		Which of the triggers on a wallet table writes the ledger.
 *
 * It is found in the relation cache, which lists a table's triggers in the order of their names. No
 * catalog is read.
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "utils/rel.h"

#include "src/base/extension.h"
#include "src/wallet/recorder.h"

#define ROW_TYPE                                                                         \
	(TRIGGER_TYPE_ROW | TRIGGER_TYPE_AFTER | TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | \
	 TRIGGER_TYPE_DELETE)
#define TRUNCATE_TYPE (TRIGGER_TYPE_STATEMENT | TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_TRUNCATE)

/* Whether a trigger calls the function at once and without a condition, for all changes of a type. */
static bool
has_shape(const Trigger *trigger, Oid function, int16 type)
{
	return trigger->tgfoid == function && trigger->tgtype == type && !trigger->tgqual &&
		   trigger->tgnattr == 0 && !OidIsValid(trigger->tgconstraint) && !trigger->tgoldtable &&
		   !trigger->tgnewtable;
}

/* Whether a trigger that is not ENABLE ALWAYS fires under this session's session_replication_role. */
static bool
fires(const Trigger *trigger)
{
	return trigger->tgenabled == (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ?
									  TRIGGER_FIRES_ON_REPLICA :
									  TRIGGER_FIRES_ON_ORIGIN);
}

bool
dcx_recorder_is(const TriggerData *trigger, Oid function)
{
	const TriggerDesc *triggers = trigger->tg_relation->trigdesc;
	int16		   type = TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) ? TRUNCATE_TYPE : ROW_TYPE;
	const Trigger *first = NULL;

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		const Trigger *candidate = &triggers->triggers[i];

		if (!has_shape(candidate, function, type))
			continue;
		if (candidate->tgenabled == TRIGGER_FIRES_ALWAYS)
			return candidate->tgoid == trigger->tg_trigger->tgoid;
		if (!first && fires(candidate))
			first = candidate;
	}
	return first && first->tgoid == trigger->tg_trigger->tgoid;
}

DcxTriggerUse
dcx_recorder_judge(const Trigger *trigger)
{
	int16 keeps_time = TRIGGER_TYPE_ROW | TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_UPDATE;

	if (has_shape(trigger, trigger->tgfoid, ROW_TYPE) &&
		(trigger->tgenabled == TRIGGER_FIRES_ALWAYS || fires(trigger)) &&
		dcx_extension_is_ours(trigger->tgfoid, "dcx_wallet_record"))
		return DCX_TRIGGER_REPLACED;
	if (has_shape(trigger, trigger->tgfoid, keeps_time) &&
		dcx_extension_is_ours(trigger->tgfoid, "dcx_set_updated_at"))
		return DCX_TRIGGER_CALLED;
	return DCX_TRIGGER_STOPS;
}
