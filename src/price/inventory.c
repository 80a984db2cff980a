/*
 * inventory.c
 *		What the VMs cost that there are: one row for each current row of the inventory.
 *
 * The inventory is a relation of the user's and is read as the caller, with the caller's rights. It is read
 * before the book is asked for, since reading it can run code that changes the book. A VM that cannot be
 * priced gets a NULL cost and a note; it does not spoil the others.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/base/money.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/result.h"
#include "src/base/text.h"
#include "src/book/bookjson.h"
#include "src/book/pricebook.h"
#include "src/price/vm.h"

/* The relation that is read, unless the caller names another. */
#define INVENTORY "vcenter_vm_data_vms"

/* The arguments of dcx_inventory_costs, in their order. */
enum
{
	ARG_CPU_TYPE,
	ARG_VMS,
	ARG_BOOK
};

/* A column of the inventory that is read. */
typedef struct InventoryColumn
{
	const char *name;
	bool		number; /* it must be a number, and is cast to numeric */
} InventoryColumn;

/* In the order of the SELECT: first those that the result has as they are, then the size. */
static const InventoryColumn columns[] = {{"identity_instance_uuid", false},
										  {"identity_name", false},
										  {"vcenter_name", false},
										  {"resource_pool_name", false},
										  {"power_state", false},
										  {"cpu_count", true},
										  {"memory_size_mib", true}};
static const char			 current_column[] = "is_current";

/* How many columns the result has as they are. */
#define TEXTS 5

/* A VM of the inventory. Any of this can be NULL. */
typedef struct InventoryRow
{
	char   *texts[TEXTS];
	Numeric cpus;
	Numeric ram_mib;
} InventoryRow;

/* RAM in GB: 1024 MiB are one GB. The only place that knows. The result is exact. */
static Numeric
gb_from_mib(Numeric mib)
{
	Datum gb_per_mib = DirectFunctionCall3(numeric_in,
										   CStringGetDatum("0.0009765625"),
										   ObjectIdGetDatum(InvalidOid),
										   Int32GetDatum(-1));

	return dcx_numeric_trimmed(dcx_money_multiply(mib, DatumGetNumeric(gb_per_mib)));
}

static Oid
inventory_relation(FunctionCallInfo fcinfo)
{
	Oid relation = PG_ARGISNULL(ARG_VMS) ? dcx_relation_named(INVENTORY) : PG_GETARG_OID(ARG_VMS);

	if (PG_ARGISNULL(ARG_VMS) && !OidIsValid(relation))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("there is no relation \"%s\" on the search_path", INVENTORY),
				errhint("Name the inventory: dcx_inventory_costs('2GHZ', 'schema.relation')."));
	if (!OidIsValid(dcx_relation_owner(relation)))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("there is no relation with OID %u", relation));
	return relation;
}

static void
check_inventory_column(Oid relation, const char *name, bool number)
{
	AttrNumber attnum = get_attnum(relation, name);

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("%s has no column \"%s\"", dcx_relation_name(relation), name),
				errdetail("Columns found: %s.", dcx_relation_columns(relation)),
				errhint("The inventory is read by this name. A view can rename columns."));
	if (number && !dcx_relation_type_is_number(get_atttype(relation, attnum)))
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of %s is not a number", name, dcx_relation_name(relation)),
				errdetail("It is of type %s.", format_type_be(get_atttype(relation, attnum))),
				errhint("A view can cast it."));
}

/* Reads the current VMs as the caller, into the current memory context. */
static InventoryRow *
read_inventory(Oid relation, uint64 *nrows)
{
	static DcxPlan plan;
	DcxParameters  none = {0};
	MemoryContext  context = CurrentMemoryContext;
	StringInfoData sql;
	InventoryRow  *rows;
	DcxRun		   run;

	initStringInfo(&sql);
	for (size_t i = 0; i < lengthof(columns); i++)
	{
		check_inventory_column(relation, columns[i].name, columns[i].number);
		appendStringInfo(&sql,
						 "%s %s%s",
						 i == 0 ? "SELECT" : ",",
						 quote_identifier(columns[i].name),
						 columns[i].number ? "::numeric" : "");
	}
	check_inventory_column(relation, current_column, false);
	appendStringInfo(&sql,
					 " FROM %s WHERE %s",
					 dcx_relation_name(relation),
					 quote_identifier(current_column));

	dcx_run_begin_reading(&run, dcx_relation_owner(relation));
	*nrows = dcx_query_read(&plan, sql.data, &none);
	rows = MemoryContextAllocHuge(context, sizeof(InventoryRow) * Max(*nrows, 1));
	for (uint64 i = 0; i < *nrows; i++)
	{
		for (int j = 0; j < TEXTS; j++)
			rows[i].texts[j] = dcx_query_text(i, j + 1);
		rows[i].cpus = dcx_query_numeric(i, TEXTS + 1);
		rows[i].ram_mib = dcx_query_numeric(i, TEXTS + 2);
	}
	dcx_run_end(&run);
	return rows;
}

static void
put_inventory_row(ReturnSetInfo *result, const InventoryRow *row, DcxPriceBook *book,
				  const text *cpu_type)
{
	Numeric		ram_gb = row->ram_mib ? gb_from_mib(row->ram_mib) : NULL;
	const char *reason;
	Numeric		cost = dcx_vm_compute_cost(book, cpu_type, row->cpus, ram_gb, &reason);
	int32		cpus = 0;
	Datum		values[TEXTS + 4] = {0};
	bool		nulls[TEXTS + 4] = {false};

	for (int i = 0; i < TEXTS; i++)
		values[i] = dcx_text_column(row->texts[i], &nulls[i]);
	nulls[TEXTS] = !dcx_numeric_is_int32(row->cpus, &cpus);
	values[TEXTS] = Int32GetDatum(cpus);
	values[TEXTS + 1] = NumericGetDatum(ram_gb);
	nulls[TEXTS + 1] = !ram_gb;
	values[TEXTS + 2] = NumericGetDatum(cost);
	nulls[TEXTS + 2] = !cost;
	values[TEXTS + 3] = dcx_text_column(reason, &nulls[TEXTS + 3]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* dcx_inventory_costs(cpu_type text, vms regclass, book jsonb) */
PG_FUNCTION_INFO_V1(dcx_inventory_costs);
Datum
dcx_inventory_costs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext  caller = CurrentMemoryContext;
	MemoryContext  row_context;
	text		  *cpu_type;
	InventoryRow  *rows;
	uint64		   nrows;
	DcxPriceBook  *book;

	dcx_result_begin(fcinfo);
	if (PG_ARGISNULL(ARG_CPU_TYPE))
		return (Datum) 0;
	cpu_type = PG_GETARG_TEXT_PP(ARG_CPU_TYPE);

	/* The inventory before the book: reading it can run code that changes the book. */
	rows = read_inventory(inventory_relation(fcinfo), &nrows);
	book = PG_ARGISNULL(ARG_BOOK) ? dcx_pricebook_get(DCX_AAS) :
									dcx_bookjson_argument(fcinfo, ARG_BOOK);
	row_context = AllocSetContextCreate(caller, "dcx inventory row", ALLOCSET_DEFAULT_SIZES);
	for (uint64 i = 0; i < nrows; i++)
	{
		MemoryContextSwitchTo(row_context);
		put_inventory_row(result, &rows[i], book, cpu_type);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(row_context);
	}
	MemoryContextDelete(row_context);
	return (Datum) 0;
}
