/*
 * movement.h
 *		Credit and debit: money that comes and goes at once; and what a capture has in common with
 *		them.
 */
#ifndef DCX_MOVEMENT_H
#define DCX_MOVEMENT_H

#include "fmgr.h"

#include "src/wallet/account.h"

/*
 * Moves an amount into a locked wallet, or out of it, and answers with the entry. freed: what was
 * held of it, or NULL. The commit will be durable. Fills the movement's change in; the rest of it
 * is the caller's.
 */
extern void dcx_movement_execute(FunctionCallInfo fcinfo, DcxMovement *movement,
								 const DcxStanding *standing, Numeric amount, bool out,
								 Numeric freed);

/* Answers with an entry that is there, as the first time. */
extern void dcx_movement_replay(FunctionCallInfo fcinfo, const char *organisation, int64 entry_id);

#endif /* DCX_MOVEMENT_H */
