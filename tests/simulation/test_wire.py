"""Connections without sockets, and what breaks them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import msgspec
import pytest

from simulation.disk import Step
from simulation.loop import play
from simulation.wire import Network
from watchtower.errors import UnreachableError
from watchtower.ledger.link import LinkSettings
from watchtower.ledger.socket import Socket, SocketClosed
from watchtower.sandbox.clock import Clock, Pace
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.network import Network as LedgerNetwork
from watchtower.sandbox.node import Node
from watchtower.sandbox.rules import Rules

URL = "wss://one.example"
DIAL = LinkSettings().dialling(is_local=False)
Story = Callable[[Network, Node, Socket], Coroutine[Any, Any, None]]


def luck() -> Random:
    """Luck that can be repeated."""
    return Random(1)  # noqa: S311 - it guards nothing


def connected(
    story: Story, *, throttled: bool = False, steps: Callable[[Step], None] = lambda _: None
) -> None:
    """Play a story on one connection to one server."""

    async def whole() -> None:
        node = Node(LedgerNetwork(Rules(), Pace.of(Clock.FROZEN), QueueSettings()))
        network = Network({URL: node}, luck(), [URL] if throttled else [])
        async with network.wire(steps).dial(URL, DIAL) as socket:
            await story(network, node, socket)

    play(whole)


async def ask(socket: Socket, number: int, command: str = "ping", **params: object) -> None:
    """Send a request."""
    frame = {"id": number, "command": command, **params}
    await socket.send(msgspec.json.encode(frame).decode())


async def hear(socket: Socket, count: int) -> list[Any]:
    """The ids of the next frames."""
    found = []
    async for frame in socket.frames():
        found.append(msgspec.json.decode(frame).get("id"))
        if len(found) == count:
            break
    return found


def test_frames_take_their_time_and_keep_their_order() -> None:
    """In both directions."""

    async def story(_network: Network, _node: Node, socket: Socket) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(20):
            await ask(socket, number)
        assert await hear(socket, 20) == list(range(20))
        assert loop.time() > began

    connected(story)


def test_network_that_is_cut_breaks_what_stands_and_lets_nothing_new_in() -> None:
    """Until it is whole again."""

    async def story(network: Network, _node: Node, socket: Socket) -> None:
        network.cut()
        with pytest.raises(SocketClosed, match="broke"):
            await ask(socket, 1)
        with pytest.raises(UnreachableError):
            async with network.wire(lambda _: None).dial(URL, DIAL):
                pytest.fail("connected")
        network.cut(whole=True)
        async with network.wire(lambda _: None).dial(URL, DIAL) as again:
            await ask(again, 2)
            assert await hear(again, 1) == [2]

    connected(story)


def test_deaf_network_delivers_late_what_was_sent_meanwhile() -> None:
    """As TCP does when packets get through again."""

    async def story(network: Network, _node: Node, socket: Socket) -> None:
        network.is_deaf = True
        await ask(socket, 1)
        hearing = asyncio.create_task(hear(socket, 1))
        await asyncio.sleep(30)
        assert not hearing.done()
        network.is_deaf = False
        assert await hearing == [1]

    connected(story)


def test_server_that_throttles_throws_out_who_asks_too_much() -> None:
    """With 1008, and the next connection costs too."""

    async def story(_network: Network, _node: Node, socket: Socket) -> None:
        async def flood() -> None:
            for number in range(3_000):
                await ask(
                    socket, number, "account_tx", account="rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
                )
                await asyncio.sleep(0)

        with pytest.raises(SocketClosed) as closed:
            await asyncio.gather(flood(), hear(socket, 3_000))
        assert closed.value.threw_us_out

    connected(story, throttled=True)


def test_submission_is_a_step_before_and_after_it_left() -> None:
    """Where a process may be killed; nothing else that is sent is such a step."""
    told: list[Step] = []

    async def story(network: Network, _node: Node, socket: Socket) -> None:
        await ask(socket, 1)
        await ask(socket, 2, "submit", tx_blob="00")
        assert told == [Step.BEFORE_FRAME, Step.AFTER_FRAME]
        assert len(network.sent) == 1

    connected(story, steps=told.append)


def test_process_that_dies_before_a_submission_leaves_does_not_send_it() -> None:
    """Neither it nor anything after it."""
    wires: list[Any] = []

    async def whole() -> None:
        node = Node(LedgerNetwork(Rules(), Pace.of(Clock.FROZEN), QueueSettings()))
        network = Network({URL: node}, luck())

        def steps(step: Step) -> None:
            if step is Step.BEFORE_FRAME:
                wires[0].kill()

        wires.append(network.wire(steps))
        async with wires[0].dial(URL, DIAL) as socket:
            with pytest.raises(SocketClosed):
                await ask(socket, 1, "submit", tx_blob="00")
        assert network.sent == []

    play(whole)
