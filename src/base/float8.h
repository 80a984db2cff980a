/*
 * float8.h
 *		The double precision form of an SQL function: it calls the numeric form.
 *
 * A function with both forms computes in numeric only. Its double precision form converts its arguments
 * and calls the numeric form's C function, so results and errors are the same. Only dcx_vm_cost() and
 * dcx_network_cost() read a float8 themselves (dcx_quantity_from_float8): they are called for every row of
 * a large table, where the detour would cost more than the price.
 */
#ifndef DCX_FLOAT8_H
#define DCX_FLOAT8_H

#include "fmgr.h"

/* A set of arguments, by their numbers from 0: DCX_ARGUMENT(1) | DCX_ARGUMENT(2). */
#define DCX_ARGUMENT(n) (1 << (n))

/* A call has at most this many arguments. */
#define DCX_FLOAT8_ARGUMENTS 8

/*
 * Calls the numeric form for a call of the double precision form. float8s: the arguments that are
 * float8; each may be NULL. The numeric form sees the same call site, so it can keep a cache in
 * fn_extra and return a set. NaN and infinity become their numeric values, for the numeric form to refuse.
 */
extern Datum dcx_float8_call(FunctionCallInfo fcinfo, PGFunction numeric_form, int float8s);

#endif /* DCX_FLOAT8_H */
