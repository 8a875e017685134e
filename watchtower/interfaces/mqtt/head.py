"""A head at a broker: a retained message, which stands there until another takes its place.

What it guarantees: it has a connection and a name of its own, so that neither claims nor what is
told wait for it; no session is left behind; and a broker that goes, refuses or is slow is told as
such, and asked again the next time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import aiomqtt

from watchtower.brokers import Broker
from watchtower.errors import ConfigError
from watchtower.interfaces.mqtt.connection import Credentials
from watchtower.store.head import MOST_BYTES
from watchtower.store.head_keeping import HeadUnreachable

__all__ = ["HeadTopic"]

_PATIENCE: Final = 4.0
"""Seconds for the broker to answer anything."""

_QUIET: Final = 2.0
"""Seconds behind which a broker that has said nothing has nothing: what is retained comes with the
answer to a subscription (MQTT 5.0 section 3.3.1.3)."""

_FAILURE: Final = 0x80

_SILENT: Final = logging.getLogger("mqtt head, silenced")
_SILENT.disabled = True


class HeadTopic:
    """A head that is retained under a topic."""

    def __init__(
        self, broker: Broker, topic: str, *, client: str, credentials: Callable[[], Credentials]
    ) -> None:
        """Connect when there is something to ask; ``client`` is who we are there."""
        self.name = f"{broker.text}/{topic}"
        self._broker = broker
        self._topic = topic
        self._client_name = client
        self._credentials = credentials
        self._client: aiomqtt.Client | None = None

    async def read(self) -> bytes | None:
        """Return what is retained; None if nothing is."""
        client = await self._connected()
        try:
            while len(client.messages):
                await anext(client.messages)  # echoes of what we have published ourselves
            codes = await client.subscribe(self._topic, qos=1)
            if any((code if isinstance(code, int) else code.value) >= _FAILURE for code in codes):
                raise HeadUnreachable("the broker does not let us read there")
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIET):
                    async for message in client.messages:
                        if message.retain:
                            return bytes(message.payload)[: MOST_BYTES + 1]
        except aiomqtt.MqttError as lost:
            await self.close()
            raise HeadUnreachable(str(lost) or "the connection broke off") from None
        return None

    async def write(self, head: bytes) -> None:
        """Have the broker retain a head; return when it has taken it."""
        client = await self._connected()
        try:
            await client.publish(self._topic, head, qos=1, retain=True)
        except aiomqtt.MqttError as lost:
            await self.close()
            raise HeadUnreachable(str(lost) or "the connection broke off") from None

    async def close(self) -> None:
        """Let the connection go, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
            ended = client._disconnected  # noqa: SLF001 - looked at, so that nobody complains
            if ended.done() and not ended.cancelled():
                ended.exception()

    async def _connected(self) -> aiomqtt.Client:
        if self._client is not None:
            return self._client
        try:
            credentials = self._credentials()
            made = aiomqtt.Client(
                self._broker.host,
                self._broker.port,
                identifier=self._client_name,
                username=credentials.username,
                password=credentials.password,
                tls_context=credentials.tls,
                protocol=aiomqtt.ProtocolVersion.V5,
                clean_start=True,
                logger=_SILENT,
                timeout=_PATIENCE,
            )
        except ConfigError as wrong:
            raise HeadUnreachable(str(wrong).rstrip(".")) from None
        try:
            await made.__aenter__()
        except (aiomqtt.MqttError, OSError, ValueError) as lost:
            made._client.disconnect()  # noqa: SLF001 - else its socket stays open
            raise HeadUnreachable(str(lost) or "there is no connection") from None
        self._client = made
        return made
