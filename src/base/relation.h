/*
 * relation.h
 *		What a relation is called, whose it is, and what columns it has.
 */
#ifndef DCX_RELATION_H
#define DCX_RELATION_H

/*
 * The relation a user means by a text: a name as SQL writes it, on the search_path; failing that,
 * a name to the letter, so that OrganisationWallet finds "OrganisationWallet". InvalidOid when
 * there is none.
 */
extern Oid dcx_relation_named(const char *text);

/* Schema-qualified and quoted name of a relation. Never NULL. */
extern char *dcx_relation_name(Oid relation);

/*
 * Refuses (42501) unless the caller may act as the relation's owner: what is bound is read as its
 * owner, on behalf of everybody.
 */
extern void dcx_relation_check_owner(Oid relation);

/* The relation's owner; InvalidOid when there is no such relation. */
extern Oid dcx_relation_owner(Oid relation);

/* The names of a relation's columns, comma-separated, for an error's detail. */
extern char *dcx_relation_columns(Oid relation);

/* Whether a column's type (or the one its domain is of) is a number that casts to numeric. */
extern bool dcx_relation_type_is_number(Oid type);

#endif /* DCX_RELATION_H */
