/*
 * catalog.h
 *		Reads an attached catalog relation into rows, as its owner.
 *
 * The owner, and nobody else: callers need no right on the relation, a view or a policy behind it
 * runs with its owner's power and not the caller's, and it is the owner's user mapping that a
 * foreign table connects with.
 */
#ifndef DCX_CATALOG_H
#define DCX_CATALOG_H

#include "binding.h"
#include "book.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#define DCX_CATALOG_AAS "aas"

/* A column that pricing knows. */
typedef struct DcxCatalogColumn
{
	const char *name;
	bool		number; /* of a numeric type, and read as numeric; else read as text */
	bool		needed;
} DcxCatalogColumn;

#define DCX_CATALOG_MAX_COLUMNS 7

/* A table that pricing knows; its name is also the binding's part. */
typedef struct DcxCatalogTable
{
	const char		*name;
	bool			 needed; /* a catalog without it is none */
	int				 ncolumns;
	int				 npriced; /* so many of them, the first ones, are read for pricing */
	DcxCatalogColumn columns[DCX_CATALOG_MAX_COLUMNS];
} DcxCatalogTable;

#define DCX_AAS_TABLES 3
extern const DcxCatalogTable dcx_aas_tables[DCX_AAS_TABLES];

typedef struct DcxTemplateRow
{
	char   *id;
	char   *name;
	char   *group;
	char   *os_type;
	Numeric vcpus;
	Numeric memory; /* GB */
	Numeric disk;	/* GB */
} DcxTemplateRow;

/*
 * Brings the binding of the products up to date and returns it; nothing attached is ZD007, with
 * the call that attaches as the hint.
 */
extern const DcxBinding *dcx_catalog_bound_products(void);

/*
 * The whole relation, in the current memory context, under the active snapshot. source and stamp
 * (of the products): what was read and when, for the exactness rule. full: with what pricing does
 * not need, costs and categories, and never without a product (ZD008). A remote server that cannot
 * be reached, breaks off, takes too long, or has no products at all is ZD008; a relation that is
 * gone is ZD007; one that has lost a column we need is 42703.
 */
extern DcxProductRow  *dcx_catalog_products(bool full, int *nrows, DcxSource *source,
											DcxStamp *stamp);
extern DcxTemplateRow *dcx_catalog_templates(int *nrows);

/*
 * Refuses (42703, 42804) a relation that lacks a column which the table needs, or has it in a type
 * that is no number. The detail lists the columns found.
 */
extern void dcx_catalog_check_columns(const DcxCatalogTable *table, Oid relation);

/* All rows of a relation as an array of objects, read as its owner. Errors as above. */
extern Jsonb *dcx_catalog_json(Oid relation);

/* Whether a relation is surely read without another server. */
extern bool dcx_catalog_is_near(Oid relation);

/* The number of rows of the relation, as its owner. Errors as above. */
extern int64 dcx_catalog_count(Oid relation);

#endif /* DCX_CATALOG_H */
