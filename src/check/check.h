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
 * Looks at an area, or at all (NULL), and returns a list of DcxFinding, all in the current memory
 * context. function: any of the extension's. An area that cannot be looked at is itself a finding.
 */
extern List *dcx_check_area(Oid function, const char *area);

#endif /* DCX_CHECK_H */
