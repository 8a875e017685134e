"""Which amendments one server's validated ledger has enabled.

What it guarantees: what is returned was read from the ledger's own entry, in a validated ledger.
A ledger without that entry has enabled none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.ledger.events import AmendmentsRead
from watchtower.ledger.fields import MalformedError, hash_from
from watchtower.ledger.state import StateServer, missing_position, validated_position
from watchtower.units import LedgerIndex

__all__ = ["agreed", "amendment_period", "read_amendments"]

_INDEX: Final = "7DB0788C020F02780A673DC74757F23823FA3014C1866E72CC4CD8B226CD6EF4"
"""Where every ledger keeps them (rippled Indexes.cpp, keylet::amendments)."""

_COMMAND: Final = "ledger_entry"

_FLAG_LEDGER: Final = 256
"""Ledgers between two in which amendments may be enabled (rippled Ledger.h, isFlagLedger)."""


async def read_amendments(server: StateServer) -> AmendmentsRead:
    """Return the amendments that the server's newest validated ledger has enabled.

    Raises:
        AnswerError: the answer is not from a validated ledger, or not the amendments.
        LedgerError: the server could not be asked, or refused.
    """
    known_before = server.validated
    try:
        result = await server.request(_COMMAND, index=_INDEX, ledger_index="validated")
    except RequestRefusedError as refused:
        if refused.facts["error"] != "entryNotFound":
            raise
        at = missing_position(server, _COMMAND, refused.facts["answer"], known_before)
        return AmendmentsRead(enabled=frozenset(), at=at)
    at = validated_position(server, _COMMAND, result)
    try:
        return AmendmentsRead(enabled=_enabled(result.get("node")), at=at)
    except MalformedError as wrong:
        raise AnswerError(server=server.url, command=_COMMAND, why=str(wrong)) from wrong


def _enabled(node: object) -> frozenset[str]:
    if not isinstance(node, Mapping) or node.get("LedgerEntryType") != "Amendments":
        raise MalformedError("it is not the entry of the amendments")
    return frozenset(_listed(node))


def _listed(node: Mapping[str, Any]) -> list[str]:
    listed = node.get("Amendments", [])
    if not isinstance(listed, list):
        raise MalformedError("Amendments is not a list")
    return [hash_from(amendment, "an amendment") for amendment in listed]


def agreed(told: Sequence[AmendmentsRead]) -> AmendmentsRead:
    """Return what servers agree on; where they do not, the amendments are not known.

    Args:
        told: one answer of each server that gave one, at least one.
    """
    # In the middle: one server that names a ledger far ahead must not outlive what comes later.
    at = sorted(answer.at for answer in told)[(len(told) - 1) // 2]
    all_told = {answer.enabled for answer in told}
    return AmendmentsRead(enabled=all_told.pop() if len(all_told) == 1 else None, at=at)


def amendment_period(ledger_index: LedgerIndex) -> int:
    """Return a number that is another one once amendments may have been enabled.

    What the flag ledger decides is written into the ledger behind it (rippled
    RCLConsensus.cpp, onClose: pseudo-transactions are voted in behind a flag ledger).
    """
    return (ledger_index - 1) // _FLAG_LEDGER
