"""Noise: other people's payments, so many with each ledger, that make room in it dear.

Guarantees that every one of them is a real transaction, signed by an account that is in a validated
ledger, and that it is treated as anybody's: it goes in, waits, or is refused, by the rules of the
queue. The same seed gives the same accounts and the same payments. No account has more waiting than
the queue lets it have, so what is refused is refused because the queue is full.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, islice, repeat
from typing import Final

from watchtower.sandbox.chain import GENESIS, Chain
from watchtower.sandbox.entries import drops
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.hashing import account_index
from watchtower.sandbox.people import RICH, Person
from watchtower.sandbox.queue import TransactionQueue
from watchtower.sandbox.results import is_applied
from watchtower.sandbox.transaction import Transaction, parse_json
from watchtower.units import DROPS_PER_XRP

__all__ = ["Noise"]

_FORTUNE: Final = 1_000_000 * DROPS_PER_XRP
"""What each account begins with, in drops: enough to pay any sane fee for ages."""

_PATIENCE: Final = 20
"""Ledgers that a payment may wait in the queue for; wallets set about as many."""

_HIRING: Final = 5
"""Ledgers within which a new account is there, or is paid for anew."""

_MOST_WAITING: Final = QueueSettings().maximum_txn_per_account


class Noise:
    """Bystanders who pay each other a drop, again and again.

    Args:
        ledgers: the open one, and those before it.
        queue: how full it is, and who waits.
        hear: takes in a transaction that came from another server; returns its engine result.
        seed: names the accounts.
    """

    def __init__(
        self,
        ledgers: Chain,
        queue: TransactionQueue,
        hear: Callable[[Transaction], str],
        seed: int,
    ) -> None:
        self._chain = ledgers
        self._queue = queue
        self._hear = hear
        self._seed = seed
        self._people: list[Person] = []
        self._hired_until = 0
        self._transactions = 0
        self._fee = 0

    def fill(self, transactions: int, fee: int) -> None:
        """Add so many payments to each new open ledger from now on, each for ``fee`` drops.

        Accounts are paid for out of genesis at once, at the open ledger's price; the noise begins
        as soon as they are validated, which is with the next ledger unless that is full already.
        None of it where ``transactions`` is 0; what waits by then stays in the queue.
        """
        self._transactions, self._fee = transactions, fee
        self._hire()

    def after_close(self) -> None:
        """Make the noise of the ledger that has just opened; what is refused ends it."""
        payers = chain.from_iterable(repeat(p, self._room(p)) for p in self._people)
        for payer in islice(payers, self._transactions):
            if not self._pay(payer, self._people[0], 1, self._fee, _PATIENCE):
                break
        self._hire()

    def _hire(self) -> None:
        """Pay for as many new accounts as the next ledger's noise lacks."""
        missing = [p for p in self._people if self._balance(p) is None]
        if missing and self._chain.open_index <= self._hired_until:
            return
        each = self._most_waiting
        room = sum(map(self._room, self._people)) + each * len(missing)
        lacking = max(0, -(-(self._transactions - room) // each)) if self._transactions else 0
        first = len(self._people)
        new = [self._person(number) for number in range(first, first + lacking)]
        self._people += new
        self._hired_until = self._chain.open_index + _HIRING
        for person in (*missing, *new):
            fee = self._queue.price().open_ledger_fee
            if not self._pay(RICH, person, _FORTUNE, fee, _HIRING):
                break

    def _person(self, number: int) -> Person:
        return Person.named(f"bystander {number} of {self._seed}", ed25519=bool(number % 2))

    @property
    def _most_waiting(self) -> int:
        """How many payments of one account may wait.

        Ten, or as many whose fees stay below the reserve together (TxQ.cpp, TxQ::apply:
        ``telCAN_NOT_QUEUE_BALANCE``).
        """
        below_reserve = (self._chain.rules.reserve(0) - 1) // max(self._fee, 1) + 1
        return min(_MOST_WAITING, below_reserve)

    def _room(self, person: Person) -> int:
        """Return how many more payments an account can make now."""
        balance, most = self._balance(person), self._most_waiting
        if balance is None or balance < self._chain.rules.reserve(0) + (self._fee + 1) * most:
            return 0
        return max(0, most - len(self._queue.of(person.address)))

    def _balance(self, person: Person) -> int | None:
        """Return what an account has in the validated ledger, in drops; None if it is not there."""
        view = self._chain.history.snapshot(self._chain.validated.index)
        root = view.read(account_index(person.address))
        return None if root is None else drops(root, "Balance")

    def _pay(self, payer: Person, payee: Person, amount: int, fee: int, ledgers: int) -> bool:
        """Pay somebody, or genesis where that would be oneself; return whether it went anywhere."""
        destination = payee.address if payee is not payer else GENESIS
        payment = {
            "TransactionType": "Payment",
            "Account": payer.address,
            "Destination": destination,
            "Amount": str(amount),
            "Fee": str(fee),
            "Sequence": self._queue.next_seat(payer.address) or 0,
            "LastLedgerSequence": self._chain.open_index + ledgers,
        }
        result = self._hear(parse_json(payer.sign_transaction(payment)))
        return is_applied(result) or result == "terQUEUED"
