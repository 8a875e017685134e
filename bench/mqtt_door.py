"""The door by a broker, in a process of its own: ``python -m bench.mqtt_door PORT``.

It knows the channels of `bench.intake.Flow`, and tells them to nobody.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from random import SystemRandom
from typing import Any, cast

from bench.intake import Flow
from watchtower.brokers import Broker
from watchtower.interfaces.feed import Feed
from watchtower.interfaces.inquiries import Inquiries
from watchtower.interfaces.mqtt.clerk import Clerk
from watchtower.interfaces.mqtt.connection import Credentials
from watchtower.interfaces.mqtt.serve import Post
from watchtower.interfaces.mqtt.teller import Teller
from watchtower.interfaces.mqtt.topics import Topics

__all__ = ["TOPICS", "main"]

TOPICS = Topics(prefix="bench", group="", client="door")


class _Ready(Inquiries):
    """Whoever is asked only whether all is ready."""

    def __init__(self) -> None:
        self.why_not_ready = lambda: ""


def main(port: str) -> None:
    """Take claims until standard input ends."""
    with Flow(ed25519=False).opened() as flow, suppress(KeyboardInterrupt):
        flow.run(_serve(flow, int(port)))


async def _serve(flow: Flow, port: int) -> None:
    luck = SystemRandom().random
    post = Post(
        Broker(host="127.0.0.1", port=port, is_encrypted=False),
        TOPICS,
        credentials=lambda: Credentials(username=None, password=None, tls=None),
        clerk=Clerk(flow.door, TOPICS, luck=luck),
        teller=Teller(Feed(lambda: None), _Ready(), TOPICS, tells_all=False),
        desk=cast("Any", _Nobody()),
        luck=luck,
        clock=asyncio.get_running_loop().time,
    )
    serving = asyncio.create_task(post.run())
    await asyncio.to_thread(sys.stdin.read)
    serving.cancel()
    await asyncio.wait({serving})


class _Nobody:
    """Whoever hears of alarms here."""

    def stand(self, alarm: object) -> None:
        """Hear of one."""

    def end(self, name: str, subject: str) -> None:
        """Hear of its end."""


if __name__ == "__main__":
    main(*sys.argv[1:])
