/*
 * order_items.c
 *		The items of an order: read from JSON, checked, and written as JSON.
 *
 * A table says which keys an item of each kind has, and which field of the item each key's value goes
 * into. Reading and writing both follow that table, so a new key is one line in it. Nothing here reads a
 * catalog or any other table.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "src/base/json.h"
#include "src/base/money.h"
#include "src/base/text.h"
#include "src/price/order_items.h"
#include "src/price/vm.h"

/* How many keys an error lists. */
#define KEYS_LISTED 10

typedef enum ValueType
{
	TYPE_NONE, /* ends a list of keys */
	TYPE_TEXT,
	TYPE_NUMBER,
	TYPE_OBJECT
} ValueType;

static const char *const type_names[] = {"", "a string", "a number", "an object"};

/* A key of a JSON object. */
typedef struct ItemKey
{
	const char *name;
	ValueType	type;
	bool		optional; /* a number that is 1 when it is not given */
	size_t		field; /* offset in DcxOrderItem; unused for an object, whose keys are the kind's */
} ItemKey;

#define KEYS_MAX 6

/* What an item of a kind looks like. */
typedef struct ItemKind
{
	const char *name;			 /* the key that only items of this kind have */
	ItemKey		keys[KEYS_MAX];	 /* of the item, the name among them */
	ItemKey		inner[KEYS_MAX]; /* of the object under the name; none where that is a string */
	const char *example;		 /* a valid item, for hints */
} ItemKind;

#define FIELD(name) offsetof(DcxOrderItem, name)

static const ItemKind item_kinds[] = {
	[DCX_ITEM_VM] =
		{"vm",
		 {{"vm", TYPE_OBJECT, false, 0}, {"count", TYPE_NUMBER, true, FIELD(count)}},
		 {{"cpu_type", TYPE_TEXT, false, FIELD(cpu_type)},
		  {"cpus", TYPE_NUMBER, false, FIELD(cpus)},
		  {"ram_gb", TYPE_NUMBER, false, FIELD(ram_gb)},
		  {"storage_type", TYPE_TEXT, false, FIELD(storage_type)},
		  {"gb", TYPE_NUMBER, false, FIELD(gb)}},
		 "{\"vm\": {\"cpu_type\": \"2GHZ\", \"cpus\": 4, \"ram_gb\": 8, \"storage_type\": "
		 "\"PREMIUM\", \"gb\": 100}, \"count\": 3}"},
	[DCX_ITEM_TEMPLATE] =
		{"template",
		 {{"template", TYPE_TEXT, false, FIELD(name)},
		  {"cpu_type", TYPE_TEXT, false, FIELD(cpu_type)},
		  {"storage_type", TYPE_TEXT, false, FIELD(storage_type)},
		  {"count", TYPE_NUMBER, true, FIELD(count)}},
		 {{0}},
		 "{\"template\": \"Ubuntu Server 20.04\", \"cpu_type\": \"1GHZ\", \"storage_type\": "
		 "\"STANDARD\", \"count\": 2}"},
	[DCX_ITEM_NETWORK] = {"network",
						  {{"network", TYPE_OBJECT, false, 0},
						   {"count", TYPE_NUMBER, true, FIELD(count)}},
						  {{"service", TYPE_TEXT, false, FIELD(name)},
						   {"mbps", TYPE_NUMBER, false, FIELD(mbps)}},
						  "{\"network\": {\"service\": \"PV_FIBRE_BUSINESS\", \"mbps\": 100}}"},
	[DCX_ITEM_PRODUCT] = {"product",
						  {{"product", TYPE_TEXT, false, FIELD(name)},
						   {"quantity", TYPE_NUMBER, true, FIELD(count)}},
						  {{0}},
						  "{\"product\": \"BACKUP_GB\", \"quantity\": 500}"},
};

static const char one_kind[] = "An item has one of the keys \"vm\", \"template\", \"network\" and "
							   "\"product\".";

static text **
item_text_field(const DcxOrderItem *item, const ItemKey *key)
{
	return (text **) ((char *) item + key->field);
}

static Numeric *
item_number_field(const DcxOrderItem *item, const ItemKey *key)
{
	return (Numeric *) ((char *) item + key->field);
}

/* --------------------------------------------------------------------------------------------------
 * Reading
 * --------------------------------------------------------------------------------------------------
 */

/* A JSON string in quotes, as an error shows it. */
static char *
quoted_string(const JsonbValue *string)
{
	return psprintf("\"%s\"",
					dcx_text_cut(string->val.string.val, string->val.string.len, DCX_TEXT_SHOWN));
}

/* What a JSON value is, for an error's "It is ...". */
static char *
describe_json_value(const JsonbValue *value)
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
			return psprintf("the string %s", quoted_string(value));
		default:
			return pstrdup(JsonContainerIsObject(value->val.binary.data) ? "an object" :
																		   "an array");
	}
}

/* The keys that an object may have, for an error's detail. */
static char *
list_allowed_keys(const ItemKind *kind, const ItemKey *keys)
{
	StringInfoData list;

	initStringInfo(&list);
	appendStringInfo(&list,
					 keys == kind->inner ? "The keys of \"%s\" are " :
										   "The keys of an item with \"%s\" are ",
					 kind->name);
	for (const ItemKey *key = keys; key->type != TYPE_NONE; key++)
		appendStringInfo(&list,
						 "%s\"%s\"%s",
						 key == keys ? "" : ", ",
						 key->name,
						 key->optional ? " (optional)" : "");
	appendStringInfoChar(&list, '.');
	return list.data;
}

static bool
is_allowed_key(const ItemKey *keys, const JsonbValue *name)
{
	for (const ItemKey *key = keys; key->type != TYPE_NONE; key++)
		if (strlen(key->name) == (size_t) name->val.string.len &&
			memcmp(key->name, name->val.string.val, name->val.string.len) == 0)
			return true;
	return false;
}

/* Refuses an object that has a key it may not have. */
static void
check_item_keys(int n, const ItemKind *kind, const ItemKey *keys, JsonbContainer *object)
{
	JsonbIterator	  *iterator = JsonbIteratorInit(object);
	JsonbValue		   name;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
		if (token == WJB_KEY && !is_allowed_key(keys, &name))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("item %d of the order: there is no key %s", n, quoted_string(&name)),
					errdetail("%s", list_allowed_keys(kind, keys)),
					errhint("As in %s.", kind->example));
}

static bool
is_of_type(const JsonbValue *value, ValueType type)
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

/* The value of a key; NULL when an optional one is not given. */
static JsonbValue *
value_of_key(int n, const ItemKind *kind, const ItemKey *keys, const ItemKey *key,
			 JsonbContainer *object)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, key->name, strlen(key->name), NULL);

	if (!value && !key->optional)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order: the key \"%s\" is missing", n, key->name),
				errdetail("%s", list_allowed_keys(kind, keys)),
				errhint("As in %s.", kind->example));
	if (value && !is_of_type(value, key->type))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order: \"%s\" must be %s",
					   n,
					   key->name,
					   type_names[key->type]),
				errdetail("It is %s.", describe_json_value(value)),
				errhint("As in %s.", kind->example));
	return value;
}

static void
read_item_object(DcxOrderItem *item, int n, const ItemKey *keys, JsonbContainer *object)
{
	const ItemKind *kind = &item_kinds[item->kind];

	check_item_keys(n, kind, keys, object);
	for (const ItemKey *key = keys; key->type != TYPE_NONE; key++)
	{
		JsonbValue *value = value_of_key(n, kind, keys, key, object);

		if (key->type == TYPE_OBJECT)
			read_item_object(item, n, kind->inner, value->val.binary.data);
		else if (key->type == TYPE_TEXT)
			*item_text_field(item, key) =
				cstring_to_text_with_len(value->val.string.val, value->val.string.len);
		else
			*item_number_field(item, key) = value ? value->val.numeric : int64_to_numeric(1);
	}
}

/* The keys that an object has, for an error. */
static char *
list_keys_found(JsonbContainer *object)
{
	const char		 **keys = palloc(sizeof(char *) * Max(JsonContainerSize(object), 1));
	JsonbIterator	  *iterator = JsonbIteratorInit(object);
	JsonbValue		   name;
	JsonbIteratorToken token;
	int				   n = 0;

	while ((token = JsonbIteratorNext(&iterator, &name, true)) != WJB_DONE)
		if (token == WJB_KEY)
			keys[n++] = quoted_string(&name);
	return dcx_text_list(keys, n, KEYS_LISTED);
}

/* The kind of an item, which must have the key of exactly one. */
static DcxItemKind
kind_of_item(int n, JsonbContainer *object)
{
	const ItemKind *found = NULL;

	for (size_t i = 0; i < lengthof(item_kinds); i++)
	{
		const ItemKind *kind = &item_kinds[i];

		if (!getKeyJsonValueFromContainer(object, kind->name, strlen(kind->name), NULL))
			continue;
		if (found)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("item %d of the order has both \"%s\" and \"%s\"",
						   n,
						   found->name,
						   kind->name),
					errdetail("%s", one_kind),
					errhint("Make two items of it."));
		found = kind;
	}
	if (!found)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order does not say what it is", n),
				errdetail("%s Keys found: %s.", one_kind, list_keys_found(object)),
				errhint("As in %s.", item_kinds[0].example));
	return found - item_kinds;
}

static void
check_vm_size(const DcxOrderItem *item, int n)
{
	const char *fault = dcx_vm_size_fault(item->cpus, item->ram_gb, item->gb);

	if (fault)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order: %s", n, fault),
				errdetail("cpus is %s, ram_gb %s, gb %s.",
						  dcx_numeric_text(item->cpus),
						  dcx_numeric_text(item->ram_gb),
						  dcx_numeric_text(item->gb)),
				errhint("As in %s.", item_kinds[item->kind].example));
}

/* Refuses a quantity below 0, and a count that is not a whole number above 0. */
static void
check_item_count(const DcxOrderItem *item, int n)
{
	DcxQuantity count = dcx_quantity_from_numeric("count", item->count);
	bool		product = item->kind == DCX_ITEM_PRODUCT;

	if (product ? dcx_quantity_sign(count) >= 0 :
				  dcx_quantity_is_whole(count) && dcx_quantity_sign(count) > 0)
		return;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			product ? errmsg("item %d of the order: quantity must not be negative", n) :
					  errmsg("item %d of the order: count must be a whole number, 1 at least", n),
			errdetail("It is %s.", dcx_numeric_text(item->count)),
			errhint("As in %s.", item_kinds[item->kind].example));
}

/* Refuses numbers out of range. A number in JSON is always finite. */
static void
check_item_numbers(const DcxOrderItem *item, int n)
{
	if (item->kind == DCX_ITEM_VM)
		check_vm_size(item, n);
	if (item->kind == DCX_ITEM_NETWORK && dcx_money_compare(item->mbps, int64_to_numeric(0)) <= 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order: mbps must be above 0", n),
				errdetail("It is %s.", dcx_numeric_text(item->mbps)),
				errhint("As in %s.", item_kinds[item->kind].example));
	check_item_count(item, n);
}

static void
read_item(DcxOrderItem *item, int n, const JsonbValue *value)
{
	if (!is_of_type(value, TYPE_OBJECT))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("item %d of the order must be an object", n),
				errdetail("It is %s.", describe_json_value(value)),
				errhint("As in %s.", item_kinds[0].example));
	item->kind = kind_of_item(n, value->val.binary.data);
	read_item_object(item, n, item_kinds[item->kind].keys, value->val.binary.data);
	check_item_numbers(item, n);
}

/* Refuses what is not an array of 1 to DCX_ORDER_ITEMS_MAX items; returns how many there are. */
static int
check_item_array(Jsonb *items)
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
			errdetail("It is %s.", scalar ? describe_json_value(&value) : "an object"),
			value.type == jbvString ?
				errhint(
					"The array was encoded as JSON twice. Pass the array itself to a client that "
					"encodes its parameters.") :
				errhint("As in [%s].", item_kinds[0].example));
	if (nitems < 1 || nitems > DCX_ORDER_ITEMS_MAX)
		ereport(
			ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("an order must have 1 to %d items", DCX_ORDER_ITEMS_MAX),
			errdetail("It has %d.", nitems),
			errhint(
				"Several of a kind are one item, with \"count\"; of a product, with \"quantity\"."));
	return nitems;
}

static DcxOrder *
make_order(int nitems)
{
	DcxOrder *order = palloc0(offsetof(DcxOrder, items) + sizeof(DcxOrderItem) * nitems);

	order->nitems = nitems;
	return order;
}

DcxOrder *
dcx_order_read(Jsonb *items)
{
	DcxOrder		  *order = make_order(check_item_array(items));
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
	DcxOrder	 *order = make_order(1);
	DcxOrderItem *vm = &order->items[0];

	dcx_vm_check_size(cpus, ram_gb, gb);
	order->vm = true;
	vm->kind = DCX_ITEM_VM;
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
write_item_object(DcxJson *json, const char *name, const DcxOrderItem *item, const ItemKey *keys)
{
	dcx_json_begin_object(json, name);
	for (const ItemKey *key = keys; key->type != TYPE_NONE; key++)
	{
		if (key->type == TYPE_OBJECT)
			write_item_object(json, key->name, item, item_kinds[item->kind].inner);
		else if (key->type == TYPE_TEXT)
			dcx_json_text(json, key->name, text_to_cstring(*item_text_field(item, key)));
		else
			dcx_json_number(json, key->name, dcx_numeric_trimmed(*item_number_field(item, key)));
	}
	dcx_json_end_object(json);
}

Jsonb *
dcx_order_specification(const DcxOrder *order)
{
	DcxJson json = {0};

	if (order->vm)
	{
		write_item_object(&json, NULL, &order->items[0], item_kinds[DCX_ITEM_VM].inner);
		return dcx_json_result(&json);
	}
	dcx_json_begin_array(&json, NULL);
	for (int i = 0; i < order->nitems; i++)
	{
		const DcxOrderItem *item = &order->items[i];

		write_item_object(&json, NULL, item, item_kinds[item->kind].keys);
	}
	dcx_json_end_array(&json);
	return dcx_json_result(&json);
}
