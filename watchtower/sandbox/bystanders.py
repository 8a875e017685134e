"""Other people on the ledger: their noise, a thief of signatures, and one's own other wallet.

What they do reaches the ledger as transactions do that came from another server: by the same rules
as a client's, and none of it is kept and tried again here (rippled NetworkOPs.cpp, where only a
*local* transaction is). Guarantees that every act is the same for the same seed.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

from watchtower.sandbox.engine import Ground, apply
from watchtower.sandbox.network import Network
from watchtower.sandbox.noise import Noise
from watchtower.sandbox.people import Person
from watchtower.sandbox.state import OpenView
from watchtower.sandbox.transaction import Transaction, parse_json

__all__ = ["Bystanders", "StripAt", "UseAt"]

StripAt = Literal["submission", "close"]
UseAt = Literal["now", "submission"]

_CLAIM: Final = "PaymentChannelClaim"


class Bystanders:
    """Everybody else. They act when they are asked to, and by themselves at what happens then.

    Args:
        network: the ledger they share with the clients; its seed is where their keys come from.
    """

    def __init__(self, network: Network) -> None:
        self._chain = network.chain
        self._queue = network.queue
        self._submissions = network.submissions
        self._noise = Noise(network.chain, network.queue, self._hear, network.seed)
        self._to_strip: dict[StripAt, int] = {"submission": 0, "close": 0}
        self._wallets: dict[str, deque[Person]] = {}
        network.before_submit.append(self._before_submit)
        network.before_close.append(self._before_close)
        network.after_close.append(self._noise.after_close)

    def fill(self, transactions: int, fee: int) -> None:
        """Fill each new open ledger at once with so many payments of bystanders.

        Args:
            transactions: how many; 0 ends it.
            fee: the drops that each of them pays.
        """
        self._noise.fill(transactions, fee)

    def strip_signatures(self, count: int, at: StripAt = "submission") -> None:
        """Copy the next ``count`` signed claims, without the ``Signature``, and get the copy in.

        ``Signature`` is no signing field (sfields.macro:292; STTx.cpp:167-173), so a copy without
        it has another hash and a ``TxnSignature`` that is still good. On 3.1.1 the copy is
        ``temBAD_SIGNATURE`` once it is applied; with fixCleanup3_2_0 it takes the fee and the seat.

        Args:
            count: how many; 0 ends it.
            at: ``submission``: this server hears of the copy just before it hears of the claim.
                ``close``: the client was told of its claim, and yet the closing ledger takes the
                copy, because validators had heard of that one first.
        """
        self._to_strip[at] = count

    def use_sequence(self, secret: str, count: int = 1, at: UseAt = "now") -> tuple[str, ...]:
        """Let an account's own wallet elsewhere use its next sequences, for what does nothing.

        It pays what the open ledger costs.

        Args:
            secret: the account's family seed.
            count: how many sequences.
            at: ``now``, or just before each of the account's next transactions is submitted, and
                then the very sequence which that one has.

        Returns:
            The engine results of what was submitted now.

        Raises:
            ValueError: ``secret`` is no family seed.
        """
        person = Person.of_seed("a wallet elsewhere", secret)
        if at == "now":
            return tuple(self._use_sequence(person) for _ in range(count))
        self._wallets.setdefault(person.address, deque()).extend([person] * count)
        return ()

    def _before_submit(self, tx: Transaction) -> None:
        """Act before this server hears of a client's transaction."""
        wallets = self._wallets.get(tx.account)
        if wallets and not tx.seat.ticket:
            self._use_sequence(wallets.popleft(), tx.seat.number)
        if self._to_strip["submission"] and _is_signed_claim(tx):
            self._to_strip["submission"] -= 1
            self._hear(_stripped(tx))

    def _before_close(self) -> None:
        """Act on what is in the open ledger, before it closes."""
        for place, tx in enumerate(self._chain.open_transactions):
            if self._to_strip["close"] and _is_signed_claim(tx):
                self._to_strip["close"] -= 1
                self._swap(place, _stripped(tx))

    def _hear(self, tx: Transaction) -> str:
        """Take in a transaction that another server relayed; return its engine result."""
        self._submissions.known[tx.hash] = tx
        outcome = self._queue.apply(tx)
        if outcome.applied:
            self._submissions.on_proposed(tx, outcome.result)
        return outcome.result

    def _use_sequence(self, person: Person, sequence: int | None = None) -> str:
        nothing = {
            "TransactionType": "AccountSet",
            "Account": person.address,
            "Fee": str(self._queue.price().open_ledger_fee),
            "Sequence": sequence or self._submissions.next_sequence(person.address) or 0,
        }
        return self._hear(parse_json(person.sign_transaction(nothing)))

    def _swap(self, place: int, copy: Transaction) -> None:
        """Put the copy into the set that closes, where another open ledger would have taken it.

        What no open ledger takes is in no validator's proposal, and so never in a set: before
        fixCleanup3_2_0 the copy is malformed, and the claim stands.
        """
        transactions = [*self._chain.open_transactions]
        transactions[place] = copy
        parent = self._chain.validated
        elsewhere = Ground(
            view=OpenView(self._chain.history.snapshot(parent.index)),
            rules=self._chain.rules,
            ledger_index=self._chain.open_index,
            parent_close_time=parent.close_time,
            is_open=True,
            known=set(),
        )
        for tx in transactions[: place + 1]:
            apply(tx, elsewhere)
        if copy.hash in elsewhere.known:
            self._submissions.known[copy.hash] = copy
            self._chain.open_transactions = transactions


def _is_signed_claim(tx: Transaction) -> bool:
    return tx.kind == _CLAIM and "Signature" in tx.fields


def _stripped(tx: Transaction) -> Transaction:
    """Return the claim as anybody can make it who sees it: without ``Signature``."""
    return parse_json({k: v for k, v in tx.fields.items() if k != "Signature"})
