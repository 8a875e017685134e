"""A notice on its way out: what is handed over, and under what it is known there. Pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from watchtower.alerts.rules import Notice, NoticeKind, Severity

__all__ = ["Message", "Subject", "message_of"]

_LATE: Final = 300
"""Seconds behind which a message says how late it is."""

_LONG_WORD: Final = 24
"""Characters of a subject that a phone's title has room for."""


class Subject(NamedTuple):
    """What a message is about: an alarm, and whose. The newest word about it is the one to tell."""

    name: str
    whose: str


class Message(Struct, frozen=True, kw_only=True):
    """One telling of an alarm, the same on every route and at every try.

    Attributes:
        id: by which a receiver knows one that it has had before.
        at: when it was told, in seconds since 1970.
        name: which alarm.
        whose: the alarm's subject.
        kind: why it was told.
        severity: how soon a person should look.
        sentence: what is the matter and what to do.
        guide: where more is said about the alarm; empty where nothing is.
        escalated: whether it goes to everybody.
        report: what a command or a webhook is given, as JSON.
    """

    id: str
    at: float
    name: str
    whose: str
    kind: NoticeKind
    severity: Severity
    sentence: str
    guide: str = ""
    escalated: bool = False
    report: str

    @property
    def subject(self) -> Subject:
        """What it is about."""
        return Subject(self.name, self.whose)

    @property
    def has_ended(self) -> bool:
        """Whether it tells the end of what stood."""
        return self.kind is NoticeKind.RESOLVED

    @property
    def title(self) -> str:
        """A line that says on a locked phone whether to get up."""
        whose = self.whose
        if len(whose) > _LONG_WORD:
            whose = f"{whose[: _LONG_WORD - 1]}…"
        word = "resolved" if self.has_ended else self.severity.value
        return f"{word.upper()}: {self.name.replace('_', ' ')} ({whose})"

    def text(self, now: float) -> str:
        """Return what a person reads, at ``now``, in seconds since 1970."""
        lines = [f"This is over: {self.sentence}" if self.has_ended else self.sentence]
        if now - self.at >= _LATE:
            lines.append(f"This could not be told for {round((now - self.at) / 60)} minutes.")
        if self.guide:
            lines.append(self.guide)
        return "\n\n".join(lines)


def message_of(notice: Notice, *, name: str, at: float) -> Message:
    """Return what to hand over of ``notice``, known by ``name`` and told ``at``."""
    report: dict[str, Any] = dict(notice.report())
    alarm = notice.alarm
    return Message(
        id=name,
        at=at,
        name=alarm.name,
        whose=alarm.subject,
        kind=notice.kind,
        severity=alarm.severity,
        sentence=alarm.sentence,
        guide=str(report.get("guide") or ""),
        escalated=notice.escalated,
        report=msgspec.json.encode(report).decode(),
    )
