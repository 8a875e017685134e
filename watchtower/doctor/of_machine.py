"""The machine: systemd's unit, the daemon's last word, and the kernel's limits. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from watchtower.doctor.finding import Finding, Level, of_trouble, ok
from watchtower.units import LedgerIndex

__all__ = ["LimitFacts", "UnitFacts", "of_daemon", "of_limits", "of_unit"]

_STALE: Final = 120
"""Seconds without a word behind which the daemon counts as gone, as in ``watchtower status``."""

_MOST_BEHIND: Final = 15
"""Ledgers, a minute of them, that a daemon which keeps up may be behind for a moment."""

_LEAST_FILES: Final = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFacts:
    """The unit as systemd has it.

    Attributes:
        name: of the unit.
        is_loaded: whether it is installed.
        is_enabled: whether it starts with the machine.
        is_active: whether it runs.
        has_watchdog: whether it is restarted where it falls silent.
        path: where it is installed.
        is_same: whether it is this version's; None where that is not known.
        needs_reload: whether systemd goes by an older text than stands on disk.
    """

    name: str
    is_loaded: bool
    is_enabled: bool = False
    is_active: bool = False
    has_watchdog: bool = False
    path: str = ""
    is_same: bool | None = None
    needs_reload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFacts:
    """What the kernel allows this process: open files, and bytes of a core dump."""

    open_files: int
    core_bytes: int


def of_unit(unit: UnitFacts) -> Iterator[Finding]:
    """Yield how the unit is installed."""
    if not unit.is_loaded:
        yield Finding(
            check="systemd.unit",
            level=Level.NOTICE,
            subject=unit.name,
            sentence=f"systemd is there, and {unit.name} is not installed: nothing starts the "
            "daemon with the machine, or again when it fails.",
        )
        return
    if unit.needs_reload:
        yield _warning(
            "systemd.unit",
            f"{unit.path} was changed, and systemd has not read it.",
            unit,
            "systemctl daemon-reload",
        )
    elif unit.is_same is False:
        yield _warning("systemd.unit", f"{unit.path} is another unit than this version's.", unit)
    else:
        yield ok("systemd.unit", f"{unit.path} is installed.", unit.name)
    if not unit.is_enabled:
        yield _warning(
            "systemd.enabled",
            f"{unit.name} does not start with the machine.",
            unit,
            f"systemctl enable {unit.name}",
        )
    elif not unit.is_active:
        yield of_trouble(
            "systemd.enabled",
            f"{unit.name} does not run.",
            unit.name,
            f"systemctl restart {unit.name}",
        )
    else:
        yield ok("systemd.enabled", f"{unit.name} is enabled, and runs.", unit.name)
    if unit.has_watchdog:
        yield ok("systemd.watchdog", f"systemd watches {unit.name}.", unit.name)
    else:
        yield _warning(
            "systemd.watchdog", f"{unit.name} has no `WatchdogSec=`: a hang goes on.", unit
        )


def _warning(check: str, sentence: str, unit: UnitFacts, mend: str | None = None) -> Finding:
    return Finding(
        check=check, level=Level.WARNING, sentence=sentence, subject=unit.name, mend=mend
    )


def of_daemon(
    told: Mapping[str, Any] | None, now: float, best: LedgerIndex | None, start: str
) -> Iterator[Finding]:
    """Yield how the daemon is.

    Args:
        told: its last word; None before it first ran.
        now: the host's time, in seconds since 1970.
        best: the newest validated ledger that a server told of just now.
        start: the command that starts it.
    """
    if not told:
        yield Finding(
            check="daemon.runs",
            level=Level.WARNING,
            sentence="The daemon has not run yet, so nothing is guarded.",
            mend=start,
        )
        return
    age = max(0, int(now - told.get("written", 0)))
    if told.get("stopped"):
        yield Finding(
            check="daemon.runs",
            level=Level.WARNING,
            sentence=f"The daemon was stopped {age} s ago; nothing is guarded meanwhile.",
            mend=start,
        )
    elif age >= _STALE:
        yield of_trouble(
            "daemon.runs",
            f"The daemon was last heard {age} s ago, and did not say that it stops.",
            mend=start,
        )
    else:
        shadow = ", in shadow mode: it sends nothing" if told.get("shadow") else ""
        yield Finding(
            check="daemon.runs",
            level=Level.NOTICE if shadow else Level.OK,
            sentence=f"The daemon runs{shadow}; its last word is {age} s old.",
        )
        yield from _keeps_up(told, best)
    for alarm in told.get("alarms", ()):
        yield Finding(
            check="daemon.alarms",
            level=Level.WARNING,
            subject=str(alarm.get("name", "")),
            sentence=str(alarm.get("sentence", "")),
        )
    if not told.get("alarms"):
        yield ok("daemon.alarms", "By the daemon's last word no alarm stands.")


def _keeps_up(told: Mapping[str, Any], best: LedgerIndex | None) -> Iterator[Finding]:
    accounted = told.get("accounted")
    if not isinstance(accounted, int) or best is None:
        return
    if best - accounted > _MOST_BEHIND:
        yield of_trouble(
            "daemon.keeps_up",
            f"The daemon has accounted for ledgers up to {accounted}, and {best} is validated: "
            "channels are guarded by their present state, and what happened between is not known.",
            mend="watchtower status",
        )
    else:
        yield ok("daemon.keeps_up", f"Ledgers are accounted for up to {accounted}.")


def of_limits(limits: LimitFacts) -> Iterator[Finding]:
    """Yield whether the kernel's limits fit."""
    if limits.open_files < _LEAST_FILES:
        yield Finding(
            check="limits.files",
            level=Level.WARNING,
            sentence=f"A process may open {limits.open_files} files here; servers, platforms and "
            "the store need more when many come.",
            mend=f"ulimit -n {_LEAST_FILES}",
        )
    else:
        yield ok("limits.files", f"A process may open {limits.open_files} files.")
    if limits.core_bytes:
        yield of_trouble(
            "limits.core_dumps",
            f"A process that dies may leave {limits.core_bytes} bytes of its memory in a file.",
            mend="ulimit -c 0",
        )
    else:
        yield ok("limits.core_dumps", "No core dump is left.")
