"""The real daemon, asked to stop (SIGTERM) at every step of its work, and compared with its twin.

Each daemon of a story is asked at another step, one after the other. It has to end by itself with
exit code 0, with a whole journal, and with everything on its way that it has written down; asked
before it guards, when nothing can be on its way, it ends at once by the signal.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.crash.killed_at import Moment, Step
from tests.crash.twins import Played, differences, play

_STEPS = 8
"""Writes of one daemon at which the next ones are asked to stop; later ones are rare."""

_ATTEMPTS = 6


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The twin that is asked when everything is over, and not before."""
    return asyncio.run(play(tmp_path_factory.mktemp("steady")))


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
@pytest.mark.parametrize("asked", [1, 2], ids=["once", "twice"])
async def test_tower_that_is_asked_to_stop_at_any_write_ends_well_and_the_next_one_goes_on(
    steady: Played, tmp_path: Path, moment: Moment, asked: int
) -> None:
    """Also whoever is asked again on the way out: stopping is neither cut short nor begun anew."""
    steps = [Step(moment, number, asked=asked) for number in range(1, _STEPS + 1)]
    stopped = await play(tmp_path, steps)
    assert differences(steady.ending, stopped.ending) == []
    assert 0 in {death.exit_code for death in stopped.deaths}
    assert {death.exit_code for death in stopped.deaths} <= {0, -signal.SIGTERM}


async def test_tower_that_is_asked_to_stop_with_an_attempt_on_disk_sends_it_first(
    steady: Played, tmp_path: Path
) -> None:
    """Nothing that was journalled waits for the next start, which may be hours away."""
    step = Step(Moment.AFTER, 1, "attempt_made", asked=1)
    stopped = await play(tmp_path, [step] * _ATTEMPTS)
    assert differences(steady.ending, stopped.ending) == []
    assert [death.exit_code for death in stopped.deaths] == [0] * _ATTEMPTS


async def test_tower_that_is_asked_to_stop_between_sending_and_the_answer_pays_once(
    steady: Played, tmp_path: Path
) -> None:
    """What has left is followed up by the next start."""
    stopped = await play(tmp_path, [Step(Moment.SENT, 1, asked=1)] * _ATTEMPTS)
    assert differences(steady.ending, stopped.ending) == []
    assert {death.exit_code for death in stopped.deaths} == {0}
