/*
 * money.c
 *		Exact decimals: prices, quantities, and sums of price x quantity.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "src/base/money.h"
#include "src/base/text.h"

/*
 * A price below 10^9 with at most six decimals is kept as a scaled integer: less than 10^15. So
 * quantities up to 9,223 never overflow 64 bits; where price x quantity does, numeric takes over.
 */
#define SMALL_SCALE 6
#define SMALL_LIMIT INT64CONST(1000000000)

static const int64 power_of_ten[SMALL_SCALE + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000};

char *
dcx_numeric_text(Numeric value)
{
	return dcx_text_shown(
		DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value))));
}

Numeric
dcx_numeric_trimmed(Numeric value)
{
	if (!value)
		return NULL;
	return DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value)));
}

static int
min_scale(Numeric value)
{
	return DatumGetInt32(DirectFunctionCall1(numeric_min_scale, NumericGetDatum(value)));
}

/* Rounds to so many decimals, half away from zero. */
static Numeric
round_to(Numeric value, int scale)
{
	return DatumGetNumeric(
		DirectFunctionCall2(numeric_round, NumericGetDatum(value), Int32GetDatum(scale)));
}

int
dcx_money_compare(Numeric a, Numeric b)
{
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(a), NumericGetDatum(b)));
}

bool
dcx_price_is_usable(Numeric value)
{
	return value && !numeric_is_nan(value) && !numeric_is_inf(value) && dcx_money_sign(value) >= 0;
}

void
dcx_price_set(DcxPrice *price, Numeric value)
{
	int scale = Max(min_scale(value), DCX_CENTS);

	Assert(!numeric_is_nan(value) && !numeric_is_inf(value));

	price->value = value;
	price->scale = -1;
	if (scale <= SMALL_SCALE && dcx_money_compare(value, int64_to_numeric(SMALL_LIMIT)) < 0)
	{
		Numeric scaled = dcx_money_multiply(value, int64_to_numeric(power_of_ten[scale]));

		price->mantissa = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(scaled)));
		price->scale = scale;
	}
}

bool
dcx_numeric_is_int32(Numeric value, int32 *n)
{
	bool out_of_range;

	if (!value || numeric_is_nan(value) || numeric_is_inf(value) || min_scale(value) > 0)
		return false;
	*n = numeric_int4_opt_error(value, &out_of_range);
	return !out_of_range;
}

static Numeric
quantity_value(DcxQuantity quantity)
{
	return quantity.fraction ? quantity.fraction : int64_to_numeric(quantity.n);
}

static void
refuse_quantity(const char *name, const char *value)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("%s must be a finite number", name),
			errdetail("It is %s.", value),
			errhint("Use NULL for a value that is not known."));
}

DcxQuantity
dcx_quantity_from_fraction(const char *name, float8 value)
{
	DcxQuantity quantity = {0};

	if (isnan(value) || isinf(value))
		refuse_quantity(name, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
	quantity.fraction = DatumGetNumeric(DirectFunctionCall1(float8_numeric, Float8GetDatum(value)));
	return quantity;
}

Numeric
dcx_numeric_from_float8(float8 value)
{
	if (isnan(value) || isinf(value))
		return DatumGetNumeric(DirectFunctionCall1(float8_numeric, Float8GetDatum(value)));
	return quantity_value(dcx_quantity_from_float8("", value));
}

DcxQuantity
dcx_quantity_from_numeric(const char *name, Numeric value)
{
	DcxQuantity quantity = {0};
	bool		out_of_range;
	int32		scale;
	int32		n;

	if (unlikely(numeric_is_nan(value) || numeric_is_inf(value)))
		refuse_quantity(name, dcx_numeric_text(value));

	/* A number with decimals can be whole, too: 2.00. */
	scale = DatumGetInt32(DirectFunctionCall1(numeric_scale, NumericGetDatum(value)));
	n = numeric_int4_opt_error(value, &out_of_range);
	if (!out_of_range && (scale == 0 || dcx_money_compare(int64_to_numeric(n), value) == 0))
		quantity.n = n;
	else
		quantity.fraction = value;

	return quantity;
}

/* A whole number that lives as long as the backend. */
static Numeric
lasting(int64 number)
{
	MemoryContext context = MemoryContextSwitchTo(TopMemoryContext);
	Numeric		  value = int64_to_numeric(number);

	MemoryContextSwitchTo(context);
	return value;
}

int
dcx_money_sign(Numeric value)
{
	static Numeric zero = NULL;

	if (unlikely(!zero))
		zero = lasting(0);
	return dcx_money_compare(value, zero);
}

bool
dcx_money_is_between(Numeric value, int64 limit)
{
	/* The last limit: it is nearly always the same. */
	static int64   kept = 0;
	static Numeric above = NULL;
	static Numeric below = NULL;

	if (unlikely(kept != limit || !above))
	{
		if (above)
			pfree(above);
		if (below)
			pfree(below);
		above = below = NULL;
		above = lasting(-limit);
		below = lasting(limit);
		kept = limit;
	}
	return dcx_money_compare(value, above) > 0 && dcx_money_compare(value, below) < 0;
}

int
dcx_quantity_fraction_sign(Numeric fraction)
{
	return dcx_money_sign(fraction);
}

bool
dcx_quantity_fraction_is_whole(Numeric fraction)
{
	return min_scale(fraction) == 0;
}

Numeric
dcx_quantity_numeric(DcxQuantity quantity)
{
	return dcx_numeric_trimmed(quantity_value(quantity));
}

Numeric
dcx_money_display(Numeric value)
{
	return round_to(value, Max(min_scale(value), DCX_CENTS));
}

Numeric
dcx_quantity_cents(DcxQuantity quantity)
{
	return quantity.fraction ? dcx_money_cents(quantity.fraction) : int64_to_numeric(quantity.n);
}

Numeric
dcx_money_cents(Numeric value)
{
	return round_to(value, DCX_CENTS);
}

Numeric
dcx_money_amount(const char *name, Numeric value)
{
	bool finite = !numeric_is_nan(value) && !numeric_is_inf(value);

	if (!finite || dcx_money_sign(value) <= 0 || min_scale(value) > DCX_CENTS)
		ereport(
			ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			!finite					   ? errmsg("%s must be a finite number", name) :
			dcx_money_sign(value) <= 0 ? errmsg("%s must be above 0", name) :
										 errmsg("%s must be in whole cents", name),
			errdetail("It is %s.", dcx_numeric_text(value)),
			errhint(
				"An amount is above 0 for a debit as well as for a credit. To round it to cents: "
				"round(%s, 2).",
				name));
	return round_to(value, DCX_CENTS);
}

/* A numeric operator of the server's, applied to two values. */
static Numeric
apply(PGFunction operator, Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(operator, NumericGetDatum(a), NumericGetDatum(b)));
}

Numeric
dcx_money_add(Numeric a, Numeric b)
{
	return apply(numeric_add, a, b);
}

Numeric
dcx_money_subtract(Numeric a, Numeric b)
{
	return apply(numeric_sub, a, b);
}

Numeric
dcx_money_negative(Numeric value)
{
	return DatumGetNumeric(DirectFunctionCall1(numeric_uminus, NumericGetDatum(value)));
}

Numeric
dcx_money_multiply(Numeric a, Numeric b)
{
	return apply(numeric_mul, a, b);
}

Numeric
dcx_money_percent(Numeric part, Numeric whole)
{
	Numeric hundredfold = dcx_money_multiply(part, int64_to_numeric(100));

	if (dcx_money_sign(whole) == 0)
		return NULL;
	return round_to(apply(numeric_div, hundredfold, whole), DCX_CENTS);
}

char *
dcx_money_text(Numeric value)
{
	return dcx_numeric_text(dcx_money_display(value));
}

/* Computes the sum in 64-bit integers. False when it does not fit. */
static bool
sum_small(const DcxTerm *terms, int nterms, int64 *sum, int *scale)
{
	*scale = DCX_CENTS;
	for (int i = 0; i < nterms; i++)
	{
		if (terms[i].price->scale < 0 || terms[i].quantity.fraction)
			return false;
		*scale = Max(*scale, terms[i].price->scale);
	}

	*sum = 0;
	for (int i = 0; i < nterms; i++)
	{
		const DcxPrice *price = terms[i].price;
		int64			amount;

		if (pg_mul_s64_overflow(price->mantissa, terms[i].quantity.n, &amount) ||
			(price->scale < *scale &&
			 pg_mul_s64_overflow(amount, power_of_ten[*scale - price->scale], &amount)) ||
			pg_add_s64_overflow(*sum, amount, sum))
			return false;
	}

	while (*scale > DCX_CENTS && *sum % 10 == 0)
	{
		*sum /= 10;
		(*scale)--;
	}
	return true;
}

Numeric
dcx_money_sum(const DcxTerm *terms, int nterms)
{
	int64	small;
	int		scale;
	Numeric sum;

	if (sum_small(terms, nterms, &small, &scale))
		return int64_div_fast_to_numeric(small, scale);

	sum = int64_to_numeric(0);
	for (int i = 0; i < nterms; i++)
		sum = dcx_money_add(sum,
							dcx_money_multiply(terms[i].price->value,
											   quantity_value(terms[i].quantity)));
	return dcx_money_display(sum);
}
