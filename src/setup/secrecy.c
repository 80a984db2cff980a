/*
 * secrecy.c
 *		Keeps the text of a statement that holds a password out of the server log, if the caller may.
 *
 * Three ways: settings until the end of the transaction; another text for the statement that runs; and a
 * hook that turns off the lines which PostgreSQL logs after the transaction has ended.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/guc.h"

#include "src/setup/secrecy.h"

/* What is shown instead of the statement. */
#define NOT_SHOWN "<dcx_attach by a connection string: the statement is not shown>"

/* The client's message that called us, and which settings about its logging the caller may set. */
static struct
{
	TimestampTz message;	 /* when it came, which tells it from the next one; 0: none */
	bool		statement;	 /* log_min_duration_statement */
	bool		sample;		 /* log_min_duration_sample */
	bool		transaction; /* log_transaction_sample_rate */
	bool		plan;		 /* auto_explain.log_min_duration */
} hidden;

static emit_log_hook_type next_emit_log_hook = NULL;

static bool
may_set(const char *setting)
{
	return superuser() || pg_parameter_aclcheck(setting, GetUserId(), ACL_SET) == ACLCHECK_OK;
}

/*
 * Sets a setting until the end of the transaction, if the caller may set it. One that does not exist here,
 * since its library is not loaded, is left alone.
 */
static void
set_if_allowed(const char *setting, const char *value)
{
	if (!may_set(setting) || !GetConfigOption(setting, true, false))
		return;
	(void) set_config_option(setting,
							 value,
							 superuser() ? PGC_SUSET : PGC_USERSET,
							 PGC_S_SESSION,
							 GUC_ACTION_LOCAL,
							 true,
							 DEBUG5,
							 false);
}

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/*
 * Whether a message shows the statement that called us, and the caller may set all settings that have it
 * logged. PostgreSQL logs the duration of a single statement when its transaction has ended: then the
 * settings that we made for the transaction count no more.
 */
static bool
is_hidden(const ErrorData *edata)
{
	if (!edata->message_id || hidden.message == 0 ||
		hidden.message != GetCurrentStatementStartTimestamp())
		return false;
	if (begins(edata->message_id, "duration: %s ms  "))
		return (hidden.statement || log_min_duration_statement < 0) &&
			   (hidden.sample || log_min_duration_sample < 0) &&
			   (hidden.transaction || !xact_is_sampled);
	return hidden.plan && begins(edata->message_id, "duration: %.3f ms  plan:");
}

/* The hook: turns a message off, and does not show it to other hooks. */
static void
hide_statement(ErrorData *edata)
{
	if (is_hidden(edata))
		edata->output_to_server = false;
	else if (next_emit_log_hook)
		next_emit_log_hook(edata);
}

void
dcx_secrecy_init(void)
{
	next_emit_log_hook = emit_log_hook;
	emit_log_hook = hide_statement;
}

/* pg_stat_activity shows the statement while it runs, and afterwards as the last one of the session. */
static void
hide_activity(void)
{
	uint64 query_id = pgstat_get_my_query_id();

	pgstat_report_activity(STATE_RUNNING, NOT_SHOWN);
	pgstat_report_query_id(query_id, true);
}

ErrorContextCallback *
dcx_secrecy_begin(void)
{
	ErrorContextCallback *callers = error_context_stack;

	hidden.message = GetCurrentStatementStartTimestamp();
	hidden.statement = may_set("log_min_duration_statement");
	hidden.sample = may_set("log_min_duration_sample");
	hidden.transaction = may_set("log_transaction_sample_rate");
	hidden.plan = may_set("auto_explain.log_min_duration");

	/* For later messages of the transaction, which fetch from a cursor or close it. */
	set_if_allowed("log_min_duration_statement", "-1");
	set_if_allowed("log_min_duration_sample", "-1");
	set_if_allowed("auto_explain.log_min_duration", "-1");
	if (hidden.transaction)
		xact_is_sampled = false;

	set_if_allowed("log_min_error_statement", "panic");
	if (may_set("log_min_error_statement"))
		debug_query_string = NOT_SHOWN;
	if (may_set("track_activities"))
		hide_activity();

	error_context_stack = NULL;
	return callers;
}

void
dcx_secrecy_end(ErrorContextCallback *callers)
{
	/*
	 * The statement that called us may still fail. The context of its error can be the text of a statement in
	 * a function, or parameters: terse leaves that out. (Our own errors have no context, and keep their
	 * details.)
	 */
	set_if_allowed("log_error_verbosity", "terse");
	error_context_stack = callers;
}
