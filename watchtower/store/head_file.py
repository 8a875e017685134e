"""A head in a file: somewhere else than the store, for what puts the one back must spare the other.

What it guarantees: under its name stands a whole head, the old one or the new one, whenever the
machine stops; a folder that is not there is told apart from a head that is not; and a share that
hangs holds up nobody, also not a process that ends: the loop's own threads are waited for at its
end, so each question has one of its own that is left alone.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from watchtower.aside import aside
from watchtower.store.head import MOST_BYTES
from watchtower.store.head_keeping import HeadUnreachable

__all__ = ["HeadFile"]

_THREAD: Final = "head in a file"


class HeadFile:
    """A head in the file at ``path``."""

    def __init__(self, path: Path) -> None:
        """Look at nothing yet."""
        self.name = str(path)
        self._path = path

    async def read(self) -> bytes | None:
        """Return what stands there; None if there is nothing."""
        return await aside(self._read, _THREAD)

    async def write(self, head: bytes) -> None:
        """Put a head in the place of the one that may be there; it is on disk then."""
        await aside(lambda: self._write(head), _THREAD)

    def _read(self) -> bytes | None:
        try:
            with self._path.open("rb") as file:
                return file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            if self._path.parent.is_dir():
                return None
            raise HeadUnreachable(f"the folder {self._path.parent} is not there") from None
        except OSError as problem:
            raise HeadUnreachable(problem.strerror or str(problem)) from None

    def _write(self, head: bytes) -> None:
        draft = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(head)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self._path)
                _sync(self._path.parent)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as problem:
            raise HeadUnreachable(problem.strerror or str(problem)) from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
