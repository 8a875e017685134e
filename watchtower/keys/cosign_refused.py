"""Whom the ledger did not take together as signers, and for how long that holds. Pure.

One signer that the ledger does not take is enough for it to refuse a transaction, whoever else
signed it: one that is not on the list any more, whose account has disabled the master key that it
signs with, or has another regular key (rippled Transactor.cpp, checkMultiSign: ``tefBAD_SIGNATURE``
and ``tefMASTER_DISABLED``); and weights that fell are ``tefBAD_QUORUM``. The result does not say
who it was. So what is remembered is who signed together: others are tried, of whom not all were
among them. Where the signers' own accounts tell who it is, that one alone is put aside.

It holds for the very signer list, the very keys, and the very accounts of the signers as they were
read behind the refusal: when any of these changes, all are tried anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from xrpl.core.keypairs import derive_classic_address

from watchtower.ledger.events import AccountEntry, SignerList
from watchtower.units import Address

__all__ = ["NOTHING_REFUSED", "Refused", "is_of_signers", "why_unfit"]

_MOST: Final = 16
"""Refusals that are remembered for an account: the newest."""

_DISABLE_MASTER: Final = 0x00100000
"""A flag of an account (rippled LedgerFormats.h, lsfDisableMaster)."""

_OF_SIGNERS: Final = frozenset({"tefBAD_SIGNATURE", "tefMASTER_DISABLED", "tefBAD_QUORUM"})

_Together = dict[Address, str]


def is_of_signers(results: str) -> bool:
    """Return whether results, with commas between them, are about who signed together."""
    return bool(_OF_SIGNERS & set(results.split(", ")))


def why_unfit(account: Address, public_key: str, entry: AccountEntry | None) -> str | None:
    """Return why the ledger does not take a key as that of a signer; None if it does.

    Args:
        account: the signer, as it stands on the list.
        public_key: the key that signs for it, in hex.
        entry: its root; None where the ledger has no such account, which is no fault where the key
            is its master key.
    """
    signer = derive_classic_address(public_key)
    if signer == account:
        is_disabled = entry is not None and bool(entry.flags & _DISABLE_MASTER)
        return "it signs with its master key, which was disabled" if is_disabled else None
    if entry is None:
        return "it signs with a key that is not its master key, and is not in the ledger"
    if entry.regular_key != signer:
        return "it signs with a key that is neither its master key nor its regular key"
    return None


class Refused(Struct, frozen=True):
    """What the ledger refused of one account's signers.

    ``quorum`` and ``weights`` are the signer list that it holds for. ``together`` are those that
    signed together, each with its key, the longest ago first. ``roots`` is how the signers' own
    accounts were found behind that, and ``unfit`` why some of them cannot sign.
    """

    quorum: int = 0
    weights: tuple[tuple[Address, int], ...] = ()
    together: tuple[_Together, ...] = ()
    roots: Mapping[Address, str] = {}
    unfit: Mapping[Address, str] = {}

    def under(self, signers: SignerList, keys: Mapping[Address, str]) -> Refused:
        """Return what of it holds under a signer list, with the keys that sign by now.

        Who is not named in ``keys`` signs with the key that it had.
        """
        if (signers.quorum, signers.signers) != (self.quorum, self.weights):
            return NOTHING_REFUSED
        left = tuple(
            one for one in self.together if all(keys.get(a, key) == key for a, key in one.items())
        )
        return self if left == self.together else _left(self, left)

    def adding(self, signers: SignerList, together: Mapping[Address, str]) -> Refused:
        """Return it with a refusal of those that signed ``together`` under ``signers``."""
        known = self.under(signers, {})
        others = tuple(one for one in known.together if one != together)
        return msgspec.structs.replace(
            known,
            quorum=signers.quorum,
            weights=signers.signers,
            together=(*others, dict(together))[-_MOST:],
        )

    def seeing(self, account: Address, entry: AccountEntry | None) -> Refused:
        """Return it with a signer's own account as it was read just now.

        If that is not what it was, whatever the signer was refused in is over.
        """
        root = (
            "none"
            if entry is None
            else f"{entry.regular_key or 'none'} {bool(entry.flags & _DISABLE_MASTER)}"
        )
        keys = {one[account] for one in self.together if account in one}
        whys = [why_unfit(account, key, entry) for key in sorted(keys)]
        unfit = {name: why for name, why in self.unfit.items() if name != account}
        if whys and all(whys):
            unfit[account] = str(whys[0])
        seen = msgspec.structs.replace(self, unfit=unfit, roots={**self.roots, account: root})
        if self.roots.get(account, root) == root:
            return seen
        return _left(seen, tuple(one for one in seen.together if account not in one))

    @property
    def avoided(self) -> tuple[frozenset[Address], ...]:
        """Those that are not to sign together, whose refusal is the longest ago first."""
        alone = (frozenset({one}) for one in sorted(self.unfit))
        return (*(frozenset(one) for one in self.together), *alone)

    @property
    def signers(self) -> frozenset[Address]:
        """Everybody who signed what was refused."""
        return frozenset(one for together in self.together for one in together)

    def sentence(self) -> str:
        """Return what is known, as a part of a sentence."""
        if self.unfit:
            return "; ".join(f"of {one}: {why}" for one, why in sorted(self.unfit.items()))
        last = " and ".join(sorted(self.together[-1])) if self.together else "nobody"
        return f"it refused what {last} signed together, and their accounts do not tell why"


NOTHING_REFUSED: Final = Refused()


def _left(refused: Refused, together: tuple[_Together, ...]) -> Refused:
    """Return what is left where these refusals are, with what is known of who is in them."""
    names = {one for each in together for one in each}
    return msgspec.structs.replace(
        refused,
        together=together,
        roots={one: root for one, root in refused.roots.items() if one in names},
        unfit={one: why for one, why in refused.unfit.items() if one in names},
    )
