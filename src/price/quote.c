/*
 * quote.c
 *		The lines of a quote: what, how much of it, at which price.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "src/price/quote.h"

DcxQuoteLine
dcx_quote_line(const char *code, const char *title, const DcxTerm *term)
{
	DcxQuoteLine line = {.code = pstrdup(code), .title = pstrdup(title)};

	line.quantity = dcx_quantity_numeric(term->quantity);
	line.unit_price = dcx_money_display(term->price->value);
	line.amount = dcx_money_sum(term, 1);
	return line;
}

void
dcx_quote_line_times(DcxQuoteLine *line, Numeric count)
{
	Numeric quantity = dcx_money_multiply(line->quantity, count);

	line->quantity = dcx_quantity_numeric(dcx_quantity_from_numeric("quantity", quantity));
	line->amount = dcx_money_display(dcx_money_multiply(line->quantity, line->unit_price));
}

void
dcx_quote_put_line(FunctionCallInfo fcinfo, int number, int item, const DcxQuoteLine *line,
				   Numeric total)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[8];
	bool		   nulls[8] = {false};
	int			   n = 0;

	values[n++] = Int32GetDatum(number);
	if (item > 0)
		values[n++] = Int32GetDatum(item);
	values[n++] = CStringGetTextDatum(line->code);
	values[n++] = CStringGetTextDatum(line->title);
	values[n++] = NumericGetDatum(line->quantity);
	values[n++] = NumericGetDatum(line->unit_price);
	values[n++] = NumericGetDatum(line->amount);
	if (total)
		values[n++] = NumericGetDatum(total);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

void
dcx_quote_put(FunctionCallInfo fcinfo, const DcxQuoteLine *lines, int nlines)
{
	for (int i = 0; i < nlines; i++)
		dcx_quote_put_line(fcinfo, i + 1, 0, &lines[i], NULL);
}
