"""``python -m tests.crash STEP …`` plays a story for each step, and compares it with a steady twin.

A line for each says what was killed, and every difference. ``STEP,STEP`` kills the second daemon
too; ``add/STEP`` kills who takes the better claim. With ``--all`` it kills before and after every
durable write, and after every submission; and then twice: the second daemon once more, in each of
its first writes.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from tests.crash.killed_at import NEVER, Moment, Step
from tests.crash.twins import Played, differences, play

_SECOND_LIVES: Final = 4
"""Of how many writes after a start the second death takes each."""

_PATIENCE: Final = 300
"""Seconds after which a story that hangs is given up."""

_GIVER: Final = "add/"


def _every_life(steady: Played) -> Iterator[str]:
    """Return every way to die once or twice in a story like ``steady``."""
    writes = len(steady.writes)
    counts = {Moment.BEFORE: writes, Moment.AFTER: writes, Moment.SENT: steady.sent}
    once = [Step(m, n) for m, count in counts.items() for n in range(1, count + 1)]
    yield from (f"{_GIVER}{moment}:1" for moment in (Moment.BEFORE, Moment.AFTER))
    yield from map(str, once)
    for step in once:
        yield from (f"{step},{Step(Moment.BEFORE, n)}" for n in range(1, _SECOND_LIVES + 1))


async def _play(lives: str, steady: Played | None) -> tuple[Played | None, list[str]]:
    """Play one story; return it and what is wrong with it."""
    steps = [] if lives.startswith(_GIVER) else [Step.parse(step) for step in lives.split(",")]
    gives = NEVER if steps else Step.parse(lives.removeprefix(_GIVER))
    with tempfile.TemporaryDirectory(prefix="twins-") as folder:
        try:
            async with asyncio.timeout(_PATIENCE):
                played = await play(Path(folder), steps, gives)
        except (AssertionError, TimeoutError) as failure:
            return None, [f"{type(failure).__name__}: {failure}"]
    return played, differences((steady or played).ending, played.ending)


async def _play_all(chosen: Sequence[str]) -> int:
    """Play what is asked for; return how many stories ended otherwise than the steady one."""
    steady, wrong = await _play(str(NEVER), None)
    if steady is None or wrong:
        click.echo(f"the steady twin itself: {'; '.join(wrong)}")
        return 1
    for number, kinds in enumerate(steady.writes, 1):
        click.echo(f"write {number}: {', '.join(kinds) or '(no journal entry)'}")
    stories = list(_every_life(steady)) if "--all" in chosen else chosen
    failed = 0
    for lives in stories:
        killed, wrong = await _play(lives, steady)
        failed += bool(wrong)
        deaths = 0 if killed is None else len(killed.deaths)
        click.echo(f"{lives}: {'; '.join(wrong) or f'the same, after {deaths} deaths'}")
    click.echo(f"{len(stories)} stories, {failed} differ")
    return failed


if __name__ == "__main__":
    sys.exit(min(1, asyncio.run(_play_all(sys.argv[1:]))))
