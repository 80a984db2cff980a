/*
 * updated_at.c
 *		The trigger that keeps "updatedAt", which Prisma sets in its client only.
 *
 * dcx_set_updated_at() is a BEFORE UPDATE row trigger. A row that changes gets the transaction's time, but
 * never an earlier one than it had. A row that does not change is left alone; so is one of an UPDATE that
 * sets only the column itself.
 *
 * The trigger of a partitioned table is cloned to its partitions, under the same name, also when a table
 * becomes a partition later. So a partitioned table's trigger has a name that no other trigger of the
 * database has, and any other table may have one of ours when it becomes a partition. Two of ours on a
 * table do what one does. The name has the table's OID in it: two sessions that attach two tables at the
 * same time see nothing of each other, and need not.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "src/base/extension.h"
#include "src/base/names.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/text.h"

/* The column, unless the trigger's argument names another one. */
#define DEFAULT_COLUMN "updatedAt"

/*
 * Triggers of one kind fire in the order of their names, and ours has to be the last. If another name
 * comes after this one, or it is taken, z's are put before it. On a partitioned table its OID follows, as
 * in zzz_dcx_updated_at_16423; earlier versions left it out (SHARED_NAME).
 */
#define TRIGGER_NAME	 "zzz_dcx_updated_at"
#define SHARED_NAME		 "^z+_dcx_updated_at$"
#define TRIGGER_NAME_MAX 40

/* The column of the relation that a trigger was called for last; kept in its FmgrInfo. */
typedef struct UpdatedAtColumn
{
	Oid		   relation;
	AttrNumber attnum;
} UpdatedAtColumn;

#define CREATE_TRIGGER_HINT                                                          \
	errhint("CREATE TRIGGER ... BEFORE UPDATE ON ... FOR EACH ROW EXECUTE FUNCTION " \
			"dcx_set_updated_at(), or dcx_attach_updated_at().")

static void
check_trigger(FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("dcx_set_updated_at: must be called as a trigger"),
				CREATE_TRIGGER_HINT);
	if (!TRIGGER_FIRED_BEFORE(trigger->tg_event))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("dcx_set_updated_at: must be fired before the event"),
				CREATE_TRIGGER_HINT);
	if (!TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("dcx_set_updated_at: must be fired for each row"),
				CREATE_TRIGGER_HINT);
	if (!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("dcx_set_updated_at: must be fired for UPDATE"),
				CREATE_TRIGGER_HINT);
	if (trigger->tg_trigger->tgnargs > 1)
		ereport(ERROR,
				errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("dcx_set_updated_at: takes one argument at most, the column's name"),
				errdetail("Trigger \"%s\" has %d.",
						  trigger->tg_trigger->tgname,
						  trigger->tg_trigger->tgnargs));
}

/* Refuses a column that the trigger cannot keep. */
static void
check_column(TriggerData *trigger, Form_pg_attribute attribute)
{
	const char *name = NameStr(attribute->attname);
	const char *table = RelationGetRelationName(trigger->tg_relation);

	if (attribute->atttypid != TIMESTAMPTZOID && attribute->atttypid != TIMESTAMPOID)
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of table \"%s\" cannot be kept by dcx_set_updated_at",
					   name,
					   table),
				errdetail("It is of type %s, not timestamp or timestamp with time zone.",
						  format_type_be(attribute->atttypid)),
				errhint("Drop trigger \"%s\", or change the type of the column.",
						trigger->tg_trigger->tgname));
	if (attribute->attgenerated != '\0')
		ereport(ERROR,
				errcode(ERRCODE_GENERATED_ALWAYS),
				errmsg("column \"%s\" of table \"%s\" cannot be kept by dcx_set_updated_at",
					   name,
					   table),
				errdetail("It is generated: its value is computed from other columns."),
				errhint("Drop trigger \"%s\", or make it a column that is not generated.",
						trigger->tg_trigger->tgname));
}

/* Finds and checks the trigger's column. */
static AttrNumber
find_trigger_column(TriggerData *trigger)
{
	TupleDesc	tupdesc = RelationGetDescr(trigger->tg_relation);
	const char *name =
		trigger->tg_trigger->tgnargs == 1 ? trigger->tg_trigger->tgargs[0] : DEFAULT_COLUMN;

	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		if (attribute->attisdropped || strcmp(NameStr(attribute->attname), name) != 0)
			continue;
		check_column(trigger, attribute);
		return attribute->attnum;
	}

	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("table \"%s\" has no column \"%s\"",
				   RelationGetRelationName(trigger->tg_relation),
				   dcx_text_shown(name)),
			errdetail("Trigger \"%s\" sets it.", trigger->tg_trigger->tgname),
			errhint("The trigger's argument names another column; without one it is \"%s\".",
					DEFAULT_COLUMN));
}

/* The same, but found only once for each statement and relation. */
static AttrNumber
get_trigger_column(FunctionCallInfo fcinfo)
{
	TriggerData		*trigger = (TriggerData *) fcinfo->context;
	UpdatedAtColumn *column = fcinfo->flinfo->fn_extra;
	Oid				 relation = RelationGetRelid(trigger->tg_relation);

	if (!column || column->relation != relation)
	{
		AttrNumber attnum = find_trigger_column(trigger);

		if (!column)
			column = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(UpdatedAtColumn));
		column->relation = relation;
		column->attnum = attnum;
		fcinfo->flinfo->fn_extra = column;
	}
	return column->attnum;
}

/* Whether any column but one (and those generated from others) differs, bit for bit. */
static bool
row_changes(TupleDesc tupdesc, TupleTableSlot *old_row, TupleTableSlot *new_row, AttrNumber except)
{
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		if (i == except - 1 || attribute->attisdropped || attribute->attgenerated != '\0')
			continue;
		if (old_row->tts_isnull[i] != new_row->tts_isnull[i])
			return true;
		if (!old_row->tts_isnull[i] && !datum_image_eq(old_row->tts_values[i],
													   new_row->tts_values[i],
													   attribute->attbyval,
													   attribute->attlen))
			return true;
	}
	return false;
}

/* Whether the UPDATE sets only this column. That which is generated is computed anew, and counts as set. */
static bool
sets_only(const Bitmapset *updated, TupleDesc tupdesc, AttrNumber attnum)
{
	int column = -1;

	while ((column = bms_next_member(updated, column)) >= 0)
	{
		AttrNumber set = column + FirstLowInvalidHeapAttributeNumber;

		if (set != attnum && (set <= 0 || TupleDescAttr(tupdesc, set - 1)->attgenerated == '\0'))
			return false;
	}
	return bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, updated);
}

/* The new row with another value in one column. */
static HeapTuple
replace_value(TriggerData *trigger, AttrNumber attnum, Datum value)
{
	TupleDesc tupdesc = RelationGetDescr(trigger->tg_relation);
	Datum	 *values = palloc(tupdesc->natts * sizeof(Datum));
	bool	 *nulls = palloc(tupdesc->natts * sizeof(bool));
	HeapTuple row;

	memcpy(values, trigger->tg_newslot->tts_values, tupdesc->natts * sizeof(Datum));
	memcpy(nulls, trigger->tg_newslot->tts_isnull, tupdesc->natts * sizeof(bool));
	values[attnum - 1] = value;
	nulls[attnum - 1] = false;

	row = heap_form_tuple(tupdesc, values, nulls);
	row->t_data->t_ctid = trigger->tg_newtuple->t_data->t_ctid;
	row->t_self = trigger->tg_newtuple->t_self;
	row->t_tableOid = trigger->tg_newtuple->t_tableOid;
	return row;
}

/*
 * The time to set: the transaction's, in the column's precision; or the row's own if that is later. A
 * column of type timestamp holds UTC, as Prisma writes it, whatever the session's time zone. So its value
 * is the same number as that of a timestamptz.
 */
static Datum
new_time(Form_pg_attribute attribute, Datum old_time, bool old_null)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (attribute->atttypmod >= 0)
		now = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_scale,
													  TimestampTzGetDatum(now),
													  Int32GetDatum(attribute->atttypmod)));
	if (!old_null && DatumGetTimestampTz(old_time) > now)
		return old_time;
	return TimestampTzGetDatum(now);
}

/* dcx_set_updated_at(): BEFORE UPDATE ... FOR EACH ROW */
PG_FUNCTION_INFO_V1(dcx_set_updated_at);
Datum
dcx_set_updated_at(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	 tupdesc;
	AttrNumber	 attnum;
	Datum		 time;

	check_trigger(fcinfo);
	attnum = get_trigger_column(fcinfo);
	tupdesc = RelationGetDescr(trigger->tg_relation);

	/* Puts all columns of the two rows into their slots, where the next trigger finds them, too. */
	slot_getallattrs(trigger->tg_trigslot);
	slot_getallattrs(trigger->tg_newslot);
	if (sets_only(trigger->tg_updatedcols, tupdesc, attnum) ||
		!row_changes(tupdesc, trigger->tg_trigslot, trigger->tg_newslot, attnum))
		return PointerGetDatum(trigger->tg_newtuple);

	time = new_time(TupleDescAttr(tupdesc, attnum - 1),
					trigger->tg_trigslot->tts_values[attnum - 1],
					trigger->tg_trigslot->tts_isnull[attnum - 1]);
	return PointerGetDatum(replace_value(trigger, attnum, time));
}

/* A table with the column, as dcx_attach_updated_at() finds it. */
typedef struct Target
{
	Oid	  relation;
	bool  partitioned;
	Oid	  column_type;
	bool  generated;
	char *trigger; /* ours, where it is there already */
	bool  enabled;
	char *last;	  /* the last of the others that fire before an update, here or in a partition */
	char *shared; /* its own trigger that has the name of a table's that is not partitioned */
} Target;

/* Inside a run: the table in a row of the query of find_targets(). */
static Target *
found_target(uint64 row)
{
	Target *target = palloc0(sizeof(Target));
	bool	isnull;

	target->relation = DatumGetObjectId(dcx_query_value(row, 1, OIDOID, &isnull));
	target->partitioned = dcx_query_bool(row, 2);
	target->column_type = DatumGetObjectId(dcx_query_value(row, 3, OIDOID, &isnull));
	target->generated = dcx_query_bool(row, 4);
	target->trigger = dcx_query_text(row, 5);
	target->enabled = dcx_query_bool(row, 6);
	target->last = dcx_query_text(row, 7);
	target->shared = dcx_query_text(row, 8);
	return target;
}

/* The tables with the column in a schema, or the one table. */
static List *
find_targets(Oid schema, Oid relation, Oid function)
{
	static const Oid types[] = {OIDOID, OIDOID, OIDOID, TEXTOID};
	Datum			 values[4];
	List			*targets = NIL;
	uint64			 n;

	values[0] = ObjectIdGetDatum(schema);
	values[1] = ObjectIdGetDatum(relation);
	values[2] = ObjectIdGetDatum(function);
	values[3] = CStringGetTextDatum(DEFAULT_COLUMN);

	/*
	 * A partition gets the trigger from its parent if that is a target, too. Our trigger is recognized
	 * by its function, whatever its name is. It counts if it fires at every update: the checks (identity.c)
	 * have the same rules.
	 */
	n = dcx_query_execute(
		"SELECT c.oid, c.relkind = 'p', a.atttypid, a.attgenerated <> '', ours.tgname,"
		"       ours.tgenabled IN ('O', 'A'), others.last, shared.tgname"
		"  FROM pg_class c"
		"  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $4 AND NOT a.attisdropped"
		"  LEFT JOIN LATERAL (SELECT t.tgname, t.tgenabled FROM pg_trigger t"
		"                      WHERE t.tgrelid = c.oid AND t.tgfoid = $3 AND t.tgtype & 19 = 19"
		"                        AND t.tgqual IS NULL AND t.tgattr::text = ''"
		"                        AND (t.tgnargs = 0 OR t.tgargs ="
		"                             convert_to($4, getdatabaseencoding()) || decode('00', 'hex'))"
		"                      ORDER BY t.tgenabled IN ('O', 'A') DESC, t.tgname DESC LIMIT 1)"
		"            ours ON true"
		"  LEFT JOIN LATERAL (SELECT max(t.tgname::text COLLATE \"C\") AS last FROM pg_trigger t"
		"                      WHERE (t.tgrelid = c.oid OR c.relkind = 'p' AND t.tgrelid IN"
		"                              (SELECT relid FROM pg_partition_tree(c.oid)))"
		"                        AND t.tgfoid <> $3 AND t.tgtype & 19 = 19) others ON true"
		"  LEFT JOIN LATERAL (SELECT t.tgname FROM pg_trigger t"
		"                      WHERE c.relkind = 'p' AND t.tgrelid = c.oid AND t.tgfoid = $3"
		"                        AND t.tgparentid = 0 AND t.tgname ~ '" SHARED_NAME "'"
		"                      ORDER BY t.tgname DESC LIMIT 1) shared ON true"
		" WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'"
		"   AND (c.oid = $2 OR c.relnamespace = $1 AND NOT EXISTS"
		"         (SELECT FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent"
		"           WHERE c.relispartition AND i.inhrelid = c.oid AND p.relnamespace = $1))"
		" ORDER BY c.relname",
		4,
		types,
		values,
		NULL);
	for (uint64 i = 0; i < n; i++)
		targets = lappend(targets, found_target(i));
	return targets;
}

/*
 * Whether a trigger that was just made calls our function. The owner of the function's schema could have
 * renamed it meanwhile, and another schema to its name.
 */
static bool
calls(Oid relation, const char *trigger, Oid function)
{
	Relation table = table_open(relation, NoLock);
	bool	 does = false;

	for (int i = 0; table->trigdesc && i < table->trigdesc->numtriggers; i++)
	{
		const Trigger *candidate = &table->trigdesc->triggers[i];

		if (strcmp(candidate->tgname, trigger) == 0)
			does = candidate->tgfoid == function;
	}
	table_close(table, NoLock);
	return does;
}

/*
 * Whether a table's trigger cannot have this name: inside a run. A partitioned table's has to differ from
 * all; a restored trigger keeps the name that it got from another OID.
 */
static bool
is_taken(const Target *target, const char *name)
{
	static const Oid types[] = {TEXTOID};
	Datum			 values[1];

	if (!target->partitioned)
		return OidIsValid(get_trigger_oid(target->relation, name, true));
	values[0] = CStringGetTextDatum(name);
	return dcx_query_execute("SELECT FROM pg_trigger WHERE tgname = $1 LIMIT 1",
							 1,
							 types,
							 values,
							 NULL) > 0;
}

/* A name for a table's trigger, inside a run: see TRIGGER_NAME. */
static char *
free_name(const Target *target)
{
	char *name = target->partitioned ? psprintf("%s_%u", TRIGGER_NAME, target->relation) :
									   pstrdup(TRIGGER_NAME);

	while (((target->last && strcmp(target->last, name) > 0) || is_taken(target, name)) &&
		   strlen(name) < TRIGGER_NAME_MAX)
		name = psprintf("z%s", name);
	return name;
}

static RangeVar *
range_var(Oid relation)
{
	return makeRangeVar(get_namespace_name(get_rel_namespace(relation)),
						get_rel_name(relation),
						-1);
}

/* Gives a partitioned table's trigger, and its clones, a name of their own, if the caller may. */
static const char *
rename_shared(Target *target)
{
	MemoryContext context = CurrentMemoryContext;
	RenameStmt	 *statement = makeNode(RenameStmt);
	DcxRun		  run;

	if (!has_privs_of_role(GetUserId(), dcx_relation_owner(target->relation)))
		return psprintf("trigger \"%s\" has to be renamed by the table's owner", target->shared);
	statement->renameType = OBJECT_TRIGGER;
	statement->relation = range_var(target->relation);
	statement->subname = target->shared;
	dcx_run_begin_altering(&run, target->relation);
	statement->newname = free_name(target);
	dcx_query_utility((Node *) statement);
	if (strcmp(target->trigger, target->shared) == 0)
		target->trigger = MemoryContextStrdup(context, statement->newname);
	dcx_run_end(&run);
	return psprintf("trigger \"%s\" renamed", target->shared);
}

static void
create_trigger(Target *target, Oid function)
{
	MemoryContext	context = CurrentMemoryContext;
	CreateTrigStmt *statement = makeNode(CreateTrigStmt);
	DcxRun			run;

	statement->relation = range_var(target->relation);
	statement->funcname =
		list_make2(makeString(dcx_extension_schema(function)), makeString(get_func_name(function)));
	statement->row = true;
	statement->timing = TRIGGER_TYPE_BEFORE;
	statement->events = TRIGGER_TYPE_UPDATE;
	dcx_run_begin_altering(&run, target->relation);
	statement->trigname = free_name(target);
	target->trigger = MemoryContextStrdup(context, statement->trigname);
	dcx_query_utility((Node *) statement);
	dcx_run_end(&run);

	/* The command has locked the table that it found by its name: that could be another one. */
	LockRelationOid(target->relation, AccessShareLock);
	if (!calls(target->relation, target->trigger, function))
		dcx_names_moved(psprintf("Trigger \"%s\" of %s does not call the dcx_set_updated_at() of "
								 "the extension.",
								 target->trigger,
								 dcx_relation_name(target->relation)));
}

/* Gives a table the trigger, unless it has it; returns what there is to say about it. */
static const char *
attach_target(Target *target, Oid function)
{
	const char *note = "created";

	if (target->column_type != TIMESTAMPTZOID && target->column_type != TIMESTAMPOID)
		return psprintf("skipped: \"%s\" is of type %s",
						DEFAULT_COLUMN,
						format_type_be(target->column_type));
	if (target->generated)
		return psprintf("skipped: \"%s\" is generated", DEFAULT_COLUMN);
	if (!target->trigger)
		create_trigger(target, function);
	else
		note = target->enabled ? "already there" : "already there, but disabled";

	if (target->shared)
		note = psprintf("%s; %s", note, rename_shared(target));
	if (target->last && strcmp(target->last, target->trigger) > 0)
		note = psprintf("%s; trigger \"%s\" fires after it", note, target->last);
	return note;
}

#define CANDIDATES_LISTED 10

/* Tables with the column, for an error: first those whose name stands in what was asked for. */
static char *
candidates(const char *asked)
{
	static const Oid types[] = {TEXTOID, TEXTOID, INT4OID};
	Datum			 values[3];
	const char		*names[CANDIDATES_LISTED];
	uint64			 n;
	DcxRun			 run;

	values[0] = CStringGetTextDatum(DEFAULT_COLUMN);
	values[1] = CStringGetTextDatum(asked);
	values[2] = Int32GetDatum(CANDIDATES_LISTED);
	dcx_run_begin(&run, InvalidOid);
	n = dcx_query_execute(
		"SELECT format('%I.%I', n.nspname, c.relname)"
		"  FROM pg_class c"
		"  JOIN pg_namespace n ON n.oid = c.relnamespace"
		"  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $1 AND NOT a.attisdropped"
		" WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition"
		"   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'dcx')"
		" ORDER BY strpos(lower($2), lower(c.relname::text)) > 0 DESC, 1 LIMIT $3",
		lengthof(types),
		types,
		values,
		NULL);
	for (uint64 i = 0; i < n; i++)
		names[i] = dcx_query_text(i, 1);
	dcx_run_end(&run);
	return dcx_text_list(names, n, CANDIDATES_LISTED);
}

/* dcx_attach_updated_at(target text) */
PG_FUNCTION_INFO_V1(dcx_attach_updated_at);
Datum
dcx_attach_updated_at(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char		  *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			   schema = get_namespace_oid(name, true);
	Oid			   relation = OidIsValid(schema) ? InvalidOid : dcx_relation_named(name);
	Oid			   function;
	List		  *targets;
	ListCell	  *lc;
	DcxRun		   run;

	InitMaterializedSRF(fcinfo, 0);
	if (!OidIsValid(schema) && !OidIsValid(relation))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("there is no schema or table %s", dcx_text_quoted(name)),
				errdetail("Tables with a column \"%s\": %s.", DEFAULT_COLUMN, candidates(name)),
				errhint("Name a schema, or a table as SQL does."));

	function = dcx_extension_function(fcinfo->flinfo->fn_oid, "dcx_set_updated_at", 0, NULL);
	dcx_run_begin(&run, InvalidOid);
	targets = find_targets(schema, relation, function);
	if (targets == NIL && OidIsValid(relation))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("%s is not a table with a column \"%s\"",
					   dcx_relation_name(relation),
					   DEFAULT_COLUMN),
				errdetail("Columns found: %s.", dcx_relation_columns(relation)),
				errhint("A trigger for another column: %s",
						"CREATE TRIGGER ... EXECUTE FUNCTION dcx_set_updated_at('column')."));
	if (targets == NIL)
		ereport(NOTICE,
				errmsg("schema \"%s\" has no table with a column \"%s\"", name, DEFAULT_COLUMN));

	foreach(lc, targets)
	{
		Target *target = lfirst(lc);
		Datum	values[3];
		bool	nulls[3] = {false};

		values[2] = CStringGetTextDatum(attach_target(target, function));
		values[0] = CStringGetTextDatum(dcx_relation_name(target->relation));
		nulls[1] = !target->trigger;
		values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(target->trigger);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	dcx_run_end(&run);
	return (Datum) 0;
}
