/*
 * quote.h
 *		The lines of a quote: what, how much of it, at which price.
 *
 * Every kind of quote (VM, network, order) is a list of such lines. Their exact amounts add up to the cost.
 */
#ifndef DCX_QUOTE_H
#define DCX_QUOTE_H

#include "fmgr.h"

#include "src/base/money.h"

typedef struct DcxQuoteLine
{
	char   *code;		/* of the product or network service */
	char   *title;		/* what the customer reads */
	Numeric quantity;	/* without trailing zeros */
	Numeric unit_price; /* two decimals, or as many as it has */
	Numeric amount;		/* quantity x unit_price, exact */
} DcxQuoteLine;

/*
 * Makes the line of a price and a quantity, copied into the current memory context. An amount beyond
 * numeric's range is 22003, numeric's own error.
 */
extern DcxQuoteLine dcx_quote_line(const char *code, const char *title, const DcxTerm *term);

/* Multiplies a line's quantity and amount by a whole number. */
extern void dcx_quote_line_times(DcxQuoteLine *line, Numeric count);

/*
 * Adds a row to the materialized result of a function that returns (line, item, code, title, quantity,
 * unit_price, amount, total). item is 0 and total NULL for a function without these two columns.
 */
extern void dcx_quote_put_line(FunctionCallInfo fcinfo, int number, int item,
							   const DcxQuoteLine *line, Numeric total);

/* Adds all lines, numbered from 1, to the result of a function without these columns. */
extern void dcx_quote_put(FunctionCallInfo fcinfo, const DcxQuoteLine *lines, int nlines);

#endif /* DCX_QUOTE_H */
