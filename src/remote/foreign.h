/*
 * foreign.h
 *		Makes and alters postgres_fdw's objects: server, user mapping, foreign tables.
 *
 * Call these inside a run that runs as the caller. Commands are built as parse trees: there is no text of
 * a statement that could show a password, and nothing has to be quoted. Names are plain: not quoted, not
 * qualified.
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

/* Makes the extension postgres_fdw in a schema, if the database does not have it. */
extern void dcx_foreign_need_fdw(const char *schema);

/* The server's OID; InvalidOid when there is none. A server of another wrapper is refused (42809). */
extern Oid dcx_foreign_server(const char *server);

/*
 * The same, and nobody can drop the server until the end of our transaction: a foreign table that is made
 * meanwhile would be left without one. 42704 when there is none.
 */
extern Oid dcx_foreign_keep_server(const char *server);

/*
 * Makes the server with the named options and the tuning; or alters the one that is there, by the rule in
 * options.h, and adds what was done to the report. Returns true when it was made. 55006 when our transaction has
 * read from the server: it would go on reading from the old place. 42501 when the server belongs to
 * another role, which could lead it elsewhere, and so learn the password.
 */
extern bool dcx_foreign_set_server(const char *server, List *named, List *tuning,
								   const char *unwanted, DcxOptionReport *report);

/* The same for the caller's own user mapping of the server. */
extern bool dcx_foreign_set_mapping(const char *server, List *named, DcxOptionReport *report);

/*
 * Moves options of the server to those of the caller's mapping, if the mapping that is there has one of
 * the same name (sslcert, sslkey): the mapping's option would win over the server's.
 */
extern void dcx_foreign_sort_options(const char *server, List **server_options,
									 List **user_options);

/*
 * Whether these options of a server and a mapping lead to another database, or to another role there, than
 * a server that exists and the caller's mapping for it.
 */
extern bool dcx_foreign_leads_elsewhere(Oid server, List *connection, List *user);

/* Makes a foreign table. columns: a list of DcxRemoteColumn; options: further options of the table. */
extern void dcx_foreign_create_table(const char *schema, const char *table, const char *server,
									 const char *remote_schema, const char *remote_table,
									 List *columns, List *options);

/* Adds the columns that an existing foreign table lacks; returns their names, or NIL. */
extern List *dcx_foreign_add_columns(Oid relation, List *columns);

/* Points an existing foreign table at the remote schema and table. */
extern void dcx_foreign_set_table(Oid relation, const char *remote_schema,
								  const char *remote_table);

/* Drops a foreign table, a server or a schema; refused while other objects depend on it. */
extern void dcx_foreign_drop(ObjectType type, List *name);
extern void dcx_foreign_drop_mapping(const char *server, Oid role);

#endif /* DCX_FOREIGN_H */
