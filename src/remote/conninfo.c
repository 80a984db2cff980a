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
#include "nodes/makefuncs.h"

#include "src/remote/conninfo.h"

static bool
is_url(const char *text)
{
	return strncmp(text + strspn(text, "abcdefghijklmnopqrstuvwxyz"), "://", 3) == 0;
}

bool
dcx_conninfo_recognize(const char *text)
{
	return strpbrk(text, ":/@=") != NULL;
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
			decoded[n++] = (char) (hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
			i += 2;
		}
		else
			decoded[n++] = text[i];
	}
	decoded[n] = '\0';
	return decoded;
}

static void
refuse(const char *detail)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("the connection string cannot be parsed"),
			errdetail_internal("%s", detail),
			errhint("postgresql://user:password@host:port/database, where characters such as "
					"@ : / ? # %% in the password are percent-encoded; or key=value pairs."));
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
		refuse("libpq does not accept it; its text is not shown, since it may hold a password.");
	return parsed;
}

static bool
libpq_knows(const PQconninfoOption *options, const char *keyword)
{
	/* libpq accepts this one in a URL, for compatibility with JDBC. */
	if (strcmp(keyword, "ssl") == 0)
		return true;
	for (; options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return true;
	return false;
}

/* Where a URL's parameters begin, at the question mark; NULL when there are none. */
static const char *
find_parameters(const char *url)
{
	const char *p = strstr(url, "://") + 3;
	const char *authority_end = p + strcspn(p, "/@");

	/* A question mark in the password does not count: parameters come after user and password. */
	return strchr(*authority_end == '@' ? authority_end : p, '?');
}

/* Takes one parameter that libpq does not know. */
static void
take_foreign_parameter(DcxConninfo *conninfo, char *name, char *value)
{
	if (strcmp(name, "schema") == 0 && *value)
		conninfo->schema = value;
	else
		conninfo->ignored = lappend(conninfo->ignored, name);
	if (strcmp(name, "pgbouncer") == 0)
		conninfo->pgbouncer = strcmp(value, "true") == 0;
}

/* The URL without the parameters that are not libpq's; those go to conninfo. */
static char *
strip_foreign_parameters(DcxConninfo *conninfo, const char *url)
{
	const char		 *parameters = find_parameters(url);
	PQconninfoOption *known;
	StringInfoData	  stripped;
	char			  separator = '?';

	if (!parameters)
		return pstrdup(url);

	known = parse("");
	initStringInfo(&stripped);
	appendBinaryStringInfo(&stripped, url, parameters - url);
	while (*parameters)
	{
		const char *start = parameters + 1;
		int			length = strcspn(start, "&");
		int			name_length = strcspn(start, "=&");
		char	   *name = decode(start, name_length);

		parameters = start + length;
		if (length == 0)
			continue;
		if (libpq_knows(known, name))
		{
			appendStringInfoChar(&stripped, separator);
			appendBinaryStringInfo(&stripped, start, length);
			separator = '&';
		}
		else if (name_length < length)
			take_foreign_parameter(conninfo,
								   name,
								   decode(start + name_length + 1, length - name_length - 1));
		else
			take_foreign_parameter(conninfo, name, "");
	}
	PQconninfoFree(known);
	return stripped.data;
}

/*
 * Refuses a URL that libpq would split in the wrong places, because the password holds an @ or a / that
 * is not encoded. Errors would show a part of the password as the host or the port.
 */
static void
check_separators(const char *url)
{
	const char *authority = strstr(url, "://") + 3;
	const char *at = strchr(authority, '@');

	if (at && (strchr(at + 1, '@') || memchr(authority, '/', at - authority)))
		refuse("It has more than one @, or a / before it: in a password they are percent-encoded.");
}

/* Whether the port is a number. In a URL without an @, libpq takes the password for the port. */
static bool
port_is_number(const PQconninfoOption *options)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, "port") == 0 && options->val)
			return options->val[strspn(options->val, "0123456789,")] == '\0';
	return true;
}

DcxConninfo
dcx_conninfo_parse(const char *source)
{
	DcxConninfo		  conninfo = {0};
	PQconninfoOption *options;

	if (is_url(source) && strncmp(source, "postgresql://", strlen("postgresql://")) != 0 &&
		strncmp(source, "postgres://", strlen("postgres://")) != 0)
		refuse("A URL begins with postgresql:// or postgres://.");

	if (is_url(source))
		check_separators(source);
	options = parse(is_url(source) ? strip_foreign_parameters(&conninfo, source) : source);
	if (!port_is_number(options))
	{
		PQconninfoFree(options);
		refuse("The port is not a number.");
	}
	for (PQconninfoOption *option = options; option->keyword; option++)
	{
		DefElem *element;

		if (!option->val || !*option->val)
			continue;
		element =
			makeDefElem(pstrdup(option->keyword), (Node *) makeString(pstrdup(option->val)), -1);

		/* As in postgres_fdw: user and secrets belong to the mapping, everything else to the server. */
		if (strcmp(option->keyword, "user") == 0 || option->dispchar[0] == '*')
			conninfo.user_options = lappend(conninfo.user_options, element);
		else
			conninfo.server_options = lappend(conninfo.server_options, element);
	}
	PQconninfoFree(options);

	return conninfo;
}
