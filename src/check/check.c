/*
 * check.c
 *		Everything that can be wrong, as rows.
 *
 * Each area is a function in SQL, in sql/parts/check.sql. It is given the facts and returns what is wrong
 * with them. They are called here one by one, each in a subtransaction: if one fails, the others still
 * answer. A fix that the caller may not run (fix.h) becomes a part of the detail.
 */
#include "postgres.h"

#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "src/base/compat.h"
#include "src/base/errcodes.h"
#include "src/base/extension.h"
#include "src/base/guarded.h"
#include "src/base/query.h"
#include "src/base/text.h"
#include "src/catalog/catalog.h"
#include "src/check/ahead.h"
#include "src/check/check.h"
#include "src/check/facts.h"
#include "src/check/fix.h"

/* An area, or a part of one, and the function in SQL that checks it. */
typedef struct Area
{
	const char *name;
	const char *function;
	int			catalog; /* whose rows and saved book it is given, too; or NO_CATALOG */
	bool		ahead;	 /* it is given what ahead.h finds, too */
} Area;

#define NO_CATALOG (-1)

static const Area areas[] = {{"connection", "dcx_check_connection", NO_CATALOG, false},
							 {"schema", "dcx_check_schema", NO_CATALOG, false},
							 {"catalog", "dcx_check_catalog", DCX_AAS, false},
							 {"catalog", "dcx_check_network", DCX_ENETWORKS, false},
							 {"updated_at", "dcx_check_updated_at", NO_CATALOG, true},
							 {"wallet", "dcx_check_wallet", NO_CATALOG, false},
							 {"wallet", "dcx_check_audit", NO_CATALOG, false},
							 {"settings", "dcx_check_settings", NO_CATALOG, false}};

#define LOCK_LIMIT 5000 /* ms */

/*
 * The settings under which we check: a lock on a table is waited for as long as a server that does not answer, and
 * no longer; floating point has the digits that pricing knows. They end with AtEOXact_GUC() of the level
 * that is returned, or with the transaction.
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

/* One call of dcx_check_area(). */
typedef struct Look
{
	Oid			  function; /* of the extension */
	const Area	 *area;
	Jsonb		 *facts;
	bool		  reached[DCX_CATALOGS];
	bool		  errors_only;
	List		 *findings;
	MemoryContext context; /* of the findings */
} Look;

/* Adds a finding, in a context that outlives the run and the subtransaction. */
static DcxFinding *
add_finding(Look *look)
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

/* Reports what could not be checked, once an area: facts and rows fail for the same reason. */
static void
report_failure(Look *look, const char *object, const ErrorData *error)
{
	char		 *detail = error->detail ? psprintf("%s: %s", error->message, error->detail) :
										   psprintf("%s.", error->message);
	DcxFinding	 *finding;
	MemoryContext caller;
	ListCell	 *lc;

	foreach(lc, look->findings)
	{
		finding = lfirst(lc);
		if (finding->area == look->area->name && finding->detail &&
			strcmp(finding->object, object) == 0 && strcmp(finding->detail, detail) == 0)
			return;
	}
	finding = add_finding(look);
	caller = MemoryContextSwitchTo(look->context);
	finding->severity = "error";
	finding->object = pstrdup(object);
	finding->problem = "this could not be looked at";
	finding->detail = pstrdup(detail);
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

/* Adds the rows of a part of the catalog to the parameters; NULL and a finding if they cannot be read. */
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

/* Adds the saved book to the parameters; NULL if there is none. */
static void
add_book(Look *look, DcxParameters *parameters)
{
	Book	   book = {.id = look->area->catalog};
	ErrorData *error = dcx_guarded(get_book, &book);

	if (error)
		report_failure(look, "dcx_check", error);
	add_jsonb(parameters, book.value);
}

/* The columns of what an area's function returns. */
enum
{
	SEVERITY,
	OBJECT,
	PROBLEM,
	DETAIL,
	FIX,
	COLUMNS
};

static int
severity_rank(const char *severity)
{
	return strcmp(severity, "error") == 0 ? 0 : strcmp(severity, "warning") == 0 ? 1 : 2;
}

/* Within an area errors come first; otherwise in the order of object, problem and detail. */
static int
compare_findings(const ListCell *a, const ListCell *b)
{
	const DcxFinding *x = lfirst(a);
	const DcxFinding *y = lfirst(b);
	int				  order = severity_rank(x->severity) - severity_rank(y->severity);

	if (order == 0)
		order = dcx_text_compare(x->object, y->object);
	if (order == 0)
		order = dcx_text_compare(x->problem, y->problem);
	return order == 0 ? dcx_text_compare(x->detail, y->detail) : order;
}

static char *
copy_text(Look *look, const char *text)
{
	return text ? MemoryContextStrdup(look->context, text) : NULL;
}

/* Adds a row of an area's function. A fix that the caller cannot run is told in the detail, with who can. */
static void
add_row(Look *look, char **row)
{
	/* First: it can fail, and no finding may stay that has nothing in it yet. */
	char	   *who = row[FIX] ? dcx_fix_who(row[FIX]) : NULL;
	char	   *detail = row[DETAIL];
	DcxFinding *finding = add_finding(look);

	if (who)
		detail = psprintf("%s%sTo be run %s: %s.",
						  detail ? detail : "",
						  detail ? " " : "",
						  who,
						  row[FIX]);
	finding->severity = copy_text(look, row[SEVERITY]);
	finding->object = copy_text(look, row[OBJECT] ? row[OBJECT] : "(no name)");
	finding->problem = copy_text(look, row[PROBLEM]);
	finding->detail = copy_text(look, detail);
	finding->fix = who ? NULL : copy_text(look, row[FIX]);
}

/* Calls the area's function with the facts, the rows and the saved book, and adds what it finds. */
static void
look_at(void *argument)
{
	Look		 *look = argument;
	DcxParameters parameters = {0};
	ListCell	 *lc;
	DcxRun		  run;

	add_jsonb(&parameters, look->facts);
	if (look->area->catalog != NO_CATALOG)
	{
		for (int i = 0; i < dcx_catalogs[look->area->catalog].nparts; i++)
			add_rows(look, &parameters, i);
		add_book(look, &parameters);
	}
	if (look->area->ahead)
		add_jsonb(&parameters, look->errors_only ? NULL : dcx_ahead_rows(look->reached));

	dcx_run_begin(&run, InvalidOid);
	foreach(lc, dcx_extension_rows(look->function, look->area->function, &parameters, COLUMNS))
		add_row(look, lfirst(lc));
	dcx_run_end(&run);
}

/* Whether an area can say nothing about a catalog that cannot be reached. */
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
 * Reports catalogs that cannot be reached, when only one area is checked. Area connection says it, too; but
 * if that was not asked for, no row at all would look healthy.
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
		finding = add_finding(look);
		caller = MemoryContextSwitchTo(look->context);
		finding->severity = "error";
		finding->object = psprintf("catalog %s", dcx_catalogs[id].name);
		finding->problem = "this could not be looked at";
		finding->detail = "The catalog cannot be reached: dcx_check('connection') says why.";
		MemoryContextSwitchTo(caller);
	}
}

/* Whether an area cannot be checked without the facts of another one. */
static bool
is_needed(const char *other, const char *area)
{
	return strcmp(other, "connection") == 0 ||
		   (strcmp(other, "schema") == 0 && strcmp(area, "updated_at") == 0);
}

/* Reports the area's facts that could not be read. alone: of other areas as well, if it needs them. */
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

/* Whether the caller may audit. Else area wallet has a row that says so. */
static bool
may_audit(Oid function)
{
	return dcx_role_may_execute(GetUserId(),
								dcx_extension_function(function, "dcx_wallet_audit", 0, NULL));
}

/* Whether there is nothing to call an area's function for. */
static bool
is_left_out(const Look *look)
{
	/* A catalog that cannot be reached has been waited for already. */
	if (look->area->catalog != NO_CATALOG)
		return !look->reached[look->area->catalog];
	return strcmp(look->area->function, "dcx_check_audit") == 0 && !may_audit(look->function);
}

/* Checks one area, all its functions. alone: no other area is checked. */
static List *
check_area(Look *look, const char *name, List *failures, bool alone)
{
	look->findings = NIL;
	for (size_t i = 0; i < lengthof(areas); i++)
	{
		ErrorData *error;

		if (strcmp(name, areas[i].name) != 0)
			continue;
		look->area = &areas[i];
		if (i == 0 || strcmp(areas[i - 1].name, name) != 0)
			report_failures(look, failures, alone);
		if (is_left_out(look))
			continue;
		error = dcx_guarded(look_at, look);
		if (error)
			report_failure(look, "dcx_check", error);
	}
	list_sort(look->findings, compare_findings);
	return look->findings;
}

List *
dcx_check_area(Oid function, const char *area, bool errors_only)
{
	Look  look = {.function = function, .context = CurrentMemoryContext};
	List *findings = NIL;
	List *failures;
	int	  guc_level;

	if (area && !is_area(area))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("there is no area \"%s\"", dcx_text_shown(area)),
				errhint("Areas are connection, schema, catalog, updated_at, wallet and settings; "
						"NULL is all of them."));

	guc_level = set_options();
	look.facts = dcx_facts_gather(dcx_extension_schema(function), look.reached, &failures);
	for (size_t i = 0; i < lengthof(areas); i++)
		if ((i == 0 || strcmp(areas[i - 1].name, areas[i].name) != 0) &&
			(!area || strcmp(area, areas[i].name) == 0))
			findings =
				list_concat(findings, check_area(&look, areas[i].name, failures, area != NULL));
	AtEOXact_GUC(false, guc_level);
	return findings;
}

/* dcx_check(area text) */
PG_FUNCTION_INFO_V1(dcx_check);
Datum
dcx_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char		  *area = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	ListCell	  *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, dcx_check_area(fcinfo->flinfo->fn_oid, area, false))
	{
		const DcxFinding *finding = lfirst(lc);
		Datum			  values[6];
		bool			  nulls[6];

		values[0] = dcx_text_column(finding->area, &nulls[0]);
		values[1] = dcx_text_column(finding->severity, &nulls[1]);
		values[2] = dcx_text_column(finding->object, &nulls[2]);
		values[3] = dcx_text_column(finding->problem, &nulls[3]);
		values[4] = dcx_text_column(finding->detail, &nulls[4]);
		values[5] = dcx_text_column(finding->fix, &nulls[5]);
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
	DcxParameters  parameters = {0};
	Part		   parts[] = {{.id = DCX_AAS, .number = DCX_PRODUCTS},
							  {.id = DCX_ENETWORKS, .number = DCX_BANDWIDTH_PRICES},
							  {.id = DCX_ENETWORKS, .number = DCX_NETWORK_SERVICES},
							  {.id = DCX_ENETWORKS, .number = DCX_NETWORK_PRICES}};
	List		  *failures;
	bool		   reached[DCX_CATALOGS];
	int			   guc_level;
	ListCell	  *lc;
	DcxRun		   run;

	InitMaterializedSRF(fcinfo, 0);
	guc_level = set_options();
	add_jsonb(&parameters,
			  dcx_facts_gather(dcx_extension_schema(fcinfo->flinfo->fn_oid), reached, &failures));
	for (size_t i = 0; i < lengthof(parts); i++)
	{
		if (reached[parts[i].id])
			(void) dcx_guarded(get_rows, &parts[i]);
		add_jsonb(&parameters, parts[i].rows);
	}
	dcx_run_begin(&run, InvalidOid);
	foreach(lc, dcx_extension_rows(fcinfo->flinfo->fn_oid, "dcx_health_of", &parameters, 3))
	{
		char **row = lfirst(lc);
		Datum  values[3];
		bool   nulls[3];

		for (int i = 0; i < 3; i++)
			values[i] = dcx_text_column(row[i], &nulls[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
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
