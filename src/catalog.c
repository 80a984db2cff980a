/*
 * catalog.c
 *		Reads an attached catalog relation into rows, as its owner.
 */
#include "postgres.h"

#include "catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "errcodes.h"
#include "query.h"
#include "relation.h"
#include "remote.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define PRODUCTS   (&dcx_aas_tables[0])
#define CATEGORIES (&dcx_aas_tables[1])
#define TEMPLATES  (&dcx_aas_tables[2])

const DcxCatalogTable dcx_aas_tables[DCX_AAS_TABLES] = {
	{"products",
	 true,
	 6,
	 3,
	 {{"code", false, true},
	  {"title", false, false},
	  {"price", true, true},
	  {"cost", true, false},
	  {"unit", true, false},
	  {"categoryId", false, false}}},
	{"categories", false, 2, 2, {{"id", false, true}, {"name", false, false}}},
	{"terraform_vm_config",
	 false,
	 7,
	 7,
	 {{"id", false, true},
	  {"name", false, true},
	  {"group", false, false},
	  {"osType", false, false},
	  {"vcpus", true, true},
	  {"memory", true, true},
	  {"disk", true, true}}},
};

static DcxBinding products = {.catalog = DCX_CATALOG_AAS, .part = "products"};
static DcxBinding categories = {.catalog = DCX_CATALOG_AAS, .part = "categories"};
static DcxBinding templates = {.catalog = DCX_CATALOG_AAS, .part = "terraform_vm_config"};

/* Nothing attached: say which call would. */
static void
not_attached(const DcxCatalogTable *table)
{
	Oid	 schema = get_namespace_oid(DCX_CATALOG_AAS, true);
	bool adoptable = OidIsValid(schema) && OidIsValid(get_relname_relid(table->name, schema));

	ereport(ERROR,
			errcode(DCX_ERRCODE_NOT_ATTACHED),
			table->needed ? errmsg("no catalog is attached") :
							errmsg("the attached catalog has no \"%s\"", table->name),
			errdetail("Pricing needs the relation \"%s\" of it.", table->name),
			adoptable ? errhint("%s.%s exists: SELECT * FROM dcx_attach_aas() attaches it.",
								DCX_CATALOG_AAS,
								table->name) :
						errhint("SELECT * FROM dcx_attach_aas('postgresql://user:password@host:"
								"port/database') attaches one."));
}

static void
get_bound(DcxBinding *binding, const DcxCatalogTable *table)
{
	dcx_binding_get(binding);
	if (unlikely(!binding->attached))
		not_attached(table);
}

const DcxBinding *
dcx_catalog_bound_products(void)
{
	get_bound(&products, PRODUCTS);
	return &products;
}

/* Refuses a relation whose first columns are not as the table needs them. */
static void
check_columns(const DcxCatalogTable *table, int ncolumns, Oid relation)
{
	for (int i = 0; i < ncolumns; i++)
	{
		const DcxCatalogColumn *column = &table->columns[i];
		AttrNumber				attnum = get_attnum(relation, column->name);

		if (attnum == InvalidAttrNumber && column->needed)
			ereport(ERROR,
					errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("%s has no column \"%s\"", dcx_relation_name(relation), column->name),
					errdetail("Columns found: %s.", dcx_relation_columns(relation)),
					errhint("Pricing reads it by that name. A view with the names it expects can "
							"be attached in its place."));
		if (attnum != InvalidAttrNumber && column->number &&
			!dcx_relation_type_is_number(get_atttype(relation, attnum)))
			ereport(ERROR,
					errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("column \"%s\" of %s is not a number",
						   column->name,
						   dcx_relation_name(relation)),
					errdetail("It is of type %s.", format_type_be(get_atttype(relation, attnum))),
					errhint("A view that casts it can be attached in its place."));
	}
}

void
dcx_catalog_check_columns(const DcxCatalogTable *table, Oid relation)
{
	check_columns(table, table->ncolumns, relation);
}

/* The SELECT of a table's first columns, in their order; NULL for one that the relation lacks. */
static char *
select_columns(const DcxCatalogTable *table, int ncolumns, Oid relation)
{
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; i < ncolumns; i++)
	{
		const DcxCatalogColumn *column = &table->columns[i];

		appendStringInfo(&sql,
						 "%s%s::%s",
						 i == 0 ? "SELECT " : ", ",
						 get_attnum(relation, column->name) == InvalidAttrNumber ?
							 "NULL" :
							 quote_identifier(column->name),
						 column->number ? "numeric" : "text");
	}
	appendStringInfo(&sql, " FROM %s", dcx_relation_name(relation));
	return sql.data;
}

/* Locks the bound relation for reading; where it is gone, says so. */
static void
lock_bound(const DcxBinding *binding, const DcxCatalogTable *table)
{
	LockRelationOid(binding->relation, AccessShareLock);
	if (!OidIsValid(dcx_relation_owner(binding->relation)))
		ereport(ERROR,
				errcode(DCX_ERRCODE_NOT_ATTACHED),
				errmsg("the attached relation \"%s\" has been dropped", table->name),
				errhint("Attach again: SELECT * FROM dcx_attach_aas() adopts what is in schema "
						"\"%s\", dcx_attach_aas('postgresql://...') makes it anew.",
						DCX_CATALOG_AAS));
}

/* A statement that reads one relation, inside a run. */
typedef struct Reading
{
	DcxPlan	   *plan; /* NULL: executed once */
	const char *sql;
	void	   *cursor;
	uint64		nrows;
} Reading;

static DcxParameters none = {0};

static void
start(void *argument)
{
	Reading *reading = argument;

	if (reading->plan)
		reading->cursor = dcx_query_open(reading->plan, reading->sql, &none);
}

static void
finish(void *argument)
{
	Reading *reading = argument;

	reading->nrows = reading->plan ? dcx_query_fetch(reading->cursor) :
									 dcx_query_execute(reading->sql, 0, NULL, NULL, NULL);
}

/*
 * Executes a statement; where it may have to wait for another server, not for ever. Behind a view
 * or in a partition there may be one.
 */
static uint64
read_relation(Oid relation, DcxPlan *plan, const char *sql)
{
	Reading reading = {.plan = plan, .sql = sql};

	if (dcx_catalog_is_near(relation))
		return plan ? dcx_query_read(plan, sql, &none) :
					  dcx_query_execute(sql, 0, NULL, NULL, NULL);
	dcx_remote_do(start, finish, &reading);
	return reading.nrows;
}

bool
dcx_catalog_is_near(Oid relation)
{
	char kind = get_rel_relkind(relation);

	return kind == RELKIND_RELATION || kind == RELKIND_MATVIEW;
}

/* Executes the SELECT of a table's first columns inside a run. */
static uint64
select_rows(const DcxCatalogTable *table, int ncolumns, Oid relation, DcxPlan *plan)
{
	check_columns(table, ncolumns, relation);
	return read_relation(relation, plan, select_columns(table, ncolumns, relation));
}

static void
no_products(Oid relation)
{
	ereport(ERROR,
			errcode(DCX_ERRCODE_UNREACHABLE),
			errmsg("the catalog has no products at all"),
			errdetail("%s answered with no row, which is taken for an outage.",
					  dcx_relation_name(relation)),
			errhint("See whether it is the right database, and whether its data is there."));
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
	static DcxPlan plan;
	MemoryContext  context = CurrentMemoryContext;
	Category	  *found = NULL;
	int			   nfound = 0;
	int			   n = 0;
	Oid			   relation = InvalidOid;
	DcxRun		   run;

	dcx_binding_get(&categories);
	if (categories.attached)
		relation = categories.relation;
	if (OidIsValid(relation))
		LockRelationOid(relation, AccessShareLock);
	if (OidIsValid(dcx_relation_owner(relation)))
	{
		dcx_run_begin(&run, dcx_relation_owner(relation));
		nfound = select_rows(CATEGORIES, CATEGORIES->ncolumns, relation, &plan);
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
dcx_catalog_products(bool full, int *nrows, DcxSource *source, DcxStamp *stamp)
{
	static DcxPlan	  priced_plan;
	static DcxPlan	  full_plan;
	const DcxBinding *binding = dcx_catalog_bound_products();
	Oid				  relation = binding->relation;
	MemoryContext	  context = CurrentMemoryContext;
	DcxProductRow	 *rows;
	DcxRun			  run;

	lock_bound(binding, PRODUCTS);
	*source = dcx_source_of(relation);
	*stamp = dcx_stamp_now(source);

	dcx_run_begin(&run, dcx_relation_owner(relation));
	*nrows = select_rows(PRODUCTS,
						 full ? PRODUCTS->ncolumns : PRODUCTS->npriced,
						 relation,
						 full ? &full_plan : &priced_plan);
	if (*nrows == 0 && (full || source->kind == DCX_SOURCE_FOREIGN))
		no_products(relation);

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
dcx_catalog_templates(int *nrows)
{
	static DcxPlan	plan;
	MemoryContext	context = CurrentMemoryContext;
	DcxTemplateRow *rows;
	DcxRun			run;

	dcx_catalog_bound_products();
	get_bound(&templates, TEMPLATES);
	lock_bound(&templates, TEMPLATES);

	dcx_run_begin(&run, dcx_relation_owner(templates.relation));
	*nrows = select_rows(TEMPLATES, TEMPLATES->ncolumns, templates.relation, &plan);
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

Jsonb *
dcx_catalog_json(Oid relation)
{
	Jsonb *rows;
	DcxRun run;

	dcx_run_begin(&run, dcx_relation_owner(relation));
	read_relation(relation,
				  NULL,
				  psprintf("SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]') FROM %s r",
						   dcx_relation_name(relation)));
	rows = dcx_query_jsonb(0, 1);
	dcx_run_end(&run);
	return rows;
}

int64
dcx_catalog_count(Oid relation)
{
	int64  count;
	bool   isnull;
	DcxRun run;

	dcx_run_begin(&run, dcx_relation_owner(relation));
	read_relation(relation, NULL, psprintf("SELECT count(*) FROM %s", dcx_relation_name(relation)));
	count = DatumGetInt64(dcx_query_value(0, 1, &isnull));
	dcx_run_end(&run);
	return count;
}
