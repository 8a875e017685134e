"""The rules of the network that channels live by, as its amendments have made them.

What it guarantees: rules are read from the ledger or they are `STRICT`, the careful reading of
every question, so that not knowing never makes a promise. Networks differ, and a network changes.
Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha512
from typing import Final

from watchtower.units import RippleTime

__all__ = ["STRICT", "ChannelRules", "amendment_id", "rules_of", "rules_of_note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRules:
    """How the ledger treats channels; each default is the reading that is worst for the payee.

    Attributes:
        known: whether they were read from the ledger.
        expires_at_its_end: a channel counts as expired when the parent's close time equals its
            end (``>=``, rippled 3.1 PayChan.cpp:528); with fixCleanup3_2_0 only behind it.
        settle_delay_wraps: close time plus settle delay overflows 32 bits (PayChan.cpp:604); with
            fixCleanup3_2_0 the sum saturates.
        stripping_burns_the_seat: a claim whose ``Signature`` somebody took away is applied with
            tecNO_PERMISSION and uses its seat up (fixCleanup3_2_0), and not refused. Nobody judges
            by it: a burnt seat is replaced whoever burnt it (docs/adr/0009).
        delegates_act: an account may have given others the right to act for it
            (PermissionDelegationV1_1).
    """

    known: bool = False
    expires_at_its_end: bool = True
    settle_delay_wraps: bool = True
    stripping_burns_the_seat: bool = True
    delegates_act: bool = True

    def has_ended(self, ends_at: RippleTime, ledger_time: RippleTime) -> bool:
        """Return whether the ledger after ``ledger_time`` treats a channel as expired."""
        if self.expires_at_its_end:
            return ledger_time >= ends_at
        return ledger_time > ends_at

    def has_surely_ended(self, ends_at: RippleTime, ledger_time: RippleTime) -> bool:
        """Return whether a channel has expired by every reading that may hold.

        It is the other side of `has_ended`: who takes a channel's end for granted needs the
        reading that is latest, and one who must be in time the one that is earliest.
        """
        if self.known and self.expires_at_its_end:
            return ledger_time >= ends_at
        return ledger_time > ends_at

    @property
    def note(self) -> dict[str, bool]:
        """Return these rules as JSON values; see `rules_of_note`."""
        return {name: bool(getattr(self, name)) for name in self.__dataclass_fields__}

    @property
    def sentence(self) -> str:
        """Return which rules these are, for ``status``."""
        if not self.known:
            return "unknown, so the strictest reading of each"
        fixed = "with" if not self.settle_delay_wraps else "without"
        delegated = "with" if self.delegates_act else "without"
        return f"{fixed} fixCleanup3_2_0, {delegated} delegation"


STRICT: Final = ChannelRules()
"""For a network whose amendments are not known."""


def rules_of(enabled: Collection[str] | None) -> ChannelRules:
    """Return the rules of a network by the ids of its enabled amendments.

    Args:
        enabled: upper-case hexadecimal; None if they are not known, or servers contradict.
    """
    if enabled is None:
        return STRICT
    cleaned_up = _CLEANUP in enabled
    return ChannelRules(
        known=True,
        expires_at_its_end=not cleaned_up,
        settle_delay_wraps=not cleaned_up,
        stripping_burns_the_seat=cleaned_up,
        delegates_act=any(name in enabled for name in _DELEGATION),
    )


def rules_of_note(note: object) -> ChannelRules:
    """Return the rules that a `ChannelRules.note` spells; `STRICT` where anything of it is odd.

    An amendment that was enabled once stays enabled, so what a channel may rely on by rules that
    were read some time ago, it may still rely on.
    """
    if not isinstance(note, Mapping) or note.keys() != ChannelRules.__dataclass_fields__.keys():
        return STRICT
    if not all(isinstance(value, bool) for value in note.values()):
        return STRICT
    return ChannelRules(**note)


def amendment_id(name: str) -> str:
    """Return the id of an amendment: half the SHA-512 of its name (rippled Feature.cpp)."""
    return sha512(name.encode()).digest()[:32].hex().upper()


_CLEANUP: Final = amendment_id("fixCleanup3_2_0")
_DELEGATION: Final = (
    amendment_id("PermissionDelegation"),
    amendment_id("PermissionDelegationV1_1"),
)
