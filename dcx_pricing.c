/*
 * dcx_pricing.c
 *		The front door: what is where, and what happens when the library is loaded.
 *
 * An extension for a cloud platform's MAIN database: what a VM costs at the catalog's real prices,
 * whether an organisation's wallet can afford it, and the money held while it is built.
 *
 *		src/attach		a URL becomes foreign tables; what is there already is adopted
 *		src/conninfo	reads the URL
 *		src/foreign		makes postgres_fdw's objects
 *		src/binding		remembers which relation stands for what
 *		src/catalog		reads an attached relation into rows, as its owner
 *		src/pricebook	keeps the rows as a book, as long as it is exact
 *		src/snapshot	says how long that is: the exactness rule
 *		src/vm			prices a VM from a book
 *		src/wallet		the platform's wallet table: read as the caller, written as its owner
 *		src/ledger		records every change of a balance, and our tables that it is in
 *		src/account		what an organisation can spend
 *		src/request		what a call asks for, and whether it asked before
 *		src/movement	credit and debit
 *		src/hold		hold, capture, release, extend
 *		src/reserve		prices an order and holds its cost
 *		src/report		statements, holds, proofs and the audit
 *		src/attach_wallet	the wallet table is attached, its ledger made and brought up to date
 *		src/updated_at	the trigger
 *		src/money		exact decimals
 *		src/remote		waits for another server, not for ever
 *		src/relation	names, owners and columns of relations
 *		src/lookup		one row by an index, without a statement
 *		src/query		the one doorway to SPI
 *
 * Includes point one way only, which test/arrows checks.
 */
#include "postgres.h"

#include "src/compat.h"
#include "fmgr.h"
#include "utils/guc.h"

PG_MODULE_MAGIC_EXT(.name = "dcx_pricing");

void _PG_init(void);

void
_PG_init(void)
{
	/* There are no settings yet; nobody else is to take their names. */
	MarkGUCPrefixReserved("dcx_pricing");
}
