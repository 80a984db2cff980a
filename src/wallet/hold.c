/*
 * hold.c
 *		Money held for an order until it is captured or released, or the hold expires.
 *
 * The steps of a hold: check the arguments, look the key up, lock the wallet, look the key up again,
 * decide, write. A capture, release or extension does the same with the hold in place of the key.
 *
 * A hold is resolved once. The same capture or release again gets the same answer; any other is ZD005. A
 * call that names the organisation, too, finds only a hold of that organisation: hold_ids are numbers, and
 * in another database the same number is another's hold.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "src/base/errcodes.h"
#include "src/base/money.h"
#include "src/base/result.h"
#include "src/base/shape.h"
#include "src/base/text.h"
#include "src/wallet/hold.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/movement.h"
#include "src/wallet/wallet.h"

/* The columns of dcx.wallet_hold that decide what can be done with a hold. */
typedef struct Hold
{
	int64			hold_id;
	char		   *organisation;
	Numeric			amount;		 /* what it holds */
	char		   *state;		 /* open, captured, released or expired */
	TimestampTz		expires_at;	 /* after this an open hold has expired, too */
	TimestampTz		resolved_at; /* when it was captured, released or expired; 0 while it is open */
	Numeric			captured;	 /* how much was captured; 0 when it was not */
	int64			entry_id;	 /* of the capture; else 0 */
	Numeric			available_then;	 /* what its release answered; 0 when it was not released */
	const char	   *idempotency_key; /* this and the next two: the caller's */
	const char	   *description;	 /* or NULL */
	Jsonb		   *details;		 /* or NULL */
	ItemPointerData place;			 /* of this version of its row */
} Hold;

static void
put_held(FunctionCallInfo fcinfo, const DcxHeld *held)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[6];
	bool		   nulls[6] = {false};

	values[0] = Int64GetDatum(held->hold_id);
	values[1] = CStringGetTextDatum(held->organisation);
	values[2] = NumericGetDatum(dcx_money_display(held->amount));
	values[3] = TimestampTzGetDatum(held->expires_at);
	values[4] = NumericGetDatum(dcx_money_display(held->available));
	values[5] = BoolGetDatum(held->replayed);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The answer that the request got before; refuses (ZD004) another request. */
static DcxHeld
replay_hold(const DcxRequest *request, DcxKeyUse use)
{
	static const int columns[] = {DCX_HOLD_ORGANISATION,
								  DCX_HOLD_AMOUNT,
								  DCX_HOLD_FIRST_EXPIRES_AT,
								  DCX_HOLD_AVAILABLE};
	Datum			 values[lengthof(columns)];
	bool			 nulls[lengthof(columns)];
	DcxHeld			 held = {.hold_id = use.hold_id, .replayed = true};

	dcx_request_check_same(request, use);
	if (!dcx_ledger_hold(use.hold_id, true, lengthof(columns), columns, values, nulls, NULL))
		dcx_ledger_gone("wallet_hold", "Hold", use.hold_id);
	held.organisation = TextDatumGetCString(values[0]);
	held.amount = DatumGetNumeric(values[1]);
	held.expires_at = DatumGetTimestampTz(values[2]);
	held.available = DatumGetNumeric(values[3]);
	return held;
}

bool
dcx_hold_made(const DcxRequest *request, DcxHeld *held)
{
	DcxKeyUse use = dcx_request_look(request);

	if (!dcx_ledger_is_used(use))
		return false;
	*held = replay_hold(request, use);
	return true;
}

/* Whether a price is above max_cost, in cents: so the exact sum of a quote can be its order's limit. */
static bool
is_too_dear(const DcxRequest *request, Numeric cost)
{
	return request->max_cost && dcx_money_compare(cost, dcx_money_cents(request->max_cost)) > 0;
}

/*
 * Refuses (ZD009) a price above max_cost. Called under the lock: until then, the same request in another
 * session may have made the hold at an earlier price.
 */
pg_noreturn static void
refuse_too_dear(const DcxRequest *request, const DcxStanding *standing, Numeric cost)
{
	dcx_account_check_snapshot(standing);
	ereport(ERROR,
			errcode(DCX_ERRCODE_TOO_DEAR),
			errmsg("the price is above max_cost"),
			errdetail("It costs %s, max_cost is %s.",
					  dcx_money_text(cost),
					  dcx_money_text(request->max_cost)),
			errhint("Nothing is held. Show the customer the new price and ask again, with the "
					"same key or another."));
}

/* Refuses (22023) to hold 0.00: a capture of it would move nothing. */
static void
check_costs(const DcxStanding *standing, Numeric cost, Numeric amount)
{
	if (dcx_money_sign(amount) > 0)
		return;
	dcx_account_check_snapshot(standing);
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("a cost of 0.00 cannot be held"),
			errdetail("It costs %s, which is %s in whole cents.",
					  dcx_money_text(cost),
					  dcx_money_text(amount)),
			errhint("Nothing is held. What is free needs no hold: dcx_order_quote() or "
					"dcx_vm_quote() says what an order comes to."));
}

/* The answer that says why nothing is held. As with the error: not out of an old snapshot. */
static DcxHeld
refusal(int state, const DcxStanding *standing, Numeric cost)
{
	DcxHeld refused = {.organisation = standing->organisation,
					   .amount = cost,
					   .available = standing->available,
					   .refused = pstrdup(unpack_sql_state(state))};

	dcx_account_check_snapshot(standing);
	return refused;
}

DcxHeld
dcx_hold_make(const DcxRequest *request, Numeric cost, Jsonb *quote, const char *description)
{
	Numeric		amount = dcx_money_cents(cost);
	DcxStanding standing = dcx_account_lock(request->organisation, request->key);
	DcxHeld		held = {.organisation = standing.organisation, .amount = amount};
	DcxMovement hold = {.kind = DCX_HOLD,
						.amount = amount,
						.expires_in = request->expires_in,
						.idempotency_key = request->key,
						.description = description,
						.details = request->details,
						.quote = quote};

	if (dcx_ledger_is_used(standing.use))
	{
		DcxRequest same = *request;

		same.organisation = standing.organisation;
		return replay_hold(&same, standing.use);
	}
	check_costs(&standing, cost, amount);
	if (is_too_dear(request, amount))
	{
		if (request->refusals)
			return refusal(DCX_ERRCODE_TOO_DEAR, &standing, amount);
		refuse_too_dear(request, &standing, amount);
	}
	if (dcx_money_compare(standing.available, amount) < 0)
	{
		if (request->refusals)
			return refusal(DCX_ERRCODE_INSUFFICIENT, &standing, amount);
		dcx_account_insufficient(&standing, amount);
	}

	held.expires_at = hold.expires_at = dcx_request_expiry(request->expires_in, standing.at);
	hold.change = dcx_account_change(&standing, NULL, amount, hold.expires_at);
	dcx_ledger_move(standing.owner, &hold);
	held.hold_id = hold.hold_id;
	held.available = hold.change.available;
	return held;
}

/*
 * dcx_wallet_hold(org text, amount numeric, idempotency_key text, expires_in interval,
 *				   description text, details jsonb)
 */
PG_FUNCTION_INFO_V1(dcx_wallet_hold);
Datum
dcx_wallet_hold(PG_FUNCTION_ARGS)
{
	DcxRequest request = {.function = "dcx_wallet_hold"};
	DcxHeld	   held;

	dcx_result_begin(fcinfo);
	request.amount = dcx_request_amount(fcinfo, 1);
	request.key = dcx_request_key(fcinfo, 2);
	request.expires_in = dcx_request_expires_in(fcinfo, 3);
	request.description = dcx_request_optional_text(fcinfo, 4);
	request.details = dcx_request_optional_json(fcinfo, 5);
	request.organisation = dcx_request_organisation(fcinfo, 0);

	if (!dcx_hold_made(&request, &held))
		held = dcx_hold_make(&request, request.amount, NULL, request.description);
	put_held(fcinfo, &held);
	return (Datum) 0;
}

static bool
is_open(const Hold *hold)
{
	return strcmp(hold->state, "open") == 0;
}

/* Refuses (55000) a hold in an unknown state, or one that is resolved without a time. */
static void
check_state(const Hold *hold)
{
	static const char *const resolutions[] = {"captured", "released", "expired"};

	if (is_open(hold))
		return;
	for (size_t i = 0; i < lengthof(resolutions); i++)
		if (strcmp(hold->state, resolutions[i]) == 0 && hold->resolved_at != 0)
			return;
	dcx_shape_refuse(dcx_table_relation(DCX_TABLE_HOLD),
					 psprintf(hold->resolved_at != 0 ?
								  "Hold " INT64_FORMAT " is in the unknown state \"%s\"." :
								  "Hold " INT64_FORMAT
								  " is in state \"%s\" and has no resolved_at.",
							  hold->hold_id,
							  dcx_text_shown(hold->state)));
}

/* The columns of a hold, as struct Hold wants them. */
#define HOLD_COLUMNS 11

/*
 * Looks for a hold under the active snapshot, or under a new one. organisation: whose it has to be; NULL:
 * anybody's.
 */
static bool
find_hold(int64 hold_id, const char *organisation, bool latest, Datum *values, bool *nulls,
		  ItemPointer place)
{
	static const int columns[HOLD_COLUMNS] = {DCX_HOLD_ORGANISATION,
											  DCX_HOLD_AMOUNT,
											  DCX_HOLD_STATE,
											  DCX_HOLD_EXPIRES_AT,
											  DCX_HOLD_RESOLVED_AT,
											  DCX_HOLD_CAPTURED,
											  DCX_HOLD_ENTRY_ID,
											  DCX_HOLD_AVAILABLE_THEN,
											  DCX_HOLD_IDEMPOTENCY_KEY,
											  DCX_HOLD_DESCRIPTION,
											  DCX_HOLD_DETAILS};

	return dcx_ledger_hold(hold_id, latest, HOLD_COLUMNS, columns, values, nulls, place) &&
		   (!organisation ||
			dcx_wallet_same_organisation(organisation, TextDatumGetCString(values[0])));
}

/*
 * Refuses a hold that was not found: 40001 when only the transaction's old snapshot does not show it, else
 * ZD011. That says the same about a hold of another organisation.
 */
pg_noreturn static void
refuse_missing(int64 hold_id, const char *organisation)
{
	Datum values[HOLD_COLUMNS];
	bool  nulls[HOLD_COLUMNS];
	bool  there = false;

	if (IsolationUsesXactSnapshot())
	{
		PushActiveSnapshot(GetLatestSnapshot());
		there = find_hold(hold_id, organisation, false, values, nulls, NULL);
		PopActiveSnapshot();
	}
	if (there)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("could not serialize access"),
				errdetail("Hold " INT64_FORMAT " was made after the transaction's snapshot.",
						  hold_id),
				errhint("Run the transaction again."));
	ereport(ERROR,
			errcode(DCX_ERRCODE_NO_SUCH_HOLD),
			organisation ? errmsg("there is no hold " INT64_FORMAT " of organisation \"%s\"",
								  hold_id,
								  dcx_text_shown(organisation)) :
						   errmsg("there is no hold " INT64_FORMAT, hold_id),
			errhint("dcx_wallet_hold(), dcx_vm_reserve() and dcx_order_reserve() answer with the "
					"hold_id; dcx_wallet_holds(organisation, NULL) lists those of a wallet."));
}

/* Reads a hold under the active snapshot, or under a new one. Refuses one that find_hold() does not find. */
static Hold
read_hold(int64 hold_id, const char *organisation, bool latest)
{
	Datum values[HOLD_COLUMNS];
	bool  nulls[HOLD_COLUMNS];
	Hold  hold = {.hold_id = hold_id};

	/* The active snapshot does not show a hold that the statement at hand has made. */
	if (!find_hold(hold_id, organisation, latest, values, nulls, &hold.place) &&
		(latest || !find_hold(hold_id, organisation, true, values, nulls, &hold.place)))
		refuse_missing(hold_id, organisation);
	hold.organisation = TextDatumGetCString(values[0]);
	hold.amount = DatumGetNumeric(values[1]);
	hold.state = TextDatumGetCString(values[2]);
	hold.expires_at = DatumGetTimestampTz(values[3]);
	hold.resolved_at = DatumGetTimestampTz(values[4]);
	hold.captured = nulls[5] ? int64_to_numeric(0) : DatumGetNumeric(values[5]);
	hold.entry_id = DatumGetInt64(values[6]);
	hold.available_then = nulls[7] ? int64_to_numeric(0) : DatumGetNumeric(values[7]);
	hold.idempotency_key = TextDatumGetCString(values[8]);
	hold.description = nulls[9] ? NULL : TextDatumGetCString(values[9]);
	hold.details = nulls[10] ? NULL : DatumGetJsonbP(values[10]);
	check_state(&hold);
	return hold;
}

/* Refuses (ZD005) a hold that is in another state than open, since a time. */
static void
refuse_not_open(const Hold *hold, const char *state, TimestampTz since)
{
	bool captured = strcmp(state, "captured") == 0;

	ereport(ERROR,
			errcode(DCX_ERRCODE_NOT_OPEN),
			errmsg("hold " INT64_FORMAT " is not open", hold->hold_id),
			captured ? errdetail("It is captured, with %s of %s, since %s.",
								 dcx_money_text(hold->captured),
								 dcx_money_text(hold->amount),
								 timestamptz_to_str(since)) :
					   errdetail("It is %s since %s.", state, timestamptz_to_str(since)),
			errhint("A hold is captured or released once, before it expires. Another hold takes "
					"another idempotency key."));
}

/* Refuses (ZD005) a hold that has been resolved. */
static void
check_unresolved(const Hold *hold)
{
	if (!is_open(hold))
		refuse_not_open(hold, hold->state, hold->resolved_at);
}

/* Refuses (ZD005) a hold that has been resolved, or has expired by the clock under the wallet's lock. */
static void
check_open(const Hold *hold, const DcxStanding *standing)
{
	check_unresolved(hold);
	if (hold->expires_at > standing->at)
		return;
	/* An old snapshot does not show that it was extended: then fail with 40001. */
	dcx_account_check_snapshot(standing);
	refuse_not_open(hold, "expired", hold->expires_at);
}

/*
 * The hold that a call names, as the active snapshot shows it. n: which argument is its hold_id; one before
 * it is the organisation.
 */
static Hold
look_hold(FunctionCallInfo fcinfo, int n)
{
	int64		hold_id = dcx_request_hold_id(fcinfo, n);
	const char *organisation = n > 0 ? dcx_request_organisation(fcinfo, 0) : NULL;

	dcx_ledger_owner(dcx_wallet_bound(), false);
	return read_hold(hold_id, organisation, false);
}

/* Locks the hold's wallet, then reads the hold again if it may have changed. */
static DcxStanding
lock_hold(Hold *hold)
{
	DcxStanding standing = dcx_account_lock(hold->organisation, NULL);

	if (!standing.settled)
		*hold = read_hold(hold->hold_id, hold->organisation, true);
	return standing;
}

/* A movement that resolves or extends a hold; the caller sets the rest. */
static DcxMovement
movement_of(DcxKindId kind, const Hold *hold)
{
	DcxMovement movement = {.kind = kind,
							.hold_id = hold->hold_id,
							.hold_place = hold->place,
							.idempotency_key = hold->idempotency_key,
							.description = hold->description,
							.details = hold->details};

	return movement;
}

/* Answers a capture that was made before. False when the hold is open; ZD005 when it is anything else. */
static bool
replay_capture(FunctionCallInfo fcinfo, const Hold *hold, Numeric amount)
{
	Numeric asked = amount ? amount : hold->amount;

	if (is_open(hold))
		return false;
	if (strcmp(hold->state, "captured") != 0 || dcx_money_compare(hold->captured, asked) != 0)
		refuse_not_open(hold, hold->state, hold->resolved_at);
	dcx_movement_replay(fcinfo, hold->organisation, hold->entry_id);
	return true;
}

static void
check_capture(const Hold *hold, const DcxStanding *standing, Numeric amount)
{
	check_open(hold, standing);
	/* Earlier versions made holds of 0.00. */
	if (dcx_money_sign(amount) <= 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("hold " INT64_FORMAT " holds nothing", hold->hold_id),
				errdetail("Its amount is %s.", dcx_money_text(hold->amount)),
				errhint("Release it: SELECT * FROM dcx_wallet_release(" INT64_FORMAT ").",
						hold->hold_id));
	if (dcx_money_compare(amount, hold->amount) > 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("amount is more than hold " INT64_FORMAT " holds", hold->hold_id),
				errdetail("It is %s, the hold %s.",
						  dcx_money_text(amount),
						  dcx_money_text(hold->amount)),
				errhint("Capture the hold, and debit the rest."));
	/* The platform itself can take what a hold has promised: its own UPDATE does not ask us. */
	if (dcx_money_compare(standing->now.balance, amount) < 0)
		dcx_account_insufficient(standing, amount);
}

/* dcx_wallet_capture(hold_id bigint, amount numeric), and the same with org text before */
PG_FUNCTION_INFO_V1(dcx_wallet_capture);
Datum
dcx_wallet_capture(PG_FUNCTION_ARGS)
{
	int			n = PG_NARGS() - 2;
	Numeric		amount = PG_ARGISNULL(n + 1) ? NULL : dcx_request_amount(fcinfo, n + 1);
	DcxMovement movement;
	DcxStanding standing;
	Hold		hold;

	dcx_result_begin(fcinfo);
	hold = look_hold(fcinfo, n);
	if (replay_capture(fcinfo, &hold, amount))
		return (Datum) 0;
	standing = lock_hold(&hold);
	if (replay_capture(fcinfo, &hold, amount))
		return (Datum) 0;

	if (!amount)
		amount = hold.amount;
	check_capture(&hold, &standing, amount);
	movement = movement_of(DCX_CAPTURE, &hold);
	movement.change = dcx_account_change(&standing,
										 dcx_money_negative(amount),
										 dcx_money_negative(hold.amount),
										 DT_NOEND);
	dcx_movement_execute(fcinfo, standing.owner, &movement);
	return (Datum) 0;
}

/* Answers a release that was made before. False when the hold is open; ZD005 when it is anything else. */
static bool
replay_release(FunctionCallInfo fcinfo, const Hold *hold)
{
	DcxHeld held = {hold->hold_id,
					hold->organisation,
					hold->amount,
					hold->expires_at,
					hold->available_then,
					true,
					NULL};

	if (is_open(hold))
		return false;
	if (strcmp(hold->state, "released") != 0)
		refuse_not_open(hold, hold->state, hold->resolved_at);
	put_held(fcinfo, &held);
	return true;
}

/* The answer about a hold; the caller sets what is available afterwards. */
static DcxHeld
held_of(const Hold *hold, const DcxStanding *standing)
{
	DcxHeld held = {.hold_id = hold->hold_id,
					.organisation = standing->organisation,
					.amount = hold->amount,
					.expires_at = hold->expires_at,
					.available = standing->available};

	return held;
}

/* dcx_wallet_release(hold_id bigint), and the same with org text before */
PG_FUNCTION_INFO_V1(dcx_wallet_release);
Datum
dcx_wallet_release(PG_FUNCTION_ARGS)
{
	DcxMovement movement;
	DcxStanding standing;
	DcxHeld		held;
	Hold		hold;

	dcx_result_begin(fcinfo);
	hold = look_hold(fcinfo, PG_NARGS() - 1);
	if (replay_release(fcinfo, &hold))
		return (Datum) 0;
	standing = lock_hold(&hold);
	if (replay_release(fcinfo, &hold))
		return (Datum) 0;
	check_open(&hold, &standing);

	movement = movement_of(DCX_RELEASE, &hold);
	movement.change =
		dcx_account_change(&standing, NULL, dcx_money_negative(hold.amount), DT_NOEND);
	dcx_ledger_move(standing.owner, &movement);
	held = held_of(&hold, &standing);
	held.available = movement.change.available;
	put_held(fcinfo, &held);
	return (Datum) 0;
}

/* dcx_wallet_extend(hold_id bigint, expires_in interval), and the same with org text before */
PG_FUNCTION_INFO_V1(dcx_wallet_extend);
Datum
dcx_wallet_extend(PG_FUNCTION_ARGS)
{
	int			n = PG_NARGS() - 2;
	Interval   *expires_in = dcx_request_expires_in(fcinfo, n + 1);
	DcxMovement movement;
	DcxStanding standing;
	TimestampTz expires_at;
	DcxHeld		held;
	Hold		hold;

	dcx_result_begin(fcinfo);
	hold = look_hold(fcinfo, n);
	check_unresolved(&hold);
	standing = lock_hold(&hold);
	check_open(&hold, &standing);

	held = held_of(&hold, &standing);
	expires_at = dcx_request_expiry(expires_in, standing.at);
	held.replayed = hold.expires_at >= expires_at;
	movement = movement_of(DCX_EXTEND, &hold);
	/* Nothing is written that would fail with 40001 if another session has released the hold. */
	if (held.replayed)
		dcx_account_check_snapshot(&standing);
	else
	{
		held.expires_at = movement.expires_at = expires_at;
		movement.change = dcx_account_extension(&standing, hold.amount, expires_at);
		dcx_ledger_move(standing.owner, &movement);
	}
	put_held(fcinfo, &held);
	return (Datum) 0;
}
