/*
 * conninfo.h
 *		Reads a connection string: a URL as it stands in the platform's .env, or key=value pairs.
 *
 * libpq does the parsing; this module takes Prisma's own parameters out first and sorts the rest
 * into options of a server and of a user mapping. No error of it quotes the string.
 */
#ifndef DCX_CONNINFO_H
#define DCX_CONNINFO_H

#include "nodes/pg_list.h"

typedef struct DcxConninfo
{
	List *server_options; /* DefElems: host, port, dbname, sslmode, ... */
	List *user_options;	  /* DefElems: user, password, ... */
	char *schema;		  /* Prisma's schema=..., or NULL */
	bool  pgbouncer;	  /* Prisma's pgbouncer=true */
	List *ignored;		  /* names of the parameters that libpq does not know */
} DcxConninfo;

/*
 * Whether a text looks like a connection string, perhaps a mistyped one, rather than like the name
 * of a server, which an error can show.
 */
extern bool dcx_conninfo_recognize(const char *text);

/*
 * Parses a connection string, into the current memory context. What libpq cannot parse is an error
 * (22023) that does not show it.
 */
extern DcxConninfo dcx_conninfo_parse(const char *source);

#endif /* DCX_CONNINFO_H */
