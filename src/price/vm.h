/*
 * vm.h
 *		What a VM costs, line by line.
 */
#ifndef DCX_VM_H
#define DCX_VM_H

#include "src/book/book.h"
#include "src/price/quote.h"

/* The lines of a VM's quote: CPU, RAM, storage. */
#define DCX_VM_LINES 3

typedef struct DcxQuote
{
	DcxQuoteLine lines[DCX_VM_LINES];
	Numeric		 cost; /* their sum, not rounded */
} DcxQuote;

/*
 * The quote of a VM from a book, all of it in the current memory context. Errors as dcx_vm_cost().
 */
extern DcxQuote dcx_vm_quote_from(DcxPriceBook *book, const text *cpu_type, Numeric cpus,
								  Numeric ram_gb, const text *storage_type, Numeric gb);

/* Refuses (22023), as dcx_vm_cost() does, a VM whose size is not sane. */
extern void dcx_vm_check_size(Numeric cpus, Numeric ram_gb, Numeric gb);

/*
 * What is wrong with the size of a VM, in dcx_vm_cost()'s words; NULL when nothing is. Numbers as they
 * are found, NULL, NaN or infinite.
 */
extern const char *dcx_vm_size_fault(Numeric cpus, Numeric ram_gb, Numeric gb);

/* The line of a product and a quantity, likewise. Errors as dcx_product_cost(). */
extern DcxQuoteLine dcx_product_quote_from(DcxPriceBook *book, const text *code, Numeric quantity);

/*
 * What a VM costs without its storage, from a book. NULL where its size is not known or not sane,
 * with the reason. Numbers as they are found, NULL, NaN or infinite. A CPU type that cannot be
 * priced is an error, as of dcx_vm_cost().
 */
extern Numeric dcx_vm_compute_cost(DcxPriceBook *book, const text *cpu_type, Numeric cpus,
								   Numeric ram_gb, const char **reason);

#endif /* DCX_VM_H */
