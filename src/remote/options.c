/*
 * options.c
 *		Which options a server and its user mapping get when a URL is attached again.
 *
 * The rule stands in options.h. The options that it treats specially are in two tables here.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "libpq-fe.h"
#include "nodes/makefuncs.h"

#include "src/remote/options.h"

/* Part 1 of the rule: these follow the URL as a whole. */
static const char *const target_options[] =
	{"service", "servicefile", "host", "hostaddr", "port", "dbname", "user", "password"};

/* Part 3 of the rule: an option that protects the connection. */
typedef struct Protection
{
	const char *name;
	const char *unset;	   /* what no value means, where libpq's defaults do not say */
	const char *values[7]; /* weakest first; none: they have no order, and what is set stays */
} Protection;

static const Protection protections[] = {
	{"sslmode", NULL, {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}},
	{"ssl_min_protocol_version", NULL, {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}},
	{"ssl_max_protocol_version", "TLSv1.3", {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}},
	{"sslcertmode", NULL, {"disable", "allow", "require"}},
	{"sslcompression", NULL, {"1", "0"}},
	{"gssencmode", NULL, {"disable", "prefer", "require"}},
	{"gssdelegation", NULL, {"1", "0"}},
	{"channel_binding", NULL, {"disable", "prefer", "require"}},
	{"require_auth", NULL, {NULL}},
	{"requirepeer", NULL, {NULL}},
};

DefElem *
dcx_option(const char *name, const char *value)
{
	return makeDefElem(pstrdup(name), (Node *) makeString(pstrdup(value)), -1);
}

DefElem *
dcx_option_find(List *options, const char *name)
{
	ListCell *lc;

	foreach(lc, options)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

static bool
is_target(const char *name)
{
	for (size_t i = 0; i < lengthof(target_options); i++)
		if (strcmp(target_options[i], name) == 0)
			return true;
	return false;
}

static const Protection *
find_protection(const char *name)
{
	for (size_t i = 0; i < lengthof(protections); i++)
		if (strcmp(protections[i].name, name) == 0)
			return &protections[i];
	return NULL;
}

/* The place of a value in the order, 0 for the weakest; -1 for a value that we do not know. */
static int
protection_rank(const Protection *protection, const char *value)
{
	for (size_t i = 0; i < lengthof(protection->values) && protection->values[i]; i++)
		if (pg_strcasecmp(protection->values[i], value) == 0)
			return i;
	return -1;
}

const char *
dcx_option_stronger(const char *name, const char *one, const char *other)
{
	const Protection *protection = find_protection(name);
	int				  rank;

	if (!one || !other || !protection)
		return other ? other : one;
	rank = protection_rank(protection, one);
	return rank < 0 || (protection_rank(protection, other) >= 0 &&
						rank > protection_rank(protection, other)) ?
			   one :
			   other;
}

/* The value that libpq uses if the option is not set; the server's environment can set one. Or NULL. */
static char *
value_when_unset(const Protection *protection)
{
	PQconninfoOption *defaults = PQconndefaults();
	char			 *value = protection->unset ? pstrdup(protection->unset) : NULL;

	if (!defaults)
		ereport(ERROR,
				errcode(ERRCODE_OUT_OF_MEMORY),
				errmsg("out of memory"),
				errdetail("libpq cannot say its defaults."));
	for (PQconninfoOption *option = defaults; option->keyword; option++)
		if (strcmp(option->keyword, protection->name) == 0 && option->val)
			value = pstrdup(option->val);
	PQconninfoFree(defaults);
	return value;
}

/*
 * The value that stays in force, by part 3 of the rule; NULL if the URL's value is taken. If the URL has a
 * value that we do not know, it is taken: libpq refuses it, and the attach fails. If a value is set that
 * we do not know, it stays: it may be stronger than those we know.
 */
static char *
stronger_value(DefElem *present, DefElem *wanted)
{
	const Protection *protection = find_protection(wanted->defname);
	char			 *value;
	int				  mine;
	int				  asked;

	if (!protection)
		return NULL;
	value = present ? defGetString(present) : value_when_unset(protection);
	if (!value)
		return NULL;

	mine = protection_rank(protection, value);
	asked = protection_rank(protection, defGetString(wanted));
	if (mine < 0)
		return present ? value : NULL;
	return asked >= 0 && asked < mine ? value : NULL;
}

/* The change that sets one option, or NULL when there is nothing to change. */
static DefElem *
set_option(List *have, DefElem *wanted, DcxOptionReport *report)
{
	DefElem *present = dcx_option_find(have, wanted->defname);
	DefElem *change;
	char	*stays;

	if (present && strcmp(defGetString(present), defGetString(wanted)) == 0)
		return NULL;
	stays = stronger_value(present, wanted);
	if (stays)
	{
		if (report)
			report->kept = lappend(report->kept, psprintf("%s stays %s", wanted->defname, stays));
		return NULL;
	}
	change = copyObject(wanted);
	change->defaction = present ? DEFELEM_SET : DEFELEM_ADD;
	if (report)
		report->changed = lappend(report->changed, pstrdup(wanted->defname));
	return change;
}

List *
dcx_option_changes(List *have, List *named, List *tuning, const char *unwanted,
				   DcxOptionReport *report)
{
	List	 *changes = NIL;
	ListCell *lc;

	foreach(lc, named)
	{
		DefElem *change = set_option(have, lfirst_node(DefElem, lc), report);

		if (change)
			changes = lappend(changes, change);
	}
	foreach(lc, tuning)
	{
		DefElem *option = lfirst_node(DefElem, lc);

		if (!dcx_option_find(named, option->defname) && !dcx_option_find(have, option->defname))
			changes = lappend(changes, set_option(have, option, report));
	}
	foreach(lc, have)
	{
		char *name = lfirst_node(DefElem, lc)->defname;

		if (dcx_option_find(named, name) ||
			!(is_target(name) || (unwanted && strcmp(name, unwanted) == 0)))
			continue;
		changes = lappend(changes, makeDefElemExtended(NULL, name, NULL, DEFELEM_DROP, -1));
		if (report)
			report->dropped = lappend(report->dropped, pstrdup(name));
	}
	return changes;
}

bool
dcx_options_lead_elsewhere(List *have, List *named)
{
	for (size_t i = 0; i < lengthof(target_options); i++)
	{
		DefElem *x = dcx_option_find(have, target_options[i]);
		DefElem *y = dcx_option_find(named, target_options[i]);

		if (strcmp(target_options[i], "password") == 0 || (!x && !y))
			continue;
		if (!x || !y || strcmp(defGetString(x), defGetString(y)) != 0)
			return true;
	}
	return false;
}
