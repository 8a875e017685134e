"""Counting, and the sums of what presses: exact, whatever happens in whichever order."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.judgement.verdict import Settled, Threatened
from watchtower.metrics import catalogue
from watchtower.metrics.counting import Counts
from watchtower.metrics.exposition import Exposition, text_of
from watchtower.metrics.measures import Measures
from watchtower.metrics.metric import Sample
from watchtower.units import ChannelId, LedgerIndex, RippleTime

CHANNEL = ChannelId("AB" * 32)


@given(st.lists(st.sampled_from([0.0005, 0.001, 0.0011, 1.0, 10.0, 10.1, 1e6])))
def test_buckets_hold_what_counting_by_hand_would_give(values: list[float]) -> None:
    """A value that equals a bound is within it, and none is lost above the last one."""
    counts = Counts()
    for value in values:
        counts.note(catalogue.COMMIT, value)
    for spread in counts.spreads().values():
        total = 0
        for bound, count in zip(spread.metric.bounds, spread.counts, strict=False):
            total += count
            assert total == sum(value <= bound for value in values)
        assert sum(spread.counts) == len(values)
        assert spread.sum == sum(values)


def test_what_only_grows_is_told_from_nothing_on() -> None:
    """Else the first drop that is redeemed would be no growth to whoever asks for it."""
    counts = Measures(lambda: 0.0).counts
    told = {metric: value for metric, _, value in counts.samples()}
    assert told == {catalogue.REDEEMED: 0, catalogue.FEES: 0}
    assert catalogue.REACTION in counts.spreads()
    assert b"watchtower_redeemed_drops_total 0.0\n" in text_of(counts.samples())


def told_of_a_dispute(measures: Measures, now: list[float], *, taken_back: bool = False) -> None:
    """What the journal is told while a channel closes and is paid two ledgers later."""
    at = RippleTime(1_000)
    measures.told([("close_requested", CHANNEL, LedgerIndex(7), {})], at)
    measures.told([("close_requested", CHANNEL, LedgerIndex(7), {})], at)
    if taken_back:
        measures.told([("renewed", CHANNEL, LedgerIndex(8), {})], at)
    for _ in range(2):
        now[0] += 0.25
        measures.told([("attempt_made", CHANNEL, LedgerIndex(7), {"fee": 10})], at)
    paid = {"outcome": "paid", "paid": 500, "fee": 10, "why": ""}
    measures.told([("attempt_settled", CHANNEL, LedgerIndex(9), paid)], RippleTime(1_007))


def test_a_dispute_is_timed_from_its_request_to_the_first_attempt_and_to_the_payment() -> None:
    """Once, however often either is told: two servers tell the same, and attempts are repeated."""
    now = [0.0]
    measures = Measures(lambda: now[0])
    told_of_a_dispute(measures, now)
    spreads = measures.counts.spreads()
    assert (spreads[catalogue.REACTION].sum, sum(spreads[catalogue.REACTION].counts)) == (0.25, 1)
    assert spreads[catalogue.CLOSE_TO_PAID].sum == 7
    assert spreads[catalogue.CLOSE_TO_PAID_LEDGERS].sum == 2
    told = {(metric, labels): value for metric, labels, value in measures.counts.samples()}
    assert told[catalogue.REDEEMED, ()] == 500
    assert told[catalogue.FEES, ()] == 10
    assert told[catalogue.ATTEMPTS, ("redeem",)] == 2


def test_a_request_that_was_taken_back_is_timed_by_nobody() -> None:
    """Redeeming by schedule is no reaction to it."""
    now = [0.0]
    measures = Measures(lambda: now[0])
    told_of_a_dispute(measures, now, taken_back=True)
    assert sum(measures.counts.spreads()[catalogue.REACTION].counts) == 0
    assert sum(measures.counts.spreads()[catalogue.CLOSE_TO_PAID].counts) == 0


def judged(verdict: str) -> tuple[str, ChannelId, LedgerIndex, dict[str, object]]:
    """What the journal is told of a new verdict."""
    return ("judged", CHANNEL, LedgerIndex(7), {"verdict": verdict, "sentence": ""})


@pytest.mark.parametrize("what", ["claim_kept", "funded"])
def test_a_reaction_is_timed_from_when_there_was_something_to_react_to(what: str) -> None:
    """A claim that comes half an hour after the request is answered at once, and no slow one."""
    now, at = [0.0], RippleTime(1_000)
    measures = Measures(lambda: now[0])
    measures.told([("close_requested", CHANNEL, LedgerIndex(7), {})], at)
    now[0] = 1_800.0
    measures.told([(what, CHANNEL, None, {}), judged(Threatened.__name__)], at)
    now[0] = 1_800.25
    measures.told([("attempt_made", CHANNEL, LedgerIndex(9), {"fee": 10})], at)
    assert measures.counts.spreads()[catalogue.REACTION].sum == 0.25


@pytest.mark.parametrize("is_first", [True, False])
def test_claims_that_come_while_the_tower_is_slow_do_not_make_it_quick(*, is_first: bool) -> None:
    """Also where the channel was about to end by itself, and was threatened before the request."""
    now, at = [0.0], RippleTime(1_000)
    measures = Measures(lambda: now[0])
    lines = [("close_requested", CHANNEL, LedgerIndex(7), {}), judged(Threatened.__name__)]
    measures.told(lines if is_first else reversed(lines), at)
    for _ in range(4):
        now[0] += 2.0
        measures.told([("claim_kept", CHANNEL, None, {"amount": 5})], at)
    measures.told([("attempt_made", CHANNEL, LedgerIndex(9), {"fee": 10})], at)
    assert measures.counts.spreads()[catalogue.REACTION].sum == 8.0


def test_what_was_paid_and_promised_again_is_a_reaction_of_its_own() -> None:
    """Another tower has paid; then comes one more claim, and the clock of before says nothing."""
    now, at = [0.0], RippleTime(1_000)
    measures = Measures(lambda: now[0])
    measures.told(
        [("close_requested", CHANNEL, LedgerIndex(7), {}), judged(Threatened.__name__)], at
    )
    measures.told([judged(Settled.__name__)], at)
    now[0] = 600.0
    measures.told([("claim_kept", CHANNEL, None, {}), judged(Threatened.__name__)], at)
    now[0] = 600.5
    measures.told([("attempt_made", CHANNEL, LedgerIndex(9), {"fee": 10})], at)
    assert measures.counts.spreads()[catalogue.REACTION].sum == 0.5


async def test_a_crowd_that_scrapes_is_answered_by_one_reading_a_second() -> None:
    """However many read, what they cost the tower is bounded."""
    now, readings = [0.0], [0]

    def read() -> tuple[list[Sample], dict[object, object]]:
        readings[0] += 1
        return [(catalogue.CHANNELS, (), readings[0])], {}

    async def look() -> list[Sample]:
        await asyncio.sleep(0)
        return []

    made = Exposition(read, look, clock=lambda: now[0])  # type: ignore[arg-type]  # no histogram
    answers = await asyncio.gather(*(made.text("") for _ in range(100)))
    assert readings == [1]
    assert {text for text, _ in answers} == {answers[0][0]}
    now[0] = 1.0
    assert b"watchtower_channels 2.0\n" in (await made.text(""))[0]
