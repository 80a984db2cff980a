/*
 * read.h
 *		How a catalog's relations are read.
 *
 * An attached relation is always read as its owner. Callers need no right on it; a view or a policy
 * behind it runs with the owner's rights, not the caller's; and a foreign table connects with the owner's
 * user mapping.
 */
#ifndef DCX_READ_H
#define DCX_READ_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

#include "src/base/query.h"
#include "src/catalog/catalog.h"

/* How the texts of a read have come. */
typedef struct DcxTexts
{
	bool from_afar; /* from another server, which need not keep to its own encoding */
	bool as_bytes;	/* some could not be converted, so all have come as bytes in this encoding: */
	int	 encoding;
} DcxTexts;

/*
 * Appends the first columns of a part to a statement as pricing reads them, as in
 * "a.code::text, a.price::numeric"; NULL for a column that the relation lacks. 42703 when a needed column
 * is missing, 42804 when a column should be a number and is not.
 */
extern void dcx_catalog_append_columns(StringInfo sql, const char *alias,
									   const DcxCatalogPart *part, int ncolumns, Oid relation,
									   bool as_bytes);

/* Appends the relation with its alias, for FROM. With as_bytes its texts are of type bytea. */
extern void dcx_catalog_append_relation(StringInfo sql, const char *alias,
										const DcxCatalogPart *part, int ncolumns, Oid relation,
										bool as_bytes);

/*
 * Inside a run: executes a statement that reads these relations, and returns the number of rows. plan: where
 * the plan is kept; NULL: it is not. Errors as dcx_remote_do()'s.
 */
extern uint64 dcx_catalog_select(DcxCatalogId id, const Oid *relations, int nrelations,
								 const char *sql, DcxPlan *plan);

/*
 * The same for a statement that reads texts. Where one of them cannot be had in this database's encoding,
 * they are all read again as bytes, under the same snapshot of the other server. statement(argument,
 * as_bytes) makes the statement. Read its texts by dcx_catalog_text().
 */
extern uint64 dcx_catalog_read(DcxCatalogId id, const Oid *relations, int nrelations,
							   char *(*statement)(const void *argument, bool as_bytes),
							   const void *argument, DcxPlan *plan, DcxTexts *texts);

/* The same for the first columns of one part. */
extern uint64 dcx_catalog_read_part(DcxCatalogId id, int part, int ncolumns, Oid relation,
									DcxPlan *plan, DcxTexts *texts);

/* A text that was read, in the caller's memory context; NULL for NULL, and where it cannot be had. */
extern char *dcx_catalog_text(const DcxTexts *texts, uint64 row, int column);

/* The same for a text by which rows are told from one another: one that cannot be had is its bytes, in hexadecimal. */
extern char *dcx_catalog_key(const DcxTexts *texts, uint64 row, int column);

/* Raises ZD008: a catalog without any row is taken for an outage, not for an empty catalog. */
pg_noreturn extern void dcx_catalog_is_empty(DcxCatalogId id, Oid relation);

/*
 * Refuses a relation that lacks a column which the part needs (42703), or in which a column that should be
 * a number is none (42804). The detail lists the columns found.
 */
extern void dcx_catalog_check_columns(const DcxCatalogPart *part, Oid relation);

/*
 * All rows of a part's relation as an array of objects, read as its owner. Errors as dcx_remote_do()'s. If a text
 * cannot be had: only with the columns that pricing knows, and DCX_ENCODING_LOST_CHAR for the text.
 */
extern Jsonb *dcx_catalog_json(DcxCatalogId id, int part, Oid relation);

/* The number of rows of a relation, likewise. */
extern int64 dcx_catalog_count(DcxCatalogId id, Oid relation);

#endif /* DCX_READ_H */
