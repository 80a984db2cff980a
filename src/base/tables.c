/*
 * tables.c
 *		Our tables in schema dcx: their columns, and how they are made and upgraded.
 *
 * dcx_tables[] is the only definition: CREATE TABLE, ALTER TABLE, the checks of shape.c and the reads of lookup.c all
 * follow it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "src/base/known.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/tables.h"

#define SCHEMA "dcx"

/* Abbreviations for the table below: the parts of a column that recur. */
#define NOT_NULL	 .not_null = true, .since = 1
#define MAY_BE_NULL	 .since = 1
#define NOT_NEGATIVE .not_negative = true
#define CHANGES		 .changes = true
#define C_TEXT		 TEXTOID, C_COLLATION_OID
#define TEXT		 TEXTOID, DEFAULT_COLLATION_OID
#define TEXTS		 TEXTARRAYOID, DEFAULT_COLLATION_OID

/*
 * There are no CHECK constraints: the server parses them again for each statement, which took a tenth of a hold's time.
 * Nobody but us writes here, and the audit checks what they would have checked.
 */
const DcxTable dcx_tables[DCX_TABLES] = {
	[DCX_TABLE_BINDING] =
		{"binding",
		 9,
		 {[DCX_BINDING_CATALOG] = {"catalog", TEXT, NOT_NULL},
		  [DCX_BINDING_PART] = {"part", TEXT, NOT_NULL},
		  [DCX_BINDING_RELATION] = {"relation", REGCLASSOID, NOT_NULL},
		  [DCX_BINDING_COLUMN_NAMES] = {"columns", TEXTS, MAY_BE_NULL},
		  [DCX_BINDING_MADE] = {"made", TEXTS, NOT_NULL},
		  [DCX_BINDING_SEEN] = {"seen", JSONBOID, MAY_BE_NULL},
		  [DCX_BINDING_ATTACHED_BY] =
			  {"attached_by", TEXT, NOT_NULL, .rest = "DEFAULT current_user"},
		  [DCX_BINDING_ATTACHED_AT] =
			  {"attached_at", TIMESTAMPTZOID, NOT_NULL, .rest = "DEFAULT clock_timestamp()"},
		  [DCX_BINDING_VERSION] = {"version", INT4OID, .since = 2}},
		 2,
		 {DCX_BINDING_CATALOG, DCX_BINDING_PART},
		 .comment =
			 "which relation stands for what, written by dcx_attach_aas() and "
			 "dcx_attach_wallet(); made: what attach created, and dcx_detach() drops; seen: which "
			 "database attached which; version: of the tables in this schema that attach left "
			 "behind",
		 .catalog = "wallet"},
	[DCX_TABLE_PRICE_BOOK] =
		{"price_book",
		 6,
		 {[DCX_PRICE_BOOK_CATALOG] = {"catalog", C_TEXT, NOT_NULL},
		  [DCX_PRICE_BOOK_BOOK_ID] =
			  {"book_id", INT8OID, NOT_NULL, .rest = "GENERATED ALWAYS AS IDENTITY"},
		  [DCX_PRICE_BOOK_FIRST_SEEN_AT] = {"first_seen_at", TIMESTAMPTZOID, NOT_NULL},
		  [DCX_PRICE_BOOK_LAST_SEEN_AT] = {"last_seen_at", TIMESTAMPTZOID, NOT_NULL},
		  [DCX_PRICE_BOOK_PRODUCTS] = {"products", INT4OID, NOT_NULL},
		  [DCX_PRICE_BOOK_BOOK] = {"book", JSONBOID, NOT_NULL}},
		 2,
		 {DCX_PRICE_BOOK_CATALOG, DCX_PRICE_BOOK_BOOK_ID},
		 .comment =
			 "the price books that dcx_price_book_save() has seen, with costs; a new row where "
			 "anything had changed. products: how many there were",
		 .catalog = "aas"},
	[DCX_TABLE_ACCOUNT] =
		{"wallet_account",
		 5,
		 {[DCX_ACCOUNT_ORGANISATION] = {"organisation", C_TEXT, NOT_NULL},
		  [DCX_ACCOUNT_BALANCE] = {"balance", NUMERICOID, CHANGES, NOT_NULL},
		  [DCX_ACCOUNT_HELD] =
			  {"held", NUMERICOID, CHANGES, NOT_NEGATIVE, NOT_NULL, .rest = "DEFAULT 0"},
		  [DCX_ACCOUNT_NEXT_EXPIRY] =
			  {"next_expiry", TIMESTAMPTZOID, CHANGES, NOT_NULL, .rest = "DEFAULT 'infinity'"},
		  [DCX_ACCOUNT_EXPIRED_UNTIL] =
			  {"expired_until", TIMESTAMPTZOID, CHANGES, NOT_NULL, .rest = "DEFAULT '-infinity'"}},
		 1,
		 {DCX_ACCOUNT_ORGANISATION},
		 .storage = "fillfactor = 50",
		 .comment =
			 "what the entries of an organisation add up to, and what is held. held: the open "
			 "holds that expire after expired_until; none of them expires before next_expiry",
		 .catalog = "wallet"},
	[DCX_TABLE_ENTRY] =
		{"wallet_entry",
		 13,
		 {[DCX_ENTRY_ENTRY_ID] =
			  {"entry_id", INT8OID, NOT_NULL, .rest = "GENERATED ALWAYS AS IDENTITY"},
		  [DCX_ENTRY_ORGANISATION] = {"organisation", C_TEXT, NOT_NULL},
		  [DCX_ENTRY_RECORDED_AT] =
			  {"recorded_at", TIMESTAMPTZOID, NOT_NULL, .rest = "DEFAULT clock_timestamp()"},
		  [DCX_ENTRY_KIND] = {"kind", TEXT, NOT_NULL},
		  [DCX_ENTRY_AMOUNT] = {"amount", NUMERICOID, NOT_NULL},
		  [DCX_ENTRY_BALANCE] = {"balance", NUMERICOID, NOT_NULL},
		  [DCX_ENTRY_AVAILABLE] = {"available", NUMERICOID, MAY_BE_NULL},
		  [DCX_ENTRY_HOLD_ID] = {"hold_id", INT8OID, MAY_BE_NULL},
		  [DCX_ENTRY_IDEMPOTENCY_KEY] = {"idempotency_key", C_TEXT, MAY_BE_NULL},
		  [DCX_ENTRY_DESCRIPTION] = {"description", TEXT, MAY_BE_NULL},
		  [DCX_ENTRY_DETAILS] = {"details", JSONBOID, MAY_BE_NULL},
		  [DCX_ENTRY_ROLE] = {"role", TEXT, NOT_NULL},
		  [DCX_ENTRY_SESSION_ROLE] = {"session_role", TEXT, NOT_NULL}},
		 2,
		 {DCX_ENTRY_ORGANISATION, DCX_ENTRY_ENTRY_ID},
		 .comment =
			 "the ledger. Every change of a balance, in the order of entry_id; amount is what it "
			 "changed by, balance what the organisation had afterwards. Append-only",
		 .catalog = "wallet"},
	[DCX_TABLE_HOLD] =
		{"wallet_hold",
		 19,
		 {[DCX_HOLD_HOLD_ID] =
			  {"hold_id", INT8OID, NOT_NULL, .rest = "GENERATED ALWAYS AS IDENTITY"},
		  [DCX_HOLD_ORGANISATION] = {"organisation", C_TEXT, NOT_NULL},
		  [DCX_HOLD_AMOUNT] = {"amount", NUMERICOID, NOT_NEGATIVE, NOT_NULL},
		  [DCX_HOLD_STATE] = {"state", TEXT, CHANGES, NOT_NULL, .rest = "DEFAULT 'open'"},
		  [DCX_HOLD_HELD_AT] = {"held_at", TIMESTAMPTZOID, NOT_NULL},
		  [DCX_HOLD_EXPIRES_IN] = {"expires_in", INTERVALOID, NOT_NULL},
		  [DCX_HOLD_FIRST_EXPIRES_AT] = {"first_expires_at", TIMESTAMPTZOID, NOT_NULL},
		  [DCX_HOLD_EXPIRES_AT] = {"expires_at", TIMESTAMPTZOID, CHANGES, NOT_NULL},
		  [DCX_HOLD_AVAILABLE] = {"available", NUMERICOID, NOT_NULL},
		  [DCX_HOLD_RESOLVED_AT] = {"resolved_at", TIMESTAMPTZOID, CHANGES, MAY_BE_NULL},
		  [DCX_HOLD_CAPTURED] = {"captured", NUMERICOID, CHANGES, NOT_NEGATIVE, MAY_BE_NULL},
		  [DCX_HOLD_ENTRY_ID] = {"entry_id", INT8OID, CHANGES, MAY_BE_NULL},
		  [DCX_HOLD_AVAILABLE_THEN] = {"available_then", NUMERICOID, CHANGES, MAY_BE_NULL},
		  [DCX_HOLD_IDEMPOTENCY_KEY] = {"idempotency_key", C_TEXT, NOT_NULL},
		  [DCX_HOLD_DESCRIPTION] = {"description", TEXT, MAY_BE_NULL},
		  [DCX_HOLD_DETAILS] = {"details", JSONBOID, MAY_BE_NULL},
		  [DCX_HOLD_QUOTE] = {"quote", JSONBOID, MAY_BE_NULL},
		  [DCX_HOLD_ROLE] = {"role", TEXT, NOT_NULL},
		  [DCX_HOLD_SESSION_ROLE] = {"session_role", TEXT, NOT_NULL}},
		 1,
		 {DCX_HOLD_HOLD_ID},
		 /* Room in the page for a hold's second version, and no index on a column that changes: a capture is HOT. */
		 .storage = "fillfactor = 70",
		 .indexes = {{"wallet_hold_expires", "organisation, expires_at", "wallet_hold_expiry"},
					 {"wallet_hold_page", "organisation, hold_id"}},
		 .comment =
			 "money held for an order. An open hold whose expires_at has passed has expired, "
			 "whether or not it is marked so. available: as answered when it was made, "
			 "available_then: when it was released",
		 .catalog = "wallet"},
	[DCX_TABLE_KEY] = {"wallet_key",
					   4,
					   {[DCX_KEY_ORGANISATION] = {"organisation", C_TEXT, NOT_NULL},
						[DCX_KEY_IDEMPOTENCY_KEY] = {"idempotency_key", C_TEXT, NOT_NULL},
						[DCX_KEY_ENTRY_ID] = {"entry_id", INT8OID, MAY_BE_NULL},
						[DCX_KEY_HOLD_ID] = {"hold_id", INT8OID, MAY_BE_NULL}},
					   2,
					   {DCX_KEY_ORGANISATION, DCX_KEY_IDEMPOTENCY_KEY},
					   .comment =
						   "the idempotency keys of an organisation, and what each was used for",
					   .catalog = "wallet"},
};

Oid
dcx_table_relation(DcxTableId id)
{
	/* While a table keeps its name, no other one can have it: so only that it is there can be kept. */
	static struct
	{
		DcxKnown known;
		Oid		 relation;
	} kept[DCX_TABLES];
	uint64 before;
	Oid	   schema;
	Oid	   relation;

	if (likely(kept[id].known.holds))
		return kept[id].relation;
	before = dcx_known_messages();
	schema = get_namespace_oid(SCHEMA, true);
	relation = OidIsValid(schema) ? get_relname_relid(dcx_tables[id].name, schema) : InvalidOid;
	if (OidIsValid(relation) && dcx_known_keep(&kept[id].known, before, 1, &relation))
		kept[id].relation = relation;
	return relation;
}

/* The owner of an object of a catalog, such as pg_class; InvalidOid when it has been dropped. */
static Oid
object_owner(Oid catalog, Oid object)
{
	int		  cache = get_object_catcache_oid(catalog);
	HeapTuple tuple = SearchSysCache1(cache, ObjectIdGetDatum(object));
	Oid		  owner;
	bool	  isnull;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner =
		DatumGetObjectId(SysCacheGetAttr(cache, tuple, get_object_attnum_owner(catalog), &isnull));
	ReleaseSysCache(tuple);
	return owner;
}

void
dcx_tables_check_owner(Oid catalog, Oid object, const char *what)
{
	Oid owner = object_owner(catalog, object);

	if (!OidIsValid(owner))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("%s has been dropped meanwhile", what),
				errhint("Attach again: that makes it."));
	if (owner != GetUserId() && !superuser_arg(owner))
		ereport(ERROR,
				errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("%s belongs to role \"%s\"", what, GetUserNameFromId(owner, false)),
				errdetail("It has to belong to you or to a superuser, since prices and money are "
						  "looked up through it."),
				errhint("Attach as that role, or have a superuser take it over."));
}

static void
execute_ddl(const char *sql)
{
	dcx_query_execute(sql, 0, NULL, NULL, NULL);
}

void
dcx_table_check_trusted(DcxTableId id)
{
	Oid schema = get_namespace_oid(SCHEMA, true);
	Oid relation = dcx_table_relation(id);

	if (OidIsValid(schema))
		dcx_tables_check_owner(NamespaceRelationId, schema, "schema \"" SCHEMA "\"");
	if (OidIsValid(relation))
		dcx_tables_check_owner(RelationRelationId,
							   relation,
							   psprintf("table " SCHEMA ".%s", dcx_tables[id].name));
}

/* Appends the definition of a column, as CREATE TABLE and ALTER TABLE want it. */
static void
append_column(StringInfo sql, const DcxTableColumn *column)
{
	appendStringInfo(sql, "%s %s", column->name, format_type_be(column->type));
	if (column->collation == C_COLLATION_OID)
		appendStringInfoString(sql, " COLLATE \"C\"");
	if (column->not_null)
		appendStringInfoString(sql, " NOT NULL");
	if (column->rest)
		appendStringInfo(sql, " %s", column->rest);
}

/* Revokes what default privileges have granted on a table that was just made. */
static void
make_private(Oid table)
{
	static const Oid types[] = {OIDOID};
	Datum			 values[1];
	char			*revoke = NULL;

	values[0] = ObjectIdGetDatum(table);
	if (dcx_query_execute("SELECT format('REVOKE ALL ON %s FROM ', c.oid::regclass) ||"
						  "       string_agg(DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC'"
						  "         ELSE quote_ident(pg_get_userbyid(grantee)) END, ', ')"
						  "  FROM pg_class c, aclexplode(c.relacl)"
						  " WHERE c.oid = $1 AND grantee <> relowner GROUP BY c.oid",
						  1,
						  types,
						  values,
						  NULL) > 0)
		revoke = dcx_query_text(0, 1);
	if (revoke)
		execute_ddl(revoke);
}

static void
create_index(DcxTableId id, const DcxTableIndex *index)
{
	execute_ddl(psprintf("CREATE INDEX %s ON " SCHEMA ".%s (%s)",
						 index->name,
						 dcx_tables[id].name,
						 index->columns));
}

static void
create_table(DcxTableId id)
{
	const DcxTable *made = &dcx_tables[id];
	StringInfoData	sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE " SCHEMA ".%s (", made->name);
	for (int i = 0; i < made->ncolumns; i++)
	{
		append_column(&sql, &made->columns[i]);
		appendStringInfoString(&sql, ", ");
	}
	appendStringInfo(&sql, "PRIMARY KEY (%s", made->columns[made->keys[0]].name);
	for (int i = 1; i < made->nkeys; i++)
		appendStringInfo(&sql, ", %s", made->columns[made->keys[i]].name);
	appendStringInfoString(&sql, "))");
	if (made->storage)
		appendStringInfo(&sql, " WITH (%s)", made->storage);
	execute_ddl(sql.data);
	for (int i = 0; i < DCX_TABLE_INDEXES && made->indexes[i].name; i++)
		create_index(id, &made->indexes[i]);
	execute_ddl(psprintf("COMMENT ON TABLE " SCHEMA ".%s IS %s",
						 made->name,
						 quote_literal_cstr(psprintf("dcx_pricing: %s", made->comment))));
	make_private(dcx_table_relation(id));
}

bool
dcx_table_may_add(const DcxTableColumn *column)
{
	return !column->not_null;
}

List *
dcx_table_lacks(DcxTableId id)
{
	const DcxTable *made = &dcx_tables[id];
	Oid				relation = dcx_table_relation(id);
	List		   *lacks = NIL;

	for (int i = 0; OidIsValid(relation) && i < made->ncolumns; i++)
		if (get_attnum(relation, made->columns[i].name) <= 0)
			lacks = lappend(lacks, unconstify(DcxTableColumn *, &made->columns[i]));
	return lacks;
}

/* Adds the columns that a table lacks and that may be NULL; as the table's owner. */
static void
add_columns(DcxTableId id, Oid owner)
{
	List	 *lacks = dcx_table_lacks(id);
	ListCell *lc;
	DcxRun	  run;

	dcx_run_begin(&run, owner);
	foreach(lc, lacks)
	{
		const DcxTableColumn *column = lfirst(lc);
		StringInfoData		  sql;

		if (!dcx_table_may_add(column))
			continue;
		initStringInfo(&sql);
		appendStringInfo(&sql, "ALTER TABLE " SCHEMA ".%s ADD COLUMN ", dcx_tables[id].name);
		append_column(&sql, column);
		execute_ddl(sql.data);
		ereport(NOTICE,
				errmsg("column \"%s\" has been added to table " SCHEMA ".%s",
					   column->name,
					   dcx_tables[id].name));
	}
	dcx_run_end(&run);
}

/* Whether the current role may make an index in our schema: a table's owner need not own the schema. */
static bool
may_create_index(void)
{
	return dcx_query_execute("SELECT WHERE has_schema_privilege('" SCHEMA "', 'CREATE')",
							 0,
							 NULL,
							 NULL,
							 NULL) > 0;
}

/* An index of a table, by its name in our schema; InvalidOid when there is none, or it is another table's. */
static Oid
find_index(DcxTableId id, const char *name)
{
	Oid index = get_relname_relid(name, get_namespace_oid(SCHEMA, false));

	return OidIsValid(index) && IndexGetRelation(index, true) == dcx_table_relation(id) ?
			   index :
			   InvalidOid;
}

/* Adds an index that a table lacks, and drops the one that it replaces. */
static void
add_index(DcxTableId id, const DcxTableIndex *index)
{
	bool replaces = index->replaces && OidIsValid(find_index(id, index->replaces));

	if (!OidIsValid(get_relname_relid(index->name, get_namespace_oid(SCHEMA, false))))
	{
		if (!may_create_index())
			return;
		create_index(id, index);
		ereport(NOTICE,
				errmsg("index \"%s\" has been added to table " SCHEMA ".%s",
					   index->name,
					   dcx_tables[id].name));
	}
	if (!replaces || !OidIsValid(find_index(id, index->name)))
		return;
	execute_ddl(psprintf("DROP INDEX " SCHEMA ".%s", index->replaces));
	ereport(NOTICE,
			errmsg("index \"%s\" of table " SCHEMA ".%s has been dropped",
				   index->replaces,
				   dcx_tables[id].name),
			errdetail("\"%s\" replaces it.", index->name));
}

void
dcx_table_add_indexes(DcxTableId id)
{
	DcxRun run;

	dcx_run_begin(&run, dcx_relation_owner(dcx_table_relation(id)));
	for (int i = 0; i < DCX_TABLE_INDEXES && dcx_tables[id].indexes[i].name; i++)
		add_index(id, &dcx_tables[id].indexes[i]);
	dcx_run_end(&run);
}

void
dcx_table_make(DcxTableId id)
{
	Oid relation;

	dcx_table_check_trusted(id);
	if (!OidIsValid(get_namespace_oid(SCHEMA, true)))
	{
		execute_ddl("CREATE SCHEMA " SCHEMA);
		execute_ddl("COMMENT ON SCHEMA " SCHEMA " IS 'dcx_pricing: what is attached'");
	}
	relation = dcx_table_relation(id);
	if (!OidIsValid(relation))
		create_table(id);
	/* What is not a plain table is left alone: dcx_shape_check() refuses it. */
	else if (get_rel_relkind(relation) == RELKIND_RELATION)
		add_columns(id, dcx_relation_owner(relation));
}
