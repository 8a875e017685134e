"""What docs/client.md shows works as it stands there, against the real tower."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.client.towers import listen, until_ready
from tests.docs.test_formats import DOCS
from tests.interfaces.test_http import wire
from tests.merchant.reader import Reader
from tests.tower.conftest import Stage, stage_on
from watchtower.client import TowerClient
from watchtower.client.cashier import _FAULTS
from watchtower.client.payment import Fault

TEXT = (DOCS / "client.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    """The examples in a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Any]:
    """A Python example, as a module of its own."""

    def load(number: int) -> Any:
        module = ModuleType(f"an_example_{number}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        source = compile(examples("python")[number], "docs/client.md", "exec")
        exec(source, vars(module))  # noqa: S102 - our own document
        return module

    return load


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose towers listen at a socket."""
    async with stage_on(tmp_path) as made:
        listen(made, tmp_path)
        yield made


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Start and stop an application, as a server does."""
    told: asyncio.Queue[str] = asyncio.Queue()
    stop = asyncio.Event()
    started = False

    async def receive() -> dict[str, str]:
        nonlocal started
        if not started:
            started = True
            return {"type": "lifespan.startup"}
        await stop.wait()
        return {"type": "lifespan.shutdown"}

    async def send(message: dict[str, str]) -> None:
        await told.put(message["type"])

    running = asyncio.create_task(app({"type": "lifespan", "asgi": {}, "state": {}}, receive, send))
    assert await told.get() == "lifespan.startup.complete"
    try:
        yield
    finally:
        stop.set()
        await running


async def test_the_example_of_the_client_decides_rightly(
    stage: Stage,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    example: Callable[[int], Any],
) -> None:
    """Serve, not again for the same, and not while the tower is away."""
    may_serve = example(0).may_serve
    channel = await stage.channel()
    place, queue = stage.settings.http.listen, tmp_path / "claims.queue"
    message = wire(stage.claim(channel, 1_000)) | {"amount": "1000"}
    async with stage.tower():
        async with TowerClient(place) as tower:
            await until_ready(stage, tower)
        assert await may_serve(place, queue, message)
        assert not await may_serve(place, queue, message)
    assert not await may_serve(place, queue, message)
    told = capsys.readouterr().out
    assert "not to be served: not_kept" in told
    assert "waits on this disk" in told


async def test_the_example_of_the_guard_sells_articles(
    stage: Stage, tmp_path: Path, example: Callable[[int], Any]
) -> None:
    """As it stands there, with its lifespan."""
    channel = await stage.channel()
    async with stage.tower():
        place = stage.settings.http.listen
        async with TowerClient(place) as tower:
            await until_ready(stage, tower)
        app = example(1).shop(place, stage.payee.address, tmp_path)
        transport = httpx.ASGITransport(app=app)
        async with (
            lifespan(app),
            httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
        ):
            reader = Reader(client, stage.payer, channel)
            told = await reader.read("/articles/today")
            assert (told.status_code, told.text) == (200, "Once upon a time")
            assert (await client.get("/")).status_code == 404
            for path in ("//articles/today", "/articles/today/", "/articles//today"):
                assert (await client.get(path)).status_code == 402


async def test_what_the_typescript_reads_is_what_the_tower_tells(stage: Stage) -> None:
    """It cannot be run here; its fields are those of a real answer, by name and by kind."""
    script = "\n".join(examples("ts"))
    channel = await stage.channel()
    async with stage.tower(), TowerClient(stage.settings.http.listen) as tower:
        await until_ready(stage, tower)
        transport = httpx.AsyncHTTPTransport(uds=stage.settings.http.listen.removeprefix("unix:"))
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            found = (await client.get(f"/v1/channels/{channel}")).json()
            claim = wire(stage.claim(channel, 5))
            answer = (await client.post("/v1/claims", json=claim)).json()
            again = (await client.post("/v1/claims", json=claim)).json()
    assert set(re.findall(r"\bfound\.(\w+)", script)) <= found.keys()
    assert set(re.findall(r"\banswer\.(\w+)", script)) <= answer.keys() | again.keys()
    assert isinstance(found["settle_delay"], int)
    assert found["expiration"] is None
    for path in re.findall(r"ask\(['`](/[\w/]+)", script):
        assert path.startswith(("/v1/channels/", "/v1/claims"))


def test_every_problem_type_is_tabled() -> None:
    """Which of the tower's words is told as what."""
    rows = re.findall(r"^\| (.+) \| `([\w/-]+)` \|$", TEXT, re.MULTILINE)
    told = {word: kind for words, kind in rows for word in re.findall(r"`(\w+)`", words)}
    expected = {word: fault.value for word, fault in _FAULTS.items()}
    assert told == expected | {"underpaid": Fault.INSUFFICIENT.value}
