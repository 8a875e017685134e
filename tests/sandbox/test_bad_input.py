"""Bad input: the server's own error, and never the end of a connection."""

from __future__ import annotations

import http.client
import json
from asyncio import to_thread
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.sandbox.client import Client, frozen_network
from watchtower.sandbox.api.dispatch import COMMANDS
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import Person
from watchtower.sandbox.server import Sandbox

LIMIT = 1_000_000
SOMEBODY = Person.named("somebody").address
FIELDS = (
    "account",
    "accounts",
    "accounts_proposed",
    "amount",
    "api_version",
    "binary",
    "channel_id",
    "ctid",
    "delegate",
    "deposit_preauth",
    "destination_account",
    "directory",
    "expand",
    "fail_hard",
    "forward",
    "index",
    "ledger",
    "ledger_hash",
    "ledger_index",
    "ledger_index_max",
    "ledger_index_min",
    "limit",
    "marker",
    "max_ledger",
    "min_ledger",
    "payment_channel",
    "public_key",
    "signature",
    "signer_lists",
    "signer_list",
    "streams",
    "ticket",
    "transaction",
    "transactions",
    "tx_blob",
    "tx_json",
    "type",
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=12),
        st.sampled_from([SOMEBODY, "A" * 64, "validated", "current", "ledger", "", "0", "-1"]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["account", "owner", "ledger", "seq"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ("", "jsonInvalid"),
        ("ping", "jsonInvalid"),
        ("[1]", "jsonInvalid"),
        ('{"command": "ping"', "jsonInvalid"),
        ('{"id": 1, "command": "ping", "x": NaN}', "jsonInvalid"),
        ('{"id": 1, "command": "ping", "x": "\\ud800"}', "jsonInvalid"),
        ("[" * 5_000 + "]" * 5_000, "jsonInvalid"),
        (b"\xff\xfe", "jsonInvalid"),
        ("{}", "missingCommand"),
        ('{"command": 7}', "missingCommand"),
        ('{"command": "ping", "method": "fee"}', "missingCommand"),
        ('{"command": "ping", "api_version": 9}', "invalid_API_version"),
        ('{"command": "no_such_command"}', "unknownCmd"),
        ('{"command": "no_such_command", "x": ' + "9" * 40 + "}", "unknownCmd"),
    ],
)
async def test_frame_that_is_no_request_gets_the_servers_error_and_the_next_is_answered(
    sandbox: Sandbox, frame: str | bytes, error: str
) -> None:
    """Whatever came, the connection goes on."""
    async with connect(sandbox.url) as socket:
        await socket.send(frame)
        assert json.loads(await socket.recv())["error"] == error
        await socket.send('{"id": 2, "command": "ping"}')
        assert json.loads(await socket.recv())["status"] == "success"


@pytest.mark.parametrize("letter", ["a", "\u00e9"])
async def test_request_is_as_large_as_the_server_reads_and_not_a_byte_larger(
    sandbox: Sandbox, letter: str
) -> None:
    """Bytes are counted, and not letters."""
    frame = '{"command": "ping", "x": "%s"}'
    room = (LIMIT - len(frame % "")) // len(letter.encode())
    async with connect(sandbox.url, max_size=None) as socket:
        await socket.send(frame % (letter * room))
        assert json.loads(await socket.recv())["status"] == "success"
        await socket.send(frame % (letter * (room + 2)))
        assert json.loads(await socket.recv())["error"] == "jsonInvalid"


async def test_frame_beyond_all_bounds_ends_its_connection_and_no_other(sandbox: Sandbox) -> None:
    """Nobody makes the server hold what it will not read."""
    async with connect(sandbox.url) as other:
        socket = await connect(sandbox.url, max_size=None)
        with suppress(ConnectionClosed):
            await socket.send("x" * (16 * 2**20 + 1))
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        await other.send('{"command": "ping"}')
        assert json.loads(await other.recv())["status"] == "success"


async def test_plain_http_is_told_to_upgrade(sandbox: Sandbox) -> None:
    """A browser gets a sentence and no hanging socket."""

    def ask() -> int:
        plain = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=10)
        plain.request("GET", "/")
        return plain.getresponse().status

    assert await to_thread(ask) == http.HTTPStatus.UPGRADE_REQUIRED


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(COMMANDS)),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4),
)
def test_any_value_in_any_field_is_answered_and_never_an_internal_error(
    command: str, params: dict[str, Any]
) -> None:
    """With a result, or with an error of the server's own."""
    client = Client(Node(frozen_network()))
    client.send(command, **params)
    told = [message for message in client.told if message.get("id") == 1]
    assert len(told) == 1
    assert told[0]["status"] in {"success", "error"}
    assert told[0].get("error") != "internal", told[0]
