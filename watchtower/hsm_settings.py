"""The settings of ``[hsm]``: which token of which module, and which of its keys sign for whom.

The PIN is never among them: it is in the file that ``pin_file`` names, in the systemd credential
``hsm_pin``, or in ``WATCHTOWER_HSM_PIN``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

__all__ = ["HsmKeySettings", "HsmSettings"]

_LONGEST_TOKEN: Final = 32
"""Bytes that a token has for its label (PKCS #11 v2.40, CK_TOKEN_INFO)."""

_LONGEST_LABEL: Final = 64

_FILES: Final = ("module", "pin_file")


class HsmKeySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A key of the token that signs for an account, as its master or as its regular key."""

    account: str
    label: str
    regular_key: bool = False


class HsmSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which token holds keys; none unless a module is named."""

    module: str = ""
    token: str = ""
    pin_file: str = ""
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 10.0
    keys: tuple[HsmKeySettings, ...] = ()

    def within(self, folder: Path) -> HsmSettings:
        """Return them with absolute paths, of files in the folder that they are relative to."""
        named = {name: getattr(self, name) for name in _FILES}
        there = {
            name: str((folder / Path(path).expanduser()).resolve())
            for name, path in named.items()
            if path
        }
        return msgspec.structs.replace(self, **there)

    def why_unusable(self, accounts: Collection[str]) -> str | None:
        """Return why they cannot be used beside these accounts; None if they can."""
        return next(self._whys_unusable(accounts), None)

    def _whys_unusable(self, accounts: Collection[str]) -> Iterator[str]:
        if bool(self.module) != bool(self.token):
            yield "`hsm.module` and `hsm.token` go together"
        if self.keys and not self.module:
            yield "`hsm.keys` names keys, and `hsm.module` no module to find them with"
        if not _fits(self.token, _LONGEST_TOKEN) and self.token:
            yield f"`hsm.token` may have {_LONGEST_TOKEN} bytes, and no line breaks"
        named: set[str] = set()
        for key in self.keys:
            if key.account not in accounts:
                yield f"`hsm.keys` names {key.account}, which `accounts` does not"
            if key.account in named:
                yield f"`hsm.keys` names {key.account} twice; one key signs for an account"
            if not _fits(key.label, _LONGEST_LABEL):
                yield f"a label in `hsm.keys` has 1 to {_LONGEST_LABEL} bytes, and no line breaks"
            named.add(key.account)


def _fits(text: str, longest: int) -> bool:
    return text.isprintable() and 0 < len(text.encode()) <= longest
