"""Migrations and schema say the same, and come with the package."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from tests.store import make
from watchtower.store.tables import FORMAT, METADATA

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'alembic_version'"
_INDEXES = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"


async def test_the_migrations_make_the_schema_that_the_code_uses(tmp_path: Path) -> None:
    """Tables, columns in order, keys, NULLs, indexes, and which tables have row numbers."""
    await (await make.store(tmp_path / "w.db")).close()
    with closing(sqlite3.connect(tmp_path / "w.db")) as file:
        tables = {
            name: [
                (column, bool(is_key), bool(is_needed or is_key))
                for _, column, _, is_needed, _, is_key in file.execute(f"PRAGMA table_info({name})")
            ]
            for (name,) in file.execute(_TABLES)
        }
        indexes = {name for (name,) in file.execute(_INDEXES)}
        without_rowid = {
            name for _, name, _, _, is_without, _ in file.execute("PRAGMA table_list") if is_without
        }
    assert tables == {
        name: [(c.name, c.primary_key, not c.nullable) for c in table.columns]
        for name, table in METADATA.tables.items()
    }
    assert indexes == {index.name for table in METADATA.tables.values() for index in table.indexes}
    assert without_rowid == {
        name
        for name, table in METADATA.tables.items()
        if not table.dialect_options["sqlite"]["with_rowid"]
    }


def test_the_format_is_the_number_of_the_last_migration() -> None:
    """Numbers ascend without gaps, each on top of the one before."""
    revisions = {}
    for file in files("watchtower.store.migrations").joinpath("versions").iterdir():
        if found := re.match(r"(\d{4})_.*\.py$", file.name):
            (below,) = re.findall(r"^down_revision = (.*)$", file.read_text(), re.MULTILINE)
            revisions[found[1]] = below.strip('"')
    numbers = [f"{number:04}" for number in range(1, FORMAT + 1)]
    assert revisions == dict(zip(numbers, ["None", *numbers], strict=False))
