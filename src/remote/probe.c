/*
 * probe.c
 *		Asks another server one question, beside our transaction.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "libpq-fe.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/remote/place.h"
#include "src/remote/probe.h"

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

/* Whether a mapping has a password. An empty one is none: libpq then looks for one that is the server's own. */
static bool
has_password(const UserMapping *mapping)
{
	const DefElem *password = option_named(mapping, "password");

	return password && *defGetString(unconstify(DefElem *, password));
}

/* Whether a role may connect without a password of its own; only a superuser can have said so. */
static bool
may_do_without_password(Oid role, const UserMapping *mapping)
{
	const DefElem *required = option_named(mapping, "password_required");

	return superuser_arg(role) || (required && !defGetBoolean(unconstify(DefElem *, required)));
}

/*
 * A message of libpq's, or by way of it of the other server's, whose encoding need not be ours until
 * the connection stands.
 */
static char *
in_one_line(const char *text)
{
	char *line = pstrdup(text);
	int	  length = strlen(line);
	bool  is_ours;

	while (length > 0 && isspace((unsigned char) line[length - 1]))
		line[--length] = '\0';
	is_ours = pg_verifymbstr(line, length, true);
	length = 0;
	for (const char *c = line; *c; c++)
	{
		bool is_space = *c == '\n' || *c == '\t' || *c == ' ';

		if (!is_space)
			line[length++] = !is_ours && IS_HIGHBIT_SET(*c) ? '?' : *c;
		else if (length > 0 && line[length - 1] != ' ')
			line[length++] = ' ';
	}
	line[length] = '\0';
	return line;
}

/* Until when to wait. */
typedef struct Patience
{
	TimestampTz until;	/* the next bytes come */
	TimestampTz in_all; /* all have come */
	bool		over;
} Patience;

static void
start_waiting(Patience *patience)
{
	TimestampTz now = GetCurrentTimestamp();

	patience->over = false;
	patience->until = now + DCX_PROBE_LIMIT * USECS_PER_SEC;
	patience->in_all = now + DCX_PROBE_LIMIT_IN_ALL * USECS_PER_SEC;
}

/* Something has come. */
static void
wait_on(Patience *patience)
{
	patience->until =
		Min(GetCurrentTimestamp() + DCX_PROBE_LIMIT * USECS_PER_SEC, patience->in_all);
}

static char *
too_late(Patience *patience)
{
	patience->over = true;
	if (patience->until == patience->in_all)
		return psprintf("no whole answer within %d s", DCX_PROBE_LIMIT_IN_ALL);
	return psprintf("no answer within %d s", DCX_PROBE_LIMIT);
}

/*
 * Waits until the connection's socket is ready, or the backend is told something; false when the
 * time is over. *ready: whether it is the socket, without which libpq must not go on connecting: it
 * would wait itself, for as long as the network likes, and nobody could cancel it.
 */
static bool
wait_for(PGconn *connection, int events, const Patience *patience, bool *ready)
{
	long milliseconds = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), patience->until);
	int	 happened;

	*ready = false;
	CHECK_FOR_INTERRUPTS();
	if (milliseconds <= 0)
		return false;
	happened = WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | events,
								 PQsocket(connection),
								 milliseconds,
								 PG_WAIT_EXTENSION);
	if (happened & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	*ready = (happened & events) != 0;
	return true;
}

/* Goes on connecting until that is done; NULL, or what went wrong. */
static char *
finish_connecting(PGconn *connection, Patience *patience)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	if (PQstatus(connection) == CONNECTION_BAD)
		return in_one_line(PQerrorMessage(connection));
	while (status != PGRES_POLLING_OK)
	{
		bool ready;

		if (!wait_for(connection,
					  status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE,
					  patience,
					  &ready))
			return too_late(patience);
		if (!ready)
			continue;
		status = PQconnectPoll(connection);
		if (status == PGRES_POLLING_FAILED)
			return in_one_line(PQerrorMessage(connection));
	}
	return PQsetnonblocking(connection, true) == 0 ? NULL : in_one_line(PQerrorMessage(connection));
}

/* Waits for the next result of what was sent; NULL, or what went wrong. *result: NULL after the last. */
static char *
next_result(PGconn *connection, Patience *patience, PGresult *volatile *result)
{
	int unsent;

	PQclear(*result);
	*result = NULL;
	while ((unsent = PQflush(connection)) > 0 || PQisBusy(connection))
	{
		bool ready;

		if (!wait_for(connection,
					  unsent > 0 ? WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE : WL_SOCKET_READABLE,
					  patience,
					  &ready))
			return too_late(patience);
		if (!ready)
			continue;
		if (!PQconsumeInput(connection))
			return in_one_line(PQerrorMessage(connection));
		wait_on(patience);
	}
	*result = PQgetResult(connection);
	switch (PQresultStatus(*result))
	{
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
			return NULL;
		case PGRES_FATAL_ERROR:
			return *result ? in_one_line(PQresultErrorMessage(*result)) : NULL;
		default:
			return pstrdup("it does not answer as PostgreSQL does");
	}
}

/*
 * What every question is asked under: names mean the remote's own catalogs, whatever is in its other
 * schemas, nothing is changed, nor worked at when we have long gone, and of floating point there are
 * the digits that pricing knows. Within a transaction: a pooler may have us share its session.
 */
static const char opening[] =
	"BEGIN TRANSACTION READ ONLY; SET LOCAL search_path = pg_catalog, pg_temp;"
	" SET LOCAL statement_timeout = '" CppAsString2(
		DCX_PROBE_LIMIT_IN_ALL) "s';"
								" SET LOCAL extra_float_digits = 0";

/* Sends the opening, which has four results; NULL, or what went wrong. */
static char *
open_transaction(PGconn *connection, Patience *patience, PGresult *volatile *result)
{
	char *error;

	if (!PQsendQuery(connection, opening))
		return in_one_line(PQerrorMessage(connection));
	for (int i = 0; i < 5; i++)
	{
		error = next_result(connection, patience, result);
		if (error || !*result)
			return error;
	}
	return pstrdup("it does not answer as PostgreSQL does");
}

/* Asks, and waits for the answer; NULL, or what went wrong. */
static char *
ask(PGconn *connection, const char *question, const char *parameter, Patience *patience,
	PGresult *volatile *result, char **answer)
{
	char		  *error;
	StringInfoData values;

	if (!PQsendQueryParams(connection, question, 1, NULL, &parameter, NULL, NULL, 0))
		return in_one_line(PQerrorMessage(connection));
	error = next_result(connection, patience, result);
	if (error)
		return error;
	if (PQresultStatus(*result) != PGRES_TUPLES_OK)
		return pstrdup("it does not answer as PostgreSQL does");
	initStringInfo(&values);
	for (int i = 0; i < PQntuples(*result); i++)
	{
		if (PQgetisnull(*result, i, 0))
			return pstrdup("it does not answer as PostgreSQL does");
		if (!pg_verifymbstr(PQgetvalue(*result, i, 0), PQgetlength(*result, i, 0), true))
			return psprintf("its answer is not in encoding %s", GetDatabaseEncodingName());
		if (i > 0)
			appendStringInfoChar(&values, ',');
		appendBinaryStringInfo(&values, PQgetvalue(*result, i, 0), PQgetlength(*result, i, 0));
	}
	*answer = values.data;
	return NULL;
}

/* What a server has to say beside is not for our log, which libpq would write it to as it stands. */
static void
ignore_notice(void *argument, const PGresult *notice)
{
}

DcxProbe
dcx_probe(Oid server_oid, Oid role, const char *question, const char *parameter)
{
	DcxProbe	   probe = {0};
	Patience	   patience;
	ForeignServer *server = GetForeignServer(server_oid);
	UserMapping	  *mapping;
	Parameters	   parameters;
	PGconn *volatile connection = NULL;
	PGresult *volatile result = NULL;

	if (!dcx_place_has_mapping(server_oid, role))
	{
		probe.error = psprintf("role \"%s\" has no user mapping for server \"%s\"",
							   GetUserNameFromId(role, false),
							   server->servername);
		return probe;
	}
	mapping = GetUserMapping(role, server_oid);
	parameters = parameters_of(server, mapping);
	if (!may_do_without_password(role, mapping) && !has_password(mapping))
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
	start_waiting(&patience);
	PG_TRY();
	{
		instr_time start;
		instr_time end;

		connection = PQconnectStartParams(parameters.keywords, parameters.values, false);
		if (!connection)
			ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
		PQsetNoticeReceiver(connection, ignore_notice, NULL);
		probe.error = finish_connecting(connection, &patience);
		if (!probe.error && !PQconnectionUsedPassword(connection) &&
			!may_do_without_password(role, mapping))
			probe.error = psprintf("the server asks role \"%s\" for no password, which it has to "
								   "of one that is no superuser",
								   GetUserNameFromId(role, false));
		if (!probe.error)
			probe.error = open_transaction(connection, &patience, &result);
		if (!probe.error)
		{
			INSTR_TIME_SET_CURRENT(start);
			probe.error = ask(connection, question, parameter, &patience, &result, &probe.answer);
			INSTR_TIME_SET_CURRENT(end);
			INSTR_TIME_SUBTRACT(end, start);
			probe.latency_ms = INSTR_TIME_GET_MILLISEC(end);
		}
	}
	PG_FINALLY();
	{
		PQclear(result);
		PQfinish(connection);
		ReleaseExternalFD();
	}
	PG_END_TRY();
	probe.silent = patience.over;
	return probe;
}
