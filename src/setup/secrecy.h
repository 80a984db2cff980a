/*
 * secrecy.h
 *		Keeps the text of a statement that holds a password out of the server log, if the caller may.
 *
 * The administrator decides what is logged, as always in PostgreSQL. Each way into the log is closed only
 * for a caller who could have closed it with SET: a superuser, or a role with GRANT SET ON PARAMETER.
 * What is logged before our function runs (log_statement, the parse and bind steps, debug_print_*,
 * pgaudit) cannot be taken back; docs/setup.md says so.
 *
 * All of this covers the statement that called us, too. How long it lasts:
 *
 * - settings: until the end of the transaction, or of the subtransaction if that is rolled back;
 * - the text that STATEMENT lines, current_query() and pg_stat_activity show, and the duration that
 *	 PostgreSQL logs after the commit: until the client sends its next message.
 */
#ifndef DCX_SECRECY_H
#define DCX_SECRECY_H

#include "utils/elog.h"

/* To be called when the library is loaded. */
extern void dcx_secrecy_init(void);

/*
 * Begins and ends it. In between, errors have no context, which would show the statement that called us.
 * The end takes what the beginning has returned. After an error in between, there is no end to call.
 */
extern ErrorContextCallback *dcx_secrecy_begin(void);
extern void					 dcx_secrecy_end(ErrorContextCallback *callers);

#endif /* DCX_SECRECY_H */
