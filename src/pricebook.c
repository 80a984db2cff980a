/*
 * pricebook.c
 *		The price book in backend memory: code -> price and title.
 *
 * A book is one memory context that holds everything of it: the entries in the order they were
 * read, and two hash tables over their codes, one to the letter and one without case.
 */
#include "postgres.h"

#include "catalog.h"
#include "common/hashfn.h"
#include "errcodes.h"
#include "fmgr.h"
#include "funcapi.h"
#include "pricebook.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* How many product codes an error's hint lists. */
#define CODES_LISTED 20

typedef struct Entry
{
	DcxProduct product; /* its price holds only the value as read until it is looked up */
	int		   rows;	/* how many rows have this code; more than one spoil it */
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
	Oid			  relation; /* what it was read from */
	TimestampTz	  read_at;
	bool		  quick; /* read from tables, under the binding's own stamp: one check does */
	DcxSource	  source;
	DcxStamp	  stamp;
	int			  nproducts; /* rows read */
	int			  nameless;	 /* of which without a code */
	int			  nentries;	 /* and the others */
	Entry		 *entries;
	codes_hash	 *exact;
	codes_hash	 *folded; /* NULL until it is needed */
} Book;

static Book *current_book = NULL;

/* What this backend did so far, for dcx_price_book_stats(). */
static int64 stat_loads = 0;
static int64 stat_remote_reads = 0;
static int64 stat_hits = 0;

static void
fold(char *to, const char *from, int length)
{
	for (int i = 0; i < length; i++)
		to[i] = pg_ascii_tolower((unsigned char) from[i]);
}

/* Whether the price is there, finite and not negative. */
static bool
is_usable(Numeric price)
{
	return price && !numeric_is_nan(price) && !numeric_is_inf(price) &&
		   DatumGetBool(DirectFunctionCall2(numeric_ge,
											NumericGetDatum(price),
											NumericGetDatum(int64_to_numeric(0))));
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

/* Turns a row into an entry of the book, whose memory the row's values are in. */
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
	entry->rows = 1;
	index_entry(book, entry);
}

/* Reads the catalog into a new book and puts it in the place of the old one. */
static Book *
load(const DcxBinding *binding)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "dcx price book", ALLOCSET_DEFAULT_SIZES);
	MemoryContext  caller = MemoryContextSwitchTo(context);
	Book		  *book = palloc0(sizeof(Book));
	DcxProductRow *rows;

	book->context = context;
	book->relation = binding->relation;
	book->read_at = GetCurrentTimestamp();
	rows = dcx_catalog_products(&book->nproducts, &book->source, &book->stamp);
	book->entries = palloc0(sizeof(Entry) * Max(book->nproducts, 1));
	book->exact = codes_create(context, book->nproducts, NULL);
	for (int i = 0; i < book->nproducts; i++)
		add_row(book, &rows[i]);
	pfree(rows);
	MemoryContextSwitchTo(caller);

	book->quick = book->source.kind == DCX_SOURCE_TABLES &&
				  dcx_stamp_same(&book->stamp, &binding->stamp) &&
				  book->relation == binding->relation;

	/* Nothing below can fail. */
	MemoryContextSetParent(context, TopMemoryContext);
	if (current_book)
		MemoryContextDelete(current_book->context);
	current_book = book;
	stat_loads++;
	if (book->source.kind == DCX_SOURCE_FOREIGN)
		stat_remote_reads++;

	return book;
}

DcxPriceBook *
dcx_pricebook_get(void)
{
	const DcxBinding *binding;

	if (likely(current_book && current_book->quick && dcx_stamp_holds_quick(&current_book->stamp)))
	{
		stat_hits++;
		return &current_book->head;
	}

	binding = dcx_catalog_bound_products();
	if (likely(current_book && current_book->relation == binding->relation &&
			   dcx_stamp_holds(&current_book->stamp, &current_book->source)))
	{
		stat_hits++;
		return &current_book->head;
	}
	return &load(binding)->head;
}

void
dcx_pricebook_origin(const DcxPriceBook *book, Oid *relation, TimestampTz *read_at)
{
	const Book *whole = (const Book *) book;

	*relation = whole->relation;
	*read_at = whole->read_at;
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
			is_usable(entry->product.price.value))
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
				errdetail("The catalog has no product with the code \"%s\".", code) :
				errdetail("The catalog has %d products without a code; they cannot be priced.",
						  book->nameless),
			errhint("On offer: %s.", names_on_offer(book, family)));
}

static void
ambiguous(const DcxFamily *family, const char *name, const char *code)
{
	ereport(ERROR,
			errcode(DCX_ERRCODE_UNUSABLE_PRICE),
			errmsg("%s \"%s\" is ambiguous", family->noun, name),
			errdetail("Several product codes differ from \"%s\" only in case.", code),
			errhint("Write it exactly as the catalog does."));
}

static void
unusable(const Entry *entry)
{
	const DcxProduct *product = &entry->product;

	ereport(ERROR,
			errcode(DCX_ERRCODE_UNUSABLE_PRICE),
			errmsg("product \"%s\" cannot be priced", product->code),
			entry->rows > 1 ? errdetail("%d products of the catalog have this code.", entry->rows) :
			!product->price.value ?
							  errdetail("It has no price.") :
							  errdetail("Its price is %s.", dcx_numeric_text(product->price.value)),
			errhint("Correct it in the catalog; the other products can be priced meanwhile."));
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
		ambiguous(family, code + family->length, code);
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
	if (entry->rows > 1 || !is_usable(entry->product.price.value))
		unusable(entry);
	dcx_price_set(&entry->product.price, entry->product.price.value);
	return &entry->product;
}

const DcxProduct *
dcx_pricebook_search(DcxPriceBook *book, const DcxFamily *family, const char *name, int length)
{
	const DcxProduct *product = find((Book *) book, family, name, length);

	if (length > 0 && length <= DCX_RECENT_LENGTH)
	{
		DcxRecent *recent = dcx_pricebook_recent(book, family, name, length);

		recent->family = family;
		recent->product = product;
		recent->length = length;
		memcpy(recent->name, name, length);
	}
	return product;
}

/* dcx_price_book_stats(): what the price book of this backend did. */
PG_FUNCTION_INFO_V1(dcx_price_book_stats);
Datum
dcx_price_book_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[5] = {0};
	bool		   nulls[5] = {false};

	InitMaterializedSRF(fcinfo, 0);
	values[0] = CStringGetTextDatum(DCX_CATALOG_AAS);
	values[1] = Int32GetDatum(current_book ? current_book->nproducts : 0);
	nulls[1] = !current_book;
	values[2] = Int64GetDatum(stat_loads);
	values[3] = Int64GetDatum(stat_remote_reads);
	values[4] = Int64GetDatum(stat_hits);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
