"""The two answers about a claim as values: what each can be, and in which words it is told.

Pure.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, assert_never

from msgspec import Struct

from watchtower.errors import (
    ClaimDestinationError,
    ClaimError,
    ClaimKeyError,
    ClaimKeyUnknownError,
    ClaimNotAboveError,
    ClaimPendingFullError,
    ClaimSignatureError,
    ClaimUnknownChannelError,
)
from watchtower.judgement.claim import Claim, SignatureFault
from watchtower.judgement.explain import describe_unprotectable
from watchtower.judgement.protection import Unprotectable
from watchtower.units import Address, ChannelId, Drops, RippleTime, format_drops, format_time

__all__ = [
    "REASONS",
    "REFUSALS",
    "BadSignature",
    "BeyondFunds",
    "ChannelUnknown",
    "Closing",
    "Decision",
    "DoNotServe",
    "DoesNotApply",
    "ExposureReached",
    "Kept",
    "KeyUnknown",
    "NotAbove",
    "NotCovered",
    "NotKept",
    "NotKeptWhy",
    "NothingSigns",
    "Pending",
    "PendingFull",
    "Role",
    "Serve",
    "Standing",
    "Whose",
    "WhyNotServe",
    "WrongDestination",
    "WrongKey",
    "as_error",
    "describe_why_not_serve",
    "name_of_reason",
    "name_of_refusal",
]


class ChannelUnknown(Struct, frozen=True, kw_only=True, gc=False):
    """A validated ledger has no such channel, and we never knew one."""

    channel: ChannelId


class KeyUnknown(Struct, frozen=True, kw_only=True, gc=False):
    """The claim names no key, and no server can tell now which key the channel has.

    This says nothing about the claim: it may be good, and is to come again.
    """

    channel: ChannelId


class WrongDestination(Struct, frozen=True, kw_only=True, gc=False):
    """The channel pays an account that is not guarded here."""

    channel: ChannelId
    destination: Address


class WrongKey(Struct, frozen=True, kw_only=True, gc=False):
    """The claim names another key than the channel's, and is not signed by the channel's."""

    channel: ChannelId
    given: str
    key: str


class BadSignature(Struct, frozen=True, kw_only=True, gc=False):
    """The ledger would not take the signature in any form."""

    why: SignatureFault


class NotAbove(Struct, frozen=True, kw_only=True, gc=False):
    """The claim adds nothing to ``best``: what is kept, or what was paid already."""

    channel: ChannelId
    amount: Drops
    best: Drops


class PendingFull(Struct, frozen=True, kw_only=True, gc=False):
    """Nobody can tell of the channel now, and there is no room for one more claim that waits."""

    channel: ChannelId


NotKeptWhy = (
    ChannelUnknown
    | KeyUnknown
    | WrongDestination
    | WrongKey
    | BadSignature
    | NotAbove
    | PendingFull
)


class Kept(Struct, frozen=True, kw_only=True, gc=False):
    """To be stored as the best claim, in this form; ``rescued`` if it was given in another."""

    claim: Claim
    rescued: bool


class Pending(Struct, frozen=True, kw_only=True, gc=False):
    """To be stored until a server tells of the channel; well signed by the key that it names."""

    claim: Claim
    rescued: bool


class NotKept(Struct, frozen=True, kw_only=True, gc=False):
    """Not to be stored; everything stays as it was."""

    why: NotKeptWhy


class Standing(StrEnum):
    """Why not to serve, whatever the numbers are."""

    NOT_KEPT = "not_kept"  # the claim was not kept
    NOT_JUDGED = "not_judged"  # no server has told of the channel yet
    EXPIRED = "expired"  # the channel has reached its end
    CLOSED = "closed"  # the channel is gone
    LEDGER_STALE = "ledger_stale"  # no validated ledger has come for too long
    QUOTA = "quota"  # whoever handed it over has handed over too many lately


class Closing(Struct, frozen=True, kw_only=True, gc=False):
    """The source has asked to close."""

    expiration: RippleTime


class BeyondFunds(Struct, frozen=True, kw_only=True, gc=False):
    """The claim promises more than the channel holds."""

    amount: Drops
    funds: Drops


class NotCovered(Struct, frozen=True, kw_only=True, gc=False):
    """Nothing but what was signed ahead can redeem, and that is for less than the claim."""

    amount: Drops
    covered: Drops


class NothingSigns(Struct, frozen=True, kw_only=True, gc=False):
    """Nothing can sign for the channel's payee, and what was signed ahead, if any, pays nothing."""


class Whose(StrEnum):
    """Whose sum a limit is for."""

    CHANNEL = "channel"
    PAYER = "payer"
    ALL = "all"


class ExposureReached(Struct, frozen=True, kw_only=True, gc=False):
    """With the claim in, more is at stake than may be before nothing more is served."""

    whose: Whose
    at_stake: Drops
    allowed: Drops


WhyNotServe = (
    Standing | Closing | BeyondFunds | NotCovered | NothingSigns | ExposureReached | Unprotectable
)


class Serve(Struct, frozen=True, kw_only=True, gc=False):
    """What the claim pays for may be served."""


class DoNotServe(Struct, frozen=True, kw_only=True, gc=False):
    """Better not serve against the claim, for each of these reasons; there is at least one."""

    reasons: tuple[WhyNotServe, ...]


class DoesNotApply(Struct, frozen=True, kw_only=True, gc=False):
    """Whether to serve is no question: the claim is one that we gave, not one that we got."""


class Role(StrEnum):
    """On which side of a channel we are."""

    PAYEE = "payee"
    PAYER = "payer"
    BOTH = "both"


class Decision(Struct, frozen=True, kw_only=True, gc=False):
    """The two answers, and for which side; ``role`` is None while that is not known."""

    kept: Kept | Pending | NotKept
    serve: Serve | DoNotServe | DoesNotApply
    role: Role | None = None


_CLOSING: Final = "closing"
_BEYOND_FUNDS: Final = "beyond_funds"
_NOT_COVERED: Final = "not_covered_by_bundle"
_NOTHING_SIGNS: Final = "nothing_signs"
_EXPOSURE_LIMIT: Final = "exposure_limit"
_UNPROTECTABLE: Final = "unprotectable"

REASONS: Final = (
    *(standing.value for standing in Standing),
    _CLOSING,
    _BEYOND_FUNDS,
    _NOT_COVERED,
    _NOTHING_SIGNS,
    _EXPOSURE_LIMIT,
    _UNPROTECTABLE,
)
"""Every word that says why not to serve (docs/http.md)."""

_REFUSALS: Final = {
    ChannelUnknown: "unknown_channel",
    KeyUnknown: "key_unknown",
    WrongDestination: "wrong_destination",
    WrongKey: "wrong_key",
    BadSignature: "bad_signature",
    NotAbove: "not_above_best",
    PendingFull: "pending_full",
}

REFUSALS: Final = tuple(_REFUSALS.values())
"""Every word that says why a claim was not kept."""


_STANDING: Final = {
    Standing.NOT_KEPT: "The claim was not kept.",
    Standing.NOT_JUDGED: "No server has told of the channel yet.",
    Standing.EXPIRED: "The channel has expired.",
    Standing.CLOSED: "The channel is closed.",
    Standing.LEDGER_STALE: "No validated ledger has come for too long: who knows what it holds.",
    Standing.QUOTA: "More claims were handed over with this token than its quota allows a minute.",
}


_WHERE: Final = {
    Whose.CHANNEL: "on the channel",
    Whose.PAYER: "on all channels of its payer",
    Whose.ALL: "on all channels together",
}


def name_of_refusal(why: NotKeptWhy) -> str:
    """Return in one word, of the documented list, why nothing was kept."""
    return _REFUSALS[type(why)]


def name_of_reason(reason: WhyNotServe) -> str:
    """Return in one word, of the documented list, why not to serve."""
    match reason:
        case Standing():
            return reason.value
        case Closing():
            return _CLOSING
        case BeyondFunds():
            return _BEYOND_FUNDS
        case NotCovered():
            return _NOT_COVERED
        case NothingSigns():
            return _NOTHING_SIGNS
        case ExposureReached():
            return _EXPOSURE_LIMIT
        case _:
            return _UNPROTECTABLE


def as_error(why: NotKeptWhy) -> ClaimError:
    """Return the exception, with its sentence and exit code, that says why nothing was kept."""
    match why:
        case ChannelUnknown():
            return ClaimUnknownChannelError(channel=why.channel)
        case KeyUnknown():
            return ClaimKeyUnknownError(channel=why.channel)
        case WrongDestination():
            return ClaimDestinationError(channel=why.channel, destination=why.destination)
        case WrongKey():
            return ClaimKeyError(channel=why.channel, given=why.given, key=why.key)
        case BadSignature():
            return ClaimSignatureError(why=why.why.sentence)
        case NotAbove():
            return ClaimNotAboveError(channel=why.channel, amount=why.amount, best=why.best)
        case PendingFull():
            return ClaimPendingFullError(channel=why.channel)
        case _:
            assert_never(why)


def describe_why_not_serve(reason: WhyNotServe) -> str:
    """Return one sentence that says why not to serve."""
    match reason:
        case Standing():
            return _STANDING[reason]
        case Closing():
            return f"The channel is closing: it expires at {format_time(reason.expiration)}."
        case BeyondFunds():
            return (
                f"The claim promises {format_drops(reason.amount)}, and the channel holds "
                f"{format_drops(reason.funds)}."
            )
        case NotCovered():
            return (
                f"What was signed ahead brings the channel to {format_drops(reason.covered)}, the "
                f"claim asks for {format_drops(reason.amount)}, and nothing else can sign; have "
                "the payee sign ahead for it (`watchtower presign request`)."
            )
        case NothingSigns():
            return (
                "Nothing can sign for the channel's payee now, and nothing was signed ahead that "
                "would pay (`watchtower authority show`)."
            )
        case ExposureReached():
            return (
                f"With this claim {format_drops(reason.at_stake)} would be at stake "
                f"{_WHERE[reason.whose]}, and serving stops above {format_drops(reason.allowed)}."
            )
        case _:
            return describe_unprotectable(reason)
