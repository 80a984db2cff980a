/*
 * place.c
 *		A connection of postgres_fdw: to which server, with whose user mapping; and how to give it up.
 *
 * When a query is cancelled, postgres_fdw cleans up at the end of the (sub)transaction. It asks the other
 * server to cancel the query, then to roll back, and waits up to 30 s for the answers. Nobody can
 * interrupt that. (PostgreSQL 15 and 16 wait without limit if the host answers but the server itself is
 * stopped.) postgres_fdw does none of this for a connection on which the last BEGIN, SAVEPOINT, RELEASE
 * or COMMIT got no answer: it closes that one.
 *
 * So we give up a connection by opening a subtransaction on it. While a query is running, libpq refuses to
 * send the SAVEPOINT. Otherwise we wait a short time for the answer to it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/defrem.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "src/base/compat.h"
#include "src/remote/options.h"
#include "src/remote/place.h"

List *
dcx_place_list(Oid server, Oid role)
{
	ForeignServer *foreign = GetForeignServer(server);
	DcxPlace	  *place;

	if (strcmp(GetForeignDataWrapper(foreign->fdwid)->fdwname, "postgres_fdw") != 0)
		return NIL;
	place = palloc(sizeof(DcxPlace));
	place->server = server;
	place->role = role;
	return list_make1(place);
}

bool
dcx_place_has_mapping(Oid server, Oid role)
{
	return SearchSysCacheExists2(USERMAPPINGUSERSERVER,
								 ObjectIdGetDatum(role),
								 ObjectIdGetDatum(server)) ||
		   SearchSysCacheExists2(USERMAPPINGUSERSERVER,
								 ObjectIdGetDatum(InvalidOid),
								 ObjectIdGetDatum(server));
}

bool
dcx_place_connects_too_long(const DcxPlace *place)
{
	DefElem *option;
	long	 seconds;

	if (DCX_CONNECTING_IS_INTERRUPTIBLE)
		return false;
	option = dcx_option_find(GetForeignServer(place->server)->options, "connect_timeout");
	if (!option)
		return false;
	seconds = strtol(defGetString(option), NULL, 10);
	return seconds <= 0 || seconds > DCX_PLACE_MOST_TIMEOUT;
}

void
dcx_place_bound_connecting(bool bound)
{
	static const char variable[] =
		"PGCONNECT_TIMEOUT"; /* what libpq takes where no option says it */
	static bool ours = false;

	if (DCX_CONNECTING_IS_INTERRUPTIBLE)
		return;
	if (bound && !getenv(variable))
		ours = setenv(variable, CppAsString2(DCX_PLACE_TIMEOUT), 1) == 0;
	else if (!bound && ours)
	{
		(void) unsetenv(variable);
		ours = false;
	}
}

/*
 * Makes postgres_fdw use the connection, and so open a subtransaction on it. Of postgres_fdw's functions
 * this one needs no foreign table. A schema with an empty name does not exist, so nothing is imported.
 */
static void
use_connection(const DcxPlace *place)
{
	FdwRoutine				*routine = GetFdwRoutineByServerId(place->server);
	ImportForeignSchemaStmt *statement = makeNode(ImportForeignSchemaStmt);

	statement->server_name = GetForeignServer(place->server)->servername;
	statement->remote_schema = pstrdup("");
	statement->local_schema = pstrdup("");
	statement->list_type = FDW_IMPORT_SCHEMA_ALL;
	SetUserIdAndSecContext(place->role,
						   SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	(void) routine->ImportForeignSchema(statement, place->server);
}

void
dcx_place_give_up(const DcxPlace *place)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	if (IsInParallelMode())
		return;
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		use_connection(place);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}
