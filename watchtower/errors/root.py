"""The root of all errors, and how each carries its sentence and its facts."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["WatchtowerError"]


class WatchtowerError(Exception):
    """The root. ``exit_code`` is what the command line ends with; ``facts`` are the details."""

    exit_code: ClassVar[int] = 1
    template: ClassVar[str] = "The watchtower cannot go on."

    def __init__(self, **facts: object) -> None:
        """Fill the sentence of the class with ``facts``."""
        self.facts = facts
        super().__init__(self.template.format(**facts))
