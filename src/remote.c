/*
 * remote.c
 *		Waits for another server: for a bounded time, and with one error when it is out of reach.
 */
#include "postgres.h"

#include "common/string.h"
#include "compat.h"
#include "errcodes.h"
#include "miscadmin.h"
#include "remote.h"
#include "storage/latch.h"
#include "utils/timeout.h"

/* The limit's timer, registered at the first use; and whether it went off. */
static TimeoutId			 timer = MAX_TIMEOUTS;
static volatile sig_atomic_t expired = false;

/* How far the work came, and what that made of its failure. */
static bool connected = false;
static bool lost = false;

/* The timer's handler: a cancel, which rethrow() tells from the user's. */
static void
expire(void)
{
	expired = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* Whether an error says that the remote server is out of reach. */
static bool
is_outage(const ErrorData *error)
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
			return true;
		case ERRCODE_QUERY_CANCELED:
			/* The remote's time-out or our own, unless it is this backend that was told to stop. */
			return expired || !error->funcname || strcmp(error->funcname, "ProcessInterrupts") != 0;
		default:
			return false;
	}
}

/* In a PG_CATCH: throws the error on, as ZD008 where it is an outage. */
static void
rethrow(MemoryContext context, const DcxRemote *remote)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();

	if (is_outage(error))
	{
		FlushErrorState();
		/*
		 * What times out at the remote leaves the connection as it was. A connection that breaks
		 * before our work began was perhaps in use already, by a statement of the user's.
		 */
		if (connected)
			lost = expired || error->sqlerrcode != ERRCODE_QUERY_CANCELED;
		else
			lost = !expired &&
				   error->sqlerrcode != ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
		if (expired)
			error->detail = psprintf("No answer within %d s.", DCX_REMOTE_LIMIT);
		else if (error->detail)
			error->detail = psprintf("%s: %s", error->message, error->detail);
		else
			error->detail =
				psprintf("%s%s", error->message, pg_str_endswith(error->message, ".") ? "" : ".");
		error->message = psprintf("the %s cannot be reached", remote->what);
		error->hint = psprintf("Its host and port are meant as seen from this database server. "
							   "dcx_attach_%s() with another URL changes them.",
							   remote->name);
		error->sqlerrcode = DCX_ERRCODE_UNREACHABLE;
		ReThrowError(error);
	}
	PG_RE_THROW();
}

static void
connect_and_work(DcxRemote *remote, void (*connect)(void *argument), void (*work)(void *argument),
				 void	   *argument)
{
	if (connect)
		connect(argument);
	connected = true;
	remote->reached_by = DCX_MY_LXID;
	work(argument);
}

void
dcx_remote_do(DcxRemote *remote, void (*connect)(void *argument), void (*work)(void *argument),
			  void		*argument)
{
	MemoryContext context = CurrentMemoryContext;

	if (timer == MAX_TIMEOUTS)
		timer = RegisterTimeout(USER_TIMEOUT, expire);

	/* A view that itself prices brings us here again: the outer limit is the limit. */
	if (get_timeout_active(timer))
	{
		connect_and_work(remote, connect, work, argument);
		return;
	}

	connected = false;
	lost = false;
	expired = false;
	enable_timeout_after(timer, DCX_REMOTE_LIMIT * 1000);
	PG_TRY();
	{
		connect_and_work(remote, connect, work, argument);
	}
	PG_CATCH();
	{
		disable_timeout(timer, false);
		rethrow(context, remote);
	}
	PG_END_TRY();
	disable_timeout(timer, false);

	/* It went off when the work was done: that cancel is not for what comes next. */
	if (expired)
		QueryCancelPending = false;
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
