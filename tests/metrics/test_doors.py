"""What is measured of the ways in and out: a real broker, a real certificate, a real head."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.interfaces.certificates import Authority
from tests.interfaces.mqtt.broker import broker_in
from tests.interfaces.test_http import client_of
from tests.interfaces.test_tls import client_of as tls_client_of
from tests.metrics.test_scrape import until_measured, values
from tests.tower.conftest import Stage, stage_on
from watchtower.metrics import catalogue, standing
from watchtower.settings import HeadSettings, HttpSettings


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower does not listen yet."""
    async with stage_on(tmp_path) as made:
        yield made


async def test_a_broker_that_goes_is_seen_before_it_is_an_alarm(
    stage: Stage, tmp_path: Path
) -> None:
    """The alarm waits half a minute, since brokers come and go; a number need not."""
    async with broker_in(tmp_path / "broker") as broker:
        listen = f"unix:{tmp_path / 'door.sock'}"
        stage.with_settings(http=HttpSettings(listen=listen), mqtt=broker.settings())
        async with stage.tower(), client_of(stage) as client:
            for is_there in (1, 0, 1):
                await until_measured(stage, client, {"watchtower_broker_connected": is_there})
                await (broker.end() if is_there else broker.start())


async def test_certificate_and_head_are_told_of_where_there_are_any(
    stage: Stage, tmp_path: Path
) -> None:
    """Until when the one is good, to the second; and that the other was compared just now."""
    authority = Authority(tmp_path)
    own = authority.pair("own")
    with socket.create_server(("127.0.0.1", 0)) as found:
        listen = f"127.0.0.1:{found.getsockname()[1]}"
    stage.with_settings(
        http=HttpSettings(
            listen=listen, certificate=str(own.certificate), certificate_key=str(own.key)
        ),
        head=HeadSettings(files=(str(tmp_path / "head"),)),
    )
    told: dict[str, float] = {}
    async with stage.tower(), tls_client_of(stage, authority.trust()) as client:

        async def compared() -> bool:
            told.update(values((await client.get("/metrics")).text))
            return "watchtower_head_age_seconds" in told

        await stage.until(compared)
    certificate = x509.load_pem_x509_certificate(own.certificate.read_bytes())
    ends = certificate.not_valid_after_utc.timestamp()
    assert told["watchtower_certificate_expiry_timestamp_seconds"] == ends
    assert 0 <= told["watchtower_head_age_seconds"] < 60


def test_routes_are_numbered_and_say_since_when_they_fail() -> None:
    """As the deliverer reports them; an address or a name of any is told to nobody."""
    reports = [
        {
            "route": "https://hook.example/secret",
            "kind": "webhook",
            "waiting": 3,
            "dropped": 1,
            "given_up": 2,
            "delivered": 7,
            "failing_since": 1_700_000_000,
        },
        {
            "route": "mail",
            "kind": "apprise",
            "waiting": 0,
            "dropped": 0,
            "given_up": 0,
            "delivered": 9,
            "failing_since": None,
        },
    ]
    told = {(metric, labels): value for metric, labels, value in standing.of_routes(reports)}
    first, second = ("1", "webhook"), ("2", "apprise")
    assert told[catalogue.ROUTE_WAITING, first] == 3
    assert told[catalogue.ROUTE_DELIVERED, second] == 9
    assert told[catalogue.ROUTE_FAILING, first] == 1_700_000_000
    assert (catalogue.ROUTE_FAILING, second) not in told
    assert {labels for _, labels in told} == {first, second}
