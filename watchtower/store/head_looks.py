"""What was found where heads are kept, and how the store remembers what is wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from watchtower.store.head import Finding, Head, Missing

__all__ = ["Look", "Trouble", "troubles_in"]


class Look(Struct, frozen=True, kw_only=True):
    """What was found at a place.

    Attributes:
        place: its name.
        finding: how the store stands to what is there.
        missing: how much the store lacks, where it is older.
        head: what is there, if it is a head.
        version: of the store, when it was compared.
        why: what is in the way, where it cannot be reached or the store cannot be read.
    """

    place: str
    finding: Finding
    missing: Missing = Missing()
    head: Head | None = None
    version: int = 0
    why: str = ""


class Trouble(Struct, frozen=True, kw_only=True):
    """What is wrong, as the store remembers it."""

    finding: Finding
    entries: int
    changes: int
    found: int

    @classmethod
    def of(cls, look: Look, now: int) -> Trouble:
        """Return what is to be remembered of a look."""
        missing = look.missing
        return cls(
            finding=look.finding, entries=missing.entries, changes=missing.changes, found=now
        )


def troubles_in(note: Mapping[str, Any] | None) -> dict[str, Trouble]:
    """Return what is wrong, by place, as the note tells it."""
    return msgspec.convert(note or {}, dict[str, Trouble])
