/*
 * pricebook.c
 *		Which price book answers: the catalog's own, or a saved one.
 *
 * A shelf is what a backend knows of one catalog: the book in memory, the newest saved book, what was decided. There is
 * one static shelf per catalog. dcx_pricebook_get() goes through these steps, and stops at the first that answers:
 *
 *	1. quick			one look at the stamp shows that nothing can have changed
 *	2. is_saved_chosen	decides between the saved book and the catalog, once per transaction
 *	3. saved_book		the book in memory if it still is the newest saved one, else that is loaded
 *	   live_book		the book in memory if it still holds by the exactness rule, else the catalog is read
 *	   load_from_afar	the same where the catalog is in another database, and can be out of reach
 *
 * Rules
 *
 * Re-entry: reading a relation can run code (views, casts, triggers of its owner) that calls our functions and so comes
 * back here. So a new book is built aside, in a memory context of its own, and swap_in() then puts it in place in one
 * step that cannot fail. An error on the way leaves the old book as it was.
 *
 * Snapshots: everything is read under the active snapshot, and its stamp is taken before (snapshot.h). Where that
 * snapshot is older than the catalog's relations, a new one is made the active one (fresh.h).
 *
 * Locks: what is read is locked ACCESS SHARE by those who read it. A book in memory needs no lock.
 *
 * Outages: a subtransaction is what undoes a read that has failed. It is opened only where the saved book could answer
 * (may_survive). A transaction that has already read from the other server cannot be saved: it fails at its end anyway.
 */
#include "postgres.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "access/xact.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "src/base/errcodes.h"
#include "src/base/fresh.h"
#include "src/base/names.h"
#include "src/book/bookjson.h"
#include "src/book/pricebook.h"
#include "src/book/products.h"
#include "src/book/saved.h"
#include "src/book/services.h"
#include "src/catalog/priced.h"
#include "src/remote/remote.h"

/* For how many seconds a catalog that could not be reached is not tried again. */
#define RETRY_AFTER 10

/* A book of this many bytes or more is given back to the operating system when it is freed. */
#define LARGE_BOOK (1024 * 1024)

int dcx_max_price_age = 0;
int dcx_on_outage = DCX_ON_OUTAGE_ERROR;

/* A book in memory, and where it came from. */
typedef struct Origin
{
	DcxPriceBook *book;		 /* NULL: none was loaded yet */
	MemoryContext context;	 /* of the book */
	int			  nproducts; /* how many rows it was made of */
	bool		  saved;	 /* from dcx.price_book; else from the catalog */
	Oid			  relation;	 /* that it was read from; the first, if there are several */
	TimestampTz	  read_at;	 /* when its prices were last seen in the catalog */
	DcxSource	  source;	 /* of the catalog's own book: what was read */
	int64		  book_id;	 /* of a saved book */
	DcxRowVersion version;	 /* of a saved book: of its row */
	DcxStamp	  stamp;	 /* what the read could see */

	/*
	 * Of the catalog's own book, if it was read under a newer snapshot than was active: what was attached, and what the
	 * active snapshot could see. It answers the rest of that statement, so that all its calls agree.
	 */
	DcxPriced asked;
	DcxStamp  asked_stamp; /* not valid: it was read under the active snapshot */
} Origin;

/* Reads a catalog: dcx_products_rows() or dcx_services_rows(). */
typedef DcxProductRow *(*ReadRows)(const DcxPriced *priced, bool full, int *nrows,
								   DcxSource *source, DcxStamp *stamp);

/* What this backend knows of a catalog's prices. */
typedef struct Shelf
{
	ReadRows  read;
	DcxPriced priced;  /* what is attached */
	DcxSaved  newest;  /* the newest saved book */
	Origin	  current; /* the book in memory */

	/*
	 * Step 1. If quick is set, the book in memory answers while its stamp holds by the inline check alone: it is from
	 * tables, and everything that led to it (bindings, the newest saved book) was read under an equal stamp. Set only
	 * for this max_price_age, and for transactions that begin no later than quick_until.
	 */
	bool		quick;
	int			quick_max_age;
	TimestampTz quick_until;

	/*
	 * Step 2: what was decided for a transaction. With max_price_age = 0 there is nothing to decide, unless the
	 * catalog is out of reach.
	 */
	struct
	{
		LocalTransactionId lxid;	/* the transaction */
		int				   max_age; /* max_price_age at the time */
		bool			   saved;	/* the newest saved book answers; else the catalog */
		bool			   outage;	/* it does because the catalog cannot be reached */
		TransactionId	   xmax;	/* of the snapshot under which this was decided */
		uint32			   xcnt;	/* likewise */
	} chosen;

	/* The last outage: of which relation, and until when not to try it again. */
	Oid			outage_relation;
	TimestampTz outage_until;

	/* Counters for dcx_price_book_stats(). */
	int64 loads;
	int64 remote_reads;
	int64 hits;
} Shelf;

static Shelf shelves[DCX_CATALOGS] = {
	{.read = dcx_products_rows, .newest = {.catalog = DCX_AAS_NAME}},
	{.read = dcx_services_rows, .newest = {.catalog = DCX_ENETWORKS_NAME}},
};

/* What errors call the catalog. */
static const char *
catalog_noun(const Shelf *shelf)
{
	return dcx_catalogs[shelf - shelves].what;
}

/* The connection to the server that the catalog is on. */
static DcxRemote *
remote_of(const Shelf *shelf)
{
	return dcx_catalog_remote(shelf - shelves);
}

static TimestampTz
seconds_after(TimestampTz time, int seconds)
{
	return time + (TimestampTz) seconds * USECS_PER_SEC;
}

/*
 * Sets quick for the book in memory. Where both a saved book and the catalog could answer, and the catalog does, it is
 * not set: the next transaction has to decide again.
 */
static void
set_quick(Shelf *shelf)
{
	bool same = dcx_stamp_same(&shelf->current.stamp, &shelf->priced.stamp);

	shelf->quick_max_age = dcx_max_price_age;
	if (shelf->current.saved)
	{
		shelf->quick = !shelf->chosen.outage && same;
		shelf->quick_until = seconds_after(shelf->current.read_at, dcx_max_price_age);
	}
	else
	{
		shelf->quick =
			dcx_max_price_age == 0 && shelf->current.source.kind == DCX_SOURCE_TABLES && same;
		shelf->quick_until = PG_INT64_MAX;
	}
}

/* Whether a book was read from what is attached now. */
static bool
is_of(const Origin *origin, const DcxPriced *priced)
{
	return origin->source.nroots == priced->n &&
		   memcmp(origin->source.roots, priced->relations, sizeof(Oid) * priced->n) == 0;
}

/* Whether a book was read, under a newer snapshot, for the same statement. */
static bool
is_for(const Origin *origin, const DcxPriced *priced)
{
	return origin->asked_stamp.valid && origin->asked_stamp.lxid == DCX_MY_LXID &&
		   origin->asked.n == priced->n &&
		   memcmp(origin->asked.relations, priced->relations, sizeof(Oid) * priced->n) == 0 &&
		   dcx_stamp_holds(&origin->asked_stamp, &origin->source);
}

/*
 * Frees a book. The C library would keep a large one's memory, and put the next book behind it: after a few reads the
 * process would hold several times what it needs.
 */
static void
free_book(MemoryContext book)
{
	bool large = MemoryContextMemAllocated(book, true) >= LARGE_BOOK;

	MemoryContextDelete(book);
#ifdef __GLIBC__
	if (large)
		malloc_trim(0);
#else
	(void) large;
#endif
}

/* Puts a new book in the place of the old one. Nothing here can fail. */
static void
swap_in(Shelf *shelf, const Origin *fresh)
{
	MemoryContext before = shelf->current.context;

	shelf->quick = false;
	MemoryContextSetParent(fresh->context, TopMemoryContext);
	shelf->current = *fresh;
	if (before)
		free_book(before);
	shelf->loads++;
}

/* A memory context for a new book. Until swap_in() it is a child of the current one, so an error frees it. */
static MemoryContext
book_context(void)
{
	return AllocSetContextCreate(CurrentMemoryContext, "dcx price book", ALLOCSET_DEFAULT_SIZES);
}

/* Reads the catalog itself. */
static void
load_live(Shelf *shelf)
{
	Origin		   fresh = {.read_at = GetCurrentTimestamp(), .asked = shelf->priced};
	Snapshot	   active = GetActiveSnapshot();
	bool		   begun = dcx_catalog_settle(&shelf->priced);
	MemoryContext  caller;
	DcxProductRow *rows;

	fresh.relation = shelf->priced.relations[0];
	fresh.context = book_context();
	caller = MemoryContextSwitchTo(fresh.context);
	rows = shelf->read(&shelf->priced, false, &fresh.nproducts, &fresh.source, &fresh.stamp);
	if (begun)
		fresh.asked_stamp = dcx_stamp_under(active, &fresh.source);
	fresh.book = dcx_book_make("catalog", rows, fresh.nproducts);
	pfree(rows);
	MemoryContextSwitchTo(caller);
	dcx_fresh_end(begun);

	swap_in(shelf, &fresh);
	if (fresh.source.kind == DCX_SOURCE_FOREIGN)
		shelf->remote_reads++;
}

/* Reads the newest saved book. */
static void
load_saved(Shelf *shelf)
{
	Origin		   fresh = {.saved = true,
							.relation = shelf->newest.table,
							.read_at = shelf->newest.last_seen_at,
							.book_id = shelf->newest.book_id,
							.version = shelf->newest.version,
							.stamp = shelf->newest.stamp};
	MemoryContext  caller;
	DcxProductRow *rows;

	fresh.context = book_context();
	caller = MemoryContextSwitchTo(fresh.context);
	rows = dcx_saved_rows(&shelf->newest, &fresh.nproducts);
	fresh.book = dcx_book_make("catalog", rows, fresh.nproducts);
	pfree(rows);
	MemoryContextSwitchTo(caller);

	swap_in(shelf, &fresh);
}

/* Notes what was decided for this transaction. */
static void
choose(Shelf *shelf, bool saved, bool outage)
{
	shelf->chosen.lxid = DCX_MY_LXID;
	shelf->chosen.max_age = dcx_max_price_age;
	shelf->chosen.saved = saved;
	shelf->chosen.outage = outage;
	shelf->chosen.xmax = GetActiveSnapshot()->xmax;
	shelf->chosen.xcnt = GetActiveSnapshot()->xcnt;
}

/* Whether the active snapshot is older than the decision. A cursor's can be. */
static bool
is_older_snapshot(const Shelf *shelf)
{
	Snapshot now = GetActiveSnapshot();

	return TransactionIdPrecedes(now->xmax, shelf->chosen.xmax) ||
		   (now->xmax == shelf->chosen.xmax && now->xcnt > shelf->chosen.xcnt);
}

/* Decides for the newest saved book because the catalog cannot be reached; warns, once per transaction. */
static void
choose_for_outage(Shelf *shelf, const char *reason)
{
	choose(shelf, true, true);
	ereport(WARNING,
			errcode(DCX_ERRCODE_UNREACHABLE),
			errmsg("the %s cannot be reached: prices are those last seen at %s",
				   catalog_noun(shelf),
				   timestamptz_to_str(shelf->newest.last_seen_at)),
			errdetail("%s", reason));
}

/* Notes an outage that came at the end of a transaction: the connection was lost after the catalog had been read. */
static void
note_loss(Shelf *shelf)
{
	DcxRemote *from = remote_of(shelf);

	if (from->lost_at != 0 && shelf->current.book && !shelf->current.saved)
	{
		shelf->outage_relation = shelf->current.relation;
		shelf->outage_until = seconds_after(from->lost_at, RETRY_AFTER);
	}
	from->lost_at = 0;
}

/* Whether the catalog is not tried now, because it could not be reached a moment ago. */
static bool
is_left_alone(Shelf *shelf)
{
	note_loss(shelf);
	return dcx_on_outage == DCX_ON_OUTAGE_SAVED &&
		   shelf->outage_relation == shelf->priced.relations[0] &&
		   GetCurrentTransactionStartTimestamp() < shelf->outage_until;
}

/* Whether max_price_age lets the newest saved book answer in this transaction. */
static bool
is_young_enough(const Shelf *shelf)
{
	return shelf->newest.found && dcx_max_price_age > 0 &&
		   GetCurrentTransactionStartTimestamp() <=
			   seconds_after(shelf->newest.last_seen_at, dcx_max_price_age);
}

/*
 * Decides whether the newest saved book answers; if so, shelf->newest is up to date afterwards. A transaction that was
 * answered from the catalog itself stays with the catalog.
 */
static bool
is_saved_chosen(Shelf *shelf)
{
	bool decided = shelf->chosen.lxid == DCX_MY_LXID &&
				   shelf->chosen.max_age == dcx_max_price_age &&
				   (!shelf->chosen.outage || dcx_on_outage == DCX_ON_OUTAGE_SAVED);

	if (decided ? !shelf->chosen.saved : dcx_max_price_age == 0 && !is_left_alone(shelf))
	{
		shelf->chosen.outage = false;
		return false;
	}

	dcx_saved_get(&shelf->newest);
	if (decided && shelf->chosen.outage && shelf->newest.found)
		return true;
	if (decided && is_older_snapshot(shelf))
		return is_young_enough(shelf);
	if (!decided && shelf->newest.found && !is_young_enough(shelf) && is_left_alone(shelf))
		choose_for_outage(shelf,
						  psprintf("It is tried again after %s.",
								   timestamptz_to_str(shelf->outage_until)));
	else
		choose(shelf, is_young_enough(shelf), false);
	return shelf->chosen.saved;
}

/* The newest saved book: the one in memory if it is the same, else it is loaded. */
static DcxPriceBook *
saved_book(Shelf *shelf)
{
	if (shelf->current.saved && dcx_same_version(&shelf->current.version, &shelf->newest.version) &&
		shelf->current.relation == shelf->newest.table &&
		shelf->current.book_id == shelf->newest.book_id &&
		shelf->current.read_at == shelf->newest.last_seen_at)
	{
		shelf->current.stamp = shelf->newest.stamp;
		shelf->hits++;
	}
	else
		load_saved(shelf);
	set_quick(shelf);
	return shelf->current.book;
}

/* A hint for an outage: what a saved book could do about it. */
static char *
saved_hint(const Shelf *shelf)
{
	if (dcx_on_outage != DCX_ON_OUTAGE_SAVED)
		return shelf->newest.found ?
				   psprintf("With dcx_pricing.on_outage = saved the book last seen at %s would "
							"answer.",
							timestamptz_to_str(shelf->newest.last_seen_at)) :
				   pstrdup("There is no saved book that could answer.");
	return shelf->newest.found ?
			   psprintf("Run the transaction again: the book last seen at %s answers then.",
						timestamptz_to_str(shelf->newest.last_seen_at)) :
			   pstrdup("There is no saved book that could answer: SELECT * FROM "
					   "dcx_price_book_save() makes one when the catalog is back.");
}

/*
 * Handles an error that was caught while the catalog was read. survivable: the read was in a subtransaction, which has
 * been rolled back. Returns if a saved book is to answer instead; else raises the error again.
 */
static void
survive_outage(Shelf *shelf, ErrorData *error, bool survivable)
{
	if (error->sqlerrcode != DCX_ERRCODE_UNREACHABLE)
		ReThrowError(error);

	/* Reading a view can have run code that came back here; what that saw has been rolled back. */
	if (survivable)
	{
		dcx_saved_get(&shelf->newest);
		survivable = shelf->newest.found;
	}
	if (dcx_on_outage == DCX_ON_OUTAGE_SAVED)
	{
		shelf->outage_relation = shelf->priced.relations[0];
		shelf->outage_until = seconds_after(GetCurrentTimestamp(), RETRY_AFTER);
	}
	if (!survivable)
	{
		error->hint =
			error->hint ? psprintf("%s %s", error->hint, saved_hint(shelf)) : saved_hint(shelf);
		ReThrowError(error);
	}
	choose_for_outage(shelf, error->detail ? error->detail : error->message);
	FreeErrorData(error);
}

static void
load_callback(void *shelf)
{
	load_live(shelf);
}

static void
release_callback(void *shelf)
{
	ReleaseCurrentSubTransaction();
}

/*
 * Whether an outage could be survived now: the setting asks for it and there is a saved book; the transaction has not
 * read from that server yet, or it would fail at its end; and a subtransaction can be started, which parallel mode does
 * not allow.
 */
static bool
may_survive(const Shelf *shelf)
{
	return dcx_on_outage == DCX_ON_OUTAGE_SAVED && shelf->newest.found &&
		   !dcx_catalog_is_in_use(shelf - shelves) && !IsInParallelMode();
}

/*
 * Reads the catalog where it can be out of reach. False: it is, and the newest saved book is to answer.
 *
 * The read is in a subtransaction if an outage could be survived, so that a failed one can be rolled back. Releasing
 * the subtransaction sends a message to the other server, which can fail as well, so dcx_remote_do() does both.
 */
static bool
load_from_afar(Shelf *shelf)
{
	MemoryContext		   context = CurrentMemoryContext;
	ResourceOwner		   owner = CurrentResourceOwner;
	volatile DcxNamesState names = dcx_names_state();
	ErrorData *volatile error = NULL;
	bool subtransaction;

	dcx_saved_get(&shelf->newest);
	subtransaction = may_survive(shelf);
	if (subtransaction)
		BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		if (subtransaction)
			dcx_remote_do(remote_of(shelf), NIL, load_callback, release_callback, shelf);
		else
			load_live(shelf);
		shelf->outage_relation = InvalidOid;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (subtransaction)
			RollbackAndReleaseCurrentSubTransaction();
		dcx_names_restore(names);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;

	if (error)
		survive_outage(shelf, error, subtransaction && !dcx_remote_is_lost());
	return !error;
}

/* The catalog's own book: the one in memory if it holds, else the catalog is read. */
static DcxPriceBook *
live_book(Shelf *shelf)
{
	if (likely(shelf->current.book && !shelf->current.saved))
	{
		bool of = is_of(&shelf->current, &shelf->priced);

		if (likely((of && dcx_stamp_holds(&shelf->current.stamp, &shelf->current.source)) ||
				   is_for(&shelf->current, &shelf->priced)))
		{
			shelf->hits++;
			if (unlikely(shelf->quick_max_age != dcx_max_price_age))
				set_quick(shelf);
			return shelf->current.book;
		}
		if (of && dcx_stamp_renew(&shelf->current.stamp, &shelf->current.source))
		{
			shelf->hits++;
			set_quick(shelf);
			return shelf->current.book;
		}
	}

	if (dcx_catalog_is_near(&shelf->priced))
		load_live(shelf);
	else if (!load_from_afar(shelf))
		return saved_book(shelf);
	set_quick(shelf);
	return shelf->current.book;
}

DcxPriceBook *
dcx_pricebook_get(DcxCatalogId id)
{
	Shelf *shelf = &shelves[id];

	if (likely(shelf->quick && shelf->quick_max_age == dcx_max_price_age &&
			   GetCurrentTransactionStartTimestamp() <= shelf->quick_until &&
			   dcx_stamp_holds_quick(&shelf->current.stamp)))
	{
		shelf->hits++;
		return shelf->current.book;
	}

	shelf->priced = dcx_catalog_priced(id);
	return is_saved_chosen(shelf) ? saved_book(shelf) : live_book(shelf);
}

void
dcx_pricebook_origin(DcxCatalogId id, Oid *relation, TimestampTz *read_at)
{
	*relation = shelves[id].current.relation;
	*read_at = shelves[id].current.read_at;
}

DcxProductRow *
dcx_pricebook_live_rows(DcxCatalogId id, int *nrows, bool *near)
{
	Shelf		  *shelf = &shelves[id];
	DcxPriced	   priced = dcx_catalog_priced(id);
	bool		   begun = dcx_catalog_settle(&priced);
	DcxSource	   source;
	DcxStamp	   stamp;
	DcxProductRow *rows = shelf->read(&priced, true, nrows, &source, &stamp);

	dcx_fresh_end(begun);
	shelf->outage_relation = InvalidOid;
	*near = source.kind == DCX_SOURCE_TABLES;
	if (source.kind == DCX_SOURCE_FOREIGN)
		shelf->remote_reads++;
	return rows;
}

DcxProductRow *
dcx_pricebook_rows(DcxCatalogId id, int *nrows)
{
	Shelf *shelf = &shelves[id];
	bool   near;

	dcx_pricebook_get(id);
	if (!shelf->current.saved)
		return dcx_pricebook_live_rows(id, nrows, &near);
	dcx_saved_get(&shelf->newest);
	return dcx_saved_rows(&shelf->newest, nrows);
}

/* What dcx_price_book() returned last to a call site, kept in fn_extra. */
typedef struct Shown
{
	DcxCatalogId id;
	Jsonb		*value;	  /* NULL: nothing that may be returned again */
	DcxStamp	 stamp;	  /* what the read of it could see */
	int			 max_age; /* max_price_age at the time */
} Shown;

static Jsonb *
copy_jsonb(Jsonb *value)
{
	return memcpy(palloc(VARSIZE(value)), value, VARSIZE(value));
}

/*
 * dcx_price_book(catalog text)
 *
 * The result is kept for the call site: an argument such as dcx_price_book() or jsonb_set(dcx_price_book(), ...) is
 * evaluated for each row, even when it stands in a subquery in FROM, which the planner pulls up. It is kept under the
 * strictest rule, that for views, and so for one statement: categories may be of another kind than products.
 */
PG_FUNCTION_INFO_V1(dcx_price_book);
Datum
dcx_price_book(PG_FUNCTION_ARGS)
{
	static const DcxSource view = {.kind = DCX_SOURCE_VIEW};
	DcxCatalogId		   id = dcx_catalog_named(PG_GETARG_TEXT_PP(0));
	Shown				  *shown = fcinfo->flinfo->fn_extra;
	DcxStamp			   stamp;
	DcxProductRow		  *rows;
	int					   nrows;
	Jsonb				  *value;

	if (shown && shown->value && shown->id == id && shown->max_age == dcx_max_price_age &&
		dcx_stamp_holds(&shown->stamp, &view))
		PG_RETURN_JSONB_P(copy_jsonb(shown->value));

	stamp = dcx_stamp_now(&view);
	rows = dcx_pricebook_rows(id, &nrows);
	value = dcx_bookjson_value(rows, nrows, false);
	if (!stamp.has_xid)
	{
		MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (!shown)
			shown = fcinfo->flinfo->fn_extra = palloc0(sizeof(Shown));
		if (shown->value)
			pfree(shown->value);
		shown->value = NULL; /* in case the copy fails */
		shown->value = copy_jsonb(value);
		shown->id = id;
		shown->stamp = stamp;
		shown->max_age = dcx_max_price_age;
		MemoryContextSwitchTo(caller);
	}
	PG_RETURN_JSONB_P(value);
}

/* dcx_price_book_stats(): what the price books of this backend did. */
PG_FUNCTION_INFO_V1(dcx_price_book_stats);
Datum
dcx_price_book_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int id = 0; id < DCX_CATALOGS; id++)
	{
		const Shelf	 *shelf = &shelves[id];
		const Origin *current = &shelf->current;
		Datum		  values[7] = {0};
		bool		  nulls[7] = {false};

		/* E-Networks is optional: no row when nobody has asked for it. */
		if (id != DCX_AAS && !current->book)
			continue;
		values[0] = CStringGetTextDatum(dcx_catalogs[id].name);
		values[1] = Int32GetDatum(current->nproducts);
		values[2] = Int64GetDatum(shelf->loads);
		values[3] = Int64GetDatum(shelf->remote_reads);
		values[4] = Int64GetDatum(shelf->hits);
		values[5] = CStringGetTextDatum(current->saved							  ? "saved" :
										current->source.kind == DCX_SOURCE_TABLES ? "local" :
																					"live");
		values[6] = TimestampTzGetDatum(current->read_at);
		nulls[1] = nulls[5] = nulls[6] = !current->book;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
