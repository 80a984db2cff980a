/*
 * direct.h
 *		Writes one row without a statement, where nobody could notice the difference.
 *
 * A statement for one row costs several times what the row itself costs. But a statement also does what the table's
 * owner has asked for: triggers, rules, constraints, defaults, generated columns. So a table is looked at first. If
 * there is anything that a statement would do and that is not done here, the answer is "not possible", and the caller
 * runs the statement.
 *
 * What is done here is what the executor does for a plain row: it writes the row and its index entries, checks
 * uniqueness and the replica identity, and reports conflicts. Only extensions that watch statements see a difference,
 * such as pg_stat_statements and pgaudit.
 *
 * No function of a user runs here, so the current user does not matter: the owner's rights are checked.
 */
#ifndef DCX_DIRECT_H
#define DCX_DIRECT_H

#include "executor/tuptable.h"
#include "nodes/nodes.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"
#include "utils/reltrigger.h"

#include "src/base/compat.h"
#include "src/base/known.h"

/* What a trigger, which a statement would fire, means for writing without one. */
typedef enum DcxTriggerUse
{
	DCX_TRIGGER_STOPS,	  /* only a statement will do */
	DCX_TRIGGER_REPLACED, /* the caller does what it does, or it would do nothing */
	DCX_TRIGGER_CALLED	  /* it is called here: a BEFORE UPDATE row trigger in C, of ours */
} DcxTriggerUse;

/*
 * How a table is written. A static variable of the caller, who sets event and judge; the others are the kept verdict.
 * A caller that writes several columns always writes the same.
 */
typedef struct DcxDirect
{
	DcxKnown known;									/* of the table */
	Oid		 relation;								/* the table */
	CmdType	 event;									/* CMD_INSERT or CMD_UPDATE */
	DcxTriggerUse (*judge)(const Trigger *trigger); /* NULL: every trigger stops */
	AttrNumber first;								/* of the columns that the verdict is about */
	bool	   possible;
	bool
		has_references; /* there are foreign keys: a statement checks those of a row that we have inserted */
	int nreplaced; /* how many triggers are replaced */
	int ncalled;   /* how many are called */
} DcxDirect;

/*
 * Whether rows can be written so; the table is locked ROW EXCLUSIVE. columns: which ones are set. For an insert the
 * others become NULL, so none of them may have a default.
 */
extern bool dcx_direct_is_possible(DcxDirect *direct, Relation table, int ncolumns,
								   const AttrNumber *columns);

/* Inserts a row, after dcx_direct_is_possible(). 23505 where a unique index has its key. */
extern void dcx_direct_insert(Relation table, int ncolumns, const AttrNumber *columns,
							  const Datum *values, const bool *nulls);

typedef enum DcxDirectResult
{
	DCX_DIRECT_WRITTEN,
	DCX_DIRECT_CHANGED, /* that version of the row is not the newest any more; nothing is written */
	DCX_DIRECT_NOT		/* this row needs a statement; nothing is written */
} DcxDirectResult;

/*
 * Updates the version of a row that is in this place, after dcx_direct_is_possible(). Waits for others who are
 * changing it. 40001 where they did, under REPEATABLE READ and SERIALIZABLE; 55000 where the replica identity does not
 * allow it.
 */
extern DcxDirectResult dcx_direct_update(DcxDirect *direct, Relation table,
										 const ItemPointerData *place, int ncolumns,
										 const AttrNumber *columns, const Datum *values,
										 const bool *nulls);

#endif /* DCX_DIRECT_H */
