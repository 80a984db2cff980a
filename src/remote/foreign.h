/*
 * foreign.h
 *		Makes and alters postgres_fdw's objects: server, user mapping, foreign tables.
 *
 * Everything here runs inside a run, as the caller, and goes to the server as parse trees: no
 * statement's text exists that could show a password or would have to quote a value. Every name
 * is an object's own name, neither quoted nor qualified.
 */
#ifndef DCX_FOREIGN_H
#define DCX_FOREIGN_H

#include "nodes/parsenodes.h"

#include "src/remote/options.h"

/* A column of a remote table. */
typedef struct DcxRemoteColumn
{
	const char *name;
	int			position; /* among the columns there: the lower comes first */
	Oid			type;	  /* the type here */
	int32		typmod;
	bool		not_null;
	const char *foreign; /* name of the remote type that became text here, or NULL */
} DcxRemoteColumn;

/* A remote table, view or the like. */
typedef struct DcxRemoteTable
{
	char *name;
	List *columns; /* of DcxRemoteColumn, in the order they have there */
} DcxRemoteTable;

/* Makes the extension postgres_fdw, in the given schema, where there is none. */
extern void dcx_foreign_need_fdw(const char *schema);

/* The server's OID; InvalidOid when there is none. A server of another wrapper is refused. */
extern Oid dcx_foreign_server(const char *server);

/*
 * Makes the server with the named options and the tuning, or alters the one that is there by the rule
 * in options.h, and tells the report. True when it was made. A server that our transaction has read
 * from cannot be altered any more (55006).
 */
extern bool dcx_foreign_set_server(const char *server, List *named, List *tuning,
								   const char *unwanted, DcxOptionReport *report);

/* The same for the caller's own user mapping. */
extern bool dcx_foreign_set_mapping(const char *server, List *named, DcxOptionReport *report);

/*
 * Moves named options of the server to those of the caller's mapping where that has one of the same
 * name (sslcert, sslkey): the mapping's would win over the server's.
 */
extern void dcx_foreign_sort_options(const char *server, List **server_options,
									 List **user_options);

/*
 * Whether the two would lead a server that is there to another database, or the caller's mapping for it
 * to another role there.
 */
extern bool dcx_foreign_leads_elsewhere(Oid server, List *connection, List *user);

/* Makes a foreign table of the DcxRemoteColumns. */
extern void dcx_foreign_create_table(const char *schema, const char *table, const char *server,
									 const char *remote_schema, const char *remote_table,
									 List *columns, List *options);

/* Adds the columns that an existing foreign table lacks; returns their names, or NIL. */
extern List *dcx_foreign_add_columns(Oid relation, List *columns);

/* Points an existing foreign table at the remote schema and table. */
extern void dcx_foreign_set_table(Oid relation, const char *remote_schema,
								  const char *remote_table);

/* Drops an object: a foreign table, a server or a schema; refused while others depend on it. */
extern void dcx_foreign_drop(ObjectType type, List *name);
extern void dcx_foreign_drop_mapping(const char *server, Oid role);

#endif /* DCX_FOREIGN_H */
