/*
 * binding.c
 *		Which relation stands for what: the rows of dcx.binding.
 *
 * Reading is part of every call, so it takes neither a statement nor a catalog scan: one index lookup (lookup.h), and
 * checks that syscaches answer. Locks: dcx.binding is locked ACCESS SHARE when it is read. Writing happens in attach
 * and detach only, by statements, in the caller's run.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "src/base/binding.h"
#include "src/base/fresh.h"
#include "src/base/lookup.h"
#include "src/base/money.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/shape.h"

Oid
dcx_binding_table(void)
{
	return dcx_table_relation(DCX_TABLE_BINDING);
}

/*
 * Whether a role may call our own dcx_attach_<catalog>(). Others may have functions of that name; ours is recognised by
 * its language and symbol, since only superusers can make functions in C. Not by pg_depend: this is asked in every
 * call, and pg_depend has no syscache.
 */
static bool
may_attach(Oid role, const char *catalog)
{
	char	 *name = psprintf("dcx_attach_%s", catalog);
	CatCList *functions = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	bool	  may = false;

	for (int i = 0; i < functions->n_members && !may; i++)
	{
		HeapTuple	 tuple = &functions->members[i]->tuple;
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);
		bool		 isnull;
		Datum		 symbol;

		if (form->prolang != ClanguageId)
			continue;
		symbol = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
		may = !isnull && strcmp(TextDatumGetCString(symbol), name) == 0 &&
			  dcx_role_may_execute(role, form->oid);
	}
	ReleaseSysCacheList(functions);
	return may;
}

void
dcx_binding_check_entitled(const char *catalog, Oid relation, Oid owner, const char *table)
{
	Oid relation_owner = OidIsValid(relation) ? dcx_relation_owner(relation) : InvalidOid;

	if (superuser_arg(owner))
		return;
	if (!may_attach(owner, catalog))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("table %s cannot be trusted", table),
				errdetail("It belongs to role \"%s\", which may not call dcx_attach_%s().",
						  GetUserNameFromId(owner, false),
						  catalog),
				errhint(
					"GRANT that role EXECUTE on the function if it is trusted. Else keep a copy of "
					"schema dcx, where the ledger is, too; drop it, and attach again."));
	if (OidIsValid(relation_owner) && !has_privs_of_role(owner, relation_owner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("%s was attached by a role that may not act as its owner",
					   dcx_relation_name(relation)),
				errdetail("It belongs to role \"%s\", %s to role \"%s\".",
						  GetUserNameFromId(relation_owner, false),
						  table,
						  GetUserNameFromId(owner, false)),
				errhint("Attach it as its owner, or as a superuser."));
}

/*
 * Whether a role can have made the table rightfully: it may attach some catalog, not necessarily this one. Each row is
 * checked on its own when it is read.
 */
static bool
may_have_made(Oid owner, const char *catalog)
{
	static const char *const catalogs[] = {"aas", "enetworks", "wallet"};

	if (superuser_arg(owner) || may_attach(owner, catalog))
		return true;
	for (size_t i = 0; i < lengthof(catalogs); i++)
		if (strcmp(catalogs[i], catalog) != 0 && may_attach(owner, catalogs[i]))
			return true;
	return false;
}

void
dcx_binding_check_table(const char *catalog, Oid table)
{
	Oid owner = dcx_relation_owner(table);

	if (!may_have_made(owner, catalog))
		dcx_binding_check_entitled(catalog, InvalidOid, owner, "dcx.binding");
	dcx_shape_check(DCX_TABLE_BINDING, table);
}

static void
refuse_names(Oid table)
{
	dcx_shape_refuse(table, "Column \"columns\" has a value that is not a list of names.");
}

/* Reads the names of columns; a name that is missing becomes "". The array is a user's, and may be anything. */
static void
set_columns(DcxBinding *binding, Oid table, Datum array, bool isnull)
{
	Datum *names = NULL;
	bool  *nulls = NULL;
	int	   n = 0;

	if (!isnull)
	{
		if (ARR_NDIM(DatumGetArrayTypeP(array)) > 1)
			refuse_names(table);
		deconstruct_array(DatumGetArrayTypeP(array),
						  TEXTOID,
						  -1,
						  false,
						  TYPALIGN_INT,
						  &names,
						  &nulls,
						  &n);
	}
	for (int i = 0; i < DCX_BINDING_COLUMNS; i++)
	{
		if (i < n && (nulls[i] || VARSIZE_ANY_EXHDR(DatumGetPointer(names[i])) >= NAMEDATALEN))
			refuse_names(table);
		namestrcpy(&binding->columns[i], i < n ? TextDatumGetCString(names[i]) : "");
	}
}

/* Refuses what a later version of the library has attached: it relies on more than this one writes. */
static void
check_version(const char *catalog, int32 version)
{
	if (version <= DCX_TABLES_VERSION)
		return;
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("the tables in schema dcx are of a later version than the library"),
			errdetail("What was attached as \"%s\" is of version %d, and the library that this "
					  "session has loaded knows version %d.",
					  catalog,
					  version,
					  DCX_TABLES_VERSION),
			errhint("Connect again. If that does not help, the server has an older dcx_pricing "
					"installed than the one that attached."));
}

/* The encoding that attach has noted in seen; -1 where it has not. */
static int
seen_encoding(Jsonb *seen)
{
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(seen) ||
		!getKeyJsonValueFromContainer(&seen->root, "catalog", strlen("catalog"), &value) ||
		value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data) ||
		!getKeyJsonValueFromContainer(value.val.binary.data,
									  "encoding",
									  strlen("encoding"),
									  &value) ||
		value.type != jbvString)
		return -1;
	return pg_char_to_encoding(pnstrdup(value.val.string.val, value.val.string.len));
}

/* Reads the row under the active snapshot. */
static void
read_row(DcxBinding *binding, Oid table)
{
	static const int columns[] = {DCX_BINDING_RELATION,
								  DCX_BINDING_COLUMN_NAMES,
								  DCX_BINDING_VERSION,
								  DCX_BINDING_SEEN};
	Datum			 keys[2];
	Datum			 values[lengthof(columns)];
	bool			 nulls[lengthof(columns)];

	keys[0] = CStringGetTextDatum(binding->catalog);
	keys[1] = CStringGetTextDatum(binding->part);
	if (!dcx_lookup(DCX_TABLE_BINDING,
					table,
					keys,
					false,
					lengthof(columns),
					columns,
					values,
					nulls,
					NULL))
		return;
	if (!nulls[2])
		check_version(binding->catalog, DatumGetInt32(values[2]));
	binding->relation = DatumGetObjectId(values[0]);
	binding->encoding = nulls[3] ? -1 : seen_encoding(DatumGetJsonbP(values[3]));
	set_columns(binding, table, values[1], nulls[1]);
	binding->attached = true;
}

/* Whether who owns the table may have attached what the row names. */
static void
check_row(const DcxBinding *binding, Oid table)
{
	if (binding->attached)
		dcx_binding_check_entitled(binding->catalog,
								   binding->relation,
								   dcx_relation_owner(table),
								   "dcx.binding");
}

/*
 * What is known of dcx.binding as a whole: all bindings are rows of it, and most calls need several. So it is noted and
 * checked for all at once. A binding is of a look if it was read while nothing had been written since that look.
 */
static struct
{
	uint64		  look; /* which look this was; 0: none yet */
	Oid			  table;
	DcxSource	  source;
	DcxStamp	  stamp;
	MemoryContext context; /* of what was noted */
} seen;

/* Whether dcx.binding, which becomes locked, has not been written since the last look. */
static bool
is_unwritten(Oid table)
{
	return seen.table == table && (dcx_stamp_holds(&seen.stamp, &seen.source) ||
								   dcx_stamp_renew(&seen.stamp, &seen.source));
}

/* Looks at dcx.binding, which is locked, under the active snapshot. */
static void
look_at(Oid table)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "dcx bindings", ALLOCSET_SMALL_SIZES);
	MemoryContext caller;
	DcxSource	  source = dcx_shape_source(table);
	DcxStamp	  stamp = dcx_stamp_now(&source);

	caller = MemoryContextSwitchTo(context);
	dcx_source_note(&source);
	MemoryContextSwitchTo(caller);

	MemoryContextSetParent(context, TopMemoryContext);
	if (seen.context)
		MemoryContextDelete(seen.context);
	seen.context = context;
	seen.look++;
	seen.table = table;
	seen.source = source;
	seen.source.relations = &seen.table;
	seen.stamp = stamp;
}

void
dcx_binding_read(DcxBinding *binding)
{
	Oid		 table = dcx_binding_table();
	DcxStamp stamp;
	bool	 begun;

	binding->stamp.valid = false;
	if (OidIsValid(table) && is_unwritten(table) && binding->look == seen.look)
	{
		dcx_binding_check_table(binding->catalog, table);
		check_row(binding, table);
		binding->stamp = dcx_stamp_now(&seen.source);
		return;
	}

	binding->attached = false;
	binding->look = 0;
	if (!OidIsValid(table))
		return;
	LockRelationOid(table, AccessShareLock);
	if (!OidIsValid(dcx_relation_owner(table)))
		return;

	dcx_binding_check_table(binding->catalog, table);
	begun = dcx_fresh_begin_ours(table);
	if (!is_unwritten(table))
		look_at(table);
	stamp = dcx_stamp_now(&seen.source);
	read_row(binding, table);
	check_row(binding, table);
	dcx_fresh_end(begun);

	binding->look = seen.look;
	binding->table = table;
	binding->source = seen.source;
	binding->source.relations = &binding->table;
	binding->stamp = stamp;
}

/*
 * In SQL: what is kept of a relation in column "seen", for the time when it has been dropped, or its columns renamed.
 * The OIDs tell of objects of the same name whether they are the ones that were there: a restored dump has others.
 */
#define HERE(relation)                                                                \
	"(SELECT jsonb_build_object('oid', c.oid::bigint, 'schema', n.nspname,"           \
	"    'schema_oid', n.oid::bigint, 'name', c.relname,"                             \
	"    'server', s.srvname, 'server_oid', s.oid::bigint,"                           \
	"    'remote_schema', (SELECT option_value FROM pg_options_to_table(f.ftoptions)" \
	"       WHERE option_name = 'schema_name'),"                                      \
	"    'columns', (SELECT jsonb_object_agg(attnum, attname) FROM pg_attribute"      \
	"       WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped))"             \
	"  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                 \
	"  LEFT JOIN (pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver)" \
	"    ON f.ftrelid = c.oid WHERE c.oid = " relation ")"

/* In SQL: what "seen" has of earlier relations of a part, for which attach made something. */
#define EARLIER                                                                \
	"jsonb_array_elements(CASE jsonb_typeof(b.seen -> 'earlier') WHEN 'array'" \
	" THEN b.seen -> 'earlier' ELSE '[]' END)"

/* A text or number of an object; NULL for anything else. The object is a user's, and may be anything. */
static char *
member_text(JsonbContainer *object, const char *key)
{
	JsonbValue value;

	if (!getKeyJsonValueFromContainer(object, key, strlen(key), &value))
		return NULL;
	if (value.type == jbvString)
		return pnstrdup(value.val.string.val, value.val.string.len);
	return value.type == jbvNumeric ? dcx_numeric_text(value.val.numeric) : NULL;
}

/* The same as an OID. */
static Oid
member_oid(JsonbContainer *object, const char *key)
{
	char *text = member_text(object, key);

	return text ? (Oid) strtoul(text, NULL, 10) : InvalidOid;
}

bool
dcx_binding_place(const char *catalog, const char *part, char **schema, char **name)
{
	static const int columns[] = {DCX_BINDING_RELATION, DCX_BINDING_SEEN};
	Oid				 table = dcx_binding_table();
	Datum			 keys[] = {CStringGetTextDatum(catalog), CStringGetTextDatum(part)};
	Datum			 values[lengthof(columns)];
	bool			 nulls[lengthof(columns)];
	JsonbValue		 here;
	char			*renamed = NULL;

	if (!OidIsValid(table) ||
		!dcx_lookup(DCX_TABLE_BINDING, table, keys, false, 2, columns, values, nulls, NULL) ||
		nulls[1] || !JB_ROOT_IS_OBJECT(DatumGetJsonbP(values[1])) ||
		!getKeyJsonValueFromContainer(&DatumGetJsonbP(values[1])->root, "here", 4, &here) ||
		here.type != jbvBinary || !JsonContainerIsObject(here.val.binary.data))
		return false;
	*schema = member_text(here.val.binary.data, "schema");
	*name = member_text(here.val.binary.data, "name");
	if (!*schema || !*name)
		return false;
	/* Another OID of the relation shows that this is a restored dump. */
	if (member_oid(here.val.binary.data, "oid") == DatumGetObjectId(values[0]))
		renamed = get_namespace_name(member_oid(here.val.binary.data, "schema_oid"));
	if (renamed)
		*schema = renamed;
	return true;
}

static Datum
text_array(List *strings)
{
	Datum	 *elements = palloc(sizeof(Datum) * Max(list_length(strings), 1));
	int		  n = 0;
	ListCell *lc;

	foreach(lc, strings)
		elements[n++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

void
dcx_binding_prepare(void)
{
	Oid			  table = dcx_binding_table();
	DcxParameters parameters = {0};
	DcxRun		  run;

	if (!OidIsValid(table))
		return;
	dcx_table_make(DCX_TABLE_BINDING);
	dcx_shape_check(DCX_TABLE_BINDING, table);

	dcx_parameter(&parameters, INT4OID, Int32GetDatum(DCX_TABLES_VERSION), false);
	dcx_run_begin(&run, dcx_relation_owner(table));
	if (dcx_query_write(NULL,
						"SELECT catalog, version::bigint FROM dcx.binding WHERE version > $1"
						" ORDER BY catalog, part LIMIT 1",
						&parameters) > 0)
		check_version(dcx_query_text(0, 1), (int32) dcx_query_int64(0, 2));
	dcx_run_end(&run);
}

/* Adds a text to a list that does not have it yet. */
static void
add_text(List **texts, char *text)
{
	ListCell *lc;

	foreach(lc, *texts)
		if (strcmp(lfirst(lc), text) == 0)
			return;
	*texts = lappend(*texts, text);
}

/*
 * The earlier relations of a part, for which attach made something, for the time when the part's relation is this one
 * (or none): as "seen" has them. back: what attach once made for this one.
 */
static char *
earlier_relations(const char *catalog, const char *part, Oid relation, List **back)
{
	static const Oid types[] = {TEXTOID, TEXTOID, OIDOID};
	Datum			 values[lengthof(types)];
	uint64			 n;

	values[0] = CStringGetTextDatum(catalog);
	values[1] = CStringGetTextDatum(part);
	values[2] = ObjectIdGetDatum(relation);
	n = dcx_query_execute(
		"WITH earlier AS (SELECT e FROM dcx.binding b, " EARLIER " e"
		"    WHERE catalog = $1 AND part = $2"
		"   UNION ALL"
		"   SELECT jsonb_build_object('oid', relation::oid::bigint, 'made', made)"
		"       || coalesce(" HERE(
			"b.relation") ", seen -> 'here', '{}')"
						  "     FROM dcx.binding b"
						  "    WHERE catalog = $1 AND part = $2 AND relation::oid <> $3"
						  "      AND made <> '{}')"
						  " SELECT NULL, coalesce(jsonb_agg(e), '[]')::text FROM earlier"
						  "  WHERE e ->> 'oid' <> $3::text"
						  " UNION ALL"
						  " SELECT jsonb_array_elements_text(e -> 'made'), NULL FROM earlier"
						  "  WHERE e ->> 'oid' = $3::text",
		lengthof(types),
		types,
		values,
		NULL);
	for (uint64 i = 1; i < n; i++)
		add_text(back, dcx_query_text(i, 1));
	return dcx_query_text(0, 2);
}

void
dcx_binding_put(const char *catalog, const char *part, Oid relation, List *columns, List *made,
				const char *seen)
{
	static const Oid types[] =
		{TEXTOID, TEXTOID, OIDOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID, INT4OID, TEXTOID};
	Datum values[lengthof(types)];
	List *all = list_copy(made);

	dcx_table_make(DCX_TABLE_BINDING);
	dcx_shape_check(DCX_TABLE_BINDING, dcx_binding_table());

	values[0] = CStringGetTextDatum(catalog);
	values[1] = CStringGetTextDatum(part);
	values[2] = ObjectIdGetDatum(relation);
	values[3] = text_array(columns);
	values[5] = CStringGetTextDatum(seen ? seen : "{}");
	values[6] = Int32GetDatum(DCX_TABLES_VERSION);
	values[7] = CStringGetTextDatum(earlier_relations(catalog, part, relation, &all));
	values[4] = text_array(all);

	/* What attach once created remains in made, also when the relation is attached again or merely adopted. */
	dcx_query_execute(
		"INSERT INTO dcx.binding AS b (catalog, part, relation, columns, made, seen,"
		"   version)"
		" VALUES ($1, $2, $3, nullif($4, '{}'), $5, $6::jsonb ||"
		"   jsonb_build_object('here', " HERE(
			"$3") ", 'earlier', $8::jsonb), $7)"
				  " ON CONFLICT (catalog, part) DO UPDATE"
				  "    SET relation = excluded.relation, columns = excluded.columns,"
				  "        seen = excluded.seen, version = excluded.version,"
				  "        attached_by = excluded.attached_by,"
				  "        attached_at = excluded.attached_at,"
				  "        made = CASE WHEN b.relation <> excluded.relation THEN excluded.made"
				  "               ELSE ARRAY(SELECT unnest(b.made) UNION"
				  "                          SELECT unnest(excluded.made)) END",
		lengthof(types),
		types,
		values,
		NULL);
}

void
dcx_binding_forget(const char *catalog, const char *part)
{
	static const Oid types[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum			 values[3];
	List			*made = NIL;

	if (!OidIsValid(dcx_binding_table()))
		return;
	values[0] = CStringGetTextDatum(catalog);
	values[1] = CStringGetTextDatum(part);
	values[2] = CStringGetTextDatum(earlier_relations(catalog, part, InvalidOid, &made));
	/* What attach made for it is another part's to drop. */
	dcx_query_execute("WITH gone AS (DELETE FROM dcx.binding WHERE catalog = $1 AND part = $2)"
					  " UPDATE dcx.binding b SET seen = coalesce(seen, '{}') ||"
					  "    jsonb_build_object('earlier', jsonb_path_query_array(b.seen,"
					  "       'lax $.earlier[*]') || $3::jsonb)"
					  "  WHERE catalog = $1 AND $3::jsonb <> '[]' AND part ="
					  "    (SELECT min(part) FROM dcx.binding WHERE catalog = $1 AND part <> $2)",
					  lengthof(types),
					  types,
					  values,
					  NULL);
}

/* The bindings of a catalog, as dcx_binding_remove() returns them. */
static const char remove_sql[] =
	"WITH gone AS (DELETE FROM dcx.binding WHERE catalog = $1 RETURNING *),"
	" bound AS ("
	"   SELECT part, relation::oid, made, seen -> 'here' AS here, false AS earlier FROM gone"
	"   UNION ALL"
	/* By its OID, or in a restored dump by its name; it has to be such as attach makes them. */
	"   SELECT part, coalesce((SELECT ftrelid FROM pg_foreign_table"
	"         WHERE ftrelid::text = e ->> 'oid' AND ftoptions @> '{updatable=false,truncatable=false}'),"
	"       (SELECT c.oid FROM pg_foreign_table JOIN pg_class c ON c.oid = ftrelid"
	"          JOIN pg_namespace n ON n.oid = relnamespace"
	"         WHERE relname = e ->> 'name' AND nspname = e ->> 'schema'"
	"           AND ftoptions @> '{updatable=false,truncatable=false}'), 0::oid),"
	"     ARRAY(SELECT jsonb_array_elements_text(e -> 'made')), e, true"
	"     FROM gone b, " EARLIER " e)"
	" SELECT relation, coalesce(array_to_string(made, ','), ''), earlier,"
	"    (SELECT s.oid FROM pg_foreign_server s WHERE srvname = here ->> 'server'"
	"        AND (s.oid::text = here ->> 'server_oid'"
	"             OR 'application_name=dcx_pricing' = ANY (srvoptions))),"
	"    (SELECT n.oid FROM pg_namespace n WHERE nspname = here ->> 'schema'"
	"        AND n.oid::text = here ->> 'schema_oid')"
	"   FROM bound ORDER BY NOT made <@ '{relation}', earlier, part, here ->> 'schema'";

List *
dcx_binding_remove(const char *catalog)
{
	static const Oid types[] = {TEXTOID};
	Datum			 values[1];
	List			*removed = NIL;
	uint64			 n;

	if (!OidIsValid(dcx_binding_table()))
		return NIL;
	dcx_table_check_trusted(DCX_TABLE_BINDING);

	values[0] = CStringGetTextDatum(catalog);
	n = dcx_query_execute(remove_sql, 1, types, values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		DcxBound *bound = palloc0(sizeof(DcxBound));
		bool	  isnull;

		bound->relation = DatumGetObjectId(dcx_query_value(i, 1, OIDOID, &isnull));
		SplitIdentifierString(dcx_query_text(i, 2), ',', &bound->made);
		bound->earlier = dcx_query_bool(i, 3);
		bound->server = DatumGetObjectId(dcx_query_value(i, 4, OIDOID, &isnull));
		bound->schema = DatumGetObjectId(dcx_query_value(i, 5, OIDOID, &isnull));
		removed = lappend(removed, bound);
	}
	return removed;
}

void
dcx_binding_hand_on(const char *what, Oid server, Oid schema)
{
	static const Oid types[] = {TEXTOID, OIDOID, OIDOID};
	Datum			 values[lengthof(types)];

	values[0] = CStringGetTextDatum(what);
	values[1] = ObjectIdGetDatum(server);
	values[2] = ObjectIdGetDatum(schema);
	dcx_query_execute(
		"UPDATE dcx.binding SET made = ARRAY(SELECT unnest(made) UNION SELECT $1)"
		" WHERE (catalog, part) = (SELECT catalog, part FROM dcx.binding"
		"    JOIN pg_class c ON c.oid = relation LEFT JOIN pg_foreign_table ON ftrelid = c.oid"
		"   WHERE ftserver = $2 OR relnamespace = $3 ORDER BY catalog, part LIMIT 1)",
		lengthof(types),
		types,
		values,
		NULL);
}
