"""The client and the real tower, over a real socket, on the sandbox ledger."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.client.towers import claim_of, keep, listen, problem, teller, until_ready
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.client import Answer, Claim, Queued, TowerClient
from watchtower.errors import (
    ChannelIdError,
    ClientError,
    ConfigError,
    TowerRefusedError,
    TowerUnreachableError,
)
from watchtower.sandbox.people import Person
from watchtower.units import ChannelId, Drops

PAYER = Person.named("a payer")
CHANNEL = ChannelId("5D" * 32)


def signed(drops: int, channel: ChannelId = CHANNEL) -> Claim:
    """A claim of somebody's, on a channel that need not exist."""
    return Claim(
        channel=channel,
        amount=Drops(drops),
        signature=PAYER.sign_claim(channel, Drops(drops)),
        public_key=PAYER.public_key,
    )


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose towers listen at a socket."""
    async with stage_on(tmp_path) as made:
        listen(made, tmp_path)
        yield made


async def test_claim_is_kept_and_served_and_closing_turns_serving_off(stage: Stage) -> None:
    """The two answers, as the platform gets them."""
    channel = await stage.channel()
    async with stage.tower(), TowerClient(stage.settings.http.listen) as tower:
        await until_ready(stage, tower)
        first = await tower.submit(claim_of(stage.claim(channel, 1 * XRP)))
        assert isinstance(first, Answer)
        assert (first.kept, first.serve, first.best) == (True, True, 1 * XRP)

        await stage.close_request(channel)

        async def closing() -> bool:
            shown = await tower.channel(channel)
            return shown is not None and shown.expiration is not None

        await stage.until(closing, closing=False)
        second = await tower.submit(claim_of(stage.claim(channel, 2 * XRP)))
        assert (second.kept, second.serve, second.reasons) == (True, False, ("closing",))


async def test_every_question_has_its_answer(stage: Stage) -> None:
    """Check, one channel, none, all of them over pages, status and readiness."""
    channels = sorted([await stage.channel() for _ in range(3)])
    async with stage.tower(), TowerClient(stage.settings.http.listen) as tower:
        await until_ready(stage, tower)
        checked = await tower.check(claim_of(stage.claim(channels[0], 5)))
        shown = await tower.channel(channels[0])
        nobodys = await tower.channel(ChannelId("AB" * 32))
        listed = [one.channel async for one in tower.channels(page=2)]
        status = await tower.status()
    assert checked.kept
    assert shown is not None
    assert (shown.best_claim, shown.destination) == (None, stage.payee.address)
    assert shown.public_key == stage.payer.public_key
    assert shown.extra["verdict"] == "Settled"
    assert nobodys is None
    assert listed == channels
    assert status["channels"] == 3


async def test_many_claims_have_an_answer_each_in_their_order(stage: Stage) -> None:
    """More than one request carries, good ones beside bad ones."""
    channel = await stage.channel()
    claims = [claim_of(stage.claim(channel, drops)) for drops in range(1, 1_003)]
    forged = Claim(channel, Drops(9_999), claims[0].signature, claims[0].public_key)
    async with stage.tower(), TowerClient(stage.settings.http.listen) as tower:
        await until_ready(stage, tower)
        answers = await tower.submit_all([*claims, forged, claims[0]])
    assert [answer.kept for answer in answers] == [*([True] * len(claims)), False, False]
    *_, false, low = answers
    assert isinstance(false, Answer)
    assert isinstance(low, Answer)
    assert (false.why_not_kept, false.is_held) == ("bad_signature", False)
    assert (low.why_not_kept, low.is_held) == ("not_above_best", True)


async def test_what_the_tower_says_beyond_the_known_is_kept() -> None:
    """A receipt that a newer tower sends is there for whoever wants it, and breaks nothing."""
    async with (
        teller(keep(receipt={"root": "ab"}, serial=7)) as found,
        TowerClient(found.place) as tower,
    ):
        answer = await tower.submit(signed(5))
    assert isinstance(answer, Answer)
    assert answer.extra == {"receipt": {"root": "ab"}, "serial": 7}


async def test_lost_answer_is_asked_for_again() -> None:
    """A connection that breaks behind the request says nothing of what became of the claim."""
    async with teller(None, keep()) as found, TowerClient(found.place) as tower:
        answer = await tower.submit(signed(5))
        assert answer.kept
        first, second = found.heard
        assert first[3] == second[3]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_tower_that_cannot_now_is_asked_again(status: int) -> None:
    """Busy, stopping, or with a full disk: nothing was refused for good."""
    async with teller(problem(status, "later"), keep()) as found, TowerClient(found.place) as tower:
        assert (await tower.submit(signed(5))).kept


async def test_client_waits_as_long_as_it_was_asked_to() -> None:
    """Retry-After is longer than patience: no second attempt, and an error that says why."""
    busy = problem(503, "stopping", **{"retry-after": "60"})
    async with teller(busy, keep()) as found, TowerClient(found.place) as tower:
        with pytest.raises(TowerUnreachableError, match="503, A sentence") as raised:
            await tower.submit(signed(5))
        assert raised.value.facts["retry_after"] == 60.0
        assert len(found.heard) == 1


@pytest.mark.parametrize(
    ("status", "word"),
    [(401, "unauthenticated"), (403, "forbidden"), (400, "malformed"), (302, "x")],
)
async def test_refusal_is_told_at_once(status: int, word: str, tmp_path: Path) -> None:
    """A wrong token does not become right by waiting, and nothing is put into the queue."""
    queue = tmp_path / "claims.queue"
    async with (
        teller(problem(status, word, location="http://127.0.0.1:1/")) as found,
        TowerClient(found.place, token="secret", queue=queue) as tower,
    ):
        with pytest.raises(TowerRefusedError, match=word) as raised:
            await tower.submit(signed(5))
        assert "secret" not in str(raised.value)
        assert len(found.heard) == 1
        assert found.heard[0][2]["authorization"] == "Bearer secret"
        assert await tower.count_queued() == 0


@pytest.mark.parametrize(
    "body",
    [
        b"<html>sign in to the wifi</html>",
        b"{}",
        b"[]",
        b"[null]",
        b'[{"channel": "x", "kept": "yes", "pending": false, "serve": true}]',
        b'[{"channel": "x", "kept": true, "pending": false, "serve": true, "best": "1e9"}]',
        b"[" * 100_000,
        b"\xff",
    ],
)
async def test_answer_that_makes_no_sense_is_none(body: bytes) -> None:
    """Whoever says it is no tower of ours; nothing is served for it."""
    async with (
        teller((200, {}, body)) as found,
        TowerClient(found.place, patience=0.0) as tower,
    ):
        with pytest.raises(TowerUnreachableError):
            await tower.submit(signed(5))


async def test_endless_answer_is_cut_off() -> None:
    """Memory has a bound, whoever answers."""
    async with (
        teller((200, {}, b" " * (9 << 20))) as found,
        TowerClient(found.place, patience=0.0) as tower,
    ):
        with pytest.raises(TowerUnreachableError, match="no end"):
            await tower.submit(signed(5))


async def test_tower_that_says_nothing_is_given_up() -> None:
    """A request has its time, and so has whoever waits for it."""
    silent = asyncio.Event()

    async def listening(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    server = await asyncio.start_server(listening, "127.0.0.1", 0)
    place = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, TowerClient(place, timeout=0.1, patience=0.0) as tower:
        with pytest.raises(TowerUnreachableError, match=r"within 0\.1 s"):
            await tower.submit(signed(5))
        silent.set()


@pytest.mark.parametrize("place", ["", "door.sock", "ftp://x", "http://", "http://[", "unix"])
def test_place_that_is_none_is_told_at_once(place: str) -> None:
    """And not at the first claim."""
    with pytest.raises(ConfigError):
        TowerClient(place)


def test_token_is_not_sent_in_the_clear() -> None:
    """Over a network, plain HTTP would give it to everybody on the way."""
    with pytest.raises(ConfigError, match="https"):
        TowerClient("http://tower.example:8412", token="secret")
    TowerClient("https://tower.example", token="secret")
    TowerClient("http://localhost:8412", token="secret")


async def test_token_of_a_file_with_a_last_line_is_sent_without_it() -> None:
    """It is what `Path.read_text` returns; the newline could not be sent, and nobody would hear."""
    async with (
        teller(keep()) as found,
        TowerClient(found.place, token=" xwt_secret\r\n", patience=0.0) as tower,
    ):
        await tower.submit(signed(5))
    assert found.heard[0][2]["authorization"] == "Bearer xwt_secret"


@pytest.mark.parametrize("token", ["", "\n", "xwt_secret xwt_more", "xwt_sec\nret", "xwt_sécret"])
@pytest.mark.parametrize("place", ["http://localhost:8412", "unix:/run/watchtower/door.sock"])
def test_token_that_cannot_be_sent_is_refused_and_not_repeated(place: str, token: str) -> None:
    """Refused with each request it would pass for a tower that is away, and stand in every log."""
    with pytest.raises(ConfigError, match="token") as raised:
        TowerClient(place, token=token)
    assert "xwt" not in str(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None


@pytest.mark.parametrize(
    "place",
    [
        "https://user:hunter2@tower.example",
        "https://hunter2@tower.example",
        "https://user:hunter2@",
        "ftp://user:hunter2@tower.example",
        "http://user:hunter2@[",
        "user:hunter2@tower.example",
    ],
)
def test_place_with_a_password_is_refused_and_not_repeated(place: str) -> None:
    """The place stands in errors, in `Queued.why` and in logs."""
    with pytest.raises(ConfigError, match="token") as raised:
        TowerClient(place)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None


async def test_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that somebody set for something else must not lead claims and tokens away."""
    async with teller(problem(502, "proxied")) as proxy, teller(keep()) as found:
        monkeypatch.setenv("http_proxy", proxy.place)
        monkeypatch.setenv("ALL_PROXY", proxy.place)
        async with TowerClient(found.place, patience=0.0) as tower:
            assert (await tower.submit(signed(5))).kept
        assert not proxy.heard


async def test_cancelled_caller_does_not_lose_the_claim() -> None:
    """A reader hangs up, the web server cancels: the claim goes on its way."""
    heard, go_on = asyncio.Event(), asyncio.Event()

    async with teller(keep()) as found:
        talk = found.talk

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.set()
            await go_on.wait()
            await talk(reader, writer)

        server = await asyncio.start_server(slow, "127.0.0.1", 0)
        place = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            async with TowerClient(place) as tower:
                asking = asyncio.create_task(tower.submit(signed(5)))
                await heard.wait()
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
                go_on.set()
            assert len(found.heard) == 1


def test_importing_the_client_brings_no_daemon_along() -> None:
    """A platform pays for HTTP and signatures, and not for stores, servers and logs."""
    code = "import sys, watchtower.client.guard; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = {name.partition(".")[0] for name in told.stdout.split()}
    ours = {name.split(".")[1] for name in told.stdout.split() if name.startswith("watchtower.")}
    heavy = {"sqlalchemy", "litestar", "uvicorn", "alembic", "structlog", "xrpl", "websockets"}
    assert not loaded & (heavy | {"cryptography", "aiosqlite"})
    assert ours == {"client", "errors", "hosts", "judgement", "ledger", "units"}


async def test_queued_says_in_every_way_not_to_serve(tmp_path: Path) -> None:
    """Whoever asks one question of what comes back is told no."""
    place = f"unix:{tmp_path / 'nobody.sock'}"
    async with TowerClient(place, queue=tmp_path / "q", patience=0.0) as tower:
        told = await tower.submit(signed(5))
    assert isinstance(told, Queued)
    assert (told.kept, told.pending, told.serve) == (False, False, False)
    assert told.reasons == ("queued",)
    assert "did not answer" in told.why


async def test_without_a_queue_nobody_pretends(tmp_path: Path) -> None:
    """An error is the honest answer where a claim is neither with the tower nor on disk."""
    async with TowerClient(f"unix:{tmp_path / 'nobody.sock'}", patience=0.0) as tower:
        for asking in (tower.submit(signed(5)), tower.check(signed(5)), tower.status()):
            with pytest.raises(ClientError):
                await asking


async def test_strange_server_does_not_say_that_a_channel_is_unknown() -> None:
    """A wrong path, or a proxy that knows nothing: 404 alone is no word about the ledger."""
    async with teller(problem(404, "not_found")) as found, TowerClient(found.place) as tower:
        with pytest.raises(TowerRefusedError, match="not_found"):
            await tower.channel(CHANNEL)
        with pytest.raises(ChannelIdError):
            await tower.channel(ChannelId("../status"))
        assert len(found.heard) == 1


async def test_queue_that_was_not_opened_is_a_mistake_that_is_told(tmp_path: Path) -> None:
    """Without the `async with` there is no queue, whatever the caller believes."""
    tower = TowerClient("unix:/nowhere", queue=tmp_path / "q")
    with pytest.raises(RuntimeError, match="async with"):
        await tower.submit(signed(5))


async def test_talkative_server_does_not_fill_the_log() -> None:
    """What it says goes into errors, and errors go into logs."""
    body = msgspec.json.encode({"type": "x" * 10_000, "detail": "y" * 10_000})
    for status, error in ((400, TowerRefusedError), (503, TowerUnreachableError)):
        async with (
            teller((status, {}, body)) as found,
            TowerClient(found.place, patience=0.0) as tower,
        ):
            with pytest.raises(error) as raised:
                await tower.submit(signed(5))
        assert len(str(raised.value)) < 1_000
