"""One file of a backup: written, signed, and read again.

What it guarantees: `write` returns when the file is on disk; `look` has checked the signature over
every byte of the file, for which nobody needs a private key; `read` hands on what is in the file
only while it is the very file that `look` saw.

A signature by a key of the store says that who made the file had the store open. It stands against
who can put files into the folder of backups, and knows the recipient, which is public: `made_by`
has to be compared with what was noted when the backup was made.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from typing_extensions import override

from watchtower.errors import BackupDamagedError
from watchtower.store.backups import age
from watchtower.store.backups.chain import Member
from watchtower.store.backups.form import (
    LONGEST_HEAD,
    SIGNATURE_BYTES,
    Frame,
    Frames,
    Head,
    read_head,
    write_head,
)
from watchtower.store.cipher import Keyring

__all__ = ["head_of", "look", "made_by", "read", "write"]

_LABEL: Final = b"xrpl-watchtower backup signature 1"
_CHUNK: Final = 2**18


def made_by(keyring: Keyring) -> str:
    """Return the key by which backups of this store are known: 32 bytes of Ed25519, as hex."""
    return _signing_key(keyring).public_key().public_bytes_raw().hex()


def _signing_key(keyring: Keyring) -> Ed25519PrivateKey:
    # Not the tower's identity: that one signs receipts and nothing else.
    seed = HKDF(SHA256(), length=32, salt=None, info=_LABEL).derive(keyring.master)
    return Ed25519PrivateKey.from_private_bytes(seed)


def write(
    path: Path,
    head: Head,
    frames: Callable[[bytes], Iterator[bytes]],
    *,
    keyring: Keyring,
    recipients: Sequence[Any],
) -> None:
    """Write a file, which is on disk when this returns; ``frames`` gets the head's bytes."""
    text = write_head(head)
    with path.open("wb") as file:
        target = _Digested(file)
        target.write(text)
        source = _Source(frames(text))
        try:
            age.encrypt(source, target, recipients)
        except Exception as failure:  # noqa: BLE001 - whatever it was is raised, as what it was
            raise (source.failure or target.failure or failure) from None
        file.write(_signing_key(keyring).sign(_LABEL + target.sha256.digest()))
        file.flush()
        os.fsync(file.fileno())
        # So that whoever reads it again reads the disk, and not what is still in memory.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def head_of(path: Path) -> Head:
    """Return what a file says of itself, without believing it.

    Raises:
        BackupDamagedError: it is no backup, or its head makes no sense.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return read_head(file.read(LONGEST_HEAD), path)[0]


def look(path: Path) -> Member:
    """Return a file of which every byte is signed for, by whom it says.

    Raises:
        BackupDamagedError: it is not as it was written.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head, text = read_head(file.read(LONGEST_HEAD), path)
        size = os.fstat(file.fileno()).st_size - SIGNATURE_BYTES
        if size < len(text):
            raise BackupDamagedError(path=path, why="it is cut short")
        file.seek(0)
        part = _Part(file, size)
        while part.read(_CHUNK):
            pass
        signature = file.read()
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(head.made_by))
        key.verify(signature, _LABEL + part.sha256.digest())
    except (InvalidSignature, ValueError):
        why = "it is cut short, or was changed: its signature does not fit"
        raise BackupDamagedError(path=path, why=why) from None
    part.sha256.update(signature)
    return Member(path=path, head=head, digest=part.sha256.hexdigest())


def read(member: Member, keys: Sequence[Any], visit: Callable[[Frame], None]) -> None:
    """Let ``visit`` see everything in a file that `look` has seen; until it has, nothing is sure.

    Raises:
        BackupDamagedError: no key of ``keys`` opens it, or it is not as it was written.
        OSError: it cannot be read.
    """
    with member.path.open("rb") as file:
        head, text = read_head(file.read(LONGEST_HEAD), member.path)
        size = os.fstat(file.fileno()).st_size - SIGNATURE_BYTES - len(text)
        file.seek(len(text))
        part = _Part(file, size, text)
        frames = Frames(text, member.path)
        why = age.decrypt(part, _Sink(frames, visit), keys)
        if why is not None:
            raise BackupDamagedError(path=member.path, why=why)
        frames.finish()
        while part.read(_CHUNK):
            pass
        part.sha256.update(file.read())
    if head != member.head or part.sha256.hexdigest() != member.digest:
        raise BackupDamagedError(path=member.path, why="it was changed while it was read")


class _Source(io.RawIOBase):
    """Reads what an iterator yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")
        self.failure: Exception | None = None  # age would tell of it in words alone

    @override
    def readable(self) -> bool:
        return True

    @override
    def read(self, size: int = -1, /) -> bytes:
        if not self._piece:
            try:
                self._piece = memoryview(next(self._pieces, b""))
            except Exception as failure:
                self.failure = failure
                raise
        taken = self._piece[: size if size >= 0 else None]
        self._piece = self._piece[len(taken) :]
        return bytes(taken)


class _Digested(io.RawIOBase):
    """Writes into a file, and digests what it writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.failure: Exception | None = None

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: Any, /) -> int:
        self.sha256.update(data)
        try:
            return self._file.write(data)
        except Exception as failure:
            self.failure = failure
            raise


class _Part(io.RawIOBase):
    """Reads so many bytes of a file, and digests what it reads, behind ``before``."""

    def __init__(self, file: BinaryIO, size: int, before: bytes = b"") -> None:
        self._file = file
        self._left = max(0, size)
        self.sha256 = hashlib.sha256(before)

    @override
    def readable(self) -> bool:
        return True

    @override
    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        self.sha256.update(data)
        return data


class _Sink(io.RawIOBase):
    """Takes what was decrypted, and hands on the frames in it."""

    def __init__(self, frames: Frames, visit: Callable[[Frame], None]) -> None:
        self._frames = frames
        self._visit = visit

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, data: Any, /) -> int:
        for frame in self._frames.feed(bytes(data)):
            self._visit(frame)
        return len(data)
