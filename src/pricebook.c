/*
 * pricebook.c
 *		Which price book answers: the catalog's own, or one that was saved.
 */
#include "postgres.h"

#include "access/xact.h"
#include "bookjson.h"
#include "catalog.h"
#include "errcodes.h"
#include "funcapi.h"
#include "pricebook.h"
#include "remote.h"
#include "saved.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

/* How long a catalog that could not be reached is left alone, in seconds. */
#define RETRY_AFTER 10

int dcx_max_price_age = 0;
int dcx_on_outage = DCX_ON_OUTAGE_ERROR;

/* A book and where it is from. */
typedef struct Origin
{
	DcxPriceBook *book; /* NULL: none yet */
	MemoryContext context;
	int			  nproducts;
	bool		  saved;
	Oid			  relation; /* what it was read from */
	TimestampTz	  read_at;	/* when its prices were last seen there */
	DcxSource	  source;	/* not of a saved book */
	int64		  book_id;	/* of a saved book */
	DcxRowVersion version;	/* of a saved book */
	DcxStamp	  stamp;
} Origin;

static Origin current;

/*
 * Whether one look at the stamp is enough: the book is from tables, and all that led to it was read
 * under the same stamp. True under this setting, for transactions that begin until then.
 */
static bool		   quick = false;
static int		   quick_max_age;
static TimestampTz quick_until;

/* What was decided for a transaction; under max_price_age = 0 only after an outage. */
static struct
{
	LocalTransactionId lxid;
	int				   max_age;
	bool			   saved;
	bool			   outage; /* for want of something better */
	TransactionId	   xmax;   /* of the snapshot it was decided under */
	uint32			   xcnt;
} chosen;

/* The last outage: of what, and until when not to try again. */
static Oid		   outage_relation = InvalidOid;
static TimestampTz outage_until;

static DcxSaved newest = {.catalog = DCX_CATALOG_AAS};

/* What this backend did so far, for dcx_price_book_stats(). */
static int64 stat_loads = 0;
static int64 stat_remote_reads = 0;
static int64 stat_hits = 0;

static TimestampTz
seconds_after(TimestampTz time, int seconds)
{
	return time + (TimestampTz) seconds * USECS_PER_SEC;
}

/*
 * Not where the catalog itself answers and a saved book could: that has to be remembered as decided,
 * transaction by transaction.
 */
static void
set_quick(const DcxBinding *binding)
{
	quick_max_age = dcx_max_price_age;
	if (current.saved)
	{
		quick = !chosen.outage && dcx_stamp_same(&current.stamp, &binding->stamp);
		quick_until = seconds_after(current.read_at, dcx_max_price_age);
	}
	else
	{
		quick = dcx_max_price_age == 0 && current.source.kind == DCX_SOURCE_TABLES &&
				dcx_stamp_same(&current.stamp, &binding->stamp);
		quick_until = PG_INT64_MAX;
	}
}

/* A new book takes the old one's place. Nothing here can fail. */
static void
swap_in(const Origin *fresh)
{
	MemoryContext before = current.context;

	quick = false;
	MemoryContextSetParent(fresh->context, TopMemoryContext);
	current = *fresh;
	if (before)
		MemoryContextDelete(before);
	stat_loads++;
}

/* A context for a new book, which goes with the current one if the making fails. */
static MemoryContext
book_context(void)
{
	return AllocSetContextCreate(CurrentMemoryContext, "dcx price book", ALLOCSET_DEFAULT_SIZES);
}

static void
load_live(const DcxBinding *binding)
{
	Origin		   fresh = {.relation = binding->relation, .read_at = GetCurrentTimestamp()};
	MemoryContext  caller;
	DcxProductRow *rows;

	fresh.context = book_context();
	caller = MemoryContextSwitchTo(fresh.context);
	rows = dcx_catalog_products(false, &fresh.nproducts, &fresh.source, &fresh.stamp);
	fresh.book = dcx_book_make("catalog", rows, fresh.nproducts);
	pfree(rows);
	MemoryContextSwitchTo(caller);

	swap_in(&fresh);
	if (fresh.source.kind == DCX_SOURCE_FOREIGN)
		stat_remote_reads++;
}

static void
load_saved(void)
{
	Origin		   fresh = {.saved = true,
							.relation = newest.table,
							.read_at = newest.last_seen_at,
							.book_id = newest.book_id,
							.version = newest.version,
							.stamp = newest.stamp};
	MemoryContext  caller;
	DcxProductRow *rows;

	fresh.context = book_context();
	caller = MemoryContextSwitchTo(fresh.context);
	rows = dcx_saved_rows(&newest, &fresh.nproducts);
	fresh.book = dcx_book_make("catalog", rows, fresh.nproducts);
	pfree(rows);
	MemoryContextSwitchTo(caller);

	swap_in(&fresh);
}

static void
choose(bool saved, bool outage)
{
	chosen.lxid = DCX_MY_LXID;
	chosen.max_age = dcx_max_price_age;
	chosen.saved = saved;
	chosen.outage = outage;
	chosen.xmax = GetActiveSnapshot()->xmax;
	chosen.xcnt = GetActiveSnapshot()->xcnt;
}

/* Whether the active snapshot, a cursor's for example, is from before the decision. */
static bool
is_older_snapshot(void)
{
	Snapshot now = GetActiveSnapshot();

	return TransactionIdPrecedes(now->xmax, chosen.xmax) ||
		   (now->xmax == chosen.xmax && now->xcnt > chosen.xcnt);
}

/* The newest saved book answers, for want of something better: says so, once a transaction. */
static void
choose_for_outage(const char *reason)
{
	choose(true, true);
	ereport(WARNING,
			errcode(DCX_ERRCODE_UNREACHABLE),
			errmsg("the catalog cannot be reached: prices are those last seen at %s",
				   timestamptz_to_str(newest.last_seen_at)),
			errdetail("%s", reason));
}

/* Whether the catalog is left alone for now, since it could not be reached a moment ago. */
static bool
is_left_alone(const DcxBinding *binding)
{
	return dcx_on_outage == DCX_ON_OUTAGE_SAVED && outage_relation == binding->relation &&
		   GetCurrentTransactionStartTimestamp() < outage_until;
}

static bool
is_young_enough(void)
{
	return newest.found && dcx_max_price_age > 0 &&
		   GetCurrentTransactionStartTimestamp() <=
			   seconds_after(newest.last_seen_at, dcx_max_price_age);
}

/*
 * Whether the newest saved book answers; it is up to date then. A transaction that has taken the
 * catalog itself stays with it.
 */
static bool
is_saved_chosen(const DcxBinding *binding)
{
	bool decided = chosen.lxid == DCX_MY_LXID && chosen.max_age == dcx_max_price_age &&
				   (!chosen.outage || dcx_on_outage == DCX_ON_OUTAGE_SAVED);

	if (decided ? !chosen.saved : dcx_max_price_age == 0 && !is_left_alone(binding))
	{
		chosen.outage = false;
		return false;
	}

	dcx_saved_get(&newest);
	if (decided && chosen.outage && newest.found)
		return true;
	if (decided && is_older_snapshot())
		return is_young_enough();
	if (!decided && newest.found && !is_young_enough() && is_left_alone(binding))
		choose_for_outage(
			psprintf("It is tried again after %s.", timestamptz_to_str(outage_until)));
	else
		choose(is_young_enough(), false);
	return chosen.saved;
}

static DcxPriceBook *
saved_book(const DcxBinding *binding)
{
	if (current.saved && dcx_same_version(&current.version, &newest.version) &&
		current.relation == newest.table && current.book_id == newest.book_id &&
		current.read_at == newest.last_seen_at)
	{
		current.stamp = newest.stamp;
		stat_hits++;
	}
	else
		load_saved();
	set_quick(binding);
	return current.book;
}

/* What a saved book could do about an outage. */
static char *
saved_hint(void)
{
	if (dcx_on_outage != DCX_ON_OUTAGE_SAVED)
		return newest.found ?
				   psprintf("With dcx_pricing.on_outage = saved the book last seen at %s would "
							"answer.",
							timestamptz_to_str(newest.last_seen_at)) :
				   pstrdup("There is no saved book that could answer.");
	return newest.found ?
			   psprintf("Run the transaction again: the book last seen at %s answers then.",
						timestamptz_to_str(newest.last_seen_at)) :
			   pstrdup("There is no saved book that could answer: SELECT * FROM "
					   "dcx_price_book_save() makes one when the catalog is back.");
}

/*
 * Deals with an error that has been caught, and its subtransaction rolled back, if there was one:
 * returns where a saved book answers instead.
 */
static void
survive_outage(const DcxBinding *binding, ErrorData *error, bool survivable)
{
	if (error->sqlerrcode != DCX_ERRCODE_UNREACHABLE)
		ReThrowError(error);

	/* A view may have run code that comes back here, and what it saw was rolled back. */
	if (survivable)
	{
		dcx_saved_get(&newest);
		survivable = newest.found;
	}
	if (dcx_on_outage == DCX_ON_OUTAGE_SAVED)
	{
		outage_relation = binding->relation;
		outage_until = seconds_after(GetCurrentTimestamp(), RETRY_AFTER);
	}
	if (!survivable)
	{
		error->hint = error->hint ? psprintf("%s %s", error->hint, saved_hint()) : saved_hint();
		ReThrowError(error);
	}
	choose_for_outage(error->detail ? error->detail : error->message);
	FreeErrorData(error);
}

static void
load(void *binding)
{
	load_live(binding);
}

static void
release(void *binding)
{
	ReleaseCurrentSubTransaction();
}

/*
 * Whether an outage may be survived: by a transaction that has not read there before, or it would
 * fail at its end, and where a subtransaction can be started, in no parallel plan.
 */
static bool
may_survive(void)
{
	return dcx_on_outage == DCX_ON_OUTAGE_SAVED && newest.found && !dcx_remote_is_in_use() &&
		   !IsInParallelMode();
}

/*
 * Loads the catalog from where it may be out of reach. False where it is, and the newest saved book
 * is to answer. What then has been done in vain is rolled back, for which it takes a subtransaction;
 * its end is a message to the other server, too.
 */
static bool
load_from_afar(const DcxBinding *binding)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;
	bool subtransaction;

	dcx_saved_get(&newest);
	subtransaction = may_survive();
	if (subtransaction)
		BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		if (subtransaction)
			dcx_remote_do(load, release, unconstify(DcxBinding *, binding));
		else
			load_live(binding);
		outage_relation = InvalidOid;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (subtransaction)
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	if (error)
		survive_outage(binding, error, subtransaction && !dcx_remote_is_lost());
	return !error;
}

static DcxPriceBook *
live_book(const DcxBinding *binding)
{
	if (likely(current.book && !current.saved && current.relation == binding->relation &&
			   dcx_stamp_holds(&current.stamp, &current.source)))
	{
		stat_hits++;
		if (unlikely(quick_max_age != dcx_max_price_age))
			set_quick(binding);
		return current.book;
	}

	if (dcx_catalog_is_near(binding->relation))
		load_live(binding);
	else if (!load_from_afar(binding))
		return saved_book(binding);
	set_quick(binding);
	return current.book;
}

DcxPriceBook *
dcx_pricebook_get(void)
{
	const DcxBinding *binding;

	if (likely(quick && quick_max_age == dcx_max_price_age &&
			   GetCurrentTransactionStartTimestamp() <= quick_until &&
			   dcx_stamp_holds_quick(&current.stamp)))
	{
		stat_hits++;
		return current.book;
	}

	binding = dcx_catalog_bound_products();
	return is_saved_chosen(binding) ? saved_book(binding) : live_book(binding);
}

void
dcx_pricebook_origin(Oid *relation, TimestampTz *read_at)
{
	*relation = current.relation;
	*read_at = current.read_at;
}

DcxProductRow *
dcx_pricebook_live_rows(int *nrows, bool *near)
{
	DcxSource	   source;
	DcxStamp	   stamp;
	DcxProductRow *rows = dcx_catalog_products(true, nrows, &source, &stamp);

	outage_relation = InvalidOid;
	*near = source.kind == DCX_SOURCE_TABLES;
	if (source.kind == DCX_SOURCE_FOREIGN)
		stat_remote_reads++;
	return rows;
}

DcxProductRow *
dcx_pricebook_rows(int *nrows)
{
	bool near;

	dcx_pricebook_get();
	if (!current.saved)
		return dcx_pricebook_live_rows(nrows, &near);
	dcx_saved_get(&newest);
	return dcx_saved_rows(&newest, nrows);
}

const char *
dcx_pricebook_catalog(const text *name)
{
	char *catalog = text_to_cstring(name);

	if (strcmp(catalog, DCX_CATALOG_AAS) != 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("there is no catalog \"%s\"", catalog),
				errhint("The catalog of products is '%s'.", DCX_CATALOG_AAS));
	return DCX_CATALOG_AAS;
}

/* What a call site of dcx_price_book() gave last. */
typedef struct Shown
{
	Jsonb	*value; /* NULL: nothing to be given again */
	DcxStamp stamp;
	int		 max_age;
} Shown;

static Jsonb *
copy_jsonb(Jsonb *value)
{
	return memcpy(palloc(VARSIZE(value)), value, VARSIZE(value));
}

/*
 * dcx_price_book(catalog text)
 *
 * An argument such as dcx_price_book() or jsonb_set(dcx_price_book(), ...) is evaluated for each
 * row, also from a subquery in FROM, which the planner pulls up. It is read for each statement, as a
 * view is: categories may be of another kind than products.
 */
PG_FUNCTION_INFO_V1(dcx_price_book);
Datum
dcx_price_book(PG_FUNCTION_ARGS)
{
	static const DcxSource view = {.kind = DCX_SOURCE_VIEW};
	Shown				  *shown = fcinfo->flinfo->fn_extra;
	DcxStamp			   stamp;
	DcxProductRow		  *rows;
	int					   nrows;
	Jsonb				  *value;

	dcx_pricebook_catalog(PG_GETARG_TEXT_PP(0));
	if (shown && shown->value && shown->max_age == dcx_max_price_age &&
		dcx_stamp_holds(&shown->stamp, &view))
		PG_RETURN_JSONB_P(copy_jsonb(shown->value));

	stamp = dcx_stamp_now(&view);
	rows = dcx_pricebook_rows(&nrows);
	value = dcx_bookjson_value(rows, nrows, false);
	if (!stamp.has_xid)
	{
		MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (!shown)
			shown = fcinfo->flinfo->fn_extra = palloc0(sizeof(Shown));
		if (shown->value)
			pfree(shown->value);
		shown->value = NULL;
		shown->value = copy_jsonb(value);
		shown->stamp = stamp;
		shown->max_age = dcx_max_price_age;
		MemoryContextSwitchTo(caller);
	}
	PG_RETURN_JSONB_P(value);
}

/* dcx_price_book_stats(): what the price book of this backend did. */
PG_FUNCTION_INFO_V1(dcx_price_book_stats);
Datum
dcx_price_book_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[7] = {0};
	bool		   nulls[7] = {false};

	InitMaterializedSRF(fcinfo, 0);
	values[0] = CStringGetTextDatum(DCX_CATALOG_AAS);
	values[1] = Int32GetDatum(current.nproducts);
	values[2] = Int64GetDatum(stat_loads);
	values[3] = Int64GetDatum(stat_remote_reads);
	values[4] = Int64GetDatum(stat_hits);
	values[5] = CStringGetTextDatum(current.saved							 ? "saved" :
									current.source.kind == DCX_SOURCE_TABLES ? "local" :
																			   "live");
	values[6] = TimestampTzGetDatum(current.read_at);
	nulls[1] = nulls[5] = nulls[6] = !current.book;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
