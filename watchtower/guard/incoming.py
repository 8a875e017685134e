"""The payee's side of all that is guarded, in memory: channels that pay us, and what is owed.

Pure, and the other half of ``watch.py``, whose channels and claims it shares: a channel between two
of our accounts stands on both sides, and is judged on each.

What it guarantees:

- Judging is level-triggered: a judgement follows from the present state alone.
- A ledger that touches nothing costs nothing. Judged again are channels that changed, those whose
  next threshold of ledger time has come, and those that another tower may redeem first, or whose
  end one server alone has told; the rest are not looked at, however many wait for their turn.
- Of a channel on which nothing presses no judgement is kept: what is at stake on it follows from
  the channel and its claim alone, and is noted only while they change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from watchtower.guard.agenda import Agenda
from watchtower.guard.best_claims import BestClaims
from watchtower.guard.deadlines import Deadlines
from watchtower.guard.exposure import Exposure
from watchtower.guard.lost import Lost
from watchtower.guard.owed import Owed, is_owed, obligation_of
from watchtower.guard.pressing import Pressing
from watchtower.judgement.channel import Channel
from watchtower.judgement.channel_events import ChannelEvent, Paid
from watchtower.judgement.judge import Judgement, judge
from watchtower.judgement.policy import Policy
from watchtower.judgement.rules import ChannelRules
from watchtower.judgement.stake import unpaid
from watchtower.judgement.verdict import Closed, Expired, Settled, Threatened, Watching
from watchtower.ledger.events import ChannelEntry
from watchtower.response.obligation import Obligation
from watchtower.units import Address, ChannelId, Drops, RippleTime

__all__ = ["Incoming"]

_NOTHING: Final = Drops(0)


class Incoming:
    """The channels that pay ``payees``.

    Attributes:
        judgements: those given last, of channels on which something presses, or that are over, or
            that cannot be protected.
        at_stake: the drops that would be lost by them if nobody redeemed any more.
        paid: the drops that channels were seen to pay since this was begun.
        last_redeemed: when a payment of each channel was seen last, in ledger time.
        deadlines: which of them end first, of those on which something is at stake.
        exposure: what is at stake now, with each payer and in all, judged or not.
        pressing: the judgements in sums.
        lost: what was told as lost, in sums, by who knows when that is sure.
        missing_payees: those that the ledger is known not to have, and that cannot be paid.
    """

    def __init__(
        self,
        payees: Iterable[Address],
        policy: Policy,
        *,
        channels: Mapping[ChannelId, Channel],
        best: BestClaims,
        lost: Lost | None = None,
    ) -> None:
        """Look at the watch's own ``channels`` and ``best``; go on with what was ``lost``."""
        self.payees = frozenset(payees)
        self.policy = policy
        self.judgements: dict[ChannelId, Judgement] = {}
        self.pressing = Pressing()
        self.lost = lost or Lost()
        self.at_stake = 0
        self.paid = 0
        self.last_redeemed: dict[ChannelId, RippleTime] = {}
        self.missing_payees: set[Address] = set()
        self.deadlines = Deadlines()
        self.exposure = Exposure(self.payees, channels=channels, best=best)
        self._channels = channels
        self._best = best
        # Each with what was at stake on it when it was judged last.
        self._dirty: dict[ChannelId, Drops] = {c: _NOTHING for c in channels if self.has(c)}
        self._restless: set[ChannelId] = set()
        self._owed = Owed()
        self._agenda = Agenda()

    def concerns(self, entry: ChannelEntry) -> bool:
        """Return whether a channel pays one of ours."""
        return entry.destination in self.payees

    def has(self, channel_id: ChannelId) -> bool:
        """Return whether a channel is known, and pays one of ours."""
        channel = self._channels.get(channel_id)
        return channel is not None and self.concerns(channel.entry)

    def will_change(self, channel_id: ChannelId) -> None:
        """Take note of how a channel stands: it, or its best claim, is about to change."""
        self.exposure.take_out(channel_id)
        self._dirty.setdefault(channel_id, self._judged_at(channel_id))

    def has_changed(self, channel_id: ChannelId) -> None:
        """Count a channel as it is now, and have it judged; `will_change` was called before."""
        self.exposure.put_in(channel_id)
        self.touch(channel_id)

    def redeemed(
        self, channel_id: ChannelId, events: Iterable[ChannelEvent], now: RippleTime | None
    ) -> RippleTime | None:
        """Take note of what a channel was seen to pay; return when, if it did and that is known."""
        paid = [event.drops for event in events if isinstance(event, Paid)]
        if not paid or not self.has(channel_id):
            return None
        self.paid += sum(paid)
        if now is not None:
            self.last_redeemed[channel_id] = now
        return now

    def touch(self, channel_id: ChannelId) -> None:
        """Have a channel judged again, and what is owed on it looked at anew."""
        if self.has(channel_id):
            self._dirty.setdefault(channel_id, self._judged_at(channel_id))
            self._owed.changed(channel_id)

    def touch_all(self) -> None:
        """Have everything judged anew."""
        for channel_id in self._channels:
            if self.has(channel_id):
                self._dirty.setdefault(channel_id, self._judged_at(channel_id))

    def payee_seen(self, account: Address, *, exists: bool) -> None:
        """Take note whether an account is in the ledger and can be paid."""
        if exists != (account not in self.missing_payees):
            (self.missing_payees.discard if exists else self.missing_payees.add)(account)
            for channel_id, channel in self._channels.items():
                if channel.entry.destination == account:
                    self._dirty.setdefault(channel_id, self._judged_at(channel_id))

    def judge(
        self, now: RippleTime, *, over_by: RippleTime, rules: ChannelRules
    ) -> tuple[Judgement, ...]:
        """Return the judgements that may differ from those given last.

        Args:
            now: the ledger time by which there is haste.
            over_by: the ledger time by which a channel is over.
            rules: those of the network.
        """
        for channel_id in (*self._agenda.reached(now), *self._restless):
            self._dirty.setdefault(channel_id, self._judged_at(channel_id))
        dirty, self._dirty = self._dirty, {}
        due = sorted(id_ for id_ in dirty if self.has(id_))
        return tuple(self._judge(id_, dirty[id_], now, over_by=over_by, rules=rules) for id_ in due)

    def at_risk(self, channel_id: ChannelId) -> Drops:
        """Return the drops at stake on a channel, if it can be protected by what was judged."""
        judgement = self.judgements.get(channel_id)
        if judgement is not None and not judgement.protectable:
            return _NOTHING
        return self._judged_at(channel_id)

    def obligations(self) -> tuple[Obligation, ...]:
        """Return what is to be redeemed by the judgements given last.

        What was paid since is left out; what else changed waits for the next judgement.
        """
        return self._owed.all(self._obligation)

    def forget(self, channel_id: ChannelId) -> None:
        """Drop a channel that is closed: nothing is at stake on it, and no sum needs a change."""
        self.pressing.changed(channel_id, self.judgements.pop(channel_id, None), None)
        self.last_redeemed.pop(channel_id, None)
        self.deadlines.put(channel_id, None)
        self._owed.judged(channel_id, redeem=False)
        self._dirty.pop(channel_id, None)
        self._restless.discard(channel_id)

    def _obligation(self, channel_id: ChannelId) -> Obligation | None:
        judgement, channel = self.judgements[channel_id], self._channels[channel_id]
        return obligation_of(judgement, channel, self._best.get(channel_id))

    def _judged_at(self, channel_id: ChannelId) -> Drops:
        """Return what is at stake on a channel, as it was judged if it did not change since."""
        if (judgement := self.judgements.get(channel_id)) is not None:
            return judgement.at_stake
        channel = self._channels.get(channel_id)
        if channel is None or not self.concerns(channel.entry):
            return _NOTHING
        return unpaid(channel.entry, self._best.amount(channel_id))

    def _judge(
        self,
        channel_id: ChannelId,
        before: Drops,
        now: RippleTime,
        *,
        over_by: RippleTime,
        rules: ChannelRules,
    ) -> Judgement:
        channel = self._channels[channel_id]
        judgement = judge(
            channel,
            self._best.get(channel_id),
            ledger_time=now,
            policy=self.policy,
            payee_exists=channel.entry.destination not in self.missing_payees,
            last_redeemed=self.last_redeemed.get(channel_id),
            rules=rules,
            over_by=over_by,
        )
        self.at_stake += judgement.at_stake - before
        loud = None if _is_quiet(judgement) else judgement
        self.pressing.changed(channel_id, self.judgements.pop(channel_id, None), loud)
        if loud is not None:
            self.judgements[channel_id] = loud
        due = judgement.deadline if judgement.at_stake else None
        self.deadlines.put(channel_id, None if due is None else due.sure_until)
        self._owed.judged(channel_id, redeem=is_owed(judgement))
        # Another tower's time ends, and so does that of an end which one server alone has told.
        is_restless = isinstance(judgement.verdict, Threatened) and not (
            judgement.redeem and now < judgement.verdict.ends_at
        )
        (self._restless.add if is_restless else self._restless.discard)(channel_id)
        self._await_threshold(judgement, now)
        return judgement

    def _await_threshold(self, judgement: Judgement, now: RippleTime) -> None:
        """Note the next ledger time at which the judgement may change by time alone."""
        if isinstance(judgement.verdict, Closed | Expired):
            return
        times = []
        if judgement.deadline is not None:
            end = judgement.deadline.ends_at
            # Whether a channel has expired at its end or a second later depends on the rules.
            times += [end - self.policy.lead, end, end + 1]
            if isinstance(judgement.verdict, Threatened):
                times += judgement.deadline.runs_low()
        if self.policy.redeem_every is not None and not isinstance(judgement.verdict, Settled):
            times.append(self.last_redeemed.get(judgement.channel, now) + self.policy.redeem_every)
        coming = [time for time in times if time > now]
        if coming:
            self._agenda.note(judgement.channel, RippleTime(min(coming)))


def _is_quiet(judgement: Judgement) -> bool:
    """Return whether a judgement follows from its channel and claim, whatever the time is."""
    return (
        isinstance(judgement.verdict, Settled | Watching)
        and judgement.deadline is None
        and judgement.redeem_why is None
        and judgement.protectable
    )
