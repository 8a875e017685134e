"""The alarms about the store's disk: told before it is full, and what stops once it is. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity

__all__ = ["disk_full", "disk_read_only", "disk_space_low"]

_MIB = 1 << 20
_HOUR = 3_600


def disk_space_low(
    path: str,
    *,
    available: int,
    files: int | None,
    pace: tuple[float, float] | None,
    is_urgent: bool,
) -> Alarm:
    """The disk of the store will be full if nobody does anything.

    ``pace`` is in how many seconds it is full, and for how many it was looked at.
    """
    left = f"{available // _MIB} MiB"
    if files is not None:
        left += f" and room for {files} files"
    when = ""
    if pace is not None:
        when = (
            f" At the pace of the last {pace[1] / _HOUR:.0f} h it is full in "
            f"{pace[0] / _HOUR:.0f} h."
        )
    return Alarm(
        name="disk_space_low",
        subject=path,
        severity=Severity.URGENT if is_urgent else Severity.WARNING,
        sentence=f"The disk of the store {path} has {left} left.{when} Free some space, or give it "
        "more: when it is full no claim is taken any more.",
    )


def disk_full(path: str, *, available: int, reserve: int, held: int) -> Alarm:
    """So little is left that it is kept for redeeming; claims are turned away."""
    stands = "stands by" if held else "is in use"
    return Alarm(
        name="disk_full",
        subject=path,
        severity=Severity.URGENT,
        sentence=f"The disk of the store {path} has {available // 1024} KiB left, and no claim is "
        "taken. What is kept is still redeemed: the reserve of "
        f"{reserve // 1024} KiB {stands}. Free some space now; claims are taken again by "
        "themselves.",
    )


def disk_read_only(path: str) -> Alarm:
    """Nothing can be written at all, so nothing can be redeemed either."""
    return Alarm(
        name="disk_read_only",
        subject=path,
        severity=Severity.URGENT,
        sentence=f"The disk of the store {path} is mounted for reading only: no claim is kept, and "
        "nothing new is sent. Look at why (its system's log says so), and mount it for writing "
        "again; the tower goes on by itself.",
    )
