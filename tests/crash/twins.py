"""Twins: the same story, once undisturbed and once with a daemon that is killed.

``python -m tests.crash.twins`` plays a story for each step that it is given, and prints a line for
each: what was killed, and every difference from the steady twin. With ``--all`` it kills before and
after every durable write, and after every submission; and then twice: the second daemon once more,
in each of its first writes.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from tests.crash.ending import Ending, differences, ending_of, faults_at_death
from tests.crash.killed_at import WRITTEN, Moment, Step
from tests.crash.story import Death, Story, open_story

__all__ = ["Played", "differences", "play"]

_SECOND_LIVES: Final = 4
"""Of how many writes after a start the second death takes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How one playing went.

    Attributes:
        ending: what was left.
        deaths: those that came about.
        writes: the journal entries' kinds of each durable write, of all daemons.
    """

    ending: Ending
    deaths: list[Death]
    writes: list[list[str]]


async def play(folder: Path, lives: Sequence[Step] = ()) -> Played:
    """Play the story in ``folder`` with daemons that die at ``lives``, one after the other."""
    found: list[str] = []

    async def look(story: Story) -> None:
        after = f"after {story.deaths[-1]}: "
        found.extend(after + fault for fault in await faults_at_death(story))

    async with open_story(folder, lives, look) as story:
        await story.play()
        ending = await ending_of(story)
        ending.faults.extend(found)
        writes = [event["kinds"] for event in story.events if event["event"] == WRITTEN]
        return Played(ending=ending, deaths=story.deaths, writes=writes)


def _every_life(writes: Sequence[Sequence[str]]) -> Iterator[list[Step]]:
    """Return every way to die once or twice in a story of these writes."""
    sent = sum(kinds.count("attempt_made") for kinds in writes)
    counts = {Moment.BEFORE: len(writes), Moment.AFTER: len(writes), Moment.SENT: sent}
    once = [Step(m, n) for m, count in counts.items() for n in range(1, count + 1)]
    yield from ([step] for step in once)
    for step in once:
        yield from ([step, Step(Moment.BEFORE, n)] for n in range(1, _SECOND_LIVES + 1))


async def _play_all(chosen: Sequence[str]) -> int:
    """Play what is asked for; return how many stories ended otherwise than the steady one."""
    with tempfile.TemporaryDirectory(prefix="twins-") as folder:
        steady = await play(Path(folder))
    for number, kinds in enumerate(steady.writes, 1):
        click.echo(f"write {number}: {', '.join(kinds) or '(no journal entry)'}")
    if "--all" in chosen:
        stories = list(_every_life(steady.writes))
    else:
        stories = [[Step.parse(step) for step in lives.split(",")] for lives in chosen]
    failed = 0
    for lives in stories:
        with tempfile.TemporaryDirectory(prefix="twins-") as folder:
            try:
                killed = await play(Path(folder), lives)
                wrong = differences(steady.ending, killed.ending)
                deaths = len(killed.deaths)
            except AssertionError as failure:
                wrong, deaths = [str(failure)], 0
        failed += bool(wrong)
        said = "; ".join(wrong) or f"the same, after {deaths} deaths"
        click.echo(f"{','.join(map(str, lives))}: {said}")
    click.echo(f"{len(stories)} stories, {failed} differ")
    return failed


if __name__ == "__main__":
    sys.exit(min(1, asyncio.run(_play_all(sys.argv[1:]))))
