"""What the last backup held, kept beside the store: so that an increment is what changed since.

The one who makes backups cannot read them, so it remembers the sealing of every record: row,
topic, version and tag, which a thief of this file finds in the store's own file as well. What may
be believed of it is sealed with a key of the store: which file the last one was, and what the
store's census said then. By that census every increment is checked (``checking.py``): whoever
changes the index to have a record left out is found out, and a base is made.

It also remembers by which keys the store's backups were known, so that those of before its master
key was exchanged are not kept for ever. That is not sealed: what comes of it is that files are
removed, which whoever can change this file, the tower's own user, can do without it.

Its loss costs a base. It is brought up to date in the transaction in which the increment was
found, and before the increment has its name: killed in between, it tells of a file that is not
there, and a base is made.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from watchtower.store.cipher import Keyring
from watchtower.store.tables import SEALED_TABLES
from watchtower.store.transaction import Count

__all__ = [
    "INDEXED",
    "IndexLiesError",
    "Known",
    "index_of",
    "last_made",
    "makers",
    "prepare",
    "put",
    "read",
    "remember",
]

INDEXED: Final = tuple(str(table.name) for table in SEALED_TABLES)
"""The tables of which it knows every record; the census is one record, and always told."""

_NONCE_BYTES: Final = 12
_LABEL: Final = b"xrpl-watchtower backup index 1"


class IndexLiesError(Exception):
    """What the index says of the last backup does not come to what the store says of itself."""


class Known(Struct, frozen=True, kw_only=True):
    """What is known of the last backup.

    ``created`` is what it says of when it was made; 0 in an index of before that was written down.
    """

    chain: str
    sequence: int
    digest: str
    network: int | None
    store_format: int
    census: dict[str, tuple[int, bytes]]
    created: int = 0

    @property
    def counts(self) -> Mapping[str, Count]:
        """What the census said of each table."""
        return {table: Count(*count) for table, count in self.census.items()}


def index_of(store: Path) -> Path:
    """Return where the index of a store's backups is."""
    return store.with_name(f"{store.name}.backups")


def prepare(path: Path) -> None:
    """Make the index if it is not there, or is none; readable by its owner only."""
    try:
        with _opened(path) as connection:
            _create(connection)
            connection.execute("SELECT sealed FROM meta").fetchall()
            if connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
                return
    except sqlite3.DatabaseError:
        pass
    for name in (path, path.with_name(f"{path.name}-journal")):
        name.unlink(missing_ok=True)
    with _opened(path) as connection:
        _create(connection)


def _opened(path: Path) -> closing[sqlite3.Connection]:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return closing(sqlite3.connect(path, isolation_level=None))


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS meta (id INTEGER PRIMARY KEY, sealed)")
    connection.execute("CREATE TABLE IF NOT EXISTS makers (made_by PRIMARY KEY)")
    for table in INDEXED:
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (row PRIMARY KEY, topic, version, tag)"
            " WITHOUT ROWID"
        )


def read(connection: sqlite3.Connection, keyring: Keyring) -> Known | None:
    """Return what the index, attached as ``known``, knows; None if that is nothing of this store.

    A store whose master key was exchanged is another one: all its records are sealed anew.
    """
    found = connection.execute("SELECT sealed FROM known.meta WHERE id = 1").fetchone()
    if found is None or not isinstance(found[0], bytes):
        return None
    nonce, sealed = found[0][:_NONCE_BYTES], found[0][_NONCE_BYTES:]
    try:
        return msgspec.msgpack.decode(_cipher(keyring).decrypt(nonce, sealed, _LABEL), type=Known)
    except (InvalidTag, ValueError, msgspec.DecodeError):
        return None


def last_made(store: Path, keyring: Keyring) -> int | None:
    """Return when the last backup of a store was made, in Unix seconds; None if none is known."""
    path = index_of(store)
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.execute("ATTACH ? AS known", (str(path),))
            known = read(connection, keyring)
    except sqlite3.Error:
        return None  # it is none, or not ours to read: the next backup makes it anew
    return known.created or None if known else None


def makers(path: Path, made_by: str) -> frozenset[str]:
    """Return by which keys the backups of this store are known, up to ``made_by``, the present."""
    with _opened(path) as connection:
        connection.execute("INSERT OR IGNORE INTO makers VALUES (?)", (made_by,))
        return frozenset(one for (one,) in connection.execute("SELECT made_by FROM makers"))


def remember(connection: sqlite3.Connection, *, is_base: bool) -> None:
    """Take up the records of the moment that ``connection`` sees; all that were told, for a base.

    The statements are those by which an increment is found (``moment.py``), so that the index
    knows what was written and nothing else.
    """
    for table in INDEXED:
        if is_base:
            connection.execute(f"DELETE FROM known.{table}")  # noqa: S608 - our name
        else:
            connection.execute(
                f"DELETE FROM known.{table} WHERE NOT EXISTS"  # noqa: S608 - our name
                f" (SELECT 1 FROM main.{table} s WHERE s.row = {table}.row)"
            )
        connection.execute(
            f"INSERT OR REPLACE INTO known.{table} (row, topic, version, tag)"  # noqa: S608 - our names
            f" SELECT s.row, s.topic, s.version, substr(s.sealed, -16) FROM main.{table} s"
            f" LEFT JOIN known.{table} k ON k.row = s.row"
            " WHERE k.row IS NULL OR k.tag IS NOT substr(s.sealed, -16)"
        )


def put(connection: sqlite3.Connection, keyring: Keyring, known: Known) -> None:
    """Write down which backup the index knows now."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + _cipher(keyring).encrypt(nonce, msgspec.msgpack.encode(known), _LABEL)
    connection.execute("INSERT OR REPLACE INTO known.meta (id, sealed) VALUES (1, ?)", (sealed,))


def _cipher(keyring: Keyring) -> AESGCM:
    key = HKDF(SHA256(), length=32, salt=None, info=_LABEL).derive(keyring.master)
    return AESGCM(key)
