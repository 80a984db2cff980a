/*
 * order.c
 *		Orders: what a customer places at once, as a value in SQL, and what it costs, line by line.
 *
 * What an item may have is in tables, by which it is read and written. It is priced in three steps, for
 * nothing of a price book may be used across what can run code of the catalog's owner: the templates,
 * then all that the one catalog has, then all that the other one has.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "src/base/json.h"
#include "src/book/bookjson.h"
#include "src/book/pricebook.h"
#include "src/book/products.h"
#include "src/price/network.h"
#include "src/price/order.h"
#include "src/price/vm.h"

/* How much of a text of the user's an error shows, and how many keys. */
#define TEXT_SHOWN	40
#define KEYS_LISTED 10

typedef enum Type
{
	TYPE_NONE, /* the end of a list of keys */
	TYPE_TEXT,
	TYPE_NUMBER,
	TYPE_OBJECT
} Type;

static const char *const type_names[] = {"", "a string", "a number", "an object"};

/* A key of an object, and the member of OrderItem that its value is read into. */
typedef struct Key
{
	const char *name;
	Type		type;
	bool		optional; /* then it is 1 where it is not given */
	size_t		member;	  /* not of an object, whose keys are the kind's */
} Key;

#define KEYS_MAX 6

typedef struct Kind
{
	const char *name; /* the key that only items of this kind have */
	Key			keys[KEYS_MAX];
	Key			inner[KEYS_MAX]; /* of the object under the name, where it is one */
	const char *example;
} Kind;

typedef struct OrderItem
{
	const Kind *kind;
	text	   *name; /* of the template, the service or the product */
	text	   *cpu_type;
	text	   *storage_type;
	Numeric		cpus; /* this and the next two of a template, too, once it is found */
	Numeric		ram_gb;
	Numeric		gb;
	Numeric		mbps;
	Numeric		count; /* of a product the quantity */
} OrderItem;

struct DcxOrder
{
	bool	  vm; /* of dcx_order_of_vm(): one VM, which goes by no number */
	int		  nitems;
	OrderItem items[FLEXIBLE_ARRAY_MEMBER];
};

#define MEMBER(name) offsetof(OrderItem, name)

static const Kind kinds[] = {
	{"vm",
	 {{"vm", TYPE_OBJECT, false, 0}, {"count", TYPE_NUMBER, true, MEMBER(count)}},
	 {{"cpu_type", TYPE_TEXT, false, MEMBER(cpu_type)},
	  {"cpus", TYPE_NUMBER, false, MEMBER(cpus)},
	  {"ram_gb", TYPE_NUMBER, false, MEMBER(ram_gb)},
	  {"storage_type", TYPE_TEXT, false, MEMBER(storage_type)},
	  {"gb", TYPE_NUMBER, false, MEMBER(gb)}},
	 "{\"vm\": {\"cpu_type\": \"2GHZ\", \"cpus\": 4, \"ram_gb\": 8, \"storage_type\": "
	 "\"PREMIUM\", \"gb\": 100}, \"count\": 3}"},
	{"template",
	 {{"template", TYPE_TEXT, false, MEMBER(name)},
	  {"cpu_type", TYPE_TEXT, false, MEMBER(cpu_type)},
	  {"storage_type", TYPE_TEXT, false, MEMBER(storage_type)},
	  {"count", TYPE_NUMBER, true, MEMBER(count)}},
	 {{0}},
	 "{\"template\": \"Ubuntu Server 20.04\", \"cpu_type\": \"1GHZ\", \"storage_type\": "
	 "\"STANDARD\", \"count\": 2}"},
	{"network",
	 {{"network", TYPE_OBJECT, false, 0}, {"count", TYPE_NUMBER, true, MEMBER(count)}},
	 {{"service", TYPE_TEXT, false, MEMBER(name)}, {"mbps", TYPE_NUMBER, false, MEMBER(mbps)}},
	 "{\"network\": {\"service\": \"PV_FIBRE_BUSINESS\", \"mbps\": 100}}"},
	{"product",
	 {{"product", TYPE_TEXT, false, MEMBER(name)}, {"quantity", TYPE_NUMBER, true, MEMBER(count)}},
	 {{0}},
	 "{\"product\": \"BACKUP_GB\", \"quantity\": 500}"},
};

#define VM		 (&kinds[0])
#define TEMPLATE (&kinds[1])
#define NETWORK	 (&kinds[2])
#define PRODUCT	 (&kinds[3])

static const char one_of[] = "An item has one of the keys \"vm\", \"template\", \"network\" and "
							 "\"product\".";

static text **
text_member(const OrderItem *item, const Key *key)
{
	return (text **) ((char *) item + key->member);
}

static Numeric *
number_member(const OrderItem *item, const Key *key)
{
	return (Numeric *) ((char *) item + key->member);
}

/* --------------------------------------------------------------------------------------------------
 * Reading
 * --------------------------------------------------------------------------------------------------
 */

/* A string in quotes, as much of it as an error shows. */
static char *
quoted(const JsonbValue *string)
{
	int length = string->val.string.len;
	int shown = pg_mbcliplen(string->val.string.val, length, TEXT_SHOWN);

	return psprintf("\"%.*s\"%s", shown, string->val.string.val, shown < length ? "..." : "");
}

/* What a value is, for an error. */
static char *
describe(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return pstrdup("null");
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		case jbvNumeric:
			return psprintf("the number %s", dcx_numeric_text(value->val.numeric));
		case jbvString:
			return psprintf("the string %s", quoted(value));
		default:
			return pstrdup(JsonContainerIsObject(value->val.binary.data) ? "an object" :
																		   "an array");
	}
}

/* The keys that an object may have, for an error. */
static char *
list_keys(const Kind *kind, const Key *keys)
{
	StringInfoData list;

	initStringInfo(&list);
	appendStringInfo(&list,
					 keys == kind->inner ? "The keys of \"%s\" are " :
										   "The keys of an item with \"%s\" are ",
					 kind->name);
	for (const Key *key = keys; key->type != TYPE_NONE; key++)
		appendStringInfo(&list,
						 "%s\"%s\"%s",
						 key == keys ? "" : ", ",
						 key->name,
						 key->optional ? " (optional)" : "");
	appendStringInfoChar(&list, '.');
	return list.data;
}

static const Key *
find_key(const Key *keys, const JsonbValue *name)
{
	for (const Key *key = keys; key->type != TYPE_NONE; key++)
		if (strlen(key->name) == (size_t) name->val.string.len &&
			memcmp(key->name, name->val.string.val, name->val.string.len) == 0)
			return key;
	return NULL;
}

/* Refuses an object that has any other key. */
static void
check_keys(int n, const Kind *kind, const Key *keys, JsonbContainer *object)
{
	JsonbIterator	  *iterator = JsonbIteratorInit(object);
	JsonbValue		   name;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
		if (token == WJB_KEY && !find_key(keys, &name))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("item %d of the order: there is no key %s", n, quoted(&name)),
					errdetail("%s", list_keys(kind, keys)),
					errhint("As in %s.", kind->example));
}

static bool
is_of_type(const JsonbValue *value, Type type)
{
	switch (type)
	{
		case TYPE_TEXT:
			return value->type == jbvString;
		case TYPE_NUMBER:
			return value->type == jbvNumeric;
		default:
			return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
	}
}

/* The value of a key; NULL where an optional one is not there. */
static JsonbValue *
value_of_key(int n, const Kind *kind, const Key *keys, const Key *key, JsonbContainer *object)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, key->name, strlen(key->name), NULL);

	if (!value && !key->optional)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order: the key \"%s\" is missing", n, key->name),
				errdetail("%s", list_keys(kind, keys)),
				errhint("As in %s.", kind->example));
	if (value && !is_of_type(value, key->type))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order: \"%s\" must be %s",
					   n,
					   key->name,
					   type_names[key->type]),
				errdetail("It is %s.", describe(value)),
				errhint("As in %s.", kind->example));
	return value;
}

static void
read_object(OrderItem *item, int n, const Key *keys, JsonbContainer *object)
{
	check_keys(n, item->kind, keys, object);
	for (const Key *key = keys; key->type != TYPE_NONE; key++)
	{
		JsonbValue *value = value_of_key(n, item->kind, keys, key, object);

		if (key->type == TYPE_OBJECT)
			read_object(item, n, item->kind->inner, value->val.binary.data);
		else if (key->type == TYPE_TEXT)
			*text_member(item, key) =
				cstring_to_text_with_len(value->val.string.val, value->val.string.len);
		else
			*number_member(item, key) = value ? value->val.numeric : int64_to_numeric(1);
	}
}

/* The keys that an object has, for an error. */
static char *
keys_found(JsonbContainer *object)
{
	JsonbIterator	  *iterator = JsonbIteratorInit(object);
	JsonbValue		   name;
	JsonbIteratorToken token;
	StringInfoData	   list;
	int				   n = 0;

	initStringInfo(&list);
	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		if (n++ < KEYS_LISTED)
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", quoted(&name));
	}
	if (n > KEYS_LISTED)
		appendStringInfo(&list, ", and %d more", n - KEYS_LISTED);
	return n ? list.data : pstrdup("none");
}

/* The kind of an item; it must be of exactly one. */
static const Kind *
kind_of(int n, JsonbContainer *object)
{
	const Kind *found = NULL;

	for (size_t i = 0; i < lengthof(kinds); i++)
	{
		if (!getKeyJsonValueFromContainer(object, kinds[i].name, strlen(kinds[i].name), NULL))
			continue;
		if (found)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("item %d of the order has both \"%s\" and \"%s\"",
						   n,
						   found->name,
						   kinds[i].name),
					errdetail("%s", one_of),
					errhint("Make two items of it."));
		found = &kinds[i];
	}
	if (!found)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order does not say what it is", n),
				errdetail("%s Keys found: %s.", one_of, keys_found(object)),
				errhint("As in %s.", kinds[0].example));
	return found;
}

/* Refuses a number that is not sane, in JSON always a finite one. */
static void
check_numbers(const OrderItem *item, int n)
{
	DcxQuantity count = dcx_quantity_from_numeric("count", item->count);
	const char *fault =
		item->kind == VM ? dcx_vm_size_fault(item->cpus, item->ram_gb, item->gb) : NULL;

	if (fault)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order: %s", n, fault),
				errdetail("cpus is %s, ram_gb %s, gb %s.",
						  dcx_numeric_text(item->cpus),
						  dcx_numeric_text(item->ram_gb),
						  dcx_numeric_text(item->gb)),
				errhint("As in %s.", item->kind->example));
	if (item->kind == NETWORK && dcx_money_compare(item->mbps, int64_to_numeric(0)) <= 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order: mbps must be above 0", n),
				errdetail("It is %s.", dcx_numeric_text(item->mbps)),
				errhint("As in %s.", item->kind->example));
	if (item->kind == PRODUCT ? dcx_quantity_sign(count) < 0 :
								!dcx_quantity_is_whole(count) || dcx_quantity_sign(count) <= 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				item->kind == PRODUCT ?
					errmsg("item %d of the order: quantity must not be negative", n) :
					errmsg("item %d of the order: count must be a whole number, 1 at least", n),
				errdetail("It is %s.", dcx_numeric_text(item->count)),
				errhint("As in %s.", item->kind->example));
}

static void
read_item(OrderItem *item, int n, const JsonbValue *value)
{
	if (!is_of_type(value, TYPE_OBJECT))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order must be an object", n),
				errdetail("It is %s.", describe(value)),
				errhint("As in %s.", kinds[0].example));
	item->kind = kind_of(n, value->val.binary.data);
	read_object(item, n, item->kind->keys, value->val.binary.data);
	check_numbers(item, n);
}

/* Refuses what is no order at all; returns the number of items. */
static int
check_array(Jsonb *items)
{
	JsonbValue value = {.type = jbvBinary};
	bool	   scalar = JsonbExtractScalar(&items->root, &value);
	bool	   array = !scalar && JB_ROOT_IS_ARRAY(items);
	int		   nitems = array ? JB_ROOT_COUNT(items) : 0;

	if (!array)
		ereport(
			ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("an order must be an array of items"),
			errdetail("It is %s.", scalar ? describe(&value) : "an object"),
			value.type == jbvString ?
				errhint(
					"What was to be JSON has come as a string in JSON: some clients make JSON of "
					"what they send, and are given the array itself.") :
				errhint("As in [%s].", kinds[0].example));
	if (nitems < 1 || nitems > DCX_ORDER_ITEMS_MAX)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("an order must have 1 to %d items", DCX_ORDER_ITEMS_MAX),
				errdetail("It has %d.", nitems),
				errhint(
					"Many of a kind are one item: with \"count\", or with the \"quantity\" of a "
					"product."));
	return nitems;
}

static DcxOrder *
make_order(int nitems)
{
	DcxOrder *order = palloc0(offsetof(DcxOrder, items) + sizeof(OrderItem) * nitems);

	order->nitems = nitems;
	return order;
}

DcxOrder *
dcx_order_read(Jsonb *items)
{
	DcxOrder		  *order = make_order(check_array(items));
	JsonbIterator	  *iterator = JsonbIteratorInit(&items->root);
	int				   n = 0;
	JsonbValue		   value;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
		if (token == WJB_ELEM)
		{
			read_item(&order->items[n], n + 1, &value);
			n++;
		}
	return order;
}

DcxOrder *
dcx_order_of_vm(const text *cpu_type, Numeric cpus, Numeric ram_gb, const text *storage_type,
				Numeric gb)
{
	DcxOrder  *order = make_order(1);
	OrderItem *vm = &order->items[0];

	dcx_vm_check_size(cpus, ram_gb, gb);
	order->vm = true;
	vm->kind = VM;
	vm->cpu_type = unconstify(text *, cpu_type);
	vm->cpus = cpus;
	vm->ram_gb = ram_gb;
	vm->storage_type = unconstify(text *, storage_type);
	vm->gb = gb;
	vm->count = int64_to_numeric(1);
	return order;
}

/* --------------------------------------------------------------------------------------------------
 * Writing
 * --------------------------------------------------------------------------------------------------
 */

static void
write_object(DcxJson *json, const char *name, const OrderItem *item, const Key *keys)
{
	dcx_json_begin_object(json, name);
	for (const Key *key = keys; key->type != TYPE_NONE; key++)
	{
		if (key->type == TYPE_OBJECT)
			write_object(json, key->name, item, item->kind->inner);
		else if (key->type == TYPE_TEXT)
			dcx_json_text(json, key->name, text_to_cstring(*text_member(item, key)));
		else
			dcx_json_number(json, key->name, dcx_numeric_trimmed(*number_member(item, key)));
	}
	dcx_json_end_object(json);
}

Jsonb *
dcx_order_specification(const DcxOrder *order)
{
	DcxJson json = {0};

	if (order->vm)
	{
		write_object(&json, NULL, &order->items[0], VM->inner);
		return dcx_json_result(&json);
	}
	dcx_json_begin_array(&json, NULL);
	for (int i = 0; i < order->nitems; i++)
		write_object(&json, NULL, &order->items[i], order->items[i].kind->keys);
	dcx_json_end_array(&json);
	return dcx_json_result(&json);
}

/* --------------------------------------------------------------------------------------------------
 * Pricing
 * --------------------------------------------------------------------------------------------------
 */

static char *
text_or_null(Numeric value)
{
	return value ? dcx_numeric_text(value) : pstrdup("NULL");
}

/* The size of a template that is ordered. */
static void
resolve_template(OrderItem *item, const DcxTemplateRow *rows, int nrows)
{
	char				 *sought = text_to_cstring(item->name);
	const DcxTemplateRow *row = dcx_products_template(rows, nrows, sought);
	const char			 *fault = dcx_vm_size_fault(row->vcpus, row->memory, row->disk);

	if (fault)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("template \"%s\" cannot be priced: %s", sought, fault),
				errdetail("In the catalog, vcpus is %s, memory %s, disk %s.",
						  text_or_null(row->vcpus),
						  text_or_null(row->memory),
						  text_or_null(row->disk)),
				errhint("Correct it in the catalog, or order a \"vm\" of the size that is meant."));
	item->cpus = row->vcpus;
	item->ram_gb = row->memory;
	item->gb = row->disk;
}

/* Says which item an error is about. */
static void
item_context(void *n)
{
	errcontext("item %d of the order", *(int *) n);
}

/* Puts the lines of an item, of so many of it. */
static void
put_lines(DcxOrderLine *to, int n, const OrderItem *item, const DcxQuoteLine *lines, int nlines)
{
	bool once = item->kind == PRODUCT || dcx_money_compare(item->count, int64_to_numeric(1)) == 0;

	for (int i = 0; i < nlines; i++)
	{
		to[i].item = n;
		to[i].line = lines[i];
		if (!once)
			dcx_quote_line_times(&to[i].line, item->count);
	}
}

static int
count_lines(const OrderItem *item)
{
	return item->kind == PRODUCT ? 1 : item->kind == NETWORK ? DCX_NETWORK_LINES : DCX_VM_LINES;
}

/* What an item costs, in as many lines as it has. */
static void
price_item(DcxOrderLine *to, int n, const OrderItem *item, DcxPriceBook *book)
{
	if (item->kind == PRODUCT)
	{
		DcxQuoteLine line = dcx_product_quote_from(book, item->name, item->count);

		put_lines(to, n, item, &line, 1);
	}
	else if (item->kind == NETWORK)
	{
		DcxNetworkQuote quote = dcx_network_quote_from(book, item->name, item->mbps);

		put_lines(to, n, item, quote.lines, DCX_NETWORK_LINES);
	}
	else
	{
		DcxQuote quote = dcx_vm_quote_from(book,
										   item->cpu_type,
										   item->cpus,
										   item->ram_gb,
										   item->storage_type,
										   item->gb);

		put_lines(to, n, item, quote.lines, DCX_VM_LINES);
	}
}

/* Calls that know which item they are about, for errors. */
typedef struct Context
{
	ErrorContextCallback callback;
	int					 n;
} Context;

static void
begin_context(Context *context, const DcxOrder *order)
{
	context->callback.callback = item_context;
	context->callback.arg = &context->n;
	context->callback.previous = error_context_stack;
	if (!order->vm)
		error_context_stack = &context->callback;
}

static void
end_context(const Context *context)
{
	error_context_stack = context->callback.previous;
}

static bool
needs(const DcxOrder *order, bool (*is_needed)(const OrderItem *))
{
	for (int i = 0; i < order->nitems; i++)
		if (is_needed(&order->items[i]))
			return true;
	return false;
}

static bool
is_template(const OrderItem *item)
{
	return item->kind == TEMPLATE;
}

static bool
is_of_aas(const OrderItem *item)
{
	return item->kind != NETWORK;
}

static bool
is_of_enetworks(const OrderItem *item)
{
	return item->kind == NETWORK;
}

static void
resolve_templates(DcxOrder *order)
{
	DcxTemplateRow *rows;
	int				nrows;
	Context			context;

	if (!needs(order, is_template))
		return;
	rows = dcx_products_templates(&nrows);
	begin_context(&context, order);
	for (context.n = 1; context.n <= order->nitems; context.n++)
		if (is_template(&order->items[context.n - 1]))
			resolve_template(&order->items[context.n - 1], rows, nrows);
	end_context(&context);
}

/* Prices all items that a catalog has, from a book, or from the one that answers (NULL). */
static void
price_items(const DcxOrder *order, DcxOrderQuote *quote, DcxCatalogId id,
			bool (*is_there)(const OrderItem *), DcxPriceBook *book)
{
	DcxOrderSource *source = &quote->sources[id];
	DcxOrderLine   *lines = quote->lines;
	bool			live = !book;
	Context			context;

	if (!needs(order, is_there))
		return;
	if (live)
		book = dcx_pricebook_get(id);
	begin_context(&context, order);
	for (context.n = 1; context.n <= order->nitems; context.n++)
	{
		const OrderItem *item = &order->items[context.n - 1];

		if (is_there(item))
			price_item(lines, context.n, item, book);
		lines += count_lines(item);
	}
	end_context(&context);
	if (live)
	{
		source->catalog = dcx_catalogs[id].name;
		dcx_pricebook_origin(id, &source->relation, &source->read_at);
	}
}

DcxOrderQuote
dcx_order_price(DcxOrder *order, DcxPriceBook *book)
{
	DcxOrderQuote quote = {.cost = int64_to_numeric(0)};

	resolve_templates(order);
	for (int i = 0; i < order->nitems; i++)
		quote.nlines += count_lines(&order->items[i]);
	quote.lines = palloc(sizeof(DcxOrderLine) * quote.nlines);
	price_items(order, &quote, DCX_AAS, is_of_aas, book);
	price_items(order, &quote, DCX_ENETWORKS, is_of_enetworks, book);
	for (int i = 0; i < quote.nlines; i++)
		quote.cost = dcx_money_add(quote.cost, quote.lines[i].line.amount);
	quote.cost = dcx_money_display(quote.cost);
	return quote;
}

static void
put_quote(FunctionCallInfo fcinfo, DcxPriceBook *book)
{
	DcxOrderQuote quote;

	InitMaterializedSRF(fcinfo, 0);
	quote = dcx_order_price(dcx_order_read(PG_GETARG_JSONB_P(0)), book);
	for (int i = 0; i < quote.nlines; i++)
		dcx_quote_put_line(fcinfo, i + 1, quote.lines[i].item, &quote.lines[i].line);
}

/* dcx_order_quote(items jsonb) */
PG_FUNCTION_INFO_V1(dcx_order_quote);
Datum
dcx_order_quote(PG_FUNCTION_ARGS)
{
	put_quote(fcinfo, NULL);
	return (Datum) 0;
}

/* dcx_order_quote(items jsonb, book jsonb) */
PG_FUNCTION_INFO_V1(dcx_order_quote_book);
Datum
dcx_order_quote_book(PG_FUNCTION_ARGS)
{
	put_quote(fcinfo, dcx_bookjson_argument(fcinfo, 1));
	return (Datum) 0;
}
