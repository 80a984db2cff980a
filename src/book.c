/*
 * book.c
 *		A price book in memory: code -> price and title.
 *
 * The entries in the order of the rows, and two hash tables over their codes, one to the letter
 * and one without case.
 */
#include "postgres.h"

#include "book.h"
#include "common/hashfn.h"
#include "errcodes.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

/* How many product codes an error's hint lists. */
#define CODES_LISTED 20

typedef struct Entry
{
	DcxProduct	product; /* its price holds only the value as read until it is looked up */
	const char *fault;	 /* as the row has it */
	int			rows;	 /* how many rows have this code; more than one spoil it */
} Entry;

typedef struct CodeKey
{
	const char *text;
	uint32		length;
} CodeKey;

typedef struct CodeSlot
{
	CodeKey key;
	Entry  *entry;
	uint32	hash;
	bool	several; /* without case: more than one code is written so */
	char	status;
} CodeSlot;

#define SH_PREFIX			 codes
#define SH_ELEMENT_TYPE		 CodeSlot
#define SH_KEY_TYPE			 CodeKey
#define SH_KEY				 key
#define SH_HASH_KEY(tb, key) hash_bytes((const unsigned char *) (key).text, (key).length)
#define SH_EQUAL(tb, a, b)	 ((a).length == (b).length && memcmp((a).text, (b).text, (a).length) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, slot) (slot)->hash
#define SH_SCOPE			  static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct Book
{
	DcxPriceBook  head; /* first, so that a pointer to the one is a pointer to the other */
	MemoryContext context;
	const char	 *place;
	int			  nameless; /* rows without a code */
	int			  nentries; /* and the others */
	Entry		 *entries;
	codes_hash	 *exact;
	codes_hash	 *folded; /* NULL until it is needed */
} Book;

static void
fold(char *to, const char *from, int length)
{
	for (int i = 0; i < length; i++)
		to[i] = pg_ascii_tolower((unsigned char) from[i]);
}

/* Enters an entry under its code; in the book's memory context. */
static void
index_entry(Book *book, Entry *entry)
{
	CodeKey	  key = {entry->product.code, strlen(entry->product.code)};
	bool	  found;
	CodeSlot *slot = codes_insert(book->exact, key, &found);

	if (found)
		slot->entry->rows++;
	else
		slot->entry = entry;
}

/* The index without case, made when it is first needed, which in most sessions is never. */
static codes_hash *
need_folded(Book *book)
{
	codes_iterator iterator;
	CodeSlot	  *exact;
	codes_hash	  *folded;
	MemoryContext  caller;

	if (book->folded)
		return book->folded;

	caller = MemoryContextSwitchTo(book->context);
	folded = codes_create(book->context, book->nentries, NULL);
	codes_start_iterate(book->exact, &iterator);
	while ((exact = codes_iterate(book->exact, &iterator)) != NULL)
	{
		char	 *text = palloc(exact->key.length + 1);
		CodeKey	  key = {text, exact->key.length};
		CodeSlot *slot;
		bool	  found;

		fold(text, exact->key.text, exact->key.length);
		slot = codes_insert(folded, key, &found);
		slot->several = found;
		slot->entry = exact->entry;
	}
	MemoryContextSwitchTo(caller);

	book->folded = folded;
	return folded;
}

static void
add_row(Book *book, const DcxProductRow *row)
{
	Entry *entry;

	if (!row->code || !*row->code)
	{
		book->nameless++;
		return;
	}

	entry = &book->entries[book->nentries++];
	entry->product.code = row->code;
	entry->product.title = row->title ? row->title : row->code;
	entry->product.price.value = row->price;
	entry->fault = row->fault;
	entry->rows = Max(row->rows, 1);
	index_entry(book, entry);
}

DcxPriceBook *
dcx_book_make(const char *place, const DcxProductRow *rows, int nrows)
{
	Book *book = palloc0(sizeof(Book));

	book->context = CurrentMemoryContext;
	book->place = place;
	book->entries = MemoryContextAllocHuge(book->context, sizeof(Entry) * Max(nrows, 1));
	book->exact = codes_create(book->context, nrows, NULL);
	for (int i = 0; i < nrows; i++)
		add_row(book, &rows[i]);
	return &book->head;
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The usable names of a family, in order, as many as an error can show. */
static char *
names_on_offer(const Book *book, const DcxFamily *family)
{
	const char	 **names = palloc(sizeof(char *) * Max(book->nentries, 1));
	int			   n = 0;
	StringInfoData list;

	for (int i = 0; i < book->nentries; i++)
	{
		const Entry *entry = &book->entries[i];

		if (entry->rows == 1 && strncmp(entry->product.code, family->prefix, family->length) == 0 &&
			dcx_price_is_usable(entry->product.price.value))
			names[n++] = entry->product.code + family->length;
	}
	qsort(names, n, sizeof(char *), compare_strings);

	initStringInfo(&list);
	for (int i = 0; i < Min(n, CODES_LISTED); i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "", names[i]);
	if (n > CODES_LISTED)
		appendStringInfo(&list, ", and %d more", n - CODES_LISTED);
	return n ? list.data : pstrdup("none");
}

static void
unknown(const Book *book, const DcxFamily *family, const char *name, const char *code)
{
	ereport(ERROR,
			errcode(DCX_ERRCODE_UNKNOWN_PRODUCT),
			errmsg("unknown %s \"%s\"", family->noun, name),
			*code || !book->nameless ?
				errdetail("The %s has no product with the code \"%s\".", book->place, code) :
				errdetail("Products of the %s that have no code: %d. They cannot be priced.",
						  book->place,
						  book->nameless),
			errhint("On offer: %s.", names_on_offer(book, family)));
}

static void
ambiguous(const Book *book, const DcxFamily *family, const char *name, const char *code)
{
	ereport(ERROR,
			errcode(DCX_ERRCODE_UNUSABLE_PRICE),
			errmsg("%s \"%s\" is ambiguous", family->noun, name),
			errdetail("Several product codes differ from \"%s\" only in case.", code),
			errhint("Write it exactly as the %s does.", book->place));
}

static void
unusable(const Book *book, const Entry *entry)
{
	const DcxProduct *product = &entry->product;

	ereport(ERROR,
			errcode(DCX_ERRCODE_UNUSABLE_PRICE),
			errmsg("product \"%s\" cannot be priced", product->code),
			entry->rows > 1 ?
				errdetail("%d products of the %s have this code.", entry->rows, book->place) :
			entry->fault ? errdetail("%s", entry->fault) :
			!product->price.value ?
						   errdetail("It has no price.") :
						   errdetail("Its price is %s.", dcx_numeric_text(product->price.value)),
			errhint("Correct it in the %s; the other products can be priced meanwhile.",
					book->place));
}

/* The slow way: not to the letter, so without case, or an error that says what is wrong. */
static Entry *
find_folded(Book *book, const DcxFamily *family, CodeKey key)
{
	char	 *code = pnstrdup(key.text, key.length);
	char	 *folded = palloc(key.length + 1);
	CodeSlot *slot;

	fold(folded, key.text, key.length);
	key.text = folded;
	slot = codes_lookup(need_folded(book), key);
	if (!slot)
		unknown(book, family, code + family->length, code);
	if (slot->several)
		ambiguous(book, family, code + family->length, code);
	return slot->entry;
}

static const DcxProduct *
find(Book *book, const DcxFamily *family, const char *name, int length)
{
	char	  buffer[128];
	char	 *code = buffer;
	CodeKey	  key;
	CodeSlot *slot;
	Entry	 *entry;

	key.length = family->length + length;
	if (key.length > sizeof(buffer))
		code = palloc(key.length);
	memcpy(code, family->prefix, family->length);
	memcpy(code + family->length, name, length);
	key.text = code;

	slot = codes_lookup(book->exact, key);
	entry = slot ? slot->entry : find_folded(book, family, key);
	if (entry->rows > 1 || !dcx_price_is_usable(entry->product.price.value))
		unusable(book, entry);
	dcx_price_set(&entry->product.price, entry->product.price.value);
	return &entry->product;
}

const DcxProduct *
dcx_book_search(DcxPriceBook *book, const DcxFamily *family, const char *name, int length)
{
	const DcxProduct *product = find((Book *) book, family, name, length);

	if (length > 0 && length <= DCX_RECENT_LENGTH)
	{
		DcxRecent *recent = dcx_book_recent(book, family, name, length);

		recent->family = family;
		recent->product = product;
		recent->length = length;
		memcpy(recent->name, name, length);
	}
	return product;
}
