/*
 * shape.h
 *		Whether a table is safe to read or write without a statement.
 *
 * The tables of schema dcx and the wallet table belong to users, who may change them as they like: make them
 * views or partitioned tables, change types, replace indexes. A statement copes with all that. Code that reads
 * rows through an index itself would crash, take a number for an address, or miss rows. So a table is checked
 * here before it is read or written without a statement.
 *
 * This is about safety, not trust: whether the table's owner may be believed is checked separately, and
 * before (binding.h).
 *
 * A verdict is kept in the backend until the relcache says that the table or its index has changed. Locking a
 * table is what makes the backend receive those messages, so lock the table before you ask. (The exactness
 * rule does without invalidation messages; but it is about the rows, which a lock does not protect.)
 */
#ifndef DCX_SHAPE_H
#define DCX_SHAPE_H

#include "storage/lockdefs.h"
#include "utils/relcache.h"

#include "src/base/compat.h"
#include "src/base/snapshot.h"
#include "src/base/tables.h"

/* Where the parts of a table of ours are. Plain values; they hold as long as the table stays locked. */
typedef struct DcxShape
{
	Oid			  relation;
	Oid			  index;		 /* of the primary key */
	TransactionId index_made_by; /* snapshots from before it must not use the index; or invalid */
	AttrNumber
		attnums[DCX_TABLE_COLUMNS]; /* of our columns; 0: an earlier version's table lacks it */
} DcxShape;

/* Opens and locks a table of ours. 55000 when it is not there, or not any more. */
extern Relation dcx_table_open(DcxTableId id, Oid relation, LOCKMODE mode);

/*
 * The shape of a table of ours, which must be locked. 55000 unless it is what we made: a plain, permanent heap
 * table without parents and children, with all our columns in their types, and a primary key that is a valid,
 * immediate btree on its plain columns.
 */
extern DcxShape dcx_shape_of(DcxTableId id, Relation table);

/*
 * The same check, for a caller that goes on with a statement. The table need not be locked: where a verdict is
 * kept the call takes no lock, and so waits for nobody.
 */
extern void dcx_shape_check(DcxTableId id, Oid relation);

/*
 * A table of ours, which must be locked, as a source for the exactness rule; in the current memory context.
 * 55000 when other tables inherit from it: a child can be made while others read the table.
 */
extern DcxSource dcx_shape_source(Oid relation);

/* Whether all rows of a relation, which must be locked, are in its own heap, survive a crash, and have no children. */
extern bool dcx_shape_is_plain(Relation table);

/*
 * Whether an index of a table is on plain columns, for all rows, and checks at once what it checks. Looks only at the
 * catalog row: to read an expression or a predicate the server may run functions in it.
 */
extern bool dcx_shape_is_plain_index(Relation index);

/*
 * A unique index by which a row of the platform's table, which must be locked, can be found: on just this
 * column, valid for every row and every query, and neither column generated. InvalidOid when there is none:
 * then use a statement, which copes with partitions, children and other access methods.
 */
extern Oid dcx_shape_index(Oid relation, const char *column, const char *value_column);

/* Refuses (55000) a table that is not as we made it. detail: a sentence about what is different. */
pg_noreturn extern void dcx_shape_refuse(Oid relation, const char *detail);

#endif /* DCX_SHAPE_H */
