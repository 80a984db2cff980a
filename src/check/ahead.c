/*
 * ahead.c
 *		Rows whose "updatedAt" lies in the future: a wrong clock has written them.
 *
 * The trigger never sets an earlier time than a row has. So such a row keeps its time, however often it
 * changes, until the clock has caught up.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "src/base/guarded.h"
#include "src/base/json.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/check/ahead.h"
#include "src/check/facts.h"
#include "src/remote/reach.h"

#define NAME   "updatedAt"
#define COLUMN "\"" NAME "\""
#define UTC	   " AT TIME ZONE 'UTC'"

/* Clocks differ: what is ahead by less than this is no finding. */
#define ALLOWANCE "INTERVAL '1 minute'"

/* The most pages of a table that is read as a whole: 100 MB. */
#define PAGES_MOST 12800

/* A table that may have such rows. */
typedef struct Candidate
{
	Oid relation;
	const char
		*name; /* its own or, of a partition, the root's; of a foreign table, the remote table's */
	const char *catalog; /* NULL: a table of this database */
	bool		with_zone;
	bool		indexed;
	bool		subscribed;
	char	   *found; /* the result as JSON, if there are such rows */
} Candidate;

/* The tables of this database that have the column. Views and foreign tables have no rows of their own. */
static List *
find_tables(void)
{
	static DcxPlan plan;
	MemoryContext  context = CurrentMemoryContext;
	DcxParameters  none = {0};
	List		  *tables = NIL;
	uint64		   n;
	DcxRun		   run;

	dcx_run_begin(&run, InvalidOid);
	n = dcx_query_read(
		&plan,
		"SELECT c.oid::bigint, format('%I.%I', rn.nspname, r.relname),"
		"       a.atttypid = 'timestamptz'::regtype,"
		"       EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid"
		"                JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'"
		"                WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL"
		"                  AND i.indkey[0] = a.attnum),"
		"       EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid IN (c.oid, r.oid))"
		"  FROM pg_class c"
		"  JOIN pg_namespace n ON n.oid = c.relnamespace"
		"   AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'dcx')"
		"  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = '" NAME "'"
		"   AND NOT a.attisdropped AND a.attgenerated = ''"
		"   AND a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype)"
		"  JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid), c.oid)"
		"  JOIN pg_namespace rn ON rn.oid = r.relnamespace"
		" WHERE c.relkind = 'r' AND c.relpersistence <> 't' ORDER BY 2, 1",
		&none);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext of_spi = MemoryContextSwitchTo(context);
		Candidate	 *table = palloc0(sizeof(Candidate));

		tables = lappend(tables, table);
		MemoryContextSwitchTo(of_spi);
		table->relation = (Oid) dcx_query_int64(i, 1);
		table->name = dcx_query_text(i, 2);
		table->with_zone = dcx_query_bool(i, 3);
		table->indexed = dcx_query_bool(i, 4);
		table->subscribed = dcx_query_bool(i, 5);
	}
	dcx_run_end(&run);
	return tables;
}

/* The foreign tables of the catalogs that answer, if they have the column. */
static List *
find_foreign_tables(const bool reached[DCX_CATALOGS])
{
	List *tables = NIL;

	for (int id = 0; id < DCX_CATALOGS; id++)
		for (int part = 0; reached[id] && part < dcx_catalogs[id].nparts; part++)
		{
			Oid		   relation = dcx_facts_relation(id, part);
			AttrNumber column = OidIsValid(relation) ? get_attnum(relation, NAME) : 0;
			Oid		   type = column > 0 ? get_atttype(relation, column) : InvalidOid;
			Candidate *table;

			if ((type != TIMESTAMPOID && type != TIMESTAMPTZOID) || !dcx_reach_is_remote(relation))
				continue;
			table = palloc0(sizeof(Candidate));
			table->relation = relation;
			table->name = dcx_reach_table(relation);
			table->catalog = dcx_catalogs[id].title;
			tables = lappend(tables, table);
		}
	return tables;
}

/* Whether a table of this database, which is locked here, can be read at little cost. */
static bool
is_cheap(const Candidate *table)
{
	Relation relation = try_relation_open(table->relation, NoLock);
	bool	 cheap;

	if (!relation)
		return false;
	cheap = table->indexed || RelationGetNumberOfBlocks(relation) <= PAGES_MOST;
	relation_close(relation, NoLock);
	return cheap;
}

/* Reads a table of this database, unless somebody has locked it. Its column is compared so that an index serves. */
static void
read_table(void *argument)
{
	Candidate	 *table = argument;
	DcxParameters none = {0};

	if (!ConditionalLockRelationOid(table->relation, AccessShareLock) || !is_cheap(table))
		return;
	table->found = dcx_query_text_of(
		dcx_relation_owner(table->relation),
		psprintf("SELECT jsonb_build_object('count', count(*), 'type', pg_typeof(max(" COLUMN ")),"
				 "  'latest', to_jsonb(max(" COLUMN "%s)))::text FROM ONLY %s"
				 " WHERE " COLUMN " > statement_timestamp()%s + " ALLOWANCE " HAVING count(*) > 0",
				 table->with_zone ? UTC : "",
				 dcx_relation_name(table->relation),
				 table->with_zone ? "" : UTC),
		&none);
}

/* Asks the server of a foreign table. What the column's type is there, only that server knows. */
static void
read_foreign_table(void *argument)
{
	Candidate *table = argument;

	table->found =
		dcx_reach_select(table->relation,
						 "jsonb_build_object('count', count(*), 'type', pg_typeof(max(" COLUMN
						 ")), 'latest',"
						 "  to_jsonb(to_timestamp(max(extract(epoch FROM " COLUMN "))::float8)" UTC
						 "))",
						 "extract(epoch FROM " COLUMN ")"
						 "  > extract(epoch FROM statement_timestamp() + " ALLOWANCE
						 ") HAVING count(*) > 0");
}

Jsonb *
dcx_ahead_rows(const bool reached[DCX_CATALOGS])
{
	List	 *tables = list_concat(find_tables(), find_foreign_tables(reached));
	DcxJson	  json = {0};
	ListCell *lc;

	dcx_json_begin_array(&json, NULL);
	foreach(lc, tables)
	{
		Candidate *table = lfirst(lc);

		/* A table that cannot be read is none of this check's business. */
		(void) dcx_guarded(table->catalog ? read_foreign_table : read_table, table);
		if (!table->found)
			continue;
		dcx_json_begin_object(&json, NULL);
		dcx_json_text(&json, "catalog", table->catalog);
		dcx_json_text(&json, "relation", table->name);
		dcx_json_boolean(&json, "subscribed", table->subscribed);
		dcx_json_jsonb(&json, "rows", dcx_json_parse(table->found));
		dcx_json_end_object(&json);
	}
	dcx_json_end_array(&json);
	return dcx_json_result(&json);
}
