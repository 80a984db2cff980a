/*
 * network.h
 *		What a network service costs at a bandwidth, line by line.
 */
#ifndef DCX_NETWORK_H
#define DCX_NETWORK_H

#include "src/book/book.h"
#include "src/price/quote.h"

/* The lines of a network quote: the fixed price, and so much per Mbps. */
#define DCX_NETWORK_LINES 2

typedef struct DcxNetworkQuote
{
	DcxQuoteLine lines[DCX_NETWORK_LINES];
	Numeric		 cost; /* their sum, not rounded */
} DcxNetworkQuote;

/*
 * The quote of a service at a bandwidth from a book, all of it in the current memory context.
 * Errors as dcx_network_cost().
 */
extern DcxNetworkQuote dcx_network_quote_from(DcxPriceBook *book, const text *service,
											  Numeric mbps);

#endif /* DCX_NETWORK_H */
