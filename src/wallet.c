/*
 * wallet.c
 *		What an organisation's wallet holds, and whether it can afford a cost.
 */
#include "postgres.h"

#include "binding.h"
#include "catalog/pg_type.h"
#include "errcodes.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "money.h"
#include "query.h"
#include "relation.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "wallet.h"

#define CATALOG_WALLET "wallet"

/* The wallet table; columns[0] is the organisation, columns[1] the balance. */
static DcxBinding wallets = {.catalog = CATALOG_WALLET, .part = "wallets"};

/* The types of an organisation column that the text of an argument can be looked up in. */
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

/* The base type of a column of the wallet table, which must be one of the accepted. */
static Oid
check_column(Oid relation, const char *column, bool (*accepted)(Oid), const char *types)
{
	AttrNumber attnum = get_attnum(relation, column);
	Oid		   type;

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("%s has no column \"%s\"", dcx_relation_name(relation), column),
				errdetail("Columns found: %s.", dcx_relation_columns(relation)),
				errhint("Name it: dcx_attach_wallet(wallets, organisation_column, "
						"balance_column)."));
	type = getBaseType(get_atttype(relation, attnum));
	if (!accepted(type))
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of %s has type %s",
					   column,
					   dcx_relation_name(relation),
					   format_type_be(type)),
				errdetail("It can be of type %s.", types),
				errhint("A view that casts it can be attached in the table's place."));
	return type;
}

static Oid
check_organisation_column(Oid relation, const char *column)
{
	return check_column(relation,
						column,
						is_organisation_type,
						"text, varchar, char, uuid, smallint, integer or bigint");
}

static Oid
check_balance_column(Oid relation, const char *column)
{
	return check_column(relation,
						column,
						dcx_relation_type_is_number,
						"numeric, double precision, real, smallint, integer or bigint");
}

static void
bind_wallets(void)
{
	dcx_binding_get(&wallets);
	if (!wallets.attached)
		ereport(ERROR,
				errcode(DCX_ERRCODE_NOT_ATTACHED),
				errmsg("no wallet table is attached"),
				errhint("SELECT * FROM dcx_attach_wallet() attaches \"OrganisationWallet\"; "
						"another table can be named."));

	LockRelationOid(wallets.relation, AccessShareLock);
	if (!OidIsValid(dcx_relation_owner(wallets.relation)))
		ereport(ERROR,
				errcode(DCX_ERRCODE_NOT_ATTACHED),
				errmsg("the attached wallet table has been dropped"),
				errhint("Attach it again: SELECT * FROM dcx_attach_wallet()."));
}

/* The argument as a value of the organisation column's type. */
static Datum
organisation_value(const char *organisation, Oid type)
{
	Oid input;
	Oid parameter;

	getTypeInputInfo(type, &input, &parameter);
	return OidInputFunctionCall(input, unconstify(char *, organisation), parameter, -1);
}

static void
wrong_count(const char *organisation, bool several)
{
	ereport(ERROR,
			errcode(DCX_ERRCODE_NO_WALLET),
			several ? errmsg("organisation \"%s\" has more than one wallet", organisation) :
					  errmsg("organisation \"%s\" has no wallet", organisation),
			errdetail("Looked up in column \"%s\" of %s.",
					  NameStr(wallets.columns[0]),
					  dcx_relation_name(wallets.relation)),
			several ? errhint("A unique index on that column keeps this from happening.") :
					  errhint("A wallet that row-level security hides from role \"%s\" is not "
							  "found either.",
							  GetUserNameFromId(GetUserId(), false)));
}

Numeric
dcx_wallet_balance_of(const char *organisation)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};
	Oid			   type;
	uint64		   found;
	Numeric		   balance = NULL;
	DcxRun		   run;

	bind_wallets();
	type = check_organisation_column(wallets.relation, NameStr(wallets.columns[0]));
	check_balance_column(wallets.relation, NameStr(wallets.columns[1]));
	dcx_parameter(&parameters, type, organisation_value(organisation, type), false);

	dcx_run_begin(&run, InvalidOid);
	found = dcx_query_read(&plan,
						   psprintf("SELECT %s::numeric FROM %s WHERE %s = $1 LIMIT 2",
									quote_identifier(NameStr(wallets.columns[1])),
									dcx_relation_name(wallets.relation),
									quote_identifier(NameStr(wallets.columns[0]))),
						   &parameters);
	if (found == 1)
		balance = dcx_query_numeric(0, 1);
	dcx_run_end(&run);

	if (found != 1)
		wrong_count(organisation, found > 1);
	if (!balance || numeric_is_nan(balance) || numeric_is_inf(balance))
		ereport(ERROR,
				errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("the balance of organisation \"%s\" is %s",
					   organisation,
					   !balance				   ? "NULL" :
					   numeric_is_nan(balance) ? "NaN" :
												 "infinite"),
				errdetail("It stands in column \"%s\" of %s.",
						  NameStr(wallets.columns[1]),
						  dcx_relation_name(wallets.relation)),
				errhint("Correct the wallet; nothing can be afforded from it meanwhile."));
	return balance;
}

/* dcx_wallet_balance(organisation text) */
PG_FUNCTION_INFO_V1(dcx_wallet_balance);
Datum
dcx_wallet_balance(PG_FUNCTION_ARGS)
{
	Numeric balance = dcx_wallet_balance_of(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	PG_RETURN_NUMERIC(dcx_money_display(balance));
}

static bool
can_afford(const char *organisation, Numeric cost)
{
	Datum rounded;

	if (DatumGetBool(DirectFunctionCall2(numeric_lt,
										 NumericGetDatum(cost),
										 NumericGetDatum(int64_to_numeric(0)))))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("cost must not be negative"),
				errdetail("It is %s.",
						  DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(cost)))),
				errhint("The arguments are: organisation, cost in rand."));

	rounded = NumericGetDatum(dcx_money_cents(cost));
	return DatumGetBool(DirectFunctionCall2(numeric_ge,
											NumericGetDatum(dcx_wallet_balance_of(organisation)),
											rounded));
}

/* dcx_wallet_can_afford(organisation text, cost numeric) */
PG_FUNCTION_INFO_V1(dcx_wallet_can_afford_numeric);
Datum
dcx_wallet_can_afford_numeric(PG_FUNCTION_ARGS)
{
	DcxQuantity cost = dcx_quantity_from_numeric("cost", PG_GETARG_NUMERIC(1));

	PG_RETURN_BOOL(can_afford(text_to_cstring(PG_GETARG_TEXT_PP(0)), dcx_quantity_numeric(cost)));
}

/* dcx_wallet_can_afford(organisation text, cost double precision) */
PG_FUNCTION_INFO_V1(dcx_wallet_can_afford_float8);
Datum
dcx_wallet_can_afford_float8(PG_FUNCTION_ARGS)
{
	DcxQuantity cost = dcx_quantity_from_float8("cost", PG_GETARG_FLOAT8(1));

	PG_RETURN_BOOL(can_afford(text_to_cstring(PG_GETARG_TEXT_PP(0)), dcx_quantity_numeric(cost)));
}

/* Up to ten relations that have a column named like the organisation's, for a hint. */
static char *
candidates(const char *organisation_column)
{
	static const Oid types[] = {TEXTOID};
	Datum			 values[1];
	StringInfoData	 list;
	uint64			 n;
	DcxRun			 run;

	initStringInfo(&list);
	values[0] = CStringGetTextDatum(organisation_column);
	dcx_run_begin(&run, InvalidOid);
	n = dcx_query_execute("SELECT format('%I.%I', n.nspname, c.relname)"
						  "  FROM pg_class c"
						  "  JOIN pg_namespace n ON n.oid = c.relnamespace"
						  "  JOIN pg_attribute a ON a.attrelid = c.oid"
						  " WHERE c.relkind IN ('r', 'p', 'v', 'f') AND NOT a.attisdropped"
						  "   AND (a.attname = $1 OR c.relname ILIKE '%wallet%' AND a.attnum = 1)"
						  "   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'dcx')"
						  " GROUP BY n.nspname, c.relname"
						  " ORDER BY bool_or(c.relname ILIKE '%wallet%') DESC, 1 LIMIT 10",
						  1,
						  types,
						  values,
						  NULL);
	for (uint64 i = 0; i < n; i++)
	{
		char *name = dcx_query_text(i, 1);

		appendStringInfo(&list, "%s%s", i ? ", " : "", name);
	}
	dcx_run_end(&run);
	return n ? list.data : pstrdup("none");
}

/* dcx_attach_wallet(wallets text, organisation_column text, balance_column text) */
PG_FUNCTION_INFO_V1(dcx_attach_wallet);
Datum
dcx_attach_wallet(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char		  *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char		  *organisation_column = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char		  *balance_column = text_to_cstring(PG_GETARG_TEXT_PP(2));
	Oid			   relation = dcx_relation_named(name);
	Oid			   organisation_type;
	Oid			   balance_type;
	Datum		   values[3];
	bool		   nulls[3] = {false};
	DcxRun		   run;

	InitMaterializedSRF(fcinfo, 0);
	if (!OidIsValid(relation))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("there is no wallet table \"%s\"", name),
				errdetail("Candidates: %s.", candidates(organisation_column)),
				errhint("Name it as SQL does, with its schema where it is not on the "
						"search_path."));

	LockRelationOid(relation, AccessShareLock);
	dcx_relation_check_owner(relation);
	organisation_type = check_organisation_column(relation, organisation_column);
	balance_type = check_balance_column(relation, balance_column);

	dcx_run_begin(&run, InvalidOid);
	dcx_binding_put(CATALOG_WALLET,
					wallets.part,
					relation,
					list_make2(organisation_column, balance_column),
					NIL);
	dcx_run_end(&run);

	dcx_run_begin(&run, dcx_relation_owner(relation));
	dcx_query_execute(psprintf("SELECT count(*) FROM %s", dcx_relation_name(relation)),
					  0,
					  NULL,
					  NULL,
					  NULL);
	values[1] = dcx_query_value(0, 1, &nulls[1]);
	dcx_run_end(&run);

	values[0] = CStringGetTextDatum(dcx_relation_name(relation));
	values[2] = CStringGetTextDatum(psprintf("organisation: %s %s, balance: %s %s",
											 quote_identifier(organisation_column),
											 format_type_be(organisation_type),
											 quote_identifier(balance_column),
											 format_type_be(balance_type)));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
