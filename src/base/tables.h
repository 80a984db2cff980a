/*
 * tables.h
 *		Our tables in schema dcx: their columns, and how they are made and upgraded.
 *
 * The tables belong to whoever attached, are dumped by pg_dump and outlive the extension. So they can be of an earlier
 * version than the library, or of a later one. Every attach writes the version that it leaves behind into its rows of
 * dcx.binding:
 *
 *		1	a row without a version
 *		2	dcx.binding.version was added
 *		3	of dcx.wallet_hold, index wallet_hold_expires replaces wallet_hold_expiry
 *
 * A later version only ever adds columns that may be NULL, and has other indexes. So a library works with tables of an
 * earlier version: a column that is not there yet reads as NULL, until somebody attaches again and it is added. A
 * library refuses (55000) tables of a later version, since it would not write what that version relies on.
 */
#ifndef DCX_TABLES_H
#define DCX_TABLES_H

#include "nodes/pg_list.h"

/* The version that this library makes. */
#define DCX_TABLES_VERSION 3

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
#define DCX_TABLE_COLUMNS  20 /* the most columns that a table has */
#define DCX_TABLE_KEY_SIZE 2  /* the most columns that a primary key has */
#define DCX_TABLE_INDEXES  2  /* the most indexes that a table has besides it */

/* A column of ours. Users may add columns of their own, which we ignore. */
typedef struct DcxTableColumn
{
	const char *name;
	Oid			type;
	Oid			collation; /* of text and text[]; else InvalidOid */
	bool		not_null;  /* a NULL in it is an error when it is read */
	bool not_negative; /* of a numeric: so is a value below 0 (one that is not finite always is) */
	bool changes;	   /* rows of ours are updated in it */
	int	 since;		   /* the version of our tables that it came with */
	const char *rest;  /* the rest of its definition, such as a default; or NULL */
} DcxTableColumn;

/* An index of ours. Nothing relies on it being there: without it, calls are only slower. */
typedef struct DcxTableIndex
{
	const char *name;
	const char *columns;  /* as CREATE INDEX takes them */
	const char *replaces; /* an index of earlier versions, which attach drops; or NULL */
} DcxTableIndex;

typedef struct DcxTable
{
	const char	  *name;
	int			   ncolumns;
	DcxTableColumn columns[DCX_TABLE_COLUMNS];
	int			   nkeys;
	int			   keys[DCX_TABLE_KEY_SIZE]; /* the columns of the primary key, in its order */
	const char	  *storage;					 /* storage parameters, or NULL */
	DcxTableIndex
				indexes[DCX_TABLE_INDEXES]; /* besides the primary key, up to one without a name */
	const char *comment;					/* for COMMENT ON TABLE */
	const char *catalog;					/* dcx_attach_<catalog>() makes the table */
} DcxTable;

/* The tables, by DcxTableId. Their columns have the numbers that follow. */
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

/* The relation with the table's name in schema dcx, whatever it is. InvalidOid when there is none. */
extern Oid dcx_table_relation(DcxTableId id);

/*
 * Refuses (42501), when attaching, what belongs to neither the caller nor a superuser: its owner
 * could change what we trust, or be the one we run as. catalog: that of the object, such as pg_class;
 * what: the object, in an error.
 */
extern void dcx_tables_check_owner(Oid catalog, Oid object, const char *what);

/* The same for the owners of schema dcx and a table in it, if these exist. */
extern void dcx_table_check_trusted(DcxTableId id);

/*
 * Inside a run as the caller: makes a table that is missing, and schema dcx. No other role gets a right on it, whatever
 * the default privileges say.
 *
 * A table that exists must be trusted (42501), and gets the columns that it lacks and that may be NULL, each with a
 * notice. Call dcx_shape_check() afterwards: this does not check whether the table is as it should be.
 */
extern void dcx_table_make(DcxTableId id);

/*
 * Inside a run: gives a table that is as it should be the indexes that it lacks, each with a notice. Tables of an
 * earlier version lack some.
 */
extern void dcx_table_add_indexes(DcxTableId id);

/* The columns that a table lacks, as a list of const DcxTableColumn *. NIL when there is no such table. */
extern List *dcx_table_lacks(DcxTableId id);

/* Whether attaching again adds this column when it is missing; it does when the column may be NULL. */
extern bool dcx_table_may_add(const DcxTableColumn *column);

#endif /* DCX_TABLES_H */
