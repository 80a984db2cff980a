/*
 * facts.c
 *		What the checks look at, as one jsonb: what is attached, how the other server is, what is here.
 */
#include "postgres.h"

#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "src/base/binding.h"
#include "src/base/errcodes.h"
#include "src/base/guarded.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/tables.h"
#include "src/book/bookjson.h"
#include "src/book/saved.h"
#include "src/catalog/catalog.h"
#include "src/check/facts.h"
#include "src/remote/probe.h"
#include "src/remote/reach.h"
#include "src/remote/remote.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/wallet.h"

/*
 * The system identifier, or NULL where the role may not call the function. Only a statement of its
 * own is not refused for that, and of what core can do with the text of one, ts_stat() is there on
 * every server.
 */
#define SYSTEM                                                          \
	"(SELECT word FROM ts_stat(CASE"                                    \
	"   WHEN has_function_privilege('pg_control_system()', 'EXECUTE')"  \
	"   THEN 'SELECT array_to_tsvector(ARRAY[system_identifier::text])" \
	" FROM pg_control_system()'"                                        \
	"   ELSE 'SELECT NULL::tsvector' END))"

/*
 * Asked of the catalog's server, with the schema, and of this one, with NULL: who and where it is,
 * and its tables, by name, or here by their qualified names. One text, so that both mean the same. A
 * column's type is "builtin", by its bare name, where postgres_fdw takes it as it is. An "updatedAt" has the state of
 * the trigger that keeps it; one that a subscription fills is kept by its publisher.
 */
static const char question[] =
	"SELECT jsonb_build_object("
	"  'database', current_database(), 'address', host(inet_server_addr()),"
	"  'port', inet_server_port(), 'version', current_setting('server_version'),"
	"  'system', " SYSTEM ","
	"  'role', current_user,"
	"  'superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),"
	"  'statement_timeout', (SELECT reset_val::bigint FROM pg_settings"
	"    WHERE name = 'statement_timeout'),"
	"  'tables', coalesce(jsonb_object_agg("
	"    CASE WHEN $1::text IS NULL THEN format('%I.%I', n.nspname, c.relname)"
	"      ELSE c.relname END,"
	"    jsonb_build_object("
	"      'kind', c.relkind,"
	"      'writable', has_table_privilege(c.oid, 'DELETE, TRUNCATE')"
	"        OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'),"
	"      'columns', (SELECT coalesce(jsonb_object_agg(a.attname, jsonb_build_object("
	"          'type', format_type(a.atttypid, a.atttypmod),"
	"          'builtin', CASE t.typnamespace WHEN 'pg_catalog'::regnamespace THEN t.typname END,"
	"          'typmod', a.atttypmod, 'not_null', a.attnotnull,"
	"          'number', coalesce(nullif(t.typbasetype, 0), t.oid) IN ('int2'::regtype,"
	"            'int4'::regtype, 'int8'::regtype, 'float4'::regtype, 'float8'::regtype,"
	"            'numeric'::regtype))), '{}')"
	"        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
	"        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),"
	"      'primary_key', (SELECT jsonb_agg(a.attname ORDER BY k.ordinality)"
	"        FROM pg_constraint o, unnest(o.conkey) WITH ORDINALITY AS k (attnum, ordinality)"
	"        JOIN pg_attribute a ON a.attnum = k.attnum"
	"        WHERE o.conrelid = c.oid AND o.contype = 'p' AND a.attrelid = c.oid),"
	"      'foreign_keys', (SELECT jsonb_agg(format('%s -> %s.%s', a.attname, r.relname, f.attname)"
	"          ORDER BY a.attname, r.relname, f.attname)"
	"        FROM pg_constraint o"
	"        JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = o.conkey[1]"
	"        JOIN pg_class r ON r.oid = o.confrelid"
	"        JOIN pg_attribute f ON f.attrelid = o.confrelid AND f.attnum = o.confkey[1]"
	"        WHERE o.conrelid = c.oid AND o.contype = 'f' AND cardinality(o.conkey) = 1),"
	"      'updated_at', (SELECT jsonb_build_object('type', a.atttypid::regtype::text,"
	"          'trigger', g.tgname, 'enabled', g.tgenabled IN ('O', 'A'),"
	"          'after', (SELECT jsonb_agg(x.tgname) FROM pg_trigger x"
	"            WHERE x.tgrelid = c.oid AND NOT x.tgisinternal AND x.tgtype & 19 = 19"
	"              AND x.tgenabled IN ('O', 'A') AND x.tgname COLLATE \"C\" > g.tgname))"
	"        FROM pg_attribute a LEFT JOIN LATERAL (SELECT g.* FROM pg_trigger g"
	"            JOIN pg_proc p ON p.oid = g.tgfoid"
	"            WHERE g.tgrelid = c.oid AND p.proname = 'dcx_set_updated_at'"
	"              AND g.tgtype & 19 = 19 AND g.tgqual IS NULL AND g.tgattr::text = ''"
	"              AND (g.tgnargs = 0 OR g.tgargs = E'updatedAt\\\\000')"
	"            ORDER BY g.tgenabled IN ('O', 'A') DESC, g.tgname DESC LIMIT 1) g ON true"
	"        WHERE a.attrelid = c.oid AND a.attname = 'updatedAt' AND NOT a.attisdropped"
	"          AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
	"          AND NOT EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = c.oid))))"
	"    FILTER (WHERE c.oid IS NOT NULL), '{}'))::text"
	"  FROM pg_namespace n LEFT JOIN pg_class c"
	"    ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
	" WHERE CASE WHEN $1::text IS NULL"
	"         THEN n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'dcx')"
	"         ELSE n.nspname = $1::text END";

static DcxSaved newest[DCX_CATALOGS] = {{.catalog = DCX_AAS_NAME}, {.catalog = DCX_ENETWORKS_NAME}};

/* Begins a member of an object that may have some already. */
static void
append_name(StringInfo json, const char *name)
{
	appendStringInfo(json, "%s\"%s\": ", json->data[json->len - 1] == '{' ? "" : ", ", name);
}

static void
append_text(StringInfo json, const char *name, const char *value)
{
	append_name(json, name);
	if (value)
		escape_json(json, value);
	else
		appendStringInfoString(json, "null");
}

/* value: JSON, or NULL. */
static void
append_json(StringInfo json, const char *name, const char *value)
{
	append_name(json, name);
	appendStringInfoString(json, value ? value : "null");
}

static Jsonb *
jsonb_of(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* What another server says is JSON, made sure that it is: else it could say what stands beside it. */
static char *
checked_json(const char *text)
{
	return text ? JsonbToCString(NULL, &jsonb_of(text)->root, -1) : NULL;
}

static char *
bindings(void)
{
	DcxParameters none = {0};
	Oid			  table = dcx_binding_table();

	if (!OidIsValid(table))
		return pstrdup("[]");
	dcx_binding_check_table(DCX_AAS_NAME, table);
	return dcx_query_text_of(
		dcx_relation_owner(table),
		"SELECT coalesce(jsonb_agg(jsonb_build_object("
		"  'catalog', b.catalog, 'part', b.part,"
		"  'relation', b.relation::oid::regclass::text,"
		"  'oid', b.relation::oid::bigint, 'kind', c.relkind, 'columns', b.columns,"
		"  'owner', pg_get_userbyid(c.relowner), 'seen', b.seen,"
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
		"    ON f.ftrelid = c.oid",
		&none);
}

/* Our tables: the version that this library makes, and what they lack of it. */
static char *
tables(void)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"version\": %d, \"lacks\": [", DCX_TABLES_VERSION);
	for (int id = 0; id < DCX_TABLES; id++)
	{
		List	 *lacks = dcx_table_lacks(id);
		ListCell *lc;

		foreach(lc, lacks)
		{
			const DcxTableColumn *column = lfirst(lc);

			appendStringInfo(&json,
							 "%s{\"table\": \"%s\", \"column\": \"%s\", \"since\": %d,"
							 " \"may_add\": %s, \"catalog\": \"%s\"}",
							 json.data[json.len - 1] == '[' ? "" : ", ",
							 dcx_tables[id].name,
							 column->name,
							 column->since,
							 dcx_table_may_add(column) ? "true" : "false",
							 dcx_tables[id].catalog);
		}
	}
	appendStringInfoString(&json, "]}");
	return json.data;
}

/* What pricing needs of the catalogs. */
static char *
needs(void)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int id = 0; id < DCX_CATALOGS; id++)
	{
		append_name(&json, dcx_catalogs[id].name);
		appendStringInfoChar(&json, '{');
		for (int i = 0; i < dcx_catalogs[id].nparts; i++)
		{
			const DcxCatalogPart *part = &dcx_catalogs[id].parts[i];

			append_name(&json, part->name);
			appendStringInfoString(&json, "{\"columns\": {");
			for (int j = 0; j < part->ncolumns; j++)
			{
				append_name(&json, part->columns[j].name);
				appendStringInfo(&json,
								 "{\"number\": %s, \"needed\": %s}",
								 part->columns[j].number ? "true" : "false",
								 part->columns[j].needed ? "true" : "false");
			}
			appendStringInfoString(&json, "}}");
		}
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* The database that a relation is of: a catalog of the facts. */
static char *
catalog_of(DcxCatalogId id, Oid relation, bool *reached)
{
	StringInfoData json;
	Oid			   owner = dcx_relation_owner(relation);

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_text(&json, "title", dcx_catalogs[id].title);
	append_text(&json, "items", dcx_catalogs[id].items);
	append_text(&json, "part", dcx_catalogs[id].parts[dcx_catalog_price_part(id)].name);
	append_text(&json, "owner", GetUserNameFromId(owner, false));
	if (dcx_reach_is_remote(relation))
	{
		Oid			server = GetForeignTable(relation)->serverid;
		const char *schema = dcx_reach_schema(relation);
		DcxProbe	probe = dcx_probe(server, owner, question, schema);

		append_text(&json, "server", GetForeignServer(server)->servername);
		append_text(&json, "schema", schema);
		append_json(&json, "reached", probe.error ? "false" : "true");
		append_text(&json, "error", probe.error);
		if (!probe.error)
			append_json(&json, "latency_ms", psprintf("%.1f", probe.latency_ms));
		append_json(&json, "is", checked_json(probe.answer));
		*reached = !probe.error;
	}
	else
	{
		char *behind = NULL;
		char *error = NULL;

		*reached = dcx_reach_answers(relation, &behind, &error);
		append_text(&json, "server", NULL);
		append_text(&json, "behind", behind);
		append_text(&json, "schema", get_namespace_name(get_rel_namespace(relation)));
		append_json(&json, "reached", *reached ? "true" : "false");
		append_text(&json, "error", error);
		append_json(&json, "is", NULL);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* This database: "local" of the facts. */
static char *
local(void)
{
	DcxParameters parameters = {0};

	dcx_parameter_text(&parameters, NULL);
	return dcx_query_text_of(InvalidOid, question, &parameters);
}

char *
dcx_facts_identity(DcxCatalogId id, Oid relation)
{
	DcxParameters parameters = {0};
	bool		  reached;

	dcx_parameter_text(&parameters, catalog_of(id, relation, &reached));
	return dcx_query_text_of(
		InvalidOid,
		"SELECT jsonb_build_object('main', jsonb_build_object("
		"    'database', current_database(),"
		"    'system', " SYSTEM "),"
		"  'catalog', CASE WHEN jsonb_typeof($1::jsonb -> 'is') = 'object'"
		"    THEN ($1::jsonb -> 'is') - 'tables' - 'statement_timeout' END)::text",
		&parameters);
}

/* The newest saved book of a catalog. */
static char *
book(DcxSaved *saved)
{
	DcxParameters parameters = {0};

	dcx_saved_get(saved);
	if (!saved->found)
		return NULL;
	dcx_parameter_text(&parameters, saved->catalog);
	dcx_parameter_int64(&parameters, saved->book_id);
	return dcx_query_text_of(dcx_relation_owner(saved->table),
							 "SELECT (to_jsonb(b) - 'book')::text FROM dcx.price_book b"
							 " WHERE catalog = $1 AND book_id = $2",
							 &parameters);
}

/* Appends what is in the wallets' relation. */
static void
read_wallets(void *argument)
{
	StringInfo		  json = argument;
	const DcxBinding *wallets = dcx_wallet_binding();
	DcxParameters	  none = {0};
	const char		 *organisation = NameStr(wallets->columns[0]);
	const char		 *balance = NameStr(wallets->columns[1]);
	const char		 *table = dcx_relation_name(wallets->relation);
	const char		 *inexact = dcx_wallet_inexact_sql(wallets->relation);
	Oid				  table_owner = dcx_relation_owner(wallets->relation);

	append_json(json,
				"wallets",
				dcx_query_text_of(table_owner,
								  psprintf("SELECT count(*)::text FROM %s", table),
								  &none));
	append_json(json,
				"doubles",
				dcx_query_text_of(
					table_owner,
					psprintf("SELECT coalesce(jsonb_agg(o), '[]')::text FROM (SELECT %1$s::text"
							 "  FROM %2$s WHERE %1$s IS NOT NULL"
							 " GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 20) d (o)",
							 quote_identifier(organisation),
							 table),
					&none));
	if (inexact)
		append_json(json,
					"inexact",
					dcx_query_text_of(table_owner,
									  psprintf("SELECT jsonb_build_object('count', count(*),"
											   "  'first', min(%1$s::text))::text"
											   "  FROM %2$s WHERE %1$s IS NOT NULL AND %3$s",
											   quote_identifier(organisation),
											   table,
											   inexact),
									  &none));
	/* The columns that have a NULL. */
	append_json(
		json,
		"nulls",
		dcx_query_text_of(table_owner,
						  psprintf("SELECT to_jsonb(array_remove(ARRAY["
								   "  CASE WHEN bool_or(%s IS NULL) THEN %s END,"
								   "  CASE WHEN bool_or(%s IS NULL) THEN %s END], NULL))::text"
								   "  FROM %s",
								   quote_identifier(organisation),
								   quote_literal_cstr(organisation),
								   quote_identifier(balance),
								   quote_literal_cstr(balance),
								   table),
						  &none));
}

static void
connect_to_wallets(void *json)
{
	Oid	   relation = dcx_wallet_binding()->relation;
	DcxRun run;

	dcx_run_begin(&run, dcx_relation_owner(relation));
	dcx_query_touch(psprintf("SELECT FROM %s", dcx_relation_name(relation)));
	dcx_run_end(&run);
}

static char *
wallet(void)
{
	static DcxRemote  remote = {.name = "wallet", .what = "database of the wallets"};
	const DcxBinding *wallets = dcx_wallet_binding();
	DcxParameters	  none = {0};
	StringInfoData	  json;
	Oid				  owner;

	if (!wallets->attached || !OidIsValid(dcx_relation_owner(wallets->relation)))
		return NULL;
	dcx_reach_check(wallets->relation);
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_text(&json, "relation", dcx_relation_name(wallets->relation));
	/* Behind a view there may be another server. */
	if (dcx_wallet_is_table(wallets->relation))
		read_wallets(&json);
	else
		dcx_remote_do(&remote,
					  dcx_reach_places(wallets->relation),
					  connect_to_wallets,
					  read_wallets,
					  &json);
	owner = dcx_ledger_owner(wallets, true);
	if (OidIsValid(owner))
	{
		dcx_ledger_check();
		append_json(&json,
					"ledger",
					dcx_query_text_of(
						owner,
						"SELECT jsonb_build_object("
						"  'entries', (SELECT count(*) FROM dcx.wallet_entry),"
						"  'open', count(*) FILTER (WHERE expires_at > clock_timestamp()),"
						"  'held', coalesce(sum(amount) FILTER"
						"     (WHERE expires_at > clock_timestamp()), 0),"
						"  'expired', count(*) FILTER"
						"     (WHERE expires_at <= a.expired_until))::text"
						"  FROM dcx.wallet_hold LEFT JOIN dcx.wallet_account a USING (organisation)"
						" WHERE state = 'open'",
						&none));
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* The facts as they are put together. */
typedef struct Gathering
{
	StringInfoData json;
	DcxCatalogId   id;
	bool		   reached[DCX_CATALOGS];
	List		  *failures;
} Gathering;

static void
add_bindings(void *gathering)
{
	append_json(&((Gathering *) gathering)->json, "bindings", bindings());
}

static void
add_local(void *gathering)
{
	append_json(&((Gathering *) gathering)->json, "local", local());
}

static void
add_catalog(void *argument)
{
	Gathering	*gathering = argument;
	DcxCatalogId id = gathering->id;
	Oid			 relation = dcx_facts_relation(id, dcx_catalog_price_part(id));

	append_json(&gathering->json,
				dcx_catalogs[id].name,
				OidIsValid(relation) ? catalog_of(id, relation, &gathering->reached[id]) : NULL);
}

static void
add_book(void *argument)
{
	Gathering *gathering = argument;

	append_json(&gathering->json, dcx_catalogs[gathering->id].name, book(&newest[gathering->id]));
}

static void
add_wallet(void *gathering)
{
	append_json(&((Gathering *) gathering)->json, "wallet", wallet());
}

/* What keeps several facts of an area from being had is one failure. */
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

/* Adds facts; where they cannot be had, the area has a failure, and nothing is said of them. */
static void
attempt(Gathering *gathering, const char *area, void (*add)(void *gathering))
{
	int		   length = gathering->json.len;
	ErrorData *error = dcx_guarded(add, gathering);

	if (error)
	{
		add_failure(gathering, area, error);
		gathering->json.len = length;
		gathering->json.data[length] = '\0';
	}
}

/* Adds an object with a member for each catalog. */
static void
attempt_each(Gathering *gathering, const char *name, const char *area, void (*add)(void *gathering))
{
	append_name(&gathering->json, name);
	appendStringInfoChar(&gathering->json, '{');
	for (int id = 0; id < DCX_CATALOGS; id++)
	{
		gathering->id = id;
		attempt(gathering, area, add);
	}
	appendStringInfoChar(&gathering->json, '}');
}

Jsonb *
dcx_facts_gather(const char *schema, bool reached[DCX_CATALOGS], List **failures)
{
	Gathering gathering = {0};

	initStringInfo(&gathering.json);
	appendStringInfoChar(&gathering.json, '{');
	append_text(&gathering.json, "library", DCX_VERSION);
	append_text(&gathering.json, "schema", schema);
	append_json(&gathering.json, "needs", needs());
	append_json(&gathering.json, "tables", tables());
	attempt(&gathering, "connection", add_bindings);
	attempt(&gathering, "schema", add_local);
	attempt_each(&gathering, "catalogs", "connection", add_catalog);
	attempt_each(&gathering, "books", "catalog", add_book);
	attempt(&gathering, "wallet", add_wallet);
	appendStringInfoChar(&gathering.json, '}');
	memcpy(reached, gathering.reached, sizeof(gathering.reached));
	*failures = gathering.failures;
	return jsonb_of(gathering.json.data);
}

Jsonb *
dcx_facts_schema(DcxCatalogId id)
{
	int			  part = dcx_catalog_price_part(id);
	Oid			  relation = dcx_catalog_bound(id, part)->relation;
	DcxParameters parameters = {0};
	char		 *identity;

	if (!OidIsValid(dcx_relation_owner(relation)))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("the attached relation \"%s\" has been dropped",
					   dcx_catalogs[id].parts[part].name),
				errhint("SELECT * FROM dcx_attach_%s(...) attaches another one.",
						dcx_catalogs[id].name));
	if (dcx_reach_is_remote(relation))
	{
		Oid		 server = GetForeignTable(relation)->serverid;
		DcxProbe probe =
			dcx_probe(server, dcx_relation_owner(relation), question, dcx_reach_schema(relation));

		if (probe.error)
			ereport(ERROR,
					errcode(DCX_ERRCODE_UNREACHABLE),
					errmsg("the %s cannot be reached", dcx_catalogs[id].what),
					errdetail("%s", dcx_reach_sentence(probe.error)),
					errhint("SELECT * FROM dcx_check('connection') says more."));
		identity = probe.answer;
	}
	else
	{
		dcx_parameter_text(&parameters, get_namespace_name(get_rel_namespace(relation)));
		identity = dcx_query_text_of(dcx_relation_owner(relation), question, &parameters);
	}

	memset(&parameters, 0, sizeof(parameters));
	dcx_parameter_text(&parameters, identity);
	return jsonb_of(
		dcx_query_text_of(InvalidOid,
						  "SELECT coalesce(jsonb_object_agg(key, jsonb_set(value - 'writable' -"
						  "         'updated_at', '{columns}', (SELECT coalesce(jsonb_object_agg("
						  "           c.key, c.value - '{builtin,typmod,number}'::text[]), '{}')"
						  "           FROM jsonb_each(value -> 'columns') c))), '{}')::text"
						  "  FROM jsonb_each($1::jsonb -> 'tables')",
						  &parameters));
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
	return dcx_catalog_json(id, relation);
}
