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
from watchtower.keys.remote_signer import RemoteSigner
from watchtower.keys.signer import Signer
from watchtower.keys.signer_line import SignerLine
from watchtower.keys.vault import Vault
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.units import Address
from watchtower.wiring import limits_of, pool_of, rights_of

__all__ = ["Signing"]

_BY_KEYS: Final = (Right.REGULAR_KEY, Right.MASTER_KEY)


class Signing:
    """The hands of one tower; ``hands`` chooses among them."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        watch: Watch,
        *,
        clock: Callable[[], float],
        line: SignerLine | None = None,
    ) -> None:
        """Make every hand; no key is looked at yet.

        With ``line`` the keys are with a signer apart, and none of the store is ever used.
        """
        self._line = line
        self._watch = watch
        self._rights = rights_of(settings)
        self._keys: Mapping[Address, str] = {}
        self._by_keys = [self._hand(settings, store, right) for right in _BY_KEYS]
        self.hands = Hands(self._by_keys, self._rights, clock=clock, is_doubted=self._is_doubted)

    def _hand(self, settings: Settings, store: Store, right: Right) -> Signer | RemoteSigner:
        """Return who signs by ``right``: here, with keys of the store, or over the line to them."""
        cap, most_tickets = limits_of(settings).fees.cap, pool_of(settings).size
        source_of = self._watch.outgoing.source_of
        if self._line is None:
            return Signer(
                Vault(store),
                settings.payees,
                cap,
                right=right,
                most_tickets=most_tickets,
                payers=settings.payers,
                source_of=source_of,
            )
        return RemoteSigner(
            self._line,
            settings.payees,
            cap,
            right=right,
            most_tickets=most_tickets,
            payers=settings.payers,
            source_of=source_of,
        )

    def hold(self, keys: Mapping[Address, str]) -> None:
        """Take note of the public keys that the store, or the signer, has now, by account."""
        self._keys = dict(keys)
        for signer in self._by_keys:
            signer.hold(keys)

    def why_idle(self, account: Address) -> str | None:
        """Return why nothing may sign for ``account``, as a part of a sentence; None if it may."""
        if self.hands.may_act(account):
            return None
        key = self._keys.get(account)
        if key is None:
            where = "in the store" if self._line is None else "with the signer"
            return f"no key of it is {where}, and no other right stands by"
        if right_of(account, key) is Right.MASTER_KEY:
            return (
                "the only key is its master key, and that signs nothing unless "
                "`allow_master_key = true` stands under `[authority]`"
            )
        return "its regular key is there, and `rights` does not name regular_key for it"

    def _is_doubted(self, account: Address, right: Right) -> bool:
        """Return whether the ledger, as last seen, would refuse what a key here signs."""
        key = self._keys.get(account)
        if key is None or right not in _BY_KEYS:
            return False
        return authority_fault(self._watch.estates.get(account), key) is not None
