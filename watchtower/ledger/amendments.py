"""Which amendments one server's validated ledger has enabled, or is about to enable.

What it guarantees: what is returned was read from the ledger's own entry, in a validated ledger.
A ledger without that entry has enabled none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.ledger.events import AmendmentsRead
from watchtower.ledger.fields import MalformedError, hash_from, uint32_in
from watchtower.ledger.state import StateServer, missing_position, validated_position
from watchtower.units import LedgerIndex, RippleTime

__all__ = ["agreed", "amendment_period", "read_amendments"]

_INDEX: Final = "7DB0788C020F02780A673DC74757F23823FA3014C1866E72CC4CD8B226CD6EF4"
"""Where every ledger keeps them (rippled Indexes.cpp, keylet::amendments)."""

_COMMAND: Final = "ledger_entry"

_FLAG_LEDGER: Final = 256
"""Ledgers between two in which amendments may be enabled (rippled Ledger.h, isFlagLedger)."""


async def read_amendments(server: StateServer) -> AmendmentsRead:
    """Return the amendments that the server's newest validated ledger has enabled, or will enable.

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
        node = _entry(result.get("node"))
        enabled = frozenset(_listed(node))
        return AmendmentsRead(enabled=enabled, at=at, majorities=frozenset(_majorities(node)))
    except MalformedError as wrong:
        raise AnswerError(server=server.url, command=_COMMAND, why=str(wrong)) from wrong


def _entry(node: object) -> Mapping[str, Any]:
    if not isinstance(node, Mapping) or node.get("LedgerEntryType") != "Amendments":
        raise MalformedError("it is not the entry of the amendments")
    return node


def _listed(node: Mapping[str, Any]) -> list[str]:
    listed = node.get("Amendments", [])
    if not isinstance(listed, list):
        raise MalformedError("Amendments is not a list")
    return [hash_from(amendment, "an amendment") for amendment in listed]


def _majorities(node: Mapping[str, Any]) -> Iterator[tuple[str, RippleTime]]:
    """Yield the amendments that have a majority, and since which ledger time they have it.

    That is the close time of the ledger in which it gained it (xrpl.org, the Amendments entry).
    """
    listed = node.get("Majorities", [])
    if not isinstance(listed, list):
        raise MalformedError("Majorities is not a list")
    for wrapped in listed:
        majority = wrapped.get("Majority") if isinstance(wrapped, Mapping) else None
        if not isinstance(majority, Mapping):
            raise MalformedError("there is no Majority in a member of Majorities")
        amendment = hash_from(majority.get("Amendment"), "an amendment")
        yield amendment, RippleTime(uint32_in(majority, "CloseTime"))


def agreed(told: Sequence[AmendmentsRead]) -> AmendmentsRead:
    """Return what servers agree on; where they do not, the amendments are not known.

    A majority is one that all of them tell of, since the same time.

    Args:
        told: one answer of each server that gave one, at least one.
    """
    # In the middle: one server that names a ledger far ahead must not outlive what comes later.
    at = sorted(answer.at for answer in told)[(len(told) - 1) // 2]
    all_told = {answer.enabled for answer in told}
    return AmendmentsRead(
        enabled=all_told.pop() if len(all_told) == 1 else None,
        at=at,
        majorities=frozenset.intersection(*(answer.majorities for answer in told)),
    )


def amendment_period(ledger_index: LedgerIndex) -> int:
    """Return a number that is another one once amendments may have been enabled.

    What the flag ledger decides is written into the ledger behind it (rippled
    RCLConsensus.cpp, onClose: pseudo-transactions are voted in behind a flag ledger).
    """
    return (ledger_index - 1) // _FLAG_LEDGER
