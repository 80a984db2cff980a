/*
 * guarded.c
 *		Work whose failure is a result, and not the end of the statement.
 *
 * The work runs in a subtransaction, as a block with EXCEPTION does in PL/pgSQL.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "src/base/guarded.h"
#include "src/base/names.h"

bool
dcx_told_to_stop(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION &&
		   error->funcname && strcmp(error->funcname, "ProcessInterrupts") == 0;
}

static ErrorData *
guard(void (*work)(void *argument), void *argument, bool release)
{
	MemoryContext		   context = CurrentMemoryContext;
	ResourceOwner		   owner = CurrentResourceOwner;
	volatile DcxNamesState names = dcx_names_state();
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(argument);
		if (release)
			ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		dcx_names_restore(names);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	if (error && dcx_told_to_stop(error))
		ReThrowError(error);
	return error;
}

ErrorData *
dcx_guarded(void (*work)(void *argument), void *argument)
{
	return guard(work, argument, true);
}

ErrorData *
dcx_guarded_releasing(void (*work)(void *argument), void *argument)
{
	return guard(work, argument, false);
}
