/*
 * query.h
 *		The one doorway to SPI and to utility commands: as whom a statement runs, and under what.
 *
 * A run is a scope in which statements execute: search_path is pinned to pg_catalog, and the user
 * is either the caller or the owner of what is read. After an error there is nothing to undo:
 * the end of the (sub)transaction restores user, settings and SPI.
 */
#ifndef DCX_QUERY_H
#define DCX_QUERY_H

#include "nodes/parsenodes.h"
#include "utils/numeric.h"

typedef struct DcxRun
{
	Oid user; /* to go back to */
	int security_context;
	int guc_level;
} DcxRun;

/*
 * Opens a run as the given role, with what that role may do and no more: no SET ROLE, no
 * temporary tables, no FORCE ROW LEVEL SECURITY. InvalidOid: as the caller, as he is.
 */
extern void dcx_run_begin(DcxRun *run, Oid owner);
extern void dcx_run_end(DcxRun *run);

#define DCX_PLAN_PARAMETERS 2

/* A statement prepared once and kept for the life of the backend. All zero: none yet. */
typedef struct DcxPlan
{
	char *sql;
	Oid	  types[DCX_PLAN_PARAMETERS];
	void *plan;
} DcxPlan;

/*
 * Inside a run: executes sql read-only under the active snapshot and returns the number of rows,
 * at most limit (0: all). The plan is made anew when the text or a parameter's type is another
 * than last time. Values of the result are read by dcx_query_value() and live until the run ends.
 */
extern uint64 dcx_query_select(DcxPlan *plan, const char *sql, int nargs, const Oid *types,
							   Datum *values, uint64 limit);
extern Datum  dcx_query_value(uint64 row, int column, bool *isnull);

/* The value of a text column as a C string in the caller's memory context; NULL for NULL. */
extern char *dcx_query_text(uint64 row, int column);

/* The value of a numeric column, likewise. */
extern Numeric dcx_query_numeric(uint64 row, int column);

/*
 * Inside a run: executes a statement once, under a new snapshot; it may write. Returns the number
 * of rows. nulls as for SPI: a character a value, 'n' for NULL; NULL when there is none.
 */
extern uint64 dcx_query_execute(const char *sql, int nargs, const Oid *types, Datum *values,
								const char *nulls);

/*
 * Inside a run: executes a utility command given as a parse tree. No text of it exists, so that
 * what it holds (a password) can stand in no log and no error context.
 */
extern void dcx_query_utility(Node *statement);

#endif /* DCX_QUERY_H */
