/*
 * hold.h
 *		Money held for an order until it is captured or released, or the hold expires.
 */
#ifndef DCX_HOLD_H
#define DCX_HOLD_H

#include "src/wallet/request.h"

/* The row that answers a hold, a release or an extension. */
typedef struct DcxHeld
{
	int64		hold_id;
	const char *organisation;
	Numeric		amount;
	TimestampTz expires_at;
	Numeric		available;
	bool		replayed;
} DcxHeld;

/* The hold that was made of the request before, as the first time; false where there is none. */
extern bool dcx_hold_made(const DcxRequest *request, DcxHeld *held);

/*
 * Holds a cost, rounded to cents, for the request, which nobody is known to have made before: locks
 * the wallet, looks again, decides and writes. quote: kept with the hold, or NULL; then its
 * description is this one. 22023 where it is 0.00, ZD009 where it is above the request's max_cost,
 * ZD001 where it is not available.
 */
extern DcxHeld dcx_hold_make(const DcxRequest *request, Numeric cost, Jsonb *quote,
							 const char *description);

#endif /* DCX_HOLD_H */
