/*
 * binding.h
 *		Which relation stands for what: the rows of dcx.binding.
 *
 * Attach writes the rows; catalog and wallet read them. The table belongs to the role that attached first, is dumped
 * by pg_dump and survives DROP EXTENSION. What was read of it is kept in memory under the exactness rule.
 *
 * Trust: anybody who may create a schema can create one called dcx, with a table of this name in it. So every row is
 * believed only as far as the table's owner may be: dcx_binding_check_entitled().
 */
#ifndef DCX_BINDING_H
#define DCX_BINDING_H

#include "nodes/pg_list.h"

#include "src/base/snapshot.h"

/* A binding names at most this many columns. */
#define DCX_BINDING_COLUMNS 2

/*
 * One binding. The module that uses it keeps it in a static variable and sets the first two fields. The others are
 * dcx_binding_get()'s: plain values, which hold until its next call.
 */
typedef struct DcxBinding
{
	const char *catalog;  /* 'aas', 'enetworks' or 'wallet' */
	const char *part;	  /* which of the catalog's relations */
	bool		attached; /* false: the fields below mean nothing */
	Oid			relation; /* may have been dropped since */
	int			encoding; /* of the other server's database, as attach saw it; -1: not known */
	NameData	columns
		[DCX_BINDING_COLUMNS]; /* what the relation's columns are called; "" where it is not said */
	DcxStamp  stamp;		   /* what the read of dcx.binding could see */
	DcxSource source;		   /* dcx.binding, for the exactness rule */
	Oid		  table;		   /* likewise: its OID */
	uint64	  look;			   /* the look at dcx.binding that it is of; 0: of none */
} DcxBinding;

/* dcx_binding_get() calls it when the row has to be read again. Call that instead. */
extern void dcx_binding_read(DcxBinding *binding);

/*
 * Makes *binding what it is under the active snapshot. Errors as the two checks below, and 55000 when a later version
 * of the library has attached it.
 */
static inline void
dcx_binding_get(DcxBinding *binding)
{
	if (unlikely(!dcx_stamp_holds(&binding->stamp, &binding->source)))
		dcx_binding_read(binding);
}

/* The OID of dcx.binding; InvalidOid when there is none. */
extern Oid dcx_binding_table(void);

/*
 * Checks dcx.binding itself, before a row of it is read: 42501 when its owner may not attach anything, 55000 when it
 * is not as we made it. catalog: the one that is asked for.
 */
extern void dcx_binding_check_table(const char *catalog, Oid table);

/*
 * Refuses (42501) a table in schema dcx (table: its name, owner: its owner) whose owner was not entitled to write what
 * is in it. The owner must be a superuser; or a role that may attach this catalog, and that may act as the owner of the
 * relation that a row names. relation is InvalidOid when the table names none.
 */
extern void dcx_binding_check_entitled(const char *catalog, Oid relation, Oid owner,
									   const char *table);

/*
 * For hints: where the relation of a binding was when it was attached, even if it has been dropped since. The schema is
 * called as it is called now, where it is still there. False: it is not known.
 */
extern bool dcx_binding_place(const char *catalog, const char *part, char **schema, char **name);

/*
 * Before attaching, inside a run as the caller: adds columns that dcx.binding lacks, if there is such a table. 42501
 * when it belongs to neither the caller nor a superuser; 55000 when a later version of the library has attached
 * something.
 */
extern void dcx_binding_prepare(void);

/*
 * Inside a run as the caller: writes a binding and the version of our tables. Makes dcx.binding if it is missing.
 *
 * columns: names of columns, or NIL. made: what attach created for it, to be dropped by detach (dcx.binding.made).
 * seen: which database attached which, as JSON; or NULL. If attach created something for the relation that was bound
 * before, "seen" keeps that for detach.
 */
extern void dcx_binding_put(const char *catalog, const char *part, Oid relation, List *columns,
							List *made, const char *seen);

/*
 * Inside a run as the caller: removes a binding, if there is one. Attach calls it for parts that the newly attached
 * catalog does not have.
 */
extern void dcx_binding_forget(const char *catalog, const char *part);

/* A binding that was removed. */
typedef struct DcxBound
{
	Oid	  relation;
	List *made;	   /* of C strings: what attach had created */
	bool  earlier; /* it was replaced by another relation since */
	Oid server; /* for when the relation is gone: its server, if that is still there; or InvalidOid */
	Oid schema; /* likewise: its schema */
} DcxBound;

/*
 * Inside a run as the caller: removes all bindings of a catalog. Returns them as a list of DcxBound; those that also
 * have what was created for others of them, such as the server, come last. NIL when nothing was attached.
 */
extern List *dcx_binding_remove(const char *catalog);

/*
 * Inside a run as the caller: notes what attach had created, and another catalog uses, in a binding of that catalog:
 * one whose relation is of this server or in this schema.
 */
extern void dcx_binding_hand_on(const char *what, Oid server, Oid schema);

#endif /* DCX_BINDING_H */
