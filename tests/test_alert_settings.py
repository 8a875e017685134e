"""The settings of ``[alerts]``: what contradicts itself is refused before anything begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from watchtower.alert_routes import routes_of_command
from watchtower.alerts.rules import Severity
from watchtower.settings import AlertSettings, Settings


def made(**said: Any) -> AlertSettings:
    """Return settings as a file says them."""
    return msgspec.convert(said, AlertSettings)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"webhook": "ftp://x"}, "`alerts.webhook` is not an http"),
        ({"webhook": "https://"}, "`alerts.webhook` is not an http"),
        ({"heartbeat_url": "https://h", "heartbeat_url_file": "x"}, "two ways to say one"),
        ({"heartbeat_topic": "life"}, "`alerts.heartbeat_topic` needs `mqtt.broker`"),
        ({"mqtt": True}, "`alerts.mqtt` needs `mqtt.broker`"),
        ({"webhooks": [{}]}, "needs one of `url` and `url_file`"),
        ({"webhooks": [{"url": "https://h", "url_file": "x"}]}, "needs one of `url`"),
        ({"webhooks": [{"url": "h"}]}, "not an http"),
        ({"webhooks": [{"url": "https://h", "name": "a b"}]}, "has a `name` with more"),
        ({"webhooks": [{"url": "https://h"}] * 17}, "16 at most"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(said: dict[str, Any], why: str) -> None:
    """A route that is none, or that is said twice."""
    assert why in (made(**said).why_unusable(has_broker=False) or "")


def test_a_topic_with_a_wildcard_is_refused() -> None:
    """A broker ends the connection of whoever writes there."""
    assert made(heartbeat_topic="a/#").why_unusable(has_broker=True) is not None
    assert made(heartbeat_topic="a/b", mqtt=True).why_unusable(has_broker=True) is None


def test_a_severity_that_there_is_not_is_refused() -> None:
    """Whoever writes `critical` wants to be told, and must not learn at night that they are not."""
    with pytest.raises(msgspec.ValidationError):
        made(webhooks=[{"url": "https://h", "from": "critical"}])
    with pytest.raises(msgspec.ValidationError):
        made(command_from="none")


def settings(alerts: AlertSettings) -> Settings:
    """Return whole settings."""
    return Settings(accounts=("r",), servers=("wss://s",), alerts=alerts)


def test_every_route_has_its_own_severity(tmp_path: Path) -> None:
    """And a line of the apprise file may have another one than the file."""
    file = tmp_path / "apprise"
    file.write_text("urgent json://pager\n# a word\njson://mail\nwarning json://chat\n")
    file.chmod(0o600)
    alerts = made(
        command=["x"],
        command_from="warning",
        webhook="https://one",
        webhooks=[{"url": "https://two", "from": "urgent"}],
        apprise_file="apprise",
        apprise_from="info",
    ).within(tmp_path)

    routes = routes_of_command(settings(alerts), {}, None)
    assert [(route.name, route.least) for route in routes] == [
        ("command x", Severity.WARNING),
        ("webhook one", Severity.INFO),
        ("webhook two", Severity.URGENT),
        ("apprise json", Severity.URGENT),
        ("apprise json 2", Severity.INFO),
        ("apprise json 3", Severity.WARNING),
    ]


def test_what_systemd_guards_need_not_be_private(tmp_path: Path) -> None:
    """Its credentials are readable by the service alone, whatever their modes say."""
    file = tmp_path / "hook"
    file.write_text("https://hook.example/T0KEN\n")
    file.chmod(0o644)
    alerts = made(webhooks=[{"url_file": str(file)}])

    (route,) = routes_of_command(settings(alerts), {"CREDENTIALS_DIRECTORY": str(tmp_path)}, None)
    assert route.name == "webhook hook.example"
