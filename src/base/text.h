/*
 * text.h
 *		Texts: compared, sorted, listed in errors, and returned in columns.
 */
#ifndef DCX_TEXT_H
#define DCX_TEXT_H

#include "nodes/pg_list.h"

/* Compares by bytes, as strcmp() does. NULL comes last; two NULLs are equal. */
extern int dcx_text_compare(const char *a, const char *b);

/* Sorts an array of texts and removes duplicates; returns how many are left. */
extern int dcx_text_sort(const char **texts, int n);

/*
 * A list for an error, such as "a, b, and 3 more". most: how many texts it names at most; only so many are read of
 * the array. "none" when n is 0. In the current memory context.
 */
extern char *dcx_text_list(const char *const *texts, int n, int most);

/* The same with another separator than ", ", as in "a; b; and 3 more"; empty when n is 0. */
extern char *dcx_text_join(const char *const *texts, int n, int most, const char *separator);

/* The same of a List of texts. */
extern char *dcx_text_list_of(List *texts, int most);

/* A name that a user wrote, for an error: in double quotes, unless it has some already. */
extern char *dcx_text_quoted(const char *name);

/* A text as the value of a column: NULL sets *isnull. */
extern Datum dcx_text_column(const char *text, bool *isnull);

#endif /* DCX_TEXT_H */
