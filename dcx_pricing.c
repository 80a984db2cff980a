/*
 * dcx_pricing.c
 *		The front door: what is where, and what happens when the library is loaded.
 *
 * An extension for a cloud platform's MAIN database: what a VM costs at the catalog's real prices,
 * whether an organisation's wallet can afford it, and the money held while it is built.
 *
 *		src/attach		a URL becomes foreign tables; what is there already is adopted
 *		src/conninfo	reads the URL
 *		src/secrecy		keeps a statement with a password out of the log
 *		src/options		says what becomes of a server's options when a URL is attached again
 *		src/foreign		makes postgres_fdw's objects
 *		src/binding		remembers which relation stands for what
 *		src/catalog		the catalogs, their parts, and how they are read
 *		src/products	the products of AAS as rows
 *		src/services	the network services of E-Networks as rows
 *		src/book		code -> price or bands, in memory
 *		src/bookjson	the same as a jsonb
 *		src/saved		books that are kept in MAIN
 *		src/pricebook	says which book answers, and keeps it as long as it is exact
 *		src/snapshot	says how long that is: the exactness rule
 *		src/history		saves the catalog's book, and finds the one of a time
 *		src/vm			prices a VM from a book
 *		src/network		prices bandwidth from a book, and lists who can serve it
 *		src/order		prices what a customer places at once
 *		src/margin		what a VM earns
 *		src/inventory	prices the VMs that there are
 *		src/wallet		the platform's wallet table: read as the caller, written as its owner
 *		src/ledger		records every change of a balance, and our tables that it is in
 *		src/recorder	which trigger on the wallet table it is that does so
 *		src/account		what an organisation can spend
 *		src/request		what a call asks for, and whether it asked before
 *		src/movement	credit and debit
 *		src/hold		hold, capture, release, extend
 *		src/reserve		prices an order and holds its cost
 *		src/report		statements, holds, proofs and the audit
 *		src/attach_wallet	the wallet table is attached, its ledger made and brought up to date
 *		src/updated_at	the trigger
 *		src/facts		what the checks look at
 *		src/check		everything that can be wrong, as rows
 *		src/maintain	what a scheduler calls, and what a dashboard shows
 *		src/quote		the lines of a quote
 *		src/money		exact decimals
 *		src/remote		waits for another server, not for ever
 *		src/place		a connection that postgres_fdw keeps, and giving it up
 *		src/probe		asks another server, beside the transaction
 *		src/reach		whether what is attached can be read, beside it as well
 *		src/guarded		work whose failure is a result
 *		src/relation	names, owners and columns of relations
 *		src/extension	the functions of the extension itself, nobody else's of that name
 *		src/tables		our own tables: what they are, how they are made and brought along
 *		src/shape		what a table has to be before it is read without a statement
 *		src/lookup		one row by an index, without a statement
 *		src/query		the one doorway to SPI
 *		src/names		whose the relations are that the names in a statement mean
 *
 * Includes point one way only, which test/arrows checks.
 */
#include "postgres.h"

#include "src/compat.h"
#include "src/names.h"
#include "src/pricebook.h"
#include "src/secrecy.h"
#include "fmgr.h"
#include "utils/guc.h"

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
	/* Which price answers is not for every user to decide: superusers, and those granted SET. */
	DefineCustomIntVariable("dcx_pricing.max_price_age",
							"How old the prices may be that dcx_pricing answers with.",
							"Above 0, the newest book that dcx_price_book_save() stored answers "
							"while it was last seen within that time; 0: the catalog itself does.",
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
							 "What dcx_pricing does when the catalog cannot be reached.",
							 "error: says so; saved: the newest book that dcx_price_book_save() "
							 "stored answers, with a warning.",
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
