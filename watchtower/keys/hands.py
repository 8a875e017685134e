"""The hands that sign, and which of them does: the least dangerous one that can.

A *hand* can sign fresh transactions by one right: with a key that is here, as a delegate, together
with others, by a signer in another process. What `Hands` guarantees:

- For an account it uses the rights that are configured for it, and no other, whatever keys are
  there: nobody who can make the weak hands fail gets a stronger one used than was configured.
- Of those it uses the first, in the configured order, that has a way and has not just failed. One
  that failed is tried again after a while, and whoever is the only one is tried every time:
  a failure puts a hand behind the others and never shuts it out.
- Who signs is who was asked for the way: a price that was made for one is not paid by another, and
  who had no way signs nothing, though it could meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final, Protocol

from watchtower.errors import NoRightError, SigningError, SigningRefusedError
from watchtower.keys.authority import Right
from watchtower.keys.signer import SignedTransaction
from watchtower.response.way import Way
from watchtower.units import Address, ChannelId

__all__ = ["Hand", "Hands"]

_PAUSE: Final = 60.0
"""Seconds for which a hand that failed is behind the others: some fifteen ledgers, in which the
next one redeems, and after which the better right is given another try."""


class Hand(Protocol):
    """Who can sign by one right."""

    @property
    def right(self) -> Right:
        """By what right it signs."""
        ...

    def way(self, account: Address) -> Way | None:
        """Return how it would sign for ``account`` now; None where it cannot."""
        ...

    def why_idle(self, account: Address) -> SigningError:
        """Return what is missing for ``account``, where there is no way; nobody is asked."""
        ...

    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Return ``transaction`` signed, or raise a SigningError."""
        ...

    def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]:
        """Sign one after the other; the first that cannot be signed ends it as `sign` would."""
        ...


_Side = tuple[Address, ChannelId | None]


@dataclass(frozen=True, slots=True)
class _Failure:
    """What failed: a hand for a whole account, or, with ``side``, for one channel of it."""

    right: Right
    account: Address
    side: _Side | None = None


class _Signs(Protocol):
    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction: ...

    def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]: ...


@dataclass(frozen=True, slots=True)
class _Nobody:
    """Stands where nobody may sign, and says so when its turn has come."""

    why: SigningError

    async def sign(self, _transaction: Mapping[str, Any]) -> SignedTransaction:
        raise self.why

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]:
        for transaction in transactions:
            yield await self.sign(transaction)


class Hands:
    """All hands of one tower."""

    def __init__(
        self,
        hands: Iterable[Hand],
        rights: Mapping[Address, Sequence[Right]],
        *,
        clock: Callable[[], float],
        is_doubted: Callable[[Address, Right], bool] = lambda _account, _right: False,
    ) -> None:
        """Sign with ``hands``, for each account by its configured ``rights`` alone, in their order.

        Args:
            hands: one for each right at most.
            rights: by account; one that is not named is not signed for.
            clock: monotonic seconds.
            is_doubted: whether the ledger, as last told, would refuse what is signed for an
                account by a right. Such a one comes behind the others, and is tried all the same
                where there is none: what servers tell may be a lie.
        """
        self._hands = {hand.right: hand for hand in hands}
        self._rights = {account: tuple(of_account) for account, of_account in rights.items()}
        self._clock = clock
        self._is_doubted = is_doubted
        self._failed: dict[_Failure, float] = {}
        self._chosen: dict[_Side, Right | None] = {}

    def may_act(self, account: Address) -> tuple[Right, ...]:
        """Return the rights by which something could sign for ``account`` now, in their order."""
        return tuple(h.right for h in self._configured(account) if h.way(account) is not None)

    def way(self, account: Address, channel: ChannelId | None = None) -> Way | None:
        """Choose who signs next for this side of a channel, and return how; None if nobody can."""
        hand = self._choose((account, channel))
        way = None if hand is None else hand.way(account)
        return way if hand is None or way is None else replace(way, by=hand.right.value)

    def turn(
        self, account: Address, channel: ChannelId | None, why: SigningError, *, by: str = ""
    ) -> bool:
        """Put the hand that was to sign, or the one that signs ``by`` a right, behind the others.

        Returns:
            Whether another one is left to be tried. If not, all of them begin anew.
        """
        side = (account, channel)
        right = self._chosen.pop(side, None)
        if by:
            right = next((right for right in self._hands if right.value == by), None)
        if right is None:
            return False
        # A refusal is about this very transaction; any other failure is about the whole hand.
        narrow = side if isinstance(why, SigningRefusedError) else None
        self._failed[_Failure(right, account, narrow)] = self._clock() + _PAUSE
        if any(not self._has_failed(hand, side) for hand in self._able(account)):
            return True
        for hand in self._configured(account):
            self._failed.pop(_Failure(hand.right, account), None)
            self._failed.pop(_Failure(hand.right, account, side), None)
        return False

    def forget(self, channel: ChannelId) -> None:
        """Drop what is remembered of a channel that is gone."""
        for account in self._rights:
            side = (account, channel)
            self._chosen.pop(side, None)
            for right in self._hands:
                self._failed.pop(_Failure(right, account, side), None)

    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Return ``transaction`` signed by who was chosen for it.

        Raises:
            SigningError: it cannot, or will not; see `turn`.
        """
        return await self._hand_for(transaction).sign(transaction)

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]:
        """Sign one after the other, each by who was chosen for it, as `sign` does.

        That nobody may sign one of them stops nothing before it, also where a hand takes up several
        at once.
        """
        for hand, run in groupby(transactions, key=self._hand_for):
            async for signed in hand.sign_each(run):
                yield signed

    def _hand_for(self, transaction: Mapping[str, Any]) -> _Signs:
        account, channel = transaction.get("Account"), transaction.get("Channel")
        if not isinstance(account, str):
            return _Nobody(SigningRefusedError(why="the transaction has no account"))
        side = (Address(account), ChannelId(channel) if isinstance(channel, str) else None)
        if side not in self._chosen:
            # Nobody was asked for a way: the one that is asked now.
            self._choose(side)
        chosen = self._chosen[side]
        hand = None if chosen is None else self._hands[chosen]
        if hand is None:
            # Nobody had a way when it was planned, at the price of a plain key: the last that may
            # try says what is missing.
            configured = self._configured(side[0])
            if not configured:
                why = "no right is configured for it that this tower can use"
                return _Nobody(NoRightError(account=account, why=why))
            return _Nobody(configured[-1].why_idle(side[0]))
        return hand

    def _choose(self, side: _Side) -> Hand | None:
        able = self._able(side[0])
        # The order among equals stays the configured one.
        hand = min(able, key=lambda hand: self._standing(hand, side), default=None)
        self._chosen[side] = None if hand is None else hand.right
        return hand

    def _standing(self, hand: Hand, side: _Side) -> tuple[bool, bool]:
        return self._has_failed(hand, side), self._is_doubted(side[0], hand.right)

    def _configured(self, account: Address) -> list[Hand]:
        rights = self._rights.get(account, ())
        return [self._hands[right] for right in rights if right in self._hands]

    def _able(self, account: Address) -> list[Hand]:
        return [hand for hand in self._configured(account) if hand.way(account) is not None]

    def _has_failed(self, hand: Hand, side: _Side) -> bool:
        account = side[0]
        return any(
            self._failed.get(failure, float("-inf")) > self._clock()
            for failure in (_Failure(hand.right, account), _Failure(hand.right, account, side))
        )
