/*
 * facts.h
 *		What the checks look at, as one jsonb: what is attached, how the other server is, what is here.
 *
 *		{"database": ..., "system": ..., "extension": {"schema", "version", "library"},
 *		 "bindings": [{"catalog", "part", "relation", "oid", "kind", "columns", "owner", "seen", ...}],
 *		 "needs": {part: {"needed", "columns": {name: {"number", "needed"}}}},
 *		 "aas": null, or {"server", "owner", "schema", "reached", "error", "latency_ms", "is": {...}},
 *		 "local": {...}, "book": null, or {"book_id", "first_seen_at", "last_seen_at", "products"},
 *		 "wallet": null, or {"doubles": [...], "expired": n, ...}}
 *
 * What is not known for a failure is null; of the bindings there is then no key, since none would be
 * a database with nothing attached. "is" is of the catalog, "local" of this database: identity, role, and the tables of the schema (of
 * all, here) with columns, keys and triggers.
 */
#ifndef DCX_FACTS_H
#define DCX_FACTS_H

#include "nodes/pg_list.h"
#include "utils/elog.h"
#include "utils/jsonb.h"

/* Facts that could not be had, and the area of the checks that is about them. */
typedef struct DcxFactsFailure
{
	const char *area;
	ErrorData  *error;
} DcxFactsFailure;

/*
 * All of it, in the current memory context; reached: whether the catalog is there to be read;
 * failures: a DcxFactsFailure for what is not in it, since this database is not in order.
 */
extern Jsonb *dcx_facts_gather(bool *reached, List **failures);

/* Who this database is, and whose catalog a relation is of, as JSON text: for attaching. */
extern char *dcx_facts_identity(Oid relation);

/*
 * The tables of the catalog, without what is of this moment. ZD007 where nothing is attached, ZD008
 * where it cannot be reached.
 */
extern Jsonb *dcx_facts_schema(void);

/* The relation that is attached for a part of the catalog; InvalidOid where there is none. */
extern Oid dcx_facts_relation(const char *part);

/* The rows of a part of the catalog as an array of objects; NULL where it is not attached. */
extern Jsonb *dcx_facts_rows(const char *part);

/* The newest saved book, with costs; NULL where there is none. */
extern Jsonb *dcx_facts_book(void);

#endif /* DCX_FACTS_H */
