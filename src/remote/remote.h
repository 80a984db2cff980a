/*
 * remote.h
 *		Waits for another server: for a limited time, and with one error when it cannot be reached.
 */
#ifndef DCX_REMOTE_H
#define DCX_REMOTE_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "src/base/compat.h"
#include "src/remote/cause.h"

/* How long one piece of work may take, and of that connecting, in seconds. */
#define DCX_REMOTE_LIMIT		 20
#define DCX_REMOTE_CONNECT_LIMIT 10

/* How long the end of a transaction that did such work may wait for other servers, in seconds. */
#define DCX_REMOTE_END_LIMIT 8

/* Another database that is read, such as a catalog. Static, one for each. */
typedef struct DcxRemote
{
	const char		  *name;	   /* dcx_attach_<name>() attaches it */
	const char		  *what;	   /* what errors call it */
	LocalTransactionId reached_by; /* the last transaction that connected to it */
	TimestampTz		   lost_at; /* when a transaction that had read there last failed at its end */
} DcxRemote;

/*
 * Does work that reads from a foreign server: calls connect(), which has to connect to it, and then
 * work(). places: the connections of postgres_fdw that are used (a list of DcxPlace).
 *
 * ZD008 when the server cannot be reached, the connection breaks, or it takes too long: by the server's
 * own time-out, or by the limits above. (From PostgreSQL 16 on postgres_fdw ignores connect_timeout.) The
 * detail says what happened. The user's own cancel, and any other error, is raised as it is.
 *
 * postgres_fdw sends COMMIT and RELEASE to the other server before our own transaction ends, and waits
 * without limit. After this work DCX_REMOTE_END_LIMIT limits that wait. A server that is lost there is
 * ZD008, too.
 */
extern void dcx_remote_do(DcxRemote *remote, List *places, void (*connect)(void *argument),
						  void (*work)(void *argument), void *argument);

/* Raises the error that dcx_remote_do() raises when a server cannot be reached (ZD008). */
pg_noreturn extern void dcx_remote_refuse(const DcxRemote *remote, const char *detail,
										  DcxCause cause);

/*
 * Whether the connection was lost when work last failed. postgres_fdw then fails the transaction at its
 * end, even if the error has been caught.
 */
extern bool dcx_remote_is_lost(void);

/* Whether our transaction has connected to it before. If so, a failure now means a lost connection. */
extern bool dcx_remote_is_in_use(const DcxRemote *remote);

#endif /* DCX_REMOTE_H */
