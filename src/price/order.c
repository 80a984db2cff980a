/*
 * order.c
 *		What an order costs, line by line.
 *
 * Order of reads: reading a relation can run code of its owner, and that code can change the book in
 * memory. So nothing taken from a book may be used across a read. An order is priced in three steps, each
 * of which reads first and prices afterwards: the templates, then all items of AAS, then all items of
 * E-Networks.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "src/base/fresh.h"
#include "src/base/result.h"
#include "src/base/text.h"
#include "src/book/bookjson.h"
#include "src/book/pricebook.h"
#include "src/book/products.h"
#include "src/price/network.h"
#include "src/price/order.h"
#include "src/price/vm.h"

/* An error context that names the item which is being priced. */
typedef struct ItemContext
{
	ErrorContextCallback callback;
	int					 n; /* the item's number, counted from 1 */
} ItemContext;

static void
say_item(void *n)
{
	errcontext("item %d of the order", *(int *) n);
}

static void
begin_item_context(ItemContext *context, const DcxOrder *order)
{
	context->callback.callback = say_item;
	context->callback.arg = &context->n;
	context->callback.previous = error_context_stack;
	if (!order->vm)
		error_context_stack = &context->callback;
}

static void
end_item_context(const ItemContext *context)
{
	error_context_stack = context->callback.previous;
}

static bool
is_template(const DcxOrderItem *item)
{
	return item->kind == DCX_ITEM_TEMPLATE;
}

static bool
is_of_aas(const DcxOrderItem *item)
{
	return item->kind != DCX_ITEM_NETWORK;
}

static bool
is_of_enetworks(const DcxOrderItem *item)
{
	return item->kind == DCX_ITEM_NETWORK;
}

static bool
has_item(const DcxOrder *order, bool (*is_one)(const DcxOrderItem *))
{
	for (int i = 0; i < order->nitems; i++)
		if (is_one(&order->items[i]))
			return true;
	return false;
}

static char *
template_number_text(Numeric value)
{
	return value ? dcx_numeric_text(value) : pstrdup("NULL");
}

/* Gives an item the size of the template that it names. */
static void
resolve_template(DcxOrderItem *item, const DcxTemplateRow *rows, int nrows)
{
	char				 *sought = text_to_cstring(item->name);
	const DcxTemplateRow *row = dcx_products_template(rows, nrows, sought);
	const char			 *fault = dcx_vm_size_fault(row->vcpus, row->memory, row->disk);

	if (fault)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("template \"%s\" cannot be priced: %s", dcx_text_shown(sought), fault),
				errdetail("In the catalog, vcpus is %s, memory %s, disk %s.",
						  template_number_text(row->vcpus),
						  template_number_text(row->memory),
						  template_number_text(row->disk)),
				errhint("Correct it in the catalog, or order a \"vm\" of the size that is meant."));
	item->cpus = row->vcpus;
	item->ram_gb = row->memory;
	item->gb = row->disk;
}

static void
resolve_templates(DcxOrder *order)
{
	DcxTemplateRow *rows;
	int				nrows;
	ItemContext		context;

	if (!has_item(order, is_template))
		return;
	rows = dcx_products_templates(&nrows);
	begin_item_context(&context, order);
	for (context.n = 1; context.n <= order->nitems; context.n++)
		if (is_template(&order->items[context.n - 1]))
			resolve_template(&order->items[context.n - 1], rows, nrows);
	end_item_context(&context);
}

/* How many lines an item has in a quote. */
static int
count_lines(const DcxOrderItem *item)
{
	switch (item->kind)
	{
		case DCX_ITEM_PRODUCT:
			return 1;
		case DCX_ITEM_NETWORK:
			return DCX_NETWORK_LINES;
		default:
			return DCX_VM_LINES;
	}
}

/* Copies an item's lines to their places, multiplied by the item's count. */
static void
put_item_lines(DcxOrderLine *to, int n, const DcxOrderItem *item, const DcxQuoteLine *lines)
{
	bool once =
		item->kind == DCX_ITEM_PRODUCT || dcx_money_compare(item->count, int64_to_numeric(1)) == 0;

	for (int i = 0; i < count_lines(item); i++)
	{
		to[i].item = n;
		to[i].line = lines[i];
		if (!once)
			dcx_quote_line_times(&to[i].line, item->count);
	}
}

/* Prices an item; it has count_lines() lines. */
static void
price_item(DcxOrderLine *to, int n, const DcxOrderItem *item, DcxPriceBook *book)
{
	if (item->kind == DCX_ITEM_PRODUCT)
	{
		/* Its count is the quantity, so it is in the line already. */
		DcxQuoteLine line = dcx_product_quote_from(book, item->name, item->count);

		put_item_lines(to, n, item, &line);
	}
	else if (item->kind == DCX_ITEM_NETWORK)
	{
		DcxNetworkQuote quote = dcx_network_quote_from(book, item->name, item->mbps);

		put_item_lines(to, n, item, quote.lines);
	}
	else
	{
		DcxQuote quote = dcx_vm_quote_from(book,
										   item->cpu_type,
										   item->cpus,
										   item->ram_gb,
										   item->storage_type,
										   item->gb);

		put_item_lines(to, n, item, quote.lines);
	}
}

/* Prices all items of one catalog: by the given book, or by the one that answers (book is NULL). */
static void
price_items(const DcxOrder *order, DcxOrderQuote *quote, DcxCatalogId id,
			bool (*is_of_catalog)(const DcxOrderItem *), DcxPriceBook *book)
{
	DcxOrderSource *source = &quote->sources[id];
	DcxOrderLine   *lines = quote->lines;
	bool			live = !book;
	ItemContext		context;

	if (!has_item(order, is_of_catalog))
		return;
	if (live)
		book = dcx_pricebook_get(id);
	begin_item_context(&context, order);
	for (context.n = 1; context.n <= order->nitems; context.n++)
	{
		const DcxOrderItem *item = &order->items[context.n - 1];

		if (is_of_catalog(item))
			price_item(lines, context.n, item, book);
		lines += count_lines(item);
	}
	end_item_context(&context);
	if (live)
	{
		source->catalog = dcx_catalogs[id].name;
		dcx_pricebook_origin(id, &source->relation, &source->read_at);
	}
}

/* What dcx_order_price() is given, and its answer. */
typedef struct Pricing
{
	DcxOrder	 *order;
	DcxPriceBook *book;
	DcxOrderQuote quote;
} Pricing;

static void
price_order(void *argument)
{
	Pricing		 *pricing = argument;
	DcxOrder	 *order = pricing->order;
	DcxOrderQuote quote = {.cost = int64_to_numeric(0)};

	resolve_templates(order);
	for (int i = 0; i < order->nitems; i++)
		quote.nlines += count_lines(&order->items[i]);
	quote.lines = palloc(sizeof(DcxOrderLine) * quote.nlines);
	price_items(order, &quote, DCX_AAS, is_of_aas, pricing->book);
	price_items(order, &quote, DCX_ENETWORKS, is_of_enetworks, pricing->book);
	for (int i = 0; i < quote.nlines; i++)
		quote.cost = dcx_money_add(quote.cost, quote.lines[i].line.amount);
	quote.cost = dcx_money_display(quote.cost);
	pricing->quote = quote;
}

DcxOrderQuote
dcx_order_price(DcxOrder *order, DcxPriceBook *book)
{
	Pricing pricing = {.order = order, .book = book};

	/* Sizes and prices have to be of one moment. */
	dcx_fresh_do(price_order, &pricing);
	return pricing.quote;
}

static Datum
put_order_quote(FunctionCallInfo fcinfo, DcxPriceBook *book)
{
	DcxOrderQuote quote;

	dcx_result_begin(fcinfo);
	quote = dcx_order_price(dcx_order_read(PG_GETARG_JSONB_P(0)), book);
	for (int i = 0; i < quote.nlines; i++)
		dcx_quote_put_line(fcinfo, i + 1, quote.lines[i].item, &quote.lines[i].line, quote.cost);
	return (Datum) 0;
}

/* dcx_order_quote(items jsonb) */
PG_FUNCTION_INFO_V1(dcx_order_quote);
Datum
dcx_order_quote(PG_FUNCTION_ARGS)
{
	return put_order_quote(fcinfo, NULL);
}

/* dcx_order_quote(items jsonb, book jsonb) */
PG_FUNCTION_INFO_V1(dcx_order_quote_book);
Datum
dcx_order_quote_book(PG_FUNCTION_ARGS)
{
	return put_order_quote(fcinfo, dcx_bookjson_argument(fcinfo, 1));
}
