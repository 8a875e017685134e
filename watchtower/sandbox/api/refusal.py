"""How the server says no: an error's name, number and sentence. Pure.

The three are the wire's own (rippled include/xrpl/protocol/ErrorCodes.h,
src/libxrpl/protocol/ErrorCodes.cpp). A refusal is a value that a request returns in place of a
result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Refusal", "invalid_field", "missing_field", "refuse"]

_KNOWN: Final[dict[str, tuple[int, str]]] = {
    "actMalformed": (35, "Account malformed."),
    "actNotFound": (19, "Account not found."),
    "amendmentBlocked": (14, "Amendment blocked, need upgrade."),
    "badSyntax": (1, "Syntax error."),
    "channelAmtMalformed": (45, "Payment channel amount is malformed."),
    "channelMalformed": (44, "Payment channel is malformed."),
    "entryNotFound": (98, "Entry not found."),
    "excessiveLgrRange": (78, "Ledger range exceeds 1000."),
    "internal": (73, "Internal error."),
    "invalidLgrRange": (79, "Ledger range is invalid."),
    "invalidParams": (31, "Invalid parameters."),
    "lgrIdxMalformed": (58, "Ledger index malformed."),
    "lgrIdxsInvalid": (57, "Ledger indexes invalid."),
    "lgrNotFound": (21, "Ledger not found."),
    "lgrNotValidated": (54, "Ledger not validated."),
    "malformedRequest": (31, "Malformed request."),
    "malformedStream": (72, "Stream malformed."),
    "noPermission": (6, "You don't have permission for this command."),
    "malformedAddress": (31, "Malformed address."),
    "notSupported": (75, "Operation not supported."),
    "notImpl": (74, "Not implemented."),
    "publicMalformed": (62, "Public key is malformed."),
    "srcActMalformed": (65, "Source account is malformed."),
    "srcActNotFound": (67, "Source account not found."),
    "transactionSigned": (96, "Transaction should not be signed."),
    "txnNotFound": (29, "Transaction not found."),
    "unexpectedLedgerType": (99, "Unexpected ledger type."),
    "unknownCmd": (32, "Unknown method."),
    "unknownOption": (31, "Unknown option."),
    "wrongNetwork": (4, "Wrong network."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error answer: ``fields`` are the members that say it, and whatever stands beside them."""

    fields: Mapping[str, Any] = field(default_factory=dict)


def refuse(error: str, message: str | None = None, **beside: object) -> Refusal:
    """Return the refusal of that name, with its own sentence or another one."""
    number, sentence = _KNOWN[error]
    return Refusal(
        fields={
            "error": error,
            "error_code": number,
            "error_message": sentence if message is None else message,
            **beside,
        }
    )


def invalid_field(name: str, expected: str = "") -> Refusal:
    """Return the answer to a field of the wrong form (ErrorCodes.h, invalid_field_error)."""
    tail = f", not {expected}" if expected else ""
    return refuse("invalidParams", f"Invalid field '{name}'{tail}.")


def missing_field(name: str) -> Refusal:
    """Return the answer to a missing field (ErrorCodes.h, missing_field_error)."""
    return refuse("invalidParams", f"Missing field '{name}'.")
