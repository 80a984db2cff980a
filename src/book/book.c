/*
 * book.c
 *		A price book in memory: product code -> price and title, or a network service's bands.
 *
 * The entries stand in the order of the rows. Two hash tables find them by their codes: one exactly, one
 * without case. The second is made when it is first needed, which in most sessions is never. Prices are
 * prepared for arithmetic when a product is looked up, so a large book costs little to make.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "src/base/errcodes.h"
#include "src/base/text.h"
#include "src/book/book.h"

/* How many product codes an error's hint lists. */
#define CODES_LISTED 20

static const DcxFamily network_services = {"", 0, "network service"};

/* What a row became. */
typedef struct Entry
{
	DcxProduct	product; /* of its price only the value is set, until it is looked up */
	const char *fault;	 /* of the row */
	int rows; /* how many have this code: more than one is an error; 0: an earlier entry counts */
} Entry;

/* A key of the hash tables. */
typedef struct CodeKey
{
	const char *text; /* not terminated */
	uint32		length;
} CodeKey;

/* An element of the hash tables. */
typedef struct CodeSlot
{
	CodeKey key;
	Entry  *entry;
	uint32	hash;
	bool	several; /* in the table without case: several codes differ only in case */
	char	status;	 /* simplehash's */
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
	DcxPriceBook  head;		/* first: a pointer to it is a pointer to the book */
	MemoryContext context;	/* of everything in the book */
	const char	 *place;	/* what errors call the source of the rows */
	int			  nameless; /* how many rows have no code */
	int			  nentries; /* how many have one */
	Entry		 *entries;	/* in the order of the rows */
	codes_hash	 *exact;	/* by code */
	codes_hash	 *folded;	/* by code in small letters; NULL until it is needed */
} Book;

static void
fold(char *to, const char *from, int length)
{
	for (int i = 0; i < length; i++)
		to[i] = pg_ascii_tolower((unsigned char) from[i]);
}

/* Compares numbers; NULL comes last. */
static int
compare_numbers(Numeric a, Numeric b)
{
	if (!a || !b)
		return !a - !b;
	return dcx_money_compare(a, b);
}

int
dcx_band_compare(const DcxBand *a, const DcxBand *b)
{
	int order = compare_numbers(a->min_mbps, b->min_mbps);

	if (order == 0)
		order = compare_numbers(a->max_mbps, b->max_mbps);
	if (order == 0)
		order = compare_numbers(a->fixed_price, b->fixed_price);
	if (order == 0)
		order = compare_numbers(a->price_per_mbps, b->price_per_mbps);
	if (order == 0)
		order = compare_numbers(a->cost, b->cost);
	return order;
}

DcxService
dcx_service_common(const DcxService *a, const DcxService *b)
{
	DcxService common = {.active = a->active || b->active};

	if (a->provider && b->provider && strcmp(a->provider, b->provider) == 0)
		common.provider = a->provider;
	return common;
}

/* Puts an entry into the exact table. A second one with the same code spoils the first, for good. */
static void
index_entry(Book *book, Entry *entry)
{
	CodeKey	  key = {entry->product.code, strlen(entry->product.code)};
	bool	  found;
	CodeSlot *slot = codes_insert(book->exact, key, &found);
	Entry	 *first = slot->entry;

	if (!found)
	{
		slot->entry = entry;
		return;
	}
	first->rows++;
	first->product.title = first->product.code;
	if (first->product.service && entry->product.service)
	{
		DcxService *common = palloc(sizeof(DcxService));

		*common = dcx_service_common(first->product.service, entry->product.service);
		first->product.service = common;
	}
	entry->rows = 0;
}

/* The table without case, made now if it is not there yet. */
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
	entry->product.price.value = row->service ? NULL : row->price;
	entry->product.service = row->service;
	entry->product.rates = NULL;
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

/* Whether an error may offer an entry: it is of the family, and can be priced. */
static bool
is_on_offer(const Entry *entry, const DcxFamily *family)
{
	const DcxService *service = entry->product.service;

	if (entry->rows != 1)
		return false;
	if (family == &network_services)
		return service && service->active && !entry->fault;
	return strncmp(entry->product.code, family->prefix, family->length) == 0 &&
		   dcx_price_is_usable(entry->product.price.value);
}

/* The names of a family that can be priced, sorted, for a hint. */
static char *
names_on_offer(const Book *book, const DcxFamily *family)
{
	const char **names = palloc(sizeof(char *) * Max(book->nentries, 1));
	int			 n = 0;

	for (int i = 0; i < book->nentries; i++)
		if (is_on_offer(&book->entries[i], family))
			names[n++] = book->entries[i].product.code + family->length;
	n = dcx_text_sort(names, n);
	return dcx_text_list(names, n, CODES_LISTED);
}

static bool
has_services(const Book *book)
{
	for (int i = 0; i < book->nentries; i++)
		if (book->entries[i].product.service)
			return true;
	return false;
}

/* What errors call an entry. */
static const char *
entry_noun(const Entry *entry)
{
	return entry->product.service ? network_services.noun : "product";
}

/* Refuses a name: there is no such code or, where an entry is given, it is not a network service. */
static void
refuse_unknown(const Book *book, const DcxFamily *family, const char *name, const char *code,
			   const Entry *entry)
{
	bool		service = family == &network_services;
	const char *offer = names_on_offer(book, family);

	ereport(ERROR,
			errcode(DCX_ERRCODE_UNKNOWN_PRODUCT),
			errmsg("unknown %s \"%s\"", family->noun, dcx_text_shown(name)),
			entry ? errdetail("\"%s\" is a product of the %s, not a network service.",
							  dcx_text_shown(entry->product.code),
							  book->place) :
			*code || !book->nameless ?
					errdetail("The %s has no %s with the code \"%s\".",
							  book->place,
							  service ? "network service" : "product",
							  dcx_text_shown(code)) :
					errdetail("%s of the %s that have no code: %d. They cannot be priced.",
							  service ? "Network services" : "Products",
							  book->place,
							  book->nameless),
			service && book->nentries > 0 && !has_services(book) ?
				errhint("dcx_price_book('enetworks') is the book of the network services.") :
				errhint("On offer: %s.", offer));
}

/* Refuses a name that several codes match without case, and none exactly. */
static void
refuse_ambiguous(const Book *book, const DcxFamily *family, const char *name, const char *code)
{
	ereport(ERROR,
			errcode(DCX_ERRCODE_UNUSABLE_PRICE),
			errmsg("%s \"%s\" is ambiguous", family->noun, dcx_text_shown(name)),
			family == &network_services ?
				errdetail("Several codes differ from \"%s\" only in case.", dcx_text_shown(code)) :
				errdetail("Several product codes differ from \"%s\" only in case.",
						  dcx_text_shown(code)),
			errhint("Write it exactly as the %s does.", book->place));
}

/* What is wrong with an entry, be it a product or a service; NULL: nothing. A product's price is not looked at. */
static const char *
entry_fault(const Book *book, const Entry *entry)
{
	if (entry->rows > 1)
		return psprintf("%d %ss of the %s have this code.",
						entry->rows,
						entry_noun(entry),
						book->place);
	return entry->fault;
}

/* Refuses an entry that cannot be priced, and says why. */
static void
refuse_unusable(const Book *book, const Entry *entry)
{
	const char *detail = entry_fault(book, entry);
	Numeric		price = entry->product.price.value;

	if (!detail && !price)
		detail = "It has no price.";
	ereport(ERROR,
			errcode(DCX_ERRCODE_UNUSABLE_PRICE),
			errmsg("%s \"%s\" cannot be priced",
				   entry_noun(entry),
				   dcx_text_shown(entry->product.code)),
			detail ? errdetail("%s", detail) :
					 errdetail("Its price is %s.", dcx_numeric_text(price)),
			errhint("Correct it in the %s; the other %ss can be priced meanwhile.",
					book->place,
					entry_noun(entry)));
}

/* Refuses a network service where a product is wanted. */
static void
refuse_service(const Entry *entry)
{
	ereport(ERROR,
			errcode(DCX_ERRCODE_UNUSABLE_PRICE),
			errmsg("product \"%s\" cannot be priced", dcx_text_shown(entry->product.code)),
			errdetail("It is a network service, which is priced by its bandwidth."),
			errhint("dcx_network_cost(%s, mbps) prices it.",
					dcx_text_is_long(entry->product.code) ?
						"..." :
						quote_literal_cstr(entry->product.code)));
}

/* Finds a code without case; an error when none matches, or several do. */
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
		refuse_unknown(book, family, code + family->length, code, NULL);
	if (slot->several)
		refuse_ambiguous(book, family, code + family->length, code);
	return slot->entry;
}

/* Finds the code that is the family's prefix and a name: exactly, else without case. */
static Entry *
find_entry(Book *book, const DcxFamily *family, const char *name, int length)
{
	char	  buffer[128];
	char	 *code = buffer;
	CodeKey	  key;
	CodeSlot *slot;

	key.length = family->length + length;
	if (key.length > sizeof(buffer))
		code = palloc(key.length);
	memcpy(code, family->prefix, family->length);
	memcpy(code + family->length, name, length);
	key.text = code;

	slot = codes_lookup(book->exact, key);
	return slot ? slot->entry : find_folded(book, family, key);
}

/* Finds a product that can be priced, and prepares its price. */
static const DcxProduct *
find_priced_product(Book *book, const DcxFamily *family, const char *name, int length)
{
	Entry *entry = find_entry(book, family, name, length);

	if (entry->rows == 1 && entry->product.service)
		refuse_service(entry);
	if (entry->rows > 1 || !dcx_price_is_usable(entry->product.price.value))
		refuse_unusable(book, entry);
	dcx_price_set(&entry->product.price, entry->product.price.value);
	return &entry->product;
}

const DcxProduct *
dcx_book_search(DcxPriceBook *book, const DcxFamily *family, const char *name, int length)
{
	const DcxProduct *product = find_priced_product((Book *) book, family, name, length);

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

/* A value rounded up to a whole number; one beyond 2^62 becomes the largest or smallest int64. */
static int64
round_up(Numeric value)
{
	static const int64 far_away = INT64CONST(1) << 62;

	if (dcx_money_compare(value, int64_to_numeric(far_away)) > 0)
		return PG_INT64_MAX;
	if (dcx_money_compare(value, int64_to_numeric(-far_away)) < 0)
		return PG_INT64_MIN;
	return DatumGetInt64(
		DirectFunctionCall1(numeric_int8,
							DirectFunctionCall1(numeric_ceil, NumericGetDatum(value))));
}

static void
set_rate(DcxRate *rate, const DcxBand *band)
{
	rate->band = band;
	rate->ranged = band->min_mbps && !numeric_is_nan(band->min_mbps) &&
				   !(band->max_mbps && numeric_is_nan(band->max_mbps));
	if (rate->ranged)
	{
		rate->from = round_up(band->min_mbps);
		rate->below = band->max_mbps ? round_up(band->max_mbps) : PG_INT64_MAX;
	}
	rate->priced =
		dcx_price_is_usable(band->fixed_price) && dcx_price_is_usable(band->price_per_mbps);
	if (rate->priced)
	{
		dcx_price_set(&rate->fixed, band->fixed_price);
		dcx_price_set(&rate->per_mbps, band->price_per_mbps);
	}
}

/* The service of an entry, with its bands prepared for pricing. */
static const DcxProduct *
service_product(Book *book, Entry *entry)
{
	const DcxService *service = entry->product.service;
	DcxRate			 *rates;

	if (entry->product.rates)
		return &entry->product;

	rates = MemoryContextAllocExtended(book->context,
									   sizeof(DcxRate) * Max(service->nbands, 1),
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < service->nbands; i++)
		set_rate(&rates[i], &service->bands[i]);
	entry->product.rates = rates;
	return &entry->product;
}

const DcxProduct *
dcx_book_service(DcxPriceBook *head, const char *code, int length)
{
	Book  *book = (Book *) head;
	Entry *entry = find_entry(book, &network_services, code, length);

	if (!entry->product.service)
	{
		char *name = pnstrdup(code, length);

		refuse_unknown(book, &network_services, name, name, entry);
	}
	if (unlikely(entry->rows > 1 || entry->fault))
		refuse_unusable(book, entry);
	return service_product(book, entry);
}

const DcxProduct *
dcx_book_next_service(DcxPriceBook *head, int *position, const char **reason)
{
	Book *book = (Book *) head;

	while (*position < book->nentries)
	{
		Entry *entry = &book->entries[(*position)++];

		if (entry->rows > 0 && entry->product.service)
		{
			*reason = entry_fault(book, entry);
			return service_product(book, entry);
		}
	}
	return NULL;
}
