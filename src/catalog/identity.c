/*
 * identity.c
 *		Who another server is, and which tables a schema of it has.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "src/base/compat.h"
#include "src/base/json.h"
#include "src/base/query.h"
#include "src/catalog/identity.h"
#include "src/remote/encoding.h"
#include "src/remote/reach.h"

/*
 * The system identifier, or NULL where the role may not execute pg_control_system(). A statement that
 * calls the function fails without the right, even in a branch that is not taken. So the call stands in
 * a text, which ts_stat() executes: of core's functions that execute a text, every server has this one.
 */
#define SYSTEM                                                          \
	"(SELECT word FROM ts_stat(CASE"                                    \
	"   WHEN has_function_privilege('pg_control_system()', 'EXECUTE')"  \
	"   THEN 'SELECT array_to_tsvector(ARRAY[system_identifier::text])" \
	" FROM pg_control_system()'"                                        \
	"   ELSE 'SELECT NULL::tsvector' END))"

/*
 * The question that says who a server is, and what tables its schema $1 has. NULL: those of all schemas,
 * by their qualified names. This database is asked the same, so that answers can be compared.
 *
 * "builtin" is the name of a type that postgres_fdw takes as it is. A domain counts as the type that it is
 * over, and an array of domains as an array of that. "updated_at" has the state of the trigger that keeps
 * column "updatedAt"; a table that a subscription fills needs none, and a partition has its parent's.
 * "shared" is the trigger of a partitioned table that has the name of other tables' triggers.
 */
static const char question[] =
	/* What each domain is in the end. Its innermost step has the type modifier. */
	"WITH RECURSIVE step (type, base, typmod) AS ("
	"  SELECT oid, typbasetype, typtypmod FROM pg_type WHERE typtype = 'd'"
	"  UNION ALL SELECT s.type, t.typbasetype, t.typtypmod"
	"    FROM step s JOIN pg_type t ON t.oid = s.base AND t.typtype = 'd'),"
	" domain AS (SELECT s.* FROM step s JOIN pg_type t ON t.oid = s.base AND t.typtype <> 'd'),"
	" list AS (SELECT d.typarray AS type, b.typarray AS base, domain.typmod"
	"    FROM domain JOIN pg_type d ON d.oid = domain.type JOIN pg_type b ON b.oid = domain.base"
	"   WHERE d.typarray <> 0 AND b.typarray <> 0),"
	" stand_in AS (SELECT * FROM list UNION ALL"
	"  SELECT domain.type, coalesce(list.base, domain.base), coalesce(list.typmod, domain.typmod)"
	"    FROM domain LEFT JOIN list ON list.type = domain.base)"
	" SELECT jsonb_build_object("
	"  'database', current_database(), 'address', host(inet_server_addr()),"
	"  'port', inet_server_port(), 'version', current_setting('server_version'),"
	"  'encoding', getdatabaseencoding(),"
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
	"          'position', a.attnum, 'type_name', t.typname,"
	"          'builtin', CASE b.typnamespace WHEN 'pg_catalog'::regnamespace THEN b.typname END,"
	"          'typmod', coalesce(i.typmod, a.atttypmod), 'not_null', a.attnotnull,"
	"          'number', b.oid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype,"
	"            'float4'::regtype, 'float8'::regtype, 'numeric'::regtype))), '{}')"
	"        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
	"        LEFT JOIN stand_in i ON i.type = t.oid"
	"        JOIN pg_type b ON b.oid = coalesce(i.base, t.oid)"
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
	"          'generated', a.attgenerated <> '',"
	"          'trigger', g.tgname, 'enabled', g.tgenabled IN ('O', 'A'),"
	"          'shared', (SELECT max(s.tgname::text) FROM pg_trigger s"
	"            JOIN pg_proc p ON p.oid = s.tgfoid"
	"            WHERE c.relkind = 'p' AND s.tgrelid = c.oid AND s.tgparentid = 0"
	"              AND p.proname = 'dcx_set_updated_at' AND s.tgname ~ '^z+_dcx_updated_at$'),"
	"          'after', (SELECT jsonb_agg(DISTINCT x.tgname) FROM pg_trigger x"
	"            WHERE (x.tgrelid = c.oid OR c.relkind = 'p' AND x.tgrelid IN"
	"                    (SELECT relid FROM pg_partition_tree(c.oid)))"
	"              AND x.tgfoid <> g.tgfoid AND NOT x.tgisinternal AND x.tgtype & 19 = 19"
	"              AND x.tgenabled IN ('O', 'A') AND x.tgname COLLATE \"C\" > g.tgname))"
	"        FROM pg_attribute a LEFT JOIN LATERAL (SELECT g.* FROM pg_trigger g"
	"            JOIN pg_proc p ON p.oid = g.tgfoid"
	"            WHERE g.tgrelid = c.oid AND p.proname = 'dcx_set_updated_at'"
	"              AND g.tgtype & 19 = 19 AND g.tgqual IS NULL AND g.tgattr::text = ''"
	"              AND (g.tgnargs = 0 OR g.tgargs = E'updatedAt\\\\000')"
	"            ORDER BY g.tgenabled IN ('O', 'A') DESC, g.tgname DESC LIMIT 1) g ON true"
	"        WHERE a.attrelid = c.oid AND a.attname = 'updatedAt' AND NOT a.attisdropped"
	"          AND c.relkind IN ('r', 'p') AND (NOT c.relispartition"
	"            OR g.tgenabled NOT IN ('O', 'A') AND EXISTS (SELECT FROM pg_trigger u"
	"              WHERE u.oid = g.tgparentid AND u.tgenabled IN ('O', 'A')))"
	"          AND NOT EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = c.oid))))"
	"    FILTER (WHERE c.oid IS NOT NULL), '{}'))::text"
	"  FROM pg_namespace n LEFT JOIN pg_class c"
	"    ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
	" WHERE CASE WHEN $1::text IS NULL"
	"         THEN n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'dcx')"
	"         ELSE n.nspname = $1::text END";

/* --------------------------------------------------------------------------------------------------
 * Reading an answer
 * --------------------------------------------------------------------------------------------------
 */

/* Where in an answer we are, for errors. */
typedef struct Reader
{
	const char *server;
	const char *table;	/* or NULL */
	const char *column; /* or NULL */
} Reader;

pg_noreturn static void
refuse_answer(const char *server, const char *detail)
{
	ereport(ERROR,
			errcode(ERRCODE_FDW_ERROR),
			errmsg("server \"%s\" does not answer as PostgreSQL does", server),
			errdetail("%s", detail),
			errhint("See which server it is, and who runs it."));
}

/* Where we are, as in: column "price" of table "products" */
static char *
place_of(const Reader *reader)
{
	if (reader->column)
		return psprintf("column \"%s\" of table \"%s\"", reader->column, reader->table);
	if (reader->table)
		return psprintf("table \"%s\"", reader->table);
	return pstrdup("the server");
}

/* A member of an object. nullable: null in JSON is allowed, too. Any other type is refused. */
static JsonbValue
answer_member(const Reader *reader, JsonbContainer *object, const char *name, enum jbvType type,
			  bool nullable)
{
	JsonbValue value;

	if (!getKeyJsonValueFromContainer(object, name, strlen(name), &value))
		refuse_answer(reader->server,
					  psprintf("Of %s it does not say \"%s\".", place_of(reader), name));
	if (value.type != type && !(nullable && value.type == jbvNull))
		refuse_answer(reader->server,
					  psprintf("Of %s it says a \"%s\" of another type.", place_of(reader), name));
	return value;
}

/* An object within an object. */
static JsonbContainer *
answer_object(const Reader *reader, JsonbContainer *object, const char *name)
{
	JsonbValue value = answer_member(reader, object, name, jbvBinary, false);

	if (!JsonContainerIsObject(value.val.binary.data))
		refuse_answer(reader->server,
					  psprintf("Of %s it says a \"%s\" of another type.", place_of(reader), name));
	return value.val.binary.data;
}

/*
 * A name, as the type name has it: one that is too long here is cut. (The other server can have been
 * built for longer names.)
 */
static char *
cut_name(const Reader *reader, const JsonbValue *value)
{
	int length = value->val.string.len;

	if (length == 0)
		refuse_answer(reader->server,
					  psprintf("Of %s it says a name that is empty.", place_of(reader)));
	if (length >= NAMEDATALEN)
		length = pg_mbcliplen(value->val.string.val, length, NAMEDATALEN - 1);
	return pnstrdup(value->val.string.val, length);
}

/* NULL where null is allowed, and it is null. */
static char *
answer_name(const Reader *reader, JsonbContainer *object, const char *name, bool nullable)
{
	JsonbValue value = answer_member(reader, object, name, jbvString, nullable);

	return value.type == jbvNull ? NULL : cut_name(reader, &value);
}

static int32
answer_integer(const Reader *reader, JsonbContainer *object, const char *name, int32 least,
			   int32 most)
{
	JsonbValue value = answer_member(reader, object, name, jbvNumeric, false);
	char	  *text =
		DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
	char *end;
	long  number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno != 0 || *end != '\0' || number < least || number > most)
		refuse_answer(reader->server,
					  psprintf("Of %s it says a \"%s\" that PostgreSQL does not have.",
							   place_of(reader),
							   name));
	return (int32) number;
}

/* The next member of an object; false after the last one. *members: JsonbIteratorInit()'s. */
static bool
next_member(JsonbIterator **members, JsonbValue *name, JsonbValue *value)
{
	JsonbIteratorToken token = JsonbIteratorNext(members, name, true);

	if (token == WJB_BEGIN_OBJECT)
		token = JsonbIteratorNext(members, name, true);
	if (token != WJB_KEY)
		return false;
	(void) JsonbIteratorNext(members, value, true);
	return true;
}

/* A member that has to be an object. */
static JsonbContainer *
as_object(const Reader *reader, const JsonbValue *value)
{
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		refuse_answer(reader->server,
					  psprintf("What it says of %s is no object.", place_of(reader)));
	return value->val.binary.data;
}

/*
 * Whether a column can be declared with this type and modifier. It is made from a parse tree, for which
 * the server does not check that: with one that cannot be declared pg_dump fails, or writes what cannot
 * be restored.
 */
static bool
can_be_declared(Oid type, int32 typmod)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool same = false;

	PG_TRY();
	{
		Oid	  read_type;
		int32 read_typmod;

		dcx_parse_type(format_type_extended(type,
											typmod,
											FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY),
					   &read_type,
					   &read_typmod);
		same = read_type == type && read_typmod == typmod;
	}
	PG_CATCH();
	{
		int category;

		MemoryContextSwitchTo(context);
		category = ERRCODE_TO_CATEGORY(CopyErrorData()->sqlerrcode);
		if (category == ERRCODE_OPERATOR_INTERVENTION || category == ERRCODE_INSUFFICIENT_RESOURCES)
			PG_RE_THROW();
		/* The caller raises an error of its own, so what the work has left open is closed. */
		FlushErrorState();
	}
	PG_END_TRY();
	return same;
}

/* A column. A type that is not built in is text here. */
static DcxRemoteColumn *
read_column(Reader *reader, const JsonbValue *name, const JsonbValue *value)
{
	DcxRemoteColumn *column = palloc0(sizeof(DcxRemoteColumn));
	JsonbContainer	*object;
	char			*type_name;
	char			*builtin;

	column->name = cut_name(reader, name);
	reader->column = column->name;
	object = as_object(reader, value);
	column->position = answer_integer(reader, object, "position", 1, PG_INT16_MAX);
	column->typmod = answer_integer(reader, object, "typmod", -1, PG_INT32_MAX);
	column->not_null = answer_member(reader, object, "not_null", jbvBool, false).val.boolean;
	type_name = answer_name(reader, object, "type_name", false);
	builtin = answer_name(reader, object, "builtin", true);
	if (builtin)
		column->type = GetSysCacheOid2(TYPENAMENSP,
									   Anum_pg_type_oid,
									   CStringGetDatum(builtin),
									   ObjectIdGetDatum(PG_CATALOG_NAMESPACE));
	if (!OidIsValid(column->type))
	{
		column->type = TEXTOID;
		column->typmod = -1;
		column->foreign = type_name;
	}
	else if (column->typmod != -1 && !can_be_declared(column->type, column->typmod))
		refuse_answer(reader->server,
					  psprintf("Of %s it says a \"typmod\" that its type cannot have.",
							   place_of(reader)));
	reader->column = NULL;
	return column;
}

/* Whether a name has a character that this database cannot have: nothing here can be called so. */
static bool
is_lost(const JsonbValue *name)
{
	return memchr(name->val.string.val, DCX_ENCODING_LOST_CHAR, name->val.string.len) != NULL;
}

static int
compare_columns(const ListCell *a, const ListCell *b)
{
	const DcxRemoteColumn *x = lfirst(a);
	const DcxRemoteColumn *y = lfirst(b);

	return x->position - y->position;
}

static int
compare_tables(const ListCell *a, const ListCell *b)
{
	return strcmp(((DcxRemoteTable *) lfirst(a))->name, ((DcxRemoteTable *) lfirst(b))->name);
}

static DcxRemoteTable *
read_table(Reader *reader, const JsonbValue *name, const JsonbValue *value)
{
	DcxRemoteTable *table = palloc0(sizeof(DcxRemoteTable));
	JsonbContainer *object;
	JsonbIterator  *columns;
	JsonbValue		column;
	JsonbValue		described;

	/* An answer can have very many tables, and each column's type is looked up. */
	CHECK_FOR_INTERRUPTS();
	table->name = cut_name(reader, name);
	reader->table = table->name;
	object = answer_object(reader, as_object(reader, value), "columns");
	if (JsonContainerSize(object) > MaxHeapAttributeNumber)
		refuse_answer(reader->server,
					  psprintf("Of %s it says more columns than a table can have.",
							   place_of(reader)));
	columns = JsonbIteratorInit(object);
	while (next_member(&columns, &column, &described))
		if (!is_lost(&column))
			table->columns = lappend(table->columns, read_column(reader, &column, &described));
	list_sort(table->columns, compare_columns);
	reader->table = NULL;
	return table;
}

/* Takes out of the answer what is said of the database and its tables. */
static void
read_answer(DcxIdentity *identity, const char *server)
{
	Reader		   reader = {.server = server};
	JsonbIterator *tables;
	JsonbValue	   table;
	JsonbValue	   described;

	if (!JB_ROOT_IS_OBJECT(identity->is))
		refuse_answer(server, "Its answer is no object.");
	identity->database = answer_name(&reader, &identity->is->root, "database", false);
	tables = JsonbIteratorInit(answer_object(&reader, &identity->is->root, "tables"));
	while (next_member(&tables, &table, &described))
		identity->tables = lappend(identity->tables, read_table(&reader, &table, &described));
	list_sort(identity->tables, compare_tables);
}

/* The text of an answer as jsonb. */
static Jsonb *
parse_answer(const char *server, const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb		 *json = NULL;

	PG_TRY();
	{
		json = dcx_json_parse(text);
	}
	PG_CATCH();
	{
		ErrorData *error;
		int		   category;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
		if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			PG_RE_THROW();
		FlushErrorState();
		/* The message only: the detail quotes the answer. */
		refuse_answer(server, psprintf("Its answer is no JSON: %s.", error->message));
	}
	PG_END_TRY();
	return json;
}

/* --------------------------------------------------------------------------------------------------
 * Asking
 * --------------------------------------------------------------------------------------------------
 */

DcxIdentity
dcx_identity_ask(Oid server, Oid role, const char *schema)
{
	DcxProbe	probe = dcx_encoding_ask(server, role, question, schema);
	const char *name = GetForeignServer(server)->servername;
	DcxIdentity identity = {.failure = probe.failure,
							.error = probe.error,
							.cause = probe.cause,
							.latency_ms = probe.latency_ms};

	if (probe.error)
		return identity;
	identity.is = parse_answer(name, probe.answer);
	read_answer(&identity, name);
	return identity;
}

/* A probe's error as a sentence of its own. */
static char *
sentence(const char *error)
{
	char *text = dcx_reach_sentence(error);

	text[0] = pg_ascii_toupper((unsigned char) text[0]);
	return text;
}

void
dcx_identity_refuse(const DcxIdentity *identity, DcxCatalogId id, Oid server, Oid role)
{
	const char *name = GetForeignServer(server)->servername;

	if (identity->failure == DCX_PROBE_STRANGE)
		refuse_answer(name, sentence(identity->error));
	/* With the SQLSTATE that postgres_fdw has for it. */
	if (identity->failure == DCX_PROBE_FORBIDDEN)
		ereport(ERROR,
				errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
				errmsg("role \"%s\" may not connect to server \"%s\"",
					   GetUserNameFromId(role, false),
					   name),
				errdetail("%s", sentence(identity->error)),
				errhint("%s", identity->cause.hint));
	dcx_remote_refuse(dcx_catalog_remote(id),
					  identity->failure == DCX_PROBE_NOT_CONNECTED ?
						  psprintf("could not connect to server \"%s\": %s",
								   name,
								   identity->error) :
						  sentence(identity->error),
					  identity->cause);
}

Jsonb *
dcx_identity_here(Oid role, const char *schema)
{
	DcxParameters parameters = {0};

	dcx_parameter_text(&parameters, schema);
	return dcx_json_parse(dcx_query_text_of(role, question, &parameters));
}

char *
dcx_identity_seen(Jsonb *is)
{
	DcxParameters parameters = {0};

	dcx_parameter(&parameters, JSONBOID, is ? JsonbPGetDatum(is) : (Datum) 0, !is);
	return dcx_query_text_of(InvalidOid,
							 "SELECT jsonb_build_object('main', jsonb_build_object("
							 "    'database', current_database(),"
							 "    'system', " SYSTEM "),"
							 "  'catalog', $1 - 'tables' - 'statement_timeout')::text",
							 &parameters);
}
