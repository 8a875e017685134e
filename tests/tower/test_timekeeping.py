"""When a clock is said to be off: only where it agreed before, and only by ledgers that come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isclose

from hypothesis import assume, given
from hypothesis import strategies as st

from watchtower.tower.timekeeping import AGREED, FAR, IN_A_ROW, SETTLED, Timekeeping
from watchtower.units import RippleTime, ripple_time

START = 1_790_000_000.0
"""When all of this begins, in seconds since 1970."""

NEAR = st.floats(-FAR, FAR)
OFF = st.floats(FAR + 1, 1e9)
LEDGERS = st.lists(st.floats(2.0, 6.0), min_size=AGREED + 2, max_size=60)
"""Seconds between ledgers, as a network closes them."""


class Scene:
    """Ledgers that close and come, in seconds since the start."""

    def __init__(self, *, is_armed: bool = False) -> None:
        self.rule = Timekeeping(is_armed=is_armed)
        self.now = 0.0

    def comes(self, *, closed: float, ahead: float) -> None:
        """A ledger comes that closed at a time, and the clock is ahead of it by so much."""
        close_time = RippleTime(ripple_time(START) + round(closed))
        wall = START + round(closed) + ahead
        self.rule.heard(close_time, wall=wall, steady=self.now)

    def live(self, ledgers: int | Sequence[float], *, ahead: float) -> list[bool]:
        """Ledgers close and come, one after the other; return what is said behind each."""
        gaps: Iterable[float] = [4.0] * ledgers if isinstance(ledgers, int) else ledgers
        said = []
        for gap in gaps:
            self.now += gap
            self.comes(closed=self.now, ahead=ahead)
            said.append(self.rule.is_off)
        return said


@given(gaps=LEDGERS, ahead=OFF, side=st.sampled_from([1, -1]))
def test_a_network_whose_time_is_elsewhere_never_raises_it(
    gaps: list[float], ahead: float, side: int
) -> None:
    """A sandbox of another year: nobody's clock is wrong there, however long it runs."""
    scene = Scene()
    assert not any(scene.live(gaps, ahead=side * ahead))
    assert not scene.rule.is_armed


@given(gaps=LEDGERS, ahead=NEAR)
def test_it_is_armed_by_as_many_ledgers_as_agree(gaps: list[float], ahead: float) -> None:
    """By their number in a row, and not before; and what agrees is never said to be off."""
    scene = Scene()
    for count, gap in enumerate(gaps, start=1):
        assert scene.live([gap], ahead=ahead) == [False]
        assert scene.rule.is_armed == (count >= AGREED)


@given(before=st.floats(-FAR, FAR), ahead=OFF, side=st.sampled_from([1, -1]))
def test_a_clock_that_jumps_is_off_after_some_ledgers_and_until_it_agrees(
    before: float, ahead: float, side: int
) -> None:
    """Forwards and backwards; one ledger, or a clock that comes and goes, is not worth a word."""
    scene = Scene()
    scene.live(AGREED, ahead=before)
    assert scene.live(IN_A_ROW - 1, ahead=side * ahead) == [False] * (IN_A_ROW - 1)
    assert scene.live(3, ahead=side * ahead) == [True] * 3
    assert isclose(scene.rule.difference, side * ahead, abs_tol=0.01)
    assert scene.live(SETTLED - 1, ahead=before) == [True] * (SETTLED - 1)
    assert scene.live(1, ahead=before) == [False]


@given(
    spells=st.lists(
        st.tuples(st.one_of(NEAR, OFF, OFF.map(lambda far: -far)), st.integers(1, IN_A_ROW)),
        max_size=8,
    )
)
def test_it_is_never_off_without_so_many_ledgers_on_one_side(
    spells: list[tuple[float, int]],
) -> None:
    """Whatever the clock does: a row of them, all of one sign, is behind every beginning."""
    scene = Scene(is_armed=True)
    differences = [ahead for ahead, ledgers in spells for _ in range(ledgers)]
    was_off = False
    for count, ahead in enumerate(differences, start=1):
        [is_off] = scene.live(1, ahead=ahead)
        row = differences[max(0, count - IN_A_ROW) : count]
        if is_off and not was_off:
            assert len(row) == IN_A_ROW
            assert min(row) > FAR or max(row) < -FAR
        was_off = is_off


@given(ledgers=st.integers(IN_A_ROW, 400), seconds=st.floats(0, 20), pace=st.floats(4, 20))
def test_old_ledgers_that_are_caught_up_with_never_raise_it(
    ledgers: int, seconds: float, pace: float
) -> None:
    """A machine that slept, or a link that was down: an hour of ledgers comes within seconds."""
    assume(ledgers * pace - seconds > FAR)
    scene = Scene()
    scene.live(AGREED, ahead=5.0)
    begun = scene.now
    missed = ledgers * pace
    for number in range(1, ledgers + 1):
        scene.now = begun + missed + seconds * number / ledgers
        scene.comes(closed=begun + pace * number, ahead=scene.now - begun - pace * number)
        assert not scene.rule.is_off
    scene.now = begun + missed + seconds
    assert not any(scene.live(IN_A_ROW, ahead=5.0))


def test_silence_is_no_clock_that_is_off() -> None:
    """The network stands still for a day, or no server is heard: that has alarms of its own."""
    scene = Scene()
    scene.live(AGREED, ahead=5.0)
    scene.now += 86_400
    assert not any(scene.live(2 * IN_A_ROW, ahead=5.0))


def test_a_network_that_runs_faster_than_time_is_never_armed() -> None:
    """A sandbox at forty times the speed passes by the present one day, within a minute of it."""
    scene = Scene()
    for number in range(-200, 200):
        scene.now += 0.1
        scene.comes(closed=4.0 * number, ahead=scene.now - 4.0 * number)
    assert not scene.rule.is_armed


def test_what_agreed_before_a_start_is_still_known_behind_it() -> None:
    """A machine whose clock is lost while it is off starts in 1970."""
    scene = Scene(is_armed=True)
    assert scene.live(IN_A_ROW, ahead=-START)[-1]
