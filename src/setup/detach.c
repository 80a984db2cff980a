/*
 * detach.c
 *		Detaches a catalog or the wallets: removes the bindings, and drops what attach made.
 *
 * dcx.binding says what attach made. A relation that was there before stays, and so does a server or a
 * schema that something else uses. Everything runs as the caller.
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

#include "src/base/binding.h"
#include "src/base/errcodes.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/text.h"
#include "src/remote/foreign.h"
#include "src/wallet/attach_wallet.h"

/* Puts a row into the result: an object that was dropped, or the binding that was removed. */
static void
put_removed(FunctionCallInfo fcinfo, const char *object)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		   values[1];
	bool		   nulls[1] = {false};

	values[0] = CStringGetTextDatum(object);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
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

/* Drops server, mapping and schema if attach made them and nothing else uses them. */
static void
drop_surroundings(FunctionCallInfo fcinfo, const DcxBound *bound, Oid owner, Oid server, Oid schema)
{
	if (was_made(bound, "server") && OidIsValid(server))
	{
		char *name = GetForeignServer(server)->servername;

		if (server_is_used(server, owner))
			put_removed(fcinfo,
						psprintf("server %s is kept: other objects use it",
								 quote_identifier(name)));
		else
		{
			if (was_made(bound, "mapping"))
			{
				dcx_foreign_drop_mapping(name, owner);
				put_removed(fcinfo,
							psprintf("user mapping for %s on server %s",
									 quote_identifier(GetUserNameFromId(owner, false)),
									 quote_identifier(name)));
			}
			dcx_foreign_drop(OBJECT_FOREIGN_SERVER, list_make1(makeString(name)));
			put_removed(fcinfo, psprintf("server %s", quote_identifier(name)));
		}
	}
	if (was_made(bound, "schema") && !schema_is_used(schema))
	{
		char *name = get_namespace_name(schema);

		dcx_foreign_drop(OBJECT_SCHEMA, list_make1(makeString(name)));
		put_removed(fcinfo, psprintf("schema %s", quote_identifier(name)));
	}
}

/* Undoes one binding: drops a relation that attach made, and leaves any other. */
static void
undo_binding(FunctionCallInfo fcinfo, const DcxBound *bound)
{
	Oid		  owner = dcx_relation_owner(bound->relation);
	Oid		  schema = get_rel_namespace(bound->relation);
	Oid		  server = InvalidOid;
	char	 *name = dcx_relation_name(bound->relation);
	ListCell *lc;

	if (!OidIsValid(owner))
	{
		put_removed(fcinfo, psprintf("binding of %s", name));
		return;
	}
	if (get_rel_relkind(bound->relation) == RELKIND_FOREIGN_TABLE)
		server = GetForeignTable(bound->relation)->serverid;

	if (was_made(bound, "relation"))
	{
		dcx_foreign_drop(OBJECT_FOREIGN_TABLE,
						 list_make2(makeString(get_namespace_name(schema)),
									makeString(get_rel_name(bound->relation))));
		put_removed(fcinfo, psprintf("foreign table %s", name));
	}
	else
		put_removed(fcinfo, psprintf("binding of %s", name));

	foreach(lc, dcx_attach_wallet_drop_triggers(bound->relation, fcinfo->flinfo->fn_oid))
		put_removed(fcinfo, psprintf("trigger %s", (char *) lfirst(lc)));
	drop_surroundings(fcinfo, bound, owner, server, schema);
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
