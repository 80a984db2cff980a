/*
 * guarded.h
 *		Work whose failure is a result, and not the end of the statement.
 */
#ifndef DCX_GUARDED_H
#define DCX_GUARDED_H

#include "utils/elog.h"

/*
 * Does work in a subtransaction. Returns NULL; or, after rolling the work back, the error that it
 * failed with, in the current memory context. An error by which this backend is told to stop is
 * raised again.
 */
extern ErrorData *dcx_guarded(void (*work)(void *argument), void *argument);

/*
 * The same for work that itself releases the subtransaction, by ReleaseCurrentSubTransaction(), once it is done.
 * Releasing one can send a message to another server.
 */
extern ErrorData *dcx_guarded_releasing(void (*work)(void *argument), void *argument);

/*
 * Whether an error means that this backend itself was told to stop: its query was cancelled, or its
 * session ended. An error with the same SQLSTATE that another server or a function has raised means
 * nothing of the kind.
 */
extern bool dcx_told_to_stop(const ErrorData *error);

#endif /* DCX_GUARDED_H */
