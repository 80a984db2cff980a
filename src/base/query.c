/*
 * query.c
 *		The only place that executes SQL: as which role a statement runs, and under which settings.
 *
 * Re-entry: what a statement executes (triggers, views, casts) can call our functions, and so come back here,
 * with the same DcxPlan. A plan that executes is therefore taken out of its variable first, and put back
 * afterwards: nobody else can drop it meanwhile.
 *
 * Names: before each statement dcx_names_check() is told its text. While the server analyzes that text, the
 * relations in it are checked (names.h). The state before is put back also after an error.
 *
 * Snapshots: a statement is planned before its snapshot is chosen, since planning locks what it reads, also what is
 * under a view. A snapshot that is older than that is replaced (fresh.h).
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/params.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "src/base/fresh.h"
#include "src/base/names.h"
#include "src/base/query.h"
#include "src/base/relation.h"

void
dcx_run_set(const char *name, const char *value)
{
	(void)
		set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static void
begin_run(DcxRun *run, Oid owner, const char *path)
{
	GetUserIdAndSecContext(&run->user, &run->security_context);
	run->guc_level = NewGUCNestLevel();
	run->names = dcx_names_set(OidIsValid(owner) ? DCX_NAMES_OWN : DCX_NAMES_TRUSTED);

	if (OidIsValid(owner))
		SetUserIdAndSecContext(owner,
							   run->security_context | SECURITY_LOCAL_USERID_CHANGE |
								   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);

	/* Inside another run it usually is what we want already. */
	if (strcmp(namespace_search_path, path) != 0)
		dcx_run_set("search_path", path);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
dcx_run_begin(DcxRun *run, Oid owner)
{
	begin_run(run, owner, "pg_catalog, pg_temp");
}

void
dcx_run_begin_firing(DcxRun *run, Oid owner, const char *schema)
{
	begin_run(run, owner, psprintf("pg_catalog, %s, pg_temp", quote_identifier(schema)));
}

void
dcx_run_begin_reading(DcxRun *run, Oid owner)
{
	bool as_owner = superuser();

	dcx_run_begin(run, as_owner ? owner : InvalidOid);
	if (!as_owner)
		(void) dcx_names_set(DCX_NAMES_ANY);
}

void
dcx_run_begin_altering(DcxRun *run, Oid table)
{
	bool as_owner = superuser() && get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE;

	dcx_run_begin(run, as_owner ? dcx_relation_owner(table) : InvalidOid);
}

void
dcx_run_end(DcxRun *run)
{
	SPI_finish();
	AtEOXact_GUC(false, run->guc_level);
	SetUserIdAndSecContext(run->user, run->security_context);
	(void) dcx_names_set(run->names);
}

void
dcx_parameter(DcxParameters *parameters, Oid type, Datum value, bool isnull)
{
	int i = parameters->n++;

	Assert(i < DCX_PLAN_PARAMETERS);
	parameters->types[i] = type;
	parameters->values[i] = value;
	parameters->nulls[i] = isnull ? 'n' : ' ';
}

void
dcx_parameter_text(DcxParameters *parameters, const char *value)
{
	dcx_parameter(parameters, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0, !value);
}

void
dcx_parameter_numeric(DcxParameters *parameters, Numeric value)
{
	dcx_parameter(parameters, NUMERICOID, value ? NumericGetDatum(value) : (Datum) 0, !value);
}

void
dcx_parameter_time(DcxParameters *parameters, TimestampTz value)
{
	dcx_parameter(parameters, TIMESTAMPTZOID, TimestampTzGetDatum(value), false);
}

void
dcx_parameter_int64(DcxParameters *parameters, int64 value)
{
	dcx_parameter(parameters, INT8OID, Int64GetDatum(value), false);
}

/* Frees a plan, and makes its variable empty. */
static void
free_plan(DcxPlan *plan)
{
	if (plan->plan)
		SPI_freeplan(plan->plan);
	if (plan->sql)
		pfree(plan->sql);
	memset(plan, 0, sizeof(DcxPlan));
}

static pg_noinline DcxPlan
make_plan(const char *sql, DcxParameters *parameters)
{
	DcxPlan	   plan = {.unforced = InNoForceRLSOperation(), .n = parameters->n};
	SPIPlanPtr prepared =
		SPI_prepare_cursor(sql, parameters->n, parameters->types, CURSOR_OPT_GENERIC_PLAN);

	if (!prepared)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	plan.sql = MemoryContextStrdup(TopMemoryContext, sql);
	memcpy(plan.types, parameters->types, sizeof(Oid) * parameters->n);
	SPI_keepplan(prepared);
	plan.plan = prepared;
	return plan;
}

/* Whether a kept plan is good for a statement now. */
static bool
is_plan_good(const DcxPlan *plan, const char *sql, const DcxParameters *parameters)
{
	return plan->plan && strcmp(plan->sql, sql) == 0 && plan->unforced == InNoForceRLSOperation() &&
		   plan->n == parameters->n &&
		   memcmp(plan->types, parameters->types, sizeof(Oid) * parameters->n) == 0;
}

/* Takes a plan for a statement out of its variable, or makes one. */
static DcxPlan
take_plan(DcxPlan *plan, const char *sql, DcxParameters *parameters)
{
	DcxPlan taken;

	if (!plan)
		return make_plan(sql, parameters);
	if (!is_plan_good(plan, sql, parameters))
	{
		free_plan(plan);
		*plan = make_plan(sql, parameters);
	}
	taken = *plan;
	memset(plan, 0, sizeof(DcxPlan));
	return taken;
}

/* The relations that a plan names, also those under views. They are locked. */
static Oid *
locked_relations(SPIPlanPtr plan, int *nrelations)
{
	List	 *relations = NIL;
	Oid		 *array;
	ListCell *lc;

	foreach(lc, SPI_plan_get_plan_sources(plan))
		relations =
			list_concat_unique_oid(relations, ((CachedPlanSource *) lfirst(lc))->relationOids);
	array = palloc(sizeof(Oid) * Max(list_length(relations), 1));
	*nrelations = 0;
	foreach(lc, relations)
		array[(*nrelations)++] = lfirst_oid(lc);
	list_free(relations);
	return array;
}

/* Plans a statement again if that is due, and makes sure that the snapshot is not older than what it reads. */
static bool
begin_fresh(SPIPlanPtr plan, bool read_only)
{
	bool		begun = false;
	CachedPlan *planned;
	Oid		   *relations;
	int			nrelations;

	/* A statement that writes is executed under a new snapshot. */
	if (!read_only && !IsolationUsesXactSnapshot())
		return false;
	planned = SPI_plan_get_cached_plan(plan);
	if (!planned)
		return false;
	relations = locked_relations(plan, &nrelations);
	if (read_only)
		begun = dcx_fresh_begin(relations, nrelations);
	else
		dcx_fresh_check(relations, nrelations);
	pfree(relations);
	ReleaseCachedPlan(planned, CurrentResourceOwner);
	return begun;
}

/* Executes a statement or opens a cursor. Only execute_plan() calls it. */
static uint64
execute_checked(DcxPlan *plan, const char *sql, DcxParameters *parameters, bool read_only,
				Portal *cursor)
{
	DcxPlan		 mine = take_plan(plan, sql, parameters);
	volatile int result = 0;

	PG_TRY();
	{
		bool begun = begin_fresh(mine.plan, read_only);

		if (cursor)
			*cursor =
				SPI_cursor_open(NULL, mine.plan, parameters->values, parameters->nulls, read_only);
		else
			result =
				SPI_execute_plan(mine.plan, parameters->values, parameters->nulls, read_only, 0);
		dcx_fresh_end(begun);
	}
	PG_FINALLY();
	{
		/* Another call may have put a plan of its own there. */
		free_plan(plan ? plan : &mine);
		if (plan)
			*plan = mine;
	}
	PG_END_TRY();

	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

/* Executes a statement or, where cursor is not NULL, opens a cursor for it. */
static uint64
execute_plan(DcxPlan *plan, const char *sql, DcxParameters *parameters, bool read_only,
			 Portal *cursor)
{
	volatile DcxNamesState outer = dcx_names_state();
	volatile uint64		   n = 0;

	dcx_names_check(sql);
	PG_TRY();
	{
		n = execute_checked(plan, sql, parameters, read_only, cursor);
	}
	PG_FINALLY();
	{
		dcx_names_restore(outer);
	}
	PG_END_TRY();
	return n;
}

uint64
dcx_query_read(DcxPlan *plan, const char *sql, DcxParameters *parameters)
{
	return execute_plan(plan, sql, parameters, true, NULL);
}

uint64
dcx_query_write(DcxPlan *plan, const char *sql, DcxParameters *parameters)
{
	return execute_plan(plan, sql, parameters, false, NULL);
}

void *
dcx_query_open(DcxPlan *plan, const char *sql, DcxParameters *parameters)
{
	Portal cursor;

	execute_plan(plan, sql, parameters, true, &cursor);
	return cursor;
}

uint64
dcx_query_fetch(void *cursor)
{
	volatile DcxNamesState outer = dcx_names_state();
	uint64				   nrows;

	SPI_cursor_fetch(cursor, true, FETCH_ALL);
	nrows = SPI_processed;
	dcx_names_restore(outer);
	SPI_cursor_close(cursor);
	return nrows;
}

void
dcx_query_touch(const char *sql)
{
	DcxParameters none = {0};
	Portal		  cursor;

	execute_plan(NULL, sql, &none, true, &cursor);
	SPI_cursor_close(cursor);
}

/*
 * A row of the result. One can be missing: a trigger of the table's owner can suppress a row that we write, and so
 * the row that RETURNING should give.
 */
static HeapTuple
result_row(uint64 row)
{
	if (unlikely(!SPI_tuptable || row >= SPI_tuptable->numvals))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("a table is not as dcx_pricing made it"),
				errdetail("A statement on it returned fewer rows than expected."),
				errhint("Look for triggers on the tables in schema dcx."));
	return SPI_tuptable->vals[row];
}

char *
dcx_query_keep(const char *text)
{
	return strcpy(SPI_palloc(strlen(text) + 1), text);
}

char *
dcx_query_text(uint64 row, int column)
{
	HeapTuple tuple = result_row(row);
	char	 *value;

	/* The usual case, quickly: no output function to look up and call. */
	if (likely(SPI_gettypeid(SPI_tuptable->tupdesc, column) == TEXTOID))
	{
		bool  isnull;
		Datum datum = SPI_getbinval(tuple, SPI_tuptable->tupdesc, column, &isnull);
		text *packed = isnull ? NULL : DatumGetTextPP(datum);

		if (!packed)
			return NULL;
		value = SPI_palloc(VARSIZE_ANY_EXHDR(packed) + 1);
		text_to_cstring_buffer(packed, value, VARSIZE_ANY_EXHDR(packed) + 1);
		return value;
	}
	value = SPI_getvalue(tuple, SPI_tuptable->tupdesc, column);
	return value ? dcx_query_keep(value) : NULL;
}

/* Refuses a table whose column is not as we made it. what: the rest of a sentence about the column. */
static void
refuse_column(int column, const char *what)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("a table is not as dcx_pricing made it"),
			errdetail("Column \"%s\" %s.", SPI_fname(SPI_tuptable->tupdesc, column), what),
			errhint("Put it back, or move the table away and attach again."));
}

Datum
dcx_query_value(uint64 row, int column, Oid type, bool *isnull)
{
	HeapTuple tuple = result_row(row);

	if (unlikely(SPI_gettypeid(SPI_tuptable->tupdesc, column) != type))
		refuse_column(column, psprintf("is not of type %s", format_type_be(type)));
	return SPI_getbinval(tuple, SPI_tuptable->tupdesc, column, isnull);
}

/* Copies a detoasted value into the caller's memory context. */
static void *
copy_for_caller(void *value)
{
	return memcpy(SPI_palloc(VARSIZE(value)), value, VARSIZE(value));
}

bool
dcx_query_is_bytes(int column)
{
	return SPI_gettypeid(SPI_tuptable->tupdesc, column) == BYTEAOID;
}

char *
dcx_query_bytes(uint64 row, int column, int *length)
{
	bool   isnull;
	Datum  value = dcx_query_value(row, column, BYTEAOID, &isnull);
	bytea *packed;

	if (isnull)
		return NULL;
	packed = DatumGetByteaPP(value);
	*length = VARSIZE_ANY_EXHDR(packed);
	return memcpy(palloc(*length + 1), VARDATA_ANY(packed), *length);
}

Numeric
dcx_query_numeric(uint64 row, int column)
{
	bool  isnull;
	Datum value = dcx_query_value(row, column, NUMERICOID, &isnull);

	return isnull ? NULL : copy_for_caller(DatumGetNumeric(value));
}

Jsonb *
dcx_query_jsonb(uint64 row, int column)
{
	bool  isnull;
	Datum value = dcx_query_value(row, column, JSONBOID, &isnull);

	return isnull ? NULL : copy_for_caller(DatumGetJsonbP(value));
}

Datum
dcx_query_array(uint64 row, int column, Oid type)
{
	bool  isnull;
	Datum value = dcx_query_value(row, column, type, &isnull);

	Assert(!isnull);
	return PointerGetDatum(copy_for_caller(DatumGetArrayTypeP(value)));
}

Numeric
dcx_query_amount(uint64 row, int column)
{
	Numeric value = dcx_query_numeric(row, column);

	if (!value)
		refuse_column(column, "is NULL");
	if (numeric_is_nan(value) || numeric_is_inf(value))
		refuse_column(column, "is not finite");
	return value;
}

bool
dcx_query_bool(uint64 row, int column)
{
	bool  isnull;
	Datum value = dcx_query_value(row, column, BOOLOID, &isnull);

	return !isnull && DatumGetBool(value);
}

int64
dcx_query_int64(uint64 row, int column)
{
	bool  isnull;
	Datum value = dcx_query_value(row, column, INT8OID, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

TimestampTz
dcx_query_time(uint64 row, int column)
{
	bool  isnull;
	Datum value = dcx_query_value(row, column, TIMESTAMPTZOID, &isnull);

	return isnull ? 0 : DatumGetTimestampTz(value);
}

/* Prepares a statement that is executed once, and executes it. */
static int
execute_once(const char *sql, const DcxParameters *parameters, const SPIExecuteOptions *options)
{
	Oid		   types[DCX_PLAN_PARAMETERS];
	SPIPlanPtr plan;
	Oid		  *relations;
	int		   nrelations;
	bool	   begun;
	int		   code;

	memcpy(types, parameters->types, sizeof(types));
	plan = SPI_prepare(sql, parameters->n, types);
	if (!plan)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	relations = locked_relations(plan, &nrelations);
	begun = dcx_fresh_begin(relations, nrelations);
	code = SPI_execute_plan_extended(plan, options);
	dcx_fresh_end(begun);
	SPI_freeplan(plan);
	return code;
}

void
dcx_query_into(ReturnSetInfo *result, const char *sql, const DcxParameters *parameters)
{
	SPIExecuteOptions	   options = {0};
	volatile DcxNamesState outer = dcx_names_state();
	volatile int		   code = 0;

	options.read_only = true;
	options.params = makeParamList(parameters->n);
	for (int i = 0; i < parameters->n; i++)
	{
		ParamExternData *parameter = &options.params->params[i];

		parameter->value = parameters->values[i];
		parameter->isnull = parameters->nulls[i] == 'n';
		parameter->pflags = PARAM_FLAG_CONST;
		parameter->ptype = parameters->types[i];
	}
	options.dest = CreateDestReceiver(DestTuplestore);
	SetTuplestoreDestReceiverParams(options.dest,
									result->setResult,
									result->econtext->ecxt_per_query_memory,
									false,
									result->setDesc,
									"the columns are not those declared");
	dcx_names_check(sql);
	PG_TRY();
	{
		code = execute_once(sql, parameters, &options);
	}
	PG_FINALLY();
	{
		dcx_names_restore(outer);
	}
	PG_END_TRY();
	if (code < 0)
		elog(ERROR, "SPI_execute_plan_extended failed: %s", SPI_result_code_string(code));
}

uint64
dcx_query_execute(const char *sql, int nargs, const Oid *types, Datum *values, const char *nulls)
{
	volatile DcxNamesState outer = dcx_names_state();
	volatile int		   result = 0;

	dcx_names_check(sql);
	PG_TRY();
	{
		result =
			SPI_execute_with_args(sql, nargs, unconstify(Oid *, types), values, nulls, false, 0);
	}
	PG_FINALLY();
	{
		dcx_names_restore(outer);
	}
	PG_END_TRY();
	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

void
dcx_query_utility(Node *statement)
{
	PlannedStmt *planned = makeNode(PlannedStmt);

	planned->commandType = CMD_UTILITY;
	planned->canSetTag = false;
	planned->utilityStmt = statement;
	planned->stmt_location = -1;

	ProcessUtility(planned,
				   "(a command of dcx_pricing)",
				   false,
				   PROCESS_UTILITY_QUERY,
				   NULL,
				   NULL,
				   None_Receiver,
				   NULL);
	CommandCounterIncrement();
}

char *
dcx_query_text_of(Oid role, const char *sql, DcxParameters *parameters)
{
	char  *value = NULL;
	DcxRun run;

	dcx_run_begin(&run, role);
	if (dcx_query_read(NULL, sql, parameters) > 0)
		value = dcx_query_text(0, 1);
	dcx_run_end(&run);
	return value;
}
