"""Who may come in over HTTP: a daemon that runs, a real socket, tokens in a real store."""

from __future__ import annotations

import asyncio
import io
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from hmac import compare_digest
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.interfaces.test_http import client_of, wire
from tests.store.heads import STORE, head_of
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower import logs
from watchtower.access import gate as gate_module
from watchtower.access.token import RANDOM_BYTES, Scope, mint
from watchtower.interfaces.dashboard.frame import Dashboard
from watchtower.interfaces.http.app import make_app
from watchtower.settings import HttpSettings

CHANNEL = "AB" * 32
SCOPES: Mapping[str, Scope | None] = {
    "POST /v1/claims": Scope.SUBMIT,
    "POST /v1/claims/check": Scope.SUBMIT,
    "GET /v1/channels": Scope.READ,
    "GET /v1/channels/{channel}": Scope.READ,
    "GET /v1/status": Scope.ADMIN,
    "PUT /v1/heads/{store}": Scope.HEADS,
    "GET /v1/heads/{store}": Scope.HEADS,
    "GET /metrics": Scope.METRICS,
    "GET /schema/openapi.json": None,
}
"""What each route wants; None is any token."""

OPEN = ("GET /healthz", "GET /readyz")
OPEN_PAGES = ("/", "/dashboard/login", "/dashboard/assets/{name:str}")
"""What a browser needs before it can show a token; nothing of the tower is told there."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower listens at a unix socket and wants tokens."""
    async with stage_on(tmp_path) as made:
        listen = f"unix:{tmp_path / 'door.sock'}"
        made.with_settings(http=HttpSettings(listen=listen, require_token=True))
        yield made


async def token(
    stage: Stage,
    name: str,
    scopes: Iterable[Scope],
    *,
    quota: int | None = None,
    expires: int | None = None,
) -> str:
    """Make a token as ``watchtower token add`` does, from outside the daemon."""
    made, text = mint(
        name,
        scopes,
        random=secrets.token_bytes(RANDOM_BYTES),
        now=time.time(),
        quota=quota,
        expires=expires,
    )
    async with stage.store() as store, store.write() as work:
        await work.tokens.add(made)
    return text


def bearer(text: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"authorization": f"Bearer {text}"}


async def ask(
    client: httpx.AsyncClient, route: str, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Ask what a route serves; a claim that is none is enough to be let in with."""
    method, _, path = route.partition(" ")
    bodies: dict[str, Any] = {"POST": [], "PUT": msgspec.to_builtins(head_of(1).message())}
    there = path.format(channel=CHANNEL, store=STORE.hex())
    return await client.request(method, there, headers=dict(headers or {}), json=bodies.get(method))


async def until_status(
    client: httpx.AsyncClient, route: str, headers: Mapping[str, str], status: int
) -> httpx.Response:
    """Ask until it is answered with ``status``: what another process wrote takes a moment."""
    for _ in range(400):
        told = await ask(client, route, headers)
        if told.status_code == status:
            return told
        await asyncio.sleep(0.02)
    pytest.fail(f"it never answered {status}")


def test_the_table_of_scopes_is_the_codes() -> None:
    """A route that is new stands in the table, with what it wants, or is known to be open."""
    document = make_app(None, None, None, None).openapi_schema.to_schema()  # type: ignore[arg-type]
    wanted = {
        f"{method.upper()} {path}": [
            Scope(name) for one in route["security"] for name in one["token"]
        ]
        for path, ways in document["paths"].items()
        for method, route in ways.items()
        if route.get("security")
    }
    every = {
        f"{method.upper()} {path}" for path, ways in document["paths"].items() for method in ways
    }
    assert wanted == {route: [scope] for route, scope in SCOPES.items() if scope is not None}
    assert every - wanted.keys() == set(OPEN)


async def test_every_route_lets_in_by_its_scope_and_by_no_other(stage: Stage) -> None:
    """Each route with a token of each scope, and with none."""
    async with stage.tower(), client_of(stage) as client:
        shown = {scope: bearer(await token(stage, scope.value, [scope])) for scope in Scope}
        # The newest is the last to be known, and answered 403 from then on.
        await until_status(client, "GET /v1/status", shown[Scope.ADMIN], 200)
        await until_status(client, "GET /v1/status", shown[list(Scope)[-1]], 403)
        for route, wants in SCOPES.items():
            told = await ask(client, route)
            assert (told.status_code, told.json()["type"]) == (401, "token_missing"), route
            assert told.headers["www-authenticate"] == 'Bearer realm="watchtower"'
            for scope in Scope:
                told = await ask(client, route, shown[scope])
                if wants in (None, scope) or scope is Scope.ADMIN:
                    assert told.status_code in (200, 204, 404), (route, scope)
                    continue
                assert (told.status_code, told.json()["type"]) == (403, "scope_missing")
                assert told.headers["content-type"] == "application/problem+json"
                assert (
                    f'error="insufficient_scope", scope="{wants}"'
                    in (told.headers["www-authenticate"])
                )


async def test_nothing_that_is_served_is_open_by_mistake(stage: Stage) -> None:
    """Every method of every path, those that the framework adds among them."""
    nobody: Any = None
    pages = Dashboard(
        nobody,
        nobody,
        nobody,
        clock=time.time,
        steady=time.monotonic,
        listing=nobody,
        history=nobody,
    )
    app = make_app(nobody, nobody, nobody, nobody, dashboard=pages)
    ways = {(method, route.path) for route in app.routes for method in route.methods}
    async with stage.tower(), client_of(stage) as client:
        for method, path in sorted(ways):
            if path in {"/healthz", "/readyz"} or (method != "OPTIONS" and path in OPEN_PAGES):
                continue
            there = re.sub(r"\{[^}]*\}", CHANNEL, path)
            told = await client.request(method, there)
            assert (told.status_code, told.json()["type"]) == (401, "token_missing"), (method, path)


async def test_health_is_told_to_anybody(stage: Stage) -> None:
    """A load balancer has no token, and learns nothing that one is for."""
    async with stage.tower(), client_of(stage) as client:
        for route in OPEN:
            assert (await ask(client, route)).status_code == 200
            assert (await ask(client, route, bearer("nonsense"))).status_code == 200


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer xwt_0123456789abcdef_" + "A" * 43,
        "Bearer xwt_0123456789abcdef",
        "Bearer " + "x" * 10_000,
        "Bearer \xff\xfe",
        "bearer Bearer",
    ],
)
async def test_what_is_no_token_of_ours_is_turned_away(stage: Stage, shown: str) -> None:
    """Whatever stands in the header, the answer is the same, and does not repeat it."""
    async with stage.tower(), client_of(stage) as client:
        headers = {b"authorization": shown.encode("latin-1")}
        told = await client.get("/v1/channels", headers=headers)
    assert (told.status_code, told.json()["type"]) == (401, "token_invalid")
    assert told.headers["www-authenticate"] == 'Bearer realm="watchtower", error="invalid_token"'
    assert shown.removeprefix("Bearer ").strip() not in told.text


async def test_another_secret_under_a_true_name_is_turned_away(stage: Stage) -> None:
    """The public part finds the token, and the secret decides."""
    async with stage.tower(), client_of(stage) as client:
        good = await token(stage, "a", [Scope.READ])
        await until_status(client, "GET /v1/channels", bearer(good), 200)
        wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
        told = await ask(client, "GET /v1/channels", bearer(wrong))
        assert (told.status_code, told.json()["type"]) == (401, "token_invalid")
        twice = [("authorization", f"Bearer {good}"), ("authorization", f"Bearer {good}")]
        assert (await client.get("/v1/channels", headers=twice)).status_code == 401
        basic = {"authorization": f"Basic {good}"}
        told = await ask(client, "GET /v1/channels", basic)
        assert (told.status_code, told.json()["type"]) == (401, "token_missing")


async def test_a_token_is_obeyed_and_forgotten_while_the_daemon_runs(stage: Stage) -> None:
    """Made and revoked by another process; the next request knows."""
    async with stage.tower(), client_of(stage) as client:
        shown = bearer(await token(stage, "brief", [Scope.READ]))
        await until_status(client, "GET /v1/channels", shown, 200)
        async with stage.store() as store, store.write() as work:
            await work.tokens.revoke("brief")
        told = await until_status(client, "GET /v1/channels", shown, 401)
        assert told.json()["type"] == "token_invalid"


async def test_a_token_that_was_there_before_is_good_from_the_first_request_on(
    stage: Stage,
) -> None:
    """Nobody waits for the first look."""
    shown = bearer(await token(stage, "old", [Scope.READ]))
    async with stage.tower(), client_of(stage) as client:
        assert (await ask(client, "GET /v1/channels", shown)).status_code == 200


async def test_a_token_expires_while_the_daemon_runs(stage: Stage) -> None:
    """By the host's clock, without anybody looking at the store."""
    expires = int(time.time()) + 3
    shown = bearer(await token(stage, "brief", [Scope.READ], expires=expires))
    async with stage.tower(), client_of(stage) as client:
        told = await until_status(client, "GET /v1/channels", shown, 401)
    assert time.time() >= expires
    assert told.json()["type"] == "token_expired"


async def test_where_none_is_required_one_that_is_shown_is_looked_at(stage: Stage) -> None:
    """Whoever moves to a port that requires tokens has learnt in time that theirs are no good."""
    stage.with_settings(http=HttpSettings(listen=stage.settings.http.listen))
    async with stage.tower(), client_of(stage) as client:
        assert (await ask(client, "GET /v1/channels")).status_code == 200
        told = await ask(client, "GET /v1/channels", bearer("xwt_0123456789abcdef_" + "A" * 43))
        assert told.status_code == 401


async def test_claims_over_the_quota_are_kept_and_not_served(stage: Stage) -> None:
    """Keeping and serving are two answers (rule 8): what was promised is never lost."""
    channel = await stage.channel()
    shown = bearer(await token(stage, "few", [Scope.SUBMIT], quota=3))
    claims = [stage.claim(channel, drops * XRP) for drops in range(1, 7)]
    async with stage.tower(), client_of(stage) as client:
        asked = await client.post("/v1/claims/check", json=[wire(claims[0])] * 4, headers=shown)
        checked = [answer["reasons"] for answer in asked.json()]
        assert checked == [[], ["not_kept"], ["not_kept"], ["not_kept"]]
        told = await client.post(
            "/v1/claims", json=[wire(claim) for claim in claims[:5]], headers=shown
        )
        answers = told.json()
        assert [answer["kept"] for answer in answers] == [True] * 5
        assert [answer["reasons"] for answer in answers] == [[], [], [], ["quota"], ["quota"]]
        assert "quota" in answers[3]["why_not_serve"][0]
        told = await client.post("/v1/claims/check", json=wire(claims[5]), headers=shown)
        assert told.json()["reasons"] == ["quota"]
        await stage.close_request(channel)
        await stage.until_paid(channel, 5 * XRP)


async def test_a_quota_is_one_however_many_connections_share_it(stage: Stage) -> None:
    """Two racing callers do not both find the last place."""
    channels = [await stage.channel() for _ in range(6)]
    shown = bearer(await token(stage, "few", [Scope.SUBMIT], quota=3))
    async with stage.tower(), client_of(stage) as client:
        told = await asyncio.gather(
            *(
                client.post("/v1/claims", json=wire(stage.claim(channel, 9)), headers=shown)
                for channel in channels
            )
        )
    assert sorted(answer.json()["serve"] for answer in told) == [False] * 3 + [True] * 3


async def test_what_could_not_be_kept_is_not_counted(stage: Stage) -> None:
    """Whoever was told to try again does, and is served."""
    channel = await stage.channel()
    shown = bearer(await token(stage, "one", [Scope.SUBMIT], quota=1))
    async with stage.tower(), client_of(stage) as client:
        body = wire(stage.claim(channel, 9))
        async with stage.store() as other, other.write() as work:
            await work.cursor.get()  # which takes the lock
            told = await client.post("/v1/claims", json=body, headers=shown, timeout=30.0)
            assert told.status_code == 503
        told = await client.post("/v1/claims", json=body, headers=shown)
        assert told.json()["serve"] is True


async def test_no_token_is_ever_written_or_told(stage: Stage) -> None:
    """Good or wrong, neither the log, nor a problem, nor the files of the store hold it."""
    out = io.StringIO()
    logs.configure(level="debug", as_json=True, stream=out)
    async with stage.tower(), client_of(stage) as client:
        good = await token(stage, "good", [Scope.READ])
        told = [await until_status(client, "GET /v1/channels", bearer(good), 200)]
        wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
        told += [
            await ask(client, route, bearer(text)) for text in (good, wrong) for route in SCOPES
        ]
        told.append(await client.get(f"/v1/{good}", headers=bearer(good)))
    secret = good.split("_", 2)[2][:-1]  # which may hold an underscore itself
    for answer in told[:-1]:
        assert secret not in answer.text
        assert secret not in str(answer.headers)
    assert secret not in out.getvalue()
    for path in Path(stage.settings.store).parent.iterdir():
        if path.is_file():
            assert secret.encode() not in path.read_bytes()


async def test_a_flood_of_strangers_costs_no_look_at_the_store(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each is compared with one token, in constant time."""
    compared: list[tuple[bytes, bytes]] = []

    def counting(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare_digest(one, other)

    good = await token(stage, "good", [Scope.READ])
    async with stage.tower(), client_of(stage) as client:
        monkeypatch.setattr(gate_module, "compare_digest", counting)
        async with stage.store() as other, other.write() as work:
            await work.cursor.get()  # which takes the lock
            # Nobody can write, nor does anybody have to.
            told = await asyncio.gather(
                *(
                    ask(client, "POST /v1/claims", bearer(f"xwt_{n:016x}_{'A' * 43}"))
                    for n in range(200)
                )
            )
            assert {answer.status_code for answer in told} == {401}
            assert (await ask(client, "GET /v1/channels", bearer(good))).status_code == 200
    assert len(compared) == 201
    assert all(len(one) == len(other) == 32 for one, other in compared)


async def test_a_claim_of_a_stranger_is_not_even_read(stage: Stage) -> None:
    """What is turned away is turned away before its body is looked at."""
    channel = await stage.channel()
    shown = bearer(await token(stage, "reader", [Scope.READ]))
    async with stage.tower(), client_of(stage) as client:
        body = json.dumps(wire(stage.claim(channel, 9))).encode()
        for headers, status in (({}, 401), (shown, 403)):
            told = await client.post(
                "/v1/claims", content=body + b"garbage", headers={**headers, **JSON}
            )
            assert told.status_code == status
        found = await client.get(f"/v1/channels/{channel}", headers=shown)
        assert found.json()["best_claim"] is None


JSON: Mapping[str, str] = {"content-type": "application/json"}


async def test_a_line_of_the_journal_tells_who_was_let_in_since(stage: Stage) -> None:
    """Made and revoked, by name; nothing that opens anything."""
    text = await token(stage, "gone", [Scope.READ, Scope.SUBMIT], quota=7)
    async with stage.store() as store:
        async with store.write() as work:
            await work.tokens.revoke("gone")
        async with store.read() as work:
            entries = [each.entry for each in await work.journal.tail(2)]
    assert [(entry.kind, entry.facts["name"]) for entry in entries] == [
        ("token_added", "gone"),
        ("token_revoked", "gone"),
    ]
    told: Any = msgspec.to_builtins(entries)
    assert text.rpartition("_")[2] not in str(told)
