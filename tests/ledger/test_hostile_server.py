"""Whatever a server sends, however malformed, costs that server its rank and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.messages import PAYEE, Message, closed, subscription, transaction
from watchtower.errors import LedgerError
from watchtower.ledger.accounts import read_account
from watchtower.ledger.amendments import read_amendments
from watchtower.ledger.answers import read_account_field, read_fees, read_submission
from watchtower.ledger.backfill import read_facts
from watchtower.ledger.channels import find_channels, read_channel
from watchtower.ledger.ranges import LedgerRanges
from watchtower.ledger.sequence import Gap, Sequence
from watchtower.units import Address, ChannelId, LedgerIndex

Start = Callable[..., Awaitable[Any]]
Watching = Callable[..., Any]

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["-1", "1e3", "0" * 64, "ffffffff", "99999999999999999999", PAYEE]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)

CHANNEL = ChannelId("AB" * 32)
ENTRY: Message = {
    "LedgerEntryType": "PayChannel",
    "index": CHANNEL,
    **transaction(11)["meta"]["AffectedNodes"][0]["ModifiedNode"]["FinalFields"],
}
ANSWERS: dict[str, Message] = {
    "ledger_entry": {"node": ENTRY, "ledger_index": 11, "validated": True},
    "account_objects": {"account_objects": [ENTRY], "ledger_index": 11, "validated": True},
    "account_info": {
        "account_data": {"Account": PAYEE, "Balance": "5", "Sequence": 7, "OwnerCount": 1},
        "ledger_index": 11,
        "validated": True,
    },
    "account_tx": {
        "account": PAYEE,
        "ledger_index_min": 11,
        "ledger_index_max": 12,
        "validated": True,
        "transactions": [transaction(11), transaction(12)],
    },
    "fee": {"drops": {"base_fee": "10", "open_ledger_fee": "12"}, "levels": {"median_level": "1"}},
    "submit": {"engine_result": "tesSUCCESS", "open_ledger_cost": "10"},
}


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(inner, (*path, index))


@st.composite
def _spoilt(draw: st.DrawFn, whole: Message) -> Any:
    """A message with something else, or nothing, at one or two of its places."""
    value: Any = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(list(_places(value))))
        if not path:
            return draw(JSON)
        inner = value
        for step in path[:-1]:
            inner = inner[step]
        if draw(st.booleans()):
            inner[path[-1]] = draw(JSON)
        elif isinstance(inner, dict):
            del inner[path[-1]]
    return value


class OneServer:
    """A server that answers everything with one result."""

    url = "wss://odd"
    validated = LedgerIndex(11)
    history = LedgerRanges.parse("1-20")

    def __init__(self, result: Any) -> None:
        self.result: Message = result if isinstance(result, dict) else {}
        self.asked = 0

    async def request(self, command: str, **params: object) -> Mapping[str, Any]:
        """Answer, a few times."""
        self.asked += bool(command or params)
        assert self.asked < 50, "whoever asks goes round in circles"
        return self.result


@given(st.one_of(_spoilt(closed(11)), _spoilt(transaction(11)), _spoilt(subscription(11))))
def test_no_message_of_a_stream_breaks_the_sequence(message: Any) -> None:
    """And an honest server beside it is heard all the same."""
    sequence = Sequence([PAYEE], cursor=LedgerIndex(10), servers=1)
    sequence.subscribed("odd", message if isinstance(message, dict) else {})
    if isinstance(message, dict):
        sequence.received("odd", message)
    sequence.subscribed("honest", subscription(10))
    sequence.received("honest", closed(12))
    assert (sequence.newest or 0) >= 12


@given(st.data())
async def test_no_answer_raises_anything_but_a_ledger_error(data: st.DataObject) -> None:
    """What reads an answer either understands it or says whose it was."""
    command = data.draw(st.sampled_from(sorted(ANSWERS)))
    server = OneServer(data.draw(_spoilt(ANSWERS[command])))
    gap = Gap(LedgerIndex(11), LedgerIndex(12))
    readers: dict[str, list[Callable[[], Awaitable[object]]]] = {
        "ledger_entry": [
            lambda: read_channel(server, CHANNEL),
            lambda: read_amendments(server),
        ],
        "account_objects": [lambda: find_channels(server, Address(PAYEE))],
        "account_info": [lambda: read_account(server, Address(PAYEE))],
        "account_tx": [lambda: read_facts(server, gap, [Address(PAYEE)])],
    }
    for read in readers.get(command, ()):
        with suppress(LedgerError):
            await read()
    with suppress(LedgerError):
        read_fees("wss://odd", server.result)
    with suppress(LedgerError):
        read_account_field("wss://odd", server.result, "Sequence")
    assert read_submission("wss://odd", server.result).server == "wss://odd"


@pytest.mark.parametrize(
    "frame",
    [
        "[" * 100_000,
        '{"type":' + '{"a":' * 100_000,
        "9" * 100_000,
        json.dumps({"id": "x" * 1_000, "type": "response"}),
        json.dumps({"type": ["ledgerClosed"]}),
        b"\xff\xfe",
    ],
    ids=["brackets", "braces", "digits", "an id of no request", "a list of types", "bytes"],
)
async def test_frame_of_any_kind_costs_rank_and_nothing_else(
    chain: Any, start: Start, watching: Watching, frame: str | bytes
) -> None:
    """Both servers are heard to the end, and the account of ledgers goes on."""
    chain.open(1)
    hostile, honest = await start(), await start()
    async with watching(hostile, honest) as (receiver, servers):
        await receiver.until(lambda: len(servers.ready()) == 2)
        hostile.junk.append(frame)
        await chain.close(3)
        await receiver.accounted(12)
        assert [state.connected for state in servers.states()] == [True, True]
        assert servers.states()[1].rank == 0
