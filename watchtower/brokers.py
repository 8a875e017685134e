"""MQTT brokers: their addresses, and the names that are used there. Pure.

An address is ``mqtt://host:port``, or ``mqtts://host:port`` by TLS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from watchtower.hosts import is_loopback

__all__ = ["Broker", "broker_of", "is_name", "is_prefix"]

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*", re.ASCII)
_LONGEST_PREFIX: Final = 128

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


def is_name(text: str) -> bool:
    """Return whether a client or a group can be called so: letters, digits, ``_.-``."""
    return _NAME.fullmatch(text) is not None


def is_prefix(text: str) -> bool:
    """Return whether topics can begin so: names, with slashes between them."""
    return len(text) <= _LONGEST_PREFIX and _PREFIX.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where a broker is, and whether the way to it is encrypted."""

    host: str
    port: int
    is_encrypted: bool

    @property
    def is_private(self) -> bool:
        """Whether nobody can stand between it and us."""
        return self.is_encrypted or is_loopback(self.host)

    @property
    def text(self) -> str:
        """The address in one spelling."""
        scheme = "mqtts" if self.is_encrypted else "mqtt"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"


def broker_of(text: str) -> Broker:
    """Return the broker that a setting names.

    Raises:
        ValueError: it names none, or says more than where one is; the text is not repeated, for it
            may hold a password.
    """
    wrong = ValueError("it should be like mqtts://broker.example:8883")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if not host or parts.scheme not in _PORTS or port == 0:
        raise wrong
    if parts.username is not None or parts.password is not None:
        raise ValueError("it holds a name or a password; use `mqtt.username`, `mqtt.password_file`")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("it should end with the port")
    return Broker(
        host=host, port=port or _PORTS[parts.scheme], is_encrypted=parts.scheme == "mqtts"
    )
