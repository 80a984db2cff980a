/*
 * ahead.h
 *		Rows whose "updatedAt" lies in the future: a wrong clock has written them.
 */
#ifndef DCX_AHEAD_H
#define DCX_AHEAD_H

#include "utils/jsonb.h"

#include "src/catalog/catalog.h"

/*
 * The tables of this database and of the catalogs that have such rows, as an array of objects: "catalog" (null: a
 * table of this database), "relation", "subscribed" (a subscription fills the table), and "rows" with "count", "type"
 * of the column and "latest" (UTC). A partition has its root's name. reached: which catalogs answer.
 *
 * A table is read as its owner. It is left out if it is locked, cannot be read, or is large and has no index on the
 * column.
 */
extern Jsonb *dcx_ahead_rows(const bool reached[DCX_CATALOGS]);

#endif /* DCX_AHEAD_H */
