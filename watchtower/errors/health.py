"""The tower was looked at, and is not well."""

from __future__ import annotations

from watchtower.errors.root import WatchtowerError

__all__ = ["TowerUnwellError"]


class TowerUnwellError(WatchtowerError):
    """The doctor found something that would fail when it is needed."""

    exit_code = 98
    template = "Not well: {checks}. Do what is said of each, and run `watchtower doctor` again."
