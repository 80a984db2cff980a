/*
 * totals.c
 *		Many wallets: how many rows an organisation has, and what the balances add up to.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "src/base/query.h"
#include "src/base/relation.h"
#include "src/wallet/balance.h"
#include "src/wallet/row.h"
#include "src/wallet/totals.h"
#include "src/wallet/wallet.h"

void
dcx_wallet_totals(Oid relation, bool only, bool latest, Datum *organisations, Datum *balances)
{
	static DcxPlan unusable_plan;
	static DcxPlan plan;
	uint64 (*query)(DcxPlan *, const char *, DcxParameters *) =
		latest ? dcx_query_write : dcx_query_read;
	DcxParameters none = {0};
	char		 *balance = dcx_balance_sql(relation);
	DcxRun		  run;

	dcx_run_begin(&run, dcx_relation_owner(relation));
	if (query(&unusable_plan,
			  psprintf("SELECT %1$s::text, %2$s FROM %3$s %4$s"
					   " WHERE %1$s IS NOT NULL AND (%2$s IS NULL OR %2$s IN"
					   "       ('NaN', 'Infinity', '-Infinity')) LIMIT 1",
					   quote_identifier(dcx_wallet_organisation_column()),
					   balance,
					   only ? "ONLY" : "",
					   dcx_relation_name(relation)),
			  &none) > 0)
		dcx_balance_check_usable(dcx_query_text(0, 1), dcx_query_numeric(0, 2));
	query(&plan,
		  psprintf("SELECT coalesce(array_agg(organisation), '{}'),"
				   "       coalesce(array_agg(balance), '{}')"
				   "  FROM (SELECT %1$s::text COLLATE \"C\", sum(%2$s)"
				   "          FROM %3$s %4$s WHERE %1$s IS NOT NULL GROUP BY 1"
				   "         ORDER BY 1) wallets (organisation, balance)",
				   quote_identifier(dcx_wallet_organisation_column()),
				   balance,
				   only ? "ONLY" : "",
				   dcx_relation_name(relation)),
		  &none);
	*organisations = dcx_query_array(0, 1, TEXTARRAYOID);
	*balances = dcx_query_array(0, 2, NUMERICARRAYOID);
	dcx_run_end(&run);
}

int64
dcx_wallet_rows(const char *organisation, bool latest, Numeric *total)
{
	static DcxPlan count_plan;
	static DcxPlan plan;
	Oid			   type =
		dcx_wallet_check_organisation(dcx_wallet_relation(), dcx_wallet_organisation_column());
	DcxParameters parameters = {0};
	const char	 *sum = "";
	char		 *sql;
	int64		  rows;
	DcxRun		  run;

	if (total)
		sum = psprintf(", coalesce(sum(%s), 0)", dcx_balance_sql(dcx_wallet_relation()));
	/* Each spelling has an account of its own, also where the column's collation ignores case. */
	sql = psprintf("SELECT count(*)%3$s FROM %2$s WHERE %1$s OPERATOR(pg_catalog.=) $1"
				   "   AND %1$s::text COLLATE \"C\" = $2",
				   quote_identifier(dcx_wallet_organisation_column()),
				   dcx_relation_name(dcx_wallet_relation()),
				   sum);
	dcx_parameter(&parameters, type, dcx_wallet_organisation_value(organisation, type), false);
	dcx_parameter_text(&parameters, organisation);
	dcx_run_begin(&run, dcx_relation_owner(dcx_wallet_relation()));
	if (latest)
		dcx_query_write(total ? &plan : &count_plan, sql, &parameters);
	else
		dcx_query_read(total ? &plan : &count_plan, sql, &parameters);
	rows = dcx_query_int64(0, 1);
	if (total)
		*total = dcx_query_numeric(0, 2);
	dcx_run_end(&run);
	return rows;
}

Datum
dcx_wallet_only_in(Datum organisations, Datum tables)
{
	static DcxPlan plan;
	DcxParameters  parameters = {0};
	Datum		   found;
	DcxRun		   run;

	dcx_parameter(&parameters, TEXTARRAYOID, organisations, false);
	dcx_parameter(&parameters, OIDARRAYOID, tables, false);
	dcx_run_begin(&run, dcx_relation_owner(dcx_wallet_relation()));
	dcx_query_write(
		&plan,
		psprintf(
			"SELECT coalesce(array_agg(organisation), '{}')"
			"  FROM unnest($1) AS u (organisation)"
			" WHERE NOT EXISTS (SELECT FROM %2$s w WHERE w.%1$s::text COLLATE \"C\" = organisation"
			"                      AND w.tableoid <> ALL ($2))",
			quote_identifier(dcx_wallet_organisation_column()),
			dcx_relation_name(dcx_wallet_relation())),
		&parameters);
	found = dcx_query_array(0, 1, TEXTARRAYOID);
	dcx_run_end(&run);
	return found;
}

void
dcx_wallet_check_all_exact(Oid relation)
{
	static DcxPlan plan;
	char		  *inexact = dcx_wallet_inexact_sql(relation);
	DcxParameters  none = {0};
	DcxRun		   run;

	if (!inexact)
		return;
	dcx_run_begin(&run, dcx_relation_owner(relation));
	if (dcx_query_read(&plan,
					   psprintf("SELECT %1$s::text, %2$s FROM %3$s"
								" WHERE %1$s IS NOT NULL AND %4$s ORDER BY 1 LIMIT 1",
								quote_identifier(dcx_wallet_organisation_column()),
								dcx_balance_sql(relation),
								dcx_relation_name(relation),
								inexact),
					   &none) > 0)
	{
		DcxWallet wallet = dcx_wallet_found(1);

		dcx_wallet_check_exact(relation, &wallet);
	}
	dcx_run_end(&run);
}
