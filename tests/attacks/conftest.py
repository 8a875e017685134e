"""A stage for attacks that need a whole tower."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.tower.conftest import Stage, stage_on


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A payer, a payee and a tower to be started."""
    async with stage_on(tmp_path) as made:
        yield made
