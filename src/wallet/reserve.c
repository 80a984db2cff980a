/*
 * reserve.c
 *		Orders: priced, rounded to cents once, and the money held.
 *
 * The steps of a call: check the arguments, look the key up, price the order, lock the wallet, look the
 * key up again, decide, write. Pricing may read another server and wait for it, so it comes before the
 * lock. A replay is answered before pricing, also when that server is down.
 *
 * The quote is kept with the hold: dcx_hold_verify() proves the amount by it later.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "src/base/json.h"
#include "src/base/money.h"
#include "src/base/relation.h"
#include "src/base/result.h"
#include "src/base/text.h"
#include "src/price/order.h"
#include "src/wallet/hold.h"

/* Where the arguments after the key are, counted from the key; both functions have the same. */
enum
{
	AFTER_KEY_EXPIRES_IN = 1,
	AFTER_KEY_MAX_COST,
	AFTER_KEY_REFUSALS
};

/* How many lines of the quote a hold's description lists. */
#define LINES_DESCRIBED 10

static Numeric
number_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	return dcx_quantity_numeric(
		dcx_quantity_from_numeric(name, dcx_request_number(fcinfo, argument, name)));
}

static text *
text_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	return cstring_to_text(dcx_request_text(fcinfo, argument, name));
}

/* A time as JSON has it: ISO 8601. */
static void
put_time(DcxJson *json, const char *name, TimestampTz time)
{
	char text[MAXDATELEN + 1];

	JsonEncodeDateTime(text, TimestampTzGetDatum(time), TIMESTAMPTZOID, NULL);
	dcx_json_text(json, name, pstrdup(text));
}

/* Which catalogs the prices are from and when they were read there; and the oldest of these times. */
static void
put_sources(DcxJson *json, const DcxOrderQuote *quote)
{
	const DcxOrderSource *oldest = NULL;

	dcx_json_begin_object(json, "catalogs");
	for (int i = 0; i < DCX_CATALOGS; i++)
	{
		const DcxOrderSource *source = &quote->sources[i];

		if (!source->catalog)
			continue;
		dcx_json_begin_object(json, source->catalog);
		dcx_json_text(json, "relation", dcx_relation_name(source->relation));
		put_time(json, "read_at", source->read_at);
		dcx_json_end_object(json);
		if (!oldest || source->read_at < oldest->read_at)
			oldest = source;
	}
	dcx_json_end_object(json);
	put_time(json, "read_at", oldest->read_at);
}

static void
put_held_line(DcxJson *json, int n, const DcxOrderLine *ordered)
{
	const DcxQuoteLine *line = &ordered->line;

	dcx_json_begin_object(json, NULL);
	dcx_json_integer(json, "line", n);
	dcx_json_integer(json, "item", ordered->item);
	dcx_json_text(json, "code", line->code);
	dcx_json_text(json, "title", line->title);
	dcx_json_number(json, "quantity", line->quantity);
	dcx_json_number(json, "unit_price", line->unit_price);
	dcx_json_number(json, "amount", line->amount);
	dcx_json_end_object(json);
}

/* The quote as the hold keeps it. */
static Jsonb *
quote_json(const DcxRequest *request, const DcxOrderQuote *quote)
{
	DcxJson json = {0};

	dcx_json_begin_object(&json, NULL);
	dcx_json_text(&json, "function", request->function);
	dcx_json_jsonb(&json, "specification", request->specification);
	dcx_json_number(&json, "cost", quote->cost);
	if (request->max_cost)
		dcx_json_number(&json, "max_cost", request->max_cost);
	put_sources(&json, quote);
	dcx_json_begin_array(&json, "lines");
	for (int i = 0; i < quote->nlines; i++)
		put_held_line(&json, i + 1, &quote->lines[i]);
	dcx_json_end_array(&json);
	dcx_json_end_object(&json);
	return dcx_json_result(&json);
}

/* What the hold is for, for whoever lists holds: the first lines of the quote. */
static char *
hold_description(const char *what, const DcxOrderQuote *quote)
{
	const char *lines[LINES_DESCRIBED];

	for (int i = 0; i < Min(quote->nlines, LINES_DESCRIBED); i++)
		lines[i] = psprintf("%s x %s",
							dcx_numeric_text(quote->lines[i].line.quantity),
							quote->lines[i].line.code);
	return psprintf("%s: %s", what, dcx_text_list(lines, quote->nlines, LINES_DESCRIBED));
}

/* Puts the answer into the function's result: what is held, or why nothing is. */
static void
put_reserved(FunctionCallInfo fcinfo, const DcxHeld *held)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[6];
	bool		   nulls[6] = {false};

	nulls[0] = nulls[2] = held->refused != NULL;
	values[0] = Int64GetDatum(held->hold_id);
	values[1] = NumericGetDatum(dcx_money_display(held->amount));
	values[2] = TimestampTzGetDatum(held->expires_at);
	values[3] = NumericGetDatum(dcx_money_display(held->available));
	values[4] = BoolGetDatum(held->replayed);
	values[5] = dcx_text_column(held->refused, &nulls[5]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Carries a request out, or answers it as the first time. what: the order, for the hold's description;
 * key: the number of the argument that is the idempotency key.
 */
static Datum
reserve(FunctionCallInfo fcinfo, const char *function, const char *what, DcxOrder *order, int key)
{
	DcxRequest request = {.function = function};
	DcxHeld	   held;

	dcx_result_begin(fcinfo);
	request.specification = dcx_order_specification(order);
	request.key = dcx_request_key(fcinfo, key);
	request.expires_in = dcx_request_expires_in(fcinfo, key + AFTER_KEY_EXPIRES_IN);
	if (!PG_ARGISNULL(key + AFTER_KEY_MAX_COST))
		request.max_cost = number_argument(fcinfo, key + AFTER_KEY_MAX_COST, "max_cost");
	request.refusals = dcx_request_boolean(fcinfo, key + AFTER_KEY_REFUSALS, "refusals");
	request.organisation = dcx_request_organisation(fcinfo, 0);

	if (!dcx_hold_made(&request, &held))
	{
		DcxOrderQuote quote = dcx_order_price(order, NULL);

		held = dcx_hold_make(&request,
							 quote.cost,
							 quote_json(&request, &quote),
							 hold_description(what, &quote));
	}

	put_reserved(fcinfo, &held);
	return (Datum) 0;
}

/*
 * dcx_vm_reserve(org text, cpu_type text, cpus numeric, ram_gb numeric, storage_type text,
 *				  gb numeric, idempotency_key text, expires_in interval, max_cost numeric,
 *				  refusals boolean)
 */
PG_FUNCTION_INFO_V1(dcx_vm_reserve);
Datum
dcx_vm_reserve(PG_FUNCTION_ARGS)
{
	text   *cpu_type = text_argument(fcinfo, 1, "cpu_type");
	Numeric cpus = number_argument(fcinfo, 2, "cpus");
	Numeric ram_gb = number_argument(fcinfo, 3, "ram_gb");
	text   *storage_type = text_argument(fcinfo, 4, "storage_type");
	Numeric gb = number_argument(fcinfo, 5, "gb");

	return reserve(fcinfo,
				   "dcx_vm_reserve",
				   "VM",
				   dcx_order_of_vm(cpu_type, cpus, ram_gb, storage_type, gb),
				   6);
}

/*
 * dcx_order_reserve(org text, items jsonb, idempotency_key text, expires_in interval,
 *					 max_cost numeric, refusals boolean)
 */
PG_FUNCTION_INFO_V1(dcx_order_reserve);
Datum
dcx_order_reserve(PG_FUNCTION_ARGS)
{
	Jsonb *items = dcx_request_json(fcinfo, 1, "items");

	return reserve(fcinfo, "dcx_order_reserve", "Order", dcx_order_read(items), 2);
}
