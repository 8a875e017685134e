"""The tower, as a platform talks to it.

What it guarantees: a claim given to `TowerClient.submit` is with the tower when that returns, or,
with a queue, on this machine's disk, or an error says that it is neither. No answer but the tower's
own says to serve. A claim whose caller was cancelled goes on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from watchtower.client.answers import (
    Answer,
    ChannelShown,
    Queued,
    Readiness,
    answer_of,
    channel_of,
    not_queued,
)
from watchtower.client.claim import Claim, wire_of
from watchtower.client.delivery import Delivery
from watchtower.client.queue import Queue
from watchtower.client.wire import Wire
from watchtower.errors import TowerRefusedError, TowerUnreachableError
from watchtower.ledger.backoff import Backoff
from watchtower.units import ChannelId, parse_channel_id

__all__ = ["TowerClient"]

_T = TypeVar("_T")

_CLAIMS: Final = "/v1/claims"
_CHECK: Final = "/v1/claims/check"
_CHANNELS: Final = "/v1/channels"
_MOST_CLAIMS: Final = 1_000
"""Claims that a tower takes in one request (docs/http.md)."""

_LUCK: Final = SystemRandom().random
_FIRST_WAIT: Final = 0.05
_MOST_WAIT: Final = 2.0
_UNAVAILABLE: Final = 503
_UNKNOWN: Final = "unknown_channel"


def _tell_nobody(_claim: Claim, _answer: Answer) -> None:
    pass


class TowerClient:
    """One tower, for as long as the ``async with`` lasts. Enter it in the process that uses it.

    Args:
        place: ``http://127.0.0.1:8412``, ``https://…``, or ``unix:`` and the path of a socket.
        token: what says who we are, where the tower wants to know.
        queue: the file for claims that cannot be handed over now; None to get an error instead.
        timeout: seconds for one request.
        patience: seconds within which another attempt may begin, before a claim is queued or an
            error raised.
        most_queued: claims that the queue takes.
        on_delivered: called with each claim that was delivered from the queue, and its answer.
        luck: numbers in [0, 1), for the jitter of attempts.
    """

    def __init__(
        self,
        place: str,
        *,
        token: str | None = None,
        queue: Path | None = None,
        timeout: float = 10.0,
        patience: float = 2.0,
        most_queued: int = 10_000,
        on_delivered: Callable[[Claim, Answer], None] = _tell_nobody,
        luck: Callable[[], float] = _LUCK,
    ) -> None:
        self._wire = Wire(place, token=token, timeout=timeout)
        self._patience = patience
        self._luck = luck
        self._queue_path = queue
        self._most_queued = most_queued
        self._on_delivered = on_delivered
        self._queue: Queue | None = None
        self._delivery: Delivery | None = None
        self._delivering: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        """Open the queue, and begin to deliver what waits in it.

        Raises:
            ClientFileError: the queue's file cannot be used.
        """
        if self._queue_path is not None:
            self._queue = await asyncio.to_thread(Queue, self._queue_path, most=self._most_queued)
            self._delivery = Delivery(
                self._queue, self._hand_over, told=self._on_delivered, luck=self._luck
            )
            self._delivering = asyncio.create_task(self._delivery.run(), name="claims queue")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for what is under way, as long as requests may take; the queue stays on disk."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        if self._delivering is not None:
            self._delivering.cancel()
            with suppress(asyncio.CancelledError):
                await self._delivering
        if self._queue is not None:
            await asyncio.to_thread(self._queue.close)
        await self._wire.close()

    async def submit(self, claim: Claim) -> Answer | Queued:
        """Hand one claim over; return the tower's answer, or that it waits on this disk.

        With the tower away, a claim for which its channel has no room in the queue is answered with
        ``pending_full``: it is neither kept nor queued, and may be handed over again.

        Raises:
            TowerUnreachableError: no answer came, and there is no queue.
            TowerRefusedError: the tower refuses the request itself.
            ClientFileError: no answer came, and the queue takes nothing.
        """
        return (await self.submit_all([claim]))[0]

    async def submit_all(self, claims: Sequence[Claim]) -> list[Answer | Queued]:
        """Hand claims over, a thousand a request; return an answer for each, in their order.

        If an error is raised, some may have been kept; all of them may be handed over again.

        Raises:
            ClientError: as `submit`.
        """
        if self._queue_path is not None and self._queue is None:
            raise RuntimeError("a client with a queue has to be entered first: async with")
        task = asyncio.create_task(self._submit(tuple(claims)))
        self._under_way.add(task)
        task.add_done_callback(self._has_ended)
        # Nobody can tell whether a claim arrived whose caller was cancelled: it goes on its way.
        return await asyncio.shield(task)

    async def check(self, claim: Claim) -> Answer:
        """Return what the tower would answer, and have it keep nothing.

        Raises:
            TowerUnreachableError: no answer came.
            TowerRefusedError: the tower refuses the request itself.
        """
        return (await self._patiently(partial(self._answers, _CHECK, [claim])))[0]

    async def channel(self, channel: ChannelId) -> ChannelShown | None:
        """Return a channel as the tower knows it now; None if it knows none of that id.

        Raises:
            ChannelIdError: it is no id.
            TowerUnreachableError: no answer came.
            TowerRefusedError: the tower refuses the request itself.
        """
        path = f"{_CHANNELS}/{parse_channel_id(channel)}"
        try:
            told = await self._patiently(partial(self._wire.get, path))
        except TowerRefusedError as refusal:
            # By its word, and not by 404 alone: that is what any other server says, too.
            if refusal.facts.get("word") == _UNKNOWN:
                return None
            raise
        return self._read(channel_of, told.said)

    async def channels(self, *, page: int = 100) -> AsyncIterator[ChannelShown]:
        """Yield every open channel in the order of their ids, ``page`` of them a request.

        Raises:
            TowerUnreachableError: no answer came.
            TowerRefusedError: the tower refuses the request itself.
        """
        asked: dict[str, str | int] = {"limit": page}
        while True:
            told = await self._patiently(partial(self._wire.get, _CHANNELS, asked))
            channels, following = self._read(_page_of, told.said)
            for channel in channels:
                yield channel
            if following is None:
                return
            asked = {"limit": page, "after": following}

    async def status(self) -> Mapping[str, Any]:
        """Return what ``watchtower status --json`` tells.

        Raises:
            TowerUnreachableError: no answer came.
            TowerRefusedError: the tower refuses the request itself.
        """
        told = await self._patiently(partial(self._wire.get, "/v1/status"))
        return self._read(lambda said: msgspec.convert(said, dict[str, Any]), told.said)

    async def ready(self) -> Readiness:
        """Return whether the tower is ready, asked once.

        Raises:
            TowerUnreachableError: no answer came.
            TowerRefusedError: the tower refuses the request itself.
        """
        told = await self._wire.get("/readyz", also=frozenset({_UNAVAILABLE}))
        why = told.said.get("why") if isinstance(told.said, dict) else None
        is_ready = told.status != _UNAVAILABLE
        return Readiness(is_ready, "" if is_ready else str(why or "it did not say"))

    async def count_queued(self) -> int:
        """Return how many claims wait in the queue.

        Raises:
            ClientFileError: the queue cannot be read.
        """
        return 0 if self._queue is None else await asyncio.to_thread(self._queue.count)

    async def _submit(self, claims: Sequence[Claim]) -> list[Answer | Queued]:
        told: list[Answer | Queued] = []
        for first in range(0, len(claims), _MOST_CLAIMS):
            some = claims[first : first + _MOST_CLAIMS]
            try:
                told += await self._patiently(partial(self._hand_over, some))
            except TowerUnreachableError as trouble:
                if self._queue is None:
                    raise
                # The rest would find nobody either, and would wait as long for that.
                return [*told, *await self._put(self._queue, claims[first:], trouble)]
        return told

    async def _put(
        self, queue: Queue, claims: Sequence[Claim], trouble: TowerUnreachableError
    ) -> list[Answer | Queued]:
        whys = await asyncio.to_thread(queue.put, claims)
        if self._delivery is not None:
            self._delivery.wake()
        return [
            not_queued(claim, why) if why else Queued(claim=claim, why=str(trouble))
            for claim, why in zip(claims, whys, strict=True)
        ]

    async def _hand_over(self, claims: Sequence[Claim]) -> list[Answer]:
        return await self._answers(_CLAIMS, claims)

    async def _answers(self, path: str, claims: Sequence[Claim]) -> list[Answer]:
        told = await self._wire.post(path, [wire_of(claim) for claim in claims])
        answers: list[Answer] = self._read(_answers_of, told.said)
        if len(answers) != len(claims):
            why = f"it answered {len(answers)} claims of {len(claims)}"
            raise TowerUnreachableError(place=self._wire.place, why=why)
        return answers

    async def _patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask again while there is no answer and patience lasts; everything asked here may be."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._patience
        waits = Backoff(first=_FIRST_WAIT, most=_MOST_WAIT, luck=self._luck)
        while True:
            try:
                return await ask()
            except TowerUnreachableError as trouble:
                least = trouble.facts.get("retry_after", 0.0)
                wait = waits.next_wait(least=least if isinstance(least, float) else 0.0)
                if clock() + wait > until:
                    raise
                await asyncio.sleep(wait)

    def _read(self, read: Callable[[Any], _T], said: Any) -> _T:
        try:
            return read(said)
        except msgspec.ValidationError as wrong:
            why = f"its answer makes no sense: {wrong}"
            raise TowerUnreachableError(place=self._wire.place, why=why) from wrong

    def _has_ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Whoever was cancelled does not ask for it any more, and Python would complain.
            task.exception()


def _answers_of(said: Any) -> list[Answer]:
    return [answer_of(one) for one in msgspec.convert(said, list[Any])]


def _page_of(said: Any) -> tuple[list[ChannelShown], str | None]:
    page = msgspec.convert(said, dict[str, Any])
    channels = [channel_of(one) for one in msgspec.convert(page.get("channels"), list[Any])]
    return channels, msgspec.convert(page.get("next"), str | None)
