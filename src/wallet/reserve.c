/*
 * reserve.c
 *		Orders: priced, rounded once, and the money held; and proof of that afterwards.
 *
 * In this order: validate, look the key up, price (which may read a remote), lock the wallet, look
 * again, decide, write. Nothing is priced while a wallet is locked.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "src/base/money.h"
#include "src/base/relation.h"
#include "src/price/order.h"
#include "src/wallet/hold.h"

/* The arguments of dcx_vm_reserve and dcx_order_reserve that are the same, after the key. */
enum
{
	AFTER_KEY_EXPIRES_IN = 1,
	AFTER_KEY_MAX_COST
};

/* How many lines the description of a hold has. */
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

/* Where prices are from, and when they were read there: each catalog, and the older of the times. */
static void
append_sources(StringInfo json, const DcxOrderQuote *quote)
{
	const DcxOrderSource *oldest = NULL;
	char				  read_at[MAXDATELEN + 1];

	appendStringInfoString(json, ", \"catalogs\": {");
	for (int i = 0; i < DCX_CATALOGS; i++)
	{
		const DcxOrderSource *source = &quote->sources[i];

		if (!source->catalog)
			continue;
		JsonEncodeDateTime(read_at, TimestampTzGetDatum(source->read_at), TIMESTAMPTZOID, NULL);
		appendStringInfo(json, "%s\"%s\": {\"relation\": ", oldest ? ", " : "", source->catalog);
		escape_json(json, dcx_relation_name(source->relation));
		appendStringInfo(json, ", \"read_at\": \"%s\"}", read_at);
		if (!oldest || source->read_at < oldest->read_at)
			oldest = source;
	}
	JsonEncodeDateTime(read_at, TimestampTzGetDatum(oldest->read_at), TIMESTAMPTZOID, NULL);
	appendStringInfo(json, "}, \"read_at\": \"%s\"", read_at);
}

/* The quote as the hold keeps it. */
static Jsonb *
quote_json(const DcxRequest *request, const DcxOrderQuote *quote)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json,
					 "{\"function\": \"%s\", \"specification\": %s, \"cost\": %s",
					 request->function,
					 JsonbToCString(NULL,
									&request->specification->root,
									VARSIZE(request->specification)),
					 dcx_numeric_text(quote->cost));
	if (request->max_cost)
		appendStringInfo(&json, ", \"max_cost\": %s", dcx_numeric_text(request->max_cost));
	append_sources(&json, quote);
	appendStringInfoString(&json, ", \"lines\": [");
	for (int i = 0; i < quote->nlines; i++)
	{
		const DcxQuoteLine *line = &quote->lines[i].line;

		appendStringInfo(&json,
						 "%s{\"line\": %d, \"item\": %d, \"code\": ",
						 i == 0 ? "" : ", ",
						 i + 1,
						 quote->lines[i].item);
		escape_json(&json, line->code);
		appendStringInfoString(&json, ", \"title\": ");
		escape_json(&json, line->title);
		appendStringInfo(&json,
						 ", \"quantity\": %s, \"unit_price\": %s, \"amount\": %s}",
						 dcx_numeric_text(line->quantity),
						 dcx_numeric_text(line->unit_price),
						 dcx_numeric_text(line->amount));
	}
	appendStringInfoString(&json, "]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* What the hold says it is for. */
static char *
describe(const char *what, const DcxOrderQuote *quote)
{
	int			   described = Min(quote->nlines, LINES_DESCRIBED);
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "%s:", what);
	for (int i = 0; i < described; i++)
		appendStringInfo(&text,
						 "%s %s x %s",
						 i == 0 ? "" : ",",
						 dcx_numeric_text(quote->lines[i].line.quantity),
						 quote->lines[i].line.code);
	if (quote->nlines > described)
		appendStringInfo(&text, ", and %d more", quote->nlines - described);
	return text.data;
}

/*
 * Carries a request out: prices the order and holds what it costs, or answers as the first time. key: the
 * argument that is the key, which the others follow.
 */
static Datum
reserve(FunctionCallInfo fcinfo, const char *function, const char *what, DcxOrder *order, int key)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DcxRequest	   request = {.function = function};
	DcxHeld		   held;
	Datum		   values[5];
	bool		   nulls[5] = {false};

	InitMaterializedSRF(fcinfo, 0);
	request.specification = dcx_order_specification(order);
	request.key = dcx_request_key(fcinfo, key);
	request.expires_in = dcx_request_expires_in(fcinfo, key + AFTER_KEY_EXPIRES_IN);
	if (!PG_ARGISNULL(key + AFTER_KEY_MAX_COST))
		request.max_cost = number_argument(fcinfo, key + AFTER_KEY_MAX_COST, "max_cost");
	request.organisation = dcx_request_organisation(fcinfo, 0);

	if (!dcx_hold_made(&request, &held))
	{
		DcxOrderQuote quote = dcx_order_price(order, NULL);

		held = dcx_hold_make(&request,
							 quote.cost,
							 quote_json(&request, &quote),
							 describe(what, &quote));
	}

	values[0] = Int64GetDatum(held.hold_id);
	values[1] = NumericGetDatum(dcx_money_display(held.amount));
	values[2] = TimestampTzGetDatum(held.expires_at);
	values[3] = NumericGetDatum(dcx_money_display(held.available));
	values[4] = BoolGetDatum(held.replayed);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}

/*
 * dcx_vm_reserve(org text, cpu_type text, cpus numeric, ram_gb numeric, storage_type text,
 *				  gb numeric, idempotency_key text, expires_in interval, max_cost numeric)
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
 *					 max_cost numeric)
 */
PG_FUNCTION_INFO_V1(dcx_order_reserve);
Datum
dcx_order_reserve(PG_FUNCTION_ARGS)
{
	Jsonb *items = dcx_request_json(fcinfo, 1, "items");

	return reserve(fcinfo, "dcx_order_reserve", "Order", dcx_order_read(items), 2);
}
