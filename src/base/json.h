/*
 * json.h
 *		Builds a jsonb, member by member.
 *
 * DcxJson json = {0} begins one. In an object each call gives the member's name; at the top, and in
 * an array, the name is NULL. Texts and numbers are not copied: they have to live until
 * dcx_json_result().
 */
#ifndef DCX_JSON_H
#define DCX_JSON_H

#include "utils/jsonb.h"
#include "utils/numeric.h"

typedef struct DcxJson
{
	JsonbParseState *state;
	JsonbValue		*whole; /* once the outermost object or array has ended */
} DcxJson;

extern void dcx_json_begin_object(DcxJson *json, const char *name);
extern void dcx_json_end_object(DcxJson *json);
extern void dcx_json_begin_array(DcxJson *json, const char *name);
extern void dcx_json_end_array(DcxJson *json);

/* A value. The pointers may be NULL, which is null in JSON. */
extern void dcx_json_text(DcxJson *json, const char *name, const char *text);
extern void dcx_json_jsonb(DcxJson *json, const char *name, Jsonb *value);

/* A number, with its scale. NaN, Infinity and -Infinity become texts: JSON has no such numbers. */
extern void dcx_json_number(DcxJson *json, const char *name, Numeric number);
extern void dcx_json_integer(DcxJson *json, const char *name, int64 number);
extern void dcx_json_boolean(DcxJson *json, const char *name, bool boolean);

/* What has been built, in the current memory context. */
extern Jsonb *dcx_json_result(const DcxJson *json);

#endif /* DCX_JSON_H */
