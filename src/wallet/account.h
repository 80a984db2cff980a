/*
 * account.h
 *		What an organisation can spend: its balance less what is held.
 *
 * Whoever only asks takes no lock and reads under the active snapshot. Whoever moves money locks the
 * wallet first, with dcx_account_lock(), and decides by what that returns.
 */
#ifndef DCX_ACCOUNT_H
#define DCX_ACCOUNT_H

#include "src/wallet/ledger.h"

/* The account of an organisation while its wallet is locked. */
typedef struct DcxStanding
{
	const char	   *organisation; /* as the wallet's row has it */
	Oid				owner;		  /* of the ledger */
	TimestampTz		at;		   /* the time of the call, never before expired_until (see ledger.h) */
	DcxAccount		before;	   /* the account as it is stored */
	DcxAccount		now;	   /* the same without the holds that have expired since */
	Numeric			available; /* what can be spent */
	DcxKeyUse		use;	   /* what the idempotency key was used for, seen under the lock */
	bool			settled;   /* nothing that can be seen has changed since the active snapshot */
	ItemPointerData wallet;	   /* the place of the wallet's row, as DcxWallet has it */
} DcxStanding;

/*
 * What the organisation can spend. The wallet is read as the caller, under the active snapshot. Errors
 * as dcx_wallet_read().
 */
extern Numeric dcx_account_available(const char *organisation);

/*
 * Locks the organisation's wallet, then reads its account and what the key was used for; key may be NULL. The caller has
 * looked the key up under the active snapshot, and has not found it: so it is looked up again only if more can be seen
 * now. Errors as dcx_wallet_lock(); 55000 when the wallet's balance is not the account's.
 */
extern DcxStanding dcx_account_lock(const char *organisation, const char *key);

/* dcx_ledger_check_snapshot() of the account: call it before you raise an error because of the account. */
extern void dcx_account_check_snapshot(const DcxStanding *standing);

/* Refuses (ZD001) an amount that is not available, after dcx_account_check_snapshot(). */
pg_noreturn extern void dcx_account_insufficient(const DcxStanding *standing, Numeric asked);

/*
 * The change of an account in which its balance changes by one amount and what is held by another; NULL is 0. The holds
 * that have expired are taken out, too. expires_at: when a hold that is made expires; else infinity.
 */
extern DcxChange dcx_account_change(const DcxStanding *standing, Numeric balance, Numeric held,
									TimestampTz expires_at);

/*
 * The change of an account in which a hold of this amount is extended to a time. If it is the only one, the account need
 * not look for expired holds before.
 */
extern DcxChange dcx_account_extension(const DcxStanding *standing, Numeric amount,
									   TimestampTz expires_at);

#endif /* DCX_ACCOUNT_H */
