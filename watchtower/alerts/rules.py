"""What is worth telling a person, and when: pure, time is an argument.

An *alarm* is a condition (it stands until it is resolved) or a happening (it is told once). Both
are known by name and subject; telling the same one again and again is what makes people stop
reading. :class:`AlarmBoard` takes what stands now and answers with what to tell now:

- a new alarm, or one that became more severe, at once;
- one that goes on, again after ``repeat_after`` seconds;
- one that ended, once, if it had been told;
- one that is urgent and was told ``escalate_after`` times without an end, as *escalated* from then
  on, so that somebody else can be woken;
- one that comes and goes (a server that flaps, a payer who toggles a close request) not more often
  than every ``CALM_SECONDS``, unless it is urgent.

It is level-triggered like the rest of the house: :meth:`AlarmBoard.stand` may be called with the
same alarms at every ledger. Its cost grows with what changed, not with what stands.

    >>> board = AlarmBoard(repeat_after=3600)
    >>> silent = Alarm(name="server_silent", subject="wss://one", severity=Severity.WARNING,
    ...                sentence="wss://one has been silent for 20 s. Another server is used.")
    >>> [notice.kind.value for notice in board.stand(silent, now=100)]
    ['raised']
    >>> board.stand(silent, now=104)
    ()
    >>> [notice.kind.value for notice in board.end("server_silent", "wss://one", now=130)]
    ['resolved']
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from watchtower.units import RippleTime, format_time

__all__ = ["CALM_SECONDS", "GUIDE", "Alarm", "AlarmBoard", "Notice", "NoticeKind", "Severity"]

CALM_SECONDS: Final = 300.0
"""How long an alarm that came back within this time waits before it is told again."""

GUIDE: Final = "docs/alerts.md"
"""Where every alarm has a section of its name, unless the settings name another place."""


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "info"  # good to know
    WARNING = "warning"  # look at it today: protection is thinner than it should be
    URGENT = "urgent"  # look now: money may be lost

    @property
    def rank(self) -> int:
        """Return a number that is higher the more severe."""
        return _RANKS[self]


_RANKS: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.URGENT: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person should know.

    ``name`` is static (``server_silent``), ``subject`` says whose (a server's address, a channel
    id, an account). ``sentence`` says what is the matter and what to do. ``since`` is ledger time.
    """

    name: str
    subject: str
    severity: Severity
    sentence: str
    since: RippleTime | None = None


class NoticeKind(StrEnum):
    """Why an alarm is told now."""

    RAISED = "raised"  # it began, or became more severe
    REPEATED = "repeated"  # it goes on
    RESOLVED = "resolved"  # it ended
    HAPPENED = "happened"  # it has no end: something was done or lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One telling of an alarm; ``told`` counts how often it was told since it began.

    ``escalated`` says that it is urgent, and that nobody ended it although it was told again and
    again; its end is told as escalated too, to those who heard of it. ``guide`` is the address of
    the document whose section of the alarm's name says what to do.
    """

    kind: NoticeKind
    alarm: Alarm
    told: int = 1
    escalated: bool = False
    guide: str = GUIDE

    def report(self) -> dict[str, str | int | bool | None]:
        """Return what a command or a webhook is given, ready for JSON."""
        since = self.alarm.since
        return {
            "kind": self.kind.value,
            "name": self.alarm.name,
            "subject": self.alarm.subject,
            "severity": self.alarm.severity.value,
            "sentence": self.alarm.sentence,
            "since": None if since is None else format_time(since),
            "told": self.told,
            "escalated": self.escalated,
            "guide": f"{self.guide}#{self.alarm.name}",
        }


class _Key(NamedTuple):
    name: str
    subject: str


@dataclass(slots=True)
class _Standing:
    """An alarm that stands; ``due`` is when to tell it next, and ``told`` how often it was.

    ``urgently`` counts the tellings for which it was urgent.
    """

    alarm: Alarm
    due: float | None
    told: int = 0
    urgently: int = 0
    escalated: bool = False


class AlarmBoard:
    """What stands now, and what of it was told.

    ``now`` is always seconds on one monotonic clock of the caller's, and never goes back.
    """

    def __init__(self, *, repeat_after: float, escalate_after: int = 0, guide: str = GUIDE) -> None:
        """Begin with nothing standing.

        Args:
            repeat_after: seconds after which what goes on is told again; 0: never.
            escalate_after: so many tellings of an urgent alarm without an end escalate it; 0: none
                do.
            guide: the address of the document about all alarms.
        """
        self._repeat_after = repeat_after
        self._escalate_after = escalate_after
        self._guide = guide
        self._standing: dict[_Key, _Standing] = {}
        self._last_told: dict[_Key, float] = {}  # oldest first, forgotten after CALM_SECONDS
        self._agenda: list[tuple[float, _Key]] = []

    def hold_to(self, repeat_after: float, escalate_after: int, guide: str, *, now: float) -> None:
        """Tell by other rules from ``now`` on, from which what goes on is told again.

        What is escalated remains so until it ends: somebody was woken by it.
        """
        self._escalate_after, self._guide = escalate_after, guide
        if repeat_after == self._repeat_after:
            return
        self._repeat_after = repeat_after
        for key, known in self._standing.items():
            if known.told and repeat_after > 0:
                self._plan(key, known, now + repeat_after)
            elif known.told:
                known.due = None

    def stand(self, alarm: Alarm, *, now: float) -> tuple[Notice, ...]:
        """Take note that ``alarm`` stands now; return what to tell."""
        self._forget(now)
        key = _Key(alarm.name, alarm.subject)
        known = self._standing.get(key)
        if known is None:
            self._standing[key] = known = _Standing(alarm=alarm, due=None)
            last = self._last_told.get(key)
            if last is None or alarm.severity is Severity.URGENT:
                return (self._tell(key, known, now),)
            self._plan(key, known, last + CALM_SECONDS)
            return ()
        worse = alarm.severity.rank > known.alarm.severity.rank
        known.alarm = alarm
        return (self._tell(key, known, now, again=NoticeKind.RAISED),) if worse else ()

    def end(self, name: str, subject: str, *, now: float) -> tuple[Notice, ...]:
        """Take note that an alarm does not stand (any more); return what to tell.

        An end that nobody waits for, because the beginning was never told, is not told either.
        """
        self._forget(now)
        known = self._standing.pop(_Key(name, subject), None)
        if known is None or not known.told:
            return ()
        return (self._notice(NoticeKind.RESOLVED, known, known.told + 1),)

    def happen(self, alarm: Alarm, *, now: float) -> tuple[Notice, ...]:
        """Tell something that has no end; the same one again within ``CALM_SECONDS`` is not told.

        The subject should name the one thing that happened (a transaction, not a channel).
        """
        self._forget(now)
        key = _Key(alarm.name, alarm.subject)
        if key in self._last_told:
            return ()
        self._last_told[key] = now
        return (Notice(kind=NoticeKind.HAPPENED, alarm=alarm, guide=self._guide),)

    def due(self, *, now: float) -> tuple[Notice, ...]:
        """Return what stands and is to be told by now: repeated, or held back until now."""
        self._forget(now)
        notices = []
        while self._agenda and self._agenda[0][0] <= now:
            at, key = heapq.heappop(self._agenda)
            known = self._standing.get(key)
            if known is not None and known.due == at:
                notices.append(self._tell(key, known, now))
        return tuple(notices)

    def standing(self) -> tuple[Alarm, ...]:
        """Return what stands now, the most severe first."""
        alarms = (known.alarm for known in self._standing.values())
        return tuple(sorted(alarms, key=lambda a: (-a.severity.rank, a.name, a.subject)))

    def _tell(
        self,
        key: _Key,
        known: _Standing,
        now: float,
        again: NoticeKind = NoticeKind.REPEATED,
    ) -> Notice:
        known.told += 1
        self._last_told.pop(key, None)
        self._last_told[key] = now
        known.due = None
        if self._repeat_after > 0:
            self._plan(key, known, now + self._repeat_after)
        if known.alarm.severity is Severity.URGENT:
            known.urgently += 1
            known.escalated |= 0 < self._escalate_after <= known.urgently
        kind = NoticeKind.RAISED if known.told == 1 else again
        return self._notice(kind, known, known.told)

    def _notice(self, kind: NoticeKind, known: _Standing, told: int) -> Notice:
        return Notice(
            kind=kind,
            alarm=known.alarm,
            told=told,
            escalated=known.escalated,
            guide=self._guide,
        )

    def _plan(self, key: _Key, known: _Standing, at: float) -> None:
        known.due = at
        heapq.heappush(self._agenda, (at, key))

    def _forget(self, now: float) -> None:
        """Drop what was told long enough ago; the oldest come first, so no others are looked at."""
        while self._last_told:
            key, told = next(iter(self._last_told.items()))
            if told + CALM_SECONDS > now:
                return
            del self._last_told[key]
