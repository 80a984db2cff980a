/*
 * check.c
 *		Everything that can be wrong, as rows.
 *
 * The areas themselves are SQL, in sql/parts/check.sql: each is given the facts and answers with what
 * is wrong in them. Here they are called one by one, so that what keeps one from answering does not
 * keep the others.
 */
#include "postgres.h"

#include "catalog.h"
#include "catalog/pg_type.h"
#include "check.h"
#include "errcodes.h"
#include "facts.h"
#include "fmgr.h"
#include "funcapi.h"
#include "guarded.h"
#include "query.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/* What looks at an area: a function in SQL. */
typedef struct Area
{
	const char *name;
	const char *function;
	int			catalog; /* whose rows and saved book it is given as well, or none */
} Area;

#define NO_CATALOG (-1)

static const Area areas[] = {{"connection", "dcx_check_connection", NO_CATALOG},
							 {"schema", "dcx_check_schema", NO_CATALOG},
							 {"catalog", "dcx_check_catalog", DCX_AAS},
							 {"catalog", "dcx_check_network", DCX_ENETWORKS},
							 {"updated_at", "dcx_check_updated_at", NO_CATALOG},
							 {"wallet", "dcx_check_wallet", NO_CATALOG},
							 {"settings", "dcx_check_settings", NO_CATALOG}};

#define LOCK_LIMIT 5000 /* ms */

/*
 * Under what we look: whoever has a table locked is waited for no longer than a server is that does
 * not answer, and of floating point there are the digits that pricing knows. Until AtEOXact_GUC()
 * with the level, or the end of the transaction.
 */
static int
set_options(void)
{
	int level = NewGUCNestLevel();

	if (LockTimeout == 0 || LockTimeout > LOCK_LIMIT)
		dcx_run_set("lock_timeout", psprintf("%d", LOCK_LIMIT));
	dcx_run_set("extra_float_digits", "0");
	return level;
}

/* One look. */
typedef struct Look
{
	const char	 *schema;
	const Area	 *area;
	Jsonb		 *facts;
	bool		  reached[DCX_CATALOGS];
	List		 *findings;
	MemoryContext context; /* of the findings */
} Look;

/* Adds a finding, which outlives the run and the subtransaction that it is found in. */
static DcxFinding *
add(Look *look)
{
	MemoryContext caller = MemoryContextSwitchTo(look->context);
	DcxFinding	 *finding = palloc0(sizeof(DcxFinding));

	finding->area = look->area->name;
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

/* A part of a catalog, and its rows. */
typedef struct Part
{
	DcxCatalogId id;
	int			 number;
	Jsonb		*rows;
} Part;

static void
get_rows(void *argument)
{
	Part *part = argument;

	part->rows = dcx_facts_rows(part->id, part->number);
}

/* Adds the rows of a part of the catalog; where they cannot be read, that is a finding, and NULL. */
static void
add_rows(Look *look, DcxParameters *parameters, int number)
{
	Part	   part = {.id = look->area->catalog, .number = number};
	ErrorData *error = dcx_guarded(get_rows, &part);

	if (error)
		report_failure(look, dcx_catalogs[part.id].parts[number].name, error);
	add_jsonb(parameters, part.rows);
}

/* The saved book of a catalog. */
typedef struct Book
{
	DcxCatalogId id;
	Jsonb		*value;
} Book;

static void
get_book(void *argument)
{
	Book *book = argument;

	book->value = dcx_facts_book(book->id);
}

/* Adds the saved book; the catalog can be looked at without one. */
static void
add_book(Look *look, DcxParameters *parameters)
{
	Book	   book = {.id = look->area->catalog};
	ErrorData *error = dcx_guarded(get_book, &book);

	if (error)
		report_failure(look, "dcx_check", error);
	add_jsonb(parameters, book.value);
}

/* Calls the area's function with the facts, and what else it is to look at. */
static void
look_at(void *argument)
{
	Look		  *look = argument;
	DcxParameters  parameters = {0};
	StringInfoData sql;
	uint64		   n;
	DcxRun		   run;

	add_jsonb(&parameters, look->facts);
	if (look->area->catalog != NO_CATALOG)
	{
		for (int i = 0; i < dcx_catalogs[look->area->catalog].nparts; i++)
			add_rows(look, &parameters, i);
		add_book(look, &parameters);
	}

	initStringInfo(&sql);
	appendStringInfo(&sql,
					 "SELECT severity, object, problem, detail, fix FROM %s.%s($1",
					 quote_identifier(look->schema),
					 look->area->function);
	for (int i = 1; i < parameters.n; i++)
		appendStringInfo(&sql, ", $%d", i + 1);
	appendStringInfoString(&sql,
						   ") ORDER BY severity = 'error' DESC, severity = 'warning' DESC,"
						   "  object COLLATE \"C\", problem COLLATE \"C\"");

	dcx_run_begin(&run, InvalidOid);
	n = dcx_query_read(NULL, sql.data, &parameters);
	for (uint64 i = 0; i < n; i++)
	{
		DcxFinding *finding = add(look);

		finding->severity = dcx_query_text(i, 1);
		finding->object = dcx_query_text(i, 2);
		finding->problem = dcx_query_text(i, 3);
		finding->detail = dcx_query_text(i, 4);
		finding->fix = dcx_query_text(i, 5);
	}
	dcx_run_end(&run);
}

/* Whether an area can say nothing of a catalog that is out of reach. */
static bool
is_of_catalog(const char *area)
{
	return strcmp(area, "schema") == 0 || strcmp(area, "catalog") == 0 ||
		   strcmp(area, "updated_at") == 0;
}

/* Whether the facts have a catalog, reached or not. */
static bool
is_attached(Jsonb *facts, DcxCatalogId id)
{
	const char *name = dcx_catalogs[id].name;
	JsonbValue	value;

	return getKeyJsonValueFromContainer(&facts->root, "catalogs", strlen("catalogs"), &value) &&
		   value.type == jbvBinary &&
		   getKeyJsonValueFromContainer(value.val.binary.data, name, strlen(name), &value) &&
		   value.type == jbvBinary;
}

/*
 * The connection's row says which catalog is out of reach. Where that area was not asked for, no rows
 * would be taken for health.
 */
static void
report_out_of_reach(Look *look)
{
	for (int id = 0; id < DCX_CATALOGS; id++)
	{
		DcxFinding	 *finding;
		MemoryContext caller;

		if (look->reached[id] || !is_attached(look->facts, id))
			continue;
		finding = add(look);
		caller = MemoryContextSwitchTo(look->context);
		finding->severity = "error";
		finding->object = psprintf("catalog %s", dcx_catalogs[id].name);
		finding->problem = "this could not be looked at";
		finding->detail = "The catalog cannot be reached: dcx_check('connection') says why.";
		MemoryContextSwitchTo(caller);
	}
}

/* Whether an area has nothing to look at without the facts of another one. */
static bool
is_needed(const char *other, const char *area)
{
	return strcmp(other, "connection") == 0 ||
		   (strcmp(other, "schema") == 0 && strcmp(area, "updated_at") == 0);
}

/* Reports what an area lacks: what is its own; and, where only it is asked for, what it needs. */
static void
report_failures(Look *look, List *failures, bool alone)
{
	const char *area = look->area->name;
	ListCell   *lc;

	foreach(lc, failures)
	{
		const DcxFactsFailure *failure = lfirst(lc);

		if (strcmp(failure->area, area) == 0 || (alone && is_needed(failure->area, area)))
			report_failure(look, "dcx_check", failure->error);
	}
	if (alone && is_of_catalog(area))
		report_out_of_reach(look);
}

static bool
is_area(const char *name)
{
	for (size_t i = 0; i < lengthof(areas); i++)
		if (strcmp(areas[i].name, name) == 0)
			return true;
	return false;
}

List *
dcx_check_area(const char *schema, const char *area)
{
	Look  look = {.schema = schema, .context = CurrentMemoryContext};
	List *failures;
	int	  guc_level;

	if (area && !is_area(area))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("there is no area \"%s\"", area),
				errhint("Areas are connection, schema, catalog, updated_at, wallet and settings; "
						"NULL is all of them."));

	guc_level = set_options();
	look.facts = dcx_facts_gather(look.reached, &failures);
	for (size_t i = 0; i < lengthof(areas); i++)
	{
		const char *name = areas[i].name;
		ErrorData  *error;

		if (area && strcmp(area, name) != 0)
			continue;
		if (!look.area || strcmp(look.area->name, name) != 0)
		{
			look.area = &areas[i];
			report_failures(&look, failures, area != NULL);
		}
		look.area = &areas[i];
		/* A catalog that is out of reach has been asked for long enough. */
		if (look.area->catalog != NO_CATALOG && !look.reached[look.area->catalog])
			continue;
		error = dcx_guarded(look_at, &look);
		if (error)
			report_failure(&look, "dcx_check", error);
	}
	AtEOXact_GUC(false, guc_level);
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
	Part		   parts[] = {{.id = DCX_AAS, .number = DCX_PRODUCTS},
							  {.id = DCX_ENETWORKS, .number = DCX_BANDWIDTH_PRICES},
							  {.id = DCX_ENETWORKS, .number = DCX_NETWORK_SERVICES},
							  {.id = DCX_ENETWORKS, .number = DCX_NETWORK_PRICES}};
	List		  *failures;
	bool		   reached[DCX_CATALOGS];
	int			   guc_level;
	DcxRun		   run;

	InitMaterializedSRF(fcinfo, 0);
	guc_level = set_options();
	add_jsonb(&parameters, dcx_facts_gather(reached, &failures));
	for (size_t i = 0; i < lengthof(parts); i++)
	{
		if (reached[parts[i].id])
			(void) dcx_guarded(get_rows, &parts[i]);
		add_jsonb(&parameters, parts[i].rows);
	}
	dcx_run_begin(&run, InvalidOid);
	dcx_query_into(result,
				   psprintf("SELECT area, name, value FROM %s.dcx_health_of($1, $2, $3, $4, $5)",
							quote_identifier(schema)),
				   &parameters);
	dcx_run_end(&run);
	AtEOXact_GUC(false, guc_level);
	return (Datum) 0;
}

/* dcx_schema(catalog text) */
PG_FUNCTION_INFO_V1(dcx_schema);
Datum
dcx_schema(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(dcx_facts_schema(dcx_catalog_named(PG_GETARG_TEXT_PP(0))));
}
