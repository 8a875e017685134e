"""The hand of a delegate: it signs with the tower's own key, in another account's name (XLS-75).

What it guarantees: it signs one form of one transaction (``permission.why_not_delegated``): a claim
that redeems, from a payee in the configuration, with the tower's own account in ``Delegate``. The
account's own keys are nowhere near: who signs is the tower's account, which pays the fee too
(rippled STObject.cpp, getFeePayer), on a sequence or ticket of the payee. It never closes.

A delegated transaction is not queued (TxQ.cpp: ``telCAN_NOT_QUEUE``), and its `Way` says so.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, Protocol

from watchtower.errors import KeyMissingError, NoRightError, SigningError, SigningRefusedError
from watchtower.keys.authority import Right
from watchtower.keys.permission import why_not_delegated
from watchtower.keys.signer import KeySource, SignedTransaction, SigningKey, signed_with
from watchtower.response.way import Way
from watchtower.units import Address, Drops

__all__ = ["DelegatedHand", "OwnKey"]


class Pen(Protocol):
    """What signs with the key of the tower's own account, wherever that is."""

    @property
    def most(self) -> Drops | None:
        """The most drops that it signs at once, by settings of its own; None without a cap."""
        ...

    def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncGenerator[SignedTransaction, None]:
        """Sign what was judged here, one after the other; the first that fails ends it."""
        ...


class OwnKey:
    """The key of an account, out of a store or a token; what it signs was judged before."""

    most: Final = None

    def __init__(self, keys: KeySource, account: Address) -> None:
        """Sign with the key that ``keys`` has for ``account``."""
        self._keys = keys
        self._account = account

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncGenerator[SignedTransaction, None]:
        """Sign one after the other, with the key fetched once.

        Raises:
            KeyMissingError: there is none.
        """
        key: SigningKey | None = None
        for transaction in transactions:
            if key is None:
                key = await self._keys.key_of(self._account)
            yield await signed_with(key, transaction)


class DelegatedHand:
    """Signs claims of payees that have permitted it to ``delegate``."""

    def __init__(
        self,
        pen: Pen,
        payees: Collection[Address],
        fee_cap: Drops,
        *,
        delegate: Address,
        stands: Callable[[Address], bool],
    ) -> None:
        """Sign with the key of ``delegate``, for ``payees`` only.

        Args:
            pen: what has the key of the tower's own account.
            payees: the accounts in the configuration that redeem.
            fee_cap: the most drops that a transaction may cost.
            delegate: the tower's own account.
            stands: tells whether the ledger lets it claim for an account now.
        """
        self.right = Right.DELEGATED
        self._pen = pen
        self._payees = frozenset(payees) - {delegate}
        self._fee_cap = fee_cap
        self._delegate = delegate
        self._stands = stands
        self._way = Way(may_queue=False, fee_payer=delegate)
        self._has_key = True

    def hold_to(self, fee_cap: Drops) -> None:
        """Sign under another cap from now on."""
        self._fee_cap = fee_cap

    def hold(self, keys: Mapping[Address, Collection[str]]) -> None:
        """Take note of the public keys that there are now, by account, so that `way` can tell."""
        self._has_key = bool(keys.get(self._delegate))

    def way(self, account: Address) -> Way | None:
        """Return how it signs for ``account``; None where it has no key, or the ledger says no."""
        if account not in self._payees or not self._has_key or not self._stands(account):
            return None
        return replace(self._way, most=self._pen.most)

    def why_idle(self, account: Address) -> SigningError:
        """Return what is missing, where there is no way."""
        if not self._has_key:
            return KeyMissingError(account=self._delegate)
        why = f"{self._delegate} may not send claims in its name, as the ledger was last seen"
        return NoRightError(account=account, why=why)

    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Return ``transaction`` signed; ``Delegate`` and ``SigningPubKey`` are filled in here.

        Raises:
            SigningRefusedError: it is outside what a delegate signs here.
            KeyMissingError: there is no key for the tower's own account.
        """
        async with aclosing(self.sign_each([transaction])) as signing:
            return await anext(signing)

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncGenerator[SignedTransaction, None]:
        """Sign one after the other, as `sign` does; the first that is refused ends it."""
        refused: list[SigningError] = []
        async with aclosing(self._pen.sign_each(self._allowed(transactions, refused))) as signing:
            async for signed in signing:
                yield signed
        if refused:
            raise refused[0]

    def _allowed(
        self, transactions: Iterable[Mapping[str, Any]], refused: list[SigningError]
    ) -> Iterator[Mapping[str, Any]]:
        """Yield what may be signed; why it goes no further is put into ``refused``.

        A pen may take up several at once: what is refused here stops none before it.
        """
        for transaction in transactions:
            delegated = {**transaction, "Delegate": self._delegate}
            reason = why_not_delegated(delegated, self._payees, self._fee_cap, self._delegate)
            if "Delegate" in transaction:
                reason = "who is a transaction's delegate is said here alone"
            if reason is not None:
                refused.append(SigningRefusedError(why=reason))
                return
            yield delegated
