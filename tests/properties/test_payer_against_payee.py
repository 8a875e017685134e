"""The promise, played: a hostile payer, time that jumps, facts that come late and twice.

The ledger here is a model of its own, written from the rules (docs/ledger-rules.md, release
3.1) and not from our code. The payee serves only what we said may be served; the tower looks at
every closed ledger and redeems when the judge says so. Whatever the payer does, the channel must
not end below the best claim that was served, and a redemption must pay what was said to be at
stake.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace
from nacl.signing import SigningKey

from watchtower.claims.decide import Ground, decide, ground_of
from watchtower.claims.decision import Kept, Serve
from watchtower.claims.sight import Guard, Sight
from watchtower.judgement.channel import Channel, observe
from watchtower.judgement.claim import Claim, claim_message
from watchtower.judgement.judge import judge
from watchtower.judgement.policy import Policy
from watchtower.judgement.verdict import Closed, Expired
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    ChannelFact,
    Position,
)
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

ID = ChannelId("A" * 64)
PAYEE = Address("rPzyFpgj9j6EgN6CNDpRDSFqc7rw7829KX")
KEY = SigningKey(b"\x09" * 32)
START = 820_000_000
LONGEST_LEDGER = 800
"""Shorter than the shortest settle delay that is promised, so the tower sees a ledger in time."""
drops = st.integers(1, 100)


class Game(RuleBasedStateMachine):
    """One channel between a payer who tries everything and a payee with a tower."""

    policy = Policy(cancel_after_lead=1_800)

    @initialize(
        amount=drops,
        settle_delay=st.sampled_from([900, 901, 2_000]) | st.integers(0, 899),
        cancel_after=st.none() | st.integers(START, START + 9_000),
    )
    def open(self, amount: int, settle_delay: int, cancel_after: int | None) -> None:
        """The payer opens the channel as it likes."""
        self.entry = ChannelEntry(
            channel=ID,
            source=Address("r36oydBJLqRk6nBAske77Vz1cnHARjUKGZ"),
            destination=PAYEE,
            amount=Drops(amount),
            balance=Drops(0),
            public_key="ED" + bytes(KEY.verify_key).hex().upper(),
            settle_delay=settle_delay,
            cancel_after=None if cancel_after is None else RippleTime(cancel_after),
        )
        self.in_ledger = True
        self.time, self.ledger = START, 10
        self.facts: list[ChannelFact] = []
        self.channel: Channel | None = None
        self.best: Claim | None = None
        self.served = 0
        self.sure_before = 0
        self.changed()

    # The ledger's rules, applied in the ledger after the one that closed at self.time.

    def ended(self) -> bool:
        """Whether the ledger treats the channel as expired, by the rule of release 3.1."""
        ends = (self.entry.expiration, self.entry.cancel_after)
        return any(end is not None and self.time >= end for end in ends)

    def touched(self) -> bool:
        """Whoever touches an expired channel closes it, and does nothing else."""
        if self.in_ledger and self.ended():
            self.in_ledger = False
            name = TxHash("B" * 64)
            self.tell(ChannelDeleted(entry=self.entry, at=self.place(), transaction=name))
        return not self.in_ledger

    def place(self) -> Position:
        """Where the next thing happens."""
        return Position(LedgerIndex(self.ledger), len(self.facts))

    def changed(self, **changes: object) -> None:
        """The entry changes, and the stream tells."""
        self.entry = replace(self.entry, **changes)
        self.tell(ChannelChanged(entry=self.entry, at=self.place()))

    def tell(self, fact: ChannelFact) -> None:
        """A fact arrives."""
        self.facts.append(fact)
        self.channel, _ = observe(self.channel, fact)

    # The payer's moves.

    @rule(amount=drops)
    def fund(self, amount: int) -> None:
        """The payer adds funds."""
        if not self.touched():
            self.changed(amount=Drops(self.entry.amount + amount))

    @rule(later=st.sampled_from([0, 0, 1, 3_000]))
    def fund_with_expiration(self, later: int) -> None:
        """A Fund starts a close, or pulls a far expiration down to the settle delay."""
        if not self.touched():
            earliest = self.time + self.entry.settle_delay
            if self.entry.expiration is not None:
                earliest = min(earliest, self.entry.expiration)
            self.changed(expiration=RippleTime(earliest + later))

    @rule()
    def ask_to_close(self) -> None:
        """The payer sends tfClose; a second one moves nothing outwards."""
        if self.touched():
            return
        if self.entry.balance == self.entry.amount:
            self.in_ledger = False
            name = TxHash("C" * 64)
            self.tell(ChannelDeleted(entry=self.entry, at=self.place(), transaction=name))
            return
        end = RippleTime(self.time + self.entry.settle_delay)
        if self.entry.expiration is None or self.entry.expiration > end:
            self.changed(expiration=end)

    @rule()
    def renew(self) -> None:
        """The payer takes the close back, to ask again later."""
        if not self.touched() and self.entry.expiration is not None:
            self.changed(expiration=None)

    @rule(amount=drops)
    def pay_out_something_stale(self, amount: int) -> None:
        """The payer itself pays a low balance, without any signature."""
        if not self.touched() and self.entry.balance < amount <= self.entry.amount:
            self.changed(balance=Drops(amount))

    @rule(again=st.data())
    def old_facts_arrive_again(self, again: st.DataObject) -> None:
        """Late and repeated messages, in any order."""
        for fact in again.draw(st.lists(st.sampled_from(self.facts), max_size=5)):
            self.channel, _ = observe(self.channel, fact)

    # The payee's moves.

    @rule(amount=drops)
    def hand_over_a_claim(self, amount: int) -> None:
        """The payer signs a claim; the payee serves against it if we said so."""
        signature = KEY.sign(claim_message(ID, Drops(amount))).signature.hex().upper()
        claim = Claim(
            channel=ID,
            amount=Drops(amount),
            public_key=self.entry.public_key,
            signature=signature,
        )
        at = Position(LedgerIndex(0), END_OF_LEDGER)
        fact = ChannelChanged(entry=self.entry, at=at)
        sight = Sight(fact=fact, ledger_time=RippleTime(self.time))
        guard = Guard(payees={PAYEE}, policy=self.policy)
        ground = ground_of(self.channel, sight, guard)
        decision = decide(claim, ground, self.best)
        held = max(self.entry.balance, 0 if self.best is None else self.best.amount)
        assert isinstance(decision.kept, Kept) == (amount > held)
        if isinstance(decision.kept, Kept):
            self.best = decision.kept.claim
            if isinstance(decision.serve, Serve):
                self.served = amount
        self.what_is_told_of_money_is_what_is_judged(ground)
        if ground.notice:
            self.sure_before = max(self.sure_before, self.time + ground.notice + self.policy.margin)

    def what_is_told_of_money_is_what_is_judged(self, ground: Ground) -> None:
        """An answer to a claim, and a question about the channel, get the same numbers."""
        assert self.channel is not None
        judgement = judge(
            self.channel, self.best, ledger_time=RippleTime(self.time), policy=self.policy
        )
        best = Drops(0) if self.best is None else self.best.amount
        sure_until = None if judgement.deadline is None else judgement.deadline.sure_until
        assert (ground.at_stake(best), ground.sure_until) == (judgement.at_stake, sure_until)

    @rule()
    def somebody_touches_it(self) -> None:
        """Anybody may finalise an expired channel."""
        self.touched()

    @precondition(lambda self: self.in_ledger)
    @rule(draw=st.data())
    def ledgers_close(self, draw: st.DataObject) -> None:
        """Time jumps, often to the very second of the end; the tower looks, and answers."""
        for _ in range(draw.draw(st.integers(1, 4))):
            if self.in_ledger:
                self.close_ledger(draw.draw(self.jumps()))

    def jumps(self) -> st.SearchStrategy[int]:
        """How long the next ledger takes, in seconds."""
        anything = st.integers(1, LONGEST_LEDGER)
        ends = (self.entry.expiration, self.entry.cancel_after)
        near = [
            end - self.time + second for end in ends if end is not None for second in (-1, 0, 1)
        ]
        near = [jump for jump in near if 1 <= jump <= LONGEST_LEDGER]
        return st.sampled_from(near) | anything if near else anything

    def close_ledger(self, seconds: int) -> None:
        """One ledger closes; what the judge says is done applies in the next one."""
        self.time += seconds
        self.ledger += 1
        assert self.channel is not None
        judgement = judge(
            self.channel, self.best, ledger_time=RippleTime(self.time), policy=self.policy
        )
        assert isinstance(judgement.verdict, Expired) == self.ended()
        if judgement.redeem:
            assert self.best is not None
            assert not self.touched()
            reached = min(self.best.amount, self.entry.amount)
            assert (judgement.at_stake, judgement.target) == (
                reached - self.entry.balance,
                reached,
            )
            self.changed(balance=Drops(reached))

    @invariant()
    def redeeming_stays_sure_for_as_long_as_was_said(self) -> None:
        """Whatever the payer did since, a claim could still be redeemed, if any was left to be."""
        if getattr(self, "sure_before", 0) > self.time:
            assert self.in_ledger or self.entry.balance == self.entry.amount
            assert not (self.in_ledger and self.ended())

    @invariant()
    def the_payee_never_ends_below_what_was_served(self) -> None:
        """The promise."""
        if getattr(self, "in_ledger", True):
            return
        assert self.entry.balance >= self.served
        assert self.channel is not None
        verdict = judge(
            self.channel, self.best, ledger_time=RippleTime(self.time), policy=self.policy
        ).verdict
        assert isinstance(verdict, Closed)
        assert verdict.exact
        assert verdict.paid == self.entry.balance


TestGame = Game.TestCase
TestGame.settings = settings(
    deadline=None,
    max_examples=300,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
