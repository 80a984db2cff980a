/*
 * lookup.h
 *		Reads one row by an index, without SPI and the planner.
 *
 * Nearly every call needs a row or two of ours: which table is attached, how an account stands. A statement for that
 * costs several times what its index scan costs, and its plan depends on how large the table was at some time.
 *
 * Nothing here checks rights: the caller makes sure that the table may be read, and that its owner is trusted.
 */
#ifndef DCX_LOOKUP_H
#define DCX_LOOKUP_H

#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "utils/relcache.h"

#include "src/base/shape.h"

/*
 * Reads the row of a table of ours whose primary key has these values. False when there is none.
 *
 * latest: under a new snapshot, which also sees what our own transaction has done so far; otherwise under the active
 * snapshot. columns: which columns are read, by their numbers in tables.h. Their values are copied into the current
 * memory context. place: where this version of the row is; or NULL. With latest and place the table
 * is locked ROW EXCLUSIVE, since the row is about to be written.
 *
 * 55000 when the table is not as we made it, or has a value that we cannot have written: its owner, who may be an
 * ordinary role, can have changed it.
 */
extern bool dcx_lookup(DcxTableId id, Oid relation, const Datum *keys, bool latest, int ncolumns,
					   const int *columns, Datum *values, bool *nulls, ItemPointer place);

/*
 * Identifies a version of a row; every update makes another version. Place and transaction identify a version that
 * another transaction made. Our own transaction can truncate or rewrite the table and put another version into the
 * same place, so the command counts as well.
 */
typedef struct DcxRowVersion
{
	ItemPointerData place;
	TransactionId	made_by;
	CommandId		made_at; /* InvalidCommandId, unless our own transaction made it */
} DcxRowVersion;

/*
 * Reads the last row, in the order of the primary key, among those whose first key column has this value; under the
 * active snapshot. *version: which version of the row it is. Otherwise as dcx_lookup().
 */
extern bool dcx_lookup_last(DcxTableId id, Oid relation, Datum key, int ncolumns,
							const int *columns, Datum *values, bool *nulls, DcxRowVersion *version);

extern bool dcx_same_version(const DcxRowVersion *a, const DcxRowVersion *b);

/*
 * Finds the row of a table whose column has this value, and calls take() with it. index: dcx_shape_index()'s answer
 * about that column. value: of the column's base type.
 *
 * Without lock: under the active snapshot. With lock: under a new snapshot, and the row is locked as by SELECT ...
 * FOR NO KEY UPDATE, so take() gets its newest version.
 *
 * False, and take() is not called, when there is no such row, or others have changed it in a way that only a
 * statement can deal with: then run a statement.
 */
extern bool dcx_lookup_row(Oid table, Oid index, Datum value, bool lock,
						   void (*take)(Relation table, TupleTableSlot *row, void *argument),
						   void *argument);

#endif /* DCX_LOOKUP_H */
