/*
 * wallet.h
 *		The platform's wallet table: which one it is, and what its columns can be.
 *
 * A wallet is a row of the platform's own table, which dcx_attach_wallet() names. Its balance is in balance.h; how one
 * row is read, locked and written in row.h; what is read of many in totals.h.
 */
#ifndef DCX_WALLET_H
#define DCX_WALLET_H

#include "storage/itemptr.h"
#include "utils/numeric.h"
#include "utils/relcache.h"

#include "src/base/binding.h"

#define DCX_CATALOG_WALLET "wallet"

/* A wallet: a row of the table. */
typedef struct DcxWallet
{
	char   *organisation; /* the value of its column, as text; NULL: nobody's wallet */
	Numeric balance; /* the value of its column; may be NULL, NaN or infinite until it is checked */
	ItemPointerData place; /* of the row, where it was found without a statement; else invalid */
} DcxWallet;

/* The binding of the wallet table, up to date; ->attached says whether there is one. */
extern const DcxBinding *dcx_wallet_binding(void);

/*
 * The same, with the table locked for reading. columns[0] is the organisation, columns[1] the balance.
 * ZD007 when nothing is attached, or the table has been dropped; 40001 when another was attached in its place.
 */
extern const DcxBinding *dcx_wallet_bound(void);

/* The binding as the last of these calls has left it; which table that was, and which columns. */
extern const DcxBinding *dcx_wallet_last(void);
extern Oid				 dcx_wallet_relation(void);
extern const char		*dcx_wallet_organisation_column(void);
extern const char		*dcx_wallet_balance_column(void);

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

/* A column of the attached table or of a partition of it, as the catalogs have it. */
typedef struct DcxWalletColumn
{
	AttrNumber attnum;
	Oid		   type; /* a domain's base type */
	Oid		   collation;
	bool	   is_virtual; /* generated, and not stored */
} DcxWalletColumn;

/* The two columns of a relation that are named in the binding. False if it has no such column. */
extern bool dcx_wallet_find_organisation(Oid relation, DcxWalletColumn *column);
extern bool dcx_wallet_find_balance(Oid relation, DcxWalletColumn *column);

/* Return the type of a column. Refuse a relation without it (42703), and a type that cannot be (42804). */
extern Oid dcx_wallet_check_organisation(Oid relation, const char *column);
extern Oid dcx_wallet_check_balance(Oid relation, const char *column);

/*
 * Refuses (0A000) a column that is generated and not stored: a row that a trigger gets does not have its
 * value. Before PostgreSQL 18 there is none.
 */
extern void dcx_wallet_check_stored(Oid relation, const char *column);

/* The error of dcx_wallet_check_stored(). */
pg_noreturn extern void dcx_wallet_refuse_virtual(Oid relation, const char *column);

/*
 * An argument as the organisation column would have it, as text: '007' is 7 in an integer column. A
 * text that is no value of the column's type is that type's error.
 */
extern char *dcx_wallet_organisation(const char *argument);

/* An argument as a value of the organisation column's type. The type's own error shows what is not one. */
extern Datum dcx_wallet_organisation_value(const char *argument, Oid type);

/* A value of the organisation column, whose type is no domain, as text: the same that a cast to text gives. */
extern char *dcx_wallet_organisation_text(Datum value, Oid type);

/* Whether two such texts are the same organisation: the column's collation may ignore case. */
extern bool dcx_wallet_same_organisation(const char *a, const char *b);

/* Whether row-level security, here or behind a view, may hide wallets of the attached relation from the caller. */
extern bool dcx_wallet_may_be_hidden(void);

#endif /* DCX_WALLET_H */
