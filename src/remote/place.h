/*
 * place.h
 *		A connection of postgres_fdw: to which server, with whose user mapping; and how to give it up.
 */
#ifndef DCX_PLACE_H
#define DCX_PLACE_H

#include "nodes/pg_list.h"

/* postgres_fdw has one connection for each server and user mapping. */
typedef struct DcxPlace
{
	Oid server;
	Oid role; /* whose user mapping is used */
} DcxPlace;

/* A list of one place, in the current memory context; NIL where the server is not postgres_fdw's. */
extern List *dcx_place_list(Oid server, Oid role);

/* Whether a role has a user mapping for a server, its own or PUBLIC's. */
extern bool dcx_place_has_mapping(Oid server, Oid role);

/* The longest connect_timeout that is accepted, and the one for a server that has none; in seconds. */
#define DCX_PLACE_MOST_TIMEOUT 10
#define DCX_PLACE_TIMEOUT	   5

/*
 * PostgreSQL 15 cannot be interrupted while postgres_fdw connects. There, the first function says whether
 * connecting may take longer than DCX_PLACE_MOST_TIMEOUT, since the server's connect_timeout is 0 or
 * larger. The second one sets a time-out for servers that have none, from a call with true until a call
 * with false. From 16 on both do nothing.
 */
extern bool dcx_place_connects_too_long(const DcxPlace *place);
extern void dcx_place_bound_connecting(bool bound);

/*
 * Makes postgres_fdw give up a connection that this transaction uses, unless it answers at once. The end
 * of the transaction then fails without waiting for it. To be called in a PG_CATCH() after a cancel,
 * before anything is rolled back. Raises no error; but when the session ends it may not return.
 */
extern void dcx_place_give_up(const DcxPlace *place);

#endif /* DCX_PLACE_H */
