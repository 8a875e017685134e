"""How much may be at stake before nothing more is served, whoever comes in whatever order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.claims.test_group import CHANNELS, KEYS, NOW, PAYEE, PAYER, entry, signed
from watchtower.claims.answer import Answer
from watchtower.claims.decision import (
    Closing,
    DoesNotApply,
    DoNotServe,
    ExposureReached,
    Kept,
    Serve,
    Standing,
    Whose,
    describe_why_not_serve,
    name_of_reason,
)
from watchtower.claims.exposure import ServingLimits, Sums
from watchtower.claims.group import Group, seen_again
from watchtower.claims.sight import UNSEEN, Guard, Sight
from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.judge import judge
from watchtower.judgement.policy import Policy
from watchtower.judgement.rules import STRICT
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelChanged,
    ChannelEntry,
    ChannelMissing,
    Position,
)
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

AT = Position(LedgerIndex(9), END_OF_LEDGER)
OTHER = Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")


def channel(name: ChannelId, balance: int = 0) -> ChannelEntry:
    """The first two channels are one payer's, the third another's."""
    return structs.replace(entry(name, balance), source=OTHER if name == CHANNELS[2] else PAYER)


def guard(**limits: int) -> Guard:
    """A payee that is careful."""
    found = ServingLimits(**{whose: Drops(drops) for whose, drops in limits.items()})
    return Guard(payees=[PAYEE], policy=Policy(), limits=found)


class House:
    """A watch that knows three channels, and claims that are taken for it."""

    def __init__(self, careful: Guard, balances: tuple[int, ...] = (0, 0, 0)) -> None:
        self.guard = careful
        self.watch = Watch([PAYEE], Policy())
        self.watch.incoming.exposure.begin()
        for name, balance in zip(CHANNELS, balances, strict=True):
            self.watch.learn(ChannelChanged(entry=channel(name, balance), at=AT))

    def sight(self, name: ChannelId) -> Sight:
        """What is seen of a channel."""
        fact = ChannelChanged(entry=self.watch.channels[name].entry, at=AT)
        return Sight(fact=fact, ledger_time=NOW)

    def take(self, *claims: Claim) -> tuple[list[Answer], Sums]:
        """Take claims together, and take up what was kept."""
        group = Group(
            guard=self.guard,
            channels=dict(self.watch.channels),
            best=dict(self.watch.best),
            sums=Sums(self.watch.incoming.exposure),
        )
        answers = [group.take(claim, self.sight(claim.channel)) for claim in claims]
        for raised in group.raised.values():
            self.watch.raise_best(raised.claim)
        return answers, group.sums


def claim(drops: int, number: int = 0) -> Claim:
    """A good claim on one of the channels."""
    return signed(CHANNELS[number], drops, KEYS[0])


def reached(answer: Answer) -> list[tuple[Whose, int, int]]:
    """The limits that stand against a claim."""
    serve = answer.decision.serve
    reasons = serve.reasons if isinstance(serve, DoNotServe) else ()
    return [(r.whose, r.at_stake, r.allowed) for r in reasons if isinstance(r, ExposureReached)]


@pytest.mark.parametrize(
    ("limits", "claims", "last"),
    [
        ({"channel": 9}, [claim(9)], []),
        ({"channel": 9}, [claim(10)], [(Whose.CHANNEL, 10, 9)]),
        ({"channel": 9}, [claim(9), claim(9, 1)], []),
        ({"payer": 9}, [claim(5), claim(4, 1)], []),
        ({"payer": 9}, [claim(5), claim(5, 1)], [(Whose.PAYER, 10, 9)]),
        ({"payer": 9}, [claim(5), claim(5, 2)], []),
        ({"total": 9}, [claim(5), claim(4, 2)], []),
        ({"total": 9}, [claim(5), claim(5, 2)], [(Whose.ALL, 10, 9)]),
        (
            {"channel": 1, "payer": 2, "total": 3},
            [claim(4)],
            [(Whose.CHANNEL, 4, 1), (Whose.PAYER, 4, 2), (Whose.ALL, 4, 3)],
        ),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_a_claim_above_a_limit_is_kept_and_not_served(
    limits: dict[str, int],
    claims: list[Claim],
    last: list[tuple[Whose, int, int]],
    *,
    together: bool,
) -> None:
    """Every limit that it passes is told with its numbers, in a word and a sentence."""
    house = House(guard(**limits))
    if together:
        answers, _ = house.take(*claims)
    else:
        answers = [house.take(one)[0][0] for one in claims]
    assert all(isinstance(answer.decision.kept, Kept) for answer in answers)
    assert reached(answers[-1]) == last
    assert [reached(answer) for answer in answers[:-1]] == [[]] * (len(answers) - 1)
    serve = answers[-1].decision.serve
    if last:
        assert isinstance(serve, DoNotServe)
        assert {name_of_reason(reason) for reason in serve.reasons} == {"exposure_limit"}
    else:
        assert isinstance(serve, Serve)


def test_the_sentence_says_how_much_and_where() -> None:
    """An operator can act on it."""
    reason = ExposureReached(
        whose=Whose.PAYER, at_stake=Drops(12_500_000), allowed=Drops(10_000_000)
    )
    assert describe_why_not_serve(reason) == (
        "With this claim 12.5 XRP would be at stake on all channels of its payer, and serving "
        "stops above 10 XRP."
    )


@given(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from([0, 1, 2])), min_size=1, max_size=12),
    st.tuples(*[st.sampled_from([0, 5])] * 3),
    st.tuples(st.integers(1, 12), st.integers(1, 20), st.integers(1, 30)),
)
def test_limits_hold_together_as_one_by_one(
    wanted: list[tuple[int, int]], balances: tuple[int, ...], most: tuple[int, int, int]
) -> None:
    """Whoever splits claims over requests, or joins them, gets the same answers."""
    careful = guard(channel=most[0], payer=most[1], total=most[2])
    together, alone = House(careful, balances), House(careful, balances)
    claims = [claim(drops, number) for drops, number in wanted]
    one_by_one = [alone.take(one)[0][0] for one in claims]
    answers, sums = together.take(*claims)
    assert answers == one_by_one
    # And what the group brought is what the watch has by now: nothing changed besides.
    for answer in answers:
        if answer.exposed is not None:
            assert sums.as_it_is_now(answer.exposed) is answer.exposed


def test_of_two_claims_of_which_one_fits_the_first_is_served() -> None:
    """Also when both were on their way at once, and by what is known when the answers leave."""
    house = House(guard(payer=9))
    (first, second), sums = house.take(claim(6), claim(6, 1))
    assert [reached(first), reached(second)] == [[], [(Whose.PAYER, 12, 9)]]
    assert first.exposed is not None
    assert sums.as_it_is_now(first.exposed) == first.exposed


def test_what_others_brought_meanwhile_counts_when_the_answer_leaves() -> None:
    """Another process kept a claim of the same payer while this one was written."""
    house = House(guard(payer=9))
    (answer,), sums = house.take(claim(6))
    house.watch.raise_best(claim(5, 1))
    assert answer.exposed is not None
    now = sums.as_it_is_now(answer.exposed)
    again = seen_again(answer, house.sight(CHANNELS[0]), house.guard, now)
    assert reached(again) == [(Whose.PAYER, 11, 9)]
    assert isinstance(again.decision.kept, Kept)


def test_what_was_redeemed_meanwhile_makes_room_when_the_answer_leaves() -> None:
    """It was a moment's no, and the numbers of it would be false by now."""
    house = House(guard(payer=9))
    house.take(claim(5, 1))
    (answer,), sums = house.take(claim(6))
    assert reached(answer) == [(Whose.PAYER, 11, 9)]
    paid = ChannelChanged(
        entry=channel(CHANNELS[1], 5), at=Position(LedgerIndex(10), END_OF_LEDGER)
    )
    house.watch.learn(paid)
    assert answer.exposed is not None
    now = sums.as_it_is_now(answer.exposed)
    again = seen_again(answer, house.sight(CHANNELS[0]), house.guard, now)
    assert again.decision.serve == Serve()


@pytest.mark.parametrize("redeemed", [True, False])
def test_a_close_request_is_in_the_answer_of_a_claim_above_a_limit(*, redeemed: bool) -> None:
    """Where the limit has room again by then, the close request alone says no."""
    house = House(guard(total=9))
    house.take(claim(5, 1))
    (answer,), sums = house.take(claim(6))
    later = Position(LedgerIndex(10), END_OF_LEDGER)
    if redeemed:
        house.watch.learn(ChannelChanged(entry=channel(CHANNELS[1], 5), at=later))
    end = RippleTime(NOW + 3_600)
    closing = ChannelChanged(entry=structs.replace(channel(CHANNELS[0]), expiration=end), at=later)
    house.watch.learn(closing)
    assert answer.exposed is not None
    now = sums.as_it_is_now(answer.exposed)
    again = seen_again(answer, house.sight(CHANNELS[0]), house.guard, now)
    limit = (
        ()
        if redeemed
        else (ExposureReached(whose=Whose.ALL, at_stake=Drops(11), allowed=Drops(9)),)
    )
    assert again.decision.serve == DoNotServe(reasons=(Closing(expiration=end), *limit))


def test_where_nobody_can_tell_of_the_channel_by_then_the_limit_is_not_the_reason() -> None:
    """The one reason that is sure is told."""
    house = House(guard(total=5))
    (answer,), _ = house.take(claim(6))
    again = seen_again(answer, Sight(fact=None, ledger_time=NOW), house.guard, answer.exposed)
    assert again.decision.serve == DoNotServe(reasons=(Standing.LEDGER_STALE,))


def test_what_a_payer_registers_has_no_limit() -> None:
    """It is nobody's promise to us."""
    limits = ServingLimits(channel=Drops(1), payer=Drops(1), total=Drops(1))
    careful = Guard(payees=[], payers=[PAYER], policy=Policy(), limits=limits)
    (answer,), _ = House(careful).take(claim(6))
    assert answer.decision.serve == DoesNotApply()
    assert answer.exposed is None
    assert (answer.at_stake, answer.sure_until, answer.notice) == (0, None, None)


def test_without_limits_nothing_is_summed_up() -> None:
    """Who sets none pays nothing for them."""
    (answer,), _ = House(guard()).take(claim(6))
    assert answer.exposed is None


def test_a_lower_claim_counts_for_nothing() -> None:
    """It is not kept, and changes no sum."""
    house = House(guard(total=9))
    (_, _, third), _ = house.take(claim(6), claim(5), claim(3, 2))
    assert third.exposed is not None
    assert (third.exposed.of_channel, third.exposed.total) == (3, 9)


def test_a_claim_on_a_channel_that_is_gone_counts_for_nothing() -> None:
    """It is kept as the payer's word, and nothing can be redeemed by it."""
    house = House(guard(total=9))
    gone = ChannelMissing(channel=CHANNELS[0], at=Position(LedgerIndex(10), END_OF_LEDGER))
    house.watch.learn(gone)
    group = Group(
        guard=house.guard,
        channels=dict(house.watch.channels),
        sums=Sums(house.watch.incoming.exposure),
    )
    answer = group.take(claim(6), Sight(fact=gone, ledger_time=NOW))
    assert isinstance(answer.decision.kept, Kept)
    assert (answer.at_stake, answer.sure_until, answer.notice) == (0, None, 0)
    assert answer.exposed is not None
    assert (answer.exposed.of_channel, answer.exposed.total) == (0, 0)


def test_what_the_channel_itself_paid_meanwhile_makes_room_on_it() -> None:
    """The limit of the channel is asked by its newest balance."""
    house = House(guard(channel=9))
    (answer,), sums = house.take(claim(12))
    assert reached(answer) == [(Whose.CHANNEL, 12, 9)]
    later = Position(LedgerIndex(10), END_OF_LEDGER)
    house.watch.learn(ChannelChanged(entry=channel(CHANNELS[0], 5), at=later))
    assert answer.exposed is not None
    now = sums.as_it_is_now(answer.exposed)
    again = seen_again(answer, house.sight(CHANNELS[0]), house.guard, now)
    assert again.decision.serve == Serve()
    assert again.at_stake == 7


def test_what_waited_is_not_judged_by_what_comes_while_it_is_written() -> None:
    """Nobody has decided yet whether it is the channel's key."""
    group = Group(guard=guard(total=9))
    answer = group.take(claim(6), UNSEEN)
    again = seen_again(answer, House(guard()).sight(CHANNELS[0]), group.guard)
    assert again is answer
    assert (answer.at_stake, answer.sure_until, answer.notice) == (0, None, None)


def test_where_nobody_can_tell_of_a_known_channel_nothing_is_said_of_its_notice() -> None:
    """The payer may have asked to close meanwhile; what is at stake is told as it was known."""
    house = House(guard())
    group = Group(guard=house.guard, channels=dict(house.watch.channels))
    answer = group.take(claim(6), UNSEEN)
    assert isinstance(answer.decision.kept, Kept)
    assert (answer.at_stake, answer.notice) == (6, None)


@pytest.mark.parametrize("at_its_end", [True, False])
def test_what_is_at_stake_at_the_very_end_is_told_by_the_rules_of_the_network(
    *, at_its_end: bool
) -> None:
    """The second in which the ledgers before and behind fixCleanup3_2_0 differ."""
    house = House(guard())
    entry_now = structs.replace(channel(CHANNELS[0]), expiration=NOW)
    rules = replace(STRICT, known=True, expires_at_its_end=at_its_end)
    sight = Sight(fact=ChannelChanged(entry=entry_now, at=AT), ledger_time=NOW, rules=rules)
    answer = Group(guard=house.guard).take(claim(6), sight)
    judged = judge(
        Channel(entry=entry_now, as_of=AT),
        claim(6),
        ledger_time=NOW,
        policy=house.guard.policy,
        rules=rules,
    )
    assert answer.at_stake == judged.at_stake == (0 if at_its_end else 6)
