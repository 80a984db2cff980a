/*
 * book.h
 *		A price book in memory: code -> price and title, or a network service's bands.
 *
 * Made of rows, wherever those come from: the catalog, a saved book, or an argument. A book does
 * not change once it is made, and looks nothing up outside of itself.
 */
#ifndef DCX_BOOK_H
#define DCX_BOOK_H

#include "src/base/money.h"

/*
 * A range of bandwidths and what it costs: min_mbps and all below max_mbps. Numbers as found, NULL
 * where there is none; without a min_mbps it is no range, and holds nothing.
 */
typedef struct DcxBand
{
	Numeric		min_mbps;
	Numeric		max_mbps; /* NULL: no upper end */
	Numeric		fixed_price;
	Numeric		price_per_mbps;
	Numeric		cost;  /* per Mbps, what the provider asks; NULL: unknown, or not read */
	const char *fault; /* what is wrong with a value that is no number, else NULL */
} DcxBand;

/* The order of bands: by what they hold, then by what they cost. Below 0, 0, or above 0. */
extern int dcx_band_compare(const DcxBand *a, const DcxBand *b);

/* What a network service has in the place of a price. */
typedef struct DcxService
{
	const char *provider; /* its name; NULL where there is none */
	bool		active;	  /* the provider is */
	int			nbands;
	DcxBand	   *bands; /* in any order */
} DcxService;

/* What two services of one code have in common, which is no band, and may be the provider. */
extern DcxService dcx_service_common(const DcxService *a, const DcxService *b);

/* A product as its row says, good or bad; or a network service with all its bands. */
typedef struct DcxProductRow
{
	const char		 *code;	   /* NULL or empty: the row has none */
	const char		 *title;   /* NULL where there is none */
	Numeric			  price;   /* as found: NULL, NaN, infinite or negative */
	const char		 *fault;   /* what is wrong with a value that is none, else NULL */
	int				  rows;	   /* how many rows have this code, where that is known; else 0 */
	const DcxService *service; /* of a network service; NULL: a product with a price */

	/* What pricing does not need, and reads only where it is asked for. NULL: unknown. */
	Numeric		cost;
	const char *category;
	Numeric		unit;
} DcxProductRow;

/* A band made ready for pricing. */
typedef struct DcxRate
{
	const DcxBand *band;
	bool		   ranged;	 /* its ends can be used; else it holds nothing */
	bool		   priced;	 /* both its prices can be used */
	int64		   from;	 /* where ranged: of whole numbers it holds this one */
	int64		   below;	 /* and all below this one */
	DcxPrice	   fixed;	 /* where priced */
	DcxPrice	   per_mbps; /* likewise */
} DcxRate;

/* A product whose price can be used, or a network service. */
typedef struct DcxProduct
{
	const char		 *code;
	const char		 *title;
	DcxPrice		  price;
	const DcxService *service; /* of a network service, whose price is of no use; else NULL */
	const DcxRate	 *rates;   /* of a network service that was looked up: one for each band */
} DcxProduct;

/* Products that are told apart by the rest of their code. */
typedef struct DcxFamily
{
	const char *prefix; /* of the code */
	int			length; /* of the prefix */
	const char *noun;	/* what the rest is called in errors */
} DcxFamily;

/*
 * The names that were looked up last, a slot each for those alike in length and ends: pricing a
 * table asks for the same few over and over.
 */
#define DCX_RECENT_SIZE	  32
#define DCX_RECENT_LENGTH 16

typedef struct DcxRecent
{
	const DcxFamily	 *family; /* NULL: empty */
	const DcxProduct *product;
	int				  length;
	char			  name[DCX_RECENT_LENGTH];
} DcxRecent;

/* The head of a book; the rest of it is book.c's. */
typedef struct DcxPriceBook
{
	DcxRecent recent[DCX_RECENT_SIZE];
} DcxPriceBook;

/*
 * Makes a book of rows, in the current memory context, whose it and all that it makes later is.
 * The rows' values are not copied and have to live as long; the array itself has not. place: what
 * errors call that which the rows are from, as in "correct it in the catalog".
 */
extern DcxPriceBook *dcx_book_make(const char *place, const DcxProductRow *rows, int nrows);

/* The slot of a name that is not empty. */
static inline DcxRecent *
dcx_book_recent(DcxPriceBook *book, const DcxFamily *family, const char *name, int length)
{
	unsigned first = (unsigned char) name[0];
	unsigned last = (unsigned char) name[length - 1];

	return &book->recent[((first ^ (last << 1) ^ (length << 3)) + family->length) %
						 DCX_RECENT_SIZE];
}

/* Looks a name up in the book's index; call dcx_book_find(). */
extern const DcxProduct *dcx_book_search(DcxPriceBook *book, const DcxFamily *family,
										 const char *name, int length);

/* Equality of two strings; of the usual 4 to 8 bytes inline, in two overlapping pieces. */
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
 * The product whose code is the family's prefix and the given name (length bytes, no terminator
 * needed). The code matches exactly; failing that, without (ASCII) case where exactly one does.
 * No such code is ZD002, with the names on offer as the hint. A code that two rows have, or whose
 * price is missing, negative or not finite, or that is a network service's, is ZD003.
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
 * The network service with a code (length bytes), found as a product is. No such service is ZD002,
 * with those of active providers as the hint; one of a code that two rows have, or that is no
 * service in itself, ZD003. Its provider may be inactive, and any of its bands be wrong.
 */
extern const DcxProduct *dcx_book_service(DcxPriceBook *book, const char *code, int length);

/*
 * Walks all network services, those of a code that several rows have as one, in the order of the
 * rows: position starts at 0, the end is NULL. fault: what keeps it from being used at any
 * bandwidth, as dcx_book_service() would say it, else NULL.
 */
extern const DcxProduct *dcx_book_next_service(DcxPriceBook *book, int *position,
											   const char **fault);

#endif /* DCX_BOOK_H */
