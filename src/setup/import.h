/*
 * import.h
 *		Makes foreign tables of the tables that another server has.
 */
#ifndef DCX_IMPORT_H
#define DCX_IMPORT_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "src/catalog/catalog.h"
#include "src/remote/foreign.h"

/* What is imported from where. */
typedef struct DcxImport
{
	const DcxCatalog *catalog;
	const char		 *server;
	const char		 *database;		 /* there */
	const char		 *remote_schema; /* there */
	List			 *tables;		 /* in that schema: DcxRemoteTable */
	const char		 *schema;		 /* here */
} DcxImport;

/* The remote table with a name; NULL where there is none. */
extern const DcxRemoteTable *dcx_import_find(const DcxImport *import, const char *name);

/*
 * Says that the database is not the catalog (42P01): it lacks a table that pricing needs. expected: the
 * names of the tables that it would have.
 */
pg_noreturn extern void dcx_import_refuse(const DcxImport *import, List *expected);

/*
 * Inside a run, as the caller: makes the foreign table of a remote table, or adds what the one that is
 * there lacks, and returns it. made: whether it was made; note: what there is to say of it. A remote
 * table without a column that the part needs is 42703; a relation of that name here that is no foreign
 * table of the server is 42P07.
 */
extern Oid dcx_import_table(const DcxImport *import, const DcxCatalogPart *part,
							const DcxRemoteTable *remote, bool *made, StringInfo note);

#endif /* DCX_IMPORT_H */
