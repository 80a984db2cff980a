/*
 * network.c
 *		What a network service costs at a bandwidth, and who can serve it.
 *
 * Pure: a book, a service and a bandwidth in, decimals out. A band holds its minimum and all below
 * its maximum; exactly one has to hold the bandwidth, or there is no price. Where the book is not an
 * argument it is asked for last, and its contents are used before anything can open a relation.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "src/base/errcodes.h"
#include "src/book/bookjson.h"
#include "src/book/pricebook.h"
#include "src/price/network.h"

/* How many bands or providers an error lists. */
#define LISTED 20

/* A service priced at a bandwidth. */
typedef struct Priced
{
	const DcxBand *band;
	DcxTerm		   terms[DCX_NETWORK_LINES];
} Priced;

static char *
number_text(Numeric value)
{
	return dcx_numeric_text(
		DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value))));
}

static char *
mbps_text(DcxQuantity mbps)
{
	return dcx_numeric_text(dcx_quantity_numeric(mbps));
}

/* A range as text; to: what stands before its upper end, as in "20 to 100 Mbps". */
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

/* Text that went on its own, behind a colon. */
static char *
continued(const char *sentence)
{
	char *text = pstrdup(sentence);

	text[0] = pg_ascii_tolower((unsigned char) text[0]);
	return text;
}

/* What keeps a band from holding any bandwidth; NULL when nothing does. */
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

/* Why a service has a price for no bandwidth at all, or not for this one, which no band holds. */
static const char *
outside(const DcxService *service, Numeric mbps)
{
	const DcxBand *first = NULL;
	const DcxBand *last = NULL;
	const DcxBand *below = NULL;
	const DcxBand *above = NULL;
	const char	  *fault = NULL;
	int			   nranges = 0;
	int			   nfaults = 0;
	StringInfoData text;

	for (int i = 0; i < service->nbands; i++)
	{
		const DcxBand *band = &service->bands[i];
		const char	  *wrong = range_fault(band);

		if (wrong)
		{
			fault = fault ? fault : wrong;
			nfaults++;
			continue;
		}
		nranges++;
		if (!first || starts_above(first, band->min_mbps))
			first = band;
		if (!last || (last->max_mbps && !(band->max_mbps && ends_below(band, last->max_mbps))))
			last = band;
		if (starts_above(band, mbps))
			above = above && !starts_above(above, band->min_mbps) ? above : band;
		else
			below = below && ends_below(band, below->max_mbps) ? below : band;
	}

	initStringInfo(&text);
	if (service->nbands == 0)
		appendStringInfoString(&text, "It has no bands.");
	else if (nranges == 0)
		appendStringInfo(&text, "None of its bands can be used. The first: %s", continued(fault));
	else if (below && above)
		appendStringInfo(&text,
						 "There is a gap between %s and %s Mbps; the nearest bands are %s and %s.",
						 number_text(below->max_mbps),
						 number_text(above->min_mbps),
						 band_text(below),
						 band_text(above));
	else if (nranges == 1)
		appendStringInfo(&text, "Its only band is %s.", band_text(first));
	else
		appendStringInfo(&text,
						 "Its bands go from %s; the nearest is %s.",
						 range_text(first->min_mbps, "to below", last->max_mbps),
						 band_text(below ? below : above));
	if (nfaults == 1 && nranges > 0)
		appendStringInfo(&text, " One band is left out: %s", continued(fault));
	else if (nranges > 0 && nfaults > 0)
		appendStringInfo(&text, " %d bands are left out, the first: %s", nfaults, continued(fault));
	return text.data;
}

static const char *
overlap(const DcxProduct *product, DcxQuantity mbps, int nbands)
{
	StringInfoData text;
	int			   n = 0;

	initStringInfo(&text);
	appendStringInfo(&text, "%d of its bands hold it: ", nbands);
	for (int i = 0; i < product->service->nbands && n < LISTED; i++)
		if (holds(&product->rates[i], mbps))
			appendStringInfo(&text, "%s%s", n++ ? ", " : "", band_text(product->rates[i].band));
	appendStringInfoString(&text, nbands > LISTED ? ", ..." : ".");
	return text.data;
}

/* What is wrong with a price of a band, which is called by name; NULL when nothing is. */
static const char *
price_fault(const DcxBand *band, const char *name, Numeric price)
{
	if (dcx_price_is_usable(price))
		return NULL;
	if (price)
		return psprintf("The %s of its band %s is %s.", name, band_text(band), number_text(price));
	if (band->fault)
		return psprintf("Its band %s cannot be used: %s", band_text(band), continued(band->fault));
	return psprintf("Its band %s has no %s.", band_text(band), name);
}

/* Why a service is priced at no bandwidth, or not at this one, which so many bands hold. */
static pg_noinline const char *
no_price(const DcxProduct *product, DcxQuantity mbps, int nbands, const DcxBand *band)
{
	const DcxService *service = product->service;
	const char		 *fault;

	if (!service->active)
		return service->provider ? psprintf("Its provider \"%s\" is inactive.", service->provider) :
								   "It has no active provider.";
	if (nbands == 0)
		return outside(service, dcx_quantity_numeric(mbps));
	if (nbands > 1)
		return overlap(product, mbps, nbands);
	fault = price_fault(band, "fixed price", band->fixed_price);
	return fault ? fault : price_fault(band, "price per Mbps", band->price_per_mbps);
}

/*
 * Prices a service at a bandwidth, or says why it has no price there. What is filled in points into
 * the service.
 */
static const char *
price(const DcxProduct *product, DcxQuantity mbps, Priced *priced)
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

/* The service with a code, priced; an error where it cannot be. */
static const DcxProduct *
price_service(DcxPriceBook *book, const text *code, DcxQuantity mbps, Priced *priced)
{
	const DcxProduct *product = dcx_book_service(book, VARDATA_ANY(code), VARSIZE_ANY_EXHDR(code));
	const char		 *fault = price(product, mbps, priced);

	if (unlikely(fault != NULL))
		ereport(ERROR,
				errcode(DCX_ERRCODE_UNUSABLE_PRICE),
				errmsg("network service \"%s\" cannot be priced at %s Mbps",
					   product->code,
					   mbps_text(mbps)),
				errdetail("%s", fault),
				errhint("dcx_network_offers(%s) lists the network services that can.",
						mbps_text(mbps)));
	return product;
}

/* Refuses a bandwidth of nothing, or less. */
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
cost(DcxPriceBook *book, const text *code, DcxQuantity mbps)
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

	return cost(dcx_pricebook_get(DCX_ENETWORKS), service, mbps);
}

/* dcx_network_cost(text, numeric) */
PG_FUNCTION_INFO_V1(dcx_network_cost_numeric);
Datum
dcx_network_cost_numeric(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_numeric(PG_GETARG_NUMERIC(1));
	text	   *service = PG_GETARG_TEXT_PP(0);

	return cost(dcx_pricebook_get(DCX_ENETWORKS), service, mbps);
}

/* dcx_network_cost(text, double precision, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_cost_float8_book);
Datum
dcx_network_cost_float8_book(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_float8(PG_GETARG_FLOAT8(1));

	return cost(dcx_bookjson_argument(fcinfo, 2), PG_GETARG_TEXT_PP(0), mbps);
}

/* dcx_network_cost(text, numeric, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_cost_numeric_book);
Datum
dcx_network_cost_numeric_book(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_numeric(PG_GETARG_NUMERIC(1));

	return cost(dcx_bookjson_argument(fcinfo, 2), PG_GETARG_TEXT_PP(0), mbps);
}

static DcxNetworkQuote
quote(DcxPriceBook *book, const text *code, DcxQuantity mbps)
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
	return quote(book, service, mbps_from_numeric(mbps));
}

static Datum
put_quote(FunctionCallInfo fcinfo, DcxPriceBook *book, const text *code, DcxQuantity mbps)
{
	DcxNetworkQuote quoted = quote(book, code, mbps);

	dcx_quote_put(fcinfo, quoted.lines, DCX_NETWORK_LINES);
	return (Datum) 0;
}

/* dcx_network_quote(text, double precision) */
PG_FUNCTION_INFO_V1(dcx_network_quote_float8);
Datum
dcx_network_quote_float8(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_float8(PG_GETARG_FLOAT8(1));
	text	   *service = PG_GETARG_TEXT_PP(0);

	InitMaterializedSRF(fcinfo, 0);
	return put_quote(fcinfo, dcx_pricebook_get(DCX_ENETWORKS), service, mbps);
}

/* dcx_network_quote(text, numeric) */
PG_FUNCTION_INFO_V1(dcx_network_quote_numeric);
Datum
dcx_network_quote_numeric(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_numeric(PG_GETARG_NUMERIC(1));
	text	   *service = PG_GETARG_TEXT_PP(0);

	InitMaterializedSRF(fcinfo, 0);
	return put_quote(fcinfo, dcx_pricebook_get(DCX_ENETWORKS), service, mbps);
}

/* dcx_network_quote(text, double precision, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_quote_float8_book);
Datum
dcx_network_quote_float8_book(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_float8(PG_GETARG_FLOAT8(1));

	InitMaterializedSRF(fcinfo, 0);
	return put_quote(fcinfo, dcx_bookjson_argument(fcinfo, 2), PG_GETARG_TEXT_PP(0), mbps);
}

/* dcx_network_quote(text, numeric, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_quote_numeric_book);
Datum
dcx_network_quote_numeric_book(PG_FUNCTION_ARGS)
{
	DcxQuantity mbps = mbps_from_numeric(PG_GETARG_NUMERIC(1));

	InitMaterializedSRF(fcinfo, 0);
	return put_quote(fcinfo, dcx_bookjson_argument(fcinfo, 2), PG_GETARG_TEXT_PP(0), mbps);
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

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* The names of all providers, in order, each once. */
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
	qsort(names, n, sizeof(char *), compare_names);

	*nnames = 0;
	for (int i = 0; i < n; i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			names[(*nnames)++] = names[i];
	return names;
}

static char *
list_names(const char **names, int nnames)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < Min(nnames, LISTED); i++)
		appendStringInfo(&list, "%s\"%s\"", i ? ", " : "", names[i]);
	if (nnames > LISTED)
		appendStringInfo(&list, ", and %d more", nnames - LISTED);
	return nnames ? list.data : pstrdup("none");
}

/* The provider whom a caller means: exactly, failing that without case where that is one. */
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
				errmsg("unknown provider \"%s\"", sought),
				errdetail("No network service is of a provider with that name."),
				errhint("Providers: %s.", list_names(names, nnames)));
	if (nfound > 1)
		ereport(ERROR,
				errcode(DCX_ERRCODE_UNUSABLE_PRICE),
				errmsg("provider \"%s\" is ambiguous", sought),
				errdetail("The names of several providers differ from it only in case."),
				errhint("Providers: %s.", list_names(names, nnames)));
	return found;
}

/* What a service is offered at, or why it is not. */
typedef struct Offer
{
	const DcxProduct *product;
	Numeric			  cost; /* NULL: not on offer */
	const char		 *note;
} Offer;

/* Those that are missing come last. */
static int
compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return !a - !b;
	return strcmp(a, b);
}

/* The cheapest first, and what cannot be had last. */
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
		order = compare_texts(a->product->service->provider, b->product->service->provider);
	return order == 0 ? strcmp(a->product->code, b->product->code) : order;
}

static void
put_text(const char *text, Datum *value, bool *isnull)
{
	*isnull = !text;
	*value = text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
put_offer(FunctionCallInfo fcinfo, const Offer *offer)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[5];
	bool		   nulls[5];

	put_text(offer->product->service->provider, &values[0], &nulls[0]);
	put_text(offer->product->code, &values[1], &nulls[1]);
	put_text(offer->product->title, &values[2], &nulls[2]);
	nulls[3] = !offer->cost;
	values[3] = offer->cost ? NumericGetDatum(offer->cost) : (Datum) 0;
	put_text(offer->note, &values[4], &nulls[4]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Puts what all services, or those of one provider, cost at a bandwidth. NULL: of all. */
static Datum
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
			offer.note = price(offer.product, mbps, &priced);
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
	return (Datum) 0;
}

/* The arguments (double precision or numeric, text), and perhaps (jsonb); no provider: all of them. */
static Datum
offers(FunctionCallInfo fcinfo, bool is_float8, bool by_book)
{
	DcxQuantity mbps;
	char	   *provider;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || (by_book && PG_ARGISNULL(2)))
		return (Datum) 0;
	mbps =
		is_float8 ? mbps_from_float8(PG_GETARG_FLOAT8(0)) : mbps_from_numeric(PG_GETARG_NUMERIC(0));
	provider = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	return put_offers(fcinfo,
					  by_book ? dcx_bookjson_argument(fcinfo, 2) : dcx_pricebook_get(DCX_ENETWORKS),
					  provider,
					  mbps);
}

/* dcx_network_offers(double precision, text) */
PG_FUNCTION_INFO_V1(dcx_network_offers_float8);
Datum
dcx_network_offers_float8(PG_FUNCTION_ARGS)
{
	return offers(fcinfo, true, false);
}

/* dcx_network_offers(numeric, text) */
PG_FUNCTION_INFO_V1(dcx_network_offers_numeric);
Datum
dcx_network_offers_numeric(PG_FUNCTION_ARGS)
{
	return offers(fcinfo, false, false);
}

/* dcx_network_offers(double precision, text, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_offers_float8_book);
Datum
dcx_network_offers_float8_book(PG_FUNCTION_ARGS)
{
	return offers(fcinfo, true, true);
}

/* dcx_network_offers(numeric, text, jsonb) */
PG_FUNCTION_INFO_V1(dcx_network_offers_numeric_book);
Datum
dcx_network_offers_numeric_book(PG_FUNCTION_ARGS)
{
	return offers(fcinfo, false, true);
}
