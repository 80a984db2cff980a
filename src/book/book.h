/*
 * book.h
 *		A price book in memory: product code -> price and title, or a network service's bands.
 *
 * A book is made from rows, which can come from the catalog, a saved book or an argument. It never changes once
 * it is made, and reads nothing but its own memory. A bad row spoils only its own code: looking that code up is
 * the error.
 */
#ifndef DCX_BOOK_H
#define DCX_BOOK_H

#include "src/base/money.h"

/*
 * A band: a range of bandwidths, and what they cost. It holds min_mbps and every bandwidth below max_mbps.
 * The numbers are as found: NULL, NaN and negative ones too. Without a min_mbps it holds nothing.
 */
typedef struct DcxBand
{
	Numeric		min_mbps;
	Numeric		max_mbps; /* NULL: no upper end */
	Numeric		fixed_price;
	Numeric		price_per_mbps;
	Numeric		cost;  /* what the provider asks per Mbps; NULL: unknown, or not read */
	const char *fault; /* a sentence about a value that is not a number; else NULL */
} DcxBand;

/* Compares bands, for sorting: by what they hold, then by what they cost. NULL comes last. */
extern int dcx_band_compare(const DcxBand *a, const DcxBand *b);

/* What a network service has instead of a price. */
typedef struct DcxService
{
	const char *provider; /* the provider's name; NULL: none */
	bool		active;	  /* whether the provider is active */
	int			nbands;
	DcxBand	   *bands; /* in any order */
} DcxService;

/*
 * What is known of a code that two services have: no bands, since nobody can say which of them are meant; the
 * provider, if it is the same in both.
 */
extern DcxService dcx_service_common(const DcxService *a, const DcxService *b);

/*
 * A row that a book is made of: a product, or a network service with all its bands. Everything is as
 * found, good or bad.
 */
typedef struct DcxProductRow
{
	const char		 *code;	   /* NULL or empty: the row has none, and cannot be priced */
	const char		 *title;   /* NULL: none, and the code stands for it */
	Numeric			  price;   /* NULL, NaN, infinite or negative: cannot be used */
	const char		 *fault;   /* a sentence about a value that is not of its type; else NULL */
	int				  rows;	   /* how many rows have this code, where the source says so; else 0 */
	const DcxService *service; /* of a network service; NULL: a product with a price */

	/* What pricing does not need. Read only where it is asked for; NULL: unknown. */
	Numeric		cost;	  /* what the product costs us */
	const char *category; /* its name */
	Numeric		unit;	  /* how many the price is for; used by checks only */
} DcxProductRow;

/* A band prepared for pricing. */
typedef struct DcxRate
{
	const DcxBand *band;
	bool		   ranged;	 /* its ends can be used; else it holds nothing */
	bool		   priced;	 /* both its prices can be used */
	int64		   from;	 /* if ranged: the first whole bandwidth that it holds */
	int64		   below;	 /* if ranged: the first whole bandwidth above it */
	DcxPrice	   fixed;	 /* if priced */
	DcxPrice	   per_mbps; /* if priced */
} DcxRate;

/* A product that can be priced, or a network service. */
typedef struct DcxProduct
{
	const char		 *code;
	const char		 *title;
	DcxPrice		  price;   /* unused in a network service */
	const DcxService *service; /* of a network service; NULL: a product */
	const DcxRate	 *rates;   /* of a network service that was looked up: one for each band */
} DcxProduct;

/*
 * A family of products: their codes are a prefix and a name. "CPU_" and "2GHZ" make "CPU_2GHZ". Callers
 * look products up by the name.
 */
typedef struct DcxFamily
{
	const char *prefix; /* may be empty */
	int			length; /* of the prefix */
	const char *noun;	/* what errors call a name, as in "CPU type" */
} DcxFamily;

/*
 * The names looked up last: pricing a table asks for the same few over and over. Which of the slots a name
 * goes into depends on its length and its first and last byte.
 */
#define DCX_RECENT_SIZE	  32
#define DCX_RECENT_LENGTH 16

typedef struct DcxRecent
{
	const DcxFamily	 *family; /* NULL: the slot is empty */
	const DcxProduct *product;
	int				  length; /* of the name */
	char			  name[DCX_RECENT_LENGTH];
} DcxRecent;

/* The part of a book that inline functions need. book.c has the rest behind it. */
typedef struct DcxPriceBook
{
	DcxRecent recent[DCX_RECENT_SIZE];
} DcxPriceBook;

/*
 * Makes a book of rows, in the current memory context; so is what it allocates later. What the rows point
 * to is not copied and has to live as long as the book; the array of rows need not. place: what errors call
 * the source of the rows, as in "correct it in the catalog".
 */
extern DcxPriceBook *dcx_book_make(const char *place, const DcxProductRow *rows, int nrows);

/* The slot of a name, which must not be empty. */
static inline DcxRecent *
dcx_book_recent(DcxPriceBook *book, const DcxFamily *family, const char *name, int length)
{
	unsigned first = (unsigned char) name[0];
	unsigned last = (unsigned char) name[length - 1];

	return &book->recent[((first ^ (last << 1) ^ (length << 3)) + family->length) %
						 DCX_RECENT_SIZE];
}

/* dcx_book_find() calls it for a name that is in no slot. Call that instead. */
extern const DcxProduct *dcx_book_search(DcxPriceBook *book, const DcxFamily *family,
										 const char *name, int length);

/* Whether two strings of one length are equal. Quick for 4 to 8 bytes: two overlapping 4-byte pieces. */
static inline bool
dcx_short_equal(const char *a, const char *b, unsigned length)
{
	uint32 a_head, a_tail, b_head, b_tail;

	if (unlikely(length - 4 > 4))
		return memcmp(a, b, length) == 0;

	memcpy(&a_head, a, 4);
	memcpy(&b_head, b, 4);
	memcpy(&a_tail, a + length - 4, 4);
	memcpy(&b_tail, b + length - 4, 4);
	return ((a_head ^ b_head) | (a_tail ^ b_tail)) == 0;
}

/*
 * Finds a product by its family and name (length bytes, no terminator needed). Its code must match
 * exactly; if none does, without (ASCII) case, where exactly one does.
 *
 * Errors: ZD002 when there is no such code, with a hint that lists the names on offer. ZD003 when the code
 * cannot be priced: several rows have it, its price is missing, negative or not finite, or it is a network
 * service's.
 */
static inline const DcxProduct *
dcx_book_find(DcxPriceBook *book, const DcxFamily *family, const char *name, int length)
{
	if (likely(length > 0 && length <= DCX_RECENT_LENGTH))
	{
		const DcxRecent *recent = dcx_book_recent(book, family, name, length);

		if (likely(recent->family == family && recent->length == length &&
				   dcx_short_equal(recent->name, name, length)))
			return recent->product;
	}
	return dcx_book_search(book, family, name, length);
}

/*
 * Finds a network service by its code (length bytes), in the same way. Errors: ZD002 when there is no such
 * service, with a hint that lists those of active providers; ZD003 when several rows have the code, or the
 * row is not a service. The provider of a service that is found may be inactive, and its bands may be bad.
 */
extern const DcxProduct *dcx_book_service(DcxPriceBook *book, const char *code, int length);

/*
 * Walks all network services in the order of the rows; rows with one code are one service. Start with
 * position 0; NULL is the end. *fault: why dcx_book_service() would refuse the service, else NULL.
 */
extern const DcxProduct *dcx_book_next_service(DcxPriceBook *book, int *position,
											   const char **fault);

#endif /* DCX_BOOK_H */
