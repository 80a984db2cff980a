/*
 * read.c
 *		How a catalog's relations are read.
 *
 * Every read that may involve another server goes through dcx_catalog_select() or dcx_catalog_read(), which limit the
 * wait.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/base/errcodes.h"
#include "src/base/guarded.h"
#include "src/base/json.h"
#include "src/base/relation.h"
#include "src/catalog/catalog.h"
#include "src/catalog/read.h"
#include "src/remote/encoding.h"
#include "src/remote/reach.h"

/* The same as dcx_catalog_check_columns(), for the first columns only. */
static void
check_columns(const DcxCatalogPart *part, int ncolumns, Oid relation)
{
	for (int i = 0; i < ncolumns; i++)
	{
		const DcxCatalogColumn *column = &part->columns[i];
		AttrNumber				attnum = get_attnum(relation, column->name);

		if (attnum == InvalidAttrNumber && column->needed)
			ereport(ERROR,
					errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("%s has no column \"%s\"", dcx_relation_name(relation), column->name),
					errdetail("Columns found: %s.", dcx_relation_columns(relation)),
					errhint("Pricing reads it by that name. A view with the names it expects can "
							"be attached in its place."));
		if (attnum != InvalidAttrNumber && column->number &&
			!dcx_relation_type_is_number(get_atttype(relation, attnum)))
			ereport(ERROR,
					errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("column \"%s\" of %s is not a number",
						   column->name,
						   dcx_relation_name(relation)),
					errdetail("It is of type %s.", format_type_be(get_atttype(relation, attnum))),
					errhint("A view that casts it can be attached in its place."));
	}
}

void
dcx_catalog_check_columns(const DcxCatalogPart *part, Oid relation)
{
	check_columns(part, part->ncolumns, relation);
}

/* Whether a column of a relation is a text, which the other server converts into our encoding. */
static bool
is_text(const DcxCatalogColumn *column, Oid relation, AttrNumber attnum)
{
	Oid type = getBaseType(get_atttype(relation, attnum));

	return !column->number &&
		   (type == TEXTOID || type == VARCHAROID || type == BPCHAROID || type == NAMEOID);
}

void
dcx_catalog_append_columns(StringInfo sql, const char *alias, const DcxCatalogPart *part,
						   int ncolumns, Oid relation, bool as_bytes)
{
	check_columns(part, ncolumns, relation);
	for (int i = 0; i < ncolumns; i++)
	{
		const DcxCatalogColumn *column = &part->columns[i];
		AttrNumber				attnum = get_attnum(relation, column->name);

		if (i > 0)
			appendStringInfoString(sql, ", ");
		if (attnum == InvalidAttrNumber)
			appendStringInfoString(sql, "NULL");
		else
			appendStringInfo(sql, "%s.%s", alias, quote_identifier(column->name));
		if (column->number)
			appendStringInfoString(sql, "::numeric");
		else if (attnum == InvalidAttrNumber || !as_bytes || !is_text(column, relation, attnum))
			appendStringInfoString(sql, "::text");
	}
}

/*
 * As bytes: each column becomes an array, and the arrays become rows again. Of these statements postgres_fdw has
 * the other server execute the aggregates, and with them the expressions in them, for which there is no other way.
 */
void
dcx_catalog_append_relation(StringInfo sql, const char *alias, const DcxCatalogPart *part,
							int ncolumns, Oid relation, bool as_bytes)
{
	StringInfoData arrays;
	StringInfoData names;

	if (!as_bytes)
	{
		appendStringInfo(sql, "%s %s", dcx_relation_name(relation), alias);
		return;
	}
	initStringInfo(&arrays);
	initStringInfo(&names);
	for (int i = 0; i < ncolumns; i++)
	{
		const char *name = quote_identifier(part->columns[i].name);
		AttrNumber	attnum = get_attnum(relation, part->columns[i].name);
		char	   *column = psprintf("t.%s", name);

		if (attnum == InvalidAttrNumber)
			continue;
		if (is_text(&part->columns[i], relation, attnum))
			column = dcx_encoding_bytes_sql(psprintf("%s::text", column));
		appendStringInfo(&arrays, "%sarray_agg(%s)", arrays.len > 0 ? ", " : "", column);
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", name);
	}
	appendStringInfo(sql,
					 "(SELECT r.* FROM (SELECT %s FROM %s t) a (%s), LATERAL unnest(%s) r (%s)) %s",
					 arrays.data,
					 dcx_relation_name(relation),
					 names.data,
					 names.data,
					 names.data,
					 alias);
}

/* A statement that reads relations, inside a run. */
typedef struct Reading
{
	DcxPlan	   *plan; /* NULL: executed once */
	const char *sql;
	void	   *cursor;
	uint64		nrows;
} Reading;

static DcxParameters none = {0};

static void
start(void *argument)
{
	Reading *reading = argument;

	if (reading->plan)
		reading->cursor = dcx_query_open(reading->plan, reading->sql, &none);
	else
		dcx_query_touch(reading->sql);
}

static void
finish(void *argument)
{
	Reading *reading = argument;

	reading->nrows = reading->plan ? dcx_query_fetch(reading->cursor) :
									 dcx_query_write(NULL, reading->sql, &none);
}

/* If another server may be involved, the wait for it is limited. It can be behind a view or in a partition. */
uint64
dcx_catalog_select(DcxCatalogId id, const Oid *relations, int nrelations, const char *sql,
				   DcxPlan *plan)
{
	Reading reading = {.plan = plan, .sql = sql};
	bool	near = true;
	List   *places = NIL;

	for (int i = 0; i < nrelations; i++)
		near = near && dcx_relation_is_near(relations[i]);
	if (near)
		return plan ? dcx_query_read(plan, sql, &none) : dcx_query_write(NULL, sql, &none);
	for (int i = 0; i < nrelations; i++)
		places = list_concat(places, dcx_reach_places(relations[i]));
	dcx_remote_do(dcx_catalog_remote(id), places, start, finish, &reading);
	return reading.nrows;
}

/*
 * Whether what another server sends might have to be converted: its database has another encoding, or attach has
 * not noted which. In an SQL_ASCII database everything is taken as it is.
 */
static bool
may_be_converted(DcxCatalogId id, const Oid *relations, int nrelations)
{
	if (GetDatabaseEncoding() == PG_SQL_ASCII)
		return false;
	for (int i = 0; i < nrelations; i++)
		if (!dcx_catalog_has_our_encoding(id, relations[i]))
			return true;
	return false;
}

/* A read that can be rolled back. */
typedef struct Attempt
{
	DcxRemote *remote;
	List	  *places;
	Reading	   reading;
} Attempt;

static void
finish_and_release(void *reading)
{
	finish(reading);
	ReleaseCurrentSubTransaction();
}

static void
read_afar(void *argument)
{
	Attempt *attempt = argument;

	dcx_remote_do(attempt->remote, attempt->places, start, finish_and_release, &attempt->reading);
}

/* Raises the error that texts could not be converted, with what to do about it. */
pg_noreturn static void
refuse_texts(ErrorData *error)
{
	error->hint =
		psprintf("A text there has a character that encoding %s of this database does not "
				 "have, or bytes that are not valid. Correct it there; if its database "
				 "has got another encoding, attach again.",
				 GetDatabaseEncodingName());
	ReThrowError(error);
}

/* Reads without a subtransaction. failed: the error to raise if texts cannot be converted; NULL: the read's own. */
static void
read_at_once(Attempt *attempt, ErrorData *failed)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		dcx_remote_do(attempt->remote, attempt->places, start, finish, &attempt->reading);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		if (error->sqlerrcode == DCX_ERRCODE_UNREACHABLE || dcx_told_to_stop(error) ||
			(!failed && !dcx_encoding_failed(error->sqlerrcode)))
			PG_RE_THROW();
		FlushErrorState();
		refuse_texts(failed ? failed : error);
	}
	PG_END_TRY();
}

/*
 * Reads. Returns NULL; or, after rolling the read back, the error that texts could not be converted.
 *
 * postgres_fdw fails for one such text, and with it the transaction at the other server. So where that can happen,
 * the read is in a subtransaction. It costs two messages to the other server, which is why it is not done where both
 * encodings are known to be the same.
 */
static ErrorData *
attempt_read(DcxCatalogId id, const Oid *relations, int nrelations, Attempt *attempt)
{
	Reading	  *reading = &attempt->reading;
	bool	   near = true;
	ErrorData *error;

	attempt->remote = dcx_catalog_remote(id);
	for (int i = 0; i < nrelations; i++)
		near = near && dcx_relation_is_near(relations[i]);
	if (near)
	{
		reading->nrows = reading->plan ? dcx_query_read(reading->plan, reading->sql, &none) :
										 dcx_query_execute(reading->sql, 0, NULL, NULL, NULL);
		return NULL;
	}
	for (int i = 0; i < nrelations; i++)
		attempt->places = list_concat(attempt->places, dcx_reach_places(relations[i]));
	if (attempt->places == NIL || IsInParallelMode() ||
		!may_be_converted(id, relations, nrelations))
	{
		read_at_once(attempt, NULL);
		return NULL;
	}
	error = dcx_guarded_releasing(read_afar, attempt);
	if (error && !dcx_encoding_failed(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

uint64
dcx_catalog_read(DcxCatalogId id, const Oid *relations, int nrelations,
				 char *(*statement)(const void *argument, bool as_bytes), const void *argument,
				 DcxPlan *plan, DcxTexts *texts)
{
	Attempt	   attempt = {.reading = {.plan = plan, .sql = statement(argument, false)}};
	ErrorData *error = attempt_read(id, relations, nrelations, &attempt);

	*texts = (DcxTexts){.as_bytes = error != NULL, .from_afar = attempt.places != NIL};
	if (error)
	{
		texts->encoding = dcx_encoding_of(attempt.places);
		if (texts->encoding < 0)
			refuse_texts(error);
		attempt.reading.sql = statement(argument, true);
		read_at_once(&attempt, error);
	}
	return attempt.reading.nrows;
}

/* The first columns of a part. */
typedef struct PartColumns
{
	const DcxCatalogPart *part;
	int					  ncolumns;
	Oid					  relation;
} PartColumns;

static char *
select_part(const void *argument, bool as_bytes)
{
	const PartColumns *of = argument;
	StringInfoData	   sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	dcx_catalog_append_columns(&sql, "r", of->part, of->ncolumns, of->relation, as_bytes);
	appendStringInfoString(&sql, " FROM ");
	dcx_catalog_append_relation(&sql, "r", of->part, of->ncolumns, of->relation, as_bytes);
	return sql.data;
}

uint64
dcx_catalog_read_part(DcxCatalogId id, int part, int ncolumns, Oid relation, DcxPlan *plan,
					  DcxTexts *texts)
{
	PartColumns of = {.part = &dcx_catalogs[id].parts[part],
					  .ncolumns = ncolumns,
					  .relation = relation};

	return dcx_catalog_read(id, &relation, 1, select_part, &of, plan, texts);
}

/* Bytes in hexadecimal, in the caller's memory context. */
static char *
hexadecimal(const char *bytes, int length)
{
	char *text = palloc0(length * 2 + 1);

	hex_encode(bytes, length, text);
	return dcx_query_keep(text);
}

/*
 * A text that was read; if it cannot be had: its bytes in hexadecimal, or NULL. Of a server of our own encoding
 * postgres_fdw takes a text as it comes.
 */
static char *
read_text(const DcxTexts *texts, uint64 row, int column, bool or_bytes)
{
	char *bytes;
	char *text;
	int	  length;

	if (texts->as_bytes && dcx_query_is_bytes(column))
	{
		bytes = dcx_query_bytes(row, column, &length);
		text = bytes ? dcx_encoding_convert(bytes, length, texts->encoding) : NULL;
		if (text)
			text = dcx_query_keep(text);
	}
	else
	{
		text = bytes = dcx_query_text(row, column);
		length = bytes ? strlen(bytes) : 0;
		if (texts->from_afar && text && !pg_verifymbstr(text, length, true))
			text = NULL;
	}
	return text || !bytes || !or_bytes ? text : hexadecimal(bytes, length);
}

char *
dcx_catalog_text(const DcxTexts *texts, uint64 row, int column)
{
	return read_text(texts, row, column, false);
}

char *
dcx_catalog_key(const DcxTexts *texts, uint64 row, int column)
{
	return read_text(texts, row, column, true);
}

void
dcx_catalog_is_empty(DcxCatalogId id, Oid relation)
{
	const DcxCatalog *catalog = &dcx_catalogs[id];

	ereport(ERROR,
			errcode(DCX_ERRCODE_UNREACHABLE),
			errmsg("the %s has no %s at all", catalog->what, catalog->items),
			errdetail("%s answered with no row, which is taken for an outage.",
					  dcx_relation_name(relation)),
			errhint("See whether it is the right database, and whether its data is there."));
}

/* The rows of a part, with the columns that pricing knows. A character stands for each text that cannot be had. */
static Jsonb *
json_of_columns(DcxCatalogId id, int number, Oid relation, MemoryContext context)
{
	static const char	  lost[] = {DCX_ENCODING_LOST_CHAR, '\0'};
	const DcxCatalogPart *part = &dcx_catalogs[id].parts[number];
	DcxJson				  json = {0};
	DcxTexts			  texts;
	uint64 nrows = dcx_catalog_read_part(id, number, part->ncolumns, relation, NULL, &texts);

	MemoryContextSwitchTo(context);
	dcx_json_begin_array(&json, NULL);
	for (uint64 row = 0; row < nrows; row++)
	{
		dcx_json_begin_object(&json, NULL);
		for (int i = 0; i < part->ncolumns; i++)
		{
			const char *name = part->columns[i].name;

			if (get_attnum(relation, name) == InvalidAttrNumber)
				continue;
			if (part->columns[i].number)
				dcx_json_number(&json, name, dcx_query_numeric(row, i + 1));
			else
			{
				const char *text = dcx_catalog_text(&texts, row, i + 1);

				if (!text && dcx_catalog_key(&texts, row, i + 1))
					text = lost;
				dcx_json_text(&json, name, text);
			}
		}
		dcx_json_end_object(&json);
	}
	dcx_json_end_array(&json);
	return dcx_json_result(&json);
}

Jsonb *
dcx_catalog_json(DcxCatalogId id, int part, Oid relation)
{
	MemoryContext context = CurrentMemoryContext;
	Attempt		  attempt = {0};
	Jsonb		 *rows;
	DcxRun		  run;

	dcx_run_begin(&run, dcx_relation_owner(relation));
	attempt.reading.sql = psprintf("SELECT coalesce(jsonb_agg(to_jsonb(r.*)), '[]') FROM %s r",
								   dcx_relation_name(relation));
	if (!attempt_read(id, &relation, 1, &attempt))
		rows = dcx_query_jsonb(0, 1);
	else
		rows = json_of_columns(id, part, relation, context);
	dcx_run_end(&run);
	return rows;
}

int64
dcx_catalog_count(DcxCatalogId id, Oid relation)
{
	int64  count;
	DcxRun run;

	dcx_run_begin(&run, dcx_relation_owner(relation));
	dcx_catalog_select(id,
					   &relation,
					   1,
					   psprintf("SELECT count(*) FROM %s", dcx_relation_name(relation)),
					   NULL);
	count = dcx_query_int64(0, 1);
	dcx_run_end(&run);
	return count;
}
