/*
 * money.h
 *		Exact decimals: prices, quantities, and sums of price x quantity.
 *
 * Prices in whole or decimal cents and whole quantities are computed as scaled 64-bit integers. What does not fit is
 * computed as numeric. Both give the same digits: the exact value, with at least two decimals, and with more only
 * where the value has more. Nothing here reads a table, a cache or a clock.
 */
#ifndef DCX_MONEY_H
#define DCX_MONEY_H

#include <math.h>

#include "common/int.h"
#include "utils/numeric.h"

/* Money has two decimals, and is always shown with both. */
#define DCX_CENTS 2

/* A price, prepared for arithmetic. Finite and not negative: whoever sets one checks that before. */
typedef struct DcxPrice
{
	Numeric value;
	int64	mantissa; /* value = mantissa / 10^scale, unless scale is -1 */
	int		scale;	  /* at least DCX_CENTS; -1: the price does not fit into a mantissa */
} DcxPrice;

/* How much of a product. Finite, of any sign. */
typedef struct DcxQuantity
{
	Numeric fraction; /* NULL: the quantity is n. Else it is this: not whole, or too large for n */
	int64	n;
} DcxQuantity;

/* One term of a sum: price x quantity. */
typedef struct DcxTerm
{
	const DcxPrice *price;
	DcxQuantity		quantity;
} DcxTerm;

/* Whether a value can be a price: not NULL, finite and not negative. */
extern bool dcx_price_is_usable(Numeric value);

/* Prepares a price. The value must be usable. It is not copied: it has to live as long as the price. */
extern void dcx_price_set(DcxPrice *price, Numeric value);

/* dcx_quantity_from_float8() calls it for what is not a whole number up to 2^53. Call that instead. */
extern DcxQuantity dcx_quantity_from_fraction(const char *name, float8 value);

/*
 * Reads an argument as a quantity. A float8 that is a whole number up to 2^53 is taken exactly; any other becomes a
 * decimal of 15 digits, as float8::numeric does. NaN and infinity are refused (22023), and the error names the
 * argument.
 */
static inline DcxQuantity
dcx_quantity_from_float8(const char *name, float8 value)
{
	if (likely(fabs(value) <= 9007199254740992.0))
	{
		DcxQuantity quantity = {.n = (int64) value};

		if (likely((float8) quantity.n == value))
			return quantity;
	}
	return dcx_quantity_from_fraction(name, value);
}
extern DcxQuantity dcx_quantity_from_numeric(const char *name, Numeric value);

/*
 * A float8 as numeric: a whole number up to 2^53 exactly, any other by its 15-digit decimal. NaN and
 * infinity become their numeric values.
 */
extern Numeric dcx_numeric_from_float8(float8 value);

/* The slow cases of dcx_quantity_sign() and dcx_quantity_is_whole(). Call those instead. */
extern int	dcx_quantity_fraction_sign(Numeric fraction);
extern bool dcx_quantity_fraction_is_whole(Numeric fraction);

/* -1, 0 or 1, as the quantity is below, equal to or above 0. */
static inline int
dcx_quantity_sign(DcxQuantity quantity)
{
	if (unlikely(quantity.fraction != NULL))
		return dcx_quantity_fraction_sign(quantity.fraction);
	return quantity.n > 0 ? 1 : quantity.n < 0 ? -1 : 0;
}

/* Whether a quantity is a whole number, however large. */
static inline bool
dcx_quantity_is_whole(DcxQuantity quantity)
{
	return likely(!quantity.fraction) || dcx_quantity_fraction_is_whole(quantity.fraction);
}

/* A quantity as numeric, without trailing zeros. */
extern Numeric dcx_quantity_numeric(DcxQuantity quantity);

/*
 * The quick way to sum up, for the usual case. Adds price x quantity to a sum of whole cents. False when the price
 * has more decimals, the quantity is not whole, or it overflows: then the sum is useless, call dcx_money_sum().
 */
static inline bool
dcx_money_add_cents(int64 *cents, const DcxPrice *price, DcxQuantity quantity)
{
	int64 amount;

	return likely(price->scale == DCX_CENTS && !quantity.fraction &&
				  !pg_mul_s64_overflow(price->mantissa, quantity.n, &amount) &&
				  !pg_add_s64_overflow(*cents, amount, cents));
}

/* Such a sum as numeric, the same as dcx_money_sum() returns. */
static inline Numeric
dcx_money_from_cents(int64 cents)
{
	return int64_div_fast_to_numeric(cents, DCX_CENTS);
}

/*
 * The sum of the terms: exact, not rounded, with two decimals or as many as the value needs. In the current memory
 * context, as all numerics below. A value beyond numeric's range is 22003, numeric's own error.
 */
extern Numeric dcx_money_sum(const DcxTerm *terms, int nterms);

/* A value as it is shown: two decimals, or as many as it needs. The value stays the same. */
extern Numeric dcx_money_display(Numeric value);

/* A value rounded to whole cents, half a cent away from zero. */
extern Numeric dcx_money_cents(Numeric value);

/* The same of a quantity; in whole cents, but not always with two decimals. */
extern Numeric dcx_quantity_cents(DcxQuantity quantity);

/*
 * Reads an argument as an amount of money to move. It must be finite, above 0 and in whole cents; anything else is
 * refused (22023), and the error names the argument.
 */
extern Numeric dcx_money_amount(const char *name, Numeric value);

/* Below 0, 0 or above 0, as a is less than, equal to or greater than b. */
extern int dcx_money_compare(Numeric a, Numeric b);

/* Whether a value is above -limit and below limit. */
extern bool dcx_money_is_between(Numeric value, int64 limit);

/* Below 0, 0 or above 0, as the value is. NaN is above 0. */
extern int dcx_money_sign(Numeric value);

extern Numeric dcx_money_add(Numeric a, Numeric b);
extern Numeric dcx_money_subtract(Numeric a, Numeric b);
extern Numeric dcx_money_negative(Numeric value);
extern Numeric dcx_money_multiply(Numeric a, Numeric b);

/* Whether a value is not NULL and a whole number of 32 bits; then *n is set to it. */
extern bool dcx_numeric_is_int32(Numeric value, int32 *n);

/* part / whole in percent, rounded to two decimals. NULL when whole is 0. */
extern Numeric dcx_money_percent(Numeric part, Numeric whole);

/* A number without trailing zeros, a new value in the current memory context; NULL for NULL. */
extern Numeric dcx_numeric_trimmed(Numeric value);

/* A number as text, with all its decimals, as an error shows it: a long one is cut. */
extern char *dcx_numeric_text(Numeric value);

/* The same of a number as dcx_money_display() shows it. */
extern char *dcx_money_text(Numeric value);

#endif /* DCX_MONEY_H */
