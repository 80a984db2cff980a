/*
 * priced.h
 *		Which relations a catalog's prices are read from, and under which snapshot.
 */
#ifndef DCX_PRICED_H
#define DCX_PRICED_H

#include "src/base/binding.h"
#include "src/catalog/catalog.h"

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

#endif /* DCX_PRICED_H */
