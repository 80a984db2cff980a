/*
 * reach.h
 *		Whether what is attached can be read, and reading it, beside our transaction.
 *
 * Where postgres_fdw loses a connection it lets the caller's COMMIT fail, whatever is done about the
 * error: what only looks must not be what finds out.
 */
#ifndef DCX_REACH_H
#define DCX_REACH_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* Whether a relation is a foreign table whose server we can ask ourselves. */
extern bool dcx_reach_is_remote(Oid relation);

/*
 * All connections of postgres_fdw's that a relation is read through, as a list of DcxPlace: its own, or
 * those of the foreign tables in a view or in partitions.
 */
extern List *dcx_reach_places(Oid relation);

/* The schema that a foreign table is of, there. */
extern const char *dcx_reach_schema(Oid relation);

/* What a server has said, with the period that libpq leaves out. */
extern char *dcx_reach_sentence(const char *error);

/*
 * Whether all servers answer that a relation is read from by way of postgres_fdw, through views and
 * in partitions, too; else which does not, and why. One that is lost later, as it is read, still lets
 * the caller's COMMIT fail. The second one refuses (ZD008) a relation of which one does not.
 */
extern bool dcx_reach_answers(Oid relation, char **server, char **error);
extern void dcx_reach_check(Oid relation);

/*
 * The rows of such a foreign table as an array of objects, asked of its server; ZD008. With the columns
 * that they have there, whatever the foreign table says of them; a name that it gives to one means
 * that one, and where it is gone, none.
 */
extern Jsonb *dcx_reach_rows(Oid relation);

#endif /* DCX_REACH_H */
