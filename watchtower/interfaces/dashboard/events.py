"""``/dashboard/events``: which parts of the pages have changed, told while somebody looks.

What it guarantees: a page is told of a change within a second or so, and of each part once a second
at most, however much happens; who has no pages open costs nothing. A reader that never reads holds
one place of few and some kilobytes, and is let go after a while; one whose token is revoked is
let go at once; and when the daemon stops, everybody is told so, and comes back by themselves.

It is told what to look at, never what is there: the page asks for that as it was asked for at
first, by the same door.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from litestar import asgi
from litestar.datastructures import Headers
from litestar.handlers import ASGIRouteHandler

from watchtower.access.gate import Turned
from watchtower.access.token import Scope
from watchtower.errors import InputError, StoreError
from watchtower.interfaces.dashboard.frame import Dashboard
from watchtower.interfaces.dashboard.headers import HOME
from watchtower.interfaces.dashboard.overview import overview
from watchtower.interfaces.happening import EVERYTHING, Interest
from watchtower.interfaces.http.knocking import looks_at
from watchtower.interfaces.http.refusal import refuse
from watchtower.units import parse_channel_id

__all__ = ["STREAM", "Pulse", "events_of"]

STREAM: Final = "watchtower.stream"
"""The extension of ASGI by which a connection becomes one that takes its time; it says whether
there is a place for it."""

_MOST: Final = 64
"""Pages that are told at a time: a third of the places for streams, of which claims need some."""

_EVERY: Final = 1.0
"""Seconds between two looks at what has changed."""

_BEAT: Final = 10.0
"""Seconds after which it is said that nothing has: a page that hears nothing says so."""

_LONGEST: Final = 900.0
"""Seconds of one connection; a page opens the next one by itself, and who is no page does not."""

_AGAIN: Final = 3_000
"""Milliseconds until a browser tries again."""

_CHANNELS: Final = "channels"
_CHANNEL: Final = "channel"


class Pulse:
    """What each part of the overview is now, for all who look together."""

    def __init__(self, dashboard: Dashboard) -> None:
        """Look at nothing yet."""
        self._dashboard = dashboard
        self._looking = asyncio.Lock()
        self._looked_at: float | None = None
        self._parts: Mapping[str, bytes] = {}

    async def parts(self) -> Mapping[str, bytes]:
        """Return what each part shows, as of less than a second ago."""
        asked, steady = self._dashboard.asked, self._dashboard.steady
        async with self._looking:
            if self._looked_at is None or steady() - self._looked_at >= _EVERY / 2:
                # A store that cannot be read now is told by the page, and changes no part.
                with suppress(StoreError):
                    shown = overview(await asked.report(), guide=asked.guide)
                    self._parts = {name: msgspec.json.encode(part) for name, part in shown.items()}
                self._looked_at = steady()
            return self._parts


def events_of(dashboard: Dashboard) -> ASGIRouteHandler:
    """Return what tells pages of changes, as server-sent events (HTML, section 9.2)."""
    pulse, telling = Pulse(dashboard), set[object]()

    @asgi(f"{HOME}/events", copy_scope=True, **looks_at())
    async def events(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await refuse(scope, send, "method_not_allowed", more=[(b"allow", b"GET")])
            return
        try:
            interest = _interest(scope["query_string"])
        except (InputError, ValueError):
            await refuse(scope, send, "malformed")
            return
        if dashboard.stopping.is_set():
            await refuse(scope, send, "stopping")
            return
        take_place = scope.get("extensions", {}).get(STREAM, lambda: True)
        if len(telling) >= _MOST or not take_place():
            await refuse(scope, send, "crowded")
            return
        with _counted(telling):
            await _Telling(dashboard, pulse, interest, scope, send).run(receive)

    return events


@contextmanager
def _counted(telling: set[object]) -> Iterator[None]:
    telling.add(one := object())
    try:
        yield
    finally:
        telling.discard(one)


class _Telling:
    """Tells one page what has changed, until it is gone."""

    def __init__(
        self, dashboard: Dashboard, pulse: Pulse, interest: Interest, scope: Any, send: Any
    ) -> None:
        self._dashboard = dashboard
        self._pulse = pulse
        self._interest = interest
        self._scope = scope
        self._send = send

    async def run(self, receive: Any) -> None:
        gone = asyncio.create_task(_until_gone(receive))
        stopping = asyncio.create_task(self._dashboard.stopping.wait())
        try:
            await self._begin()
            await self._tell({gone, stopping})
            await self._send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            stopping.cancel()

    async def _begin(self) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            # nginx keeps nothing back for this answer.
            (b"x-accel-buffering", b"no"),
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _tell(self, ends: set[asyncio.Task[Any]]) -> None:
        dashboard, begun = self._dashboard, self._dashboard.steady()
        # Room for one: that anything happened is all that is told.
        with dashboard.feed.follow(self._interest, room=1) as following:
            known = await self._pulse.parts()
            await self._say("hello", f"retry: {_AGAIN}\n")
            spoken, happened = begun, False
            while (now := dashboard.steady()) - begun < _LONGEST:
                done, _ = await asyncio.wait(
                    ends, timeout=_EVERY, return_when=asyncio.FIRST_COMPLETED
                )
                if dashboard.stopping.is_set():
                    await self._say("stopping")
                if done:
                    return
                if not self._is_welcome():
                    await self._say("ended")
                    return
                newest = await self._pulse.parts()
                changed = [name for name, part in newest.items() if known.get(name) != part]
                known = newest
                happened, before = bool(following.take()), happened
                # And once more: it is told before it is on disk, where a story is read.
                if happened or before:
                    changed.append(_CHANNELS if self._interest.channels is None else _CHANNEL)
                if changed:
                    await self._say("changed", parts=changed)
                    spoken = now
                elif now - spoken >= _BEAT:
                    await self._say("beat")
                    spoken = now

    def _is_welcome(self) -> bool:
        """Return whether the token is still good that it came in by."""
        headers = Headers.from_scope(self._scope)
        found = self._dashboard.entry.still(headers, Scope.READ)
        return not isinstance(found, Turned)

    async def _say(self, event: str, first: str = "", **told: Any) -> None:
        at = datetime.fromtimestamp(self._dashboard.clock(), UTC).strftime("%H:%M:%S UTC")
        data = msgspec.json.encode({"time": at, **told}).decode()
        text = f"{first}event: {event}\ndata: {data}\n\n"
        await self._send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _until_gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _interest(query: bytes) -> Interest:
    """Return of which happenings a page wants to hear: of one channel's, or of all.

    Raises:
        InputError: it names no channel.
        ValueError: it is no query.
    """
    given = parse_qs(query.decode("ascii"), max_num_fields=4).get("channel")
    if not given:
        return EVERYTHING
    return Interest(channels=frozenset({parse_channel_id(given[-1])}))
