"""What lies in a folder of backups: found by what the files say, and not by how they are called."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from watchtower.errors import BackupDamagedError, StoreMissingError
from watchtower.store.backups.chain import Member, chain_to, newest
from watchtower.store.backups.form import Head
from watchtower.store.backups.member import head_of, look
from watchtower.store.faults import disk_faults

__all__ = ["chain_at", "drop_older", "heads_in", "remove_drafts"]

_DRAFT = re.compile(r"\.(?P<by>[0-9a-f]{8})-[0-9TZ]+-[0-9a-f]{8}-\d+\.backup\.[0-9a-f]{8}")


def heads_in(folder: Path) -> list[tuple[Path, Head]]:
    """Return every file that says it is a backup, with what it says; others are passed over.

    Raises:
        StoreFullError: the folder cannot be read.
    """
    found = []
    with disk_faults(folder):
        for path in sorted(folder.iterdir()):
            # A pipe would keep us waiting, and a file that is no backup is somebody's own.
            if path.is_file() and not path.name.startswith("."):
                with suppress(BackupDamagedError, OSError):
                    found.append((path, head_of(path)))
    return found


def chain_at(place: Path) -> tuple[Member, ...]:
    """Return the chain that ends with a file, or with the newest one in a folder; its base first.

    Every byte of it is signed for; by whom is for the caller to judge.

    Raises:
        StoreMissingError: there is nothing.
        BackupDamagedError: a member is missing, or not as it was made.
        StoreFullError: one cannot be read.
    """
    if place.is_dir():
        found = newest(heads_in(place))
        if found is None:
            raise StoreMissingError(path=place)
        place = found[0]
    if not place.is_file():
        raise StoreMissingError(path=place)
    with disk_faults(place):
        last = look(place)
        if last.head.based_on is None:
            return (last,)
        others = [
            path
            for path, head in heads_in(place.parent)
            if head.chain == last.head.chain and head.sequence < last.head.sequence
        ]
        return chain_to(last, [last, *(look(path) for path in others)])


def remove_drafts(folder: Path, made_by: str) -> None:
    """Remove what we had begun to write when we were killed."""
    with disk_faults(folder):
        for path in folder.iterdir():
            draft = _DRAFT.fullmatch(path.name)
            if draft is not None and draft["by"] == made_by[:8]:
                path.unlink(missing_ok=True)


def drop_older(folder: Path, made_by: str, keep: int) -> tuple[Path, ...]:
    """Remove our chains but for the last ``keep``; return which files are gone."""
    chains: dict[str, list[tuple[Head, Path]]] = {}
    for path, head in heads_in(folder):
        if head.made_by == made_by:
            chains.setdefault(head.chain, []).append((head, path))
    by_age = sorted(chains.values(), key=lambda one: max(head.created for head, _ in one))
    gone = []
    with disk_faults(folder):
        for chain in by_age[: max(0, len(by_age) - keep)]:
            # The last one first: killed in between, what is left is a chain all the same.
            for _, path in sorted(chain, key=lambda one: one[0].sequence, reverse=True):
                path.unlink(missing_ok=True)
                gone.append(path)
        if gone:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    return tuple(gone)
