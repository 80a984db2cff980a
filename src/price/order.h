/*
 * order.h
 *		Orders: what a customer places at once, as a value in SQL, and what it costs, line by line.
 *
 * [{"vm": {"cpu_type": "2GHZ", "cpus": 4, "ram_gb": 8, "storage_type": "PREMIUM", "gb": 100}, "count": 3},
 *	{"template": "Ubuntu Server 20.04", "cpu_type": "1GHZ", "storage_type": "STANDARD"},
 *	{"network": {"service": "PV_FIBRE_BUSINESS", "mbps": 100}},
 *	{"product": "BACKUP_GB", "quantity": 500}]
 */
#ifndef DCX_ORDER_H
#define DCX_ORDER_H

#include "utils/jsonb.h"

#include "src/book/book.h"
#include "src/catalog/catalog.h"
#include "src/price/quote.h"

/* How many items an order has at most. */
#define DCX_ORDER_ITEMS_MAX 1000

/* What is ordered; order.c's. */
typedef struct DcxOrder DcxOrder;

typedef struct DcxOrderLine
{
	int			 item; /* which it is of, from 1 */
	DcxQuoteLine line;
} DcxOrderLine;

/* Where prices are from; of a book that was given that is not known. */
typedef struct DcxOrderSource
{
	const char *catalog; /* NULL: the order needs none of it */
	Oid			relation;
	TimestampTz read_at;
} DcxOrderSource;

typedef struct DcxOrderQuote
{
	int			   nlines;
	DcxOrderLine  *lines; /* in the order of the items */
	Numeric		   cost;  /* their sum, not rounded */
	DcxOrderSource sources[DCX_CATALOGS];
} DcxOrderQuote;

/*
 * Reads an order. Its numbers are in the value, which has to live as long. Anything but an array of items
 * is 22023; so is what is wrong in one, where the message names the item by its number, from 1, and the key.
 */
extern DcxOrder *dcx_order_read(Jsonb *items);

/* The order of one VM, of arguments that are called by their names. Errors of its size as dcx_vm_cost(). */
extern DcxOrder *dcx_order_of_vm(const text *cpu_type, Numeric cpus, Numeric ram_gb,
								 const text *storage_type, Numeric gb);

/*
 * The order as JSON. Two orders have equal specifications if and only if they are the same request,
 * however they were written: keys in another order, 1.0 for 1, or a "count" of 1 make no difference.
 * Of dcx_order_of_vm() it is the VM alone. In the current memory context.
 */
extern Jsonb *dcx_order_specification(const DcxOrder *order);

/*
 * What an order costs by a book, or by those that answer under the active snapshot (NULL), all of it in the
 * current memory context. All or nothing: what is wrong with one item, its price or its template, is an
 * error, with the item's number as its context.
 */
extern DcxOrderQuote dcx_order_price(DcxOrder *order, DcxPriceBook *book);

#endif /* DCX_ORDER_H */
