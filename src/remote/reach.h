/*
 * reach.h
 *		Whether an attached relation can be read, and its rows, on connections of our own (probe.h).
 *
 * When postgres_fdw loses a connection, it fails the caller's COMMIT, even if the error has been caught. A
 * check must not break the connection it checks: so it asks here first.
 */
#ifndef DCX_REACH_H
#define DCX_REACH_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "src/remote/probe.h"

/* Whether a relation is a foreign table of postgres_fdw, whose server we can ask ourselves. */
extern bool dcx_reach_is_remote(Oid relation);

/*
 * The connections of postgres_fdw that a relation is read through, as a list of DcxPlace: its own, or
 * those of the foreign tables in a view or in partitions. Foreign tables in functions are not found.
 */
extern List *dcx_reach_places(Oid relation);

/* The remote schema that a foreign table of postgres_fdw is of. */
extern const char *dcx_reach_schema(Oid relation);

/* A server's message as a sentence: with the period that libpq leaves out. */
extern char *dcx_reach_sentence(const char *error);

/*
 * Asks all servers of dcx_reach_places() whether they answer. False: *server does not, *probe says why.
 * The second function raises ZD008 then. A server that is lost later, while it is read, still fails the
 * caller's COMMIT.
 */
extern bool dcx_reach_answers(Oid relation, char **server, DcxProbe *probe);
extern void dcx_reach_check(Oid relation);

/*
 * The rows of a foreign table of postgres_fdw as an array of objects, asked of its server; ZD008 where that
 * does not answer. The columns are the remote table's own, not the foreign table's. One that the foreign
 * table renames (column_name) has the name it has here; it is left out if the remote column is gone.
 * DCX_ENCODING_LOST (encoding.h) stands for each character that this database cannot have.
 */
extern Jsonb *dcx_reach_rows(Oid relation);

/* The remote table of such a foreign table, qualified and quoted. */
extern char *dcx_reach_table(Oid relation);

/*
 * A value that the server of such a foreign table is asked for: SELECT expression FROM its remote table
 * WHERE condition, as text. NULL when there is no row, or no answer.
 */
extern char *dcx_reach_select(Oid relation, const char *expression, const char *condition);

#endif /* DCX_REACH_H */
