/*
 * network.h
 *		What a network service costs at a bandwidth, line by line.
 */
#ifndef DCX_NETWORK_H
#define DCX_NETWORK_H

#include "src/book/book.h"
#include "src/price/quote.h"

/* The lines of a network quote: the fixed price, and the price per Mbps. */
#define DCX_NETWORK_LINES 2

typedef struct DcxNetworkQuote
{
	DcxQuoteLine lines[DCX_NETWORK_LINES];
	Numeric		 cost; /* the sum of the lines, not rounded */
} DcxNetworkQuote;

/*
 * The quote of a service at a bandwidth from a book, copied into the current memory context. Errors:
 * 22023 for a bandwidth that is not above 0, ZD002 for an unknown service, ZD003 when the service has no
 * price at that bandwidth.
 */
extern DcxNetworkQuote dcx_network_quote_from(DcxPriceBook *book, const text *service,
											  Numeric mbps);

#endif /* DCX_NETWORK_H */
