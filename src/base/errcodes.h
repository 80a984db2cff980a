/*
 * errcodes.h
 *		The SQLSTATEs that callers meet: when each comes, and what to do.
 *
 * Once released, a state never changes its meaning.
 *
 * test/reference makes the list in docs/reference.md of the comments here: of each state its text, and after
 * "Do:" what to do.
 */
#ifndef DCX_ERRCODES_H
#define DCX_ERRCODES_H

#include "utils/elog.h"

/*
 * Insufficient funds: less is available in the wallet than is asked for. The detail has the balance, what is
 * held, what is available, and what was asked.
 * Do: credit the wallet, or release a hold.
 */
#define DCX_ERRCODE_INSUFFICIENT MAKE_SQLSTATE('Z', 'D', '0', '0', '1')

/*
 * The product code, CPU type, storage type, template, network service or provider is unknown.
 * Do: use one of those that the hint lists.
 */
#define DCX_ERRCODE_UNKNOWN_PRODUCT MAKE_SQLSTATE('Z', 'D', '0', '0', '2')

/*
 * The price cannot be used: it is missing, NaN, infinite or negative. Or the code, template or provider is
 * ambiguous. Or no band, or more than one, has a price at that bandwidth, or the provider is inactive.
 * Do: correct the catalog. dcx_check('catalog') lists what is wrong. Everything else can be priced meanwhile.
 */
#define DCX_ERRCODE_UNUSABLE_PRICE MAKE_SQLSTATE('Z', 'D', '0', '0', '3')

/*
 * The organisation has used the idempotency key for another request. The detail says what differs.
 * Do: repeat a request with the same arguments, and give another request a key of its own.
 */
#define DCX_ERRCODE_KEY_REUSED MAKE_SQLSTATE('Z', 'D', '0', '0', '4')

/*
 * The hold is not open: it was captured or released, or it has expired. The detail says which, and when.
 * Do: dcx_wallet_holds(organisation, NULL) lists the holds. To hold the money again, use a new key.
 */
#define DCX_ERRCODE_NOT_OPEN MAKE_SQLSTATE('Z', 'D', '0', '0', '5')

/*
 * The organisation has no wallet, or more than one. A wallet that row-level security hides from you is none.
 * Do: make the wallet. A unique index on the organisation's column prevents a second one.
 */
#define DCX_ERRCODE_NO_WALLET MAKE_SQLSTATE('Z', 'D', '0', '0', '6')

/*
 * Nothing is attached, or what was attached has been dropped.
 * Do: attach it. The hint has the call.
 */
#define DCX_ERRCODE_NOT_ATTACHED MAKE_SQLSTATE('Z', 'D', '0', '0', '7')

/*
 * The catalog cannot be reached, breaks off, takes too long, or has no products at all. At COMMIT or RELEASE:
 * a server that the transaction has read from was lost, and nothing is kept. As a warning: a saved price book
 * is used in place of the catalog.
 * Do: run the transaction again, with the same key. dcx_check('connection') says what is wrong.
 */
#define DCX_ERRCODE_UNREACHABLE MAKE_SQLSTATE('Z', 'D', '0', '0', '8')

/*
 * The order costs more than max_cost. Nothing is held. The detail has the cost.
 * Do: show the customer the new price, and ask again with another max_cost.
 */
#define DCX_ERRCODE_TOO_DEAR MAKE_SQLSTATE('Z', 'D', '0', '0', '9')

/*
 * There is no such hold, or it is another organisation's. Or you may not see its wallet.
 * Do: check the id, and which organisation it belongs to. dcx_wallet_hold_of finds a hold by its key.
 */
#define DCX_ERRCODE_NO_SUCH_HOLD MAKE_SQLSTATE('Z', 'D', '0', '1', '1')

/*
 * PostgreSQL's own states, as they are used here:
 *
 * 0A000 ERRCODE_FEATURE_NOT_SUPPORTED
 * A price book is to be saved, or wallets are to be attached, under REPEATABLE READ or SERIALIZABLE. Or the
 * wallet table is partitioned by the balance.
 * Do: use READ COMMITTED, or partition by another column.
 *
 * 22003 ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE
 * A balance is NULL, NaN or infinite, or too large for exact cents in the type of its column.
 * Do: correct the wallet, or change the column to numeric. The hint has the statement.
 *
 * 22004 ERRCODE_NULL_VALUE_NOT_ALLOWED
 * NULL was given where money moves, or for the schema of a catalog.
 * Do: give a value. A call that moves money is never skipped.
 *
 * 22023 ERRCODE_INVALID_PARAMETER_VALUE
 * An argument is out of bounds, such as an amount that is not in whole cents. Or an order, or an item of it,
 * is malformed. Or an order costs 0.00.
 * Do: correct the argument. The detail has its value.
 *
 * 25006 ERRCODE_READ_ONLY_SQL_TRANSACTION
 * The call writes, and the transaction is read-only or the server is a replica.
 * Do: call it on the primary. A request that was made before gets its answer on a replica, too.
 *
 * 27000 ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION
 * A trigger of the platform changed the wallet while money was moved, or the column cannot hold the balance.
 * Do: correct the trigger, or the type of the column.
 *
 * 2F003 ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED
 * A role that is not a superuser would connect to the catalog's server without a password.
 * Do: give its user mapping a password, and have the server ask for it.
 *
 * 39P01 ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED
 * A trigger function was called in another way than as its trigger.
 * Do: let dcx_attach_wallet or dcx_attach_updated_at create the trigger.
 *
 * 3F000 ERRCODE_UNDEFINED_SCHEMA
 * Schema dcx was dropped during the call.
 * Do: attach again.
 *
 * 40001 ERRCODE_T_R_SERIALIZATION_FAILURE
 * Another transaction came first, under REPEATABLE READ or SERIALIZABLE. Nothing has happened.
 * Do: run the transaction again, with the same key.
 *
 * 40P01 ERRCODE_T_R_DEADLOCK_DETECTED
 * Two transactions wait for each other's wallets. Nothing has happened.
 * Do: run the transaction again, with the same key.
 *
 * 42501 ERRCODE_INSUFFICIENT_PRIVILEGE
 * You have no right to do it. Or a table in schema dcx belongs to a role that is not trusted. Or the ledger was
 * to be updated, deleted from or truncated.
 * Do: see what rights the function needs. Correct the ledger by a credit or a debit.
 *
 * 42622 ERRCODE_NAME_TOO_LONG
 * The name of the schema is too long for the server that is named after it.
 * Do: attach in a schema with a shorter name.
 *
 * 428C9 ERRCODE_GENERATED_ALWAYS
 * dcx_set_updated_at() was to set a column that is generated.
 * Do: drop the trigger. The hint names it.
 *
 * 42703 ERRCODE_UNDEFINED_COLUMN
 * A table lacks a column.
 * Do: see the detail, which lists the columns that it has. A view can give a column another name.
 *
 * 42704 ERRCODE_UNDEFINED_OBJECT
 * There is no such foreign server, or you have no user mapping for it.
 * Do: give a URL, or create what is missing. The hint has the statement.
 *
 * 42804 ERRCODE_DATATYPE_MISMATCH
 * A column is of a type that cannot be used.
 * Do: attach a view that casts it.
 *
 * 42809 ERRCODE_WRONG_OBJECT_TYPE
 * Money was to move in a view or a foreign table, or a server is not one of postgres_fdw.
 * Do: attach the table itself, or name another server.
 *
 * 42883 ERRCODE_UNDEFINED_FUNCTION
 * The function that guards the ledger was dropped during the call.
 * Do: attach the wallets again.
 *
 * 42P01 ERRCODE_UNDEFINED_TABLE
 * There is no such table, view or schema.
 * Do: see the detail, which lists candidates.
 *
 * 42P07 ERRCODE_DUPLICATE_TABLE
 * The schema has a table of that name already, which is not a foreign table of that server.
 * Do: attach in another schema, or adopt the table: give no source.
 *
 * 55000 ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE
 * The wallet is not as the ledger has it, or a trigger of the ledger is missing. Or other wallets are attached.
 * Or a table in schema dcx is not as attach made it, or is of a later version than the library. Or a schema was
 * renamed during the call.
 * Do: as the hint says: attach again, detach first, connect again, or run it again.
 *
 * 55006 ERRCODE_OBJECT_IN_USE
 * The transaction has read through the server that is to be attached, or the server leads to the other catalog.
 * Do: end the transaction first, or attach in a schema of its own.
 *
 * 55P03 ERRCODE_LOCK_NOT_AVAILABLE
 * The wallet was locked by another transaction for longer than lock_timeout.
 * Do: run the transaction again, with the same key.
 *
 * HV000 ERRCODE_FDW_ERROR
 * The other server gave an answer that PostgreSQL would not give.
 * Do: check that host and port in the URL are those of a PostgreSQL server.
 *
 * P0002 ERRCODE_NO_DATA_FOUND
 * No price book is saved that was in force at that time.
 * Do: ask for a later time. The detail has the earliest.
 */

#endif /* DCX_ERRCODES_H */
