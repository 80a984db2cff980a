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

/* The most bytes of a text that an error shows. */
#define DCX_TEXT_SHOWN 128

/*
 * A text as an error shows it: a long one is cut between two characters, and its length is added, as in
 * "aaa... (10240 characters)". A short one is returned itself.
 */
extern char *dcx_text_shown(const char *text);

/* Whether a text is shown cut. A hint then has "..." in place of its SQL literal. */
extern bool dcx_text_is_long(const char *text);

/* Cuts a text of so many bytes if there are more than most. A new text in the current memory context. */
extern char *dcx_text_cut(const char *text, int length, int most);

/*
 * A list for an error, such as "a, b, and 3 more", of texts as dcx_text_shown() shows them. most: how many texts it
 * names at most; only so many are read of the array. "none" when n is 0. In the current memory context.
 */
extern char *dcx_text_list(const char *const *texts, int n, int most);

/* The same with another separator than ", ", as in "a; b; and 3 more", of the whole texts; empty when n is 0. */
extern char *dcx_text_join(const char *const *texts, int n, int most, const char *separator);

/* The same of a List of texts. */
extern char *dcx_text_list_of(List *texts, int most);

/* A name that a user wrote, as an error shows it: in double quotes, unless it has some already. */
extern char *dcx_text_quoted(const char *name);

/* A text as the value of a column: NULL sets *isnull. */
extern Datum dcx_text_column(const char *text, bool *isnull);

#endif /* DCX_TEXT_H */
