"""People cannot be told."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = ["AlertNotToldError"]


class AlertNotToldError(WatchtowerError):
    """A test did not arrive by some route, or there is no route."""

    exit_code = 97
    template = (
        "A test alarm did not arrive: {why}. See [alerts] in the configuration, and try again."
    )
