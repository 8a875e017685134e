"""The sandbox is held to what a real server said, scenario by scenario, over a real socket."""

from __future__ import annotations

import pytest

from tests.conformance.play import RECORDINGS, main, play
from tests.conformance.scenarios import SCENARIOS

NOT_YET = frozenset({"fee_escalation_and_queue"})
"""Needs queue settings that the sandbox does not take yet; `scripts/conformance` shows it."""

OF_REAL_TIME = frozenset({"public_server_pushes_back"})


@pytest.mark.parametrize("name", sorted(SCENARIOS.keys() - NOT_YET))
async def test_sandbox_says_what_the_real_server_said(name: str) -> None:
    """Not one message differs in anything that a client could rely on."""
    messages, differences = await play(name, SCENARIOS[name])
    assert differences == []
    assert messages > 10


def test_every_recording_has_its_scenario() -> None:
    """But the one that depends on real time."""
    recorded = {path.stem for path in RECORDINGS.glob("*.jsonl")}
    assert recorded == SCENARIOS.keys() | OF_REAL_TIME


def test_unknown_scenario_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence, and exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main(["no_such_thing"])
    assert ended.value.code == 2
    assert "no_such_thing" in capsys.readouterr().err


def test_sum_is_the_last_line_and_any_difference_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a script reads."""
    assert main(["closed_by_destination_with_stale_claim"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "18 same, 0 different"
