/*
 * fix.c
 *		Who can run the fix of a finding.
 *
 * A fix is a statement of sql/parts/check.sql. It is parsed, and what it alters is looked up by name, without any
 * right: for whom the fix is not must not get an error here.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "src/base/binding.h"
#include "src/base/compat.h"
#include "src/base/relation.h"
#include "src/catalog/catalog.h"
#include "src/check/fix.h"

/* NULL if the caller may act as a role, or there is none. */
static char *
by_role(Oid role)
{
	if (!OidIsValid(role) || has_privs_of_role(GetUserId(), role))
		return NULL;
	return psprintf("by role \"%s\"", GetUserNameFromId(role, false));
}

static char *
by_superuser(void)
{
	return superuser() ? NULL : pstrdup("by a superuser");
}

/* The owner of a relation; InvalidOid if there is none of these names. */
static Oid
relation_owner(const char *schema, const char *name)
{
	Oid namespace = schema ? get_namespace_oid(schema, true) : InvalidOid;

	return OidIsValid(namespace) ? dcx_relation_owner(get_relname_relid(name, namespace)) :
								   InvalidOid;
}

static char *
by_owner_of_relation(const RangeVar *relation)
{
	return by_role(relation_owner(relation->schemaname, relation->relname));
}

/*
 * The same of what runs the code of those whose the relation and its partitions are, such as their triggers: that is not
 * another role's to run, least of all a superuser's.
 */
static char *
by_owner_itself(const RangeVar *relation)
{
	Oid		  schema = get_namespace_oid(relation->schemaname, true);
	Oid		  root = OidIsValid(schema) ? get_relname_relid(relation->relname, schema) : InvalidOid;
	ListCell *lc;

	if (!OidIsValid(root))
		return NULL;
	foreach(lc, find_all_inheritors(root, NoLock, NULL))
	{
		Oid	  owner = dcx_relation_owner(lfirst_oid(lc));
		char *name;

		if (!OidIsValid(owner) || owner == GetUserId() || superuser_arg(owner))
			continue;
		name = GetUserNameFromId(owner, false);
		return lfirst_oid(lc) == root ? psprintf("by role \"%s\"", name) :
										psprintf("by whoever trusts role \"%s\", which owns %s",
												 name,
												 dcx_relation_name(lfirst_oid(lc)));
	}
	return by_owner_of_relation(relation);
}

/* ALTER TABLE. A table whose rows are written anew has its constraints checked. */
static char *
by_alterer(const AlterTableStmt *statement)
{
	ListCell *lc;

	foreach(lc, statement->cmds)
		if (statement->objtype == OBJECT_TABLE &&
			lfirst_node(AlterTableCmd, lc)->subtype == AT_AlterColumnType)
			return by_owner_itself(statement->relation);
	return by_owner_of_relation(statement->relation);
}

/* The owner of a relation, by a name as an argument of ours has it. */
static char *
by_owner_of_named(const char *text)
{
	List *names;

	if (!SplitIdentifierString(pstrdup(text), '.', &names) || list_length(names) != 2)
		return NULL;
	return by_role(relation_owner(linitial(names), lsecond(names)));
}

static char *
by_owner_of_schema(const char *name)
{
	HeapTuple tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum(name));
	char	 *who = NULL;

	if (HeapTupleIsValid(tuple))
	{
		who = by_role(((Form_pg_namespace) GETSTRUCT(tuple))->nspowner);
		ReleaseSysCache(tuple);
	}
	return who;
}

static char *
by_owner_of_server(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, true);

	return server ? by_role(server->owner) : NULL;
}

/* ALTER DATABASE ... SET takes its owner, and the right to set the parameter. */
static char *
by_setter(const AlterDatabaseSetStmt *statement)
{
	HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
	bool	  owns = has_privs_of_role(GetUserId(), ((Form_pg_database) GETSTRUCT(tuple))->datdba);

	ReleaseSysCache(tuple);
	if (owns &&
		pg_parameter_aclcheck(statement->setstmt->name, GetUserId(), ACL_SET) == ACLCHECK_OK)
		return NULL;
	return by_superuser();
}

/* Whether the caller may execute some function of this name in a schema. */
static bool
may_call(const char *schema, const char *name)
{
	Oid namespace = get_namespace_oid(schema, true);
	CatCList *functions = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	bool	  may = false;

	for (int i = 0; i < functions->n_members && !may; i++)
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(&functions->members[i]->tuple);

		may = form->pronamespace == namespace && dcx_role_may_execute(GetUserId(), form->oid);
	}
	ReleaseSysCacheList(functions);
	return may && dcx_role_may_use(GetUserId(), namespace);
}

/* Attach writes dcx.binding as its caller, who has to own it, unless a superuser does. */
static char *
by_attacher(void)
{
	Oid table = dcx_binding_table();
	Oid owner = OidIsValid(table) ? dcx_relation_owner(table) : GetUserId();

	if (owner == GetUserId() ||
		(superuser_arg(owner) && pg_class_aclcheck(table, GetUserId(), ACL_INSERT) == ACLCHECK_OK &&
		 pg_class_aclcheck(table, GetUserId(), ACL_UPDATE) == ACLCHECK_OK))
		return NULL;
	return psprintf("by role \"%s\"", GetUserNameFromId(owner, false));
}

/* What is attached as a catalog in a schema has to be the caller's. */
static char *
by_owner_of_catalog(const DcxCatalog *catalog, const char *schema)
{
	char *who = NULL;

	for (int i = 0; i < catalog->nparts && !who; i++)
		who = by_role(relation_owner(schema, catalog->parts[i].name));
	return who;
}

/* The argument of a call, if it is a text constant; else NULL. */
static const char *
text_argument(const FuncCall *call, int n)
{
	Node *argument = n < list_length(call->args) ? list_nth(call->args, n) : NULL;

	if (!argument || !IsA(argument, A_Const) || castNode(A_Const, argument)->isnull ||
		!IsA(&castNode(A_Const, argument)->val.node, String))
		return NULL;
	return strVal(&castNode(A_Const, argument)->val);
}

/* A call of a function of ours. */
static char *
by_caller(const FuncCall *call)
{
	const char *schema = list_length(call->funcname) == 2 ? strVal(linitial(call->funcname)) : "";
	const char *name = strVal(llast(call->funcname));
	const char *first = text_argument(call, 0);
	char	   *who = NULL;

	if (!may_call(schema, name))
		return psprintf("by a role that may execute %s", name);
	if (strncmp(name, "dcx_attach_", strlen("dcx_attach_")) != 0)
		return NULL;
	if (strcmp(name, "dcx_attach_updated_at") != 0)
		who = by_attacher();
	for (int id = 0; id < DCX_CATALOGS && !who; id++)
		if (strcmp(name + strlen("dcx_attach_"), dcx_catalogs[id].name) == 0)
		{
			const char *where = text_argument(call, 1);

			return by_owner_of_catalog(&dcx_catalogs[id], where ? where : dcx_catalogs[id].name);
		}
	return !who && first ? by_owner_of_named(first) : who;
}

static char *
by_caller_of_all(const SelectStmt *statement)
{
	char	 *who = NULL;
	ListCell *lc;

	foreach(lc, statement->fromClause)
	{
		Node *call = IsA(lfirst(lc), RangeFunction) ?
						 linitial(linitial(castNode(RangeFunction, lfirst(lc))->functions)) :
						 NULL;

		if (call && IsA(call, FuncCall) && !who)
			who = by_caller(castNode(FuncCall, call));
	}
	return who;
}

/* DROP TRIGGER, and DROP SERVER. */
static char *
by_dropper(const DropStmt *statement)
{
	Node *object = linitial(statement->objects);

	if (statement->removeType == OBJECT_FOREIGN_SERVER)
		return by_owner_of_server(strVal(object));
	if (statement->removeType == OBJECT_TRIGGER && list_length(castNode(List, object)) == 3)
		return by_role(relation_owner(strVal(linitial(castNode(List, object))),
									  strVal(lsecond(castNode(List, object)))));
	return NULL;
}

char *
dcx_fix_who(const char *fix)
{
	Node *statement = linitial_node(RawStmt, raw_parser(fix, RAW_PARSE_DEFAULT))->stmt;

	if (RecoveryInProgress())
		return pstrdup("on the primary");
	switch (nodeTag(statement))
	{
		case T_SelectStmt:
			return by_caller_of_all(castNode(SelectStmt, statement));
		case T_AlterTableStmt:
			return by_alterer(castNode(AlterTableStmt, statement));
		case T_UpdateStmt:
			return by_owner_itself(castNode(UpdateStmt, statement)->relation);
		case T_IndexStmt:
			return by_owner_of_relation(castNode(IndexStmt, statement)->relation);
		case T_RenameStmt:
			if (castNode(RenameStmt, statement)->renameType == OBJECT_SCHEMA)
				return by_owner_of_schema(castNode(RenameStmt, statement)->subname);
			return by_owner_of_relation(castNode(RenameStmt, statement)->relation);
		case T_DropStmt:
			return by_dropper(castNode(DropStmt, statement));
		case T_AlterForeignServerStmt:
			return by_owner_of_server(castNode(AlterForeignServerStmt, statement)->servername);
		case T_AlterDatabaseSetStmt:
			return by_setter(castNode(AlterDatabaseSetStmt, statement));
		case T_AlterExtensionStmt:
			return by_superuser();
		default:
			return NULL;
	}
}
