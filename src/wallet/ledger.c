/*
 * ledger.c
 *		Reads and writes the ledger: accounts, entries, holds and idempotency keys.
 *
 * Rows are read by their primary key, and a movement's are written by their place, without a statement where that is
 * possible (write.h). Changes of wallets that others make are recorded when the trigger on the wallet table says so
 * (record.c), by a statement: they can be many at once.
 *
 * Locking and snapshot rules: see ledger.h.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/base/binding.h"
#include "src/base/lookup.h"
#include "src/base/money.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/write.h"
#include "src/base/shape.h"
#include "src/base/text.h"
#include "src/wallet/ledger.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/row.h"
#include "src/wallet/wallet.h"

const DcxKind dcx_kinds[] = {
	[DCX_CREDIT] = {"credit", .moves = true, .is_new = true},
	[DCX_DEBIT] = {"debit", .moves = true, .is_new = true},
	[DCX_HOLD] = {"hold", .is_new = true, .hold = "open"},
	[DCX_CAPTURE] = {"capture", .moves = true, .hold = "captured"},
	[DCX_RELEASE] = {"release", .hold = "released"},
	[DCX_EXTEND] = {"extend", .hold = "open"},
};

/* The movement whose UPDATE of a wallet is under way, or NULL: the trigger writes the rest of it. */
static DcxMovement *expected = NULL;

/* In which transaction wallets have come last, other than a restore's. */
static LocalTransactionId came_in = InvalidLocalTransactionId;

bool
dcx_ledger_account(const char *organisation, bool latest, DcxAccount *account)
{
	static const int columns[] = {DCX_ACCOUNT_BALANCE,
								  DCX_ACCOUNT_HELD,
								  DCX_ACCOUNT_NEXT_EXPIRY,
								  DCX_ACCOUNT_EXPIRED_UNTIL};
	Datum			 key = CStringGetTextDatum(organisation);
	Datum			 values[lengthof(columns)];
	bool			 nulls[lengthof(columns)];

	if (!dcx_lookup(DCX_TABLE_ACCOUNT,
					dcx_table_relation(DCX_TABLE_ACCOUNT),
					&key,
					latest,
					lengthof(columns),
					columns,
					values,
					nulls,
					&account->place))
		return false;
	account->balance = DatumGetNumeric(values[0]);
	account->held = DatumGetNumeric(values[1]);
	account->next_expiry = DatumGetTimestampTz(values[2]);
	account->expired_until = DatumGetTimestampTz(values[3]);
	return true;
}

DcxKeyUse
dcx_ledger_key(const char *organisation, const char *key, bool latest)
{
	static const int columns[] = {DCX_KEY_ENTRY_ID, DCX_KEY_HOLD_ID};
	Datum			 keys[] = {CStringGetTextDatum(organisation), CStringGetTextDatum(key)};
	Datum			 values[lengthof(columns)];
	bool			 nulls[lengthof(columns)];
	DcxKeyUse		 use = {0};

	if (dcx_lookup(DCX_TABLE_KEY,
				   dcx_table_relation(DCX_TABLE_KEY),
				   keys,
				   latest,
				   lengthof(columns),
				   columns,
				   values,
				   nulls,
				   NULL))
	{
		use.entry_id = nulls[0] ? 0 : DatumGetInt64(values[0]);
		use.hold_id = nulls[1] ? 0 : DatumGetInt64(values[1]);
	}
	return use;
}

void
dcx_ledger_entry(const char *organisation, int64 entry_id, int ncolumns, const int *columns,
				 Datum *values, bool *nulls)
{
	Datum keys[] = {CStringGetTextDatum(organisation), Int64GetDatum(entry_id)};

	if (!dcx_lookup(DCX_TABLE_ENTRY,
					dcx_table_relation(DCX_TABLE_ENTRY),
					keys,
					true,
					ncolumns,
					columns,
					values,
					nulls,
					NULL))
		dcx_ledger_gone("wallet_entry", "Entry", entry_id);
}

bool
dcx_ledger_hold(int64 hold_id, bool latest, int ncolumns, const int *columns, Datum *values,
				bool *nulls, ItemPointer place)
{
	Datum key = Int64GetDatum(hold_id);

	return dcx_lookup(DCX_TABLE_HOLD,
					  dcx_table_relation(DCX_TABLE_HOLD),
					  &key,
					  latest,
					  ncolumns,
					  columns,
					  values,
					  nulls,
					  place);
}

void
dcx_ledger_check_snapshot(Oid owner, const char *organisation)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};
	DcxRun		   run;

	if (!IsolationUsesXactSnapshot())
		return;
	dcx_parameter_text(&parameters, organisation);
	dcx_run_begin(&run, owner);
	dcx_query_write(&plan,
					"SELECT FROM dcx.wallet_account WHERE organisation = $1 FOR NO KEY UPDATE",
					&parameters);
	dcx_run_end(&run);
}

static void
who_parameters(DcxParameters *parameters)
{
	dcx_parameter_text(parameters, GetUserNameFromId(GetOuterUserId(), false));
	dcx_parameter_text(parameters, GetUserNameFromId(GetSessionUserId(), false));
}

/* Refuses (27000) an account that has changed since we locked its wallet and read it. */
pg_noreturn static void
refuse_changed(const char *organisation)
{
	dcx_wallet_check_not_replaced();
	ereport(ERROR,
			errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
			errmsg("the account of organisation \"%s\" changed while money was being moved",
				   dcx_text_shown(organisation)),
			errdetail("A trigger of the wallet table moves money of the same wallet before its "
					  "row is updated."),
			errhint("Make it an AFTER trigger."));
}

void
dcx_ledger_gone(const char *table, const char *what, int64 id)
{
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("the ledger is not as dcx_pricing wrote it"),
			errdetail("%s " INT64_FORMAT " is not in dcx.%s, where its idempotency key or its "
					  "hold says that it is.",
					  what,
					  id,
					  table),
			errhint("Restore all tables of the ledger from one backup."));
}

static bool
is_same_account(const DcxAccount *a, const DcxAccount *b)
{
	return dcx_money_compare(a->balance, b->balance) == 0 &&
		   dcx_money_compare(a->held, b->held) == 0 && a->expired_until == b->expired_until;
}

/* Stores an account as it is to be. Another version of its row with the same values will do as well. */
static void
write_account(Oid owner, const DcxChange *change)
{
	static DcxPlan plan;
	DcxRow		   row = {.table = DCX_TABLE_ACCOUNT};
	DcxAccount	   stored = change->before;

	dcx_row_numeric(&row, DCX_ACCOUNT_BALANCE, change->after.balance);
	dcx_row_numeric(&row, DCX_ACCOUNT_HELD, change->after.held);
	dcx_row_time(&row, DCX_ACCOUNT_NEXT_EXPIRY, change->after.next_expiry);
	dcx_row_time(&row, DCX_ACCOUNT_EXPIRED_UNTIL, change->after.expired_until);
	while (!dcx_row_update(&row, owner, &stored.place, NULL, &plan))
	{
		ItemPointerData tried = stored.place;

		if (!dcx_ledger_account(change->organisation, true, &stored) ||
			!is_same_account(&stored, &change->before) || ItemPointerEquals(&stored.place, &tried))
			refuse_changed(change->organisation);
	}
}

/* Sets who made an entry or a hold. */
static void
set_roles(DcxRow *row, int role, int session_role)
{
	dcx_row_text(row, role, GetUserNameFromId(GetOuterUserId(), false));
	dcx_row_text(row, session_role, GetUserNameFromId(GetSessionUserId(), false));
}

static void
insert_hold(Oid owner, DcxMovement *movement)
{
	static DcxPlan plan;
	DcxRow		   row = {.table = DCX_TABLE_HOLD};

	movement->hold_id = dcx_row_next_number(DCX_TABLE_HOLD, owner);
	dcx_row_int64(&row, DCX_HOLD_HOLD_ID, movement->hold_id);
	dcx_row_text(&row, DCX_HOLD_ORGANISATION, movement->change.organisation);
	dcx_row_numeric(&row, DCX_HOLD_AMOUNT, movement->amount);
	dcx_row_text(&row, DCX_HOLD_STATE, dcx_kinds[movement->kind].hold);
	dcx_row_time(&row, DCX_HOLD_HELD_AT, movement->change.at);
	dcx_row_interval(&row, DCX_HOLD_EXPIRES_IN, movement->expires_in);
	dcx_row_time(&row, DCX_HOLD_FIRST_EXPIRES_AT, movement->expires_at);
	dcx_row_time(&row, DCX_HOLD_EXPIRES_AT, movement->expires_at);
	dcx_row_numeric(&row, DCX_HOLD_AVAILABLE, movement->change.available);
	dcx_row_text(&row, DCX_HOLD_IDEMPOTENCY_KEY, movement->idempotency_key);
	dcx_row_text(&row, DCX_HOLD_DESCRIPTION, movement->description);
	dcx_row_jsonb(&row, DCX_HOLD_DETAILS, movement->details);
	dcx_row_jsonb(&row, DCX_HOLD_QUOTE, movement->quote);
	set_roles(&row, DCX_HOLD_ROLE, DCX_HOLD_SESSION_ROLE);
	dcx_row_insert(&row, owner, &plan);
}

/* Resolves or extends the hold of a movement. */
static void
update_hold(Oid owner, const DcxMovement *movement)
{
	static DcxPlan	 plans[lengthof(dcx_kinds)];
	const DcxChange *change = &movement->change;
	DcxRow			 row = {.table = DCX_TABLE_HOLD};

	switch (movement->kind)
	{
		case DCX_CAPTURE:
			dcx_row_numeric(&row,
							DCX_HOLD_CAPTURED,
							dcx_money_subtract(change->before.balance, change->after.balance));
			dcx_row_int64(&row, DCX_HOLD_ENTRY_ID, movement->entry_id);
			break;
		case DCX_RELEASE:
			dcx_row_numeric(&row, DCX_HOLD_AVAILABLE_THEN, change->available);
			break;
		default:
			dcx_row_time(&row, DCX_HOLD_EXPIRES_AT, movement->expires_at);
			break;
	}
	if (movement->kind != DCX_EXTEND)
	{
		dcx_row_text(&row, DCX_HOLD_STATE, dcx_kinds[movement->kind].hold);
		dcx_row_time(&row, DCX_HOLD_RESOLVED_AT, change->at);
	}
	if (!dcx_row_update(&row,
						owner,
						&movement->hold_place,
						dcx_ledger_judge_hold_trigger,
						&plans[movement->kind]))
		refuse_changed(change->organisation);
}

static void
insert_key(Oid owner, const DcxMovement *movement)
{
	static DcxPlan plan;
	DcxRow		   row = {.table = DCX_TABLE_KEY};

	dcx_row_text(&row, DCX_KEY_ORGANISATION, movement->change.organisation);
	dcx_row_text(&row, DCX_KEY_IDEMPOTENCY_KEY, movement->idempotency_key);
	if (movement->entry_id)
		dcx_row_int64(&row, DCX_KEY_ENTRY_ID, movement->entry_id);
	else
		dcx_row_int64(&row, DCX_KEY_HOLD_ID, movement->hold_id);
	dcx_row_insert(&row, owner, &plan);
}

static void
insert_entry(Oid owner, const DcxMovement *movement)
{
	static DcxPlan	 plan;
	static DcxPlan	 capture_plan;
	const DcxChange *change = &movement->change;
	DcxRow			 row = {.table = DCX_TABLE_ENTRY};

	dcx_row_int64(&row, DCX_ENTRY_ENTRY_ID, movement->entry_id);
	dcx_row_text(&row, DCX_ENTRY_ORGANISATION, change->organisation);
	dcx_row_time(&row, DCX_ENTRY_RECORDED_AT, change->at);
	dcx_row_text(&row, DCX_ENTRY_KIND, dcx_kinds[movement->kind].name);
	dcx_row_numeric(&row,
					DCX_ENTRY_AMOUNT,
					dcx_money_subtract(change->after.balance, change->before.balance));
	dcx_row_numeric(&row, DCX_ENTRY_BALANCE, change->after.balance);
	dcx_row_numeric(&row, DCX_ENTRY_AVAILABLE, change->available);
	if (movement->hold_id)
		dcx_row_int64(&row, DCX_ENTRY_HOLD_ID, movement->hold_id);
	dcx_row_text(&row, DCX_ENTRY_IDEMPOTENCY_KEY, movement->idempotency_key);
	dcx_row_text(&row, DCX_ENTRY_DESCRIPTION, movement->description);
	dcx_row_jsonb(&row, DCX_ENTRY_DETAILS, movement->details);
	set_roles(&row, DCX_ENTRY_ROLE, DCX_ENTRY_SESSION_ROLE);
	dcx_row_insert(&row, owner, movement->hold_id ? &capture_plan : &plan);
}

/*
 * Writes what a movement changes besides the wallet. The entry comes last: a trigger on it, such as the outbox of
 * docs/wallet.md, then sees the whole movement.
 */
static void
write_movement(Oid owner, DcxMovement *movement)
{
	const DcxKind *kind = &dcx_kinds[movement->kind];

	write_account(owner, &movement->change);
	if (kind->moves)
		movement->entry_id = dcx_row_next_number(DCX_TABLE_ENTRY, owner);
	if (kind->hold && kind->is_new)
		insert_hold(owner, movement);
	else if (kind->hold)
		update_hold(owner, movement);
	if (kind->is_new)
		insert_key(owner, movement);
	if (kind->moves)
		insert_entry(owner, movement);
	CommandCounterIncrement();
}

/* Writes the wallet by a statement: its trigger, which comes back through dcx_ledger_record_expected(), does the rest. */
static void
move_by_statement(DcxMovement *movement, const DcxWallet *wallet)
{
	DcxMovement *outer = expected;

	/* A trigger of the platform may call us in turn, and may fail: put back what was expected before. */
	movement->nest_level = GetCurrentTransactionNestLevel();
	expected = movement;
	PG_TRY();
	{
		dcx_wallet_write(wallet);
	}
	PG_FINALLY();
	{
		expected = outer;
	}
	PG_END_TRY();

	if (movement->entry_id != 0)
		return;
	dcx_wallet_check_not_replaced();
	dcx_wallet_check_partitioning(dcx_wallet_bound()->relation);
	ereport(ERROR,
			errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("a balance changed and the ledger did not record it"),
			errdetail("The ledger's trigger on %s is missing or disabled, or another trigger gave "
					  "the row to another organisation, or moved it to another partition.",
					  dcx_relation_name(dcx_wallet_bound()->relation)),
			errhint("SELECT * FROM dcx_attach_wallet(...) puts the ledger's trigger back."));
}

void
dcx_ledger_move(Oid owner, DcxMovement *movement)
{
	DcxWallet wallet = {unconstify(char *, movement->change.organisation),
						movement->change.after.balance,
						movement->change.wallet};

	if (dcx_kinds[movement->kind].moves && !dcx_wallet_write_directly(&wallet))
		move_by_statement(movement, &wallet);
	else
		write_movement(owner, movement);
	ForceSyncCommit();
}

/* Refuses an account whose balance is NaN or infinite. */
static void
refuse_not_finite(void)
{
	dcx_shape_refuse(dcx_table_relation(DCX_TABLE_ACCOUNT),
					 "It has a value in column \"balance\" that is not finite.");
}

bool
dcx_ledger_lock(Oid owner, const char *organisation, Numeric *balance)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};
	bool		   found;
	DcxRun		   run;

	dcx_parameter_text(&parameters, organisation);
	dcx_run_begin(&run, owner);
	found = dcx_query_write(&plan,
							"UPDATE dcx.wallet_account SET balance = balance"
							" WHERE organisation = $1 RETURNING balance",
							&parameters) > 0;
	*balance = found ? dcx_query_amount(0, 1) : NULL;
	dcx_run_end(&run);
	return found;
}

bool
dcx_ledger_has_open_hold(Oid owner, const char *organisation)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};
	bool		   has;
	DcxRun		   run;

	dcx_parameter_text(&parameters, organisation);
	dcx_run_begin(&run, owner);
	has = dcx_query_write(
			  &plan,
			  "SELECT FROM dcx.wallet_hold h JOIN dcx.wallet_account a USING (organisation)"
			  " WHERE organisation = $1 AND state = 'open'"
			  "   AND expires_at > greatest(clock_timestamp(), expired_until) LIMIT 1",
			  &parameters) > 0;
	dcx_run_end(&run);
	return has;
}

/*
 * The parts of the statement of dcx_ledger_record(). Where wallets are gone, $8 has their organisations:
 * then the account takes RELEASED, and the common table expression "hold" resolves their open holds.
 */
#define RECORD_ACCOUNT                                                                    \
	"WITH change AS ("                                                                    \
	"  SELECT organisation, $3 * round(amount, greatest(min_scale(amount), 2)) AS amount" \
	"    FROM unnest($1::text[], $2::numeric[]) AS u (organisation, amount)),"            \
	" account AS (INSERT INTO dcx.wallet_account AS a (organisation, balance)"            \
	"   SELECT organisation, amount FROM change"                                          \
	"   ON CONFLICT (organisation) DO UPDATE SET balance = a.balance + excluded.balance"
#define RECORD_RELEASED                                                       \
	", held = CASE WHEN a.organisation = ANY ($8) THEN 0 ELSE a.held END,"    \
	" next_expiry = CASE WHEN a.organisation = ANY ($8) THEN 'infinity'"      \
	"                    ELSE a.next_expiry END,"                             \
	" expired_until = CASE WHEN a.organisation = ANY ($8)"                    \
	"                      THEN greatest(a.expired_until, clock_timestamp())" \
	"                      ELSE a.expired_until END"
#define RECORD_HOLDS                                                                        \
	" hold AS (UPDATE dcx.wallet_hold h"                                                    \
	"     SET state = CASE WHEN h.expires_at > a.expired_until THEN 'released'"             \
	"                      ELSE 'expired' END,"                                             \
	"         resolved_at = least(h.expires_at, a.expired_until),"                          \
	"         available_then = CASE WHEN h.expires_at > a.expired_until THEN a.balance END" \
	"    FROM account a WHERE h.organisation = a.organisation AND h.state = 'open'"         \
	"     AND h.organisation = ANY ($8) RETURNING h.organisation, h.hold_id, h.state),"
#define RECORD_ENTRY(details)                                                                      \
	" entry AS (INSERT INTO dcx.wallet_entry"                                                      \
	"   (organisation, kind, amount, balance, details, role, session_role)"                        \
	" SELECT organisation, $4, amount, balance, jsonb_build_object('operation', $5::text)" details \
	","                                                                                            \
	"        $6, $7"                                                                               \
	"   FROM change JOIN account USING (organisation) ORDER BY organisation"                       \
	"   RETURNING balance)"                                                                        \
	" SELECT FROM entry WHERE balance IN ('NaN', 'Infinity', '-Infinity')"
#define RECORD_RETURNING " RETURNING organisation, balance, expired_until),"
#define RELEASED_HOLDS                                                                               \
	" || coalesce((SELECT jsonb_build_object('released_holds', jsonb_agg(hold_id ORDER BY hold_id))" \
	"                FROM hold WHERE hold.organisation = account.organisation"                       \
	"                 AND state = 'released' HAVING count(*) > 0), '{}')"

void
dcx_ledger_record(Oid owner, const DcxForeignChange *change)
{
	static DcxPlan	  plan;
	static DcxPlan	  gone_plan;
	static const char sql[] = RECORD_ACCOUNT RECORD_RETURNING		 RECORD_ENTRY("");
	static const char												 gone_sql[] =
		RECORD_ACCOUNT RECORD_RELEASED RECORD_RETURNING RECORD_HOLDS RECORD_ENTRY(RELEASED_HOLDS);
	DcxParameters													 parameters = {0};
	DcxRun															 run;

	dcx_run_begin(&run, owner);
	dcx_parameter(&parameters, TEXTARRAYOID, change->organisations, false);
	dcx_parameter(&parameters, NUMERICARRAYOID, change->amounts, false);
	dcx_parameter(&parameters, INT4OID, Int32GetDatum(change->sign), false);
	dcx_parameter_text(&parameters, change->kind);
	dcx_parameter_text(&parameters, change->operation);
	who_parameters(&parameters);
	if (change->gone)
		dcx_parameter(&parameters, TEXTARRAYOID, change->gone, false);
	if (dcx_query_write(change->gone ? &gone_plan : &plan,
						change->gone ? gone_sql : sql,
						&parameters) > 0)
		refuse_not_finite();
	dcx_run_end(&run);
}

/*
 * Sets a table's sequence above the numbers that are in the table. There are two cases. Rows that
 * came by logical replication came without their sequence. And with wal_level = minimal, a sequence
 * that this transaction made has not logged the numbers it has given: after a crash it would give them
 * again; setval() logs them. is_new: whether this transaction may have made it.
 */
static void
set_next_number(const char *table, const char *column, bool is_new)
{
	dcx_query_execute(
		psprintf("SELECT setval(sequence, last)"
				 "  FROM (SELECT pg_get_serial_sequence('dcx.%1$s', '%2$s')::regclass,"
				 "               (SELECT max(%2$s) FROM dcx.%1$s)) s (sequence, last)"
				 " WHERE %3$s OR last > coalesce(pg_sequence_last_value(sequence), 0)",
				 table,
				 column,
				 is_new ? "last IS NOT NULL" : "false"),
		0,
		NULL,
		NULL,
		NULL);
}

int64
dcx_ledger_reconcile(Oid owner, Datum organisations, Datum balances, const char **kind,
					 int64 *total)
{
	static DcxPlan	 plan;
	DcxForeignChange change = {.operation = "attach", .sign = 1};
	DcxParameters	 parameters = {0};
	int64			 n;
	DcxRun			 run;

	dcx_parameter(&parameters, TEXTARRAYOID, organisations, false);
	dcx_parameter(&parameters, NUMERICARRAYOID, balances, false);
	dcx_run_begin(&run, owner);
	dcx_query_write(
		&plan,
		"SELECT coalesce(array_agg(organisation::text ORDER BY organisation), '{}'),"
		"       coalesce(array_agg(amount ORDER BY organisation), '{}'),"
		"       coalesce(array_agg(organisation::text) FILTER (WHERE is_gone), '{}'),"
		"       count(*), (SELECT count(*) FROM dcx.wallet_entry),"
		"       coalesce(bool_or(amount IN ('NaN', 'Infinity', '-Infinity')), false)"
		"  FROM (SELECT organisation, coalesce(w.balance, 0) - coalesce(a.balance, 0) AS amount,"
		"               a.balance IS NULL AS is_new,"
		"               w.balance IS NULL AND EXISTS (SELECT FROM dcx.wallet_hold h"
		"                 WHERE h.organisation = a.organisation AND state = 'open') AS is_gone"
		"          FROM unnest($1::text[], $2::numeric[]) AS w (organisation, balance)"
		"          FULL JOIN dcx.wallet_account a USING (organisation)) difference"
		" WHERE is_new OR amount <> 0 OR is_gone",
		&parameters);
	change.organisations = dcx_query_array(0, 1, TEXTARRAYOID);
	change.amounts = dcx_query_array(0, 2, NUMERICARRAYOID);
	change.gone = dcx_query_array(0, 3, TEXTARRAYOID);
	n = dcx_query_int64(0, 4);
	*total = dcx_query_int64(0, 5);
	if (dcx_query_bool(0, 6))
		refuse_not_finite();
	dcx_run_end(&run);

	dcx_ledger_note_coming();
	change.kind = *kind = *total == 0 ? "opening" : "external";
	if (n > 0)
		dcx_ledger_record(owner, &change);
	dcx_run_begin(&run, owner);
	set_next_number("wallet_entry", "entry_id", *total == 0);
	set_next_number("wallet_hold", "hold_id", false);
	dcx_run_end(&run);
	*total += n;
	return n;
}

void
dcx_ledger_note_coming(void)
{
	came_in = DCX_MY_LXID;
}

bool
dcx_ledger_has_come(void)
{
	return came_in == DCX_MY_LXID;
}

void
dcx_ledger_need_numbers(Oid owner, const char *organisation, bool once)
{
	static DcxPlan plan;
	static Oid	   checked =
		InvalidOid; /* the table of entries for which this session has checked it */
	DcxParameters parameters = {0};
	Oid			  table = dcx_table_relation(DCX_TABLE_ENTRY);
	uint64		  behind;
	DcxRun		  run;

	if (likely(once && checked == table))
		return;
	dcx_parameter_text(&parameters, organisation);
	dcx_run_begin(&run, owner);
	behind = dcx_query_write(
		&plan,
		"SELECT FROM (VALUES"
		"    ((SELECT max(entry_id) FROM dcx.wallet_entry WHERE organisation = $1),"
		"     pg_get_serial_sequence('dcx.wallet_entry', 'entry_id')),"
		"    ((SELECT max(hold_id) FROM dcx.wallet_hold),"
		"     pg_get_serial_sequence('dcx.wallet_hold', 'hold_id'))) v (last, sequence)"
		" WHERE last > coalesce(pg_sequence_last_value(sequence::regclass), 0)",
		&parameters);
	if (behind > 0)
	{
		set_next_number("wallet_entry", "entry_id", false);
		set_next_number("wallet_hold", "hold_id", false);
	}
	dcx_run_end(&run);
	checked = table;
}

bool
dcx_ledger_record_expected(Oid owner, const char *organisation, Numeric before, Numeric after)
{
	if (!expected || expected->entry_id != 0 ||
		expected->nest_level != GetCurrentTransactionNestLevel() ||
		strcmp(expected->change.organisation, organisation) != 0 ||
		dcx_money_compare(expected->change.before.balance, before) != 0 ||
		dcx_money_compare(expected->change.after.balance, after) != 0)
		return false;
	write_movement(owner, expected);
	return true;
}
