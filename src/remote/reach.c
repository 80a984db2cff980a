/*
 * reach.c
 *		Whether an attached relation can be read, and its rows, on connections of our own (probe.h).
 *
 * The servers behind a view or a partitioned table are found in the system catalogs, each with the role
 * whose user mapping reads there. Rows are fetched as JSON, in one question.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "foreign/foreign.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/base/errcodes.h"
#include "src/base/json.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/remote/encoding.h"
#include "src/remote/options.h"
#include "src/remote/place.h"
#include "src/remote/probe.h"
#include "src/remote/reach.h"

bool
dcx_reach_is_remote(Oid relation)
{
	ForeignServer *server;

	if (get_rel_relkind(relation) != RELKIND_FOREIGN_TABLE)
		return false;
	server = GetForeignServer(GetForeignTable(relation)->serverid);
	return strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, "postgres_fdw") == 0;
}

static const char *
table_option(Oid relation, const char *name, const char *otherwise)
{
	DefElem *option = dcx_option_find(GetForeignTable(relation)->options, name);

	return option ? strVal(option->arg) : otherwise;
}

char *
dcx_reach_sentence(const char *error)
{
	char last = *error ? error[strlen(error) - 1] : '.';

	return psprintf("%s%s", error, last == '.' || last == '?' ? "" : ".");
}

/* Follows views and inheritance, and keeps in mind as which role each relation is read. */
List *
dcx_reach_places(Oid relation)
{
	static DcxPlan plan;
	MemoryContext  context = CurrentMemoryContext;
	DcxParameters  parameters = {0};
	List		  *places = NIL;
	uint64		   n;
	DcxRun		   run;

	if (get_rel_relkind(relation) == RELKIND_FOREIGN_TABLE)
		return dcx_place_list(GetForeignTable(relation)->serverid, dcx_relation_owner(relation));
	dcx_parameter_int64(&parameters, relation);
	dcx_run_begin(&run, InvalidOid);
	n = dcx_query_read(
		&plan,
		"WITH RECURSIVE read (relation, role) AS ("
		"  SELECT oid, relowner FROM pg_class WHERE oid = $1::oid"
		"  UNION"
		"  SELECT of.relation, CASE WHEN c.relkind <> 'v' OR"
		"      (SELECT option_value::boolean FROM pg_options_to_table(c.reloptions)"
		"        WHERE option_name = 'security_invoker') THEN r.role ELSE c.relowner END"
		"    FROM read r JOIN pg_class c ON c.oid = r.relation, LATERAL"
		"      (SELECT d.refobjid FROM pg_rewrite w JOIN pg_depend d"
		"           ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid"
		"          AND d.refclassid = 'pg_class'::regclass"
		"        WHERE c.relkind = 'v' AND w.ev_class = c.oid"
		"       UNION ALL"
		"       SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid) of (relation))"
		" SELECT DISTINCT s.oid::bigint, r.role::bigint"
		"   FROM read r JOIN pg_foreign_table f ON f.ftrelid = r.relation"
		"   JOIN pg_foreign_server s ON s.oid = f.ftserver"
		"   JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw AND w.fdwname = 'postgres_fdw'"
		"  ORDER BY 1, 2",
		&parameters);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext of_spi = MemoryContextSwitchTo(context);

		places =
			list_concat(places,
						dcx_place_list((Oid) dcx_query_int64(i, 1), (Oid) dcx_query_int64(i, 2)));
		MemoryContextSwitchTo(of_spi);
	}
	dcx_run_end(&run);
	return places;
}

bool
dcx_reach_answers(Oid relation, char **server, DcxProbe *probe)
{
	ListCell *lc;

	foreach(lc, dcx_reach_places(relation))
	{
		const DcxPlace *place = lfirst(lc);

		*probe = dcx_probe(place->server, place->role, "SELECT coalesce($1, 'here')", NULL);
		if (probe->error)
		{
			*server = GetForeignServer(place->server)->servername;
			return false;
		}
	}
	return true;
}

void
dcx_reach_check(Oid relation)
{
	char	*server;
	DcxProbe probe;

	if (!dcx_reach_answers(relation, &server, &probe))
		ereport(ERROR,
				errcode(DCX_ERRCODE_UNREACHABLE),
				errmsg("%s cannot be read", dcx_relation_name(relation)),
				errdetail("Server \"%s\": %s", server, dcx_reach_sentence(probe.error)),
				probe.cause.hint ? errhint("%s", probe.cause.hint) : 0);
}

const char *
dcx_reach_schema(Oid relation)
{
	return table_option(relation, "schema_name", get_namespace_name(get_rel_namespace(relation)));
}

Jsonb *
dcx_reach_rows(Oid relation)
{
	DcxParameters parameters = {0};
	DcxProbe	  probe;
	char		 *rows;

	dcx_parameter_int64(&parameters, relation);
	dcx_parameter_text(&parameters, dcx_reach_schema(relation));
	dcx_parameter_text(&parameters, table_option(relation, "table_name", get_rel_name(relation)));
	rows = dcx_query_text_of(
		InvalidOid,
		"SELECT format('SELECT (%s)::text FROM %I.%I t WHERE $1::text IS NULL',"
		"  coalesce(format('to_jsonb(t.*) - %L::text[]', array_agg(a.attname::text))"
		"    || string_agg(format(' || CASE WHEN to_jsonb(t.*) ? %2$L"
		" THEN jsonb_build_object(%1$L, to_jsonb(t.*) -> %2$L) ELSE ''{}'' END',"
		"      a.attname, o.option_value), ''), 'row_to_json(t.*)'), $2, $3)"
		"  FROM pg_attribute a, pg_options_to_table(a.attfdwoptions) o"
		" WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped"
		"   AND o.option_name = 'column_name'",
		&parameters);
	probe = dcx_encoding_ask(GetForeignTable(relation)->serverid,
							 dcx_relation_owner(relation),
							 rows,
							 NULL);
	if (probe.error)
		ereport(ERROR,
				errcode(DCX_ERRCODE_UNREACHABLE),
				errmsg("%s cannot be read", dcx_relation_name(relation)),
				errdetail("%s", dcx_reach_sentence(probe.error)),
				probe.cause.hint ? errhint("%s", probe.cause.hint) : 0);
	return dcx_json_parse(psprintf("[%s]", probe.answer ? probe.answer : ""));
}

char *
dcx_reach_table(Oid relation)
{
	return quote_qualified_identifier(dcx_reach_schema(relation),
									  table_option(relation, "table_name", get_rel_name(relation)));
}

char *
dcx_reach_select(Oid relation, const char *expression, const char *condition)
{
	DcxProbe probe = dcx_probe(GetForeignTable(relation)->serverid,
							   dcx_relation_owner(relation),
							   psprintf("SELECT (%s)::text FROM %s WHERE $1::text IS NULL AND %s",
										expression,
										dcx_reach_table(relation),
										condition),
							   NULL);

	/* An answer without a row is an empty text. */
	return probe.error || !probe.answer || !*probe.answer ? NULL : probe.answer;
}
