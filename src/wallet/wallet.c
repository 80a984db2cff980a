/*
 * wallet.c
 *		The platform's wallet table: what an organisation's wallet holds.
 *
 * A wallet is read or locked through a unique index on the organisation column, without a statement,
 * when there is one and the caller may read every row. Otherwise a statement does it: it knows about
 * rights on columns, row-level security, views, partitions and whatever else a table can be.
 *
 * The name of the table, its columns and their types are looked up in each call: they may change at any
 * time.
 */
#include "postgres.h"

#include <math.h>

#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "src/base/compat.h"
#include "src/base/errcodes.h"
#include "src/base/fresh.h"
#include "src/base/lookup.h"
#include "src/base/money.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/shape.h"
#include "src/base/text.h"
#include "src/wallet/wallet.h"

/* Which table that is; dcx_wallet_binding() brings it up to date. */
static DcxBinding wallets = {.catalog = DCX_CATALOG_WALLET, .part = "wallets"};

#define ORGANISATION_COLUMN NameStr(wallets.columns[0])
#define BALANCE_COLUMN		NameStr(wallets.columns[1])

/* The types that an organisation column can have. */
static bool
is_organisation_type(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case UUIDOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return true;
		default:
			return false;
	}
}

/* The base type of a column. Refuses one that is not accepted; types lists those that are. */
static Oid
check_wallet_column(Oid relation, const char *column, bool (*accepted)(Oid), const char *types)
{
	AttrNumber attnum = get_attnum(relation, column);
	Oid		   type;

	/* Numbers below 0 are system columns. */
	if (attnum <= InvalidAttrNumber)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("%s has no column %s", dcx_relation_name(relation), dcx_text_quoted(column)),
				errdetail("Columns found: %s.", dcx_relation_columns(relation)),
				errhint("Name it%s: dcx_attach_wallet(wallets, organisation_column, "
						"balance_column).",
						strchr(column, '"') ? " without double quotes" : ""));
	type = getBaseType(get_atttype(relation, attnum));
	if (!accepted(type))
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of %s has type %s",
					   column,
					   dcx_relation_name(relation),
					   format_type_be(type)),
				errdetail("It can be of type %s.", types),
				errhint("A view that casts it can be attached in the table's place, for reading."));
	return type;
}

Oid
dcx_wallet_check_organisation(Oid relation, const char *column)
{
	return check_wallet_column(relation,
							   column,
							   is_organisation_type,
							   "text, varchar, char, uuid, smallint, integer or bigint");
}

Oid
dcx_wallet_check_balance(Oid relation, const char *column)
{
	return check_wallet_column(relation,
							   column,
							   dcx_relation_type_is_number,
							   "numeric, double precision, real, smallint, integer or bigint");
}

pg_noreturn static void
refuse_virtual(Oid relation, const char *column)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("column \"%s\" of %s is a virtual generated column",
				   column,
				   dcx_relation_name(relation)),
			errdetail("Its values are in no row: the ledger could not record how they change."),
			errhint(
				"Attach a column that is stored, such as the one that it is computed from. Through "
				"a view such wallets can be read."));
}

void
dcx_wallet_check_stored(Oid relation, const char *column)
{
	AttrNumber attnum = get_attnum(relation, column);

	if (attnum > InvalidAttrNumber &&
		get_attgenerated(relation, attnum) == ATTRIBUTE_GENERATED_VIRTUAL)
		refuse_virtual(relation, column);
}

const DcxBinding *
dcx_wallet_binding(void)
{
	dcx_binding_get(&wallets);
	return &wallets;
}

/* Raises the error that the table has been dropped, and says how to attach what was attached. */
pg_noreturn static void
refuse_dropped(void)
{
	char *schema;
	char *name;
	bool  known = dcx_binding_place(wallets.catalog, wallets.part, &schema, &name);

	ereport(ERROR,
			errcode(DCX_ERRCODE_NOT_ATTACHED),
			errmsg("the attached wallet table has been dropped"),
			known ? errhint("Attach it again: SELECT * FROM dcx_attach_wallet(%s, %s, %s).",
							quote_literal_cstr(quote_qualified_identifier(schema, name)),
							quote_literal_cstr(ORGANISATION_COLUMN),
							quote_literal_cstr(BALANCE_COLUMN)) :
					errhint("Attach it again: SELECT * FROM dcx_attach_wallet('schema.table', %s, "
							"%s).",
							quote_literal_cstr(ORGANISATION_COLUMN),
							quote_literal_cstr(BALANCE_COLUMN)));
}

const DcxBinding *
dcx_wallet_bound(void)
{
	if (!dcx_wallet_binding()->attached)
		ereport(ERROR,
				errcode(DCX_ERRCODE_NOT_ATTACHED),
				errmsg("no wallet table is attached"),
				errhint("SELECT * FROM dcx_attach_wallet() attaches \"OrganisationWallet\"; "
						"another table can be named."));

	LockRelationOid(wallets.relation, AccessShareLock);
	if (!OidIsValid(dcx_relation_owner(wallets.relation)))
	{
		dcx_wallet_check_not_replaced();
		refuse_dropped();
	}
	return &wallets;
}

/* Whether another table has been attached since the active snapshot was taken. */
static bool
is_replaced(void)
{
	Oid	 before = dcx_wallet_binding()->relation;
	bool replaced;

	if (!wallets.attached)
		return false;
	PushActiveSnapshot(GetLatestSnapshot());
	replaced = dcx_wallet_binding()->attached && wallets.relation != before;
	PopActiveSnapshot();
	dcx_wallet_binding();
	return replaced;
}

void
dcx_wallet_check_not_replaced(void)
{
	if (is_replaced())
		dcx_fresh_refuse("Another wallet table", "attached");
}

bool
dcx_wallet_settle(void)
{
	bool begun = false;

	if (dcx_wallet_binding()->attached && !IsolationUsesXactSnapshot())
	{
		LockRelationOid(wallets.relation, AccessShareLock);
		begun = !OidIsValid(dcx_relation_owner(wallets.relation)) && is_replaced();
		if (begun)
			PushActiveSnapshot(GetTransactionSnapshot());
	}
	dcx_wallet_bound();
	return begun || dcx_fresh_begin(&wallets.relation, 1);
}

bool
dcx_wallet_is_bound(Relation relation)
{
	if (!dcx_wallet_binding()->attached)
		return false;
	return RelationGetRelid(relation) == wallets.relation ||
		   (relation->rd_rel->relispartition &&
			list_member_oid(get_partition_ancestors(RelationGetRelid(relation)), wallets.relation));
}

bool
dcx_wallet_is_table(Oid relation)
{
	char kind = get_rel_relkind(relation);

	return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

/* Whether the balance column is in the relation's partition key, also in an expression of it. */
static bool
is_partitioned_by_balance(Oid relation)
{
	AttrNumber attnum = get_attnum(relation, BALANCE_COLUMN);
	Relation   table;
	bool	   in_expression;
	bool	   is;
	DcxRun	   run;

	if (attnum == InvalidAttrNumber || get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE)
		return false;
	/* As the owner: to build the key in the relation cache, the server may run functions in it. */
	dcx_run_begin(&run, dcx_relation_owner(relation));
	table = table_open(relation, AccessShareLock);
	is = has_partition_attrs(table,
							 bms_make_singleton(attnum - FirstLowInvalidHeapAttributeNumber),
							 &in_expression);
	table_close(table, NoLock);
	dcx_run_end(&run);
	return is;
}

void
dcx_wallet_check_partitioning(Oid relation)
{
	ListCell *lc;

	foreach(lc, find_all_inheritors(relation, AccessShareLock, NULL))
		if (is_partitioned_by_balance(lfirst_oid(lc)))
			ereport(
				ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("%s is partitioned by the balance", dcx_relation_name(lfirst_oid(lc))),
				errdetail("Column \"%s\" is in its partition key: when a balance changes, the row "
						  "can move to another partition, as one that is deleted and another "
						  "that is inserted.",
						  BALANCE_COLUMN),
				errhint("Partition it by the organisation, or not at all. Through a view its "
						"wallets can be read."));
}

/* The argument as a value of the organisation column's type. The type's own error shows what is not one. */
static Datum
organisation_value(const char *organisation, Oid type)
{
	Oid input;
	Oid parameter;

	getTypeInputInfo(type, &input, &parameter);
	/* No number and no uuid is that long. */
	if (TypeCategory(type) != TYPCATEGORY_STRING)
		organisation = dcx_text_shown(organisation);
	return OidInputFunctionCall(input, unconstify(char *, organisation), parameter, -1);
}

/* A value of the organisation column as text, the same that a cast to text gives. */
static char *
organisation_text(Datum value, Oid type)
{
	Oid	  output;
	bool  varlena;
	char *text;

	getTypeOutputInfo(type, &output, &varlena);
	text = OidOutputFunctionCall(output, value);
	if (getBaseType(type) == BPCHAROID)
		text[bpchartruelen(text, strlen(text))] = '\0';
	return text;
}

char *
dcx_wallet_organisation(const char *argument)
{
	Oid type;

	dcx_wallet_bound();
	type = dcx_wallet_check_organisation(wallets.relation, ORGANISATION_COLUMN);
	return organisation_text(organisation_value(argument, type), type);
}

bool
dcx_wallet_may_be_hidden(void)
{
	return !dcx_wallet_is_table(wallets.relation) ||
		   check_enable_rls(wallets.relation, InvalidOid, true) == RLS_ENABLED;
}

bool
dcx_wallet_same_organisation(const char *a, const char *b)
{
	Oid	  type;
	int32 typmod;
	Oid	  collation;

	if (strcmp(a, b) == 0)
		return true;
	get_atttypetypmodcoll(dcx_wallet_bound()->relation,
						  get_attnum(wallets.relation, ORGANISATION_COLUMN),
						  &type,
						  &typmod,
						  &collation);
	return OidIsValid(collation) && !get_collation_isdeterministic(collation) &&
		   DatumGetBool(DirectFunctionCall2Coll(texteq,
												collation,
												CStringGetTextDatum(a),
												CStringGetTextDatum(b)));
}

static void
wrong_count(const char *organisation, bool several, bool as_caller)
{
	dcx_wallet_check_not_replaced();
	ereport(ERROR,
			errcode(DCX_ERRCODE_NO_WALLET),
			several ? errmsg("organisation \"%s\" has more than one wallet",
							 dcx_text_shown(organisation)) :
					  errmsg("organisation \"%s\" has no wallet", dcx_text_shown(organisation)),
			errdetail("Looked up in column \"%s\" of %s.",
					  ORGANISATION_COLUMN,
					  dcx_relation_name(wallets.relation)),
			several ? errhint("A unique index on that column keeps this from happening.") :
			as_caller && dcx_wallet_may_be_hidden() ?
					  errhint("A wallet that row-level security hides from role \"%s\" is not "
							  "found either.",
							  GetUserNameFromId(GetUserId(), false)) :
					  errhint("It is compared exactly; its wallet is a row that has it there."));
}

/* Whether a balance is a number to compute with. */
static bool
is_usable(Numeric balance)
{
	return balance && !numeric_is_nan(balance) && !numeric_is_inf(balance);
}

static const char *
unusable_text(Numeric balance)
{
	return !balance ? "NULL" : numeric_is_nan(balance) ? "NaN" : "infinite";
}

static void
check_usable(const char *organisation, Numeric balance)
{
	if (likely(is_usable(balance)))
		return;
	ereport(ERROR,
			errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			errmsg("the balance of organisation \"%s\" is %s",
				   dcx_text_shown(organisation),
				   unusable_text(balance)),
			errdetail("It stands in column \"%s\" of %s.",
					  BALANCE_COLUMN,
					  dcx_relation_name(wallets.relation)),
			errhint("Correct the wallet; nothing can be afforded from it meanwhile."));
}

/*
 * A double precision has 15 exact digits. The platform's own arithmetic leaves rounding errors in the
 * last ones: 20.01 - 19.72 is 0.290000000000001. They are no money, and a sum with them could not be
 * stored as it was computed. So balances in floating point are rounded to this many decimals.
 */
#define FLOATING_DECIMALS 6

static bool
is_floating(Oid type)
{
	return type == FLOAT4OID || type == FLOAT8OID;
}

/*
 * The limit below which a type has exact cents; 0 when it has no limit. A double precision has 15 exact
 * digits and a real 6; two of them are the cents.
 */
static int64
exact_below(Oid type)
{
	return type == FLOAT8OID ? INT64CONST(10000000000000) : type == FLOAT4OID ? 10000 : 0;
}

/*
 * In SQL: gives the balance column the type numeric. A double precision becomes what we read it as, a
 * real is rounded to cents.
 */
static char *
retype_sql(Oid type)
{
	const char *column = quote_identifier(BALANCE_COLUMN);

	return psprintf(type == FLOAT8OID ? "ALTER TABLE %1$s ALTER COLUMN %2$s TYPE numeric"
										" USING trim_scale(round(%2$s::numeric, %3$d))" :
										"ALTER TABLE %1$s ALTER COLUMN %2$s TYPE numeric"
										" USING round(%2$s::double precision::numeric, 2)",
					dcx_relation_name(wallets.relation),
					column,
					FLOATING_DECIMALS);
}

void
dcx_wallet_check_exact(Oid relation, const DcxWallet *wallet)
{
	Oid		type = dcx_wallet_check_balance(relation, BALANCE_COLUMN);
	Numeric limit;

	if (!is_floating(type))
		return;
	limit = int64_to_numeric(exact_below(type));
	if (dcx_money_compare(wallet->balance, limit) < 0 &&
		dcx_money_compare(wallet->balance, int64_to_numeric(-exact_below(type))) > 0)
		return;
	ereport(ERROR,
			errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			errmsg("a balance of %s of organisation \"%s\" is too large for its column",
				   dcx_money_text(wallet->balance),
				   dcx_text_shown(wallet->organisation)),
			errdetail("Column \"%s\" of %s is of type %s, which has exact cents only below %s.",
					  BALANCE_COLUMN,
					  dcx_relation_name(relation),
					  format_type_be(type),
					  dcx_numeric_text(limit)),
			dcx_wallet_is_table(wallets.relation) ?
				errhint("Change its type, then attach again: %s.", retype_sql(type)) :
				errhint("Have it cast a numeric column of the table."));
}

/* In SQL: the balance column of a relation as numeric. */
static char *
balance_sql(Oid relation)
{
	char *column = psprintf("%s::pg_catalog.numeric", quote_identifier(BALANCE_COLUMN));

	if (is_floating(dcx_wallet_check_balance(relation, BALANCE_COLUMN)))
		return psprintf("pg_catalog.round(%s, %d)", column, FLOATING_DECIMALS);
	return column;
}

char *
dcx_wallet_inexact_sql(Oid relation)
{
	Oid	  type = dcx_wallet_check_balance(relation, BALANCE_COLUMN);
	char *balance = balance_sql(relation);

	if (!is_floating(type))
		return NULL;
	return psprintf("pg_catalog.abs(%s) >= " INT64_FORMAT " AND pg_catalog.abs(%s) < 'Infinity'",
					balance,
					exact_below(type),
					balance);
}

/* In SQL: selects the wallet of organisation $1; *type: of that parameter. */
static char *
select_wallet(const char *suffix, Oid *type)
{
	dcx_wallet_bound();
	*type = dcx_wallet_check_organisation(wallets.relation, ORGANISATION_COLUMN);
	return psprintf("SELECT %1$s::text, %2$s FROM %3$s WHERE %1$s = $1 LIMIT 2%4$s",
					quote_identifier(ORGANISATION_COLUMN),
					balance_sql(wallets.relation),
					dcx_relation_name(wallets.relation),
					suffix);
}

/* Inside a run: the wallet that a SELECT has found, when it is the only one. */
static DcxWallet
found_wallet(uint64 found)
{
	DcxWallet wallet = {0};

	if (found == 1)
	{
		wallet.organisation = dcx_query_text(0, 1);
		wallet.balance = dcx_query_numeric(0, 2);
	}
	return wallet;
}

/*
 * Converts the usual balance in floating point without printing and parsing it. If a double is the one
 * nearest to a decimal of at most 15 digits, it stands for that decimal. False for any other.
 */
static bool
float8_to_decimal(float8 value, int64 *scaled)
{
	float8 rounded = rint(value * 1e6);

	StaticAssertStmt(FLOATING_DECIMALS == 6, "scaled by another factor");
	if (!(fabs(rounded) < 1e15) || rounded / 1e6 != value)
		return false;
	*scaled = (int64) rounded;
	return true;
}

/* A value of the balance column as numeric, whatever type the column has now. */
static Numeric
numeric_of(Relation relation, Datum value, Oid type)
{
	int64 small;

	switch (getBaseType(type))
	{
		case INT2OID:
			return int64_to_numeric(DatumGetInt16(value));
		case INT4OID:
			return int64_to_numeric(DatumGetInt32(value));
		case INT8OID:
			return int64_to_numeric(DatumGetInt64(value));
		case FLOAT4OID:
			value = DirectFunctionCall1(float4_numeric, value);
			break;
		case FLOAT8OID:
			if (float8_to_decimal(DatumGetFloat8(value), &small))
				return int64_div_fast_to_numeric(small, FLOATING_DECIMALS);
			value = DirectFunctionCall1(float8_numeric, value);
			break;
		case NUMERICOID:
			return DatumGetNumericCopy(value);
		default:
			dcx_wallet_check_balance(RelationGetRelid(relation), BALANCE_COLUMN);
			return NULL;
	}
	return DatumGetNumeric(
		DirectFunctionCall2(numeric_round, value, Int32GetDatum(FLOATING_DECIMALS)));
}

/* The value of a column of a row, found by name: in a partition columns can be in another order. */
static Datum
column_of_row(Relation relation, TupleTableSlot *row, const char *column, Oid *type, bool *isnull)
{
	AttrNumber		  attnum = get_attnum(RelationGetRelid(relation), column);
	Form_pg_attribute attribute;

	if (attnum <= InvalidAttrNumber)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("%s has no column \"%s\"",
					   dcx_relation_name(RelationGetRelid(relation)),
					   column),
				errdetail("Its changes are recorded in dcx.wallet_entry by a trigger."),
				errhint("Attach it again: SELECT * FROM dcx_attach_wallet(wallets, "
						"organisation_column, balance_column)."));
	attribute = TupleDescAttr(RelationGetDescr(relation), attnum - 1);
	if (unlikely(attribute->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL))
		refuse_virtual(RelationGetRelid(relation), column);
	*type = attribute->atttypid;
	return slot_getattr(row, attnum, isnull);
}

/* The wallet in a row; its balance is not checked. */
static DcxWallet
wallet_of_row(Relation relation, TupleTableSlot *row)
{
	DcxWallet wallet = {0};
	Oid		  type;
	bool	  isnull;
	Datum	  value = column_of_row(relation, row, ORGANISATION_COLUMN, &type, &isnull);

	if (isnull)
		return wallet;
	wallet.organisation = organisation_text(value, type);
	value = column_of_row(relation, row, BALANCE_COLUMN, &type, &isnull);
	wallet.balance = isnull ? NULL : numeric_of(relation, value, type);
	return wallet;
}

static void
take_wallet(Relation relation, TupleTableSlot *row, void *argument)
{
	*(DcxWallet *) argument = wallet_of_row(relation, row);
}

/* Whether the caller may read every row of the table. */
static bool
reads_freely(Oid relation)
{
	return dcx_role_may_use(GetUserId(), get_rel_namespace(relation)) &&
		   pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK &&
		   check_enable_rls(relation, InvalidOid, true) != RLS_ENABLED;
}

/* Reads or locks the wallet through an index. False when that is not possible: take a statement. */
static bool
find_directly(const char *organisation, bool lock, DcxWallet *wallet)
{
	Oid type;
	Oid index;

	dcx_wallet_bound();
	if (lock ? XactReadOnly : !reads_freely(wallets.relation))
		return false;
	index = dcx_shape_index(wallets.relation, ORGANISATION_COLUMN, BALANCE_COLUMN);
	if (!OidIsValid(index))
		return false;
	type = dcx_wallet_check_organisation(wallets.relation, ORGANISATION_COLUMN);
	dcx_wallet_check_balance(wallets.relation, BALANCE_COLUMN);
	return dcx_lookup_row(wallets.relation,
						  index,
						  organisation_value(organisation, type),
						  lock,
						  take_wallet,
						  wallet);
}

/*
 * Counts the wallets of an organisation, up to two; when there is one, *wallet is that. Reads as the
 * caller under the active snapshot, or locks as the table's owner under a new one.
 */
static uint64
find_wallet(const char *organisation, bool lock, DcxWallet *wallet)
{
	static DcxPlan read_plan;
	static DcxPlan lock_plan;
	DcxParameters  parameters = {0};
	Oid			   type;
	char		  *sql;
	uint64		   found;
	DcxRun		   run;

	if (find_directly(organisation, lock, wallet))
		return 1;

	sql = select_wallet(lock ? " FOR NO KEY UPDATE" : "", &type);
	dcx_parameter(&parameters, type, organisation_value(organisation, type), false);
	if (lock)
		dcx_run_begin(&run, dcx_relation_owner(wallets.relation));
	else
		dcx_run_begin_reading(&run, dcx_relation_owner(wallets.relation));
	found = lock ? dcx_query_write(&lock_plan, sql, &parameters) :
				   dcx_query_read(&read_plan, sql, &parameters);
	*wallet = found_wallet(found);
	dcx_run_end(&run);
	return found;
}

DcxWallet
dcx_wallet_read(const char *organisation)
{
	DcxWallet wallet;
	uint64	  found = find_wallet(organisation, false, &wallet);

	if (found != 1)
		wrong_count(organisation, found > 1, true);
	check_usable(organisation, wallet.balance);
	return wallet;
}

bool
dcx_wallet_is_visible(const char *organisation)
{
	DcxWallet wallet;

	return find_wallet(organisation, false, &wallet) > 0;
}

DcxWallet
dcx_wallet_lock(const char *organisation)
{
	DcxWallet wallet;
	uint64	  found;

	if (!dcx_wallet_is_table(dcx_wallet_bound()->relation))
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("%s is not a table", dcx_relation_name(wallets.relation)),
				errdetail("Through a view or a foreign table wallets can be read; money moves only "
						  "in a table."),
				errhint("Attach the table itself: SELECT * FROM dcx_attach_wallet(...)."));

	found = find_wallet(organisation, true, &wallet);
	if (found != 1)
		wrong_count(organisation, found > 1, false);
	check_usable(organisation, wallet.balance);
	dcx_wallet_check_exact(wallets.relation, &wallet);
	return wallet;
}

void
dcx_wallet_write(const DcxWallet *wallet)
{
	static DcxPlan plan;
	Oid			   type = dcx_wallet_check_organisation(wallets.relation, ORGANISATION_COLUMN);
	DcxParameters  parameters = {0};
	Numeric		   written = NULL;
	uint64		   rows;
	DcxRun		   run;

	dcx_wallet_check_exact(wallets.relation, wallet);
	dcx_wallet_check_stored(wallets.relation, BALANCE_COLUMN);

	/* The table's triggers run as its owner, and expect to find what is in the table's schema. */
	dcx_run_begin_firing(&run,
						 dcx_relation_owner(wallets.relation),
						 get_namespace_name(get_rel_namespace(wallets.relation)));
	dcx_parameter(&parameters, type, organisation_value(wallet->organisation, type), false);
	dcx_parameter_numeric(&parameters, wallet->balance);
	rows = dcx_query_write(&plan,
						   psprintf("UPDATE %3$s SET %2$s = $2"
									" WHERE %1$s OPERATOR(pg_catalog.=) $1"
									" RETURNING %4$s",
									quote_identifier(ORGANISATION_COLUMN),
									quote_identifier(BALANCE_COLUMN),
									dcx_relation_name(wallets.relation),
									balance_sql(wallets.relation)),
						   &parameters);
	if (rows == 1)
		written = dcx_query_numeric(0, 1);
	dcx_run_end(&run);

	if (!written || dcx_money_compare(written, wallet->balance) != 0)
		ereport(ERROR,
				errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				errmsg("the wallet of organisation \"%s\" cannot be set to %s",
					   dcx_text_shown(wallet->organisation),
					   dcx_money_text(wallet->balance)),
				rows == 0 ? errdetail("No row was updated.") :
				!written  ? errdetail("The balance came back as NULL.") :
							errdetail("The balance came back as %s.", dcx_money_text(written)),
				errhint("A trigger of %s interferes, or column \"%s\" of type %s cannot hold it.",
						dcx_relation_name(wallets.relation),
						BALANCE_COLUMN,
						format_type_be(get_atttype(wallets.relation,
												   get_attnum(wallets.relation, BALANCE_COLUMN)))));
}

DcxWallet
dcx_wallet_of_row(Relation relation, TupleTableSlot *row, bool to_be)
{
	DcxWallet wallet = wallet_of_row(relation, row);

	if (!wallet.organisation || is_usable(wallet.balance))
		return wallet;
	if (to_be)
		ereport(ERROR,
				errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("the balance of organisation \"%s\" must not be %s",
					   dcx_text_shown(wallet.organisation),
					   unusable_text(wallet.balance)),
				errdetail("It would stand in column \"%s\" of %s.",
						  BALANCE_COLUMN,
						  dcx_relation_name(RelationGetRelid(relation))),
				errhint("The ledger records every change of a balance, and has to add up."));
	wallet.balance = int64_to_numeric(0);
	return wallet;
}

void
dcx_wallet_totals(Oid relation, bool only, bool latest, Datum *organisations, Datum *balances)
{
	static DcxPlan unusable_plan;
	static DcxPlan plan;
	uint64 (*query)(DcxPlan *, const char *, DcxParameters *) =
		latest ? dcx_query_write : dcx_query_read;
	DcxParameters none = {0};
	char		 *balance = balance_sql(relation);
	MemoryContext context = CurrentMemoryContext;
	MemoryContext run_context;
	bool		  isnull;
	DcxRun		  run;

	dcx_run_begin(&run, dcx_relation_owner(relation));
	if (query(&unusable_plan,
			  psprintf("SELECT %1$s::text, %2$s FROM %3$s %4$s"
					   " WHERE %1$s IS NOT NULL AND (%2$s IS NULL OR %2$s IN"
					   "       ('NaN', 'Infinity', '-Infinity')) LIMIT 1",
					   quote_identifier(ORGANISATION_COLUMN),
					   balance,
					   only ? "ONLY" : "",
					   dcx_relation_name(relation)),
			  &none) > 0)
		check_usable(dcx_query_text(0, 1), dcx_query_numeric(0, 2));
	query(&plan,
		  psprintf("SELECT coalesce(array_agg(organisation), '{}'),"
				   "       coalesce(array_agg(balance), '{}')"
				   "  FROM (SELECT %1$s::text COLLATE \"C\", sum(%2$s)"
				   "          FROM %3$s %4$s WHERE %1$s IS NOT NULL GROUP BY 1"
				   "         ORDER BY 1) wallets (organisation, balance)",
				   quote_identifier(ORGANISATION_COLUMN),
				   balance,
				   only ? "ONLY" : "",
				   dcx_relation_name(relation)),
		  &none);
	run_context = MemoryContextSwitchTo(context);
	*organisations =
		PointerGetDatum(DatumGetArrayTypePCopy(dcx_query_value(0, 1, TEXTARRAYOID, &isnull)));
	*balances =
		PointerGetDatum(DatumGetArrayTypePCopy(dcx_query_value(0, 2, NUMERICARRAYOID, &isnull)));
	MemoryContextSwitchTo(run_context);
	dcx_run_end(&run);
}

int64
dcx_wallet_rows(const char *organisation, bool latest, Numeric *total)
{
	static DcxPlan count_plan;
	static DcxPlan plan;
	Oid			   type = dcx_wallet_check_organisation(wallets.relation, ORGANISATION_COLUMN);
	DcxParameters  parameters = {0};
	const char	  *sum = "";
	char		  *sql;
	int64		   rows;
	DcxRun		   run;

	if (total)
		sum = psprintf(", coalesce(sum(%s), 0)", balance_sql(wallets.relation));
	/* Each spelling has an account of its own, also where the column's collation ignores case. */
	sql = psprintf("SELECT count(*)%3$s FROM %2$s WHERE %1$s OPERATOR(pg_catalog.=) $1"
				   "   AND %1$s::text COLLATE \"C\" = $2",
				   quote_identifier(ORGANISATION_COLUMN),
				   dcx_relation_name(wallets.relation),
				   sum);
	dcx_parameter(&parameters, type, organisation_value(organisation, type), false);
	dcx_parameter_text(&parameters, organisation);
	dcx_run_begin(&run, dcx_relation_owner(wallets.relation));
	if (latest)
		dcx_query_write(total ? &plan : &count_plan, sql, &parameters);
	else
		dcx_query_read(total ? &plan : &count_plan, sql, &parameters);
	rows = dcx_query_int64(0, 1);
	if (total)
		*total = dcx_query_numeric(0, 2);
	dcx_run_end(&run);
	return rows;
}

Datum
dcx_wallet_only_in(Datum organisations, Datum tables)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};
	MemoryContext  context = CurrentMemoryContext;
	Datum		   found;
	bool		   isnull;
	DcxRun		   run;

	dcx_parameter(&parameters, TEXTARRAYOID, organisations, false);
	dcx_parameter(&parameters, OIDARRAYOID, tables, false);
	dcx_run_begin(&run, dcx_relation_owner(wallets.relation));
	dcx_query_write(
		&plan,
		psprintf(
			"SELECT coalesce(array_agg(organisation), '{}')"
			"  FROM unnest($1) AS u (organisation)"
			" WHERE NOT EXISTS (SELECT FROM %2$s w WHERE w.%1$s::text COLLATE \"C\" = organisation"
			"                      AND w.tableoid <> ALL ($2))",
			quote_identifier(ORGANISATION_COLUMN),
			dcx_relation_name(wallets.relation)),
		&parameters);
	found = dcx_query_value(0, 1, TEXTARRAYOID, &isnull);
	MemoryContextSwitchTo(context);
	found = PointerGetDatum(DatumGetArrayTypePCopy(found));
	dcx_run_end(&run);
	return found;
}

void
dcx_wallet_check_all_exact(Oid relation)
{
	static DcxPlan plan;
	char		  *inexact = dcx_wallet_inexact_sql(relation);
	DcxParameters  none = {0};
	DcxRun		   run;

	if (!inexact)
		return;
	dcx_run_begin(&run, dcx_relation_owner(relation));
	if (dcx_query_read(&plan,
					   psprintf("SELECT %1$s::text, %2$s FROM %3$s"
								" WHERE %1$s IS NOT NULL AND %4$s ORDER BY 1 LIMIT 1",
								quote_identifier(ORGANISATION_COLUMN),
								balance_sql(relation),
								dcx_relation_name(relation),
								inexact),
					   &none) > 0)
	{
		DcxWallet wallet = found_wallet(1);

		dcx_wallet_check_exact(relation, &wallet);
	}
	dcx_run_end(&run);
}

/* dcx_wallet_balance(organisation text) */
PG_FUNCTION_INFO_V1(dcx_wallet_balance);
Datum
dcx_wallet_balance(PG_FUNCTION_ARGS)
{
	bool	  begun = dcx_wallet_settle();
	DcxWallet wallet = dcx_wallet_read(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	dcx_wallet_check_exact(wallets.relation, &wallet);
	dcx_fresh_end(begun);
	PG_RETURN_NUMERIC(dcx_money_display(wallet.balance));
}
