"""What became of the lines of an import."""

from __future__ import annotations

from dataclasses import dataclass

from watchtower.claims.answer import Answer
from watchtower.claims.decision import Kept, NotAbove, NotKept, Pending

__all__ = ["Tally"]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the lines so far."""

    lines: int = 0
    kept: int = 0
    pending: int = 0
    known: int = 0
    refused: int = 0
    malformed: int = 0

    def add(self, answer: Answer | None) -> None:
        """Count the answer to a line; None where it was no claim."""
        self.lines += 1
        kept = None if answer is None else answer.decision.kept
        match kept:
            case None:
                self.malformed += 1
            case Kept():
                self.kept += 1
            case Pending():
                self.pending += 1
            case NotKept(why=NotAbove(best=best)) if best > 0:
                self.known += 1
            case _:
                self.refused += 1

    def sentence(self) -> str:
        """Return what became of all lines, for people."""
        counted = (
            (self.kept, "kept"),
            (self.pending, "pending"),
            (self.known, "not above what is kept"),
            (self.refused, "refused"),
            (self.malformed, "no claims"),
        )
        parts = [f"{count:,} {what}" for count, what in counted if count]
        return f"{self.lines:,} claims read: {', '.join(parts)}."
