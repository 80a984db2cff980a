/*
 * catalog.h
 *		The catalogs: which parts each has, and what is attached for them here. dcx_catalogs[] describes them.
 */
#ifndef DCX_CATALOG_H
#define DCX_CATALOG_H

#include "src/base/binding.h"
#include "src/remote/remote.h"

typedef enum DcxCatalogId
{
	DCX_AAS,
	DCX_ENETWORKS
} DcxCatalogId;

#define DCX_CATALOGS 2

#define DCX_AAS_NAME	   "aas"
#define DCX_ENETWORKS_NAME "enetworks"

/* A column that pricing knows. */
typedef struct DcxCatalogColumn
{
	const char *name;
	bool		number; /* a number, and read as numeric; any other column is read as text */
	bool		needed; /* a relation without it cannot be attached */
} DcxCatalogColumn;

#define DCX_CATALOG_MAX_COLUMNS 9

/* A part of a catalog: a table that pricing knows. dcx.binding has its name in column part. */
typedef struct DcxCatalogPart
{
	const char *name;
	bool		needed; /* a database without it is not the catalog */
	bool		view;	/* not a table: a relation that can stand for all tables of the catalog */
	int			ncolumns;
	int			npriced; /* pricing reads the first columns only: so many */
	DcxCatalogColumn columns[DCX_CATALOG_MAX_COLUMNS];
} DcxCatalogPart;

#define DCX_CATALOG_MAX_PARTS 4

/* A catalog. Its first part holds the prices, unless a view is attached. */
typedef struct DcxCatalog
{
	const char	  *name;  /* in dcx.binding; and the schema that attach looks into by default */
	const char	  *title; /* the platform's name of its database */
	const char	  *what;  /* what errors call it */
	const char	  *kind;  /* what errors call a database that can be attached */
	const char	  *items; /* what errors call the things in it */
	int			   nparts;
	DcxCatalogPart parts[DCX_CATALOG_MAX_PARTS];
} DcxCatalog;

extern const DcxCatalog dcx_catalogs[DCX_CATALOGS];

/* The parts of each, in the order of dcx_catalogs. */
typedef enum DcxAasPart
{
	DCX_PRODUCTS,
	DCX_CATEGORIES,
	DCX_TEMPLATES
} DcxAasPart;

typedef enum DcxEnetworksPart
{
	DCX_BANDWIDTH_PRICES,
	DCX_NETWORK_SERVICES,
	DCX_PROVIDERS,
	DCX_NETWORK_PRICES
} DcxEnetworksPart;

/* The catalog that a user means, or an error (22023) that says which ones there are. */
extern DcxCatalogId dcx_catalog_named(const text *name);

/* The database of a catalog, for dcx_remote_do(). */
extern DcxRemote *dcx_catalog_remote(DcxCatalogId id);

/* Whether our transaction has connected to its server before, be it for another catalog. */
extern bool dcx_catalog_is_in_use(DcxCatalogId id);

/*
 * Whether the relation is a foreign table of a server that has this catalog, and of which attach has noted that its
 * database has our encoding.
 */
extern bool dcx_catalog_has_our_encoding(DcxCatalogId id, Oid relation);

/*
 * The binding of a part, up to date. The second function raises ZD007 when nothing is attached for it; the
 * hint is the call that attaches.
 */
extern const DcxBinding *dcx_catalog_binding(DcxCatalogId id, int part);
extern const DcxBinding *dcx_catalog_bound(DcxCatalogId id, int part);

/* The binding of the part that can stand for all tables, and its number; NULL for a catalog that has no such part. */
extern const DcxBinding *dcx_catalog_view(DcxCatalogId id, int *part);

/* Raises the error that the relation of a part has been dropped, and says how to attach what was attached. */
pg_noreturn extern void dcx_catalog_refuse_dropped(DcxCatalogId id, int part);

/*
 * The call that attaches a catalog again where it is attached, for a hint: "dcx_attach_aas(NULL, 'shop')". If it is not
 * attached, the call for the schema that attach looks into by default.
 */
extern char *dcx_catalog_attach_call(DcxCatalogId id);

/* The number of the part that holds a catalog's prices: the view if one is attached, else the first. */
extern int dcx_catalog_price_part(DcxCatalogId id);

#endif /* DCX_CATALOG_H */
