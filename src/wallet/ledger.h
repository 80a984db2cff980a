/*
 * ledger.h
 *		Reads and writes the ledger: accounts, entries, holds and idempotency keys.
 *
 *		dcx.wallet_account	a row per organisation: what its entries add up to, and what is held
 *		dcx.wallet_entry	a row per change of a balance, whether we or the platform made it
 *		dcx.wallet_hold		a row per hold: money kept for an order
 *		dcx.wallet_key		a row per idempotency key: the entry or the hold that it was used for
 *
 * Locks. Lock the wallet's row before changing its account. The platform's own UPDATE does so before
 * our trigger runs; we do so with dcx_account_lock(). There is then only one order, so two calls cannot
 * deadlock over one wallet.
 *
 * Snapshots. Under READ COMMITTED a new snapshot, taken while the wallet is locked, shows the account
 * as it is. Under REPEATABLE READ and SERIALIZABLE the snapshot may be older than the lock. So every
 * change updates the account's row: under an old snapshot that fails with 40001. The lock alone would
 * not fail.
 *
 * Expiry. A hold counts while it is open and has not expired, by the clock under the lock. The account
 * keeps three values, so that most calls need not look at the holds:
 *		held			the sum of the open holds that expire after expired_until
 *		next_expiry		none of these holds expires before this time, except for holds of 0.00; infinity where
 *						nothing is held
 *		expired_until	all holds up to this time have been taken out of held
 * A call after next_expiry subtracts what has expired since, and moves expired_until on. So does a call after which
 * nothing is held any more; then next_expiry is infinity. (Open holds of 0.00, which earlier versions made, count
 * nowhere.) The time of a call is never before expired_until: if the clock goes back, what has expired stays expired.
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
	Numeric			balance; /* what its entries add up to */
	Numeric			held;	 /* this and the next two: see Expiry above */
	TimestampTz		next_expiry;
	TimestampTz		expired_until;
	ItemPointerData place; /* of the version of the row that has these values */
} DcxAccount;

/* A change of an account. */
typedef struct DcxChange
{
	const char	   *organisation; /* whose account */
	DcxAccount		before;		  /* as it is stored; if it is not, nothing is written (27000) */
	DcxAccount		after;		  /* as it is to be stored */
	TimestampTz		at;			  /* the time of the change */
	Numeric			available;	  /* what can be spent after it */
	ItemPointerData wallet;		  /* the place of the wallet's row, as DcxWallet has it */
} DcxChange;

/* The kinds of movement. Each is a change of an account, with at most one entry, one hold and one key. */
typedef enum DcxKindId
{
	DCX_CREDIT,
	DCX_DEBIT,
	DCX_HOLD,
	DCX_CAPTURE,
	DCX_RELEASE,
	DCX_EXTEND
} DcxKindId;

/* What a kind of movement writes besides the account. */
typedef struct DcxKind
{
	const char *name;	/* as in wallet_entry.kind; the function is called dcx_wallet_<name> */
	bool		moves;	/* the balance: the wallet is written, and an entry */
	bool		is_new; /* uses an idempotency key; else the request is told by its hold */
	const char *hold;	/* the state that its hold then has; NULL: it has no hold */
} DcxKind;

extern const DcxKind dcx_kinds[];

/* A movement to be written. */
typedef struct DcxMovement
{
	DcxKindId		kind;
	DcxChange		change;
	int64			hold_id;		 /* the hold that is captured, released or extended; else 0 */
	ItemPointerData hold_place;		 /* of the version of its row that was read under the lock */
	Numeric			amount;			 /* of a new hold */
	Interval	   *expires_in;		 /* of a new hold, as the caller gave it */
	TimestampTz		expires_at;		 /* of a hold that is made or extended */
	const char	   *idempotency_key; /* the caller's; of a capture: the hold's, as the next two */
	const char	   *description;	 /* or NULL */
	Jsonb		   *details;		 /* or NULL */
	Jsonb		   *quote;			 /* of a new hold: what was priced, and how; or NULL */
	int	  nest_level; /* of the transaction that writes the wallet; dcx_ledger_move() sets it */
	int64 entry_id;	  /* of the entry, once it is written; else 0 */
} DcxMovement;

/* What an idempotency key was used for; both are 0 when it was not used. */
typedef struct DcxKeyUse
{
	int64 entry_id; /* the entry of a credit or debit; else 0 */
	int64 hold_id;	/* the hold; else 0 */
} DcxKeyUse;

static inline bool
dcx_ledger_is_used(DcxKeyUse use)
{
	return use.entry_id || use.hold_id;
}

/*
 * These read one row by its primary key, under the active snapshot, or under a new one (latest). They
 * check no rights: call dcx_ledger_owner() before. The first reads an account; false when there is
 * none. The second reads what a key was used for.
 */
extern bool		 dcx_ledger_account(const char *organisation, bool latest, DcxAccount *account);
extern DcxKeyUse dcx_ledger_key(const char *organisation, const char *key, bool latest);

/*
 * Reads columns of a hold into the current memory context; columns are numbers as in tables.h. place: as for
 * dcx_lookup(). False when there is no such hold.
 */
extern bool dcx_ledger_hold(int64 hold_id, bool latest, int ncolumns, const int *columns,
							Datum *values, bool *nulls, ItemPointer place);

/* The same of an entry, under a new snapshot. Refuses (55000) when there is no such entry. */
extern void dcx_ledger_entry(const char *organisation, int64 entry_id, int ncolumns,
							 const int *columns, Datum *values, bool *nulls);

/*
 * Under REPEATABLE READ and SERIALIZABLE: fails with 40001 when the account has changed since the
 * transaction's snapshot. Call it before an error that an old snapshot may be the reason of, such as
 * "insufficient funds". It locks the account's row.
 */
extern void dcx_ledger_check_snapshot(Oid owner, const char *organisation);

/* Refuses (55000) a ledger where a key or a hold refers to a missing row. what: "Hold" or "Entry". */
pg_noreturn extern void dcx_ledger_gone(const char *table, const char *what, int64 id);

/*
 * Carries out a movement: the wallet is locked, and the account and the hold were read under the lock. This is the only
 * place where money moves. Sets movement->entry_id, and hold_id of a new hold. The commit will be durable, whatever
 * synchronous_commit says.
 *
 * Where the balance changes, the wallet is written first. If that takes a statement, the ledger's trigger on the wallet
 * table writes the rest, and it is 55000 when it did not (0A000 when the table is partitioned by the balance). 27000
 * when the account is no longer as change->before, or the hold no longer as it was read.
 */
extern void dcx_ledger_move(Oid owner, DcxMovement *movement);

/*
 * For the trigger: writes the rest of the movement under way, if this update of a wallet is the one that
 * dcx_ledger_move() makes: the same wallet, the same balances, and the same nesting of the transaction.
 * (A trigger of the platform may make the same update in a subtransaction, and roll it back.) Else false.
 */
extern bool dcx_ledger_record_expected(Oid owner, const char *organisation, Numeric before,
									   Numeric after);

/*
 * Locks the account of an organisation by writing it as it is, and reads its balance. False when there is
 * no account. 40001 when it has changed since the snapshot of a REPEATABLE READ or SERIALIZABLE
 * transaction. The wallet's row must have been locked before.
 */
extern bool dcx_ledger_lock(Oid owner, const char *organisation, Numeric *balance);

/* Whether the account, which is locked, has a hold that is open and has not expired. */
extern bool dcx_ledger_has_open_hold(Oid owner, const char *organisation);

/* Changes of balances that we did not make. */
typedef struct DcxForeignChange
{
	const char *kind;		   /* of the entries: external or opening */
	const char *operation;	   /* what changed the balances, such as UPDATE */
	Datum		organisations; /* text[] */
	Datum		amounts;	   /* numeric[]: of each organisation */
	int			sign;		   /* 1 or -1: each amount is multiplied by it */
	Datum		gone;		   /* text[]: those of them that have no wallet any more; or 0 */
} DcxForeignChange;

/*
 * Writes an entry for each organisation. Of those that are gone it also resolves the open holds: as
 * expired, or else as released. The entry names those that it has released. Their accounts must be
 * locked, or nobody else can have changed them.
 */
extern void dcx_ledger_record(Oid owner, const DcxForeignChange *change);

/*
 * Writes an entry for each organisation whose balance is not what its entries add up to, and for each
 * that has no wallet and still has open holds, which are resolved. *kind of these entries is opening in
 * an empty ledger, else external. Returns how many it has written; *total: how many entries there are now.
 */
extern int64 dcx_ledger_reconcile(Oid owner, Datum organisations, Datum balances, const char **kind,
								  int64 *total);

/*
 * Notes that wallets have come in this transaction, as the trigger or dcx_ledger_reconcile() has recorded. The
 * second asks whether any have.
 */
extern void dcx_ledger_note_coming(void);
extern bool dcx_ledger_has_come(void);

/*
 * Sets the sequences of entries and holds above the numbers in the tables, if they are behind those of
 * this organisation. They are behind while a dump is restored, which has the sequences last, and after a
 * copy of the tables alone. Before an entry or a hold is written, once in a session is enough (once).
 */
extern void dcx_ledger_need_numbers(Oid owner, const char *organisation, bool once);

#endif /* DCX_LEDGER_H */
