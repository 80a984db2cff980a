/*
 * vm.c
 *		What a VM costs, line by line; what a product costs; and what the templates cost.
 *
 * Pure: a book and a size go in, decimals come out.
 *
 * Order of reads: a book in memory is valid only until something opens a relation, and fetching a toasted
 * argument does that. So each function fetches all other arguments first, asks for the book last
 * (dcx_pricebook_get), and then only computes.
 *
 * dcx_vm_cost() is the hot path: it is called for every row of a large table. That is why functions here
 * are marked always_inline, and why a check or a sum has a quick inline case and a slow case behind it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "src/base/float8.h"
#include "src/base/result.h"
#include "src/base/text.h"
#include "src/book/bookjson.h"
#include "src/book/pricebook.h"
#include "src/book/products.h"
#include "src/price/vm.h"

static const DcxFamily cpu_family = {"CPU_", 4, "CPU type"};
static const DcxFamily storage_family = {"STORAGE_", 8, "storage type"};
static const DcxFamily any_product = {"", 0, "product code"};

static const char ram_code[] = "RAM_GB";

/* A VM to be priced. */
typedef struct Vm
{
	const char *cpu_type; /* not terminated; its length follows */
	int			cpu_type_length;
	const char *storage_type; /* likewise */
	int			storage_type_length;
	DcxQuantity cpus;
	DcxQuantity ram_gb;
	DcxQuantity gb; /* of storage */
} Vm;

/* What is wrong with the size of a VM, and which quantity it is; NULL when nothing is wrong. */
static const char *
vm_fault(const Vm *vm, DcxQuantity *culprit)
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

/* Refuses a size that makes no sense. Takes the VM by value, so that the caller's can stay in registers. */
static pg_noinline void
check_size_slow(Vm vm)
{
	DcxQuantity culprit;
	const char *message = vm_fault(&vm, &culprit);

	if (message)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg_internal("%s", message),
				errdetail("It is %s.", quantity_text(culprit)),
				errhint("The arguments are: CPU type, number of CPUs, GB of RAM, storage type, "
						"GB of storage."));
}

/* The same, quick for the usual case: whole numbers within bounds. */
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

/* Prices the lines of a VM whose size has been checked. What is filled in points into the book. */
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

/* Reads and checks the arguments (text, float8, float8, text, float8). */
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

/* Reads and checks the arguments (text, numeric, numeric, text, numeric). */
static pg_attribute_always_inline void
vm_from_numeric(Vm *vm, FunctionCallInfo fcinfo)
{
	set_types(vm, PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(3));
	set_size_from_numeric(vm, PG_GETARG_NUMERIC(1), PG_GETARG_NUMERIC(2), PG_GETARG_NUMERIC(4));
}

/* What a VM costs, for any prices and quantities. */
static pg_noinline Numeric
vm_cost_slow(DcxPriceBook *book, Vm vm)
{
	DcxTerm			  terms[DCX_VM_LINES];
	const DcxProduct *products[DCX_VM_LINES];

	price_lines(book, &vm, terms, products);
	return dcx_money_sum(terms, DCX_VM_LINES);
}

/* The same, quick for the usual case: prices in whole cents and whole quantities. */
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
vm_quote(DcxPriceBook *book, const Vm *vm)
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
	return vm_quote(book, &vm);
}

void
dcx_vm_check_size(Numeric cpus, Numeric ram_gb, Numeric gb)
{
	Vm vm = {0};

	set_size_from_numeric(&vm, cpus, ram_gb, gb);
}

/* The arguments (text, numeric, numeric, text, numeric), and with by_book (jsonb). */
static Datum
put_vm_quote(FunctionCallInfo fcinfo, bool by_book)
{
	Vm		 vm;
	DcxQuote quote;

	vm_from_numeric(&vm, fcinfo);
	dcx_result_begin(fcinfo);
	quote = vm_quote(by_book ? dcx_bookjson_argument(fcinfo, 5) : dcx_pricebook_get(DCX_AAS), &vm);
	dcx_quote_put(fcinfo, quote.lines, DCX_VM_LINES);
	return (Datum) 0;
}

/* dcx_vm_quote(text, numeric, numeric, text, numeric) */
PG_FUNCTION_INFO_V1(dcx_vm_quote_numeric);
Datum
dcx_vm_quote_numeric(PG_FUNCTION_ARGS)
{
	return put_vm_quote(fcinfo, false);
}

/* dcx_vm_quote(text, numeric, numeric, text, numeric, jsonb) */
PG_FUNCTION_INFO_V1(dcx_vm_quote_numeric_book);
Datum
dcx_vm_quote_numeric_book(PG_FUNCTION_ARGS)
{
	return put_vm_quote(fcinfo, true);
}

/* dcx_vm_quote(text, double precision, double precision, text, double precision) */
PG_FUNCTION_INFO_V1(dcx_vm_quote_float8);
Datum
dcx_vm_quote_float8(PG_FUNCTION_ARGS)
{
	return dcx_float8_call(fcinfo, dcx_vm_quote_numeric, DCX_VM_NUMBERS);
}

/* dcx_vm_quote(text, double precision, double precision, text, double precision, jsonb) */
PG_FUNCTION_INFO_V1(dcx_vm_quote_float8_book);
Datum
dcx_vm_quote_float8_book(PG_FUNCTION_ARGS)
{
	return dcx_float8_call(fcinfo, dcx_vm_quote_numeric_book, DCX_VM_NUMBERS);
}

/* Reads a quantity, and refuses one below 0. */
static DcxQuantity
product_quantity(Numeric value)
{
	DcxQuantity quantity = dcx_quantity_from_numeric("quantity", value);

	if (dcx_quantity_sign(quantity) < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("quantity must not be negative"),
				errdetail("It is %s.", quantity_text(quantity)),
				errhint("The arguments are: product code, how much of it."));
	return quantity;
}

static const DcxProduct *
product_of_code(DcxPriceBook *book, const text *code)
{
	return dcx_book_find(book, &any_product, VARDATA_ANY(code), VARSIZE_ANY_EXHDR(code));
}

DcxQuoteLine
dcx_product_quote_from(DcxPriceBook *book, const text *code, Numeric quantity)
{
	DcxQuantity		  asked = product_quantity(quantity);
	const DcxProduct *product = product_of_code(book, code);
	DcxTerm			  term = {.price = &product->price, .quantity = asked};

	return dcx_quote_line(product->code, product->title, &term);
}

/* The arguments (text, numeric), and with by_book (jsonb). */
static Datum
product_cost(FunctionCallInfo fcinfo, bool by_book)
{
	DcxTerm		  term = {.quantity = product_quantity(PG_GETARG_NUMERIC(1))};
	text		 *code = PG_GETARG_TEXT_PP(0);
	DcxPriceBook *book = by_book ? dcx_bookjson_argument(fcinfo, 2) : dcx_pricebook_get(DCX_AAS);

	term.price = &product_of_code(book, code)->price;
	PG_RETURN_NUMERIC(dcx_money_sum(&term, 1));
}

/* dcx_product_cost(text, numeric) */
PG_FUNCTION_INFO_V1(dcx_product_cost_numeric);
Datum
dcx_product_cost_numeric(PG_FUNCTION_ARGS)
{
	return product_cost(fcinfo, false);
}

/* dcx_product_cost(text, numeric, jsonb) */
PG_FUNCTION_INFO_V1(dcx_product_cost_numeric_book);
Datum
dcx_product_cost_numeric_book(PG_FUNCTION_ARGS)
{
	return product_cost(fcinfo, true);
}

/* dcx_product_cost(text, double precision) */
PG_FUNCTION_INFO_V1(dcx_product_cost_float8);
Datum
dcx_product_cost_float8(PG_FUNCTION_ARGS)
{
	return dcx_float8_call(fcinfo, dcx_product_cost_numeric, DCX_ARGUMENT(1));
}

/* dcx_product_cost(text, double precision, jsonb) */
PG_FUNCTION_INFO_V1(dcx_product_cost_float8_book);
Datum
dcx_product_cost_float8_book(PG_FUNCTION_ARGS)
{
	return dcx_float8_call(fcinfo, dcx_product_cost_numeric_book, DCX_ARGUMENT(1));
}

/* Reads a number that was found in a table as a quantity; false when it is NULL, NaN or infinite. */
static bool
found_quantity(DcxQuantity *quantity, Numeric value)
{
	if (!value || numeric_is_nan(value) || numeric_is_inf(value))
		return false;
	*quantity = dcx_quantity_from_numeric("size", value);
	return true;
}

/* Puts a size that was found in a table into vm; returns what is wrong with it, or NULL. */
static const char *
found_size(Vm *vm, Numeric cpus, Numeric ram_gb, Numeric gb)
{
	DcxQuantity culprit;

	if (found_quantity(&vm->cpus, cpus) && found_quantity(&vm->ram_gb, ram_gb) &&
		found_quantity(&vm->gb, gb))
		return vm_fault(vm, &culprit);
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

/* Puts the size of a template into vm. False, with a warning, when it cannot be priced. */
static bool
template_size(Vm *vm, const DcxTemplateRow *row)
{
	const char *message = found_size(vm, row->vcpus, row->memory, row->disk);

	if (message)
		ereport(WARNING,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("template \"%s\" cannot be priced: %s",
					   dcx_text_shown(row->name ? row->name : row->id),
					   message));
	return !message;
}

/* A number as an integer column; NULL when it is not an integer. */
static Datum
integer_column(Numeric value, bool *isnull)
{
	int32 n = 0;

	*isnull = !dcx_numeric_is_int32(value, &n);
	return Int32GetDatum(n);
}

static Datum
numeric_column(Numeric value, bool *isnull)
{
	*isnull = !value;
	return value ? NumericGetDatum(value) : (Datum) 0;
}

/* Prices the templates by the given book or, where book is NULL, by the one that answers. */
static Datum
put_template_costs(FunctionCallInfo fcinfo, DcxPriceBook *book)
{
	ReturnSetInfo  *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Vm				vm = {0};
	int				nrows;
	DcxTemplateRow *rows;

	set_types(&vm, PG_GETARG_TEXT_PP(0), PG_GETARG_TEXT_PP(1));
	dcx_result_begin(fcinfo);

	/* The templates before the book: reading them can run code that changes the book. */
	rows = dcx_products_templates(&nrows);
	if (!book)
		book = dcx_pricebook_get(DCX_AAS);
	for (int i = 0; i < nrows; i++)
	{
		Datum values[8];
		bool  nulls[8] = {false};

		values[0] = dcx_text_column(rows[i].id, &nulls[0]);
		values[1] = dcx_text_column(rows[i].name, &nulls[1]);
		values[2] = dcx_text_column(rows[i].group, &nulls[2]);
		values[3] = dcx_text_column(rows[i].os_type, &nulls[3]);
		values[4] = integer_column(rows[i].vcpus, &nulls[4]);
		values[5] = numeric_column(rows[i].memory, &nulls[5]);
		values[6] = numeric_column(rows[i].disk, &nulls[6]);

		nulls[7] = !template_size(&vm, &rows[i]);
		values[7] = nulls[7] ? (Datum) 0 : NumericGetDatum(vm_cost(book, &vm));

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* dcx_template_costs(cpu_type text, storage_type text) */
PG_FUNCTION_INFO_V1(dcx_template_costs);
Datum
dcx_template_costs(PG_FUNCTION_ARGS)
{
	return put_template_costs(fcinfo, NULL);
}

/* dcx_template_costs(cpu_type text, storage_type text, book jsonb) */
PG_FUNCTION_INFO_V1(dcx_template_costs_book);
Datum
dcx_template_costs_book(PG_FUNCTION_ARGS)
{
	return put_template_costs(fcinfo, dcx_bookjson_argument(fcinfo, 2));
}
