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

#include "datatype/timestamp.h"
#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "src/base/names.h"

typedef struct DcxRun
{
	Oid		 user; /* to go back to */
	int		 security_context;
	int		 guc_level;
	DcxNames names;
} DcxRun;

/*
 * Opens a run as the given role, with what that role may do and no more: no SET ROLE, no
 * temporary tables, no FORCE ROW LEVEL SECURITY. InvalidOid: as the caller, as he is. Its statements
 * may name what belongs to that role; as the caller, what belongs to a superuser as well.
 */
extern void dcx_run_begin(DcxRun *run, Oid owner);
extern void dcx_run_end(DcxRun *run);

/* Sets a setting that anybody may set, until the run, or another level of settings, ends. */
extern void dcx_run_set(const char *name, const char *value);

/*
 * The same for a statement that fires triggers of the platform's: they find, after pg_catalog, what
 * is in their table's schema. The statement itself has to qualify what it uses.
 */
extern void dcx_run_begin_firing(DcxRun *run, Oid owner, const char *schema);

/*
 * The same for a statement that reads a relation for the caller: as the caller, under his rights and his row-level
 * security. A superuser, whom neither stops, reads as the relation's owner: what stands in views, casts and the
 * expressions of indexes are that role's functions, and those of indexes run when a statement is only planned. As the
 * caller, whatever the names mean he might name himself.
 */
extern void dcx_run_begin_reading(DcxRun *run, Oid owner);

/*
 * The same for a statement that puts a trigger on a table, or alters one: as the caller. A superuser does so as the
 * owner of a table that is partitioned: to that end the server works out its partition keys, and runs the functions in
 * them, whenever it has forgotten what they are.
 */
extern void dcx_run_begin_altering(DcxRun *run, Oid table);

#define DCX_PLAN_PARAMETERS 24

/* The parameters of a statement: $1, $2 and so on, in the order they are added. All zero: none. */
typedef struct DcxParameters
{
	int	  n;
	Oid	  types[DCX_PLAN_PARAMETERS];
	Datum values[DCX_PLAN_PARAMETERS];
	char  nulls[DCX_PLAN_PARAMETERS];
} DcxParameters;

/* Adds a parameter; values are not copied, and have to live as long as they are used. */
extern void dcx_parameter(DcxParameters *parameters, Oid type, Datum value, bool isnull);
extern void dcx_parameter_text(DcxParameters *parameters, const char *value); /* or NULL */
extern void dcx_parameter_numeric(DcxParameters *parameters, Numeric value);  /* or NULL */
extern void dcx_parameter_time(DcxParameters *parameters, TimestampTz value);
extern void dcx_parameter_int64(DcxParameters *parameters, int64 value);

/* A statement prepared once and kept for the life of the backend. All zero: none yet. */
typedef struct DcxPlan
{
	char *sql;
	bool  unforced; /* made where FORCE ROW LEVEL SECURITY does not count */
	int	  n;
	Oid	  types[DCX_PLAN_PARAMETERS];
	void *plan;
} DcxPlan;

/*
 * Inside a run: executes sql and returns the number of rows; read: read-only under the active
 * snapshot; write: under a new snapshot (of a READ COMMITTED transaction), and it may write and lock
 * rows. The plan is made anew when the text or a parameter's type is another than last time, or FORCE
 * ROW LEVEL SECURITY counts where it did not (which the server does not look at), and is never one for
 * particular values; where plan is NULL it is not kept. Values of the result are read
 * by dcx_query_value() and live until the run ends.
 */
extern uint64 dcx_query_read(DcxPlan *plan, const char *sql, DcxParameters *parameters);
extern uint64 dcx_query_write(DcxPlan *plan, const char *sql, DcxParameters *parameters);

/*
 * dcx_query_read() in two steps: opening starts the statement, which connects to the servers of the
 * foreign tables in it; fetching reads its rows, all of them, and closes the cursor.
 */
extern void	 *dcx_query_open(DcxPlan *plan, const char *sql, DcxParameters *parameters);
extern uint64 dcx_query_fetch(void *cursor);

/* Inside a run: starts a query and reads nothing, which connects to the servers of its foreign tables. */
extern void dcx_query_touch(const char *sql);

/*
 * A value of a type; refuses (55000) a column of another type: it may be one of a table whose owner
 * has altered it, and its value would be read as an address. 0 for NULL. So do those below.
 */
extern Datum dcx_query_value(uint64 row, int column, Oid type, bool *isnull);

/* The value of a text column as a C string in the caller's memory context; NULL for NULL. */
extern char *dcx_query_text(uint64 row, int column);

/* The value of a numeric column, likewise. */
extern Numeric dcx_query_numeric(uint64 row, int column);

/* The value of a boolean, bigint or timestamptz column; 0 for NULL. */
extern bool		   dcx_query_bool(uint64 row, int column);
extern int64	   dcx_query_int64(uint64 row, int column);
extern TimestampTz dcx_query_time(uint64 row, int column);

/* The value of a jsonb column in the caller's memory context; NULL for NULL. */
extern Jsonb *dcx_query_jsonb(uint64 row, int column);

/* The value of a numeric column that has to be there and finite (55000). */
extern Numeric dcx_query_amount(uint64 row, int column);

/*
 * Inside a run: executes sql once, read-only under the active snapshot, and puts its rows into the
 * materialized result of a set-returning function, whose columns have the same types.
 */
extern void dcx_query_into(ReturnSetInfo *result, const char *sql, const DcxParameters *parameters);

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

/*
 * A run of one read-only statement, as a role, or as the caller (InvalidOid): the first value, a text, in
 * the current memory context; NULL where there is none.
 */
extern char *dcx_query_text_of(Oid role, const char *sql, DcxParameters *parameters);

#endif /* DCX_QUERY_H */
