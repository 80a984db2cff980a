/*
 * around.h
 *		What comes along when a URL or a name is copied: blanks, quotes, a comment, the name of a variable.
 *
 * It is left out where it cannot be part of the URL or the name. Characters that do not show are the worst of
 * it: a carriage return at the end of "public" makes another schema of it. Errors name them.
 */
#ifndef DCX_AROUND_H
#define DCX_AROUND_H

#include "nodes/pg_list.h"

/* The bytes of the blank, control character or other character without ink at the beginning of a text, or 0. */
extern int dcx_around_blank(const char *text);

/* The same; but a blank of ASCII does not count. */
extern int dcx_around_hidden(const char *text);

/* How an error shows the character at the beginning of a text: "\r", "U+00A0". */
extern char *dcx_around_shown(const char *text);

/* A schema's, server's or view's name without blanks around. 22023 where one that does not show is left inside. */
extern char *dcx_around_name(const char *name, const char *what);

/*
 * A source of attach without what stands around it. What was left out is added to the list, for the user to
 * read. 22023, without a word of the text, where something stands before a URL that is not understood.
 */
extern char *dcx_around_source(const char *source, List **left_out);

#endif /* DCX_AROUND_H */
