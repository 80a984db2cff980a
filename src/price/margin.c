/*
 * margin.c
 *		What a VM earns: its quote beside what the products cost us.
 *
 * Costs are not in the price book that answers prices, so each call reads the catalog's rows with their
 * costs, and makes a book of the same rows: price and cost are always of one read.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "src/base/float8.h"
#include "src/base/money.h"
#include "src/base/result.h"
#include "src/base/text.h"
#include "src/book/pricebook.h"
#include "src/price/vm.h"

/* What a product costs us; NULL when that is not known, or cannot be used. */
static Numeric
cost_price(const char *code, const DcxProductRow *rows, int nrows)
{
	for (int i = 0; i < nrows; i++)
		if (rows[i].code && strcmp(rows[i].code, code) == 0)
			return dcx_price_is_usable(rows[i].cost) ? rows[i].cost : NULL;
	return NULL;
}

static void
put_margin_line(FunctionCallInfo fcinfo, int number, const DcxQuoteLine *line, Numeric cost)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[10] = {0};
	bool		   nulls[10] = {false};

	values[0] = Int32GetDatum(number);
	values[1] = CStringGetTextDatum(line->code);
	values[2] = CStringGetTextDatum(line->title);
	values[3] = NumericGetDatum(line->quantity);
	values[4] = NumericGetDatum(line->unit_price);
	values[6] = NumericGetDatum(line->amount);
	nulls[5] = nulls[7] = nulls[8] = nulls[9] = !cost;
	if (cost)
	{
		DcxPrice price;
		DcxTerm	 term = {&price, dcx_quantity_from_numeric("quantity", line->quantity)};
		Numeric	 total;
		Numeric	 profit;
		Numeric	 percent;

		dcx_price_set(&price, cost);
		total = dcx_money_sum(&term, 1);
		profit = dcx_money_display(dcx_money_subtract(line->amount, total));
		percent = dcx_money_percent(profit, line->amount);
		values[5] = NumericGetDatum(dcx_money_display(cost));
		values[7] = NumericGetDatum(total);
		values[8] = NumericGetDatum(profit);
		values[9] = percent ? NumericGetDatum(percent) : (Datum) 0;
		nulls[9] = !percent;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Warns of a product that is sold for less than it costs us. */
static void
warn_of_loss(const DcxQuoteLine *line, Numeric cost)
{
	if (cost && dcx_money_compare(cost, line->unit_price) > 0)
		ereport(WARNING,
				errmsg("product \"%s\" is sold below cost", dcx_text_shown(line->code)),
				errdetail("Its price is %s, its cost price %s.",
						  dcx_money_text(line->unit_price),
						  dcx_money_text(cost)));
}

/* dcx_vm_margin(text, numeric, numeric, text, numeric) */
PG_FUNCTION_INFO_V1(dcx_vm_margin_numeric);
Datum
dcx_vm_margin_numeric(PG_FUNCTION_ARGS)
{
	Numeric		   cpus = PG_GETARG_NUMERIC(1);
	Numeric		   ram_gb = PG_GETARG_NUMERIC(2);
	Numeric		   gb = PG_GETARG_NUMERIC(4);
	int			   nrows;
	DcxProductRow *rows;
	DcxQuote	   quote;

	/* As everywhere: the arguments are checked before the catalog is read. */
	dcx_vm_check_size(cpus, ram_gb, gb);
	dcx_result_begin(fcinfo);
	rows = dcx_pricebook_rows(DCX_AAS, &nrows);
	quote = dcx_vm_quote_from(dcx_book_make("catalog", rows, nrows),
							  PG_GETARG_TEXT_PP(0),
							  cpus,
							  ram_gb,
							  PG_GETARG_TEXT_PP(3),
							  gb);
	for (int i = 0; i < DCX_VM_LINES; i++)
	{
		Numeric cost = cost_price(quote.lines[i].code, rows, nrows);

		warn_of_loss(&quote.lines[i], cost);
		put_margin_line(fcinfo, i + 1, &quote.lines[i], cost);
	}
	return (Datum) 0;
}

/* dcx_vm_margin(text, double precision, double precision, text, double precision) */
PG_FUNCTION_INFO_V1(dcx_vm_margin_float8);
Datum
dcx_vm_margin_float8(PG_FUNCTION_ARGS)
{
	return dcx_float8_call(fcinfo, dcx_vm_margin_numeric, DCX_VM_NUMBERS);
}
