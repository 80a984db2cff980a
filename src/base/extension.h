/*
 * extension.h
 *		The functions of the extension, for our own use: found so that nobody else's is taken for one.
 *
 * The schema that we are installed in may belong to anybody. Its owner can rename it, and put functions
 * into it that are called like ours. So a name is looked up where one of ours is now, with the exact
 * types of its arguments, and has to be a member of the same extension.
 */
#ifndef DCX_EXTENSION_H
#define DCX_EXTENSION_H

#include "nodes/pg_list.h"

#include "src/base/query.h"

/* The name of the schema that the extension is in now. function: any of ours, such as the one that is called. */
extern char *dcx_extension_schema(Oid function);

/*
 * The function of ours with this name and these types of arguments. 55000 where the installed
 * extension has none: it is of an older version than the library.
 */
extern Oid dcx_extension_function(Oid function, const char *name, int nargs, const Oid *types);

/*
 * Inside a run: calls a function of ours in SQL that returns rows of so many texts, and returns them as
 * a list of arrays of char *, NULL for NULL, in the current memory context. That the caller may execute
 * the function that calls this is enough: what its parts are, is not his to be granted.
 */
extern List *dcx_extension_rows(Oid function, const char *name, const DcxParameters *parameters,
								int ncolumns);

#endif /* DCX_EXTENSION_H */
