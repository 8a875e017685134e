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
from dataclasses import replace

from watchtower.claims.decision import (
    BadSignature,
    BeyondFunds,
    ChannelUnknown,
    Closing,
    Decision,
    DoesNotApply,
    DoNotServe,
    Kept,
    NotAbove,
    NotKept,
    Pending,
    Role,
    Serve,
    Standing,
    WhyNotServe,
    WrongDestination,
    WrongKey,
)
from watchtower.judgement.channel import Channel, Phase, phase
from watchtower.judgement.claim import Claim, Refused, SignatureFault, Verified, verify
from watchtower.judgement.policy import Policy
from watchtower.judgement.protection import unprotectable
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.units import Address, Drops, RippleTime

__all__ = ["Check", "decide", "may_serve", "under_key"]

Check = Callable[[Claim], Verified | Refused]
"""What a signature is worth: `judgement.claim.verify`, or what it said beforehand."""


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
