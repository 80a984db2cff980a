/*
 * write.c
 *		Writes rows of our own tables.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "src/base/compat.h"
#include "src/base/direct.h"
#include "src/base/known.h"
#include "src/base/shape.h"
#include "src/base/write.h"

/* How each table is written without a statement. */
static DcxDirect inserts[DCX_TABLES];
static DcxDirect updates[DCX_TABLES];

/* The sequences of identity columns. */
static struct
{
	DcxKnown known; /* of the table */
	Oid		 relation;
	Oid		 sequence; /* InvalidOid: it is no such column */
} numbers[DCX_TABLES];

static void
set(DcxRow *row, int column, Oid type, Datum value, bool isnull)
{
	Assert(dcx_tables[row->table].columns[column].type == type);
	row->set[column] = true;
	row->nulls[column] = isnull;
	row->values[column] = value;
}

void
dcx_row_text(DcxRow *row, int column, const char *value)
{
	set(row, column, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0, !value);
}

void
dcx_row_numeric(DcxRow *row, int column, Numeric value)
{
	set(row, column, NUMERICOID, value ? NumericGetDatum(value) : (Datum) 0, !value);
}

void
dcx_row_jsonb(DcxRow *row, int column, Jsonb *value)
{
	set(row, column, JSONBOID, value ? JsonbPGetDatum(value) : (Datum) 0, !value);
}

void
dcx_row_interval(DcxRow *row, int column, Interval *value)
{
	set(row, column, INTERVALOID, IntervalPGetDatum(value), false);
}

void
dcx_row_time(DcxRow *row, int column, TimestampTz value)
{
	set(row, column, TIMESTAMPTZOID, TimestampTzGetDatum(value), false);
}

void
dcx_row_int64(DcxRow *row, int column, int64 value)
{
	set(row, column, INT8OID, Int64GetDatum(value), false);
}

/* The sequence of the first column; InvalidOid when it is no identity column. */
static Oid
sequence_of(DcxTableId id, Relation table, AttrNumber attnum)
{
	Oid	   relation = RelationGetRelid(table);
	uint64 before;

	if (likely(numbers[id].known.holds && numbers[id].relation == relation))
		return numbers[id].sequence;
	before = dcx_known_messages();
	numbers[id].known.holds = false;
	numbers[id].relation = relation;
	numbers[id].sequence = InvalidOid;
	if (TupleDescAttr(RelationGetDescr(table), attnum - 1)->attidentity != '\0')
		numbers[id].sequence = dcx_identity_sequence(table, attnum);
	(void) dcx_known_keep(&numbers[id].known, before, 1, &relation);
	return numbers[id].sequence;
}

/* The value of the first column's default, which its owner has put in the place of the identity. */
static int64
value_of_default(DcxTableId id, Oid owner)
{
	const char	 *name = dcx_tables[id].columns[0].name;
	DcxParameters none = {0};
	int64		  number = 0;
	char		 *sql;
	DcxRun		  run;

	dcx_run_begin(&run, owner);
	sql = psprintf("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef JOIN pg_attribute"
				   "    ON attrelid = adrelid AND attnum = adnum"
				   " WHERE adrelid = 'dcx.%s'::regclass AND attname = '%s' AND attgenerated = ''",
				   dcx_tables[id].name,
				   name);
	if (dcx_query_write(NULL, sql, &none) == 1 &&
		dcx_query_write(NULL, psprintf("SELECT (%s)::bigint", dcx_query_text(0, 1)), &none) == 1)
		number = dcx_query_int64(0, 1);
	dcx_run_end(&run);
	return number;
}

int64
dcx_row_next_number(DcxTableId id, Oid owner)
{
	Relation table = dcx_table_open(id, dcx_table_relation(id), RowExclusiveLock);
	DcxShape shape = dcx_shape_of(id, table);
	Oid		 sequence = sequence_of(id, table, shape.attnums[0]);
	int64	 number;

	table_close(table, NoLock);
	number = OidIsValid(sequence) ? nextval_internal(sequence, false) : value_of_default(id, owner);
	/* 0 stands for no number. */
	if (number == 0)
		dcx_shape_refuse(dcx_table_relation(id),
						 psprintf("Column \"%s\" has no default that gives a number.",
								  dcx_tables[id].columns[0].name));
	return number;
}

/* A table of ours that is open for writing, and the columns of a row in it. */
typedef struct Target
{
	Relation   table;
	int		   n;
	AttrNumber columns[DCX_TABLE_COLUMNS];
	Datum	   values[DCX_TABLE_COLUMNS];
	bool	   nulls[DCX_TABLE_COLUMNS];
} Target;

/*
 * Whether a statement would do something with a column where a row leaves it out, or refuse a NULL in it. The owner may
 * have given our columns defaults, and may have them NOT NULL.
 */
static bool
needs_statement(Relation table, AttrNumber attnum, CmdType event, const DcxRow *row, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), attnum - 1);

	if (row->set[column])
		return row->nulls[column] && attribute->attnotnull;
	return event == CMD_INSERT && (attribute->atthasdef || attribute->attnotnull);
}

/* Opens the table of a row, and finds the row's columns in it. False: it needs a statement. */
static bool
open_target(Target *target, const DcxRow *row, DcxDirect *direct, CmdType event)
{
	const DcxTable *made = &dcx_tables[row->table];
	Oid				relation = dcx_table_relation(row->table);
	DcxShape		shape;
	AttrNumber		all[DCX_TABLE_COLUMNS];
	int				nall = 0;
	bool			directly = true;

	target->table = dcx_table_open(row->table, relation, RowExclusiveLock);
	shape = dcx_shape_of(row->table, target->table);
	target->n = 0;
	for (int i = 0; i < made->ncolumns; i++)
	{
		if (shape.attnums[i] == InvalidAttrNumber)
			continue;
		if (event == CMD_INSERT || made->columns[i].changes)
			all[nall++] = shape.attnums[i];
		if (needs_statement(target->table, shape.attnums[i], event, row, i))
			directly = false;
		if (!row->set[i])
			continue;
		target->columns[target->n] = shape.attnums[i];
		target->values[target->n] = row->values[i];
		target->nulls[target->n++] = row->nulls[i];
	}
	direct->event = event;
	if (directly && dcx_direct_is_possible(direct, target->table, nall, all))
		return true;
	table_close(target->table, NoLock);
	return false;
}

/* The names of a row's columns, or what follows them, as a list; their values become parameters. */
static char *
list_columns(const DcxRow *row, DcxParameters *parameters, bool assign)
{
	const DcxTable *made = &dcx_tables[row->table];
	StringInfoData	list;

	initStringInfo(&list);
	for (int i = 0; i < made->ncolumns; i++)
	{
		if (!row->set[i])
			continue;
		dcx_parameter(parameters, made->columns[i].type, row->values[i], row->nulls[i]);
		appendStringInfo(&list,
						 assign ? "%s%s = $%d" : "%s%s",
						 list.len ? ", " : "",
						 made->columns[i].name,
						 parameters->n);
	}
	return list.data;
}

static char *
list_parameters(int n)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 1; i <= n; i++)
		appendStringInfo(&list, i > 1 ? ", $%d" : "$%d", i);
	return list.data;
}

/* Inserts a row by a statement. */
static void
insert_by_statement(const DcxRow *row, Oid owner, DcxPlan *plan)
{
	DcxParameters parameters = {0};
	bool		  numbered = dcx_tables[row->table].columns[0].type == INT8OID;
	char		 *columns;
	DcxRun		  run;

	dcx_run_begin(&run, owner);
	columns = list_columns(row, &parameters, false);
	if (dcx_query_write(plan,
						psprintf("INSERT INTO dcx.%s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)"
								 " RETURNING %s",
								 dcx_tables[row->table].name,
								 columns,
								 list_parameters(parameters.n),
								 dcx_tables[row->table].columns[0].name),
						&parameters) != 1)
		dcx_shape_refuse(dcx_table_relation(row->table), "A trigger suppresses a new row.");
	if (numbered && dcx_query_int64(0, 1) != DatumGetInt64(row->values[0]))
		dcx_shape_refuse(dcx_table_relation(row->table),
						 "A trigger gives a new row another number.");
	dcx_run_end(&run);
}

void
dcx_row_insert(const DcxRow *row, Oid owner, DcxPlan *plan)
{
	Target target;

	if (!open_target(&target, row, &inserts[row->table], CMD_INSERT))
	{
		insert_by_statement(row, owner, plan);
		return;
	}
	dcx_direct_insert(target.table, target.n, target.columns, target.values, target.nulls);
	table_close(target.table, NoLock);
}

/* Updates a version of a row by a statement. False: it is not the newest any more. */
static bool
update_by_statement(const DcxRow *row, Oid owner, const ItemPointerData *place, DcxPlan *plan)
{
	DcxParameters parameters = {0};
	uint64		  updated;
	DcxRun		  run;

	dcx_run_begin(&run, owner);
	dcx_parameter(&parameters, TIDOID, PointerGetDatum(place), false);
	updated = dcx_query_write(plan,
							  psprintf("UPDATE dcx.%s SET %s WHERE ctid = $1",
									   dcx_tables[row->table].name,
									   list_columns(row, &parameters, true)),
							  &parameters);
	dcx_run_end(&run);
	return updated == 1;
}

bool
dcx_row_update(const DcxRow *row, Oid owner, const ItemPointerData *place,
			   DcxTriggerUse (*judge)(const Trigger *trigger), DcxPlan *plan)
{
	DcxDirect	   *direct = &updates[row->table];
	DcxDirectResult result = DCX_DIRECT_NOT;
	Target			target;

	direct->judge = judge;
	if (open_target(&target, row, direct, CMD_UPDATE))
	{
		result = dcx_direct_update(direct,
								   target.table,
								   place,
								   target.n,
								   target.columns,
								   target.values,
								   target.nulls);
		table_close(target.table, NoLock);
	}
	return result == DCX_DIRECT_NOT ? update_by_statement(row, owner, place, plan) :
									  result == DCX_DIRECT_WRITTEN;
}
