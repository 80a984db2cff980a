/*
 * fresh.h
 *		A snapshot that is not older than what is read under it.
 *
 * A call reads under the snapshot of its statement, which was taken before the call locked anything. Another
 * transaction may have rewritten the relation since, whether we had to wait for it or not: TRUNCATE, an ALTER TABLE
 * that rewrites, partitions that were exchanged. The rows that our snapshot sees are gone then, and the new ones are
 * invisible to it: the relation looks empty, and the answer would be "there is no such product".
 *
 * So after the relations are locked and before they are read, it is checked whether the snapshot knows them as they
 * are. If not, READ COMMITTED reads under a new snapshot, as a plain SELECT would, which takes its snapshot after its
 * locks. REPEATABLE READ and SERIALIZABLE fail with 40001 if rows may have been lost.
 *
 * What tells: the row of pg_class, or of a view's rule, was written by a transaction that the snapshot does not see,
 * and there the snapshot sees other storage or none; or the snapshot sees other children in pg_inherits. Nothing is
 * noted anywhere, so nothing can be missed. Foreign tables answer by the rules of the other server.
 */
#ifndef DCX_FRESH_H
#define DCX_FRESH_H

#include "src/base/compat.h"

/*
 * Call it when the relations are locked. True: a new snapshot is the active one now. Their children are included, and
 * get locked. 40001 where no new snapshot can be taken. What is read in one piece goes between this and
 * dcx_fresh_end(); an error needs no clean-up.
 */
extern bool dcx_fresh_begin(const Oid *relations, int nrelations);
extern void dcx_fresh_end(bool begun);

/*
 * The same for a table of ours. One that was made since has no rows for the snapshot: nothing was attached then. One
 * that CLUSTER or VACUUM FULL has moved is read as the snapshot sees it, so that it agrees with SQL on the same table.
 */
extern bool dcx_fresh_begin_ours(Oid table);

/* For statements that take a new snapshot anyway: only the error of dcx_fresh_begin(). */
extern void dcx_fresh_check(const Oid *relations, int nrelations);

/*
 * Reads several things that have to be of one moment. If one of them was read under a new snapshot, read() is called
 * once more, with a new snapshot for everything. So it must be able to run twice.
 */
extern void dcx_fresh_do(void (*read)(void *argument), void *argument);

/* Raises 40001. The arguments name what was changed, and how, as in "wallets" and "attached". */
pg_noreturn extern void dcx_fresh_refuse(const char *what, const char *changed);

#endif /* DCX_FRESH_H */
