"""Messages whose properties the library refuses, at the client itself."""

from __future__ import annotations

from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.properties import VariableByteIntegers

from watchtower.interfaces.mqtt.unreadable import read_all

HEADER = 0x32
"""PUBLISH with QoS 1 (MQTT 5.0 section 3.3.1)."""


def read(body: bytes) -> list[Any]:
    """What a client makes of a PUBLISH."""
    found: list[Any] = []
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5, manual_ack=True)
    client.on_message = lambda _client, _data, message: found.append(message)
    read_all(client)
    client._in_packet["command"] = HEADER
    client._in_packet["packet"] = bytearray(body)
    client._handle_publish()
    return found


def packet(properties: bytes, payload: bytes) -> bytes:
    """A PUBLISH to ``w/claims`` with the number 7."""
    length: bytes = VariableByteIntegers.encode(len(properties))  # type: ignore[no-untyped-call]
    return b"\x00\x08w/claims\x00\x07" + length + properties + payload


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_whatever_its_properties_are_a_message_is_read(properties: bytes, payload: bytes) -> None:
    """With its number, so that it can be acknowledged, and the whole of its payload."""
    (message,) = read(packet(properties, payload))
    assert (message.topic, message.mid, bytes(message.payload)) == ("w/claims", 7, payload)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\x00\x08w/cl",
        b"\x00\x08w/claims\x00\x07",
        b"\x00\x08w/claims\x00\x07\x05ab",
        b"\x00\x08w/claims\x00\x07\xff\xff\xff\xff\x7f",
    ],
)
def test_what_is_no_message_at_all_is_still_refused(body: bytes) -> None:
    """A broker that sends such a thing is none."""
    with pytest.raises(MalformedPacket):
        read(body)
