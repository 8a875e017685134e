"""The keys that backups are encrypted to, and what is done with them: age, as its authors have it.

`age <https://age-encryption.org/v1>`_ encrypts a file to X25519 recipients with a key of the
file's own, in chunks that are authenticated one by one (ChaCha20-Poly1305, STREAM). A recipient
(``age1…``) is public, and stands in the configuration; its private half, the identity, is written
once and kept elsewhere. ``age-keygen`` makes the same keys, and ``age -d`` opens what is inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import RawIOBase
from typing import Any, Final, NamedTuple

import pyrage

from watchtower.errors import BackupKeyError

__all__ = [
    "NO_IDENTITIES",
    "Identities",
    "decrypt",
    "encrypt",
    "is_protected",
    "new_identity",
    "protect",
    "read_identities",
    "recipients_of",
    "unprotect",
    "write_identity",
]

_PROTECTED: Final = b"age-encryption.org/v1"
_MADE_BY: Final = "# made by: "

Recipient = Any
"""A ``pyrage.x25519.Recipient``, which has no types."""


class Identities(NamedTuple):
    """What a key file holds: private keys, and whose backups it is kept for, if it says so.

    Neither shows the keys: ``repr`` of pyrage's own is an address in memory.
    """

    keys: tuple[Any, ...]
    made_by: frozenset[str]


NO_IDENTITIES: Final = Identities((), frozenset())
"""No key at all."""


def new_identity() -> tuple[Any, str]:
    """Return a new private key, and its recipient in words."""
    identity = pyrage.x25519.Identity.generate()
    return identity, str(identity.to_public())


def write_identity(identity: Any, made_by: str | None) -> str:
    """Return the text of a key file, as ``age-keygen`` writes it, and whose backups it is for."""
    lines = [f"# public key: {identity.to_public()}"]
    lines += [f"{_MADE_BY}{made_by}"] if made_by else []
    return "\n".join([*lines, str(identity), ""])


def read_identities(text: str, name: object) -> Identities:
    """Return what the key file called ``name`` holds.

    Raises:
        BackupKeyError: it holds no key.
    """
    lines = [line.strip() for line in text.splitlines()]
    try:
        keys = tuple(
            pyrage.x25519.Identity.from_str(line)
            for line in lines
            if line and not line.startswith("#")
        )
    except pyrage.IdentityError:
        raise BackupKeyError(why=f"{name} holds something else than private keys of age") from None
    if not keys:
        raise BackupKeyError(why=f"{name} holds no private key")
    made_by = (line.removeprefix(_MADE_BY) for line in lines if line.startswith(_MADE_BY))
    return Identities(keys, frozenset(made_by))


def recipients_of(words: Sequence[str]) -> list[Recipient]:
    """Return the recipients that are called so.

    Raises:
        BackupKeyError: there are none, or one of them is not a recipient.
    """
    if not words:
        why = (
            "no recipient is configured; make a key with `watchtower backup key FILE`, keep that "
            "file elsewhere, and put the recipient that it tells into `backup.recipients`"
        )
        raise BackupKeyError(why=why)
    found = []
    for number, word in enumerate(words, start=1):
        try:
            found.append(pyrage.x25519.Recipient.from_str(word))
        except pyrage.RecipientError:
            # Not repeated: whoever mistook the two has written the private key there.
            why = f"entry {number} of `backup.recipients` is no recipient of age (`age1…`)"
            raise BackupKeyError(why=why) from None
    return found


def is_protected(data: bytes) -> bool:
    """Return whether the bytes of a key file are locked with a passphrase."""
    return data.startswith(_PROTECTED)


def protect(text: str, passphrase: str) -> bytes:
    """Return a key file that opens with ``passphrase`` (scrypt, as ``age -p`` does)."""
    locked: bytes = pyrage.passphrase.encrypt(text.encode(), passphrase)
    return locked


def unprotect(data: bytes, passphrase: str, name: object) -> str:
    """Return the text of a key file that is locked.

    Raises:
        BackupKeyError: the passphrase does not open it.
    """
    try:
        text: bytes = pyrage.passphrase.decrypt(data, passphrase)
        return text.decode()
    except (pyrage.DecryptError, UnicodeDecodeError):
        raise BackupKeyError(why=f"the passphrase does not open {name}") from None


def encrypt(source: RawIOBase, target: RawIOBase, recipients: Sequence[Recipient]) -> None:
    """Encrypt all that ``source`` yields into ``target``."""
    pyrage.encrypt_io(source, target, list(recipients))


def decrypt(source: RawIOBase, target: RawIOBase, keys: Sequence[Any]) -> str | None:
    """Write what is in ``source`` into ``target``, as far as it is authentic.

    Returns:
        Why not all of it could be, in words; None if it was.
    """
    try:
        pyrage.decrypt_io(source, target, list(keys))
    except pyrage.DecryptError as failure:
        if "No matching keys" in str(failure):
            return "the key does not open it; it was made for another one"
        return "what is encrypted in it is not as it was written"
    except OSError as failure:
        if failure.errno is not None:
            raise
        return "what is encrypted in it is cut short, or not as it was written"
    return None
