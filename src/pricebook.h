/*
 * pricebook.h
 *		The price book in backend memory: code -> price and title.
 *
 * One book per catalog and backend, read whole and used again as long as the exactness rule
 * (snapshot.h) says that reading again would give the same. A new book is built aside and takes
 * the old one's place in one step, so that an error on the way leaves the old one as it was.
 */
#ifndef DCX_PRICEBOOK_H
#define DCX_PRICEBOOK_H

#include "datatype/timestamp.h"
#include "money.h"

/* A product whose price can be used. */
typedef struct DcxProduct
{
	const char *code;
	const char *title;
	DcxPrice	price;
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

/* The head of a book; the rest of it is pricebook.c's. */
typedef struct DcxPriceBook
{
	DcxRecent recent[DCX_RECENT_SIZE];
} DcxPriceBook;

/*
 * The book that answers under the active snapshot. It and all in it hold until anything runs that
 * can open a relation: copy what must live longer. ZD007 where nothing is attached, ZD008 where
 * the catalog cannot be reached.
 */
extern DcxPriceBook *dcx_pricebook_get(void);

/* The relation that the book was read from, and when. */
extern void dcx_pricebook_origin(const DcxPriceBook *book, Oid *relation, TimestampTz *read_at);

/* The slot of a name that is not empty. */
static inline DcxRecent *
dcx_pricebook_recent(DcxPriceBook *book, const DcxFamily *family, const char *name, int length)
{
	unsigned first = (unsigned char) name[0];
	unsigned last = (unsigned char) name[length - 1];

	return &book->recent[((first ^ (last << 1) ^ (length << 3)) + family->length) %
						 DCX_RECENT_SIZE];
}

/* Looks a name up in the book's index; call dcx_pricebook_find(). */
extern const DcxProduct *dcx_pricebook_search(DcxPriceBook *book, const DcxFamily *family,
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
 * price is missing, negative or not finite, is ZD003.
 */
static inline const DcxProduct *
dcx_pricebook_find(DcxPriceBook *book, const DcxFamily *family, const char *name, int length)
{
	if (likely(length > 0 && length <= DCX_RECENT_LENGTH))
	{
		const DcxRecent *recent = dcx_pricebook_recent(book, family, name, length);

		if (likely(recent->family == family && recent->length == length &&
				   dcx_short_equal(recent->name, name, length)))
			return recent->product;
	}
	return dcx_pricebook_search(book, family, name, length);
}

#endif /* DCX_PRICEBOOK_H */
