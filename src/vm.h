/*
 * vm.h
 *		What a VM costs, line by line.
 */
#ifndef DCX_VM_H
#define DCX_VM_H

#include "datatype/timestamp.h"
#include "utils/numeric.h"

typedef struct DcxQuoteLine
{
	char   *code;
	char   *title;
	Numeric quantity;
	Numeric unit_price;
	Numeric amount; /* exact: quantity x unit_price */
} DcxQuoteLine;

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

#endif /* DCX_VM_H */
