/*
 * products.h
 *		The products of AAS as rows, and its VM templates.
 */
#ifndef DCX_PRODUCTS_H
#define DCX_PRODUCTS_H

#include "src/book/book.h"
#include "src/catalog/catalog.h"

/*
 * All products, in the current memory context, under the active snapshot. source and stamp: what was
 * read and when, for the exactness rule. full: with what pricing does not need, costs and categories,
 * and never without a product (ZD008, as where a foreign table has none). Errors as
 * dcx_catalog_select() and dcx_catalog_lock() have them.
 */
extern DcxProductRow *dcx_products_rows(const DcxPriced *priced, bool full, int *nrows,
										DcxSource *source, DcxStamp *stamp);

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

/* All templates, likewise; ZD007 where none are attached. */
extern DcxTemplateRow *dcx_products_templates(int *nrows);

/*
 * The one of them that has an id or, where none has it, a name; to the letter. None is ZD002, with the
 * names on offer as the hint, more than one ZD003.
 */
extern const DcxTemplateRow *dcx_products_template(const DcxTemplateRow *rows, int nrows,
												   const char *sought);

#endif /* DCX_PRODUCTS_H */
