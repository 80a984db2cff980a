/*
 * place.h
 *		A connection that postgres_fdw keeps: to which server, as whom, and giving it up.
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

/* The longest connect_timeout that is waited for as it stands; the one where a server has none; in seconds. */
#define DCX_PLACE_MOST_TIMEOUT 10
#define DCX_PLACE_TIMEOUT	   5

/*
 * Whether connecting may take longer than that, while nobody can interrupt it: on PostgreSQL 15, where
 * the server's connect_timeout is 0 or larger. One that it does not have is set meanwhile by
 * dcx_place_bound_connecting(true), until it is called with false.
 */
extern bool dcx_place_connects_too_long(const DcxPlace *place);
extern void dcx_place_bound_connecting(bool bound);

/*
 * Makes postgres_fdw give up the connection, which this transaction uses, where it does not answer at
 * once. Then the end of the transaction does not wait for it, and fails. May be called while an error
 * is dealt with, before anything is rolled back; it must be a cancel. Raises nothing, but when the
 * session ends it may not return.
 */
extern void dcx_place_give_up(const DcxPlace *place);

#endif /* DCX_PLACE_H */
