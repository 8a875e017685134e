"""What a broker refuses of what we tell it, by its own rules.

It acknowledges such a message all the same (PUBACK, MQTT 5.0 section 3.4.2.1), with a reason, and
aiomqtt takes any acknowledgement for success (2.5): whoever has to be told would be told nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

import aiomqtt
import structlog

__all__ = ["WhyRefused", "hear_refusals", "is_failure"]

_log = structlog.get_logger(__name__)

_NUMBER: ContextVar[int] = ContextVar("number of the message that was published last", default=0)

WhyRefused = Callable[[], str | None]
"""Says why the broker refused what this task has published last; None if it did not."""

_FAILURE: Final = 0x80
"""The first of the reason codes that say no (MQTT 5.0 section 2.4)."""


def is_failure(code: Any) -> bool:
    """Return whether a reason code says no."""
    return int(getattr(code, "value", code)) >= _FAILURE


def hear_refusals(made: aiomqtt.Client) -> WhyRefused:
    """Hear which messages of a client the broker refuses. Call it before the client connects.

    Returns:
        What says why the message that this task has published last was refused; None if it was not.
    """
    paho: Any = made._client  # noqa: SLF001 - what aiomqtt does not offer
    listener, publish = paho.on_publish, paho.publish
    refused: dict[int, str] = {}

    def on_publish(client: Any, userdata: Any, number: int, code: Any, told: Any) -> None:
        if is_failure(code):
            # Anybody may ask to be answered where we may not write.
            _log.info("broker_refused_message", why=str(code))
            refused[number] = str(code)
        listener(client, userdata, number, code, told)

    def numbered(*message: Any, **more: Any) -> Any:
        sent = publish(*message, **more)
        refused.pop(sent.mid, None)  # of one that nobody waited for, and whose number it has now
        _NUMBER.set(sent.mid)
        return sent

    paho.on_publish, paho.publish = on_publish, numbered
    return lambda: refused.pop(_NUMBER.get(), None)
