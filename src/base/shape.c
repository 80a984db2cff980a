/*
 * shape.c
 *		Whether a table is safe to read or write without a statement.
 *
 * Nothing here may evaluate a function of the table's owner: so predicates and expressions of indexes are only
 * looked for in the catalog row, never fetched through the relcache.
 *
 * Locking: the caller holds a lock on the table; indexes are locked ACCESS SHARE while they are looked at. Both
 * can bring in invalidation messages, so a verdict is kept only if none came while it was made (known.h).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "src/base/known.h"
#include "src/base/relation.h"
#include "src/base/shape.h"

/* The kept verdicts on our tables. */
static struct
{
	DcxKnown known; /* of the table and its index */
	DcxShape shape;
} kept[DCX_TABLES];

/* The kept answer of dcx_shape_index(), of the last table asked about. */
static struct
{
	DcxKnown known; /* of the table and the index */
	Oid		 relation;
	Oid		 index; /* the answer, which may be InvalidOid */
	NameData column;
	NameData value_column;
} kept_index;

/* Whether there is a verdict on a table of ours. */
static bool
is_kept(DcxTableId id, Oid relation)
{
	return likely(kept[id].known.holds && kept[id].shape.relation == relation);
}

Relation
dcx_table_open(DcxTableId id, Oid relation, LOCKMODE mode)
{
	Relation table = OidIsValid(relation) ? try_relation_open(relation, mode) : NULL;

	if (!table)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("there is no table dcx.%s", dcx_tables[id].name),
				errhint("Attach again: that makes it."));
	return table;
}

void
dcx_shape_refuse(Oid relation, const char *detail)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("%s is not as dcx_pricing made it", dcx_relation_name(relation)),
			errdetail("%s", detail),
			errhint("Put it back, or move the table away and attach again."));
}

/* Whether all rows of a relation are in its own heap, and survive a crash. */
static bool
is_plain_table(Relation table)
{
	return table->rd_rel->relkind == RELKIND_RELATION &&
		   table->rd_rel->relpersistence == RELPERSISTENCE_PERMANENT &&
		   table->rd_rel->relam == HEAP_TABLE_AM_OID &&
		   !dcx_relation_is_distributed(RelationGetRelid(table));
}

/* relhassubclass alone does not tell: it stays set when the last child has gone. */
static bool
has_children(Relation table)
{
	return table->rd_rel->relhassubclass &&
		   find_inheritance_children(RelationGetRelid(table), NoLock) != NIL;
}

bool
dcx_shape_is_plain(Relation table)
{
	return is_plain_table(table) && !has_children(table);
}

/* A column of a user's table. A copy: the relcache's own may move when a lock is taken. */
typedef struct FoundColumn
{
	AttrNumber attnum;
	Oid		   type;
	int32	   typmod;
	Oid		   collation;
	bool	   generated;
} FoundColumn;

/* Finds a column by its name; system columns do not count. */
static bool
find_user_column(Relation table, const char *name, FoundColumn *column)
{
	TupleDesc tupdesc = RelationGetDescr(table);

	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		if (attribute->attisdropped || strcmp(NameStr(attribute->attname), name) != 0)
			continue;
		column->attnum = attribute->attnum;
		column->type = attribute->atttypid;
		column->typmod = attribute->atttypmod;
		column->collation = attribute->attcollation;
		column->generated = attribute->attgenerated != '\0';
		return true;
	}
	return false;
}

bool
dcx_shape_is_plain_index(Relation index)
{
	Form_pg_index form = index->rd_index;

	/* Not RelationGetIndexPredicate(), which may evaluate functions. */
	return index->rd_rel->relkind == RELKIND_INDEX && form->indimmediate && !form->indisexclusion &&
		   heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL) &&
		   heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL);
}

/* Whether an index has every row at any time, and never two with one key. */
static bool
is_whole_unique_btree(Relation index)
{
	Form_pg_index form = index->rd_index;

	return dcx_shape_is_plain_index(index) && index->rd_rel->relam == BTREE_AM_OID &&
		   form->indisunique && form->indisvalid && form->indisready && form->indislive;
}

/* Whether a key of an index is a plain column, with the default operator class of its type. */
static bool
is_key_of(Relation index, int key, const FoundColumn *column)
{
	bool  isnull;
	Datum classes =
		SysCacheGetAttr(INDEXRELID, index->rd_indextuple, Anum_pg_index_indclass, &isnull);
	Oid opclass = ((oidvector *) DatumGetPointer(classes))->values[key];

	return index->rd_index->indkey.values[key] == column->attnum &&
		   index->rd_indcollation[key] == column->collation &&
		   opclass == GetDefaultOpClass(getBaseType(column->type), BTREE_AM_OID);
}

/* What is wrong with the kind of one of our tables; NULL: nothing. */
static const char *
wrong_kind(Relation table)
{
	if (table->rd_rel->relkind != RELKIND_RELATION)
		return "It is not a plain table.";
	if (dcx_relation_is_distributed(RelationGetRelid(table)))
		return "It is a table of Citus: its rows are elsewhere.";
	if (!is_plain_table(table))
		return "It is not a permanent table of access method heap.";
	if (table->rd_rel->relispartition)
		return "It is a partition of another table.";
	if (has_children(table))
		return "Other tables inherit from it.";
	if (has_superclass(RelationGetRelid(table)))
		return "It inherits from another table.";
	return NULL;
}

/* Refuses a table that has lost a column. The hint says what puts the column back. */
static void
refuse_without_column(const DcxTable *made, Relation table, const DcxTableColumn *column)
{
	char *detail = psprintf("It has no column \"%s\".", column->name);

	if (!dcx_table_may_add(column))
		dcx_shape_refuse(RelationGetRelid(table), detail);
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("%s is not as dcx_pricing made it", dcx_relation_name(RelationGetRelid(table))),
			errdetail("%s", detail),
			errhint("SELECT * FROM dcx_attach_%s(...) adds it.", made->catalog));
}

/* What is wrong with its columns; NULL: nothing, and the shape has their places. */
static const char *
wrong_columns(const DcxTable *made, Relation table, DcxShape *shape)
{
	for (int i = 0; i < made->ncolumns; i++)
	{
		const DcxTableColumn *column = &made->columns[i];
		FoundColumn			  found;

		if (!find_user_column(table, column->name, &found))
		{
			if (column->since == 1)
				refuse_without_column(made, table, column);
			shape->attnums[i] = InvalidAttrNumber;
			continue;
		}
		if (found.type != column->type || found.typmod != -1)
			return psprintf("Column \"%s\" is of type %s, not %s.",
							column->name,
							format_type_with_typemod(found.type, found.typmod),
							format_type_be(column->type));
		if (found.collation != column->collation)
			return psprintf("Column \"%s\" has another collation.", column->name);
		if (found.generated)
			return psprintf("Column \"%s\" is generated.", column->name);
		shape->attnums[i] = found.attnum;
	}
	return NULL;
}

/* Opens the index of a table's primary key, which may be in any state. NULL: there is none. */
static Relation
open_primary_key(Relation table)
{
	List	 *indexes = RelationGetIndexList(table);
	Relation  found = NULL;
	ListCell *lc;

	foreach(lc, indexes)
	{
		found = index_open(lfirst_oid(lc), AccessShareLock);
		if (found->rd_index->indisprimary)
			break;
		index_close(found, NoLock);
		found = NULL;
	}
	list_free(indexes);
	return found;
}

/* Whether an index is the one that our primary key made. */
static bool
is_our_key(const DcxTable *made, Relation table, Relation index)
{
	if (!is_whole_unique_btree(index) ||
		IndexRelationGetNumberOfKeyAttributes(index) != made->nkeys)
		return false;
	for (int i = 0; i < made->nkeys; i++)
	{
		FoundColumn column;

		if (index->rd_indoption[i] != 0 ||
			!find_user_column(table, made->columns[made->keys[i]].name, &column) ||
			!is_key_of(index, i, &column))
			return false;
	}
	return true;
}

/* What is wrong with its primary key; NULL: nothing, and the shape has it. */
static const char *
wrong_key(const DcxTable *made, Relation table, DcxShape *shape)
{
	Relation index = open_primary_key(table);
	bool	 ours;

	if (!index)
		return "It has no primary key.";
	ours = is_our_key(made, table, index);
	shape->index = RelationGetRelid(index);
	shape->index_made_by = index->rd_index->indcheckxmin ?
							   HeapTupleHeaderGetXmin(index->rd_indextuple->t_data) :
							   InvalidTransactionId;
	index_close(index, NoLock);
	if (ours)
		return NULL;
	return psprintf("Its primary key is not a valid one on %s%s%s, in their usual order.",
					made->columns[made->keys[0]].name,
					made->nkeys > 1 ? ", " : "",
					made->nkeys > 1 ? made->columns[made->keys[1]].name : "");
}

/* Looks at a table of ours; refuses one that is not as we made it. */
static DcxShape
look_at_table(const DcxTable *made, Relation table)
{
	DcxShape	shape = {.relation = RelationGetRelid(table)};
	const char *wrong = wrong_kind(table);

	if (!wrong)
		wrong = wrong_columns(made, table, &shape);
	if (!wrong)
		wrong = wrong_key(made, table, &shape);
	if (wrong)
		dcx_shape_refuse(RelationGetRelid(table), wrong);
	return shape;
}

/*
 * Refuses an index that is too new for us. One that was built while rows of its table were changing lacks the
 * row versions that older snapshots see (pg_index.indcheckxmin). The planner does not use such an index until
 * all those snapshots have gone.
 */
static void
check_index_age(DcxShape *shape)
{
	if (likely(!TransactionIdIsValid(shape->index_made_by)))
		return;
	if (!TransactionIdPrecedes(shape->index_made_by, TransactionXmin))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("the primary key of %s is too new for this transaction",
					   dcx_relation_name(shape->relation)),
				errdetail("It was made while rows of the table were changing, and older "
						  "transactions are still running."),
				errhint("Run the transaction again when those have ended."));
	shape->index_made_by = InvalidTransactionId;
}

DcxShape
dcx_shape_of(DcxTableId id, Relation table)
{
	DcxShape shape;
	uint64	 before;

	if (is_kept(id, RelationGetRelid(table)))
	{
		check_index_age(&kept[id].shape);
		return kept[id].shape;
	}
	before = dcx_known_messages();
	shape = look_at_table(&dcx_tables[id], table);
	check_index_age(&shape);
	if (dcx_known_keep(&kept[id].known, before, 2, (Oid[]){shape.relation, shape.index}))
		kept[id].shape = shape;
	return shape;
}

void
dcx_shape_check(DcxTableId id, Oid relation)
{
	Relation table;

	if (is_kept(id, relation))
		return;
	table = dcx_table_open(id, relation, AccessShareLock);
	dcx_shape_of(id, table);
	relation_close(table, NoLock);
}

DcxSource
dcx_shape_source(Oid relation)
{
	DcxSource source = dcx_source_of(&relation, 1);

	if (source.kind != DCX_SOURCE_TABLES || source.nrelations != 1)
		dcx_shape_refuse(relation, "Other tables inherit from it.");
	return source;
}

/* The index that dcx_shape_index() is asked for, found by looking at all of them. */
static Oid
look_for_index(Relation table, const char *column, const char *value_column)
{
	List	   *indexes;
	Oid			found = InvalidOid;
	FoundColumn key;
	FoundColumn value;
	ListCell   *lc;

	if (!dcx_shape_is_plain(table) || !find_user_column(table, column, &key) ||
		!find_user_column(table, value_column, &value) || key.generated || value.generated)
		return InvalidOid;
	indexes = RelationGetIndexList(table);
	foreach(lc, indexes)
	{
		Relation index = index_open(lfirst_oid(lc), AccessShareLock);

		if (is_whole_unique_btree(index) && !index->rd_index->indcheckxmin &&
			IndexRelationGetNumberOfKeyAttributes(index) == 1 && is_key_of(index, 0, &key))
			found = RelationGetRelid(index);
		index_close(index, NoLock);
		if (OidIsValid(found))
			break;
	}
	list_free(indexes);
	return found;
}

Oid
dcx_shape_index(Oid relation, const char *column, const char *value_column)
{
	Relation table;
	Oid		 index;
	uint64	 before;

	if (likely(kept_index.known.holds && kept_index.relation == relation &&
			   strcmp(NameStr(kept_index.column), column) == 0 &&
			   strcmp(NameStr(kept_index.value_column), value_column) == 0))
		return kept_index.index;

	table = try_relation_open(relation, NoLock);
	if (!table)
		return InvalidOid;
	before = dcx_known_messages();
	index = look_for_index(table, column, value_column);
	if (dcx_known_keep(&kept_index.known, before, 2, (Oid[]){relation, index}))
	{
		kept_index.relation = relation;
		kept_index.index = index;
		namestrcpy(&kept_index.column, column);
		namestrcpy(&kept_index.value_column, value_column);
	}
	relation_close(table, NoLock);
	return index;
}
