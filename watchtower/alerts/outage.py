"""One cause, one message: what is wrong with single servers, beside an outage of all. Pure.

What it guarantees, in whatever order troubles begin and end:

- a trouble of one server is handed on once it has lasted for ``PATIENCE_SECONDS``, which is longer
  than it takes to find out that no server is heard at all; one that ends before that is not;
- while no server is heard, only that is told, and no trouble of a single one;
- whatever is still wrong with a server that long after the outage has ended is handed on then;
- an end is handed on if its beginning was, and every beginning that was is followed by its end.

Only what can wait comes through here: no trouble of a single server is urgent, but a lie, and that
is told at once.
"""

from __future__ import annotations

import dataclasses
from typing import Final, NamedTuple

from watchtower.alerts.rules import Notice, NoticeKind

__all__ = ["OF_ONE_SERVER", "PATIENCE_SECONDS", "Outage"]

PATIENCE_SECONDS: Final = 60.0
"""For so long a server may be away before anybody is told."""

OF_ONE_SERVER: Final = frozenset(
    {"server_unreachable", "server_silent", "server_lagging", "server_unconfirmed"}
)
"""Alarms about one server that an outage of all of them explains."""

_OF_ALL: Final = "no_server"


class _Key(NamedTuple):
    name: str
    subject: str


class Outage:
    """What is held back of single servers; ``now`` is seconds on a clock that never jumps."""

    def __init__(self) -> None:
        """Begin with all servers well."""
        self._is_out = False
        self._held: dict[_Key, tuple[float, Notice]] = {}  # since when, and its newest word
        self._heard: set[_Key] = set()  # handed on as standing, and not as ended

    def take(self, notice: Notice, *, now: float) -> tuple[Notice, ...]:
        """Take a notice; return it, or nothing if it waits or need not be told."""
        name, is_end = notice.alarm.name, notice.kind is NoticeKind.RESOLVED
        if name == _OF_ALL:
            self._is_out = not is_end
            # Connections come back one after another: each server has its time from here on.
            self._held = {key: (now, held) for key, (_, held) in self._held.items()}
        if name not in OF_ONE_SERVER:
            return (notice,)
        key = _Key(name, notice.alarm.subject)
        since, _ = self._held.pop(key, (now, None))
        if key in self._heard:
            if is_end:
                self._heard.discard(key)
            return (notice,) if is_end or not self._is_out else ()
        if not is_end:
            self._held[key] = since, notice
        return ()

    def due(self, *, now: float) -> tuple[Notice, ...]:
        """Return what has lasted for long enough by now."""
        if self._is_out:
            return ()
        due = [key for key, (since, _) in self._held.items() if since + PATIENCE_SECONDS <= now]
        self._heard.update(due)
        # Its beginning was held back, so that this is the first that anybody hears of it.
        return tuple(
            dataclasses.replace(self._held.pop(key)[1], kind=NoticeKind.RAISED) for key in due
        )
