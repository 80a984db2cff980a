/*
 * result.h
 *		The result of a function that returns rows.
 */
#ifndef DCX_RESULT_H
#define DCX_RESULT_H

#include "fmgr.h"

/*
 * Begins the result of a function with several OUT columns. It is InitMaterializedSRF(), which makes a description of
 * the rows in each call: for six columns that takes as long as finding a row by an index. The executor already has one,
 * made of the same columns, wherever it calls such a function. So that is copied; it is made only if another caller
 * gives none.
 */
extern void dcx_result_begin(FunctionCallInfo fcinfo);

#endif /* DCX_RESULT_H */
