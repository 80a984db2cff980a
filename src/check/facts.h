/*
 * facts.h
 *		What the checks look at, as one jsonb: what is attached, how the other server is, what is here.
 *
 *		{"library": ...,
 *		 "schema": where the extension is,
 *		 "tables": {"version": n, "lacks": [{"table", "column", "since", "may_add", "catalog"}]},
 *		 "bindings": [{"catalog", "part", "relation", "oid", "kind", "columns", "owner", "seen", ...}],
 *		 "needs": {catalog: {part: {"columns": {name: {"number", "needed"}}}}},
 *		 "catalogs": {catalog: null, or {"title", "items", "part", "server", "owner", "schema", "reached",
 *						"error", "latency_ms", "is": {...}}; of a view "behind", the server of it that is
 *						out of reach},
 *		 "books": {catalog: null, or {"book_id", "first_seen_at", "last_seen_at", "products"}},
 *		 "local": {...}, "wallet": null, or {"doubles": [...], "expired": n, ...}}
 *
 * What cannot be known for a failure has no key: null would be a database with nothing attached. "is"
 * is of the catalog, "local" of this database: identity, role, and the tables of the schema (of all,
 * here) with columns, keys and triggers.
 */
#ifndef DCX_FACTS_H
#define DCX_FACTS_H

#include "nodes/pg_list.h"
#include "utils/elog.h"
#include "utils/jsonb.h"

#include "src/catalog/catalog.h"

/* Facts that could not be had, and the area of the checks that is about them. */
typedef struct DcxFactsFailure
{
	const char *area;
	ErrorData  *error;
} DcxFactsFailure;

/*
 * All of it, in the current memory context. schema: where the extension is; reached: which catalogs are there to be read;
 * failures: a DcxFactsFailure for what is not in it, since this database is not in order.
 */
extern Jsonb *dcx_facts_gather(const char *schema, bool reached[DCX_CATALOGS], List **failures);

/*
 * The tables of the catalog, without what is of this moment. ZD007 where nothing is attached, ZD008
 * where it cannot be reached.
 */
extern Jsonb *dcx_facts_schema(DcxCatalogId id);

/* The relation that is attached for a part of a catalog; InvalidOid where there is none. */
extern Oid dcx_facts_relation(DcxCatalogId id, int part);

/* The rows of a part of a catalog as an array of objects; NULL where it is not attached. */
extern Jsonb *dcx_facts_rows(DcxCatalogId id, int part);

/* The newest saved book of a catalog, with costs; NULL where there is none. */
extern Jsonb *dcx_facts_book(DcxCatalogId id);

#endif /* DCX_FACTS_H */
