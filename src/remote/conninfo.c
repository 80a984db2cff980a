/*
 * conninfo.c
 *		Reads a connection string: a URL as it stands in the platform's .env, or key=value pairs.
 *
 * A password often holds characters that have a meaning in a URL. Where libpq would then show a part of
 * it as a host or a port, the URL is refused, without quoting it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq-fe.h"

#include "src/base/compat.h"
#include "src/remote/around.h"
#include "src/remote/conninfo.h"
#include "src/remote/dialect.h"
#include "src/remote/options.h"

/* The length of a URL's scheme, such as "jdbc:postgresql"; 0 if the text is no URL. */
static int
scheme_length(const char *text)
{
	int length = 0;

	while (isalnum((unsigned char) text[length]) || (text[length] && strchr("+-._:", text[length])))
		length++;
	return length > 1 && text[length - 1] == ':' && strncmp(text + length, "//", 2) == 0 ?
			   length - 1 :
			   0;
}

bool
dcx_conninfo_recognize(const char *text)
{
	return strpbrk(text, ":/@=") != NULL;
}

pg_noreturn static void
refuse(const char *detail)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("the connection string cannot be parsed"),
			errdetail_internal("%s", detail),
			errhint("postgresql://user:password@host:port/database, where characters such as "
					"@ : / ? # %% in the password are percent-encoded; or key=value pairs."));
}

pg_noreturn static void
refuse_as_libpq(void)
{
	refuse("libpq does not accept it; its text is not shown, since it may hold a password.");
}

/* What libpq makes of a string, to be freed with PQconninfoFree(). */
static PQconninfoOption *
parse(const char *text)
{
	char			 *message = NULL;
	PQconninfoOption *parsed = PQconninfoParse(text, &message);

	/* Nobody may see the message: it quotes the string, with the password. */
	if (message)
		PQfreemem(message);
	if (!parsed)
		refuse_as_libpq();
	return parsed;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Percent-decoded copy of length bytes; a stray percent sign stays as it is. */
static char *
decode(const char *text, int length)
{
	char *decoded = palloc(length + 1);
	int	  n = 0;

	for (int i = 0; i < length; i++)
	{
		if (text[i] == '%' && i + 2 < length && hex_digit(text[i + 1]) >= 0 &&
			hex_digit(text[i + 2]) >= 0)
		{
			decoded[n] = (char) (hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
			if (decoded[n++] == '\0')
				refuse_as_libpq();
			i += 2;
		}
		else
			decoded[n++] = text[i];
	}
	decoded[n] = '\0';
	return decoded;
}

/* Percent-encodes everything but letters, digits, and a few characters that mean nothing in a URL. */
static void
append_encoded(StringInfo url, const char *text)
{
	for (; *text; text++)
		if (isalnum((unsigned char) *text) || strchr("-._~/,", *text))
			appendStringInfoChar(url, *text);
		else
			appendStringInfo(url, "%%%02X", (unsigned char) *text);
}

/* Appends length bytes, blanks encoded: libpq refuses them from 17 on. */
static void
append_without_blanks(StringInfo url, const char *text, int length)
{
	for (int i = 0; i < length; i++)
		if (text[i] == ' ')
			appendStringInfoString(url, "%20");
		else
			appendStringInfoChar(url, text[i]);
}

/* --------------------------------------------------------------------------------------------------
 * Parameters
 * --------------------------------------------------------------------------------------------------
 */

/* A connection string that is taken apart. */
typedef struct Reading
{
	DcxConninfo *conninfo;
	bool		 is_url;
	char		 separator; /* of the parameters in the URL for libpq */
	const char	*sslmode;	/* the strongest one of those that are named; NULL: none */
	const char	*schema;	/* of a parameter that means the same as schema */
	StringInfo	 libpq;		/* the string for libpq */
} Reading;

/* Appends an option to the string for libpq. */
static void
append_option(Reading *reading, const char *name, const char *value)
{
	StringInfo libpq = reading->libpq;

	if (reading->is_url)
	{
		appendStringInfo(libpq, "%c%s=", reading->separator, name);
		append_encoded(libpq, value);
		reading->separator = '&';
		return;
	}
	appendStringInfo(libpq, " %s='", name);
	for (; *value; value++)
	{
		if (*value == '\'' || *value == '\\')
			appendStringInfoChar(libpq, '\\');
		appendStringInfoChar(libpq, *value);
	}
	appendStringInfoChar(libpq, '\'');
}

/* Takes one parameter, whoever's it is; false if it is nobody's that we know. */
static bool
take_parameter(Reading *reading, const char *name, const char *value)
{
	DcxConninfo *conninfo = reading->conninfo;
	DcxDialect	 dialect = dcx_dialect_read(name, value);

	switch (dialect.kind)
	{
		case DCX_DIALECT_OPTION:
			if (*dialect.value == '\0')
				break; /* for libpq an empty value is none */
			if (strcmp(dialect.name, "sslmode") == 0)
				reading->sslmode = dcx_option_stronger("sslmode", reading->sslmode, dialect.value);
			else
				append_option(reading, dialect.name, dialect.value);
			break;
		case DCX_DIALECT_SCHEMA:
			if (strcmp(name, "schema") == 0)
				conninfo->schema = dcx_around_name(dialect.value, "schema in the URL");
			else
				reading->schema = dcx_around_name(dialect.value, "schema in the URL");
			break;
		case DCX_DIALECT_PGBOUNCER:
			conninfo->pgbouncer = dialect.value != NULL;
			break;
		default:
			conninfo->ignored = lappend(conninfo->ignored, pstrdup(name));
			break;
	}
	if (dialect.understood)
		conninfo->understood = lappend(conninfo->understood, pstrdup(dialect.understood));
	return dialect.kind != DCX_DIALECT_UNKNOWN;
}

/* After the last parameter. */
static void
finish_parameters(Reading *reading)
{
	if (reading->sslmode)
		append_option(reading, "sslmode", reading->sslmode);
	if (!reading->conninfo->schema && reading->schema)
		reading->conninfo->schema = pstrdup(reading->schema);
}

/* --------------------------------------------------------------------------------------------------
 * URLs
 * --------------------------------------------------------------------------------------------------
 */

/* Where the parts of a URL begin. */
typedef struct Parts
{
	const char *credentials; /* after the :// */
	const char *host;		 /* after the @, or the same */
	const char *path;		 /* at the / */
	const char *parameters;	 /* at the question mark */
	const char *end;
} Parts;

/* Takes it apart as libpq does: a question mark before the @ is one of the password. */
static Parts
parts_of(const char *url)
{
	Parts parts = {.credentials = strstr(url, "://") + 3};

	parts.host = parts.credentials + strcspn(parts.credentials, "/@");
	parts.host = *parts.host == '@' ? parts.host + 1 : parts.credentials;
	parts.path = parts.host + strcspn(parts.host, "/?");
	parts.parameters = parts.path + strcspn(parts.path, "?");
	parts.end = url + strlen(url);
	return parts;
}

/* Refuses a character that cannot be part of a URL. In the password and in a parameter a blank can. */
static void
check_characters(const Parts *parts)
{
	for (const char *c = parts->credentials; *c; c++)
	{
		bool blank =
			*c == ' ' && ((c >= parts->host && c < parts->parameters) ||
						  (c >= parts->parameters && (strchr("?&=", c[-1]) || strchr("&=", c[1]))));

		if (blank || dcx_around_hidden(c))
			refuse(psprintf("In the middle of it stands %s. A character that belongs there is "
							"percent-encoded.",
							dcx_around_shown(c)));
	}
}

/*
 * Refuses a URL that libpq would split in the wrong places, because the password holds an @ or a / that
 * is not encoded. Errors would show a part of the password as the host or the port. An @ in the value of
 * a parameter is left to check_value().
 */
static void
check_separators(const Parts *parts)
{
	bool  with_user = parts->host > parts->credentials;
	char *before = pnstrdup(parts->credentials, parts->host - parts->credentials);

	if (memchr(parts->host, '@', parts->parameters - parts->host) ||
		(with_user && (strstr(before, "?user=") || strstr(before, "&user=") ||
					   strstr(before, "?password=") || strstr(before, "&password="))))
		refuse("It has more than one @, or a / before it: in a password they are percent-encoded.");
}

/* Refuses an @ in a parameter that may be the end of a password, with the host behind it. */
static void
check_value(const Parts *parts, const char *name, const char *raw, int length)
{
	const char *at = memchr(raw, '@', length);
	DcxDialect	dialect;

	if (!at)
		return;
	dialect = dcx_dialect_read(name, "true");
	if (*parts->path != '/' || dialect.kind == DCX_DIALECT_UNKNOWN ||
		(memchr(at, '/', length - (at - raw)) && strcmp(dialect.name, "password") != 0))
		refuse("It has more than one @, or a / before it: in a password they are percent-encoded.");
}

/* The copy of a parameter's value. JDBC writes a blank as +. */
static char *
value_of(const char *url, const char *raw, int length)
{
	char *copy = pnstrdup(raw, length);

	if (strncmp(url, "jdbc:", 5) == 0)
		for (char *c = copy; *c; c++)
			if (*c == '+')
				*c = ' ';
	return decode(copy, length);
}

static void
read_url_parameters(Reading *reading, const char *url, const Parts *parts)
{
	const char *parameters = parts->parameters;

	while (*parameters)
	{
		const char *start = parameters + 1;
		int			length = strcspn(start, "&");
		int			name_length = strcspn(start, "=&");
		char	   *name = decode(start, name_length);
		const char *raw = start + Min(name_length + 1, length);

		parameters = start + length;
		if (length == 0)
			continue;
		check_value(parts, strchr(name, '@') ? "" : name, start, length);
		(void) take_parameter(reading, name, value_of(url, raw, length - (raw - start)));
	}
}

/* The string for libpq. */
static char *
read_url(DcxConninfo *conninfo, const char *url)
{
	Parts		   parts = parts_of(url);
	StringInfoData libpq;
	Reading reading = {.conninfo = conninfo, .is_url = true, .separator = '?', .libpq = &libpq};

	initStringInfo(&libpq);
	check_characters(&parts);
	check_separators(&parts);
	appendStringInfoString(&libpq, "postgresql://");
	append_without_blanks(&libpq, parts.credentials, parts.parameters - parts.credentials);
	read_url_parameters(&reading, url, &parts);
	finish_parameters(&reading);
	return libpq.data;
}

/* --------------------------------------------------------------------------------------------------
 * Pairs
 * --------------------------------------------------------------------------------------------------
 */

/* Reads libpq's value at a place, which goes on behind it. */
static char *
read_value(const char **place)
{
	StringInfoData value;
	const char	  *c = *place;
	bool		   quoted = *c == '\'';

	initStringInfo(&value);
	for (c += quoted; *c && !(quoted ? *c == '\'' : isspace((unsigned char) *c)); c++)
	{
		if (*c == '\\' && c[1])
			c++;
		if (!quoted && dcx_around_hidden(c))
			refuse(psprintf("A value has the character %s. One that belongs there is put in "
							"single quotes.",
							dcx_around_shown(c)));
		appendStringInfoChar(&value, *c);
	}
	if (quoted && *c++ != '\'')
		refuse_as_libpq();
	*place = c;
	return value.data;
}

/* Refuses what a statement or a line ended in where the pairs were copied. */
static void
check_end(const char *name, const char *value, const char *rest, bool quoted)
{
	size_t length = strlen(value);

	if (*rest == '\0' && length > 0 && !quoted && strchr(";,\\\"`", value[length - 1]) &&
		strcmp(name, "password") != 0)
		refuse(psprintf("It ends in %c. A value that does is put in single quotes.",
						value[length - 1]));
}

/* libpq's pairs, key=value with blanks between. A name that nobody knows may be a part of a password. */
static void
read_pairs(Reading *reading, const char *text)
{
	const char *c = text;

	for (;;)
	{
		const char *name = c += strspn(c, " \t\n\r\v\f");
		int			length = strcspn(c, "= \t\n\r\v\f");
		char	   *value;
		bool		quoted;

		if (*name == '\0')
			return;
		c += length;
		c += strspn(c, " \t\n\r\v\f");
		if (*c++ != '=' || length == 0)
			refuse_as_libpq();
		c += strspn(c, " \t\n\r\v\f");
		quoted = *c == '\'';
		value = read_value(&c);
		check_end(pnstrdup(name, length), value, c, quoted);
		if (!take_parameter(reading, pnstrdup(name, length), value))
			refuse_as_libpq();
	}
}

/* The end of a pair that ends in a semicolon. A value may be quoted, and a quote in it is doubled. */
static const char *
end_of_pair(const char *text)
{
	const char *value = text + strcspn(text, "=;");
	char		quote;

	if (*value != '=')
		return value;
	value += 1 + strspn(value + 1, " ");
	quote = *value == '{' ? '}' : *value;
	if (quote != '"' && quote != '\'' && quote != '}')
		return value + strcspn(value, ";");
	for (value++; *value && !(*value == quote && value[1] != quote); value++)
		if (*value == quote)
			value++;
	return value + strcspn(value, ";");
}

/* The value of such a pair, without its quotes. */
static char *
unquoted(const char *begin, const char *end)
{
	StringInfoData value;
	char		   quote;

	while (begin < end && *begin == ' ')
		begin++;
	while (end > begin && end[-1] == ' ')
		end--;
	initStringInfo(&value);
	quote = begin < end && *begin == '{' ? '}' : *begin;
	if (end - begin < 2 || end[-1] != quote || !strchr("\"'}", quote))
		quote = '\0';
	else
		begin++, end--;
	for (; begin < end; begin++)
	{
		appendStringInfoChar(&value, *begin);
		if (quote && *begin == quote)
			begin++;
	}
	return value.data;
}

/* Npgsql's and ODBC's pairs, Host=...;Port=...; PHP's begin with pgsql: */
static void
read_semicolon_pairs(Reading *reading, const char *text)
{
	if (pg_strncasecmp(text, "pgsql:", 6) == 0)
		text += 6;
	while (*text)
	{
		const char *end = end_of_pair(text);
		const char *equals = text + strcspn(text, "=;");
		char	   *name = unquoted(text, equals);

		if (*equals != '=' && *name)
			refuse("It is pairs with semicolons between, and one of them has no =. A value with a "
				   "semicolon is put in double quotes.");
		if (*equals == '=' && !take_parameter(reading, name, unquoted(equals + 1, end)))
			refuse(
				"It is pairs with semicolons between, and one of them has a name that nobody knows.");
		text = *end ? end + 1 : end;
	}
}

/* Whether these are pairs with semicolons between: the first one says something, and no further one is in its value. */
static bool
has_semicolons(const char *text)
{
	const char *equals = strchr(text, '=');
	const char *semicolon = strchr(text, ';');
	char	   *name;

	if (pg_strncasecmp(text, "pgsql:", 6) == 0)
		text += 6;
	if (!equals || !semicolon || semicolon < equals || equals < text ||
		memchr(equals + 1, '=', semicolon - equals - 1))
		return false;
	name = unquoted(text, equals);
	return semicolon[1 + strspn(semicolon + 1, " ")] != '\0' &&
		   dcx_dialect_read(name, "true").kind != DCX_DIALECT_UNKNOWN;
}

/* The string for libpq. */
static char *
read_any_pairs(DcxConninfo *conninfo, const char *text)
{
	StringInfoData libpq;
	Reading		   reading = {.conninfo = conninfo, .libpq = &libpq};

	initStringInfo(&libpq);
	if (has_semicolons(text))
		read_semicolon_pairs(&reading, text);
	else
		read_pairs(&reading, text);
	finish_parameters(&reading);
	return libpq.data;
}

/* --------------------------------------------------------------------------------------------------
 * What libpq makes of it
 * --------------------------------------------------------------------------------------------------
 */

/* Whether the port is a number. In a URL without an @, libpq takes the password for the port. */
static bool
port_is_number(const PQconninfoOption *options)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, "port") == 0 && options->val)
			return options->val[strspn(options->val, "0123456789,")] == '\0';
	return true;
}

/* What is wrong with a value that a user may see; NULL if nothing is. */
static char *
find_hidden(const PQconninfoOption *options)
{
	for (; options->keyword; options++)
		for (const char *c = options->val; c && *c && options->dispchar[0] != '*'; c++)
			if (dcx_around_hidden(c))
				return psprintf("The value of %s has the character %s.",
								options->keyword,
								dcx_around_shown(c));
	return NULL;
}

/* As in postgres_fdw: user and secrets belong to the mapping, everything else to the server. */
static void
sort_options(DcxConninfo *conninfo, const PQconninfoOption *options)
{
	for (; options->keyword; options++)
	{
		DefElem *element;

		if (!options->val || !*options->val)
			continue;
		element = dcx_option(options->keyword, options->val);
		if (strcmp(options->keyword, "user") == 0 || options->dispchar[0] == '*')
			conninfo->user_options = lappend(conninfo->user_options, element);
		else
			conninfo->server_options = lappend(conninfo->server_options, element);
	}
}

DcxConninfo
dcx_conninfo_parse(const char *source)
{
	DcxConninfo		  conninfo = {0};
	PQconninfoOption *options;
	int				  scheme = scheme_length(source);
	char			 *wrong;

	if (scheme > 0 && !dcx_dialect_is_scheme(pnstrdup(source, scheme)))
		refuse("A URL begins with postgresql:// or postgres://.");

	options = parse(scheme > 0 ? read_url(&conninfo, source) : read_any_pairs(&conninfo, source));
	wrong = port_is_number(options) ? find_hidden(options) : "The port is not a number.";
	if (!wrong)
		sort_options(&conninfo, options);
	PQconninfoFree(options);
	if (wrong)
		refuse(wrong);
	return conninfo;
}
