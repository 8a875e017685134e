"""Where the keys are, as the operator says it: ``[keys]``."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

__all__ = ["KeySettings"]


class KeySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the keys are: in the daemon's own store, or with the signer at a unix socket."""

    signer: str = ""

    def within(self, folder: Path) -> KeySettings:
        """Return the same with a path that is absolute, of a socket in ``folder``."""
        if not self.signer:
            return self
        there = (folder / Path(self.signer).expanduser()).resolve()
        return msgspec.structs.replace(self, signer=str(there))
