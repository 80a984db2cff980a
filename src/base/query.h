/*
 * query.h
 *		The only place that executes SQL: as which role a statement runs, and under which settings.
 *
 * A run (DcxRun) is a scope in which statements execute. Inside it search_path is pinned to pg_catalog, and the
 * current user is either the caller or the owner of the relation that is read or written. Begin and end a run in
 * the same function. An error needs no clean-up: the end of the transaction or subtransaction restores user,
 * settings and SPI.
 *
 * Memory: inside a run the current memory context is SPI's, and is freed when the run ends. Values of a result
 * live until then; those that a function below returns "in the caller's memory context" live in the context that
 * was current when the run began.
 */
#ifndef DCX_QUERY_H
#define DCX_QUERY_H

#include "datatype/timestamp.h"
#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "src/base/names.h"

/* A run: what dcx_run_end() puts back. */
typedef struct DcxRun
{
	Oid		 user;			   /* the current user before */
	int		 security_context; /* of that user */
	int		 guc_level;		   /* settings of this level are rolled back */
	DcxNames names;			   /* which relations statements might name before */
} DcxRun;

/*
 * Begins a run as a role: with its rights, without SET ROLE, temporary tables and FORCE ROW LEVEL SECURITY. Its
 * statements may name only relations of that role.
 *
 * InvalidOid: as the caller, whose rights and security context stay as they are. Statements may name relations
 * of the caller or a superuser.
 */
extern void dcx_run_begin(DcxRun *run, Oid owner);
extern void dcx_run_end(DcxRun *run);

/* Changes a setting that any user may change, until the run ends. */
extern void dcx_run_set(const char *name, const char *value);

/*
 * Begins a run for a statement that fires the platform's triggers. search_path also contains their table's
 * schema, after pg_catalog, since such triggers count on it. So the statement itself must qualify every name.
 */
extern void dcx_run_begin_firing(DcxRun *run, Oid owner, const char *schema);

/*
 * Begins a run for a statement that reads a relation (owner: its owner) for the caller: as the caller, under the
 * caller's rights and row-level security. The statement may name any relation, as one of the caller's own might.
 *
 * A superuser is not held back by rights or row-level security, and reads as the relation's owner instead.
 * Reading a relation runs functions of its owner, in views, in casts and in the expressions of indexes (those
 * even while a statement is planned), and they must not run as a superuser.
 */
extern void dcx_run_begin_reading(DcxRun *run, Oid owner);

/*
 * Begins a run for a statement that creates or alters a trigger on a table: as the caller. For a superuser and a
 * partitioned table, as the table's owner: for such a statement the server may evaluate the partition keys'
 * expressions, which are the owner's functions.
 */
extern void dcx_run_begin_altering(DcxRun *run, Oid table);

/* A statement has at most this many parameters. */
#define DCX_PLAN_PARAMETERS 24

/* The parameters of a statement: $1, $2 and so on, in the order in which they are added. All zero: none. */
typedef struct DcxParameters
{
	int	  n;
	Oid	  types[DCX_PLAN_PARAMETERS];
	Datum values[DCX_PLAN_PARAMETERS];
	char  nulls[DCX_PLAN_PARAMETERS]; /* as SPI wants them: 'n' for NULL, else ' ' */
} DcxParameters;

/* Adds a parameter. Its value is not copied: it has to live until the statement has been executed. */
extern void dcx_parameter(DcxParameters *parameters, Oid type, Datum value, bool isnull);
extern void dcx_parameter_text(DcxParameters *parameters, const char *value); /* or NULL */
extern void dcx_parameter_numeric(DcxParameters *parameters, Numeric value);  /* or NULL */
extern void dcx_parameter_time(DcxParameters *parameters, TimestampTz value);
extern void dcx_parameter_int64(DcxParameters *parameters, int64 value);

/*
 * A statement that is prepared once and kept for the life of the backend, in a static variable. All zero: not
 * prepared yet. The fields say what it was prepared for.
 */
typedef struct DcxPlan
{
	char *sql;
	bool  unforced; /* FORCE ROW LEVEL SECURITY did not count */
	int	  n;		/* parameters, and their types */
	Oid	  types[DCX_PLAN_PARAMETERS];
	void *plan; /* SPI's; NULL: none */
} DcxPlan;

/*
 * Executes a statement, inside a run, and returns the number of its rows, which dcx_query_value() and those after
 * it read.
 *
 * dcx_query_read: read-only, under the active snapshot; under a new one, or 40001, where that is older than what it
 * would show (fresh.h). So are the other forms that read.
 * dcx_query_write: may write and lock rows; under a new snapshot if the transaction is READ COMMITTED.
 *
 * plan: where the prepared statement is kept; NULL: it is not. It is prepared again when the text, a parameter's
 * type, or the effect of FORCE ROW LEVEL SECURITY is another than last time. (The server does not check the
 * last.) The plan is always generic, never made for particular values.
 */
extern uint64 dcx_query_read(DcxPlan *plan, const char *sql, DcxParameters *parameters);
extern uint64 dcx_query_write(DcxPlan *plan, const char *sql, DcxParameters *parameters);

/*
 * dcx_query_read() in two steps. Opening starts the statement, which connects to the servers of its foreign
 * tables. Fetching reads all rows and closes the cursor.
 */
extern void	 *dcx_query_open(DcxPlan *plan, const char *sql, DcxParameters *parameters);
extern uint64 dcx_query_fetch(void *cursor);

/* Inside a run: starts a query and reads nothing. That connects to the servers of its foreign tables. */
extern void dcx_query_touch(const char *sql);

/*
 * The value of a column that must be of this type; (Datum) 0 for NULL. 55000 when the column is of another type:
 * a table's owner can have altered it, and its value would be taken for an address. The functions below refuse
 * that as well. Columns are counted from 1, rows from 0.
 */
extern Datum dcx_query_value(uint64 row, int column, Oid type, bool *isnull);

/* The value of a column of any type, as text, in the caller's memory context; NULL for NULL. */
extern char *dcx_query_text(uint64 row, int column);

/* Copies a text into the caller's memory context. */
extern char *dcx_query_keep(const char *text);

/* Whether a column is of type bytea; and the value of such a column, in the run's memory context. NULL for NULL. */
extern bool	 dcx_query_is_bytes(int column);
extern char *dcx_query_bytes(uint64 row, int column, int *length);

/* The value of a numeric column, likewise. */
extern Numeric dcx_query_numeric(uint64 row, int column);

/* The value of a boolean, bigint or timestamptz column; 0 for NULL. */
extern bool		   dcx_query_bool(uint64 row, int column);
extern int64	   dcx_query_int64(uint64 row, int column);
extern TimestampTz dcx_query_time(uint64 row, int column);

/* The value of a jsonb column in the caller's memory context; NULL for NULL. */
extern Jsonb *dcx_query_jsonb(uint64 row, int column);

/* The value of a column that is an array of this type and never NULL, in the caller's memory context. */
extern Datum dcx_query_array(uint64 row, int column, Oid type);

/* The value of a numeric column that must not be NULL, NaN or infinite (55000). */
extern Numeric dcx_query_amount(uint64 row, int column);

/*
 * Inside a run: executes a statement once, read-only under the active snapshot, and puts its rows into the
 * materialized result of a set-returning function. The columns must have the types that the function declares.
 */
extern void dcx_query_into(ReturnSetInfo *result, const char *sql, const DcxParameters *parameters);

/*
 * Inside a run: executes a statement once, as dcx_query_write() does, without keeping it. nulls: a character for
 * each value, 'n' for NULL; NULL when no value is NULL.
 */
extern uint64 dcx_query_execute(const char *sql, int nargs, const Oid *types, Datum *values,
								const char *nulls);

/*
 * Inside a run: executes a utility command that is given as a parse tree. It has no text, so a password in it can
 * get into no log and no error context.
 */
extern void dcx_query_utility(Node *statement);

/*
 * Executes one read-only statement in a run of its own, as a role or as the caller (InvalidOid). Returns the first
 * column of the first row as text, in the current memory context; NULL when there is no row, or it is NULL.
 */
extern char *dcx_query_text_of(Oid role, const char *sql, DcxParameters *parameters);

#endif /* DCX_QUERY_H */
