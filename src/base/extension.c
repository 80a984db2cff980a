/*
 * extension.c
 *		Finds the extension's own schema and functions, so that C code can use them.
 *
 * The functions are called directly, not by a statement: no name has to be resolved, and no right is
 * needed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/execnodes.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "src/base/compat.h"
#include "src/base/extension.h"

bool
dcx_extension_is_ours(Oid function, const char *symbol)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool	  isnull = true;
	bool	  is = false;
	Datum	  source;

	if (!HeapTupleIsValid(tuple))
		return false;
	if (((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId)
	{
		source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
		is = !isnull && strcmp(TextDatumGetCString(source), symbol) == 0;
	}
	ReleaseSysCache(tuple);
	return is;
}

char *
dcx_extension_schema(Oid function)
{
	return get_namespace_name(get_func_namespace(function));
}

pg_noreturn static void
other_version(const char *what, const char *name)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("extension dcx_pricing is of another version than its library"),
			errdetail("The library is %s, and looks for %s %s().", DCX_VERSION, what, name),
			errhint("ALTER EXTENSION dcx_pricing UPDATE."));
}

Oid
dcx_extension_function(Oid function, const char *name, int nargs, const Oid *types)
{
	List *names = list_make2(makeString(dcx_extension_schema(function)), makeString(pstrdup(name)));
	Oid	  extension = getExtensionOfObject(ProcedureRelationId, function);
	Oid	  found = LookupFuncName(names, nargs, types, true);

	if (!OidIsValid(found) || !OidIsValid(extension) ||
		getExtensionOfObject(ProcedureRelationId, found) != extension)
		other_version("function", name);
	return found;
}

/* Calls a function in SQL that returns rows. Returns a slot for them, which the caller drops; or NULL. */
static TupleTableSlot *
call(Oid function, const DcxParameters *parameters, ReturnSetInfo *result)
{
	LOCAL_FCINFO(fcinfo, DCX_PLAN_PARAMETERS);
	FmgrInfo flinfo;

	result->type = T_ReturnSetInfo;
	result->econtext = CreateStandaloneExprContext();
	result->allowedModes = SFRM_ValuePerCall | SFRM_Materialize | SFRM_Materialize_Preferred;
	result->returnMode = SFRM_ValuePerCall;
	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, parameters->n, InvalidOid, NULL, (Node *) result);
	for (int i = 0; i < parameters->n; i++)
	{
		fcinfo->args[i].value = parameters->values[i];
		fcinfo->args[i].isnull = parameters->nulls[i] == 'n';
	}
	(void) FunctionCallInvoke(fcinfo);
	if (result->returnMode != SFRM_Materialize)
		elog(ERROR, "function %u returned no table", function);
	return result->setResult ? MakeSingleTupleTableSlot(result->setDesc, &TTSOpsMinimalTuple) :
							   NULL;
}

List *
dcx_extension_rows(Oid function, const char *name, const DcxParameters *parameters, int ncolumns)
{
	Oid			  called = dcx_extension_function(function, name, parameters->n, parameters->types);
	ReturnSetInfo result = {0};
	TupleTableSlot *row = call(called, parameters, &result);
	List		   *rows = NIL;

	if (!row)
		return NIL;
	if (result.setDesc->natts != ncolumns)
		other_version("other columns of", name);
	while (tuplestore_gettupleslot(result.setResult, true, false, row))
	{
		char **texts = palloc0(sizeof(char *) * ncolumns);

		slot_getallattrs(row);
		for (int i = 0; i < ncolumns; i++)
		{
			if (TupleDescAttr(result.setDesc, i)->atttypid != TEXTOID)
				other_version("other columns of", name);
			if (!row->tts_isnull[i])
				texts[i] = TextDatumGetCString(row->tts_values[i]);
		}
		rows = lappend(rows, texts);
	}
	ExecDropSingleTupleTableSlot(row);
	tuplestore_end(result.setResult);
	FreeExprContext(result.econtext, true);
	return rows;
}
