/*
 * names.c
 *		Checks whose relations the names in our statements mean.
 *
 * post_parse_analyze_hook is called whenever the server has analyzed a statement: also when it does so again for a
 * plan that was kept, because something it depends on has changed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "utils/builtins.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "src/base/names.h"
#include "src/base/relation.h"

static DcxNamesState current = {.allowed = DCX_NAMES_ANY};

/* Another extension's hook, which we call after ours. */
static post_parse_analyze_hook_type next_hook = NULL;

DcxNames
dcx_names_set(DcxNames names)
{
	DcxNames before = current.allowed;

	current.allowed = names;
	return before;
}

void
dcx_names_check(const char *sql)
{
	current.checked = sql;
}

DcxNamesState
dcx_names_state(void)
{
	return current;
}

void
dcx_names_restore(DcxNamesState state)
{
	current = state;
}

void
dcx_names_moved(const char *detail)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("a schema was replaced by another one of the same name"),
			errdetail("%s", detail),
			errhint("Run it again. If that does not help, see who owns the schema."));
}

static void
check_named_relation(Oid relation)
{
	Oid owner;

	if (relation < FirstNormalObjectId)
		return;
	owner = dcx_relation_owner(relation);
	if (owner == GetUserId() || (current.allowed == DCX_NAMES_TRUSTED && superuser_arg(owner)))
		return;
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("%s is not the relation that was meant", dcx_relation_name(relation)),
			errdetail("It belongs to role \"%s\", but the statement runs as role \"%s\": a schema "
					  "was just replaced by another one of the same name.",
					  GetUserNameFromId(owner, true),
					  GetUserNameFromId(GetUserId(), true)),
			errhint("Run it again. If that does not help, see who owns the schema."));
}

/*
 * Refuses a function in FROM that is neither the system's nor written in C. The functions that our statements call
 * are those of extensions, and in C, and only a superuser can make a function in C. (Functions behind the types
 * and casts of a relation are not looked at: they are of the relation's owner.)
 */
static void
check_named_function(Oid function)
{
	HeapTuple tuple;
	bool	  in_c;

	if (function < FirstNormalObjectId)
		return;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	in_c = HeapTupleIsValid(tuple) && ((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId;
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (!in_c)
		dcx_names_moved(
			psprintf("%s is not the function that was meant.", format_procedure(function)));
}

static void
check_entry(const RangeTblEntry *entry)
{
	ListCell *lc;

	if (entry->rtekind == RTE_RELATION)
		check_named_relation(entry->relid);
	if (entry->rtekind != RTE_FUNCTION)
		return;
	foreach(lc, entry->functions)
	{
		const RangeTblFunction *function = lfirst_node(RangeTblFunction, lc);

		if (IsA(function->funcexpr, FuncExpr))
			check_named_function(((FuncExpr *) function->funcexpr)->funcid);
	}
}

static bool
check_node(Node *node, void *context)
{
	if (!node)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		check_entry((RangeTblEntry *) node);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_node, context, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, check_node, context);
}

static void
after_analysis(ParseState *state, Query *query, JumbleState *jumble)
{
	if (current.checked && current.allowed != DCX_NAMES_ANY && state->p_sourcetext &&
		strcmp(state->p_sourcetext, current.checked) == 0)
		(void) check_node((Node *) query, NULL);
	if (next_hook)
		next_hook(state, query, jumble);
}

void
dcx_names_init(void)
{
	next_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = after_analysis;
}
