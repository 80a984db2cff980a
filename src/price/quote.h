/*
 * quote.h
 *		The lines of a quote: what, how much of it, at which price.
 */
#ifndef DCX_QUOTE_H
#define DCX_QUOTE_H

#include "fmgr.h"

#include "src/base/money.h"

typedef struct DcxQuoteLine
{
	char   *code;
	char   *title;
	Numeric quantity;
	Numeric unit_price;
	Numeric amount; /* exact: quantity x unit_price */
} DcxQuoteLine;

/*
 * The line of a price and a quantity, a copy of all of it in the current memory context. Numbers beyond
 * numeric's own range are numeric's error (22003).
 */
extern DcxQuoteLine dcx_quote_line(const char *code, const char *title, const DcxTerm *term);

/* Makes a line one of so many times the quantity; a whole number. */
extern void dcx_quote_line_times(DcxQuoteLine *line, Numeric count);

/*
 * Puts a line into the materialized result of a function that returns (line, code, title, quantity,
 * unit_price, amount), or (line, item, code, ...): item is 0 where there is no such column.
 */
extern void dcx_quote_put_line(FunctionCallInfo fcinfo, int number, int item,
							   const DcxQuoteLine *line);

/* Lines of the one kind, numbered from 1. */
extern void dcx_quote_put(FunctionCallInfo fcinfo, const DcxQuoteLine *lines, int nlines);

#endif /* DCX_QUOTE_H */
