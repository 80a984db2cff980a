/*
 * remote.h
 *		Waits for another server: for a bounded time, and with one error when it is out of reach.
 */
#ifndef DCX_REMOTE_H
#define DCX_REMOTE_H

/* How long one piece of work may take, in seconds. */
#define DCX_REMOTE_LIMIT 20

/*
 * Does work that reads from a catalog's foreign server, after connecting to it (NULL: the work does
 * that as well). A server that cannot be reached, breaks off or takes too long (by its own time-out, or the
 * limit above, since postgres_fdw does not heed connect_timeout from 16 on) is ZD008, with what was
 * the matter as the detail. The user's own cancel, and every other error, stays what it is.
 */
extern void dcx_remote_do(const char *catalog, void (*connect)(void *argument),
						  void (*work)(void *argument), void *argument);

/*
 * Whether the connection was lost when work failed last: postgres_fdw then lets the transaction
 * fail at its end, whatever is done about the error.
 */
extern bool dcx_remote_is_lost(void);

/* Whether our transaction had connected before: then a failure now is a connection lost. */
extern bool dcx_remote_is_in_use(void);

#endif /* DCX_REMOTE_H */
