/*
 * facts.h
 *		What the checks look at, as one jsonb: what is attached, what the other servers say, what is here.
 *
 *		{"library": ...,
 *		 "schema": where the extension is,
 *		 "tables": {"version": n, "lacks": [{"table", "column", "since", "may_add", "catalog"}]},
 *		 "bindings": [{"catalog", "part", "relation", "oid", "kind", "columns", "owner", "seen", ...}],
 *		 "needs": {catalog: {part: {"columns": {name: {"number", "needed"}}}}},
 *		 "catalogs": {catalog: null, or {"title", "items", "part", "server", "owner", "schema", "reached",
 *						"error", "latency_ms", "is": {...}}; for a view "behind": its server that cannot be
 *						reached},
 *		 "books": {catalog: null, or {"book_id", "first_seen_at", "last_seen_at", "products"}},
 *		 "local": {...}, "wallet": null, or {"doubles": [...], "expired": n, ...}}
 *
 * A fact that could not be read has no key; null means that nothing is attached. "is" is the catalog's
 * identity (identity.h), "local" is this database's: who it is, the role, and the tables of the schema (here:
 * of all schemas) with columns, keys and triggers.
 */
#ifndef DCX_FACTS_H
#define DCX_FACTS_H

#include "nodes/pg_list.h"
#include "utils/elog.h"
#include "utils/jsonb.h"

#include "src/catalog/catalog.h"

/* A fact that could not be read, and the area of the checks that it belongs to. */
typedef struct DcxFactsFailure
{
	const char *area;
	ErrorData  *error;
} DcxFactsFailure;

/*
 * Reads all facts, in the current memory context. schema: where the extension is. reached: which catalogs
 * are attached and can be read. failures: a DcxFactsFailure for each fact that could not be read, since
 * something in this database is not in order.
 */
extern Jsonb *dcx_facts_gather(const char *schema, bool reached[DCX_CATALOGS], List **failures);

/*
 * The tables of a catalog with columns and keys; without rights and triggers, which belong to a role and a
 * moment. ZD007 when nothing is attached, ZD008 when the catalog cannot be reached.
 */
extern Jsonb *dcx_facts_schema(DcxCatalogId id);

/* The relation that is attached for a part of a catalog; InvalidOid when there is none. */
extern Oid dcx_facts_relation(DcxCatalogId id, int part);

/* The rows of a part of a catalog as an array of objects; NULL when it is not attached. */
extern Jsonb *dcx_facts_rows(DcxCatalogId id, int part);

/* The newest saved book of a catalog, with costs; NULL when there is none. */
extern Jsonb *dcx_facts_book(DcxCatalogId id);

#endif /* DCX_FACTS_H */
