"""The payer's side of a channel: when it can be finalised, and whether its claim key is stolen.

What it guarantees: as in ``judge.py``, a judgement is a pure function of state, computed anew
whenever something of it changes. Nothing is finalised that could still be renewed, and nobody is
accused because of a claim that nobody could have told us about.

*Ended.* A channel that has reached its end stays in the ledger until somebody touches it; the
source's ``tfClose`` brings what is left, and the reserve, home (rippled PaymentChannelClaim.cpp).
Sent too early the same transaction would begin a close, so it waits until a ledger of which every
fact is known closed behind the end: whatever comes after it finds the channel expired.

*Foreign.* The payer registers what it signs, before it hands it out. A claim above the highest
one registered was signed by somebody else with the channel's key. Two things show it:

- a claim that somebody *presented*, and that the channel's own key signed. It proves itself,
  whoever tells of it and whatever the ledger made of it; who asks for less than it was given is
  no less a thief.
- a *balance* above what was registered, where no claim was seen. What the source paid out by
  itself (``Balance`` without ``Signature``, for which its account's key is enough) is explained,
  as is what was paid before anything was registered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from watchtower.judgement.channel import Channel, ends_at
from watchtower.judgement.claim import Claim, Verified, verify
from watchtower.judgement.policy import PayerPolicy
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.ledger.events import ChannelEntry, ClaimPresented, Position
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime, TxHash

__all__ = [
    "Act",
    "Foreign",
    "OutgoingJudgement",
    "Standing",
    "Tally",
    "after_claim",
    "after_state",
    "judge_outgoing",
]

_NOTHING: Final = Drops(0)


class Standing(StrEnum):
    """Where an outgoing channel stands, for its payer."""

    OPEN = "open"  # no end is set, or CancelAfter is still to come
    CLOSING = "closing"  # an Expiration is set and is still to come
    ENDED = "ended"  # its end has come, and it is not sure yet that every ledger sees it so
    EXPIRED = "expired"  # it has surely ended, and waits in the ledger to be finalised
    CLOSED = "closed"  # it is gone


class Act(StrEnum):
    """What to do about an outgoing channel now."""

    FINALISE = "finalise"
    REQUEST_CLOSE = "request_close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What we know of the claims on a channel beyond its state.

    Attributes:
        explained: the balance up to which everything paid is accounted for without any claim:
            the source paid it itself, or nothing was registered at the time.
        presented: the highest claim that the channel's key signed and somebody presented.
        transaction: the one that presented it.
    """

    explained: Drops = _NOTHING
    presented: Drops = _NOTHING
    transaction: TxHash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A claim for ``amount`` drops that nobody registered, and its transaction if that was seen."""

    amount: Drops
    transaction: TxHash | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingJudgement:
    """What we think of one channel, for its payer.

    Attributes:
        channel: whose judgement it is.
        ledger_time: close time of the newest ledger of which every fact is known.
        as_of: the place in history since which the channel's state holds.
        standing: where it stands.
        is_final: whether it was seen to close, so that nothing of it will change.
        ends_at: when it ends, or ended; None if no end is set.
        returns: drops that go back to the source when it closes as it is.
        signed: the highest claim registered, in drops; None if none is, and none need be.
        foreign: a claim above it that somebody made; None if none is known.
        act: what to do now; None for nothing.
    """

    channel: ChannelId
    ledger_time: RippleTime
    as_of: Position
    standing: Standing
    is_final: bool
    ends_at: RippleTime | None
    returns: Drops
    signed: Drops | None
    foreign: Foreign | None
    act: Act | None


def judge_outgoing(
    channel: Channel,
    best: Claim | None,
    tally: Tally,
    *,
    ledger_time: RippleTime,
    accounted: LedgerIndex | None,
    policy: PayerPolicy,
    rules: ChannelRules = STRICT,
) -> OutgoingJudgement:
    """Judge ``channel`` for its source.

    Args:
        channel: its newest known state.
        best: the highest claim registered as signed.
        tally: what is known of claims beyond that.
        ledger_time: close time of the newest ledger of which every fact is known.
        accounted: the newest ledger of which every fact is known; None before the first.
        policy: what the operator wants for payers.
        rules: the network's; the reading that is latest where they are not known.
    """
    entry = channel.entry
    standing = _standing(channel, ledger_time, policy, rules)
    signed = _signed(best, policy)
    # A balance that was read may be ahead of the history that explains it.
    is_explained_by_now = accounted is not None and channel.as_of.ledger_index <= accounted
    foreign = (
        None if signed is None else _foreign(entry, signed, tally, by_state=is_explained_by_now)
    )
    return OutgoingJudgement(
        channel=entry.channel,
        ledger_time=ledger_time,
        as_of=channel.closed_at or channel.as_of,
        standing=standing,
        is_final=channel.is_final,
        ends_at=ends_at(entry),
        returns=Drops(entry.amount - entry.balance),
        signed=signed,
        foreign=foreign,
        act=_act(standing, foreign, policy),
    )


def after_state(
    tally: Tally,
    entry: ChannelEntry,
    *,
    best: Claim | None,
    policy: PayerPolicy,
    known_before: bool,
    paid: Drops = _NOTHING,
) -> Tally:
    """Return the tally after a state of the channel was learnt.

    Args:
        tally: as it was.
        entry: the channel's state.
        best: the highest claim registered.
        policy: whether everything that is signed is registered.
        known_before: whether the channel was known; what it had paid until then is explained.
        paid: what of the balance was paid by the very transaction that told of the state.
    """
    if _signed(best, policy) is None:
        return replace(tally, explained=max(tally.explained, entry.balance))
    if known_before:
        return tally
    return replace(tally, explained=max(tally.explained, Drops(entry.balance - paid)))


def after_claim(
    tally: Tally,
    fact: ClaimPresented,
    entry: ChannelEntry,
    *,
    best: Claim | None,
    policy: PayerPolicy,
) -> Tally:
    """Return the tally after somebody presented a claim on the channel that ``entry`` describes."""
    signed = _signed(best, policy)
    if signed is None:
        return tally
    if not fact.signature:
        return _after_own_payment(tally, fact, entry, signed)
    claim = Claim(
        channel=fact.channel,
        amount=fact.amount,
        public_key=entry.public_key,
        signature=fact.signature,
    )
    if fact.amount <= max(signed, tally.presented) or not isinstance(verify(claim), Verified):
        return tally
    return replace(tally, presented=fact.amount, transaction=fact.transaction)


def _after_own_payment(
    tally: Tally, fact: ClaimPresented, entry: ChannelEntry, signed: Drops
) -> Tally:
    """Take what the source paid by itself as explained, but not what had been taken before."""
    before = fact.balance - fact.paid
    if fact.sender != entry.source or not fact.paid or before > max(signed, tally.explained):
        return tally
    return replace(tally, explained=max(tally.explained, fact.balance))


def _signed(best: Claim | None, policy: PayerPolicy) -> Drops | None:
    if best is not None:
        return best.amount
    return _NOTHING if policy.register_all else None


def _standing(
    channel: Channel, ledger_time: RippleTime, policy: PayerPolicy, rules: ChannelRules
) -> Standing:
    if channel.closed_at is not None:
        return Standing.CLOSED
    end = ends_at(channel.entry)
    if end is not None and rules.has_surely_ended(RippleTime(end + policy.margin), ledger_time):
        return Standing.EXPIRED
    if end is not None and rules.has_ended(end, ledger_time):
        return Standing.ENDED
    return Standing.OPEN if channel.entry.expiration is None else Standing.CLOSING


def _foreign(entry: ChannelEntry, signed: Drops, tally: Tally, *, by_state: bool) -> Foreign | None:
    if tally.presented > signed:
        return Foreign(amount=tally.presented, transaction=tally.transaction)
    if by_state and entry.balance > max(signed, tally.explained):
        return Foreign(amount=entry.balance, transaction=None)
    return None


def _act(standing: Standing, foreign: Foreign | None, policy: PayerPolicy) -> Act | None:
    if standing is Standing.EXPIRED:
        return Act.FINALISE if policy.finalise else None
    if foreign is None or not policy.close_on_foreign or standing is not Standing.OPEN:
        return None
    return Act.REQUEST_CLOSE
