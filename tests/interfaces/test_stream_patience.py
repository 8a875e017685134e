"""What a client of the stream can hold that is slow, mute or rude: nothing for long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode

from tests.interfaces.streams import Rude, ask, heard, stream_of
from tests.interfaces.test_http import client_of, wire
from tests.tower.conftest import Stage
from watchtower import assembly
from watchtower.claims.answer import Answer
from watchtower.claims.door import Door
from watchtower.interfaces.feed import Feed, Following
from watchtower.interfaces.happening import Happening
from watchtower.interfaces.http import conversation, stream_socket
from watchtower.interfaces.http import serve as http_serve
from watchtower.judgement.claim import Claim
from watchtower.units import LedgerIndex


async def test_who_has_no_more_room_is_read_from_again_when_it_is_answered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Backpressure: the server reads no more than a bounded number of claims, and loses none."""
    monkeypatch.setattr(conversation, "_CLAIMS", 10)
    monkeypatch.setattr(conversation, "_REQUESTS", 3)
    most: list[int] = []
    take = Door.take
    inside = 0

    async def counted(self: Door, claims: Sequence[Claim]) -> Sequence[Answer]:
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

    async def slowly(self: Door, claims: Sequence[Claim]) -> Sequence[Answer]:
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
