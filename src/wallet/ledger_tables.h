/*
 * ledger_tables.h
 *		The tables of the ledger: whose they are, how they are made and guarded.
 *
 * The four tables (ledger.h says what is in them) are ordinary tables in schema dcx. They belong to the
 * role that attached the wallets, and everything in them is read and written as that role.
 */
#ifndef DCX_LEDGER_TABLES_H
#define DCX_LEDGER_TABLES_H

#include "src/base/binding.h"
#include "src/base/direct.h"

/*
 * The owner of the ledger. Refuses one that may not stand for the wallets' owner (42501). No ledger is
 * InvalidOid where missing_ok, else 55000. Without missing_ok it also does dcx_ledger_check().
 */
extern Oid dcx_ledger_owner(const DcxBinding *wallets, bool missing_ok);

/* Refuses (55000) a ledger of which a table is missing or is not as we made it. */
extern void dcx_ledger_check(void);

/*
 * For updates of dcx.wallet_hold without a statement (direct.h): our own guard would do nothing, since only open holds
 * are updated. Any other trigger stops.
 */
extern DcxTriggerUse dcx_ledger_judge_hold_trigger(const Trigger *trigger);

/*
 * Inside a run, as the caller: makes the tables and guards that are missing. A table or guard function
 * that belongs to neither the caller nor a superuser is 42501.
 */
extern void dcx_ledger_make(void);

#endif /* DCX_LEDGER_TABLES_H */
