"""A bar on standard error while a long import goes on, for a person who looks at it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from watchtower.cli.tally import Tally

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Bar", "bar"]


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
    # Reading them takes longer than keeping a claim, and most who hand over one see no bar.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

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
