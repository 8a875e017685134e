"""The sandbox as a whole: where it listens, how time passes, and how it misbehaves."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox

_PATIENCE = 30.0
_NEW_YEAR = 820_540_800


async def test_frozen_begins_with_ledger_2_at_new_year_and_goes_by_seconds(
    sandbox: Sandbox,
) -> None:
    """As the recordings of the real server do."""
    assert (sandbox.ledger_index, sandbox.close_time) == (2, _NEW_YEAR)

    assert await sandbox.accept() == 3
    assert sandbox.close_time == _NEW_YEAR + 1


async def test_advance_closes_every_second_in_between(sandbox: Sandbox) -> None:
    """An hour is 3600 ledgers, none left out."""
    last = await sandbox.advance(3600)

    assert (last, sandbox.close_time) == (3602, _NEW_YEAR + 3600)


async def test_fast_ledgers_come_by_themselves_four_seconds_apart() -> None:
    """Nobody asks for them."""
    async with Sandbox(clock=Clock.FAST) as sandbox, connect(sandbox.url) as client:
        await client.send('{"command": "subscribe", "streams": ["ledger"], "id": 1}')
        async with asyncio.timeout(_PATIENCE):
            while sandbox.ledger_index < 6:
                await client.recv()

        since_start = sandbox.close_time - _NEW_YEAR
        assert since_start == 4 * (sandbox.ledger_index - 2)


async def test_a_payment_on_a_fast_clock_is_validated_without_a_push(
    source: Person, destination: Person
) -> None:
    """The hand waits for the ledger instead of closing it."""
    async with Sandbox(clock=Clock.FAST) as sandbox, Hand(sandbox.url) as hand:
        async with asyncio.timeout(_PATIENCE):
            await hand.fund(source, destination)

        found = await hand.request("account_info", account=source.address)
        assert found["account_data"]["Balance"] == "10000000000"


async def test_it_listens_on_loopback_only(sandbox: Sandbox) -> None:
    """The genesis account's seed is public: nobody else on the network may come in."""
    assert sandbox.url.startswith("ws://127.0.0.1:")


async def test_cut_ends_every_connection_and_lets_new_ones_in(sandbox: Sandbox) -> None:
    """Like a cable that is pulled and put back."""
    async with connect(sandbox.url) as client:
        sandbox.cut()
        with pytest.raises(ConnectionClosed):
            await client.recv()

    async with connect(sandbox.url) as client:
        await client.send('{"command": "ping"}')
        assert '"success"' in str(await client.recv())


async def test_a_hanging_server_answers_only_after_it_resumes(sandbox: Sandbox) -> None:
    """And then everything that was asked, in order."""
    async with Hand(sandbox.url) as hand:
        sandbox.hang()
        asked = asyncio.create_task(hand.request("ledger_current"))
        await sandbox.accept()
        assert not asked.done()

        sandbox.resume()
        async with asyncio.timeout(_PATIENCE):
            assert await asked == {"ledger_current_index": 4}


async def test_refused_connections_are_refused_until_they_are_not(sandbox: Sandbox) -> None:
    """A full or stopping server."""
    sandbox.refuse_connections(refuse=True)
    with pytest.raises(InvalidStatus):
        await connect(sandbox.url)

    sandbox.refuse_connections(refuse=False)
    async with connect(sandbox.url):
        pass


async def test_forgotten_ledgers_are_gone_from_everywhere(
    sandbox: Sandbox, hand: Hand, source: Person
) -> None:
    """From the range, the ledgers, the transactions, and the account's history."""
    history = await hand.request("account_tx", account=source.address)
    funded = history["transactions"][0]["tx"]["hash"]
    await sandbox.advance(10)

    sandbox.forget_before(8)

    info = await hand.request("server_info")
    assert info["info"]["complete_ledgers"] == f"8-{sandbox.ledger_index}"
    assert (await hand.request("ledger", ledger_index=7))["error"] == "lgrNotFound"
    assert (await hand.request("tx", transaction=funded))["error"] == "txnNotFound"
    history = await hand.request("account_tx", account=source.address)
    assert (history["ledger_index_min"], history["transactions"]) == (8, [])


async def test_a_refused_submission_changes_nothing(
    sandbox: Sandbox, hand: Hand, source: Person
) -> None:
    """And the one after is taken."""
    sandbox.refuse_submissions(1, "telCAN_NOT_QUEUE_FULL")

    told = await hand.submit({"TransactionType": "AccountSet"}, source)
    assert (told["engine_result"], told["applied"]) == ("telCAN_NOT_QUEUE_FULL", False)

    await sandbox.accept()
    assert (await hand.request("tx", transaction=told["tx_json"]["hash"]))["error"] == "txnNotFound"
    assert (await hand.submit({"TransactionType": "AccountSet"}, source))["applied"]


async def test_a_swallowed_submission_says_success_and_never_happens(
    sandbox: Sandbox, hand: Hand, source: Person
) -> None:
    """What a tower must not believe."""
    sandbox.swallow_submissions(1)

    told = await hand.submit({"TransactionType": "AccountSet"}, source)
    assert (told["engine_result"], told["applied"]) == ("tesSUCCESS", True)

    await sandbox.advance(10)
    assert (await hand.request("tx", transaction=told["tx_json"]["hash"]))["error"] == "txnNotFound"
