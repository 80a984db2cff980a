/*
 * relation.c
 *		What a relation is called, whose it is, and what columns it has.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
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
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			return true;
		default:
			/* A domain? */
			return getBaseType(type) != type && dcx_relation_type_is_number(getBaseType(type));
	}
}

bool
dcx_relation_type_is_plain(Oid type)
{
	switch (getBaseType(type))
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case CHAROID:
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case NUMERICOID:
		case UUIDOID:
			return true;
		default:
			return false;
	}
}

/* An index of a table by which one of its columns of type oid can be looked up; InvalidOid where there is none. */
static Oid
oid_index(Relation table, AttrNumber attnum)
{
	List	 *indexes = RelationGetIndexList(table);
	Oid		  found = InvalidOid;
	ListCell *lc;

	foreach(lc, indexes)
	{
		Relation	  index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (index->rd_rel->relam == BTREE_AM_OID && form->indisvalid && !form->indcheckxmin &&
			form->indkey.values[0] == attnum && index->rd_opfamily[0] == OID_BTREE_FAM_OID &&
			RelationGetIndexPredicate(index) == NIL)
			found = RelationGetRelid(index);
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return found;
}

/* Whether a row of a table has this value in a column of type oid. What is committed by now counts. */
static bool
has_oid(Relation table, AttrNumber attnum, Oid value)
{
	Oid			index = oid_index(table, attnum);
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
	scan = systable_beginscan(table, index, OidIsValid(index), NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return found;
}

/*
 * Citus lists its tables in pg_catalog.pg_dist_partition. A relation of that name is taken for it only if it is a table
 * with the column that is needed: nothing else can be expected of it.
 */
bool
dcx_relation_is_distributed(Oid relation)
{
	Oid		   list = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
	Relation   table;
	AttrNumber attnum;
	Oid		   type;
	bool	   found = false;

	if (likely(!OidIsValid(list)))
		return false;
	table = try_relation_open(list, AccessShareLock);
	if (!table)
		return false;
	attnum = get_attnum(list, "logicalrelid");
	type = attnum > InvalidAttrNumber ? get_atttype(list, attnum) : InvalidOid;
	if (table->rd_rel->relkind == RELKIND_RELATION && table->rd_rel->relam == HEAP_TABLE_AM_OID &&
		(type == REGCLASSOID || type == OIDOID))
		found = has_oid(table, attnum, relation);
	relation_close(table, AccessShareLock);
	return found;
}

bool
dcx_relation_is_near(Oid relation)
{
	char kind = get_rel_relkind(relation);

	return (kind == RELKIND_RELATION && !dcx_relation_is_distributed(relation)) ||
		   kind == RELKIND_MATVIEW;
}

Oid
dcx_relation_distributed_member(Oid relation)
{
	ListCell *lc;

	foreach(lc, find_all_inheritors(relation, NoLock, NULL))
		if (dcx_relation_is_distributed(lfirst_oid(lc)))
			return lfirst_oid(lc);
	return InvalidOid;
}
