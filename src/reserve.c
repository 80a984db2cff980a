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
#include "hold.h"
#include "money.h"
#include "relation.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"
#include "vm.h"

/* The arguments of dcx_vm_reserve, in their order. */
enum
{
	ARG_ORG,
	ARG_CPU_TYPE,
	ARG_CPUS,
	ARG_RAM_GB,
	ARG_STORAGE_TYPE,
	ARG_GB,
	ARG_KEY,
	ARG_EXPIRES_IN,
	ARG_MAX_COST
};

/* What is to be priced, as the hold keeps it. */
static char *
specification(FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"cpu_type", "cpus", "ram_gb", "storage_type", "gb"};
	StringInfoData			 json;

	initStringInfo(&json);
	for (size_t i = 0; i < lengthof(names); i++)
	{
		int argument = ARG_CPU_TYPE + i;

		appendStringInfo(&json, "%s\"%s\": ", i == 0 ? "{" : ", ", names[i]);
		if (argument == ARG_CPU_TYPE || argument == ARG_STORAGE_TYPE)
			escape_json(&json, dcx_request_text(fcinfo, argument, names[i]));
		else
			appendStringInfoString(&json,
								   dcx_numeric_text(dcx_quantity_numeric(
									   dcx_quantity_from_numeric(names[i],
																 dcx_request_number(fcinfo,
																					argument,
																					names[i])))));
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* The quote as the hold keeps it. */
static Jsonb *
quote_json(const DcxRequest *request, const DcxQuote *quote)
{
	StringInfoData json;
	char		   read_at[MAXDATELEN + 1];

	JsonEncodeDateTime(read_at, TimestampTzGetDatum(quote->read_at), TIMESTAMPTZOID, NULL);
	initStringInfo(&json);
	appendStringInfo(&json,
					 "{\"function\": \"%s\", \"specification\": %s, \"cost\": %s",
					 request->function,
					 request->specification,
					 dcx_numeric_text(quote->cost));
	if (request->max_cost)
		appendStringInfo(&json, ", \"max_cost\": %s", dcx_numeric_text(request->max_cost));
	appendStringInfo(&json, ", \"read_at\": \"%s\", \"relation\": ", read_at);
	escape_json(&json, dcx_relation_name(quote->relation));
	appendStringInfoString(&json, ", \"lines\": [");
	for (int i = 0; i < DCX_VM_LINES; i++)
	{
		const DcxQuoteLine *line = &quote->lines[i];

		appendStringInfo(&json, "%s{\"line\": %d, \"code\": ", i == 0 ? "" : ", ", i + 1);
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

/* What the hold of a VM says it is for. */
static char *
describe(const DcxQuote *quote)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoString(&text, "VM:");
	for (int i = 0; i < DCX_VM_LINES; i++)
		appendStringInfo(&text,
						 "%s %s x %s",
						 i == 0 ? "" : ",",
						 dcx_numeric_text(quote->lines[i].quantity),
						 quote->lines[i].code);
	return text.data;
}

/*
 * dcx_vm_reserve(org text, cpu_type text, cpus numeric, ram_gb numeric, storage_type text,
 *				  gb numeric, idempotency_key text, expires_in interval, max_cost numeric)
 */
PG_FUNCTION_INFO_V1(dcx_vm_reserve);
Datum
dcx_vm_reserve(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DcxRequest	   request = {.function = "dcx_vm_reserve"};
	DcxHeld		   held;
	Datum		   values[5];
	bool		   nulls[5] = {false};

	InitMaterializedSRF(fcinfo, 0);
	request.specification = specification(fcinfo);
	request.key = dcx_request_key(fcinfo, ARG_KEY);
	request.expires_in = dcx_request_expires_in(fcinfo, ARG_EXPIRES_IN);
	if (!PG_ARGISNULL(ARG_MAX_COST))
		request.max_cost = dcx_quantity_numeric(
			dcx_quantity_from_numeric("max_cost", PG_GETARG_NUMERIC(ARG_MAX_COST)));
	request.organisation = dcx_request_organisation(fcinfo, ARG_ORG);

	if (!dcx_hold_made(&request, &held))
	{
		DcxQuote quote = dcx_vm_quote(PG_GETARG_TEXT_PP(ARG_CPU_TYPE),
									  PG_GETARG_NUMERIC(ARG_CPUS),
									  PG_GETARG_NUMERIC(ARG_RAM_GB),
									  PG_GETARG_TEXT_PP(ARG_STORAGE_TYPE),
									  PG_GETARG_NUMERIC(ARG_GB));
		Numeric	 cost = dcx_money_cents(quote.cost);

		held = dcx_hold_make(&request, cost, quote_json(&request, &quote), describe(&quote));
	}

	values[0] = Int64GetDatum(held.hold_id);
	values[1] = NumericGetDatum(dcx_money_display(held.amount));
	values[2] = TimestampTzGetDatum(held.expires_at);
	values[3] = NumericGetDatum(dcx_money_display(held.available));
	values[4] = BoolGetDatum(held.replayed);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
