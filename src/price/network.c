/*
 * network.c
 *		What a network service costs at a bandwidth, and who can serve it.
 *
 * Pure: a book, a service and a bandwidth go in, decimals come out.
 *
 * A band holds its minimum and every bandwidth below its maximum. A service has a price at a bandwidth
 * when exactly one of its bands holds it: a gap and an overlap are both errors, and say where they are.
 *
 * Order of reads, as in vm.c: all other arguments are fetched first, the book is asked for last, and then
 * nothing opens a relation until the book has been used.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "src/base/errcodes.h"
#include "src/base/float8.h"
#include "src/base/result.h"
#include "src/base/text.h"
#include "src/book/bookjson.h"
#include "src/book/pricebook.h"
#include "src/price/network.h"

/* How many bands or providers an error lists. */
#define LISTED 20

/* A service priced at a bandwidth. */
typedef struct Priced
{
	const DcxBand *band;					 /* the one that holds the bandwidth */
	DcxTerm		   terms[DCX_NETWORK_LINES]; /* the fixed price, and that per Mbps */
} Priced;

static char *
number_text(Numeric value)
{
	return dcx_numeric_text(dcx_numeric_trimmed(value));
}

static char *
mbps_text(DcxQuantity mbps)
{
	return dcx_numeric_text(dcx_quantity_numeric(mbps));
}

/* The same as the argument of a call that a hint shows. */
static const char *
mbps_argument(DcxQuantity mbps)
{
	Numeric value = dcx_quantity_numeric(mbps);
	char   *text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value)));

	return dcx_text_is_long(text) ? "..." : text;
}

/* A range as text, such as "20 to 100 Mbps"; to: the word before its upper end. */
static char *
range_text(Numeric min, const char *to, Numeric max)
{
	return max ? psprintf("%s %s %s Mbps", number_text(min), to, number_text(max)) :
				 psprintf("%s Mbps and more", number_text(min));
}

static char *
band_text(const DcxBand *band)
{
	return range_text(band->min_mbps, "to below", band->max_mbps);
}

/* A sentence made to follow a colon: its first letter small. */
static char *
after_colon(const char *sentence)
{
	char *text = pstrdup(sentence);

	text[0] = pg_ascii_tolower((unsigned char) text[0]);
	return text;
}

/* Why a band can hold no bandwidth at all; NULL when it can hold some. */
static const char *
range_fault(const DcxBand *band)
{
	if (!band->min_mbps)
		return band->fault ? band->fault : "Its min_mbps is missing.";
	if (numeric_is_nan(band->min_mbps))
		return "Its min_mbps is NaN.";
	if (band->max_mbps && numeric_is_nan(band->max_mbps))
		return "Its max_mbps is NaN.";
	if (band->max_mbps && dcx_money_compare(band->min_mbps, band->max_mbps) >= 0)
		return psprintf("It is empty, %s.", band_text(band));
	return NULL;
}

static bool
starts_above(const DcxBand *band, Numeric mbps)
{
	return dcx_money_compare(band->min_mbps, mbps) > 0;
}

static bool
ends_below(const DcxBand *band, Numeric mbps)
{
	return band->max_mbps && dcx_money_compare(band->max_mbps, mbps) <= 0;
}

/* Whether a band holds a bandwidth. */
static bool
holds(const DcxRate *rate, DcxQuantity mbps)
{
	if (likely(!mbps.fraction))
		return rate->from <= mbps.n && mbps.n < rate->below;
	return rate->ranged && !starts_above(rate->band, mbps.fraction) &&
		   !ends_below(rate->band, mbps.fraction);
}

/* The bands of a service, as far as they matter to a bandwidth that none of them holds. */
typedef struct Surroundings
{
	const DcxBand *first; /* the one that starts lowest */
	const DcxBand *last;  /* the one that ends highest */
	const DcxBand *below; /* the nearest one below the bandwidth */
	const DcxBand *above; /* the nearest one above it */
	const char	  *fault; /* what is wrong with the first band that cannot be used */
	int			   nusable;
	int			   nfaults; /* bands that cannot be used */
} Surroundings;

/* Takes a band that can be used, and does not hold the bandwidth, into account. */
static void
add_surrounding(Surroundings *around, const DcxBand *band, Numeric mbps)
{
	const DcxBand *last = around->last;
	const DcxBand *below = around->below;
	const DcxBand *above = around->above;

	around->nusable++;
	if (!around->first || starts_above(around->first, band->min_mbps))
		around->first = band;
	if (!last || (last->max_mbps && !(band->max_mbps && ends_below(band, last->max_mbps))))
		around->last = band;
	if (starts_above(band, mbps))
		around->above = above && !starts_above(above, band->min_mbps) ? above : band;
	else
		around->below = below && ends_below(band, below->max_mbps) ? below : band;
}

static Surroundings
surroundings(const DcxService *service, Numeric mbps)
{
	Surroundings around = {0};

	for (int i = 0; i < service->nbands; i++)
	{
		const DcxBand *band = &service->bands[i];
		const char	  *fault = range_fault(band);

		if (!fault)
			add_surrounding(&around, band, mbps);
		else if (around.nfaults++ == 0)
			around.fault = fault;
	}
	return around;
}

/* Says why no band of a service holds a bandwidth: there are none, a gap, or it is out of range. */
static const char *
no_band(const DcxService *service, Numeric mbps)
{
	Surroundings   around = surroundings(service, mbps);
	StringInfoData text;

	if (service->nbands == 0)
		return "It has no bands.";
	if (around.nusable == 0)
		return psprintf("None of its bands can be used. The first: %s", after_colon(around.fault));

	initStringInfo(&text);
	if (around.below && around.above)
		appendStringInfo(&text,
						 "There is a gap between %s and %s Mbps; the nearest bands are %s and %s.",
						 number_text(around.below->max_mbps),
						 number_text(around.above->min_mbps),
						 band_text(around.below),
						 band_text(around.above));
	else if (around.nusable == 1)
		appendStringInfo(&text, "Its only band is %s.", band_text(around.first));
	else
		appendStringInfo(&text,
						 "Its bands go from %s; the nearest is %s.",
						 range_text(around.first->min_mbps, "to below", around.last->max_mbps),
						 band_text(around.below ? around.below : around.above));
	if (around.nfaults == 1)
		appendStringInfo(&text, " One band is left out: %s", after_colon(around.fault));
	else if (around.nfaults > 1)
		appendStringInfo(&text,
						 " %d bands are left out, the first: %s",
						 around.nfaults,
						 after_colon(around.fault));
	return text.data;
}

/* Lists the bands that hold a bandwidth, of which there are several. */
static const char *
overlap(const DcxProduct *product, DcxQuantity mbps, int nbands)
{
	const char *bands[LISTED];
	int			n = 0;

	for (int i = 0; i < product->service->nbands && n < LISTED; i++)
		if (holds(&product->rates[i], mbps))
			bands[n++] = band_text(product->rates[i].band);
	return psprintf("%d of its bands hold it: %s.", nbands, dcx_text_list(bands, nbands, LISTED));
}

/* What is wrong with one of a band's two prices; NULL when nothing is. name: what errors call it. */
static const char *
price_fault(const DcxBand *band, const char *name, Numeric price)
{
	if (dcx_price_is_usable(price))
		return NULL;
	if (price)
		return psprintf("The %s of its band %s is %s.", name, band_text(band), number_text(price));
	if (band->fault)
		return psprintf("Its band %s cannot be used: %s",
						band_text(band),
						after_colon(band->fault));
	return psprintf("Its band %s has no %s.", band_text(band), name);
}

/*
 * Says why a service has no price at a bandwidth. nbands: how many of its bands hold it; band: one of
 * those, if any.
 */
static pg_noinline const char *
no_price(const DcxProduct *product, DcxQuantity mbps, int nbands, const DcxBand *band)
{
	const DcxService *service = product->service;
	const char		 *fault;

	if (!service->active)
		return service->provider ?
				   psprintf("Its provider \"%s\" is inactive.", dcx_text_shown(service->provider)) :
				   "It has no active provider.";
	if (nbands == 0)
		return no_band(service, dcx_quantity_numeric(mbps));
	if (nbands > 1)
		return overlap(product, mbps, nbands);
	fault = price_fault(band, "fixed price", band->fixed_price);
	return fault ? fault : price_fault(band, "price per Mbps", band->price_per_mbps);
}

/*
 * Prices a service at a bandwidth and returns NULL; or returns why it has no price there. What is filled
 * in points into the service.
 */
static const char *
price_at(const DcxProduct *product, DcxQuantity mbps, Priced *priced)
{
	const DcxRate *rate = NULL;
	int			   n = 0;

	for (int i = 0; i < product->service->nbands; i++)
	{
		if (!holds(&product->rates[i], mbps))
			continue;
		rate = &product->rates[i];
		n++;
	}
	if (unlikely(!product->service->active || n != 1 || !rate->priced))
		return no_price(product, mbps, n, rate ? rate->band : NULL);

	priced->band = rate->band;
	priced->terms[0].price = &rate->fixed;
	priced->terms[0].quantity = (DcxQuantity){.n = 1};
	priced->terms[1].price = &rate->per_mbps;
	priced->terms[1].quantity = mbps;
	return NULL;
}

/* Finds a service by its code and prices it at a bandwidth; an error when it has no price there. */
static const DcxProduct *
price_service(DcxPriceBook *book, const text *code, DcxQuantity mbps, Priced *priced)
{
	const DcxProduct *product = dcx_book_service(book, VARDATA_ANY(code), VARSIZE_ANY_EXHDR(code));
	const char		 *fault = price_at(product, mbps, priced);

	if (unlikely(fault != NULL))
		ereport(ERROR,
				errcode(DCX_ERRCODE_UNUSABLE_PRICE),
				errmsg("network service \"%s\" cannot be priced at %s Mbps",
					   dcx_text_shown(product->code),
					   mbps_text(mbps)),
				errdetail("%s", fault),
				errhint("dcx_network_offers(%s) lists the network services that can.",
						mbps_argument(mbps)));
	return product;
}

/* Refuses a bandwidth of 0 or less. */
static DcxQuantity
check_mbps(DcxQuantity mbps)
{
	if (dcx_quantity_sign(mbps) <= 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("mbps must be above 0"),
				errdetail("It is %s.", mbps_text(mbps)),
				errhint("It is the bandwidth in Mbps, and may have decimals."));
	return mbps;
}

static DcxQuantity
mbps_from_float8(float8 mbps)
{
	return check_mbps(dcx_quantity_from_float8("mbps", mbps));
}

static DcxQuantity
mbps_from_numeric(Numeric mbps)
{
	return check_mbps(dcx_quantity_from_numeric("mbps", mbps));
}

static Datum
network_cost(DcxPriceBook *book, const text *code, DcxQuantity mbps)
{
	Priced priced;

	price_service(book, code, mbps, &priced);
	return NumericGetDatum(dcx_money_sum(priced.terms, DCX_NETWORK_LINES));
}

/* dcx_network_cost(text, double precision) */
PG_FUNCTION_INFO_V1(dcx_network_cost_float8);
Datum
dcx_network_cost_float8(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_float8(PG_GETARG_FLOAT8(1));
	text	   *service = PG_GETARG_TEXT_PP(0);

	return network_cost(dcx_pricebook_get(DCX_ENETWORKS), service, mbps);
}

/* dcx_network_cost(text, numeric) */
PG_FUNCTION_INFO_V1(dcx_network_cost_numeric);
Datum
dcx_network_cost_numeric(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_numeric(PG_GETARG_NUMERIC(1));
	text	   *service = PG_GETARG_TEXT_PP(0);

	return network_cost(dcx_pricebook_get(DCX_ENETWORKS), service, mbps);
}

/* dcx_network_cost(text, double precision, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_cost_float8_book);
Datum
dcx_network_cost_float8_book(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_float8(PG_GETARG_FLOAT8(1));

	return network_cost(dcx_bookjson_argument(fcinfo, 2), PG_GETARG_TEXT_PP(0), mbps);
}

/* dcx_network_cost(text, numeric, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_cost_numeric_book);
Datum
dcx_network_cost_numeric_book(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_numeric(PG_GETARG_NUMERIC(1));

	return network_cost(dcx_bookjson_argument(fcinfo, 2), PG_GETARG_TEXT_PP(0), mbps);
}

static DcxNetworkQuote
network_quote(DcxPriceBook *book, const text *code, DcxQuantity mbps)
{
	DcxNetworkQuote	  quote;
	Priced			  priced;
	const DcxProduct *product = price_service(book, code, mbps, &priced);
	char			 *range = range_text(priced.band->min_mbps, "to", priced.band->max_mbps);

	quote.lines[0] = dcx_quote_line(product->code,
									psprintf("%s, %s: fixed", product->title, range),
									&priced.terms[0]);
	quote.lines[1] = dcx_quote_line(product->code,
									psprintf("%s, %s: per Mbps", product->title, range),
									&priced.terms[1]);
	quote.cost = dcx_money_sum(priced.terms, DCX_NETWORK_LINES);
	return quote;
}

DcxNetworkQuote
dcx_network_quote_from(DcxPriceBook *book, const text *service, Numeric mbps)
{
	return network_quote(book, service, mbps_from_numeric(mbps));
}

/* The arguments (text, numeric), and with by_book (jsonb). */
static Datum
put_network_quote(FunctionCallInfo fcinfo, bool by_book)
{
	DcxQuantity		mbps = mbps_from_numeric(PG_GETARG_NUMERIC(1));
	text		   *service = PG_GETARG_TEXT_PP(0);
	DcxPriceBook   *book;
	DcxNetworkQuote quote;

	dcx_result_begin(fcinfo);
	book = by_book ? dcx_bookjson_argument(fcinfo, 2) : dcx_pricebook_get(DCX_ENETWORKS);
	quote = network_quote(book, service, mbps);
	dcx_quote_put(fcinfo, quote.lines, DCX_NETWORK_LINES);
	return (Datum) 0;
}

/* dcx_network_quote(text, numeric) */
PG_FUNCTION_INFO_V1(dcx_network_quote_numeric);
Datum
dcx_network_quote_numeric(PG_FUNCTION_ARGS)
{
	return put_network_quote(fcinfo, false);
}

/* dcx_network_quote(text, numeric, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_quote_numeric_book);
Datum
dcx_network_quote_numeric_book(PG_FUNCTION_ARGS)
{
	return put_network_quote(fcinfo, true);
}

/* dcx_network_quote(text, double precision) */
PG_FUNCTION_INFO_V1(dcx_network_quote_float8);
Datum
dcx_network_quote_float8(PG_FUNCTION_ARGS)
{
	return dcx_float8_call(fcinfo, dcx_network_quote_numeric, DCX_ARGUMENT(1));
}

/* dcx_network_quote(text, double precision, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_quote_float8_book);
Datum
dcx_network_quote_float8_book(PG_FUNCTION_ARGS)
{
	return dcx_float8_call(fcinfo, dcx_network_quote_numeric_book, DCX_ARGUMENT(1));
}

/* Equality without (ASCII) case. */
static bool
equal_folded(const char *a, const char *b)
{
	while (*a && pg_ascii_tolower((unsigned char) *a) == pg_ascii_tolower((unsigned char) *b))
	{
		a++;
		b++;
	}
	return *a == '\0' && *b == '\0';
}

/* The names of all providers, sorted, each once. */
static const char **
provider_names(DcxPriceBook *book, int *nnames)
{
	const DcxProduct *product;
	const char		 *ignored;
	const char		**names;
	int				  nservices = 0;
	int				  n = 0;
	int				  position = 0;

	while (dcx_book_next_service(book, &position, &ignored))
		nservices++;
	names = palloc(sizeof(char *) * Max(nservices, 1));
	position = 0;
	while ((product = dcx_book_next_service(book, &position, &ignored)) != NULL)
		if (product->service->provider)
			names[n++] = product->service->provider;
	*nnames = dcx_text_sort(names, n);
	return names;
}

/* The names in quotes, for an error's hint. */
static char *
list_providers(const char *const *names, int nnames)
{
	const char *quoted[LISTED];

	for (int i = 0; i < Min(nnames, LISTED); i++)
		quoted[i] = psprintf("\"%s\"", dcx_text_shown(names[i]));
	return dcx_text_list(quoted, nnames, LISTED);
}

/* The name of the provider that a caller means: the same, or else the only one that differs just in case. */
static const char *
find_provider(DcxPriceBook *book, const char *sought)
{
	int			 nnames;
	const char **names = provider_names(book, &nnames);
	const char	*found = NULL;
	int			 nfound = 0;

	for (int i = 0; i < nnames; i++)
	{
		if (strcmp(names[i], sought) == 0)
			return names[i];
		if (equal_folded(names[i], sought))
		{
			found = names[i];
			nfound++;
		}
	}
	if (nfound == 0)
		ereport(ERROR,
				errcode(DCX_ERRCODE_UNKNOWN_PRODUCT),
				errmsg("unknown provider \"%s\"", dcx_text_shown(sought)),
				errdetail("No network service has a provider with that name."),
				errhint("Providers: %s.", list_providers(names, nnames)));
	if (nfound > 1)
		ereport(ERROR,
				errcode(DCX_ERRCODE_UNUSABLE_PRICE),
				errmsg("provider \"%s\" is ambiguous", dcx_text_shown(sought)),
				errdetail("The names of several providers differ from it only in case."),
				errhint("Providers: %s.", list_providers(names, nnames)));
	return found;
}

/* A service at a bandwidth: what it costs, or why it cannot serve it. */
typedef struct Offer
{
	const DcxProduct *product;
	Numeric			  cost; /* NULL: it cannot serve the bandwidth */
	const char		 *note; /* then: why */
} Offer;

/* The cheapest first; those that cannot serve the bandwidth last. */
static int
compare_offers(const void *left, const void *right)
{
	const Offer *a = left;
	const Offer *b = right;
	int			 order = 0;

	if (a->cost && b->cost)
		order = dcx_money_compare(a->cost, b->cost);
	else
		order = !a->cost - !b->cost;
	if (order == 0)
		order = dcx_text_compare(a->product->service->provider, b->product->service->provider);
	return order == 0 ? strcmp(a->product->code, b->product->code) : order;
}

static void
put_offer(FunctionCallInfo fcinfo, const Offer *offer)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[5];
	bool		   nulls[5];

	values[0] = dcx_text_column(offer->product->service->provider, &nulls[0]);
	values[1] = dcx_text_column(offer->product->code, &nulls[1]);
	values[2] = dcx_text_column(offer->product->title, &nulls[2]);
	nulls[3] = !offer->cost;
	values[3] = offer->cost ? NumericGetDatum(offer->cost) : (Datum) 0;
	values[4] = dcx_text_column(offer->note, &nulls[4]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Prices the services of one provider at a bandwidth, or all services (provider is NULL). */
static void
put_offers(FunctionCallInfo fcinfo, DcxPriceBook *book, const char *provider, DcxQuantity mbps)
{
	const char *only = provider ? find_provider(book, provider) : NULL;
	int			position = 0;
	int			n = 0;
	int			allocated = 64;
	Offer	   *offers = palloc(sizeof(Offer) * allocated);
	Offer		offer;

	while ((offer.product = dcx_book_next_service(book, &position, &offer.note)) != NULL)
	{
		const char *its = offer.product->service->provider;
		Priced		priced;

		if (only && !(its && strcmp(its, only) == 0))
			continue;
		if (!offer.note)
			offer.note = price_at(offer.product, mbps, &priced);
		offer.cost = offer.note ? NULL : dcx_money_sum(priced.terms, DCX_NETWORK_LINES);
		if (n == allocated)
		{
			allocated *= 2;
			offers = repalloc_huge(offers, sizeof(Offer) * allocated);
		}
		offers[n++] = offer;
	}

	qsort(offers, n, sizeof(Offer), compare_offers);
	for (int i = 0; i < n; i++)
		put_offer(fcinfo, &offers[i]);
}

/* The arguments (numeric, text), and with by_book (jsonb). A provider of NULL means all of them. */
static Datum
network_offers(FunctionCallInfo fcinfo, bool by_book)
{
	DcxQuantity	  mbps;
	char		 *provider;
	DcxPriceBook *book;

	dcx_result_begin(fcinfo);
	if (PG_ARGISNULL(0) || (by_book && PG_ARGISNULL(2)))
		return (Datum) 0;
	mbps = mbps_from_numeric(PG_GETARG_NUMERIC(0));
	provider = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	book = by_book ? dcx_bookjson_argument(fcinfo, 2) : dcx_pricebook_get(DCX_ENETWORKS);
	put_offers(fcinfo, book, provider, mbps);
	return (Datum) 0;
}

/* dcx_network_offers(numeric, text) */
PG_FUNCTION_INFO_V1(dcx_network_offers_numeric);
Datum
dcx_network_offers_numeric(PG_FUNCTION_ARGS)
{
	return network_offers(fcinfo, false);
}

/* dcx_network_offers(numeric, text, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_offers_numeric_book);
Datum
dcx_network_offers_numeric_book(PG_FUNCTION_ARGS)
{
	return network_offers(fcinfo, true);
}

/* dcx_network_offers(double precision, text) */
PG_FUNCTION_INFO_V1(dcx_network_offers_float8);
Datum
dcx_network_offers_float8(PG_FUNCTION_ARGS)
{
	return dcx_float8_call(fcinfo, dcx_network_offers_numeric, DCX_ARGUMENT(0));
}

/* dcx_network_offers(double precision, text, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_offers_float8_book);
Datum
dcx_network_offers_float8_book(PG_FUNCTION_ARGS)
{
	return dcx_float8_call(fcinfo, dcx_network_offers_numeric_book, DCX_ARGUMENT(0));
}
