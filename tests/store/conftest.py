"""An open store on a real disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.store import make
from watchtower.store.database import Store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give a new store at ``tmp_path/watchtower.db``."""
    async with await make.store(tmp_path / "watchtower.db") as opened:
        yield opened
