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

/* A row of the statement: a service and one of its bands. Any text may be NULL. */
typedef struct ServiceLine
{
	const char *id; /* of the service; NULL when a view is read, which has none */
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

/* Appends the columns of one part. full: with those that pricing does not need. */
static void
append_part(StringInfo sql, const char *alias, DcxEnetworksPart number, bool full, Oid relation)
{
	dcx_catalog_append_columns(sql,
							   alias,
							   enetworks_part(number),
							   full ? enetworks_part(number)->ncolumns :
									  enetworks_part(number)->npriced,
							   relation);
}

/* The statement. read_line() counts on the order of its columns: band, service, provider; or the view's own. */
static char *
select_lines(const DcxPriced *priced, bool full)
{
	StringInfoData sql;
	Oid			   relation = priced->relations[0];

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	if (priced->n == 1)
	{
		append_part(&sql, "v", DCX_NETWORK_PRICES, full, relation);
		appendStringInfo(&sql, " FROM %s v", dcx_relation_name(relation));
		return sql.data;
	}
	append_part(&sql, "b", DCX_BANDWIDTH_PRICES, full, relation);
	appendStringInfoString(&sql, ", ");
	append_part(&sql, "s", DCX_NETWORK_SERVICES, full, priced->relations[1]);
	appendStringInfoString(&sql, ", ");
	append_part(&sql, "p", DCX_PROVIDERS, full, priced->relations[2]);
	appendStringInfo(&sql,
					 " FROM %s s LEFT JOIN %s p ON p.id = s.\"providerId\""
					 " LEFT JOIN %s b ON b.\"serviceId\" = s.id",
					 dcx_relation_name(priced->relations[1]),
					 dcx_relation_name(priced->relations[2]),
					 dcx_relation_name(relation));
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

/* Reads a row of the statement. */
static ServiceLine
read_line(uint64 row, bool view, bool full)
{
	ServiceLine line = {.has_band = true};
	int			column = 1;

	if (view)
	{
		line.code = dcx_query_text(row, column++);
		line.title = dcx_query_text(row, column++);
		line.provider = dcx_query_text(row, column++);
		line.active = dcx_query_text(row, column++);
	}
	else
		line.has_band = dcx_query_text(row, column++) != NULL;
	line.band.min_mbps = dcx_query_numeric(row, column++);
	line.band.max_mbps = dcx_query_numeric(row, column++);
	line.band.fixed_price = dcx_query_numeric(row, column++);
	line.band.price_per_mbps = dcx_query_numeric(row, column++);
	if (full)
		line.band.cost = dcx_query_numeric(row, column++);
	if (!view)
	{
		line.id = dcx_query_text(row, column++);
		line.code = dcx_query_text(row, column++);
		line.title = dcx_query_text(row, column++);
		column += 2; /* the service's providerId and the provider's id */
		line.provider = dcx_query_text(row, column++);
		line.active = dcx_query_text(row, column++);
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
	DcxRun		   run;

	dcx_catalog_source(priced, source, stamp);
	dcx_run_begin(&run, dcx_relation_owner(relation));
	if (source->kind == DCX_SOURCE_FOREIGN)
		prefer_remote_join();
	nlines = dcx_catalog_select(DCX_ENETWORKS,
								source->roots,
								source->nroots,
								select_lines(priced, full),
								full ? &full_plan : &priced_plan);
	if (nlines == 0 && (full || source->kind == DCX_SOURCE_FOREIGN))
		dcx_catalog_is_empty(DCX_ENETWORKS, source->roots[view ? 0 : 1]);

	lines = MemoryContextAllocHuge(context, sizeof(ServiceLine) * Max(nlines, 1));
	for (int i = 0; i < nlines; i++)
		lines[i] = read_line(i, view, full);
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
