"""A world's script: who does what in which ledger, drawn from one number before anything happens.

Pure: the same seed gives the same script. Ledgers are counted from the first one that the tower is
there for; amounts are drops, times seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Act",
    "AskToClose",
    "ChannelPlan",
    "Claim",
    "ClockJump",
    "Cut",
    "Deaf",
    "DiskIll",
    "Flaw",
    "Forget",
    "Fund",
    "Kill",
    "Leap",
    "Lock",
    "Noise",
    "PayDirectly",
    "PowerOff",
    "RedeemElsewhere",
    "Renew",
    "Script",
    "ServerCut",
    "ServerIll",
    "Stop",
    "Strip",
    "UseSeat",
]

from simulation.disk import Ill, Step
from simulation.entitlement import MASTER_KEY_ONLY, Entitlement


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPlan:
    """A channel from a payer to the payee, opened in ledger ``opened_in``.

    ``lasts`` are the seconds from its opening to its CancelAfter, None for a channel without one;
    whether the payer ``reaps`` it takes what is left as soon as it has ended.
    """

    payer: int
    amount: int
    settle_delay: int
    lasts: int | None
    opened_in: int
    reaps: bool


class Flaw:
    """What is wrong with a claim; plain words, for the timeline."""

    NONE = ""
    SIGNATURE = "a bad signature"
    KEY = "somebody else's key"
    AMOUNT = "signed for another amount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that is done while ledger ``at`` is open."""

    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(Act):
    """A payer gives the publisher a claim, who gives it to the tower."""

    channel: int
    drops: int
    flaw: str = Flaw.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class AskToClose(Act):
    """The payer asks to close; by a Fund with an Expiration where ``by_fund``."""

    channel: int
    by_fund: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Renew(Act):
    """The payer takes its close request back."""

    channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fund(Act):
    """The payer adds funds."""

    channel: int
    drops: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayDirectly(Act):
    """The payer raises the channel's balance itself, to a share of what it holds."""

    channel: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemElsewhere(Act):
    """The payee's own wallet redeems an old claim, to a share of the best one."""

    channel: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UseSeat(Act):
    """The payee's own wallet uses its next sequence, at once or just before the tower does."""

    before_the_tower: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip(Act):
    """Somebody copies the tower's next claims without their Signature, and gets the copy in."""

    count: int
    at_close: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise(Act):
    """Strangers fill every ledger from now on with so many payments; 0 ends it."""

    payments: int
    fee: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerIll(Act):
    """A server misbehaves in some way for so many ledgers; ``kind`` is what it is counted as."""

    server: int
    kind: str
    members: Mapping[str, Any] = field(hash=False)
    ledgers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerCut(Act):
    """A server drops every connection."""

    server: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget(Act):
    """A server loses its last ledgers but the newest."""

    server: int
    ledgers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut(Act):
    """The host has no network for so many ledgers."""

    ledgers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deaf(Act):
    """Nothing arrives at the host for so many ledgers, and no connection breaks."""

    ledgers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskIll(Act):
    """The disk is ill for so many ledgers."""

    ill: Ill
    ledgers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock(Act):
    """Another process keeps the store locked for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill(Act):
    """The daemon is killed at the ``count``-th step of a kind from now on."""

    step: Step
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOff(Act):
    """The host is off for so many ledgers."""

    ledgers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Act):
    """The daemon is asked to stop, and started anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJump(Act):
    """The host's clock jumps by so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Leap(Act):
    """Ledger time leaps by so many seconds, but never into the last ones before an end."""

    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A whole world.

    Attributes:
        seed: what it was drawn from.
        kind: what sort of world it is.
        settings: what of the operator's settings is not the default, by room.
        servers: how many there are.
        throttled: those that throttle their clients.
        rules: amendments that are enabled beside the default ones.
        queue: settings of the transaction queue.
        resolution: seconds that close times are rounded to.
        fine: seconds before any end that no leap leads into.
        channels: all channels, the latest last.
        acts: in the order in which they are done.
        ledgers: how many there are before the world is healed and lives on in peace.
        entitled: by what rights the payee can be redeemed for.
    """

    seed: int
    kind: str
    settings: Mapping[str, Mapping[str, Any]]
    servers: int
    throttled: frozenset[int]
    rules: frozenset[str]
    queue: Mapping[str, int]
    resolution: int
    fine: int
    channels: tuple[ChannelPlan, ...]
    acts: tuple[Act, ...]
    ledgers: int
    entitled: Entitlement = MASTER_KEY_ONLY
