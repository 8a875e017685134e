"""The stream of a daemon that runs, over a real socket, on the sandbox ledger."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from tests.interfaces.test_http import client_of, wire
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower import assembly
from watchtower.access.gate import Gate
from watchtower.access.token import RANDOM_BYTES, Scope, Token, mint
from watchtower.claims.door import Door
from watchtower.claims.receipt import Receipt
from watchtower.interfaces.feed import Feed, Following
from watchtower.interfaces.happening import Happening
from watchtower.interfaces.http import conversation, stream_socket
from watchtower.interfaces.http import serve as http_serve
from watchtower.interfaces.http import stream as http_stream
from watchtower.judgement.claim import Claim
from watchtower.places import place_of
from watchtower.settings import HttpSettings
from watchtower.units import ChannelId, LedgerIndex


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower listens at a unix socket."""
    async with stage_on(tmp_path) as made:
        made.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        yield made


def path_of(stage: Stage) -> str:
    """Where the daemon listens."""
    return stage.settings.http.listen.removeprefix("unix:")


@asynccontextmanager
async def stream_of(stage: Stage, **options: Any) -> AsyncIterator[ClientConnection]:
    """A stream that is open."""
    async with unix_connect(path_of(stage), uri="ws://door/v1/stream", **options) as stream:
        yield stream


async def heard(stream: ClientConnection) -> dict[str, Any]:
    """The next message."""
    return dict(json.loads(await asyncio.wait_for(stream.recv(), 30)))


async def ask(stream: ClientConnection, **request: Any) -> dict[str, Any]:
    """What a request is answered, on a stream that nothing else is under way on."""
    await stream.send(json.dumps({"id": 1, **request}))
    return await heard(stream)


async def until_event(
    stage: Stage, stream: ClientConnection, kind: str, channel: ChannelId
) -> dict[str, Any]:
    """Close ledgers until something is told."""
    listening = asyncio.create_task(_event(stream, kind, channel))

    async def told() -> bool:
        return listening.done()

    await stage.until(told)
    return await listening


async def _event(stream: ClientConnection, kind: str, channel: ChannelId) -> dict[str, Any]:
    while True:
        event = (await heard(stream)).get("event", {})
        if (event.get("kind"), event.get("channel")) == (kind, channel):
            return dict(event)


async def test_claims_are_answered_once_they_are_on_disk(stage: Stage) -> None:
    """The same answers as over HTTP, with the id of the request."""
    channel = await stage.channel()
    claims = [wire(stage.claim(channel, drops)) for drops in (5, 9, 7)]
    async with stage.tower(), client_of(stage), stream_of(stage) as stream:
        told = await ask(
            stream, id="a", claims=[*claims, wire(stage.claim(channel, 1), channel="12")]
        )
        async with stage.store() as store, store.read() as work:
            best = await work.claims.best(channel)
    assert told["id"] == "a"
    assert [one["kept"] for one in told["answers"]] == [True, True, False, False]
    assert [one.get("why_not_kept") for one in told["answers"][2:]] == [
        "not_above_best",
        "malformed",
    ]
    assert best is not None
    assert best.amount == 9


async def test_a_close_request_is_told_and_the_next_answer_says_closing(stage: Stage) -> None:
    """The moment the ledger shows it, on the same stream, in this order."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage), stream_of(stage) as stream:
        assert await ask(stream, follow={"kinds": ["close_requested"]}) == {
            "id": 1,
            "following": True,
        }
        assert (await ask(stream, claims=[wire(stage.claim(channel, 5))]))["answers"][0]["serve"]
        await stage.close_request(channel)
        event = await until_event(stage, stream, "close_requested", channel)
        answer = (await ask(stream, claims=[wire(stage.claim(channel, 6))]))["answers"][0]
    assert event["facts"]["expiration"] > 0
    assert event["ledger"] > 0
    assert (answer["kept"], answer["serve"], answer["reasons"]) == (True, False, ["closing"])


async def test_what_is_told_is_what_the_journal_tells_later(stage: Stage) -> None:
    """From the claim to the payment, by kinds and facts of the journal."""
    channel = await stage.channel()
    told: list[dict[str, Any]] = []
    async with stage.tower(), client_of(stage), stream_of(stage) as stream:
        await ask(stream, follow={"channels": [channel.lower()]})
        await stream.send(json.dumps({"id": 2, "claims": [wire(stage.claim(channel, 30 * XRP))]}))
        await stage.close_request(channel)
        listening = asyncio.create_task(_collect(stream, told))
        await stage.until_told(channel, "attempt_settled")

        async def settled() -> bool:
            return any(event["kind"] == "attempt_settled" for event in told)

        await stage.until(settled)
        listening.cancel()
    kinds = {"claim_kept", "close_requested", "judged", "attempt_made", "paid", "attempt_settled"}
    assert kinds <= {event["kind"] for event in told}
    journal = [(one.kind, one.ledger_index, one.facts) for one in await stage.story(channel)]
    for event in told:
        assert (event["kind"], event["ledger"], event["facts"]) in journal


async def _collect(stream: ClientConnection, told: list[dict[str, Any]]) -> None:
    while True:
        message = await heard(stream)
        if "event" in message:
            told.append(message["event"])


async def test_a_claim_of_another_process_is_told_too(stage: Stage) -> None:
    """The command writes into the same store, and the tower finds it there."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage), stream_of(stage) as stream:
        await ask(stream, follow={"kinds": ["claim_kept"]})
        await stage.keep(channel, 7)
        event = await until_event(stage, stream, "claim_kept", channel)
    assert event["facts"]["amount"] == 7


@pytest.mark.parametrize(
    ("text", "word", "request_id"),
    [
        ("", "malformed", None),
        ("not json", "malformed", None),
        ("[]", "malformed", None),
        ('{"claims": []}', "malformed", None),
        ('{"id": 1}', "malformed", 1),
        ('{"id": 1, "claims": [], "follow": {}}', "malformed", 1),
        ('{"id": 1, "claims": [], "more": 1}', "malformed", None),
        ('{"id": 1, "claims": null}', "malformed", 1),
        ('{"id": 1, "claims": [{"channel": 5}]}', "malformed", 1),
        ('{"id": true, "claims": []}', "malformed", None),
        ('{"id": "' + "x" * 65 + '", "claims": []}', "malformed", None),
        ('{"id": 1, "follow": {"kinds": ["closed_request"]}}', "malformed", 1),
        ('{"id": 1, "follow": {"channels": ["12"]}}', "malformed", 1),
        ('{"id": 1, "follow": {"channels": []}}', "malformed", 1),
        ('{"id": 1, "follow": {"channel": "12"}}', "malformed", 1),
        ('{"id": 1, "follow": {"channels": ["' + "z" * 100_000 + '"]}}', "malformed", 1),
        ('{"id": 1, "claims": ' + "[" * 100_000, "malformed", None),
        ('{"id": 1, "claims": ' + "[" * 900 + "]" * 900 + "}", "malformed", 1),
        (
            '{"id": 1, "claims": '
            + json.dumps([{"channel": "", "amount": 0, "signature": "", "public_key": ""}] * 1_001)
            + "}",
            "too_large",
            1,
        ),
    ],
)
async def test_what_is_no_request_is_a_problem_and_the_stream_goes_on(
    stage: Stage, text: str, word: str, request_id: int | None
) -> None:
    """With its id, where that can be read, and in few words."""
    async with stage.tower(), client_of(stage), stream_of(stage) as stream:
        await stream.send(text)
        told = await heard(stream)
        assert (told["id"], told["problem"]["type"]) == (request_id, word)
        assert len(json.dumps(told)) < 1_000
        assert await ask(stream, claims=[]) == {"id": 1, "answers": []}


@pytest.mark.parametrize(("message", "code"), [(b"binary", 1003), ("x" * ((1 << 20) + 1), 1009)])
async def test_what_cannot_be_answered_closes_the_stream(
    stage: Stage, message: bytes | str, code: int
) -> None:
    """With the documented code, and nobody else is disturbed."""
    async with stage.tower(), client_of(stage) as client, stream_of(stage) as stream:
        with suppress(ConnectionClosed):
            await stream.send(message)
        await stream.wait_closed()
        assert stream.close_code == code
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.example", 403), ("null", 403), ("http://[", 403), ("http://door", 101)],
)
async def test_a_page_of_a_stranger_does_not_open_it(
    stage: Stage, origin: str, status: int
) -> None:
    """Cross-site WebSocket hijacking: a browser asks nobody before it connects."""
    async with stage.tower(), client_of(stage):
        if status == 101:
            async with stream_of(stage, origin=origin) as stream:
                assert (await ask(stream, claims=[]))["answers"] == []
            return
        with pytest.raises(InvalidStatus) as refused:
            async with stream_of(stage, origin=origin):
                pass
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body or b"")["type"] == "wrong_origin"


async def test_a_request_without_an_upgrade_is_told_so(stage: Stage) -> None:
    """426, as RFC 9110 has it, and not a page that hangs."""
    async with stage.tower(), client_of(stage) as client:
        for method in ("GET", "POST"):
            told = await client.request(method, "/v1/stream")
            assert (told.status_code, told.json()["type"]) == (426, "upgrade_required")


async def test_two_clients_race_on_one_channel_and_the_best_claim_only_grows(stage: Stage) -> None:
    """Each is answered by what is on disk, in whatever order theirs came to it."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage), AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(stream_of(stage)) for _ in range(2)]

        async def race(stream: ClientConnection, drops: Sequence[int]) -> list[dict[str, Any]]:
            for amount in drops:
                claims = [wire(stage.claim(channel, amount))]
                await stream.send(json.dumps({"id": amount, "claims": claims}))
            return [(await heard(stream)) for _ in drops]

        odd, even = await asyncio.gather(
            race(streams[0], range(1, 60, 2)), race(streams[1], range(2, 61, 2))
        )
    answers = {told["id"]: told["answers"][0] for told in (*odd, *even)}
    assert sorted(answers) == list(range(1, 61))
    for amount, answer in answers.items():
        assert answer["kept"] == ("why_not_kept" not in answer)
        assert int(answer["best"]) >= amount
    assert answers[60]["kept"]
    async with stage.store() as store, store.read() as work:
        best = await work.claims.best(channel)
    assert best is not None
    assert best.amount == 60


async def test_what_is_under_way_is_answered_before_the_goodbye(stage: Stage) -> None:
    """1001, behind an answer to everything that was asked: kept, or told to come again."""
    channel = await stage.channel()
    async with stage.tower() as daemon, client_of(stage), stream_of(stage) as stream:
        await ask(stream, follow={})
        for drops in range(1, 41):
            claims = [wire(stage.claim(channel, drops))]
            await stream.send(json.dumps({"id": drops, "claims": claims}))
        first = await until_answered(stream)
        daemon.cancel()
        told = [first, *[json.loads(message) async for message in stream]]
        assert stream.close_code == 1001
    answers = [one for one in told if "event" not in one]
    problems = [one["problem"]["type"] for one in answers if "problem" in one]
    kept = [int(one["answers"][0]["best"]) for one in answers if "answers" in one]
    assert set(problems) <= {"stopping"}
    assert len({one["id"] for one in answers}) == len(answers)
    async with stage.store() as store, store.read() as work:
        best = await work.claims.best(channel)
    assert best is not None
    assert max(kept) <= best.amount


async def until_answered(stream: ClientConnection) -> dict[str, Any]:
    """The next answer to claims."""
    while "answers" not in (told := await heard(stream)):
        pass
    return told


async def test_a_full_store_is_said_so_and_the_stream_goes_on(stage: Stage) -> None:
    """Nothing was kept, and nothing is lost by trying again."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage), stream_of(stage) as stream:
        claims = [wire(stage.claim(channel, 9))]
        async with stage.store() as other, other.write() as work:
            await work.cursor.get()  # which takes the lock
            told = await ask(stream, claims=claims)
            assert told["problem"]["type"] == "store_unavailable"
        assert (await ask(stream, claims=claims))["answers"][0]["kept"] is True


async def test_who_has_no_more_room_is_read_from_again_when_it_is_answered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Backpressure: the server reads no more than a bounded number of claims, and loses none."""
    monkeypatch.setattr(conversation, "_CLAIMS", 10)
    monkeypatch.setattr(conversation, "_REQUESTS", 3)
    most: list[int] = []
    take = Door.take
    inside = 0

    async def counted(self: Door, claims: Sequence[Claim]) -> Sequence[Receipt]:
        nonlocal inside
        inside += len(claims)
        most.append(inside)
        try:
            return await take(self, claims)
        finally:
            inside -= len(claims)

    monkeypatch.setattr(Door, "take", counted)
    channel = await stage.channel()
    async with stage.tower(), client_of(stage), stream_of(stage) as stream:
        for first in range(0, 200, 4):
            claims = [wire(stage.claim(channel, first + more)) for more in range(1, 5)]
            await stream.send(json.dumps({"id": first, "claims": claims}))
        # One that is larger than the room, alone, is no reason to wait for ever.
        claims = [wire(stage.claim(channel, 200 + more)) for more in range(1, 21)]
        await stream.send(json.dumps({"id": 200, "claims": claims}))
        told = [await heard(stream) for _ in range(51)]
    assert sum(len(one["answers"]) for one in told) == 220
    assert max(most[:-1]) <= 10
    assert max(most) == 20


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> list[Feed]:
    """The feeds of the daemons that a test starts, to tell through them what never happened."""
    made: list[Feed] = []

    class Noted(Feed):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(assembly, "Feed", Noted)
    return made


class Rude:
    """A client that speaks in bytes of its own, and reads only what it wants to."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(0)

    async def open(self, head: bytes = b"GET") -> bytes:
        """Shake hands, and return what is answered first."""
        return await self.open_with(head + b" /v1/stream HTTP/1.1\r\nhost: door\r\n")

    async def open_with(self, head: bytes) -> bytes:
        """Shake hands behind a head of our own."""
        await self.write(
            head + b"upgrade: websocket\r\n"
            b"connection: upgrade\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        return await asyncio.get_running_loop().sock_recv(self.socket, 4_096)

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def frame(self, opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> None:
        """Send a frame."""
        await self.write(Frame(opcode, data, fin=fin).serialize(mask=True))

    async def gone(self) -> bool:
        """Whether the other side has let us go."""
        try:
            await asyncio.wait_for(self.frame(Opcode.PONG), 0.01)
        except TimeoutError:
            return False  # it only does not read
        except ConnectionError:
            return True
        return False

    async def until_end(self) -> bytes:
        """Read until the other side closes; what it said."""
        found = b""
        with suppress(ConnectionError):
            while data := await asyncio.get_running_loop().sock_recv(self.socket, 1 << 16):
                found += data
        return found


@pytest.fixture
async def rude(stage: Stage) -> AsyncIterator[Callable[[], Rude]]:
    """Makes rude clients, which go away in the end."""
    made: list[Rude] = []

    def make() -> Rude:
        made.append(Rude(path_of(stage)))
        return made[-1]

    yield make
    for one in made:
        one.socket.close()


async def test_who_follows_and_never_reads_is_let_go_and_holds_up_nobody(
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    feeds: list[Feed],
    rude: Callable[[], Rude],
) -> None:
    """What waits for it is bounded, and the others are told everything."""
    monkeypatch.setattr(stream_socket, "_UNREAD", 1.0)
    queued: dict[int, int] = {}
    put = Following.put

    def counted(self: Following, happening: Happening) -> None:
        put(self, happening)
        queued[id(self)] = max(len(self), queued.get(id(self), 0))

    monkeypatch.setattr(Following, "put", counted)
    text = "x" * 1_000
    async with stage.tower(), client_of(stage) as client, stream_of(stage) as reading:
        await ask(reading, follow={"kinds": ["paid"]})
        mute = rude()
        assert b"101" in await mute.open()
        await mute.frame(Opcode.TEXT, b'{"id": 1, "follow": {"kinds": ["paid"]}}')
        told = 0
        while told < 2_000 or not await mute.gone():
            lines = [("paid", None, LedgerIndex(told + more), {"why": text}) for more in range(100)]
            feeds[0].tell(lines)
            for _ in lines:
                assert (await heard(reading))["event"]["ledger"] == told
                told += 1
        assert (await client.get("/healthz")).status_code == 200
    slow, quick = max(queued.values()), min(queued.values())
    assert quick <= 100
    assert 100 < slow <= 4_096


async def test_who_reads_too_slowly_is_told_how_much_it_missed(
    stage: Stage, feeds: list[Feed]
) -> None:
    """In its place, and then it goes on."""
    async with stage.tower(), client_of(stage), stream_of(stage) as stream:
        await ask(stream, follow={"kinds": ["paid"]})
        feeds[0].tell(("paid", None, LedgerIndex(number), {}) for number in range(5_000))
        for number in range(4_096):
            assert (await heard(stream))["event"]["ledger"] == number
        assert await heard(stream) == {"lagged": {"missed": 5_000 - 4_096}}
        feeds[0].tell([("paid", None, LedgerIndex(7), {})])
        assert (await heard(stream))["event"]["ledger"] == 7


async def test_to_follow_again_takes_the_place_of_what_was_followed(
    stage: Stage, feeds: list[Feed]
) -> None:
    """One queue for each client, however often it asks; and none when it asks no more."""
    async with stage.tower(), client_of(stage), stream_of(stage) as stream:
        for number, kind in enumerate(("paid", "funded", "paid")):
            assert (await ask(stream, follow={"kinds": [kind]}))["following"] is True
            feeds[0].tell((one, None, LedgerIndex(number), {}) for one in ("paid", "funded"))
            event = (await heard(stream))["event"]
            assert (event["kind"], event["ledger"]) == (kind, number)
        assert (await ask(stream, follow=None))["following"] is False
        feeds[0].tell([("paid", None, LedgerIndex(9), {})])
        assert (await ask(stream, claims=[]))["answers"] == []


async def test_who_pings_and_never_reads_fills_no_memory(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, rude: Callable[[], Rude]
) -> None:
    """Every ping is answered; to who reads no answers, no more than a buffer of them."""
    monkeypatch.setattr(stream_socket, "_UNREAD", 4.0)
    ping = Frame(Opcode.PING, b"x" * 125).serialize(mask=True)
    async with stage.tower(), client_of(stage) as client:
        mute = rude()
        await mute.open()
        sent = 0
        with suppress(ConnectionError):
            while True:
                await mute.write(ping * 1_000)
                sent += len(ping) * 1_000
        # What the two sockets and one read hold, and nothing beside it.
        assert sent < 1 << 21
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    "opcode", [Opcode.TEXT, Opcode.CONT], ids=["messages", "pieces of a message"]
)
async def test_a_flood_of_what_is_empty_is_refused(
    stage: Stage, opcode: Opcode, rude: Callable[[], Rude]
) -> None:
    """Six bytes of theirs must not be three hundred of ours."""
    async with stage.tower(), client_of(stage) as client:
        one = rude()
        await one.open()
        if opcode is Opcode.CONT:
            await one.frame(Opcode.TEXT, b"", fin=False)
        flood = Frame(opcode, b"", fin=opcode is Opcode.TEXT).serialize(mask=True)
        with suppress(ConnectionError):
            await one.write(flood * 40_000)
        end = await one.until_end()
        assert (1008).to_bytes(2, "big") in end or not end
        assert (await client.get("/healthz")).status_code == 200


async def test_a_message_that_never_ends_is_waited_for_only_so_long(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, rude: Callable[[], Rude]
) -> None:
    """A frame without its last byte, and a message without its last frame; pings do not help."""
    monkeypatch.setattr(stream_socket, "_MESSAGE", 0.5)
    async with stage.tower(), client_of(stage), stream_of(stage) as idle:
        for whole in (Frame(Opcode.TEXT, b"{}").serialize(mask=True)[:-1], b""):
            one = rude()
            await one.open()
            if whole:
                await one.write(whole)
            else:
                await one.frame(Opcode.TEXT, b"{", fin=False)
                await one.frame(Opcode.PING)
            await asyncio.wait_for(one.until_end(), 30)
        # Whoever says nothing may stay.
        assert (await ask(idle, claims=[]))["answers"] == []


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x02{}",  # not masked
        b"\xf1\x80\0\0\0\0",  # bits that nobody agreed on
        b"\x83\x80\0\0\0\0",  # an opcode that there is not
        b"\x80\x80\0\0\0\0",  # goes on with nothing
        b"\x81\x82\0\0\0\0\xff\xfe",  # no UTF-8
        b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",  # a length beyond all
        b"\x88\x81\0\0\0\0\0",  # half a code
    ],
)
async def test_what_is_no_frame_ends_the_stream_and_nothing_else(
    stage: Stage, frame: bytes, rude: Callable[[], Rude], capsys: pytest.CaptureFixture[str]
) -> None:
    """With a code, and no traceback."""
    async with stage.tower(), client_of(stage) as client:
        one = rude()
        await one.open()
        await one.write(frame)
        assert (await asyncio.wait_for(one.until_end(), 30))[:1] == b"\x88"
        assert (await client.get("/healthz")).status_code == 200
    assert "Traceback" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST", b"426"),
        (b"GET /v1/stream HTTP/1.1\r\nx: " + b"x" * 9_000 + b"\r\ny:", b"400"),
        (b"GET /v1/stream HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"y:", b"400"),
        (b"GET /v1/stream HTTP/1.1\r\nsec-websocket-key: x\r\ny:", b"400"),
    ],
)
async def test_what_is_no_handshake_is_refused(
    stage: Stage,
    head: bytes,
    status: bytes,
    rude: Callable[[], Rude],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The two that read it, one after the other, do not agree on what may be in one."""
    async with stage.tower(), client_of(stage) as client:
        answer = await rude().open(head)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert (await client.get("/healthz")).status_code == 200
    assert "Traceback" not in "".join(capsys.readouterr())


async def test_another_path_is_no_stream(stage: Stage) -> None:
    """There is one, and whoever mistypes it is not left hanging."""
    async with stage.tower(), client_of(stage):
        with pytest.raises(InvalidStatus) as refused:
            async with unix_connect(path_of(stage), uri="ws://door/v1/streams"):
                pass
    assert refused.value.response.status_code == 403


async def test_a_crowd_of_streams_leaves_places_for_requests(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred that say nothing, beside honest ones; the next one is told to come later."""
    monkeypatch.setattr(stream_socket, "_PLACES", 100)
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client, AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(stream_of(stage)) for _ in range(100)]
        with pytest.raises(InvalidStatus) as refused:
            await stack.enter_async_context(stream_of(stage))
        assert refused.value.response.status_code == 503
        assert json.loads(refused.value.response.body or b"")["type"] == "crowded"
        told = await client.post("/v1/claims", json=wire(stage.claim(channel, 9)))
        assert told.json()["kept"] is True
        await streams.pop().close()
        await stack.enter_async_context(stream_of(stage))
        answers = await ask(streams[0], claims=[wire(stage.claim(channel, 10))])
        assert answers["answers"][0]["kept"] is True


async def test_another_host_is_refused(stage: Stage) -> None:
    """A page whose own name leads to this machine comes with that name (DNS rebinding)."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    stage.with_settings(http=HttpSettings(listen=f"127.0.0.1:{port}"))
    async with stage.tower(), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await until_alive(client)
        async with connect(f"ws://127.0.0.1:{port}/v1/stream") as stream:
            assert (await ask(stream, claims=[]))["answers"] == []
        with pytest.raises(InvalidStatus) as refused:
            async with connect("ws://evil.example/v1/stream", host="127.0.0.1", port=port):
                pass
    assert refused.value.response.status_code == 421
    assert json.loads(refused.value.response.body or b"")["type"] == "wrong_host"


async def until_alive(client: httpx.AsyncClient) -> None:
    """Wait until the daemon answers."""
    for _ in range(400):
        try:
            await client.get("/healthz")
        except httpx.TransportError:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("the daemon never answered")


@asynccontextmanager
async def served(
    path: Path, gate: Gate, feed: Feed, clock: Callable[[], float]
) -> AsyncIterator[None]:
    """A stream alone, at a unix socket."""
    door = cast("Any", None)
    app = Litestar([http_stream.stream_of(door, feed, gate, clock=clock)], logging_config=None)
    with http_serve.listening(place_of(f"unix:{path}")) as at:
        serving = asyncio.create_task(http_serve.serve(app, at, hosts=None))
        yield
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving


def token(*scopes: Scope, expires: int | None = None) -> tuple[Token, dict[str, str]]:
    """A token, and the header that shows it."""
    kept, text = mint("a", scopes, random=os.urandom(RANDOM_BYTES), now=0, expires=expires)
    return kept, {"authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({}, "token_missing"),
        ({"authorization": "Basic YTph"}, "token_missing"),
        (token(Scope.READ)[1], "token_invalid"),
        ({"authorization": "Bearer nothing of ours"}, "token_invalid"),
    ],
)
async def test_without_a_token_the_handshake_is_refused(
    tmp_path: Path, headers: dict[str, str], word: str
) -> None:
    """Before a word is said; with the problem and the challenge of every other refusal."""
    path = tmp_path / "door.sock"
    async with served(path, Gate(is_required=True), Feed(lambda: None), lambda: 5.0):
        with pytest.raises(InvalidStatus) as refused:
            await unix_connect(str(path), uri="ws://door/v1/stream", additional_headers=headers)
    response = refused.value.response
    assert (response.status_code, json.loads(response.body or b"")["type"]) == (401, word)
    assert response.headers["www-authenticate"].startswith("Bearer ")


async def test_a_token_is_good_for_what_it_says_and_for_as_long(tmp_path: Path) -> None:
    """Who follows is told nothing more once the token is over, however long ago it came in."""
    path, now = tmp_path / "door.sock", [5.0]
    kept, headers = token(Scope.READ, expires=9)
    gate, feed = Gate(is_required=True), Feed(lambda: None)
    gate.hold([kept])
    async with (
        served(path, gate, feed, lambda: now[0]),
        unix_connect(str(path), uri="ws://door/v1/stream", additional_headers=headers) as stream,
    ):
        assert (await ask(stream, claims=[]))["problem"]["type"] == "scope_missing"
        assert (await ask(stream, follow={}))["following"] is True
        feed.tell([("paid", None, LedgerIndex(1), {})])
        assert (await heard(stream))["event"]["ledger"] == 1
        now[0] = 10.0
        feed.tell([("paid", None, LedgerIndex(2), {})])
        told = await heard(stream)
        assert (told["id"], told["problem"]["type"]) == (None, "token_expired")
        assert (await ask(stream, follow={}))["problem"]["type"] == "token_expired"
        now[0] = 5.0
        gate.hold([])
        assert (await ask(stream, follow={}))["problem"]["type"] == "token_invalid"


async def test_who_answers_no_ping_is_missed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, rude: Callable[[], Rude]
) -> None:
    """A machine that lost its power says no goodbye, and must not hold its place for ever."""
    monkeypatch.setattr(http_serve, "PING_EVERY", 0.2)
    monkeypatch.setattr(http_serve, "PONG_WITHIN", 0.2)
    monkeypatch.setattr(stream_socket, "PONG_WITHIN", 0.2)
    async with stage.tower(), client_of(stage), stream_of(stage) as idle:
        mute = rude()
        await mute.open()
        end = await asyncio.wait_for(mute.until_end(), 30)
        assert (1011).to_bytes(2, "big") in end
        # Whoever answers them may be idle for as long as it likes.
        assert (await ask(idle, claims=[]))["answers"] == []


async def test_whose_pong_stands_behind_claims_is_not_given_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While we read no more, because it sent so much, we cannot hear it either."""
    monkeypatch.setattr(conversation, "_REQUESTS", 1)
    monkeypatch.setattr(http_serve, "PING_EVERY", 0.2)
    monkeypatch.setattr(http_serve, "PONG_WITHIN", 0.2)
    monkeypatch.setattr(stream_socket, "PONG_WITHIN", 0.2)
    take = Door.take

    async def slowly(self: Door, claims: Sequence[Claim]) -> Sequence[Receipt]:
        await asyncio.sleep(0.5)
        return await take(self, claims)

    monkeypatch.setattr(Door, "take", slowly)
    channel = await stage.channel()
    async with stage.tower(), client_of(stage), stream_of(stage) as stream:
        for drops in range(1, 6):
            claims = [wire(stage.claim(channel, drops))]
            await stream.send(json.dumps({"id": drops, "claims": claims}))
        told = [await heard(stream) for _ in range(5)]
    assert [one["answers"][0]["kept"] for one in told] == [True] * 5


async def test_who_says_no_goodbye_does_not_hold_up_the_stop(
    stage: Stage, rude: Callable[[], Rude]
) -> None:
    """It is told 1001 like everybody, and then it is over."""
    async with stage.tower() as daemon, client_of(stage):
        mute = rude()
        await mute.open()
        daemon.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(daemon, 60)
    assert (1001).to_bytes(2, "big") in await asyncio.wait_for(mute.until_end(), 30)


async def test_a_page_without_a_name_does_not_open_it_by_naming_no_host(
    stage: Stage, rude: Callable[[], Rude]
) -> None:
    """No name is not the name of this place."""
    async with stage.tower(), client_of(stage):
        head = b"GET /v1/stream HTTP/1.1\r\nhost:\r\norigin: null\r\n"
        answer = await rude().open_with(head)
    assert answer.startswith(b"HTTP/1.1 403")
