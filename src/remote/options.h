/*
 * options.h
 *		What becomes of the options of a server and its user mapping when a URL is attached again.
 *
 * The rule:
 *
 * 1. Where a connection leads and as whom (service, host, hostaddr, port, dbname, user, password) is
 *	  the URL's as a whole: of these, one that the URL does not name is dropped. Half of an old
 *	  address would lead elsewhere, and an old password would be sent to a new server.
 * 2. Any other option that the URL names is set; one that it does not name stays as it was set.
 * 3. What protects the connection (sslmode and the like) only gets stronger. Where the URL asks for less
 *	  than what is set, or than libpq's default where nothing is set, what is in force stays.
 *	  Weakening it takes ALTER SERVER.
 */
#ifndef DCX_OPTIONS_H
#define DCX_OPTIONS_H

#include "nodes/parsenodes.h"

/* What happened to the options, for the user to read. No values, but of what protects. */
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
 * What turns the options an object has into those that the rule asks for, as DefElems of an ALTER; NIL
 * when nothing changes. named: those of the URL; tuning: those to add where the object has none;
 * unwanted: one to drop, or NULL. What happens is added to the report, where there is one.
 */
extern List *dcx_option_changes(List *have, List *named, List *tuning, const char *unwanted,
								DcxOptionReport *report);

/* Whether the named options would lead a connection elsewhere, or as another role. */
extern bool dcx_options_lead_elsewhere(List *have, List *named);

#endif /* DCX_OPTIONS_H */
