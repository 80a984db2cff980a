/*
 * compat.h
 *		The differences between PostgreSQL 15, 16, 17 and 18 that matter to us, all of them.
 *
 * Code is written for the newest major; what an older one lacks is defined here. No other file asks for the version.
 */
#ifndef DCX_COMPAT_H
#define DCX_COMPAT_H

#include "miscadmin.h"
#include "storage/proc.h"

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "dcx_pricing supports PostgreSQL 15 to 18"
#endif

/* The local id of the top-level transaction. It moved within PGPROC in 17. */
#if PG_VERSION_NUM >= 170000
#define DCX_MY_LXID (MyProc->vxid.lxid)
#else
#define DCX_MY_LXID (MyProc->lxid)
#endif

/* Since 18 a module has a name and a version, which pg_get_loaded_modules() shows. */
#if PG_VERSION_NUM < 180000
#define PG_MODULE_MAGIC_EXT(...) PG_MODULE_MAGIC
#endif

/* Whether a role may execute a function, or use a schema or a foreign server: one check for all kinds of objects since 16. */
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "utils/acl.h"

#define dcx_role_may_execute(role, function) \
	(object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK)
#define dcx_role_may_use(role, schema) \
	(object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK)
#define dcx_role_may_use_server(role, server) \
	(object_aclcheck(ForeignServerRelationId, server, role, ACL_USAGE) == ACLCHECK_OK)
#else
#define dcx_role_may_execute(role, function) \
	(pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK)
#define dcx_role_may_use(role, schema) \
	(pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK)
#define dcx_role_may_use_server(role, server) \
	(pg_foreign_server_aclcheck(server, role, ACL_USAGE) == ACLCHECK_OK)
#endif

/* Since 16 postgres_fdw reacts to a cancel while it connects; and ignores connect_timeout. */
#define DCX_CONNECTING_IS_INTERRUPTIBLE (PG_VERSION_NUM >= 160000)

/* Reads the name of a type with its modifier, or raises an error. Since 16 errors can be soft instead. */
#if PG_VERSION_NUM >= 160000
#define dcx_parse_type(name, type, typmod) ((void) parseTypeString(name, type, typmod, NULL))
#else
#define dcx_parse_type(name, type, typmod) parseTypeString(name, type, typmod, false)
#endif

/* pg_noreturn came with 18, where it stands before the declaration. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/* Which file a relation is in. These names came with 16. */
#if PG_VERSION_NUM < 160000
#define RelFileLocator			   RelFileNode
#define RelFileLocatorEquals(a, b) RelFileNodeEquals(a, b)
#define rd_locator				   rd_node
#endif

/* Whether rows that a snapshot sees may be removed. Until 16 old_snapshot_threshold allowed that. */
#if PG_VERSION_NUM < 170000
#define DCX_SNAPSHOTS_EXPIRE (old_snapshot_threshold >= 0)
#else
#define DCX_SNAPSHOTS_EXPIRE false
#endif

/* index_beginscan() has one more parameter since 18, for instrumentation. */
#if PG_VERSION_NUM >= 180000
#define dcx_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, NULL, nkeys, 0)
#else
#define dcx_index_beginscan(table, index, snapshot, nkeys) \
	index_beginscan(table, index, snapshot, nkeys, 0)
#endif

/*
 * Which indexes need an entry for the new version of an updated row: none, all or, since 16, those that summarize
 * pages. Since 17 an index has to be told when its inserts have ended.
 */
#if PG_VERSION_NUM >= 160000
#define DcxUpdateIndexes				 TU_UpdateIndexes
#define dcx_update_needs_indexes(update) ((update) != TU_None)
#define dcx_update_reaches_index(update, index) \
	((update) == TU_All || (index)->rd_indam->amsummarizing)
#else
#define DcxUpdateIndexes						bool
#define dcx_update_needs_indexes(update)		(update)
#define dcx_update_reaches_index(update, index) (update)
#endif
#if PG_VERSION_NUM >= 170000
#define dcx_index_insert_cleanup(index, info) index_insert_cleanup(index, info)
#else
#define dcx_index_insert_cleanup(index, info) ((void) 0)
#endif

/* The sequence of an identity column; InvalidOid when there is none. Since 17 it takes the open relation. */
#if PG_VERSION_NUM >= 170000
#define dcx_identity_sequence(table, column) getIdentitySequence(table, column, true)
#else
#define dcx_identity_sequence(table, column) \
	getIdentitySequence(RelationGetRelid(table), column, true)
#endif

/* Since 18 a generated column need not be stored. */
#if PG_VERSION_NUM < 180000
#define ATTRIBUTE_GENERATED_VIRTUAL 'v'
#endif

/*
 * What postgres_fdw takes in place of a user mapping's password. Since 16: credentials that the session's
 * client has delegated by GSSAPI, if the connection uses GSSAPI.
 */
#if PG_VERSION_NUM >= 160000 && defined(ENABLE_GSS)
struct Port;
extern bool be_gssapi_get_delegation(struct Port *port);
#define DCX_CLIENT_DELEGATES		(MyProcPort && be_gssapi_get_delegation(MyProcPort))
#define dcx_used_gssapi(connection) (PQconnectionUsedGSSAPI(connection) != 0)
#else
#define DCX_CLIENT_DELEGATES		false
#define dcx_used_gssapi(connection) false
#endif

/*
 * Since 18: the keys of the client's own SCRAM login, where option use_scram_passthrough is true. Their header
 * includes those of GSSAPI and OpenSSL, which need not be installed to build an extension. It keeps struct
 * Port the same without them.
 */
#if PG_VERSION_NUM >= 180000
#pragma push_macro("ENABLE_GSS")
#pragma push_macro("USE_OPENSSL")
#undef ENABLE_GSS
#undef USE_OPENSSL
#include "libpq/libpq-be.h"
#pragma pop_macro("USE_OPENSSL")
#pragma pop_macro("ENABLE_GSS")
#define DCX_CLIENT_HAS_SCRAM_KEYS (MyProcPort && MyProcPort->has_scram_keys)
#define DCX_SCRAM_CLIENT_KEY	  ((const void *) MyProcPort->scram_ClientKey)
#define DCX_SCRAM_SERVER_KEY	  ((const void *) MyProcPort->scram_ServerKey)
#define DCX_SCRAM_KEY_LENGTH	  SCRAM_MAX_KEY_LEN
#else
#define DCX_CLIENT_HAS_SCRAM_KEYS false
#define DCX_SCRAM_CLIENT_KEY	  NULL
#define DCX_SCRAM_SERVER_KEY	  NULL
#define DCX_SCRAM_KEY_LENGTH	  0
#endif

#endif /* DCX_COMPAT_H */
