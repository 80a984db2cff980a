/*
 * guarded.h
 *		Work whose failure is a result, and not the end of the statement.
 */
#ifndef DCX_GUARDED_H
#define DCX_GUARDED_H

#include "utils/elog.h"

/*
 * Does work in a subtransaction. NULL, or the error that it failed with, rolled back, in the current
 * memory context. The user's own cancel, and the server's going down, are no results.
 */
extern ErrorData *dcx_guarded(void (*work)(void *argument), void *argument);

#endif /* DCX_GUARDED_H */
