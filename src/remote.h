/*
 * remote.h
 *		Waits for another server: for a bounded time, and with one error when it is out of reach.
 */
#ifndef DCX_REMOTE_H
#define DCX_REMOTE_H

/* How long one piece of work may take, in seconds. */
#define DCX_REMOTE_LIMIT 20

/* What is read from. */
typedef struct DcxRemote
{
	const char		  *name;	   /* dcx_attach_<name>() says where it is */
	const char		  *what;	   /* errors call it so */
	LocalTransactionId reached_by; /* the last transaction that has connected to it */
} DcxRemote;

/*
 * Does work that reads from a foreign server, after connecting to it (NULL: the work does
 * that as well). A server that cannot be reached, breaks off or takes too long (by its own time-out, or the
 * limit above, since postgres_fdw does not heed connect_timeout from 16 on) is ZD008, with what was
 * the matter as the detail. The user's own cancel, and every other error, stays what it is.
 */
extern void dcx_remote_do(DcxRemote *remote, void (*connect)(void *argument),
						  void (*work)(void *argument), void *argument);

/*
 * Whether the connection was lost when work failed last: postgres_fdw then lets the transaction
 * fail at its end, whatever is done about the error.
 */
extern bool dcx_remote_is_lost(void);

/* Whether our transaction had connected to it before: then a failure now is a connection lost. */
extern bool dcx_remote_is_in_use(const DcxRemote *remote);

#endif /* DCX_REMOTE_H */
