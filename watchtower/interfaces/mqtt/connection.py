"""One connection to a broker: what it hands us, what we tell, and what we acknowledge.

What it guarantees:

- Nothing is acknowledged but by `Connection.acknowledge`. What was not comes again, with the next
  connection (MQTT 5.0 section 4.4), for the broker keeps our session for as long as it can.
- What waits here is bounded: the broker hands us so many messages at a time and none above a size
  (Receive Maximum, Maximum Packet Size); those that it need not have acknowledged (QoS 0) are
  dropped where there is no room; and what we tell waits for the broker to take it.

It stands on aiomqtt, which acknowledges by itself and offers nothing else (2.5). paho under it can
be told not to, so a few lines here reach through to it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from typing_extensions import override

from watchtower.interfaces.mqtt.refusals import WhyRefused, hear_refusals, is_failure
from watchtower.interfaces.mqtt.unreadable import read_all

__all__ = [
    "IN_FLIGHT",
    "BrokerLost",
    "Connection",
    "Credentials",
    "Delivery",
    "Will",
    "connect",
]

_log = structlog.get_logger(__name__)

IN_FLIGHT: Final = 32
"""Messages that the broker hands us before we have acknowledged any of them (Receive Maximum)."""

_LARGEST: Final = 2 << 20
"""Bytes of the largest message that we are handed: more than an interface takes, to answer so."""

_ROOM: Final = 64
"""Messages without acknowledgement (QoS 0) that may wait."""

_OUT: Final = 16
"""Messages of ours that the broker has not taken yet; Mosquitto allows 20."""

_FOR_EVER: Final = 0xFFFFFFFF
"""A session that does not expire (MQTT 5.0 section 3.1.2.11.2): what was promised waits in it."""

_KEEP_ALIVE: Final = 10
"""Seconds of silence after which the broker is asked whether it is still there."""

_PATIENCE: Final = 5.0
"""Seconds for the broker to answer anything."""

# What is said of a connection is said here, in our words; the library's own would be a line for
# whatever an outsider does.
_SILENT: Final = logging.getLogger("mqtt, silenced")
_SILENT.disabled = True


class BrokerLost(Exception):  # noqa: N818 - a turn of events, and never leaves this room
    """There is no connection to the broker; ``is_refusal`` if it does not want us."""

    def __init__(self, why: str, *, is_refusal: bool = False) -> None:
        """Say why."""
        super().__init__(why)
        self.is_refusal = is_refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who we are, and how we know the broker; ``tls`` is None where nothing is encrypted."""

    username: str | None
    password: str | None
    tls: ssl.SSLContext | None

    @override
    def __repr__(self) -> str:
        """Return nothing that is secret."""
        return f"Credentials(username={self.username!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Will:
    """What the broker tells for us, retained, once we are gone without a word."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message that the broker handed us.

    Attributes:
        topic: where it was sent to.
        payload: its body.
        response_topic: where its sender waits for an answer; None if it does not.
        correlation: what goes with the answer, unchanged.
        number: by which it is acknowledged; None for one that need not be.
        is_again: whether it was handed over before, and not acknowledged.
    """

    topic: str
    payload: bytes
    response_topic: str | None
    correlation: bytes | None
    number: int | None
    is_again: bool


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """What was handed over and nobody has looked at yet.

    Receive Maximum bounds all but messages without acknowledgement. Were there one bound for both,
    a flood of those would push out what the broker waits for us to acknowledge.
    """

    @override
    def put_nowait(self, item: aiomqtt.Message) -> None:
        if item.qos or self.qsize() < _ROOM:
            super().put_nowait(item)


class Connection:
    """An open connection; ``largest`` is how many bytes the broker takes in one message."""

    def __init__(
        self,
        client: aiomqtt.Client,
        *,
        out: int,
        largest: int,
        again: set[int],
        why_refused: WhyRefused,
    ) -> None:
        """Use ``client``, which is connected, for ``out`` messages at a time.

        In ``again`` are the numbers of messages that come again, until they are yielded.
        """
        self._client = client
        self._why_refused = why_refused
        self._out = asyncio.Semaphore(out)
        self._again = again
        self.largest = largest

    async def subscribe(self, topic: str) -> None:
        """Have messages of a topic handed over, each at least once.

        Raises:
            BrokerLost: the broker refuses, or is gone.
        """
        try:
            codes = await self._client.subscribe(topic, qos=1)
        except aiomqtt.MqttError as lost:
            raise _lost(lost) from None
        refused = next((code for code in codes if is_failure(code)), None)
        if refused is not None:
            raise BrokerLost(f"it refuses to give us {topic}: {refused}", is_refusal=True)

    async def deliveries(self) -> AsyncIterator[Delivery]:
        """Yield what the broker hands over, until the connection ends.

        Raises:
            BrokerLost: it has ended.
        """
        try:
            async for message in self._client.messages:
                told, is_again = message.properties, message.mid in self._again
                self._again.discard(message.mid)
                yield Delivery(
                    topic=message.topic.value,
                    payload=bytes(message.payload),
                    response_topic=getattr(told, "ResponseTopic", None),
                    correlation=getattr(told, "CorrelationData", None),
                    number=message.mid if message.qos else None,
                    is_again=is_again,
                )
        except aiomqtt.MqttError as lost:
            raise _lost(lost) from None

    def acknowledge(self, delivery: Delivery) -> None:
        """Say that a message need not come again (PUBACK); once, for its number is used again."""
        if delivery.number is not None:
            # If the connection has ended meanwhile this does nothing, and it comes again.
            _paho(self._client).ack(delivery.number, 1)

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        content_type: str = "application/json",
        correlation: bytes | None = None,
        response_topic: str | None = None,
        expires_after: int | None = None,
    ) -> str | None:
        """Have the broker tell something, at least once; return when it has taken it.

        One that it refuses, by its own rules, is lost, and logged where it is refused.

        Returns:
            Why it was refused; None if it was taken.

        Raises:
            BrokerLost: it is gone, or does not answer.
        """
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.PayloadFormatIndicator = 1
        properties.ContentType = content_type
        if correlation is not None:
            properties.CorrelationData = correlation
        if response_topic is not None:
            properties.ResponseTopic = response_topic
        if expires_after is not None:
            properties.MessageExpiryInterval = expires_after
        async with self._out:
            try:
                await self._client.publish(
                    topic, payload, qos=1, retain=retain, properties=properties
                )
            except aiomqtt.MqttError as lost:
                raise _lost(lost) from None
            return self._why_refused()


@asynccontextmanager
async def connect(
    host: str, port: int, *, client: str, credentials: Credentials, will: Will
) -> AsyncIterator[Connection]:
    """Connect, and take the session up where it was left.

    Raises:
        BrokerLost: the broker cannot be reached, does not want us, or has gone since.
    """
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = _FOR_EVER
    properties.ReceiveMaximum = IN_FLIGHT
    properties.MaximumPacketSize = _LARGEST
    made = aiomqtt.Client(
        host,
        port,
        identifier=client,
        username=credentials.username,
        password=credentials.password,
        tls_context=credentials.tls,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False,
        properties=properties,
        will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
        logger=_SILENT,
        queue_type=_Inbox,
        max_inflight_messages=_OUT,
        # An acknowledgement would wait for that of the packet before it, 40 ms on Linux.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        keepalive=_KEEP_ALIVE,
        timeout=_PATIENCE,
    )
    terms, paho, again = _Terms(), _paho(made), set[int]()
    paho.connect_timeout = _PATIENCE
    paho.manual_ack_set(True)  # noqa: FBT003 - the library's own way to say it
    read_all(paho)
    paho.on_connect = terms.heard_by(paho.on_connect)
    paho.on_disconnect = _told_by_the_broker(paho.on_disconnect)
    paho.on_message = _noting_again(paho.on_message, again)
    why_refused = hear_refusals(made)
    await _enter(made)
    try:
        yield Connection(
            made,
            out=min(_OUT, terms.out),
            largest=terms.largest,
            again=again,
            why_refused=why_refused,
        )
    finally:
        # Whatever ended the block must go on, a cancellation above all.
        with suppress(aiomqtt.MqttError):
            await made.__aexit__(None, None, None)


async def _enter(made: aiomqtt.Client) -> None:
    """Connect; leave neither a socket nor a task behind where that fails or is given up."""
    entering = asyncio.create_task(made.__aenter__())
    try:
        # A thread connects, which nobody can stop: it is waited for, a few seconds at most.
        await asyncio.shield(entering)
    except asyncio.CancelledError:
        await asyncio.wait({entering})
        entering.exception()
        _paho(made).disconnect()
        raise
    except (aiomqtt.MqttError, OSError, ValueError) as lost:
        _paho(made).disconnect()
        raise _lost(lost) from None


class _Terms:
    """What the broker said of itself when we connected (CONNACK, MQTT 5.0 section 3.2.2.3)."""

    def __init__(self) -> None:
        """Know what holds for a broker that says nothing."""
        self.out = 65_535
        self.largest = 256 << 20

    def heard_by(self, listener: Any) -> Callable[..., None]:
        """Return a listener that hears the terms first, and then is ``listener``."""

        def on_connect(client: Any, userdata: Any, flags: Any, code: Any, told: Any = None) -> None:
            self.out = getattr(told, "ReceiveMaximum", self.out)
            self.largest = getattr(told, "MaximumPacketSize", self.largest)
            listener(client, userdata, flags, code, told)

        return on_connect


class _Unsaid(ReasonCode):
    """Why a connection ended of which the broker said nothing."""


def _told_by_the_broker(listener: Any) -> Callable[..., None]:
    """Return a listener that is not told that the broker had "unspecified" reasons.

    The library says so of every connection that breaks off (paho 2.2); from the broker itself the
    same code is a refusal.
    """

    def on_disconnect(client: Any, userdata: Any, flags: Any, code: Any, told: Any = None) -> None:
        if not flags.is_disconnect_packet_from_server and is_failure(code):
            code = _Unsaid(PacketTypes.DISCONNECT, identifier=code.value)
        listener(client, userdata, flags, code, told)

    return on_disconnect


def _noting_again(listener: Any, again: set[int]) -> Callable[..., None]:
    def on_message(client: Any, userdata: Any, message: Any) -> None:
        if message.dup:
            again.add(message.mid)
        listener(client, userdata, message)

    return on_message


def _paho(client: aiomqtt.Client) -> Any:
    return client._client  # noqa: SLF001 - what aiomqtt does not offer


def _lost(lost: Exception) -> BrokerLost:
    """Say why, in words that end no sentence; what the libraries say has no secrets in it."""
    cause = lost.__cause__ or lost
    code = getattr(cause, "rc", None)
    if isinstance(code, _Unsaid):
        return BrokerLost("the connection broke off")
    if isinstance(code, ReasonCode):
        return BrokerLost(str(code), is_refusal=is_failure(code))
    return BrokerLost(str(cause).rstrip("."))
