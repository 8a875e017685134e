"""What responding needs of the rest of the house: the smallest doors that it can do with.

Whoever builds the responder hands it something behind each of them; the responder knows nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from watchtower.errors import SigningError
from watchtower.ledger.events import LedgerClosed
from watchtower.response.attempt import Attempt
from watchtower.response.bundle import Presigned
from watchtower.response.market import Fees
from watchtower.response.obligation import Duty
from watchtower.response.pace import Pace
from watchtower.response.way import Way
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, TxHash

__all__ = ["Docket", "Servers", "Signed", "Signer", "Store", "Work"]


class Docket(Protocol):
    """What is owed, and what is on its way."""

    @property
    def newest(self) -> LedgerClosed | None:
        """The newest validated ledger."""
        ...

    @property
    def known_to(self) -> LedgerIndex | None:
        """The newest ledger of which every fact is known, or can no more be known otherwise."""
        ...

    @property
    def pace(self) -> Pace:
        """How fast ledgers close."""
        ...

    @property
    def attempts(self) -> Mapping[TxHash, Attempt]:
        """The attempts without a proven outcome."""
        ...

    @property
    def lapses(self) -> Mapping[Address, int]:
        """How often the last ledger of an account's attempts passed without them."""
        ...

    def tickets(self, account: Address) -> Collection[int]:
        """Return the tickets that an account holds, as far as is known."""
        ...

    def ticket_count(self, account: Address) -> int:
        """Return how many tickets an account holds, also while it is not known which."""
        ...

    def sequence(self, account: Address) -> int | None:
        """Return an account's next sequence in the validated ledger; None if it is not known."""
        ...

    def spare(self, account: Address) -> Drops | None:
        """Return what an account has above its reserve, in drops.

        None while it is not known, and for an account that is not there.
        """
        ...

    def balance(self, account: Address) -> Drops | None:
        """Return all that an account has, in drops; None where it is not known, or not there."""
        ...

    def spent(self, account: Address) -> Drops:
        """Return what an account has spent on fees on the present day of ledger time."""
        ...

    def obligations(self) -> Collection[Duty]:
        """Return what is to be done now."""
        ...

    def presigned(self, channel: ChannelId) -> Sequence[Presigned]:
        """Return what was signed ahead of need for a channel, and can be submitted now."""
        ...

    def attempt_made(self, attempt: Attempt) -> None:
        """Take note of an attempt that is on disk."""
        ...


class Servers(Protocol):
    """Who tells the terms of the moment."""

    @property
    def network_id(self) -> int | None:
        """The network they serve; None where they do not tell, which is mainnet's way."""
        ...

    async def fee(self) -> Fees:
        """Return what transactions cost now."""
        ...

    async def account_sequences(self, account: Address) -> Sequence[int]:
        """Return the account's next sequence in the open ledger; all that are told, if several."""
        ...


class Signed(Protocol):
    """A signed transaction."""

    @property
    def blob(self) -> str:
        """Its bytes in upper-case hex."""
        ...

    @property
    def transaction(self) -> TxHash:
        """Its hash."""
        ...


class Signer(Protocol):
    """Whoever signs: for each account, and where needed each channel of it, one of several."""

    def way(self, account: Address, channel: ChannelId | None = None) -> Way | None:
        """Choose who signs next for this side, and return how; None if nobody can, as it seems."""
        ...

    def turn(
        self, account: Address, channel: ChannelId | None, why: SigningError, *, by: str = ""
    ) -> bool:
        """Turn from who was chosen, or from whoever signs ``by`` a right, because of ``why``.

        Returns:
            Whether another one can be tried now.
        """
        ...

    def forget(self, channel: ChannelId) -> None:
        """Drop what is remembered of a channel that is gone."""
        ...

    async def sign(self, transaction: Mapping[str, Any]) -> Signed:
        """Have a transaction signed by who was chosen for it, or raise a SigningError."""
        ...

    def sign_each(self, transactions: Iterable[Mapping[str, Any]]) -> AsyncIterator[Signed]:
        """Have one after the other signed, by who was chosen; end with a SigningError."""
        ...


class _Attempts(Protocol):
    async def put_all(self, attempts: Iterable[Attempt]) -> int: ...


class _Journal(Protocol):
    async def append_all(
        self,
        lines: Iterable[tuple[str, ChannelId | None, LedgerIndex | None, Mapping[str, Any]]],
    ) -> int: ...


class Work(Protocol):
    """What responding needs of one transaction of the store."""

    @property
    def attempts(self) -> _Attempts:
        """Where attempts are journalled."""
        ...

    @property
    def journal(self) -> _Journal:
        """What was done, in order."""
        ...


class Store(Protocol):
    """Where attempts are journalled."""

    def write(self) -> AbstractAsyncContextManager[Work]:
        """Begin one durable transaction."""
        ...
