/*
 * result.c
 *		The result of a function that returns rows.
 */
#include "postgres.h"

#include "funcapi.h"

#include "src/base/result.h"

void
dcx_result_begin(FunctionCallInfo fcinfo)
{
	const ReturnSetInfo *result = (const ReturnSetInfo *) fcinfo->resultinfo;
	bool				 described = result && IsA(result, ReturnSetInfo) && result->expectedDesc;

	InitMaterializedSRF(fcinfo, described ? MAT_SRF_USE_EXPECTED_DESC : 0);
}
