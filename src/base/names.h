/*
 * names.h
 *		Checks whose relations the names in our statements mean.
 *
 * A statement of ours names relations, say dcx.wallet_entry. The owner of a schema can rename it at any moment and
 * give its name to another schema, with relations of the owner's choice in it. Our statement would then run that
 * owner's views and triggers as the role that the statement runs as. So when the server has resolved the names of a
 * statement, and before it plans it, we check that the relations belong to somebody whom the statement may use.
 */
#ifndef DCX_NAMES_H
#define DCX_NAMES_H

/* Which relations a statement may name. Those of the system (pg_catalog) it always may. */
typedef enum DcxNames
{
	DCX_NAMES_ANY,	   /* any: the statement runs as the caller, who could name them as well */
	DCX_NAMES_TRUSTED, /* those of the role that it runs as, or of a superuser */
	DCX_NAMES_OWN	   /* those of the role that it runs as */
} DcxNames;

/* Sets which relations may be named from now on; returns what was set before. Runs (query.h) call it. */
extern DcxNames dcx_names_set(DcxNames names);

/*
 * Announces the statement that is about to be executed. From now on, whenever the server analyzes this text,
 * relations and functions that it may not name are refused (55000).
 */
extern void dcx_names_check(const char *sql);

/*
 * The state of this module. Whoever executes a statement, or catches an error, takes the state before and puts it
 * back afterwards: what ran in between may have set something else.
 */
typedef struct DcxNamesState
{
	DcxNames	allowed; /* which relations may be named */
	const char *checked; /* in which statement; NULL: in none */
} DcxNamesState;

extern DcxNamesState dcx_names_state(void);
extern void			 dcx_names_restore(DcxNamesState state);

/* Refuses (55000) a statement or command whose names meant something else than intended. detail: a sentence. */
extern void dcx_names_moved(const char *detail);

/* Installs the hook by which the server tells us that it has analyzed a statement. Called by _PG_init(). */
extern void dcx_names_init(void);

#endif /* DCX_NAMES_H */
