/*
 * around.c
 *		What comes along when a URL or a name is copied: blanks, quotes, a comment, the name of a variable.
 *
 * No error shows a letter or a digit of the text: it may be one of a password.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "src/base/compat.h"
#include "src/remote/around.h"

/* Characters of Unicode that have no ink, without those of ASCII: first and last of each range. */
static const pg_wchar without_ink[][2] = {{0x80, 0xA0},
										  {0xAD, 0xAD},
										  {0x34F, 0x34F},
										  {0x61C, 0x61C},
										  {0x115F, 0x1160},
										  {0x1680, 0x1680},
										  {0x17B4, 0x17B5},
										  {0x180B, 0x180F},
										  {0x2000, 0x200F},
										  {0x2028, 0x202F},
										  {0x205F, 0x206F},
										  {0x2800, 0x2800},
										  {0x3000, 0x3000},
										  {0x3164, 0x3164},
										  {0xFE00, 0xFE0F},
										  {0xFEFF, 0xFEFF},
										  {0xFFA0, 0xFFA0},
										  {0xFFF9, 0xFFFC}};

/* Quotes that word processors and chat programs make of " and '. */
static const pg_wchar typographic_quotes[] =
	{0xAB, 0xBB, 0x2018, 0x2019, 0x201A, 0x201B, 0x201C, 0x201D, 0x201E, 0x201F, 0x2039, 0x203A};

/*
 * The character of Unicode at the beginning of a text, if it is none of ASCII; otherwise 0. Of a database in
 * SQL_ASCII we read UTF-8, if it is that. Of an encoding with one byte for a character, only the blank is known.
 */
static pg_wchar
character_at(const char *text, int *length)
{
	const unsigned char *bytes = (const unsigned char *) text;
	int					 encoding = GetDatabaseEncoding();

	*length = 1;
	if (!IS_HIGHBIT_SET(*text))
		return 0;
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
	{
		int of_utf8 = pg_utf_mblen(bytes);

		if ((int) strnlen(text, of_utf8) < of_utf8 || !pg_utf8_islegal(bytes, of_utf8))
			return 0;
		*length = of_utf8;
		return utf8_to_unicode(bytes);
	}
	*length = pg_mblen(text);
	if (*length == 1 && *bytes == 0xA0 && encoding != PG_KOI8R && encoding != PG_KOI8U &&
		encoding != PG_WIN866)
		return 0xA0;
	return 0;
}

int
dcx_around_hidden(const char *text)
{
	unsigned char c = *text;
	int			  length;
	pg_wchar	  character;

	if (c == '\0' || c == ' ')
		return 0;
	if (c < ' ' || c == 0x7F)
		return 1;
	character = character_at(text, &length);
	for (size_t i = 0; character != 0 && i < lengthof(without_ink); i++)
		if (character >= without_ink[i][0] && character <= without_ink[i][1])
			return length;
	return 0;
}

int
dcx_around_blank(const char *text)
{
	return *text == ' ' ? 1 : dcx_around_hidden(text);
}

char *
dcx_around_shown(const char *text)
{
	static const char escapes[] = "\tt\nn\vv\ff\rr";
	int				  length;
	pg_wchar		  character = character_at(text, &length);

	for (const char *e = escapes; *e; e += 2)
		if (*text == *e)
			return psprintf("\\%c", e[1]);
	if (*text == ' ')
		return pstrdup("a blank");
	if (character == 0 && *text > ' ' && *text < 0x7F)
		return pnstrdup(text, 1);
	return psprintf("U+%04X", (unsigned) (character ? character : (unsigned char) *text));
}

/* The bytes of the quote at the beginning of a text, or 0. */
static int
quote_at(const char *text)
{
	int		 length;
	pg_wchar character;

	if (*text == '"' || *text == '\'' || *text == '`')
		return 1;
	character = character_at(text, &length);
	for (size_t i = 0; character != 0 && i < lengthof(typographic_quotes); i++)
		if (character == typographic_quotes[i])
			return length;
	return 0;
}

/* Whether a quote at the beginning of a text is of the same kind as another one. */
static bool
same_quote(const char *text, const char *other)
{
	return quote_at(other) == 1 ? *text == *other : quote_at(text) > 1 && quote_at(other) > 1;
}

/* The last character before a place in a text; NULL where there is none. */
static char *
before(char *text, const char *place)
{
	char *last = NULL;

	while (text < place)
	{
		int length;

		last = text;
		(void) character_at(text, &length);
		text += length;
	}
	return last;
}

static void
note(List **left_out, const char *what)
{
	ListCell *lc;

	foreach(lc, *left_out)
		if (strcmp(lfirst(lc), what) == 0)
			return;
	*left_out = lappend(*left_out, pstrdup(what));
}

pg_noreturn static void
refuse(const char *detail, const char *hint)
{
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("the connection string cannot be parsed"),
			errdetail_internal("%s", detail),
			errhint("%s", hint));
}

char *
dcx_around_name(const char *name, const char *what)
{
	char *begin = pstrdup(name);
	char *end = begin + strlen(begin);
	char *last;

	while (dcx_around_blank(begin))
		begin += dcx_around_blank(begin);
	while ((last = before(begin, end)) && dcx_around_blank(last))
		end = last;
	*end = '\0';
	for (const char *c = begin; *c; c++)
		if (dcx_around_hidden(c))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("the name of the %s has a character that does not show", what),
					errdetail("It is %s.", dcx_around_shown(c)),
					errhint("Type the name anew."));
	return begin;
}

/* --------------------------------------------------------------------------------------------------
 * Where a URL begins
 * --------------------------------------------------------------------------------------------------
 */

static bool
ends_in(const char *begin, const char *end, const char *with)
{
	size_t length = strlen(with);

	return (size_t) (end - begin) >= length && pg_strncasecmp(end - length, with, length) == 0;
}

/* Where the scheme of the first URL in a text begins; NULL where there is none. */
static char *
scheme_in(char *text)
{
	static const char *const in_front[] =
		{"jdbc:", "r2dbc:", "r2dbc:pool:", "vertx-reactive:", "jdbc:aws-wrapper:"};
	char  *colon = strstr(text, "://");
	char  *begin = colon;
	size_t longest = 0;

	if (!colon)
		return NULL;
	while (begin > text && (isalnum((unsigned char) begin[-1]) || strchr("+-._", begin[-1])))
		begin--;
	for (size_t i = 0; i < lengthof(in_front); i++)
		if (ends_in(text, begin, in_front[i]))
			longest = Max(longest, strlen(in_front[i]));
	return begin == colon ? NULL : begin - longest;
}

/* Whether a scheme looks like one of PostgreSQL's: only then something may stand before it. */
static bool
is_of_postgres(const char *scheme)
{
	const char *colon = strstr(scheme, "://");

	for (; scheme < colon; scheme++)
		if (pg_strncasecmp(scheme, "postg", 5) == 0 || pg_strncasecmp(scheme, "pgsql", 5) == 0 ||
			pg_strncasecmp(scheme, "psql", 4) == 0)
			return true;
	return false;
}

/*
 * Whether a text that stands before a URL ends in a key that libpq knows, as in password=postgresql://x: then
 * the whole is key=value.
 */
static bool
is_key_value(const char *begin, const char *end)
{
	static const char *const keys[] = {"password", "passfile", "host", "user", "dbname", "options"};

	while (end > begin && strchr(" \t=\"'", end[-1]))
		end--;
	for (size_t i = 0; i < lengthof(keys); i++)
		if (ends_in(begin, end, keys[i]) &&
			(end - begin == (ptrdiff_t) strlen(keys[i]) ||
			 isspace((unsigned char) end[-(ptrdiff_t) strlen(keys[i]) - 1])))
			return true;
	return false;
}

/*
 * Looks at what stands before a URL: a variable's name, as in export X=, X:, "x":, or $env:X =; and the
 * command that it is given to. Anything else is refused.
 */
static void
check_before(const char *begin, const char *end, List **left_out)
{
	bool is_name = false;

	for (const char *c = begin; c < end; c++)
	{
		int blank = dcx_around_blank(c);
		int quote = quote_at(c);

		if (blank || quote)
		{
			note(left_out, *c == ' ' ? "blanks" : dcx_around_shown(c));
			c += Max(blank, quote) - 1;
		}
		else if (isalnum((unsigned char) *c) || strchr("_-.$:=>", *c))
			is_name = true;
		else if (!strchr("<([{", *c))
			refuse(psprintf("Before the URL stands a character that is not understood: %s",
							dcx_around_shown(c)),
				   "Give the URL alone.");
	}
	if (is_name)
		note(left_out, "what stands before it");
}

/* --------------------------------------------------------------------------------------------------
 * Where it ends
 * --------------------------------------------------------------------------------------------------
 */

/* Whether nothing but a comment, or the end of a statement, follows what a quote closes. */
static bool
is_rest_of_line(const char *text)
{
	while (*text && (dcx_around_blank(text) || strchr(";,)]}>\\", *text)))
		text += Max(dcx_around_blank(text), 1);
	return *text == '\0' || *text == '#' || strncmp(text, "//", 2) == 0;
}

/* Ends the URL where the quote that stands before it is closed. */
static void
end_at_quote(char *url, const char *quote, List **left_out)
{
	for (char *c = url; *c; c++)
	{
		int length = quote_at(c);

		if (length == 0 || !same_quote(c, quote) || !is_rest_of_line(c + length))
			continue;
		if (strchr(c + length, '#') || strstr(c + length, "//"))
			note(left_out, "a comment");
		*c = '\0';
		return;
	}
}

/*
 * Ends the URL where a comment begins, at a blank and a #. Both can also stand in a password: so the URL has to
 * be whole without what follows, and no further @ may follow that another URL could go on with.
 */
static void
end_at_comment(char *url, List **left_out)
{
	for (char *c = url; *c; c++)
	{
		int	  length = dcx_around_blank(c);
		char *at;

		if (length == 0 || c[length] != '#')
			continue;
		at = strchr(url, '@');
		if (at && at > c)
			return;
		at = strrchr(c, '@');
		if (at && (c[length + 1] != ' ' || strchr(at, '/')))
			return;
		note(left_out, "a comment");
		*c = '\0';
		return;
	}
}

static int
count_of(const char *text, char of)
{
	int n = 0;

	for (; *text; text++)
		n += *text == of;
	return n;
}

/* What closes a bracket that stands before a URL. */
static bool
closes(char bracket, const char *begin, const char *end)
{
	static const char pairs[] = "<>()[]{}";
	const char		 *pair = strchr(pairs, bracket);

	return bracket && pair && (pair - pairs) % 2 == 1 && memchr(begin, pair[-1], end - begin);
}

/*
 * Leaves out one character at the end, if it cannot be part of the URL. A ' can, unless its pair is missing.
 * \n and the like are two characters where a text has been escaped once too often.
 */
static bool
drop_last(char *url, const char *begin, List **left_out)
{
	char *last = before(url, url + strlen(url));
	bool  is_quote;

	if (!last)
		return false;
	is_quote = quote_at(last) && (*last != '\'' || count_of(url, '\'') % 2 == 1);
	if (*last == ' ')
		note(left_out, "blanks");
	else if (dcx_around_blank(last) || is_quote || strchr(";,\\", *last) ||
			 closes(*last, begin, url))
		note(left_out, dcx_around_shown(last));
	else if (last > url && last[-1] == '\\' && strchr("nrt", *last))
	{
		note(left_out, last - 1);
		last--;
	}
	else
		return false;
	*last = '\0';
	return true;
}

/* --------------------------------------------------------------------------------------------------
 * A source
 * --------------------------------------------------------------------------------------------------
 */

/* Key=value pairs, or a name. A variable's name is known by its capital letters, which libpq's keys have not. */
static char *
without_variable(char *text, List **left_out)
{
	char *equals = strchr(text, '=');
	char *begin = equals;

	if (!equals)
		return text;
	while (begin > text && (isupper((unsigned char) begin[-1]) ||
							isdigit((unsigned char) begin[-1]) || begin[-1] == '_'))
		begin--;
	if (begin == equals ||
		!(begin == text || strcmp(pnstrdup(text, begin - text), "export ") == 0 ||
		  strcmp(pnstrdup(text, begin - text), "set ") == 0))
		return text;
	note(left_out, "what stands before it");
	return equals + 1;
}

static char *
around_pairs(char *text, List **left_out)
{
	char *last;
	int	  quote;

	while (dcx_around_blank(text))
		text += dcx_around_blank(text);
	text = without_variable(text, left_out);
	while ((last = before(text, text + strlen(text))) &&
		   (*last == ' ' || *last == '\n' || *last == '\r'))
	{
		/* libpq takes a blank after a backslash for one of the value. */
		if (last > text && last[-1] == '\\')
			break;
		*last = '\0';
	}
	quote = quote_at(text);
	if (quote)
	{
		note(left_out, dcx_around_shown(text));
		last = before(text + quote, text + strlen(text));
		if (last && same_quote(last, text))
			*last = '\0';
		text += quote;
	}
	return text;
}

/* A name: at its end nothing is left out that a URL could not end in, either. */
static char *
around_name(char *text, List **left_out)
{
	while (dcx_around_blank(text) || quote_at(text))
		text += Max(dcx_around_blank(text), quote_at(text));
	while (drop_last(text, text, left_out))
		;
	return text;
}

char *
dcx_around_source(const char *source, List **left_out)
{
	char *text = pstrdup(source);
	char *url = scheme_in(text);
	char *quote;

	if (url && url > text && (!is_of_postgres(url) || is_key_value(text, url)))
		url = NULL;
	if (!url)
		return strpbrk(text, ":/@=") ? around_pairs(text, left_out) : around_name(text, left_out);
	check_before(text, url, left_out);
	quote = before(text, url);
	if (quote && quote_at(quote))
		end_at_quote(url, quote, left_out);
	end_at_comment(url, left_out);
	while (drop_last(url, text, left_out))
		;
	return url;
}
