"""The ways out of the house for alarms, made of the settings: where to, with which secrets.

Decides nothing; who knows whom is drawn here, as in ``assembly.py``. Nothing is sent yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchtower.alert_settings import WebhookSettings, is_web_address
from watchtower.alerts.heartbeat import Heartbeat
from watchtower.alerts.routes import CommandRoute, Route, WebhookRoute
from watchtower.alerts.rules import Alarm, Severity
from watchtower.alerts.signature import MOST_SECRETS, secret_of
from watchtower.brokers import broker_of
from watchtower.errors import ConfigError
from watchtower.interfaces.mqtt.topics import Topics
from watchtower.keys.secret_file import read_secret
from watchtower.settings import Settings

if TYPE_CHECKING:
    from watchtower.interfaces.mqtt.alerts import AlertTopic
    from watchtower.interfaces.mqtt.connection import Credentials

__all__ = ["WaysOut", "routes_of_command", "ways_again", "ways_out"]

_TIMEOUT: Final = 30.0
_APPRISE_TIMEOUT: Final = 60.0
"""Seconds for one try. Apprise talks several times with a mail server, each with its own."""

_MOST_ADDRESSES: Final = 16
"""Addresses of apprise's, for each has a thread."""

_CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"

Wall = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysOut:
    """Where alarms and signs of life go; ``topic`` is at the broker, None if nothing goes there."""

    routes: Sequence[Route]
    heartbeats: Sequence[Heartbeat]
    topic: AlertTopic | None


def ways_out(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    standing: Callable[[], Sequence[Alarm]],
    wall: Wall,
    has_broker: bool,
) -> WaysOut:
    """Return the daemon's ways out. ``standing`` returns what stands, ``wall`` the time since 1970.

    Without ``has_broker`` nothing goes to the broker, whatever the settings say.

    Raises:
        ConfigError: a file with a secret or an address cannot be read, or used.
    """
    topic = _topic_of(settings, standing) if has_broker else None
    return ways_again(settings, environment, topic=topic, wall=wall)


def ways_again(
    settings: Settings, environment: Mapping[str, str], *, topic: AlertTopic | None, wall: Wall
) -> WaysOut:
    """Return the ways out by other settings; files are read anew, the topic at the broker stays.

    Raises:
        ConfigError: a file with a secret or an address cannot be read, or used.
    """
    routes = _routes_of(settings, environment, wall)
    if topic is not None and settings.alerts.mqtt:
        routes.append(topic)
    heartbeats = _heartbeats_of(settings, environment, topic, wall)
    return WaysOut(routes=_told_apart(routes), heartbeats=heartbeats, topic=topic)


def routes_of_command(
    settings: Settings,
    environment: Mapping[str, str],
    credentials: Callable[[], Credentials] | None,
) -> Sequence[Route]:
    """Return the routes for a command that runs beside the daemon.

    ``credentials`` tells who we are at the broker; None if there is none.

    Raises:
        ConfigError: a file with a secret or an address cannot be read, or used.
    """
    routes = _routes_of(settings, environment, time.time)
    if settings.alerts.mqtt and credentials is not None:
        # Only who has a broker needs what it takes to speak with one.
        from watchtower.interfaces.mqtt.alerts import AlertTopicOnce  # noqa: PLC0415

        routes.append(
            AlertTopicOnce(
                broker_of(settings.mqtt.broker),
                _topics_of(settings),
                credentials=credentials,
                least=Severity(settings.alerts.mqtt_from),
            )
        )
    return _told_apart(routes)


def _routes_of(settings: Settings, environment: Mapping[str, str], wall: Wall) -> list[Route]:
    alerts = settings.alerts
    routes: list[Route] = []
    if alerts.command:
        least = Severity(alerts.command_from)
        routes.append(
            CommandRoute(alerts.command, timeout=_TIMEOUT, environment=environment, least=least)
        )
    if alerts.webhook:
        least = Severity(alerts.webhook_from)
        routes.append(WebhookRoute(alerts.webhook, timeout=_TIMEOUT, least=least, wall=wall))
    routes += [_webhook_of(webhook, environment, wall) for webhook in alerts.webhooks]
    if alerts.apprise_file:
        routes += _apprise_of(Path(alerts.apprise_file), environment, alerts.apprise_from, wall)
    return routes


def _webhook_of(
    webhook: WebhookSettings, environment: Mapping[str, str], wall: Wall
) -> WebhookRoute:
    secrets: tuple[bytes, ...] = ()
    if webhook.secret_file:
        secrets = _secrets_of(Path(webhook.secret_file), environment)
    return WebhookRoute(
        webhook.url or _address_in(Path(webhook.url_file), environment),
        timeout=_TIMEOUT,
        name=webhook.name,
        secrets=secrets,
        least=Severity(webhook.least),
        wall=wall,
    )


def _secrets_of(path: Path, environment: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the secrets of a file, one in each line: each signs."""
    try:
        secrets = tuple(secret_of(line) for _, line in _lines(path, environment))
    except ValueError as wrong:
        why = (
            f'{wrong}; make one with `echo "whsec_$(openssl rand -base64 32)"`, and tell it '
            "whoever is to verify what we send"
        )
        raise ConfigError(path=path, why=why) from None
    if not 1 <= len(secrets) <= MOST_SECRETS:
        raise ConfigError(path=path, why=f"it has {len(secrets)} secrets, not 1 to {MOST_SECRETS}")
    return secrets


def _address_in(path: Path, environment: Mapping[str, str]) -> str:
    url = _read(path, environment).strip()
    if not is_web_address(url):
        raise ConfigError(path=path, why="what it holds is not an http(s) address")
    return url


def _apprise_of(
    path: Path, environment: Mapping[str, str], least: str, wall: Wall
) -> Iterator[Route]:
    # Only who tells people by it pays for what it takes to.
    from watchtower.alerts.apprise_route import AppriseRoute  # noqa: PLC0415

    lines = [*_lines(path, environment)]
    if not 1 <= len(lines) <= _MOST_ADDRESSES:
        why = f"it has {len(lines)} addresses, and should have 1 to {_MOST_ADDRESSES}, a line each"
        raise ConfigError(path=path, why=why)
    for number, line in lines:
        word, _, rest = line.partition(" ")
        has_word = word in {severity.value for severity in Severity}
        try:
            yield AppriseRoute(
                rest.strip() if has_word else line,
                timeout=_APPRISE_TIMEOUT,
                least=Severity(word if has_word else least),
                wall=wall,
            )
        except ValueError:
            why = f"line {number} is no address that apprise knows, such as mailto://… or ntfy://…"
            raise ConfigError(path=path, why=why) from None


def _lines(path: Path, environment: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield what stands in a file and is no comment, with the number of its line."""
    for number, line in enumerate(_read(path, environment).splitlines(), start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, text


def _read(path: Path, environment: Mapping[str, str]) -> str:
    """Return what a secret file holds; what systemd hands us it guards by its own modes."""
    guarded = environment.get(_CREDENTIALS_VARIABLE)
    is_guarded = bool(guarded) and path.is_relative_to(guarded or "")
    return read_secret(path, must_be_private=not is_guarded)


def _topic_of(settings: Settings, standing: Callable[[], Sequence[Alarm]]) -> AlertTopic | None:
    alerts = settings.alerts
    if not (settings.mqtt.broker and (alerts.mqtt or alerts.heartbeat_topic)):
        return None
    # Only who has a broker needs what it takes to speak with one.
    from watchtower.interfaces.mqtt.alerts import AlertTopic  # noqa: PLC0415

    return AlertTopic(
        broker_of(settings.mqtt.broker),
        _topics_of(settings),
        standing=standing,
        least=Severity(alerts.mqtt_from),
        tells_alarms=alerts.mqtt,
    )


def _topics_of(settings: Settings) -> Topics:
    mqtt = settings.mqtt
    return Topics(prefix=mqtt.topic_prefix, group=mqtt.group, client=mqtt.client)


def _heartbeats_of(
    settings: Settings, environment: Mapping[str, str], topic: AlertTopic | None, wall: Wall
) -> list[Heartbeat]:
    alerts = settings.alerts
    hearts = []
    url = alerts.heartbeat_url
    if alerts.heartbeat_url_file:
        url = _address_in(Path(alerts.heartbeat_url_file), environment)
    if url:
        hearts.append(
            Heartbeat.of_url(
                url, every=alerts.heartbeat_seconds, method=alerts.heartbeat_method, wall=wall
            )
        )
    if topic is not None and alerts.heartbeat_topic:
        where = alerts.heartbeat_topic

        async def feed() -> str | None:
            return await topic.publish(where, b'{"at": %d}' % int(wall()))

        hearts.append(Heartbeat(feed, name=where, every=alerts.heartbeat_seconds, wall=wall))
    return hearts


def _told_apart(routes: Sequence[Route]) -> list[Route]:
    """Return routes of which no two have one name: a record has to say which of them it was."""
    named: dict[str, int] = {}
    apart: list[Route] = []
    for route in routes:
        count = named[route.name] = named.get(route.name, 0) + 1
        if count > 1:
            route.name = f"{route.name} {count}"
        apart.append(route)
    return apart
