/*
 * server.h
 *		The server that a catalog is attached through, and the caller's user mapping for it.
 */
#ifndef DCX_SERVER_H
#define DCX_SERVER_H

#include "lib/stringinfo.h"

#include "src/catalog/catalog.h"
#include "src/remote/options.h"

typedef struct DcxServer
{
	const char	   *name;
	const char	   *remote_schema; /* there; public where the URL says none */
	List		   *made;		   /* "server", "mapping": what was made, for dcx.binding */
	List		   *left_out;	   /* what stood around the source, for the user to read */
	List		   *ignored;	   /* names of parameters of the URL that mean nothing here */
	List		   *understood;	   /* what others mean here */
	DcxOptionReport options;	   /* what became of the options */
	const char	   *capped;		   /* the URL's connect_timeout, where that was too long */
} DcxServer;

/*
 * Inside a run, as the caller: makes the server for a schema, and the caller's user mapping, from a
 * connection string, or alters them. 55006 where another catalog is attached through that server and
 * the string leads elsewhere.
 */
extern DcxServer dcx_server_make(DcxCatalogId id, const char *schema, const char *source);

/* Takes a server that exists, and for which the caller has a user mapping; 42704 for any other. */
extern DcxServer dcx_server_take(const char *name);

/* Adds what happened to the server to a note, for the user to read. */
extern void dcx_server_append_note(const DcxServer *server, StringInfo note);

#endif /* DCX_SERVER_H */
