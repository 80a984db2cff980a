/*
 * pages.h
 *		The page check: has a table been written since it was read?
 *
 * Any commit in the cluster changes the snapshots, whatever it wrote. The page check lets a value that was read from
 * plain tables answer under other snapshots too, as long as no page of these tables was written. Its cost does not
 * depend on the number of rows.
 *
 * R is the snapshot that read, N the active one now. N can be the older one: a cursor's. Before the read, the tables
 * are locked and noted: dcx_pages_note(). Later, dcx_pages_unwritten() locks them again and compares. If it finds no
 * difference, reading under N would give what the read under R gave.
 *
 * Why that is so
 *
 *	1. Nothing was written that N could see. Every change of a row is WAL-logged, and moves the LSN of its page under
 *	   the page's exclusive lock. If N sees a change, its transaction had committed before N was taken, so the page
 *	   had its new LSN by then, and we look after that. A change that is still under way may be missed: N does not see
 *	   it. The note is made before the read, so a write between the two is found as well.
 *
 *	   Of a page whose all-visible bit was set at the note and is set now, while the LSN of the visibility map's page
 *	   is the same, no row was written: whoever inserts, updates or deletes a row clears the bit, and whoever sets a
 *	   bit moves the LSN of the map's page. Bits and LSN are looked at under one lock of that page: otherwise the old
 *	   LSN could be combined with a new bit. A row lock leaves the bit alone, and changes nothing that is visible.
 *
 *	   Each page is compared, not the newest LSN of all: a page that is truncated away and comes back is another page.
 *	   The number of pages must be the same, too, and so must the file.
 *
 *	   Hints move no LSN without checksums: they only repeat what pg_xact says, and no value depends on them. With
 *	   checksums they can move it, as pruning and freezing always do. Then the table is read once more for nothing.
 *
 *	2. R and N take the same rows for visible. Rows can be written before the note by a transaction that ends after
 *	   it, and does not touch them again. So all transactions that made, deleted or updated a row on a page (xmin and
 *	   the updater in xmax, also in a multixact; line pointers that no index knows included) are noted. One that is
 *	   older than the xmin of R is settled: R does not see it in progress, and it is enough that it is older than the
 *	   xmin of N. Of the others, of which there may only be a few, it is noted whether R sees them in progress; N has
 *	   to see the same. So a transaction that stays open for hours does not make everybody read again: it keeps xmin
 *	   back, but changes no answer. Subtransactions, prepared transactions and speculative insertions are no special
 *	   cases here. No xid wraps around on a page: freezing it writes the page. On an all-visible page every row is
 *	   visible to every snapshot that is in use.
 *
 *	   What our own transaction has written is visible by command: then nothing is noted.
 *
 *	3. The table means the same. The transaction that wrote its row in pg_class counts as in 2, so that N knows the
 *	   table as it is (fresh.h); and no change of its definition may have been announced since: a column added with a
 *	   default, a type or a collation changed, a partition or child attached, rights or owner changed. Those come as
 *	   invalidation messages, which are as good as the lock here, and only here: taking the lock receives all that was
 *	   sent before, and what changes a table's values without writing it needs a lock that conflicts with ours. Values
 *	   whose text depends on anything else (enum labels, time zones) are the caller's to exclude.
 *
 *	   A table that was detached from a parent leaves no trace in the parent's row, and a snapshot from before would
 *	   find rows missing. So with parents and children N must be newer than R, and R as new as what it read.
 *
 * TOAST: a value that is stored apart never changes; its row is written anew with another one.
 *
 * Where it cannot be used: temporary and unlogged tables, and those whose WAL is skipped because our transaction has
 * made them; another access method, and Citus; during recovery, whose snapshots are other ones; where
 * old_snapshot_threshold lets rows vanish that R sees (16 and earlier). And for SERIALIZABLE transactions: they need
 * their predicate locks. Where our own transaction may have written the table, the other rule decides (snapshot.h).
 *
 * Bounds: pages whose bit is not set are looked at one by one. Beyond DCX_PAGES_CHECKED of them nothing is noted.
 */
#ifndef DCX_PAGES_H
#define DCX_PAGES_H

#include "utils/snapshot.h"

#include "src/base/compat.h"

/* At most this many pages are looked at in one check. Reading the table would read these, and more. */
#define DCX_PAGES_CHECKED 512

/* At most this many transactions are compared that were not settled when the table was read. */
#define DCX_PAGES_XIDS 64

typedef struct DcxPages DcxPages;

/*
 * Notes relations that are about to be read under a snapshot, the active one. They are locked, plain or partitioned
 * tables or materialized views; all that inherit from them are among them. In the current memory context. NULL: it
 * cannot be used for them.
 */
extern DcxPages *dcx_pages_note(const Oid *relations, int nrelations, Snapshot snapshot);

/*
 * Whether reading the same relations under another snapshot, the active one, would give the same rows. They get
 * locked. That they still are all that inherit from one another is the caller's to check.
 */
extern bool dcx_pages_unwritten(const DcxPages *pages, const Oid *relations, int nrelations,
								Snapshot snapshot);

#endif /* DCX_PAGES_H */
