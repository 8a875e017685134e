"""A thousand alarms of one kind are a few messages, and not a thousand. Pure.

Of one name and kind the first few are handed on one by one. What comes on top of them within
``CALM_SECONDS`` is counted, and told together in one notice that says how many they are; each of
them stands in the status all the same. What is urgent is told together at the next look, a few
seconds later, and everything else once a minute at most. What ended before anybody heard of it is
not told at all, and what began again before its end was told is not told as ended.

A payer who closes a thousand dust channels to bury the one that matters gets a few messages and a
sum: the one that is counted is still redeemed like every other, and the sum tells that there is
more to look at.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import Final, NamedTuple

from watchtower.alerts.rules import CALM_SECONDS, Alarm, Notice, NoticeKind, Severity

__all__ = ["HANDFUL", "TOGETHER_SECONDS", "Crowd"]

HANDFUL: Final = 5
"""So many notices of one name and kind are told one by one within ``CALM_SECONDS``."""

TOGETHER_SECONDS: Final = 60.0
"""For so long those that are not urgent are counted before they are told together."""

_KINDS: Final = {
    NoticeKind.RAISED: "more began",
    NoticeKind.REPEATED: "more go on",
    NoticeKind.RESOLVED: "more ended",
    NoticeKind.HAPPENED: "more happened",
}


class _Group(NamedTuple):
    name: str
    kind: NoticeKind


class _Key(NamedTuple):
    name: str
    subject: str


class Crowd:
    """Who comes alone and who comes in a crowd; ``now`` is seconds on a clock that never jumps."""

    def __init__(self) -> None:
        """Begin with nobody there."""
        self._alone: dict[_Group, deque[float]] = {}
        self._waiting: dict[_Group, dict[str, Notice]] = {}
        self._since: dict[_Group, float] = {}
        self._heard: set[_Key] = set()  # told as standing, and not told as ended

    def take(self, notice: Notice, *, now: float) -> tuple[Notice, ...]:
        """Take a notice; return it, or nothing if it is to be told together with others."""
        alarm = notice.alarm
        if notice.kind is NoticeKind.RESOLVED:
            self._drop(alarm, NoticeKind.RAISED, NoticeKind.REPEATED)
            if _Key(alarm.name, alarm.subject) not in self._heard:
                return ()
        elif notice.kind is NoticeKind.RAISED:
            self._drop(alarm, NoticeKind.RESOLVED)
        group = _Group(alarm.name, notice.kind)
        times = self._alone.setdefault(group, deque(maxlen=HANDFUL))
        if len(times) < HANDFUL or times[0] + CALM_SECONDS <= now:
            times.append(now)
            self._hear(notice)
            return (notice,)
        self._waiting.setdefault(group, {})[alarm.subject] = notice
        self._since.setdefault(group, now)
        return ()

    def due(self, *, now: float) -> tuple[Notice, ...]:
        """Return what is to be told together by now."""
        due = [
            group
            for group, since in self._since.items()
            if since + TOGETHER_SECONDS <= now or _worst(self._waiting[group]) is Severity.URGENT
        ]
        return tuple(self._together(group) for group in due)

    def _drop(self, alarm: Alarm, *kinds: NoticeKind) -> None:
        """Forget what waits to be told of an alarm, and is true no more."""
        for kind in kinds:
            group = _Group(alarm.name, kind)
            waiting = self._waiting.get(group, {})
            if waiting.pop(alarm.subject, None) is not None and not waiting:
                del self._waiting[group], self._since[group]

    def _hear(self, notice: Notice) -> None:
        """Take note that a notice is told, by its name or in a sum."""
        key = _Key(notice.alarm.name, notice.alarm.subject)
        if notice.kind is NoticeKind.RESOLVED:
            self._heard.discard(key)
        elif notice.kind is not NoticeKind.HAPPENED:
            self._heard.add(key)

    def _together(self, group: _Group) -> Notice:
        waiting = self._waiting.pop(group)
        del self._since[group]
        for notice in waiting.values():
            self._hear(notice)
        newest = next(reversed(waiting.values()))
        if len(waiting) == 1:
            return newest
        alarm = dataclasses.replace(
            newest.alarm,
            subject=f"{len(waiting)} {_KINDS[group.kind]}",
            severity=_worst(waiting),
            sentence=f"{len(waiting)} {_KINDS[group.kind]} of the alarm {group.name} than were "
            f"told one by one; `watchtower status` lists what stands. The newest of them says: "
            f"{newest.alarm.sentence}",
        )
        escalated = any(notice.escalated for notice in waiting.values())
        return dataclasses.replace(newest, alarm=alarm, told=1, escalated=escalated)


def _worst(waiting: dict[str, Notice]) -> Severity:
    """Return the highest severity of those that wait."""
    return max((notice.alarm.severity for notice in waiting.values()), key=lambda each: each.rank)
