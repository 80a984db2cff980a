/*
 * pricebook.h
 *		Which price book answers: the catalog's own, or one that was saved.
 *
 * dcx_pricing.max_price_age above 0: the newest saved book answers while it was last seen within
 * that time, as of the transaction's start, and the catalog itself otherwise. Which of the two is
 * decided once per transaction. dcx_pricing.on_outage = saved: where the catalog cannot be reached
 * the newest saved book answers, with a warning.
 *
 * One book per catalog and backend is kept in memory, and used again as long as the exactness rule
 * (snapshot.h) says that reading again would give the same; a saved book, as long as its row is
 * the newest one. A new book is built aside and takes the old one's place in one step, so that an
 * error on the way leaves the old one as it was.
 */
#ifndef DCX_PRICEBOOK_H
#define DCX_PRICEBOOK_H

#include "datatype/timestamp.h"

#include "src/book/book.h"
#include "src/catalog/catalog.h"

/* The settings; dcx_pricing.c defines them. */
typedef enum DcxOnOutage
{
	DCX_ON_OUTAGE_ERROR,
	DCX_ON_OUTAGE_SAVED
} DcxOnOutage;

extern int dcx_max_price_age; /* seconds */
extern int dcx_on_outage;	  /* DcxOnOutage */

/*
 * The book of a catalog that answers under the active snapshot. It and all in it hold until anything runs that
 * can open a relation: copy what must live longer. ZD007 where nothing is attached, ZD008 where
 * the catalog cannot be reached.
 */
extern DcxPriceBook *dcx_pricebook_get(DcxCatalogId id);

/* The (first) relation that the book which answered last is from, and when its prices were seen. */
extern void dcx_pricebook_origin(DcxCatalogId id, Oid *relation, TimestampTz *read_at);

/*
 * The rows of the book that answers, costs and categories included, in the current memory context.
 * Errors as dcx_pricebook_get(); a catalog without a product is ZD008.
 */
extern DcxProductRow *dcx_pricebook_rows(DcxCatalogId id, int *nrows);

/*
 * The same of the catalog itself, whatever the settings say, and whether it is of this database:
 * another one is seen as it was when our transaction first looked there, whatever for.
 */
extern DcxProductRow *dcx_pricebook_live_rows(DcxCatalogId id, int *nrows, bool *near);

#endif /* DCX_PRICEBOOK_H */
