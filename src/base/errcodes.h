/*
 * errcodes.h
 *		The extension's own SQLSTATEs, class ZD. The README lists them.
 */
#ifndef DCX_ERRCODES_H
#define DCX_ERRCODES_H

#include "utils/elog.h"

#define DCX_ERRCODE_INSUFFICIENT	MAKE_SQLSTATE('Z', 'D', '0', '0', '1')
#define DCX_ERRCODE_UNKNOWN_PRODUCT MAKE_SQLSTATE('Z', 'D', '0', '0', '2')
#define DCX_ERRCODE_UNUSABLE_PRICE	MAKE_SQLSTATE('Z', 'D', '0', '0', '3')
#define DCX_ERRCODE_KEY_REUSED		MAKE_SQLSTATE('Z', 'D', '0', '0', '4')
#define DCX_ERRCODE_NOT_OPEN		MAKE_SQLSTATE('Z', 'D', '0', '0', '5')
#define DCX_ERRCODE_NO_WALLET		MAKE_SQLSTATE('Z', 'D', '0', '0', '6')
#define DCX_ERRCODE_NOT_ATTACHED	MAKE_SQLSTATE('Z', 'D', '0', '0', '7')
#define DCX_ERRCODE_UNREACHABLE		MAKE_SQLSTATE('Z', 'D', '0', '0', '8')
#define DCX_ERRCODE_TOO_DEAR		MAKE_SQLSTATE('Z', 'D', '0', '0', '9')

#endif /* DCX_ERRCODES_H */
