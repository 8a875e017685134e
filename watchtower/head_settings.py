"""The settings of ``[head]``: where it is kept how far the store has come."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

__all__ = ["HeadSettings"]


class HeadSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where heads are kept; nowhere unless named."""

    files: tuple[str, ...] = ()
    mqtt: bool = False

    def within(self, folder: Path) -> HeadSettings:
        """Return the same with absolute paths, of files in the folder that they are relative to."""
        there = tuple(str((folder / Path(file).expanduser()).resolve()) for file in self.files)
        return msgspec.structs.replace(self, files=there)

    def why_unusable(self, store: str, *, has_broker: bool) -> str | None:
        """Return why they cannot be used; None if they can. ``store`` is where the store is."""
        for file in self.files:
            if Path(file).parent == Path(store).parent:
                # Whatever puts the store back would put its head back with it.
                return (
                    f"`head.files` names {file}, in the folder of the store: name a folder "
                    "elsewhere, on another machine if you can, that is not put back with the store"
                )
        if len(set(self.files)) != len(self.files):
            return "`head.files` names the same file twice"
        if self.mqtt and not has_broker:
            return "`head.mqtt` needs `mqtt.broker`, where the head is to stand"
        return None
