"""A channel told by two servers, in any order, twice, late or falsely; judged at every step.

The machine plays a true history and two servers that tell of it: each keeps back, repeats and
shuffles what happened, reads the channel's state as of ledgers gone by, and may deny that there is
a channel at all. What holds whatever they do: the state follows from the set of facts alone; no
target is above what the best claim and the funds can pay; what is threatened is redeemed; the best
claim never falls; and judging only what may have changed is as good as judging everything.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel, observe
from watchtower.judgement.claim import Claim
from watchtower.judgement.judge import judge
from watchtower.judgement.policy import Policy
from watchtower.judgement.verdict import Expired, Threatened
from watchtower.ledger.events import (
    END_OF_LEDGER,
    AmendmentsRead,
    ChannelChanged,
    ChannelDeleted,
    ChannelEntry,
    ChannelFact,
    ChannelMissing,
    LedgerClosed,
    Position,
)
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime, TxHash

ID = ChannelId("A" * 64)
PAYEE = Address("rPzyFpgj9j6EgN6CNDpRDSFqc7rw7829KX")
START = 820_000_000
SERVERS = (0, 1)
CLEANUP = "21B8D2F76F68E11E9C077A43BBBC394136E9987E99DDB73966DD68419467E431"
drops = st.integers(1, 100)


def after(facts: list[ChannelFact], start: Channel | None = None) -> Channel | None:
    """The state after ``facts``, in their order."""
    for fact in facts:
        start, _ = observe(start, fact)
    return start


class Told(RuleBasedStateMachine):
    """One channel, its true history, and two servers that tell of it as they like."""

    @initialize(
        amount=drops,
        claim=st.integers(1, 150),
        cancel_after=st.none()
        | st.integers(START - 5, START + 1_800)
        | st.integers(START + 1_801, START + 2_200),
        exposure=st.sampled_from([None, None, None, 20]),
        redeem_every=st.sampled_from([None, None, None, 500]),
    )
    def begin(
        self,
        amount: int,
        claim: int,
        cancel_after: int | None,
        exposure: int | None,
        redeem_every: int | None,
    ) -> None:
        """A channel is opened, and its payer gives a claim."""
        self.policy = Policy(
            cancel_after_lead=1_800,
            exposure_limit=None if exposure is None else Drops(exposure),
            redeem_every=redeem_every,
        )
        self.ledger, self.time, self.count = 10, START, 0
        entry = ChannelEntry(
            channel=ID,
            source=Address("r36oydBJLqRk6nBAske77Vz1cnHARjUKGZ"),
            destination=PAYEE,
            amount=Drops(amount),
            balance=Drops(0),
            public_key="ED" + "0" * 64,
            settle_delay=1_000,
            cancel_after=None if cancel_after is None else RippleTime(cancel_after),
        )
        self.history: list[ChannelChanged | ChannelDeleted] = []
        self.waiting: dict[int, list[ChannelFact]] = {server: [] for server in SERVERS}
        self.told: list[ChannelFact] = []
        self.given, self.fixed, self.rules_read = 0, False, 0
        self.watch = Watch([PAYEE], self.policy)
        self.watch.ledger_closed(self.closed())
        self.happens(entry)
        self.tell(self.history[0])
        self.ledger += 1
        self.claim_comes(claim)

    @property
    def entry(self) -> ChannelEntry:
        """The channel as it truly is, or was last."""
        return self.history[-1].entry

    @property
    def is_gone(self) -> bool:
        """Whether the channel was deleted."""
        return isinstance(self.history[-1], ChannelDeleted)

    def closed(self) -> LedgerClosed:
        """The newest ledger."""
        return LedgerClosed(
            ledger_index=LedgerIndex(self.ledger),
            ledger_hash=f"{self.ledger:064X}",
            close_time=RippleTime(self.time),
            base_fee=Drops(10),
            reserve_base=Drops(1_000_000),
            reserve_increment=Drops(200_000),
        )

    def happens(self, entry: ChannelEntry, *, ends: bool = False) -> None:
        """The truth goes on by one transaction; no server has told of it yet."""
        at, name = Position(LedgerIndex(self.ledger), self.count), TxHash(f"{self.count:064X}")
        self.count += 1
        fact: ChannelChanged | ChannelDeleted = (
            ChannelDeleted(entry=entry, at=at, transaction=name)
            if ends
            else ChannelChanged(entry=entry, at=at, transaction=name)
        )
        self.history.append(fact)
        for server in SERVERS:
            self.waiting[server].append(fact)

    def tell(self, fact: ChannelFact) -> None:
        """A fact reaches the tower."""
        self.told.append(fact)
        self.watch.learn(fact)

    # What truly happens.

    @precondition(lambda self: not self.is_gone)
    @rule(more=drops)
    def fund(self, more: int) -> None:
        """The payer adds funds."""
        self.happens(replace(self.entry, amount=Drops(self.entry.amount + more)))

    @precondition(lambda self: not self.is_gone)
    @rule(data=st.data())
    def pay(self, data: st.DataObject) -> None:
        """Somebody has the channel pay more."""
        balance = data.draw(st.integers(self.entry.balance, self.entry.amount))
        self.happens(replace(self.entry, balance=Drops(balance)))

    @precondition(lambda self: not self.is_gone)
    @rule(delay=st.integers(0, 2_000))
    def ask_to_close(self, delay: int) -> None:
        """The payer sets, or moves, the channel's end."""
        self.happens(replace(self.entry, expiration=RippleTime(self.time + delay)))

    @precondition(lambda self: not self.is_gone)
    @rule()
    def renew(self) -> None:
        """The payer takes its close back."""
        self.happens(replace(self.entry, expiration=None))

    @precondition(lambda self: not self.is_gone)
    @rule(sure=st.sampled_from([False, False, True]))
    def delete(self, *, sure: bool) -> None:
        """The channel leaves the ledger."""
        if sure:
            self.happens(self.entry, ends=True)

    @rule(seconds=st.integers(1, 300))
    def ledger_closes(self, seconds: int) -> None:
        """Time goes on."""
        self.ledger, self.time = self.ledger + 1, self.time + seconds
        self.watch.ledger_closed(self.closed())

    @rule(data=st.data(), near=st.sampled_from([-1, 0, 0, 1]))
    def ledger_closes_at_a_turn(self, data: st.DataObject, near: int) -> None:
        """Time comes to the very second at which something changes by itself, or around it."""
        entry = self.watch.channels[ID].entry
        turns = [
            end - margin + near - self.time
            for end in (entry.expiration, entry.cancel_after)
            if end is not None
            for margin in (0, self.policy.margin, self.policy.lead)
        ]
        self.ledger_closes(data.draw(st.sampled_from([t for t in turns if t > 0] or [4])))

    @rule(fixed=st.sampled_from([True, True, False]))
    def amendments_are_read(self, *, fixed: bool) -> None:
        """The rules of the network may be those of before the fix, or of after it."""
        at = Position(LedgerIndex(self.ledger), END_OF_LEDGER)
        enabled = frozenset({CLEANUP}) if fixed else frozenset()
        if self.rules_read != self.ledger:
            self.rules_read, self.fixed = self.ledger, fixed
        self.watch.learn(AmendmentsRead(enabled=enabled, at=at))

    # What the servers make of it.

    @precondition(lambda self: any(self.waiting.values()))
    @rule(data=st.data(), times=st.sampled_from([1, 1, 2]), keeps=st.booleans())
    def server_tells(self, data: st.DataObject, times: int, *, keeps: bool) -> None:
        """A server tells something of what it has not told, perhaps twice, perhaps again later."""
        server = data.draw(st.sampled_from([s for s in SERVERS if self.waiting[s]]))
        fact = data.draw(st.sampled_from(self.waiting[server]))
        if not keeps:
            self.waiting[server].remove(fact)
        for _ in range(times):
            self.tell(fact)

    @rule(data=st.data())
    def server_reads(self, data: st.DataObject) -> None:
        """A server, which may be behind, is asked for the channel's state in a ledger gone by."""
        ledger = data.draw(st.integers(10, self.ledger - 1))
        then = [fact for fact in self.history if fact.at.ledger_index <= ledger]
        at = Position(LedgerIndex(ledger), END_OF_LEDGER)
        gone = isinstance(then[-1], ChannelDeleted)
        self.tell(
            ChannelMissing(channel=ID, at=at)
            if gone
            else ChannelChanged(entry=then[-1].entry, at=at)
        )

    @rule()
    def server_denies(self) -> None:
        """A server has lost the channel, or says so."""
        at = Position(LedgerIndex(self.ledger - 1), END_OF_LEDGER)
        self.tell(ChannelMissing(channel=ID, at=at))

    # What the tower does.

    @rule(amount=st.integers(1, 300))
    def another_claim_comes(self, amount: int) -> None:
        """It may be better or worse than what is held."""
        self.claim_comes(amount)

    def claim_comes(self, amount: int) -> None:
        """The payer gives a claim."""
        self.given = max(self.given, amount)
        self.watch.raise_best(
            Claim(channel=ID, amount=Drops(amount), public_key="", signature="30")
        )

    @rule()
    def restart(self) -> None:
        """The tower begins anew with what it had on disk; the network's rules were not on it."""
        before = self.watch
        self.watch = Watch(
            [PAYEE],
            self.policy,
            channels=before.channels.values(),
            claims=before.best.values(),
        )
        self.fixed, self.rules_read = False, 0
        self.watch.incoming.last_redeemed |= before.incoming.last_redeemed
        self.watch.ledger_closed(self.closed())

    @invariant()
    def state_follows_from_the_set_of_facts(self) -> None:
        """Told in the order in which it happened, once each, it comes to the same."""
        in_order = sorted(set(self.told[1:]), key=lambda fact: fact.at)
        assert self.watch.channels[ID] == after(in_order, after(self.told[:1]))

    @invariant()
    def best_claim_never_falls(self) -> None:
        """It is the highest that was ever given."""
        best = self.watch.best.get(ID)
        assert (0 if best is None else best.amount) == self.given

    def must_be_redeemed(self) -> bool:
        """Whether the channel, as it is known, will end with something unpaid, by the rules."""
        channel = self.watch.channels[ID]
        entry = channel.entry
        if channel.closed_at is not None or min(entry.amount, self.given) <= entry.balance:
            return False
        ends = [end for end in (entry.expiration, entry.cancel_after) if end is not None]
        if any(self.time > end or (self.time == end and not self.fixed) for end in ends):
            return False
        return entry.expiration is not None or (
            entry.cancel_after is not None and self.time >= entry.cancel_after - self.policy.lead
        )

    @invariant()
    def judgement_is_as_if_made_from_scratch_and_within_what_can_be_paid(self) -> None:
        """Nothing that matters was overlooked, and nothing is asked for that is not there."""
        self.watch.judge()
        channel, best = self.watch.channels[ID], self.watch.best.get(ID)
        afresh = judge(
            channel,
            best,
            ledger_time=RippleTime(self.time),
            policy=self.policy,
            last_redeemed=self.watch.incoming.last_redeemed.get(ID),
            rules=self.watch.rules,
        )
        # Where nothing presses none is kept.
        assert (ID in self.watch.incoming.judgements) or not (afresh.redeem or afresh.deadline)
        judged = self.watch.incoming.judgements.get(ID, afresh)
        assert type(judged.verdict) is type(afresh.verdict)
        assert (judged.redeem_why, judged.target) == (afresh.redeem_why, afresh.target)
        assert self.watch.incoming.at_stake == judged.at_stake == afresh.at_stake
        payable = min(channel.entry.amount, max(channel.entry.balance, self.given))
        assert channel.entry.balance <= judged.target <= payable
        owed = [(obligation.channel, obligation.target) for obligation in self.watch.obligations()]
        assert isinstance(judged.verdict, Threatened) == self.must_be_redeemed()
        if self.must_be_redeemed():
            assert owed == [(ID, payable)]
        is_given_up = isinstance(judged.verdict, Expired) and judged.verdict.lost > 0
        assert len(owed) == (judged.redeem or is_given_up)


TestTold = Told.TestCase
TestTold.settings = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
