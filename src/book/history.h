/*
 * history.h
 *		Saves the catalog's price book, and gives the one that was in force at a time.
 */
#ifndef DCX_HISTORY_H
#define DCX_HISTORY_H

#include "src/book/saved.h"
#include "src/catalog/catalog.h"

/*
 * Sees the catalog and saves its book. saved becomes the newest saved
 * book; the result is whether it is a new one. attached: the catalog has just taken another's place,
 * so that nothing which was seen before counts; else under READ COMMITTED only (0A000). Errors as
 * dcx_pricebook_get() has them; a catalog without a product is one, and saves nothing.
 */
extern bool dcx_history_save(DcxCatalogId id, DcxSaved *saved, bool attached);

#endif /* DCX_HISTORY_H */
