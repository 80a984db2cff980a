/*
 * remote.c
 *		Waits for another server: for a limited time, and with one error when it cannot be reached.
 *
 * Two timers do it; a third one limits connecting. The first timer limits a piece of work. The second
 * limits the end of a transaction, or of a subtransaction, that did such work. There postgres_fdw sends
 * COMMIT or RELEASE from a callback, and waits for the answer without limit. PostgreSQL calls callbacks
 * newest first. So ours are registered again after postgres_fdw has registered its own: they start the
 * timer before postgres_fdw waits.
 *
 * Each timer cancels the statement. postgres_fdw closes a connection whose COMMIT or RELEASE was
 * cancelled, without waiting any more. For a connection whose query was cancelled see place.c.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/string.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "src/base/compat.h"
#include "src/base/errcodes.h"
#include "src/base/guarded.h"
#include "src/remote/place.h"
#include "src/remote/probe.h"
#include "src/remote/remote.h"

/* How long we wait for a connection to answer before we give it up, in seconds. */
#define GIVE_UP_LIMIT 2

/*
 * We remember so many catalogs and connections of a transaction. For more of them, only the wait at the
 * end of the transaction is limited.
 */
#define MAX_REMOTES 4
#define MAX_PLACES	8

/* The timers of a piece of work, registered at the first use; and the limit that was reached, or 0. */
static TimeoutId			 timer = MAX_TIMEOUTS;
static TimeoutId			 connect_timer = MAX_TIMEOUTS;
static volatile sig_atomic_t expired = 0;

/* The same for the end of a transaction. */
static TimeoutId			 end_timer = MAX_TIMEOUTS;
static volatile sig_atomic_t end_expired = false;

/* Whether the work had connected, and whether its failure has lost the connection. */
static bool connected = false;
static bool lost = false;

/* What the transaction has used so far. */
static struct
{
	LocalTransactionId lxid;
	int				   nremotes;
	DcxRemote		  *remotes[MAX_REMOTES];
	int				   nplaces;
	DcxPlace		   places[MAX_PLACES];
} used;

static void
cancel_statement(void)
{
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* The timers' handlers cancel the statement. rethrow() tells that from the user's cancel by "expired". */
static void
expire_work(void)
{
	expired = DCX_REMOTE_LIMIT;
	cancel_statement();
}

static void
expire_connecting(void)
{
	expired = DCX_REMOTE_CONNECT_LIMIT;
	cancel_statement();
}

/*
 * The handler of the timer for the end of a transaction. It is called again and again. It cancels only
 * while an extension waits and may be interrupted: a commit that is running, or that waits for a
 * synchronous standby, must not be cancelled. (Handlers are called with interrupts held once.)
 */
static void
expire_at_end(void)
{
	uint32 waits_for = *(volatile uint32 *) my_wait_event_info;

	if (InterruptHoldoffCount > 1 || (waits_for & 0xFF000000) != PG_WAIT_EXTENSION)
		return;
	end_expired = true;
	cancel_statement();
}

static bool
is_cancel(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED && dcx_told_to_stop(error);
}

/* Whether an error means that the remote server cannot be reached. timed_out: our own timer went off. */
static bool
is_outage(const ErrorData *error, bool timed_out)
{
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_CONNECTION_EXCEPTION)
		return true;

	switch (error->sqlerrcode)
	{
		case ERRCODE_ADMIN_SHUTDOWN:
		case ERRCODE_CRASH_SHUTDOWN:
		case ERRCODE_CANNOT_CONNECT_NOW:
		case ERRCODE_DATABASE_DROPPED:
		case ERRCODE_IDLE_SESSION_TIMEOUT:
		case ERRCODE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT:
		case MAKE_SQLSTATE('2', '5', 'P', '0', '4'): /* transaction_timeout, since 17 */
			return true;
		case ERRCODE_QUERY_CANCELED:
			/* A time-out of the remote or our own; but not a cancel of this backend. */
			return timed_out || !is_cancel(error);
		default:
			return false;
	}
}

/* --------------------------------------------------------------------------------------------------
 * The end of a transaction
 * --------------------------------------------------------------------------------------------------
 */

/*
 * An error context at the end of a transaction: turns an error that means that a server cannot be
 * reached into ZD008.
 */
static void
explain_end(void *argument)
{
	MemoryContext context = MemoryContextSwitchTo(TopTransactionContext);
	ErrorData	 *error = CopyErrorData();

	MemoryContextSwitchTo(context);
	if (error->elevel != ERROR || !is_outage(error, end_expired))
		return;
	for (int i = 0; i < used.nremotes; i++)
		used.remotes[i]->lost_at = GetCurrentTimestamp();
	errcode(DCX_ERRCODE_UNREACHABLE);
	errmsg("another server cannot be reached any more at the end of the transaction");
	if (end_expired)
		errdetail("No answer to COMMIT or RELEASE within %d s.", DCX_REMOTE_END_LIMIT);
	else
		errdetail("%s%s", error->message, pg_str_endswith(error->message, ".") ? "" : ".");
	errhint(
		"Nothing of the transaction is kept, no idempotency key is used up. ROLLBACK where it is "
		"still open, and run it again.");
}

static ErrorContextCallback at_end = {.callback = explain_end};

static bool
is_on_stack(const ErrorContextCallback *callback)
{
	for (const ErrorContextCallback *c = error_context_stack; c; c = c->previous)
		if (c == callback)
			return true;
	return false;
}

/* The end of a transaction or subtransaction begins. Within a piece of work that one's limit counts. */
static void
begin_end(void)
{
	if (used.lxid != DCX_MY_LXID || get_timeout_active(timer))
		return;
	end_expired = false;
	if (!is_on_stack(&at_end))
	{
		at_end.previous = error_context_stack;
		error_context_stack = &at_end;
	}
	enable_timeout_every(end_timer,
						 TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													 DCX_REMOTE_END_LIMIT * 1000),
						 100);
}

/* The end is over, or has failed. (An error has taken the context off the stack already.) */
static void
finish_end(void)
{
	if (end_timer < MAX_TIMEOUTS)
		disable_timeout(end_timer, false);
	if (error_context_stack == &at_end)
		error_context_stack = at_end.previous;
}

static void
at_transaction(XactEvent event, void *argument)
{
	if (event == XACT_EVENT_PRE_COMMIT)
		begin_end();
	else
		finish_end();
}

static void
at_subtransaction(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *argument)
{
	if (event == SUBXACT_EVENT_PRE_COMMIT_SUB)
		begin_end();
	else if (event != SUBXACT_EVENT_START_SUB)
		finish_end();
}

/* Makes our callbacks the newest ones, so that they are called first. */
static void
watch_end(void)
{
	UnregisterXactCallback(at_transaction, NULL);
	RegisterXactCallback(at_transaction, NULL);
	UnregisterSubXactCallback(at_subtransaction, NULL);
	RegisterSubXactCallback(at_subtransaction, NULL);
}

/* --------------------------------------------------------------------------------------------------
 * A piece of work
 * --------------------------------------------------------------------------------------------------
 */

static bool
is_used(const DcxPlace *place)
{
	for (int i = 0; used.lxid == DCX_MY_LXID && i < used.nplaces; i++)
		if (used.places[i].server == place->server && used.places[i].role == place->role)
			return true;
	return false;
}

static void
remember_remote(DcxRemote *remote)
{
	if (used.lxid != DCX_MY_LXID)
	{
		used.lxid = DCX_MY_LXID;
		used.nremotes = 0;
		used.nplaces = 0;
	}
	for (int i = 0; i < used.nremotes; i++)
		if (used.remotes[i] == remote)
			return;
	if (used.nremotes < MAX_REMOTES)
		used.remotes[used.nremotes++] = remote;
}

/* The places are connected now, and stay connected until the end of the transaction. */
static void
remember_places(List *places)
{
	ListCell *lc;

	foreach(lc, places)
	{
		const DcxPlace *place = lfirst(lc);

		if (!is_used(place) && used.nplaces < MAX_PLACES)
			used.places[used.nplaces++] = *place;
	}
}

static DcxProbe
probe(const DcxPlace *place)
{
	return dcx_probe(place->server, place->role, "SELECT coalesce($1, 'here')", NULL);
}

/* Refuses to connect to a server that does not answer, where nobody could interrupt that. */
static void
check_answers(List *places)
{
	ListCell *lc;

	foreach(lc, places)
	{
		const DcxPlace *place = lfirst(lc);
		DcxProbe		answer;

		if (is_used(place) || !dcx_place_connects_too_long(place))
			continue;
		answer = probe(place);
		if (answer.failure == DCX_PROBE_SILENT)
			ereport(ERROR,
					errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
					errmsg("could not connect"),
					errdetail_internal("%s", answer.error));
	}
}

/*
 * After a cancel: gives up the connections that postgres_fdw would wait for when it cleans up. If our own
 * limit was reached, these are the ones that do not answer at once. If the user has cancelled, they are
 * the ones whose server does not answer at all.
 */
static void
give_up(bool by_limit)
{
	for (int i = 0; used.lxid == DCX_MY_LXID && i < used.nplaces; i++)
	{
		if (!by_limit && !probe(&used.places[i]).met_silence)
			continue;
		enable_timeout_after(timer, GIVE_UP_LIMIT * 1000);
		dcx_place_give_up(&used.places[i]);
		disable_timeout(timer, false);
	}
}

/*
 * The same when the session is terminated, which is no error that could be caught. By now every error
 * ends the function, and PostgreSQL goes on with the next exit callback. Giving up a place raises an
 * error. So the callback for the next place is registered first. That error is not worth reporting.
 */
static void
at_exit(int code, Datum next)
{
	static int log_level;
	int		   i = DatumGetInt32(next);

	if (i > 0)
		log_min_messages = log_level;
	else if (used.lxid != DCX_MY_LXID || !get_timeout_active(timer) || !IsTransactionState())
		return;
	if (i == used.nplaces)
		return;

	before_shmem_exit(at_exit, Int32GetDatum(i + 1));
	log_level = log_min_messages;
	log_min_messages = PANIC;
	whereToSendOutput = DestNone;
	/* The timer can only cancel if interrupts are allowed. */
	RESUME_INTERRUPTS();
	enable_timeout_after(timer, GIVE_UP_LIMIT * 1000);
	dcx_place_give_up(&used.places[i]);
	HOLD_INTERRUPTS();
}

static char *
outage_message(const DcxRemote *remote)
{
	return psprintf("the %s cannot be reached", remote->what);
}

static char *
outage_hint(const DcxRemote *remote, DcxCause cause)
{
	if (cause.hint && !cause.address)
		return pstrdup(cause.hint);
	return psprintf("%s%sIts host and port are meant as seen from this database server. "
					"dcx_attach_%s() with another URL changes them.",
					cause.hint ? cause.hint : "",
					cause.hint ? " " : "",
					remote->name);
}

/*
 * The cause of a failure of postgres_fdw to connect. Of the other server's error it keeps the text, not the
 * SQLSTATE: where the text is of another language, the server is asked again.
 */
static DcxCause
cause_of_connecting(const ErrorData *error, List *places)
{
	DcxCause  cause = dcx_cause_of(NULL, error->detail ? error->detail : error->message);
	ListCell *lc;

	foreach(lc, places)
		if (!cause.hint && !is_used(lfirst(lc)))
			cause = probe(lfirst(lc)).cause;
	return cause;
}

static DcxCause
cause_of_outage(const ErrorData *error, List *places, int timed_out)
{
	if (timed_out)
		return dcx_cause_of(NULL, "no answer");
	if (!connected && error->sqlerrcode == ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION)
		return cause_of_connecting(error, places);
	return dcx_cause_of_break(unpack_sql_state(error->sqlerrcode), error->message);
}

void
dcx_remote_refuse(const DcxRemote *remote, const char *detail, DcxCause cause)
{
	ereport(ERROR,
			errcode(DCX_ERRCODE_UNREACHABLE),
			errmsg("%s", outage_message(remote)),
			errdetail("%s", detail),
			errhint("%s", outage_hint(remote, cause)));
}

/* In a PG_CATCH: raises the error again, as ZD008 if it means that the server cannot be reached. */
static void
rethrow(MemoryContext context, const DcxRemote *remote, List *places)
{
	ErrorData *error;
	int		   timed_out = expired;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	if (is_cancel(error))
		give_up(timed_out);
	else if (timed_out)
		QueryCancelPending = false; /* our cancel came too late: it must not hit what comes next */

	if (is_outage(error, timed_out))
	{
		char *hint = outage_hint(remote, cause_of_outage(error, places, timed_out));

		/*
		 * A time-out at the remote leaves the connection intact. A connection that breaks before our
		 * work began may have been in use already, by a statement of the user.
		 */
		if (connected)
			lost = timed_out || error->sqlerrcode != ERRCODE_QUERY_CANCELED;
		else
			lost = !timed_out &&
				   error->sqlerrcode != ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
		if (timed_out)
			error->detail = psprintf("No answer within %d s.", timed_out);
		else if (error->detail)
			error->detail = psprintf("%s: %s", error->message, error->detail);
		else
			error->detail =
				psprintf("%s%s", error->message, pg_str_endswith(error->message, ".") ? "" : ".");
		error->message = outage_message(remote);
		error->hint = hint;
		error->sqlerrcode = DCX_ERRCODE_UNREACHABLE;
	}
	ReThrowError(error);
}

/* Stops a timer in time. If it went off just now, its cancel must not hit what comes next. */
static void
stop_timer(TimeoutId id, int limit)
{
	disable_timeout(id, false);
	if (expired != limit)
		return;
	QueryCancelPending = false;
	expired = 0;
}

static void
connect_and_work(DcxRemote *remote, List			*places, void (*connect)(void *argument),
				 void (*work)(void *argument), void *argument)
{
	ListCell *lc;
	bool	  is_new = false;

	foreach(lc, places)
		is_new = is_new || !is_used(lfirst(lc));
	check_answers(places);
	if (is_new)
		enable_timeout_after(connect_timer, DCX_REMOTE_CONNECT_LIMIT * 1000);
	connect(argument);
	if (is_new)
		stop_timer(connect_timer, DCX_REMOTE_CONNECT_LIMIT);
	connected = true;
	remote->reached_by = DCX_MY_LXID;
	remember_places(places);
	watch_end();
	work(argument);
}

void
dcx_remote_do(DcxRemote *remote, List			 *places, void (*connect)(void *argument),
			  void (*work)(void *argument), void *argument)
{
	MemoryContext context = CurrentMemoryContext;

	if (timer == MAX_TIMEOUTS)
	{
		timer = RegisterTimeout(USER_TIMEOUT, expire_work);
		connect_timer = RegisterTimeout(USER_TIMEOUT, expire_connecting);
		end_timer = RegisterTimeout(USER_TIMEOUT, expire_at_end);
		before_shmem_exit(at_exit, Int32GetDatum(0));
	}
	remember_remote(remote);

	/* A view that calls a pricing function brings us here again: the outer limit counts. */
	if (get_timeout_active(timer))
	{
		connect_and_work(remote, places, connect, work, argument);
		return;
	}

	connected = false;
	lost = false;
	expired = 0;
	dcx_place_bound_connecting(true);
	enable_timeout_after(timer, DCX_REMOTE_LIMIT * 1000);
	PG_TRY();
	{
		connect_and_work(remote, places, connect, work, argument);
	}
	PG_CATCH();
	{
		disable_timeout(timer, false);
		disable_timeout(connect_timer, false);
		dcx_place_bound_connecting(false);
		watch_end();
		rethrow(context, remote, places);
	}
	PG_END_TRY();
	stop_timer(timer, DCX_REMOTE_LIMIT);
	dcx_place_bound_connecting(false);
}

bool
dcx_remote_is_lost(void)
{
	return lost;
}

bool
dcx_remote_is_in_use(const DcxRemote *remote)
{
	return remote->reached_by == DCX_MY_LXID;
}
