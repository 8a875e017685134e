"""How many claims are served a minute: never more than a bucket and what flowed in."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from watchtower.claims.quota import Bucket

MINUTE = 60

steps = st.lists(
    st.tuples(st.integers(0, 40), st.floats(0, 200, allow_nan=False)), min_size=1, max_size=60
)


@given(per_minute=st.integers(1, 1_000), asked=steps)
def test_no_stretch_of_time_has_more_than_a_bucket_and_what_flowed_in(
    per_minute: int, asked: list[tuple[int, float]]
) -> None:
    """However it is asked: seldom, in bursts, or a thousand times for one claim."""
    bucket, now = Bucket(per_minute), 1_000_000.0
    taken: list[tuple[float, int]] = []
    for claims, pause in asked:
        now += pause
        taken.append((now, bucket.take(claims, now)))
    for first in range(len(taken)):
        within = 0
        for at, claims in taken[first:]:
            within += claims
            passed = at - taken[first][0]
            # The clock is read in whole microseconds.
            assert within <= per_minute + per_minute * (passed + 2e-6) / MINUTE


@given(per_minute=st.integers(1, 1_000), asked=steps)
def test_nothing_is_refused_that_is_there(per_minute: int, asked: list[tuple[int, float]]) -> None:
    """What is left is what can be taken, and all that is left can be."""
    bucket, now = Bucket(per_minute), 5.0
    for claims, pause in asked:
        now += pause
        left = bucket.left(now)
        assert 0 <= left <= per_minute
        assert bucket.take(claims, now) == min(claims, left)
        assert bucket.left(now) == left - min(claims, left)


@given(per_minute=st.integers(1, 600), looks=st.integers(1, 200))
def test_looking_often_wins_nothing_and_loses_nothing(per_minute: int, looks: int) -> None:
    """An empty bucket is full after a minute, in however many parts that comes."""
    bucket = Bucket(per_minute)
    assert bucket.take(per_minute + 1, 0.0) == per_minute
    for look in range(1, looks):
        bucket.left(MINUTE * look / looks)
    assert bucket.left(MINUTE - 0.001) < per_minute
    assert bucket.left(float(MINUTE)) == per_minute


def test_a_clock_that_is_set_back_gives_nothing_twice() -> None:
    """Steady clocks do not do so; a bucket does not rely on it."""
    bucket = Bucket(10)
    assert bucket.take(10, 100.0) == 10
    assert bucket.left(40.0) == 0
    assert bucket.left(100.0) == 0
    assert bucket.left(106.0) == 1


def test_what_is_given_back_can_be_taken_again_and_no_more() -> None:
    """A bucket never holds more than its size."""
    bucket = Bucket(3)
    bucket.give_back(5)
    assert bucket.take(9, 1.0) == 3
    bucket.give_back(2)
    assert bucket.take(9, 1.0) == 2


def test_another_quota_counts_from_the_next_look_on() -> None:
    """What was taken under the old one is not given anew."""
    bucket = Bucket(10)
    bucket.take(10, 0.0)
    bucket.per_minute = 20
    assert [bucket.left(now) for now in (0.0, 3.0, 60.0)] == [10, 11, 20]
    bucket.per_minute = 5
    lefts = [bucket.left(60.0 + second) for second in range(3)]
    assert all(one <= other for one, other in pairwise(lefts))
    assert max(lefts) <= 5
