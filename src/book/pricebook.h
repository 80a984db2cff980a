/*
 * pricebook.h
 *		Which price book answers: the catalog's own, or a saved one.
 *
 * Two settings decide. dcx_pricing.max_price_age above 0: the newest saved book answers if it was last seen within that
 * time before the transaction began, else the catalog itself. The decision is made once per transaction.
 * dcx_pricing.on_outage = saved: when the catalog cannot be reached, the newest saved book answers, with a warning.
 *
 * A backend keeps one book per catalog in memory. It is used again only where reading again would give the same: by the
 * exactness rule (snapshot.h) for the catalog's own book; for a saved book, while its row still is the newest one.
 */
#ifndef DCX_PRICEBOOK_H
#define DCX_PRICEBOOK_H

#include "datatype/timestamp.h"

#include "src/book/book.h"
#include "src/catalog/catalog.h"

/* What to do when the catalog cannot be reached. */
typedef enum DcxOnOutage
{
	DCX_ON_OUTAGE_ERROR, /* fail with ZD008 */
	DCX_ON_OUTAGE_SAVED	 /* let the newest saved book answer */
} DcxOnOutage;

/* The settings. dcx_pricing.c declares them to the server. */
extern int dcx_max_price_age; /* seconds */
extern int dcx_on_outage;	  /* a DcxOnOutage */

/*
 * The book of a catalog that answers under the active snapshot. ZD007 when nothing is attached, ZD008 when the catalog
 * cannot be reached.
 *
 * The book, and everything in it, is valid only until something opens a relation: that can run code which comes back
 * here and replaces the book. So ask for it last, and copy what has to live longer.
 */
extern DcxPriceBook *dcx_pricebook_get(DcxCatalogId id);

/* Where the book that answered last came from: its relation (the first of several), and when its prices were seen. */
extern void dcx_pricebook_origin(DcxCatalogId id, Oid *relation, TimestampTz *read_at);

/*
 * The rows of the book that answers, with costs and categories, in the current memory context. Errors as
 * dcx_pricebook_get(); a catalog without a product is ZD008, too.
 */
extern DcxProductRow *dcx_pricebook_rows(DcxCatalogId id, int *nrows);

/*
 * The same from the catalog itself, whatever the settings say. *near: whether all its relations are tables of this
 * database. A catalog in another database is seen as it was when our transaction first read anything there.
 */
extern DcxProductRow *dcx_pricebook_live_rows(DcxCatalogId id, int *nrows, bool *near);

#endif /* DCX_PRICEBOOK_H */
