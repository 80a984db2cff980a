/*
 * lookup.c
 *		Reads one row by an index, without SPI and the planner.
 *
 * Locks: tables and indexes are locked ACCESS SHARE (a table whose row is locked: ROW SHARE; whose row is about to be
 * written: ROW EXCLUSIVE), and stay so until the end of the transaction, as after a statement. The shape of a table is
 * checked under that lock (shape.h), so that what is read here is of the types that we expect.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/relscan.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "src/base/compat.h"
#include "src/base/fresh.h"
#include "src/base/lookup.h"
#include "src/base/money.h"

/* Opens the index of a table's primary key, and makes scan keys for its first columns. */
static Relation
open_key(DcxTableId id, const DcxShape *shape, int nkeys, const Datum *keys, ScanKey scan_keys)
{
	const DcxTable *made = &dcx_tables[id];
	Relation		index = index_open(shape->index, AccessShareLock);

	for (int i = 0; i < nkeys; i++)
		ScanKeyEntryInitialize(&scan_keys[i],
							   0,
							   i + 1,
							   BTEqualStrategyNumber,
							   InvalidOid,
							   index->rd_indcollation[i],
							   made->columns[made->keys[i]].type == TEXTOID ? F_TEXTEQ : F_INT8EQ,
							   keys[i]);
	return index;
}

/* Refuses a number that is not finite, or is negative in a column where that makes no sense. */
static void
check_amount(const DcxShape *shape, const DcxTableColumn *column, Numeric value)
{
	if (numeric_is_nan(value) || numeric_is_inf(value))
		dcx_shape_refuse(shape->relation,
						 psprintf("It has a value in column \"%s\" that is not finite.",
								  column->name));
	if (column->not_negative && dcx_money_sign(value) < 0)
		dcx_shape_refuse(shape->relation,
						 psprintf("It has a negative value in column \"%s\".", column->name));
}

/* Copies columns of a row into the current memory context; refuses values that we cannot have written. */
static void
copy_columns(DcxTableId id, const DcxShape *shape, TupleTableSlot *row, int ncolumns,
			 const int *columns, Datum *values, bool *nulls)
{
	for (int i = 0; i < ncolumns; i++)
	{
		const DcxTableColumn *column = &dcx_tables[id].columns[columns[i]];
		AttrNumber			  attnum = shape->attnums[columns[i]];
		Form_pg_attribute	  attribute;
		Datum				  value;

		values[i] = (Datum) 0;
		nulls[i] = true;
		/* A table of an earlier version lacks the column: it reads as NULL. */
		if (attnum == InvalidAttrNumber)
			continue;
		attribute = TupleDescAttr(row->tts_tupleDescriptor, attnum - 1);
		value = slot_getattr(row, attnum, &nulls[i]);
		if (nulls[i] && column->not_null)
			dcx_shape_refuse(shape->relation,
							 psprintf("It has a NULL in column \"%s\".", column->name));
		if (nulls[i])
			continue;
		values[i] = attribute->attlen == -1 ?
						PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) :
						datumCopy(value, attribute->attbyval, attribute->attlen);
		if (column->type == NUMERICOID)
			check_amount(shape, column, DatumGetNumeric(values[i]));
	}
}

/* Makes a new snapshot the active one, which also sees what our own transaction has done so far. */
static void
push_latest(Relation table)
{
	dcx_fresh_check(&RelationGetRelid(table), 1);
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/*
 * The snapshot for a scan of a table of ours, which is locked, becomes the active one: a new one with latest, or if the
 * active one is older than the table as it is (fresh.h). Returns whether it is a new one, for dcx_fresh_end().
 */
static bool
begin_snapshot(Relation table, bool latest)
{
	if (!latest)
		return dcx_fresh_begin_ours(RelationGetRelid(table));
	push_latest(table);
	return true;
}

/* The same for another table. */
static bool
begin_row_snapshot(Relation table, bool latest)
{
	if (!latest)
		return dcx_fresh_begin(&RelationGetRelid(table), 1);
	push_latest(table);
	return true;
}

bool
dcx_lookup(DcxTableId id, Oid relation, const Datum *keys, bool latest, int ncolumns,
		   const int *columns, Datum *values, bool *nulls, ItemPointer place)
{
	int				nkeys = dcx_tables[id].nkeys;
	LOCKMODE		mode = latest && place ? RowExclusiveLock : AccessShareLock;
	Relation		table = dcx_table_open(id, relation, mode);
	DcxShape		shape = dcx_shape_of(id, table);
	TupleTableSlot *row = table_slot_create(table, NULL);
	ScanKeyData		scan_keys[DCX_TABLE_KEY_SIZE];
	Relation		index = open_key(id, &shape, nkeys, keys, scan_keys);
	bool			begun = begin_snapshot(table, latest);
	IndexScanDesc	scan = dcx_index_beginscan(table, index, GetActiveSnapshot(), nkeys);
	bool			found;

	index_rescan(scan, scan_keys, nkeys, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, row);
	if (found)
		copy_columns(id, &shape, row, ncolumns, columns, values, nulls);
	if (found && place)
		*place = row->tts_tid;
	index_endscan(scan);
	dcx_fresh_end(begun);

	ExecDropSingleTupleTableSlot(row);
	index_close(index, NoLock);
	relation_close(table, NoLock);
	return found;
}

static DcxRowVersion
row_version(TupleTableSlot *row)
{
	DcxRowVersion version = {.place = row->tts_tid, .made_at = InvalidCommandId};
	bool		  isnull;

	version.made_by =
		DatumGetTransactionId(slot_getsysattr(row, MinTransactionIdAttributeNumber, &isnull));
	if (TransactionIdIsCurrentTransactionId(version.made_by))
	{
		HeapTupleHeader header = ExecFetchSlotHeapTuple(row, false, NULL)->t_data;

		/* HeapTupleHeaderGetCmin() fails on rows of COPY FREEZE. */
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
dcx_lookup_last(DcxTableId id, Oid relation, Datum key, int ncolumns, const int *columns,
				Datum *values, bool *nulls, DcxRowVersion *version)
{
	Relation		table = dcx_table_open(id, relation, AccessShareLock);
	DcxShape		shape = dcx_shape_of(id, table);
	TupleTableSlot *row = table_slot_create(table, NULL);
	ScanKeyData		scan_key;
	Relation		index = open_key(id, &shape, 1, &key, &scan_key);
	bool			begun = begin_snapshot(table, false);
	IndexScanDesc	scan = dcx_index_beginscan(table, index, GetActiveSnapshot(), 1);
	bool			found;

	index_rescan(scan, &scan_key, 1, NULL, 0);
	found = index_getnext_slot(scan, BackwardScanDirection, row);
	if (found)
	{
		copy_columns(id, &shape, row, ncolumns, columns, values, nulls);
		*version = row_version(row);
	}
	index_endscan(scan);
	dcx_fresh_end(begun);

	ExecDropSingleTupleTableSlot(row);
	index_close(index, NoLock);
	table_close(table, NoLock);
	return found;
}

/* The function that compares two values of a type for equality in an operator family. Of the system's the last is kept. */
static RegProcedure
equality_of(Oid family, Oid type)
{
	static Oid			kept_family = InvalidOid;
	static Oid			kept_type = InvalidOid;
	static RegProcedure kept = InvalidOid;
	Oid					operator;

	if (likely(kept_family == family && kept_type == type && OidIsValid(kept)))
		return kept;
	operator= get_opfamily_member(family, type, type, BTEqualStrategyNumber);
	if (!OidIsValid(operator) || family >= FirstNormalObjectId)
		return OidIsValid(operator) ? get_opcode(operator) : InvalidOid;
	kept_family = family;
	kept_type = type;
	kept = get_opcode(operator);
	return kept;
}

/* Makes a scan key that compares an index's first column for equality. False when its type has no such operator. */
static bool
make_equality_key(Relation index, Datum value, ScanKey key)
{
	RegProcedure equality = equality_of(index->rd_opfamily[0], index->rd_opcintype[0]);

	if (!OidIsValid(equality))
		return false;
	ScanKeyEntryInitialize(key,
						   0,
						   1,
						   BTEqualStrategyNumber,
						   InvalidOid,
						   index->rd_indcollation[0],
						   equality,
						   value);
	return true;
}

/* Locks a row that a scan has found; then it is the newest version. False when that does not match any more. */
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

	if (make_equality_key(index, value, &key))
	{
		bool		  begun = begin_row_snapshot(table, lock);
		IndexScanDesc scan = dcx_index_beginscan(table, index, GetActiveSnapshot(), 1);

		index_rescan(scan, &key, 1, NULL, 0);
		found = index_getnext_slot(scan, ForwardScanDirection, row) &&
				(!lock || lock_row(table, index, row, &key));
		if (found)
			take(table, row, argument);
		index_endscan(scan);
		dcx_fresh_end(begun);
	}
	ExecDropSingleTupleTableSlot(row);
	index_close(index, NoLock);
	table_close(table, NoLock);
	return found;
}
