/*
 * probe.c
 *		Asks another server one question, beside our transaction.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "foreign.h"
#include "foreign/foreign.h"
#include "libpq-fe.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "probe.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* The parameters of a connection, as libpq takes them. */
typedef struct Parameters
{
	int			 n;
	const char **keywords;
	const char **values;
} Parameters;

static void
add(Parameters *parameters, const char *keyword, const char *value)
{
	parameters->keywords[parameters->n] = keyword;
	parameters->values[parameters->n++] = value;
}

/* Adds the options that libpq knows; the others are postgres_fdw's own. */
static void
add_options(Parameters *parameters, List *options, const PQconninfoOption *known)
{
	ListCell *lc;

	foreach(lc, options)
	{
		DefElem *option = lfirst(lc);

		for (const PQconninfoOption *k = known; k->keyword; k++)
			if (strcmp(k->keyword, option->defname) == 0)
				add(parameters, option->defname, defGetString(option));
	}
}

static Parameters
parameters_of(const ForeignServer *server, const UserMapping *mapping)
{
	int				  most = list_length(server->options) + list_length(mapping->options) + 3;
	PQconninfoOption *known = PQconndefaults();
	Parameters		  parameters = {0};

	if (!known)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	parameters.keywords = palloc0(sizeof(char *) * most);
	parameters.values = palloc0(sizeof(char *) * most);
	add_options(&parameters, server->options, known);
	add_options(&parameters, mapping->options, known);
	add(&parameters, "fallback_application_name", "dcx_pricing");
	add(&parameters, "client_encoding", GetDatabaseEncodingName());
	PQconninfoFree(known);
	return parameters;
}

static const DefElem *
option_named(const UserMapping *mapping, const char *name)
{
	ListCell *lc;

	foreach(lc, mapping->options)
	{
		const DefElem *option = lfirst(lc);

		if (strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

/* Whether a role may connect without a password of its own; only a superuser can have said so. */
static bool
may_do_without_password(Oid role, const UserMapping *mapping)
{
	const DefElem *required = option_named(mapping, "password_required");

	return superuser_arg(role) || (required && !defGetBoolean(unconstify(DefElem *, required)));
}

static char *
in_one_line(const char *text)
{
	char *line = pstrdup(text);
	int	  length = strlen(line);

	while (length > 0 && isspace((unsigned char) line[length - 1]))
		line[--length] = '\0';
	for (char *c = line; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	return line;
}

/* Waits until the connection's socket is ready; false when the time is over. */
static bool
wait_for(PGconn *connection, int events, TimestampTz deadline)
{
	long milliseconds = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

	if (milliseconds <= 0)
		return false;
	(void) WaitLatchOrSocket(MyLatch,
							 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | events,
							 PQsocket(connection),
							 milliseconds,
							 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	return true;
}

/* Goes on connecting until that is done; NULL, or what went wrong. */
static char *
finish_connecting(PGconn *connection, TimestampTz deadline)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	if (PQstatus(connection) == CONNECTION_BAD)
		return in_one_line(PQerrorMessage(connection));
	while (status != PGRES_POLLING_OK)
	{
		if (!wait_for(connection,
					  status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE,
					  deadline))
			return psprintf("no answer within %d s", DCX_PROBE_LIMIT);
		status = PQconnectPoll(connection);
		if (status == PGRES_POLLING_FAILED)
			return in_one_line(PQerrorMessage(connection));
	}
	return NULL;
}

/* Asks, and waits for the answer; NULL, or what went wrong. */
static char *
ask(PGconn *connection, const char *question, const char *parameter, TimestampTz deadline,
	char **answer)
{
	PGresult *result;
	char	 *error = NULL;

	if (!PQsendQueryParams(connection, question, 1, NULL, &parameter, NULL, NULL, 0))
		return in_one_line(PQerrorMessage(connection));
	while (PQisBusy(connection))
	{
		if (!wait_for(connection, WL_SOCKET_READABLE, deadline))
			return psprintf("no answer within %d s", DCX_PROBE_LIMIT);
		if (!PQconsumeInput(connection))
			return in_one_line(PQerrorMessage(connection));
	}
	result = PQgetResult(connection);
	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) < 1)
		error = in_one_line(PQresultErrorMessage(result));
	else
		*answer = pstrdup(PQgetvalue(result, 0, 0));
	PQclear(result);
	return error;
}

DcxProbe
dcx_probe(Oid server_oid, Oid role, const char *question, const char *parameter)
{
	DcxProbe	   probe = {0};
	TimestampTz	   deadline = GetCurrentTimestamp() + DCX_PROBE_LIMIT * USECS_PER_SEC;
	ForeignServer *server = GetForeignServer(server_oid);
	UserMapping	  *mapping;
	Parameters	   parameters;
	PGconn *volatile connection = NULL;

	if (!dcx_foreign_has_mapping(server_oid, role))
	{
		probe.error = psprintf("role \"%s\" has no user mapping for server \"%s\"",
							   GetUserNameFromId(role, false),
							   server->servername);
		return probe;
	}
	mapping = GetUserMapping(role, server_oid);
	parameters = parameters_of(server, mapping);
	if (!may_do_without_password(role, mapping) && !option_named(mapping, "password"))
	{
		probe.error = psprintf("the user mapping of role \"%s\" has no password",
							   GetUserNameFromId(role, false));
		return probe;
	}
	if (!AcquireExternalFD())
	{
		probe.error = pstrdup("too many files are open here");
		return probe;
	}
	PG_TRY();
	{
		instr_time start;
		instr_time end;

		connection = PQconnectStartParams(parameters.keywords, parameters.values, false);
		if (!connection)
			ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
		probe.error = finish_connecting(connection, deadline);
		if (!probe.error && !PQconnectionUsedPassword(connection) &&
			!may_do_without_password(role, mapping))
			probe.error = psprintf("the server asks role \"%s\" for no password, which it has to "
								   "of one that is no superuser",
								   GetUserNameFromId(role, false));
		if (!probe.error)
		{
			INSTR_TIME_SET_CURRENT(start);
			probe.error = ask(connection, question, parameter, deadline, &probe.answer);
			INSTR_TIME_SET_CURRENT(end);
			INSTR_TIME_SUBTRACT(end, start);
			probe.latency_ms = INSTR_TIME_GET_MILLISEC(end);
		}
	}
	PG_FINALLY();
	{
		PQfinish(connection);
		ReleaseExternalFD();
	}
	PG_END_TRY();
	return probe;
}
