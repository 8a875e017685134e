"""A stage whose tower takes claims from a real broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.interfaces.mqtt.broker import Broker, broker_in
from tests.tower.conftest import Stage, stage_on


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker that runs."""
    async with broker_in(tmp_path / "broker") as made:
        yield made


@pytest.fixture
async def stage(tmp_path: Path, broker: Broker) -> AsyncIterator[Stage]:
    """A stage whose tower knows the broker."""
    async with stage_on(tmp_path) as made:
        made.with_settings(mqtt=broker.settings())
        yield made
