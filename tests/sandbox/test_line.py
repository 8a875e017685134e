"""What goes wrong on the way from a server to a client, and what comes of it in which order."""

from __future__ import annotations

import asyncio
import gc
import selectors
import weakref
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override
from websockets.asyncio.client import connect as dial

from tests.sandbox.client import Client, frozen_network
from watchtower.sandbox.line import connect
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import Person
from watchtower.sandbox.server import Sandbox

_LEDGERS = 40


class _LeapingSelector(selectors.DefaultSelector):
    """Lets time leap to whatever is waited for, instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what is ready, after ``timeout`` seconds that cost nothing."""
        self.now += timeout or 0.0
        return super().select(0)


class _LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop that goes by such a selector's time."""

    def __init__(self) -> None:
        self._leaps = _LeapingSelector()
        super().__init__(self._leaps)

    @override
    def time(self) -> float:
        """Return the seconds that have been leapt over."""
        return self._leaps.now


@pytest.fixture
def leaping() -> Iterator[asyncio.AbstractEventLoop]:
    """Return an event loop whose clock is made."""
    loop = _LeapingLoop()
    yield loop
    loop.close()


def _listening(node: Node) -> Client:
    client = Client(node)
    client.send("subscribe", streams=["ledger"])
    return client


def _ledgers_heard(seed: int, **misbehaviour: Any) -> list[int]:
    """Return which ledgers a client hears of, in order, of those from 3 on."""
    network = frozen_network(seed)
    node = Node(network)
    client = _listening(node)
    node.misbehave(**misbehaviour)
    for _ in range(_LEDGERS):
        network.accept()
    return client.heard("ledgerClosed", "ledger_index")


_ALL = list(range(3, 3 + _LEDGERS))


def test_a_server_that_behaves_loses_doubles_and_mixes_nothing() -> None:
    """Whatever the seed."""
    assert _ledgers_heard(1) == _ALL


def test_dropped_messages_are_lost_and_the_rest_comes_in_order() -> None:
    """Some of them; with a share of 1, all."""
    heard = _ledgers_heard(1, drop=0.5)

    assert 0 < len(heard) < _LEDGERS
    assert heard == sorted(set(heard))
    assert _ledgers_heard(1, drop=1) == []


def test_duplicated_messages_come_twice_in_a_row() -> None:
    """And none is lost."""
    heard = _ledgers_heard(1, duplicate=0.5)

    assert _LEDGERS < len(heard) < 2 * _LEDGERS
    assert heard == sorted(heard)
    assert sorted(set(heard)) == _ALL
    assert _ledgers_heard(1, duplicate=1) == sorted(_ALL * 2)


def test_reordered_messages_come_after_the_next_one() -> None:
    """So each is at most one place from where it belongs."""
    heard = _ledgers_heard(1, reorder=0.5)

    assert heard != _ALL
    assert sorted(heard) == _ALL[: len(heard)]
    assert all(abs(place - (index - 3)) <= 1 for place, index in enumerate(heard))
    assert _ledgers_heard(1, reorder=1)[:4] == [4, 3, 6, 5]


def test_a_message_that_nothing_follows_comes_with_the_next_ledger() -> None:
    """The answer to a client that subscribed to nothing is late, and not lost."""
    network = frozen_network()
    node = Node(network)
    client = Client(node)
    node.misbehave(reorder=1)

    number = client.send("ping")
    assert client.answers(number) == []
    network.accept()
    assert client.answers(number) == []
    network.accept()
    assert len(client.answers(number)) == 1


def test_what_is_held_back_comes_when_nothing_is_reordered_any_more() -> None:
    """A server that behaves owes nobody anything."""
    node = Node(frozen_network())
    client = Client(node)
    node.misbehave(reorder=1)
    number = client.send("ping")

    node.misbehave(lag=0)
    assert client.answers(number) == []
    node.misbehave(behave=True)
    assert len(client.answers(number)) == 1


def test_what_is_asked_at_the_end_of_a_hang_is_answered_after_what_has_gathered() -> None:
    """Though it is asked in the middle of it."""
    network = frozen_network()
    node = Node(network)
    heard: list[str] = []

    def hear(text: str) -> None:
        heard.append(msgspec.json.decode(text)["type"])
        if heard == ["ledgerClosed"]:
            line.send('{"command": "ping"}')

    line = connect(node, hear)
    line.send('{"command": "subscribe", "streams": ["ledger"]}')
    heard.clear()
    node.misbehave(hang=True)
    network.accept()
    network.accept()

    node.misbehave(hang=False)

    assert heard == ["ledgerClosed", "ledgerClosed", "response"]


def test_only_the_kinds_that_are_named_are_misbehaved_with() -> None:
    """Answers come while ledgers are lost, and the other way round."""
    network = frozen_network()
    node = Node(network)
    client = _listening(node)

    node.misbehave(drop=1, only=["ledgerClosed"])
    network.accept()
    assert client.result("ledger_closed")["ledger_index"] == 3
    node.misbehave(only=["response"])
    network.accept()
    assert client.answers(client.send("ping")) == []

    assert client.heard("ledgerClosed", "ledger_index") == [4]


def test_what_the_hand_is_told_is_never_lost() -> None:
    """Or nobody could make such a server behave again, nor move its ledger."""
    client = Client(Node(frozen_network()))

    client.ask("misbehave", drop=1, reorder=1)
    assert client.answers(client.send("ping")) == []
    assert client.result("ledger_accept") == {"ledger_current_index": 4}
    assert client.result("misbehave", behave=True)["drop"] == 0
    assert client.ask("ping")["status"] == "success"


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_the_same_seed_is_the_same_luck(seed: int) -> None:
    """And what one client asks does not change what another one loses."""
    wrong: dict[str, Any] = {"drop": 0.3, "duplicate": 0.3, "reorder": 0.3}
    alone = _ledgers_heard(seed, **wrong)

    network = frozen_network(seed)
    node = Node(network)
    client = _listening(node)
    busy = Client(node)
    node.misbehave(**wrong)
    for _ in range(_LEDGERS):
        busy.send("ping")
        network.accept()

    assert client.heard("ledgerClosed", "ledger_index") == alone


def test_another_seed_is_other_luck() -> None:
    """And so is another client, and another server."""
    assert len({tuple(_ledgers_heard(seed, drop=0.5)) for seed in range(20)}) == 20

    network = frozen_network()
    first = Node(network)
    servers = [first, first.add_server()]
    clients = [_listening(node) for node in servers for _ in range(2)]
    for node in servers:
        node.misbehave(drop=0.5)
    for _ in range(_LEDGERS):
        network.accept()
    heard = {tuple(client.heard("ledgerClosed", "ledger_index")) for client in clients}
    assert len(heard) == 4


def test_a_lag_makes_every_message_late_and_keeps_their_order(
    leaping: asyncio.AbstractEventLoop,
) -> None:
    """By the running loop's own clock, also when the lag shrinks while messages are under way."""

    async def listen() -> list[tuple[float, int]]:
        network = frozen_network()
        node = Node(network)
        heard: list[tuple[float, int]] = []
        begun = leaping.time()

        def hear(text: str) -> None:
            message = msgspec.json.decode(text)
            heard.append((leaping.time() - begun, message.get("ledger_index", 0)))

        line = connect(node, hear)
        line.send('{"command": "subscribe", "streams": ["ledger"]}')
        for lag in (10, 4, 0):
            node.misbehave(lag=lag)
            network.accept()
            await asyncio.sleep(3)
        await asyncio.sleep(60)
        network.accept()
        return heard[1:]

    heard = leaping.run_until_complete(listen())

    assert [index for _, index in heard] == [3, 4, 5, 6]
    assert [round(after) for after, _ in heard] == [10, 10, 10, 69]


def test_what_is_late_on_a_line_that_is_closed_never_comes(
    leaping: asyncio.AbstractEventLoop,
) -> None:
    """And a line that was cut is closed."""

    async def listen() -> tuple[Client, Client]:
        node = Node(frozen_network())
        closed, cut = Client(node), Client(node)
        node.misbehave(lag=5)
        for client in (closed, cut):
            client.send("ping")
        closed.line.close()
        node.cut()
        await asyncio.sleep(60)
        cut.send("ping")
        await asyncio.sleep(60)
        return closed, cut

    closed, cut = leaping.run_until_complete(listen())

    assert (closed.texts, closed.cuts) == ([], 0)
    assert (cut.texts, cut.cuts) == ([], 1)


def test_a_line_that_is_closed_is_forgotten() -> None:
    """A server that has seen many clients holds on to none of them."""
    network = frozen_network()
    node = Node(network)
    line = connect(node, lambda _text: None)
    line.send('{"command": "subscribe", "streams": ["ledger"]}')
    gone = weakref.ref(line)

    line.close()
    del line
    gc.collect()

    assert gone() is None


def test_a_client_may_ask_and_leave_while_it_is_told() -> None:
    """Others are told all the same."""
    network = frozen_network()
    node = Node(network)
    heard: list[str] = []

    def hear(text: str) -> None:
        heard.append(text)
        match msgspec.json.decode(text):
            case {"type": "ledgerClosed"}:
                line.send('{"command": "subscribe", "streams": ["transactions"]}')
                other.send('{"command": "unsubscribe", "streams": ["ledger"]}')
            case {"type": "transaction"}:
                line.close()

    line, other = connect(node, hear), connect(node, lambda _text: None)
    last = _listening(node)
    for each in (line, other):
        each.send('{"command": "subscribe", "streams": ["ledger"]}')
    last.pay(Person.named("bob"))
    last.pay(Person.named("bob"))
    network.accept()
    network.accept()

    kinds = [msgspec.json.decode(text)["type"] for text in heard]
    assert kinds == ["response", "ledgerClosed", "response", "transaction"]
    assert last.heard("ledgerClosed", "ledger_index") == [3, 4]


def test_a_hanging_server_tells_and_answers_all_of_it_afterwards() -> None:
    """What was to be told first, then what was asked, each in order."""
    network = frozen_network()
    node = Node(network)
    client = _listening(node)
    client.texts.clear()

    node.misbehave(hang=True)
    numbers = [client.send("ping"), client.send("ledger_closed")]
    network.accept()
    network.accept()
    assert client.texts == []
    node.misbehave(hang=False)

    assert client.heard("ledgerClosed", "ledger_index") == [3, 4]
    assert [message.get("id") for message in client.told] == [None, None, *numbers]
    assert client.told[-1]["result"]["ledger_index"] == 4


def test_a_hang_of_so_many_seconds_ends_by_itself(leaping: asyncio.AbstractEventLoop) -> None:
    """And a new one begins anew."""

    async def listen() -> list[bool]:
        node = Node(frozen_network())
        client = Client(node)
        node.misbehave(hang=10)
        number = client.send("ping")
        answered = []
        await asyncio.sleep(8)
        node.misbehave(hang=10)
        for _ in range(4):
            await asyncio.sleep(3)
            answered.append(bool(client.answers(number)))
        return answered

    assert leaping.run_until_complete(listen()) == [False, False, False, True]


def test_late_messages_wait_for_the_end_of_a_hang(leaping: asyncio.AbstractEventLoop) -> None:
    """A message on its way when the server begins to hang is not delivered past it."""

    async def listen() -> tuple[int, int]:
        node = Node(frozen_network())
        client = Client(node)
        node.misbehave(lag=2)
        client.send("ping")
        node.misbehave(hang=True)
        await asyncio.sleep(5)
        before = len(client.texts)
        node.misbehave(hang=False)
        return before, len(client.texts)

    assert leaping.run_until_complete(listen()) == (0, 1)


def test_a_server_that_refuses_takes_no_new_line() -> None:
    """Those that it has stay."""
    node = Node(frozen_network())
    client = Client(node)
    node.misbehave(refuse_connections=True)

    with pytest.raises(ConnectionRefusedError):
        Client(node)
    assert client.ask("ping")["status"] == "success"


_STORY: tuple[dict[str, Any], ...] = (
    {"command": "server_info"},
    {"command": "server_state"},
    {"command": "subscribe", "streams": ["ledger", "transactions_proposed"]},
    {"command": "misbehave", "duplicate": 0.5, "reorder": 0.5, "only": ["ledgerClosed"]},
    *({"command": "ledger_accept"} for _ in range(12)),
    {"command": "misbehave", "behind": 2, "network_id": 7},
    {"command": "fee"},
    {"command": "ledger", "ledger_index": "validated"},
    {"command": "make_coffee"},
    {"command": "misbehave", "behave": True},
    {"command": "ledger_accept"},
    {"command": "ping"},
)


async def test_a_client_without_a_socket_reads_the_same_texts_as_one_on_a_socket() -> None:
    """Byte by byte, misbehaviour included."""
    story = [msgspec.json.encode({"id": n, **asked}).decode() for n, asked in enumerate(_STORY)]
    here = Client(Node(frozen_network(seed=7)))
    for text in story:
        here.line.send(text)

    there: list[str] = []
    async with Sandbox(seed=7) as sandbox, dial(sandbox.url, proxy=None) as socket:
        for text in story:
            await socket.send(text)
        async with asyncio.timeout(60):
            while len(there) < len(here.texts):
                there.append(str(await socket.recv()))

    assert there == here.texts
