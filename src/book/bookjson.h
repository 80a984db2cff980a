/*
 * bookjson.h
 *		A price book as a value in SQL: {"RAM_GB": {"title": "RAM", "price": 37, ...}, ...}.
 *
 * A network service has "bands" in the place of a price, and a provider: {"FIBRE": {"title":
 * "Fibre", "provider": "Carrier", "active": true, "bands": [{"min_mbps": 1, "max_mbps": 20,
 * "fixed_price": 895, "price_per_mbps": 32.5}, ...]}, ...}. It is active unless it says false.
 *
 * A number that JSON has not is the text "NaN", "Infinity" or "-Infinity". A code that several rows
 * have has no price and no band, and "rows" says how many they are. So a book goes there and back
 * with what is wrong in it.
 */
#ifndef DCX_BOOKJSON_H
#define DCX_BOOKJSON_H

#include "fmgr.h"
#include "utils/jsonb.h"

#include "src/book/book.h"

/*
 * The rows as a value, in the current memory context, the same for the same rows in any order. Rows
 * without a code are left out.
 */
extern Jsonb *dcx_bookjson_value(const DcxProductRow *rows, int nrows, bool with_costs);

/*
 * The rows of a value, in the current memory context; numbers point into the value, which has to
 * live as long. Anything but an object is 22023; what is wrong within a product, a network service
 * or a band becomes its fault.
 */
extern DcxProductRow *dcx_bookjson_rows(Jsonb *value, int *nrows);

/*
 * An argument as a book, kept for the call site: of the same value the book is made once. Only for
 * functions that keep nothing else in fn_extra.
 */
extern DcxPriceBook *dcx_bookjson_argument(FunctionCallInfo fcinfo, int argument);

#endif /* DCX_BOOKJSON_H */
