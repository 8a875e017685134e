"""A bar on standard error while a long import goes on, for a person who looks at it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from watchtower.claims.decision import Kept, NotAbove, NotKept, Pending
from watchtower.claims.receipt import Receipt
from watchtower.units import Drops

__all__ = ["Bar", "Tally", "bar"]


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the lines so far."""

    lines: int = 0
    kept: int = 0
    pending: int = 0
    known: int = 0
    refused: int = 0
    malformed: int = 0

    def add(self, receipt: Receipt | None) -> None:
        """Count the answer to a line; None where it was no claim."""
        self.lines += 1
        kept = None if receipt is None else receipt.decision.kept
        match kept:
            case None:
                self.malformed += 1
            case Kept():
                self.kept += 1
            case Pending():
                self.pending += 1
            case NotKept(why=NotAbove(best=best)) if best > Drops(0):
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


class Bar(Protocol):
    """What is shown while it lasts."""

    def show(self, offset: int, tally: Tally) -> None:
        """Show how far it has come, in bytes, and what became of that."""
        ...


class _Nothing:
    def show(self, offset: int, tally: Tally) -> None:
        """Show nothing: nobody looks."""


class _Rich:
    def __init__(self, progress: Progress, size: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=size, kept=0, others=0)

    def show(self, offset: int, tally: Tally) -> None:
        """Move the bar."""
        kept = tally.kept + tally.pending
        self._progress.update(self._task, completed=offset, kept=kept, others=tally.lines - kept)


@contextmanager
def bar(size: int, *, is_wanted: bool) -> Iterator[Bar]:
    """Show a bar of ``size`` bytes, if it is wanted and standard error is a terminal."""
    if not is_wanted or not sys.stderr.isatty():
        yield _Nothing()
        return
    columns = (
        TextColumn("importing"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[kept]:,} kept, {task.fields[others]:,} not"),
        TimeRemainingColumn(),
    )
    # Answers that go to the same terminal are written above the bar; in a file they stay bare.
    is_shared = sys.stdout.isatty()
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=is_shared
    ) as progress:
        yield _Rich(progress, size)
