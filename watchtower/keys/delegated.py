"""The hand of a delegate: it signs with the tower's own key, in another account's name (XLS-75).

What it guarantees: it signs one form of one transaction (``permission.why_not_delegated``): a claim
that redeems, from a payee in the configuration, with the tower's own account in ``Delegate``. The
account's own keys are nowhere near: who signs is the tower's account, which pays the fee too
(rippled STObject.cpp, getFeePayer), on a sequence or ticket of the payee. It never closes.

A delegated transaction is not queued (TxQ.cpp: ``telCAN_NOT_QUEUE``), and its `Way` says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Any

from watchtower.errors import SigningRefusedError
from watchtower.keys.authority import Right
from watchtower.keys.permission import why_not_delegated
from watchtower.keys.signer import KeySource, SignedTransaction, SigningKey, signed_with
from watchtower.response.way import Way
from watchtower.units import Address, Drops

__all__ = ["DelegatedHand"]


class DelegatedHand:
    """Signs claims of payees that have permitted it to ``delegate``."""

    def __init__(
        self,
        keys: KeySource,
        payees: Collection[Address],
        fee_cap: Drops,
        *,
        delegate: Address,
        stands: Callable[[Address], bool],
    ) -> None:
        """Sign with the key that ``keys`` has for ``delegate``, for ``payees`` only.

        Args:
            keys: where the key of the tower's own account is.
            payees: the accounts in the configuration that redeem.
            fee_cap: the most drops that a transaction may cost.
            delegate: the tower's own account.
            stands: tells whether the ledger lets it claim for an account now.
        """
        self.right = Right.DELEGATED
        self._keys = keys
        self._payees = frozenset(payees) - {delegate}
        self._fee_cap = fee_cap
        self._delegate = delegate
        self._stands = stands
        self._way = Way(may_queue=False, fee_payer=delegate)
        self._has_key = True

    def hold(self, keys: Mapping[Address, Collection[str]]) -> None:
        """Take note of the public keys that there are now, by account, so that `way` can tell."""
        self._has_key = bool(keys.get(self._delegate))

    def way(self, account: Address) -> Way | None:
        """Return how it signs for ``account``; None where it has no key, or the ledger says no."""
        if account not in self._payees or not self._has_key or not self._stands(account):
            return None
        return self._way

    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Return ``transaction`` signed; ``Delegate`` and ``SigningPubKey`` are filled in here.

        Raises:
            SigningRefusedError: it is outside what a delegate signs here.
            KeyMissingError: there is no key for the tower's own account.
        """
        return await signed_with(
            await self._keys.key_of(self._delegate), self._allowed(transaction)
        )

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]:
        """Sign one after the other, as `sign` does, with the key fetched once."""
        key: SigningKey | None = None
        for transaction in transactions:
            allowed = self._allowed(transaction)
            if key is None:
                key = await self._keys.key_of(self._delegate)
            yield await signed_with(key, allowed)

    def _allowed(self, transaction: Mapping[str, Any]) -> Mapping[str, Any]:
        if "Delegate" in transaction:
            raise SigningRefusedError(why="who is a transaction's delegate is said here alone")
        delegated = {**transaction, "Delegate": self._delegate}
        reason = why_not_delegated(delegated, self._payees, self._fee_cap, self._delegate)
        if reason is not None:
            raise SigningRefusedError(why=reason)
        return delegated
