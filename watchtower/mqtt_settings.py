"""The settings of ``[mqtt]``: which broker, who we are there, and which topics are used.

A password is never among them: it is in the file that ``password_file`` names, or in
``WATCHTOWER_MQTT_PASSWORD``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from watchtower.brokers import broker_of, is_name, is_prefix

__all__ = ["MqttSettings"]

_FILES: Final = ("password_file", "ca_file", "certificate_file", "key_file")


class MqttSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Through which broker claims come in, and what is told there; nothing unless one is named."""

    broker: str = ""
    client: str = "watchtower"
    topic_prefix: str = "watchtower"
    group: str = ""
    tell: bool = True
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    allow_plaintext: bool = False

    def within(self, folder: Path) -> MqttSettings:
        """Return them with absolute paths, of files in the folder that they are relative to."""
        named = {name: getattr(self, name) for name in _FILES}
        there = {
            name: str((folder / Path(path).expanduser()).resolve())
            for name, path in named.items()
            if path
        }
        return msgspec.structs.replace(self, **there)

    def why_unusable(self) -> str | None:
        """Return why they cannot be used; None if they can."""
        return next(self._whys_unusable(), None)

    def _whys_unusable(self) -> Iterator[str]:
        if not self.broker:
            return
        for name in ("client", "group"):
            if not is_name(getattr(self, name)) and (self.group or name != "group"):
                yield f"`mqtt.{name}` may have letters, digits and `_.-`, 64 of them at most"
        if not is_prefix(self.topic_prefix):
            yield "`mqtt.topic_prefix` may have letters, digits, `_.-`, and slashes between them"
        if bool(self.certificate_file) != bool(self.key_file):
            yield "`mqtt.certificate_file` and `mqtt.key_file` go together"
        try:
            broker = broker_of(self.broker)
        except ValueError as wrong:
            yield f"`mqtt.broker` names no broker: {wrong}"
            return
        if not broker.is_private and not self.allow_plaintext:
            # Whoever sits between us and the broker could keep claims from us, and read who pays.
            yield (
                f"the way to {broker.text} is not encrypted; use mqtts://, or set "
                "`mqtt.allow_plaintext = true` if the way there is private"
            )
        if not broker.is_encrypted and (self.ca_file or self.certificate_file):
            yield "`mqtt.ca_file` and `mqtt.certificate_file` are for mqtts:// alone"
