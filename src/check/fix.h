/*
 * fix.h
 *		Who can run the fix of a finding.
 */
#ifndef DCX_FIX_H
#define DCX_FIX_H

/*
 * Inside a run as the caller: NULL if the caller may run the statement here; else who may, or where: 'by role "dba"',
 * "by a superuser", "on the primary". It looks at owners and at rights to execute, not at whether it would succeed.
 */
extern char *dcx_fix_who(const char *fix);

#endif /* DCX_FIX_H */
