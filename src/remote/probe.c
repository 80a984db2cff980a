/*
 * probe.c
 *		Asks another server one question, on a connection of its own.
 *
 * libpq is used without blocking: the backend waits for its latch and for the socket, so a cancel
 * works at any time, and each wait has a limit.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "common/base64.h"
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

#include "src/base/compat.h"
#include "src/base/text.h"
#include "src/remote/hosts.h"
#include "src/remote/options.h"
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

/* Sets one, also where it has another value. For libpq an empty value is none. */
static void
set_parameter(Parameters *parameters, const char *keyword, const char *value)
{
	for (int i = 0; i < parameters->n; i++)
		if (strcmp(parameters->keywords[i], keyword) == 0)
		{
			parameters->values[i] = value;
			return;
		}
	add_parameter(parameters, keyword, value);
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

/*
 * Whether a mapping has a password. An empty one does not count: libpq then takes a password that
 * belongs to this database server's own account.
 */
static bool
has_password(const UserMapping *mapping)
{
	DefElem *password = dcx_option_find(mapping->options, "password");

	return password && *defGetString(password);
}

/* Whether a role may connect without a password of its own. Only a superuser can set password_required. */
static bool
may_do_without_password(Oid role, const UserMapping *mapping)
{
	DefElem *required = dcx_option_find(mapping->options, "password_required");

	return superuser_arg(role) || (required && !defGetBoolean(required));
}

/* Whether the keys of the session's own login go on to the server. The mapping's option has precedence. */
static bool
wants_scram_keys(const ForeignServer *server, const UserMapping *mapping)
{
	static const char name[] = "use_scram_passthrough";
	DefElem			 *option = dcx_option_find(mapping->options, name);

	if (!option)
		option = dcx_option_find(server->options, name);
	return option && defGetBoolean(option);
}

static bool
passes_scram_keys(const ForeignServer *server, const UserMapping *mapping)
{
	return DCX_CLIENT_HAS_SCRAM_KEYS && wants_scram_keys(server, mapping);
}

static char *
encoded_key(const void *key)
{
	int	  length = pg_b64_enc_len(DCX_SCRAM_KEY_LENGTH);
	char *encoded = palloc0(length + 1);

	if (pg_b64_encode(key, DCX_SCRAM_KEY_LENGTH, encoded, length) < 0)
		elog(ERROR, "could not encode a SCRAM key");
	return encoded;
}

static Parameters
parameters_of(const ForeignServer *server, const UserMapping *mapping)
{
	/* And two of ours, three for SCRAM keys, the hosts' three, and the end. */
	int				  most = list_length(server->options) + list_length(mapping->options) + 9;
	PQconninfoOption *known = PQconndefaults();
	Parameters		  parameters = {0};

	if (!known)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	parameters.keywords = palloc0(sizeof(char *) * most);
	parameters.values = palloc0(sizeof(char *) * most);
	add_options(&parameters, server->options, known);
	add_options(&parameters, mapping->options, known);
	PQconninfoFree(known);
	add_parameter(&parameters, "fallback_application_name", "dcx_pricing");
	add_parameter(&parameters, "client_encoding", GetDatabaseEncodingName());
	if (passes_scram_keys(server, mapping))
	{
		add_parameter(&parameters, "scram_client_key", encoded_key(DCX_SCRAM_CLIENT_KEY));
		add_parameter(&parameters, "scram_server_key", encoded_key(DCX_SCRAM_SERVER_KEY));
		/* The server must not let the role in by another method. */
		add_parameter(&parameters, "require_auth", "scram-sha-256");
	}
	return parameters;
}

/* The most bytes of a message that are shown: it can have a host's name of any length in it. */
#define MESSAGE_SHOWN 1000

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
	return dcx_text_cut(line, length, MESSAGE_SHOWN);
}

/*
 * A question under way. It is allocated, not on the stack: PG_FINALLY() has to find in it what was
 * there when the error came.
 */
typedef struct Asking
{
	PGconn	   *connection;
	PGresult   *result; /* the last one */
	TimestampTz began;
	TimestampTz until;	/* the next bytes have to come */
	TimestampTz in_all; /* all of it has to be over: connecting, or the answer */
	int			limit;	/* in seconds, what "until" comes from */
	int			limit_in_all;
	List	   *hosts;		/* still to be tried; the connection is at one of them */
	int			host_limit; /* in seconds, for each of them but the last */
	bool		goes_on;	/* to the next host, after one that says nothing */
	char	   *silent;		/* says which hosts have said nothing so far */
	char		state[6];	/* the SQLSTATE of the failure; or empty */
	DcxProbe	probe;
} Asking;

static bool
fail(Asking *asking, DcxProbeFailure failure, char *error)
{
	asking->probe.failure = failure;
	asking->probe.error = error;
	if (failure == DCX_PROBE_NOT_CONNECTED || failure == DCX_PROBE_SILENT)
		asking->probe.cause = dcx_cause_of(asking->state, error);
	else if (failure == DCX_PROBE_FAILED)
		asking->probe.cause = dcx_cause_of_break(asking->state, error);
	return false;
}

/* postgres_fdw would not let the role connect, either. */
static bool
forbid(Asking *asking, char *error, const char *hint)
{
	asking->probe.cause.hint = hint;
	return fail(asking, DCX_PROBE_FORBIDDEN, error);
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
	bool in_all = asking->until == asking->in_all;
	int	 seconds = in_all ? asking->limit_in_all : asking->limit;

	asking->probe.met_silence = true;
	if (in_all && PQstatus(asking->connection) == CONNECTION_OK)
		return fail(asking, DCX_PROBE_SILENT, psprintf("no whole answer within %d s", seconds));
	return fail(asking,
				DCX_PROBE_SILENT,
				psprintf("%sno answer within %d s", asking->silent, seconds));
}

/* The next bytes have to come within so many seconds from now. */
static void
wait_at_most(Asking *asking, int seconds)
{
	asking->limit = seconds;
	asking->until = Min(GetCurrentTimestamp() + seconds * USECS_PER_SEC, asking->in_all);
}

/* What is done now has to be over so many seconds after the beginning. */
static void
limit_in_all(Asking *asking, int seconds)
{
	asking->limit_in_all = seconds;
	asking->in_all = asking->began + seconds * USECS_PER_SEC;
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

/*
 * What is known of the hosts once the connection has begun. postgres_fdw goes on after a host that says
 * nothing only where it connects with connect_timeout, and time is left for the next host. Where it does
 * not, it waits for as long as connecting may take in all: the system can give the host up meanwhile, for
 * tcp_user_timeout.
 */
static void
read_hosts(Asking *asking)
{
	char *connect_timeout;
	long  seconds;

	asking->hosts = dcx_hosts_of(asking->connection, &connect_timeout);
	seconds = connect_timeout ? strtol(connect_timeout, NULL, 10) : DCX_PLACE_TIMEOUT;
	asking->goes_on =
		!DCX_CONNECTING_IS_INTERRUPTIBLE && seconds > 0 && seconds < DCX_PROBE_LIMIT_CONNECTING;
	if (DCX_CONNECTING_IS_INTERRUPTIBLE)
		asking->host_limit = DCX_PROBE_LIMIT_CONNECTING;
	else if (asking->goes_on)
		asking->host_limit = Min(Max(seconds, 2), DCX_PROBE_LIMIT); /* libpq takes 1 for 2 */
	else
		asking->host_limit = DCX_PROBE_LIMIT;
}

/* The limit for the host that the connection is at. */
static void
wait_for_host(Asking *asking)
{
	wait_at_most(asking, list_length(asking->hosts) > 1 ? asking->host_limit : DCX_PROBE_LIMIT);
}

static char *
current_host(const Asking *asking)
{
	return psprintf("%s,%s,%s",
					PQhost(asking->connection),
					PQhostaddr(asking->connection),
					PQport(asking->connection));
}

/*
 * Connects to the first host that answers. The status says how that ended. READING or WRITING: a host says
 * nothing.
 */
static PostgresPollingStatusType
poll_connection(Asking *asking)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	if (PQstatus(asking->connection) == CONNECTION_BAD)
		return PGRES_POLLING_FAILED;
	wait_for_host(asking);
	while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED)
	{
		char *host = current_host(asking);
		bool  ready;

		if (!wait_for(asking,
					  status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE,
					  &ready))
			break;
		if (!ready)
			continue;
		status = PQconnectPoll(asking->connection);
		if (strcmp(host, current_host(asking)) != 0)
			wait_for_host(asking);
	}
	return status;
}

static void
start_connection(Asking *asking, const Parameters *parameters)
{
	asking->connection = PQconnectStartParams(parameters->keywords, parameters->values, false);
	if (!asking->connection)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	PQsetNoticeReceiver(asking->connection, ignore_notice, NULL);
	/* Until it is connected, libpq gives the SQLSTATE only in the text. */
	(void) PQsetErrorVerbosity(asking->connection, PQERRORS_VERBOSE);
}

/*
 * Starts again without the host that says nothing; false where there is no other, or no time left. All the
 * others are tried again: what target_session_attrs makes of them is libpq's business.
 */
static bool
pass_over_host(Asking *asking, Parameters *parameters)
{
	List   *left;
	DcxHost hosts;

	if (!asking->goes_on || asking->until == asking->in_all)
		return false;
	left = dcx_hosts_without_current(asking->hosts, asking->connection);
	if (left == NIL)
		return false;
	asking->probe.met_silence = true;
	asking->silent = psprintf("%sno answer from host \"%s\", port %s, within %d s; ",
							  asking->silent,
							  PQhost(asking->connection),
							  PQport(asking->connection),
							  asking->limit);
	asking->hosts = left;
	hosts = dcx_hosts_joined(left);
	set_parameter(parameters, "host", hosts.host);
	set_parameter(parameters, "hostaddr", hosts.hostaddr);
	set_parameter(parameters, "port", hosts.port);
	PQfinish(asking->connection);
	asking->connection = NULL;
	start_connection(asking, parameters);
	return true;
}

/* Why it could not be made. */
static bool
fail_to_connect(Asking *asking)
{
	char *message = pstrdup(PQerrorMessage(asking->connection));

	dcx_cause_take_state(message, asking->state);
	return fail(asking,
				DCX_PROBE_NOT_CONNECTED,
				psprintf("%s%s", asking->silent, in_one_line(message)));
}

static bool
connect_to(Asking *asking, const ForeignServer *server, const UserMapping *mapping)
{
	Parameters				  parameters = parameters_of(server, mapping);
	PostgresPollingStatusType status;

	limit_in_all(asking, DCX_PROBE_LIMIT_CONNECTING);
	start_connection(asking, &parameters);
	if (PQstatus(asking->connection) != CONNECTION_BAD)
		read_hosts(asking);
	do
		status = poll_connection(asking);
	while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED &&
		   pass_over_host(asking, &parameters));
	if (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED)
		return fail_as_silent(asking);
	if (status == PGRES_POLLING_FAILED || PQsetnonblocking(asking->connection, true) != 0)
		return fail_to_connect(asking);
	(void) PQsetErrorVerbosity(asking->connection, PQERRORS_DEFAULT);
	return true;
}

/*
 * Whether the role has shown something of its own: the mapping's password, not one of this database
 * server's account; or what the client has passed on.
 */
static bool
check_authenticated(Asking *asking, Oid role, const ForeignServer *server,
					const UserMapping *mapping)
{
	return may_do_without_password(role, mapping) ||
		   (DCX_CLIENT_DELEGATES && dcx_used_gssapi(asking->connection)) ||
		   (PQconnectionUsedPassword(asking->connection) && has_password(mapping)) ||
		   passes_scram_keys(server, mapping) ||
		   forbid(
			   asking,
			   psprintf("the server let role \"%s\" in without asking for its password",
						GetUserNameFromId(role, false)),
			   "The server has to ask for it, as the role is no superuser here: scram-sha-256 in "
			   "its pg_hba.conf. Or a superuser sets password_required 'false' in the user "
			   "mapping.");
}

/* It failed with the error that is the result. */
static bool
fail_as_result_says(Asking *asking)
{
	const char *state = PQresultErrorField(asking->result, PG_DIAG_SQLSTATE);

	if (state)
	{
		strlcpy(asking->state, state, sizeof(asking->state));
		if (strlen(state) == 5)
			asking->probe.sqlstate =
				MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]);
	}
	return fail(asking, DCX_PROBE_FAILED, in_one_line(PQresultErrorMessage(asking->result)));
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
		wait_at_most(asking, DCX_PROBE_LIMIT);
	}
	asking->result = PQgetResult(asking->connection);
	switch (PQresultStatus(asking->result))
	{
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
			return true;
		case PGRES_FATAL_ERROR:
			return !asking->result || fail_as_result_says(asking);
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
	limit_in_all(asking, DCX_PROBE_LIMIT_IN_ALL);
	wait_at_most(asking, DCX_PROBE_LIMIT);
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
		{
			asking->probe.sqlstate = ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
			return fail(asking,
						DCX_PROBE_STRANGE,
						psprintf("its answer is not in encoding %s", GetDatabaseEncodingName()));
		}
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
	bool			   scram;

	if (!dcx_place_has_mapping(server->serverid, role))
		return forbid(asking,
					  psprintf("role \"%s\" has no user mapping for server \"%s\"",
							   GetUserNameFromId(role, false),
							   server->servername),
					  "CREATE USER MAPPING makes one, and so does attaching by a URL.");
	mapping = GetUserMapping(role, server->serverid);
	scram = wants_scram_keys(server, mapping);
	return may_do_without_password(role, mapping) || DCX_CLIENT_DELEGATES ||
		   has_password(mapping) || passes_scram_keys(server, mapping) ||
		   forbid(asking,
				  psprintf("the user mapping of role \"%s\" has no password%s",
						   GetUserNameFromId(role, false),
						   scram ?
							   ", and this session was not opened with SCRAM, whose keys go on" :
							   ""),
				  scram ?
					  "With use_scram_passthrough, log in here with a password that is kept as "
					  "scram-sha-256; or give the user mapping a password." :
					  "As the role is no superuser here, its user mapping needs a password, and "
					  "the server has to ask for it.");
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
	asking->began = GetCurrentTimestamp();
	asking->silent = "";
	PG_TRY();
	{
		(void) (connect_to(asking, server, mapping) &&
				check_authenticated(asking, role, server, mapping) && open_transaction(asking) &&
				ask(asking, question, parameter));
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
