"""What waits for one route: in which order it goes, and what need not go any more. Pure.

What it guarantees:

- The most urgent goes first, then the oldest. One that was refused steps aside for a while, so that
  what the other side does not like does not hold up what it would take.
- Of one alarm only the newest word waits: a route that was away for hours tells how it is, and not
  how it has been.
- It is bounded: behind ``limit`` the least urgent and newest is dropped, and counted, so that
  whoever can cause cheap alarms by the thousand cannot push a dear one out.

Its cost is that of a sorted list: nothing here grows with how long a route was away.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field

from watchtower.alerts.message import Message, Subject
from watchtower.alerts.rules import Severity

__all__ = ["Waiting", "WaitingList"]


@dataclass(slots=True, order=True)
class Waiting:
    """A message that waits; ``since`` when, and ``not_before`` when it may be tried next.

    Both are seconds on the caller's clock; ``failed`` counts the tries.
    """

    order: int
    number: int
    message: Message = field(compare=False)
    since: float = field(compare=False)
    not_before: float = field(default=0.0, compare=False)
    failed: int = field(default=0, compare=False)


class WaitingList:
    """The messages that wait for one route."""

    def __init__(self, limit: int) -> None:
        """Begin empty; at most ``limit`` may wait."""
        self._limit = limit
        self._sorted: list[Waiting] = []
        self._newest: dict[Subject, Waiting] = {}
        self._number = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._sorted)

    def __iter__(self) -> Iterator[Message]:
        """Yield what waits, in the order in which it is to go."""
        return (waiting.message for waiting in self._sorted)

    def put(self, message: Message, *, since: float) -> Message | None:
        """Have a message wait, in place of an older one about the same; return what is dropped."""
        before = self._newest.get(message.subject)
        number = self._number = self._number + 1
        if before is not None:
            # It keeps its place: what is told anew every hour would else never come to its turn.
            number = before.number
            self.remove(before)
        return self._add(Waiting(-message.severity.rank, number, message, since))

    def put_back(self, waiting: Waiting) -> Message | None:
        """Have what was refused wait again, unless there is a newer word; return what is dropped.

        One that was never told because a newer word came is not dropped: it is out of date.
        """
        if waiting.message.subject in self._newest:
            return None
        return self._add(waiting)

    def take(self, now: float, *, is_resting: bool = False) -> Waiting | None:
        """Take out what is to be tried now; None if nothing is.

        While the route is resting that is only what is urgent and was not tried yet.
        """
        for waiting in self._sorted:
            if is_resting and waiting.message.severity is not Severity.URGENT:
                return None
            if waiting.not_before <= now and not (is_resting and waiting.failed):
                self.remove(waiting)
                return waiting
        return None

    def next_at(self) -> float | None:
        """Return when something may be tried; None if nothing waits."""
        return min((waiting.not_before for waiting in self._sorted), default=None)

    def hurry(self) -> None:
        """Let everything be tried at once."""
        for waiting in self._sorted:
            waiting.not_before = 0.0

    def remove(self, waiting: Waiting) -> None:
        """Take out one that waits."""
        del self._sorted[bisect.bisect_left(self._sorted, waiting)]
        del self._newest[waiting.message.subject]

    def _add(self, waiting: Waiting) -> Message | None:
        bisect.insort(self._sorted, waiting)
        self._newest[waiting.message.subject] = waiting
        if len(self._sorted) <= self._limit:
            return None
        last = self._sorted[-1]
        self.remove(last)
        return last.message
