"""The till: what each channel was served for, on disk before anything is served.

What it guarantees: what was served for a channel is never above the claims that it was served for,
whichever process served, and whenever one was killed. What was promised beyond it is the reader's
credit. A till that is lost forgets credit, and no debt: a channel that it does not know begins with
all that was promised on it, as if everything had been served.
"""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchtower.client.private_file import PrivateFile
from watchtower.units import Address, ChannelId, Drops

__all__ = ["Tab", "Till"]

_KIND: Final = 0x57545431  # "WTT1"
_SCHEMA: Final = """
CREATE TABLE tabs (
    channel TEXT PRIMARY KEY,
    destination TEXT NOT NULL,
    public_key TEXT NOT NULL,
    served INTEGER NOT NULL CHECK (served >= 0),
    best INTEGER NOT NULL CHECK (best >= served)
) WITHOUT ROWID;
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID
"""
_SECRET: Final = "challenges"  # noqa: S105 - the name of one
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """How things stand with one channel.

    Attributes:
        channel: its id.
        destination: whom it pays; a channel's destination never changes.
        public_key: what its claims are signed with; neither does this.
        served: drops that were served for it.
        best: drops of the highest claim that was seen to be kept.
    """

    channel: ChannelId
    destination: Address
    public_key: str
    served: Drops
    best: Drops


class Till:
    """One till, shared by every process that serves for the same channels. Methods block.

    Args:
        path: its file, made if it is not there.

    Raises:
        ClientFileError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._file = PrivateFile(path, kind=_KIND, schema=_SCHEMA)
        with self._file.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO secrets VALUES (?, ?)",
                (_SECRET, secrets.token_bytes(_SECRET_BYTES)),
            )
            found = connection.execute("SELECT value FROM secrets WHERE name = ?", (_SECRET,))
            self.secret: bytes = found.fetchone()[0]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def find(self, channel: ChannelId) -> Tab | None:
        """Return how things stand with a channel; None if it was never served for.

        Raises:
            ClientFileError: the file cannot be read.
        """
        with self._file.reading() as connection:
            return _find(connection, channel)

    def begin(self, tab: Tab) -> Tab:
        """Begin with a channel; return how things stand with it, if another process was faster.

        Raises:
            ClientFileError: it is not begun.
        """
        with self._file.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO tabs VALUES (?, ?, ?, ?, ?)",
                (tab.channel, tab.destination, tab.public_key, tab.served, tab.best),
            )
            return _find(connection, tab.channel) or tab

    def note(self, channel: ChannelId, best: Drops) -> None:
        """Remember that so much is kept for a channel.

        Raises:
            ClientFileError: it is not remembered.
        """
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE tabs SET best = max(best, ?) WHERE channel = ?", (best, channel)
            )

    def charge(self, channel: ChannelId, price: Drops, amount: Drops) -> bool:
        """Charge a channel, unless that would be more than the claim of ``amount`` promises.

        Raises:
            ClientFileError: nothing is charged.
        """
        with self._file.writing() as connection:
            done = connection.execute(
                "UPDATE tabs SET served = served + ?, best = max(best, ?) "
                "WHERE channel = ? AND served + ? <= ?",
                (price, amount, channel, price, amount),
            )
            return done.rowcount == 1

    def give_back(self, channel: ChannelId, price: Drops) -> None:
        """Take back a charge for which nothing was served after all.

        Raises:
            ClientFileError: it stays charged.
        """
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE tabs SET served = served - ? WHERE channel = ? AND served >= ?",
                (price, channel, price),
            )


def _find(connection: sqlite3.Connection, channel: ChannelId) -> Tab | None:
    row = connection.execute(
        "SELECT destination, public_key, served, best FROM tabs WHERE channel = ?", (channel,)
    ).fetchone()
    if row is None:
        return None
    destination, public_key, served, best = row
    return Tab(
        channel=channel,
        destination=destination,
        public_key=public_key,
        served=Drops(served),
        best=Drops(best),
    )
