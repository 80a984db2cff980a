/*
 * lookup.c
 *		One row by an index, without SPI and the planner.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "lookup.h"
#include "relation.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

static void
not_ours(Relation table, const char *what)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("%s is not as dcx_pricing made it", dcx_relation_name(RelationGetRelid(table))),
			errdetail("It has no %s.", what),
			errhint("Put it back, or move the table away and attach again."));
}

/*
 * Opens the index of a table's primary key, which has so many columns, and makes the keys for the
 * first of them to scan it with.
 */
static Relation
open_key(Relation table, int ncolumns, int nkeys, const Datum *keys, ScanKey scan_keys)
{
	Oid		 key = dcx_primary_key(table);
	Relation index;

	if (!OidIsValid(key))
		not_ours(table, "primary key");
	index = index_open(key, AccessShareLock);
	if (IndexRelationGetNumberOfKeyAttributes(index) != ncolumns)
		not_ours(table, psprintf("primary key of %d column%s", ncolumns, ncolumns == 1 ? "" : "s"));
	for (int i = 0; i < nkeys; i++)
	{
		Oid type = TupleDescAttr(RelationGetDescr(index), i)->atttypid;

		if (type != TEXTOID && type != INT8OID)
			not_ours(table, "primary key of text or bigint");
		ScanKeyEntryInitialize(&scan_keys[i],
							   0,
							   i + 1,
							   BTEqualStrategyNumber,
							   InvalidOid,
							   index->rd_indcollation[i],
							   type == TEXTOID ? F_TEXTEQ : F_INT8EQ,
							   keys[i]);
	}
	return index;
}

/* Copies columns out of a row. */
static void
copy_columns(Relation table, TupleTableSlot *row, int ncolumns, const DcxColumn *columns,
			 Datum *values, bool *nulls)
{
	for (int i = 0; i < ncolumns; i++)
	{
		const DcxColumn	 *column = &columns[i];
		AttrNumber		  attnum = get_attnum(RelationGetRelid(table), column->name);
		Form_pg_attribute attribute;
		Datum			  value;

		if (attnum <= 0)
			not_ours(table, psprintf("column \"%s\"", column->name));
		attribute = TupleDescAttr(RelationGetDescr(table), attnum - 1);
		if (attribute->atttypid != column->type)
			not_ours(table,
					 psprintf("column \"%s\" of type %s",
							  column->name,
							  format_type_be(column->type)));
		value = slot_getattr(row, attnum, &nulls[i]);
		if (nulls[i] && !column->may_be_null)
			not_ours(table, psprintf("value in column \"%s\"", column->name));
		values[i] = nulls[i] ? (Datum) 0 :
					attribute->attlen == -1 ?
							   PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) :
							   datumCopy(value, attribute->attbyval, attribute->attlen);
	}
}

/* A snapshot for one scan: the active one, or a new one that becomes it. */
static Snapshot
begin_snapshot(bool latest)
{
	if (latest)
	{
		CommandCounterIncrement();
		PushActiveSnapshot(GetTransactionSnapshot());
	}
	return GetActiveSnapshot();
}

static void
end_snapshot(bool latest)
{
	if (latest)
		PopActiveSnapshot();
}

bool
dcx_lookup(Oid relation, int nkeys, const Datum *keys, bool latest, int ncolumns,
		   const DcxColumn *columns, Datum *values, bool *nulls)
{
	Relation		table = table_open(relation, AccessShareLock);
	TupleTableSlot *row = table_slot_create(table, NULL);
	ScanKeyData		scan_keys[DCX_LOOKUP_KEYS];
	Relation		index = open_key(table, nkeys, nkeys, keys, scan_keys);
	IndexScanDesc	scan = dcx_index_beginscan(table, index, begin_snapshot(latest), nkeys);
	bool			found;

	index_rescan(scan, scan_keys, nkeys, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, row);
	if (found)
		copy_columns(table, row, ncolumns, columns, values, nulls);
	index_endscan(scan);
	end_snapshot(latest);

	ExecDropSingleTupleTableSlot(row);
	index_close(index, NoLock);
	table_close(table, NoLock);
	return found;
}

static DcxRowVersion
version_of(TupleTableSlot *row)
{
	DcxRowVersion version = {.place = row->tts_tid, .made_at = InvalidCommandId};
	bool		  isnull;

	version.made_by =
		DatumGetTransactionId(slot_getsysattr(row, MinTransactionIdAttributeNumber, &isnull));
	if (TransactionIdIsCurrentTransactionId(version.made_by))
	{
		HeapTupleHeader header = ExecFetchSlotHeapTuple(row, false, NULL)->t_data;

		/* Of what COPY FREEZE has put there core does not expect that anybody asks. */
		version.made_at = HeapTupleHeaderXminFrozen(header) ?
							  HeapTupleHeaderGetRawCommandId(header) :
							  HeapTupleHeaderGetCmin(header);
	}
	return version;
}

bool
dcx_same_version(const DcxRowVersion *a, const DcxRowVersion *b)
{
	return a->made_by == b->made_by && a->made_at == b->made_at &&
		   ItemPointerEquals(unconstify(ItemPointerData *, &a->place),
							 unconstify(ItemPointerData *, &b->place));
}

bool
dcx_lookup_last(Oid relation, Datum key, int ncolumns, const DcxColumn *columns, Datum *values,
				bool *nulls, DcxRowVersion *version)
{
	Relation		table = table_open(relation, AccessShareLock);
	TupleTableSlot *row = table_slot_create(table, NULL);
	ScanKeyData		scan_key;
	Relation		index = open_key(table, DCX_LOOKUP_KEYS, 1, &key, &scan_key);
	IndexScanDesc	scan = dcx_index_beginscan(table, index, GetActiveSnapshot(), 1);
	bool			found;

	index_rescan(scan, &scan_key, 1, NULL, 0);
	found = index_getnext_slot(scan, BackwardScanDirection, row);
	if (found)
	{
		copy_columns(table, row, ncolumns, columns, values, nulls);
		*version = version_of(row);
	}
	index_endscan(scan);

	ExecDropSingleTupleTableSlot(row);
	index_close(index, NoLock);
	table_close(table, NoLock);
	return found;
}

/* Whether an index is unique over one column, for every row and at any time. */
static bool
is_unique_over(Oid index, AttrNumber attnum)
{
	HeapTuple	  tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	Form_pg_index form;
	bool		  is;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	is = form->indisunique && form->indimmediate && form->indisvalid && !form->indcheckxmin &&
		 form->indnkeyatts == 1 && form->indkey.values[0] == attnum &&
		 heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	ReleaseSysCache(tuple);
	return is;
}

Oid
dcx_lookup_index(Oid relation, const char *column)
{
	AttrNumber attnum = get_attnum(relation, column);
	Relation   table;
	List	  *indexes;
	Oid		   found = InvalidOid;
	ListCell  *lc;

	if (attnum == InvalidAttrNumber || get_rel_relkind(relation) != RELKIND_RELATION)
		return InvalidOid;
	table = table_open(relation, AccessShareLock);
	indexes = RelationGetIndexList(table);
	foreach(lc, indexes)
		if (!OidIsValid(found) && is_unique_over(lfirst_oid(lc), attnum))
			found = lfirst_oid(lc);
	list_free(indexes);
	table_close(table, NoLock);
	return found;
}

/* Equality in an index's first column, as the column itself has it; false where they differ. */
static bool
make_key(Relation table, Relation index, Datum value, ScanKey key)
{
	AttrNumber attnum = index->rd_index->indkey.values[0];
	Oid		   type = index->rd_opcintype[0];
	Oid operator= get_opfamily_member(index->rd_opfamily[0], type, type, BTEqualStrategyNumber);

	if (index->rd_rel->relam != BTREE_AM_OID || !OidIsValid(operator) ||
		index->rd_indcollation[0] !=
			TupleDescAttr(RelationGetDescr(table), attnum - 1)->attcollation)
		return false;
	ScanKeyEntryInitialize(key,
						   0,
						   1,
						   BTEqualStrategyNumber,
						   InvalidOid,
						   index->rd_indcollation[0],
						   get_opcode(operator),
						   value);
	return true;
}

/* Locks a row that a scan has found; afterwards it is the newest version, if it still matches. */
static bool
lock_row(Relation table, Relation index, TupleTableSlot *row, ScanKey key)
{
	TM_FailureData failure;
	bool		   isnull;
	Datum		   value;
	int			   flags = TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS;

	if (!IsolationUsesXactSnapshot())
		flags |= TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
	if (table_tuple_lock(table,
						 &row->tts_tid,
						 GetActiveSnapshot(),
						 row,
						 GetCurrentCommandId(false),
						 LockTupleNoKeyExclusive,
						 LockWaitBlock,
						 flags,
						 &failure) != TM_Ok)
		return false;
	if (!failure.traversed)
		return true;
	value = slot_getattr(row, index->rd_index->indkey.values[0], &isnull);
	return !isnull &&
		   DatumGetBool(
			   FunctionCall2Coll(&key->sk_func, key->sk_collation, value, key->sk_argument));
}

bool
dcx_lookup_row(Oid relation, Oid index_oid, Datum value, bool lock,
			   void (*take)(Relation table, TupleTableSlot *row, void *argument), void *argument)
{
	Relation		table = table_open(relation, lock ? RowShareLock : AccessShareLock);
	Relation		index = index_open(index_oid, AccessShareLock);
	TupleTableSlot *row = table_slot_create(table, NULL);
	bool			found = false;
	ScanKeyData		key;

	if (make_key(table, index, value, &key))
	{
		IndexScanDesc scan = dcx_index_beginscan(table, index, begin_snapshot(lock), 1);

		index_rescan(scan, &key, 1, NULL, 0);
		found = index_getnext_slot(scan, ForwardScanDirection, row) &&
				(!lock || lock_row(table, index, row, &key));
		if (found)
			take(table, row, argument);
		index_endscan(scan);
		end_snapshot(lock);
	}
	ExecDropSingleTupleTableSlot(row);
	index_close(index, NoLock);
	table_close(table, NoLock);
	return found;
}
