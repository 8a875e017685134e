"""The alarm that the newest backup is old. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity

__all__ = ["backup_old"]


def backup_old(path: str, *, hours: int | None) -> Alarm:
    """The newest backup of a store is so many hours old; None if there is none at all."""
    what = (
        f"No backup of the store {path} was made yet: its claims are in no copy."
        if hours is None
        else f"The newest backup of the store {path} is {hours} hours old. "
        "Claims kept since are in no copy."
    )
    return Alarm(
        name="backup_old",
        subject=path,
        severity=Severity.WARNING,
        sentence=f"{what} Run `watchtower backup create`, and look at why the timer did not "
        "(`systemctl status watchtower-backup.timer`).",
    )
