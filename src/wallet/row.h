/*
 * row.h
 *		One wallet: a row of the platform's table is found, read, locked and written.
 *
 * To ask what is in it, it is read as the caller: table rights and row-level security apply. To move money, EXECUTE on
 * the function is enough: the row is locked and written as the table's owner.
 *
 * Lock a wallet before its account (see ledger.h), and never read another server while one is locked.
 */
#ifndef DCX_ROW_H
#define DCX_ROW_H

#include "executor/tuptable.h"

#include "src/wallet/wallet.h"

/*
 * Reads the wallet of an organisation as the caller, under the active snapshot, into the current memory
 * context, after dcx_wallet_settle(). No wallet, or two, is ZD006; a balance that is NULL, NaN or infinite is 22003.
 */
extern DcxWallet dcx_wallet_read(const char *organisation);

/* Whether the caller sees a wallet of the organisation; likewise. */
extern bool dcx_wallet_is_visible(const char *organisation);

/*
 * Locks the wallet of an organisation until the end of the transaction, and reads it, as the table's
 * owner under a new snapshot. Errors as dcx_wallet_read() and dcx_wallet_check_exact(); a view or
 * foreign table is 42809.
 */
extern DcxWallet dcx_wallet_lock(const char *organisation);

/*
 * Writes the balance of a wallet that is locked, if that is possible without a statement. Then the ledger's trigger is
 * not fired: the caller writes the ledger. False: nothing is written, call dcx_wallet_write().
 */
extern bool dcx_wallet_write_directly(const DcxWallet *wallet);

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

/* Inside a run: the wallet that a SELECT of organisation and balance has found, when it is the only row. */
extern DcxWallet dcx_wallet_found(uint64 found);

#endif /* DCX_ROW_H */
