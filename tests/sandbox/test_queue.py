"""The queue: what waits, what goes first, and what it costs to pass."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from watchtower.sandbox.fee_levels import FeeMetrics, QueueSettings
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Sandbox

_SETTINGS = QueueSettings(minimum_txn_in_ledger=4, target_txn_in_ledger=4)
_NOTHING = {"TransactionType": "AccountSet"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Return a sandbox whose ledgers are small."""
    async with Sandbox(queue=_SETTINGS) as box:
        yield box


async def _fill(hand: Hand, person: Person) -> int:
    """Fill the open ledger until it costs more; return the next sequence."""
    while True:
        told = await hand.submit(_NOTHING, person)
        assert told["engine_result"] == "tesSUCCESS"
        if told["open_ledger_cost"] != "10":
            return int(told["account_sequence_next"])


async def _send(hand: Hand, person: Person, sequence: int, fee: int, **more: Any) -> dict[str, Any]:
    return await hand.submit({**_NOTHING, "Sequence": sequence, **more}, person, fee=fee)


async def test_the_eleventh_of_an_account_does_not_fit(hand: Hand, source: Person) -> None:
    """Ten wait, in order."""
    sequence = await _fill(hand, source)

    results = [(await _send(hand, source, sequence + i, 10))["engine_result"] for i in range(11)]

    assert results == ["terQUEUED"] * 10 + ["telCAN_NOT_QUEUE_FULL"]


async def test_a_replacement_pays_more_than_a_quarter_on_top(hand: Hand, source: Person) -> None:
    """Exactly a quarter is not enough."""
    sequence = await _fill(hand, source)
    await _send(hand, source, sequence, 100)

    assert (await _send(hand, source, sequence, 125))["engine_result"] == "telCAN_NOT_QUEUE_FEE"
    assert (await _send(hand, source, sequence, 126))["engine_result"] == "terQUEUED"


async def test_what_ends_too_soon_is_not_queued(
    sandbox: Sandbox, hand: Hand, source: Person
) -> None:
    """The open ledger and the one after it are too soon."""
    sequence = await _fill(hand, source)
    last = sandbox.ledger_index + 1 + 1

    soon = await _send(hand, source, sequence, 10, LastLedgerSequence=last)
    later = await _send(hand, source, sequence, 10, LastLedgerSequence=last + 1)

    assert (soon["engine_result"], later["engine_result"]) == ("telCAN_NOT_QUEUE", "terQUEUED")


async def test_a_rich_one_takes_the_poor_before_it_along(hand: Hand, source: Person) -> None:
    """It pays for them, and all are in the open ledger."""
    sequence = await _fill(hand, source)
    for i in range(3):
        await _send(hand, source, sequence + i, 10)

    told = await _send(hand, source, sequence + 3, 200_000)

    assert (told["engine_result"], told["account_sequence_next"]) == ("tesSUCCESS", sequence + 4)
    fee = await hand.request("fee")
    assert fee["current_queue_size"] == "0"


async def test_a_blocker_waits_alone(hand: Hand, source: Person, stranger: Person) -> None:
    """What changes keys could make the rest invalid."""
    sequence = await _fill(hand, source)
    await _send(hand, source, sequence, 10)
    key = {"TransactionType": "SetRegularKey", "RegularKey": stranger.address}

    told = await hand.submit({**key, "Sequence": sequence + 1}, source)

    assert told["engine_result"] == "telCAN_NOT_QUEUE_BLOCKS"


async def test_the_queue_is_told_and_empties_with_the_next_ledgers(
    sandbox: Sandbox, hand: Hand, source: Person
) -> None:
    """And everything that waited is validated."""
    sequence = await _fill(hand, source)
    waiting = [await _send(hand, source, sequence + i, 10 + i) for i in range(3)]

    info = await hand.request("account_info", account=source.address, queue=True)
    assert info["queue_data"]["txn_count"] == 3
    assert [t["seq"] for t in info["queue_data"]["transactions"]] == [
        sequence,
        sequence + 1,
        sequence + 2,
    ]
    await sandbox.advance(2)
    for told in waiting:
        found = await hand.request("tx", transaction=told["tx_json"]["hash"])
        assert found["validated"] is True


def test_ledgers_grow_at_once_and_shrink_slowly() -> None:
    """A peak counts for twenty busy ledgers; then a tenth of the way back is taken."""
    metrics = FeeMetrics(QueueSettings(minimum_txn_in_ledger=10, target_txn_in_ledger=5))

    metrics.update([256] * 20)
    for _ in range(19):
        metrics.update([256] * 11)
    assert metrics.expected == 24

    metrics.update([256] * 11)
    assert metrics.expected == (24 * 9 + 13) // 10


def test_the_open_ledger_costs_500_base_fees_as_soon_as_it_is_full() -> None:
    """And grows with the square of what is in it."""
    metrics = FeeMetrics(QueueSettings(minimum_txn_in_ledger=10, target_txn_in_ledger=10))

    levels = [metrics.required_level(size) for size in (10, 11, 20)]

    assert levels == [256, 128_000 * 121 // 100, 128_000 * 4]
