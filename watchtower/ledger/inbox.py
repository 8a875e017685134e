"""What the links heard, in order, until the stream takes it.

Writing never waits, so that no server is ever kept from being read. Memory is bounded all the
same: what does not fit is left out, and its server's present ledger is noted as misheard, which
makes the stream read it again from history.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import structlog

from watchtower.ledger.health import HealthEvent, ServerRecovered, StateReconciled

__all__ = ["Happened", "Heard", "Inbox", "Lost", "Misheard", "Note", "Subscribed"]

_log = structlog.get_logger(__name__)

_ROOM: Final = 20_000
"""Messages: a ledger that touches 10,000 watched channels, twice, from two servers, or less."""


class Subscribed(NamedTuple):
    """A server's subscription stands."""

    server: str
    result: Mapping[str, Any]


class Heard(NamedTuple):
    """A server sent a message."""

    server: str
    message: Mapping[str, Any]


class Misheard(NamedTuple):
    """A server sent what could not be read, or more than could be kept."""

    server: str


class Lost(NamedTuple):
    """A server's subscription ended."""

    server: str


class Happened(NamedTuple):
    """Something went wrong, or ended going wrong."""

    event: HealthEvent


Note = Subscribed | Heard | Misheard | Lost | Happened


class Inbox:
    """A `Journal` for the links, and a queue for one stream.

    Until `open` is called only the log hears what happens: without a stream nobody asks for more.
    """

    def __init__(self, room: int = _ROOM) -> None:
        """Keep at most ``room`` messages; the few notes about connections are always kept."""
        self._room = room
        self._notes: deque[Note] = deque()
        self._filled = asyncio.Event()
        self._overrun: set[str] = set()
        self._is_open = False

    def open(self) -> None:
        """Keep notes from now on."""
        self._is_open = True

    def close(self) -> None:
        """Keep nothing any more."""
        self._is_open = False
        self._notes.clear()

    async def take(self) -> Note:
        """Wait for the next note and return it."""
        while not self._notes:
            self._filled.clear()
            await self._filled.wait()
        return self._notes.popleft()

    def subscribed(self, server: str, result: Mapping[str, Any]) -> None:
        """Note that the server's subscription stands."""
        self._overrun.discard(server)
        self._keep(Subscribed(server, result))

    def heard(self, server: str, message: Mapping[str, Any]) -> None:
        """Note a message, if there is room."""
        if len(self._notes) < self._room:
            self._overrun.discard(server)
            self._keep(Heard(server, message))
        elif self._is_open and server not in self._overrun:
            self._overrun.add(server)
            _log.warning("messages_left_out", server=server, room=self._room)
            self._keep(Misheard(server))

    def misheard(self, server: str) -> None:
        """Note that something could not be read."""
        self._keep(Misheard(server))

    def lost(self, server: str) -> None:
        """Note that the server's subscription ended."""
        self._keep(Lost(server))

    def happened(self, event: HealthEvent) -> None:
        """Note and log what happened."""
        log = _log.info if isinstance(event, ServerRecovered | StateReconciled) else _log.warning
        log("ledger_health", what=type(event).__name__, facts=str(event))
        self._keep(Happened(event))

    def _keep(self, note: Note) -> None:
        if self._is_open:
            self._notes.append(note)
            self._filled.set()
