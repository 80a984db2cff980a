/*
 * request.h
 *		What a call that moves money asks for, and whether it asked before.
 *
 * The idempotency key says which requests are one: the first of them is carried out, every later
 * one is answered as the first was. A key is an organisation's own, and is kept for ever.
 */
#ifndef DCX_REQUEST_H
#define DCX_REQUEST_H

#include "fmgr.h"
#include "utils/jsonb.h"

#include "src/wallet/account.h"

typedef struct DcxRequest
{
	const char *function;	  /* as SQL calls it */
	const char *organisation; /* as the wallet table would have it */
	const char *key;
	Numeric		amount;		   /* NULL where a price decides it */
	Interval   *expires_in;	   /* of a hold; else NULL */
	const char *description;   /* or NULL */
	Jsonb	   *details;	   /* or NULL */
	Jsonb	   *specification; /* of what is priced; or NULL */
	Numeric		max_cost;	   /* or NULL */
} DcxRequest;

/*
 * Arguments that must be given; NULL is 22004 and called by name. The key has 1 to 255 bytes, the
 * amount is one that can be moved (dcx_money_amount), a time to expire is above 0 and finite; else
 * 22023.
 */
extern char		*dcx_request_text(FunctionCallInfo fcinfo, int argument, const char *name);
extern char		*dcx_request_organisation(FunctionCallInfo fcinfo, int argument);
extern char		*dcx_request_key(FunctionCallInfo fcinfo, int argument);
extern Numeric	 dcx_request_amount(FunctionCallInfo fcinfo, int argument);
extern Numeric	 dcx_request_number(FunctionCallInfo fcinfo, int argument, const char *name);
extern Jsonb	*dcx_request_json(FunctionCallInfo fcinfo, int argument, const char *name);
extern int64	 dcx_request_hold_id(FunctionCallInfo fcinfo, int argument);
extern Interval *dcx_request_expires_in(FunctionCallInfo fcinfo, int argument);

/* Arguments that may be NULL. */
extern char	 *dcx_request_optional_text(FunctionCallInfo fcinfo, int argument);
extern Jsonb *dcx_request_optional_json(FunctionCallInfo fcinfo, int argument);

/* When a hold that is made or extended at a time expires; 22023 where that is not later. */
extern TimestampTz dcx_request_expiry(const Interval *expires_in, TimestampTz at);

/*
 * What the request's key was used for, as far as the active snapshot knows. No lock is taken, nothing
 * is written.
 */
extern DcxKeyUse dcx_request_look(const DcxRequest *request);

/* Refuses (ZD004) a request whose key was used for another one. The detail says what differs. */
extern void dcx_request_check_same(const DcxRequest *request, DcxKeyUse use);

#endif /* DCX_REQUEST_H */
