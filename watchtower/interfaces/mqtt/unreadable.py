"""Messages whose properties the library refuses, though the broker let them through.

paho takes U+FEFF in a property for a broken packet and lets the connection go. MQTT allows it
(MQTT 5.0 section 1.5.4, [MQTT-1.5.4-3]), and so brokers pass it on. Anybody who may publish claims
could so end our connection with one message, and again whenever the broker gives it once more:
for ever. Such a message is read without its properties: its claims count, and it has no answer.
"""

from __future__ import annotations

from typing import Final

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.properties import VariableByteIntegers

__all__ = ["read_all"]

_QOS: Final = 0x06
_AT_LEAST_ONCE: Final = 0x02


def read_all(client: paho.Client) -> None:
    """Have ``client`` read messages without their properties where it cannot read those."""
    handle = client._handle_publish  # noqa: SLF001 - there is no other place to stand in between

    def handle_publish() -> MQTTErrorCode:
        try:
            return handle()
        except MalformedPacket:
            bare = _without_properties(client)
            if bare is None:
                raise
        # The packet that is being read is the client's own; it is read again, and not sent.
        client._in_packet["packet"] = bare  # noqa: SLF001
        return handle()

    client._handle_publish = handle_publish  # type: ignore[method-assign]  # noqa: SLF001


def _without_properties(client: paho.Client) -> bytearray | None:
    """Return a PUBLISH (MQTT 5.0 section 3.3) without its properties; None if it is none."""
    header, body = client._in_packet["command"], client._in_packet["packet"]  # noqa: SLF001
    properties_at = 2 + int.from_bytes(body[:2], "big")
    if header & _QOS:
        properties_at += 2
    try:
        length, size = VariableByteIntegers.decode(body[properties_at:])  # type: ignore[no-untyped-call]
    except MalformedPacket:
        return None
    payload_at = properties_at + size + length
    if payload_at > len(body):
        return None
    return body[:properties_at] + b"\x00" + body[payload_at:]
