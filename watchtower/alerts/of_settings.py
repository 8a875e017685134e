"""The alarms about the configuration of a tower that runs. Pure."""

from __future__ import annotations

from watchtower.alerts.rules import Alarm, Severity

__all__ = ["reload_refused"]


def reload_refused(path: str, *, why: str) -> Alarm:
    """The file was to be read again, and nothing of it was taken up."""
    return Alarm(
        name="reload_refused",
        subject=path,
        severity=Severity.WARNING,
        sentence=f"The settings in {path} were not taken up, and the tower goes on with those it "
        f"had: {why.rstrip('.')}. Mend the file, and have it read again "
        "(`systemctl reload watchtower`, or SIGHUP).",
    )
