/*
 * tables.h
 *		Our tables in schema dcx: what they are, how they are made, and brought along.
 *
 * They belong to whoever attached, are kept by pg_dump and outlive the extension. So they can be of
 * an earlier version than the library, or of a later one. Every attach writes into its rows of
 * dcx.binding which version it left behind:
 *
 *		1	no version stands there
 *		2	dcx.binding.version
 *
 * A later version adds columns that may be NULL, and nothing else: then a library works on tables of
 * an earlier version, where such a column is not there yet and reads as NULL, until somebody attaches
 * again and the column is added. On tables of a later version it does not work (55000): it would not
 * write what that version counts on.
 */
#ifndef DCX_TABLES_H
#define DCX_TABLES_H

#include "nodes/pg_list.h"

#define DCX_TABLES_VERSION 2

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
	const char *rest;		  /* of its definition, or NULL */
} DcxTableColumn;

typedef struct DcxTable
{
	const char	  *name;
	int			   ncolumns;
	DcxTableColumn columns[DCX_TABLE_COLUMNS];
	int			   nkeys; /* columns of the primary key, in its order */
	int			   keys[DCX_TABLE_KEY_SIZE];
	const char	  *storage; /* parameters of the table, or NULL */
	const char	  *index;	/* the columns of another index, or NULL */
	const char	  *comment;
	const char	  *catalog; /* dcx_attach_<catalog>() makes it */
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
	DCX_BINDING_ATTACHED_AT,
	DCX_BINDING_VERSION
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

/* The relation of that name in schema dcx, whatever it is; or InvalidOid. */
extern Oid dcx_table_relation(DcxTableId id);

/*
 * Refuses (42501), when attaching, what belongs to neither the caller nor a superuser: its owner
 * could change what we trust, or be the one we run as.
 */
extern void dcx_tables_check_owner(Oid owner, const char *what);

/* The same for schema dcx and a table in it, where they are there. */
extern void dcx_table_check_trusted(DcxTableId id);

/*
 * Inside a run, as the caller: makes a table, and schema dcx before, where it is missing; nobody else
 * gets a right on it, whatever default privileges say. One that is there must be trusted (42501), and gets, as its owner, the columns that it lacks and that may be NULL, each
 * with a notice. Whether it is then as it has to be is for dcx_shape_check() to say.
 */
extern void dcx_table_make(DcxTableId id);

/* The columns that a table lacks, as a list of const DcxTableColumn *; NIL where there is no table. */
extern List *dcx_table_lacks(DcxTableId id);

/* Whether attaching again would add a column: it may be NULL. */
extern bool dcx_table_may_add(const DcxTableColumn *column);

#endif /* DCX_TABLES_H */
