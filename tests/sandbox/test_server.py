"""The sandbox as a whole: where it listens, how time passes, and how it misbehaves."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from watchtower.errors import UnreachableError
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


async def test_a_second_server_beside_serves_the_same_ledger(
    sandbox: Sandbox, hand: Hand, source: Person
) -> None:
    """Only one of them closes ledgers, and both tell of it."""
    async with Sandbox(beside=sandbox) as other, Hand(other.url) as there:
        await hand.submit({"TransactionType": "AccountSet"}, source)
        index = await sandbox.accept()

        assert other.ledger_index == index
        assert other.network is sandbox.network
        found = await there.request("ledger", ledger_index=index)
        assert found["ledger_hash"] == (await hand.request("ledger_closed"))["ledger_hash"]
        told = await there.submit({"TransactionType": "AccountSet"}, source)
        await sandbox.accept()
        assert (await hand.request("tx", transaction=told["tx_json"]["hash"]))["validated"]


async def test_a_server_that_ticks_moves_the_one_beside_it() -> None:
    """Which has no clock of its own, whatever it was given: two would make time run double."""
    async with (
        Sandbox(clock=Clock.FAST) as first,
        Sandbox(clock=Clock.FAST, beside=first) as other,
        connect(other.url) as client,
    ):
        await client.send('{"command": "subscribe", "streams": ["ledger"], "id": 1}')
        async with asyncio.timeout(_PATIENCE):
            while other.ledger_index < 6:
                await client.recv()

        assert [task.get_name() for task in asyncio.all_tasks()].count("ledgers") == 1
        assert first.close_time - _NEW_YEAR == 4 * (first.ledger_index - 2)


async def test_each_server_misbehaves_by_itself(sandbox: Sandbox) -> None:
    """One hangs and is behind, the other answers; told over the wire to go on, it does."""
    async with (
        Sandbox(beside=sandbox) as other,
        Hand(sandbox.url) as hand,
        Hand(other.url) as there,
    ):
        await sandbox.advance(5)
        other.misbehave(behind=2, hang=True)
        asked = asyncio.create_task(there.request("ledger_closed"))
        assert (await hand.request("ledger_closed"))["ledger_index"] == 7
        assert not asked.done()

        await hand.request("misbehave", server=1, hang=False)
        async with asyncio.timeout(_PATIENCE):
            assert (await asked)["ledger_index"] == 5


async def test_a_hanging_server_does_not_even_answer_pings(sandbox: Sandbox) -> None:
    """To a client it is as dead as a machine without power."""
    async with Sandbox() as other, connect(sandbox.url) as client, Hand(other.url) as hand:
        sandbox.hang()
        pong = asyncio.ensure_future(await client.ping())
        for _ in range(50):
            await hand.request("ping")
        assert not pong.done()

        sandbox.resume()
        async with asyncio.timeout(_PATIENCE):
            await pong


async def test_a_hang_of_a_moment_ends_by_itself(sandbox: Sandbox) -> None:
    """New connections wait for its end as well."""
    async with Hand(sandbox.url) as hand:
        sandbox.misbehave(hang=0.05)
        async with asyncio.timeout(_PATIENCE):
            async with connect(sandbox.url) as late:
                await late.send('{"command": "ping"}')
                assert '"success"' in str(await late.recv())
            assert await hand.request("ping") == {}


async def test_a_lagging_server_is_late_and_loses_nothing(sandbox: Sandbox) -> None:
    """What was told before it is cut off is lost, as in a cable."""
    async with Hand(sandbox.url) as hand:
        sandbox.misbehave(lag=0.02)
        async with asyncio.timeout(_PATIENCE):
            told = await asyncio.gather(*(hand.request("ledger_closed") for _ in range(20)))
        assert [answer["ledger_index"] for answer in told] == [2] * 20

        sandbox.misbehave(lag=3600)
        asked = asyncio.create_task(hand.request("ping"))
        async with connect(sandbox.url) as other:
            sandbox.cut()
            with pytest.raises(ConnectionClosed):
                await other.recv()
        with pytest.raises(UnreachableError):
            await asked


async def test_forgotten_spans_are_holes(sandbox: Sandbox, hand: Hand) -> None:
    """And what comes after is held."""
    await sandbox.advance(10)
    sandbox.forget(4, 6)

    info = await hand.request("server_info")
    assert info["info"]["complete_ledgers"] == f"2-3,7-{sandbox.ledger_index}"


async def test_what_is_no_misbehaviour_is_refused(sandbox: Sandbox) -> None:
    """In a sentence, and nothing has changed."""
    with pytest.raises(ValueError, match="unknown field `slowness`"):
        sandbox.misbehave(hang=True, slowness=3)

    assert not sandbox.node.misbehaviour.hang
