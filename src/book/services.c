/*
 * services.c
 *		The network services of E-Networks as rows.
 *
 * Three tables in one statement, and of foreign tables on one server one remote read.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "src/base/relation.h"
#include "src/book/services.h"

/* One band and the service that it is of. */
typedef struct Line
{
	const char *id; /* of the service; NULL where only the rest tells them apart */
	const char *code;
	const char *title;
	const char *provider;
	const char *active;
	bool		has_band;
	DcxBand		band;
} Line;

static const DcxCatalogPart *
part(DcxEnetworksPart number)
{
	return &dcx_catalogs[DCX_ENETWORKS].parts[number];
}

static int
compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

/* Equal: of one service. */
static int
compare_lines(const void *a, const void *b)
{
	const Line *x = a;
	const Line *y = b;
	int			order = compare_texts(x->code, y->code);

	if (order == 0)
		order = compare_texts(x->id, y->id);
	if (order == 0)
		order = compare_texts(x->title, y->title);
	if (order == 0)
		order = compare_texts(x->provider, y->provider);
	return order == 0 ? compare_texts(x->active, y->active) : order;
}

static void
append_part(StringInfo sql, const char *alias, DcxEnetworksPart number, bool full, Oid relation)
{
	dcx_catalog_append_columns(sql,
							   alias,
							   part(number),
							   full ? part(number)->ncolumns : part(number)->npriced,
							   relation);
}

/* The statement: of a view its columns, of the tables the band's, the service's, the provider's. */
static char *
select_lines(const DcxPriced *priced, bool full)
{
	StringInfoData sql;
	Oid			   relation = priced->bindings[0]->relation;

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
	append_part(&sql, "s", DCX_NETWORK_SERVICES, full, priced->bindings[1]->relation);
	appendStringInfoString(&sql, ", ");
	append_part(&sql, "p", DCX_PROVIDERS, full, priced->bindings[2]->relation);
	appendStringInfo(&sql,
					 " FROM %s s LEFT JOIN %s p ON p.id = s.\"providerId\""
					 " LEFT JOIN %s b ON b.\"serviceId\" = s.id",
					 dcx_relation_name(priced->bindings[1]->relation),
					 dcx_relation_name(priced->bindings[2]->relation),
					 dcx_relation_name(relation));
	return sql.data;
}

/*
 * Lets postgres_fdw join at the other server, in one read instead of three: what it knows of foreign tables that
 * nobody has analyzed makes that look dear. Where it cannot, the tables are joined here all the same.
 */
static void
join_there(void)
{
	dcx_run_set("enable_hashjoin", "off");
	dcx_run_set("enable_mergejoin", "off");
	dcx_run_set("enable_nestloop", "off");
}

/* What a row of the statement says. */
static Line
read_line(uint64 row, bool view, bool full)
{
	Line line = {.has_band = true};
	int	 column = 1;

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
		column += 2; /* the provider's id, at both ends */
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

/* The row of a service of which these are the lines, its bands in the order that a saved book has them in. */
static DcxProductRow
make_row(const Line *lines, int nlines)
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
	Oid			   relation = priced->bindings[0]->relation;
	bool		   view = priced->n == 1; /* whatever is attached while we read */
	MemoryContext  context = CurrentMemoryContext;
	DcxProductRow *rows;
	Line		  *lines;
	int			   nlines;
	DcxRun		   run;

	dcx_catalog_lock(priced, source, stamp);
	dcx_run_begin(&run, dcx_relation_owner(relation));
	if (source->kind == DCX_SOURCE_FOREIGN)
		join_there();
	nlines = dcx_catalog_select(DCX_ENETWORKS,
								source->roots,
								source->nroots,
								select_lines(priced, full),
								full ? &full_plan : &priced_plan);
	if (nlines == 0 && (full || source->kind == DCX_SOURCE_FOREIGN))
		dcx_catalog_is_empty(DCX_ENETWORKS, source->roots[view ? 0 : 1]);

	lines = MemoryContextAllocHuge(context, sizeof(Line) * Max(nlines, 1));
	for (int i = 0; i < nlines; i++)
		lines[i] = read_line(i, view, full);
	dcx_run_end(&run);

	qsort(lines, nlines, sizeof(Line), compare_lines);
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
