/*
 * dcx_pricing.c
 *		The front door: what is where, and what happens when the library is loaded.
 *
 * An extension for a cloud platform's MAIN database: what a VM costs at the catalog's real prices,
 * and whether an organisation's wallet can afford it.
 *
 *		src/attach		a URL becomes foreign tables; what is there already is adopted
 *		src/conninfo	reads the URL
 *		src/foreign		makes postgres_fdw's objects
 *		src/binding		remembers which relation stands for what
 *		src/catalog		reads an attached relation into rows, as its owner
 *		src/pricebook	keeps the rows as a book, as long as it is exact
 *		src/snapshot	says how long that is: the exactness rule
 *		src/vm			prices a VM from a book
 *		src/wallet		reads a wallet, as the caller
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
