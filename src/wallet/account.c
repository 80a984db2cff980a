/*
 * account.c
 *		What an organisation can spend: its balance less what is held.
 *
 * Holds that have expired are subtracted here, by the clock: nobody has to free them before.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "src/base/errcodes.h"
#include "src/base/float8.h"
#include "src/base/fresh.h"
#include "src/base/money.h"
#include "src/base/query.h"
#include "src/base/snapshot.h"
#include "src/base/text.h"
#include "src/wallet/account.h"
#include "src/wallet/balance.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/row.h"
#include "src/wallet/wallet.h"

/* The time of a call, which decides what has expired: the clock's, but it never goes back. */
static TimestampTz
time_of(const DcxAccount *account)
{
	return Max(GetCurrentTimestamp(), account->expired_until);
}

/* Takes the holds that have expired by a time out of an account. Writes nothing. */
static void
expire_holds(Oid owner, const char *organisation, DcxAccount *account, TimestampTz at, bool latest)
{
	static DcxPlan	  plan;
	static const char sql[] =
		"SELECT (SELECT coalesce(sum(amount), 0) FROM dcx.wallet_hold"
		"         WHERE organisation = $1 AND state = 'open'"
		"           AND expires_at > $2 AND expires_at <= $3) AS amount,"
		"       (SELECT coalesce(min(expires_at), 'infinity') FROM dcx.wallet_hold"
		"         WHERE organisation = $1 AND state = 'open' AND expires_at > $3 AND amount > 0)";
	DcxParameters parameters = {0};
	Numeric		  expired;
	DcxRun		  run;

	if (likely(account->next_expiry > at))
		return;
	/* Earlier versions left the time of the last hold there. */
	if (dcx_money_sign(account->held) == 0)
	{
		account->next_expiry = DT_NOEND;
		return;
	}

	dcx_ledger_check();
	dcx_parameter_text(&parameters, organisation);
	dcx_parameter_time(&parameters, account->expired_until);
	dcx_parameter_time(&parameters, at);
	dcx_run_begin(&run, owner);
	if (latest)
		dcx_query_write(&plan, sql, &parameters);
	else
		dcx_query_read(&plan, sql, &parameters);
	expired = dcx_query_amount(0, 1);
	account->next_expiry = dcx_query_time(0, 2);
	account->expired_until = at;
	dcx_run_end(&run);
	/* After the run: its memory is freed when it ends. */
	account->held = dcx_money_subtract(account->held, expired);
}

/* What dcx_account_available() asks, and the answer. */
typedef struct Available
{
	const char *organisation;
	Numeric		amount;
} Available;

static void
read_available(void *argument)
{
	Available *available = argument;
	bool	   begun = dcx_wallet_settle();
	DcxWallet  wallet = dcx_wallet_read(available->organisation);
	Oid		   owner = dcx_ledger_owner(dcx_wallet_last(), true);
	DcxAccount account;

	dcx_wallet_check_exact(dcx_wallet_relation(), &wallet);
	available->amount = wallet.balance;
	if (OidIsValid(owner) && dcx_ledger_account(wallet.organisation, false, &account))
	{
		expire_holds(owner, wallet.organisation, &account, time_of(&account), false);
		if (dcx_money_sign(account.held) != 0)
			available->amount = dcx_money_subtract(wallet.balance, account.held);
	}
	dcx_fresh_end(begun);
}

Numeric
dcx_account_available(const char *organisation)
{
	Available available = {.organisation = organisation};

	/* Balance and holds have to be of one moment. */
	dcx_fresh_do(read_available, &available);
	return available.amount;
}

void
dcx_account_check_snapshot(const DcxStanding *standing)
{
	dcx_ledger_check_snapshot(standing->owner, standing->organisation);
}

/* Reads the account of a locked wallet; the two must have the same balance. */
static DcxAccount
read_in_step(const DcxStanding *standing, const DcxWallet *wallet)
{
	DcxAccount account;
	bool	   found = dcx_ledger_account(wallet->organisation, true, &account);

	if (found && dcx_money_compare(account.balance, wallet->balance) == 0)
		return account;
	/* Under an old snapshot the account may only seem wrong: then fail with 40001. */
	dcx_account_check_snapshot(standing);
	dcx_wallet_check_not_replaced();
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("the wallet of organisation \"%s\" is not as the ledger has it",
				   dcx_text_shown(wallet->organisation)),
			found ? errdetail("Its balance is %s, its entries add up to %s: it was changed "
							  "while the ledger's trigger was missing or disabled.",
							  dcx_money_text(wallet->balance),
							  dcx_money_text(account.balance)) :
					errdetail("It was made while the ledger's trigger was missing or disabled, or "
							  "came with a partition."),
			errhint("SELECT * FROM dcx_attach_wallet(...) puts the trigger back and writes the "
					"difference into the ledger, as an external entry."));
}

/*
 * Whether a new snapshot shows the same as the active one. Others wrote our organisation's rows only before they
 * released the lock of its wallet, which we hold: if the new snapshot sees no transaction that the active one does not
 * see, nobody has. And if our own transaction has written anything since the active snapshot was taken, also in the
 * statement at hand, the new one is of a later command.
 */
static bool
shows_nothing_new(void)
{
	CommandCounterIncrement();
	return dcx_snapshot_same(GetActiveSnapshot(), GetTransactionSnapshot());
}

DcxStanding
dcx_account_lock(const char *organisation, const char *key)
{
	DcxStanding standing = {0};
	DcxWallet	wallet = dcx_wallet_lock(organisation);

	standing.organisation = wallet.organisation;
	standing.wallet = wallet.place;
	standing.owner = dcx_ledger_owner(dcx_wallet_last(), false);
	standing.settled = shows_nothing_new();
	/* The wallet can be spelled otherwise than the caller has looked the key up. */
	if (key && (!standing.settled || strcmp(organisation, wallet.organisation) != 0))
		standing.use = dcx_ledger_key(wallet.organisation, key, true);
	standing.before = read_in_step(&standing, &wallet);
	standing.now = standing.before;
	standing.at = time_of(&standing.before);
	expire_holds(standing.owner, wallet.organisation, &standing.now, standing.at, true);
	standing.available = dcx_money_subtract(wallet.balance, standing.now.held);
	dcx_ledger_need_numbers(standing.owner, wallet.organisation, true);
	return standing;
}

void
dcx_account_insufficient(const DcxStanding *standing, Numeric asked)
{
	dcx_account_check_snapshot(standing);
	ereport(ERROR,
			errcode(DCX_ERRCODE_INSUFFICIENT),
			errmsg("organisation \"%s\" has insufficient funds",
				   dcx_text_shown(standing->organisation)),
			errdetail("Balance %s, held %s, available %s, asked %s.",
					  dcx_money_text(standing->now.balance),
					  dcx_money_text(standing->now.held),
					  dcx_money_text(standing->available),
					  dcx_money_text(asked)),
			errhint("Credit the wallet, or release what is held: SELECT * FROM "
					"dcx_wallet_holds(%s).",
					dcx_text_is_long(standing->organisation) ?
						"..." :
						quote_literal_cstr(standing->organisation)));
}

/*
 * When the next hold expires after a change. expires_at: when one does that is made; else infinity. Where nothing was
 * held before, earlier versions may have left another time.
 */
static TimestampTz
next_expiry(const DcxAccount *before, const DcxAccount *after, TimestampTz expires_at)
{
	if (dcx_money_sign(after->held) == 0)
		return DT_NOEND;
	return dcx_money_sign(before->held) == 0 ? expires_at : Min(before->next_expiry, expires_at);
}

DcxChange
dcx_account_extension(const DcxStanding *standing, Numeric amount, TimestampTz expires_at)
{
	DcxChange change = dcx_account_change(standing, NULL, NULL, DT_NOEND);

	if (dcx_money_sign(amount) > 0 && dcx_money_compare(amount, change.after.held) == 0)
		change.after.next_expiry = expires_at;
	return change;
}

DcxChange
dcx_account_change(const DcxStanding *standing, Numeric balance, Numeric held,
				   TimestampTz expires_at)
{
	DcxChange change = {.organisation = standing->organisation,
						.before = standing->before,
						.after = standing->now,
						.at = standing->at,
						.wallet = standing->wallet};

	if (balance)
		change.after.balance = dcx_money_add(change.after.balance, balance);
	if (held)
		change.after.held = dcx_money_add(change.after.held, held);
	change.after.next_expiry = next_expiry(&standing->now, &change.after, expires_at);
	/* When nothing is held any more, nothing from before need be looked at again. */
	if (dcx_money_sign(change.after.held) == 0 && dcx_money_sign(change.before.held) != 0)
		change.after.expired_until = standing->at;
	change.available = dcx_money_subtract(change.after.balance, change.after.held);
	return change;
}

/* dcx_wallet_available(organisation text) */
PG_FUNCTION_INFO_V1(dcx_wallet_available);
Datum
dcx_wallet_available(PG_FUNCTION_ARGS)
{
	Numeric available = dcx_account_available(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_NUMERIC(dcx_money_display(available));
}

static bool
can_afford(const char *organisation, DcxQuantity cost)
{
	if (dcx_quantity_sign(cost) < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("cost must not be negative"),
				errdetail("It is %s.", dcx_money_text(dcx_quantity_numeric(cost))),
				errhint("The arguments are: organisation, cost in rand."));

	return dcx_money_compare(dcx_account_available(organisation), dcx_quantity_cents(cost)) >= 0;
}

/* dcx_wallet_can_afford(organisation text, cost numeric) */
PG_FUNCTION_INFO_V1(dcx_wallet_can_afford_numeric);
Datum
dcx_wallet_can_afford_numeric(PG_FUNCTION_ARGS)
{
	DcxQuantity cost = dcx_quantity_from_numeric("cost", PG_GETARG_NUMERIC(1));

	PG_RETURN_BOOL(can_afford(text_to_cstring(PG_GETARG_TEXT_PP(0)), cost));
}

/* dcx_wallet_can_afford(organisation text, cost double precision) */
PG_FUNCTION_INFO_V1(dcx_wallet_can_afford_float8);
Datum
dcx_wallet_can_afford_float8(PG_FUNCTION_ARGS)
{
	return dcx_float8_call(fcinfo, dcx_wallet_can_afford_numeric, DCX_ARGUMENT(1));
}
