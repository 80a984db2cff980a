/*
 * services.h
 *		The network services of E-Networks as rows.
 */
#ifndef DCX_SERVICES_H
#define DCX_SERVICES_H

#include "src/book/book.h"
#include "src/catalog/priced.h"

/*
 * All network services with their bands. Arguments and errors as dcx_products_rows(). A view that stands for
 * the tables has no ids: its rows with the same code, title, provider and state are one service.
 */
extern DcxProductRow *dcx_services_rows(const DcxPriced *priced, bool full, int *nrows,
										DcxSource *source, DcxStamp *stamp);

#endif /* DCX_SERVICES_H */
