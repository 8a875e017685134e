"""The queue: what waits, what goes first, and what it costs to pass."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.sandbox.client import frozen_network
from watchtower.sandbox.fee_levels import FeeMetrics, QueueSettings
from watchtower.sandbox.network import Network
from watchtower.sandbox.people import RICH, Hand, Person
from watchtower.sandbox.server import Sandbox
from watchtower.sandbox.transaction import parse_json

_SETTINGS = QueueSettings(minimum_txn_in_ledger=4, target_txn_in_ledger=4)
_NOTHING = {"TransactionType": "AccountSet"}
_SMALL = {
    "minimum_txn_in_ledger": 4,
    "target_txn_in_ledger": 4,
    "maximum_txn_in_ledger": 4,
    "minimum_queue_size": 28,
    "ledgers_in_queue": 1,
}
"""A ledger takes five, and the queue twenty-eight."""


class _Account:
    """Somebody who pays, one payment after the other."""

    def __init__(self, network: Network, person: Person) -> None:
        self._network = network
        self._person = person

    def pay(self, destination: Person, drops: int, **more: Any) -> str:
        """Submit a payment on the next seat; return the result."""
        payment = {
            "TransactionType": "Payment",
            "Account": self._person.address,
            "Destination": destination.address,
            "Amount": str(drops),
            "Fee": "10",
            "Sequence": self._network.queue.next_seat(self._person.address) or 0,
            **more,
        }
        signed = self._person.sign_transaction(payment)
        return self._network.submit(parse_json(signed)).result


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


async def test_a_used_sequence_is_past_however_many_wait(hand: Hand, source: Person) -> None:
    """What can never apply is not told to come back when there is room."""
    sequence = await _fill(hand, source)
    for i in range(10):
        await _send(hand, source, sequence + i, 10)

    assert (await _send(hand, source, sequence - 1, 11))["engine_result"] == "tefPAST_SEQ"


async def test_what_names_the_transaction_before_it_does_not_wait(
    hand: Hand, source: Person
) -> None:
    """Nobody knows what will be before it when its turn comes."""
    sequence = await _fill(hand, source)

    told = await _send(hand, source, sequence, 10, PreviousTxnID="A" * 64)

    assert told["engine_result"] == "telCAN_NOT_QUEUE"


async def test_tickets_that_wait_to_be_made_take_as_many_sequences_as_there_are_tickets(
    hand: Hand, source: Person
) -> None:
    """The server counts one too few, and so do we."""
    sequence = await _fill(hand, source)
    tickets = {"TransactionType": "TicketCreate", "TicketCount": 3, "Sequence": sequence}

    told = await hand.submit(tickets, source, fee=10)

    assert (told["engine_result"], told["account_sequence_available"]) == (
        "terQUEUED",
        sequence + 3,
    )


def test_account_that_let_one_expire_loses_its_last_when_the_queue_is_nearly_full() -> None:
    """Behind the gap nothing of it can apply, and others need the room."""
    network = frozen_network(queue=QueueSettings(**_SMALL))
    poor, rich = Person.named("poor"), [Person.named(f"rich {n}") for n in range(3)]
    accounts = {person: _Account(network, person) for person in (RICH, poor, *rich)}
    for person in (poor, *rich):
        accounts[RICH].pay(person, 1_000_000_000)
        network.accept()
    last_ledger = network.chain.open_index + 2
    while network.queue.price().open_ledger_fee == 10:
        accounts[RICH].pay(poor, 1)
    accounts[poor].pay(RICH, 1, LastLedgerSequence=last_ledger)
    for _ in range(3):
        accounts[poor].pay(RICH, 1, Fee="4900")
    waiting = []
    for _ in range(4):
        for person in rich:
            while len(network.queue.of(person.address)) < 8:
                accounts[person].pay(RICH, 1, Fee="4000")
        waiting.append(len(network.queue.of(poor.address)))
        network.accept()

    # One has expired, and the last one was dropped for it.
    assert waiting == [4, 4, 4, 2]


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
