/*
 * hold.h
 *		Money held for an order until it is captured or released, or the hold expires.
 */
#ifndef DCX_HOLD_H
#define DCX_HOLD_H

#include "src/wallet/request.h"

/* The answer to a hold, a release or an extension. */
typedef struct DcxHeld
{
	int64		hold_id;
	const char *organisation; /* as the wallet has it */
	Numeric		amount;		  /* what is held, or was */
	TimestampTz expires_at;	  /* when the hold ends by itself */
	Numeric		available;	  /* what can be spent after the call */
	bool		replayed;	  /* whether the answer is an earlier one */
	const char *refused;	  /* the SQLSTATE of a refusal: nothing is held; else NULL */
} DcxHeld;

/*
 * Looks whether the request was made before: then *held is the answer that it got. False when the
 * active snapshot shows no use of its key. ZD004 when the key was used for another request.
 */
extern bool dcx_hold_made(const DcxRequest *request, DcxHeld *held);

/*
 * Holds a cost, rounded to cents, after dcx_hold_made() was false: locks the wallet, looks the key up
 * again, decides and writes. quote and description are kept with the hold; either may be NULL. Errors:
 * 22023 when the rounded cost is 0.00, ZD009 when it is above the request's max_cost, ZD001 when it is
 * not available, ZD004 as above. With request->refusals, ZD009 and ZD001 are answers: the result then has
 * the cost, what is available, and refused.
 */
extern DcxHeld dcx_hold_make(const DcxRequest *request, Numeric cost, Jsonb *quote,
							 const char *description);

#endif /* DCX_HOLD_H */
