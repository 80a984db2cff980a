/*
 * extension.h
 *		Finds the extension's own schema and functions, so that C code can use them.
 *
 * Any role may own the schema that the extension is in. The owner can rename it, and put functions with
 * the names of ours into it. So a function is looked up in the schema in which another one of ours is
 * now, with the exact types of its arguments, and it has to be a member of the same extension.
 */
#ifndef DCX_EXTENSION_H
#define DCX_EXTENSION_H

#include "nodes/pg_list.h"

#include "src/base/query.h"

/*
 * Whether a function, whatever it is called, is this function of our library. Only superusers can make functions in C.
 */
extern bool dcx_extension_is_ours(Oid function, const char *symbol);

/* The name of the extension's schema. function: any function of the extension, such as the one called. */
extern char *dcx_extension_schema(Oid function);

/*
 * The extension's function with this name and these types of arguments. function: any function of the
 * extension. 55000 if there is none: the installed extension is older than the library.
 */
extern Oid dcx_extension_function(Oid function, const char *name, int nargs, const Oid *types);

/*
 * Inside a run: calls a function of the extension, written in SQL, that returns rows of ncolumns texts.
 * Returns them as a list of arrays of char *, NULL for NULL, in the current memory context. The caller's
 * right to execute it is not checked: the function that calls this has been checked already.
 */
extern List *dcx_extension_rows(Oid function, const char *name, const DcxParameters *parameters,
								int ncolumns);

#endif /* DCX_EXTENSION_H */
