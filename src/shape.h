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

#include "compat.h"
#include "utils/relcache.h"

/* Our tables, all in schema dcx. */
typedef enum DcxTableId
{
	DCX_TABLE_BINDING,
	DCX_TABLE_PRICE_BOOK,
	DCX_TABLE_ACCOUNT,
	DCX_TABLE_ENTRY,
	DCX_TABLE_HOLD,
	DCX_TABLE_KEY
} DcxTableId;

#define DCX_TABLES		   6
#define DCX_TABLE_COLUMNS  20 /* at most */
#define DCX_TABLE_KEY_SIZE 2  /* at most */

/* A column of ours. A user's own columns beside ours are nobody's concern. */
typedef struct DcxTableColumn
{
	const char *name;
	Oid			type;
	Oid			collation;	  /* of text and text[], else InvalidOid */
	bool		not_null;	  /* a NULL that is read is damage */
	bool		not_negative; /* of numeric, which is always finite: likewise */
	int			since;		  /* the version of our tables that it came with */
} DcxTableColumn;

typedef struct DcxTable
{
	const char	  *name;
	int			   ncolumns;
	DcxTableColumn columns[DCX_TABLE_COLUMNS];
	int			   nkeys; /* columns of the primary key, in its order */
	int			   keys[DCX_TABLE_KEY_SIZE];
} DcxTable;

/* By DcxTableId; the columns of a table by the numbers below. */
extern const DcxTable dcx_tables[DCX_TABLES];

enum
{
	DCX_BINDING_CATALOG,
	DCX_BINDING_PART,
	DCX_BINDING_RELATION,
	DCX_BINDING_COLUMN_NAMES,
	DCX_BINDING_MADE,
	DCX_BINDING_SEEN,
	DCX_BINDING_ATTACHED_BY,
	DCX_BINDING_ATTACHED_AT
};

enum
{
	DCX_PRICE_BOOK_CATALOG,
	DCX_PRICE_BOOK_BOOK_ID,
	DCX_PRICE_BOOK_FIRST_SEEN_AT,
	DCX_PRICE_BOOK_LAST_SEEN_AT,
	DCX_PRICE_BOOK_PRODUCTS,
	DCX_PRICE_BOOK_BOOK
};

enum
{
	DCX_ACCOUNT_ORGANISATION,
	DCX_ACCOUNT_BALANCE,
	DCX_ACCOUNT_HELD,
	DCX_ACCOUNT_NEXT_EXPIRY,
	DCX_ACCOUNT_EXPIRED_UNTIL
};

enum
{
	DCX_ENTRY_ENTRY_ID,
	DCX_ENTRY_ORGANISATION,
	DCX_ENTRY_RECORDED_AT,
	DCX_ENTRY_KIND,
	DCX_ENTRY_AMOUNT,
	DCX_ENTRY_BALANCE,
	DCX_ENTRY_AVAILABLE,
	DCX_ENTRY_HOLD_ID,
	DCX_ENTRY_IDEMPOTENCY_KEY,
	DCX_ENTRY_DESCRIPTION,
	DCX_ENTRY_DETAILS,
	DCX_ENTRY_ROLE,
	DCX_ENTRY_SESSION_ROLE
};

enum
{
	DCX_HOLD_HOLD_ID,
	DCX_HOLD_ORGANISATION,
	DCX_HOLD_AMOUNT,
	DCX_HOLD_STATE,
	DCX_HOLD_HELD_AT,
	DCX_HOLD_EXPIRES_IN,
	DCX_HOLD_FIRST_EXPIRES_AT,
	DCX_HOLD_EXPIRES_AT,
	DCX_HOLD_AVAILABLE,
	DCX_HOLD_RESOLVED_AT,
	DCX_HOLD_CAPTURED,
	DCX_HOLD_ENTRY_ID,
	DCX_HOLD_AVAILABLE_THEN,
	DCX_HOLD_IDEMPOTENCY_KEY,
	DCX_HOLD_DESCRIPTION,
	DCX_HOLD_DETAILS,
	DCX_HOLD_QUOTE,
	DCX_HOLD_ROLE,
	DCX_HOLD_SESSION_ROLE
};

enum
{
	DCX_KEY_ORGANISATION,
	DCX_KEY_IDEMPOTENCY_KEY,
	DCX_KEY_ENTRY_ID,
	DCX_KEY_HOLD_ID
};

/* Where everything is in a table of ours. Plain values, good as long as the table stays locked. */
typedef struct DcxShape
{
	Oid			  relation;
	Oid			  index;					  /* of the primary key */
	TransactionId index_made_by;			  /* older snapshots must not use it; or invalid */
	AttrNumber	  attnums[DCX_TABLE_COLUMNS]; /* of the columns, by their numbers above */
} DcxShape;

/* The relation of that name in schema dcx, whatever it is; or InvalidOid. */
extern Oid dcx_table_relation(DcxTableId id);

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
