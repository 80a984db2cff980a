/*
 * encoding.h
 *		Texts of another server that cannot be had in this database's encoding.
 *
 * The other server converts what it sends into our encoding. One character that our encoding lacks, or one
 * byte that is not valid (where that server does not care for encodings), makes the whole statement fail there. So
 * such texts are fetched as bytes, in the other server's encoding, and converted here, each for itself.
 */
#ifndef DCX_ENCODING_H
#define DCX_ENCODING_H

#include "nodes/pg_list.h"
#include "utils/elog.h"

#include "src/remote/probe.h"

/* In JSON text, what stands for a character that cannot be had: it does not occur in a name or title. */
#define DCX_ENCODING_LOST	   "\\u001a"
#define DCX_ENCODING_LOST_CHAR '\x1a'

/* Whether an error means that a text could not be converted. Also one of this server's own. */
extern bool dcx_encoding_failed(int sqlstate);

/*
 * In SQL: the bytes of a text as a value of type bytea, which any server sends. expression: of any type; as the
 * other server executes it, of its type there.
 */
extern char *dcx_encoding_bytes_sql(const char *expression);

/*
 * The encoding of the databases behind these connections of postgres_fdw (a list of DcxPlace), asked now; -1 if
 * one does not answer, there is none, or they differ.
 */
extern int dcx_encoding_of(List *places);

/*
 * Bytes in an encoding as a text in ours, in the current memory context. NULL if it cannot be had. Only
 * conversions of pg_catalog are used.
 */
extern char *dcx_encoding_convert(const char *bytes, int length, int encoding);

/*
 * As dcx_probe(), for a question whose answer is JSON. If that cannot be converted, it is asked for again, and
 * DCX_ENCODING_LOST stands for each character that is not to be had.
 */
extern DcxProbe dcx_encoding_ask(Oid server, Oid role, const char *question, const char *parameter);

#endif /* DCX_ENCODING_H */
