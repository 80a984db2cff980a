/*
 * bookjson.c
 *		A price book as a value in SQL.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "mb/pg_wchar.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "src/base/json.h"
#include "src/book/bookjson.h"

/* How much of a text that is no price an error shows. */
#define TEXT_SHOWN 40

/* What a call site has made of its argument; in the memory of the call site. */
typedef struct Argument
{
	bool		  constant; /* the argument is always this one */
	void		 *value;	/* as it was passed */
	Size		  size;
	MemoryContext context; /* of all this */
	DcxPriceBook *book;
} Argument;

/* A number without trailing zeros: equal books are equal values. */
static void
put_number(DcxJson *json, const char *name, Numeric number)
{
	dcx_json_number(json, name, number ? dcx_numeric_trimmed(number) : NULL);
}

static int
compare_bands(const void *a, const void *b)
{
	return dcx_band_compare(*(const DcxBand *const *) a, *(const DcxBand *const *) b);
}

/* The bands, in an order of their own. */
static void
put_bands(DcxJson *json, const DcxService *service, bool with_costs)
{
	const DcxBand **bands =
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(DcxBand *) * Max(service->nbands, 1));

	for (int i = 0; i < service->nbands; i++)
		bands[i] = &service->bands[i];
	qsort(bands, service->nbands, sizeof(DcxBand *), compare_bands);

	dcx_json_begin_array(json, "bands");
	for (int i = 0; i < service->nbands; i++)
	{
		dcx_json_begin_object(json, NULL);
		put_number(json, "min_mbps", bands[i]->min_mbps);
		put_number(json, "max_mbps", bands[i]->max_mbps);
		put_number(json, "fixed_price", bands[i]->fixed_price);
		put_number(json, "price_per_mbps", bands[i]->price_per_mbps);
		if (with_costs)
			put_number(json, "cost", bands[i]->cost);
		dcx_json_end_object(json);
	}
	dcx_json_end_array(json);
	pfree(bands);
}

static void
put_product(DcxJson *json, const DcxProductRow *row, bool with_costs)
{
	dcx_json_text(json, "title", row->title);
	if (row->service)
	{
		dcx_json_text(json, "provider", row->service->provider);
		dcx_json_boolean(json, "active", row->service->active);
		put_bands(json, row->service, with_costs);
		return;
	}
	put_number(json, "price", row->price);
	dcx_json_text(json, "category", row->category);
	put_number(json, "unit", row->unit);
	if (with_costs)
		put_number(json, "cost", row->cost);
}

/* What rows of one code have in common, where which is which is nobody's guess. */
static DcxProductRow
common_row(const DcxProductRow *const *rows, int nrows, DcxService *service)
{
	DcxProductRow common = {.code = rows[0]->code};

	for (int i = 0; i < nrows; i++)
	{
		if (!rows[i]->service)
			return common;
		*service = dcx_service_common(i == 0 ? rows[i]->service : service, rows[i]->service);
	}
	common.service = service;
	return common;
}

/* The rows of one code, of which there may be more. */
static void
put_code(DcxJson *json, const DcxProductRow *const *rows, int nrows, bool with_costs)
{
	int			  several = Max(nrows, rows[0]->rows);
	DcxService	  service;
	DcxProductRow common;

	dcx_json_begin_object(json, rows[0]->code);
	if (several > 1)
	{
		common = common_row(rows, nrows, &service);
		put_product(json, &common, with_costs);
		dcx_json_integer(json, "rows", several);
	}
	else
		put_product(json, rows[0], with_costs);
	dcx_json_end_object(json);
}

static int
compare_codes(const void *a, const void *b)
{
	return strcmp((*(const DcxProductRow *const *) a)->code,
				  (*(const DcxProductRow *const *) b)->code);
}

Jsonb *
dcx_bookjson_value(const DcxProductRow *rows, int nrows, bool with_costs)
{
	DcxJson				  json = {0};
	const DcxProductRow **sorted =
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(DcxProductRow *) * Max(nrows, 1));
	int n = 0;

	for (int i = 0; i < nrows; i++)
		if (rows[i].code && *rows[i].code)
			sorted[n++] = &rows[i];
	qsort(sorted, n, sizeof(DcxProductRow *), compare_codes);

	dcx_json_begin_object(&json, NULL);
	for (int i = 0; i < n;)
	{
		int first = i;

		while (i < n && strcmp(sorted[i]->code, sorted[first]->code) == 0)
			i++;
		put_code(&json, &sorted[first], i - first, with_costs);
	}
	dcx_json_end_object(&json);
	return dcx_json_result(&json);
}

static JsonbValue *
member(JsonbContainer *product, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(product, name, strlen(name), NULL);

	return value && value->type != jbvNull ? value : NULL;
}

static char *
text_member(JsonbContainer *product, const char *name)
{
	JsonbValue *value = member(product, name);

	return value && value->type == jbvString ?
			   pnstrdup(value->val.string.val, value->val.string.len) :
			   NULL;
}

static bool
boolean_member(JsonbContainer *product, const char *name, bool otherwise, const char **fault)
{
	JsonbValue *value = member(product, name);

	if (value && value->type != jbvBool)
		*fault = psprintf("Its member %s is neither true nor false.", name);
	return value && value->type == jbvBool ? value->val.boolean : otherwise;
}

static Numeric
special_number(const char *text)
{
	if (strcmp(text, "NaN") != 0 && strcmp(text, "Infinity") != 0 && strcmp(text, "-Infinity") != 0)
		return NULL;
	return DatumGetNumeric(DirectFunctionCall3(numeric_in,
											   CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
}

/* A number, or NULL with what is wrong with it; NULL and nothing wrong where there is none. */
static Numeric
number_member(JsonbContainer *product, const char *name, const char **fault)
{
	JsonbValue *value = member(product, name);
	Numeric		number;
	char	   *text;

	*fault = NULL;
	if (!value)
		return NULL;
	if (value->type == jbvNumeric)
		return value->val.numeric;
	if (value->type != jbvString)
	{
		*fault = psprintf("Its %s is no JSON number.", name);
		return NULL;
	}

	text = pnstrdup(value->val.string.val, value->val.string.len);
	number = special_number(text);
	if (!number)
	{
		int shown = pg_mbcliplen(text, strlen(text), TEXT_SHOWN);

		*fault = psprintf("Its %s is the text \"%.*s\"%s, and has to be a JSON number.",
						  name,
						  shown,
						  text,
						  text[shown] ? "..." : "");
	}
	return number;
}

static int
rows_member(JsonbContainer *product)
{
	const char *ignored;
	int32		rows;

	return dcx_numeric_is_int32(number_member(product, "rows", &ignored), &rows) ? rows : 0;
}

/* A number of a band; what is wrong with it becomes the band's fault. */
static Numeric
band_number(DcxBand *band, JsonbContainer *object, const char *name)
{
	const char *fault;
	Numeric		number = number_member(object, name, &fault);

	if (fault && !band->fault)
		band->fault = fault;
	return number;
}

static void
read_band(DcxBand *band, JsonbValue *value)
{
	JsonbContainer *object;
	const char	   *ignored;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
	{
		band->fault = "It is no JSON object.";
		return;
	}
	object = value->val.binary.data;
	band->min_mbps = band_number(band, object, "min_mbps");
	band->max_mbps = band_number(band, object, "max_mbps");
	/* An end that cannot be read is not the same as no end. */
	if (band->fault)
		band->min_mbps = NULL;
	band->fixed_price = band_number(band, object, "fixed_price");
	band->price_per_mbps = band_number(band, object, "price_per_mbps");
	band->cost = number_member(object, "cost", &ignored);
}

static void
read_bands(DcxService *service, JsonbContainer *bands)
{
	JsonbIterator	  *iterator = JsonbIteratorInit(bands);
	JsonbValue		   value;
	JsonbIteratorToken token;

	service->bands = MemoryContextAllocExtended(CurrentMemoryContext,
												sizeof(DcxBand) * Max(JsonContainerSize(bands), 1),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			read_band(&service->bands[service->nbands++], &value);
}

/* The service that an object is which has bands, of whatever type. */
static const DcxService *
read_service(JsonbContainer *object, JsonbValue *bands, const char **fault)
{
	DcxService *service = palloc0(sizeof(DcxService));

	service->provider = text_member(object, "provider");
	service->active = boolean_member(object, "active", true, fault);
	if (bands->type == jbvBinary && JsonContainerIsArray(bands->val.binary.data))
		read_bands(service, bands->val.binary.data);
	else
		*fault = "Its bands are no JSON array.";
	return service;
}

static void
read_product(DcxProductRow *row, JsonbValue *value)
{
	JsonbContainer *product;
	JsonbValue	   *bands;
	const char	   *ignored;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
	{
		row->fault = "It is no JSON object that has a price.";
		return;
	}
	product = value->val.binary.data;
	row->title = text_member(product, "title");
	row->rows = rows_member(product);
	bands = getKeyJsonValueFromContainer(product, "bands", strlen("bands"), NULL);
	if (bands)
	{
		row->service = read_service(product, bands, &row->fault);
		return;
	}
	row->price = number_member(product, "price", &row->fault);
	row->cost = number_member(product, "cost", &ignored);
	row->category = text_member(product, "category");
	row->unit = number_member(product, "unit", &ignored);
}

DcxProductRow *
dcx_bookjson_rows(Jsonb *json, int *nrows)
{
	DcxProductRow	  *rows;
	JsonbIterator	  *iterator;
	JsonbValue		   value;
	JsonbIteratorToken token;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the price book is no JSON object"),
				errdetail(
					"A book is an object of products by their codes: {\"RAM_GB\": {\"title\": "
					"\"RAM\", \"price\": 37}}."),
				errhint("dcx_price_book() gives the current one."));

	*nrows = 0;
	rows = MemoryContextAllocExtended(CurrentMemoryContext,
									  sizeof(DcxProductRow) * Max(JB_ROOT_COUNT(json), 1),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	iterator = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			rows[*nrows].code = pnstrdup(value.val.string.val, value.val.string.len);
		else if (token == WJB_VALUE)
			read_product(&rows[(*nrows)++], &value);
	}
	return rows;
}

/* Whether an argument of the call is a constant. */
static bool
is_constant(const FmgrInfo *function, int argument)
{
	Node *call = function->fn_expr;

	return call && IsA(call, FuncExpr) && IsA(list_nth(((FuncExpr *) call)->args, argument), Const);
}

/* Makes the book of a value, and remembers it in the place of the one before. */
static pg_noinline Argument *
make_argument(FmgrInfo *function, void *value, bool constant)
{
	MemoryContext  context = AllocSetContextCreate(CurrentMemoryContext,
												   "dcx price book argument",
												   ALLOCSET_DEFAULT_SIZES);
	MemoryContext  caller = MemoryContextSwitchTo(context);
	Argument	  *argument = palloc0(sizeof(Argument));
	Argument	  *before = function->fn_extra;
	DcxProductRow *rows;
	int			   nrows;

	argument->constant = constant;
	argument->context = context;
	argument->size = VARSIZE_ANY(value);
	argument->value = memcpy(palloc(argument->size), value, argument->size);
	rows = dcx_bookjson_rows((Jsonb *) PG_DETOAST_DATUM(PointerGetDatum(argument->value)), &nrows);
	argument->book = dcx_book_make("book", rows, nrows);
	pfree(rows);
	MemoryContextSwitchTo(caller);

	MemoryContextSetParent(context, function->fn_mcxt);
	function->fn_extra = argument;
	if (before)
		MemoryContextDelete(before->context);
	return argument;
}

DcxPriceBook *
dcx_bookjson_argument(FunctionCallInfo fcinfo, int n)
{
	FmgrInfo *function = fcinfo->flinfo;
	Argument *argument = function->fn_extra;
	void	 *value;

	if (likely(argument && argument->constant))
		return argument->book;

	/*
	 * Values are compared as they are passed. A value that is toasted on disk is known by its
	 * pointer, and not fetched again; one in somebody's memory is not.
	 */
	value = DatumGetPointer(PG_GETARG_DATUM(n));
	if (VARATT_IS_EXTERNAL(value) && !VARATT_IS_EXTERNAL_ONDISK(value))
		value = detoast_external_attr(value);
	if (!argument || argument->size != VARSIZE_ANY(value) ||
		memcmp(argument->value, value, argument->size) != 0)
		argument = make_argument(function, value, is_constant(function, n));
	return argument->book;
}
