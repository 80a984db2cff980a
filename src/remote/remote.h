/*
 * remote.h
 *		Waits for another server: for a bounded time, and with one error when it is out of reach.
 */
#ifndef DCX_REMOTE_H
#define DCX_REMOTE_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "src/base/compat.h"

/* How long one piece of work may take, and of that connecting, in seconds. */
#define DCX_REMOTE_LIMIT		 20
#define DCX_REMOTE_CONNECT_LIMIT 10

/* How long the end of a transaction that did such work may wait for other servers, in seconds. */
#define DCX_REMOTE_END_LIMIT 8

/* What is read from; static. */
typedef struct DcxRemote
{
	const char		  *name;	   /* dcx_attach_<name>() says where it is */
	const char		  *what;	   /* errors call it so */
	LocalTransactionId reached_by; /* the last transaction that has connected to it */
	TimestampTz		   lost_at; /* when a transaction that had read there failed last, at its end */
} DcxRemote;

/*
 * Does work that reads from a foreign server, after connecting to it. places: the connections that are
 * used, as far as they are postgres_fdw's (a list of DcxPlace). A server that cannot be reached, breaks
 * off or takes too long (by its own time-out, or the limits above, since postgres_fdw does not heed
 * connect_timeout from 16 on) is ZD008, with what was the matter as the detail. The user's own cancel,
 * and every other error, stays what it is.
 *
 * postgres_fdw commits and releases savepoints at the other server before our own transaction does, and
 * waits without end. After this work the wait is bounded, by the second limit, and a server that is lost
 * there is ZD008, too.
 */
extern void dcx_remote_do(DcxRemote *remote, List *places, void (*connect)(void *argument),
						  void (*work)(void *argument), void *argument);

/* Says that it cannot be reached (ZD008), as dcx_remote_do() does. */
pg_noreturn extern void dcx_remote_refuse(const DcxRemote *remote, const char *detail);

/*
 * Whether the connection was lost when work failed last: postgres_fdw then lets the transaction
 * fail at its end, whatever is done about the error.
 */
extern bool dcx_remote_is_lost(void);

/* Whether our transaction had connected to it before: then a failure now is a connection lost. */
extern bool dcx_remote_is_in_use(const DcxRemote *remote);

#endif /* DCX_REMOTE_H */
