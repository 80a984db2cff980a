/*
 * history.c
 *		Saves the catalog's price book, finds the one that was in force at a time, and lists the periods of prices.
 *
 * Locks and snapshots of a save: first dcx.price_book is locked, then a new snapshot is taken, then the catalog
 * is read under it. So two saves at the same time follow each other, and the later one has seen the later
 * prices.
 */
#include "postgres.h"

#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "src/base/errcodes.h"
#include "src/book/bookjson.h"
#include "src/book/history.h"
#include "src/book/pricebook.h"

bool
dcx_history_save(DcxCatalogId id, DcxSaved *saved, bool attached)
{
	DcxProductRow *rows;
	TimestampTz	   seen_at;
	bool		   near;
	bool		   is_new;
	int			   nrows;

	/* An old snapshot would show old prices, and they would be saved as today's. */
	if (!attached && IsolationUsesXactSnapshot())
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("price books are saved under READ COMMITTED only"),
				errdetail("This transaction reads under a snapshot of its own."),
				errhint("BEGIN ISOLATION LEVEL READ COMMITTED."));

	*saved = (DcxSaved){.catalog = dcx_catalogs[id].name};
	dcx_saved_lock(id);
	seen_at = GetCurrentTimestamp();
	PushActiveSnapshot(GetTransactionSnapshot());
	rows = dcx_pricebook_live_rows(id, &nrows, &near);

	/*
	 * Another database is seen as it was when this transaction first looked there. Nobody knows when that
	 * was, but it was not before the transaction began.
	 */
	if (!near && !attached)
		seen_at = GetCurrentTransactionStartTimestamp();
	is_new = dcx_saved_put(saved, rows, nrows, seen_at);
	PopActiveSnapshot();
	return is_new;
}

/* dcx_price_book_save(catalog text) */
PG_FUNCTION_INFO_V1(dcx_price_book_save);
Datum
dcx_price_book_save(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	DcxCatalogId   id = dcx_catalog_named(PG_GETARG_TEXT_PP(0));
	DcxSaved	   saved;
	bool		   changed;
	Datum		   values[4];
	bool		   nulls[4] = {false};

	/* First: a standby refuses the lock, too, with an error that explains nothing. */
	PreventCommandIfReadOnly("dcx_price_book_save()");
	InitMaterializedSRF(fcinfo, 0);
	changed = dcx_history_save(id, &saved, false);
	values[0] = Int64GetDatum(saved.book_id);
	values[1] = TimestampTzGetDatum(saved.last_seen_at);
	values[2] = BoolGetDatum(changed);
	values[3] = Int32GetDatum(saved.products);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}

/* dcx_price_book_at(at timestamptz, catalog text) */
PG_FUNCTION_INFO_V1(dcx_price_book_at);
Datum
dcx_price_book_at(PG_FUNCTION_ARGS)
{
	TimestampTz	   at = PG_GETARG_TIMESTAMPTZ(0);
	const char	  *catalog = dcx_catalogs[dcx_catalog_named(PG_GETARG_TEXT_PP(1))].name;
	TimestampTz	   last_seen_at;
	TimestampTz	   next_at;
	Jsonb		  *book = dcx_saved_at(catalog, at, &last_seen_at, &next_at);
	DcxProductRow *rows;
	int			   nrows;

	if (!book)
	{
		char *time = pstrdup(timestamptz_to_str(at));

		ereport(ERROR,
				errcode(ERRCODE_NO_DATA_FOUND),
				errmsg("no saved price book was in force at %s", time),
				TIMESTAMP_IS_NOEND(next_at) ?
					errdetail("No price book has been saved yet.") :
					errdetail("The earliest was first seen at %s.", timestamptz_to_str(next_at)),
				errhint("dcx_price_book_save() saves the current one."));
	}
	if (at > last_seen_at && !TIMESTAMP_IS_NOEND(next_at))
	{
		char *from = pstrdup(timestamptz_to_str(last_seen_at));

		ereport(WARNING,
				errmsg("prices changed at an unknown time from %s until %s",
					   from,
					   timestamptz_to_str(next_at)),
				errdetail("The earlier book answers."));
	}
	rows = dcx_bookjson_rows(book, &nrows);
	PG_RETURN_JSONB_P(dcx_bookjson_value(rows, nrows, false));
}

/* dcx_price_history(code text, since timestamptz, until timestamptz, catalog text) */
PG_FUNCTION_INFO_V1(dcx_price_history);
Datum
dcx_price_history(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(3))
		dcx_saved_history(result,
						  dcx_catalogs[dcx_catalog_named(PG_GETARG_TEXT_PP(3))].name,
						  PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)),
						  PG_ARGISNULL(1) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(1),
						  PG_ARGISNULL(2) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(2));
	return (Datum) 0;
}
