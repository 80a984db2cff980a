/*
 * json.c
 *		Builds a jsonb, member by member.
 *
 * A thin layer over the server's pushJsonbValue(), which keeps the open objects and arrays in its own state.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "src/base/json.h"

static JsonbValue
string_value(const char *text)
{
	JsonbValue value = {.type = jbvString};

	value.val.string.val = unconstify(char *, text);
	value.val.string.len = strlen(text);
	return value;
}

static void
push_name(DcxJson *json, const char *name)
{
	JsonbValue key;

	if (!name)
		return;
	key = string_value(name);
	pushJsonbValue(&json->state, WJB_KEY, &key);
}

static void
push(DcxJson *json, const char *name, JsonbValue value)
{
	push_name(json, name);
	pushJsonbValue(&json->state, name ? WJB_VALUE : WJB_ELEM, &value);
}

static void
begin_container(DcxJson *json, const char *name, JsonbIteratorToken token)
{
	push_name(json, name);
	pushJsonbValue(&json->state, token, NULL);
}

void
dcx_json_begin_object(DcxJson *json, const char *name)
{
	begin_container(json, name, WJB_BEGIN_OBJECT);
}

void
dcx_json_begin_array(DcxJson *json, const char *name)
{
	begin_container(json, name, WJB_BEGIN_ARRAY);
}

void
dcx_json_end_object(DcxJson *json)
{
	json->whole = pushJsonbValue(&json->state, WJB_END_OBJECT, NULL);
}

void
dcx_json_end_array(DcxJson *json)
{
	json->whole = pushJsonbValue(&json->state, WJB_END_ARRAY, NULL);
}

void
dcx_json_text(DcxJson *json, const char *name, const char *text)
{
	JsonbValue null = {.type = jbvNull};

	push(json, name, text ? string_value(text) : null);
}

void
dcx_json_jsonb(DcxJson *json, const char *name, Jsonb *jsonb)
{
	JsonbValue value = {.type = jbvNull};

	if (jsonb)
		JsonbToJsonbValue(jsonb, &value);
	push(json, name, value);
}

void
dcx_json_number(DcxJson *json, const char *name, Numeric number)
{
	JsonbValue value = {.type = jbvNull};

	if (number && (numeric_is_nan(number) || numeric_is_inf(number)))
		value = string_value(
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number))));
	else if (number)
	{
		value.type = jbvNumeric;
		value.val.numeric = number;
	}
	push(json, name, value);
}

void
dcx_json_integer(DcxJson *json, const char *name, int64 number)
{
	dcx_json_number(json, name, int64_to_numeric(number));
}

void
dcx_json_boolean(DcxJson *json, const char *name, bool boolean)
{
	JsonbValue value = {.type = jbvBool};

	value.val.boolean = boolean;
	push(json, name, value);
}

Jsonb *
dcx_json_result(const DcxJson *json)
{
	return JsonbValueToJsonb(json->whole);
}

Jsonb *
dcx_json_parse(const char *text)
{
	return text ? DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text))) : NULL;
}
