"""Claims that came together, decided as if they had come one after another.

What it guarantees: each gets the answers that it would have got alone, behind those before it. What
is to be written is one record for each channel that a claim raised, however many claims there
were, so that a thousand claims on one channel cost one seal and one line of the journal.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from watchtower.claims.answer import Answer
from watchtower.claims.decide import Check, Ground, decide, ground_of, may_serve
from watchtower.claims.decision import (
    Decision,
    DoNotServe,
    ExposureReached,
    Kept,
    NotAbove,
    NotKept,
    Pending,
    PendingFull,
    Serve,
    Standing,
)
from watchtower.claims.exposure import Exposed, Sums
from watchtower.claims.given import Given, KeylessClaim
from watchtower.claims.receipt import Held, State
from watchtower.claims.sight import Guard, Sight
from watchtower.judgement.channel import Channel, observe
from watchtower.judgement.claim import Claim, verify
from watchtower.judgement.stake import unpaid
from watchtower.ledger.events import ChannelChanged
from watchtower.units import ChannelId, Drops

__all__ = ["Group", "PendingName", "Raised", "seen_again"]

_Name = TypeVar("_Name")

PendingName = tuple[ChannelId, str]
"""A channel that no server has told of, and the key that claims on it name."""


@dataclass(slots=True, kw_only=True)
class Raised:
    """What is to be kept for one channel: the highest claim, and for how many it stands."""

    claim: Claim
    rescued: bool
    claims: int = 1


@dataclass(slots=True, kw_only=True)
class Group:
    """One group, which begins with what the store has.

    Attributes:
        guard: for whom.
        channels: the channels that are known, of those that the claims are for.
        best: their best claims.
        pending: the claims that wait for their channel.
        check: verifies a signature; told apart so that many can be verified beforehand.
        sums: what is at stake, with those claims that have been decided.
        room: how many more claims may wait for their channel; None for as many as come.
        opened: channels of ours that were not known, to be remembered.
        raised: best claims to be kept, by channel.
        waiting: claims to be kept until a server tells of their channel.
    """

    guard: Guard
    channels: Mapping[ChannelId, Channel] = field(default_factory=dict)
    best: Mapping[ChannelId, Claim] = field(default_factory=dict)
    pending: Mapping[PendingName, Claim] = field(default_factory=dict)
    check: Check = verify
    sums: Sums = field(default_factory=Sums)
    room: int | None = None
    opened: dict[ChannelId, Channel] = field(default_factory=dict)
    raised: dict[ChannelId, Raised] = field(default_factory=dict)
    waiting: dict[PendingName, Raised] = field(default_factory=dict)
    _grounds: dict[ChannelId, tuple[Sight, Ground]] = field(default_factory=dict)

    def take(self, claim: Given, sight: Sight) -> Answer:
        """Decide about the next claim; the answer is for when what is to be kept is on disk."""
        ground = self._ground(claim.channel, sight)
        best = self._best_of(claim, is_known=ground.channel is not None)
        decision = self._if_there_is_room(decide(claim, ground, best, check=self.check))
        self._keep(decision)
        held = _held(claim, decision, best, is_known=ground.channel is not None)
        answer = _answer_for(claim, decision, _best_after(decision, best), ground, held)
        if isinstance(decision.kept, Kept) and self.guard.limits.are_set:
            return self._limited(answer, ground)
        return answer

    def on_disk(self, held: Held) -> Held:
        """Return what is on disk for something that was decided, once the group is written.

        Of several claims on one channel, or of several that wait under one key, that is the last.
        """
        claim = held.claim
        if held.state is State.KEPT:
            last = self.raised.get(claim.channel)
        else:
            last = self.waiting.get((claim.channel, claim.public_key))
        return held if last is None else Held(last.claim, held.state)

    def _limited(self, answer: Answer, ground: Ground) -> Answer:
        """Return the answer with the limits that its claim passes, behind those before it."""
        channel = ground.channel
        if channel is None or not ground.pays_us:
            return answer
        unredeemed = Drops(0)
        if channel.closed_at is None:
            unredeemed = unpaid(channel.entry, answer.best)
        exposed = self.sums.count(channel.entry, unredeemed)
        return _held_to(self.guard, replace(answer, exposed=exposed))

    def _ground(self, name: ChannelId, sight: Sight) -> Ground:
        """Return what claims on a channel stand on, worked out once for each sight of it."""
        before = self._grounds.get(name)
        if before is not None and before[0] is sight:
            return before[1]
        ground = ground_of(self._channel(name, sight), sight, self.guard)
        self._grounds[name] = (sight, ground)
        return ground

    def _channel(self, name: ChannelId, sight: Sight) -> Channel | None:
        """Return the newest state known, and have a channel of ours remembered that was not."""
        known = self.opened.get(name) or self.channels.get(name)
        if sight.fact is None:
            return known
        channel, _ = observe(known, sight.fact)
        if known is None and channel is not None and self.guard.has(channel):
            self.opened[name] = channel
        return channel

    def _best_of(self, claim: Given, *, is_known: bool) -> Claim | None:
        """Return the best claim so far; while the channel is unknown, the best by the same key."""
        if (raised := self.raised.get(claim.channel)) is not None:
            return raised.claim
        best = self.best.get(claim.channel)
        if best is not None or is_known or isinstance(claim, KeylessClaim):
            return best
        name = (claim.channel, claim.public_key)
        waiting = self.waiting.get(name)
        return self.pending.get(name) if waiting is None else waiting.claim

    def _if_there_is_room(self, decision: Decision) -> Decision:
        """Refuse what would wait for its channel and is new, where too many wait already.

        Whoever makes up channels and keys fills no disk. What is known to be ours never waits.
        """
        kept = decision.kept
        if self.room is None or not isinstance(kept, Pending):
            return decision
        name = (kept.claim.channel, kept.claim.public_key)
        if name in self.pending or name in self.waiting:
            return decision
        if self.room == 0:
            why = PendingFull(channel=kept.claim.channel)
            return Decision(kept=NotKept(why=why), serve=DoNotServe(reasons=(Standing.NOT_KEPT,)))
        self.room -= 1
        return decision

    def _keep(self, decision: Decision) -> None:
        kept = decision.kept
        if isinstance(kept, Kept):
            _raise(self.raised, kept.claim.channel, kept)
        elif isinstance(kept, Pending):
            _raise(self.waiting, (kept.claim.channel, kept.claim.public_key), kept)


def seen_again(
    answer: Answer, sight: Sight, guard: Guard, exposed: Exposed | None = None
) -> Answer:
    """Return an answer as it is by what is seen of the channel now; what was kept is kept.

    While a claim is written the ledger goes on: a close request that was validated meanwhile must
    not find an answer on its way that says to serve. Nor must what is at stake by then, with the
    claim's payer and in all (``exposed``), where that is above a limit.
    """
    if answer.is_pending:
        return answer  # it was not judged, and is not by what comes later either
    fact, decision = sight.fact, _unlimited(answer.decision)
    if not isinstance(fact, ChannelChanged):
        if isinstance(decision.serve, Serve):
            why = Standing.LEDGER_STALE if fact is None else Standing.CLOSED
            decision = replace(decision, serve=DoNotServe(reasons=(why,)))
        return replace(
            answer,
            decision=decision,
            at_stake=Drops(0),
            sure_until=None,
            notice=None if fact is None or answer.notice is None else 0,
            exposed=None,
        )
    ground = ground_of(Channel(entry=fact.entry, as_of=fact.at), sight, guard)
    if isinstance(decision.serve, Serve):
        decision = replace(decision, serve=may_serve(decision.kept, ground))
    if exposed is not None:
        exposed = replace(exposed, of_channel=unpaid(fact.entry, answer.best))
    again = replace(
        answer,
        decision=decision,
        at_stake=ground.at_stake(answer.best),
        sure_until=ground.sure_until,
        notice=ground.notice,
        exposed=exposed,
    )
    return _held_to(guard, again)


def _held_to(guard: Guard, answer: Answer) -> Answer:
    """Return an answer that says which limits are passed, and not to serve by them."""
    decision, exposed = answer.decision, answer.exposed
    reached = () if exposed is None else guard.limits.reached(exposed)
    if not reached:
        return answer
    others = decision.serve.reasons if isinstance(decision.serve, DoNotServe) else ()
    serve = DoNotServe(reasons=(*others, *reached))
    return replace(answer, decision=replace(decision, serve=serve))


def _unlimited(decision: Decision) -> Decision:
    """Return a decision without what limits had to say: they are asked anew."""
    if not isinstance(decision.serve, DoNotServe):
        return decision
    others = [r for r in decision.serve.reasons if not isinstance(r, ExposureReached)]
    serve = DoNotServe(reasons=tuple(others)) if others else Serve()
    return replace(decision, serve=serve)


def _answer_for(
    claim: Given, decision: Decision, best: Drops, ground: Ground, held: Held | None
) -> Answer:
    return Answer(
        claim=claim,
        decision=decision,
        best=best,
        held=held,
        at_stake=ground.at_stake(best),
        sure_until=ground.sure_until,
        notice=ground.notice,
    )


def _raise(raised: dict[_Name, Raised], name: _Name, kept: Kept | Pending) -> None:
    before = raised.get(name)
    claims = 1 if before is None else before.claims + 1
    raised[name] = Raised(claim=kept.claim, rescued=kept.rescued, claims=claims)


def _held(claim: Given, decision: Decision, best: Claim | None, *, is_known: bool) -> Held | None:
    """Return what is on disk for a claim, once its group is."""
    kept = decision.kept
    if isinstance(kept, Kept):
        return Held(kept.claim, State.KEPT)
    if isinstance(kept, Pending):
        return Held(kept.claim, State.PENDING)
    is_below = isinstance(kept.why, NotAbove) and best is not None and claim.amount <= best.amount
    if not is_below or best is None:
        return None
    return Held(best, State.KEPT if is_known else State.PENDING)


def _best_after(decision: Decision, best: Claim | None) -> Drops:
    if isinstance(decision.kept, NotKept):
        return Drops(0) if best is None else best.amount
    return decision.kept.claim.amount
