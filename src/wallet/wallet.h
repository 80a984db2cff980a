/*
 * wallet.h
 *		The platform's wallet table: what an organisation's wallet holds.
 *
 * A wallet is a row of the platform's own table, which dcx_attach_wallet() names. To ask what is in it,
 * it is read as the caller: table rights and row-level security apply. To move money, EXECUTE on the
 * function is enough: the row is locked and written as the table's owner.
 *
 * Lock a wallet before its account (see ledger.h), and never read another server while one is locked.
 */
#ifndef DCX_WALLET_H
#define DCX_WALLET_H

#include "executor/tuptable.h"
#include "utils/numeric.h"
#include "utils/relcache.h"

#include "src/base/binding.h"

#define DCX_CATALOG_WALLET "wallet"

/* A wallet: a row of the table. */
typedef struct DcxWallet
{
	char   *organisation; /* the value of its column, as text; NULL: nobody's wallet */
	Numeric balance; /* the value of its column; may be NULL, NaN or infinite until it is checked */
} DcxWallet;

/* The binding of the wallet table, up to date; ->attached says whether there is one. */
extern const DcxBinding *dcx_wallet_binding(void);

/*
 * The same, with the table locked for reading. columns[0] is the organisation, columns[1] the balance.
 * ZD007 when nothing is attached, or the table has been dropped; 40001 when another was attached in its place.
 */
extern const DcxBinding *dcx_wallet_bound(void);

/*
 * Before wallets are read: locks the table, and makes sure that the active snapshot is not older than it is (fresh.h),
 * and shows what is attached if it has been replaced. Returns whether a new snapshot is active, for dcx_fresh_end().
 * Errors as dcx_wallet_bound().
 */
extern bool dcx_wallet_settle(void);

/*
 * Before an error about wallets is raised: 40001 when another table has been attached since the active snapshot was
 * taken. Then the error may only be about the old one.
 */
extern void dcx_wallet_check_not_replaced(void);

/* For triggers: whether a table is the attached one, or a partition of it. False when nothing is attached. */
extern bool dcx_wallet_is_bound(Relation relation);

/* Whether money can be moved in a relation: it is a table, plain or partitioned. */
extern bool dcx_wallet_is_table(Oid relation);

/*
 * Refuses (0A000) a table of which it or a partition is partitioned by the balance: when a balance
 * changes there, one row is deleted and another inserted.
 */
extern void dcx_wallet_check_partitioning(Oid relation);

/* Return the type of a column. Refuse a relation without it (42703), and a type that cannot be (42804). */
extern Oid dcx_wallet_check_organisation(Oid relation, const char *column);
extern Oid dcx_wallet_check_balance(Oid relation, const char *column);

/*
 * Refuses (0A000) a column that is generated and not stored: a row that a trigger gets does not have its
 * value. Before PostgreSQL 18 there is none.
 */
extern void dcx_wallet_check_stored(Oid relation, const char *column);

/*
 * An argument as the organisation column would have it, as text: '007' is 7 in an integer column. A
 * text that is no value of the column's type is that type's error.
 */
extern char *dcx_wallet_organisation(const char *argument);

/* Whether two such texts are the same organisation: the column's collation may ignore case. */
extern bool dcx_wallet_same_organisation(const char *a, const char *b);

/*
 * Reads the wallet of an organisation as the caller, under the active snapshot, into the current memory
 * context. No wallet, or two, is ZD006; a balance that is NULL, NaN or infinite is 22003.
 */
extern DcxWallet dcx_wallet_read(const char *organisation);

/*
 * Refuses (22003) a balance that is too large for its column: a column in floating point has exact
 * cents only below a limit.
 */
extern void dcx_wallet_check_exact(Oid relation, const DcxWallet *wallet);

/* The same for all wallets, read as the table's owner under the active snapshot. */
extern void dcx_wallet_check_all_exact(Oid relation);

/* In SQL: a condition that such wallets meet. NULL when the column's type has no such limit. */
extern char *dcx_wallet_inexact_sql(Oid relation);

/* Whether the caller sees a wallet of the organisation. */
extern bool dcx_wallet_is_visible(const char *organisation);

/* Whether row-level security, here or behind a view, may hide wallets of the attached relation from the caller. */
extern bool dcx_wallet_may_be_hidden(void);

/*
 * Locks the wallet of an organisation until the end of the transaction, and reads it, as the table's
 * owner under a new snapshot. Errors as dcx_wallet_read() and dcx_wallet_check_exact(); a view or
 * foreign table is 42809.
 */
extern DcxWallet dcx_wallet_lock(const char *organisation);

/*
 * Writes the balance of a wallet that is locked, as the table's owner; the table's triggers run. 27000
 * when the row then has another balance: a trigger changed it, or the column cannot hold it.
 */
extern void dcx_wallet_write(const DcxWallet *wallet);

/*
 * For triggers: the wallet in a row of the table or of a partition. A balance that is NULL, NaN or
 * infinite is 22003 in a new row (to_be); in an old one it counts as 0.
 */
extern DcxWallet dcx_wallet_of_row(Relation relation, TupleTableSlot *row, bool to_be);

/*
 * Counts the rows of an organisation as the table's owner, under the active snapshot or a new one
 * (latest). *total: what their balances add up to, unless total is NULL.
 */
extern int64 dcx_wallet_rows(const char *organisation, bool latest, Numeric *total);

/*
 * For TRUNCATE: which of the organisations (text[]) have rows in none but the given tables (oid[]); read
 * as the table's owner under a new snapshot. Returns a text[].
 */
extern Datum dcx_wallet_only_in(Datum organisations, Datum tables);

/*
 * Reads all wallets as the table's owner, under the active snapshot or a new one (latest): arrays of
 * the organisations (text) and of the sum of each one's balances (numeric). only: without partitions.
 */
extern void dcx_wallet_totals(Oid relation, bool only, bool latest, Datum *organisations,
							  Datum *balances);

#endif /* DCX_WALLET_H */
