/*
 * maintain.c
 *		What a scheduler calls, every few minutes.
 *
 * The tasks do not depend on each other. Each runs in a subtransaction: one that fails is reported, and
 * the others are done all the same. All of it is one transaction, so a task that takes locks comes late and is short.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/base/errcodes.h"
#include "src/base/guarded.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/book/history.h"
#include "src/catalog/catalog.h"
#include "src/check/check.h"
#include "src/check/facts.h"
#include "src/remote/reach.h"
#include "src/remote/remote.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/wallet.h"

/* A task that runs. */
typedef struct Task
{
	ReturnSetInfo *result;
	const char	  *name;
	Oid			   function; /* of the extension */
	DcxCatalogId   id;
	int			   part; /* of the catalog */
	Oid			   relation;
} Task;

static void
put_task(const Task *task, const char *what)
{
	Datum values[2];
	bool  nulls[2] = {false};

	values[0] = CStringGetTextDatum(task->name);
	values[1] = CStringGetTextDatum(what);
	tuplestore_putvalues(task->result->setResult, task->result->setDesc, values, nulls);
}

/* Runs a task, and reports if it fails. False when that was because a catalog cannot be reached. */
static bool
perform(Task *task, const char *name, void (*work)(void *task))
{
	ErrorData *error;

	task->name = name;
	error = dcx_guarded(work, task);
	if (error)
		put_task(task,
				 error->detail ? psprintf("failed: %s: %s", error->message, error->detail) :
								 psprintf("failed: %s", error->message));
	return !error || error->sqlerrcode != DCX_ERRCODE_UNREACHABLE;
}

static void
save_catalog_book(void *argument)
{
	Task			 *task = argument;
	const DcxCatalog *catalog = &dcx_catalogs[task->id];
	DcxSaved		  saved;
	bool			  is_new;

	if (!OidIsValid(dcx_facts_relation(task->id, dcx_catalog_price_part(task->id))))
	{
		/* E-Networks is optional. */
		if (task->id == DCX_AAS)
			put_task(task, "no catalog is attached");
		return;
	}
	is_new = dcx_history_save(task->id, &saved, false);
	put_task(task,
			 psprintf(is_new ? "book " INT64_FORMAT " is new: %d %s" :
							   "book " INT64_FORMAT " was seen again: %d %s",
					  saved.book_id,
					  saved.products,
					  catalog->items));
}

static void
connect_to_part(void *task)
{
	dcx_query_touch(psprintf("SELECT FROM %s", dcx_relation_name(((Task *) task)->relation)));
}

static void
run_analyze(void *task)
{
	dcx_query_execute(psprintf("ANALYZE %s", dcx_relation_name(((Task *) task)->relation)),
					  0,
					  NULL,
					  NULL,
					  NULL);
}

static void
analyze_part(void *argument)
{
	Task  *task = argument;
	DcxRun run;

	task->relation = dcx_facts_relation(task->id, task->part);
	if (!OidIsValid(task->relation) || get_rel_relkind(task->relation) != RELKIND_FOREIGN_TABLE)
		return;
	dcx_run_begin(&run, dcx_relation_owner(task->relation));
	dcx_remote_do(dcx_catalog_remote(task->id),
				  dcx_reach_places(task->relation),
				  connect_to_part,
				  run_analyze,
				  task);
	dcx_run_end(&run);
	put_task(task, dcx_relation_name(task->relation));
}

/*
 * Marks holds as expired. Only those that their account already counts as expired: so no wallet has to be
 * locked, and no money moves. An expired hold holds nothing, marked or not.
 */
static void
mark_expired(void *task)
{
	const DcxBinding *wallets = dcx_wallet_binding();
	Oid				  owner;
	uint64			  marked;
	DcxRun			  run;

	owner = wallets->attached ? dcx_ledger_owner(wallets, true) : InvalidOid;
	if (!OidIsValid(owner))
	{
		put_task(task, "there is no ledger");
		return;
	}
	dcx_ledger_check();
	dcx_run_begin(&run, owner);
	marked = dcx_query_execute(
		"UPDATE dcx.wallet_hold h SET state = 'expired', resolved_at = h.expires_at"
		"  FROM dcx.wallet_account a"
		" WHERE a.organisation = h.organisation AND h.state = 'open'"
		"   AND h.expires_at <= a.expired_until",
		0,
		NULL,
		NULL,
		NULL);
	dcx_run_end(&run);
	put_task(task, psprintf(UINT64_FORMAT " marked as expired", marked));
}

static void
check_all(void *argument)
{
	Task	 *task = argument;
	int		  errors = 0;
	ListCell *lc;

	foreach(lc, dcx_check_area(task->function, NULL, true))
	{
		const DcxFinding *finding = lfirst(lc);

		/* Without the audit "no errors" would say too much. */
		if (strcmp(finding->severity, "error") != 0 &&
			strcmp(finding->object, "dcx_wallet_audit") != 0)
			continue;
		errors++;
		put_task(task, psprintf("%s: %s: %s", finding->area, finding->object, finding->problem));
	}
	if (errors == 0)
		put_task(task, "no errors");
}

/* dcx_maintain() */
PG_FUNCTION_INFO_V1(dcx_maintain);
Datum
dcx_maintain(PG_FUNCTION_ARGS)
{
	Task task = {.result = (ReturnSetInfo *) fcinfo->resultinfo,
				 .function = fcinfo->flinfo->fn_oid};

	PreventCommandIfReadOnly("dcx_maintain()");
	InitMaterializedSRF(fcinfo, 0);
	for (int id = 0; id < DCX_CATALOGS; id++)
	{
		bool reached;

		task.id = id;
		reached =
			perform(&task, id == DCX_AAS ? "price book" : "network price book", save_catalog_book);
		for (task.part = 0; reached && task.part < dcx_catalogs[id].nparts; task.part++)
			reached = perform(&task, "analyze", analyze_part);
	}
	perform(&task, "check", check_all);
	perform(&task, "holds", mark_expired);
	return (Datum) 0;
}
