"""Quiet hours: what can wait for the morning does, and what is urgent never does. Pure.

What it guarantees, in whatever order alarms begin, change and end:

- an urgent notice is handed on in the step in which it comes, and so is the end of one;
- nothing that was held back is lost: it is handed on with the first step behind the quiet hours,
  each alarm once, as it is by then;
- an alarm that ended before anybody was told of it is not told at all.

The time of day is an argument, as the clocks on the wall show it. So a night on which they are put
back or forward is as long as that night, and the quiet hours end when the clock says so.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import time
from typing import Final, NamedTuple

from watchtower.alerts.rules import Notice, NoticeKind, Severity

__all__ = ["Quiet", "QuietHours"]

_FORM: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From ``begin`` on, and before ``end``; over midnight where that is the earlier one."""

    begin: time
    end: time

    @classmethod
    def parse(cls, text: str) -> QuietHours | None:
        """Read ``22:00-07:00``; None if it is of another form, or holds no time."""
        match = _FORM.fullmatch(text)
        if match is None:
            return None
        hours = [int(part) for part in match.groups()]
        begin, end = time(hours[0], hours[1]), time(hours[2], hours[3])
        return None if begin == end else cls(begin=begin, end=end)

    def cover(self, now: time) -> bool:
        """Return whether it is quiet at ``now``, as a clock on the wall shows it."""
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end


class _Key(NamedTuple):
    name: str
    subject: str


class Quiet:
    """What is held back, and what of it goes on when the quiet hours are over."""

    def __init__(self) -> None:
        """Begin with nothing held back and nothing told."""
        self._held: dict[_Key, Notice] = {}  # in the order in which they came
        self._open: set[_Key] = set()  # told as standing, and not told as ended

    def __len__(self) -> int:
        """Return how many notices are held back."""
        return len(self._held)

    def take(self, notice: Notice, *, is_quiet: bool) -> tuple[Notice, ...]:
        """Take a notice; return what to hand on now."""
        key = _Key(notice.alarm.name, notice.alarm.subject)
        self._held.pop(key, None)  # what is newer says all that it said
        if notice.kind is not NoticeKind.RESOLVED or key in self._open:
            self._held[key] = notice
        if not is_quiet:
            return self.release()
        if notice.alarm.severity is not Severity.URGENT or key not in self._held:
            return ()
        return (self._hand_on(key),)

    def release(self) -> tuple[Notice, ...]:
        """Return everything that was held back: the quiet hours are over."""
        return tuple(self._hand_on(key) for key in tuple(self._held))

    def _hand_on(self, key: _Key) -> Notice:
        notice = self._held.pop(key)
        if notice.kind is NoticeKind.RESOLVED:
            self._open.discard(key)
        elif notice.kind is not NoticeKind.HAPPENED:
            if key not in self._open and notice.kind is NoticeKind.REPEATED:
                # Its beginning was held back, so that this is the first that anybody hears of it.
                notice = dataclasses.replace(notice, kind=NoticeKind.RAISED)
            self._open.add(key)
        return notice
