"""A conversation by itself, over messages in memory: whatever comes is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typing_extensions import override

from watchtower.access.gate import Admitted, Turned
from watchtower.access.token import Scope
from watchtower.claims.door import Door
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Guard
from watchtower.claims.verifying import Verifier
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.http import conversation
from watchtower.interfaces.http.conversation import Admit, Conversation
from watchtower.interfaces.http.problems import WORDS
from watchtower.interfaces.http.stream_messages import (
    Follow,
    RequestError,
    Submit,
    read_request,
)
from watchtower.judgement.policy import Policy

NOBODY: Final = cast("Any", None)
CLAIM: Final = {
    "channel": "5" * 64,
    "amount": "1",
    "signature": "3045",
    "public_key": "02" + "3" * 64,
}
NUMBERS = st.integers(-2, 2**65)
WORDS_IN_IT = st.sampled_from(
    ["id", "claims", "follow", "channels", "kinds", "paid", "channel", "amount", "5" * 64]
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats() | st.text(max_size=70) | WORDS_IN_IT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS_IN_IT | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
NEARLY = st.fixed_dictionaries(
    {"id": VALUES},
    optional={
        "claims": st.lists(st.just(CLAIM) | VALUES, max_size=3) | VALUES,
        "follow": st.fixed_dictionaries({}, optional={"channels": VALUES, "kinds": VALUES})
        | VALUES,
    },
)
TEXTS = st.text(max_size=200) | VALUES.map(json.dumps) | NEARLY.map(json.dumps)


def anybody(_scope: Scope) -> Admitted:
    """No token is wanted."""
    return Admitted()


class Wire:
    """What a server gives an application: messages in, messages out."""

    def __init__(self, texts: Sequence[str | bytes], *, then: Mapping[str, Any]) -> None:
        self.sent: list[dict[str, Any]] = []
        self._coming: list[Mapping[str, Any]] = [
            {"type": "websocket.receive", "text" if isinstance(text, str) else "bytes": text}
            for text in texts
        ]
        self._coming.append(then)

    async def receive(self) -> Mapping[str, Any]:
        """The next message."""
        return self._coming.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        """Take a message."""
        self.sent.append(message)


STOPPING: Final = {"type": "websocket.disconnect", "code": 1001, "is_stopping": True}


async def talk(
    texts: Sequence[str | bytes],
    *,
    admit: Admit = anybody,
    then: Mapping[str, Any] = STOPPING,
) -> list[dict[str, Any]]:
    """What is answered by a tower that stops, behind a door that has closed."""
    wire = Wire(texts, then=then)
    await converse(wire, Feed(lambda: None), Blind(), admit=admit)
    return wire.sent


async def converse(wire: Wire, feed: Feed, lookout: Blind, *, admit: Admit = anybody) -> None:
    """Have a conversation before a door that has closed."""
    verifier = Verifier(1)
    guard = Guard(payees=(), policy=Policy())
    door = Door(Intake(NOBODY, guard), guard, lookout=cast("Any", lookout), verifier=verifier)
    keeping = asyncio.create_task(door.run())
    await asyncio.sleep(0)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    await Conversation(door, feed, admit=admit, receive=wire.receive, send=wire.send).run()
    verifier.close()


class Blind:
    """A lookout that knows every channel's name, and nothing of it, or nothing yet."""

    def __init__(self, *, asks: asyncio.Event | None = None) -> None:
        self.asks = asks

    def see(self, _channel: str) -> object:
        """Something, unless that takes asking."""
        return object() if self.asks is None else None

    async def look(self, _channel: str) -> object:
        """Something, once that was told."""
        assert self.asks is not None
        await self.asks.wait()
        return object()

    def watched(self, _channel: str) -> None:
        """Nothing."""


@given(TEXTS)
@example('{"id": 1, "claims": ' + "[" * 5_000)
@example('{"id": 1, "claims": [], "id": 2}')
@example('{"id": "\\ud800", "claims": []}')
@example('"\ud800"')
def test_whatever_text_comes_is_a_request_or_a_problem(text: str) -> None:
    """No other exception gets out; and what is said of it is short."""
    found: Submit | Follow | RequestError
    try:
        found = read_request(text)
    except RequestError as wrong:
        found = wrong
    if isinstance(found, RequestError):
        assert found.word in WORDS
        assert 0 < len(str(found)) <= 600


@given(st.lists(TEXTS, max_size=8))
def test_every_text_is_answered_once_before_the_goodbye(texts: list[str]) -> None:
    """Problems and answers are as many as there were messages, whatever was in them."""
    *told, last = asyncio.run(talk(texts))
    answers = [json.loads(one["text"]) for one in told]
    assert len(answers) == len(texts)
    for answer in answers:
        assert {*answer} in ({"id", "problem"}, {"id", "answers"}, {"id", "following"})
    assert last == {"type": "websocket.close", "code": 1001}


async def test_answers_say_that_the_tower_stops() -> None:
    """Nothing is acknowledged by a door that has closed."""
    (told, _) = await talk([json.dumps({"id": 7, "claims": [CLAIM]})])
    answer = json.loads(told["text"])
    assert (answer["id"], answer["problem"]["type"]) == (7, "stopping")


async def test_who_has_gone_is_not_waited_for() -> None:
    """A client cannot have us go on for it by going away with the code of a server."""
    texts = [json.dumps({"id": 7, "claims": [CLAIM]})]
    told = await talk(texts, then={"type": "websocket.disconnect", "code": 1001})
    assert {"type": "websocket.close", "code": 1001} not in told


async def test_bytes_end_it() -> None:
    """JSON is text."""
    assert await talk([b"{}"]) == [{"type": "websocket.close", "code": 1003}]


@pytest.mark.parametrize("good_for", [{*Scope}, {Scope.READ}, {Scope.SUBMIT}, set[Scope]()])
async def test_what_is_not_permitted_is_refused(good_for: set[Scope]) -> None:
    """Claims are for who may submit, events for who may read."""

    def admit(scope: Scope) -> Admitted | Turned:
        return Admitted() if scope in good_for else Turned.SCOPE

    texts = ['{"id": "submit", "claims": []}', '{"id": "read", "follow": {}}']
    told = [json.loads(one["text"]) for one in (await talk(texts, admit=admit))[:-1]]
    words = {one["id"]: one.get("problem", {}).get("type") for one in told}
    assert words == {
        scope.value: None if scope in good_for else "scope_missing"
        for scope in (Scope.SUBMIT, Scope.READ)
    }


async def test_what_happened_before_an_answer_comes_before_it() -> None:
    """Behind a close request that was told there is no answer that does not know of it."""
    feed = Feed(lambda: None)

    class Telling(Wire):
        @override
        async def receive(self) -> Mapping[str, Any]:
            if len(self._coming) == 2:
                feed.tell([("close_requested", None, None, {})])
            return await super().receive()

    wire = Telling(['{"id": 1, "follow": {}}', '{"id": 2, "follow": {}}'], then=STOPPING)
    await converse(wire, feed, Blind())
    told = [json.loads(one["text"]) for one in wire.sent[:-1]]
    assert [one.get("id", "event") for one in told] == ["event", 1, 2]


async def test_what_takes_long_is_answered_before_the_goodbye() -> None:
    """A server has to be asked for the channel, while the tower stops."""
    told = asyncio.Event()
    wire = Wire([json.dumps({"id": 7, "claims": [CLAIM]})], then=STOPPING)
    talking = asyncio.create_task(converse(wire, Feed(lambda: None), Blind(asks=told)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert wire.sent == []
    told.set()
    await asyncio.wait_for(talking, 30)
    assert [one["type"] for one in wire.sent] == ["websocket.send", "websocket.close"]


async def test_what_takes_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As over HTTP: the room that it takes is for others."""
    monkeypatch.setattr(conversation, "_PATIENCE", 0.01)
    wire = Wire([json.dumps({"id": 7, "claims": [CLAIM]})], then=STOPPING)
    lookout = Blind(asks=asyncio.Event())
    await asyncio.wait_for(converse(wire, Feed(lambda: None), lookout), 30)
    told = json.loads(wire.sent[0]["text"])
    assert (told["id"], told["problem"]["type"]) == (7, "too_slow")
