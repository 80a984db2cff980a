/*
 * attach.c
 *		Attaches a catalog: from a URL to foreign tables that pricing reads.
 *
 * All or nothing: any error fails the statement, and the transaction takes back what was made.
 * Everything runs as the caller, who owns what is made. What is attached stands in dcx.binding.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_server.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/base/binding.h"
#include "src/base/compat.h"
#include "src/base/extension.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/text.h"
#include "src/book/history.h"
#include "src/catalog/catalog.h"
#include "src/catalog/identity.h"
#include "src/catalog/priced.h"
#include "src/catalog/read.h"
#include "src/remote/around.h"
#include "src/remote/conninfo.h"
#include "src/remote/foreign.h"
#include "src/remote/reach.h"
#include "src/setup/import.h"
#include "src/setup/secrecy.h"
#include "src/setup/server.h"

/* One attach under way. */
typedef struct Attachment
{
	FunctionCallInfo  fcinfo;
	DcxCatalogId	  id;
	const DcxCatalog *catalog;
	const char		 *view;	  /* the relation that stands for its tables, or NULL */
	const char		 *schema; /* here */
	DcxServer		  server; /* these three: where it is imported from another server */
	DcxImport		  import;
	Jsonb			 *is;		/* what that server says of itself */
	List			 *made;		/* "server", "mapping", "schema" */
	Oid				  together; /* the last one of the relations that are read together */
	int64			  items;	/* how many rows the smallest of them has */
} Attachment;

/* Whether a part is to be attached: one of the tables, or the view that stands for them. */
static bool
is_wanted(const Attachment *attachment, const DcxCatalogPart *part)
{
	return part->view == (attachment->view != NULL);
}

/* Whether it is the part that every catalog has. What belongs to the catalog as a whole goes with it. */
static bool
is_first(const Attachment *attachment, const DcxCatalogPart *part)
{
	return part->view || part == attachment->catalog->parts;
}

/* What the relation of a part is called, here and there. */
static const char *
part_name(const Attachment *attachment, const DcxCatalogPart *part)
{
	return part->view ? attachment->view : part->name;
}

/* A catalog is attached by its tables or by a view, not by both: refuses the other way. */
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

/* Puts a row into the result: an attached relation. */
static void
put_attached(const Attachment *attachment, Oid relation, int64 rows, const char *note)
{
	ReturnSetInfo *result = (ReturnSetInfo *) attachment->fcinfo->resultinfo;
	Datum		   values[3];
	bool		   nulls[3] = {false};

	values[0] = CStringGetTextDatum(dcx_relation_name(relation));
	values[1] = Int64GetDatum(rows);
	values[2] = CStringGetTextDatum(note);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Adds to the note of the first table what there is to say of the remote as a whole. */
static void
append_remote_note(const Attachment *attachment, StringInfo note)
{
	int others = list_length(attachment->import.tables);

	for (int i = 0; i < attachment->catalog->nparts; i++)
	{
		const DcxCatalogPart *part = &attachment->catalog->parts[i];

		if (!is_wanted(attachment, part))
			continue;
		if (dcx_import_find(&attachment->import, part_name(attachment, part)))
			others--;
		else
			appendStringInfo(note, "; there is no table %s", part->name);
	}
	appendStringInfo(note,
					 "; database %s has %d other table%s",
					 attachment->import.database,
					 others,
					 others == 1 ? "" : "s");
	dcx_server_append_note(&attachment->server, note);
}

/*
 * What dcx.binding keeps of who was attached. A foreign table that is not the caller's is read as
 * another role than the one that we have asked as.
 */
static char *
seen_as_json(const Attachment *attachment, Oid relation)
{
	Oid owner = dcx_relation_owner(relation);

	if (attachment->is && owner == GetUserId())
		return dcx_identity_seen(attachment->is);
	if (!dcx_reach_is_remote(relation))
		return dcx_identity_seen(NULL);
	return dcx_identity_seen(
		dcx_identity_ask(GetForeignTable(relation)->serverid, owner, dcx_reach_schema(relation))
			.is);
}

/* Binds a relation after making sure that it can be read, and reports it. */
static void
bind_part(Attachment *attachment, const DcxCatalogPart *part, Oid relation, bool made,
		  const char *note)
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
					first ? seen_as_json(attachment, relation) : NULL);
	rows = dcx_catalog_count(attachment->id, relation);
	if (part->needed)
		attachment->items = first ? rows : Min(attachment->items, rows);
	put_attached(attachment, relation, rows, note);
}

/* Refuses a part that pricing needs and that the other database does not have. */
static void
refuse_database(const Attachment *attachment)
{
	List *expected = NIL;

	for (int i = 0; i < attachment->catalog->nparts; i++)
	{
		const DcxCatalogPart *part = &attachment->catalog->parts[i];

		if (is_wanted(attachment, part))
			expected = lappend(expected, unconstify(char *, part_name(attachment, part)));
	}
	dcx_import_refuse(&attachment->import, expected);
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
 * Asks the server which tables it has. CREATE FOREIGN TABLE checks that the caller may use the server,
 * but it comes later: so that is checked here, before we connect.
 */
static void
ask_server(Attachment *attachment)
{
	const DcxServer *server = &attachment->server;
	Oid				 oid = dcx_foreign_keep_server(server->name);
	DcxIdentity		 identity;

	if (!dcx_role_may_use_server(GetUserId(), oid))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, server->name);
	identity = dcx_identity_ask(oid, GetUserId(), server->remote_schema);
	if (identity.error)
		dcx_identity_refuse(&identity, attachment->id, oid, GetUserId());
	attachment->is = identity.is;
	attachment->import = (DcxImport){.catalog = attachment->catalog,
									 .server = server->name,
									 .database = identity.database,
									 .remote_schema = server->remote_schema,
									 .tables = identity.tables,
									 .schema = attachment->schema};
}

/* Makes the foreign table of a part, and binds it. */
static void
import_part(Attachment *attachment, const DcxCatalogPart *part)
{
	const DcxRemoteTable *remote =
		dcx_import_find(&attachment->import, part_name(attachment, part));
	StringInfoData note;
	Oid			   relation;
	bool		   made;

	if (!remote && part->needed)
		refuse_database(attachment);
	if (!remote)
	{
		dcx_binding_forget(attachment->catalog->name, part->name);
		return;
	}
	initStringInfo(&note);
	relation = dcx_import_table(&attachment->import, part, remote, &made, &note);
	if (is_first(attachment, part))
		append_remote_note(attachment, &note);
	bind_part(attachment, part, relation, made, note.data);
}

/* What a relation that can be adopted is called; NULL for one of another kind. */
static const char *
adoptable_kind(Oid relation)
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

/* Binds the relation that stands for a part in the schema already. */
static void
adopt_part(Attachment *attachment, const DcxCatalogPart *part)
{
	Oid			schema = get_namespace_oid(attachment->schema, true);
	const char *name = part_name(attachment, part);
	Oid			relation = OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
	const char *kind = OidIsValid(relation) ? adoptable_kind(relation) : NULL;

	if (kind)
		bind_part(attachment, part, relation, false, psprintf("adopted %s", kind));
	else if (part->needed)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("there is nothing to adopt: schema %s has no relation %s",
					   dcx_text_quoted(attachment->schema),
					   dcx_text_quoted(name)),
				errhint("Give a source: dcx_attach_%1$s('postgresql://user:password@host:port/"
						"database'), or the schema where it is: dcx_attach_%1$s(NULL, "
						"'schema').",
						attachment->catalog->name));
	else
		dcx_binding_forget(attachment->catalog->name, part->name);
}

/*
 * Saves the first book of what is attached now. An outage can come at once, and the newest book must
 * not be one of what was attached before.
 */
static void
save_book(const Attachment *attachment)
{
	DcxSaved saved;

	dcx_saved_make();
	if (attachment->items > 0)
		dcx_history_save(attachment->id, &saved, true);
}

/* The name of a schema or view, without blanks around it; one of a schema that exists as it is. */
static const char *
name_argument(FunctionCallInfo fcinfo, int number, const char *what)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(number));

	return OidIsValid(get_namespace_oid(name, true)) ? name : dcx_around_name(name, what);
}

/*
 * Attaches from a source: a connection string, or a server's name; NULL: what is in the schema. left_out: what
 * stood around the source.
 */
static void
attach_from(Attachment *attachment, const char *source, bool by_name, List *left_out)
{
	dcx_binding_prepare();
	if (source)
	{
		if (!by_name && dcx_conninfo_recognize(source))
		{
			dcx_foreign_need_fdw(dcx_extension_schema(attachment->fcinfo->flinfo->fn_oid));
			attachment->server = dcx_server_make(attachment->id, attachment->schema, source);
		}
		else
			attachment->server = dcx_server_take(source);
		attachment->server.left_out = left_out;
		attachment->made = list_copy(attachment->server.made);
		need_schema(attachment);
		ask_server(attachment);
	}
	for (int i = 0; i < attachment->catalog->nparts; i++)
	{
		const DcxCatalogPart *part = &attachment->catalog->parts[i];

		if (!is_wanted(attachment, part))
			check_unwanted(attachment, i);
		else if (source)
			import_part(attachment, part);
		else
			adopt_part(attachment, part);
	}
	save_book(attachment);
}

/* The arguments (source text, schema text), and perhaps (view text). */
static Datum
attach_catalog(FunctionCallInfo fcinfo, DcxCatalogId id)
{
	Attachment			  attachment = {.fcinfo = fcinfo, .id = id, .catalog = &dcx_catalogs[id]};
	ErrorContextCallback *callers = NULL;
	List				 *left_out = NIL;
	char				 *source = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	bool				  by_name = source && GetForeignServerByName(source, true);
	DcxRun				  run;

	/* A source that is no server's name may hold a password, even if it is no URL. */
	if (source && !by_name)
	{
		callers = dcx_secrecy_begin();
		source = dcx_around_source(source, &left_out);
	}

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(1))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("schema must not be NULL"));
	attachment.schema = name_argument(fcinfo, 1, "schema");
	if (PG_NARGS() > 2 && !PG_ARGISNULL(2))
		attachment.view = name_argument(fcinfo, 2, "view");

	dcx_run_begin(&run, InvalidOid);
	attach_from(&attachment, source, by_name, left_out);
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
	return attach_catalog(fcinfo, DCX_AAS);
}

/* dcx_attach_enetworks(source text, schema text, prices text) */
PG_FUNCTION_INFO_V1(dcx_attach_enetworks);
Datum
dcx_attach_enetworks(PG_FUNCTION_ARGS)
{
	return attach_catalog(fcinfo, DCX_ENETWORKS);
}
