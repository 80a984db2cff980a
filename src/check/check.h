/*
 * check.h
 *		Everything that can be wrong, as rows.
 */
#ifndef DCX_CHECK_H
#define DCX_CHECK_H

#include "nodes/pg_list.h"

typedef struct DcxFinding
{
	const char *area;
	char	   *severity; /* error, warning or info */
	char	   *object;
	char	   *problem;
	char	   *detail; /* or NULL */
	char	   *fix;	/* or NULL */
} DcxFinding;

/*
 * Checks an area, or all of them (NULL), and returns a list of DcxFinding, in the current memory context.
 * function: any function of the extension. errors_only: what can only find warnings, and takes long, may be
 * left out. An area that cannot be checked is a finding, too. 22023 for an area that does not exist.
 */
extern List *dcx_check_area(Oid function, const char *area, bool errors_only);

#endif /* DCX_CHECK_H */
