"""A ledger on which one payee's channels all close at once, and the strangers who are on it too.

What it guarantees: the same plan gives the same ledgers, but for what the payee does. Channels and
close requests come as transactions of other servers do that every validator has heard of: they
stand in one ledger, however many they are, and the price of the ledgers after it is what strangers
and the payee make of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Any, Final

from bench.floor import Room
from watchtower.judgement.claim import Claim
from watchtower.sandbox.clock import Clock, Pace
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.hashing import channel_index
from watchtower.sandbox.ledger import ClosedLedger
from watchtower.sandbox.network import Network
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import RICH, Person
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.transaction import parse_json
from watchtower.units import DROPS_PER_XRP, ChannelId, Drops, RippleTime

__all__ = ["RECORDED", "ExitWorld", "Plan", "Strangers", "Unit"]

RECORDED: Final = QueueSettings(
    minimum_txn_in_ledger=10,
    target_txn_in_ledger=20,
    maximum_txn_in_ledger=30,
    maximum_txn_per_account=10,
)
"""The queue of the recording ``fee_escalation_and_queue``: thirty-one a ledger at the base fee."""

_CHANNELS_OF_A_PAYER: Final = 500
_TF_CLOSE: Final = 0x00020000
_BASE: Final = 10
_BASE_LEVEL: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Strangers:
    """Other people: so many payments with each new ledger, each for ``fee`` drops."""

    payments: int = 0
    fee: int = _BASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the world is to be like.

    Attributes:
        channels: how many close at once.
        settle_delays: seconds; channels have them in turn.
        stakes: the least and the most drops at stake; channels lie evenly between their logarithms.
        strangers: who else is on the ledger.
        queue: how much a ledger takes.
        seed: where the luck begins.
    """

    channels: int
    settle_delays: Sequence[int] = (3_600,)
    stakes: tuple[int, int] = (DROPS_PER_XRP, DROPS_PER_XRP)
    strangers: Strangers = field(default_factory=Strangers)
    queue: QueueSettings = RECORDED
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One channel of the world: who pays, for how much the payee has a claim, and its delay."""

    channel: ChannelId
    payer: Person
    stake: Drops
    settle_delay: int

    @property
    def claim(self) -> Claim:
        """The payer's claim for all of it."""
        return Claim(
            channel=self.channel,
            amount=self.stake,
            public_key=self.payer.public_key,
            signature=self.payer.sign_claim(self.channel, self.stake),
        )


class ExitWorld:
    """A ledger with the channels of a plan, open and not yet closing.

    ``node`` is the server that tells of it, ``payee`` whom all channels pay, ``units`` they.
    """

    def __init__(self, plan: Plan) -> None:
        """Fund everybody and open every channel."""
        self.plan = plan
        network = Network(Rules(), Pace.of(Clock.FAST), plan.queue, plan.seed)
        self.node = Node(network)
        self.payee = Person.named("a payee")
        self._network = network
        self._rooms: list[tuple[int, int]] = []
        self._first = 0
        payers = [
            Person.named(f"a payer {n}") for n in range(-(-plan.channels // _CHANNELS_OF_A_PAYER))
        ]
        self._fund([self.payee, *payers])
        self.units = tuple(self._open(payers))
        # What it took to set the scene is forgotten by the prices of later ledgers.
        for _ in range(plan.queue.ledgers_in_queue):
            network.accept()

    def crowd(self) -> None:
        """From now on strangers come, as the plan has them."""
        self.node.bystanders.fill(self.plan.strangers.payments, self.plan.strangers.fee)

    def ask_to_close(self) -> None:
        """Every payer asks to close every channel; see that in the next ledger."""
        for unit in self.units:
            self.ask_for(unit)
        self._first = self._network.chain.validated.index + 2
        network = self._network
        network.after_close.append(lambda: self._rooms.append(self._room()))

    def ask_for(self, unit: Unit) -> None:
        """One payer asks to close one channel; see that in the next ledger."""
        self._apply(
            unit.payer,
            TransactionType="PaymentChannelClaim",
            Channel=unit.channel,
            Flags=_TF_CLOSE,
        )

    @property
    def now(self) -> RippleTime:
        """The close time of the newest ledger."""
        return RippleTime(self._network.chain.validated.close_time)

    def unpaid(self) -> int:
        """Return how many channels have not paid all."""
        view = self._network.chain.history.snapshot(self._network.chain.validated.index)
        entries = ((unit, view.read(unit.channel)) for unit in self.units)
        return sum(1 for unit, entry in entries if entry and int(entry["Balance"]) < unit.stake)

    def paid(self) -> int:
        """Return the drops that channels have paid."""
        view = self._network.chain.history.snapshot(self._network.chain.validated.index)
        entries = (view.read(unit.channel) for unit in self.units)
        return sum(int(entry["Balance"]) for entry in entries if entry)

    @property
    def ends(self) -> list[RippleTime]:
        """When each channel closes, in ledger time, once its payer has asked for it."""
        asked = self._ledger(self._first - 1).parent_close_time
        return [RippleTime(asked + unit.settle_delay) for unit in self.units]

    @property
    def last_end(self) -> RippleTime:
        """When the last of them closes."""
        return max(self.ends)

    def run_on(self, ledgers: int) -> None:
        """Close so many ledgers without the payee."""
        for _ in range(ledgers):
            self._network.accept()

    def ledgers(self) -> list[ClosedLedger]:
        """Return the ledgers since the one with the close requests, that one left out."""
        last = self._network.chain.validated.index
        return [self._ledger(index) for index in range(self._first, last + 1)]

    def fees(self, kind: str) -> int:
        """Return what the payee's transactions of a kind have cost since the close requests."""
        mine = (
            record.tx
            for ledger in self.ledgers()
            for record in ledger.transactions
            if record.tx.account == self.payee.address and record.tx.kind == kind
        )
        return sum(tx.fee for tx in mine)

    def rooms(self) -> list[Room]:
        """Return what each of `ledgers` had to offer, the strangers in it being where they were.

        What the payee got at the base fee was to be had at the base fee, also where it came out of
        the queue before strangers did.
        """
        return [
            self._offer(ledger, expected, multiplier)
            for ledger, (expected, multiplier) in zip(self.ledgers(), self._rooms, strict=False)
        ]

    def _offer(self, ledger: ClosedLedger, expected: int, multiplier: int) -> Room:
        mine = [r.tx for r in ledger.transactions if r.tx.account == self.payee.address]
        others = len(ledger.transactions) - len(mine)
        at_base = sum(1 for tx in mine if tx.fee == _BASE)
        return Room(
            cheap=max(at_base, expected + 1 - others, 0),
            others=others,
            expected=expected,
            multiplier=multiplier,
        )

    def _room(self) -> tuple[int, int]:
        """Return what makes the prices of the ledger that has just opened.

        The level that they rise from is the median of what strangers paid in the ledger before,
        as the server has it (FeeMetrics::update): what the payee's own fees make of it is no part
        of the world.
        """
        before = self._network.chain.validated.transactions
        payee, payers = self.payee.address, {unit.payer.address for unit in self.units}
        strangers = [r.tx.fee for r in before if r.tx.account not in {payee, *payers}]
        level = round(median(strangers)) * _BASE_LEVEL // _BASE if strangers else 0
        least = self.plan.queue.minimum_escalation_multiplier
        return self._network.price().expected_size, max(level, least)

    def _ledger(self, index: int) -> ClosedLedger:
        return self._network.chain.history.closed(index)

    def _fund(self, people: Sequence[Person]) -> None:
        riches = 2 * _CHANNELS_OF_A_PAYER * max(self.plan.stakes) + 10_000 * DROPS_PER_XRP
        for person in people:
            self._apply(
                RICH, TransactionType="Payment", Destination=person.address, Amount=str(riches)
            )
        self._network.accept()

    def _open(self, payers: Sequence[Person]) -> Iterator[Unit]:
        for number in range(self.plan.channels):
            payer = payers[number % len(payers)]
            stake, delay = self._stake(number), self._delay(number)
            sequence = self._apply(
                payer,
                TransactionType="PaymentChannelCreate",
                Destination=self.payee.address,
                Amount=str(stake),
                SettleDelay=delay,
                PublicKey=payer.public_key,
            )
            index = channel_index(payer.address, self.payee.address, sequence)
            yield Unit(
                channel=ChannelId(index), payer=payer, stake=Drops(stake), settle_delay=delay
            )
        self._network.accept()

    def _stake(self, number: int) -> int:
        least, most = (math.log(drops) for drops in self.plan.stakes)
        luck = Random(f"{self.plan.seed} {number}")  # noqa: S311 - luck that can be repeated
        return round(math.exp(luck.uniform(least, most)))

    def _delay(self, number: int) -> int:
        return self.plan.settle_delays[number % len(self.plan.settle_delays)]

    def _apply(self, person: Person, **fields: Any) -> int:
        """Put a transaction into the open ledger, as one that all validators have; its sequence."""
        sequence = self._network.submissions.next_sequence(person.address) or 0
        signed = person.sign_transaction(
            {**fields, "Account": person.address, "Fee": str(_BASE), "Sequence": sequence}
        )
        outcome = self._network.chain.apply_open(parse_json(signed))
        if outcome.result != "tesSUCCESS":
            raise AssertionError(outcome.result)
        return sequence
