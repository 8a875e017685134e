"""The settings of ``[alerts]``: whom to tell, of what, and who waits for our sign of life.

What is secret is in files: secrets that sign, the addresses of apprise, and those of webhooks that
are passwords themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct

from watchtower.brokers import is_name, is_prefix

__all__ = ["AlertSettings", "SeverityName", "WebhookSettings", "is_web_address"]

_QUIET: Final = r"^(([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])?$"

SeverityName = Literal["info", "warning", "urgent"]

_FILES: Final = ("apprise_file", "heartbeat_url_file")
_FILES_OF_WEBHOOK: Final = ("url_file", "secret_file")

_MOST_WEBHOOKS: Final = 16


class WebhookSettings(Struct, frozen=True, forbid_unknown_fields=True, rename={"least": "from"}):
    """An address that alarms are posted to, and what they are signed with."""

    url: str = ""
    url_file: str = ""
    secret_file: str = ""
    name: str = ""
    least: SeverityName = "info"

    def within(self, folder: Path) -> WebhookSettings:
        """Return the same with absolute paths, of files in ``folder``."""
        there = {
            name: str((folder / Path(given).expanduser()).absolute())
            for name in _FILES_OF_WEBHOOK
            if (given := getattr(self, name))
        }
        return msgspec.structs.replace(self, **there)

    def whys_unusable(self) -> Iterator[str]:
        """Yield why it cannot be used, each in a sentence that goes on from its name."""
        if bool(self.url) == bool(self.url_file):
            yield "needs one of `url` and `url_file`, and not both"
        if self.url and not is_web_address(self.url):
            yield "has a `url` that is not an http(s) address"
        if self.name and not is_name(self.name):
            yield "has a `name` with more than letters, digits and `_.-`, 64 of them at most"


class AlertSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to tell, besides the log and ``watchtower status``; and from which severity on."""

    command: tuple[str, ...] = ()
    command_from: SeverityName = "info"
    webhook: str = ""
    webhook_from: SeverityName = "info"
    webhooks: tuple[WebhookSettings, ...] = ()
    apprise_file: str = ""
    apprise_from: SeverityName = "info"
    mqtt: bool = False
    mqtt_from: SeverityName = "info"
    heartbeat_url: str = ""
    heartbeat_url_file: str = ""
    heartbeat_method: Literal["GET", "POST", "HEAD"] = "GET"
    heartbeat_topic: str = ""
    heartbeat_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 60.0
    repeat_seconds: Annotated[int, Meta(ge=0, le=2**31)] = 3_600
    escalate_after: Annotated[int, Meta(ge=0, le=1_000)] = 3
    quiet_hours: Annotated[str, Meta(pattern=_QUIET)] = ""
    timezone: str = ""
    guide_url: str = "docs/alerts.md"

    def within(self, folder: Path) -> AlertSettings:
        """Return them with absolute paths, of files in the folder that they are relative to."""
        there = {
            name: str((folder / Path(path).expanduser()).absolute())
            for name in _FILES
            if (path := getattr(self, name))
        }
        webhooks = tuple(webhook.within(folder) for webhook in self.webhooks)
        return msgspec.structs.replace(self, webhooks=webhooks, **there)

    def why_unusable(self, *, has_broker: bool) -> str | None:
        """Return why they cannot be used; None if they can."""
        return next(self._whys_unusable(has_broker=has_broker), None)

    def _whys_unusable(self, *, has_broker: bool) -> Iterator[str]:
        for name in ("webhook", "heartbeat_url"):
            url = getattr(self, name)
            if url and not is_web_address(url):
                yield f"`alerts.{name}` is not an http(s) address"
        if self.heartbeat_url and self.heartbeat_url_file:
            yield "`alerts.heartbeat_url` and `alerts.heartbeat_url_file` are two ways to say one"
        for webhook in self.webhooks:
            for why in webhook.whys_unusable():
                yield f"a webhook of `alerts.webhooks` {why}"
        if len(self.webhooks) > _MOST_WEBHOOKS:
            yield f"`alerts.webhooks` has {_MOST_WEBHOOKS} at most"
        for name in ("mqtt", "heartbeat_topic"):
            if getattr(self, name) and not has_broker:
                yield f"`alerts.{name}` needs `mqtt.broker`, by which it is told"
        if self.heartbeat_topic and not is_prefix(self.heartbeat_topic):
            yield (
                "`alerts.heartbeat_topic` may have letters, digits, `_.-`, and slashes between them"
            )
        yield from self._whys_no_quiet_hours()

    def _whys_no_quiet_hours(self) -> Iterator[str]:
        """Yield why it can never be quiet as they say; nothing if it can, or never shall be."""
        begin, _, end = self.quiet_hours.partition("-")
        if begin and begin == end:
            yield "`alerts.quiet_hours` begin when they end: leave them out for none"
        try:
            if self.timezone:
                ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield (
                f"`alerts.timezone` {self.timezone!r} is not known here; name one like "
                '"Europe/Zurich", or leave it out for that of this machine'
            )


def is_web_address(url: str) -> bool:
    """Return whether something can be requested there."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False
