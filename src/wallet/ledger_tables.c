/*
 * ledger_tables.c
 *		The tables of the ledger: whose they are, how they are made and guarded.
 *
 * A guard is a trigger that refuses a change: entries and keys are never changed, holds are never
 * deleted, and a hold that has been resolved stays so. Its function is the attaching role's own, in
 * SQL: it stands when the extension is gone. The trigger is ENABLE ALWAYS, so that
 * session_replication_role does not switch it off.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"

#include "src/base/known.h"
#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/base/shape.h"
#include "src/base/tables.h"
#include "src/wallet/ledger_tables.h"

#define LEDGER_SCHEMA "dcx"

/* A trigger that refuses a change. */
typedef struct Guard
{
	const char *name;	/* of the trigger */
	const char *events; /* what it refuses, as CREATE TRIGGER takes it */
	int			type;	/* the same as pg_trigger.tgtype has it */
	const char *detail; /* of the error */
	const char *hint;	/* of the error */
} Guard;

#define BEFORE_CHANGES \
	(TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_TRUNCATE)
#define BEFORE_DELETES		 (TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_TRUNCATE)
#define BEFORE_UPDATE_OF_ROW (TRIGGER_TYPE_BEFORE | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_ROW)

#define GUARDS_MAX	  2
#define RESOLVED_ONCE "resolved_once"

/* A table of the ledger. */
typedef struct Table
{
	DcxTableId id;
	Guard	   guards[GUARDS_MAX]; /* up to the first without a name */
} Table;

static const char guard_function[] = "wallet_guard";
static const char guard_sql[] =
	"CREATE FUNCTION dcx.wallet_guard() RETURNS trigger LANGUAGE plpgsql"
	" SET search_path = pg_catalog, pg_temp AS $$\n"
	"BEGIN\n"
	"    RAISE EXCEPTION '% of %.% is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME\n"
	"        USING ERRCODE = 'insufficient_privilege', DETAIL = TG_ARGV[0], HINT = TG_ARGV[1];\n"
	"END $$";

static const Table tables[] = {
	{DCX_TABLE_ACCOUNT, {{NULL}}},
	{DCX_TABLE_ENTRY,
	 {{"append_only",
	   "BEFORE UPDATE OR DELETE OR TRUNCATE ON dcx.wallet_entry",
	   BEFORE_CHANGES,
	   "The ledger is append-only.",
	   "A mistake is corrected by an entry that says so: dcx_wallet_credit() or "
	   "dcx_wallet_debit()."}}},
	{DCX_TABLE_HOLD,
	 {{"no_deletes",
	   "BEFORE DELETE OR TRUNCATE ON dcx.wallet_hold",
	   BEFORE_DELETES,
	   "Holds are kept.",
	   "dcx_wallet_release() frees what an open hold holds."},
	  {RESOLVED_ONCE,
	   "BEFORE UPDATE ON dcx.wallet_hold FOR EACH ROW WHEN (OLD.state <> 'open')",
	   BEFORE_UPDATE_OF_ROW,
	   "A hold that is captured, released or expired stays so.",
	   "Money is given back by dcx_wallet_credit(); another hold takes another idempotency key."}}},
	{DCX_TABLE_KEY,
	 {{"append_only",
	   "BEFORE UPDATE OR DELETE OR TRUNCATE ON dcx.wallet_key",
	   BEFORE_CHANGES,
	   "Keys are kept.",
	   "Another request takes another idempotency key."}}},
};

/* Looks for the owner of the ledger. relations: becomes our tables. */
static Oid
look_for_owner(const DcxBinding *wallets, bool missing_ok, Oid *relations)
{
	Oid owner = InvalidOid;

	for (size_t i = 0; i < lengthof(tables); i++)
	{
		Oid table = relations[i] = dcx_table_relation(tables[i].id);
		Oid table_owner = OidIsValid(table) ? dcx_relation_owner(table) : InvalidOid;

		/* No table at all is no ledger. Where only some are missing the ledger is damaged. */
		if (i == 0 && missing_ok && !OidIsValid(table_owner) &&
			!OidIsValid(dcx_table_relation(DCX_TABLE_HOLD)))
			return InvalidOid;
		if (!OidIsValid(table_owner) || (OidIsValid(owner) && table_owner != owner))
			ereport(ERROR,
					errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("the wallets have no ledger"),
					OidIsValid(table_owner) ?
						errdetail("Table dcx.%s is not of the same owner as dcx.%s.",
								  dcx_tables[tables[i].id].name,
								  dcx_tables[tables[0].id].name) :
						errdetail("There is no table dcx.%s.", dcx_tables[tables[i].id].name),
					errhint("SELECT * FROM dcx_attach_wallet(...) makes it."));
		owner = table_owner;
	}
	dcx_binding_check_entitled(wallets->catalog, wallets->relation, owner, "dcx.wallet_entry");
	return owner;
}

Oid
dcx_ledger_owner(const DcxBinding *wallets, bool missing_ok)
{
	static struct
	{
		DcxKnown known; /* of the wallets and our tables */
		Oid		 wallets;
		Oid		 owner;
	} kept;
	Oid	   relations[lengthof(tables) + 1];
	Oid	   owner = kept.owner;
	uint64 before;

	if (unlikely(!kept.known.holds || kept.wallets != wallets->relation))
	{
		before = dcx_known_messages();
		owner = look_for_owner(wallets, missing_ok, relations);
		relations[lengthof(tables)] = wallets->relation;
		if (OidIsValid(owner) &&
			dcx_known_keep(&kept.known, before, lengthof(relations), relations))
		{
			kept.wallets = wallets->relation;
			kept.owner = owner;
		}
	}
	if (OidIsValid(owner) && !missing_ok)
		dcx_ledger_check();
	return owner;
}

void
dcx_ledger_check(void)
{
	for (size_t i = 0; i < lengthof(tables); i++)
		dcx_shape_check(tables[i].id, dcx_table_relation(tables[i].id));
}

DcxTriggerUse
dcx_ledger_judge_hold_trigger(const Trigger *trigger)
{
	const char *definition;

	if (trigger->tgtype != BEFORE_UPDATE_OF_ROW || !trigger->tgqual ||
		strcmp(trigger->tgname, RESOLVED_ONCE) != 0)
		return DCX_TRIGGER_STOPS;
	definition = TextDatumGetCString(
		DirectFunctionCall1(pg_get_triggerdef, ObjectIdGetDatum(trigger->tgoid)));
	return strstr(definition, " FOR EACH ROW WHEN ((old.state <> 'open'::text)) EXECUTE ") ?
			   DCX_TRIGGER_REPLACED :
			   DCX_TRIGGER_STOPS;
}

static void
run_command(const char *sql)
{
	dcx_query_execute(sql, 0, NULL, NULL, NULL);
}

/*
 * Puts a guard on its table as ENABLE ALWAYS, unless it is there. Drops a trigger that does the same
 * under another name, and one that has the name and does something else.
 */
static void
need_guard(DcxTableId id, const Guard *guard, Oid function)
{
	static const Oid  types[] = {OIDOID, TEXTOID, OIDOID, INT4OID};
	static const char sql[] =
		"SELECT tgname::text, is_guard AND tgname = $2, tgenabled = 'A'"
		"  FROM (SELECT *, tgfoid = $3 AND tgtype = $4 AND tgattr::text = '' AS is_guard"
		"          FROM pg_trigger WHERE tgrelid = $1) t"
		" WHERE is_guard OR tgname = $2 ORDER BY tgname";
	Datum	  values[4];
	List	 *others = NIL;
	bool	  there = false;
	bool	  always = false;
	uint64	  n;
	ListCell *lc;

	values[0] = ObjectIdGetDatum(dcx_table_relation(id));
	values[1] = CStringGetTextDatum(guard->name);
	values[2] = ObjectIdGetDatum(function);
	values[3] = Int32GetDatum(guard->type);
	n = dcx_query_execute(sql, lengthof(types), types, values, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		if (!dcx_query_bool(i, 2))
			others = lappend(others, dcx_query_text(i, 1));
		else
		{
			there = true;
			always = dcx_query_bool(i, 3);
		}
	}
	foreach(lc, others)
		run_command(psprintf("DROP TRIGGER %s ON dcx.%s",
							 quote_identifier(lfirst(lc)),
							 dcx_tables[id].name));
	if (!there)
		run_command(psprintf("CREATE TRIGGER %s %s EXECUTE FUNCTION dcx.wallet_guard(%s, %s)",
							 guard->name,
							 guard->events,
							 quote_literal_cstr(guard->detail),
							 quote_literal_cstr(guard->hint)));
	if (!always)
		run_command(psprintf("ALTER TABLE dcx.%s ENABLE ALWAYS TRIGGER %s",
							 dcx_tables[id].name,
							 guard->name));
}

void
dcx_ledger_make(void)
{
	List *name = list_make2(makeString(LEDGER_SCHEMA), makeString(pstrdup(guard_function)));
	Oid	  guard = LookupFuncName(name, 0, NULL, true);

	/* Whoever owns the function can replace it by one that refuses nothing. */
	if (OidIsValid(guard))
		dcx_tables_check_owner(ProcedureRelationId, guard, "function dcx.wallet_guard()");
	else
	{
		run_command(guard_sql);
		guard = LookupFuncName(name, 0, NULL, false);
	}
	for (size_t i = 0; i < lengthof(tables); i++)
	{
		const Table *table = &tables[i];

		dcx_table_make(table->id);
		dcx_shape_check(table->id, dcx_table_relation(table->id));
		dcx_table_add_indexes(table->id);
		for (size_t j = 0; j < GUARDS_MAX && table->guards[j].name; j++)
			need_guard(table->id, &table->guards[j], guard);
	}
}
