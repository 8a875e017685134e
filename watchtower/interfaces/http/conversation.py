"""One client's conversation over the stream: claims in, answers and events out.

What it guarantees:

- A claim is answered as over HTTP: after fsync, and by what is known when the answer leaves. What
  was told to have happened before an answer was worked out leaves before that answer.
- Whoever sends faster than is kept, or does not read, is read from no more: no more claims are
  held for one client than `_CLAIMS`, counted until their answers have left.
- Whatever text comes is answered; none of it ends in more than a problem.
- When the tower stops, what was asked is answered before the goodbye.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final

from msgspec import Struct

from watchtower.access.gate import Admitted, Turned
from watchtower.access.token import Scope
from watchtower.claims.answer import Answer
from watchtower.claims.door import Door
from watchtower.claims.given import Given
from watchtower.claims.quota import Bucket
from watchtower.interfaces.answering import answer_each
from watchtower.interfaces.feed import Feed, Following
from watchtower.interfaces.happening import Happening, Interest, Lagged
from watchtower.interfaces.http.messages import Problem
from watchtower.interfaces.http.problems import problem_of, problem_saying, turning
from watchtower.interfaces.http.stream_messages import (
    AnswersMessage,
    Follow,
    FollowingMessage,
    Id,
    ProblemMessage,
    RequestError,
    Submit,
    encode,
    message_of,
    read_request,
)
from watchtower.interfaces.metered import take_within

__all__ = ["Admit", "Conversation"]

_CLAIMS: Final = 2_000
"""Claims of one client that may be under way, from their arrival until their answers have left."""

_REQUESTS: Final = 64
"""Requests of one client that may be under way: a quarter of the room inside the door."""

_PATIENCE: Final = 20.0
"""Seconds that a request may take, as over HTTP."""

_AT_ONCE: Final = 64
"""Messages that are sent before others have their turn: sending waits only for a full socket."""

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


Admit = Callable[[Scope], Admitted | Turned]
"""Whether a client may do something now: what lets it in may be taken back while it talks."""


class Conversation:
    """Talks with one client, which has been let in."""

    def __init__(
        self, door: Door, feed: Feed, *, admit: Admit, receive: Receive, send: Send
    ) -> None:
        """Say nothing yet."""
        self._door = door
        self._feed = feed
        self._admit = admit
        self._receive = receive
        self._send = send
        self._answers: list[tuple[Struct, int | None]] = []
        self._claims = 0
        self._requests = 0
        self._has_room = asyncio.Event()
        self._has_something = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._follows = ExitStack()
        self._following: Following | None = None
        self._is_ending = False

    async def run(self) -> None:
        """Talk until the client goes, or the tower stops."""
        sending = asyncio.create_task(self._send_for_ever(), name="stream: send")
        listening = asyncio.create_task(self._listen(), name="stream: listen")
        try:
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done() and (code := listening.result()) is not None:
                await self._finish(sending, code)
            elif sending.done():
                sending.result()
        except OSError:
            pass  # the client has gone, which is its right
        finally:
            self._follows.close()
            await _let_go({sending, listening, *self._under_way})

    async def _finish(self, sending: asyncio.Task[None], code: int) -> None:
        """Answer what was asked, and say goodbye."""
        self._follow(None)
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._is_ending = True
        self._has_something.set()
        await sending
        await self._send({"type": "websocket.close", "code": code})

    async def _listen(self) -> int | None:
        """Take requests; return the code to close with, or None if the client has gone."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                # Only our own server says so; a client cannot have us wait for its answers.
                return 1001 if message.get("is_stopping") else None
            text = message.get("text")
            if text is None:
                return 1003
            await self._take(text)

    async def _take(self, text: str) -> None:
        """Take one request, once there is room for it."""
        try:
            request = read_request(text)
        except RequestError as wrong:
            await self._make_room(0)
            self._refuse(wrong.request, problem_saying(wrong.word, str(wrong)), claims=0)
            return
        claims = len(request.claims) if isinstance(request, Submit) else 0
        await self._make_room(claims)
        scope = Scope.SUBMIT if isinstance(request, Submit) else Scope.READ
        admitted = self._admit(scope)
        if isinstance(admitted, Turned):
            self._refuse(request.id, turning(admitted, scope)[0], claims=claims)
        elif isinstance(request, Follow):
            self._follow(request.interest)
            is_following = request.interest is not None
            self._answer(FollowingMessage(id=request.id, following=is_following), claims=0)
        else:
            handing = self._submit(request, admitted.bucket)
            task = asyncio.create_task(handing, name="stream: claims")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    def _follow(self, interest: Interest | None) -> None:
        """Be told what happens from now on; what waits already stays where it is."""
        if interest is None:
            self._follows.close()
            self._following = None
        elif self._following is not None:
            self._following.interest = interest
        else:
            self._following = self._follows.enter_context(
                self._feed.follow(interest, told=self._has_something.set)
            )

    async def _submit(self, request: Submit, bucket: Bucket | None) -> None:
        count, now = len(request.claims), asyncio.get_running_loop().time()

        def hand_over(claims: Sequence[Given]) -> Awaitable[Sequence[Answer]]:
            return take_within(bucket, claims, self._door, now)

        try:
            async with asyncio.timeout(_PATIENCE):
                answers = await answer_each(request.claims, hand_over)
        except TimeoutError:
            why = "Nothing is known of these claims: hand them over again, which is harmless."
            self._refuse(request.id, problem_saying("too_slow", why), claims=count)
        except Exception as wrong:  # noqa: BLE001 - one request that fails must not end the others
            self._refuse(request.id, problem_of(wrong), claims=count)
        else:
            self._answer(AnswersMessage(id=request.id, answers=answers), claims=count)

    def _refuse(self, request: Id | None, problem: Problem, *, claims: int) -> None:
        self._answer(ProblemMessage(id=request, problem=problem), claims=claims)

    def _answer(self, answer: Struct, *, claims: int) -> None:
        self._answers.append((answer, claims))
        self._has_something.set()

    async def _make_room(self, claims: int) -> None:
        """Wait until what is under way leaves room for so many claims more."""
        while self._requests >= _REQUESTS or (self._claims and self._claims + claims > _CLAIMS):
            self._has_room.clear()
            await self._has_room.wait()
        self._requests += 1
        self._claims += claims

    def _free(self, claims: int) -> None:
        self._requests -= 1
        self._claims -= claims
        self._has_room.set()

    def _events(self) -> Sequence[Happening | Lagged]:
        """Return what waits for who may still be told."""
        if self._following is None:
            return ()
        events = self._following.take()
        if events and isinstance(turned := self._admit(Scope.READ), Turned):
            self._follow(None)
            problem = turning(turned, Scope.READ)[0]
            self._answers.append((ProblemMessage(id=None, problem=problem), None))
            return ()
        return events

    async def _send_for_ever(self) -> None:
        """Send what there is; ends when the conversation does and everything has left."""
        sent = 0
        while not (self._is_ending and not self._has_something.is_set()):
            await self._has_something.wait()
            self._has_something.clear()
            # Taken in one moment, so that no answer overtakes an event that it rests on.
            events = self._events()
            answers, self._answers = self._answers, []
            for message, claims in (
                *((message_of(told), None) for told in events),
                *answers,
            ):
                await self._send({"type": "websocket.send", "text": encode(message)})
                if claims is not None:
                    self._free(claims)
                sent += 1
                if sent % _AT_ONCE == 0:
                    await asyncio.sleep(0)


async def _let_go(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
