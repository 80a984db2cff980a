/*
 * request.c
 *		The request of a call that moves money: its arguments, and whether it was made before.
 *
 * request_json() makes the fingerprint of a request. It is the only place that knows what belongs to
 * one: whatever is added to DcxRequest is added there, and read back in request_of_entry() or
 * request_of_hold().
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "src/base/errcodes.h"
#include "src/base/json.h"
#include "src/base/money.h"
#include "src/base/shape.h"
#include "src/base/text.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/request.h"
#include "src/wallet/wallet.h"

#define KEY_LENGTH_MAX	   255
#define DIFFERENCES_LISTED 10

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
				errhint("Make up a key once for a request, and send it with every attempt, such as "
						"the order's id."));
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

bool
dcx_request_boolean(FunctionCallInfo fcinfo, int argument, const char *name)
{
	check_given(fcinfo, argument, name);
	return PG_GETARG_BOOL(argument);
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
dcx_request_look(const DcxRequest *request)
{
	dcx_ledger_owner(dcx_wallet_bound(), false);
	return dcx_ledger_key(request->organisation, request->key, false);
}

/* --------------------------------------------------------------------------------------------------
 * Whether two requests are the same
 * --------------------------------------------------------------------------------------------------
 */

/*
 * The fingerprint of a request, as JSON; what is not given is null. Two requests are the same when
 * these are equal as jsonb, for which the order of keys and trailing zeros make no difference.
 */
static Jsonb *
request_json(const DcxRequest *request)
{
	DcxJson json = {0};
	char   *expires_in = NULL;

	if (request->expires_in)
		expires_in = DatumGetCString(
			DirectFunctionCall1(interval_out, IntervalPGetDatum(request->expires_in)));
	dcx_json_begin_object(&json, NULL);
	dcx_json_text(&json, "function", request->function);
	dcx_json_number(&json, "amount", dcx_numeric_trimmed(request->amount));
	dcx_json_text(&json, "expires_in", expires_in);
	dcx_json_text(&json, "description", request->description);
	dcx_json_jsonb(&json, "details", request->details);
	dcx_json_jsonb(&json, "specification", request->specification);
	dcx_json_number(&json, "max_cost", dcx_numeric_trimmed(request->max_cost));
	dcx_json_end_object(&json);
	return dcx_json_result(&json);
}

/* The request that made an entry. */
static DcxRequest
request_of_entry(const char *organisation, int64 entry_id)
{
	static const int columns[] = {DCX_ENTRY_KIND,
								  DCX_ENTRY_AMOUNT,
								  DCX_ENTRY_DESCRIPTION,
								  DCX_ENTRY_DETAILS};
	Datum			 values[lengthof(columns)];
	bool			 nulls[lengthof(columns)];
	DcxRequest		 request = {0};

	dcx_ledger_entry(organisation, entry_id, lengthof(columns), columns, values, nulls);
	request.function = psprintf("dcx_wallet_%s", TextDatumGetCString(values[0]));
	request.amount = DatumGetNumeric(DirectFunctionCall1(numeric_abs, values[1]));
	request.description = nulls[2] ? NULL : TextDatumGetCString(values[2]);
	request.details = nulls[3] ? NULL : DatumGetJsonbP(values[3]);
	return request;
}

/* A member of a hold's quote; NULL where it is not there, or null. */
static JsonbValue *
quote_member(Jsonb *quote, const char *name)
{
	JsonbValue *value = NULL;

	if (JB_ROOT_IS_OBJECT(quote))
		value = getKeyJsonValueFromContainer(&quote->root, name, strlen(name), NULL);
	return value && value->type != jbvNull ? value : NULL;
}

/* Reads what was asked for from the quote of a hold that was priced. */
static void
take_quote(DcxRequest *request, int64 hold_id, Jsonb *quote)
{
	JsonbValue *function = quote_member(quote, "function");
	JsonbValue *specification = quote_member(quote, "specification");
	JsonbValue *max_cost = quote_member(quote, "max_cost");

	if (!function || function->type != jbvString || (max_cost && max_cost->type != jbvNumeric))
		dcx_shape_refuse(dcx_table_relation(DCX_TABLE_HOLD),
						 psprintf("The quote of hold " INT64_FORMAT
								  " does not say what was asked for.",
								  hold_id));
	request->function = pnstrdup(function->val.string.val, function->val.string.len);
	request->specification = specification ? JsonbValueToJsonb(specification) : NULL;
	request->max_cost = max_cost ? max_cost->val.numeric : NULL;
}

/* The request that made a hold. */
static DcxRequest
request_of_hold(int64 hold_id)
{
	static const int columns[] = {DCX_HOLD_AMOUNT,
								  DCX_HOLD_EXPIRES_IN,
								  DCX_HOLD_DESCRIPTION,
								  DCX_HOLD_DETAILS,
								  DCX_HOLD_QUOTE};
	Datum			 values[lengthof(columns)];
	bool			 nulls[lengthof(columns)];
	DcxRequest		 request = {.function = "dcx_wallet_hold"};

	if (!dcx_ledger_hold(hold_id, true, lengthof(columns), columns, values, nulls, NULL))
		dcx_ledger_gone("wallet_hold", "Hold", hold_id);
	request.expires_in = DatumGetIntervalP(values[1]);
	request.details = nulls[3] ? NULL : DatumGetJsonbP(values[3]);
	if (nulls[4])
	{
		request.amount = DatumGetNumeric(values[0]);
		request.description = nulls[2] ? NULL : TextDatumGetCString(values[2]);
	}
	/* Amount and description were made of the price; nobody asked for them. */
	else
		take_quote(&request, hold_id, DatumGetJsonbP(values[4]));
	return request;
}

/* A part of a fingerprint that an error can name: a member, or an item of an order. */
typedef struct Part
{
	const char *name;	/* of the member; of an item "item" */
	int			item;	/* the item's number, from 1; 0 for a member */
	bool		stored; /* true: of the stored request; false: of the one at hand */
	JsonbValue	value;	/* points into the fingerprint */
} Part;

static List *
add_part(List *parts, const char *name, int item, bool stored, const JsonbValue *value)
{
	Part *part = palloc(sizeof(Part));

	part->name = name;
	part->item = item;
	part->stored = stored;
	part->value = *value;
	return lappend(parts, part);
}

static List *
add_items(List *parts, bool stored, JsonbContainer *array)
{
	JsonbIterator	  *iterator = JsonbIteratorInit(array);
	int				   item = 0;
	JsonbValue		   value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			parts = add_part(parts, "item", ++item, stored, &value);
	return parts;
}

/* Adds the parts of a fingerprint, without those that are not given. */
static List *
add_parts(List *parts, bool stored, Jsonb *request)
{
	JsonbIterator	  *iterator = JsonbIteratorInit(&request->root);
	const char		  *name = NULL;
	JsonbValue		   value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE && strcmp(name, "specification") == 0 &&
				 value.type == jbvBinary && JsonContainerIsArray(value.val.binary.data))
			parts = add_items(parts, stored, value.val.binary.data);
		else if (token == WJB_VALUE && value.type != jbvNull)
			parts = add_part(parts, name, 0, stored, &value);
	}
	return parts;
}

/* Sorts parts by name, and items by number. */
static int
compare_parts(const ListCell *a, const ListCell *b)
{
	const Part *left = lfirst(a);
	const Part *right = lfirst(b);
	int			names = strcmp(left->name, right->name);

	return names != 0 ? names : left->item - right->item;
}

/* The value of a part, for an error: the caller's JSON as JSON, any other text without quotes. */
static char *
part_text(const Part *part)
{
	Jsonb *value;

	if (!part)
		return pstrdup("not given");
	if (part->value.type == jbvString && part->item == 0 && strcmp(part->name, "details") != 0 &&
		strcmp(part->name, "specification") != 0)
		return pnstrdup(part->value.val.string.val, part->value.val.string.len);
	value = JsonbValueToJsonb(unconstify(JsonbValue *, &part->value));
	return JsonbToCString(NULL, &value->root, VARSIZE(value));
}

/* Whether two parts, of which one may be missing, have equal values. */
static bool
equal_parts(const Part *a, const Part *b)
{
	Jsonb *left;
	Jsonb *right;

	if (!a || !b)
		return false;
	left = JsonbValueToJsonb(unconstify(JsonbValue *, &a->value));
	right = JsonbValueToJsonb(unconstify(JsonbValue *, &b->value));
	return compareJsonbContainers(&left->root, &right->root) == 0;
}

/* Lists the parts that are different, for an error; of two orders only the items that are. */
static char *
difference(Jsonb *was, Jsonb *is)
{
	List		*parts = add_parts(add_parts(NIL, true, was), false, is);
	const char **texts = palloc(sizeof(char *) * list_length(parts));
	int			 ntexts = 0;

	list_sort(parts, compare_parts);
	for (int i = 0; i < list_length(parts); i++)
	{
		const Part *part = list_nth(parts, i);
		const Part *other = NULL;
		const Part *before;
		const Part *now;

		if (i + 1 < list_length(parts) &&
			compare_parts(list_nth_cell(parts, i), list_nth_cell(parts, i + 1)) == 0)
			other = list_nth(parts, ++i);
		if (equal_parts(part, other))
			continue;
		before = part->stored ? part : other;
		now = part->stored ? other : part;
		texts[ntexts++] = psprintf("%s was %s, is %s",
								   part->item ? psprintf("item %d", part->item) : part->name,
								   dcx_text_shown(part_text(before)),
								   dcx_text_shown(part_text(now)));
	}
	return dcx_text_join(texts, ntexts, DIFFERENCES_LISTED, "; ");
}

void
dcx_request_check_same(const DcxRequest *request, DcxKeyUse use)
{
	DcxRequest stored = use.entry_id ? request_of_entry(request->organisation, use.entry_id) :
									   request_of_hold(use.hold_id);
	Jsonb	  *was = request_json(&stored);
	Jsonb	  *is = request_json(request);

	if (compareJsonbContainers(&was->root, &is->root) == 0)
		return;
	ereport(ERROR,
			errcode(DCX_ERRCODE_KEY_REUSED),
			errmsg("idempotency key \"%s\" of organisation \"%s\" was used for another request",
				   dcx_text_shown(request->key),
				   dcx_text_shown(request->organisation)),
			errdetail("%s.", difference(was, is)),
			errhint("The same request again needs the same arguments; another one needs a key "
					"of its own."));
}
