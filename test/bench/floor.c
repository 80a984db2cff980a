/*
 * floor.c
 *		The least that a C function of dcx_vm_cost's arity can cost: touches its arguments and
 *		returns a numeric. Only for the bench, which builds it aside and loads it by its path.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "utils/numeric.h"

PG_MODULE_MAGIC;

/* bench_floor(text, integer, integer, text, integer) */
PG_FUNCTION_INFO_V1(bench_floor);
Datum
bench_floor(PG_FUNCTION_ARGS)
{
	text *cpu_type = PG_GETARG_TEXT_PP(0);
	text *storage_type = PG_GETARG_TEXT_PP(3);
	int64 touched = 0;

	touched += VARSIZE_ANY_EXHDR(cpu_type) + *VARDATA_ANY(cpu_type);
	touched += VARSIZE_ANY_EXHDR(storage_type) + *VARDATA_ANY(storage_type);
	touched += PG_GETARG_INT32(1);
	touched += PG_GETARG_INT32(2);
	touched += PG_GETARG_INT32(4);
	PG_RETURN_NUMERIC(int64_to_numeric(touched));
}
