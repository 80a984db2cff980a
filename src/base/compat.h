/*
 * compat.h
 *		Every difference between PostgreSQL 15, 16, 17 and 18 that this project meets.
 *
 * Call sites are written for the newest major; what an older one lacks is made up here.
 */
#ifndef DCX_COMPAT_H
#define DCX_COMPAT_H

#include "storage/proc.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "dcx_pricing supports PostgreSQL 15 to 18"
#endif

/* The backend-local number of the top-level transaction moved within PGPROC in 17. */
#if PG_VERSION_NUM >= 170000
#define DCX_MY_LXID (MyProc->vxid.lxid)
#else
#define DCX_MY_LXID (MyProc->lxid)
#endif

/* The module's name and version, for pg_get_loaded_modules(), since 18. */
#if PG_VERSION_NUM < 180000
#define PG_MODULE_MAGIC_EXT(...) PG_MODULE_MAGIC
#endif

/* Whether a role may execute a function, or use a schema: one check for all kinds of objects since 16. */
#if PG_VERSION_NUM >= 160000
#define dcx_role_may_execute(role, function) \
	(object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK)
#define dcx_role_may_use(role, schema) \
	(object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK)
#else
#define dcx_role_may_execute(role, function) \
	(pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK)
#define dcx_role_may_use(role, schema) \
	(pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK)
#endif

/* postgres_fdw heeds a cancel while it connects, and not connect_timeout any more, since 16. */
#define DCX_CONNECTING_IS_INTERRUPTIBLE (PG_VERSION_NUM >= 160000)

/* Stands before a declaration since 18. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* The scan of an index has a place for instrumentation since 18. */
#if PG_VERSION_NUM >= 180000
#define dcx_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, NULL, nkeys, 0)
#else
#define dcx_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, nkeys, 0)
#endif

#endif /* DCX_COMPAT_H */
