"""A ledger with many channels to one payee, in a process, asked as a client asks.

Every request is a frame of the WebSocket API and every answer is read; only the socket is left
out. What the client does (building and signing) is not in the time that is measured.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from resource import getpagesize
from typing import Any, Final

import msgspec

from bench.instrument import profile
from watchtower.sandbox.clock import Clock, Pace
from watchtower.sandbox.codec import encode
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.hashing import channel_index
from watchtower.sandbox.line import connect
from watchtower.sandbox.network import Network
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import RICH, Person
from watchtower.sandbox.rules import Rules
from watchtower.units import ChannelId, Drops

__all__ = ["Spent", "World", "total"]

_CHANNELS_OF_A_PAYER: Final = 500
_TRANSACTIONS_OF_A_LEDGER: Final = 1000
_FUNDS: Final = 1_000_000
_FUNDS_OF_A_PERSON: Final = 100_000_000_000
_SETTLE_DELAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """How often something was done, and the seconds of processor time that it took."""

    times: int
    seconds: float

    @property
    def per_second(self) -> float:
        """How many times a second."""
        return self.times / self.seconds


@dataclass(frozen=True, slots=True)
class _Channel:
    id: ChannelId
    payer: Person


class World:
    """A ledger in which one payee has many channels.

    Args:
        channels: how many to open at once. ``opening`` tells what each thousand of them took,
            ``memory`` the bytes that the process has grown by; ``node`` is the server, and
            ``payee`` whom all channels pay.
    """

    def __init__(self, channels: int) -> None:
        settings = QueueSettings(minimum_txn_in_ledger=10**7)
        self.node = Node(Network(Rules(), Pace.of(Clock.FROZEN), settings))
        self._told: list[str] = []
        self._line = connect(self.node, self._told.append)
        self._sequences: dict[str, int] = {}
        self._channels: list[_Channel] = []
        self._claimed = 0
        self.payee = Person.named("payee")
        payers = -(-channels // _CHANNELS_OF_A_PAYER) or 1
        self._payers = [Person.named(f"payer {number}") for number in range(payers)]
        self._fund([self.payee, *self._payers])
        before = _memory()
        self.opening = self.open_channels(channels)
        self.memory = _memory() - before

    def close_ledgers(self, count: int) -> list[Spent]:
        """Close empty ledgers."""
        begun = time.process_time()
        for _ in range(count):
            self.node.accept()
        return [Spent(times=count, seconds=time.process_time() - begun)]

    def open_channels(self, count: int) -> list[Spent]:
        """Open more channels to the payee, from its payers in turn."""
        return self._submit(map(self._creation, range(count)))

    def redeem(self, count: int) -> list[Spent]:
        """Redeem one claim on each of so many channels, in turn, each a drop above the last."""
        return self._submit(map(self._claim, range(count)))

    def fund(self, count: int) -> list[Spent]:
        """Add a drop to channels, each by its payer, in turn."""
        return self._submit(map(self._funding, range(count)))

    def profile_closing(self, count: int) -> tuple[list[str], str]:
        """Close empty ledgers, and return where the time goes."""
        return profile(lambda: self.close_ledgers(count))

    def profile_opening(self, count: int) -> tuple[list[str], str]:
        """Open more channels, and return where the time goes."""
        frames = list(map(self._creation, range(count)))
        return profile(lambda: self._submit(frames))

    def profile_redeeming(self, count: int) -> tuple[list[str], str]:
        """Redeem more claims, and return where the time goes."""
        frames = list(map(self._claim, range(count)))
        return profile(lambda: self._submit(frames))

    def _fund(self, people: Iterable[Person]) -> None:
        self._sequences[RICH.address] = self._sequence_of(RICH)
        funded = list(people)
        self._submit(self._payment(person) for person in funded)
        self._sequences |= {person.address: self._sequence_of(person) for person in funded}

    def _submit(self, frames: Iterable[str]) -> list[Spent]:
        """Submit transactions and close a ledger after each thousand; the server's work is timed.

        What does not succeed is a mistake of ours, and ends the measurement.
        """
        spent = []
        waiting = iter(frames)
        while batch := list(islice(waiting, _TRANSACTIONS_OF_A_LEDGER)):
            begun = time.process_time()
            told = [self._ask(frame) for frame in batch]
            ledger = self.node.accept()
            spent.append(Spent(times=len(batch), seconds=time.process_time() - begun))
            refused = [text for text in told if '"engine_result":"tesSUCCESS"' not in text]
            if refused or len(ledger.transactions) != len(batch):
                raise AssertionError(refused[:1])
        return spent

    def _ask(self, frame: str) -> str:
        self._line.send(frame)
        return self._told.pop()

    def _payment(self, person: Person) -> str:
        tx = {
            "TransactionType": "Payment",
            "Destination": person.address,
            "Amount": str(_FUNDS_OF_A_PERSON),
        }
        return self._frame(tx, RICH)

    def _creation(self, _number: int) -> str:
        payer = self._payers[len(self._channels) % len(self._payers)]
        seat = self._sequences[payer.address]
        index = channel_index(payer.address, self.payee.address, seat)
        self._channels.append(_Channel(ChannelId(index), payer))
        tx = {
            "TransactionType": "PaymentChannelCreate",
            "Destination": self.payee.address,
            "Amount": str(_FUNDS),
            "SettleDelay": _SETTLE_DELAY,
            "PublicKey": payer.public_key,
        }
        return self._frame(tx, payer)

    def _claim(self, _number: int) -> str:
        rounds, number = divmod(self._claimed, len(self._channels))
        self._claimed += 1
        channel, drops = self._channels[number], Drops(1 + rounds)
        tx = {
            "TransactionType": "PaymentChannelClaim",
            "Channel": channel.id,
            "Amount": str(drops),
            "Balance": str(drops),
            "PublicKey": channel.payer.public_key,
            "Signature": channel.payer.sign_claim(channel.id, drops),
        }
        return self._frame(tx, self.payee)

    def _funding(self, number: int) -> str:
        channel = self._channels[number % len(self._channels)]
        tx = {"TransactionType": "PaymentChannelFund", "Channel": channel.id, "Amount": "1"}
        return self._frame(tx, channel.payer)

    def _frame(self, tx: dict[str, Any], person: Person) -> str:
        """Return the request that submits a transaction, with the next sequence of its account."""
        sequence = self._sequences[person.address]
        self._sequences[person.address] = sequence + 1
        signed = person.sign_transaction(
            {**tx, "Account": person.address, "Fee": "10", "Sequence": sequence}
        )
        return _request("submit", tx_blob=encode(signed))

    def _sequence_of(self, person: Person) -> int:
        asked = _request("account_info", account=person.address, ledger_index="current")
        told = msgspec.json.decode(self._ask(asked))
        sequence: int = told["result"]["account_data"]["Sequence"]
        return sequence


def total(spent: Sequence[Spent]) -> Spent:
    """Return the sum."""
    return Spent(times=sum(s.times for s in spent), seconds=sum(s.seconds for s in spent))


def _request(command: str, **params: Any) -> str:
    return msgspec.json.encode({"id": 1, "command": command, **params}).decode()


def _memory() -> int:
    """Return the resident bytes of this process, without what nobody holds any more."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * getpagesize()
