/*
 * money.h
 *		Exact decimals: prices, quantities, and the sum of their products.
 *
 * Whole quantities of ordinary prices are computed as scaled 64-bit integers; whatever does not
 * fit is computed as numeric. Both give the same digits: the value exactly, shown with at least
 * two decimals and with more only where the value has more. Nothing here reads a table, a cache
 * or a clock.
 */
#ifndef DCX_MONEY_H
#define DCX_MONEY_H

#include <math.h>

#include "common/int.h"
#include "utils/numeric.h"

/* A price as a price book keeps it. Finite and not negative; the book sees to that. */
typedef struct DcxPrice
{
	Numeric value;	  /* the price */
	int64	mantissa; /* value = mantissa / 10^scale, where scale is not negative */
	int		scale;	  /* DCX_CENTS at least; -1 where the price does not fit a mantissa */
} DcxPrice;

/* Money is shown with cents, always. */
#define DCX_CENTS 2

/* How much of a product: finite, of any sign. */
typedef struct DcxQuantity
{
	Numeric fraction; /* the quantity, where it is not whole or too large for n; else NULL */
	int64	n;		  /* the quantity, where it is a whole number */
} DcxQuantity;

/* One product of a sum: a price and how much of it. */
typedef struct DcxTerm
{
	const DcxPrice *price;
	DcxQuantity		quantity;
} DcxTerm;

/* Whether a value is there, finite and not negative, and so may be a price. */
extern bool dcx_price_is_usable(Numeric value);

/*
 * Prepares a price. value must be finite and is kept, not copied: it has to live as long as the
 * price.
 */
extern void dcx_price_set(DcxPrice *price, Numeric value);

/* What is not a whole number up to 2^53; call dcx_quantity_from_float8(). */
extern DcxQuantity dcx_quantity_from_fraction(const char *name, float8 value);

/*
 * Reads an argument as a quantity. A float8 that is a whole number up to 2^53 is that number;
 * any other one is its 15-digit decimal, as float8::numeric. NaN and infinity are errors (22023)
 * that call the argument by name.
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

/* Of the fraction of a quantity; call dcx_quantity_sign() and dcx_quantity_is_whole(). */
extern int	dcx_quantity_fraction_sign(Numeric fraction);
extern bool dcx_quantity_fraction_is_whole(Numeric fraction);

/* Below 0, 0, or above 0. */
static inline int
dcx_quantity_sign(DcxQuantity quantity)
{
	if (unlikely(quantity.fraction != NULL))
		return dcx_quantity_fraction_sign(quantity.fraction);
	return quantity.n > 0 ? 1 : quantity.n < 0 ? -1 : 0;
}

/* Whether it is a whole number, however large. */
static inline bool
dcx_quantity_is_whole(DcxQuantity quantity)
{
	return likely(!quantity.fraction) || dcx_quantity_fraction_is_whole(quantity.fraction);
}

/* The quantity as numeric, without trailing zeros. May be the very one in the quantity. */
extern Numeric dcx_quantity_numeric(DcxQuantity quantity);

/*
 * Adds price x quantity to a sum of whole cents, the usual case; false where it does not fit, and
 * the sum is of no use then.
 */
static inline bool
dcx_money_add_cents(int64 *cents, const DcxPrice *price, DcxQuantity quantity)
{
	int64 amount;

	return likely(price->scale == DCX_CENTS && !quantity.fraction &&
				  !pg_mul_s64_overflow(price->mantissa, quantity.n, &amount) &&
				  !pg_add_s64_overflow(*cents, amount, cents));
}

/* A sum of whole cents as dcx_money_sum() gives it. */
static inline Numeric
dcx_money_from_cents(int64 cents)
{
	return int64_div_fast_to_numeric(cents, DCX_CENTS);
}

/*
 * The sum of price x quantity over the terms, exact and not rounded, with two decimals or as many
 * as the value needs. A new value in the current memory context. Numbers beyond numeric's own
 * range are numeric's error (22003).
 */
extern Numeric dcx_money_sum(const DcxTerm *terms, int nterms);

/* A price as it is shown: two decimals, or as many as it needs. */
extern Numeric dcx_money_display(Numeric value);

/* An amount in whole cents: half a cent goes away from zero. */
extern Numeric dcx_money_cents(Numeric value);

/*
 * Reads an argument as an amount of money to move: finite, above 0 and in whole cents; anything
 * else is an error (22023) that calls the argument by name.
 */
extern Numeric dcx_money_amount(const char *name, Numeric value);

/* Below 0, 0, or above 0, as a is less than, equal to or greater than b. */
extern int dcx_money_compare(Numeric a, Numeric b);

/* New values in the current memory context. */
extern Numeric dcx_money_add(Numeric a, Numeric b);
extern Numeric dcx_money_subtract(Numeric a, Numeric b);
extern Numeric dcx_money_multiply(Numeric a, Numeric b);

/* Whether a value is there and a whole number of 32 bits, which n then is. */
extern bool dcx_numeric_is_int32(Numeric value, int32 *n);

/* part / whole in percent, to two decimals; NULL where whole is 0. */
extern Numeric dcx_money_percent(Numeric part, Numeric whole);

/* A number without trailing zeros. A new value in the current memory context. */
extern Numeric dcx_numeric_trimmed(Numeric value);

/* A number as text, with the decimals that it has. */
extern char *dcx_numeric_text(Numeric value);

/* An amount as text, with two decimals or as many as it needs. */
extern char *dcx_money_text(Numeric value);

#endif /* DCX_MONEY_H */
