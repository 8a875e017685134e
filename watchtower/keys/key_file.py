"""The store's master key, wrapped so that 32 random bytes in a file, or in a credential, open it.

A file of one line, ``watchtower-key-1:`` and 64 hex digits, made by ``watchtower vault add`` and
readable by its owner only. Such a key needs no stretching: HKDF-SHA256 makes the slot's own key of
it and of the slot's salt. The line's form is there so that a file that was taken for another, cut
short or written by hand is called that, and is not a wrong key. The same line handed over as the
systemd credential ``vault_key`` (``LoadCredential=``, systemd.exec(5)) is a way of its own.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watchtower.errors import ConfigError, StoreExistsError, WayInError
from watchtower.keys.secret_file import is_there, read_secret
from watchtower.store.files import new_file
from watchtower.store.header import Slot, unwrap_with, wrap_with

__all__ = [
    "CREDENTIAL",
    "CREDENTIAL_NAME",
    "KEY_FILE",
    "KEY_FILE_VARIABLE",
    "KeyInFile",
    "key_credential",
    "key_file",
    "make_key_file",
]

KEY_FILE: Final = "key_file"
"""The kind of slot that a key file opens."""

CREDENTIAL: Final = "credential"
"""The kind of slot that a systemd credential opens."""

KEY_FILE_VARIABLE: Final = "WATCHTOWER_KEY_FILE"
CREDENTIAL_NAME: Final = "vault_key"

_CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
_MARK: Final = "watchtower-key-1:"
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16
_INFO: Final = b"xrpl-watchtower key file slot"


class _Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    salt: bytes


class KeyInFile:
    """A way into the store: the key in one file. It is read when it is needed, and not kept."""

    def __init__(self, kind: str, path: Path | None, *, place: str, is_guarded: bool) -> None:
        """Look at ``path``; None where none is named.

        ``place`` says where it is looked for; ``is_guarded``, that systemd guards the file, and
        shows it with modes of its own.
        """
        self.kind = kind
        self.path = path
        self.place = place
        self._is_guarded = is_guarded

    @property
    def is_at_hand(self) -> bool:
        """Whether the file is there."""
        with suppress(ConfigError):  # told where it is opened
            return self.path is not None and is_there(self.path)
        return False

    async def open(self, path: Path, slot: Slot, store_format: int) -> bytes:
        """Return the master key of the store at ``path``.

        Raises:
            WayInError: there is no such file, or it holds another key.
            ConfigError: it holds no key, or others can read it.
        """
        told = _told(slot)
        master = None
        if told is not None:
            key = _stretched(self._read(path), told.salt)
            master = unwrap_with(slot, key, store_format=store_format)
        if master is None:
            why = f"the key in {self.place} is another one, or the store's header was changed"
            raise WayInError(path=path, why=why)
        return master

    async def make(
        self, path: Path, master: bytes, store_format: int, like: Slot | None = None
    ) -> Slot:
        """Return a slot that the key opens; what ``like`` was makes no difference.

        Raises:
            WayInError: there is no such file.
            ConfigError: it holds no key, or others can read it.
        """
        del like
        salt = secrets.token_bytes(_SALT_BYTES)
        return wrap_with(
            master,
            _stretched(self._read(path), salt),
            kind=self.kind,
            parameters=msgspec.msgpack.encode(_Parameters(version=1, salt=salt)),
            store_format=store_format,
        )

    def _read(self, store: Path) -> bytes:
        if self.path is None or not is_there(self.path):
            raise WayInError(path=store, why=f"there is no key in {self.place}")
        text = read_secret(self.path, must_be_private=not self._is_guarded)
        digits = text.removeprefix(_MARK)
        if digits == text or not re.fullmatch(r"[0-9a-f]{64}", digits):
            why = "it holds no key of a store as `watchtower vault add key_file` makes them"
            raise ConfigError(path=self.path, why=why)
        return bytes.fromhex(digits)


def key_file(named: str, environment: Mapping[str, str]) -> KeyInFile:
    """Return the way by ``WATCHTOWER_KEY_FILE``, or else by what ``vault.key_file`` names."""
    variable = environment.get(KEY_FILE_VARIABLE)
    directory = environment.get(_CREDENTIALS_VARIABLE)
    path = Path(variable or named) if variable or named else None
    if path is None:
        place = f"any key file (none is named by {KEY_FILE_VARIABLE} or `vault.key_file`)"
    else:
        place = f"the key file {path}"
    guarded = path is not None and bool(directory) and path.is_relative_to(directory or "")
    return KeyInFile(KEY_FILE, path, place=place, is_guarded=guarded)


def key_credential(environment: Mapping[str, str]) -> KeyInFile:
    """Return the way by the systemd credential ``vault_key``."""
    directory = environment.get(_CREDENTIALS_VARIABLE)
    path = Path(directory) / CREDENTIAL_NAME if directory else None
    place = f"the systemd credential {CREDENTIAL_NAME!r}"
    return KeyInFile(CREDENTIAL, path, place=place, is_guarded=True)


def make_key_file(path: Path) -> None:
    """Write a new key to ``path``, readable by its owner only, and durably.

    Raises:
        StoreExistsError: there is something at ``path``; it stays as it is.
        StoreFullError: it cannot be written.
    """
    if os.path.lexists(path):
        raise StoreExistsError(path=path)
    with new_file(path) as draft:
        draft.write_text(f"{_MARK}{secrets.token_bytes(_KEY_BYTES).hex()}\n", encoding="ascii")


def _stretched(key: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), length=_KEY_BYTES, salt=salt, info=_INFO).derive(key)


def _told(slot: Slot) -> _Parameters | None:
    try:
        return msgspec.msgpack.decode(slot.parameters, type=_Parameters)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
