/*
 * hosts.h
 *		The hosts that a connection may go to, in their order.
 *
 * libpq tries one after the other by itself. But only a connect that blocks goes on after a host that says
 * nothing. Otherwise whoever waits has to start again, without that host.
 */
#ifndef DCX_HOSTS_H
#define DCX_HOSTS_H

#include "libpq-fe.h"
#include "nodes/pg_list.h"

/* One of them, as in libpq's options of these names. An empty text: not given. */
typedef struct DcxHost
{
	char *host;
	char *hostaddr;
	char *port;
} DcxHost;

/*
 * The hosts of a connection that has been started, whether its options, its service or the environment
 * name them. *connect_timeout: the seconds for each of them, as text; NULL where nothing says it.
 */
extern List *dcx_hosts_of(PGconn *connection, char **connect_timeout);

/*
 * The hosts without the one that the connection is at. If that is a name, the name's other addresses take
 * its place. NIL: there is no other. Looks up the name, which libpq has just done.
 */
extern List *dcx_hosts_without_current(List *hosts, const PGconn *connection);

/* The hosts as values of libpq's options. */
extern DcxHost dcx_hosts_joined(const List *hosts);

#endif /* DCX_HOSTS_H */
