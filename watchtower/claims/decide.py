"""Two answers to every claim: is it kept, and is it safe to serve against it?

What it guarantees: a claim whose signature the ledger would take, for a channel that pays an
account we guard, above everything we hold and everything that was paid, is always kept, whatever
else is wrong. Whether to serve against it is said apart, with every reason against (rule 8).

For a channel whose source we guard, a claim is the payer's own word about what it has signed. It
is kept above everything registered before, also below what was paid: that is how a payer says
that a payment was its own. Nobody serves against it.

While no server can tell us of the channel, a well-signed claim is *pending*: stored, and decided
as soon as one answers. Nothing is served against it until then. A claim that names no key is
verified by its channel's; until that is known it is neither good nor bad, and nobody keeps it,
since anybody could fill the disk with such claims.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from msgspec import Struct
from msgspec.structs import replace

from watchtower.claims.decision import (
    BadSignature,
    BeyondFunds,
    ChannelUnknown,
    Closing,
    Decision,
    DoesNotApply,
    DoNotServe,
    Kept,
    KeyUnknown,
    NotAbove,
    NotCovered,
    NothingSigns,
    NotKept,
    Pending,
    Role,
    Serve,
    Standing,
    WhyNotServe,
    WrongDestination,
    WrongKey,
)
from watchtower.claims.given import Given, KeylessClaim
from watchtower.claims.sight import Guard, Sight
from watchtower.judgement.channel import Channel, Phase, phase
from watchtower.judgement.claim import Claim, Refused, SignatureFault, Verified, verify
from watchtower.judgement.deadline import deadline_of, notice_of
from watchtower.judgement.protection import unprotectable
from watchtower.judgement.stake import unpaid
from watchtower.units import Address, Drops, RippleTime

__all__ = ["Check", "Ground", "decide", "ground_of", "may_serve", "under_key"]

Check = Callable[[Claim], Verified | Refused]
"""What a signature is worth: `judgement.claim.verify`, or what it said beforehand."""


class Ground(Struct, frozen=True, kw_only=True, gc=False):
    """What every claim on one channel stands on.

    Attributes:
        channel: its last known state; None if none is known.
        role: on which side we are; None for a channel of strangers.
        looked_up: whether a server answered when we asked for the channel; of a channel that is
            not known it tells "there is none" (True) from "nobody answered" (False).
        against: why nothing is to be served against any claim on it.
        is_over: whether redeeming pays nothing any more, whatever is claimed.
        sure_until: the last ledger time at which redeeming is sure; None while no end is set.
        notice: the seconds for which redeeming stays sure, whatever the payer does from now on;
            None where nobody can tell.
        covered: the channel balance to which it can be redeemed where nothing can sign now, by
            what was signed ahead; None where something can.
    """

    channel: Channel | None
    role: Role | None
    looked_up: bool
    against: tuple[WhyNotServe, ...] = ()
    is_over: bool = False
    sure_until: RippleTime | None = None
    notice: int | None = None
    covered: Drops | None = None

    @property
    def pays_us(self) -> bool:
        """Whether claims on the channel are claims for one of our payees."""
        return self.role in {Role.PAYEE, Role.BOTH}

    def at_stake(self, best: Drops) -> Drops:
        """Return the drops that redeeming a claim for ``best`` would pay one of ours now."""
        if self.channel is None or self.is_over or not self.pays_us:
            return Drops(0)
        return unpaid(self.channel.entry, best)


def ground_of(channel: Channel | None, sight: Sight, guard: Guard) -> Ground:
    """Return what claims on ``channel`` stand on, as it is seen now."""
    looked_up = sight.fact is not None
    if channel is None:
        return Ground(channel=None, role=None, looked_up=looked_up)
    against = (
        *((Standing.LEDGER_STALE,) if sight.is_stale else ()),
        *_channel_reasons(channel, sight.ledger_time),
        *unprotectable(
            channel.entry,
            ledger_time=sight.ledger_time,
            policy=guard.policy,
            payee_exists=sight.payee_exists,
            rules=sight.rules,
        ),
    )
    ground = Ground(
        channel=channel,
        role=_role(channel, guard.payees, guard.payers),
        looked_up=looked_up,
        against=against,
        is_over=phase(channel, sight.ledger_time, sight.rules) in {Phase.EXPIRED, Phase.CLOSED},
        covered=sight.covered,
    )
    return _with_times(ground, channel, sight, guard) if ground.pays_us else ground


def _with_times(ground: Ground, channel: Channel, sight: Sight, guard: Guard) -> Ground:
    """Add until when redeeming is sure, as far as that can be told."""
    deadline = None if channel.closed_at is not None else deadline_of(channel.entry, guard.policy)
    notice = None
    if ground.is_over:
        notice = 0
    elif ground.looked_up:
        notice = notice_of(channel.entry, sight.ledger_time, guard.policy, sight.rules)
    sure_until = None if deadline is None else deadline.sure_until
    return replace(ground, sure_until=sure_until, notice=notice)


def decide(claim: Given, ground: Ground, best: Claim | None, *, check: Check = verify) -> Decision:
    """Decide both answers about ``claim``.

    Args:
        claim: well formed, and nothing more.
        ground: what is known of its channel.
        best: the best claim held for the channel; while the channel is unknown, the best pending
            one by the same key.
        check: says what a signature is worth under the key that a claim names.
    """
    kept = _kept(claim, ground, best, check)
    is_judged = not isinstance(kept, Pending)
    role = ground.role if is_judged else None
    return Decision(kept=kept, serve=may_serve(kept, ground), role=role)


def may_serve(kept: Kept | Pending | NotKept, ground: Ground) -> Serve | DoNotServe | DoesNotApply:
    """Say whether to serve against a claim, by what is known of its channel."""
    if ground.role is Role.PAYER:
        return DoesNotApply()
    if isinstance(kept, NotKept):
        return DoNotServe(reasons=(Standing.NOT_KEPT,))
    if isinstance(kept, Pending) or ground.channel is None:
        return DoNotServe(reasons=(Standing.NOT_JUDGED,))
    amount, funds = kept.claim.amount, ground.channel.entry.amount
    beyond = (BeyondFunds(amount=amount, funds=funds),) if amount > funds else ()
    reasons = (*ground.against, *beyond)
    if ground.covered is not None and ground.covered < (redeemable := min(amount, funds)):
        pays_nothing = ground.covered <= ground.channel.entry.balance
        short = NotCovered(amount=Drops(redeemable), covered=ground.covered)
        reasons += (NothingSigns() if pays_nothing else short,)
    return DoNotServe(reasons=reasons) if reasons else Serve()


def _kept(
    claim: Given, ground: Ground, best: Claim | None, check: Check
) -> Kept | Pending | NotKept:
    channel, role = ground.channel, ground.role
    if channel is None:
        if ground.looked_up:
            return NotKept(why=ChannelUnknown(channel=claim.channel))
    elif role is None:
        why = WrongDestination(channel=claim.channel, destination=channel.entry.destination)
        return NotKept(why=why)
    asked = under_key(claim, channel)
    if asked is None:
        return NotKept(why=KeyUnknown(channel=claim.channel))
    key, checked = asked.public_key, check(asked)
    if isinstance(checked, Refused) and checked.why is not SignatureFault.AMOUNT:
        return NotKept(why=_signature_refusal(claim, key, checked.why))
    floor = _floor(channel, best, key, role)
    if isinstance(checked, Refused) or claim.amount <= floor:
        return NotKept(why=NotAbove(channel=claim.channel, amount=claim.amount, best=floor))
    kind = Pending if channel is None else Kept
    named_another = isinstance(claim, Claim) and claim.public_key != key
    return kind(claim=checked.claim, rescued=checked.rescued or named_another)


def under_key(claim: Given, channel: Channel | None) -> Claim | None:
    """Return the claim as it is verified: with its channel's own key, where that is known.

    That key decides; a claim it has signed is good, whatever key was named with it. None if no key
    is known at all.
    """
    if isinstance(claim, KeylessClaim):
        return None if channel is None else claim.under(channel.entry.public_key)
    if channel is None or channel.entry.public_key == claim.public_key:
        return claim
    return replace(claim, public_key=channel.entry.public_key)


def _signature_refusal(claim: Given, key: str, fault: SignatureFault) -> WrongKey | BadSignature:
    if isinstance(claim, Claim) and claim.public_key != key:
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


def _channel_reasons(channel: Channel, ledger_time: RippleTime) -> Iterator[WhyNotServe]:
    match phase(channel, ledger_time):
        case Phase.CLOSED:
            yield Standing.CLOSED
        case Phase.EXPIRED:
            yield Standing.EXPIRED
        case _:
            pass
    if channel.entry.expiration is not None:
        yield Closing(expiration=channel.entry.expiration)
