"""Who signs for this tower: every hand that it has, and what they are told.

Decides nothing: by what rights is the operator's to say (``[authority]``), and which of them signs
is for ``keys/hands.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, Protocol

from watchtower.guard.watch import Watch
from watchtower.judgement.authority import AuthorityFault, authority_fault
from watchtower.judgement.delegation import DelegationFault
from watchtower.keys.authority import Right, right_of
from watchtower.keys.delegated import DelegatedHand, OwnKey
from watchtower.keys.hands import Hand, Hands
from watchtower.keys.remote_own import RemoteKey
from watchtower.keys.remote_signer import Care, RemoteSigner
from watchtower.keys.signer import KeySource, Signer
from watchtower.keys.signer_line import SignerLine
from watchtower.keys.vault import Vault
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.units import Address, Drops
from watchtower.wiring import limits_of, pool_of, rights_of

__all__ = ["Signing"]

_BY_KEYS: Final = (Right.REGULAR_KEY, Right.MASTER_KEY)


class KeysElsewhere(Protocol):
    """Keys that are in no store: those of a token."""

    def before(self, others: KeySource) -> KeySource:
        """Return these keys, and ``others`` for the accounts that these do not name."""


class Signing:
    """The hands of one tower; ``hands`` chooses among them."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        watch: Watch,
        *,
        clock: Callable[[], float],
        elsewhere: KeysElsewhere | None = None,
        line: SignerLine | None = None,
        care: Care | None = None,
        others: Iterable[Hand] = (),
    ) -> None:
        """Make every hand that signs with keys of ``store``, or that are ``elsewhere``.

        No key is looked at yet. With ``line`` the keys are with a signer apart, and none of the
        store is ever used; ``care`` tells people of its caps. ``others`` are hands that are there.
        """
        self._line = line
        self._care = care
        self._watch = watch
        self._rights = rights_of(settings)
        self._keys: Mapping[Address, Collection[str]] = {}
        self._knows_keys = False
        own = (
            (Right.DELEGATED, settings.authority.delegate.account),
            (Right.SIGNER_LIST, settings.authority.signer),
        )
        self._own = {right: Address(account) for right, account in own if account}
        self._by_keys = [self._hand(settings, store, right, elsewhere) for right in _BY_KEYS]
        self._delegated = (
            None if settings.authority.own is None else self._delegate(settings, store, elsewhere)
        )
        delegated = [] if self._delegated is None else [self._delegated]
        self.hands = Hands(
            [*others, *delegated, *self._by_keys],
            self._rights,
            clock=clock,
            is_doubted=self._is_doubted,
        )

    def _hand(
        self, settings: Settings, store: Store, right: Right, elsewhere: KeysElsewhere | None
    ) -> Signer | RemoteSigner:
        """Return who signs by ``right``: here, with keys of the store, or over the line to them."""
        cap, most_tickets = limits_of(settings).fees.cap, pool_of(settings).size
        source_of = self._watch.outgoing.source_of
        if self._line is None:
            return Signer(
                _before(elsewhere, Vault(store, accepts=self._accepts, right=right)),
                settings.payees,
                cap,
                right=right,
                accepts=self._accepts,
                most_tickets=most_tickets,
                payers=settings.payers,
                source_of=source_of,
                elsewhere=_in_hsm(settings),
            )
        return RemoteSigner(
            self._line,
            settings.payees,
            cap,
            right=right,
            most_tickets=most_tickets,
            payers=settings.payers,
            source_of=source_of,
            care=self._care,
            accepts=self._accepts,
        )

    def hold(self, keys: Mapping[Address, Collection[str]]) -> None:
        """Take note of the public keys that the store, or the signer, has now, by account."""
        self._keys = dict(keys)
        self._knows_keys = True
        for signer in self._by_keys:
            signer.hold(keys)
        if self._delegated is not None:
            self._delegated.hold(keys)

    def hold_to(self, fee_cap: Drops, most_tickets: int) -> None:
        """Have every hand sign under another cap; the one of several keeps what it began with."""
        for signer in self._by_keys:
            signer.hold_to(fee_cap, most_tickets)
        if self._delegated is not None:
            self._delegated.hold_to(fee_cap)

    def spends_own(self, account: Address) -> bool:
        """Return whether anything but a delegate may sign for ``account``, as far as is known.

        A delegate pays with money of its own, and makes no tickets.
        """
        by = self.hands.may_act(account) if self._knows_keys else ()
        return any(right is not Right.DELEGATED for right in by)

    def can_sign(self, account: Address) -> bool:
        """Return whether something may sign for ``account`` that the ledger takes, as last seen."""
        return any(not self._is_doubted(account, right) for right in self.hands.may_act(account))

    def is_to_be_served(self, account: Address) -> bool:
        """Return whether something may sign for ``account``, or that is not known yet.

        At a start keys are being looked at, and what the account permits is being read.
        """
        if not self._knows_keys or self.can_sign(account):
            return True
        return self._why_not_delegated(account) is DelegationFault.UNKNOWN

    def goes_ahead(self, account: Address) -> bool:
        """Return whether what was signed ahead comes before all that could sign now."""
        rights = self._rights.get(account, ())
        if Right.PRESIGNED not in rights:
            return False
        before = rights[: rights.index(Right.PRESIGNED)]
        able = self.hands.may_act(account)
        return not any(r in able and not self._is_doubted(account, r) for r in before)

    def makes_tickets(self, account: Address) -> bool:
        """Return whether any key may sign for ``account``: no other right makes tickets."""
        by = self.hands.may_act(account) if self._knows_keys else ()
        return any(right in _BY_KEYS for right in by)

    def why_idle(self, account: Address) -> str | None:
        """Return why nothing may sign for ``account``, as a part of a sentence; None if it may."""
        if self.hands.may_act(account) or account in self._watch.signed_ahead.accounts:
            return None
        delegation = self._why_not_delegated(account)
        if delegation is DelegationFault.UNKNOWN:
            # At the start: what the account permits is being read.
            return None
        keys = self._keys.get(account, ())
        where = "in the store" if self._line is None else "with the signer"
        if not keys and delegation is not None:
            return f"no key of it is {where}, and as its delegate: {delegation.sentence}"
        if not keys:
            return f"no key of it is {where}, and no other right stands by"
        if all(right_of(account, key) is Right.MASTER_KEY for key in keys):
            return (
                "the only key is its master key, and that signs nothing unless "
                "`allow_master_key = true` stands under `[authority]`"
            )
        return "its regular key is there, and `rights` does not name regular_key for it"

    def _delegate(
        self, settings: Settings, store: Store, elsewhere: KeysElsewhere | None
    ) -> DelegatedHand:
        watch, own = self._watch, Address(settings.authority.delegate.account)
        here = OwnKey(_before(elsewhere, Vault(store)), own)
        return DelegatedHand(
            here if self._line is None else RemoteKey(self._line, own, care=self._care),
            settings.payees,
            limits_of(settings).fees.cap,
            delegate=own,
            stands=lambda account: watch.delegation_fault(account) is None,
        )

    def _why_not_delegated(self, account: Address) -> DelegationFault | None:
        """Return why a delegate that is configured does not sign; None where none is, too."""
        if self._delegated is None or Right.DELEGATED not in self._rights.get(account, ()):
            return None
        return self._watch.delegation_fault(account)

    def _is_doubted(self, account: Address, right: Right) -> bool:
        """Return whether the ledger, as last seen, would refuse what is signed here."""
        # A delegate, and one of several, sign with the key of the tower's own account.
        holder = self._own.get(right, account)
        keys = self._keys.get(holder, ())
        if right in _BY_KEYS:
            keys = [key for key in keys if right_of(account, key) is right]
        return bool(keys) and all(self._is_refused(holder, key, right) for key in keys)

    def _is_refused(self, holder: Address, key: str, right: Right) -> bool:
        fault = authority_fault(self._watch.estates.get(holder), key)
        if right is Right.SIGNER_LIST and fault is AuthorityFault.GONE:
            # A signer need not be in the ledger; it signs with its master key then (rippled
            # Transactor.cpp, checkMultiSign: a phantom account).
            return right_of(holder, key) is not Right.MASTER_KEY
        return fault is not None

    def _accepts(self, account: Address, public_key: str) -> bool:
        """Return whether the ledger is known to take a key's signature for ``account``."""
        estate = self._watch.estates.get(account)
        is_known = estate is not None and estate.as_of is not None
        return is_known and authority_fault(estate, public_key) is None


def _before(elsewhere: KeysElsewhere | None, vault: Vault) -> KeySource:
    return vault if elsewhere is None else elsewhere.before(vault)


def _in_hsm(settings: Settings) -> dict[Address, Right]:
    """Return the accounts whose keys are in a token, and by what right these sign."""
    return {
        Address(key.account): Right.REGULAR_KEY if key.regular_key else Right.MASTER_KEY
        for key in settings.hsm.keys
    }
