"""Who is asked to stop stops, whatever becomes of the broker in that moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.interfaces.mqtt.broker import broker_in
from watchtower.broker_credentials import credentials_of
from watchtower.brokers import broker_of
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.mqtt.connection import BrokerLost, Connection
from watchtower.interfaces.mqtt.serve import Post
from watchtower.interfaces.mqtt.teller import Teller
from watchtower.interfaces.mqtt.topics import Topics


class Cut:
    """A speaker whose connection breaks off just as it is asked to stop."""

    def __init__(self) -> None:
        self.speaks = asyncio.Event()

    async def tell(self, _connection: Connection) -> None:
        """Say nothing, and lose the connection at the end."""
        self.speaks.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise BrokerLost("the connection broke off") from None


async def test_a_broker_that_is_lost_while_the_tower_stops_does_not_keep_it_from_stopping(
    tmp_path: Path,
) -> None:
    """Whoever connected again instead would go on for ever, and have to be killed."""
    cut, asked = Cut(), SimpleNamespace(why_not_ready=lambda: "")
    async with broker_in(tmp_path / "broker") as broker:
        settings = broker.settings()
        topics = Topics(prefix=settings.topic_prefix, group=settings.group, client=settings.client)
        post = Post(
            broker_of(settings.broker),
            topics,
            credentials=lambda: credentials_of(settings, {}),
            clerk=cast("Any", None),
            teller=Teller(Feed(lambda: None), cast("Any", asked), topics, tells_all=False),
            desk=SimpleNamespace(stand=lambda _: None, end=lambda *_: None),
            speakers=[cut],
            luck=lambda: 0.5,
            clock=asyncio.get_running_loop().time,
        )
        running = asyncio.create_task(post.run())
        await cut.speaks.wait()
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=20)
        running.cancel()

    assert done, "it connected again, and did not stop"
    assert running.cancelled()
