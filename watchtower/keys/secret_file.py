"""Files that hold one secret: read if their owner alone can."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from watchtower.errors import ConfigError

__all__ = ["is_there", "read_secret", "read_wipeable", "refuse_shared", "wipe"]

_LONGEST = 65_536


def is_there(path: Path) -> bool:
    """Return whether there is a file.

    Raises:
        ConfigError: nobody can say, for this process may not look; a folder of credentials, say,
            that belongs to somebody else.
    """
    try:
        return path.exists()
    except OSError as problem:
        why = f"it cannot be looked at ({problem.strerror}); is this the user it was meant for?"
        raise ConfigError(path=path, why=why) from None


def read_secret(path: Path, *, must_be_private: bool = True) -> str:
    """Return what a file holds; one line break at its end is not part of it.

    Raises:
        ConfigError: it cannot be read, is no text, or others can read it.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if must_be_private:
                _refuse(path, os.fstat(file.fileno()))
            text = file.read()
    except OSError as problem:
        raise ConfigError(path=path, why=problem.strerror or str(problem)) from None
    except UnicodeDecodeError:
        raise ConfigError(path=path, why="it is no UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def read_wipeable(path: Path, *, must_be_private: bool = True) -> bytearray:
    """Return the same in memory that can be overwritten, and leave no other copy of it.

    Raises:
        ConfigError: it cannot be read, is too long for a secret, or others can read it.
    """
    room = bytearray(_LONGEST)
    try:
        with path.open("rb", buffering=0) as file:  # a buffer would be a copy
            if must_be_private:
                _refuse(path, os.fstat(file.fileno()))
            size = file.readinto(room) or 0
    except OSError as problem:
        raise ConfigError(path=path, why=problem.strerror or str(problem)) from None
    if size == _LONGEST:
        wipe(room)
        raise ConfigError(path=path, why=f"it is longer than {_LONGEST - 1} bytes")
    for end in b"\n\r":
        size -= size > 0 and room[size - 1] == end
    secret = room[:size]
    wipe(room)
    return secret


def wipe(secret: str | bytearray) -> None:
    """Overwrite a secret, if it is of the kind that can be."""
    if isinstance(secret, bytearray):
        secret[:] = bytes(len(secret))


def refuse_shared(path: Path) -> None:
    """Refuse a file that others than its owner can read.

    Raises:
        ConfigError: they can, or it is not there.
    """
    try:
        _refuse(path, path.stat())
    except OSError as problem:
        raise ConfigError(path=path, why=problem.strerror or str(problem)) from None


def _refuse(path: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        why = f"others may read it (mode {mode:04o}); run `chmod 600 {path}`"
        raise ConfigError(path=path, why=why)
