"""The real daemon, killed with SIGKILL at every step of its work, and compared with its twin."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.crash.killed_at import Moment, Step
from tests.crash.story import DUE
from tests.crash.twins import Played, differences, play

_WRITES = 22
"""Durable writes that the story has at least, however the ledger's messages come in batches."""

_ATTEMPTS = 6
"""Writes of the story that hold an ``attempt_made``."""


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The twin that nobody kills."""
    return asyncio.run(play(tmp_path_factory.mktemp("steady")))


def test_steady_twin_redeems_everything_and_has_all_the_steps(steady: Played) -> None:
    """Whatever the others are compared with is right itself."""
    assert steady.ending.faults == []
    paid = {name: int(entry["Balance"]) for name, entry in steady.ending.channels.items()}
    assert paid == DUE
    assert len(steady.writes) >= _WRITES
    assert sum("attempt_made" in kinds for kinds in steady.writes) == _ATTEMPTS


@pytest.mark.regression
@pytest.mark.parametrize("number", range(1, _WRITES + 1))
async def test_05_tower_that_is_killed_anywhere_finishes_after_the_next_start(
    steady: Played, tmp_path: Path, number: int
) -> None:
    """Between detection and intent, intent and send, send and result: nothing is lost."""
    killed = await play(tmp_path, [Step(Moment.BEFORE, number)])
    assert differences(steady.ending, killed.ending) == []
    assert [death.step.number for death in killed.deaths] == [number]


@pytest.mark.parametrize("kind", ["attempt_settled", "stopped"])
async def test_tower_that_is_killed_in_its_last_writes_is_right_after_the_next_start(
    steady: Played, tmp_path: Path, kind: str
) -> None:
    """The last outcome is proven by the next daemon; one that died stopping has lost nothing."""
    last = _ATTEMPTS if kind == "attempt_settled" else 1
    killed = await play(tmp_path, [Step(Moment.BEFORE, last, kind)])
    assert differences(steady.ending, killed.ending) == []
    assert len(killed.deaths) == 1


async def test_tower_that_never_gets_an_attempt_sent_itself_pays_everything_once(
    steady: Played, tmp_path: Path
) -> None:
    """Every daemon dies with an attempt on disk of which no byte has left; the next one sends."""
    step = Step(Moment.AFTER, 1, "attempt_made")
    killed = await play(tmp_path, [step] * _ATTEMPTS)
    assert differences(steady.ending, killed.ending) == []
    assert len(killed.deaths) == _ATTEMPTS


async def test_tower_that_never_hears_what_became_of_a_submission_pays_everything_once(
    steady: Played, tmp_path: Path
) -> None:
    """Every daemon dies when its first submission has left, also the one that sends again."""
    killed = await play(tmp_path, [Step(Moment.SENT, 1)] * _ATTEMPTS)
    assert differences(steady.ending, killed.ending) == []
    assert len(killed.deaths) == _ATTEMPTS
