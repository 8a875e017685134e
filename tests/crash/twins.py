"""Twins: the same story, once undisturbed and once with a daemon that is killed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.crash.ending import Ending, differences, ending_of, faults_at_death
from tests.crash.killed_at import NEVER, WRITTEN, Step
from tests.crash.story import Death, Story, open_story

__all__ = ["Played", "differences", "play"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How one playing went.

    Attributes:
        ending: what was left.
        deaths: those that came about.
        writes: the journal entries' kinds of each durable write, of all daemons.
        sent: the transactions that reached the server.
    """

    ending: Ending
    deaths: list[Death]
    writes: list[list[str]]
    sent: int


async def play(folder: Path, lives: Sequence[Step] = (), gives: Step = NEVER) -> Played:
    """Play the story in ``folder`` with daemons that die at ``lives``, one after the other.

    Who takes the better claim dies at ``gives``.
    """
    found: list[str] = []

    async def look(story: Story) -> None:
        after = f"after {story.deaths[-1]}: "
        found.extend(after + fault for fault in await faults_at_death(story))

    async with open_story(folder, lives, look, gives) as story:
        await story.play()
        ending = await ending_of(story)
        ending.faults.extend(found)
        writes = [event["kinds"] for event in story.events if event["event"] == WRITTEN]
        return Played(ending=ending, deaths=story.deaths, writes=writes, sent=len(story.arrived))
