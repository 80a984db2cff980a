/*
 * catalog.h
 *		The catalogs: which parts each has, what stands for them here, and how they are read.
 *
 * An attached relation is always read as its owner. Callers need no right on it; a view or a policy
 * behind it runs with the owner's rights, not the caller's; and a foreign table connects with the owner's
 * user mapping.
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

/*
 * The relations that a catalog's prices are read from, or that of one part. Plain values: they hold whatever is
 * attached next.
 */
typedef struct DcxPriced
{
	DcxCatalogId id;
	bool		 one;	   /* only that of one part */
	bool		 optional; /* which need not be there */
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

/* The same for one part. */
extern DcxPriced dcx_catalog_part(DcxCatalogId id, int part);

/*
 * The same for a part that need not be there: then n is 0.
 */
extern DcxPriced dcx_catalog_part_if_any(DcxCatalogId id, int part);

/*
 * Locks them for reading, and makes sure that the active snapshot is not older than they are. If it is, or if others
 * have been attached in their place while we waited, a new snapshot is made active, and *priced is what is attached
 * then. Returns whether it was, for dcx_fresh_end(). 40001 where no new snapshot can be taken; ZD007 when one has
 * been dropped, or n becomes 0 where it need not be there.
 */
extern bool dcx_catalog_settle(DcxPriced *priced);

/*
 * Whether no other server can be involved in reading them: they are plain tables, but none of Citus, or
 * materialized views.
 */
extern bool dcx_catalog_is_near(const DcxPriced *priced);

/*
 * Refuses (42501) two relations that belong to different roles and are read in one statement. It runs as
 * one of them: so what the other role has put into its table, such as a cast, would run with that role's rights.
 */
extern void dcx_catalog_check_one_owner(DcxCatalogId id, Oid relation, Oid other);

/*
 * Describes for the exactness rule (snapshot.h) what is read, and under which snapshot. They have been locked by
 * dcx_catalog_settle(). 42501 when they belong to different roles.
 */
extern void dcx_catalog_source(const DcxPriced *priced, DcxSource *source, DcxStamp *stamp);

/* How the texts of a read have come. */
typedef struct DcxTexts
{
	bool from_afar; /* from another server, which need not keep to its own encoding */
	bool as_bytes;	/* some could not be converted, so all have come as bytes in this encoding: */
	int	 encoding;
} DcxTexts;

/*
 * Appends the first columns of a part to a statement as pricing reads them, as in
 * "a.code::text, a.price::numeric"; NULL for a column that the relation lacks. 42703 when a needed column
 * is missing, 42804 when a column should be a number and is not.
 */
extern void dcx_catalog_append_columns(StringInfo sql, const char *alias,
									   const DcxCatalogPart *part, int ncolumns, Oid relation,
									   bool as_bytes);

/* Appends the relation with its alias, for FROM. With as_bytes its texts are of type bytea. */
extern void dcx_catalog_append_relation(StringInfo sql, const char *alias,
										const DcxCatalogPart *part, int ncolumns, Oid relation,
										bool as_bytes);

/*
 * Inside a run: executes a statement that reads these relations, and returns the number of rows. plan: where
 * the plan is kept; NULL: it is not. Errors as dcx_remote_do()'s.
 */
extern uint64 dcx_catalog_select(DcxCatalogId id, const Oid *relations, int nrelations,
								 const char *sql, DcxPlan *plan);

/*
 * The same for a statement that reads texts. Where one of them cannot be had in this database's encoding,
 * they are all read again as bytes, under the same snapshot of the other server. statement(argument,
 * as_bytes) makes the statement. Read its texts by dcx_catalog_text().
 */
extern uint64 dcx_catalog_read(DcxCatalogId id, const Oid *relations, int nrelations,
							   char *(*statement)(const void *argument, bool as_bytes),
							   const void *argument, DcxPlan *plan, DcxTexts *texts);

/* The same for the first columns of one part. */
extern uint64 dcx_catalog_read_part(DcxCatalogId id, int part, int ncolumns, Oid relation,
									DcxPlan *plan, DcxTexts *texts);

/* A text that was read, in the caller's memory context; NULL for NULL, and where it cannot be had. */
extern char *dcx_catalog_text(const DcxTexts *texts, uint64 row, int column);

/* The same for a text by which rows are told from one another: one that cannot be had is its bytes, in hexadecimal. */
extern char *dcx_catalog_key(const DcxTexts *texts, uint64 row, int column);

/* Raises ZD008: a catalog without any row is taken for an outage, not for an empty catalog. */
pg_noreturn extern void dcx_catalog_is_empty(DcxCatalogId id, Oid relation);

/*
 * Refuses a relation that lacks a column which the part needs (42703), or in which a column that should be
 * a number is none (42804). The detail lists the columns found.
 */
extern void dcx_catalog_check_columns(const DcxCatalogPart *part, Oid relation);

/*
 * All rows of a part's relation as an array of objects, read as its owner. Errors as dcx_remote_do()'s. If a text
 * cannot be had: only with the columns that pricing knows, and DCX_ENCODING_LOST_CHAR for the text.
 */
extern Jsonb *dcx_catalog_json(DcxCatalogId id, int part, Oid relation);

/* The number of rows of a relation, likewise. */
extern int64 dcx_catalog_count(DcxCatalogId id, Oid relation);

#endif /* DCX_CATALOG_H */
