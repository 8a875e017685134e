"""A fire drill failed, or was not begun."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = ["DrillError", "DrillFailedError", "DrillRefusedError"]


class DrillError(WatchtowerError):
    """A fire drill did not show that a close is answered."""


class DrillFailedError(DrillError):
    """The canary was not paid in time: the tower would not have saved a real channel either."""

    exit_code = 99
    template = (
        "The drill failed: {why}. A real channel would be in the same danger: look at "
        "`watchtower status`, and drill again once that is mended."
    )


class DrillRefusedError(DrillError):
    """There is something in the way of a drill; nothing was opened, and nothing spent."""

    exit_code = 100
    template = "No drill was begun: {why}."
