/*
 * movement.h
 *		Credit and debit: money that comes and goes at once. A capture uses the same functions.
 */
#ifndef DCX_MOVEMENT_H
#define DCX_MOVEMENT_H

#include "fmgr.h"

#include "src/wallet/account.h"

/* Carries out a movement that changes the balance, and puts its entry into the function's result. */
extern void dcx_movement_execute(FunctionCallInfo fcinfo, Oid owner, DcxMovement *movement);

/* Puts an entry that was written before into the function's result, with replayed true. */
extern void dcx_movement_replay(FunctionCallInfo fcinfo, const char *organisation, int64 entry_id);

#endif /* DCX_MOVEMENT_H */
