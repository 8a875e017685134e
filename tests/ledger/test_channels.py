"""Channels as a validated ledger has them, one by one and all that pay an account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.ledger.events import END_OF_LEDGER, ChannelMissing, Position
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.servers import Servers
from watchtower.units import Address, ChannelId, LedgerIndex

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
QUICK = LinkSettings(request_timeout=1.0, backoff_first=0.02, backoff_most=0.1, close_timeout=0.2)

Start = Callable[..., Awaitable[Any]]


async def test_entry_not_found_in_the_other_shape(start: Start) -> None:
    """A proxy puts the error inside the result, and may say of which ledger."""
    server = await start()
    server.answers["ledger_entry"] = {
        "status": "success",
        "result": {"error": "entryNotFound", "status": "error", "ledger_index": 9},
    }
    async with Servers.connected([server.url], settings=QUICK) as servers:
        fact = await servers.read_channel(ChannelId("CD" * 32))

    at = Position(LedgerIndex(9), END_OF_LEDGER)
    assert fact == ChannelMissing(channel=ChannelId("CD" * 32), at=at)


@pytest.mark.parametrize(
    "change",
    [{"ledger_index": None}, {"validated": False}, {"validated": None}],
    ids=["no ledger", "not validated", "not said"],
)
async def test_a_state_that_is_not_validated_is_refused(
    chain: Any, start: Start, change: dict[str, Any]
) -> None:
    """The open ledger's state may never come true."""
    channel = chain.open(1)
    server = await start()
    good = {"node": chain.channels[channel], "ledger_index": 10, "validated": True}
    server.answers["ledger_entry"] = {"result": {**good, **change}}
    async with Servers.connected([server.url], settings=QUICK) as servers:
        with pytest.raises(AnswerError, match="validated"):
            await servers.read_channel(ChannelId(channel))


async def test_the_state_of_another_channel_is_refused(chain: Any, start: Start) -> None:
    """A mixed-up answer must not move a channel's state."""
    asked, other = chain.open(1), chain.open(2)
    server = await start()
    server.answers["ledger_entry"] = {
        "result": {"node": chain.channels[other], "ledger_index": 10, "validated": True}
    }
    async with Servers.connected([server.url], settings=QUICK) as servers:
        with pytest.raises(AnswerError, match="not the channel"):
            await servers.read_channel(ChannelId(asked))


async def test_missing_from_a_ledger_that_is_not_validated_proves_nothing(start: Start) -> None:
    """Only a validated ledger can say that a channel is gone."""
    server = await start()
    server.refuse["ledger_entry"] = {"error": "entryNotFound", "validated": False}
    async with Servers.connected([server.url], settings=QUICK) as servers:
        with pytest.raises(AnswerError, match="validated"):
            await servers.read_channel(ChannelId("CD" * 32))


async def test_entry_of_another_type_is_no_channel(start: Start) -> None:
    """Anybody may name the id of an account; asking for it again and again tells nothing more."""
    server = await start()
    server.refuse["ledger_entry"] = {"error": "unexpectedLedgerType"}
    async with Servers.connected([server.url], settings=QUICK) as servers:
        found = await servers.read_channel(ChannelId("CD" * 32))
    assert isinstance(found, ChannelMissing)


async def test_pages_of_two_ledgers_are_refused(chain: Any, start: Start) -> None:
    """A channel could stand in neither, when it moved between the pages."""
    for number in range(4):
        chain.open(number)
    server = await start(page=2, ignores_pin=True)

    async def close() -> None:
        await chain.close()

    server.before["account_objects"] = close
    async with Servers.connected([server.url], settings=QUICK) as servers:
        with pytest.raises(AnswerError, match="two ledgers"):
            await servers.find_channels(PAYEE)


async def test_discovery_reads_on_past_empty_pages(chain: Any, start: Start) -> None:
    """An empty page with a marker is normal, and every page is of one ledger."""
    channels = {chain.open(number) for number in range(5)}
    server = await start(page=2, empty_pages=2)
    async with Servers.connected([server.url], settings=QUICK) as servers:
        found = await servers.find_channels(PAYEE)

    assert {fact.entry.channel for fact in found.channels} == channels
    pages = [r["ledger_index"] for r in server.requests if r["command"] == "account_objects"]
    assert pages == ["validated", 10, 10, 10, 10]


async def test_channels_in_both_directions_are_discovered(chain: Any, start: Start) -> None:
    """A payee looks for those that pay it, and a payer for its own."""
    inbound, outbound, foreign = (chain.open(number) for number in (1, 2, 3))
    chain.channels[outbound]["Account"] = PAYEE
    chain.channels[outbound]["Destination"] = chain.channels[inbound]["Account"]
    chain.channels[foreign]["Destination"] = chain.channels[inbound]["Account"]
    server = await start()
    server.answers["account_objects"] = {
        "result": {
            "account_objects": list(chain.channels.values()),
            "ledger_index": 10,
            "validated": True,
        }
    }
    async with Servers.connected([server.url], settings=QUICK) as servers:
        found = await servers.find_channels(PAYEE)

    assert {fact.entry.channel for fact in found.channels} == {inbound, outbound}


async def test_pages_that_go_in_circles_are_refused(start: Start) -> None:
    """A server cannot keep us reading for ever."""
    server = await start()
    server.answers["account_objects"] = {
        "result": {"account_objects": [], "ledger_index": 10, "validated": True, "marker": "1"}
    }
    async with Servers.connected([server.url], settings=QUICK) as servers:
        with pytest.raises(AnswerError, match="circles"):
            await servers.find_channels(PAYEE)


async def test_an_account_that_does_not_exist_has_no_channels(start: Start) -> None:
    """A payee may be watched before it is funded."""
    server = await start()
    server.refuse["account_objects"] = {"error": "actNotFound", "error_message": "Not found."}
    async with Servers.connected([server.url], settings=QUICK) as servers:
        assert (await servers.find_channels(PAYEE)).channels == ()
        server.refuse["account_objects"] = {"error": "tooBusy", "error_message": "Busy."}
        with pytest.raises(RequestRefusedError, match="tooBusy"):
            await servers.find_channels(PAYEE)


async def test_a_page_without_objects_is_refused(start: Start) -> None:
    """It is not the same as a page with none."""
    server = await start()
    server.answers["account_objects"] = {"result": {"ledger_index": 10, "validated": True}}
    async with Servers.connected([server.url], settings=QUICK) as servers:
        with pytest.raises(AnswerError, match="no objects"):
            await servers.find_channels(PAYEE)
