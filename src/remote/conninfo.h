/*
 * conninfo.h
 *		Reads a connection string: a URL as it stands in the platform's .env, or key=value pairs.
 *
 * libpq parses it, after the parameters of other clients have been taken out or translated (dialect.h), and the
 * pairs of Npgsql have become libpq's. The result is sorted into options of a server and of a user mapping. No error
 * quotes the string: it may hold a password.
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
	List *ignored;		  /* names of the parameters that mean nothing here */
	List *understood;	  /* of others, what they mean: "ssl=false is sslmode=disable" */
} DcxConninfo;

/*
 * Whether a text looks like a connection string, even a mistyped one. Only a text that does not, and so
 * is taken for the name of a server, may be shown in an error.
 */
extern bool dcx_conninfo_recognize(const char *text);

/*
 * Parses a connection string, in the current memory context; around.h has taken away what stands around it. 22023
 * if libpq cannot parse it, or if it is likely to take a part of the password for something else.
 */
extern DcxConninfo dcx_conninfo_parse(const char *source);

#endif /* DCX_CONNINFO_H */
