/*
 * hosts.c
 *		The hosts that a connection may go to, in their order.
 */
#include "postgres.h"

#include <netdb.h>
#include <sys/socket.h>

#include "lib/stringinfo.h"

#include "src/remote/hosts.h"

/* An option's value in the current memory context; NULL where there is none. */
static char *
value_of(const PQconninfoOption *options, const char *keyword)
{
	for (const PQconninfoOption *o = options; o->keyword; o++)
		if (strcmp(o->keyword, keyword) == 0 && o->val && *o->val)
			return pstrdup(o->val);
	return NULL;
}

static int
count_of(const char *values)
{
	int n = 1;

	for (const char *c = values; *c; c++)
		n += *c == ',';
	return n;
}

/* The i-th of values with commas between. A single value counts for all. */
static char *
nth(const char *values, int i)
{
	if (!values)
		return pstrdup("");
	if (!strchr(values, ','))
		return pstrdup(values);
	for (; i > 0 && *values; i--)
	{
		values += strcspn(values, ",");
		values += *values == ',';
	}
	return pnstrdup(values, strcspn(values, ","));
}

List *
dcx_hosts_of(PGconn *connection, char **connect_timeout)
{
	PQconninfoOption *options = PQconninfo(connection);
	List			 *hosts = NIL;
	char			 *host;
	char			 *hostaddr;
	char			 *port;
	int				  n;

	if (!options)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	host = value_of(options, "host");
	hostaddr = value_of(options, "hostaddr");
	port = value_of(options, "port");
	*connect_timeout = value_of(options, "connect_timeout");
	PQconninfoFree(options);
	n = hostaddr ? count_of(hostaddr) : host ? count_of(host) : 1;
	for (int i = 0; i < n; i++)
	{
		DcxHost *of = palloc(sizeof(DcxHost));

		of->host = nth(host, i);
		of->hostaddr = nth(hostaddr, i);
		of->port = nth(port, i);
		hosts = lappend(hosts, of);
	}
	return hosts;
}

static bool
is_current(const DcxHost *host, const PGconn *connection)
{
	const char *name = *host->host ? host->host : host->hostaddr;
	const char *port = *host->port ? host->port : DEF_PGPORT_STR;

	/* Without a name libpq has taken a directory for it. */
	return (!*name || strcmp(name, PQhost(connection)) == 0) &&
		   strcmp(port, PQport(connection)) == 0 &&
		   (!*host->hostaddr || strcmp(host->hostaddr, PQhostaddr(connection)) == 0);
}

/* The addresses of a host that is a name, but one. */
static List *
other_addresses(const DcxHost *host, const char *but)
{
	List				 *others = NIL;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo		 *addresses;

	if (!*host->host || *host->hostaddr || !*but)
		return NIL;
	if (getaddrinfo(host->host, NULL, &hints, &addresses) != 0)
		return NIL;
	for (const struct addrinfo *a = addresses; a; a = a->ai_next)
	{
		char	 text[NI_MAXHOST];
		DcxHost *other;

		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) !=
				0 ||
			strcmp(text, but) == 0)
			continue;
		other = palloc(sizeof(DcxHost));
		other->host = host->host;
		other->hostaddr = pstrdup(text);
		other->port = host->port;
		others = lappend(others, other);
	}
	freeaddrinfo(addresses);
	return others;
}

List *
dcx_hosts_without_current(List *hosts, const PGconn *connection)
{
	List	 *left = NIL;
	bool	  found = false;
	ListCell *lc;

	foreach(lc, hosts)
	{
		DcxHost *host = lfirst(lc);

		if (found || !is_current(host, connection))
			left = lappend(left, host);
		else
		{
			found = true;
			left = list_concat(left, other_addresses(host, PQhostaddr(connection)));
		}
	}
	return found ? left : NIL;
}

DcxHost
dcx_hosts_joined(const List *hosts)
{
	StringInfoData host;
	StringInfoData hostaddr;
	StringInfoData port;
	const char	  *comma = "";
	ListCell	  *lc;

	initStringInfo(&host);
	initStringInfo(&hostaddr);
	initStringInfo(&port);
	foreach(lc, hosts)
	{
		const DcxHost *of = lfirst(lc);

		appendStringInfo(&host, "%s%s", comma, of->host);
		appendStringInfo(&hostaddr, "%s%s", comma, of->hostaddr);
		appendStringInfo(&port, "%s%s", comma, of->port);
		comma = ",";
	}
	return (DcxHost){.host = host.data, .hostaddr = hostaddr.data, .port = port.data};
}
