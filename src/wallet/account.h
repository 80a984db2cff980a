/*
 * account.h
 *		What an organisation can spend: its balance less what is held.
 */
#ifndef DCX_ACCOUNT_H
#define DCX_ACCOUNT_H

#include "src/wallet/ledger.h"

/* How an organisation stands while its wallet is locked. */
typedef struct DcxStanding
{
	const char *organisation; /* as the wallet has it */
	Oid			owner;		  /* of the ledger */
	TimestampTz at;			  /* now, and never earlier than what has expired already */
	DcxAccount	before;		  /* the account as it is stored */
	DcxAccount	now;		  /* without the holds that have expired meanwhile */
	Numeric		available;
	DcxKeyUse	use; /* of the idempotency key, meanwhile */
} DcxStanding;

/*
 * What the organisation can spend, as the caller sees its wallet under the active snapshot. Errors
 * as dcx_wallet_read().
 */
extern Numeric dcx_account_available(const char *organisation);

/*
 * Locks the organisation's wallet and says how it stands, looking the key (or NULL) up once more.
 * Errors as dcx_wallet_lock(); 55000 where the wallet is not as the ledger has it.
 */
extern DcxStanding dcx_account_lock(const char *organisation, const char *key);

/*
 * Before an error that says how the account or its holds are: fails with 40001 where the snapshot is
 * too old to say so.
 */
extern void dcx_account_check_snapshot(const DcxStanding *standing);

/* Refuses (ZD001) what cannot be afforded; after the check above. */
pg_noreturn extern void dcx_account_insufficient(const DcxStanding *standing, Numeric asked);

/* The change of an account from how it stands; the caller changes what is after it. */
extern DcxChange dcx_account_change(const DcxStanding *standing);

#endif /* DCX_ACCOUNT_H */
