"""Whether the key that we hold may sign for an account now, and what changed about that.

What it guarantees: the answer is the one that the ledger would give to a transaction signed with
that key alone (rippled Transactor.cpp, checkSingleSign), by the account's last known state. Where
that state is not known there is no answer, and nobody is alarmed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Final

from xrpl.core.keypairs import derive_classic_address

from watchtower.judgement.estate import Estate
from watchtower.units import Address

__all__ = ["AuthorityFault", "alterations", "authority_fault"]

_DISABLE_MASTER: Final = 0x00100000
_DEPOSIT_AUTH: Final = 0x01000000
_DISALLOW_CHANNELS: Final = 0x10000000
"""Flags of an account (rippled LedgerFormats.h: lsfDisableMaster, lsfDepositAuth,
lsfDisallowIncomingPayChan)."""


class AuthorityFault(StrEnum):
    """Why a transaction signed with our key would fail."""

    GONE = "gone"  # there is no such account (terNO_ACCOUNT)
    MASTER_DISABLED = "master_disabled"  # the master key signs no more (tefMASTER_DISABLED)
    NOT_ITS_KEY = "not_its_key"  # neither the account's master nor its regular key (tefBAD_AUTH)

    @property
    def sentence(self) -> str:
        """The fault in words that follow a colon."""
        return _SENTENCES[self]


_SENTENCES: Final = {
    AuthorityFault.GONE: "the account is not in the ledger",
    AuthorityFault.MASTER_DISABLED: "it is the master key, and that was disabled",
    AuthorityFault.NOT_ITS_KEY: "it is neither the account's master key nor its regular key",
}


def authority_fault(estate: Estate | None, public_key: str) -> AuthorityFault | None:
    """Return why ``public_key`` (hexadecimal) cannot sign for the account; None if it can.

    None as well while nothing is known of the account: see `Estate.as_of`.
    """
    if estate is None or estate.as_of is None:
        return None
    if estate.entry is None:
        return AuthorityFault.GONE
    signer = _address_of(public_key)
    if signer == estate.entry.regular_key:
        return None
    if signer != estate.account:
        return AuthorityFault.NOT_ITS_KEY
    return AuthorityFault.MASTER_DISABLED if estate.entry.flags & _DISABLE_MASTER else None


@lru_cache(maxsize=4096)
def _address_of(public_key: str) -> Address:
    return Address(derive_classic_address(public_key))


def alterations(before: Estate, after: Estate) -> tuple[str, ...]:
    """Return, in words, what changed about who may sign for the account or pay it.

    Only what was known before can have changed: a first reading alters nothing.
    """
    return (
        *_altered_root(before, after),
        *_altered_signers(before, after),
        *_altered_delegates(before, after),
    )


def _altered_root(before: Estate, after: Estate) -> Iterator[str]:
    old, new = before.entry, after.entry
    if old is None or new is None:
        return
    if new.regular_key != old.regular_key:
        to = "none" if new.regular_key is None else new.regular_key
        yield f"its regular key is {to} now"
    changed = old.flags ^ new.flags
    for flag, when_set, when_clear in (
        (_DISABLE_MASTER, "its master key was disabled", "its master key was enabled"),
        (
            _DEPOSIT_AUTH,
            "DepositAuth was set, so payers cannot redeem for it any more, and it can itself",
            "DepositAuth was cleared",
        ),
        (
            _DISALLOW_CHANNELS,
            "it takes no new channels any more",
            "it takes new channels again",
        ),
    ):
        if changed & flag:
            yield when_set if new.flags & flag else when_clear


def _altered_signers(before: Estate, after: Estate) -> Iterator[str]:
    if before.signers_at is None or before.signers == after.signers:
        return
    if after.signers is None:
        yield "its signer list was removed"
    else:
        names = ", ".join(account for account, _ in after.signers.signers)
        yield f"a signer list may sign for it now ({names})"


def _altered_delegates(before: Estate, after: Estate) -> Iterator[str]:
    for delegate, permitted in after.delegates.items():
        old = before.delegates.get(delegate)
        # What was never asked for is new only where a transaction was seen to give it.
        if permitted == old or not (permitted.seen or old is not None):
            continue
        if old is not None and old.kinds == permitted.kinds:
            continue
        kinds = ", ".join(sorted(permitted.kinds)) or "nothing"
        yield f"{delegate} may send {kinds} in its name now"
