/*
 * catalog.h
 *		The catalogs: which parts each has, what stands for them here, and how they are read.
 *
 * What is attached is read as its owner, and nobody else: callers need no right on the relation, a
 * view or a policy behind it runs with its owner's power and not the caller's, and it is the owner's
 * user mapping that a foreign table connects with.
 */
#ifndef DCX_CATALOG_H
#define DCX_CATALOG_H

#include "utils/jsonb.h"

#include "src/base/binding.h"
#include "src/base/query.h"
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
	bool		number; /* of a numeric type, and read as numeric; else read as text */
	bool		needed;
} DcxCatalogColumn;

#define DCX_CATALOG_MAX_COLUMNS 9

/* A part of a catalog: a table that pricing knows. Its name is also the binding's part. */
typedef struct DcxCatalogPart
{
	const char		*name;
	bool			 needed; /* a catalog without it is none */
	bool			 view; /* not a table of the catalog, but what can stand in the place of all */
	int				 ncolumns;
	int				 npriced; /* so many of them, the first ones, are read for pricing */
	DcxCatalogColumn columns[DCX_CATALOG_MAX_COLUMNS];
} DcxCatalogPart;

#define DCX_CATALOG_MAX_PARTS 4

/* A catalog; the first part holds its prices, unless one that is a view does. */
typedef struct DcxCatalog
{
	const char	  *name;  /* in dcx.binding, and of the schema that attach looks into */
	const char	  *title; /* of its database */
	const char	  *what;  /* errors call it so */
	const char	  *kind;  /* and what a database has to be */
	const char	  *items; /* and what is in it */
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

/* The database of a catalog. */
extern DcxRemote *dcx_catalog_remote(DcxCatalogId id);

/* Whether our transaction had connected to it before, or to a server of it for another catalog. */
extern bool dcx_catalog_is_in_use(DcxCatalogId id);

/*
 * The binding of a part, brought up to date. The second one wants it: nothing attached is ZD007, with
 * the call that attaches as the hint.
 */
extern const DcxBinding *dcx_catalog_binding(DcxCatalogId id, int part);
extern const DcxBinding *dcx_catalog_bound(DcxCatalogId id, int part);

/* The part that a catalog's prices are in: the first one, unless a view is attached for all. */
extern int dcx_catalog_price_part(DcxCatalogId id);

/* The relations that a catalog's prices are read from. Plain values: they hold whatever is attached next. */
typedef struct DcxPriced
{
	DcxCatalogId id;
	int			 n;
	int			 parts[DCX_SOURCE_ROOTS];
	Oid			 relations[DCX_SOURCE_ROOTS];
	DcxStamp stamp; /* the read of dcx.binding behind it all; not valid where that was not one */
} DcxPriced;

/*
 * Says which they are: of E-Networks the view that is attached, or the tables of prices, services and
 * providers, in this order. Nothing attached is ZD007.
 */
extern DcxPriced dcx_catalog_priced(DcxCatalogId id);

/* Whether they are surely read without another server. */
extern bool dcx_catalog_is_near(const DcxPriced *priced);

/*
 * Refuses (42501) two relations that are read in one statement and belong to several roles: it runs as
 * one of them, and with the power of that one what the other has put into its table, a cast for example.
 */
extern void dcx_catalog_check_one_owner(DcxCatalogId id, Oid relation, Oid other);

/*
 * Locks them for reading, and describes them, for the exactness rule: what will be read under the
 * active snapshot, and when. One that is gone is ZD007; those of several roles are 42501.
 */
extern void dcx_catalog_lock(const DcxPriced *priced, DcxSource *source, DcxStamp *stamp);

/* Locks a part of which this is the binding; likewise. */
extern void dcx_catalog_lock_part(const DcxBinding *binding);

/*
 * Appends the first columns of a part as pricing reads them, as in "a.code::text, a.price::numeric";
 * NULL for one that the relation lacks. A column that is needed and missing is 42703, one that is
 * no number 42804.
 */
extern void dcx_catalog_append_columns(StringInfo sql, const char *alias,
									   const DcxCatalogPart *part, int ncolumns, Oid relation);

/*
 * Inside a run: executes a statement that reads these relations, and returns the number of rows. A
 * remote server that cannot be reached, breaks off, or takes too long is ZD008.
 */
extern uint64 dcx_catalog_select(DcxCatalogId id, const Oid *relations, int nrelations,
								 const char *sql, DcxPlan *plan);

/* The same of the first columns of one part. */
extern uint64 dcx_catalog_select_part(DcxCatalogId id, int part, int ncolumns, Oid relation,
									  DcxPlan *plan);

/* A catalog that has nothing in it is an outage, not an empty catalog: ZD008. */
pg_noreturn extern void dcx_catalog_is_empty(DcxCatalogId id, Oid relation);

/*
 * Refuses (42703, 42804) a relation that lacks a column which the part needs, or has it in a type
 * that is no number. The detail lists the columns found.
 */
extern void dcx_catalog_check_columns(const DcxCatalogPart *part, Oid relation);

/* All rows of a relation as an array of objects, read as its owner. Errors as above. */
extern Jsonb *dcx_catalog_json(DcxCatalogId id, Oid relation);

/* The number of rows of the relation, as its owner. Errors as above. */
extern int64 dcx_catalog_count(DcxCatalogId id, Oid relation);

#endif /* DCX_CATALOG_H */
