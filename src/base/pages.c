/*
 * pages.c
 *		The page check: has a table been written since it was read?
 *
 * The rule, and why it is right, stands in pages.h. Numbers in comments are those of its proof.
 *
 * Locks: relations ACCESS SHARE. Of buffers one at a time, shared, and never longer than it takes to look at the page.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/multixact.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "src/base/pages.h"
#include "src/base/relation.h"

/* In a page of the visibility map: how many bytes of bits, and the bit of each table's page that says all-visible. */
#define MAP_BYTES		(BLCKSZ - MAXALIGN(SizeOfPageHeaderData))
#define PAGES_PER_BYTE	(BITS_PER_BYTE / BITS_PER_HEAPBLOCK)
#define VISIBLE_IN_BYTE 0x55

/* A page whose all-visible bit was not set. */
typedef struct NotedPage
{
	BlockNumber number;
	XLogRecPtr	lsn;
} NotedPage;

/* How often a change of a relation's definition was announced. Kept for every relation that was ever noted. */
typedef struct Changes
{
	Oid	   relation; /* the key */
	uint64 n;
} Changes;

/* A relation, as it was before it was read. */
typedef struct NotedRelation
{
	const Changes *changes;	 /* what is announced about it */
	uint64		   nchanges; /* how much had been */
	RelFileLocator file;	 /* this and the rest only of what has a heap */
	BlockNumber	   npages;
	bool		   mapped; /* some page has its all-visible bit set */
	XLogRecPtr
		map_lsn; /* then: of the page of the visibility map. Can be 0 even so, where WAL was skipped */
	int		   nmap;	 /* bytes of bits */
	uint8	  *map;		 /* only the all-visible bits */
	int		   nchecked; /* the pages without */
	NotedPage *checked;
} NotedRelation;

/* A transaction that wrote in them and was not settled. */
typedef struct NotedXid
{
	TransactionId xid;
	bool		  running; /* the reading snapshot sees it in progress */
} NotedXid;

struct DcxPages
{
	bool		  family;  /* some have, or had, parents and children */
	TransactionId xmin;	   /* of the snapshot */
	TransactionId xmax;	   /* likewise */
	TransactionId settled; /* the newest transaction that was settled; invalid: all are frozen */
	int			  nxids;
	NotedXid	  xids[DCX_PAGES_XIDS];
	int			  nchecked; /* pages without the bit, in all */
	int			  nrelations;
	NotedRelation relations[FLEXIBLE_ARRAY_MEMBER];
};

/* --------------------------------------------------------------------------------------------------
 * Definitions (3)
 * --------------------------------------------------------------------------------------------------
 */

static HTAB *announced = NULL; /* of Changes */

/* A relation has changed (InvalidOid: any may have). */
static void
note_change(Datum argument, Oid relation)
{
	Changes		   *changes;
	HASH_SEQ_STATUS all;

	if (OidIsValid(relation))
	{
		changes = hash_search(announced, &relation, HASH_FIND, NULL);
		if (changes)
			changes->n++;
		return;
	}
	hash_seq_init(&all, announced);
	while ((changes = hash_seq_search(&all)) != NULL)
		changes->n++;
}

/* A schema's name or rights have changed. */
static void
note_schema_change(Datum argument, int cache, uint32 hash)
{
	note_change(argument, InvalidOid);
}

/* What is announced about a relation from now on. */
static const Changes *
changes_of(Oid relation)
{
	HASHCTL	 shape = {.keysize = sizeof(Oid), .entrysize = sizeof(Changes)};
	Changes *changes;
	bool	 found;

	if (!announced)
	{
		announced = hash_create("dcx noted relations", 16, &shape, HASH_ELEM | HASH_BLOBS);
		CacheRegisterRelcacheCallback(note_change, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, note_schema_change, (Datum) 0);
	}
	changes = hash_search(announced, &relation, HASH_ENTER, &found);
	if (!found)
		changes->n = 0;
	return changes;
}

/* Which transaction wrote the row of pg_class. */
static TransactionId
defined_by(Oid relation)
{
	HeapTuple	  tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	TransactionId xid;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relation);
	xid = HeapTupleHeaderGetXmin(tuple->t_data);
	ReleaseSysCache(tuple);
	return xid;
}

/* --------------------------------------------------------------------------------------------------
 * Transactions (2)
 * --------------------------------------------------------------------------------------------------
 */

/* Notes a transaction. False: it is our own, or there are too many. */
static bool
note_xid(DcxPages *pages, TransactionId xid, Snapshot snapshot)
{
	if (!TransactionIdIsNormal(xid))
		return true;
	if (TransactionIdPrecedes(xid, pages->xmin))
	{
		if (!TransactionIdIsValid(pages->settled) || TransactionIdPrecedes(pages->settled, xid))
			pages->settled = xid;
		return true;
	}
	for (int i = 0; i < pages->nxids; i++)
		if (pages->xids[i].xid == xid)
			return true;
	if (pages->nxids == DCX_PAGES_XIDS || TransactionIdIsCurrentTransactionId(xid))
		return false;
	pages->xids[pages->nxids].xid = xid;
	pages->xids[pages->nxids++].running = XidInMVCCSnapshot(xid, snapshot);
	return true;
}

/* Notes the transactions that decide who sees a row. */
static bool
note_row(DcxPages *pages, HeapTupleHeader row, Snapshot snapshot)
{
	/* Of VACUUM FULL before 9.0: moved by a transaction of its own. */
	if (row->t_infomask & HEAP_MOVED)
		return false;
	if (!note_xid(pages, HeapTupleHeaderGetXmin(row), snapshot))
		return false;
	if ((row->t_infomask & HEAP_XMAX_INVALID) || HEAP_XMAX_IS_LOCKED_ONLY(row->t_infomask))
		return true;
	return note_xid(pages, HeapTupleHeaderGetUpdateXid(row), snapshot);
}

static bool
sees_the_same(const DcxPages *pages, Snapshot snapshot)
{
	if (pages->family && !TransactionIdFollows(snapshot->xmax, pages->xmax))
		return false;
	if (TransactionIdIsValid(pages->settled) &&
		!TransactionIdPrecedes(pages->settled, snapshot->xmin))
		return false;
	for (int i = 0; i < pages->nxids; i++)
		if (XidInMVCCSnapshot(pages->xids[i].xid, snapshot) != pages->xids[i].running)
			return false;
	return true;
}

/* --------------------------------------------------------------------------------------------------
 * Pages (1)
 * --------------------------------------------------------------------------------------------------
 */

/* Pins and locks the page of the visibility map, which covers all of the relation. Invalid: it has none. */
static Buffer
lock_map(Relation relation)
{
	Buffer buffer = InvalidBuffer;

	visibilitymap_get_status(relation, 0, &buffer);
	if (BufferIsValid(buffer))
		LockBuffer(buffer, BUFFER_LOCK_SHARE);
	return buffer;
}

static const uint8 *
map_of(Buffer buffer)
{
	return (const uint8 *) PageGetContents(BufferGetPage(buffer));
}

static void
note_map(Relation relation, NotedRelation *noted)
{
	Buffer		 buffer = lock_map(relation);
	const uint8 *map;

	noted->nmap = (noted->npages + PAGES_PER_BYTE - 1) / PAGES_PER_BYTE;
	noted->map = palloc0(noted->nmap);
	if (!BufferIsValid(buffer))
		return;
	map = map_of(buffer);
	noted->map_lsn = BufferGetLSNAtomic(buffer);
	for (int i = 0; i < noted->nmap; i++)
	{
		noted->map[i] = map[i] & VISIBLE_IN_BYTE;
		noted->mapped = noted->mapped || noted->map[i] != 0;
	}
	UnlockReleaseBuffer(buffer);
}

static bool
is_visible(const NotedRelation *noted, BlockNumber number)
{
	return (noted->map[number / PAGES_PER_BYTE] >> (number % PAGES_PER_BYTE * BITS_PER_HEAPBLOCK)) &
		   VISIBILITYMAP_ALL_VISIBLE;
}

static bool
same_map(Relation relation, const NotedRelation *noted)
{
	Buffer		 buffer;
	const uint8 *map;
	bool		 same;

	if (!noted->mapped)
		return true;
	buffer = lock_map(relation);
	if (!BufferIsValid(buffer))
		return false;
	map = map_of(buffer);
	same = BufferGetLSNAtomic(buffer) == noted->map_lsn;
	for (int i = 0; same && i < noted->nmap; i++)
		same = (noted->map[i] & ~map[i]) == 0;
	UnlockReleaseBuffer(buffer);
	return same;
}

/* Notes a page, and the transactions that wrote in it. */
static bool
note_page(DcxPages *pages, Relation relation, BlockNumber number, NotedPage *noted,
		  Snapshot snapshot)
{
	Buffer buffer = ReadBuffer(relation, number);
	Page   page = BufferGetPage(buffer);
	bool   usable = true;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	noted->number = number;
	noted->lsn = BufferGetLSNAtomic(buffer);
	if (!PageIsNew(page))
	{
		OffsetNumber last = PageGetMaxOffsetNumber(page);

		for (OffsetNumber i = FirstOffsetNumber; usable && i <= last; i++)
		{
			ItemId item = PageGetItemId(page, i);

			if (ItemIdIsNormal(item))
				usable = note_row(pages, (HeapTupleHeader) PageGetItem(page, item), snapshot);
		}
	}
	UnlockReleaseBuffer(buffer);
	return usable;
}

static bool
same_page(Relation relation, const NotedPage *noted)
{
	Buffer	   buffer = ReadBuffer(relation, noted->number);
	XLogRecPtr lsn;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	lsn = BufferGetLSNAtomic(buffer);
	UnlockReleaseBuffer(buffer);
	return lsn == noted->lsn;
}

static bool
note_heap(DcxPages *pages, Relation relation, NotedRelation *noted, Snapshot snapshot)
{
	int nchecked = 0;

	noted->file = relation->rd_locator;
	noted->npages = RelationGetNumberOfBlocks(relation);
	if (noted->npages > MAP_BYTES * PAGES_PER_BYTE)
		return false;
	note_map(relation, noted);
	for (BlockNumber number = 0; number < noted->npages; number++)
		nchecked += !is_visible(noted, number);
	pages->nchecked += nchecked;
	if (pages->nchecked > DCX_PAGES_CHECKED)
		return false;
	noted->checked = palloc(sizeof(NotedPage) * nchecked);
	for (BlockNumber number = 0; number < noted->npages; number++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!is_visible(noted, number) &&
			!note_page(pages, relation, number, &noted->checked[noted->nchecked++], snapshot))
			return false;
	}
	return true;
}

static bool
same_heap(Relation relation, const NotedRelation *noted)
{
	bool same = RelationNeedsWAL(relation) &&
				RelFileLocatorEquals(relation->rd_locator, noted->file) &&
				RelationGetNumberOfBlocks(relation) == noted->npages && same_map(relation, noted);

	for (int i = 0; same && i < noted->nchecked; i++)
		same = same_page(relation, &noted->checked[i]);
	return same;
}

/* --------------------------------------------------------------------------------------------------
 * Relations
 * --------------------------------------------------------------------------------------------------
 */

static bool
has_heap(Relation relation)
{
	return relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE;
}

static bool
note_relation(DcxPages *pages, Oid oid, NotedRelation *noted, Snapshot snapshot)
{
	Relation relation = relation_open(oid, NoLock);
	bool	 usable;

	noted->changes = changes_of(oid);
	noted->nchanges = noted->changes->n;
	pages->family = pages->family || relation->rd_rel->relhassubclass;
	usable = note_xid(pages, defined_by(oid), snapshot);
	if (usable && has_heap(relation))
		usable = relation->rd_rel->relam == HEAP_TABLE_AM_OID && RelationNeedsWAL(relation) &&
				 note_heap(pages, relation, noted, snapshot);
	relation_close(relation, NoLock);
	return usable;
}

DcxPages *
dcx_pages_note(const Oid *relations, int nrelations, Snapshot snapshot)
{
	DcxPages *pages;

	if (snapshot->snapshot_type != SNAPSHOT_MVCC || snapshot->takenDuringRecovery ||
		RecoveryInProgress() || DCX_SNAPSHOTS_EXPIRE)
		return NULL;
	pages = palloc0(offsetof(DcxPages, relations) + sizeof(NotedRelation) * nrelations);
	pages->xmin = snapshot->xmin;
	pages->xmax = snapshot->xmax;
	pages->nrelations = nrelations;
	for (int i = 0; i < nrelations; i++)
		if (!note_relation(pages, relations[i], &pages->relations[i], snapshot))
			return NULL;
	return pages->family && IsolationUsesXactSnapshot() ? NULL : pages;
}

/* Locks the relation first: that receives what was announced about it. */
static bool
same_relation(Oid oid, const NotedRelation *noted)
{
	Relation relation = try_relation_open(oid, AccessShareLock);
	bool	 same;

	if (!relation)
		return false;
	same = noted->changes->n == noted->nchanges && !dcx_relation_is_distributed(oid) &&
		   (!has_heap(relation) || same_heap(relation, noted));
	relation_close(relation, NoLock);
	return same;
}

bool
dcx_pages_unwritten(const DcxPages *pages, const Oid *relations, int nrelations, Snapshot snapshot)
{
	if (snapshot->snapshot_type != SNAPSHOT_MVCC || snapshot->takenDuringRecovery ||
		nrelations != pages->nrelations || !sees_the_same(pages, snapshot))
		return false;
	for (int i = 0; i < nrelations; i++)
		if (!same_relation(relations[i], &pages->relations[i]))
			return false;
	return true;
}
