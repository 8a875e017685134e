"""A backup cannot be made, read or believed."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = ["BackupBaseNeededError", "BackupDamagedError", "BackupError", "BackupKeyError"]


class BackupError(WatchtowerError):
    """A backup cannot be made, read or believed."""


class BackupBaseNeededError(BackupError):
    """Only a base can be made now, and an increment was asked for."""

    exit_code = 89
    template = (
        "No increment can be made in {folder}: {why}. Leave `--increment` out, and a new base is "
        "made."
    )


class BackupDamagedError(BackupError):
    """A backup, or the chain that it ends, is not as it was made, or not whole."""

    exit_code = 92
    template = (
        "The backup {path} cannot be used: {why}. Nothing of it was taken; try another copy, or "
        "an earlier backup."
    )


class BackupKeyError(BackupError):
    """There is no key for backups, or not the right one."""

    exit_code = 93
    template = "A key for backups is missing or wrong: {why}. Nothing was changed."
