/*
 * quote.c
 *		The lines of a quote: what, how much of it, at which price.
 */
#include "postgres.h"

#include "funcapi.h"
#include "quote.h"
#include "utils/builtins.h"

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
dcx_quote_put(FunctionCallInfo fcinfo, const DcxQuoteLine *lines, int nlines)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	for (int i = 0; i < nlines; i++)
	{
		Datum values[6];
		bool  nulls[6] = {false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = CStringGetTextDatum(lines[i].code);
		values[2] = CStringGetTextDatum(lines[i].title);
		values[3] = NumericGetDatum(lines[i].quantity);
		values[4] = NumericGetDatum(lines[i].unit_price);
		values[5] = NumericGetDatum(lines[i].amount);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}
