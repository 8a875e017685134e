"""All that is guarded, in memory: channels, best claims, attempts, estates, and judgements.

Pure: facts, claims and ledgers go in; events, outcomes and judgements come out. Nothing here
reads a clock or touches the world, so the same inputs give the same watch, whatever failed
around it. The store holds the same things durably; `Watch` is built from it at the start.

What it guarantees:

- One fact changes one state, of which both sides are judged: the payee's (``incoming.py``) and the
  payer's (``outgoing.py``).
- What one server alone tells of time presses, and ends nothing.
- An attempt leaves only with a proven outcome (``under_way.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from watchtower.guard.best_claims import BestClaims
from watchtower.guard.incoming import Incoming
from watchtower.guard.learned import Learned, Settlement, channel_of
from watchtower.guard.lost import Lost
from watchtower.guard.outgoing import Outgoing
from watchtower.guard.presigned import SignedAhead
from watchtower.guard.under_way import UnderWay
from watchtower.judgement.channel import Channel, observe
from watchtower.judgement.claim import Claim
from watchtower.judgement.delegation import DelegationFault, delegation_fault
from watchtower.judgement.estate import Estate, account_of
from watchtower.judgement.estate import learn as learn_of_estate
from watchtower.judgement.judge import Judgement
from watchtower.judgement.outgoing import OutgoingJudgement, Tally
from watchtower.judgement.policy import PayerPolicy, Policy
from watchtower.judgement.rules import STRICT, rules_of
from watchtower.ledger.events import (
    AccountFact,
    AmendmentsRead,
    ChannelEntry,
    ChannelMissing,
    ClaimPresented,
    Fact,
    LedgerClosed,
    SeatUsed,
)
from watchtower.response.attempt import Attempt
from watchtower.response.bundle import Presigned
from watchtower.response.obligation import Duty
from watchtower.response.pace import Closings, Pace
from watchtower.response.spending import DaySpent
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

__all__ = ["Watch"]

_TOLD_WITHIN: Final = 2
"""Ledgers within which those who follow the network have told what a new one holds."""


class Watch:
    """The present state of everything we guard for ``payees``, and for ``payers``.

    ``incoming`` has the judgements for payees, ``outgoing`` those for payers; ``signed_ahead`` is
    what payees signed for their channels. ``own`` is the
    tower's own account, if it has one: it is known, and its channels are not guarded.
    """

    def __init__(
        self,
        payees: Iterable[Address],
        policy: Policy,
        *,
        payers: Iterable[Address] = (),
        own: Address | None = None,
        payer_policy: PayerPolicy | None = None,
        tallies: Mapping[ChannelId, Tally] | None = None,
        channels: Iterable[Channel] = (),
        claims: Iterable[Claim] = (),
        attempts: Iterable[Attempt] = (),
        presigned: Iterable[Presigned] = (),
        spent: Mapping[Address, DaySpent] | None = None,
        lost: Lost | None = None,
    ) -> None:
        """Begin with what the store remembers."""
        self.channels = {channel.entry.channel: channel for channel in channels}
        self.best = BestClaims(self.channels, claims)
        self.under_way = UnderWay(attempts, channels=self.channels, spent=spent)
        self.attempts = self.under_way.attempts
        self.lapses = self.under_way.lapses
        self.incoming = Incoming(payees, policy, channels=self.channels, best=self.best, lost=lost)
        self.outgoing = Outgoing(
            payers,
            payer_policy or PayerPolicy(),
            channels=self.channels,
            best=self.best,
            tallies=tallies,
        )
        self.payees = self.incoming.payees
        self.accounts = self.payees | self.outgoing.payers
        self.own = own
        self.estates: dict[Address, Estate] = {}
        self.signed_ahead = SignedAhead(presigned, channels=self.channels, estates=self.estates)
        self.rules = STRICT
        self.amendments: AmendmentsRead | None = None
        self.newest: LedgerClosed | None = None
        self._sure_time = RippleTime(0)
        self.accounted_to: LedgerIndex | None = None
        self._went_without_to: LedgerIndex | None = None
        self._closings = Closings()

    def learn(self, fact: Fact) -> Learned:
        """Take one fact; return what it changed, which is nothing for one that was known."""
        if isinstance(fact, SeatUsed):
            return self._learn_of_seat(fact)
        if isinstance(fact, AccountFact):
            return self._learn_of_account(fact)
        if isinstance(fact, AmendmentsRead):
            self._learn_of_rules(fact)
            return Learned()
        if isinstance(fact, ClaimPresented):
            self.outgoing.presented(fact)
            return Learned()
        channel_id = channel_of(fact)
        if not isinstance(fact, ChannelMissing) and not self._guards(fact.entry):
            return Learned()
        before = self.channels.get(channel_id)
        after, events = observe(before, fact)
        if after is None:
            return Learned()
        settled = self._settled(self.under_way.settle_by_transaction(fact, self._now))
        if after == before:
            return Learned(settled=settled)
        self.incoming.will_change(channel_id)
        self.channels[channel_id] = after
        self.incoming.has_changed(channel_id)
        if self.outgoing.concerns(after.entry):
            paid = Drops(0) if isinstance(fact, ChannelMissing) else fact.paid
            self.outgoing.learned(after.entry, known_before=before is not None, paid=paid)
        redeemed_at = self.incoming.redeemed(channel_id, events, self._now)
        return Learned(channel=after, redeemed_at=redeemed_at, events=events, settled=settled)

    def _guards(self, entry: ChannelEntry) -> bool:
        return self.incoming.concerns(entry) or self.outgoing.concerns(entry)

    def _learn_of_rules(self, fact: AmendmentsRead) -> None:
        """Judge everything anew when the network's rules are others than was thought."""
        if self.amendments is not None and fact.at <= self.amendments.at:
            return
        self.amendments = fact
        rules = rules_of(fact.enabled)
        if rules != self.rules:
            self.rules = rules
            self.incoming.touch_all()
            self.outgoing.touch_all()

    def _learn_of_seat(self, used: SeatUsed) -> Learned:
        is_ours = self.under_way.has(used)
        # What a payer does with its own account is its own affair.
        foreign = used if used.account in self.payees and not is_ours else None
        return Learned(
            foreign=foreign, settled=self._settled(self.under_way.settle_by_seat(used, self._now))
        )

    def _learn_of_account(self, fact: AccountFact) -> Learned:
        account = account_of(fact)
        before = self.estates.get(account)
        after = learn_of_estate(before, fact)
        if (account not in self.accounts and account != self.own) or after == before:
            return Learned()
        self.estates[account] = after
        if after.as_of is not None:
            self.incoming.payee_seen(account, exists=not after.is_missing)
        return Learned(estate=after, estate_before=before)

    def hold_to(self, policy: Policy, payer_policy: PayerPolicy) -> None:
        """Judge everything anew by another policy; by the same one nothing is."""
        if policy != self.incoming.policy:
            self.incoming.policy = policy
            self.incoming.touch_all()
        if payer_policy != self.outgoing.policy:
            self.outgoing.policy = payer_policy
            self.outgoing.touch_all()

    def raise_best(self, claim: Claim) -> None:
        """Take the best claim of a channel as the store has it; a lower one changes nothing."""
        if claim.amount > self.best.amount(claim.channel):
            self.incoming.will_change(claim.channel)
            self.best[claim.channel] = claim
            self.incoming.has_changed(claim.channel)
            self.outgoing.touch(claim.channel)

    def ledger_closed(self, closed: LedgerClosed) -> None:
        """Let time pass; a ledger that is not newer changes nothing.

        What only one server told may have been false: no channel is over by it, and it gives way
        to whatever counts after it (``ledger/quorum.py``).
        """
        newest = self.newest
        is_newer = newest is None or closed.ledger_index > newest.ledger_index
        if is_newer or (newest is not None and not newest.confirmed):
            self.newest = closed
            self._closings.closed(closed.ledger_index, closed.close_time)
            if newest is not None and not newest.confirmed and (closed.confirmed or not is_newer):
                # What was judged, or thought to come later, by a time that may have been false.
                self.incoming.touch_all()
            if closed.confirmed:
                self._sure_time = closed.sure_time
                self.outgoing.ledger_closed(closed)

    @property
    def pace(self) -> Pace:
        """How fast ledgers close."""
        return self._closings.pace

    def accounted(self, ledger_index: LedgerIndex) -> tuple[Settlement, ...]:
        """Return the attempts that can never apply any more, now that all facts are known."""
        self.accounted_to = ledger_index
        self.outgoing.accounted(ledger_index)
        settled = self.under_way.settle_by_last_ledger(ledger_index, self._now)
        over = self.under_way.settle_by_state(ledger_index, self.estates, self._now)
        return self._settled((*settled, *over))

    def without_history(self) -> tuple[Settlement, ...]:
        """Return the attempts that are over, while nobody can tell what their ledgers held."""
        if self.newest is None or not self.newest.confirmed:
            return ()
        newest = self.newest.ledger_index
        self._went_without_to = LedgerIndex(newest - _TOLD_WITHIN)
        settled = self.under_way.settle_by_lost_history(newest, self._now)
        over = self.under_way.settle_by_state(self._went_without_to, self.estates, self._now)
        return self._settled((*settled, *over))

    @property
    def known_to(self) -> LedgerIndex | None:
        """The newest ledger of which every fact is known, or can no more be known otherwise.

        Where history is lost nothing is accounted for behind the hole, and what is on its way has
        to be looked after all the same: what new ledgers hold is told as they come.
        """
        ends = (self.accounted_to, self._went_without_to)
        return max((end for end in ends if end is not None), default=None)

    def tickets(self, account: Address) -> tuple[int, ...]:
        """Return the tickets of an account that are for us to use, as far as is known.

        Those of an account that only pays are its owner's, who has made them for a purpose; and
        those for which something was signed ahead stand for their channels alone.
        """
        estate = self.estates.get(account)
        if estate is None or account not in self.payees:
            return ()
        reserved = self.signed_ahead.reserved(account)
        return tuple(ticket for ticket in estate.tickets if ticket not in reserved)

    def presigned(self, channel: ChannelId) -> tuple[Presigned, ...]:
        """Return what was signed ahead for a channel and can be submitted now."""
        return self.signed_ahead.usable(channel)

    def ticket_count(self, account: Address) -> int:
        """Return how many tickets an account holds, also while it is not known which.

        Those that stand for a channel are not counted: nothing else may use them.
        """
        estate = self.estates.get(account)
        if estate is None:
            return 0
        told = 0 if estate.entry is None else estate.entry.ticket_count
        reserved = self.signed_ahead.reserved(account)
        kept = sum(not estate.ticket_book.is_gone(ticket) for ticket in reserved)
        return max(0, max(told, len(estate.tickets)) - kept)

    def sequence(self, account: Address) -> int | None:
        """Return an account's next sequence in the validated ledger; None if it is not known."""
        estate = self.estates.get(account)
        return None if estate is None else estate.sequence

    def delegation_fault(self, account: Address) -> DelegationFault | None:
        """Return why no claim can be sent in the name of ``account`` by our own; None if one can.

        UNKNOWN where there is no account of our own, or nothing is known yet.
        """
        if self.own is None:
            return DelegationFault.UNKNOWN
        return delegation_fault(
            self.estates.get(account),
            self.estates.get(self.own),
            delegate=self.own,
            rules=self.rules,
            least_fee=Drops(0) if self.newest is None else self.newest.base_fee,
        )

    def spare(self, account: Address) -> Drops | None:
        """Return what an account has above its reserve, in drops.

        None while it is not known, and for an account that is not there.
        """
        estate = self.estates.get(account)
        if estate is None or estate.entry is None or self.newest is None:
            return None
        return estate.spendable(self.newest)

    def balance(self, account: Address) -> Drops | None:
        """Return all that an account has, in drops; None where it is not known, or not there."""
        estate = self.estates.get(account)
        return None if estate is None or estate.entry is None else estate.entry.balance

    def spent(self, account: Address) -> Drops:
        """Return what an account has spent on fees on the present day of ledger time."""
        return Drops(0) if self._now is None else self.under_way.spent(account, self._now)

    def attempt_made(self, attempt: Attempt) -> None:
        """Take note of an attempt that is on disk."""
        self.attempts[attempt.transaction] = attempt

    def judge(self) -> tuple[Judgement, ...]:
        """Return the judgements that may differ from those given last; none before a ledger."""
        if self.newest is None:
            return ()
        now = self.newest.pressing_time
        return self.incoming.judge(now, over_by=self.over_by, rules=self.rules)

    @property
    def over_by(self) -> RippleTime:
        """The ledger time by which channels are over: none is by what only one server has told."""
        now = RippleTime(0) if self.newest is None else self.newest.pressing_time
        return min(now, self._sure_time)

    def judge_outgoing(self) -> tuple[OutgoingJudgement, ...]:
        """Return the judgements for payers that may differ from those given last."""
        return self.outgoing.judge(self.rules)

    def open_channels(self) -> tuple[ChannelId, ...]:
        """Return the channels that may still be in the ledger."""
        return tuple(channel_id for channel_id, c in self.channels.items() if not c.is_final)

    def obligations(self) -> tuple[Duty, ...]:
        """Return what is to be redeemed, and what to be closed, by the judgements given last.

        What was paid since is left out; what else changed waits for the next judgement.
        """
        owed = self.incoming.obligations()
        increment = Drops(0) if self.newest is None else self.newest.reserve_increment
        closings = self.outgoing.closings(increment)
        return (*owed, *closings) if closings else owed

    def adopt(self, channel: Channel) -> None:
        """Take a channel as the store has it, unless it is known."""
        if channel.entry.channel not in self.channels:
            self.incoming.will_change(channel.entry.channel)
            self.channels[channel.entry.channel] = channel
            self.incoming.has_changed(channel.entry.channel)
            if self.outgoing.concerns(channel.entry):
                self.outgoing.learned(channel.entry, known_before=False)

    def forget(self, channel_id: ChannelId) -> bool:
        """Drop a channel that was seen to close, once what became of it is recorded.

        One whose claim key is stolen stays until its payer has looked at it.

        Returns:
            Whether it is forgotten now.
        """
        if self.outgoing.is_foreign(channel_id):
            return False
        self.incoming.exposure.forget(channel_id)
        self.signed_ahead.forget(channel_id)
        for side in (self.incoming, self.outgoing):
            side.forget(channel_id)
        self.channels.pop(channel_id, None)
        self.best.forget(channel_id)
        return True

    @property
    def _now(self) -> RippleTime | None:
        return None if self.newest is None else self.newest.close_time

    def _settled(self, settled: tuple[Settlement, ...]) -> tuple[Settlement, ...]:
        """Have channels judged again for which an attempt has come to its end."""
        for settlement in settled:
            if settlement.attempt.channel is not None:
                self._touch(settlement.attempt.channel)
        return settled

    def _touch(self, channel_id: ChannelId) -> None:
        for side in (self.incoming, self.outgoing):
            side.touch(channel_id)
