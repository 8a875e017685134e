"""Whom the hand of a signer list needs: our share, the others, people, and who tells of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from watchtower.keys.multisign import Cosignature
from watchtower.keys.told import Told
from watchtower.ledger.events import SignerList
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Care", "Cosigner", "Persons", "Share"]

_Transaction = Mapping[str, Any]


class Share(Protocol):
    """Our own part."""

    @property
    def account(self) -> Address:
        """Who we are in the signer list."""
        ...

    @property
    def most(self) -> Drops | None:
        """The most drops that it signs at once, by settings of its own; None without a cap."""
        ...

    async def sign(self, transactions: Sequence[_Transaction]) -> list[Cosignature]:
        """Return our signature of each, up to the first that is refused."""
        ...


class Cosigner(Protocol):
    """Somebody else's part."""

    @property
    def account(self) -> Address:
        """Who it is in the signer list."""
        ...

    async def ask(self, transactions: Sequence[_Transaction]) -> Told:
        """Ask for a signature of each; signatures that come were verified."""
        ...


class Persons(Protocol):
    """People that can be asked, and answer in their own time."""

    @property
    def accounts(self) -> Collection[Address]:
        """Who they are in the signer list."""
        ...

    async def wait_for(self, transaction: _Transaction, signers: SignerList) -> None:
        """Have them asked for a transaction that was not signed by enough others."""
        ...


class Care(Protocol):
    """Who tells people how co-signers do."""

    def well(self, account: Address) -> None:
        """It answered as it should."""
        ...

    def away(self, account: Address, why: str) -> None:
        """It did not answer."""
        ...

    def faulty(self, account: Address, why: str) -> None:
        """It answered what no co-signer in its right mind does."""
        ...

    def refused(self, account: Address, channel: ChannelId, why: str) -> None:
        """It judged a claim, and would not sign."""
        ...

    def signed(self, channel: ChannelId) -> None:
        """Enough signed for the channel."""
        ...

    def unfit(self, payee: Address, why: str) -> None:
        """The ledger does not take what some of the signers of ``payee`` sign together."""
        ...

    def fit(self, payee: Address) -> None:
        """Nothing is known any more that speaks against any of them."""
        ...
