/*
 * report.c
 *		What finance reads: holds, statements, the proof of a quote, and the audit.
 *
 * Whoever can read a wallet can read its part of the ledger. So each function first reads the wallet's
 * row as the caller, and then the ledger as its owner. The audit is about all wallets; EXECUTE on it
 * has to be granted.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "src/base/errcodes.h"
#include "src/base/fresh.h"
#include "src/base/query.h"
#include "src/base/result.h"
#include "src/base/shape.h"
#include "src/base/text.h"
#include "src/wallet/ledger.h"
#include "src/wallet/ledger_tables.h"
#include "src/wallet/row.h"
#include "src/wallet/totals.h"
#include "src/wallet/wallet.h"

/* The organisation that the first argument names; its wallet must be visible to the caller. */
static char *
readable_organisation(FunctionCallInfo fcinfo)
{
	return dcx_wallet_read(text_to_cstring(PG_GETARG_TEXT_PP(0))).organisation;
}

/* Answers with the rows of a query on the ledger. */
static void
answer(FunctionCallInfo fcinfo, const char *sql, const DcxParameters *parameters)
{
	Oid	   owner = dcx_ledger_owner(dcx_wallet_bound(), false);
	DcxRun run;

	dcx_result_begin(fcinfo);
	dcx_run_begin(&run, owner);
	dcx_query_into((ReturnSetInfo *) fcinfo->resultinfo, sql, parameters);
	dcx_run_end(&run);
}

/* Adds a page's parameters: after which id it begins, and how many rows it has. Refuses (22023) a negative number. */
static void
page_parameters(DcxParameters *parameters, int64 after_id, int32 max_rows)
{
	if (max_rows < 0)
		ereport(
			ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("max_rows must not be negative"),
			errdetail("It is %d.", max_rows),
			errhint(
				"How many rows to return at most. For the next page, after_id is the last id of "
				"this one."));
	dcx_parameter_int64(parameters, after_id);
	dcx_parameter_int64(parameters, max_rows);
}

/* In SQL: the columns of dcx_wallet_holds(), from rows h of dcx.wallet_hold and their state at this moment. */
#define HOLD_STATE                                                                            \
	"(SELECT CASE WHEN h.state = 'open' AND h.expires_at <= clock_timestamp() THEN 'expired'" \
	"             ELSE h.state END) AS s (now)"
#define HOLD_COLUMNS                                                                       \
	"SELECT h.hold_id, h.organisation, h.amount, s.now, h.held_at, h.expires_at,"          \
	"       CASE s.now WHEN 'expired' THEN coalesce(h.resolved_at, h.expires_at)"          \
	"                  ELSE h.resolved_at END,"                                            \
	"       h.captured, h.entry_id, h.description, h.idempotency_key, h.details, h.quote," \
	"       h.session_role"

/* dcx_wallet_holds(org text, state text, after_id bigint, max_rows integer) */
PG_FUNCTION_INFO_V1(dcx_wallet_holds);
Datum
dcx_wallet_holds(PG_FUNCTION_ARGS)
{
	static const char *const states[] = {"open", "captured", "released", "expired"};
	DcxParameters			 parameters = {0};
	char					*state = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	bool					 known = state == NULL;
	bool					 begun;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
	{
		dcx_result_begin(fcinfo);
		return (Datum) 0;
	}
	for (size_t i = 0; i < lengthof(states); i++)
		known = known || strcmp(state, states[i]) == 0;
	if (!known)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a hold is never in state \"%s\"", dcx_text_shown(state)),
				errhint("It is open, captured, released or expired; NULL asks for all of them."));

	begun = dcx_wallet_settle();
	page_parameters(&parameters, PG_GETARG_INT64(2), PG_GETARG_INT32(3));
	dcx_parameter_text(&parameters, readable_organisation(fcinfo));
	dcx_parameter_text(&parameters, state);
	dcx_parameter_time(&parameters, GetCurrentTimestamp());
	/*
	 * Which holds are open no index knows (tables.c), but when they expire: where few are, that finds them.
	 *
	 * ANY and the order by the organisation, too, are for the planner: only the index on both columns has that
	 * order. With "=", it may walk the primary key through the holds of everybody else.
	 */
	answer(fcinfo,
		   HOLD_COLUMNS "  FROM dcx.wallet_hold h, LATERAL " HOLD_STATE
						" WHERE h.organisation = ANY (ARRAY[$3]) AND h.hold_id > $1"
						"   AND ($4 IS NULL OR h.state = $4 OR $4 = 'expired' AND h.state = 'open')"
						"   AND ($4 IS NULL OR s.now = $4)"
						"   AND ($4 IS NULL OR $4 <> 'open' OR h.expires_at > $5)"
						" ORDER BY h.organisation, h.hold_id LIMIT $2",
		   &parameters);
	dcx_fresh_end(begun);
	return (Datum) 0;
}

/* dcx_wallet_hold_of(org text, idempotency_key text) */
PG_FUNCTION_INFO_V1(dcx_wallet_hold_of);
Datum
dcx_wallet_hold_of(PG_FUNCTION_ARGS)
{
	bool		  begun = dcx_wallet_settle();
	DcxParameters parameters = {0};

	dcx_parameter_text(&parameters, readable_organisation(fcinfo));
	dcx_parameter_text(&parameters, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	answer(fcinfo,
		   HOLD_COLUMNS
		   "  FROM dcx.wallet_key k JOIN dcx.wallet_hold h USING (hold_id), LATERAL " HOLD_STATE
		   " WHERE k.organisation = $1 AND k.idempotency_key = $2",
		   &parameters);
	dcx_fresh_end(begun);
	return (Datum) 0;
}

/* dcx_wallet_statement(org text, since timestamptz, until timestamptz, after_id bigint, max_rows integer) */
PG_FUNCTION_INFO_V1(dcx_wallet_statement);
Datum
dcx_wallet_statement(PG_FUNCTION_ARGS)
{
	bool		  begun = dcx_wallet_settle();
	DcxParameters parameters = {0};

	page_parameters(&parameters, PG_GETARG_INT64(3), PG_GETARG_INT32(4));
	dcx_parameter_text(&parameters, readable_organisation(fcinfo));
	dcx_parameter_time(&parameters, PG_GETARG_TIMESTAMPTZ(1));
	dcx_parameter_time(&parameters, PG_GETARG_TIMESTAMPTZ(2));
	answer(fcinfo,
		   "SELECT entry_id, recorded_at, kind, amount, balance, hold_id, description,"
		   "       idempotency_key, details, session_role"
		   "  FROM dcx.wallet_entry"
		   " WHERE organisation = $3 AND entry_id > $1 AND recorded_at >= $4 AND recorded_at < $5"
		   " ORDER BY entry_id LIMIT $2",
		   &parameters);
	dcx_fresh_end(begun);
	return (Datum) 0;
}

/* The organisation that a hold is of, or NULL. */
static char *
organisation_of_hold(int64 hold_id)
{
	static const int columns[] = {DCX_HOLD_ORGANISATION};
	Datum			 value;
	bool			 isnull;

	/* This refuses a ledger that is not to be trusted, before anything in it is read. */
	dcx_ledger_owner(dcx_wallet_bound(), false);
	if (!dcx_ledger_hold(hold_id, false, lengthof(columns), columns, &value, &isnull, NULL))
		return NULL;
	return TextDatumGetCString(value);
}

/*
 * In SQL: the lines of a column quote, each with what it comes to. A quote that somebody has changed
 * is no error: what is not there, not of its type, or too large to be multiplied is NULL. OFFSET 0:
 * each value is computed once, however often it is used.
 */
#define QUOTE_LINES                                                                          \
	"(SELECT line, code, quantity, unit_price, amount,"                                      \
	"        CASE WHEN abs(quantity) < 1e1000 AND abs(unit_price) < 1e1000"                  \
	"             THEN quantity * unit_price END AS recomputed"                              \
	"    FROM (SELECT n::integer AS line, code,"                                             \
	"            CASE jsonb_typeof(quantity) WHEN 'number' THEN quantity::numeric END"       \
	"              AS quantity,"                                                             \
	"            CASE jsonb_typeof(unit_price) WHEN 'number' THEN unit_price::numeric END"   \
	"              AS unit_price,"                                                           \
	"            CASE jsonb_typeof(amount) WHEN 'number' THEN amount::numeric END AS amount" \
	"            FROM (SELECT n, line->>'code' AS code, line->'quantity' AS quantity,"       \
	"                    line->'unit_price' AS unit_price, line->'amount' AS amount"         \
	"                    FROM jsonb_array_elements(CASE jsonb_typeof(quote->'lines')"        \
	"                                              WHEN 'array' THEN quote->'lines' END)"    \
	"                      WITH ORDINALITY AS e (line, n) OFFSET 0) e OFFSET 0) e OFFSET 0)"

/* dcx_hold_verify(hold_id bigint) */
PG_FUNCTION_INFO_V1(dcx_hold_verify);
Datum
dcx_hold_verify(PG_FUNCTION_ARGS)
{
	bool		  begun = dcx_wallet_settle();
	DcxParameters parameters = {0};
	int64		  hold_id = PG_GETARG_INT64(0);
	char		 *organisation = organisation_of_hold(hold_id);

	/* A hold of a wallet that the caller cannot see does not exist for him. */
	if (!organisation || !dcx_wallet_is_visible(organisation))
		ereport(ERROR,
				errcode(DCX_ERRCODE_NO_SUCH_HOLD),
				errmsg("there is no hold " INT64_FORMAT, hold_id),
				errhint("dcx_wallet_holds(organisation, NULL) lists those of a wallet%s.",
						dcx_wallet_may_be_hidden() ?
							"; one of a wallet that row-level security hides is not found" :
							""));
	dcx_parameter_int64(&parameters, hold_id);
	answer(fcinfo,
		   "WITH hold AS (SELECT amount, quote FROM dcx.wallet_hold WHERE hold_id = $1),"
		   " line AS (SELECT l.* FROM hold, LATERAL " QUOTE_LINES " l)"
		   " SELECT line, code, quantity, unit_price, amount, recomputed,"
		   "        coalesce(amount = recomputed, false)"
		   "   FROM line"
		   " UNION ALL"
		   " SELECT NULL, 'total', NULL, NULL, amount, round(sum, 2),"
		   "        coalesce(amount = round(sum, 2), false)"
		   "   FROM hold, (SELECT sum(recomputed) FROM line) s WHERE quote IS NOT NULL"
		   " ORDER BY line",
		   &parameters);
	dcx_fresh_end(begun);
	return (Datum) 0;
}

/*
 * The audit has a query for each thing that must be true; a row says where it is not. $1 and $2 are the
 * organisations and balances of all wallets. First what the queries share.
 */
#define AUDIT_WITH                                                                         \
	" wallet AS (SELECT organisation, balance"                                             \
	"    FROM unnest($1::text[], $2::numeric[]) AS u (organisation, balance)),"            \
	" entry AS (SELECT organisation, entry_id, kind, amount, balance, hold_id,"            \
	"      lag(balance, 1, 0::numeric) OVER (PARTITION BY organisation ORDER BY entry_id)" \
	"        + amount AS following"                                                        \
	"    FROM dcx.wallet_entry),"                                                          \
	" total AS (SELECT organisation, sum(amount) AS amount FROM entry GROUP BY 1),"        \
	" held AS (SELECT a.organisation,"                                                     \
	"      coalesce(sum(h.amount) FILTER (WHERE h.expires_at > a.expired_until), 0)"       \
	"        AS counted,"                                                                  \
	"      coalesce(sum(h.amount) FILTER (WHERE h.expires_at >"                            \
	"        greatest(clock_timestamp(), a.expired_until)), 0)"                            \
	"        AS open, min(h.expires_at) FILTER (WHERE h.amount > 0"                        \
	"          AND h.expires_at > a.expired_until) AS next_expiry"                         \
	"    FROM dcx.wallet_account a LEFT JOIN dcx.wallet_hold h"                            \
	"      ON h.organisation = a.organisation AND h.state = 'open' GROUP BY 1)"

/* Wallets, accounts and entries have the same balances, and each entry's follows from the one before. */
#define AUDIT_BALANCES                                                                        \
	" SELECT coalesce(w.organisation, t.organisation),"                                       \
	"        'the balance is not what the entries add up to',"                                \
	"        coalesce(t.amount, 0), coalesce(w.balance, 0)"                                   \
	"   FROM wallet w FULL JOIN total t USING (organisation)"                                 \
	"  WHERE coalesce(t.amount, 0) <> coalesce(w.balance, 0)"                                 \
	" UNION ALL"                                                                              \
	" SELECT coalesce(a.organisation, t.organisation),"                                       \
	"        'the account is not what the entries add up to',"                                \
	"        coalesce(t.amount, 0), coalesce(a.balance, 0)"                                   \
	"   FROM dcx.wallet_account a FULL JOIN total t USING (organisation)"                     \
	"  WHERE coalesce(t.amount, 0) <> coalesce(a.balance, 0)"                                 \
	" UNION ALL"                                                                              \
	" SELECT organisation, 'no entry of the wallet in the ledger', NULL, w.balance"           \
	"   FROM wallet w WHERE NOT EXISTS (SELECT FROM total t"                                  \
	"                                    WHERE t.organisation = w.organisation)"              \
	" UNION ALL"                                                                              \
	" SELECT organisation, format('entry %s does not follow from the one before', entry_id)," \
	"        following, balance FROM entry WHERE balance <> following"

/* Accounts hold what the open holds add up to, and each hold is as its state and its entry say. */
#define AUDIT_HOLDS                                                                       \
	" SELECT organisation, 'the account holds something else than the open holds',"       \
	"        counted, a.held FROM held JOIN dcx.wallet_account a USING (organisation)"    \
	"  WHERE counted <> a.held OR held.next_expiry < a.next_expiry"                       \
	" UNION ALL"                                                                          \
	" SELECT organisation, 'open holds exceed the balance', coalesce(w.balance, 0), open" \
	"   FROM held LEFT JOIN wallet w USING (organisation)"                                \
	"  WHERE open > 0 AND open > coalesce(w.balance, 0)"                                  \
	" UNION ALL"                                                                          \
	" SELECT organisation, format('hold %s is in no state it can be in', hold_id),"       \
	"        amount, captured FROM dcx.wallet_hold"                                       \
	"  WHERE NOT coalesce(amount >= 0 AND amount < 'Infinity' AND CASE state"             \
	"          WHEN 'open' THEN num_nonnulls(resolved_at, captured, entry_id) = 0"        \
	"          WHEN 'captured' THEN captured >= 0 AND captured <= amount"                 \
	"            AND num_nonnulls(resolved_at, entry_id) = 2"                             \
	"          WHEN 'released' THEN resolved_at IS NOT NULL AND captured IS NULL"         \
	"          WHEN 'expired' THEN captured IS NULL END, false)"                          \
	" UNION ALL"                                                                          \
	" SELECT coalesce(h.organisation, e.organisation),"                                   \
	"        format('hold %s is not captured as its entry says',"                         \
	"               coalesce(h.hold_id, e.hold_id)),"                                     \
	"        - e.amount, h.captured"                                                      \
	"   FROM (SELECT * FROM dcx.wallet_hold WHERE state = 'captured') h"                  \
	"   FULL JOIN (SELECT * FROM entry WHERE kind = 'capture') e"                         \
	"     ON e.hold_id = h.hold_id AND e.entry_id = h.entry_id"                           \
	"  WHERE h.captured IS DISTINCT FROM - e.amount"

/* The lines of each quote add up to what is held. */
#define AUDIT_QUOTES                                                                    \
	" SELECT organisation, format('the quote of hold %s does not recompute', hold_id)," \
	"        round(q.recomputed, 2), amount"                                            \
	"   FROM dcx.wallet_hold, LATERAL (SELECT sum(l.recomputed) AS recomputed,"         \
	"          bool_and(coalesce(l.amount = l.recomputed, false)) AS lines_do"          \
	"     FROM " QUOTE_LINES " l) q"                                                    \
	"  WHERE quote IS NOT NULL"                                                         \
	"    AND NOT coalesce(q.lines_do AND round(q.recomputed, 2) = amount, false)"

/* Each credit, debit and hold has its idempotency key. */
#define AUDIT_KEYS                                                                              \
	" SELECT organisation, format('the idempotency key of %s %s is not kept', kind, entry_id)," \
	"        NULL, amount FROM dcx.wallet_entry e WHERE kind IN ('credit', 'debit')"            \
	"    AND NOT EXISTS (SELECT FROM dcx.wallet_key k WHERE k.organisation = e.organisation"    \
	"      AND k.idempotency_key = e.idempotency_key AND k.entry_id = e.entry_id)"              \
	" UNION ALL"                                                                                \
	" SELECT organisation, format('the idempotency key of hold %s is not kept', hold_id),"      \
	"        NULL, amount FROM dcx.wallet_hold h"                                               \
	"  WHERE NOT EXISTS (SELECT FROM dcx.wallet_key k WHERE k.organisation = h.organisation"    \
	"      AND k.idempotency_key = h.idempotency_key AND k.hold_id = h.hold_id)"

static const char audit_sql[] =
	"WITH" AUDIT_WITH ","
	" problem (organisation, problem, expected, actual) AS (" AUDIT_BALANCES
	" UNION ALL" AUDIT_HOLDS " UNION ALL" AUDIT_QUOTES " UNION ALL" AUDIT_KEYS ")"
	" SELECT organisation::text, problem, round(expected, greatest(min_scale(expected), 2)),"
	"        round(actual, greatest(min_scale(actual), 2)) FROM problem"
	"  ORDER BY organisation, problem";

static void
audit(void *argument)
{
	FunctionCallInfo fcinfo = argument;
	ReturnSetInfo	*result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool			 begun = dcx_wallet_settle();
	DcxParameters	 parameters = {0};
	Datum			 organisations;
	Datum			 balances;

	/* The second time. */
	if (result->setResult)
		tuplestore_end(result->setResult);
	dcx_wallet_totals(dcx_wallet_bound()->relation, false, false, &organisations, &balances);
	dcx_parameter(&parameters, TEXTARRAYOID, organisations, false);
	dcx_parameter(&parameters, NUMERICARRAYOID, balances, false);
	answer(fcinfo, audit_sql, &parameters);
	dcx_fresh_end(begun);
}

/*
 * dcx_wallet_audit(). The wallets are read as their table's owner, the ledger as its own, under one
 * snapshot.
 */
PG_FUNCTION_INFO_V1(dcx_wallet_audit);
Datum
dcx_wallet_audit(PG_FUNCTION_ARGS)
{
	dcx_fresh_do(audit, fcinfo);
	return (Datum) 0;
}
