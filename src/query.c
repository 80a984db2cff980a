/*
 * query.c
 *		The one doorway to SPI and to utility commands: as whom a statement runs, and under what.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "query.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/memutils.h"

void
dcx_run_begin(DcxRun *run, Oid owner)
{
	GetUserIdAndSecContext(&run->user, &run->security_context);
	run->guc_level = NewGUCNestLevel();

	if (OidIsValid(owner))
		SetUserIdAndSecContext(owner,
							   run->security_context | SECURITY_LOCAL_USERID_CHANGE |
								   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);

	(void) set_config_option("search_path",
							 "pg_catalog, pg_temp",
							 PGC_USERSET,
							 PGC_S_SESSION,
							 GUC_ACTION_SAVE,
							 true,
							 0,
							 false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
dcx_run_end(DcxRun *run)
{
	SPI_finish();
	AtEOXact_GUC(false, run->guc_level);
	SetUserIdAndSecContext(run->user, run->security_context);
}

static void
drop_plan(DcxPlan *plan)
{
	if (plan->plan)
		SPI_freeplan(plan->plan);
	if (plan->sql)
		pfree(plan->sql);
	memset(plan, 0, sizeof(DcxPlan));
}

static pg_noinline DcxPlan
make_plan(const char *sql, int nargs, const Oid *types)
{
	DcxPlan	   plan = {0};
	SPIPlanPtr prepared = SPI_prepare(sql, nargs, unconstify(Oid *, types));

	if (!prepared)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	plan.sql = MemoryContextStrdup(TopMemoryContext, sql);
	if (nargs > 0)
		memcpy(plan.types, types, sizeof(Oid) * nargs);
	SPI_keepplan(prepared);
	plan.plan = prepared;
	return plan;
}

uint64
dcx_query_select(DcxPlan *plan, const char *sql, int nargs, const Oid *types, Datum *values,
				 uint64 limit)
{
	DcxPlan		 mine;
	volatile int result = 0;

	Assert(nargs <= DCX_PLAN_PARAMETERS);
	if (!plan->plan || strcmp(plan->sql, sql) != 0 ||
		(nargs > 0 && memcmp(plan->types, types, sizeof(Oid) * nargs) != 0))
	{
		drop_plan(plan);
		*plan = make_plan(sql, nargs, types);
	}

	/* What we read can run code that comes back here: nobody drops a plan while it executes. */
	mine = *plan;
	memset(plan, 0, sizeof(DcxPlan));
	PG_TRY();
	{
		result = SPI_execute_plan(mine.plan, values, NULL, true, limit);
	}
	PG_FINALLY();
	{
		drop_plan(plan);
		*plan = mine;
	}
	PG_END_TRY();

	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

Datum
dcx_query_value(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

char *
dcx_query_text(uint64 row, int column)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

	return value ? strcpy(SPI_palloc(strlen(value) + 1), value) : NULL;
}

Numeric
dcx_query_numeric(uint64 row, int column)
{
	bool  isnull;
	Datum value = dcx_query_value(row, column, &isnull);
	void *unpacked;

	if (isnull)
		return NULL;

	/* In a row its header may be a short one. */
	unpacked = DatumGetNumeric(value);
	return memcpy(SPI_palloc(VARSIZE(unpacked)), unpacked, VARSIZE(unpacked));
}

uint64
dcx_query_execute(const char *sql, int nargs, const Oid *types, Datum *values, const char *nulls)
{
	int result =
		SPI_execute_with_args(sql, nargs, unconstify(Oid *, types), values, nulls, false, 0);

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
