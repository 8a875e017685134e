"""Flags of an AccountRoot: their bits, their numbers in AccountSet, their names in account_info.

(rippled include/xrpl/protocol/LedgerFormats.h, TxFlags.h; src/xrpld/rpc/handlers/AccountInfo.cpp.)
Pure.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACCOUNT_SET_FLAGS",
    "DEPOSIT_AUTH",
    "DISABLE_MASTER",
    "DISALLOW_INCOMING_PAYCHAN",
    "FLAG_NAMES",
    "GLOBAL_FREEZE",
    "NO_FREEZE",
    "PASSWORD_SPENT",
    "REQUIRE_AUTH",
    "REQUIRE_DEST_TAG",
    "TRANSACTION_FLAGS",
]

PASSWORD_SPENT: Final = 0x00010000
REQUIRE_DEST_TAG: Final = 0x00020000
REQUIRE_AUTH: Final = 0x00040000
DISALLOW_XRP: Final = 0x00080000
DISABLE_MASTER: Final = 0x00100000
NO_FREEZE: Final = 0x00200000
GLOBAL_FREEZE: Final = 0x00400000
DEFAULT_RIPPLE: Final = 0x00800000
DEPOSIT_AUTH: Final = 0x01000000
DISALLOW_INCOMING_PAYCHAN: Final = 0x10000000

ACCOUNT_SET_FLAGS: Final = {
    1: REQUIRE_DEST_TAG,
    2: REQUIRE_AUTH,
    3: DISALLOW_XRP,
    4: DISABLE_MASTER,
    6: NO_FREEZE,
    7: GLOBAL_FREEZE,
    8: DEFAULT_RIPPLE,
    9: DEPOSIT_AUTH,
    12: 0x04000000,
    13: 0x08000000,
    14: DISALLOW_INCOMING_PAYCHAN,
    15: 0x20000000,
}
"""``SetFlag`` and ``ClearFlag`` numbers that stand for one bit."""

TRANSACTION_FLAGS: Final = {
    0x00010000: (1, True),
    0x00020000: (1, False),
    0x00040000: (2, True),
    0x00080000: (2, False),
    0x00100000: (3, True),
    0x00200000: (3, False),
}
"""Flags of AccountSet itself: the same numbers, set or cleared."""

FLAG_NAMES: Final = {
    "allowTrustLineClawback": 0x80000000,
    "allowTrustLineLocking": 0x40000000,
    "defaultRipple": DEFAULT_RIPPLE,
    "depositAuth": DEPOSIT_AUTH,
    "disableMasterKey": DISABLE_MASTER,
    "disallowIncomingCheck": 0x08000000,
    "disallowIncomingNFTokenOffer": 0x04000000,
    "disallowIncomingPayChan": DISALLOW_INCOMING_PAYCHAN,
    "disallowIncomingTrustline": 0x20000000,
    "disallowIncomingXRP": DISALLOW_XRP,
    "globalFreeze": GLOBAL_FREEZE,
    "noFreeze": NO_FREEZE,
    "passwordSpent": PASSWORD_SPENT,
    "requireAuthorization": REQUIRE_AUTH,
    "requireDestinationTag": REQUIRE_DEST_TAG,
}
