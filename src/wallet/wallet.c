/*
 * wallet.c
 *		The platform's wallet table: which one it is, and what its columns can be.
 *
 * The name of the table, its columns and their types may change at any time. What is kept of them is forgotten when the
 * server says so (known.h): ask after the table has been locked, and ask again after anything that can run code.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "parser/parse_coerce.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"

#include "src/base/compat.h"
#include "src/base/errcodes.h"
#include "src/base/fresh.h"
#include "src/base/known.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/text.h"
#include "src/wallet/wallet.h"

/* Which table that is; dcx_wallet_binding() brings it up to date. */
static DcxBinding wallets = {.catalog = DCX_CATALOG_WALLET, .part = "wallets"};

#define ORGANISATION_COLUMN NameStr(wallets.columns[0])
#define BALANCE_COLUMN		NameStr(wallets.columns[1])

/* The types that an organisation column can have. */
static bool
is_organisation_type(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case UUIDOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return true;
		default:
			return false;
	}
}

/* What is kept of the table: one that was dropped has no owner. */
typedef struct Table
{
	Oid	 owner;
	char kind;
} Table;

static Table
look_at_table(Oid relation)
{
	static struct
	{
		DcxKnown known;
		Oid		 relation;
		Table	 table;
	} kept;
	uint64 before;
	Table  table;

	if (likely(kept.known.holds && kept.relation == relation))
		return kept.table;
	before = dcx_known_messages();
	table = (Table){dcx_relation_owner(relation), get_rel_relkind(relation)};
	if (dcx_known_keep(&kept.known, before, 1, &relation))
	{
		kept.relation = relation;
		kept.table = table;
	}
	return table;
}

/* Which of the two columns is meant. */
typedef enum Which
{
	ORGANISATION,
	BALANCE
} Which;

/* Looks a column up in the system catalogs. False if there is none. */
static bool
look_for_column(Oid relation, const char *name, DcxWalletColumn *column)
{
	int32 typmod;

	/* Numbers below 0 are system columns. */
	column->attnum = get_attnum(relation, name);
	if (column->attnum <= InvalidAttrNumber)
		return false;
	get_atttypetypmodcoll(relation, column->attnum, &column->type, &typmod, &column->collation);
	column->type = getBaseType(column->type);
	column->is_virtual = get_attgenerated(relation, column->attnum) == ATTRIBUTE_GENERATED_VIRTUAL;
	return true;
}

/* The same; of the last relation that was asked about it is kept. */
static bool
find_column(Which which, Oid relation, const char *name, DcxWalletColumn *column)
{
	static struct
	{
		DcxKnown		known;
		Oid				relation;
		NameData		name;
		DcxWalletColumn column;
	} kept[2];
	uint64 before;

	if (likely(kept[which].known.holds && kept[which].relation == relation &&
			   strcmp(NameStr(kept[which].name), name) == 0))
	{
		*column = kept[which].column;
		return true;
	}
	before = dcx_known_messages();
	if (!look_for_column(relation, name, column))
		return false;
	if (strlen(name) < NAMEDATALEN && dcx_known_keep(&kept[which].known, before, 1, &relation))
	{
		kept[which].relation = relation;
		namestrcpy(&kept[which].name, name);
		kept[which].column = *column;
	}
	return true;
}

bool
dcx_wallet_find_organisation(Oid relation, DcxWalletColumn *column)
{
	return find_column(ORGANISATION, relation, ORGANISATION_COLUMN, column);
}

bool
dcx_wallet_find_balance(Oid relation, DcxWalletColumn *column)
{
	return find_column(BALANCE, relation, BALANCE_COLUMN, column);
}

/* The base type of a column. Refuses one that is not accepted; types lists those that are. */
static Oid
check_wallet_column(Which which, Oid relation, const char *column, bool (*accepted)(Oid),
					const char *types)
{
	DcxWalletColumn found;

	if (!find_column(which, relation, column, &found))
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("%s has no column %s", dcx_relation_name(relation), dcx_text_quoted(column)),
				errdetail("Columns found: %s.", dcx_relation_columns(relation)),
				errhint("Name it%s: dcx_attach_wallet(wallets, organisation_column, "
						"balance_column).",
						strchr(column, '"') ? " without double quotes" : ""));
	if (!accepted(found.type))
		ereport(ERROR,
				errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of %s has type %s",
					   column,
					   dcx_relation_name(relation),
					   format_type_be(found.type)),
				errdetail("It can be of type %s.", types),
				errhint("A view that casts it can be attached in the table's place, for reading."));
	return found.type;
}

Oid
dcx_wallet_check_organisation(Oid relation, const char *column)
{
	return check_wallet_column(ORGANISATION,
							   relation,
							   column,
							   is_organisation_type,
							   "text, varchar, char, uuid, smallint, integer or bigint");
}

Oid
dcx_wallet_check_balance(Oid relation, const char *column)
{
	return check_wallet_column(BALANCE,
							   relation,
							   column,
							   dcx_relation_type_is_number,
							   "numeric, double precision, real, smallint, integer or bigint");
}

void
dcx_wallet_refuse_virtual(Oid relation, const char *column)
{
	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("column \"%s\" of %s is a virtual generated column",
				   column,
				   dcx_relation_name(relation)),
			errdetail("Its values are in no row: the ledger could not record how they change."),
			errhint(
				"Attach a column that is stored, such as the one that it is computed from. Through "
				"a view such wallets can be read."));
}

void
dcx_wallet_check_stored(Oid relation, const char *column)
{
	DcxWalletColumn found;

	if (find_column(BALANCE, relation, column, &found) && found.is_virtual)
		dcx_wallet_refuse_virtual(relation, column);
}

const DcxBinding *
dcx_wallet_binding(void)
{
	dcx_binding_get(&wallets);
	return &wallets;
}

const DcxBinding *
dcx_wallet_last(void)
{
	return &wallets;
}

Oid
dcx_wallet_relation(void)
{
	return wallets.relation;
}

const char *
dcx_wallet_organisation_column(void)
{
	return ORGANISATION_COLUMN;
}

const char *
dcx_wallet_balance_column(void)
{
	return BALANCE_COLUMN;
}

/* Raises the error that the table has been dropped, and says how to attach what was attached. */
pg_noreturn static void
refuse_dropped(void)
{
	char *schema;
	char *name;
	bool  known = dcx_binding_place(wallets.catalog, wallets.part, &schema, &name);

	ereport(ERROR,
			errcode(DCX_ERRCODE_NOT_ATTACHED),
			errmsg("the attached wallet table has been dropped"),
			known ? errhint("Attach it again: SELECT * FROM dcx_attach_wallet(%s, %s, %s).",
							quote_literal_cstr(quote_qualified_identifier(schema, name)),
							quote_literal_cstr(ORGANISATION_COLUMN),
							quote_literal_cstr(BALANCE_COLUMN)) :
					errhint("Attach it again: SELECT * FROM dcx_attach_wallet('schema.table', %s, "
							"%s).",
							quote_literal_cstr(ORGANISATION_COLUMN),
							quote_literal_cstr(BALANCE_COLUMN)));
}

/* Brings the binding up to date, and locks the table. ZD007 when nothing is attached. */
static void
lock_bound(void)
{
	if (!dcx_wallet_binding()->attached)
		ereport(ERROR,
				errcode(DCX_ERRCODE_NOT_ATTACHED),
				errmsg("no wallet table is attached"),
				errhint("SELECT * FROM dcx_attach_wallet() attaches \"OrganisationWallet\"; "
						"another table can be named."));

	LockRelationOid(wallets.relation, AccessShareLock);
}

/* Refuses a table that has been dropped. */
static void
check_there(void)
{
	if (likely(OidIsValid(look_at_table(wallets.relation).owner)))
		return;
	dcx_wallet_check_not_replaced();
	refuse_dropped();
}

const DcxBinding *
dcx_wallet_bound(void)
{
	lock_bound();
	check_there();
	return &wallets;
}

/* Whether another table has been attached since the active snapshot was taken. */
static bool
is_replaced(void)
{
	Oid	 before = dcx_wallet_binding()->relation;
	bool replaced;

	if (!wallets.attached)
		return false;
	PushActiveSnapshot(GetLatestSnapshot());
	replaced = dcx_wallet_binding()->attached && wallets.relation != before;
	PopActiveSnapshot();
	dcx_wallet_binding();
	return replaced;
}

void
dcx_wallet_check_not_replaced(void)
{
	if (is_replaced())
		dcx_fresh_refuse("Another wallet table", "attached");
}

bool
dcx_wallet_settle(void)
{
	bool begun = false;

	lock_bound();
	if (!OidIsValid(look_at_table(wallets.relation).owner) && !IsolationUsesXactSnapshot() &&
		is_replaced())
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		begun = true;
		lock_bound();
	}
	check_there();
	if (begun || !dcx_fresh_begin(&wallets.relation, 1))
		return begun;
	dcx_wallet_bound();
	return true;
}

bool
dcx_wallet_is_bound(Relation relation)
{
	if (!dcx_wallet_binding()->attached)
		return false;
	return RelationGetRelid(relation) == wallets.relation ||
		   (relation->rd_rel->relispartition &&
			list_member_oid(get_partition_ancestors(RelationGetRelid(relation)), wallets.relation));
}

bool
dcx_wallet_is_table(Oid relation)
{
	char kind = look_at_table(relation).kind;

	return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

/* Whether the balance column is in the relation's partition key, also in an expression of it. */
static bool
is_partitioned_by_balance(Oid relation)
{
	AttrNumber attnum = get_attnum(relation, BALANCE_COLUMN);
	Relation   table;
	bool	   in_expression;
	bool	   is;
	DcxRun	   run;

	if (attnum == InvalidAttrNumber || get_rel_relkind(relation) != RELKIND_PARTITIONED_TABLE)
		return false;
	/* As the owner: to build the key in the relation cache, the server may run functions in it. */
	dcx_run_begin(&run, dcx_relation_owner(relation));
	table = table_open(relation, AccessShareLock);
	is = has_partition_attrs(table,
							 bms_make_singleton(attnum - FirstLowInvalidHeapAttributeNumber),
							 &in_expression);
	table_close(table, NoLock);
	dcx_run_end(&run);
	return is;
}

void
dcx_wallet_check_partitioning(Oid relation)
{
	ListCell *lc;

	foreach(lc, find_all_inheritors(relation, AccessShareLock, NULL))
		if (is_partitioned_by_balance(lfirst_oid(lc)))
			ereport(
				ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("%s is partitioned by the balance", dcx_relation_name(lfirst_oid(lc))),
				errdetail("Column \"%s\" is in its partition key: when a balance changes, the row "
						  "can move to another partition, as one that is deleted and another "
						  "that is inserted.",
						  BALANCE_COLUMN),
				errhint("Partition it by the organisation, or not at all. Through a view its "
						"wallets can be read."));
}

Datum
dcx_wallet_organisation_value(const char *organisation, Oid type)
{
	Oid input;
	Oid parameter;

	/* What their input functions do without a type modifier, too. */
	if (likely(type == TEXTOID || type == VARCHAROID || type == BPCHAROID))
		return CStringGetTextDatum(organisation);
	getTypeInputInfo(type, &input, &parameter);
	/* No number and no uuid is that long. */
	if (TypeCategory(type) != TYPCATEGORY_STRING)
		organisation = dcx_text_shown(organisation);
	return OidInputFunctionCall(input, unconstify(char *, organisation), parameter, -1);
}

char *
dcx_wallet_organisation_text(Datum value, Oid type)
{
	Oid	  output;
	bool  varlena;
	char *string;

	if (likely(type == TEXTOID || type == VARCHAROID))
		return TextDatumGetCString(value);
	getTypeOutputInfo(type, &output, &varlena);
	string = OidOutputFunctionCall(output, value);
	if (type == BPCHAROID)
		string[bpchartruelen(string, strlen(string))] = '\0';
	return string;
}

char *
dcx_wallet_organisation(const char *argument)
{
	Oid type;

	dcx_wallet_bound();
	type = dcx_wallet_check_organisation(wallets.relation, ORGANISATION_COLUMN);
	return dcx_wallet_organisation_text(dcx_wallet_organisation_value(argument, type), type);
}

bool
dcx_wallet_may_be_hidden(void)
{
	return !dcx_wallet_is_table(wallets.relation) ||
		   check_enable_rls(wallets.relation, InvalidOid, true) == RLS_ENABLED;
}

bool
dcx_wallet_same_organisation(const char *a, const char *b)
{
	DcxWalletColumn column;

	if (strcmp(a, b) == 0)
		return true;
	return dcx_wallet_find_organisation(dcx_wallet_bound()->relation, &column) &&
		   OidIsValid(column.collation) && !get_collation_isdeterministic(column.collation) &&
		   DatumGetBool(DirectFunctionCall2Coll(texteq,
												column.collation,
												CStringGetTextDatum(a),
												CStringGetTextDatum(b)));
}
