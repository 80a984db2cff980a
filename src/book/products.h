/*
 * products.h
 *		The products of AAS as rows, and its VM templates.
 */
#ifndef DCX_PRODUCTS_H
#define DCX_PRODUCTS_H

#include "src/book/book.h"
#include "src/catalog/priced.h"

/*
 * Reads all products under the active snapshot, as the owner of the relation, into the current memory
 * context.
 *
 * priced: what is attached, settled by dcx_catalog_settle(). full: also what pricing does not need, which is cost, unit and category.
 * *source and *stamp: what was read and what the read could see, for the exactness rule.
 *
 * ZD008 when the catalog cannot be reached. A foreign table without a product counts as that, and so does
 * any relation when full is set: an empty book is never saved. Other errors as dcx_catalog_source() and
 * dcx_catalog_select().
 */
extern DcxProductRow *dcx_products_rows(const DcxPriced *priced, bool full, int *nrows,
										DcxSource *source, DcxStamp *stamp);

/* A VM template, as found: anything can be NULL, and a number NaN. */
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

/* Reads all templates in the same way. ZD007 when nothing is attached, or no templates. */
extern DcxTemplateRow *dcx_products_templates(int *nrows);

/*
 * Finds the template with this id or, if none has it, with this name; both exactly. None is ZD002, with a
 * hint that lists the names; several are ZD003.
 */
extern const DcxTemplateRow *dcx_products_template(const DcxTemplateRow *rows, int nrows,
												   const char *sought);

#endif /* DCX_PRODUCTS_H */
