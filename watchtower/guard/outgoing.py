"""The payer's side of all that is guarded, in memory: channels from our accounts, and their claims.

Pure, and the other half of ``watch.py``, whose channels and claims it shares: a channel between two
of our accounts stands on both sides, and is judged on each.

What it guarantees: judging is level-triggered, and costs with what changed. Judged again are
channels that changed, those for which something is to be done, and those whose end has come.
Expiry is judged by the close time of the newest ledger of which *every* fact is known, not by the
newest one that was heard of: a channel may have been renewed in between, and a ``tfClose`` for one
that was would not finalise it but begin to close it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from watchtower.guard.agenda import Agenda
from watchtower.guard.learned import channel_of
from watchtower.judgement.channel import Channel, ends_at
from watchtower.judgement.claim import Claim
from watchtower.judgement.outgoing import (
    Act,
    OutgoingJudgement,
    Tally,
    after_claim,
    after_state,
    judge_outgoing,
)
from watchtower.judgement.policy import PayerPolicy
from watchtower.judgement.rules import STRICT, ChannelRules
from watchtower.ledger.events import (
    ChannelEntry,
    ChannelFact,
    ChannelMissing,
    ClaimPresented,
    LedgerClosed,
)
from watchtower.response.attempt import Purpose
from watchtower.response.obligation import Closing
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

__all__ = ["Outgoing"]

_UNACCOUNTED: Final = 4_096
"""Ledgers whose close times are kept while they wait to be accounted for: some four hours."""

_HASTE: Final = 40
"""Seconds in which to have asked for an urgent close: soon enough to pay what the open ledger
costs, and long enough not to begin with the whole budget."""

_NO_TALLY: Final = Tally()
_PURPOSE: Final = {Act.FINALISE: Purpose.FINALISE, Act.REQUEST_CLOSE: Purpose.REQUEST_CLOSE}


class Outgoing:
    """The outgoing channels of ``payers``.

    ``judgements`` are those given last; ``accounted_time`` is the close time by which they are
    given, None until every fact of some ledger is known.
    """

    def __init__(
        self,
        payers: Iterable[Address],
        policy: PayerPolicy,
        *,
        channels: Mapping[ChannelId, Channel],
        best: Mapping[ChannelId, Claim],
        tallies: Mapping[ChannelId, Tally] | None = None,
    ) -> None:
        """Look at the watch's own ``channels`` and ``best`` claims, with what is remembered."""
        self.payers = frozenset(payers)
        self.policy = policy
        self.judgements: dict[ChannelId, OutgoingJudgement] = {}
        self.accounted_time: RippleTime | None = None
        self._channels = channels
        self._best = best
        self._tallies = dict(tallies or {})
        self._unwritten: dict[ChannelId, Tally] = {}
        self._accounted: LedgerIndex | None = None
        self._closed: deque[LedgerClosed] = deque(maxlen=_UNACCOUNTED)
        self._dirty = {channel_id for channel_id in channels if self.has(channel_id)}
        self._acting: set[ChannelId] = set()
        self._ahead: set[ChannelId] = set()
        self._agenda = Agenda()

    def concerns(self, entry: ChannelEntry) -> bool:
        """Return whether a channel's source is one of ours."""
        return entry.source in self.payers

    def has(self, channel_id: ChannelId) -> bool:
        """Return whether a channel is known, and its source one of ours."""
        channel = self._channels.get(channel_id)
        return channel is not None and self.concerns(channel.entry)

    def source_of(self, channel_id: ChannelId) -> Address | None:
        """Return the source of an outgoing channel, as validated ledgers have told it."""
        return self._channels[channel_id].entry.source if self.has(channel_id) else None

    def is_claimed(self, fact: ChannelFact | ClaimPresented) -> bool:
        """Return whether a fact tells of a claim on a channel from one of ours that is known."""
        if isinstance(fact, ChannelMissing) or not self.has(channel_of(fact)):
            return False
        if isinstance(fact, ClaimPresented):
            return True
        return fact.entry.balance > self._channels[fact.entry.channel].entry.balance

    def is_foreign(self, channel_id: ChannelId) -> bool:
        """Return whether a claim on the channel is known that was never registered.

        Also before it is judged: history that is read again may tell of one on a channel that is
        closed, and whoever was killed between the two had told nobody.
        """
        if (judgement := self.judgements.get(channel_id)) is not None:
            return judgement.foreign is not None
        best = self._best.get(channel_id)
        return self._tally(channel_id).presented > (0 if best is None else best.amount)

    def learned(self, entry: ChannelEntry, *, known_before: bool, paid: Drops = Drops(0)) -> None:
        """Take note of a state that the watch has learnt of an outgoing channel."""
        tally = after_state(
            self._tally(entry.channel),
            entry,
            best=self._best.get(entry.channel),
            policy=self.policy,
            known_before=known_before,
            paid=paid,
        )
        self._keep(entry.channel, tally)
        self.touch(entry.channel)

    def presented(self, fact: ClaimPresented) -> None:
        """Take note of a claim that somebody presented."""
        if not self.has(fact.channel):
            return
        tally = after_claim(
            self._tally(fact.channel),
            fact,
            self._channels[fact.channel].entry,
            best=self._best.get(fact.channel),
            policy=self.policy,
        )
        self._keep(fact.channel, tally)

    def touch(self, channel_id: ChannelId) -> None:
        """Have a channel judged anew, if it is an outgoing one."""
        if self.has(channel_id):
            self._dirty.add(channel_id)

    def touch_all(self) -> None:
        """Have everything judged anew."""
        self._dirty.update(id_ for id_ in self._channels if self.has(id_))

    def ledger_closed(self, closed: LedgerClosed) -> None:
        """Take note of the close time of a ledger, the newest one."""
        self._closed.append(closed)

    def accounted(self, ledger_index: LedgerIndex) -> None:
        """Let time pass up to a ledger of which every fact is known now."""
        self._accounted = ledger_index
        while self._closed and self._closed[0].ledger_index <= ledger_index:
            self.accounted_time = self._closed.popleft().sure_time
        # What was read ahead of history is judged anew as history catches up with it.
        self._dirty |= self._ahead
        self._ahead.clear()

    def judge(self, rules: ChannelRules = STRICT) -> tuple[OutgoingJudgement, ...]:
        """Return the judgements that may differ from those given last."""
        now = self.accounted_time
        if now is None:
            return ()
        self._dirty.update(self._agenda.reached(now))
        due = sorted(id_ for id_ in self._dirty | self._acting if self.has(id_))
        self._dirty.clear()
        return tuple(self._judge(channel_id, now, rules) for channel_id in due)

    def closings(self, increment: Drops) -> tuple[Closing, ...]:
        """Return what is to be finalised, or asked to close, by the judgements given last.

        A close request waits for the next judgement where anything changed since: a claim that
        was registered a moment ago must not have its channel closed.

        Args:
            increment: the owner reserve that comes back with a channel that is gone.
        """
        return tuple(
            self._closing(self.judgements[channel_id], increment)
            for channel_id in sorted(self._acting)
            if self._channels[channel_id].closed_at is None and not self._is_hasty(channel_id)
        )

    def tally_of(self, channel_id: ChannelId) -> Tally:
        """Return what was presented on a channel, and what was paid, as far as was seen."""
        return self._tallies.get(channel_id, Tally())

    def take_unwritten(self) -> dict[ChannelId, Tally]:
        """Hand over the tallies that changed since this was last asked."""
        unwritten, self._unwritten = self._unwritten, {}
        return unwritten

    def forget(self, channel_id: ChannelId) -> None:
        """Drop a channel that is closed and done with."""
        for held in (self.judgements, self._tallies):
            held.pop(channel_id, None)
        for waiting in (self._dirty, self._acting, self._ahead):
            waiting.discard(channel_id)

    def _tally(self, channel_id: ChannelId) -> Tally:
        return self._tallies.get(channel_id, _NO_TALLY)

    def _keep(self, channel_id: ChannelId, tally: Tally) -> None:
        if tally != self._tally(channel_id):
            self._tallies[channel_id] = self._unwritten[channel_id] = tally
            self.touch(channel_id)

    def _judge(
        self, channel_id: ChannelId, now: RippleTime, rules: ChannelRules
    ) -> OutgoingJudgement:
        channel = self._channels[channel_id]
        judgement = judge_outgoing(
            channel,
            self._best.get(channel_id),
            self._tally(channel_id),
            ledger_time=now,
            accounted=self._accounted,
            policy=self.policy,
            rules=rules,
        )
        self.judgements[channel_id] = judgement
        (self._acting.discard if judgement.act is None else self._acting.add)(channel_id)
        if self._accounted is None or channel.as_of.ledger_index > self._accounted:
            self._ahead.add(channel_id)
        end = None if channel.closed_at is not None else ends_at(channel.entry)
        if end is not None:
            # Which second is the first behind the end depends on the rules; see ChannelRules.
            sure = end + self.policy.margin
            coming = min((t for t in (end, end + 1, sure, sure + 1) if t > now), default=None)
            if coming is not None:
                self._agenda.note(channel_id, RippleTime(coming))
        return judgement

    def _is_hasty(self, channel_id: ChannelId) -> bool:
        is_request = self.judgements[channel_id].act is Act.REQUEST_CLOSE
        return is_request and channel_id in self._dirty

    def _closing(self, judgement: OutgoingJudgement, increment: Drops) -> Closing:
        entry = self._channels[judgement.channel].entry
        is_urgent = judgement.act is Act.REQUEST_CLOSE
        return Closing(
            channel=judgement.channel,
            account=entry.source,
            purpose=Purpose.FINALISE if judgement.act is None else _PURPOSE[judgement.act],
            at_stake=Drops(judgement.returns + increment),
            balance=entry.balance,
            # A thief with the claim key may take all that is left at any moment.
            deadline=RippleTime(judgement.ledger_time + _HASTE) if is_urgent else None,
        )
