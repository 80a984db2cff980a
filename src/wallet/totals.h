/*
 * totals.h
 *		Many wallets: how many rows an organisation has, and what the balances add up to.
 *
 * All of it is read as the table's owner.
 */
#ifndef DCX_TOTALS_H
#define DCX_TOTALS_H

#include "src/wallet/wallet.h"

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

/* dcx_wallet_check_exact() for all wallets, read as the table's owner under the active snapshot. */
extern void dcx_wallet_check_all_exact(Oid relation);

#endif /* DCX_TOTALS_H */
