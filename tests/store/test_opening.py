"""What stands in front of a store's records can be looked at, and a look changes nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from tests.store.make import CHEAP
from watchtower.store.database import Store
from watchtower.store.opening import header_of


async def test_a_look_at_a_header_changes_nothing(tmp_path: Path) -> None:
    """A store that somebody put back may be without a log: it is given none by looking at it."""
    path = tmp_path / "watchtower.db"
    await (await Store.create(path, "correct horse", cost=CHEAP)).close()
    with sqlite3.connect(path) as copied:
        copied.execute("PRAGMA journal_mode=DELETE")
    copied.close()
    before = _digests(tmp_path)

    assert [slot.kind for slot in (await header_of(path)).slots] == ["passphrase"]
    assert _digests(tmp_path) == before


def _digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
