/*
 * foreign.c
 *		Makes and alters postgres_fdw's objects: server, user mapping, foreign tables.
 *
 * Everything that is there already is altered, not dropped and made anew: other objects may depend on it.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/base/query.h"
#include "src/remote/foreign.h"
#include "src/remote/options.h"
#include "src/remote/place.h"

#define FDW_NAME "postgres_fdw"

void
dcx_foreign_need_fdw(const char *schema)
{
	CreateExtensionStmt *statement;

	if (OidIsValid(get_foreign_data_wrapper_oid(FDW_NAME, true)))
		return;

	statement = makeNode(CreateExtensionStmt);
	statement->extname = FDW_NAME;
	statement->options = list_make1(dcx_option("schema", schema));
	dcx_query_utility((Node *) statement);
}

Oid
dcx_foreign_server(const char *server)
{
	ForeignServer *found = GetForeignServerByName(server, true);

	if (!found)
		return InvalidOid;
	if (found->fdwid != get_foreign_data_wrapper_oid(FDW_NAME, true))
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("server \"%s\" is not a server of %s", server, FDW_NAME),
				errhint("Name a server made with FOREIGN DATA WRAPPER %s.", FDW_NAME));
	return found->serverid;
}

Oid
dcx_foreign_keep_server(const char *server)
{
	Oid oid = dcx_foreign_server(server);

	/* While we wait for the lock, it can be dropped, and another one made. */
	while (OidIsValid(oid))
	{
		Oid locked = oid;

		LockDatabaseObject(ForeignServerRelationId, locked, 0, AccessShareLock);
		oid = dcx_foreign_server(server);
		if (oid == locked)
			return oid;
		UnlockDatabaseObject(ForeignServerRelationId, locked, 0, AccessShareLock);
	}
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("server \"%s\" has been dropped", server),
			errhint("Attach again."));
}

/*
 * Refuses if this transaction already has a connection to the server from before it was altered:
 * postgres_fdw would go on reading through that one until the end of the transaction.
 */
static void
check_not_in_use(const char *server)
{
	static const Oid types[] = {TEXTOID};
	Datum			 values[1];
	char			*call;

	/*
	 * The function that is a member of the extension: the schema's owner can have made another one,
	 * with other arguments. Since 18 it takes an argument.
	 */
	dcx_query_execute(
		"SELECT format('%I.%I(%s)', n.nspname, p.proname,"
		"              CASE WHEN p.pronargs > 0 THEN 'false' END)"
		"  FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass"
		"   AND d.refobjid = e.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'"
		"  JOIN pg_proc p ON p.oid = d.objid"
		"  JOIN pg_namespace n ON n.oid = p.pronamespace"
		" WHERE e.extname = 'postgres_fdw' AND p.proname = 'postgres_fdw_get_connections'",
		0,
		NULL,
		NULL,
		NULL);
	call = dcx_query_text(0, 1);

	values[0] = CStringGetTextDatum(server);
	if (dcx_query_execute(psprintf("SELECT FROM %s WHERE server_name = $1 AND NOT valid", call),
						  1,
						  types,
						  values,
						  NULL) > 0)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_IN_USE),
				errmsg("server \"%s\" has been read from in this transaction", server),
				errdetail("Until its end the transaction reads from where it did so far."),
				errhint("COMMIT or ROLLBACK, then attach."));
}

/* Refuses to give the caller's password to a server that another role owns, and can lead elsewhere. */
static void
check_server_owner(const ForeignServer *server)
{
	if (superuser() ? superuser_arg(server->owner) : has_privs_of_role(GetUserId(), server->owner))
		return;
	ereport(ERROR,
			errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			errmsg("server \"%s\" belongs to role \"%s\"",
				   server->servername,
				   GetUserNameFromId(server->owner, false)),
			errdetail("It has to belong to you or to a superuser: who owns it can have it lead to "
					  "another host, which is sent the password then."),
			errhint("Attach in a schema of its own, the second argument, or ALTER SERVER %s OWNER "
					"TO CURRENT_USER.",
					quote_identifier(server->servername)));
}

bool
dcx_foreign_set_server(const char *server, List *named, List *tuning, const char *unwanted,
					   DcxOptionReport *report)
{
	Oid oid = dcx_foreign_server(server);

	if (!OidIsValid(oid))
	{
		CreateForeignServerStmt *statement = makeNode(CreateForeignServerStmt);
		ListCell				*lc;

		statement->servername = pstrdup(server);
		statement->fdwname = FDW_NAME;
		statement->options = list_copy(named);
		foreach(lc, tuning)
		{
			DefElem *option = lfirst_node(DefElem, lc);

			if (!dcx_option_find(named, option->defname))
				statement->options = lappend(statement->options, option);
		}
		dcx_query_utility((Node *) statement);
		return true;
	}
	else
	{
		AlterForeignServerStmt *statement = makeNode(AlterForeignServerStmt);

		check_server_owner(GetForeignServer(oid));
		statement->servername = pstrdup(server);
		statement->options =
			dcx_option_changes(GetForeignServer(oid)->options, named, tuning, unwanted, report);
		if (statement->options == NIL)
			return false;
		dcx_query_utility((Node *) statement);
		check_not_in_use(server);
		return false;
	}
}

static RoleSpec *
role_spec(Oid role)
{
	RoleSpec *spec = makeNode(RoleSpec);

	spec->roletype = ROLESPEC_CSTRING;
	spec->rolename = GetUserNameFromId(role, false);
	spec->location = -1;
	return spec;
}

/* Whether the role has a mapping of its own; InvalidOid: whether there is one for everybody. */
static bool
has_own_mapping(Oid server, Oid role)
{
	return SearchSysCacheExists2(USERMAPPINGUSERSERVER,
								 ObjectIdGetDatum(role),
								 ObjectIdGetDatum(server));
}

bool
dcx_foreign_set_mapping(const char *server, List *named, DcxOptionReport *report)
{
	Oid role = GetUserId();
	Oid oid = dcx_foreign_server(server);

	if (!has_own_mapping(oid, role))
	{
		CreateUserMappingStmt *statement = makeNode(CreateUserMappingStmt);

		statement->user = role_spec(role);
		statement->servername = pstrdup(server);
		statement->options = named;
		dcx_query_utility((Node *) statement);
		return true;
	}
	else
	{
		AlterUserMappingStmt *statement = makeNode(AlterUserMappingStmt);

		statement->user = role_spec(role);
		statement->servername = pstrdup(server);
		statement->options =
			dcx_option_changes(GetUserMapping(role, oid)->options, named, NIL, NULL, report);
		if (statement->options == NIL)
			return false;
		dcx_query_utility((Node *) statement);
		check_not_in_use(server);
		return false;
	}
}

void
dcx_foreign_sort_options(const char *server, List **server_options, List **user_options)
{
	Oid		  oid = dcx_foreign_server(server);
	List	 *have;
	List	 *moved = NIL;
	ListCell *lc;

	if (!OidIsValid(oid) || !has_own_mapping(oid, GetUserId()))
		return;
	have = GetUserMapping(GetUserId(), oid)->options;
	foreach(lc, *server_options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (dcx_option_find(have, option->defname))
			moved = lappend(moved, option);
	}
	*server_options = list_difference_ptr(*server_options, moved);
	*user_options = list_concat_copy(*user_options, moved);
}

bool
dcx_foreign_leads_elsewhere(Oid server, List *connection, List *user)
{
	return dcx_options_lead_elsewhere(GetForeignServer(server)->options, connection) ||
		   !dcx_place_has_mapping(server, GetUserId()) ||
		   dcx_options_lead_elsewhere(GetUserMapping(GetUserId(), server)->options, user);
}

static ColumnDef *
column_def(const DcxRemoteColumn *column)
{
	ColumnDef *def = makeColumnDef(column->name, column->type, column->typmod, InvalidOid);

	if (column->not_null)
	{
		Constraint *constraint = makeNode(Constraint);

		constraint->contype = CONSTR_NOTNULL;
		constraint->location = -1;
		constraint->initially_valid = true;
		def->constraints = list_make1(constraint);
	}
	return def;
}

void
dcx_foreign_create_table(const char *schema, const char *table, const char *server,
						 const char *remote_schema, const char *remote_table, List *columns,
						 List *options)
{
	CreateForeignTableStmt *statement = makeNode(CreateForeignTableStmt);
	ListCell			   *lc;

	statement->base.relation = makeRangeVar(pstrdup(schema), pstrdup(table), -1);
	foreach(lc, columns)
		statement->base.tableElts = lappend(statement->base.tableElts, column_def(lfirst(lc)));
	statement->base.oncommit = ONCOMMIT_NOOP;
	statement->servername = pstrdup(server);
	statement->options = list_concat(list_make2(dcx_option("schema_name", remote_schema),
												dcx_option("table_name", remote_table)),
									 options);
	dcx_query_utility((Node *) statement);
}

/* ALTER FOREIGN TABLE with one subcommand. */
static void
alter_table(Oid relation, AlterTableType type, Node *definition)
{
	AlterTableStmt *statement = makeNode(AlterTableStmt);
	AlterTableCmd  *command = makeNode(AlterTableCmd);

	command->subtype = type;
	command->def = definition;
	command->behavior = DROP_RESTRICT;

	statement->relation =
		makeRangeVar(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation), -1);
	statement->objtype = OBJECT_FOREIGN_TABLE;
	statement->cmds = list_make1(command);
	dcx_query_utility((Node *) statement);
}

List *
dcx_foreign_add_columns(Oid relation, List *columns)
{
	List	 *added = NIL;
	ListCell *lc;

	foreach(lc, columns)
	{
		DcxRemoteColumn *column = lfirst(lc);

		if (get_attnum(relation, column->name) != InvalidAttrNumber)
			continue;
		alter_table(relation, AT_AddColumn, (Node *) column_def(column));
		added = lappend(added, pstrdup(column->name));
	}
	return added;
}

void
dcx_foreign_set_table(Oid relation, const char *remote_schema, const char *remote_table)
{
	List *changes = dcx_option_changes(GetForeignTable(relation)->options,
									   list_make2(dcx_option("schema_name", remote_schema),
												  dcx_option("table_name", remote_table)),
									   NIL,
									   NULL,
									   NULL);

	if (changes != NIL)
		alter_table(relation, AT_GenericOptions, (Node *) changes);
}

void
dcx_foreign_drop(ObjectType type, List *name)
{
	DropStmt *statement = makeNode(DropStmt);

	statement->removeType = type;
	/* A qualified name is a list of its own, a plain one stands for itself. */
	statement->objects = list_length(name) > 1 ? list_make1(name) : list_make1(linitial(name));
	statement->behavior = DROP_RESTRICT;
	dcx_query_utility((Node *) statement);
}

void
dcx_foreign_drop_mapping(const char *server, Oid role)
{
	DropUserMappingStmt *statement = makeNode(DropUserMappingStmt);

	statement->user = role_spec(role);
	statement->servername = pstrdup(server);
	dcx_query_utility((Node *) statement);
}
