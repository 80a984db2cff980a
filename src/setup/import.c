/*
 * import.c
 *		Makes foreign tables of the tables that another server has.
 *
 * A foreign table gets all columns of the remote table, in their order, and the types that are built
 * in. It is for reading: nothing of ours writes into a catalog.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "foreign/foreign.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/base/relation.h"
#include "src/base/text.h"
#include "src/setup/import.h"

/* So many names stand in an error or a note. */
#define MOST_TABLES	 20
#define MOST_COLUMNS 50

const DcxRemoteTable *
dcx_import_find(const DcxImport *import, const char *name)
{
	ListCell *lc;

	foreach(lc, import->tables)
	{
		const DcxRemoteTable *table = lfirst(lc);

		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

void
dcx_import_refuse(const DcxImport *import, List *expected)
{
	List	 *found = NIL;
	ListCell *lc;

	foreach(lc, import->tables)
		found = lappend(found, ((DcxRemoteTable *) lfirst(lc))->name);
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_TABLE),
			errmsg("database \"%s\" is not a %s", import->database, import->catalog->kind),
			errdetail("Expected in its schema \"%s\": %s. Found: %s.",
					  dcx_text_shown(import->remote_schema),
					  dcx_text_list_of(expected, DCX_CATALOG_MAX_PARTS),
					  dcx_text_list_of(found, MOST_TABLES)),
			errhint("Check the database in the URL, its schema= parameter, and that the tables "
					"are there."));
}

static bool
has_column(const DcxRemoteTable *remote, const char *name)
{
	ListCell *lc;

	foreach(lc, remote->columns)
		if (strcmp(((DcxRemoteColumn *) lfirst(lc))->name, name) == 0)
			return true;
	return false;
}

/* Refuses a remote table that lacks a column which pricing needs. */
static void
check_remote_columns(const DcxImport *import, const DcxCatalogPart *part,
					 const DcxRemoteTable *remote)
{
	List	 *found = NIL;
	ListCell *lc;

	foreach(lc, remote->columns)
		found = lappend(found, unconstify(char *, ((DcxRemoteColumn *) lfirst(lc))->name));
	for (int i = 0; i < part->ncolumns; i++)
	{
		const char *name = part->columns[i].name;

		if (part->columns[i].needed && !has_column(remote, name))
			ereport(ERROR,
					errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("table \"%s\" of database \"%s\" has no column \"%s\"",
						   remote->name,
						   import->database,
						   name),
					errdetail("Columns found: %s.", dcx_text_list_of(found, MOST_COLUMNS)),
					errhint("Pricing reads it by that name. A view with the names it expects can "
							"be attached in its place."));
	}
}

static void
make_table(const DcxImport *import, const DcxRemoteTable *remote, StringInfo note)
{
	dcx_foreign_create_table(import->schema,
							 remote->name,
							 import->server,
							 import->remote_schema,
							 remote->name,
							 remote->columns,
							 list_make2(dcx_option("updatable", "false"),
										dcx_option("truncatable", "false")));
	appendStringInfo(note, "foreign table on server %s", import->server);
}

/* Adds to an existing foreign table what it lacks of the remote one. */
static void
complete_table(const DcxImport *import, const DcxRemoteTable *remote, Oid relation, StringInfo note)
{
	List *added;

	if (get_rel_relkind(relation) != RELKIND_FOREIGN_TABLE ||
		GetForeignTable(relation)->serverid != dcx_foreign_server(import->server))
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_TABLE),
				errmsg("%s exists and is not a foreign table of server \"%s\"",
					   dcx_relation_name(relation),
					   import->server),
				errhint("dcx_attach_%s(NULL, '%s') adopts it as it is; another schema as the "
						"second argument leaves it alone.",
						import->catalog->name,
						import->schema));
	dcx_foreign_set_table(relation, import->remote_schema, remote->name);
	added = dcx_foreign_add_columns(relation, remote->columns);
	appendStringInfo(note, "already a foreign table on server %s", import->server);
	if (added != NIL)
		appendStringInfo(note, "; columns added: %s", dcx_text_list_of(added, MOST_TABLES));
}

Oid
dcx_import_table(const DcxImport *import, const DcxCatalogPart *part, const DcxRemoteTable *remote,
				 bool *made, StringInfo note)
{
	Oid		  schema = get_namespace_oid(import->schema, false);
	Oid		  relation = get_relname_relid(remote->name, schema);
	ListCell *lc;

	check_remote_columns(import, part, remote);
	*made = !OidIsValid(relation);
	if (*made)
		make_table(import, remote, note);
	else
		complete_table(import, remote, relation, note);

	foreach(lc, remote->columns)
	{
		const DcxRemoteColumn *column = lfirst(lc);

		if (column->foreign)
			appendStringInfo(note,
							 "; column %s is text here (type %s there)",
							 quote_identifier(column->name),
							 quote_identifier(column->foreign));
	}
	return get_relname_relid(remote->name, schema);
}
