/*
 * known.h
 *		Facts from the system catalogs that are kept until the server says that they have changed.
 *
 * Every call needs the same facts: which table is called dcx.wallet_account, whose it is, where its columns are, whether
 * a role may read it. The server's caches have the answers, but a few dozen questions cost as much as the call itself.
 * So a module keeps the answers, as plain values in a static variable, beside a DcxKnown that says whether they hold.
 *
 * Why that is right: the server's own caches are told of each change by invalidation messages, also of our own
 * transaction's changes, and of those that are rolled back. We are told by the same messages, at the same moment. So
 * what is kept is never older than what those caches would answer. Three rules:
 *
 *		- Facts are about definitions only, never about rows of a user's table. Those are for the exactness rule, which
 *		  does without messages (snapshot.h).
 *		- Facts may depend on the relations that are named in dcx_known_keep(), their columns, owners and rights; and on
 *		  any role, membership, schema or function.
 *		- Taking a lock brings messages in. So lock first, then ask whether the facts hold.
 */
#ifndef DCX_KNOWN_H
#define DCX_KNOWN_H

/* Facts depend on at most this many relations. */
#define DCX_KNOWN_RELATIONS 6

typedef struct DcxKnown
{
	bool			 holds; /* whether the facts are there and hold */
	int				 nrelations;
	Oid				 relations[DCX_KNOWN_RELATIONS]; /* that the facts depend on */
	bool			 listed;						 /* whether messages reach it */
	struct DcxKnown *next;							 /* in the list of all */
} DcxKnown;

/* How many messages have come so far. Call it before you look for facts that you want to keep. */
extern uint64 dcx_known_messages(void);

/*
 * Declares that facts hold, unless a message has come since before: then they may already be old, and false is returned.
 * Store the facts after this, at once. known must be in a static variable. Relations may be InvalidOid.
 */
extern bool dcx_known_keep(DcxKnown *known, uint64 before, int nrelations, const Oid *relations);

#endif /* DCX_KNOWN_H */
