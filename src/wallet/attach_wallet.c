/*
 * attach_wallet.c
 *		Attaches the wallet table: binds it, makes its ledger, puts the triggers on it, and brings
 *		the ledger up to the balances.
 *
 * Attaching again does what is missing of that. It is also how the ledger is reconciled: a balance that
 * was changed while the triggers were off becomes one external entry.
 *
 * Locks. The wallet table is locked against changes before any table of the ledger is altered. Whoever
 * changes a wallet takes locks in the same order. Attach works under READ COMMITTED only: it reads the
 * balances under a snapshot taken after it has the lock.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "src/base/extension.h"
#include "src/base/names.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/result.h"
#include "src/base/text.h"
#include "src/wallet/attach_wallet.h"
#include "src/wallet/ledger.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/recorder.h"
#include "src/wallet/totals.h"
#include "src/wallet/wallet.h"

/* How many candidates for the wallet table an error lists. */
#define CANDIDATES_LISTED 10

/* Relations with such a column, or with "wallet" in their name, for an error. */
static char *
candidates(const char *organisation_column)
{
	static const Oid  types[] = {TEXTOID, INT4OID};
	static const char sql[] =
		"SELECT format('%I.%I', n.nspname, c.relname)"
		"  FROM pg_class c"
		"  JOIN pg_namespace n ON n.oid = c.relnamespace"
		"  JOIN pg_attribute a ON a.attrelid = c.oid"
		" WHERE c.relkind IN ('r', 'p', 'v', 'f') AND NOT a.attisdropped"
		"   AND (a.attname = $1 OR c.relname ILIKE '%wallet%' AND a.attnum = 1)"
		"   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'dcx')"
		" GROUP BY n.nspname, c.relname"
		" ORDER BY bool_or(c.relname ILIKE '%wallet%') DESC, 1 LIMIT $2";
	Datum		values[2];
	const char *names[CANDIDATES_LISTED];
	uint64		n;
	DcxRun		run;

	values[0] = CStringGetTextDatum(organisation_column);
	values[1] = Int32GetDatum(CANDIDATES_LISTED);
	dcx_run_begin(&run, InvalidOid);
	n = dcx_query_execute(sql, lengthof(types), types, values, NULL);
	for (uint64 i = 0; i < n; i++)
		names[i] = dcx_query_text(i, 1);
	dcx_run_end(&run);
	return dcx_text_list(names, n, CANDIDATES_LISTED);
}

static void
put_attached_wallet(FunctionCallInfo fcinfo, const char *relation, int64 rows, const char *note)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[3];
	bool		   nulls[3] = {false};

	values[0] = CStringGetTextDatum(relation);
	values[1] = Int64GetDatum(rows);
	values[2] = CStringGetTextDatum(note);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The extension's dcx_wallet_record(). function: any function of the extension. */
static Oid
trigger_function(Oid function)
{
	return dcx_extension_function(function, "dcx_wallet_record", 0, NULL);
}

List *
dcx_attach_wallet_drop_triggers(Oid relation, Oid function)
{
	static const Oid types[] = {OIDOID, OIDOID};
	List			*dropped = NIL;
	List			*statements = NIL;
	Datum			 values[2];
	uint64			 n;
	ListCell		*lc;

	values[0] = ObjectIdGetDatum(relation);
	values[1] = ObjectIdGetDatum(trigger_function(function));
	n = dcx_query_execute("SELECT format('%I on %s', tgname, tgrelid::regclass),"
						  "       format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass)"
						  "  FROM pg_trigger"
						  " WHERE tgfoid = $2 AND tgparentid = 0 AND (tgrelid = $1 OR tgrelid IN"
						  "       (SELECT relid FROM pg_partition_tree($1)))"
						  " ORDER BY 1",
						  2,
						  types,
						  values,
						  NULL);
	for (uint64 i = 0; i < n; i++)
	{
		dropped = lappend(dropped, dcx_query_text(i, 1));
		statements = lappend(statements, dcx_query_text(i, 2));
	}
	foreach(lc, statements)
		dcx_query_execute(lfirst(lc), 0, NULL, NULL, NULL);
	return dropped;
}

/*
 * Selects the statements that are still needed so that the table has one trigger for rows, and the
 * table and each of its partitions have one for TRUNCATE (which a partition does not inherit): DROP,
 * CREATE, ENABLE. Any other trigger that calls our function is dropped, and any other that has one of
 * our names. All are ENABLE ALWAYS, so that session_replication_role does not switch them off.
 */
static const char mend_triggers[] =
	"WITH member AS (SELECT $1 AS relid UNION SELECT relid FROM pg_partition_tree($1)),"
	" wanted AS (SELECT * FROM member,"
	"    (VALUES ('" DCX_RECORDER_ROW "', " DCX_RECORDER_ROW_TYPE ","
	"             'AFTER INSERT OR UPDATE OR DELETE', 'FOR EACH ROW'),"
	"            ('" DCX_RECORDER_TRUNCATE "', " DCX_RECORDER_TRUNCATE_TYPE ","
	"             'BEFORE TRUNCATE', 'FOR EACH STATEMENT')) AS v (name, type, event, each)"
	"    WHERE relid = $1 OR type = " DCX_RECORDER_TRUNCATE_TYPE "),"
	" kept AS (SELECT w.*, t.oid, t.tgenabled = 'A' AND NOT EXISTS (SELECT FROM pg_trigger c"
	"        JOIN member m ON m.relid = c.tgrelid WHERE c.tgname = name AND c.tgparentid <> 0"
	"         AND c.tgenabled <> 'A') AS always"
	"    FROM wanted w LEFT JOIN pg_trigger t ON t.tgrelid = relid AND t.tgname = name"
	"      AND t.tgfoid = $3 AND " DCX_RECORDER_SHAPE " type),"
	" statement (step, relid, name, sql) AS ("
	"    SELECT 1, t.tgrelid, t.tgname,"
	"           format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)"
	"      FROM pg_trigger t JOIN member ON t.tgrelid = relid"
	"     WHERE t.tgparentid = 0 AND NOT EXISTS (SELECT FROM kept k WHERE k.oid = t.oid)"
	"       AND (t.tgfoid = $3 OR t.tgname IN ('" DCX_RECORDER_ROW "', '" DCX_RECORDER_TRUNCATE
	"'))"
	"    UNION ALL"
	"    SELECT 2, relid, name,"
	"           format('CREATE TRIGGER %I %s ON %s %s EXECUTE FUNCTION %I.dcx_wallet_record()',"
	"                  name, event, relid::regclass, each, $2)"
	"      FROM kept WHERE oid IS NULL"
	"    UNION ALL"
	"    SELECT 3, relid, name,"
	"           format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', relid::regclass, name)"
	"      FROM kept WHERE always IS NOT TRUE)"
	" SELECT sql FROM statement ORDER BY step, relid, name";

/* The statements that mend_triggers selects for a table. */
static List *
missing_triggers(Oid relation, Oid record)
{
	static const Oid types[] = {OIDOID, TEXTOID, OIDOID};
	Datum			 values[3];
	List			*statements = NIL;
	uint64			 n;

	values[0] = ObjectIdGetDatum(relation);
	values[1] = CStringGetTextDatum(dcx_extension_schema(record));
	values[2] = ObjectIdGetDatum(record);
	n = dcx_query_execute(mend_triggers, lengthof(types), types, values, NULL);
	for (uint64 i = 0; i < n; i++)
		statements = lappend(statements, dcx_query_text(i, 1));
	return statements;
}

/*
 * Puts the ledger's triggers on a table, and drops those that get in their way. Afterwards it looks
 * whether the triggers call our function: the owner of our schema could rename it while we run, and
 * give its name to a schema with a function that is called like ours.
 */
static void
need_triggers(Oid relation, Oid function)
{
	Oid		  record = trigger_function(function);
	ListCell *lc;

	foreach(lc, missing_triggers(relation, record))
	{
		DcxRun run;

		dcx_run_begin_altering(&run, relation);
		dcx_query_execute(lfirst(lc), 0, NULL, NULL, NULL);
		dcx_run_end(&run);
	}
	if (missing_triggers(relation, record) != NIL)
		dcx_names_moved(psprintf("The triggers of %s do not call the dcx_wallet_record() of the "
								 "extension.",
								 dcx_relation_name(relation)));
}

/* Refuses a table of Citus: its triggers do not see how a wallet is changed. */
static void
check_not_distributed(Oid wallets)
{
	Oid relation = dcx_relation_distributed_member(wallets);

	if (!OidIsValid(relation))
		return;
	ereport(ERROR,
			errcode(ERRCODE_WRONG_OBJECT_TYPE),
			errmsg("%s is a table of Citus", dcx_relation_name(relation)),
			errdetail(
				"Its rows are in shards, which are tables of their own: what changes a balance "
				"there would be in no ledger."),
			errhint("Attach the shard that has the wallets, in the database of the worker that has "
					"the shard."));
}

/*
 * Locks the table and its partitions until the end of the transaction: nobody else changes a wallet.
 * Call it before altering a table of ours: whoever changes a wallet locks the wallet table first.
 */
static void
lock_wallets(Oid relation)
{
	LockRelationOid(relation, ShareRowExclusiveLock);
	find_all_inheritors(relation, ShareRowExclusiveLock, NULL);
}

/* Makes the ledger, or what is missing of it, brings it up to the balances, and reports what it wrote. */
static void
open_ledger(FunctionCallInfo fcinfo, Oid relation)
{
	const DcxBinding *wallets;
	Datum			  organisations;
	Datum			  balances;
	const char		 *kind;
	int64			  written;
	int64			  total;
	Oid				  owner;
	DcxRun			  run;

	/* Under an old snapshot, entries that others have written since would be written again. */
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("wallets are attached under READ COMMITTED only"),
				errdetail("This transaction is REPEATABLE READ or SERIALIZABLE."),
				errhint("BEGIN ISOLATION LEVEL READ COMMITTED."));

	dcx_run_begin(&run, InvalidOid);
	dcx_ledger_make();
	dcx_wallet_binding();
	dcx_wallet_check_partitioning(relation);
	need_triggers(relation, fcinfo->flinfo->fn_oid);
	dcx_run_end(&run);

	PushActiveSnapshot(GetTransactionSnapshot());
	wallets = dcx_wallet_bound();
	owner = dcx_ledger_owner(wallets, false);
	dcx_wallet_totals(relation, false, true, &organisations, &balances);
	dcx_wallet_check_all_exact(relation);
	written = dcx_ledger_reconcile(owner, organisations, balances, &kind, &total);
	PopActiveSnapshot();

	put_attached_wallet(fcinfo,
						"dcx.wallet_entry",
						total,
						written == 0 ? "the ledger has every balance" :
									   psprintf(INT64_FORMAT " %s entr%s written",
												written,
												kind,
												written == 1 ? "y" : "ies"));
}

/* The attached column i, when it is another one than column and still there; else NULL. */
static const char *
attached_column(const DcxBinding *bound, int i, const char *column)
{
	const char *attached = NameStr(bound->columns[i]);

	if (strcmp(attached, column) == 0 || get_attnum(bound->relation, attached) == InvalidAttrNumber)
		return NULL;
	return attached;
}

/*
 * Refuses (55000) to replace attached wallets by others: the ledger would take their money for gone.
 * Others are another relation, or other columns of the same. A relation or column that has been dropped
 * or renamed may be replaced. The lock on dcx.binding, if there is one, waits for whoever else attaches.
 */
static void
check_no_other(Oid relation, const char *organisation_column, const char *balance_column)
{
	const DcxBinding *bound;
	const char		 *column = NULL;
	bool			  other = false;

	if (OidIsValid(dcx_binding_table()))
		LockRelationOid(dcx_binding_table(), ShareRowExclusiveLock);
	PushActiveSnapshot(GetLatestSnapshot());
	bound = dcx_wallet_binding();
	if (bound->attached && OidIsValid(dcx_relation_owner(bound->relation)))
	{
		other = bound->relation != relation;
		column = attached_column(bound, 0, organisation_column);
		if (!column)
			column = attached_column(bound, 1, balance_column);
	}
	PopActiveSnapshot();
	if (other || column)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("other wallets are attached"),
				errdetail("They are those of %s, organisation: %s, balance: %s.",
						  dcx_relation_name(bound->relation),
						  quote_identifier(NameStr(bound->columns[0])),
						  quote_identifier(NameStr(bound->columns[1]))),
				errhint("SELECT * FROM dcx_detach('wallet') first; ledger and holds are kept. Then "
						"attaching writes an external entry for each balance that differs."));
}

/* How many wallets there are, read as the table's owner. */
static int64
count_wallets(Oid relation)
{
	int64  wallets;
	DcxRun run;

	dcx_run_begin(&run, dcx_relation_owner(relation));
	dcx_query_execute(psprintf("SELECT count(*) FROM %s", dcx_relation_name(relation)),
					  0,
					  NULL,
					  NULL,
					  NULL);
	wallets = dcx_query_int64(0, 1);
	dcx_run_end(&run);
	return wallets;
}

/* dcx_attach_wallet(wallets text, organisation_column text, balance_column text) */
PG_FUNCTION_INFO_V1(dcx_attach_wallet);
Datum
dcx_attach_wallet(PG_FUNCTION_ARGS)
{
	char			 *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char			 *organisation_column = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char			 *balance_column = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Oid				  relation = dcx_relation_named(name);
	const DcxBinding *binding;
	Oid				  organisation_type;
	Oid				  balance_type;
	bool			  table;
	DcxRun			  run;

	dcx_result_begin(fcinfo);
	/* On a standby it could not take its locks; this is a clearer error. */
	PreventCommandIfReadOnly("dcx_attach_wallet()");
	if (!OidIsValid(relation))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("there is no wallet table %s", dcx_text_quoted(name)),
				errdetail("Candidates: %s.", candidates(organisation_column)),
				errhint("Name it as SQL does, with its schema where it is not on the "
						"search_path."));

	LockRelationOid(relation, AccessShareLock);
	dcx_relation_check_owner(relation);
	organisation_type = dcx_wallet_check_organisation(relation, organisation_column);
	balance_type = dcx_wallet_check_balance(relation, balance_column);
	table = dcx_wallet_is_table(relation);
	if (table)
	{
		dcx_wallet_check_stored(relation, organisation_column);
		dcx_wallet_check_stored(relation, balance_column);
		lock_wallets(relation);
		check_not_distributed(relation);
	}

	dcx_run_begin(&run, InvalidOid);
	dcx_binding_prepare();
	check_no_other(relation, organisation_column, balance_column);
	binding = dcx_wallet_binding();
	dcx_binding_put(binding->catalog,
					binding->part,
					relation,
					list_make2(organisation_column, balance_column),
					NIL,
					NULL);
	dcx_run_end(&run);

	put_attached_wallet(fcinfo,
						dcx_relation_name(relation),
						count_wallets(relation),
						psprintf("organisation: %s %s, balance: %s %s%s",
								 quote_identifier(organisation_column),
								 format_type_be(organisation_type),
								 quote_identifier(balance_column),
								 format_type_be(balance_type),
								 table ? "" : "; to be read only: money moves in a table"));
	if (table)
		open_ledger(fcinfo, relation);
	return (Datum) 0;
}
