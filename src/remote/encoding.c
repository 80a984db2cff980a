/*
 * encoding.c
 *		Texts of another server that cannot be had in this database's encoding.
 */
#include "postgres.h"

#include "catalog/pg_conversion.h"
#include "catalog/pg_namespace.h"
#include "common/base64.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "src/remote/encoding.h"
#include "src/remote/place.h"

/* So many bytes are converted at once. */
#define CHUNK 8192

bool
dcx_encoding_failed(int sqlstate)
{
	return sqlstate == ERRCODE_UNTRANSLATABLE_CHARACTER ||
		   sqlstate == ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
}

/* '' makes a text of whatever type the column has there. decode() takes a backslash for an escape. */
char *
dcx_encoding_bytes_sql(const char *expression)
{
	return psprintf("decode(replace(%s || ''::text, E'\\\\', E'\\\\\\\\'), 'escape')", expression);
}

int
dcx_encoding_of(List *places)
{
	int		  encoding = -1;
	ListCell *lc;

	foreach(lc, places)
	{
		const DcxPlace *place = lfirst(lc);
		DcxProbe		probe = dcx_probe(place->server,
									  place->role,
									  "SELECT coalesce($1, getdatabaseencoding()::text)",
									  NULL);
		int				found = probe.error ? -1 : pg_char_to_encoding(probe.answer);

		if (found < 0 || (encoding >= 0 && found != encoding))
			return -1;
		encoding = found;
	}
	return encoding;
}

/*
 * Converts the beginning of some bytes and appends it to a text. Returns how many bytes that are; 0 if already
 * the first character cannot be had. proc: the conversion from this encoding; InvalidOid: the bytes are taken as
 * they are, if they are valid in it.
 */
static int
convert_beginning(StringInfo text, const char *bytes, int length, int encoding, Oid proc)
{
	static unsigned char converted[CHUNK * MAX_CONVERSION_GROWTH + 1];
	int					 n;

	length = Min(length, CHUNK);
	if (!OidIsValid(proc))
	{
		n = pg_encoding_verifymbstr(encoding, bytes, length);
		appendBinaryStringInfo(text, bytes, n);
		return n;
	}
	n = pg_do_encoding_conversion_buf(proc,
									  encoding,
									  GetDatabaseEncoding(),
									  (unsigned char *) unconstify(char *, bytes),
									  length,
									  converted,
									  sizeof(converted),
									  true);
	appendStringInfoString(text, (char *) converted);
	return n;
}

/* Converts bytes. lost: what stands for a character that cannot be had; NULL: then the result is NULL. */
static char *
convert(const char *bytes, int length, int encoding, const char *lost)
{
	bool same = encoding == GetDatabaseEncoding() || encoding == PG_SQL_ASCII ||
				GetDatabaseEncoding() == PG_SQL_ASCII;
	Oid			   proc = InvalidOid;
	StringInfoData text;

	if (same)
		encoding = GetDatabaseEncoding();
	else
	{
		proc = FindDefaultConversion(PG_CATALOG_NAMESPACE, encoding, GetDatabaseEncoding());
		if (!OidIsValid(proc))
			return NULL;
	}
	initStringInfo(&text);
	while (length > 0)
	{
		int n = convert_beginning(&text, bytes, length, encoding, proc);

		if (n == 0 && !lost)
			return NULL;
		if (n == 0)
		{
			appendStringInfoString(&text, lost);
			n = same ? 1 : Min(pg_encoding_mblen(encoding, bytes), length);
		}
		bytes += n;
		length -= n;
	}
	return text.data;
}

char *
dcx_encoding_convert(const char *bytes, int length, int encoding)
{
	return convert(bytes, length, encoding, NULL);
}

/* Takes apart an answer of the form "UTF8 ...", where the rest is base64; NULL if it is none. */
static char *
read_bytes(const char *answer)
{
	const char *encoded = strchr(answer, ' ');
	int			encoding;
	int			length;
	char	   *bytes;

	if (!encoded)
		return NULL;
	encoding = pg_char_to_encoding(pnstrdup(answer, encoded++ - answer));
	if (!PG_VALID_BE_ENCODING(encoding))
		return NULL;
	length = pg_b64_dec_len(strlen(encoded));
	bytes = palloc(length + 1);
	length = pg_b64_decode(encoded, strlen(encoded), (void *) bytes, length);
	if (length < 0)
		return NULL;
	bytes[length] = '\0';
	return convert(bytes, length, encoding, DCX_ENCODING_LOST);
}

DcxProbe
dcx_encoding_ask(Oid server, Oid role, const char *question, const char *parameter)
{
	DcxProbe probe = dcx_probe(server, role, question, parameter);

	if (!probe.error || !dcx_encoding_failed(probe.sqlstate))
		return probe;
	probe = dcx_probe(server,
					  role,
					  psprintf("SELECT getdatabaseencoding() || ' '"
							   "    || translate(encode(%s, 'base64'), E'\\n', '')"
							   "  FROM (%s) q (answer)",
							   dcx_encoding_bytes_sql("coalesce(string_agg(q.answer, ','), '')"),
							   question),
					  parameter);
	if (probe.error)
		return probe;
	probe.answer = read_bytes(probe.answer);
	if (!probe.answer)
	{
		probe.failure = DCX_PROBE_STRANGE;
		probe.error = pstrdup("it does not answer as PostgreSQL does");
	}
	return probe;
}
