/*
 * services.c
 *		The network services of E-Networks as rows.
 *
 * One statement joins the three tables (services, providers, bands), or reads the view that stands for them.
 * Of foreign tables on one server this is one remote read, so all three are of the same moment. Its lines, a
 * band each, are sorted and put together to services here.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "src/base/relation.h"
#include "src/base/text.h"
#include "src/book/services.h"
#include "src/catalog/read.h"

/* A row of the statement: a service and one of its bands. Any text may be NULL. */
typedef struct ServiceLine
{
	const char *id; /* of the service; when a view is read, NULL or what stands for it */
	const char *code;
	const char *title;
	const char *provider; /* its name */
	const char *active;	  /* as text: a view's column may be of any type */
	bool		has_band; /* false: a service without bands */
	DcxBand		band;
} ServiceLine;

static const DcxCatalogPart *
enetworks_part(DcxEnetworksPart number)
{
	return &dcx_catalogs[DCX_ENETWORKS].parts[number];
}

/* Compares lines, for sorting. Lines that compare equal belong to one service. */
static int
compare_lines(const void *a, const void *b)
{
	const ServiceLine *x = a;
	const ServiceLine *y = b;
	int				   order = dcx_text_compare(x->code, y->code);

	if (order == 0)
		order = dcx_text_compare(x->id, y->id);
	if (order == 0)
		order = dcx_text_compare(x->title, y->title);
	if (order == 0)
		order = dcx_text_compare(x->provider, y->provider);
	return order == 0 ? dcx_text_compare(x->active, y->active) : order;
}

/* What the statement reads, and how. */
typedef struct Lines
{
	const DcxPriced *priced;
	bool			 full; /* with the columns that pricing does not need */
	bool			 as_bytes;
} Lines;

static int
columns_of(DcxEnetworksPart number, const Lines *lines)
{
	return lines->full ? enetworks_part(number)->ncolumns : enetworks_part(number)->npriced;
}

/* Appends the columns of one part; and the part itself, for FROM. */
static void
append_part(StringInfo sql, const char *alias, DcxEnetworksPart number, Oid relation,
			const Lines *lines)
{
	dcx_catalog_append_columns(sql,
							   alias,
							   enetworks_part(number),
							   columns_of(number, lines),
							   relation,
							   lines->as_bytes);
}

static void
append_relation(StringInfo sql, const char *alias, DcxEnetworksPart number, Oid relation,
				const Lines *lines)
{
	dcx_catalog_append_relation(sql,
								alias,
								enetworks_part(number),
								columns_of(number, lines),
								relation,
								lines->as_bytes);
}

/* The statement. read_line() counts on the order of its columns: band, service, provider; or the view's own. */
static char *
select_lines(const void *argument, bool as_bytes)
{
	Lines		   lines = *(const Lines *) argument;
	const Oid	  *relations = lines.priced->relations;
	StringInfoData sql;

	lines.as_bytes = as_bytes;
	/* The tables are joined here then. */
	if (as_bytes)
		dcx_run_set("enable_hashjoin", "on");
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	if (lines.priced->n == 1)
	{
		append_part(&sql, "v", DCX_NETWORK_PRICES, relations[0], &lines);
		appendStringInfoString(&sql, " FROM ");
		append_relation(&sql, "v", DCX_NETWORK_PRICES, relations[0], &lines);
		return sql.data;
	}
	append_part(&sql, "b", DCX_BANDWIDTH_PRICES, relations[0], &lines);
	appendStringInfoString(&sql, ", ");
	append_part(&sql, "s", DCX_NETWORK_SERVICES, relations[1], &lines);
	appendStringInfoString(&sql, ", ");
	append_part(&sql, "p", DCX_PROVIDERS, relations[2], &lines);
	appendStringInfoString(&sql, " FROM ");
	append_relation(&sql, "s", DCX_NETWORK_SERVICES, relations[1], &lines);
	appendStringInfoString(&sql, " LEFT JOIN ");
	append_relation(&sql, "p", DCX_PROVIDERS, relations[2], &lines);
	appendStringInfoString(&sql, " ON p.id = s.\"providerId\" LEFT JOIN ");
	append_relation(&sql, "b", DCX_BANDWIDTH_PRICES, relations[0], &lines);
	appendStringInfoString(&sql, " ON b.\"serviceId\" = s.id");
	return sql.data;
}

/*
 * Makes postgres_fdw join at the other server: one read instead of three. Without statistics of the foreign
 * tables the planner takes a remote join for expensive; with local joins disabled it chooses it. Where a
 * remote join is not possible the planner joins here all the same.
 */
static void
prefer_remote_join(void)
{
	dcx_run_set("enable_hashjoin", "off");
	dcx_run_set("enable_mergejoin", "off");
	dcx_run_set("enable_nestloop", "off");
}

/* What tells a service of a view from another one, if its texts may be lost: code, title and provider. */
static char *
raw_name(const DcxTexts *texts, uint64 row)
{
	return dcx_query_keep(psprintf("%s %s %s",
								   dcx_catalog_key(texts, row, 1),
								   dcx_catalog_key(texts, row, 2),
								   dcx_catalog_key(texts, row, 3)));
}

/* Reads a row of the statement. */
static ServiceLine
read_line(uint64 row, bool view, bool full, const DcxTexts *texts)
{
	ServiceLine line = {.has_band = true};
	int			column = 1;

	if (view)
	{
		line.code = dcx_catalog_text(texts, row, column++);
		line.title = dcx_catalog_text(texts, row, column++);
		line.provider = dcx_catalog_text(texts, row, column++);
		line.active = dcx_catalog_text(texts, row, column++);
	}
	else
		line.has_band = dcx_catalog_key(texts, row, column++) != NULL;
	if (view && texts->as_bytes)
		line.id = raw_name(texts, row);
	line.band.min_mbps = dcx_query_numeric(row, column++);
	line.band.max_mbps = dcx_query_numeric(row, column++);
	line.band.fixed_price = dcx_query_numeric(row, column++);
	line.band.price_per_mbps = dcx_query_numeric(row, column++);
	if (full)
		line.band.cost = dcx_query_numeric(row, column++);
	if (!view)
	{
		line.id = dcx_catalog_key(texts, row, column++);
		line.code = dcx_catalog_text(texts, row, column++);
		line.title = dcx_catalog_text(texts, row, column++);
		column += 2; /* the service's providerId and the provider's id */
		line.provider = dcx_catalog_text(texts, row, column++);
		line.active = dcx_catalog_text(texts, row, column++);
	}
	return line;
}

static int
compare_bands(const void *a, const void *b)
{
	return dcx_band_compare(a, b);
}

/* Makes the row of a service from its lines. The bands are in the same order as in a saved book. */
static DcxProductRow
make_row(const ServiceLine *lines, int nlines)
{
	DcxProductRow row = {.code = lines->code, .title = lines->title};
	DcxService	 *service = palloc0(sizeof(DcxService));

	service->provider = lines->provider;
	if (!lines->active || !parse_bool(lines->active, &service->active))
		service->active = false;
	service->bands = palloc(sizeof(DcxBand) * nlines);
	for (int i = 0; i < nlines; i++)
		if (lines[i].has_band)
			service->bands[service->nbands++] = lines[i].band;
	qsort(service->bands, service->nbands, sizeof(DcxBand), compare_bands);
	row.service = service;
	return row;
}

DcxProductRow *
dcx_services_rows(const DcxPriced *priced, bool full, int *nrows, DcxSource *source,
				  DcxStamp *stamp)
{
	static DcxPlan priced_plan;
	static DcxPlan full_plan;
	Oid			   relation = priced->relations[0];
	bool		   view = priced->n == 1; /* whatever is attached while we read */
	MemoryContext  context = CurrentMemoryContext;
	DcxProductRow *rows;
	ServiceLine	  *lines;
	int			   nlines;
	Lines		   reading = {.priced = priced, .full = full};
	DcxTexts	   texts;
	DcxRun		   run;

	dcx_catalog_source(priced, source, stamp);
	dcx_run_begin(&run, dcx_relation_owner(relation));
	if (source->kind == DCX_SOURCE_FOREIGN)
		prefer_remote_join();
	nlines = dcx_catalog_read(DCX_ENETWORKS,
							  source->roots,
							  source->nroots,
							  select_lines,
							  &reading,
							  full ? &full_plan : &priced_plan,
							  &texts);
	if (nlines == 0 && (full || source->kind == DCX_SOURCE_FOREIGN))
		dcx_catalog_is_empty(DCX_ENETWORKS, source->roots[view ? 0 : 1]);

	lines = MemoryContextAllocHuge(context, sizeof(ServiceLine) * Max(nlines, 1));
	for (int i = 0; i < nlines; i++)
		lines[i] = read_line(i, view, full, &texts);
	dcx_run_end(&run);

	qsort(lines, nlines, sizeof(ServiceLine), compare_lines);
	rows = MemoryContextAllocExtended(context,
									  sizeof(DcxProductRow) * Max(nlines, 1),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	*nrows = 0;
	for (int first = 0, next; first < nlines; first = next)
	{
		next = first + 1;
		while (next < nlines && compare_lines(&lines[first], &lines[next]) == 0)
			next++;
		rows[(*nrows)++] = make_row(&lines[first], next - first);
	}
	pfree(lines);
	return rows;
}
