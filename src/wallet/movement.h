/*
 * movement.h
 *		Credit and debit: money that comes and goes at once. A capture uses the same functions.
 */
#ifndef DCX_MOVEMENT_H
#define DCX_MOVEMENT_H

#include "fmgr.h"

#include "src/wallet/account.h"

/*
 * Moves an amount into a locked wallet, or out of it, and puts the entry into the function's result.
 * freed: how much of the held money becomes free, or NULL. Sets movement->change; the caller sets the
 * rest. The commit will be durable, whatever synchronous_commit says.
 */
extern void dcx_movement_execute(FunctionCallInfo fcinfo, DcxMovement *movement,
								 const DcxStanding *standing, Numeric amount, bool out,
								 Numeric freed);

/* Puts an entry that was written before into the function's result, with replayed true. */
extern void dcx_movement_replay(FunctionCallInfo fcinfo, const char *organisation, int64 entry_id);

#endif /* DCX_MOVEMENT_H */
