/*
 * fresh.c
 *		A snapshot that is not older than what is read under it.
 *
 * The usual case is quick: the relation's row of pg_class, which is kept (known.h), was written by a transaction that is
 * older than all that the snapshot sees in progress. Only otherwise pg_class is read as the snapshot sees it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_rewrite.h"
#include "miscadmin.h"
#include "nodes/nodes.h"
#include "nodes/readfuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "src/base/fresh.h"
#include "src/base/known.h"
#include "src/base/relation.h"

/* What a snapshot makes of relations as they are now. */
typedef enum Knowledge
{
	KNOWN,	/* it knows them as they are */
	GAINED, /* they have something new, and everything that it sees is still there */
	LOST	/* rows that it sees may be gone */
} Knowledge;

/* How often a new snapshot was taken. */
static uint64 renewals = 0;

/*
 * Plain relations without children, as pg_class has them: a few of the last ones that were looked at. VACUUM may freeze
 * the row of pg_class without a message; then written_by is merely a transaction that everybody sees.
 */
#define KEPT_RELATIONS 16
static struct
{
	DcxKnown	  known;
	Oid			  relation;
	TransactionId written_by; /* which transaction has written its row of pg_class */
} kept[KEPT_RELATIONS];

/* Whether a snapshot sees what this transaction has written. Our own may have written it later: then false. */
static bool
sees(Snapshot snapshot, TransactionId xid)
{
	if (!TransactionIdIsNormal(xid))
		return true;
	return !XidInMVCCSnapshot(xid, snapshot) && !TransactionIdIsCurrentTransactionId(xid);
}

/* A relation's row of pg_class as a snapshot sees it, or NULL. Without a snapshot: as it is. */
static HeapTuple
class_row(Oid relation, Snapshot snapshot)
{
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	row;

	ScanKeyInit(&key,
				Anum_pg_class_oid,
				BTEqualStrategyNumber,
				F_OIDEQ,
				ObjectIdGetDatum(relation));
	scan = systable_beginscan(pg_class, ClassOidIndexId, true, snapshot, 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
		row = heap_copytuple(row);
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return row;
}

/* Whether a snapshot sees a row in a table. older: one that no transaction has written since, as far as it shows. */
static bool
sees_row(Snapshot snapshot, Oid relation, bool older)
{
	Relation		table = table_open(relation, AccessShareLock);
	bool			seen = false;
	TableScanDesc	scan;
	TupleTableSlot *row;

	if (table->rd_rel->relam == HEAP_TABLE_AM_OID)
	{
		row = table_slot_create(table, NULL);
		scan = table_beginscan(table, snapshot, 0, NULL);
		while (!seen && table_scan_getnextslot(scan, ForwardScanDirection, row))
		{
			bool  isnull;
			Datum made_by = slot_getsysattr(row, MinTransactionIdAttributeNumber, &isnull);

			CHECK_FOR_INTERRUPTS();
			seen = !older || sees(snapshot, DatumGetTransactionId(made_by));
		}
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(row);
	}
	table_close(table, NoLock);
	return seen;
}

/*
 * Whether rows that a snapshot sees have come along into new storage, as with CLUSTER and VACUUM FULL. Whatever else
 * rewrites a table makes all its rows its own; so one older row shows that nothing else did. The rows of a refreshed
 * materialized view are visible to every snapshot.
 */
static bool
keeps_rows(Oid relation, char kind, Snapshot snapshot)
{
	return sees_row(snapshot, relation, kind != RELKIND_MATVIEW);
}

/* Where the rule is that holds a view's query, as a snapshot sees it; invalid: it sees none. */
static ItemPointerData
place_of_rule(Oid view, Snapshot snapshot)
{
	Relation		pg_rewrite = table_open(RewriteRelationId, AccessShareLock);
	ItemPointerData place;
	ScanKeyData		keys[2];
	SysScanDesc		scan;
	HeapTuple		rule;

	ItemPointerSetInvalid(&place);
	ScanKeyInit(&keys[0],
				Anum_pg_rewrite_ev_class,
				BTEqualStrategyNumber,
				F_OIDEQ,
				ObjectIdGetDatum(view));
	ScanKeyInit(&keys[1],
				Anum_pg_rewrite_rulename,
				BTEqualStrategyNumber,
				F_NAMEEQ,
				CStringGetDatum("_RETURN"));
	scan = systable_beginscan(pg_rewrite, RewriteRelRulenameIndexId, true, snapshot, 2, keys);
	rule = systable_getnext(scan);
	if (HeapTupleIsValid(rule))
		place = rule->t_self;
	systable_endscan(scan);
	table_close(pg_rewrite, AccessShareLock);
	return place;
}

/* Whether a view has had another query since. */
static bool
is_redefined(Oid view, Snapshot snapshot)
{
	HeapTuple rule =
		SearchSysCache2(RULERELNAME, ObjectIdGetDatum(view), PointerGetDatum("_RETURN"));
	ItemPointerData place;
	bool			redefined = false;

	if (!HeapTupleIsValid(rule))
		return false;
	if (!sees(snapshot, HeapTupleHeaderGetXmin(rule->t_data)))
	{
		place = place_of_rule(view, snapshot);
		redefined = !ItemPointerIsValid(&place) || !ItemPointerEquals(&place, &rule->t_self);
	}
	ReleaseSysCache(rule);
	return redefined;
}

/* The children of a relation. With a snapshot: as it sees them; without: as they are, also those being detached. */
static List *
children_of(Oid parent, Snapshot snapshot)
{
	Relation	pg_inherits = table_open(InheritsRelationId, AccessShareLock);
	List	   *children = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key,
				Anum_pg_inherits_inhparent,
				BTEqualStrategyNumber,
				F_OIDEQ,
				ObjectIdGetDatum(parent));
	scan = systable_beginscan(pg_inherits, InheritsParentIndexId, true, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

		if (!snapshot || !form->inhdetachpending)
			children = lappend_oid(children, form->inhrelid);
	}
	systable_endscan(scan);
	table_close(pg_inherits, AccessShareLock);
	return children;
}

/* What a partition is for, as a snapshot sees it or, without one, as it is; NULL: it is none. */
static Node *
bound_of(Oid relation, Snapshot snapshot)
{
	HeapTuple row = class_row(relation, snapshot);
	bool	  isnull = true;
	Datum	  bound = (Datum) 0;

	if (HeapTupleIsValid(row))
		bound = SysCacheGetAttr(RELOID, row, Anum_pg_class_relpartbound, &isnull);
	return isnull ? NULL : stringToNode(TextDatumGetCString(bound));
}

/* Whether a partition that a snapshot sees has been exchanged for one in which it sees rows, too. */
static bool
is_exchanged(Oid partition, List *gained, Snapshot snapshot)
{
	Node	 *bound = bound_of(partition, snapshot);
	ListCell *lc;

	foreach(lc, gained)
		if (bound && equal(bound, bound_of(lfirst_oid(lc), NULL)))
			return sees_row(snapshot, lfirst_oid(lc), false);
	return false;
}

/* What a snapshot makes of a relation's children. */
static Knowledge
knowledge_of_children(Oid relation, Snapshot snapshot)
{
	List	 *then = children_of(relation, snapshot);
	List	 *now = children_of(relation, NULL);
	List	 *lost = list_difference_oid(then, now);
	List	 *gained = list_difference_oid(now, then);
	ListCell *lc;

	if (!IsolationUsesXactSnapshot() && lost != NIL)
		return LOST;
	foreach(lc, lost)
		if (!is_exchanged(lfirst_oid(lc), gained, snapshot))
			return LOST;
	return gained != NIL ? GAINED : KNOWN;
}

/*
 * What a snapshot makes of a relation's storage, whose row of pg_class it does not see. A table of ours (ours) that
 * VACUUM FULL has moved is read as it was for the statement.
 */
static Knowledge
knowledge_of_storage(Oid relation, char kind, Oid storage, bool ours, Snapshot snapshot)
{
	HeapTuple then = class_row(relation, snapshot);

	if (!HeapTupleIsValid(then))
		return ours ? KNOWN : has_superclass(relation) ? GAINED : LOST;
	if (((Form_pg_class) GETSTRUCT(then))->relfilenode == storage)
		return KNOWN;
	if (ours || IsolationUsesXactSnapshot())
		return keeps_rows(relation, kind, snapshot) ? KNOWN : LOST;
	return LOST;
}

/* Keeps a relation's row of pg_class, for is_old(). before: how many messages had come when it was looked up. */
static void
keep_row(Oid relation, const FormData_pg_class *form, TransactionId written_by, uint64 before)
{
	int i = relation % KEPT_RELATIONS;

	if (form->relkind == RELKIND_VIEW || form->relhassubclass ||
		!dcx_known_keep(&kept[i].known, before, 1, &relation))
		return;
	kept[i].relation = relation;
	kept[i].written_by = written_by;
}

/* The usual case, quickly: a relation that has not changed since all that a snapshot sees in progress began. */
static bool
is_old(Oid relation, Snapshot snapshot)
{
	int i = relation % KEPT_RELATIONS;

	return kept[i].known.holds && kept[i].relation == relation &&
		   TransactionIdPrecedes(kept[i].written_by, snapshot->xmin);
}

/* What a snapshot makes of a relation. Its children are not looked at, only which they are. */
static Knowledge
knowledge_of(Oid relation, bool ours, Snapshot snapshot)
{
	uint64			  before = dcx_known_messages();
	HeapTuple		  tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Knowledge		  knowledge = KNOWN;
	bool			  is_seen;
	FormData_pg_class form;

	/* Dropped: whoever reads it notices. */
	if (!HeapTupleIsValid(tuple))
		return KNOWN;
	memcpy(&form, GETSTRUCT(tuple), CLASS_TUPLE_SIZE);
	is_seen = sees(snapshot, HeapTupleHeaderGetXmin(tuple->t_data));
	keep_row(relation, &form, HeapTupleHeaderGetXmin(tuple->t_data), before);
	ReleaseSysCache(tuple);

	if (form.relkind == RELKIND_VIEW && is_redefined(relation, snapshot))
		return LOST;
	if (!is_seen)
		knowledge = knowledge_of_storage(relation, form.relkind, form.relfilenode, ours, snapshot);
	if (knowledge == KNOWN && (form.relhassubclass || !is_seen))
		knowledge = knowledge_of_children(relation, snapshot);
	return knowledge;
}

/* The same for several relations and all that inherit from them. *first: of which it is not KNOWN. */
static Knowledge
knowledge_of_all(const Oid *relations, int nrelations, bool ours, Snapshot snapshot, Oid *first)
{
	List	 *all = NIL;
	Knowledge worst = KNOWN;
	ListCell *lc;

	if (snapshot->snapshot_type != SNAPSHOT_MVCC)
		return KNOWN;
	for (int i = 0; i < nrelations; i++)
		if (likely(is_old(relations[i], snapshot)))
			continue;
		else if (has_subclass(relations[i]))
			all = list_concat_unique_oid(all,
										 find_all_inheritors(relations[i], AccessShareLock, NULL));
		else
			all = list_append_unique_oid(all, relations[i]);
	foreach(lc, all)
	{
		Knowledge found = knowledge_of(lfirst_oid(lc), ours, snapshot);

		if (found <= worst)
			continue;
		worst = found;
		*first = lfirst_oid(lc);
	}
	list_free(all);
	return worst;
}

void
dcx_fresh_refuse(const char *what, const char *changed)
{
	ereport(ERROR,
			errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			errmsg("could not serialize access due to a concurrent change"),
			errdetail("%s was %s after the snapshot of this %s was taken.",
					  what,
					  changed,
					  IsolationUsesXactSnapshot() ? "transaction" : "statement"),
			errhint("The transaction might succeed if retried."));
}

/* dcx_fresh_check(), also for tables of ours. */
static void
check(const Oid *relations, int nrelations, bool ours)
{
	Oid first = InvalidOid;

	if (IsolationUsesXactSnapshot() &&
		knowledge_of_all(relations, nrelations, ours, GetTransactionSnapshot(), &first) == LOST)
		dcx_fresh_refuse(dcx_relation_name(first), "rewritten");
}

void
dcx_fresh_check(const Oid *relations, int nrelations)
{
	check(relations, nrelations, false);
}

/* dcx_fresh_begin(), also for tables of ours. */
static bool
begin(const Oid *relations, int nrelations, bool ours)
{
	Oid		  first = InvalidOid;
	Knowledge knowledge =
		knowledge_of_all(relations, nrelations, ours, GetActiveSnapshot(), &first);

	if (likely(knowledge == KNOWN) || (knowledge == GAINED && IsolationUsesXactSnapshot()))
		return false;
	/* Under REPEATABLE READ a new one shows what our own transaction has rewritten since, and nothing else. */
	check(relations, nrelations, ours);
	PushActiveSnapshot(GetTransactionSnapshot());
	renewals++;
	return true;
}

bool
dcx_fresh_begin(const Oid *relations, int nrelations)
{
	return begin(relations, nrelations, false);
}

bool
dcx_fresh_begin_ours(Oid table)
{
	return begin(&table, 1, true);
}

void
dcx_fresh_end(bool begun)
{
	if (begun)
		PopActiveSnapshot();
}

void
dcx_fresh_do(void (*read)(void *argument), void *argument)
{
	uint64 before = renewals;

	read(argument);
	if (likely(renewals == before))
		return;
	PushActiveSnapshot(GetTransactionSnapshot());
	read(argument);
	PopActiveSnapshot();
}
