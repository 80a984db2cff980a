/*
 * lookup.h
 *		One row by an index, without SPI and the planner.
 *
 * What every call needs, such as which table is attached and how an account stands, is one row
 * of a table. A statement for it costs several times what the index scan in it does, and its plan
 * is made for the table's size at some earlier time.
 *
 * No rights are checked: that the table may be read, and its owner trusted, is the caller's
 * business.
 */
#ifndef DCX_LOOKUP_H
#define DCX_LOOKUP_H

#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

#include "src/base/shape.h"

/*
 * Reads the row of a table of ours whose primary key has these values: under the active snapshot, or
 * under a new one that sees our own changes so far. columns: their numbers, as in shape.h; their
 * values are copied into the current memory context. False where there is no such row. A table that
 * is not as we made it, or has a value that cannot be ours, is 55000: its owner, who may be an
 * ordinary role, can have altered it.
 */
extern bool dcx_lookup(DcxTableId id, Oid relation, const Datum *keys, bool latest, int ncolumns,
					   const int *columns, Datum *values, bool *nulls);

/*
 * One version of a row: every update makes another. Of our own transaction's the place and the
 * transaction are not enough: it can empty the table, or rewrite it, and put another there.
 */
typedef struct DcxRowVersion
{
	ItemPointerData place;
	TransactionId	made_by;
	CommandId		made_at; /* InvalidCommandId, unless made by our own transaction */
} DcxRowVersion;

/*
 * The same for the last row, in the order of the primary key, whose key begins with the value; and
 * which version of the row it is.
 */
extern bool dcx_lookup_last(DcxTableId id, Oid relation, Datum key, int ncolumns,
							const int *columns, Datum *values, bool *nulls, DcxRowVersion *version);

extern bool dcx_same_version(const DcxRowVersion *a, const DcxRowVersion *b);

/*
 * Gives take() the row whose column has the value (of the column's base type), under the active snapshot;
 * index: dcx_shape_index()'s answer about the column.
 * lock: as SELECT ... FOR NO KEY UPDATE does, under a new snapshot, the row then being the newest
 * version. False where that is not simply so: no row, or one that others changed meanwhile in a way
 * that a statement has to deal with.
 */
extern bool dcx_lookup_row(Oid table, Oid index, Datum value, bool lock,
						   void (*take)(Relation table, TupleTableSlot *row, void *argument),
						   void *argument);

#endif /* DCX_LOOKUP_H */
