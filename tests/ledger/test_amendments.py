"""Amendments as validated ledgers have them, and as far as servers agree."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from watchtower.errors import AnswerError
from watchtower.ledger.amendments import agreed, amendment_period
from watchtower.ledger.events import END_OF_LEDGER, AmendmentsRead, Position
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.servers import Servers
from watchtower.sandbox.hashing import amendment_id
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.sandbox.server import Sandbox
from watchtower.units import LedgerIndex, RippleTime

QUICK = LinkSettings(request_timeout=1.0, backoff_first=0.02, backoff_most=0.1, close_timeout=0.2)

FIRST = "7BB62DC13EC72B775091E9C71BF8CF97E122647693B50C5E87A80DFD6FCFAC50"
SECOND = "755C971C29971C9F20C6F080F2ED96F87884E40AD19554A5EBECDCEC8A1F77FE"

Start = Callable[..., Awaitable[Any]]


def told(ledger: int, *amendments: str) -> AmendmentsRead:
    """One server's answer."""
    place = Position(LedgerIndex(ledger), END_OF_LEDGER)
    return AmendmentsRead(enabled=frozenset(amendments), at=place)


async def test_amendments_are_those_of_the_ledger() -> None:
    """The entry that every ledger has, under the index that every ledger has it."""
    names = DEFAULT_AMENDMENTS | {"fixCleanup3_2_0"}
    async with Sandbox(rules=Rules(amendments=names)) as sandbox:
        async with Servers.connected([sandbox.url]) as servers:
            fact = await servers.read_amendments()
        assert fact.enabled == frozenset(map(amendment_id, names))
        assert fact.at.ledger_index == sandbox.ledger_index


async def test_a_ledger_without_the_entry_has_enabled_none(start: Start) -> None:
    """A network that began yesterday."""
    server = await start()
    server.refuse["ledger_entry"] = {"error": "entryNotFound", "ledger_index": 10}
    async with Servers.connected([server.url], settings=QUICK) as servers:
        assert await servers.read_amendments() == told(10)


@pytest.mark.parametrize(
    "node",
    [
        None,
        {"LedgerEntryType": "PayChannel"},
        {"LedgerEntryType": "Amendments", "Amendments": "all"},
        {"LedgerEntryType": "Amendments", "Amendments": [7]},
        {"LedgerEntryType": "Amendments", "Majorities": {}},
        {"LedgerEntryType": "Amendments", "Majorities": [{"Amendment": "A" * 64}]},
        {"LedgerEntryType": "Amendments", "Majorities": [{"Majority": {"Amendment": "A" * 64}}]},
        {"LedgerEntryType": "Amendments", "Majorities": [{"Majority": {"CloseTime": 7}}]},
    ],
)
async def test_what_is_not_the_amendments_is_refused(start: Start, node: object) -> None:
    """Rules are read completely, or not at all."""
    server = await start()
    result = {"node": node, "ledger_index": 10, "validated": True}
    server.answers["ledger_entry"] = {"result": result}
    async with Servers.connected([server.url], settings=QUICK) as servers:
        with pytest.raises(AnswerError):
            await servers.read_amendments()


async def test_majorities_are_read_with_the_time_since_when(start: Start) -> None:
    """As mainnet had them in September 2024."""
    server = await start()
    majorities = [
        {"Majority": {"Amendment": amendment, "CloseTime": 779561310}}
        for amendment in (FIRST, SECOND)
    ]
    node = {"LedgerEntryType": "Amendments", "Amendments": ["A" * 64], "Majorities": majorities}
    server.answers["ledger_entry"] = {
        "result": {"node": node, "ledger_index": 10, "validated": True}
    }
    async with Servers.connected([server.url], settings=QUICK) as servers:
        fact = await servers.read_amendments()
    assert fact.majorities == {(FIRST, 779561310), (SECOND, 779561310)}


def test_a_majority_is_one_that_every_server_tells_of() -> None:
    """One that is a flag ledger behind, or invents some, moves nobody to upgrade."""

    def with_majorities(*majorities: tuple[str, int]) -> AmendmentsRead:
        return replace(told(10), majorities=frozenset((m, RippleTime(at)) for m, at in majorities))

    one, both = with_majorities(("A", 7)), with_majorities(("A", 7), ("B", 8))
    assert agreed([both, one]).majorities == {("A", 7)}
    assert agreed([both]).majorities == {("A", 7), ("B", 8)}
    assert agreed([one, with_majorities(("A", 9))]).majorities == frozenset()


def test_servers_that_contradict_each_other_leave_the_amendments_unknown() -> None:
    """Nobody is believed against another, and one answer alone is better than none."""
    assert agreed([told(10, "A"), told(10, "A", "B")]).enabled is None
    assert agreed([told(10, "A"), told(10, "A")]).enabled == frozenset({"A"})
    assert agreed([told(10, "A")]).enabled == frozenset({"A"})


def test_one_server_far_ahead_does_not_outlive_what_comes_later() -> None:
    """What is told of ledger 999999 would else be newer than everything for a month."""
    assert agreed([told(10), told(999_999)]).at.ledger_index == 10
    assert agreed([told(10), told(11), told(999_999)]).at.ledger_index == 11


def test_a_period_ends_behind_its_flag_ledger() -> None:
    """Ledger 256 decides, and ledger 257 has it."""
    assert amendment_period(LedgerIndex(255)) == amendment_period(LedgerIndex(256))
    assert amendment_period(LedgerIndex(257)) == amendment_period(LedgerIndex(256)) + 1
    assert amendment_period(LedgerIndex(257)) == amendment_period(LedgerIndex(512))
