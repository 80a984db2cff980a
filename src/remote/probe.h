/*
 * probe.h
 *		Asks another server one question, beside our transaction.
 *
 * A check has to say that a server is out of reach, not to fail with it, and must not become part
 * of a transaction there. So it connects by itself, with what postgres_fdw would connect with.
 */
#ifndef DCX_PROBE_H
#define DCX_PROBE_H

/* How long connecting may take, and after that the other server be silent; and all together, in seconds. */
#define DCX_PROBE_LIMIT		   5
#define DCX_PROBE_LIMIT_IN_ALL 20

typedef struct DcxProbe
{
	char  *answer;	   /* the first column of the rows, comma-separated; NULL: there is an error */
	char  *error;	   /* without a password, in one line */
	bool   silent;	   /* the error is that it did not answer in time */
	double latency_ms; /* of the question, connected */
} DcxProbe;

/*
 * Asks a foreign server of postgres_fdw, as the role's user mapping says, a question with one
 * parameter of text (NULL for NULL). A role that is no superuser needs a password that is asked for,
 * as postgres_fdw has it. Only a cancel of the user's is an error.
 */
extern DcxProbe dcx_probe(Oid server, Oid role, const char *question, const char *parameter);

#endif /* DCX_PROBE_H */
