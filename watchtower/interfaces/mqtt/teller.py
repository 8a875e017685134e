"""What a tower tells by itself: each channel's state, what happens, and that it is there.

What it guarantees:

- The state that stands at the broker (a retained message) is the newest one, soon after every
  change and every reconnect: what changed while there was no connection is told with the next.
- A state is a lease. It is renewed every day and stands for a week, and that of a channel that has
  closed for a day: what nobody looks after any more goes away by itself.
- What waits is bounded: of states their channels' names alone, each once, and of events as many as
  the feed keeps; where some are missing, `lagged` says how many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final, Protocol

import msgspec
import structlog

from watchtower.errors import StoreError
from watchtower.interfaces.channel_view import View
from watchtower.interfaces.feed import Feed, Following
from watchtower.interfaces.happening import KINDS, Happening, Interest, Lagged
from watchtower.interfaces.mqtt.connection import Connection
from watchtower.interfaces.mqtt.topics import Topics
from watchtower.units import ChannelId

__all__ = ["EVENTS", "Channels", "Teller", "status_of"]

_log = structlog.get_logger(__name__)

_CLAIMS: Final = frozenset({"claim_kept", "claim_pending", "claim_refused"})

EVENTS: Final = frozenset(KINDS) - _CLAIMS
"""The kinds that are told: all but those of claims, which come by the thousand, and whose senders
have their answers."""

_STATES: Final = frozenset(KINDS) - {"claim_pending", "claim_refused"}
"""The kinds that may change a channel's state. A stranger's claims for channels that nobody knows
are not among them: their names would have to be remembered."""

_TOGETHER: Final = 16
"""Messages that are told without waiting for each other."""

_PAGE: Final = 500

_RENEWED: Final = 86_400
_STANDS: Final = 7 * 86_400
_CLOSED_STANDS: Final = 86_400
"""Seconds after which states are told anew, for which they stand, and those of closed channels."""

_LOOK: Final = 5.0
"""Seconds between two looks at whether the tower is ready."""

_RETRY: Final = 1.0


class Channels(Protocol):
    """Who knows the channels, and whether the tower is ready."""

    why_not_ready: Callable[[], str]

    async def channel(self, channel_id: ChannelId) -> View | None:
        """Return a channel as it is known now, also one that has closed."""
        ...

    async def channels(
        self, after: ChannelId | None, limit: int
    ) -> tuple[list[View], ChannelId | None]:
        """Return ``limit`` open channels behind ``after``, and where it goes on."""
        ...


def status_of(*, here: bool, why: str = "") -> bytes:
    """Return how it stands with a tower: that it is there, or why not; and what it lacks."""
    return msgspec.json.encode({"here": here, "ready": here and not why, "why": why})


class Teller:
    """Tells of one tower; what happens is noted for as long as `following` lasts."""

    def __init__(self, feed: Feed, channels: Channels, topics: Topics, *, tells_all: bool) -> None:
        """Tell nothing yet; without ``tells_all`` it is told that the tower is there, no more."""
        self._feed = feed
        self._channels = channels
        self._topics = topics
        self._tells_all = tells_all
        self._changed: dict[ChannelId, None] = {}
        self._has_changed = asyncio.Event()
        self._events: deque[Happening | Lagged] = deque()

    @contextmanager
    def following(self) -> Iterator[Following]:
        """Note what happens, whether there is a connection or not."""
        nothing = frozenset[str]()
        events = Interest(kinds=EVENTS if self._tells_all else nothing)
        states = Interest(kinds=_STATES if self._tells_all else nothing)

        def note() -> None:
            self._note(changes.take())

        with (
            self._feed.follow(events) as following,
            self._feed.follow(states, told=note) as changes,
        ):
            yield following

    def _note(self, told: Iterable[Happening | Lagged]) -> None:
        for one in told:
            if isinstance(one, Happening) and one.channel is not None:
                self._changed[one.channel] = None
                self._has_changed.set()

    async def tell(self, connection: Connection, following: Following) -> None:
        """Tell how everything stands, and then what changes, until cancelled.

        Raises:
            BrokerLost: the connection has ended; what was not told is told by the next.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_status(connection))
            if self._tells_all:
                tasks.create_task(self._tell_events(connection, following))
                tasks.create_task(self._tell_states(connection))

    async def _tell_status(self, connection: Connection) -> None:
        told: bytes | None = None
        while True:
            status = status_of(here=True, why=self._channels.why_not_ready())
            if status != told:
                await connection.publish(self._topics.status, status, retain=True)
                told = status
            await asyncio.sleep(_LOOK)

    async def _tell_events(self, connection: Connection, following: Following) -> None:
        while True:
            if not self._events:
                self._events.extend(await following.next())
            together = list(islice(self._events, _TOGETHER))
            outcomes = await _all([self._tell_event(connection, one) for one in together])
            for outcome in outcomes:
                # From the first that the broker did not take they stay, and are told again.
                _raise_if_failed(outcome)
                self._events.popleft()

    async def _tell_event(self, connection: Connection, told: Happening | Lagged) -> None:
        if isinstance(told, Lagged):
            kind, report = "lagged", {"kind": "lagged", "missed": told.missed}
        else:
            kind, report = told.kind, told.report()
        await connection.publish(self._topics.event(kind), msgspec.json.encode(report))

    async def _tell_states(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            renew_at = loop.time() + _RENEWED
            async for page in self._pages():
                self._changed |= dict.fromkeys(page)
                await self._tell_changed(connection)
            while loop.time() < renew_at:
                try:
                    async with asyncio.timeout_at(renew_at):
                        await self._has_changed.wait()
                except TimeoutError:
                    break
                self._has_changed.clear()
                await self._tell_changed(connection)

    async def _pages(self) -> AsyncIterator[list[ChannelId]]:
        after: ChannelId | None = None
        while True:
            views, after = await self._channels.channels(after, _PAGE)
            yield [view.channel.entry.channel for view in views]
            if after is None:
                return

    async def _tell_changed(self, connection: Connection) -> None:
        while self._changed:
            together = list(islice(self._changed, _TOGETHER))
            for name in together:
                del self._changed[name]
            try:
                for outcome in await _all([self._tell_state(connection, n) for n in together]):
                    _raise_if_failed(outcome)
            except StoreError as failure:
                _log.info("channel_state_not_read", why=str(failure))
                self._changed |= dict.fromkeys(together)
                await asyncio.sleep(_RETRY)
            except BaseException:
                self._changed |= dict.fromkeys(together)
                raise

    async def _tell_state(self, connection: Connection, name: ChannelId) -> None:
        view = await self._channels.channel(name)
        if view is None:
            return
        is_closed = view.channel.closed_at is not None
        await connection.publish(
            self._topics.channel(name),
            msgspec.json.encode(view.report()),
            retain=True,
            expires_after=_CLOSED_STANDS if is_closed else _STANDS,
        )


async def _all(steps: Iterable[Awaitable[None]]) -> list[BaseException | None]:
    """Take all steps, whether one of them fails or not, and return what became of each."""
    return await asyncio.gather(*steps, return_exceptions=True)


def _raise_if_failed(outcome: BaseException | None) -> None:
    if outcome is not None:
        raise outcome
