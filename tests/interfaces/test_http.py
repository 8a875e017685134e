"""The HTTP interface of a daemon that runs, over a real socket, on the sandbox ledger."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.tower.conftest import XRP, Stage
from watchtower.errors import ListenError
from watchtower.interfaces.http import serve as http_serve
from watchtower.judgement.claim import Claim
from watchtower.settings import ClaimSettings, HttpSettings
from watchtower.units import ChannelId, Drops

SLOW = (
    b"POST /v1/claims HTTP/1.1\r\nhost: door\r\ncontent-type: application/json\r\n"
    b"content-length: 500\r\n\r\n{"
)
NOTHING = {"channel": "", "amount": 0, "signature": "", "public_key": ""}


@asynccontextmanager
async def client_of(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the daemon, once that answers."""
    path = stage.settings.http.listen.removeprefix("unix:")
    transport = httpx.AsyncHTTPTransport(uds=path)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        for _ in range(200):
            try:
                if (await client.get("/readyz")).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            await stage.sandbox.accept()
            await asyncio.sleep(0.05)
        else:
            pytest.fail("the daemon never became ready")
        yield client


def wire(claim: Claim, **changes: Any) -> dict[str, Any]:
    """A claim as it is sent."""
    return {
        "channel": claim.channel,
        "amount": claim.amount,
        "signature": claim.signature,
        "public_key": claim.public_key,
        **changes,
    }


async def test_claim_is_kept_served_and_redeemed(stage: Stage) -> None:
    """The main job, through this door."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        # Behind the first look for claims that another process wrote: nobody finds this one so.
        await asyncio.sleep(0.5)
        told = await client.post("/v1/claims", json=wire(stage.claim(channel, 30 * XRP)))
        assert told.status_code == 200
        answer = told.json()
        assert (answer["kept"], answer["serve"], answer["best"]) == (True, True, str(30 * XRP))
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)


async def test_serving_stops_with_the_close_request_and_keeping_does_not(stage: Stage) -> None:
    """Two answers: what was promised is kept, and nothing more is given for it."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        await client.post("/v1/claims", json=wire(stage.claim(channel, 10 * XRP)))
        await stage.close_request(channel)

        async def closing() -> bool:
            shown = (await client.get(f"/v1/channels/{channel}")).json()
            return shown["expiration"] is not None

        await stage.until(closing, closing=False)
        told = await client.post("/v1/claims", json=wire(stage.claim(channel, 20 * XRP)))
        answer = told.json()
        assert (answer["kept"], answer["serve"], answer["reasons"]) == (True, False, ["closing"])
        await stage.until_paid(channel, 20 * XRP)


async def test_a_batch_has_an_answer_for_each(stage: Stage) -> None:
    """Good, low, malformed, badly signed, and of a channel that nobody knows."""
    channel = await stage.channel()
    good, low = stage.claim(channel, 20 * XRP), stage.claim(channel, 10 * XRP)
    strange = stage.claim(ChannelId("AB" * 32), 5)
    batch = [
        wire(good),
        wire(low),
        wire(good, channel="12"),
        wire(good, amount=21 * XRP),
        wire(strange),
    ]
    async with stage.tower(), client_of(stage) as client:
        told = await client.post("/v1/claims", json=batch)
    assert [answer.get("why_not_kept") for answer in told.json()] == [
        None,
        "not_above_best",
        "malformed",
        "bad_signature",
        "unknown_channel",
    ]


async def test_checking_keeps_nothing(stage: Stage) -> None:
    """A reader may ask what its claim would be worth."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        told = await client.post("/v1/claims/check", json=wire(stage.claim(channel, 9)))
        assert told.json()["kept"] is True
        shown = await client.get(f"/v1/channels/{channel}")
        assert shown.json()["best_claim"] is None


async def test_same_request_again_is_harmless(stage: Stage) -> None:
    """A client that lost the answer asks again, and is told that it is kept already."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        for expected in (None, "not_above_best"):
            told = await client.post("/v1/claims", json=wire(stage.claim(channel, 9)))
            assert told.json().get("why_not_kept") == expected
            assert told.json()["best"] == "9"


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"", 400, "malformed"),
        (b"not json", 400, "malformed"),
        (b'{"channel": 1}', 400, "malformed"),
        (b"[" + b",".join([b"{}"] * 3) + b"]", 400, "malformed"),
        (json.dumps([NOTHING] * 1_001).encode(), 413, "too_large"),
        (b'[{"channel":"a","amount":"1","signature":"30","public_key":"02","more":1}]', 400, None),
        (b"\xff\xfe", 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        (b'"' + b"x" * (1 << 20) + b'"', 413, "too_large"),
    ],
)
async def test_what_is_no_claim_is_a_problem(
    stage: Stage, body: bytes, status: int, word: str | None
) -> None:
    """RFC 9457, with a word to act on; the daemon goes on."""
    async with stage.tower(), client_of(stage) as client:
        told = await client.post(
            "/v1/claims", content=body, headers={"content-type": "application/json"}
        )
        assert told.status_code == status
        assert told.headers["content-type"] == "application/problem+json"
        assert word in (None, told.json()["type"])
        assert (await client.get("/healthz")).status_code == 200


async def test_channels_come_page_by_page(stage: Stage) -> None:
    """In the order of their ids, each once."""
    channels = sorted([await stage.channel() for _ in range(5)])
    async with stage.tower(), client_of(stage) as client:
        found: list[str] = []
        after: dict[str, str] = {}
        while True:
            page = (await client.get("/v1/channels", params={"limit": 2, **after})).json()
            found += [one["channel"] for one in page["channels"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
    assert found == channels


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/v1/channels/12", 400, "malformed"),
        (f"/v1/channels/{'AB' * 32}", 404, "unknown_channel"),
        ("/v1/channels?limit=0", 400, "malformed"),
        ("/v1/channels?after=zz", 400, "malformed"),
        ("/v1/nothing", 404, "not_found"),
    ],
)
async def test_what_is_asked_wrongly_is_a_problem(
    stage: Stage, path: str, status: int, word: str
) -> None:
    """A clear answer, and nothing in the log that would wake anybody."""
    async with stage.tower(), client_of(stage) as client:
        told = await client.get(path)
        assert (told.status_code, told.json()["type"]) == (status, word)


async def test_a_ledger_that_stands_still_stops_serving(stage: Stage) -> None:
    """Who knows what a ledger would hold that nobody has heard of?"""
    channel = await stage.channel()
    stage.with_settings(claims=ClaimSettings(stale_seconds=0.5))
    async with stage.tower(), client_of(stage) as client:
        await asyncio.sleep(0.6)
        told = await client.post("/v1/claims", json=wire(stage.claim(channel, 9)))
        assert (told.json()["kept"], told.json()["reasons"]) == (True, ["ledger_stale"])
        assert (await client.get("/readyz")).status_code == 503


async def test_a_full_store_is_said_so_and_the_claim_comes_through_later(
    stage: Stage,
) -> None:
    """503 store_unavailable: nothing was kept, and nothing is lost by trying again."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        async with stage.store() as other, other.write() as work:
            await work.cursor.get()  # which takes the lock
            told = await client.post("/v1/claims", json=wire(stage.claim(channel, 9)), timeout=30.0)
            assert (told.status_code, told.json()["type"]) == (503, "store_unavailable")
        again = await client.post("/v1/claims", json=wire(stage.claim(channel, 9)))
        assert again.json()["kept"] is True


async def test_the_documents_say_what_is_served(stage: Stage) -> None:
    """The OpenAPI document that is checked in is the one that is served."""
    async with stage.tower(), client_of(stage) as client:
        served = (await client.get("/schema/openapi.json")).json()
    kept = Path(__file__).parents[2] / "docs" / "openapi.json"
    assert served == json.loads(kept.read_text(encoding="utf-8"))


async def test_the_socket_is_for_its_owner_and_group_alone(stage: Stage) -> None:
    """And it is gone when the daemon is."""
    path = stage.settings.http.listen.removeprefix("unix:")
    async with stage.tower(), client_of(stage):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660  # noqa: PTH116
    with pytest.raises(FileNotFoundError):
        os.stat(path)  # noqa: PTH116


async def test_a_browser_that_was_led_astray_reads_nothing(stage: Stage) -> None:
    """A page whose own name leads to this machine comes with that name (DNS rebinding)."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    stage.with_settings(http=HttpSettings(listen=f"127.0.0.1:{port}"))
    async with stage.tower(), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(200):
            try:
                assert (await client.get("/healthz")).status_code == 200
                break
            except httpx.TransportError:
                await asyncio.sleep(0.05)
        for host, status in (("evil.example", 421), (f"localhost:{port}", 200), ("[", 421)):
            told = await client.get("/healthz", headers={"host": host})
            assert told.status_code == status


async def test_a_place_that_is_taken_is_told_before_anything_begins(stage: Stage) -> None:
    """Exit code 18, and not a daemon that guards and cannot be asked."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stage.with_settings(http=HttpSettings(listen=f"127.0.0.1:{taken.getsockname()[1]}"))
        async with stage.tower() as daemon:
            with pytest.raises(ListenError, match="in use"):
                await asyncio.wait_for(daemon, 20)


async def test_slow_and_mute_clients_do_not_hold_up_the_others(stage: Stage) -> None:
    """A hundred connections that never finish a request, beside an honest one."""
    channel = await stage.channel()
    path = stage.settings.http.listen.removeprefix("unix:")
    async with stage.tower(), client_of(stage) as client:
        mute = [await asyncio.open_unix_connection(path) for _ in range(50)]
        slow = [await asyncio.open_unix_connection(path) for _ in range(50)]
        for _, writer in slow:
            writer.write(SLOW)
            await writer.drain()
        told = await client.post("/v1/claims", json=wire(stage.claim(channel, 9)))
        assert told.json()["kept"] is True
        reader, _ = mute[0]
        assert await asyncio.wait_for(reader.read(), 60) == b""
        reader, _ = slow[0]
        assert b"408" in await asyncio.wait_for(reader.read(), 60)
        for _, writer in (*mute, *slow):
            writer.close()


async def test_what_is_under_way_is_answered_when_the_daemon_stops(stage: Stage) -> None:
    """Kept and acknowledged, or told to come again: nobody is left without an answer."""
    channel = await stage.channel()
    async with stage.tower() as daemon, client_of(stage) as client:
        asked = [
            asyncio.create_task(client.post("/v1/claims", json=wire(stage.claim(channel, drops))))
            for drops in range(1, 41)
        ]
        await asyncio.sleep(0.02)
        daemon.cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    told = [one for one in answers if isinstance(one, httpx.Response)]
    kept = [int(one.json()["best"]) for one in told if one.status_code == 200]
    assert {one.status_code for one in told} <= {200, 503}
    async with stage.store() as store, store.read() as work:
        best = await work.claims.best(channel)
    assert max(kept, default=0) <= (Drops(0) if best is None else best.amount)


async def test_a_page_cannot_post_claims_without_being_asked(stage: Stage) -> None:
    """A browser posts text to whoever listens on this machine, and asks nobody before."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        body = json.dumps(wire(stage.claim(channel, 9)))
        told = await client.post("/v1/claims", content=body, headers={"content-type": "text/plain"})
        assert (told.status_code, told.json()["type"]) == (415, "unsupported_media_type")
        shown = await client.get(f"/v1/channels/{channel}")
        assert shown.json()["best_claim"] is None


async def test_nothing_is_served_before_what_was_missed_is_read(stage: Stage) -> None:
    """The payer asked to close while the tower was down: its first ledger does not tell that."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        await client.post("/v1/claims", json=wire(stage.claim(channel, 9)))
    await stage.close_request(channel)
    path = stage.settings.http.listen.removeprefix("unix:")
    transport = httpx.AsyncHTTPTransport(uds=path)
    answers: list[dict[str, Any]] = []
    async with (
        stage.tower(),
        httpx.AsyncClient(transport=transport, base_url="http://door") as client,
    ):
        for drops in range(10, 60):
            try:
                told = await client.post("/v1/claims", json=wire(stage.claim(channel, drops)))
            except httpx.TransportError:
                await asyncio.sleep(0.02)
                continue
            answers.append(told.json())
    assert answers
    assert not any(answer["serve"] for answer in answers)
    assert any(answer["kept"] for answer in answers)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /healthz HTTP/1.1\r\nhost: door\r\ncontent-length: 10\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nhost: door\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
)
async def test_who_is_answered_before_it_has_sent_everything_is_let_go(
    stage: Stage, request_: bytes
) -> None:
    """It would hold its place for ever with a single byte more."""
    path = stage.settings.http.listen.removeprefix("unix:")
    async with stage.tower(), client_of(stage):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request_)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"z")
        with suppress(ConnectionError):
            await writer.drain()
            await asyncio.wait_for(reader.read(), 60)
        writer.close()


async def test_who_sends_the_rest_behind_its_answer_is_not_cut_off(stage: Stage) -> None:
    """A body in a packet of its own comes after a refusal that needed no body."""
    path = stage.settings.http.listen.removeprefix("unix:")
    async with stage.tower(), client_of(stage):
        reader, writer = await asyncio.open_unix_connection(path)
        for _ in range(3):
            writer.write(b"PUT /v1/claims HTTP/1.1\r\nhost: door\r\ncontent-length: 10\r\n\r\n")
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 405")
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            writer.write(b"0123456789")
        writer.close()


async def test_who_does_not_read_its_answer_is_let_go(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was answered would stay in memory, and its place be taken, for ever."""
    monkeypatch.setattr(http_serve, "_PATIENCE", 1.0)
    channels = [await stage.channel() for _ in range(3)]
    path = stage.settings.http.listen.removeprefix("unix:")
    body = json.dumps([wire(stage.claim(channels[0], 5))] * 1_000).encode()
    request = (
        b"POST /v1/claims/check HTTP/1.1\r\nhost: door\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    async with stage.tower(), client_of(stage) as client:
        mute = socket.socket(socket.AF_UNIX)
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        mute.connect(path)
        mute.settimeout(0)
        loop = asyncio.get_running_loop()
        with pytest.raises(ConnectionError):
            await loop.sock_sendall(mute, request * 20)
        assert (await client.get("/healthz")).status_code == 200
        mute.close()
