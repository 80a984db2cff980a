/*
 * saved.c
 *		The saved price books: the rows of dcx.price_book.
 *
 * The table is a user's, who may be an ordinary role. So before anything of it is used: its owner must be
 * entitled to attach the catalog, it must have the shape that we made it with, and no other table may inherit
 * from it.
 *
 * Locks: reading takes ACCESS SHARE, saving SHARE ROW EXCLUSIVE (dcx_saved_lock), until the end of the
 * transaction. Snapshots: all reads are under the active one; writing takes a new one, as a statement does.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "src/base/binding.h"
#include "src/base/fresh.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/shape.h"
#include "src/book/bookjson.h"
#include "src/book/saved.h"

#define SAVED_NAME "dcx.price_book"

/* Locks the table and returns it; InvalidOid when there is none. One that cannot be trusted is an error. */
static Oid
lock_saved_table(const char *catalog, LOCKMODE lock)
{
	Oid table = dcx_table_relation(DCX_TABLE_PRICE_BOOK);
	Oid owner;

	if (!OidIsValid(table))
		return InvalidOid;
	LockRelationOid(table, lock);
	owner = dcx_relation_owner(table);
	if (!OidIsValid(owner))
		return InvalidOid;
	dcx_binding_check_entitled(catalog, InvalidOid, owner, SAVED_NAME);
	dcx_shape_check(DCX_TABLE_PRICE_BOOK, table);
	return table;
}

/* Reads the newest row of a catalog under the active snapshot. */
static void
find_newest(DcxSaved *saved)
{
	static const int columns[] = {DCX_PRICE_BOOK_BOOK_ID,
								  DCX_PRICE_BOOK_LAST_SEEN_AT,
								  DCX_PRICE_BOOK_PRODUCTS};
	Datum			 values[lengthof(columns)];
	bool			 nulls[lengthof(columns)];

	saved->found = dcx_lookup_last(DCX_TABLE_PRICE_BOOK,
								   saved->table,
								   CStringGetTextDatum(saved->catalog),
								   lengthof(columns),
								   columns,
								   values,
								   nulls,
								   &saved->version);
	if (saved->found)
	{
		saved->book_id = DatumGetInt64(values[0]);
		saved->last_seen_at = DatumGetTimestampTz(values[1]);
		saved->products = DatumGetInt32(values[2]);
	}
}

void
dcx_saved_read(DcxSaved *saved)
{
	Oid		  table;
	DcxSource source;
	DcxStamp  stamp;
	bool	  begun;

	saved->stamp.valid = false;
	saved->found = false;
	table = lock_saved_table(saved->catalog, AccessShareLock);
	if (!OidIsValid(table))
		return;

	source = dcx_shape_source(table);
	begun = dcx_fresh_begin_ours(table);
	stamp = dcx_stamp_now(&source);
	saved->table = table;
	find_newest(saved);
	dcx_fresh_end(begun);

	saved->source = source;
	saved->source.relations = &saved->table;
	saved->stamp = stamp;
}

DcxProductRow *
dcx_saved_rows(const DcxSaved *saved, int *nrows)
{
	static const int columns[] = {DCX_PRICE_BOOK_BOOK};
	Datum			 keys[] = {CStringGetTextDatum(saved->catalog), Int64GetDatum(saved->book_id)};
	Datum			 values[lengthof(columns)];
	bool			 nulls[lengthof(columns)];

	if (!dcx_lookup(DCX_TABLE_PRICE_BOOK,
					saved->table,
					keys,
					false,
					lengthof(columns),
					columns,
					values,
					nulls,
					NULL))
		dcx_shape_refuse(saved->table, psprintf("Book " INT64_FORMAT " is gone.", saved->book_id));
	return dcx_bookjson_rows(DatumGetJsonbP(values[0]), nrows);
}

void
dcx_saved_make(void)
{
	dcx_table_make(DCX_TABLE_PRICE_BOOK);
	dcx_shape_check(DCX_TABLE_PRICE_BOOK, dcx_table_relation(DCX_TABLE_PRICE_BOOK));
}

void
dcx_saved_lock(DcxCatalogId id)
{
	const char *catalog = dcx_catalogs[id].name;

	if (!OidIsValid(lock_saved_table(catalog, ShareRowExclusiveLock)))
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("there is no table %s", SAVED_NAME),
				errhint("Attaching the catalog makes it: SELECT * FROM %s.",
						dcx_catalog_attach_call(id)));
}

/* Inside a run as the table's owner: writes a new row and returns its id. */
static int64
insert_book(const char *catalog, Jsonb *book, TimestampTz seen_at, int nrows)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};

	dcx_parameter_text(&parameters, catalog);
	dcx_parameter_time(&parameters, seen_at);
	dcx_parameter_int64(&parameters, nrows);
	dcx_parameter(&parameters, JSONBOID, JsonbPGetDatum(book), false);
	dcx_query_write(&plan,
					"INSERT INTO " SAVED_NAME
					" (catalog, first_seen_at, last_seen_at, products, book)"
					" VALUES ($1, $2, $2, $3, $4) RETURNING book_id",
					&parameters);
	return dcx_query_int64(0, 1);
}

/* Likewise: notes that the newest book was seen once more. */
static void
see_again(const DcxSaved *newest, TimestampTz seen_at)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};

	dcx_parameter_text(&parameters, newest->catalog);
	dcx_parameter_int64(&parameters, newest->book_id);
	dcx_parameter_time(&parameters, seen_at);
	dcx_query_write(&plan,
					"UPDATE " SAVED_NAME " SET last_seen_at = $3"
					" WHERE catalog = $1 AND book_id = $2",
					&parameters);
}

/* Likewise: whether the newest book is equal to this one. */
static bool
is_same_book(const DcxSaved *newest, Jsonb *book)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};

	dcx_parameter_text(&parameters, newest->catalog);
	dcx_parameter_int64(&parameters, newest->book_id);
	dcx_parameter(&parameters, JSONBOID, JsonbPGetDatum(book), false);
	dcx_query_read(&plan,
				   "SELECT book = $3 FROM " SAVED_NAME " WHERE catalog = $1 AND book_id = $2",
				   &parameters);
	return dcx_query_bool(0, 1);
}

bool
dcx_saved_put(DcxSaved *saved, const DcxProductRow *rows, int nrows, TimestampTz seen_at)
{
	Jsonb *book = dcx_bookjson_value(rows, nrows, true);
	bool   is_new;
	DcxRun run;

	dcx_saved_read(saved);
	if (saved->found && saved->last_seen_at > seen_at &&
		saved->last_seen_at <= GetCurrentTimestamp())
		return false;

	dcx_run_begin(&run, dcx_relation_owner(saved->table));
	is_new = !saved->found || !is_same_book(saved, book);
	if (is_new)
	{
		saved->book_id = insert_book(saved->catalog, book, seen_at, nrows);
		saved->products = nrows;
	}
	else
		see_again(saved, seen_at);
	dcx_run_end(&run);
	saved->last_seen_at = seen_at;
	return is_new;
}

Jsonb *
dcx_saved_at(const char *catalog, TimestampTz at, TimestampTz *last_seen_at, TimestampTz *next_at)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};
	Oid			   table = lock_saved_table(catalog, AccessShareLock);
	Jsonb		  *book;
	DcxRun		   run;

	*next_at = DT_NOEND;
	if (!OidIsValid(table))
		return NULL;

	dcx_parameter_text(&parameters, catalog);
	dcx_parameter_time(&parameters, at);
	dcx_run_begin(&run, dcx_relation_owner(table));
	dcx_query_read(&plan,
				   "SELECT b.last_seen_at, b.book, (SELECT coalesce(min(first_seen_at), 'infinity')"
				   "    FROM " SAVED_NAME " WHERE catalog = $1 AND first_seen_at > $2)"
				   "  FROM (VALUES (1)) v LEFT JOIN (SELECT * FROM " SAVED_NAME
				   "          WHERE catalog = $1 AND first_seen_at <= $2"
				   "          ORDER BY book_id DESC LIMIT 1) b ON true",
				   &parameters);
	*last_seen_at = dcx_query_time(0, 1);
	*next_at = dcx_query_time(0, 3);
	book = dcx_query_jsonb(0, 2);
	dcx_run_end(&run);
	return book;
}

/* --------------------------------------------------------------------------------------------------
 * The history of prices
 * --------------------------------------------------------------------------------------------------
 */

/* In SQL: a number of a book, NULL when it is none; a book has NaN and the infinities as strings. */
#define NUMBER(json)                                                     \
	"CASE WHEN jsonb_typeof(" json ") = 'number'"                        \
	"       OR " json " IN ('\"NaN\"', '\"Infinity\"', '\"-Infinity\"')" \
	"     THEN (" json " #>> '{}')::numeric END"

/* In SQL: a price as functions return it, with two decimals or more. */
#define SHOWN(price) "round(" price ", greatest(min_scale(" price "), 2))"

/* In SQL: a book's members; a book that is no object has none. */
#define MEMBERS "jsonb_each(CASE jsonb_typeof(book) WHEN 'object' THEN book END)"

/*
 * The books that were ever in force, as dcx_saved_at() sees it: from first_seen_at until another one with a higher
 * book_id was first seen. (After a wrong clock a book can be first seen later than those that follow it.)
 */
#define HISTORY_BOOKS                                                                \
	" saved AS (SELECT *, coalesce(min(first_seen_at) OVER (ORDER BY book_id DESC"   \
	"     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 'infinity') AS next_at" \
	"   FROM " SAVED_NAME " WHERE catalog = $1),"                                    \
	" book AS (SELECT row_number() OVER (ORDER BY book_id) AS nth, first_seen_at,"   \
	"     least(last_seen_at, next_at) AS last_seen_at, next_at, book"               \
	"   FROM saved WHERE first_seen_at < next_at)"

/* In SQL: the numbers of a member of a book, and of a band of it. */
#define MEMBER_PRICE  NUMBER("value -> 'price'")
#define BAND_MIN	  NUMBER("band -> 'min_mbps'")
#define BAND_MAX	  NUMBER("band -> 'max_mbps'")
#define BAND_FIXED	  NUMBER("band -> 'fixed_price'")
#define BAND_PER_MBPS NUMBER("band -> 'price_per_mbps'")

/*
 * The prices of each book: one row for a product, one for each band of a network service. Bands with the same ends
 * are told apart by their price.
 */
#define HISTORY_PRICES                                                                          \
	" price AS (SELECT nth, first_seen_at, last_seen_at, next_at, code, title, p.*"             \
	"   FROM member CROSS JOIN LATERAL ("                                                       \
	"     SELECT NULL::numeric, NULL::numeric, " MEMBER_PRICE ", NULL::numeric,"                \
	"            1::bigint"                                                                     \
	"      WHERE jsonb_typeof(value -> 'bands') IS DISTINCT FROM 'array'"                       \
	"     UNION ALL"                                                                            \
	"     SELECT b.*, row_number() OVER (PARTITION BY low, high ORDER BY fixed, per)"           \
	"       FROM (SELECT " BAND_MIN ", " BAND_MAX ", " BAND_FIXED ", " BAND_PER_MBPS            \
	"               FROM jsonb_array_elements(CASE jsonb_typeof(value -> 'bands') WHEN 'array'" \
	"                                         THEN value -> 'bands' END) AS band"               \
	"            ) AS b (low, high, fixed, per)"                                                \
	"   ) AS p (min_mbps, max_mbps, price, per_mbps, pair))"

#define SHOWN_PRICE	   SHOWN("price")
#define SHOWN_PER_MBPS SHOWN("per_mbps")

/* A period is a run of books, one after the other, with the same price. */
#define HISTORY_PERIODS                                                                  \
	" SELECT code, (array_agg(title ORDER BY nth DESC))[1], " SHOWN_PRICE ","            \
	"     trim_scale(min_mbps), trim_scale(max_mbps), " SHOWN_PER_MBPS ","               \
	"     min(first_seen_at), max(last_seen_at), nullif(max(next_at), 'infinity')"       \
	"   FROM (SELECT *, nth - row_number() OVER (PARTITION BY code, min_mbps, max_mbps," \
	"             pair, price, per_mbps ORDER BY nth) AS run FROM price) p"              \
	"  GROUP BY code, min_mbps, max_mbps, pair, price, per_mbps, run"                    \
	" HAVING min(first_seen_at) < $3 AND max(next_at) > $2"                              \
	"  ORDER BY code, min_mbps NULLS FIRST, max_mbps, pair, min(first_seen_at)"

static const char history_all_sql[] =
	"WITH" HISTORY_BOOKS
	", member AS (SELECT b.*, key COLLATE \"C\" AS code, value, value ->> 'title' AS title"
	" FROM book b CROSS JOIN LATERAL " MEMBERS ")," HISTORY_PRICES HISTORY_PERIODS;

static const char history_one_sql[] =
	"WITH" HISTORY_BOOKS ", member AS (SELECT b.*, $4 COLLATE \"C\" AS code, book -> $4 AS value,"
	" book -> $4 ->> 'title' AS title FROM book b WHERE book ? $4)," HISTORY_PRICES HISTORY_PERIODS;

/* Inside a run as the table's owner: the code as the books have it; NULL when none has. */
static const char *
code_in_books(const char *catalog, const char *code)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};

	dcx_parameter_text(&parameters, catalog);
	dcx_parameter_text(&parameters, code);
	dcx_query_read(&plan,
				   "SELECT coalesce((SELECT $2 FROM " SAVED_NAME " WHERE catalog = $1 AND book ? $2"
				   "                  ORDER BY book_id DESC LIMIT 1),"
				   "  (SELECT min(key) FROM (SELECT DISTINCT key FROM " SAVED_NAME
				   "      CROSS JOIN LATERAL " MEMBERS " WHERE catalog = $1"
				   "       AND lower(key COLLATE \"C\") = lower($2 COLLATE \"C\")) k"
				   "    HAVING count(*) = 1))",
				   &parameters);
	return dcx_query_text(0, 1);
}

void
dcx_saved_history(ReturnSetInfo *result, const char *catalog, const char *code, TimestampTz since,
				  TimestampTz until)
{
	DcxParameters parameters = {0};
	Oid			  table = lock_saved_table(catalog, AccessShareLock);
	DcxRun		  run;

	if (!OidIsValid(table))
		return;
	dcx_parameter_text(&parameters, catalog);
	dcx_parameter_time(&parameters, since);
	dcx_parameter_time(&parameters, until);
	dcx_run_begin(&run, dcx_relation_owner(table));
	if (!code)
		dcx_query_into(result, history_all_sql, &parameters);
	else if ((code = code_in_books(catalog, code)) != NULL)
	{
		dcx_parameter_text(&parameters, code);
		dcx_query_into(result, history_one_sql, &parameters);
	}
	dcx_run_end(&run);
}
