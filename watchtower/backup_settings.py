"""Where backups go, and to which keys: what an operator may say of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

__all__ = ["BackupSettings"]

_RECIPIENT = "^age1[02-9ac-hj-np-z]{58}$"  # Bech32 of 32 bytes (BIP-173), as age writes it


class BackupSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where ``watchtower backup create`` writes, and who can read it.

    After ``base_every`` members of a chain a new base is made; of complete chains the last
    ``keep`` stay, or all with 0. An alarm stands when the newest backup is ``old_hours`` old, if
    there are recipients; 0: never.
    """

    recipients: tuple[Annotated[str, Meta(pattern=_RECIPIENT)], ...] = ()
    folder: str = ""
    base_every: Annotated[int, Meta(ge=1, le=10_000)] = 24
    keep: Annotated[int, Meta(ge=0, le=10_000)] = 0
    old_hours: Annotated[int, Meta(ge=0, le=87_600)] = 48

    def within(self, folder: Path) -> BackupSettings:
        """Return them with an absolute path, of the folder that it is relative to."""
        if not self.folder:
            return self
        there = str((folder / Path(self.folder).expanduser()).resolve())
        return msgspec.structs.replace(self, folder=there)
