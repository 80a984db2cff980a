/*
 * cause.h
 *		Why another server cannot be reached, and what can be done about it.
 *
 * A server's messages come in its own language, and libpq's in ours. So the SQLSTATE decides where there is one, and
 * the text says more where it is English. postgres_fdw gives the text only; a probe (probe.h) has both.
 */
#ifndef DCX_CAUSE_H
#define DCX_CAUSE_H

/* A failure's cause. No hint: we do not know it. */
typedef struct DcxCause
{
	const char *hint;	 /* the next step, in whole sentences; or NULL */
	bool		address; /* it is about host and port */
} DcxCause;

/*
 * The cause of a failure to connect. state: the SQLSTATE, NULL or empty where there is none; text: what libpq or the
 * other server says.
 */
extern DcxCause dcx_cause_of(const char *state, const char *text);

/* The same after the connection was made: what then breaks it is not what kept it from being made. */
extern DcxCause dcx_cause_of_break(const char *state, const char *text);

/*
 * Takes the SQLSTATEs, and where in the other server's code an error comes from, out of a message that libpq made with
 * PQERRORS_VERBOSE: it reads as by default then. The message is changed in place; the last state goes to state,
 * which has room for 6 bytes, and is empty where there is none.
 */
extern void dcx_cause_take_state(char *message, char *state);

/* An error and the hint as the text of one column. */
extern char *dcx_cause_text(const char *error, DcxCause cause);

#endif /* DCX_CAUSE_H */
