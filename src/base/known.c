/*
 * known.c
 *		Facts from the system catalogs that are kept until the server says that they have changed.
 *
 * The callbacks here run whenever the server likes, also in an aborted transaction: they only set flags.
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/syscache.h"

#include "src/base/known.h"

/* All that have ever been kept. */
static DcxKnown *all = NULL;

static uint64 messages = 0;

static bool
depends_on(const DcxKnown *known, Oid relation)
{
	for (int i = 0; i < known->nrelations; i++)
		if (known->relations[i] == relation)
			return true;
	return false;
}

/* A relation has changed (InvalidOid: any may have). */
static void
relation_changed(Datum argument, Oid relation)
{
	messages++;
	for (DcxKnown *known = all; known; known = known->next)
		if (!OidIsValid(relation) || depends_on(known, relation))
			known->holds = false;
}

/* A role, membership, schema or function has changed. This is rare, so which one does not matter. */
static void
something_changed(Datum argument, int cache, uint32 hash)
{
	relation_changed(argument, InvalidOid);
}

/* Asks the server for its messages. */
static void
listen(void)
{
	/* The database counts: its owner is a member of pg_database_owner. */
	static const int caches[] = {AUTHMEMROLEMEM, AUTHOID, DATABASEOID, NAMESPACEOID, PROCOID};
	static bool		 listening = false;

	if (likely(listening))
		return;
	listening = true;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	for (size_t i = 0; i < lengthof(caches); i++)
		CacheRegisterSyscacheCallback(caches[i], something_changed, (Datum) 0);
}

uint64
dcx_known_messages(void)
{
	listen();
	return messages;
}

bool
dcx_known_keep(DcxKnown *known, uint64 before, int nrelations, const Oid *relations)
{
	Assert(nrelations <= DCX_KNOWN_RELATIONS);
	known->holds = before == messages;
	if (!known->holds)
		return false;
	known->nrelations = nrelations;
	memcpy(known->relations, relations, sizeof(Oid) * nrelations);
	if (!known->listed)
	{
		known->next = all;
		all = known;
		known->listed = true;
	}
	return true;
}
