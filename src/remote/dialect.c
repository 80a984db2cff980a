/*
 * dialect.c
 *		The parameters that other clients than libpq write into a connection string, and what they mean here.
 *
 * Names are compared without case and separators: sslMode, ssl_mode and "SSL Mode" are one name. libpq's own names
 * are taken as they are.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq-fe.h"
#include "utils/varlena.h"

#include "src/remote/dialect.h"

/* A word of another client's, and the one that it means. Written without case and separators. */
typedef struct Word
{
	const char *theirs;
	const char *ours;
} Word;

/* Names that mean an option of libpq's. */
static const Word names[] = {{"applicationname", "application_name"},
							 {"channelbinding", "channel_binding"},
							 {"database", "dbname"},
							 {"databasename", "dbname"},
							 {"db", "dbname"},
							 {"dbname", "dbname"},
							 {"initialcatalog", "dbname"},
							 {"gssencmode", "gssencmode"},
							 {"gssencryptionmode", "gssencmode"},
							 {"host", "host"},
							 {"hostname", "host"},
							 {"server", "host"},
							 {"servername", "host"},
							 {"datasource", "host"},
							 {"krbsrvname", "krbsrvname"},
							 {"kerberosservicename", "krbsrvname"},
							 {"options", "options"},
							 {"passfile", "passfile"},
							 {"password", "password"},
							 {"passwd", "password"},
							 {"pwd", "password"},
							 {"port", "port"},
							 {"portnumber", "port"},
							 {"requireauth", "require_auth"},
							 {"requirepeer", "requirepeer"},
							 {"rootcertificate", "sslrootcert"},
							 {"sslca", "sslrootcert"},
							 {"sslcert", "sslcert"},
							 {"sslcertificate", "sslcert"},
							 {"sslcertmode", "sslcertmode"},
							 {"sslcrl", "sslcrl"},
							 {"sslkey", "sslkey"},
							 {"sslmaxprotocolversion", "ssl_max_protocol_version"},
							 {"sslminprotocolversion", "ssl_min_protocol_version"},
							 {"sslmode", "sslmode"},
							 {"sslnegotiation", "sslnegotiation"},
							 {"sslpassword", "sslpassword"},
							 {"sslrootcert", "sslrootcert"},
							 {"targetservertype", "target_session_attrs"},
							 {"targetsessionattributes", "target_session_attrs"},
							 {"targetsessionattrs", "target_session_attrs"},
							 {"uid", "user"},
							 {"user", "user"},
							 {"userid", "user"},
							 {"username", "user"}};

/* Names that mean the schema. */
static const char *const schema_names[] = {"schema",
										   "currentschema",
										   "searchpath",
										   "schemasearchpath"};

/* Values of sslmode, and of ssl. */
static const Word modes[] = {{"0", "disable"},
							 {"allow", "allow"},
							 {"disable", "disable"},
							 {"disabled", "disable"},
							 {"f", "disable"},
							 {"false", "disable"},
							 {"n", "disable"},
							 {"no", "disable"},
							 {"none", "disable"},
							 {"off", "disable"},
							 {"prefer", "prefer"},
							 {"preferred", "prefer"},
							 {"1", "require"},
							 {"noverify", "require"},
							 {"on", "require"},
							 {"require", "require"},
							 {"required", "require"},
							 {"t", "require"},
							 {"true", "require"},
							 {"y", "require"},
							 {"yes", "require"},
							 {"verifyca", "verify-ca"},
							 {"verifyfull", "verify-full"},
							 {"verifyidentity", "verify-full"}};

/* Values of target_session_attrs, as JDBC and R2DBC have them. */
static const Word targets[] = {{"master", "primary"},
							   {"slave", "standby"},
							   {"secondary", "standby"},
							   {"preferslave", "prefer-standby"},
							   {"prefersecondary", "prefer-standby"},
							   {"preferstandby", "prefer-standby"},
							   {"readonly", "read-only"},
							   {"readwrite", "read-write"}};

/* What else they have; it tunes the client. */
static const char *const tuning[] = {
	/* Prisma */
	"connectionlimit",
	"pooltimeout",
	"sockettimeout",
	"sslaccept",
	"sslidentity",
	"statementcachesize",
	"maxconnectionlifetime",
	"maxidleconnectionlifetime",
	/* node-postgres and postgres.js */
	"uselibpqcompat",
	"statementtimeout",
	"querytimeout",
	"locktimeout",
	"idleintransactionsessiontimeout",
	"connectiontimeout",
	"connectiontimeoutmillis",
	"idletimeout",
	"idletimeoutmillis",
	"max",
	"min",
	"keepalive",
	"maxlifetime",
	"prepare",
	/* JDBC and R2DBC */
	"connecttimeout",
	"logintimeout",
	"canceltimeout",
	"cancelsignaltimeout",
	"tcpkeepalive",
	"tcpnodelay",
	"preparethreshold",
	"preparedstatementcachequeries",
	"preparedstatementcachesizemib",
	"preparedstatementcachequerieslimit",
	"preferquerymode",
	"rewritebatchedinserts",
	"binarytransfer",
	"defaultrowfetchsize",
	"autosave",
	"loadbalancehosts",
	"loggerlevel",
	"stringtype",
	"assumeminserverversion",
	"readonly",
	"sslfactory",
	"sslhostnameverifier",
	"sslresponsetimeout",
	"charset",
	/* libpq's, which postgres_fdw sets itself */
	"clientencoding",
	"fallbackapplicationname",
	"replication",
	/* Npgsql */
	"pooling",
	"minpoolsize",
	"maxpoolsize",
	"minimumpoolsize",
	"maximumpoolsize",
	"timeout",
	"commandtimeout",
	"internalcommandtimeout",
	"connectionidlelifetime",
	"connectionlifetime",
	"connectionpruninginterval",
	"trustservercertificate",
	"checkcertificaterevocation",
	"includeerrordetail",
	"includeerrordetails",
	"persistsecurityinfo",
	"integratedsecurity",
	"enlist",
	"multiplexing",
	"maxautoprepare",
	"autoprepareminusages",
	"noresetonclose",
	"timezone",
	"encoding",
	"driver",
	"arraynullabilitymode",
	"cancellationtimeout",
	"hostrecheckseconds",
	"includerealm",
	"loadtablecomposites",
	"logparameters",
	"readbuffersize",
	"servercompatibilitymode",
	"socketreceivebuffersize",
	"socketsendbuffersize",
	"tcpkeepaliveinterval",
	"tcpkeepalivetime",
	"writebuffersize",
	"writecoalescingbufferthresholdbytes",
	/* pgx and lib/pq */
	"poolmaxconns",
	"poolminconns",
	"poolminidleconns",
	"poolmaxconnlifetime",
	"poolmaxconnlifetimejitter",
	"poolmaxconnidletime",
	"poolhealthcheckperiod",
	"defaultqueryexecmode",
	"statementcachecapacity",
	"statementcachemode",
	"descriptioncachecapacity",
	"prefersimpleprotocol",
	"binaryparameters",
	/* Rails, Django, SQLAlchemy, Doctrine */
	"adapter",
	"pool",
	"poolsize",
	"maxoverflow",
	"checkouttimeout",
	"reapingfrequency",
	"preparedstatements",
	"preparedstatementcachesize",
	"advisorylocks",
	"minmessages",
	"connmaxage",
	"connhealthchecks",
	"disableserversidecursors",
	"serverversion",
	/* poolers */
	"supa",
	"workaround",
	"pgbounceruser"};

/* A name or value without case and separators. */
static char *
plain(const char *text)
{
	StringInfoData word;

	initStringInfo(&word);
	for (; *text; text++)
		if (!strchr(" _-.", *text))
			appendStringInfoChar(&word, pg_tolower((unsigned char) *text));
	return word.data;
}

static const char *
find(const Word *words, size_t n, const char *theirs)
{
	char *word = plain(theirs);

	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i].theirs, word) == 0)
			return words[i].ours;
	return NULL;
}

static bool
is_among(const char *const *list, size_t n, const char *name)
{
	char *word = plain(name);

	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}

/* libpq's option of a name; *taken: whether postgres_fdw takes it, too. */
static bool
is_libpq_option(const char *name, bool *taken)
{
	PQconninfoOption *options = PQconndefaults();
	bool			  found = false;

	if (!options)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	for (PQconninfoOption *option = options; option->keyword; option++)
		if (strcmp(option->keyword, name) == 0)
		{
			found = true;
			*taken = strchr(option->dispchar, 'D') == NULL &&
					 strcmp(name, "client_encoding") != 0 &&
					 strcmp(name, "fallback_application_name") != 0;
		}
	PQconninfoFree(options);
	return found;
}

/* The mode of encryption. libpq refuses a sslmode that it does not know; ssl is none of its. */
static DcxDialect
read_mode(const char *name, const char *value)
{
	const char *mode = *value ? find(modes, lengthof(modes), value) : "require";
	bool		is_ssl = strcmp(plain(name), "ssl") == 0;
	DcxDialect	dialect = {.kind = DCX_DIALECT_OPTION, .name = "sslmode", .value = value};

	if (!is_ssl && *value == '\0')
		return dialect;
	if (!mode && is_ssl)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the connection string cannot be parsed"),
				errdetail("Parameter \"ssl\" has a value that is not understood."),
				errhint(
					"Give sslmode: disable, allow, prefer, require, verify-ca or verify-full."));
	if (mode)
		dialect.value = mode;
	if (mode && (strcmp(name, "sslmode") != 0 || strcmp(value, mode) != 0))
		dialect.understood = psprintf("%s%s%s is sslmode=%s", name, *value ? "=" : "", value, mode);
	/* JDBC and node-postgres verify the certificate then; libpq does not. */
	if (is_ssl && strcmp(mode, "require") == 0 && strcmp(plain(value), "noverify") != 0)
		dialect.understood = psprintf("%s, which verifies no certificate: sslmode=verify-full does",
									  dialect.understood);
	return dialect;
}

/* libpq's old name for it, as libpq reads it. */
static DcxDialect
read_requiressl(const char *name, const char *value)
{
	DcxDialect dialect = {.kind = DCX_DIALECT_OPTION, .name = "sslmode"};

	dialect.value = *value == '1' ? "require" : "prefer";
	dialect.understood = psprintf("%s is sslmode=%s", name, dialect.value);
	return dialect;
}

/* The first schema of a search_path. */
static DcxDialect
read_schema(const char *name, const char *value)
{
	DcxDialect dialect = {.kind = DCX_DIALECT_SCHEMA, .name = name, .value = value};
	List	  *schemas;
	ListCell  *lc;

	if (strcmp(name, "schema") == 0)
		return dialect;
	if (!SplitIdentifierString(pstrdup(value), ',', &schemas))
		schemas = NIL;
	foreach(lc, schemas)
	{
		dialect.value = lfirst(lc);
		if (strcmp(dialect.value, "$user") != 0)
			break;
	}
	dialect.understood = psprintf("%s is schema=%s", name, dialect.value);
	return dialect;
}

DcxDialect
dcx_dialect_read(const char *name, const char *value)
{
	DcxDialect	dialect = {.kind = DCX_DIALECT_OPTION, .name = name, .value = value};
	const char *ours = find(names, lengthof(names), name);
	bool		taken = true;

	if (strcmp(plain(name), "ssl") == 0 || (ours && strcmp(ours, "sslmode") == 0))
		return read_mode(name, value);
	if (strcmp(plain(name), "requiressl") == 0)
		return read_requiressl(name, value);
	if (is_among(schema_names, lengthof(schema_names), name) && *value)
		return read_schema(name, value);
	if (strcmp(plain(name), "pgbouncer") == 0)
	{
		const char *mode = find(modes, lengthof(modes), value);

		dialect.kind = DCX_DIALECT_PGBOUNCER;
		dialect.value = mode && strcmp(mode, "require") == 0 ? "true" : NULL;
		return dialect;
	}
	if (is_libpq_option(name, &taken))
	{
		if (!taken)
			dialect.kind = DCX_DIALECT_IGNORED;
	}
	else if (ours && is_libpq_option(ours, &taken) && taken)
	{
		dialect.name = ours;
		dialect.understood = psprintf("%s is %s", name, ours);
	}
	else
		dialect.kind =
			is_among(tuning, lengthof(tuning), name) || strncmp(name, "variables[", 10) == 0 ?
				DCX_DIALECT_IGNORED :
				DCX_DIALECT_UNKNOWN;
	/* Prisma verifies the certificate then. */
	if (strcmp(plain(name), "sslaccept") == 0 && strcmp(plain(value), "strict") == 0)
		dialect.understood =
			"sslaccept=strict verifies no certificate here: sslmode=verify-full does";
	if (dialect.kind == DCX_DIALECT_OPTION && strcmp(dialect.name, "target_session_attrs") == 0 &&
		find(targets, lengthof(targets), value))
		dialect.value = find(targets, lengthof(targets), value);
	return dialect;
}

bool
dcx_dialect_is_scheme(const char *scheme)
{
	static const char *const schemes[] =
		{"postgres", "postgresql", "postgis", "pgsql", "psql", "pg", "pdopgsql", "timescale"};
	char *word = plain(pnstrdup(scheme, strcspn(scheme, "+")));
	char *last = strrchr(word, ':');

	return is_among(schemes, lengthof(schemes), last ? last + 1 : word);
}
