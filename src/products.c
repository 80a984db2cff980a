/*
 * products.c
 *		The products of AAS as rows, and its VM templates.
 */
#include "postgres.h"

#include "products.h"
#include "query.h"
#include "relation.h"
#include "storage/lmgr.h"

static const DcxCatalogPart *
part(DcxAasPart number)
{
	return &dcx_catalogs[DCX_AAS].parts[number];
}

typedef struct Category
{
	char *id;
	char *name;
} Category;

static int
compare_categories(const void *a, const void *b)
{
	return strcmp(((const Category *) a)->id, ((const Category *) b)->id);
}

/* Puts the categories' names in the place of their ids, where there are categories. */
static void
name_categories(DcxProductRow *rows, int nrows)
{
	static DcxPlan	  plan;
	const DcxBinding *binding = dcx_catalog_binding(DCX_AAS, DCX_CATEGORIES);
	MemoryContext	  context = CurrentMemoryContext;
	Category		 *found = NULL;
	int				  nfound = 0;
	int				  n = 0;
	Oid				  relation = InvalidOid;
	DcxRun			  run;

	if (binding->attached)
		relation = binding->relation;
	if (OidIsValid(relation))
		LockRelationOid(relation, AccessShareLock);
	if (OidIsValid(dcx_relation_owner(relation)))
	{
		dcx_run_begin(&run, dcx_relation_owner(relation));
		nfound = dcx_catalog_select_part(DCX_AAS,
										 DCX_CATEGORIES,
										 part(DCX_CATEGORIES)->ncolumns,
										 relation,
										 &plan);
		found = MemoryContextAllocHuge(context, sizeof(Category) * Max(nfound, 1));
		for (int i = 0; i < nfound; i++)
		{
			found[n].id = dcx_query_text(i, 1);
			found[n].name = dcx_query_text(i, 2);
			n += found[n].id != NULL;
		}
		dcx_run_end(&run);
		qsort(found, n, sizeof(Category), compare_categories);
	}

	for (int i = 0; i < nrows; i++)
	{
		Category  sought = {.id = unconstify(char *, rows[i].category)};
		Category *category = NULL;

		if (sought.id && n > 0)
			category = bsearch(&sought, found, n, sizeof(Category), compare_categories);
		rows[i].category = category ? category->name : NULL;
	}
}

DcxProductRow *
dcx_products_rows(const DcxPriced *priced, bool full, int *nrows, DcxSource *source,
				  DcxStamp *stamp)
{
	static DcxPlan priced_plan;
	static DcxPlan full_plan;
	Oid			   relation = priced->bindings[0]->relation;
	MemoryContext  context = CurrentMemoryContext;
	DcxProductRow *rows;
	DcxRun		   run;

	dcx_catalog_lock(priced, source, stamp);
	dcx_run_begin(&run, dcx_relation_owner(relation));
	*nrows =
		dcx_catalog_select_part(DCX_AAS,
								DCX_PRODUCTS,
								full ? part(DCX_PRODUCTS)->ncolumns : part(DCX_PRODUCTS)->npriced,
								relation,
								full ? &full_plan : &priced_plan);
	if (*nrows == 0 && (full || source->kind == DCX_SOURCE_FOREIGN))
		dcx_catalog_is_empty(DCX_AAS, relation);

	rows = MemoryContextAllocExtended(context,
									  sizeof(DcxProductRow) * Max(*nrows, 1),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < *nrows; i++)
	{
		rows[i].code = dcx_query_text(i, 1);
		rows[i].title = dcx_query_text(i, 2);
		rows[i].price = dcx_query_numeric(i, 3);
		if (full)
		{
			rows[i].cost = dcx_query_numeric(i, 4);
			rows[i].unit = dcx_query_numeric(i, 5);
			rows[i].category = dcx_query_text(i, 6);
		}
	}
	dcx_run_end(&run);

	if (full)
		name_categories(rows, *nrows);
	return rows;
}

DcxTemplateRow *
dcx_products_templates(int *nrows)
{
	static DcxPlan	  plan;
	MemoryContext	  context = CurrentMemoryContext;
	const DcxBinding *binding;
	DcxTemplateRow	 *rows;
	DcxRun			  run;

	/* Where nothing is attached at all, that is what to say. */
	dcx_catalog_bound(DCX_AAS, DCX_PRODUCTS);
	binding = dcx_catalog_bound(DCX_AAS, DCX_TEMPLATES);
	dcx_catalog_lock_part(binding);

	dcx_run_begin(&run, dcx_relation_owner(binding->relation));
	*nrows = dcx_catalog_select_part(DCX_AAS,
									 DCX_TEMPLATES,
									 part(DCX_TEMPLATES)->ncolumns,
									 binding->relation,
									 &plan);
	rows = MemoryContextAllocHuge(context, sizeof(DcxTemplateRow) * Max(*nrows, 1));
	for (int i = 0; i < *nrows; i++)
	{
		rows[i].id = dcx_query_text(i, 1);
		rows[i].name = dcx_query_text(i, 2);
		rows[i].group = dcx_query_text(i, 3);
		rows[i].os_type = dcx_query_text(i, 4);
		rows[i].vcpus = dcx_query_numeric(i, 5);
		rows[i].memory = dcx_query_numeric(i, 6);
		rows[i].disk = dcx_query_numeric(i, 7);
	}
	dcx_run_end(&run);

	return rows;
}
