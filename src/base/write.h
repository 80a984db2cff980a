/*
 * write.h
 *		Writes rows of our own tables.
 *
 * A row is written without a statement where that is possible (direct.h), else by one, as the table's owner. The
 * caller sees no difference. It checks who the owner is, and that the table is as we made it, before (shape.h).
 *
 * Afterwards call CommandCounterIncrement() once, so that what comes next in the transaction sees the rows.
 */
#ifndef DCX_WRITE_H
#define DCX_WRITE_H

#include "datatype/timestamp.h"
#include "storage/itemptr.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "src/base/direct.h"
#include "src/base/query.h"
#include "src/base/tables.h"

/* A row to be written: values for some columns, by their numbers in tables.h. Only the table is set at first. */
typedef struct DcxRow
{
	DcxTableId table;
	bool	   set[DCX_TABLE_COLUMNS];
	bool	   nulls[DCX_TABLE_COLUMNS];
	Datum	   values[DCX_TABLE_COLUMNS];
} DcxRow;

/* Sets a column. The value is not copied. It is of the column's type; where it can be NULL, that is NULL. */
extern void dcx_row_text(DcxRow *row, int column, const char *value);
extern void dcx_row_numeric(DcxRow *row, int column, Numeric value);
extern void dcx_row_jsonb(DcxRow *row, int column, Jsonb *value);
extern void dcx_row_interval(DcxRow *row, int column, Interval *value);
extern void dcx_row_time(DcxRow *row, int column, TimestampTz value);
extern void dcx_row_int64(DcxRow *row, int column, int64 value);

/* The next number for a table's first column, as the column's default gives it. 55000 when it has none. */
extern int64 dcx_row_next_number(DcxTableId table, Oid owner);

/*
 * Inserts a row; columns that are not set become NULL. plan: where the statement is kept, if it takes one.
 * 55000 when a trigger of the owner suppresses the row.
 */
extern void dcx_row_insert(const DcxRow *row, Oid owner, DcxPlan *plan);

/*
 * Updates the version of a row that is in this place. Only columns that tables.c marks so can be set. False: it is not
 * the newest version any more, and nothing is written; 40001 under REPEATABLE READ and SERIALIZABLE. judge: which
 * triggers need not be fired (direct.h); always the same for a table.
 */
extern bool dcx_row_update(const DcxRow *row, Oid owner, const ItemPointerData *place,
						   DcxTriggerUse (*judge)(const Trigger *trigger), DcxPlan *plan);

#endif /* DCX_WRITE_H */
