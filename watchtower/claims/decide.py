"""Two answers to every claim: is it kept, and is it safe to serve against it?

What it guarantees: a claim whose signature the ledger would take, for a channel that pays an
account we guard, above everything we hold and everything that was paid, is always kept, whatever
else is wrong. Whether to serve against it is said apart, with every reason against (rule 8).

For a channel whose source we guard, a claim is the payer's own word about what it has signed. It
is kept above everything registered before, also below what was paid: that is how a payer says
that a payment was its own. Nobody serves against it.

While no server can tell us of the channel, a well-signed claim is *pending*: stored, and decided
as soon as one answers. Nothing is served against it until then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, assert_never

from watchtower.errors import (
    ClaimDestinationError,
    ClaimError,
    ClaimKeyError,
    ClaimNotAboveError,
    ClaimSignatureError,
    ClaimUnknownChannelError,
)
from watchtower.judgement.channel import Channel, Phase, phase
from watchtower.judgement.claim import Claim, Refused, SignatureFault, Verified, verify
from watchtower.judgement.explain import describe_unprotectable
from watchtower.judgement.policy import Policy
from watchtower.judgement.protection import Unprotectable, unprotectable
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.units import Address, ChannelId, Drops, RippleTime, format_drops, format_time

__all__ = [
    "BadSignature",
    "BeyondFunds",
    "ChannelUnknown",
    "Check",
    "Closing",
    "Decision",
    "DoNotServe",
    "DoesNotApply",
    "Kept",
    "NotAbove",
    "NotKept",
    "NotKeptWhy",
    "Pending",
    "Role",
    "Serve",
    "Standing",
    "WhyNotServe",
    "WrongDestination",
    "WrongKey",
    "as_error",
    "decide",
    "describe_why_not_serve",
    "may_serve",
    "under_key",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelUnknown:
    """A validated ledger has no such channel, and we never knew one."""

    channel: ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongDestination:
    """The channel pays an account that is not guarded here."""

    channel: ChannelId
    destination: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongKey:
    """The claim names another key than the channel's, and is not signed by the channel's."""

    channel: ChannelId
    given: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSignature:
    """The ledger would not take the signature in any form."""

    why: SignatureFault


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAbove:
    """The claim adds nothing to ``best``: what is kept, or what was paid already."""

    channel: ChannelId
    amount: Drops
    best: Drops


NotKeptWhy = ChannelUnknown | WrongDestination | WrongKey | BadSignature | NotAbove


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """To be stored as the best claim, in this form; ``rescued`` if it was given in another."""

    claim: Claim
    rescued: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """To be stored until a server tells of the channel; well signed by the key that it names."""

    claim: Claim
    rescued: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKept:
    """Not to be stored; everything stays as it was."""

    why: NotKeptWhy


class Standing(StrEnum):
    """Why not to serve, whatever the numbers are."""

    NOT_KEPT = "not_kept"  # the claim was not kept
    NOT_JUDGED = "not_judged"  # no server has told of the channel yet
    EXPIRED = "expired"  # the channel has reached its end
    CLOSED = "closed"  # the channel is gone
    LEDGER_STALE = "ledger_stale"  # no validated ledger has come for too long


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The source has asked to close."""

    expiration: RippleTime


@dataclass(frozen=True, slots=True, kw_only=True)
class BeyondFunds:
    """The claim promises more than the channel holds."""

    amount: Drops
    funds: Drops


WhyNotServe = Standing | Closing | BeyondFunds | Unprotectable


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """What the claim pays for may be served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoNotServe:
    """Better not serve against the claim, for each of these reasons; there is at least one."""

    reasons: tuple[WhyNotServe, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoesNotApply:
    """Whether to serve is no question: the claim is one that we gave, not one that we got."""


class Role(StrEnum):
    """On which side of a channel we are."""

    PAYEE = "payee"
    PAYER = "payer"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The two answers, and for which side; ``role`` is None while that is not known."""

    kept: Kept | Pending | NotKept
    serve: Serve | DoNotServe | DoesNotApply
    role: Role | None = None


Check = Callable[[Claim], Verified | Refused]
"""What a signature is worth: `judgement.claim.verify`, or what it said beforehand."""

_STANDING: Final = {
    Standing.NOT_KEPT: "The claim was not kept.",
    Standing.NOT_JUDGED: "No server has told of the channel yet.",
    Standing.EXPIRED: "The channel has expired.",
    Standing.CLOSED: "The channel is closed.",
    Standing.LEDGER_STALE: "No validated ledger has come for too long: who knows what it holds.",
}


def decide(
    claim: Claim,
    channel: Channel | None,
    best: Claim | None,
    *,
    guarded: Collection[Address],
    payers: Collection[Address] = (),
    policy: Policy,
    ledger_time: RippleTime,
    payee_exists: bool = True,
    looked_up: bool = True,
    rules: ChannelRules = STRICT,
    is_stale: bool = False,
    check: Check = verify,
) -> Decision:
    """Decide both answers about ``claim``.

    Args:
        claim: well formed, and nothing more.
        channel: its channel's last known state; None if none is known.
        best: the best claim held for the channel; while the channel is unknown, the best pending
            one by the same key.
        guarded: the accounts we guard as payees.
        payers: the accounts we guard as payers.
        policy: how careful to be.
        ledger_time: close time of the newest validated ledger.
        payee_exists: whether the destination's account is in the ledger.
        looked_up: whether a server answered when we asked for the channel; with ``channel`` None
            it tells "there is none" (True) from "nobody answered" (False).
        rules: the network's; the strictest reading where they are not known.
        is_stale: whether no ledger has come for too long to serve by what is known.
        check: says what a signature is worth under the key that a claim names.
    """
    role = None if channel is None else _role(channel, guarded, payers)
    kept = _kept(claim, channel, best, role=role, looked_up=looked_up, check=check)
    serve = may_serve(
        kept,
        channel,
        role=role,
        policy=policy,
        ledger_time=ledger_time,
        payee_exists=payee_exists,
        rules=rules,
        is_stale=is_stale,
    )
    is_judged = not isinstance(kept, Pending)
    return Decision(kept=kept, serve=serve, role=role if is_judged else None)


def may_serve(
    kept: Kept | Pending | NotKept,
    channel: Channel | None,
    *,
    role: Role | None,
    policy: Policy,
    ledger_time: RippleTime,
    payee_exists: bool = True,
    rules: ChannelRules = STRICT,
    is_stale: bool = False,
) -> Serve | DoNotServe | DoesNotApply:
    """Say whether to serve against a claim, by what is known of its channel (`decide`)."""
    if role is Role.PAYER:
        return DoesNotApply()
    if isinstance(kept, NotKept):
        return DoNotServe(reasons=(Standing.NOT_KEPT,))
    if isinstance(kept, Pending) or channel is None:
        return DoNotServe(reasons=(Standing.NOT_JUDGED,))
    reasons = (
        *((Standing.LEDGER_STALE,) if is_stale else ()),
        *_channel_reasons(channel, kept.claim, ledger_time),
        *unprotectable(
            channel.entry,
            ledger_time=ledger_time,
            policy=policy,
            payee_exists=payee_exists,
            rules=rules,
        ),
    )
    return DoNotServe(reasons=reasons) if reasons else Serve()


def as_error(why: NotKeptWhy) -> ClaimError:
    """Return the exception, with its sentence and exit code, that says why nothing was kept."""
    match why:
        case ChannelUnknown():
            return ClaimUnknownChannelError(channel=why.channel)
        case WrongDestination():
            return ClaimDestinationError(channel=why.channel, destination=why.destination)
        case WrongKey():
            return ClaimKeyError(channel=why.channel, given=why.given, key=why.key)
        case BadSignature():
            return ClaimSignatureError(why=why.why.sentence)
        case NotAbove():
            return ClaimNotAboveError(channel=why.channel, amount=why.amount, best=why.best)
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
        case _:
            return describe_unprotectable(reason)


def _kept(
    claim: Claim,
    channel: Channel | None,
    best: Claim | None,
    *,
    role: Role | None,
    looked_up: bool,
    check: Check,
) -> Kept | Pending | NotKept:
    if channel is None:
        if looked_up:
            return NotKept(why=ChannelUnknown(channel=claim.channel))
    elif role is None:
        why = WrongDestination(channel=claim.channel, destination=channel.entry.destination)
        return NotKept(why=why)
    asked = under_key(claim, channel)
    key, checked = asked.public_key, check(asked)
    if isinstance(checked, Refused) and checked.why is not SignatureFault.AMOUNT:
        return NotKept(why=_signature_refusal(claim, key, checked.why))
    floor = _floor(channel, best, key, role)
    if isinstance(checked, Refused) or claim.amount <= floor:
        return NotKept(why=NotAbove(channel=claim.channel, amount=claim.amount, best=floor))
    kind = Pending if channel is None else Kept
    return kind(claim=checked.claim, rescued=checked.rescued or key != claim.public_key)


def under_key(claim: Claim, channel: Channel | None) -> Claim:
    """Return the claim as it is verified: with its channel's own key, where that is known.

    That key decides; a claim it has signed is good, whatever key was named with it.
    """
    if channel is None or channel.entry.public_key == claim.public_key:
        return claim
    return replace(claim, public_key=channel.entry.public_key)


def _signature_refusal(claim: Claim, key: str, fault: SignatureFault) -> WrongKey | BadSignature:
    if key != claim.public_key:
        return WrongKey(channel=claim.channel, given=claim.public_key, key=key)
    return BadSignature(why=fault)


def _role(
    channel: Channel, payees: Collection[Address], payers: Collection[Address]
) -> Role | None:
    pays_us, is_ours = channel.entry.destination in payees, channel.entry.source in payers
    if pays_us:
        return Role.BOTH if is_ours else Role.PAYEE
    return Role.PAYER if is_ours else None


def _floor(channel: Channel | None, best: Claim | None, key: str, role: Role | None) -> Drops:
    """Return what a claim must be above: the best one by the same key, and what was paid.

    What a payer registers may be below what was paid: nothing else can clear it of suspicion.

    While the channel is unknown anybody may send us a huge claim signed with a key of their own;
    it must not stand in the way of the payer's.
    """
    held = best.amount if best is not None and best.public_key == key else Drops(0)
    if channel is None or role is not Role.PAYEE:
        return held
    return max(held, channel.entry.balance)


def _channel_reasons(
    channel: Channel, claim: Claim, ledger_time: RippleTime
) -> Iterator[WhyNotServe]:
    entry = channel.entry
    match phase(channel, ledger_time):
        case Phase.CLOSED:
            yield Standing.CLOSED
        case Phase.EXPIRED:
            yield Standing.EXPIRED
        case _:
            pass
    if entry.expiration is not None:
        yield Closing(expiration=entry.expiration)
    if claim.amount > entry.amount:
        yield BeyondFunds(amount=claim.amount, funds=entry.amount)
