"""Requests, each family by what a client of the real server relies on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Sandbox

_CHANNELS = 45


async def _raw(sandbox: Sandbox, frame: str) -> dict[str, Any]:
    async with connect(sandbox.url) as client:
        await client.send(frame)
        answer: dict[str, Any] = msgspec.json.decode(await client.recv())
        return answer


@pytest.mark.parametrize("frame", ["", "{", "[]", "7", '"text"'])
async def test_what_is_no_object_is_invalid_json(sandbox: Sandbox, frame: str) -> None:
    """And told back as it came."""
    answer = await _raw(sandbox, frame)

    assert answer == {"type": "error", "error": "jsonInvalid", "value": frame}


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ('{"id": 1}', "missingCommand"),
        ('{"id": 1, "command": 7}', "missingCommand"),
        ('{"id": 1, "command": "ping", "api_version": 9}', "invalid_API_version"),
        ('{"id": 1, "command": "make_coffee"}', "unknownCmd"),
        ('{"id": 1, "command": "ledger_entry", "payment_channel": 7}', "malformedRequest"),
        ('{"id": 1, "command": "ledger", "ledger_index": "soon"}', "invalidParams"),
        ('{"id": 1, "command": "subscribe", "streams": ["weather"]}', "malformedStream"),
        ('{"id": 1, "command": "account_info"}', "invalidParams"),
    ],
)
async def test_a_bad_request_gets_its_own_error_and_its_id(
    sandbox: Sandbox, frame: str, error: str
) -> None:
    """So whoever asked knows which question failed."""
    answer = await _raw(sandbox, frame)

    assert (answer["error"], answer["id"], answer["status"]) == (error, 1, "error")


async def test_secrets_are_not_told_back(sandbox: Sandbox) -> None:
    """The request in an error is masked."""
    answer = await _raw(sandbox, '{"command": "sign", "secret": "not to be told"}')

    assert answer["request"]["secret"] == "<masked>"


async def test_a_transaction_that_lacks_a_field_is_no_transaction(hand: Hand) -> None:
    """The server says which, and the connection lives on."""
    answer = await hand.request("submit", tx_blob="12000F" + "2200000000" * 8)

    assert answer["error"] == "invalidTransaction"
    assert await hand.request("ping") == {}


async def test_pages_follow_each_other_until_all_is_told(
    hand: Hand, source: Person, destination: Person
) -> None:
    """Objects over several directory pages, and the whole history in both directions."""
    for _ in range(_CHANNELS):
        channel = {"TransactionType": "PaymentChannelCreate", "Amount": "1000", "SettleDelay": 60}
        more = {"Destination": destination.address, "PublicKey": source.public_key}
        await hand.submit({**channel, **more}, source)
    await hand.accept()

    objects = await _pages(hand, "account_objects", "account_objects", destination, limit=20)
    assert [len(page) for page in objects] == [20, 20, 5]
    assert len({entry["index"] for page in objects for entry in page}) == _CHANNELS
    back = await _pages(hand, "account_tx", "transactions", destination, limit=20)
    forth = await _pages(hand, "account_tx", "transactions", destination, limit=20, forward=True)
    newest = [row["tx"]["hash"] for page in back for row in page]
    oldest = [row["tx"]["hash"] for page in forth for row in page]
    assert len(newest) == _CHANNELS + 1
    assert newest == oldest[::-1]


async def _pages(
    hand: Hand, command: str, member: str, person: Person, **more: Any
) -> list[list[dict[str, Any]]]:
    pages: list[list[dict[str, Any]]] = []
    marker: dict[str, Any] = {}
    while True:
        asked = {"ledger_index": "validated"} if command == "account_objects" else {}
        page = await hand.request(command, account=person.address, **asked, **more, **marker)
        pages.append(page[member])
        if "marker" not in page:
            return pages
        marker = {"marker": page["marker"]}


async def test_a_page_without_matches_still_leads_on(
    hand: Hand, source: Person, destination: Person
) -> None:
    """The limit counts all entries, so a filter may leave a page empty and not the last."""
    for _ in range(12):
        await hand.create_channel(source, destination, 1000, 60)

    page = await hand.request("account_objects", account=source.address, type="ticket", limit=10)

    assert (page["account_objects"], "marker" in page) == ([], True)


@pytest.mark.parametrize("version", [1, 2])
async def test_a_range_beyond_history_is_cut_or_refused_by_version(
    sandbox: Sandbox, hand: Hand, source: Person, version: int
) -> None:
    """Version 1 gives what there is, version 2 an error."""
    last = sandbox.ledger_index
    answer = await hand.request(
        "account_tx",
        account=source.address,
        ledger_index_min=2,
        ledger_index_max=last + 100,
        api_version=version,
    )

    assert (answer.get("ledger_index_max"), answer.get("error")) == (
        (last, None) if version == 1 else (None, "lgrIdxMalformed")
    )


async def test_the_past_is_told_as_it_was(
    sandbox: Sandbox, hand: Hand, source: Person, destination: Person
) -> None:
    """An entry of an older ledger keeps its older state, by index and by hash."""
    channel = await hand.create_channel(source, destination, 1_000_000, 60)
    then = sandbox.ledger_index
    close = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": 0x20000}
    await hand.settle(close, source)
    ledger_hash = (await hand.request("ledger", ledger_index=then))["ledger_hash"]

    for which in ({"ledger_index": then}, {"ledger_hash": ledger_hash}):
        old = await hand.request("ledger_entry", payment_channel=channel, **which)
        assert "Expiration" not in old["node"]
    new = await hand.request("ledger_entry", index=channel, ledger_index="validated")
    assert "Expiration" in new["node"]


async def test_enabled_amendments_can_be_read(hand: Hand) -> None:
    """A tower chooses its rules by them."""
    index = "7DB0788C020F02780A673DC74757F23823FA3014C1866E72CC4CD8B226CD6EF4"

    found = await hand.request("ledger_entry", index=index, ledger_index="validated")

    assert found["node"]["LedgerEntryType"] == "Amendments"
    assert len(found["node"]["Amendments"]) > 5
