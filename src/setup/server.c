/*
 * server.c
 *		The server that a catalog is attached through, and the caller's user mapping for it.
 *
 * From a URL they are made, or altered by the rule in options.h. A server that is named instead is left
 * as it is. Both are made from parse trees: no statement's text holds a password.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/base/relation.h"
#include "src/base/text.h"
#include "src/remote/around.h"
#include "src/remote/conninfo.h"
#include "src/remote/foreign.h"
#include "src/remote/place.h"
#include "src/setup/server.h"

/* A server made by attach is called this and the name of the schema. */
#define SERVER_PREFIX "dcx_"

/* So many options stand in a note. */
#define MOST_OPTIONS 50

/* The remote schema, where the URL names none. */
#define REMOTE_SCHEMA "public"

/* What a server is given where the URL does not say it. With these a dead remote costs seconds. */
static List *
server_tuning(bool pgbouncer)
{
	List *tuning = NIL;

	tuning = lappend(tuning, dcx_option("connect_timeout", "3"));
	tuning = lappend(tuning, dcx_option("tcp_user_timeout", "5000"));
	tuning = lappend(tuning, dcx_option("keepalives", "1"));
	tuning = lappend(tuning, dcx_option("keepalives_idle", "5"));
	tuning = lappend(tuning, dcx_option("keepalives_interval", "2"));
	tuning = lappend(tuning, dcx_option("keepalives_count", "3"));
	tuning = lappend(tuning, dcx_option("application_name", "dcx_pricing"));
	tuning = lappend(tuning, dcx_option("fetch_size", "10000"));
	/* Without it, a host that stops at our COMMIT is waited for once for each catalog there. */
	tuning = lappend(tuning, dcx_option("parallel_commit", "true"));
	/* pgbouncer refuses a connection that brings options. */
	if (!pgbouncer)
		tuning = lappend(tuning,
						 dcx_option("options",
									"-c statement_timeout=5s"
									" -c idle_session_timeout=10min"));
	return tuning;
}

/* Replaces a connect_timeout of the URL that is 0 (no limit) or too long by the longest one allowed. */
static void
cap_connect_timeout(DcxServer *server, List *options)
{
	DefElem *option = dcx_option_find(options, "connect_timeout");
	char	*end;
	long	 seconds;

	if (!option)
		return;
	seconds = strtol(defGetString(option), &end, 10);
	if (*end == '\0' && (seconds <= 0 || seconds > DCX_PLACE_MOST_TIMEOUT))
	{
		server->capped = defGetString(option);
		option->arg = (Node *) makeString(CppAsString2(DCX_PLACE_MOST_TIMEOUT));
	}
}

/*
 * The server is named after the schema, and another catalog can be in the same schema. Refuses a URL
 * that would send that catalog's tables to another database.
 */
static void
check_no_others(DcxCatalogId catalog, const char *name, const DcxConninfo *conninfo)
{
	Oid server = dcx_foreign_server(name);

	if (!OidIsValid(server) ||
		!dcx_foreign_leads_elsewhere(server, conninfo->server_options, conninfo->user_options))
		return;
	for (int id = 0; id < DCX_CATALOGS; id++)
		for (int part = 0; id != (int) catalog && part < dcx_catalogs[id].nparts; part++)
		{
			const DcxBinding *binding = dcx_catalog_binding(id, part);

			if (binding->attached && get_rel_relkind(binding->relation) == RELKIND_FOREIGN_TABLE &&
				GetForeignTable(binding->relation)->serverid == server)
				ereport(ERROR,
						errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("server \"%s\" leads to %s", name, dcx_catalogs[id].title),
						errdetail("%s is attached through it, and would be looked for in the "
								  "other database.",
								  dcx_relation_name(binding->relation)),
						errhint("Attach %s in a schema of its own, the second argument.",
								dcx_catalogs[catalog].title));
		}
}

DcxServer
dcx_server_make(DcxCatalogId id, const char *schema, const char *source)
{
	DcxConninfo conninfo = dcx_conninfo_parse(source);
	DcxServer	server = {.ignored = conninfo.ignored,
						  .understood = conninfo.understood,
						  .remote_schema = conninfo.schema ? conninfo.schema : REMOTE_SCHEMA};

	if (strlen(schema) + strlen(SERVER_PREFIX) >= NAMEDATALEN)
		ereport(ERROR,
				errcode(ERRCODE_NAME_TOO_LONG),
				errmsg("the name of schema \"%s\" is too long", dcx_text_shown(schema)),
				errdetail("The server is called %s and the schema's name.", SERVER_PREFIX));
	server.name = psprintf("%s%s", SERVER_PREFIX, schema);
	check_no_others(id, server.name, &conninfo);
	cap_connect_timeout(&server, conninfo.server_options);

	dcx_foreign_sort_options(server.name, &conninfo.server_options, &conninfo.user_options);
	if (dcx_foreign_set_server(server.name,
							   conninfo.server_options,
							   server_tuning(conninfo.pgbouncer),
							   conninfo.pgbouncer ? "options" : NULL,
							   &server.options))
		server.made = lappend(server.made, "server");
	if (dcx_foreign_set_mapping(server.name, conninfo.user_options, &server.options))
		server.made = lappend(server.made, "mapping");
	return server;
}

DcxServer
dcx_server_take(const char *name)
{
	DcxServer server = {.name = name, .remote_schema = REMOTE_SCHEMA};
	Oid		  oid = dcx_foreign_server(name);

	if (!OidIsValid(oid))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("there is no server %s", dcx_text_quoted(dcx_around_name(name, "server"))),
				errhint("The source is a URL (postgresql://user:password@host:port/database), "
						"key=value pairs, or the name of a server that exists; NULL adopts what "
						"is in the schema."));
	if (!dcx_place_has_mapping(oid, GetUserId()))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("role \"%s\" has no user mapping for server \"%s\"",
					   GetUserNameFromId(GetUserId(), false),
					   name),
				errhint("CREATE USER MAPPING FOR %s SERVER %s OPTIONS (user '...', "
						"password '...').",
						quote_identifier(GetUserNameFromId(GetUserId(), false)),
						quote_identifier(name)));
	return server;
}

/* What has changed of the options, and what has not. */
static void
append_options(const DcxOptionReport *options, StringInfo note)
{
	if (options->changed != NIL)
		appendStringInfo(note,
						 "; options changed: %s",
						 dcx_text_list_of(options->changed, MOST_OPTIONS));
	if (options->dropped != NIL)
		appendStringInfo(note,
						 "; options dropped: %s",
						 dcx_text_list_of(options->dropped, MOST_OPTIONS));
	if (options->kept != NIL)
		appendStringInfo(note,
						 "; %s (weakening takes ALTER SERVER)",
						 dcx_text_list_of(options->kept, MOST_OPTIONS));
}

void
dcx_server_append_note(const DcxServer *server, StringInfo note)
{
	append_options(&server->options, note);
	if (server->left_out != NIL)
		appendStringInfo(note,
						 "; left out around the source: %s",
						 dcx_text_list_of(server->left_out, MOST_OPTIONS));
	if (server->understood != NIL)
		appendStringInfo(note, "; %s", dcx_text_list_of(server->understood, MOST_OPTIONS));
	if (server->ignored != NIL)
		appendStringInfo(note,
						 "; ignored in the URL: %s",
						 dcx_text_list_of(server->ignored, MOST_OPTIONS));
	if (server->capped)
		appendStringInfo(note,
						 "; connect_timeout %s of the URL is %d here",
						 server->capped,
						 DCX_PLACE_MOST_TIMEOUT);
}
