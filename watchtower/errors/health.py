"""The tower was looked at, and is not well; or its look at the channels was cut short."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = ["LookStoppedError", "TowerUnwellError"]


class TowerUnwellError(WatchtowerError):
    """The doctor found something that would fail when it is needed."""

    exit_code = 98
    template = "Not well: {checks}. Do what is said of each, and run `watchtower doctor` again."


class LookStoppedError(WatchtowerError):
    """A single look (``run --once``) was asked to stop before everything had its outcome."""

    exit_code = 103
    template = (
        "The look was stopped before everything was answered. What it sent is followed up by the "
        "next one: run `watchtower run --once` again, soon if a channel is closing."
    )
