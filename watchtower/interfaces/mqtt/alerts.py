"""Alarms at the broker: each as it is told, and a list of those that stand.

What it guarantees: a message counts as told when the broker has taken it, and not where it refuses
it by its own rules (an access list). The list is a retained
message and a lease: it is told anew every hour, and goes away by itself a day behind the last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import aiomqtt
import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from watchtower.alerts.message import Message
from watchtower.alerts.rules import Alarm, Severity
from watchtower.brokers import Broker
from watchtower.errors import ConfigError
from watchtower.interfaces.mqtt.connection import BrokerLost, Connection, Credentials
from watchtower.interfaces.mqtt.refusals import hear_refusals
from watchtower.interfaces.mqtt.topics import Topics

__all__ = ["AlertTopic", "AlertTopicOnce", "list_of"]

_LOOK: Final = 5.0
_RENEWED: Final = 3_600.0
_STANDS: Final = 86_400
"""Seconds between two looks at what stands, after which it is told anew, and for which it stands
at the broker."""

_PATIENCE: Final = 10.0
"""Seconds for the broker to take a message."""

_NO_WAY: Final = "there is no connection to the broker"

_SILENT: Final = logging.getLogger("mqtt alerts, silenced")
_SILENT.disabled = True


def list_of(alarms: Sequence[Alarm]) -> bytes:
    """Return the list of alarms that stand, as it stands at the broker."""
    return msgspec.json.encode(
        [
            {
                "name": alarm.name,
                "subject": alarm.subject,
                "severity": alarm.severity.value,
                "sentence": alarm.sentence,
            }
            for alarm in alarms
        ]
    )


class AlertTopic:
    """Alarms by the daemon's own connection, whenever there is one."""

    kind: Final = "mqtt"

    def __init__(
        self,
        broker: Broker,
        topics: Topics,
        *,
        standing: Callable[[], Sequence[Alarm]],
        least: Severity,
        tells_alarms: bool = True,
    ) -> None:
        """Wait for a connection; ``standing`` returns what stands.

        Without ``tells_alarms`` no list is told, for only signs of life go this way.
        """
        self.name = f"mqtt {broker.text}"
        self.least = least
        self._topics = topics
        self._standing = standing
        self._tells_alarms = tells_alarms
        self._connection: Connection | None = None
        self._may_have_changed = asyncio.Event()

    async def tell(self, connection: Connection) -> None:
        """Tell what stands, whenever it changes, until cancelled; and let messages go this way.

        Raises:
            BrokerLost: the connection has ended.
        """
        self._connection = connection
        try:
            if self._tells_alarms:
                await self._tell_list(connection)
            await asyncio.Event().wait()
        finally:
            self._connection = None

    async def _tell_list(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        told, renew_at = b"", 0.0
        while True:
            self._may_have_changed.clear()
            stands = list_of(self._standing())
            if stands != told or loop.time() >= renew_at:
                await connection.publish(
                    self._topics.alerts, stands, retain=True, expires_after=_STANDS
                )
                told, renew_at = stands, loop.time() + _RENEWED
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._may_have_changed.wait()

    async def hand_over(self, message: Message) -> str | None:
        """Have the broker tell one alarm."""
        self._may_have_changed.set()
        return await self.publish(self._topics.alert(message.name), message.report.encode())

    async def publish(self, topic: str, payload: bytes) -> str | None:
        """Have the broker tell something; return None if it has taken it, else why not."""
        if self._connection is None:
            return _NO_WAY
        try:
            async with asyncio.timeout(_PATIENCE):
                refused = await self._connection.publish(topic, payload)
        except TimeoutError:
            return f"the broker did not take it within {_PATIENCE:g} s"
        except BrokerLost as lost:
            return f"the way to the broker was lost ({lost})"
        return _refusal(topic, refused)


class AlertTopicOnce:
    """Alarms by a connection for each, for whoever is not the daemon."""

    kind: Final = "mqtt"

    def __init__(
        self,
        broker: Broker,
        topics: Topics,
        *,
        credentials: Callable[[], Credentials],
        least: Severity,
    ) -> None:
        """Connect when there is something to tell."""
        self.name = f"mqtt {broker.text}"
        self.least = least
        self._broker = broker
        self._topics = topics
        self._credentials = credentials

    async def hand_over(self, message: Message) -> str | None:
        """Connect, have the broker tell one alarm, and go."""
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.PayloadFormatIndicator = 1
        properties.ContentType = "application/json"
        try:
            credentials = self._credentials()
            made = aiomqtt.Client(
                self._broker.host,
                self._broker.port,
                # The daemon's own name would end its connection.
                identifier=f"{self._topics.client}-alert",
                username=credentials.username,
                password=credentials.password,
                tls_context=credentials.tls,
                protocol=aiomqtt.ProtocolVersion.V5,
                clean_start=True,
                logger=_SILENT,
                timeout=_PATIENCE,
            )
            why_refused = hear_refusals(made)
            topic = self._topics.alert(message.name)
            async with made as client:
                await client.publish(topic, message.report.encode(), qos=1, properties=properties)
                return _refusal(topic, why_refused())
        except ConfigError as wrong:
            return str(wrong).rstrip(".")
        except (aiomqtt.MqttError, OSError, ValueError) as lost:
            return str(lost) or _NO_WAY


def _refusal(topic: str, why: str | None) -> str | None:
    """Say that the broker does not let us write to a topic; None if it does."""
    return None if why is None else f"the broker refuses what is told at {topic}: {why}"
