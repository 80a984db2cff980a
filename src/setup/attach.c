/*
 * attach.c
 *		Attaches a catalog: from a URL to foreign tables that pricing reads, and back.
 *
 * All or nothing: whatever fails fails the statement, and the transaction takes back what was
 * made. Everything runs as the caller, who owns what is made.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/base/binding.h"
#include "src/base/errcodes.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/book/history.h"
#include "src/catalog/catalog.h"
#include "src/check/facts.h"
#include "src/remote/conninfo.h"
#include "src/remote/foreign.h"
#include "src/remote/place.h"
#include "src/setup/secrecy.h"
#include "src/wallet/attach_wallet.h"

/* A server made by attach is called this and the name of the schema. */
#define SERVER_PREFIX "dcx_"

/* The remote schema, where the URL names none. */
#define REMOTE_SCHEMA "public"

/* One attach under way. */
typedef struct Attachment
{
	FunctionCallInfo  fcinfo;
	DcxCatalogId	  id;
	const DcxCatalog *catalog;
	const char		 *view;			 /* what stands for its tables, or NULL */
	const char		 *schema;		 /* here */
	const char		 *server;		 /* NULL: adopt what is in the schema */
	const char		 *remote_schema; /* there */
	const char		 *database;		 /* there */
	List			 *tables;		 /* there: DcxRemoteTable */
	List			 *ignored;		 /* parameters of the URL that nobody took */
	DcxOptionReport	  options;		 /* what became of those of server and mapping */
	const char		 *capped;		 /* the URL's connect_timeout, where that is too long */
	List			 *made;			 /* "server", "mapping", "schema" */
	Oid				  together;		 /* the last one of what is read together */
	int64			  items;		 /* how many rows the smallest of that has */
} Attachment;

/* The schema in which the function that runs is, and the extension with it. */
static char *
own_schema(FunctionCallInfo fcinfo)
{
	return get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
}

/* What a server is given where the URL says nothing of it: a dead remote costs seconds. */
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
	/* Else a host that stops at our COMMIT is waited for again, for the second catalog there. */
	tuning = lappend(tuning, dcx_option("parallel_commit", "true"));
	/* pgbouncer refuses a connection that brings options. */
	if (!pgbouncer)
		tuning = lappend(tuning,
						 dcx_option("options",
									"-c statement_timeout=5s"
									" -c idle_session_timeout=10min"));
	return tuning;
}

/* A connect_timeout of the URL's that is 0, which is without end, or too long becomes the longest one. */
static void
cap_connect_timeout(Attachment *attachment, List *options)
{
	ListCell *lc;

	foreach(lc, options)
	{
		DefElem *option = lfirst(lc);
		char	*end;
		long	 seconds;

		if (strcmp(option->defname, "connect_timeout") != 0)
			continue;
		seconds = strtol(defGetString(option), &end, 10);
		if (*end == '\0' && (seconds <= 0 || seconds > DCX_PLACE_MOST_TIMEOUT))
		{
			attachment->capped = defGetString(option);
			option->arg = (Node *) makeString(CppAsString2(DCX_PLACE_MOST_TIMEOUT));
		}
	}
}

static void
need_schema(Attachment *attachment)
{
	CreateSchemaStmt *statement;

	if (OidIsValid(get_namespace_oid(attachment->schema, true)))
		return;

	statement = makeNode(CreateSchemaStmt);
	statement->schemaname = pstrdup(attachment->schema);
	dcx_query_utility((Node *) statement);
	attachment->made = lappend(attachment->made, "schema");
}

/*
 * The server is called after the schema, where another catalog may be, too: refuses to lead that one's
 * tables to another database.
 */
static void
check_no_others(const Attachment *attachment, const DcxConninfo *conninfo)
{
	Oid server = dcx_foreign_server(attachment->server);

	if (!OidIsValid(server) ||
		!dcx_foreign_leads_elsewhere(server, conninfo->server_options, conninfo->user_options))
		return;
	for (int id = 0; id < DCX_CATALOGS; id++)
		for (int part = 0; id != (int) attachment->id && part < dcx_catalogs[id].nparts; part++)
		{
			const DcxBinding *binding = dcx_catalog_binding(id, part);

			if (binding->attached && get_rel_relkind(binding->relation) == RELKIND_FOREIGN_TABLE &&
				GetForeignTable(binding->relation)->serverid == server)
				ereport(ERROR,
						errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("server \"%s\" leads to %s",
							   attachment->server,
							   dcx_catalogs[id].title),
						errdetail("%s is attached through it, and would be looked for in the "
								  "other database.",
								  dcx_relation_name(binding->relation)),
						errhint("Attach %s in a schema of its own, the second argument.",
								attachment->catalog->title));
		}
}

/* Server and user mapping from a connection string. */
static void
use_conninfo(Attachment *attachment, const char *source)
{
	DcxConninfo conninfo = dcx_conninfo_parse(source);

	if (strlen(attachment->schema) + strlen(SERVER_PREFIX) >= NAMEDATALEN)
		ereport(ERROR,
				errcode(ERRCODE_NAME_TOO_LONG),
				errmsg("the name of schema \"%s\" is too long", attachment->schema),
				errdetail("The server is called %s and the schema's name.", SERVER_PREFIX));
	attachment->server = psprintf("%s%s", SERVER_PREFIX, attachment->schema);
	attachment->remote_schema = conninfo.schema ? conninfo.schema : REMOTE_SCHEMA;
	attachment->ignored = conninfo.ignored;
	check_no_others(attachment, &conninfo);
	cap_connect_timeout(attachment, conninfo.server_options);

	dcx_foreign_sort_options(attachment->server, &conninfo.server_options, &conninfo.user_options);
	if (dcx_foreign_set_server(attachment->server,
							   conninfo.server_options,
							   server_tuning(conninfo.pgbouncer),
							   conninfo.pgbouncer ? "options" : NULL,
							   &attachment->options))
		attachment->made = lappend(attachment->made, "server");
	if (dcx_foreign_set_mapping(attachment->server, conninfo.user_options, &attachment->options))
		attachment->made = lappend(attachment->made, "mapping");
}

/* A server that exists, which is left as it is. */
static void
use_server(Attachment *attachment, const char *server)
{
	Oid oid = dcx_foreign_server(server);

	if (!OidIsValid(oid))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("there is no server \"%s\"", server),
				errhint("The source is a URL (postgresql://user:password@host:port/database), "
						"key=value pairs, or the name of a server that exists; NULL adopts what "
						"is in the schema."));
	if (!dcx_place_has_mapping(oid, GetUserId()))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("role \"%s\" has no user mapping for server \"%s\"",
					   GetUserNameFromId(GetUserId(), false),
					   server),
				errhint("CREATE USER MAPPING FOR %s SERVER %s OPTIONS (user '...', "
						"password '...').",
						quote_identifier(GetUserNameFromId(GetUserId(), false)),
						quote_identifier(server)));
	attachment->server = server;
	attachment->remote_schema = REMOTE_SCHEMA;
}

/* Whether a part is to be attached: one of the tables, or what stands for them. */
static bool
is_wanted(const Attachment *attachment, const DcxCatalogPart *part)
{
	return part->view == (attachment->view != NULL);
}

/* The part that is always there: what holds all of them together goes with it. */
static bool
is_first(const Attachment *attachment, const DcxCatalogPart *part)
{
	return part->view || part == attachment->catalog->parts;
}

/* What the relation of a part is called, here and there. */
static const char *
name_of(const Attachment *attachment, const DcxCatalogPart *part)
{
	return part->view ? attachment->view : part->name;
}

/* A catalog is attached by its tables or by a view: what is made for the one is in the other's way. */
static void
check_unwanted(const Attachment *attachment, int part)
{
	const DcxBinding *binding = dcx_catalog_binding(attachment->id, part);

	if (binding->attached)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("%s is attached by %s",
					   attachment->catalog->title,
					   attachment->view ? "its tables" : "a relation of prices"),
				errdetail("%s stands for its part \"%s\".",
						  dcx_relation_name(binding->relation),
						  binding->part),
				errhint("SELECT * FROM dcx_detach('%s') first.", attachment->catalog->name));
}

static const DcxRemoteTable *
find_remote_table(const Attachment *attachment, const char *name)
{
	ListCell *lc;

	foreach(lc, attachment->tables)
	{
		const DcxRemoteTable *table = lfirst(lc);

		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

static char *
join_names(List *names, int most)
{
	StringInfoData joined;
	ListCell	  *lc;

	initStringInfo(&joined);
	foreach(lc, names)
	{
		if (foreach_current_index(lc) == most)
		{
			appendStringInfo(&joined, " and %d more", list_length(names) - most);
			break;
		}
		appendStringInfo(&joined, "%s%s", joined.len ? ", " : "", (char *) lfirst(lc));
	}
	return joined.len ? joined.data : "none";
}

static void
wrong_database(const Attachment *attachment)
{
	List	 *expected = NIL;
	List	 *found = NIL;
	ListCell *lc;

	for (int i = 0; i < attachment->catalog->nparts; i++)
	{
		const DcxCatalogPart *part = &attachment->catalog->parts[i];

		if (is_wanted(attachment, part))
			expected = lappend(expected, pstrdup(name_of(attachment, part)));
	}
	foreach(lc, attachment->tables)
		found = lappend(found, ((DcxRemoteTable *) lfirst(lc))->name);

	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_TABLE),
			errmsg("database \"%s\" is not a %s", attachment->database, attachment->catalog->kind),
			errdetail("Expected in its schema \"%s\": %s. Found: %s.",
					  attachment->remote_schema,
					  join_names(expected, DCX_CATALOG_MAX_PARTS),
					  join_names(found, 20)),
			errhint("Check the database in the URL, its schema= parameter, and that the tables "
					"are there."));
}

/* Refuses a remote table that lacks a column which pricing needs. */
static void
check_remote_columns(const Attachment *attachment, const DcxCatalogPart *part,
					 const DcxRemoteTable *remote)
{
	List	 *found = NIL;
	ListCell *lc;

	foreach(lc, remote->columns)
		found = lappend(found, unconstify(char *, ((DcxRemoteColumn *) lfirst(lc))->name));

	for (int i = 0; i < part->ncolumns; i++)
	{
		const char *needed = part->columns[i].name;
		bool		there = !part->columns[i].needed;

		foreach(lc, found)
			there = there || strcmp(lfirst(lc), needed) == 0;
		if (!there)
			ereport(ERROR,
					errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("table \"%s\" of database \"%s\" has no column \"%s\"",
						   remote->name,
						   attachment->database,
						   needed),
					errdetail("Columns found: %s.", join_names(found, 50)),
					errhint("Pricing reads it by that name. A view with the names it expects can "
							"be attached in its place."));
	}
}

static void
put_row(const Attachment *attachment, Oid relation, int64 rows, const char *note)
{
	ReturnSetInfo *result = (ReturnSetInfo *) attachment->fcinfo->resultinfo;
	Datum		   values[3];
	bool		   nulls[3] = {false};

	values[0] = CStringGetTextDatum(dcx_relation_name(relation));
	values[1] = Int64GetDatum(rows);
	values[2] = CStringGetTextDatum(note);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Makes or completes the foreign table of a remote one; returns what there is to say of it. */
static char *
import_table(const Attachment *attachment, const DcxRemoteTable *remote, bool *made)
{
	Oid			   schema = get_namespace_oid(attachment->schema, false);
	Oid			   relation = get_relname_relid(remote->name, schema);
	StringInfoData note;
	ListCell	  *lc;

	initStringInfo(&note);
	*made = !OidIsValid(relation);
	if (*made)
	{
		dcx_foreign_create_table(attachment->schema,
								 remote->name,
								 attachment->server,
								 attachment->remote_schema,
								 remote->name,
								 remote->columns,
								 list_make2(dcx_option("updatable", "false"),
											dcx_option("truncatable", "false")));
		appendStringInfo(&note, "foreign table on server %s", attachment->server);
	}
	else
	{
		List *added;

		if (get_rel_relkind(relation) != RELKIND_FOREIGN_TABLE ||
			GetForeignTable(relation)->serverid != dcx_foreign_server(attachment->server))
			ereport(ERROR,
					errcode(ERRCODE_DUPLICATE_TABLE),
					errmsg("%s exists and is not a foreign table of server \"%s\"",
						   dcx_relation_name(relation),
						   attachment->server),
					errhint("dcx_attach_%s(NULL, '%s') adopts it as it is; another schema as the "
							"second argument leaves it alone.",
							attachment->catalog->name,
							attachment->schema));
		dcx_foreign_set_table(relation, attachment->remote_schema, remote->name);
		added = dcx_foreign_add_columns(relation, remote->columns);
		appendStringInfo(&note, "already a foreign table on server %s", attachment->server);
		if (added != NIL)
			appendStringInfo(&note, "; columns added: %s", join_names(added, 20));
	}

	foreach(lc, remote->columns)
	{
		const DcxRemoteColumn *column = lfirst(lc);

		if (column->foreign)
			appendStringInfo(&note,
							 "; column %s is text here (type %s there)",
							 quote_identifier(column->name),
							 quote_identifier(column->foreign));
	}
	return note.data;
}

/* What attaching has changed of how the server is reached, and what it has not. */
static void
append_options_note(const DcxOptionReport *options, StringInfo note)
{
	if (options->changed != NIL)
		appendStringInfo(note, "; options changed: %s", join_names(options->changed, 50));
	if (options->dropped != NIL)
		appendStringInfo(note, "; options dropped: %s", join_names(options->dropped, 50));
	if (options->kept != NIL)
		appendStringInfo(note,
						 "; %s (weakening takes ALTER SERVER)",
						 join_names(options->kept, 50));
}

/* What goes into the note of the first table: how the remote is otherwise. */
static void
append_remote_note(const Attachment *attachment, StringInfo note)
{
	int others = list_length(attachment->tables);

	for (int i = 0; i < attachment->catalog->nparts; i++)
	{
		const DcxCatalogPart *part = &attachment->catalog->parts[i];

		if (!is_wanted(attachment, part))
			continue;
		if (find_remote_table(attachment, name_of(attachment, part)))
			others--;
		else
			appendStringInfo(note, "; there is no table %s", part->name);
	}
	appendStringInfo(note,
					 "; database %s has %d other table%s",
					 attachment->database,
					 others,
					 others == 1 ? "" : "s");
	append_options_note(&attachment->options, note);
	if (attachment->ignored != NIL)
		appendStringInfo(note, "; ignored in the URL: %s", join_names(attachment->ignored, 20));
	if (attachment->capped)
		appendStringInfo(note,
						 "; connect_timeout %s of the URL is %d here",
						 attachment->capped,
						 DCX_PLACE_MOST_TIMEOUT);
}

/* Binds a relation after seeing that it can be read, and reports it. */
static void
bind(Attachment *attachment, const DcxCatalogPart *part, Oid relation, bool made, const char *note)
{
	bool  first = is_first(attachment, part);
	List *what = made ? list_make1("relation") : NIL;
	int64 rows;

	if (first)
		what = list_concat(what, attachment->made);

	dcx_relation_check_owner(relation);
	if (part->needed && OidIsValid(attachment->together))
		dcx_catalog_check_one_owner(attachment->id, relation, attachment->together);
	if (part->needed)
		attachment->together = relation;
	dcx_catalog_check_columns(part, relation);
	dcx_binding_put(attachment->catalog->name,
					part->name,
					relation,
					NIL,
					what,
					first ? dcx_facts_identity(attachment->id, relation) : NULL);
	rows = dcx_catalog_count(attachment->id, relation);
	if (part->needed)
		attachment->items = first ? rows : Min(attachment->items, rows);
	put_row(attachment, relation, rows, note);
}

/* Makes foreign tables of what the server has and binds them. */
static void
attach_server(Attachment *attachment)
{
	need_schema(attachment);
	attachment->tables = dcx_foreign_remote_tables(dcx_catalog_remote(attachment->id),
												   attachment->server,
												   attachment->schema,
												   attachment->remote_schema,
												   unconstify(char **, &attachment->database));
	for (int i = 0; i < attachment->catalog->nparts; i++)
	{
		const DcxCatalogPart *part = &attachment->catalog->parts[i];
		const char			 *name = name_of(attachment, part);
		const DcxRemoteTable *remote;
		StringInfoData		  note;
		bool				  made;

		if (!is_wanted(attachment, part))
		{
			check_unwanted(attachment, i);
			continue;
		}
		remote = find_remote_table(attachment, name);
		if (!remote && part->needed)
			wrong_database(attachment);
		if (!remote)
		{
			dcx_binding_forget(attachment->catalog->name, part->name);
			continue;
		}
		check_remote_columns(attachment, part, remote);

		initStringInfo(&note);
		appendStringInfoString(&note, import_table(attachment, remote, &made));
		if (is_first(attachment, part))
			append_remote_note(attachment, &note);
		bind(attachment,
			 part,
			 get_relname_relid(name, get_namespace_oid(attachment->schema, false)),
			 made,
			 note.data);
	}
}

static const char *
kind_of(Oid relation)
{
	switch (get_rel_relkind(relation))
	{
		case RELKIND_RELATION:
			return "table";
		case RELKIND_PARTITIONED_TABLE:
			return "partitioned table";
		case RELKIND_VIEW:
			return "view";
		case RELKIND_MATVIEW:
			return "materialized view";
		case RELKIND_FOREIGN_TABLE:
			return "foreign table";
		default:
			return NULL;
	}
}

/* Binds what is in the schema already. */
static void
adopt_schema(Attachment *attachment)
{
	Oid schema = get_namespace_oid(attachment->schema, true);

	for (int i = 0; i < attachment->catalog->nparts; i++)
	{
		const DcxCatalogPart *part = &attachment->catalog->parts[i];
		const char			 *name = name_of(attachment, part);
		Oid					  relation = InvalidOid;

		if (!is_wanted(attachment, part))
		{
			check_unwanted(attachment, i);
			continue;
		}
		if (OidIsValid(schema))
			relation = get_relname_relid(name, schema);
		if (OidIsValid(relation) && kind_of(relation))
			bind(attachment, part, relation, false, psprintf("adopted %s", kind_of(relation)));
		else if (part->needed)
			ereport(ERROR,
					errcode(ERRCODE_UNDEFINED_TABLE),
					errmsg("there is nothing to adopt: schema \"%s\" has no relation \"%s\"",
						   attachment->schema,
						   name),
					errhint("Give a source: dcx_attach_%1$s('postgresql://user:password@host:port/"
							"database'), or the schema where it is: dcx_attach_%1$s(NULL, "
							"'schema').",
							attachment->catalog->name));
		else
			dcx_binding_forget(attachment->catalog->name, part->name);
	}
}

/*
 * Saves the first book of what is attached now, so that there is one when it cannot be reached, and
 * the one of what was attached before is not the newest any more.
 */
static void
save_book(const Attachment *attachment)
{
	DcxSaved saved;

	dcx_saved_make();
	if (attachment->items > 0)
		dcx_history_save(attachment->id, &saved, true);
}

/* The arguments (source text, schema text), and perhaps (view text). */
static Datum
attach(FunctionCallInfo fcinfo, DcxCatalogId id)
{
	Attachment			  attachment = {.fcinfo = fcinfo, .id = id, .catalog = &dcx_catalogs[id]};
	ErrorContextCallback *callers = NULL;
	char				 *source = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool				  by_name = source && GetForeignServerByName(source, true);
	DcxRun				  run;

	/* What is no server's name may hold a password, also where it is no URL. */
	if (source && !by_name)
		callers = dcx_secrecy_begin();

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(1))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("schema must not be NULL"));
	attachment.schema = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (PG_NARGS() > 2 && !PG_ARGISNULL(2))
		attachment.view = text_to_cstring(PG_GETARG_TEXT_PP(2));

	dcx_run_begin(&run, InvalidOid);
	dcx_binding_prepare();
	if (!source)
		adopt_schema(&attachment);
	else
	{
		if (!by_name && dcx_conninfo_recognize(source))
		{
			dcx_foreign_need_fdw(own_schema(fcinfo));
			use_conninfo(&attachment, source);
		}
		else
			use_server(&attachment, source);
		attach_server(&attachment);
	}
	save_book(&attachment);
	dcx_run_end(&run);

	if (source && !by_name)
		dcx_secrecy_end(callers);
	return (Datum) 0;
}

/* dcx_attach_aas(source text, schema text) */
PG_FUNCTION_INFO_V1(dcx_attach_aas);
Datum
dcx_attach_aas(PG_FUNCTION_ARGS)
{
	return attach(fcinfo, DCX_AAS);
}

/* dcx_attach_enetworks(source text, schema text, prices text) */
PG_FUNCTION_INFO_V1(dcx_attach_enetworks);
Datum
dcx_attach_enetworks(PG_FUNCTION_ARGS)
{
	return attach(fcinfo, DCX_ENETWORKS);
}

static void
put_object(FunctionCallInfo fcinfo, const char *object)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[1];
	bool		   nulls[1] = {false};

	values[0] = CStringGetTextDatum(object);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static bool
was_made(const DcxBound *bound, const char *what)
{
	ListCell *lc;

	foreach(lc, bound->made)
		if (strcmp(lfirst(lc), what) == 0)
			return true;
	return false;
}

/* Whether anything uses the server besides the mapping of its owner. */
static bool
server_is_used(Oid server, Oid owner)
{
	static const Oid types[] = {OIDOID, OIDOID};
	Datum			 values[2];

	values[0] = ObjectIdGetDatum(server);
	values[1] = ObjectIdGetDatum(owner);
	return dcx_query_execute("SELECT FROM pg_foreign_table WHERE ftserver = $1"
							 " UNION ALL"
							 " SELECT FROM pg_user_mappings WHERE srvid = $1 AND umuser <> $2",
							 2,
							 types,
							 values,
							 NULL) > 0;
}

static bool
schema_is_used(Oid schema)
{
	static const Oid types[] = {OIDOID};
	Datum			 values[1];

	values[0] = ObjectIdGetDatum(schema);
	return dcx_query_execute("SELECT FROM pg_depend"
							 " WHERE refclassid = 'pg_namespace'::regclass AND refobjid = $1",
							 1,
							 types,
							 values,
							 NULL) > 0;
}

/* Drops what attach made for the catalog as a whole, as far as nothing else uses it. */
static void
drop_surroundings(FunctionCallInfo fcinfo, const DcxBound *bound, Oid owner, Oid server, Oid schema)
{
	if (was_made(bound, "server") && OidIsValid(server))
	{
		char *name = GetForeignServer(server)->servername;

		if (server_is_used(server, owner))
			put_object(fcinfo,
					   psprintf("server %s is kept: other objects use it", quote_identifier(name)));
		else
		{
			if (was_made(bound, "mapping"))
			{
				dcx_foreign_drop_mapping(name, owner);
				put_object(fcinfo,
						   psprintf("user mapping for %s on server %s",
									quote_identifier(GetUserNameFromId(owner, false)),
									quote_identifier(name)));
			}
			dcx_foreign_drop(OBJECT_FOREIGN_SERVER, list_make1(makeString(name)));
			put_object(fcinfo, psprintf("server %s", quote_identifier(name)));
		}
	}
	if (was_made(bound, "schema") && !schema_is_used(schema))
	{
		char *name = get_namespace_name(schema);

		dcx_foreign_drop(OBJECT_SCHEMA, list_make1(makeString(name)));
		put_object(fcinfo, psprintf("schema %s", quote_identifier(name)));
	}
}

/* Undoes one binding: a relation that attach made is dropped, any other is let go. */
static void
undo(FunctionCallInfo fcinfo, const DcxBound *bound)
{
	Oid		  owner = dcx_relation_owner(bound->relation);
	Oid		  schema = get_rel_namespace(bound->relation);
	Oid		  server = InvalidOid;
	char	 *name = dcx_relation_name(bound->relation);
	ListCell *lc;

	if (!OidIsValid(owner))
	{
		put_object(fcinfo, psprintf("binding of %s", name));
		return;
	}
	if (get_rel_relkind(bound->relation) == RELKIND_FOREIGN_TABLE)
		server = GetForeignTable(bound->relation)->serverid;

	if (was_made(bound, "relation"))
	{
		dcx_foreign_drop(OBJECT_FOREIGN_TABLE,
						 list_make2(makeString(get_namespace_name(schema)),
									makeString(get_rel_name(bound->relation))));
		put_object(fcinfo, psprintf("foreign table %s", name));
	}
	else
		put_object(fcinfo, psprintf("binding of %s", name));

	foreach(lc, dcx_attach_wallet_drop_triggers(bound->relation, fcinfo->flinfo->fn_oid))
		put_object(fcinfo, psprintf("trigger %s", (char *) lfirst(lc)));
	drop_surroundings(fcinfo, bound, owner, server, schema);
}

/* dcx_detach(what text) */
PG_FUNCTION_INFO_V1(dcx_detach);
Datum
dcx_detach(PG_FUNCTION_ARGS)
{
	char	 *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
	List	 *removed;
	ListCell *lc;
	DcxRun	  run;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	dcx_run_begin(&run, InvalidOid);
	removed = dcx_binding_remove(what);
	if (removed == NIL)
		ereport(ERROR,
				errcode(DCX_ERRCODE_NOT_ATTACHED),
				errmsg("nothing is attached as \"%s\"", what),
				errhint("What is attached stands in dcx.binding, column catalog: 'aas', "
						"'enetworks' or 'wallet'."));
	foreach(lc, removed)
		undo(fcinfo, lfirst(lc));
	dcx_run_end(&run);
	return (Datum) 0;
}
