"""How far files have been imported, kept in the store, so that an import can go on.

What it guarantees: what is written never leads what is on disk, for it is written behind it; it may
lag, and then some lines are read twice, which changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from watchtower.cli.lines import Mark
from watchtower.store.database import Store

__all__ = ["Place"]

_NOTE: Final = "imports"
_REMEMBERED: Final = 16
"""Files, the last ones, whose imports can go on."""


class _Stood(msgspec.Struct, frozen=True):
    file: str
    format: str
    offset: int
    lines: int
    digest: str


class Place:
    """How far one file, read as one form, has come."""

    def __init__(self, store: Store, path: Path, form: str) -> None:
        """Know nothing before `find`."""
        self._store = store
        self._file = str(path.resolve())
        self._form = form

    async def find(self) -> Mark | None:
        """Return where an earlier import came to."""
        async with self._store.read() as work:
            for one in _read(await work.notes.get(_NOTE)):
                if self._is_of(one):
                    return Mark(offset=one.offset, lines=one.lines, digest=one.digest)
        return None

    async def keep(self, mark: Mark) -> None:
        """Write down that everything before ``mark`` is on disk."""
        stood = _Stood(
            file=self._file,
            format=self._form,
            offset=mark.offset,
            lines=mark.lines,
            digest=mark.digest,
        )
        async with self._store.write() as work:
            others = [one for one in _read(await work.notes.get(_NOTE)) if not self._is_of(one)]
            newest = [*others, stood][-_REMEMBERED:]
            await work.notes.put(_NOTE, msgspec.to_builtins(newest))

    def _is_of(self, one: _Stood) -> bool:
        return (one.file, one.format) == (self._file, self._form)


def _read(note: Any) -> list[_Stood]:
    return msgspec.convert(note or [], list[_Stood])
