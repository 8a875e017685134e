"""All servers at once: transactions to everybody, the best of what they tell, and one look."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchtower.errors import AnswerError, RequestRefusedError, UnreachableError, WrongNetworkError
from watchtower.ledger.events import ChannelChanged, ChannelMissing
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.servers import Fees, Servers
from watchtower.units import Address, ChannelId, Drops

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
QUICK = LinkSettings(request_timeout=1.0, backoff_first=0.02, backoff_most=0.1, close_timeout=0.2)

Start = Callable[..., Awaitable[Any]]
BothReady = Callable[[Servers], Awaitable[None]]
WaitUntil = Callable[[Callable[[], object]], Awaitable[None]]


async def test_nobody_there_is_said_with_the_reason() -> None:
    """One sentence with every address and why."""
    url = "ws://127.0.0.1:9"
    with pytest.raises(UnreachableError) as caught:
        async with Servers.connected([url], 5):
            pass

    assert url in str(caught.value)
    assert "refused" in str(caught.value) or "Connect" in str(caught.value)


async def test_only_foreign_servers_is_a_wrong_network(start: Start) -> None:
    """A store pinned to one network is not used with servers of another."""
    server = await start(network_id=1)
    with pytest.raises(WrongNetworkError):
        async with Servers.connected([server.url], network_id=0, settings=QUICK):
            pass


async def test_a_transaction_goes_to_every_server(start: Start, both_ready: BothReady) -> None:
    """One answer each; a server that refuses or is down costs only its own."""
    good, bad, down = await start(), await start(), await start()
    bad.refuse["submit"] = {"error": "highFee", "error_message": "Too dear."}
    await down.stop()
    servers = Servers([good.url, bad.url, down.url], settings=QUICK)
    async with servers:
        await both_ready(servers)
        answers = {answer.server: answer for answer in await servers.submit("AB")}

    assert answers[good.url].engine_result == "tesSUCCESS"
    assert answers[good.url].open_ledger_cost == 10
    assert answers[good.url].validated_ledger_index == 10
    assert answers[bad.url].engine_result is None
    assert "highFee" in answers[bad.url].message
    assert answers[down.url].engine_result is None
    assert [request["tx_blob"] for request in good.requests if "tx_blob" in request] == ["AB"]


async def test_every_sequence_that_was_told_is_told_on_the_highest_first(
    start: Start, both_ready: BothReady
) -> None:
    """A server that lags would have us repeat a sequence."""
    slow, fresh = await start(), await start()
    fresh.answers["account_info"] = {"result": {"account_data": {"Sequence": 9, "Balance": "1"}}}
    servers = Servers([slow.url, fresh.url], settings=QUICK)
    async with servers:
        await both_ready(servers)
        assert await servers.account_sequences(PAYEE) == (9, 7)


async def test_one_server_of_three_that_lies_about_the_fee_is_not_paid(
    start: Start, wait_until: Any
) -> None:
    """Neither a price that empties the purse nor one that never gets in."""
    liar, *honest = [await start() for _ in range(3)]
    for lie in ("1", "90000000"):
        liar.answers["fee"] = {"result": {"drops": {"base_fee": "1", "open_ledger_fee": lie}}}
        async with Servers([s.url for s in (liar, *honest)], settings=QUICK) as servers:
            await wait_until(lambda servers=servers: len(servers.ready()) == 3)
            assert await servers.fee() == Fees(base_fee=Drops(10), open_ledger_fee=Drops(12))


async def test_one_unreadable_answer_does_not_spoil_the_others(
    start: Start, both_ready: BothReady
) -> None:
    """A malformed fee of one server leaves the other's."""
    server, odd = await start(), await start()
    odd.answers["fee"] = {"result": {"drops": {"base_fee": "lots"}}}
    servers = Servers([server.url, odd.url], settings=QUICK)
    async with servers:
        await both_ready(servers)
        assert await servers.fee() == Fees(base_fee=Drops(10), open_ledger_fee=Drops(12))


async def test_an_account_that_is_not_there(start: Start) -> None:
    """A missing account is an answer, and no failure of the server."""
    server = await start()
    async with Servers.connected([server.url], settings=QUICK) as servers:
        assert await servers.account_exists(PAYEE)
        server.refuse["account_info"] = {"error": "actNotFound", "error_message": "Not found."}
        assert not await servers.account_exists(PAYEE)


async def test_a_channel_is_missing_only_if_no_server_has_it(
    chain: Any, start: Start, both_ready: BothReady
) -> None:
    """One server's "entryNotFound" must not end the guard of a channel."""
    channel = chain.open(1)
    wrong, right = await start(), await start()
    wrong.refuse["ledger_entry"] = {"error": "entryNotFound"}
    servers = Servers([wrong.url, right.url], settings=QUICK)
    async with servers:
        await both_ready(servers)
        fact = await servers.read_channel(ChannelId(channel))

    assert isinstance(fact, ChannelChanged)


@pytest.mark.parametrize("behind", [1, 20])
async def test_a_server_a_little_behind_that_has_the_channel_leaves_it_open_whether_it_is_gone(
    chain: Any, start: Start, both_ready: BothReady, behind: int
) -> None:
    """One that is stuck far behind knows nothing of what happened since, and is not believed."""
    await chain.close(30)
    channel = chain.open(1)
    wrong, right = await start(), await start(behind=behind)
    wrong.refuse["ledger_entry"] = {"error": "entryNotFound"}
    async with Servers([wrong.url, right.url], settings=QUICK) as servers:
        await both_ready(servers)
        if behind == 1:
            with pytest.raises(AnswerError, match="is behind"):
                await servers.read_channel(ChannelId(channel))
        else:
            assert isinstance(await servers.read_channel(ChannelId(channel)), ChannelMissing)


async def test_when_no_server_answers_well_the_reason_is_told(
    start: Start, both_ready: BothReady
) -> None:
    """A refusal says more than a timeout."""
    refusing, hanging = await start(), await start(hang={"account_info"})
    refusing.refuse["account_info"] = {"error": "tooBusy", "error_message": "Busy."}
    settings = LinkSettings(request_timeout=0.2, close_timeout=0.2)
    async with Servers([hanging.url, refusing.url], settings=settings) as servers:
        await both_ready(servers)
        with pytest.raises(RequestRefusedError, match="tooBusy"):
            await servers.account_sequences(PAYEE)
        with pytest.raises(RequestRefusedError, match="tooBusy"):
            await servers.account_exists(PAYEE)


async def test_a_question_waits_a_moment_for_a_server_that_comes_back(
    start: Start, wait_until: WaitUntil
) -> None:
    """A reconnect takes a fraction of a second, and is no reason to give up."""
    server = await start()
    async with Servers([server.url], settings=QUICK) as servers:
        assert servers.ready() == []
        assert (await servers.fee()).base_fee == 10
        await server.stop()
        await wait_until(lambda: not servers.ready())
        question = asyncio.create_task(servers.fee())
        await server.restart()
        assert (await question).base_fee == 10


async def test_without_any_server_a_question_ends_soon(start: Start) -> None:
    """Patience has an end; a submission then says so for each server."""
    server = await start()
    await server.stop()
    settings = LinkSettings(patience=0.1)
    async with Servers([server.url], settings=settings) as servers:
        with pytest.raises(UnreachableError, match=server.url):
            await servers.fee()
        with pytest.raises(UnreachableError, match=server.url):
            await servers.ask("fee")
        [answer] = await servers.submit("AB")

    assert answer.engine_result is None
    assert server.url in answer.message


async def test_a_defect_of_ours_is_loud(start: Start) -> None:
    """What should never happen ends the context with its own exception."""
    server = await start()
    odd = LinkSettings(request_timeout="soon", patience=0.1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        async with Servers([server.url], settings=odd) as servers:
            await servers.settle()
