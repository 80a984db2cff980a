/*
 * wallet.h
 *		What an organisation's wallet holds.
 *
 * A wallet is a row of the platform's own table, which dcx_attach_wallet() names. It is read as
 * the caller: table rights and row-level security decide who sees which.
 */
#ifndef DCX_WALLET_H
#define DCX_WALLET_H

#include "utils/numeric.h"

/*
 * The balance of an organisation's wallet under the active snapshot, finite, in the current memory
 * context. No wallet, or two, is ZD006; nothing attached ZD007; a balance that is NULL, NaN or
 * infinite 22003.
 */
extern Numeric dcx_wallet_balance_of(const char *organisation);

#endif /* DCX_WALLET_H */
