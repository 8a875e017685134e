"""The way to a broker, taken again and again: claims in, answers, states and events out.

What it guarantees: the tower does not depend on it. Whatever the broker does, this goes on, with
pauses that grow; what was not acknowledged comes again with the next connection, and what stands
at the broker is told anew. When it lasts it is an alarm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

import structlog

from watchtower.alerts import of_doors
from watchtower.alerts.rules import Alarm
from watchtower.brokers import Broker
from watchtower.errors import ConfigError
from watchtower.interfaces.feed import Following
from watchtower.interfaces.mqtt.clerk import Clerk
from watchtower.interfaces.mqtt.connection import (
    BrokerLost,
    Connection,
    Credentials,
    Delivery,
    Will,
    connect,
)
from watchtower.interfaces.mqtt.teller import Teller, status_of
from watchtower.interfaces.mqtt.topics import Topics
from watchtower.ledger.backoff import Backoff

__all__ = ["Desk", "Post"]

_log = structlog.get_logger(__name__)

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0

_LONG: Final = 30.0
"""Seconds without a broker after which people are told; a refusal is told at once."""

_LASTING: Final = 10.0
"""Seconds that a connection has to last before the next pause is a short one again."""

_FAREWELL: Final = 2.0
"""Seconds for saying that the tower stops."""

_LOST: Final = "The tower has gone without a word."
_STOPPED: Final = "The tower has been stopped."

_UNACKNOWLEDGED: Final = 32
"""Messages without acknowledgement (QoS 0) that are looked at together; others are dropped."""


class Desk(Protocol):
    """Where alarms are told."""

    def stand(self, alarm: Alarm) -> None:
        """Take note that an alarm stands now."""
        ...

    def end(self, name: str, subject: str) -> None:
        """Take note that it does not."""
        ...


class Correspondent(Protocol):
    """Who has a topic of its own at the broker, beside claims."""

    def connected(self, connection: Connection) -> None:
        """Take note of the connection; it never waits."""
        ...

    def lost(self) -> None:
        """Take note that it has ended."""
        ...

    async def handle(self, delivery: Delivery, connection: Connection) -> None:
        """Take a message, and acknowledge it."""
        ...


class Speaker(Protocol):
    """Who tells something of its own there, beside states and events."""

    async def tell(self, connection: Connection) -> None:
        """Tell until cancelled.

        Raises:
            BrokerLost: the connection has ended.
        """
        ...


class Post:
    """One tower's way to its broker."""

    def __init__(
        self,
        broker: Broker,
        topics: Topics,
        *,
        credentials: Callable[[], Credentials],
        clerk: Clerk,
        teller: Teller,
        desk: Desk,
        correspondents: Mapping[str, Correspondent] | None = None,
        speakers: Sequence[Speaker] = (),
        luck: Callable[[], float],
        clock: Callable[[], float],
        is_there: Callable[[bool], None] | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            broker: where it is.
            topics: what is used there.
            credentials: returns who we are, for each connection anew, so that they can be changed.
            clerk: takes claims.
            teller: tells everything else.
            desk: is told when there is no broker for long.
            correspondents: who takes the messages of other topics.
            speakers: who tells something else.
            luck: numbers in [0, 1), for the pauses.
            clock: a steady clock, in seconds.
            is_there: is told whenever the broker comes or goes.
        """
        self._broker = broker
        self._topics = topics
        self._credentials = credentials
        self._clerk = clerk
        self._teller = teller
        self._desk = desk
        self._correspondents = dict(correspondents or {})
        self._speakers = tuple(speakers)
        self._pause = Backoff(first=_FIRST_PAUSE, most=_LONGEST_PAUSE, luck=luck)
        self._clock = clock
        self._is_there = is_there or (lambda _: None)
        self._alone_since = clock()
        self._connected_at: float | None = None

    async def run(self) -> None:
        """Be there for the broker until cancelled."""
        self._is_there(False)  # noqa: FBT003 - the one thing it is told
        with self._teller.following() as following:
            while True:
                try:
                    await self._be_connected(following)
                except BrokerLost as lost:
                    self._note_lost(str(lost), is_refusal=lost.is_refusal)
                except ConfigError as wrong:
                    self._note_lost(str(wrong).rstrip("."), is_refusal=True)
                _end_if_asked_to()
                await asyncio.sleep(self._pause.next_wait(least=_FIRST_PAUSE))

    def _note_lost(self, why: str, *, is_refusal: bool) -> None:
        now, connected_at, self._connected_at = self._clock(), self._connected_at, None
        if connected_at is not None and now - connected_at >= _LASTING:
            self._pause.reset()
            self._alone_since = now
        _log.info("broker_lost", broker=self._broker.text, why=why)
        if is_refusal or now - self._alone_since >= _LONG:
            self._desk.stand(of_doors.broker_unreachable(self._broker.text, why=why))

    async def _be_connected(self, following: Following) -> None:
        """Connect, and serve until the connection ends.

        Raises:
            BrokerLost: it has ended, or never began.
            ConfigError: what we would show the broker cannot be read.
        """
        async with connect(
            self._broker.host,
            self._broker.port,
            client=self._topics.client,
            credentials=self._credentials(),
            will=Will(topic=self._topics.status, payload=status_of(here=False, why=_LOST)),
        ) as connection:
            await connection.subscribe(self._topics.subscription)
            for topic in self._correspondents:
                await connection.subscribe(topic)
            self._connected_at = self._clock()
            self._desk.end("broker_unreachable", self._broker.text)
            self._is_there(True)  # noqa: FBT003 - likewise
            _log.info("broker_connected", broker=self._broker.text)
            for correspondent in self._correspondents.values():
                correspondent.connected(connection)
            try:
                await self._serve(connection, following)
            except asyncio.CancelledError:
                await self._say_farewell(connection)
                raise
            except BaseExceptionGroup as group:
                raise _first(group) from None
            finally:
                self._is_there(False)  # noqa: FBT003 - likewise
                for correspondent in self._correspondents.values():
                    correspondent.lost()

    async def _serve(self, connection: Connection, following: Following) -> None:
        """Take and tell; the first that finds the connection ended ends it all."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._teller.tell(connection, following))
            for speaker in self._speakers:
                tasks.create_task(speaker.tell(connection))
            unacknowledged = 0

            def done(_task: object) -> None:
                nonlocal unacknowledged
                unacknowledged -= 1

            async for delivery in connection.deliveries():
                # The broker bounds the others (Receive Maximum), and waits for each of them.
                if delivery.number is None and unacknowledged >= _UNACKNOWLEDGED:
                    continue
                clerk = self._correspondents.get(delivery.topic, self._clerk)
                task = tasks.create_task(clerk.handle(delivery, connection))
                if delivery.number is None:
                    unacknowledged += 1
                    task.add_done_callback(done)

    async def _say_farewell(self, connection: Connection) -> None:
        """Say that the tower stops: the will is told only of those who go without a word."""
        with suppress(BrokerLost, TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                status = status_of(here=False, why=_STOPPED)
                await connection.publish(self._topics.status, status, retain=True)


def _end_if_asked_to() -> None:
    """End here if that was asked for in the moment in which the connection was lost.

    A group of tasks that fails while it is cancelled tells of the failure alone, and whoever
    connected again then would never stop.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what ended a connection: that it was lost, or what nobody has expected."""
    first = group.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _first(first)
    if isinstance(first, BrokerLost) or not isinstance(first, Exception):
        return first
    # The tower goes on without a broker; what went wrong here is ours, and must not end it.
    _log.warning("mqtt_failed", why=repr(first))
    return BrokerLost(f"a mistake of ours ({first!r})", is_refusal=True)
