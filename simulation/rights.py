"""What happens to the rights by which a world's payee can be redeemed for, as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from simulation.script import Act

__all__ = [
    "BurnTicket",
    "CosignerIll",
    "CosignerIllness",
    "DisableMaster",
    "KeyLost",
    "ListSigners",
    "NameKey",
    "Permit",
    "Presign",
    "Rotate",
    "SpendOwn",
    "Theft",
    "Thieve",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presign(Act):
    """The payee signs ahead what is not covered, on its own machine, and the tower imports it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnTicket(Act):
    """The payee's wallet uses up tickets that stand for a channel; as many as there are."""

    channel: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLost(Act):
    """The payee's key leaves the store, and is imported again after so many ledgers, or never."""

    ledgers: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NameKey(Act):
    """The payee's master key names the first regular key, whatever was named before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableMaster(Act):
    """The payee disables its master key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit(Act):
    """The payee permits the tower's own account to claim for it, or takes that back."""

    permits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendOwn(Act):
    """Whoever stole the key of the tower's own account burns its money, down to so many drops."""

    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSigners(Act):
    """The payee makes its signer list, or removes it."""

    is_there: bool


class CosignerIllness(StrEnum):
    """What may be wrong with a co-signer."""

    AWAY = "cosigner_away"
    SLOW = "cosigner_slow"
    LIES = "cosigner_lies"
    REFUSES = "cosigner_refuses"
    GARBLES = "cosigner_garbles"


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignerIll(Act):
    """A co-signer misbehaves for so many ledgers."""

    cosigner: int
    ill: CosignerIllness
    ledgers: int


class Theft(StrEnum):
    """What a thief does with a key that signs for the payee."""

    REDEEM = "redeems a stale claim"
    SEQUENCE = "uses up a sequence"
    TICKET = "burns a ticket"
    CLOSE = "closes a channel"
    NAME_KEY = "names its own key"
    DRAIN = "takes the money"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thieve(Act):
    """A thief does something with a stolen key: the regular one, or that of the tower's account."""

    what: Theft
    channel: int
    share: float
    as_delegate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotate(Act):
    """The payee rotates its regular key, by the key that is held or by its master key.

    The process that does it is killed at its ``killed_at``-th step, every time that it is started,
    up to ``lives`` times.
    """

    with_held_key: bool
    killed_at: int
    lives: int
