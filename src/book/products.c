/*
 * products.c
 *		The products of AAS as rows, and its VM templates.
 *
 * Everything is read as the owner of the relation it is in. Categories are a relation of their own, which
 * may be of another kind than the products, so a full read may see the two at different moments. Pricing
 * does not read them.
 */
#include "postgres.h"

#include "src/base/errcodes.h"
#include "src/base/fresh.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/text.h"
#include "src/book/products.h"
#include "src/catalog/read.h"

/* How many names of templates an error lists. */
#define NAMES_LISTED 20

static const DcxCatalogPart *
aas_part(DcxAasPart number)
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

/* Replaces the ids of categories by their names; by NULL when the category is unknown, or none are attached. */
static void
name_categories(DcxProductRow *rows, int nrows)
{
	static DcxPlan plan;
	DcxPriced	   categories = dcx_catalog_part_if_any(DCX_AAS, DCX_CATEGORIES);
	bool		   begun = dcx_catalog_settle(&categories);
	MemoryContext  context = CurrentMemoryContext;
	Category	  *found = NULL;
	int			   nfound = 0;
	int			   n = 0;
	DcxTexts	   texts;
	DcxRun		   run;

	if (categories.n > 0)
	{
		Oid relation = categories.relations[0];

		dcx_run_begin(&run, dcx_relation_owner(relation));
		nfound = dcx_catalog_read_part(DCX_AAS,
									   DCX_CATEGORIES,
									   aas_part(DCX_CATEGORIES)->ncolumns,
									   relation,
									   &plan,
									   &texts);
		found = MemoryContextAllocHuge(context, sizeof(Category) * Max(nfound, 1));
		for (int i = 0; i < nfound; i++)
		{
			found[n].id = dcx_catalog_key(&texts, i, 1);
			found[n].name = dcx_catalog_text(&texts, i, 2);
			n += found[n].id != NULL;
		}
		dcx_run_end(&run);
		qsort(found, n, sizeof(Category), compare_categories);
	}
	dcx_fresh_end(begun);

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
	Oid			   relation = priced->relations[0];
	MemoryContext  context = CurrentMemoryContext;
	DcxProductRow *rows;
	DcxTexts	   texts;
	DcxRun		   run;

	dcx_catalog_source(priced, source, stamp);
	dcx_run_begin(&run, dcx_relation_owner(relation));
	*nrows = dcx_catalog_read_part(DCX_AAS,
								   DCX_PRODUCTS,
								   full ? aas_part(DCX_PRODUCTS)->ncolumns :
										  aas_part(DCX_PRODUCTS)->npriced,
								   relation,
								   full ? &full_plan : &priced_plan,
								   &texts);
	if (*nrows == 0 && (full || source->kind == DCX_SOURCE_FOREIGN))
		dcx_catalog_is_empty(DCX_AAS, relation);

	rows = MemoryContextAllocExtended(context,
									  sizeof(DcxProductRow) * Max(*nrows, 1),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < *nrows; i++)
	{
		rows[i].code = dcx_catalog_text(&texts, i, 1);
		rows[i].title = dcx_catalog_text(&texts, i, 2);
		rows[i].price = dcx_query_numeric(i, 3);
		if (full)
		{
			rows[i].cost = dcx_query_numeric(i, 4);
			rows[i].unit = dcx_query_numeric(i, 5);
			rows[i].category = dcx_catalog_key(&texts, i, 6);
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
	static DcxPlan	plan;
	MemoryContext	context = CurrentMemoryContext;
	DcxTemplateRow *rows;
	DcxPriced		templates;
	Oid				relation;
	bool			begun;
	DcxTexts		texts;
	DcxRun			run;

	/* Raises the better error when nothing is attached at all. */
	dcx_catalog_bound(DCX_AAS, DCX_PRODUCTS);
	templates = dcx_catalog_part(DCX_AAS, DCX_TEMPLATES);
	begun = dcx_catalog_settle(&templates);
	relation = templates.relations[0];

	dcx_run_begin(&run, dcx_relation_owner(relation));
	*nrows = dcx_catalog_read_part(DCX_AAS,
								   DCX_TEMPLATES,
								   aas_part(DCX_TEMPLATES)->ncolumns,
								   relation,
								   &plan,
								   &texts);
	rows = MemoryContextAllocHuge(context, sizeof(DcxTemplateRow) * Max(*nrows, 1));
	for (int i = 0; i < *nrows; i++)
	{
		rows[i].id = dcx_catalog_text(&texts, i, 1);
		rows[i].name = dcx_catalog_text(&texts, i, 2);
		rows[i].group = dcx_catalog_text(&texts, i, 3);
		rows[i].os_type = dcx_catalog_text(&texts, i, 4);
		rows[i].vcpus = dcx_query_numeric(i, 5);
		rows[i].memory = dcx_query_numeric(i, 6);
		rows[i].disk = dcx_query_numeric(i, 7);
	}
	dcx_run_end(&run);
	dcx_fresh_end(begun);

	return rows;
}

static void
refuse_unknown_template(const char *sought, const DcxTemplateRow *rows, int nrows)
{
	const char **names = palloc(sizeof(char *) * Max(nrows, 1));
	int			 n = 0;

	for (int i = 0; i < nrows; i++)
		if (rows[i].name)
			names[n++] = rows[i].name;
	n = dcx_text_sort(names, n);
	ereport(ERROR,
			errcode(DCX_ERRCODE_UNKNOWN_PRODUCT),
			errmsg("unknown template \"%s\"", dcx_text_shown(sought)),
			errdetail("The catalog has no template with this id or name."),
			errhint("On offer: %s.", dcx_text_list(names, n, NAMES_LISTED)));
}

static void
refuse_ambiguous_template(const char *sought, bool by_id, const DcxTemplateRow *rows, int nrows)
{
	const char **ids = palloc(sizeof(char *) * nrows);
	int			 n = 0;
	int			 same = 0;

	for (int i = 0; i < nrows; i++)
	{
		const char *value = by_id ? rows[i].id : rows[i].name;

		if (!value || strcmp(value, sought) != 0)
			continue;
		same++;
		if (rows[i].id)
			ids[n++] = rows[i].id;
	}
	n = dcx_text_sort(ids, n);
	ereport(ERROR,
			errcode(DCX_ERRCODE_UNUSABLE_PRICE),
			errmsg("template \"%s\" is ambiguous", dcx_text_shown(sought)),
			errdetail("%d templates of the catalog have this %s.", same, by_id ? "id" : "name"),
			by_id ? errhint("Correct it in the catalog.") :
					errhint("Order it by its id: %s.", dcx_text_list(ids, n, NAMES_LISTED)));
}

const DcxTemplateRow *
dcx_products_template(const DcxTemplateRow *rows, int nrows, const char *sought)
{
	for (int by_id = 1; by_id >= 0; by_id--)
	{
		const DcxTemplateRow *found = NULL;

		for (int i = 0; i < nrows; i++)
		{
			const char *value = by_id ? rows[i].id : rows[i].name;

			if (!value || strcmp(value, sought) != 0)
				continue;
			if (found)
				refuse_ambiguous_template(sought, by_id, rows, nrows);
			found = &rows[i];
		}
		if (found)
			return found;
	}
	refuse_unknown_template(sought, rows, nrows);
	return NULL;
}
