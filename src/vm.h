/*
 * vm.h
 *		What a VM costs, line by line.
 */
#ifndef DCX_VM_H
#define DCX_VM_H

#include "book.h"
#include "datatype/timestamp.h"
#include "quote.h"

/* The lines of a VM's quote: CPU, RAM, storage. */
#define DCX_VM_LINES 3

typedef struct DcxQuote
{
	DcxQuoteLine lines[DCX_VM_LINES];
	Numeric		 cost;	   /* their sum, not rounded */
	Oid			 relation; /* where the prices were read */
	TimestampTz	 read_at;  /* and when */
} DcxQuote;

/*
 * The quote of a VM from the book that answers under the active snapshot, all of it in the current
 * memory context. Errors as dcx_vm_cost().
 */
extern DcxQuote dcx_vm_quote(const text *cpu_type, Numeric cpus, Numeric ram_gb,
							 const text *storage_type, Numeric gb);

/* The same from a book; relation and read_at are not known then. */
extern DcxQuote dcx_vm_quote_from(DcxPriceBook *book, const text *cpu_type, Numeric cpus,
								  Numeric ram_gb, const text *storage_type, Numeric gb);

/*
 * What a VM costs without its storage, from a book. NULL where its size is not known or not sane,
 * with the reason. Numbers as they are found, NULL, NaN or infinite. A CPU type that cannot be
 * priced is an error, as of dcx_vm_cost().
 */
extern Numeric dcx_vm_compute_cost(DcxPriceBook *book, const text *cpu_type, Numeric cpus,
								   Numeric ram_gb, const char **reason);

#endif /* DCX_VM_H */
