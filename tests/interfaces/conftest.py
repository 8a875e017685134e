"""A tower that listens at a unix socket, and who talks with it rudely."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.interfaces.streams import Rude, path_of
from tests.tower.conftest import Stage, stage_on
from watchtower.settings import HttpSettings


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower listens at a unix socket."""
    async with stage_on(tmp_path) as made:
        made.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        yield made


@pytest.fixture
async def rude(stage: Stage) -> AsyncIterator[Callable[[], Rude]]:
    """Makes rude clients, which go away in the end."""
    made: list[Rude] = []

    def make() -> Rude:
        made.append(Rude(path_of(stage)))
        return made[-1]

    yield make
    for one in made:
        one.socket.close()
