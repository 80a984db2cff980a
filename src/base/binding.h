/*
 * binding.h
 *		Which relation stands for what: the rows of dcx.binding.
 *
 * Attach writes them; catalog and wallet read them. The table belongs to whoever attached first,
 * is kept by pg_dump and survives DROP EXTENSION. What was read of it is remembered under the
 * exactness rule, as everything else.
 */
#ifndef DCX_BINDING_H
#define DCX_BINDING_H

#include "nodes/pg_list.h"

#include "src/base/snapshot.h"

#define DCX_BINDING_COLUMNS 2

/*
 * One binding, static in the room that uses it, which sets the first two fields. The others are
 * dcx_binding_get()'s; they are plain values and hold until its next call.
 */
typedef struct DcxBinding
{
	const char *catalog;
	const char *part;
	bool		attached;
	Oid			relation;					  /* may be gone meanwhile */
	NameData	columns[DCX_BINDING_COLUMNS]; /* the names the relation has for what we call ... */
	DcxStamp	stamp;						  /* the read of dcx.binding behind all this */
	DcxSource	source;
	Oid			table;
} DcxBinding;

/* Reads the row anew, as the owner of dcx.binding. Call dcx_binding_get(). */
extern void dcx_binding_read(DcxBinding *binding);

/* Brings the binding up to date with the active snapshot. */
static inline void
dcx_binding_get(DcxBinding *binding)
{
	if (unlikely(!dcx_stamp_holds(&binding->stamp, &binding->source)))
		dcx_binding_read(binding);
}

/* dcx.binding, or InvalidOid. */
extern Oid dcx_binding_table(void);

/*
 * Refuses dcx.binding itself, before a row of it is read: 42501 where its owner may attach nothing
 * at all, 55000 where it is not as we made it. catalog: the one that is asked for.
 */
extern void dcx_binding_check_table(const char *catalog, Oid table);

/*
 * Refuses (42501) a table in schema dcx that nobody was entitled to write. Whoever may create a
 * schema could make one called dcx, and bind what is another's: so the table's owner must be a
 * superuser, or may attach the catalog and act as the owner of the relation. InvalidOid: none is
 * read on account of the table.
 */
extern void dcx_binding_check_entitled(const char *catalog, Oid relation, Oid owner,
									   const char *table);

/*
 * Inside a run, as the caller, before attaching: brings dcx.binding along, where it is there. 42501
 * where it belongs to neither the caller nor a superuser, 55000 where a later library has attached
 * something.
 */
extern void dcx_binding_prepare(void);

/*
 * Inside a run, as the caller: writes a binding, with the version of our tables that attach
 * leaves behind, after making dcx.binding where it is missing.
 * columns: names of columns, or NIL. made: what attach made of it, as dcx.binding.made. seen: who was
 * attached to whom, as JSON, or NULL.
 */
extern void dcx_binding_put(const char *catalog, const char *part, Oid relation, List *columns,
							List *made, const char *seen);

/*
 * Inside a run, as the caller: removes a binding, where there is one. What stands for a part of
 * another catalog has no part in the one that is attached now.
 */
extern void dcx_binding_forget(const char *catalog, const char *part);

/*
 * Inside a run, as the caller: removes the bindings of a catalog. Returns them as a list of
 * DcxBound, the one with what was made for all of them last; NIL when nothing was attached.
 */
typedef struct DcxBound
{
	Oid	  relation;
	List *made; /* of C strings */
} DcxBound;
extern List *dcx_binding_remove(const char *catalog);

#endif /* DCX_BINDING_H */
