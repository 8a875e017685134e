"""Who signs for this tower: every hand that it has, and what they are told.

Decides nothing: by what rights is the operator's to say (``[authority]``), and which of them signs
is for ``keys/hands.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from watchtower.guard.watch import Watch
from watchtower.judgement.authority import authority_fault
from watchtower.keys.authority import Right, right_of
from watchtower.keys.hands import Hands
from watchtower.keys.signer import Signer
from watchtower.keys.vault import Vault
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.units import Address
from watchtower.wiring import limits_of, pool_of, rights_of

__all__ = ["Signing"]

_BY_KEYS_HERE: Final = (Right.REGULAR_KEY, Right.MASTER_KEY)


class Signing:
    """The hands of one tower; ``hands`` chooses among them."""

    def __init__(
        self, settings: Settings, store: Store, watch: Watch, *, clock: Callable[[], float]
    ) -> None:
        """Make every hand; no key is looked at yet."""
        self._watch = watch
        self._rights = rights_of(settings)
        self._keys: Mapping[Address, str] = {}
        self._keys_here = [
            Signer(
                Vault(store),
                settings.payees,
                limits_of(settings).fees.cap,
                right=right,
                most_tickets=pool_of(settings).size,
                payers=settings.payers,
                source_of=watch.outgoing.source_of,
            )
            for right in _BY_KEYS_HERE
        ]
        self.hands = Hands(self._keys_here, self._rights, clock=clock, is_doubted=self._is_doubted)

    def hold(self, keys: Mapping[Address, str]) -> None:
        """Take note of the public keys that the store has now, by account."""
        self._keys = dict(keys)
        for signer in self._keys_here:
            signer.hold(keys)

    def can_sign(self, account: Address) -> bool:
        """Return whether something may sign for ``account`` that the ledger takes, as last seen."""
        return any(not self._is_doubted(account, right) for right in self.hands.may_act(account))

    def goes_ahead(self, account: Address) -> bool:
        """Return whether what was signed ahead comes before all that could sign now."""
        rights = self._rights.get(account, ())
        if Right.PRESIGNED not in rights:
            return False
        before = rights[: rights.index(Right.PRESIGNED)]
        able = self.hands.may_act(account)
        return not any(r in able and not self._is_doubted(account, r) for r in before)

    def why_idle(self, account: Address) -> str | None:
        """Return why nothing may sign for ``account``, as a part of a sentence; None if it may."""
        if self.hands.may_act(account) or account in self._watch.signed_ahead.accounts:
            return None
        key = self._keys.get(account)
        if key is None:
            return "no key of it is in the store, and no other right stands by"
        if right_of(account, key) is Right.MASTER_KEY:
            return (
                "the only key is its master key, and that signs nothing unless "
                "`allow_master_key = true` stands under `[authority]`"
            )
        return "its regular key is in the store, and `rights` does not name regular_key for it"

    def _is_doubted(self, account: Address, right: Right) -> bool:
        """Return whether the ledger, as last seen, would refuse what a key here signs."""
        key = self._keys.get(account)
        if key is None or right not in _BY_KEYS_HERE:
            return False
        return authority_fault(self._watch.estates.get(account), key) is not None
