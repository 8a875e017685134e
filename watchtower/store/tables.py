"""The schema: what stands in the file, and all that a thief of the disk can read of it.

Every record has the same shape. ``row`` is what it is found by and ``topic`` what it is about,
both blind (an HMAC under a key of the store; the journal's row is its running number);
``version`` counts how often the record was written; ``sealed`` holds everything else. So the
file tells how many records there are and how often they change, and nothing more.

The migrations create this schema; a test holds the two together.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, MetaData, String, Table
from sqlalchemy.types import NullType

__all__ = [
    "BUNDLES",
    "CENSUS",
    "CLAIMS",
    "CLOSED_CHANNELS",
    "FORMAT",
    "HEADER",
    "JOURNAL",
    "KEYS",
    "METADATA",
    "NOTES",
    "OPEN_ATTEMPTS",
    "OPEN_CHANNELS",
    "PENDING_CLAIMS",
    "SEALED_TABLES",
    "SETTLED_ATTEMPTS",
    "SLOTS",
    "STATE",
    "STUMPS",
]

FORMAT: Final = 3
"""The newest format this code knows: the number of the last migration."""

METADATA: Final = MetaData()


_BLOB: Final = NullType()
"""Bytes as SQLite has them: what a forged row holds instead comes out as it is, to be seen."""

HEADER: Final = Table(
    "header",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("format", Integer, nullable=False),
    Column("checksum", _BLOB, nullable=False),
)
"""One row: the format, and a checksum over it and the slots."""

SLOTS: Final = Table(
    "slots",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("parameters", _BLOB, nullable=False),
    Column("wrapped", _BLOB, nullable=False),
)
"""The ways to the master key (``header.py``)."""


def _sealed(name: str, *, numbered: bool = False, topical: bool = False) -> Table:
    row = Column("row", Integer if numbered else _BLOB, primary_key=True)
    return Table(
        name,
        METADATA,
        row,
        Column("topic", _BLOB, nullable=False),
        Column("version", Integer, nullable=False),
        Column("sealed", _BLOB, nullable=False),
        *([Index(f"{name}_by_topic", "topic")] if topical else []),
        sqlite_with_rowid=numbered,
    )


OPEN_CHANNELS: Final = _sealed("open_channels")
CLOSED_CHANNELS: Final = _sealed("closed_channels")
CLAIMS: Final = _sealed("claims")
PENDING_CLAIMS: Final = _sealed("pending_claims")
OPEN_ATTEMPTS: Final = _sealed("open_attempts", topical=True)
SETTLED_ATTEMPTS: Final = _sealed("settled_attempts", topical=True)
JOURNAL: Final = _sealed("journal", numbered=True, topical=True)
KEYS: Final = _sealed("keys")
STATE: Final = _sealed("state")
NOTES: Final = _sealed("notes")
BUNDLES: Final = _sealed("bundles")
STUMPS: Final = _sealed("stumps")
"""What stands in the journal's tree where entries were pruned."""

CENSUS: Final = _sealed("census")
"""One row: how many records each table has, the sum of their shares, and the journal's tree."""

SEALED_TABLES: Final = (
    OPEN_CHANNELS,
    CLOSED_CHANNELS,
    CLAIMS,
    PENDING_CLAIMS,
    OPEN_ATTEMPTS,
    SETTLED_ATTEMPTS,
    JOURNAL,
    KEYS,
    STATE,
    NOTES,
    BUNDLES,
    STUMPS,
)
"""Every table that the census counts."""
