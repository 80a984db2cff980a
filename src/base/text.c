/*
 * text.c
 *		Texts: compared, sorted, listed in errors, and returned in columns.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "src/base/text.h"

int
dcx_text_compare(const char *a, const char *b)
{
	if (!a || !b)
		return (a == NULL) - (b == NULL);
	return strcmp(a, b);
}

static int
compare_elements(const void *a, const void *b)
{
	return dcx_text_compare(*(const char *const *) a, *(const char *const *) b);
}

int
dcx_text_sort(const char **texts, int n)
{
	int different = 0;

	qsort(texts, n, sizeof(char *), compare_elements);
	for (int i = 0; i < n; i++)
		if (i == 0 || dcx_text_compare(texts[i], texts[different - 1]) != 0)
			texts[different++] = texts[i];
	return different;
}

bool
dcx_text_is_long(const char *text)
{
	return strlen(text) > DCX_TEXT_SHOWN;
}

char *
dcx_text_cut(const char *text, int length, int most)
{
	if (length <= most)
		return pnstrdup(text, length);
	return psprintf("%.*s... (%d characters)",
					pg_mbcliplen(text, length, most),
					text,
					pg_mbstrlen_with_len(text, length));
}

char *
dcx_text_shown(const char *text)
{
	return dcx_text_is_long(text) ? dcx_text_cut(text, strlen(text), DCX_TEXT_SHOWN) :
									unconstify(char *, text);
}

char *
dcx_text_join(const char *const *texts, int n, int most, const char *separator)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < Min(n, most); i++)
		appendStringInfo(&list, "%s%s", i ? separator : "", texts[i]);
	if (n > most)
		appendStringInfo(&list, "%sand %d more", separator, n - most);
	return list.data;
}

char *
dcx_text_list(const char *const *texts, int n, int most)
{
	int			 nshown = Min(n, most);
	const char **shown = palloc(sizeof(char *) * Max(nshown, 1));

	for (int i = 0; i < nshown; i++)
		shown[i] = dcx_text_shown(texts[i]);
	return n == 0 ? pstrdup("none") : dcx_text_join(shown, n, most, ", ");
}

char *
dcx_text_list_of(List *texts, int most)
{
	const char **array = palloc(sizeof(char *) * Max(list_length(texts), 1));
	ListCell	*lc;

	foreach(lc, texts)
		array[foreach_current_index(lc)] = lfirst(lc);
	return dcx_text_list(array, list_length(texts), most);
}

char *
dcx_text_quoted(const char *name)
{
	return psprintf(strchr(name, '"') ? "%s" : "\"%s\"", dcx_text_shown(name));
}

Datum
dcx_text_column(const char *text, bool *isnull)
{
	*isnull = !text;
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}
