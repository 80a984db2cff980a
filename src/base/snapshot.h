/*
 * snapshot.h
 *		The exactness rule: may a value that was read earlier be used again instead of reading?
 *
 * The promise: a call answers as if it had just read the relation under its own statement's snapshot. A value
 * in backend memory may be used only where reading again would give the same value.
 *
 * How it is kept: whoever reads takes a stamp (DcxStamp) just before, which notes what the read can see, and
 * keeps it with the value. Before the value is used again, dcx_stamp_holds() compares the stamp with the active
 * snapshot. If it is another snapshot, dcx_stamp_renew() may still find that the tables have not been written. That
 * is all: no triggers and no flags; and no invalidation messages for rows, only for definitions, under a lock.
 *
 * The one case in which the statement's own snapshot does not do: others have rewritten the relation since, by TRUNCATE
 * for example, and the rows that the snapshot sees are gone. Then what is read is read under a newer snapshot, or the
 * call fails with 40001 (fresh.h). The stamp is of the snapshot that was read under. Calls of the same statement,
 * whose snapshot is still the old one, share what was read for the first of them (book/pricebook).
 *
 * The rule depends on what was read.
 *
 * TABLES (plain and partitioned tables, materialized views; all in heaps of their own). Both of these must be true:
 *
 *	1. The active snapshot sees the same transactions as the reading one: equal xmin, equal xmax, and the same
 *	   transactions in progress between them. Equal numbers of those are not enough: while another session
 *	   prepares its transaction, a snapshot can list that one twice, and so have the same number although
 *	   another transaction has just committed.
 *
 *	2. Our own transaction has not written the relation in between. (Only its own writes can still make a
 *	   difference.) Either of these proves it:
 *
 *	   (a) Nothing was written at all. It is the same transaction and the same command (curcid), and this
 *		   backend has written no WAL since, not even for the abort of a subtransaction. Counts only for
 *		   relations whose changes are all WAL-logged. The command counter alone would not do: a function that
 *		   an UPDATE calls for each row sees the rows changed so far, and sees more of them with every call,
 *		   under one command id.
 *
 *	   (b) This relation was not written. Our transaction holds no lock on it that a writer needs (ROW
 *		   EXCLUSIVE or stronger), neither then nor now; and it still consists of the same tables. If the read
 *		   was in an earlier transaction, two more things count: that transaction had no xid at the time, since
 *		   otherwise it may have written the relation after the read; and neither transaction is SERIALIZABLE,
 *		   since each of those must take its own predicate locks by reading.
 *
 * UNWRITTEN TABLES. Where that is not true, because somebody has committed something, the value may still be used if
 * no page of the tables was written since, and what is on them looks the same to both snapshots. The rule and its proof
 * are in pages.h. It needs tables whose changes are all WAL-logged, and a transaction that is not SERIALIZABLE and
 * holds no lock on them that a writer needs, neither then nor now.
 *
 * FOREIGN TABLES are read once per transaction: postgres_fdw reads under REPEATABLE READ, so the answer cannot
 * change within a transaction, and the first read is exact for all of it. They are read again only when our own
 * transaction may have written through them.
 *
 * VIEWS, and anything that mixes kinds, are read once per statement. A transaction that has written something
 * reads them at every use: what a view depends on is not known here. So are tables whose rows are not in their
 * own heap: those of Citus, and those of another table access method.
 */
#ifndef DCX_SNAPSHOT_H
#define DCX_SNAPSHOT_H

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
#include "utils/snapmgr.h"

#include "src/base/compat.h"

typedef enum DcxSourceKind
{
	DCX_SOURCE_TABLES, /* all are plain or partitioned tables, or materialized views, in own heaps */
	DCX_SOURCE_FOREIGN, /* all are foreign tables without inheritance */
	DCX_SOURCE_VIEW		/* views, and anything else */
} DcxSourceKind;

/* At most this many relations are read together. */
#define DCX_SOURCE_ROOTS 3

/* What one read reads: one relation or a few. Its OIDs and what the rule needs to know about them. */
typedef struct DcxSource
{
	DcxSourceKind kind;
	bool		  logged; /* all changes of the tables are WAL-logged */
	int			  nroots; /* how many relations are named in the read */
	Oid			  roots[DCX_SOURCE_ROOTS];
	int			  nrelations; /* those and all that inherit from them */
	Oid			 *relations;

	/* What dcx_source_note() noted of their pages; NULL: nothing. */
	struct DcxPages *pages;
} DcxSource;

/* What a read could see. All zero: nothing was read yet. */
typedef struct DcxStamp
{
	bool		  valid;		 /* false: never holds */
	bool		  suboverflowed; /* this and the next six: of the snapshot, see utils/snapshot.h */
	bool		  recovery;		 /* takenDuringRecovery */
	TransactionId xmin;
	TransactionId xmax;
	uint32		  xcnt;
	int32		  subxcnt;
	uint64		  running;			 /* hash of the transactions in progress */
	CommandId	  curcid;			 /* the command */
	LocalTransactionId lxid;		 /* the transaction that read */
	TimestampTz		   statement;	 /* start of the client's statement that read */
	XLogRecPtr		   written;		 /* this backend's last WAL record at the time */
	bool			   has_xid;		 /* the transaction had an xid: it had written something */
	bool			   write_locked; /* it held a lock on the source that a writer needs */
	bool			   serializable; /* it was SERIALIZABLE */
} DcxStamp;

/*
 * Describes relations as a source. The caller holds locks on them; what inherits from them is locked here. The
 * array of relations is allocated in the current memory context.
 */
extern DcxSource dcx_source_of(const Oid *roots, int nroots);

/* Takes the stamp of a read under a snapshot. Call it before reading, not after. */
extern DcxStamp dcx_stamp_under(Snapshot snapshot, const DcxSource *source);

/* The same for the active snapshot. */
extern DcxStamp dcx_stamp_now(const DcxSource *source);

/*
 * Notes the pages of a source that is about to be read under the active snapshot, if the rule for unwritten tables can
 * be used. In the current memory context.
 */
extern void dcx_source_note(DcxSource *source);

/*
 * The rule for unwritten tables: may what was read of a source that was noted, and whose stamp does not hold, be used
 * under the active snapshot? Then the stamp becomes one of now: as if it had just been read again. Locks the tables.
 */
extern bool dcx_stamp_renew(DcxStamp *stamp, const DcxSource *source);

/* The rule in full. Call dcx_stamp_holds(). */
extern bool dcx_stamp_holds_slow(const DcxStamp *stamp, const DcxSource *source);

/* A hash of the transactions that a snapshot sees in progress. Call dcx_snapshot_running(). */
extern uint64 dcx_snapshot_hash(Snapshot snapshot);

static inline uint64
dcx_snapshot_running(Snapshot snapshot)
{
	return likely(snapshot->xcnt == 0 && !snapshot->takenDuringRecovery) ?
			   0 :
			   dcx_snapshot_hash(snapshot);
}

/* Whether two snapshots of this transaction show the same: of others' transactions, and of what ours has written. */
extern bool dcx_snapshot_same(Snapshot a, Snapshot b);

/* Part 1 of the rule: does the active snapshot see the same transactions as the reading one? */
static inline bool
dcx_stamp_same_snapshot(const DcxStamp *stamp)
{
	Snapshot now = GetActiveSnapshot();

	return now->xmax == stamp->xmax && now->xmin == stamp->xmin && now->xcnt == stamp->xcnt &&
		   now->subxcnt == stamp->subxcnt && now->suboverflowed == stamp->suboverflowed &&
		   now->takenDuringRecovery == stamp->recovery &&
		   dcx_snapshot_running(now) == stamp->running;
}

/*
 * The usual case, inline: tables, and a transaction that has written nothing. True: what was read under the
 * stamp holds, whichever tables it was read from. False: not known, ask dcx_stamp_holds().
 */
static inline bool
dcx_stamp_holds_quick(const DcxStamp *stamp)
{
	return dcx_stamp_same_snapshot(stamp) && stamp->valid && !stamp->has_xid &&
		   (stamp->lxid == DCX_MY_LXID || (!stamp->serializable && !IsolationIsSerializable())) &&
		   !TransactionIdIsValid(GetTopTransactionIdIfAny());
}

/* The question: may what was read under the stamp be used instead of reading under the active snapshot? */
static inline bool
dcx_stamp_holds(const DcxStamp *stamp, const DcxSource *source)
{
	if (source->kind == DCX_SOURCE_TABLES && dcx_stamp_holds_quick(stamp))
		return true;
	return stamp->valid && dcx_stamp_holds_slow(stamp, source);
}

/* Whether two stamps are such that dcx_stamp_holds_quick() always says the same about both. */
extern bool dcx_stamp_same(const DcxStamp *a, const DcxStamp *b);

#endif /* DCX_SNAPSHOT_H */
