"""Files that hold one secret: read if their owner alone can."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from watchtower.errors import ConfigError

__all__ = ["read_secret", "refuse_shared"]


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
