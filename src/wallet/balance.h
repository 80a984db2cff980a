/*
 * balance.h
 *		The balance column of the wallet table, as an exact number.
 *
 * The platform may keep balances as numeric, as integers or in floating point. We compute with numeric: here it is said
 * which number a value stands for, and which values we cannot compute with.
 */
#ifndef DCX_BALANCE_H
#define DCX_BALANCE_H

#include "utils/numeric.h"
#include "utils/relcache.h"

#include "src/wallet/wallet.h"

/* Whether a balance is a number to compute with. */
extern bool dcx_balance_is_usable(Numeric balance);

/* For errors: what a balance is that is no such number. */
extern const char *dcx_balance_unusable(Numeric balance);

/* Refuses (22003) a balance that is NULL, NaN or infinite. */
extern void dcx_balance_check_usable(const char *organisation, Numeric balance);

/* A value of the balance column as numeric, whatever type the column of the relation has now. */
extern Numeric dcx_balance_numeric(Relation relation, Datum value, Oid type);

/*
 * The other way: a balance as a value of a column of the relation, as an assignment makes it. False when the column
 * would not give the same number back, or is of another type. A number that is too large for the type is its error.
 */
extern bool dcx_balance_value(Relation relation, AttrNumber column, Numeric balance, Datum *value);

/* In SQL: the balance column of a relation as numeric. */
extern char *dcx_balance_sql(Oid relation);

/*
 * Refuses (22003) a balance that is too large for its column: a column in floating point has exact
 * cents only below a limit.
 */
extern void dcx_wallet_check_exact(Oid relation, const DcxWallet *wallet);

/* In SQL: a condition that such wallets meet. NULL when the column's type has no such limit. */
extern char *dcx_wallet_inexact_sql(Oid relation);

#endif /* DCX_BALANCE_H */
