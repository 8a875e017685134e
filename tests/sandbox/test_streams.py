"""Streams: who hears what, how often, and in what order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Sandbox


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[ClientConnection]:
    """Return a connection of its own, that hears nothing it did not ask for."""
    async with connect(sandbox.url) as client:
        yield client


async def _ask(client: ClientConnection, **request: Any) -> list[dict[str, Any]]:
    """Send a request; return all that came before its answer, and the answer last."""
    await client.send(msgspec.json.encode({"id": "asked", **request}).decode())
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        while not heard or heard[-1].get("id") != "asked":
            heard.append(msgspec.json.decode(await client.recv()))
    return heard


async def test_the_ledger_comes_before_its_transactions(
    sandbox: Sandbox, hand: Hand, client: ClientConnection, source: Person
) -> None:
    """A client that counts a ledger as done when it is announced loses what is in it."""
    await _ask(client, command="subscribe", streams=["ledger"], accounts=[source.address])
    await hand.submit({"TransactionType": "AccountSet"}, source)
    await sandbox.accept()

    closed, transaction, _ = await _ask(client, command="ping")

    assert (closed["type"], closed["txn_count"]) == ("ledgerClosed", 1)
    assert (transaction["type"], transaction["ledger_hash"]) == (
        "transaction",
        closed["ledger_hash"],
    )


async def test_the_destination_hears_of_the_sources_close_but_only_once_validated(
    sandbox: Sandbox,
    hand: Hand,
    client: ClientConnection,
    source: Person,
    destination: Person,
) -> None:
    """A close names no destination, so what is only proposed does not reach it."""
    channel = await hand.create_channel(source, destination, 1_000_000, 60)
    await _ask(client, command="subscribe", accounts_proposed=[destination.address])
    close = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": 0x20000}
    told = await hand.submit(close, source)

    assert len(await _ask(client, command="ping")) == 1
    await sandbox.accept()
    heard, _ = await _ask(client, command="ping")
    assert (heard["validated"], heard["transaction"]["hash"]) == (True, told["tx_json"]["hash"])


async def test_overlapping_subscriptions_repeat_a_transaction(
    sandbox: Sandbox, hand: Hand, client: ClientConnection, source: Person
) -> None:
    """All transactions, proposed ones, and an account: three times the same, as the server does."""
    streams = ["transactions", "transactions_proposed"]
    await _ask(client, command="subscribe", streams=streams, accounts=[source.address])
    await hand.submit({"TransactionType": "AccountSet"}, source)
    await sandbox.accept()

    *heard, _ = await _ask(client, command="ping")

    assert [message["validated"] for message in heard] == [False, True, True, True]


async def test_the_version_of_the_subscription_shapes_the_messages(
    sandbox: Sandbox, hand: Hand, client: ClientConnection, source: Person
) -> None:
    """Version 1 holds the hash inside the transaction, version 2 beside it."""
    await _ask(client, command="subscribe", accounts=[source.address], api_version=2)
    await hand.submit({"TransactionType": "AccountSet"}, source)
    await sandbox.accept()

    heard, _ = await _ask(client, command="ping")

    assert "hash" in heard
    assert "hash" not in heard["tx_json"]


async def test_unsubscribed_is_silent(
    sandbox: Sandbox, hand: Hand, client: ClientConnection, source: Person
) -> None:
    """Streams and accounts alike."""
    wanted: dict[str, Any] = {"streams": ["ledger"], "accounts": [source.address]}
    await _ask(client, command="subscribe", **wanted)
    await _ask(client, command="unsubscribe", **wanted)
    await hand.submit({"TransactionType": "AccountSet"}, source)
    await sandbox.accept()

    assert len(await _ask(client, command="ping")) == 1


async def test_one_bad_address_and_none_is_watched(
    sandbox: Sandbox, hand: Hand, client: ClientConnection, source: Person
) -> None:
    """The whole list is refused."""
    *_, told = await _ask(client, command="subscribe", accounts=[source.address, "r nobody"])
    await hand.submit({"TransactionType": "AccountSet"}, source)
    await sandbox.accept()

    assert told["error"] == "actMalformed"
    assert len(await _ask(client, command="ping")) == 1
