/*
 * order_items.h
 *		The items of an order: read from JSON, checked, and written as JSON.
 *
 * An order is an array of items. An item is one of four kinds, and the key that names its kind says which:
 *
 *	[{"vm": {"cpu_type": "2GHZ", "cpus": 4, "ram_gb": 8, "storage_type": "PREMIUM", "gb": 100}, "count": 3},
 *	 {"template": "Ubuntu Server 20.04", "cpu_type": "1GHZ", "storage_type": "STANDARD"},
 *	 {"network": {"service": "PV_FIBRE_BUSINESS", "mbps": 100}},
 *	 {"product": "BACKUP_GB", "quantity": 500}]
 *
 * No price and no catalog here: order.h prices the items.
 */
#ifndef DCX_ORDER_ITEMS_H
#define DCX_ORDER_ITEMS_H

#include "utils/jsonb.h"
#include "utils/numeric.h"

/* An order has at most this many items. */
#define DCX_ORDER_ITEMS_MAX 1000

typedef enum DcxItemKind
{
	DCX_ITEM_VM,
	DCX_ITEM_TEMPLATE,
	DCX_ITEM_NETWORK,
	DCX_ITEM_PRODUCT
} DcxItemKind;

/* One item. A field that the item's kind does not have is NULL. */
typedef struct DcxOrderItem
{
	DcxItemKind kind;
	text	   *name;		  /* of the template, the network service or the product */
	text	   *cpu_type;	  /* of a VM or a template */
	text	   *storage_type; /* of a VM or a template */
	Numeric		cpus;	/* size of a VM; of a template, set when the template has been found */
	Numeric		ram_gb; /* likewise */
	Numeric		gb;		/* likewise */
	Numeric		mbps;	/* bandwidth of a network service */
	Numeric		count;	/* how many of it; of a product, its quantity */
} DcxOrderItem;

typedef struct DcxOrder
{
	bool		 vm;	 /* made by dcx_order_of_vm(): errors do not number its one item */
	int			 nitems; /* 1 to DCX_ORDER_ITEMS_MAX */
	DcxOrderItem items[FLEXIBLE_ARRAY_MEMBER];
} DcxOrder;

/*
 * Reads an order, in the current memory context. Its numbers point into the jsonb, which has to live
 * as long. What is not an array of valid items is 22023; the message names the item by its number,
 * counted from 1, and the key.
 */
extern DcxOrder *dcx_order_read(Jsonb *items);

/*
 * An order of one VM, from the arguments of a function. They have to live as long as the order. A size
 * that dcx_vm_cost() refuses is the same error here.
 */
extern DcxOrder *dcx_order_of_vm(const text *cpu_type, Numeric cpus, Numeric ram_gb,
								 const text *storage_type, Numeric gb);

/*
 * The order as JSON, in the current memory context. Two orders have equal specifications if and only if
 * they are the same request, however they were written: keys in another order, 1.0 for 1, or a "count"
 * of 1 make no difference. Of dcx_order_of_vm() it is the VM alone.
 */
extern Jsonb *dcx_order_specification(const DcxOrder *order);

#endif /* DCX_ORDER_ITEMS_H */
