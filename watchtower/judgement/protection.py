"""Whether a channel can be promised protection, and if not, every reason why.

These reasons limit what we promise and what we advise to serve. They never limit what we do: an
unprotectable channel is redeemed with the same effort as any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from watchtower.judgement.policy import Policy
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.judgement.signature import key_type
from watchtower.ledger.events import ChannelEntry
from watchtower.units import Address, RippleTime

__all__ = [
    "CancelAfterNear",
    "KeyUnusable",
    "PayeeMissing",
    "SettleDelayShort",
    "SettleDelayWraps",
    "Unprotectable",
    "unprotectable",
]

_TIME_SIZE: Final = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleDelayWraps:
    """Close time plus settle delay overflows 32 bits from ``wraps_from`` on.

    Two close requests in one ledger then close the channel at once, with no dispute window
    (rippled 3.1 PayChan.cpp:604-606; recorded in settle_delay_wraps). With fixCleanup3_2_0 the
    sum saturates; the careful rule holds where it is not known to be enabled.
    """

    settle_delay: int
    wraps_from: RippleTime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleDelayShort:
    """The dispute window is shorter than the policy's minimum, both in seconds."""

    settle_delay: int
    minimum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAfterNear:
    """CancelAfter is so near, or past, that a claim given now may come too late."""

    cancel_after: RippleTime
    lead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeMissing:
    """The destination's account is gone, so a claim cannot pay it (``tecNO_DST``)."""

    destination: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUnusable:
    """The channel's public key is of no type that can sign a claim."""

    public_key: str


Unprotectable = SettleDelayWraps | SettleDelayShort | CancelAfterNear | PayeeMissing | KeyUnusable


def unprotectable(
    entry: ChannelEntry,
    *,
    ledger_time: RippleTime,
    policy: Policy,
    payee_exists: bool,
    rules: ChannelRules = STRICT,
) -> tuple[Unprotectable, ...]:
    """Return every reason why the channel cannot be promised protection; empty if it can."""
    return tuple(_reasons(entry, ledger_time, policy, rules, payee_exists=payee_exists))


def _reasons(
    entry: ChannelEntry,
    ledger_time: RippleTime,
    policy: Policy,
    rules: ChannelRules,
    *,
    payee_exists: bool,
) -> Iterator[Unprotectable]:
    wraps_from = RippleTime(_TIME_SIZE - entry.settle_delay)
    if rules.settle_delay_wraps and wraps_from <= ledger_time + policy.wrap_horizon:
        yield SettleDelayWraps(settle_delay=entry.settle_delay, wraps_from=wraps_from)
    if entry.settle_delay < policy.min_settle_delay:
        yield SettleDelayShort(settle_delay=entry.settle_delay, minimum=policy.min_settle_delay)
    if entry.cancel_after is not None and ledger_time >= entry.cancel_after - policy.lead:
        yield CancelAfterNear(cancel_after=entry.cancel_after, lead=policy.lead)
    if not payee_exists:
        yield PayeeMissing(destination=entry.destination)
    if key_type(bytes.fromhex(entry.public_key)) is None:
        yield KeyUnusable(public_key=entry.public_key)
