/*
 * bookjson.c
 *		A price book as a value in SQL: written, read, and taken as an argument.
 *
 * Writing is canonical: codes and bands are sorted, numbers have no trailing zeros. So books are equal
 * exactly when their values are, which is how saved.c tells whether anything has changed. Reading raises no
 * error for what is wrong inside a product: that is an error only where its price is used.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "src/base/json.h"
#include "src/base/text.h"
#include "src/book/bookjson.h"

/* The book of a call's argument, kept in fn_extra. */
typedef struct BookArgument
{
	bool		  constant; /* the argument is a constant: no need to compare it */
	void		 *value;	/* a copy of the argument as it was passed, perhaps a TOAST pointer */
	Size		  size;		/* of the value, in bytes */
	MemoryContext context;	/* of all this */
	DcxPriceBook *book;
} BookArgument;

static void
write_number(DcxJson *json, const char *name, Numeric number)
{
	dcx_json_number(json, name, dcx_numeric_trimmed(number));
}

static int
compare_band_pointers(const void *a, const void *b)
{
	return dcx_band_compare(*(const DcxBand *const *) a, *(const DcxBand *const *) b);
}

/* Writes the bands, sorted. */
static void
write_bands(DcxJson *json, const DcxService *service, bool with_costs)
{
	const DcxBand **bands =
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(DcxBand *) * Max(service->nbands, 1));

	for (int i = 0; i < service->nbands; i++)
		bands[i] = &service->bands[i];
	qsort(bands, service->nbands, sizeof(DcxBand *), compare_band_pointers);

	dcx_json_begin_array(json, "bands");
	for (int i = 0; i < service->nbands; i++)
	{
		dcx_json_begin_object(json, NULL);
		write_number(json, "min_mbps", bands[i]->min_mbps);
		write_number(json, "max_mbps", bands[i]->max_mbps);
		write_number(json, "fixed_price", bands[i]->fixed_price);
		write_number(json, "price_per_mbps", bands[i]->price_per_mbps);
		if (with_costs)
			write_number(json, "cost", bands[i]->cost);
		dcx_json_end_object(json);
	}
	dcx_json_end_array(json);
	pfree(bands);
}

static void
write_product(DcxJson *json, const DcxProductRow *row, bool with_costs)
{
	dcx_json_text(json, "title", row->title);
	if (row->service)
	{
		dcx_json_text(json, "provider", row->service->provider);
		dcx_json_boolean(json, "active", row->service->active);
		write_bands(json, row->service, with_costs);
		return;
	}
	write_number(json, "price", row->price);
	dcx_json_text(json, "category", row->category);
	write_number(json, "unit", row->unit);
	if (with_costs)
		write_number(json, "cost", row->cost);
}

/* What is known of a code that several rows have: no price, since nobody can say whose counts. */
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

/* Writes the rows of one code, usually one. */
static void
write_code(DcxJson *json, const DcxProductRow *const *rows, int nrows, bool with_costs)
{
	int			  several = Max(nrows, rows[0]->rows);
	DcxService	  service;
	DcxProductRow common;

	dcx_json_begin_object(json, rows[0]->code);
	if (several > 1)
	{
		common = common_row(rows, nrows, &service);
		write_product(json, &common, with_costs);
		dcx_json_integer(json, "rows", several);
	}
	else
		write_product(json, rows[0], with_costs);
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
		write_code(&json, &sorted[first], i - first, with_costs);
	}
	dcx_json_end_object(&json);
	return dcx_json_result(&json);
}

/* The value of a key; NULL when it is missing or null. */
static JsonbValue *
read_member(JsonbContainer *product, const char *name)
{
	JsonbValue *value = getKeyJsonValueFromContainer(product, name, strlen(name), NULL);

	return value && value->type != jbvNull ? value : NULL;
}

/* The value of a key that is a string, else NULL. */
static char *
read_text(JsonbContainer *product, const char *name)
{
	JsonbValue *value = read_member(product, name);

	return value && value->type == jbvString ?
			   pnstrdup(value->val.string.val, value->val.string.len) :
			   NULL;
}

/* The value of a key that is a boolean; otherwise: what it is when it is missing. */
static bool
read_boolean(JsonbContainer *product, const char *name, bool otherwise, const char **fault)
{
	JsonbValue *value = read_member(product, name);

	if (value && value->type != jbvBool)
		*fault = psprintf("Its member %s is neither true nor false.", name);
	return value && value->type == jbvBool ? value->val.boolean : otherwise;
}

/* The number that such a string stands for, else NULL. */
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

/* The value of a key as a number. NULL when it is missing, or is not a number: then *fault says so. */
static Numeric
read_number(JsonbContainer *product, const char *name, const char **fault)
{
	JsonbValue *value = read_member(product, name);
	Numeric		number;
	char	   *text;

	*fault = NULL;
	if (!value)
		return NULL;
	if (value->type == jbvNumeric)
		return value->val.numeric;
	if (value->type != jbvString)
	{
		*fault = psprintf("Its %s is not a JSON number.", name);
		return NULL;
	}

	text = pnstrdup(value->val.string.val, value->val.string.len);
	number = special_number(text);
	if (!number)
		*fault =
			psprintf("Its %s is the string \"%s\", not a JSON number.", name, dcx_text_shown(text));
	return number;
}

/* The value of "rows"; 0 when it is missing or not an integer. */
static int
read_row_count(JsonbContainer *product)
{
	const char *ignored;
	int32		rows;

	return dcx_numeric_is_int32(read_number(product, "rows", &ignored), &rows) ? rows : 0;
}

/* The value of a band's key as a number; a fault becomes the band's, unless it has one already. */
static Numeric
read_band_number(DcxBand *band, JsonbContainer *object, const char *name)
{
	const char *fault;
	Numeric		number = read_number(object, name, &fault);

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
		band->fault = "It is not a JSON object.";
		return;
	}
	object = value->val.binary.data;
	band->min_mbps = read_band_number(band, object, "min_mbps");
	band->max_mbps = read_band_number(band, object, "max_mbps");
	/* An end that cannot be read is not the same as no end: such a band holds nothing. */
	if (band->fault)
		band->min_mbps = NULL;
	band->fixed_price = read_band_number(band, object, "fixed_price");
	band->price_per_mbps = read_band_number(band, object, "price_per_mbps");
	band->cost = read_number(object, "cost", &ignored);
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

/* Reads a network service: an object with the key "bands", whose value may be of any type. */
static const DcxService *
read_service(JsonbContainer *object, JsonbValue *bands, const char **fault)
{
	DcxService *service = palloc0(sizeof(DcxService));

	service->provider = read_text(object, "provider");
	service->active = read_boolean(object, "active", true, fault);
	if (bands->type == jbvBinary && JsonContainerIsArray(bands->val.binary.data))
		read_bands(service, bands->val.binary.data);
	else
		*fault = "Its bands are not a JSON array.";
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
		row->fault = "It is not a JSON object with a price.";
		return;
	}
	product = value->val.binary.data;
	row->title = read_text(product, "title");
	row->rows = read_row_count(product);
	bands = getKeyJsonValueFromContainer(product, "bands", strlen("bands"), NULL);
	if (bands)
	{
		row->service = read_service(product, bands, &row->fault);
		return;
	}
	row->price = read_number(product, "price", &row->fault);
	row->cost = read_number(product, "cost", &ignored);
	row->category = read_text(product, "category");
	row->unit = read_number(product, "unit", &ignored);
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
				errmsg("the price book is not a JSON object"),
				errdetail(
					"A book is an object whose keys are product codes: {\"RAM_GB\": {\"title\": "
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

/* Whether an argument of the call is a constant, and so the same in every call from this place. */
static bool
is_constant(const FmgrInfo *function, int argument)
{
	Node *call = function->fn_expr;

	return call && IsA(call, FuncExpr) && IsA(list_nth(((FuncExpr *) call)->args, argument), Const);
}

/* Makes the book of an argument, and keeps it in fn_extra instead of the one before. */
static pg_noinline BookArgument *
make_book_argument(FmgrInfo *function, void *value, bool constant)
{
	MemoryContext  context = AllocSetContextCreate(CurrentMemoryContext,
												   "dcx price book argument",
												   ALLOCSET_DEFAULT_SIZES);
	MemoryContext  caller = MemoryContextSwitchTo(context);
	BookArgument  *argument = palloc0(sizeof(BookArgument));
	BookArgument  *before = function->fn_extra;
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

	/* Only now may it outlive the call: an error above has left the book before as it was. */
	MemoryContextSetParent(context, function->fn_mcxt);
	function->fn_extra = argument;
	if (before)
		MemoryContextDelete(before->context);
	return argument;
}

DcxPriceBook *
dcx_bookjson_argument(FunctionCallInfo fcinfo, int n)
{
	FmgrInfo	 *function = fcinfo->flinfo;
	BookArgument *argument = function->fn_extra;
	void		 *value;

	if (likely(argument && argument->constant))
		return argument->book;

	/*
	 * Arguments are compared as they are passed. The pointer to a value toasted on disk identifies the
	 * value, so that need not be fetched again; a pointer into memory does not, so that is followed first.
	 */
	value = DatumGetPointer(PG_GETARG_DATUM(n));
	if (VARATT_IS_EXTERNAL(value) && !VARATT_IS_EXTERNAL_ONDISK(value))
		value = detoast_external_attr(value);
	if (!argument || argument->size != VARSIZE_ANY(value) ||
		memcmp(argument->value, value, argument->size) != 0)
		argument = make_book_argument(function, value, is_constant(function, n));
	return argument->book;
}
