"""Claims that the tower could not be given yet, in a file of their own.

What it guarantees: a claim that `Queue.put` took is on disk, and stays until the tower has answered
it, whichever process asks. Memory and disk are bounded: a full queue takes nothing more, and drops
nothing that it has. One channel's claims never keep those of another out before it is full.

For each channel one claim is enough, the highest, if it is the payer's. Anybody can write a higher
number, and a key of his own beside it, so claims push out only lower ones that the same key has
signed; what its key did not sign is not taken, and of those that name no key each stands alone.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from watchtower.client.claim import Claim, is_signed_by_its_key
from watchtower.client.private_file import PrivateFile
from watchtower.errors import ClientFileError
from watchtower.units import ChannelId, Drops

__all__ = ["Queue"]

_KIND: Final = 0x57544351  # "WTCQ"
_SCHEMA: Final = """
CREATE TABLE claims (
    channel TEXT NOT NULL,
    slot TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    signature TEXT NOT NULL,
    public_key TEXT,
    PRIMARY KEY (channel, slot)
) WITHOUT ROWID
"""
_MOST_OF_A_CHANNEL: Final = 16
"""Keys that claims of one channel may name; one of them is the payer's."""

_RAISE: Final = """
INSERT INTO claims (channel, slot, amount, signature, public_key) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (channel, slot) DO UPDATE
SET amount = excluded.amount, signature = excluded.signature
WHERE excluded.amount > amount
"""


class Queue:
    """The claims that wait in one file. Its methods block for the disk.

    Args:
        path: the file; ``path`` with ``.lock`` behind it says who delivers.
        most: how many claims it takes.

    Raises:
        ClientFileError: the file cannot be used.
    """

    def __init__(self, path: Path, *, most: int) -> None:
        self._most = most
        self._file = PrivateFile(path, kind=_KIND, schema=_SCHEMA)
        self._lock_path = path.with_name(path.name + ".lock")
        self._lock: int | None = None

    def close(self) -> None:
        """Let go of the file; what waits in it waits for the next one."""
        self.let_others()
        self._file.close()

    def put(self, claims: Sequence[Claim]) -> list[str]:
        """Put claims on disk; say of each in one word why it is not there, nothing if it is.

        ``bad_signature`` is said of one that the key it names did not sign, ``pending_full`` of one
        for which its channel has no room now. The others of the same call are on disk.

        Raises:
            ClientFileError: none of them is on disk; the whole queue is full, or the disk.
        """
        signed = [is_signed_by_its_key(claim) for claim in claims]
        with self._file.writing() as connection:
            before = connection.execute("SELECT count(*) FROM claims").fetchone()[0]
            whys = [
                "bad_signature" if is_signed is False else _put(connection, claim)
                for claim, is_signed in zip(claims, signed, strict=True)
            ]
            count = connection.execute("SELECT count(*) FROM claims").fetchone()[0]
            if count > max(before, self._most):
                raise ClientFileError(path=self._file.path, why=f"{self._most} claims wait in it")
        return whys

    def waiting(self, most: int, *, behind: Claim | None = None) -> list[Claim]:
        """Return up to ``most`` of the claims that wait, in a fixed order, behind another one.

        Raises:
            ClientFileError: the file cannot be read.
        """
        begin = ("", "") if behind is None else (behind.channel, _slot(behind))
        with self._file.reading() as connection:
            rows = connection.execute(
                "SELECT channel, amount, signature, public_key FROM claims "
                "WHERE (channel, slot) > (?, ?) ORDER BY channel, slot LIMIT ?",
                (*begin, most),
            ).fetchall()
        return [
            Claim(
                channel=ChannelId(channel),
                amount=Drops(amount),
                signature=signature,
                public_key=public_key,
            )
            for channel, amount, signature, public_key in rows
        ]

    def count(self) -> int:
        """Return how many claims wait.

        Raises:
            ClientFileError: the file cannot be read.
        """
        with self._file.reading() as connection:
            found: int = connection.execute("SELECT count(*) FROM claims").fetchone()[0]
        return found

    def answered(self, claims: Sequence[Claim]) -> None:
        """Forget claims that the tower has answered; one that was raised meanwhile stays.

        Raises:
            ClientFileError: they stay, and are delivered once more.
        """
        with self._file.writing() as connection:
            connection.executemany(
                "DELETE FROM claims WHERE channel = ? AND slot = ? AND amount <= ?",
                [(claim.channel, _slot(claim), claim.amount) for claim in claims],
            )

    def is_ours(self) -> bool:
        """Take the lock of the one who delivers, unless another process has it.

        Raises:
            ClientFileError: the lock's file cannot be used.
        """
        if self._lock is not None:
            return True
        try:
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise ClientFileError(path=self._lock_path, why=problem) from problem
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def let_others(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _put(connection: sqlite3.Connection, claim: Claim) -> str:
    slot = _slot(claim)
    # A stranger may fill a channel: that is for him alone, and not for whoever comes beside him.
    others = "SELECT count(*) FROM claims WHERE channel = ? AND slot <> ?"
    if connection.execute(others, (claim.channel, slot)).fetchone()[0] >= _MOST_OF_A_CHANNEL:
        return "pending_full"
    row = (claim.channel, slot, claim.amount, claim.signature, claim.public_key)
    connection.execute(_RAISE, row)
    return ""


def _slot(claim: Claim) -> str:
    """Return what a claim shares with those that it may push out."""
    return claim.public_key or claim.signature
