/*
 * cause.c
 *		Why another server cannot be reached, and what can be done about it.
 */
#include "postgres.h"

#include "src/remote/cause.h"

/*
 * One cause. The first one counts whose text is found, in any case of letters; * stands for anything between. The
 * texts are those of PostgreSQL, libpq, and common poolers.
 */
typedef struct Known
{
	const char *texts[6];
	const char *hint;
} Known;

typedef struct OfState
{
	const char *state;
	const char *hint;
} OfState;

#define WITHOUT_OPTIONS                                                                      \
	"A pooler such as pgbouncer stands in between, and takes no options. Attach again with " \
	"pgbouncer=true in the URL."
#define PASSWORD                                                                             \
	"The password is wrong, or the role does not exist there. In a URL, characters such as " \
	"@ : / ? # % in a password are percent-encoded. Attach again by a URL with the right one."
#define ROLE                                                                                \
	"See the user in the URL, or have the role made there: CREATE ROLE ... LOGIN PASSWORD " \
	"... . Behind a pooler the name can have to be another one."
#define DATABASE "See the name of the database in the URL, after the last / and before the ?."
#define HBA                                                                                        \
	"The other server's pg_hba.conf has to let this database server in, as that role and to that " \
	"database."
#define HBA_ENCRYPTED                                                                            \
	HBA " The connection that it refused was not encrypted: perhaps sslmode=require in the URL " \
		"is enough."
#define TOO_MANY                                                                              \
	"It takes no more connections: see max_connections there, or who keeps them open. It is " \
	"often over soon."
#define STARTING "It is starting, stopping or recovering. Try again in a moment."
#define CERTIFICATE                                                                             \
	"Its certificate is not signed by what sslrootcert names. Both the file and the clock are " \
	"this database server's."
#define NO_POSTGRESQL \
	"What listens there is not PostgreSQL, or does not get that far: see host and port."

static const Known of_server[] = {
	/* Poolers, and options */
	{{"startup parameter", "support command-line options"}, WITHOUT_OPTIONS},
	{{"unrecognized configuration parameter"},
	 "The server does not know a parameter in options: it is older than PostgreSQL 14, or no "
	 "PostgreSQL. Or options in the URL name one that it does not have."},
	{{"invalid command-line argument", "invalid value for parameter", "requires a value"},
	 "See options in the URL, or those of the server: ALTER SERVER ... OPTIONS (SET options ...)."},

	/* No room */
	{{"too many connections for role"},
	 "The role's CONNECTION LIMIT is reached there: close connections of that role, or ALTER ROLE "
	 "... CONNECTION LIMIT there."},
	{{"too many connections for database"},
	 "The database's CONNECTION LIMIT is reached there: close connections, or ALTER DATABASE ... "
	 "CONNECTION LIMIT there."},
	{{"max_client_conn",
	  "max client connections",
	  "max clients reached",
	  "MaxClientsInSessionMode",
	  "query_wait_timeout",
	  "could not get connection from the pool"},
	 "The pooler in between has no connection left: see the size of its pool, and who keeps "
	 "connections open."},
	{{"too many clients already", "remaining connection slots", "connection slots are reserved"},
	 TOO_MANY},

	/* Up and down */
	{{"Hot standby mode is disabled"},
	 "It is a standby that takes no connections. Attach the primary, or set hot_standby = on there."},
	{{"the database system is starting up", "not yet accepting connections", "in recovery mode"},
	 "It is starting or recovering. Try again in a moment; if that lasts, its log says why."},
	{{"the database system is shutting down"},
	 "It is being stopped. Try again when it is up again."},
	{{"terminating connection due to administrator command"},
	 "The session was ended there: the server is being stopped, or somebody has ended it. Try again."},
	{{"canceling statement due to statement timeout"},
	 "The server's own statement_timeout ended the query: something blocks it there, or it has too "
	 "much to do."},
	{{"the database system is not accepting connections"},
	 "It is up, and takes no connections yet. Its log says why."},

	/* As whom */
	{{"no password supplied", "empty password returned"},
	 "The server asks for a password and has got none. Attach again by a URL with one."},
	{{"peer authentication failed", "ident authentication failed"},
	 "The server there wants the role to be a user of its operating system. Give host and password "
	 "in the URL, or another method in its pg_hba.conf."},
	{{"requires a valid client certificate", "certificate authentication failed"},
	 "The server asks for a client's certificate: sslcert and sslkey, files on this database server."},
	{{"client certificates can only be checked"},
	 "The server asks for a client's certificate, and has no ssl_ca_file to check it by."},
	{{"authentication method requirement", "did not complete authentication"},
	 "The server does not ask in the way that require_auth, or use_scram_passthrough, wants: see its "
	 "pg_hba.conf."},
	{{"channel binding"},
	 "The server cannot do what channel_binding asks for: it takes TLS, and a password kept as "
	 "scram-sha-256."},
	{{"is not permitted to log in"}, "There: ALTER ROLE ... LOGIN."},
	{{"role \"*\" does not exist", "no such user", "user not found", "authentication_query"}, ROLE},
	{{"password authentication failed",
	  "SASL authentication failed",
	  "authentication failed for user",
	  "wrong password",
	  "auth failed"},
	 PASSWORD},

	/* Where to */
	{{"database \"*\" does not exist", "no such database", "No pool configured for database"},
	 DATABASE},
	{{"is not currently accepting connections"},
	 "There, as a superuser: ALTER DATABASE ... ALLOW_CONNECTIONS true."},
	{{"permission denied for database", "does not have CONNECT privilege"},
	 "There: GRANT CONNECT ON DATABASE ... TO the role."},
	{{"pg_hba.conf*SSL encryption", "pg_hba.conf*SSL on"}, HBA},
	{{"pg_hba.conf*no encryption", "pg_hba.conf*SSL off"}, HBA_ENCRYPTED},
	{{"pg_hba.conf"}, HBA},
	{{"session is read-only", "session is not read-only", "in hot standby mode"},
	 "None of the hosts is what target_session_attrs asks for."},
	{{"could not match"}, "Several hosts take one port, or as many ports as there are hosts."},

	/* TLS */
	{{"invalid sslmode value"},
	 "sslmode is one of disable, allow, prefer, require, verify-ca and verify-full."},
	{{"invalid*value:", "invalid port number", "invalid integer value"},
	 "libpq does not know this value of an option: see the URL, or the options of the server."},
	{{"does not support SSL", "SSL support is not compiled in", "server does not support GSSAPI"},
	 "The server has no TLS: ssl = on there; or another sslmode. Weakening one that is set takes "
	 "ALTER SERVER ... OPTIONS (SET sslmode ...)."},
	{{"root certificate file", "could not read root certificate", "no root certificate"},
	 "sslrootcert names the file with the certificate of the authority, on this database server and "
	 "readable for its account."},
	{{"does not match host name",
	  "host name from server certificate",
	  "names in the server's certificate"},
	 "The certificate is another host's: give the host as the certificate has it, or "
	 "sslmode=verify-ca."},
	{{"certificate verify failed", "certificate has expired", "self-signed certificate"},
	 CERTIFICATE},
	{{"certificate file", "private key", "could not load*certificate"},
	 "sslcert and sslkey are a client's certificate and key, files on this database server. What "
	 "Prisma calls sslcert is sslrootcert."}};

/* Causes that are about host and port. */
static const Known of_network[] = {
	{{"could not translate host name",
	  "could not parse network address",
	  "could not look up local user"},
	 "The name of the host is not known here: a name of a container's network, or of a hosts file, "
	 "may only be known elsewhere."},
	{{"on socket*No such file or directory", "on socket*Connection refused"},
	 "There is no server with that socket: see unix_socket_directories there, and the port. For one on "
	 "another machine, name the host."},
	{{"on socket*Permission denied"},
	 "The account of this database server may not use that socket."},
	{{"Connection refused"},
	 "Nothing listens there: the server is stopped, or its port or listen_addresses is another."},
	{{"unreachable", "No route to host"}, "There is no way through the network from here."},
	{{"timeout expired", "timed out", "no answer"},
	 "The host says nothing: it is down or overloaded, or a firewall in between drops what is sent."},
	{{"expected authentication request",
	  "invalid response to",
	  "unsupported frontend protocol",
	  "does not answer as PostgreSQL",
	  "closed the connection unexpectedly",
	  "Connection reset by peer"},
	 NO_POSTGRESQL},
	{{"server_login", "server login", "cannot connect to server", "AllServersDown"},
	 "The pooler in between cannot reach its server."},
	/* After what tells another kind of server, with which TLS fails, too. */
	{{"SSL error", "unsupported protocol", "no protocols available"},
	 "The two do not agree on TLS: see ssl_min_protocol_version here and there."}};

/* What a SQLSTATE means, in whatever language the text is. */
static const OfState of_state[] = {
	{"28P01", PASSWORD},
	{"28000",
	 "The server does not let that role in: see whether it exists and may LOGIN there, and pg_hba.conf."},
	{"3D000", DATABASE},
	{"42501", "There: GRANT CONNECT ON DATABASE ... TO the role."},
	{"53300", TOO_MANY " Or the role's, or the database's, CONNECTION LIMIT is reached there."},
	{"55000", "There, as a superuser: ALTER DATABASE ... ALLOW_CONNECTIONS true."},
	{"57014", "The query was ended there: by statement_timeout, or by somebody."},
	{"57P03", STARTING},
	{"57P01", STARTING},
	{"57P02", STARTING}};

/* Where a pattern begins in a text, in any case of letters; *end: where it ends. NULL: nowhere. */
static const char *
find_word(const char *text, const char *word, size_t length)
{
	for (; *text; text++)
		if (pg_strncasecmp(text, word, length) == 0)
			return text;
	return NULL;
}

/* Whether a text has the parts of a pattern, one after the other. */
static bool
has_pattern(const char *text, const char *pattern)
{
	while (*pattern)
	{
		size_t		length = strcspn(pattern, "*");
		const char *found = find_word(text, pattern, length);

		if (!found)
			return false;
		text = found + length;
		pattern += length;
		pattern += *pattern == '*';
	}
	return true;
}

/* The hint of the first cause whose text is found, or NULL. */
static const char *
find_cause(const Known *known, size_t n, const char *text)
{
	for (; n > 0; n--, known++)
		for (size_t i = 0; i < lengthof(known->texts) && known->texts[i]; i++)
			if (has_pattern(text, known->texts[i]))
				return known->hint;
	return NULL;
}

DcxCause
dcx_cause_of(const char *state, const char *text)
{
	DcxCause cause = {.hint = find_cause(of_server, lengthof(of_server), text)};

	if (cause.hint)
		return cause;
	for (size_t i = 0; i < lengthof(of_state); i++)
		if (state && strcmp(of_state[i].state, state) == 0)
			return (DcxCause){.hint = of_state[i].hint};
	cause.hint = find_cause(of_network, lengthof(of_network), text);
	cause.address = true;
	return cause;
}

DcxCause
dcx_cause_of_break(const char *state, const char *text)
{
	DcxCause cause = {.address = true};

	if (state && *state && strncmp(state, "57", 2) != 0 && strncmp(state, "08", 2) != 0)
		return cause;
	cause = dcx_cause_of(state, text);
	if (cause.hint && strcmp(cause.hint, NO_POSTGRESQL) == 0)
		cause.hint = NULL;
	return cause;
}

/* Whether a line says where in the other server's code an error comes from, as in "LOCATION:  f, auth.c:326". */
static bool
is_location(const char *line, int length)
{
	int digits = 0;
	int name = 0;

	while (digits < length && isdigit((unsigned char) line[length - digits - 1]))
		digits++;
	length -= digits + 1;
	if (digits == 0 || length < 0 || line[length] != ':')
		return false;
	while (name < length && !isspace((unsigned char) line[length - name - 1]))
		name++;
	return memchr(line + length - name, '.', name) != NULL && name < length;
}

/* Whether a SQLSTATE stands at a place, with a colon and a blank behind it. */
static bool
is_state(const char *text)
{
	for (int i = 0; i < 5; i++)
		if (!isdigit((unsigned char) text[i]) && !(text[i] >= 'A' && text[i] <= 'Z'))
			return false;
	return text[5] == ':' && text[6] == ' ';
}

void
dcx_cause_take_state(char *message, char *state)
{
	char *to = message;

	*state = '\0';
	for (char *line = message; *line;)
	{
		int length = strcspn(line, "\n");
		int next = length + (line[length] == '\n');

		if (!is_location(line, length))
		{
			for (int i = 0; i < next; i++)
			{
				/* After the severity, which is in any language. */
				if (i > 3 && strncmp(line + i - 3, ":  ", 3) == 0 && is_state(line + i))
				{
					strlcpy(state, line + i, 6);
					i += 7;
					if (i >= next)
						break;
				}
				*to++ = line[i];
			}
		}
		line += next;
	}
	*to = '\0';
}

char *
dcx_cause_text(const char *error, DcxCause cause)
{
	size_t length = strlen(error);

	if (!cause.hint)
		return pstrdup(error);
	return psprintf("%s%s %s%s",
					error,
					length > 0 && strchr(".?", error[length - 1]) ? "" : ".",
					cause.hint,
					cause.address ? " Host and port are meant as seen from this database server." :
									"");
}
