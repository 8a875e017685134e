"""What was at stake over time, as a picture: where its lines go, and what its axes say. Pure.

What it guarantees: the axis of amounts begins at nothing, the axis of time is even, and where
nobody looked the picture is empty. A peak is drawn as high as it was, and what was lost is marked
however little it was.

Shapes are drawn `WIDTH` by `HEIGHT`, and stretched to the width that there is; what is written
stands at hundredths of that width, and is not stretched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from watchtower.guard.stake_history import DAYS, HOURS, QUARTER, Grain, Look, StakeHistory, spans
from watchtower.units import DROPS_PER_XRP, Drops, RippleTime, format_drops, unix_time

__all__ = ["HEIGHT", "WIDTH", "Chart", "Gap", "Mark", "Range", "Tick", "chart_of"]

WIDTH: Final = 1_000
HEIGHT: Final = 160

_MOST_TICKS: Final = 5
_LEAST_WIDTH: Final = 4.0
"""Of a look by itself, which would have no width."""

_LEAST_GAP: Final = 1.5
"""Hundredths of the width: a gap that is smaller is seen by what is drawn beside it."""

_STEPS: Final = (1, 2, 5)
"""By which amounts are told, times a power of ten: what people count by."""


class Range(StrEnum):
    """How far back the picture goes."""

    HOURS = "3h"
    DAYS = "3d"
    QUARTER = "90d"

    @property
    def words(self) -> str:
        """How long that is, for who chooses."""
        return _WORDS[self]


_GRAINS: Final = {Range.HOURS: HOURS, Range.DAYS: DAYS, Range.QUARTER: QUARTER}
_TIME_STEPS: Final = {Range.HOURS: 1_800, Range.DAYS: 86_400, Range.QUARTER: 30 * 86_400}
_TIME_FORMS: Final = {Range.HOURS: "%H:%M", Range.DAYS: "%-d %b", Range.QUARTER: "%-d %b"}
_LATE: Final = 2
"""Steps after the beginning of the picture, until which a first look is no late one."""

_LINES: Final = {
    Range.HOURS: (600, "10 minutes"),
    Range.DAYS: (4 * 3_600, "4 hours"),
    Range.QUARTER: (5 * 86_400, "5 days"),
}
"""How many seconds a line of the table stands for: some eighteen lines in all."""

_EDGE: Final = 5.0
"""Hundredths of the width, at either end, in which no time would find room."""

_MILLION_XRP: Final = 1_000_000 * DROPS_PER_XRP
_WORDS: Final = {Range.HOURS: "3 hours", Range.DAYS: "3 days", Range.QUARTER: "90 days"}
_NAMES: Final = {range_: f"the last {words}" for range_, words in _WORDS.items()}


class Tick(Struct, frozen=True, kw_only=True):
    """A place on an axis, and what is written there; times stand at hundredths of the width."""

    at: float
    text: str


class Mark(Struct, frozen=True, kw_only=True):
    """Something that happened: at which hundredth of the width, when, and about how many drops."""

    x: float
    at: int
    drops: int


class Gap(Struct, frozen=True, kw_only=True):
    """Where nobody looked: from which hundredth of the width, and how many of them."""

    x: float
    width: float


class Chart(Struct, frozen=True, kw_only=True):
    """All that a template draws.

    Attributes:
        range: how far back it goes.
        name: that in words.
        areas: the filled shapes of what was at stake, one for each row without a gap.
        lines: their upper edges.
        unprotectable: the filled shapes of what of it could not be protected.
        gaps: where nobody looked, before the first look too.
        amounts: what the axis of amounts says.
        times: what the axis of time says.
        paid: when channels paid.
        lost: when something was lost.
        sentence: what it shows, in words.
        table: the same in numbers, the newest first, in few enough lines to be read.
        line_words: of how much time each line tells.
    """

    range: Range
    name: str
    areas: tuple[str, ...]
    lines: tuple[str, ...]
    unprotectable: tuple[str, ...]
    gaps: tuple[Gap, ...]
    amounts: tuple[Tick, ...]
    times: tuple[Tick, ...]
    paid: tuple[Mark, ...]
    lost: tuple[Mark, ...]
    sentence: str
    table: tuple[Look, ...]
    line_words: str

    @property
    def is_empty(self) -> bool:
        """Whether nobody has looked yet."""
        return not self.table


def chart_of(history: StakeHistory, range_: Range) -> Chart:
    """Return the picture of what was at stake, as far back as ``range_`` says."""
    grain = _GRAINS[range_]
    looks = history.over(grain)
    drawn = looks
    if looks and (last := history.last) is not None and last.at > looks[-1].at:
        # A look of several ends with the worst of them; the picture ends with how it is now.
        drawn = (*looks, replace(last, paid=0, lost=0))
    end = drawn[-1].at if drawn else grain.kept
    across = _Across(end - grain.kept, end)
    most = max((look.at_stake for look in looks), default=0)
    step = _step_of(most)
    up = _Up(max(step, -(-most // step) * step))
    rows = list(spans(drawn, grain))
    return Chart(
        range=range_,
        name=_NAMES[range_],
        areas=tuple(_area(_points(row, across, up), up) for row in rows),
        lines=tuple(_path(_points(row, across, up)) for row in rows),
        unprotectable=tuple(
            _area(_points(row, across, up, unprotectable=True), up)
            for row in rows
            if any(look.unprotectable for look in row)
        ),
        gaps=tuple(_gaps(rows, across)),
        amounts=tuple(
            Tick(at=up.y(drops), text=_in_short(drops)) for drops in range(0, up.most + 1, step)
        ),
        times=tuple(_times(across, range_)) if looks else (),
        paid=tuple(Mark(x=across.share(o.at), at=o.at, drops=o.paid) for o in looks if o.paid),
        lost=tuple(Mark(x=across.share(o.at), at=o.at, drops=o.lost) for o in looks if o.lost),
        sentence=_sentence(looks, drawn, grain, range_),
        table=_table(looks, range_),
        line_words=_LINES[range_][1],
    )


class _Across(Struct, frozen=True):
    """The axis of time, in ledger time."""

    begin: int
    end: int

    def share(self, at: int) -> float:
        return round((at - self.begin) / (self.end - self.begin) * 100, 2)

    def x(self, at: int) -> float:
        return round(self.share(at) * WIDTH / 100, 1)


class _Up(Struct, frozen=True):
    """The axis of amounts, in drops, from nothing."""

    most: int

    def y(self, drops: int) -> float:
        return round(HEIGHT - drops / self.most * HEIGHT, 1)


Points = list[tuple[float, float]]


def _points(
    row: Sequence[Look], across: _Across, up: _Up, *, unprotectable: bool = False
) -> Points:
    points = [(across.x(o.at), up.y(o.unprotectable if unprotectable else o.at_stake)) for o in row]
    (first, height), (last, _) = points[0], points[-1]
    if last - first < _LEAST_WIDTH:
        # To the left: the end of the picture is now.
        points.insert(0, (round(max(0.0, last - _LEAST_WIDTH), 1), height))
    return points


def _gaps(rows: Sequence[Sequence[Look]], across: _Across) -> Iterator[Gap]:
    """Yield what is between the rows, and before the first of them."""
    seen = 0.0
    for row in rows:
        (first, _), *_, (last, _) = _points(row, across, _Up(1))
        begin = first * 100 / WIDTH
        if begin - seen >= _LEAST_GAP:
            yield Gap(x=round(seen, 2), width=round(begin - seen, 2))
        seen = last * 100 / WIDTH


def _path(points: Points) -> str:
    return "M" + " L".join(f"{x:g} {y:g}" for x, y in points)


def _area(points: Points, up: _Up) -> str:
    base = up.y(0)
    return f"{_path(points)} L{points[-1][0]:g} {base:g} L{points[0][0]:g} {base:g} Z"


def _step_of(most: int) -> int:
    """Return by how many drops the axis is told, so that there are a few ticks and no fractions."""
    if most == 0:
        return DROPS_PER_XRP
    power = 1
    while True:
        for step in _STEPS:
            if step * power * (_MOST_TICKS - 1) >= most:
                return step * power
        power *= 10


def _times(across: _Across, range_: Range) -> Iterator[Tick]:
    """Yield ticks at whole hours and days, in UTC as all times are told."""
    step, begin = _TIME_STEPS[range_], unix_time(RippleTime(across.begin))
    first = -(-begin // step) * step
    for at in range(first, unix_time(RippleTime(across.end)) + 1, step):
        share = across.share(across.begin + at - begin)
        if _EDGE <= share <= 100 - _EDGE:
            text = datetime.fromtimestamp(at, UTC).strftime(_TIME_FORMS[range_])
            yield Tick(at=share, text=text)


def _sentence(looks: Sequence[Look], drawn: Sequence[Look], grain: Grain, range_: Range) -> str:
    if not looks:
        return "Nothing has been seen yet."
    highest = max(looks, key=lambda look: look.at_stake)
    paid, lost = sum(look.paid for look in looks), sum(look.lost for look in looks)
    missing = len(list(spans(looks, grain))) - 1
    most, now = _xrp(highest.at_stake), _xrp(drawn[-1].at_stake)
    said = [
        f"In {_NAMES[range_]} at most {most} was at stake; now it is {now}.",
        f"{_xrp(paid)} was paid, and {_xrp(lost)} was lost." if lost else f"{_xrp(paid)} was paid.",
    ]
    if looks[0].at - (drawn[-1].at - grain.kept) > _LATE * grain.step:
        began = datetime.fromtimestamp(unix_time(RippleTime(looks[0].at)), UTC)
        said.append(f"Nobody looked before {began.strftime(_TIME_FORMS[range_])}.")
    if missing:
        said.append("Where nothing is drawn, nobody looked.")
    return " ".join(said)


def _xrp(drops: int) -> str:
    return format_drops(Drops(drops))


def _in_short(drops: int) -> str:
    """Return an amount in XRP as an axis has it, where the unit stands once."""
    if drops >= _MILLION_XRP:
        return f"{drops / _MILLION_XRP:g} M"
    return _xrp(drops).removesuffix(" XRP")


def _table(looks: Sequence[Look], range_: Range) -> tuple[Look, ...]:
    step, _ = _LINES[range_]
    lines: list[Look] = []
    for look in looks:
        if lines and lines[-1].at // step == look.at // step:
            lines[-1] = lines[-1].together_with(look)
        else:
            lines.append(look)
    return tuple(reversed(lines))
