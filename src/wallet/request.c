/*
 * request.c
 *		What a call that moves money asks for, and whether it asked before.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "src/base/errcodes.h"
#include "src/base/money.h"
#include "src/base/query.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/request.h"
#include "src/wallet/wallet.h"

#define KEY_LENGTH_MAX 255

static void
check_given(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("%s must not be NULL", name),
				errhint("A call that moves money is never skipped for a NULL."));
}

char *
dcx_request_text(FunctionCallInfo fcinfo, int argument, const char *name)
{
	check_given(fcinfo, argument, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

char *
dcx_request_organisation(FunctionCallInfo fcinfo, int argument)
{
	return dcx_wallet_organisation(dcx_request_text(fcinfo, argument, "org"));
}

char *
dcx_request_key(FunctionCallInfo fcinfo, int argument)
{
	char *key = dcx_request_text(fcinfo, argument, "idempotency_key");
	int	  length = strlen(key);

	if (length == 0 || length > KEY_LENGTH_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("idempotency_key must have 1 to %d bytes", KEY_LENGTH_MAX),
				errdetail("It has %d.", length),
				errhint("A key that the client makes up once for a request and sends with every "
						"attempt, such as the order's id."));
	return key;
}

Numeric
dcx_request_number(FunctionCallInfo fcinfo, int argument, const char *name)
{
	check_given(fcinfo, argument, name);
	return PG_GETARG_NUMERIC(argument);
}

Numeric
dcx_request_amount(FunctionCallInfo fcinfo, int argument)
{
	return dcx_money_amount("amount", dcx_request_number(fcinfo, argument, "amount"));
}

Jsonb *
dcx_request_json(FunctionCallInfo fcinfo, int argument, const char *name)
{
	check_given(fcinfo, argument, name);
	return PG_GETARG_JSONB_P(argument);
}

int64
dcx_request_hold_id(FunctionCallInfo fcinfo, int argument)
{
	check_given(fcinfo, argument, "hold_id");
	return PG_GETARG_INT64(argument);
}

TimestampTz
dcx_request_expiry(const Interval *expires_in, TimestampTz at)
{
	TimestampTz expiry = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
																 TimestampTzGetDatum(at),
																 IntervalPGetDatum(expires_in)));

	if (expiry <= at || TIMESTAMP_NOT_FINITE(expiry))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("expires_in must be above 0 and finite"),
				errdetail("It is %s.",
						  DatumGetCString(
							  DirectFunctionCall1(interval_out, IntervalPGetDatum(expires_in)))),
				errhint("How long until the money is free again, as in '15 minutes'."));
	return expiry;
}

Interval *
dcx_request_expires_in(FunctionCallInfo fcinfo, int argument)
{
	Interval *expires_in;

	check_given(fcinfo, argument, "expires_in");
	expires_in = PG_GETARG_INTERVAL_P(argument);
	dcx_request_expiry(expires_in, GetCurrentTimestamp());
	return expires_in;
}

char *
dcx_request_optional_text(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

Jsonb *
dcx_request_optional_json(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : PG_GETARG_JSONB_P(argument);
}

DcxKeyUse
dcx_request_look(const DcxRequest *request, Oid *owner)
{
	*owner = dcx_ledger_owner(dcx_wallet_bound(), false);
	return dcx_ledger_key(request->organisation, request->key, false);
}

static void
append_number(StringInfo json, const char *name, Numeric value)
{
	if (value)
		appendStringInfo(json,
						 ", \"%s\": %s",
						 name,
						 dcx_numeric_text(DatumGetNumeric(
							 DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value)))));
}

/* What is asked for, as JSON. */
static char *
request_json(const DcxRequest *request)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"function\": \"%s\"", request->function);
	append_number(&json, "amount", request->amount);
	append_number(&json, "max_cost", request->max_cost);
	if (request->expires_in)
		appendStringInfo(&json,
						 ", \"expires_in\": \"%s\"",
						 DatumGetCString(
							 DirectFunctionCall1(interval_out,
												 IntervalPGetDatum(request->expires_in))));
	if (request->description)
	{
		appendStringInfoString(&json, ", \"description\": ");
		escape_json(&json, request->description);
	}
	if (request->details)
		appendStringInfo(&json,
						 ", \"details\": %s",
						 JsonbToCString(NULL, &request->details->root, VARSIZE(request->details)));
	if (request->specification)
		appendStringInfo(&json,
						 ", \"specification\": %s",
						 JsonbToCString(NULL,
										&request->specification->root,
										VARSIZE(request->specification)));
	appendStringInfoChar(&json, '}');
	return json.data;
}

void
dcx_request_check_same(const DcxRequest *request, Oid owner, DcxKeyUse use)
{
	static DcxPlan	  plan;
	static const char sql[] =
		"WITH asked (request) AS ("
		"   SELECT jsonb_build_object('function', 'dcx_wallet_' || kind,"
		"          'amount', trim_scale(abs(amount)), 'description', description,"
		"          'details', details)"
		"     FROM dcx.wallet_entry WHERE organisation = $1 AND entry_id = $2"
		"   UNION ALL"
		"   SELECT jsonb_build_object('expires_in', expires_in, 'details', details) ||"
		"          CASE WHEN quote IS NULL"
		"          THEN jsonb_build_object('function', 'dcx_wallet_hold',"
		"                 'amount', trim_scale(amount), 'description', description)"
		"          ELSE jsonb_build_object('function', quote->'function',"
		"                 'specification', quote->'specification',"
		"                 'max_cost', trim_scale((quote->>'max_cost')::numeric)) END"
		"     FROM dcx.wallet_hold WHERE hold_id = $3)"
		/* Of two orders, only the items that differ, and not a thousand of them. */
		", request (at, request) AS ("
		"   SELECT 'was', request FROM asked UNION ALL SELECT 'is', $4::jsonb),"
		" part AS ("
		"   SELECT at, key, 0 AS n, value FROM request, jsonb_each_text(request)"
		"    WHERE key <> 'specification' OR jsonb_typeof(request->key) <> 'array'"
		"   UNION ALL"
		"   SELECT at, 'item', n, value FROM request,"
		"          jsonb_array_elements_text(CASE jsonb_typeof(request->'specification')"
		"            WHEN 'array' THEN request->'specification' ELSE '[]' END)"
		"            WITH ORDINALITY AS item (value, n)),"
		" difference AS ("
		"   SELECT format('%s was %s, is %s', concat_ws(' ', key, nullif(n, 0)),"
		"                 coalesce(was.value, 'not given'), coalesce(now.value, 'not given')) AS text,"
		"          row_number() OVER (ORDER BY key, n) AS nth"
		"     FROM (SELECT * FROM part WHERE at = 'was') AS was"
		"     FULL JOIN (SELECT * FROM part WHERE at = 'is') AS now USING (key, n)"
		"    WHERE was.value IS DISTINCT FROM now.value)"
		" SELECT string_agg(text, '; ' ORDER BY nth) FILTER (WHERE nth <= 10) ||"
		"        CASE WHEN count(*) > 10 THEN format('; and %s more', count(*) - 10) ELSE '' END,"
		"        EXISTS (SELECT FROM asked)"
		"   FROM difference";
	DcxParameters parameters = {0};
	char		 *difference;
	DcxRun		  run;

	dcx_parameter_text(&parameters, request->organisation);
	dcx_parameter_int64(&parameters, use.entry_id);
	dcx_parameter_int64(&parameters, use.hold_id);
	dcx_parameter_text(&parameters, request_json(request));
	dcx_run_begin(&run, owner);
	dcx_query_write(&plan, sql, &parameters);
	if (!dcx_query_bool(0, 2))
		use.entry_id ? dcx_ledger_gone("wallet_entry", "Entry", use.entry_id) :
					   dcx_ledger_gone("wallet_hold", "Hold", use.hold_id);
	difference = dcx_query_text(0, 1);
	dcx_run_end(&run);

	if (difference)
		ereport(ERROR,
				errcode(DCX_ERRCODE_KEY_REUSED),
				errmsg("idempotency key \"%s\" of organisation \"%s\" was used for another request",
					   request->key,
					   request->organisation),
				errdetail("%s.", difference),
				errhint("The same request again needs the same arguments; another one needs a key "
						"of its own."));
}
