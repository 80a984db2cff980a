/*
 * float8.c
 *		The double precision form of an SQL function: it calls the numeric form.
 */
#include "postgres.h"

#include "src/base/float8.h"
#include "src/base/money.h"

Datum
dcx_float8_call(FunctionCallInfo fcinfo, PGFunction numeric_form, int float8s)
{
	LOCAL_FCINFO(call, DCX_FLOAT8_ARGUMENTS);
	Datum result;

	Assert(fcinfo->nargs <= DCX_FLOAT8_ARGUMENTS);

	/* A copy: the executor sets a constant argument once, and counts on finding it for every row. */
	memcpy(call, fcinfo, SizeForFunctionCallInfo(fcinfo->nargs));
	for (int i = 0; i < call->nargs; i++)
		if ((float8s & DCX_ARGUMENT(i)) && !call->args[i].isnull)
			call->args[i].value =
				NumericGetDatum(dcx_numeric_from_float8(DatumGetFloat8(fcinfo->args[i].value)));

	result = numeric_form(call);
	fcinfo->isnull = call->isnull;
	return result;
}
