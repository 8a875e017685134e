"""The settings of ``[vault]``: where what opens the store is looked for. No secret is among them.

The passphrase is found by the environment, a credential or a prompt (``keys/passphrase.py``), and
the HSM by ``[hsm]``.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

__all__ = ["VaultSettings"]


class VaultSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which file has a key of the store; none unless named."""

    key_file: str = ""

    def within(self, folder: Path) -> VaultSettings:
        """Return them with an absolute path, of a file in the folder that it is relative to."""
        if not self.key_file:
            return self
        there = str((folder / Path(self.key_file).expanduser()).resolve())
        return msgspec.structs.replace(self, key_file=there)
