"""The picture of what was at stake: nothing in it is higher, lower, or elsewhere than it was."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.guard.test_stake_history import look
from watchtower.guard.stake_history import HOURS, StakeHistory
from watchtower.interfaces.dashboard.chart import HEIGHT, WIDTH, Chart, Range, chart_of
from watchtower.units import ripple_time

NOON = ripple_time(1_796_040_000)
XRP = 1_000_000


def chart(looks: list[tuple[int, int]], range_: Range = Range.HOURS) -> Chart:
    """The picture of looks, each with its minute after noon and the drops at stake."""
    history = StakeHistory()
    for minute, at_stake in looks:
        history.add(look(NOON + 60 * minute, at_stake))
    return chart_of(history, range_)


def corners(path: str) -> list[tuple[float, float]]:
    """The points of a path."""
    numbers = [float(number) for number in re.findall(r"-?[0-9.]+(?:e[+-]?[0-9]+)?", path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


minutes = st.lists(st.integers(0, 170), unique=True, min_size=1, max_size=40).map(sorted)
stakes = st.integers(0, 10**17)


@given(minutes, st.data())
def test_every_look_stands_where_it_was_seen_and_as_high(
    seen: list[int], data: st.DataObject
) -> None:
    """Against an axis that begins at nothing and ends above the highest of them."""
    looks = [(minute, data.draw(stakes)) for minute in seen]
    drawn = chart(looks)
    points = [point for line in drawn.lines for point in corners(line)]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)
    assert all(before[0] <= after[0] for before, after in pairwise(points))
    assert drawn.amounts[0].at == HEIGHT
    assert drawn.amounts[0].text == "0"
    assert 2 <= len(drawn.amounts) <= 5
    top, most = drawn.amounts[-1].at, max(at_stake for _, at_stake in looks)
    for minute, at_stake in looks:
        x = WIDTH - (seen[-1] - minute) * 60 / HOURS.kept * WIDTH
        nearest = min(points, key=lambda point: abs(point[0] - x))
        assert nearest[0] == pytest.approx(x, abs=0.2)
        if most:
            highest = min(y for px, y in points if abs(px - x) < 0.2)
            share = at_stake / most * (HEIGHT - min(y for _, y in points))
            assert HEIGHT - highest == pytest.approx(share, abs=0.2)
            assert top <= highest


@given(minutes)
def test_gaps_are_drawn_as_gaps(seen: list[int]) -> None:
    """A shape for each row of minutes without one, closed at nothing."""
    drawn = chart([(minute, XRP) for minute in seen])
    rows = 1 + sum(after - before > 1 for before, after in pairwise(seen))
    assert len(drawn.areas) == len(drawn.lines) == rows
    for area, line in zip(drawn.areas, drawn.lines, strict=True):
        points, edge = corners(area), corners(line)
        assert points[:-2] == edge
        assert points[-2:] == [(edge[-1][0], HEIGHT), (edge[0][0], HEIGHT)]
        assert edge[-1][0] > edge[0][0]
    assert ("nobody looked" in drawn.sentence) == (rows > 1)


def test_where_nobody_looked_is_said_and_not_left_white() -> None:
    """Before the first look, too: a young tower's picture is not one of a time without stakes."""
    drawn = chart([(minute, XRP) for minute in (*range(10), *range(60, 70))])
    begin, between = drawn.gaps
    assert begin.x == 0
    assert begin.width == pytest.approx((180 - 69) / 1.8, abs=0.1)
    assert between.x == pytest.approx((180 - 60) / 1.8, abs=0.1)
    assert between.width == pytest.approx(51 / 1.8, abs=0.1)
    assert "Nobody looked before 12:00." in drawn.sentence
    whole = chart([(minute, XRP) for minute in range(200)])
    assert whole.gaps == ()
    assert "before" not in whole.sentence


def test_axes_say_what_people_count_by() -> None:
    """Whole amounts in steps of one, two or five; whole half hours."""
    drawn = chart([(0, 7 * XRP), (150, 1_700 * XRP)])
    assert [tick.text for tick in drawn.amounts] == ["0", "500", "1,000", "1,500", "2,000"]
    assert [tick.text for tick in drawn.times] == ["12:00", "12:30", "13:00", "13:30", "14:00"]
    assert all(5 <= tick.at <= 95 for tick in drawn.times)
    large = chart([(0, 7_000_000 * XRP)])
    assert [tick.text for tick in large.amounts] == ["0", "2 M", "4 M", "6 M", "8 M"]
    assert [tick.text for tick in chart([(0, 3)]).amounts][1] == "0.000001"


def test_what_was_paid_and_lost_is_marked_however_little_it_was() -> None:
    """Each at its minute, with its sum in the sentence and in the table."""
    history = StakeHistory()
    for minute in range(5):
        history.add(look(NOON + 60 * minute, XRP, paid=minute == 2, lost=minute == 3))
    drawn = chart_of(history, Range.HOURS)
    (paid,), (lost,) = drawn.paid, drawn.lost
    assert (paid.at, paid.drops, lost.at) == (NOON + 120, 1, NOON + 180)
    assert paid.x < lost.x <= 100
    assert "0.000001 XRP was paid, and 0.000001 XRP was lost." in drawn.sentence
    (line,) = drawn.table
    assert (line.paid, line.lost, line.at_stake) == (1, 1, XRP)


@pytest.mark.parametrize(("range_", "step"), [(Range.HOURS, 600), (Range.DAYS, 4 * 3_600)])
def test_table_has_few_lines_and_hides_no_peak(range_: Range, step: int) -> None:
    """The newest first; whoever cannot see the picture reads the same in it."""
    looks = [(minute, minute % 70 * XRP) for minute in range(0, 3_000, 1)]
    drawn = chart(looks, range_)
    assert 2 <= len(drawn.table) <= 19
    assert [line.at for line in drawn.table] == sorted((o.at for o in drawn.table), reverse=True)
    for line in drawn.table[:-1]:
        those = [o for minute, o in looks if (NOON + 60 * minute) // step == line.at // step]
        assert line.at_stake == max(those)


def test_picture_of_days_ends_with_how_it_is_now() -> None:
    """The last quarter of an hour has its peak, and what became of it since."""
    drawn = chart([(0, 5 * XRP), (16, 9 * XRP), (17, 2 * XRP)], Range.DAYS)
    *_, peak, now = corners(drawn.lines[-1])
    assert peak[1] < now[1]
    assert "at most 9 XRP was at stake; now it is 2 XRP" in drawn.sentence


def test_what_cannot_be_protected_is_drawn_where_there_is_any() -> None:
    """And in no picture of a tower that can protect all it guards."""
    history = StakeHistory()
    for minute in range(3):
        history.add(look(NOON + 60 * minute, 4 * XRP, unprotectable=minute * XRP))
    (area,) = chart_of(history, Range.HOURS).unprotectable
    heights = [HEIGHT - y for _, y in corners(area)[:3]]
    assert heights == [0, HEIGHT / 4, HEIGHT / 2]
    assert not chart([(0, XRP)]).unprotectable


def test_tower_that_has_seen_nothing_yet_says_so() -> None:
    """And there is something to draw when nothing was ever at stake."""
    for range_ in Range:
        empty = chart([], range_)
        assert empty.is_empty
        assert empty.sentence == "Nothing has been seen yet."
    calm = chart([(0, 0), (1, 0)])
    assert not calm.is_empty
    assert {y for _, y in corners(calm.lines[0])} == {HEIGHT}
