/*
 * vm.h
 *		What a VM costs, line by line; and what a product costs.
 *
 * A VM costs price(CPU_<cpu_type>) x cpus + price(RAM_GB) x ram_gb + price(STORAGE_<storage_type>) x gb.
 * Nothing here is rounded.
 */
#ifndef DCX_VM_H
#define DCX_VM_H

#include "src/base/float8.h"
#include "src/book/book.h"
#include "src/price/quote.h"

/* The lines of a VM's quote: CPU, RAM, storage. */
#define DCX_VM_LINES 3

/* The numbers among the arguments (cpu_type, cpus, ram_gb, storage_type, gb), for dcx_float8_call(). */
#define DCX_VM_NUMBERS (DCX_ARGUMENT(1) | DCX_ARGUMENT(2) | DCX_ARGUMENT(4))

typedef struct DcxQuote
{
	DcxQuoteLine lines[DCX_VM_LINES];
	Numeric		 cost; /* the sum of the lines, not rounded */
} DcxQuote;

/*
 * The quote of a VM from a book, copied into the current memory context. Errors: 22023 for a size that
 * makes no sense, ZD002 for an unknown CPU or storage type, ZD003 for a price that cannot be used.
 */
extern DcxQuote dcx_vm_quote_from(DcxPriceBook *book, const text *cpu_type, Numeric cpus,
								  Numeric ram_gb, const text *storage_type, Numeric gb);

/* Refuses (22023) a size that makes no sense, before anything is looked up. */
extern void dcx_vm_check_size(Numeric cpus, Numeric ram_gb, Numeric gb);

/*
 * The same for a size that was found in a table, where a number may be NULL, NaN or infinite: returns
 * what is wrong with it, or NULL, and raises nothing.
 */
extern const char *dcx_vm_size_fault(Numeric cpus, Numeric ram_gb, Numeric gb);

/*
 * The line of a product and a quantity, copied into the current memory context. Errors: 22023 for a
 * negative quantity, ZD002 for an unknown code, ZD003 for a price that cannot be used.
 */
extern DcxQuoteLine dcx_product_quote_from(DcxPriceBook *book, const text *code, Numeric quantity);

/*
 * What CPU and RAM of a VM cost, from a book. A size that is missing or makes no sense gives NULL, and
 * *reason says why; otherwise *reason is NULL. Errors about the CPU type as dcx_vm_quote_from().
 */
extern Numeric dcx_vm_compute_cost(DcxPriceBook *book, const text *cpu_type, Numeric cpus,
								   Numeric ram_gb, const char **reason);

#endif /* DCX_VM_H */
