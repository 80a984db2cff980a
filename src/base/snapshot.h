/*
 * snapshot.h
 *		The exactness rule: may a value that was read earlier stand for a read now?
 *
 * Something read from a relation is remembered together with a stamp: what the reading snapshot
 * could see. dcx_stamp_holds() says whether reading again, under the active snapshot, would give
 * the same answer. There are no triggers, no invalidation messages and no flags behind it. The
 * rule, for tables:
 *
 * The active snapshot must see the same transactions: equal xmin, xmax, and the same ones in
 * progress between them. Equal counts would not do: while another session prepares its transaction
 * a snapshot can list that one twice, in the place of one that has just committed. Beyond that only
 * writes of our own can make a difference, and either
 *
 *	(a) nothing was written: same transaction, same command, and this backend has written no WAL
 *		since, not even the abort of a subtransaction. Only for relations whose changes are
 *		WAL-logged; or
 *	(b) the relation was not written by us: our transaction holds no lock on it that a writer needs,
 *		neither then nor now, it still consists of the same tables, and both are one transaction;
 *		or, of two transactions, the reading one had no xid (else it may have written later on) and
 *		neither is SERIALIZABLE (each has to take its own predicate locks).
 *
 * The command counter alone would not do: a function called in the middle of an UPDATE sees the
 * rows already changed, and later calls of it see more of them under the same command id.
 *
 * A foreign table is read once per transaction: postgres_fdw reads under REPEATABLE READ. Reads
 * again where our own transaction writes through it. A view, or anything that mixes the kinds, is
 * read once per statement, and at every use in a transaction that has written.
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
	DCX_SOURCE_TABLES,	/* plain and partitioned tables, materialized views */
	DCX_SOURCE_FOREIGN, /* foreign tables */
	DCX_SOURCE_VIEW		/* anything else */
} DcxSourceKind;

#define DCX_SOURCE_ROOTS 3

/* What is read together, a relation or a few, as far as the rule wants to know. */
typedef struct DcxSource
{
	DcxSourceKind kind;
	bool		  logged; /* all changes of it are in the WAL */
	int			  nroots; /* the relations themselves */
	Oid			  roots[DCX_SOURCE_ROOTS];
	int			  nrelations; /* they and all that inherit from them */
	Oid			 *relations;
} DcxSource;

/* What a read could see. All zero: never read. */
typedef struct DcxStamp
{
	bool			   valid;
	bool			   suboverflowed; /* the snapshot, see utils/snapshot.h */
	bool			   recovery;
	TransactionId	   xmin;
	TransactionId	   xmax;
	uint32			   xcnt;
	int32			   subxcnt;
	uint64			   running; /* hash of the transactions in progress */
	CommandId		   curcid;
	LocalTransactionId lxid;		 /* the transaction that read */
	TimestampTz		   statement;	 /* start of the client's statement that read */
	XLogRecPtr		   written;		 /* this backend's last WAL record at the time */
	bool			   has_xid;		 /* the transaction had written something */
	bool			   write_locked; /* and perhaps this very relation */
	bool			   serializable;
} DcxStamp;

/*
 * Describes relations, of which the caller holds locks. The array is allocated in the current memory
 * context.
 */
extern DcxSource dcx_source_of(const Oid *roots, int nroots);

/* The stamp of a read of the source that is about to happen under the active snapshot. */
extern DcxStamp dcx_stamp_now(const DcxSource *source);

/* The rule in full; call dcx_stamp_holds(). */
extern bool dcx_stamp_holds_slow(const DcxStamp *stamp, const DcxSource *source);

/* The hash of a snapshot's transactions in progress; call dcx_snapshot_running(). */
extern uint64 dcx_snapshot_hash(Snapshot snapshot);

static inline uint64
dcx_snapshot_running(Snapshot snapshot)
{
	return likely(snapshot->xcnt == 0 && !snapshot->takenDuringRecovery) ?
			   0 :
			   dcx_snapshot_hash(snapshot);
}

/* Does the active snapshot see the same transactions as the one that read? */
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
 * The rule's common case, inline: tables, in a transaction that has written nothing. True means
 * that what was read under the stamp holds, whichever tables it was read from; false nothing yet.
 */
static inline bool
dcx_stamp_holds_quick(const DcxStamp *stamp)
{
	return dcx_stamp_same_snapshot(stamp) && stamp->valid && !stamp->has_xid &&
		   (stamp->lxid == DCX_MY_LXID || (!stamp->serializable && !IsolationIsSerializable())) &&
		   !TransactionIdIsValid(GetTopTransactionIdIfAny());
}

/* Does what was read under the stamp stand for a read under the active snapshot? */
static inline bool
dcx_stamp_holds(const DcxStamp *stamp, const DcxSource *source)
{
	if (source->kind == DCX_SOURCE_TABLES && dcx_stamp_holds_quick(stamp))
		return true;
	return stamp->valid && dcx_stamp_holds_slow(stamp, source);
}

/* Whether two stamps are of reads that could see the same, as far as the quick case goes. */
extern bool dcx_stamp_same(const DcxStamp *a, const DcxStamp *b);

#endif /* DCX_SNAPSHOT_H */
