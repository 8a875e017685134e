"""What was at stake over time: fine for the last hours, coarser behind. Pure.

What it guarantees:

- It is bounded, and a look costs the same however long the tower has run.
- No peak is hidden: where several looks are told as one, that one is the highest of them.
- Times ascend. Where nobody looked there is nothing, and nothing is put in its place (`spans`).
- A note that it did not write, or a broken one, is an empty history and never a reason not to
  start: what it tells is for looking at, and nothing is decided by it.

Times are ledger time: a host whose clock is wrong for a day leaves no day out, and adds none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec
from msgspec import Struct

from watchtower.units import MAX_LEDGER_TIME

__all__ = ["DAYS", "GRAINS", "HOURS", "QUARTER", "Grain", "Look", "StakeHistory", "spans"]


class Grain(Struct, frozen=True, kw_only=True):
    """Looks in the same ``step`` seconds are one, and each is kept for ``kept`` seconds."""

    step: int
    kept: int


HOURS: Final = Grain(step=60, kept=3 * 3_600)
DAYS: Final = Grain(step=900, kept=3 * 86_400)
QUARTER: Final = Grain(step=21_600, kept=90 * 86_400)

GRAINS: Final = (HOURS, DAYS, QUARTER)
"""A minute for three hours, a quarter of an hour for three days, six hours for ninety days."""

_FORM: Final = 1
"""The form of the note; another one is another version's, and is not read."""

_MOST: Final = 2**63 - 1
"""Above every sum there is."""


class Look(Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """How things stood, or how they stood at the worst in a step of a grain.

    Attributes:
        at: the ledger time of it, in seconds; of several, when most was at stake.
        ledger: the ledger that closed then.
        at_stake: the drops that would be lost if nobody redeemed any more; the most of several.
        unprotectable: the drops of these on channels that cannot be protected; the most of several.
        paid: the drops that channels have paid since the look before; all of several.
        lost: the drops that were lost since the look before; all of several.
        channels: how many channels were guarded; of several, at the last.
    """

    at: int
    ledger: int
    at_stake: int
    unprotectable: int
    paid: int
    lost: int
    channels: int

    def together_with(self, later: Look) -> Look:
        """Return one look that stands for this one and a later one of the same step."""
        higher = later if later.at_stake > self.at_stake else self
        return Look(
            at=higher.at,
            ledger=higher.ledger,
            at_stake=higher.at_stake,
            unprotectable=max(self.unprotectable, later.unprotectable),
            paid=self.paid + later.paid,
            lost=self.lost + later.lost,
            channels=later.channels,
        )

    @property
    def is_possible(self) -> bool:
        """Whether a ledger could have told it: a note is not believed without a look."""
        sums = (self.at_stake, self.unprotectable, self.paid, self.lost, self.channels)
        return (
            0 <= self.at <= MAX_LEDGER_TIME
            and 0 <= self.ledger <= MAX_LEDGER_TIME
            and all(0 <= number <= _MOST for number in sums)
        )


class _Kept(Struct, frozen=True, kw_only=True):
    """One grain's looks, as the note has them."""

    step: int
    kept: int
    looks: list[Look]


class _Note(Struct, frozen=True, kw_only=True):
    """The whole history in JSON values; ``lost`` is the sum of losses that was counted last."""

    form: int
    lost: int
    grains: list[_Kept]


class StakeHistory:
    """The looks of one tower at what is at stake.

    Attributes:
        lost: the drops of losses that were counted when this was last asked, of before a restart
            too (`Chronicle` compares with it).
    """

    def __init__(self, grains: Sequence[Grain] = GRAINS) -> None:
        """Begin with no look."""
        self.lost = 0
        self._looks: dict[Grain, deque[Look]] = {grain: deque() for grain in grains}

    @property
    def last(self) -> Look | None:
        """The newest look, by itself or with others of its step; None before the first."""
        finest = next(iter(self._looks.values()))
        return finest[-1] if finest else None

    def add(self, look: Look) -> None:
        """Take one more look, in constant time on average."""
        for grain, looks in self._looks.items():
            # Time went back: what was thought to be later was a false time, and is in the way.
            while looks and looks[-1].at > look.at and not _are_one(looks[-1], look, grain):
                looks.pop()
            if looks and _are_one(looks[-1], look, grain):
                looks[-1] = looks[-1].together_with(look)
            else:
                looks.append(look)
            while looks[0].at <= look.at - grain.kept:
                looks.popleft()

    def over(self, grain: Grain) -> tuple[Look, ...]:
        """Return the looks of a grain, the oldest first, as many as are kept of it."""
        return tuple(self._looks[grain])

    def note(self) -> dict[str, Any]:
        """Return all of it in JSON values, for the store."""
        kept = [
            _Kept(step=grain.step, kept=grain.kept, looks=list(looks))
            for grain, looks in self._looks.items()
        ]
        note: dict[str, Any] = msgspec.to_builtins(_Note(form=_FORM, lost=self.lost, grains=kept))
        return note

    @classmethod
    def of_note(cls, note: Any, grains: Sequence[Grain] = GRAINS) -> StakeHistory:
        """Return the history that a note tells of; an empty one where it does not tell of one."""
        history = cls(grains)
        try:
            told = msgspec.convert(note, _Note)
        except msgspec.ValidationError:
            return history
        found = {Grain(step=kept.step, kept=kept.kept): kept.looks for kept in told.grains}
        is_ours = told.form == _FORM and tuple(found) == tuple(grains) and told.lost >= 0
        if is_ours and all(_are_in_order(looks, grain) for grain, looks in found.items()):
            history.lost = told.lost
            history._looks = {grain: deque(looks) for grain, looks in found.items()}
        return history


def spans(looks: Iterable[Look], grain: Grain) -> Iterator[list[Look]]:
    """Yield the looks in rows without a gap: between two rows nobody looked for a whole step."""
    row: list[Look] = []
    for look in looks:
        if row and look.at // grain.step - row[-1].at // grain.step > 1:
            yield row
            row = []
        row.append(look)
    if row:
        yield row


def _are_one(one: Look, other: Look, grain: Grain) -> bool:
    return one.at // grain.step == other.at // grain.step


def _are_in_order(looks: Sequence[Look], grain: Grain) -> bool:
    """Return whether looks are such as `StakeHistory.add` leaves them."""
    steps = [look.at // grain.step for look in looks]
    ascend = all(before < after for before, after in pairwise(steps))
    is_bounded = not steps or steps[-1] - steps[0] <= grain.kept // grain.step
    return ascend and is_bounded and all(look.is_possible for look in looks)
