/*
 * snapshot.c
 *		The exactness rule: may a value that was read earlier be used again instead of reading?
 *
 * The rule stands in snapshot.h. (a) and (b) below are its letters.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "common/hashfn.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "src/base/pages.h"
#include "src/base/relation.h"
#include "src/base/snapshot.h"

/* A relation and all that inherit from it, which get locked. has_subclass() first: the usual answer is quick. */
static List *
with_inheritors(Oid relid)
{
	return has_subclass(relid) ? find_all_inheritors(relid, AccessShareLock, NULL) :
								 list_make1_oid(relid);
}

/* The same for several relations. */
static List *
all_with_inheritors(const Oid *roots, int nroots)
{
	List *relations = with_inheritors(roots[0]);

	for (int i = 1; i < nroots; i++)
		relations = list_concat(relations, with_inheritors(roots[i]));
	return relations;
}

/*
 * Whether the rows of a relation are not in heaps of its own. Citus keeps them elsewhere. So may another access
 * method, whose rows need not follow transactions as snapshots show them, either.
 */
static bool
is_kept_elsewhere(Relation relation)
{
	char kind = relation->rd_rel->relkind;

	return dcx_relation_is_distributed(RelationGetRelid(relation)) ||
		   ((kind == RELKIND_RELATION || kind == RELKIND_MATVIEW) &&
			relation->rd_rel->relam != HEAP_TABLE_AM_OID);
}

DcxSource
dcx_source_of(const Oid *roots, int nroots)
{
	DcxSource source = {.logged = true, .nroots = nroots};
	List	 *relations = all_with_inheritors(roots, nroots);
	int		  nforeign = 0;
	int		  nothers = 0;
	ListCell *lc;

	memcpy(source.roots, roots, sizeof(Oid) * nroots);
	source.relations = palloc(sizeof(Oid) * list_length(relations));
	foreach(lc, relations)
	{
		Relation relation = table_open(lfirst_oid(lc), NoLock);

		source.relations[source.nrelations++] = RelationGetRelid(relation);
		nothers += is_kept_elsewhere(relation);
		switch (relation->rd_rel->relkind)
		{
			case RELKIND_RELATION:
			case RELKIND_MATVIEW:
				source.logged = source.logged && RelationNeedsWAL(relation);
				break;
			case RELKIND_PARTITIONED_TABLE:
				break;
			case RELKIND_FOREIGN_TABLE:
				nforeign++;
				break;
			default:
				nothers++;
				break;
		}
		table_close(relation, NoLock);
	}
	list_free(relations);

	/* Foreign partitions and mixtures fall under the strictest rule, that for views. */
	if (nforeign == 0 && nothers == 0)
		source.kind = DCX_SOURCE_TABLES;
	else if (nforeign == nroots && source.nrelations == nroots)
		source.kind = DCX_SOURCE_FOREIGN;
	else
		source.kind = DCX_SOURCE_VIEW;
	return source;
}

/* Whether our transaction holds a lock on the source that a writer needs: no writer has a weaker one than this. */
static bool
write_locked(const DcxSource *source)
{
	for (int i = 0; i < source->nrelations; i++)
		if (CheckRelationOidLockedByMe(source->relations[i], RowExclusiveLock, true))
			return true;
	return false;
}

/* Whether our transaction may have written the source. Without an xid it has written no table here. */
static bool
may_have_written(const DcxSource *source)
{
	return (source->kind != DCX_SOURCE_TABLES ||
			TransactionIdIsValid(GetTopTransactionIdIfAny())) &&
		   write_locked(source);
}

uint64
dcx_snapshot_hash(Snapshot snapshot)
{
	/* A snapshot taken during recovery has all transactions in progress in subxip. */
	if (snapshot->takenDuringRecovery)
		return hash_bytes_extended((const unsigned char *) snapshot->subxip,
								   snapshot->subxcnt * sizeof(TransactionId),
								   0);
	return hash_bytes_extended((const unsigned char *) snapshot->xip,
							   snapshot->xcnt * sizeof(TransactionId),
							   0);
}

/*
 * Whether the relations still consist of the tables that the source lists. Another session can attach a
 * partition in between, which a statement of ours sees whatever its snapshot; and our transaction can write
 * into it. write_locked() does not know that table.
 */
static bool
same_relations(const DcxSource *source)
{
	Relation opened[DCX_SOURCE_ROOTS];
	int		 nopened = 0;
	List	*relations;
	bool	 same;

	while (nopened < source->nroots &&
		   (opened[nopened] = try_relation_open(source->roots[nopened], AccessShareLock)) != NULL)
		nopened++;

	same = nopened == source->nroots;
	if (same)
	{
		relations = all_with_inheritors(source->roots, source->nroots);
		same = list_length(relations) == source->nrelations;
		for (int i = 0; same && i < source->nrelations; i++)
			same = list_nth_oid(relations, i) == source->relations[i];
		list_free(relations);
	}
	while (nopened > 0)
		relation_close(opened[--nopened], NoLock);
	return same;
}

bool
dcx_snapshot_same(Snapshot a, Snapshot b)
{
	return a->snapshot_type == SNAPSHOT_MVCC && b->snapshot_type == SNAPSHOT_MVCC &&
		   a->xmin == b->xmin && a->xmax == b->xmax && a->xcnt == b->xcnt &&
		   a->subxcnt == b->subxcnt && a->suboverflowed == b->suboverflowed &&
		   a->takenDuringRecovery == b->takenDuringRecovery && a->curcid == b->curcid &&
		   memcmp(a->xip, b->xip, sizeof(TransactionId) * a->xcnt) == 0 &&
		   memcmp(a->subxip, b->subxip, sizeof(TransactionId) * a->subxcnt) == 0;
}

DcxStamp
dcx_stamp_now(const DcxSource *source)
{
	return dcx_stamp_under(GetActiveSnapshot(), source);
}

DcxStamp
dcx_stamp_under(Snapshot snapshot, const DcxSource *source)
{
	DcxStamp stamp = {0};

	stamp.valid = snapshot->snapshot_type == SNAPSHOT_MVCC;
	stamp.suboverflowed = snapshot->suboverflowed;
	stamp.recovery = snapshot->takenDuringRecovery;
	stamp.xmin = snapshot->xmin;
	stamp.xmax = snapshot->xmax;
	stamp.xcnt = snapshot->xcnt;
	stamp.subxcnt = snapshot->subxcnt;
	stamp.running = dcx_snapshot_running(snapshot);
	stamp.curcid = snapshot->curcid;
	stamp.lxid = DCX_MY_LXID;
	stamp.statement = GetCurrentStatementStartTimestamp();
	stamp.written = ProcLastRecPtr;
	stamp.has_xid = TransactionIdIsValid(GetTopTransactionIdIfAny());
	stamp.write_locked = may_have_written(source);
	stamp.serializable = IsolationIsSerializable();
	return stamp;
}

/* Whether the rule for unwritten tables can be used for a source now. */
static bool
may_use_pages(const DcxSource *source)
{
	return source->kind == DCX_SOURCE_TABLES && source->logged && !IsolationIsSerializable() &&
		   !may_have_written(source);
}

void
dcx_source_note(DcxSource *source)
{
	source->pages = may_use_pages(source) ?
						dcx_pages_note(source->relations, source->nrelations, GetActiveSnapshot()) :
						NULL;
}

bool
dcx_stamp_renew(DcxStamp *stamp, const DcxSource *source)
{
	if (!stamp->valid || !source->pages || !may_use_pages(source) ||
		!dcx_pages_unwritten(source->pages,
							 source->relations,
							 source->nrelations,
							 GetActiveSnapshot()))
		return false;
	if (source->nrelations > source->nroots && !same_relations(source))
		return false;
	*stamp = dcx_stamp_now(source);
	return true;
}

static bool
tables_hold(const DcxStamp *stamp, const DcxSource *source)
{
	bool same_transaction = stamp->lxid == DCX_MY_LXID;

	if (!dcx_stamp_same_snapshot(stamp))
		return false;

	/* (a) nothing was written at all */
	if (same_transaction && source->logged && stamp->curcid == GetActiveSnapshot()->curcid &&
		stamp->written == ProcLastRecPtr)
		return true;

	/* (b) this relation was not written */
	if (!same_transaction && (stamp->has_xid || stamp->serializable || IsolationIsSerializable()))
		return false;
	return !stamp->write_locked && !write_locked(source) && same_relations(source);
}

static bool
foreign_holds(const DcxStamp *stamp, const DcxSource *source)
{
	if (stamp->lxid != DCX_MY_LXID || stamp->write_locked)
		return false;

	/* The usual case, and a quick one: no command of the transaction has written anything yet. */
	if (GetCurrentCommandId(false) == FirstCommandId)
		return true;
	return !write_locked(source);
}

static bool
view_holds(const DcxStamp *stamp)
{
	return stamp->lxid == DCX_MY_LXID && dcx_stamp_same_snapshot(stamp) &&
		   stamp->statement == GetCurrentStatementStartTimestamp() && !stamp->has_xid &&
		   !TransactionIdIsValid(GetTopTransactionIdIfAny());
}

bool
dcx_stamp_holds_slow(const DcxStamp *stamp, const DcxSource *source)
{
	switch (source->kind)
	{
		case DCX_SOURCE_TABLES:
			return tables_hold(stamp, source);
		case DCX_SOURCE_FOREIGN:
			return foreign_holds(stamp, source);
		case DCX_SOURCE_VIEW:
			return view_holds(stamp);
	}
	return false;
}

bool
dcx_stamp_same(const DcxStamp *a, const DcxStamp *b)
{
	return a->valid && b->valid && a->xmin == b->xmin && a->xmax == b->xmax && a->xcnt == b->xcnt &&
		   a->subxcnt == b->subxcnt && a->running == b->running &&
		   a->suboverflowed == b->suboverflowed && a->recovery == b->recovery &&
		   a->lxid == b->lxid && a->has_xid == b->has_xid && a->serializable == b->serializable;
}
