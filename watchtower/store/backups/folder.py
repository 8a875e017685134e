"""What lies in a folder of backups: found by what the files say, and not by how they are called."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from watchtower.errors import BackupDamagedError, StoreMissingError
from watchtower.store.backups.chain import Member, chain_to, newest
from watchtower.store.backups.form import Head
from watchtower.store.backups.member import head_of, look
from watchtower.store.faults import disk_faults

__all__ = ["chain_at", "drop_older", "heads_in", "last_of_others", "made_until", "remove_drafts"]

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


def chain_at(place: Path, trusted: Collection[str] = ()) -> tuple[Member, ...]:
    """Return the chain that ends with a file, or with the newest one in a folder; its base first.

    Of a folder in which several stores have theirs it is the newest that one of ``trusted`` made.
    Every byte of it is signed for; by whom is for the caller to judge all the same: where there is
    none by any of them, or ``place`` is a file, it is somebody else's.

    Raises:
        StoreMissingError: there is nothing.
        BackupDamagedError: a member is missing, or not as it was made.
        StoreFullError: one cannot be read.
    """
    if place.is_dir():
        heads = heads_in(place)
        found = newest([one for one in heads if one[1].made_by in trusted]) or newest(heads)
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


def last_of_others(folder: Path, made_by: str) -> tuple[tuple[Path, Head], ...]:
    """Return the newest file of everybody but ``made_by``, by what they say."""
    heads = heads_in(folder)
    makers = sorted({head.made_by for _, head in heads} - {made_by})
    lasts = [newest([one for one in heads if one[1].made_by == maker]) for maker in makers]
    return tuple(last for last in lasts if last is not None)


def made_until(folder: Path, makers: Collection[str], after: int) -> int:
    """Return when the last file of ``makers`` was made, in Unix seconds, or ``after`` if later.

    Only a file that is signed for counts: else whoever can write there could say any time.
    """
    ours = [one for one in heads_in(folder) if one[1].made_by in makers]
    for path, head in sorted(ours, key=lambda one: one[1].created, reverse=True):
        if head.created <= after:
            break
        with suppress(BackupDamagedError, OSError):
            return look(path).head.created
    return after


def remove_drafts(folder: Path, made_by: str) -> None:
    """Remove what we had begun to write when we were killed."""
    with disk_faults(folder):
        for path in folder.iterdir():
            draft = _DRAFT.fullmatch(path.name)
            if draft is not None and draft["by"] == made_by[:8]:
                path.unlink(missing_ok=True)


def drop_older(folder: Path, makers: Collection[str], keep: int, present: str) -> tuple[Path, ...]:
    """Remove the chains of ``makers`` but for the last ``keep``; return which files are gone.

    The chain ``present`` is the last one, whatever any file says of its time, and stays.
    """
    chains: dict[str, list[tuple[Head, Path]]] = {}
    for path, head in heads_in(folder):
        if head.made_by in makers and head.chain != present:
            chains.setdefault(head.chain, []).append((head, path))
    by_age = sorted(chains.values(), key=lambda one: max(head.created for head, _ in one))
    gone = []
    with disk_faults(folder):
        for chain in by_age[: max(0, len(by_age) + 1 - keep)]:
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
