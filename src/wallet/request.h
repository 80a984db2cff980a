/*
 * request.h
 *		The request of a call that moves money: its arguments, and whether it was made before.
 *
 * A client gives each request an idempotency key and repeats the request with the same key. The first
 * call is carried out; every later one gets the same answer. A key belongs to an organisation, and is
 * kept for ever.
 *
 * Only the key is looked up. That the arguments are the same, too, is checked by building the first
 * request again from the entry or hold that it made. Nothing else is stored for it.
 */
#ifndef DCX_REQUEST_H
#define DCX_REQUEST_H

#include "fmgr.h"
#include "utils/jsonb.h"

#include "src/wallet/account.h"

/* A request: of the call at hand, or read back from the entry or hold that it made. */
typedef struct DcxRequest
{
	const char *function;	   /* the function that was called, such as dcx_wallet_credit */
	const char *organisation;  /* as the wallet table has it; not read back */
	const char *key;		   /* the idempotency key; not read back */
	Numeric		amount;		   /* NULL when a price decides it */
	Interval   *expires_in;	   /* of a hold; else NULL */
	const char *description;   /* or NULL */
	Jsonb	   *details;	   /* or NULL */
	Jsonb	   *specification; /* the order that is priced; else NULL */
	Numeric		max_cost;	   /* or NULL */
	bool refusals; /* how to answer, not what is asked for: no part of the request's identity */
} DcxRequest;

/*
 * Each reads an argument that must be given: NULL is 22004. These are 22023: a key of other than 1 to
 * 255 bytes, an amount that dcx_money_amount() refuses, an expires_in that is not above 0 and finite.
 */
extern char		*dcx_request_text(FunctionCallInfo fcinfo, int argument, const char *name);
extern char		*dcx_request_organisation(FunctionCallInfo fcinfo, int argument);
extern char		*dcx_request_key(FunctionCallInfo fcinfo, int argument);
extern Numeric	 dcx_request_amount(FunctionCallInfo fcinfo, int argument);
extern Numeric	 dcx_request_number(FunctionCallInfo fcinfo, int argument, const char *name);
extern Jsonb	*dcx_request_json(FunctionCallInfo fcinfo, int argument, const char *name);
extern bool		 dcx_request_boolean(FunctionCallInfo fcinfo, int argument, const char *name);
extern int64	 dcx_request_hold_id(FunctionCallInfo fcinfo, int argument);
extern Interval *dcx_request_expires_in(FunctionCallInfo fcinfo, int argument);

/* Arguments that may be NULL. */
extern char	 *dcx_request_optional_text(FunctionCallInfo fcinfo, int argument);
extern Jsonb *dcx_request_optional_json(FunctionCallInfo fcinfo, int argument);

/* The time of a hold's end: at plus expires_in. Refuses (22023) an end that is not after at, or infinite. */
extern TimestampTz dcx_request_expiry(const Interval *expires_in, TimestampTz at);

/* What the request's key was used for, as the active snapshot shows it. Takes no lock, writes nothing. */
extern DcxKeyUse dcx_request_look(const DcxRequest *request);

/*
 * Refuses (ZD004) a request that is not the one that its key was used for; the detail says what
 * differs. 55000 when the entry or hold is missing or damaged.
 */
extern void dcx_request_check_same(const DcxRequest *request, DcxKeyUse use);

#endif /* DCX_REQUEST_H */
