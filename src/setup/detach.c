/*
 * detach.c
 *		Detaches a catalog or the wallets: removes the bindings, and drops what attach made.
 *
 * dcx.binding says what attach made, also in schemas where the catalog was attached before. A relation that
 * was there before stays, and so does a server or a schema that something else uses. Everything runs as the
 * caller.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/base/binding.h"
#include "src/base/errcodes.h"
#include "src/base/guarded.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/text.h"
#include "src/remote/foreign.h"
#include "src/wallet/attach_wallet.h"

/* One binding that is undone. */
typedef struct Undoing
{
	FunctionCallInfo fcinfo;
	const DcxBound	*bound;
	const char		*what;	/* what is being dropped */
	List			*done;	/* texts for the result */
	Oid				 owner; /* these three: of the relation, or of what is left without it */
	Oid				 server;
	Oid				 schema;
} Undoing;

/* Notes a row of the result: an object that was dropped, or the binding that was removed. */
static void
note(Undoing *undoing, char *object)
{
	undoing->done = lappend(undoing->done, object);
}

static bool
was_made(const DcxBound *bound, const char *what)
{
	ListCell *lc;

	foreach(lc, bound->made)
		if (strcmp(lfirst(lc), what) == 0)
			return true;
	return false;
}

/* Whether any foreign table is of the server. */
static bool
tables_use(Oid server)
{
	static const Oid types[] = {OIDOID};
	Datum			 values[1];

	values[0] = ObjectIdGetDatum(server);
	return dcx_query_execute("SELECT FROM pg_foreign_table WHERE ftserver = $1",
							 1,
							 types,
							 values,
							 NULL) > 0;
}

/* Whether anything uses the server besides the mapping of its owner. */
static bool
server_is_used(Oid server, Oid owner)
{
	static const Oid types[] = {OIDOID, OIDOID};
	Datum			 values[2];

	values[0] = ObjectIdGetDatum(server);
	values[1] = ObjectIdGetDatum(owner);
	return dcx_query_execute("SELECT FROM pg_foreign_table WHERE ftserver = $1"
							 " UNION ALL"
							 " SELECT FROM pg_user_mappings WHERE srvid = $1 AND umuser <> $2",
							 2,
							 types,
							 values,
							 NULL) > 0;
}

static bool
schema_is_used(Oid schema)
{
	static const Oid types[] = {OIDOID};
	Datum			 values[1];

	values[0] = ObjectIdGetDatum(schema);
	return dcx_query_execute("SELECT FROM pg_depend"
							 " WHERE refclassid = 'pg_namespace'::regclass AND refobjid = $1",
							 1,
							 types,
							 values,
							 NULL) > 0;
}

static void
drop_mapping(Undoing *undoing, char *server)
{
	dcx_foreign_drop_mapping(server, undoing->owner);
	note(undoing,
		 psprintf("user mapping for %s on server %s",
				  quote_identifier(GetUserNameFromId(undoing->owner, false)),
				  quote_identifier(server)));
}

/* Drops the server if attach made it; and the mapping, also one that attach made for a server that was there. */
static void
drop_server(Undoing *undoing)
{
	const DcxBound *bound = undoing->bound;
	Oid				server = undoing->server;
	bool			mapping = was_made(bound, "mapping") && !tables_use(server);
	char		   *name = GetForeignServer(server)->servername;

	undoing->what = psprintf("server %s", quote_identifier(name));
	if (was_made(bound, "server") && server_is_used(server, undoing->owner))
	{
		note(undoing, psprintf("%s is kept: other objects use it", undoing->what));
		dcx_binding_hand_on("server", server, InvalidOid);
		if (was_made(bound, "mapping"))
			dcx_binding_hand_on("mapping", server, InvalidOid);
		return;
	}
	if (mapping && SearchSysCacheExists2(USERMAPPINGUSERSERVER,
										 ObjectIdGetDatum(undoing->owner),
										 ObjectIdGetDatum(server)))
		drop_mapping(undoing, name);
	if (was_made(bound, "server"))
	{
		dcx_foreign_drop(OBJECT_FOREIGN_SERVER, list_make1(makeString(name)));
		note(undoing, pstrdup(undoing->what));
	}
}

/* Drops server, mapping and schema if attach made them and nothing else uses them. */
static void
drop_surroundings(void *argument)
{
	Undoing *undoing = argument;
	Oid		 schema = undoing->schema;

	if (OidIsValid(undoing->server))
		drop_server(undoing);
	if (!was_made(undoing->bound, "schema") || !OidIsValid(schema))
		return;
	if (schema_is_used(schema))
		dcx_binding_hand_on("schema", InvalidOid, schema);
	else
	{
		char *name = get_namespace_name(schema);

		undoing->what = psprintf("schema %s", quote_identifier(name));
		dcx_foreign_drop(OBJECT_SCHEMA, list_make1(makeString(name)));
		note(undoing, pstrdup(undoing->what));
	}
}

/* Drops a relation that attach made, and leaves any other; drops the triggers that attach has put on it. */
static void
drop_relation(void *argument)
{
	Undoing	 *undoing = argument;
	Oid		  relation = undoing->bound->relation;
	char	 *name = dcx_relation_name(relation);
	ListCell *lc;

	undoing->what = psprintf("foreign table %s", name);
	if (OidIsValid(dcx_relation_owner(relation)) && was_made(undoing->bound, "relation"))
	{
		dcx_foreign_drop(OBJECT_FOREIGN_TABLE,
						 list_make2(makeString(get_namespace_name(undoing->schema)),
									makeString(get_rel_name(relation))));
		note(undoing, pstrdup(undoing->what));
	}
	else if (!undoing->bound->earlier)
		note(undoing, psprintf("binding of %s", name));

	if (OidIsValid(dcx_relation_owner(relation)))
		foreach(lc, dcx_attach_wallet_drop_triggers(relation, undoing->fcinfo->flinfo->fn_oid))
			note(undoing, psprintf("trigger %s", (char *) lfirst(lc)));
}

/*
 * Does a part of undoing a binding, and puts what was done into the result. What was attached earlier can be in use
 * by others, or another role's, by now: then it is kept, and the rest goes on.
 */
static void
undo(Undoing *undoing, void (*part)(void *undoing))
{
	ReturnSetInfo *result = (ReturnSetInfo *) undoing->fcinfo->resultinfo;
	ErrorData	  *error = NULL;
	ListCell	  *lc;

	undoing->done = NIL;
	if (undoing->bound->earlier)
		error = dcx_guarded(part, undoing);
	else
		part(undoing);
	if (error)
		undoing->done = list_make1(psprintf("%s is kept: %s", undoing->what, error->message));
	foreach(lc, undoing->done)
	{
		Datum values[1];
		bool  nulls[1] = {false};

		values[0] = CStringGetTextDatum(lfirst(lc));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/* Undoes one binding. */
static void
undo_binding(FunctionCallInfo fcinfo, const DcxBound *bound)
{
	Undoing undoing = {.fcinfo = fcinfo,
					   .bound = bound,
					   .owner = dcx_relation_owner(bound->relation),
					   .schema = get_rel_namespace(bound->relation)};

	if (!OidIsValid(undoing.owner))
	{
		undoing.server = bound->server;
		undoing.schema = bound->schema;
		if (OidIsValid(bound->server))
			undoing.owner = GetForeignServer(bound->server)->owner;
	}
	else if (get_rel_relkind(bound->relation) == RELKIND_FOREIGN_TABLE)
		undoing.server = GetForeignTable(bound->relation)->serverid;
	undo(&undoing, drop_relation);
	undo(&undoing, drop_surroundings);
}

/* dcx_detach(what text) */
PG_FUNCTION_INFO_V1(dcx_detach);
Datum
dcx_detach(PG_FUNCTION_ARGS)
{
	char	 *what = text_to_cstring(PG_GETARG_TEXT_PP(0));
	List	 *removed;
	ListCell *lc;
	DcxRun	  run;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	dcx_run_begin(&run, InvalidOid);
	removed = dcx_binding_remove(what);
	if (removed == NIL)
		ereport(ERROR,
				errcode(DCX_ERRCODE_NOT_ATTACHED),
				errmsg("nothing is attached as \"%s\"", dcx_text_shown(what)),
				errhint("What is attached stands in dcx.binding, column catalog: 'aas', "
						"'enetworks' or 'wallet'."));
	foreach(lc, removed)
		undo_binding(fcinfo, lfirst(lc));
	dcx_run_end(&run);
	return (Datum) 0;
}
