/*
 * attach_wallet.h
 *		Attaches the wallet table, with its ledger.
 */
#ifndef DCX_ATTACH_WALLET_H
#define DCX_ATTACH_WALLET_H

#include "nodes/pg_list.h"

/*
 * Inside a run, as the caller: drops the ledger's triggers from a table and its partitions. function:
 * any function of the extension. Returns the names of what was dropped, as C strings.
 */
extern List *dcx_attach_wallet_drop_triggers(Oid relation, Oid function);

#endif /* DCX_ATTACH_WALLET_H */
