/*
 * ledger.h
 *		What moved, and what may not move: the tables of schema dcx behind the wallets.
 *
 *		dcx.wallet_account	a row per organisation: what its entries add up to, and what is held
 *		dcx.wallet_entry	append-only: every change of a balance, ours and the platform's
 *		dcx.wallet_hold		money held for an order, until it is captured or released, or expires
 *		dcx.wallet_key		the idempotency keys of both
 *
 * They are ordinary tables of whoever attached the wallets, kept by pg_dump and by DROP EXTENSION.
 *
 * Locks. Whatever changes an account has locked the wallet's row first: the platform's own UPDATE
 * has, before its trigger comes here, and we do likewise. So there is one order, no deadlock over
 * one wallet, and what a new snapshot reads of an account under that lock is what it is. Under
 * REPEATABLE READ the snapshot may be older: then updating the account's row, which every change
 * does, fails with 40001. A lock alone would leave nothing to fail on.
 *
 * Expiry. A hold counts while it is open and has not expired, by the clock as it is under the lock.
 * held is the sum of the open holds that expire after expired_until, and none of those expires
 * before next_expiry: until then nobody looks at the holds, however many there are. Who comes later
 * subtracts what has expired meanwhile and moves expired_until on, which is also how far the clock
 * can never go back.
 */
#ifndef DCX_LEDGER_H
#define DCX_LEDGER_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "src/base/binding.h"
#include "src/base/compat.h"
#include "src/base/lookup.h"

/* A row of dcx.wallet_account. */
typedef struct DcxAccount
{
	Numeric		balance;
	Numeric		held;
	TimestampTz next_expiry;
	TimestampTz expired_until;
} DcxAccount;

/* An account that changes, as the change's statement gets it. */
typedef struct DcxChange
{
	const char *organisation;
	DcxAccount	before;
	DcxAccount	after;
	TimestampTz at;
	Numeric		available; /* after it */
} DcxChange;

/* A balance that moves: the entry to be written, and its id once it is. */
typedef struct DcxMovement
{
	DcxChange	change;
	const char *kind;			 /* credit, debit or capture */
	int64		hold_id;		 /* of a capture, which takes the next three from its hold */
	const char *idempotency_key; /* of the others */
	const char *description;
	Jsonb	   *details;	/* or NULL */
	int			nest_level; /* of the transaction, where the wallet is written */
	int64		entry_id;
} DcxMovement;

/* A hold to be written. */
typedef struct DcxNewHold
{
	Numeric		amount;
	Interval   *expires_in; /* as it was asked for */
	TimestampTz expires_at; /* as it follows */
	const char *idempotency_key;
	const char *description; /* or NULL */
	Jsonb	   *details;	 /* or NULL */
	Jsonb	   *quote;		 /* what was priced; or NULL */
} DcxNewHold;

/* What an idempotency key was used for: at most one of the two, else 0. */
typedef struct DcxKeyUse
{
	int64 entry_id;
	int64 hold_id;
} DcxKeyUse;

static inline bool
dcx_ledger_is_used(DcxKeyUse use)
{
	return use.entry_id || use.hold_id;
}

/*
 * Read from a ledger whose owner is known, under the active snapshot or under a new one: an
 * account, false where there is none; what a key was used for.
 */
extern bool		 dcx_ledger_account(const char *organisation, bool latest, DcxAccount *account);
extern DcxKeyUse dcx_ledger_key(const char *organisation, const char *key, bool latest);

/* Likewise columns of a hold, in the current memory context; false where there is none. */
extern bool dcx_ledger_hold(int64 hold_id, bool latest, int ncolumns, const int *columns,
							Datum *values, bool *nulls);

/* Likewise columns of an entry, under a new snapshot; 55000 where there is none. */
extern void dcx_ledger_entry(const char *organisation, int64 entry_id, int ncolumns,
							 const int *columns, Datum *values, bool *nulls);

/*
 * Fails with 40001 where an account is newer than a snapshot that the whole transaction reads under:
 * before an error that an old snapshot may be to blame for. Locks the account's row then.
 */
extern void dcx_ledger_check_snapshot(Oid owner, const char *organisation);

/* Refuses (55000) a ledger that names a row which is not there. what: Hold or Entry. */
pg_noreturn extern void dcx_ledger_gone(const char *table, const char *what, int64 id);

/*
 * Writes a new hold and its key; returns its id. Frees a hold; has it expire later. Each changes the
 * account in the same statement; 27000 where the account or the hold is no longer as it was.
 */
extern int64 dcx_ledger_insert_hold(Oid owner, const DcxChange *change, const DcxNewHold *hold);
extern void	 dcx_ledger_release_hold(Oid owner, const DcxChange *change, int64 hold_id);
extern void	 dcx_ledger_extend_hold(Oid owner, const DcxChange *change, int64 hold_id,
									TimestampTz expires_at);

/*
 * Moves a balance: writes the wallet, which is locked, and has the trigger on it write the entry.
 * A trigger that did not is 55000, or 0A000 where the table is partitioned by the balance.
 */
extern void dcx_ledger_move(DcxMovement *movement);

/*
 * Writes entries of a kind: how balances changed that we did not change. The arrays are of text and
 * numeric; sign is 1 or -1. operation: what changed them.
 */
extern void dcx_ledger_record(Oid owner, const char *kind, const char *operation,
							  Datum organisations, Datum amounts, int sign);

/*
 * Brings the ledger up to balances as they are now, each difference an entry: opening in a new
 * ledger, else external. Returns how many entries that were; *total: how many there are now.
 */
extern int64 dcx_ledger_reconcile(Oid owner, Datum organisations, Datum balances, const char **kind,
								  int64 *total);

#endif /* DCX_LEDGER_H */
