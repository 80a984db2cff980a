/*
 * dcx_pricing.c
 *		The front door: what is where, and what happens when the library is loaded.
 *
 * An extension for a cloud platform's MAIN database. It prices VMs from the product catalog, and holds the
 * money for them in the organisation's wallet while they are built.
 *
 * Each wing is a folder of src/, and uses only the wings below it:
 *
 *		src/setup		attaches and detaches a catalog, and makes the updatedAt triggers
 *		src/check		lists what is wrong, and does what a scheduler should do regularly
 *		src/wallet		moves money: wallets, holds, the ledger
 *		src/price		prices a VM, network services, an order, an inventory
 *		src/book		price books: read from a catalog, saved, chosen
 *		src/catalog		which relations are the catalogs' tables, and who another server is
 *		src/remote		other servers: how they are reached, and how long we wait
 *		src/base		PostgreSQL: statements, relations, snapshots; and exact decimals
 *
 * Each file says at its top what it does. test/arrows checks who includes whom.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "src/base/compat.h"
#include "src/base/names.h"
#include "src/book/pricebook.h"
#include "src/setup/secrecy.h"

PG_MODULE_MAGIC_EXT(.name = "dcx_pricing");

static const struct config_enum_entry on_outage_options[] = {
	{"error", DCX_ON_OUTAGE_ERROR, false},
	{"saved", DCX_ON_OUTAGE_SAVED, false},
	{NULL, 0, false},
};

void _PG_init(void);

void
_PG_init(void)
{
	/* Not every user may decide which price counts: only superusers, and roles with GRANT SET ON PARAMETER. */
	DefineCustomIntVariable("dcx_pricing.max_price_age",
							"How old a saved price book may be to answer for the catalog.",
							"At 0 the catalog itself always answers. Above 0, the newest book that "
							"dcx_price_book_save() has stored answers, if it was last seen within "
							"that time; otherwise the catalog does.",
							&dcx_max_price_age,
							0,
							0,
							INT_MAX,
							PGC_SUSET,
							GUC_UNIT_S,
							NULL,
							NULL,
							NULL);
	DefineCustomEnumVariable("dcx_pricing.on_outage",
							 "What a call does if the catalog cannot be reached.",
							 "With error it fails with ZD008. With saved, the newest book that "
							 "dcx_price_book_save() has stored answers, however old, with one "
							 "warning per transaction.",
							 &dcx_on_outage,
							 DCX_ON_OUTAGE_ERROR,
							 on_outage_options,
							 PGC_SUSET,
							 0,
							 NULL,
							 NULL,
							 NULL);
	MarkGUCPrefixReserved("dcx_pricing");

	dcx_names_init();
	dcx_secrecy_init();
}
