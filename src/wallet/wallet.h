/*
 * wallet.h
 *		The platform's wallet table: what an organisation's wallet holds.
 *
 * A wallet is a row of the platform's own table, which dcx_attach_wallet() names. Who asks what is
 * in it reads it as himself: table rights and row-level security decide who sees which. Who moves
 * money does so by a right on the function that moves it: the row is locked and written as the
 * table's owner.
 */
#ifndef DCX_WALLET_H
#define DCX_WALLET_H

#include "executor/tuptable.h"
#include "utils/numeric.h"
#include "utils/relcache.h"

#include "src/base/binding.h"

#define DCX_CATALOG_WALLET "wallet"

/* A wallet as its row has it. */
typedef struct DcxWallet
{
	char   *organisation; /* the column's value as text */
	Numeric balance;
} DcxWallet;

/* The binding of the wallet table, up to date, whether or not anything is attached. */
extern const DcxBinding *dcx_wallet_binding(void);

/*
 * The same of one that is attached, the table locked for reading: columns[0] is the
 * organisation, columns[1] the balance. Nothing attached, or dropped, is ZD007.
 */
extern const DcxBinding *dcx_wallet_bound(void);

/*
 * Whether a table is the attached one or a partition of it, for triggers: nothing attached is no
 * error.
 */
extern bool dcx_wallet_is_bound(Relation relation);

/* Whether a relation can have money moved in it: a table, plain or partitioned. */
extern bool dcx_wallet_is_table(Oid relation);

/*
 * Refuses (0A000) a table that is partitioned by the balance, itself or in one of its partitions: there
 * a balance that changes is another row.
 */
extern void dcx_wallet_check_partitioning(Oid relation);

/* Refuse (42703, 42804) a relation without the column, or with one of another type. */
extern Oid dcx_wallet_check_organisation(Oid relation, const char *column);
extern Oid dcx_wallet_check_balance(Oid relation, const char *column);

/*
 * The argument as the organisation column would have it, as text: '007' is 7 where that is an
 * integer. Text that is no value of the column's type is that type's error.
 */
extern char *dcx_wallet_organisation(const char *argument);

/*
 * The wallet of an organisation as the caller sees it under the active snapshot; the balance is
 * finite. No wallet, or two, is ZD006; a balance that is NULL, NaN or infinite 22003. All in the
 * current memory context.
 */
extern DcxWallet dcx_wallet_read(const char *organisation);

/*
 * Refuses (22003) a balance that is or would be too large for the type of its column in a relation:
 * one in floating point from where that has no exact cents.
 */
extern void dcx_wallet_check_exact(Oid relation, const DcxWallet *wallet);

/* Refuses the first such balance of all wallets, read as the table's owner under the active snapshot. */
extern void dcx_wallet_check_all_exact(Oid relation);

/* A condition for such wallets, in SQL; NULL where the type of the column has no such limit. */
extern char *dcx_wallet_inexact_sql(Oid relation);

/* Whether the caller sees a wallet of the organisation. */
extern bool dcx_wallet_is_visible(const char *organisation);

/*
 * The same as the table's owner, under a new snapshot and with the row locked until the end of the
 * transaction; the balance is exact. A view or foreign table is 42809.
 */
extern DcxWallet dcx_wallet_lock(const char *organisation);

/*
 * Writes a balance into a wallet that is locked, as the table's owner; its triggers run. A balance
 * that does not come back as it was written is 27000: a trigger changed it, or the column cannot
 * hold it.
 */
extern void dcx_wallet_write(const DcxWallet *wallet);

/*
 * Inside a trigger: the wallet in a row of the table or of a partition. organisation is NULL where
 * the column is: nobody's wallet. A balance that is NULL, NaN or infinite is 22003 where it is to
 * be, and counts as 0 where it has been.
 */
extern DcxWallet dcx_wallet_of_row(Relation relation, TupleTableSlot *row, bool to_be);

/*
 * All wallets, as the table's owner, under the active snapshot or a new one: arrays of organisations
 * (text) and of the sums of their balances (numeric). only: without partitions.
 */
extern void dcx_wallet_totals(Oid relation, bool only, bool latest, Datum *organisations,
							  Datum *balances);

#endif /* DCX_WALLET_H */
