/*
 * movement.c
 *		Credit and debit: money that comes and goes at once.
 *
 * The steps of a call: check the arguments, look the key up, lock the wallet, look the key up again,
 * decide, write. The key is looked up before the lock so that a replay waits for nobody, and under the
 * lock because the same request may have been carried out while we waited.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "src/base/money.h"
#include "src/base/result.h"
#include "src/base/shape.h"
#include "src/wallet/account.h"
#include "src/wallet/movement.h"
#include "src/wallet/request.h"

/* Puts the row of the answer into the function's result. */
static void
put_movement(FunctionCallInfo fcinfo, int64 entry_id, const char *organisation, Numeric amount,
			 Numeric balance, Numeric available, bool replayed)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[6];
	bool		   nulls[6] = {false};

	values[0] = Int64GetDatum(entry_id);
	values[1] = CStringGetTextDatum(organisation);
	values[2] = NumericGetDatum(dcx_money_display(amount));
	values[3] = NumericGetDatum(dcx_money_display(balance));
	values[4] = NumericGetDatum(dcx_money_display(available));
	values[5] = BoolGetDatum(replayed);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

void
dcx_movement_replay(FunctionCallInfo fcinfo, const char *organisation, int64 entry_id)
{
	static const int columns[] = {DCX_ENTRY_AMOUNT, DCX_ENTRY_BALANCE, DCX_ENTRY_AVAILABLE};
	Datum			 values[lengthof(columns)];
	bool			 nulls[lengthof(columns)];

	dcx_ledger_entry(organisation, entry_id, lengthof(columns), columns, values, nulls);
	/* Only entries of changes that were not ours have none. */
	if (nulls[2])
		dcx_shape_refuse(dcx_table_relation(DCX_TABLE_ENTRY),
						 "It has a NULL in column \"available\".");
	put_movement(fcinfo,
				 entry_id,
				 organisation,
				 DatumGetNumeric(values[0]),
				 DatumGetNumeric(values[1]),
				 DatumGetNumeric(values[2]),
				 true);
}

void
dcx_movement_execute(FunctionCallInfo fcinfo, Oid owner, DcxMovement *movement)
{
	const DcxChange *change = &movement->change;

	dcx_ledger_move(owner, movement);
	put_movement(fcinfo,
				 movement->entry_id,
				 change->organisation,
				 dcx_money_subtract(change->after.balance, change->before.balance),
				 change->after.balance,
				 change->available,
				 false);
}

/* Answers a request whose key was used before; refuses (ZD004) another request. */
static void
replay_movement(FunctionCallInfo fcinfo, const DcxRequest *request, DcxKeyUse use)
{
	dcx_request_check_same(request, use);
	dcx_movement_replay(fcinfo, request->organisation, use.entry_id);
}

static void
move(FunctionCallInfo fcinfo, DcxKindId kind)
{
	DcxRequest	request = {0};
	DcxMovement movement = {.kind = kind};
	DcxStanding standing;
	DcxKeyUse	use;

	dcx_result_begin(fcinfo);
	request.function = psprintf("dcx_wallet_%s", dcx_kinds[kind].name);
	request.amount = dcx_request_amount(fcinfo, 1);
	request.key = dcx_request_key(fcinfo, 2);
	request.description = dcx_request_optional_text(fcinfo, 3);
	request.details = dcx_request_optional_json(fcinfo, 4);
	request.organisation = dcx_request_organisation(fcinfo, 0);

	use = dcx_request_look(&request);
	if (dcx_ledger_is_used(use))
	{
		replay_movement(fcinfo, &request, use);
		return;
	}

	standing = dcx_account_lock(request.organisation, request.key);
	request.organisation = standing.organisation;
	if (dcx_ledger_is_used(standing.use))
	{
		replay_movement(fcinfo, &request, standing.use);
		return;
	}
	if (kind == DCX_DEBIT && dcx_money_compare(standing.available, request.amount) < 0)
		dcx_account_insufficient(&standing, request.amount);

	movement.change =
		dcx_account_change(&standing,
						   kind == DCX_DEBIT ? dcx_money_negative(request.amount) : request.amount,
						   NULL,
						   DT_NOEND);
	movement.idempotency_key = request.key;
	movement.description = request.description;
	movement.details = request.details;
	dcx_movement_execute(fcinfo, standing.owner, &movement);
}

/* dcx_wallet_credit(org text, amount numeric, idempotency_key text, description text, details jsonb) */
PG_FUNCTION_INFO_V1(dcx_wallet_credit);
Datum
dcx_wallet_credit(PG_FUNCTION_ARGS)
{
	move(fcinfo, DCX_CREDIT);
	return (Datum) 0;
}

/* dcx_wallet_debit(org text, amount numeric, idempotency_key text, description text, details jsonb) */
PG_FUNCTION_INFO_V1(dcx_wallet_debit);
Datum
dcx_wallet_debit(PG_FUNCTION_ARGS)
{
	move(fcinfo, DCX_DEBIT);
	return (Datum) 0;
}
