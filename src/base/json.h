/*
 * json.h
 *		Builds a jsonb, member by member.
 *
 *		DcxJson json = {0};
 *
 *		dcx_json_begin_object(&json, NULL);
 *		dcx_json_text(&json, "code", "RAM_GB");
 *		dcx_json_begin_array(&json, "numbers");
 *		dcx_json_integer(&json, NULL, 37);
 *		dcx_json_end_array(&json);
 *		dcx_json_end_object(&json);
 *		return dcx_json_result(&json);		{"code": "RAM_GB", "numbers": [37]}
 *
 * name is the member's name in an object, and NULL in an array and at the top. Texts, numbers and names are not
 * copied: they have to live until dcx_json_result().
 */
#ifndef DCX_JSON_H
#define DCX_JSON_H

#include "utils/jsonb.h"
#include "utils/numeric.h"

typedef struct DcxJson
{
	JsonbParseState *state;
	JsonbValue		*whole; /* the result, once the outermost object or array has ended */
} DcxJson;

extern void dcx_json_begin_object(DcxJson *json, const char *name);
extern void dcx_json_end_object(DcxJson *json);
extern void dcx_json_begin_array(DcxJson *json, const char *name);
extern void dcx_json_end_array(DcxJson *json);

/* Add a value. A NULL pointer becomes null. */
extern void dcx_json_text(DcxJson *json, const char *name, const char *text);
extern void dcx_json_jsonb(DcxJson *json, const char *name, Jsonb *value);

/* Adds a number, with all its decimals. NaN, Infinity and -Infinity become strings: JSON has no such numbers. */
extern void dcx_json_number(DcxJson *json, const char *name, Numeric number);
extern void dcx_json_integer(DcxJson *json, const char *name, int64 number);
extern void dcx_json_boolean(DcxJson *json, const char *name, bool boolean);

/* The jsonb, in the current memory context, after the outermost object or array has ended. */
extern Jsonb *dcx_json_result(const DcxJson *json);

/* A text of JSON as jsonb, in the current memory context; NULL for NULL. Errors are jsonb's own. */
extern Jsonb *dcx_json_parse(const char *text);

#endif /* DCX_JSON_H */
