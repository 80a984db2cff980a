/*
 * bookjson.h
 *		A price book as a value in SQL: {"RAM_GB": {"title": "RAM", "price": 37, ...}, ...}.
 *
 * A network service has "bands" instead of a price, and a provider: {"FIBRE": {"title": "Fibre",
 * "provider": "Carrier", "active": true, "bands": [{"min_mbps": 1, "max_mbps": 20, "fixed_price": 895,
 * "price_per_mbps": 32.5}, ...]}, ...}. Its provider is active unless "active" is false.
 *
 * A book written as JSON and read again says the same, also about what is wrong in it: a number that JSON
 * cannot have is the string "NaN", "Infinity" or "-Infinity"; a code that several rows have is written
 * without price and bands, and "rows" says how many there are.
 */
#ifndef DCX_BOOKJSON_H
#define DCX_BOOKJSON_H

#include "fmgr.h"
#include "utils/jsonb.h"

#include "src/book/book.h"

/*
 * Writes rows as JSON, in the current memory context. The same rows in another order give an equal value.
 * Rows without a code are left out.
 */
extern Jsonb *dcx_bookjson_value(const DcxProductRow *rows, int nrows, bool with_costs);

/*
 * Reads the rows of a book, in the current memory context. Their numbers point into the jsonb, which has to
 * live as long. What is not an object is 22023; what is wrong inside a product, a network service or a band
 * is no error here, but becomes its fault.
 */
extern DcxProductRow *dcx_bookjson_rows(Jsonb *value, int *nrows);

/*
 * An argument of the call, as a book. It is kept in fn_extra: calls from the same place with an equal
 * argument get the same book again. Only for functions that keep nothing else in fn_extra.
 */
extern DcxPriceBook *dcx_bookjson_argument(FunctionCallInfo fcinfo, int argument);

#endif /* DCX_BOOKJSON_H */
