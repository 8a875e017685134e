"""The real daemon, killed with SIGKILL at every step of its work, and compared with its twin."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.crash.killed_at import Moment, Step
from tests.crash.story import DUE
from tests.crash.twins import Played, differences, play

_WRITES = 30
"""Durable writes that the story has at most, however the ledger's messages come in batches."""

_ATTEMPTS = 6
"""Writes of the story that hold an ``attempt_made``."""

_SENT = 7
"""Transactions of the story: one of its writes holds two."""


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The twin that nobody kills."""
    return asyncio.run(play(tmp_path_factory.mktemp("steady")))


def test_steady_twin_redeems_everything_and_has_all_the_steps(steady: Played) -> None:
    """Whatever the others are compared with is right itself, and no write is beyond the last."""
    assert steady.ending.faults == []
    paid = {name: int(entry["Balance"]) for name, entry in steady.ending.channels.items()}
    assert paid == DUE
    assert len(steady.writes) <= _WRITES
    # On a busy machine the two that one write holds may come in one each.
    assert _ATTEMPTS <= sum("attempt_made" in kinds for kinds in steady.writes) <= _SENT
    assert steady.sent == _SENT


@pytest.mark.regression
@pytest.mark.parametrize("number", range(1, _WRITES + 1))
async def test_05_tower_that_is_killed_anywhere_finishes_after_the_next_start(
    steady: Played, tmp_path: Path, number: int
) -> None:
    """Between detection and intent, intent and send, send and result: nothing is lost."""
    killed = await play(tmp_path, [Step(Moment.BEFORE, number)])
    assert differences(steady.ending, killed.ending) == []
    # One that never came to its last write was not killed in it.
    assert len(killed.deaths) == (1 if number <= len(killed.writes) else 0)


@pytest.mark.parametrize("kind", ["attempt_settled", "close_requested", "funded", "paid"])
async def test_tower_that_is_killed_again_while_it_catches_up_loses_no_ledger(
    steady: Played, tmp_path: Path, kind: str
) -> None:
    """What the second daemon reads up to its cursor is on disk with the cursor, or neither is."""
    killed = await play(tmp_path, [Step(Moment.BEFORE, 1, kind)] * 2)
    assert differences(steady.ending, killed.ending) == []
    assert len(killed.deaths) == 2


@pytest.mark.parametrize("number", range(1, _SENT + 1))
async def test_tower_that_is_killed_after_a_submission_pays_everything_once(
    steady: Played, tmp_path: Path, number: int
) -> None:
    """No answer to what has left was read; the next daemon sends the same, or sees it proven."""
    killed = await play(tmp_path, [Step(Moment.SENT, number)])
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


async def test_tower_that_dies_whenever_it_sends_again_pays_everything_once(
    steady: Played, tmp_path: Path
) -> None:
    """Daemon after daemon dies with its first submission, most of them with the same one."""
    killed = await play(tmp_path, [Step(Moment.SENT, 1)] * _ATTEMPTS)
    assert differences(steady.ending, killed.ending) == []
    assert len(killed.deaths) == _ATTEMPTS


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
async def test_claim_whose_taker_is_killed_is_on_disk_if_it_was_acknowledged(
    steady: Played, tmp_path: Path, moment: Moment
) -> None:
    """Who gets no receipt gives the claim again, and it counts once."""
    killed = await play(tmp_path, gives=Step(moment, 1))
    assert differences(steady.ending, killed.ending) == []
    assert len(killed.deaths) == 1
