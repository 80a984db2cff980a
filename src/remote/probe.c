/*
 * probe.c
 *		Asks another server one question, on a connection of its own.
 *
 * libpq is used without blocking: the backend waits for its latch and for the socket, so a cancel
 * works at any time, and each wait has a limit.
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
add_parameter(Parameters *parameters, const char *keyword, const char *value)
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
				add_parameter(parameters, option->defname, defGetString(option));
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
	add_parameter(&parameters, "fallback_application_name", "dcx_pricing");
	add_parameter(&parameters, "client_encoding", GetDatabaseEncodingName());
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

/*
 * Whether a mapping has a password. An empty one does not count: libpq then takes a password that
 * belongs to this database server's own account.
 */
static bool
has_password(const UserMapping *mapping)
{
	const DefElem *password = option_named(mapping, "password");

	return password && *defGetString(unconstify(DefElem *, password));
}

/* Whether a role may connect without a password of its own. Only a superuser can set password_required. */
static bool
may_do_without_password(Oid role, const UserMapping *mapping)
{
	const DefElem *required = option_named(mapping, "password_required");

	return superuser_arg(role) || (required && !defGetBoolean(unconstify(DefElem *, required)));
}

/*
 * A message of libpq, or of the other server. Until the connection is up the other server's messages
 * may come in any encoding.
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

/*
 * A question under way. It is allocated, not on the stack: PG_FINALLY() has to find in it what was
 * there when the error came.
 */
typedef struct Asking
{
	PGconn	   *connection;
	PGresult   *result; /* the last one */
	TimestampTz until;	/* the next bytes have to come */
	TimestampTz in_all; /* all of the answer has to be here */
	DcxProbe	probe;
} Asking;

static bool
fail(Asking *asking, DcxProbeFailure failure, char *error)
{
	asking->probe.failure = failure;
	asking->probe.error = error;
	return false;
}

/* It failed with what libpq, or the other server, says. */
static bool
fail_as_libpq_says(Asking *asking, DcxProbeFailure failure)
{
	return fail(asking, failure, in_one_line(PQerrorMessage(asking->connection)));
}

static bool
fail_as_strange(Asking *asking)
{
	return fail(asking, DCX_PROBE_STRANGE, pstrdup("it does not answer as PostgreSQL does"));
}

static bool
fail_as_silent(Asking *asking)
{
	return fail(asking,
				DCX_PROBE_SILENT,
				asking->until == asking->in_all ?
					psprintf("no whole answer within %d s", DCX_PROBE_LIMIT_IN_ALL) :
					psprintf("no answer within %d s", DCX_PROBE_LIMIT));
}

static void
start_waiting(Asking *asking)
{
	TimestampTz now = GetCurrentTimestamp();

	asking->until = now + DCX_PROBE_LIMIT * USECS_PER_SEC;
	asking->in_all = now + DCX_PROBE_LIMIT_IN_ALL * USECS_PER_SEC;
}

/* Some bytes have come: waits for the next ones. */
static void
wait_on(Asking *asking)
{
	asking->until = Min(GetCurrentTimestamp() + DCX_PROBE_LIMIT * USECS_PER_SEC, asking->in_all);
}

/*
 * Waits until the connection's socket is ready, or the backend's latch is set; false when the time is
 * over. *ready: whether it is the socket. Only then may libpq go on connecting: otherwise it waits
 * itself, without limit, and nobody can cancel it.
 */
static bool
wait_for(const Asking *asking, int events, bool *ready)
{
	long milliseconds = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), asking->until);
	int	 happened;

	*ready = false;
	CHECK_FOR_INTERRUPTS();
	if (milliseconds <= 0)
		return false;
	happened = WaitLatchOrSocket(MyLatch,
								 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | events,
								 PQsocket(asking->connection),
								 milliseconds,
								 PG_WAIT_EXTENSION);
	if (happened & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	*ready = (happened & events) != 0;
	return true;
}

/* Notices of the other server do not belong in our log, which libpq would write them to. */
static void
ignore_notice(void *argument, const PGresult *notice)
{
}

static bool
connect_to(Asking *asking, const ForeignServer *server, const UserMapping *mapping)
{
	Parameters				  parameters = parameters_of(server, mapping);
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	asking->connection = PQconnectStartParams(parameters.keywords, parameters.values, false);
	if (!asking->connection)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	PQsetNoticeReceiver(asking->connection, ignore_notice, NULL);
	if (PQstatus(asking->connection) == CONNECTION_BAD)
		return fail_as_libpq_says(asking, DCX_PROBE_NOT_CONNECTED);
	while (status != PGRES_POLLING_OK)
	{
		bool ready;

		if (!wait_for(asking,
					  status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE,
					  &ready))
			return fail_as_silent(asking);
		if (!ready)
			continue;
		status = PQconnectPoll(asking->connection);
		if (status == PGRES_POLLING_FAILED)
			return fail_as_libpq_says(asking, DCX_PROBE_NOT_CONNECTED);
	}
	return PQsetnonblocking(asking->connection, true) == 0 ||
		   fail_as_libpq_says(asking, DCX_PROBE_NOT_CONNECTED);
}

/* Whether the other server has asked for the password, or need not. */
static bool
check_authenticated(Asking *asking, Oid role, const UserMapping *mapping)
{
	return PQconnectionUsedPassword(asking->connection) || may_do_without_password(role, mapping) ||
		   fail(asking,
				DCX_PROBE_FORBIDDEN,
				psprintf("the server asks role \"%s\" for no password, which it has to of one that "
						 "is no superuser",
						 GetUserNameFromId(role, false)));
}

/* Waits for the next result of what was sent. The result is NULL after the last one. */
static bool
next_result(Asking *asking)
{
	int unsent;

	PQclear(asking->result);
	asking->result = NULL;
	while ((unsent = PQflush(asking->connection)) > 0 || PQisBusy(asking->connection))
	{
		bool ready;

		if (!wait_for(asking,
					  unsent > 0 ? WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE : WL_SOCKET_READABLE,
					  &ready))
			return fail_as_silent(asking);
		if (!ready)
			continue;
		if (!PQconsumeInput(asking->connection))
			return fail_as_libpq_says(asking, DCX_PROBE_FAILED);
		wait_on(asking);
	}
	asking->result = PQgetResult(asking->connection);
	switch (PQresultStatus(asking->result))
	{
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
			return true;
		case PGRES_FATAL_ERROR:
			return !asking->result || fail(asking,
										   DCX_PROBE_FAILED,
										   in_one_line(PQresultErrorMessage(asking->result)));
		default:
			return fail_as_strange(asking);
	}
}

/*
 * Every question is asked in this transaction. Names mean objects of the remote's pg_catalog, whatever
 * its other schemas hold. Nothing can be changed. statement_timeout stops the query if we disconnect.
 * Floating point has the digits that pricing knows. SET LOCAL, since a pooler may give the session to
 * others.
 */
static const char opening[] =
	"BEGIN TRANSACTION READ ONLY; SET LOCAL search_path = pg_catalog, pg_temp;"
	" SET LOCAL statement_timeout = '" CppAsString2(
		DCX_PROBE_LIMIT_IN_ALL) "s';"
								" SET LOCAL extra_float_digits = 0";

/* Sends the opening, which has four results. */
static bool
open_transaction(Asking *asking)
{
	if (!PQsendQuery(asking->connection, opening))
		return fail_as_libpq_says(asking, DCX_PROBE_FAILED);
	for (int i = 0; i < 5; i++)
	{
		if (!next_result(asking))
			return false;
		if (!asking->result)
			return true;
	}
	return fail_as_strange(asking);
}

/* Takes the first column of the rows. */
static bool
take_answer(Asking *asking)
{
	const PGresult *result = asking->result;
	StringInfoData	values;

	if (PQresultStatus(result) != PGRES_TUPLES_OK || PQnfields(result) < 1)
		return fail_as_strange(asking);
	initStringInfo(&values);
	for (int i = 0; i < PQntuples(result); i++)
	{
		const char *value = PQgetvalue(result, i, 0);
		int			length = PQgetlength(result, i, 0);

		if (PQgetisnull(result, i, 0))
			return fail_as_strange(asking);
		if (!pg_verifymbstr(value, length, true))
			return fail(asking,
						DCX_PROBE_STRANGE,
						psprintf("its answer is not in encoding %s", GetDatabaseEncodingName()));
		if (i > 0)
			appendStringInfoChar(&values, ',');
		appendBinaryStringInfo(&values, value, length);
	}
	asking->probe.answer = values.data;
	return true;
}

static bool
ask(Asking *asking, const char *question, const char *parameter)
{
	instr_time start;
	instr_time end;

	INSTR_TIME_SET_CURRENT(start);
	if (!PQsendQueryParams(asking->connection, question, 1, NULL, &parameter, NULL, NULL, 0))
		return fail_as_libpq_says(asking, DCX_PROBE_FAILED);
	if (!next_result(asking) || !take_answer(asking))
		return false;
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	asking->probe.latency_ms = INSTR_TIME_GET_MILLISEC(end);
	return true;
}

/* Whether postgres_fdw would let the role connect, as far as that can be told before. */
static bool
may_connect(Asking *asking, const ForeignServer *server, Oid role)
{
	const UserMapping *mapping;

	if (!dcx_place_has_mapping(server->serverid, role))
		return fail(asking,
					DCX_PROBE_FORBIDDEN,
					psprintf("role \"%s\" has no user mapping for server \"%s\"",
							 GetUserNameFromId(role, false),
							 server->servername));
	mapping = GetUserMapping(role, server->serverid);
	return may_do_without_password(role, mapping) || has_password(mapping) ||
		   fail(asking,
				DCX_PROBE_FORBIDDEN,
				psprintf("the user mapping of role \"%s\" has no password",
						 GetUserNameFromId(role, false)));
}

DcxProbe
dcx_probe(Oid server_oid, Oid role, const char *question, const char *parameter)
{
	Asking			  *asking = palloc0(sizeof(Asking));
	ForeignServer	  *server = GetForeignServer(server_oid);
	const UserMapping *mapping;

	if (!may_connect(asking, server, role))
		return asking->probe;
	mapping = GetUserMapping(role, server_oid);
	if (!AcquireExternalFD())
	{
		fail(asking, DCX_PROBE_NOT_CONNECTED, pstrdup("too many files are open here"));
		return asking->probe;
	}
	start_waiting(asking);
	PG_TRY();
	{
		(void) (connect_to(asking, server, mapping) && check_authenticated(asking, role, mapping) &&
				open_transaction(asking) && ask(asking, question, parameter));
	}
	PG_FINALLY();
	{
		PQclear(asking->result);
		PQfinish(asking->connection);
		ReleaseExternalFD();
	}
	PG_END_TRY();
	return asking->probe;
}
