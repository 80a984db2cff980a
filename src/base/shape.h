/*
 * shape.h
 *		What a relation has to be before it is read or written without a statement.
 *
 * The tables of schema dcx and the wallet table belong to users, who may change them as they like:
 * make them views or partitioned tables, alter types, replace indexes. A statement follows such
 * changes. Who reads rows through an index himself would crash, read a number as an address, or miss
 * rows. So whatever is read or written without a statement is looked at here first.
 *
 * This is about safety and not about trust: whether the owner may be believed is asked separately,
 * and before.
 *
 * A verdict is kept in the backend until the relcache says that the table or its index has changed.
 * Ask under a lock on the table: taking the lock is what brings in those messages. (The exactness
 * rule's "no invalidation" is about prices, which no lock protects.)
 */
#ifndef DCX_SHAPE_H
#define DCX_SHAPE_H

#include "utils/relcache.h"

#include "src/base/compat.h"
#include "src/base/tables.h"

/* Where everything is in a table of ours. Plain values, good as long as the table stays locked. */
typedef struct DcxShape
{
	Oid			  relation;
	Oid			  index;		 /* of the primary key */
	TransactionId index_made_by; /* older snapshots must not use it; or invalid */
	AttrNumber
		attnums[DCX_TABLE_COLUMNS]; /* of the columns; 0: the table is of an earlier version */
} DcxShape;

/* Opens what was found so, for reading; 55000 where it has gone, or was not there. */
extern Relation dcx_table_open(DcxTableId id, Oid relation);

/*
 * The shape of a table of ours, which is locked: a plain, permanent heap table without parents and
 * children, with all of our columns in their types, and a primary key that is a valid, immediate
 * btree on its plain columns. Any other is 55000.
 */
extern DcxShape dcx_shape_of(DcxTableId id, Relation table);

/*
 * The same, for whoever goes on with a statement. The table need not be locked, and is not when a
 * verdict is kept: nobody has to wait for a table that the call does not come to.
 */
extern void dcx_shape_check(DcxTableId id, Oid relation);

/*
 * A unique index by which a row of the platform's can be found in its table, which is locked:
 * over just this column, valid for every row and every query, and both columns stored as they are.
 * InvalidOid: take a statement, which knows about partitions, children, other access methods and
 * so on.
 */
extern Oid dcx_shape_index(Oid relation, const char *column, const char *value_column);

/* Refuses (55000) a table that is not as we made it. detail: a sentence. */
pg_noreturn extern void dcx_shape_refuse(Oid relation, const char *detail);

#endif /* DCX_SHAPE_H */
