/*
 * row.c
 *		One wallet: a row of the platform's table is found, read, locked and written.
 *
 * A wallet is read or locked through a unique index on the organisation column, without a statement,
 * when there is one and the caller may read every row. Otherwise a statement does it: it knows about
 * rights on columns, row-level security, views, partitions and whatever else a table can be.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "src/base/compat.h"
#include "src/base/direct.h"
#include "src/base/errcodes.h"
#include "src/base/fresh.h"
#include "src/base/known.h"
#include "src/base/lookup.h"
#include "src/base/money.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/shape.h"
#include "src/base/text.h"
#include "src/wallet/balance.h"
#include "src/wallet/recorder.h"
#include "src/wallet/row.h"
#include "src/wallet/wallet.h"

/* In SQL: selects the wallet of organisation $1; *type: of that parameter. */
static char *
select_wallet(const char *suffix, Oid *type)
{
	*type = dcx_wallet_check_organisation(dcx_wallet_relation(), dcx_wallet_organisation_column());
	return psprintf("SELECT %1$s::text, %2$s FROM %3$s WHERE %1$s = $1 LIMIT 2%4$s",
					quote_identifier(dcx_wallet_organisation_column()),
					dcx_balance_sql(dcx_wallet_relation()),
					dcx_relation_name(dcx_wallet_relation()),
					suffix);
}

DcxWallet
dcx_wallet_found(uint64 found)
{
	DcxWallet wallet = {0};

	if (found == 1)
	{
		wallet.organisation = dcx_query_text(0, 1);
		wallet.balance = dcx_query_numeric(0, 2);
	}
	return wallet;
}

static void
wrong_count(const char *organisation, bool several, bool as_caller)
{
	dcx_wallet_check_not_replaced();
	ereport(ERROR,
			errcode(DCX_ERRCODE_NO_WALLET),
			several ? errmsg("organisation \"%s\" has more than one wallet",
							 dcx_text_shown(organisation)) :
					  errmsg("organisation \"%s\" has no wallet", dcx_text_shown(organisation)),
			errdetail("Looked up in column \"%s\" of %s.",
					  dcx_wallet_organisation_column(),
					  dcx_relation_name(dcx_wallet_relation())),
			several ? errhint("A unique index on that column keeps this from happening.") :
			as_caller && dcx_wallet_may_be_hidden() ?
					  errhint("A wallet that row-level security hides from role \"%s\" is not "
							  "found either.",
							  GetUserNameFromId(GetUserId(), false)) :
					  errhint("It is compared exactly; its wallet is a row that has it there."));
}

pg_noreturn static void
refuse_without_column(Relation relation, const char *column)
{
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("%s has no column \"%s\"",
				   dcx_relation_name(RelationGetRelid(relation)),
				   column),
			errdetail("Its changes are recorded in dcx.wallet_entry by a trigger."),
			errhint("Attach it again: SELECT * FROM dcx_attach_wallet(wallets, "
					"organisation_column, balance_column)."));
}

/* Finds a column by its name: in a partition columns can be in another order. */
static DcxWalletColumn
column_of(Relation relation, bool (*find)(Oid, DcxWalletColumn *), const char *name)
{
	DcxWalletColumn column;

	if (!find(RelationGetRelid(relation), &column))
		refuse_without_column(relation, name);
	if (unlikely(column.is_virtual))
		dcx_wallet_refuse_virtual(RelationGetRelid(relation), name);
	return column;
}

/* The wallet in a row; its balance is not checked. */
static DcxWallet
wallet_of_row(Relation relation, TupleTableSlot *row)
{
	DcxWallet		wallet = {0};
	bool			isnull;
	DcxWalletColumn column =
		column_of(relation, dcx_wallet_find_organisation, dcx_wallet_organisation_column());
	Datum value = slot_getattr(row, column.attnum, &isnull);

	if (isnull)
		return wallet;
	wallet.organisation = dcx_wallet_organisation_text(value, column.type);
	column = column_of(relation, dcx_wallet_find_balance, dcx_wallet_balance_column());
	value = slot_getattr(row, column.attnum, &isnull);
	wallet.balance = isnull ? NULL : dcx_balance_numeric(relation, value, column.type);
	return wallet;
}

static void
take_wallet(Relation relation, TupleTableSlot *row, void *argument)
{
	DcxWallet *wallet = argument;

	*wallet = wallet_of_row(relation, row);
	wallet->place = row->tts_tid;
}

static bool
has_row_security(Oid relation)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	bool	  has = HeapTupleIsValid(tuple) && ((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	return has;
}

/* Whether the caller may read every row of the table. */
static bool
reads_freely(Oid relation)
{
	static struct
	{
		DcxKnown known;
		Oid		 relation;
		Oid		 user; /* who may */
	} kept;
	Oid	   user = GetUserId();
	uint64 before;

	if (likely(kept.known.holds && kept.relation == relation && kept.user == user))
		return true;
	before = dcx_known_messages();
	if (!dcx_role_may_use(user, get_rel_namespace(relation)) ||
		pg_class_aclcheck(relation, user, ACL_SELECT) != ACLCHECK_OK)
		return false;
	/* That depends on settings, too. */
	if (has_row_security(relation))
		return check_enable_rls(relation, InvalidOid, true) != RLS_ENABLED;
	if (dcx_known_keep(&kept.known, before, 1, &relation))
	{
		kept.relation = relation;
		kept.user = user;
	}
	return true;
}

/* Reads or locks the wallet through an index. False when that is not possible: take a statement. */
static bool
find_directly(const char *organisation, bool lock, DcxWallet *wallet)
{
	Oid type;
	Oid index;

	if (lock ? XactReadOnly : !reads_freely(dcx_wallet_relation()))
		return false;
	index = dcx_shape_index(dcx_wallet_relation(),
							dcx_wallet_organisation_column(),
							dcx_wallet_balance_column());
	if (!OidIsValid(index))
		return false;
	type = dcx_wallet_check_organisation(dcx_wallet_relation(), dcx_wallet_organisation_column());
	dcx_wallet_check_balance(dcx_wallet_relation(), dcx_wallet_balance_column());
	return dcx_lookup_row(dcx_wallet_relation(),
						  index,
						  dcx_wallet_organisation_value(organisation, type),
						  lock,
						  take_wallet,
						  wallet);
}

/*
 * Counts the wallets of an organisation, up to two; when there is one, *wallet is that. Reads as the
 * caller under the active snapshot, or locks as the table's owner under a new one.
 */
static uint64
find_wallet(const char *organisation, bool lock, DcxWallet *wallet)
{
	static DcxPlan read_plan;
	static DcxPlan lock_plan;
	DcxParameters  parameters = {0};
	Oid			   type;
	char		  *sql;
	uint64		   found;
	DcxRun		   run;

	if (find_directly(organisation, lock, wallet))
		return 1;

	sql = select_wallet(lock ? " FOR NO KEY UPDATE" : "", &type);
	dcx_parameter(&parameters, type, dcx_wallet_organisation_value(organisation, type), false);
	if (lock)
		dcx_run_begin(&run, dcx_relation_owner(dcx_wallet_relation()));
	else
		dcx_run_begin_reading(&run, dcx_relation_owner(dcx_wallet_relation()));
	found = lock ? dcx_query_write(&lock_plan, sql, &parameters) :
				   dcx_query_read(&read_plan, sql, &parameters);
	*wallet = dcx_wallet_found(found);
	dcx_run_end(&run);
	return found;
}

DcxWallet
dcx_wallet_read(const char *organisation)
{
	DcxWallet wallet;
	uint64	  found = find_wallet(organisation, false, &wallet);

	if (found != 1)
		wrong_count(organisation, found > 1, true);
	dcx_balance_check_usable(organisation, wallet.balance);
	return wallet;
}

bool
dcx_wallet_is_visible(const char *organisation)
{
	DcxWallet wallet;

	return find_wallet(organisation, false, &wallet) > 0;
}

DcxWallet
dcx_wallet_lock(const char *organisation)
{
	DcxWallet wallet;
	uint64	  found;

	if (!dcx_wallet_is_table(dcx_wallet_bound()->relation))
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("%s is not a table", dcx_relation_name(dcx_wallet_relation())),
				errdetail("Through a view or a foreign table wallets can be read; money moves only "
						  "in a table."),
				errhint("Attach the table itself: SELECT * FROM dcx_attach_wallet(...)."));

	found = find_wallet(organisation, true, &wallet);
	if (found != 1)
		wrong_count(organisation, found > 1, false);
	dcx_balance_check_usable(organisation, wallet.balance);
	dcx_wallet_check_exact(dcx_wallet_relation(), &wallet);
	return wallet;
}

bool
dcx_wallet_write_directly(const DcxWallet *wallet)
{
	static DcxDirect direct = {.event = CMD_UPDATE, .judge = dcx_recorder_judge};
	DcxDirectResult	 result = DCX_DIRECT_NOT;
	const bool		 isnull = false;
	DcxWalletColumn	 column;
	Relation		 table;
	Datum			 value;

	if (!ItemPointerIsValid(&wallet->place))
		return false;
	dcx_wallet_check_exact(dcx_wallet_relation(), wallet);
	table = table_open(dcx_wallet_relation(), RowExclusiveLock);
	if (dcx_wallet_find_balance(dcx_wallet_relation(), &column) &&
		dcx_direct_is_possible(&direct, table, 1, &column.attnum) && direct.nreplaced > 0 &&
		dcx_balance_value(table, column.attnum, wallet->balance, &value))
		result =
			dcx_direct_update(&direct, table, &wallet->place, 1, &column.attnum, &value, &isnull);
	table_close(table, NoLock);
	return result == DCX_DIRECT_WRITTEN;
}

void
dcx_wallet_write(const DcxWallet *wallet)
{
	static DcxPlan plan;
	Oid			   type =
		dcx_wallet_check_organisation(dcx_wallet_relation(), dcx_wallet_organisation_column());
	DcxParameters parameters = {0};
	Numeric		  written = NULL;
	uint64		  rows;
	DcxRun		  run;

	dcx_wallet_check_exact(dcx_wallet_relation(), wallet);
	dcx_wallet_check_stored(dcx_wallet_relation(), dcx_wallet_balance_column());

	/* The table's triggers run as its owner, and expect to find what is in the table's schema. */
	dcx_run_begin_firing(&run,
						 dcx_relation_owner(dcx_wallet_relation()),
						 get_namespace_name(get_rel_namespace(dcx_wallet_relation())));
	dcx_parameter(&parameters,
				  type,
				  dcx_wallet_organisation_value(wallet->organisation, type),
				  false);
	dcx_parameter_numeric(&parameters, wallet->balance);
	rows = dcx_query_write(&plan,
						   psprintf("UPDATE %3$s SET %2$s = $2"
									" WHERE %1$s OPERATOR(pg_catalog.=) $1"
									" RETURNING %4$s",
									quote_identifier(dcx_wallet_organisation_column()),
									quote_identifier(dcx_wallet_balance_column()),
									dcx_relation_name(dcx_wallet_relation()),
									dcx_balance_sql(dcx_wallet_relation())),
						   &parameters);
	if (rows == 1)
		written = dcx_query_numeric(0, 1);
	dcx_run_end(&run);

	if (!written || dcx_money_compare(written, wallet->balance) != 0)
		ereport(ERROR,
				errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				errmsg("the wallet of organisation \"%s\" cannot be set to %s",
					   dcx_text_shown(wallet->organisation),
					   dcx_money_text(wallet->balance)),
				rows == 0 ? errdetail("No row was updated.") :
				!written  ? errdetail("The balance came back as NULL.") :
							errdetail("The balance came back as %s.", dcx_money_text(written)),
				errhint("A trigger of %s interferes, or column \"%s\" of type %s cannot hold it.",
						dcx_relation_name(dcx_wallet_relation()),
						dcx_wallet_balance_column(),
						format_type_be(get_atttype(dcx_wallet_relation(),
												   get_attnum(dcx_wallet_relation(),
															  dcx_wallet_balance_column())))));
}

DcxWallet
dcx_wallet_of_row(Relation relation, TupleTableSlot *row, bool to_be)
{
	DcxWallet wallet = wallet_of_row(relation, row);

	if (!wallet.organisation || dcx_balance_is_usable(wallet.balance))
		return wallet;
	if (to_be)
		ereport(ERROR,
				errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("the balance of organisation \"%s\" must not be %s",
					   dcx_text_shown(wallet.organisation),
					   dcx_balance_unusable(wallet.balance)),
				errdetail("It would stand in column \"%s\" of %s.",
						  dcx_wallet_balance_column(),
						  dcx_relation_name(RelationGetRelid(relation))),
				errhint("The ledger records every change of a balance, and has to add up."));
	wallet.balance = int64_to_numeric(0);
	return wallet;
}
/* dcx_wallet_balance(organisation text) */
PG_FUNCTION_INFO_V1(dcx_wallet_balance);
Datum
dcx_wallet_balance(PG_FUNCTION_ARGS)
{
	bool	  begun = dcx_wallet_settle();
	DcxWallet wallet = dcx_wallet_read(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	dcx_wallet_check_exact(dcx_wallet_relation(), &wallet);
	dcx_fresh_end(begun);
	PG_RETURN_NUMERIC(dcx_money_display(wallet.balance));
}
