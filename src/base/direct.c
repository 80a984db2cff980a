/*
 * direct.c
 *		Writes one row without a statement, where nobody could notice the difference.
 *
 * Locks: the table ROW EXCLUSIVE, by the caller; an index that gets an entry ACCESS SHARE, as after a lookup, until the
 * end of the transaction: whoever changes an index locks it ACCESS EXCLUSIVE, or waits for our lock on the table. An
 * update that needs no entries (HOT) locks no index: whoever makes or drops one waits for our lock on
 * the table, or gives the new row an entry himself.
 *
 * Everything that can lock, and so bring in invalidation messages, comes before the row is formed from the relation
 * cache. The relation's descriptor stays as it is while the table is open and locked.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/base/compat.h"
#include "src/base/direct.h"
#include "src/base/shape.h"

/* --------------------------------------------------------------------------------------------------
 * May it be written without a statement?
 * --------------------------------------------------------------------------------------------------
 */

static Bitmapset *
set_of(int ncolumns, const AttrNumber *columns)
{
	Bitmapset *set = NULL;

	for (int i = 0; i < ncolumns; i++)
		set = bms_add_member(set, columns[i] - FirstLowInvalidHeapAttributeNumber);
	return set;
}

static bool
is_in(const Bitmapset *set, AttrNumber column)
{
	return bms_is_member(column - FirstLowInvalidHeapAttributeNumber, set);
}

/* Whether a statement may write the table as its owner: owners can revoke their own rights. */
static bool
owner_may_write(Relation table, CmdType event)
{
	Oid		owner = table->rd_rel->relowner;
	AclMode mode = event == CMD_INSERT ? ACL_INSERT : ACL_UPDATE | ACL_SELECT;

	return dcx_role_may_use(owner, RelationGetNamespace(table)) &&
		   pg_class_aclmask(RelationGetRelid(table), owner, mode, ACLMASK_ALL) == mode;
}

/* Whether no column needs the executor: constraints, defaults, and what is computed. */
static bool
has_plain_columns(Relation table, CmdType event, const Bitmapset *set)
{
	TupleDesc tupdesc = RelationGetDescr(table);

	if (tupdesc->constr && tupdesc->constr->num_check > 0)
		return false;
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		if (attribute->attisdropped)
			continue;
		if (attribute->attgenerated != '\0')
			return false;
		if (is_in(set, attribute->attnum))
		{
			if (get_typtype(attribute->atttypid) == TYPTYPE_DOMAIN)
				return false;
		}
		/* A column that an insert leaves out becomes NULL here. */
		else if (event == CMD_INSERT &&
				 (attribute->atthasdef || attribute->attnotnull || attribute->attidentity != '\0' ||
				  get_typtype(attribute->atttypid) == TYPTYPE_DOMAIN))
			return false;
	}
	return true;
}

static bool
has_plain_indexes(Relation table)
{
	List	 *indexes = RelationGetIndexList(table);
	bool	  plain = true;
	ListCell *lc;

	foreach(lc, indexes)
	{
		Relation index = index_open(lfirst_oid(lc), AccessShareLock);

		plain = plain && dcx_shape_is_plain_index(index);
		index_close(index, NoLock);
	}
	list_free(indexes);
	return plain;
}

/* Whether an update of these columns leaves all foreign keys as they are: the table's own, and those to it. */
static bool
keeps_references(Relation table, const Bitmapset *set)
{
	Bitmapset *keys = RelationGetIndexAttrBitmap(table, INDEX_ATTR_BITMAP_KEY);
	bool	   keeps = !bms_overlap(keys, set);
	ListCell  *lc;

	bms_free(keys);
	foreach(lc, RelationGetFKeyList(table))
	{
		ForeignKeyCacheInfo *key = lfirst(lc);

		for (int i = 0; i < key->nkeys; i++)
			keeps = keeps && !is_in(set, key->conkey[i]);
	}
	return keeps;
}

/* Whether a statement would fire a trigger, as far as its definition tells. */
static bool
is_fired(const Trigger *trigger, CmdType event, const Bitmapset *set)
{
	if (event == CMD_INSERT ? !TRIGGER_FOR_INSERT(trigger->tgtype) :
							  !TRIGGER_FOR_UPDATE(trigger->tgtype))
		return false;
	if (trigger->tgenabled == TRIGGER_DISABLED || trigger->tgenabled == TRIGGER_FIRES_ON_REPLICA)
		return false;
	if (event == CMD_INSERT || trigger->tgnattr == 0)
		return true;
	for (int i = 0; i < trigger->tgnattr; i++)
		if (is_in(set, trigger->tgattr[i]))
			return true;
	return false;
}

static DcxTriggerUse
use_of(const DcxDirect *direct, Relation table, const Trigger *trigger, const Bitmapset *set)
{
	if (RI_FKey_trigger_type(trigger->tgfoid) != RI_TRIGGER_NONE)
		return direct->event == CMD_UPDATE && keeps_references(table, set) ? DCX_TRIGGER_REPLACED :
																			 DCX_TRIGGER_STOPS;
	return direct->judge ? direct->judge(trigger) : DCX_TRIGGER_STOPS;
}

/* Counts the use of a trigger that a statement would fire. False: it stops. */
static bool
judge_trigger(DcxDirect *direct, Relation table, const Trigger *trigger, const Bitmapset *set)
{
	switch (use_of(direct, table, trigger, set))
	{
		case DCX_TRIGGER_STOPS:
			return false;
		case DCX_TRIGGER_REPLACED:
			if (RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_NONE)
				direct->nreplaced++;
			else
				direct->has_references = true;
			break;
		case DCX_TRIGGER_CALLED:
			direct->ncalled++;
			break;
	}
	return true;
}

/*
 * Goes through the triggers that a statement would fire. False: one of them stops. A copy of their descriptions: to
 * look at one reads catalogs, and then the relation cache may replace its own.
 */
static bool
judge_triggers(DcxDirect *direct, Relation table, const Bitmapset *set)
{
	TriggerDesc *triggers = CopyTriggerDesc(table->trigdesc);
	bool		 possible = true;

	direct->has_references = false;
	direct->nreplaced = direct->ncalled = 0;
	for (int i = 0; triggers && i < triggers->numtriggers && possible; i++)
		if (is_fired(&triggers->triggers[i], direct->event, set))
			possible = judge_trigger(direct, table, &triggers->triggers[i], set);
	FreeTriggerDesc(triggers);
	return possible;
}

bool
dcx_direct_is_possible(DcxDirect *direct, Relation table, int ncolumns, const AttrNumber *columns)
{
	Oid		   relation = RelationGetRelid(table);
	Bitmapset *set;
	uint64	   before;

	if (SessionReplicationRole != SESSION_REPLICATION_ROLE_ORIGIN || XactReadOnly)
		return false;
	if (likely(direct->known.holds && direct->relation == relation && direct->first == columns[0]))
		return direct->possible;

	before = dcx_known_messages();
	direct->known.holds = false;
	set = set_of(ncolumns, columns);
	direct->relation = relation;
	direct->first = columns[0];
	direct->possible = dcx_shape_is_plain(table) && !table->rd_rel->relispartition &&
					   !table->rd_rules && has_plain_columns(table, direct->event, set) &&
					   has_plain_indexes(table) && owner_may_write(table, direct->event) &&
					   judge_triggers(direct, table, set);
	bms_free(set);
	(void) dcx_known_keep(&direct->known, before, 1, &relation);
	return direct->possible;
}

/* --------------------------------------------------------------------------------------------------
 * Writing
 * --------------------------------------------------------------------------------------------------
 */

static bool
is_key_updated(const IndexInfo *info, int ncolumns, const AttrNumber *columns)
{
	for (int i = 0; i < info->ii_NumIndexKeyAttrs; i++)
		for (int j = 0; j < ncolumns; j++)
			if (info->ii_IndexAttrNumbers[i] == columns[j])
				return true;
	return false;
}

/*
 * Makes an entry of an index as the table's owner, as a statement would: the error of a unique index shows the key only
 * to those who may read it.
 */
static void
insert_into_index(Relation table, Relation index, IndexInfo *info, TupleTableSlot *row,
				  const Datum *values, const bool *nulls, bool unchanged)
{
	Oid user;
	int context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(table->rd_rel->relowner,
						   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	index_insert(index,
				 unconstify(Datum *, values),
				 unconstify(bool *, nulls),
				 &row->tts_tid,
				 table,
				 info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
				 unchanged,
				 info);
	dcx_index_insert_cleanup(index, info);
	SetUserIdAndSecContext(user, context);
}

/* Gives a row that was written its entry in an index. update: what the update of the row has said; NULL: an insert. */
static void
add_index_entry(Relation table, Oid index_oid, TupleTableSlot *row, const DcxUpdateIndexes *update,
				int ncolumns, const AttrNumber *columns)
{
	Relation   index = index_open(index_oid, AccessShareLock);
	IndexInfo *info = BuildIndexInfo(index);
	Datum	   values[INDEX_MAX_KEYS];
	bool	   nulls[INDEX_MAX_KEYS];

	if (info->ii_ReadyForInserts && (!update || dcx_update_reaches_index(*update, index)))
	{
		FormIndexDatum(info, row, NULL, values, nulls);
		insert_into_index(table,
						  index,
						  info,
						  row,
						  values,
						  nulls,
						  update && !is_key_updated(info, ncolumns, columns));
	}
	pfree(info);
	index_close(index, NoLock);
}

static void
add_index_entries(Relation table, TupleTableSlot *row, const DcxUpdateIndexes *update, int ncolumns,
				  const AttrNumber *columns)
{
	List	 *indexes = RelationGetIndexList(table);
	ListCell *lc;

	foreach(lc, indexes)
		add_index_entry(table, lfirst_oid(lc), row, update, ncolumns, columns);
	list_free(indexes);
}

void
dcx_direct_insert(Relation table, int ncolumns, const AttrNumber *columns, const Datum *values,
				  const bool *nulls)
{
	TupleDesc		tupdesc = RelationGetDescr(table);
	TupleTableSlot *row = MakeSingleTupleTableSlot(tupdesc, &TTSOpsVirtual);

	memset(row->tts_isnull, true, sizeof(bool) * tupdesc->natts);
	for (int i = 0; i < ncolumns; i++)
	{
		row->tts_values[columns[i] - 1] = values[i];
		row->tts_isnull[columns[i] - 1] = nulls[i];
	}
	ExecStoreVirtualTuple(row);
	table_tuple_insert(table, row, GetCurrentCommandId(true), 0, NULL);
	add_index_entries(table, row, NULL, ncolumns, columns);
	ExecDropSingleTupleTableSlot(row);
}

/* The new row: the old one with other values in some columns. Dropped columns become NULL, as in a statement. */
static TupleTableSlot *
make_new_row(Relation table, TupleTableSlot *old_row, int ncolumns, const AttrNumber *columns,
			 const Datum *values, const bool *nulls)
{
	TupleDesc		tupdesc = RelationGetDescr(table);
	TupleTableSlot *row = MakeSingleTupleTableSlot(tupdesc, &TTSOpsVirtual);

	slot_getallattrs(old_row);
	memcpy(row->tts_values, old_row->tts_values, sizeof(Datum) * tupdesc->natts);
	memcpy(row->tts_isnull, old_row->tts_isnull, sizeof(bool) * tupdesc->natts);
	for (int i = 0; i < tupdesc->natts; i++)
		if (TupleDescAttr(tupdesc, i)->attisdropped)
			row->tts_isnull[i] = true;
	for (int i = 0; i < ncolumns; i++)
	{
		row->tts_values[columns[i] - 1] = values[i];
		row->tts_isnull[columns[i] - 1] = nulls[i];
	}
	return ExecStoreVirtualTuple(row);
}

/* Calls a BEFORE UPDATE row trigger, which may put another row into new_row. */
static void
call_trigger(Relation table, Trigger *trigger, TupleTableSlot *old_row, TupleTableSlot *new_row,
			 const Bitmapset *set)
{
	LOCAL_FCINFO(fcinfo, 0);
	TriggerData data = {.type = T_TriggerData,
						.tg_event = TRIGGER_EVENT_UPDATE | TRIGGER_EVENT_ROW | TRIGGER_EVENT_BEFORE,
						.tg_relation = table,
						.tg_trigger = trigger,
						.tg_trigslot = old_row,
						.tg_newslot = new_row,
						.tg_updatedcols = set};
	FmgrInfo	function;
	HeapTuple	result;
	bool		copied;

	data.tg_trigtuple = ExecFetchSlotHeapTuple(old_row, false, NULL);
	data.tg_newtuple = ExecFetchSlotHeapTuple(new_row, true, &copied);
	fmgr_info(trigger->tgfoid, &function);
	InitFunctionCallInfoData(*fcinfo, &function, 0, InvalidOid, (Node *) &data, NULL);
	result = (HeapTuple) DatumGetPointer(FunctionCallInvoke(fcinfo));
	Assert(result && !fcinfo->isnull);
	if (result != data.tg_newtuple)
		ExecForceStoreHeapTuple(result, new_row, false);
}

/* Calls the BEFORE triggers that a statement would fire; is_possible() has found that all are such as can be called. */
static void
call_triggers(Relation table, TupleTableSlot *old_row, TupleTableSlot *new_row, int ncolumns,
			  const AttrNumber *columns)
{
	TriggerDesc *triggers = CopyTriggerDesc(table->trigdesc);
	Bitmapset	*set = set_of(ncolumns, columns);

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		Trigger *trigger = &triggers->triggers[i];

		if (TRIGGER_FOR_ROW(trigger->tgtype) && TRIGGER_FOR_BEFORE(trigger->tgtype) &&
			is_fired(trigger, CMD_UPDATE, set))
			call_trigger(table, trigger, old_row, new_row, set);
	}
	FreeTriggerDesc(triggers);
	bms_free(set);
}

/*
 * Whether a trigger that was called has changed a column of a foreign key, the table's own or one to it: the verdict
 * only knows the columns that the caller sets.
 */
static bool
changes_references(Relation table, TupleTableSlot *old_row, TupleTableSlot *new_row)
{
	TupleDesc  tupdesc = RelationGetDescr(table);
	Bitmapset *columns = RelationGetIndexAttrBitmap(table, INDEX_ATTR_BITMAP_KEY);
	bool	   changes = false;
	ListCell  *lc;

	foreach(lc, RelationGetFKeyList(table))
	{
		ForeignKeyCacheInfo *key = lfirst(lc);

		for (int i = 0; i < key->nkeys; i++)
			columns = bms_add_member(columns, key->conkey[i] - FirstLowInvalidHeapAttributeNumber);
	}
	slot_getallattrs(new_row);
	for (int i = 0; i < tupdesc->natts && !changes; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		if (is_in(columns, attribute->attnum))
			changes = old_row->tts_isnull[i] != new_row->tts_isnull[i] ||
					  (!old_row->tts_isnull[i] && !datumIsEqual(old_row->tts_values[i],
																new_row->tts_values[i],
																attribute->attbyval,
																attribute->attlen));
	}
	bms_free(columns);
	return changes;
}

/* Whether our own transaction has updated or deleted this version of a row. */
static bool
is_changed_by_us(TupleTableSlot *row)
{
	HeapTupleHeader header = ExecFetchSlotHeapTuple(row, false, NULL)->t_data;
	Buffer			buffer = ((BufferHeapTupleTableSlot *) row)->buffer;
	TransactionId	xid = InvalidTransactionId;

	/* Another session may be locking the row: that changes two fields of the header. */
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	if (!(header->t_infomask & HEAP_XMAX_INVALID) && !HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask))
		xid = HeapTupleHeaderGetUpdateXid(header);
	LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
	return TransactionIdIsCurrentTransactionId(xid);
}

/*
 * Whether an update of this version of a row has to be left to a statement, or would find it changed by our own
 * transaction. WRITTEN: neither.
 */
static DcxDirectResult
look_at_old_row(const DcxDirect *direct, TupleTableSlot *old_row)
{
	HeapTupleHeader header = ExecFetchSlotHeapTuple(old_row, false, NULL)->t_data;

	if (is_changed_by_us(old_row))
		return DCX_DIRECT_CHANGED;
	/* A statement would check its foreign keys: they may not have been checked yet. */
	if (direct->has_references &&
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(header)))
		return DCX_DIRECT_NOT;
	return DCX_DIRECT_WRITTEN;
}

pg_noreturn static void
refuse_concurrent(TM_Result result)
{
	ereport(ERROR,
			errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			result == TM_Deleted ? errmsg("could not serialize access due to concurrent delete") :
								   errmsg("could not serialize access due to concurrent update"));
}

/* Puts the new version of a row in the place of the old one. */
static DcxDirectResult
replace_row(Relation table, const ItemPointerData *place, TupleTableSlot *row, int ncolumns,
			const AttrNumber *columns)
{
	ItemPointerData	 old = *place;
	DcxUpdateIndexes update;
	TM_FailureData	 failure;
	LockTupleMode	 mode;
	TM_Result		 result = table_tuple_update(table,
											 &old,
											 row,
											 GetCurrentCommandId(true),
											 GetActiveSnapshot(),
											 InvalidSnapshot,
											 true,
											 &failure,
											 &mode,
											 &update);

	if (result == TM_Ok)
	{
		if (dcx_update_needs_indexes(update))
			add_index_entries(table, row, &update, ncolumns, columns);
		return DCX_DIRECT_WRITTEN;
	}
	if (IsolationUsesXactSnapshot() && result != TM_SelfModified)
		refuse_concurrent(result);
	return DCX_DIRECT_CHANGED;
}

DcxDirectResult
dcx_direct_update(DcxDirect *direct, Relation table, const ItemPointerData *place, int ncolumns,
				  const AttrNumber *columns, const Datum *values, const bool *nulls)
{
	TupleTableSlot *old_row = table_slot_create(table, NULL);
	DcxDirectResult result = DCX_DIRECT_CHANGED;

	CheckCmdReplicaIdentity(table, CMD_UPDATE);
	if (table_tuple_fetch_row_version(table,
									  unconstify(ItemPointerData *, place),
									  SnapshotAny,
									  old_row))
		result = look_at_old_row(direct, old_row);
	if (result == DCX_DIRECT_WRITTEN)
	{
		TupleTableSlot *new_row = make_new_row(table, old_row, ncolumns, columns, values, nulls);

		if (direct->ncalled > 0)
			call_triggers(table, old_row, new_row, ncolumns, columns);
		if (direct->ncalled > 0 && direct->has_references &&
			changes_references(table, old_row, new_row))
			result = DCX_DIRECT_NOT;
		else
			result = replace_row(table, place, new_row, ncolumns, columns);
		ExecDropSingleTupleTableSlot(new_row);
	}
	ExecDropSingleTupleTableSlot(old_row);
	return result;
}
