/*
 * relation.c
 *		What a relation is called, whose it is, and what columns it has.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "src/base/relation.h"

Oid
dcx_relation_named(const char *text)
{
	List *names;

	/* Both the list and its names point into the copy. */
	if (SplitIdentifierString(pstrdup(text), '.', &names) && names != NIL &&
		list_length(names) <= 2)
	{
		List	 *strings = NIL;
		ListCell *lc;
		Oid		  relation;

		foreach(lc, names)
			strings = lappend(strings, makeString(lfirst(lc)));
		relation = RangeVarGetRelid(makeRangeVarFromNameList(strings), NoLock, true);
		if (OidIsValid(relation))
			return relation;
	}
	return RelnameGetRelid(text);
}

Oid
dcx_relation_owner(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid		  owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

char *
dcx_relation_name(Oid relation)
{
	char *name = get_rel_name(relation);

	if (!name)
		return psprintf("relation %u (dropped)", relation);
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
}

void
dcx_relation_check_owner(Oid relation)
{
	Oid owner = dcx_relation_owner(relation);

	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("must be owner of %s", dcx_relation_name(relation)),
				errdetail("It belongs to role \"%s\".", GetUserNameFromId(owner, false)),
				errhint("An attached relation is read as its owner on behalf of everybody: only "
						"that role, or a member of it, can attach it."));
}

char *
dcx_relation_columns(Oid relation)
{
	Relation	   opened = relation_open(relation, AccessShareLock);
	TupleDesc	   tupdesc = RelationGetDescr(opened);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		if (!attribute->attisdropped)
			appendStringInfo(&list,
							 "%s%s",
							 list.len ? ", " : "",
							 quote_identifier(NameStr(attribute->attname)));
	}
	relation_close(opened, NoLock);
	return list.data;
}

bool
dcx_relation_type_is_number(Oid type)
{
	switch (getBaseType(type))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			return true;
		default:
			return false;
	}
}
