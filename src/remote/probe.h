/*
 * probe.h
 *		Asks another server one question, on a connection of its own.
 *
 * A check must not break the connection it checks, and must not become part of a transaction at the
 * other server. So it does not use postgres_fdw's connection. It makes one from the same options, under
 * the same rules, and closes it.
 */
#ifndef DCX_PROBE_H
#define DCX_PROBE_H

#include "src/remote/cause.h"

/*
 * Limits in seconds: for connecting, and then for each time that the other server says nothing; for
 * connecting where the server has several hosts; and for all of it together. The second one is as long as
 * a price call may connect.
 */
#define DCX_PROBE_LIMIT			   5
#define DCX_PROBE_LIMIT_CONNECTING 10
#define DCX_PROBE_LIMIT_IN_ALL	   20

/* Why there is no answer. */
typedef enum DcxProbeFailure
{
	DCX_PROBE_ANSWERED,		 /* there is one */
	DCX_PROBE_FORBIDDEN,	 /* postgres_fdw would not let the role connect, either */
	DCX_PROBE_NOT_CONNECTED, /* the connection could not be made */
	DCX_PROBE_SILENT,		 /* nothing came in time */
	DCX_PROBE_STRANGE,		 /* what came is no answer of PostgreSQL's */
	DCX_PROBE_FAILED		 /* an error came, or the connection broke */
} DcxProbeFailure;

typedef struct DcxProbe
{
	DcxProbeFailure failure;
	bool			met_silence; /* one of the hosts, or the server, said nothing in time */
	char		   *error;		 /* in one line, without a password; NULL: there is an answer */
	DcxCause		cause;		 /* of the error */
	int				sqlstate; /* of the other server's error for the question, or 22021; else 0 */
	char		   *answer;	  /* the first column of the rows, comma-separated, none of them NULL */
	double			latency_ms; /* of the question, without connecting */
} DcxProbe;

/*
 * Asks a foreign server of postgres_fdw a question: a statement with one parameter of type text (NULL
 * for NULL). Connects with the role's user mapping. If the role is not a superuser, the mapping must have
 * a password and the server must ask for it, as postgres_fdw requires. The caller checks whether the role
 * may use the server. Whatever fails at the other server is a failure in the result; errors are only raised
 * for what fails here, such as the user's own cancel.
 */
extern DcxProbe dcx_probe(Oid server, Oid role, const char *question, const char *parameter);

#endif /* DCX_PROBE_H */
