/*
 * order.h
 *		What an order costs, line by line. order_items.h says what an order is.
 */
#ifndef DCX_ORDER_H
#define DCX_ORDER_H

#include "src/book/book.h"
#include "src/catalog/catalog.h"
#include "src/price/order_items.h"
#include "src/price/quote.h"

/* A line of an order's quote. */
typedef struct DcxOrderLine
{
	int			 item; /* the item that it belongs to, counted from 1 */
	DcxQuoteLine line;
} DcxOrderLine;

/* Where the prices of one catalog came from. Not known when the caller gave the book. */
typedef struct DcxOrderSource
{
	const char *catalog; /* its name; NULL: the order needs nothing of this catalog, or see above */
	Oid			relation; /* the relation that its prices were read from */
	TimestampTz read_at;  /* when they were read there */
} DcxOrderSource;

typedef struct DcxOrderQuote
{
	int			   nlines;
	DcxOrderLine  *lines;				  /* in the order of the items */
	Numeric		   cost;				  /* the sum of the lines, not rounded */
	DcxOrderSource sources[DCX_CATALOGS]; /* by DcxCatalogId */
} DcxOrderQuote;

/*
 * What an order costs: by the given book or, where book is NULL, by the books that answer under the
 * active snapshot. Sets the sizes of the order's templates. The result is in the current memory
 * context. An item that cannot be priced makes the whole call fail; the error's context names the item
 * by its number.
 */
extern DcxOrderQuote dcx_order_price(DcxOrder *order, DcxPriceBook *book);

#endif /* DCX_ORDER_H */
