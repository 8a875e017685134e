"""Reading what two servers say, where one of them may lie."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.ledger.scripted import PAYEE
from watchtower.errors import AnswerError
from watchtower.ledger import second_opinion
from watchtower.ledger.events import AccountChanged, ChannelChanged
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.servers import Servers
from watchtower.units import Address, ChannelId

Start = Callable[..., Awaitable[Any]]
QUICK = LinkSettings(request_timeout=1.0, close_timeout=0.2)
PATIENT = LinkSettings(request_timeout=3_600, silence=3_600, close_timeout=0.2)


async def _ready(servers: Servers, wait_until: Any, count: int) -> None:
    await wait_until(lambda: len(servers.ready()) == count)


def _forged(chain: Any, channel: str, **fields: object) -> dict[str, Any]:
    """An entry with false fields, in the newest ledger."""
    node = {**chain.channels[channel], **fields}
    return {"result": {"node": node, "ledger_index": chain.index, "validated": True}}


async def test_close_request_that_one_server_hides_is_read_from_another(
    chain: Any, start: Start, wait_until: Any
) -> None:
    """With two servers nobody knows who lies, and the tower acts on the threat."""
    channel = chain.open(1)
    hiding, honest = await start(), await start()
    hiding.answers["ledger_entry"] = _forged(chain, channel)
    chain.channels[channel]["Expiration"] = 900_000_000
    async with Servers([hiding.url, honest.url], settings=QUICK) as servers:
        await _ready(servers, wait_until, 2)
        fact = await servers.read_channel(ChannelId(channel))
        assert isinstance(fact, ChannelChanged)
        assert fact.entry.expiration == 900_000_000


async def test_channel_that_servers_contradict_each_other_about_is_not_vouched_for(
    chain: Any, start: Start, wait_until: Any
) -> None:
    """A publisher who serves against an invented channel is never paid."""
    channel = chain.open(1)
    inventing, honest = await start(), await start()
    inventing.answers["ledger_entry"] = _forged(chain, channel, Amount="1000000000")
    async with Servers([inventing.url, honest.url], settings=QUICK) as servers:
        await _ready(servers, wait_until, 2)
        with pytest.raises(AnswerError, match="contradict each other"):
            await servers.read_channel(ChannelId(channel), vouched=True)


async def test_liar_among_three_is_outvoted_and_asked_last_with_the_reason_told(
    chain: Any, start: Start, wait_until: Any
) -> None:
    """The reason stands in the status, and the first to be asked is another one."""
    channel = chain.open(1)
    liar, *honest = [await start() for _ in range(3)]
    liar.answers["ledger_entry"] = _forged(chain, channel, Balance="999")
    async with Servers([s.url for s in (liar, *honest)], settings=QUICK) as servers:
        await _ready(servers, wait_until, 3)
        assert servers.ready()[0].url == liar.url
        fact = await servers.read_channel(ChannelId(channel), vouched=True)
        assert isinstance(fact, ChannelChanged)
        assert fact.entry.balance == 0
        assert servers.ready()[-1].url == liar.url
        (state,) = [state for state in servers.states() if state.rank]
    assert state.server == liar.url
    assert state.why == "it contradicted what other servers said of a ledger"


async def test_channel_that_one_server_leaves_out_of_its_list_is_found(
    chain: Any, start: Start, wait_until: Any
) -> None:
    """A channel that nobody knows of is a claim that nobody redeems."""
    channel = chain.open(1)
    hiding, honest = await start(), await start()
    hiding.answers["account_objects"] = {
        "result": {"account_objects": [], "ledger_index": chain.index, "validated": True}
    }
    async with Servers([hiding.url, honest.url], settings=QUICK) as servers:
        await _ready(servers, wait_until, 2)
        found = await servers.find_channels(Address(PAYEE))
    assert [fact.entry.channel for fact in found.channels] == [channel]
    assert found.agreed == frozenset()


async def test_state_is_read_from_whoever_is_left(
    chain: Any, start: Start, wait_until: Any
) -> None:
    """Two opinions are wanted, and one is enough when there is no other."""
    channel = chain.open(1)
    dying, hanging, living = await start(), await start(hang={"ledger_entry"}), await start()
    dying.die_on = {"ledger_entry"}
    settings = LinkSettings(request_timeout=0.2, close_timeout=0.2)
    urls = [server.url for server in (dying, hanging, living)]
    async with Servers(urls, settings=settings) as servers:
        await _ready(servers, wait_until, 3)
        assert isinstance(await servers.read_channel(ChannelId(channel)), ChannelChanged)


async def test_account_that_one_of_three_servers_calls_poor_is_not_poor(
    start: Start, wait_until: Any
) -> None:
    """Nobody is woken up for money that is there."""
    liar, *honest = [await start() for _ in range(3)]
    data = {"Account": PAYEE, "Balance": "1", "Sequence": 7}
    liar.answers["account_info"] = {
        "result": {"account_data": data, "signer_lists": [], "ledger_index": 10, "validated": True}
    }
    async with Servers([s.url for s in (liar, *honest)], settings=QUICK) as servers:
        await _ready(servers, wait_until, 3)
        (root, *_) = await servers.read_account(Address(PAYEE))
    assert isinstance(root, AccountChanged)
    assert root.entry.balance == 5_000_000


async def test_server_that_answers_from_the_past_is_ranked_down(
    chain: Any, start: Start, wait_until: Any
) -> None:
    """It announced a ledger, and tells of one long before."""
    await chain.close(20)
    channel = chain.open(1)
    old, good = await start(), await start()
    old.answers["ledger_entry"] = _forged(chain, channel)
    old.answers["ledger_entry"]["result"]["ledger_index"] = chain.index - 10
    async with Servers([old.url, good.url], settings=QUICK) as servers:
        await _ready(servers, wait_until, 2)
        fact = await servers.read_channel(ChannelId(channel))
        assert fact.at.ledger_index == chain.index
        (state, other) = servers.states()
    assert state.why == "it answered from an older ledger than it had announced"
    assert other.rank == 0


async def test_state_is_read_although_one_server_hangs(
    chain: Any, start: Start, wait_until: Any
) -> None:
    """What presses goes on with what the other one tells."""
    channel = ChannelId(chain.open(1))
    hanging = await start(hang={"ledger_entry", "account_objects", "account_info"})
    honest = await start()
    async with Servers([hanging.url, honest.url], settings=PATIENT) as servers:
        await _ready(servers, wait_until, 2)
        async with asyncio.timeout(60):
            fact, listed, account = await asyncio.gather(
                servers.read_channel(channel),
                servers.find_channels(Address(PAYEE)),
                servers.read_account(Address(PAYEE)),
            )
    assert isinstance(fact, ChannelChanged)
    assert [found.entry.channel for found in listed.channels] == [channel]
    assert any(isinstance(told, AccountChanged) for told in account)


async def test_who_serves_against_a_channel_waits_for_both_servers(
    chain: Any, start: Start, wait_until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An accomplice who delays the honest server's answer does not vouch by being first."""
    monkeypatch.setattr(second_opinion, "_GRACE", 0.0)
    channel = ChannelId(chain.open(1))
    hanging, honest = await start(hang={"ledger_entry"}), await start()
    async with Servers([hanging.url, honest.url], settings=PATIENT) as servers:
        await _ready(servers, wait_until, 2)
        assert isinstance(await servers.read_channel(channel), ChannelChanged)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await servers.read_channel(channel, vouched=True)
