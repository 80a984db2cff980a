/*
 * saved.h
 *		The saved price books: the rows of dcx.price_book.
 *
 * A row is one book of one catalog, and says from when (first_seen_at) until when (last_seen_at) the catalog
 * was seen to have these prices. Rows are never changed, but for last_seen_at of a catalog's newest row. The
 * table belongs to the role that attached first and contains costs; it is read and written as its owner.
 */
#ifndef DCX_SAVED_H
#define DCX_SAVED_H

#include "nodes/execnodes.h"
#include "utils/jsonb.h"

#include "src/base/lookup.h"
#include "src/base/snapshot.h"
#include "src/book/book.h"
#include "src/catalog/catalog.h"

/*
 * What is known of a catalog's newest book, without the book itself. The module that uses one keeps it in a
 * static variable and sets the first field; the other fields are dcx_saved_get()'s.
 */
typedef struct DcxSaved
{
	const char	 *catalog;
	bool		  found; /* false: the catalog has none, and the fields below mean nothing */
	int64		  book_id;
	TimestampTz	  last_seen_at;
	int32		  products; /* how many rows the catalog had */
	DcxRowVersion version;	/* of the row: an update makes another */
	DcxStamp	  stamp;	/* what the read of dcx.price_book could see */
	DcxSource	  source;	/* dcx.price_book, for the exactness rule */
	Oid			  table;	/* likewise: its OID */
} DcxSaved;

/* dcx_saved_get() calls it when the newest row has to be read again. Call that instead. */
extern void dcx_saved_read(DcxSaved *saved);

/*
 * Makes *saved what it is under the active snapshot. 42501 when the table belongs to a role that may not
 * attach the catalog, 55000 when the table is not as we made it.
 */
static inline void
dcx_saved_get(DcxSaved *saved)
{
	if (unlikely(!dcx_stamp_holds(&saved->stamp, &saved->source)))
		dcx_saved_read(saved);
}

/*
 * Reads the rows of the book that was found, with costs, into the current memory context. The active snapshot
 * must be the one that it was found under.
 */
extern DcxProductRow *dcx_saved_rows(const DcxSaved *saved, int *nrows);

/* Makes dcx.price_book when it is missing. Inside a run as the caller. */
extern void dcx_saved_make(void);

/*
 * Locks dcx.price_book (SHARE ROW EXCLUSIVE) until the end of the transaction: nobody else can save a book,
 * or change a row by hand. Call it before the catalog is read: then books are saved in the order in which
 * they were read. 55000 when there is no such table.
 */
extern void dcx_saved_lock(DcxCatalogId id);

/*
 * Saves the rows that the catalog had at a time (seen_at): as a new row when they differ from the newest
 * book, else as a new last_seen_at of that. *saved, of which the catalog is set, becomes the newest row.
 * Returns whether that is a new row.
 *
 * Nothing is written when the newest book was seen after seen_at; unless it was seen in the future, which
 * means that a clock was wrong.
 */
extern bool dcx_saved_put(DcxSaved *saved, const DcxProductRow *rows, int nrows,
						  TimestampTz seen_at);

/*
 * Finds the book that was in force at a time: with costs, in the current memory context.
 *
 * *last_seen_at: when it was last seen. *next_at: when the next one was first seen, or infinity. NULL when
 * the time is before the first book; then *next_at is when that was first seen, or infinity if there is none.
 */
extern Jsonb *dcx_saved_at(const char *catalog, TimestampTz at, TimestampTz *last_seen_at,
						   TimestampTz *next_at);

/*
 * Puts the periods of prices into the materialized result of dcx_price_history(): those that overlap the time from
 * since until just before until. code: of one product or network service, without case if no book has it exactly;
 * NULL: all.
 */
extern void dcx_saved_history(ReturnSetInfo *result, const char *catalog, const char *code,
							  TimestampTz since, TimestampTz until);

#endif /* DCX_SAVED_H */
