"""The store: the ways into it, what is in front of its records, its disk and its backups. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from watchtower.doctor.finding import Finding, Level, of_trouble, ok
from watchtower.doctor.of_heads import HeadFacts, of_heads
from watchtower.store.space import Room, Thresholds, is_urgent

__all__ = ["BackupFacts", "StoreFacts", "WayFacts", "of_backup", "of_room", "of_store"]

_DAY: Final = 86_400
_OLD: Final = 2 * _DAY
"""Seconds behind which a backup is old: the timer that comes with the project makes one a day."""

_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFacts:
    """A way into the store: its kind, where it is looked for, and why it does not open; None if."""

    kind: str
    place: str
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """What was seen of the store.

    Attributes:
        path: where it should be.
        exists: whether there is anything.
        trouble: why it was not opened, as a sentence; None if it was, or is not there.
        older_format: its format, if it is older than the present one: it was not opened then.
        ways: each way that the store has, if it came so far.
        network: the network that it is pinned to; None before the daemon first ran.
        recovery: the note of a recovery that stands.
        heads: how it stands to each head that is kept elsewhere.
        keeps_heads: whether any is to be kept, by the settings.
        log: a log of SQLite's that lies where there is no store; None if none does.
        make: the command that makes a store for this configuration.
    """

    path: str
    exists: bool
    make: str
    trouble: str | None = None
    older_format: int | None = None
    ways: tuple[WayFacts, ...] = ()
    network: int | None = None
    recovery: Mapping[str, object] | None = None
    heads: tuple[HeadFacts, ...] = ()
    keeps_heads: bool = False
    log: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFacts:
    """How backups are: the folder, whether there is a key for them, and the newest (s since 1970).

    ``trouble`` says why the folder could not be looked at.
    """

    folder: str
    has_key: bool
    newest: float | None = None
    trouble: str | None = None


def of_store(store: StoreFacts) -> Iterator[Finding]:
    """Yield what there is to say of the store and the ways into it."""
    if not store.exists and store.log is not None:
        yield of_trouble(
            "store.opens",
            f"There is no store at {store.path}, and the log {store.log} of one: it was moved away "
            "without it, and what was kept last may be in there alone. Put the store back beside "
            "it, or move the log to where the store is.",
            store.path,
        )
        return
    if not store.exists:
        yield Finding(
            check="store.opens",
            level=Level.FAILURE,
            subject=store.path,
            sentence=f"There is no store at {store.path} yet.",
            mend=store.make,
        )
        return
    yield from _ways(store)
    if store.older_format is not None:
        yield Finding(
            check="store.opens",
            level=Level.WARNING,
            subject=store.path,
            sentence=f"{store.path} is of the older format {store.older_format}, and was not "
            "opened, for that would change it. Stop the daemon before the next start brings it to "
            "the present one.",
            mend="watchtower status",
        )
        return
    if store.trouble is not None:
        yield of_trouble("store.opens", store.trouble, store.path, _mend_of_trouble(store))
        return
    yield ok("store.opens", f"{store.path} opens, is whole and of the present format.", store.path)
    yield from _pinned(store)
    yield from of_heads(store.heads, store.path, are_kept=store.keeps_heads)


def _mend_of_trouble(store: StoreFacts) -> str | None:
    if store.ways and all(way.why is not None for way in store.ways):
        return "watchtower vault show"
    return "watchtower store verify" if store.ways else None


def _ways(store: StoreFacts) -> Iterator[Finding]:
    opening = [way for way in store.ways if way.why is None]
    for way in store.ways:
        if way.why is None:
            yield ok("ways.opens", f"The store opens by {way.kind}: {way.place}.", way.kind)
            continue
        yield Finding(
            check="ways.opens",
            level=Level.NOTICE if opening else Level.FAILURE,
            subject=way.kind,
            sentence=f"The store does not open by {way.kind} here: {way.why}",
            mend=None if opening else "watchtower vault show",
        )


def _pinned(store: StoreFacts) -> Iterator[Finding]:
    if store.network is None:
        yield Finding(
            check="store.network",
            level=Level.NOTICE,
            subject=store.path,
            sentence="The store is pinned to no network yet; the daemon's first start does it.",
            mend="watchtower run",
        )
    else:
        yield ok("store.network", f"The store is pinned to network {store.network}.", store.path)
    if store.recovery is None:
        yield ok("store.recovery", "Nothing is in recovery.", store.path)
        return
    missing = store.recovery.get("missing")
    named = ", ".join(missing) if isinstance(missing, Mapping) else ""
    yield Finding(
        check="store.recovery",
        level=Level.FAILURE,
        subject=store.path,
        sentence="The store was restored, rebuilt or put back, and is not reconciled with every "
        f"server yet{f' ({named})' if named else ''}: the daemon has to hear each of them.",
        mend="watchtower head show" if "heads" in store.recovery else "watchtower run",
    )


def of_room(room: Room, thresholds: Thresholds, folder: str) -> Finding:
    """Return whether the store's disk has room; nobody knows here how fast it fills."""
    urgent = is_urgent(room, None, thresholds)
    left = f"{room.available / _MILLION:,.0f} MB are left on the disk of {folder}"
    if room.is_read_only:
        return of_trouble("store.space", f"The disk of {folder} is mounted for reading only.")
    if urgent is None:
        return ok("store.space", f"{left}.", folder)
    return Finding(
        check="store.space",
        level=Level.FAILURE if urgent else Level.WARNING,
        subject=folder,
        sentence=f"{left}, which is below the thresholds of `[space]`. Free some of it.",
    )


def of_backup(backup: BackupFacts, now: float, make: str) -> Finding:
    """Return whether there is a backup that is young enough; ``make`` is what makes one."""
    if not backup.has_key:
        return Finding(
            check="store.backup",
            level=Level.WARNING,
            sentence="There is no key for backups (`backup.recipients`): if this disk is lost, "
            "so is every claim.",
            mend="watchtower backup key watchtower-backup.key",
        )
    if backup.trouble is not None:
        return of_trouble("store.backup", backup.trouble, backup.folder)
    if backup.newest is None or now - backup.newest > _OLD:
        age = (
            "There is no backup"
            if backup.newest is None
            else f"The newest backup is {(now - backup.newest) / _DAY:.0f} days old"
        )
        return Finding(
            check="store.backup",
            level=Level.WARNING,
            subject=backup.folder,
            sentence=f"{age} in {backup.folder}.",
            mend=make,
        )
    hours = (now - backup.newest) / 3_600
    return ok("store.backup", f"The newest backup is {hours:.0f} hours old.", backup.folder)
