/*
 * dialect.h
 *		The parameters that other clients than libpq write into a connection string, and what they mean here.
 *
 * Prisma, node-postgres, postgres.js, JDBC, R2DBC, Npgsql, psycopg, SQLAlchemy, Django, Rails, pgx and lib/pq each have
 * names of their own. A parameter that means the same as one of libpq's is understood. One that tunes the client is
 * ignored. Never is a value guessed of a parameter that protects the connection.
 */
#ifndef DCX_DIALECT_H
#define DCX_DIALECT_H

typedef enum DcxDialectKind
{
	DCX_DIALECT_OPTION,	   /* an option of libpq's: name and value */
	DCX_DIALECT_SCHEMA,	   /* the remote schema: value */
	DCX_DIALECT_PGBOUNCER, /* whether a pooler stands there: value is NULL if not */
	DCX_DIALECT_IGNORED,   /* known, but it means nothing here */
	DCX_DIALECT_UNKNOWN	   /* nobody's that we know */
} DcxDialectKind;

typedef struct DcxDialect
{
	DcxDialectKind kind;
	const char	  *name;
	const char	  *value;
	const char
		*understood; /* for the user to read, as in "ssl=false is sslmode=disable"; or NULL */
} DcxDialect;

/* What a parameter means. 22023 if it says how to encrypt in a way that we do not know. */
extern DcxDialect dcx_dialect_read(const char *name, const char *value);

/* Whether the beginning of a scheme, as in "postgresql+psycopg2", stands for PostgreSQL. */
extern bool dcx_dialect_is_scheme(const char *scheme);

#endif /* DCX_DIALECT_H */
