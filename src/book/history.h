/*
 * history.h
 *		Saves the catalog's price book, and finds the one that was in force at a time.
 */
#ifndef DCX_HISTORY_H
#define DCX_HISTORY_H

#include "src/book/saved.h"
#include "src/catalog/catalog.h"

/*
 * Reads the catalog and saves its book. *saved becomes the newest saved book. Returns whether that is a new
 * row; false: the prices have not changed since the last time.
 *
 * attached: attach calls it, the catalog has just been attached, and no earlier read in this transaction
 * counts. Otherwise the transaction must be READ COMMITTED (0A000).
 *
 * Other errors as dcx_pricebook_live_rows() and dcx_saved_lock(). A catalog without a product is ZD008, and
 * saves nothing.
 */
extern bool dcx_history_save(DcxCatalogId id, DcxSaved *saved, bool attached);

#endif /* DCX_HISTORY_H */
