/*
 * names.h
 *		Whose the relations are that the names in a statement of ours mean.
 *
 * A statement names relations, and who owns a schema can rename it at any moment, and another one to
 * its name, with relations of his in it. What he has made would then run as whom the statement runs
 * as. So they are looked at when the names have been resolved, and before anything is planned.
 */
#ifndef DCX_NAMES_H
#define DCX_NAMES_H

/* What may be named, besides what is the system's own. */
typedef enum DcxNames
{
	DCX_NAMES_ANY,	   /* anything: it runs as the caller, whose statement might say the same */
	DCX_NAMES_TRUSTED, /* relations of whom it runs as, or of a superuser */
	DCX_NAMES_OWN	   /* relations of whom it runs as */
} DcxNames;

/* Sets what may be named from here on; returns what was set before. */
extern DcxNames dcx_names_set(DcxNames names);

/* The statement that is about to be executed: refuses (55000) relations and functions in it that may not be named. */
extern void dcx_names_check(const char *sql);

/*
 * What is allowed and checked now, to be put back after a statement, also one that fails, and after any other error that is
 * caught: what ran meanwhile may have set something else.
 */
typedef struct DcxNamesState
{
	DcxNames	allowed;
	const char *checked;
} DcxNamesState;

extern DcxNamesState dcx_names_state(void);
extern void			 dcx_names_restore(DcxNamesState state);

/* Refuses (55000) what a command has made by the wrong names; detail: a sentence. */
extern void dcx_names_moved(const char *detail);

/* Has the server tell us when a statement has been analyzed. */
extern void dcx_names_init(void);

#endif /* DCX_NAMES_H */
