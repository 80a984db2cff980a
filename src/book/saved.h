/*
 * saved.h
 *		The price books that are kept in MAIN: the rows of dcx.price_book.
 *
 * A row is a book, from when it was first seen until when it was last seen; only the latter moves,
 * and only in the newest row of a catalog. The table belongs to whoever attached first, has costs
 * in it, and is read and written as its owner.
 */
#ifndef DCX_SAVED_H
#define DCX_SAVED_H

#include "utils/jsonb.h"

#include "src/base/lookup.h"
#include "src/base/snapshot.h"
#include "src/book/book.h"

/* The newest book of a catalog, static in the module that uses it, which sets the first field. */
typedef struct DcxSaved
{
	const char	 *catalog;
	bool		  found;
	int64		  book_id;
	TimestampTz	  last_seen_at;
	int32		  products;
	DcxRowVersion version;
	DcxStamp	  stamp; /* the read of dcx.price_book behind all this */
	DcxSource	  source;
	Oid			  table;
} DcxSaved;

/* Reads it anew; call dcx_saved_get(). */
extern void dcx_saved_read(DcxSaved *saved);

/* Brings it up to date with the active snapshot. A table whose owner may not attach is 42501. */
static inline void
dcx_saved_get(DcxSaved *saved)
{
	if (unlikely(!dcx_stamp_holds(&saved->stamp, &saved->source)))
		dcx_saved_read(saved);
}

/*
 * The rows of the book found, costs included, in the current memory context; call it under the
 * snapshot that it was found under.
 */
extern DcxProductRow *dcx_saved_rows(const DcxSaved *saved, int *nrows);

/* Inside a run, as the caller: makes dcx.price_book where it is missing. */
extern void dcx_saved_make(void);

/*
 * Keeps all others from saving until the end of the transaction, and from changing rows by hand: a
 * row that is another one by the time that it is written to would be what was seen. 55000 where
 * there is no table. To be called before the catalog is read: who reads first then saves first.
 */
extern void dcx_saved_lock(const char *catalog);

/*
 * Writes what was seen at a time: a new row where that is another book than the newest one, else
 * the newest row's last_seen_at. saved, of which the catalog is set, becomes the newest row; the
 * result is whether it is a new one. Nothing is written where the newest was seen later, unless that
 * is later than now, by a clock that was wrong.
 */
extern bool dcx_saved_put(DcxSaved *saved, const DcxProductRow *rows, int nrows,
						  TimestampTz seen_at);

/*
 * The book in force at a time, with costs, in the current memory context. NULL before the first:
 * that one's time is then in next_at (or infinity, where there is none at all); else when the next
 * one was first seen (or infinity), and when this one was last seen.
 */
extern Jsonb *dcx_saved_at(const char *catalog, TimestampTz at, TimestampTz *last_seen_at,
						   TimestampTz *next_at);

#endif /* DCX_SAVED_H */
