"""The stream over a real socket: claims, answers, and what happens, told when it is known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.interfaces.streams import ask, heard, stream_of
from tests.interfaces.test_http import client_of, wire
from tests.tower.conftest import XRP, Stage
from watchtower.units import ChannelId


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
