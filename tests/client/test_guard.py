"""Routes behind the guard: who is let in, who is told how to pay, and what an application sees."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar, get

from tests.client.test_tower import CHANNEL, PAYER, signed
from tests.client.towers import keep, listen, problem, teller, until_ready
from tests.merchant.reader import Reader, challenge_of, credential_for, unpack
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.client import TowerClient
from watchtower.client.guard import PaymentGuard
from watchtower.client.till import Till
from watchtower.sandbox.people import Person
from watchtower.units import Address, ChannelId, Drops

PRICE = Drops(1_000)
PAYEE = Person.named("a payee").address


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """An application as ASGI has it, without any framework."""
    assert scope["type"] == "http"
    body = b"Once upon a time"
    if scope["path"] == "/fails":
        raise RuntimeError("the press is broken")
    if scope["path"] == "/silent":
        return
    statuses = {"/broken": 500, "/missing": 404, "/moved": 302, "/unchanged": 304}
    status = statuses.get(scope["path"], 200)
    headers = [(b"content-length", str(len(body)).encode())]
    if scope["path"] == "/cached":
        headers.append((b"Cache-Control", b"max-age=60"))
    await receive()
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    """A till of this process's own."""
    made = Till(tmp_path / "till")
    yield made
    made.close()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose towers listen at a socket."""
    async with stage_on(tmp_path) as made:
        listen(made, tmp_path)
        yield made


def guarded(tower: TowerClient, till: Till, app: Any = plain, **more: Any) -> PaymentGuard:
    """An application behind the guard."""
    return PaymentGuard(app, tower=tower, till=till, **{"recipient": PAYEE, "price": PRICE, **more})


def client_of(app: PaymentGuard) -> httpx.AsyncClient:
    """A client of an application in this process."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://shop")


@asynccontextmanager
async def open_shop(
    stage: Stage, till: Till, app: Any = plain, **more: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a shop that has a real tower."""
    async with stage.tower(), TowerClient(stage.settings.http.listen) as tower:
        await until_ready(stage, tower)
        async with client_of(guarded(tower, till, app, **more)) as client:
            yield client


def shown(
    best: int | None = None, destination: str = PAYEE, person: Person = PAYER
) -> dict[str, Any]:
    """A channel as the tower tells it."""
    return {
        "channel": CHANNEL,
        "source": person.address,
        "destination": destination,
        "amount": 100 * XRP,
        "balance": 0,
        "settle_delay": 3600,
        "public_key": person.public_key,
        "phase": "open",
        "best_claim": best,
    }


def tower_that_says(claims: Callable[[Any], Any], **channel: Any) -> Callable[[Any], Any]:
    """A tower that knows one channel, and answers claims in its own way."""

    def answer(request: Any) -> Any:
        if request[0] == "GET":
            return 200, {}, msgspec.json.encode(shown(**channel))
        return claims(request)

    return answer


@asynccontextmanager
async def shop_with(
    till: Till, claims: Callable[[Any], Any], *, queue: Path | None = None, **channel: Any
) -> AsyncIterator[Reader]:
    """A reader of a shop whose tower says what it is told to."""
    async with (
        teller(tower_that_says(claims, **channel)) as found,
        TowerClient(found.place, queue=queue, patience=0.0) as tower,
        client_of(guarded(tower, till)) as client,
    ):
        yield Reader(client, PAYER, CHANNEL)


def served(till: Till) -> int:
    """What the till says was served."""
    tab = till.find(CHANNEL)
    return 0 if tab is None else tab.served


@pytest.mark.parametrize("kind", ["plain", "litestar"])
async def test_reader_pays_article_by_article(stage: Stage, till: Till, kind: str) -> None:
    """Any ASGI application: 402 with how to pay, 200 with a receipt, and the claim is kept."""

    @get("/article")
    async def article() -> str:
        return "Once upon a time"

    app = plain if kind == "plain" else Litestar([article], logging_config=None)
    channel = await stage.channel()
    async with open_shop(stage, till, app) as client:
        asked = await client.get("/article")
        assert asked.status_code == 402
        assert asked.headers["cache-control"] == "no-store"
        assert asked.headers["content-type"] == "application/problem+json"
        assert asked.json()["pay"] == {"recipient": PAYEE, "price": "1000", "network": "mainnet"}
        reader = Reader(client, stage.payer, channel)
        for number in (1, 2, 3):
            told = await reader.read()
            assert (told.status_code, told.text) == (200, "Once upon a time")
            assert unpack(told.headers["payment-receipt"])["cumulative"] == str(number * PRICE)
            assert told.headers["cache-control"] == "private"
    async with stage.store() as store, store.read() as work:
        best = await work.claims.best(channel)
    assert best is not None
    assert best.amount == 3 * PRICE


async def test_same_claim_is_served_once(stage: Stage, till: Till) -> None:
    """Shown again, at once or later, it buys nothing."""
    channel = await stage.channel()
    async with open_shop(stage, till) as client:
        reader = Reader(client, stage.payer, channel)
        await reader.read()
        again = {"authorization": reader.credentials[0]}
        told = await asyncio.gather(*(client.get("/article", headers=again) for _ in range(5)))
    assert {one.status_code for one in told} == {402}
    assert {tuple(one.json()["reasons"]) for one in told} == {("not_above_best",)}


async def test_claim_that_rises_too_little_is_kept_and_not_served(stage: Stage, till: Till) -> None:
    """One drop below the price; what it added is credit, and the rest of it is asked for."""
    channel = await stage.channel()
    async with open_shop(stage, till) as client:
        reader = Reader(client, stage.payer, channel)
        await reader.read()
        short = await reader.read(drops=2 * PRICE - 1)
        assert short.status_code == 402
        assert short.json()["type"].endswith("/payment-insufficient")
        assert short.json()["reasons"] == ["underpaid"]
        assert (await reader.answer(short)).status_code == 200
        assert reader.signed == 2 * PRICE


async def test_credit_is_served_for_a_drop_each(stage: Stage, till: Till) -> None:
    """A reader that promised more than the price gets it all, and no article more."""
    channel = await stage.channel()
    async with open_shop(stage, till) as client:
        reader = Reader(client, stage.payer, channel)
        assert (await reader.read(drops=3 * PRICE)).status_code == 200
        for more in (1, 2):
            assert (await reader.read(drops=3 * PRICE + more)).status_code == 200
        assert (await reader.read(drops=3 * PRICE + 3)).status_code == 402
    assert reader.served == 3 * PRICE


async def test_reader_of_a_failure_pays_one_drop_more_and_not_twice(
    stage: Stage, till: Till
) -> None:
    """Its claim was kept and not served for: it cannot be shown again, and is credit."""
    failures = ["once"]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await plain({**scope, "path": "/broken"} if failures else scope, receive, send)
        failures.clear()

    channel = await stage.channel()
    async with open_shop(stage, till, app) as client:
        reader = Reader(client, stage.payer, channel)
        assert (await reader.read()).status_code == 500
        again = await reader.read(drops=PRICE)
        assert (again.status_code, again.json()["reasons"]) == (402, ["not_above_best"])
        assert (await reader.answer(again)).status_code == 200
    assert reader.signed == PRICE + 1


async def test_claims_of_before_buy_nothing(stage: Stage, till: Till) -> None:
    """A till that is new, or was lost, takes all that was promised as served."""
    channel = await stage.channel()
    await stage.keep(channel, 10 * PRICE)
    async with open_shop(stage, till) as client:
        reader = Reader(client, stage.payer, channel)
        told = await reader.read(drops=10 * PRICE + 1)
        assert (told.status_code, told.json()["reasons"]) == (402, ["underpaid"])
        assert (await reader.answer(told)).status_code == 200
        assert reader.signed == 11 * PRICE


async def test_what_the_tower_refuses_is_not_served(stage: Stage, till: Till) -> None:
    """Each with its reason, and the problem type that the draft has for it."""
    channel, small = await stage.channel(), await stage.channel(drops=10)
    short = await stage.channel(settle_delay=60)
    expected = {
        small: ("beyond_funds", "session/amount-exceeds-deposit"),
        short: ("unprotectable", "verification-failed"),
        ChannelId("AB" * 32): ("unknown_channel", "session/channel-not-found"),
    }
    async with open_shop(stage, till) as client:
        for name, (reason, kind) in expected.items():
            told = await Reader(client, stage.payer, name).read()
            assert told.status_code == 402
            assert told.json()["reasons"][0] == reason
            assert told.json()["type"] == f"https://paymentauth.org/problems/{kind}"
        thief = Reader(client, Person.named("a thief"), channel)
        told = await thief.read()
        assert told.json()["reasons"] == ["bad_signature"]
        assert told.json()["channel"] is None
        asked = unpack(challenge_of(told.headers["www-authenticate"])["request"])
        assert asked["methodDetails"] == {"network": "mainnet"}


async def test_channel_that_pays_somebody_else_is_not_served(stage: Stage, till: Till) -> None:
    """Also where the tower guards that account, too: it is not this merchant's."""
    channel = await stage.channel()
    async with open_shop(stage, till, recipient=Address("r" * 30)) as client:
        told = await Reader(client, stage.payer, channel).read()
    assert told.json()["reasons"] == ["wrong_destination"]


@pytest.mark.parametrize(
    "says",
    [
        {"serve": False},
        {"serve": None},
        {"kept": False, "why_not_kept": "not_above_best"},
        {"kept": False, "pending": True, "serve": False},
        {"kept": False},
    ],
)
async def test_both_answers_have_to_be_yes(till: Till, says: dict[str, Any]) -> None:
    """Kept alone is not enough, nor is serve, nor is a claim that was kept before."""
    async with shop_with(till, keep(**says)) as reader:
        told = await reader.read()
    assert told.status_code == 402
    assert served(till) == 0


@pytest.mark.parametrize(("reason", "passes"), [("ledger_stale", True), ("closing", False)])
async def test_reason_that_passes_says_when_to_come_again(
    till: Till,
    reason: str,
    passes: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A reader's program waits where waiting helps, and only there."""
    async with shop_with(till, keep(serve=False, reasons=[reason])) as reader:
        told = await reader.read()
    assert told.json()["reasons"] == [reason]
    assert ("retry-after" in told.headers) == passes


@pytest.mark.parametrize("queue", [True, False])
async def test_nothing_is_served_while_nobody_can_tell(
    till: Till,
    tmp_path: Path,
    queue: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """503 and Retry-After; the claim is in the queue, if there is one, and nothing is charged."""
    path = tmp_path / "q" if queue else None
    async with shop_with(till, lambda _: problem(503, "stopping"), queue=path) as reader:
        told = await reader.read()
        assert (told.status_code, told.headers["retry-after"]) == (503, "2")
        assert "www-authenticate" not in told.headers
    assert served(till) == 0


async def test_channel_that_nobody_can_tell_of_begins_nothing(till: Till) -> None:
    """Begun with a guess, it would owe a reader too much or the merchant too little."""
    async with (
        teller(problem(503, "stopping")) as found,
        TowerClient(found.place, patience=0.0) as tower,
        client_of(guarded(tower, till)) as client,
    ):
        assert (await Reader(client, PAYER, CHANNEL).read()).status_code == 503
    assert till.find(CHANNEL) is None


async def test_till_that_cannot_be_written_serves_nothing(till: Till) -> None:
    """What was not charged on disk could be served again."""
    async with shop_with(till, keep()) as reader:
        assert (await reader.read()).status_code == 200
        till.close()
        assert (await reader.read()).status_code == 503


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/fails", 500),
        ("/broken", 500),
        ("/missing", 404),
        ("/moved", 302),
        ("/unchanged", 304),
        ("/silent", None),
    ],
)
async def test_what_was_not_delivered_is_not_charged(
    till: Till, path: str, status: int | None
) -> None:
    """Nothing was delivered: the reader's claim is credit, and there is no receipt."""
    async with shop_with(till, keep()) as reader:
        try:
            told = await reader.read(path)
        except AssertionError:  # the transport's own word for an application that says nothing
            assert status is None
        else:
            assert told.status_code == status
            assert "payment-receipt" not in told.headers
    assert served(till) == 0


async def test_headers_of_the_application_stay(till: Till) -> None:
    """It knows better how long its answer may be kept."""
    async with shop_with(till, keep()) as reader:
        told = await reader.read("/cached")
    assert told.headers["cache-control"] == "max-age=60"


async def test_charge_is_on_disk_before_the_application_is_asked(till: Till) -> None:
    """Killed while it serves, a merchant does not serve again for the same."""
    seen: list[int] = []

    async def looks(scope: Any, receive: Any, send: Any) -> None:
        seen.append(served(till))
        await plain(scope, receive, send)

    async with (
        teller(tower_that_says(keep())) as found,
        TowerClient(found.place) as tower,
        client_of(guarded(tower, till, looks)) as client,
    ):
        await Reader(client, PAYER, CHANNEL).read()
    assert seen == [PRICE]


async def test_price_may_depend_on_what_is_asked_for(till: Till) -> None:
    """Free, cheap and dear; a challenge for the cheap one does not open the dear one."""
    prices = {"/": None, "/cheap": Drops(1), "/dear": Drops(1_000)}
    async with (
        teller(tower_that_says(keep())) as found,
        TowerClient(found.place) as tower,
        client_of(guarded(tower, till, price=lambda scope: prices[scope["path"]])) as client,
    ):
        assert (await client.get("/")).status_code == 200
        reader = Reader(client, PAYER, CHANNEL)
        cheap = challenge_of((await client.get("/cheap")).headers["www-authenticate"])
        told = await reader.pay("/dear", cheap, 5_000, 1_000)
        assert told.json()["type"].endswith("/invalid-challenge")
        assert (await reader.pay("/cheap", cheap, 5_000, 1)).status_code == 200
    assert served(till) == 1


def test_what_cannot_be_right_is_refused_at_once(till: Till) -> None:
    """A price of nothing, and a realm that would break out of its quotes."""
    tower = TowerClient("unix:/nowhere")
    for wrong in ({"price": Drops(0)}, {"price": Drops(-1)}, {"realm": 'a", x="'}, {"realm": ""}):
        with pytest.raises(ValueError, match="has to be"):
            guarded(tower, till, **wrong)


async def test_session_that_knows_its_channel_is_told_where_it_stands(till: Till) -> None:
    """A stock client adds the price to what the challenge says, and is right at once."""
    async with (
        teller(tower_that_says(keep())) as found,
        TowerClient(found.place) as tower,
        client_of(guarded(tower, till, channel_of=lambda _: CHANNEL)) as client,
    ):
        reader = Reader(client, PAYER, CHANNEL)
        for number in range(1, 4):
            assert (await reader.answer(await client.get("/article"))).status_code == 200
            assert reader.signed == number * PRICE


async def test_stranger_is_not_told_what_a_channel_promised(till: Till) -> None:
    """What a reader spends is nobody's business; only its own signature gets it told."""
    async with shop_with(till, keep()) as reader:
        await reader.read()
        asked = await reader.client.get("/article")
        assert (
            "cumulativeAmount"
            not in unpack(challenge_of(asked.headers["www-authenticate"])["request"])[
                "methodDetails"
            ]
        )


async def test_two_credentials_at_once_are_none(till: Till) -> None:
    """Whoever is in front of us may have looked at the other one."""
    async with shop_with(till, keep()) as reader:
        challenge = challenge_of((await reader.client.get("/a")).headers["www-authenticate"])
        both = [
            ("authorization", credential_for(challenge, PAYER, CHANNEL, drops))
            for drops in (1_000, 2_000)
        ]
        assert (await reader.client.get("/a", headers=both)).status_code == 402
    assert served(till) == 0


async def test_websockets_do_not_come_around_the_guard(till: Till) -> None:
    """What has a price is not served by another door; what is free is."""
    sent: list[Any] = []
    reached: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        reached.append(scope["type"])

    async def send(message: Any) -> None:
        sent.append(message["type"])

    guard = guarded(TowerClient("unix:/nowhere"), till, app)
    await guard({"type": "websocket", "path": "/", "headers": []}, None, send)  # type: ignore[arg-type]
    await guard({"type": "lifespan"}, None, send)  # type: ignore[arg-type]
    assert (sent, reached) == (["websocket.close"], ["lifespan"])


async def test_log_tells_no_claims(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads logs must not be able to show somebody else's claim."""
    caplog.set_level(logging.DEBUG)
    async with shop_with(till, lambda _: problem(503, "stopping")) as reader:
        await reader.read()
    signature = signed(int(PRICE)).signature
    assert signature not in "".join(str(record.__dict__) for record in caplog.records)
