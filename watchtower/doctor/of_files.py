"""Files and folders that others should not read or write. Pure.

Modes are judged, and not what this process may do: root may do everything, and the daemon less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from watchtower.doctor.finding import Finding, Level, ok

__all__ = ["FileFacts", "FileRole", "of_files"]

_OTHERS_WRITE: Final = 0o022
_ANYBODY_ELSE: Final = 0o077
_STICKY: Final = 0o1000


class FileRole(StrEnum):
    """What a file is to the tower; the value is the check that it belongs to."""

    CONFIG = "files.config"
    SECRET = "files.secrets"  # noqa: S105 - a check, and no secret
    STORE = "files.store"
    FOLDER = "files.folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """One file or folder.

    ``mode`` are its permission bits, None where it is not there or cannot be looked at (``why``);
    ``setting`` is what names it, ``quoted`` its path as a shell takes it. ``is_guarded`` says that
    systemd guards it with modes of its own.
    """

    role: FileRole
    path: str
    mode: int | None
    owner: int | None = None
    why: str = ""
    setting: str = ""
    quoted: str = ""
    is_guarded: bool = False


def of_files(files: Iterable[FileFacts], user: int) -> Iterator[Finding]:
    """Yield what is wrong with each file; ``user`` is who this process is (uid)."""
    for file in files:
        yield _missing(file) if file.mode is None else _judged(file, file.mode, user)


def _missing(file: FileFacts) -> Finding:
    what = f"{file.path}, which {file.setting} names," if file.setting else file.path
    return Finding(
        check=file.role.value,
        level=Level.FAILURE,
        subject=file.path,
        sentence=f"{what} cannot be looked at: {file.why}.",
    )


def _judged(file: FileFacts, mode: int, user: int) -> Finding:
    secret = file.role in {FileRole.SECRET, FileRole.STORE}
    wrong = mode & (_ANYBODY_ELSE if secret else _OTHERS_WRITE)
    if file.role is FileRole.FOLDER and mode & _STICKY:
        wrong = 0  # others may write there, and take away nothing of ours
    if wrong and not file.is_guarded:
        does = "read or write" if secret else "write"
        right = "600" if secret else "go-w"
        return Finding(
            check=file.role.value,
            # The store is sealed; who reads a secret, or writes what we believe, needs no more.
            level=Level.WARNING if file.role is FileRole.STORE else Level.FAILURE,
            subject=file.path,
            sentence=f"Others than its owner may {does} {file.path} (mode {mode:04o}).",
            mend=f"chmod {right} {file.quoted}",
        )
    if file.owner not in {None, user, 0} and user != 0:
        return Finding(
            check=file.role.value,
            level=Level.WARNING,
            subject=file.path,
            sentence=f"{file.path} belongs to another user ({file.owner}) than who asks ({user}).",
        )
    return ok(file.role.value, f"{file.path} has mode {mode:04o}.", file.path)
