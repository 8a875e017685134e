"""How a server speaks: the few shapes of its answers and announcements that we rely on.

Both API versions are understood, and errors in both of their places (at the top of an answer, as
xrpld sends them over WebSocket, and inside ``result``, as proxies and JSON-RPC do). Fields we do
not know are left alone; a field we need that is missing or of the wrong type makes the message
unusable, which is a value here and never an exception. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchtower.errors import AnswerError
from watchtower.ledger.decode import decode_ledger_closed
from watchtower.ledger.events import LedgerClosed

__all__ = [
    "AMENDMENT_BLOCKED",
    "Announcement",
    "Refusal",
    "announcement_of",
    "integer",
    "refusal_of",
    "result_of",
    "warning_ids",
]

_MOST: Final = 2**63 - 1
_DIGITS: Final = 19

AMENDMENT_BLOCKED: Final = 1002
"""The warning of an amendment-blocked server (rippled include/xrpl/protocol/ErrorCodes.h)."""


def integer(message: Mapping[str, Any], key: str) -> int | None:
    """Return a non-negative integer field; also one in a string, as amounts are written.

    None for one that no field of the ledger can hold: numbers without end would stop who reads
    them, and numbers of more than 63 bits who writes them down.
    """
    value = message.get(key)
    if isinstance(value, str) and len(value) <= _DIGITS and value.isascii() and value.isdecimal():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST:
        return value
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A server says which ledger it validated last: its ``ledgerClosed``, or a subscription.

    ``transactions`` is how many the ledger has, None when it was not told.
    """

    closed: LedgerClosed
    transactions: int | None
    validated_ledgers: str | None
    network_id: int | None


def announcement_of(message: Mapping[str, Any]) -> Announcement | None:
    """Return what a ``ledgerClosed`` or a subscription's result announces; None if unusable."""
    try:
        closed = decode_ledger_closed(message)
    except AnswerError:
        return None
    if closed is None:
        return None
    ranges = message.get("validated_ledgers")
    return Announcement(
        closed=closed,
        transactions=integer(message, "txn_count"),
        validated_ledgers=ranges if isinstance(ranges, str) else None,
        network_id=integer(message, "network_id"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A server's error: its token, such as ``entryNotFound``, and its words."""

    error: str
    message: str


def result_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the result of an answer; the answer itself when it has none of its own."""
    result = answer.get("result")
    return result if isinstance(result, Mapping) else answer


def refusal_of(answer: Mapping[str, Any]) -> Refusal | None:
    """Return the error that an answer holds, None when it is a success."""
    for place in (answer, result_of(answer)):
        error = place.get("error")
        if error is not None or place.get("status") == "error":
            words = place.get("error_message", place.get("error_exception"))
            return Refusal(
                error=error if isinstance(error, str) else "unknown",
                message=words if isinstance(words, str) else "no reason given",
            )
    return None


def warning_ids(answer: Mapping[str, Any]) -> frozenset[int]:
    """Return the numbers of the warnings that came with an answer."""
    warnings = answer.get("warnings")
    found = warnings if isinstance(warnings, list) else []
    return frozenset(
        number
        for warning in found
        if isinstance(warning, Mapping) and (number := integer(warning, "id")) is not None
    )
