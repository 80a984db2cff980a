/*
 * priced.c
 *		Which relations a catalog's prices are read from, and under which snapshot.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "src/base/fresh.h"
#include "src/base/relation.h"
#include "src/catalog/catalog.h"
#include "src/catalog/priced.h"

/* Adds a binding's stamp to those of the others. They stay valid only if all are of one read. */
static void
combine_stamps(DcxStamp *all, const DcxStamp *stamp, bool first)
{
	if (first)
		*all = *stamp;
	else if (!dcx_stamp_same(all, stamp))
		all->valid = false;
}

static void
add_priced(DcxPriced *priced, int part, const DcxBinding *binding)
{
	priced->parts[priced->n] = part;
	priced->relations[priced->n++] = binding->relation;
}

DcxPriced
dcx_catalog_priced(DcxCatalogId id)
{
	const DcxCatalog *catalog = &dcx_catalogs[id];
	DcxPriced		  priced = {.id = id};
	int				  part;
	const DcxBinding *view = dcx_catalog_view(id, &part);

	/* The view counts even if none is attached: once one is, the answer is another. */
	if (view)
		combine_stamps(&priced.stamp, &view->stamp, true);
	if (view && view->attached)
	{
		add_priced(&priced, part, view);
		return priced;
	}
	for (part = 0; part < catalog->nparts; part++)
		if (catalog->parts[part].needed && !catalog->parts[part].view)
		{
			const DcxBinding *binding = dcx_catalog_bound(id, part);

			combine_stamps(&priced.stamp, &binding->stamp, !view && priced.n == 0);
			add_priced(&priced, part, binding);
		}
	return priced;
}

DcxPriced
dcx_catalog_part(DcxCatalogId id, int part)
{
	DcxPriced		  priced = {.id = id, .one = true};
	const DcxBinding *binding = dcx_catalog_bound(id, part);

	priced.stamp = binding->stamp;
	add_priced(&priced, part, binding);
	return priced;
}

DcxPriced
dcx_catalog_part_if_any(DcxCatalogId id, int part)
{
	DcxPriced		  priced = {.id = id, .one = true, .optional = true};
	const DcxBinding *binding = dcx_catalog_binding(id, part);

	priced.stamp = binding->stamp;
	priced.parts[0] = part;
	if (binding->attached)
		add_priced(&priced, part, binding);
	return priced;
}

bool
dcx_catalog_is_near(const DcxPriced *priced)
{
	for (int i = 0; i < priced->n; i++)
		if (!dcx_relation_is_near(priced->relations[i]))
			return false;
	return true;
}

/* What the same relations are under the active snapshot. */
static DcxPriced
look_again(const DcxPriced *priced)
{
	if (priced->optional)
		return dcx_catalog_part_if_any(priced->id, priced->parts[0]);
	return priced->one ? dcx_catalog_part(priced->id, priced->parts[0]) :
						 dcx_catalog_priced(priced->id);
}

static bool
is_same(const DcxPriced *a, const DcxPriced *b)
{
	return a->n == b->n && memcmp(a->relations, b->relations, sizeof(Oid) * a->n) == 0;
}

/* Locks the relations. Returns the number of one that has been dropped, or -1. */
static int
lock_relations(const DcxPriced *priced)
{
	for (int i = 0; i < priced->n; i++)
	{
		LockRelationOid(priced->relations[i], AccessShareLock);
		if (!OidIsValid(dcx_relation_owner(priced->relations[i])))
			return i;
	}
	return -1;
}

/*
 * One of the relations has been dropped: makes a new snapshot active, and looks what is attached then. That is an error
 * if nothing has been attached in their place; and 40001 if the transaction keeps its snapshot.
 */
static void
replace_dropped(DcxPriced *priced, int dropped)
{
	const DcxCatalog	 *catalog = &dcx_catalogs[priced->id];
	const DcxCatalogPart *part = &catalog->parts[priced->parts[dropped]];
	DcxPriced			  replaced;

	PushActiveSnapshot(IsolationUsesXactSnapshot() ? GetLatestSnapshot() :
													 GetTransactionSnapshot());
	replaced = look_again(priced);
	if (is_same(&replaced, priced))
	{
		if (!priced->optional)
			dcx_catalog_refuse_dropped(priced->id, priced->parts[dropped]);
		replaced.n = 0;
	}
	else if (IsolationUsesXactSnapshot() && replaced.n > 0)
		dcx_fresh_refuse(psprintf("Part \"%s\" of catalog \"%s\"", part->name, catalog->name),
						 "attached anew");
	*priced = replaced;
}

bool
dcx_catalog_settle(DcxPriced *priced)
{
	bool begun = false;

	for (;;)
	{
		int		  dropped = lock_relations(priced);
		DcxPriced before = *priced;

		if (dropped >= 0)
		{
			dcx_fresh_end(begun);
			replace_dropped(priced, dropped);
			begun = true;
		}
		else if (begun || !dcx_fresh_begin(priced->relations, priced->n))
			return begun;
		else
		{
			/* What was written anew may as well have been attached anew. */
			begun = true;
			*priced = look_again(&before);
			if (is_same(priced, &before))
				return true;
		}
	}
}

void
dcx_catalog_check_one_owner(DcxCatalogId id, Oid relation, Oid other)
{
	Oid owner = dcx_relation_owner(relation);
	Oid others = dcx_relation_owner(other);

	if (owner != others)
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("the tables of %s belong to several roles", dcx_catalogs[id].title),
				errdetail("%s belongs to role \"%s\", another one to role \"%s\". They are read "
						  "together, as their owner.",
						  dcx_relation_name(relation),
						  GetUserNameFromId(owner, false),
						  GetUserNameFromId(others, false)),
				errhint("ALTER TABLE ... OWNER TO makes them one role's."));
}

/* Whether what is read of a relation depends on nothing but its rows: as the text of an enum's label does. */
static bool
depends_on_rows(const DcxCatalogPart *part, Oid relation)
{
	for (int i = 0; i < part->ncolumns; i++)
	{
		AttrNumber attnum = get_attnum(relation, part->columns[i].name);

		if (attnum != InvalidAttrNumber &&
			(get_attgenerated(relation, attnum) == ATTRIBUTE_GENERATED_VIRTUAL ||
			 !(part->columns[i].number ?
				   dcx_relation_type_is_number(get_atttype(relation, attnum)) :
				   dcx_relation_type_is_plain(get_atttype(relation, attnum)))))
			return false;
	}
	return true;
}

void
dcx_catalog_source(const DcxPriced *priced, DcxSource *source, DcxStamp *stamp)
{
	bool plain = true;

	for (int i = 1; i < priced->n; i++)
		dcx_catalog_check_one_owner(priced->id, priced->relations[i], priced->relations[0]);
	*source = dcx_source_of(priced->relations, priced->n);
	*stamp = dcx_stamp_now(source);
	for (int i = 0; i < priced->n; i++)
		plain = plain && depends_on_rows(&dcx_catalogs[priced->id].parts[priced->parts[i]],
										 priced->relations[i]);
	if (plain)
		dcx_source_note(source);
}
