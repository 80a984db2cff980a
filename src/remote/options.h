/*
 * options.h
 *		Which options a server and its user mapping get when a URL is attached again.
 *
 * The rule:
 *
 * 1. The URL says as a whole where a connection leads and as whom (service, host, hostaddr, port, dbname,
 *	  user, password). Of these, an option that the URL does not name is dropped: half of an old address
 *	  would lead elsewhere, and an old password would be sent to a new server.
 * 2. Any other option that the URL names is set. One that it does not name stays.
 * 3. An option that protects the connection (sslmode and the like) can only become stronger. If the URL
 *	  asks for less than what is set (or than libpq's default, if nothing is set), the stronger value
 *	  stays. Weakening it takes ALTER SERVER.
 */
#ifndef DCX_OPTIONS_H
#define DCX_OPTIONS_H

#include "nodes/parsenodes.h"

/* What happened to the options, for the user to read. Values only of options that protect. */
typedef struct DcxOptionReport
{
	List *changed; /* names: set to another value, or added */
	List *dropped; /* names */
	List *kept;	   /* "sslmode stays require" */
} DcxOptionReport;

/* An option as the DDL takes it. */
extern DefElem *dcx_option(const char *name, const char *value);

/* The option of that name in a list; NULL when there is none. */
extern DefElem *dcx_option_find(List *options, const char *name);

/*
 * The stronger of two values of an option that protects the connection, of which one can be NULL; a value that
 * we do not know, which libpq will refuse, if one is.
 */
extern const char *dcx_option_stronger(const char *name, const char *one, const char *other);

/*
 * The changes that give an object the options that the rule asks for, as DefElems of an ALTER; NIL when
 * nothing changes. have: its options now; named: those of the URL; tuning: options to add where neither
 * has them; unwanted: an option to drop, or NULL. The changes are added to the report, unless it is NULL.
 */
extern List *dcx_option_changes(List *have, List *named, List *tuning, const char *unwanted,
								DcxOptionReport *report);

/* Whether the named options lead to another database, or as another role, than those an object has. */
extern bool dcx_options_lead_elsewhere(List *have, List *named);

#endif /* DCX_OPTIONS_H */
