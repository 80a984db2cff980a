/*
 * count.c
 *		Counts what a backend does: its instructions, under callgrind, and its processor time. Only for
 *		the bench, which builds it aside and loads it by its path.
 */
#include "postgres.h"

#include <sys/resource.h>

#include <valgrind/callgrind.h>

#include "fmgr.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

/* count_start(): from here on, this backend's instructions are counted. */
PG_FUNCTION_INFO_V1(bench_count_start);
Datum
bench_count_start(PG_FUNCTION_ARGS)
{
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_ZERO_STATS;
	PG_RETURN_VOID();
}

/* count_stop(key text): up to here. callgrind writes a file, and the key into it. */
PG_FUNCTION_INFO_V1(bench_count_stop);
Datum
bench_count_stop(PG_FUNCTION_ARGS)
{
	char *key = text_to_cstring(PG_GETARG_TEXT_PP(0));

	CALLGRIND_STOP_INSTRUMENTATION;
	CALLGRIND_DUMP_STATS_AT(key);
	PG_RETURN_VOID();
}

/* processor_time(): of this backend so far, in microseconds, with what the kernel did for it. */
PG_FUNCTION_INFO_V1(bench_processor_time);
Datum
bench_processor_time(PG_FUNCTION_ARGS)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	PG_RETURN_INT64((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64CONST(1000000) +
					usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}
