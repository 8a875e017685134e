"""What redeeming costs, ledger after ledger, in any market, with whatever the servers answer.

The machine plans each ledger as the tower does; the world prices its ledgers at will, refuses,
queues, takes and loses attempts. What holds whatever it does: no attempt costs more than what is at
stake allows; on one seat a fee only rises, and by enough to replace the one before; one ledger
before its deadline an attempt that does not get in has everything bid that it may; a day costs no
more than it may; and dust is left, and taken up as soon as it is worth its fee.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec import structs

from tests.response.attempts import NOW, PAYEE, owed
from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt
from watchtower.response.bidding import Refusal
from watchtower.response.fees import FeePolicy, ledgers_left, replacement_fee
from watchtower.response.market import Market
from watchtower.response.obligation import Obligation
from watchtower.response.plan import Leave, Redeem, Terms, plan
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime, TxHash

POLICY: Final = FeePolicy(
    share_ppm=500_000, haste_ppm=1_000, cap=Drops(3_000), daily_cap=Drops(5_000)
)
BASE: Final = Drops(10)
OFFSET: Final = 8

stakes = st.sampled_from([1, 19, 20, 400, 1_000, 5_000, 10**6, 10**6])
markets = st.builds(
    lambda open_fee, size, expected: Market(
        base=BASE,
        open_ledger=Drops(open_fee),
        size=size,
        expected=expected,
    ),
    st.sampled_from([10, 10, 12, 300, 2_000, 2_600, 50_000]),
    st.integers(0, 12),
    st.integers(1, 12) | st.just(90),
)


class Fees(RuleBasedStateMachine):
    """One account that owes to itself, and pays for it."""

    @initialize(tickets=st.integers(0, 6))
    def begin(self, tickets: int) -> None:
        """Nothing is owed yet."""
        self.ledger, self.now, self.spent = 100, int(NOW), 0
        self.owed: dict[ChannelId, Obligation] = {}
        self.attempts: dict[TxHash, Attempt] = {}
        self.tickets = {30 + number for number in range(tickets)}
        self.sequence = 7
        self.refused: set[TxHash] = set()
        self.queued: set[TxHash] = set()
        self.count = 0

    @precondition(lambda self: len(self.owed) < 4)
    @rule(stake=stakes, left=st.sampled_from([None, 0, 1, 2, 3, 4, 6, 9, 14]))
    def close(self, stake: int, left: int | None) -> None:
        """One more channel is to be redeemed."""
        self.count += 1
        made = owed(self.count, stake, left)
        if left is not None:
            made = replace(made, deadline=RippleTime(self.now + 5 * left))
        self.owed[made.channel] = made

    @precondition(lambda self: self.owed)
    @rule(data=st.data(), more=stakes)
    def better_claim(self, data: st.DataObject, more: int) -> None:
        """More is at stake on one of them."""
        channel = data.draw(st.sampled_from(sorted(self.owed)))
        known = self.owed[channel]
        target = Drops(known.target + more)
        claim = structs.replace(known.claim, amount=target)
        self.owed[channel] = replace(known, claim=claim, target=target)

    @rule(market=markets)
    def ledger_closes_and_is_planned_for(self, market: Market) -> None:
        """The tower plans, and what it plans is on its way."""
        self.ledger, self.now = self.ledger + 1, self.now + 5
        gone = [name for name, a in self.attempts.items() if a.last_ledger < self.ledger]
        for name in gone:
            del self.attempts[name]
        stuck, allowed = self.stuck(), self.allowance()
        plans = plan(self.owed.values(), self.attempts.values(), self.terms(market))
        for step in plans:
            if isinstance(step, Redeem):
                self.check_bid(step, market)
                self.send(step)
        assert self.spent + self.committed() <= POLICY.daily_cap
        for channel, before in stuck.items():
            self.check_last_bid(self.owed[channel], before, allowed)
        left = [step for step in plans if isinstance(step, Leave)]
        self.check_dust(market, left, {step.obligation.channel for step in plans})

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def servers_answer(self, data: st.DataObject) -> None:
        """Some are refused for their fee, some wait in the queue, of the rest nothing is heard."""
        names = sorted(self.attempts)
        self.refused = data.draw(st.sets(st.sampled_from(names)))
        self.queued = data.draw(st.sets(st.sampled_from(names))) - self.refused

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def ledger_takes_one(self, data: st.DataObject) -> None:
        """An attempt is validated; what else was on its seat can never apply."""
        taken = self.attempts[data.draw(st.sampled_from(sorted(self.attempts)))]
        self.spent += taken.fee
        for name, attempt in list(self.attempts.items()):
            if attempt.seat == taken.seat:
                del self.attempts[name]
        if taken.seat.is_ticket:
            self.tickets.discard(taken.seat.number)
        else:
            self.sequence = max(self.sequence, taken.seat.number + 1)
        assert taken.channel is not None
        known = self.owed.get(taken.channel)
        if known is None or taken.target <= known.balance:
            return
        self.owed[taken.channel] = replace(known, balance=taken.target)
        if taken.target == known.target:
            del self.owed[taken.channel]

    # What the tower knows, and how it goes on.

    def terms(self, market: Market) -> Terms:
        """The terms as the responder makes them up."""
        return Terms(
            validated=LedgerIndex(self.ledger),
            now=RippleTime(self.now),
            accounted=LedgerIndex(self.ledger),
            next_sequence={PAYEE: self.sequence},
            tickets={PAYEE: self.tickets},
            market=market,
            policy=POLICY,
            allowance={PAYEE: self.allowance()},
            last_ledger_offset=OFFSET,
            underpriced=self.refused,
            queued=self.queued,
        )

    def committed(self) -> int:
        """What the day costs if the dearest attempt of every seat applies."""
        dearest: defaultdict[Seat, int] = defaultdict(int)
        for attempt in self.attempts.values():
            dearest[attempt.seat] = max(dearest[attempt.seat], attempt.fee)
        return sum(dearest.values())

    def allowance(self) -> Drops:
        """What may still be spent today, were everything that is on its way to apply."""
        return Drops(max(0, POLICY.daily_cap - self.spent - self.committed()))

    def send(self, step: Redeem) -> None:
        """The attempt is on its way."""
        self.count += 1
        name = TxHash(f"{self.count:064X}")
        self.attempts[name] = Attempt(
            channel=step.obligation.channel,
            account=PAYEE,
            seat=step.seat,
            target=step.obligation.target,
            balance_before=step.obligation.balance,
            fee=step.fee,
            last_ledger=step.last_ledger,
            made_in=LedgerIndex(self.ledger),
            transaction=name,
            blob="00",
        )

    # What must hold.

    def check_bid(self, step: Redeem, market: Market) -> None:
        """A bid pays at least the base fee, within the budget, and replaces what it replaces."""
        before = {name: a.fee for name, a in self.attempts.items() if a.seat == step.seat}
        own = step.obligation.at_stake
        stake = max([own, *self.held_up_by(step.seat)]) if before else own
        assert BASE <= step.fee <= POLICY.budget(stake)
        assert step.fee < stake
        assert all(step.fee * 4 > fee * 5 for fee in before.values())
        is_calm = market.price(40) == BASE and not before.keys() & self.refused
        if before and step.seat.is_ticket and is_calm:
            # Nothing but the ramp drove it up, and that never stops just short of everything.
            budget = POLICY.budget(own)
            is_all = step.fee >= self.allowance() + max(before.values())
            assert step.fee == budget or replacement_fee(step.fee) <= budget or is_all

    def held_up_by(self, seat: Seat) -> list[Drops]:
        """What is at stake behind a sequence: it may pay for all of that."""
        return [
            self.owed[attempt.channel].at_stake
            for attempt in self.attempts.values()
            if attempt.channel in self.owed
            and not seat.is_ticket
            and not attempt.seat.is_ticket
            and attempt.seat.number > seat.number
        ]

    def mine(self, channel: ChannelId) -> list[Attempt]:
        """The attempts for a channel, the newest last."""
        mine = (a for a in self.attempts.values() if a.channel == channel)
        return sorted(mine, key=lambda a: (a.made_in, a.target, a.fee))

    def stuck(self) -> dict[ChannelId, Drops]:
        """What does not get in and has a ledger left at most, with what is bid for it by now."""
        return {
            channel: max(attempt.fee for attempt in mine)
            for channel, obligation in self.owed.items()
            if (left := ledgers_left(obligation.deadline, RippleTime(self.now))) is not None
            and left <= 1
            and (mine := self.mine(channel))
            # What a better claim adds has a budget, and an attempt, of its own.
            and all(attempt.target == obligation.target for attempt in mine)
            and (mine[-1].transaction in self.refused or mine[-1].made_in + 2 <= self.ledger)
        }

    def check_last_bid(self, obligation: Obligation, before: Drops, allowed: Drops) -> None:
        """The whole budget is bid, unless that could replace nothing or the day is spent.

        Who goes on a seat of its own takes its part of what the day ``allowed``, and leaves theirs
        to the others.
        """
        budget = POLICY.budget(obligation.at_stake)
        dearest = max(attempt.fee for attempt in self.mine(obligation.channel))
        day_is_spent = budget - before > self.allowance() + max(0, dearest - before)
        has_its_part = dearest > before and dearest >= allowed // len(self.owed)
        may_not = replacement_fee(before) > budget or day_is_spent or has_its_part
        assert dearest >= budget or may_not

    def check_dust(self, market: Market, left: Iterable[Leave], planned: set[ChannelId]) -> None:
        """What is dust is left as dust, and what is none is not."""
        assert planned == set(self.owed)
        for step in left:
            budget = POLICY.budget(step.obligation.at_stake)
            assert (step.why is Refusal.DUST) == (budget < BASE)
            if step.why is Refusal.DEAR:
                # There was no room at the base fee; else it would have been taken.
                assert market.price(len(self.attempts)) > BASE


TestFees = Fees.TestCase
TestFees.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
