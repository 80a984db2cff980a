/*
 * facts.c
 *		What the checks look at, as one jsonb: what is attached, what the other servers say, what is here.
 *
 * Each fact is read in a subtransaction of its own and becomes a jsonb. So a fact that cannot be read
 * leaves nothing half-built behind, and the others are read all the same.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "src/base/binding.h"
#include "src/base/errcodes.h"
#include "src/base/fresh.h"
#include "src/base/guarded.h"
#include "src/base/json.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/tables.h"
#include "src/book/bookjson.h"
#include "src/book/saved.h"
#include "src/catalog/catalog.h"
#include "src/catalog/identity.h"
#include "src/catalog/priced.h"
#include "src/catalog/read.h"
#include "src/check/facts.h"
#include "src/remote/reach.h"
#include "src/remote/remote.h"
#include "src/wallet/balance.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/wallet.h"

static DcxSaved newest[DCX_CATALOGS] = {{.catalog = DCX_AAS_NAME}, {.catalog = DCX_ENETWORKS_NAME}};

/* The first value of a statement, which is a jsonb as text; NULL where there is none. */
static Jsonb *
jsonb_read(Oid role, const char *sql, DcxParameters *parameters)
{
	return dcx_json_parse(dcx_query_text_of(role, sql, parameters));
}

/*
 * The rows of dcx.binding, with what is known of the relations. Fixes are made of them, for superusers to run, too: so
 * they are those that attach writes, and of relations whose owner that of dcx.binding may act as. (What else attach
 * could have written, binding.h refuses when it is used.)
 */
static Jsonb *
read_bindings(void)
{
	DcxParameters none = {0};
	Oid			  table = dcx_binding_table();

	if (!OidIsValid(table))
		return dcx_json_parse("[]");
	dcx_binding_check_table(DCX_AAS_NAME, table);
	return jsonb_read(
		dcx_relation_owner(table),
		"SELECT coalesce(jsonb_agg(jsonb_build_object("
		"  'catalog', b.catalog, 'part', b.part,"
		"  'relation', b.relation::oid::regclass::text,"
		"  'oid', b.relation::oid::bigint, 'kind', c.relkind, 'columns', b.columns,"
		"  'owner', pg_get_userbyid(c.relowner), 'seen', b.seen,"
		"  'schema', (SELECT nspname FROM pg_namespace WHERE oid = c.relnamespace),"
		"  'version', coalesce((to_jsonb(b) ->> 'version')::integer, 1),"
		"  'server', s.srvname,"
		"  'remote_schema', coalesce((SELECT option_value"
		"     FROM pg_options_to_table(f.ftoptions) WHERE option_name = 'schema_name'),"
		"     (SELECT nspname FROM pg_namespace WHERE oid = c.relnamespace)),"
		"  'remote_table', coalesce((SELECT option_value"
		"     FROM pg_options_to_table(f.ftoptions) WHERE option_name = 'table_name'),"
		"     c.relname)) ORDER BY b.catalog, b.part), '[]')::text"
		"  FROM dcx.binding b LEFT JOIN pg_class c ON c.oid = b.relation"
		"  LEFT JOIN (pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver"
		"    JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw AND w.fdwname = 'postgres_fdw')"
		"    ON f.ftrelid = c.oid"
		" WHERE b.catalog IN ('" DCX_AAS_NAME "', '" DCX_ENETWORKS_NAME "', 'wallet')"
		"   AND (c.oid IS NULL OR pg_has_role(c.relowner, 'USAGE'))",
		&none);
}

/* Our tables: the version that this library makes, and what they lack of it. */
static void
add_tables(DcxJson *json)
{
	dcx_json_begin_object(json, "tables");
	dcx_json_integer(json, "version", DCX_TABLES_VERSION);
	dcx_json_begin_array(json, "lacks");
	for (int id = 0; id < DCX_TABLES; id++)
	{
		ListCell *lc;

		foreach(lc, dcx_table_lacks(id))
		{
			const DcxTableColumn *column = lfirst(lc);

			dcx_json_begin_object(json, NULL);
			dcx_json_text(json, "table", dcx_tables[id].name);
			dcx_json_text(json, "column", column->name);
			dcx_json_text(json, "type", format_type_be(column->type));
			dcx_json_integer(json, "since", column->since);
			dcx_json_boolean(json, "may_add", dcx_table_may_add(column));
			dcx_json_text(json, "catalog", dcx_tables[id].catalog);
			dcx_json_end_object(json);
		}
	}
	dcx_json_end_array(json);
	dcx_json_end_object(json);
}

/* The columns that pricing needs of a part of a catalog. */
static void
add_needed_columns(DcxJson *json, const DcxCatalogPart *part)
{
	dcx_json_begin_object(json, part->name);
	dcx_json_begin_object(json, "columns");
	for (int i = 0; i < part->ncolumns; i++)
	{
		dcx_json_begin_object(json, part->columns[i].name);
		dcx_json_boolean(json, "number", part->columns[i].number);
		dcx_json_boolean(json, "needed", part->columns[i].needed);
		dcx_json_end_object(json);
	}
	dcx_json_end_object(json);
	dcx_json_end_object(json);
}

static void
add_needs(DcxJson *json)
{
	dcx_json_begin_object(json, "needs");
	for (int id = 0; id < DCX_CATALOGS; id++)
	{
		dcx_json_begin_object(json, dcx_catalogs[id].name);
		for (int i = 0; i < dcx_catalogs[id].nparts; i++)
			add_needed_columns(json, &dcx_catalogs[id].parts[i]);
		dcx_json_end_object(json);
	}
	dcx_json_end_object(json);
	dcx_json_begin_object(json, "needed");
	for (int id = 0; id < DCX_CATALOGS; id++)
	{
		dcx_json_begin_array(json, dcx_catalogs[id].name);
		for (int i = 0; i < dcx_catalogs[id].nparts; i++)
			if (dcx_catalogs[id].parts[i].needed && !dcx_catalogs[id].parts[i].view)
				dcx_json_text(json, NULL, dcx_catalogs[id].parts[i].name);
		dcx_json_end_array(json);
	}
	dcx_json_end_object(json);
}

/* What the server of a foreign table says; returns whether it says anything. */
static bool
add_remote_catalog(DcxJson *json, Oid relation)
{
	Oid			server = GetForeignTable(relation)->serverid;
	const char *schema = dcx_reach_schema(relation);
	DcxIdentity identity = dcx_identity_ask(server, dcx_relation_owner(relation), schema);

	dcx_json_text(json, "server", GetForeignServer(server)->servername);
	dcx_json_text(json, "schema", schema);
	dcx_json_boolean(json, "reached", !identity.error);
	dcx_json_text(json,
				  "error",
				  identity.error ? dcx_cause_text(identity.error, identity.cause) : NULL);
	if (!identity.error)
		dcx_json_number(json,
						"latency_ms",
						int64_div_fast_to_numeric((int64) rint(identity.latency_ms * 10), 1));
	dcx_json_jsonb(json, "is", identity.is);
	return !identity.error;
}

/* A relation of this database; returns whether all servers behind it can be reached. */
static bool
add_near_catalog(DcxJson *json, Oid relation)
{
	char	*behind = NULL;
	DcxProbe probe = {0};
	bool	 reached = dcx_reach_answers(relation, &behind, &probe);

	dcx_json_text(json, "server", NULL);
	dcx_json_text(json, "behind", behind);
	dcx_json_text(json, "schema", get_namespace_name(get_rel_namespace(relation)));
	dcx_json_boolean(json, "reached", reached);
	dcx_json_text(json, "error", reached ? NULL : dcx_cause_text(probe.error, probe.cause));
	dcx_json_jsonb(json, "is", NULL);
	return reached;
}

/* The catalog whose prices are in a relation. */
static Jsonb *
read_catalog(DcxCatalogId id, Oid relation, bool *reached)
{
	const DcxCatalog *catalog = &dcx_catalogs[id];
	DcxJson			  json = {0};

	dcx_json_begin_object(&json, NULL);
	dcx_json_text(&json, "title", catalog->title);
	dcx_json_text(&json, "items", catalog->items);
	dcx_json_text(&json, "part", catalog->parts[dcx_catalog_price_part(id)].name);
	dcx_json_text(&json, "owner", GetUserNameFromId(dcx_relation_owner(relation), false));
	*reached = dcx_reach_is_remote(relation) ? add_remote_catalog(&json, relation) :
											   add_near_catalog(&json, relation);
	dcx_json_end_object(&json);
	return dcx_json_result(&json);
}

/* The newest saved book of a catalog, without its rows. */
static Jsonb *
read_book(DcxSaved *saved)
{
	DcxParameters parameters = {0};

	dcx_saved_get(saved);
	if (!saved->found)
		return NULL;
	dcx_parameter_text(&parameters, saved->catalog);
	dcx_parameter_int64(&parameters, saved->book_id);
	return jsonb_read(
		dcx_relation_owner(saved->table),
		"SELECT to_jsonb(b)::text FROM (SELECT catalog, book_id, first_seen_at, last_seen_at,"
		"         products FROM dcx.price_book WHERE catalog = $1 AND book_id = $2) b",
		&parameters);
}

/* The wallets' relation, and who owns it. */
typedef struct Wallets
{
	DcxJson			 *json;
	const DcxBinding *binding;
	Oid				  owner;
	char			 *relation;
	const char		 *organisation;
	const char		 *balance;
} Wallets;

/* How many wallets there are, and organisations with more than one. */
static void
add_wallet_counts(const Wallets *wallets)
{
	DcxParameters none = {0};

	dcx_json_jsonb(wallets->json,
				   "wallets",
				   jsonb_read(wallets->owner,
							  psprintf("SELECT count(*)::text FROM %s", wallets->relation),
							  &none));
	dcx_json_jsonb(wallets->json,
				   "doubles",
				   jsonb_read(wallets->owner,
							  psprintf("SELECT coalesce(jsonb_agg(o), '[]')::text FROM"
									   " (SELECT %1$s::text FROM %2$s WHERE %1$s IS NOT NULL"
									   " GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 20) d (o)",
									   quote_identifier(wallets->organisation),
									   wallets->relation),
							  &none));
}

/* Balances that have no exact cents, and columns that have a NULL. */
static void
add_wallet_faults(const Wallets *wallets)
{
	DcxParameters none = {0};
	const char	 *inexact = dcx_wallet_inexact_sql(wallets->binding->relation);

	if (inexact)
		dcx_json_jsonb(wallets->json,
					   "inexact",
					   jsonb_read(wallets->owner,
								  psprintf("SELECT jsonb_build_object('count', count(*),"
										   "  'first', min(%1$s::text))::text"
										   "  FROM %2$s WHERE %1$s IS NOT NULL AND %3$s",
										   quote_identifier(wallets->organisation),
										   wallets->relation,
										   inexact),
								  &none));
	dcx_json_jsonb(wallets->json,
				   "nulls",
				   jsonb_read(wallets->owner,
							  psprintf("SELECT to_jsonb(array_remove(ARRAY["
									   "  CASE WHEN bool_or(%s IS NULL) THEN %s END,"
									   "  CASE WHEN bool_or(%s IS NULL) THEN %s END], NULL))::text"
									   "  FROM %s",
									   quote_identifier(wallets->organisation),
									   quote_literal_cstr(wallets->organisation),
									   quote_identifier(wallets->balance),
									   quote_literal_cstr(wallets->balance),
									   wallets->relation),
							  &none));
}

static void
connect_to_wallets(void *argument)
{
	const Wallets *wallets = argument;
	DcxRun		   run;

	dcx_run_begin(&run, wallets->owner);
	dcx_query_touch(psprintf("SELECT FROM %s", wallets->relation));
	dcx_run_end(&run);
}

static void
add_wallets(void *wallets)
{
	add_wallet_counts(wallets);
	add_wallet_faults(wallets);
}

/* The ledger, where there is one. */
static void
add_ledger(DcxJson *json, const DcxBinding *wallets)
{
	DcxParameters none = {0};
	Oid			  owner = dcx_ledger_owner(wallets, true);

	if (!OidIsValid(owner))
		return;
	dcx_ledger_check();
	dcx_json_jsonb(json,
				   "ledger",
				   jsonb_read(owner,
							  "SELECT jsonb_build_object("
							  "  'entries', (SELECT count(*) FROM dcx.wallet_entry),"
							  "  'open', count(*) FILTER (WHERE expires_at > clock_timestamp()),"
							  "  'held', coalesce(sum(amount) FILTER"
							  "     (WHERE expires_at > clock_timestamp()), 0),"
							  "  'expired', count(*) FILTER"
							  "     (WHERE expires_at <= a.expired_until))::text"
							  "  FROM dcx.wallet_hold"
							  "  LEFT JOIN dcx.wallet_account a USING (organisation)"
							  " WHERE state = 'open'",
							  &none));
}

static Jsonb *
read_wallet(void)
{
	static DcxRemote  remote = {.name = "wallet", .what = "database of the wallets"};
	const DcxBinding *binding = dcx_wallet_binding();
	DcxJson			  json = {0};
	Wallets			  wallets = {.json = &json, .binding = binding};

	if (!binding->attached || !OidIsValid(dcx_relation_owner(binding->relation)))
		return NULL;
	dcx_reach_check(binding->relation);
	wallets.owner = dcx_relation_owner(binding->relation);
	wallets.relation = dcx_relation_name(binding->relation);
	wallets.organisation = NameStr(binding->columns[0]);
	wallets.balance = NameStr(binding->columns[1]);
	dcx_json_begin_object(&json, NULL);
	dcx_json_text(&json, "relation", wallets.relation);
	dcx_json_boolean(&json,
					 "distributed",
					 OidIsValid(dcx_relation_distributed_member(binding->relation)));
	/* Behind a view there may be another server. */
	if (dcx_wallet_is_table(binding->relation))
		add_wallets(&wallets);
	else
		dcx_remote_do(&remote,
					  dcx_reach_places(binding->relation),
					  connect_to_wallets,
					  add_wallets,
					  &wallets);
	add_ledger(&json, binding);
	dcx_json_end_object(&json);
	return dcx_json_result(&json);
}

/* The facts as they are put together. */
typedef struct Gathering
{
	DcxJson		 json;
	DcxCatalogId id;   /* which catalog a fact is about */
	Jsonb		*fact; /* the one that is read, or NULL */
	bool		 attached[DCX_CATALOGS];
	bool		 reached[DCX_CATALOGS];
	List		*failures;
} Gathering;

static void
gather_bindings(void *gathering)
{
	((Gathering *) gathering)->fact = read_bindings();
}

static void
gather_local(void *gathering)
{
	((Gathering *) gathering)->fact = dcx_identity_here(InvalidOid, NULL);
}

static void
gather_catalog(void *argument)
{
	Gathering *gathering = argument;
	int		   part = dcx_catalog_price_part(gathering->id);
	Oid		   relation = dcx_facts_relation(gathering->id, part);

	gathering->attached[gathering->id] = dcx_catalog_binding(gathering->id, part)->attached;
	if (OidIsValid(relation))
		gathering->fact = read_catalog(gathering->id, relation, &gathering->reached[gathering->id]);
}

/* Of what is attached only: the role that attached something else need not be trusted with prices. */
static void
gather_book(void *argument)
{
	Gathering *gathering = argument;

	if (gathering->attached[gathering->id])
		gathering->fact = read_book(&newest[gathering->id]);
}

static void
gather_wallet(void *gathering)
{
	((Gathering *) gathering)->fact = read_wallet();
}

/* Adds a failure. Several facts of an area that fail for the same reason are one failure. */
static void
add_failure(Gathering *gathering, const char *area, ErrorData *error)
{
	DcxFactsFailure *failure;
	ListCell		*lc;

	foreach(lc, gathering->failures)
	{
		failure = lfirst(lc);
		if (strcmp(failure->area, area) == 0 &&
			strcmp(failure->error->message, error->message) == 0)
			return;
	}
	failure = palloc(sizeof(DcxFactsFailure));
	failure->area = area;
	failure->error = error;
	gathering->failures = lappend(gathering->failures, failure);
}

/* Reads a fact and adds it. If it cannot be read, the area gets a failure instead. */
static void
attempt(Gathering *gathering, const char *name, const char *area, void (*gather)(void *gathering))
{
	ErrorData *error;

	gathering->fact = NULL;
	error = dcx_guarded(gather, gathering);
	if (error)
		add_failure(gathering, area, error);
	else
		dcx_json_jsonb(&gathering->json, name, gathering->fact);
}

/* Adds an object with a fact for each catalog. */
static void
attempt_each(Gathering *gathering, const char *name, const char *area,
			 void (*gather)(void *gathering))
{
	dcx_json_begin_object(&gathering->json, name);
	for (int id = 0; id < DCX_CATALOGS; id++)
	{
		gathering->id = id;
		attempt(gathering, dcx_catalogs[id].name, area, gather);
	}
	dcx_json_end_object(&gathering->json);
}

Jsonb *
dcx_facts_gather(const char *schema, bool reached[DCX_CATALOGS], List **failures)
{
	Gathering gathering = {0};

	dcx_json_begin_object(&gathering.json, NULL);
	dcx_json_text(&gathering.json, "library", DCX_VERSION);
	dcx_json_text(&gathering.json, "schema", schema);
	add_needs(&gathering.json);
	add_tables(&gathering.json);
	attempt(&gathering, "bindings", "connection", gather_bindings);
	attempt(&gathering, "local", "schema", gather_local);
	attempt_each(&gathering, "catalogs", "connection", gather_catalog);
	attempt_each(&gathering, "books", "catalog", gather_book);
	attempt(&gathering, "wallet", "wallet", gather_wallet);
	dcx_json_end_object(&gathering.json);
	memcpy(reached, gathering.reached, sizeof(gathering.reached));
	*failures = gathering.failures;
	return dcx_json_result(&gathering.json);
}

/* The answer of the catalog's server, or of this database, about the schema a relation is in. */
static Jsonb *
identity_of(DcxCatalogId id, Oid relation)
{
	DcxIdentity identity;
	Oid			owner = dcx_relation_owner(relation);

	if (!dcx_reach_is_remote(relation))
		return dcx_identity_here(owner, get_namespace_name(get_rel_namespace(relation)));
	identity =
		dcx_identity_ask(GetForeignTable(relation)->serverid, owner, dcx_reach_schema(relation));
	if (identity.error)
		ereport(ERROR,
				errcode(DCX_ERRCODE_UNREACHABLE),
				errmsg("the %s cannot be reached", dcx_catalogs[id].what),
				errdetail("%s", dcx_reach_sentence(identity.error)),
				errhint("SELECT * FROM dcx_check('connection') says more."));
	return identity.is;
}

Jsonb *
dcx_facts_schema(DcxCatalogId id)
{
	DcxPriced	  priced = dcx_catalog_part(id, dcx_catalog_price_part(id));
	DcxParameters parameters = {0};

	dcx_fresh_end(dcx_catalog_settle(&priced));
	dcx_parameter(&parameters,
				  JSONBOID,
				  JsonbPGetDatum(identity_of(id, priced.relations[0])),
				  false);
	return jsonb_read(InvalidOid,
					  "SELECT coalesce(jsonb_object_agg(key, jsonb_set(value - 'writable' -"
					  "         'updated_at', '{columns}', (SELECT coalesce(jsonb_object_agg("
					  "           c.key, c.value -"
					  "             '{builtin,type_name,typmod,number,position}'::text[]), '{}')"
					  "           FROM jsonb_each(value -> 'columns') c))), '{}')::text"
					  "  FROM jsonb_each($1 -> 'tables')",
					  &parameters);
}

Jsonb *
dcx_facts_book(DcxCatalogId id)
{
	DcxSaved	  *saved = &newest[id];
	DcxProductRow *rows;
	int			   nrows;

	dcx_saved_get(saved);
	if (!saved->found)
		return NULL;
	rows = dcx_saved_rows(saved, &nrows);
	return dcx_bookjson_value(rows, nrows, true);
}

Oid
dcx_facts_relation(DcxCatalogId id, int part)
{
	const DcxBinding *binding = dcx_catalog_binding(id, part);

	return binding->attached && OidIsValid(dcx_relation_owner(binding->relation)) ?
			   binding->relation :
			   InvalidOid;
}

Jsonb *
dcx_facts_rows(DcxCatalogId id, int part)
{
	Oid relation = dcx_facts_relation(id, part);

	if (!OidIsValid(relation))
		return NULL;
	if (dcx_reach_is_remote(relation))
		return dcx_reach_rows(relation);
	dcx_reach_check(relation);
	return dcx_catalog_json(id, part, relation);
}
