/*
 * check.c
 *		Everything that can be wrong, as rows.
 *
 * The areas themselves are SQL, in sql/parts/check.sql: each is given the facts and answers with what
 * is wrong in them. Here they are called one by one, so that what keeps one from answering does not
 * keep the others.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "check.h"
#include "errcodes.h"
#include "facts.h"
#include "fmgr.h"
#include "funcapi.h"
#include "guarded.h"
#include "catalog.h"
#include "query.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static const char *const areas[] =
	{"connection", "schema", "catalog", "updated_at", "wallet", "settings"};

/* One look. */
typedef struct Look
{
	const char	 *schema;
	const char	 *area;
	Jsonb		 *facts;
	bool		  reached; /* the catalog */
	List		 *findings;
	MemoryContext context; /* of the findings */
} Look;

/* Adds a finding, which outlives the run and the subtransaction that it is found in. */
static DcxFinding *
add(Look *look)
{
	MemoryContext caller = MemoryContextSwitchTo(look->context);
	DcxFinding	 *finding = palloc0(sizeof(DcxFinding));

	finding->area = look->area;
	look->findings = lappend(look->findings, finding);
	MemoryContextSwitchTo(caller);
	return finding;
}

static void
add_jsonb(DcxParameters *parameters, Jsonb *value)
{
	dcx_parameter(parameters, JSONBOID, value ? JsonbPGetDatum(value) : (Datum) 0, !value);
}

static void
report_failure(Look *look, const char *object, const ErrorData *error)
{
	DcxFinding	 *finding = add(look);
	MemoryContext caller = MemoryContextSwitchTo(look->context);

	finding->severity = "error";
	finding->object = pstrdup(object);
	finding->problem = "this could not be looked at";
	finding->detail = error->detail ? psprintf("%s: %s", error->message, error->detail) :
									  psprintf("%s.", error->message);
	MemoryContextSwitchTo(caller);
}

/* A part of the catalog, and its rows. */
typedef struct Part
{
	const char *name;
	Jsonb	   *rows;
} Part;

static void
get_rows(void *argument)
{
	Part *part = argument;

	part->rows = dcx_facts_rows(part->name);
}

/* Adds the rows of a part of the catalog; where they cannot be read, that is a finding, and NULL. */
static void
add_rows(Look *look, DcxParameters *parameters, const char *name)
{
	Part	   part = {.name = name};
	ErrorData *error = dcx_guarded(get_rows, &part);

	if (error)
		report_failure(look, name, error);
	add_jsonb(parameters, part.rows);
}

static void
get_book(void *book)
{
	*(Jsonb **) book = dcx_facts_book();
}

/* Calls the area's function with the facts, and what else it is to look at. */
static void
look_at(void *argument)
{
	Look		 *look = argument;
	DcxParameters parameters = {0};
	DcxPlan		  plan = {0};
	Jsonb		 *book = NULL;
	ErrorData	 *error;
	uint64		  n;
	DcxRun		  run;
	const char	 *more = "";

	add_jsonb(&parameters, look->facts);
	if (strcmp(look->area, "catalog") == 0)
	{
		add_rows(look, &parameters, "products");
		add_rows(look, &parameters, "categories");
		add_rows(look, &parameters, "terraform_vm_config");
		/* The catalog can be looked at without one. */
		error = dcx_guarded(get_book, &book);
		if (error)
			report_failure(look, "dcx_check", error);
		add_jsonb(&parameters, book);
		more = ", $2, $3, $4, $5";
	}

	dcx_run_begin(&run, InvalidOid);
	n = dcx_query_read(&plan,
					   psprintf("SELECT severity, object, problem, detail, fix"
								"  FROM %s.dcx_check_%s($1%s)"
								" ORDER BY severity = 'error' DESC, severity = 'warning' DESC,"
								"   object COLLATE \"C\", problem COLLATE \"C\"",
								quote_identifier(look->schema),
								look->area,
								more),
					   &parameters);
	for (uint64 i = 0; i < n; i++)
	{
		DcxFinding *finding = add(look);

		finding->severity = dcx_query_text(i, 1);
		finding->object = dcx_query_text(i, 2);
		finding->problem = dcx_query_text(i, 3);
		finding->detail = dcx_query_text(i, 4);
		finding->fix = dcx_query_text(i, 5);
	}
	dcx_query_forget(&plan);
	dcx_run_end(&run);
}

/* Whether an area can say nothing of a catalog that is out of reach. */
static bool
is_of_catalog(const char *area)
{
	return strcmp(area, "schema") == 0 || strcmp(area, "catalog") == 0 ||
		   strcmp(area, "updated_at") == 0;
}

/*
 * The connection's row says that the catalog is out of reach. Where that area was not asked for, no
 * rows would be taken for health.
 */
static void
report_out_of_reach(Look *look)
{
	DcxFinding *finding = add(look);

	finding->severity = "error";
	finding->object = "catalog aas";
	finding->problem = "this could not be looked at";
	finding->detail = "The catalog cannot be reached: dcx_check('connection') says why.";
}

/* Whether the facts have a catalog, reached or not. */
static bool
is_attached(Jsonb *facts)
{
	JsonbValue catalog;

	return getKeyJsonValueFromContainer(&facts->root, "aas", strlen("aas"), &catalog) &&
		   catalog.type == jbvBinary;
}

/* Whether an area has nothing to look at without the facts of another one. */
static bool
is_needed(const char *other, const char *area)
{
	return strcmp(other, "connection") == 0 ||
		   (strcmp(other, "schema") == 0 && strcmp(area, "updated_at") == 0);
}

static bool
is_area(const char *name)
{
	for (size_t i = 0; i < lengthof(areas); i++)
		if (strcmp(areas[i], name) == 0)
			return true;
	return false;
}

List *
dcx_check_area(const char *schema, const char *area)
{
	Look	  look = {.schema = schema, .context = CurrentMemoryContext};
	List	 *failures;
	ListCell *lc;

	if (area && !is_area(area))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("there is no area \"%s\"", area),
				errhint("Areas are connection, schema, catalog, updated_at, wallet and settings; "
						"NULL is all of them."));

	look.facts = dcx_facts_gather(&look.reached, &failures);
	for (size_t i = 0; i < lengthof(areas); i++)
	{
		ErrorData *error;

		if (area && strcmp(area, areas[i]) != 0)
			continue;
		look.area = areas[i];
		foreach(lc, failures)
		{
			const DcxFactsFailure *failure = lfirst(lc);

			if (strcmp(failure->area, look.area) == 0 || (area && is_needed(failure->area, area)))
				report_failure(&look, "dcx_check", failure->error);
		}
		if (area && !look.reached && is_of_catalog(area) && is_attached(look.facts))
			report_out_of_reach(&look);
		/* A catalog that is out of reach has been asked for long enough. */
		if (!look.reached && strcmp(areas[i], "catalog") == 0)
			continue;
		error = dcx_guarded(look_at, &look);
		if (error)
			report_failure(&look, "dcx_check", error);
	}
	return look.findings;
}

static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = !value;
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

/* dcx_check(area text) */
PG_FUNCTION_INFO_V1(dcx_check);
Datum
dcx_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char		  *schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
	char		  *area = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	ListCell	  *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, dcx_check_area(schema, area))
	{
		const DcxFinding *finding = lfirst(lc);
		Datum			  values[6];
		bool			  nulls[6];

		values[0] = text_or_null(finding->area, &nulls[0]);
		values[1] = text_or_null(finding->severity, &nulls[1]);
		values[2] = text_or_null(finding->object, &nulls[2]);
		values[3] = text_or_null(finding->problem, &nulls[3]);
		values[4] = text_or_null(finding->detail, &nulls[4]);
		values[5] = text_or_null(finding->fix, &nulls[5]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* dcx_health() */
PG_FUNCTION_INFO_V1(dcx_health);
Datum
dcx_health(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char		  *schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
	DcxParameters  parameters = {0};
	Part		   products = {.name = "products"};
	List		  *failures;
	bool		   reached;
	DcxRun		   run;

	InitMaterializedSRF(fcinfo, 0);
	add_jsonb(&parameters, dcx_facts_gather(&reached, &failures));
	if (reached)
		(void) dcx_guarded(get_rows, &products);
	add_jsonb(&parameters, products.rows);
	dcx_run_begin(&run, InvalidOid);
	dcx_query_into(result,
				   psprintf("SELECT area, name, value FROM %s.dcx_health_of($1, $2)",
							quote_identifier(schema)),
				   &parameters);
	dcx_run_end(&run);
	return (Datum) 0;
}

/* dcx_schema(catalog text) */
PG_FUNCTION_INFO_V1(dcx_schema);
Datum
dcx_schema(PG_FUNCTION_ARGS)
{
	dcx_catalog_named(PG_GETARG_TEXT_PP(0));
	PG_RETURN_JSONB_P(dcx_facts_schema());
}
