"""Letters to other towers through the broker, and their answers back.

What it guarantees: an answer goes to who waits for one under its name (correlation data), and is
looked at there; what nobody waits for is forgotten. Nobody waits longer than they like to: a line
that is down says so at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final

import structlog

from watchtower.interfaces.mqtt.connection import BrokerLost, Connection, Delivery
from watchtower.keys.cosign_letters import MOST_LETTER_BYTES, Tell
from watchtower.keys.cosign_posting import LineDown

__all__ = ["CosignLine"]

_log = structlog.get_logger(__name__)

_MOST_WAITING: Final = 64
"""Letters that wait for an answer at a time; there is one for each co-signer, and a few late."""

_Take = Callable[[bytes], Tell | None]


class CosignLine:
    """The line of one tower; it is down until the way to the broker is there."""

    def __init__(self, answers: str, *, patience: float) -> None:
        """Wait for answers at the topic ``answers``; a letter is of no use behind ``patience``."""
        self.answers = answers
        self._expires = max(1, math.ceil(patience))
        self._connection: Connection | None = None
        self._waiting: dict[bytes, tuple[_Take, asyncio.Future[Tell]]] = {}

    def connected(self, connection: Connection) -> None:
        """Take note of the way there."""
        self._connection = connection

    def lost(self) -> None:
        """Take note that there is none."""
        self._connection = None

    async def exchange(self, topic: str, payload: bytes, *, name: bytes, take: _Take) -> Tell:
        """Send a letter; return the first answer under its name that is taken.

        Raises:
            LineDown: it could not be sent.
        """
        connection = self._connection
        if connection is None:
            raise LineDown("there is no connection to the broker")
        if len(self._waiting) >= _MOST_WAITING:
            raise LineDown("too many letters wait for an answer")
        answer: asyncio.Future[Tell] = asyncio.get_running_loop().create_future()
        self._waiting[name] = (take, answer)
        try:
            await connection.publish(
                topic,
                payload,
                correlation=name,
                response_topic=self.answers,
                # What nobody waits for any more need not wait at the broker.
                expires_after=self._expires,
            )
            return await answer
        except BrokerLost as lost:
            raise LineDown(f"the way to the broker was lost ({lost})") from None
        finally:
            del self._waiting[name]

    async def handle(self, delivery: Delivery, connection: Connection) -> None:
        """Hand an answer to who waits for it."""
        try:
            name = delivery.correlation or b""
            take, answer = self._waiting.get(name, (None, None))
            if take is None or answer is None or answer.done():
                return
            if len(delivery.payload) > MOST_LETTER_BYTES:
                _log.info(
                    "cosign_letter_ignored", why="it is too long", bytes=len(delivery.payload)
                )
                return
            told = take(delivery.payload)
            if told is not None:
                answer.set_result(told)
        finally:
            # Whatever it was: it is of no use a second time.
            connection.acknowledge(delivery)
