/*
 * identity.h
 *		Who another server is, and which tables a schema of it has.
 *
 * The server is asked on a connection of our own (probe.h). It is not trusted: its administrator can
 * have it answer anything. So everything that is read out of an answer is checked, and an answer that
 * PostgreSQL would not give is an error (HV000).
 */
#ifndef DCX_IDENTITY_H
#define DCX_IDENTITY_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "src/catalog/catalog.h"
#include "src/remote/foreign.h"
#include "src/remote/probe.h"

/* What a server says of itself and of one schema; or why it says nothing. */
typedef struct DcxIdentity
{
	DcxProbeFailure failure;
	char		   *error; /* NULL: there is an answer */
	DcxCause		cause; /* of the error */
	double			latency_ms;

	/* The whole answer: "database", "address", "port", "version", "system", "role", "tables" and so on. */
	Jsonb *is;
	char  *database;
	List  *tables; /* of DcxRemoteTable, by name */
} DcxIdentity;

/*
 * Asks a foreign server of postgres_fdw about itself and a schema, as the role's user mapping says.
 * The caller checks whether the role may use the server. An outage is a result; a malformed answer is
 * HV000.
 */
extern DcxIdentity dcx_identity_ask(Oid server, Oid role, const char *schema);

/*
 * Raises the error of an identity that has one: ZD008 if the server cannot be reached, HV000 if it is not
 * PostgreSQL, 2F003 if postgres_fdw would not let the role connect. id: which catalog is sought there.
 */
pg_noreturn extern void dcx_identity_refuse(const DcxIdentity *identity, DcxCatalogId id,
											Oid server, Oid role);

/* The same answer of this database, asked as a role (InvalidOid: the caller). schema: NULL is all. */
extern Jsonb *dcx_identity_here(Oid role, const char *schema);

/*
 * What attach keeps in dcx.binding.seen, as JSON text: who this database is, and whose catalog was
 * attached. is: the other server's answer; NULL where the catalog is in this database.
 */
extern char *dcx_identity_seen(Jsonb *is);

#endif /* DCX_IDENTITY_H */
