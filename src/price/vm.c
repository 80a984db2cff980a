/*
 * vm.c
 *		What a VM costs, line by line, and what the templates cost.
 *
 * Pure: a book and a specification in, decimals out. Where the book is not an argument it is asked
 * for after everything else that could open a relation, and its contents are used before anything
 * else can.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "src/book/bookjson.h"
#include "src/book/pricebook.h"
#include "src/book/products.h"
#include "src/price/vm.h"

static const DcxFamily cpu_family = {"CPU_", 4, "CPU type"};
static const DcxFamily storage_family = {"STORAGE_", 8, "storage type"};
static const DcxFamily any_product = {"", 0, "product code"};

static const char ram_code[] = "RAM_GB";

typedef struct Vm
{
	const char *cpu_type; /* as many bytes as the length says, no terminator */
	int			cpu_type_length;
	const char *storage_type;
	int			storage_type_length;
	DcxQuantity cpus;
	DcxQuantity ram_gb;
	DcxQuantity gb;
} Vm;

/* What is wrong with the size of a VM, and in which quantity; NULL when nothing is. */
static const char *
fault(const Vm *vm, DcxQuantity *culprit)
{
	*culprit = vm->cpus;
	if (!dcx_quantity_is_whole(vm->cpus) || dcx_quantity_sign(vm->cpus) <= 0)
		return "cpus must be a whole number, 1 at least";
	*culprit = vm->ram_gb;
	if (dcx_quantity_sign(vm->ram_gb) <= 0)
		return "ram_gb must be above 0";
	*culprit = vm->gb;
	if (dcx_quantity_sign(vm->gb) < 0)
		return "gb must not be negative";
	return NULL;
}

static char *
quantity_text(DcxQuantity quantity)
{
	return dcx_numeric_text(dcx_quantity_numeric(quantity));
}

/* Refuses a VM whose size is not sane; by value, so that the caller's can stay in registers. */
static pg_noinline void
check_size_slow(Vm vm)
{
	DcxQuantity culprit;
	const char *message = fault(&vm, &culprit);

	if (message)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg_internal("%s", message),
				errdetail("It is %s.", quantity_text(culprit)),
				errhint("The arguments are: CPU type, number of CPUs, GB of RAM, storage type, "
						"GB of storage."));
}

/* The same; whole numbers in bounds are sane at once. */
static pg_attribute_always_inline void
check_size(const Vm *vm)
{
	if (unlikely(vm->cpus.fraction || vm->ram_gb.fraction || vm->gb.fraction || vm->cpus.n < 1 ||
				 vm->ram_gb.n < 1 || vm->gb.n < 0))
		check_size_slow(*vm);
}

static pg_attribute_always_inline const DcxProduct *
cpu_product(DcxPriceBook *book, const Vm *vm)
{
	return dcx_book_find(book, &cpu_family, vm->cpu_type, vm->cpu_type_length);
}

static pg_attribute_always_inline const DcxProduct *
ram_product(DcxPriceBook *book)
{
	return dcx_book_find(book, &any_product, ram_code, sizeof(ram_code) - 1);
}

static pg_attribute_always_inline const DcxProduct *
storage_product(DcxPriceBook *book, const Vm *vm)
{
	return dcx_book_find(book, &storage_family, vm->storage_type, vm->storage_type_length);
}

/* The lines of a VM of sane size, priced from the book; what is filled in points into it. */
static void
price_lines(DcxPriceBook *book, const Vm *vm, DcxTerm terms[DCX_VM_LINES],
			const DcxProduct *products[DCX_VM_LINES])
{
	products[0] = cpu_product(book, vm);
	products[1] = ram_product(book);
	products[2] = storage_product(book, vm);

	terms[0].price = &products[0]->price;
	terms[0].quantity = vm->cpus;
	terms[1].price = &products[1]->price;
	terms[1].quantity = vm->ram_gb;
	terms[2].price = &products[2]->price;
	terms[2].quantity = vm->gb;
}

static inline void
set_types(Vm *vm, const text *cpu_type, const text *storage_type)
{
	vm->cpu_type = VARDATA_ANY(cpu_type);
	vm->cpu_type_length = VARSIZE_ANY_EXHDR(cpu_type);
	vm->storage_type = VARDATA_ANY(storage_type);
	vm->storage_type_length = VARSIZE_ANY_EXHDR(storage_type);
}

/* The five arguments (text, float8, float8, text, float8), checked. */
static pg_attribute_always_inline void
vm_from_float8(Vm *vm, FunctionCallInfo fcinfo)
{
	set_types(vm, PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(3));
	vm->cpus = dcx_quantity_from_float8("cpus", PG_GETARG_FLOAT8(1));
	vm->ram_gb = dcx_quantity_from_float8("ram_gb", PG_GETARG_FLOAT8(2));
	vm->gb = dcx_quantity_from_float8("gb", PG_GETARG_FLOAT8(4));
	check_size(vm);
}

static pg_attribute_always_inline void
set_size_from_numeric(Vm *vm, Numeric cpus, Numeric ram_gb, Numeric gb)
{
	vm->cpus = dcx_quantity_from_numeric("cpus", cpus);
	vm->ram_gb = dcx_quantity_from_numeric("ram_gb", ram_gb);
	vm->gb = dcx_quantity_from_numeric("gb", gb);
	check_size(vm);
}

/* The five arguments (text, numeric, numeric, text, numeric), checked. */
static pg_attribute_always_inline void
vm_from_numeric(Vm *vm, FunctionCallInfo fcinfo)
{
	set_types(vm, PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(3));
	set_size_from_numeric(vm, PG_GETARG_NUMERIC(1), PG_GETARG_NUMERIC(2), PG_GETARG_NUMERIC(4));
}

/* The sum of the lines, whatever they are. */
static pg_noinline Numeric
vm_cost_slow(DcxPriceBook *book, Vm vm)
{
	DcxTerm			  terms[DCX_VM_LINES];
	const DcxProduct *products[DCX_VM_LINES];

	price_lines(book, &vm, terms, products);
	return dcx_money_sum(terms, DCX_VM_LINES);
}

/* The same, at once where all is in whole cents. */
static pg_attribute_always_inline Numeric
vm_cost(DcxPriceBook *book, const Vm *vm)
{
	int64 cents = 0;

	if (dcx_money_add_cents(&cents, &cpu_product(book, vm)->price, vm->cpus) &&
		dcx_money_add_cents(&cents, &ram_product(book)->price, vm->ram_gb) &&
		dcx_money_add_cents(&cents, &storage_product(book, vm)->price, vm->gb))
		return dcx_money_from_cents(cents);
	return vm_cost_slow(book, *vm);
}

/* dcx_vm_cost(text, double precision, double precision, text, double precision) */
PG_FUNCTION_INFO_V1(dcx_vm_cost_float8);
Datum
dcx_vm_cost_float8(PG_FUNCTION_ARGS)
{
	Vm vm;

	vm_from_float8(&vm, fcinfo);
	PG_RETURN_NUMERIC(vm_cost(dcx_pricebook_get(DCX_AAS), &vm));
}

/* dcx_vm_cost(text, numeric, numeric, text, numeric) */
PG_FUNCTION_INFO_V1(dcx_vm_cost_numeric);
Datum
dcx_vm_cost_numeric(PG_FUNCTION_ARGS)
{
	Vm vm;

	vm_from_numeric(&vm, fcinfo);
	PG_RETURN_NUMERIC(vm_cost(dcx_pricebook_get(DCX_AAS), &vm));
}

/* dcx_vm_cost(text, double precision, double precision, text, double precision, jsonb) */
PG_FUNCTION_INFO_V1(dcx_vm_cost_float8_book);
Datum
dcx_vm_cost_float8_book(PG_FUNCTION_ARGS)
{
	Vm vm;

	vm_from_float8(&vm, fcinfo);
	PG_RETURN_NUMERIC(vm_cost(dcx_bookjson_argument(fcinfo, 5), &vm));
}

/* dcx_vm_cost(text, numeric, numeric, text, numeric, jsonb) */
PG_FUNCTION_INFO_V1(dcx_vm_cost_numeric_book);
Datum
dcx_vm_cost_numeric_book(PG_FUNCTION_ARGS)
{
	Vm vm;

	vm_from_numeric(&vm, fcinfo);
	PG_RETURN_NUMERIC(vm_cost(dcx_bookjson_argument(fcinfo, 5), &vm));
}

static DcxQuote
quote(DcxPriceBook *book, const Vm *vm)
{
	DcxQuote		  quote = {0};
	DcxTerm			  terms[DCX_VM_LINES];
	const DcxProduct *products[DCX_VM_LINES];

	price_lines(book, vm, terms, products);
	for (int i = 0; i < DCX_VM_LINES; i++)
		quote.lines[i] = dcx_quote_line(products[i]->code, products[i]->title, &terms[i]);
	quote.cost = dcx_money_sum(terms, DCX_VM_LINES);
	return quote;
}

DcxQuote
dcx_vm_quote_from(DcxPriceBook *book, const text *cpu_type, Numeric cpus, Numeric ram_gb,
				  const text *storage_type, Numeric gb)
{
	Vm vm;

	set_types(&vm, cpu_type, storage_type);
	set_size_from_numeric(&vm, cpus, ram_gb, gb);
	return quote(book, &vm);
}

void
dcx_vm_check_size(Numeric cpus, Numeric ram_gb, Numeric gb)
{
	Vm vm = {0};

	set_size_from_numeric(&vm, cpus, ram_gb, gb);
}

static Datum
put_quote(FunctionCallInfo fcinfo, DcxPriceBook *book, const Vm *vm)
{
	DcxQuote quoted = quote(book, vm);

	dcx_quote_put(fcinfo, quoted.lines, DCX_VM_LINES);
	return (Datum) 0;
}

/* dcx_vm_quote(text, double precision, double precision, text, double precision) */
PG_FUNCTION_INFO_V1(dcx_vm_quote_float8);
Datum
dcx_vm_quote_float8(PG_FUNCTION_ARGS)
{
	Vm vm;

	vm_from_float8(&vm, fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	return put_quote(fcinfo, dcx_pricebook_get(DCX_AAS), &vm);
}

/* dcx_vm_quote(text, double precision, double precision, text, double precision, jsonb) */
PG_FUNCTION_INFO_V1(dcx_vm_quote_float8_book);
Datum
dcx_vm_quote_float8_book(PG_FUNCTION_ARGS)
{
	Vm vm;

	vm_from_float8(&vm, fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	return put_quote(fcinfo, dcx_bookjson_argument(fcinfo, 5), &vm);
}

/* dcx_vm_quote(text, numeric, numeric, text, numeric) */
PG_FUNCTION_INFO_V1(dcx_vm_quote_numeric);
Datum
dcx_vm_quote_numeric(PG_FUNCTION_ARGS)
{
	Vm vm;

	vm_from_numeric(&vm, fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	return put_quote(fcinfo, dcx_pricebook_get(DCX_AAS), &vm);
}

/* dcx_vm_quote(text, numeric, numeric, text, numeric, jsonb) */
PG_FUNCTION_INFO_V1(dcx_vm_quote_numeric_book);
Datum
dcx_vm_quote_numeric_book(PG_FUNCTION_ARGS)
{
	Vm vm;

	vm_from_numeric(&vm, fcinfo);
	InitMaterializedSRF(fcinfo, 0);
	return put_quote(fcinfo, dcx_bookjson_argument(fcinfo, 5), &vm);
}

/* Refuses less than nothing. */
static DcxQuantity
check_quantity(DcxQuantity quantity)
{
	if (dcx_quantity_sign(quantity) < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("quantity must not be negative"),
				errdetail("It is %s.", quantity_text(quantity)),
				errhint("The arguments are: product code, how much of it."));
	return quantity;
}

static const DcxProduct *
find_product(DcxPriceBook *book, const text *code)
{
	return dcx_book_find(book, &any_product, VARDATA_ANY(code), VARSIZE_ANY_EXHDR(code));
}

static Datum
product_cost(DcxPriceBook *book, const text *code, DcxQuantity quantity)
{
	DcxTerm term = {.price = &find_product(book, code)->price, .quantity = quantity};

	return NumericGetDatum(dcx_money_sum(&term, 1));
}

DcxQuoteLine
dcx_product_quote_from(DcxPriceBook *book, const text *code, Numeric quantity)
{
	DcxQuantity		  asked = check_quantity(dcx_quantity_from_numeric("quantity", quantity));
	const DcxProduct *product = find_product(book, code);
	DcxTerm			  term = {.price = &product->price, .quantity = asked};

	return dcx_quote_line(product->code, product->title, &term);
}

/* The arguments (text, float8) */
static DcxQuantity
quantity_from_float8(FunctionCallInfo fcinfo)
{
	return check_quantity(dcx_quantity_from_float8("quantity", PG_GETARG_FLOAT8(1)));
}

/* The arguments (text, numeric) */
static DcxQuantity
quantity_from_numeric(FunctionCallInfo fcinfo)
{
	return check_quantity(dcx_quantity_from_numeric("quantity", PG_GETARG_NUMERIC(1)));
}

/* dcx_product_cost(text, double precision) */
PG_FUNCTION_INFO_V1(dcx_product_cost_float8);
Datum
dcx_product_cost_float8(PG_FUNCTION_ARGS)
{
	DcxQuantity quantity = quantity_from_float8(fcinfo);
	text	   *code = PG_GETARG_TEXT_PP(0);

	return product_cost(dcx_pricebook_get(DCX_AAS), code, quantity);
}

/* dcx_product_cost(text, double precision, jsonb) */
PG_FUNCTION_INFO_V1(dcx_product_cost_float8_book);
Datum
dcx_product_cost_float8_book(PG_FUNCTION_ARGS)
{
	DcxQuantity quantity = quantity_from_float8(fcinfo);
	text	   *code = PG_GETARG_TEXT_PP(0);

	return product_cost(dcx_bookjson_argument(fcinfo, 2), code, quantity);
}

/* dcx_product_cost(text, numeric) */
PG_FUNCTION_INFO_V1(dcx_product_cost_numeric);
Datum
dcx_product_cost_numeric(PG_FUNCTION_ARGS)
{
	DcxQuantity quantity = quantity_from_numeric(fcinfo);
	text	   *code = PG_GETARG_TEXT_PP(0);

	return product_cost(dcx_pricebook_get(DCX_AAS), code, quantity);
}

/* dcx_product_cost(text, numeric, jsonb) */
PG_FUNCTION_INFO_V1(dcx_product_cost_numeric_book);
Datum
dcx_product_cost_numeric_book(PG_FUNCTION_ARGS)
{
	DcxQuantity quantity = quantity_from_numeric(fcinfo);
	text	   *code = PG_GETARG_TEXT_PP(0);

	return product_cost(dcx_bookjson_argument(fcinfo, 2), code, quantity);
}

/* A size as it is found somewhere, as a quantity; false where it is none. */
static bool
found_quantity(DcxQuantity *quantity, Numeric value)
{
	if (!value || numeric_is_nan(value) || numeric_is_inf(value))
		return false;
	*quantity = dcx_quantity_from_numeric("size", value);
	return true;
}

/* What is wrong with a size as it is found, which goes into vm; NULL when nothing is. */
static const char *
found_size(Vm *vm, Numeric cpus, Numeric ram_gb, Numeric gb)
{
	DcxQuantity culprit;

	if (found_quantity(&vm->cpus, cpus) && found_quantity(&vm->ram_gb, ram_gb) &&
		found_quantity(&vm->gb, gb))
		return fault(vm, &culprit);
	return "a size is missing or not finite";
}

const char *
dcx_vm_size_fault(Numeric cpus, Numeric ram_gb, Numeric gb)
{
	Vm vm = {0};

	return found_size(&vm, cpus, ram_gb, gb);
}

Numeric
dcx_vm_compute_cost(DcxPriceBook *book, const text *cpu_type, Numeric cpus, Numeric ram_gb,
					const char **reason)
{
	Vm		vm = {0};
	DcxTerm terms[2];

	set_types(&vm, cpu_type, cpu_type);
	terms[0].price = &cpu_product(book, &vm)->price;
	terms[1].price = &ram_product(book)->price;
	*reason = found_size(&vm, cpus, ram_gb, int64_to_numeric(0));
	if (*reason)
		return NULL;
	terms[0].quantity = vm.cpus;
	terms[1].quantity = vm.ram_gb;
	return dcx_money_sum(terms, lengthof(terms));
}

/* Whether a template can be priced, with its size in vm; a warning says why not. */
static bool
template_size(Vm *vm, const DcxTemplateRow *row)
{
	const char *message = found_size(vm, row->vcpus, row->memory, row->disk);

	if (message)
		ereport(WARNING,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("template \"%s\" cannot be priced: %s",
					   row->name ? row->name : row->id,
					   message));
	return !message;
}

/* The number of CPUs as it is shown, NULL where it is no integer. */
static Datum
integer_or_null(Numeric value, bool *isnull)
{
	int32 n = 0;

	*isnull = !dcx_numeric_is_int32(value, &n);
	return Int32GetDatum(n);
}

static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = !value;
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

static Datum
numeric_or_null(Numeric value, bool *isnull)
{
	*isnull = !value;
	return value ? NumericGetDatum(value) : (Datum) 0;
}

/* Puts the templates priced from a book, or from the one that answers where there is none. */
static void
put_templates(FunctionCallInfo fcinfo, DcxPriceBook *book)
{
	ReturnSetInfo  *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Vm				vm = {0};
	int				nrows;
	DcxTemplateRow *rows;

	set_types(&vm, PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1));
	InitMaterializedSRF(fcinfo, 0);

	/* The templates first: reading them may run code that changes the book. */
	rows = dcx_products_templates(&nrows);
	if (!book)
		book = dcx_pricebook_get(DCX_AAS);
	for (int i = 0; i < nrows; i++)
	{
		Datum values[8];
		bool  nulls[8] = {false};

		values[0] = text_or_null(rows[i].id, &nulls[0]);
		values[1] = text_or_null(rows[i].name, &nulls[1]);
		values[2] = text_or_null(rows[i].group, &nulls[2]);
		values[3] = text_or_null(rows[i].os_type, &nulls[3]);
		values[4] = integer_or_null(rows[i].vcpus, &nulls[4]);
		values[5] = numeric_or_null(rows[i].memory, &nulls[5]);
		values[6] = numeric_or_null(rows[i].disk, &nulls[6]);

		nulls[7] = !template_size(&vm, &rows[i]);
		values[7] = nulls[7] ? (Datum) 0 : NumericGetDatum(vm_cost(book, &vm));

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* dcx_template_costs(cpu_type text, storage_type text) */
PG_FUNCTION_INFO_V1(dcx_template_costs);
Datum
dcx_template_costs(PG_FUNCTION_ARGS)
{
	put_templates(fcinfo, NULL);
	return (Datum) 0;
}

/* dcx_template_costs(cpu_type text, storage_type text, book jsonb) */
PG_FUNCTION_INFO_V1(dcx_template_costs_book);
Datum
dcx_template_costs_book(PG_FUNCTION_ARGS)
{
	put_templates(fcinfo, dcx_bookjson_argument(fcinfo, 2));
	return (Datum) 0;
}
