"""The record of what was told, where, and with what result. Pure, and bounded.

It is kept apart by urgency, so that cheap alarms by the thousand do not push the dear ones out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from watchtower.alerts.message import Message
from watchtower.alerts.rules import NoticeKind, Severity

__all__ = ["DELIVERED", "DROPPED", "GIVEN_UP", "MOST_RECORDED", "Kept", "Record", "Told"]

MOST_RECORDED: Final = 100
"""Lines that are kept of what was urgent, and as many of everything else."""

DELIVERED: Final = "delivered"
DROPPED: Final = "dropped"
GIVEN_UP: Final = "given up"


class Told(Struct, frozen=True, kw_only=True):
    """What became of one message on one route.

    Attributes:
        at: when that was, in seconds since 1970.
        route: which route.
        name: which alarm.
        subject: whose.
        kind: why it was told.
        severity: how soon a person should look.
        result: ``delivered``, ``given up`` (nobody took it for long) or ``dropped`` (too much
            waited).
        tries: how often it was tried.
        why: why it did not arrive; None if it did.
    """

    at: float
    route: str
    name: str
    subject: str
    kind: NoticeKind
    severity: Severity
    result: str
    tries: int
    why: str | None = None


class Kept(Struct, frozen=True, kw_only=True):
    """What outlives the process: what was told, and what is urgent and was not."""

    told: list[Told] = []
    waiting: dict[str, list[Message]] = {}

    def waiting_since(self, oldest: float) -> dict[str, list[Message]]:
        """Return what waits by route, and was told after ``oldest``, in seconds since 1970."""
        young = {
            route: [message for message in messages if message.at > oldest]
            for route, messages in self.waiting.items()
        }
        return {route: messages for route, messages in young.items() if messages}


class Record:
    """What was told, the newest last."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._urgent: deque[Told] = deque(maxlen=MOST_RECORDED)
        self._other: deque[Told] = deque(maxlen=MOST_RECORDED)

    def note(
        self,
        message: Message,
        route: str,
        result: str,
        *,
        at: float,
        tries: int,
        why: str | None = None,
    ) -> None:
        """Note what became of a message."""
        self.add(
            Told(
                at=at,
                route=route,
                name=message.name,
                subject=message.whose,
                kind=message.kind,
                severity=message.severity,
                result=result,
                tries=tries,
                why=why,
            )
        )

    def add(self, told: Told) -> None:
        """Add a line; behind the bound the oldest goes."""
        (self._urgent if told.severity is Severity.URGENT else self._other).append(told)

    def extend(self, lines: Iterable[Told]) -> None:
        """Add lines that were kept."""
        for told in lines:
            self.add(told)

    def lines(self) -> list[Told]:
        """Return all lines, the oldest first."""
        return sorted((*self._urgent, *self._other), key=lambda told: told.at)
