/*
 * relation.h
 *		What a relation is called, whose it is, and what columns it has.
 */
#ifndef DCX_RELATION_H
#define DCX_RELATION_H

/*
 * The relation that a user means by a text. The text is read as SQL reads a name, and looked up on the search_path. If
 * there is no such relation, it is taken literally: so OrganisationWallet finds "OrganisationWallet". InvalidOid when
 * that finds nothing, either.
 */
extern Oid dcx_relation_named(const char *text);

/* The name of a relation, qualified and quoted. Never NULL, even when the relation has been dropped. */
extern char *dcx_relation_name(Oid relation);

/*
 * Refuses (42501) a caller who may not act as the relation's owner. Attaching checks it, since an attached relation is
 * read as its owner, for everybody.
 */
extern void dcx_relation_check_owner(Oid relation);

/* The relation's owner; InvalidOid when there is no such relation. */
extern Oid dcx_relation_owner(Oid relation);

/* The names of a relation's columns, separated by commas, for an error's detail. */
extern char *dcx_relation_columns(Oid relation);

/* Whether a type, or the base type of a domain, is a number that can be cast to numeric. */
extern bool dcx_relation_type_is_number(Oid type);

/*
 * Whether a value of a type, or of a domain over it, always has the same text: whatever the settings are, and without
 * a look into a catalog, as for the label of an enum.
 */
extern bool dcx_relation_type_is_plain(Oid type);

/*
 * Whether it is a table of Citus: its rows are in other tables, on other servers or here, and its own heap is empty.
 * Under a lock on the relation the answer stays true. Without Citus it takes one look into a syscache.
 */
extern bool dcx_relation_is_distributed(Oid relation);

/* Whether it is a plain table, but none of Citus, or a materialized view: no other server is involved in reading it. */
extern bool dcx_relation_is_near(Oid relation);

/* The first table of Citus among a relation and all that inherit from it; InvalidOid where there is none. */
extern Oid dcx_relation_distributed_member(Oid relation);

#endif /* DCX_RELATION_H */
