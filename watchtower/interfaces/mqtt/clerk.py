"""What becomes of a message with claims: kept, answered, and only then acknowledged.

What it guarantees:

- A message is acknowledged after fsync (rule 6), and, when it comes first, after its answer has
  left. One whose claims cannot be stored is not: it is tried again here, and comes again with the
  next connection.
- What is no claim is acknowledged with a refusal: it would come for ever otherwise.
- An answer is never older than the connection that it leaves by. One that could not leave is made
  anew when the message comes again, and so tells whether to serve *now* (rule 8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, Protocol

import msgspec
import structlog

from watchtower.claims.answer import Answer
from watchtower.claims.given import Given
from watchtower.errors import DoorClosedError, StoreError
from watchtower.interfaces.answering import answer_each
from watchtower.interfaces.http.messages import (
    MOST_CLAIMS,
    PROBLEM_TYPE,
    AnswerMessage,
    Claims,
    Problem,
)
from watchtower.interfaces.mqtt.connection import BrokerLost, Connection, Delivery
from watchtower.interfaces.mqtt.topics import Topics
from watchtower.ledger.backoff import Backoff

__all__ = ["PROBLEMS", "Clerk", "Door"]

_log = structlog.get_logger(__name__)

_MOST_BYTES: Final = 1 << 20
"""Of a message, as of a request over HTTP."""

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts to write what could not be written."""

_OVERHEAD: Final = 256
"""Bytes of a message of ours beside its body, its topic and what it carries back."""

PROBLEMS: Final = {
    "malformed": HTTPStatus.BAD_REQUEST,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    "store_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The words of problems that are told here; each means what it means over HTTP (docs/http.md)."""

_Answer = AnswerMessage | list[AnswerMessage] | Problem
"""One answer to one claim, a list of them to a list, or why there is none."""

_DECODER: Final = msgspec.json.Decoder(Claims)


class Door(Protocol):
    """Who keeps claims."""

    async def take(self, claims: Sequence[Given]) -> Sequence[Answer]:
        """Keep claims in their order; return their answers once they are on disk."""
        ...


class Clerk:
    """Takes messages of one tower to its door."""

    def __init__(self, door: Door, topics: Topics, *, luck: Callable[[], float]) -> None:
        """Take nothing yet; ``luck`` gives numbers in [0, 1)."""
        self._door = door
        self._topics = topics
        self._luck = luck

    async def handle(self, delivery: Delivery, connection: Connection) -> None:
        """Keep what a message holds, answer, and acknowledge it.

        Raises:
            BrokerLost: the connection has ended; the message will come again.
        """
        try:
            answer = await self._answer(delivery, connection)
        except BrokerLost:
            raise
        except DoorClosedError:
            # The tower is stopping. It comes again, to the next one.
            return
        except Exception as mistake:  # noqa: BLE001 - it would come again, and end us for ever
            # What an outsider sends must not make us log at `error`.
            _log.warning("mqtt_message_failed", why=repr(mistake))
            answer = _problem("internal", "A mistake of ours; the log says more.")
        if delivery.is_again:
            # It may be its answer by which the connection was lost, at a broker that ends one for
            # a topic that it refuses. Acknowledged first, it cannot do so for ever.
            connection.acknowledge(delivery)
            await self._tell(answer, delivery, connection)
        else:
            await self._tell(answer, delivery, connection)
            connection.acknowledge(delivery)

    async def _answer(self, delivery: Delivery, connection: Connection) -> _Answer:
        """Return the answer, once everything is on disk that can be kept."""
        if len(delivery.payload) > _MOST_BYTES:
            return _problem("too_large", f"Send {_MOST_BYTES} bytes in a message at most.")
        try:
            claims = _DECODER.decode(delivery.payload)
        except (msgspec.DecodeError, UnicodeError) as wrong:
            return _problem("malformed", str(wrong))
        except RecursionError:
            return _problem("malformed", "It is nested too deeply.")
        messages = claims if isinstance(claims, list) else [claims]
        if len(messages) > MOST_CLAIMS:
            return _problem("too_large", f"Hand over {MOST_CLAIMS} claims at a time at most.")
        pause = Backoff(first=_FIRST_PAUSE, most=_LONGEST_PAUSE, luck=self._luck)
        is_told = False
        while True:
            try:
                answers = await answer_each(messages, self._door.take)
            except StoreError as failure:
                if not is_told:
                    # Whoever waits must not serve meanwhile; the claims are answered in the end.
                    problem = _problem("store_unavailable", str(failure))
                    await self._tell(problem, delivery, connection)
                    is_told = True
            else:
                return answers if isinstance(claims, list) else answers[0]
            await asyncio.sleep(pause.next_wait(least=_FIRST_PAUSE))

    async def _tell(self, answer: _Answer, delivery: Delivery, connection: Connection) -> None:
        topic, correlation = delivery.response_topic, delivery.correlation
        if topic is None:
            return
        if not self._topics.takes_answers(topic):
            _log.info("mqtt_answer_refused", topic=topic[:64])
            return
        body = msgspec.json.encode(answer)
        if len(body) + len(topic) + len(correlation or b"") + _OVERHEAD > connection.largest:
            # A broker would end the connection for it, and again whenever the message comes again.
            why = "The answers are larger than the broker takes: hand over fewer claims at a time."
            answer = _problem("too_large", why)
            body = msgspec.json.encode(answer)
        await connection.publish(
            topic,
            body,
            content_type=PROBLEM_TYPE if isinstance(answer, Problem) else "application/json",
            correlation=correlation,
        )


def _problem(word: str, detail: str) -> Problem:
    status = PROBLEMS[word]
    return Problem(type=word, title=status.phrase, status=status, detail=detail)
