/*
 * secrecy.h
 *		Keeps the text of a statement that holds a password out of the server log, where the caller may.
 *
 * PostgreSQL's rule is kept: what is logged is the administrator's to say. Each way into the log is
 * closed only for a caller who could have closed it with SET: a superuser, or a role with GRANT SET ON
 * PARAMETER. What is logged before our function runs (log_statement, the parse and bind steps,
 * debug_print_*, pgaudit) nobody's function can take back; docs/setup.md says so.
 *
 * How long it lasts differs by the way, and covers what called us in each:
 *
 * - settings (below) until the end of the transaction, or of the subtransaction when that is rolled
 *	 back;
 * - the text that STATEMENT lines, current_query() and pg_stat_activity show, and the duration
 *	 that PostgreSQL logs after it has committed, until the client sends its next message.
 */
#ifndef DCX_SECRECY_H
#define DCX_SECRECY_H

#include "utils/elog.h"

/* When the library is loaded. */
extern void dcx_secrecy_init(void);

/*
 * Begins it. Until the end, no error of ours shows what called us; the end takes what this returns. An
 * error in between needs no end.
 */
extern ErrorContextCallback *dcx_secrecy_begin(void);
extern void					 dcx_secrecy_end(ErrorContextCallback *callers);

#endif /* DCX_SECRECY_H */
