/*
 * balance.c
 *		The balance column of the wallet table, as an exact number.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "src/base/errcodes.h"
#include "src/base/money.h"
#include "src/base/relation.h"
#include "src/base/text.h"
#include "src/wallet/balance.h"
#include "src/wallet/wallet.h"

bool
dcx_balance_is_usable(Numeric balance)
{
	return balance && !numeric_is_nan(balance) && !numeric_is_inf(balance);
}

const char *
dcx_balance_unusable(Numeric balance)
{
	return !balance ? "NULL" : numeric_is_nan(balance) ? "NaN" : "infinite";
}

void
dcx_balance_check_usable(const char *organisation, Numeric balance)
{
	if (likely(dcx_balance_is_usable(balance)))
		return;
	ereport(ERROR,
			errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			errmsg("the balance of organisation \"%s\" is %s",
				   dcx_text_shown(organisation),
				   dcx_balance_unusable(balance)),
			errdetail("It stands in column \"%s\" of %s.",
					  dcx_wallet_balance_column(),
					  dcx_relation_name(dcx_wallet_relation())),
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
	const char *column = quote_identifier(dcx_wallet_balance_column());

	return psprintf(type == FLOAT8OID ? "ALTER TABLE %1$s ALTER COLUMN %2$s TYPE numeric"
										" USING trim_scale(round(%2$s::numeric, %3$d))" :
										"ALTER TABLE %1$s ALTER COLUMN %2$s TYPE numeric"
										" USING round(%2$s::double precision::numeric, 2)",
					dcx_relation_name(dcx_wallet_relation()),
					column,
					FLOATING_DECIMALS);
}

void
dcx_wallet_check_exact(Oid relation, const DcxWallet *wallet)
{
	Oid type = dcx_wallet_check_balance(relation, dcx_wallet_balance_column());

	if (!is_floating(type) || dcx_money_is_between(wallet->balance, exact_below(type)))
		return;
	ereport(ERROR,
			errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			errmsg("a balance of %s of organisation \"%s\" is too large for its column",
				   dcx_money_text(wallet->balance),
				   dcx_text_shown(wallet->organisation)),
			errdetail("Column \"%s\" of %s is of type %s, which has exact cents only below %s.",
					  dcx_wallet_balance_column(),
					  dcx_relation_name(relation),
					  format_type_be(type),
					  dcx_numeric_text(int64_to_numeric(exact_below(type)))),
			dcx_wallet_is_table(dcx_wallet_relation()) ?
				errhint("Change its type, then attach again: %s.", retype_sql(type)) :
				errhint("Have it cast a numeric column of the table."));
}

char *
dcx_balance_sql(Oid relation)
{
	char *column =
		psprintf("%s::pg_catalog.numeric", quote_identifier(dcx_wallet_balance_column()));

	if (is_floating(dcx_wallet_check_balance(relation, dcx_wallet_balance_column())))
		return psprintf("pg_catalog.round(%s, %d)", column, FLOATING_DECIMALS);
	return column;
}

char *
dcx_wallet_inexact_sql(Oid relation)
{
	Oid	  type = dcx_wallet_check_balance(relation, dcx_wallet_balance_column());
	char *balance = dcx_balance_sql(relation);

	if (!is_floating(type))
		return NULL;
	return psprintf("pg_catalog.abs(%s) >= " INT64_FORMAT " AND pg_catalog.abs(%s) < 'Infinity'",
					balance,
					exact_below(type),
					balance);
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

Numeric
dcx_balance_numeric(Relation relation, Datum value, Oid type)
{
	int64 small;

	switch (type)
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
			dcx_wallet_check_balance(RelationGetRelid(relation), dcx_wallet_balance_column());
			return NULL;
	}
	return DatumGetNumeric(
		DirectFunctionCall2(numeric_round, value, Int32GetDatum(FLOATING_DECIMALS)));
}

bool
dcx_balance_value(Relation relation, AttrNumber column, Numeric balance, Datum *value)
{
	Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), column - 1);
	Datum			  number = NumericGetDatum(balance);

	switch (attribute->atttypid)
	{
		case INT2OID:
			*value = DirectFunctionCall1(numeric_int2, number);
			break;
		case INT4OID:
			*value = DirectFunctionCall1(numeric_int4, number);
			break;
		case INT8OID:
			*value = DirectFunctionCall1(numeric_int8, number);
			break;
		case FLOAT4OID:
			*value = DirectFunctionCall1(numeric_float4, number);
			break;
		case FLOAT8OID:
			*value = DirectFunctionCall1(numeric_float8, number);
			break;
		case NUMERICOID:
			*value = DirectFunctionCall2(numeric, number, Int32GetDatum(attribute->atttypmod));
			break;
		default:
			return false;
	}
	return dcx_money_compare(dcx_balance_numeric(relation, *value, attribute->atttypid), balance) ==
		   0;
}
